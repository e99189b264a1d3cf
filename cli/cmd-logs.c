/* logs of one container. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/container-choice.h"
#include "cli/follow.h"
#include "cli/log-view.h"
#include "cli/report.h"
#include "engine/container/container.h"

struct logs_options {
    const char *since, *until, *tail;
    bool follow, timestamps, details;
    struct container_choice choice;
};
#define AT(member) .offset = offsetof(struct logs_options, member)
static const struct opt logs_opts[] = {
    { .name = "details",
            .type = &opt_flag,
            AT(details),
            .help = "Put what the log options select before each line" },
    { .name = "follow",
            .letter = 'f',
            .type = &opt_flag,
            AT(follow),
            .help = "Keep printing as output arrives" },
    { .name = "since",
            .type = &opt_string,
            .arg = "TIME",
            AT(since),
            .help = "Start at a time, or at an age such as 10m" },
    { .name = "tail",
            .letter = 'n',
            .type = &opt_string,
            .arg = "N",
            AT(tail),
            .help = "How many of the last lines (default all)" },
    { .name = "timestamps",
            .letter = 't',
            .type = &opt_flag,
            AT(timestamps),
            .help = "Put the time before each line" },
    { .name = "until",
            .type = &opt_string,
            .arg = "TIME",
            AT(until),
            .help = "End at a time, or at an age such as 10m" },
    CONTAINER_LATEST_ROW(struct logs_options, choice, 'l'), OPT_END
};
#undef AT

static int run_logs(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct logs_options *options = data;
    auto_error struct error *err = NULL;
    auto_(log_view_free_p) struct log_view *view = NULL;
    struct log_view_options how = { .timestamps = options->timestamps,
        .details = options->details,
        .no_prefix = true,
        .split_streams = true };
    struct container *container;
    const struct strings words = { argv, (size_t)argc, (size_t)argc };
    int status = options->choice.latest ? cli_check_arguments(cli, &command_logs, argc, 0, 0)
                                        : cli_check_arguments(cli, &command_logs, argc, 1, 1);

    if (status)
        return status;
    const char *name = container_choose_one(
            cli, &command_logs, options->choice.latest, &words, &status);
    if (!name)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    int r = engine ? 0 : -EPERM;
    if (r >= 0)
        r = container_get(engine, &cli->arena, name, &container, &err);
    if (r >= 0)
        r = log_view_parse(options->tail, options->since, options->until, &how.read, &err);
    how.read.follow = r >= 0 && options->follow && container_is_running(container);
    how.split_streams = r >= 0 && !container->config.tty;
    if (r >= 0)
        r = log_view_new(cli, engine, &how, &view, &err);
    if (r >= 0)
        r = log_view_add(view, container->id, container->name, &err);
    if (r >= 0)
        r = log_view_drain(view, &err);
    if (r >= 0 && how.read.follow)
        r = follow_until_ended(cli, engine, view, (const char *const[]){ container->id }, 1, &err);
    return r < 0 ? report_error(cli, err) : 0;
}

const struct command command_logs = {
    .name = "logs",
    .usage = "[OPTIONS] CONTAINER",
    .summary = "Print the output of a container",
    .opts = logs_opts,
    .options_bytes = sizeof(struct logs_options),
    .run = run_logs,
};
