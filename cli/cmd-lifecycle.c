/* start, stop, restart, kill, pause, unpause, rm, rename: one engine call per container, each
 * container on its own: a failure is reported and the next one is tried. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/container-choice.h"
#include "cli/foreground.h"
#include "cli/report.h"
#include "engine/container/container.h"

typedef int (*each_fn)(struct cli *cli, struct engine *engine, const char *name,
        const void *options, struct error **err);

struct each {
    const struct container_choice *choice;
    struct container_choice_rules rules;
    each_fn fn;
    const void *options; /* for fn */
    bool quiet;          /* fn prints by itself */
};

/* Calls fn for each container; prints its name when that went well. */
static int for_each(struct cli *cli, const struct each *each, int argc, char **argv)
{
    const struct strings given = { argv, (size_t)argc, (size_t)argc };
    struct strings names = { 0 };
    auto_error struct error *err = NULL;
    int status = container_choose(cli, each->choice, &each->rules, &given, &names);

    if (status)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    cli_interrupt_begin(cli);
    for (size_t i = 0; i < names.len && !atomic_load(&cli->interrupted); i++) {
        auto_error struct error *failure = NULL;

        if (each->fn(cli, engine, names.items[i], each->options, &failure) < 0)
            status = report_error(cli, failure);
        else if (!each->quiet)
            cli_print(cli, "%s\n", names.items[i]);
    }
    cli_interrupt_end(cli);
    return atomic_load(&cli->interrupted) ? EXIT_STATUS_SIGNAL + cli_interrupt_signal() : status;
}

static bool is_up(const struct container *c)
{
    return c->state.status == CONTAINER_RUNNING;
}

static bool is_paused(const struct container *c)
{
    return c->state.status == CONTAINER_PAUSED;
}

static bool is_not_running(const struct container *c)
{
    return !container_is_running(c);
}

/* ------------------------------------------------------------------ start */

struct start_options {
    bool attach, interactive;
    const char *detach_keys;
    struct container_choice choice;
};

static const struct opt start_opts[] = { { .name = "attach",
                                                 .letter = 'a',
                                                 .type = &opt_flag,
                                                 .offset = offsetof(struct start_options, attach),
                                                 .help = "Attach output and pass on signals" },
    { .name = "interactive",
            .letter = 'i',
            .type = &opt_flag,
            .offset = offsetof(struct start_options, interactive),
            .help = "Attach standard input" },
    { .name = "detach-keys",
            .type = &opt_string,
            .arg = "KEYS",
            .offset = offsetof(struct start_options, detach_keys),
            .help = "Keys that leave the container running (default ctrl-p,ctrl-q)" },
    { .name = "checkpoint",
            .type = &opt_string,
            .arg = "NAME",
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            .offset = offsetof(struct start_options, detach_keys),
            .help = "Restore from a checkpoint" },
    CONTAINER_CHOICE_ROWS(struct start_options, choice, 0, 'f', 'l'), OPT_END };

static int start_one(struct cli *cli, struct engine *engine, const char *name, const void *options,
        struct error **err)
{
    (void)cli;
    (void)options;
    return container_start(engine, name, &(struct container_start_options){ 0 }, err);
}

static int run_start(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct start_options *options = data;
    const struct strings given = { argv, (size_t)argc, (size_t)argc };
    const struct each each = { .choice = &options->choice,
        .rules = { .command = &command_start, .fits = is_not_running },
        .fn = start_one };
    struct strings names = { 0 };

    if (!options->attach && !options->interactive)
        return for_each(cli, &each, argc, argv);
    if (options->choice.all)
        return report_failure(cli, "you cannot start and attach all containers at once");
    int status = container_choose(cli, &options->choice, &each.rules, &given, &names);
    if (status == 0 && names.len > 1)
        return report_failure(cli, "you cannot start and attach multiple containers at once");
    return status || names.len == 0
                   ? status
                   : foreground_start(cli, names.items[0],
                             &(struct foreground_options){ .interactive = options->interactive,
                                     .signal_proxy = true,
                                     .detach_keys = options->detach_keys });
}

const struct command command_start = {
    .name = "start",
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Start stopped containers",
    .opts = start_opts,
    .options_bytes = sizeof(struct start_options),
    .run = run_start,
};

/* ------------------------------------------------------------------ stop, restart */

struct stop_options {
    int64_t timeout_sec;
    bool ignore, running;
    const char *signal;
    struct container_choice choice;
};
static const struct stop_options stop_defaults = { .timeout_sec = CONTAINER_STOP_TIMEOUT_UNSET };

/* What stop and restart have in common. */
#define STOP_COMMON_ROWS                                                    \
    { .name = "timeout",                                                    \
        .letter = 't',                                                      \
        .type = &opt_seconds,                                               \
        .arg = "SECONDS",                                                   \
        .offset = offsetof(struct stop_options, timeout_sec),               \
        .help = "Time until a stopping container is killed, -1 for ever" }, \
            { .name = "time",                                               \
                .type = &opt_seconds,                                       \
                .arg = "SECONDS",                                           \
                .flags = OPT_HIDDEN,                                        \
                .offset = offsetof(struct stop_options, timeout_sec),       \
                .help = "Older name of --timeout" },                        \
            { .name = "signal",                                             \
                .letter = 's',                                              \
                .type = &opt_string,                                        \
                .arg = "SIGNAL",                                            \
                .offset = offsetof(struct stop_options, signal),            \
                .help = "Signal to send instead of the stop signal" },      \
            CONTAINER_CHOICE_ROWS(struct stop_options, choice, 'a', 'f', 'l'), OPT_END

static const struct opt stop_opts[] = { { .name = "ignore",
                                                .letter = 'i',
                                                .type = &opt_flag,
                                                .offset = offsetof(struct stop_options, ignore),
                                                .help = "A missing container is no error" },
    STOP_COMMON_ROWS };
static const struct opt restart_opts[] = { { .name = "running",
                                                   .type = &opt_flag,
                                                   .offset = offsetof(struct stop_options, running),
                                                   .help = "All containers that run" },
    STOP_COMMON_ROWS };

static int stop_one(struct cli *cli, struct engine *engine, const char *name, const void *data,
        struct error **err)
{
    const struct stop_options *options = data;
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container *container = NULL;

    (void)cli;
    if (options->ignore) {
        int r = container_lookup(engine, &arena, name, &container, err);
        if (r < 0 || !container)
            return r;
    }
    return container_stop(engine, name, options->timeout_sec, options->signal, err);
}

static int run_stop(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct stop_options *options = data;
    const struct each each = { .choice = &options->choice,
        .rules = { .command = &command_stop,
                .fits = container_is_running,
                .ignore = options->ignore },
        .fn = stop_one,
        .options = options };

    return for_each(cli, &each, argc, argv);
}

const struct command command_stop = {
    .name = "stop",
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Stop running containers",
    .opts = stop_opts,
    .options_bytes = sizeof(struct stop_options),
    .defaults = &stop_defaults,
    .run = run_stop,
};

static int restart_one(struct cli *cli, struct engine *engine, const char *name, const void *data,
        struct error **err)
{
    const struct stop_options *options = data;

    (void)cli;
    return container_restart(engine, name, options->timeout_sec, options->signal, err);
}

static int run_restart(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct stop_options *options = data;
    struct container_choice choice = options->choice;
    const struct each each = { .choice = &choice,
        .rules = { .command = &command_restart,
                .fits = options->running ? container_is_running : NULL,
                .all_option = options->running ? "--running" : NULL },
        .fn = restart_one,
        .options = options };

    choice.all = choice.all || options->running;
    return for_each(cli, &each, argc, argv);
}

const struct command command_restart = {
    .name = "restart",
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Restart containers",
    .opts = restart_opts,
    .options_bytes = sizeof(struct stop_options),
    .defaults = &stop_defaults,
    .run = run_restart,
};

/* ------------------------------------------------------------------ kill */

struct kill_options {
    const char *signal;
    struct container_choice choice;
};
static const struct opt kill_opts[] = { { .name = "signal",
                                                .letter = 's',
                                                .type = &opt_string,
                                                .arg = "SIGNAL",
                                                .offset = offsetof(struct kill_options, signal),
                                                .help = "Signal to send (default KILL)" },
    CONTAINER_CHOICE_ROWS(struct kill_options, choice, 'a', 0, 'l'), OPT_END };

static int kill_one(struct cli *cli, struct engine *engine, const char *name, const void *data,
        struct error **err)
{
    const struct kill_options *options = data;

    (void)cli;
    return container_kill(engine, name, options->signal, err);
}

static int run_kill(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct kill_options *options = data;
    const struct each each = { .choice = &options->choice,
        .rules = { .command = &command_kill, .fits = container_is_running },
        .fn = kill_one,
        .options = options };

    return for_each(cli, &each, argc, argv);
}

const struct command command_kill = {
    .name = "kill",
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Send a signal to running containers",
    .opts = kill_opts,
    .options_bytes = sizeof(struct kill_options),
    .run = run_kill,
};

/* ------------------------------------------------------------------ pause, unpause */

struct pause_options {
    struct container_choice choice;
};
static const struct opt pause_opts[] = {
    CONTAINER_CHOICE_ROWS(struct pause_options, choice, 'a', 'f', 'l'), OPT_END
};

static int pause_one(struct cli *cli, struct engine *engine, const char *name, const void *data,
        struct error **err)
{
    (void)cli;
    (void)data;
    return container_pause(engine, name, err);
}

static int run_pause(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct pause_options *options = data;
    const struct each each = { .choice = &options->choice,
        .rules = { .command = &command_pause, .fits = is_up },
        .fn = pause_one };

    return for_each(cli, &each, argc, argv);
}

const struct command command_pause = {
    .name = "pause",
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .opts = pause_opts,
    .options_bytes = sizeof(struct pause_options),
    .summary = "Freeze all processes of containers",
    .run = run_pause,
};

static int unpause_one(struct cli *cli, struct engine *engine, const char *name, const void *data,
        struct error **err)
{
    (void)cli;
    (void)data;
    return container_unpause(engine, name, err);
}

static int run_unpause(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct pause_options *options = data;
    const struct each each = { .choice = &options->choice,
        .rules = { .command = &command_unpause, .fits = is_paused },
        .fn = unpause_one };

    return for_each(cli, &each, argc, argv);
}

const struct command command_unpause = {
    .name = "unpause",
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .opts = pause_opts,
    .options_bytes = sizeof(struct pause_options),
    .summary = "Thaw paused containers",
    .run = run_unpause,
};

/* ------------------------------------------------------------------ rm */

struct rm_options {
    int64_t timeout_sec;
    bool force, ignore, volumes, link, timeout_set;
    struct container_choice choice;
};
static const char *const rm_aliases[] = { "remove", NULL };
static const struct opt rm_opts[] = {
    { .name = "force",
            .letter = 'f',
            .type = &opt_flag,
            .offset = offsetof(struct rm_options, force),
            .help = "Kill running containers first; a missing one is no error" },
    { .name = "ignore",
            .letter = 'i',
            .type = &opt_flag,
            .offset = offsetof(struct rm_options, ignore),
            .help = "A missing container is no error" },
    { .name = "volumes",
            .letter = 'v',
            .type = &opt_flag,
            .offset = offsetof(struct rm_options, volumes),
            .help = "Remove their anonymous volumes too" },
    { .name = "time",
            .letter = 't',
            .type = &opt_seconds,
            .arg = "SECONDS",
            .offset = offsetof(struct rm_options, timeout_sec),
            .set_offset = offsetof(struct rm_options, timeout_set),
            .help = "With --force: stop running ones first, and kill them after this time" },
    { .name = "link",
            .letter = 'l',
            .type = &opt_flag,
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            .offset = offsetof(struct rm_options, link),
            .help = "Remove a link" },
    CONTAINER_CHOICE_ROWS(struct rm_options, choice, 'a', 0, 0), OPT_END
};

static int rm_one(struct cli *cli, struct engine *engine, const char *name, const void *data,
        struct error **err)
{
    const struct rm_options *options = data;
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container *container = NULL;

    if (options->force || options->ignore) {
        int r = container_lookup(engine, &arena, name, &container, err);
        if (r < 0)
            return r;
        if (!container) { /* said, but no failure */
            auto_error struct error *missing = NULL;

            if (!options->ignore) {
                error_set_plain(&missing, ENOENT, NULL, "No such container: %s", name);
                (void)report_error(cli, missing);
            }
            return 0;
        }
    }
    int r = options->force && options->timeout_set
                    ? container_stop(engine, name, options->timeout_sec, NULL, err)
                    : 0;
    if (r < 0)
        return r;
    r = container_remove(engine, name,
            &(struct container_remove_options){
                    .force = options->force, .volumes = options->volumes },
            err);
    if (r >= 0)
        cli_print(cli, "%s\n", name);
    return r;
}

static int run_rm(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct rm_options *options = data;
    const struct each each = { .choice = &options->choice,
        .rules = { .command = &command_rm, .ignore = options->ignore },
        .fn = rm_one,
        .options = options,
        .quiet = true };

    if (options->timeout_set && !options->force)
        return report_failure(cli, "--force option must be specified to use the --time option");
    return for_each(cli, &each, argc, argv);
}

const struct command command_rm = {
    .name = "rm",
    .aliases = rm_aliases,
    .usage = "[OPTIONS] CONTAINER [CONTAINER...]",
    .summary = "Remove containers",
    .opts = rm_opts,
    .options_bytes = sizeof(struct rm_options),
    .run = run_rm,
};

/* ------------------------------------------------------------------ rename */

static int run_rename(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_error struct error *err = NULL;
    int status = cli_check_arguments(cli, &command_rename, argc, 2, 2);

    (void)data;
    if (status)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || container_rename(engine, argv[0], argv[1], &err) < 0)
        return report_error(cli, err);
    return 0;
}

const struct command command_rename = {
    .name = "rename",
    .usage = "CONTAINER NEW_NAME",
    .summary = "Give a container another name",
    .run = run_rename,
};
