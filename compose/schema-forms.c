/* Short forms of the schema's values as long ones, and what items of lists are told apart by. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "compose/project.h"
#include "compose/schema-rows-internal.h"
#include "compose/schema-types.h"

/* ------------------------------------------------------------------ keys, short forms */

static void set_text(struct arena *arena, struct node *map, const char *key, const char *text)
{
    node_set(arena, map, key, &map->at, node_new_text(arena, text, &map->at));
}

void schema_default_text(
        struct schema_context *context, struct node *map, const char *key, const char *text)
{
    if (!node_get(map, key)) {
        struct node *value = node_new_text(context->arena, text, &map->at);

        value->flags |= NODE_IMPLIED;
        node_set(context->arena, map, key, &map->at, value);
    }
}

static struct node *expand_to(
        struct schema_context *context, const struct node *node, const char *key)
{
    struct node *map = node_new(context->arena, NODE_MAP, &node->at);

    set_text(context->arena, map, key, node_scalar_text(context->arena, node));
    return map;
}

struct node *schema_expand_context(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    (void)attr;
    if (node->kind != NODE_TEXT)
        return schema_refuse(context, node, "a text or a mapping");
    return expand_to(context, node, "context");
}

struct node *schema_expand_source(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    (void)attr;
    if (node->kind != NODE_TEXT)
        return schema_refuse(context, node, "a name or a mapping");
    return expand_to(context, node, "source");
}

struct node *schema_expand_path(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    (void)attr;
    if (node->kind != NODE_TEXT)
        return schema_refuse(context, node, "a path or a mapping");
    return expand_to(context, node, "path");
}

struct node *schema_expand_include(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *map = node_new(context->arena, NODE_MAP, &node->at);
    struct node *list = node_new(context->arena, NODE_LIST, &node->at);

    (void)attr;
    if (node->kind != NODE_TEXT)
        return schema_refuse(context, node, "a path or a mapping");
    node_list_append(context->arena, list, node_copy(context->arena, node));
    node_set(context->arena, map, "path", &node->at, list);
    return map;
}

struct node *schema_expand_extends(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    (void)attr;
    if (node->kind != NODE_TEXT)
        return schema_refuse(context, node, "the name of a service or a mapping");
    return expand_to(context, node, "service");
}

struct node *schema_expand_dependency(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *map = node_new(context->arena, NODE_MAP, &node->at);

    (void)attr;
    map->flags |= NODE_SHORT;
    set_text(context->arena, map, "condition", "service_started");
    node_set(context->arena, map, "required", &node->at,
            node_new_bool(context->arena, true, &node->at));
    return map;
}

/* source[:target[:permissions]] */
struct node *schema_expand_device(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *map = node_new(context->arena, NODE_MAP, &node->at);
    struct str rest = str_from(node_scalar_text(context->arena, node)), part;
    const char *parts[3] = { NULL };
    size_t count = 0;

    (void)attr;
    while (count < 3 && str_split_next(&rest, ':', &part))
        parts[count++] = arena_strndup(context->arena, part.data, part.len);
    if (count == 0 || rest.len || !*parts[0])
        return schema_refuse(context, node, "a device such as \"/dev/fuse:/dev/fuse:rwm\"");
    set_text(context->arena, map, "source", parts[0]);
    set_text(context->arena, map, "target", count > 1 && *parts[1] ? parts[1] : parts[0]);
    set_text(context->arena, map, "permissions", count > 2 ? parts[2] : "rwm");
    return map;
}

const char *schema_key_target(struct arena *arena, const struct node *item)
{
    const struct node *target = node_get(item, "target");

    return target ? node_scalar_text(arena, target) : NULL;
}

const char *schema_key_path(struct arena *arena, const struct node *item)
{
    const struct node *path = node_get(item, "path");

    return path ? node_scalar_text(arena, path) : NULL;
}

const char *schema_key_whole(struct arena *arena, const struct node *item)
{
    return node_scalar_text(arena, item);
}

static const char *mount_key(struct arena *arena, const struct node *item, const char *directory)
{
    const char *target = node_get_text(item, "target"), *source = node_get_text(item, "source");

    if (target || !source)
        return target;
    return arena_printf(arena, "%s/%s", directory, source);
}

const char *schema_key_secret(struct arena *arena, const struct node *item)
{
    return mount_key(arena, item, "/run/secrets");
}

const char *schema_key_config(struct arena *arena, const struct node *item)
{
    return mount_key(arena, item, "");
}
