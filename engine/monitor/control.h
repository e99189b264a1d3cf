/* The command's side of a monitor (library berth-monitor-client): starting one, and talking to it
 * over RUN/containers/ID/control.sock. The connection is a SOCK_SEQPACKET socket; each message is
 * one byte of kind and then its bytes (control-protocol.h). One connection belongs to one thread.
 *
 * Starting (berth run, up):
 *
 *     struct monitor_spawn_options options = {
 *         .libexec_dir = …, .container_dir_fd = fd, .lock_fd = lock, .id = id,
 *     };
 *     int r = monitor_spawn(&options, &control, &start, err); // when it runs, or failed to
 *
 * Following its output in the foreground: attach set in the options, then poll control_fd() and
 * call control_receive() until CONTROL_EVENT_CLOSED or the final state event.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "engine/monitor/state-file.h"

struct control;
struct error;

enum control_attach {
    CONTROL_ATTACH_STDIN = 1 << 0,
    CONTROL_ATTACH_STDOUT = 1 << 1,
    CONTROL_ATTACH_STDERR = 1 << 2,
};

struct monitor_spawn_options {
    const char *libexec_dir;
    const char *id;
    int container_dir_fd; /* RUN/containers/ID with config.json and monitor.json; borrowed */
    /* its lock, held by the caller; the monitor shares it. -EBADF: the monitor takes it */
    int lock_fd;
    /* a further lock of the caller's, or -EBADF: the monitor shares it until the start is through, so
     * that it stays locked that long even if the caller dies. */
    int start_lock_fd;
    /* enum control_attach: from the first byte on; the container waits for nobody else */
    unsigned attach;
    uint16_t console_height, console_width; /* for a terminal; 0: what config.json says */
    bool subscribe;                         /* state changes are pushed on this connection */
    /* the caller does the teardown when the container has ended (control_own_teardown) */
    bool own_teardown;
};

struct monitor_start {
    pid_t pid;         /* of the container's first process */
    pid_t monitor_pid; /* a child of the caller: reap it with control_wait_gone */
    int exit_code;     /* on failure: 125, 126, 127 or 128, as Docker would say */
};

/* Starts a monitor and waits until the container's program was executed. Failure: the monitor has
 * ended, its lock is free, nothing of the container is left but its directory; ret->exit_code is
 * set then as well. */
int monitor_spawn(const struct monitor_spawn_options *options, struct control **ret_control,
        struct monitor_start *ret, struct error **err);

/* Connects to a running monitor. *ret is NULL when there is none (no socket, or nobody listens). */
int control_open(int container_dir_fd, struct control **ret, struct error **err);
void control_close(struct control *control);
DEFINE_CLEANUP(struct control *, control_close);
int control_fd(
        const struct control *control); /* for poll(2): readable when control_receive has work */
/* Readable once the monitor has ended; -EBADF when it was gone before. */
int control_monitor_fd(const struct control *control);

/* Requests; each waits for the monitor's answer (stream messages that come meanwhile are kept for
 * control_receive). -ESRCH: the container does not run. -EINVAL: not in this state ("already
 * paused"). */

/* Docker's stop: `signo` (0: the container's stop signal), SIGKILL after `timeout_usec` (-1: the
 * container's own, TIMEOUT_NEVER). Answers when the container has ended. */
#define CONTROL_TIMEOUT_DEFAULT INT64_C(-1)
int control_stop(struct control *control, int signo, int64_t timeout_usec, struct error **err);
/* The same without waiting for the end: for stopping many at once. Follow with
 * control_wait_gone. */
int control_begin_stop(
        struct control *control, int signo, int64_t timeout_usec, struct error **err);
int control_kill(struct control *control, int signo, struct error **err);
int control_pause(struct control *control, struct error **err);
int control_unpause(struct control *control, struct error **err);
int control_resize(struct control *control, uint16_t height, uint16_t width, struct error **err);

/* Takes limits from config.json and the restart policy from monitor.json, as they are now, also for this run. */
int control_reload(struct control *control, struct error **err);

/* Takes networks and published ports from monitor.json, as they are now. */
int control_reload_network(struct control *control, struct error **err);

/* Text of the state (state-file.h) as the monitor has it now; parse with monitor_state_parse.
 * Given. */
int control_status(struct control *control, char **ret_json, struct error **err);

/* Output from now on as CONTROL_EVENT_STDOUT and …_STDERR (a terminal has stdout only). */
int control_attach(struct control *control, unsigned attach, struct error **err);

/* State changes from now on as CONTROL_EVENT_STATE, the present state first. */
int control_subscribe(struct control *control, struct error **err);

/* The caller promises to do the teardown itself once it sees the final state: the monitor keeps
 * the lock until this connection sends control_finish() (then it just ends) or closes (then it
 * runs the teardown itself). */
int control_own_teardown(struct control *control, struct error **err);
int control_finish(struct control *control, struct error **err);

/* To the container's standard input. 0 bytes taken means: would block, wait for POLLOUT. */
ssize_t control_send_stdin(
        struct control *control, const void *data, size_t len, struct error **err);
int control_close_stdin(struct control *control, struct error **err);

enum control_event_kind {
    CONTROL_EVENT_NONE, /* nothing there now */
    CONTROL_EVENT_STDOUT,
    CONTROL_EVENT_STDERR,
    CONTROL_EVENT_STATE,  /* data: the state as JSON */
    CONTROL_EVENT_CLOSED, /* the monitor closed the connection or is gone */
};

struct control_event {
    enum control_event_kind kind;
    const char *data; /* terminated; borrowed until the next call with this connection */
    size_t len;
};

/* The next message, without waiting unless `wait`. */
int control_receive(
        struct control *control, bool wait, struct control_event *ret, struct error **err);

/* Waits until the process that was the monitor has ended (it execs the teardown, same pid: then
 * all is gone), or until the deadline (0: looks only). 1 gone, 0 not yet. Works on after the
 * connection closed. */
int control_wait_gone(struct control *control, int64_t deadline_usec, struct error **err);
