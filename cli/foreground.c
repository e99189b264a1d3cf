#include "cli/foreground.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "engine/container/container.h"

int foreground_start_status(const struct cli *cli, const struct error *err)
{
    for (; err; err = err->cause) {
        if (err->code == EACCES || err->code == EISDIR || err->code == ENOEXEC)
            return EXIT_STATUS_NOT_EXECUTABLE;
        if (strstr(err->message, "executable file not found"))
            return EXIT_STATUS_NOT_FOUND;
    }
    return cli->failure_status;
}

static struct container_attach_options streams(const struct foreground_options *options)
{
    return (struct container_attach_options){
        .stdin_fd = options->interactive ? STDIN_FILENO : -EBADF,
        .stdout_fd = options->no_stdout ? -EBADF : STDOUT_FILENO,
        .stderr_fd = options->no_stderr ? -EBADF : STDERR_FILENO,
        .forward_signals = options->signal_proxy,
        .detach_keys = options->detach_keys,
    };
}

typedef int (*attach_fn)(struct engine *engine, const char *reference,
        const struct container_attach_options *options, struct container_attach_result *ret,
        struct error **err);

/* A start that failed because of the command has Docker's exit codes for that; any other failure is berth's. */
static int failed_start(struct cli *cli, int exit_code, const struct error *err)
{
    report_error(cli, err);
    return exit_code == EXIT_STATUS_NOT_EXECUTABLE || exit_code == EXIT_STATUS_NOT_FOUND ||
                           exit_code == EXIT_STATUS_FAILURE
                   ? exit_code
                   : foreground_start_status(cli, err);
}

static int attach(struct cli *cli, const char *name, const struct foreground_options *options,
        attach_fn fn, bool starts)
{
    auto_error struct error *err = NULL;
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container_attach_options how = streams(options);
    struct container_attach_result result = { 0 };
    struct container *container;
    struct engine *engine = cli_engine(cli, &err);

    if (!engine || container_get(engine, &arena, name, &container, &err) < 0)
        return report_error(cli, err);
    fflush(stdout);
    bool tty = container->config.tty && options->interactive;
    int r = tty ? terminal_raw(STDIN_FILENO, &err) : 0;

    if (r >= 0)
        r = fn(engine, container->id, &how, &result, &err);
    terminal_restore();
    if (r < 0 && starts)
        return failed_start(cli, result.exit_code, err);
    if (r < 0) {
        report_error(cli, err);
        return EXIT_STATUS_FAILURE;
    }
    if (result.detached && cli->err_is_terminal)
        fputs("\nread escape sequence\n", stderr);
    return result.detached ? 0 : result.exit_code;
}

int foreground_start(
        struct cli *cli, const char *container, const struct foreground_options *options)
{
    return attach(cli, container, options, container_start_attached, true);
}

int foreground_attach(
        struct cli *cli, const char *container, const struct foreground_options *options)
{
    return attach(cli, container, options, container_attach, false);
}

int foreground_exec(struct cli *cli, const char *container, struct container_exec_options *exec)
{
    auto_error struct error *err = NULL;
    struct engine *engine = cli_engine_plain(cli, &err);
    int exit_code = 0;

    if (!engine)
        return report_error(cli, err);
    if (!string_is_empty(exec->working_dir) && *exec->working_dir != '/') {
        report_failure(cli,
                "the working directory '%s' is invalid, it needs to be an absolute path",
                exec->working_dir);
        return EXIT_STATUS_NOT_STARTED;
    }
    fflush(stdout);
    exec->attach.stdin_fd = exec->interactive && !exec->detach ? STDIN_FILENO : -EBADF;
    exec->attach.stdout_fd = exec->detach ? -EBADF : STDOUT_FILENO;
    exec->attach.stderr_fd = exec->detach ? -EBADF : STDERR_FILENO;
    int r = exec->tty && exec->interactive && !exec->detach ? terminal_raw(STDIN_FILENO, &err) : 0;

    if (r >= 0)
        r = container_exec(engine, container, exec, &exit_code, &err);
    terminal_restore();
    if (r < 0) {
        report_error(cli, err);
        /* In the background nobody asks for the status of the process. */
        bool tells = !exec->detach && (exit_code == EXIT_STATUS_NOT_EXECUTABLE ||
                                              exit_code == EXIT_STATUS_NOT_FOUND);
        return tells ? exit_code : EXIT_STATUS_FAILURE;
    }
    return exit_code;
}
