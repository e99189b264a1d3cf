/* start, stop, restart, kill, pause, unpause and rm of containers that exist. */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "compose/plan-existing-internal.h"

struct verbing {
    struct existing all;
    enum plan_verb verb;
    const struct plan_verb_options *options;
};

static const char *const verb_names[] = {
    [PLAN_VERB_START] = "start",
    [PLAN_VERB_STOP] = "stop",
    [PLAN_VERB_RESTART] = "restart",
    [PLAN_VERB_KILL] = "kill",
    [PLAN_VERB_PAUSE] = "pause",
    [PLAN_VERB_UNPAUSE] = "unpause",
    [PLAN_VERB_RM] = "rm",
};
_Static_assert(ARRAY_LEN(verb_names) == PLAN_VERB_MAX_, "name every verb");

static struct plan_step *step_on(const struct known_service *known, const char *container_id)
{
    ARRAY_FOREACH(&known->steps, step) {
        if (string_is_equal((*step)->container_id, container_id))
            return *step;
    }
    return NULL;
}

static struct plan_step *add_wait(struct verbing *v, const struct observed_container *c,
        enum backend_wait_condition condition, struct plan_step *after)
{
    struct plan_step *wait = plan_add_container_step(v->all.plan, PLAN_WAIT_CONTAINER, c);

    wait->wait.condition = condition;
    wait->wait.timeout_usec = INT64_MAX;
    plan_step_needs(v->all.plan, wait, after);
    return wait;
}

/* The step after which a container of a dependency is as the edge asks; NULL when it is so now. */
static struct plan_step *gate_on(struct verbing *v, const struct dependency *edge,
        const struct observed_container *c, struct plan_step *start)
{
    switch (edge->condition) {
    case SERVICE_HEALTHY:
        if (!start && (c->health == OBSERVED_HEALTH_HEALTHY || !observed_container_is_active(c)))
            return NULL;
        return add_wait(v, c, BACKEND_WAIT_HEALTHY, start);
    case SERVICE_COMPLETED_SUCCESSFULLY:
        if (!start && !observed_container_is_active(c))
            return NULL;
        return add_wait(v, c, BACKEND_WAIT_COMPLETED, start);
    case SERVICE_STARTED:
    case SERVICE_CONDITION_MAX_:
        break;
    }
    return start;
}

/* Starting waits for conditions as `up` does, on what exists: what is started with it, and what runs. */
static void gate_verb_start(
        struct verbing *v, const struct known_service *known, struct plan_step *step)
{
    struct plan *plan = v->all.plan;

    if (!known->service || !v->all.input->graph) {
        existing_order_after_needs(&v->all, known, step);
        return;
    }
    ARRAY_FOREACH(&known->service->depends_on, edge) {
        const struct known_service *other = strmap_get(&v->all.services, edge->service);
        bool required = edge->required != OPTION_FALSE;

        ARRAY_FOREACH(&v->all.input->state->containers, c) {
            if (!other || c->oneoff || !existing_is_ours(&v->all, c) ||
                    strcmp(c->service, edge->service) != 0)
                continue;
            struct plan_step *gate = gate_on(v, edge, c, step_on(other, c->id));
            if (!gate)
                continue;
            if (gate->action == PLAN_WAIT_CONTAINER) {
                *ARRAY_APPEND_ARENA(&plan->arena, &gate->wait.dependents) = arena_strdup(
                        &plan->arena, known->name);
                gate->optional = !required;
            }
            if (required)
                plan_step_needs(plan, step, gate);
            else
                plan_step_after(plan, step, gate);
        }
    }
}

/* A dependency of which depends_on says restart: true is started anew. */
static const struct dependency *restarting_dependency(
        const struct verbing *v, const struct known_service *known)
{
    if (!known->service)
        return NULL;
    ARRAY_FOREACH(&known->service->depends_on, edge) {
        const struct known_service *other = strmap_get(&v->all.services, edge->service);

        if (edge->restart == OPTION_TRUE && other && other->steps.len > 0 &&
                edge->condition != SERVICE_COMPLETED_SUCCESSFULLY)
            return edge;
    }
    return NULL;
}

static struct plan_step *add_restart(
        struct verbing *v, struct known_service *known, const struct observed_container *c)
{
    struct plan_step *step = plan_add_container_step(v->all.plan, PLAN_RESTART_CONTAINER, c);

    step->stop.timeout_usec = v->options->timeout_usec;
    step->stop.service = known->service;
    gate_verb_start(v, known, step);
    return step;
}

/* `start` on one that runs already: at most it follows what it depends on. */
static struct plan_step *start_running(
        struct verbing *v, struct known_service *known, const struct observed_container *c)
{
    const struct dependency *edge = restarting_dependency(v, known);
    struct plan_step *step;

    if (!edge || v->options->no_deps)
        return NULL;
    step = add_restart(v, known, c);
    plan_add_reason(v->all.plan, &step->reasons, &edge->at,
            "services.%s.depends_on.%s.restart: the container of \"%s\" is started anew",
            known->name, edge->service, edge->service);
    return step;
}

static void verb_on_container(
        struct verbing *v, struct known_service *known, const struct observed_container *c)
{
    struct plan *plan = v->all.plan;
    const struct plan_verb_options *options = v->options;
    bool active = observed_container_is_active(c);
    struct plan_step *step = NULL;

    switch (v->verb) {
    case PLAN_VERB_START:
        if (active) {
            step = start_running(v, known, c);
        } else {
            step = plan_add_container_step(plan, PLAN_START_CONTAINER, c);
            step->start = known->service;
            gate_verb_start(v, known, step);
        }
        if (options->wait) {
            struct plan_step *wait = add_wait(v, c, BACKEND_WAIT_READY, step);

            if (options->wait_timeout_usec > 0)
                wait->wait.timeout_usec = options->wait_timeout_usec;
        }
        if (!step)
            return;
        break;
    case PLAN_VERB_STOP:
        if (active)
            existing_add_stop(&v->all, known, c, options->timeout_usec);
        return;
    case PLAN_VERB_RESTART:
        step = add_restart(v, known, c);
        break;
    case PLAN_VERB_KILL:
        if (!active)
            return;
        step = plan_add_container_step(plan, PLAN_KILL_CONTAINER, c);
        step->signo = options->signo ? options->signo : SIGKILL;
        break;
    case PLAN_VERB_PAUSE:
        if (c->status != OBSERVED_RUNNING)
            return;
        step = plan_add_container_step(plan, PLAN_PAUSE_CONTAINER, c);
        break;
    case PLAN_VERB_UNPAUSE:
        if (c->status != OBSERVED_PAUSED)
            return;
        step = plan_add_container_step(plan, PLAN_UNPAUSE_CONTAINER, c);
        break;
    case PLAN_VERB_RM:
        if (active && !options->stop)
            return;
        existing_add_remove(&v->all, c,
                active ? existing_add_stop(&v->all, known, c, options->timeout_usec) : NULL, false,
                options->volumes);
        return;
    case PLAN_VERB_MAX_:
        assert(!"no such verb");
    }
    existing_remember(&v->all, known, step);
}

/* restart takes those along whose depends_on says restart: true. */
static void select_restarted(struct verbing *v)
{
    bool changed = true;

    while (changed) {
        changed = false;
        STRMAP_FOREACH(&v->all.services, entry) {
            struct known_service *known = entry->value;

            if (known->selected || !known->service)
                continue;
            ARRAY_FOREACH(&known->service->depends_on, d) {
                const struct known_service *other = strmap_get(&v->all.services, d->service);

                if (d->restart == OPTION_TRUE && other && other->selected)
                    known->selected = changed = true;
            }
        }
    }
}

static bool has_container(const struct verbing *v, const char *service)
{
    ARRAY_FOREACH(&v->all.input->state->containers, c)
        if (existing_is_ours(&v->all, c) && !c->oneoff && strcmp(c->service, service) == 0)
            return true;
    return false;
}

/* An edge along which `start` takes another service along: of what is not required, what is there; and no job that is
 * done. */
static bool takes_along(const struct verbing *v, const struct dependency *edge)
{
    if (edge->condition == SERVICE_COMPLETED_SUCCESSFULLY && has_container(v, edge->service))
        return false;
    return edge->required != OPTION_FALSE || has_container(v, edge->service);
}

/* start takes along what the named services depend on. */
static void select_needed(struct verbing *v)
{
    bool changed = true;

    while (changed) {
        changed = false;
        STRMAP_FOREACH(&v->all.services, entry) {
            const struct known_service *known = entry->value;

            if (!known->selected || !known->service)
                continue;
            ARRAY_FOREACH(&known->service->depends_on, d) {
                struct known_service *other = strmap_get(&v->all.services, d->service);

                if (other && !other->selected && takes_along(v, d))
                    other->selected = changed = true;
            }
        }
    }
}

static bool stops(enum plan_verb verb)
{
    return verb == PLAN_VERB_STOP || verb == PLAN_VERB_KILL || verb == PLAN_VERB_RM;
}

static bool is_scaled_to_none(const struct known_service *known)
{
    return known->service && service_replicas(known->service) == 0;
}

static int verb_on_service(struct verbing *v, struct known_service *known, struct error **err)
{
    size_t found = 0;

    ARRAY_FOREACH(&v->all.input->state->containers, c) {
        if (!existing_is_ours(&v->all, c) || c->oneoff || strcmp(c->service, known->name) != 0)
            continue;
        found++;
        if (known->selected || observed_container_is_active(c))
            verb_on_container(v, known, c);
    }
    if (found == 0 && v->verb == PLAN_VERB_START && !is_scaled_to_none(known))
        return error_set_plain(err, ENOENT, known->service ? &known->service->at : NULL,
                "service \"%s\" has no container to start", known->name);
    return 0;
}

static void kill_orphans(struct verbing *v)
{
    ARRAY_FOREACH(&v->all.input->state->containers, c) {
        if (!existing_is_ours(&v->all, c) || !v->all.input->project ||
                !plan_is_orphan(v->all.input->project, c) || !observed_container_is_active(c))
            continue;
        struct plan_step *step = plan_add_container_step(v->all.plan, PLAN_KILL_CONTAINER, c);
        step->signo = v->options->signo ? v->options->signo : SIGKILL;
    }
}

int plan_verb(const struct plan_input *input, enum plan_verb verb,
        const struct plan_verb_options *options, struct plan **ret, struct diag *diag,
        struct error **err)
{
    assert(verb < PLAN_VERB_MAX_);
    auto_(plan_free_p) struct plan *plan = plan_new(verb_names[verb], input);
    struct verbing v = { .verb = verb, .options = options };
    int r;

    (void)diag;
    existing_init(&v.all, plan, input);
    if (input->adopt)
        plan->record.directory = arena_strdup(&plan->arena, plan_directory(input));
    if ((r = plan_check_identity(input, err)) < 0 ||
            (r = existing_select(&v.all, &options->services, false, err)) < 0)
        return r;
    if (verb == PLAN_VERB_RESTART && !options->no_deps)
        select_restarted(&v);
    if (verb == PLAN_VERB_START && !options->no_deps)
        select_needed(&v);
    for (size_t i = 0; i < v.all.order_len; i++) {
        size_t at = stops(verb) ? v.all.order_len - 1 - i : i;

        if (!v.all.order[at]->selected && !(verb == PLAN_VERB_START && !options->no_deps &&
                                                  restarting_dependency(&v, v.all.order[at])))
            continue;
        if ((r = verb_on_service(&v, v.all.order[at], err)) < 0)
            return r;
    }
    if (verb == PLAN_VERB_KILL && options->remove_orphans)
        kill_orphans(&v);
    plan_finish(plan);
    *ret = TAKE(plan);
    return 0;
}
