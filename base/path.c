#include "base/path.h"

#include <string.h>

#include "base/arena.h"
#include "base/str.h"

char *path_clean(struct arena *arena, const char *path)
{
    struct str rest = str_from(path), part;
    bool absolute = path_is_absolute(path);
    char *clean = arena_alloc(arena, rest.len + 2);
    size_t start = absolute ? 1 : 0; /* where the first component begins */
    size_t floor = start;            /* ".." cannot go below: what is before are ".." themselves */
    size_t len = start;

    if (absolute)
        clean[0] = '/';
    while (str_split_next(&rest, '/', &part)) {
        if (part.len == 0 || str_is_equal(part, STR_LITERAL(".")))
            continue;
        bool up = str_is_equal(part, STR_LITERAL(".."));
        if (up && len > floor) {
            while (len > floor && clean[len - 1] != '/')
                len--;
            if (len > floor)
                len--; /* the separator */
            continue;
        }
        if (up && absolute)
            continue;
        if (len > start)
            clean[len++] = '/';
        memcpy(clean + len, part.data, part.len);
        len += part.len;
        if (up)
            floor = len;
    }
    if (len == 0)
        clean[len++] = '.';
    clean[len] = '\0';
    return clean;
}

char *path_join(struct arena *arena, const char *base, const char *path)
{
    if (path_is_absolute(path) || string_is_empty(base))
        return path_clean(arena, path);
    return path_clean(arena, arena_join(arena, base, "/", path, NULL));
}

char *path_parent(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return arena_strdup(arena, ".");
    if (slash == path)
        return arena_strdup(arena, "/");
    return arena_strndup(arena, path, (size_t)(slash - path));
}

const char *path_last(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

char *path_expand_home(struct arena *arena, const char *path, const char *home)
{
    if (path[0] != '~' || (path[1] && path[1] != '/') || string_is_empty(home))
        return arena_strdup(arena, path);
    return arena_printf(arena, "%s%s", home, path + 1);
}

char *path_relative(struct arena *arena, const char *from, const char *path)
{
    const char *up = "";

    while (!path_is_below(path, from)) {
        from = path_parent(arena, from);
        up = arena_printf(arena, "../%s", up);
    }
    path += strlen(from);
    return path_clean(arena, arena_printf(arena, "%s%s", up, *path == '/' ? path + 1 : path));
}

bool path_is_absolute(const char *path)
{
    return path && path[0] == '/';
}

bool path_is_below(const char *path, const char *parent)
{
    size_t len = strlen(parent);

    if (len == 1 && parent[0] == '/')
        return path_is_absolute(path);
    return strncmp(path, parent, len) == 0 && (path[len] == '\0' || path[len] == '/');
}
