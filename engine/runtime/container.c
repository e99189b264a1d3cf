#include "engine/runtime/container.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/str.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/clone.h"
#include "engine/runtime/procfs.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"

#define SYSCTL_PATH_MAX 512

/* ---- child ---- */

static void bring_lo_up(int sync_fd)
{
    auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };

    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        start_fail(sync_fd, STAGE_LOOPBACK, 0);
}

/* Through the host's /proc, which is still there: network and IPC parameters are those of the
 * writer's namespaces. */
static void write_sysctls(struct start *start)
{
    for (size_t i = 0; i < start->spec->sysctl_count; i++) {
        const struct runtime_sysctl *sysctl = &start->spec->sysctls[i];
        char path[SYSCTL_PATH_MAX] = "sys/";
        size_t len = strlen(path);

        for (const char *c = sysctl->key; *c && len + 1 < sizeof(path); c++)
            path[len++] = *c == '.' ? '/' : *c;
        path[len] = 0;
        int r = procfs_write(path, sysctl->value);
        if (r < 0) {
            errno = -r;
            start_fail(start->process.sync_fd, STAGE_SYSCTL, i);
        }
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

static void enter_surroundings(struct start *start)
{
    const struct cgroup *cgroup = start->options->cgroup;
    int sync_fd = start->process.sync_fd;
    int r = cgroup_enter(cgroup, start->in_cgroup);

    if (r < 0) {
        errno = -r;
        start_fail(sync_fd, STAGE_CGROUP, 0);
    }
    for (int type = 0; type < NAMESPACE_MAX_; type++) {
        if (start->namespace_fds[type] >= 0 &&
                setns(start->namespace_fds[type],
                        (int)namespace_clone_flag((enum namespace_type)type)) < 0)
            start_fail(sync_fd, STAGE_NAMESPACE, (size_t)type);
    }
    /* Its root is the group that one is in when it is made, hence not by clone3. */
    if (start->spec->namespaces[NAMESPACE_CGROUP].mode == NAMESPACE_PRIVATE &&
            unshare(CLONE_NEWCGROUP) < 0)
        start_fail(sync_fd, STAGE_NAMESPACE, NAMESPACE_CGROUP);
    set_names(start);
    if (start->bring_lo_up)
        bring_lo_up(sync_fd);
    write_sysctls(start);
}

static void make_cwd(struct start *start, int root_fd)
{
    int fd = fs_try_open_in_root(root_fd, start->process.cwd, O_PATH | O_DIRECTORY, 0);

    if (fd == -ENOENT)
        fd = fs_mkdir_in_root(root_fd, start->process.cwd, 0755, 0, 0, NULL);
    if (fd < 0) {
        errno = -fd;
        start_fail(start->process.sync_fd, STAGE_CWD_MAKE, 0);
    }
    close(fd);
}

static _Noreturn void run_child(struct start *start)
{
    static struct user_identity
            identity; /* too large for comfort on the stack; this process executes soon */
    struct start_process *process = &start->process;
    int slave = -EBADF, master = -EBADF;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        start_fail(process->sync_fd, STAGE_CREDENTIALS, 0);
    umask(0022);
    start_write_oom_score(process);
    start_open_labels(process);
    enter_surroundings(start);
    start_take_binds(start);
    int root_fd = start_make_root(start);
    start_mount_all(start, root_fd);
    start_make_devices(start, root_fd);
    if (process->terminal) {
        master = start_open_terminal(
                process->sync_fd, root_fd, process->console_height, process->console_width, &slave);
        start_bind_console(start, root_fd, slave);
    }
    start_hide_paths(start, root_fd);
    make_cwd(start, root_fd);
    start_run_create_hooks(start);
    start_resolve_user(process, root_fd, &identity);
    start_change_root(start, root_fd);
    start_prepare_process(process, &identity, slave);
    start_send_ready(process->sync_fd, master);
    start_wait_for_go(process->sync_fd);
    start_execute(process);
}

/* ---- parent ---- */

static int open_namespaces(
        const struct container_process_options *options, int *fds, struct error **err)
{
    const struct runtime_spec *spec = options->spec;

    for (int type = 0; type < NAMESPACE_MAX_; type++) {
        const struct runtime_namespace *ns = &spec->namespaces[type];

        fds[type] = -EBADF;
        if (type == NAMESPACE_NETWORK && options->netns_fd >= 0) {
            fds[type] = fcntl(options->netns_fd, F_DUPFD_CLOEXEC, 3);
        } else if (ns->mode == NAMESPACE_JOIN) {
            fds[type] = open(ns->path, O_RDONLY | O_CLOEXEC);
            if (fds[type] < 0)
                return error_set(err, errno, NULL, "cannot open the %s namespace \"%s\"",
                        namespace_type_names[type], ns->path);
        }
    }
    return 0;
}

static void close_fds(int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fds[i] = fd_close(fds[i]);
}

static bool has_bound_dev(const struct runtime_spec *spec)
{
    for (size_t i = 0; i < spec->mount_count; i++) {
        if (strcmp(spec->mounts[i].destination, "/dev") == 0 &&
                strcmp(spec->mounts[i].type, "bind") == 0)
            return true;
    }
    return false;
}

static uint64_t private_namespaces(const struct container_process_options *options)
{
    uint64_t flags = 0;

    for (int type = 0; type < NAMESPACE_MAX_; type++) {
        if (options->spec->namespaces[type].mode == NAMESPACE_PRIVATE && type != NAMESPACE_CGROUP &&
                !(type == NAMESPACE_NETWORK && options->netns_fd >= 0))
            flags |= namespace_clone_flag((enum namespace_type)type);
    }
    return flags;
}

static int spawn(struct start *start, struct container_process *process, struct error **err)
{
    struct clone_request request = {
        .flags = private_namespaces(start->options),
        .cgroup_fd = cgroup_clone_fd(start->options->cgroup),
        .pid_namespace_fd = start->namespace_fds[NAMESPACE_PID],
    };
    int sockets[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
        return error_set(err, errno, NULL, "cannot make a pair of sockets");
    auto_close int child_end = sockets[1];
    process->sync_fd = sockets[0];
    start->process.sync_fd = child_end;
    pid_t pid = clone_process(&request, &process->pidfd);
    if (pid == 0) {
        start->in_cgroup = request.in_cgroup;
        /* The pid namespace was joined by being born there. */
        start->namespace_fds[NAMESPACE_PID] = -EBADF;
        close(sockets[0]);
        run_child(start);
    }
    if (pid < 0)
        return error_set(err, (int)-pid, NULL, "cannot make the container's namespaces");
    process->pid = pid;
    return 0;
}

int container_create_process(const struct container_process_options *options,
        struct container_process *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const struct runtime_spec *spec = options->spec;
    int namespace_fds[NAMESPACE_MAX_];
    struct start start = { .options = options, .spec = spec, .namespace_fds = namespace_fds };

    proc_assert_single_thread();
    assert(options->cgroup);
    *ret = (struct container_process)CONTAINER_PROCESS_INIT;
    ret->options = options;
    start_process_prepare(&arena, &start.process, &spec->process);
    start.process.parent_death_signal = true;
    start.process.stdin_fd = options->stdin_fd;
    start.process.stdout_fd = options->stdout_fd;
    start.process.stderr_fd = options->stderr_fd;
    start.process.user = options->user;
    start.process.group_add = options->group_add;
    start.process.seccomp = options->seccomp;
    start.process.seccomp_flags = options->seccomp_flags;
    start.process.hook_spec = spec;
    start.process.id = options->id;
    start.process.bundle = options->bundle;
    start.bind_fds = ARENA_NEW_ARRAY(&arena, spec->mount_count + 1, int);
    for (size_t i = 0; i < spec->mount_count; i++)
        start.bind_fds[i] = -EBADF;
    start.makes_devices = !has_bound_dev(spec);
    start.bring_lo_up = options->netns_fd < 0 &&
                        spec->namespaces[NAMESPACE_NETWORK].mode == NAMESPACE_PRIVATE;
    int r = lsm_check(&spec->process, spec->mount_label, err);
    if (r >= 0)
        r = open_namespaces(options, namespace_fds, err);
    if (r >= 0)
        r = spawn(&start, ret, err);
    if (r >= 0)
        r = start_serve_hooks(&start, ret, err);
    if (r >= 0)
        r = start_receive(
                ret->sync_fd, START_READY, &ret->console_fd, &start, &ret->exit_code, err);
    close_fds(namespace_fds, NAMESPACE_MAX_);
    if (r >= 0)
        r = cgroup_restrict_devices(options->cgroup, &spec->resources, err);
    if (r < 0) {
        int exit_code = ret->exit_code;

        container_process_release(ret);
        ret->exit_code = exit_code;
        return r;
    }
    return 0;
}

int container_start_process(struct container_process *process, struct error **err)
{
    struct start_message go = { .kind = START_GO };
    struct start start = { .options = process->options, .spec = process->options->spec };

    start.process.argv = process->options->spec->process.args;
    start.process.cwd = process->options->spec->process.cwd;
    if (send(process->sync_fd, &go, sizeof(go), MSG_NOSIGNAL) < 0) {
        process->exit_code = 128;
        return error_set(
                err, errno, NULL, "the process of the container ended before it was started");
    }
    int r = start_receive(process->sync_fd, START_GO, NULL, &start, &process->exit_code, err);
    process->sync_fd = fd_close(process->sync_fd);
    return r;
}

void container_process_release(struct container_process *process)
{
    if (process->pid > 0 && process->sync_fd >= 0) {
        (void)proc_kill_pidfd(process->pidfd, SIGKILL);
        (void)proc_wait(process->pid);
    }
    process->pidfd = fd_close(process->pidfd);
    process->sync_fd = fd_close(process->sync_fd);
    process->console_fd = fd_close(process->console_fd);
    process->pid = 0;
}
