#include "compose/plan-up-internal.h"

#include <errno.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

/* ------------------------------------------------------------------- scopes */

static int choose_scopes(struct up *up, struct error **err)
{
    const struct plan_up_options *options = up->options;
    struct arena *arena = &up->plan->arena;
    struct graph_selection targets, all;
    int r;

    if (up->leave_services)
        return 0;
    r = graph_select(arena, up->input->graph, &options->services, 0, &targets, err);

    if (r >= 0)
        r = graph_select(arena, up->input->graph, &options->services,
                options->no_deps ? 0 : GRAPH_WITH_NEEDS, &all, err);
    if (r < 0)
        return r;
    ARRAY_FOREACH(&up->input->graph->nodes, it) {
        const struct graph_node *node = *it;

        if (node->kind != GRAPH_SERVICE)
            continue;
        up_service_of(up, node)->scope = graph_is_selected(&targets, node) ? SCOPE_TARGET
                                         : graph_is_selected(&all, node)   ? SCOPE_DEPENDENCY
                                                                           : SCOPE_NONE;
    }
    return 0;
}

static int check_scale(struct up *up, struct error **err)
{
    STRMAP_FOREACH(&up->options->scale, entry) {
        const unsigned *count = entry->value;
        const struct service *service = project_find_service(up->input->project, entry->key);

        if (!service) {
            int r = error_set_plain(err, EINVAL, NULL, "no such service: %s", entry->key);
            const char *near = project_nearest_service(up->input->project, entry->key);

            if (near)
                error_hint(err, "did you mean \"%s\"?", near);
            return r;
        }
        if (*count > 1 && service->container_name)
            return error_set_plain(err, EINVAL, &service->at,
                    "services.%s: can't set container_name \"%s\" and scale %u, as container name "
                    "must be unique",
                    service->name, service->container_name, *count);
    }
    return 0;
}

/* ------------------------------------------------------- containers that are and shall be */

static void add_instance(struct up *up, struct up_service *service, unsigned number,
        const struct observed_container *old)
{
    struct arena *arena = &up->plan->arena;
    struct up_instance *instance = ARENA_NEW(arena, struct up_instance);

    *instance = (struct up_instance){
        .of = service,
        .number = number,
        .old = old,
        .name = plan_container_name(
                arena, up->plan->project, service->service, number, up->input->compatibility),
    };
    if (!old)
        plan_add_reason(up->plan, &instance->recreate_reasons, &service->service->at,
                "services.%s has no container %u", service->service->name, number);
    /* By number: the first is the one that others join. */
    ARRAY_APPEND_ARENA(arena, &service->instances);
    size_t at = service->instances.len - 1;
    for (; at > 0 && service->instances.items[at - 1]->number > number; at--)
        service->instances.items[at] = service->instances.items[at - 1];
    service->instances.items[at] = instance;
}

/* By number; the older first where two have the same. */
static bool comes_before(const struct observed_container *a, const struct observed_container *b)
{
    if (a->number != b->number)
        return a->number < b->number;
    return a->created_nsec < b->created_nsec;
}

static void collect_existing(struct up *up, struct up_service *service)
{
    const struct observed_state *state = up->input->state;
    struct arena *arena = &up->plan->arena;

    ARRAY_FOREACH(&state->containers, c) {
        if (c->oneoff || strcmp(c->service, service->service->name) != 0 ||
                !string_is_equal(c->project, up->plan->project))
            continue;
        ARRAY_APPEND_ARENA(arena, &service->existing);
        size_t at = service->existing.len - 1;
        for (; at > 0 && comes_before(c, service->existing.items[at - 1]); at--)
            service->existing.items[at] = service->existing.items[at - 1];
        service->existing.items[at] = c;
    }
}

/* A stand-in beside the container that it was to replace is what an interrupted run left: it never took
 * over. (One whose original is gone did, but for the name.) */
static bool is_leftover(const struct up_service *service, const struct observed_container *c)
{
    if (!plan_is_stand_in(c))
        return false;
    ARRAY_FOREACH(&service->existing, other) {
        if (*other != c && (*other)->number == c->number &&
                (!plan_is_stand_in(*other) || comes_before(*other, c)))
            return true;
    }
    return false;
}

static bool has_number(const struct up_service *service, unsigned number)
{
    for (size_t i = 0; i < service->instances.len; i++)
        if (service->instances.items[i]->number == number)
            return true;
    return false;
}

/* Keeps those with the lowest numbers, and fills gaps from below. */
static void choose_instances(struct up *up, struct up_service *service)
{
    struct arena *arena = &up->plan->arena;
    bool in_scope = service->scope > SCOPE_FOLLOWER;

    ARRAY_FOREACH(&service->existing, c) {
        if (is_leftover(service, *c))
            *ARRAY_APPEND_ARENA(arena, &service->leftovers) = *c;
        else if (!in_scope ||
                 (service->instances.len < service->count && !has_number(service, (*c)->number)))
            add_instance(up, service, (*c)->number, *c);
        else
            *ARRAY_APPEND_ARENA(arena, &service->surplus) = *c;
    }
    if (!in_scope)
        return;
    for (unsigned number = 1; service->instances.len < service->count; number++)
        if (!has_number(service, number))
            add_instance(up, service, number, NULL);
}

static void describe_service(struct up *up, struct up_service *service)
{
    struct arena *arena = &up->plan->arena;
    const struct project *project = up->input->project;
    const unsigned *asked = strmap_get(&up->options->scale, service->service->name);

    service->count = asked ? *asked : service_replicas(service->service);
    service->image = service_image_name(arena, project, service->service);
    service->model = plan_service_model(arena, project, service->service);
    service->config_hash = service_config_hash(arena, service->service);
    collect_existing(up, service);
    choose_instances(up, service);
}

/* ---------------------------------------------------------------- what is in the way */

static void remove_leftovers(struct up *up, struct up_service *service)
{
    struct plan_reasons reasons = { 0 };

    if (service->leftovers.len == 0 || service->scope == SCOPE_NONE)
        return;
    plan_add_reason(up->plan, &reasons, NULL, "left over from an interrupted run");
    ARRAY_FOREACH(&service->leftovers, c) {
        *ARRAY_APPEND_ARENA(&up->plan->arena, &up->clearing) = up_emit_removal(
                up, *c, false, &reasons);
    }
}

static void handle_orphans(struct up *up)
{
    struct plan *plan = up->plan;
    auto_(strbuf_release) struct strbuf names = STRBUF_INIT(65536);

    ARRAY_FOREACH(&up->input->state->containers, c) {
        if (!string_is_equal(c->project, plan->project) || !plan_is_orphan(up->input->project, c))
            continue;
        plan_add_orphan(plan, c, up->options->remove_orphans);
        strbuf_addf(&names, "%s%s: %s", names.len ? ", " : "", c->name,
                plan_orphan_origin(plan, &plan->orphans.items[plan->orphans.len - 1]));
        if (!up->options->remove_orphans)
            continue;
        struct plan_reasons reasons = { 0 };
        if (c->oneoff)
            plan_add_reason(plan, &reasons, NULL, "it was made by run, and has ended");
        else
            plan_add_reason(
                    plan, &reasons, NULL, "no service \"%s\" in the compose file", c->service);
        *ARRAY_APPEND_ARENA(&plan->arena, &up->clearing) = up_emit_removal(up, c, true, &reasons);
    }
    if (names.len && !up->options->remove_orphans && !up->options->ignore_orphans) {
        struct diag_entry *entry = diag_add(up->diag, DIAG_WARNING, "orphans", NULL,
                "found orphan containers (%s) for this project", names.data);
        if (entry)
            diag_hint(up->diag, entry,
                    "if you removed or renamed this service in your compose file, you can run "
                    "this command with the --remove-orphans flag to clean it up");
    }
}

/* ----------------------------------------------------------------------- up */

int up_prepare(struct up *up, const struct plan_input *input, const struct plan_up_options *options,
        struct error **err)
{
    struct arena *arena = &up->plan->arena;
    int r;

    up->input = input;
    up->options = options;
    up->services_len = input->graph->nodes.len;
    up->services = ARENA_NEW_ARRAY(arena, up->services_len + 1, struct up_service);
    strmap_init_arena(&up->images, arena);
    strmap_init_arena(&up->networks, arena);
    strmap_init_arena(&up->volumes, arena);
    if ((r = plan_check_identity(input, err)) < 0 || (r = check_scale(up, err)) < 0 ||
            (r = choose_scopes(up, err)) < 0)
        return r;
    ARRAY_FOREACH(&input->graph->nodes, node) {
        struct up_service *service = up_service_of(up, *node);

        if ((*node)->kind != GRAPH_SERVICE)
            continue;
        service->node = *node;
        service->service = (*node)->service;
        describe_service(up, service);
    }
    return 0;
}

/* Services in the order of the graph, what is needed first. */
static struct up_service *service_at(struct up *up, size_t position)
{
    const struct graph_node *node = up->input->graph->order[position];

    return node->kind == GRAPH_SERVICE ? up_service_of(up, node) : NULL;
}

static int need_all(struct up *up, struct error **err)
{
    for (size_t i = 0; i < up->services_len; i++) {
        struct up_service *service = service_at(up, i);
        int r;

        if (!service || service->scope == SCOPE_NONE || service->count == 0)
            continue;
        if ((r = up_need_image(up, service->service, err)) < 0 ||
                (r = up_need_resources(up, service->service, !up->options->no_recreate, err)) < 0)
            return r;
    }
    STRMAP_FOREACH(&up->networks, entry) {
        up->frees_resources |= ((const struct up_network *)entry->value)->replaced;
    }
    STRMAP_FOREACH(&up->volumes, entry) {
        up->frees_resources |= ((const struct up_volume *)entry->value)->replaced;
    }
    return 0;
}

int up_converge(struct up *up, struct error **err)
{
    int r = need_all(up, err);

    for (size_t i = 0; r >= 0 && i < up->services_len; i++)
        if (service_at(up, i))
            r = up_decide(up, service_at(up, i), err);
    if (r < 0)
        return r;
    handle_orphans(up);
    for (size_t i = 0; i < up->services_len; i++)
        if (service_at(up, i))
            remove_leftovers(up, service_at(up, i));
    for (size_t i = 0; r >= 0 && i < up->services_len; i++)
        if (service_at(up, i))
            r = up_emit(up, service_at(up, i), err);
    return r;
}

/* ------------------------------------------------------------------- --wait */

static bool is_awaited_to_complete(const struct graph_node *node)
{
    ARRAY_FOREACH(&node->needed_by, edge) {
        if ((*edge)->via == GRAPH_DEPENDS_ON &&
                (*edge)->condition == SERVICE_COMPLETED_SUCCESSFULLY)
            return true;
    }
    return false;
}

/* One without a healthcheck may have begun just now, and is looked at again. */
static bool is_ready(const struct up_instance *instance)
{
    return !instance->start && instance->old && instance->old->health == OBSERVED_HEALTH_HEALTHY;
}

static void wait_for_instance(struct up *up, struct up_instance *instance)
{
    bool completes = is_awaited_to_complete(instance->of->node);
    struct plan_step *wait;

    if (!instance->must_run || (!completes && is_ready(instance)))
        return;
    if (!completes && instance->waits[BACKEND_WAIT_HEALTHY])
        wait = instance->waits[BACKEND_WAIT_HEALTHY];
    else
        wait = up_emit_wait(up, instance, completes ? BACKEND_WAIT_COMPLETED : BACKEND_WAIT_READY);
    wait->optional = false;
    if (up->options->wait_timeout_usec > 0)
        wait->wait.timeout_usec = up->options->wait_timeout_usec;
}

static void wait_for_all(struct up *up)
{
    for (size_t i = 0; i < up->services_len; i++) {
        struct up_service *service = service_at(up, i);

        if (!service || service->scope <= SCOPE_FOLLOWER)
            continue;
        for (size_t k = 0; k < service->instances.len; k++)
            wait_for_instance(up, service->instances.items[k]);
    }
}

static bool is_image_step(const struct plan_step *step)
{
    return step->action == PLAN_PULL_IMAGE || step->action == PLAN_BUILD_IMAGE;
}

/* Nothing is touched before every image is here: an image that cannot be had leaves the project as it was,
 * and no network or stopped container behind. */
static void wait_for_images(struct up *up)
{
    struct plan *plan = up->plan;
    size_t len = plan->steps.len;

    for (size_t i = 0; i < len; i++) {
        struct plan_step *step = plan->steps.items[i];
        bool begins = !is_image_step(step);

        ARRAY_FOREACH(&step->needs, need)
            begins = begins && is_image_step(need->step);
        if (!begins)
            continue;
        STRMAP_FOREACH(&up->images, it) {
            const struct up_image *image = it->value;

            plan_step_needs(plan, step, image->build ? image->build : image->pull);
        }
    }
}

int plan_up(const struct plan_input *input, const struct plan_up_options *options,
        struct plan **ret, struct diag *diag, struct error **err)
{
    auto_(plan_free_p) struct plan *plan = plan_new(
            options->command ? options->command : "up", input);
    struct up up = { .plan = plan, .diag = diag };
    int r = up_prepare(&up, input, options, err);

    if (r >= 0)
        r = up_converge(&up, err);
    if (r < 0)
        return r;
    up_note_applied(&up);
    if (options->wait && !options->no_start)
        wait_for_all(&up);
    wait_for_images(&up);
    plan_finish(plan);
    *ret = TAKE(plan);
    return 0;
}

/* ----------------------------------------------------------------------- run */

/* What the service depends on, as the services to bring up; empty when there is nothing. */
static struct strings direct_needs(struct plan *plan, const struct graph_node *node)
{
    struct strings names = { 0 };

    ARRAY_FOREACH(&node->needs, edge) {
        if ((*edge)->to->kind == GRAPH_SERVICE)
            *ARRAY_APPEND_ARENA(&plan->arena, &names) = arena_strdup(
                    &plan->arena, (*edge)->to->name);
    }
    return names;
}

static int emit_oneoff(struct up *up, const struct plan_run_options *options,
        const struct graph_node *node, struct error **err)
{
    struct plan *plan = up->plan;
    struct arena *arena = &plan->arena;
    struct up_service *own = up_service_of(up, node);
    struct up_service *service = ARENA_NEW(arena, struct up_service);
    struct up_instance *instance = ARENA_NEW(arena, struct up_instance);
    struct backend_container_spec *spec;
    int r;

    *service = (struct up_service){
        .node = node,
        .service = options->service,
        .scope = SCOPE_TARGET,
        .count = 1,
        .image = own->image,
        .model = own->model,
        .config_hash = own->config_hash,
    };
    char separator = up->input->compatibility ? '_' : '-';
    *instance = (struct up_instance){
        .of = service,
        .number = 1,
        .oneoff = true,
        .no_aliases = !options->use_aliases,
        .must_run = true,
        .name = options->name ? options->name
                              : arena_printf(arena, "%s%c%s%crun%c%s", plan->project, separator,
                                        node->name, separator, separator, options->slug),
    };
    if ((r = up_need_image(up, options->service, err)) < 0 ||
            (r = up_need_resources(up, options->service, false, err)) < 0 ||
            (r = up_emit_oneoff(up, instance, options->start, &spec, err)) < 0)
        return r;
    spec->auto_remove = options->auto_remove;
    spec->no_ports = !options->service_ports;

    struct strmap *labels = ARENA_NEW(arena, struct strmap);
    strmap_init_arena(labels, arena);
    STRMAP_FOREACH(spec->labels, entry) {
        strmap_set(labels, entry->key, entry->value);
    }
    strmap_set(labels, LABEL_SLUG, arena_strdup(arena, options->slug));
    STRMAP_FOREACH(&options->labels, entry) {
        strmap_set(labels, entry->key, arena_strdup(arena, entry->value));
    }
    spec->labels = labels;
    plan->oneoff = instance->create;
    return 0;
}

int plan_run(const struct plan_input *input, const struct plan_run_options *options,
        struct plan **ret, struct diag *diag, struct error **err)
{
    auto_(plan_free_p) struct plan *plan = plan_new("run", input);
    struct plan_up_options up_options = options->up;
    const struct graph_node *node = graph_find(input->graph, GRAPH_SERVICE, options->service->name);
    struct up up = { .plan = plan, .diag = diag };
    int r;

    if (!node)
        return error_set_plain(err, EINVAL, NULL, "no such service: %s", options->service->name);
    up_options.services = direct_needs(plan, node);
    up.leave_services = options->up.no_deps || up_options.services.len == 0;
    r = up_prepare(&up, input, &up_options, err);
    if (r >= 0)
        r = up_converge(&up, err);
    if (r >= 0)
        r = emit_oneoff(&up, options, node, err);
    if (r < 0)
        return r;
    if (!up.leave_services)
        up_note_applied(&up);
    else
        plan->record.directory = arena_strdup(&plan->arena, plan_directory(input));
    wait_for_images(&up);
    plan_finish(plan);
    *ret = TAKE(plan);
    return 0;
}
