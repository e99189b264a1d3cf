/* Linux capabilities as bit masks, and their names. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct error;

struct capability_sets {
    uint64_t bounding, effective, permitted, inheritable, ambient;
};

/* Docker's fourteen: the mask a80425fb in /proc/self/status. */
#define CAPABILITY_DOCKER_DEFAULT UINT64_C(0xa80425fb)

/* Number for "CAP_CHOWN", "chown", …; -EINVAL for an unknown name. */
int capability_parse(struct str name);

/* "CAP_CHOWN"; NULL beyond the last known. Static. */
const char *capability_name(unsigned number);

/* What the calling process may still hand out: its bounding set, as far as it is permitted. */
uint64_t capability_own_bounding_set(void);

/* The sets of the calling thread, for a process that is about to exec. Async-signal-safe; 0 or
 * -errno. Order: capability_apply_bounding while CAP_SETPCAP is effective, then the change of uid
 * with PR_SET_KEEPCAPS on, then capability_apply_rest. What is not in `own` (the caller's own
 * bounding set) is left out of every set: the kernel would refuse it. */
int capability_apply_bounding(uint64_t bounding, uint64_t own);
int capability_apply_rest(const struct capability_sets *sets, uint64_t own);
int capability_set(uint64_t effective, uint64_t permitted, uint64_t inheritable);
