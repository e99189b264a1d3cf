#include "compose/plan.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "base/digest.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/document.h"
#include "compose/model-value.h"
#include "compose/plan-internal.h"
#include "compose/print.h"

/* What each action is called: in JSON, and in Compose's progress. Order of enum plan_action. */
static const struct action_words {
    const char *name, *begin, *done;
} actions[] = {
    [PLAN_PULL_IMAGE] = { "pull-image", "Pulling", "Pulled" },
    [PLAN_BUILD_IMAGE] = { "build-image", "Building", "Built" },
    [PLAN_PUSH_IMAGE] = { "push-image", "Pushing", "Pushed" },
    [PLAN_REMOVE_IMAGE] = { "remove-image", "Removing", "Removed" },
    [PLAN_CREATE_NETWORK] = { "create-network", "Creating", "Created" },
    [PLAN_REMOVE_NETWORK] = { "remove-network", "Removing", "Removed" },
    [PLAN_CREATE_VOLUME] = { "create-volume", "Creating", "Created" },
    [PLAN_REMOVE_VOLUME] = { "remove-volume", "Removing", "Removed" },
    [PLAN_CREATE_CONTAINER] = { "create-container", "Creating", "Created" },
    [PLAN_RENAME_CONTAINER] = { "rename-container", "Renaming", "Renamed" },
    [PLAN_START_CONTAINER] = { "start-container", "Starting", "Started" },
    [PLAN_WAIT_CONTAINER] = { "wait-container", "Waiting", "Healthy" },
    [PLAN_STOP_CONTAINER] = { "stop-container", "Stopping", "Stopped" },
    [PLAN_RESTART_CONTAINER] = { "restart-container", "Restarting", "Started" },
    [PLAN_KILL_CONTAINER] = { "kill-container", "Killing", "Killed" },
    [PLAN_PAUSE_CONTAINER] = { "pause-container", NULL, "Paused" },
    [PLAN_UNPAUSE_CONTAINER] = { "unpause-container", NULL, "Unpaused" },
    [PLAN_REMOVE_CONTAINER] = { "remove-container", "Removing", "Removed" },
};
_Static_assert(ARRAY_LEN(actions) == PLAN_ACTION_MAX_, "words for every action");

const char *plan_action_name(enum plan_action action)
{
    assert(action < PLAN_ACTION_MAX_);
    return actions[action].name;
}

const char *plan_step_word_begin(const struct plan_step *step)
{
    switch (step->part) {
    case PLAN_RECREATE_FIRST:
        return "Recreate";
    case PLAN_RECREATE_MIDDLE:
    case PLAN_RECREATE_LAST:
        return NULL;
    case PLAN_WHOLE:
        break;
    }
    return actions[step->action].begin;
}

const char *plan_step_word_done(const struct plan_step *step)
{
    switch (step->part) {
    case PLAN_RECREATE_FIRST:
    case PLAN_RECREATE_MIDDLE:
        return NULL;
    case PLAN_RECREATE_LAST:
        return "Recreated";
    case PLAN_WHOLE:
        break;
    }
    if (step->action == PLAN_WAIT_CONTAINER) {
        if (step->wait.condition == BACKEND_WAIT_COMPLETED)
            return "Exited";
        if (step->wait.condition == BACKEND_WAIT_RUNNING)
            return "Running";
    }
    return actions[step->action].done;
}

/* ----------------------------------------------------------- building a plan */

struct plan *plan_new(const char *command, const struct plan_input *input)
{
    struct plan *plan = NEW(struct plan);

    assert(input->project || input->project_name);
    assert(!input->project || input->graph);
    assert(input->state);
    plan->command = command;
    plan->project = input->project ? input->project->name : input->project_name;
    return plan;
}

void plan_restrict(struct plan *plan, bool (*keep)(const struct plan_step *step, void *userdata),
        void *userdata)
{
    bool *kept = ARENA_NEW_ARRAY(&plan->arena, plan->steps.len + 1, bool);
    size_t len = 0;

    for (size_t i = 0; i < plan->steps.len; i++)
        kept[i] = keep(plan->steps.items[i], userdata);
    for (size_t i = 0; i < plan->steps.len; i++) {
        struct plan_step *step = plan->steps.items[i];
        size_t needs = 0;

        if (!kept[i])
            continue;
        for (size_t n = 0; n < step->needs.len; n++)
            if (kept[step->needs.items[n].step->index])
                step->needs.items[needs++] = step->needs.items[n];
        step->needs.len = needs;
        plan->steps.items[len++] = step;
    }
    /* After all needs were looked at: they go by the old positions. */
    plan->steps.len = len;
    for (size_t i = 0; i < len; i++)
        plan->steps.items[i]->index = i;
}

void plan_free(struct plan *plan)
{
    if (!plan)
        return;
    arena_release(&plan->arena);
    free(plan);
}

struct plan_step *plan_add(
        struct plan *plan, enum plan_action action, const char *subject_kind, const char *name)
{
    struct plan_step *step = ARENA_NEW(&plan->arena, struct plan_step);

    assert(action < PLAN_ACTION_MAX_);
    step->index = plan->steps.len;
    step->action = action;
    step->name = name;
    step->subject = arena_printf(&plan->arena, "%s %s", subject_kind, name);
    *ARRAY_APPEND_ARENA(&plan->arena, &plan->steps) = step;
    return step;
}

struct plan_step *plan_add_container_step(
        struct plan *plan, enum plan_action action, const struct observed_container *container)
{
    struct plan_step *step = plan_add(plan, action, "Container", container->name);

    step->container_id = container->id;
    step->service = *container->service ? container->service : NULL;
    step->number = container->number;
    return step;
}

static void add_need(
        struct plan *plan, struct plan_step *step, struct plan_step *other, bool success)
{
    if (!other)
        return;
    assert(other != step);
    ARRAY_FOREACH(&step->needs, n) {
        if (n->step == other) {
            n->success |= success;
            return;
        }
    }
    *ARRAY_APPEND_ARENA(
            &plan->arena, &step->needs) = (struct plan_need){ .step = other, .success = success };
}

void plan_step_needs(struct plan *plan, struct plan_step *step, struct plan_step *other)
{
    add_need(plan, step, other, true);
}

void plan_step_after(struct plan *plan, struct plan_step *step, struct plan_step *other)
{
    add_need(plan, step, other, false);
}

void plan_add_reason(struct plan *plan, struct plan_reasons *reasons, const struct source *at,
        const char *format, ...)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(PLAN_REASON_MAX_BYTES);
    va_list args;

    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    *ARRAY_APPEND_ARENA(&plan->arena, reasons) = (struct plan_reason){
        .text = arena_strdup(&plan->arena, text.data),
        .at = at ? *at : SOURCE_NONE,
    };
}

void plan_add_reasons(
        struct plan *plan, struct plan_reasons *reasons, const struct plan_reasons *more)
{
    ARRAY_FOREACH(more, reason) {
        *ARRAY_APPEND_ARENA(&plan->arena, reasons) = *reason;
    }
}

/* Depth first in the order of adding; recursion is as deep as the longest chain of steps. */
static void place_step(struct plan *plan, struct plan_step *step, struct plan_step **placed,
        size_t *placed_len, char *visits)
{
    size_t index = step->index;

    if (visits[index] == 2)
        return;
    assert(visits[index] == 0); /* a cycle of steps would be our own mistake */
    visits[index] = 1;
    ARRAY_FOREACH(&step->needs, n) {
        place_step(plan, n->step, placed, placed_len, visits);
    }
    visits[index] = 2;
    placed[(*placed_len)++] = step;
}

void plan_finish(struct plan *plan)
{
    size_t len = plan->steps.len, placed_len = 0;
    struct plan_step **placed = ARENA_NEW_ARRAY(&plan->arena, len + 1, struct plan_step *);
    char *visits = ARENA_NEW_ARRAY(&plan->arena, len + 1, char);

    for (size_t i = 0; i < len; i++)
        place_step(plan, plan->steps.items[i], placed, &placed_len, visits);
    assert(placed_len == len);
    for (size_t i = 0; i < len; i++) {
        plan->steps.items[i] = placed[i];
        placed[i]->index = i;
    }
}

/* -------------------------------------------------------------- names and labels */

const char *plan_container_name(struct arena *arena, const char *project,
        const struct service *service, unsigned number, bool compatibility)
{
    char separator = compatibility ? '_' : '-';

    if (service->container_name)
        return service->container_name;
    return arena_printf(arena, "%s%c%s%c%u", project, separator, service->name, separator, number);
}

/* What configs and secrets hold belongs to what a container was made from. Only digests are stored. */
static void add_digests(const struct file_references *references, const struct strmap *objects,
        const char *key, struct strbuf *out)
{
    size_t count = 0;

    ARRAY_FOREACH(references, reference) {
        const struct file_object *object = reference->source
                                                   ? strmap_get(objects, reference->source)
                                                   : NULL;
        const char *content = !object ? NULL : object->content ? object->content : object->value;
        char digest[DIGEST_TEXT_MAX];

        if (!object || (!content && !object->content_digest))
            continue;
        if (!object->content_digest)
            digest_sha256(content, strlen(content), digest);
        strbuf_addf(out, count++ ? "," : ",\"%s\":{", key);
        json_print_text(object->key, out);
        strbuf_addf(out, ":\"%s\"", object->content_digest ? object->content_digest : digest);
    }
    if (count)
        strbuf_addc(out, '}');
}

static void add_implied(
        struct strbuf *path, const struct node *node, size_t *count, struct strbuf *out)
{
    size_t mark = path->len;

    if (node->flags & NODE_IMPLIED) {
        strbuf_adds(out, (*count)++ ? "," : ",\"" PLAN_MODEL_IMPLIED "\":[");
        json_print_text(path->data, out);
        return;
    }
    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++) {
        strbuf_addf(path, "[%u]", i);
        add_implied(path, node->items[i], count, out);
        strbuf_truncate(path, mark);
    }
    NODE_FOREACH(node, entry) {
        strbuf_addf(path, "%s%s", mark ? "." : "", entry->key);
        add_implied(path, entry->value, count, out);
        strbuf_truncate(path, mark);
    }
}

const char *plan_service_model(
        struct arena *arena, const struct project *project, const struct service *service)
{
    const char *json = service_model_json(arena, service);
    size_t len = strlen(json), implied = 0;
    auto_(strbuf_release) struct strbuf extra = STRBUF_INIT(LIMIT_JSON_BYTES);
    auto_(strbuf_release) struct strbuf path = STRBUF_INIT(LIMIT_JSON_BYTES);

    add_digests(&service->configs, &project->config_index, PLAN_MODEL_CONFIGS, &extra);
    add_digests(&service->secrets, &project->secret_index, PLAN_MODEL_SECRETS, &extra);
    strbuf_adds(&path, "");
    add_implied(&path, service->model, &implied, &extra);
    if (implied)
        strbuf_addc(&extra, ']');
    if (extra.len == 0)
        return json;
    assert(len >= 2 && json[len - 1] == '}');
    return arena_printf(
            arena, "%.*s%s}", (int)(len - 1), json, extra.data + (len > 2 ? 0 : 1)); /* no comma */
}

/* Contents of variables and of the compose file are copied when a container is made; files are mounted. */
static const char *current_digest(const struct strmap *objects, const char *key)
{
    const struct file_object *object = strmap_get(objects, key);

    return object && object->file && !object->content && !object->value ? object->content_digest
                                                                        : NULL;
}

static void print_digests(
        const struct model_value *digests, const struct strmap *objects, struct strbuf *out)
{
    strbuf_addc(out, '{');
    ARRAY_FOREACH(&digests->members, it) {
        const char *now = current_digest(objects, it->key);

        strbuf_adds(out, it == digests->members.items ? "" : ",");
        json_print_text(it->key, out);
        if (now)
            strbuf_addf(out, ":\"%s\"", now);
        else
            strbuf_addf(out, ":%.*s", STR_FMT(it->raw));
    }
    strbuf_addc(out, '}');
}

const char *plan_model_started(struct arena *arena, const struct project *project,
        const struct service *service, const char *model)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(LIMIT_JSON_BYTES);
    struct model_value value;

    if (!model || service->configs.len + service->secrets.len == 0 ||
            model_value_read(arena, model, &value) < 0)
        return model;
    strbuf_addc(&out, '{');
    ARRAY_FOREACH(&value.members, it) {
        const struct strmap *objects = strcmp(it->key, PLAN_MODEL_CONFIGS) == 0
                                               ? &project->config_index
                                       : strcmp(it->key, PLAN_MODEL_SECRETS) == 0
                                               ? &project->secret_index
                                               : NULL;

        strbuf_adds(&out, it == value.members.items ? "" : ",");
        json_print_text(it->key, &out);
        strbuf_addc(&out, ':');
        if (objects && it->kind == MODEL_MAP)
            print_digests(it, objects, &out);
        else
            strbuf_addf(&out, "%.*s", STR_FMT(it->raw));
    }
    strbuf_addc(&out, '}');
    return strbuf_is_truncated(&out) || strcmp(out.data, model) == 0
                   ? model
                   : arena_strndup(arena, out.data, out.len);
}

struct backend_query plan_query(struct arena *arena, const struct project *project)
{
    struct backend_query query = { .project = project->name };
    struct strmap seen;

    strmap_init_arena(&seen, arena);
    ARRAY_FOREACH(&project->networks, n) {
        *ARRAY_APPEND_ARENA(arena, &query.networks) = arena_strdup(arena, n->name);
    }
    ARRAY_FOREACH(&project->volumes, v) {
        *ARRAY_APPEND_ARENA(arena, &query.volumes) = arena_strdup(arena, v->name);
    }
    ARRAY_FOREACH(&project->services, s) {
        const char *image = service_image_name(arena, project, s);

        if (!image || strmap_has(&seen, image))
            continue;
        strmap_set(&seen, image, NULL);
        *ARRAY_APPEND_ARENA(arena, &query.images) = arena_strdup(arena, image);
    }
    return query;
}

/* "db:service_healthy:true,cache:service_started:false" */
struct strings plan_label_dependencies(
        struct plan *plan, const struct observed_container *container)
{
    struct strings names = { 0 };
    const char *label = strmap_get(&container->labels, LABEL_DEPENDS_ON);
    struct str rest = str_from(label ? label : ""), piece;

    while (str_split_next(&rest, ',', &piece)) {
        ptrdiff_t colon = str_find(piece, ':');
        size_t len = colon < 0 ? piece.len : (size_t)colon;

        if (len > 0)
            *ARRAY_APPEND_ARENA(&plan->arena, &names) = arena_strndup(
                    &plan->arena, piece.data, len);
    }
    return names;
}

bool plan_is_stand_in(const struct observed_container *container)
{
    return container->replaces && !string_is_equal(container->replaces, container->name);
}
