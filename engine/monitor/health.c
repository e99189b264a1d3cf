#include "engine/monitor/health.h"

#include "engine/monitor/monitor-config.h"

static int64_t or_default(int64_t value, int64_t fallback)
{
    return value > 0 ? value : fallback;
}

void health_init(struct health *health, const struct monitor_health *config)
{
    *health = (struct health){
        .interval_usec = or_default(config->interval_usec, HEALTH_INTERVAL_USEC),
        .timeout_usec = or_default(config->timeout_usec, HEALTH_TIMEOUT_USEC),
        .start_period_usec = config->start_period_usec,
        .start_interval_usec = or_default(config->start_interval_usec, HEALTH_START_INTERVAL_USEC),
        .retries = config->retries > 0 ? config->retries : HEALTH_RETRIES,
        .status = config->argv ? MONITOR_HEALTH_STARTING : MONITOR_HEALTH_NONE,
    };
}

void health_begin(struct health *health, int64_t now_usec)
{
    if (health->status == MONITOR_HEALTH_NONE)
        return;
    health->status = MONITOR_HEALTH_STARTING;
    health->streak = 0;
    health->started_usec = now_usec;
}

int64_t health_next_delay(const struct health *health, int64_t now_usec)
{
    bool in_start_period = now_usec - health->started_usec < health->start_period_usec;

    return in_start_period && health->status == MONITOR_HEALTH_STARTING
                   ? health->start_interval_usec
                   : health->interval_usec;
}

bool health_take_result(struct health *health, int exit_code, int64_t probe_start_usec)
{
    enum monitor_health_status before = health->status;

    if (exit_code == 0) {
        health->streak = 0;
        health->status = MONITOR_HEALTH_HEALTHY;
    } else if (health->status != MONITOR_HEALTH_STARTING ||
               probe_start_usec - health->started_usec >= health->start_period_usec) {
        health->streak++;
        if (health->streak >= health->retries)
            health->status = MONITOR_HEALTH_UNHEALTHY;
    }
    return health->status != before;
}
