/* berth units: what units or quadlets would come of a compose file, a directory of quadlets or an enabled project. */
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json/json.h"
#include "base/path.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/quadlets.h"
#include "cli/report.h"
#include "cli/units.h"
#include "quadlet/quadlet.h"
#include "units/search.h"

#define STATUS_DIFFERENT 2
#define STATUS_DROPPED 3

struct cmd_options {
    const char *engine, *format, *output, *podman_version, *project_name;
    struct strings profiles;
    const char *report;
    bool diff, is_system, is_user, strict;
};
static const char *const engine_words[] = { "berth", "podman", NULL };
#define AT(member) .offset = offsetof(struct cmd_options, member)
static const struct opt units_opts[] = {
    { .name = "diff",
            .type = &opt_flag,
            AT(diff),
            .help = "Show how they differ from those in the directory of --output, or from what systemd has" },
    { .name = "engine",
            .type = &opt_string,
            .arg = "ENGINE",
            AT(engine),
            .values = engine_words,
            .help = "Whose commands the units run: berth (the default) or podman" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .values = units_format_names,
            .help = "systemd (units, the default), quadlet or quadlets (all in one file)" },
    { .name = "output",
            .letter = 'o',
            .type = &opt_string,
            .arg = "DIR",
            AT(output),
            .help = "Write them into this directory" },
    { .name = "podman-version",
            .type = &opt_string,
            .arg = "VERSION",
            AT(podman_version),
            .help = "For this Podman, 4.9 to 6.0: newer keys become PodmanArgs= or are refused" },
    { .name = "profile",
            .type = &opt_list,
            .arg = "NAME",
            AT(profiles),
            .help = "Enable a profile of the compose file, * for all" },
    { .name = "project-name",
            .letter = 'p',
            .type = &opt_string,
            .arg = "NAME",
            AT(project_name),
            .help = "Project name" },
    { .name = "report",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(report),
            .values = values_text_json,
            .help = "Instead of the units, what became of each attribute of the project: text or json" },
    { .name = "strict",
            .type = &opt_flag,
            AT(strict),
            .help = "Exit with 3 when something of the project is not in the units" },
    { .name = "system", .type = &opt_flag, AT(is_system), .help = "For the system's systemd" },
    { .name = "user", .type = &opt_flag, AT(is_user), .help = "For a user's systemd" },
    OPT_END,
};
#undef AT

/* ------------------------------------------------------------------ from where */

static bool is_directory(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool has_quadlets(struct cli *cli, const char *path)
{
    struct strings names = { 0 };

    if (search_read_names(&cli->arena, path, &names) < 0)
        return false;
    ARRAY_FOREACH(&names, name)
        if (quadlet_type_of(*name) >= 0)
            return true;
    return false;
}

/* A compose file, or the directory of one; NULL: that of here. */
static int of_compose(struct cli *cli, const struct cmd_options *o, const char *path,
        const struct units_options *options, struct units_files *ret)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    int status = compose_begin(cli, 0, NULL, &compose);

    if (status)
        return status;
    compose->load.profiles = o->profiles;
    compose->load.project_name = o->project_name;
    if (path && is_directory(path))
        compose->load.working_dir = path_join(&compose->arena, compose->load.working_dir, path);
    else if (path)
        *ARRAY_APPEND_ARENA(&compose->arena, &compose->load.files) = (char *)path;
    status = compose_load(compose, COMPOSE_NEED_PROJECT);
    return status ? status : units_of_compose(compose, options, ret);
}

static int make(struct cli *cli, const struct cmd_options *o, const char *source,
        const struct units_options *options, struct units_files *ret)
{
    if (!source)
        return of_compose(cli, o, NULL, options, ret);
    if (is_directory(source) && has_quadlets(cli, source))
        return units_of_directory(cli, source, options, ret);
    if (access(source, F_OK) == 0 || strchr(source, '/'))
        return of_compose(cli, o, source, options, ret);
    return units_of_enabled(cli, source, options, ret);
}

/* ------------------------------------------------------------------ the command */

/* Where systemd, or the generator, has them. */
static const char *installed_directory(struct cli *cli, const struct units_options *options)
{
    const char *runtime = cli_env(cli, "XDG_RUNTIME_DIR");

    if (options->format != UNITS_SYSTEMD)
        return quadlets_install_dir(cli, options->is_user, NULL);
    if (!options->is_user)
        return "/run/systemd/generator";
    return runtime ? arena_printf(&cli->arena, "%s/systemd/generator", runtime) : NULL;
}

static int show_diff(struct cli *cli, const struct cmd_options *o,
        const struct units_options *options, const struct units_files *files)
{
    const char *directory = o->output ? o->output : installed_directory(cli, options);
    bool differ = false;
    int status;

    if (!directory)
        return report_failure(cli, "--diff: where to look is not known; name it with --output");
    status = units_diff(cli, files, directory, &differ);
    return status ? status : differ ? STATUS_DIFFERENT : 0;
}

static void print_report(struct cli *cli, const char *format, const json_t *report)
{
    const json_t *entry;
    size_t i;

    if (strcmp(format, "json") == 0) {
        cli_print_json(cli, report, false);
        return;
    }
    json_array_foreach(report, i, entry)
    {
        const char *note = jsonx_string(entry, "note");

        cli_print(cli, "%s:%lld:%lld: %s %s%s%s\n", jsonx_string(entry, "file"),
                json_integer_value(json_object_get(entry, "line")),
                json_integer_value(json_object_get(entry, "column")), jsonx_string(entry, "path"),
                jsonx_string(entry, "state"), note ? ": " : "", note ? note : "");
    }
}

/* What is asked for, with the files that were made. */
static int show(struct cli *cli, const struct cmd_options *o, bool verify,
        const struct units_options *options, const struct units_files *files)
{
    if (o->report) {
        print_report(cli, o->report, options->report);
        return 0;
    }
    if (verify)
        return units_verify(cli, files, options->is_user);
    if (o->diff)
        return show_diff(cli, o, options, files);
    if (o->output)
        return units_write(cli, files, o->output);
    units_print(cli, files);
    return 0;
}

static int run_units(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct cmd_options *o = data;
    bool verify = argc > 0 && strcmp(argv[0], "verify") == 0;
    auto_json json_t *report = o->report ? json_array() : NULL;
    bool dropped = false;
    struct units_options options = { .is_user = o->is_user || (geteuid() != 0 && !o->is_system),
        .report = report,
        .ret_dropped = &dropped };
    struct units_files files = { 0 };
    int status = cli_check_arguments(cli, &command_units, argc, 0, 1 + verify);

    if (status == 0 && o->is_user && o->is_system)
        status = report_failure(cli, "--system and --user exclude each other");
    if (status == 0 && verify && (o->diff || o->output))
        status = report_failure(cli, "verify takes neither --diff nor --output");
    if (status == 0)
        status = units_parse_options(cli, o->format, o->engine, o->podman_version, &options);
    if (status == 0 && o->report && strcmp(o->report, "text") != 0 &&
            strcmp(o->report, "json") != 0)
        status = report_failure(cli, "unsupported format \"%s\": expected text or json", o->report);
    if (status == 0 && verify && options.format != UNITS_SYSTEMD)
        status = report_failure(cli, "only units can be verified: --format systemd");
    if (status)
        return status;
    status = make(cli, o, argc > verify ? argv[verify] : NULL, &options, &files);
    /* One bad quadlet of a directory costs the others nothing, but it is a failure. */
    int shown = status == 0 || files.len > 0 ? show(cli, o, verify, &options, &files) : 0;
    if (status || shown)
        return status ? status : shown;
    return o->strict && dropped ? STATUS_DROPPED : 0;
}

const struct command command_units = {
    .name = "units",
    .usage = "[OPTIONS] [verify] [FILE|DIR|PROJECT]",
    .summary = "Show the systemd units or quadlets of a project",
    .details =
            "Of a compose file (the default is the one here), a directory of quadlets, or the project of that name "
            "as it is enabled; changes nothing but the directory of --output. With --diff the exit status is 2 when "
            "something differs. What cannot be as the project says is told with its place; with --strict it is an exit "
            "status of 3. `berth units verify` lets systemd-analyze look at the units.",
    .opts = units_opts,
    .options_bytes = sizeof(struct cmd_options),
    .run = run_units,
};
