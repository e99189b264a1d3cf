/* What of a project is shown, and how: the models that print.c prints, made from those that were loaded. */
#include "compose/print-internal.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "compose/document.h"
#include "compose/project.h"
#include "compose/schema-types.h"
#include "compose/schema.h"

struct node *print_view_json(struct arena *arena, const struct attr *attr, struct node *node)
{
    const struct attr *items = attr->items;
    struct node *view;

    if (attr->type->shape == SHAPE_LIST && node->kind == NODE_LIST && items && items->table) {
        view = node_copy(arena, node);
        for (uint32_t i = 0; i < view->len; i++)
            view->items[i] = print_view_json(arena, items, view->items[i]);
        return view;
    }
    if (attr->type->shape == SHAPE_MAP && node->kind == NODE_MAP && items && items->table) {
        view = node_copy(arena, node);
        NODE_FOREACH(view, entry)
            entry->value = print_view_json(arena, items, entry->value);
        return view;
    }
    if (attr->type->shape != SHAPE_STRUCT || node->kind != NODE_MAP)
        return node;
    view = node_new(arena, NODE_MAP, &node->at);
    for (size_t i = 0; i < attr->table->count; i++) {
        const struct attr *row = &attr->table->rows[i];
        struct node *value = node_get(node, row->name);

        if (!value && (row->flags & ATTR_JSON_NULL))
            value = node_new(arena, NODE_NULL, &node->at);
        if (!value && (row->flags & ATTR_JSON_EMPTY))
            value = node_new(arena, NODE_MAP, &node->at);
        if (value && (row->flags & ATTR_JSON_NO_EMPTY) && value->kind == NODE_TEXT && !*value->text)
            continue;
        if (value && !(row->flags & ATTR_NOT_IN_JSON))
            node_set(arena, view, row->name, NULL, print_view_json(arena, row, value));
    }
    return view;
}

/* The attributes as they are, then the extensions in order. */
static struct node *yaml_struct_view(
        struct arena *arena, const struct attr_table *table, const struct node *node)
{
    struct node *view = node_new(arena, NODE_MAP, &node->at);
    struct node *extensions = node_new(arena, NODE_MAP, &node->at);

    NODE_FOREACH(node, entry) {
        const struct attr *row = schema_find(table, entry->key);

        node_set(arena, row ? view : extensions, entry->key, &entry->key_at,
                print_view_yaml(arena, row, entry->value));
    }
    node_sort_keys_naturally(extensions);
    NODE_FOREACH(extensions, entry)
        node_set(arena, view, entry->key, &entry->key_at, entry->value);
    return view;
}

struct node *print_view_yaml(struct arena *arena, const struct attr *attr, struct node *node)
{
    const struct attr *items = attr ? attr->items : NULL;
    struct node *view;

    if (node->kind != NODE_LIST && node->kind != NODE_MAP)
        return node;
    if (node->kind == NODE_MAP && attr && attr->type->shape == SHAPE_STRUCT)
        return yaml_struct_view(arena, attr->table, node);
    view = node_copy(arena, node);
    for (uint32_t i = 0; view->kind == NODE_LIST && i < view->len; i++)
        view->items[i] = print_view_yaml(arena, items, view->items[i]);
    if (view->kind == NODE_MAP)
        node_sort_keys_naturally(view);
    if (attr && attr->type->shape == SHAPE_MAP && !items) /* soft and hard of a limit stay */
        return view;
    NODE_FOREACH(view, entry)
        entry->value = print_view_yaml(arena, items, entry->value);
    return view;
}

/* A list of KEY=value with a variable in a name stays one: no reader fills in names of a mapping. */
static struct node *raw_pairs(struct arena *arena, struct node *map)
{
    struct node *list = node_new(arena, NODE_LIST, &map->at);
    bool in_name = false;

    NODE_FOREACH(map, entry) {
        const char *value = node_scalar_text(arena, entry->value);
        const char *text = entry->value->kind == NODE_NULL
                                   ? entry->key
                                   : arena_printf(arena, "%s=%s", entry->key, value ? value : "");

        in_name = in_name || strchr(entry->key, '$');
        node_list_append(arena, list, node_new_text(arena, text, &entry->key_at));
    }
    return in_name && (map->flags & NODE_SHORT) ? list : map;
}

struct node *print_view_raw(struct arena *arena, const struct attr *attr, struct node *node)
{
    struct node *view;

    if (!attr || (node->kind != NODE_LIST && node->kind != NODE_MAP))
        return node;
    if (attr->type == &type_pairs && node->kind == NODE_MAP)
        return raw_pairs(arena, node);
    view = node_copy(arena, node);
    for (uint32_t i = 0; view->kind == NODE_LIST && i < view->len; i++)
        view->items[i] = print_view_raw(arena, attr->items, view->items[i]);
    NODE_FOREACH(view, entry) {
        const struct attr *child = attr->type->shape == SHAPE_STRUCT
                                           ? schema_find(attr->table, entry->key)
                                           : attr->items;

        entry->value = print_view_raw(arena, child, entry->value);
    }
    return view;
}

/* The names of Docker Compose's own structure, which has none for JSON. */
static struct node *capitalised(struct arena *arena, const struct node *devices)
{
    struct node *list = node_copy(arena, devices);

    for (uint32_t i = 0; i < list->len; i++) {
        struct node *device = node_new(arena, NODE_MAP, &list->items[i]->at);

        NODE_FOREACH(list->items[i], entry) {
            char *key = arena_strdup(arena, entry->key);

            key[0] = (char)toupper((unsigned char)key[0]);
            node_set(arena, device, key, NULL, entry->value);
        }
        list->items[i] = device;
    }
    return list;
}

static struct node *marshalled_blkio(struct arena *arena, const struct node *blkio)
{
    struct node *map = node_copy(arena, blkio);

    NODE_FOREACH(map, entry) {
        if (entry->value->kind == NODE_LIST)
            entry->value = capitalised(arena, entry->value);
    }
    return map;
}

/* A required file is only its path there. */
static struct node *marshalled_env_files(struct arena *arena, const struct node *files)
{
    struct node *list = node_copy(arena, files);

    for (uint32_t i = 0; i < list->len; i++) {
        const struct node *required = node_get(list->items[i], "required");
        struct node *path = node_get(list->items[i], "path");

        if (path && (!required || required->kind != NODE_BOOL || required->boolean))
            list->items[i] = path;
    }
    return list;
}

struct node *print_view_marshalled(struct arena *arena, const struct service *service)
{
    static const char *const left_out[] = { "build", "depends_on", "scale", "pull_policy",
        "pull_refresh_after", "profiles" };
    struct node *model = node_copy(arena, service->model);
    struct node *deploy = node_get(model, "deploy"), *env_files = node_get(model, "env_file");
    const struct node *blkio = node_get(model, "blkio_config");

    for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
        node_remove(model, left_out[i]);
    if (deploy && deploy->kind == NODE_MAP) {
        deploy = node_copy(arena, deploy);
        node_remove(deploy, "replicas");
        node_set(arena, model, "deploy", NULL, deploy);
    }
    model = print_view_json(arena, &service_attr, model);
    if (env_files && env_files->kind == NODE_LIST)
        node_set(arena, model, "env_file", NULL, marshalled_env_files(arena, env_files));
    if (blkio && blkio->kind == NODE_MAP)
        node_set(arena, model, "blkio_config", NULL, marshalled_blkio(arena, blkio));
    return model;
}
