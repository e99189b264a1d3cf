/* Starting a further process in a running container: `exec` and health probes. Like container.h,
 * for callers with one thread; the same protocol, the same last part. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <sys/types.h>

#include "engine/runtime/container.h"

struct cgroup;
struct error;
struct runtime_process;
struct runtime_spec;

struct join_options {
    const struct runtime_spec *spec; /* of the container: environment, rights, limits */
    const struct cgroup *cgroup;     /* of the container, open */
    bool cgroup_chosen;              /* that group and none below it, even if it takes no process */
    pid_t pid;                       /* of its first process … */
    int pidfd;                       /* … and that one for certain */
    /* The whole process, in place of what follows and of the container's own; NULL: none */
    const struct runtime_process *process;
    char *const *argv;
    char *const *env;       /* added to the container's; NULL: none */
    const char *cwd;        /* NULL: the container's */
    const char *user;       /* NULL: the numbers of the specification */
    char *const *group_add; /* with user */
    bool privileged;        /* all capabilities, no filter */
    bool terminal;
    uint16_t console_height, console_width;
    const char *id, *bundle;          /* what a listener is told; NULL: "" */
    const struct sock_fprog *seccomp; /* NULL: unconfined */
    unsigned seccomp_flags;
    int stdin_fd, stdout_fd, stderr_fd; /* not looked at with a terminal */
    bool detached;                      /* outlives its parent */
    const char *keyring;                /* as in container.h */
    bool plain_terminal;                /* as in container.h */
    unsigned preserved_fds;             /* from 3 on: passed to the program */
};

/* Starts it and returns when the program was executed; then process->pidfd, pid and console_fd are
 * the caller's. On failure it has been reaped, and process->exit_code says what Docker would. */
int join_start_process(
        const struct join_options *options, struct container_process *ret, struct error **err);
