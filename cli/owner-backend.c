/* compose/backend.h for a project that systemd owns: what starts and stops its containers goes to systemd, which calls
 * `berth internal unit …`; all else goes to the engine. Containers that are no unit (one-off ones, further replicas
 * of a scale, services that the files no longer have) are the engine's as ever. Hooks are run by the units. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/compose-backend.h"
#include "cli/enabled.h"
#include "cli/owner.h"
#include "compose/project.h"
#include "engine/container/container.h"
#include "quadlet/project-names.h"
#include "quadlet/project-units.h"
#include "units/bus/bus.h"

#define JOURNAL_LINES "10"
#define JOURNAL_MAX_BYTES 16384

struct owner_backend {
    struct backend base;
    struct backend *engine; /* owned */
    const struct owner *owner;
    struct bus *bus; /* of this handle's thread; NULL until it is needed */
};

static const struct backend_ops owner_backend_ops;

static struct owner_backend *self_of(struct backend *backend)
{
    return (struct owner_backend *)backend;
}

static struct backend *engine_of(struct backend *backend)
{
    return self_of(backend)->engine;
}

struct backend *owner_backend_new(const struct owner *owner, struct backend *engine)
{
    struct owner_backend *backend = NEW(struct owner_backend);

    backend->base.ops = &owner_backend_ops;
    backend->engine = engine;
    backend->owner = owner;
    return &backend->base;
}

static int open_worker(struct backend *backend, struct backend **ret, struct error **err)
{
    struct backend *engine = NULL;
    int r = backend_open_worker(engine_of(backend), &engine, err);

    if (r >= 0)
        *ret = owner_backend_new(self_of(backend)->owner, engine);
    return r;
}

static void close_backend(struct backend *backend)
{
    struct owner_backend *self = self_of(backend);

    bus_close(self->bus);
    backend_close(self->engine);
    free(self);
}

/* ------------------------------------------------------------------ which unit */

/* What a call is about. */
struct target {
    struct arena arena;
    const char *unit;  /* NULL: the engine's own */
    const char *timer; /* that starts it; NULL: it is started as it is */
    bool runs;
    struct bus_unit state;
};
#define TARGET_INIT         \
    {                       \
        .arena = ARENA_INIT \
    }

static void target_release(struct target *target)
{
    arena_release(&target->arena);
}

static int connect_bus(
        struct owner_backend *self, const struct backend_call *call, struct error **err)
{
    int r = self->bus ? 0 : bus_open(enabled_bus_scope(), &self->bus, err);

    if (r >= 0)
        bus_set_cancel(self->bus, call->cancel_fd);
    return r;
}

static int find_target(struct backend *backend, const char *id, const struct backend_call *call,
        struct target *ret, struct error **err)
{
    struct owner_backend *self = self_of(backend);
    const struct owner *owner = self->owner;
    struct container *c = NULL;
    int r = container_lookup(compose_backend_engine(self->engine), &ret->arena, id, &c, err);
    const struct service *service = r >= 0 && c ? owner_service_of(owner, c) : NULL;

    if (!service)
        return r;
    ret->runs = container_is_running(c);
    ret->unit = project_container_unit_name(
            &ret->arena, owner->project, service, (unsigned)c->config.number);
    if (project_service_is_scheduled(service))
        ret->timer = project_timer_name(&ret->arena, owner->project, service);
    r = connect_bus(self, call, err);
    return r < 0 ? r : bus_get_unit(self->bus, &ret->arena, ret->unit, &ret->state, err);
}

static bool is_active(const struct target *target)
{
    const char *state = target->state.active_state;

    return strcmp(state, "inactive") != 0 && strcmp(state, "failed") != 0;
}

/* ------------------------------------------------------------------ jobs */

/* The last lines that the unit has written; NULL when nobody can tell. */
static const char *journal_tail(struct arena *arena, const char *invocation)
{
    char *match = arena_printf(arena, "_SYSTEMD_INVOCATION_ID=%s", invocation);
    char *argv[] = { "journalctl", "--quiet", "--no-pager", "--output=cat",
        "--lines=" JOURNAL_LINES, match, NULL };
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    auto_free char *output = NULL;
    size_t len = 0;

    spawn.path = argv[0];
    spawn.argv = argv;
    spawn.stderr_fd = PROC_NULL;
    if (!*invocation || proc_run(&spawn, NULL, 0, JOURNAL_MAX_BYTES, &output, &len, NULL) != 0)
        return NULL;
    while (len > 0 && output[len - 1] == '\n')
        len--;
    return len > 0 ? arena_strndup(arena, output, len) : NULL;
}

/* A job says only that it failed: why is in the unit, and in what it has written. */
static int explain(struct owner_backend *self, struct target *target, int code, struct error **err)
{
    struct bus_unit *now = &target->state;
    const char *lines;

    if (bus_get_unit(self->bus, &target->arena, target->unit, now, NULL) < 0)
        return code;
    lines = journal_tail(&target->arena, now->invocation);
    error_free(*err);
    *err = NULL;
    if (lines)
        (void)error_set_plain(err, EIO, NULL, "%s", lines);
    else
        (void)error_set_plain(err, EIO, NULL, "%s",
                string_is_empty(now->status_text) ? "it has written nothing" : now->status_text);
    bus_hint_status(self->bus, target->unit, err);
    return error_wrap(err, code, "%s is %s%s%s", target->unit, now->active_state,
            now->result ? ": " : "", now->result ? now->result : "");
}

static int run_job(struct owner_backend *self, struct target *target, enum bus_verb verb,
        struct bus_job job, int64_t deadline_usec, struct error **err)
{
    auto_error struct error *failure = NULL;
    int r = bus_run_jobs(self->bus, verb, &job, 1, deadline_usec, err ? err : &failure);

    return r == -EIO && err ? explain(self, target, r, err) : r;
}

/* `alone`: without what the service depends on. */
static int start_unit(struct backend *backend, const char *id, bool alone,
        const struct backend_call *call, struct error **err)
{
    struct owner_backend *self = self_of(backend);
    auto_(target_release) struct target target = TARGET_INIT;
    int r = find_target(backend, id, call, &target, err);

    if (r < 0)
        return r;
    if (!target.unit)
        return engine_of(backend)->ops->container_start(engine_of(backend), id, call, err);
    if (target.timer)
        return run_job(self, &target, BUS_START, (struct bus_job){ .unit = target.timer },
                TIMEOUT_NEVER, err);
    if (strcmp(target.state.active_state, "failed") == 0)
        (void)bus_reset_failed(self->bus, target.unit, NULL);
    /* A job that is done stays active; started again it runs again. */
    bool again = strcmp(target.state.active_state, "active") == 0 && !target.runs;
    return run_job(self, &target, again ? BUS_RESTART : BUS_START,
            (struct bus_job){ .unit = target.unit, .alone = again || alone }, TIMEOUT_NEVER, err);
}

static int start(struct backend *backend, const char *id, const struct backend_call *call,
        struct error **err)
{
    return start_unit(backend, id, self_of(backend)->owner->starts_alone, call, err);
}

/* Only what the user named: the rest of the project goes on. When the user gives less time than the service has, the
 * container is killed meanwhile. */
static int stop_unit(struct owner_backend *self, struct target *target, const char *id,
        int64_t timeout_usec, const struct backend_call *call, struct error **err)
{
    const struct bus_job job = { .unit = target->unit, .alone = true };
    int r;

    if (timeout_usec == BACKEND_TIMEOUT_DEFAULT || timeout_usec == TIMEOUT_NEVER)
        return run_job(self, target, BUS_STOP, job, TIMEOUT_NEVER, err);
    r = run_job(self, target, BUS_STOP, job, time_monotonic_usec() + timeout_usec, NULL);
    if (r == -ETIMEDOUT)
        (void)self->engine->ops->container_kill(self->engine, id, SIGKILL, call, NULL);
    return r < 0 ? run_job(self, target, BUS_STOP, job, TIMEOUT_NEVER, err) : r;
}

static int stop(struct backend *backend, const char *id, int64_t timeout_usec,
        const struct backend_call *call, struct error **err)
{
    auto_(target_release) struct target target = TARGET_INIT;
    int r = find_target(backend, id, call, &target, err);

    if (r < 0)
        return r;
    if (target.unit && is_active(&target))
        return stop_unit(self_of(backend), &target, id, timeout_usec, call, err);
    return engine_of(backend)->ops->container_stop(engine_of(backend), id, timeout_usec, call, err);
}

static int restart(struct backend *backend, const char *id, int64_t timeout_usec,
        const struct backend_call *call, struct error **err)
{
    auto_(target_release) struct target target = TARGET_INIT;
    int r = find_target(backend, id, call, &target, err);

    if (r >= 0 && !target.unit)
        return engine_of(backend)->ops->container_restart(
                engine_of(backend), id, timeout_usec, call, err);
    if (r >= 0)
        r = stop(backend, id, timeout_usec, call, err);
    return r < 0 ? r : start_unit(backend, id, true, call, err);
}

/* Killed for good is stopped: else systemd would start it again. */
static int kill_container(struct backend *backend, const char *id, int signo,
        const struct backend_call *call, struct error **err)
{
    auto_(target_release) struct target target = TARGET_INIT;
    int r = find_target(backend, id, call, &target, err);

    if (r >= 0)
        r = engine_of(backend)->ops->container_kill(engine_of(backend), id, signo, call, err);
    if (r < 0 || !target.unit || (signo != 0 && signo != SIGKILL))
        return r;
    return run_job(self_of(backend), &target, BUS_STOP,
            (struct bus_job){ .unit = target.unit, .alone = true }, TIMEOUT_NEVER, err);
}

static int remove_container(struct backend *backend, const char *id, bool force, bool volumes,
        const struct backend_call *call, struct error **err)
{
    auto_(target_release) struct target target = TARGET_INIT;
    int r = find_target(backend, id, call, &target, err);

    if (r >= 0 && target.unit && is_active(&target) && (force || !target.runs))
        r = stop_unit(self_of(backend), &target, id, BACKEND_TIMEOUT_DEFAULT, call, err);
    return r < 0 ? r
                 : engine_of(backend)->ops->container_remove(
                           engine_of(backend), id, force, volumes, call, err);
}

static int wait_container(struct backend *backend, const char *id,
        enum backend_wait_condition condition, int64_t timeout_usec,
        const struct backend_call *call, struct backend_wait_result *ret, struct error **err)
{
    auto_(target_release) struct target target = TARGET_INIT;
    int r = find_target(backend, id, call, &target, err);

    if (r < 0)
        return r;
    if (target.timer) { /* it runs when its time has come */
        *ret = (struct backend_wait_result){ .outcome = BACKEND_WAIT_MET };
        return 0;
    }
    return engine_of(backend)->ops->container_wait(
            engine_of(backend), id, condition, timeout_usec, call, ret, err);
}

static int run_hook(struct backend *backend, const char *id, const struct hook *hook,
        const struct backend_call *call, struct error **err)
{
    auto_(target_release) struct target target = TARGET_INIT;
    int r = find_target(backend, id, call, &target, err);

    return r < 0 || target.unit ? r
                                : engine_of(backend)->ops->container_exec(
                                          engine_of(backend), id, hook, call, err);
}

/* ------------------------------------------------------------------ the engine's own */

static int observe(struct backend *backend, struct arena *arena, const struct backend_query *query,
        struct observed_state *state, struct error **err)
{
    return backend_observe(engine_of(backend), arena, query, state, err);
}

static int examine_container(struct backend *backend, struct arena *arena, const char *id,
        const struct observed_facts **ret, struct error **err)
{
    struct backend *engine = engine_of(backend);

    return engine->ops->container_examine(engine, arena, id, ret, err);
}

static int store_project(struct backend *backend, const char *project,
        const struct observed_project *what, struct error **err)
{
    return engine_of(backend)->ops->project_store(engine_of(backend), project, what, err);
}

static int forget_project(struct backend *backend, const char *project, struct error **err)
{
    return engine_of(backend)->ops->project_forget(engine_of(backend), project, err);
}

static int pull(struct backend *backend, const struct backend_pull_spec *spec,
        const struct backend_call *call, char **ret_id, struct error **err)
{
    return engine_of(backend)->ops->image_pull(engine_of(backend), spec, call, ret_id, err);
}

static int build(struct backend *backend, const struct backend_build_spec *spec,
        const struct backend_call *call, char **ret_id, struct error **err)
{
    return engine_of(backend)->ops->image_build(engine_of(backend), spec, call, ret_id, err);
}

static int push(struct backend *backend, const struct backend_push_spec *spec,
        const struct backend_call *call, struct error **err)
{
    return engine_of(backend)->ops->image_push(engine_of(backend), spec, call, err);
}

static int remove_image(struct backend *backend, const char *image, const struct backend_call *call,
        struct error **err)
{
    return engine_of(backend)->ops->image_remove(engine_of(backend), image, call, err);
}

static int create_network(struct backend *backend, const struct backend_network_spec *spec,
        const struct backend_call *call, struct error **err)
{
    return engine_of(backend)->ops->network_create(engine_of(backend), spec, call, err);
}

static int remove_network(struct backend *backend, const char *name,
        const struct backend_call *call, struct error **err)
{
    return engine_of(backend)->ops->network_remove(engine_of(backend), name, call, err);
}

static int create_volume(struct backend *backend, const struct backend_volume_spec *spec,
        const struct backend_call *call, struct error **err)
{
    return engine_of(backend)->ops->volume_create(engine_of(backend), spec, call, err);
}

static int remove_volume(struct backend *backend, const char *name, const struct backend_call *call,
        struct error **err)
{
    return engine_of(backend)->ops->volume_remove(engine_of(backend), name, call, err);
}

static int create_container(struct backend *backend, const struct backend_container_spec *spec,
        const struct backend_call *call, char **ret_id, struct error **err)
{
    return engine_of(backend)->ops->container_create(engine_of(backend), spec, call, ret_id, err);
}

static int pause_container(struct backend *backend, const char *id, const struct backend_call *call,
        struct error **err)
{
    return engine_of(backend)->ops->container_pause(engine_of(backend), id, call, err);
}

static int unpause_container(struct backend *backend, const char *id,
        const struct backend_call *call, struct error **err)
{
    return engine_of(backend)->ops->container_unpause(engine_of(backend), id, call, err);
}

static int rename_container(struct backend *backend, const char *id, const char *name,
        const struct backend_call *call, struct error **err)
{
    return engine_of(backend)->ops->container_rename(engine_of(backend), id, name, call, err);
}

static const struct backend_ops owner_backend_ops = {
    .name = "systemd",
    .capabilities = BACKEND_CAN_BUILD | BACKEND_CAN_PAUSE | BACKEND_CAN_HOOKS,
    .open_worker = open_worker,
    .close = close_backend,
    .observe = observe,
    .container_examine = examine_container,
    .project_store = store_project,
    .project_forget = forget_project,
    .image_pull = pull,
    .image_build = build,
    .image_push = push,
    .image_remove = remove_image,
    .network_create = create_network,
    .network_remove = remove_network,
    .volume_create = create_volume,
    .volume_remove = remove_volume,
    .container_create = create_container,
    .container_start = start,
    .container_stop = stop,
    .container_restart = restart,
    .container_kill = kill_container,
    .container_pause = pause_container,
    .container_unpause = unpause_container,
    .container_remove = remove_container,
    .container_rename = rename_container,
    .container_wait = wait_container,
    .container_exec = run_hook,
};
