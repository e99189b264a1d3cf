#include "engine/runtime/join.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/proc.h"
#include "base/str.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/clone.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"
#include "engine/runtime/user-namespace.h"

#define JOINED (CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP)

/* A user namespace can only be joined where it is another, and time's not before Linux 5.6. */
static int joined_namespaces(const struct runtime_spec *spec)
{
    return JOINED | (spec->namespaces[NAMESPACE_USER].mode != NAMESPACE_HOST ? CLONE_NEWUSER : 0) |
           (spec->namespaces[NAMESPACE_TIME].mode != NAMESPACE_HOST ? CLONE_NEWTIME : 0);
}

/* Before Linux 5.8 a pidfd cannot be joined; then each namespace by its file. */
static int join_each(const int *fds)
{
    /* The user namespace first, which the others belong to; the mount namespace last: it takes
     * /proc away. */
    for (int type = NAMESPACE_MAX_ - 1; type >= 0; type--) {
        if (fds[type] >= 0 &&
                setns(fds[type], (int)namespace_clone_flag((enum namespace_type)type)) < 0)
            return -1;
    }
    return 0;
}

static int compare_fds(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* From the moment it joins, a process with CAP_SYS_PTRACE in the container could walk out through whatever this
 * one has open: nothing is, but what it still needs, and the namespaces only until they are joined. */
static void close_foreign_fds(const struct start *start, const struct join_options *options)
{
    const struct start_process *process = &start->process;
    int keep[NAMESPACE_MAX_ + 7];
    unsigned count = 0;

    keep[count++] = process->sync_fd;
    keep[count++] = options->pidfd;
    keep[count++] = process->stdin_fd;
    keep[count++] = process->stdout_fd;
    keep[count++] = process->stderr_fd;
    keep[count++] = process->labels.apparmor_fd;
    keep[count++] = process->labels.selinux_fd;
    for (int type = 0; type < NAMESPACE_MAX_; type++)
        keep[count++] = start->namespace_fds[type];
    qsort(keep, count, sizeof(keep[0]), compare_fds);

    int lowest = 3 + (int)process->preserved_fds;
    unsigned first = 0;
    while (first < count && keep[first] < lowest)
        first++;
    proc_close_fds_from(lowest, keep + first, count - first);
}

/* A container in the host's mount namespace has its root by chroot, which joining does not give. */
static int open_chroot(const struct start *start, const struct join_options *options)
{
    char path[64];

    if (start->spec->namespaces[NAMESPACE_MOUNT].mode != NAMESPACE_HOST)
        return -EBADF;
    snprintf(path, sizeof(path), "/proc/%d/root", (int)options->pid);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        start_fail(start->process.sync_fd, STAGE_PIVOT, 0);
    return fd;
}

static struct capability_sets all_capabilities(uint64_t all)
{
    return (struct capability_sets){ .bounding = all, .effective = all, .permitted = all };
}

static _Noreturn void run_child(
        struct start *start, const struct join_options *options, bool in_cgroup, int below_fd)
{
    static struct user_identity identity; /* this process executes soon */
    struct start_process *process = &start->process;
    int slave = -EBADF, master = -EBADF;
    int r;

    /* A container with CAP_SYS_PTRACE aside, nobody in there may look into us while we still have
     * our own descriptors and rights. */
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
        start_fail(process->sync_fd, STAGE_CREDENTIALS, 0);
    if (process->parent_death_signal && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        start_fail(process->sync_fd, STAGE_CREDENTIALS, 0);
    start_write_oom_score(process);
    start_open_labels(process);
    /* Before the cgroup, whose cpuset then has the last word until exec_final. */
    r = scheduling_apply_mask(&process->scheduling.exec_initial);
    if (r < 0) {
        errno = -r;
        start_fail(process->sync_fd, STAGE_AFFINITY, 0);
    }
    r = cgroup_enter(options->cgroup, in_cgroup, below_fd);
    if (r < 0) {
        errno = -r;
        start_fail(process->sync_fd, STAGE_CGROUP, 0);
    }
    if (!process->scheduling.exec_initial.is_set)
        scheduling_reset_mask();
    start_join_keyring(process->sync_fd, options->keyring);
    close_foreign_fds(start, options);
    if (start->namespace_fds[NAMESPACE_USER] >= 0)
        start_use_host_rights(process);
    int chroot_fd = open_chroot(start, options);
    if (setns(options->pidfd, joined_namespaces(start->spec)) < 0 &&
            (errno != EINVAL || join_each(start->namespace_fds) < 0))
        start_fail(process->sync_fd, STAGE_NAMESPACE, NAMESPACE_MOUNT);
    if (start->namespace_fds[NAMESPACE_USER] >= 0) {
        r = user_namespace_become_root(0, 0);
        if (r < 0) {
            errno = -r;
            start_fail(process->sync_fd, STAGE_CREDENTIALS, 0);
        }
        process->own_bounding = capability_own_bounding_set();
        if (options->privileged)
            process->capabilities = all_capabilities(process->own_bounding);
    }
    close(options->pidfd);
    for (int type = 0; type < NAMESPACE_MAX_; type++)
        fd_close(start->namespace_fds[type]);
    if (chroot_fd >= 0 && (fchdir(chroot_fd) < 0 || chroot(".") < 0 || chdir("/") < 0))
        start_fail(process->sync_fd, STAGE_PIVOT, 0);
    fd_close(chroot_fd);
    int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        start_fail(process->sync_fd, STAGE_PIVOT, 0);
    if (process->terminal)
        master = start_open_terminal(
                process->sync_fd, root_fd, process->console_height, process->console_width, &slave);
    if (process->terminal && process->plain_terminal)
        start_make_terminal_plain(process->sync_fd, slave);
    start_resolve_user(process, root_fd, &identity);
    start_prepare_process(process, &identity, slave);
    start_send_ready(process->sync_fd, master);
    start_wait_for_go(process->sync_fd);
    start_pass_gate(process);
    start_execute(process);
}

static int open_namespaces(const struct join_options *options, int *fds, struct error **err)
{
    static const char *const files[NAMESPACE_MAX_] = {
        [NAMESPACE_MOUNT] = "mnt",
        [NAMESPACE_UTS] = "uts",
        [NAMESPACE_IPC] = "ipc",
        [NAMESPACE_PID] = "pid",
        [NAMESPACE_NETWORK] = "net",
        [NAMESPACE_CGROUP] = "cgroup",
        [NAMESPACE_TIME] = "time",
        [NAMESPACE_USER] = "user",
    };

    for (int type = 0; type < NAMESPACE_MAX_; type++) {
        char path[64];

        fds[type] = -EBADF;
        if ((type == NAMESPACE_TIME || type == NAMESPACE_USER) &&
                options->spec->namespaces[type].mode == NAMESPACE_HOST)
            continue;
        snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)options->pid, files[type]);
        fds[type] = open(path, O_RDONLY | O_CLOEXEC);
        if (fds[type] < 0)
            return error_set(err, errno == ENOENT ? ESRCH : errno, NULL,
                    "cannot open the container's namespaces");
    }
    return 0;
}

/* The container's variables with the caller's on top: a name that is there is replaced in its
 * place. */
static char **merge_environment(struct arena *arena, char *const *base, char *const *over)
{
    size_t count = 0, over_count = 0;

    while (base[count])
        count++;
    while (over && over[over_count])
        over_count++;
    char **env = ARENA_NEW_ARRAY(arena, count + over_count + 1, char *);
    memcpy(env, base, count * sizeof(*env));
    for (size_t i = 0; i < over_count; i++) {
        const char *equals = strchr(over[i], '=');
        size_t name_len = equals ? (size_t)(equals - over[i]) + 1 : strlen(over[i]);
        size_t at = 0;

        while (at < count && strncmp(env[at], over[i], name_len) != 0)
            at++;
        env[at] = over[i];
        count += at == count;
    }
    return env;
}

/* What the configuration says of the container and not of a process. */
static void adopt_container_scheduling(const struct scheduling *container, struct scheduling *ret)
{
    ret->has_personality = container->has_personality;
    ret->personality = container->personality;
    ret->has_memory_policy = container->has_memory_policy;
    ret->memory_mode = container->memory_mode;
    ret->memory_nodes = container->memory_nodes;
}

static void prepare(
        struct arena *arena, const struct join_options *options, struct start_process *process)
{
    const struct runtime_process *base = &options->spec->process;
    struct runtime_process own = *base;

    if (options->process) {
        start_process_prepare(arena, process, options->process);
        adopt_container_scheduling(&base->scheduling, &process->scheduling);
        process->stdin_fd = options->stdin_fd;
        process->stdout_fd = options->stdout_fd;
        process->stderr_fd = options->stderr_fd;
        process->parent_death_signal = true;
        process->detached = options->detached;
        process->plain_terminal = options->plain_terminal;
        process->preserved_fds = options->preserved_fds;
        process->seccomp = options->seccomp;
        process->has_listener = options->seccomp && options->spec->seccomp_listener;
        process->seccomp_flags = options->seccomp_flags;
        return;
    }
    own.env = merge_environment(arena, base->env, options->env);
    own.cwd = options->cwd ? options->cwd : base->cwd;
    own.terminal = options->terminal;
    own.console_height = options->console_height;
    own.console_width = options->console_width;
    start_process_prepare(arena, process, &own);
    process->argv = options->argv;
    process->stdin_fd = options->stdin_fd;
    process->stdout_fd = options->stdout_fd;
    process->stderr_fd = options->stderr_fd;
    process->user = options->user;
    process->group_add = options->group_add;
    process->parent_death_signal = true;
    process->applies_exec_mask = true;
    process->is_in_user_namespace = options->spec->namespaces[NAMESPACE_USER].mode !=
                                    NAMESPACE_HOST;
    if (options->privileged) {
        process->capabilities = all_capabilities(process->own_bounding);
        process->no_new_privileges = false;
    } else {
        process->seccomp = options->seccomp;
        process->seccomp_flags = options->seccomp_flags;
    }
}

static int clone_child(struct start *start, const struct join_options *options,
        struct container_process *process, struct error **err)
{
    auto_close int below_fd = options->cgroup_chosen
                                      ? -EBADF
                                      : cgroup_open_below(options->cgroup, options->pid);
    struct clone_request request = {
        .cgroup_fd = cgroup_clone_fd(options->cgroup),
        .cgroup_below_fd = below_fd,
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
        /* The pid namespace was joined by being born there. */
        start->namespace_fds[NAMESPACE_PID] = -EBADF;
        close(sockets[0]);
        run_child(start, options, request.in_cgroup, below_fd);
    }
    if (pid < 0)
        return error_set(err, (int)-pid, NULL, "cannot start a process in the container");
    process->pid = pid;
    return 0;
}

int join_start_process(
        const struct join_options *options, struct container_process *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct start_message go = { .kind = START_GO };
    int namespace_fds[NAMESPACE_MAX_];
    struct start start = { .spec = options->spec, .namespace_fds = namespace_fds };
    int exit_code = 128;

    proc_assert_single_thread();
    *ret = (struct container_process)CONTAINER_PROCESS_INIT;
    prepare(&arena, options, &start.process);
    int r = open_namespaces(options, namespace_fds, err);
    if (r >= 0)
        r = clone_child(&start, options, ret, err);
    if (r >= 0)
        r = start_receive(ret->sync_fd, START_READY, &ret->console_fd, &start, &exit_code, err);
    start.told = (struct hook_state){
        .id = options->id, .bundle = options->bundle, .status = "running", .pid = ret->pid
    };
    if (r >= 0 && send(ret->sync_fd, &go, sizeof(go), MSG_NOSIGNAL) < 0)
        r = error_set(err, errno, NULL, "the process ended before it was started");
    if (r >= 0)
        r = start_receive(ret->sync_fd, START_GO, NULL, &start, &exit_code, err);
    for (int type = 0; type < NAMESPACE_MAX_; type++)
        fd_close(namespace_fds[type]);
    if (r < 0)
        container_process_release(ret);
    else
        ret->sync_fd = fd_close(ret->sync_fd);
    ret->exit_code = exit_code;
    return r;
}
