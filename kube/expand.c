#include "kube/expand.h"

#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/strbuf.h"

#define EXPANDED_MAX (1u << 20)

/* Takes what begins with the '$' at `text`; the end of it. */
static const char *expand_one(struct arena *arena, const char *text, kube_lookup_fn lookup,
        const void *userdata, struct strbuf *out)
{
    const char *end = text[1] == '(' ? strchr(text, ')') : NULL;

    if (text[1] == '$') {
        strbuf_addc(out, '$');
        return text + 2;
    }
    if (!end) {
        strbuf_addc(out, '$');
        return text + 1;
    }
    const char *name = arena_strndup(arena, text + 2, (size_t)(end - text - 2));
    const char *value = lookup(userdata, name);
    if (value)
        strbuf_adds(out, value);
    else
        strbuf_add(out, text, (size_t)(end + 1 - text));
    return end + 1;
}

const char *kube_expand(
        struct arena *arena, const char *text, kube_lookup_fn lookup, const void *userdata)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(EXPANDED_MAX);

    if (!strchr(text, '$'))
        return text;
    while (*text) {
        if (*text == '$')
            text = expand_one(arena, text, lookup, userdata, &out);
        else
            strbuf_addc(&out, *text++);
    }
    return arena_strndup(arena, out.data, out.len);
}
