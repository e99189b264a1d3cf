#include "engine/network/apply-internal.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "engine/engine-internal.h"
#include "engine/network/firewall-internal.h"
#include "engine/network/network-internal.h"
#include "engine/network/ports-internal.h"

/* Networks with an active endpoint, each once. */
static int add_networks(struct engine *engine, struct arena *arena, struct firewall_state *state,
        struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT " NETWORK_COLUMNS " FROM networks WHERE id IN"
            " (SELECT network_id FROM endpoints WHERE active_boot = ?)",
            "t", engine->boot_id);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0) {
        struct network network;

        r = network_from_row(arena, stmt, &network, err);
        if (r >= 0)
            firewall_add_network(arena, state, &network);
    }
    return r;
}

static void table_name(const struct engine *engine, char buffer[static FIREWALL_TABLE_MAX])
{
    char suffix[NETWORK_ROOT_SUFFIX_MAX];

    snprintf(buffer, FIREWALL_TABLE_MAX, "berth%s", network_root_suffix(engine, suffix));
}

bool firewall_is_lost(struct engine *engine)
{
    char table[FIREWALL_TABLE_MAX];

    table_name(engine, table);
    for (int family = 0; family < FIREWALL_FAMILY_MAX_; family++) {
        uint64_t applied, handle = 0;

        if (firewall_read_handle(engine->run_fd, family, &applied) &&
                nftables_table_handle(family, table, &handle, NULL) >= 0 && handle != applied)
            return true;
    }
    return false;
}

static int apply_family(struct engine *engine, enum firewall_family family,
        const struct ports *ports, bool repair, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    char table[FIREWALL_TABLE_MAX];
    struct firewall_state state = { .table = table, .family = family };
    int r;

    table_name(engine, table);
    r = add_networks(engine, &arena, &state, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < ports->len; i++)
        firewall_add_port(&arena, &state, &ports->items[i]);
    firewall_sort(&state);
    return firewall_apply(engine->run_fd, &arena, &state, repair, err);
}

int apply_firewall(struct engine *engine, bool repair, struct error **err)
{
    struct ports ports = { 0 };
    int r = ports_read(engine, NULL, &ports, err);
    bool ports_are_known = r >= 0;

    /* A family that cannot be changed leaves the other one no rules of what is gone. */
    for (int family = 0; ports_are_known && family < FIREWALL_FAMILY_MAX_; family++) {
        int changed = apply_family(engine, family, &ports, repair, r < 0 ? NULL : err);

        r = r < 0 ? r : changed;
    }
    ARRAY_RELEASE(&ports);
    return r;
}
