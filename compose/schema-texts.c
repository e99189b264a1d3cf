/* Attributes of several texts: lists, and mappings that may be written as KEY=value. */
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/diag.h"
#include "compose/project.h"
#include "compose/schema-rows-internal.h"
#include "compose/schema-types-internal.h"

/* -------------------------------------------------------------------------------- lists */

static struct node *read_item_text(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    if (attr->type == &type_texts_or_numbers)
        return type_text_or_number.read(
                context, &(const struct attr){ .type = &type_text_or_number }, node);
    return type_text.read(context, &(const struct attr){ .type = &type_text }, node);
}

static struct node *read_texts(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *list = schema_derive(context, NODE_LIST, node);

    if (node->kind != NODE_LIST)
        return schema_refuse(context, node, attr->type->expected);
    for (uint32_t i = 0; i < node->len; i++) {
        size_t mark = schema_push_index(context, i);
        struct node *item = read_item_text(context, attr, node->items[i]);

        if (item)
            node_list_append(context->arena, list, item);
        schema_pop(context, mark);
    }
    return list;
}

static struct node *read_text_or_texts(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    if (node->kind == NODE_TEXT) {
        struct node *list = schema_derive(context, NODE_LIST, node);

        node_list_append(context->arena, list, node_copy(context->arena, node));
        return list;
    }
    return read_texts(context, attr, node);
}

static void decode_texts(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    struct strings *strings = field;

    (void)attr;
    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++)
        *ARRAY_APPEND_ARENA(arena, strings) = arena_strdup(
                arena, node_scalar_text(arena, node->items[i]));
}

static void decode_argv(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    struct argv *argv = field;

    (void)attr;
    if (node->kind != NODE_LIST)
        return;
    argv->given = true;
    for (uint32_t i = 0; i < node->len; i++)
        *ARRAY_APPEND_ARENA(arena, argv) = arena_strdup(
                arena, node_scalar_text(arena, node->items[i]));
}

static struct node *read_health_test(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    if (node->kind == NODE_TEXT) {
        struct node *list = schema_derive(context, NODE_LIST, node);

        node_list_append(context->arena, list, schema_derive_text(context, "CMD-SHELL", node));
        node_list_append(context->arena, list, node_copy(context->arena, node));
        return list;
    }
    return read_texts(context, attr, node);
}

/* -------------------------------------------------------------------------------- pairs */

/* Value of a free key: text, number, boolean; null stays or becomes "". In mappings that are no lists
 * it does so only when they are finished, since it keeps what an earlier file says. */
static struct node *read_pair_value(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    if (node->flags & NODE_RESET)
        return node_copy(context->arena, node);
    if (node->kind == NODE_NULL && !(attr->flags & ATTR_TEXT_VALUES))
        return (attr->flags & ATTR_DROP_NULL) && attr->type != &type_options
                       ? schema_derive_text(context, "", node)
                       : node_copy(context->arena, node);
    if ((attr->flags & ATTR_TEXT_VALUES) && node->kind != NODE_TEXT)
        return schema_refuse(context, node, "a text");
    if ((attr->flags & ATTR_NO_BOOL_VALUES) && node->kind == NODE_BOOL)
        return schema_refuse(context, node, "a text or a number");
    if (node->kind == NODE_LIST || node->kind == NODE_MAP)
        return schema_refuse(context, node, "a text, a number or a boolean");
    return schema_derive_text(context, node_scalar_text(context->arena, node), node);
}

static struct node *read_pair_map(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *map = schema_derive(context, NODE_MAP, node);

    NODE_FOREACH(node, entry) {
        size_t mark = schema_push(context, entry->key);
        struct node *value = read_pair_value(context, attr, entry->value);

        if (value)
            node_set(context->arena, map, entry->key, &entry->key_at, value);
        schema_pop(context, mark);
    }
    return map;
}

/* An item of a list that is no KEY=value. */
static void refuse_pair(struct schema_context *context, const struct node *item)
{
    const struct node_entry *pair = item->kind == NODE_MAP && item->len == 1 ? item->entries : NULL;
    const char *value = pair ? node_scalar_text(context->arena, pair->value) : NULL;
    struct diag_entry *finding;

    if (item->flags & NODE_BAD)
        return;
    finding = schema_error(context, &item->at, "expected a text such as \"KEY=value\", got %s",
            node_describe(context->arena, item));
    if (value)
        diag_hint(context->diag, finding,
                "in a list write %s=%s, or leave out the \"-\" of all items", pair->key, value);
}

/* The "=" after the name; one within ${…} belongs to what the variable becomes. */
static const char *find_equal(const struct schema_context *context, const char *text)
{
    unsigned open = 0;

    for (const char *p = text; *p; p++) {
        if (context->no_interpolate && p[0] == '$' && p[1] == '{')
            open++;
        else if (*p == '}' && open)
            open--;
        else if (*p == '=' && !open)
            return p;
    }
    return NULL;
}

static void add_pair(struct schema_context *context, const struct attr *attr, struct node *map,
        const struct node *item)
{
    const char *equal = find_equal(context, item->text);
    const char *key = equal ? arena_strndup(
                                      context->arena, item->text, (size_t)(equal - item->text))
                            : item->text;
    struct node *value;

    if (*key && !(attr->flags & ATTR_DROP_NULL) && strchr(" \t", key[strlen(key) - 1]))
        schema_error(context, &item->at, "the name \"%s\" ends in a blank", key);
    if (!equal && (attr->flags & ATTR_NEEDS_VALUES))
        refuse_pair(context, item);
    if (equal)
        value = schema_derive_text(context, equal + 1, item);
    else if (attr->flags & ATTR_DROP_NULL)
        value = schema_derive_text(context, "", item);
    else
        value = schema_derive(context, NODE_NULL, item);
    node_set(context->arena, map, key, &item->at, value);
}

static struct node *read_pairs(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *map;

    if (node->kind == NODE_MAP)
        return read_pair_map(context, attr, node);
    if (node->kind != NODE_LIST)
        return schema_refuse(context, node, attr->type->expected);
    map = schema_derive(context, NODE_MAP, node);
    map->flags |= NODE_SHORT;
    for (uint32_t i = 0; i < node->len; i++) {
        size_t mark = schema_push_index(context, i);
        const struct node *item = node->items[i];

        if (item->kind == NODE_TEXT)
            add_pair(context, attr, map, item);
        else
            refuse_pair(context, item);
        schema_pop(context, mark);
    }
    if (attr->flags & ATTR_ITEMS_DIFFER)
        schema_check_items_differ(context, node);
    return map;
}

static struct node *read_options(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    if (node->kind != NODE_MAP)
        return schema_refuse(context, node, attr->type->expected);
    return read_pair_map(context, attr, node);
}

static void decode_pairs(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    struct pairs *pairs = field;

    (void)attr;
    NODE_FOREACH(node, entry)
        *ARRAY_APPEND_ARENA(arena, pairs) = (struct pair){
            .key = entry->key,
            .value = entry->value->kind == NODE_NULL ? NULL : node_scalar_text(arena, entry->value),
            .at = entry->key_at,
        };
}

/* ------------------------------------------------------------------------- the objects */

TYPE(type_texts, "list of texts", "a list of texts",
        "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", SHAPE_LIST, read_texts,
        decode_texts);
TYPE(type_text_or_texts, "text or list of texts", "a text or a list of texts", JSON_TEXT_OR_TEXTS,
        SHAPE_LIST, read_text_or_texts, decode_texts);
TYPE(type_texts_or_numbers, "list of texts or numbers", "a list of texts or numbers",
        "{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"integer\"]}}", SHAPE_LIST,
        read_texts, decode_texts);
TYPE(type_pairs, "mapping or list of KEY=value", "a mapping, or a list of \"KEY=value\"",
        JSON_LIST_OR_MAP(JSON_REF("scalar")), SHAPE_MAP, read_pairs, decode_pairs);
TYPE(type_options, "mapping", "a mapping",
        "{\"type\":\"object\",\"additionalProperties\":" JSON_REF("scalar") "}", SHAPE_MAP,
        read_options, decode_pairs);
TYPE(type_command, "command", "a text or a list of texts",
        "{\"type\":[\"string\",\"array\",\"null\"],\"items\":{\"type\":\"string\"}}", SHAPE_LIST,
        command_read, decode_argv);
TYPE(type_health_test, "command", "a text or a list of texts", JSON_TEXT_OR_TEXTS, SHAPE_LIST,
        read_health_test, decode_argv);
