#include "compose/plan-up-internal.h"

#include <errno.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"

/* ------------------------------------------------------------------ images */

struct up_image *up_image_of(struct up *up, const char *reference)
{
    return reference ? strmap_get(&up->images, reference) : NULL;
}

bool up_policy_age(const struct service *service, const char *policy, int64_t *ret_usec)
{
    const char *age = NULL;

    if (strcmp(policy, "daily") == 0)
        age = "24h";
    else if (strcmp(policy, "weekly") == 0)
        age = "168h";
    else if (string_has_prefix(policy, "every_"))
        age = policy + strlen("every_");
    else if (strcmp(policy, "refresh") == 0)
        age = service->pull_refresh_after ? service->pull_refresh_after : "0s";
    return age && parse_duration_usec(str_from(age), ret_usec) == 0;
}

static const char *effective_policy(const struct up *up, const struct service *service)
{
    const char *asked = up->options->pull_policy;

    if (up->options->build && service->build.given)
        return "build";
    if (!string_is_empty(asked) && strcmp(asked, "policy") != 0)
        return strcmp(asked, "if_not_present") == 0 ? "missing" : asked;
    return string_is_empty(service->pull_policy) ? "missing" : service->pull_policy;
}

/* The service that can build the image: itself, or another one of the project with the same image. */
static const struct service *find_builder(
        struct up *up, const struct service *service, const char *image)
{
    const struct project *project = up->input->project;

    if (service->build.given)
        return service;
    ARRAY_FOREACH(&project->services, other) {
        if (other->build.given &&
                string_is_equal(service_image_name(&up->plan->arena, project, other), image))
            return other;
    }
    return NULL;
}

static bool is_pull_due(const struct up *up, const struct service *service, const char *policy,
        const struct observed_image *here)
{
    int64_t age_usec;

    if (!service->image || strcmp(policy, "never") == 0 || strcmp(policy, "build") == 0)
        return false;
    if (strcmp(policy, "always") == 0 || !here)
        return true;
    if (up->input->now_nsec == 0 || !up_policy_age(service, policy, &age_usec))
        return false;
    return (up->input->now_nsec - here->updated_nsec) / NSEC_PER_USEC >= age_usec;
}

static struct source image_source(const struct service *service)
{
    struct source at = service->at;

    if (service->model)
        service_field_source(service, service->image ? "image" : "build", &at);
    return at;
}

static struct plan_step *add_pull(struct up *up, struct up_image *image,
        const struct service *service, const char *policy, bool here)
{
    struct plan *plan = up->plan;
    struct plan_step *step = plan_add(plan, PLAN_PULL_IMAGE, "Image", image->reference);
    struct backend_pull_spec *spec = ARENA_NEW(&plan->arena, struct backend_pull_spec);
    struct source at = image_source(service);

    *spec = (struct backend_pull_spec){
        .project = up->input->project,
        .service = service,
        .image = image->reference,
        .platform = service->platform,
        .quiet = up->options->quiet_pull,
    };
    step->pull = spec;
    step->service = service->name;
    if (here)
        plan_add_reason(plan, &step->reasons, &at, "pull policy is \"%s\"", policy);
    else
        plan_add_reason(plan, &step->reasons, &at, "image \"%s\" is not here", image->reference);
    return step;
}

static struct plan_step *add_build(
        struct up *up, struct up_image *image, const struct service *builder)
{
    struct plan *plan = up->plan;
    struct plan_step *step = plan_add(plan, PLAN_BUILD_IMAGE, "Image", image->reference);
    struct backend_build_spec *spec = ARENA_NEW(&plan->arena, struct backend_build_spec);
    struct strmap *labels = ARENA_NEW(&plan->arena, struct strmap);

    strmap_init_arena(labels, &plan->arena);
    strmap_set(labels, LABEL_PROJECT, arena_strdup(&plan->arena, plan->project));
    strmap_set(labels, LABEL_SERVICE, arena_strdup(&plan->arena, builder->name));
    if (up->input->version)
        strmap_set(labels, LABEL_VERSION, arena_strdup(&plan->arena, up->input->version));
    *spec = (struct backend_build_spec){
        .project = up->input->project,
        .service = builder,
        .image = image->reference,
        .labels = labels,
        .args = up->options->build_args,
        .ssh = up->options->build_ssh,
        .memory_bytes = up->options->build_memory_bytes,
        .quiet = up->options->quiet_build,
    };
    step->build = image->build_spec = spec;
    step->service = builder->name;
    return step;
}

static void add_build_reason(struct up *up, struct up_image *image, const struct service *builder,
        const char *policy, bool here)
{
    struct plan *plan = up->plan;
    struct plan_reasons *reasons = &image->build->reasons;
    const struct source *at = builder->build.at.file ? &builder->build.at : &builder->at;

    if (image->pull)
        plan_add_reason(plan, reasons, at, "in case \"%s\" cannot be pulled", image->reference);
    else if (!here)
        plan_add_reason(plan, reasons, at, "image \"%s\" is not here", image->reference);
    else if (up->options->build)
        plan_add_reason(plan, reasons, at, "--build was given");
    else
        plan_add_reason(plan, reasons, at, "pull policy is \"%s\"", policy);
}

/* Images of other services that a build starts from come first. */
static int need_build_contexts(
        struct up *up, struct up_image *image, const struct service *builder, struct error **err)
{
    ARRAY_FOREACH(&builder->build.additional_contexts, context) {
        const char *name = graph_service_of_mode(context->value);
        const struct service *other = name ? project_find_service(up->input->project, name) : NULL;

        if (!other)
            continue;
        int r = up_need_image(up, other, err);
        if (r < 0)
            return r;
        struct up_image *from = up_image_of(
                up, service_image_name(&up->plan->arena, up->input->project, other));
        if (from) {
            plan_step_needs(up->plan, image->build, from->build);
            if (!from->build)
                plan_step_needs(up->plan, image->build, from->pull);
        }
    }
    return 0;
}

static int missing_image_error(const struct service *service, const char *image, const char *policy,
        const struct service *builder, struct error **err)
{
    struct source at = image_source(service);
    int r;

    if (builder) {
        r = error_set_plain(err, ENOENT, &at,
                "services.%s: image \"%s\" is not here, and would have to be built", service->name,
                image);
        error_hint(err, "leave out --no-build");
        return r;
    }
    r = error_set_plain(err, ENOENT, &at,
            "services.%s: image \"%s\" is not here, and pull policy \"%s\" forbids to pull it",
            service->name, image, policy);
    error_hint(err, "load or pull it first");
    return r;
}

int up_need_image(struct up *up, const struct service *service, struct error **err)
{
    struct arena *arena = &up->plan->arena;
    const char *reference = service_image_name(arena, up->input->project, service);

    if (!reference || up_image_of(up, reference))
        return 0;
    struct up_image *image = ARENA_NEW(arena, struct up_image);
    image->reference = reference;
    strmap_set(&up->images, reference, image);

    const char *policy = effective_policy(up, service);
    const struct observed_image *here = observed_find_image(up->input->state, reference);
    const struct service *builder = find_builder(up, service, reference);
    bool may_build = builder && !up->options->no_build;

    if (here && !here->id)
        here = NULL;
    if (builder && builder != service) /* what the builder says about its image counts */
        policy = effective_policy(up, builder);
    if (is_pull_due(up, service, policy, here))
        image->pull = add_pull(up, image, service, policy, here);
    if (may_build && (strcmp(policy, "build") == 0 || image->pull || !here)) {
        image->build = add_build(up, image, builder);
        add_build_reason(up, image, builder, policy, here);
        if (image->pull) {
            image->pull->optional = true;
            image->build->when = PLAN_WHEN_FAILED;
            image->build->fallback_of = image->pull;
            plan_step_after(up->plan, image->build, image->pull);
        }
        return need_build_contexts(up, image, builder, err);
    }
    if (!image->pull && !here)
        return missing_image_error(service, reference, policy, builder, err);
    return 0;
}

/* --------------------------------------------------------------- networks, volumes */

static struct strmap *new_labels(
        struct up *up, const struct pairs *own, const char *key_label, const char *key)
{
    struct arena *arena = &up->plan->arena;
    struct strmap *labels = ARENA_NEW(arena, struct strmap);

    strmap_init_arena(labels, arena);
    ARRAY_FOREACH(own, pair) {
        strmap_set(labels, pair->key, arena_strdup(arena, pair->value ? pair->value : ""));
    }
    strmap_set(labels, LABEL_PROJECT, arena_strdup(arena, up->plan->project));
    strmap_set(labels, key_label, arena_strdup(arena, key));
    if (up->input->version)
        strmap_set(labels, LABEL_VERSION, arena_strdup(arena, up->input->version));
    return labels;
}

static bool hash_differs(const char *a, const char *b)
{
    return a && b && strcmp(a, b) != 0;
}

/* Whether the plan can make the container let go: those of services, and orphans that are to go. */
static bool is_movable(const struct up *up, const struct observed_container *container)
{
    if (!string_is_equal(container->project, up->plan->project))
        return false;
    if (plan_is_orphan(up->input->project, container))
        return up->options->remove_orphans;
    return !container->oneoff &&
           project_find_service(up->input->project, container->service) != NULL;
}

static bool can_leave_network(const struct up *up, const struct observed_network *network)
{
    ARRAY_FOREACH(&network->users, id) {
        const struct observed_container *user = observed_find_container(up->input->state, *id);

        if (!user || !is_movable(up, user))
            return false;
    }
    return true;
}

static bool can_leave_volume(const struct up *up, const struct observed_volume *volume)
{
    size_t movable = 0;

    ARRAY_FOREACH(&up->input->state->containers, c) {
        movable += observed_container_mounts(c, volume->name) && is_movable(up, c);
    }
    return movable >= volume->users;
}

static void plan_network(struct up *up, struct up_network *network, const char *hash)
{
    struct plan *plan = up->plan;
    const struct project_network *wanted = network->network;

    if (network->replaced) {
        network->remove = plan_add(plan, PLAN_REMOVE_NETWORK, "Network", wanted->name);
        plan_add_reason(plan, &network->remove->reasons, &wanted->at,
                "networks.%s: its configuration changed", wanted->key);
    }
    network->create = plan_add(plan, PLAN_CREATE_NETWORK, "Network", wanted->name);
    plan_step_needs(plan, network->create, network->remove);
    plan_add_reason(plan, &network->create->reasons, &wanted->at,
            network->replaced ? "networks.%s: its configuration changed"
                              : "networks.%s: it does not exist",
            wanted->key);

    struct backend_network_spec *spec = ARENA_NEW(&plan->arena, struct backend_network_spec);
    struct strmap *labels = new_labels(up, &wanted->labels, LABEL_NETWORK, wanted->key);
    strmap_set(labels, LABEL_CONFIG_HASH, arena_strdup(&plan->arena, hash));
    *spec = (struct backend_network_spec){
        .project = up->input->project,
        .network = wanted,
        .name = wanted->name,
        .labels = labels,
    };
    network->create->network = spec;
}

static int need_network(struct up *up, const char *key, bool may_replace, struct error **err)
{
    const struct project_network *wanted = project_find_network(up->input->project, key);

    if (!wanted || strmap_has(&up->networks, key))
        return 0;
    struct up_network *network = ARENA_NEW(&up->plan->arena, struct up_network);
    network->network = wanted;
    network->observed = observed_find_network(up->input->state, wanted->name);
    strmap_set(&up->networks, key, network);

    if (wanted->external == OPTION_TRUE) {
        if (!network->observed)
            return error_set_plain(err, ENOENT, &wanted->at,
                    "network %s declared as external, but could not be found", wanted->name);
        return 0;
    }
    const char *hash = network_config_hash(&up->plan->arena, wanted);
    if (network->observed && !string_is_equal(network->observed->project, up->plan->project)) {
        diag_add(up->diag, DIAG_WARNING, "foreign-network", &wanted->at,
                "a network with name %s exists but was not created for project \"%s\": "
                "set `external: true` to use an existing network",
                wanted->name, up->plan->project);
        return 0;
    }
    bool changed = network->observed && hash_differs(network->observed->config_hash, hash);
    network->replaced = changed && may_replace && can_leave_network(up, network->observed);
    if (changed && may_replace && !network->replaced)
        diag_add(up->diag, DIAG_WARNING, "changed-network", &wanted->at,
                "network \"%s\" doesn't match configuration in compose file, but containers that "
                "are no part of it are connected; it is used as it is",
                wanted->name);
    if (!network->observed || network->replaced)
        plan_network(up, network, hash);
    return 0;
}

static void plan_volume(struct up *up, struct up_volume *volume, const char *hash)
{
    struct plan *plan = up->plan;
    const struct project_volume *wanted = volume->volume;

    if (volume->replaced) {
        volume->remove = plan_add(plan, PLAN_REMOVE_VOLUME, "Volume", wanted->name);
        plan_add_reason(plan, &volume->remove->reasons, &wanted->at,
                "volumes.%s: its configuration changed, its data is given up", wanted->key);
    }
    volume->create = plan_add(plan, PLAN_CREATE_VOLUME, "Volume", wanted->name);
    plan_step_needs(plan, volume->create, volume->remove);
    plan_add_reason(plan, &volume->create->reasons, &wanted->at,
            volume->replaced ? "volumes.%s: its configuration changed"
                             : "volumes.%s: it does not exist",
            wanted->key);

    struct backend_volume_spec *spec = ARENA_NEW(&plan->arena, struct backend_volume_spec);
    struct strmap *labels = new_labels(up, &wanted->labels, LABEL_VOLUME, wanted->key);
    strmap_set(labels, LABEL_CONFIG_HASH, arena_strdup(&plan->arena, hash));
    *spec = (struct backend_volume_spec){
        .project = up->input->project,
        .volume = wanted,
        .name = wanted->name,
        .labels = labels,
    };
    volume->create->volume = spec;
}

static void warn_foreign_volume(struct up *up, const struct up_volume *volume)
{
    const char *owner = volume->observed->project;

    if (owner)
        diag_add(up->diag, DIAG_WARNING, "foreign-volume", &volume->volume->at,
                "volume \"%s\" already exists but was created for project \"%s\": "
                "use `external: true` to use an existing volume",
                volume->volume->name, owner);
    else
        diag_add(up->diag, DIAG_WARNING, "foreign-volume", &volume->volume->at,
                "volume \"%s\" already exists but was not created by Compose: "
                "use `external: true` to use an existing volume",
                volume->volume->name);
}

static int need_volume(struct up *up, const char *key, bool may_replace, struct error **err)
{
    const struct project_volume *wanted = project_find_volume(up->input->project, key);

    if (!wanted || strmap_has(&up->volumes, key))
        return 0;
    struct up_volume *volume = ARENA_NEW(&up->plan->arena, struct up_volume);
    volume->volume = wanted;
    volume->observed = observed_find_volume(up->input->state, wanted->name);
    strmap_set(&up->volumes, key, volume);

    if (wanted->external == OPTION_TRUE) {
        if (!volume->observed)
            return error_set_plain(
                    err, ENOENT, &wanted->at, "external volume \"%s\" not found", wanted->name);
        return 0;
    }
    const char *hash = volume_config_hash(&up->plan->arena, wanted);
    if (volume->observed && !string_is_equal(volume->observed->project, up->plan->project)) {
        warn_foreign_volume(up, volume);
        return 0;
    }
    if (volume->observed && hash_differs(volume->observed->config_hash, hash)) {
        *ARRAY_APPEND_ARENA(&up->plan->arena, &up->plan->changed_volumes) = arena_strdup(
                &up->plan->arena, wanted->name);
        volume->replaced = may_replace && up->options->recreate_volumes &&
                           can_leave_volume(up, volume->observed);
        if (!volume->replaced)
            diag_add(up->diag, DIAG_WARNING, "changed-volume", &wanted->at,
                    "volume \"%s\" exists but doesn't match configuration in compose file; "
                    "it is used as it is",
                    wanted->name);
    }
    if (!volume->observed || volume->replaced)
        plan_volume(up, volume, hash);
    return 0;
}

int up_need_resources(
        struct up *up, const struct service *service, bool may_replace, struct error **err)
{
    int r = 0;

    if (!service->network_mode)
        ARRAY_FOREACH(&service->networks, n) {
            if ((r = need_network(up, n->network, may_replace, err)) < 0)
                return r;
        }
    ARRAY_FOREACH(&service->volumes, v) {
        if (v->type == MOUNT_VOLUME && v->source)
            if ((r = need_volume(up, v->source, may_replace, err)) < 0)
                return r;
    }
    return 0;
}
