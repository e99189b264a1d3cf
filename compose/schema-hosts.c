/* Types whose short and long forms are pairs, but that are lists of "NAME=value" in their normal form: hosts
 * and SSH agents. */
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "compose/project.h"
#include "compose/schema-types-internal.h"

/* ssh: "default" or "ID=path". Normal form: a list of these. */
static struct node *read_ssh(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *list = schema_derive(context, NODE_LIST, node), *item;

    if (node->kind != NODE_LIST && node->kind != NODE_MAP)
        return schema_refuse(context, node, attr->type->expected);
    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++) {
        item = node->items[i];
        if (item->kind == NODE_TEXT &&
                (strchr(item->text, '=') || strcmp(item->text, "default") == 0))
            node_list_append(context->arena, list, node_copy(context->arena, item));
        else
            schema_refuse(context, item, "\"default\" or \"ID=path\"");
    }
    NODE_FOREACH(node, entry) {
        const char *path = node_scalar_text(context->arena, entry->value);

        if (!path)
            schema_refuse(context, entry->value, "a path");
        else
            node_list_append(context->arena, list,
                    schema_derive_text(context,
                            *path ? arena_printf(context->arena, "%s=%s", entry->key, path)
                                  : entry->key,
                            entry->value));
    }
    return list;
}

static void decode_ssh(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    struct pairs *pairs = field;

    (void)attr;
    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++) {
        const char *text = node->items[i]->text;
        const char *equal = strchr(text, '=');

        *ARRAY_APPEND_ARENA(arena, pairs) = (struct pair){
            .key = equal ? arena_strndup(arena, text, (size_t)(equal - text)) : text,
            .value = equal ? equal + 1 : NULL,
            .at = node->items[i]->at,
        };
    }
}

/* ------------------------------------------------------------------------------- hosts */

/* Several addresses may be given with commas between them. */
static void add_host(struct schema_context *context, struct node *list, const char *host,
        const char *addresses, const struct node *from)
{
    struct str rest = str_from(addresses), address;

    if (!*host || strpbrk(host, ":=")) {
        schema_error(context, &from->at, "\"%s\" is no name of a host", host);
        return;
    }
    if (!*addresses) /* Docker Compose keeps such a host, too */
        node_list_append(context->arena, list,
                schema_derive_text(context, arena_printf(context->arena, "%s=", host), from));
    while (str_split_next(&rest, ',', &address)) {
        if (!address.len)
            continue;
        if (address.len > 2 && address.data[0] == '[' && address.data[address.len - 1] == ']') {
            address.data++;
            address.len -= 2;
        }
        node_list_append(context->arena, list,
                schema_derive_text(context,
                        arena_printf(context->arena, "%s=%.*s", host, STR_FMT(address)), from));
    }
}

static void read_host_line(
        struct schema_context *context, struct node *list, const struct node *item)
{
    const char *separator;

    if (item->kind != NODE_TEXT) {
        schema_refuse(context, item, "a text such as \"host=10.0.0.1\"");
        return;
    }
    separator = strchr(item->text, '=');
    if (!separator)
        separator = strchr(item->text, ':');
    if (!separator || separator == item->text) {
        schema_refuse(context, item, "a text such as \"host=10.0.0.1\"");
        return;
    }
    add_host(context, list,
            arena_strndup(context->arena, item->text, (size_t)(separator - item->text)),
            separator + 1, item);
}

static void read_host_entry(
        struct schema_context *context, struct node *list, const struct node_entry *entry)
{
    const struct node *value = schema_without_reset_items(context->arena, entry->value);

    if (value->kind == NODE_TEXT) {
        add_host(context, list, entry->key, value->text, value);
    } else if (value->kind == NODE_LIST) {
        for (uint32_t i = 0; i < value->len; i++) {
            if (value->items[i]->kind == NODE_TEXT)
                add_host(context, list, entry->key, value->items[i]->text, value->items[i]);
            else
                schema_refuse(context, value->items[i], "an address");
        }
    } else {
        schema_refuse(context, value, "an address or a list of addresses");
    }
}

/* Normal form: a list of "host=address". */
static struct node *read_hosts(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *list = schema_derive(context, NODE_LIST, node);

    if (node->kind == NODE_LIST) {
        for (uint32_t i = 0; i < node->len; i++) {
            size_t mark = schema_push_index(context, i);

            read_host_line(context, list, node->items[i]);
            schema_pop(context, mark);
        }
        return list;
    }
    if (node->kind != NODE_MAP)
        return schema_refuse(context, node, attr->type->expected);
    NODE_FOREACH(node, entry) {
        size_t mark = schema_push(context, entry->key);

        read_host_entry(context, list, entry);
        schema_pop(context, mark);
    }
    return list;
}

static void decode_hosts(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    struct pairs *pairs = field;

    (void)attr;
    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++) {
        const char *text = node->items[i]->text;
        const char *equal = text ? strchr(text, '=') : NULL;

        if (equal)
            *ARRAY_APPEND_ARENA(arena, pairs) = (struct pair){
                .key = arena_strndup(arena, text, (size_t)(equal - text)),
                .value = equal + 1,
                .at = node->items[i]->at,
            };
    }
}

TYPE(type_hosts, "mapping or list of host=address", "a mapping, or a list of \"host=address\"",
        JSON_LIST_OR_MAP(JSON_TEXT_OR_TEXTS), SHAPE_LIST, read_hosts, decode_hosts);
TYPE(type_ssh, "mapping or list of id=path", "a mapping, or a list of \"ID=path\"",
        JSON_LIST_OR_MAP(JSON_REF("scalar")), SHAPE_LIST, read_ssh, decode_ssh);
