#include "compose/env.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/interpolate.h"

#define SHOWN_MAX 60                          /* bytes of a line in a message */
#define EXPANDED_BYTES_MAX ((size_t)64 << 20) /* of all values of a file together */

/* How far something was counted. */
struct position {
    const char *p, *line_start;
    unsigned line, column;
};

struct reader {
    struct arena *arena;
    const struct env_text *text;
    struct strmap *earlier; /* values of earlier files and lines */
    struct env_entries *entries;
    struct diag *diag;
    const char *p, *end;
    const char *line_start;
    unsigned line;
    struct position known;  /* of the last place that was asked for in this line */
    struct position dollar; /* where the search for dollars of this value stands */
    size_t dollars;         /* that lie before it */
    struct position value;  /* where the value starts whose variables are filled in */
    size_t expanded_bytes;  /* that variables have added */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

/* Many statements may stand in one line: what is counted of it is not counted again. */
static struct source here(struct reader *reader, const char *at)
{
    struct position *known = &reader->known;

    if (known->line_start != reader->line_start || at < known->p)
        *known = (struct position){ reader->line_start, reader->line_start, reader->line, 1 };
    for (; known->p < at; known->p++)
        known->column += ((unsigned char)*known->p & 0xc0) != 0x80;
    return (struct source){ reader->text->file, reader->line, known->column };
}

static void advance_line(struct reader *reader, const char *newline)
{
    reader->line++;
    reader->line_start = newline + 1;
}

static int refuse(const struct reader *reader, const struct source *at, const char *message)
{
    diag_add(reader->diag, DIAG_ERROR, "env-file", at, "%s", message);
    return -EINVAL;
}

static const char *get_outer(const struct reader *reader, const char *name)
{
    return reader->text->outer ? strmap_get(reader->text->outer, name) : NULL;
}

static const char *lookup(void *userdata, const char *name)
{
    struct reader *reader = userdata;
    const char *value = get_outer(reader, name);

    return value ? value : strmap_get(reader->earlier, name);
}

static void begin_value(struct reader *reader)
{
    reader->value = (struct position){ reader->p, reader->line_start, reader->line, 0 };
    reader->dollar = reader->value;
    reader->dollars = 0;
}

/* The place of the nth (from 0) dollar of the value; "\\$" in double quotes has become two. They are asked for one
 * after the other. */
static struct source dollar_place(struct reader *reader, size_t nth)
{
    struct position *seen = &reader->dollar;
    bool escapes = *reader->value.p == '"';
    size_t count = 0;

    if (nth < reader->dollars) {
        *seen = reader->value;
        reader->dollars = 0;
    }
    for (; seen->p < reader->end; seen->p++) {
        bool is_escape = escapes && *seen->p == '\\' && seen->p + 1 < reader->end;

        count = *seen->p == '$' ? 1 : is_escape && seen->p[1] == '$' ? 2 : 0;
        if (reader->dollars + count > nth)
            break;
        reader->dollars += count;
        seen->p += is_escape;
        if (*seen->p == '\n') {
            seen->line++;
            seen->line_start = seen->p + 1;
        }
    }
    struct reader at = *reader;

    at.line = seen->line;
    at.line_start = seen->line_start;
    struct source place = here(&at, seen->p);

    reader->known = at.known;
    return place;
}

static void unset(void *userdata, const char *name, size_t dollar)
{
    struct reader *reader = userdata;
    struct source at = dollar_place(reader, dollar);

    diag_add(reader->diag, DIAG_WARNING, "unset-variable", &at,
            "variable \"%s\" is not set; it is taken as empty", name);
}

static int expand_variables(struct reader *reader, const char *value, const char **ret)
{
    const struct interpolate_ops ops = { .lookup = lookup, .unset = unset, .userdata = reader };
    struct interpolate_problem problem;

    if (interpolate_text(reader->arena, value, &ops, ret, &problem) == 0) {
        reader->expanded_bytes += *ret == value ? 0 : strlen(*ret);
        if (reader->expanded_bytes <= EXPANDED_BYTES_MAX)
            return 0;
        problem = (struct interpolate_problem){ .message = "variables expand to too much text",
            .hint = "values that hold the ones before them double, or grow with each line" };
        reader->end = reader->p; /* nothing behind it is looked at */
    }
    struct source at = dollar_place(reader, problem.dollar);
    struct diag_entry *entry = diag_add(
            reader->diag, DIAG_ERROR, "env-file", &at, "%s", problem.message);

    if (!problem.is_unset) /* else the text is as it was meant */
        diag_hint(reader->diag, entry, "%s",
                problem.hint ? problem.hint : "single quotes keep a dollar as it is");
    return -EINVAL;
}

/* What a backslash stands for as a character, -1: none. */
static int plain_escape(char c)
{
    static const char from[] = "abfnrtv\"\\", to[] = "\a\b\f\n\r\t\v\"\\";
    const char *known = memchr(from, c, sizeof(from) - 1);

    return known ? to[known - from] : -1;
}

/* Behind "\0": up to three digits, which make a character when they are three octal ones. Otherwise Docker Compose
 * leaves out the 0, and so does this. Gives where to go on. */
static const char *expand_octal(const char *digits, const char *end, char **out)
{
    const char *p = digits;

    while (p < end && p < digits + 3 && *p >= '0' && *p <= '9')
        p++;
    if (p == digits + 3 && digits[0] < '4' && digits[1] < '8' && digits[2] < '8') {
        unsigned c = (unsigned)((digits[0] - '0') * 64 + (digits[1] - '0') * 8 + digits[2] - '0');

        if (c >= 0x80)
            *(*out)++ = (char)(0xc0 | c >> 6);
        *(*out)++ = (char)(c < 0x80 ? c : 0x80 | (c & 0x3f));
        return p;
    }
    *(*out)++ = '\\';
    return digits;
}

/* \n, \t and so on; unknown escapes stay with their backslash. \$ becomes $$, which the expansion of
 * variables turns into one dollar. NULL: a NUL character comes of it. */
static const char *expand_escapes(struct arena *arena, const char *text, size_t len)
{
    char *result = arena_alloc(arena, len * 2 + 1), *out = result;

    for (const char *p = text, *end = text + len; p < end;) {
        if (*p != '\\' || p + 1 == end) {
            *out++ = *p++;
        } else if (plain_escape(p[1]) >= 0) {
            *out++ = (char)plain_escape(p[1]);
            p += 2;
        } else if (p[1] == '$') {
            *out++ = '$';
            *out++ = '$';
            p += 2;
        } else if (p[1] == '0') {
            p = expand_octal(p + 2, end, &out);
            if (!out[-1])
                return NULL;
        } else {
            *out++ = *p++;
        }
    }
    *out = '\0';
    return result;
}

static void skip_to_statement(struct reader *reader)
{
    while (reader->p < reader->end) {
        if (*reader->p == '\n') {
            advance_line(reader, reader->p++);
        } else if (is_blank(*reader->p)) {
            reader->p++;
        } else if (*reader->p == '#') {
            const char *newline = memchr(reader->p, '\n', (size_t)(reader->end - reader->p));

            reader->p = newline ? newline : reader->end;
        } else {
            return;
        }
    }
}

static void skip_export(struct reader *reader)
{
    static const char word[] = "export";
    size_t len = sizeof(word) - 1;

    if ((size_t)(reader->end - reader->p) > len && memcmp(reader->p, word, len) == 0 &&
            is_blank(reader->p[len])) {
        reader->p += len;
        while (reader->p < reader->end && is_blank(*reader->p))
            reader->p++;
    }
}

static bool is_key_char(unsigned char c)
{
    return c >= 0x80 || c == '_' || c == '.' || c == '-' || c == '[' || c == ']' ||
           (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/* The rest of the line for a message; of a long one what comes first, whole characters. */
static struct str shown_line(const struct reader *reader, const char *start)
{
    const char *newline = memchr(start, '\n', (size_t)(reader->end - start));
    struct str line = { start, (size_t)((newline ? newline : reader->end) - start) };

    if (line.len <= SHOWN_MAX)
        return str_trim(line);
    for (line.len = SHOWN_MAX; line.len && ((unsigned char)line.data[line.len] & 0xc0) == 0x80;)
        line.len--;
    return line;
}

/* Reads up to "=", ":" or the end of the line. *ret_bare: there was no value. */
static int read_key(struct reader *reader, const char **ret_key, bool *ret_bare)
{
    const char *start = reader->p, *p = start;

    while (p < reader->end && (is_key_char((unsigned char)*p) || is_blank(*p)))
        p++;
    bool bare = p == reader->end || *p == '\n';

    if (!bare && *p != '=' && *p != ':') {
        struct source at = here(reader, p);
        struct str line = shown_line(reader, start);

        return refuse(reader, &at,
                arena_printf(reader->arena, "unexpected character \"%c\" in variable name \"%.*s\"",
                        *p, STR_FMT(line)));
    }
    struct str key = str_trim((struct str){ start, (size_t)(p - start) });

    if (memchr(key.data, ' ', key.len)) {
        struct source at = here(reader, start);

        return refuse(reader, &at,
                arena_printf(reader->arena, "key cannot contain a space: \"%.*s\"", STR_FMT(key)));
    }
    *ret_key = arena_strndup(reader->arena, key.data, key.len);
    *ret_bare = bare;
    reader->p = bare ? p : p + 1;
    return 0;
}

static int read_quoted(struct reader *reader, const char **ret)
{
    auto_(strbuf_release) struct strbuf value = STRBUF_INIT(reader->text->len + 1);
    const char *start = reader->p;
    char quote = *start;
    const struct reader before = *reader;
    const struct source at = here(reader, start);
    bool escaped = false;

    for (const char *p = start + 1; p < reader->end; p++) {
        if (*p == '\n')
            advance_line(reader, p);
        if (*p == quote && !escaped) {
            reader->p = p + 1;
            if (quote == '\'') {
                *ret = arena_strndup(reader->arena, value.data, value.len);
                return 0;
            }
            const char *text = expand_escapes(reader->arena, value.data, value.len);

            if (!text)
                return refuse(reader, &at, "\\0000 is a NUL character, which no variable can hold");
            return expand_variables(reader, text, ret);
        }
        if (*p == '\\' && !escaped) {
            escaped = true;
            continue;
        }
        if (escaped && *p != quote)
            strbuf_addc(&value, '\\');
        escaped = false;
        strbuf_addc(&value, *p);
    }
    struct str line = shown_line(reader, start);

    reader->line = before.line;
    reader->line_start = before.line_start;
    return refuse(reader, &at,
            arena_printf(reader->arena, "unterminated quoted value %.*s", STR_FMT(line)));
}

static int read_plain(struct reader *reader, const char **ret)
{
    const char *start = reader->p;
    const char *newline = memchr(start, '\n', (size_t)(reader->end - start));
    struct str value = { start, (size_t)((newline ? newline : reader->end) - start) };

    for (size_t i = 0; i + 1 < value.len; i++)
        if (value.data[i] == ' ' && value.data[i + 1] == '#')
            value.len = i;
    value = str_trim(value);
    reader->p = newline ? newline : reader->end;
    return expand_variables(reader, arena_strndup(reader->arena, value.data, value.len), ret);
}

static void add(struct reader *reader, const char *key, const char *value, const struct source *at)
{
    *ARRAY_APPEND_ARENA(reader->arena,
            reader->entries) = (struct env_entry){ .key = key, .value = value, .at = *at };
    (void)strmap_set(reader->earlier, key, (void *)(uintptr_t)value);
}

static int read_statement(struct reader *reader)
{
    struct source at = here(reader, reader->p);
    const char *key = NULL, *value;
    bool bare = false;

    skip_export(reader);
    int r = read_key(reader, &key, &bare);

    if (r < 0)
        return r;
    if (bare) {
        value = get_outer(reader, key);
        if (value)
            add(reader, key, value, &at);
        return 0;
    }
    while (reader->p < reader->end && is_blank(*reader->p))
        reader->p++;
    begin_value(reader);
    if (reader->p < reader->end && (*reader->p == '"' || *reader->p == '\''))
        r = read_quoted(reader, &value);
    else
        r = read_plain(reader, &value);
    if (r < 0)
        return r;
    add(reader, key, value, &at);
    return 0;
}

/* One line of K=V where everything after the first "=" is the value. */
static int read_raw_line(struct reader *reader, struct str line)
{
    const char *start = line.data;

    while (line.len && is_blank(*line.data)) {
        line.data++;
        line.len--;
    }
    if (!line.len || *line.data == '#')
        return 0;
    struct source at = { .file = reader->text->file,
        .line = reader->line,
        .column = (unsigned)(line.data - start) + 1 };
    ptrdiff_t equal = str_find(line, '=');
    size_t key_len = equal < 0 ? line.len : (size_t)equal;
    const char *key = arena_strndup(reader->arena, line.data, key_len);
    const char *value = equal >= 0 ? arena_strndup(reader->arena, line.data + key_len + 1,
                                             line.len - key_len - 1)
                                   : get_outer(reader, key);

    if (!*key)
        return refuse(reader, &at, "no variable on left side of \"=\"");
    if (strpbrk(key, " \t"))
        return refuse(reader, &at,
                arena_printf(reader->arena, "variable \"%s\" contains white space", key));
    if (value)
        add(reader, key, value, &at);
    return 0;
}

static int read_raw(struct reader *reader)
{
    struct str rest = { reader->p, (size_t)(reader->end - reader->p) }, line;
    int result = 0;

    for (; str_split_next(&rest, '\n', &line); reader->line++) {
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        int r = read_raw_line(reader, line);

        if (result == 0)
            result = r;
    }
    return result;
}

/* Where the first NUL stands. */
static int refuse_nul(struct reader *reader, const char *nul)
{
    struct reader at = *reader;

    for (const char *p = reader->p; (p = memchr(p, '\n', (size_t)(nul - p))); p++)
        advance_line(&at, p);
    struct source place = here(&at, nul);

    return refuse(reader, &place, "a NUL character is not allowed here");
}

int env_parse(struct arena *arena, const struct env_text *text, struct env_entries *entries,
        struct diag *diag)
{
    struct strmap own;
    struct reader reader = {
        .arena = arena,
        .text = text,
        .earlier = text->known ? text->known : &own,
        .entries = entries,
        .diag = diag,
        .p = text->data,
        .end = text->data + text->len,
        .line_start = text->data,
        .line = 1,
    };
    int r = 0;

    strmap_init_arena(&own, arena);
    const char *nul = memchr(text->data, '\0', text->len);

    if (nul)
        return refuse_nul(&reader, nul);
    if (text->len >= 3 && memcmp(text->data, "\xef\xbb\xbf", 3) == 0)
        reader.p = reader.line_start = text->data + 3;
    if (text->raw)
        return read_raw(&reader);
    for (;;) {
        skip_to_statement(&reader);
        if (reader.p >= reader.end)
            return r;
        if (read_statement(&reader) < 0) { /* go on with the next line: all mistakes in one run */
            const char *newline = memchr(reader.p, '\n', (size_t)(reader.end - reader.p));

            r = -EINVAL;
            reader.p = newline ? newline : reader.end;
        }
    }
}
