#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/str.h"
#include "compose/plan-existing-internal.h"

/* Stops in the reverse of the order in which things start; removals follow their own stop only. */
static struct plan_step *take_down(struct existing *all, const struct observed_container *container,
        bool volumes, int64_t timeout_usec, const char *reason)
{
    struct known_service *known = existing_service_of(all, container);
    struct plan_step *stop = NULL;

    if (observed_container_is_active(container)) {
        stop = existing_add_stop(all, known, container, timeout_usec);
        if (reason)
            plan_add_reason(all->plan, &stop->reasons, NULL, "%s", reason);
    }
    struct plan_step *remove = existing_add_remove(all, container, stop, true, volumes);
    if (reason)
        plan_add_reason(all->plan, &remove->reasons, NULL, "%s", reason);
    return remove;
}

struct going {
    const struct observed_container *container;
    struct plan_step *remove;
};
struct goings {
    struct going *items;
    size_t len, cap;
};

static bool is_going(const struct goings *goings, const struct observed_container *container)
{
    ARRAY_FOREACH(goings, g) {
        if (g->container == container)
            return true;
    }
    return false;
}

/* Selected services' containers; their one-off ones are left to who began them unless orphans go, too. */
static void take_services_down(
        struct existing *all, const struct plan_down_options *options, struct goings *goings)
{
    for (size_t i = all->order_len; i-- > 0;) {
        const struct known_service *known = all->order[i];

        if (!known->selected)
            continue;
        ARRAY_FOREACH(&all->input->state->containers, c) {
            if (!existing_is_ours(all, c) || strcmp(c->service, known->name) != 0 ||
                    (c->oneoff && !options->remove_orphans))
                continue;
            *ARRAY_APPEND_ARENA(&all->plan->arena, goings) = (struct going){
                .container = c,
                .remove = take_down(all, c, options->volumes, options->timeout_usec, NULL),
            };
        }
    }
}

static void take_orphans_down(struct existing *all, const struct plan_down_options *options,
        struct goings *goings, struct diag *diag)
{
    struct plan *plan = all->plan;

    ARRAY_FOREACH(&all->input->state->containers, c) {
        if (!existing_is_ours(all, c) || is_going(goings, c) ||
                (all->input->project && !plan_is_orphan(all->input->project, c)))
            continue;
        plan_add_orphan(plan, c, options->remove_orphans);
        if (!options->remove_orphans)
            continue;
        *ARRAY_APPEND_ARENA(&plan->arena, goings) = (struct going){
            .container = c,
            .remove = take_down(all, c, options->volumes, options->timeout_usec,
                    arena_printf(
                            &plan->arena, "no service \"%s\" in the compose file", c->service)),
        };
    }
    if (plan->orphans.len > 0 && !options->remove_orphans) {
        struct diag_entry *entry = diag_add(diag, DIAG_WARNING, "orphans", NULL,
                "found orphan containers for this project, the first is %s (%s)",
                plan->orphans.items[0].name, plan_orphan_origin(plan, &plan->orphans.items[0]));
        if (entry)
            diag_hint(diag, entry, "use --remove-orphans to remove them, too");
    }
}

/* Those of a service that no active profile has stay, as all commands leave them alone. */
static void tell_of_disabled(
        const struct existing *all, const struct goings *goings, struct diag *diag)
{
    ARRAY_FOREACH(&all->input->state->containers, c) {
        if (!all->input->project || !existing_is_ours(all, c) || is_going(goings, c) ||
                !project_find_disabled_service(all->input->project, c->service))
            continue;
        struct diag_entry *entry = diag_add(diag, DIAG_WARNING, "disabled", NULL,
                "containers of services whose profiles are not active stay, the first is %s",
                c->name);
        if (entry)
            diag_hint(diag, entry, "use --profile '*' before \"down\" to remove them, too");
        return;
    }
}

/* A network goes when nobody is left on it. */
static bool keeps_users(const struct existing *all, const struct goings *goings,
        const struct observed_network *network)
{
    ARRAY_FOREACH(&all->input->state->containers, c) {
        if (observed_container_is_on_network(c, network) && !is_going(goings, c))
            return true;
    }
    ARRAY_FOREACH(&network->users, id) {
        const struct observed_container *user = observed_find_container(all->input->state, *id);

        if (!user || !is_going(goings, user))
            return true;
    }
    return false;
}

static void take_networks_down(struct existing *all, const struct goings *goings, struct diag *diag)
{
    struct plan *plan = all->plan;

    ARRAY_FOREACH(&all->input->state->networks, network) {
        const struct project_network *wanted = all->input->project && network->key
                                                       ? project_find_network(
                                                                 all->input->project, network->key)
                                                       : NULL;

        if (!string_is_equal(network->project, plan->project) ||
                (wanted && wanted->external == OPTION_TRUE))
            continue;
        if (keeps_users(all, goings, network)) {
            diag_add(diag, DIAG_WARNING, "network-in-use", NULL,
                    "Network %s  Resource is still in use", network->name);
            plan->met_users = true;
            continue;
        }
        struct plan_step *step = plan_add(plan, PLAN_REMOVE_NETWORK, "Network", network->name);
        ARRAY_FOREACH(goings, g) {
            if (observed_container_is_on_network(g->container, network))
                plan_step_needs(plan, step, g->remove);
            else
                plan_step_after(plan, step, g->remove);
        }
    }
}

/* Volumes that the files declare and an enabled service uses: what only inactive profiles have keeps its data, as with
 * Docker Compose. Without files those that carry the project's label. */
static bool is_volume_going(const struct existing *all, const struct observed_volume *volume)
{
    const struct project_volume *wanted = all->input->project && volume->key
                                                  ? project_find_volume(
                                                            all->input->project, volume->key)
                                                  : NULL;

    if (!string_is_equal(volume->project, all->plan->project) || !volume->key)
        return false;
    return all->input->project ? wanted && wanted->used && wanted->external != OPTION_TRUE &&
                                         string_is_equal(wanted->name, volume->name)
                               : true;
}

static void take_volumes_down(struct existing *all, const struct goings *goings, struct diag *diag)
{
    struct plan *plan = all->plan;

    ARRAY_FOREACH(&all->input->state->volumes, volume) {
        size_t going_users = 0;

        if (!is_volume_going(all, volume))
            continue;
        ARRAY_FOREACH(goings, g) {
            going_users += observed_container_mounts(g->container, volume->name);
        }
        if (volume->users > going_users) {
            diag_add(diag, DIAG_WARNING, "volume-in-use", NULL,
                    "Volume %s  Resource is still in use", volume->name);
            plan->met_users = true;
            continue;
        }
        struct plan_step *step = plan_add(plan, PLAN_REMOVE_VOLUME, "Volume", volume->name);
        plan_add_reason(plan, &step->reasons, NULL, "--volumes was given");
        ARRAY_FOREACH(goings, g) {
            if (observed_container_mounts(g->container, volume->name))
                plan_step_needs(plan, step, g->remove);
            else
                plan_step_after(plan, step, g->remove);
        }
    }
}

/* local: what was built under a name of our making; all: whatever the services run. */
static void take_images_down(
        struct existing *all, const struct plan_down_options *options, const struct goings *goings)
{
    struct plan *plan = all->plan;
    const struct project *project = all->input->project;
    struct strmap seen;

    if (!project || options->rmi == PLAN_RMI_NONE)
        return;
    strmap_init_arena(&seen, &plan->arena);
    ARRAY_FOREACH(&project->services, service) {
        const char *reference = service_image_name(&plan->arena, project, service);
        const struct observed_image *image = reference ? observed_find_image(
                                                                 all->input->state, reference)
                                                       : NULL;
        const struct known_service *known = strmap_get(&all->services, service->name);

        if (!image || !image->id || !known->selected || strmap_has(&seen, reference) ||
                (options->rmi == PLAN_RMI_LOCAL && service->image))
            continue;
        strmap_set(&seen, reference, NULL);
        struct plan_step *step = plan_add(plan, PLAN_REMOVE_IMAGE, "Image", reference);
        plan_add_reason(plan, &step->reasons, NULL, "--rmi was given");
        ARRAY_FOREACH(goings, g) {
            plan_step_after(plan, step, g->remove);
        }
    }
}

static bool is_removed(const struct plan *plan, enum plan_action action, const char *name)
{
    ARRAY_FOREACH(&plan->steps, step) {
        if ((*step)->action == action && strcmp((*step)->name, name) == 0)
            return true;
    }
    return false;
}

/* Nothing with the project's label remains: neither container nor network nor volume. */
static bool leaves_nothing(const struct existing *all, const struct goings *goings)
{
    const struct observed_state *state = all->input->state;
    const struct plan *plan = all->plan;

    ARRAY_FOREACH(&state->containers, c) {
        if (existing_is_ours(all, c) && !is_going(goings, c))
            return false;
    }
    ARRAY_FOREACH(&state->networks, network) {
        if (string_is_equal(network->project, plan->project) &&
                !is_removed(plan, PLAN_REMOVE_NETWORK, network->name))
            return false;
    }
    ARRAY_FOREACH(&state->volumes, volume) {
        if (string_is_equal(volume->project, plan->project) &&
                !is_removed(plan, PLAN_REMOVE_VOLUME, volume->name))
            return false;
    }
    return true;
}

int plan_down(const struct plan_input *input, const struct plan_down_options *options,
        struct plan **ret, struct diag *diag, struct error **err)
{
    auto_(plan_free_p) struct plan *plan = plan_new("down", input);
    struct existing all;
    struct goings goings = { 0 };
    int r;

    existing_init(&all, plan, input);
    if ((r = plan_check_identity(input, err)) < 0 ||
            (r = existing_select(&all, &options->services, true, err)) < 0)
        return r;
    take_services_down(&all, options, &goings);
    if (options->services.len == 0)
        take_orphans_down(&all, options, &goings, diag);
    if (options->services.len == 0)
        tell_of_disabled(&all, &goings, diag);
    take_networks_down(&all, &goings, options->services.len ? NULL : diag);
    if (options->volumes)
        take_volumes_down(&all, &goings, options->services.len ? NULL : diag);
    take_images_down(&all, options, &goings);
    plan->forgets_project = options->services.len == 0 && leaves_nothing(&all, &goings);
    if (input->adopt)
        plan->record.directory = arena_strdup(&plan->arena, plan_directory(input));
    plan_finish(plan);
    *ret = TAKE(plan);
    return 0;
}
