/* What a container's configuration says about its network, as a start and a change while it runs need it. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/container/user-namespace.h"
#include "engine/network/network.h"
#include "engine/network/resolv.h"
#include "engine/runtime/id-mapping.h"

static int parse_exposed(
        const char *text, uint16_t *ret_first, uint16_t *ret_last, int *ret_protocol)
{
    struct str rest = str_from(text), ports;

    str_split_next(&rest, '/', &ports);
    if (parse_port_range(ports, false, ret_first, ret_last) < 0)
        return -EINVAL;
    auto_free char *protocol = strndup(rest.len ? rest.data : "tcp", rest.len ? rest.len : 3);
    *ret_protocol = sandbox_protocol_parse(protocol);
    return *ret_protocol < 0 ? -EINVAL : 0;
}

struct publishes {
    struct network_publish *items;
    size_t len, cap;
};

static bool is_published(const struct publishes *list, uint16_t port, int protocol)
{
    for (size_t i = 0; i < list->len; i++)
        if (list->items[i].port == port && (int)list->items[i].protocol == protocol)
            return true;
    return false;
}

static int collect_publishes(struct arena *arena, const struct container_config *config,
        struct publishes *ret, struct error **err)
{
    for (size_t i = 0; i < config->ports.len; i++) {
        const struct container_port *port = &config->ports.items[i];
        int protocol = string_is_empty(port->protocol) ? SANDBOX_TCP
                                                       : sandbox_protocol_parse(port->protocol);

        if (protocol < 0)
            return error_set_plain(err, EOPNOTSUPP, NULL,
                    "publishing of protocol \"%s\" is not supported", port->protocol);
        *ARRAY_APPEND_ARENA(arena, ret) = (struct network_publish){
            .host_ip = port->host_ip,
            .host_first = port->host_port,
            .host_last = port->host_port_last > port->host_port ? port->host_port_last
                                                                : port->host_port,
            .port = port->container_port,
            .protocol = (enum sandbox_protocol)protocol,
        };
    }
    for (char **exposed = config->exposed_ports; config->publish_all && exposed && *exposed;
            exposed++) {
        uint16_t first, last;
        int protocol;

        if (parse_exposed(*exposed, &first, &last, &protocol) < 0)
            return error_set_plain(err, EINVAL, NULL, "invalid exposed port: %s", *exposed);
        for (unsigned port = first; port <= last; port++)
            if (!is_published(ret, (uint16_t)port, protocol))
                *ARRAY_APPEND_ARENA(arena, ret) = (struct network_publish){ .port = (uint16_t)port,
                    .protocol = (enum sandbox_protocol)protocol };
    }
    return 0;
}

int container_network_options(struct arena *arena, const struct container *c,
        struct network_start_options *ret, struct error **err)
{
    const struct container_config *config = &c->config;
    struct publishes publishes = { 0 };
    const char **networks = ARENA_NEW_ARRAY(arena, config->networks.len + 1, const char *);
    int r = collect_publishes(arena, config, &publishes, err);

    if (r < 0)
        return r;
    /* A network that was removed meanwhile is missed, not left out. */
    for (size_t i = 0; i < config->networks.len; i++)
        networks[i] = config->networks.items[i].network;
    *ret = (struct network_start_options){
        .container_id = c->id,
        .networks = networks,
        .network_len = config->networks.len,
        .publish = publishes.items,
        .publish_len = publishes.len,
        .hostname = config->hostname,
        .dns = (const char *const *)config->dns,
        .dns_len = container_vector_len(config->dns),
    };
    return 0;
}

struct network_connect_options container_connect_options(
        struct arena *arena, const struct container_network *network, struct strmap *driver_options)
{
    strmap_init_arena(driver_options, arena);
    for (size_t i = 0; i < network->driver_options.len; i++)
        strmap_set(driver_options, network->driver_options.items[i].key,
                (void *)network->driver_options.items[i].value);
    return (struct network_connect_options){
        .network = network->network,
        .ipv4 = network->ipv4,
        .ipv6 = network->ipv6,
        .link_local = (const char *const *)network->link_local,
        .link_local_len = container_vector_len(network->link_local),
        .mac = network->mac,
        .aliases = (const char *const *)network->aliases,
        .alias_len = container_vector_len(network->aliases),
        .position = -1,
        .gw_priority = (int)network->gw_priority,
        .driver_options = driver_options,
    };
}

int container_write_names(struct arena *arena, const struct container *c, const char *hostname,
        const struct network_start *network, const struct container_links *links, bool is_running,
        int dir_fd, struct error **err)
{
    const struct container_config *config = &c->config;
    struct strings hosts = { 0 };
    struct id_mappings uids, gids;
    int r = container_id_mappings(arena, config, &uids, &gids, err);

    if (r < 0)
        return r;
    for (char **host = config->extra_hosts; host && *host; host++)
        *ARRAY_APPEND_ARENA(arena, &hosts) = *host;
    ARRAY_FOREACH(&links->hosts, host)
        *ARRAY_APPEND_ARENA(arena, &hosts) = *host;
    auto_(resolv_config_release) struct resolv_config resolv = {
        .hostname = hostname,
        .domainname = config->domainname,
        .host_network = config->network_mode == CONTAINER_NETWORK_HOST,
        .uid = uids.count ? id_mappings_to_host(&uids, 0) : 0,
        .gid = gids.count ? id_mappings_to_host(&gids, 0) : 0,
        .is_running = is_running,
        .without_interfaces = config->network_mode == CONTAINER_NETWORK_NONE,
        .without_ipv6 = string_is_equal(
                container_pairs_get(&config->sysctls, "net.ipv6.conf.all.disable_ipv6"), "1"),
        .extra_hosts = (const char *const *)hosts.items,
        .extra_hosts_len = hosts.len,
        .hosts_file = config->hosts_file,
        .dns = (const char *const *)config->dns,
        .dns_len = container_vector_len(config->dns),
        .dns_search = (const char *const *)config->dns_search,
        .dns_search_len = container_vector_len(config->dns_search),
        .dns_options = (const char *const *)config->dns_options,
        .dns_options_len = container_vector_len(config->dns_options),
    };

    if (resolv.uid == ID_UNMAPPED || resolv.gid == ID_UNMAPPED)
        resolv.uid = resolv.gid = 0; /* there is nobody to give them to */
    network_fill_resolv(network, &resolv);
    return resolv_write_files(dir_fd, &resolv, err);
}
