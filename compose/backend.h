/* What an engine offers to Compose: a table of functions and what it can do. The plan is computed
 * without it (compose/plan.h); compose/run.h calls it, step by step and on several threads. berth's own
 * engine fills it in (cli/compose-backend.c), and compose/backend-record.h is one in memory for tests.
 *
 * Rules for all functions:
 *  - A backend is embedded: `struct my_backend { struct backend base; ... }`. One handle belongs to one
 *    thread; `open_worker` makes another handle on the same engine, `close` ends either.
 *  - Results: 0, or a negative errno with *err set. -ECANCELED when the call ended because
 *    call->cancel was set; what was half made is taken back, as for any other failure.
 *  - Names are complete: no function adds a project prefix. Containers are given by id.
 *  - Each call may be repeated after a crash: what is already so is success (starting what runs,
 *    stopping what does not, removing what is gone). Creating what exists under that name is -EEXIST.
 *  - `call` is never NULL. call->progress is called on the calling thread only.
 *  - `spec` objects are borrowed for the call; texts in results are given (free()). */
#pragma once

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/strmap.h"

struct arena;
struct error;
struct hook;
struct observed_facts;
struct observed_project;
struct observed_state;
struct project;
struct project_network;
struct project_volume;
struct service;
struct service_network;

struct backend_ops;
struct backend {
    const struct backend_ops *ops;
};

/* Progress inside a step: a layer that is fetched, a line of a build. */
struct backend_progress {
    const char *id;   /* layer or build step; NULL: the step as a whole */
    const char *text; /* "Downloading", "[2/4] RUN make", one line of output without its newline */
    uint64_t current_bytes, total_bytes; /* 0, 0: no amount; total 0: not known */
    bool output; /* `text` is a line that a build printed, to be kept on the screen */
};

struct backend_call {
    const atomic_bool *cancel; /* NULL: cannot be cancelled */
    int cancel_fd; /* becomes readable when *cancel is set; -EBADF: look at it now and then */
    void (*progress)(
            void *userdata, const struct backend_progress *progress); /* NULL: none wanted */
    void *userdata;
};

/* What is to be looked up besides all that carries the project's label. */
struct backend_query {
    const char *project;
    struct strings networks, volumes,
            images; /* names and references, of which some may not exist */
};

struct backend_pull_spec {
    const struct project *project;
    const struct service *service; /* the first of those that want the image */
    const char *image;             /* reference */
    const char *platform;          /* NULL: the machine's own */
    bool quiet;
};

struct backend_build_spec {
    const struct project *project;
    const struct service *service; /* service->build says what to build */
    const char *image;             /* reference that the result gets; build.tags come in addition */
    const struct strmap *labels;   /* project, service, version; added to build.labels */
    const struct strmap *args; /* --build-arg, stronger than build.args; a NULL value takes none */
    const struct strmap
            *ssh;          /* --ssh, id to the socket of an agent, beside build.ssh; NULL: none */
    uint64_t memory_bytes; /* limit of RUN; 0: none */
    bool no_cache, pull, quiet; /* from the command line; the file's own are in service->build */
    bool check;                 /* only read the Dockerfile; there is no id then */
};

struct backend_push_spec {
    const struct project *project;
    const struct service *service;
    const char *image; /* reference, which says where to */
    bool quiet;
};

struct backend_network_spec {
    const struct project *project;
    const struct project_network *network;
    const char *name;
    const struct strmap *labels; /* all of them: the file's and Compose's own */
};

struct backend_volume_spec {
    const struct project *project;
    const struct project_volume *volume;
    const char *name;
    const struct strmap *labels;
};

struct backend_attachment {
    const char *network;                  /* name of the network */
    const char *key;                      /* its key in the file */
    const struct service_network *config; /* addresses and so on; NULL when nothing is said */
    struct strings aliases;               /* names it answers to there, service name included */
    struct strings links;                 /* "NAME:ALIAS": what it alone calls others there */
};
struct backend_attachments {
    struct backend_attachment
            *items; /* the first is the one for the default route unless gw_priority says else */
    size_t len, cap;
};

struct backend_carried_volume {
    const char *volume, *target;
};
struct backend_carried_volumes {
    struct backend_carried_volume *items;
    size_t len, cap;
};

struct backend_volumes_from {
    const char *container; /* name or id */
    bool read_only;
};
struct backend_volumes_froms {
    struct backend_volumes_from *items;
    size_t len, cap;
};

/* What `run` asks for beyond the service; the service pointer is then a changed copy of the file's, so
 * that command, entrypoint, environment and so on need no second place. */
struct backend_container_spec {
    const struct project *project;
    const struct service *service;
    const char *name;
    unsigned number; /* container-number; 1 for one-off containers */
    bool oneoff;
    bool auto_remove;  /* run --rm */
    bool no_ports;     /* run without --service-ports: service->ports are not published */
    const char *image; /* reference; after pull and build steps it is there */
    const char *model; /* normalised service as JSON: store it, give it back in `observe` */
    const struct strmap
            *labels; /* all of them but com.docker.compose.image, which the backend adds: only
                                  * it knows the id that `image` leads to */
    const struct backend_attachments *networks; /* empty with any network_mode but the default */
    const struct backend_carried_volumes
            *volumes; /* anonymous volumes of the container that it replaces */
    const struct backend_volumes_froms *volumes_from;
    const struct strings *external_links; /* containers that must be there: names */
    /* Containers (names) whose namespaces `service:x` and `container:x` modes join; NULL for none. */
    const char *join_network, *join_ipc, *join_pid;
    /* Id of the container that this one stands in for, or NULL. That one still exists, and may run, with the
     * same published ports; it is stopped before this one is started. (With fixed addresses the old one is
     * removed first, and this is NULL.) */
    const char *replaces;
};

enum backend_wait_condition {
    BACKEND_WAIT_RUNNING,   /* met once it runs; an exit is an outcome */
    BACKEND_WAIT_HEALTHY,   /* met once its healthcheck passed */
    BACKEND_WAIT_READY,     /* healthy when it has a healthcheck, else running (up --wait) */
    BACKEND_WAIT_COMPLETED, /* over, and not about to be restarted */
    BACKEND_WAIT_MAX_,
};

enum backend_wait_outcome {
    BACKEND_WAIT_MET,
    BACKEND_WAIT_UNHEALTHY,
    BACKEND_WAIT_EXITED,         /* ended though it should run; exit_code is valid */
    BACKEND_WAIT_NO_HEALTHCHECK, /* there is nothing to wait for */
    BACKEND_WAIT_GONE,           /* the container was removed meanwhile */
    BACKEND_WAIT_TIMED_OUT,
    BACKEND_WAIT_OUTCOME_MAX_,
};

struct backend_wait_result {
    enum backend_wait_outcome outcome;
    int exit_code; /* for EXITED, and for MET with BACKEND_WAIT_COMPLETED */
    char *output;  /* what the last probe printed; given, NULL for none */
};

/* Stop with the container's own stop_grace_period. */
#define BACKEND_TIMEOUT_DEFAULT INT64_MIN

enum backend_capability {
    BACKEND_CAN_BUILD = 1 << 0,
    BACKEND_CAN_PAUSE = 1 << 1,
    BACKEND_CAN_HOOKS = 1 << 2, /* exec is there */
};

struct backend_ops {
    const char *name;
    unsigned capabilities;

    int (*open_worker)(struct backend *backend, struct backend **ret, struct error **err);
    void (*close)(struct backend *backend);

    /* Fills *state, which is empty, in `arena`: all containers, networks and volumes with the project's label,
     * and the networks, volumes and images that the query names (an image that is not here gets a row with
     * id NULL). */
    int (*observe)(struct backend *backend, struct arena *arena, const struct backend_query *query,
            struct observed_state *state, struct error **err);

    /* Looks closer at one container, for `drift`; one that is gone has no facts (*ret NULL). */
    int (*container_examine)(struct backend *backend, struct arena *arena, const char *id,
            const struct observed_facts **ret, struct error **err);

    /* Keeps the project's directory and what is applied to it (NULL: what was kept before), before anything of
     * it is made; forgets both when nothing of it is left. */
    int (*project_store)(struct backend *backend, const char *project,
            const struct observed_project *what, struct error **err);
    int (*project_forget)(struct backend *backend, const char *project, struct error **err);

    int (*image_pull)(struct backend *backend, const struct backend_pull_spec *spec,
            const struct backend_call *call, char **ret_id, struct error **err);
    int (*image_build)(struct backend *backend, const struct backend_build_spec *spec,
            const struct backend_call *call, char **ret_id, struct error **err);
    int (*image_push)(struct backend *backend, const struct backend_push_spec *spec,
            const struct backend_call *call, struct error **err); /* NULL: it cannot */
    int (*image_remove)(struct backend *backend, const char *image, const struct backend_call *call,
            struct error **err);

    int (*network_create)(struct backend *backend, const struct backend_network_spec *spec,
            const struct backend_call *call, struct error **err);
    /* -EBUSY while a running container is on it; containers that do not run lose their endpoint. */
    int (*network_remove)(struct backend *backend, const char *name,
            const struct backend_call *call, struct error **err);

    int (*volume_create)(struct backend *backend, const struct backend_volume_spec *spec,
            const struct backend_call *call, struct error **err);
    /* -EBUSY while a container, running or not, mounts it. */
    int (*volume_remove)(struct backend *backend, const char *name, const struct backend_call *call,
            struct error **err);

    int (*container_create)(struct backend *backend, const struct backend_container_spec *spec,
            const struct backend_call *call, char **ret_id, struct error **err);
    int (*container_start)(struct backend *backend, const char *id, const struct backend_call *call,
            struct error **err);
    /* timeout_usec: until SIGKILL; BACKEND_TIMEOUT_DEFAULT, 0 for at once, TIMEOUT_NEVER. Returns when the
     * container is over and torn down (an auto_remove one: gone). Thaws a paused one. */
    int (*container_stop)(struct backend *backend, const char *id, int64_t timeout_usec,
            const struct backend_call *call, struct error **err);
    int (*container_restart)(struct backend *backend, const char *id, int64_t timeout_usec,
            const struct backend_call *call, struct error **err);
    int (*container_kill)(struct backend *backend, const char *id, int signo,
            const struct backend_call *call, struct error **err);
    int (*container_pause)(struct backend *backend, const char *id, const struct backend_call *call,
            struct error **err);
    int (*container_unpause)(struct backend *backend, const char *id,
            const struct backend_call *call, struct error **err);
    /* force kills first; volumes removes the anonymous volumes that no other container mounts. Without
     * force a running container is -EBUSY. */
    int (*container_remove)(struct backend *backend, const char *id, bool force, bool volumes,
            const struct backend_call *call, struct error **err);
    int (*container_rename)(struct backend *backend, const char *id, const char *name,
            const struct backend_call *call, struct error **err);

    /* Blocks until the condition is decided, timeout_usec (TIMEOUT_NEVER) have passed or the call is
     * cancelled. Returns 0 with the outcome, which is not an error. */
    int (*container_wait)(struct backend *backend, const char *id,
            enum backend_wait_condition condition, int64_t timeout_usec,
            const struct backend_call *call, struct backend_wait_result *ret, struct error **err);

    /* post_start and pre_stop: runs the command inside and waits; its output goes to call->progress. An exit
     * status other than 0 is an error. NULL without BACKEND_CAN_HOOKS. */
    int (*container_exec)(struct backend *backend, const char *id, const struct hook *hook,
            const struct backend_call *call, struct error **err);
};

/* Calls through the table. */
static inline int backend_open_worker(
        struct backend *backend, struct backend **ret, struct error **err)
{
    return backend->ops->open_worker(backend, ret, err);
}
static inline void backend_close(struct backend *backend)
{
    if (backend)
        backend->ops->close(backend);
}
static inline int backend_observe(struct backend *backend, struct arena *arena,
        const struct backend_query *query, struct observed_state *state, struct error **err)
{
    return backend->ops->observe(backend, arena, query, state, err);
}

#define BACKEND_CALL_INIT   \
    {                       \
        .cancel_fd = -EBADF \
    }
