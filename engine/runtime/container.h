/* Starting the first process of a container: namespaces, root file system, mounts, credentials,
 * exec. The monitor calls this; it must have one thread. Two steps, so that between them
 * everything can be wired up:
 *
 *     r = container_create_process(&options, &process, err);   // set up, waits for the word
 *     r = container_start_process(&process, err);            // go, and the program was executed
 *
 * Between the two processes goes the protocol of start-protocol.h. The child dies with its
 * parent. */
#pragma once

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct cgroup;
struct error;
struct hook_state;
struct runtime_spec;

/* What the root is made of. Exactly one of lower_count > 0 and directory != NULL. */
struct container_rootfs {
    /* absolute; an existing directory; mounted only in the container's namespace */
    const char *mount_point;
    char *const *lower_dirs; /* absolute, top layer first */
    size_t lower_count;
    const char *upper_dir, *work_dir;
    bool ephemeral;        /* overlay need not sync */
    const char *directory; /* bound instead of an overlay */
    /* Without a mount namespace of the container's own, mount_point is a private mount that the
     * caller made of `directory`, and takes away again with all that the container mounted. */
};

struct container_process_options {
    const struct runtime_spec *spec;
    struct container_rootfs rootfs;
    const struct cgroup *cgroup;
    const char *id, *bundle;          /* what hooks and listeners are told; NULL: "" */
    int netns_fd;                     /* -EBADF: as the specification says */
    int userns_fd;                    /* likewise, with spec's mappings */
    const char *user;                 /* looked up in the root, in place of spec's; NULL: spec's */
    char *const *group_add;           /* with user */
    const struct sock_fprog *seccomp; /* NULL: unconfined */
    unsigned seccomp_flags;
    int stdin_fd, stdout_fd, stderr_fd; /* not looked at with a terminal */
    bool detached;                      /* outlives its parent once it was started or is held */
    bool held;              /* container_hold_process will follow, and a start through … */
    int gate_fd;            /* … this (gate.h) */
    bool plain_terminal;    /* line ends of its terminal stay single characters */
    unsigned preserved_fds; /* from 3 on: passed to the program */
    const char *keyring;    /* session keyring of that name, joined or made; NULL: the caller's */
    bool no_pivot;          /* the root cannot be pivoted (ramfs): it is moved over "/" instead */
};

struct container_process {
    pid_t pid;
    int pidfd;
    int sync_fd;
    int console_fd; /* master of the terminal; -EBADF without one */
    int exit_code;  /* after a failure: Docker's 126, 127 or 128 */
    const struct container_process_options *options;
};

#define CONTAINER_PROCESS_INIT                                   \
    {                                                            \
        .pidfd = -EBADF, .sync_fd = -EBADF, .console_fd = -EBADF \
    }

/* Kills and reaps the process when it still is one that was not started, and closes everything. */
void container_process_release(struct container_process *process);

/* The options are borrowed until container_start_process returned. On failure nothing is left. */
int container_create_process(const struct container_process_options *options,
        struct container_process *ret, struct error **err);

/* After success the process is the caller's to reap. After failure it has ended and is still to be
 * reaped. */
int container_start_process(struct container_process *process, struct error **err);

/* Instead of starting it: it waits at its gate from here on, and no longer for us. */
int container_hold_process(struct container_process *process, struct error **err);

/* Starts a held process through a connection to its gate. Returns when the program was executed, or
 * with what went wrong; then the process has ended. `told` is what a listener of the seccomp filter
 * is told. */
int container_start_held(int connection_fd, const struct runtime_spec *spec,
        const struct hook_state *told, int *ret_exit_code, struct error **err);
