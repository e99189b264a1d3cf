/* Attributes of one value: texts, booleans, numbers, sizes, durations, words. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
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

        if (schema_is_scalar(node))
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
    else if (node->kind == NODE_FLOAT && fabs(node->number) < 9e15 &&
             node->number == (double)(int64_t)node->number)
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

    const char *text = schema_is_scalar(node) ? node_scalar_text(context->arena, node) : NULL;
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
