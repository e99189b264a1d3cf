/* What a monitor must know beside the OCI configuration: RUN/containers/ID/monitor.json, written
 * by the command that starts the container, read once by the monitor. Plain data; texts are
 * borrowed when it is written, and live in the arena when it was read. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/timefmt.h"

struct arena;
struct error;
struct sandbox_config; /* engine/network/sandbox.h */

#define MONITOR_CONFIG_FILE "monitor.json"
#define MONITOR_SPEC_FILE "config.json"
#define MONITOR_STATE_FILE "state.json"
#define MONITOR_LOCK_FILE "lock"
#define MONITOR_SOCKET_FILE "control.sock"
#define MONITOR_ROOTFS_DIR "rootfs"
/* The socket through which a container tells that it is ready (MONITOR_READY_CONTAINER). */
#define MONITOR_NOTIFY_DIR "notify"
#define MONITOR_NOTIFY_SOCKET "notify.sock"

enum monitor_log_driver {
    MONITOR_LOG_JSON_FILE,
    MONITOR_LOG_JOURNALD, /* and to the file, from where it is read */
    MONITOR_LOG_NONE,
    MONITOR_LOG_DRIVER_MAX_,
    MONITOR_LOG_DRIVER_INVALID = -22
};
extern const char *const monitor_log_driver_names[MONITOR_LOG_DRIVER_MAX_];

enum monitor_restart {
    MONITOR_RESTART_NO,
    MONITOR_RESTART_ALWAYS,
    MONITOR_RESTART_ON_FAILURE,
    MONITOR_RESTART_UNLESS_STOPPED,
    MONITOR_RESTART_MAX_,
    MONITOR_RESTART_INVALID = -22,
};
extern const char *const monitor_restart_names[MONITOR_RESTART_MAX_];

/* What happens when a container becomes unhealthy. */
enum monitor_unhealthy {
    MONITOR_UNHEALTHY_NONE,
    MONITOR_UNHEALTHY_KILL,    /* killed; its restart policy goes on from there */
    MONITOR_UNHEALTHY_RESTART, /* stopped and started again, whatever the policy says */
    MONITOR_UNHEALTHY_STOP,    /* stopped for good */
    MONITOR_UNHEALTHY_MAX_,
    MONITOR_UNHEALTHY_INVALID = -22,
};
extern const char *const monitor_unhealthy_names[MONITOR_UNHEALTHY_MAX_];

enum monitor_network {
    MONITOR_NETWORK_PRIVATE, /* `sandbox` describes it; the pin is RUN/netns/ID */
    MONITOR_NETWORK_NONE,    /* a new namespace with nothing but lo */
    MONITOR_NETWORK_HOST,
    MONITOR_NETWORK_JOIN, /* netns_path: another container's pin */
    MONITOR_NETWORK_MAX_,
    MONITOR_NETWORK_INVALID = -22,
};
extern const char *const monitor_network_names[MONITOR_NETWORK_MAX_];

/* What makes the container ready in the eyes of the service manager (notify_socket). */
enum monitor_ready {
    MONITOR_READY_NONE,      /* it is told nothing */
    MONITOR_READY_STARTED,   /* the program was executed */
    MONITOR_READY_CONTAINER, /* the container says so by itself */
    MONITOR_READY_HEALTHY,   /* the first health check succeeded */
    MONITOR_READY_MAX_,
    MONITOR_READY_INVALID = -22,
};
extern const char *const monitor_ready_names[MONITOR_READY_MAX_];

struct monitor_rootfs {
    char **lower_dirs; /* absolute, from the TOP layer to the bottom (overlay's order) */
    size_t lower_count;
    const char *upper_dir, *work_dir; /* absolute; NULL with no lower dirs: rootfs_dir is used */
    const char *rootfs_dir; /* without overlay: a directory that is bound as the root; else NULL */
    bool ephemeral; /* upper_dir goes with the container: no need to sync it to disk when it ends */
};

struct monitor_log {
    enum monitor_log_driver driver;
    const char *path;        /* absolute, …/ID-json.log */
    uint64_t max_size_bytes; /* 0: no limit */
    uint32_t max_files;      /* 0 and 1: one */
    bool compress;           /* x.N.gz by gzip(1) */
    json_t *attrs;           /* object of texts, NULL for none */
    char **journal_fields;   /* "KEY=value" of each entry; NULL-terminated or NULL */
    bool non_blocking;       /* a journal that takes nothing now loses entries at once */
    uint64_t buffer_bytes;   /* for entries on their way to it; 0: as the system has it */
};

struct monitor_health {
    /* NULL-terminated; NULL: no health check (NONE). CMD-SHELL is resolved to the shell's argv */
    char **argv;
    int64_t interval_usec, timeout_usec, start_period_usec,
            start_interval_usec; /* 0: Docker's default */
    uint32_t retries;            /* 0: 3 */
};

struct monitor_config {
    const char *id; /* 64 hex digits */
    const char *name;
    struct monitor_rootfs rootfs;
    struct monitor_log log;
    enum monitor_restart restart_policy;
    uint32_t restart_max_retries; /* on-failure: 0 is no limit */
    uint32_t restart_count; /* what the row says so far, when a command takes a restart over */
    struct monitor_health health;
    struct monitor_health
            startup; /* runs instead until it has succeeded; at `retries` failures (0: never) the
                                    * container starts again */
    uint32_t startup_success; /* successes in a row that it takes; 0: one */
    uint32_t health_log_count,
            health_log_bytes; /* results kept, and of the output of each; 0: Docker's */
    int64_t run_timeout_usec; /* after which a run is killed; 0: never */
    enum monitor_unhealthy unhealthy;
    int stop_signal;           /* 0: SIGTERM */
    int64_t stop_timeout_usec; /* TIMEOUT_NEVER: for ever; 0: at once */
    bool open_stdin;           /* -i: standard input stays open; else /dev/null */
    bool stdin_once; /* the first attached client that ends its input ends the container's */
    /* USER of the image or -u, in Docker's forms; NULL: what config.json says. Looked up in the
     * container's own passwd and group files when it starts. HOME is added from there if unset. */
    const char *user;
    char **group_add; /* names or numbers; NULL-terminated or NULL */
    enum monitor_network network;
    struct sandbox_config *sandbox; /* MONITOR_NETWORK_PRIVATE */
    const char *netns_path;         /* pin: where to make it (PRIVATE) or which to join (JOIN) */
    /* "PID:TICKS" of the processes whose namespaces config.json names by their numbers: they must still be these once
     * the namespaces are held. NULL-terminated or NULL. */
    char **joined;
    /* Where the memory that others share is mounted: an absolute path on which a tmpfs is made at each start; NULL:
     * there is none, or another container's. */
    const char *shm_path;
    uint64_t shm_size_bytes;
    /* compiled filter, absolute; NULL: unconfined. See engine/runtime/seccomp.h */
    const char *seccomp_path;
    bool init; /* berth-init as PID 1, from libexec_dir, at /sbin/docker-init */
    const char *libexec_dir;
    const char
            *runtime; /* absolute path of another OCI runtime (foreign.h); NULL: the embedded one */
    int64_t runtime_timeout_usec; /* how long a call of that one may take; 0: FOREIGN_TIMEOUT_USEC */
    const char *event_attributes; /* of events (event-log.h): image, name and labels; NULL: none */
    const char
            *cgroup_path; /* below each hierarchy: "/berth/ID"; NULL: linux.cgroupsPath or that */
    const char *monitor_cgroup_path; /* where the monitor itself goes; NULL: /berth/monitors */
    /* A service of systemd's. The monitor is its main process then and ends with the exit code of the container. */
    enum monitor_ready ready;
    const char *notify_socket; /* $NOTIFY_SOCKET; NULL: nobody is told */
    int64_t watchdog_usec;     /* $WATCHDOG_USEC; 0: none */
    /* Program that the monitor becomes at its very end, keeping its pid and the lock (descriptor
     * MONITOR_LOCK_FD): {"…/berth", "internal", "teardown", ID}. NULL: it just ends. */
    char **teardown_argv;
    char **teardown_env; /* NULL: empty environment but PATH */
    /* Program that is run, with the same environment, each time that the container runs again by itself, for
     * those that depend on it: {"…/berth", "internal", "followers", ID}. NULL: nobody does. */
    char **restarted_argv;
    /* Program that is run, and waited for, before each such run: {"…/berth", "internal", "volumes", ID}. NULL: nothing
     * is mounted anew. */
    char **renew_argv;
};

/* The lock of RUN/containers/ID has this number in the monitor and in what it becomes. */
#define MONITOR_LOCK_FD 4

/* Given: json_decref. */
json_t *monitor_config_to_json(const struct monitor_config *config);
int monitor_config_write(
        int run_container_dir_fd, const struct monitor_config *config, struct error **err);
int monitor_config_parse(
        struct arena *arena, const json_t *json, struct monitor_config **ret, struct error **err);
int monitor_config_read(struct arena *arena, int run_container_dir_fd, struct monitor_config **ret,
        struct error **err);

/* Releases what is not in the arena (log.attrs, sandbox) of a configuration that was read. NULL is
 * fine. */
void monitor_config_release(struct monitor_config *config);
DEFINE_CLEANUP(struct monitor_config *, monitor_config_release);
