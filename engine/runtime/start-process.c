/* The last part of every process that berth starts in a container: who it is, what it may do,
 * execve. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/str.h"
#include "engine/runtime/container.h"
#include "engine/runtime/procfs.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"

#define HOME_PREFIX "HOME="
#define RESET_ON_FORK 0x01 /* SCHED_FLAG_RESET_ON_FORK */
#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

_Noreturn void start_fail(int sync_fd, enum start_stage stage, size_t index)
{
    struct start_message message = {
        .kind = START_FAILED, .stage = stage, .code = errno, .index = (uint32_t)index
    };

    (void)!write(sync_fd, &message, sizeof(message));
    _exit(127);
}

static void check(const struct start_process *process, enum start_stage stage, int r)
{
    if (r < 0) {
        errno = -r;
        start_fail(process->sync_fd, stage, 0);
    }
}

void start_process_prepare(
        struct arena *arena, struct start_process *process, const struct runtime_process *spec)
{
    size_t count = 0;

    while (spec->env[count])
        count++;
    process->argv = spec->args;
    process->env = ARENA_NEW_ARRAY(arena, count + 2, char *);
    process->home_slot = count;
    process->path = DEFAULT_PATH;
    for (size_t i = 0; i < count; i++) {
        process->env[i] = spec->env[i];
        /* An empty one is none: it gets the user's. */
        if (string_has_prefix(spec->env[i], HOME_PREFIX))
            process->home_slot = strcmp(spec->env[i], HOME_PREFIX) == 0 ? i : SIZE_MAX;
        if (string_has_prefix(spec->env[i], "PATH="))
            process->path = spec->env[i] + strlen("PATH=");
    }
    process->cwd = spec->cwd;
    process->terminal = spec->terminal;
    process->console_height = spec->console_height;
    process->console_width = spec->console_width;
    process->uid = spec->uid;
    process->gid = spec->gid;
    process->groups = spec->groups;
    process->group_count = spec->group_count;
    process->umask = spec->umask;
    process->capabilities = spec->capabilities;
    process->own_bounding = capability_own_bounding_set();
    process->rlimits = spec->rlimits;
    process->rlimit_count = spec->rlimit_count;
    process->has_oom_score_adj = spec->has_oom_score_adj;
    process->oom_score_adj = spec->oom_score_adj;
    process->no_new_privileges = spec->no_new_privileges;
    process->scheduling = spec->scheduling;
    process->apparmor_profile = spec->apparmor_profile;
    process->selinux_label = spec->selinux_label;
    process->labels = (struct lsm_files){ -EBADF, -EBADF };
    process->gate_fd = -EBADF;
}

void start_resolve_user(struct start_process *process, int root_fd, struct user_identity *identity)
{
    static const enum start_stage stages[] = {
        [USER_UNKNOWN] = STAGE_USER,
        [USER_GROUP_UNKNOWN] = STAGE_GROUP,
        [USER_ADDED_UNKNOWN] = STAGE_GROUP_ADD,
        [USER_RANGE] = STAGE_USER_RANGE,
        [USER_FILE] = STAGE_USER_FILE,
    };
    size_t index = 0;

    if (process->user) {
        enum user_failure failure = user_resolve(
                root_fd, process->user, process->group_add, identity, &index);

        if (failure != USER_FILE)
            errno = ENOENT;
        if (failure != USER_OK)
            start_fail(process->sync_fd, stages[failure], index);
        return;
    }
    identity->uid = process->uid;
    identity->gid = process->gid;
    /* As configured: that the primary group is among them (CVE-2022-36109) is for whoever looks up
     * the numbers, as user_resolve does. */
    identity->group_count = 0;
    for (size_t i = 0; i < process->group_count && identity->group_count < USER_GROUPS_MAX; i++)
        identity->groups[identity->group_count++] = process->groups[i];
    if (process->home_slot != SIZE_MAX)
        user_find_home(root_fd, identity->uid, identity->home);
}

/* So that /dev/stdout can be opened anew by a user who is not root. The null device stays root's,
 * and what refuses (a file on another's file system) is as it was. */
static void give_stdio(uid_t uid)
{
    for (int fd = 0; fd <= 2; fd++) {
        struct stat st;

        if (fstat(fd, &st) < 0 || st.st_uid == uid ||
                (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
            continue;
        if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
            (void)!fchown(fd, uid, st.st_gid);
    }
}

static void set_stdio(struct start_process *process, int terminal_slave)
{
    const int fds[] = {
        terminal_slave >= 0 ? terminal_slave : process->stdin_fd,
        terminal_slave >= 0 ? terminal_slave : process->stdout_fd,
        terminal_slave >= 0 ? terminal_slave : process->stderr_fd,
    };

    if (setsid() < 0 && errno != EPERM) /* EPERM: leads its group already */
        start_fail(process->sync_fd, STAGE_STDIO, 0);
    for (int i = 0; i <= 2; i++) {
        assert(fds[i] > 2 || fds[i] == i);
        if (fds[i] == i ? fd_set_cloexec(i, false) < 0 : dup2(fds[i], i) < 0)
            start_fail(process->sync_fd, STAGE_STDIO, 0);
    }
    if (terminal_slave >= 0 && ioctl(0, TIOCSCTTY, 0) < 0)
        start_fail(process->sync_fd, STAGE_STDIO, 0);
}

void start_write_oom_score(struct start_process *process)
{
    char text[16];

    if (!process->has_oom_score_adj)
        return;
    snprintf(text, sizeof(text), "%d", process->oom_score_adj);
    check(process, STAGE_OOM_SCORE, procfs_write("self/oom_score_adj", text));
}

void start_open_labels(struct start_process *process)
{
    check(process, STAGE_LABEL,
            lsm_open(&process->labels, process->apparmor_profile, process->selinux_label));
}

/* While the rights for it are still there. */
static void set_scheduling(struct start_process *process)
{
    const struct scheduling *scheduling = &process->scheduling;

    if (process->applies_exec_mask)
        check(process, STAGE_AFFINITY, scheduling_apply_mask(&scheduling->exec_final));
    if (!process->has_host_scheduling || (scheduling->scheduler.flags & RESET_ON_FORK))
        check(process, STAGE_SCHEDULER, scheduling_apply_scheduler(scheduling));
    check(process, STAGE_IO_PRIORITY, scheduling_apply_io_priority(scheduling));
    check(process, STAGE_MEMORY_POLICY, scheduling_apply_memory_policy(scheduling));
    check(process, STAGE_PERSONALITY, scheduling_apply_personality(scheduling));
}

void start_use_host_rights(struct start_process *process)
{
    for (size_t i = 0; i < process->rlimit_count; i++) {
        const struct runtime_rlimit *limit = &process->rlimits[i];
        struct rlimit now;

        if (getrlimit((__rlimit_resource_t)limit->resource, &now) < 0)
            start_fail(process->sync_fd, STAGE_RLIMIT, i);
        if (limit->value.rlim_max <= now.rlim_max)
            continue;
        now.rlim_max = limit->value.rlim_max;
        if (setrlimit((__rlimit_resource_t)limit->resource, &now) < 0)
            start_fail(process->sync_fd, STAGE_RLIMIT, i);
    }
    check(process, STAGE_SCHEDULER, scheduling_apply_scheduler(&process->scheduling));
    process->has_host_scheduling = true;
}

static void set_limits(struct start_process *process)
{
    for (size_t i = 0; i < process->rlimit_count; i++) {
        const struct rlimit *value = &process->rlimits[i].value;

        if (setrlimit((__rlimit_resource_t)process->rlimits[i].resource, value) < 0)
            start_fail(process->sync_fd, STAGE_RLIMIT, i);
    }
}

/* The working directory may have been replaced by something outside, through a descriptor that was
 * left open (CVE-2024-21626): then the kernel calls it unreachable. */
static void enter_cwd(struct start_process *process)
{
    char path[PATH_MAX];

    if (chdir(process->cwd) < 0)
        start_fail(process->sync_fd, STAGE_CWD, 0);
    long len = syscall(SYS_getcwd, path, sizeof(path));
    if (len <= 0 || path[0] != '/') {
        errno = EPERM;
        start_fail(process->sync_fd, STAGE_CWD_OUTSIDE, 0);
    }
}

void start_send_ready(int sync_fd, int console_fd)
{
    struct start_message message = { .kind = START_READY };
    ssize_t r = fd_send(sync_fd, &message, sizeof(message), &console_fd, console_fd >= 0);

    if (r < 0)
        _exit(127);
}

void start_wait_for_go(int sync_fd)
{
    struct start_message message;
    ssize_t len;

    do
        len = read(sync_fd, &message, sizeof(message));
    while (len < 0 && errno == EINTR);
    if (len != sizeof(message) || message.kind != START_GO)
        _exit(127); /* the monitor is gone or gave up */
}

void start_join_keyring(int sync_fd, const char *name)
{
    /* Whoever possesses it may search it: a process of exec, started by the same user, joins it. */
    const long searchable = 0x080000;

    if (!name)
        return;
    long ring = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name);
    /* A kernel without keys, or a filter around us (Docker's) that forbids them, has none to share. */
    if (ring < 0 && errno != ENOSYS && errno != EPERM)
        start_fail(sync_fd, STAGE_KEYRING, 0);
    if (ring < 0)
        return;
    char about[128];
    long len = syscall(SYS_keyctl, KEYCTL_DESCRIBE, ring, about, sizeof(about));
    struct str rest = { about, len > 0 && (size_t)len <= sizeof(about) ? (size_t)len - 1 : 0 },
               word = { 0 };
    uint32_t mask = 0;

    for (int i = 0; i < 4; i++)
        (void)str_split_next(&rest, ';', &word);
    for (size_t i = 0; i < word.len; i++)
        mask = mask * 16 + (uint32_t)(word.data[i] <= '9' ? word.data[i] - '0'
                                                          : (word.data[i] | 32) - 'a' + 10);
    if (word.len > 0)
        (void)syscall(SYS_keyctl, KEYCTL_SETPERM, ring, mask | searchable);
}

/* As execvpe will look, so that `create` can already say what is missing. */
static void check_executable(const struct start_process *process)
{
    const char *name = process->argv[0];
    struct str rest = str_from(process->path), dir;
    char path[PATH_MAX];

    if (strchr(name, '/')) {
        struct stat st;

        if (stat(name, &st) < 0)
            start_fail(process->sync_fd, STAGE_EXEC, 0);
        errno = EACCES;
        if (S_ISDIR(st.st_mode))
            start_fail(process->sync_fd, STAGE_EXEC_DIRECTORY, 0);
        if (faccessat(AT_FDCWD, name, X_OK, AT_EACCESS) < 0)
            start_fail(process->sync_fd, STAGE_EXEC, 0);
        return;
    }
    while (*name && str_split_next(&rest, ':', &dir)) {
        int len = snprintf(
                path, sizeof(path), "%.*s/%s", STR_FMT(dir.len > 0 ? dir : STR_LITERAL(".")), name);

        if (len > 0 && (size_t)len < sizeof(path) && access(path, F_OK) == 0)
            return;
    }
    errno = ENOENT;
    start_fail(process->sync_fd, STAGE_EXEC_LOOKUP, 0);
}

static void forget_parent(const struct start_process *process)
{
    if (process->parent_death_signal && process->detached &&
            prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0) < 0)
        start_fail(process->sync_fd, STAGE_CREDENTIALS, 0);
}

static void swap(int *a, int *b)
{
    int c = *a;

    *a = *b;
    *b = c;
}

/* It may wait here for days. Nothing of the creator's stays with it: no lock that others wait for, no
 * directory of the host that somebody in the container could get at. */
static void close_all_but_gate(const struct start_process *process)
{
    int keep[] = { process->sync_fd, process->gate_fd, process->labels.apparmor_fd,
        process->labels.selinux_fd };
    size_t first = 0;

    for (size_t i = 1; i < ARRAY_LEN(keep); i++)
        for (size_t n = i; n > 0 && keep[n - 1] > keep[n]; n--)
            swap(&keep[n - 1], &keep[n]);
    while (first < ARRAY_LEN(keep) && keep[first] < 0)
        first++;
    proc_close_fds_from(
            3 + (int)process->preserved_fds, keep + first, (unsigned)(ARRAY_LEN(keep) - first));
}

static void end_by_signal(int signo)
{
    _exit(128 + signo);
}

/* The first process of a pid namespace only gets what it has handlers for. They end with exec. */
static void end_on_signals(void)
{
    static const int signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM };
    const struct sigaction action = { .sa_handler = end_by_signal };
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++) {
        sigaction(signals[i], &action, NULL);
        sigaddset(&set, signals[i]);
    }
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void start_pass_gate(struct start_process *process)
{
    struct start_message message = { .kind = START_HELD };

    if (process->gate_fd < 0) {
        forget_parent(process);
        return;
    }
    check_executable(process);
    end_on_signals();
    forget_parent(process);
    close_all_but_gate(process);
    if (write(process->sync_fd, &message, sizeof(message)) != sizeof(message))
        _exit(127);
    close(process->sync_fd);
    /* Whoever only knocks, to see whether somebody waits here, hangs up without a word. */
    for (;;) {
        process->sync_fd = accept4(process->gate_fd, NULL, NULL, SOCK_CLOEXEC);
        if (process->sync_fd < 0 && errno != EINTR && errno != ECONNABORTED)
            _exit(127);
        if (process->sync_fd >= 0 &&
                read(process->sync_fd, &message, sizeof(message)) == sizeof(message) &&
                message.kind == START_GO)
            break;
        fd_close(process->sync_fd);
    }
    close(process->gate_fd);
}

static void load_seccomp(struct start_process *process)
{
    if (!process->seccomp)
        return;
    unsigned flags = process->seccomp_flags |
                     (process->has_listener ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0);
    long r = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, process->seccomp);
    if (r < 0)
        start_fail(process->sync_fd, STAGE_SECCOMP, 0);
    if (process->has_listener)
        start_hand_over_listener(process, (int)r);
}

static void become_user(struct start_process *process, const struct user_identity *identity)
{
    int sync_fd = process->sync_fd;
    uint64_t own = process->own_bounding;

    if (capability_apply_bounding(process->capabilities.bounding, own) < 0)
        start_fail(sync_fd, STAGE_CAPABILITIES, 0);
    if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
        start_fail(sync_fd, STAGE_CREDENTIALS, 0);
    /* In a user namespace of an ordinary user setgroups may be denied for good: then the groups are
     * as they are, which is only right when no others were asked for. */
    if ((setgroups(identity->group_count, identity->groups) < 0 &&
                !(errno == EPERM && identity->group_count <= 1 && process->is_in_user_namespace)) ||
            syscall(SYS_setresgid, identity->gid, identity->gid, identity->gid) < 0 ||
            syscall(SYS_setresuid, identity->uid, identity->uid, identity->uid) < 0)
        start_fail(sync_fd, STAGE_CREDENTIALS, 0);
    /* The change of uid cleared the effective set, and with it the right to load a filter. */
    if (identity->uid != 0 && capability_set(own, own, 0) < 0)
        start_fail(sync_fd, STAGE_CAPABILITIES, 0);
    /* Credentials changed, so the kernel forgot this. */
    if (process->parent_death_signal && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0)
        start_fail(sync_fd, STAGE_CREDENTIALS, 0);
}

/* Everything up to READY that needs root's rights or the old /proc. */
void start_prepare_process(
        struct start_process *process, const struct user_identity *identity, int terminal_slave)
{
    static char home[USER_HOME_MAX + sizeof(HOME_PREFIX)]; /* this process executes soon */

    if (process->home_slot != SIZE_MAX) {
        snprintf(home, sizeof(home), HOME_PREFIX "%s", identity->home);
        process->env[process->home_slot] = home;
    }
    set_stdio(process, terminal_slave);
    give_stdio(identity->uid);
    set_limits(process);
    set_scheduling(process);
    /* Nothing that the monitor has open comes along: all is close-on-exec, and this is the belt to
     * it (not there before Linux 5.11). */
    (void)syscall(SYS_close_range, 3 + process->preserved_fds, ~0u, CLOSE_RANGE_CLOEXEC);
    become_user(process, identity);
    enter_cwd(process);
    umask(process->umask);
}

static void set_capabilities(struct start_process *process)
{
    check(process, STAGE_CAPABILITIES,
            capability_apply_rest(&process->capabilities, process->own_bounding));
}

/* They take effect with the next exec: after the hooks', before the program's. */
static void apply_labels(struct start_process *process)
{
    check(process, STAGE_LABEL,
            lsm_apply(&process->labels, process->apparmor_profile, process->selinux_label));
}

static _Noreturn void fail_exec(struct start_process *process, const char *path)
{
    struct stat st;
    int code = errno;
    bool directory = code == EACCES && stat(path, &st) == 0 && S_ISDIR(st.st_mode);

    errno = code;
    start_fail(process->sync_fd, directory ? STAGE_EXEC_DIRECTORY : STAGE_EXEC, 0);
}

/* As execvpe would, but with the container's PATH, and knowing the difference between "not found"
 * and "found, but not to be executed". */
static _Noreturn void search_and_execute(struct start_process *process)
{
    const char *name = process->argv[0];
    struct str rest = str_from(process->path), dir;
    bool denied = false;
    char path[PATH_MAX];

    if (strchr(name, '/')) {
        execve(name, process->argv, process->env);
        fail_exec(process, name);
    }
    while (*name && str_split_next(&rest, ':', &dir)) {
        int len = snprintf(
                path, sizeof(path), "%.*s/%s", STR_FMT(dir.len > 0 ? dir : STR_LITERAL(".")), name);
        struct stat st;

        if (len < 0 || (size_t)len >= sizeof(path))
            continue;
        execve(path, process->argv, process->env);
        if (errno == ENOENT && stat(path, &st) == 0)
            errno = ENOENT, fail_exec(process, path); /* there, but its interpreter is not */
        if (errno == EACCES)
            denied |= stat(path, &st) == 0 && S_ISREG(st.st_mode);
        else if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENAMETOOLONG)
            fail_exec(process, path);
    }
    errno = denied ? EACCES : ENOENT;
    start_fail(process->sync_fd, denied ? STAGE_EXEC : STAGE_EXEC_LOOKUP, 0);
}

_Noreturn void start_execute(struct start_process *process)
{
    sigset_t none;

    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* A filter can be loaded by CAP_SYS_ADMIN, or under no_new_privs by anybody: as late as
     * possible each time, so that a profile has to allow as little as possible of what we still
     * do. */
    if (process->no_new_privileges) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
            start_fail(process->sync_fd, STAGE_SECCOMP, 0);
        set_capabilities(process);
        load_seccomp(process);
    } else {
        load_seccomp(process);
        set_capabilities(process);
    }
    start_run_start_hooks(process); /* from the container: what binds its program binds them */
    apply_labels(process);
    search_and_execute(process);
}
