/* Health as a pure state machine: when to probe next, and what a result means. Docker's rules (moby
 * daemon/health.go):
 *
 *   status     failure                                     success  next probe after
 *   starting   within the start period: only recorded;     healthy  start interval, or interval when
 *              else streak + 1, at `retries` unhealthy              the start period is over
 *   healthy    streak + 1, at `retries` unhealthy          healthy  interval
 *   unhealthy  streak + 1                                  healthy  interval
 *
 * The delay counts from the end of the probe before. A new run starts over. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/monitor/state-file.h"

struct monitor_health;

#define HEALTH_INTERVAL_USEC (30 * INT64_C(1000000))
#define HEALTH_TIMEOUT_USEC (30 * INT64_C(1000000))
#define HEALTH_START_INTERVAL_USEC (5 * INT64_C(1000000))
#define HEALTH_RETRIES 3

struct health {
    int64_t interval_usec, timeout_usec, start_period_usec, start_interval_usec;
    uint32_t retries;
    enum monitor_health_status status;
    uint32_t streak;
    int64_t started_usec; /* of the run, monotonic */
};

/* With the defaults in place of zeros; MONITOR_HEALTH_NONE when the configuration has no check. */
void health_init(struct health *health, const struct monitor_health *config);

/* A run of the container begins. */
void health_begin(struct health *health, int64_t now_usec);

/* How long to wait before the next probe; now is the beginning of the run or the end of the last
 * one. */
int64_t health_next_delay(const struct health *health, int64_t now_usec);

/* Takes a result of a probe that began at probe_start_usec (monotonic). True when the status
 * changed. */
bool health_take_result(struct health *health, int exit_code, int64_t probe_start_usec);
