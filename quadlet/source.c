/* The search directories of quadlets. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/path.h"
#include "base/str.h"
#include "quadlet/quadlet.h"
#include "quadlet/read.h"
#include "units/search.h"

#define ADMIN_DIR "/etc/containers/systemd"
#define ADMIN_USERS_DIR ADMIN_DIR "/users"
#define DISTRO_DIR "/usr/share/containers/systemd"
#define TEMPORARY_DIR "/run/containers/systemd"
#define BELOW_XDG "containers/systemd"

/* Which part of the administrator's directories is meant. */
struct users_filter {
    const char *users; /* ADMIN_USERS_DIR without links */
};

/* The system's units are all but those below "users". The comparison is of texts, as in Podman: a
 * directory "users-old" beside it is left out too. */
static bool is_for_system(void *userdata, const char *path)
{
    const struct users_filter *filter = userdata;

    return !string_has_prefix(path, filter->users);
}

/* Below "users", directories that are not one user's: their names are numbers. */
static bool is_for_all_users(void *userdata, const char *path)
{
    const struct users_filter *filter = userdata;
    const char *rest = path + strlen(filter->users);

    if (!string_has_prefix(path, filter->users))
        return true;
    rest = strchr(rest, '/');
    if (!rest)
        return true;
    size_t digits = strspn(rest + 1, "0123456789");
    return rest[1 + digits] && rest[1 + digits] != '/';
}

static void add_given(struct search *search, const char *unit_dirs, struct diag *diag)
{
    struct str rest = str_from(unit_dirs), piece;

    /* The pieces of "a:" are "a" and "", of which the second is no path either. */
    while (str_split_next(&rest, ':', &piece)) {
        const char *path = arena_strndup(search->arena, piece.data, piece.len);

        if (*path != '/') {
            diag_add(diag, DIAG_WARNING, "unit-dirs", NULL, "%s not a valid file path", path);
            return;
        }
        search_add(search, path, NULL, NULL);
    }
}

static const char *user_config_dir(struct arena *arena, const struct quadlet_places *places)
{
    if (!string_is_empty(places->config_home))
        return places->config_home;
    return string_is_empty(places->home) ? NULL : arena_printf(arena, "%s/.config", places->home);
}

static void add_user(struct search *search, const struct quadlet_places *places,
        struct users_filter *filter, struct diag *diag)
{
    struct arena *arena = search->arena;
    const char *config = user_config_dir(arena, places);

    if (places->runtime_dir)
        search_add(search, path_join(arena, places->runtime_dir, BELOW_XDG), NULL, NULL);
    if (!config) {
        diag_add(diag, DIAG_WARNING, QUADLET_ADVICE, NULL,
                "neither $XDG_CONFIG_HOME nor $HOME are defined");
        return;
    }
    search_add(search, path_join(arena, config, BELOW_XDG), NULL, NULL);
    search_add(search, ADMIN_USERS_DIR, is_for_all_users, filter);
    search_add(search, arena_printf(arena, "%s/%u", ADMIN_USERS_DIR, (unsigned)places->uid), NULL,
            NULL);
}

void quadlet_find_dirs(
        struct search *search, const struct quadlet_places *places, struct diag *diag)
{
    if (!string_is_empty(places->unit_dirs)) {
        add_given(search, places->unit_dirs, diag);
        return;
    }
    char *resolved = realpath(ADMIN_USERS_DIR, NULL);
    struct users_filter filter = {
        .users = resolved ? arena_strdup(search->arena, resolved) : ADMIN_USERS_DIR,
    };
    free(resolved);
    if (places->is_user) {
        add_user(search, places, &filter, diag);
        return;
    }
    search_add(search, TEMPORARY_DIR, is_for_system, &filter);
    search_add(search, ADMIN_DIR, is_for_system, &filter);
    search_add(search, DISTRO_DIR, NULL, NULL);
}

const char *quadlet_install_dir(struct arena *arena, const struct quadlet_places *places)
{
    const char *config = places->is_user ? user_config_dir(arena, places) : NULL;

    if (!places->is_user)
        return ADMIN_DIR;
    return config ? path_join(arena, config, BELOW_XDG) : NULL;
}
