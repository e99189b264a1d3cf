/* What a running container uses, as `stats` shows it. One reading; rates come of two. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct container;
struct error;

struct container_stats {
    uint64_t cpu_nsec;        /* of the container, so far */
    uint64_t system_cpu_nsec; /* of all CPUs, idle ones too, so far */
    unsigned cpus;
    uint64_t memory_bytes;               /* without page cache that is given back at once */
    uint64_t memory_limit_bytes;         /* its own, else the machine's */
    uint64_t received_bytes, sent_bytes; /* all interfaces but lo; 0 with the host's network */
    uint64_t read_bytes, write_bytes;
    uint64_t pids;
};

/* 1, or 0 when it does not run (any more): *ret is all zero then. */
int container_stats_read(
        const struct container *c, struct container_stats *ret, struct error **err);

/* CPU used between two readings, in percent of one CPU, as Docker counts. */
double container_stats_cpu_percent(
        const struct container_stats *before, const struct container_stats *now);
