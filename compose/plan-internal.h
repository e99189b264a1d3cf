/* Shared by the plan-*.c: adding steps, orders between them, and reasons. */
#pragma once

#include "compose/plan.h"

#include "compose/graph.h"
#include "compose/project.h"
#include "compose/state.h"

/* Keys in stored models beside the service's attributes: digests of what its configs and secrets hold, and
 * the paths of values that nobody wrote. */
#define PLAN_MODEL_CONFIGS "x-configs"
#define PLAN_MODEL_SECRETS "x-secrets"
#define PLAN_MODEL_IMPLIED "x-implied"

/* Values in reasons are shortened to about this much. */
#define PLAN_VALUE_MAX_BYTES 80
#define PLAN_REASON_MAX_BYTES 4096
/* Further differences are summed up in one line. */
#define PLAN_DIFFERENCES_MAX 20

struct plan *plan_new(const char *command, const struct plan_input *input);

struct plan_step *plan_add(
        struct plan *plan, enum plan_action action, const char *subject_kind, const char *name);

/* `step` runs after `other`, which must succeed (needs) or be over (after). NULL `other` and repetitions
 * are ignored; an order that exists is strengthened. */
void plan_step_needs(struct plan *plan, struct plan_step *step, struct plan_step *other);
void plan_step_after(struct plan *plan, struct plan_step *step, struct plan_step *other);

void plan_add_reason(struct plan *plan, struct plan_reasons *reasons, const struct source *at,
        const char *format, ...) __attribute__((format(printf, 4, 5)));
void plan_add_reasons(
        struct plan *plan, struct plan_reasons *reasons, const struct plan_reasons *more);

/* Sorts the steps so that each comes after those that it needs, else as they were added, and numbers
 * them. Ends the planning. */
void plan_finish(struct plan *plan);

/* Steps on an existing container. */
struct plan_step *plan_add_container_step(
        struct plan *plan, enum plan_action action, const struct observed_container *container);

/* Compares the stored model of a container with the one of its service; adds a reason per difference.
 * Returns the number of differences; 1 with a general reason when `old_model` cannot be read. */
size_t model_diff(struct plan *plan, const struct project *project, const struct service *service,
        const char *old_model, const char *new_model, struct plan_reasons *reasons);

/* Names of the services that a container's service depends on, from its label. Lives in the plan. */
struct strings plan_label_dependencies(
        struct plan *plan, const struct observed_container *container);

/* True for containers of services that neither are in the files nor were switched off there, and for one-off
 * containers that have ended. */
bool plan_is_orphan(const struct project *project, const struct observed_container *container);

/* Notes the container as an orphan; `removed` says that steps of the plan remove it. */
void plan_add_orphan(struct plan *plan, const struct observed_container *container, bool removed);

/* "services.x of /a/compose.yaml", "a run of services.x": where an orphan came from. Lives in the plan. */
const char *plan_orphan_origin(struct plan *plan, const struct plan_orphan *orphan);

/* The directory that the files' project is in. */
const char *plan_directory(const struct plan_input *input);

/* A container that an interrupted recreate left under its temporary name. */
bool plan_is_stand_in(const struct observed_container *container);
