/* compose status: an enabled project as systemd has it, whether its sources have changed since, and whose its
 * containers are. */
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/path.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/enabled.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/owner.h"
#include "cli/report.h"
#include "cli/table.h"
#include "compose/enabled.h"
#include "compose/project.h"
#include "engine/container/container.h"
#include "engine/engine.h"
#include "quadlet/project-names.h"
#include "quadlet/project-read.h"
#include "quadlet/project-units.h"
#include "units/bus/bus.h"

/* As `systemctl status` has it: something that is to be active is not. */
#define STATUS_NOT_ACTIVE 3

struct status_options {
    const char *format;
};
static const struct opt status_opts[] = { { .name = "format",
                                                  .type = &opt_string,
                                                  .arg = "FORMAT",
                                                  .offset = offsetof(struct status_options, format),
                                                  .values = values_json,
                                                  .help = "table, json or a Go template" },
    OPT_END };
static const struct list_column status_columns[] = {
    { "UNIT", "Unit" },
    { "STATE", "State" },
    { "SINCE", "Since" },
    { "NEXT", "Next" },
    { "CONTAINER", "Container" },
    { "OWNER", "Owner" },
    { "SERVICE", "Service" },
    { "LAST", "Last" },
    { "RESULT", "Result" },
    { "STATUS", "Status" },
    { NULL, NULL },
};

struct status {
    struct cli *cli;
    struct compose *compose; /* the project as it was enabled */
    struct enabled_sources changes;
    struct bus *bus;              /* NULL: systemd does not run */
    struct containers containers; /* all of the project */
    json_t *rows;
    bool is_down; /* something that the project wants is not active */
};

/* ------------------------------------------------------------------ one unit */

static const struct container *find_container(
        const struct status *status, const struct service *service, unsigned number)
{
    ARRAY_FOREACH(&status->containers, item)
        if (!(*item)->config.oneoff && (*item)->config.number == number &&
                string_is_equal((*item)->config.service, service->name))
            return *item;
    return NULL;
}

/* `container` may be NULL. */
static void add_row(struct status *status, const struct bus_unit *unit, const char *service,
        const struct container *container)
{
    struct arena *arena = &status->cli->arena;
    const struct owner owner = { .project = status->compose->project };
    const char *state = strcmp(unit->load_state, "not-found") == 0 ? "not loaded"
                        : *unit->sub_state ? arena_printf(arena, "%s (%s)", unit->active_state,
                                                     unit->sub_state)
                                           : unit->active_state;
    bool is_active = strcmp(unit->active_state, "active") == 0;

    json_array_append_new(status->rows,
            json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "Unit", unit->name,
                    "State", state, "LoadState", unit->load_state, "ActiveState",
                    unit->active_state, "SubState", unit->sub_state, "Service",
                    service ? service : "", "Result", unit->result ? unit->result : "", "Status",
                    unit->status_text ? unit->status_text : "", "Since",
                    is_active ? format_local_time(arena, unit->active_enter_usec) : "", "Next",
                    format_local_time(arena, unit->next_usec), "Last",
                    format_local_time(arena, unit->last_usec), "Container",
                    container ? container->name : "", "Owner",
                    container ? owner_name(arena, &owner, container) : ""));
}

/* 1 when it is active, 0 when it is not or that cannot be told. */
static int add_unit(struct status *status, const char *name, const struct service *service,
        unsigned number, struct error **err)
{
    struct bus_unit unit = {
        .name = name, .load_state = "", .active_state = "unknown", .sub_state = ""
    };
    int r = status->bus ? bus_get_unit(status->bus, &status->cli->arena, name, &unit, err) : 0;

    if (r < 0)
        return r;
    add_row(status, &unit, service ? service->name : NULL,
            number > 0 ? find_container(status, service, number) : NULL);
    return strcmp(unit.active_state, "active") == 0;
}

/* ------------------------------------------------------------------ all of them */

static bool has_link_to(const struct project_unit *unit, const char *name)
{
    ARRAY_FOREACH(&unit->links, link)
        if (strcmp(path_last(*link), name) == 0)
            return true;
    return false;
}

/* A container's unit, or each instance of its template. */
static int add_instances(struct status *status, const struct project_unit *unit, struct error **err)
{
    const struct project *project = status->compose->project;

    for (unsigned number = 1; number <= service_replicas(unit->service); number++) {
        const char *name = project_container_unit_name(
                &status->cli->arena, project, unit->service, number);
        int r = add_unit(status, name, unit->service, number, err);

        if (r < 0)
            return r;
        status->is_down |= r == 0 && has_link_to(unit, name);
    }
    return 0;
}

/* What containers need is shown when it is not as it should be; it is all in the JSON. */
static int add_units(struct status *status, const struct project_units *units, struct error **err)
{
    ARRAY_FOREACH(units, unit) {
        int r = unit->service ? add_instances(status, unit, err)
                              : add_unit(status, unit->name, unit->scheduled, 0, err);

        if (r < 0)
            return r;
        if (!unit->service)
            status->is_down |= r == 0 && unit->links.len > 0;
    }
    return 0;
}

/* Containers that are the project's and that no unit of it starts. */
static void add_strays(struct status *status)
{
    ARRAY_FOREACH(&status->containers, item) {
        const struct container_config *config = &(*item)->config;
        const struct service *service = config->service
                                                ? project_find_service(
                                                          status->compose->project, config->service)
                                                : NULL;
        const struct bus_unit none = { .name = "-",
            .load_state = "",
            .active_state = container_status_names[(*item)->state.status],
            .sub_state = "" };

        if (!config->oneoff && (!service || config->number > service_replicas(service)))
            add_row(status, &none, config->service, *item);
    }
}

/* ------------------------------------------------------------------ the command */

static json_t *sources_json(const struct enabled *enabled, const struct enabled_sources *changes)
{
    json_t *list = json_array();

    ARRAY_FOREACH(&enabled->sources, source) {
        const char *state = "unchanged";

        ARRAY_FOREACH(changes, change)
            if (strcmp(change->path, source->path) == 0)
                state = change->digest ? "changed" : "gone";
        json_array_append_new(list, json_pack("{s:s,s:s,s:s?}", "Path", source->path, "State",
                                            state, "Digest", source->digest));
    }
    return list;
}

static int print(struct status *status, const struct status_options *o,
        const struct enabled *enabled, struct error **err)
{
    struct cli *cli = status->cli;
    const char *target = project_target_name(&cli->arena, enabled->project);

    if (string_is_equal(o->format, "json")) {
        auto_json json_t *all = json_pack("{s:s,s:s,s:s,s:s,s:b,s:o,s:O}", "Name",
                enabled->project->name, "Target", target, "File", enabled->path, "Directory",
                enabled->directory, "Systemd", status->bus != NULL, "Sources",
                sources_json(enabled, &status->changes), "Units", status->rows);

        cli_print_json(cli, all, false);
        return 0;
    }
    struct list_format format = { .format = o->format,
        .columns = status_columns,
        .default_columns = 6,
        .min_width = TABLE_MIN_WIDTH };
    if (!o->format || strcmp(o->format, "table") == 0)
        cli_print(cli, "%s: %s, enabled for %s\n", target, enabled->path, enabled->directory);
    return list_print(cli, &format, status->rows, err);
}

static void drop_quiet_rows(json_t *rows)
{
    for (size_t i = json_array_size(rows); i-- > 0;) {
        const json_t *row = json_array_get(rows, i);
        const char *unit = jsonx_string(row, "Unit"), *state = jsonx_string(row, "ActiveState");
        bool is_part = string_is_empty(jsonx_string(row, "Service")) &&
                       string_has_suffix(unit, ".service");

        if (is_part && strcmp(state, "failed") != 0)
            json_array_remove(rows, i);
    }
}

/* The units of the file, in the order in which they are made. */
static int read_units(struct status *status, const char *path, struct project_units *ret)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    const struct project_units_options options = {
        .program = cli_engine_options(status->cli)->program,
        .is_user = enabled_bus_scope() == BUS_USER,
    };
    int r = project_read_units(&status->cli->arena, path, &options, ret, &diag);

    report_diag(status->cli, &diag);
    return r;
}

static int show(struct status *status, const struct status_options *o, const char *path,
        const struct enabled *enabled)
{
    struct cli *cli = status->cli;
    auto_error struct error *err = NULL;
    auto_(bus_close_p) struct bus *bus = NULL;
    auto_json json_t *rows = json_array();
    struct project_units units = { 0 };
    struct container_filter filter = { .all = true, .project = enabled->project->name };
    struct engine *engine = geteuid() == 0 ? cli_engine(cli, &err) : NULL;

    if (err ||
            (engine && container_list(engine, &cli->arena, &filter, &status->containers, &err) < 0))
        return report_error(cli, err);
    if (enabled_systemd_runs() && bus_open(enabled_bus_scope(), &bus, &err) < 0)
        return report_error(cli, err);
    status->bus = bus;
    status->rows = rows;
    (void)read_units(status, path, &units);
    if (add_units(status, &units, &err) < 0)
        return report_error(cli, err);
    add_strays(status);
    if (!string_is_equal(o->format, "json"))
        drop_quiet_rows(rows);
    if (print(status, o, enabled, &err) < 0)
        return report_error(cli, err);
    if (!bus)
        report_note(cli, "systemd does not run here: how its units are cannot be told");
    return status->is_down ? STATUS_NOT_ACTIVE : 0;
}

static int run_status(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct status_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL, *enabled_compose = NULL;
    struct enabled *enabled = NULL;
    int status = cli_check_arguments(cli, &command_compose_status, argc, 0, 0);

    (void)argv;
    cli->json_errors |= string_is_equal(o->format, "json");
    if (status == 0)
        status = compose_open_name(cli, &compose);
    if (status)
        return status;
    int r = enabled_of_compose(compose, &enabled);
    if (r == 0)
        return report_failure(cli, "project \"%s\" is not enabled", compose->name);
    status = compose_open_enabled(cli, compose->name, &enabled_compose);
    if (status)
        return status;
    struct status all = { .cli = cli, .compose = enabled_compose };
    enabled_find_changes(&compose->arena, enabled, enabled_digest_file, &all.changes);
    enabled_tell_changes(compose);
    return show(&all, o, enabled_path(cli, compose->name), enabled);
}

const struct command command_compose_status = {
    .name = "status",
    .usage = "[OPTIONS]",
    .summary = "Show an enabled project as systemd has it",
    .details =
            "Lists the project's units with their states, when schedules run next, and who starts and stops each "
            "container; says which of the compose files have changed since `enable`. The exit status is 3 when "
            "something that is to be active is not, or when no systemd runs that could say so.",
    .opts = status_opts,
    .options_bytes = sizeof(struct status_options),
    .run = run_status,
};
