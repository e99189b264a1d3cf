/* How the kernel schedules a container's process: policy and I/O priority, the processors that exec
 * may use, where memory comes from, and the execution domain. Data as the OCI configuration gives
 * it, checked when it is read; applied by the process itself between clone and exec. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define SCHEDULING_MASK_BITS 1024 /* processors and memory nodes */
#define SCHEDULING_MASK_WORDS (SCHEDULING_MASK_BITS / (8 * sizeof(unsigned long)))

/* A set of processors or nodes. */
struct scheduling_mask {
    bool is_set;
    unsigned long words[SCHEDULING_MASK_WORDS];
};

/* The kernel's struct sched_attr (sched_setattr(2)), which glibc does not have. */
struct scheduling_attr {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_nsec, deadline_nsec, period_nsec;
    uint32_t util_min, util_max;
};

struct scheduling {
    bool has_scheduler, has_io_priority, has_personality, has_memory_policy;
    struct scheduling_attr scheduler;
    int io_priority; /* class and priority, as ioprio_set takes them */
    unsigned long personality;
    int memory_mode; /* MPOL_… with its flags */
    struct scheduling_mask memory_nodes;
    struct scheduling_mask exec_initial, exec_final; /* exec alone */
};

/* "0-3,7"; -EINVAL, -ERANGE. */
int scheduling_parse_mask(struct str text, struct scheduling_mask *ret);

/* Each does nothing when its value is unset. Async-signal-safe; 0 or -errno. */
int scheduling_apply_scheduler(const struct scheduling *scheduling);
int scheduling_apply_io_priority(const struct scheduling *scheduling);
int scheduling_apply_memory_policy(const struct scheduling *scheduling);
int scheduling_apply_personality(const struct scheduling *scheduling);
int scheduling_apply_mask(const struct scheduling_mask *mask);

/* All processors that the control group allows, whatever the caller was bound to; where the kernel
 * does not let us, what was inherited stays. Async-signal-safe. */
void scheduling_reset_mask(void);
