/* compose logs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/timefmt.h"
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

struct showing {
    struct compose *compose;
    const struct logs_options *options;
    int argc;
    char **argv;
    struct log_view *view;
    struct follow *follow; /* NULL: only what there is */
};

static int show(
        struct showing *showing, const struct observed_container *container, struct error **err)
{
    struct compose *compose = showing->compose;
    auto_error struct error *no_log = NULL;
    int64_t index = showing->options->index;

    if (index > 0 && container->number != (unsigned)index)
        return 0;
    if (log_view_add(showing->view, container->id, compose_short_name(compose, container),
                &no_log) < 0) {
        report_warning(compose->cli, "%s: %s", container->name, no_log->message);
        return 0;
    }
    return showing->follow && observed_container_is_active(container)
                   ? follow_add(showing->follow, container->id, err)
                   : 0;
}

/* Everything that is there now of the services, or (`id`) only that one. */
static int show_all(struct showing *showing, const char *id, struct error **err)
{
    struct compose_containers containers;
    int r = 0;

    if (compose_observe(showing->compose) ||
            compose_containers(showing->compose, showing->argc, showing->argv, false, &containers))
        return -ECANCELED; /* reported */
    for (size_t i = 0; i < containers.len && r >= 0; i++)
        if (!id || strcmp(containers.items[i]->id, id) == 0)
            r = show(showing, containers.items[i], err);
    return r;
}

/* One that another command is about to start in the place of one that ended. */
static bool expects_start(struct showing *showing)
{
    struct compose_containers containers;

    if (compose_observe(showing->compose) ||
            compose_containers(showing->compose, showing->argc, showing->argv, false, &containers))
        return false;
    ARRAY_FOREACH(&containers, container)
        if ((*container)->status == OBSERVED_CREATED)
            return true;
    return false;
}

/* Until all have ended; with those that start meanwhile. */
static int show_on(struct showing *showing, struct error **err)
{
    const char *id;
    int code, r = 0;
    bool began = follow_alive(showing->follow) > 0;

    while (r >= 0 && (follow_alive(showing->follow) > 0 || (began && expects_start(showing)))) {
        r = follow_next(showing->follow, showing->view, &id, &code, err);
        if (r == FOLLOW_STARTED)
            r = show_all(showing, id, err);
        else if (r == FOLLOW_INTERRUPTED || r == FOLLOW_OUTPUT_LOST)
            break;
    }
    return r;
}

/* --index asks for one container of one service. */
static int check_index(struct compose *compose, int64_t index, int argc, char **argv)
{
    const struct observed_container *container;

    if (index <= 0)
        return 0;
    if (argc != 1)
        return report_failure(compose->cli, "--index requires one service to be selected");
    int status = compose_observe(compose);
    return status ? status : compose_container(compose, argv[0], index, &container);
}

static int run_logs(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct logs_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(log_view_free_p) struct log_view *view = NULL;
    auto_(follow_free_p) struct follow *follow = NULL;
    auto_error struct error *err = NULL;
    struct log_view_options how = {
        .timestamps = o->timestamps, .no_prefix = o->no_prefix, .no_colour = o->no_colour
    };
    int status = compose_open(cli, COMPOSE_NEED_NAME, argc, argv, &compose);

    if (status == 0)
        status = check_index(compose, o->index, argc, argv);
    if (status)
        return status;
    if (!cli_engine(cli, &err))
        return report_error(cli, err);
    int r = log_view_parse(o->tail, o->since, o->until, &how.read, &err);
    how.read.follow = o->follow;
    if (r >= 0)
        r = log_view_new(cli, cli->engine, &how, &view, &err);
    if (r >= 0 && o->follow)
        r = follow_new(cli, &follow, &err);
    cli_interrupt_begin(cli);
    if (r >= 0 && follow)
        r = follow_project(follow, compose->name, time_realtime_nsec(), &err);
    struct showing showing = { compose, o, argc, argv, view, follow };
    if (r >= 0)
        r = show_all(&showing, NULL, &err);
    if (r >= 0)
        r = log_view_drain(view, &err);
    if (r >= 0 && follow)
        r = show_on(&showing, &err);
    cli_interrupt_end(cli);
    if (r < 0)
        return err ? report_error(cli, err) : EXIT_STATUS_FAILURE;
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
