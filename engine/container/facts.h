/* How a container is now, beside what its row says: for those who look for differences. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"

struct arena;
struct container;
struct error;

struct container_facts {
    bool runs;
    int64_t memory_bytes,
            pids;      /* limits in force (of one that does not run: of its next run); 0: none */
    int64_t nano_cpus; /* as its row says; 0: none */
    struct strings mount_points; /* of its first process; in the arena */
};

int container_read_facts(struct arena *arena, const struct container *c,
        struct container_facts *ret, struct error **err);
