#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "engine/engine-internal.h"
#include "engine/network/address-internal.h"
#include "engine/network/netlink-internal.h"
#include "engine/network/network-internal.h"
#include "engine/network/network.h"

struct addresses {
    uint32_t *items;
    size_t len, cap;
};

static int compare_addresses(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* Addresses of the network that are taken, sorted, the gateway's among them; and which was given out last. */
static int read_taken(struct engine *engine, const struct network *network, struct addresses *ret,
        uint32_t *ret_last, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    auto_(stmt_done_p) struct stmt *last = NULL;
    int r = db_query(engine->db, &stmt, err, "SELECT ipv4 FROM endpoints WHERE network_id = ?", "t",
            network->id);

    *ARRAY_APPEND(ret) = network->gateway;
    STRMAP_FOREACH(&network->aux_addresses, it) {
        uint32_t address;

        if (address_parse(it->value, &address) >= 0)
            *ARRAY_APPEND(ret) = address;
    }
    while (r >= 0 && (r = stmt_step(stmt, err)) > 0) {
        uint32_t address;

        if (address_parse(stmt_text(stmt, 0), &address) >= 0)
            *ARRAY_APPEND(ret) = address;
    }
    if (r < 0)
        return r;
    qsort(ret->items, ret->len, sizeof(*ret->items), compare_addresses);
    r = db_query(engine->db, &last, err, "SELECT last_address FROM networks WHERE id = ?", "t",
            network->id);
    if (r < 0)
        return r;
    r = stmt_step(last, err);
    *ret_last = r > 0 ? (uint32_t)stmt_int(last, 0) : 0;
    return r;
}

int network_choose_address(
        struct engine *engine, const struct network *network, uint32_t *ret, struct error **err)
{
    struct pool_subnet subnet = { network->subnet, network->prefix_len };
    struct pool_subnet range = network->range_prefix_len ? (struct pool_subnet){ network->range,
        network->range_prefix_len }
                                                         : subnet;
    struct addresses taken = { 0 };
    uint32_t last = 0;
    int r = read_taken(engine, network, &taken, &last, err);

    if (r >= 0 && !pool_choose_address(subnet, range, last, taken.items, taken.len, ret))
        r = error_set_plain(err, ENOSPC, NULL,
                "no available IPv4 addresses on this network's address pools: %s (%s)",
                network->name, network->id);
    ARRAY_RELEASE(&taken);
    if (r < 0)
        return r;
    r = db_exec(engine->db, err, "UPDATE networks SET last_address = ? WHERE id = ?", "it",
            (int64_t)*ret, network->id);
    return r < 0 ? r : 0;
}

struct addresses6 {
    struct in6_addr *items;
    size_t len, cap;
};

static bool is_taken6(const struct addresses6 *taken, const struct in6_addr *address)
{
    for (size_t i = 0; i < taken->len; i++)
        if (address6_is_equal(&taken->items[i], address))
            return true;
    return false;
}

static int read_taken6(struct engine *engine, const struct network *network, struct addresses6 *ret,
        struct in6_addr *ret_last, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    auto_(stmt_done_p) struct stmt *last = NULL;
    struct in6_addr address;
    int r = db_query(engine->db, &stmt, err,
            "SELECT ipv6 FROM endpoints WHERE network_id = ? AND ipv6 IS NOT NULL", "t",
            network->id);

    *ARRAY_APPEND(ret) = network->gateway6;
    STRMAP_FOREACH(&network->aux_addresses, it)
        if (address6_parse(it->value, &address) >= 0)
            *ARRAY_APPEND(ret) = address;
    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        if (address6_parse(stmt_text(stmt, 0), &address) >= 0)
            *ARRAY_APPEND(ret) = address;
    if (r < 0)
        return r;
    r = db_query(engine->db, &last, err, "SELECT last_address6 FROM networks WHERE id = ?", "t",
            network->id);
    if (r >= 0)
        r = stmt_step(last, err);
    if (r < 0 || r == 0 || address6_parse(stmt_text(last, 0), ret_last) < 0)
        *ret_last = (struct in6_addr){ 0 };
    return r;
}

/* As pool_choose_address does it; a subnet's first address is every router's (RFC 4291 2.6.1), and there is no
 * broadcast. Of a subnet that is wider than 64 bits the first 2^64 addresses are given out. */
static bool choose6(const struct network *network, const struct addresses6 *taken,
        const struct in6_addr *last, struct in6_addr *ret)
{
    bool has_range = network->range6_prefix_len > 0;
    const struct in6_addr *base = has_range ? &network->range6 : &network->subnet6;
    unsigned prefix_len = has_range ? network->range6_prefix_len : network->prefix6_len;
    uint64_t mask = prefix_len <= 64    ? UINT64_MAX
                    : prefix_len == 128 ? 0
                                        : UINT64_MAX >> (prefix_len - 64);
    uint64_t start = address6_is_in(last, base, prefix_len)
                             ? address6_low(last) - address6_low(base) + 1
                             : 0;

    for (uint64_t i = 0; i <= mask && i < taken->len + 2; i++) {
        *ret = address6_add(base, (start + i) & mask);
        if (!address6_is_equal(ret, &network->subnet6) && !is_taken6(taken, ret))
            return true;
    }
    return false;
}

int network_choose_address6(struct engine *engine, const struct network *network,
        struct in6_addr *ret, struct error **err)
{
    struct addresses6 taken = { 0 };
    char text[ADDRESS6_TEXT_MAX];
    struct in6_addr last;
    int r = read_taken6(engine, network, &taken, &last, err);

    if (r >= 0 && !choose6(network, &taken, &last, ret))
        r = error_set_plain(err, ENOSPC, NULL,
                "no available IPv6 addresses on this network's address pools: %s (%s)",
                network->name, network->id);
    ARRAY_RELEASE(&taken);
    if (r < 0)
        return r;
    r = db_exec(engine->db, err, "UPDATE networks SET last_address6 = ? WHERE id = ?", "tt",
            address6_format(ret, text), network->id);
    return r < 0 ? r : 0;
}

static int check_wanted_address(
        const struct network *network, const char *text, uint32_t *ret, struct error **err)
{
    uint32_t broadcast = network->subnet | ~address_mask(network->prefix_len);

    if (address_parse(text, ret) < 0)
        return error_set_plain(err, EINVAL, NULL, "invalid IPv4 address: %s", text);
    if (network_is_default(network))
        return error_set_plain(err, EINVAL, NULL,
                "user specified IP address is supported on user defined networks only");
    if (!network->user_subnet)
        return error_set_plain(err, EINVAL, NULL,
                "user specified IP address is supported only when connecting to networks with user "
                "configured subnets");
    if (!address_is_in(*ret, network->subnet, network->prefix_len) || *ret == network->subnet ||
            *ret == broadcast)
        return error_set_plain(err, EINVAL, NULL,
                "no configured subnet contains IP address %s (network %s)", text, network->name);
    if (*ret == network->gateway)
        return error_set_plain(err, EADDRINUSE, NULL, "Address already in use");
    return 0;
}

static int check_wanted_address6(
        const struct network *network, const char *text, struct in6_addr *ret, struct error **err)
{
    if (address6_parse(text, ret) < 0)
        return error_set_plain(err, EINVAL, NULL, "invalid IPv6 address: %s", text);
    if (network_is_default(network))
        return error_set_plain(err, EINVAL, NULL,
                "user specified IP address is supported on user defined networks only");
    if (!network->ipv6 || !network->user_subnet6)
        return error_set_plain(err, EINVAL, NULL,
                "user specified IP address is supported only when connecting to networks with user "
                "configured subnets");
    if (!address6_is_in(ret, &network->subnet6, network->prefix6_len) ||
            address6_is_equal(ret, &network->subnet6))
        return error_set_plain(err, EINVAL, NULL,
                "no configured subnet contains IP address %s (network %s)", text, network->name);
    if (address6_is_equal(ret, &network->gateway6))
        return error_set_plain(err, EADDRINUSE, NULL, "Address already in use");
    return 0;
}

static int check_link_local(const struct network_connect_options *options, struct error **err)
{
    if (options->link_local_len > SANDBOX_LINK_LOCAL_MAX)
        return error_set_plain(err, E2BIG, NULL, "network %s: more than %d link-local addresses",
                options->network, SANDBOX_LINK_LOCAL_MAX);
    for (size_t i = 0; i < options->link_local_len; i++) {
        struct in6_addr address;

        if (address_parse_any(options->link_local[i], &address) < 0 ||
                (address_is_mapped(&address) ? address_unmap(&address) >> 16 != 0xa9fe
                                             : !IN6_IS_ADDR_LINKLOCAL(&address)))
            return error_set_plain(
                    err, EINVAL, NULL, "invalid link-local IP address: %s", options->link_local[i]);
    }
    return 0;
}

/* The addresses of an endpoint under construction. */
struct endpoint_addresses {
    uint32_t ipv4;        /* 0: none */
    struct in6_addr ipv6; /* zero: none */
};

/* Derived from the address: a neighbour that remembers the address of an ended container never sends to
 * a wrong MAC. */
static void make_mac(
        const struct endpoint_addresses *addresses, uint8_t ret[static SANDBOX_MAC_BYTES])
{
    uint32_t low = addresses->ipv4 ? addresses->ipv4 : (uint32_t)address6_low(&addresses->ipv6);

    if (low == 0) /* the network gives none out */
        random_bytes(&low, sizeof(low));
    ret[0] = 0x02;
    ret[1] = 0x42;
    for (int i = 0; i < 4; i++)
        ret[2 + i] = (uint8_t)(low >> (24 - 8 * i));
}

static int insert_endpoint(struct engine *engine, const char *container_id,
        const struct network *network, const struct network_connect_options *options,
        const struct endpoint_addresses *addresses, struct error **err)
{
    char ipv4[ADDRESS_TEXT_MAX], ipv6[ADDRESS6_TEXT_MAX], mac_text[ADDRESS_MAC_TEXT_MAX];
    uint8_t mac[SANDBOX_MAC_BYTES];
    auto_json json_t *aliases = jsonx_strings(options->aliases, options->alias_len);
    auto_json json_t *link_local = jsonx_strings(options->link_local, options->link_local_len);
    auto_free char *alias_text = jsonx_dump(aliases);
    auto_free char *link_local_text = jsonx_dump(link_local);
    auto_free char *option_text = network_dump_map(options->driver_options);
    int r;

    make_mac(addresses, mac);
    if (options->mac && (address_parse_mac(options->mac, mac) < 0 || mac[0] & 1))
        return error_set_plain(err, EINVAL, NULL, "invalid MAC address: %s", options->mac);
    r = db_exec(engine->db, err,
            "INSERT INTO endpoints (container_id, network_id, position, ipv4, ipv6, mac, aliases,"
            " gw_priority, fixed_ipv4, fixed_ipv6, link_local, driver_options)"
            " VALUES (?1, ?2, CASE WHEN ?3 >= 0 THEN ?3 ELSE"
            " (SELECT coalesce(max(position), -1) + 1 FROM endpoints WHERE container_id = ?1) END,"
            " ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            "ttittttiiitt", container_id, network->id, (int64_t)options->position,
            addresses->ipv4 ? address_format(addresses->ipv4, ipv4) : NULL,
            address6_is_zero(&addresses->ipv6) ? NULL : address6_format(&addresses->ipv6, ipv6),
            address_format_mac(mac, mac_text), alias_text, (int64_t)options->gw_priority,
            (int64_t)(options->ipv4 != NULL), (int64_t)(options->ipv6 != NULL), link_local_text,
            option_text);
    return r < 0 ? r : 0;
}

/* "net.ipv4.conf.IFNAME.log_martians=1,…" */
static int check_sysctls(const char *network, const char *text, struct error **err)
{
    struct str rest = str_from(text), item;

    if (strlen(text) >= SANDBOX_SYSCTLS_MAX)
        return error_set_plain(err, E2BIG, NULL, "network %s: settings of %d and more bytes",
                network, SANDBOX_SYSCTLS_MAX);
    while (str_split_next(&rest, ',', &item)) {
        struct sandbox_sysctl parsed;

        if (!sandbox_sysctl_parse(item, &parsed))
            return error_set_plain(err, EINVAL, NULL,
                    "network %s: invalid setting \"%.*s\": expected net.ipv4.conf.IFNAME.NAME=VALUE, or "
                    "ipv6, mpls, neigh in place of ipv4 and conf",
                    network, STR_FMT(item));
    }
    return 0;
}

static int check_link_option(const char *network, const char *name, struct error **err)
{
    if (network_link_name_is_valid(name) && !string_is_equal(name, "lo"))
        return 0;
    return error_set_plain(err, EINVAL, NULL,
            "network %s: invalid interface name \"%s\": expected at most 15 letters, digits and _.-",
            network, name);
}

/* The driver options of an endpoint. */
static int check_driver_options(const struct network_connect_options *options, struct error **err)
{
    int r = 0;

    if (!options->driver_options)
        return 0;
    STRMAP_FOREACH(options->driver_options, it) {
        const char *value = it->value ? it->value : "";

        if (string_is_equal(it->key, NETWORK_ENDPOINT_LINK_NAME))
            r = check_link_option(options->network, value, err);
        else if (string_is_equal(it->key, NETWORK_ENDPOINT_SYSCTLS))
            r = check_sysctls(options->network, value, err);
        else
            r = error_set_plain(err, EOPNOTSUPP, NULL,
                    "network %s: the driver option \"%s\" of a container is not supported",
                    options->network, it->key);
        if (r < 0)
            return r;
    }
    return 0;
}

/* True in *ret when a row matches; both queries have two text parameters. */
static int exists(struct engine *engine, const char *sql, const char *a, const char *b, bool *ret,
        struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err, sql, "tt", a, b);

    if (r >= 0)
        r = stmt_step(stmt, err);
    *ret = r > 0;
    return r;
}

static int choose_ipv4(struct engine *engine, const struct network *network,
        const struct network_connect_options *options, struct endpoint_addresses *ret,
        struct error **err)
{
    char text[ADDRESS_TEXT_MAX];
    bool found = false;
    int r;

    if (options->ipv4 && !network->ipv4)
        return error_set_plain(err, EINVAL, NULL,
                "network %s has no IPv4, so it cannot have the address %s", network->name,
                options->ipv4);
    if (!options->ipv4)
        return network->ipv4 ? network_choose_address(engine, network, &ret->ipv4, err) : 0;
    r = check_wanted_address(network, options->ipv4, &ret->ipv4, err);
    if (r >= 0)
        r = exists(engine, "SELECT 1 FROM endpoints WHERE network_id = ? AND ipv4 = ?", network->id,
                address_format(ret->ipv4, text), &found, err);
    return r >= 0 && found ? error_set_plain(err, EADDRINUSE, NULL, "Address already in use") : r;
}

static int choose_ipv6(struct engine *engine, const struct network *network,
        const struct network_connect_options *options, struct endpoint_addresses *ret,
        struct error **err)
{
    char text[ADDRESS6_TEXT_MAX];
    bool found = false;
    int r;

    if (!options->ipv6)
        return network->ipv6 ? network_choose_address6(engine, network, &ret->ipv6, err) : 0;
    r = check_wanted_address6(network, options->ipv6, &ret->ipv6, err);
    if (r >= 0)
        r = exists(engine, "SELECT 1 FROM endpoints WHERE network_id = ? AND ipv6 = ?", network->id,
                address6_format(&ret->ipv6, text), &found, err);
    return r >= 0 && found ? error_set_plain(err, EADDRINUSE, NULL, "Address already in use") : r;
}

static int set_exists(struct engine *engine, const char *container_id,
        const struct network *network, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(
            engine->db, &stmt, err, "SELECT name FROM containers WHERE id = ?", "t", container_id);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    return error_set_plain(err, EEXIST, NULL, "endpoint with name %s already exists in network %s",
            r > 0 ? stmt_text(stmt, 0) : container_id, network->name);
}

int network_connect(struct engine *engine, const char *container_id,
        const struct network_connect_options *options, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(db_rollback_p) struct db *transaction = NULL;
    struct endpoint_addresses addresses = { 0 };
    struct network *network;
    bool found;
    int r;

    if (string_is_equal(options->network, "host") || string_is_equal(options->network, "none"))
        return error_set_plain(err, EINVAL, NULL,
                "a container cannot be connected to network %s besides others", options->network);
    r = check_driver_options(options, err);
    if (r >= 0)
        r = check_link_local(options, err);
    if (r >= 0)
        r = db_begin(engine->db, &transaction, err);
    if (r < 0)
        return r;
    r = network_lookup(engine, &arena, options->network, &network, err);
    if (r < 0)
        return r;
    if (!network)
        return error_set_plain(err, ENOENT, NULL, "network %s not found", options->network);
    r = exists(engine, "SELECT 1 FROM endpoints WHERE container_id = ? AND network_id = ?",
            container_id, network->id, &found, err);
    if (r < 0)
        return r;
    if (found)
        return set_exists(engine, container_id, network, err);
    r = choose_ipv4(engine, network, options, &addresses, err);
    if (r >= 0)
        r = choose_ipv6(engine, network, options, &addresses, err);
    if (r >= 0)
        r = insert_endpoint(engine, container_id, network, options, &addresses, err);
    if (r < 0)
        return r;
    return db_commit(&transaction, err);
}

int network_is_attached(
        struct engine *engine, const char *container_id, const char *network, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(netlink_close_p) struct netlink *nl = NULL;
    struct network_endpoints endpoints;
    int r = network_read_endpoints(engine, &arena, container_id, &endpoints, err);

    if (r >= 0)
        r = netlink_open(&nl, err);
    for (size_t i = 0; r >= 0 && i < endpoints.len; i++) {
        const struct network_endpoint *it = &endpoints.items[i];
        char host_name[IFNAMSIZ];
        struct netlink_link link, bridge;

        if (!network_is_named(it->network, network))
            continue;
        network_host_name(container_id, it->network->id, host_name);
        if (!network_has_bridge(it->network))
            return it->active;
        return it->active && netlink_find_link(nl, host_name, &link) &&
               netlink_find_link(nl, it->network->bridge, &bridge) && link.master == bridge.index;
    }
    return r < 0 ? r : 0;
}

int network_disconnect(
        struct engine *engine, const char *container_id, const char *network, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct network *found;
    int r;

    if (!network) {
        r = db_exec(
                engine->db, err, "DELETE FROM endpoints WHERE container_id = ?", "t", container_id);
        return r < 0 ? r : 0;
    }
    r = network_lookup(engine, &arena, network, &found, err);
    if (r < 0)
        return r;
    if (!found)
        return error_set_plain(err, ENOENT, NULL, "network %s not found", network);
    r = db_exec(engine->db, err, "DELETE FROM endpoints WHERE container_id = ? AND network_id = ?",
            "tt", container_id, found->id);
    if (r == 0)
        return error_set_plain(err, ENOENT, NULL, "container %s is not connected to network %s",
                container_id, found->name);
    return r < 0 ? r : 0;
}

/* A JSON list of texts as a vector in the arena. */
static int read_list(struct arena *arena, const char *text, const char ***ret, size_t *ret_len,
        struct error **err)
{
    auto_json json_t *json = NULL;

    *ret = NULL;
    *ret_len = 0;
    if (string_is_empty(text) || string_is_equal(text, "[]"))
        return 0;
    int r = jsonx_parse(text, strlen(text), "list of names", &json, err);
    if (r < 0)
        return r;
    const char **items = ARENA_NEW_ARRAY(arena, json_array_size(json) + 1, const char *);
    for (size_t i = 0; i < json_array_size(json); i++) {
        const char *item = json_string_value(json_array_get(json, i));
        if (item)
            items[(*ret_len)++] = arena_strdup(arena, item);
    }
    *ret = items;
    return 0;
}

/* Networks that were read already, so that the endpoints of one share the struct. */
static struct network *find_read(const struct network_endpoints *endpoints, const char *id)
{
    for (size_t i = endpoints->len; i > 0; i--)
        if (endpoints->items[i - 1].network &&
                string_is_equal(endpoints->items[i - 1].network->id, id))
            return endpoints->items[i - 1].network;
    return NULL;
}

static int endpoint_from_row(struct engine *engine, struct arena *arena, struct stmt *stmt,
        struct network_endpoints *list, struct error **err)
{
    const int at = NETWORK_COLUMN_COUNT;
    struct network *network = find_read(list, stmt_text(stmt, 0));
    struct network_endpoint *it = ARRAY_APPEND_ARENA(arena, list);
    int r;

    if (!network) {
        network = ARENA_NEW(arena, struct network);
        r = network_from_row(arena, stmt, network, err);
        if (r < 0)
            return r;
    }
    it->network = network;
    it->container_id = arena_strdup(arena, stmt_text(stmt, at));
    it->container_name = arena_strdup(arena, stmt_text(stmt, at + 1));
    if ((stmt_text(stmt, at + 2) && address_parse(stmt_text(stmt, at + 2), &it->address) < 0) ||
            (stmt_text(stmt, at + 12) &&
                    address6_parse(stmt_text(stmt, at + 12), &it->address6) < 0) ||
            address_parse_mac(stmt_text(stmt, at + 3), it->mac) < 0)
        return error_set_plain(err, EINVAL, NULL,
                "container %s: the database has a damaged address", it->container_name);
    it->hostname = arena_strdup(arena, stmt_text(stmt, at + 5));
    it->active = string_is_equal(stmt_text(stmt, at + 7), engine->boot_id);
    it->gw_priority = (int)stmt_int(stmt, at + 8);
    it->fixed_ipv4 = stmt_int(stmt, at + 9) != 0;
    it->fixed_ipv6 = stmt_int(stmt, at + 13) != 0;
    snprintf(it->link_name, sizeof(it->link_name), "%s",
            stmt_text(stmt, at + 11) ? stmt_text(stmt, at + 11) : "");
    r = network_read_map(
            arena, stmt_text(stmt, at + 10), "driver options", &it->driver_options, err);
    if (r >= 0)
        r = read_list(arena, stmt_text(stmt, at + 14), &it->link_local, &it->link_local_len, err);
    if (r >= 0)
        r = read_list(arena, stmt_text(stmt, at + 4), &it->aliases, &it->alias_len, err);
    if (r < 0)
        return r;
    return read_list(arena, stmt_text(stmt, at + 6), &it->dns, &it->dns_len, err);
}

#define ENDPOINT_SELECT                                                                     \
    "SELECT " NETWORK_COLUMNS ", endpoints.container_id, containers.name, endpoints.ipv4,"  \
    " endpoints.mac, endpoints.aliases, endpoints.hostname, endpoints.dns,"                 \
    " endpoints.active_boot, endpoints.gw_priority, endpoints.fixed_ipv4,"                  \
    " endpoints.driver_options, endpoints.link_name, endpoints.ipv6, endpoints.fixed_ipv6," \
    " endpoints.link_local"                                                                 \
    " FROM endpoints JOIN networks ON networks.id = endpoints.network_id"                   \
    " JOIN containers ON containers.id = endpoints.container_id "

static int read_rows(struct engine *engine, struct arena *arena, struct stmt *stmt,
        struct network_endpoints *ret, struct error **err)
{
    int r;

    while ((r = stmt_step(stmt, err)) > 0)
        r = endpoint_from_row(engine, arena, stmt, ret, err);
    return r;
}

int network_read_endpoints(struct engine *engine, struct arena *arena, const char *container_id,
        struct network_endpoints *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r;

    *ret = (struct network_endpoints){ 0 };
    if (container_id)
        r = db_query(engine->db, &stmt, err,
                ENDPOINT_SELECT "WHERE endpoints.container_id = ?"
                                " ORDER BY endpoints.position, networks.name",
                "t", container_id);
    else
        r = db_query(engine->db, &stmt, err,
                ENDPOINT_SELECT "WHERE endpoints.active_boot = ?"
                                " ORDER BY networks.id, endpoints.container_id",
                "t", engine->boot_id);
    return r < 0 ? r : read_rows(engine, arena, stmt, ret, err);
}

int network_read_named_endpoints(struct engine *engine, struct arena *arena,
        struct network_endpoints *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    size_t kept = 0;
    int r;

    *ret = (struct network_endpoints){ 0 };
    r = db_query(engine->db, &stmt, err,
            ENDPOINT_SELECT "WHERE endpoints.active_boot = ? AND endpoints.network_id NOT IN"
                            " (SELECT id FROM networks WHERE name = '" NETWORK_DEFAULT_NAME "')"
                            " ORDER BY networks.id, endpoints.container_id",
            "t", engine->boot_id);
    if (r >= 0)
        r = read_rows(engine, arena, stmt, ret, err);
    for (size_t i = 0; i < ret->len; i++)
        if (network_has_names(ret->items[i].network))
            ret->items[kept++] = ret->items[i];
    ret->len = kept;
    return r;
}
