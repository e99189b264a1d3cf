#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/timefmt.h"
#include "engine/container/container-internal.h"
#include "engine/container/relay-output.h"
#include "engine/container/relay.h"
#include "engine/monitor/control.h"

#define EXIT_MONITOR_KILLED 137
#define EXIT_ENGINE_FAILED 125
#define EXIT_FORCED 1

/* How a relay came to its end. */
enum attach_end {
    ATTACH_GOES_ON,
    ATTACH_DETACHED,
    ATTACH_EXITED,     /* for good: exit_code is set */
    ATTACH_RESTARTING, /* this run: exit_code is set, the monitor goes on */
    ATTACH_LOST,       /* the monitor has gone without a word */
};

struct attaching {
    struct control *control;
    struct relay relay;
    struct relay_output out,
            err_out; /* while one is blocked nothing more is taken from the monitor */
    int cancel_fd;
    bool stdin_closed;
    bool hung_up; /* the connection: not to be polled while nothing is taken from it */
    int exit_code;
    enum attach_end end;
};

static bool is_lost(int r)
{
    return r == -EPIPE || r == -ECONNRESET || r == -ENOTCONN || r == -ESRCH;
}

/* ---- One thing at a time ---- */

static int take_state(struct attaching *a, const struct control_event *event, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct monitor_state *state = NULL;
    int r = monitor_state_parse(&arena, event->data, event->len, &state, err);

    if (r < 0)
        return r;
    if (state->status != MONITOR_EXITED && state->status != MONITOR_RESTARTING)
        return 0;
    a->exit_code = state->exit_code;
    a->end = state->status == MONITOR_EXITED ? ATTACH_EXITED : ATTACH_RESTARTING;
    return 0;
}

static bool is_blocked(const struct attaching *a)
{
    return relay_output_is_blocked(&a->out) || relay_output_is_blocked(&a->err_out);
}

/* Everything that the connection holds now and the user's ends take. */
static int take_events(struct attaching *a, struct error **err)
{
    while (a->end == ATTACH_GOES_ON && !is_blocked(a)) {
        struct control_event event = { 0 };
        int r = control_receive(a->control, false, &event, err);

        if (r < 0 && !is_lost(r))
            return r;
        if (r < 0 || event.kind == CONTROL_EVENT_CLOSED) {
            a->end = ATTACH_LOST;
            return 0;
        }
        switch (event.kind) {
        case CONTROL_EVENT_NONE:
            return 0;
        case CONTROL_EVENT_STDOUT:
            relay_output_write(&a->out, event.data, event.len);
            break;
        case CONTROL_EVENT_STDERR:
            relay_output_write(&a->err_out, event.data, event.len);
            break;
        default:
            r = take_state(a, &event, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* Gives the container what was typed, as much as it takes. */
static int send_input(struct attaching *a, struct error **err)
{
    auto_error struct error *cause = NULL;
    ssize_t n = 0;

    while (a->relay.pending_len > 0) {
        n = control_send_stdin(a->control, a->relay.pending, a->relay.pending_len, &cause);
        if (n <= 0)
            break;
        relay_consume(&a->relay, (size_t)n);
    }
    if (n >= 0 && a->relay.pending_len == 0 && a->relay.stdin_done && !a->stdin_closed &&
            a->relay.options->stdin_fd >= 0) {
        n = control_close_stdin(a->control, &cause);
        a->stdin_closed = true;
    }
    if (n >= 0)
        return 0;
    if (!is_lost((int)n))
        return error_move(err, TAKE(cause));
    a->relay.stdin_done = true; /* nobody reads any more; what remains to be said comes as events */
    a->relay.pending_len = 0;
    return 0;
}

static void resize(struct attaching *a)
{
    uint16_t height, width;

    if (relay_window(&a->relay, &height, &width))
        (void)control_resize(a->control, height, width, NULL);
}

static void take_signals(struct attaching *a)
{
    int signo;

    while ((signo = relay_next_signal(&a->relay))) {
        if (signo == SIGWINCH)
            resize(a);
        else
            (void)control_kill(a->control, signo, NULL); /* it may have just ended */
    }
}

static int relay_loop(struct attaching *a, struct error **err)
{
    int r = take_events(a, err);

    while (r >= 0 && a->end == ATTACH_GOES_ON) {
        bool blocked = is_blocked(a);
        short wanted = (short)((blocked ? 0 : POLLIN) | (a->relay.pending_len > 0 ? POLLOUT : 0));
        struct pollfd fds[] = {
            { .fd = blocked && (!wanted || a->hung_up) ? -1 : control_fd(a->control),
                    .events = wanted },
            { .fd = a->relay.signal_fd, .events = POLLIN },
            { .fd = relay_wants_input(&a->relay) ? a->relay.options->stdin_fd : -1,
                    .events = POLLIN },
            { .fd = a->cancel_fd > 0 ? a->cancel_fd : -1, .events = POLLIN },
            { .fd = relay_output_poll_fd(&a->out), .events = POLLOUT },
            { .fd = relay_output_poll_fd(&a->err_out), .events = POLLOUT },
            /* Who has asked for the end does not wait for readers once it has come. */
            { .fd = blocked && relay_is_to_end(&a->relay) ? control_monitor_fd(a->control) : -1,
                    .events = POLLIN },
        };

        if (poll(fds, ARRAY_LEN(fds), -1) < 0) {
            if (errno == EINTR)
                continue;
            return error_set(err, errno, NULL, "cannot wait for the container");
        }
        if (fds[1].revents)
            take_signals(a);
        if (fds[2].revents)
            r = relay_read_input(&a->relay, err);
        if (fds[3].revents) {
            (void)control_kill(a->control, SIGKILL, NULL); /* it may have just ended */
            a->cancel_fd = -EBADF;
        }
        a->hung_up |= (fds[0].revents & (POLLHUP | POLLERR)) != 0;
        if (fds[4].revents)
            relay_output_flush(&a->out);
        if (fds[5].revents)
            relay_output_flush(&a->err_out);
        if (fds[6].revents) {
            relay_output_drop(&a->out);
            relay_output_drop(&a->err_out);
        }
        if (r >= 0)
            r = relay_check_patience(&a->relay, err);
        if (r >= 0)
            r = send_input(a, err);
        if (r >= 0 && a->relay.detached)
            a->end = ATTACH_DETACHED;
        /* Answers to requests bring events along, so look even when poll saw nothing. */
        if (r >= 0 && a->end == ATTACH_GOES_ON)
            r = take_events(a, err);
    }
    return r;
}

static int relay_container(struct control *control, const struct container *c,
        const struct container_attach_options *options, struct attaching *a, struct error **err)
{
    *a = (struct attaching){
        .control = control,
        .cancel_fd = options->cancel_fd,
    };
    relay_output_init(&a->out, options->stdout_fd);
    relay_output_init(&a->err_out, options->stderr_fd);
    int r = relay_begin(&a->relay, options, c->config.tty, c->config.tty, err);

    if (r >= 0) {
        resize(a);
        r = relay_loop(a, err);
    }
    relay_end(&a->relay);
    relay_output_release(&a->out);
    relay_output_release(&a->err_out);
    return r;
}

/* The exit code of a container whose monitor was killed, after the run was made final. */
static int lost_exit_code(struct engine *engine, const char *id)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int lock = container_lock(engine, id, NULL, NULL);
    struct container *c = NULL;

    if (lock < 0 || container_settle(engine, id, NULL) < 0 ||
            container_load(engine, &arena, id, &c, NULL) < 0 || !c)
        return EXIT_MONITOR_KILLED;
    return c->state.exit_code;
}

static unsigned attach_streams(
        const struct container *c, const struct container_attach_options *options)
{
    unsigned attach = 0;

    if (options->stdin_fd >= 0 && c->config.open_stdin)
        attach |= CONTROL_ATTACH_STDIN;
    if (options->stdout_fd >= 0)
        attach |= CONTROL_ATTACH_STDOUT;
    if (options->stderr_fd >= 0)
        attach |= CONTROL_ATTACH_STDERR;
    return attach;
}

/* Standard input that the container does not take is not read either. */
static struct container_attach_options usable_streams(
        const struct container *c, const struct container_attach_options *options)
{
    struct container_attach_options usable = *options;

    if (!c->config.open_stdin)
        usable.stdin_fd = -EBADF;
    return usable;
}

int container_attach(struct engine *engine, const char *reference,
        const struct container_attach_options *options, struct container_attach_result *ret,
        struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(control_close_p) struct control *control = NULL;
    struct container_attach_options usable;
    struct container *c = NULL;
    struct attaching a;
    int r = container_get(engine, &arena, reference, &c, err);

    if (r >= 0)
        r = container_connect(engine, c->id, &control, err);
    if (r < 0)
        return r;
    if (!control)
        return error_set_plain(
                err, EINVAL, NULL, "cannot attach to a stopped container, start it first");
    r = control_attach(control, attach_streams(c, options), err);
    if (r >= 0)
        r = control_subscribe(control, err);
    if (r < 0)
        return r;
    usable = usable_streams(c, options);
    r = relay_container(control, c, &usable, &a, err);
    if (r >= 0 && a.end == ATTACH_EXITED)
        r = control_wait_gone(control, TIMEOUT_NEVER, err);
    if (r < 0)
        return r;
    *ret = (struct container_attach_result){
        .exit_code = a.end == ATTACH_LOST ? lost_exit_code(engine, c->id) : a.exit_code,
        .detached = a.end == ATTACH_DETACHED,
    };
    return 0;
}

/* The monitor keeps the run's lock for us until control_finish; if we fail or die it does it all itself. So it
 * does with a network that nobody uses any more, which is not waited for: it hears of that by our
 * connection's end. If nobody took our output for too long it has not waited for us and does it already. */
static int finish_ourselves(
        struct engine *engine, struct control *control, const char *id, struct error **err)
{
    if (is_lost(control_own_teardown(control, NULL))) {
        int gone = control_wait_gone(control, TIMEOUT_NEVER, err);

        return gone < 0 ? gone : 0;
    }
    auto_close int dir_fd = container_open_run_dir(engine, id, false, err);
    bool network_is_left = false;
    int r = dir_fd == -ENOENT ? 0 : dir_fd;

    fault_point("container.attached.exited");
    if (r >= 0)
        r = container_finish_run(engine, id, dir_fd, &network_is_left, err);
    if (r < 0 || network_is_left)
        return r;
    (void)control_finish(control, NULL);
    r = control_wait_gone(control, TIMEOUT_NEVER, err);
    return r < 0 ? r : 0;
}

int container_start_attached(struct engine *engine, const char *reference,
        const struct container_attach_options *options, struct container_attach_result *ret,
        struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(control_close_p) struct control *control = NULL;
    auto_close int lock = -EBADF;
    struct container_attach_options usable;
    struct container_run_options run = { .own_teardown = true };
    struct container *c = NULL;
    struct relay window = { .options = options };
    struct attaching a;

    ret->exit_code = EXIT_ENGINE_FAILED;
    int r = container_begin(engine, &arena, reference, &c, &lock, err);
    if (r < 0)
        return r;
    if (container_row_is_running(engine, c->id)) {
        lock = fd_close(lock);
        return container_attach(engine, c->id, options, ret, err);
    }
    run.lock_fd = lock;
    run.attach = attach_streams(c, options);
    window.tty = c->config.tty;
    (void)relay_window(&window, &run.console_height, &run.console_width);
    r = container_run(engine, c, &run, &control, &ret->exit_code, err);
    if (r < 0)
        return r;
    lock = fd_close(lock); /* others may stop it from now on */

    usable = usable_streams(c, options);
    r = relay_container(control, c, &usable, &a, err);
    if (r == -EINTR)
        ret->exit_code = EXIT_FORCED;
    if (r >= 0 && a.end == ATTACH_EXITED)
        r = finish_ourselves(engine, control, c->id, err);
    if (r < 0)
        return r;
    *ret = (struct container_attach_result){
        .exit_code = a.end == ATTACH_LOST ? lost_exit_code(engine, c->id) : a.exit_code,
        .detached = a.end == ATTACH_DETACHED,
    };
    return 0;
}
