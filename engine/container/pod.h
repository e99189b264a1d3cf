/* Pods: containers that share namespaces. A pod is a row and, unless it was made without, an infra container of the same
 * life which runs nothing but berth-init, keeps the shared namespaces (network, ipc, uts; on request pid and cgroup), the
 * network's addresses and published ports, and lends its mounts to all members. References are an id, a unique prefix of
 * one, or a name; pods and containers have their names together.
 *
 *     struct pod_config config = { .name = "web", .share = POD_SHARE_DEFAULT, .has_infra = true };
 *     r = pod_create(engine, &config, &infra, id, &diag, &err);    // infra: network, ports, volumes …
 *     container_config.pod = id;                                    // for each member
 *
 * A pod that does not exist is -ENOENT with Podman's words ("no pod with name or ID x found: no such pod"). */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <jansson.h>

#include "engine/container/container.h"

enum pod_share {
    POD_SHARE_CGROUP = 1 << 0,
    POD_SHARE_IPC = 1 << 1,
    POD_SHARE_NET = 1 << 2,
    POD_SHARE_PID = 1 << 3,
    POD_SHARE_UTS = 1 << 4,
};
#define POD_SHARE_KINDS 5
#define POD_SHARE_DEFAULT (POD_SHARE_IPC | POD_SHARE_NET | POD_SHARE_UTS)
extern const char *const pod_share_names[POD_SHARE_KINDS]; /* by bit */

enum pod_exit_policy {
    POD_EXIT_CONTINUE,
    POD_EXIT_STOP, /* it stops when the last of its members has ended */
    POD_EXIT_POLICY_MAX_,
    POD_EXIT_POLICY_INVALID = -22,
};
extern const char *const pod_exit_policy_names[POD_EXIT_POLICY_MAX_];

/* container_config.pod_init: when a container runs that its pod needs to have run. */
#define POD_INIT_ONCE "once"     /* at the first start, after which it is removed */
#define POD_INIT_ALWAYS "always" /* at each start */

struct pod_config {
    const char *name; /* NULL: one is made up */
    unsigned share;   /* enum pod_share */
    bool has_infra;
    enum pod_exit_policy exit_policy;
    const char *hostname;           /* as it was given; NULL: the pod's name */
    enum container_restart restart; /* of members that have none of their own */
    int64_t restart_max_retries;
    char **security_opt; /* of all of its containers */
    struct container_pairs labels;
};

/* Podman's words for what a pod's containers do together. */
enum pod_status {
    POD_CREATED,
    POD_RUNNING,
    POD_DEGRADED, /* some run, some do not */
    POD_PAUSED,
    POD_EXITED,
    POD_STOPPED, /* some have ended, none runs */
    POD_ERROR,
    POD_STATUS_MAX_,
};
extern const char *const pod_status_names[POD_STATUS_MAX_];

struct pod {
    const char *id, *name;
    int64_t created_nsec;
    struct pod_config config;
    const char *infra_id;         /* NULL: it has none */
    enum pod_status status;       /* of the containers as they were read */
    struct containers containers; /* its infra container and its members, oldest first */
};

struct pods {
    struct pod **items;
    size_t len, cap;
};

/* ---- Looking: everything lives in the arena ---- */

/* *ret is NULL when there is none of that name. */
int pod_lookup(struct engine *engine, struct arena *arena, const char *reference, struct pod **ret,
        struct error **err);
int pod_get(struct engine *engine, struct arena *arena, const char *reference, struct pod **ret,
        struct error **err);
int pod_list(struct engine *engine, struct arena *arena, struct pods *ret,
        struct error **err); /* newest first */

/* The infra container among pod->containers, or NULL. */
const struct container *pod_infra(const struct pod *pod);

/* Podman's inspect object. New reference. */
json_t *pod_inspect(struct arena *arena, const struct pod *pod);

/* ---- Life ---- */

/* `infra` is what the infra container shall be: name (NULL: made of the pod's id), network, ports, names, mounts, sysctls
 * and pid file; the rest is the engine's. Either all of the pod is there afterwards or nothing. */
int pod_create(struct engine *engine, const struct pod_config *config,
        const struct container_config *infra, char ret_id[static CONTAINER_ID_HEX + 1],
        struct diag *diag, struct error **err);

/* Each does it to all containers of the pod, goes on after a failure, and returns the first. A pod is started infra
 * container first and stopped infra container last. Containers that it needs to have run (pod_init) run in between, one
 * after the other, unless a member runs already; with one that fails the start ends. Started for a service, the infra container becomes that one's
 * (container_set_service), unless it runs already. `options` may be NULL. */
struct pod_start_options {
    const struct container_service *service; /* that the pod is; NULL: none */
    const char *
            members_socket; /* that members with a moment to tell (config.notify) tell it; NULL: they tell nobody */
};
int pod_start(struct engine *engine, const char *reference, const struct pod_start_options *options,
        struct error **err);
int pod_stop(struct engine *engine, const char *reference, int64_t timeout_sec, struct error **err);
int pod_restart(struct engine *engine, const char *reference, struct error **err);
int pod_kill(struct engine *engine, const char *reference, const char *signal, struct error **err);
int pod_pause(struct engine *engine, const char *reference, struct error **err);
int pod_unpause(struct engine *engine, const char *reference, struct error **err);

struct pod_remove_options {
    bool force;          /* what runs is stopped first */
    int64_t timeout_sec; /* of that; CONTAINER_STOP_TIMEOUT_UNSET: the container's own */
};
int pod_remove(struct engine *engine, const char *reference,
        const struct pod_remove_options *options, struct error **err);
