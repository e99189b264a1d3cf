/* The plans of `pull`, `build` and `push`: only images, no containers. */
#include "compose/plan-up-internal.h"

#include "base/str.h"

static int select_services(struct plan *plan, const struct plan_input *input,
        const struct plan_images_options *options, struct graph_selection *ret, struct error **err)
{
    return graph_select(&plan->arena, input->graph, &options->services,
            options->with_deps ? GRAPH_WITH_NEEDS : 0, ret, err);
}

static bool is_buildable(const struct graph_node *node)
{
    return node->service->build.given;
}

/* Nothing to pull for what has no image of its own, and on request for what can be built. */
static bool is_pulled(const struct graph_node *node, const struct plan_images_options *options)
{
    return node->service->image && !(options->ignore_buildable && is_buildable(node)) &&
           !string_is_equal(node->service->pull_policy, "never") &&
           !string_is_equal(node->service->pull_policy, "build");
}

int plan_pull(const struct plan_input *input, const struct plan_images_options *options,
        struct plan **ret, struct diag *diag, struct error **err)
{
    auto_(plan_free_p) struct plan *plan = plan_new("pull", input);
    struct plan_up_options up_options = {
        .pull_policy = options->policy ? options->policy : "always",
        .no_build = true,
        .quiet_pull = options->quiet,
    };
    struct up up = { .plan = plan, .diag = diag, .input = input, .options = &up_options };
    struct graph_selection selection;
    int r = select_services(plan, input, options, &selection, err);

    strmap_init_arena(&up.images, &plan->arena);
    for (size_t i = 0; r >= 0 && i < input->graph->nodes.len; i++) {
        const struct graph_node *node = input->graph->order[i];

        if (node->kind != GRAPH_SERVICE || !graph_is_selected(&selection, node) ||
                !is_pulled(node, options))
            continue;
        r = up_need_image(&up, node->service, err);
        if (r < 0)
            break;
        struct plan_step *pull = up_image_of(&up, node->service->image)->pull;
        if (pull)
            pull->optional |= options->ignore_failures || is_buildable(node);
    }
    if (r < 0)
        return r;
    plan_finish(plan);
    *ret = TAKE(plan);
    return 0;
}

int plan_build(const struct plan_input *input, const struct plan_images_options *options,
        struct plan **ret, struct diag *diag, struct error **err)
{
    auto_(plan_free_p) struct plan *plan = plan_new("build", input);
    struct plan_up_options up_options = {
        .build = true,
        .quiet_build = options->quiet,
        .build_args = options->build_args,
        .build_ssh = options->build_ssh,
        .build_memory_bytes = options->build_memory_bytes,
    };
    struct up up = { .plan = plan, .diag = diag, .input = input, .options = &up_options };
    struct graph_selection selection;
    int r = select_services(plan, input, options, &selection, err);

    strmap_init_arena(&up.images, &plan->arena);
    for (size_t i = 0; r >= 0 && i < input->graph->nodes.len; i++) {
        const struct graph_node *node = input->graph->order[i];

        if (node->kind != GRAPH_SERVICE || !graph_is_selected(&selection, node) ||
                !is_buildable(node))
            continue;
        r = up_need_image(&up, node->service, err);
    }
    if (r < 0)
        return r;
    STRMAP_FOREACH(&up.images, entry) {
        const struct up_image *image = entry->value;

        if (!image->build)
            continue;
        image->build_spec->no_cache = options->no_cache;
        image->build_spec->pull = options->pull;
    }
    plan_finish(plan);
    *ret = TAKE(plan);
    return 0;
}

static void add_push(struct plan *plan, const struct plan_input *input,
        const struct plan_images_options *options, const struct service *service, const char *image)
{
    struct plan_step *step = plan_add(plan, PLAN_PUSH_IMAGE, "Image", image);
    struct backend_push_spec *spec = ARENA_NEW(&plan->arena, struct backend_push_spec);

    *spec = (struct backend_push_spec){
        .project = input->project, .service = service, .image = image, .quiet = options->quiet
    };
    step->push = spec;
    step->service = service->name;
    step->optional = options->ignore_failures;
    plan_add_reason(plan, &step->reasons, &service->at, "asked for");
}

int plan_push(const struct plan_input *input, const struct plan_images_options *options,
        struct plan **ret, struct diag *diag, struct error **err)
{
    auto_(plan_free_p) struct plan *plan = plan_new("push", input);
    struct graph_selection selection;
    struct strmap seen;
    int r = select_services(plan, input, options, &selection, err);

    (void)diag;
    if (r < 0)
        return r;
    strmap_init_arena(&seen, &plan->arena);
    for (size_t i = 0; i < input->graph->nodes.len; i++) {
        const struct graph_node *node = input->graph->order[i];

        if (node->kind != GRAPH_SERVICE || !graph_is_selected(&selection, node) ||
                !node->service->image || !is_buildable(node))
            continue;
        if (!strmap_has(&seen, node->service->image))
            add_push(plan, input, options, node->service, node->service->image);
        strmap_set(&seen, node->service->image, NULL);
        ARRAY_FOREACH(&node->service->build.tags, tag) {
            if (!strmap_has(&seen, *tag))
                add_push(plan, input, options, node->service, *tag);
            strmap_set(&seen, *tag, NULL);
        }
    }
    plan_finish(plan);
    *ret = TAKE(plan);
    return 0;
}
