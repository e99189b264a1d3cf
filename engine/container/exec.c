#include "engine/monitor/exec.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/strbuf.h"
#include "engine/container/container-internal.h"
#include "engine/container/relay-output.h"
#include "engine/container/relay.h"

#define EVENT_COMMAND_MAX 4096

struct executing {
    struct exec *exec;
    struct relay relay;
    int from[2];               /* its stdout and stderr; -EBADF: ended */
    struct relay_output to[2]; /* ours */
};

static void take_output(struct executing *x, int which)
{
    char buffer[RELAY_CHUNK_BYTES];
    ssize_t n = read(x->from[which], buffer, sizeof(buffer));

    if (n > 0)
        relay_output_write(&x->to[which], buffer, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR)) /* EIO: nobody has the terminal open */
        x->from[which] = -EBADF;
}

static void send_input(struct executing *x)
{
    int fd = exec_stdin_fd(x->exec);

    if (x->relay.pending_len > 0 && fd >= 0) {
        ssize_t n = write(fd, x->relay.pending, x->relay.pending_len);

        if (n > 0)
            relay_consume(&x->relay, (size_t)n);
        else if (n < 0 && errno != EAGAIN && errno != EINTR) {
            x->relay.stdin_done = true;
            x->relay.pending_len = 0;
        }
    }
    if (x->relay.pending_len == 0 && x->relay.stdin_done && fd >= 0 && !x->relay.tty)
        exec_close_stdin(x->exec);
}

static void resize(struct executing *x)
{
    uint16_t height, width;

    if (relay_window(&x->relay, &height, &width))
        (void)exec_resize(x->exec, height, width);
}

static void take_signals(struct executing *x)
{
    int signo;

    while ((signo = relay_next_signal(&x->relay))) {
        if (signo == SIGWINCH)
            resize(x);
        else
            (void)exec_kill(x->exec, signo);
    }
}

/* Until the process has ended and what it wrote is read, or the user detaches. */
static int relay_loop(struct executing *x, struct error **err)
{
    int stdin_fd = exec_stdin_fd(x->exec);
    bool ended = false;
    int r = 0;

    if (stdin_fd >= 0)
        (void)fd_set_nonblock(stdin_fd, true);
    while (r >= 0 && !x->relay.detached) {
        bool same = x->from[0] >= 0 && x->from[0] == x->from[1];
        int in_fd = exec_stdin_fd(x->exec);
        bool blocked[] = { relay_output_is_blocked(&x->to[0]), relay_output_is_blocked(&x->to[1]) };
        struct pollfd fds[] = {
            { .fd = blocked[0] ? -1 : x->from[0], .events = POLLIN },
            { .fd = same || blocked[1] ? -1 : x->from[1], .events = POLLIN },
            { .fd = ended ? -1 : exec_status_fd(x->exec), .events = POLLIN },
            { .fd = x->relay.signal_fd, .events = POLLIN },
            { .fd = relay_wants_input(&x->relay) && in_fd >= 0 ? x->relay.options->stdin_fd : -1,
                    .events = POLLIN },
            { .fd = x->relay.pending_len > 0 ? in_fd : -1, .events = POLLOUT },
            { .fd = relay_output_poll_fd(&x->to[0]), .events = POLLOUT },
            { .fd = relay_output_poll_fd(&x->to[1]), .events = POLLOUT },
        };
        /* After the end only what is there already counts: a child of it may keep the pipes open. */
        int n = poll(fds, ARRAY_LEN(fds), ended && !blocked[0] && !blocked[1] ? 0 : -1);

        if (n < 0 && errno != EINTR)
            return error_set(err, errno, NULL, "cannot wait for the process");
        if (ended && !blocked[0] && !blocked[1] && !fds[0].revents && !fds[1].revents)
            return 0;
        for (int i = 0; n > 0 && i < 2; i++)
            if (fds[6 + i].revents)
                relay_output_flush(&x->to[i]);
        for (int i = 0; n > 0 && i < 2; i++)
            if (fds[i].revents)
                take_output(x, i);
        if (n > 0 && fds[2].revents)
            ended = true;
        if (n > 0 && fds[3].revents)
            take_signals(x);
        if (n > 0 && fds[4].revents)
            r = relay_read_input(&x->relay, err);
        send_input(x);
        if (r >= 0)
            r = relay_check_patience(&x->relay, err);
        /* Who has asked for the end does not wait for readers once it has come. */
        for (int i = 0; ended && relay_is_to_end(&x->relay) && i < 2; i++)
            if (relay_output_is_blocked(&x->to[i]))
                relay_output_drop(&x->to[i]);
    }
    return r;
}

static int relay_exec(struct exec *exec, const struct container_exec_options *options,
        bool *ret_detached, struct error **err)
{
    struct executing x = {
        .exec = exec,
        .from = { exec_stdout_fd(exec), options->tty ? -EBADF : exec_stderr_fd(exec) },
    };
    relay_output_init(&x.to[0], options->attach.stdout_fd);
    relay_output_init(&x.to[1], options->attach.stderr_fd);
    int r = relay_begin(&x.relay, &options->attach, options->tty, options->tty, err);

    if (r >= 0) {
        /* Input that is not wanted ends at once. */
        if (!options->interactive)
            x.relay.stdin_done = true;
        resize(&x);
        r = relay_loop(&x, err);
    }
    relay_end(&x.relay);
    relay_output_release(&x.to[0]);
    relay_output_release(&x.to[1]);
    *ret_detached = x.relay.detached;
    return r;
}

static const char *command_line(struct arena *arena, char *const *argv)
{
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(EVENT_COMMAND_MAX);

    for (; argv && *argv; argv++)
        strbuf_addf(&line, "%s%s", line.len ? " " : "", *argv);
    return arena_strdup(arena, line.data);
}

/* Looks for the monitor of this one container alone: `exec` is called often, and what other monitors have left waits for
 * other commands. Only when this one is gone they are all looked for, since it may be that the container runs again. */
static int find_running(struct engine *engine, struct arena *arena, const char *reference,
        struct container **ret, int *ret_dir_fd, struct error **err)
{
    struct container *c = NULL;
    int r = container_get(engine, arena, reference, &c, err);

    if (r < 0)
        return r;
    auto_close int dir_fd = container_open_run_dir(engine, c->id, false, err);
    if (dir_fd < 0 && dir_fd != -ENOENT)
        return dir_fd;
    if (container_is_running(c) && (dir_fd < 0 || !container_run_is_owned(engine, c->id))) {
        cleanup_close(&dir_fd);
        r = engine_reconcile(engine, err);
        if (r >= 0)
            r = container_get(engine, arena, reference, &c, err);
        if (r >= 0)
            r = dir_fd = container_open_run_dir(engine, c->id, false, err);
        if (r < 0 && r != -ENOENT)
            return r;
    }
    *ret = c;
    *ret_dir_fd = TAKE_FD(dir_fd);
    return 0;
}

int container_exec(struct engine *engine, const char *reference,
        const struct container_exec_options *options, int *ret_exit_code, struct error **err)
{
    auto_close int dir_fd = -EBADF;
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(exec_free_p) struct exec *exec = NULL;
    struct relay window = { .options = &options->attach, .tty = options->tty };
    struct exec_options how = {
        .libexec_dir = engine->options.libexec_dir,
        .argv = options->argv,
        .env = options->env,
        .user = options->user,
        .cwd = options->working_dir,
        .tty = options->tty,
        .privileged = options->privileged,
        .stdin_open = options->interactive,
        .discard_output = options->detach,
    };
    struct container *c = NULL;
    bool detached = false;
    int exit_code = 0;

    *ret_exit_code = 1;
    if (options->working_dir && *options->working_dir && options->working_dir[0] != '/')
        return error_set_plain(err, EINVAL, NULL,
                "the working directory '%s' is invalid, it needs to be an absolute path",
                options->working_dir);
    int r = find_running(engine, &arena, reference, &c, &dir_fd, err);
    if (r < 0)
        return r;
    if (c->state.status == CONTAINER_PAUSED)
        return error_set_plain(err, EINVAL, NULL,
                "Container %s is paused, unpause the container before exec", c->id);
    if (c->state.status == CONTAINER_RESTARTING)
        return error_set_plain(err, EINVAL, NULL,
                "Container %s is restarting, wait until the container is running", c->id);
    if (dir_fd < 0 || c->state.status != CONTAINER_RUNNING)
        return error_set_plain(err, EINVAL, NULL, "container %s is not running", c->id);

    how.container_dir_fd = dir_fd;
    (void)relay_window(&window, &how.console_height, &how.console_width);
    const char *action = command_line(&arena, options->argv);
    const char *attributes = container_event_attributes(engine, &arena, c->id);
    container_event_with(
            engine, c->id, attributes, arena_printf(&arena, "exec_create: %s", action), NULL, NULL);
    r = exec_start(&how, &exec, &exit_code, err);
    if (r < 0) {
        *ret_exit_code = exit_code ? exit_code : 1;
        return r;
    }
    container_event_with(
            engine, c->id, attributes, arena_printf(&arena, "exec_start: %s", action), NULL, NULL);
    if (!options->detach) {
        r = relay_exec(exec, options, &detached, err);
        if (r >= 0 && !detached)
            r = exec_wait(exec, err);
        if (r < 0)
            return r;
    }
    *ret_exit_code = options->detach || detached ? 0 : r;
    if (!options->detach && !detached)
        container_event_with(
                engine, c->id, attributes, "exec_die", "exitCode", arena_printf(&arena, "%d", r));
    return 0;
}
