#include "quadlet/project-units.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "compose/graph.h"
#include "compose/project.h"
#include "quadlet/emit.h"
#include "quadlet/project-limits.h"
#include "quadlet/project-lines.h"
#include "quadlet/project-names.h"
#include "units/name.h"
#include "units/quote.h"

#define COMMAND_MAX 65536

struct making {
    struct arena *arena;
    const struct project *project;
    const struct graph *graph;
    const struct project_units_options *options;
    struct project_units *units;
    struct diag *diag;
    bool failed;
};

static void note(struct making *m, int r)
{
    m->failed |= r < 0;
}

static void add(struct project_unit *unit, const char *section, const char *key, const char *value)
{
    unitfile_add(&unit->unit, section, key, value);
}

/* A value that means itself. */
static void add_text(struct making *m, struct project_unit *unit, const char *section,
        const char *key, const char *value)
{
    add(unit, section, key, quote_literal(m->arena, value, false));
}

static struct project_unit *begin_unit(struct making *m, const char *name, const char *description)
{
    struct project_unit *unit = ARRAY_APPEND_ARENA(m->arena, m->units);

    unit->name = name;
    unitfile_init(&unit->unit, m->arena);
    add_text(m, unit, "Unit", "Description", description);
    if (m->options->source_path)
        add_text(m, unit, "Unit", "SourcePath", m->options->source_path);
    return unit;
}

/* "berth internal unit VERB PROJECT KIND NAME [NUMBER]". Specifiers in `number` ("%i") are meant. */
static void add_command(struct making *m, struct project_unit *unit, const char *key,
        const char *verb, const char *kind, const char *name, const char *number)
{
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(COMMAND_MAX);
    const char *const words[] = { m->options->program, "internal", "unit", verb, m->project->name,
        kind, name };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (i)
            strbuf_addc(&line, ' ');
        quote_add_word(&line, quote_literal(m->arena, words[i], true), true);
    }
    if (number)
        strbuf_addf(&line, " %s", number);
    add(unit, "Service", key, arena_strndup(m->arena, line.data, line.len));
}

static void add_order(struct project_unit *unit, const char *other)
{
    add(unit, "Unit", "Wants", other);
    add(unit, "Unit", "After", other);
}

/* ---- Dependencies of a container ---- */

/* Not stopped by hand, or of those that start at each boot all the same. */
static bool is_wanted(const struct making *m, const struct service *service)
{
    return !m->options->stopped || !strmap_has(m->options->stopped, service->name) ||
           project_restarts_always(service);
}

/* One line for all containers of the other service. */
static const char *units_of_service(struct making *m, const struct service *service)
{
    const char *names = NULL;
    unsigned replicas = service_replicas(service);

    for (unsigned number = 1; number <= replicas; number++) {
        const char *name = project_container_unit_name(m->arena, m->project, service, number);

        names = names ? arena_printf(m->arena, "%s %s", names, name) : name;
    }
    return names;
}

/* What lives in another container's namespaces cannot do without it. */
static bool shares_namespaces(const struct graph_edge *edge)
{
    return edge->via == GRAPH_NETWORK_OF || edge->via == GRAPH_IPC_OF || edge->via == GRAPH_PID_OF;
}

static void add_dependencies(
        struct making *m, struct project_unit *unit, const struct graph_node *node)
{
    struct strmap ordered, wanted;

    strmap_init_arena(&ordered, m->arena);
    strmap_init_arena(&wanted, m->arena);
    ARRAY_FOREACH(&node->needs, it) {
        const struct graph_edge *edge = *it;
        bool shares = shares_namespaces(edge);
        const char *names;

        if (edge->to->kind != GRAPH_SERVICE)
            continue;
        names = units_of_service(m, edge->to->service);
        if (!names)
            continue;
        /* What was stopped by hand is not started because another service would like it. */
        if ((shares || is_wanted(m, edge->to->service)) && !strmap_set(&wanted, edge->to->name, m))
            add(unit, "Unit", "Wants", names);
        if (!strmap_set(&ordered, edge->to->name, m))
            add(unit, "Unit", "After", names);
        if (edge->restart || shares)
            add(unit, "Unit", "PartOf", names);
    }
}

static void require_part(
        struct making *m, struct project_unit *unit, const char *key, const char *kind)
{
    const char *name = project_part_unit_name(m->arena, m->project, key, kind);

    add(unit, "Unit", "Requires", name);
    add(unit, "Unit", "After", name);
}

/* Networks and volumes that are the project's own. */
static void add_resources(
        struct making *m, struct project_unit *unit, const struct service *service)
{
    ARRAY_FOREACH(&service->networks, use) {
        const struct project_network *network = project_find_network(m->project, use->network);

        if (network && network->external != OPTION_TRUE)
            require_part(m, unit, network->key, "network");
    }
    ARRAY_FOREACH(&service->volumes, mount) {
        const struct project_volume *volume = mount->type == MOUNT_VOLUME && mount->source
                                                      ? project_find_volume(
                                                                m->project, mount->source)
                                                      : NULL;
        if (volume && volume->external != OPTION_TRUE)
            require_part(m, unit, volume->key, "volume");
        if (mount->type == MOUNT_BIND && string_has_prefix(mount->source, "/"))
            add(unit, "Unit", "RequiresMountsFor",
                    quote_word(m->arena, quote_literal(m->arena, mount->source, false)));
    }
}

static bool is_built(const struct service *service)
{
    return service->build.given;
}

/* ---- How a container runs ---- */

static bool has_gate(const struct graph_node *node)
{
    ARRAY_FOREACH(&node->needs, edge)
        if ((*edge)->to->kind == GRAPH_SERVICE)
            return true;
    return false;
}

static void add_service_section(
        struct making *m, struct project_unit *unit, const struct graph_node *node)
{
    const struct service *service = node->service;
    const char *number = service_replicas(service) == 1 ? "1" : "%i";
    bool is_scheduled = project_service_is_scheduled(service), is_job = project_is_job(node);

    add(unit, "Service", "Type", is_job ? "oneshot" : "notify");
    if (is_job && !is_scheduled) /* a timer starts only what does not stay */
        add(unit, "Service", "RemainAfterExit", "yes");
    add(unit, "Service", "NotifyAccess", "all");
    add_text(m, unit, "Service", "SyslogIdentifier",
            arena_printf(m->arena, "%s-%s", m->project->name, service->name));
    add(unit, "Service", "Delegate", "yes");
    add(unit, "Service", "KillMode", "mixed");
    if (has_gate(node))
        add_command(m, unit, "ExecStartPre", "gate", "service", service->name, number);
    /* Ready with the first good health check only if somebody waits for that: others may start earlier. */
    add_command(m, unit, "ExecStart",
            is_job                                ? "run"
            : project_is_waited_for_healthy(node) ? "start-healthy"
                                                  : "start",
            "service", service->name, number);
    add_command(m, unit, "ExecStop", "stop", "service", service->name, number);
    project_add_restart(m->arena, service, is_job, &unit->unit);
    project_add_timeouts(m->arena, service, is_job, &unit->unit);
    project_add_limits(m->arena, service, &unit->unit);
}

/* Those that start the service: the project's, or those of its profiles when none of them is active. */
static struct strings targets_of(const struct making *m, const struct service *service)
{
    struct strings targets = { 0 };

    if (project_service_is_active(service, m->options->profiles))
        *ARRAY_APPEND_ARENA(m->arena, &targets) = (char *)project_target_name(m->arena, m->project);
    else
        ARRAY_FOREACH(&service->profiles, profile)
            *ARRAY_APPEND_ARENA(m->arena, &targets) = (char *)project_profile_target_name(
                    m->arena, m->project, *profile);
    return targets;
}

static void add_parts_of(struct project_unit *unit, const struct strings *targets)
{
    ARRAY_FOREACH(targets, target)
        add(unit, "Unit", "PartOf", *target);
}

static void add_links(struct making *m, struct project_unit *unit, const struct strings *targets,
        const char *name)
{
    ARRAY_FOREACH(targets, target)
        *ARRAY_APPEND_ARENA(m->arena, &unit->links) = arena_printf(
                m->arena, "%s.wants/%s", *target, name);
}

static void make_timer(
        struct making *m, const struct service *service, const struct strings *targets)
{
    const char *name = project_timer_name(m->arena, m->project, service);
    struct project_unit *timer = begin_unit(m, name,
            arena_printf(
                    m->arena, "Schedule of %s of project %s", service->name, m->project->name));

    timer->scheduled = service;
    add_parts_of(timer, targets);
    note(m, project_add_schedule(m->arena, project_schedule_of(service), &timer->unit, m->diag));
    if (is_wanted(m, service))
        add_links(m, timer, targets, name);
}

/* ---- A container ---- */

static void make_container(struct making *m, const struct graph_node *node)
{
    const struct service *service = node->service;
    const struct strings targets = targets_of(m, service);
    unsigned replicas = service_replicas(service);
    bool is_scheduled = project_service_is_scheduled(service);
    struct project_unit *unit = begin_unit(m,
            project_container_file_name(m->arena, m->project, service),
            arena_printf(m->arena, "%s of project %s", service->name, m->project->name));

    unit->service = service;
    add_parts_of(unit, &targets);
    if (!m->options->is_user)
        add_order(unit, "network-online.target");
    add_dependencies(m, unit, node);
    require_part(m, unit, service->name, is_built(service) ? "build" : "image");
    add_resources(m, unit, service);
    add_service_section(m, unit, node);
    note(m, project_add_x_systemd(m->arena, service->model, &unit->unit, m->diag));
    for (unsigned number = 1; !is_scheduled && is_wanted(m, service) && number <= replicas;
            number++)
        add_links(m, unit, &targets,
                project_container_unit_name(m->arena, m->project, service, number));
    if (is_scheduled)
        make_timer(m, service, &targets);
}

/* ---- What containers need ---- */

/* Done once, and kept in mind by systemd. Nothing is said about how long it may take. */
static struct project_unit *make_part(
        struct making *m, const char *key, const char *kind, const char *description)
{
    struct project_unit *unit = begin_unit(
            m, project_part_unit_name(m->arena, m->project, key, kind), description);

    add(unit, "Unit", "PartOf", project_target_name(m->arena, m->project));
    add(unit, "Service", "Type", "oneshot");
    add(unit, "Service", "RemainAfterExit", "yes");
    add_text(m, unit, "Service", "SyslogIdentifier",
            arena_printf(m->arena, "%s-%s", m->project->name, key));
    add(unit, "Service", "TimeoutStartSec", "infinity");
    add_command(m, unit, "ExecStart", "start", kind, key, NULL);
    return unit;
}

static void make_image(struct making *m, const struct service *service)
{
    bool built = is_built(service);
    struct project_unit *unit = make_part(m, service->name, built ? "build" : "image",
            arena_printf(m->arena, "Image of %s of project %s", service->name, m->project->name));

    if (!m->options->is_user)
        add_order(unit, "network-online.target");
    if (built && string_has_prefix(service->build.context, "/"))
        add(unit, "Unit", "RequiresMountsFor",
                quote_word(m->arena, quote_literal(m->arena, service->build.context, false)));
}

static void make_resources(struct making *m)
{
    ARRAY_FOREACH(&m->project->networks, network)
        if (network->used && network->external != OPTION_TRUE)
            (void)make_part(m, network->key, "network",
                    arena_printf(
                            m->arena, "Network %s of project %s", network->key, m->project->name));
    ARRAY_FOREACH(&m->project->volumes, volume)
        if (volume->used && volume->external != OPTION_TRUE)
            (void)make_part(m, volume->key, "volume",
                    arena_printf(
                            m->arena, "Volume %s of project %s", volume->key, m->project->name));
}

/* One target for each profile that is not active; starting it starts its services. */
static void make_profiles(struct making *m)
{
    struct strmap seen;

    strmap_init_arena(&seen, m->arena);
    ARRAY_FOREACH(&m->project->services, service) {
        if (project_service_is_active(service, m->options->profiles))
            continue;
        ARRAY_FOREACH(&service->profiles, profile)
            if (!strmap_set(&seen, *profile, m))
                add(begin_unit(m, project_profile_target_name(m->arena, m->project, *profile),
                            arena_printf(m->arena, "Profile %s of Compose project %s", *profile,
                                    m->project->name)),
                        "Unit", "PartOf", project_target_name(m->arena, m->project));
    }
}

static void make_target(struct making *m)
{
    const char *name = project_target_name(m->arena, m->project);
    struct project_unit *unit = begin_unit(
            m, name, arena_printf(m->arena, "Compose project %s", m->project->name));

    note(m, project_add_x_systemd(m->arena, m->project->model, &unit->unit, m->diag));
    *ARRAY_APPEND_ARENA(m->arena, &unit->links) = arena_printf(m->arena, "%s.wants/%s",
            m->options->is_user ? "default.target" : "multi-user.target", name);
}

int project_make_units(struct arena *arena, const struct project *project,
        const struct graph *graph, const struct project_units_options *options,
        struct project_units *ret, struct diag *diag)
{
    struct project_units units = { 0 };
    struct making m = { arena, project, graph, options, &units, diag, false };

    ARRAY_FOREACH(&graph->nodes, it) {
        const struct graph_node *node = *it;

        if (node->kind != GRAPH_SERVICE || service_replicas(node->service) == 0)
            continue;
        make_container(&m, node);
        make_image(&m, node->service);
    }
    make_resources(&m);
    make_profiles(&m);
    make_target(&m);
    *ret = units;
    return m.failed ? -EINVAL : 0;
}

int project_make_timers(struct arena *arena, const struct project *project,
        const struct project_units_options *options, struct project_units *ret, struct diag *diag)
{
    struct project_units units = { 0 };
    struct making m = { arena, project, NULL, options, &units, diag, false };
    struct strings nothing = { 0 }, timers = { 0 };

    *ARRAY_APPEND_ARENA(arena, &timers) = (char *)"timers.target";
    ARRAY_FOREACH(&project->services, service)
        if (project_service_is_scheduled(service) && service_replicas(service) > 0)
            make_timer(&m, service,
                    project_service_is_active(service, options->profiles) ? &timers : &nothing);
    *ret = units;
    return m.failed ? -EINVAL : 0;
}

bool project_service_is_scheduled(const struct service *service)
{
    return project_schedule_of(service) != NULL;
}

void project_make_placeholder(struct arena *arena, const char *name, const struct strings *errors,
        const struct project_units_options *options, struct project_units *ret)
{
    struct project_units units = { 0 };
    const struct project nameless = { .name = name };
    struct making m = { arena, &nameless, NULL, options, &units, NULL, false };
    const char *service = arena_printf(arena, "%s-error.service", unit_name_escape(arena, name));
    struct project_unit *unit = begin_unit(&m, service,
            arena_printf(arena, "Compose project %s cannot be used: %s", name,
                    errors->len ? errors->items[0] : "it has errors"));

    add(unit, "Service", "Type", "oneshot");
    add(unit, "Service", "ExecStart", quadlet_failing_command(arena, errors, COMMAND_MAX));
    make_target(&m);
    add(&units.items[units.len - 1], "Unit", "Requires", service);
    *ret = units;
}
