#include "engine/network/sandbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "engine/network/address-internal.h"

static const char *const protocol_names[] = {
    [SANDBOX_TCP] = "tcp",
    [SANDBOX_UDP] = "udp",
};
_Static_assert(ARRAY_LEN(protocol_names) == SANDBOX_PROTOCOL_MAX_, "name every protocol");

static const char *const kind_names[] = {
    [SANDBOX_VETH] = "veth",
    [SANDBOX_MACVLAN] = "macvlan",
    [SANDBOX_IPVLAN] = "ipvlan",
};
_Static_assert(ARRAY_LEN(kind_names) == SANDBOX_KIND_MAX_, "name every kind");

const char *sandbox_kind_name(enum sandbox_kind kind)
{
    return kind_names[kind];
}

const char *sandbox_protocol_name(enum sandbox_protocol protocol)
{
    return protocol_names[protocol];
}

int sandbox_protocol_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(protocol_names); i++)
        if (string_is_equal(name, protocol_names[i]))
            return (int)i;
    return SANDBOX_PROTOCOL_INVALID;
}

void sandbox_config_release(struct sandbox_config *config)
{
    if (!config)
        return;
    ARRAY_RELEASE(&config->interfaces);
    ARRAY_RELEASE(&config->ports);
    config->default_route = config->default_route6 = -1;
}

static json_t *link_local_to_json(const struct sandbox_interface *it)
{
    char address[ADDRESS6_TEXT_MAX];

    if (it->link_local_len == 0)
        return NULL;
    json_t *list = json_array();
    for (size_t i = 0; i < it->link_local_len; i++)
        json_array_append_new(list, json_string(address_format_any(&it->link_local[i], address)));
    return list;
}

/* NULL for a pair. */
static json_t *parent_to_json(const struct sandbox_interface *it)
{
    if (it->kind == SANDBOX_VETH)
        return NULL;
    return json_pack("{s:s, s:s, s:s, s:s}", "link", it->parent, "kind", kind_names[it->kind],
            "mode", it->mode, "flag", it->flag);
}

static json_t *interface_to_json(const struct sandbox_interface *it)
{
    char address[ADDRESS_NETWORK_TEXT_MAX], gateway[ADDRESS_TEXT_MAX], mac[ADDRESS_MAC_TEXT_MAX],
            address6[ADDRESS6_NETWORK_TEXT_MAX], gateway6[ADDRESS6_TEXT_MAX];

    return json_pack(
            "{s:s*, s:s, s:o*, s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:o*, s:s, s:i, s:I, s:b}",
            "sysctls", *it->sysctls ? it->sysctls : NULL, "name", it->name, "parent",
            parent_to_json(it), "host_name", it->host_name, "bridge", it->bridge, "address",
            it->address ? address_format_network(it->address, it->prefix_len, address) : NULL,
            "gateway", it->gateway ? address_format(it->gateway, gateway) : NULL, "address6",
            address6_is_zero(&it->address6)
                    ? NULL
                    : address6_format_network(&it->address6, it->prefix6_len, address6),
            "gateway6",
            address6_is_zero(&it->gateway6) ? NULL : address6_format(&it->gateway6, gateway6),
            "link_local", link_local_to_json(it), "mac", address_format_mac(it->mac, mac), "mtu",
            (int)it->mtu, "group", (json_int_t)it->group, "isolated", it->isolated);
}

static json_t *port_to_json(const struct sandbox_port *port)
{
    char host[ADDRESS6_TEXT_MAX], inside[ADDRESS6_TEXT_MAX];

    return json_pack("{s:s, s:i, s:s, s:i, s:s}", "host_address",
            address_format_any(&port->host_address, host), "host_port", (int)port->host_port,
            "address", address_format_any(&port->address, inside), "port", (int)port->port,
            "protocol", sandbox_protocol_name(port->protocol));
}

json_t *sandbox_config_to_json(const struct sandbox_config *config)
{
    auto_json json_t *interfaces = json_array(), *ports = json_array();

    for (size_t i = 0; i < config->interfaces.len; i++)
        json_array_append_new(interfaces, interface_to_json(&config->interfaces.items[i]));
    for (size_t i = 0; i < config->ports.len; i++)
        json_array_append_new(ports, port_to_json(&config->ports.items[i]));
    return json_pack("{s:O, s:O, s:i, s:i}", "interfaces", interfaces, "ports", ports,
            "default_route", config->default_route, "default_route6", config->default_route6);
}

/* Copies the text member into a buffer of IFNAMSIZ. */
static int read_name(const json_t *json, const char *key, char *ret, struct error **err)
{
    const char *text = jsonx_string(json, key);

    if (string_is_empty(text) || strlen(text) >= IFNAMSIZ)
        return error_set_plain(err, EINVAL, NULL, "network interface: member \"%s\" is wrong", key);
    snprintf(ret, IFNAMSIZ, "%s", text);
    return 0;
}

static int addresses6_from_json(
        const json_t *json, struct sandbox_interface *ret, struct error **err)
{
    const char *address = jsonx_string(json, "address6"), *gateway = jsonx_string(json, "gateway6");
    const json_t *list = json_object_get(json, "link_local");

    if (address && address6_parse_network(address, &ret->address6, &ret->prefix6_len) < 0)
        return error_set_plain(
                err, EINVAL, NULL, "network interface: member \"address6\" is wrong");
    if (gateway && address6_parse(gateway, &ret->gateway6) < 0)
        return error_set_plain(
                err, EINVAL, NULL, "network interface: member \"gateway6\" is wrong");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (ret->link_local_len == SANDBOX_LINK_LOCAL_MAX ||
                address_parse_any(json_string_value(json_array_get(list, i)),
                        &ret->link_local[ret->link_local_len++]) < 0)
            return error_set_plain(
                    err, EINVAL, NULL, "network interface: member \"link_local\" is wrong");
    return 0;
}

static int parent_from_json(const json_t *json, struct sandbox_interface *ret, struct error **err)
{
    const char *kind = jsonx_string(json, "kind"), *mode = jsonx_string(json, "mode"),
               *flag = jsonx_string(json, "flag");
    int r = read_name(json, "link", ret->parent, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < ARRAY_LEN(kind_names); i++)
        if (string_is_equal(kind, kind_names[i]))
            ret->kind = (enum sandbox_kind)i;
    if (ret->kind == SANDBOX_VETH || !mode || strlen(mode) >= sizeof(ret->mode) || !flag ||
            strlen(flag) >= sizeof(ret->flag))
        return error_set_plain(err, EINVAL, NULL, "network interface: member \"parent\" is wrong");
    snprintf(ret->mode, sizeof(ret->mode), "%s", mode);
    snprintf(ret->flag, sizeof(ret->flag), "%s", flag);
    return 0;
}

static int interface_from_json(
        const json_t *json, struct sandbox_interface *ret, struct error **err)
{
    const char *address = jsonx_string(json, "address"), *gateway = jsonx_string(json, "gateway");
    const char *sysctls = jsonx_string(json, "sysctls");
    const json_t *parent = json_object_get(json, "parent");
    int64_t mtu = jsonx_int(json, "mtu", 0), group = jsonx_int(json, "group", 0);
    int r;

    if ((r = read_name(json, "name", ret->name, err)) < 0 ||
            (r = read_name(json, "host_name", ret->host_name, err)) < 0 ||
            (r = parent ? parent_from_json(parent, ret, err)
                        : read_name(json, "bridge", ret->bridge, err)) < 0)
        return r;
    if (address && address_parse_network(address, &ret->address, &ret->prefix_len) < 0)
        return error_set_plain(err, EINVAL, NULL, "network interface: member \"address\" is wrong");
    r = addresses6_from_json(json, ret, err);
    if (r < 0)
        return r;
    if (sysctls && strlen(sysctls) >= sizeof(ret->sysctls))
        return error_set_plain(err, EINVAL, NULL, "network interface: member \"sysctls\" is wrong");
    snprintf(ret->sysctls, sizeof(ret->sysctls), "%s", sysctls ? sysctls : "");
    if (gateway && address_parse(gateway, &ret->gateway) < 0)
        return error_set_plain(err, EINVAL, NULL, "network interface: member \"gateway\" is wrong");
    if (address_parse_mac(jsonx_string(json, "mac"), ret->mac) < 0)
        return error_set_plain(err, EINVAL, NULL, "network interface: member \"mac\" is wrong");
    if (mtu < 0 || mtu > UINT16_MAX)
        return error_set_plain(err, EINVAL, NULL, "network interface: member \"mtu\" is wrong");
    if (group < 0 || group > INT32_MAX)
        return error_set_plain(err, EINVAL, NULL, "network interface: member \"group\" is wrong");
    ret->mtu = (uint32_t)mtu;
    ret->group = (uint32_t)group;
    ret->isolated = jsonx_bool(json, "isolated", false);
    return 0;
}

static int port_from_json(const json_t *json, struct sandbox_port *ret, struct error **err)
{
    int64_t host_port = jsonx_int(json, "host_port", 0), port = jsonx_int(json, "port", 0);
    int protocol = sandbox_protocol_parse(jsonx_string(json, "protocol"));

    if (address_parse_any(jsonx_string(json, "host_address"), &ret->host_address) < 0 ||
            address_parse_any(jsonx_string(json, "address"), &ret->address) < 0 || host_port < 1 ||
            host_port > UINT16_MAX || port < 1 || port > UINT16_MAX || protocol < 0)
        return error_set_plain(err, EINVAL, NULL, "published port: a member is wrong");
    ret->host_port = (uint16_t)host_port;
    ret->port = (uint16_t)port;
    ret->protocol = (enum sandbox_protocol)protocol;
    return 0;
}

int sandbox_config_from_json(const json_t *json, struct sandbox_config *ret, struct error **err)
{
    auto_(sandbox_config_release) struct sandbox_config config = SANDBOX_CONFIG_INIT;
    json_t *interfaces = NULL, *ports = NULL, *item;
    int64_t default_route = jsonx_int(json, "default_route", -1),
            default_route6 = jsonx_int(json, "default_route6", -1);
    size_t i;
    int r;

    if ((r = jsonx_get_array(json, "interfaces", &interfaces, err)) < 0 ||
            (r = jsonx_get_array(json, "ports", &ports, err)) < 0)
        return r;
    json_array_foreach(interfaces, i, item)
    {
        r = interface_from_json(item, ARRAY_APPEND(&config.interfaces), err);
        if (r < 0)
            return r;
    }
    json_array_foreach(ports, i, item)
    {
        r = port_from_json(item, ARRAY_APPEND(&config.ports), err);
        if (r < 0)
            return r;
    }
    if (default_route < -1 || default_route >= (int64_t)config.interfaces.len ||
            default_route6 < -1 || default_route6 >= (int64_t)config.interfaces.len)
        return error_set_plain(err, EINVAL, NULL, "sandbox: member \"default_route\" is wrong");
    config.default_route = (int)default_route;
    config.default_route6 = (int)default_route6;
    *ret = config;
    config = (struct sandbox_config)SANDBOX_CONFIG_INIT;
    return 0;
}
