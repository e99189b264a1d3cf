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
#include "cli/shapes.h"

typedef int (*function_fn)(struct template_run *run, json_t **args, size_t count, json_t **ret);

static int fn_json(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    char *text = template_is_nil(run, args[0])
                         ? mem_strdup("null")
                         : json_dumps(args[0], JSON_ENCODE_ANY | JSON_COMPACT);

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
        const struct shape *shape = template_shape_of(run, value);
        const bool has_elements = shape && (shape->kind == SHAPE_LIST || shape->kind == SHAPE_MAP);

        if (shape && shape->kind == SHAPE_POINTER && template_is_nil(run, value)) {
            return template_fail(run, "error calling index: can't index item: nil pointer", "");
        } else if (json_is_object(value) && json_is_string(args[i])) {
            value = json_object_get(value, json_string_value(args[i]));
        } else if (json_is_array(value) && json_is_integer(args[i])) {
            json_int_t at = json_integer_value(args[i]);

            if (at < 0 || (size_t)at >= json_array_size(value))
                return template_fail(run, "error calling index: index out of range", "");
            value = json_array_get(value, (size_t)at);
        } else if (json_is_null(value)) {
            return template_fail(run, "error calling index: index of untyped nil", "");
        } else {
            return template_fail(run, "error calling index: can't index item", "");
        }
        value = template_type_value(run, value, has_elements ? shape->element : NULL);
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
        template_print_value(run, &text, args[i], true);
    }
    return keep_text(run, &text, ret);
}

static int fn_println(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEMPLATE_OUTPUT_MAX);

    for (size_t i = 0; i < count; i++) {
        if (i)
            strbuf_addc(&text, ' ');
        template_print_value(run, &text, args[i], true);
    }
    strbuf_addc(&text, '\n');
    return keep_text(run, &text, ret);
}

/* What stands between "%" and the verb. */
struct directive {
    bool left, zero, plus;
    size_t width, precision;
    bool has_precision;
    char verb;
};

static const char *parse_number_of(const char *p, size_t *ret)
{
    for (*ret = 0; isdigit((unsigned char)*p) && *ret < 1000; p++)
        *ret = *ret * 10 + (size_t)(*p - '0');
    return p;
}

/* `p` is behind "%"; returns where the verb is. */
static const char *parse_directive(const char *p, struct directive *ret)
{
    *ret = (struct directive){ 0 };
    for (; *p && strchr("-0+# ", *p); p++) {
        ret->left |= *p == '-';
        ret->zero |= *p == '0';
        ret->plus |= *p == '+';
    }
    p = parse_number_of(p, &ret->width);
    if (*p == '.') {
        ret->has_precision = true;
        p = parse_number_of(p + 1, &ret->precision);
    }
    ret->verb = *p;
    return p;
}

/* Bytes of the text up to that number of characters. */
static size_t cut_text(const char *text, size_t characters)
{
    size_t i = 0;

    while (text[i] && (characters > 0 || ((unsigned char)text[i] & 0xc0) == 0x80)) {
        characters -= ((unsigned char)text[i] & 0xc0) != 0x80;
        i++;
    }
    return i;
}

static void add_argument(
        struct template_run *run, struct strbuf *out, const struct directive *d, json_t *arg)
{
    auto_(strbuf_release) struct strbuf value = STRBUF_INIT(TEMPLATE_OUTPUT_MAX);

    if (d->verb == 'q') {
        auto_free char *quoted = json_dumps(arg, JSON_ENCODE_ANY);
        strbuf_adds(&value, quoted ? quoted : "");
    } else if ((d->verb == 'x' || d->verb == 'X') && json_is_integer(arg)) {
        strbuf_addf(&value, d->verb == 'x' ? "%llx" : "%llX",
                (unsigned long long)json_integer_value(arg));
    } else if (d->verb == 'f' && json_is_number(arg)) {
        strbuf_addf(
                &value, "%.*f", d->has_precision ? (int)d->precision : 6, json_number_value(arg));
    } else {
        if (d->plus && d->verb == 'd' && json_is_integer(arg) && json_integer_value(arg) >= 0)
            strbuf_addc(&value, '+');
        template_print_value(run, &value, arg, true);
        if (d->has_precision && json_is_string(arg))
            strbuf_truncate(&value, cut_text(value.data, d->precision));
    }
    for (size_t i = value.len; !d->left && i < d->width; i++)
        strbuf_addc(out, d->zero ? '0' : ' ');
    strbuf_add(out, value.data, value.len);
    for (size_t i = value.len; d->left && i < d->width; i++)
        strbuf_addc(out, ' ');
}

/* %s %v %d %q %t %x %f %% with flags, width and precision; the specification never reaches printf as it is. */
static int fn_printf(struct template_run *run, json_t **args, size_t count, json_t **ret)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEMPLATE_OUTPUT_MAX);
    struct directive directive;
    size_t next = 1;

    if (!json_is_string(args[0]))
        return template_fail(run, "error calling printf: the format is not a text", "");
    for (const char *p = json_string_value(args[0]); *p; p++) {
        if (*p != '%') {
            strbuf_addc(&text, *p);
            continue;
        }
        p = parse_directive(p + 1, &directive);
        if (*p == '%')
            strbuf_addc(&text, '%');
        else if (!*p || !strchr("svdqtxXf", *p))
            return template_fail(run, "error calling printf: unknown verb", "");
        else if (next >= count)
            strbuf_addf(&text, "%%!%c(MISSING)", *p);
        else
            add_argument(run, &text, &directive, args[next++]);
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
        template_print_value(run, &text, json_array_get(args[0], i), true);
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
