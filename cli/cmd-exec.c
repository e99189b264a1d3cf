/* exec and attach. */
#include <errno.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/container-choice.h"
#include "cli/foreground.h"
#include "cli/report.h"
#include "cli/specs.h"
#include "engine/container/container.h"

struct exec_options {
    const char *user, *workdir, *detach_keys;
    struct strings env, env_files;
    bool detach, interactive, tty, privileged, latest;
};

#define AT(member) .offset = offsetof(struct exec_options, member)
static const struct opt exec_opts[] = { { .name = "detach",
                                                .letter = 'd',
                                                .type = &opt_flag,
                                                AT(detach),
                                                .help = "Run in the background" },
    { .name = "detach-keys",
            .type = &opt_string,
            .arg = "KEYS",
            AT(detach_keys),
            .help = "Keys that leave the process running (default ctrl-p,ctrl-q)" },
    { .name = "env",
            .letter = 'e',
            .type = &opt_list,
            .arg = "KEY[=VALUE]",
            AT(env),
            .help = "Set an environment variable" },
    { .name = "env-file",
            .type = &opt_list,
            .arg = "FILE",
            AT(env_files),
            .help = "Read environment variables from a file" },
    { .name = "interactive",
            .letter = 'i',
            .type = &opt_flag,
            AT(interactive),
            .help = "Keep standard input open" },
    { .name = "latest",
            .letter = 'l',
            .type = &opt_flag,
            AT(latest),
            .help = "In the newest container: the arguments are the command" },
    { .name = "privileged",
            .type = &opt_flag,
            AT(privileged),
            .help = "Give the process all rights of berth" },
    { .name = "tty", .letter = 't', .type = &opt_flag, AT(tty), .help = "Allocate a terminal" },
    { .name = "user",
            .letter = 'u',
            .type = &opt_string,
            .arg = "USER[:GROUP]",
            AT(user),
            .help = "User name or uid" },
    { .name = "workdir",
            .letter = 'w',
            .type = &opt_string,
            .arg = "PATH",
            AT(workdir),
            .help = "Working directory" },
    OPT_END };
#undef AT

static int run_exec(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct exec_options *options = data;
    auto_error struct error *err = NULL;
    struct strings env = { 0 };
    const int first = options->latest ? 0 : 1;
    const struct strings words = { argv, (size_t)argc, (size_t)argc };
    int r = 0, status = cli_check_arguments(cli, &command_exec, argc, first + 1, -1);

    if (status)
        return status;
    const char *name = container_choose_one(cli, &command_exec, options->latest, &words, &status);
    if (!name)
        return status;
    if (options->tty && options->interactive && !options->detach && !isatty(STDIN_FILENO))
        return report_failure(cli, "the input device is not a TTY");
    for (size_t i = 0; i < options->env_files.len && r >= 0; i++)
        r = spec_read_env_file(&cli->arena, options->env_files.items[i], &env, &err);
    if (r < 0)
        return report_error(cli, err);
    if (spec_add_env(&cli->arena, &options->env, &env, &err) < 0) {
        report_error(cli, err);
        return cli->usage_status;
    }

    struct container_exec_options exec = {
        .argv = argv + first,
        .env = spec_vector(&cli->arena, &env),
        .user = options->user,
        .working_dir = options->workdir,
        .tty = options->tty,
        .interactive = options->interactive,
        .privileged = options->privileged,
        .detach = options->detach,
        .attach = { .forward_signals = !options->tty, .detach_keys = options->detach_keys },
    };
    return foreground_exec(cli, name, &exec);
}

const struct command command_exec = {
    .name = "exec",
    .usage = "[OPTIONS] CONTAINER COMMAND [ARG...]",
    .summary = "Run a further process in a running container",
    .details =
            "The exit status is that of the process; 126 when the command cannot be executed, 127 when it is "
            "not found, 128+N when signal N killed it.",
    .opts = exec_opts,
    .options_bytes = sizeof(struct exec_options),
    .run = run_exec,
    .stop_at_first_argument = true,
};

struct attach_options {
    const char *detach_keys;
    bool no_stdin, sig_proxy;
    struct container_choice choice;
};
static const struct attach_options attach_defaults = { .sig_proxy = true };
#define AT(member) .offset = offsetof(struct attach_options, member)
static const struct opt attach_opts[] = {
    { .name = "detach-keys",
            .type = &opt_string,
            .arg = "KEYS",
            AT(detach_keys),
            .help = "Keys that leave the container running (default ctrl-p,ctrl-q)" },
    { .name = "no-stdin",
            .type = &opt_flag,
            AT(no_stdin),
            .help = "Do not connect standard input" },
    { .name = "sig-proxy",
            .type = &opt_flag,
            AT(sig_proxy),
            .help = "Pass signals on to the process (default true)" },
    CONTAINER_LATEST_ROW(struct attach_options, choice, 'l'), OPT_END
};
#undef AT

static int run_attach(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct attach_options *options = data;
    auto_error struct error *err = NULL;
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container *container;
    const struct strings words = { argv, (size_t)argc, (size_t)argc };
    int status = options->choice.latest ? cli_check_arguments(cli, &command_attach, argc, 0, 0)
                                        : cli_check_arguments(cli, &command_attach, argc, 1, 1);

    if (status)
        return status;
    const char *name = container_choose_one(
            cli, &command_attach, options->choice.latest, &words, &status);
    if (!name)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || container_get(engine, &arena, name, &container, &err) < 0)
        return report_error(cli, err);
    if (container->state.status == CONTAINER_PAUSED)
        return report_failure(cli, "cannot attach to a paused container, unpause it first");
    if (!container_is_running(container))
        return report_failure(cli, "cannot attach to a stopped container, start it first");
    return foreground_attach(cli, container->id,
            &(struct foreground_options){
                    .interactive = !options->no_stdin && container->config.open_stdin,
                    .signal_proxy = options->sig_proxy,
                    .detach_keys = options->detach_keys });
}

const struct command command_attach = {
    .name = "attach",
    .usage = "[OPTIONS] CONTAINER",
    .summary = "Connect this terminal to a running container",
    .opts = attach_opts,
    .options_bytes = sizeof(struct attach_options),
    .defaults = &attach_defaults,
    .run = run_attach,
};
