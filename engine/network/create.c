/* Making networks: what was asked for is checked, and what was not is chosen. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/engine-internal.h"
#include "engine/network/address-internal.h"
#include "engine/network/netlink-internal.h"
#include "engine/network/network-internal.h"

#define OPTION_IPV4 "com.docker.network.enable_ipv4"
#define OPTION_IPV6 "com.docker.network.enable_ipv6"
#define MACHINE_ID "/etc/machine-id"
#define MACHINE_ID_MAX 64
#define UNIQUE_LOCAL 0xfd
#define UNIQUE_LOCAL_ID_BYTES 5 /* RFC 4193: behind the first byte; then 16 bits for the subnet */

static int check_bool(const char *value)
{
    bool parsed;

    return parse_bool(str_from(value), &parsed);
}

static int check_mtu(const char *value)
{
    uint32_t mtu;

    return parse_uint32(str_from(value), 65535, &mtu) < 0 || (mtu != 0 && mtu < 68) ? -EINVAL : 0;
}

static int check_address(const char *value)
{
    uint32_t address;

    return address_parse(value, &address);
}

static int check_addresses(const char *value)
{
    struct str rest = str_from(value), piece;
    struct in6_addr address;
    char text[ADDRESS6_TEXT_MAX];

    while (str_split_next(&rest, ',', &piece)) {
        if (piece.len >= sizeof(text))
            return -EINVAL;
        (void)snprintf(text, sizeof(text), "%.*s", STR_FMT(piece));
        if (address_parse_any(text, &address) < 0)
            return -EINVAL;
    }
    return *value ? 0 : -EINVAL;
}

static int check_link_name(const char *value)
{
    return network_link_name_is_valid(value) ? 0 : -EINVAL;
}

static int check_prefix(const char *value)
{
    /* Room for the number behind it. */
    return check_link_name(value) < 0 || strlen(value) > IFNAMSIZ - 4 ? -EINVAL : 0;
}

static int check_word(const char *value, const char *const *words)
{
    for (; *words; words++)
        if (string_is_equal(value, *words))
            return 0;
    return -EINVAL;
}

/* Not "isolated": the name server has the bridge's address. */
static int check_gateway_mode(const char *value)
{
    static const char *const words[] = { NETWORK_MODE_NAT, NETWORK_MODE_UNPROTECTED,
        NETWORK_MODE_ROUTED, NULL };

    return check_word(value, words);
}

static int check_macvlan_mode(const char *value)
{
    static const char *const words[] = { "bridge", "private", "vepa", "passthru", NULL };

    return check_word(value, words);
}

static int check_ipvlan_mode(const char *value)
{
    static const char *const words[] = { "l2", "l3", "l3s", NULL };

    return check_word(value, words);
}

static int check_ipvlan_flag(const char *value)
{
    static const char *const words[] = { "bridge", "private", "vepa", NULL };

    return check_word(value, words);
}

/* The drivers, as bits. */
enum {
    BRIDGE = 1 << 0,
    MACVLAN = 1 << 1,
    IPVLAN = 1 << 2,
    EACH = BRIDGE | MACVLAN | IPVLAN,
};

/* The bit; 0 for a driver that there is none of. */
static unsigned driver_bit(const char *driver)
{
    if (string_is_empty(driver) || string_is_equal(driver, "bridge"))
        return BRIDGE;
    if (string_is_equal(driver, NETWORK_DRIVER_MACVLAN))
        return MACVLAN;
    return string_is_equal(driver, NETWORK_DRIVER_IPVLAN) ? IPVLAN : 0;
}

/* The driver options of networks: key, whose they are, and whether the value is of the right form. */
static const struct driver_option {
    const char *key;
    unsigned drivers;
    int (*check)(const char *value);
    const char *expected;
} driver_options[] = {
    { NETWORK_OPTION_ICC, BRIDGE, check_bool, "true or false" },
    { NETWORK_OPTION_MASQUERADE, BRIDGE, check_bool, "true or false" },
    { NETWORK_OPTION_GATEWAY_MODE, BRIDGE, check_gateway_mode, "nat, nat-unprotected or routed" },
    { NETWORK_OPTION_GATEWAY_MODE6, BRIDGE, check_gateway_mode, "nat, nat-unprotected or routed" },
    { NETWORK_OPTION_HOST_BINDING, BRIDGE, check_address, "an IPv4 address" },
    { NETWORK_OPTION_BRIDGE_NAME, BRIDGE, check_link_name,
            "the name of a link, at most 15 characters" },
    { NETWORK_OPTION_PREFIX, EACH, check_prefix,
            "the beginning of a link's name, at most 12 characters" },
    { NETWORK_OPTION_MTU, EACH, check_mtu, "a number from 68 to 65535" },
    { NETWORK_OPTION_DISABLE_DNS, EACH, check_bool, "true or false" },
    { NETWORK_OPTION_DNS, BRIDGE, check_addresses, "addresses with commas between them" },
    { OPTION_IPV4, EACH, check_bool, "true or false" },
    { OPTION_IPV6, EACH, check_bool, "true or false" },
    { NETWORK_OPTION_MTU_SHORT, BRIDGE, check_mtu, "a number from 68 to 65535" },
    { NETWORK_OPTION_PARENT, MACVLAN | IPVLAN, check_link_name,
            "the name of a link of this machine" },
    { NETWORK_OPTION_MACVLAN_MODE, MACVLAN, check_macvlan_mode,
            "bridge, private, vepa or passthru" },
    { NETWORK_OPTION_IPVLAN_MODE, IPVLAN, check_ipvlan_mode, "l2, l3 or l3s" },
    { NETWORK_OPTION_IPVLAN_FLAG, IPVLAN, check_ipvlan_flag, "bridge, private or vepa" },
};

static void add_subnet(uint32_t subnet, unsigned prefix_len, unsigned index, void *userdata)
{
    (void)index;
    *ARRAY_APPEND((struct pool_subnets *)userdata) = (struct pool_subnet){
        subnet & address_mask(prefix_len), prefix_len
    };
}

/* Subnets of all networks; with `routes` also everything that the machine has a route to. */
static int used_subnets(
        struct engine *engine, bool routes, struct pool_subnets *ret, struct error **err)
{
    auto_(netlink_close_p) struct netlink *nl = NULL;
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT subnet FROM networks WHERE subnet IS NOT NULL AND ipv4", "");

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0) {
        uint32_t subnet;
        unsigned prefix_len;

        if (address_parse_network(stmt_text(stmt, 0), &subnet, &prefix_len) >= 0)
            add_subnet(subnet, prefix_len, 0, ret);
    }
    if (r < 0 || !routes)
        return r;
    r = netlink_open(&nl, err);
    if (r < 0)
        return r;
    return netlink_each_subnet(nl, add_subnet, ret, err);
}

int network_choose_subnet(struct engine *engine, struct pool_subnet *ret, struct error **err)
{
    struct pool_subnets used = { 0 };
    char suffix[NETWORK_ROOT_SUFFIX_MAX];
    unsigned rotation = *network_root_suffix(engine, suffix)
                                ? network_hash(engine->options.root_dir) % 16
                                : 0;
    int r = used_subnets(engine, true, &used, err);

    if (r >= 0 && !pool_choose_subnet(&used, rotation, ret))
        r = error_set_plain(
                err, ENOSPC, NULL, "all predefined address pools have been fully subnetted");
    ARRAY_RELEASE(&used);
    return r < 0 ? r : 0;
}

struct subnet6 {
    struct in6_addr address;
    unsigned prefix_len;
};

struct subnets6 {
    struct subnet6 *items;
    size_t len, cap;
};

static void add_subnet6(const struct in6_addr *subnet, unsigned prefix_len, void *userdata)
{
    *ARRAY_APPEND((struct subnets6 *)userdata) = (struct subnet6){ *subnet, prefix_len };
}

static bool overlaps6(
        const struct subnets6 *used, const struct in6_addr *subnet, unsigned prefix_len)
{
    for (size_t i = 0; i < used->len; i++) {
        unsigned shorter = used->items[i].prefix_len < prefix_len ? used->items[i].prefix_len
                                                                  : prefix_len;

        if (address6_is_in(subnet, &used->items[i].address, shorter))
            return true;
    }
    return false;
}

static int used_subnets6(
        struct engine *engine, bool routes, struct subnets6 *ret, struct error **err)
{
    auto_(netlink_close_p) struct netlink *nl = NULL;
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT subnet6 FROM networks WHERE subnet6 IS NOT NULL AND ipv6", "");

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0) {
        struct in6_addr subnet;
        unsigned prefix_len;

        if (address6_parse_network(stmt_text(stmt, 0), &subnet, &prefix_len) >= 0)
            add_subnet6(&subnet, prefix_len, ret);
    }
    if (r < 0 || !routes)
        return r;
    r = netlink_open(&nl, err);
    return r < 0 ? r : netlink_each_subnet6(nl, add_subnet6, ret, err);
}

/* The machine's own /48, the same each time, and different for each state root. */
static struct in6_addr unique_local_prefix(const struct engine *engine)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    char machine[MACHINE_ID_MAX] = "", digest[DIGEST_TEXT_MAX];
    struct in6_addr prefix = { .s6_addr = { UNIQUE_LOCAL } };
    const char *text;

    (void)fs_read_small(AT_FDCWD, MACHINE_ID, machine, sizeof(machine));
    text = arena_printf(&arena, "berth networks %s %s", machine, engine->options.root_dir);
    digest_sha256(text, strlen(text), digest);
    for (int i = 0; i < UNIQUE_LOCAL_ID_BYTES; i++) {
        const char *hex = digest_hex(digest) + 2 * i;

        for (int j = 0; j < 2; j++)
            prefix.s6_addr[1 + i] = (uint8_t)(prefix.s6_addr[1 + i] << 4 |
                                              (hex[j] <= '9' ? hex[j] - '0' : hex[j] - 'a' + 10));
    }
    return prefix;
}

int network_choose_subnet6(struct engine *engine, struct in6_addr *ret, struct error **err)
{
    struct subnets6 used = { 0 };
    struct in6_addr subnet = unique_local_prefix(engine);
    bool found = false;
    int r = used_subnets6(engine, true, &used, err);

    for (unsigned i = 0; r >= 0 && !found && i <= UINT16_MAX; i++) {
        subnet.s6_addr[6] = (uint8_t)(i >> 8);
        subnet.s6_addr[7] = (uint8_t)i;
        found = !overlaps6(&used, &subnet, NETWORK_CHOSEN_PREFIX6);
    }
    ARRAY_RELEASE(&used);
    if (r >= 0 && !found)
        r = error_set_plain(
                err, ENOSPC, NULL, "all predefined address pools have been fully subnetted");
    *ret = subnet;
    return r < 0 ? r : 0;
}

static const struct network_pool no_pool;

static bool is_ipv6(const struct network_pool *pool)
{
    const char *text = pool->subnet     ? pool->subnet
                       : pool->gateway  ? pool->gateway
                       : pool->ip_range ? pool->ip_range
                                        : "";

    return strchr(text, ':') != NULL;
}

/* The pool of that family; one that asks for nothing when there is none. */
static const struct network_pool *find_pool(const struct network_create_options *options, bool ipv6)
{
    for (size_t i = 0; i < options->pool_len; i++)
        if (is_ipv6(&options->pools[i]) == ipv6)
            return &options->pools[i];
    return &no_pool;
}

static int check_pools(const struct network_create_options *options, struct error **err)
{
    size_t count[2] = { 0 };

    for (size_t i = 0; i < options->pool_len; i++) {
        const struct network_pool *pool = &options->pools[i];

        if (!pool->subnet && (pool->gateway || pool->ip_range || pool->aux_addresses))
            return error_set_plain(err, EINVAL, NULL,
                    "network %s: a gateway or an address range needs a subnet", options->name);
        if (pool->subnet && count[is_ipv6(pool)]++ > 0)
            return error_set_plain(err, EOPNOTSUPP, NULL,
                    "network %s: bridge driver doesn't support multiple subnets", options->name);
    }
    return 0;
}

/* What the user gave, or what is free. */
static int settle_subnet(struct engine *engine, const struct network_pool *pool,
        struct network *network, struct error **err)
{
    struct pool_subnets used = { 0 };
    struct pool_subnet subnet;
    char text[ADDRESS_NETWORK_TEXT_MAX];
    int r = 0;

    if (pool->subnet) {
        if (address_parse_network(pool->subnet, &subnet.address, &subnet.prefix_len) < 0)
            return error_set_plain(err, EINVAL, NULL,
                    "invalid subnet %s: expected an IPv4 network such as 10.5.0.0/16",
                    pool->subnet);
        if (subnet.prefix_len < 8 || subnet.prefix_len > 30)
            return error_set_plain(err, EINVAL, NULL,
                    "invalid subnet %s: the prefix must be from 8 to 30", pool->subnet);
        if (subnet.address & ~address_mask(subnet.prefix_len))
            return error_set_plain(err, EINVAL, NULL, "invalid subnet %s: it should be %s",
                    pool->subnet,
                    address_format_network(subnet.address & address_mask(subnet.prefix_len),
                            subnet.prefix_len, text));
        r = used_subnets(engine, false, &used, err);
        if (r >= 0 && pool_overlaps(&used, subnet))
            r = error_set_plain(err, EADDRINUSE, NULL,
                    "invalid pool request: Pool overlaps with other one on this address space");
        network->user_subnet = true;
    } else {
        r = network_choose_subnet(engine, &subnet, err);
    }
    ARRAY_RELEASE(&used);
    if (r < 0)
        return r;
    network->subnet = subnet.address;
    network->prefix_len = subnet.prefix_len;
    return 0;
}

static int settle_subnet6(struct engine *engine, const struct network_pool *pool,
        struct network *network, struct error **err)
{
    struct subnets6 used = { 0 };
    char text[ADDRESS6_NETWORK_TEXT_MAX];
    struct in6_addr masked;
    int r = 0;

    if (!pool->subnet) {
        network->prefix6_len = NETWORK_CHOSEN_PREFIX6;
        return network_choose_subnet6(engine, &network->subnet6, err);
    }
    if (address6_parse_network(pool->subnet, &network->subnet6, &network->prefix6_len) < 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid subnet %s: expected an IPv6 network such as fd00:5::/64", pool->subnet);
    if (network->prefix6_len < 8 || network->prefix6_len > 126 ||
            IN6_IS_ADDR_MULTICAST(&network->subnet6) || IN6_IS_ADDR_LINKLOCAL(&network->subnet6))
        return error_set_plain(err, EINVAL, NULL,
                "invalid subnet %s: expected one that is not link-local, with a prefix from 8 to "
                "126",
                pool->subnet);
    masked = address6_masked(&network->subnet6, network->prefix6_len);
    if (!address6_is_equal(&masked, &network->subnet6))
        return error_set_plain(err, EINVAL, NULL, "invalid subnet %s: it should be %s",
                pool->subnet, address6_format_network(&masked, network->prefix6_len, text));
    if (network->ipv6)
        r = used_subnets6(engine, false, &used, err);
    if (r >= 0 && overlaps6(&used, &network->subnet6, network->prefix6_len))
        r = error_set_plain(err, EADDRINUSE, NULL,
                "invalid pool request: Pool overlaps with other one on this address space");
    ARRAY_RELEASE(&used);
    network->user_subnet6 = true;
    return r;
}

static int settle_gateway(
        const struct network_pool *pool, struct network *network, struct error **err)
{
    uint32_t broadcast = network->subnet | ~address_mask(network->prefix_len);

    if (pool->ip_range) {
        if (address_parse_network(pool->ip_range, &network->range, &network->range_prefix_len) < 0)
            return error_set_plain(err, EINVAL, NULL, "invalid address range %s", pool->ip_range);
        if (network->range_prefix_len < network->prefix_len ||
                !address_is_in(network->range, network->subnet, network->prefix_len))
            return error_set_plain(err, EINVAL, NULL,
                    "the address range %s does not lie in the subnet %s", pool->ip_range,
                    pool->subnet);
        network->range &= address_mask(network->range_prefix_len);
    }
    network->gateway = network->subnet + 1;
    if (!pool->gateway)
        return 0;
    if (address_parse(pool->gateway, &network->gateway) < 0)
        return error_set_plain(err, EINVAL, NULL, "invalid gateway address %s", pool->gateway);
    if (!address_is_in(network->gateway, network->subnet, network->prefix_len) ||
            network->gateway == network->subnet || network->gateway == broadcast)
        return error_set_plain(err, EINVAL, NULL,
                "the gateway %s is not an address of the subnet %s", pool->gateway, pool->subnet);
    return 0;
}

static int settle_gateway6(
        const struct network_pool *pool, struct network *network, struct error **err)
{
    if (pool->ip_range) {
        if (address6_parse_network(pool->ip_range, &network->range6, &network->range6_prefix_len) <
                0)
            return error_set_plain(err, EINVAL, NULL, "invalid address range %s", pool->ip_range);
        if (network->range6_prefix_len < network->prefix6_len ||
                !address6_is_in(&network->range6, &network->subnet6, network->prefix6_len))
            return error_set_plain(err, EINVAL, NULL,
                    "the address range %s does not lie in the subnet %s", pool->ip_range,
                    pool->subnet);
        network->range6 = address6_masked(&network->range6, network->range6_prefix_len);
    }
    network->gateway6 = address6_add(&network->subnet6, 1);
    if (!pool->gateway)
        return 0;
    /* Another host's default gateway may be link-local, ours is an address of the bridge. */
    if (address6_parse(pool->gateway, &network->gateway6) < 0)
        return error_set_plain(err, EINVAL, NULL, "invalid gateway address %s", pool->gateway);
    if (!address6_is_in(&network->gateway6, &network->subnet6, network->prefix6_len) ||
            address6_is_equal(&network->gateway6, &network->subnet6))
        return error_set_plain(err, EINVAL, NULL,
                "the gateway %s is not an address of the subnet %s", pool->gateway, pool->subnet);
    return 0;
}

static bool lies_within(const struct network *network, const struct in6_addr *address)
{
    if (address_is_mapped(address))
        return network->prefix_len > 0 &&
               address_is_in(address_unmap(address), network->subnet, network->prefix_len);
    return network->prefix6_len > 0 &&
           address6_is_in(address, &network->subnet6, network->prefix6_len);
}

static int settle_aux_addresses(
        const struct network_pool *pool, struct network *network, struct error **err)
{
    if (!pool->aux_addresses)
        return 0;
    STRMAP_FOREACH(pool->aux_addresses, it) {
        struct in6_addr address;

        if (address_parse_any(it->value, &address) < 0)
            return error_set_plain(err, EINVAL, NULL, "invalid auxiliary address \"%s\"",
                    it->value ? (const char *)it->value : "");
        if (!lies_within(network, &address))
            return error_set_plain(err, EINVAL, NULL, "no matching subnet for aux-address %s",
                    (const char *)it->value);
        strmap_set(&network->aux_addresses, it->key, it->value);
    }
    return 0;
}

/* The options switch families on and off, too. */
static bool has_family(const struct network_create_options *options, const char *option, bool given)
{
    const char *text = options->options ? strmap_get(options->options, option) : NULL;
    bool value = given;

    return text && parse_bool(str_from(text), &value) >= 0 ? value : given;
}

static int settle(struct engine *engine, const struct network_create_options *options,
        struct network *network, struct error **err)
{
    const struct network_pool *pool = find_pool(options, false), *pool6 = find_pool(options, true);
    int r = check_pools(options, err);

    if (options->no_addresses)
        return r < 0 || options->pool_len == 0
                       ? r
                       : error_set_plain(err, EINVAL, NULL,
                                 "network %s: without addresses there can be no subnet",
                                 options->name);
    network->ipv4 = has_family(options, OPTION_IPV4, !options->disable_ipv4);
    network->ipv6 = has_family(options, OPTION_IPV6, options->enable_ipv6);
    if (r >= 0 && !network->ipv4 && !network->ipv6)
        r = error_set_plain(err, EINVAL, NULL, "IPv4 or IPv6 must be enabled");
    if (r >= 0 && network->ipv6 && access("/proc/sys/net/ipv6", F_OK) < 0)
        r = error_set_plain(err, EAFNOSUPPORT, NULL,
                "network %s: this machine has no IPv6 (its kernel was built or started without)",
                options->name);
    /* As with Docker a subnet of a family that is off is kept, and no address of it is given out. */
    if (r >= 0 && (network->ipv4 || pool->subnet))
        r = settle_subnet(engine, pool, network, err);
    if (r >= 0 && (network->ipv4 || pool->subnet))
        r = settle_gateway(pool, network, err);
    if (r >= 0 && (network->ipv6 || pool6->subnet))
        r = settle_subnet6(engine, pool6, network, err);
    if (r >= 0 && (network->ipv6 || pool6->subnet))
        r = settle_gateway6(pool6, network, err);
    if (r >= 0)
        r = settle_aux_addresses(pool, network, err);
    if (r >= 0)
        r = settle_aux_addresses(pool6, network, err);
    return r;
}

static int check_option(const struct network_create_options *options, const char *key,
        const char *value, struct error **err)
{
    unsigned driver = driver_bit(options->driver);

    for (size_t i = 0; i < ARRAY_LEN(driver_options); i++) {
        const struct driver_option *known = &driver_options[i];

        if (!string_is_equal(key, known->key) || !(known->drivers & driver))
            continue;
        if (known->check(value ? value : "") < 0)
            return error_set_plain(err, EINVAL, NULL,
                    "network %s: driver option \"%s\": expected %s", options->name, key,
                    known->expected);
        return 0;
    }
    return error_set_plain(err, EOPNOTSUPP, NULL,
            "network %s: the driver option \"%s\" is not supported", options->name, key);
}

/* What stands on a link of the machine is part of that link's network: nobody here can know its addresses. */
static int check_parent(const struct network_create_options *options, struct error **err)
{
    bool has_subnet = false;

    if (driver_bit(options->driver) == BRIDGE)
        return 0;
    if (!options->options || !strmap_has(options->options, NETWORK_OPTION_PARENT))
        return error_set_plain(err, EINVAL, NULL,
                "network %s: driver \"%s\" needs the option \"" NETWORK_OPTION_PARENT
                "\", a link of this machine",
                options->name, options->driver);
    for (size_t i = 0; i < options->pool_len; i++)
        has_subnet = has_subnet || options->pools[i].subnet;
    if (!has_subnet)
        return error_set_plain(err, EINVAL, NULL,
                "network %s: driver \"%s\" needs a subnet, that of its parent's network",
                options->name, options->driver);
    return 0;
}

static int check_options(const struct network_create_options *options, struct error **err)
{
    if (string_is_empty(options->name))
        return error_set_plain(err, EINVAL, NULL, "a network needs a name");
    if (strlen(options->name) > LIMIT_NAME_BYTES || strpbrk(options->name, "/ \t\n\r"))
        return error_set_plain(err, EINVAL, NULL, "invalid network name \"%s\"", options->name);
    if (!driver_bit(options->driver))
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "network %s: driver \"%s\" is not supported: bridge, macvlan and ipvlan are",
                options->name, options->driver);
    if (options->options)
        STRMAP_FOREACH(options->options, it) {
            int r = check_option(options, it->key, it->value, err);

            if (r < 0)
                return r;
        }
    return check_parent(options, err);
}

/* The columns of the pools as texts; NULL: null. */
struct pool_texts {
    char subnet[ADDRESS_NETWORK_TEXT_MAX], gateway[ADDRESS_TEXT_MAX],
            range[ADDRESS_NETWORK_TEXT_MAX];
    char subnet6[ADDRESS6_NETWORK_TEXT_MAX], gateway6[ADDRESS6_TEXT_MAX],
            range6[ADDRESS6_NETWORK_TEXT_MAX];
};

static void format_pools(const struct network *network, struct pool_texts *ret)
{
    *ret = (struct pool_texts){ 0 };
    if (network->prefix_len) {
        address_format_network(network->subnet, network->prefix_len, ret->subnet);
        address_format(network->gateway, ret->gateway);
    }
    if (network->range_prefix_len)
        address_format_network(network->range, network->range_prefix_len, ret->range);
    if (network->prefix6_len) {
        address6_format_network(&network->subnet6, network->prefix6_len, ret->subnet6);
        address6_format(&network->gateway6, ret->gateway6);
    }
    if (network->range6_prefix_len)
        address6_format_network(&network->range6, network->range6_prefix_len, ret->range6);
}

static const char *or_null(const char *text)
{
    return *text ? text : NULL;
}

static int insert_network(struct engine *engine, const struct network *network,
        const struct network_create_options *options, struct error **err)
{
    struct pool_texts pools;
    auto_free char *option_text = network_dump_map(options->options);
    auto_free char *label_text = network_dump_map(options->labels);
    auto_free char *aux_text = network_dump_map(&network->aux_addresses);

    format_pools(network, &pools);
    int r = db_exec(engine->db, err,
            "INSERT INTO networks (id, name, driver, bridge, subnet, gateway, ip_range, user_subnet,"
            " internal, attachable, options, labels, created_nsec, ipv4, ipv6, subnet6, gateway6,"
            " ip_range6, user_subnet6, aux_addresses)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            "tttttttiiittiiitttit", network->id, network->name, network->driver,
            or_null(network->bridge), or_null(pools.subnet), or_null(pools.gateway),
            or_null(pools.range), (int64_t)network->user_subnet, (int64_t)network->internal,
            (int64_t)network->attachable, option_text, label_text, time_realtime_nsec(),
            (int64_t)network->ipv4, (int64_t)network->ipv6, or_null(pools.subnet6),
            or_null(pools.gateway6), or_null(pools.range6), (int64_t)network->user_subnet6,
            aux_text);

    if (r < 0 && db_failed_unique(engine->db))
        return error_set_plain(err, EBUSY, NULL,
                "network %s: the bridge %s belongs to another network", network->name,
                network->bridge);
    return r < 0 ? r : 0;
}

int network_create_row(struct engine *engine, struct arena *arena,
        const struct network_create_options *options, const char *id, const char *bridge,
        struct error **err)
{
    struct network network = { .id = id, .name = options->name, .driver = "bridge" };
    struct network *same;
    int r = network_find_by_name(engine, arena, options->name, &same, err);

    if (r < 0)
        return r;
    if (same)
        return error_set_plain(
                err, EEXIST, NULL, "network with name %s already exists", options->name);
    network.internal = options->internal;
    network.attachable = options->attachable;
    strmap_init_arena(&network.aux_addresses, arena);
    if (driver_bit(options->driver) == BRIDGE)
        snprintf(network.bridge, sizeof(network.bridge), "%s", bridge);
    else
        network.driver = options->driver;
    r = settle(engine, options, &network, err);
    if (r >= 0)
        r = insert_network(engine, &network, options, err);
    return r;
}

int network_create(struct engine *engine, const struct network_create_options *options,
        char ret_id[static RANDOM_ID_HEX + 1], struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(db_rollback_p) struct db *transaction = NULL;
    char id[RANDOM_ID_HEX + 1], bridge[IFNAMSIZ];
    const char *wanted;
    int r = check_options(options, err);

    if (r < 0)
        return r;
    if (network_name_is_reserved(options->name))
        return error_set_plain(err, EPERM, NULL,
                "operation is not permitted on predefined %s network", options->name);
    random_id(id);
    wanted = options->options ? strmap_get(options->options, NETWORK_OPTION_BRIDGE_NAME) : NULL;
    if (wanted)
        snprintf(bridge, sizeof(bridge), "%s", wanted);
    else
        snprintf(bridge, sizeof(bridge), "br-%.12s", id);

    r = db_begin(engine->db, &transaction, err);
    if (r < 0)
        return r;
    r = network_create_row(engine, &arena, options, id, bridge, err);
    if (r < 0)
        return r;
    r = db_commit(&transaction, err);
    if (r < 0)
        return r;
    engine_event(engine, "network", "create", id, "name", options->name);
    memcpy(ret_id, id, sizeof(id));
    return 0;
}
