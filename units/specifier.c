#include "units/specifier.h"

#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "units/name.h"

/* Text between the last '-' of the prefix and its end. */
static struct str last_component(struct str prefix)
{
    ptrdiff_t dash = str_find_last(prefix, '-');

    if (dash < 0)
        return prefix;
    return (struct str){ prefix.data + dash + 1, prefix.len - (size_t)dash - 1 };
}

static const char *unescaped(struct arena *arena, struct str text)
{
    return unit_name_unescape(arena, arena_strndup(arena, text.data, text.len));
}

/* What one specifier letter stands for; NULL: the name does not say. */
static const char *meaning(struct arena *arena, char letter, const char *name)
{
    const struct unit_name parts = unit_name_split(name);

    switch (letter) {
    case 'n':
        return name;
    case 'N':
        return arena_strndup(arena, parts.base.data, parts.base.len);
    case 'p':
        return arena_strndup(arena, parts.prefix.data, parts.prefix.len);
    case 'P':
        return unescaped(arena, parts.prefix);
    case 'i':
        return arena_strndup(arena, parts.instance.data, parts.instance.len);
    case 'I':
        return unescaped(arena, parts.instance);
    case 'j': {
        struct str component = last_component(parts.prefix);

        return arena_strndup(arena, component.data, component.len);
    }
    case 'J':
        return unescaped(arena, last_component(parts.prefix));
    case '%':
        return "%";
    default:
        return NULL;
    }
}

const char *specifier_expand(struct arena *arena, const char *text, const char *name)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);

    for (const char *p = text; *p; p++) {
        if (*p != '%') {
            strbuf_addc(&out, *p);
            continue;
        }
        const char *value = p[1] ? meaning(arena, p[1], name) : NULL;

        if (!value)
            return NULL;
        strbuf_adds(&out, value);
        p++;
    }
    return strbuf_is_truncated(&out) ? NULL : arena_strndup(arena, out.data, out.len);
}

bool specifier_is_first(const char *text)
{
    return text[0] == '%' && text[1] != '%';
}
