/* compose logs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/follow.h"
#include "cli/log-view.h"
#include "cli/report.h"

struct logs_options {
    const char *since, *until, *tail;
    int64_t index;
    bool follow, no_colour, no_prefix, timestamps;
};
#define AT(member) .offset = offsetof(struct logs_options, member)
static const struct opt logs_opts[] = { { .name = "follow",
                                                .letter = 'f',
                                                .type = &opt_flag,
                                                AT(follow),
                                                .help = "Keep printing as output arrives" },
    { .name = "index",
            .type = &opt_int,
            .arg = "N",
            AT(index),
            .help = "Which container of the service, from 1" },
    { .name = "no-color", .type = &opt_flag, AT(no_colour), .help = "No colours" },
    { .name = "no-log-prefix",
            .type = &opt_flag,
            AT(no_prefix),
            .help = "No names before the lines" },
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
            .help = "How many of the last lines per container (default all)" },
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
    OPT_END };
#undef AT

static int run_logs(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct logs_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(log_view_free_p) struct log_view *view = NULL;
    auto_error struct error *err = NULL;
    struct compose_containers containers;
    struct log_view_options how = {
        .timestamps = o->timestamps, .no_prefix = o->no_prefix, .no_colour = o->no_colour
    };
    struct strings alive = { 0 };
    int status = compose_open(cli, COMPOSE_NEED_NAME, argc, argv, &compose);

    if (status == 0)
        status = compose_observe(compose);
    if (status == 0)
        status = compose_containers(compose, argc, argv, false, &containers);
    if (status)
        return status;
    int r = log_view_parse(o->tail, o->since, o->until, &how.read, &err);
    how.read.follow = o->follow;
    if (r >= 0)
        r = log_view_new(cli, cli->engine, &how, &view, &err);
    for (size_t i = 0; i < containers.len && r >= 0; i++) {
        const struct observed_container *container = containers.items[i];
        auto_error struct error *no_log = NULL;

        if (o->index > 0 && container->number != (unsigned)o->index)
            continue;
        if (log_view_add(view, container->id, compose_short_name(compose, container), &no_log) < 0)
            report_warning(cli, "%s: %s", container->name, no_log->message);
        else if (observed_container_is_active(container))
            *ARRAY_APPEND_ARENA(&compose->arena, &alive) = (char *)container->id;
    }
    if (r >= 0)
        r = log_view_drain(view, &err);
    if (r >= 0 && o->follow && alive.len > 0)
        r = follow_until_ended(
                cli, cli->engine, view, (const char *const *)alive.items, alive.len, &err);
    if (r < 0)
        return report_error(cli, err);
    return atomic_load(&cli->interrupted) ? EXIT_STATUS_SIGNAL + cli_interrupt_signal() : 0;
}

const struct command command_compose_logs = {
    .name = "logs",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Print the output of containers",
    .opts = logs_opts,
    .options_bytes = sizeof(struct logs_options),
    .run = run_logs,
};
