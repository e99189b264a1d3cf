/* What is done to a container that is there: kill, delete, pause, resume. */
#include <signal.h>
#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/parse.h"
#include "cli/oci.h"

struct kill_options {
    bool all;
};
static const struct opt kill_opts[] = {
    { .name = "all",
            .letter = 'a',
            .type = &opt_flag,
            .offset = offsetof(struct kill_options, all),
            .help = "Send the signal to all processes of the container" },
    OPT_END
};

static int run_kill(struct oci_cli *cli, const void *data, int argc, char **argv)
{
    const struct kill_options *options = data;
    auto_error struct error *err = NULL;
    int signo = SIGTERM;

    /* 0 only asks whether it lives. */
    if (argc > 1 && strcmp(argv[1], "0") == 0)
        signo = 0;
    else if (argc > 1 && parse_signal(str_from(argv[1]), &signo) < 0)
        return oci_report_failure(cli, "unknown signal \"%s\"", argv[1]);
    return oci_kill(&cli->runtime, argv[0], signo, options->all, &err) < 0 ? oci_report(cli, err)
                                                                           : 0;
}

const struct oci_command oci_command_kill = {
    .base = { .name = "kill",
            .usage = "[OPTIONS] CONTAINER [SIGNAL]",
            .summary = "Send a signal (default SIGTERM) to the container's first process",
            .opts = kill_opts,
            .options_bytes = sizeof(struct kill_options) },
    .run = run_kill,
    .min_arguments = 1,
    .max_arguments = 2,
};

struct delete_options {
    bool force;
};
static const struct opt delete_opts[] = {
    { .name = "force",
            .letter = 'f',
            .type = &opt_flag,
            .offset = offsetof(struct delete_options, force),
            .help = "Kill the container if it runs; a missing one is no error" },
    OPT_END
};

static int run_delete(struct oci_cli *cli, const void *data, int argc, char **argv)
{
    const struct delete_options *options = data;
    auto_error struct error *err = NULL;

    (void)argc;
    return oci_delete(&cli->runtime, argv[0], options->force, &err) < 0 ? oci_report(cli, err) : 0;
}

const struct oci_command oci_command_delete = {
    .base = { .name = "delete",
            .usage = "[OPTIONS] CONTAINER",
            .summary = "Remove what there is of a container",
            .opts = delete_opts,
            .options_bytes = sizeof(struct delete_options) },
    .run = run_delete,
    .min_arguments = 1,
    .max_arguments = 1,
};

static int run_pause(struct oci_cli *cli, const void *options, int argc, char **argv)
{
    auto_error struct error *err = NULL;

    (void)options;
    (void)argc;
    return oci_pause(&cli->runtime, argv[0], &err) < 0 ? oci_report(cli, err) : 0;
}

const struct oci_command oci_command_pause = {
    .base = { .name = "pause",
            .usage = "CONTAINER",
            .summary = "Hold all processes of a container still" },
    .run = run_pause,
    .min_arguments = 1,
    .max_arguments = 1,
};

static int run_resume(struct oci_cli *cli, const void *options, int argc, char **argv)
{
    auto_error struct error *err = NULL;

    (void)options;
    (void)argc;
    return oci_resume(&cli->runtime, argv[0], &err) < 0 ? oci_report(cli, err) : 0;
}

const struct oci_command oci_command_resume = {
    .base = { .name = "resume",
            .usage = "CONTAINER",
            .summary = "Let the processes of a paused container go on" },
    .run = run_resume,
    .min_arguments = 1,
    .max_arguments = 1,
};
