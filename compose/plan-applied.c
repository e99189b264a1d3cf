/* What an `up` applies, as the engine keeps it for `drift`: per service how many containers, of which image and
 * model, whether they run; names and configuration of networks and volumes. Canonical JSON:
 *
 *     {"networks":{"default":{"hash":"…","name":"demo_default"}},
 *      "services":{"web":{"count":2,"image":"app","limits":{…},"model":{…},"run":true}},
 *      "version":1,"volumes":{}}
 *
 * An `up` of some services leaves what was noted of the others. */
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/model-value.h"
#include "compose/plan-up-internal.h"
#include "compose/print.h"

static void begin_member(struct strbuf *out, size_t *count, const char *key)
{
    strbuf_adds(out, (*count)++ ? "," : "");
    json_print_text(key, out);
    strbuf_addc(out, ':');
}

/* As the engine is told them, so that `drift` need not read the model's forms. */
static void add_limits(const struct service *service, struct strbuf *out)
{
    struct service_limits limits = service_limits(service);

    strbuf_addf(out, ",\"limits\":{\"memory\":%lld,\"nano_cpus\":%lld,\"pids\":%lld}",
            (long long)limits.memory_bytes, (long long)limits.nano_cpus, (long long)limits.pids);
}

static void add_service(const struct up_service *service, bool run, struct strbuf *out)
{
    strbuf_addf(out, "{\"count\":%u,\"image\":", service->count);
    json_print_text(service->image ? service->image : "", out);
    add_limits(service->service, out);
    strbuf_addf(out, ",\"model\":%s,\"run\":%s}", service->model, run ? "true" : "false");
}

/* What was noted of services that this run leaves alone, unless it was asked to make the whole project. */
static void keep_earlier(
        struct up *up, const struct model_value *services, size_t *count, struct strbuf *out)
{
    bool whole = up->options->services.len == 0 && !up->leave_services;

    ARRAY_FOREACH(&services->members, entry) {
        const struct graph_node *node = graph_find(up->input->graph, GRAPH_SERVICE, entry->key);

        if (node && up_service_of(up, node)->scope > SCOPE_FOLLOWER)
            continue;
        if (whole && !node && !project_find_disabled_service(up->input->project, entry->key))
            continue;
        begin_member(out, count, entry->key);
        strbuf_add_str(out, entry->raw);
    }
}

static void add_services(struct up *up, const struct model_value *earlier, struct strbuf *out)
{
    const struct model_value *services = model_value_member(earlier, "services");
    size_t count = 0;

    strbuf_adds(out, "\"services\":{");
    if (services)
        keep_earlier(up, services, &count, out);
    for (size_t i = 0; i < up->services_len; i++) {
        const struct up_service *service = &up->services[i];

        if (!service->service || service->scope <= SCOPE_FOLLOWER)
            continue;
        begin_member(out, &count, service->service->name);
        add_service(service, !up->options->no_start, out);
    }
    strbuf_addc(out, '}');
}

static void add_resource(
        struct strbuf *out, size_t *count, const char *key, const char *name, const char *hash)
{
    begin_member(out, count, key);
    strbuf_adds(out, "{\"hash\":");
    json_print_text(hash, out);
    strbuf_adds(out, ",\"name\":");
    json_print_text(name, out);
    strbuf_addc(out, '}');
}

static void keep_earlier_resources(const struct model_value *earlier, const char *kind,
        const struct strmap *ours, size_t *count, struct strbuf *out)
{
    const struct model_value *resources = model_value_member(earlier, kind);

    if (!resources)
        return;
    ARRAY_FOREACH(&resources->members, entry) {
        if (strmap_has(ours, entry->key))
            continue;
        begin_member(out, count, entry->key);
        strbuf_add_str(out, entry->raw);
    }
}

static void add_networks(struct up *up, const struct model_value *earlier, struct strbuf *out)
{
    size_t count = 0;

    strbuf_adds(out, "\"networks\":{");
    if (up->options->services.len)
        keep_earlier_resources(earlier, "networks", &up->networks, &count, out);
    STRMAP_FOREACH(&up->networks, entry) {
        const struct project_network *network = ((const struct up_network *)entry->value)->network;

        add_resource(out, &count, network->key, network->name,
                network->external == OPTION_TRUE ? ""
                                                 : network_config_hash(&up->plan->arena, network));
    }
    strbuf_addc(out, '}');
}

static void add_volumes(struct up *up, const struct model_value *earlier, struct strbuf *out)
{
    size_t count = 0;

    strbuf_adds(out, "\"volumes\":{");
    if (up->options->services.len)
        keep_earlier_resources(earlier, "volumes", &up->volumes, &count, out);
    STRMAP_FOREACH(&up->volumes, entry) {
        const struct project_volume *volume = ((const struct up_volume *)entry->value)->volume;

        if (volume->external == OPTION_TRUE)
            continue;
        add_resource(out, &count, volume->key, volume->name,
                volume_config_hash(&up->plan->arena, volume));
    }
    strbuf_addc(out, '}');
}

void up_note_applied(struct up *up)
{
    struct arena *arena = &up->plan->arena;
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(LIMIT_JSON_BYTES);
    const char *before = up->input->state->project.applied;
    struct model_value earlier = { 0 };

    if (before)
        (void)model_value_read(arena, before, &earlier); /* unreadable: as if it were not there */
    strbuf_addc(&out, '{');
    add_networks(up, &earlier, &out);
    strbuf_addc(&out, ',');
    add_services(up, &earlier, &out);
    strbuf_adds(&out, ",\"version\":1,");
    add_volumes(up, &earlier, &out);
    strbuf_addc(&out, '}');
    if (string_is_equal(before, out.data) &&
            string_is_equal(up->input->state->project.directory, plan_directory(up->input)))
        return; /* as it is */
    up->plan->record = (struct observed_project){
        .directory = arena_strdup(arena, plan_directory(up->input)),
        .applied = strbuf_is_truncated(&out) ? NULL : arena_strdup(arena, out.data),
    };
}
