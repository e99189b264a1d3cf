/* The monitor of one container, as the files of the program share it. See monitor.c for its
 * states. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/strbuf.h"
#include "engine/monitor/control-protocol.h"
#include "engine/monitor/foreign.h"
#include "engine/monitor/guard.h"
#include "engine/monitor/health.h"
#include "engine/monitor/log-file.h"
#include "engine/monitor/monitor-config.h"
#include "engine/monitor/restart.h"
#include "engine/monitor/state-file.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/container.h"

struct error;
struct monitor;
struct runtime_spec;

enum monitor_phase {
    PHASE_SETUP,    /* the first start is not through yet */
    PHASE_RUNNING,  /* a first process, perhaps paused */
    PHASE_DRAINING, /* it has ended, its output has not been taken to the end */
    PHASE_WAITING,  /* for the next start */
    PHASE_OVER,     /* for good; somebody else's teardown is awaited */
};

#define SERVICE_STATUS_MAX 80

/* Standard output or error of the container, or the terminal's master. */
struct output {
    struct monitor *monitor;
    enum log_stream stream;
    int fd; /* -EBADF: at its end */
    struct loop_source *source;
    bool watched;
    size_t drain_bytes, drain_reads; /* what is read yet once the process has ended */
};

/* A message that did not fit into a client's socket. */
struct queued_message {
    char *data;
    size_t len;
};

struct client {
    struct list node;
    struct monitor *monitor;
    int fd;
    struct loop_source *source, *slow_timer;
    unsigned attach;
    bool foreground; /* started the container: it may be slow for as long as that runs */
    bool subscribed, owns_teardown, waits_for_stop, gone;
    bool input_full; /* its standard input is not read: the container's takes no more */
    struct queued_message *queue;
    size_t queue_len, queue_cap;
};

/* The health check that is running. */
struct probe {
    pid_t pid;
    int pidfd, output_fd;
    struct loop_source *pidfd_source, *output_source, *timer;
    int64_t start_usec, start_nsec;
    bool timed_out;
    struct strbuf output;
};

struct monitor {
    struct arena arena; /* of the configuration and the specification */
    struct monitor_config *config;
    struct runtime_spec *spec;
    const char *bundle; /* path of dir_fd, for hooks; NULL until the first start */
    struct loop *loop;
    int dir_fd; /* RUN/containers/ID */
    enum monitor_phase phase;
    struct monitor_state state;
    char *error; /* what state.error points to */

    struct cgroup cgroup;
    struct container_process process;
    struct foreign foreign; /* the runtime that has it, unless that is the embedded one */
    struct guard guard;
    struct loop_source *pidfd_source;
    int netns_fd;
    int userns_fd; /* of a container with a user namespace; else -EBADF */
    int *port_fds;
    size_t port_count;
    int64_t started_usec;
    bool ending;       /* the monitor was told to end: no restart */
    bool starts_again; /* after this run, whatever the policy says */

    struct output outputs[LOG_STREAM_MAX_];
    int stdin_fd; /* pipe, or the terminal's master (then outputs[LOG_STDOUT].fd, not owned) */
    struct loop_source *stdin_source;
    struct strbuf stdin_pending;
    bool stdin_ending; /* close when what is pending was written */
    struct log_file log;

    struct restart restart;
    struct loop_source *restart_timer, *kill_timer, *trim_timer;
    bool trim_is_due;
    struct health health;
    struct health startup; /* of the check that comes first, while in_startup */
    bool in_startup;
    uint32_t startup_successes;
    struct probe probe;
    struct loop_source *probe_timer, *run_timer;

    int listen_fd;
    struct list clients;

    /* The program that deals with those that depend on the container, see followers.c. */
    pid_t followers_pid; /* 0: it does not run */
    int followers_pidfd;
    struct loop_source *followers_source;
    bool followers_again; /* the container ran again meanwhile */

    /* As a service, see service.c. */
    int notify_fd; /* the container's own messages; -EBADF: none */
    struct loop_source *notify_source, *watchdog_timer;
    bool told_main_pid, told_ready;
    char told_status[SERVICE_STATUS_MAX];
};

/* ---- followers.c ---- */

/* The container is about to run again by itself: runs config->renew_argv to its end. */
void monitor_renew_volumes(const struct monitor *m);

/* The container runs again by itself: runs config->restarted_argv, one at a time. */
void monitor_tell_followers(struct monitor *m);

/* ---- monitor.c ---- */

/* Starts the container; on failure nothing of it is left and *ret_exit_code says what Docker
 * would. */
int monitor_start_container(struct monitor *m, int *ret_exit_code, struct error **err);
/* Tells `events` what happened to the container; key and value (NULL: none) are one attribute more. */
void monitor_event(struct monitor *m, const char *action, const char *key, const char *value);
/* Publishes m->state: file and subscribers. */
void monitor_publish(struct monitor *m);
int monitor_stop(struct monitor *m, int signo, int64_t timeout_usec, struct error **err);
/* The same because the system goes down: not by the user's will, and without a restart. */
void monitor_shut_down(struct monitor *m);
/* The container has become unhealthy: does what is configured for that. */
void monitor_take_unhealthy(struct monitor *m);

/* Stops it, and starts it whatever the policy says. */
void monitor_start_again(struct monitor *m);
int monitor_kill(struct monitor *m, int signo, struct error **err);
int monitor_set_paused(struct monitor *m, bool paused, struct error **err);
int monitor_reload(struct monitor *m, struct error **err);
int monitor_reload_network(struct monitor *m, struct error **err);
/* Reaps what a foreign runtime has left us as the parent of, but the processes that somebody here waits for. */
void monitor_reap_orphans(struct monitor *m);
/* The run is over as soon as all output has been taken; call after each piece. */
void monitor_check_drained(struct monitor *m);
/* Ends the event loop if nobody's teardown is to be waited for any more. */
void monitor_check_over(struct monitor *m);
static inline bool monitor_has_process(const struct monitor *m)
{
    return m->phase == PHASE_RUNNING;
}

/* ---- idle-memory.c ---- */

/* There was something to do: soon, the monitor gives back what that needed: freed heap and stack, and program text,
 * which the kernel maps again from its cache where it is executed again. A monitor lives as long as its container and
 * does next to nothing. */
void idle_memory_expect(struct monitor *m);

/* ---- streams.c ---- */

struct stream_ends {
    int stdin_fd, stdout_fd, stderr_fd; /* the container's ends, owned */
};
#define STREAM_ENDS_INIT       \
    {                          \
        -EBADF, -EBADF, -EBADF \
    }
void stream_ends_release(struct stream_ends *ends);

/* Makes the pipes (nothing with a terminal). */
int streams_open(struct monitor *m, struct stream_ends *ret, struct error **err);
/* Watches them; console_fd (taken) is the terminal's master or -EBADF. */
int streams_begin(struct monitor *m, int console_fd, struct error **err);
/* The process has ended: what it can have left is measured, and streams_drain takes that, as fast as the
 * clients take it; then the streams are at their end. */
void streams_begin_drain(struct monitor *m);
void streams_drain(struct monitor *m);
bool streams_are_drained(const struct monitor *m);
void streams_end(struct monitor *m);
/* Gives back the memory of what was read last. */
void streams_trim(void);
/* Stops or continues reading, as the attached clients can take more. */
void streams_update(struct monitor *m);
/* 1 taken, 0 taken but full: send no more until the client's input_full is cleared. */
int streams_write_stdin(struct monitor *m, const char *data, size_t len);
void streams_close_stdin(struct monitor *m);
int streams_resize(struct monitor *m, uint16_t height, uint16_t width);

/* ---- control-server.c ---- */

int control_server_open(struct monitor *m, struct error **err);
void control_server_close(struct monitor *m);
struct client *control_server_add(struct monitor *m, int fd, struct error **err); /* fd taken */
/* Output to everybody who is attached to that stream. */
void control_server_output(struct monitor *m, enum log_stream stream, const char *data, size_t len);
bool control_server_is_blocked(const struct monitor *m, enum log_stream stream);
void control_server_publish(struct monitor *m, const char *text, size_t len);
void control_server_answer_stops(struct monitor *m);
/* The container has ended for good: a client that started it and does not say in a moment that it has heard of that
 * (CONTROL_OWN_TEARDOWN) gets the rest from a process of its own. */
void control_server_hurry(struct monitor *m);
bool control_server_has_teardown_owner(const struct monitor *m);
void control_server_input_has_room(struct monitor *m);
void control_server_send_start(
        struct client *client, int code, int exit_code, const char *text, size_t len);
/* Waits until what is queued for the clients has been sent, as far as they take it within a
 * moment. */
void control_server_flush(struct monitor *m);

/* ---- service.c ---- */

/* Before the container starts. Nothing happens in these unless it is a service. */
int service_open(struct monitor *m, struct error **err);
void service_close(struct monitor *m);
void service_tell_state(struct monitor *m);
void service_tell_stopping(struct monitor *m, int64_t timeout_usec);

/* ---- probe.c ---- */

void probe_schedule(struct monitor *m); /* the next one, from now */
void probe_cancel(struct monitor *m);   /* no probe runs and none is due afterwards */
