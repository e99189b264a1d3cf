/* builder: build, and prune of what builds keep. */
#include <errno.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/objects.h"
#include "cli/prune.h"
#include "cli/report.h"
#include "engine/build/cache.h"

struct prune_options {
    bool all, force;
    struct strings filters;
};
static const struct opt prune_opts[] = { { .name = "all",
                                                 .letter = 'a',
                                                 .type = &opt_flag,
                                                 .offset = offsetof(struct prune_options, all),
                                                 .help = "Also what images stand on" },
    PRUNE_FILTER_ROW(prune_options, "until"), PRUNE_FORCE_ROW(prune_options), OPT_END };

int builder_prune_print(struct cli *cli, struct engine *engine,
        const struct build_cache_filter *filter, uint64_t *bytes, struct error **err)
{
    struct build_cache_pruned pruned;
    int r = build_cache_prune(engine, &cli->arena, filter, &pruned, err);

    if (r < 0)
        return r;
    if (pruned.keys.len)
        cli_print(cli, "Deleted build cache objects:\n");
    ARRAY_FOREACH(&pruned.keys, key)
        cli_print(cli, "%s\n", *key);
    if (pruned.keys.len)
        cli_print(cli, "\n");
    *bytes += pruned.bytes;
    return 0;
}

static int run_prune(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct prune_options *options = data;
    auto_error struct error *err = NULL;
    struct prune_filter prune;
    uint64_t bytes = 0;

    (void)argv;
    if (argc)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    if (prune_parse_filters(&cli->arena, &options->filters,
                &(struct prune_words){ .knows_time = true }, &prune, &err) < 0)
        return report_error(cli, err);
    if (prune.labels || prune.not_labels)
        return report_failure(cli, "invalid filter \"label\": build cache has no labels");
    if (!options->force &&
            !cli_confirm(cli, options->all
                                      ? "This removes all build cache."
                                      : "This removes all build cache that no image stands on."))
        return 0;
    struct engine *engine = cli_engine(cli, &err);
    const struct build_cache_filter filter = { options->all, prune.until_nsec };
    if (!engine || builder_prune_print(cli, engine, &filter, &bytes, &err) < 0)
        return report_error(cli, err);
    cli_print(cli, "Total reclaimed space: %s\n", format_size(&cli->arena, bytes));
    return 0;
}

static int run_builder(struct cli *cli, const void *data, int argc, char **argv)
{
    struct command table[] = {
        command_build,
        { .name = "prune",
                .usage = "[OPTIONS]",
                .summary = "Remove build cache",
                .opts = prune_opts,
                .options_bytes = sizeof(struct prune_options),
                .run = run_prune },
        { 0 },
    };
    struct command group = command_builder;

    (void)data;
    group.subcommands = table;
    return cli_run_subcommand(cli, &group, argc, argv);
}

static const char *const builder_aliases[] = { "buildx", NULL };

const struct command command_builder = {
    .name = "builder",
    .aliases = builder_aliases,
    .usage = "COMMAND",
    .summary = "Manage builds",
    .run = run_builder,
    .stop_at_first_argument = true,
};
