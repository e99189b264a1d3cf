/* compose ps, ls, port, top, volumes, wait: looking at what a project has. */
#include <errno.h>
#include <stdio.h>
#include <regex.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/enabled.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/objects.h"
#include "cli/owner.h"
#include "cli/report.h"
#include "cli/table.h"
#include "compose/project.h"
#include "engine/container/container.h"
#include "engine/volume/volume.h"
#include "quadlet/project-units.h"

/* ------------------------------------------------------------------ ps */

struct ps_options {
    const char *format;
    struct strings filters, statuses;
    bool all, no_trunc, orphans, quiet, services;
};
static const struct ps_options ps_defaults = { .orphans = true };

#define AT(member) .offset = offsetof(struct ps_options, member)
static const struct opt ps_opts[] = { { .name = "all",
                                              .letter = 'a',
                                              .type = &opt_flag,
                                              AT(all),
                                              .help = "Also stopped and one-off containers" },
    { .name = "filter",
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(filters),
            .help = "Only containers that match: status" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .help = "table, json or a Go template" },
    { .name = "no-trunc", .type = &opt_flag, AT(no_trunc), .help = "Do not shorten columns" },
    { .name = "orphans",
            .type = &opt_flag,
            AT(orphans),
            .help = "Include services that the files no longer have (default true)" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "Only ids" },
    { .name = "services", .type = &opt_flag, AT(services), .help = "Only service names" },
    { .name = "status",
            .type = &opt_list,
            .arg = "STATUS",
            AT(statuses),
            .help = "Only these states: created, running, paused, restarting, exited, dead …" },
    OPT_END };
#undef AT

static const struct list_column ps_columns[] = {
    { "NAME", "Name" },
    { "IMAGE", "Image" },
    { "COMMAND", "Command" },
    { "SERVICE", "Service" },
    { "CREATED", "RunningFor" },
    { "STATUS", "Status" },
    { "PORTS", "Ports" },
    { "OWNER", "Owner" }, /* the eighth, of enabled projects */
    { "CONTAINER ID", "ID" },
    { "PROJECT", "Project" },
    { "STATE", "State" },
    { "HEALTH", "Health" },
    { "EXIT CODE", "ExitCode" },
    { "CREATED AT", "CreatedAt" },
    { "LABELS", "Labels" },
    { "MOUNTS", "Mounts" },
    { "NETWORKS", "Networks" },
    { NULL, NULL },
};

static int read_statuses(struct compose *compose, const struct ps_options *o, struct strings *ret)
{
    for (size_t i = 0; i < o->filters.len; i++) {
        if (!string_has_prefix(o->filters.items[i], "status="))
            return report_failure(compose->cli, "unknown filter \"%s\": only status is there",
                    o->filters.items[i]);
        *ARRAY_APPEND_ARENA(&compose->arena, ret) = o->filters.items[i] + strlen("status=");
    }
    for (size_t i = 0; i < o->statuses.len; i++)
        *ARRAY_APPEND_ARENA(&compose->arena, ret) = o->statuses.items[i];
    for (size_t i = 0; i < ret->len; i++)
        if (parse_name(str_from(ret->items[i]), container_status_names, CONTAINER_STATUS_MAX_) < 0)
            return report_failure(compose->cli, "unknown status \"%s\"", ret->items[i]);
    return 0;
}

static bool is_published(const struct container *container, int64_t port, const char *protocol)
{
    for (size_t i = 0; i < container->bindings.len; i++)
        if (container->bindings.items[i].container_port == port &&
                string_is_equal(container->bindings.items[i].protocol, protocol))
            return true;
    return false;
}

/* With those that are only exposed, as those of no host's port. */
static json_t *publishers(const struct container *container)
{
    json_t *list = json_array();

    for (size_t i = 0; i < container->bindings.len; i++) {
        const struct container_binding *b = &container->bindings.items[i];

        json_array_append_new(
                list, json_pack("{s:s,s:i,s:i,s:s}", "URL",
                              string_is_empty(b->host_ip) ? "0.0.0.0" : b->host_ip, "TargetPort",
                              (int)b->container_port, "PublishedPort", (int)b->host_port,
                              "Protocol", b->protocol ? b->protocol : "tcp"));
    }
    for (char **port = container->config.exposed_ports; port && *port; port++) {
        const char *slash = strchr(*port, '/'), *protocol = slash ? slash + 1 : "tcp";
        int64_t number;

        if (parse_int64((struct str){ .data = *port,
                                .len = slash ? (size_t)(slash - *port) : strlen(*port) },
                    1, 65535, &number) >= 0 &&
                !is_published(container, number, protocol))
            json_array_append_new(
                    list, json_pack("{s:s,s:I,s:i,s:s}", "URL", "", "TargetPort",
                                  (json_int_t)number, "PublishedPort", 0, "Protocol", protocol));
    }
    return list;
}

/* The service that it is one of, if that is started by a timer. */
static const struct service *scheduled_service(
        const struct compose *compose, const struct container *container)
{
    const struct service *service = compose->owner ? owner_service_of(compose->owner, container)
                                                   : NULL;

    return service && project_service_is_scheduled(service) ? service : NULL;
}

static json_t *compose_row(struct compose *compose, const struct container *container,
        const struct ps_options *o, int64_t now)
{
    bool details = !list_is_default(o->format);
    json_t *row = container_row(&compose->arena, container, o->no_trunc, details, now);

    json_object_del(row, "Platform");
    json_object_set_new(row, "Name", json_string(container->name));
    json_object_set_new(row, "Service",
            json_string(container->config.service ? container->config.service : ""));
    if (details) {
        json_object_set_new(row, "Project", json_string(compose->name));
        json_object_set_new(
                row, "Health", json_string(container->state.health ? container->state.health : ""));
        json_object_set_new(row, "ExitCode", json_integer(container->state.exit_code));
        json_object_set_new(row, "Publishers", publishers(container));
    }
    json_object_set_new(
            row, "Owner", json_string(owner_name(&compose->arena, compose->owner, container)));
    const struct service *service = scheduled_service(compose, container);
    const char *next = format_local_time(
            &compose->arena, service ? owner_next_run_usec(compose, service) : 0);
    if (*next)
        json_object_set_new(
                row, "Status", json_sprintf("%s, next %s", jsonx_string(row, "Status"), next));
    return row;
}

static bool is_shown(const struct compose *compose, const struct ps_options *o,
        const struct strings *statuses, const struct container *container)
{
    if (!o->orphans && compose->project && container->config.service &&
            !project_find_service(compose->project, container->config.service))
        return false;
    if (statuses->len == 0)
        return o->all || container_is_running(container) ||
               scheduled_service(compose, container) != NULL;
    for (size_t i = 0; i < statuses->len; i++)
        if (strcmp(statuses->items[i], container_status_names[container->state.status]) == 0)
            return true;
    return false;
}

static int run_ps(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct ps_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_json json_t *rows = json_array();
    auto_error struct error *err = NULL;
    struct compose_containers containers;
    struct strings statuses = { 0 };
    struct strmap services; /* that were printed */
    int64_t now = time_realtime_nsec();
    int status = compose_open(cli, COMPOSE_NEED_NAME, argc, argv, &compose);

    if (status == 0)
        status = read_statuses(compose, o, &statuses);
    if (status == 0)
        status = compose_observe(compose);
    if (status == 0)
        status = compose_containers(compose, argc, argv, o->all, &containers);
    if (status)
        return status;
    compose_sort_by_name(&containers);
    strmap_init_arena(&services, &compose->arena);
    ARRAY_FOREACH(&containers, item) {
        const struct container *container = (*item)->origin;

        if (!container || !is_shown(compose, o, &statuses, container))
            continue;
        if (o->quiet) {
            cli_print(cli, "%s\n", container->id);
        } else if (o->services) {
            if (!strmap_set(&services, container->config.service, &services))
                cli_print(cli, "%s\n", container->config.service);
        } else {
            json_array_append_new(rows, compose_row(compose, container, o, now));
        }
    }
    if (o->services || o->quiet)
        return 0;
    struct list_format format = { .format = o->format,
        .columns = ps_columns,
        .default_columns = 7 + (access(enabled_path(cli, compose->name), F_OK) == 0),
        .min_width = TABLE_MIN_WIDTH };
    return list_print(cli, &format, rows, &err) < 0 ? report_error(cli, err) : 0;
}

const struct command command_compose_ps = {
    .name = "ps",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "List containers",
    .opts = ps_opts,
    .options_bytes = sizeof(struct ps_options),
    .defaults = &ps_defaults,
    .run = run_ps,
};

/* ------------------------------------------------------------------ ls */

struct ls_options {
    const char *format;
    struct strings filters;
    bool all, quiet;
};
#define AT(member) .offset = offsetof(struct ls_options, member)
static const struct opt ls_opts[] = {
    { .name = "all", .letter = 'a', .type = &opt_flag, AT(all), .help = "Also stopped projects" },
    { .name = "filter",
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(filters),
            .help = "Only projects that match: name" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .help = "table, json or a Go template" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "Only names" }, OPT_END
};
#undef AT
static const struct list_column ls_columns[] = {
    { "NAME", "Name" },
    { "STATUS", "Status" },
    { "CONFIG FILES", "ConfigFiles" },
    { NULL, NULL },
};

struct project_row {
    const char *files;
    unsigned counts[CONTAINER_STATUS_MAX_];
};

static const char *status_text(struct arena *arena, const struct project_row *row)
{
    /* "exited(1), running(2)": by name, as Compose has it. */
    static const enum container_status order[] = { CONTAINER_CREATED, CONTAINER_DEAD,
        CONTAINER_EXITED, CONTAINER_PAUSED, CONTAINER_REMOVING, CONTAINER_RESTARTING,
        CONTAINER_RUNNING };
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(1024);

    for (size_t i = 0; i < ARRAY_LEN(order); i++)
        if (row->counts[order[i]])
            strbuf_addf(&text, "%s%s(%u)", text.len ? ", " : "", container_status_names[order[i]],
                    row->counts[order[i]]);
    return arena_strdup(arena, text.data);
}

/* A regular expression, as Docker has it; what is none is a part of the name. */
static bool matches(const char *pattern, const char *name)
{
    regex_t regex;

    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0)
        return strstr(name, pattern) != NULL;
    bool found = regexec(&regex, name, 0, NULL, 0) == 0;
    regfree(&regex);
    return found;
}

static int run_ls(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct ls_options *o = data;
    auto_error struct error *err = NULL;
    auto_json json_t *rows = json_array();
    struct container_filter filter = { .all = true };
    struct containers containers = { 0 };
    struct strmap projects;
    int status = cli_check_arguments(cli, &command_compose_ls, argc, 0, 0);

    (void)argv;
    for (size_t i = 0; i < o->filters.len && status == 0; i++)
        if (!string_has_prefix(o->filters.items[i], "name="))
            status = report_failure(
                    cli, "unknown filter \"%s\": only name is there", o->filters.items[i]);
    if (status)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || container_list(engine, &cli->arena, &filter, &containers, &err) < 0)
        return report_error(cli, err);
    strmap_init_arena(&projects, &cli->arena);
    for (size_t i = 0; i < containers.len; i++) {
        const struct container *container = containers.items[i];
        const char *name = container->config.project;
        struct project_row *row;

        if (string_is_empty(name))
            continue;
        row = strmap_get(&projects, name);
        if (!row) {
            row = ARENA_NEW(&cli->arena, struct project_row);
            row->files = container_pairs_get(&container->config.labels, LABEL_CONFIG_FILES);
            strmap_set(&projects, name, row);
        }
        if (o->all || container_is_running(container))
            row->counts[container->state.status]++;
    }
    strmap_sort(&projects);
    STRMAP_FOREACH(&projects, entry) {
        const struct project_row *row = entry->value;
        bool shown = *status_text(&cli->arena, row);

        for (size_t i = 0; i < o->filters.len; i++)
            shown &= matches(o->filters.items[i] + strlen("name="), entry->key);
        if (!shown)
            continue;
        if (o->quiet)
            cli_print(cli, "%s\n", entry->key);
        json_array_append_new(rows, json_pack("{s:s,s:s,s:s}", "Name", entry->key, "Status",
                                            status_text(&cli->arena, row), "ConfigFiles",
                                            row->files ? row->files : "N/A"));
    }
    if (o->quiet)
        return 0;
    struct list_format format = { .format = o->format,
        .columns = ls_columns,
        .default_columns = 3,
        .min_width = TABLE_COMPOSE_MIN_WIDTH,
        .json_array = true };
    return list_print(cli, &format, rows, &err) < 0 ? report_error(cli, err) : 0;
}

const struct command command_compose_ls = {
    .name = "ls",
    .usage = "[OPTIONS]",
    .summary = "List projects",
    .opts = ls_opts,
    .options_bytes = sizeof(struct ls_options),
    .run = run_ls,
};

/* ------------------------------------------------------------------ port */

struct port_options {
    int64_t index;
    const char *protocol;
};
static const struct port_options port_defaults = { .protocol = "tcp" };
static const struct opt port_opts[] = { { .name = "index",
                                                .type = &opt_int,
                                                .arg = "N",
                                                .offset = offsetof(struct port_options, index),
                                                .help = "Which container of the service, from 1" },
    { .name = "protocol",
            .type = &opt_string,
            .arg = "PROTOCOL",
            .offset = offsetof(struct port_options, protocol),
            .help = "tcp (default) or udp" },
    OPT_END };

static bool exposes(
        struct arena *arena, const struct container *container, uint32_t port, const char *protocol)
{
    const char *wanted = arena_printf(arena, "%u/%s", port, protocol);

    for (char **exposed = container->config.exposed_ports; exposed && *exposed; exposed++)
        if (string_is_equal(*exposed, wanted))
            return true;
    return false;
}

static int run_port(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct port_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_error struct error *err = NULL;
    const struct observed_container *found;
    struct container *container;
    uint32_t port;
    int status = cli_check_arguments(cli, &command_compose_port, argc, 2, 2);

    if (status == 0 && (parse_uint32(str_from(argv[1]), 65535, &port) < 0 || port == 0))
        status = report_failure(cli, "invalid port \"%s\"", argv[1]);
    if (status == 0)
        status = compose_open(cli, COMPOSE_NEED_NAME, 1, argv, &compose);
    if (status == 0)
        status = compose_observe(compose);
    if (status == 0)
        status = compose_container(compose, argv[0], o->index, &found);
    if (status)
        return status;
    if (container_get(cli->engine, &compose->arena, found->id, &container, &err) < 0)
        return report_error(cli, err);
    for (size_t i = 0; i < container->bindings.len; i++) {
        const struct container_binding *b = &container->bindings.items[i];
        const char *ip = string_is_empty(b->host_ip) ? "0.0.0.0" : b->host_ip;

        if (b->container_port != port || !string_is_equal(b->protocol, o->protocol))
            continue;
        cli_print(cli, strchr(ip, ':') ? "[%s]:" : "%s:", ip);
        if (b->host_port) /* none in a routed network */
            cli_print(cli, "%u", b->host_port);
        cli_print(cli, "\n");
        return 0;
    }
    if (exposes(&compose->arena, container, port,
                o->protocol)) { /* has no address, as Docker says it */
        cli_print(cli, ":0\n");
        return 0;
    }
    return report_failure(
            cli, "no port %u/%s for container %s", port, o->protocol, container->name);
}

const struct command command_compose_port = {
    .name = "port",
    .usage = "[OPTIONS] SERVICE PRIVATE_PORT",
    .summary = "Print the host address of a published port",
    .opts = port_opts,
    .options_bytes = sizeof(struct port_options),
    .defaults = &port_defaults,
    .run = run_port,
};

/* ------------------------------------------------------------------ top */

/* The first brings the titles. */
static void add_processes(struct table *table, const struct observed_container *container,
        const struct container_processes *processes)
{
    char number[16];

    if (table->len == 0) {
        table_row(table);
        table_cell(table, "SERVICE");
        table_cell(table, "#");
        for (size_t i = 0; i < processes->title_count; i++)
            table_cell(table, processes->titles[i]);
    }
    snprintf(number, sizeof(number), "%u", container->number);
    for (size_t i = 0; i < processes->row_count; i++) {
        table_row(table);
        table_cell(table, container->service);
        table_cell(table, number);
        for (char **cell = processes->rows[i]; *cell; cell++)
            table_cell(table, *cell);
    }
}

static int run_top(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    struct compose_containers containers;
    int status = compose_open(cli, COMPOSE_NEED_NAME, argc, argv, &compose);

    (void)data;
    if (status == 0)
        status = compose_observe(compose);
    if (status == 0)
        status = compose_containers(compose, argc, argv, false, &containers);
    if (status)
        return status;
    auto_(table_release) struct table table = TABLE_INIT(TABLE_MIN_WIDTH);
    ARRAY_FOREACH(&containers, item) {
        auto_error struct error *err = NULL;
        struct container_processes processes = { 0 };

        if (!observed_container_is_active(*item))
            continue;
        if (container_top(cli->engine, &compose->arena, (*item)->id, NULL, &processes, &err) < 0)
            status = report_error(cli, err);
        else
            add_processes(&table, *item, &processes);
    }
    table_print(cli, &table);
    return status;
}

const struct command command_compose_top = {
    .name = "top",
    .usage = "[SERVICE...]",
    .summary = "Show the processes of the containers",
    .run = run_top,
};

/* ------------------------------------------------------------------ volumes */

struct volumes_options {
    const char *format;
    bool quiet;
};
static const struct opt volumes_opts[] = { { .name = "format",
                                                   .type = &opt_string,
                                                   .arg = "FORMAT",
                                                   .offset = offsetof(
                                                           struct volumes_options, format),
                                                   .help = "table, json or a Go template" },
    { .name = "quiet",
            .letter = 'q',
            .type = &opt_flag,
            .offset = offsetof(struct volumes_options, quiet),
            .help = "Only names" },
    OPT_END };
static const struct list_column volumes_columns[] = {
    { "DRIVER", "Driver" },
    { "VOLUME NAME", "Name" },
    { "SCOPE", "Scope" },
    { "MOUNTPOINT", "Mountpoint" },
    { NULL, NULL },
};

/* True when one of the named services' containers mounts the volume. */
static bool is_mounted_by(const struct compose_containers *containers, const char *volume)
{
    ARRAY_FOREACH(containers, item)
        ARRAY_FOREACH(&(*item)->mounts, mount)
            if (string_is_equal(mount->volume, volume))
                return true;
    return false;
}

static int run_volumes(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct volumes_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_json json_t *rows = json_array();
    auto_error struct error *err = NULL;
    struct compose_containers containers;
    int status = compose_open(cli, COMPOSE_NEED_NAME, argc, argv, &compose);

    if (status == 0)
        status = compose_observe(compose);
    if (status == 0)
        status = compose_containers(compose, argc, argv, true, &containers);
    if (status)
        return status;
    for (size_t i = 0; i < compose->state.volumes.len; i++) {
        const struct observed_volume *observed = &compose->state.volumes.items[i];
        struct volume *volume = NULL;

        if (!string_is_equal(observed->project, compose->name) ||
                (argc > 0 && !is_mounted_by(&containers, observed->name)))
            continue;
        if (o->quiet) {
            cli_print(cli, "%s\n", observed->name);
            continue;
        }
        if (volume_lookup(cli->engine, &compose->arena, observed->name, &volume, &err) < 0)
            return report_error(cli, err);
        if (volume)
            json_array_append_new(rows, volume_row(&compose->arena, volume));
    }
    if (o->quiet)
        return 0;
    struct list_format format = { .format = o->format,
        .columns = volumes_columns,
        .default_columns = 2,
        .min_width = TABLE_MIN_WIDTH };
    return list_print(cli, &format, rows, &err) < 0 ? report_error(cli, err) : 0;
}

const struct command command_compose_volumes = {
    .name = "volumes",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "List volumes",
    .opts = volumes_opts,
    .options_bytes = sizeof(struct volumes_options),
    .run = run_volumes,
};
