/* What a control group has used, in whatever layout the machine has. What a machine does not count is zero. */
#pragma once

#include <stdint.h>

#define CGROUP_STAT_UNLIMITED UINT64_MAX

struct cgroup;

struct cgroup_stats {
    uint64_t cpu_nsec, cpu_user_nsec, cpu_system_nsec;
    uint64_t periods, throttled_periods, throttled_nsec;
    uint64_t memory_bytes;            /* with page cache */
    uint64_t memory_cache_bytes;      /* of it, what is cheap to give back (inactive file pages) */
    uint64_t memory_limit_bytes;      /* CGROUP_STAT_UNLIMITED */
    uint64_t read_bytes, write_bytes; /* of block devices */
    uint64_t pids, pids_limit;        /* CGROUP_STAT_UNLIMITED */
};

/* `cgroup` is open (cgroup_open). */
void cgroup_read_stats(const struct cgroup *cgroup, struct cgroup_stats *ret);
