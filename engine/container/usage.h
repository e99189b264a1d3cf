/* What everything takes on disk, as `system df` shows it. */
#pragma once

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
