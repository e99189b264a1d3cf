#include "units/dropin.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/path.h"
#include "base/str.h"
#include "units/name.h"
#include "units/search.h"

struct strings dropin_names(struct arena *arena, const char *unit_name)
{
    const struct unit_name parts = unit_name_split(unit_name);
    struct str prefix = parts.prefix;
    struct strings names = { 0 };

    *ARRAY_APPEND_ARENA(arena, &names) = arena_printf(arena, "%s.d", unit_name);
    if (parts.instance.len)
        *ARRAY_APPEND_ARENA(arena, &names) = arena_printf(
                arena, "%.*s@%.*s.d", STR_FMT(prefix), STR_FMT(parts.extension));
    for (size_t len = prefix.len; len-- > 0;) {
        if (prefix.data[len] != '-')
            continue;
        struct str cut = { prefix.data, len + 1 };

        if (parts.has_at)
            *ARRAY_APPEND_ARENA(arena, &names) = arena_printf(
                    arena, "%.*s@%.*s.d", STR_FMT(cut), STR_FMT(parts.extension));
        *ARRAY_APPEND_ARENA(arena, &names) = arena_printf(
                arena, "%.*s%.*s.d", STR_FMT(cut), STR_FMT(parts.extension));
    }
    struct str type = parts.extension;
    if (type.len > 1)
        *ARRAY_APPEND_ARENA(arena, &names) = arena_printf(
                arena, "%.*s.d", (int)type.len - 1, type.data + 1);
    return names;
}

static int compare_last(const void *a, const void *b)
{
    return strcmp(path_last(*(char *const *)a), path_last(*(char *const *)b));
}

static bool has_name(const struct strings *paths, const char *name)
{
    ARRAY_FOREACH(paths, path)
        if (strcmp(path_last(*path), name) == 0)
            return true;
    return false;
}

/* True for "x.conf" and ".conf". */
static bool is_dropin(const char *name)
{
    return string_has_suffix(name, ".conf");
}

static int collect_dir(
        struct arena *arena, const char *path, struct strings *paths, struct diag *diag)
{
    struct strings names = { 0 };
    int r = search_read_names(arena, path, &names);

    if (r == -ENOENT)
        return 0;
    if (r < 0) {
        const struct source at = { .file = path };

        diag_add(diag, DIAG_ERROR, "dropin-directory", &at, "error reading directory \"%s\", %s",
                path, strerrordesc_np(-r));
        return 1;
    }
    ARRAY_FOREACH(&names, name)
        if (is_dropin(*name) && !has_name(paths, *name))
            *ARRAY_APPEND_ARENA(arena, paths) = arena_printf(arena, "%s/%s", path, *name);
    return 0;
}

int dropin_collect(const struct search *search, struct arena *arena, const char *unit_name,
        struct strings *ret_paths, struct diag *diag)
{
    struct strings names, paths = { 0 };
    int failures = 0;

    *ret_paths = paths;
    if (!search->has_dropins)
        return 0;
    names = dropin_names(arena, unit_name);
    ARRAY_FOREACH(&names, name)
        ARRAY_FOREACH(&search->dirs, dir)
            if (search_dir_has(dir, *name))
                failures += collect_dir(
                        arena, arena_printf(arena, "%s/%s", dir->path, *name), &paths, diag);
    if (paths.len)
        qsort(paths.items, paths.len, sizeof(*paths.items), compare_last);
    *ret_paths = paths;
    return failures;
}
