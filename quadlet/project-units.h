/* A Compose project as systemd units that run berth: what the generator writes for an enabled project, and what
 * `berth units` shows. Order and readiness are those of the project's graph.
 *
 * How a dependency becomes lines of [Unit]:
 *
 *     each                    Wants= and After=; `required: true` is seen to by the gate before the start, which
 *                             waits as long as the other may still come up, and then says what failed
 *     restart: true           PartOf=: restarts (and stops) with the other
 *     service_healthy         the other is ready with its first good health check (Type=notify)
 *     service_completed_…     the other is a oneshot that stays after its exit
 *
 * `x-systemd: { Unit: {…}, Service: {…} }` of a service or the project adds lines as they are written; `x-schedule` makes
 * a timer, and of the service a job that only the timer starts.
 *
 * Not Requires=: systemd would restart and stop dependents with it, which Compose does only for
 * `restart: true`, and would give them up for good when the other fails once before it succeeds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "units/unitfile.h"

struct arena;
struct diag;
struct graph;
struct project;
struct service;
struct strmap;

struct project_units_options {
    const char *program; /* absolute path of berth */
    bool is_user;        /* for a user's manager */
    const struct strings
            *profiles; /* the active ones; services of others are made, but not started */
    const struct strmap *
            stopped; /* services that were stopped by the user's will: not wanted by the target unless
                                   * `restart: always`; NULL: none */
    const char *source_path; /* the file that all comes from; NULL: none is named */
};

struct project_unit {
    const char *name; /* of the file */
    struct unitfile unit;
    struct strings links;            /* relative paths of links to it */
    const struct service *service;   /* whose container it is; NULL: nobody's */
    const struct service *scheduled; /* whose timer it is; NULL: nobody's */
};
struct project_units {
    struct project_unit *items;
    size_t len, cap;
};

/* `project` was loaded with every profile. Everything lives in the arena; the project is borrowed. Returns -EINVAL
 * with findings for `x-systemd` and `x-schedule` that are of no use. */
int project_make_units(struct arena *arena, const struct project *project,
        const struct graph *graph, const struct project_units_options *options,
        struct project_units *ret, struct diag *diag);

/* Its timers alone, for containers that are units of Podman's: quadlets have none. Of services whose profiles are not
 * active they are made, but nothing wants them. */
int project_make_timers(struct arena *arena, const struct project *project,
        const struct project_units_options *options, struct project_units *ret, struct diag *diag);

/* Whether only a timer starts it (`x-schedule`). */
bool project_service_is_scheduled(const struct service *service);

/* For a project that cannot be used: its target, which fails with a service that tells the errors. `name` is that of
 * its file. */
void project_make_placeholder(struct arena *arena, const char *name, const struct strings *errors,
        const struct project_units_options *options, struct project_units *ret);
