/* pod ps, inspect, logs, top, stats: looking at pods. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/cmd-pod-internal.h"
#include "cli/follow.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/log-view.h"
#include "cli/report.h"
#include "cli/stats-view.h"
#include "cli/table.h"
#include "engine/container/pod.h"

/* ------------------------------------------------------------------ ps */

struct ps_options {
    const char *format, *sort;
    struct strings filters;
    bool ids, names, statuses, latest, no_trunc, no_heading, namespaces, quiet;
};
#define AT(member) .offset = offsetof(struct ps_options, member)
static const char *const values_sort[] = { "created", "id", "name", "number", "status", NULL };
static const struct opt ps_opts[] = {
    { .name = "ctr-ids", .type = &opt_flag, AT(ids), .help = "Also the ids of their containers" },
    { .name = "ctr-names",
            .type = &opt_flag,
            AT(names),
            .help = "Also the names of their containers" },
    { .name = "ctr-status",
            .type = &opt_flag,
            AT(statuses),
            .help = "Also the states of their containers" },
    { .name = "filter",
            .letter = 'f',
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(filters),
            .help = "id, name, label, status, network, ctr-ids, ctr-names, ctr-number, ctr-status" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .help = "table, json or a Go template" },
    { .name = "latest", .letter = 'l', .type = &opt_flag, AT(latest), .help = "Only the newest" },
    { .name = "no-trunc", .type = &opt_flag, AT(no_trunc), .help = "Do not shorten ids" },
    { .name = "noheading",
            .letter = 'n',
            .type = &opt_flag,
            AT(no_heading),
            .help = "No headings" },
    { .name = "ns",
            .type = &opt_flag,
            AT(namespaces),
            .help = "Also the namespaces that they share" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "Only ids" },
    { .name = "sort",
            .type = &opt_string,
            .arg = "KEY",
            AT(sort),
            .values = values_sort,
            .help = "created (the default), id, name, number or status" },
    OPT_END
};
#undef AT

static const char *const ps_aliases[] = { "ls", "list", NULL };

/* What a filter compares; a pod fits if one of the texts does. */
static bool name_fits(const char *name, const char *value)
{
    return strstr(name, value) != NULL;
}

static bool status_fits(const char *status, const char *value)
{
    return strcasecmp(status, value) == 0;
}

static bool any_container(const struct pod *pod, const char *key, const char *value)
{
    ARRAY_FOREACH(&pod->containers, item) {
        const struct container *c = *item;

        if ((strcmp(key, "ctr-ids") == 0 && string_has_prefix(c->id, value)) ||
                (strcmp(key, "ctr-names") == 0 && name_fits(c->name, value)) ||
                (strcmp(key, "ctr-status") == 0 &&
                        status_fits(container_status_names[c->state.status], value)))
            return true;
        for (size_t i = 0; strcmp(key, "network") == 0 && i < c->endpoints.len; i++)
            if (strcmp(c->endpoints.items[i].network, value) == 0)
                return true;
    }
    return false;
}

/* One filter: 1, 0, or -EINVAL. */
static int pod_fits(const struct pod *pod, const char *key, const char *value)
{
    static const char *const of_containers[] = { "ctr-ids", "ctr-names", "ctr-status", "network" };
    uint32_t number;

    for (size_t i = 0; i < ARRAY_LEN(of_containers); i++)
        if (strcmp(key, of_containers[i]) == 0)
            return any_container(pod, key, value);
    if (strcmp(key, "id") == 0)
        return string_has_prefix(pod->id, value);
    if (strcmp(key, "name") == 0)
        return name_fits(pod->name, value);
    if (strcmp(key, "label") == 0)
        return container_pairs_match(&pod->config.labels, value);
    if (strcmp(key, "label!") == 0)
        return !container_pairs_match(&pod->config.labels, value);
    if (strcmp(key, "status") == 0)
        return status_fits(pod_status_names[pod->status], value);
    if (strcmp(key, "ctr-number") == 0 && parse_uint32(str_from(value), UINT32_MAX, &number) == 0)
        return pod->containers.len == number;
    return -EINVAL;
}

/* Values of one key are alternatives, but for labels; different keys restrict each other. */
static int takes(struct arena *arena, const struct strings *filters, const struct pod *pod,
        struct error **err)
{
    for (size_t i = 0; i < filters->len; i++) {
        const char *word = filters->items[i], *eq = strchr(word, '=');

        /* "label!=x" is the key "label!". */
        if (!eq)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid filter \"%s\": the form is KEY=VALUE", word);
        const char *key = arena_strndup(arena, word, (size_t)(eq - word));
        bool fits = false, alternatives = !string_has_prefix(key, "label");

        for (size_t k = 0; k < filters->len; k++) {
            if (!alternatives && k != i)
                continue;
            if (strncmp(filters->items[k], word, strlen(key) + 1) != 0)
                continue;
            int r = pod_fits(pod, key, filters->items[k] + strlen(key) + 1);

            if (r < 0)
                return error_set_plain(
                        err, EINVAL, NULL, "%s is an invalid filter", filters->items[k]);
            fits |= r > 0;
        }
        if (!fits)
            return 0;
    }
    return 1;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp((*(struct pod *const *)a)->id, (*(struct pod *const *)b)->id);
}
static int compare_names(const void *a, const void *b)
{
    return strcmp((*(struct pod *const *)a)->name, (*(struct pod *const *)b)->name);
}
static int compare_numbers(const void *a, const void *b)
{
    size_t x = (*(struct pod *const *)a)->containers.len;
    size_t y = (*(struct pod *const *)b)->containers.len;

    return (x > y) - (x < y);
}
static int compare_statuses(const void *a, const void *b)
{
    return strcmp(pod_status_names[(*(struct pod *const *)a)->status],
            pod_status_names[(*(struct pod *const *)b)->status]);
}

static int sort_pods(struct pods *pods, const char *key, struct error **err)
{
    static const struct {
        const char *key;
        int (*compare)(const void *a, const void *b);
    } orders[] = { { "id", compare_ids }, { "name", compare_names }, { "number", compare_numbers },
        { "status", compare_statuses } };

    if (!key || strcmp(key, "created") == 0 || pods->len == 0)
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        if (strcmp(orders[i].key, key) == 0) {
            qsort(pods->items, pods->len, sizeof(*pods->items), orders[i].compare);
            return 0;
        }
    return error_set_plain(err, EINVAL, NULL,
            "invalid --sort \"%s\": expected created, id, name, number or status", key);
}

/* "a,b,c" of the pod's containers. */
static const char *joined(struct arena *arena, const struct pod *pod, bool no_trunc,
        const char *(*text)(struct arena *, const struct container *, bool))
{
    auto_(strbuf_release) struct strbuf all = STRBUF_INIT(CLI_TEXT_MAX);

    ARRAY_FOREACH(&pod->containers, item)
        strbuf_addf(&all, "%s%s", all.len ? "," : "", text(arena, *item, no_trunc));
    return arena_strdup(arena, all.data ? all.data : "");
}

static const char *id_text(struct arena *arena, const struct container *c, bool no_trunc)
{
    return no_trunc ? c->id : format_short_id(arena, c->id);
}
static const char *name_text(struct arena *arena, const struct container *c, bool no_trunc)
{
    (void)arena;
    (void)no_trunc;
    return c->name;
}
static const char *status_text(struct arena *arena, const struct container *c, bool no_trunc)
{
    (void)arena;
    (void)no_trunc;
    return container_status_names[c->state.status];
}

static const char *share_text(struct arena *arena, const struct pod *pod)
{
    const char *text = "";

    for (unsigned i = 0; i < POD_SHARE_KINDS; i++)
        if (pod->config.share & 1u << i)
            text = arena_printf(arena, "%s%s%s", text, *text ? "," : "", pod_share_names[i]);
    return text;
}

static json_t *ps_row(
        struct arena *arena, const struct pod *pod, const struct ps_options *o, int64_t now)
{
    const char *infra = pod->infra_id ? pod->infra_id : "";
    json_t *labels = container_pairs_to_json(&pod->config.labels);

    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:s, s:s, s:s, s:s, s:o}", "ID",
            o->no_trunc ? pod->id : format_short_id(arena, pod->id), "Name", pod->name, "Status",
            pod_status_names[pod->status], "Created", format_ago(arena, pod->created_nsec, now),
            "InfraID", o->no_trunc || !*infra ? infra : format_short_id(arena, infra),
            "NumberOfContainers", json_sprintf("%zu", pod->containers.len), "ContainerIds",
            joined(arena, pod, o->no_trunc, id_text), "ContainerNames",
            joined(arena, pod, true, name_text), "ContainerStatuses",
            joined(arena, pod, true, status_text), "Namespaces", share_text(arena, pod), "Labels",
            labels);
}

/* Podman's object, which has other names than its templates. */
static json_t *ps_object(const struct pod *pod)
{
    char created[TIME_RFC3339_MAX];
    json_t *containers = json_array(), *networks = json_array();

    ARRAY_FOREACH(&pod->containers, item) {
        const struct container *c = *item;

        json_array_append_new(
                containers, json_pack("{s:s, s:s, s:s, s:i}", "Id", c->id, "Names", c->name,
                                    "Status", container_status_names[c->state.status],
                                    "RestartCount", c->state.restart_count));
        for (size_t i = 0; c->is_infra && i < c->endpoints.len; i++)
            json_array_append_new(networks, json_string(c->endpoints.items[i].network));
    }
    return json_pack("{s:o, s:s, s:s, s:s, s:s, s:o, s:s, s:o}", "Containers", containers,
            "Created", time_format_rfc3339(pod->created_nsec, created), "Id", pod->id, "InfraId",
            pod->infra_id ? pod->infra_id : "", "Name", pod->name, "Networks", networks, "Status",
            pod_status_names[pod->status], "Labels", container_pairs_to_json(&pod->config.labels));
}

/* The columns that were asked for first, all others behind them for templates. */
static void fill_columns(
        const struct ps_options *o, struct list_column *columns, unsigned *ret_default)
{
    static const struct list_column usual[] = { { "POD ID", "ID" }, { "NAME", "Name" },
        { "STATUS", "Status" }, { "CREATED", "Created" }, { "INFRA ID", "InfraID" } };
    static const struct list_column last[] = { { "# OF CONTAINERS", "NumberOfContainers" },
        { "LABELS", "Labels" } };
    const struct {
        bool wanted;
        struct list_column column;
    } more[] = {
        { o->ids, { "IDS", "ContainerIds" } },
        { o->names, { "NAMES", "ContainerNames" } },
        { o->statuses, { "STATUS", "ContainerStatuses" } },
        { o->namespaces, { "NAMESPACES", "Namespaces" } },
    };
    bool has_more = false;
    unsigned n = 0;

    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        columns[n++] = usual[i];
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        has_more |= more[i].wanted;
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        if (more[i].wanted)
            columns[n++] = more[i].column;
    *ret_default = has_more ? n : n + 1;
    for (size_t i = 0; i < ARRAY_LEN(last); i++)
        columns[n++] = last[i];
    for (size_t i = 0; i < ARRAY_LEN(more); i++)
        if (!more[i].wanted)
            columns[n++] = more[i].column;
    columns[n] = (struct list_column){ NULL, NULL };
}

static int run_ps(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct ps_options *o = data;
    auto_error struct error *err = NULL;
    auto_json json_t *rows = json_array();
    struct list_column columns[16];
    struct pods all = { 0 }, pods = { 0 };
    int64_t now = time_realtime_nsec();
    bool as_json = o->format && strcmp(o->format, "json") == 0;

    (void)argv;
    if (argc)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || pod_list(engine, &cli->arena, &all, &err) < 0)
        return report_error(cli, err);
    if (o->latest && all.len > 1)
        all.len = 1;
    ARRAY_FOREACH(&all, item) {
        int r = takes(&cli->arena, &o->filters, *item, &err);

        if (r < 0)
            return report_error(cli, err);
        if (r > 0)
            *ARRAY_APPEND_ARENA(&cli->arena, &pods) = *item;
    }
    if (sort_pods(&pods, o->sort, &err) < 0)
        return report_error(cli, err);
    ARRAY_FOREACH(&pods, item) {
        if (o->quiet && !o->format)
            cli_print(cli, "%s\n",
                    o->no_trunc ? (*item)->id : format_short_id(&cli->arena, (*item)->id));
        else
            json_array_append_new(
                    rows, as_json ? ps_object(*item) : ps_row(&cli->arena, *item, o, now));
    }
    if (o->quiet && !o->format)
        return 0;
    struct list_format format = {
        .format = o->format,
        .columns = columns,
        .min_width = TABLE_MIN_WIDTH,
        .no_heading = o->no_heading,
        .json_array = true,
    };
    fill_columns(o, columns, &format.default_columns);
    return list_print(cli, &format, rows, &err) < 0 ? report_error(cli, err) : 0;
}

const struct command pod_ps_command = {
    .name = "ps",
    .aliases = ps_aliases,
    .usage = "[OPTIONS]",
    .summary = "List pods",
    .opts = ps_opts,
    .options_bytes = sizeof(struct ps_options),
    .run = run_ps,
};

/* ------------------------------------------------------------------ inspect */

struct inspect_options {
    const char *format;
    bool latest;
};
static const struct opt inspect_opts[] = {
    { .name = "format",
            .letter = 'f',
            .type = &opt_string,
            .arg = "TEMPLATE",
            .offset = offsetof(struct inspect_options, format),
            .values = values_json,
            .help = "json or a Go template" },
    { .name = "latest",
            .letter = 'l',
            .type = &opt_flag,
            .offset = offsetof(struct inspect_options, latest),
            .help = "The newest pod" },
    OPT_END,
};

/* The pods of a command line: named, or the newest. Exit status; what is missing is reported, the rest is there. */
static int find_pods(struct cli *cli, bool latest, int argc, char **argv, struct pods *ret)
{
    auto_error struct error *err = NULL;
    struct engine *engine = cli_engine(cli, &err);
    int status = 0;

    if (!engine)
        return report_error(cli, err);
    if (latest == (argc > 0))
        return report_failure(cli, latest ? "--latest and names of pods exclude each other"
                                          : "you must provide at least one pod name or id");
    if (latest) {
        if (pod_list(engine, &cli->arena, ret, &err) < 0)
            return report_error(cli, err);
        if (ret->len == 0)
            return report_failure(cli, "no such pod");
        ret->len = 1;
    }
    for (int i = 0; i < argc; i++) {
        auto_error struct error *failure = NULL;
        struct pod *pod = NULL;

        if (pod_get(engine, &cli->arena, argv[i], &pod, &failure) < 0)
            status = report_error(cli, failure);
        else
            *ARRAY_APPEND_ARENA(&cli->arena, ret) = pod;
    }
    return status;
}

static int run_inspect(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct inspect_options *o = data;
    auto_error struct error *err = NULL;
    auto_json json_t *objects = json_array();
    struct pods pods = { 0 };
    int status = find_pods(cli, o->latest, argc, argv, &pods);

    ARRAY_FOREACH(&pods, item)
        json_array_append_new(objects, pod_inspect(&cli->arena, *item));
    return list_print_inspect(cli, o->format, objects, NULL, &err) < 0 ? report_error(cli, err)
                                                                       : status;
}

const struct command pod_inspect_command = {
    .name = "inspect",
    .usage = "[OPTIONS] POD [POD...]",
    .summary = "Show everything about pods",
    .opts = inspect_opts,
    .options_bytes = sizeof(struct inspect_options),
    .run = run_inspect,
};

/* ------------------------------------------------------------------ logs */

struct logs_options {
    const char *since, *until, *tail, *container;
    bool color, follow, latest, names, timestamps;
};
#define AT(member) .offset = offsetof(struct logs_options, member)
static const struct opt logs_opts[] = {
    { .name = "color", .type = &opt_flag, AT(color), .help = "A colour for each container" },
    { .name = "container",
            .letter = 'c',
            .type = &opt_string,
            .arg = "CONTAINER",
            AT(container),
            .help = "Only this one of its containers" },
    { .name = "follow",
            .letter = 'f',
            .type = &opt_flag,
            AT(follow),
            .help = "Keep printing as output arrives" },
    { .name = "latest", .letter = 'l', .type = &opt_flag, AT(latest), .help = "The newest pod" },
    { .name = "names",
            .letter = 'n',
            .type = &opt_flag,
            AT(names),
            .help = "Names of containers in place of ids" },
    { .name = "since",
            .type = &opt_string,
            .arg = "TIME",
            AT(since),
            .help = "Start at a time, or at an age such as 10m" },
    { .name = "tail",
            .type = &opt_string,
            .arg = "N",
            AT(tail),
            .help = "How many of the last lines (default all)" },
    { .name = "timestamps",
            .letter = 't',
            .type = &opt_flag,
            AT(timestamps),
            .help = "Put the time before each line" },
    { .name = "until",
            .type = &opt_string,
            .arg = "TIME",
            AT(until),
            .help = "End at a time, or at an age such as 10m" },
    OPT_END
};
#undef AT

static bool is_wanted(const struct container *c, const char *wanted)
{
    return !c->is_infra &&
           (!wanted || strcmp(c->name, wanted) == 0 || string_has_prefix(c->id, wanted));
}

static int show_logs(struct cli *cli, struct engine *engine, const struct logs_options *o,
        const struct pod *pod, struct error **err)
{
    auto_(log_view_free_p) struct log_view *view = NULL;
    struct log_view_options how = {
        .timestamps = o->timestamps, .no_colour = !o->color, .split_streams = true
    };
    const char **running = ARENA_NEW_ARRAY(&cli->arena, pod->containers.len + 1, const char *);
    size_t shown = 0, running_count = 0;
    int r = log_view_parse(o->tail, o->since, o->until, &how.read, err);

    how.read.follow = o->follow;
    if (r >= 0)
        r = log_view_new(cli, engine, &how, &view, err);
    for (size_t i = 0; r >= 0 && i < pod->containers.len; i++) {
        const struct container *c = pod->containers.items[i];

        if (!is_wanted(c, o->container))
            continue;
        shown++;
        r = log_view_add(
                view, c->id, o->names ? c->name : format_short_id(&cli->arena, c->id), err);
        if (container_is_running(c))
            running[running_count++] = c->id;
    }
    if (r >= 0 && shown == 0 && o->container)
        return error_set_plain(err, ENOENT, NULL,
                "container %s is not in pod %s: no such container", o->container, pod->name);
    if (r >= 0)
        r = log_view_drain(view, err);
    if (r >= 0 && o->follow && running_count > 0)
        r = follow_until_ended(cli, engine, view, running, running_count, err);
    return r;
}

static int run_logs(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct logs_options *o = data;
    auto_error struct error *err = NULL;
    struct pods pods = { 0 };

    if (argc > 1)
        return report_failure(cli, "\"%s\" requires exactly 1 pod", cli->command);
    int status = find_pods(cli, o->latest, argc, argv, &pods);
    if (status)
        return status;
    return show_logs(cli, cli_engine(cli, NULL), o, pods.items[0], &err) < 0
                   ? report_error(cli, err)
                   : 0;
}

const struct command pod_logs_command = {
    .name = "logs",
    .usage = "[OPTIONS] POD",
    .summary = "Print the output of a pod's containers",
    .opts = logs_opts,
    .options_bytes = sizeof(struct logs_options),
    .run = run_logs,
};

/* ------------------------------------------------------------------ top */

struct latest_options {
    bool latest;
};
static const struct opt top_opts[] = { { .name = "latest",
                                               .letter = 'l',
                                               .type = &opt_flag,
                                               .offset = offsetof(struct latest_options, latest),
                                               .help = "The newest pod" },
    OPT_END };

static int run_top(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct latest_options *o = data;
    auto_(table_release) struct table table = TABLE_INIT(TABLE_COMPOSE_MIN_WIDTH);
    auto_error struct error *err = NULL;
    struct pods pods = { 0 };
    bool has_heading = false;

    if (argc > 1)
        return report_failure(
                cli, "format descriptors are not supported: \"%s\" takes one pod", cli->command);
    int status = find_pods(cli, o->latest, argc, argv, &pods);
    if (status)
        return status;
    ARRAY_FOREACH(&pods.items[0]->containers, item) {
        struct container_processes processes = { 0 };

        if (!container_is_running(*item))
            continue;
        if (container_top(cli_engine(cli, NULL), &cli->arena, (*item)->id, NULL, &processes, &err) <
                0)
            return report_error(cli, err);
        if (!has_heading)
            table_row(&table);
        for (size_t i = 0; !has_heading && i < processes.title_count; i++)
            table_cell(&table, processes.titles[i]);
        has_heading = true;
        for (size_t i = 0; i < processes.row_count; i++) {
            table_row(&table);
            for (char **cell = processes.rows[i]; *cell; cell++)
                table_cell(&table, *cell);
        }
    }
    if (!has_heading)
        return report_failure(
                cli, "pod top can only be used on pods with at least one running container");
    table_print(cli, &table);
    return 0;
}

const struct command pod_top_command = {
    .name = "top",
    .usage = "[OPTIONS] POD",
    .summary = "Show the processes of a pod",
    .opts = top_opts,
    .options_bytes = sizeof(struct latest_options),
    .run = run_top,
};

/* ------------------------------------------------------------------ stats */

struct stats_options {
    const char *format;
    bool all, latest, no_reset, no_stream;
};
#define AT(member) .offset = offsetof(struct stats_options, member)
static const struct opt stats_opts[] = {
    { .name = "all", .letter = 'a', .type = &opt_flag, AT(all), .help = "All pods (the default)" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .help = "table, json or a Go template" },
    { .name = "latest", .letter = 'l', .type = &opt_flag, AT(latest), .help = "The newest pod" },
    { .name = "no-reset",
            .type = &opt_flag,
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            AT(no_reset),
            .help = "Not supported" },
    { .name = "no-stream", .type = &opt_flag, AT(no_stream), .help = "Print once and end" },
    OPT_END,
};
#undef AT

static int run_stats(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct stats_options *o = data;
    auto_error struct error *err = NULL;
    struct container_filter filter = { 0 };
    struct strings ids = { 0 };
    struct pods pods = { 0 };
    struct engine *engine = cli_engine(cli, &err);

    if (!engine)
        return report_error(cli, err);
    if (o->all && (o->latest || argc))
        return report_failure(cli, "--all, --latest and names of pods exclude each other");
    if (o->latest || argc) {
        int status = find_pods(cli, o->latest, argc, argv, &pods);

        if (status)
            return status;
    } else if (pod_list(engine, &cli->arena, &pods, &err) < 0) {
        return report_error(cli, err);
    }
    ARRAY_FOREACH(&pods, item)
        ARRAY_FOREACH(&(*item)->containers, c)
            if (container_is_running(*c))
                *ARRAY_APPEND_ARENA(&cli->arena, &ids) = arena_strdup(&cli->arena, (*c)->id);
    *ARRAY_APPEND_ARENA(&cli->arena, &ids) = NULL;
    struct stats_view view = {
        .filter = &filter, .names = ids.items, .format = o->format, .once = o->no_stream
    };
    cli_interrupt_begin(cli);
    int r = stats_view_run(cli, engine, &view, &err);
    cli_interrupt_end(cli);
    return r < 0 ? report_error(cli, err) : 0;
}

const struct command pod_stats_command = {
    .name = "stats",
    .usage = "[OPTIONS] [POD...]",
    .summary = "Show what the containers of pods use",
    .opts = stats_opts,
    .options_bytes = sizeof(struct stats_options),
    .run = run_stats,
};
