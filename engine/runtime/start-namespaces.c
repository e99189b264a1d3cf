/* The namespaces of a container's first process, new and joined, and what is set in them before
 * anything is mounted.
 *
 * Usually the child is born in the new ones and joins the others. A user or a time namespace needs
 * a step between: a process that does everything which takes the rights of the host (limits, scores,
 * foreign namespaces, opening what is mounted later), enters the user namespace, and clones the
 * container's process as its sibling, so that the monitor is that one's parent, too. */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/proc.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/clone.h"
#include "engine/runtime/container.h"
#include "engine/runtime/procfs.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"
#include "engine/runtime/user-namespace.h"

#define SYSCTL_PATH_MAX 512
#define TIME_OFFSETS_MAX 128

static void fail_with(const struct start *start, enum start_stage stage, size_t index, int r)
{
    errno = -r;
    start_fail(start->process.sync_fd, stage, index);
}

/* ---- joining ---- */

/* What was refused is left for after the user namespace, which may give the right to it. The mount
 * namespace comes at the very end: it takes the host's files away. */
static void join_others(struct start *start, bool may_be_refused)
{
    for (int type = 0; type < NAMESPACE_MAX_; type++) {
        int *fd = &start->namespace_fds[type];

        if (*fd < 0 || type == NAMESPACE_USER || type == NAMESPACE_MOUNT)
            continue;
        if (setns(*fd, (int)namespace_clone_flag((enum namespace_type)type)) < 0) {
            if (may_be_refused && errno == EPERM)
                continue;
            start_fail(start->process.sync_fd, STAGE_NAMESPACE, (size_t)type);
        }
        *fd = fd_close(*fd);
    }
}

static void join_mount_namespace(struct start *start)
{
    int *fd = &start->namespace_fds[NAMESPACE_MOUNT];

    if (*fd < 0)
        return;
    if (setns(*fd, CLONE_NEWNS) < 0)
        start_fail(start->process.sync_fd, STAGE_NAMESPACE, NAMESPACE_MOUNT);
    *fd = fd_close(*fd);
}

/* ---- in the new ones ---- */

static void bring_lo_up(int sync_fd)
{
    auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        start_fail(sync_fd, STAGE_LOOPBACK, 0);
}

/* A slash in the key is a dot of a name ("net.ipv4.conf.eth0/1.forwarding"). */
static void sysctl_path(const char *key, char *path, size_t size)
{
    size_t len = strlen("sys/");

    memcpy(path, "sys/", len);
    for (; *key && len + 1 < size; key++)
        path[len++] = *key == '.' ? '/' : *key == '/' ? '.' : *key;
    path[len] = 0;
}

/* Through the host's /proc, which is still there: network and IPC parameters are those of the
 * writer's namespaces. */
static void write_sysctls(struct start *start)
{
    for (size_t i = 0; i < start->spec->sysctl_count; i++) {
        const struct runtime_sysctl *sysctl = &start->spec->sysctls[i];
        char path[SYSCTL_PATH_MAX];

        sysctl_path(sysctl->key, path, sizeof(path));
        int r = procfs_write(path, sysctl->value);
        if (r < 0)
            fail_with(start, STAGE_SYSCTL, i, r);
    }
}

static void set_names(struct start *start)
{
    const struct runtime_spec *spec = start->spec;

    if (spec->hostname && sethostname(spec->hostname, strlen(spec->hostname)) < 0)
        start_fail(start->process.sync_fd, STAGE_HOSTNAME, 0);
    if (spec->domainname && setdomainname(spec->domainname, strlen(spec->domainname)) < 0)
        start_fail(start->process.sync_fd, STAGE_HOSTNAME, 0);
}

static void enter_cgroup(struct start *start)
{
    int r = cgroup_enter(start->options->cgroup, start->in_cgroup, -EBADF);

    if (r < 0)
        fail_with(start, STAGE_CGROUP, 0, r);
    scheduling_reset_mask();
}

void start_enter_surroundings(struct start *start)
{
    if (!start->is_staged) {
        start_write_oom_score(&start->process);
        enter_cgroup(start);
        join_others(start, false);
    }
    /* Its root is the group that one is in when it is made, hence not by clone3. */
    if (start->spec->namespaces[NAMESPACE_CGROUP].mode == NAMESPACE_PRIVATE &&
            unshare(CLONE_NEWCGROUP) < 0)
        start_fail(start->process.sync_fd, STAGE_NAMESPACE, NAMESPACE_CGROUP);
    set_names(start);
    if (start->bring_lo_up)
        bring_lo_up(start->process.sync_fd);
    write_sysctls(start);
    start_open_labels(&start->process);
    join_mount_namespace(start);
}

/* ---- the step between ---- */

static void write_time_offsets(struct start *start, int fd)
{
    static const char *const clocks[TIME_CLOCK_MAX_] = {
        [TIME_MONOTONIC] = "monotonic",
        [TIME_BOOTTIME] = "boottime",
    };

    for (int clock = 0; clock < TIME_CLOCK_MAX_; clock++) {
        const struct time_offset *offset = &start->spec->time_offsets[clock];
        char text[TIME_OFFSETS_MAX];

        if (!offset->is_set)
            continue;
        int len = snprintf(text, sizeof(text), "%s %lld %u\n", clocks[clock],
                (long long)offset->sec, offset->nsec);
        if (write(fd, text, (size_t)len) != len)
            start_fail(start->process.sync_fd, STAGE_TIME_OFFSET, (size_t)clock);
    }
}

static uint32_t first_id(const struct id_mappings *mappings)
{
    return mappings->count > 0 ? mappings->items[0].container_id : 0;
}

static void enter_user_namespace(struct start *start)
{
    int *fd = &start->namespace_fds[NAMESPACE_USER];

    if (*fd < 0)
        return;
    int r = user_namespace_enter(
            *fd, first_id(&start->uid_mappings), first_id(&start->gid_mappings));
    if (r < 0)
        fail_with(start, STAGE_NAMESPACE, NAMESPACE_USER, r);
    *fd = fd_close(*fd);
    /* In there all capabilities are ours again. */
    start->process.own_bounding = capability_own_bounding_set();
    join_others(start, false);
}

bool start_needs_step(const struct start *start)
{
    return start->namespace_fds[NAMESPACE_USER] >= 0 ||
           start->spec->namespaces[NAMESPACE_TIME].mode != NAMESPACE_HOST;
}

_Noreturn void start_run_step(struct start *start, uint64_t flags, start_child_fn run_child)
{
    struct clone_request request = {
        .flags = flags, .cgroup_fd = -EBADF, .pid_namespace_fd = -EBADF, .as_sibling = true
    };
    struct start_message message = { .kind = START_CLONED };
    bool new_time = start->spec->namespaces[NAMESPACE_TIME].mode == NAMESPACE_PRIVATE;
    auto_close int offsets_fd = -EBADF;
    auto_close int pidfd = -EBADF;
    int sync_fd = start->process.sync_fd;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        start_fail(sync_fd, STAGE_CREDENTIALS, 0);
    start_write_oom_score(&start->process);
    enter_cgroup(start);
    /* Who opened the file counts for the right to write to it. */
    if (new_time)
        offsets_fd = procfs_open("self/timens_offsets", O_WRONLY);
    if (new_time && offsets_fd < 0)
        fail_with(start, STAGE_NAMESPACE, NAMESPACE_TIME, offsets_fd);
    if (start->namespace_fds[NAMESPACE_USER] >= 0) {
        start_use_host_rights(&start->process);
        /* Who is not root outside has no more rights here than in there. */
        if (geteuid() == 0)
            start_take_trees(start);
    }
    join_others(start, start->namespace_fds[NAMESPACE_USER] >= 0);
    enter_user_namespace(start);
    if (new_time && unshare(CLONE_NEWTIME) < 0)
        start_fail(sync_fd, STAGE_NAMESPACE, NAMESPACE_TIME);
    if (new_time)
        write_time_offsets(start, offsets_fd);
    pid_t pid = clone_process(&request, &pidfd);
    if (pid == 0) {
        start->is_staged = true;
        run_child(start);
        _exit(127);
    }
    if (pid < 0)
        fail_with(start, STAGE_CLONE, 0, (int)pid);
    message.code = pid;
    if (fd_send(sync_fd, &message, sizeof(message), &pidfd, 1) < 0)
        (void)proc_kill_pidfd(pidfd, SIGKILL);
    _exit(0);
}
