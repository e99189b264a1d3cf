/* Containers: what the commands and compose's backend do with them. Each function takes the container's
 * own lock as long as it changes something, so that two commands at once on one container come out as
 * one after the other. References are an id, a unique prefix of one, or a name (with or without "/").
 *
 * Where a function is given a reference that names nothing, it fails with -ENOENT and Docker's words
 * ("No such container: x"); an ambiguous prefix is -EINVAL. The states and what holds in each are at
 * the head of container.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "engine/container/config.h"

struct diag;
struct engine;
struct error;

#define CONTAINER_ID_HEX 64
#define CONTAINER_SHORT_ID 12

enum container_status {
    CONTAINER_CREATED,
    CONTAINER_RUNNING,
    CONTAINER_PAUSED,
    CONTAINER_RESTARTING,
    CONTAINER_REMOVING,
    CONTAINER_EXITED,
    CONTAINER_DEAD,
    CONTAINER_STATUS_MAX_,
    CONTAINER_STATUS_INVALID = -22,
};
extern const char *const container_status_names[CONTAINER_STATUS_MAX_];

/* What is known of a container at one moment: its row, and for one that runs what its monitor says. */
struct container_state {
    enum container_status status;
    int exit_code;
    bool oom_killed;
    int restart_count;
    const char *error;  /* why it did not start; NULL */
    const char *health; /* "starting", "healthy", "unhealthy"; NULL: no check */
    int health_failing_streak;
    const char *health_json; /* Docker's State.Health as text; NULL: no check or never run */
    int64_t started_nsec, finished_nsec;
    int pid; /* 0 when it does not run */
};

struct container_endpoint {
    const char *network_id, *network, *mac;
    const char *ipv4, *gateway; /* NULL: the network has none */
    int prefix_len;
    char **aliases;
};

/* A published port as it is (ephemeral ones resolved). */
struct container_binding {
    const char *host_ip, *protocol;
    uint16_t host_port, container_port;
};

struct container {
    const char *id, *name;
    const char *image_id, *image_name;
    int64_t created_nsec;
    struct container_config config; /* merged with the image's */
    struct container_state state;
    const char *model;             /* NULL when it is none of compose's */
    const char *pod_id, *pod_name; /* NULL: it is in none */
    bool is_infra;                 /* it keeps the pod's namespaces */
    struct {
        struct container_endpoint *items;
        size_t len, cap;
    } endpoints;
    struct {
        struct container_binding *items;
        size_t len, cap;
    } bindings;
};

static inline bool container_is_running(const struct container *c)
{
    return c->state.status == CONTAINER_RUNNING || c->state.status == CONTAINER_PAUSED ||
           c->state.status == CONTAINER_RESTARTING;
}

/* ---- Looking ---- */

/* Everything lives in the arena. *ret is NULL when there is none of that name (returns 0 then). */
int container_lookup(struct engine *engine, struct arena *arena, const char *reference,
        struct container **ret, struct error **err);

/* The same, but none is -ENOENT with "No such container: x". */
int container_get(struct engine *engine, struct arena *arena, const char *reference,
        struct container **ret, struct error **err);

enum container_oneoff { CONTAINER_ONEOFF_INCLUDE, CONTAINER_ONEOFF_EXCLUDE, CONTAINER_ONEOFF_ONLY };

/* Values of one vector are alternatives (or), different members restrict each other (and). Zero is
 * "no such filter". */
struct container_filter {
    bool all;  /* also those that do not run */
    bool none; /* whatever else is asked for */
    const char *project, *service;
    enum container_oneoff oneoff;
    char **ids, **names; /* prefixes of ids; parts of names */
    char **labels;       /* "key" or "key=value": all of them must hold */
    char **statuses;     /* container_status_names */
    char **exited;       /* exit codes as texts */
    char **ancestors;    /* image id or name */
    char **networks, **volumes, **health, **publish, **expose;
    char **pods;                /* names of pods, or beginnings of their ids */
    const char *before, *since; /* references */
    size_t last;                /* at most so many, newest; implies all. 0: no limit */
};

struct containers {
    struct container **items;
    size_t len, cap;
};

/* Newest first. Everything lives in the arena. */
int container_list(struct engine *engine, struct arena *arena,
        const struct container_filter *filter, struct containers *ret, struct error **err);

/* Docker's inspect object (not the array around it). New reference. */
int container_inspect(
        struct engine *engine, const char *reference, json_t **ret, struct error **err);

/* `ps`'s status column: "Up 5 minutes (healthy)", "Exited (0) 2 minutes ago" … In the arena. */
char *container_status_text(
        struct arena *arena, const struct container *container, int64_t now_nsec);

/* For a container that is to live in the control group of the service that the caller is: moves the caller into
 * CONTAINER_SUPERVISOR_CGROUP below it, and gives the service's group (config.cgroup_parent). -EINVAL when the
 * caller has no group of its own. Single-threaded callers only. */
int container_enter_service_cgroup(
        struct arena *arena, const char **ret_parent, struct error **err);

/* How a container belongs to a service: when that is told to be ready (monitor_ready_names; NULL: never), the
 * group of the service, or NULL, and the name of the unit. */
struct container_service {
    const char *notify, *cgroup_parent, *unit;
    bool writes_journal; /* its output goes there, unless a log driver was asked for */
};

/* The unit that starts and stops the container; NULL: nobody but us. */
const char *container_owner(const struct container *container);

/* Makes a container that does not run a service's, or (NULL) nobody's. -EBUSY while it runs. */
int container_set_service(struct engine *engine, const char *reference,
        const struct container_service *service, struct error **err);

/* ---- Life ---- */

/* Makes a container from an image that is in the store (-ENOENT otherwise). Either everything of it is
 * there afterwards or nothing. `diag` gets what is discarded with a warning, and may be NULL. */
int container_create(struct engine *engine, const struct container_config *config,
        char ret_id[static CONTAINER_ID_HEX + 1], struct diag *diag, struct error **err);

struct container_start_options {
    int *ret_exit_code; /* also of a failure: 125 the engine's, 126 not executable, 127 not found,
                         * 128 other reasons at the start; NULL: nobody asks */
};

/* Starting one that runs is fine (returns 0; 1 when it was started now). A failed start leaves
 * the container as it was, its error and exit code in the state. `options` may be NULL. */
int container_start(struct engine *engine, const char *reference,
        const struct container_start_options *options, struct error **err);

/* Sends the stop signal, waits, kills, and returns when everything of the run is torn down. timeout_sec:
 * CONTAINER_STOP_TIMEOUT_UNSET is the container's own. Returns 1, or 0 when it did not run. */
int container_stop(struct engine *engine, const char *reference, int64_t timeout_sec,
        const char *signal, struct error **err);
/* Not a stop and a start: what is removed once it ends (auto_remove) stays. */
int container_restart(struct engine *engine, const char *reference, int64_t timeout_sec,
        const char *signal, struct error **err);

/* signal NULL: SIGKILL. Does not wait. Fails with Docker's words when it does not run. */
int container_kill(
        struct engine *engine, const char *reference, const char *signal, struct error **err);
int container_pause(struct engine *engine, const char *reference, struct error **err);
int container_unpause(struct engine *engine, const char *reference, struct error **err);
/* Connects a container, also one that runs, to a network. `how` is as for container_create; an alias "OTHER:NAME" is a
 * link. A network that it has already is -EEXIST, unless an earlier attempt did not come to its end. */
int container_connect_network(struct engine *engine, const char *reference,
        const struct container_network *how, struct error **err);
/* -ENOENT when it is not connected. With `force` also when its monitor does not answer. */
int container_disconnect_network(struct engine *engine, const char *reference, const char *network,
        bool force, struct error **err);
/* What the container says that it was made from (container.model). */
int container_set_model(
        struct engine *engine, const char *id, const char *model, struct error **err);

int container_rename(
        struct engine *engine, const char *reference, const char *new_name, struct error **err);

struct container_remove_options {
    bool force;   /* kill it first when it runs */
    bool volumes; /* its anonymous volumes too */
};
int container_remove(struct engine *engine, const char *reference,
        const struct container_remove_options *options, struct error **err);

enum container_wait_condition { CONTAINER_WAIT_NOT_RUNNING, CONTAINER_WAIT_REMOVED };

/* Waits until the container does not run (any more) or is gone; its exit code. deadline_usec as in
 * base/timefmt.h; -ETIMEDOUT when it passes. Returns 0. */
int container_wait(struct engine *engine, const char *reference,
        enum container_wait_condition condition, int64_t deadline_usec, int *ret_exit_code,
        struct error **err);

/* Waits until it is healthy. 0 healthy; 1 it has no health check; 2 unhealthy; 3 it ended. */
enum container_health_outcome {
    CONTAINER_HEALTH_HEALTHY,
    CONTAINER_HEALTH_NO_CHECK,
    CONTAINER_HEALTH_UNHEALTHY,
    CONTAINER_HEALTH_ENDED,
};
int container_wait_healthy(
        struct engine *engine, const char *reference, int64_t deadline_usec, struct error **err);

/* What `berth internal teardown ID` does when a monitor has ended: makes the row final and removes what a
 * run leaves. Idempotent; fine for a container that is gone. */
int container_teardown(struct engine *engine, const char *id, struct error **err);

/* Looks for containers whose monitor died or that ran before a reboot, makes their rows final, applies
 * restart policies, finishes interrupted removals, and sweeps directories that have no row. Cheap when
 * there is nothing to do. The commands call it once after engine_open. */
int engine_reconcile(struct engine *engine, struct error **err);

/* ---- Talking to it ---- */

struct container_attach_options {
    int stdin_fd, stdout_fd,
            stderr_fd;       /* borrowed; -EBADF: none. With a tty all output is stdout's */
    bool forward_signals;    /* --sig-proxy: all but CHLD, PIPE, URG, WINCH go to the process */
    const char *detach_keys; /* "ctrl-p,ctrl-q"; NULL: that; "": none */
    int cancel_fd; /* once it is readable the container's process is killed; 0 or less: none */
};

struct container_attach_result {
    int exit_code;
    bool detached; /* by the detach keys: the container goes on */
};

/* Relays until the container ends for good or the user detaches. */
int container_attach(struct engine *engine, const char *reference,
        const struct container_attach_options *options, struct container_attach_result *ret,
        struct error **err);

/* Starts and attaches without losing a byte, and takes over the teardown: when it returns and the
 * container ended, nothing of its run is left (and with auto_remove nothing of it at all). */
int container_start_attached(struct engine *engine, const char *reference,
        const struct container_attach_options *options, struct container_attach_result *ret,
        struct error **err);

struct container_exec_options {
    char **argv;
    char **env; /* on top of the container's */
    const char *user, *working_dir;
    bool tty, interactive, privileged, detach;
    struct container_attach_options attach;
};

/* Runs a program in a running container; *ret_exit_code is its status (126/127 when it could not be
 * run), 0 when detached. */
int container_exec(struct engine *engine, const char *reference,
        const struct container_exec_options *options, int *ret_exit_code, struct error **err);

struct container_processes {
    char **titles;
    char ***rows; /* NULL-terminated vectors of as many texts as titles */
    size_t title_count, row_count;
};
/* `top`: what runs in the container; with words for ps (NULL-terminated; NULL: none) that program's table of it. In the
 * arena. */
int container_top(struct engine *engine, struct arena *arena, const char *reference,
        char *const *ps_words, struct container_processes *ret, struct error **err);
