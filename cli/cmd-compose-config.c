/* compose config, version. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/version.h"
#include "compose/graph.h"
#include "compose/print.h"
#include "compose/project.h"

struct config_options {
    const char *format, *hash, *output;
    bool environment, images, models, networks, profiles, services, variables, volumes, quiet;
    bool no_consistency, no_env_resolution, no_interpolate, no_normalize, no_path_resolution;
    bool lock_digests, resolve_digests;
};

static const char *const config_formats[] = { "yaml", "json", NULL };

#define AT(member) .offset = offsetof(struct config_options, member)
static const struct opt config_opts[] = {
    { .name = "environment",
            .type = &opt_flag,
            AT(environment),
            .help = "Print the variables used for interpolation" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .values = config_formats,
            .help = "yaml or json" },
    { .name = "hash",
            .type = &opt_string,
            .arg = "SERVICES",
            AT(hash),
            .help = "Print the configuration hash of services, * for all" },
    { .name = "images", .type = &opt_flag, AT(images), .help = "Print the image names" },
    { .name = "models", .type = &opt_flag, AT(models), .help = "Print the model names" },
    { .name = "networks", .type = &opt_flag, AT(networks), .help = "Print the network names" },
    { .name = "no-consistency",
            .type = &opt_flag,
            AT(no_consistency),
            .help = "Skip the checks between parts of the model" },
    { .name = "no-env-resolution",
            .type = &opt_flag,
            AT(no_env_resolution),
            .help = "Do not read the services' env files" },
    { .name = "no-interpolate",
            .type = &opt_flag,
            AT(no_interpolate),
            .help = "Leave variables as written" },
    { .name = "no-normalize",
            .type = &opt_flag,
            AT(no_normalize),
            .help = "Skip defaults and derived values" },
    { .name = "no-path-resolution",
            .type = &opt_flag,
            AT(no_path_resolution),
            .help = "Leave relative paths as written" },
    { .name = "output",
            .letter = 'o',
            .type = &opt_string,
            .arg = "FILE",
            AT(output),
            .help = "Write to a file" },
    { .name = "profiles", .type = &opt_flag, AT(profiles), .help = "Print the profile names" },
    { .name = "quiet",
            .letter = 'q',
            .type = &opt_flag,
            AT(quiet),
            .help = "Only check, print nothing" },
    { .name = "services", .type = &opt_flag, AT(services), .help = "Print the service names" },
    { .name = "variables",
            .type = &opt_flag,
            AT(variables),
            .help = "Print the variables of the files with their defaults" },
    { .name = "volumes", .type = &opt_flag, AT(volumes), .help = "Print the volume names" },
    { .name = "lock-image-digests",
            .type = &opt_flag,
            .flags = OPT_UNSUPPORTED,
            AT(lock_digests),
            .help = "Print an override file that pins image digests" },
    { .name = "resolve-image-digests",
            .type = &opt_flag,
            .flags = OPT_UNSUPPORTED,
            AT(resolve_digests),
            .help = "Replace tags by digests" },
    OPT_END
};
#undef AT

static const char *const config_aliases[] = { "convert", NULL };

/* ------------------------------------------------------------------ lists of names */

static void add_line(struct strbuf *out, const char *text)
{
    strbuf_addf(out, "%s\n", text);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_profiles(const struct project *project, struct arena *arena, struct strbuf *out)
{
    struct strings all = { 0 };
    const struct services *const lists[] = { &project->services, &project->disabled };

    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        ARRAY_FOREACH(lists[l], service)
            for (size_t i = 0; i < service->profiles.len; i++)
                *ARRAY_APPEND_ARENA(arena, &all) = service->profiles.items[i];
    if (all.len > 1)
        qsort(all.items, all.len, sizeof(*all.items), compare_texts);
    for (size_t i = 0; i < all.len; i++)
        if (i == 0 || strcmp(all.items[i], all.items[i - 1]) != 0)
            add_line(out, all.items[i]);
}

static int add_hashes(struct compose *compose, const char *which, struct strbuf *out)
{
    struct str rest = str_from(which), piece;

    if (strcmp(which, "*") == 0) {
        ARRAY_FOREACH(&compose->project->services, service)
            strbuf_addf(
                    out, "%s %s\n", service->name, service_config_hash(&compose->arena, service));
        return 0;
    }
    while (str_split_next(&rest, ',', &piece)) {
        const char *name = arena_strndup(&compose->arena, piece.data, piece.len);
        const struct service *service = project_find_service(compose->project, name);

        if (!service)
            return report_failure(compose->cli, "no such service: %s", name);
        strbuf_addf(out, "%s %s\n", name, service_config_hash(&compose->arena, service));
    }
    return 0;
}

static int print_variables(struct compose *compose, const char *format)
{
    struct cli *cli = compose->cli;
    auto_error struct error *err = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct load_variables variables = { 0 };
    int r = project_list_variables(&compose->arena, &compose->load, &variables, &diag, &err);

    report_diag(cli, &diag);
    if (r < 0)
        return diag_has_errors(&diag) ? EXIT_STATUS_FAILURE : report_error(cli, err);
    if (string_is_equal(format, "json")) {
        auto_json json_t *object = json_object();

        ARRAY_FOREACH(&variables, v) {
            json_t *row = json_pack("{s:s,s:b,s:s,s:s}", "Name", v->name, "Required", v->required,
                    "DefaultValue", v->default_value ? v->default_value : "", "PresenceValue",
                    v->alternate_value ? v->alternate_value : "");
            json_object_set_new(object, v->name, row);
        }
        cli_print_json(cli, object, true);
        return 0;
    }
    static const char *const headers[] = { "NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE",
        NULL };
    auto_(table_release) struct table table = TABLE_INIT(TABLE_COMPOSE_MIN_WIDTH);
    table_headers(&table, headers);
    ARRAY_FOREACH(&variables, v) {
        table_row(&table);
        table_cell(&table, v->name);
        table_cell(&table, v->required ? "true" : "false");
        table_cell(&table, v->default_value);
        table_cell(&table, v->alternate_value);
    }
    table_print(cli, &table);
    return 0;
}

/* The text that the options ask for; exit status. */
static int format_config(
        struct compose *compose, const struct config_options *o, struct strbuf *out)
{
    const struct project *project = compose->project;

    if (o->services) {
        for (size_t i = 0; i < compose->graph->nodes.len;
                i++) { /* dependencies first, as `up` goes */
            const struct graph_node *node = compose->graph->order[i];

            if (node->kind == GRAPH_SERVICE)
                add_line(out, node->name);
        }
    } else if (o->volumes) {
        ARRAY_FOREACH(&project->volumes, volume)
            if (volume->used || compose->options->all_resources)
                add_line(out, volume->key);
    } else if (o->networks) {
        ARRAY_FOREACH(&project->networks, network)
            if (network->used || compose->options->all_resources)
                add_line(out, network->key);
    } else if (o->models) {
        ARRAY_FOREACH(&project->models, model)
            add_line(out, model->model ? model->model : model->key);
    } else if (o->images) {
        ARRAY_FOREACH(&project->services, service)
            add_line(out, service_image_name(&compose->arena, project, service));
    } else if (o->profiles) {
        add_profiles(project, &compose->arena, out);
    } else if (o->environment) {
        struct strmap sorted = project->environment;

        strmap_sort(&sorted);
        STRMAP_FOREACH(&sorted, entry)
            strbuf_addf(out, "%s=%s\n", entry->key, (const char *)entry->value);
    } else if (o->hash) {
        return add_hashes(compose, o->hash, out);
    } else {
        struct print_options how = { .format = string_is_equal(o->format, "json") ? PRINT_JSON
                                                                                  : PRINT_YAML,
            .no_interpolate = o->no_interpolate,
            .all_resources = compose->options->all_resources };

        project_print(project, &how, out);
    }
    return 0;
}

static int run_config(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct config_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    auto_error struct error *err = NULL;

    if (o->format && strcmp(o->format, "yaml") != 0 && strcmp(o->format, "json") != 0)
        return report_failure(cli, "unsupported format \"%s\": expected yaml or json", o->format);
    int status = compose_begin(cli, argc, argv, &compose);
    if (status)
        return status;
    compose->load.select_services = argc > 0;
    compose->load.no_interpolate = o->no_interpolate;
    compose->load.no_normalize = o->no_normalize;
    compose->load.no_path_resolution = o->no_path_resolution;
    compose->load.no_consistency = o->no_consistency;
    compose->load.no_env_resolution = o->no_env_resolution;
    if (o->variables)
        return print_variables(compose, o->format);
    status = compose_load(compose, COMPOSE_NEED_PROJECT);
    if (status == 0 && !o->quiet)
        status = format_config(compose, o, &text);
    if (status || o->quiet)
        return status;
    if (strbuf_is_truncated(&text))
        return report_failure(cli, "the configuration is longer than %u bytes", CLI_TEXT_MAX);
    if (!o->output)
        cli_print_text(cli, text.data, text.len);
    else if (fs_replace_file(AT_FDCWD, o->output, text.data, text.len, 0644, FS_NO_SYNC, &err) < 0)
        return report_error(cli, err);
    return 0;
}

const struct command command_compose_config = {
    .name = "config",
    .aliases = config_aliases,
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Check the files and show what they come to",
    .opts = config_opts,
    .options_bytes = sizeof(struct config_options),
    .run = run_config,
};

/* ------------------------------------------------------------------ version */

struct version_options {
    const char *format;
    bool is_short;
};
static const struct opt version_opts[] = { { .name = "format",
                                                   .letter = 'f',
                                                   .type = &opt_string,
                                                   .arg = "FORMAT",
                                                   .offset = offsetof(
                                                           struct version_options, format),
                                                   .values = values_pretty_json,
                                                   .help = "pretty or json" },
    { .name = "short",
            .type = &opt_flag,
            .offset = offsetof(struct version_options, is_short),
            .help = "Only the number" },
    OPT_END };

static int run_version(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct version_options *o = data;
    int status = cli_check_arguments(cli, &command_compose_version, argc, 0, 0);

    (void)argv;
    if (status)
        return status;
    if (string_is_equal(o->format, "json"))
        cli_print(cli, "{\"version\":\"%s\"}\n", BERTH_VERSION);
    else if (o->format && strcmp(o->format, "pretty") != 0)
        return report_failure(cli, "unsupported format \"%s\": expected pretty or json", o->format);
    else
        cli_print(cli, o->is_short ? "%s\n" : "berth compose version %s\n", BERTH_VERSION);
    return 0;
}

const struct command command_compose_version = {
    .name = "version",
    .usage = "[OPTIONS]",
    .summary = "Show the version",
    .opts = version_opts,
    .options_bytes = sizeof(struct version_options),
    .run = run_version,
};
