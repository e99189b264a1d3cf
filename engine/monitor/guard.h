/* Kills a container's first process when its monitor is killed. PR_SET_PDEATHSIG is meant for that, but the
 * kernel forgets it when the process changes its credentials or executes a set-uid program, as the
 * entry points of many images do (gosu, su-exec). So a small program (berth-init under another name) stands beside
 * the monitor and waits for the monitor's end at a pipe. It has nothing else open: no lock stays taken because of
 * it. */
#pragma once

#include <sys/types.h>

struct error;

struct guard {
    int pipe_fd; /* its end tells of ours; -EBADF: no guard */
    pid_t pid;
};
#define GUARD_INIT                  \
    {                               \
        .pipe_fd = -EBADF, .pid = 0 \
    }

/* `id` is the container's, for who looks at the list of processes. */
int guard_begin(struct guard *guard, const char *libexec_dir, const char *id, int container_pidfd,
        struct error **err);

/* After the container's process was reaped; does nothing without a guard. */
void guard_end(struct guard *guard);
