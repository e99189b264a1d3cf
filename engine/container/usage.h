/* What everything takes on disk, as `system df` shows it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct container;
struct engine;
struct error;

struct usage {
    size_t count, active; /* active: in use by a container; of containers, those that run */
    uint64_t size_bytes, reclaimable_bytes; /* what a prune of all of them would free */
};

struct engine_usage {
    struct usage images, containers, volumes, build_cache;
};

/* Looks at every file of containers and volumes. */
int engine_usage_read(struct engine *engine, struct engine_usage *ret, struct error **err);

/* What a container has written to its own layer. */
uint64_t container_size(struct engine *engine, const char *id);

/* Of one image: what other images stand on, too, and its containers. */
struct image_usage {
    uint64_t shared_bytes;
    size_t containers;
};
int image_usage_read(
        struct engine *engine, const char *image_id, struct image_usage *ret, struct error **err);

/* What build steps have left. In the arena, newest first. */
struct arena;
struct cache_usage {
    const char *id;
    uint64_t size_bytes;
    int64_t created_nsec, last_used_nsec;
    bool shared; /* an image stands on it */
};
struct cache_usages {
    struct cache_usage *items;
    size_t len, cap;
};
int cache_usage_list(
        struct engine *engine, struct arena *arena, struct cache_usages *ret, struct error **err);
