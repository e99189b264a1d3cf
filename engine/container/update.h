/* Changing limits and the restart policy of a container that exists: stored for its next starts, and in force at once
 * when it runs, also for those that its monitor does by itself. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/container/config.h"

struct engine;
struct error;

/* Zero and NULL: as it is. */
struct container_update {
    int64_t memory_bytes, memory_swap_bytes /* -1: unlimited */, memory_reservation_bytes;
    int64_t nano_cpus, cpu_shares, cpu_period_usec, cpu_quota_usec;
    const char *cpuset_cpus, *cpuset_mems;
    int64_t pids_limit; /* -1: unlimited */
    int64_t blkio_weight, cpu_rt_period_usec, cpu_rt_runtime_usec;
    bool has_restart;
    enum container_restart restart;
    int64_t restart_max_retries;
};

/* -EINVAL in Docker's words for limits that do not fit together. When the kernel refuses a limit of one that
 * runs, nothing is stored. */
int container_update(struct engine *engine, const char *reference,
        const struct container_update *update, struct error **err);
