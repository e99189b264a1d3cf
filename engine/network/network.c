#include "engine/network/network.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/engine-internal.h"
#include "engine/network/address-internal.h"
#include "engine/network/netlink-internal.h"
#include "engine/state/prune-filter.h"
#include "engine/network/network-internal.h"

#define ROOT_DEFAULT "/var/lib/berth"

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

bool network_link_name_is_valid(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len >= IFNAMSIZ || !strcmp(name, ".") || !strcmp(name, ".."))
        return false;
    for (const char *c = name; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                    strchr("_.-", *c)))
            return false;
    return true;
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

static int check_false(const char *value)
{
    bool parsed = true;

    return parse_bool(str_from(value), &parsed) < 0 || parsed ? -EINVAL : 0;
}

static int check_nat(const char *value)
{
    return string_is_equal(value, "nat") ? 0 : -EINVAL;
}

/* The driver options of a bridge network: key, and whether the value is of the right form. */
static const struct bridge_option {
    const char *key;
    int (*check)(const char *value);
    const char *expected;
} bridge_options[] = {
    { NETWORK_OPTION_ICC, check_bool, "true or false" },
    { NETWORK_OPTION_MASQUERADE, check_bool, "true or false" },
    { "com.docker.network.bridge.gateway_mode_ipv4", check_nat, "nat" },
    { NETWORK_OPTION_HOST_BINDING, check_address, "an IPv4 address" },
    { NETWORK_OPTION_BRIDGE_NAME, check_link_name, "the name of a link, at most 15 characters" },
    { NETWORK_OPTION_PREFIX, check_prefix,
            "the beginning of a link's name, at most 12 characters" },
    { NETWORK_OPTION_MTU, check_mtu, "a number from 68 to 65535" },
    { "com.docker.network.enable_ipv6", check_false, "false" },
    { NETWORK_OPTION_MTU_SHORT, check_mtu, "a number from 68 to 65535" },
};

static const char *const reserved_names[] = { "bridge", "default", "host", "none" };

bool network_name_is_reserved(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(reserved_names); i++)
        if (string_is_equal(name, reserved_names[i]))
            return true;
    return false;
}

uint32_t network_hash(const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

const char *network_root_suffix(
        const struct engine *engine, char buffer[static NETWORK_ROOT_SUFFIX_MAX])
{
    if (string_is_equal(engine->options.root_dir, ROOT_DEFAULT))
        buffer[0] = '\0';
    else
        snprintf(buffer, NETWORK_ROOT_SUFFIX_MAX, "-%08x", network_hash(engine->options.root_dir));
    return buffer;
}

uint32_t network_link_group(const char *network_id)
{
    /* Far from the small numbers that people use, and positive. */
    return (network_hash(network_id) & 0x7fffffffu) | 0x40000000u;
}

void network_host_name(const char *container_id, const char *network_id, char ret[static IFNAMSIZ])
{
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

    for (const char *c = container_id; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    for (const char *c = network_id; *c; c++)
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    snprintf(ret, IFNAMSIZ, "veth%010llx",
            (unsigned long long)((hash ^ hash >> 40) & UINT64_C(0xffffffffff)));
}

const char *network_option(const struct network *network, const char *key)
{
    return strmap_get(&network->options, key);
}

bool network_option_bool(const struct network *network, const char *key, bool fallback)
{
    const char *text = network_option(network, key);
    bool value = fallback;

    if (text && parse_bool(str_from(text), &value) < 0)
        return fallback;
    return value;
}

uint32_t network_mtu(const struct network *network)
{
    const char *text = network_option(network, NETWORK_OPTION_MTU);
    uint32_t mtu = 0;

    if (!text)
        text = network_option(network, NETWORK_OPTION_MTU_SHORT);
    if (text && parse_uint32(str_from(text), 65535, &mtu) < 0)
        return 0;
    return mtu;
}

bool network_is_default(const struct network *network)
{
    return string_is_equal(network->name, NETWORK_DEFAULT_NAME);
}

bool network_is_named(const struct network *network, const char *ref)
{
    return string_is_equal(ref, network->name) || string_has_prefix(network->id, ref) ||
           (network_is_default(network) && string_is_equal(ref, "default"));
}

bool network_has_masquerade(const struct network *network)
{
    return !network->internal && network_option_bool(network, NETWORK_OPTION_MASQUERADE, true);
}

int network_read_map(struct arena *arena, const char *text, const char *what, struct strmap *ret,
        struct error **err)
{
    auto_json json_t *json = NULL;
    const char *key;
    json_t *value;

    strmap_init_arena(ret, arena);
    if (string_is_empty(text) || string_is_equal(text, "{}"))
        return 0;
    int r = jsonx_parse(text, strlen(text), what, &json, err);
    if (r < 0)
        return r;
    json_object_foreach(json, key, value)
    {
        if (json_is_string(value))
            strmap_set(ret, key, arena_strdup(arena, json_string_value(value)));
    }
    return 0;
}

char *network_dump_map(const struct strmap *map)
{
    auto_json json_t *json = json_object();

    if (map)
        STRMAP_FOREACH(map, it)
            json_object_set_new(json, it->key, jsonx_text(it->value));
    return jsonx_dump(json);
}

int network_from_row(
        struct arena *arena, struct stmt *stmt, struct network *ret, struct error **err)
{
    const char *range = stmt_text(stmt, 6);
    int r;

    *ret = (struct network){
        .id = arena_strdup(arena, stmt_text(stmt, 0)),
        .name = arena_strdup(arena, stmt_text(stmt, 1)),
        .driver = arena_strdup(arena, stmt_text(stmt, 2)),
        .user_subnet = stmt_int(stmt, 7) != 0,
        .internal = stmt_int(stmt, 8) != 0,
        .attachable = stmt_int(stmt, 9) != 0,
        .created_nsec = stmt_int(stmt, 12),
    };
    snprintf(ret->bridge, sizeof(ret->bridge), "%s", stmt_text(stmt, 3) ? stmt_text(stmt, 3) : "");
    if (address_parse_network(stmt_text(stmt, 4), &ret->subnet, &ret->prefix_len) < 0 ||
            address_parse(stmt_text(stmt, 5), &ret->gateway) < 0)
        return error_set_plain(
                err, EINVAL, NULL, "network %s: the database has a damaged address", ret->name);
    if (range && address_parse_network(range, &ret->range, &ret->range_prefix_len) < 0)
        return error_set_plain(
                err, EINVAL, NULL, "network %s: the database has a damaged address", ret->name);
    r = network_read_map(arena, stmt_text(stmt, 10), "network options", &ret->options, err);
    if (r < 0)
        return r;
    return network_read_map(arena, stmt_text(stmt, 11), "network labels", &ret->labels, err);
}

/* Steps once; *ret stays NULL when there is no row. */
static int read_one(
        struct arena *arena, struct stmt *stmt, struct network **ret, struct error **err)
{
    int r = stmt_step(stmt, err);

    if (r <= 0)
        return r;
    struct network *network = ARENA_NEW(arena, struct network);
    r = network_from_row(arena, stmt, network, err);
    if (r < 0)
        return r;
    *ret = network;
    return 1;
}

int network_find(struct engine *engine, struct arena *arena, const char *ref, struct network **ret,
        struct error **err)
{
    auto_(stmt_done_p) struct stmt *exact = NULL;
    auto_(stmt_done_p) struct stmt *prefix = NULL;
    struct network *network = NULL, *second = NULL;
    int r = db_query(engine->db, &exact, err,
            "SELECT " NETWORK_COLUMNS
            " FROM networks WHERE name = ?1 OR id = ?1 ORDER BY name = ?1 DESC",
            "t", ref);

    *ret = NULL;
    if (r < 0)
        return r;
    r = read_one(arena, exact, ret, err);
    if (r != 0 || string_is_empty(ref))
        return r < 0 ? r : 0;

    r = db_query(engine->db, &prefix, err,
            "SELECT " NETWORK_COLUMNS " FROM networks WHERE substr(id, 1, length(?1)) = ?1 LIMIT 2",
            "t", ref);
    if (r < 0)
        return r;
    r = read_one(arena, prefix, &network, err);
    if (r <= 0)
        return r;
    r = read_one(arena, prefix, &second, err);
    if (r < 0)
        return r;
    if (r > 0)
        return error_set_plain(
                err, EINVAL, NULL, "network %s is ambiguous (more than one id begins so)", ref);
    *ret = network;
    return 0;
}

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
    int r = db_query(engine->db, &stmt, err, "SELECT subnet FROM networks", "");

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

/* What the user gave, or what is free. */
static int settle_subnet(struct engine *engine, const struct network_create_options *options,
        struct network *network, struct error **err)
{
    struct pool_subnets used = { 0 };
    struct pool_subnet subnet;
    char text[ADDRESS_NETWORK_TEXT_MAX];
    int r = 0;

    if (options->subnet) {
        if (address_parse_network(options->subnet, &subnet.address, &subnet.prefix_len) < 0)
            return error_set_plain(err, EINVAL, NULL,
                    "invalid subnet %s: expected an IPv4 network such as 10.5.0.0/16",
                    options->subnet);
        if (subnet.prefix_len < 8 || subnet.prefix_len > 30)
            return error_set_plain(err, EINVAL, NULL,
                    "invalid subnet %s: the prefix must be from 8 to 30", options->subnet);
        if (subnet.address & ~address_mask(subnet.prefix_len))
            return error_set_plain(err, EINVAL, NULL, "invalid subnet %s: it should be %s",
                    options->subnet,
                    address_format_network(subnet.address & address_mask(subnet.prefix_len),
                            subnet.prefix_len, text));
        r = used_subnets(engine, false, &used, err);
        if (r >= 0 && pool_overlaps(&used, subnet))
            r = error_set_plain(err, EEXIST, NULL,
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

static int settle_gateway(
        const struct network_create_options *options, struct network *network, struct error **err)
{
    uint32_t broadcast = network->subnet | ~address_mask(network->prefix_len);

    if ((options->gateway || options->ip_range) && !options->subnet)
        return error_set_plain(err, EINVAL, NULL,
                "network %s: a gateway or an address range needs a subnet", network->name);
    if (options->ip_range) {
        if (address_parse_network(options->ip_range, &network->range, &network->range_prefix_len) <
                0)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid address range %s", options->ip_range);
        if (network->range_prefix_len < network->prefix_len ||
                !address_is_in(network->range, network->subnet, network->prefix_len))
            return error_set_plain(err, EINVAL, NULL,
                    "the address range %s does not lie in the subnet %s", options->ip_range,
                    options->subnet);
        network->range &= address_mask(network->range_prefix_len);
    }
    network->gateway = network->subnet + 1;
    if (!options->gateway)
        return 0;
    if (address_parse(options->gateway, &network->gateway) < 0)
        return error_set_plain(err, EINVAL, NULL, "invalid gateway address %s", options->gateway);
    if (!address_is_in(network->gateway, network->subnet, network->prefix_len) ||
            network->gateway == network->subnet || network->gateway == broadcast)
        return error_set_plain(err, EINVAL, NULL,
                "the gateway %s is not an address of the subnet %s", options->gateway,
                options->subnet);
    return 0;
}

static int check_options(const struct network_create_options *options, struct error **err)
{
    if (string_is_empty(options->name))
        return error_set_plain(err, EINVAL, NULL, "a network needs a name");
    if (strlen(options->name) > LIMIT_NAME_BYTES || strpbrk(options->name, "/ \t\n\r"))
        return error_set_plain(err, EINVAL, NULL, "invalid network name \"%s\"", options->name);
    if (options->driver && !string_is_empty(options->driver) &&
            !string_is_equal(options->driver, "bridge"))
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "network %s: driver \"%s\" is not supported, only \"bridge\" is", options->name,
                options->driver);
    if (options->enable_ipv6)
        return error_set_plain(
                err, EOPNOTSUPP, NULL, "network %s: IPv6 is not supported", options->name);
    if (!options->options)
        return 0;
    STRMAP_FOREACH(options->options, it) {
        const struct bridge_option *known = NULL;

        for (size_t i = 0; i < ARRAY_LEN(bridge_options); i++)
            if (string_is_equal(it->key, bridge_options[i].key))
                known = &bridge_options[i];
        if (!known)
            return error_set_plain(err, EOPNOTSUPP, NULL,
                    "network %s: the driver option \"%s\" is not supported", options->name,
                    it->key);
        if (known->check(it->value ? it->value : "") < 0)
            return error_set_plain(err, EINVAL, NULL,
                    "network %s: driver option \"%s\": expected %s", options->name, it->key,
                    known->expected);
    }
    return 0;
}

static int insert_network(struct engine *engine, const struct network *network,
        const struct network_create_options *options, struct error **err)
{
    char subnet[ADDRESS_NETWORK_TEXT_MAX], gateway[ADDRESS_TEXT_MAX],
            range[ADDRESS_NETWORK_TEXT_MAX];
    auto_free char *option_text = network_dump_map(options->options);
    auto_free char *label_text = network_dump_map(options->labels);
    int r = db_exec(engine->db, err,
            "INSERT INTO networks (id, name, driver, bridge, subnet, gateway, ip_range, user_subnet,"
            " internal, attachable, options, labels, created_nsec)"
            " VALUES (?, ?, 'bridge', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            "ttttttiiitti", network->id, network->name, network->bridge,
            address_format_network(network->subnet, network->prefix_len, subnet),
            address_format(network->gateway, gateway),
            network->range_prefix_len
                    ? address_format_network(network->range, network->range_prefix_len, range)
                    : NULL,
            (int64_t)network->user_subnet, (int64_t)network->internal, (int64_t)network->attachable,
            option_text, label_text, time_realtime_nsec());

    if (r < 0 && db_failed_unique(engine->db))
        return error_set_plain(err, EEXIST, NULL,
                "network %s: the bridge %s belongs to another network", network->name,
                network->bridge);
    return r < 0 ? r : 0;
}

/* Within the caller's transaction. */
static int create_row(struct engine *engine, struct arena *arena,
        const struct network_create_options *options, const char *id, const char *bridge,
        struct error **err)
{
    struct network network = { .id = id, .name = options->name };
    struct network *same = NULL;
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT " NETWORK_COLUMNS " FROM networks WHERE name = ?", "t", options->name);

    if (r < 0)
        return r;
    r = read_one(arena, stmt, &same, err);
    if (r < 0)
        return r;
    if (same)
        return error_set_plain(
                err, EEXIST, NULL, "network with name %s already exists", options->name);
    network.internal = options->internal;
    network.attachable = options->attachable;
    snprintf(network.bridge, sizeof(network.bridge), "%s", bridge);
    r = settle_subnet(engine, options, &network, err);
    if (r >= 0)
        r = settle_gateway(options, &network, err);
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
    r = create_row(engine, &arena, options, id, bridge, err);
    if (r < 0)
        return r;
    r = db_commit(&transaction, err);
    if (r < 0)
        return r;
    engine_event(engine, "network", "create", id, "name", options->name);
    memcpy(ret_id, id, sizeof(id));
    return 0;
}

int network_default(
        struct engine *engine, struct arena *arena, struct network **ret, struct error **err)
{
    static const struct network_create_options defaults = { .name = NETWORK_DEFAULT_NAME };
    auto_(db_rollback_p) struct db *transaction = NULL;
    char id[RANDOM_ID_HEX + 1], bridge[IFNAMSIZ], suffix[NETWORK_ROOT_SUFFIX_MAX];
    int r = network_find(engine, arena, NETWORK_DEFAULT_NAME, ret, err);

    if (r < 0 || *ret)
        return r;
    r = db_begin(engine->db, &transaction, err);
    if (r < 0)
        return r;
    r = network_find(engine, arena, NETWORK_DEFAULT_NAME, ret, err);
    if (r < 0 || *ret)
        return r; /* another process was faster */
    random_id(id);
    network_root_suffix(engine, suffix);
    snprintf(bridge, sizeof(bridge), "berth%.10s", *suffix ? suffix : "0");
    r = create_row(engine, arena, &defaults, id, bridge, err);
    if (r < 0)
        return r;
    r = network_find(engine, arena, NETWORK_DEFAULT_NAME, ret, err);
    if (r < 0)
        return r;
    return db_commit(&transaction, err);
}

int network_lookup(struct engine *engine, struct arena *arena, const char *ref,
        struct network **ret, struct error **err)
{
    if (string_is_equal(ref, "default") || string_is_equal(ref, NETWORK_DEFAULT_NAME))
        return network_default(engine, arena, ret, err);
    return network_find(engine, arena, ref, ret, err);
}

int network_list(struct engine *engine, struct arena *arena, struct network **ret, size_t *ret_len,
        struct error **err)
{
    struct {
        struct network *items;
        size_t len, cap;
    } list = { 0 };
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    struct network *unused;
    int r = network_default(engine, arena, &unused, err);

    if (r < 0)
        return r;
    r = db_query(
            engine->db, &stmt, err, "SELECT " NETWORK_COLUMNS " FROM networks ORDER BY name", "");
    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        r = network_from_row(arena, stmt, ARRAY_APPEND_ARENA(arena, &list), err);
    if (r < 0)
        return r;
    *ret = list.items;
    *ret_len = list.len;
    return 0;
}

/* `name:"web" id:"0123456789ab"` for every container that uses the network now; "" for none. */
static int list_users(struct engine *engine, struct arena *arena, const struct network *network,
        const char **ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    const char *users = "";
    int r = db_query(engine->db, &stmt, err,
            "SELECT containers.name, containers.id FROM endpoints"
            " JOIN containers ON containers.id = endpoints.container_id"
            " WHERE network_id = ? AND active_boot = ? ORDER BY containers.name",
            "tt", network->id, engine->boot_id);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        users = arena_printf(arena, "%s%sname:\"%s\" id:\"%.12s\"", users, *users ? ", " : "",
                stmt_text(stmt, 0), stmt_text(stmt, 1));
    *ret = users;
    return r;
}

/* -EBUSY in Docker's words while a container uses it. */
static int check_unused(struct engine *engine, struct arena *arena, const struct network *network,
        struct error **err)
{
    const char *users;
    int r = list_users(engine, arena, network, &users, err);

    if (r < 0 || !*users)
        return r;
    return error_set_plain(err, EBUSY, NULL,
            "error while removing network: network %s has active endpoints (%s)", network->name,
            users);
}

/* Nobody becomes active meanwhile: that takes the lock which the caller holds. The bridge goes before the
 * row, so that a death in between leaves nothing that the database does not know. */
static int remove_rows(struct engine *engine, const struct network *network, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    int r = db_begin(engine->db, &transaction, err);

    if (r < 0)
        return r;
    r = db_exec(engine->db, err, "DELETE FROM endpoints WHERE network_id = ?", "t", network->id);
    if (r >= 0)
        r = db_exec(engine->db, err, "DELETE FROM networks WHERE id = ?", "t", network->id);
    if (r < 0)
        return r;
    return db_commit(&transaction, err);
}

int network_remove(struct engine *engine, const char *ref, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct network *network;
    int r;

    if (network_name_is_reserved(ref))
        return error_set_plain(
                err, EPERM, NULL, "%s is a pre-defined network and cannot be removed", ref);
    r = network_find(engine, &arena, ref, &network, err);
    if (r < 0)
        return r;
    if (!network)
        return error_set_plain(err, ENOENT, NULL, "network %s not found", ref);
    if (network_is_default(network))
        return error_set_plain(err, EPERM, NULL,
                "%s is a pre-defined network and cannot be removed", network->name);

    auto_close int lock = engine_lock(engine, "network", true, err);
    if (lock < 0)
        return lock;
    r = check_unused(engine, &arena, network, err);
    if (r >= 0)
        r = bridge_remove(network->bridge, network->id, err);
    if (r >= 0)
        r = remove_rows(engine, network, err);
    if (r >= 0)
        engine_event(engine, "network", "destroy", network->id, "name", network->name);
    return r < 0 ? r : 0;
}

int network_prune(struct engine *engine, struct arena *arena, const struct prune_filter *prune,
        struct strings *ret_names, struct error **err)
{
    struct strings names = { 0 }, removed = { 0 };
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT name FROM networks WHERE name <> 'bridge'"
            " AND id NOT IN (SELECT network_id FROM endpoints) ORDER BY name",
            "");

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND_ARENA(arena, &names) = arena_strdup(arena, stmt_text(stmt, 0));
    for (size_t i = 0; r >= 0 && i < names.len; i++) {
        struct network *network = NULL;

        r = network_lookup(engine, arena, names.items[i], &network, err);
        if (r < 0 || !network ||
                !prune_filter_takes(
                        prune, network->created_nsec, prune_label_of_map, &network->labels))
            continue;
        r = network_remove(engine, names.items[i], err);
        *ARRAY_APPEND_ARENA(arena, &removed) = names.items[i];
    }
    if (r >= 0)
        *ret_names = removed;
    return r;
}
