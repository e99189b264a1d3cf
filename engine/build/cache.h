/* What build steps made before: the key of a step (everything that went into it, see stage_extend_key) to
 * the layer that came out, and when. A row whose layer is gone counts as missing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "engine/image/image.h"

struct arena;
struct engine;
struct error;

#define BUILD_LOCK "build" /* below locks/: held shared by every build */

struct cache_entry {
    char diff_id[IMAGE_DIFF_ID_MAX]; /* "" when the step made no layer */
    int64_t created_nsec;
};

/* 1 found, 0 not. A row that is found is marked as used. */
int build_cache_get(
        struct engine *engine, const char *key, struct cache_entry *ret, struct error **err);
int build_cache_put(struct engine *engine, const char *key, const struct cache_entry *entry,
        struct error **err);

/* Forgets rows that no build has used for BUILD_CACHE_KEEP_DAYS. */
#define BUILD_CACHE_KEEP_DAYS 14
int build_cache_expire(struct engine *engine, struct error **err);

struct build_cache_filter {
    bool all;           /* also rows whose layer an image stands on */
    int64_t until_nsec; /* not used since; 0: whenever */
};
struct build_cache_pruned {
    struct strings keys; /* in the arena */
    uint64_t bytes;
};

/* Forgets rows and removes the layers that nothing stands on then; while a build runs, only those that have been
 * so for an hour. Directories that RUN --mount=type=cache keeps go, too, unless a build uses them. */
int build_cache_prune(struct engine *engine, struct arena *arena,
        const struct build_cache_filter *filter, struct build_cache_pruned *ret,
        struct error **err);
