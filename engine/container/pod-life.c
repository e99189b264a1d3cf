/* Starting, stopping and removing pods. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/container/container-internal.h"
#include "engine/container/pod-internal.h"
#include "engine/monitor/control.h"

#define INFRA_LOCK_SUFFIX ".infra"
#define START_LOCK_SUFFIX ".start"
#define IDLE_ATTEMPTS 3

/* ---- In the life of one container ---- */

/* Told to end because no member was left, and still at it. */
static int is_ending(struct engine *engine, const char *infra_id, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT 1 FROM containers WHERE id = ? AND status = 'running'"
            " AND desired = '" CONTAINER_DESIRED_STOPPED "'",
            "t", infra_id);

    return r < 0 ? r : stmt_step(stmt, err);
}

/* The service manager that started this command is one container's, at most: the others have nobody to tell. */
static int start_telling(
        struct engine *engine, const char *id, const char *socket, struct error **err)
{
    const char *own = engine->options.notify_socket;

    engine->options.notify_socket = socket;
    int r = container_start(engine, id, NULL, err);
    engine->options.notify_socket = own;
    return r;
}

static int start_untold(struct engine *engine, const char *id, struct error **err)
{
    return start_telling(engine, id, NULL, err);
}

/* RUN/locks/POD.infra: of several members that begin while the infra container ends, one waits for its end and starts it
 * again; the others must not stop that one. Taken after a member's lock or the pod's, before the infra container's. */
static int lock_infra_start(struct engine *engine, const char *pod_id, struct error **err)
{
    char name[CONTAINER_ID_HEX + sizeof(INFRA_LOCK_SUFFIX)];

    snprintf(name, sizeof(name), "%s" INFRA_LOCK_SUFFIX, pod_id);
    return engine_lock(engine, name, true, err);
}

/* RUN/locks/POD.start: one start at a time, for as long as it takes: it lets go of the pod's lock while it waits for a
 * container that runs first, so that the pod can be stopped and removed meanwhile. Taken before the pod's lock. */
static int lock_start(struct engine *engine, const char *pod_id, struct error **err)
{
    char name[CONTAINER_ID_HEX + sizeof(START_LOCK_SUFFIX)];

    snprintf(name, sizeof(name), "%s" START_LOCK_SUFFIX, pod_id);
    return engine_lock_unless_cancelled(engine, name, err);
}

static void remove_locks(struct engine *engine, const char *pod_id)
{
    static const char *const suffixes[] = { INFRA_LOCK_SUFFIX, START_LOCK_SUFFIX };
    char name[CONTAINER_ID_HEX + sizeof(INFRA_LOCK_SUFFIX)];

    _Static_assert(sizeof(INFRA_LOCK_SUFFIX) == sizeof(START_LOCK_SUFFIX), "room for either");
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        snprintf(name, sizeof(name), "%s%s", pod_id, suffixes[i]);
        engine_lock_remove(engine, name);
    }
    engine_lock_remove(engine, pod_id);
}

/* With a service (NULL: none) the container becomes its, unless it runs already. */
static int start_infra(struct engine *engine, const char *pod_id, const char *id,
        const struct container_service *service, struct error **err)
{
    auto_close int lock = lock_infra_start(engine, pod_id, err);
    int r = lock < 0 ? lock : is_ending(engine, id, err);

    if (r > 0)
        r = container_stop(engine, id, CONTAINER_STOP_TIMEOUT_UNSET, NULL, err);
    if (r < 0 || !service)
        return r < 0 ? r : start_untold(engine, id, err);
    if (!container_row_is_running(engine, id))
        r = container_set_service(engine, id, service, err);
    return r < 0 ? r : container_start(engine, id, NULL, err);
}

int pod_ensure_infra(struct engine *engine, const struct container *c, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct pod *pod = NULL;

    if (!c->pod_id || c->is_infra)
        return 0;
    int r = pod_get(engine, &arena, c->pod_id, &pod, err);
    if (r < 0 || !pod->infra_id)
        return r;
    r = start_infra(engine, pod->id, pod->infra_id, NULL, err);
    return r < 0 ? error_wrap(err, r, "cannot start the infra container of pod %s", pod->name) : 0;
}

/* In one statement, so that a member which is made meanwhile either keeps the pod up or sees that it ends
 * (pod_ensure_infra). One that was made and not started yet counts: it is about to. */
static const char *mark_idle_infra(
        struct engine *engine, struct arena *arena, const char *pod_id, const char *ended)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, NULL,
            "UPDATE containers SET desired = '" CONTAINER_DESIRED_STOPPED
            "' WHERE status = 'running'"
            " AND id = (SELECT infra_id FROM pods WHERE id = ?1 AND infra_id <> ?2"
            "  AND json_extract(config, '$.exit_policy') = 'stop' AND NOT EXISTS"
            "  (SELECT 1 FROM containers m WHERE m.pod_id = ?1 AND m.id <> infra_id AND"
            "   (m.status IN ('created', 'running')"
            "    OR m.desired = '" CONTAINER_DESIRED_RESTARTING "'))) RETURNING id",
            "tt", pod_id, ended);

    return r >= 0 && stmt_step(stmt, NULL) > 0 ? arena_strdup(arena, stmt_text(stmt, 0)) : NULL;
}

/* The connection comes first: to the run that is idle, not to the one that a member which begins has started after it. */
static bool stop_idle_infra(
        struct engine *engine, const char *pod_id, const char *infra_id, const char *ended)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(control_close_p) struct control *control = NULL;

    if (container_connect(engine, infra_id, &control, NULL) < 0 || !control ||
            !mark_idle_infra(engine, &arena, pod_id, ended))
        return true;
    fault_point("pod.ended");
    return control_begin_stop(control, 0, CONTROL_TIMEOUT_DEFAULT, NULL) >= 0;
}

void pod_container_ended(struct engine *engine, const char *pod_id, const char *id)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct pod *pod = NULL;

    if (!pod_id || pod_lookup(engine, &arena, pod_id, &pod, NULL) < 0 || !pod || !pod->infra_id ||
            pod->config.exit_policy != POD_EXIT_STOP || strcmp(pod->infra_id, id) == 0)
        return;
    /* A run that had ended by itself may have been followed by another, which is idle as well. */
    for (int i = 0; i < IDLE_ATTEMPTS; i++)
        if (stop_idle_infra(engine, pod_id, pod->infra_id, id))
            return;
}

/* ---- All of them ---- */

/* The pod's lock, and the pod as it is once that is held. */
static int begin(struct engine *engine, struct arena *arena, const char *reference,
        struct pod **ret, int *ret_lock, struct error **err)
{
    auto_close int lock = -EBADF;
    struct pod *pod = NULL;
    int r = pod_get(engine, arena, reference, &pod, err);

    if (r < 0)
        return r;
    const char *id = pod->id;
    lock = engine_lock_unless_cancelled(engine, id, err);
    if (lock < 0)
        return lock;
    r = pod_get(engine, arena, id, ret, err);
    if (r == -ENOENT)
        engine_lock_remove(engine, id); /* removed while we waited */
    if (r < 0)
        return r;
    *ret_lock = TAKE_FD(lock);
    return 0;
}

/* Keeps the first failure. */
static int note(int r, int first, struct error *failure, struct error **err)
{
    if (r >= 0 || first < 0) {
        error_free(failure);
        return first;
    }
    return error_move(err, failure);
}

static int told(struct engine *engine, const struct pod *pod, const char *action)
{
    pod_event(engine, pod, action);
    return 0;
}

typedef int (*each_fn)(
        struct engine *engine, const struct container *c, const void *userdata, struct error **err);

/* Members in their order, the infra container before or after them. */
static int for_each(struct engine *engine, const struct pod *pod, bool infra_first, each_fn fn,
        const void *userdata, struct error **err)
{
    int first = 0;

    for (int pass = 0; pass < 2; pass++)
        ARRAY_FOREACH(&pod->containers, item) {
            struct error *failure = NULL;

            if ((*item)->is_infra != ((pass == 0) == infra_first))
                continue;
            int r = fn(engine, *item, userdata, &failure);
            first = note(r, first, failure, err);
        }
    return first;
}

static int start_member(
        struct engine *engine, const struct container *c, const void *userdata, struct error **err)
{
    const struct pod_start_options *options = userdata;

    if (c->is_infra || c->config.pod_init)
        return 0;
    return start_telling(engine, c->id, c->config.notify ? options->members_socket : NULL, err);
}

static bool has_running_member(const struct pod *pod)
{
    ARRAY_FOREACH(&pod->containers, item)
        if (!(*item)->is_infra && container_is_running(*item))
            return true;
    return false;
}

/* A pod that is being started: what its locks guard, and the pod as it was when its lock was last taken. */
struct starting {
    struct engine *engine;
    struct arena *arena;
    struct pod *pod;
    int start_lock, lock;
};
#define STARTING_INIT(engine_, arena_)                                               \
    {                                                                                \
        .engine = (engine_), .arena = (arena_), .start_lock = -EBADF, .lock = -EBADF \
    }

static void starting_release(struct starting *s)
{
    s->lock = fd_close(s->lock);
    s->start_lock = fd_close(s->start_lock);
}

static int begin_start(struct starting *s, const char *reference, struct error **err)
{
    struct pod *pod = NULL;
    int r = pod_get(s->engine, s->arena, reference, &pod, err);

    if (r >= 0)
        r = s->start_lock = lock_start(s->engine, pod->id, err);
    if (r < 0)
        return r;
    r = begin(s->engine, s->arena, pod->id, &s->pod, &s->lock, err);
    if (r == -ENOENT)
        remove_locks(s->engine, pod->id);
    return r;
}

/* Somebody told it to stop, and with it the pod. */
static int was_stopped(struct engine *engine, const char *id, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT 1 FROM containers WHERE id = ? AND desired = '" CONTAINER_DESIRED_STOPPED "'",
            "t", id);

    return r < 0 ? r : stmt_step(stmt, err);
}

/* Without the pod's lock, which whoever stops the pod needs. */
static int await_first(
        struct starting *s, const struct container *c, int *ret_exit_code, struct error **err)
{
    const char *pod_id = s->pod->id;

    s->lock = fd_close(s->lock);
    int r = container_wait(
            s->engine, c->id, CONTAINER_WAIT_NOT_RUNNING, TIMEOUT_NEVER, ret_exit_code, err);
    if (r >= 0)
        r = begin(s->engine, s->arena, pod_id, &s->pod, &s->lock, err);
    if (r >= 0)
        r = was_stopped(s->engine, c->id, err);
    return r <= 0 ? r
                  : error_set_plain(err, ECANCELED, NULL,
                            "pod %s is not started: init container %s was stopped", s->pod->name,
                            c->name);
}

/* To its end, which has to be a good one. */
static int run_first(struct starting *s, const struct container *c, struct error **err)
{
    int exit_code = 0;
    int r = start_untold(s->engine, c->id, err);

    if (r >= 0)
        r = await_first(s, c, &exit_code, err);
    if (r < 0)
        return r;
    if (exit_code)
        return error_set_plain(
                err, ECHILD, NULL, "init container %s exited with code %d", c->name, exit_code);
    fault_point("pod.start.first");
    if (strcmp(c->config.pod_init, POD_INIT_ONCE) != 0)
        return 0;
    r = container_remove_in(s->engine, c->id,
            &(struct container_remove_options){ .force = true, .volumes = true }, err);
    return r == -ENOENT ? 0 : r;
}

static const struct pod_start_options no_options = { 0 };

static int start_all(
        struct starting *s, const struct pod_start_options *options, struct error **err)
{
    const struct pod *pod = s->pod; /* s->pod is read anew after each that runs first */
    const struct container *infra = pod_infra(pod);
    int r = infra ? start_infra(s->engine, pod->id, infra->id, options->service, err) : 0;
    bool runs = has_running_member(pod);

    for (size_t i = 0; i < pod->containers.len && r >= 0 && !runs; i++)
        if (pod->containers.items[i]->config.pod_init)
            r = run_first(s, pod->containers.items[i], err);
    return r < 0 ? r : for_each(s->engine, s->pod, true, start_member, options, err);
}

int pod_start(struct engine *engine, const char *reference, const struct pod_start_options *options,
        struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(starting_release) struct starting s = STARTING_INIT(engine, &arena);
    int r = begin_start(&s, reference, err);

    if (r >= 0)
        r = start_all(&s, options ? options : &no_options, err);
    return r < 0 ? r : told(engine, s.pod, "start");
}

static int tell_to_stop(
        struct engine *engine, const char *id, int64_t timeout_sec, struct error **err)
{
    auto_error struct error *failure = NULL;
    int r = container_begin_stop(engine, id, timeout_sec, &failure);

    fault_point("pod.stop.telling");
    /* --rm has removed it, also while the others were told */
    return r < 0 && r != -ENOENT ? error_move(err, TAKE(failure)) : 0;
}

static int await_stop(struct engine *engine, const char *id, struct error **err)
{
    auto_error struct error *failure = NULL;
    int exit_code;
    int r = container_wait(
            engine, id, CONTAINER_WAIT_NOT_RUNNING, TIMEOUT_NEVER, &exit_code, &failure);

    return r < 0 && r != -ENOENT ? error_move(err, TAKE(failure)) : 0;
}

/* Each is told to stop before any is waited for: the pod takes as long as its slowest. */
static int stop_all(
        struct engine *engine, const struct pod *pod, int64_t timeout_sec, struct error **err)
{
    const struct container *infra = pod_infra(pod);
    auto_free bool *told = mem_alloc((pod->containers.len + 1) * sizeof(*told));
    int first = 0;

    for (size_t i = 0; i < pod->containers.len; i++) {
        const struct container *c = pod->containers.items[i];
        struct error *failure = NULL;

        if (c->is_infra)
            continue;
        int r = tell_to_stop(engine, c->id, timeout_sec, &failure);
        told[i] = r >= 0;
        first = note(r, first, failure, err);
    }
    fault_point("pod.stop.told");
    for (size_t i = 0; i < pod->containers.len; i++) {
        const struct container *c = pod->containers.items[i];
        struct error *failure = NULL;

        /* Who does not know that it is to stop goes on for ever. */
        if (c->is_infra || !told[i])
            continue;
        int r = await_stop(engine, c->id, &failure);
        first = note(r, first, failure, err);
    }
    fault_point("pod.stop.members");
    if (infra) {
        struct error *failure = NULL;
        int r = container_stop(engine, infra->id, timeout_sec, NULL, &failure);

        first = note(r, first, failure, err);
    }
    return first;
}

int pod_stop(struct engine *engine, const char *reference, int64_t timeout_sec, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int lock = -EBADF;
    struct pod *pod = NULL;
    int r = begin(engine, &arena, reference, &pod, &lock, err);

    if (r >= 0)
        r = stop_all(engine, pod, timeout_sec, err);
    return r < 0 ? r : told(engine, pod, "stop");
}

/* Stopped first, which ends a start that waits; then without those that --rm has removed. */
int pod_restart(struct engine *engine, const char *reference, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(starting_release) struct starting s = STARTING_INIT(engine, &arena);
    struct pod *pod = NULL;
    int r = begin(engine, &arena, reference, &pod, &s.lock, err);

    if (r >= 0)
        r = stop_all(engine, pod, CONTAINER_STOP_TIMEOUT_UNSET, err);
    s.lock = fd_close(s.lock);
    if (r >= 0)
        r = begin_start(&s, pod->id, err);
    if (r >= 0)
        r = start_all(&s, &no_options, err);
    return r < 0 ? r : told(engine, s.pod, "restart");
}

static int kill_one(
        struct engine *engine, const struct container *c, const void *userdata, struct error **err)
{
    return container_is_running(c) ? container_kill(engine, c->id, userdata, err) : 0;
}

int pod_kill(struct engine *engine, const char *reference, const char *signal, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct pod *pod = NULL;
    int r = pod_get(engine, &arena, reference, &pod, err);

    if (r >= 0)
        r = for_each(engine, pod, false, kill_one, signal, err);
    return r < 0 ? r : told(engine, pod, "kill");
}

static int pause_one(
        struct engine *engine, const struct container *c, const void *userdata, struct error **err)
{
    (void)userdata;
    return c->state.status == CONTAINER_RUNNING ? container_pause(engine, c->id, err) : 0;
}

static int unpause_one(
        struct engine *engine, const struct container *c, const void *userdata, struct error **err)
{
    (void)userdata;
    return c->state.status == CONTAINER_PAUSED ? container_unpause(engine, c->id, err) : 0;
}

int pod_pause(struct engine *engine, const char *reference, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int lock = -EBADF;
    struct pod *pod = NULL;
    int r = begin(engine, &arena, reference, &pod, &lock, err);

    if (r >= 0)
        r = for_each(engine, pod, false, pause_one, NULL, err);
    return r < 0 ? r : told(engine, pod, "pause");
}

int pod_unpause(struct engine *engine, const char *reference, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int lock = -EBADF;
    struct pod *pod = NULL;
    int r = begin(engine, &arena, reference, &pod, &lock, err);

    if (r >= 0)
        r = for_each(engine, pod, true, unpause_one, NULL, err);
    return r < 0 ? r : told(engine, pod, "unpause");
}

/* ---- Removing ---- */

static int check_removable(const struct pod *pod, struct error **err)
{
    ARRAY_FOREACH(&pod->containers, item)
        if (container_is_running(*item) && !((*item)->is_infra && pod->containers.len == 1))
            return error_set_plain(err, EBUSY, NULL,
                    "not all containers could be removed from pod %s: container %s is running: "
                    "stop the pod before removing or force remove",
                    pod->id, (*item)->name);
    return 0;
}

static int remove_one(
        struct engine *engine, const struct container *c, const void *userdata, struct error **err)
{
    (void)userdata;
    int r = container_remove_in(engine, c->id,
            &(struct container_remove_options){ .force = true, .volumes = true }, err);

    return r == -ENOENT ? 0 : r; /* --rm has removed it */
}

int pod_remove(struct engine *engine, const char *reference,
        const struct pod_remove_options *options, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int lock = -EBADF;
    struct pod *pod = NULL;
    int r = begin(engine, &arena, reference, &pod, &lock, err);

    if (r >= 0 && !options->force)
        r = check_removable(pod, err);
    if (r >= 0)
        r = stop_all(engine, pod, options->timeout_sec, err);
    if (r < 0)
        return r;
    fault_point("pod.remove.stopped");
    /* The infra container last, and the pod's row with it. */
    r = for_each(engine, pod, false, remove_one, NULL, err);
    if (r >= 0 && !pod->infra_id)
        r = db_exec(engine->db, err, "DELETE FROM pods WHERE id = ?", "t", pod->id);
    if (r < 0)
        return error_wrap(err, r, "cannot remove pod %s", pod->name);
    remove_locks(engine, pod->id);
    return told(engine, pod, "remove");
}
