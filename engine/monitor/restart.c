#include "engine/monitor/restart.h"

static bool wants_restart(const struct restart *restart, int exit_code)
{
    switch (restart->policy) {
    case MONITOR_RESTART_ALWAYS:
    case MONITOR_RESTART_UNLESS_STOPPED:
        return true;
    case MONITOR_RESTART_ON_FAILURE:
        return exit_code != 0 &&
               (restart->max_retries == 0 || restart->count < restart->max_retries);
    default:
        return false;
    }
}

bool restart_decide(struct restart *restart, int exit_code, int64_t ran_usec, bool manually_stopped,
        int64_t *ret_delay_usec)
{
    if (manually_stopped || !wants_restart(restart, exit_code))
        return false;
    if (ran_usec >= RESTART_RESET_USEC)
        restart->delay_usec = 0;
    restart->delay_usec = restart->delay_usec == 0 ? RESTART_BACKOFF_FIRST_USEC
                                                   : restart->delay_usec * 2;
    if (restart->delay_usec > RESTART_BACKOFF_MAX_USEC)
        restart->delay_usec = RESTART_BACKOFF_MAX_USEC;
    restart->count++;
    *ret_delay_usec = restart->delay_usec;
    return true;
}
