#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fdio.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/container/container-internal.h"
#include "engine/monitor/control.h"

#define KILL_WAIT_USEC (10 * USEC_PER_SEC)

/* ---- Connections ---- */

int container_connect(
        struct engine *engine, const char *id, struct control **ret, struct error **err)
{
    auto_close int dir_fd = container_open_run_dir(engine, id, false, err);

    *ret = NULL;
    if (dir_fd == -ENOENT)
        return 0;
    if (dir_fd < 0)
        return dir_fd;
    return control_open(dir_fd, ret, err);
}

/* The connection went because the container has just ended: as good as none. */
static bool is_ended(int r)
{
    return r == -ESRCH || r == -EPIPE || r == -ECONNRESET || r == -ENOTCONN;
}

static int parse_signal_name(const char *name, int *ret, struct error **err)
{
    if (parse_signal(str_from(name), ret) < 0)
        return error_set_plain(err, EINVAL, NULL, "Invalid signal: %s", name);
    return 0;
}

static int64_t timeout_usec(int64_t timeout_sec)
{
    if (timeout_sec == CONTAINER_STOP_TIMEOUT_UNSET)
        return CONTROL_TIMEOUT_DEFAULT;
    if (timeout_sec < 0 || timeout_sec > INT64_MAX / USEC_PER_SEC)
        return TIMEOUT_NEVER;
    return timeout_sec * USEC_PER_SEC;
}

/* ---- Waiting for the monitor ---- */

/* Waits until the connection has something, the deadline passes (-ETIMEDOUT) or the caller of the engine
 * cancels (-ECANCELED). */
static int await_message(
        struct engine *engine, struct control *control, int64_t deadline_usec, struct error **err)
{
    const struct engine_options *options = &engine->options;
    struct pollfd fds[] = {
        { .fd = control_fd(control), .events = POLLIN },
        { .fd = options->cancel && options->cancel_fd > 0 ? options->cancel_fd : -1,
                .events = POLLIN },
    };

    for (;;) {
        int64_t left = deadline_usec == TIMEOUT_NEVER ? -1 : deadline_usec - time_monotonic_usec();
        struct timespec timeout = { left / USEC_PER_SEC, left % USEC_PER_SEC * NSEC_PER_USEC };

        if (options->cancel && atomic_load(options->cancel))
            return error_set_plain(
                    err, ECANCELED, NULL, "interrupted while waiting for a container");
        if (left < 0 && deadline_usec != TIMEOUT_NEVER)
            return -ETIMEDOUT;
        int r = ppoll(fds, ARRAY_LEN(fds), deadline_usec == TIMEOUT_NEVER ? NULL : &timeout, NULL);
        if (r < 0 && errno != EINTR)
            return error_set(err, errno, NULL, "cannot wait for the container's monitor");
        if (r == 0)
            return -ETIMEDOUT;
        if (r > 0 && fds[0].revents)
            return 0;
    }
}

/* What state a "state" event tells. */
static int event_state(struct arena *arena, const struct control_event *event,
        struct monitor_state **ret, struct error **err)
{
    return monitor_state_parse(arena, event->data, event->len, ret, err);
}

/* Follows the monitor's states until `is_done` says so (1), the monitor is gone (0), or the deadline
 * passes (-ETIMEDOUT). */
static int follow(struct engine *engine, struct control *control, int64_t deadline_usec,
        bool (*is_done)(const struct monitor_state *state, void *userdata), void *userdata,
        struct error **err)
{
    int r = control_subscribe(control, err);

    if (is_ended(r))
        return 0;
    while (r >= 0) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        struct control_event event = { 0 };
        struct monitor_state *state = NULL;

        r = control_receive(control, false, &event, err);
        if (is_ended(r))
            return 0;
        if (r < 0)
            return r;
        if (event.kind == CONTROL_EVENT_CLOSED)
            return 0;
        if (event.kind == CONTROL_EVENT_STATE) {
            r = event_state(&arena, &event, &state, err);
            if (r >= 0 && is_done(state, userdata))
                return 1;
        } else if (event.kind == CONTROL_EVENT_NONE) {
            r = await_message(engine, control, deadline_usec, err);
        }
    }
    return r;
}

struct waiting {
    int exit_code;
};

static bool is_exited(const struct monitor_state *state, void *userdata)
{
    struct waiting *waiting = userdata;

    if (state->status != MONITOR_EXITED)
        return false;
    waiting->exit_code = state->exit_code;
    return true;
}

/* ---- Stopping ---- */

/* Ends the run of a container whose lock is held; 1, or 0 when there was none. */
static int stop_locked(struct engine *engine, const struct container *c, int signo,
        int64_t wait_usec, struct error **err)
{
    auto_(control_close_p) struct control *control = NULL;
    auto_error struct error *cause = NULL;

    if (!container_row_is_running(engine, c->id))
        return 0;
    int r = container_connect(engine, c->id, &control, err);
    if (r < 0)
        return r;
    if (control) {
        struct waiting waiting = { 0 };

        r = control_begin_stop(control, signo, wait_usec, &cause);
        if (r >= 0)
            r = follow(engine, control, TIMEOUT_NEVER, is_exited, &waiting, &cause);
        if (r < 0 && !is_ended(r))
            return error_move(err, TAKE(cause));
        fault_point("container.stop.stopped");
        r = control_wait_gone(control, TIMEOUT_NEVER, err);
        if (r < 0)
            return r;
    }
    r = container_settle(engine, c->id, err);
    return r < 0 ? r : 1;
}

static int begin_stop(struct engine *engine, struct arena *arena, const char *reference,
        struct container **ret, int *ret_lock, struct error **err)
{
    int r = container_begin(engine, arena, reference, ret, ret_lock, err);

    if (r >= 0)
        r = container_row_set_desired(engine, (*ret)->id, CONTAINER_DESIRED_STOPPED, err);
    return r;
}

int container_stop(struct engine *engine, const char *reference, int64_t timeout_sec,
        const char *signal, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int lock = -EBADF;
    struct container *c = NULL;
    int signo = 0;
    int r = string_is_empty(signal) ? 0 : parse_signal_name(signal, &signo, err);

    if (r >= 0)
        r = begin_stop(engine, &arena, reference, &c, &lock, err);
    if (r < 0)
        return r;
    r = stop_locked(engine, c, signo, timeout_usec(timeout_sec), err);
    if (r < 0)
        return error_wrap(err, r, "cannot stop container: %s", reference);
    if (r > 0)
        container_event(engine, c->id, "stop", NULL, NULL);
    return r;
}

int container_begin_stop(
        struct engine *engine, const char *id, int64_t timeout_sec, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(control_close_p) struct control *control = NULL;
    auto_close int lock = -EBADF;
    struct container *c = NULL;
    int r = begin_stop(engine, &arena, id, &c, &lock, err);

    if (r >= 0 && container_row_is_running(engine, c->id))
        r = container_connect(engine, c->id, &control, err);
    if (r >= 0 && control) {
        auto_error struct error *cause = NULL;

        r = control_begin_stop(control, 0, timeout_usec(timeout_sec), &cause);
        if (is_ended(r))
            return 0;
        if (r >= 0)
            container_event(engine, c->id, "stop", NULL, NULL);
        else
            return error_move(err, TAKE(cause));
    }
    return r < 0 ? r : 0;
}

int container_end_run(struct engine *engine, const struct container *c, struct error **err)
{
    return stop_locked(engine, c, SIGKILL, 0, err);
}

int container_restart(struct engine *engine, const char *reference, int64_t timeout_sec,
        const char *signal, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int lock = -EBADF;
    struct container *c = NULL;
    int exit_code = 0, signo = 0;
    int r = string_is_empty(signal) ? 0 : parse_signal_name(signal, &signo, err);

    if (r >= 0)
        r = container_begin(engine, &arena, reference, &c, &lock, err);
    if (r >= 0)
        r = container_row_set_desired(engine, c->id, CONTAINER_DESIRED_RESTARTING, err);
    if (r >= 0)
        r = stop_locked(engine, c, signo, timeout_usec(timeout_sec), err);
    if (r < 0)
        return r;
    fault_point("container.restart.stopped");
    const char *id = c->id;
    r = container_load(engine, &arena, id, &c, err);
    if (r < 0)
        return r;
    if (!c)
        return container_not_found(reference, err);
    r = container_run(
            engine, c, &(struct container_run_options){ .lock_fd = lock }, NULL, &exit_code, err);
    if (r < 0)
        return error_wrap(err, r, "cannot restart container %s", reference);
    container_event(engine, c->id, "restart", NULL, NULL);
    return 0;
}

/* ---- Signals ---- */

static int not_running(const char *what, const char *reference, const char *id, struct error **err)
{
    return error_set_plain(err, EINVAL, NULL,
            "cannot %s container: %s: container %s is not running", what, reference, id);
}

static bool is_stop_signal(const struct container *c, int signo)
{
    int own = SIGTERM;

    if (!string_is_empty(c->config.stop_signal))
        (void)parse_signal(str_from(c->config.stop_signal), &own);
    return signo == SIGKILL || signo == own;
}

/* Without the container's lock: a stop that waits for its grace period must not hold a kill up. */
int container_kill(
        struct engine *engine, const char *reference, const char *signal, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(control_close_p) struct control *control = NULL;
    struct container *c = NULL;
    int signo = SIGKILL;
    int r = string_is_empty(signal) ? 0 : parse_signal_name(signal, &signo, err);

    if (r >= 0)
        r = container_get(engine, &arena, reference, &c, err);
    if (r >= 0)
        r = container_connect(engine, c->id, &control, err);
    if (r < 0)
        return r;
    if (!container_is_running(c) || !control)
        return not_running("kill", reference, c->id, err);
    if (is_stop_signal(c, signo)) {
        r = container_row_set_desired(engine, c->id, CONTAINER_DESIRED_STOPPED, err);
        if (r < 0)
            return r;
    }
    r = control_kill(control, signo, err);
    if (is_ended(r))
        return not_running("kill", reference, c->id, err);
    /* Docker's KILL returns once the container is over, so that rm may follow; one that its policy starts
     * again never is. */
    if (r >= 0 && signo == SIGKILL && c->config.restart == CONTAINER_RESTART_NO) {
        int exit_code;

        (void)container_wait(engine, c->id, CONTAINER_WAIT_NOT_RUNNING,
                time_monotonic_usec() + KILL_WAIT_USEC, &exit_code, NULL);
    }
    return r;
}

int container_pause(struct engine *engine, const char *reference, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(control_close_p) struct control *control = NULL;
    struct container *c = NULL;
    auto_close int lock = -EBADF;
    int r = container_begin(engine, &arena, reference, &c, &lock, err);

    if (r >= 0)
        r = container_connect(engine, c->id, &control, err);
    if (r < 0)
        return r;
    if (c->state.status == CONTAINER_PAUSED)
        return error_set_plain(err, EINVAL, NULL, "Container %s is already paused", c->id);
    if (c->state.status != CONTAINER_RUNNING || !control)
        return error_set_plain(err, EINVAL, NULL, "Container %s is not running", c->id);
    return control_pause(control, err);
}

int container_unpause(struct engine *engine, const char *reference, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(control_close_p) struct control *control = NULL;
    struct container *c = NULL;
    auto_close int lock = -EBADF;
    int r = container_begin(engine, &arena, reference, &c, &lock, err);

    if (r >= 0)
        r = container_connect(engine, c->id, &control, err);
    if (r < 0)
        return r;
    if (c->state.status != CONTAINER_PAUSED || !control)
        return error_set_plain(err, EINVAL, NULL, "Container %s is not paused", c->id);
    return control_unpause(control, err);
}

/* ---- Waiting ---- */

static int timed_out(const char *reference, struct error **err)
{
    return error_set_plain(
            err, ETIMEDOUT, NULL, "timeout while waiting for container %s", reference);
}

/* Whoever ended it has started it again before we got the lock: a run that has an owner for as long as it lasts, and
 * is not to be waited for with the lock held. */
static bool runs(struct engine *engine, const char *id)
{
    auto_(control_close_p) struct control *again = NULL;

    return container_connect(engine, id, &again, NULL) >= 0 && again;
}

int container_wait(struct engine *engine, const char *reference,
        enum container_wait_condition condition, int64_t deadline_usec, int *ret_exit_code,
        struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(control_close_p) struct control *control = NULL;
    struct waiting waiting = { 0 };
    struct container *c = NULL;
    const char *id;
    int r = container_get(engine, &arena, reference, &c, err);

    if (r < 0)
        return r;
    id = c->id;
    waiting.exit_code = c->state.exit_code;
    if (container_row_is_running(engine, id)) {
        r = container_connect(engine, id, &control, err);
        if (r < 0)
            return r;
    }
    if (control) {
        r = follow(engine, control, deadline_usec, is_exited, &waiting, err);
        if (r >= 0)
            r = control_wait_gone(control, deadline_usec, err) ? 0 : -ETIMEDOUT;
        if (r == -ETIMEDOUT)
            return timed_out(reference, err);
        if (r < 0)
            return r;
    }
    /* The end of one whose owner died is noticed here. */
    auto_close int lock = container_lock(engine, id, NULL, err);
    if (lock < 0)
        return lock;
    if (container_row_is_running(engine, id) && !(control && runs(engine, id))) {
        r = container_settle(engine, id, err);
        if (r < 0)
            return r;
    }
    r = container_load(engine, &arena, id, &c, err);
    if (r < 0)
        return r;
    if (c && condition == CONTAINER_WAIT_REMOVED)
        return error_set_plain(
                err, EINVAL, NULL, "container %s ended but is not removed", reference);
    *ret_exit_code = c && !container_is_running(c) ? c->state.exit_code : waiting.exit_code;
    return 0;
}

/* ---- Health ---- */

static bool is_healthy_or_not(const struct monitor_state *state, void *userdata)
{
    int *outcome = userdata;

    if (state->status == MONITOR_EXITED || state->status == MONITOR_RESTARTING)
        *outcome = CONTAINER_HEALTH_ENDED;
    else if (state->health == MONITOR_HEALTH_NONE)
        *outcome = CONTAINER_HEALTH_NO_CHECK;
    else if (state->health == MONITOR_HEALTH_HEALTHY)
        *outcome = CONTAINER_HEALTH_HEALTHY;
    else if (state->health == MONITOR_HEALTH_UNHEALTHY)
        *outcome = CONTAINER_HEALTH_UNHEALTHY;
    else
        return false;
    return true;
}

int container_wait_healthy(
        struct engine *engine, const char *reference, int64_t deadline_usec, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(control_close_p) struct control *control = NULL;
    struct container *c = NULL;
    int outcome = CONTAINER_HEALTH_ENDED;
    int r = container_get(engine, &arena, reference, &c, err);

    if (r >= 0)
        r = container_connect(engine, c->id, &control, err);
    if (r < 0)
        return r;
    if (!control)
        return CONTAINER_HEALTH_ENDED;
    r = follow(engine, control, deadline_usec, is_healthy_or_not, &outcome, err);
    if (r == -ETIMEDOUT)
        return timed_out(reference, err);
    return r < 0 ? r : outcome;
}
