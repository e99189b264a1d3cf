/* system df: in short, and object by object. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/objects.h"
#include "cli/report.h"
#include "cli/table.h"
#include "engine/container/container.h"
#include "engine/container/usage.h"
#include "engine/image/image.h"
#include "engine/volume/volume.h"

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

/* ------------------------------------------------------------------ -v */

static const struct list_column image_columns[] = {
    { "REPOSITORY", "Repository" },
    { "TAG", "Tag" },
    { "IMAGE ID", "ID" },
    { "CREATED", "CreatedSince" },
    { "SIZE", "Size" },
    { "SHARED SIZE", "SharedSize" },
    { "UNIQUE SIZE", "UniqueSize" },
    { "CONTAINERS", "Containers" },
    { NULL, NULL },
};
static const struct list_column container_columns[] = {
    { "CONTAINER ID", "ID" },
    { "IMAGE", "Image" },
    { "COMMAND", "Command" },
    { "LOCAL VOLUMES", "LocalVolumes" },
    { "SIZE", "Size" },
    { "CREATED", "RunningFor" },
    { "STATUS", "Status" },
    { "NAMES", "Names" },
    { NULL, NULL },
};
static const struct list_column volume_columns[] = {
    { "VOLUME NAME", "Name" },
    { "LINKS", "Links" },
    { "SIZE", "Size" },
    { NULL, NULL },
};
static const struct list_column cache_columns[] = {
    { "CACHE ID", "ID" },
    { "CACHE TYPE", "CacheType" },
    { "SIZE", "Size" },
    { "CREATED", "CreatedSince" },
    { "LAST USED", "LastUsedSince" },
    { "SHARED", "Shared" },
    { NULL, NULL },
};

static int add_images(struct cli *cli, struct engine *engine, json_t *rows, struct error **err)
{
    static const struct image_list_options all = { 0 };
    auto_(image_list_release) struct image_list images = { 0 };
    int64_t now = time_realtime_nsec();
    int r = image_list(engine, &all, &images, err);

    for (size_t i = 0; r >= 0 && i < images.len; i++) {
        const struct image *image = images.items[i];
        size_t first = json_array_size(rows);
        struct image_usage usage;

        r = image_usage_read(engine, image->id, &usage, err);
        image_rows(&cli->arena, rows, image, false, now);
        for (size_t k = first; r >= 0 && k < json_array_size(rows); k++) {
            json_t *row = json_array_get(rows, k);

            json_object_set_new(
                    row, "SharedSize", json_string(format_size(&cli->arena, usage.shared_bytes)));
            json_object_set_new(row, "UniqueSize",
                    json_string(format_size(&cli->arena, image->size_bytes - usage.shared_bytes)));
            json_object_set_new(row, "Containers", json_sprintf("%zu", usage.containers));
        }
    }
    return r;
}

static int add_containers(struct cli *cli, struct engine *engine, json_t *rows, struct error **err)
{
    struct container_filter filter = { .all = true };
    struct containers containers = { 0 };
    int64_t now = time_realtime_nsec();
    int r = container_list(engine, &cli->arena, &filter, &containers, err);

    for (size_t i = 0; r >= 0 && i < containers.len; i++) {
        json_t *row = container_row(&cli->arena, containers.items[i], false, true, now);

        json_object_set_new(row, "Size",
                json_string(
                        format_size(&cli->arena, container_size(engine, containers.items[i]->id))));
        json_array_append_new(rows, row);
    }
    return r;
}

static int add_volumes(struct cli *cli, struct engine *engine, json_t *rows, struct error **err)
{
    struct volumes volumes = { 0 };
    int r = volume_list(engine, &cli->arena, NULL, &volumes, err);

    for (size_t i = 0; r >= 0 && i < volumes.len; i++) {
        json_t *row = volume_row(&cli->arena, &volumes.items[i]);

        json_object_set_new(row, "Links", json_sprintf("%zu", volumes.items[i].users));
        json_object_set_new(row, "Size",
                json_string(format_size(&cli->arena, volume_size(engine, volumes.items[i].name))));
        json_array_append_new(rows, row);
    }
    return r;
}

static int add_cache(struct cli *cli, struct engine *engine, json_t *rows, struct error **err)
{
    struct cache_usages entries = { 0 };
    int64_t now = time_realtime_nsec();
    int r = cache_usage_list(engine, &cli->arena, &entries, err);

    for (size_t i = 0; r >= 0 && i < entries.len; i++) {
        const struct cache_usage *entry = &entries.items[i];

        json_array_append_new(
                rows, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b}", "ID",
                              format_short_id(&cli->arena, entry->id), "CacheType", "regular",
                              "Size", format_size(&cli->arena, entry->size_bytes), "CreatedSince",
                              format_ago(&cli->arena, entry->created_nsec, now), "LastUsedSince",
                              format_ago(&cli->arena, entry->last_used_nsec, now), "Shared",
                              entry->shared));
    }
    return r;
}

static int show_all(struct cli *cli, struct engine *engine, const char *format, struct error **err)
{
    const struct {
        const char *key, *title;
        int (*add)(struct cli *cli, struct engine *engine, json_t *rows, struct error **err);
        const struct list_column *columns;
    } parts[] = {
        { "Images", "Images space usage:", add_images, image_columns },
        { "Containers", "Containers space usage:", add_containers, container_columns },
        { "Volumes", "Local Volumes space usage:", add_volumes, volume_columns },
        { "BuildCache", "Build cache usage:", add_cache, cache_columns },
    };
    auto_json json_t *whole = json_object();
    auto_json json_t *list = json_array();
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(parts); i++) {
        json_object_set_new(whole, parts[i].key, json_array());
        r = parts[i].add(cli, engine, json_object_get(whole, parts[i].key), err);
    }
    if (r < 0)
        return r;
    json_array_append(list, whole);
    if (!string_is_empty(format) && strcmp(format, "table") != 0)
        return list_print_inspect(cli, format, list, NULL, err);
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(parts); i++) {
        struct list_format table = { .columns = parts[i].columns, .min_width = TABLE_MIN_WIDTH };

        while (parts[i].columns[table.default_columns].key)
            table.default_columns++;
        cli_print(cli, "%s%s\n\n", i ? "\n" : "", parts[i].title);
        r = list_print(cli, &table, json_object_get(whole, parts[i].key), err);
    }
    return r;
}

static int run_df(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct df_options *options = data;
    auto_error struct error *err = NULL;
    auto_json json_t *rows = json_array();
    struct engine_usage usage;

    (void)argv;
    if (argc)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    struct engine *engine = cli_engine(cli, &err);
    if (engine && options->verbose)
        return show_all(cli, engine, options->format, &err) < 0 ? report_error(cli, err) : 0;
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

const struct command command_df = {
    .name = "df",
    .usage = "[OPTIONS]",
    .summary = "Show what everything takes on disk",
    .opts = df_opts,
    .options_bytes = sizeof(struct df_options),
    .run = run_df,
};
