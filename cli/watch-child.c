#include "cli/watch-child.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/opts.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"

#define LINE_MAX_BYTES (64u << 10)

struct watch_child {
    pid_t pid;
    int pidfd;
    int input_fd; /* its standard input: it ends when this is closed */
    int output_fd;
    int events_fd; /* epoll of the two: something to read, the end */
    struct strbuf line;
};

static void add(struct arena *arena, struct strings *words, const char *word)
{
    *ARRAY_APPEND_ARENA(arena, words) = arena_strdup(arena, word);
}

/* This command again, with the same options of `compose`. */
static struct strings words_of(struct compose *compose, const struct strings *services, bool quiet)
{
    struct arena *arena = &compose->arena;
    struct strings options = opts_unparse(&command_compose, compose->options, arena);
    struct strings words = { 0 };

    add(arena, &words, "berth");
    add(arena, &words, "compose");
    ARRAY_FOREACH(&options, option)
        add(arena, &words, *option);
    add(arena, &words, "--progress=plain");
    add(arena, &words, "watch");
    add(arena, &words, "--no-up");
    add(arena, &words, "--until-input-ends");
    if (quiet)
        add(arena, &words, "--quiet");
    add(arena, &words, "--");
    ARRAY_FOREACH(services, service)
        add(arena, &words, *service);
    *ARRAY_APPEND_ARENA(arena, &words) = NULL;
    return words;
}

static bool reads_input(const struct compose *compose)
{
    ARRAY_FOREACH(&compose->options->files, file)
        if (strcmp(*file, "-") == 0)
            return true;
    return false;
}

int watch_child_start(struct compose *compose, const struct strings *services, bool quiet,
        struct watch_child **ret, struct error **err)
{
    auto_close int input_read = -EBADF, input_write = -EBADF;
    auto_close int output_read = -EBADF, output_write = -EBADF;
    char program[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

    if (reads_input(compose))
        return error_set_plain(err, ENOTSUP, NULL,
                "watching a project whose file is read from standard input is not supported yet");
    if (len < 0)
        return error_set(err, errno, NULL, "cannot tell which program this is");
    program[len] = '\0';
    int r = fd_pipe(&input_read, &input_write);
    if (r >= 0)
        r = fd_pipe(&output_read, &output_write);
    auto_close int events_fd = epoll_create1(EPOLL_CLOEXEC);
    if (r < 0 || events_fd < 0)
        return error_set(err, r < 0 ? r : errno, NULL, "cannot make a pipe");
    struct strings words = words_of(compose, services, quiet);
    struct proc_spawn how = { .path = program,
        .argv = words.items,
        .stdin_fd = input_read,
        .stdout_fd = output_write,
        .stderr_fd = output_write };
    struct watch_child *child = NEW(struct watch_child);
    child->line = (struct strbuf)STRBUF_INIT(LINE_MAX_BYTES);
    r = proc_spawn(&how, &child->pid, &child->pidfd, err);
    if (r < 0) {
        free(child);
        return error_wrap(err, r, "cannot start watching");
    }
    (void)fcntl(output_read, F_SETFL, O_NONBLOCK);
    struct epoll_event readable = { .events = EPOLLIN };
    (void)epoll_ctl(events_fd, EPOLL_CTL_ADD, output_read, &readable);
    (void)epoll_ctl(events_fd, EPOLL_CTL_ADD, child->pidfd, &readable);
    child->events_fd = TAKE_FD(events_fd);
    child->input_fd = TAKE_FD(input_write);
    child->output_fd = TAKE_FD(output_read);
    *ret = child;
    return 0;
}

int watch_child_fd(const struct watch_child *child)
{
    return child->events_fd;
}

static void read_lines(struct watch_child *child, watch_line_fn take, void *userdata)
{
    char buffer[4096];
    ssize_t len;

    while ((len = read(child->output_fd, buffer, sizeof(buffer))) > 0 ||
            (len < 0 && errno == EINTR)) {
        for (ssize_t i = 0; i < len; i++) {
            if (buffer[i] != '\n' && child->line.len < LINE_MAX_BYTES - 1) {
                strbuf_addc(&child->line, buffer[i]);
                continue;
            }
            take(userdata, child->line.len ? child->line.data : "");
            strbuf_reset(&child->line);
        }
    }
}

/* Its end is the process's: what it started may hold the pipe for longer. */
bool watch_child_read(struct watch_child *child, watch_line_fn take, void *userdata)
{
    bool ended = proc_wait_pidfd(child->pidfd, 0) > 0;

    read_lines(child, take, userdata);
    return !ended;
}

void watch_child_stop(struct watch_child *child, watch_line_fn take, void *userdata)
{
    if (!child)
        return;
    (void)proc_kill_pidfd(child->pidfd, SIGTERM);
    do {
        struct pollfd events = { .fd = child->events_fd, .events = POLLIN };

        (void)poll(&events, 1, -1);
    } while (watch_child_read(child, take, userdata));
    (void)proc_wait(child->pid);
    fd_close(child->input_fd);
    fd_close(child->output_fd);
    fd_close(child->events_fd);
    fd_close(child->pidfd);
    strbuf_release(&child->line);
    free(child);
}
