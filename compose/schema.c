#include "compose/schema.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/path.h"
#include "base/str.h"
#include "compose/merge.h"
#include "compose/schema-suggest.h"
#include "compose/schema-types.h"

#define ROWS_MAX 128

const struct attr *schema_find(const struct attr_table *table, const char *name)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->rows[i].name[0] == name[0] && strcmp(table->rows[i].name, name) == 0)
            return &table->rows[i];
    return NULL;
}

/* ------------------------------------------------------------------ path and messages */

size_t schema_push(struct schema_context *context, const char *key)
{
    size_t mark = context->path.len;

    if (mark)
        strbuf_addc(&context->path, '.');
    strbuf_adds(&context->path, key);
    return mark;
}

size_t schema_push_index(struct schema_context *context, size_t index)
{
    size_t mark = context->path.len;
    char digits[24]; /* of any number, and brackets */
    size_t at = sizeof(digits);

    /* Of each item of each list; only a mistake's is ever printed. */
    digits[--at] = ']';
    for (size_t rest = index; rest || at == sizeof(digits) - 1; rest /= 10)
        digits[--at] = (char)('0' + rest % 10);
    digits[--at] = '[';
    strbuf_add(&context->path, digits + at, sizeof(digits) - at);
    return mark;
}

void schema_pop(struct schema_context *context, size_t mark)
{
    strbuf_truncate(&context->path, mark);
}

struct diag_entry *schema_error(
        struct schema_context *context, const struct source *at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    const char *message = arena_vprintf(context->arena, format, args);
    va_end(args);
    if (!context->path.len)
        return diag_add(context->diag, DIAG_ERROR, "schema", at, "%s", message);
    return diag_add(context->diag, DIAG_ERROR, "schema", at, "%s: %s", context->path.data, message);
}

struct node *schema_refuse(
        struct schema_context *context, const struct node *node, const char *expected)
{
    if (!(node->flags & NODE_BAD)) /* else it was reported already */
        schema_error(context, &node->at, "expected %s, got %s", expected,
                node_describe(context->arena, node));
    return NULL;
}

bool schema_is_raw(const struct schema_context *context, const struct node *node)
{
    return context->no_interpolate && node->kind == NODE_TEXT && strchr(node->text, '$');
}

/* --------------------------------------------------------------------------------- read */

const struct node *schema_without_reset_items(struct arena *arena, const struct node *node)
{
    struct node *list;

    if (node->kind != NODE_LIST || !(node->flags & NODE_HAS_RESET))
        return node;
    list = node_copy(arena, node);
    list->len = 0;
    for (uint32_t i = 0; i < node->len; i++)
        if (!(node->items[i]->flags & NODE_RESET))
            list->items[list->len++] = node->items[i];
    return list;
}

struct node *schema_read(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *result;

    if (node->flags & NODE_RESET) {
        result = node_new(context->arena, NODE_NULL, &node->at);
        result->flags = NODE_RESET;
        return result;
    }
    if (node->kind == NODE_TEXT && (node->flags & NODE_BAD))
        return NULL; /* nobody knows what it says: nothing follows from it */
    if (schema_is_raw(context, node) && attr->type->shape == SHAPE_SCALAR)
        return node_copy(context->arena, node);
    size_t before = context->diag->len;

    node = schema_without_reset_items(context->arena, node);
    result = attr->type->read(context, attr, node);
    if (!result && context->diag->len > before)
        schema_suggest_value(context, attr, node, &context->diag->items[context->diag->len - 1]);
    if (attr->flags & ATTR_NO_EFFECT)
        diag_add(context->diag, DIAG_WARNING, "no-effect", &node->at, "%s: has no effect",
                context->path.data);
    if (result)
        result->flags |= node->flags & NODE_OVERRIDE;
    if (result && attr->merge == MERGE_UNIQUE)
        result = merge_unique_items(context->arena, attr, result);
    return result;
}

/* ------------------------------------------------------------------------------ resolve */

static void resolve_scalar(
        const struct schema_context *context, const struct attr *attr, struct node *node)
{
    if (node->kind == NODE_TEXT && !schema_is_raw(context, node))
        node->text = schema_resolve_path(context, attr->path, node->text);
}

/* The nodes are fresh from schema_read, so they may be changed in place. */
void schema_resolve(struct schema_context *context, const struct attr *attr, struct node *node)
{
    static const struct attr no_items = { .type = &type_text };
    const struct attr *items = attr->items ? attr->items : &no_items;
    struct attr with_path;

    if (node->flags & NODE_RESET)
        return;
    if (attr->path != PATH_NONE && !attr->items) { /* the rule of a list holds for its texts */
        with_path = *items;
        with_path.path = attr->path;
        items = &with_path;
    }
    switch (attr->type->shape) {
    case SHAPE_SCALAR:
        if (attr->path != PATH_NONE)
            resolve_scalar(context, attr, node);
        break;
    case SHAPE_LIST:
        for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++)
            schema_resolve(context, items, node->items[i]);
        break;
    case SHAPE_MAP:
        NODE_FOREACH(node, entry)
            schema_resolve(context, items, entry->value);
        break;
    case SHAPE_STRUCT:
        NODE_FOREACH(node, entry) {
            const struct attr *child = schema_find(attr->table, entry->key);

            if (child)
                schema_resolve(context, child, entry->value);
        }
        if (attr->table->resolve && node->kind == NODE_MAP)
            attr->table->resolve(context, node);
        break;
    case SHAPE_ANY:
        break;
    }
}

/* ------------------------------------------------------------------------------- finish */

static bool is_zero(const struct attr *attr, const struct node *node)
{
    switch (node->kind) {
    case NODE_NULL:
        return true;
    case NODE_BOOL:
        return !node->boolean;
    case NODE_INT:
        return node->integer == 0;
    case NODE_FLOAT:
        return node->number == 0;
    case NODE_TEXT:
        if (attr->type == &type_size || attr->type == &type_text_size)
            return strcmp(node->text, "0") == 0;
        if (attr->type == &type_duration)
            return strcmp(node->text, "0s") == 0;
        return node->text[0] == '\0';
    case NODE_LIST:
    case NODE_MAP:
        return node->len == 0;
    case NODE_KIND_MAX_:
        break;
    }
    assert(false);
    return false;
}

void schema_check_items_differ(struct schema_context *context, const struct node *list)
{
    struct node *seen = node_new(context->arena, NODE_MAP, &list->at);

    for (uint32_t i = 0; i < list->len; i++) {
        struct node *item = list->items[i];
        const char *text = node_scalar_text(context->arena, item);

        if (text && node_get(seen, text)) {
            schema_error(context, &item->at, "item %s is there twice",
                    node_describe(context->arena, item));
            return;
        }
        if (text)
            node_set(context->arena, seen, text, NULL, item);
    }
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp((*(struct node *const *)a)->text, (*(struct node *const *)b)->text);
}

static struct node *finish_list(
        struct schema_context *context, const struct attr *attr, struct node *node)
{
    struct node *list = node_copy(context->arena, node);

    list->len = 0;
    for (uint32_t i = 0; i < node->len; i++) {
        /* Ranges and repetitions among ports: these are not the numbers that were written. */
        size_t mark = attr->type == &type_ports ? context->path.len : schema_push_index(context, i);
        struct node *item = node->items[i];

        if (attr->items && !(item->flags & NODE_RESET))
            item = schema_finish(context, attr->items, item);
        schema_pop(context, mark);
        if (item && (attr->flags & ATTR_DROP_EMPTY) && item->kind == NODE_TEXT && !*item->text)
            item = NULL;
        if (item && !(item->flags & NODE_RESET))
            list->items[list->len++] = item;
    }
    if (attr->type == &type_hosts && list->len > 1)
        qsort(list->items, list->len, sizeof(*list->items), compare_texts);
    if (attr->flags & ATTR_ITEMS_DIFFER)
        schema_check_items_differ(context, list);
    return list;
}

/* Nothing lay below the null. */
static struct node *refuse_null(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    size_t before = context->diag->len;

    (void)schema_refuse(context, node, attr->expand ? "a text or a mapping" : attr->type->expected);
    if (context->diag->len > before)
        schema_suggest_value(context, attr, node, &context->diag->items[before]);
    return NULL;
}

/* The same, of an entry; its name stays known, so that no reference to it looks wrong. */
static struct node *stand_in(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *map = node_new(context->arena, NODE_MAP, &node->at);

    refuse_null(context, attr, node);
    map->flags |= NODE_BAD;
    return map;
}

static struct node *finish_map(
        struct schema_context *context, const struct attr *attr, struct node *node)
{
    struct node *map = node_new(context->arena, NODE_MAP, &node->at);

    map->flags = node->flags;
    NODE_FOREACH(node, entry) {
        size_t mark = schema_push(context, entry->key);
        struct node *value = entry->value;

        if (value->flags & NODE_RESET)
            value = NULL;
        else if (value->flags & NODE_PENDING)
            value = stand_in(context, attr->items, value);
        else if (value->kind == NODE_NULL && (attr->flags & ATTR_NO_NULL_VALUES))
            value = schema_refuse(context, value, "a text or a number");
        else if (value->kind == NODE_NULL && (attr->flags & ATTR_DROP_NULL))
            value = node_new_text(context->arena, "", &value->at);
        else if (attr->items && value->kind != NODE_NULL)
            value = schema_finish(context, attr->items, value);
        if (value)
            node_set(context->arena, map, entry->key, &entry->key_at, value);
        schema_pop(context, mark);
    }
    node_sort_keys(map);
    return map;
}

static void check_required(
        struct schema_context *context, const struct attr_table *table, const struct node *map)
{
    if (map->flags & NODE_BAD)
        return;
    for (size_t i = 0; i < table->count; i++)
        if ((table->rows[i].flags & ATTR_REQUIRED) && !node_get(map, table->rows[i].name))
            schema_error(context, &map->at, "missing \"%s\"", table->rows[i].name);
}

struct node *schema_order(struct arena *arena, const struct attr_table *table, struct node *map)
{
    struct node *ordered = node_new(arena, NODE_MAP, &map->at);
    struct node *extensions = node_new(arena, NODE_MAP, &map->at);
    const struct node_entry *given[ROWS_MAX] = { 0 }; /* by row */

    assert(table->count <= ROWS_MAX);
    ordered->flags = map->flags;
    NODE_FOREACH(map, entry) {
        const struct attr *row = schema_find(table, entry->key);

        if (row)
            given[row - table->rows] = entry;
        else
            node_set(arena, extensions, entry->key, &entry->key_at,
                    node_sorted(arena, entry->value));
    }
    for (size_t i = 0; i < table->count; i++)
        if (given[i])
            node_set(arena, ordered, table->rows[i].name, &given[i]->key_at, given[i]->value);
    node_sort_keys(extensions);
    NODE_FOREACH(extensions, entry)
        node_set(arena, ordered, entry->key, &entry->key_at, entry->value);
    return ordered;
}

static struct node *finish_struct(
        struct schema_context *context, const struct attr *attr, struct node *node)
{
    const struct attr_table *table = attr->table;
    struct node *map;

    if (table->defaults) {
        node = node_copy(context->arena, node);
        table->defaults(context, node);
    }
    check_required(context, table, node);
    map = node_new(context->arena, NODE_MAP, &node->at);
    map->flags = node->flags;
    NODE_FOREACH(node, entry) {
        const struct attr *row = schema_find(table, entry->key);
        struct node *value = entry->value;
        size_t mark = schema_push(context, entry->key);

        if (value->flags & NODE_RESET)
            value = NULL;
        else if (value->flags & NODE_PENDING)
            value = refuse_null(context, row, value);
        else if (row && (row->flags & ATTR_NO_EFFECT))
            value = NULL;
        else
            value = row ? schema_finish(context, row, value)
                        : node_without_resets(context->arena, value);
        schema_pop(context, mark);
        if (value)
            node_set(context->arena, map, entry->key, &entry->key_at, value);
    }
    return schema_order(context->arena, table, map);
}

struct node *schema_finish(
        struct schema_context *context, const struct attr *attr, struct node *node)
{
    enum attr_shape shape = attr->type->shape;

    if (node->flags & NODE_RESET)
        return NULL;
    if (shape == SHAPE_STRUCT && node->kind == NODE_MAP) {
        node = finish_struct(context, attr, node);
        return (attr->flags & ATTR_JSON_EMPTY) && !node->len ? NULL : node;
    }
    if (shape == SHAPE_LIST && node->kind == NODE_LIST)
        node = finish_list(context, attr, node);
    else if (shape == SHAPE_MAP && node->kind == NODE_MAP)
        node = finish_map(context, attr, node);
    else if (shape == SHAPE_ANY || (shape == SHAPE_LIST && node->kind == NODE_NULL))
        return shape == SHAPE_ANY ? node : NULL;
    return !(attr->flags & ATTR_KEEP_ZERO) && is_zero(attr, node) ? NULL : node;
}

/* ------------------------------------------------------------------------------- decode */

void schema_decode(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    if (attr->type->decode)
        attr->type->decode(arena, attr, node, field);
}

void schema_decode_struct(
        struct arena *arena, const struct attr_table *table, const struct node *map, void *object)
{
    char *bytes = object;

    if (table->at_offset != ATTR_NO_OFFSET)
        *(struct source *)(void *)(bytes + table->at_offset) = map->at;
    if (table->given_offset != ATTR_NO_OFFSET)
        *(bool *)(bytes + table->given_offset) = true;
    NODE_FOREACH(map, entry) {
        const struct attr *attr = schema_find(table, entry->key);

        if (attr && attr->offset != ATTR_NO_OFFSET)
            schema_decode(arena, attr, entry->value, bytes + attr->offset);
    }
}
