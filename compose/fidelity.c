#include "compose/fidelity.h"

#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "compose/document.h"
#include "compose/project.h"

const char *const fidelity_names[] = {
    [UNITS_MAPPED] = "mapped",
    [UNITS_APPROXIMATED] = "approximated",
    [UNITS_DROPPED] = "dropped",
};
_Static_assert(ARRAY_LEN(fidelity_names) == UNITS_MAX_, "name every state");

struct walk {
    struct arena *arena;
    enum fidelity_for whose;
    struct fidelity *result;
};

static void walk_table(
        struct walk *w, const struct attr_table *table, const struct node *map, const char *path);

static enum attr_units judge(const struct walk *w, const struct attr *row, const struct node *value,
        const char **ret_note)
{
    *ret_note = NULL;
    if (row->flags & ATTR_NO_EFFECT) {
        *ret_note = "Docker Compose has no use for it";
        return UNITS_DROPPED;
    }
    if (w->whose == FIDELITY_PODMAN) {
        *ret_note = row->podman_note;
        return row->podman;
    }
    if (row->engine == SUPPORT_REFUSED || (row->unsupported && row->unsupported(value))) {
        *ret_note = "not supported yet";
        return UNITS_DROPPED;
    }
    if (row->units_exact && row->units_exact(value))
        return UNITS_MAPPED;
    if (row->units == UNITS_MAPPED && row->engine == SUPPORT_FOREIGN) {
        *ret_note = "up goes on without it, too";
        return UNITS_DROPPED;
    }
    *ret_note = row->units_note;
    return row->units;
}

static void add_entry(struct walk *w, const char *path, const struct source *at,
        enum attr_units state, const char *note)
{
    *ARRAY_APPEND_ARENA(w->arena, w->result) = (struct fidelity_entry){ path, *at, state, note };
    w->result->counts[state]++;
}

/* A struct by its rows, a list or map of structs by theirs. False for what has no rows. */
static bool walk_inside(
        struct walk *w, const struct attr *row, const struct node *value, const char *path)
{
    const struct attr_table *items = row->items ? row->items->table : NULL;

    if (row->table && value->kind == NODE_MAP) {
        walk_table(w, row->table, value, path);
        return true;
    }
    if (!items)
        return false;
    for (uint32_t i = 0; value->kind == NODE_LIST && i < value->len; i++)
        if (value->items[i]->kind == NODE_MAP)
            walk_table(w, items, value->items[i], arena_printf(w->arena, "%s[%u]", path, i));
    for (uint32_t i = 0; value->kind == NODE_MAP && i < value->len; i++)
        if (value->entries[i].value->kind == NODE_MAP)
            walk_table(w, items, value->entries[i].value,
                    arena_printf(w->arena, "%s.%s", path, value->entries[i].key));
    return true;
}

static const struct attr *find_row(const struct attr_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (strcmp(table->rows[i].name, name) == 0)
            return &table->rows[i];
    return NULL;
}

static bool is_same_place(const struct source *a, const struct source *b)
{
    return a->line == b->line && a->column == b->column;
}

/* Defaults and what short forms come to have the place of the whole; so has the first key that is written, but not its
 * value. */
static bool is_written(const struct node *map, const struct node_entry *entry)
{
    return !is_same_place(&entry->key_at, &map->at) || !is_same_place(&entry->value->at, &map->at);
}

static void walk_table(
        struct walk *w, const struct attr_table *table, const struct node *map, const char *path)
{
    NODE_FOREACH(map, entry) {
        const struct attr *row = find_row(table, entry->key);
        const char *here = arena_printf(w->arena, "%s%s%s", path, *path ? "." : "", entry->key);
        const char *note;

        if (!row || entry->value->kind == NODE_NULL)
            continue;
        enum attr_units state = judge(w, row, entry->value, &note);
        if (state == UNITS_DROPPED && !is_written(map, entry))
            continue;
        if (state != UNITS_MAPPED || !walk_inside(w, row, entry->value, here))
            add_entry(w, here, &entry->key_at, state, note);
    }
}

void fidelity_collect(struct arena *arena, const struct project *project, enum fidelity_for whose,
        struct fidelity *ret)
{
    struct walk w = { arena, whose, ret };

    *ret = (struct fidelity){ 0 };
    walk_table(&w, &compose_table, project->model, "");
}
