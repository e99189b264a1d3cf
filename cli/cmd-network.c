/* network ls, inspect, create, rm, prune, connect, disconnect. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "cli/cli.h"
#include "cli/cmd-network-internal.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/objects.h"
#include "cli/prune.h"
#include "cli/report.h"
#include "cli/table.h"
#include "engine/network/network.h"

/* ------------------------------------------------------------------ ls */

struct ls_options {
    const char *format;
    struct strings filters;
    bool quiet, no_trunc;
};
#define AT(member) .offset = offsetof(struct ls_options, member)
static const struct opt ls_opts[] = {
    { .name = "filter",
            .letter = 'f',
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(filters),
            .help = "id, name, label, driver, scope, dangling, type (custom or builtin)" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .help = "table, json or a Go template" },
    { .name = "no-trunc", .type = &opt_flag, AT(no_trunc), .help = "Do not shorten ids" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "Only ids" }, OPT_END
};
#undef AT

static const struct list_column ls_columns[] = {
    { "NETWORK ID", "ID" },
    { "NAME", "Name" },
    { "DRIVER", "Driver" },
    { "SCOPE", "Scope" },
    { "CREATED AT", "CreatedAt" },
    { "IPV4", "IPv4" },
    { "IPV6", "IPv6" },
    { "INTERNAL", "Internal" },
    { "LABELS", "Labels" },
    { NULL, NULL },
};

static bool labels_match(const json_t *labels, const char *wanted)
{
    const char *eq = strchr(wanted, '=');
    const json_t *value = eq ? json_object_getn(labels, wanted, (size_t)(eq - wanted))
                             : json_object_get(labels, wanted);

    return value && (!eq || string_is_equal(json_string_value(value), eq + 1));
}

/* 1 it matches, 0 it does not, -EINVAL for a filter that there is none of. */
static int network_matches(const json_t *network, const struct strings *filters, struct error **err)
{
    const char *name = jsonx_string(network, "Name"), *id = jsonx_string(network, "Id");

    for (size_t i = 0; i < filters->len; i++) {
        const char *word = filters->items[i], *eq = strchr(word, '=');
        struct str key = { word, eq ? (size_t)(eq - word) : strlen(word) };
        bool match, wanted;

        if (!eq)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid filter \"%s\": the form is KEY=VALUE", word);
        if (str_is_equal_z(key, "name"))
            match = strstr(name, eq + 1);
        else if (str_is_equal_z(key, "id"))
            match = id && string_has_prefix(id, eq + 1);
        else if (str_is_equal_z(key, "driver"))
            match = string_is_equal(jsonx_string(network, "Driver"), eq + 1);
        else if (str_is_equal_z(key, "label"))
            match = labels_match(json_object_get(network, "Labels"), eq + 1);
        else if (str_is_equal_z(key, "scope"))
            match = string_is_equal(jsonx_string(network, "Scope"), eq + 1);
        else if (str_is_equal_z(key, "dangling") && parse_bool(str_from(eq + 1), &wanted) >= 0)
            match = !network_name_is_reserved(name) &&
                    (json_object_size(json_object_get(network, "Containers")) == 0) == wanted;
        else if (str_is_equal_z(key, "type") && strcmp(eq + 1, "builtin") != 0 &&
                 strcmp(eq + 1, "custom") != 0)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid filter \"%s\": expected builtin or custom", word);
        else if (str_is_equal_z(key, "type"))
            match = network_name_is_reserved(name) == (strcmp(eq + 1, "builtin") == 0);
        else
            return error_set_plain(err, EINVAL, NULL, "invalid filter \"%.*s\"", STR_FMT(key));
        if (!match)
            return 0;
    }
    return 1;
}

static const char *labels_text(struct arena *arena, json_t *labels)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    const char *key;
    json_t *value;

    json_object_foreach(labels, key, value)
            strbuf_addf(&text, "%s%s=%s", text.len ? "," : "", key, json_string_value(value));
    return arena_strdup(arena, text.data);
}

static int run_ls(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct ls_options *options = data;
    auto_error struct error *err = NULL;
    auto_json json_t *networks = NULL;
    auto_json json_t *rows = json_array();

    (void)argv;
    if (argc)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || network_inspect_all(engine, &networks, &err) < 0)
        return report_error(cli, err);
    for (size_t i = 0; i < json_array_size(networks); i++) {
        json_t *network = json_array_get(networks, i);
        int match = network_matches(network, &options->filters, &err);

        if (match < 0)
            return report_error(cli, err);
        if (!match)
            continue;
        const char *id = jsonx_string(network, "Id");
        id = options->no_trunc ? id : format_short_id(&cli->arena, id ? id : "");
        if (options->quiet && !options->format)
            cli_print(cli, "%s\n", id);
        json_t *row = json_object();
        json_object_set_new(row, "CreatedAt",
                json_string(format_go_time(&cli->arena, jsonx_string(network, "Created"))));
        json_object_set(row, "Driver", json_object_get(network, "Driver"));
        json_object_set_new(row, "ID", json_string(id));
        json_object_set_new(row, "IPv4",
                json_string(jsonx_bool(network, "EnableIPv4", true) ? "true" : "false"));
        json_object_set_new(row, "IPv6",
                json_string(jsonx_bool(network, "EnableIPv6", false) ? "true" : "false"));
        json_object_set_new(row, "Internal",
                json_string(jsonx_bool(network, "Internal", false) ? "true" : "false"));
        json_object_set_new(row, "Labels",
                jsonx_text(labels_text(&cli->arena, json_object_get(network, "Labels"))));
        json_object_set(row, "Name", json_object_get(network, "Name"));
        json_object_set_new(row, "Scope", json_string("local"));
        json_array_append_new(rows, row);
    }
    if (options->quiet && !options->format)
        return 0;
    struct list_format format = {
        .format = options->format,
        .columns = ls_columns,
        .default_columns = 4,
        .min_width = TABLE_MIN_WIDTH,
    };
    return list_print(cli, &format, rows, &err) < 0 ? report_error(cli, err) : 0;
}

/* ------------------------------------------------------------------ rm, prune, inspect */

struct force_options {
    bool force;
    struct strings filters; /* of prune */
};
static const struct opt force_opts[] = { { .name = "force",
                                                 .letter = 'f',
                                                 .type = &opt_flag,
                                                 .offset = offsetof(struct force_options, force),
                                                 .help = "A missing network is no error" },
    OPT_END };
static const struct opt prune_opts[] = {
    PRUNE_FILTER_ROW(force_options, "until, label, label!"),
    PRUNE_FORCE_ROW(force_options),
    OPT_END,
};

static int run_rm(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct force_options *options = data;
    auto_error struct error *err = NULL;
    int status = 0;

    if (argc == 0)
        return cli_check_arguments(cli, cli->running, argc, 1, -1);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    for (int i = 0; i < argc; i++) {
        auto_error struct error *failure = NULL;
        int r = network_remove(engine, argv[i], &failure);

        if (r == -ENOENT && options->force)
            continue;
        if (r < 0)
            status = report_error(cli, failure);
        else
            cli_print(cli, "%s\n", argv[i]);
    }
    return status;
}

static int run_prune(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct force_options *options = data;
    auto_error struct error *err = NULL;
    struct strings names = { 0 };
    struct prune_filter prune;

    (void)argv;
    if (argc)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    if (prune_parse_filters(&cli->arena, &options->filters,
                &(struct prune_words){ .knows_time = true }, &prune, &err) < 0)
        return report_error(cli, err);
    if (!options->force &&
            !cli_confirm(cli, "This removes all networks that no container is connected to."))
        return 0;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || network_prune(engine, &cli->arena, &prune, &names, &err) < 0 ||
            network_tidy(engine, &err) < 0)
        return report_error(cli, err);
    objects_print_pruned(cli, "Networks", &names);
    return 0;
}

struct inspect_options {
    struct objects_inspect_options common;
    bool verbose;
};
static const struct opt inspect_opts[] = { { .name = "format",
                                                   .letter = 'f',
                                                   .type = &opt_string,
                                                   .arg = "FORMAT",
                                                   .offset = offsetof(
                                                           struct inspect_options, common.format),
                                                   .help = "json or a Go template" },
    { .name = "verbose",
            .letter = 'v',
            .type = &opt_flag,
            .offset = offsetof(struct inspect_options, verbose),
            .help = "Also the tasks of a swarm, of which there are none here" },
    OPT_END };

static int run_inspect(struct cli *cli, const void *data, int argc, char **argv)
{
    return objects_inspect(cli, "network", data, argc, argv);
}

static const char *const ls_aliases[] = { "list", NULL };
static const char *const rm_aliases[] = { "remove", NULL };
static const struct command subcommands[] = {
    { .name = "connect",
            .usage = "[OPTIONS] NETWORK CONTAINER",
            .summary = "Connect a container to a network",
            .opts = network_connect_opts,
            .options_bytes = sizeof(struct network_connect_words),
            .run = network_run_connect },
    { .name = "create",
            .usage = "[OPTIONS] NETWORK",
            .summary = "Create a network",
            .opts = network_create_opts,
            .options_bytes = sizeof(struct network_create_words),
            .defaults = &network_create_defaults,
            .run = network_run_create },
    { .name = "disconnect",
            .usage = "[OPTIONS] NETWORK CONTAINER",
            .summary = "Take a container off a network",
            .opts = network_disconnect_opts,
            .options_bytes = sizeof(struct network_disconnect_words),
            .run = network_run_disconnect },
    { .name = "inspect",
            .usage = "[OPTIONS] NETWORK [NETWORK...]",
            .summary = "Show everything about networks",
            .opts = inspect_opts,
            .options_bytes = sizeof(struct inspect_options),
            .run = run_inspect },
    { .name = "ls",
            .aliases = ls_aliases,
            .usage = "[OPTIONS]",
            .summary = "List networks",
            .opts = ls_opts,
            .options_bytes = sizeof(struct ls_options),
            .run = run_ls },
    { .name = "prune",
            .usage = "[OPTIONS]",
            .summary = "Remove unused networks",
            .opts = prune_opts,
            .options_bytes = sizeof(struct force_options),
            .run = run_prune },
    { .name = "rm",
            .aliases = rm_aliases,
            .usage = "[OPTIONS] NETWORK [NETWORK...]",
            .summary = "Remove networks",
            .opts = force_opts,
            .options_bytes = sizeof(struct force_options),
            .run = run_rm },
    { 0 },
};

const struct command command_network = {
    .name = "network",
    .usage = "COMMAND",
    .summary = "Manage networks",
    .subcommands = subcommands,
    .stop_at_first_argument = true,
};
