/* What the compose commands share: the options before the command's name, loading the project, what the
 * engine has of it, and carrying out a plan with its progress on the screen. */
#pragma once

#include <stdbool.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "compose/load.h"
#include "compose/plan.h"
#include "compose/state.h"

struct backend;
struct cli;
struct error;
struct graph;
struct owner;
struct project;

/* `berth compose OPTIONS COMMAND`. */
struct compose_options {
    const char *ansi, *progress, *project_directory, *project_name, *workdir;
    struct strings env_files, files, profiles;
    int64_t parallel;
    bool adopt, all_resources, compatibility, dry_run, timings, verbose, version, no_ansi;
};

/* For `berth up` and `berth down`: the options that all commands of the group take, into `options`, which first gets
 * its defaults. */
struct command;
void compose_shorthand(struct cli *cli, struct command *command, struct compose_options *options);

enum compose_need {
    COMPOSE_NEED_PROJECT, /* files must be there and right */
    COMPOSE_NEED_NAME,    /* a name is enough: files are read when there are any */
};

/* A project as one command sees it. Everything lives in its arena; freed by compose_free. */
struct compose {
    struct cli *cli;
    const struct compose_options *options;
    struct arena arena;
    struct load_options load;
    const char *name;
    struct project *project; /* NULL: only the name is known */
    struct graph *graph;     /* NULL with it */
    struct backend *backend; /* NULL until compose_observe */
    const char *directory;   /* real path of the project's; NULL without files */
    int64_t now_nsec;        /* when the command began */
    int lock_fd;             /* of compose_lock; -EBADF: not held */
    struct observed_state state;
    bool is_unit;        /* a unit of systemd's: what is done here, systemd has asked for */
    struct owner *owner; /* systemd as the owner of the containers; NULL: berth */
};

/* Loads; findings and errors are reported here. 0, or the exit status. `services` (argc words) are those
 * that the user named, enabled whatever their profiles. */
int compose_open(
        struct cli *cli, enum compose_need need, int argc, char **services, struct compose **ret);
void compose_free(struct compose *compose);
DEFINE_CLEANUP(struct compose *, compose_free);

/* The same with load options that `config` changes first. */
int compose_begin(struct cli *cli, int argc, char **services, struct compose **ret);
int compose_load(struct compose *compose, enum compose_need need);

/* The same files with every profile, so that units of a profile that is not active can be made, too. 0, or the exit
 * status. */
int compose_load_all(const struct compose *compose, struct compose **ret);

/* Refuses what the engine cannot do, with the places; 0, or the exit status. */
int compose_check_supported(struct compose *compose);

/* Before observing, for what brings the project up: waits (and says so) while another command does. Let go by
 * compose_run_plan once the plan has run. Not with --dry-run. 0, or the exit status. */
int compose_lock(struct compose *compose);

/* For who goes on after a failure, which may have come before the plan was run. Not held is fine. */
void compose_unlock(struct compose *compose);

/* Opens the engine and looks at what it has of the project; again after changes. 0, or the exit status. */
int compose_observe(struct compose *compose);

/* The input of all planning. */
struct plan_input compose_plan_input(const struct compose *compose);

/* Services as a list for the plan's options. */
struct strings compose_services(struct compose *compose, int argc, char **argv);

/* --timeout in seconds, -1 for ever, COMPOSE_TIMEOUT_UNSET for the service's own, as the plan has it. */
#define COMPOSE_TIMEOUT_UNSET INT64_MIN
int64_t compose_timeout_usec(int64_t seconds);

struct compose_run_options {
    bool quiet;                /* no progress (compose logs nothing either) */
    bool nothing_changed_line; /* say so when that is so */
};

/* Shows the plan with --dry-run; else carries it out with progress and reports each failure. `r` is what
 * planning returned, `err` its error (both reported here). Exit status. */
int compose_carry_out(struct compose *compose, int r, struct plan *plan, struct diag *diag,
        struct error *err, const struct compose_run_options *options);

/* The same with the result for the caller (run_result_release); NULL: not wanted. */
struct run_result;
int compose_run_plan(struct compose *compose, struct plan *plan,
        const struct compose_run_options *options, struct run_result *ret);

/* Loads, plans and carries out for `build`, `pull` and `push`: `make` is the planner, argc words are services. Exit
 * status. */
typedef int (*compose_plan_images_fn)(const struct plan_input *input,
        const struct plan_images_options *options, struct plan **ret, struct diag *diag,
        struct error **err);
int compose_run_images_plan(struct cli *cli, struct plan_images_options *how, bool quiet, int argc,
        char **argv, compose_plan_images_fn make);

/* Containers of the project's services, in order of service and number; one-off ones only when asked for.
 * `argc` words restrict it to these services; an unknown one is reported (exit status), so is none. */
struct compose_containers {
    const struct observed_container **items;
    size_t len, cap;
};
int compose_containers(struct compose *compose, int argc, char **services, bool oneoff,
        struct compose_containers *ret);

/* After containers were started again, as `compose->state` has them from before: what they say that they were made
 * from follows the files of configs and secrets. `all`: those that ran as well. Exit status. */
int compose_note_started(struct compose *compose, const struct strings *services, bool all);

/* In the order of Docker Compose's lists. */
void compose_sort_by_name(struct compose_containers *containers);

/* The one container of a service with that number (0: the first that runs, else the first). */
int compose_container(struct compose *compose, const char *service, int64_t index,
        const struct observed_container **ret);

/* "web-1": the container's name without the project's. Lives in the compose's arena. */
const char *compose_short_name(struct compose *compose, const struct observed_container *container);
