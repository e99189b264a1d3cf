/* ps, inspect, top, port: looking at containers. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/container-choice.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/objects.h"
#include "cli/ps-order.h"
#include "cli/report.h"
#include "cli/shapes.h"
#include "cli/specs.h"
#include "cli/table.h"
#include "engine/container/container.h"
#include "engine/container/usage.h"
#include "engine/image/image.h"
#include "engine/network/network.h"
#include "engine/volume/volume.h"

struct ps_options {
    const char *format;
    struct strings filters;
    int64_t last;
    const char *sort;
    bool all, quiet, no_trunc, latest, size, pod, no_heading, ns;
};
static const struct ps_options ps_defaults = { .last = -1 };

#define AT(member) .offset = offsetof(struct ps_options, member)
static const struct opt ps_opts[] = { { .name = "all",
                                              .letter = 'a',
                                              .type = &opt_flag,
                                              AT(all),
                                              .help = "Also those that do not run" },
    { .name = "filter",
            .letter = 'f',
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(filters),
            .help = "id, name, label, exited, status, ancestor, before, since, volume, network, publish, expose, health, pod" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .help = "table, json or a Go template" },
    { .name = "last",
            .letter = 'n',
            .type = &opt_int,
            .arg = "N",
            AT(last),
            .help = "The N newest, running or not" },
    { .name = "latest",
            .letter = 'l',
            .type = &opt_flag,
            AT(latest),
            .help = "The newest, running or not" },
    { .name = "no-trunc", .type = &opt_flag, AT(no_trunc), .help = "Do not shorten columns" },
    { .name = "noheading", .type = &opt_flag, AT(no_heading), .help = "No line of headings" },
    { .name = "ns",
            .type = &opt_flag,
            AT(ns),
            .help = "The process and its namespaces in place of the usual columns" },
    { .name = "pod",
            .letter = 'p',
            .type = &opt_flag,
            AT(pod),
            .help = "Also the pods that they are in" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "Only ids" },
    { .name = "size",
            .letter = 's',
            .type = &opt_flag,
            AT(size),
            .help = "What they wrote, and that with their images" },
    { .name = "sort",
            .type = &opt_string,
            .arg = "KEY",
            AT(sort),
            .values = ps_sort_keys,
            .help = "command, created (default), id, image, names, runningfor, size or status" },
    OPT_END };
#undef AT

static const char *const ps_aliases[] = { "list", "ls", NULL };
static const struct list_column ps_columns[] = {
    { "CONTAINER ID", "ID" },
    { "IMAGE", "Image" },
    { "COMMAND", "Command" },
    { "CREATED", "RunningFor" },
    { "STATUS", "Status" },
    { "PORTS", "Ports" },
    { "NAMES", "Names" },
    { "SIZE", "Size" },
    { "POD ID", "Pod" },
    { "PODNAME", "PodName" },
    { "CREATED AT", "CreatedAt" },
    { "STATE", "State" },
    { "LABELS", "Labels" },
    { "LOCAL VOLUMES", "LocalVolumes" },
    { "MOUNTS", "Mounts" },
    { "NETWORKS", "Networks" },
    { "PLATFORM", "Platform" },
    { NULL, NULL },
};
#define PS_USUAL_COLUMNS 7
static const struct list_column ps_ns_columns[] = {
    { "CONTAINER ID", "ID" },
    { "NAMES", "Names" },
    { "PID", "PID" },
    { "CGROUPNS", "CGROUPNS" },
    { "IPC", "IPC" },
    { "MNT", "MNT" },
    { "NET", "NET" },
    { "PIDNS", "PIDNS" },
    { "USERNS", "USERNS" },
    { "UTS", "UTS" },
    { NULL, NULL },
};

/* Those that --size and --pod add come before the rest, which only templates name. */
static const struct list_column *choose_columns(
        struct arena *arena, const struct ps_options *o, unsigned *ret_default)
{
    struct list_column *columns = ARENA_NEW_ARRAY(arena, ARRAY_LEN(ps_columns), struct list_column);
    unsigned n = 0;

    for (int wanted = 1; wanted >= 0; wanted--) {
        for (size_t i = 0; ps_columns[i].key; i++) {
            bool is_wanted = i < PS_USUAL_COLUMNS ||
                             (o->size && strcmp(ps_columns[i].key, "Size") == 0) ||
                             (o->pod && string_has_prefix(ps_columns[i].key, "Pod"));

            if (is_wanted == (wanted != 0))
                columns[n++] = ps_columns[i];
        }
        if (wanted)
            *ret_default = n;
    }
    return columns;
}

static const char *labels_text(struct arena *arena, const struct container_pairs *labels)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);

    ARRAY_FOREACH(labels, label)
        strbuf_addf(&text, "%s%s=%s", text.len ? "," : "", label->key, label->value);
    return arena_strdup(arena, text.data);
}

static const char *mounts_text(
        struct arena *arena, const struct container *container, bool truncate, size_t *ret_volumes)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(65536);

    *ret_volumes = 0;
    ARRAY_FOREACH(&container->config.mounts, mount) {
        if (mount->type == CONTAINER_MOUNT_TMPFS || !mount->source)
            continue;
        *ret_volumes += mount->type == CONTAINER_MOUNT_VOLUME;
        strbuf_addf(&text, "%s%s", text.len ? "," : "",
                truncate ? format_ellipsis(arena, mount->source, 15) : mount->source);
    }
    return arena_strdup(arena, text.data);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* By name; what shares another container's is on none of its own. */
static const char *networks_text(struct arena *arena, const struct container *container)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(65536);

    const char **names = ARENA_NEW_ARRAY(arena, container->endpoints.len + 1, const char *);

    for (size_t i = 0; i < container->endpoints.len; i++)
        names[i] = container->endpoints.items[i].network;
    qsort(names, container->endpoints.len, sizeof(*names), compare_texts);
    for (size_t i = 0; i < container->endpoints.len; i++)
        strbuf_addf(&text, "%s%s", text.len ? "," : "", names[i]);
    if (text.len == 0 && (container->config.network_mode == CONTAINER_NETWORK_HOST ||
                                 container->config.network_mode == CONTAINER_NETWORK_NONE))
        strbuf_adds(&text, container_network_mode_names[container->config.network_mode]);
    return arena_strdup(arena, text.data);
}

json_t *container_row(struct arena *arena, const struct container *container, bool no_trunc,
        bool details, int64_t now)
{
    const char *command = format_command(arena, container);
    json_t *row = json_object();
    size_t volumes = 0;

    if (!no_trunc)
        command = format_ellipsis(arena, command, 20);
    json_object_set_new(row, "Command", jsonx_text(arena_printf(arena, "\"%s\"", command)));
    if (details)
        json_object_set_new(
                row, "CreatedAt", json_string(format_created_at(arena, container->created_nsec)));
    json_object_set_new(row, "ID",
            json_string(no_trunc ? container->id : format_short_id(arena, container->id)));
    json_object_set_new(row, "Image",
            jsonx_text(container->image_name ? container->image_name : container->image_id));
    if (details) {
        const char *mounts = mounts_text(arena, container, !no_trunc, &volumes);

        json_object_set_new(
                row, "Labels", jsonx_text(labels_text(arena, &container->config.labels)));
        json_object_set_new(row, "LocalVolumes", json_sprintf("%zu", volumes));
        json_object_set_new(row, "Mounts", jsonx_text(mounts));
    }
    json_object_set_new(row, "Names", json_string(container->name));
    if (details) {
        json_object_set_new(row, "Networks", jsonx_text(networks_text(arena, container)));
        json_object_set_new(row, "Platform", json_null());
    }
    json_object_set_new(row, "Ports", json_string(format_ports(arena, container)));
    json_object_set_new(
            row, "RunningFor", json_string(format_ago(arena, container->created_nsec, now)));
    if (details)
        json_object_set_new(row, "Size", json_string("0B"));
    json_object_set_new(row, "State", json_string(container_status_names[container->state.status]));
    json_object_set_new(row, "Status", json_string(container_status_text(arena, container, now)));
    return row;
}

/* With --size what it wrote, and that with its image. */
static json_t *ps_row(struct cli *cli, struct engine *engine, const struct container *c,
        const struct ps_options *options, int64_t now)
{
    json_t *row = container_row(
            &cli->arena, c, options->no_trunc, !list_is_default(options->format), now);
    auto_(image_free_p) struct image *image = NULL;

    if (options->pod) {
        const char *id = c->pod_id ? c->pod_id : "";

        json_object_set_new(row, "Pod",
                json_string(options->no_trunc || !*id ? id : format_short_id(&cli->arena, id)));
        json_object_set_new(row, "PodName", json_string(c->pod_name ? c->pod_name : ""));
    }
    if (options->ns)
        ps_add_namespaces(&cli->arena, c, row);
    /* A template that shows the size asks for it, as with Docker. */
    if (!options->size && !(options->format && strstr(options->format, ".Size")))
        return row;
    uint64_t size = container_size(engine, c->id);
    (void)image_lookup(engine, c->image_id, &image, NULL);
    json_object_set_new(row, "Size",
            json_string(arena_printf(&cli->arena, "%s (virtual %s)", format_size(&cli->arena, size),
                    format_size(&cli->arena, size + (image ? image->size_bytes : 0)))));
    return row;
}

static int run_ps(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct ps_options *options = data;
    auto_error struct error *err = NULL;
    auto_json json_t *rows = json_array();
    struct container_filter filter = { .all = options->all };
    struct containers containers = { 0 };
    int status = cli_check_arguments(cli, &command_ps, argc, 0, 0);

    (void)argv;
    if (status)
        return status;
    if (options->ns && options->size)
        return report_failure(cli, "size and namespace options conflict");
    if (options->latest || options->last > 0)
        filter.last = options->latest ? 1 : (size_t)options->last;
    if (container_read_filters(&cli->arena, &options->filters, &filter, &err) < 0)
        return report_error(cli, err);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || container_list(engine, &cli->arena, &filter, &containers, &err) < 0 ||
            ps_sort(engine, &cli->arena, &containers, options->sort, &err) < 0)
        return report_error(cli, err);
    if (options->quiet && !options->format) {
        for (size_t i = 0; i < containers.len; i++)
            cli_print(cli, "%s\n",
                    options->no_trunc ? containers.items[i]->id
                                      : format_short_id(&cli->arena, containers.items[i]->id));
        return 0;
    }
    int64_t now = time_realtime_nsec();
    for (size_t i = 0; i < containers.len; i++)
        json_array_append_new(rows, ps_row(cli, engine, containers.items[i], options, now));
    struct list_format format = {
        .format = options->format,
        .min_width = TABLE_MIN_WIDTH,
        .no_heading = options->no_heading,
    };
    format.columns = options->ns ? ps_ns_columns
                                 : choose_columns(&cli->arena, options, &format.default_columns);
    if (options->ns)
        format.default_columns = ARRAY_LEN(ps_ns_columns) - 1;
    return list_print(cli, &format, rows, &err) < 0 ? report_error(cli, err) : 0;
}

const struct command command_ps = {
    .name = "ps",
    .aliases = ps_aliases,
    .usage = "[OPTIONS]",
    .summary = "List containers",
    .opts = ps_opts,
    .options_bytes = sizeof(struct ps_options),
    .defaults = &ps_defaults,
    .run = run_ps,
};

/* ------------------------------------------------------------------ inspect */

struct inspect_options {
    const char *format, *type;
    bool size;
};
#define AT(member) .offset = offsetof(struct inspect_options, member)
static const struct opt inspect_opts[] = { { .name = "format",
                                                   .letter = 'f',
                                                   .type = &opt_string,
                                                   .arg = "TEMPLATE",
                                                   AT(format),
                                                   .values = values_json,
                                                   .help = "json or a Go template" },
    { .name = "type",
            .type = &opt_string,
            .arg = "TYPE",
            AT(type),
            .help = "container, image, network or volume" },
    { .name = "size",
            .letter = 's',
            .type = &opt_flag,
            AT(size),
            .help = "Sizes of the file systems" },
    OPT_END };
static const struct opt container_inspect_opts[] = { { .name = "format",
                                                             .letter = 'f',
                                                             .type = &opt_string,
                                                             .arg = "TEMPLATE",
                                                             AT(format),
                                                             .values = values_json,
                                                             .help = "json or a Go template" },
    { .name = "size",
            .letter = 's',
            .type = &opt_flag,
            AT(size),
            .help = "Sizes of the file systems" },
    OPT_END };
#undef AT

static int inspect_container(struct engine *engine, struct arena *arena, const char *name,
        json_t **ret, struct error **err)
{
    struct container *container = NULL;
    int r = container_lookup(engine, arena, name, &container, err);

    return r < 0 || !container ? r : container_inspect(engine, container->id, ret, err);
}

static int inspect_image(struct engine *engine, struct arena *arena, const char *name, json_t **ret,
        struct error **err)
{
    auto_free char *id = NULL;
    int r = image_lookup_id(engine, name, &id, NULL); /* what cannot be an image's name is none */

    (void)arena;
    return r < 0 || !id ? 0 : image_inspect(engine, name, ret, err);
}

static int inspect_network(struct engine *engine, struct arena *arena, const char *name,
        json_t **ret, struct error **err)
{
    struct network *network = NULL;

    if (strcmp(name, "host") != 0 && strcmp(name, "none") != 0) {
        int r = network_lookup(engine, arena, name, &network, err);
        if (r < 0 || !network)
            return r;
    }
    return network_inspect(engine, name, ret, err);
}

static int inspect_volume(struct engine *engine, struct arena *arena, const char *name,
        json_t **ret, struct error **err)
{
    struct volume *volume = NULL;
    int r = volume_lookup(engine, arena, name, &volume, err);

    if (r >= 0 && volume)
        *ret = volume_inspect(volume);
    return r;
}

static const struct {
    const char *type;
    int (*inspect)(struct engine *engine, struct arena *arena, const char *name, json_t **ret,
            struct error **err);
} inspectors[] = {
    { "container", inspect_container },
    { "image", inspect_image },
    { "volume", inspect_volume },
    { "network", inspect_network },
};

/* Of that type, which is set when it is NULL: of the first type that has one of that name. */
static json_t *inspect_one(struct engine *engine, struct arena *arena, const char **type,
        const char *name, struct error **err)
{
    json_t *object = NULL;

    for (size_t i = 0; i < ARRAY_LEN(inspectors); i++) {
        if (*type && strcmp(*type, inspectors[i].type) != 0)
            continue;
        if (inspectors[i].inspect(engine, arena, name, &object, err) < 0)
            return NULL;
        if (object) {
            *type = inspectors[i].type;
            return object;
        }
    }
    error_set_plain(err, ENOENT, NULL, "No such %s: %s", *type ? *type : "object", name);
    return NULL;
}

/* What it wrote, and that with its image. */
static void add_sizes(struct engine *engine, json_t *object)
{
    auto_(image_free_p) struct image *image = NULL;
    const char *image_id = jsonx_string(object, "Image");
    uint64_t size = container_size(engine, jsonx_string(object, "Id"));

    if (!string_is_empty(image_id))
        (void)image_lookup(engine, image_id, &image, NULL);
    json_object_set_new(object, "SizeRw", json_integer((json_int_t)size));
    json_object_set_new(object, "SizeRootFs",
            json_integer((json_int_t)(size + (image ? image->size_bytes : 0))));
}

static int inspect(struct cli *cli, const struct inspect_options *options, int argc, char **argv)
{
    auto_error struct error *err = NULL;
    auto_json json_t *objects = json_array();
    struct engine *engine = cli_engine(cli, &err);
    const struct shape **shapes = arena_alloc(&cli->arena, ((size_t)argc + 1) * sizeof(*shapes));
    int status = 0;

    if (!engine)
        return report_error(cli, err);
    for (int i = 0; i < argc; i++) {
        auto_error struct error *failure = NULL;
        const char *type = options->type;
        json_t *object = inspect_one(engine, &cli->arena, &type, argv[i], &failure);

        if (!object) {
            status = report_error(cli, failure);
            continue;
        }
        if (options->size && strcmp(type, "container") == 0)
            add_sizes(engine, object);
        shapes[json_array_size(objects)] = shape_of_type(type);
        json_array_append_new(objects, object);
    }
    if (list_print_inspect(cli, options->format, objects, shapes, &err) < 0)
        return report_error(cli, err);
    return status;
}

static int run_inspect(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct inspect_options *options = data;
    int status = cli_check_arguments(cli, &command_inspect, argc, 1, -1);

    if (status)
        return status;
    bool known = !options->type;
    for (size_t i = 0; i < ARRAY_LEN(inspectors); i++)
        known |= options->type && strcmp(options->type, inspectors[i].type) == 0;
    if (!known)
        return report_failure(cli,
                "invalid value \"%s\" for --type: expected container, image, network or volume",
                options->type);
    return inspect(cli, options, argc, argv);
}

static int run_container_inspect(struct cli *cli, const void *data, int argc, char **argv)
{
    struct inspect_options options = *(const struct inspect_options *)data;
    int status = cli_check_arguments(cli, &command_container_inspect, argc, 1, -1);

    options.type = "container";
    return status ? status : inspect(cli, &options, argc, argv);
}

int inspect_objects(struct cli *cli, const char *type, const char *format, int argc, char **argv)
{
    return inspect(cli, &(struct inspect_options){ .type = type, .format = format }, argc, argv);
}

const struct opt objects_inspect_opts[] = {
    { .name = "format",
            .letter = 'f',
            .type = &opt_string,
            .arg = "TEMPLATE",
            .offset = offsetof(struct objects_inspect_options, format),
            .values = values_json,
            .help = "json or a Go template" },
    OPT_END,
};

int objects_inspect(struct cli *cli, const char *type, const void *data, int argc, char **argv)
{
    const struct objects_inspect_options *options = data;

    if (argc == 0)
        return cli_check_arguments(cli, cli->running, argc, 1, -1);
    return inspect_objects(cli, type, options->format, argc, argv);
}

void objects_print_pruned(struct cli *cli, const char *what, const struct strings *names)
{
    if (names->len)
        cli_print(cli, "Deleted %s:\n", what);
    for (size_t i = 0; i < names->len; i++)
        cli_print(cli, "%s\n", names->items[i]);
}

const struct command command_inspect = {
    .name = "inspect",
    .usage = "[OPTIONS] NAME|ID [NAME|ID...]",
    .summary = "Show everything about containers, images, networks or volumes",
    .opts = inspect_opts,
    .options_bytes = sizeof(struct inspect_options),
    .run = run_inspect,
};

const struct command command_container_inspect = {
    .name = "inspect",
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Show everything about containers",
    .opts = container_inspect_opts,
    .options_bytes = sizeof(struct inspect_options),
    .run = run_container_inspect,
};

/* ------------------------------------------------------------------ top */

int top_print(struct cli *cli, struct engine *engine, const char *container, char *const *ps_words,
        unsigned min_width, struct error **err)
{
    auto_(table_release) struct table table = TABLE_INIT(min_width);
    struct container_processes processes = { 0 };
    int r = container_top(engine, &cli->arena, container, ps_words, &processes, err);

    if (r < 0)
        return r;
    table_row(&table);
    for (size_t i = 0; i < processes.title_count; i++)
        table_cell(&table, processes.titles[i]);
    for (size_t i = 0; i < processes.row_count; i++) {
        table_row(&table);
        for (char **cell = processes.rows[i]; *cell; cell++)
            table_cell(&table, *cell);
    }
    table_print(cli, &table);
    return 0;
}

static int run_top(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_error struct error *err = NULL;
    int status = cli_check_arguments(cli, &command_top, argc, 1, -1);

    (void)data;
    if (status)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    return !engine || top_print(cli, engine, argv[0], argv + 1, TABLE_COMPOSE_MIN_WIDTH, &err) < 0
                   ? report_error(cli, err)
                   : 0;
}

const struct command command_top = {
    .name = "top",
    .usage = "CONTAINER [PS OPTIONS]",
    .summary = "Show the processes of a container",
    .stop_at_first_argument = true,
    .run = run_top,
};

/* ------------------------------------------------------------------ port */

static int run_port(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_error struct error *err = NULL;
    struct container *container;
    struct container_ports wanted = { 0 };
    bool found = false;
    int status = cli_check_arguments(cli, &command_port, argc, 1, 2);

    (void)data;
    if (status)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || container_get(engine, &cli->arena, argv[0], &container, &err) < 0)
        return report_error(cli, err);
    if (argc == 2 && spec_parse_publish(&cli->arena, argv[1], &wanted, &err) < 0)
        return report_error(cli, err);
    for (size_t i = 0; i < container->bindings.len; i++) {
        const struct container_binding *b = &container->bindings.items[i];
        const char *ip = string_is_empty(b->host_ip) ? "0.0.0.0" : b->host_ip;
        bool v6 = strchr(ip, ':');

        if (wanted.len && (b->container_port != wanted.items[0].container_port ||
                                  !string_is_equal(b->protocol, wanted.items[0].protocol)))
            continue;
        found = true;
        if (!wanted.len)
            cli_print(cli, "%u/%s -> ", b->container_port, b->protocol);
        cli_print(cli, v6 ? "[%s]:" : "%s:", ip);
        if (b->host_port) /* none in a routed network */
            cli_print(cli, "%u", b->host_port);
        cli_print(cli, "\n");
    }
    if (wanted.len && !found)
        return report_failure(cli, "no public port '%s' published for %s", argv[1], argv[0]);
    return 0;
}

const struct command command_port = {
    .name = "port",
    .usage = "CONTAINER [PORT[/PROTOCOL]]",
    .summary = "Show published ports",
    .run = run_port,
};
