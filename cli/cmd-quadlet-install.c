/* quadlet install and rm. What is to be installed is checked first, together with what is there; then each file
 * is written whole, and systemd makes the units. Files that belong together are listed beside them in
 * ".NAME.app" (an application: removed as a whole) or ".UNIT.asset" (what a unit brings with it), as
 * Podman does. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/cmd-quadlet-internal.h"
#include "cli/quadlets.h"
#include "cli/report.h"
#include "units/bus/bus.h"

enum { DIRECTORY_MODE = 0755, FILE_MODE = 0644 };

struct install_options {
    bool replace, reload, dry_run, diff, is_user;
};
static const struct install_options install_defaults = { .reload = true };
#define AT(member) .offset = offsetof(struct install_options, member)
static const struct opt install_opts[] = {
    { .name = "diff",
            .type = &opt_flag,
            AT(diff),
            .help = "Print how the files differ from the installed ones; installs nothing" },
    { .name = "dry-run",
            .type = &opt_flag,
            AT(dry_run),
            .help = "Check, and print what would be written" },
    { .name = "reload-systemd",
            .type = &opt_flag,
            AT(reload),
            .help = "Have systemd make the units at once (the default)" },
    { .name = "replace",
            .letter = 'r',
            .type = &opt_flag,
            AT(replace),
            .help = "Replace files that are installed" },
    { .name = "user", .type = &opt_flag, AT(is_user), .help = "For the user, also for root" },
    OPT_END,
};
#undef AT

static const char *path_in(struct cli *cli, const char *directory, const char *name)
{
    return arena_printf(&cli->arena, "%s/%s", directory, name);
}

static bool is_installed(struct cli *cli, const char *directory, const char *name)
{
    return faccessat(AT_FDCWD, path_in(cli, directory, name), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Tells systemd; a machine without one makes the units when it boots. */
static int reload(struct cli *cli, bool is_user)
{
    auto_(bus_close_p) struct bus *bus = NULL;
    auto_error struct error *err = NULL;
    int r = bus_open(quadlets_places(cli, is_user).is_user ? BUS_USER : BUS_SYSTEM, &bus, &err);

    if (r >= 0)
        r = bus_reload(bus, &err);
    if (r == -ENOTCONN) {
        report_note(cli, "systemd does not run here; it makes the units when it starts");
        return 0;
    }
    return r < 0 ? report_error(cli, err) : 0;
}

/* All errors of the files, with what is installed around them. */
static int check_files(struct cli *cli, const struct install_options *options,
        const struct quadlet_files *files, const char *directory)
{
    auto_(diag_release) struct diag all = { .max = SIZE_MAX };
    auto_(diag_release) struct diag installed = { .max = SIZE_MAX };
    auto_error struct error *err = NULL;
    struct search search;
    struct quadlet_set set;
    size_t failures = 0;

    quadlet_set_init(&set, &cli->arena);
    ARRAY_FOREACH(files, file)
        if (file->is_quadlet)
            quadlets_add_file(&set, file, directory, &all);
    size_t own = set.all.len;
    struct quadlet **mine = ARENA_NEW_ARRAY(&cli->arena, own + 1, struct quadlet *);
    if (own)
        memcpy(mine, set.all.items, own * sizeof(*mine));
    quadlets_read(cli, options->is_user, &search, &set, &installed);
    (void)quadlets_check(&set, NULL, options->is_user, &installed, &err);
    for (size_t i = 0; i < own; i++)
        failures += mine[i]->failed;
    /* Of the findings only those of the new files count here. */
    ARRAY_FOREACH(&installed, finding) {
        bool is_new = false;

        ARRAY_FOREACH(files, file)
            is_new |= string_is_equal(finding->at.file, file->from);
        if (!is_new)
            continue;
        struct diag_entry *copy = diag_add(
                &all, finding->severity, finding->id, &finding->at, "%s", finding->message);
        if (finding->hint)
            diag_hint(&all, copy, "%s", finding->hint);
    }
    (void)report_diag(cli, &all);
    return failures ? report_failure(cli, "nothing was installed: %zu of the quadlets have errors",
                              failures)
                    : 0;
}

static void print_diff(struct cli *cli, const struct quadlet_files *files, const char *directory)
{
    ARRAY_FOREACH(files, file) {
        auto_(strbuf_release) struct strbuf out = STRBUF_INIT(CLI_TEXT_MAX);
        auto_free char *old = NULL;
        const char *path = path_in(cli, directory, file->name);
        size_t len;

        if (fs_read_file(AT_FDCWD, path, LIMIT_UNIT_FILE_BYTES, &old, &len, NULL) < 0)
            old = NULL;
        if (old && strcmp(old, file->text) == 0)
            continue;
        strbuf_addf(&out, "--- %s\n+++ %s\n", old ? path : "/dev/null", file->from);
        quadlets_add_diff(&out, old ? old : "", file->text);
        cli_print_text(cli, out.data, out.len);
    }
}

static int write_files(struct cli *cli, const struct quadlet_files *files, const char *directory,
        struct error **err)
{
    auto_(strbuf_release) struct strbuf list = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);
    auto_close int fd = fs_mkdir_parents(AT_FDCWD, directory, DIRECTORY_MODE, err);

    if (fd < 0)
        return fd;
    for (size_t i = 0; i < files->len; i++) {
        const struct quadlet_file *file = &files->items[i];
        int r = fs_replace_file(fd, file->name, file->text, file->len, FILE_MODE, FS_SYNC, err);

        if (r < 0)
            return r;
        /* An application lists all that it is, a unit what comes with it. */
        if (files->is_application || i > 0)
            strbuf_addf(&list, "%s\n", file->name);
        cli_print(cli, "%s\n", path_in(cli, directory, file->name));
    }
    return files->list_name ? fs_replace_file(fd, files->list_name, list.data, list.len, FILE_MODE,
                                      FS_SYNC, err)
                            : 0;
}

static int run_install(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct install_options *options = data;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_error struct error *err = NULL;
    struct quadlet_files files;

    if (!argc)
        return cli_check_arguments(cli, cli->running, argc, 1, -1);
    const char *directory = quadlets_install_dir(cli, options->is_user, &err);
    if (!directory || quadlets_collect(cli, argc, argv, &files, &diag, &err) < 0)
        return report_error(cli, err);
    if (report_diag(cli, &diag))
        return EXIT_STATUS_FAILURE;
    int status = check_files(cli, options, &files, directory);
    if (status)
        return status;
    if (options->diff) {
        print_diff(cli, &files, directory);
        return 0;
    }
    ARRAY_FOREACH(&files, file)
        if (!options->replace && is_installed(cli, directory, file->name))
            return report_failure(cli, "\"%s\" is installed already; --replace replaces it",
                    path_in(cli, directory, file->name));
    if (options->dry_run) {
        ARRAY_FOREACH(&files, file)
            cli_print(cli, "%s\n", path_in(cli, directory, file->name));
        return 0;
    }
    if (write_files(cli, &files, directory, &err) < 0)
        return report_error(cli, err);
    return options->reload ? reload(cli, options->is_user) : 0;
}

const struct command command_quadlet_install = {
    .name = "install",
    .usage = "[OPTIONS] FILE|DIR [FILE...]",
    .summary = "Install quadlets, after a check",
    .details =
            "A directory is an application. Further files are installed and removed with the first. "
            "NAME.quadlets holds several quadlets, separated by lines of \"---\", each with a "
            "comment \"# FileName=NAME\".",
    .opts = install_opts,
    .options_bytes = sizeof(struct install_options),
    .defaults = &install_defaults,
    .run = run_install,
};

/* ------------------------------------------------------------------ rm */

struct rm_options {
    bool all, force, ignore, reload, dry_run, is_user;
};
static const struct rm_options rm_defaults = { .reload = true };
#define AT(member) .offset = offsetof(struct rm_options, member)
static const struct opt rm_opts[] = {
    { .name = "all", .letter = 'a', .type = &opt_flag, AT(all), .help = "All of the directory" },
    { .name = "dry-run", .type = &opt_flag, AT(dry_run), .help = "Print what would be removed" },
    { .name = "force", .letter = 'f', .type = &opt_flag, AT(force), .help = "Stop running units" },
    { .name = "ignore",
            .letter = 'i',
            .type = &opt_flag,
            AT(ignore),
            .help = "A missing quadlet is no error" },
    { .name = "reload-systemd",
            .type = &opt_flag,
            AT(reload),
            .help = "Have systemd forget the units at once (the default)" },
    { .name = "user", .type = &opt_flag, AT(is_user), .help = "The user's, also for root" },
    OPT_END,
};
#undef AT

static bool has_name(const struct strings *names, const char *name)
{
    ARRAY_FOREACH(names, it)
        if (strcmp(*it, name) == 0)
            return true;
    return false;
}

static void add_name(struct cli *cli, struct strings *names, const char *name)
{
    if (!has_name(names, name))
        *ARRAY_APPEND_ARENA(&cli->arena, names) = arena_strdup(&cli->arena, name);
}

/* A name, what it brought with it, or the application that it is part of. */
static void add_with_company(struct cli *cli, const char *directory, const struct strings *present,
        const char *name, struct strings *names)
{
    const char *assets = arena_printf(&cli->arena, ".%s.asset", name);

    if (string_has_suffix(name, ".app") || has_name(present, assets)) {
        const char *list_name = string_has_suffix(name, ".app") ? name : assets;
        struct strings members = quadlets_read_list(cli, directory, list_name);

        ARRAY_FOREACH(&members, member)
            add_name(cli, names, *member);
        add_name(cli, names, list_name);
    }
    ARRAY_FOREACH(present, other) {
        if (!string_has_suffix(*other, ".app") || strcmp(*other, name) == 0)
            continue;
        struct strings members = quadlets_read_list(cli, directory, *other);

        if (!has_name(&members, name))
            continue;
        ARRAY_FOREACH(&members, member)
            add_name(cli, names, *member);
        add_name(cli, names, *other);
    }
    add_name(cli, names, name);
}

/* Services of the quadlets among the names that run. */
static int find_running(struct cli *cli, const struct rm_options *options,
        const struct strings *names, struct bus **bus, struct strings *ret, struct error **err)
{
    auto_(diag_release) struct diag diag = { .max = SIZE_MAX };
    struct search search;
    struct quadlet_set set;
    bool is_user = quadlets_places(cli, options->is_user).is_user;
    int r = bus_open(is_user ? BUS_USER : BUS_SYSTEM, bus, err);

    if (r == -ENOTCONN)
        return 0; /* nothing runs where there is no systemd */
    if (r < 0)
        return r;
    quadlet_set_init(&set, &cli->arena);
    quadlets_read(cli, options->is_user, &search, &set, &diag);
    quadlet_emit_prepare(&set);
    ARRAY_FOREACH(names, name) {
        const struct quadlet *quadlet = quadlet_find(&set, *name);
        struct bus_unit unit;

        if (!quadlet)
            continue;
        r = bus_get_unit(*bus, &cli->arena, quadlet->service, &unit, err);
        if (r < 0)
            return r;
        if (strcmp(unit.active_state, "active") == 0 ||
                strcmp(unit.active_state, "activating") == 0)
            *ARRAY_APPEND_ARENA(&cli->arena, ret) = (char *)quadlet->service;
    }
    return 0;
}

static int stop_running(
        struct cli *cli, struct bus *bus, const struct strings *services, struct error **err)
{
    struct bus_job *jobs = ARENA_NEW_ARRAY(&cli->arena, services->len, struct bus_job);

    for (size_t i = 0; i < services->len; i++)
        jobs[i].unit = services->items[i];
    return bus_run_jobs(bus, BUS_STOP, jobs, services->len, TIMEOUT_NEVER, err);
}

/* The names that are to go; 0 or an exit status. */
static int choose(struct cli *cli, const struct rm_options *options, const char *directory,
        int argc, char **argv, struct strings *names)
{
    struct strings present = { 0 };
    int status = 0;

    (void)search_read_names(&cli->arena, directory, &present);
    if (options->all) {
        ARRAY_FOREACH(&present, name)
            if (quadlet_type_of(*name) >= 0)
                add_with_company(cli, directory, &present, *name, names);
    }
    for (int i = 0; i < argc; i++) {
        if (has_name(&present, argv[i]) &&
                (quadlet_type_of(argv[i]) >= 0 || string_has_suffix(argv[i], ".app")))
            add_with_company(cli, directory, &present, argv[i], names);
        else if (!options->ignore)
            status = report_failure(cli, "there is no quadlet \"%s\" in %s", argv[i], directory);
    }
    return status;
}

static int remove_names(struct cli *cli, const char *directory, const struct strings *names)
{
    int status = 0;

    ARRAY_FOREACH(names, name) {
        auto_error struct error *err = NULL;
        const char *path = path_in(cli, directory, *name);

        if (unlink(path) == 0) {
            if (**name != '.')
                cli_print(cli, "%s\n", *name);
        } else if (errno != ENOENT) {
            error_set(&err, errno, NULL, "cannot remove \"%s\"", path);
            status = report_error(cli, err);
        }
    }
    return status;
}

static int run_rm(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct rm_options *options = data;
    auto_(bus_close_p) struct bus *bus = NULL;
    auto_error struct error *err = NULL;
    struct strings names = { 0 }, running = { 0 };

    if (!argc && !options->all)
        return report_failure(cli, "\"%s\" requires at least 1 argument, or --all", cli->command);
    const char *directory = quadlets_install_dir(cli, options->is_user, &err);
    if (!directory)
        return report_error(cli, err);
    int status = choose(cli, options, directory, argc, argv, &names);
    if (status)
        return status;
    if (options->dry_run) {
        ARRAY_FOREACH(&names, name)
            cli_print(cli, "%s\n", path_in(cli, directory, *name));
        return 0;
    }
    if (find_running(cli, options, &names, &bus, &running, &err) < 0)
        return report_error(cli, err);
    if (running.len && !options->force)
        return report_failure(cli, "%s is running; --force stops it first", running.items[0]);
    if (running.len && stop_running(cli, bus, &running, &err) < 0)
        return report_error(cli, err);
    status = remove_names(cli, directory, &names);
    int reload_status = options->reload && names.len ? reload(cli, options->is_user) : 0;
    return status ? status : reload_status;
}

const struct command command_quadlet_rm = {
    .name = "rm",
    .usage = "[OPTIONS] NAME [NAME...]",
    .summary = "Remove installed quadlets",
    .details =
            "A quadlet takes the files along that came with it; one that is part of an application "
            "takes all of that along.",
    .opts = rm_opts,
    .options_bytes = sizeof(struct rm_options),
    .defaults = &rm_defaults,
    .run = run_rm,
};
