#include "cli/compose-wait.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/container/container.h"

/* How long what has no healthcheck shall have run before it is taken for ready. */
#define SETTLE_USEC (500 * USEC_PER_MSEC)

/* What the last probe printed, from Docker's State.Health. */
static char *last_probe_output(const struct container *container)
{
    auto_json json_t *health = NULL;

    if (!container->state.health_json ||
            jsonx_parse(container->state.health_json, strlen(container->state.health_json),
                    "health", &health, NULL) < 0)
        return NULL;
    const json_t *log = json_object_get(health, "Log");
    const char *output = json_array_size(log)
                                 ? jsonx_string(
                                           json_array_get(log, json_array_size(log) - 1), "Output")
                                 : NULL;
    return mem_strdup(output);
}

/* Sets the outcome from how the container is now. */
static int look(
        struct engine *engine, const char *id, struct backend_wait_result *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container *container = NULL;
    int r = container_lookup(engine, &arena, id, &container, err);

    if (r < 0)
        return r;
    ret->exit_code = 0;
    if (!container) {
        ret->outcome = BACKEND_WAIT_GONE;
    } else if (container_is_running(container)) {
        bool unhealthy = string_is_equal(container->state.health, "unhealthy");

        ret->outcome = unhealthy ? BACKEND_WAIT_UNHEALTHY : BACKEND_WAIT_MET;
        if (unhealthy)
            ret->output = last_probe_output(container);
    } else {
        ret->outcome = BACKEND_WAIT_EXITED;
        ret->exit_code = container->state.exit_code;
    }
    return 0;
}

static int wait_completed(struct engine *engine, const char *id, int64_t deadline_usec,
        struct backend_wait_result *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container *container = NULL;
    int r = container_lookup(engine, &arena, id, &container, err);

    if (r < 0)
        return r;
    ret->outcome = container ? BACKEND_WAIT_MET : BACKEND_WAIT_GONE;
    if (!container)
        return 0;
    r = container_wait(engine, id, CONTAINER_WAIT_NOT_RUNNING, deadline_usec, &ret->exit_code, err);
    if (r == -ETIMEDOUT) {
        ret->outcome = BACKEND_WAIT_TIMED_OUT;
        return 0;
    }
    return r < 0 ? r : 0;
}

/* One that ends as soon as it began was never ready, as Docker Compose finds when it looks for the first time. */
static int wait_settled(struct engine *engine, const char *id, int64_t deadline_usec,
        struct backend_wait_result *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container *container = NULL;
    int exit_code;
    int r = container_lookup(engine, &arena, id, &container, err);

    if (r < 0)
        return r;
    if (container && container_is_running(container)) {
        auto_error struct error *still_runs = NULL;
        int64_t run_usec = (time_realtime_nsec() - container->state.started_nsec) / NSEC_PER_USEC;
        int64_t left_usec = run_usec < 0 ? SETTLE_USEC : SETTLE_USEC - run_usec;
        int64_t settled_usec = time_monotonic_usec() + left_usec;

        if (left_usec > 0)
            (void)container_wait(engine, id, CONTAINER_WAIT_NOT_RUNNING,
                    settled_usec < deadline_usec ? settled_usec : deadline_usec, &exit_code,
                    &still_runs);
    }
    return look(engine, id, ret, err);
}

int compose_wait_container(struct engine *engine, const char *id,
        enum backend_wait_condition condition, int64_t timeout_usec,
        struct backend_wait_result *ret, struct error **err)
{
    int64_t deadline = timeout_usec == TIMEOUT_NEVER ? TIMEOUT_NEVER
                                                     : time_monotonic_usec() + timeout_usec;

    *ret = (struct backend_wait_result){ 0 };
    if (condition == BACKEND_WAIT_COMPLETED)
        return wait_completed(engine, id, deadline, ret, err);
    if (condition == BACKEND_WAIT_RUNNING) {
        int r = look(engine, id, ret, err);

        if (ret->outcome == BACKEND_WAIT_UNHEALTHY)
            ret->outcome = BACKEND_WAIT_MET;
        return r;
    }
    int r = container_wait_healthy(engine, id, deadline, err);
    if (r == -ETIMEDOUT) {
        ret->outcome = BACKEND_WAIT_TIMED_OUT;
        return 0;
    }
    if (r < 0)
        return r;
    if (r == CONTAINER_HEALTH_HEALTHY) {
        ret->outcome = BACKEND_WAIT_MET;
        return 0;
    }
    if (r == CONTAINER_HEALTH_NO_CHECK && condition == BACKEND_WAIT_HEALTHY) {
        ret->outcome = BACKEND_WAIT_NO_HEALTHCHECK;
        return 0;
    }
    if (r == CONTAINER_HEALTH_NO_CHECK)
        return wait_settled(engine, id, deadline, ret, err);
    bool unhealthy = r == CONTAINER_HEALTH_UNHEALTHY;
    r = look(engine, id, ret, err);
    if (r >= 0 && unhealthy && ret->outcome == BACKEND_WAIT_MET)
        ret->outcome = BACKEND_WAIT_UNHEALTHY;
    return r;
}
