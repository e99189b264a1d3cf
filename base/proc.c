#include "base/proc.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"

extern char **environ;

enum {
    SPAWN_FDS_MAX = 3 + 256,
    STAT_MAX_BYTES = 1024,
    INPUT_CHUNK_BYTES = 65536,
};

/* The descriptors of a child: fds[i] becomes descriptor i. Copies are made first, all of them above the
 * numbers in question, so that no dup2 in the child overwrites what a later one still needs. */
struct child_fds {
    int fds[SPAWN_FDS_MAX]; /* owned copies; -EBADF: the caller's of that number is kept */
    unsigned count;
};

static void child_fds_release(struct child_fds *set)
{
    for (unsigned i = 0; i < set->count; i++)
        set->fds[i] = fd_close(set->fds[i]);
}

static int child_fds_add(struct child_fds *set, int fd, unsigned total, struct error **err)
{
    auto_close int null = -EBADF;
    int copy;

    if (fd == PROC_INHERIT) {
        set->fds[set->count++] = -EBADF;
        return 0;
    }
    if (fd == PROC_NULL) {
        null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (null < 0)
            return error_set(err, errno, NULL, "cannot open /dev/null");
        fd = null;
    }
    copy = fcntl(fd, F_DUPFD_CLOEXEC, (int)total);
    if (copy < 0)
        return error_set(err, errno, NULL, "cannot pass on descriptor %d", fd);
    set->fds[set->count++] = copy;
    return 0;
}

static int child_fds_collect(
        struct child_fds *set, const struct proc_spawn *spawn, struct error **err)
{
    const int standard[] = { spawn->stdin_fd, spawn->stdout_fd, spawn->stderr_fd };
    unsigned total = 3 + spawn->fd_count;
    int r = 0;

    assert(total <= SPAWN_FDS_MAX);
    for (unsigned i = 0; r == 0 && i < total; i++)
        r = child_fds_add(set, i < 3 ? standard[i] : spawn->fds[i - 3], total, err);
    return r;
}

static int spawn_with(const struct proc_spawn *spawn, const struct child_fds *fds,
        posix_spawn_file_actions_t *actions, posix_spawnattr_t *attributes, pid_t *ret_pid)
{
    short flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    sigset_t all, none;
    int r = 0;

    sigfillset(&all);
    sigemptyset(&none);
    if (spawn->new_session)
        flags |= POSIX_SPAWN_SETSID;
    for (unsigned i = 0; r == 0 && i < fds->count; i++) {
        if (fds->fds[i] >= 0)
            r = posix_spawn_file_actions_adddup2(actions, fds->fds[i], (int)i);
    }
    /* Close-on-exec does this for berth's own descriptors; libraries may have opened others. */
    if (r == 0)
        r = posix_spawn_file_actions_addclosefrom_np(actions, (int)fds->count);
    if (r == 0 && spawn->cwd)
        r = posix_spawn_file_actions_addchdir_np(actions, spawn->cwd);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(attributes, &all);
    if (r == 0)
        r = posix_spawnattr_setsigmask(attributes, &none);
    if (r == 0)
        r = posix_spawnattr_setflags(attributes, flags);
    if (r == 0)
        r = posix_spawnp(ret_pid, spawn->path, actions, attributes, spawn->argv,
                spawn->envp ? spawn->envp : environ);
    return -r;
}

int proc_spawn(const struct proc_spawn *spawn, pid_t *ret_pid, int *ret_pidfd, struct error **err)
{
    auto_(child_fds_release) struct child_fds fds = { .count = 0 };
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    pid_t pid = -1;

    int r = child_fds_collect(&fds, spawn, err);
    if (r < 0)
        return error_wrap(err, r, "cannot start \"%s\"", spawn->path);

    if (posix_spawn_file_actions_init(&actions) != 0 || posix_spawnattr_init(&attributes) != 0)
        mem_exhausted();
    r = spawn_with(spawn, &fds, &actions, &attributes, &pid);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    if (r < 0 && spawn->cwd)
        return error_set(err, r, NULL, "cannot start \"%s\" in \"%s\"", spawn->path, spawn->cwd);
    if (r < 0)
        return error_set(err, r, NULL, "cannot start \"%s\"", spawn->path);

    if (ret_pidfd) {
        /* The child is not reaped yet, so the number is still its own. */
        int pidfd = proc_open_pidfd(pid);

        if (pidfd < 0) {
            kill(pid, SIGKILL);
            (void)proc_wait(pid);
            return error_set(err, pidfd, NULL, "cannot watch the process of \"%s\"", spawn->path);
        }
        *ret_pidfd = pidfd;
    }
    *ret_pid = pid;
    return 0;
}

int proc_wait(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Feeds and drains both pipes at once, so that neither side can block the other for ever. The child may
 * close its input early (that is its right) and may go on after closing its output. */
static int exchange(
        int *input_fd, const char *input, size_t input_len, int output_fd, struct strbuf *output)
{
    char chunk[INPUT_CHUNK_BYTES];
    size_t written = 0;

    for (;;) {
        if (*input_fd >= 0 && written == input_len)
            *input_fd = fd_close(*input_fd);
        if (*input_fd < 0 && output_fd < 0)
            return 0;
        struct pollfd fds[] = {
            { .fd = output_fd, .events = POLLIN },
            { .fd = *input_fd, .events = POLLOUT }, /* negative ones are passed over */
        };
        if (poll(fds, ARRAY_LEN(fds), -1) < 0) {
            if (errno == EINTR)
                continue;
            return -errno;
        }
        if (fds[1].revents) {
            ssize_t n = write(*input_fd, input + written, input_len - written);

            if (n > 0)
                written += (size_t)n;
            else if (n < 0 && errno == EPIPE)
                written = input_len;
            else if (n < 0 && errno != EAGAIN && errno != EINTR)
                return -errno;
        }
        if (fds[0].revents) {
            ssize_t n = read(output_fd, chunk, sizeof(chunk));

            if (n == 0)
                output_fd = -EBADF; /* it may read on all the same */
            if (n < 0 && errno != EINTR)
                return -errno;
            if (n > 0)
                strbuf_add(output, chunk, (size_t)n);
            if (strbuf_is_truncated(output))
                return -EFBIG;
        }
    }
}

int proc_run(const struct proc_spawn *spawn, const void *input, size_t input_len, size_t max_bytes,
        char **ret_output, size_t *ret_len, struct error **err)
{
    auto_(strbuf_release) struct strbuf output = STRBUF_INIT(max_bytes);
    auto_close int in_read = -EBADF;
    auto_close int in_write = -EBADF;
    auto_close int out_read = -EBADF;
    auto_close int out_write = -EBADF;
    struct proc_spawn child = *spawn;
    sigset_t pipe_signal, before;
    pid_t pid;

    int r = fd_pipe(&out_read, &out_write);
    if (r == 0 && input)
        r = fd_pipe(&in_read, &in_write);
    if (r == 0 && input)
        r = fd_set_nonblock(in_write, true);
    if (r < 0)
        return error_set(err, r, NULL, "cannot make a pipe to \"%s\"", spawn->path);
    child.stdout_fd = out_write;
    if (input)
        child.stdin_fd = in_read;
    r = proc_spawn(&child, &pid, NULL, err);
    if (r < 0)
        return r;
    out_write = fd_close(out_write);
    in_read = fd_close(in_read);

    /* A child that does not read its input must not end us; other threads keep their own mask. */
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &before);
    r = exchange(&in_write, input, input_len, out_read, &output);
    if (!sigismember(&before, SIGPIPE)) {
        const struct timespec now = { 0 };

        while (sigtimedwait(&pipe_signal, NULL, &now) < 0 && errno == EINTR)
            ;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);

    if (r < 0)
        kill(pid, SIGKILL); /* not reaped yet: the number is still its own */
    int status = proc_wait(pid);
    if (r == -EFBIG)
        return error_set_plain(
                err, r, NULL, "\"%s\" wrote more than %zu bytes", spawn->path, max_bytes);
    if (r < 0)
        return error_set(err, r, NULL, "cannot exchange data with \"%s\"", spawn->path);
    if (status < 0)
        return error_set(err, status, NULL, "cannot wait for \"%s\"", spawn->path);
    if (ret_len)
        *ret_len = output.len;
    if (ret_output)
        *ret_output = strbuf_take(&output);
    return status;
}

int proc_open_pidfd(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by itself */

    return fd < 0 ? -errno : fd;
}

int proc_kill_pidfd(int pidfd, int signo)
{
    return syscall(SYS_pidfd_send_signal, pidfd, signo, NULL, 0) < 0 ? -errno : 0;
}

int proc_wait_pidfd(int pidfd, int64_t deadline_usec)
{
    int r = fd_wait(pidfd, POLLIN, deadline_usec);

    return r < 0 ? r : r > 0;
}

uint64_t proc_start_ticks(pid_t pid)
{
    char path[64], text[STAT_MAX_BYTES];
    uint64_t ticks;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    ssize_t len = fs_read_small(AT_FDCWD, path, text, sizeof(text));
    if (len <= 0)
        return 0;
    /* The second field is the name in parentheses and may contain anything; the last ")" ends it. */
    char *name_end = strrchr(text, ')');
    if (!name_end || name_end[1] != ' ')
        return 0;
    struct str rest = str_from(name_end + 2), field = { 0 };
    for (int number = 3; number <= 22; number++) {
        if (!str_split_next(&rest, ' ', &field))
            return 0;
    }
    return parse_uint64(field, UINT64_MAX, &ticks) < 0 ? 0 : ticks;
}

void proc_assert_single_thread(void)
{
    struct stat status;

    /* One link for each thread besides "." and "..". */
    if (stat("/proc/self/task", &status) == 0 && status.st_nlink != 3) {
        static const char text[] =
                "berth: namespaces are entered by single-threaded processes only\n";

        /* lint: allow printing: the last words before abort */
        (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
        abort();
    }
}

/* The number of an entry of /proc/self/fd; -1 for "." and "..". */
static int fd_of_name(const char *name)
{
    uint32_t number;

    return parse_uint32(str_from(name), INT_MAX, &number) < 0 ? -1 : (int)number;
}

/* For where close_range is refused by an old seccomp filter. Neither opendir, since this may run between
 * clone and exec, nor every number up to the limit, which may be a thousand million. */
static void close_listed(unsigned first, unsigned last)
{
    struct entry {
        uint64_t inode;
        int64_t offset;
        unsigned short size;
        unsigned char type;
        char name[];
    };
    _Alignas(struct entry) char buffer[4096];
    auto_close int dir = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    long len;

    while (dir >= 0 && (len = syscall(SYS_getdents64, dir, buffer, sizeof(buffer))) > 0) {
        for (long at = 0; at < len;) {
            const struct entry *entry = (const struct entry *)(const void *)(buffer + at);
            int fd = fd_of_name(entry->name);

            if (fd >= 0 && fd != dir && (unsigned)fd >= first && (unsigned)fd <= last)
                close(fd);
            at += entry->size;
        }
    }
}

static void close_between(unsigned first, unsigned last)
{
    if (first <= last && syscall(SYS_close_range, first, last, 0) < 0)
        close_listed(first, last);
}

void proc_close_fds_from(int first, const int *keep, unsigned keep_count)
{
    unsigned next = first > 0 ? (unsigned)first : 0;

    for (unsigned i = 0; i < keep_count; i++) {
        assert(i == 0 || keep[i - 1] <= keep[i]);
        if (keep[i] < 0 || (unsigned)keep[i] < next)
            continue;
        if ((unsigned)keep[i] > next)
            close_between(next, (unsigned)keep[i] - 1);
        next = (unsigned)keep[i] + 1;
    }
    close_between(next, ~0u);
}
