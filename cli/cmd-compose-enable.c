/* compose enable and disable: a project becomes a service of systemd's, or ceases to be one. Enabling writes the
 * resolved project where the generator finds it at boot (compose/enabled.h) and lets systemd read it. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/enabled.h"
#include "cli/report.h"
#include "compose/enabled.h"
#include "compose/project.h"
#include "quadlet/project-names.h"
#include "quadlet/project-read.h"
#include "units/bus/bus.h"

struct enable_options {
    bool now;
};
static const struct opt enable_opts[] = {
    { .name = "now",
            .type = &opt_flag,
            .offset = offsetof(struct enable_options, now),
            .help = "Start the project as well" },
    OPT_END,
};
static const struct opt disable_opts[] = {
    { .name = "now",
            .type = &opt_flag,
            .offset = offsetof(struct enable_options, now),
            .help = "Stop the project as well" },
    OPT_END,
};

/* Disabling does with the name alone: the project may be such that it cannot be loaded. */
static const char *target_of(struct compose *compose)
{
    const struct project project = { .name = compose->name };

    return project_target_name(&compose->arena, &project);
}

static const char *file_of(struct compose *compose)
{
    return enabled_path(compose->cli, compose->name);
}

/* The directory for which a project of this name is enabled; NULL: none is. */
static int enabled_directory(struct compose *compose, const char **ret, struct error **err)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct enabled *enabled = NULL;
    const char *path = file_of(compose);

    *ret = NULL;
    if (access(path, F_OK) < 0)
        return errno == ENOENT || errno == ENOTDIR
                       ? 0
                       : error_set(err, errno, NULL, "cannot look at \"%s\"", path);
    /* One that cannot be read any more is no reason to keep it. */
    if (enabled_load(&compose->arena, path, ENABLED_ACTIVE, &enabled, &diag, NULL) >= 0)
        *ret = enabled->directory;
    return 0;
}

static int refuse_foreign(struct compose *compose, struct error **err)
{
    const char *directory;
    int r = enabled_directory(compose, &directory, err);

    if (r < 0 || !directory || strcmp(directory, compose->project->working_dir) == 0 ||
            compose->options->adopt)
        return r;
    r = error_set_plain(err, EEXIST, NULL, "project \"%s\" is enabled for %s, and this is %s",
            compose->name, directory, compose->project->working_dir);
    error_hint(err, "choose another name with -p, or take it over with --adopt");
    return r;
}

/* ---- systemd ---- */

/* Lets systemd see what has changed, and starts or stops the project. Without systemd there is nobody to tell:
 * that matters only when something is to happen now. */
static int tell_systemd(struct compose *compose, bool now, enum bus_verb verb, struct error **err)
{
    auto_(bus_close_p) struct bus *bus = NULL;
    struct bus_job job = { .unit = target_of(compose) };

    if (!now && !enabled_systemd_runs()) {
        report_note(compose->cli,
                "systemd does not run here; this counts from the next boot with it on");
        return 0;
    }
    int r = bus_open(enabled_bus_scope(), &bus, err);
    if (r >= 0 && verb == BUS_STOP && now)
        r = bus_run_jobs(bus, verb, &job, 1, TIMEOUT_NEVER, err);
    if (r >= 0)
        r = bus_reload(bus, err);
    if (r >= 0 && verb == BUS_START && now)
        r = bus_run_jobs(bus, verb, &job, 1, TIMEOUT_NEVER, err);
    return r;
}

/* What is otherwise than with the system's: a user's services start with the first login and end with the last, unless
 * that user lingers. */
static void explain_user(struct compose *compose)
{
    const char *user = cli_env(compose->cli, "USER");

    if (enabled_bus_scope() == BUS_SYSTEM)
        return;
    report_warning(compose->cli,
            "containers need root, so the services of a user's systemd cannot start them; to enable the project "
            "for the system: sudo berth compose enable");
    if (!user ||
            access(arena_printf(&compose->arena, "/var/lib/systemd/linger/%s", user), F_OK) == 0)
        return;
    report_warning(compose->cli,
            "the services of %s start at the first login and end with the last; to have them start at "
            "boot: loginctl enable-linger %s",
            user, user);
}

static int run_enable(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct enable_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_error struct error *err = NULL;
    int status = cli_check_arguments(cli, &command_compose_enable, argc, 0, 0);

    (void)argv;
    if (status == 0)
        status = compose_open(cli, COMPOSE_NEED_PROJECT, 0, NULL, &compose);
    if (status == 0)
        status = compose_check_supported(compose);
    if (status)
        return status;
    if (o->now && !enabled_systemd_runs())
        return report_failure(cli, "--now: systemd does not run here");
    if (refuse_foreign(compose, &err) < 0)
        return report_error(cli, err);
    if (compose->options->dry_run) {
        cli_print(cli, "Would write %s\n", file_of(compose));
        return 0;
    }
    status = enabled_write(compose, &compose->project->profiles, NULL);
    if (status)
        return status;
    explain_user(compose);
    cli_print(cli, "Enabled %s (%s)\n", target_of(compose), file_of(compose));
    if (tell_systemd(compose, o->now, BUS_START, &err) < 0)
        return report_error(cli, err);
    return 0;
}

const struct command command_compose_enable = {
    .name = "enable",
    .usage = "[OPTIONS]",
    .summary = "Start the project at boot, as services of systemd",
    .details =
            "Writes the project, with all files merged and variables filled in, to /etc/berth/projects (for "
            "an ordinary user: below ~/.config/berth), from where its units are made at each boot. Changes of "
            "the compose files count once `enable` was called again.",
    .opts = enable_opts,
    .options_bytes = sizeof(struct enable_options),
    .run = run_enable,
};

static int run_disable(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct enable_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_error struct error *err = NULL;
    int status = cli_check_arguments(cli, &command_compose_disable, argc, 0, 0);

    (void)argv;
    if (status == 0)
        status = compose_open(cli, COMPOSE_NEED_NAME, 0, NULL, &compose);
    if (status)
        return status;
    const char *path = file_of(compose), *directory = NULL;
    if (access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
        return report_failure(cli, "project \"%s\" is not enabled", compose->name);
    if (o->now && !enabled_systemd_runs())
        return report_failure(cli, "--now: systemd does not run here");
    if (enabled_directory(compose, &directory, &err) < 0)
        return report_error(cli, err);
    if (directory && compose->project && !compose->options->project_name &&
            strcmp(directory, compose->project->working_dir) != 0)
        return report_failure(cli,
                "project \"%s\" is enabled for %s, and this is %s; to disable it all the same: "
                "berth compose -p %s disable",
                compose->name, directory, compose->project->working_dir, compose->name);
    if (compose->options->dry_run) {
        cli_print(cli, "Would remove %s\n", path);
        return 0;
    }
    /* Stopping needs the units, which are gone once systemd has read again. */
    if (o->now && tell_systemd(compose, true, BUS_STOP, &err) < 0)
        return report_error(cli, err);
    if (fs_remove_file(AT_FDCWD, path, &err) < 0 ||
            fs_remove_file(AT_FDCWD, project_stopped_path(&compose->arena, path), &err) < 0)
        return report_error(cli, err);
    cli_print(cli, "Disabled %s\n", target_of(compose));
    if (tell_systemd(compose, false, BUS_STOP, &err) < 0)
        return report_error(cli, err);
    return 0;
}

const struct command command_compose_disable = {
    .name = "disable",
    .usage = "[OPTIONS]",
    .summary = "Start the project at boot no more",
    .details = "What runs goes on unless --now is given.",
    .opts = disable_opts,
    .options_bytes = sizeof(struct enable_options),
    .run = run_disable,
};
