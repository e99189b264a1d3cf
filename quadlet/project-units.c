#include "quadlet/project-units.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "base/timefmt.h"
#include "compose/document.h"
#include "compose/graph.h"
#include "compose/project.h"
#include "quadlet/emit.h"
#include "quadlet/project-limits.h"
#include "quadlet/project-names.h"
#include "quadlet/schedule.h"
#include "units/name.h"
#include "units/quote.h"

#define COMMAND_MAX 65536
/* What a stop needs on top of the container's own time: killing, and taking its network down. */
#define STOP_MARGIN_SEC 20
#define STOP_GRACE_DEFAULT_SEC 10
/* For a container that neither starts nor fails. Health checks and gates ask for more while there is hope. */
#define START_TIMEOUT_SEC 300
#define RESTART_DELAY_SEC 1

struct making {
    struct arena *arena;
    const struct project *project;
    const struct graph *graph;
    const struct project_units_options *options;
    struct project_units *units;
    struct diag *diag;
    bool failed;
};

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

static void add_dependencies(
        struct making *m, struct project_unit *unit, const struct graph_node *node)
{
    struct strmap seen;

    strmap_init_arena(&seen, m->arena);
    ARRAY_FOREACH(&node->needs, it) {
        const struct graph_edge *edge = *it;
        const char *names;

        if (edge->to->kind != GRAPH_SERVICE)
            continue;
        names = units_of_service(m, edge->to->service);
        if (names && !strmap_set(&seen, edge->to->name, m))
            add_order(unit, names);
        /* What lives in another container's namespaces cannot do without it. */
        bool shares = edge->via == GRAPH_NETWORK_OF || edge->via == GRAPH_IPC_OF ||
                      edge->via == GRAPH_PID_OF;
        if (names && (edge->restart || shares))
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
        if (mount->type == MOUNT_BIND && mount->source)
            add(unit, "Unit", "RequiresMountsFor",
                    quote_word(m->arena, quote_literal(m->arena, mount->source, false)));
    }
}

static bool is_built(const struct service *service)
{
    return service->build.given;
}

/* ---- How a container runs ---- */

static const struct node *schedule_of(const struct service *service)
{
    return node_get(service->model, "x-schedule");
}

static bool is_waited_for(const struct graph_node *node, enum service_condition condition)
{
    ARRAY_FOREACH(&node->needed_by, edge)
        if ((*edge)->via == GRAPH_DEPENDS_ON && (*edge)->condition == condition)
            return true;
    return false;
}

struct restart {
    const char *policy;   /* of systemd */
    int64_t max_attempts; /* 0: no limit */
    int64_t delay_sec;
    bool even_if_stopped; /* at boot, also when it was stopped by hand */
};

/* restart_policy of deploy counts before restart, as in Docker Compose. */
static struct restart restart_of(const struct service *service)
{
    const struct deploy_restart_policy *deploy = &service->deploy.restart_policy;
    struct restart restart = { .policy = "no", .delay_sec = RESTART_DELAY_SEC };
    const char *policy = service->restart ? service->restart : "no";

    if (deploy->given) {
        const char *condition = deploy->condition ? deploy->condition : "any";

        restart.policy = strcmp(condition, "none") == 0         ? "no"
                         : strcmp(condition, "on-failure") == 0 ? "on-failure"
                                                                : "always";
        restart.max_attempts = deploy->max_attempts.set ? deploy->max_attempts.value : 0;
        if (deploy->delay.set && deploy->delay.usec > 0)
            restart.delay_sec = (deploy->delay.usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
    } else if (string_has_prefix(policy, "on-failure")) {
        const char *colon = strchr(policy, ':');

        restart.policy = "on-failure";
        if (colon)
            (void)parse_int64(str_from(colon + 1), 0, UINT16_MAX, &restart.max_attempts);
    } else if (strcmp(policy, "no") != 0) {
        restart.policy = "always";
        restart.even_if_stopped = strcmp(policy, "always") == 0;
    }
    return restart;
}

static void add_restart(
        struct making *m, struct project_unit *unit, const struct service *service, bool is_job)
{
    struct restart restart = restart_of(service);

    /* A oneshot that has succeeded is what its dependents wait for. */
    if (is_job && strcmp(restart.policy, "always") == 0)
        restart.policy = "on-failure";
    add(unit, "Service", "Restart", restart.policy);
    if (strcmp(restart.policy, "no") == 0)
        return;
    add(unit, "Service", "RestartSec",
            arena_printf(m->arena, "%lld", (long long)restart.delay_sec));
    if (restart.max_attempts > 0) {
        add(unit, "Unit", "StartLimitIntervalSec", "infinity");
        add(unit, "Unit", "StartLimitBurst",
                arena_printf(m->arena, "%lld", (long long)restart.max_attempts + 1));
    } else {
        add(unit, "Unit", "StartLimitIntervalSec", "0"); /* as Docker: it never gives up */
    }
}

static void add_timeouts(
        struct making *m, struct project_unit *unit, const struct service *service, bool is_job)
{
    int64_t grace_sec = service->stop_grace_period.set
                                ? (service->stop_grace_period.usec + USEC_PER_SEC - 1) /
                                          USEC_PER_SEC
                                : STOP_GRACE_DEFAULT_SEC;

    add(unit, "Service", "TimeoutStartSec",
            is_job ? "infinity" : arena_printf(m->arena, "%d", START_TIMEOUT_SEC));
    add(unit, "Service", "TimeoutStopSec",
            arena_printf(m->arena, "%lld", (long long)grace_sec + STOP_MARGIN_SEC));
}

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
    bool is_scheduled = project_service_is_scheduled(service);
    bool is_job = is_scheduled || is_waited_for(node, SERVICE_COMPLETED_SUCCESSFULLY);

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
            is_job                                 ? "run"
            : is_waited_for(node, SERVICE_HEALTHY) ? "start-healthy"
                                                   : "start",
            "service", service->name, number);
    add_command(m, unit, "ExecStop", "stop", "service", service->name, number);
    add_restart(m, unit, service, is_job);
    add_timeouts(m, unit, service, is_job);
    project_add_limits(m->arena, service, &unit->unit);
}

static bool is_active(const struct making *m, const struct service *service)
{
    if (service->profiles.len == 0)
        return true;
    ARRAY_FOREACH(&service->profiles, profile)
        ARRAY_FOREACH(m->options->profiles, active)
            if (strcmp(*profile, *active) == 0 || strcmp(*active, "*") == 0)
                return true;
    return false;
}

static bool is_wanted(const struct making *m, const struct service *service)
{
    return !m->options->stopped || !strmap_has(m->options->stopped, service->name) ||
           restart_of(service).even_if_stopped;
}

/* ---- What the user adds ---- */

static void complain(struct making *m, const struct source *at, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static void complain(struct making *m, const struct source *at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    diag_add(m->diag, DIAG_ERROR, "x-systemd", at, "%s", arena_vprintf(m->arena, format, args));
    va_end(args);
    m->failed = true;
}

static void add_x_value(struct making *m, struct project_unit *unit, const char *section,
        const struct node_entry *entry, const struct node *value)
{
    const char *text = node_scalar_text(m->arena, value);

    if (!text || strchr(text, '\n'))
        complain(m, &value->at, "x-systemd: %s= is no text on one line, or a list of such",
                entry->key);
    else
        unitfile_add(&unit->unit, section, entry->key, text);
}

/* Lines as they are: specifiers in them are meant. */
static void add_x_systemd(struct making *m, struct project_unit *unit, const struct node *model)
{
    const struct node *extension = node_get(model, "x-systemd");

    if (extension && extension->kind != NODE_MAP)
        complain(m, &extension->at, "x-systemd: expected sections with their keys");
    for (uint32_t s = 0; extension && extension->kind == NODE_MAP && s < extension->len; s++) {
        const struct node_entry *section = &extension->entries[s];

        if (section->value->kind != NODE_MAP || !unit_name_is_valid(section->key)) {
            complain(m, &section->key_at, "x-systemd: %s: expected a section with its keys",
                    section->key);
            continue;
        }
        for (uint32_t k = 0; k < section->value->len; k++) {
            const struct node_entry *entry = &section->value->entries[k];

            if (!unit_name_is_valid(entry->key))
                complain(m, &entry->key_at, "x-systemd: \"%s\" is no key of a unit", entry->key);
            else if (entry->value->kind == NODE_LIST)
                for (uint32_t i = 0; i < entry->value->len; i++)
                    add_x_value(m, unit, section->key, entry, entry->value->items[i]);
            else
                add_x_value(m, unit, section->key, entry, entry->value);
        }
    }
}

/* A text, a list of them, or { calendar: …, persistent: …, randomized_delay: … }. */
static void read_schedule(struct making *m, struct project_unit *timer, const struct node *schedule)
{
    const struct node *when = schedule->kind == NODE_MAP ? node_get(schedule, "calendar")
                                                         : schedule;
    const struct node *persistent = node_get(schedule, "persistent");
    const char *delay = node_get_text(schedule, "randomized_delay");
    auto_error struct error *err = NULL;
    struct strings calendars = { 0 };

    if (when && when->kind == NODE_TEXT)
        (void)schedule_parse(m->arena, when->text, &calendars, &when->at, &err);
    for (uint32_t i = 0; when && when->kind == NODE_LIST && !err && i < when->len; i++)
        if (when->items[i]->kind == NODE_TEXT)
            (void)schedule_parse(
                    m->arena, when->items[i]->text, &calendars, &when->items[i]->at, &err);
    if (err)
        complain(m, &err->at, "%s", err->message);
    else if (calendars.len == 0)
        complain(m, &schedule->at,
                "x-schedule: expected a calendar expression or five fields of cron");
    ARRAY_FOREACH(&calendars, calendar)
        unitfile_add(&timer->unit, "Timer", "OnCalendar", *calendar);
    if (!persistent || persistent->kind != NODE_BOOL || persistent->boolean)
        unitfile_add(&timer->unit, "Timer", "Persistent", "yes");
    if (delay)
        unitfile_add(&timer->unit, "Timer", "RandomizedDelaySec", delay);
}

static void make_timer(struct making *m, const struct service *service, const char *wanted_by)
{
    const char *name = project_timer_name(m->arena, m->project, service);
    struct project_unit *timer = begin_unit(m, name,
            arena_printf(
                    m->arena, "Schedule of %s of project %s", service->name, m->project->name));

    timer->scheduled = service;
    unitfile_add(&timer->unit, "Unit", "PartOf", wanted_by);
    read_schedule(m, timer, schedule_of(service));
    if (is_wanted(m, service))
        *ARRAY_APPEND_ARENA(m->arena, &timer->links) = arena_printf(
                m->arena, "%s.wants/%s", wanted_by, name);
}

/* ---- A container ---- */

static void make_container(struct making *m, const struct graph_node *node, const char *wanted_by)
{
    const struct service *service = node->service;
    unsigned replicas = service_replicas(service);
    bool is_scheduled = project_service_is_scheduled(service);
    struct project_unit *unit = begin_unit(m,
            project_container_file_name(m->arena, m->project, service),
            arena_printf(m->arena, "%s of project %s", service->name, m->project->name));

    unit->service = service;
    add(unit, "Unit", "PartOf", wanted_by);
    if (!m->options->is_user)
        add_order(unit, "network-online.target");
    add_dependencies(m, unit, node);
    require_part(m, unit, service->name, is_built(service) ? "build" : "image");
    add_resources(m, unit, service);
    add_service_section(m, unit, node);
    add_x_systemd(m, unit, service->model);
    for (unsigned number = 1; !is_scheduled && is_wanted(m, service) && number <= replicas;
            number++)
        *ARRAY_APPEND_ARENA(m->arena, &unit->links) = arena_printf(m->arena, "%s.wants/%s",
                wanted_by, project_container_unit_name(m->arena, m->project, service, number));
    if (is_scheduled)
        make_timer(m, service, wanted_by);
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
        if (is_active(m, service))
            continue;
        ARRAY_FOREACH(&service->profiles, profile)
            if (!strmap_set(&seen, *profile, m))
                add(begin_unit(m, project_profile_target_name(m->arena, m->project, *profile),
                            arena_printf(m->arena, "Profile %s of Compose project %s", *profile,
                                    m->project->name)),
                        "Unit", "PartOf", project_target_name(m->arena, m->project));
    }
}

static const char *wanted_by(const struct making *m, const struct service *service)
{
    return is_active(m, service)
                   ? project_target_name(m->arena, m->project)
                   : project_profile_target_name(m->arena, m->project, service->profiles.items[0]);
}

static void make_target(struct making *m)
{
    const char *name = project_target_name(m->arena, m->project);
    struct project_unit *unit = begin_unit(
            m, name, arena_printf(m->arena, "Compose project %s", m->project->name));

    add_x_systemd(m, unit, m->project->model);
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
        make_container(&m, node, wanted_by(&m, node->service));
        make_image(&m, node->service);
    }
    make_resources(&m);
    make_profiles(&m);
    make_target(&m);
    *ret = units;
    return m.failed ? -EINVAL : 0;
}

bool project_service_is_scheduled(const struct service *service)
{
    return schedule_of(service) != NULL;
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
