#include <errno.h>
#include <net/if.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "engine/engine-internal.h"
#include "engine/network/address-internal.h"
#include "engine/network/apply-internal.h"
#include "engine/network/netlink-internal.h"
#include "engine/network/network-internal.h"

static int is_in_use(struct engine *engine, const struct network *network, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT 1 FROM endpoints WHERE network_id = ? AND active_boot = ?", "tt", network->id,
            engine->boot_id);

    return r < 0 ? r : stmt_step(stmt, err);
}

static int is_taken(const struct network *network, struct error **err)
{
    auto_(netlink_close_p) struct netlink *nl = NULL;
    int r = netlink_open(&nl, err);

    return r < 0 ? r : bridge_subnet_is_taken(nl, network, if_nametoindex(network->bridge), err);
}

/* In the order of the old addresses, so that what came first stays first. */
static int move_endpoints(struct engine *engine, const struct network *network, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    struct strings containers = { 0 };
    int r = db_query(engine->db, &stmt, err,
            "SELECT container_id FROM endpoints WHERE network_id = ? AND ipv4 IS NOT NULL"
            " ORDER BY length(ipv4), ipv4",
            "t", network->id);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND_ARENA(&arena, &containers) = arena_strdup(&arena, stmt_text(stmt, 0));
    if (r >= 0)
        r = db_exec(engine->db, err, "UPDATE endpoints SET ipv4 = NULL WHERE network_id = ?", "t",
                network->id);
    for (size_t i = 0; r >= 0 && i < containers.len; i++) {
        char text[ADDRESS_TEXT_MAX];
        uint32_t address;

        r = network_choose_address(engine, network, &address, err);
        if (r >= 0)
            r = db_exec(engine->db, err,
                    "UPDATE endpoints SET ipv4 = ? WHERE network_id = ? AND container_id = ?",
                    "ttt", address_format(address, text), network->id, containers.items[i]);
    }
    return r;
}

int network_move_if_taken(struct engine *engine, const struct network *network, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    char subnet[ADDRESS_NETWORK_TEXT_MAX], gateway[ADDRESS_TEXT_MAX];
    struct network moved = *network;
    struct pool_subnet chosen;
    int r;

    if (network->user_subnet || !network->ipv4 || !network_has_bridge(network))
        return 0;
    r = is_in_use(engine, network, err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = is_taken(network, err);
    if (r <= 0)
        return r;

    r = db_begin(engine->db, &transaction, err);
    if (r >= 0)
        r = network_choose_subnet(engine, &chosen, err);
    if (r < 0)
        return r;
    moved.subnet = chosen.address;
    moved.prefix_len = chosen.prefix_len;
    moved.gateway = chosen.address + 1;
    r = db_exec(engine->db, err,
            "UPDATE networks SET subnet = ?, gateway = ?, last_address = 0 WHERE id = ?", "ttt",
            address_format_network(moved.subnet, moved.prefix_len, subnet),
            address_format(moved.gateway, gateway), network->id);
    if (r >= 0)
        r = move_endpoints(engine, &moved, err);
    if (r >= 0)
        r = db_commit(&transaction, err);
    return r < 0 ? r : 1;
}
