#include "engine/runtime/clone.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/proc.h"

static pid_t clone_into(struct clone_request *request, int *ret_pidfd)
{
    int pidfd = -EBADF;
    struct clone_args args = {
        .flags = request->flags | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    long pid = -1;

    if (request->as_sibling) {
        args.flags |= CLONE_PARENT;
        args.exit_signal = 0; /* the kernel takes ours */
    }

    if (request->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)request->cgroup_fd;
        request->in_cgroup = true;
        pid = syscall(SYS_clone3, &args, sizeof(args));
        if (pid < 0 && errno == EBUSY && request->cgroup_below_fd >= 0) {
            args.cgroup = (uint64_t)request->cgroup_below_fd;
            pid = syscall(SYS_clone3, &args, sizeof(args));
        }
        /* Before Linux 5.7, or into a group that refuses: it enters by itself and learns why. */
        if (pid < 0 && errno != EINVAL && errno != E2BIG && errno != EBUSY && errno != EOPNOTSUPP &&
                errno != ENOSYS)
            return -errno;
    }
    if (pid < 0) {
        request->in_cgroup = false;
        args.flags &= ~CLONE_INTO_CGROUP;
        args.cgroup = 0;
        pid = syscall(SYS_clone3, &args, sizeof(args));
    }
    /* clone3 is refused by the seccomp filters of other engines around us; the old call can do the
     * rest. */
    if (pid < 0 && errno == ENOSYS)
        pid = syscall(SYS_clone, (unsigned long)(args.flags | args.exit_signal), NULL, &pidfd, NULL,
                NULL);
    if (pid < 0)
        return -errno;
    if (pid > 0)
        *ret_pidfd = pidfd;
    return (pid_t)pid;
}

pid_t clone_process(struct clone_request *request, int *ret_pidfd)
{
    auto_close int own = -EBADF;

    proc_assert_single_thread();
    if (request->pid_namespace_fd < 0)
        return clone_into(request, ret_pidfd);
    /* Joining a pid namespace concerns the children that follow; then back to our own. */
    own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    if (own < 0 || setns(request->pid_namespace_fd, CLONE_NEWPID) < 0)
        return -errno;
    pid_t pid = clone_into(request, ret_pidfd);
    if (pid != 0 && setns(own, CLONE_NEWPID) < 0)
        return -errno;
    return pid;
}
