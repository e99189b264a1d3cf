/* The plan: what has to be done to bring a project from what exists (compose/state.h) to what its files
 * and a command ask for, as a graph of steps, each with the reason why it is needed. Planning makes no
 * system call and changes nothing; `up`, `down`, `--dry-run`, `plan` and progress are views of the same
 * plan. compose/run.h carries it out, compose/plan-print.h shows it.
 *
 *     struct plan *plan;
 *     r = plan_up(&(struct plan_input){ .project = p, .graph = g, .state = &state },
 *             &(struct plan_up_options){ .timeout_usec = BACKEND_TIMEOUT_DEFAULT }, &plan, &diag, &err);
 *     ...
 *     plan_free(plan);
 *
 * Some things are only known while a plan runs: whether a build or a pull gives another image than the one
 * that a container was made from. Steps that depend on it say so (`when`), and the runner leaves them out
 * when nothing changed.
 *
 * A plan borrows project, graph and state; they must outlive it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/source.h"
#include "base/strmap.h"
#include "compose/backend.h"
#include "compose/state.h"

struct diag;
struct error;
struct graph;
struct project;
struct service;

enum plan_action {
    PLAN_PULL_IMAGE,
    PLAN_BUILD_IMAGE,
    PLAN_PUSH_IMAGE,
    PLAN_REMOVE_IMAGE,
    PLAN_CREATE_NETWORK,
    PLAN_REMOVE_NETWORK,
    PLAN_CREATE_VOLUME,
    PLAN_REMOVE_VOLUME,
    PLAN_CREATE_CONTAINER,
    PLAN_RENAME_CONTAINER,
    PLAN_START_CONTAINER, /* and its post_start hooks */
    PLAN_WAIT_CONTAINER,
    PLAN_STOP_CONTAINER, /* after its pre_stop hooks */
    PLAN_RESTART_CONTAINER,
    PLAN_KILL_CONTAINER,
    PLAN_PAUSE_CONTAINER,
    PLAN_UNPAUSE_CONTAINER,
    PLAN_REMOVE_CONTAINER,
    PLAN_ACTION_MAX_,
};

/* Why a step is needed: `services.web.environment.FOO changed: "a" -> "b"`. */
struct plan_reason {
    const char *text;                  /* all of it, but for the place */
    const char *path;                  /* of a changed field; NULL for other reasons */
    const char *old_value, *new_value; /* JSON, whole; NULL: there was, or is, none */
    struct source at;
};
struct plan_reasons {
    struct plan_reason *items;
    size_t len, cap;
};

/* An order between two steps. */
struct plan_need {
    struct plan_step *step;
    bool success; /* it must have succeeded; false: it must only be over, either way */
};
struct plan_needs {
    struct plan_need *items;
    size_t len, cap;
};

/* "The image is no longer the one that the container was made from." */
struct plan_image_check {
    const char *image;  /* reference that a step of this plan pulls or builds */
    const char *old_id; /* image of the existing container */
};
struct plan_image_checks {
    struct plan_image_check *items;
    size_t len, cap;
};

enum plan_when {
    PLAN_ALWAYS,
    PLAN_WHEN_CHANGED, /* when at least one of the checks holds */
    PLAN_WHEN_SAME,    /* when none holds */
    PLAN_WHEN_FAILED,  /* when `fallback_of` failed */
    PLAN_WHEN_MAX_,
};

/* Part of replacing a container by one of the same name: create under a temporary name, stop and remove the
 * old one, rename. Progress shows the whole as one ("Recreate", "Recreated"). */
enum plan_part { PLAN_WHOLE, PLAN_RECREATE_FIRST, PLAN_RECREATE_MIDDLE, PLAN_RECREATE_LAST };

struct plan_step {
    size_t index; /* in plan->steps; every step it needs has a smaller one */
    enum plan_action action;
    enum plan_part part;
    const char *subject; /* as progress names it: "Container demo-web-1", "Network demo_default" */
    const char *
            name; /* of the container (while it is worked on), network, volume; an image's reference */
    const char *service; /* name; NULL where there is none */
    unsigned number;     /* of the container; 0 for none */

    struct plan_reasons reasons;
    struct plan_needs needs;

    enum plan_when when;
    struct plan_image_checks checks;
    const struct plan_step *fallback_of;
    bool optional; /* its failure is a warning, and those that need it go on */

    /* The container that it works on: the one that `created_by` made in this run, else this id. */
    const struct plan_step *created_by;
    const char *container_id;

    /* What the actions need beyond that. */
    union {
        const struct backend_pull_spec *pull;
        const struct backend_build_spec *build;
        const struct backend_push_spec *push;
        const struct backend_network_spec *network;
        const struct backend_volume_spec *volume;
        const struct backend_container_spec *container;
        const char *new_name; /* rename */
        struct {
            int64_t timeout_usec;
            const struct service *service; /* for its pre_stop hooks; NULL none */
        } stop;                            /* stop, restart */
        const struct service *start;       /* for its post_start hooks; NULL none */
        struct {
            enum backend_wait_condition condition;
            int64_t timeout_usec;
            struct strings dependents; /* services that wait for it; none for `up --wait` */
        } wait;
        int signo; /* kill */
        struct {
            bool force, volumes;
        } remove; /* container */
    };
};

/* A container that needs nothing done. */
struct plan_kept {
    const struct observed_container *container;
    const char *subject; /* "Container demo-web-1" */
    const char *status;  /* Compose's word: "Running", "Created" */
};

/* A container that no service of the files accounts for, and where it came from. */
struct plan_orphan {
    const char *name;
    const char *service;   /* that it was made for */
    const char *files;     /* with commas between them; NULL: unknown */
    const char *directory; /* NULL: unknown */
    bool oneoff;           /* made by `run`, and over */
    bool removed;          /* on request, by steps of the plan */
};

struct plan {
    struct arena arena;
    const char *project;
    const char *command; /* "up", "down", … */
    struct {
        struct plan_step **items;
        size_t len, cap;
    } steps;
    struct {
        struct plan_kept *items;
        size_t len, cap;
    } kept;
    /* Containers of services that the files no longer have; listed, removed only on request. */
    struct {
        struct plan_orphan *items;
        size_t len, cap;
    } orphans;
    /* What the engine is to keep of the project from now on; directory NULL: as it is. */
    struct observed_project record;
    bool forgets_project; /* nothing of it is left afterwards */
    bool met_users;       /* plan_down: a network or volume stays, because it is in use */
    /* Volumes (names) whose configuration changed; they stay as they are unless recreate_volumes. */
    struct strings changed_volumes;
    struct plan_step *oneoff; /* plan_run: the step that creates the container */
};

/* What all planning starts from. */
struct plan_input {
    const struct project *project; /* NULL: only the name is known (not for up, run, pull, build) */
    const char *project_name;      /* when project is NULL */
    const struct graph *graph;     /* of that project; NULL with it */
    const struct observed_state *state;
    const char *directory; /* real path of the project's; NULL: as the project says */
    bool adopt;            /* the project is this directory's from now on */
    bool compatibility;    /* names joined with "_" */
    const char *version;   /* label com.docker.compose.version; NULL: none */
    int64_t now_nsec;      /* for pull policies with an age; 0: images never age */
};

struct plan_up_options {
    struct strings services; /* empty: all */
    const char *command;     /* what to call it; NULL: "up" */
    bool build, no_build;
    bool force_recreate, no_recreate, always_recreate_deps;
    bool no_deps, no_start;
    bool remove_orphans, ignore_orphans;
    bool renew_anon_volumes;
    bool recreate_volumes; /* the user agreed to lose the data of changed_volumes */
    bool quiet_pull, quiet_build;
    const char *pull_policy;   /* --pull; NULL or "policy": the services' own */
    struct strmap scale;       /* service -> unsigned *; stronger than the file */
    bool wait;                 /* until all run or are healthy */
    int64_t wait_timeout_usec; /* 0: no limit */
    int64_t timeout_usec; /* until SIGKILL when stopping; BACKEND_TIMEOUT_DEFAULT: the service's own */
    const struct strmap *build_args, *build_ssh;
    uint64_t build_memory_bytes;
};

/* create is up with no_start; scale is up with scale and no_deps as asked. */
int plan_up(const struct plan_input *input, const struct plan_up_options *options,
        struct plan **ret, struct diag *diag, struct error **err);

/* A one-off container beside the service's own. */
struct plan_run_options {
    struct plan_up_options up; /* for what the service depends on; .services is not looked at */
    const struct service
            *service; /* copy of the project's service with what the command line changes */
    const char *name; /* NULL: PROJECT-SERVICE-run-SLUG */
    const char *slug; /* 12 random hex digits */
    bool auto_remove, service_ports, use_aliases;
    bool start; /* false: only create it; the caller starts it with its terminal attached */
    struct strmap labels; /* in addition: char * */
};
int plan_run(const struct plan_input *input, const struct plan_run_options *options,
        struct plan **ret, struct diag *diag, struct error **err);

struct plan_images_options {
    struct strings services;
    bool with_deps; /* --include-deps, --with-dependencies */
    bool quiet;
    /* pull */
    const char *policy; /* "missing" or "always"; NULL: always */
    bool ignore_buildable, ignore_failures;
    /* build */
    bool no_cache, pull;
    const struct strmap *build_args, *build_ssh; /* as in backend_build_spec */
    uint64_t build_memory_bytes;
};
int plan_pull(const struct plan_input *input, const struct plan_images_options *options,
        struct plan **ret, struct diag *diag, struct error **err);
int plan_build(const struct plan_input *input, const struct plan_images_options *options,
        struct plan **ret, struct diag *diag, struct error **err);

/* The images that services build and name, under all their names. */
int plan_push(const struct plan_input *input, const struct plan_images_options *options,
        struct plan **ret, struct diag *diag, struct error **err);

enum plan_rmi { PLAN_RMI_NONE, PLAN_RMI_LOCAL, PLAN_RMI_ALL };

struct plan_down_options {
    struct strings services; /* empty: all; else these and what needs them */
    bool remove_orphans, volumes;
    enum plan_rmi rmi;
    int64_t timeout_usec;
};
int plan_down(const struct plan_input *input, const struct plan_down_options *options,
        struct plan **ret, struct diag *diag, struct error **err);

/* start, stop, restart, kill, pause, unpause, rm on containers that exist. */
enum plan_verb {
    PLAN_VERB_START,
    PLAN_VERB_STOP,
    PLAN_VERB_RESTART,
    PLAN_VERB_KILL,
    PLAN_VERB_PAUSE,
    PLAN_VERB_UNPAUSE,
    PLAN_VERB_RM,
    PLAN_VERB_MAX_,
};
struct plan_verb_options {
    struct strings services;
    bool no_deps;              /* start: not what is needed; restart: not what asks for it */
    bool stop, volumes;        /* rm */
    bool remove_orphans;       /* kill */
    bool wait;                 /* start: until they run or are healthy */
    int64_t wait_timeout_usec; /* 0: no limit */
    int signo;                 /* kill; 0: SIGKILL */
    int64_t timeout_usec;      /* stop, restart, rm */
};
int plan_verb(const struct plan_input *input, enum plan_verb verb,
        const struct plan_verb_options *options, struct plan **ret, struct diag *diag,
        struct error **err);

/* A project is its name and its directory: -EEXIST with both paths when the engine knows the name from another
 * one, unless input->adopt. The functions above ask themselves. */
int plan_check_identity(const struct plan_input *input, struct error **err);

/* Leaves only the steps for which `keep` is true; what they needed of others counts as done. */
void plan_restrict(struct plan *plan, bool (*keep)(const struct plan_step *step, void *userdata),
        void *userdata);

void plan_free(struct plan *plan);
DEFINE_CLEANUP(struct plan *, plan_free);

/* What a backend has to look up so that the project can be planned: names of all its networks and volumes,
 * references of all its images. Texts live in `arena` or are the project's. */
struct backend_query plan_query(struct arena *arena, const struct project *project);

/* PROJECT-SERVICE-NUMBER, or container_name. Lives in `arena`. */
const char *plan_container_name(struct arena *arena, const char *project,
        const struct service *service, unsigned number, bool compatibility);

/* What a container of the service stores about how it was made (backend_container_spec.model). */
const char *plan_service_model(
        struct arena *arena, const struct project *project, const struct service *service);

/* The same for a container that was started again: it sees the files of its configs and secrets as they are now, and of
 * all else what it was made from. `model` itself where that changes nothing, or it cannot be read. */
const char *plan_model_started(struct arena *arena, const struct project *project,
        const struct service *service, const char *model);

const char *plan_action_name(enum plan_action action); /* "create-container" */

/* Words of progress as Docker Compose has them: "Creating", "Created"; NULL where it shows nothing. */
const char *plan_step_word_begin(const struct plan_step *step);
const char *plan_step_word_done(const struct plan_step *step);
