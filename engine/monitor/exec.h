/* `exec`: a further process in a running container (library berth-monitor-client). Starts
 * `berth-monitor exec`, which joins the container's namespaces and cgroup and stays as the
 * process's parent; the caller relays its own standard streams over the descriptors in struct
 * exec. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct error;
struct exec;

struct exec_options {
    const char *libexec_dir;
    int container_dir_fd; /* RUN/containers/ID; borrowed */
    char *const *argv;
    char *const *env; /* added to the container's own environment; NULL: none */
    const char *user; /* NULL: the container's */
    const char *cwd;  /* NULL: the container's */
    bool tty;         /* a pty of the container's devpts */
    uint16_t console_height, console_width;
    bool privileged;
    bool stdin_open;     /* else /dev/null */
    bool discard_output; /* -d: standard streams on /dev/null, the process outlives the caller */
};

/* Returns when the program was executed. Failure sets *ret_exit_code to 126 or 127 (not found, not
 * executable, no such user), or 125 otherwise (-ESRCH: the container does not run). Given:
 * exec_free. */
int exec_start(const struct exec_options *options, struct exec **ret, int *ret_exit_code,
        struct error **err);
void exec_free(struct exec *exec); /* does not end the process */
DEFINE_CLEANUP(struct exec *, exec_free);

/* Pipe ends, or three times the pty's master with tty (one descriptor, owned by exec). -EBADF:
 * none. */
int exec_stdin_fd(const struct exec *exec);
int exec_stdout_fd(const struct exec *exec);
int exec_stderr_fd(const struct exec *exec);
void exec_close_stdin(struct exec *exec); /* end of input */

pid_t exec_pid(const struct exec *exec); /* as the host sees it */
int exec_kill(struct exec *exec, int signo);
int exec_resize(struct exec *exec, uint16_t height, uint16_t width);

/* Readable when the process has ended; then exec_wait does not wait. */
int exec_status_fd(const struct exec *exec);
/* 0..255, 128 + n for a signal; -errno when `berth-monitor exec` itself was killed. */
int exec_wait(struct exec *exec, struct error **err);
