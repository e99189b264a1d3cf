#include "engine/build/expand.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "base/strmap.h"
#include "engine/build/ignore.h"

#define EXPAND_DEPTH_MAX 32
#define EXPAND_RESULT_MAX (1u << 20)

struct text {
    char *items;
    size_t len, cap;
};

struct expander {
    struct arena *arena;
    const struct expand_options *options;
    struct error **err;
    const char *at; /* what is still to be read */
    unsigned depth;
    struct strings *split; /* not NULL: unquoted blanks end a word */
    size_t result_bytes;
};

static int expand_until(struct expander *e, const char *stops, bool quoted, struct text *out);

__attribute__((format(printf, 2, 3))) static int fail(struct expander *e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int r = error_vset(e->err, EINVAL, &e->options->at, format, args);
    va_end(args);
    if (e->err)
        (*e->err)->errno_text = false; /* the text was at fault, not a call */
    return r;
}

static int add(struct expander *e, struct text *out, char c)
{
    if (++e->result_bytes > EXPAND_RESULT_MAX)
        return fail(e, "the expanded text is too long");
    *ARRAY_APPEND_ARENA(e->arena, out) = c;
    return 0;
}

static const char *finish(struct expander *e, struct text *text)
{
    *ARRAY_APPEND_ARENA(e->arena, text) = '\0';
    return text->items;
}

static int add_value(struct expander *e, struct text *out, const char *value, bool quoted)
{
    for (; value && *value; value++) {
        if (e->split && !quoted && isspace((unsigned char)*value)) {
            if (out->len > 0) {
                *ARRAY_APPEND_ARENA(e->arena, e->split) = (char *)finish(e, out);
                *out = (struct text){ 0 };
            }
            continue;
        }
        int r = add(e, out, *value);
        if (r < 0)
            return r;
    }
    return 0;
}

/* The part of `value` that is left when the shortest or longest prefix or suffix that matches goes. */
static const char *cut_affix(
        struct expander *e, const char *value, const char *pattern, bool suffix, bool longest)
{
    size_t len = strlen(value), best = SIZE_MAX;

    for (size_t cut = 0; cut <= len; cut++) {
        const char *piece = suffix ? value + len - cut : arena_strndup(e->arena, value, cut);

        if (pattern_match(pattern, piece) == 1 && (best == SIZE_MAX || longest))
            best = cut;
    }
    if (best == SIZE_MAX)
        return value;
    return suffix ? arena_strndup(e->arena, value, len - best) : value + best;
}

/* ${NAME/pattern/text}: the first, or with `all` every, longest match is replaced. */
static int substitute(struct expander *e, struct text *out, const char *value, const char *pattern,
        const char *replacement, bool all)
{
    bool done = false;

    while (*value) {
        size_t match = 0;

        for (size_t len = strlen(value); len > 0 && match == 0 && (!done || all) && *pattern;
                len--) {
            if (pattern_match(pattern, arena_strndup(e->arena, value, len)) == 1)
                match = len;
        }
        int r = match > 0 ? add_value(e, out, replacement, true) : add(e, out, *value);
        if (r < 0)
            return r;
        done = done || match > 0;
        value += match > 0 ? match : 1;
    }
    return 0;
}

static int read_word(struct expander *e, const char *stops, const char **ret)
{
    struct text word = { 0 };
    struct strings *split = e->split;

    e->split = NULL;
    int r = expand_until(e, stops, true, &word);
    e->split = split;
    if (r < 0)
        return r;
    *ret = finish(e, &word);
    return 0;
}

static int close_brace(struct expander *e, const char *name)
{
    if (*e->at != '}')
        return fail(e, "\"${%s\" is not closed by \"}\"", name);
    e->at++;
    return 0;
}

static int expand_substitution(
        struct expander *e, const char *name, const char *value, struct text *out)
{
    const char *pattern = "", *replacement = "";
    bool all = *e->at == '/';

    e->at += all ? 1 : 0;
    int r = read_word(e, "/}", &pattern);
    if (r >= 0 && *e->at == '/') {
        e->at++;
        r = read_word(e, "}", &replacement);
    }
    if (r >= 0)
        r = close_brace(e, name);
    return r < 0 ? r : substitute(e, out, value ? value : "", pattern, replacement, all);
}

/* Behind "${NAME": an operator with its word, or "}". */
static int expand_operator(
        struct expander *e, const char *name, const char *value, bool quoted, struct text *out)
{
    bool colon = *e->at == ':', set = value && (!colon || *value);
    const char *word = "";
    char op = e->at[colon ? 1 : 0];
    bool doubled = false;

    if (*e->at == '}') {
        e->at++;
        return add_value(e, out, value, quoted);
    }
    if (!*e->at)
        return fail(e, "\"${%s\" is not closed by \"}\"", name);
    if (!op || !strchr(colon ? "-+?" : "-+?#%/", op))
        return fail(e, "\"${%s…\": expected one of :- - :+ + :? ? # %% / behind the name", name);
    e->at += colon ? 2 : 1;
    if (op == '/')
        return expand_substitution(e, name, value, out);
    if (op == '#' || op == '%') {
        doubled = *e->at == op;
        e->at += doubled ? 1 : 0;
    }
    int r = read_word(e, "}", &word);
    if (r >= 0)
        r = close_brace(e, name);
    if (r < 0)
        return r;
    switch (op) {
    case '-':
        return add_value(e, out, set ? value : word, quoted);
    case '+':
        return add_value(e, out, set ? word : "", quoted);
    case '?':
        if (!set)
            return error_set_plain(e->err, EINVAL, &e->options->at, "%s: %s", name,
                    *word ? word : "the variable is not set");
        return add_value(e, out, value, quoted);
    default:
        return add_value(
                e, out, cut_affix(e, value ? value : "", word, op == '%', doubled), quoted);
    }
}

static bool is_name(char c, bool first)
{
    return c == '_' || isalpha((unsigned char)c) || (!first && isdigit((unsigned char)c));
}

static int expand_dollar(struct expander *e, bool quoted, struct text *out)
{
    bool brace = e->at[1] == '{';
    const char *begin = e->at + (brace ? 2 : 1), *end = begin;

    while (is_name(*end, end == begin))
        end++;
    if (end == begin && isdigit((unsigned char)*end))
        end++; /* positional parameters are always unset */
    if (end == begin) {
        if (brace)
            return fail(e, "\"%.20s\": expected a variable's name behind \"${\"", e->at);
        e->at++;
        return add(e, out, '$');
    }
    char *name = arena_strndup(e->arena, begin, (size_t)(end - begin));
    const char *value = strmap_get(e->options->values, name);

    e->at = end;
    if (!brace)
        return add_value(e, out, value, quoted);
    if (++e->depth > EXPAND_DEPTH_MAX)
        return fail(e, "variables are nested too deeply at \"%s\"", name);
    int r = expand_operator(e, name, value, quoted, out);
    e->depth--;
    return r;
}

static int expand_single_quotes(struct expander *e, struct text *out)
{
    const char *end = strchr(e->at + 1, '\'');

    if (!end)
        return fail(e, "a single quote is not closed");
    for (e->at++; e->at < end; e->at++) {
        int r = add(e, out, *e->at);
        if (r < 0)
            return r;
    }
    e->at = end + 1;
    return 0;
}

static int expand_double_quotes(struct expander *e, struct text *out)
{
    e->at++;
    int r = expand_until(e, "\"", true, out);
    if (r < 0)
        return r;
    if (*e->at != '"')
        return fail(e, "a double quote is not closed");
    e->at++;
    return 0;
}

/* Reads up to an unquoted character of `stops` or the end. */
static int expand_until(struct expander *e, const char *stops, bool quoted, struct text *out)
{
    bool in_quotes = *stops == '"';
    int r = 0;

    while (r >= 0 && *e->at && !strchr(stops, *e->at)) {
        char c = *e->at;

        if (c == e->options->escape && e->at[1]) {
            /* Within quotes the escape character only counts before these. */
            if (in_quotes && !strchr("\"$", e->at[1]) && e->at[1] != c)
                r = add(e, out, *e->at++);
            else
                e->at++;
            if (r >= 0)
                r = add(e, out, *e->at++);
        } else if (c == '$') {
            r = expand_dollar(e, quoted, out);
        } else if (c == '\'' && !in_quotes && !e->options->keep_quotes) {
            r = expand_single_quotes(e, out);
        } else if (c == '"' && !in_quotes && !e->options->keep_quotes) {
            r = expand_double_quotes(e, out);
        } else {
            e->at++;
            r = add(e, out, c);
        }
    }
    return r;
}

int expand_word(struct arena *arena, const struct expand_options *options, const char *word,
        char **ret, struct error **err)
{
    struct expander e = { .arena = arena, .options = options, .err = err, .at = word };
    struct text out = { 0 };

    int r = expand_until(&e, "", false, &out);
    if (r < 0)
        return r;
    *ret = (char *)finish(&e, &out);
    return 0;
}

int expand_words(struct arena *arena, const struct expand_options *options, const char *word,
        struct strings *words, struct error **err)
{
    struct expander e = {
        .arena = arena, .options = options, .err = err, .at = word, .split = words
    };
    struct text out = { 0 };

    int r = expand_until(&e, "", false, &out);
    if (r < 0)
        return r;
    if (out.len > 0)
        *ARRAY_APPEND_ARENA(arena, words) = (char *)finish(&e, &out);
    return 0;
}
