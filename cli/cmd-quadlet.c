/* quadlet: the group, and what only looks: list, print, check. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/cmd-quadlet-internal.h"
#include "cli/list.h"
#include "cli/quadlets.h"
#include "cli/report.h"
#include "cli/table.h"
#include "units/bus/bus.h"

struct list_options {
    const char *format;
    struct strings filters;
    bool is_user, quiet;
};
#define AT(member) .offset = offsetof(struct list_options, member)
static const struct opt list_opts[] = {
    { .name = "filter",
            .letter = 'f',
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(filters),
            .help = "name=PATTERN, status=STATE, app=NAME" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .help = "table, json or a Go template" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "Only names" },
    { .name = "user", .type = &opt_flag, AT(is_user), .help = "The user's, also for root" },
    OPT_END,
};
#undef AT

static const struct list_column list_columns[] = {
    { "NAME", "Name" },
    { "UNIT NAME", "UnitName" },
    { "PATH ON DISK", "Path" },
    { "STATUS", "Status" },
    { "APPLICATION", "App" },
    { NULL, NULL },
};

/* "active/running", or why that is not known. */
static const char *unit_status(struct cli *cli, struct bus *bus, const struct quadlet *quadlet)
{
    struct bus_unit unit;

    if (quadlet->failed)
        return "invalid";
    if (!bus || bus_get_unit(bus, &cli->arena, quadlet->service, &unit, NULL) < 0)
        return "unknown";
    if (strcmp(unit.load_state, "loaded") != 0)
        return "not loaded";
    return arena_printf(&cli->arena, "%s/%s", unit.active_state, unit.sub_state);
}

/* Name of the list that the quadlet's directory has for it: "web" of ".web.app". */
static const char *application_of(
        struct cli *cli, const struct search *search, const struct quadlet *quadlet)
{
    ARRAY_FOREACH(&search->dirs, dir) {
        if (strcmp(dir->path, quadlet->directory) != 0)
            continue;
        ARRAY_FOREACH(&dir->names, name) {
            if (**name != '.' || !string_has_suffix(*name, ".app"))
                continue;
            struct strings members = quadlets_read_list(cli, dir->path, *name);

            ARRAY_FOREACH(&members, member)
                if (strcmp(*member, quadlet->name) == 0)
                    return arena_strndup(&cli->arena, *name + 1, strlen(*name) - strlen("..app"));
        }
    }
    return "";
}

static bool matches(const struct strings *filters, const struct quadlet *quadlet,
        const char *status, const char *app)
{
    ARRAY_FOREACH(filters, filter) {
        const char *value = strchr(*filter, '=') + 1;
        const char *text = string_has_prefix(*filter, "name=")     ? quadlet->name
                           : string_has_prefix(*filter, "status=") ? status
                                                                   : app;

        if (fnmatch(value, text, 0) != 0)
            return false;
    }
    return true;
}

static int check_filters(struct cli *cli, const struct strings *filters)
{
    static const char *const keys[] = { "name=", "status=", "app=" };

    ARRAY_FOREACH(filters, filter) {
        bool known = false;

        for (size_t i = 0; i < ARRAY_LEN(keys); i++)
            known |= string_has_prefix(*filter, keys[i]);
        if (!known)
            return report_failure(cli, "invalid filter \"%s\": name=, status= or app=", *filter);
    }
    return 0;
}

static int run_list(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct list_options *options = data;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(bus_close_p) struct bus *bus = NULL;
    auto_error struct error *err = NULL;
    auto_json json_t *rows = json_array();
    struct search search;
    struct quadlet_set set;

    (void)argv;
    if (argc)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    int status = check_filters(cli, &options->filters);
    if (status)
        return status;
    quadlet_set_init(&set, &cli->arena);
    quadlets_read(cli, options->is_user, &search, &set, &diag);
    quadlet_emit_prepare(&set);
    bool is_user = quadlets_places(cli, options->is_user).is_user;
    (void)bus_open(is_user ? BUS_USER : BUS_SYSTEM, &bus, NULL);
    for (size_t i = 0; i < set.all.len; i++) {
        const struct quadlet *quadlet = set.all.items[i];
        const char *state = unit_status(cli, bus, quadlet);
        const char *app = application_of(cli, &search, quadlet);

        if (!matches(&options->filters, quadlet, state, app))
            continue;
        if (options->quiet) {
            cli_print(cli, "%s\n", quadlet->name);
            continue;
        }
        json_array_append_new(
                rows, json_pack("{s:o, s:o, s:o, s:s, s:o}", "Name", jsonx_text(quadlet->name),
                              "UnitName", jsonx_text(quadlet->service), "Path",
                              jsonx_text(quadlet->path), "Status", state, "App", jsonx_text(app)));
    }
    (void)report_diag(cli, &diag);
    if (options->quiet)
        return 0;
    const struct list_format format = {
        .format = options->format,
        .columns = list_columns,
        .default_columns = ARRAY_LEN(list_columns) - 1,
        .min_width = TABLE_MIN_WIDTH,
    };
    return list_print(cli, &format, rows, &err) < 0 ? report_error(cli, err) : 0;
}

struct print_options {
    bool is_user;
};
static const struct opt user_opts[] = {
    { .name = "user",
            .type = &opt_flag,
            .offset = offsetof(struct print_options, is_user),
            .help = "The user's, also for root" },
    OPT_END,
};

static int run_print(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct print_options *options = data;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_error struct error *err = NULL;
    auto_free char *text = NULL;
    struct search search;
    struct quadlet_set set;
    size_t len;

    if (argc != 1)
        return cli_check_arguments(cli, cli->running, argc, 1, 1);
    quadlet_set_init(&set, &cli->arena);
    quadlets_read(cli, options->is_user, &search, &set, &diag);
    const struct quadlet *quadlet = quadlet_find(&set, argv[0]);
    if (!quadlet) {
        error_set_plain(&err, ENOENT, NULL, "there is no quadlet \"%s\"", argv[0]);
        const char *nearest = quadlet_nearest(&set, argv[0]);
        if (nearest)
            error_hint(&err, "did you mean \"%s\"?", nearest);
        return report_error(cli, err);
    }
    if (fs_read_file(AT_FDCWD, quadlet->path, LIMIT_UNIT_FILE_BYTES, &text, &len, &err) < 0)
        return report_error(cli, err);
    cli_print_text(cli, text, len);
    return 0;
}

struct check_options {
    const char *engine;
    bool is_user;
};
static const struct opt check_opts[] = {
    { .name = "engine",
            .type = &opt_string,
            .arg = "ENGINE",
            .offset = offsetof(struct check_options, engine),
            .help = "Whose commands the units run: berth (the default) or podman" },
    { .name = "user",
            .type = &opt_flag,
            .offset = offsetof(struct check_options, is_user),
            .help = "The user's, also for root" },
    OPT_END,
};

/* Files and directories that were named, each quadlet where it lies, with the drop-ins of a directory. */
static int read_named(struct cli *cli, int argc, char **argv, struct quadlet_set *set,
        struct diag *diag, struct error **err)
{
    const struct quadlet_read_options options = { .has_masks = true };
    struct search search;

    search_init(&search, &cli->arena);
    for (int i = 0; i < argc; i++) {
        struct quadlet_files files;
        struct stat status;

        if (stat(argv[i], &status) == 0 && S_ISDIR(status.st_mode)) {
            search_add(&search, argv[i], NULL, NULL);
            continue;
        }
        int r = quadlets_collect(cli, 1, argv + i, &files, diag, err);
        if (r < 0)
            return r;
        auto_free char *absolute = realpath(argv[i], NULL);
        const char *directory = path_parent(&cli->arena, absolute ? absolute : argv[i]);
        ARRAY_FOREACH(&files, file)
            quadlets_add_file(set, file, directory, diag);
    }
    (void)quadlet_read_dirs(set, &search, &options, diag);
    return 0;
}

static int run_check(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct check_options *options = data;
    auto_(diag_release) struct diag diag = { .max = SIZE_MAX };
    auto_error struct error *err = NULL;
    struct search search;
    struct quadlet_set set;

    quadlet_set_init(&set, &cli->arena);
    if (!argc)
        quadlets_read(cli, options->is_user, &search, &set, &diag);
    else if (read_named(cli, argc, argv, &set, &diag, &err) < 0)
        return report_error(cli, err);
    if (quadlets_check(&set, options->engine, options->is_user, &diag, &err) == SIZE_MAX)
        return report_error(cli, err);
    unsigned errors = report_diag(cli, &diag);
    return errors ? EXIT_STATUS_FAILURE : 0;
}

static int run_group(struct cli *cli, const void *data, int argc, char **argv);

static const char *const list_aliases[] = { "ls", NULL };
static const char *const print_aliases[] = { "cat", NULL };
static const struct command subcommands_here[] = {
    { .name = "check",
            .usage = "[OPTIONS] [FILE|DIR...]",
            .summary = "Find what is wrong with quadlets",
            .details = "Without arguments all that systemd would see. Exit status 1 when there are "
                       "errors.",
            .opts = check_opts,
            .options_bytes = sizeof(struct check_options),
            .run = run_check },
    { .name = "list",
            .aliases = list_aliases,
            .usage = "[OPTIONS]",
            .summary = "List quadlets and how their units are",
            .opts = list_opts,
            .options_bytes = sizeof(struct list_options),
            .run = run_list },
    { .name = "print",
            .aliases = print_aliases,
            .usage = "[OPTIONS] NAME",
            .summary = "Print the file of a quadlet",
            .opts = user_opts,
            .options_bytes = sizeof(struct print_options),
            .run = run_print },
};

static int run_group(struct cli *cli, const void *data, int argc, char **argv)
{
    struct command table[] = { subcommands_here[0], command_quadlet_convert,
        command_quadlet_install, subcommands_here[1], subcommands_here[2], command_quadlet_rm,
        { 0 } };
    struct command group = command_quadlet;

    (void)data;
    group.subcommands = table;
    group.run = NULL;
    return cli_run_subcommand(cli, &group, argc, argv);
}

const struct command command_quadlet = {
    .name = "quadlet",
    .usage = "COMMAND",
    .summary = "Manage containers as systemd units",
    .run = run_group,
    .stop_at_first_argument = true,
};
