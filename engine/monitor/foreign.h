/* Another OCI runtime (crun, runc, runsc …) in place of the embedded one: the monitor makes the root file system, the
 * bundle and the network as ever, and has the program create, start, signal, freeze and delete the container.
 *
 * All that the program keeps is in RUN/containers/ID/runtime, so that it goes with the run's directory. The root is
 * mounted in a mount namespace of its own which lives as long as the monitor and the container: after a crash there
 * is nothing to unmount. The processes are the program's children; the caller is a subreaper and becomes their parent,
 * so that it reaps and watches them as its own. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/timefmt.h"

struct arena;
struct container_process; /* engine/runtime/container.h */
struct container_rootfs;
struct error;
struct monitor_config;

/* A sandbox with a kernel of its own takes its time to start, and a program that hangs must not hold the container for
 * ever. What only changes something that runs has less, since the caller has other ways (SIGKILL, the control group)
 * or nothing to wait for. */
#define FOREIGN_TIMEOUT_USEC (240 * USEC_PER_SEC)
#define FOREIGN_SHORT_TIMEOUT_USEC (60 * USEC_PER_SEC)

struct foreign {
    const char *program;  /* absolute; NULL: the embedded runtime is used */
    int64_t timeout_usec; /* for each of its calls */
    const char *id;
    const char *dir; /* RUN/containers/ID/runtime: bundle, state, messages. In the arena */
    int run_fd;      /* RUN/containers/ID, borrowed */
    int dir_fd;
    int mounts_fd; /* the namespace with the root; -EBADF: none */
};
#define FOREIGN_INIT                                             \
    {                                                            \
        .run_fd = -EBADF, .dir_fd = -EBADF, .mounts_fd = -EBADF, \
    }

/* Nothing happens for the embedded runtime. Makes the caller a subreaper. */
int foreign_open(struct foreign *foreign, struct arena *arena, const struct monitor_config *config,
        int run_dir_fd, struct error **err);
void foreign_close(struct foreign *foreign);

struct foreign_create {
    const struct monitor_config *config;
    struct container_rootfs *rootfs;
    bool terminal;
    uint16_t console_height, console_width;
    int stdin_fd, stdout_fd, stderr_fd; /* not looked at with a terminal */
};

/* Everything is set up, the program of the container waits. As container_create_process: *ret has pid, pidfd and
 * console_fd, and after a failure the exit code. What a failure left is foreign_delete's. */
int foreign_create(struct foreign *foreign, const struct foreign_create *options,
        struct container_process *ret, struct error **err);
int foreign_start(struct foreign *foreign, int *ret_exit_code, struct error **err);
int foreign_kill(const struct foreign *foreign, int signo, struct error **err);
int foreign_pause(const struct foreign *foreign, bool paused, struct error **err);
/* After the first process was reaped. A container that is not there is fine. */
void foreign_delete(struct foreign *foreign);

struct foreign_exec {
    const struct monitor_config *config;
    char *const *argv;
    char *const *env; /* added to the container's; NULL: none */
    const char *cwd;  /* NULL: the container's */
    const char *user; /* NULL: the container's */
    pid_t pid;        /* of the container's first process */
    bool privileged, terminal;
    uint16_t console_height, console_width;
    int stdin_fd, stdout_fd, stderr_fd;
};

/* As join_start_process. */
int foreign_exec(const struct foreign *foreign, const struct foreign_exec *options,
        struct container_process *ret, struct error **err);
