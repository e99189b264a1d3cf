/* RUN/containers/ID/state.json: what a monitor tells everybody. It is replaced atomically at each
 * change; whoever finds the lock free knows that it is only history. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct arena;
struct error;
struct strbuf;

enum monitor_status {
    MONITOR_CREATED,
    MONITOR_RUNNING,
    MONITOR_PAUSED,
    MONITOR_RESTARTING,
    MONITOR_EXITED,
    MONITOR_STATUS_MAX_,
    MONITOR_STATUS_INVALID = -22,
};
extern const char *const monitor_status_names[MONITOR_STATUS_MAX_];

enum monitor_health_status {
    MONITOR_HEALTH_NONE, /* no health check */
    MONITOR_HEALTH_STARTING,
    MONITOR_HEALTH_HEALTHY,
    MONITOR_HEALTH_UNHEALTHY,
    MONITOR_HEALTH_MAX_,
    MONITOR_HEALTH_INVALID = -22,
};
extern const char *const monitor_health_names[MONITOR_HEALTH_MAX_];

#define HEALTH_LOG_MAX 100
#define HEALTH_LOG_DEFAULT 5

struct health_result {
    int64_t start_nsec, end_nsec; /* since 1970 */
    int exit_code;                /* -1: timeout or could not be started */
    char *output;                 /* at most LIMIT_HEALTH_OUTPUT_BYTES, terminated; NULL: empty */
};

struct monitor_state {
    enum monitor_status status;
    pid_t pid;                /* of the container's first process; 0 when none */
    uint64_t pid_start_ticks; /* see proc_start_ticks */
    pid_t monitor_pid;
    int64_t started_nsec, finished_nsec; /* 0: never */
    int exit_code;
    bool oom_killed;
    bool manually_stopped; /* stop or kill by command: no restart until the next start */
    uint32_t restart_count;
    const char *error; /* "" when the last start went well */
    enum monitor_health_status health;
    uint32_t failing_streak;
    struct health_result health_log[HEALTH_LOG_MAX]; /* oldest first */
    size_t health_log_len;
};

/* As one line of JSON: the contents of the file, and of the "state" events of the control
 * socket. */
void monitor_state_format(const struct monitor_state *state, struct strbuf *out);

/* Texts live in the arena. *ret is NULL when there is no file. */
int monitor_state_read(struct arena *arena, int run_container_dir_fd, struct monitor_state **ret,
        struct error **err);
int monitor_state_read_at(struct arena *arena, int dir_fd, const char *path,
        struct monitor_state **ret, struct error **err);
int monitor_state_parse(struct arena *arena, const char *text, size_t len,
        struct monitor_state **ret, struct error **err);
