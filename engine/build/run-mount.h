/* RUN --mount=…: what a command finds beside its stage's files, and what is no part of its layer.
 *
 *   bind    files of the context, a stage or an image: a copy of its own, so that .dockerignore counts and nothing
 *           of what is written comes back
 *   cache   a directory that stays between builds, below ROOT/build-caches
 *   tmpfs   an empty file system in memory
 *   secret  a file with one of the build's secrets; its content is no part of the cache's key
 *   ssh     the socket of one of the build's agents, with SSH_AUTH_SOCK
 *
 * Reference: the Dockerfile reference of Docker 28, RUN --mount. */
#pragma once

#include "engine/build/run-secret.h"
#include "engine/build/steps.h"
#include "engine/container/config.h"
#include "engine/image/store-internal.h"

struct build_cache_pruned;
struct strbuf;

struct run_cache;
struct run_mount;
struct run_mounts {
    struct run_mount *items;
    size_t len, cap;
};

/* Adds the names of stages and images that the instruction's mounts are from. In the arena. */
void run_mount_sources(
        struct arena *arena, const struct instruction *instruction, struct strings *ret);

/* Reads the instruction's flags, finds and hashes what is to be seen, and adds to the key what the layer depends on.
 * In the stage's arena. */
int run_mounts_prepare(const struct step_context *context, const struct stage_state *stage,
        const struct instruction *instruction, struct run_mounts *ret, struct strbuf *key,
        struct error **err);

/* The mounts while the command runs. */
struct run_mounted {
    struct store_work work;
    struct {
        struct run_cache *items;
        size_t len, cap;
    } caches; /* locked */
    struct run_secrets secrets;
};
#define RUN_MOUNTED_INIT                                     \
    {                                                        \
        .work = STORE_WORK_INIT, .secrets = RUN_SECRETS_INIT \
    }

/* Puts them into the container's configuration, of which mounts, files and env are replaced by longer lists in the
 * step's arena. */
int run_mounts_attach(const struct step_context *context, const struct run_mounts *mounts,
        struct run_mounted *ret, struct container_config *config, struct error **err);
void run_mounted_release(struct run_mounted *mounted);

/* Where one of them is mounted; for i below len. */
const char *run_mount_target(const struct run_mounts *mounts, size_t i);

/* Removes caches that no build has used since then; what is in use stays. Adds their names (in the arena) and sizes to
 * `ret`. */
int run_caches_prune(struct engine *engine, struct arena *arena, int64_t before_nsec,
        struct build_cache_pruned *ret, struct error **err);

/* Those that no build has used for BUILD_CACHE_KEEP_DAYS. */
int run_caches_expire(struct engine *engine, struct error **err);
