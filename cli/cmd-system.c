/* system df, prune, info and events. */
#include <errno.h>

#include "base/error.h"
#include "base/json/json.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/objects.h"
#include "cli/report.h"
#include "cli/table.h"
#include "engine/container/usage.h"
#include "engine/image/image.h"
#include "engine/network/network.h"
#include "engine/volume/volume.h"

/* ------------------------------------------------------------------ df */

struct df_options {
    const char *format;
    bool verbose;
};
static const struct opt df_opts[] = { { .name = "format",
                                              .type = &opt_string,
                                              .arg = "FORMAT",
                                              .offset = offsetof(struct df_options, format),
                                              .help = "table, json or a Go template" },
    { .name = "verbose",
            .letter = 'v',
            .type = &opt_flag,
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            .offset = offsetof(struct df_options, verbose),
            .help = "Every object by itself" },
    OPT_END };
static const struct list_column df_columns[] = {
    { "TYPE", "Type" },
    { "TOTAL", "TotalCount" },
    { "ACTIVE", "Active" },
    { "SIZE", "Size" },
    { "RECLAIMABLE", "Reclaimable" },
    { NULL, NULL },
};

static json_t *df_row(struct arena *arena, const char *type, const struct usage *usage)
{
    const char *reclaimable = format_size(arena, usage->reclaimable_bytes);

    if (usage->size_bytes > 0)
        reclaimable = arena_printf(arena, "%s (%llu%%)", reclaimable,
                (unsigned long long)(usage->reclaimable_bytes * 100 / usage->size_bytes));
    return json_pack("{s:s, s:s, s:s, s:s, s:s}", "Active",
            arena_printf(arena, "%zu", usage->active), "Reclaimable", reclaimable, "Size",
            format_size(arena, usage->size_bytes), "TotalCount",
            arena_printf(arena, "%zu", usage->count), "Type", type);
}

static int run_df(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct df_options *options = data;
    auto_error struct error *err = NULL;
    auto_json json_t *rows = json_array();
    struct engine_usage usage;

    (void)argv;
    if (argc)
        return report_failure(cli, "\"%s\" accepts no arguments", cli->command);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || engine_usage_read(engine, &usage, &err) < 0)
        return report_error(cli, err);
    json_array_append_new(rows, df_row(&cli->arena, "Images", &usage.images));
    json_array_append_new(rows, df_row(&cli->arena, "Containers", &usage.containers));
    json_array_append_new(rows, df_row(&cli->arena, "Local Volumes", &usage.volumes));
    json_array_append_new(rows, df_row(&cli->arena, "Build Cache", &usage.build_cache));
    struct list_format format = {
        .format = options->format,
        .columns = df_columns,
        .default_columns = 5,
        .min_width = TABLE_MIN_WIDTH,
    };
    return list_print(cli, &format, rows, &err) < 0 ? report_error(cli, err) : 0;
}

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
    { .name = "filter",
            .type = &opt_list,
            .arg = "KEY=VALUE",
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            .offset = offsetof(struct prune_options, filters),
            .help = "Only what matches" },
    { .name = "force",
            .letter = 'f',
            .type = &opt_flag,
            .offset = offsetof(struct prune_options, force),
            .help = "Do not ask" },
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

static int prune_images(
        struct cli *cli, struct engine *engine, bool all, uint64_t *bytes, struct error **err)
{
    auto_(image_removal_release) struct image_removal removal = { 0 };
    int r = image_prune(engine, all, &removal, err);

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
    uint64_t bytes = 0, volume_bytes = 0;

    (void)argv;
    if (argc)
        return report_failure(cli, "\"%s\" accepts no arguments", cli->command);
    if (!options->force &&
            !cli_confirm(cli,
                    options->all ? "This removes all stopped containers, all networks without a "
                                   "container and all images without one."
                                 : "This removes all stopped containers, all networks without a "
                                   "container and all dangling images."))
        return 0;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    int status = container_prune_print(cli, engine, &bytes);
    if (network_prune(engine, &cli->arena, &networks, &err) < 0 || network_tidy(engine, &err) < 0)
        return report_error(cli, err);
    print_list(cli, "Deleted Networks:", &networks);
    if (options->volumes &&
            volume_prune(engine, &cli->arena, false, &volumes, &volume_bytes, &err) < 0)
        return report_error(cli, err);
    print_list(cli, "Deleted Volumes:", &volumes);
    if (prune_images(cli, engine, options->all, &bytes, &err) < 0)
        return report_error(cli, err);
    cli_print(cli, "Total reclaimed space: %s\n", format_size(&cli->arena, bytes + volume_bytes));
    return status;
}

static int run_system(struct cli *cli, const void *data, int argc, char **argv)
{
    struct command table[] = {
        { .name = "df",
                .usage = "[OPTIONS]",
                .summary = "Show what everything takes on disk",
                .opts = df_opts,
                .options_bytes = sizeof(struct df_options),
                .run = run_df },
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
