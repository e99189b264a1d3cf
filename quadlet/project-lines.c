#include "quadlet/project-lines.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "compose/document.h"
#include "compose/graph.h"
#include "compose/project.h"
#include "quadlet/schedule.h"
#include "units/name.h"
#include "units/unitfile.h"

/* What a stop needs on top of the container's own time: killing, and taking its network down. */
#define STOP_MARGIN_SEC 20
#define STOP_GRACE_DEFAULT_SEC 10
/* For a container that neither starts nor fails. Health checks and gates ask for more while there is hope. */
#define START_TIMEOUT_SEC 300
#define RESTART_DELAY_USEC USEC_PER_SEC

const struct node *project_schedule_of(const struct service *service)
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

bool project_is_job(const struct graph_node *node)
{
    return project_schedule_of(node->service) ||
           is_waited_for(node, SERVICE_COMPLETED_SUCCESSFULLY);
}

bool project_is_waited_for_healthy(const struct graph_node *node)
{
    return is_waited_for(node, SERVICE_HEALTHY);
}

bool project_service_is_active(const struct service *service, const struct strings *profiles)
{
    if (service->profiles.len == 0)
        return true;
    ARRAY_FOREACH(&service->profiles, profile)
        ARRAY_FOREACH(profiles, active)
            if (strcmp(*profile, *active) == 0 || strcmp(*active, "*") == 0)
                return true;
    return false;
}

/* ---- Restarts and timeouts ---- */

struct restart {
    const char *policy;   /* of systemd */
    int64_t max_attempts; /* 0: no limit */
    int64_t delay_usec;
    bool even_if_stopped; /* at boot, also when it was stopped by hand */
};

/* restart_policy of deploy counts before restart, as in Docker Compose. */
static struct restart restart_of(const struct service *service)
{
    const struct deploy_restart_policy *deploy = &service->deploy.restart_policy;
    struct restart restart = { .policy = "no", .delay_usec = RESTART_DELAY_USEC };
    const char *policy = service->restart ? service->restart : "no";

    if (deploy->given) {
        const char *condition = deploy->condition ? deploy->condition : "any";

        restart.policy = strcmp(condition, "none") == 0         ? "no"
                         : strcmp(condition, "on-failure") == 0 ? "on-failure"
                                                                : "always";
        restart.max_attempts = deploy->max_attempts.set ? deploy->max_attempts.value : 0;
        if (deploy->delay.set)
            restart.delay_usec = deploy->delay.usec;
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

bool project_restarts_always(const struct service *service)
{
    return restart_of(service).even_if_stopped;
}

static void add_number(struct arena *arena, struct unitfile *unit, const char *section,
        const char *key, int64_t value)
{
    unitfile_add(unit, section, key, arena_printf(arena, "%lld", (long long)value));
}

void project_add_restart(
        struct arena *arena, const struct service *service, bool is_job, struct unitfile *unit)
{
    struct restart restart = restart_of(service);

    /* A oneshot that has succeeded is what its dependents wait for. */
    if (is_job && strcmp(restart.policy, "always") == 0)
        restart.policy = "on-failure";
    unitfile_add(unit, "Service", "Restart", restart.policy);
    if (strcmp(restart.policy, "no") == 0)
        return;
    if (restart.delay_usec % USEC_PER_SEC == 0)
        add_number(arena, unit, "Service", "RestartSec", restart.delay_usec / USEC_PER_SEC);
    else
        unitfile_add(unit, "Service", "RestartSec",
                arena_printf(arena, "%lldus", (long long)restart.delay_usec));
    if (restart.max_attempts > 0) {
        unitfile_add(unit, "Unit", "StartLimitIntervalSec", "infinity");
        add_number(arena, unit, "Unit", "StartLimitBurst", restart.max_attempts + 1);
    } else {
        unitfile_add(unit, "Unit", "StartLimitIntervalSec", "0"); /* as Docker: it never gives up */
    }
}

void project_add_timeouts(
        struct arena *arena, const struct service *service, bool is_job, struct unitfile *unit)
{
    int64_t grace_sec = service->stop_grace_period.set
                                ? (service->stop_grace_period.usec + USEC_PER_SEC - 1) /
                                          USEC_PER_SEC
                                : STOP_GRACE_DEFAULT_SEC;

    if (is_job)
        unitfile_add(unit, "Service", "TimeoutStartSec", "infinity");
    else
        add_number(arena, unit, "Service", "TimeoutStartSec", START_TIMEOUT_SEC);
    add_number(arena, unit, "Service", "TimeoutStopSec", grace_sec + STOP_MARGIN_SEC);
}

/* ---- What the user adds ---- */

/* What is filled in, and whether all of it was of use. */
struct adding {
    struct arena *arena;
    struct unitfile *unit;
    struct diag *diag;
    bool failed;
};

static void complain(struct adding *a, const struct source *at, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static void complain(struct adding *a, const struct source *at, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    diag_add(a->diag, DIAG_ERROR, "x-systemd", at, "%s", arena_vprintf(a->arena, format, args));
    va_end(args);
    a->failed = true;
}

/* systemd would read the next line of the unit as part of this one. */
static bool ends_in_continuation(const char *text)
{
    size_t len = strlen(text), count = 0;

    while (count < len && text[len - 1 - count] == '\\')
        count++;
    return count % 2 != 0;
}

static void add_x_value(struct adding *a, const char *section, const struct node_entry *entry,
        const struct node *value)
{
    const char *text = node_scalar_text(a->arena, value);

    if (!text || strchr(text, '\n'))
        complain(a, &value->at, "x-systemd: %s= is no text on one line, or a list of such",
                entry->key);
    else if (ends_in_continuation(text))
        complain(a, &value->at,
                "x-systemd: %s= ends in a backslash, which would go on with the next line",
                entry->key);
    else
        unitfile_add(a->unit, section, entry->key, text);
}

static void add_x_section(struct adding *a, const struct node_entry *section)
{
    for (uint32_t k = 0; k < section->value->len; k++) {
        const struct node_entry *entry = &section->value->entries[k];

        if (!unit_name_is_valid(entry->key))
            complain(a, &entry->key_at, "x-systemd: \"%s\" is no key of a unit", entry->key);
        else if (entry->value->kind == NODE_LIST)
            for (uint32_t i = 0; i < entry->value->len; i++)
                add_x_value(a, section->key, entry, entry->value->items[i]);
        else
            add_x_value(a, section->key, entry, entry->value);
    }
}

int project_add_x_systemd(
        struct arena *arena, const struct node *model, struct unitfile *unit, struct diag *diag)
{
    const struct node *extension = node_get(model, "x-systemd");
    struct adding a = { arena, unit, diag, false };

    if (extension && extension->kind != NODE_MAP)
        complain(&a, &extension->at, "x-systemd: expected sections with their keys");
    for (uint32_t s = 0; extension && extension->kind == NODE_MAP && s < extension->len; s++) {
        const struct node_entry *section = &extension->entries[s];

        if (section->value->kind != NODE_MAP || !unit_name_is_valid(section->key))
            complain(&a, &section->key_at, "x-systemd: %s: expected a section with its keys",
                    section->key);
        else
            add_x_section(&a, section);
    }
    return a.failed ? -EINVAL : 0;
}

/* A text, a list of them, or { calendar: …, persistent: …, randomized_delay: … }. */
int project_add_schedule(
        struct arena *arena, const struct node *schedule, struct unitfile *timer, struct diag *diag)
{
    const struct node *when = schedule->kind == NODE_MAP ? node_get(schedule, "calendar")
                                                         : schedule;
    const struct node *persistent = node_get(schedule, "persistent");
    const char *delay = node_get_text(schedule, "randomized_delay");
    auto_error struct error *err = NULL;
    struct strings calendars = { 0 };
    struct adding a = { arena, timer, diag, false };

    if (when && when->kind == NODE_TEXT)
        (void)schedule_parse(arena, when->text, &calendars, &when->at, &err);
    for (uint32_t i = 0; when && when->kind == NODE_LIST && !err && i < when->len; i++)
        if (when->items[i]->kind == NODE_TEXT)
            (void)schedule_parse(
                    arena, when->items[i]->text, &calendars, &when->items[i]->at, &err);
    if (err)
        complain(&a, &err->at, "%s", err->message);
    else if (calendars.len == 0)
        complain(&a, &schedule->at,
                "x-schedule: expected a calendar expression or five fields of cron");
    ARRAY_FOREACH(&calendars, calendar)
        unitfile_add(timer, "Timer", "OnCalendar", *calendar);
    if (!persistent || persistent->kind != NODE_BOOL || persistent->boolean)
        unitfile_add(timer, "Timer", "Persistent", "yes");
    if (delay && (strchr(delay, '\n') || ends_in_continuation(delay)))
        complain(&a, &schedule->at, "x-schedule: randomized_delay is no text on one line");
    else if (delay)
        unitfile_add(timer, "Timer", "RandomizedDelaySec", delay);
    return a.failed ? -EINVAL : 0;
}
