#include "engine/container/update.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "engine/container/container-internal.h"
#include "engine/container/oci-spec.h"
#include "engine/monitor/control.h"
#include "engine/monitor/monitor-config.h"

/* ---- The configuration ---- */

static int check_together(
        const struct container_config *old, const struct container_update *u, struct error **err)
{
    if (u->nano_cpus && (old->cpu_period_usec || old->cpu_quota_usec))
        return error_set_plain(err, EINVAL, NULL,
                "Conflicting options: Nano CPUs cannot be updated as CPU %s has already been set",
                old->cpu_period_usec ? "Period" : "Quota");
    if (old->nano_cpus && (u->cpu_period_usec || u->cpu_quota_usec))
        return error_set_plain(err, EINVAL, NULL,
                "Conflicting options: CPU %s cannot be updated as NanoCPUs has already been set",
                u->cpu_period_usec ? "Period" : "Quota");
    if (u->memory_bytes && !u->memory_swap_bytes && old->memory_swap_bytes > 0 &&
            u->memory_bytes > old->memory_swap_bytes)
        return error_set_plain(err, EINVAL, NULL,
                "Memory limit should be smaller than already set memoryswap limit, update the "
                "memoryswap at the same time");
    if (u->has_restart && u->restart != CONTAINER_RESTART_NO && old->auto_remove)
        return error_set_plain(err, EINVAL, NULL,
                "Restart policy cannot be updated because AutoRemove is enabled for the container");
    return 0;
}

static void merge(struct container_config *config, const struct container_update *u)
{
    const struct {
        int64_t *to;
        int64_t value;
    } numbers[] = {
        { &config->memory_bytes, u->memory_bytes },
        { &config->memory_swap_bytes, u->memory_swap_bytes },
        { &config->memory_reservation_bytes, u->memory_reservation_bytes },
        { &config->nano_cpus, u->nano_cpus },
        { &config->cpu_shares, u->cpu_shares },
        { &config->cpu_period_usec, u->cpu_period_usec },
        { &config->cpu_quota_usec, u->cpu_quota_usec },
        { &config->pids_limit, u->pids_limit },
        { &config->blkio_weight, u->blkio_weight },
        { &config->cpu_rt_period_usec, u->cpu_rt_period_usec },
        { &config->cpu_rt_runtime_usec, u->cpu_rt_runtime_usec },
    };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        if (numbers[i].value)
            *numbers[i].to = numbers[i].value;
    if (u->cpuset_cpus)
        config->cpuset_cpus = u->cpuset_cpus;
    if (u->cpuset_mems)
        config->cpuset_mems = u->cpuset_mems;
    if (u->has_restart) {
        config->restart = u->restart;
        config->restart_max_retries = u->restart_max_retries;
    }
}

/* ---- The run ---- */

/* What the monitor starts the container with from now on. Devices are left as they are. */
static int rewrite_spec(const struct container *c, int run_dir_fd, struct error **err)
{
    static const char *const keys[] = { "memory", "cpu", "pids", "blockIO" };
    auto_json json_t *spec = NULL, *limits = NULL;
    int r = jsonx_read_file(run_dir_fd, MONITOR_SPEC_FILE, &spec, err);

    if (r >= 0)
        r = container_limits(c, &limits, err);
    if (r < 0)
        return r;
    json_t *resources = json_object_get(json_object_get(spec, "linux"), "resources");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        json_t *value = json_object_get(limits, keys[i]);

        if (value)
            json_object_set(resources, keys[i], value);
    }
    return jsonx_write_file(run_dir_fd, MONITOR_SPEC_FILE, spec, 0600, false, err);
}

static int rewrite_monitor_config(const struct container *c, int run_dir_fd, struct error **err)
{
    auto_json json_t *config = NULL;
    int r = jsonx_read_file(run_dir_fd, MONITOR_CONFIG_FILE, &config, err);

    if (r < 0)
        return r;
    json_object_set_new(
            config, "restart_policy", json_string(container_restart_names[c->config.restart]));
    json_object_set_new(
            config, "restart_max_retries", json_integer((json_int_t)c->config.restart_max_retries));
    return jsonx_write_file(run_dir_fd, MONITOR_CONFIG_FILE, config, 0600, false, err);
}

static int apply(struct engine *engine, const struct container *c, struct error **err)
{
    auto_(control_close_p) struct control *control = NULL;
    auto_close int run_dir_fd = container_open_run_dir(engine, c->id, false, err);

    if (run_dir_fd < 0)
        return run_dir_fd == -ENOENT ? 0 : run_dir_fd;
    int r = container_connect(engine, c->id, &control, err);
    if (r < 0 || !control)
        return r;
    r = rewrite_spec(c, run_dir_fd, err);
    if (r >= 0)
        r = rewrite_monitor_config(c, run_dir_fd, err);
    return r < 0 ? r : control_reload(control, err);
}

int container_update(struct engine *engine, const char *reference,
        const struct container_update *update, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int lock = -EBADF;
    struct container *c = NULL;
    int r = container_begin(engine, &arena, reference, &c, &lock, err);

    if (r < 0)
        return r;
    struct container_config old = c->config;
    r = check_together(&old, update, err);
    merge(&c->config, update);
    if (r >= 0)
        r = container_check_limits(&c->config, err);
    if (r >= 0 && container_is_running(c)) {
        r = apply(engine, c, err);
        if (r < 0) { /* as before, also for the monitor's next start */
            auto_error struct error *ignored = NULL;

            c->config = old;
            (void)apply(engine, c, &ignored);
        }
    }
    if (r >= 0)
        r = container_store_config(engine, c, err);
    if (r < 0)
        return error_wrap(err, r, "Cannot update container %s", c->id);
    container_event(engine, c->id, "update", NULL, NULL);
    return 0;
}
