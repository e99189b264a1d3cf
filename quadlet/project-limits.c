#include "quadlet/project-limits.h"

#include <stdint.h>

#include "base/arena.h"
#include "compose/project.h"
#include "units/unitfile.h"

/* The monitor with what it starts: health checks, gzip, the teardown. */
#define MONITOR_TASKS 32
#define MONITOR_MEMORY_BYTES (INT64_C(16) << 20)
#define CPU_PERIOD_DEFAULT_USEC 100000
#define CPU_PERCENT_MAX 1e9 /* more than any machine has, and less than systemd refuses */

static void add(struct arena *arena, struct unitfile *unit, const char *key, int64_t value)
{
    unitfile_add(unit, "Service", key, arena_printf(arena, "%lld", (long long)value));
}

static void add_memory(struct arena *arena, const struct service *service, struct unitfile *unit)
{
    const struct resources *resources = &service->deploy.resources;
    struct option_size limit = resources->limits.memory.set ? resources->limits.memory
                                                            : service->mem_limit;
    struct option_size kept = resources->reservations.memory.set ? resources->reservations.memory
                                                                 : service->mem_reservation;

    if (limit.set && limit.bytes > 0)
        add(arena, unit, "MemoryMax", limit.bytes + MONITOR_MEMORY_BYTES);
    if (kept.set && kept.bytes > 0)
        add(arena, unit, "MemoryLow", kept.bytes);
    /* Docker's number is memory and swap together. */
    if (limit.set && service->memswap_limit.set && service->memswap_limit.bytes >= limit.bytes)
        add(arena, unit, "MemorySwapMax", service->memswap_limit.bytes - limit.bytes);
}

/* Percent of one processor, as systemd counts. */
static void add_cpu(struct arena *arena, const struct service *service, struct unitfile *unit)
{
    const struct resources *resources = &service->deploy.resources;
    struct option_number cpus = resources->limits.cpus.set ? resources->limits.cpus : service->cpus;
    double percent = 0;

    if (cpus.set && cpus.value > 0)
        percent = cpus.value * 100;
    else if (service->cpu_quota.set && service->cpu_quota.value > 0)
        percent = 100.0 * (double)service->cpu_quota.value /
                  (double)(service->cpu_period.set && service->cpu_period.value > 0
                                   ? service->cpu_period.value
                                   : CPU_PERIOD_DEFAULT_USEC);
    /* Never less than what the container has by itself. */
    int64_t whole = percent < CPU_PERCENT_MAX ? (int64_t)percent : 0;
    if (percent > 0 && percent < CPU_PERCENT_MAX)
        unitfile_add(unit, "Service", "CPUQuota",
                arena_printf(arena, "%lld%%", (long long)(whole < percent ? whole + 1 : whole)));
    /* From shares (2 to 262144) to weights (1 to 10000), as runtimes do it. */
    if (service->cpu_shares.set && service->cpu_shares.value >= 2)
        add(arena, unit, "CPUWeight", 1 + (service->cpu_shares.value - 2) * 9999 / 262142);
    if (service->cpuset)
        unitfile_add(unit, "Service", "AllowedCPUs", service->cpuset);
}

void project_add_limits(struct arena *arena, const struct service *service, struct unitfile *unit)
{
    const struct resource *limits = &service->deploy.resources.limits;
    struct option_int pids = limits->pids.set ? limits->pids : service->pids_limit;

    add_memory(arena, service, unit);
    add_cpu(arena, service, unit);
    if (pids.set && pids.value > 0)
        add(arena, unit, "TasksMax", pids.value + MONITOR_TASKS);
    if (service->blkio_config.given && service->blkio_config.weight.set)
        add(arena, unit, "IOWeight", service->blkio_config.weight.value);
}
