/* What templates can call: Go's own functions and Docker's. */
#include "cli/template-internal.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/format.h"

typedef int (*function_fn)(struct template_run *run, json_t **args, size_t count, json_t **ret);

static int fn_json(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    char *text = json_dumps(args[0], JSON_ENCODE_ANY | JSON_COMPACT);

    (void)count;
    *ret = template_keep(run, jsonx_text(text ? text : ""));
    free(text);
    return 0;
}

static int fn_len(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    (void)count;
    size_t len = json_is_string(args[0])   ? json_string_length(args[0])
                 : json_is_object(args[0]) ? json_object_size(args[0])
                                           : json_array_size(args[0]);
    *ret = template_keep(run, json_integer((json_int_t)len));
    return 0;
}

static int fn_index(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    json_t *value = args[0];

    for (size_t i = 1; i < count; i++) {
        if (json_is_object(value) && json_is_string(args[i])) {
            value = json_object_get(value, json_string_value(args[i]));
        } else if (json_is_array(value) && json_is_integer(args[i])) {
            json_int_t at = json_integer_value(args[i]);

            if (at < 0 || (size_t)at >= json_array_size(value))
                return template_fail(run, "error calling index: index out of range", "");
            value = json_array_get(value, (size_t)at);
        } else if (json_is_null(value)) {
            return template_fail(run, "error calling index: index of untyped nil", "");
        } else {
            return template_fail(run, "error calling index: can't index that item", "");
        }
        if (!value)
            value = template_keep(run, json_null());
    }
    *ret = value;
    return 0;
}

static int compare(json_t *a, json_t *b, bool *ret_comparable)
{
    *ret_comparable = true;
    if (json_is_number(a) && json_is_number(b)) {
        double x = json_number_value(a), y = json_number_value(b);

        return (x > y) - (x < y);
    }
    if (json_is_string(a) && json_is_string(b))
        return strcmp(json_string_value(a), json_string_value(b));
    *ret_comparable = false;
    return json_equal(a, b) ? 0 : 1;
}

static int fn_eq(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    bool equal = false, comparable;

    for (size_t i = 1; i < count && !equal; i++)
        equal = compare(args[0], args[i], &comparable) == 0;
    *ret = template_keep(run, json_boolean(equal));
    return 0;
}

static int order(
        struct template_run *run, json_t **args, json_t **ret, int low, int high, bool inside)
{
    bool comparable;
    int c = compare(args[0], args[1], &comparable);

    if (!comparable)
        return template_fail(run, "incompatible types for comparison", "");
    c = (c > 0) - (c < 0);
    *ret = template_keep(run, json_boolean((c >= low && c <= high) == inside));
    return 0;
}

static int fn_ne(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    bool comparable;

    (void)count;
    *ret = template_keep(run, json_boolean(compare(args[0], args[1], &comparable) != 0));
    return 0;
}
static int fn_lt(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    (void)count;
    return order(run, args, ret, -1, -1, true);
}
static int fn_le(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    (void)count;
    return order(run, args, ret, -1, 0, true);
}
static int fn_gt(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    (void)count;
    return order(run, args, ret, 1, 1, true);
}
static int fn_ge(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    (void)count;
    return order(run, args, ret, 0, 1, true);
}

static int fn_and(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    size_t i = 0;

    (void)run;
    while (i + 1 < count && template_is_truth(args[i]))
        i++;
    *ret = args[i];
    return 0;
}

static int fn_or(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    size_t i = 0;

    (void)run;
    while (i + 1 < count && !template_is_truth(args[i]))
        i++;
    *ret = args[i];
    return 0;
}

static int fn_not(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    (void)count;
    *ret = template_keep(run, json_boolean(!template_is_truth(args[0])));
    return 0;
}

static int keep_text(struct template_run *run, const struct strbuf *text, json_t **ret)
{
    *ret = template_keep(run, jsonx_text(text->data));
    return 0;
}

static int fn_print(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEMPLATE_OUTPUT_MAX);

    for (size_t i = 0; i < count; i++) {
        if (i && !json_is_string(args[i]) && !json_is_string(args[i - 1]))
            strbuf_addc(&text, ' ');
        template_print_value(&text, args[i], true);
    }
    return keep_text(run, &text, ret);
}

static int fn_println(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEMPLATE_OUTPUT_MAX);

    for (size_t i = 0; i < count; i++) {
        if (i)
            strbuf_addc(&text, ' ');
        template_print_value(&text, args[i], true);
    }
    strbuf_addc(&text, '\n');
    return keep_text(run, &text, ret);
}

/* %s %v %d %q %t %% with flags and width; the specification never reaches printf as it is. */
static int fn_printf(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEMPLATE_OUTPUT_MAX);
    size_t next = 1;

    if (!json_is_string(args[0]))
        return template_fail(run, "error calling printf: the format is not a text", "");
    for (const char *p = json_string_value(args[0]); *p; p++) {
        if (*p != '%') {
            strbuf_addc(&text, *p);
            continue;
        }
        bool left = false, zero = false;
        size_t width = 0;
        for (p++; *p == '-' || *p == '0'; p++) {
            left |= *p == '-';
            zero |= *p == '0';
        }
        for (; isdigit((unsigned char)*p) && width < 1000; p++)
            width = width * 10 + (size_t)(*p - '0');
        if (*p == '%') {
            strbuf_addc(&text, '%');
            continue;
        }
        if (!*p || !strchr("svdqtxf", *p))
            return template_fail(run, "error calling printf: unknown verb", "");
        if (next >= count) {
            strbuf_addf(&text, "%%!%c(MISSING)", *p);
            continue;
        }
        auto_(strbuf_release) struct strbuf value = STRBUF_INIT(TEMPLATE_OUTPUT_MAX);
        json_t *arg = args[next++];
        if (*p == 'q') {
            auto_free char *quoted = json_dumps(arg, JSON_ENCODE_ANY);
            strbuf_adds(&value, quoted ? quoted : "");
        } else if (*p == 'x' && json_is_integer(arg)) {
            strbuf_addf(&value, "%llx", (unsigned long long)json_integer_value(arg));
        } else if (*p == 'f' && json_is_number(arg)) {
            strbuf_addf(&value, "%f", json_number_value(arg));
        } else {
            template_print_value(&value, arg, true);
        }
        for (size_t i = value.len; !left && i < width; i++)
            strbuf_addc(&text, zero ? '0' : ' ');
        strbuf_add(&text, value.data, value.len);
        for (size_t i = value.len; left && i < width; i++)
            strbuf_addc(&text, ' ');
    }
    return keep_text(run, &text, ret);
}

static int fn_join(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEMPLATE_OUTPUT_MAX);

    (void)count;
    if (!json_is_string(args[1]) || (!json_is_array(args[0]) && !json_is_null(args[0])))
        return template_fail(run, "error calling join: it takes a list and a text", "");
    for (size_t i = 0; i < json_array_size(args[0]); i++) {
        if (i)
            strbuf_adds(&text, json_string_value(args[1]));
        template_print_value(&text, json_array_get(args[0], i), true);
    }
    return keep_text(run, &text, ret);
}

static int fn_split(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    (void)count;
    if (!json_is_string(args[0]) || !json_is_string(args[1]) || json_string_length(args[1]) == 0)
        return template_fail(run, "error calling split: it takes two texts", "");
    json_t *list = template_keep(run, json_array());
    const char *p = json_string_value(args[0]), *separator = json_string_value(args[1]);
    const char *found;

    while ((found = strstr(p, separator))) {
        json_array_append_new(list, json_stringn_nocheck(p, (size_t)(found - p)));
        p = found + strlen(separator);
    }
    json_array_append_new(list, json_string_nocheck(p));
    *ret = list;
    return 0;
}

static int change_case(struct template_run *run, json_t **args, json_t **ret, int mode)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEMPLATE_OUTPUT_MAX);
    bool start = true;

    if (!json_is_string(args[0]))
        return template_fail(run, "expected a text", "");
    for (const char *p = json_string_value(args[0]); *p; p++) {
        int c = (unsigned char)*p;

        strbuf_addc(&text, (char)(mode == 0 ? tolower(c) : mode == 1 || start ? toupper(c) : c));
        start = isspace(c);
    }
    return keep_text(run, &text, ret);
}

static int fn_lower(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    (void)count;
    return change_case(run, args, ret, 0);
}
static int fn_upper(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    (void)count;
    return change_case(run, args, ret, 1);
}
static int fn_title(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    (void)count;
    return change_case(run, args, ret, 2);
}

static int fn_pad(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    (void)count;
    if (!json_is_string(args[0]) || !json_is_integer(args[1]) || !json_is_integer(args[2]))
        return template_fail(run, "error calling pad: it takes a text and two numbers", "");
    json_int_t before = json_integer_value(args[1]), after = json_integer_value(args[2]);
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEMPLATE_OUTPUT_MAX);

    if (json_string_length(args[0]) > 0) {
        for (json_int_t i = 0; i < before && i < 1000; i++)
            strbuf_addc(&text, ' ');
        strbuf_adds(&text, json_string_value(args[0]));
        for (json_int_t i = 0; i < after && i < 1000; i++)
            strbuf_addc(&text, ' ');
    }
    return keep_text(run, &text, ret);
}

static int fn_truncate(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    (void)count;
    if (!json_is_string(args[0]) || !json_is_integer(args[1]) || json_integer_value(args[1]) < 0)
        return template_fail(run, "error calling truncate: it takes a text and a number", "");
    const char *text = json_string_value(args[0]);
    size_t len = strnlen(text, (size_t)json_integer_value(args[1]));

    while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
        len--;
    *ret = template_keep(run, json_stringn_nocheck(text, len));
    return 0;
}

/* Of a text or a list: from one place, up to another. */
static int fn_slice(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    bool is_text = json_is_string(args[0]);
    size_t len = is_text ? json_string_length(args[0]) : json_array_size(args[0]);
    json_int_t ends[] = { 0, (json_int_t)len };

    if (!is_text && !json_is_array(args[0]))
        return template_fail(run, "error calling slice: can't slice that item", "");
    for (size_t i = 1; i < count; i++) {
        if (!json_is_integer(args[i]))
            return template_fail(run, "error calling slice: an index is a number", "");
        ends[i - 1] = json_integer_value(args[i]);
    }
    if (ends[0] < 0 || ends[0] > ends[1] || ends[1] > (json_int_t)len)
        return template_fail(run, "error calling slice: index out of range", "");
    if (is_text) {
        *ret = template_keep(run, json_stringn_nocheck(json_string_value(args[0]) + ends[0],
                                          (size_t)(ends[1] - ends[0])));
        return 0;
    }
    json_t *list = json_array();
    for (json_int_t i = ends[0]; i < ends[1]; i++)
        json_array_append(list, json_array_get(args[0], (size_t)i));
    *ret = template_keep(run, list);
    return 0;
}

static int fn_urlquery(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEMPLATE_OUTPUT_MAX);
    json_t *printed = NULL;
    int r = fn_print(run, args, count, &printed);

    if (r < 0)
        return r;
    format_add_url_query(&text, json_string_value(printed));
    return keep_text(run, &text, ret);
}

static int fn_html(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    static const char *const entities[] = { "\"&#34;", "'&#39;", "&&amp;", "<&lt;", ">&gt;" };
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEMPLATE_OUTPUT_MAX);
    json_t *printed = NULL;
    int r = fn_print(run, args, count, &printed);

    if (r < 0)
        return r;
    for (const char *p = json_string_value(printed); *p; p++) {
        const char *entity = NULL;

        for (size_t i = 0; i < ARRAY_LEN(entities); i++)
            entity = entities[i][0] == *p ? entities[i] + 1 : entity;
        if (entity)
            strbuf_adds(&text, entity);
        else
            strbuf_addc(&text, *p);
    }
    return keep_text(run, &text, ret);
}

static const struct {
    const char *name;
    size_t min, max;
    function_fn fn;
} functions[] = {
    { "and", 1, TEMPLATE_ARGS_MAX, fn_and },
    { "eq", 2, TEMPLATE_ARGS_MAX, fn_eq },
    { "ge", 2, 2, fn_ge },
    { "gt", 2, 2, fn_gt },
    { "html", 0, TEMPLATE_ARGS_MAX, fn_html },
    { "index", 1, TEMPLATE_ARGS_MAX, fn_index },
    { "join", 2, 2, fn_join },
    { "json", 1, 1, fn_json },
    { "le", 2, 2, fn_le },
    { "len", 1, 1, fn_len },
    { "lower", 1, 1, fn_lower },
    { "lt", 2, 2, fn_lt },
    { "ne", 2, 2, fn_ne },
    { "not", 1, 1, fn_not },
    { "or", 1, TEMPLATE_ARGS_MAX, fn_or },
    { "pad", 3, 3, fn_pad },
    { "print", 0, TEMPLATE_ARGS_MAX, fn_print },
    { "printf", 1, TEMPLATE_ARGS_MAX, fn_printf },
    { "println", 0, TEMPLATE_ARGS_MAX, fn_println },
    { "slice", 1, 3, fn_slice },
    { "split", 2, 2, fn_split },
    { "title", 1, 1, fn_title },
    { "truncate", 2, 2, fn_truncate },
    { "upper", 1, 1, fn_upper },
    { "urlquery", 0, TEMPLATE_ARGS_MAX, fn_urlquery },
};

int template_call(
        struct template_run *run, const char *name, json_t **args, size_t count, json_t **ret)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
        if (strcmp(functions[i].name, name) != 0)
            continue;
        if (count < functions[i].min || count > functions[i].max)
            return template_fail(run, "wrong number of args for @", name);
        return functions[i].fn(run, args, count, ret);
    }
    return template_fail(run, "function \"@\" not defined", name);
}
