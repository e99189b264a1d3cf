/* system prune, and the group of system. */
#include <errno.h>

#include "base/error.h"
#include "base/json/json.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/objects.h"
#include "cli/prune.h"
#include "cli/report.h"
#include "cli/table.h"
#include "engine/build/cache.h"
#include "engine/container/usage.h"
#include "engine/image/image.h"
#include "engine/network/network.h"
#include "engine/volume/volume.h"

/* ------------------------------------------------------------------ prune */

struct prune_options {
    bool all, force, volumes;
    struct strings filters;
};
static const struct opt prune_opts[] = {
    { .name = "all",
            .letter = 'a',
            .type = &opt_flag,
            .offset = offsetof(struct prune_options, all),
            .help = "Also tagged images that no container uses" },
    PRUNE_FILTER_ROW(prune_options, "until, label, label!"), PRUNE_FORCE_ROW(prune_options),
    { .name = "volumes",
            .type = &opt_flag,
            .offset = offsetof(struct prune_options, volumes),
            .help = "Also anonymous volumes" },
    OPT_END
};

static void print_list(struct cli *cli, const char *heading, const struct strings *names)
{
    if (names->len)
        cli_print(cli, "%s\n", heading);
    for (size_t i = 0; i < names->len; i++)
        cli_print(cli, "%s\n", names->items[i]);
    if (names->len)
        cli_print(cli, "\n");
}

static int prune_images(struct cli *cli, struct engine *engine, bool all,
        const struct prune_filter *prune, uint64_t *bytes, struct error **err)
{
    auto_(image_removal_release) struct image_removal removal = { 0 };
    int r = image_prune(engine, all, prune, &removal, err);

    if (r < 0)
        return r;
    if (removal.untagged.len || removal.deleted.len)
        cli_print(cli, "Deleted Images:\n");
    ARRAY_FOREACH(&removal.untagged, name)
        cli_print(cli, "untagged: %s\n", *name);
    ARRAY_FOREACH(&removal.deleted, id)
        cli_print(cli, "deleted: %s\n", *id);
    if (removal.untagged.len || removal.deleted.len)
        cli_print(cli, "\n");
    *bytes += removal.reclaimed_bytes;
    return 0;
}

static int run_prune(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct prune_options *options = data;
    auto_error struct error *err = NULL;
    struct strings networks = { 0 }, volumes = { 0 };
    struct prune_filter prune;
    uint64_t bytes = 0, volume_bytes = 0;

    (void)argv;
    if (argc)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    if (prune_parse_filters(&cli->arena, &options->filters,
                &(struct prune_words){ .knows_time = true }, &prune, &err) < 0)
        return report_error(cli, err);
    /* Docker's: volumes have no time that could be compared. */
    if (options->volumes && prune.until_nsec)
        return report_failure(cli, "the \"until\" filter is not supported with \"--volumes\"");
    if (!options->force &&
            !cli_confirm(cli,
                    options->all ? "This removes all stopped containers, all networks without a "
                                   "container, all images without one and all build cache."
                                 : "This removes all stopped containers, all networks without a "
                                   "container, all dangling images and unused build cache."))
        return 0;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    int status = container_prune_print(cli, engine, &prune, &bytes);
    if (network_prune(engine, &cli->arena, &prune, &networks, &err) < 0 ||
            network_tidy(engine, &err) < 0)
        return report_error(cli, err);
    print_list(cli, "Deleted Networks:", &networks);
    if (options->volumes &&
            volume_prune(engine, &cli->arena, false, &prune, &volumes, &volume_bytes, &err) < 0)
        return report_error(cli, err);
    print_list(cli, "Deleted Volumes:", &volumes);
    if (prune_images(cli, engine, options->all, &prune, &bytes, &err) < 0)
        return report_error(cli, err);
    /* Build cache has no labels. */
    const struct build_cache_filter cache = { options->all, prune.until_nsec };
    if (!prune.labels && !prune.not_labels &&
            builder_prune_print(cli, engine, &cache, &bytes, &err) < 0)
        return report_error(cli, err);
    cli_print(cli, "Total reclaimed space: %s\n", format_size(&cli->arena, bytes + volume_bytes));
    return status;
}

static int run_system(struct cli *cli, const void *data, int argc, char **argv)
{
    struct command table[] = {
        command_df,
        command_events,
        command_info,
        { .name = "prune",
                .usage = "[OPTIONS]",
                .summary = "Remove what is not used",
                .opts = prune_opts,
                .options_bytes = sizeof(struct prune_options),
                .run = run_prune },
        { 0 },
    };
    struct command group = command_system;

    (void)data;
    group.subcommands = table;
    return cli_run_subcommand(cli, &group, argc, argv);
}

const struct command command_system = {
    .name = "system",
    .usage = "COMMAND",
    .summary = "Look after all of berth's state",
    .run = run_system,
    .stop_at_first_argument = true,
};
