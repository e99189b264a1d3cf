#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/engine-internal.h"
#include "engine/network/address-internal.h"
#include "engine/network/network-internal.h"
#include "engine/network/ports-internal.h"

/* An id of an endpoint that is the same each time it is asked for; Docker's is random. */
static const char *endpoint_id(
        const struct network_endpoint *endpoint, char buffer[static DIGEST_TEXT_MAX])
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const char *text = arena_printf(&arena, "%s %s", endpoint->container_id, endpoint->network->id);

    digest_sha256(text, strlen(text), buffer);
    return digest_hex(buffer);
}

static json_t *map_to_json(const struct strmap *map)
{
    json_t *json = json_object();

    STRMAP_FOREACH(map, it)
        json_object_set_new(json, it->key, jsonx_text(it->value));
    return json;
}

/* What all networks have in common. */
static json_t *basic_object(
        const char *id, const char *name, const char *driver, int64_t created_nsec)
{
    char created[TIME_RFC3339_MAX];

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:b, s:{s:s, s:n, s:[]}, s:b, s:b, s:b,"
                     " s:{s:s}, s:b, s:{}, s:{}, s:{}}",
            "Name", name, "Id", id, "Created", time_format_rfc3339(created_nsec, created), "Scope",
            "local", "Driver", driver, "EnableIPv4", 1, "EnableIPv6", 0, "IPAM", "Driver",
            "default", "Options", "Config", "Internal", 0, "Attachable", 0, "Ingress", 0,
            "ConfigFrom", "Network", "", "ConfigOnly", 0, "Containers", "Options", "Labels");
}

static json_t *predefined_object(const char *name)
{
    char digest[DIGEST_TEXT_MAX];
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const char *text = arena_printf(&arena, "berth network %s", name);

    digest_sha256(text, strlen(text), digest);
    return basic_object(digest_hex(digest), name, string_is_equal(name, "none") ? "null" : name, 0);
}

/* "" without an address of that family. */
static const char *format_ipv4(const struct network_endpoint *it, bool with_prefix,
        char buffer[static ADDRESS_NETWORK_TEXT_MAX])
{
    buffer[0] = '\0';
    if (it->address && with_prefix)
        address_format_network(it->address, it->network->prefix_len, buffer);
    else if (it->address)
        address_format(it->address, buffer);
    return buffer;
}

static const char *format_ipv6(const struct network_endpoint *it, bool with_prefix,
        char buffer[static ADDRESS6_NETWORK_TEXT_MAX])
{
    buffer[0] = '\0';
    if (!address6_is_zero(&it->address6) && with_prefix)
        address6_format_network(&it->address6, it->network->prefix6_len, buffer);
    else if (!address6_is_zero(&it->address6))
        address6_format(&it->address6, buffer);
    return buffer;
}

static json_t *container_object(const struct network_endpoint *it)
{
    char ipv4[ADDRESS_NETWORK_TEXT_MAX], ipv6[ADDRESS6_NETWORK_TEXT_MAX], mac[ADDRESS_MAC_TEXT_MAX],
            id[DIGEST_TEXT_MAX];

    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "Name", it->container_name, "EndpointID",
            endpoint_id(it, id), "MacAddress", address_format_mac(it->mac, mac), "IPv4Address",
            format_ipv4(it, true, ipv4), "IPv6Address", format_ipv6(it, true, ipv6));
}

/* The auxiliary addresses of one family; NULL when there are none. */
static json_t *aux_object(const struct network *network, bool ipv6)
{
    json_t *json = json_object();

    STRMAP_FOREACH(&network->aux_addresses, it)
        if ((strchr(it->value, ':') != NULL) == ipv6)
            json_object_set_new(json, it->key, jsonx_text(it->value));
    if (json_object_size(json) > 0)
        return json;
    json_decref(json);
    return NULL;
}

static void add_pools(const struct network *network, json_t *pools)
{
    char subnet[ADDRESS6_NETWORK_TEXT_MAX], gateway[ADDRESS6_TEXT_MAX],
            range[ADDRESS6_NETWORK_TEXT_MAX];

    if (network->prefix_len)
        json_array_append_new(
                pools, json_pack("{s:s, s:s*, s:s, s:o*}", "Subnet",
                               address_format_network(network->subnet, network->prefix_len, subnet),
                               "IPRange",
                               network->range_prefix_len ? address_format_network(network->range,
                                                                   network->range_prefix_len, range)
                                                         : NULL,
                               "Gateway", address_format(network->gateway, gateway),
                               "AuxiliaryAddresses", aux_object(network, false)));
    if (network->prefix6_len)
        json_array_append_new(pools,
                json_pack("{s:s, s:s*, s:s, s:o*}", "Subnet",
                        address6_format_network(&network->subnet6, network->prefix6_len, subnet),
                        "IPRange",
                        network->range6_prefix_len ? address6_format_network(&network->range6,
                                                             network->range6_prefix_len, range)
                                                   : NULL,
                        "Gateway", address6_format(&network->gateway6, gateway),
                        "AuxiliaryAddresses", aux_object(network, true)));
}

static json_t *network_object(
        const struct network *network, const struct network_endpoints *endpoints)
{
    json_t *json = basic_object(network->id, network->name, network->driver, network->created_nsec);
    json_t *options = map_to_json(&network->options);

    /* Docker's default network tells its settings as options; tools read the bridge's name there. */
    if (network_is_default(network)) {
        json_object_set_new(
                options, "com.docker.network.bridge.default_bridge", json_string("true"));
        json_object_set_new(options, NETWORK_OPTION_ICC, json_string("true"));
        json_object_set_new(options, NETWORK_OPTION_MASQUERADE, json_string("true"));
        json_object_set_new(options, NETWORK_OPTION_HOST_BINDING, json_string("0.0.0.0"));
        json_object_set_new(options, NETWORK_OPTION_BRIDGE_NAME, json_string(network->bridge));
        json_object_set_new(options, NETWORK_OPTION_MTU, json_string("1500"));
    }
    add_pools(network, json_object_get(json_object_get(json, "IPAM"), "Config"));
    json_object_set_new(json, "EnableIPv4", json_boolean(network->ipv4));
    json_object_set_new(json, "EnableIPv6", json_boolean(network->ipv6));
    if (!network_is_default(network))
        json_object_set_new(json_object_get(json, "IPAM"), "Options", json_object());
    json_object_set_new(json, "Internal", json_boolean(network->internal));
    json_object_set_new(json, "Attachable", json_boolean(network->attachable));
    json_object_set_new(json, "Options", options);
    json_object_set_new(json, "Labels", map_to_json(&network->labels));
    for (size_t i = 0; i < endpoints->len; i++) {
        const struct network_endpoint *it = &endpoints->items[i];

        if (it->active && string_is_equal(it->network->id, network->id))
            json_object_set_new(
                    json_object_get(json, "Containers"), it->container_id, container_object(it));
    }
    return json;
}

int network_users(struct engine *engine, struct arena *arena, const char *id, struct strings *ret,
        struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT container_id FROM endpoints WHERE network_id = ? AND active_boot = ?"
            " ORDER BY container_id",
            "tt", id, engine->boot_id);

    *ret = (struct strings){ 0 };
    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND_ARENA(arena, ret) = arena_strdup(arena, stmt_text(stmt, 0));
    return r < 0 ? r : 0;
}

int network_inspect(struct engine *engine, const char *ref, json_t **ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct network_endpoints endpoints;
    struct network *network;
    int r;

    if (string_is_equal(ref, "host") || string_is_equal(ref, "none")) {
        *ret = predefined_object(ref);
        return 0;
    }
    r = network_lookup(engine, &arena, ref, &network, err);
    if (r < 0)
        return r;
    if (!network)
        return error_set_plain(err, ENOENT, NULL, "network %s not found", ref);
    r = network_read_endpoints(engine, &arena, NULL, &endpoints, err);
    if (r < 0)
        return r;
    *ret = network_object(network, &endpoints);
    return 0;
}

int network_inspect_all(struct engine *engine, json_t **ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct network_endpoints endpoints;
    struct network *networks;
    bool host_done = false, none_done = false;
    size_t len;
    int r = network_list(engine, &arena, &networks, &len, err);

    if (r >= 0)
        r = network_read_endpoints(engine, &arena, NULL, &endpoints, err);
    if (r < 0)
        return r;
    *ret = json_array();
    for (size_t i = 0; i <= len; i++) { /* host and none in their place in the alphabet */
        const char *name = i < len ? networks[i].name : "\x7f";

        if (!host_done && strcmp(name, "host") > 0)
            host_done = json_array_append_new(*ret, predefined_object("host")) == 0;
        if (!none_done && strcmp(name, "none") > 0)
            none_done = json_array_append_new(*ret, predefined_object("none")) == 0;
        if (i < len)
            json_array_append_new(*ret, network_object(&networks[i], &endpoints));
    }
    return 0;
}

/* Names that are answered, in Docker's order: the container's, its aliases, short id, hostname. */
static json_t *dns_names(const struct network_endpoint *endpoint)
{
    json_t *names = json_array();

    if (!network_has_names(endpoint->network)) {
        json_decref(names);
        return json_null();
    }
    json_array_append_new(names, json_string(endpoint->container_name));
    for (size_t i = 0; i < endpoint->alias_len; i++)
        if (!string_is_equal(endpoint->aliases[i], endpoint->container_name) &&
                !strchr(endpoint->aliases[i], ':'))
            json_array_append_new(names, jsonx_text(endpoint->aliases[i]));
    json_array_append_new(names, json_stringn(endpoint->container_id, 12));
    if (endpoint->hostname)
        json_array_append_new(names, jsonx_text(endpoint->hostname));
    return names;
}

/* The aliases that are (`links`), or are not, what the container calls others; null without any. */
static json_t *aliases_or_links(const struct network_endpoint *it, bool links)
{
    json_t *list = json_array();

    for (size_t i = 0; i < it->alias_len; i++)
        if ((strchr(it->aliases[i], ':') != NULL) == links)
            json_array_append_new(list, jsonx_text(it->aliases[i]));
    if (json_array_size(list) > 0)
        return list;
    json_decref(list);
    return json_null();
}

/* What was asked for; null: nothing. */
static json_t *wanted_addresses(const struct network_endpoint *it)
{
    char ipv4[ADDRESS_NETWORK_TEXT_MAX], ipv6[ADDRESS6_NETWORK_TEXT_MAX];
    json_t *json = json_object();

    if (it->fixed_ipv4)
        json_object_set_new(json, "IPv4Address", json_string(format_ipv4(it, false, ipv4)));
    if (it->fixed_ipv6)
        json_object_set_new(json, "IPv6Address", json_string(format_ipv6(it, false, ipv6)));
    if (it->link_local_len > 0)
        json_object_set_new(
                json, "LinkLocalIPs", jsonx_strings(it->link_local, it->link_local_len));
    if (json_object_size(json) > 0)
        return json;
    json_decref(json);
    return json_null();
}

static json_t *endpoint_object(const struct network_endpoint *it)
{
    char ipv4[ADDRESS_NETWORK_TEXT_MAX], ipv6[ADDRESS6_NETWORK_TEXT_MAX],
            gateway[ADDRESS_TEXT_MAX] = "", gateway6[ADDRESS6_TEXT_MAX] = "",
            mac[ADDRESS_MAC_TEXT_MAX], id[DIGEST_TEXT_MAX];
    bool on = it->active, is_way_out = on && !it->network->internal;
    bool has_ipv6 = !address6_is_zero(&it->address6);

    if (is_way_out && it->address)
        address_format(it->network->gateway, gateway);
    if (is_way_out && has_ipv6)
        address6_format(&it->network->gateway6, gateway6);
    return json_pack("{s:o, s:o, s:o, s:s, s:o, s:i, s:s, s:s, s:s, s:s, s:i, s:s, s:s, s:i, s:o}",
            "IPAMConfig", wanted_addresses(it), "Links", aliases_or_links(it, true), "Aliases",
            aliases_or_links(it, false), "MacAddress", on ? address_format_mac(it->mac, mac) : "",
            "DriverOpts", it->driver_options.len ? map_to_json(&it->driver_options) : json_null(),
            "GwPriority", it->gw_priority, "NetworkID", it->network->id, "EndpointID",
            on ? endpoint_id(it, id) : "", "Gateway", gateway, "IPAddress",
            on ? format_ipv4(it, false, ipv4) : "", "IPPrefixLen",
            on && it->address ? (int)it->network->prefix_len : 0, "IPv6Gateway", gateway6,
            "GlobalIPv6Address", on ? format_ipv6(it, false, ipv6) : "", "GlobalIPv6PrefixLen",
            on && has_ipv6 ? (int)it->network->prefix6_len : 0, "DNSNames", dns_names(it));
}

static json_t *ports_object(const struct ports *ports)
{
    json_t *json = json_object();

    for (size_t i = 0; i < ports->len; i++) {
        const struct sandbox_port *port = &ports->items[i];
        char key[16], host[ADDRESS6_TEXT_MAX], number[8];

        snprintf(key, sizeof(key), "%u/%s", port->port, sandbox_protocol_name(port->protocol));
        snprintf(number, sizeof(number), "%u", port->host_port);
        if (port->host_port == 0) /* routed: it is reached at the container's address */
            number[0] = '\0';
        if (!json_object_get(json, key))
            json_object_set_new(json, key, json_array());
        json_array_append_new(json_object_get(json, key),
                json_pack("{s:s, s:s}", "HostIp", address_format_any(&port->host_address, host),
                        "HostPort", number));
    }
    return json;
}

int network_container_settings(
        struct engine *engine, const char *container_id, json_t **ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const struct network_endpoint *main_endpoint = NULL;
    struct network_endpoints endpoints;
    struct ports ports = { 0 };
    int r = network_read_endpoints(engine, &arena, container_id, &endpoints, err);

    if (r < 0)
        return r;
    r = ports_read(engine, container_id, &ports, err);
    if (r < 0) {
        ARRAY_RELEASE(&ports);
        return r;
    }
    json_t *networks = json_object();
    for (size_t i = 0; i < endpoints.len; i++) {
        const struct network_endpoint *it = &endpoints.items[i];

        json_object_set_new(networks, it->network->name, endpoint_object(it));
        /* Docker fills the old top-level members for the default network alone. */
        if (it->active && network_is_default(it->network))
            main_endpoint = it;
    }
    char address[ADDRESS_TEXT_MAX] = "", gateway[ADDRESS_TEXT_MAX] = "",
         mac[ADDRESS_MAC_TEXT_MAX] = "", id[DIGEST_TEXT_MAX] = "";
    const char *endpoint = "", *sandbox_key = "";
    bool is_active = endpoints.len > 0 && endpoints.items[0].active;
    if (is_active)
        sandbox_key = arena_printf(&arena, "%s/netns/%s", engine->options.run_dir, container_id);
    if (main_endpoint) {
        address_format(main_endpoint->address, address);
        address_format(main_endpoint->network->gateway, gateway);
        address_format_mac(main_endpoint->mac, mac);
        endpoint = endpoint_id(main_endpoint, id);
    }
    *ret = json_pack("{s:s, s:s, s:s, s:o, s:b, s:s, s:i, s:s, s:s, s:s, s:i, s:s, s:s, s:o}",
            "Bridge", "", "SandboxID", is_active ? container_id : "", "SandboxKey", sandbox_key,
            "Ports", ports_object(&ports), "HairpinMode", 0, "LinkLocalIPv6Address", "",
            "LinkLocalIPv6PrefixLen", 0, "EndpointID", endpoint, "Gateway", gateway, "IPAddress",
            address, "IPPrefixLen", main_endpoint ? (int)main_endpoint->network->prefix_len : 0,
            "MacAddress", mac, "IPv6Gateway", "", "Networks", networks);
    json_object_set_new(*ret, "SecondaryIPAddresses", json_null());
    json_object_set_new(*ret, "SecondaryIPv6Addresses", json_null());
    json_object_set_new(*ret, "GlobalIPv6Address", json_string(""));
    json_object_set_new(*ret, "GlobalIPv6PrefixLen", json_integer(0));
    ARRAY_RELEASE(&ports);
    return 0;
}
