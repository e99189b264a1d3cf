/* Quadlet files on disk: which directories count, which files of them, with their drop-ins. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/array.h"

struct arena;
struct diag;
struct quadlet_set;
struct search;

/* What says where quadlets are; texts are borrowed, NULL: not set. */
struct quadlet_places {
    const char *unit_dirs; /* QUADLET_UNIT_DIRS: directories in place of all others */
    bool is_user;
    const char *runtime_dir, *config_home, *home; /* XDG_RUNTIME_DIR, XDG_CONFIG_HOME, HOME */
    uid_t uid;
};

/* The directories in order of strength, each with those below it. Findings are warnings. */
void quadlet_find_dirs(
        struct search *search, const struct quadlet_places *places, struct diag *diag);

/* Where `berth quadlet install` puts files: /etc/containers/systemd or the user's; NULL when the
 * environment does not say. Lives in `arena`. */
const char *quadlet_install_dir(struct arena *arena, const struct quadlet_places *places);

struct quadlet_read_options {
    /* A file that cannot be read costs its directory all units, as in Podman. */
    bool loses_neighbours;
    /* Links to /dev/null hide the unit without an error. */
    bool has_masks;
    /* Once the set's arena is as large, quadlets are kept as texts, which is a third of the memory: see
     * quadlet_open. 0: never. */
    size_t keeps_texts_from_bytes;
    /* Called for each file and drop-in that is read; may be NULL. */
    void (*loading)(void *userdata, const char *what, const char *path);
    void *userdata;
};

/* Reads the units of all directories into the set; of several with one name the first counts. Returns
 * the number of files and directories that could not be used; each has its findings. A quadlet whose file
 * or drop-in is broken is in the set as failed, unless neighbours are lost. The search is not needed afterwards. */
int quadlet_read_dirs(struct quadlet_set *set, const struct search *search,
        const struct quadlet_read_options *options, struct diag *diag);

/* Reads one file outside of any directory, without drop-ins. */
int quadlet_read_file(struct quadlet_set *set, const char *path, struct diag *diag);
