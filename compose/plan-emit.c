#include "compose/plan-up-internal.h"

#include <assert.h>
#include <string.h>

#include "base/str.h"

/* ----------------------------------------------------------------- conditions */

static struct condition either(struct up *up, const struct condition *a, const struct condition *b)
{
    struct condition both = { 0 };

    condition_join(up, &both, a);
    condition_join(up, &both, b);
    return both;
}

/* Only once the images are there is the answer known; without them nothing is to be touched. */
static void set_condition(struct up *up, struct plan_step *step, const struct condition *condition)
{
    assert(condition->chance != CHANCE_NEVER);
    if (condition->chance != CHANCE_SOMETIMES)
        return;
    step->when = PLAN_WHEN_CHANGED;
    step->checks = condition->checks;
    ARRAY_FOREACH(&condition->checks, check) {
        const struct up_image *image = up_image_of(up, check->image);

        plan_step_needs(up->plan, step, image->build ? image->build : image->pull);
    }
}

/* The opposite, for what is done to a container that stays. */
static void set_opposite(struct up *up, struct plan_step *step, const struct condition *condition)
{
    assert(condition->chance != CHANCE_ALWAYS);
    if (condition->chance != CHANCE_SOMETIMES)
        return;
    step->when = PLAN_WHEN_SAME;
    step->checks = condition->checks;
    ARRAY_FOREACH(&condition->checks, check) {
        const struct up_image *image = up_image_of(up, check->image);

        plan_step_after(up->plan, step, image->build ? image->build : image->pull);
    }
}

/* ----------------------------------------------------------------- single steps */

static struct plan_step *add_step(
        struct up *up, struct up_instance *instance, enum plan_action action)
{
    struct plan_step *step = plan_add(up->plan, action, "Container", instance->name);

    step->service = instance->of->service->name;
    step->number = instance->number;
    step->container_id = instance->old ? instance->old->id : NULL;
    return step;
}

static int64_t stop_timeout_usec(const struct up *up)
{
    return up->options->timeout_usec;
}

/* Networks and volumes that are made anew are removed after `step`, which makes the container let go. */
static void release_networks(
        struct up *up, const struct observed_container *container, struct plan_step *step)
{
    STRMAP_FOREACH(&up->networks, entry) {
        const struct up_network *network = entry->value;

        if (network->remove && observed_container_is_on_network(container, network->observed))
            plan_step_needs(up->plan, network->remove, step);
    }
}

static void release_volumes(
        struct up *up, const struct observed_container *container, struct plan_step *step)
{
    STRMAP_FOREACH(&up->volumes, entry) {
        const struct up_volume *volume = entry->value;

        if (volume->remove && observed_container_mounts(container, volume->volume->name))
            plan_step_needs(up->plan, volume->remove, step);
    }
}

struct plan_step *up_emit_removal(struct up *up, const struct observed_container *container,
        bool stop, const struct plan_reasons *reasons)
{
    struct plan *plan = up->plan;
    struct plan_step *before = NULL;

    if (stop && observed_container_is_active(container)) {
        before = plan_add_container_step(plan, PLAN_STOP_CONTAINER, container);
        before->stop.timeout_usec = stop_timeout_usec(up);
        before->stop.service = project_find_service(up->input->project, container->service);
        plan_add_reasons(plan, &before->reasons, reasons);
    }
    struct plan_step *step = plan_add_container_step(plan, PLAN_REMOVE_CONTAINER, container);
    step->remove.force = true;
    plan_step_needs(plan, step, before);
    plan_add_reasons(plan, &step->reasons, reasons);
    release_networks(up, container, step);
    release_volumes(up, container, step);
    return step;
}

/* A new container needs its image, its networks and volumes, the containers that it joins, and its name and
 * ports free. */
static void need_surroundings(struct up *up, struct up_instance *instance, struct plan_step *step)
{
    struct plan *plan = up->plan;
    const struct service *service = instance->of->service;
    const struct up_image *image = up_image_of(up, instance->of->image);

    if (image && image->build)
        plan_step_needs(plan, step, image->build);
    else if (image)
        plan_step_needs(plan, step, image->pull);
    if (!service->network_mode)
        ARRAY_FOREACH(&service->networks, n) {
            const struct up_network *network = strmap_get(&up->networks, n->network);

            if (network)
                plan_step_needs(plan, step, network->create);
        }
    ARRAY_FOREACH(&service->volumes, v) {
        const struct up_volume *volume = v->type == MOUNT_VOLUME && v->source
                                                 ? strmap_get(&up->volumes, v->source)
                                                 : NULL;
        if (volume)
            plan_step_needs(plan, step, volume->create);
    }
    ARRAY_FOREACH(&instance->of->node->needs, it) {
        const struct graph_edge *edge = *it;

        if (edge->to->kind != GRAPH_SERVICE || edge->via == GRAPH_DEPENDS_ON ||
                edge->via == GRAPH_LINK)
            continue;
        const struct up_service *owner = up_service_of(up, edge->to);
        if (owner->instances.len)
            plan_step_needs(plan, step, owner->instances.items[0]->exists);
    }
    ARRAY_FOREACH(&up->clearing, other) {
        plan_step_after(plan, step, *other);
    }
}

static void emit_stop(struct up *up, struct up_instance *instance)
{
    struct plan *plan = up->plan;
    struct condition when = either(up, &instance->recreate, &instance->bounce);

    if (!instance->old || !observed_container_is_active(instance->old) ||
            when.chance == CHANCE_NEVER)
        return;
    struct plan_step *step = add_step(up, instance, PLAN_STOP_CONTAINER);
    step->name = instance->old->name;
    step->stop.timeout_usec = stop_timeout_usec(up);
    step->stop.service = instance->of->service;
    set_condition(up, step, &when);
    if (instance->recreate.chance != CHANCE_NEVER && instance->bounce.chance == CHANCE_NEVER)
        step->part = instance->remove_first ? PLAN_RECREATE_FIRST : PLAN_RECREATE_MIDDLE;
    plan_add_reasons(plan, &step->reasons,
            instance->bounce.chance != CHANCE_NEVER ? &instance->bounce_reasons
                                                    : &instance->recreate_reasons);
    instance->stop = step;

    release_networks(up, instance->old, step);
}

static void emit_remove_old(struct up *up, struct up_instance *instance)
{
    struct plan_step *step = add_step(up, instance, PLAN_REMOVE_CONTAINER);

    step->name = instance->old->name;
    step->remove.force = true;
    step->part = PLAN_RECREATE_MIDDLE;
    if (instance->remove_first &&
            !(instance->stop && instance->stop->part == PLAN_RECREATE_FIRST)) {
        step->part = PLAN_RECREATE_FIRST;
        plan_add_reasons(up->plan, &step->reasons, &instance->recreate_reasons);
    }
    set_condition(up, step, &instance->recreate);
    plan_step_needs(up->plan, step, instance->stop);
    instance->remove = step;
    if (!instance->remove_first)
        return;
    release_volumes(up, instance->old, step);
    /* Were this to die between the two, one too many of higher number would fill the gap. */
    ARRAY_FOREACH(&instance->of->surplus_removals, other) {
        plan_step_after(up->plan, step, *other);
    }
}

static int emit_create(
        struct up *up, struct up_instance *instance, const char *temporary, struct error **err)
{
    int r = up_container_spec(up, instance, temporary, &instance->spec, err);

    if (r < 0)
        return r;
    struct plan_step *step = add_step(up, instance, PLAN_CREATE_CONTAINER);
    step->name = instance->spec->name;
    step->container = instance->spec;
    step->container_id = NULL;
    step->part = temporary ? PLAN_RECREATE_FIRST : instance->old ? PLAN_RECREATE_LAST : PLAN_WHOLE;
    if (instance->old)
        set_condition(up, step, &instance->recreate);
    need_surroundings(up, instance, step);
    plan_add_reasons(up->plan, &step->reasons, &instance->recreate_reasons);
    instance->create = instance->exists = step;
    return 0;
}

/* --------------------------------------------------------------- one container */

/* create the new one under a temporary name - stop the old one - remove it - rename the new one: until the
 * new one is there, the old one runs; if this dies half-way, the label com.docker.compose.replace says
 * what the new one was to be. */
static int emit_recreate(struct up *up, struct up_instance *instance, struct error **err)
{
    struct plan *plan = up->plan;
    const char *temporary = instance->remove_first ? NULL
                                                   : arena_printf(&plan->arena, "%.12s_%s",
                                                             instance->old->id, instance->name);
    int r;

    if (instance->early_stop || instance->remove_first)
        emit_stop(up, instance);
    if (instance->remove_first)
        emit_remove_old(up, instance);
    if ((r = emit_create(up, instance, temporary, err)) < 0)
        return r;
    if (instance->remove_first) {
        plan_step_needs(plan, instance->create, instance->remove);
        return 0;
    }
    if (instance->early_stop) {
        plan_step_needs(plan, instance->create, instance->stop);
    } else {
        emit_stop(up, instance);
        if (instance->stop)
            plan_step_needs(plan, instance->stop, instance->create);
    }
    emit_remove_old(up, instance);
    plan_step_needs(plan, instance->remove, instance->create);

    struct plan_step *rename = add_step(up, instance, PLAN_RENAME_CONTAINER);
    rename->name = temporary;
    rename->new_name = instance->name;
    rename->created_by = instance->create;
    rename->container_id = NULL;
    rename->part = PLAN_RECREATE_LAST;
    set_condition(up, rename, &instance->recreate);
    plan_step_needs(plan, rename, instance->remove);
    plan_step_needs(plan, rename, instance->create);
    instance->exists = rename;
    return 0;
}

static void emit_start(struct up *up, struct up_instance *instance)
{
    struct plan *plan = up->plan;
    const struct observed_container *old = instance->old;
    bool was_active = old && observed_container_is_active(old);
    struct condition when = either(up, &instance->recreate, &instance->bounce);

    if (!instance->must_run || (was_active && when.chance == CHANCE_NEVER))
        return;
    struct plan_step *step = add_step(up, instance, PLAN_START_CONTAINER);
    step->created_by = instance->create;
    step->start = instance->of->service;
    if (was_active)
        set_condition(up, step, &when);
    plan_step_needs(plan, step, instance->exists);
    plan_step_needs(plan, step, instance->stop);
    if (instance->bounce.chance != CHANCE_NEVER)
        plan_add_reasons(plan, &step->reasons, &instance->bounce_reasons);
    if (old && !was_active && instance->recreate.chance == CHANCE_NEVER) {
        if (old->status == OBSERVED_EXITED)
            plan_add_reason(plan, &step->reasons, NULL, "it has exited (%d)", old->exit_code);
        else
            plan_add_reason(
                    plan, &step->reasons, NULL, "it is %s", observed_status_name(old->status));
    }
    instance->start = step;
}

/* What is paused and stays shall run. */
static void emit_unpause(struct up *up, struct up_instance *instance)
{
    struct condition when = either(up, &instance->recreate, &instance->bounce);

    if (!instance->old || instance->old->status != OBSERVED_PAUSED || !instance->must_run ||
            when.chance == CHANCE_ALWAYS)
        return;
    struct plan_step *step = add_step(up, instance, PLAN_UNPAUSE_CONTAINER);
    set_opposite(up, step, &when);
    plan_add_reason(up->plan, &step->reasons, NULL, "it is paused");
    if (!instance->start)
        instance->start = step; /* what depends on it waits for this */
    else
        plan_step_after(up->plan, instance->start, step);
}

static void keep(struct up *up, struct up_instance *instance)
{
    struct plan *plan = up->plan;

    *ARRAY_APPEND_ARENA(&plan->arena, &plan->kept) = (struct plan_kept){
        .container = instance->old,
        .subject = arena_printf(&plan->arena, "Container %s", instance->name),
        .status = observed_container_is_active(instance->old) ? "Running" : "Created",
    };
}

/* A stand-in whose original is gone gets the name at last. */
static void emit_late_rename(struct up *up, struct up_instance *instance)
{
    struct plan_step *step = add_step(up, instance, PLAN_RENAME_CONTAINER);

    step->name = instance->old->name;
    step->new_name = instance->name;
    plan_add_reason(up->plan, &step->reasons, NULL, "an earlier run was interrupted before that");
    set_opposite(up, step, &instance->recreate);
    ARRAY_FOREACH(&up->clearing, other) {
        plan_step_after(up->plan, step, *other);
    }
    instance->exists = step;
}

static int emit_instance(struct up *up, struct up_instance *instance, struct error **err)
{
    int r = 0;

    if (instance->old && plan_is_stand_in(instance->old) &&
            instance->recreate.chance != CHANCE_ALWAYS)
        emit_late_rename(up, instance);
    struct plan_step *late_rename = instance->exists;
    if (!instance->old)
        r = emit_create(up, instance, NULL, err);
    else if (instance->recreate.chance != CHANCE_NEVER)
        r = emit_recreate(up, instance, err);
    else
        emit_stop(up, instance); /* for a bounce */
    if (r < 0)
        return r;
    if (late_rename && instance->exists != late_rename)
        plan_step_after(up->plan, instance->create, late_rename);
    emit_start(up, instance);
    emit_unpause(up, instance);
    if (instance->old && !instance->exists && !instance->stop && !instance->start &&
            instance->of->scope > SCOPE_FOLLOWER)
        keep(up, instance);
    return 0;
}

/* ------------------------------------------------------------- orders between services */

struct plan_step *up_emit_wait(
        struct up *up, struct up_instance *instance, enum backend_wait_condition condition)
{
    struct plan *plan = up->plan;

    if (instance->waits[condition])
        return instance->waits[condition];
    struct plan_step *step = add_step(up, instance, PLAN_WAIT_CONTAINER);
    step->created_by = instance->create;
    step->wait.condition = condition;
    step->wait.timeout_usec = INT64_MAX;
    plan_step_needs(plan, step, instance->start ? instance->start : instance->exists);
    step->optional = true; /* until something needs it */
    instance->waits[condition] = step;
    return step;
}

/* The step after which the instance is as the condition asks; NULL when it is so now. */
static struct plan_step *gate_of(
        struct up *up, struct up_instance *instance, enum service_condition condition)
{
    const struct observed_container *old = instance->old;

    if (!instance->must_run)
        return instance->exists;
    switch (condition) {
    case SERVICE_STARTED:
    case SERVICE_CONDITION_MAX_:
        break;
    case SERVICE_HEALTHY:
        if (!instance->start && old && old->health == OBSERVED_HEALTH_HEALTHY)
            return NULL;
        return up_emit_wait(up, instance, BACKEND_WAIT_HEALTHY);
    case SERVICE_COMPLETED_SUCCESSFULLY:
        if (!instance->start && old && old->status == OBSERVED_EXITED && old->exit_code == 0)
            return NULL;
        return up_emit_wait(up, instance, BACKEND_WAIT_COMPLETED);
    }
    return instance->start;
}

static void add_dependent(struct up *up, struct plan_step *gate, const char *service)
{
    ARRAY_FOREACH(&gate->wait.dependents, name) {
        if (string_is_equal(*name, service))
            return;
    }
    *ARRAY_APPEND_ARENA(&up->plan->arena, &gate->wait.dependents) = arena_strdup(
            &up->plan->arena, service);
}

static void gate_start(struct up *up, const struct graph_edge *edge, struct plan_step *start)
{
    struct up_service *dependency = up_service_of(up, edge->to);
    bool required = edge->via != GRAPH_DEPENDS_ON || edge->required;
    enum service_condition condition = edge->via == GRAPH_DEPENDS_ON ? edge->condition
                                                                     : SERVICE_STARTED;

    for (size_t i = 0; i < dependency->instances.len; i++) {
        struct plan_step *gate = gate_of(up, dependency->instances.items[i], condition);

        if (!gate)
            continue;
        if (gate->action == PLAN_WAIT_CONTAINER) {
            add_dependent(up, gate, edge->from->name);
            gate->optional &= !required;
        }
        if (required)
            plan_step_needs(up->plan, start, gate);
        else
            plan_step_after(up->plan, start, gate);
    }
}

void up_emit_gates(struct up *up, const struct graph_node *node, struct plan_step *start)
{
    ARRAY_FOREACH(&node->needs, it) {
        const struct graph_edge *edge = *it;

        if (edge->to->kind == GRAPH_SERVICE && up_service_of(up, edge->to)->scope != SCOPE_NONE)
            gate_start(up, edge, start);
    }
}

/* What follows a replaced container is stopped before it, and not before the new one is made. */
static void order_stops(struct up *up, struct up_instance *follower, const struct graph_edge *edge)
{
    struct up_service *leader = up_service_of(up, edge->to);

    for (size_t i = 0; i < leader->instances.len; i++) {
        struct up_instance *instance = leader->instances.items[i];

        if (!instance->stop || !follower->stop)
            continue;
        plan_step_after(up->plan, instance->stop, follower->stop);
        if (!instance->early_stop && !instance->remove_first && !up->frees_resources &&
                instance->create)
            plan_step_needs(up->plan, follower->stop, instance->create);
    }
}

static void order_instance(struct up *up, struct up_instance *instance)
{
    const struct graph_node *node = instance->of->node;

    if (instance->start)
        up_emit_gates(up, node, instance->start);
    ARRAY_FOREACH(&node->needs, it) {
        const struct graph_edge *edge = *it;

        if (edge->to->kind == GRAPH_SERVICE && up_service_of(up, edge->to)->scope != SCOPE_NONE)
            order_stops(up, instance, edge);
    }
}

static void emit_surplus(struct up *up, struct up_service *service)
{
    struct plan *plan = up->plan;
    struct plan_reasons reasons = { 0 };

    if (service->surplus.len == 0)
        return;
    plan_add_reason(plan, &reasons, &service->service->at, "services.%s: %u %s wanted",
            service->service->name, service->count,
            service->count == 1 ? "container is" : "containers are");
    ARRAY_FOREACH(&service->surplus, it) {
        struct plan_step *remove = up_emit_removal(up, *it, true, &reasons);

        *ARRAY_APPEND_ARENA(&plan->arena, &service->surplus_removals) = remove;
    }
}

int up_emit(struct up *up, struct up_service *service, struct error **err)
{
    if (service->scope == SCOPE_NONE)
        return 0;
    emit_surplus(up, service);
    for (size_t i = 0; i < service->instances.len; i++) {
        struct up_instance *instance = service->instances.items[i];
        int r = emit_instance(up, instance, err);

        if (r < 0)
            return r;
        order_instance(up, instance);
    }
    return 0;
}

int up_emit_oneoff(struct up *up, struct up_instance *instance, bool start,
        struct backend_container_spec **ret, struct error **err)
{
    int r = emit_create(up, instance, NULL, err);

    if (r < 0)
        return r;
    up_emit_gates(up, instance->of->node, instance->create);
    if (start)
        emit_start(up, instance);
    *ret = instance->spec;
    return 0;
}
