/* A project as it is kept while it is enabled, that is started at boot: one compose file with everything
 * resolved (files merged, variables filled in, paths absolute) and, under `x-berth-enabled`, where it came
 * from. It lies under /etc (or a user's configuration directory), since generators run before /var and
 * /home are mounted, and holds values that may be secret: its mode is 0600.
 *
 *     x-berth-enabled:
 *       version: 1
 *       directory: /srv/guestbook           # where `enable` was called for
 *       profiles: [debug]                   # those that were active
 *       sources: [{ path: /srv/guestbook/compose.yaml, digest: "sha256:…" }, …]
 *     name: guestbook
 *     services: …
 *
 * What reads it (the generator) never needs the sources; whether these have changed since is for those to ask
 * who can wait for them: enabled_find_changes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"

struct arena;
struct diag;
struct error;
struct project;
struct strbuf;

#define ENABLED_VERSION 1
#define ENABLED_SUFFIX ".yaml"

struct enabled_source {
    const char *path;   /* absolute */
    const char *digest; /* "sha256:…" of its bytes; NULL: it could not be read */
};
struct enabled_sources {
    struct enabled_source *items;
    size_t len, cap;
};

/* The text of the file. `all` is the project with every profile active, `active` names those that the user has
 * chosen, `sources` what the project was read from. */
void enabled_format(const struct project *all, const struct strings *active,
        const struct enabled_sources *sources, struct strbuf *out);

enum enabled_profiles {
    ENABLED_ACTIVE, /* services of the profiles that were active: the project as the user sees it */
    ENABLED_ALL,    /* all services: what units are made of */
};

struct enabled {
    struct project *project; /* working_dir is the directory */
    struct strings profiles; /* those that were active */
    const char *path;        /* of the file */
    const char *directory;
    struct enabled_sources sources;
};

/* Reads the file `path` (absolute). Everything lives in the arena. Like project_load, mistakes are findings in
 * `diag` with their places in that file. -EINVAL also when it was written by a newer berth. */
int enabled_load(struct arena *arena, const char *path, enum enabled_profiles which,
        struct enabled **ret, struct diag *diag, struct error **err);

/* The sources that are gone (digest NULL in the result) or differ now; reads them through `digest_file`,
 * which gives NULL for what cannot be read. */
typedef const char *(*enabled_digest_fn)(struct arena *arena, const char *path);
void enabled_find_changes(struct arena *arena, const struct enabled *enabled,
        enabled_digest_fn digest_file, struct enabled_sources *ret);
