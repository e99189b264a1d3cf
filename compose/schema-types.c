#include "compose/schema-types.h"

#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "compose/project.h"
#include "compose/schema-rows-internal.h"
#include "compose/schema-types-internal.h"

struct node *schema_derive(
        struct schema_context *context, enum node_kind kind, const struct node *from)
{
    struct node *node = node_new(context->arena, kind, &from->at);

    node->flags = from->flags & (NODE_QUOTED | NODE_BLOCK | NODE_IMPLIED);
    return node;
}

struct node *schema_derive_text(
        struct schema_context *context, const char *text, const struct node *from)
{
    struct node *node = schema_derive(context, NODE_TEXT, from);

    node->text = text;
    return node;
}

bool schema_is_scalar(const struct node *node)
{
    return node->kind != NODE_LIST && node->kind != NODE_MAP && node->kind != NODE_NULL;
}

static struct node *read_ulimit(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    const struct attr limit = {
        .name = "limit", .type = &type_int, .flags = attr->flags & ATTR_BARE_NUMBERS
    };
    static const char *const order[] = { "soft", "hard" };

    if (node->kind == NODE_FLOAT)
        return schema_refuse(context, node, attr->type->expected);
    if (node->kind != NODE_MAP)
        return schema_read(context, &limit, node);
    struct node *map = schema_derive(context, NODE_MAP, node),
                *read = node_copy(context->arena, map);

    NODE_FOREACH(node, entry) {
        size_t mark = schema_push(context, entry->key);
        struct node *value = NULL;

        if (strcmp(entry->key, "soft") == 0 || strcmp(entry->key, "hard") == 0)
            value = schema_read(context, &limit, entry->value);
        else if (strncmp(entry->key, "x-", 2) != 0)
            schema_error(context, &entry->key_at, "expected \"soft\" and \"hard\"");
        if (value)
            node_set(context->arena, read, entry->key, &entry->key_at, value);
        schema_pop(context, mark);
    }
    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (node_get_entry(read, order[i]))
            node_set(context->arena, map, order[i], &node_get_entry(read, order[i])->key_at,
                    node_get(read, order[i]));
    if (!node_get(node, "soft") || !node_get(node, "hard"))
        schema_error(
                context, &node->at, "missing \"%s\"", node_get(node, "soft") ? "hard" : "soft");
    return map;
}

static const struct attr_type type_ulimit = {
    .name = "limit",
    .expected = "an integer, or \"soft\" and \"hard\"",
    .json = "{\"$ref\":\"#/$defs/ulimit\"}",
    .shape = SHAPE_SCALAR,
    .read = read_ulimit,
};

static struct node *read_ulimits(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    const struct attr ulimit = {
        .name = "ulimit", .type = &type_ulimit, .flags = attr->flags & ATTR_BARE_NUMBERS
    };
    struct node *map = schema_derive(context, NODE_MAP, node);

    if (node->kind != NODE_MAP)
        return schema_refuse(context, node, attr->type->expected);
    NODE_FOREACH(node, entry) {
        size_t mark = schema_push(context, entry->key);
        struct node *value = NULL;

        if (strspn(entry->key, "abcdefghijklmnopqrstuvwxyz") != strlen(entry->key))
            schema_error(context, &entry->key_at, "\"%s\" is no name of a limit", entry->key);
        else
            value = schema_read(context, &ulimit, entry->value);
        if (value)
            node_set(context->arena, map, entry->key, &entry->key_at, value);
        schema_pop(context, mark);
    }
    return map;
}

static int64_t limit_value(const struct node *map, const char *key)
{
    const struct node *node = node_get(map, key);

    return node && node->kind == NODE_INT ? node->integer : 0;
}

static void decode_ulimits(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    struct ulimits *ulimits = field;

    (void)attr;
    NODE_FOREACH(node, entry) {
        const struct node *value = entry->value;
        bool single = value->kind == NODE_INT;

        *ARRAY_APPEND_ARENA(arena, ulimits) = (struct ulimit){
            .name = entry->key,
            .soft = single ? value->integer : limit_value(value, "soft"),
            .hard = single ? value->integer : limit_value(value, "hard"),
            .single = single,
            .at = entry->key_at,
        };
    }
}

/* Each option's value is a list of texts. */
static struct node *read_provider_options(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *map = schema_derive(context, NODE_MAP, node);

    if (node->kind != NODE_MAP)
        return schema_refuse(context, node, attr->type->expected);
    NODE_FOREACH(node, entry) {
        const struct node *given = schema_without_reset_items(context->arena, entry->value);
        struct node *list = schema_derive(context, NODE_LIST, given);
        size_t mark = schema_push(context, entry->key);

        if (schema_is_scalar(entry->value)) {
            list->flags |= NODE_SHORT;
            node_list_append(context->arena, list,
                    schema_derive_text(
                            context, node_scalar_text(context->arena, entry->value), entry->value));
        } else if (entry->value->kind != NODE_LIST) {
            schema_refuse(context, entry->value, "a text, a number, a boolean or a list of them");
        }
        for (uint32_t i = 0; given->kind == NODE_LIST && i < given->len; i++) {
            const struct node *item = given->items[i];

            if (schema_is_scalar(item))
                node_list_append(context->arena, list,
                        schema_derive_text(context, node_scalar_text(context->arena, item), item));
            else
                schema_refuse(context, item, "a text, a number or a boolean");
        }
        if (list->len) /* Docker Compose drops an option without values */
            node_set(context->arena, map, entry->key, &entry->key_at, list);
        schema_pop(context, mark);
    }
    return map;
}

static void decode_provider_options(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    struct provider_options *options = field;

    NODE_FOREACH(node, entry) {
        struct provider_option *option = ARRAY_APPEND_ARENA(arena, options);

        option->name = entry->key;
        option->at = entry->key_at;
        type_texts.decode(arena, attr, entry->value, &option->values);
    }
}

static struct node *read_gpus(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *list, *item, *count;

    if (node->kind != NODE_TEXT || strcmp(node->text, "all") != 0)
        return type_list.read(context, attr, node);
    list = schema_derive(context, NODE_LIST, node);
    list->flags |= NODE_OVERRIDE; /* nothing can be added to all, and all adds nothing to itself */
    item = schema_derive(context, NODE_MAP, node);
    count = schema_derive(context, NODE_INT, node);
    count->integer = -1;
    node_set(context->arena, item, "count", &node->at, count);
    node_list_append(context->arena, list, item);
    return list;
}

/* ------------------------------------------------------------------------- the objects */

TYPE(type_ulimits, "mapping of limits", "a mapping of limits such as \"nofile: 1024\"",
        "{\"type\":\"object\",\"additionalProperties\":" JSON_REF("ulimit") "}", SHAPE_MAP,
        read_ulimits, decode_ulimits);
TYPE(type_provider_options, "mapping", "a mapping",
        "{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\",\"number\",\"boolean\","
        "\"array\"],\"items\":{\"type\":[\"string\",\"number\",\"boolean\"]}}}",
        SHAPE_MAP, read_provider_options, decode_provider_options);
TYPE(type_ports, "list of ports", "a list of ports",
        "{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":[\"string\",\"integer\"]},@]}}",
        SHAPE_LIST, service_ports_read, schema_decode_list);
TYPE(type_gpus, "\"all\" or list", "\"all\" or a list",
        "{\"anyOf\":[{\"const\":\"all\"},{\"type\":\"array\",\"items\":@}]}", SHAPE_LIST, read_gpus,
        schema_decode_list);
