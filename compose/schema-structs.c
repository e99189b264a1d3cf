/* Attributes that are structs with a table of their own, and lists and mappings of such. */
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/diag.h"
#include "compose/schema-rows-internal.h"
#include "compose/schema-suggest.h"
#include "compose/schema-types-internal.h"

/* Arrays of structs all have this layout; see the structs of project.h. */
struct items {
    void *items;
    size_t len, cap;
};

/* ----------------------------------------------------------------------------- structs */

static void refuse_unknown(struct schema_context *context, const struct attr_table *table,
        const struct node_entry *entry)
{
    struct diag_entry *finding = schema_error(
            context, &entry->key_at, "\"%s\" is no %s", entry->key, table->what);

    if (finding)
        finding->id = "unknown-attribute";
    schema_suggest_name(context, table, entry, finding);
}

/* Null in one file keeps what an earlier one says, so whether it is a mistake shows after merging. */
static struct node *read_or_postpone(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    bool takes_null = (attr->flags & (ATTR_NULL | ATTR_NEVER_NULL)) ||
                      attr->type->shape == SHAPE_ANY || attr->type == &type_command;

    if (node->kind != NODE_NULL || takes_null || (node->flags & (NODE_RESET | NODE_OVERRIDE)))
        return schema_read(context, attr, node);
    struct node *pending = schema_derive(context, NODE_NULL, node);

    pending->flags |= NODE_PENDING | (node->flags & NODE_BAD);
    return pending;
}

static void read_member(struct schema_context *context, const struct attr_table *table,
        struct node *map, const struct node_entry *entry)
{
    const struct attr *attr = schema_find(table, entry->key);

    if (!attr && strncmp(entry->key, "x-", 2) == 0 && !table->no_extensions) {
        node_set(context->arena, map, entry->key, &entry->key_at, entry->value);
        map->flags |= entry->value->flags & NODE_HAS_RESET;
        return;
    }
    if (!attr) {
        refuse_unknown(context, table, entry);
        map->flags |= NODE_BAD;
        return;
    }
    size_t mark = schema_push(context, entry->key);
    struct node *value = read_or_postpone(context, attr, entry->value);

    if (!value || (value->flags & NODE_BAD))
        map->flags |= NODE_BAD;
    if (value)
        node_set(context->arena, map, attr->name, &entry->key_at, value);
    schema_pop(context, mark);
}

static struct node *read_struct(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *map;

    if (node->kind == NODE_NULL && (attr->flags & ATTR_NULL))
        return node_copy(context->arena, node);
    if (node->kind == NODE_TEXT && attr->expand) {
        if (schema_is_raw(context, node))
            return node_copy(context->arena, node);
        map = attr->expand(context, attr, node);
        if (map)
            map->flags |= NODE_SHORT;
        return map;
    }
    if (node->kind != NODE_MAP)
        return schema_refuse(context, node, attr->expand ? "a text or a mapping" : "a mapping");
    map = schema_derive(context, NODE_MAP, node);
    map->flags |= node->flags & NODE_BAD;
    NODE_FOREACH(node, entry)
        read_member(context, attr->table, map, entry);
    if (attr->table->after_read)
        attr->table->after_read(context, map, node);
    return map;
}

static void decode_struct(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    if (node->kind == NODE_MAP)
        schema_decode_struct(arena, attr->table, node, field);
}

static struct node *read_list(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *list = schema_derive(context, NODE_LIST, node);

    if (node->kind != NODE_LIST)
        return schema_refuse(context, node, attr->type->expected);
    for (uint32_t i = 0; i < node->len; i++) {
        size_t mark = schema_push_index(context, i);
        struct node *item = schema_read(context, attr->items, node->items[i]);

        if (item)
            node_list_append(context->arena, list, item);
        if (!item || (item->flags & NODE_BAD))
            list->flags |= NODE_BAD;
        schema_pop(context, mark);
    }
    return list;
}

static struct node *read_one_or_list(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *list, *item;

    if (node->kind != NODE_TEXT)
        return read_list(context, attr, node);
    list = schema_derive(context, NODE_LIST, node);
    item = schema_read(context, attr->items, node);
    if (item)
        node_list_append(context->arena, list, item);
    return list;
}

static void *append_item(struct arena *arena, const struct attr_table *table, struct items *array)
{
    array->items = array_grow_arena(
            arena, array->items, array->len, &array->cap, table->struct_size);
    return (char *)array->items + array->len++ * table->struct_size;
}

void schema_decode_list(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    const struct attr_table *table = attr->items->table;

    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++) {
        void *item = append_item(arena, table, field);

        if (node->items[i]->kind == NODE_MAP)
            schema_decode_struct(arena, table, node->items[i], item);
    }
}

/* ---------------------------------------------------------------------- maps of structs */

static bool has_odd_name(const char *key)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    return !*key || strspn(key, plain) != strlen(key);
}

static struct node *read_map(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *map = schema_derive(context, NODE_MAP, node);

    if (node->kind != NODE_MAP)
        return schema_refuse(context, node, attr->type->expected);
    NODE_FOREACH(node, entry) {
        size_t mark = schema_push(context, entry->key);
        bool is_odd = has_odd_name(entry->key), must_not = attr->flags & ATTR_PLAIN_NAMES;
        struct node *value = NULL;

        if (is_odd && !must_not)
            diag_add(context->diag, DIAG_WARNING, "odd-name", &entry->key_at,
                    "%s: letters, digits, \".\", \"_\" and \"-\" make a portable name",
                    context->path.data);
        if (is_odd && must_not)
            schema_error(context, &entry->key_at,
                    "\"%s\" is no valid name; letters, digits, \".\", \"_\" and \"-\" are allowed",
                    entry->key);
        else
            value = read_or_postpone(context, attr->items, entry->value);
        if (!value) { /* keeps its name known, so that no reference to it looks wrong */
            value = schema_derive(context, NODE_MAP, entry->value);
            value->flags |= NODE_BAD;
        }
        if (value->flags & NODE_BAD)
            map->flags |= NODE_BAD;
        node_set(context->arena, map, entry->key, &entry->key_at, value);
        schema_pop(context, mark);
    }
    return map;
}

/* The short form of an item is its name in a list: in a mapping a text says nothing. Reports those that
 * are there; the map without them. */
static const struct node *without_texts(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *copy = NULL;

    if (node->kind != NODE_MAP || !attr->items->expand)
        return node;
    NODE_FOREACH(node, entry) {
        if (entry->value->kind != NODE_TEXT || schema_is_raw(context, entry->value))
            continue;
        size_t mark = schema_push(context, entry->key);

        struct diag_entry *finding = schema_error(context, &entry->value->at,
                "expected a mapping, got %s", node_describe(context->arena, entry->value));

        if (attr->items->table == &dependency_table)
            diag_hint(context->diag, finding, "write \"condition: %s\" below \"%s:\"",
                    entry->value->text, entry->key);
        schema_pop(context, mark);
        if (!copy)
            copy = node_copy(context->arena, node);
        struct node *empty = schema_derive(context, NODE_MAP, entry->value);

        empty->flags |= NODE_BAD;
        copy->entries[entry - node->entries].value = empty;
    }
    return copy ? copy : node;
}

/* `- db: {condition: …}` where only names may stand. */
static void refuse_name(struct schema_context *context, const struct node *item)
{
    size_t before = context->diag->len;

    schema_refuse(context, item, "a name");
    if (item->kind == NODE_MAP && context->diag->len > before)
        diag_hint(context->diag, &context->diag->items[before],
                "with more than names it is a mapping: leave the \"-\" out of all items");
}

/* A list of names is a map of what row->items's expand makes of a name, or of nulls. */
static struct node *read_map_or_names(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *map;

    if (node->kind != NODE_LIST)
        return read_map(context, attr, without_texts(context, attr, node));
    map = schema_derive(context, NODE_MAP, node);
    map->flags |= NODE_SHORT;
    for (uint32_t i = 0; i < node->len; i++) {
        const struct node *item = node->items[i];
        size_t mark = schema_push_index(context, i);

        if (item->kind == NODE_TEXT && (item->flags & NODE_BAD))
            map->flags |= NODE_BAD;
        else if (item->kind != NODE_TEXT)
            refuse_name(context, item);
        else if (node_get_entry(map, item->text))
            schema_error(context, &item->at, "\"%s\" is there twice", item->text);
        else
            node_set(context->arena, map, item->text, &item->at,
                    attr->items->expand ? attr->items->expand(context, attr->items, item)
                                        : schema_derive(context, NODE_NULL, item));
        schema_pop(context, mark);
    }
    return map;
}

static void decode_map(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    const struct attr_table *table = attr->items->table;

    NODE_FOREACH(node, entry) {
        char *item = append_item(arena, table, field);

        if (entry->value->kind == NODE_MAP)
            schema_decode_struct(arena, table, entry->value, item);
        if (table->key_offset != ATTR_NO_OFFSET)
            *(const char **)(void *)(item + table->key_offset) = entry->key;
        if (table->at_offset != ATTR_NO_OFFSET)
            *(struct source *)(void *)(item + table->at_offset) = entry->key_at;
    }
}

/* ------------------------------------------------------------------------- the objects */

TYPE(type_struct, "mapping", "a mapping", "@", SHAPE_STRUCT, read_struct, decode_struct);
TYPE(type_list, "list", "a list", "{\"type\":\"array\",\"items\":@}", SHAPE_LIST, read_list,
        schema_decode_list);
TYPE(type_one_or_list, "text or list", "a text or a list",
        "{\"type\":[\"string\",\"array\"],\"items\":@}", SHAPE_LIST, read_one_or_list,
        schema_decode_list);
TYPE(type_map, "mapping", "a mapping", "{\"type\":\"object\",\"additionalProperties\":@}",
        SHAPE_MAP, read_map, decode_map);
TYPE(type_map_or_names, "mapping or list of names", "a list of names or a mapping",
        JSON_LIST_OR_MAP("@"), SHAPE_MAP, read_map_or_names, decode_map);
