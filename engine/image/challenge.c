#include "engine/image/challenge.h"

#include <string.h>
#include <strings.h>

#include "base/arena.h"

static bool is_token(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *skip(const char *p, const char *what)
{
    return p + strspn(p, what);
}

static const char *read_token(struct arena *arena, const char *p, char **ret)
{
    size_t len = 0;

    while (is_token(p[len]))
        len++;
    *ret = arena_strndup(arena, p, len);
    return p + len;
}

/* A quoted text with backslashes (NULL for an unclosed one), or what some servers write without quotes
 * although it is no token, such as a URL. */
static const char *read_value(struct arena *arena, const char *p, char **ret)
{
    char *out;
    size_t len = 0;

    if (*p != '"') {
        len = strcspn(p, ", \t");
        *ret = arena_strndup(arena, p, len);
        return p + len;
    }
    out = arena_strdup(arena, p + 1); /* long enough */
    for (p++; *p && *p != '"'; p++) {
        if (*p == '\\' && p[1])
            p++;
        out[len++] = *p;
    }
    out[len] = 0;
    *ret = out;
    return *p == '"' ? p + 1 : NULL;
}

static void set_parameter(struct challenge *challenge, const char *name, const char *value)
{
    if (strcasecmp(name, "realm") == 0)
        challenge->realm = value;
    else if (strcasecmp(name, "service") == 0)
        challenge->service = value;
    else if (strcasecmp(name, "scope") == 0)
        challenge->scope = value;
}

/* The parameters of one challenge; stops where the next challenge begins (a token without "="). */
static const char *read_parameters(struct arena *arena, const char *p, struct challenge *challenge)
{
    for (;;) {
        const char *begin = p = skip(p, " \t,"), *after;
        char *name, *value;

        p = read_token(arena, p, &name);
        after = skip(p, " \t");
        if (!*name || *after != '=')
            return begin;
        p = read_value(arena, skip(after + 1, " \t"), &value);
        if (!p)
            return NULL;
        set_parameter(challenge, name, value);
    }
}

bool challenge_parse(struct arena *arena, const char *value, struct challenge *ret)
{
    bool found = false;
    const char *p = value;

    while (p && *(p = skip(p, " \t,"))) {
        struct challenge challenge = { 0 };
        const char *begin = p;
        char *scheme;

        p = read_token(arena, p, &scheme);
        if (p == begin)
            return found;
        p = read_parameters(arena, p, &challenge);
        if (strcasecmp(scheme, "Bearer") == 0 && challenge.realm) {
            challenge.scheme = CHALLENGE_BEARER;
            *ret = challenge;
            return true;
        }
        if (strcasecmp(scheme, "Basic") == 0 && !found) {
            challenge.scheme = CHALLENGE_BASIC;
            *ret = challenge;
            found = true;
        }
    }
    return found;
}
