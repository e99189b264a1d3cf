/* Values of a template that runs: JSON, and for what `inspect` shows what Docker's types say beyond it. */
#include "cli/template-internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/format.h"
#include "cli/shapes.h"

json_t *template_keep(struct template_run *run, json_t *fresh)
{
    json_array_append_new(run->pool, fresh);
    return fresh;
}

static const struct typed *find_typed(const struct template_run *run, const json_t *value)
{
    for (size_t i = run->typed.len; i-- > 0;)
        if (run->typed.items[i].value == value)
            return &run->typed.items[i];
    return NULL;
}

const struct shape *template_shape_of(const struct template_run *run, const json_t *value)
{
    const struct typed *typed = find_typed(run, value);

    return typed ? typed->shape : NULL;
}

bool template_is_nil(const struct template_run *run, const json_t *value)
{
    const struct typed *typed = find_typed(run, value);

    return json_is_null(value) || (typed && typed->is_nil);
}

static json_t *remember(
        struct template_run *run, json_t *value, const struct shape *shape, bool is_nil)
{
    if (!find_typed(run, value))
        *ARRAY_APPEND(&run->typed) = (struct typed){ value, shape, is_nil };
    return value;
}

json_t *template_type_value(struct template_run *run, json_t *value, const struct shape *shape)
{
    bool is_nil = !value || json_is_null(value);

    if (!shape)
        return is_nil ? template_keep(run, json_null()) : value;
    switch (shape->kind) {
    case SHAPE_TEXT:
        return is_nil ? template_keep(run, json_string("")) : value;
    case SHAPE_NUMBER:
        return is_nil ? template_keep(run, json_integer(0)) : value;
    case SHAPE_BOOL:
        return is_nil ? template_keep(run, json_false()) : value;
    case SHAPE_TIME: /* a copy, since one JSON value may be met as two things */
        value = is_nil ? json_string("0001-01-01T00:00:00Z") : json_copy(value);
        return remember(run, template_keep(run, value), shape, false);
    case SHAPE_DURATION:
        value = is_nil ? json_integer(0) : json_copy(value);
        return remember(run, template_keep(run, value), shape, false);
    case SHAPE_STRUCT:
        return remember(run, is_nil ? template_keep(run, json_object()) : value, shape, false);
    case SHAPE_LIST:
        return remember(run, is_nil ? template_keep(run, json_array()) : value, shape, is_nil);
    case SHAPE_MAP:
        return remember(run, is_nil ? template_keep(run, json_object()) : value, shape, is_nil);
    case SHAPE_POINTER:
        if (!is_nil && shape->element->kind != SHAPE_STRUCT)
            return value;
        return remember(run, is_nil ? template_keep(run, json_object()) : value, shape, is_nil);
    }
    return value;
}

/* ---- Printing ---- */

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **template_sorted_keys(const json_t *object)
{
    const char **keys = mem_zalloc((json_object_size(object) + 1) * sizeof(*keys)), *key;
    json_t *member;
    size_t count = 0;

    json_object_foreach((json_t *)object, key, member) keys[count++] = key;
    qsort(keys, count, sizeof(*keys), compare_keys);
    return keys;
}

static void print_shaped(struct strbuf *out, const json_t *value, const struct shape *shape);

/* `element` is that of the items, NULL for plain JSON. */
static void print_list(struct strbuf *out, const json_t *list, const struct shape *element)
{
    strbuf_addc(out, '[');
    for (size_t i = 0; i < json_array_size(list); i++) {
        if (i)
            strbuf_addc(out, ' ');
        print_shaped(out, json_array_get(list, i), element);
    }
    strbuf_addc(out, ']');
}

static void print_map(struct strbuf *out, const json_t *map, const struct shape *element)
{
    const char **keys = template_sorted_keys(map);

    strbuf_adds(out, "map[");
    for (size_t i = 0; keys[i]; i++) {
        strbuf_addf(out, "%s%s:", i ? " " : "", keys[i]);
        print_shaped(out, json_object_get(map, keys[i]), element);
    }
    strbuf_addc(out, ']');
    free(keys);
}

static void print_plain(struct strbuf *out, const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        strbuf_add(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        strbuf_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        strbuf_addf(out, "%.15g", json_real_value(value));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        strbuf_adds(out, json_is_true(value) ? "true" : "false");
        break;
    case JSON_NULL:
        strbuf_adds(out, "<nil>");
        break;
    case JSON_ARRAY:
        print_list(out, value, NULL);
        break;
    case JSON_OBJECT:
        print_map(out, value, NULL);
        break;
    }
}

static void print_time(struct strbuf *out, const char *rfc3339)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;

    strbuf_adds(out, format_go_time(&arena, rfc3339));
}

/* What is missing, or null, prints as the empty value of its type. Pointers within structures print as what
 * they lead to: Go's addresses say nothing. */
static void print_shaped(struct strbuf *out, const json_t *value, const struct shape *shape)
{
    char duration[TIME_GO_DURATION_MAX];
    bool is_nil = !value || json_is_null(value);

    if (!shape) {
        print_plain(out, value);
        return;
    }
    switch (shape->kind) {
    case SHAPE_TEXT:
    case SHAPE_NUMBER:
    case SHAPE_BOOL:
        if (!is_nil)
            print_plain(out, value);
        else if (shape->kind != SHAPE_TEXT)
            strbuf_adds(out, shape->kind == SHAPE_NUMBER ? "0" : "false");
        break;
    case SHAPE_TIME:
        print_time(out, is_nil ? "0001-01-01T00:00:00Z" : json_string_value(value));
        break;
    case SHAPE_DURATION:
        strbuf_adds(
                out, time_format_go_duration(json_integer_value(value) / NSEC_PER_USEC, duration));
        break;
    case SHAPE_POINTER:
        if (is_nil)
            strbuf_adds(out, "<nil>");
        else
            print_shaped(out, value, shape->element);
        break;
    case SHAPE_STRUCT:
        strbuf_addc(out, '{');
        for (const struct shape_field *f = shape->fields; f->name; f++) {
            if (f != shape->fields)
                strbuf_addc(out, ' ');
            print_shaped(out, json_object_get(value, f->name), f->shape);
        }
        strbuf_addc(out, '}');
        break;
    case SHAPE_LIST:
        print_list(out, value, shape->element);
        break;
    case SHAPE_MAP:
        if (is_nil)
            strbuf_adds(out, "map[]");
        else
            print_map(out, value, shape->element);
        break;
    }
}

void template_print_value(
        struct template_run *run, struct strbuf *out, const json_t *value, bool nested)
{
    const struct typed *typed = find_typed(run, value);

    if (json_is_null(value))
        strbuf_adds(out, nested ? "<nil>" : "<no value>");
    else if (typed)
        print_shaped(out, typed->is_nil ? NULL : value, typed->shape);
    else
        print_plain(out, value);
}

bool template_is_truth(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        return json_string_length(value) > 0;
    case JSON_INTEGER:
        return json_integer_value(value) != 0;
    case JSON_REAL:
        return fpclassify(json_real_value(value)) != FP_ZERO;
    case JSON_TRUE:
        return true;
    case JSON_ARRAY:
        return json_array_size(value) > 0;
    case JSON_OBJECT:
        return json_object_size(value) > 0;
    default:
        return false;
    }
}
