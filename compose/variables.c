#include "compose/variables.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/strmap.h"
#include "compose/document.h"
#include "compose/interpolate.h"
#include "compose/project.h"

struct collector {
    struct arena *arena;
    struct strmap known; /* name -> struct project_variable */
};

static void collect(void *userdata, const struct interpolate_use *use)
{
    struct collector *collector = userdata;
    struct project_variable *variable = strmap_get(&collector->known, use->name);
    bool has_value = use->default_value || use->alternate_value;

    if (!variable) {
        variable = ARENA_NEW(collector->arena, struct project_variable);
        (void)strmap_set(&collector->known, use->name, variable);
    } else if (variable->required || (!use->required && (!has_value || variable->default_value ||
                                                                variable->alternate_value))) {
        return;
    }
    *variable = (struct project_variable){
        .name = use->name,
        .required = use->required,
        .default_value = use->default_value,
        .alternate_value = use->alternate_value,
    };
}

static void collect_from(struct collector *collector, const struct node *node)
{
    if (node->kind == NODE_TEXT)
        interpolate_list(collector->arena, node->text, collect, collector);
    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++)
        collect_from(collector, node->items[i]);
    NODE_FOREACH(node, entry) {
        if (node->flags & NODE_SHORT) /* of a list, where the name is part of a value */
            interpolate_list(collector->arena, entry->key, collect, collector);
        collect_from(collector, entry->value);
    }
}

static int compare(const void *a, const void *b)
{
    return strcmp(
            ((const struct project_variable *)a)->name, ((const struct project_variable *)b)->name);
}

void project_list_variables(
        struct arena *arena, const struct project *project, struct project_variables *ret)
{
    struct collector collector = { .arena = arena };

    strmap_init_arena(&collector.known, arena);
    collect_from(&collector, project->model);
    *ret = (struct project_variables){ 0 };
    STRMAP_FOREACH(&collector.known, entry)
        *ARRAY_APPEND_ARENA(arena, ret) = *(const struct project_variable *)entry->value;
    if (ret->len > 1)
        qsort(ret->items, ret->len, sizeof(*ret->items), compare);
}
