#include "compose/plan-up-internal.h"

#include <string.h>

#include "base/str.h"

void condition_join(struct up *up, struct condition *a, const struct condition *b)
{
    if (b->chance == CHANCE_NEVER || a->chance == CHANCE_ALWAYS)
        return;
    if (b->chance == CHANCE_ALWAYS) {
        *a = (struct condition){ .chance = CHANCE_ALWAYS };
        return;
    }
    a->chance = CHANCE_SOMETIMES;
    ARRAY_FOREACH(&b->checks, check) {
        bool known = false;

        ARRAY_FOREACH(&a->checks, other) {
            known |= string_is_equal(other->image, check->image) &&
                     string_is_equal(other->old_id, check->old_id);
        }
        if (!known)
            *ARRAY_APPEND_ARENA(&up->plan->arena, &a->checks) = *check;
    }
}

static void recreate_always(struct up *up, struct up_instance *instance)
{
    condition_join(up, &instance->recreate, CONDITION_ALWAYS);
}

/* ------------------------------------------------------------- its own configuration */

static void decide_model(struct up *up, struct up_instance *instance)
{
    struct plan *plan = up->plan;
    const struct up_service *of = instance->of;
    const struct observed_container *old = instance->old;
    size_t differences = 0;

    if (old->model) {
        differences = model_diff(plan, up->input->project, of->service, old->model, of->model,
                &instance->recreate_reasons);
    } else if (!string_is_equal(old->config_hash, of->config_hash)) {
        differences = 1;
        plan_add_reason(plan, &instance->recreate_reasons, &of->service->at,
                "its configuration is not the one of services.%s", of->service->name);
    }
    if (differences > 0)
        recreate_always(up, instance);
}

static const char *short_id(struct up *up, const char *id)
{
    const char *hex = strchr(id, ':');

    return arena_strndup(&up->plan->arena, hex ? hex + 1 : id, 12);
}

static void decide_image(struct up *up, struct up_instance *instance)
{
    struct plan *plan = up->plan;
    const struct up_service *of = instance->of;
    const struct up_image *image = up_image_of(up, of->image);
    const struct observed_image *here = observed_find_image(up->input->state, of->image);
    const char *old_id = instance->old->image_id;

    if (!image || !old_id)
        return;
    if (image->pull || image->build) {
        struct condition changed = { .chance = CHANCE_SOMETIMES };

        *ARRAY_APPEND_ARENA(&plan->arena, &changed.checks) = (struct plan_image_check){
            .image = image->reference, .old_id = old_id
        };
        condition_join(up, &instance->recreate, &changed);
        plan_add_reason(plan, &instance->recreate_reasons, NULL,
                "a new image \"%s\" in place of %s", image->reference, short_id(up, old_id));
    } else if (here && here->id && strcmp(here->id, old_id) != 0) {
        recreate_always(up, instance);
        plan_add_reason(plan, &instance->recreate_reasons, NULL, "image \"%s\" changed: %s -> %s",
                image->reference, short_id(up, old_id), short_id(up, here->id));
    }
}

/* ---------------------------------------------------------- networks and volumes it is on */

/* Networks that are made anew take their containers with them, wanted by the service or not. */
static void decide_networks(struct up *up, struct up_instance *instance)
{
    struct plan *plan = up->plan;
    const struct observed_container *old = instance->old;

    STRMAP_FOREACH(&up->networks, entry) {
        const struct up_network *network = entry->value;

        if (!network->replaced || !observed_container_is_on_network(old, network->observed))
            continue;
        recreate_always(up, instance);
        plan_add_reason(plan, &instance->recreate_reasons, &network->network->at,
                "network \"%s\" is created anew", network->network->name);
    }
    if (instance->of->service->network_mode)
        return;
    ARRAY_FOREACH(&instance->of->service->networks, wanted) {
        const struct up_network *network = strmap_get(&up->networks, wanted->network);

        if (!network || network->replaced || instance->of->scope <= SCOPE_FOLLOWER)
            continue;
        if (!network->observed || !observed_container_is_on_network(old, network->observed)) {
            recreate_always(up, instance);
            plan_add_reason(plan, &instance->recreate_reasons, &wanted->at,
                    "it is not connected to network \"%s\"", network->network->name);
        }
    }
}

static void decide_volumes(struct up *up, struct up_instance *instance)
{
    struct plan *plan = up->plan;
    const struct observed_container *old = instance->old;

    STRMAP_FOREACH(&up->volumes, entry) {
        const struct up_volume *volume = entry->value;

        if (!volume->replaced || !observed_container_mounts(old, volume->volume->name))
            continue;
        instance->remove_first = true;
        recreate_always(up, instance);
        plan_add_reason(plan, &instance->recreate_reasons, &volume->volume->at,
                "volume \"%s\" is created anew", volume->volume->name);
    }
    ARRAY_FOREACH(&instance->of->service->volumes, wanted) {
        const struct up_volume *volume = wanted->type == MOUNT_VOLUME && wanted->source
                                                 ? strmap_get(&up->volumes, wanted->source)
                                                 : NULL;

        if (!volume || volume->replaced || instance->of->scope <= SCOPE_FOLLOWER ||
                observed_container_mounts(old, volume->volume->name))
            continue;
        recreate_always(up, instance);
        plan_add_reason(plan, &instance->recreate_reasons, &wanted->at,
                "it does not mount volume \"%s\"", volume->volume->name);
    }
}

/* ------------------------------------------------------------ what it hangs on */

static bool shares_with(enum graph_via via)
{
    return via == GRAPH_NETWORK_OF || via == GRAPH_IPC_OF || via == GRAPH_PID_OF ||
           via == GRAPH_VOLUMES_FROM;
}

/* A container that shares a namespace or volumes of another is bound to that very container. When it is
 * older than the other, an earlier run died between replacing the two. */
static void decide_shared(
        struct up *up, struct up_instance *instance, const struct graph_edge *edge)
{
    struct plan *plan = up->plan;
    struct up_service *owner = up_service_of(up, edge->to);
    const struct up_instance *first = owner->instances.len ? owner->instances.items[0] : NULL;

    if (!first)
        return;
    if (!first->old || first->recreate.chance != CHANCE_NEVER) {
        condition_join(up, &instance->recreate, first->old ? &first->recreate : CONDITION_ALWAYS);
        instance->early_stop = true;
        plan_add_reason(plan, &instance->recreate_reasons, &edge->at,
                "services.%s.%s: the container of \"%s\" is replaced", instance->of->service->name,
                graph_via_name(edge->via), edge->to->name);
    }
    if (first->old && first->old->created_nsec > instance->old->created_nsec) {
        recreate_always(up, instance);
        plan_add_reason(plan, &instance->recreate_reasons, &edge->at,
                "services.%s.%s: the container of \"%s\" is newer", instance->of->service->name,
                graph_via_name(edge->via), edge->to->name);
    }
    if (edge->via != GRAPH_NETWORK_OF)
        return;
    /* A namespace ends with its owner's process. */
    if (first->bounce.chance != CHANCE_NEVER ||
            (first->old && first->must_run && !observed_container_is_active(first->old))) {
        condition_join(up, &instance->bounce,
                first->bounce.chance != CHANCE_NEVER ? &first->bounce : CONDITION_ALWAYS);
        plan_add_reason(plan, &instance->bounce_reasons, &edge->at,
                "services.%s.network_mode: the container of \"%s\" is started anew",
                instance->of->service->name, edge->to->name);
    }
}

static void decide_restart(
        struct up *up, struct up_instance *instance, const struct graph_edge *edge)
{
    struct up_service *dependency = up_service_of(up, edge->to);
    struct condition replaced = { 0 };

    for (size_t i = 0; i < dependency->instances.len; i++)
        if (dependency->instances.items[i]->old)
            condition_join(up, &replaced, &dependency->instances.items[i]->recreate);
    /* One that ended by itself meanwhile: a job that is done is none. */
    for (size_t i = 0; i < dependency->instances.len; i++) {
        const struct up_instance *other = dependency->instances.items[i];

        if (!other->old || !other->must_run || observed_container_is_active(other->old) ||
                edge->condition == SERVICE_COMPLETED_SUCCESSFULLY)
            continue;
        condition_join(up, &instance->bounce, CONDITION_ALWAYS);
        plan_add_reason(up->plan, &instance->bounce_reasons, &edge->at,
                "services.%s.depends_on.%s.restart: the container of \"%s\" is started anew",
                instance->of->service->name, edge->to->name, edge->to->name);
        break;
    }
    if (replaced.chance == CHANCE_NEVER)
        return;
    condition_join(up, &instance->bounce, &replaced);
    plan_add_reason(up->plan, &instance->bounce_reasons, &edge->at,
            "services.%s.depends_on.%s.restart: the container of \"%s\" is replaced",
            instance->of->service->name, edge->to->name, edge->to->name);
}

static void decide_needs(struct up *up, struct up_instance *instance)
{
    ARRAY_FOREACH(&instance->of->node->needs, it) {
        const struct graph_edge *edge = *it;

        if (edge->to->kind != GRAPH_SERVICE || up_service_of(up, edge->to)->scope == SCOPE_NONE)
            continue;
        if (shares_with(edge->via))
            decide_shared(up, instance, edge);
        else if (edge->restart)
            decide_restart(up, instance, edge);
    }
}

/* ------------------------------------------------------------------------ all */

static bool has_anonymous_volume(const struct observed_container *container)
{
    ARRAY_FOREACH(&container->mounts, mount)
        if (mount->anonymous)
            return true;
    return false;
}

static void decide_force(struct up *up, struct up_instance *instance)
{
    const struct plan_up_options *options = up->options;
    bool target = instance->of->scope == SCOPE_TARGET;

    if (instance->old->status == OBSERVED_DEAD || instance->old->status == OBSERVED_REMOVING) {
        recreate_always(up, instance);
        plan_add_reason(up->plan, &instance->recreate_reasons, NULL, "it is %s",
                observed_status_name(instance->old->status));
    }
    if (target && options->force_recreate) {
        recreate_always(up, instance);
        plan_add_reason(up->plan, &instance->recreate_reasons, NULL, "--force-recreate was given");
    }
    if (target && options->renew_anon_volumes && has_anonymous_volume(instance->old)) {
        recreate_always(up, instance);
        plan_add_reason(
                up->plan, &instance->recreate_reasons, NULL, "--renew-anon-volumes was given");
    }
    if (!target && options->always_recreate_deps) {
        recreate_always(up, instance);
        plan_add_reason(
                up->plan, &instance->recreate_reasons, NULL, "--always-recreate-deps was given");
    }
}

/* Two containers cannot both be created with one fixed address. */
static bool has_fixed_address(const struct service *service)
{
    ARRAY_FOREACH(&service->networks, network) {
        if (network->ipv4_address || network->ipv6_address)
            return true;
    }
    return false;
}

static void decide_instance(struct up *up, struct up_instance *instance)
{
    const struct observed_container *old = instance->old;
    bool in_scope = instance->of->scope > SCOPE_FOLLOWER;

    instance->must_run = in_scope ? !up->options->no_start
                                  : old && observed_container_is_active(old);
    if (!old)
        return;
    instance->early_stop = up->frees_resources;
    instance->remove_first = has_fixed_address(instance->of->service);
    decide_networks(up, instance);
    decide_volumes(up, instance);
    decide_needs(up, instance);
    if (in_scope) {
        decide_force(up, instance);
        if (!up->options->no_recreate) {
            decide_model(up, instance);
            decide_image(up, instance);
        }
    }
    if (in_scope && up->options->no_recreate) { /* the user's word against all of the above */
        instance->recreate = (struct condition){ 0 };
        instance->early_stop = instance->remove_first = false;
    }
    if (!observed_container_is_active(old) || !instance->must_run ||
            instance->recreate.chance == CHANCE_ALWAYS) /* that includes it */
        instance->bounce = (struct condition){ 0 };
}

/* Containers of a service that nobody asked for are looked at when what they hang on changes. */
static int decide_follower(struct up *up, struct up_service *service, struct error **err)
{
    bool touched = false;
    int r;

    service->scope = SCOPE_FOLLOWER;
    for (size_t i = 0; i < service->instances.len; i++) {
        struct up_instance *instance = service->instances.items[i];

        decide_instance(up, instance);
        touched |= instance->recreate.chance != CHANCE_NEVER ||
                   instance->bounce.chance != CHANCE_NEVER;
        if (instance->recreate.chance == CHANCE_NEVER)
            continue;
        if ((r = up_need_image(up, service->service, err)) < 0 ||
                (r = up_need_resources(up, service->service, false, err)) < 0)
            return r;
    }
    if (!touched)
        service->scope = SCOPE_NONE;
    return 0;
}

int up_decide(struct up *up, struct up_service *service, struct error **err)
{
    if (service->scope == SCOPE_NONE)
        return decide_follower(up, service, err);
    for (size_t i = 0; i < service->instances.len; i++)
        decide_instance(up, service->instances.items[i]);
    return 0;
}
