/* What a Compose service says about its unit, whoever's engine the unit runs: when it is started again, how long it may
 * take, when a timer starts it, and the user's own lines. Shared by the units that run berth (project-units.h) and the
 * quadlets of a project (from-compose.h). */
#pragma once

#include <stdbool.h>

struct arena;
struct diag;
struct graph_node;
struct node;
struct service;
struct strings;
struct unitfile;

/* `x-schedule`; NULL: the service has none. */
const struct node *project_schedule_of(const struct service *service);

/* A unit that runs to its end: one that a timer starts, or that others wait for to complete. */
bool project_is_job(const struct graph_node *node);
/* Others wait for it to be healthy. */
bool project_is_waited_for_healthy(const struct graph_node *node);

/* It has no profile, or one of those. */
bool project_service_is_active(const struct service *service, const struct strings *profiles);

/* The restart policy as Restart=, RestartSec= and start limits. */
void project_add_restart(
        struct arena *arena, const struct service *service, bool is_job, struct unitfile *unit);

/* Whether it is to be started at boot though it was stopped by hand. */
bool project_restarts_always(const struct service *service);

void project_add_timeouts(
        struct arena *arena, const struct service *service, bool is_job, struct unitfile *unit);

/* `x-systemd` of a service or of the project: lines as they are, specifiers in them are meant. `x-schedule` as lines of
 * [Timer]. Both 0, or -EINVAL with findings. */
int project_add_x_systemd(
        struct arena *arena, const struct node *model, struct unitfile *unit, struct diag *diag);
int project_add_schedule(struct arena *arena, const struct node *schedule, struct unitfile *timer,
        struct diag *diag);
