/* What is done to all processes of a group: stopping, killing, counting down to none. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/timefmt.h"
#include "engine/runtime/cgroup-internal.h"

#define FREEZE_TIMEOUT_USEC (10 * USEC_PER_SEC)
#define FREEZE_LOOK_USEC (1 * USEC_PER_MSEC)
#define KILL_ROUNDS_MAX 200
#define SUBTREE_DEPTH_MAX 16

static void pause_usec(int64_t usec)
{
    struct timespec ts = { .tv_sec = usec / USEC_PER_SEC,
        .tv_nsec = usec % USEC_PER_SEC * NSEC_PER_USEC };

    nanosleep(&ts, NULL);
}

/* v1 has no event for "now frozen", so this looks again and again; a task that enters the group
 * meanwhile can hold it in FREEZING for ever unless it is asked anew. */
static int freeze_v1(int fd, bool freeze, struct error **err)
{
    const char *want = freeze ? "FROZEN" : "THAWED";
    int64_t deadline = time_monotonic_usec() + FREEZE_TIMEOUT_USEC;

    for (;;) {
        char state[32];
        int r = fs_write_small(fd, "freezer.state", want);

        if (r < 0)
            return error_set(err, -r, NULL, "cannot write to freezer.state");
        if (fs_read_small(fd, "freezer.state", state, sizeof(state)) > 0 &&
                strcmp(state, want) == 0)
            return 0;
        if (time_monotonic_usec() > deadline) {
            (void)fs_write_small(fd, "freezer.state", "THAWED");
            return error_set_plain(err, ETIMEDOUT, NULL, "the control group could not be frozen");
        }
        pause_usec(FREEZE_LOOK_USEC);
    }
}

static bool events_say(int events_fd, const char *line)
{
    char text[256];
    ssize_t len = pread(events_fd, text, sizeof(text) - 1, 0);

    if (len <= 0)
        return false;
    text[len] = 0;
    return strstr(text, line) != NULL;
}

static int freeze_v2(int fd, bool freeze, struct error **err)
{
    auto_close int events = openat(fd, "cgroup.events", O_RDONLY | O_CLOEXEC);
    const char *line = freeze ? "frozen 1" : "frozen 0";
    int64_t deadline = time_monotonic_usec() + FREEZE_TIMEOUT_USEC;
    int r;

    if (events < 0)
        return error_set(err, errno, NULL, "cannot open cgroup.events");
    r = cgroup_write(fd, "cgroup.freeze", freeze ? "1" : "0", err);
    while (r >= 0 && !events_say(events, line)) {
        r = fd_wait(events, POLLPRI, deadline);
        if (r == 0) {
            (void)fs_write_small(fd, "cgroup.freeze", "0");
            return error_set_plain(err, ETIMEDOUT, NULL, "the control group could not be frozen");
        }
    }
    return r < 0 ? r : 0;
}

int cgroup_freeze(const struct cgroup *cgroup, bool freeze, struct error **err)
{
    int fd = cgroup_controller_fd(cgroup, CGROUP_FREEZER);

    if (fd < 0)
        return error_set_plain(
                err, EOPNOTSUPP, NULL, "the kernel's freezer controller is not available here");
    return cgroup->unified ? freeze_v2(fd, freeze, err) : freeze_v1(fd, freeze, err);
}

/* Signals every process that cgroup.procs lists; the number of processes, or -errno. */
static int signal_listed(int fd, int signo)
{
    auto_close int procs = openat(fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
    char text[4096];
    size_t have = 0;
    int count = 0;

    if (procs < 0)
        return -errno;
    for (;;) {
        ssize_t len = read(procs, text + have, sizeof(text) - 1 - have);

        if (len < 0)
            return errno == ENODEV ? count : -errno; /* ENODEV: the group is gone */
        if (len == 0)
            return count;
        have += (size_t)len;
        struct str rest = { text, have };
        ptrdiff_t end;
        while ((end = str_find(rest, '\n')) >= 0) {
            uint32_t pid = 0;

            /* 0 is a process that our pid namespace does not show: kill(0) would hit ourselves. */
            if (parse_uint32((struct str){ rest.data, (size_t)end }, INT32_MAX, &pid) >= 0 &&
                    pid > 0) {
                count++;
                (void)kill((pid_t)pid, signo);
            }
            rest.data += end + 1;
            rest.len -= (size_t)end + 1;
        }
        memmove(text, rest.data, rest.len);
        have = rest.len;
    }
}

/* The group through which processes are found: v1's freezer, so that they can be held still, or
 * any. */
static int processes_fd(const struct cgroup *cgroup)
{
    int fd = cgroup_controller_fd(cgroup, CGROUP_FREEZER);

    for (size_t i = 0; fd < 0 && i < cgroup->count; i++)
        fd = cgroup->hierarchies[i].fd;
    return fd;
}

int cgroup_kill(const struct cgroup *cgroup, int signo, struct error **err)
{
    int fd = processes_fd(cgroup);

    if (fd < 0)
        return 0;
    if (signo == SIGKILL && cgroup->unified && fs_write_small(fd, "cgroup.kill", "1") >= 0)
        return 0;
    /* Held still, nobody can fork away from the signal. Frozen tasks get SIGKILL when they thaw
     * (v1) or at once (v2). Failing to freeze is no reason not to kill. */
    bool frozen = signo == SIGKILL && cgroup_freeze(cgroup, true, NULL) >= 0;
    int r = signal_listed(fd, signo);
    if (frozen)
        (void)cgroup_freeze(cgroup, false, NULL);
    return r < 0 ? error_set(err, -r, NULL, "cannot signal the processes of the control group") : 0;
}

/* Depth first, as only a group without children can be removed. */
static int remove_below(int fd, unsigned depth)
{
    auto_close int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;

    if (!dir)
        return -errno;
    copy = -EBADF; /* the stream's now */
    while ((entry = readdir(dir))) {
        if (entry->d_type != DT_DIR || !fs_name_is_plain(entry->d_name))
            continue;
        auto_close int child = openat(
                fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (child >= 0 && depth > 0)
            (void)remove_below(child, depth - 1);
        (void)unlinkat(fd, entry->d_name, AT_REMOVEDIR);
    }
    (void)signal_listed(fd, SIGKILL);
    return 0;
}

int cgroup_remove_subtree(int group_fd, int dir_fd, const char *path)
{
    int r = 0;

    for (int round = 0; round < KILL_ROUNDS_MAX; round++) {
        (void)fs_write_small(group_fd, "cgroup.kill", "1");
        (void)fs_write_small(group_fd, "freezer.state", "THAWED");
        (void)remove_below(group_fd, SUBTREE_DEPTH_MAX);
        if (unlinkat(dir_fd, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
            return 0;
        r = -errno;
        if (r != -EBUSY)
            return r;
        /* Killed processes need a moment to be gone, and v1 has nothing to wait for that with. */
        pause_usec(round < 20 ? USEC_PER_MSEC : 20 * USEC_PER_MSEC);
    }
    return r;
}
