/* A container's network from start to end.
 *
 *   state            rows                            kernel
 *   connected        endpoint, active_boot null      nothing
 *   prepared         active_boot = this boot, ports  bridge, firewall elements, names
 *   running          as prepared                     + namespace, veth pairs (by the monitor)
 *   torn down        as connected                    nothing that no other container needs
 *
 * network_prepare_start writes the rows first: dying after that leaves rows that the container's
 * teardown (or its next start) takes back. network_teardown takes the rows back first and then brings
 * the kernel in line; dying in between leaves things that nobody uses, which the next call of any
 * function here removes. */
#include "engine/network/network.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/str.h"
#include "engine/engine-internal.h"
#include "engine/network/address-internal.h"
#include "engine/network/apply-internal.h"
#include "engine/network/firewall-internal.h"
#include "engine/network/names-internal.h"
#include "engine/network/network-internal.h"
#include "engine/network/ports-internal.h"
#include "engine/network/resolv.h"

#define NETNS_DIR "netns"
/* How often in one start the networks may find that their subnet was just taken. */
#define MOVES_MAX 4

void network_start_release(struct network_start *start)
{
    if (start)
        sandbox_config_release(&start->sandbox);
}

void network_fill_resolv(const struct network_start *start, struct resolv_config *resolv)
{
    for (size_t i = 0; i < start->sandbox.interfaces.len; i++) {
        const struct sandbox_interface *it = &start->sandbox.interfaces.items[i];

        if (it->address)
            *ARRAY_APPEND(&resolv->addresses) = address_map(it->address);
        if (!address6_is_zero(&it->address6))
            *ARRAY_APPEND(&resolv->addresses) = it->address6;
    }
    if (start->internal_resolver)
        *ARRAY_APPEND(&resolv->nameservers) = start->nameserver;
    resolv->internal_resolver = start->internal_resolver;
    resolv->host_gateway = start->host_gateway;
    resolv->host_gateway6 = start->host_gateway6;
    resolv->without_interfaces = start->sandbox.interfaces.len == 0;
}

static void fill_parent(const struct network *network, struct sandbox_interface *it)
{
    bool is_macvlan = string_is_equal(network->driver, NETWORK_DRIVER_MACVLAN);
    const char *parent = network_option(network, NETWORK_OPTION_PARENT),
               *mode = network_option(network,
                       is_macvlan ? NETWORK_OPTION_MACVLAN_MODE : NETWORK_OPTION_IPVLAN_MODE),
               *flag = network_option(network, NETWORK_OPTION_IPVLAN_FLAG);

    it->kind = is_macvlan ? SANDBOX_MACVLAN : SANDBOX_IPVLAN;
    snprintf(it->parent, sizeof(it->parent), "%s", parent ? parent : "");
    snprintf(it->mode, sizeof(it->mode), "%s", mode ? mode : is_macvlan ? "bridge" : "l2");
    snprintf(it->flag, sizeof(it->flag), "%s", flag ? flag : "bridge");
}

static void add_interface(const struct network_endpoint *endpoint, struct sandbox_config *config)
{
    const char *sysctls = strmap_get(&endpoint->driver_options, NETWORK_ENDPOINT_SYSCTLS);
    const struct network *network = endpoint->network;
    struct sandbox_interface *it = ARRAY_APPEND(&config->interfaces);

    *it = (struct sandbox_interface){
        .address = endpoint->address,
        .prefix_len = network->prefix_len,
        .gateway = network->internal || !endpoint->address ? 0 : network->gateway,
        .address6 = endpoint->address6,
        .prefix6_len = network->prefix6_len,
        .group = network_link_group(network->id),
        .mtu = network_mtu(network),
        .isolated = !network_option_bool(network, NETWORK_OPTION_ICC, true),
    };
    if (!network->internal && !address6_is_zero(&endpoint->address6))
        it->gateway6 = network->gateway6;
    for (size_t i = 0; i < endpoint->link_local_len && it->link_local_len < SANDBOX_LINK_LOCAL_MAX;
            i++)
        if (address_parse_any(endpoint->link_local[i], &it->link_local[it->link_local_len]) >= 0)
            it->link_local_len++;
    memcpy(it->name, endpoint->link_name, sizeof(it->name));
    memcpy(it->bridge, network->bridge, sizeof(it->bridge));
    snprintf(it->sysctls, sizeof(it->sysctls), "%s", sysctls ? sysctls : "");
    if (!network_has_bridge(network))
        fill_parent(network, it);
    memcpy(it->mac, endpoint->mac, sizeof(it->mac));
    network_host_name(endpoint->container_id, network->id, it->host_name);
}

/* The name server is the gateway of one network only: it answers for all networks of the one who asks.
 * A network with a way out is preferred, for internal ones do not forward. */
static void choose_nameserver(const struct network_endpoints *endpoints, struct network_start *ret)
{
    const struct network *chosen = NULL;

    for (size_t i = 0; i < endpoints->len; i++) {
        const struct network *network = endpoints->items[i].network;

        if (network_has_names(network) && (!chosen || (chosen->internal && !network->internal)))
            chosen = network;
    }
    ret->internal_resolver = chosen != NULL;
    if (chosen)
        ret->nameserver = chosen->ipv4 ? address_map(chosen->gateway) : chosen->gateway6;
}

/* The network that has the default route of a family and that its ports are published for: of those that are a way out
 * the one with the highest priority, the first of equal ones. */
static const struct network_endpoint *gateway_endpoint(
        const struct network_endpoints *endpoints, bool ipv4)
{
    const struct network_endpoint *chosen = NULL;

    for (size_t i = 0; i < endpoints->len; i++) {
        const struct network_endpoint *it = &endpoints->items[i];

        bool has_family = ipv4 ? it->address != 0 : !address6_is_zero(&it->address6);

        if (has_family && !it->network->internal &&
                (!chosen || it->gw_priority > chosen->gw_priority))
            chosen = it;
    }
    return chosen;
}

static void fill_start(const struct network_endpoints *endpoints, const struct ports *ports,
        struct network_start *ret)
{
    const struct network_endpoint *gateway = gateway_endpoint(endpoints, true),
                                  *gateway6 = gateway_endpoint(endpoints, false);

    for (size_t i = 0; i < endpoints->len; i++)
        add_interface(&endpoints->items[i], &ret->sandbox);
    if (gateway) {
        ret->sandbox.default_route = (int)(gateway - endpoints->items);
        if (network_has_bridge(gateway->network))
            ret->host_gateway = address_map(gateway->network->gateway);
    }
    if (gateway6) {
        ret->sandbox.default_route6 = (int)(gateway6 - endpoints->items);
        if (network_has_bridge(gateway6->network))
            ret->host_gateway6 = gateway6->network->gateway6;
    }
    for (size_t i = 0; i < ports->len; i++)
        if (ports->items[i].host_port)
            *ARRAY_APPEND(&ret->sandbox.ports) = ports->items[i];
    choose_nameserver(endpoints, ret);
}

/* Rows of what no longer runs since the boot that they are from. */
static int drop_stale_ports(struct engine *engine, const char *container_id, struct error **err)
{
    int r = db_exec(engine->db, err,
            "DELETE FROM ports WHERE container_id = ? OR container_id NOT IN"
            " (SELECT container_id FROM endpoints WHERE active_boot = ?)",
            "tt", container_id, engine->boot_id);

    return r < 0 ? r : 0;
}

static int activate(
        struct engine *engine, const struct network_start_options *options, struct error **err)
{
    auto_json json_t *dns = options->dns_len ? jsonx_strings(options->dns, options->dns_len) : NULL;
    auto_free char *dns_text = dns ? jsonx_dump(dns) : NULL;
    int r = db_exec(engine->db, err,
            "UPDATE endpoints SET active_boot = ?, hostname = ?, dns = ? WHERE container_id = ?",
            "tttt", engine->boot_id, options->hostname, dns_text, options->container_id);

    return r < 0 ? r : 0;
}

static bool has_link_name(const struct network_endpoints *endpoints, const char *name)
{
    for (size_t i = 0; i < endpoints->len; i++)
        if (string_is_equal(endpoints->items[i].link_name, name))
            return true;
    return false;
}

/* The name that was asked for, or the network's prefix ("eth") with the lowest number that is free. */
static int choose_link_name(const struct network_endpoints *endpoints, bool asked,
        struct network_endpoint *it, struct error **err)
{
    const char *wanted = strmap_get(&it->driver_options, NETWORK_ENDPOINT_LINK_NAME);
    const char *prefix = network_option(it->network, NETWORK_OPTION_PREFIX);
    char name[IFNAMSIZ];

    if (*it->link_name || asked != (wanted != NULL))
        return 0;
    if (wanted && has_link_name(endpoints, wanted))
        return error_set_plain(err, EEXIST, NULL,
                "network %s: the container has an interface %s already", it->network->name, wanted);
    snprintf(name, sizeof(name), "%s", wanted ? wanted : "");
    for (size_t i = 0; !wanted && i <= endpoints->len; i++) {
        snprintf(name, sizeof(name), "%.11s%u", prefix ? prefix : "eth", (unsigned)i & 0xfff);
        if (!has_link_name(endpoints, name))
            break;
    }
    memcpy(it->link_name, name, sizeof(name));
    return 1;
}

/* Those that have a name already, since the container runs, keep it. */
static int settle_link_names(
        struct engine *engine, const struct network_endpoints *endpoints, struct error **err)
{
    int r = 0;

    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; r >= 0 && i < endpoints->len; i++) {
            struct network_endpoint *it = &endpoints->items[i];

            r = choose_link_name(endpoints, pass == 0, it, err);
            if (r > 0)
                r = db_exec(engine->db, err,
                        "UPDATE endpoints SET link_name = ? WHERE container_id = ? AND network_id = ?",
                        "ttt", it->link_name, it->container_id, it->network->id);
        }
    return r < 0 ? r : 0;
}

static struct ports_target ports_target(const struct network_endpoints *endpoints)
{
    const struct network_endpoint *v4 = gateway_endpoint(endpoints, true),
                                  *v6 = gateway_endpoint(endpoints, false);
    const char *host = v4 ? network_option(v4->network, NETWORK_OPTION_HOST_BINDING) : NULL;
    struct ports_target target = { 0 };

    /* Who has the default route elsewhere would answer there. */
    if (v4 && network_has_bridge(v4->network)) {
        target.ipv4 = address_map(v4->address);
        target.routed_ipv4 = network_is_routed(v4->network, true);
    }
    if (v6 && network_has_bridge(v6->network)) {
        target.ipv6 = v6->address6;
        target.routed_ipv6 = network_is_routed(v6->network, false);
    }
    if (host)
        (void)address_parse(host, &target.fallback_host); /* checked when the network was made */
    return target;
}

static bool has_target(const struct ports_target *target)
{
    return !address6_is_zero(&target->ipv4) || !address6_is_zero(&target->ipv6);
}

/* Everything in the database. */
static int prepare_rows(struct engine *engine, const struct network_start_options *options,
        const struct network_endpoints *endpoints, struct ports *ret_ports, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    struct ports_target target = ports_target(endpoints);
    int r = db_begin(engine->db, &transaction, err);

    for (size_t i = 0; i < endpoints->len; i++)
        endpoints->items[i].link_name[0] = '\0'; /* of an earlier run */
    if (r >= 0)
        r = drop_stale_ports(engine, options->container_id, err);
    if (r >= 0)
        r = activate(engine, options, err);
    if (r >= 0)
        r = settle_link_names(engine, endpoints, err);
    /* Docker drops the ports of a container that is only in internal networks, too. */
    if (r >= 0 && has_target(&target))
        r = ports_allocate(engine, options, &target, ret_ports, err);
    if (r < 0)
        return r;
    return db_commit(&transaction, err);
}

/* The same for a container that runs. */
static int update_rows(struct engine *engine, const struct network_start_options *options,
        const struct network_endpoints *endpoints, struct ports *ret_ports, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    struct ports_target target = ports_target(endpoints);
    int r = db_begin(engine->db, &transaction, err);

    if (r >= 0)
        r = activate(engine, options, err);
    if (r >= 0)
        r = settle_link_names(engine, endpoints, err);
    if (r >= 0)
        r = ports_adapt(engine, options, &target, ret_ports, err);
    if (r < 0)
        return r;
    return db_commit(&transaction, err);
}

static int deactivate(struct engine *engine, const char *container_id, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    int r = db_begin(engine->db, &transaction, err);

    if (r >= 0)
        r = db_exec(engine->db, err,
                "UPDATE endpoints SET active_boot = NULL WHERE container_id = ?", "t",
                container_id);
    if (r >= 0)
        r = db_exec(engine->db, err, "DELETE FROM ports WHERE container_id = ?", "t", container_id);
    if (r < 0)
        return r;
    return db_commit(&transaction, err);
}

/* The kernel's side of a start. */
static int bring_up(struct engine *engine, const struct network_endpoints *endpoints,
        const struct ports *ports, struct error **err)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < endpoints->len; i++)
        r = bridge_bring_up(engine, endpoints->items[i].network, false, err);
    fault_point("network.start.bridges");
    if (r >= 0)
        r = apply_firewall(engine, false, err);
    fault_point("network.start.firewall");
    if (r >= 0)
        r = names_apply(engine, err);
    fault_point("network.start.names");
    if (r >= 0)
        conntrack_forget(ports->items, ports->len);
    return r;
}

/* Brings the kernel's side down to what the rows say; every part is tried. That the name server did not take a
 * change in does not keep a container from ending: the files are right, and whoever starts the next
 * container hears of it. */
static int bring_down(struct engine *engine, struct error **err)
{
    auto_error struct error *ignored = NULL;
    int first, r;

    (void)names_apply(engine, &ignored);
    first = apply_firewall(engine, false, err);
    fault_point("network.teardown.firewall");
    r = bridge_remove_unused(engine, first < 0 ? NULL : err);
    return first < 0 ? first : r;
}

static int check_networks(const struct network_endpoints *endpoints,
        const struct network_start_options *options, struct error **err)
{
    for (size_t i = 0; i < options->network_len; i++) {
        bool found = false;

        for (size_t j = 0; j < endpoints->len; j++) {
            found = found || network_is_named(endpoints->items[j].network, options->networks[i]);
        }
        if (!found)
            return error_set_plain(err, ENOENT, NULL, "network %s not found", options->networks[i]);
    }
    return 0;
}

static int prepare_locked(struct engine *engine, const struct network_start_options *options,
        const struct network_endpoints *endpoints, struct network_start *ret, struct error **err)
{
    struct ports ports = { 0 };
    int r = prepare_rows(engine, options, endpoints, &ports, err);

    fault_point("network.start.rows");
    if (r >= 0) {
        r = bring_up(engine, endpoints, &ports, err);
        if (r < 0 && deactivate(engine, options->container_id, NULL) >= 0)
            (void)bring_down(engine, NULL);
    }
    if (r >= 0)
        fill_start(endpoints, &ports, ret);
    ARRAY_RELEASE(&ports);
    return r;
}

/* Those that are not in use yet may have to move: 1. Reads the endpoints anew then. */
static int move_if_taken(struct engine *engine, struct arena *arena, const char *container_id,
        struct network_endpoints *endpoints, struct error **err)
{
    bool moved = false;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < endpoints->len; i++) {
        r = network_move_if_taken(engine, endpoints->items[i].network, err);
        moved = moved || r > 0;
    }
    if (r >= 0 && moved)
        r = network_read_endpoints(engine, arena, container_id, endpoints, err);
    return r < 0 ? r : moved;
}

/* Another engine, or whoever else makes links, may take a subnet after it was looked at: then it is looked at again.
 * A port that is taken is the same code, but moves nothing. */
static int prepare_or_move(struct engine *engine, const struct network_start_options *options,
        struct arena *arena, struct network_endpoints *endpoints, struct network_start *ret,
        struct error **err)
{
    int r = move_if_taken(engine, arena, options->container_id, endpoints, err);

    if (r < 0)
        return r;
    for (unsigned left = MOVES_MAX;; left--) {
        auto_error struct error *why = NULL;

        r = prepare_locked(engine, options, endpoints, ret, &why);
        if (r == -EADDRINUSE && left > 0 &&
                move_if_taken(engine, arena, options->container_id, endpoints, NULL) > 0)
            continue;
        return r < 0 ? error_move(err, TAKE(why)) : r;
    }
}

int network_prepare_start(struct engine *engine, const struct network_start_options *options,
        struct network_start *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int netns_fd = fs_mkdir_parents(engine->run_fd, NETNS_DIR, 0700, err);
    struct network_endpoints endpoints;
    int r;

    if (netns_fd < 0)
        return netns_fd;
    r = network_read_endpoints(engine, &arena, options->container_id, &endpoints, err);
    if (r >= 0)
        r = check_networks(&endpoints, options, err);
    if (r < 0 || endpoints.len == 0)
        return r;

    auto_close int lock = engine_lock(engine, "network", true, err);
    if (lock < 0)
        return lock;
    return prepare_or_move(engine, options, &arena, &endpoints, ret, err);
}

int network_update(struct engine *engine, const struct network_start_options *options,
        struct network_start *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct network_endpoints endpoints;
    struct ports ports = { 0 }, before = { 0 };
    int r;

    auto_close int lock = engine_lock(engine, "network", true, err);
    if (lock < 0)
        return lock;
    r = network_read_endpoints(engine, &arena, options->container_id, &endpoints, err);
    if (r >= 0)
        r = move_if_taken(engine, &arena, options->container_id, &endpoints, err);
    if (r >= 0)
        r = ports_read(engine, options->container_id, &before, err);
    if (r >= 0)
        r = update_rows(engine, options, &endpoints, &ports, err);
    fault_point("network.update.rows");
    if (r >= 0)
        r = bring_up(engine, &endpoints, &ports, err);
    if (r >= 0)
        r = bridge_remove_unused(engine, err);
    if (r >= 0) {
        conntrack_forget(before.items, before.len);
        fill_start(&endpoints, &ports, ret);
    }
    ARRAY_RELEASE(&before);
    ARRAY_RELEASE(&ports);
    return r;
}

int network_plan_without(struct engine *engine, const struct network_start_options *options,
        const char *network, struct network_start *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct network_endpoints endpoints;
    struct ports_target target;
    struct ports ports = { 0 };
    size_t kept = 0, kept_ports = 0;
    int r = network_read_endpoints(engine, &arena, options->container_id, &endpoints, err);

    if (r >= 0)
        r = ports_read(engine, options->container_id, &ports, err);
    for (size_t i = 0; r >= 0 && i < endpoints.len; i++)
        if (!network_is_named(endpoints.items[i].network, network))
            endpoints.items[kept++] = endpoints.items[i];
    if (r >= 0) {
        endpoints.len = kept;
        target = ports_target(&endpoints);
        for (size_t i = 0; i < ports.len; i++) {
            struct sandbox_port *port = &ports.items[i];

            port->address = address_is_mapped(&port->host_address) ? target.ipv4 : target.ipv6;
            if (!address6_is_zero(&port->address))
                ports.items[kept_ports++] = *port;
        }
        ports.len = kept_ports;
        ports_follow(options, &target, &ports);
        fill_start(&endpoints, &ports, ret);
    }
    ARRAY_RELEASE(&ports);
    return r;
}

/* True when the container was the last one on a bridge. Doubt is no. */
static bool leaves_bridges(struct engine *engine)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    bool left = false;

    if (db_query(engine->db, &stmt, NULL,
                "SELECT bridge FROM networks WHERE id NOT IN"
                " (SELECT network_id FROM endpoints WHERE active_boot = ?)",
                "t", engine->boot_id) < 0)
        return false;
    while (!left && stmt_step(stmt, NULL) > 0)
        left = stmt_text(stmt, 0) && if_nametoindex(stmt_text(stmt, 0)) != 0;
    return left;
}

static int teardown(
        struct engine *engine, const char *container_id, bool quickly, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int netns_fd = fs_mkdir_parents(engine->run_fd, NETNS_DIR, 0700, err);
    struct network_endpoints endpoints;
    struct ports ports = { 0 };
    int r, left = 0;

    if (netns_fd < 0)
        return netns_fd;
    r = sandbox_remove(netns_fd, container_id, err);
    if (r < 0)
        return r;
    r = network_read_endpoints(engine, &arena, container_id, &endpoints, err);
    if (r < 0 || endpoints.len == 0)
        return r;

    auto_close int lock = engine_lock(engine, "network", true, err);
    if (lock < 0)
        return lock;
    r = ports_read(engine, container_id, &ports, err);
    if (r >= 0)
        r = deactivate(engine, container_id, err);
    fault_point("network.teardown.rows");
    /* Published ports never outlive their container. */
    if (r >= 0 && quickly && ports.len == 0 && leaves_bridges(engine)) {
        auto_error struct error *ignored = NULL;

        (void)names_apply(engine, &ignored);
        left = 1;
    } else if (r >= 0) {
        r = bring_down(engine, err);
    }
    if (r >= 0)
        conntrack_forget(ports.items, ports.len);
    ARRAY_RELEASE(&ports);
    return r < 0 ? r : left;
}

int network_teardown(struct engine *engine, const char *container_id, struct error **err)
{
    return teardown(engine, container_id, false, err);
}

int network_teardown_quickly(struct engine *engine, const char *container_id, struct error **err)
{
    return teardown(engine, container_id, true, err);
}

int network_tidy(struct engine *engine, struct error **err)
{
    auto_close int lock = engine_lock(engine, "network", true, err);

    return lock < 0 ? lock : bring_down(engine, err);
}

int network_reconcile(struct engine *engine, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct network_endpoints endpoints;
    int r, first = 0;

    auto_close int lock = engine_lock(engine, "network", true, err);
    if (lock < 0)
        return lock;
    r = network_read_endpoints(engine, &arena, NULL, &endpoints, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < endpoints.len; i++) {
        if (i > 0 && endpoints.items[i].network == endpoints.items[i - 1].network)
            continue;
        r = bridge_bring_up(engine, endpoints.items[i].network, true, first ? NULL : err);
        if (r < 0 && !first)
            first = r;
    }
    r = names_apply(engine, first ? NULL : err);
    first = first ? first : r;
    r = apply_firewall(engine, true, first ? NULL : err);
    first = first ? first : r;
    r = bridge_remove_unused(engine, first ? NULL : err);
    return first ? first : r;
}

int network_revive(struct engine *engine, struct error **err)
{
    return firewall_is_lost(engine) ? network_reconcile(engine, err) : names_revive(engine, err);
}

int network_refresh_names(struct engine *engine, struct error **err)
{
    auto_close int lock = engine_lock(engine, "network", true, err);

    return lock < 0 ? lock : names_apply(engine, err);
}
