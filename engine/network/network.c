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

bool network_has_bridge(const struct network *network)
{
    return !string_is_equal(network->driver, NETWORK_DRIVER_MACVLAN) &&
           !string_is_equal(network->driver, NETWORK_DRIVER_IPVLAN);
}

bool network_is_named(const struct network *network, const char *ref)
{
    return string_is_equal(ref, network->name) || string_has_prefix(network->id, ref) ||
           (network_is_default(network) && string_is_equal(ref, "default"));
}

const char *network_gateway_mode(const struct network *network, bool ipv4)
{
    const char *mode = network_option(
            network, ipv4 ? NETWORK_OPTION_GATEWAY_MODE : NETWORK_OPTION_GATEWAY_MODE6);

    return mode ? mode : NETWORK_MODE_NAT;
}

bool network_is_routed(const struct network *network, bool ipv4)
{
    return string_is_equal(network_gateway_mode(network, ipv4), NETWORK_MODE_ROUTED);
}

bool network_has_masquerade(const struct network *network, bool ipv4)
{
    return !network->internal && !network_is_routed(network, ipv4) &&
           network_option_bool(network, NETWORK_OPTION_MASQUERADE, true);
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

static bool read_pool(struct stmt *stmt, struct network *ret)
{
    const char *range = stmt_text(stmt, 6);

    return (!stmt_text(stmt, 4) && !ret->ipv4) ||
           (address_parse_network(stmt_text(stmt, 4), &ret->subnet, &ret->prefix_len) >= 0 &&
                   address_parse(stmt_text(stmt, 5), &ret->gateway) >= 0 &&
                   (!range ||
                           address_parse_network(range, &ret->range, &ret->range_prefix_len) >= 0));
}

static bool read_pool6(struct stmt *stmt, struct network *ret)
{
    const char *range = stmt_text(stmt, 17);

    return (!stmt_text(stmt, 15) && !ret->ipv6) ||
           (address6_parse_network(stmt_text(stmt, 15), &ret->subnet6, &ret->prefix6_len) >= 0 &&
                   address6_parse(stmt_text(stmt, 16), &ret->gateway6) >= 0 &&
                   (!range || address6_parse_network(
                                      range, &ret->range6, &ret->range6_prefix_len) >= 0));
}

int network_from_row(
        struct arena *arena, struct stmt *stmt, struct network *ret, struct error **err)
{
    int r;

    *ret = (struct network){
        .id = arena_strdup(arena, stmt_text(stmt, 0)),
        .name = arena_strdup(arena, stmt_text(stmt, 1)),
        .driver = arena_strdup(arena, stmt_text(stmt, 2)),
        .user_subnet = stmt_int(stmt, 7) != 0,
        .internal = stmt_int(stmt, 8) != 0,
        .attachable = stmt_int(stmt, 9) != 0,
        .created_nsec = stmt_int(stmt, 12),
        .ipv4 = stmt_int(stmt, 13) != 0,
        .ipv6 = stmt_int(stmt, 14) != 0,
        .user_subnet6 = stmt_int(stmt, 18) != 0,
    };
    snprintf(ret->bridge, sizeof(ret->bridge), "%s", stmt_text(stmt, 3) ? stmt_text(stmt, 3) : "");
    if (!read_pool(stmt, ret) || !read_pool6(stmt, ret))
        return error_set_plain(
                err, EINVAL, NULL, "network %s: the database has a damaged address", ret->name);
    r = network_read_map(arena, stmt_text(stmt, 10), "network options", &ret->options, err);
    if (r >= 0)
        r = network_read_map(
                arena, stmt_text(stmt, 19), "auxiliary addresses", &ret->aux_addresses, err);
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

int network_find_by_name(struct engine *engine, struct arena *arena, const char *name,
        struct network **ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT " NETWORK_COLUMNS " FROM networks WHERE name = ?", "t", name);

    *ret = NULL;
    return r < 0 ? r : read_one(arena, stmt, ret, err);
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
    r = network_create_row(engine, arena, &defaults, id, bridge, err);
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
        r = !network_has_bridge(network) ? 0 : bridge_remove(network->bridge, network->id, err);
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
