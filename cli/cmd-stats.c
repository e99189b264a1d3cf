/* stats: what running containers use, every second. */
#include "base/error.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/stats-view.h"
#include "engine/container/container.h"

struct stats_options {
    const char *format;
    bool all, no_stream, no_trunc;
};
#define AT(member) .offset = offsetof(struct stats_options, member)
static const struct opt stats_opts[] = {
    { .name = "all", .letter = 'a', .type = &opt_flag, AT(all), .help = "Also stopped ones" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .help = "table, json or a Go template" },
    { .name = "no-stream", .type = &opt_flag, AT(no_stream), .help = "Print once and end" },
    { .name = "no-trunc", .type = &opt_flag, AT(no_trunc), .help = "Do not shorten ids" }, OPT_END
};
#undef AT

static int run_stats(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct stats_options *o = data;
    auto_error struct error *err = NULL;
    struct container_filter filter = { .all = o->all };
    struct stats_view view = {
        .filter = &filter,
        .names = argc ? ARENA_NEW_ARRAY(&cli->arena, (size_t)argc + 1, char *) : NULL,
        .format = o->format,
        .once = o->no_stream,
        .no_trunc = o->no_trunc,
    };
    struct engine *engine = cli_engine(cli, &err);

    if (!engine)
        return report_error(cli, err);
    for (int i = 0; i < argc; i++)
        view.names[i] = argv[i];
    cli_interrupt_begin(cli);
    int r = stats_view_run(cli, engine, &view, &err);
    cli_interrupt_end(cli);
    return r < 0 ? report_error(cli, err) : 0;
}

const struct command command_stats = {
    .name = "stats",
    .usage = "[OPTIONS] [CONTAINER...]",
    .summary = "Show what containers use",
    .opts = stats_opts,
    .options_bytes = sizeof(struct stats_options),
    .run = run_stats,
};
