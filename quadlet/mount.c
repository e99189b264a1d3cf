/* Mount=: one line of CSV, of which the type is taken out and the source resolved. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "quadlet/depend.h"
#include "quadlet/translate-internal.h"
#include "units/text.h"

/* Types whose source is looked up; others pass as they are. */
static const char *const resolved_types[] = { "volume", "bind", "glob", "image", "artifact" };

/* Reads one field from *rest on, up to its comma or the end. False when a quote is where none may be. */
static bool read_field(const char **rest, struct strbuf *field)
{
    const char *p = *rest;

    strbuf_reset(field);
    if (*p != '"') {
        for (; *p && *p != ',' && *p != '\n'; p++) {
            if (*p == '"')
                return false;
            strbuf_addc(field, *p);
        }
        *rest = p;
        return true;
    }
    for (p++; *p; p++) {
        if (*p == '"' && p[1] != '"')
            break;
        if (*p == '"')
            p++;
        strbuf_addc(field, *p);
    }
    if (*p != '"' || (p[1] && p[1] != ',' && p[1] != '\n'))
        return false;
    *rest = p + 1;
    return true;
}

/* Line ends of other systems become plain ones; one at the end goes. */
static const char *without_returns(struct arena *arena, const char *text)
{
    char *result = arena_strdup(arena, text), *out = result;

    for (const char *p = text; *p; p++)
        if (*p != '\r' || (p[1] && p[1] != '\n'))
            *out++ = *p;
    *out = '\0';
    return result;
}

/* Exactly one record; empty lines around it do not count. */
static int read_record(struct arena *arena, const char *text, struct strings *fields)
{
    auto_(strbuf_release) struct strbuf field = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);
    const char *rest = without_returns(arena, text);

    rest += strspn(rest, "\n");
    if (!*rest)
        return -EINVAL;
    for (;;) {
        if (!read_field(&rest, &field))
            return -EINVAL;
        *ARRAY_APPEND_ARENA(arena, fields) = arena_strndup(arena, field.data, field.len);
        if (*rest != ',')
            break;
        rest++;
    }
    return rest[strspn(rest, "\n")] ? -EINVAL : 0;
}

static bool needs_quotes(const char *field)
{
    struct str text = str_from(field);

    return strcmp(field, "\\.") == 0 || strpbrk(field, ",\"\r\n") ||
           (text.len && text_is_space(text_next(&text)));
}

static const char *write_record(struct arena *arena, const struct strings *fields)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES * 2);

    for (size_t i = 0; i < fields->len; i++) {
        const char *field = fields->items[i];

        if (i)
            strbuf_addc(&text, ',');
        if (!needs_quotes(field)) {
            strbuf_adds(&text, field);
            continue;
        }
        strbuf_addc(&text, '"');
        for (; *field; field++) {
            if (*field == '"')
                strbuf_addc(&text, '"');
            strbuf_addc(&text, *field);
        }
        strbuf_addc(&text, '"');
    }
    return arena_strndup(arena, text.data, text.len);
}

/* Takes the first "type=X" out of the fields. */
static const char *take_type(struct strings *fields)
{
    for (size_t i = 0; i < fields->len; i++) {
        const char *field = fields->items[i];

        if (!string_has_prefix(field, "type=") || strchr(field + strlen("type="), '='))
            continue;
        fields->len--;
        memmove(&fields->items[i], &fields->items[i + 1],
                (fields->len - i) * sizeof(*fields->items));
        return field + strlen("type=");
    }
    return "volume";
}

static bool is_resolved_type(const char *type)
{
    for (size_t i = 0; i < ARRAY_LEN(resolved_types); i++)
        if (strcmp(type, resolved_types[i]) == 0)
            return true;
    return false;
}

/* Position of the last "source" or "src"; -1: there is none, -EINVAL below that: it has no value. */
enum { SOURCE_ABSENT = -1, SOURCE_WITHOUT_VALUE = -2 };
static ptrdiff_t find_source(const struct strings *fields, const char **ret_value)
{
    ptrdiff_t found = SOURCE_ABSENT;

    *ret_value = "";
    for (size_t i = 0; i < fields->len; i++) {
        const char *field = fields->items[i], *equals = strchr(field, '=');
        struct str key = { field, equals ? (size_t)(equals - field) : strlen(field) };

        if (!str_is_equal_z(key, "source") && !str_is_equal_z(key, "src"))
            continue;
        if (!equals)
            return SOURCE_WITHOUT_VALUE;
        found = (ptrdiff_t)i;
        *ret_value = equals + 1;
    }
    return found;
}

static void add_mount(struct translation *t, const struct unit_line *line, const char *mount)
{
    struct strings fields = { 0 }, result = { 0 };
    const char *source;

    if (read_record(t->arena, mount, &fields) < 0) {
        translation_error(t, line,
                "incorrect mount format: should be type=TYPE,source=SOURCE,"
                "destination=PATH, without stray quotes");
        return;
    }
    const char *type = take_type(&fields);
    if (t->options->engine == QUADLET_ENGINE_BERTH && strcmp(type, "artifact") == 0)
        translation_error(t, line, "mounts of type %s are not supported by berth", type);
    if (!is_resolved_type(type)) {
        command_add_option(t, "--mount", mount);
        return;
    }
    ptrdiff_t at = find_source(&fields, &source);
    if (at == SOURCE_WITHOUT_VALUE) {
        translation_error(t, line, "source parameter does not include a value");
        return;
    }
    const char *resolved = depend_resolve_source(t, line, source, true);
    if (!resolved)
        return;
    fields.items[at] = arena_printf(t->arena, "source=%s", resolved);
    *ARRAY_APPEND_ARENA(t->arena, &result) = arena_printf(t->arena, "type=%s", type);
    ARRAY_FOREACH(&fields, field)
        *ARRAY_APPEND_ARENA(t->arena, &result) = *field;
    command_add_option(t, "--mount", write_record(t->arena, &result));
}

void special_mount(struct translation *t)
{
    struct unit_lines lines = own_lines(t, "Mount");

    ARRAY_FOREACH(&lines, line) {
        struct strings words = { 0 };

        split_line(t, line, QUOTE_COMMAND, &words);
        ARRAY_FOREACH(&words, word)
            add_mount(t, line, *word);
    }
}
