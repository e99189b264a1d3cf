/* Whether and when an ended container is started again: Docker's rules as a pure function. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/timefmt.h"
#include "engine/monitor/monitor-config.h"

#define RESTART_BACKOFF_FIRST_USEC (100 * USEC_PER_MSEC)
#define RESTART_BACKOFF_MAX_USEC (60 * USEC_PER_SEC)
#define RESTART_RESET_USEC (10 * USEC_PER_SEC) /* a run that lasted so long was a good one */

struct restart {
    enum monitor_restart policy;
    uint32_t max_retries; /* on-failure; 0: no limit */
    uint32_t count;       /* restarts so far */
    int64_t delay_usec;   /* the last one; 0: none yet */
};

/* Decides after a run of `ran_usec` that ended with `exit_code`. When true, *ret_delay_usec is how
 * long to wait and the count has gone up. */
bool restart_decide(struct restart *restart, int exit_code, int64_t ran_usec, bool manually_stopped,
        int64_t *ret_delay_usec);
