#include "units/name.h"

#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/strbuf.h"

#define ESCAPED_MAX_BYTES (LIMIT_UNIT_FILE_BYTES * 4) /* four bytes for each */

struct unit_name unit_name_split(const char *name)
{
    struct str whole = str_from(name);
    ptrdiff_t dot = str_find_last(whole, '.');
    struct unit_name parts = { .base = whole, .extension = { whole.data + whole.len, 0 } };

    if (dot >= 0)
        parts.extension = (struct str){ whole.data + dot, whole.len - (size_t)dot };
    if (dot > 0)
        parts.base.len = (size_t)dot;
    /* The template's parts are those of the name without any extension, even of ".container". */
    struct str stem = { whole.data, dot >= 0 ? (size_t)dot : whole.len };
    ptrdiff_t at = str_find(stem, '@');

    parts.prefix = stem;
    parts.instance = (struct str){ stem.data + stem.len, 0 };
    if (at >= 0) {
        parts.has_at = true;
        parts.prefix.len = (size_t)at;
        parts.instance = (struct str){ stem.data + at + 1, stem.len - (size_t)at - 1 };
    }
    return parts;
}

static bool is_name_character(char c)
{
    return isalnum((unsigned char)c) || (c && strchr(":-_.\\@", c));
}

bool unit_name_is_valid(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len > LIMIT_NAME_BYTES)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!is_name_character(name[i]))
            return false;
    return true;
}

static const char *escape(struct arena *arena, struct str text)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(ESCAPED_MAX_BYTES);

    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];

        if (c == '/')
            strbuf_addc(&out, '-');
        else if ((i == 0 && c == '.') || c == '-' || c == '\\' || c == '@' || !is_name_character(c))
            strbuf_addf(&out, "\\x%02x", (unsigned char)c);
        else
            strbuf_addc(&out, c);
    }
    return arena_strndup(arena, out.data, out.len);
}

const char *unit_name_escape(struct arena *arena, const char *text)
{
    return escape(arena, str_from(text));
}

const char *unit_name_escape_path(struct arena *arena, const char *path)
{
    struct str text = str_from(path);

    while (text.len && text.data[0] == '/')
        text = (struct str){ text.data + 1, text.len - 1 };
    while (text.len && text.data[text.len - 1] == '/')
        text.len--;
    return text.len ? escape(arena, text) : "-";
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

const char *unit_name_unescape(struct arena *arena, const char *text)
{
    char *result = arena_strdup(arena, text), *out = result;

    for (const char *p = text; *p; p++) {
        if (*p == '-') {
            *out++ = '/';
        } else if (*p == '\\') {
            if (p[1] != 'x' || hex_value(p[2]) < 0 || hex_value(p[3]) < 0)
                return NULL;
            *out++ = (char)(hex_value(p[2]) << 4 | hex_value(p[3]));
            p += 3;
        } else {
            *out++ = *p;
        }
    }
    *out = '\0';
    return result;
}
