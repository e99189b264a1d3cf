#include "compose/interpolate.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/strbuf.h"

struct expansion {
    struct arena *arena;
    const struct interpolate_ops *ops;
    struct interpolate_problem *problem;
    const char *start;      /* of the whole text: places are counted from here */
    const char *counted_to; /* and up to here they are counted already */
    size_t counted;
    unsigned depth;
    bool quiet; /* inside of a part that is not used: no warnings */
};

enum operator{ OP_NONE, OP_DEFAULT, OP_ALTERNATE, OP_REQUIRED };

static int expand(struct expansion *x, const char *from, const char *end, struct strbuf *out);

static bool is_name_start(char c)
{
    return c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool is_name_char(char c)
{
    return is_name_start(c) || (c >= '0' && c <= '9');
}

/* Asked for one after the other, mostly: a text of many variables is gone through once. */
static size_t count_dollars(struct expansion *x, const char *at)
{
    if (!x->counted_to || at < x->counted_to) {
        x->counted_to = x->start;
        x->counted = 0;
    }
    for (; x->counted_to < at; x->counted_to++)
        x->counted += *x->counted_to == '$';
    return x->counted;
}

static int refuse(struct expansion *x, const char *at, const char *message, const char *hint)
{
    *x->problem = (struct interpolate_problem){
        .dollar = count_dollars(x, at),
        .message = message,
        .hint = hint,
    };
    return -EINVAL;
}

/* The brace in the same line that closes the one before `p`; braces inside are counted. Where they do not match, the
 * last one of the line closes, as in Docker Compose ("${A:-{}"). NULL: none. */
static const char *find_closing(const char *start, const char *end)
{
    const char *p = start;

    for (size_t open = 1; p < end && *p != '\n'; p++) {
        if (*p == '{')
            open++;
        else if (*p == '}' && --open == 0)
            return p;
    }
    return memrchr(start, '}', (size_t)(p - start));
}

/* Expands a part into its own text. */
static int expand_part(
        struct expansion *x, const char *from, const char *end, bool used, const char **ret)
{
    auto_(strbuf_release) struct strbuf part = STRBUF_INIT(INTERPOLATE_MAX_BYTES);
    bool quiet = x->quiet;

    x->quiet = quiet || !used;
    int r = expand(x, from, end, &part);

    x->quiet = quiet;
    if (r < 0)
        return r;
    *ret = arena_strndup(x->arena, part.data, part.len);
    return 0;
}

static int expand_name(
        struct expansion *x, const char *dollar, const char *name, struct strbuf *out)
{
    const char *value = x->ops->lookup(x->ops->userdata, name);

    if (x->ops->use)
        x->ops->use(x->ops->userdata, name);
    if (value)
        strbuf_adds(out, value);
    else if (x->ops->unset && !x->quiet)
        x->ops->unset(x->ops->userdata, name, count_dollars(x, dollar));
    return 0;
}

static int require(struct expansion *x, const char *dollar, const char *name, const char *reason)
{
    const char *message = *reason ? arena_printf(x->arena,
                                            "required variable %s is missing a value: %s", name,
                                            reason)
                                  : arena_printf(x->arena,
                                            "required variable %s is missing a value", name);

    refuse(x, dollar, message, NULL);
    x->problem->is_unset = true;
    return -EINVAL;
}

/* What stands between the braces of ${…}. */
struct braced {
    const char *name;
    enum operator op;
    bool or_empty;        /* the operator has a colon */
    const char *argument; /* up to the closing brace */
};

/* False when it is no variable. */
static bool parse_braced(struct arena *arena, const char *from, const char *end, struct braced *ret)
{
    const char *p = from;

    while (p < end && (p == from ? is_name_start(*p) : is_name_char(*p)))
        p++;
    *ret = (struct braced){ .name = arena_strndup(arena, from, (size_t)(p - from)) };
    if (p < end && *p == ':') {
        ret->or_empty = true;
        p++;
    }
    if (p < end)
        ret->op = *p == '-'   ? OP_DEFAULT
                  : *p == '+' ? OP_ALTERNATE
                  : *p == '?' ? OP_REQUIRED
                              : OP_NONE;
    ret->argument = p + (ret->op != OP_NONE);
    return *ret->name && (ret->op != OP_NONE || (p == end && !ret->or_empty));
}

static int expand_braced(struct expansion *x, const char *dollar, const char *from, const char *end,
        struct strbuf *out)
{
    const char *argument = "";
    struct braced braced;

    if (!parse_braced(x->arena, from, end, &braced))
        return refuse(x, dollar,
                arena_printf(x->arena, "invalid interpolation format \"${%.*s}\"",
                        (int)(end - from), from),
                "write ${NAME}, ${NAME:-default}, ${NAME:?message} or ${NAME:+text}; a dollar that "
                "is meant as one is written $$");
    if (braced.op == OP_NONE)
        return expand_name(x, dollar, braced.name, out);

    const char *value = x->ops->lookup(x->ops->userdata, braced.name);
    bool present = value && (!braced.or_empty || *value);
    bool used = braced.op == OP_ALTERNATE ? present : !present;
    int r = expand_part(x, braced.argument, end, used, &argument);

    if (r < 0)
        return r;
    if (x->ops->use)
        x->ops->use(x->ops->userdata, braced.name);
    if (braced.op == OP_REQUIRED && !present)
        return x->quiet ? 0 : require(x, dollar, braced.name, argument);
    if (braced.op == OP_ALTERNATE)
        strbuf_adds(out, present ? argument : "");
    else
        strbuf_adds(out, present ? value : argument);
    return 0;
}

/* How much of a text a message shows: the line, or less. */
static size_t shown_len(const char *p, const char *end)
{
    const char *newline = memchr(p, '\n', (size_t)(end - p));
    size_t len = (size_t)((newline ? newline : end) - p);

    return len > 40 ? 40 : len;
}

/* One dollar at `p`; gives where to go on. */
static int expand_dollar(struct expansion *x, const char *p, const char *end, struct strbuf *out,
        const char **ret_next)
{
    const char *next = p + 1;

    if (next < end && *next == '$') {
        strbuf_addc(out, '$');
        *ret_next = next + 1;
        return 0;
    }
    if (next < end && is_name_start(*next)) {
        while (next < end && is_name_char(*next))
            next++;
        *ret_next = next;
        return expand_name(x, p, arena_strndup(x->arena, p + 1, (size_t)(next - p - 1)), out);
    }
    if (next < end && *next == '{') {
        const char *close = find_closing(next + 1, end);

        if (!close)
            return refuse(x, p,
                    arena_printf(x->arena,
                            "invalid interpolation format \"%.*s\": no closing brace%s",
                            (int)shown_len(p, end), p,
                            memchr(p, '\n', (size_t)(end - p)) ? " in its line" : ""),
                    "a dollar that is meant as one is written $$");
        *ret_next = close + 1;
        return expand_braced(x, p, next + 1, close, out);
    }
    strbuf_addc(out, '$');
    *ret_next = next;
    return 0;
}

static int expand(struct expansion *x, const char *from, const char *end, struct strbuf *out)
{
    if (x->depth >= INTERPOLATE_MAX_DEPTH)
        return refuse(x, from, "variables are nested too deeply", NULL);
    x->depth++;
    while (from < end) {
        const char *dollar = memchr(from, '$', (size_t)(end - from));

        strbuf_add(out, from, (size_t)((dollar ? dollar : end) - from));
        if (!dollar)
            break;
        int r = expand_dollar(x, dollar, end, out, &from);

        if (r < 0) {
            x->depth--;
            return r;
        }
        if (strbuf_is_truncated(out)) {
            x->depth--;
            return refuse(
                    x, dollar, "the value is too long after its variables are filled in", NULL);
        }
    }
    x->depth--;
    return 0;
}

int interpolate_text(struct arena *arena, const char *text, const struct interpolate_ops *ops,
        const char **ret, struct interpolate_problem *ret_problem)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(INTERPOLATE_MAX_BYTES);
    struct expansion x = {
        .arena = arena,
        .ops = ops,
        .problem = ret_problem,
        .start = text,
    };

    if (!strchr(text, '$')) {
        *ret = text;
        return 0;
    }
    int r = expand(&x, text, text + strlen(text), &out);

    if (r < 0)
        return r;
    *ret = arena_strndup(arena, out.data, out.len);
    return 0;
}

/* ----------------------------------------------------------------- variables of a text */

struct listing {
    struct arena *arena;
    interpolate_use_fn *use;
    void *userdata;
    unsigned depth;
};

static void list_variables(struct listing *listing, const char *from, const char *end);

static void list_braced(struct listing *listing, const char *from, const char *end)
{
    struct braced braced;

    if (!parse_braced(listing->arena, from, end, &braced))
        return;
    bool has_text = braced.op == OP_DEFAULT || braced.op == OP_ALTERNATE;
    const char *text = has_text ? arena_strndup(listing->arena, braced.argument,
                                          (size_t)(end - braced.argument))
                                : NULL;

    listing->use(
            listing->userdata, &(struct interpolate_use){
                                       .name = braced.name,
                                       .required = braced.op == OP_REQUIRED,
                                       .default_value = braced.op == OP_DEFAULT ? text : NULL,
                                       .alternate_value = braced.op == OP_ALTERNATE ? text : NULL,
                               });
    if (has_text)
        list_variables(listing, braced.argument, end);
}

static void list_variables(struct listing *listing, const char *from, const char *end)
{
    const char *p = from, *unclosed_to = from; /* no brace closes between the two */

    if (listing->depth >= INTERPOLATE_MAX_DEPTH)
        return;
    listing->depth++;
    while ((p = memchr(p, '$', (size_t)(end - p))) && ++p < end) {
        const char *name = p;

        if (*p == '$') {
            p++;
        } else if (*p == '{' && p >= unclosed_to) {
            const char *close = find_closing(p + 1, end);
            const char *newline = close ? NULL : memchr(p, '\n', (size_t)(end - p));

            if (close)
                list_braced(listing, p + 1, close);
            else
                unclosed_to = newline ? newline : end;
            p = close ? close + 1 : p;
        } else if (is_name_start(*p)) {
            while (p < end && is_name_char(*p))
                p++;
            name = arena_strndup(listing->arena, name, (size_t)(p - name));
            listing->use(listing->userdata, &(struct interpolate_use){ .name = name });
        }
    }
    listing->depth--;
}

void interpolate_list(
        struct arena *arena, const char *text, interpolate_use_fn *use, void *userdata)
{
    struct listing listing = { .arena = arena, .use = use, .userdata = userdata };

    list_variables(&listing, text, text + strlen(text));
}
