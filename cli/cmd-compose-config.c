/* compose config, version. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/config-digests.h"
#include "cli/report.h"
#include "cli/table.h"
#include "cli/units.h"
#include "cli/version.h"
#include "compose/document.h"
#include "compose/graph.h"
#include "compose/print.h"
#include "compose/project.h"
#include "compose/variables.h"

struct config_options {
    const char *format, *hash, *output;
    bool environment, images, models, networks, profiles, services, variables, volumes, quiet;
    bool no_consistency, no_env_resolution, no_interpolate, no_normalize, no_path_resolution;
    bool lock_digests, resolve_digests;
};

static const char *const config_formats[] = { "yaml", "json", "quadlet", "quadlets", "systemd",
    NULL };

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
            .help = "yaml or json; or units: quadlet, quadlets, systemd" },
    { .name = "hash",
            .type = &opt_string,
            .arg = "SERVICES",
            AT(hash),
            .help = "Print the configuration hash of services, * for all" },
    { .name = "images", .type = &opt_flag, AT(images), .help = "Print the image names" },
    { .name = "lock-image-digests",
            .type = &opt_flag,
            AT(lock_digests),
            .help = "Print an override file that pins image digests" },
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
            .help = "Write to a file; units into a directory" },
    { .name = "profiles", .type = &opt_flag, AT(profiles), .help = "Print the profile names" },
    { .name = "quiet",
            .letter = 'q',
            .type = &opt_flag,
            AT(quiet),
            .help = "Only check, print nothing" },
    { .name = "resolve-image-digests",
            .type = &opt_flag,
            AT(resolve_digests),
            .help = "Replace tags by digests" },
    { .name = "services", .type = &opt_flag, AT(services), .help = "Print the service names" },
    { .name = "variables",
            .type = &opt_flag,
            AT(variables),
            .help = "Print the variables of the files with their defaults" },
    { .name = "volumes", .type = &opt_flag, AT(volumes), .help = "Print the volume names" }, OPT_END
};
#undef AT

static const char *const config_aliases[] = { "convert", NULL };

/* What one call prints. Where several are asked for the first counts. */
enum config_view {
    VIEW_SERVICES,
    VIEW_VOLUMES,
    VIEW_NETWORKS,
    VIEW_MODELS,
    VIEW_HASH,
    VIEW_PROFILES,
    VIEW_IMAGES,
    VIEW_VARIABLES,
    VIEW_ENVIRONMENT,
    VIEW_MODEL, /* the whole */
};

static enum config_view choose_view(const struct config_options *o)
{
    const bool asked[] = {
        [VIEW_SERVICES] = o->services,
        [VIEW_VOLUMES] = o->volumes,
        [VIEW_NETWORKS] = o->networks,
        [VIEW_MODELS] = o->models,
        [VIEW_HASH] = !string_is_empty(o->hash),
        [VIEW_PROFILES] = o->profiles,
        [VIEW_IMAGES] = o->images,
        [VIEW_VARIABLES] = o->variables,
        [VIEW_ENVIRONMENT] = o->environment,
        [VIEW_MODEL] = true,
    };
    enum config_view view = VIEW_SERVICES;

    while (!asked[view])
        view++;
    return view;
}

/* ------------------------------------------------------------------ lists of names */

static void add_line(struct strbuf *out, const char *text)
{
    strbuf_addf(out, "%s\n", text);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void sort_texts(struct strings *texts)
{
    if (texts->len > 1)
        qsort(texts->items, texts->len, sizeof(*texts->items), compare_texts);
}

static void add_profiles(const struct project *project, struct arena *arena, struct strbuf *out)
{
    struct strings all = { 0 };
    const struct services *const lists[] = { &project->services, &project->disabled };

    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        ARRAY_FOREACH(lists[l], service)
            for (size_t i = 0; i < service->profiles.len; i++)
                *ARRAY_APPEND_ARENA(arena, &all) = service->profiles.items[i];
    sort_texts(&all);
    for (size_t i = 0; i < all.len; i++)
        if (i == 0 || strcmp(all.items[i], all.items[i - 1]) != 0)
            add_line(out, all.items[i]);
}

/* Dependencies first, as `up` goes. Without interpolation no profile is looked at, and all are there. */
static void add_services(
        const struct compose *compose, const struct config_options *o, struct strbuf *out)
{
    const struct node *services = node_get(compose->project->model, "services");

    if (o->no_interpolate && services) {
        NODE_FOREACH(services, entry)
            add_line(out, entry->key);
    } else if (compose->graph) {
        for (size_t i = 0; i < compose->graph->nodes.len; i++)
            if (compose->graph->order[i]->kind == GRAPH_SERVICE)
                add_line(out, compose->graph->order[i]->name);
    } else {
        ARRAY_FOREACH(&compose->project->services, service)
            add_line(out, service->name);
    }
}

static int add_hashes(struct compose *compose, const char *which, struct strbuf *out)
{
    const struct project *project = compose->project;
    struct strings names = { 0 };
    struct str rest = str_from(which), piece;

    if (strcmp(which, "*") == 0) {
        ARRAY_FOREACH(&project->services, service)
            *ARRAY_APPEND_ARENA(&compose->arena, &names) = arena_strdup(
                    &compose->arena, service->name);
    } else {
        while (str_split_next(&rest, ',', &piece))
            *ARRAY_APPEND_ARENA(&compose->arena, &names) = arena_strndup(
                    &compose->arena, piece.data, piece.len);
    }
    sort_texts(&names);
    ARRAY_FOREACH(&names, name) {
        const struct service *service = project_find_service(project, *name);

        if (!service)
            return report_failure(compose->cli, "no such service: %s: %s", *name,
                    project_find_disabled_service(project, *name) ? "disabled" : "not found");
        strbuf_addf(out, "%s %s\n", *name, service_config_hash(&compose->arena, service));
    }
    return 0;
}

static void add_environment(const struct project *project, struct strbuf *out)
{
    struct strmap sorted = project->environment;

    strmap_sort(&sorted);
    STRMAP_FOREACH(&sorted, entry)
        strbuf_addf(out, "%s=%s\n", entry->key, (const char *)entry->value);
}

static void add_names(struct compose *compose, enum config_view view, struct strbuf *out)
{
    const struct project *project = compose->project;
    bool all = compose->options->all_resources;

    if (view == VIEW_VOLUMES) {
        ARRAY_FOREACH(&project->volumes, volume)
            if (volume->used || all)
                add_line(out, volume->key);
    } else if (view == VIEW_NETWORKS) {
        ARRAY_FOREACH(&project->networks, network)
            if (network->used || all)
                add_line(out, network->key);
    } else if (view == VIEW_MODELS) {
        ARRAY_FOREACH(&project->models, model)
            if ((model->used || all) && !string_is_empty(model->model))
                add_line(out, model->model);
    } else if (view == VIEW_IMAGES) {
        ARRAY_FOREACH(&project->services, service)
            add_line(out, service_image_name(&compose->arena, project, service));
    }
}

/* ------------------------------------------------------------------ variables */

static void print_variables_json(struct cli *cli, const struct project_variables *variables)
{
    auto_json json_t *object = json_object();

    ARRAY_FOREACH(variables, v) {
        json_t *row = json_pack("{s:s,s:s,s:s,s:b}", "Name", v->name, "DefaultValue",
                v->default_value ? v->default_value : "", "PresenceValue",
                v->alternate_value ? v->alternate_value : "", "Required", v->required);
        json_object_set_new(object, v->name, row);
    }
    cli_print_json(cli, object, true);
}

static void print_variables_yaml(const struct project_variables *variables, struct strbuf *out)
{
    if (!variables->len)
        add_line(out, "{}");
    ARRAY_FOREACH(variables, v) {
        const char *const texts[][2] = { { "name", v->name }, { "defaultvalue", v->default_value },
            { "presencevalue", v->alternate_value } };

        yaml_print_text(v->name, 0, out); /* some names read as something else */
        strbuf_truncate(out, out->len - 1);
        strbuf_adds(out, ":\n");
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
            strbuf_addf(out, "    %s: ", texts[i][0]);
            yaml_print_text(texts[i][1] ? texts[i][1] : "", 8, out);
        }
        strbuf_addf(out, "    required: %s\n", v->required ? "true" : "false");
    }
}

static void print_variables(struct compose *compose, const char *format, struct strbuf *out)
{
    static const char *const headers[] = { "NAME", "REQUIRED", "DEFAULT VALUE", "ALTERNATE VALUE",
        NULL };
    auto_(table_release) struct table table = TABLE_INIT(TABLE_COMPOSE_MIN_WIDTH);
    struct project_variables variables;

    project_list_variables(&compose->arena, compose->project, &variables);
    if (string_is_equal(format, "json")) {
        print_variables_json(compose->cli, &variables);
        return;
    }
    if (string_is_equal(format, "yaml")) {
        print_variables_yaml(&variables, out);
        return;
    }
    table_headers(&table, headers);
    ARRAY_FOREACH(&variables, v) {
        table_row(&table);
        table_cell(&table, v->name);
        table_cell(&table, v->required ? "true" : "false");
        table_cell(&table, v->default_value);
        table_cell(&table, v->alternate_value);
    }
    table_print(compose->cli, &table);
}

/* ------------------------------------------------------------------ the command */

static void print_model(
        const struct compose *compose, const struct config_options *o, struct strbuf *out)
{
    struct print_options how = {
        .format = string_is_equal(o->format, "json") ? PRINT_JSON : PRINT_YAML,
        .no_interpolate = o->no_interpolate,
        .all_resources = compose->options->all_resources,
        .only_images = o->lock_digests,
    };

    project_print(compose->project, &how, out);
}

static int format_view(struct compose *compose, const struct config_options *o,
        enum config_view view, struct strbuf *out)
{
    switch (view) {
    case VIEW_SERVICES:
        add_services(compose, o, out);
        break;
    case VIEW_HASH:
        return add_hashes(compose, o->hash, out);
    case VIEW_PROFILES:
        add_profiles(compose->project, &compose->arena, out);
        break;
    case VIEW_VARIABLES:
        print_variables(compose, o->format, out);
        break;
    case VIEW_ENVIRONMENT:
        add_environment(compose->project, out);
        break;
    case VIEW_MODEL:
        print_model(compose, o, out);
        break;
    case VIEW_VOLUMES:
    case VIEW_NETWORKS:
    case VIEW_MODELS:
    case VIEW_IMAGES:
        add_names(compose, view, out);
        break;
    }
    return 0;
}

static int load_for(struct compose *compose, const struct config_options *o, enum config_view view)
{
    /* Read as it is written: nothing is enabled, so nothing need fit together. */
    bool raw = view == VIEW_VARIABLES ||
               (o->no_interpolate && (view == VIEW_MODEL || view == VIEW_SERVICES));
    /* These look at all services whatever is named after them. */
    bool whole = view <= VIEW_HASH || raw;
    bool reads_env_files = view == VIEW_MODEL || view == VIEW_ENVIRONMENT;

    if (whole)
        compose->load.services = (struct strings){ 0 };
    compose->load.select_services = compose->load.services.len > 0;
    compose->load.no_interpolate = o->no_interpolate || view == VIEW_VARIABLES;
    compose->load.as_written = raw;
    compose->load.no_normalize = o->no_normalize || compose->options->compatibility;
    compose->load.no_path_resolution = o->no_path_resolution;
    compose->load.no_consistency = o->no_consistency || raw;
    compose->load.no_env_resolution = o->no_env_resolution || !reads_env_files;
    compose->load.as_hashed = view == VIEW_HASH;
    return compose_load(compose, COMPOSE_NEED_PROJECT);
}

/* Replaced whole when it is a file or not there; a pipe or a device is written to, and a link is followed. */
static int write_output(const char *path, const struct strbuf *text, struct error **err)
{
    struct stat status = { .st_mode = S_IFREG | 0644 };
    bool exists = stat(path, &status) == 0;
    auto_free char *real = exists && S_ISREG(status.st_mode) ? realpath(path, NULL) : NULL;

    if (real || (!exists && errno == ENOENT))
        return fs_replace_file(AT_FDCWD, real ? real : path, text->data, text->len,
                status.st_mode & 0777, FS_NO_SYNC, err);
    auto_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    int r = fd < 0 ? -errno : fd_write_all(fd, text->data, text->len);

    return r < 0 ? error_set(err, r, NULL, "cannot write \"%s\"", path) : 0;
}

/* As units, as `berth units` makes them. */
static int convert(struct compose *compose, const struct config_options *o)
{
    struct cli *cli = compose->cli;
    struct units_options options = { .is_user = geteuid() != 0 };
    struct units_files files = { 0 };
    int status = units_parse_options(cli, o->format, NULL, NULL, &options);

    if (status == 0)
        status = compose_load(compose, COMPOSE_NEED_PROJECT);
    if (status == 0)
        status = units_of_compose(compose, &options, &files);
    if (status || o->quiet)
        return status;
    if (o->output)
        return units_write(cli, &files, o->output);
    units_print(cli, &files);
    return 0;
}

static bool is_units_format(const char *format)
{
    for (size_t i = 0; format && i < UNITS_FORMAT_MAX_; i++)
        if (strcmp(format, units_format_names[i]) == 0)
            return true;
    return false;
}

static int run_config(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct config_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    auto_error struct error *err = NULL;
    enum config_view view = choose_view(o);
    bool is_model = view == VIEW_MODEL, as_units = is_units_format(o->format);

    if (!as_units && !string_is_empty(o->format) && strcmp(o->format, "yaml") != 0 &&
            strcmp(o->format, "json") != 0 && (is_model || view == VIEW_VARIABLES))
        return report_failure(cli,
                "unsupported format \"%s\": expected yaml, json, quadlet, quadlets or systemd",
                o->format);
    int status = compose_begin(cli, argc, argv, &compose);
    if (status == 0 && as_units)
        return convert(compose, o);
    if (status == 0)
        status = load_for(compose, o, view);
    if (status == 0 && is_model && (o->resolve_digests || o->lock_digests))
        status = config_resolve_digests(compose, o->no_interpolate);
    if (status || (o->quiet && (is_model || view == VIEW_ENVIRONMENT)))
        return status;
    status = format_view(compose, o, view, &text);
    if (status)
        return status;
    if (strbuf_is_truncated(&text))
        return report_failure(cli, "the configuration is longer than %u bytes", CLI_TEXT_MAX);
    if (!is_model || string_is_empty(o->output))
        cli_print_text(cli, text.data, text.len);
    else if (write_output(o->output, &text, &err) < 0)
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
    if (o->is_short && (!o->format || string_is_equal(o->format, "json") ||
                               string_is_equal(o->format, "pretty")))
        cli_print(cli, "%s\n", BERTH_VERSION);
    else if (string_is_equal(o->format, "json"))
        cli_print(cli, "{\"version\":\"%s\"}\n", BERTH_VERSION);
    else if (o->format && strcmp(o->format, "pretty") != 0)
        return report_failure(cli, "unsupported format \"%s\": expected pretty or json", o->format);
    else
        cli_print(cli, "berth compose version %s\n", BERTH_VERSION);
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
