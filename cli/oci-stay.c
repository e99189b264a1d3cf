/* Staying with a process that was started in the foreground. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <linux/close_range.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "cli/oci.h"
#include "cli/terminal.h"

#define CHUNK_BYTES 8192
#define PRESERVED_MAX INT16_MAX
#define DRAIN_TIMEOUT_USEC (2 * USEC_PER_SEC)

enum { POLL_PROCESS, POLL_SIGNAL, POLL_MASTER, POLL_INPUT, POLL_MAX_ };

struct stay {
    struct container_process *process;
    int signal_fd;
    char input[CHUNK_BYTES]; /* read from our terminal, not yet taken by the other one */
    size_t input_len;
    bool input_ended;
};

static void copy_size(const struct stay *s)
{
    struct winsize size;

    if (s->process->console_fd >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        (void)ioctl(s->process->console_fd, TIOCSWINSZ, &size);
}

static void on_signal(const struct stay *s)
{
    struct signalfd_siginfo info;

    if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGWINCH)
        copy_size(s);
    else if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGPIPE)
        (void)proc_kill_pidfd(s->process->pidfd, (int)info.ssi_signo);
}

/* False at the end: all slaves are closed. */
static bool copy_output(const struct stay *s)
{
    char chunk[CHUNK_BYTES];
    ssize_t len = read(s->process->console_fd, chunk, sizeof(chunk));

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return true;
    if (len <= 0)
        return false;
    (void)fd_write_all(STDOUT_FILENO, chunk, (size_t)len);
    return true;
}

static void read_input(struct stay *s)
{
    ssize_t len = read(STDIN_FILENO, s->input, sizeof(s->input));

    if (len > 0)
        s->input_len = (size_t)len;
    else if (len == 0 || (errno != EAGAIN && errno != EINTR))
        s->input_ended = true;
}

static void write_input(struct stay *s)
{
    ssize_t len = write(s->process->console_fd, s->input, s->input_len);

    if (len < 0)
        return;
    s->input_len -= (size_t)len;
    memmove(s->input, s->input + len, s->input_len);
}

static void serve(struct stay *s)
{
    int master = s->process->console_fd;

    for (;;) {
        struct pollfd fds[POLL_MAX_] = {
            [POLL_PROCESS] = { .fd = s->process->pidfd, .events = POLLIN },
            [POLL_SIGNAL] = { .fd = s->signal_fd, .events = POLLIN },
            [POLL_MASTER] = { .fd = master,
                    .events = (short)(POLLIN | (s->input_len > 0 ? POLLOUT : 0)) },
            [POLL_INPUT] = { .fd = master >= 0 && s->input_len == 0 && !s->input_ended
                                           ? STDIN_FILENO
                                           : -1,
                    .events = POLLIN },
        };

        if (poll(fds, POLL_MAX_, -1) < 0 && errno != EINTR)
            return;
        if (fds[POLL_SIGNAL].revents)
            on_signal(s);
        if (fds[POLL_MASTER].revents & POLLOUT)
            write_input(s);
        if ((fds[POLL_MASTER].revents & (POLLIN | POLLHUP | POLLERR)) && !copy_output(s))
            master = -1;
        if (fds[POLL_INPUT].revents)
            read_input(s);
        if (fds[POLL_PROCESS].revents)
            break;
    }
    /* What it wrote before it ended may still be on its way through the terminal, whose end comes
     * behind it; but others who were left behind may hold that open. */
    int64_t deadline_usec = time_monotonic_usec() + DRAIN_TIMEOUT_USEC;
    while (master >= 0 && fd_wait(master, POLLIN, deadline_usec) > 0 && copy_output(s))
        ;
}

int oci_stay(struct container_process *process)
{
    static struct stay stay;
    sigset_t all;

    stay.process = process;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    stay.signal_fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (process->console_fd >= 0) {
        (void)fd_set_nonblock(process->console_fd, true);
        copy_size(&stay);
        (void)terminal_raw(STDIN_FILENO, NULL);
    }
    serve(&stay);
    terminal_restore();
    fd_close(stay.signal_fd);
    int status = proc_wait(process->pid);
    process->pid = 0;
    container_process_release(process);
    return status < 0 ? 255 : status;
}

/* What systemd, or whoever speaks its protocol, passes on to us alone. */
static int64_t count_listened(void)
{
    const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
    int64_t count = 0, owner = 0;

    if (!fds || parse_int64(str_from(fds), 0, PRESERVED_MAX, &count) < 0)
        return 0;
    if (pid && (parse_int64(str_from(pid), 1, INT32_MAX, &owner) < 0 || owner != getpid()))
        return 0;
    return count;
}

int oci_count_preserved(struct arena *arena, int64_t preserved, char ***ret_env, struct error **err)
{
    int64_t listened = count_listened();
    int fd;

    if (preserved < 0 || preserved > PRESERVED_MAX)
        return error_set_plain(err, EINVAL, NULL,
                "--preserve-fds: %lld is not a number of descriptors", (long long)preserved);
    for (fd = 3; fd < 3 + listened + preserved; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            return error_set_plain(err, EBADF, NULL,
                    "please check that preserved-fd %d (of %lld) is present", fd - 3,
                    (long long)(listened + preserved));
    }
    (void)syscall(SYS_close_range, (unsigned)fd, ~0u, CLOSE_RANGE_CLOEXEC);
    *ret_env = NULL;
    if (listened > 0) {
        *ret_env = ARENA_NEW_ARRAY(arena, 3, char *);
        (*ret_env)[0] = arena_printf(arena, "LISTEN_FDS=%lld", (long long)listened);
        (*ret_env)[1] = arena_strdup(arena, "LISTEN_PID=1");
    }
    return (int)(listened + preserved);
}

int oci_read_json(const char *path, json_t **ret, struct error **err)
{
    auto_close int file = -EBADF;
    auto_free char *text = NULL;
    size_t len = 0;
    bool is_stdin = strcmp(path, "-") == 0;

    if (!is_stdin)
        file = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (!is_stdin && file < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", path);
    int r = fs_read_fd(is_stdin ? STDIN_FILENO : file, LIMIT_JSON_BYTES, &text, &len, err);
    return r < 0 ? r : jsonx_parse(text, len, is_stdin ? "standard input" : path, ret, err);
}

char **oci_vector(struct arena *arena, const struct strings *list)
{
    char **ret;

    if (list->len == 0)
        return NULL;
    ret = ARENA_NEW_ARRAY(arena, list->len + 1, char *);
    memcpy(ret, list->items, list->len * sizeof(*ret));
    return ret;
}
