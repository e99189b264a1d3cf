#include "engine/runtime/container.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <stdio.h>
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
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"
#include "engine/runtime/user-namespace.h"

/* ---- child ---- */

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
    start_enter_surroundings(start);
    start_join_keyring(process->sync_fd, start->options->keyring);
    start_take_binds(start, false);
    int root_fd = start_make_root(start);
    start_mount_all(start, root_fd);
    start_make_devices(start, root_fd);
    if (process->terminal) {
        master = start_open_terminal(
                process->sync_fd, root_fd, process->console_height, process->console_width, &slave);
        start_bind_console(start, root_fd, slave);
        if (process->plain_terminal)
            start_make_terminal_plain(process->sync_fd, slave);
    }
    start_seal_dev(start, root_fd);
    start_hide_paths(start, root_fd);
    make_cwd(start, root_fd);
    start_run_create_hooks(start, root_fd);
    start_resolve_user(process, root_fd, &identity);
    start_change_root(start, root_fd);
    start_prepare_process(process, &identity, slave);
    start_send_ready(process->sync_fd, master);
    start_wait_for_go(process->sync_fd);
    start_pass_gate(process);
    start_execute(process);
}

/* ---- parent ---- */

static bool is_own_namespace(int fd, const char *name)
{
    char path[32];
    struct stat own, other;

    snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
    return fstat(fd, &other) == 0 && stat(path, &own) == 0 && own.st_ino == other.st_ino &&
           own.st_dev == other.st_dev;
}

static int open_namespace(const struct container_process_options *options, enum namespace_type type,
        int *ret_fd, struct error **err)
{
    const struct runtime_spec *spec = options->spec;
    const struct runtime_namespace *ns = &spec->namespaces[type];
    int given = type == NAMESPACE_NETWORK ? options->netns_fd
                : type == NAMESPACE_USER  ? options->userns_fd
                                          : -EBADF;

    if (given >= 0) {
        *ret_fd = fcntl(given, F_DUPFD_CLOEXEC, 3);
        return *ret_fd < 0 ? error_set(err, errno, NULL, "cannot keep a namespace") : 0;
    }
    if (type == NAMESPACE_USER && ns->mode == NAMESPACE_PRIVATE)
        return user_namespace_create(&spec->uid_mappings, &spec->gid_mappings, ret_fd, err);
    if (ns->mode != NAMESPACE_JOIN)
        return 0;
    int fd = open(ns->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int kind = fd < 0 ? -1 : ioctl(fd, NS_GET_NSTYPE);
    if (fd >= 0 && kind != (int)namespace_clone_flag(type)) {
        close(fd);
        return error_set_plain(err, EINVAL, NULL, "\"%s\" is not a %s namespace", ns->path,
                namespace_type_names[type]);
    }
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open the %s namespace \"%s\"",
                namespace_type_names[type], ns->path);
    /* One's own user namespace cannot be joined, and need not. */
    if (type == NAMESPACE_USER && is_own_namespace(fd, "user"))
        fd = fd_close(fd);
    *ret_fd = fd;
    return 0;
}

static int open_namespaces(
        const struct container_process_options *options, int *fds, struct error **err)
{
    int r = 0;

    for (int type = 0; r >= 0 && type < NAMESPACE_MAX_; type++)
        r = open_namespace(options, (enum namespace_type)type, &fds[type], err);
    if (r >= 0 && options->rootfs.lower_count > 0 &&
            options->spec->namespaces[NAMESPACE_MOUNT].mode == NAMESPACE_HOST)
        return error_set_plain(
                err, EINVAL, NULL, "namespaces: a container needs a mount namespace of its own");
    if (r >= 0 && fds[NAMESPACE_MOUNT] >= 0 && is_own_namespace(fds[NAMESPACE_MOUNT], "mnt"))
        return error_set_plain(err, EINVAL, NULL,
                "the mount namespace \"%s\" is our own: a container needs another",
                options->spec->namespaces[NAMESPACE_MOUNT].path);
    return r;
}

/* A joined user namespace need not be described: the kernel knows its mappings. */
static int find_mappings(struct arena *arena, struct start *start, struct error **err)
{
    int fd = start->namespace_fds[NAMESPACE_USER];

    start->uid_mappings = start->spec->uid_mappings;
    start->gid_mappings = start->spec->gid_mappings;
    if (fd < 0 || start->uid_mappings.count > 0)
        return 0;
    return user_namespace_read_mappings(arena, fd, &start->uid_mappings, &start->gid_mappings, err);
}

/* Of mounts with mappings of their own. */
static int open_idmaps(struct start *start, struct error **err)
{
    for (size_t i = 0; i < start->spec->mount_count; i++) {
        const struct runtime_mount *m = &start->spec->mounts[i];

        if (m->uid_mappings.count == 0)
            continue;
        int r = user_namespace_create(
                &m->uid_mappings, &m->gid_mappings, &start->idmap_fds[i], err);
        if (r < 0)
            return error_wrap(err, r, "cannot map the ids of the mount of \"%s\"", m->destination);
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
        /* These three are entered in steps of their own. */
        if (options->spec->namespaces[type].mode == NAMESPACE_PRIVATE && type != NAMESPACE_CGROUP &&
                type != NAMESPACE_TIME && type != NAMESPACE_USER &&
                !(type == NAMESPACE_NETWORK && options->netns_fd >= 0))
            flags |= namespace_clone_flag((enum namespace_type)type);
    }
    return flags;
}

/* The step between has cloned the container's process, or said why not. */
static int receive_clone(
        const struct start *start, struct container_process *process, struct error **err)
{
    struct start_message message = { 0 };
    int pidfd = -EBADF;
    int r = start_receive_message(
            process->sync_fd, START_CLONED, &message, &pidfd, start, &process->exit_code, err);

    (void)proc_wait(process->pid);
    process->pidfd = fd_close(process->pidfd);
    process->pid = 0;
    if (r < 0)
        return r;
    if (pidfd < 0 || message.code <= 0)
        return error_set(err, EPROTO, NULL, "the process of the container sent nonsense");
    process->pid = message.code;
    process->pidfd = pidfd;
    return 0;
}

static int spawn(struct start *start, struct container_process *process, struct error **err)
{
    uint64_t flags = private_namespaces(start->options);
    bool needs_step = start_needs_step(start);
    struct clone_request request = {
        .flags = needs_step ? 0 : flags,
        .cgroup_fd = cgroup_clone_fd(start->options->cgroup),
        .cgroup_below_fd = -EBADF,
        .pid_namespace_fd = needs_step ? -EBADF : start->namespace_fds[NAMESPACE_PID],
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
        close(sockets[0]);
        if (needs_step)
            start_run_step(start, flags, run_child);
        /* The pid namespace was joined by being born there. */
        start->namespace_fds[NAMESPACE_PID] = -EBADF;
        run_child(start);
    }
    if (pid < 0)
        return error_set(err, (int)-pid, NULL, "cannot make the container's namespaces");
    process->pid = pid;
    if (!needs_step)
        return 0;
    child_end = fd_close(child_end);
    return receive_clone(start, process, err);
}

int container_create_process(const struct container_process_options *options,
        struct container_process *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const struct runtime_spec *spec = options->spec;
    int namespace_fds[NAMESPACE_MAX_];
    struct start start = {
        .options = options, .spec = spec, .namespace_fds = namespace_fds, .root_tree_fd = -EBADF
    };

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
    start.process.has_listener = spec->seccomp_listener != NULL;
    start.process.is_in_user_namespace = spec->namespaces[NAMESPACE_USER].mode != NAMESPACE_HOST;
    start.process.hook_spec = spec;
    start.process.id = options->id;
    start.process.bundle = options->bundle;
    start.process.detached = options->detached;
    start.process.plain_terminal = options->plain_terminal;
    start.process.preserved_fds = options->preserved_fds;
    if (options->held)
        start.process.gate_fd = options->gate_fd;
    start.bind_fds = ARENA_NEW_ARRAY(&arena, spec->mount_count + 1, int);
    start.idmap_fds = ARENA_NEW_ARRAY(&arena, spec->mount_count + 1, int);
    for (size_t i = 0; i < spec->mount_count; i++)
        start.bind_fds[i] = start.idmap_fds[i] = -EBADF;
    for (int type = 0; type < NAMESPACE_MAX_; type++)
        namespace_fds[type] = -EBADF;
    start.binds_devices = options->userns_fd >= 0 ||
                          spec->namespaces[NAMESPACE_USER].mode != NAMESPACE_HOST;
    start.makes_devices = !has_bound_dev(spec);
    start.bring_lo_up = options->netns_fd < 0 &&
                        spec->namespaces[NAMESPACE_NETWORK].mode == NAMESPACE_PRIVATE;
    int r = lsm_check(&spec->process, spec->mount_label, err);
    if (r >= 0)
        r = open_namespaces(options, namespace_fds, err);
    if (r >= 0)
        r = find_mappings(&arena, &start, err);
    if (r >= 0)
        r = open_idmaps(&start, err);
    if (r >= 0)
        r = spawn(&start, ret, err);
    if (r >= 0)
        r = start_serve_hooks(&start, ret, err);
    if (r >= 0)
        r = start_receive(
                ret->sync_fd, START_READY, &ret->console_fd, &start, &ret->exit_code, err);
    close_fds(namespace_fds, NAMESPACE_MAX_);
    close_fds(start.idmap_fds, spec->mount_count);
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

    start.told = (struct hook_state){ .id = process->options->id,
        .bundle = process->options->bundle,
        .status = "creating",
        .pid = process->pid };
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

int container_hold_process(struct container_process *process, struct error **err)
{
    struct start_message go = { .kind = START_GO };
    struct start start = { .options = process->options, .spec = process->options->spec };

    start.process.argv = process->options->spec->process.args;
    start.process.cwd = process->options->spec->process.cwd;
    if (send(process->sync_fd, &go, sizeof(go), MSG_NOSIGNAL) < 0)
        return error_set(
                err, errno, NULL, "the process of the container ended before it was created");
    int r = start_receive(process->sync_fd, START_HELD, NULL, &start, &process->exit_code, err);
    if (r >= 0)
        process->sync_fd = fd_close(process->sync_fd);
    return r;
}

int container_start_held(int connection_fd, const struct runtime_spec *spec,
        const struct hook_state *told, int *ret_exit_code, struct error **err)
{
    struct start_message go = { .kind = START_GO };
    struct start start = { .spec = spec, .told = *told };

    start.process.argv = spec->process.args;
    start.process.cwd = spec->process.cwd;
    if (send(connection_fd, &go, sizeof(go), MSG_NOSIGNAL) < 0)
        return error_set(
                err, errno, NULL, "the process of the container ended before it was started");
    return start_receive(connection_fd, START_GO, NULL, &start, ret_exit_code, err);
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
