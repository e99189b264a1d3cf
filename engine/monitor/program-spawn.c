#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/proc.h"
#include "engine/monitor/program-internal.h"
#include "engine/monitor/program.h"

static char *const empty_environment[] = { NULL };

#define MONITORS_DIRECTORY "/sys/fs/cgroup" MONITOR_CGROUP

/* Everything for execve, as descriptors 0 to 7. */
struct program_process {
    const char *path;
    char *const *argv;
    int fds[PROGRAM_FDS];
};

/* In the child: async-signal-safe calls alone. What fails here is seen as the end of the
 * connection. */
static _Noreturn void execute(const struct program_process *process)
{
    int copies[ARRAY_LEN(process->fds)];
    sigset_t none;

    setsid();
    for (int signo = 1; signo < 32; signo++)
        signal(signo, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Out of the way first, so that none is overwritten before its turn. */
    for (size_t i = 0; i < ARRAY_LEN(copies); i++)
        copies[i] = fcntl(process->fds[i], F_DUPFD_CLOEXEC, (int)ARRAY_LEN(copies));
    for (size_t i = 0; i < ARRAY_LEN(copies); i++) {
        if (copies[i] < 0 || dup2(copies[i], (int)i) < 0)
            _exit(127);
    }
    (void)syscall(SYS_close_range, (unsigned)ARRAY_LEN(copies), ~0u, 0);
    if (chdir("/") < 0)
        _exit(127);
    execve(process->path, process->argv, empty_environment);
    _exit(127);
}

/* A monitor has to leave the cgroup of its command. In v2 moving a process waits for an RCU grace
 * period, some ten milliseconds of every start, but being born elsewhere costs nothing;
 * posix_spawn cannot say where. So this is the one place outside of the monitor with a raw clone3:
 * without CLONE_VM, and the child does nothing but what is allowed after fork in a program with
 * threads. False: not with this kernel or layout; the usual way works everywhere. */
static bool spawn_in_cgroup(const struct program_process *process, pid_t *ret_pid, int *ret_pidfd)
{
    auto_close int cgroup_fd = open(MONITORS_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct statfs fs;
    sigset_t all, before;
    int pidfd = -EBADF;

    if (cgroup_fd < 0 || fstatfs(cgroup_fd, &fs) < 0 || fs.f_type != CGROUP2_SUPER_MAGIC)
        return false;
    struct clone_args args = {
        .flags = CLONE_VFORK | CLONE_PIDFD | CLONE_INTO_CGROUP,
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)cgroup_fd,
    };
    /* A handler of the command's must not run in the child. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    long pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        execute(process);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (pid < 0)
        return false;
    *ret_pid = (pid_t)pid;
    *ret_pidfd = pidfd;
    return true;
}

int program_spawn(const char *program, char *const *argv, const int fds[static PROGRAM_FDS],
        pid_t *ret_pid, int *ret_pidfd, struct error **err)
{
    auto_close int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    char path[FS_FD_PATH_MAX];
    struct program_process process = {
        .path = fds[PROGRAM_BINARY_FD] >= 0 ? fs_fd_path(PROGRAM_BINARY_FD, path) : program,
        .argv = argv,
    };
    struct proc_spawn spawn = PROC_SPAWN_INIT;

    if (null_fd < 0)
        return error_set(err, errno, NULL, "cannot open /dev/null");
    for (size_t i = 0; i < PROGRAM_FDS; i++)
        process.fds[i] = fds[i] >= 0 ? fds[i] : null_fd;
    if (spawn_in_cgroup(&process, ret_pid, ret_pidfd))
        return 0;
    spawn.path = process.path;
    spawn.argv = argv;
    spawn.envp = empty_environment;
    spawn.stdin_fd = process.fds[0];
    spawn.stdout_fd = process.fds[1];
    spawn.stderr_fd = process.fds[2];
    spawn.fds = process.fds + 3;
    spawn.fd_count = PROGRAM_FDS - 3;
    spawn.cwd = "/";
    spawn.new_session = true;
    return proc_spawn(&spawn, ret_pid, ret_pidfd, err);
}
