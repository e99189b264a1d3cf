/* Inside of plan_up, which lies in several files:
 *   plan-up.c        the order of things: scopes, orphans, scale, waits
 *   plan-resource.c  images, networks and volumes that the containers need
 *   plan-decide.c    what happens to each container, and why
 *   plan-container.c the description that a new container is created from
 *   plan-emit.c      the steps for that, and the orders between them */
#pragma once

#include "compose/plan-internal.h"

/* Whether something happens: that may hang on what a build or pull gives. */
enum chance { CHANCE_NEVER, CHANCE_SOMETIMES, CHANCE_ALWAYS };
struct condition {
    enum chance chance;
    struct plan_image_checks checks; /* for SOMETIMES */
};

/* Why a service is looked at. Order matters: stronger ones are larger. */
enum scope {
    SCOPE_NONE,       /* left alone */
    SCOPE_FOLLOWER,   /* not asked for, but what it hangs on is replaced */
    SCOPE_DEPENDENCY, /* needed by a target */
    SCOPE_TARGET,
};

struct up_image {
    const char *reference;
    struct plan_step *pull, *build; /* NULL: not needed */
    struct backend_build_spec *build_spec;
};
struct up_network {
    const struct project_network *network;
    const struct observed_network *observed;
    bool replaced;
    struct plan_step *remove, *create;
};
struct up_volume {
    const struct project_volume *volume;
    const struct observed_volume *observed;
    bool replaced;
    struct plan_step *remove, *create;
};

/* One container of a service as it shall be. */
struct up_instance {
    struct up_service *of;
    unsigned number;
    const char *name;
    const struct observed_container *old; /* NULL: there is none */
    bool oneoff;
    bool no_aliases; /* answers to its own name only */

    /* Decided by plan-decide.c. recreate: a new container takes its place. bounce: it is stopped, and
     * started again after what it hangs on was replaced. */
    struct condition recreate, bounce;
    struct plan_reasons recreate_reasons, bounce_reasons;
    bool early_stop;   /* stopped before the new one can be created */
    bool remove_first; /* and removed before that, too */
    bool must_run;     /* runs at the end */

    /* Made by plan-emit.c. */
    struct backend_container_spec *spec;
    struct plan_step *create, *exists; /* exists: after it there is a container of that name */
    struct plan_step *stop, *remove, *start;
    struct plan_step *waits[BACKEND_WAIT_MAX_];
};

struct up_service {
    const struct graph_node *node;
    const struct service *service;
    enum scope scope;
    unsigned count; /* of containers wanted */
    const char *image;
    const char *model, *config_hash;
    struct {
        struct up_instance **items;
        size_t len, cap;
    } instances;
    struct {
        const struct observed_container **items;
        size_t len, cap;
    } existing, surplus, leftovers;
    struct {
        struct plan_step **items;
        size_t len, cap;
    } surplus_removals;
};

struct up {
    struct plan *plan;
    /* Some network or volume is made anew: then all that is stopped is stopped before anything is created,
     * since a container to be created may wait for a network that others have to leave first. */
    bool frees_resources;
    const struct plan_input *input;
    const struct plan_up_options *options;
    struct diag *diag;
    bool leave_services;         /* nothing but what is asked for apart from them */
    struct up_service *services; /* by node->index, for service nodes */
    size_t services_len;
    struct strmap images;   /* reference -> up_image */
    struct strmap networks; /* key -> up_network */
    struct strmap volumes;  /* key -> up_volume */
    struct {
        struct plan_step **items;
        size_t len, cap;
    } clearing; /* removals of orphans and leftovers: names and ports that may be in the way */
};

static inline struct up_service *up_service_of(struct up *up, const struct graph_node *node)
{
    return &up->services[node->index];
}

/* a becomes "a or b". */
void condition_join(struct up *up, struct condition *a, const struct condition *b);
#define CONDITION_ALWAYS (&(const struct condition){ .chance = CHANCE_ALWAYS })

/* plan-resource.c; each plans the resource once. Errors are what makes the plan impossible. */
int up_need_image(struct up *up, const struct service *service, struct error **err);
int up_need_resources(
        struct up *up, const struct service *service, bool may_replace, struct error **err);
struct up_image *up_image_of(struct up *up, const char *reference);

/* Duration in "every_12h" and its kin; usec. False for policies without an age. */
bool up_policy_age(const struct service *service, const char *policy, int64_t *ret_usec);

/* plan-decide.c */
int up_decide(struct up *up, struct up_service *service, struct error **err);

/* plan-container.c; `temporary` NULL: under its own name. */
int up_container_spec(struct up *up, struct up_instance *instance, const char *temporary,
        struct backend_container_spec **ret, struct error **err);

/* The name of the container of `name`'s service that others join, or NULL. */
const char *up_first_container(struct up *up, const char *service_name);

/* plan-emit.c */
int up_emit(struct up *up, struct up_service *service, struct error **err);
struct plan_step *up_emit_removal(struct up *up, const struct observed_container *container,
        bool stop, const struct plan_reasons *reasons);
/* Lets `start` wait for what the service depends on. */
void up_emit_gates(struct up *up, const struct graph_node *node, struct plan_step *start);
struct plan_step *up_emit_wait(
        struct up *up, struct up_instance *instance, enum backend_wait_condition condition);

/* The container of `run`, after what it depends on. *ret may still be completed. */
int up_emit_oneoff(struct up *up, struct up_instance *instance, bool start,
        struct backend_container_spec **ret, struct error **err);

/* plan-applied.c: plan->record, once all is decided. */
void up_note_applied(struct up *up);

/* What plan_run shares with plan_up. */
int up_prepare(struct up *up, const struct plan_input *input, const struct plan_up_options *options,
        struct error **err);
int up_converge(struct up *up, struct error **err);
