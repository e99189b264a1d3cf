#include "compose/schema-types.h"

#include <assert.h>
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "compose/project.h"
#include "compose/schema-rows-internal.h"
#include "compose/schema-suggest.h"
#include "compose/schema-types-internal.h"

enum { FILE_MODE_MAX = 0xffff };

/* Arrays of structs all have this layout; see the structs of project.h. */
struct items {
    void *items;
    size_t len, cap;
};

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

static bool is_scalar(const struct node *node)
{
    return node->kind != NODE_LIST && node->kind != NODE_MAP && node->kind != NODE_NULL;
}

/* ------------------------------------------------------------------------------ scalars */

static struct node *read_any(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    (void)attr;
    return node_copy(context->arena, node);
}

static struct node *read_text(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    if (node->kind == NODE_TEXT)
        return node_copy(context->arena, node);
    if (node->kind == NODE_NULL && (attr->flags & ATTR_NULL))
        return node_copy(context->arena, node);
    if (!(node->flags & NODE_BAD)) {
        struct diag_entry *entry = schema_error(context, &node->at, "expected %s, got %s",
                attr->type->expected, node_describe(context->arena, node));

        if (is_scalar(node))
            diag_hint(context->diag, entry, "write it in quotes: \"%s\"",
                    node->text ? node->text : node_scalar_text(context->arena, node));
    }
    return NULL;
}

static void decode_text(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    (void)attr;
    if (node->kind != NODE_NULL)
        *(const char **)field = node_scalar_text(arena, node);
}

static struct node *read_text_or_number(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    if (node->kind == NODE_INT)
        return schema_derive_text(context, node_scalar_text(context->arena, node), node);
    return read_text(context, attr, node);
}

/* A port of the host, or a range; "" is none. What else Docker Compose takes for a text fails when it starts. */
static struct node *read_published(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    const char *text = node_scalar_text(context->arena, node);
    uint16_t first, last;

    if ((node->kind != NODE_INT && node->kind != NODE_TEXT) ||
            (*text && parse_port_range(str_from(text), true, &first, &last) < 0))
        return schema_refuse(context, node, attr->type->expected);
    return node->kind == NODE_INT ? schema_derive_text(context, text, node)
                                  : node_copy(context->arena, node);
}

static struct node *read_text_or_bool(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    if (node->kind == NODE_BOOL)
        return schema_derive_text(context, node_scalar_text(context->arena, node), node);
    return read_text(context, attr, node);
}

static struct node *read_bool(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *result;
    bool value;

    if (node->kind == NODE_BOOL)
        return node_copy(context->arena, node);
    /* Compose takes the words, but not 0, 1, t and f, which parse_bool knows as well. */
    if (node->kind != NODE_TEXT || (strlen(node->text) == 1 && strchr("01tTfF", *node->text)) ||
            parse_bool(str_from(node->text), &value) < 0)
        return schema_refuse(context, node, attr->type->expected);
    result = schema_derive(context, NODE_BOOL, node);
    result->boolean = value;
    return result;
}

/* Where Docker Compose's schema knows no words. */
static struct node *read_plain_bool(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    if (node->kind == NODE_BOOL)
        return node_copy(context->arena, node);
    return schema_refuse(context, node, attr->type->expected);
}

static void decode_bool(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    (void)arena;
    (void)attr;
    if (node->kind == NODE_BOOL)
        *(enum option_bool *)field = node->boolean ? OPTION_TRUE : OPTION_FALSE;
}

static struct node *read_int(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *result = schema_derive(context, NODE_INT, node);

    if (node->kind == NODE_INT)
        result->integer = node->integer;
    else if (node->kind == NODE_FLOAT && node->number == floor(node->number) &&
             fabs(node->number) < 9e15)
        result->integer = (int64_t)node->number;
    else if (node->kind != NODE_TEXT || (attr->flags & ATTR_BARE_NUMBERS) ||
             parse_int64(str_from(node->text), INT64_MIN, INT64_MAX, &result->integer) < 0)
        return schema_refuse(context, node,
                attr->flags & ATTR_BARE_NUMBERS ? "an integer without quotes"
                                                : attr->type->expected);
    if (attr->min != attr->max && (result->integer < attr->min || result->integer > attr->max)) {
        if (attr->max == INT64_MAX)
            schema_error(context, &node->at, "expected at least %lld, got %lld",
                    (long long)attr->min, (long long)result->integer);
        else
            schema_error(context, &node->at, "expected a number from %lld to %lld, got %lld",
                    (long long)attr->min, (long long)attr->max, (long long)result->integer);
        return NULL;
    }
    return result;
}

static void decode_int(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    (void)arena;
    (void)attr;
    if (node->kind == NODE_INT)
        *(struct option_int *)field = (struct option_int){ .set = true, .value = node->integer };
}

static struct node *read_number(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *result = schema_derive(context, NODE_FLOAT, node);

    if (node->kind == NODE_INT)
        result->number = (double)node->integer;
    else if (node->kind == NODE_FLOAT)
        result->number = node->number;
    else if (node->kind != NODE_TEXT || parse_double(str_from(node->text), &result->number) < 0)
        return schema_refuse(context, node, attr->type->expected);
    if (!isfinite(result->number))
        return schema_refuse(context, node, attr->type->expected);
    if (attr->flags & ATTR_SHORT_FLOAT) {
        char buffer[NUMBER_TEXT_MAX];

        result->text = arena_strdup(
                context->arena, number_format_short((float)result->number, buffer));
        result->flags |= NODE_EXACT;
    }
    return result;
}

static void decode_number(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    (void)arena;
    (void)attr;
    if (node->kind == NODE_FLOAT)
        *(struct option_number *)field = (struct option_number){ .set = true,
            .value = node->number };
}

/* Normal form: decimal text of bytes, "-1" where that has a meaning. */
static struct node *read_size(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    uint64_t bytes;
    int64_t negative;

    if (attr->min != attr->max &&
            (node->kind == NODE_FLOAT || (node->kind == NODE_INT && node->integer < attr->min)))
        return schema_refuse(context, node, "a whole number of bytes, or a text");
    if (node->kind == NODE_INT)
        return schema_derive_text(context, node_scalar_text(context->arena, node), node);
    if (node->kind == NODE_FLOAT && node->number >= 0 && node->number < 9e18)
        return schema_derive_text(
                context, arena_printf(context->arena, "%lld", (long long)node->number), node);
    if (node->kind != NODE_TEXT)
        return schema_refuse(context, node, attr->type->expected);
    if (parse_int64(str_from(node->text), INT64_MIN, -1, &negative) == 0)
        return schema_derive_text(context, node->text, node);
    if (parse_size_bytes(str_from(node->text), &bytes) < 0 || bytes > INT64_MAX) {
        if (!(node->flags & NODE_BAD)) {
            struct diag_entry *entry = schema_error(context, &node->at, "expected %s, got %s",
                    attr->type->expected, node_describe(context->arena, node));

            const char *meant = schema_suggest_size(context->arena, node->text);

            if (meant)
                diag_hint(context->diag, entry, "did you mean \"%s\"?", meant);
            else
                diag_hint(context->diag, entry, "units are b, k, m, g, t and p, powers of 1024");
        }
        return NULL;
    }
    return schema_derive_text(
            context, arena_printf(context->arena, "%llu", (unsigned long long)bytes), node);
}

static struct node *read_text_size(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    if (node->kind == NODE_TEXT && node->text[0] == '-')
        return schema_refuse(context, node, attr->type->expected);
    return node->kind == NODE_TEXT ? read_size(context, attr, node)
                                   : read_text(context, attr, node);
}

static void decode_size(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    struct option_size *size = field;

    (void)arena;
    (void)attr;
    if (node->kind == NODE_TEXT)
        size->set = parse_int64(str_from(node->text), INT64_MIN, INT64_MAX, &size->bytes) == 0;
}

static struct node *read_duration(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    char buffer[TIME_GO_DURATION_MAX];
    int64_t usec;

    if (node->kind == NODE_TEXT && parse_duration_usec(str_from(node->text), &usec) == 0)
        return schema_derive_text(
                context, arena_strdup(context->arena, time_format_go_duration(usec, buffer)), node);
    if (node->flags & NODE_BAD)
        return NULL;
    struct diag_entry *entry = schema_error(context, &node->at, "expected %s, got %s",
            attr->type->expected, node_describe(context->arena, node));

    const char *text = is_scalar(node) ? node_scalar_text(context->arena, node) : NULL;
    const char *meant = text ? schema_suggest_duration(context->arena, text) : NULL;

    if (meant && strspn(text, "0123456789") == strlen(text))
        diag_hint(context->diag, entry, "add a unit: \"%s\"", meant);
    else if (meant)
        diag_hint(context->diag, entry, "did you mean \"%s\"?", meant);
    else
        diag_hint(context->diag, entry, "units are us, ms, s, m, h and d");
    return NULL;
}

static void decode_duration(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    struct option_duration *duration = field;

    (void)arena;
    (void)attr;
    if (node->kind == NODE_TEXT)
        duration->set = parse_duration_usec(str_from(node->text), &duration->usec) == 0;
}

static struct node *read_word(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    auto_(strbuf_release) struct strbuf words = STRBUF_INIT(1024);
    size_t count = 0;

    for (; attr->names[count]; count++) {
        if (node->kind == NODE_TEXT && strcmp(node->text, attr->names[count]) == 0)
            return node_copy(context->arena, node);
        strbuf_addf(&words, "%s\"%s\"", count ? ", " : "", attr->names[count]);
    }
    if (node->flags & NODE_BAD)
        return NULL;
    struct diag_entry *entry = schema_error(context, &node->at, "expected one of %s, got %s",
            words.data, node_describe(context->arena, node));
    const char *nearest = node->kind == NODE_TEXT ? str_nearest(node->text, attr->names, count)
                                                  : NULL;

    /* "healthy" is in "service_healthy" */
    for (size_t i = 0; i < count && !nearest && node->kind == NODE_TEXT && strlen(node->text) > 3;
            i++)
        if (strstr(attr->names[i], node->text))
            nearest = attr->names[i];

    if (nearest)
        diag_hint(context->diag, entry, "did you mean \"%s\"?", nearest);
    return NULL;
}

static void decode_enum(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    (void)arena;
    for (int i = 0; node->kind == NODE_TEXT && attr->names[i]; i++)
        if (strcmp(node->text, attr->names[i]) == 0)
            memcpy(field, &i, sizeof(i));
}

/* Permission bits: an integer as YAML reads it, or octal text. Normal form: "0440". */
static struct node *read_file_mode(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    uint32_t mode;

    if (node->kind == NODE_INT && node->integer >= 0 && node->integer <= FILE_MODE_MAX)
        mode = (uint32_t)node->integer;
    else if (node->kind != NODE_TEXT || parse_octal(str_from(node->text), FILE_MODE_MAX, &mode) < 0)
        return schema_refuse(context, node, attr->type->expected);
    return schema_derive_text(context, arena_printf(context->arena, "0%o", mode), node);
}

static void decode_file_mode(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field)
{
    struct option_int *option = field;
    uint32_t mode;

    (void)arena;
    (void)attr;
    if (node->kind == NODE_TEXT && parse_octal(str_from(node->text), FILE_MODE_MAX, &mode) == 0)
        *option = (struct option_int){ .set = true, .value = mode };
}

/* The mode of a tmpfs is printed as the number that YAML read. Docker Compose has no texts here, where nobody could
 * tell whether "1777" is meant to be octal. */
static struct node *read_tmpfs_mode(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct diag_entry *entry;
    uint32_t mode;

    if (node->kind == NODE_INT && (node->integer < 0 || node->integer > FILE_MODE_MAX))
        return schema_refuse(context, node, attr->type->expected);
    if (node->kind != NODE_TEXT || (node->flags & NODE_BAD))
        return read_int(context, attr, node);
    entry = schema_error(context, &node->at, "expected %s, without quotes, got %s",
            attr->type->expected, node_describe(context->arena, node));
    if (parse_octal(str_from(node->text), FILE_MODE_MAX, &mode) == 0)
        diag_hint(context->diag, entry, "write 0%o", mode);
    return NULL;
}

/* How many devices: "all" is -1. */
static struct node *read_count(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    if (node->kind == NODE_TEXT && strcasecmp(node->text, "all") == 0) {
        struct node *result = schema_derive(context, NODE_INT, node);

        result->integer = -1;
        return result;
    }
    if (node->kind == NODE_FLOAT)
        return schema_refuse(context, node, attr->type->expected);
    return read_int(context, attr, node);
}

/* true, or the old form {name: x}, which stays a mapping until the resource's after_read. */
static struct node *read_external(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    if (node->kind != NODE_MAP)
        return read_bool(context, attr, node);
    NODE_FOREACH(node, entry) {
        size_t mark = schema_push(context, entry->key);

        if (strcmp(entry->key, "name") == 0 && entry->value->kind != NODE_TEXT)
            schema_refuse(context, entry->value, "a text");
        else if (strcmp(entry->key, "name") != 0 && strncmp(entry->key, "x-", 2) != 0) {
            /* Docker Compose passes over them in secrets and configs. */
            bool refused = !string_has_prefix(context->path.data, "secrets.") &&
                           !string_has_prefix(context->path.data, "configs.");

            diag_add(context->diag, refused ? DIAG_ERROR : DIAG_WARNING, "no-effect",
                    &entry->key_at, "%s: no such attribute; only \"name\" is known here",
                    context->path.data);
        }
        schema_pop(context, mark);
    }
    return node_copy(context->arena, node);
}

/* -------------------------------------------------------------------------------- lists */

static struct node *read_item_text(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    if (attr->type == &type_texts_or_numbers)
        return read_text_or_number(
                context, &(const struct attr){ .type = &type_text_or_number }, node);
    return read_text(context, &(const struct attr){ .type = &type_text }, node);
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

static void decode_list(
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

/* ------------------------------------------------------------------- one of its kind */

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

        if (is_scalar(entry->value)) {
            list->flags |= NODE_SHORT;
            node_list_append(context->arena, list,
                    schema_derive_text(
                            context, node_scalar_text(context->arena, entry->value), entry->value));
        } else if (entry->value->kind != NODE_LIST) {
            schema_refuse(context, entry->value, "a text, a number, a boolean or a list of them");
        }
        for (uint32_t i = 0; given->kind == NODE_LIST && i < given->len; i++) {
            const struct node *item = given->items[i];

            if (is_scalar(item))
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
        decode_texts(arena, attr, entry->value, &option->values);
    }
}

static struct node *read_gpus(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *list, *item, *count;

    if (node->kind != NODE_TEXT || strcmp(node->text, "all") != 0)
        return read_list(context, attr, node);
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

TYPE(type_any, "anything", "anything", "{}", SHAPE_ANY, read_any, NULL);
TYPE(type_text, "text", "a text", "{\"type\":\"string\"}", SHAPE_SCALAR, read_text, decode_text);
TYPE(type_text_or_number, "text or number", "a text or an integer",
        "{\"type\":[\"string\",\"integer\"]}", SHAPE_SCALAR, read_text_or_number, decode_text);
TYPE(type_published, "port", "a port such as 8080, or a range such as \"8000-8010\"",
        "{\"type\":[\"string\",\"integer\"]}", SHAPE_SCALAR, read_published, decode_text);
TYPE(type_text_or_bool, "text or boolean", "a text or a boolean",
        "{\"type\":[\"string\",\"boolean\"]}", SHAPE_SCALAR, read_text_or_bool, decode_text);
TYPE(type_bool, "boolean", "true or false", JSON_REF("boolean"), SHAPE_SCALAR, read_bool,
        decode_bool);
TYPE(type_plain_bool, "boolean", "true or false, and no text", "{\"type\":\"boolean\"}",
        SHAPE_SCALAR, read_plain_bool, decode_bool);
TYPE(type_int, "integer", "an integer", JSON_REF("integer"), SHAPE_SCALAR, read_int, decode_int);
TYPE(type_number, "number", "a number", JSON_REF("number"), SHAPE_SCALAR, read_number,
        decode_number);
TYPE(type_size, "size", "a size such as \"512m\"", JSON_REF("size"), SHAPE_SCALAR, read_size,
        decode_size);
TYPE(type_text_size, "size as text", "a text such as \"512m\"", "{\"type\":\"string\"}",
        SHAPE_SCALAR, read_text_size, decode_size);
TYPE(type_duration, "duration", "a duration such as \"1m30s\"", JSON_REF("duration"), SHAPE_SCALAR,
        read_duration, decode_duration);
TYPE(type_enum, "word", "one of a few words", "@", SHAPE_SCALAR, read_word, decode_enum);
TYPE(type_word, "word", "one of a few words", "@", SHAPE_SCALAR, read_word, decode_text);
TYPE(type_file_mode, "file mode", "permission bits such as 0440", JSON_REF("file_mode"),
        SHAPE_SCALAR, read_file_mode, decode_file_mode);
TYPE(type_tmpfs_mode, "file mode", "permission bits such as 01777", JSON_REF("integer"),
        SHAPE_SCALAR, read_tmpfs_mode, decode_int);
TYPE(type_count, "count", "an integer or \"all\"",
        "{\"anyOf\":[{\"const\":\"all\"}," JSON_REF("integer") "]}", SHAPE_SCALAR, read_count,
        decode_int);
TYPE(type_external, "boolean", "true or false",
        "{\"anyOf\":[" JSON_REF(
                "boolean") ",{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"}}}]}",
        SHAPE_SCALAR, read_external, decode_bool);
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
TYPE(type_struct, "mapping", "a mapping", "@", SHAPE_STRUCT, read_struct, decode_struct);
TYPE(type_list, "list", "a list", "{\"type\":\"array\",\"items\":@}", SHAPE_LIST, read_list,
        decode_list);
TYPE(type_one_or_list, "text or list", "a text or a list",
        "{\"type\":[\"string\",\"array\"],\"items\":@}", SHAPE_LIST, read_one_or_list, decode_list);
TYPE(type_map, "mapping", "a mapping", "{\"type\":\"object\",\"additionalProperties\":@}",
        SHAPE_MAP, read_map, decode_map);
TYPE(type_map_or_names, "mapping or list of names", "a list of names or a mapping",
        JSON_LIST_OR_MAP("@"), SHAPE_MAP, read_map_or_names, decode_map);
TYPE(type_ulimits, "mapping of limits", "a mapping of limits such as \"nofile: 1024\"",
        "{\"type\":\"object\",\"additionalProperties\":" JSON_REF("ulimit") "}", SHAPE_MAP,
        read_ulimits, decode_ulimits);
TYPE(type_provider_options, "mapping", "a mapping",
        "{\"type\":\"object\",\"additionalProperties\":{\"type\":[\"string\",\"number\",\"boolean\","
        "\"array\"],\"items\":{\"type\":[\"string\",\"number\",\"boolean\"]}}}",
        SHAPE_MAP, read_provider_options, decode_provider_options);
TYPE(type_ports, "list of ports", "a list of ports",
        "{\"type\":\"array\",\"items\":{\"anyOf\":[{\"type\":[\"string\",\"integer\"]},@]}}",
        SHAPE_LIST, service_ports_read, decode_list);
TYPE(type_gpus, "\"all\" or list", "\"all\" or a list",
        "{\"anyOf\":[{\"const\":\"all\"},{\"type\":\"array\",\"items\":@}]}", SHAPE_LIST, read_gpus,
        decode_list);
