#include "cli/bake.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json/json.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/backend.h"
#include "compose/graph.h"
#include "compose/plan.h"
#include "compose/project.h"

static bool is_asked_for(const struct strings *services, const char *name)
{
    for (size_t i = 0; i < services->len; i++)
        if (strcmp(services->items[i], name) == 0)
            return true;
    return services->len == 0;
}

static void set_text(json_t *target, const char *key, const char *text)
{
    if (!string_is_empty(text))
        json_object_set_new(target, key, json_string(text));
}

/* Nothing where there is nothing. */
static void set_members(json_t *target, const char *key, json_t *members)
{
    if (json_object_size(members) > 0 || json_array_size(members) > 0)
        json_object_set(target, key, members);
    json_decref(members);
}

static void set_texts(json_t *target, const char *key, const struct strings *texts)
{
    json_t *list = json_array();

    for (size_t i = 0; i < texts->len; i++)
        json_array_append_new(list, json_string(texts->items[i]));
    set_members(target, key, list);
}

static int compare_words(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* `more` is stronger than `pairs`; by name, as Go prints a map. */
static json_t *merged(const struct pairs *pairs, const struct strmap *more)
{
    json_t *all = json_object(), *sorted = json_object();
    size_t len = 0;

    ARRAY_FOREACH(pairs, pair)
        if (pair->value)
            json_object_set_new(all, pair->key, json_string(pair->value));
    if (more)
        STRMAP_FOREACH(more, entry)
            if (entry->value)
                json_object_set_new(all, entry->key, json_string(entry->value));
    auto_free const char **keys = calloc(json_object_size(all) + 1, sizeof(*keys));
    const char *key;
    json_t *value;
    json_object_foreach(all, key, value) keys[len++] = key;
    qsort(keys, len, sizeof(*keys), compare_words);
    for (size_t i = 0; i < len; i++)
        json_object_set(sorted, keys[i], json_object_get(all, keys[i]));
    json_decref(all);
    return sorted;
}

static json_t *contexts_of(const struct build *build)
{
    json_t *contexts = json_object();

    ARRAY_FOREACH(&build->additional_contexts, context) {
        const char *service = graph_service_of_mode(context->value);

        json_object_set_new(contexts, context->key,
                service ? json_sprintf("target:%s", service) : json_string(context->value));
    }
    return contexts;
}

static json_t *secrets_of(const struct project *project, const struct build *build)
{
    json_t *secrets = json_array();

    ARRAY_FOREACH(&build->secrets, reference) {
        const struct file_object *secret = project_find_secret(project, reference->source);
        const char *id = reference->target ? reference->target : reference->source;

        if (secret && secret->file)
            json_array_append_new(
                    secrets, json_sprintf("id=%s,type=file,src=%s", id, secret->file));
        else if (secret && secret->environment)
            json_array_append_new(
                    secrets, json_sprintf("id=%s,type=env,env=%s", id, secret->environment));
    }
    return secrets;
}

static json_t *ssh_of(const struct build *build)
{
    json_t *keys = json_array();

    ARRAY_FOREACH(&build->ssh, key)
        json_array_append_new(keys, json_sprintf("%s=%s", key->key, key->value ? key->value : ""));
    return keys;
}

static json_t *ulimits_of(const struct build *build)
{
    json_t *limits = json_array();

    ARRAY_FOREACH(&build->ulimits, limit)
        json_array_append_new(
                limits, limit->single ? json_sprintf("%s=%" PRId64, limit->name, limit->soft)
                                      : json_sprintf("%s=%" PRId64 ":%" PRId64, limit->name,
                                                limit->soft, limit->hard));
    return limits;
}

static void set_dockerfile(json_t *target, const struct build *build)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;

    if (build->dockerfile_inline)
        json_object_set_new(target, "dockerfile-inline", json_string(build->dockerfile_inline));
    else
        set_text(target, "dockerfile",
                path_join(&arena, build->context,
                        string_is_empty(build->dockerfile) ? "Dockerfile" : build->dockerfile));
}

static json_t *target_of(const struct backend_build_spec *spec, bool push)
{
    const struct build *build = &spec->service->build;
    json_t *target = json_object(), *output = json_array(), *tags = json_array();

    set_text(target, "context", build->context);
    set_members(target, "contexts", contexts_of(build));
    set_dockerfile(target, build);
    set_members(target, "args", merged(&build->args, spec->args));
    set_members(target, "labels", merged(&build->labels, spec->labels));
    for (size_t i = 0; i < build->tags.len; i++)
        json_array_append_new(tags, json_string(build->tags.items[i]));
    json_array_append_new(tags, json_string(spec->image));
    set_members(target, "tags", tags);
    set_texts(target, "cache-from", &build->cache_from);
    set_texts(target, "cache-to", &build->cache_to);
    set_text(target, "target", build->target);
    set_members(target, "secret", secrets_of(spec->project, build));
    set_members(target, "ssh", ssh_of(build));
    set_texts(target, "platforms", &build->platforms);
    if (spec->pull || build->pull == OPTION_TRUE)
        json_object_set_new(target, "pull", json_true());
    if (spec->no_cache || build->no_cache == OPTION_TRUE)
        json_object_set_new(target, "no-cache", json_true());
    set_text(target, "network", build->network);
    if (build->shm_size.set)
        json_object_set_new(target, "shm-size", json_sprintf("%" PRId64, build->shm_size.bytes));
    set_members(target, "ulimits", ulimits_of(build));
    set_texts(target, "entitlements", &build->entitlements);
    set_members(target, "extra-hosts", merged(&build->extra_hosts, NULL));
    json_array_append_new(
            output, json_string(push && spec->service->image ? "type=registry" : "type=docker"));
    json_object_set_new(target, "output", output);
    return target;
}

void bake_print(
        const struct plan *plan, const struct strings *services, bool push, struct strbuf *out)
{
    json_t *group = json_array(), *targets = json_object();

    for (size_t i = 0; i < plan->steps.len; i++) {
        const struct plan_step *step = plan->steps.items[i];
        bool asked = step->service && is_asked_for(services, step->service);

        if (step->action != PLAN_BUILD_IMAGE)
            continue;
        if (asked)
            json_array_append_new(group, json_string(step->service));
        json_object_set_new(targets, step->service, target_of(step->build, push && asked));
    }
    auto_json json_t *file = json_pack(
            "{s:{s:{s:o}}, s:o}", "group", "default", "targets", group, "target", targets);
    auto_free char *text = json_dumps(file, JSON_INDENT(2));
    strbuf_addf(out, "%s\n", text ? text : "{}");
}
