/* From files to a project: discovery, .env, YAML, interpolation, include, extends, merge, schema, checks.
 *
 *     struct diag diag = DIAG_INIT;
 *     struct arena arena = ARENA_INIT;
 *     struct project *project;
 *     int r = project_load(&arena, &(struct load_options){ .working_dir = cwd, .env = environ }, &project,
 *             &diag, &err);
 *
 * Mistakes in what the user wrote are findings in `diag`, all of them; project_load then returns -EINVAL
 * with *err saying how many there were (the findings are what should be shown). Other failures are only
 * in *err. Warnings do not fail the load. The library reads files, never the environment. */
#pragma once

#include <stdbool.h>

#include "base/array.h"

struct arena;
struct diag;
struct error;
struct project;

struct load_options {
    const char *working_dir;  /* absolute: where the user is */
    char *const *env;         /* NULL-terminated "K=V", as in envp; NULL: none */
    struct strings files;     /* -f; "-" is standard input. Empty: COMPOSE_FILE, then discovery */
    const char *project_dir;  /* --project-directory; NULL: folder of the first file */
    const char *project_name; /* -p; NULL: COMPOSE_PROJECT_NAME, `name`, folder */
    struct strings env_files; /* --env-file; empty: COMPOSE_ENV_FILES, then .env */
    struct strings profiles;  /* --profile; empty: COMPOSE_PROFILES */
    struct strings services;  /* named by the user: enabled whatever their profiles */
    bool select_services;     /* keep only `services` and what they depend on */
    bool all_resources;       /* keep what no enabled service uses in the printed model */
    bool no_interpolate;
    bool as_written; /* nothing comes from outside: variables without a value, env and label files */
    bool no_normalize;
    bool no_path_resolution;
    bool no_consistency;
    bool no_env_resolution;
    bool as_hashed; /* as Docker Compose's hashes are made: with no_normalize, variables without a value of a
                     * mapping keep none, those of a list are filled in */
    bool compatibility;
    int stdin_fd; /* for "-f -"; 0 is standard input */
};

/* Loads and checks. *ret_project lives in `arena`. 0; -EINVAL when diag holds errors; -ENOENT when there is
 * no compose file at all (the only case where that code is given); else what a system call said.
 * `diag` must not be NULL. */
int project_load(struct arena *arena, const struct load_options *options,
        struct project **ret_project, struct diag *diag, struct error **err);

/* Only what the project is called: by options, variables, files and folder; for commands on existing
 * containers that need no valid files (a missing file falls back to the folder). Lives in `arena`. */
int project_name_resolve(struct arena *arena, const struct load_options *options,
        const char **ret_name, struct diag *diag, struct error **err);
