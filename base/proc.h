/* Starting other programs, and processes that are held by pidfd. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

/* What a child gets: argv, environment and exactly these descriptors. All borrowed for the call. */
struct proc_spawn {
    const char *path;                   /* absolute, or searched in PATH when it has no slash */
    char *const *argv;                  /* NULL-terminated */
    char *const *envp;                  /* NULL: the caller's environment */
    int stdin_fd, stdout_fd, stderr_fd; /* PROC_NULL: /dev/null; PROC_INHERIT: the caller's */
    const int *fds;                     /* further ones: fds[i] becomes descriptor 3 + i */
    unsigned fd_count;
    const char *cwd;  /* NULL: the caller's */
    bool new_session; /* setsid */
};
#define PROC_NULL (-1000)
#define PROC_INHERIT (-1001)
#define PROC_SPAWN_INIT                                                          \
    {                                                                            \
        .stdin_fd = PROC_NULL, .stdout_fd = PROC_NULL, .stderr_fd = PROC_INHERIT \
    }

/* posix_spawn with signals reset to their defaults and an empty mask; works with threads. The child is
 * the caller's to reap. Returns 0, *ret_pid and, unless ret_pidfd is NULL, a pidfd (given). */
int proc_spawn(const struct proc_spawn *spawn, pid_t *ret_pid, int *ret_pidfd, struct error **err);

/* Waits for a child; 0..255 exit code, 128 + n for a signal, -errno. */
int proc_wait(pid_t pid);

/* Runs to the end, feeds `input` (unless NULL: then stdin_fd counts) and collects standard output (at
 * most max_bytes, given, terminated; -EFBIG above: the child is killed). Exit status as proc_wait. The
 * output ends when nobody holds it open any more, children of the child included. */
int proc_run(const struct proc_spawn *spawn, const void *input, size_t input_len, size_t max_bytes,
        char **ret_output, size_t *ret_len, struct error **err);

int proc_open_pidfd(pid_t pid);                        /* descriptor or -errno */
int proc_kill_pidfd(int pidfd, int signo);             /* 0 or -errno */
int proc_wait_pidfd(int pidfd, int64_t deadline_usec); /* 1 ended, 0 timeout, -errno */

/* Start time of a process in clock ticks since boot (field 22 of /proc/PID/stat): with the pid it
 * names a process for as long as the machine is up. 0 when there is none. */
uint64_t proc_start_ticks(pid_t pid);

/* Ends the process when more than one thread runs; guards clone, unshare, setns and mount. */
void proc_assert_single_thread(void);

/* Closes all descriptors from `first` upwards but those listed (sorted, may be empty). */
void proc_close_fds_from(int first, const int *keep, unsigned keep_count);
