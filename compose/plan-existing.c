#include "compose/plan-existing-internal.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"

/* -------------------------------------------------------------------- services, order */

static struct known_service *know_service(struct existing *all, const char *name)
{
    struct known_service *known = strmap_get(&all->services, name);

    if (known)
        return known;
    known = ARENA_NEW(&all->plan->arena, struct known_service);
    known->name = arena_strdup(&all->plan->arena, name);
    strmap_set(&all->services, name, known);
    return known;
}

static void add_known_need(
        struct existing *all, struct known_service *from, struct known_service *to)
{
    if (!to || from == to)
        return;
    *ARRAY_APPEND_ARENA(&all->plan->arena, &from->needs) = to;
    *ARRAY_APPEND_ARENA(&all->plan->arena, &to->needed_by) = from;
}

/* Labels of old containers may hold cycles that no file ever had: a visited service is not visited again. */
static void place_service(struct existing *all, struct known_service *known)
{
    if (known->visited)
        return;
    known->visited = true;
    ARRAY_FOREACH(&known->needs, need) {
        place_service(all, *need);
    }
    all->order[all->order_len++] = known;
}

bool existing_is_ours(const struct existing *all, const struct observed_container *container)
{
    return string_is_equal(container->project, all->plan->project);
}

static void know_services(struct existing *all)
{
    const struct plan_input *input = all->input;

    strmap_init_arena(&all->services, &all->plan->arena);
    if (input->project) {
        ARRAY_FOREACH(&input->project->services, service) {
            know_service(all, service->name)->service = service;
        }
        ARRAY_FOREACH(&input->project->disabled, service) {
            know_service(all, service->name)->service = service;
        }
    }
    ARRAY_FOREACH(&input->state->containers, c) {
        if (existing_is_ours(all, c) && *c->service)
            know_service(all, c->service);
    }

    for (size_t i = 0; input->graph && i < input->graph->nodes.len; i++) {
        const struct graph_node *node = input->graph->nodes.items[i];

        ARRAY_FOREACH(&node->needs, edge) {
            if (node->kind == GRAPH_SERVICE && (*edge)->to->kind == GRAPH_SERVICE)
                add_known_need(
                        all, know_service(all, node->name), know_service(all, (*edge)->to->name));
        }
    }
    ARRAY_FOREACH(&input->state->containers, c) {
        struct known_service *known = *c->service && existing_is_ours(all, c)
                                              ? strmap_get(&all->services, c->service)
                                              : NULL;
        if (!known || (known->service && known->service->enabled))
            continue;
        struct strings names = plan_label_dependencies(all->plan, c);
        ARRAY_FOREACH(&names, name) {
            add_known_need(all, known, strmap_get(&all->services, *name));
        }
    }
    all->order = ARENA_NEW_ARRAY(&all->plan->arena, all->services.len + 1, struct known_service *);
    STRMAP_FOREACH(&all->services, entry) {
        place_service(all, entry->value);
    }
}

static void select_with_dependents(struct known_service *known)
{
    if (known->selected)
        return;
    known->selected = true;
    ARRAY_FOREACH(&known->needed_by, other) {
        select_with_dependents(*other);
    }
}

/* Without names: all enabled services of the files, or all that have containers where there are no files. */
int existing_select(
        struct existing *all, const struct strings *names, bool dependents, struct error **err)
{
    if (names->len == 0) {
        STRMAP_FOREACH(&all->services, entry) {
            struct known_service *known = entry->value;

            known->selected = known->service ? known->service->enabled : !all->input->project;
        }
        return 0;
    }
    ARRAY_FOREACH(names, name) {
        struct known_service *known = strmap_get(&all->services, *name);

        if (!known || (!known->service && all->input->project)) {
            int r = error_set_plain(err, EINVAL, NULL, "no such service: %s", *name);

            if (all->input->project) {
                const char *near = project_nearest_service(all->input->project, *name);
                if (near)
                    error_hint(err, "did you mean \"%s\"?", near);
            }
            return r;
        }
        if (dependents)
            select_with_dependents(known);
        else
            known->selected = true;
    }
    return 0;
}

void existing_init(struct existing *all, struct plan *plan, const struct plan_input *input)
{
    *all = (struct existing){ .plan = plan, .input = input };
    know_services(all);
}

struct known_service *existing_service_of(
        struct existing *all, const struct observed_container *container)
{
    return *container->service ? strmap_get(&all->services, container->service) : NULL;
}

/* `step` comes after all that was planned for the containers of those that need (or are needed by) its
 * service. */
static void order_after_dependents(
        struct existing *all, const struct known_service *known, struct plan_step *step)
{
    ARRAY_FOREACH(&known->needed_by, other) {
        ARRAY_FOREACH(&(*other)->steps, earlier) {
            plan_step_after(all->plan, step, *earlier);
        }
    }
}

void existing_order_after_needs(
        struct existing *all, const struct known_service *known, struct plan_step *step)
{
    ARRAY_FOREACH(&known->needs, other) {
        ARRAY_FOREACH(&(*other)->steps, earlier) {
            plan_step_after(all->plan, step, *earlier);
        }
    }
}

void existing_remember(struct existing *all, struct known_service *known, struct plan_step *step)
{
    if (known)
        *ARRAY_APPEND_ARENA(&all->plan->arena, &known->steps) = step;
}

/* ---------------------------------------------------------------------- removing */

struct plan_step *existing_add_stop(struct existing *all, struct known_service *known,
        const struct observed_container *container, int64_t timeout_usec)
{
    struct plan_step *step = plan_add_container_step(all->plan, PLAN_STOP_CONTAINER, container);

    step->stop.timeout_usec = timeout_usec;
    step->stop.service = known ? known->service : NULL;
    if (known) {
        order_after_dependents(all, known, step);
        existing_remember(all, known, step);
    }
    return step;
}

struct plan_step *existing_add_remove(struct existing *all,
        const struct observed_container *container, struct plan_step *stop, bool force,
        bool volumes)
{
    struct plan_step *step = plan_add_container_step(all->plan, PLAN_REMOVE_CONTAINER, container);

    step->remove.force = force;
    step->remove.volumes = volumes;
    plan_step_needs(all->plan, step, stop);
    return step;
}
