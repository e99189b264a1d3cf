#include "compose/merge.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "compose/schema.h"

/* A value of a free map or an item of a list that has no row of its own. */
static const struct attr plain_value = { .name = "" };
static const struct attr replaced_value = { .name = "", .merge = MERGE_REPLACE };
static const struct attr listed_value = { .name = "", .merge = MERGE_LISTS };

static const char *text_key(struct arena *arena, const struct node *item)
{
    const char *text = node_scalar_text(arena, item);
    const char *equal = text ? strchr(text, '=') : NULL;

    return equal ? arena_strndup(arena, text, (size_t)(equal - text)) : text;
}

struct node *merge_unique_items(struct arena *arena, const struct attr *attr, struct node *list)
{
    const char *(*item_key)(struct arena *, const struct node *) = attr->item_key ? attr->item_key
                                                                                  : text_key;
    struct node *positions, *unique;

    if (list->kind != NODE_LIST || list->len < 2)
        return list;
    unique = node_copy(arena, list);
    unique->len = 0;
    positions = node_new(arena, NODE_MAP, NULL);
    for (uint32_t i = 0; i < list->len; i++) {
        const char *key = item_key(arena, list->items[i]);
        struct node *position = key ? node_get(positions, key) : NULL;

        if (position) {
            unique->items[position->integer] = list->items[i];
            continue;
        }
        if (key)
            node_set(arena, positions, key, NULL, node_new_int(arena, unique->len, NULL));
        unique->items[unique->len++] = list->items[i];
    }
    return unique;
}

static struct node *append(struct arena *arena, struct node *base, struct node *over)
{
    struct node *list = node_copy(arena, base);

    list->flags |= over->flags & NODE_HAS_RESET;
    for (uint32_t i = 0; i < over->len; i++)
        node_list_append(arena, list, over->items[i]);
    return list;
}

/* Of texts. */
static struct node *append_new(struct arena *arena, struct node *base, struct node *over)
{
    struct node *list = node_copy(arena, base), *known = node_new(arena, NODE_MAP, NULL);

    for (uint32_t i = 0; i < base->len; i++)
        node_set(arena, known, node_scalar_text(arena, base->items[i]), NULL, base->items[i]);
    for (uint32_t i = 0; i < over->len; i++)
        if (!node_get(known, node_scalar_text(arena, over->items[i])))
            node_list_append(arena, list, over->items[i]);
    return list;
}

static const struct attr *child_attr(const struct attr *attr, const char *key)
{
    const struct attr *child = NULL;

    if (attr->type && attr->type->shape == SHAPE_STRUCT && attr->table)
        child = schema_find(attr->table, key);
    else if (attr->type && attr->type->shape == SHAPE_MAP)
        child = attr->merge == MERGE_KEYS    ? &replaced_value
                : attr->merge == MERGE_LISTS ? &listed_value
                                             : attr->items;
    return child ? child : &plain_value;
}

static struct node *merge_maps(
        struct arena *arena, const struct attr *attr, struct node *base, struct node *over)
{
    struct node *map = node_copy(arena, base);

    map->at = over->at;
    map->flags |= over->flags & (NODE_BAD | NODE_SHORT | NODE_HAS_RESET);
    map->flags &= ~(unsigned)NODE_IMPLIED;
    NODE_FOREACH(over, entry) {
        struct node *old = node_get(map, entry->key);

        node_set(arena, map, entry->key, &entry->key_at,
                old ? merge_values(arena, child_attr(attr, entry->key), old, entry->value)
                    : entry->value);
    }
    return map;
}

static const char *subnet_of(const struct node *pool)
{
    const char *subnet = node_get_text(pool, "subnet");

    return subnet ? subnet : "";
}

/* The later items count, each merged onto the earlier one of its subnet; another subnet takes the place of
 * what was there. Docker Compose 2.40 does the same where one pool was there, and mixes several up. */
static struct node *merge_by_subnet(
        struct arena *arena, const struct attr *attr, struct node *base, struct node *over)
{
    struct node *list = node_copy(arena, over), *earlier = node_new(arena, NODE_MAP, NULL);

    for (uint32_t i = 0; i < base->len; i++) {
        struct node *pool = base->items[i];
        const char *subnet = subnet_of(pool);

        node_set(arena, earlier, subnet, NULL,
                merge_values(arena, attr->items, pool, node_get(earlier, subnet)));
    }
    for (uint32_t i = 0; i < list->len; i++)
        list->items[i] = merge_values(
                arena, attr->items, node_get(earlier, subnet_of(list->items[i])), list->items[i]);
    return list;
}

static struct node *merge_logging(
        struct arena *arena, const struct attr *attr, struct node *base, struct node *over)
{
    const char *driver = node_get_text(over, "driver"), *old = node_get_text(base, "driver");

    if (driver && old && strcmp(driver, old) != 0)
        return over;
    return merge_maps(arena, attr, base, over);
}

struct node *merge_values(
        struct arena *arena, const struct attr *attr, struct node *base, struct node *over)
{
    if (!base || !over)
        return over ? over : base;
    if ((base->flags & NODE_RESET) || (over->flags & (NODE_RESET | NODE_OVERRIDE)) ||
            attr->merge == MERGE_REPLACE)
        return over;
    if (over->kind == NODE_NULL)
        return base;
    if (base->kind != over->kind || (over->kind != NODE_MAP && over->kind != NODE_LIST))
        return over; /* of one attribute: a scalar, or null below something */
    if (over->kind == NODE_MAP)
        return attr->merge == MERGE_SAME_DRIVER ? merge_logging(arena, attr, base, over)
                                                : merge_maps(arena, attr, base, over);
    switch (attr->merge) {
    case MERGE_UNIQUE:
        return merge_unique_items(arena, attr, append(arena, base, over));
    case MERGE_APPEND_NEW:
        return append_new(arena, base, over);
    case MERGE_BY_SUBNET:
        return merge_by_subnet(arena, attr, base, over);
    case MERGE_LISTS:
        if ((base->flags | over->flags) & NODE_SHORT)
            return over;
        break;
    case MERGE_DEEP:
    case MERGE_KEYS:
    case MERGE_REPLACE:
    case MERGE_SAME_DRIVER:
    case MERGE_RULE_MAX_:
        break;
    }
    return append(arena, base, over);
}
