#include "compose/drift.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/model-value.h"
#include "compose/plan-internal.h"
#include "compose/print.h"

static const char *const kind_names[] = {
    [DRIFT_MISSING] = "missing",
    [DRIFT_STOPPED] = "stopped",
    [DRIFT_EXTRA] = "extra",
    [DRIFT_MODEL] = "model",
    [DRIFT_IMAGE] = "image",
    [DRIFT_LIMITS] = "limits",
    [DRIFT_NETWORK] = "network",
    [DRIFT_MOUNT] = "mount",
};
_Static_assert(ARRAY_LEN(kind_names) == DRIFT_KIND_MAX_, "name every kind");

const char *drift_kind_name(enum drift_kind kind)
{
    return kind_names[kind];
}

struct comparison {
    struct arena *arena;
    const char *project;
    const struct observed_state *state;
    struct model_value applied;
    struct drifts *drifts;
};

static struct drift *add(struct comparison *c, enum drift_kind kind, const char *what,
        const char *name, const char *service, const char *text)
{
    struct drift *drift = ARRAY_APPEND_ARENA(c->arena, c->drifts);

    *drift = (struct drift){
        .kind = kind,
        .subject = arena_printf(c->arena, "%s %s", what, name),
        .service = service,
        .text = text,
    };
    return drift;
}

/* ------------------------------------------------------------------- what was applied */

static const struct model_value *section(const struct comparison *c, const char *name)
{
    static const struct model_value none = { .kind = MODEL_MAP };
    const struct model_value *value = model_value_member(&c->applied, name);

    return value ? value : &none;
}

static const char *member_text(struct arena *arena, const struct model_value *map, const char *key)
{
    const struct model_value *value = model_value_member(map, key);

    return value ? model_value_text(arena, value) : NULL;
}

static int64_t member_int(const struct model_value *map, const char *key)
{
    const struct model_value *value = model_value_member(map, key);
    int64_t number = 0;

    return value && parse_int64(value->raw, INT64_MIN, INT64_MAX, &number) == 0 ? number : 0;
}

static bool member_is_true(const struct model_value *map, const char *key)
{
    const struct model_value *value = model_value_member(map, key);

    return value && str_is_equal_z(value->raw, "true");
}

static int read_applied(struct comparison *c, struct error **err)
{
    const char *text = c->state->project.applied;

    if (!text)
        return error_set_plain(err, ENODATA, NULL,
                "nothing is known to have been applied to project \"%s\"", c->project);
    if (model_value_read(c->arena, text, &c->applied) < 0 ||
            member_int(&c->applied, "version") != 1)
        return error_set_plain(err, ENODATA, NULL,
                "what was applied to project \"%s\" was noted by another version of berth",
                c->project);
    return 0;
}

/* -------------------------------------------------------------- networks and volumes */

static void compare_networks(struct comparison *c)
{
    ARRAY_FOREACH(&section(c, "networks")->members, entry) {
        const char *name = member_text(c->arena, entry, "name");
        const char *hash = member_text(c->arena, entry, "hash");
        const struct observed_network *network = name ? observed_find_network(c->state, name)
                                                      : NULL;

        if (!name)
            continue;
        if (!network && hash && *hash) /* an external one is not ours */
            add(c, DRIFT_MISSING, "Network", name, NULL, "it is gone");
        else if (network && hash && *hash && network->config_hash &&
                 strcmp(hash, network->config_hash) != 0)
            add(c, DRIFT_MODEL, "Network", name, NULL, "it was made with another configuration");
    }
}

static void compare_volumes(struct comparison *c)
{
    ARRAY_FOREACH(&section(c, "volumes")->members, entry) {
        const char *name = member_text(c->arena, entry, "name");

        if (name && !observed_find_volume(c->state, name))
            add(c, DRIFT_MISSING, "Volume", name, NULL, "it is gone, and its data");
    }
}

/* ------------------------------------------------------------------------ containers */

static void compare_status(struct comparison *c, const struct observed_container *container,
        const struct model_value *service)
{
    const struct model_value *model = model_value_member(service, "model");
    const char *restart = model ? member_text(c->arena, model, "restart") : NULL;
    bool stays = restart &&
                 (strcmp(restart, "always") == 0 || strcmp(restart, "unless-stopped") == 0);

    if (!member_is_true(service, "run") || container->status == OBSERVED_RUNNING)
        return;
    /* A job that is done is as it was meant to be. */
    if (container->status == OBSERVED_EXITED && container->exit_code == 0 && !stays)
        return;
    struct drift *drift = add(c, DRIFT_STOPPED, "Container", container->name, container->service,
            container->status == OBSERVED_EXITED
                    ? arena_printf(c->arena, "it has exited (%d)", container->exit_code)
                    : arena_printf(c->arena, "it is %s", observed_status_name(container->status)));
    drift->applied = "running";
    drift->actual = observed_status_name(container->status);
}

static void compare_models(struct comparison *c, const struct observed_container *container,
        const struct model_value *service)
{
    const struct model_value *model = model_value_member(service, "model");
    struct service as_named = { .name = container->service };
    struct project project = { .name = c->project };
    struct plan scratch = { 0 };
    struct plan_reasons reasons = { 0 };

    if (!model || !container->model)
        return;
    const char *text = arena_strndup(c->arena, model->raw.data, model->raw.len);
    model_diff(&scratch, &project, &as_named, text, container->model, &reasons);
    ARRAY_FOREACH(&reasons, reason) {
        struct drift *drift = add(c, DRIFT_MODEL, "Container", container->name, container->service,
                arena_strdup(c->arena, reason->text));

        drift->applied = arena_strdup(c->arena, reason->old_value);
        drift->actual = arena_strdup(c->arena, reason->new_value);
    }
    arena_release(&scratch.arena);
}

static void compare_image(struct comparison *c, const struct observed_container *container,
        const struct model_value *service)
{
    const char *reference = member_text(c->arena, service, "image");
    const struct observed_image *image = reference ? observed_find_image(c->state, reference)
                                                   : NULL;

    if (!image || !container->image_id || string_is_equal(image->id, container->image_id))
        return;
    struct drift *drift = add(c, DRIFT_IMAGE, "Container", container->name, container->service,
            arena_printf(c->arena, "it runs %s, and \"%s\" is %s", container->image_id, reference,
                    image->id ? image->id : "gone"));
    drift->applied = image->id;
    drift->actual = container->image_id;
}

static void compare_limit(struct comparison *c, const struct observed_container *container,
        const char *what, int64_t applied, int64_t actual)
{
    if (applied == actual || (applied <= 0 && actual <= 0))
        return;
    const char *before = applied > 0 ? arena_printf(c->arena, "%lld", (long long)applied) : "none";
    const char *now = actual > 0 ? arena_printf(c->arena, "%lld", (long long)actual) : "none";
    struct drift *drift = add(c, DRIFT_LIMITS, "Container", container->name, container->service,
            arena_printf(c->arena, "its %s limit is %s, %s was applied", what, now, before));

    drift->applied = before;
    drift->actual = now;
}

static void compare_limits(struct comparison *c, const struct observed_container *container,
        const struct model_value *service)
{
    const struct model_value *limits = model_value_member(service, "limits");
    const struct observed_facts *facts = container->facts;

    if (!limits || !facts)
        return;
    compare_limit(c, container, "memory", member_int(limits, "memory"), facts->memory_bytes);
    compare_limit(
            c, container, "CPU (in billionths)", member_int(limits, "nano_cpus"), facts->nano_cpus);
    compare_limit(c, container, "process", member_int(limits, "pids"), facts->pids);
}

static bool is_on(const struct observed_container *container, const char *network)
{
    ARRAY_FOREACH(&container->networks, endpoint) {
        if (string_is_equal(endpoint->network_name, network))
            return true;
    }
    return false;
}

static void compare_endpoints(struct comparison *c, const struct observed_container *container,
        const struct model_value *service)
{
    const struct model_value *model = model_value_member(service, "model");
    const struct model_value *wanted = model ? model_value_member(model, "networks") : NULL;
    struct strmap names;

    if (!wanted || model_value_member(model, "network_mode"))
        return;
    strmap_init_arena(&names, c->arena);
    ARRAY_FOREACH(&wanted->members, entry) {
        const struct model_value *network = model_value_member(section(c, "networks"), entry->key);
        const char *name = network ? member_text(c->arena, network, "name") : NULL;

        if (!name)
            continue;
        strmap_set(&names, name, NULL);
        if (!is_on(container, name))
            add(c, DRIFT_NETWORK, "Container", container->name, container->service,
                    arena_printf(c->arena, "it is not connected to network \"%s\"", name))
                    ->applied = name;
    }
    ARRAY_FOREACH(&container->networks, endpoint) {
        if (!strmap_has(&names, endpoint->network_name))
            add(c, DRIFT_NETWORK, "Container", container->name, container->service,
                    arena_printf(
                            c->arena, "it is connected to network \"%s\"", endpoint->network_name))
                    ->actual = endpoint->network_name;
    }
}

static void compare_mounts(struct comparison *c, const struct observed_container *container,
        const struct model_value *service)
{
    const struct model_value *model = model_value_member(service, "model");
    const struct model_value *volumes = model ? model_value_member(model, "volumes") : NULL;
    const struct observed_facts *facts = container->facts;

    if (!volumes || !facts || !facts->runs)
        return;
    ARRAY_FOREACH(&volumes->members, volume) {
        const char *target = member_text(c->arena, volume, "target");
        bool mounted = !target;

        ARRAY_FOREACH(&facts->mount_points, point)
            mounted |= string_is_equal(*point, target);
        if (!mounted)
            add(c, DRIFT_MOUNT, "Container", container->name, container->service,
                    arena_printf(c->arena, "nothing is mounted at %s", target))
                    ->applied = target;
    }
}

static void compare_service(struct comparison *c, const struct model_value *service)
{
    int64_t count = member_int(service, "count"), found = 0;

    ARRAY_FOREACH(&c->state->containers, container) {
        if (container->oneoff || strcmp(container->service, service->key) != 0 ||
                !string_is_equal(container->project, c->project))
            continue;
        if (++found > count) {
            add(c, DRIFT_EXTRA, "Container", container->name, container->service,
                    arena_printf(c->arena, "%lld of services.%s were applied", (long long)count,
                            service->key));
            continue;
        }
        compare_status(c, container, service);
        compare_models(c, container, service);
        compare_image(c, container, service);
        compare_limits(c, container, service);
        compare_endpoints(c, container, service);
        compare_mounts(c, container, service);
    }
    if (found < count) {
        struct drift *drift = add(c, DRIFT_MISSING, "Service", service->key, service->key,
                arena_printf(c->arena, "%lld of its %lld containers %s gone",
                        (long long)(count - found), (long long)count,
                        count - found == 1 ? "is" : "are"));

        drift->applied = arena_printf(c->arena, "%lld", (long long)count);
        drift->actual = arena_printf(c->arena, "%lld", (long long)found);
    }
}

static void compare_others(struct comparison *c)
{
    ARRAY_FOREACH(&c->state->containers, container) {
        if (container->oneoff || !string_is_equal(container->project, c->project) ||
                model_value_member(section(c, "services"), container->service))
            continue;
        add(c, DRIFT_EXTRA, "Container", container->name, container->service,
                "its service was not applied");
    }
}

/* ------------------------------------------------------------------------------ all */

struct backend_query drift_query(
        struct arena *arena, const char *project, const struct observed_state *state)
{
    struct backend_query query = { .project = project };
    struct comparison c = { .arena = arena, .project = project, .state = state };
    const struct {
        const char *section, *member;
        struct strings *list;
    } lists[] = {
        { "networks", "name", &query.networks },
        { "volumes", "name", &query.volumes },
        { "services", "image", &query.images },
    };

    if (read_applied(&c, NULL) < 0)
        return query;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        ARRAY_FOREACH(&section(&c, lists[i].section)->members, entry) {
            const char *name = member_text(arena, entry, lists[i].member);

            if (!string_is_empty(name))
                *ARRAY_APPEND_ARENA(arena, lists[i].list) = arena_strdup(arena, name);
        }
    return query;
}

int drift_find(struct arena *arena, const char *project, const struct observed_state *state,
        struct drifts *ret, struct error **err)
{
    struct comparison c = { .arena = arena, .project = project, .state = state, .drifts = ret };
    int r = read_applied(&c, err);

    if (r < 0)
        return r;
    compare_networks(&c);
    compare_volumes(&c);
    ARRAY_FOREACH(&section(&c, "services")->members, service)
        compare_service(&c, service);
    compare_others(&c);
    return 0;
}

void drift_print_text(const struct drifts *drifts, struct strbuf *out)
{
    ARRAY_FOREACH(drifts, drift)
        strbuf_addf(out, "%-9s %s\n          %s\n", kind_names[drift->kind], drift->subject,
                drift->text);
    if (drifts->len == 0)
        strbuf_adds(out, "no drift\n");
    else
        strbuf_addf(out, "%zu %s\n", drifts->len, drifts->len == 1 ? "difference" : "differences");
}

static void print_member(struct strbuf *out, const char *name, const char *value)
{
    if (!value)
        return;
    strbuf_addf(out, ",\"%s\":", name);
    json_print_text(value, out);
}

void drift_print_json(const char *project, const struct drifts *drifts, struct strbuf *out)
{
    strbuf_adds(out, "{\"project\":");
    json_print_text(project, out);
    strbuf_adds(out, ",\"drift\":[");
    for (size_t i = 0; i < drifts->len; i++) {
        const struct drift *drift = &drifts->items[i];

        strbuf_addf(out, "%s{\"kind\":\"%s\"", i ? "," : "", kind_names[drift->kind]);
        print_member(out, "subject", drift->subject);
        print_member(out, "service", drift->service);
        print_member(out, "text", drift->text);
        print_member(out, "applied", drift->applied);
        print_member(out, "actual", drift->actual);
        strbuf_addc(out, '}');
    }
    strbuf_adds(out, "]}\n");
}
