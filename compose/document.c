#include "compose/document.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/mem.h"
#include "base/str.h"

/* Maps up to this size are searched in order; above, a hash index pays. */
#define INDEX_FROM 12
#define DESCRIBE_TEXT_MAX 60

static const char *const kind_names[] = {
    [NODE_NULL] = "null",
    [NODE_BOOL] = "a boolean",
    [NODE_INT] = "an integer",
    [NODE_FLOAT] = "a number",
    [NODE_TEXT] = "a text",
    [NODE_LIST] = "a list",
    [NODE_MAP] = "a mapping",
};
_Static_assert(ARRAY_LEN(kind_names) == NODE_KIND_MAX_, "name every kind");

const char *node_kind_name(enum node_kind kind)
{
    assert(kind < NODE_KIND_MAX_);
    return kind_names[kind];
}

static uint32_t hash_key(const char *key)
{
    uint32_t hash = 2166136261u; /* FNV-1a: short keys, no adversary gains from collisions here
                                    beyond a bounded file */

    for (const unsigned char *p = (const unsigned char *)key; *p; p++)
        hash = (hash ^ *p) * 16777619u;
    return hash ^ hash >> 15;
}

struct node *node_new(struct arena *arena, enum node_kind kind, const struct source *at)
{
    struct node *node = ARENA_NEW(arena, struct node);

    node->kind = kind;
    node->count = 1;
    if (at)
        node->at = *at;
    return node;
}

struct node *node_new_text(struct arena *arena, const char *text, const struct source *at)
{
    struct node *node = node_new(arena, NODE_TEXT, at);

    node->text = arena_strdup(arena, text);
    return node;
}

struct node *node_new_int(struct arena *arena, int64_t value, const struct source *at)
{
    struct node *node = node_new(arena, NODE_INT, at);

    node->integer = value;
    return node;
}

struct node *node_new_bool(struct arena *arena, bool value, const struct source *at)
{
    struct node *node = node_new(arena, NODE_BOOL, at);

    node->boolean = value;
    return node;
}

struct node *node_copy(struct arena *arena, const struct node *node)
{
    struct node *copy = arena_dup(arena, node, sizeof(*node));

    copy->cap = copy->len;
    copy->index = NULL;
    copy->index_cap = 0;
    if (node->kind == NODE_LIST && node->len)
        copy->items = arena_dup(arena, node->items, node->len * sizeof(*node->items));
    else if (node->kind == NODE_MAP && node->len)
        copy->entries = arena_dup(arena, node->entries, node->len * sizeof(*node->entries));
    return copy;
}

static void grow(struct arena *arena, void **items, struct node *node, size_t item_bytes)
{
    if (node->len < node->cap)
        return;
    uint32_t cap = node->cap ? node->cap * 2 : 4;
    void *bigger = arena_alloc_array(arena, cap, item_bytes);

    if (node->len)
        memcpy(bigger, *items, node->len * item_bytes);
    *items = bigger;
    node->cap = cap;
}

static void add_count(struct node *node, const struct node *child)
{
    if (__builtin_add_overflow(node->count, child->count, &node->count))
        node->count = UINT32_MAX;
}

void node_list_append(struct arena *arena, struct node *list, struct node *item)
{
    void *items = list->items;

    assert(list->kind == NODE_LIST);
    grow(arena, &items, list, sizeof(*list->items));
    list->items = items;
    list->items[list->len++] = item;
    add_count(list, item);
}

static void index_add(struct node *map, uint32_t position)
{
    uint32_t mask = map->index_cap - 1;
    uint32_t slot = map->entries[position].hash & mask;

    while (map->index[slot])
        slot = (slot + 1) & mask;
    map->index[slot] = position + 1;
}

static void index_build(struct arena *arena, struct node *map)
{
    map->index_cap = 32;
    while (map->index_cap < map->cap * 2)
        map->index_cap *= 2;
    map->index = ARENA_NEW_ARRAY(arena, map->index_cap, uint32_t);
    for (uint32_t i = 0; i < map->len; i++)
        index_add(map, i);
}

struct node_entry *node_get_entry(const struct node *map, const char *key)
{
    if (!map || map->kind != NODE_MAP)
        return NULL;
    if (map->index) {
        uint32_t hash = hash_key(key), mask = map->index_cap - 1;

        for (uint32_t slot = hash & mask; map->index[slot]; slot = (slot + 1) & mask) {
            struct node_entry *entry = &map->entries[map->index[slot] - 1];

            if (entry->hash == hash && strcmp(entry->key, key) == 0)
                return entry;
        }
        return NULL;
    }
    for (uint32_t i = 0; i < map->len; i++)
        if (map->entries[i].key[0] == key[0] && strcmp(map->entries[i].key, key) == 0)
            return &map->entries[i];
    return NULL;
}

struct node *node_get(const struct node *map, const char *key)
{
    struct node_entry *entry = node_get_entry(map, key);

    return entry ? entry->value : NULL;
}

const char *node_get_text(const struct node *map, const char *key)
{
    struct node *node = node_get(map, key);

    return node && node->kind == NODE_TEXT ? node->text : NULL;
}

void node_set(struct arena *arena, struct node *map, const char *key, const struct source *key_at,
        struct node *value)
{
    assert(map->kind == NODE_MAP);
    if (!map->index && map->len > INDEX_FROM) /* a copy, of which much may be set */
        index_build(arena, map);
    struct node_entry *entry = node_get_entry(map, key);

    if (entry) {
        entry->value = value;
        if (key_at)
            entry->key_at = *key_at;
        add_count(map, value);
        return;
    }
    void *entries = map->entries;

    grow(arena, &entries, map, sizeof(*map->entries));
    map->entries = entries;
    map->entries[map->len++] = (struct node_entry){
        .key = key,
        .hash = hash_key(key),
        .key_at = key_at ? *key_at : value->at,
        .value = value,
    };
    add_count(map, value);
    if (!map->index ? map->len > INDEX_FROM : map->len * 2 > map->index_cap)
        index_build(arena, map);
    else if (map->index)
        index_add(map, map->len - 1);
}

void node_remove(struct node *map, const char *key)
{
    struct node_entry *entry = node_get_entry(map, key);

    if (!entry)
        return;
    size_t position = (size_t)(entry - map->entries);

    memmove(entry, entry + 1, (map->len - position - 1) * sizeof(*entry));
    map->len--;
    if (map->index) { /* positions moved: fill the same table again */
        memset(map->index, 0, map->index_cap * sizeof(*map->index));
        for (uint32_t i = 0; i < map->len; i++)
            index_add(map, i);
    }
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct node_entry *)a)->key, ((const struct node_entry *)b)->key);
}

static bool is_letter(unsigned char c)
{
    return c >= 0x80 || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

/* The number that digits from `p` on make; *ret_len tells how many they are. */
static uint64_t number_at(const unsigned char *p, uint64_t before, size_t *ret_len)
{
    uint64_t number = before;

    for (*ret_len = 0; is_digit(p[*ret_len]); ++*ret_len)
        number = number * 10 +
                 (uint64_t)(p[*ret_len] - '0'); /* wraps as in the printer of Compose */
    return number;
}

/* Orders what follows a common beginning: letters by code; otherwise numbers by value. */
static int compare_rest(const unsigned char *start, const unsigned char *x, const unsigned char *y)
{
    bool after_digit = x > start && is_digit(x[-1]);
    uint64_t before = 0;
    size_t x_len, y_len;

    if (is_letter(*x) && is_letter(*y))
        return *x < *y ? -1 : 1;
    if (is_letter(*x) || is_letter(*y)) /* "9a" before "9-", but "-" before "a" */
        return is_letter(*x) == after_digit ? -1 : 1;
    if (*x == '0' || *y == '0') /* a zero within a number counts, one that leads does not */
        for (const unsigned char *p = x; p > start && is_digit(p[-1]); p--)
            if (p[-1] != '0')
                before = 1;
    uint64_t x_number = number_at(x, before, &x_len), y_number = number_at(y, before, &y_len);
    if (x_number != y_number)
        return x_number < y_number ? -1 : 1;
    if (x_len != y_len)
        return x_len < y_len ? -1 : 1;
    return *x < *y ? -1 : 1;
}

static int compare_naturally(const void *a, const void *b)
{
    const unsigned char *x = (const unsigned char *)((const struct node_entry *)a)->key;
    const unsigned char *y = (const unsigned char *)((const struct node_entry *)b)->key;
    const unsigned char *start = x;

    for (; *x && *x == *y; y++)
        x++;
    if (!*x || !*y)
        return *x ? 1 : *y ? -1 : 0;
    return compare_rest(start, x, y);
}

static void sort_by(struct node *map, int (*compare)(const void *, const void *))
{
    assert(map->kind == NODE_MAP);
    if (map->len > 1)
        qsort(map->entries, map->len, sizeof(*map->entries), compare);
    if (map->index) {
        memset(map->index, 0, map->index_cap * sizeof(*map->index));
        for (uint32_t i = 0; i < map->len; i++)
            index_add(map, i);
    }
}

void node_sort_keys(struct node *map)
{
    sort_by(map, compare_entries);
}

void node_sort_keys_naturally(struct node *map)
{
    sort_by(map, compare_naturally);
}

struct node *node_sorted(struct arena *arena, struct node *node)
{
    struct node *copy;

    if (node->kind != NODE_LIST && node->kind != NODE_MAP)
        return node;
    copy = node_copy(arena, node);
    for (uint32_t i = 0; copy->kind == NODE_LIST && i < copy->len; i++)
        copy->items[i] = node_sorted(arena, copy->items[i]);
    NODE_FOREACH(copy, entry) {
        entry->value = node_sorted(arena, entry->value);
    }
    if (copy->kind == NODE_MAP)
        node_sort_keys(copy);
    return copy;
}

bool node_is_equal(const struct node *a, const struct node *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case NODE_NULL:
        return true;
    case NODE_BOOL:
        return a->boolean == b->boolean;
    case NODE_INT:
        return a->integer == b->integer;
    case NODE_FLOAT:
        return a->number == b->number || (isnan(a->number) && isnan(b->number));
    case NODE_TEXT:
        return strcmp(a->text, b->text) == 0;
    case NODE_LIST:
        if (a->len != b->len)
            return false;
        for (uint32_t i = 0; i < a->len; i++)
            if (!node_is_equal(a->items[i], b->items[i]))
                return false;
        return true;
    case NODE_MAP:
        if (a->len != b->len)
            return false;
        NODE_FOREACH(a, entry) {
            struct node *other = node_get(b, entry->key);

            if (!other || !node_is_equal(entry->value, other))
                return false;
        }
        return true;
    case NODE_KIND_MAX_:
        break;
    }
    assert(false);
    return false;
}

struct node *node_without_resets(struct arena *arena, struct node *node)
{
    struct node *copy;

    if (!(node->flags & NODE_HAS_RESET))
        return node;
    copy = node_new(arena, node->kind, &node->at);
    copy->flags = node->flags & ~(unsigned)NODE_HAS_RESET;
    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++)
        if (!(node->items[i]->flags & NODE_RESET))
            node_list_append(arena, copy, node_without_resets(arena, node->items[i]));
    NODE_FOREACH(node, entry)
        if (!(entry->value->flags & NODE_RESET))
            node_set(arena, copy, entry->key, &entry->key_at,
                    node_without_resets(arena, entry->value));
    return copy;
}

/* From which exponents on a number is written with one. */
struct number_style {
    int min_exponent, max_exponent, exponent_digits;
};
static const struct number_style text_style = { -4, 6, 2 }, json_style = { -6, 21, 1 };

/* Lays the digits of "d.ddde±xx" out in a style. */
static const char *layout_digits(const char *scientific, const struct number_style *style,
        char buffer[static NUMBER_TEXT_MAX])
{
    char digits[40];
    size_t count = 0;
    const char *p = scientific;
    size_t out = 0;
    bool negative = *p == '-';

    if (negative)
        p++;
    for (; *p && *p != 'e'; p++)
        if (*p != '.')
            digits[count++] = *p;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    int exponent = *p == 'e' ? (int)strtod(p + 1, NULL) : 0;

    if (negative)
        buffer[out++] = '-';
    if (exponent < style->min_exponent || exponent >= style->max_exponent) {
        buffer[out++] = digits[0];
        if (count > 1) {
            buffer[out++] = '.';
            memcpy(buffer + out, digits + 1, count - 1);
            out += count - 1;
        }
        (void)snprintf(buffer + out, NUMBER_TEXT_MAX - out, "e%c%0*d", exponent < 0 ? '-' : '+',
                style->exponent_digits, abs(exponent));
        return buffer;
    }
    if (exponent < 0) {
        buffer[out++] = '0';
        buffer[out++] = '.';
        for (int i = -1; i > exponent; i--)
            buffer[out++] = '0';
        memcpy(buffer + out, digits, count);
        out += count;
    } else {
        for (size_t i = 0; i <= (size_t)exponent || i < count; i++) {
            if (i == (size_t)exponent + 1)
                buffer[out++] = '.';
            buffer[out++] = i < count ? digits[i] : '0';
        }
    }
    buffer[out] = '\0';
    return buffer;
}

static const char *format(double value, const struct number_style *style, int max_precision,
        bool single, char buffer[static NUMBER_TEXT_MAX])
{
    char scientific[64];

    if (isnan(value))
        return "NaN";
    if (isinf(value))
        return value < 0 ? "-Inf" : "+Inf";
    for (int precision = 0; precision <= max_precision; precision++) {
        (void)snprintf(scientific, sizeof(scientific), "%.*e", precision, value);
        if (single ? strtof(scientific, NULL) == (float)value : strtod(scientific, NULL) == value)
            break;
    }
    return layout_digits(scientific, style, buffer);
}

const char *number_format(double value, char buffer[static NUMBER_TEXT_MAX])
{
    return format(value, &text_style, 17, false, buffer);
}

const char *number_format_json(double value, char buffer[static NUMBER_TEXT_MAX])
{
    return format(value, &json_style, 17, false, buffer);
}

const char *number_format_short(float value, char buffer[static NUMBER_TEXT_MAX])
{
    return format((double)value, &json_style, 9, true, buffer);
}

const char *node_scalar_text(struct arena *arena, const struct node *node)
{
    char buffer[NUMBER_TEXT_MAX];

    switch (node->kind) {
    case NODE_NULL:
        return "";
    case NODE_BOOL:
        return node->boolean ? "true" : "false";
    case NODE_INT:
        return arena_printf(arena, "%lld", (long long)node->integer);
    case NODE_FLOAT:
        if (node->flags & NODE_EXACT)
            return node->text;
        return arena_strdup(arena, number_format(node->number, buffer));
    case NODE_TEXT:
        return node->text;
    case NODE_LIST:
    case NODE_MAP:
    case NODE_KIND_MAX_:
        break;
    }
    return NULL;
}

const char *node_describe(struct arena *arena, const struct node *node)
{
    if (node->kind == NODE_TEXT) {
        size_t len = strlen(node->text);
        size_t shown = len;

        if (len > DESCRIBE_TEXT_MAX) {
            shown = DESCRIBE_TEXT_MAX;
            while (shown > 0 && ((unsigned char)node->text[shown] & 0xc0) == 0x80)
                shown--;
        }
        return arena_printf(arena, "\"%.*s%s\"", (int)shown, node->text, shown < len ? "…" : "");
    }
    if (node->kind == NODE_BOOL || node->kind == NODE_INT || node->kind == NODE_FLOAT)
        return node_scalar_text(arena, node);
    return node_kind_name(node->kind);
}
