/* images, tag, rmi, and the group `image`. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/objects.h"
#include "cli/prune.h"
#include "cli/report.h"
#include "cli/table.h"
#include "engine/image/image.h"
#include "engine/image/ref.h"

/* ------------------------------------------------------------------ --platform */

static int check_platform(
        struct engine *engine, const char *name, const char *platform, struct error **err)
{
    auto_(image_free_p) struct image *image = NULL;
    auto_(arena_release) struct arena arena = ARENA_INIT;

    if (string_is_empty(platform))
        return 0;
    int r = image_require(engine, name, &image, err);
    if (r < 0)
        return r;
    const char *own = arena_printf(&arena, "%s/%s", image->os, image->architecture);
    const char *whole = arena_printf(
            &arena, "%s%s%s", own, image->variant ? "/" : "", image->variant ? image->variant : "");
    if (strcmp(platform, own) == 0 || strcmp(platform, whole) == 0 ||
            strcmp(platform, image->architecture) == 0)
        return 0;
    return error_set_plain(err, ENOENT, NULL,
            "image with reference %s was found but its platform (%s) does not match the specified "
            "platform (%s)",
            name, whole, platform);
}

int image_check_platforms(struct cli *cli, const char *platform, int argc, char **argv)
{
    auto_error struct error *err = NULL;
    struct engine *engine = cli_engine(cli, &err);

    for (int i = 0; i < argc; i++)
        if (!engine || check_platform(engine, argv[i], platform, &err) < 0)
            return report_error(cli, err);
    return 0;
}

/* ------------------------------------------------------------------ images */

struct images_options {
    const char *format;
    struct strings filters;
    bool all, quiet, no_trunc, digests, tree;
};
#define AT(member) .offset = offsetof(struct images_options, member)
static const struct opt images_opts[] = {
    { .name = "all",
            .letter = 'a',
            .type = &opt_flag,
            AT(all),
            .help = "Also untagged ones that others were built on" },
    { .name = "digests", .type = &opt_flag, AT(digests), .help = "Show digests" },
    { .name = "filter",
            .letter = 'f',
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(filters),
            .help = "dangling, label, before, since, reference" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .help = "table, json or a Go template" },
    { .name = "no-trunc", .type = &opt_flag, AT(no_trunc), .help = "Do not shorten ids" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "Only ids" },
    { .name = "tree",
            .type = &opt_flag,
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            AT(tree),
            .help = "Show platforms as a tree" },
    OPT_END
};
#undef AT

static const struct list_column images_columns[] = {
    { "REPOSITORY", "Repository" },
    { "TAG", "Tag" },
    { "IMAGE ID", "ID" },
    { "CREATED", "CreatedSince" },
    { "SIZE", "Size" },
    { "DIGEST", "Digest" },
    { "CREATED AT", "CreatedAt" },
    { NULL, NULL },
};
static const struct list_column images_digest_columns[] = {
    { "REPOSITORY", "Repository" },
    { "TAG", "Tag" },
    { "DIGEST", "Digest" },
    { "IMAGE ID", "ID" },
    { "CREATED", "CreatedSince" },
    { "SIZE", "Size" },
    { "CREATED AT", "CreatedAt" },
    { NULL, NULL },
};

static int read_image_filters(struct arena *arena, const struct images_options *options,
        struct image_list_options *how, struct error **err)
{
    struct strings labels = { 0 };

    for (size_t i = 0; i < options->filters.len; i++) {
        const char *word = options->filters.items[i], *eq = strchr(word, '=');
        bool flag;

        if (!eq)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid filter \"%s\": the form is KEY=VALUE", word);
        struct str key = { word, (size_t)(eq - word) };
        if (str_is_equal_z(key, "dangling") && parse_bool(str_from(eq + 1), &flag) == 0)
            how->dangling = flag ? 1 : -1;
        else if (str_is_equal_z(key, "label"))
            *ARRAY_APPEND_ARENA(arena, &labels) = arena_strdup(arena, eq + 1);
        else if (str_is_equal_z(key, "before"))
            how->before = eq + 1;
        else if (str_is_equal_z(key, "since"))
            how->since = eq + 1;
        else if (str_is_equal_z(key, "until") &&
                 time_parse_since(eq + 1, time_realtime_nsec(), &how->until_nsec) == 0)
            continue;
        else if (str_is_equal_z(key, "reference"))
            how->reference = eq + 1;
        else
            return error_set_plain(err, EINVAL, NULL, "invalid filter \"%s\"", word);
    }
    how->labels = (const char *const *)labels.items;
    how->label_count = labels.len;
    return 0;
}

/* The digest that belongs to a repository, or "<none>". */
static const char *digest_of(const struct image *image, const char *repository)
{
    size_t len = strlen(repository);

    for (size_t i = 0; i < image->digests.len; i++)
        if (strncmp(image->digests.items[i], repository, len) == 0 &&
                image->digests.items[i][len] == '@')
            return image->digests.items[i] + len + 1;
    return "<none>";
}

static void add_image_row(struct arena *arena, json_t *rows, const struct image *image,
        const char *repository, const char *tag, const char *digest, bool no_trunc, int64_t now)
{
    json_t *row = json_object();

    json_object_set_new(row, "Containers", json_string("N/A"));
    json_object_set_new(
            row, "CreatedAt", json_string(format_created_at(arena, image->created_nsec)));
    json_object_set_new(
            row, "CreatedSince", json_string(format_ago(arena, image->created_nsec, now)));
    json_object_set_new(row, "Digest", json_string(digest));
    json_object_set_new(
            row, "ID", json_string(no_trunc ? image->id : format_short_id(arena, image->id)));
    json_object_set_new(row, "Repository", json_string(repository));
    json_object_set_new(row, "SharedSize", json_string("N/A"));
    json_object_set_new(row, "Size", json_string(format_size(arena, image->size_bytes)));
    json_object_set_new(row, "Tag", json_string(tag));
    json_object_set_new(row, "UniqueSize", json_string("N/A"));
    json_object_set_new(row, "VirtualSize", json_string(format_size(arena, image->size_bytes)));
    json_array_append_new(rows, row);
}

void image_rows(
        struct arena *arena, json_t *rows, const struct image *image, bool no_trunc, int64_t now)
{
    for (size_t i = 0; i < image->tags.len; i++) {
        const char *canonical = image->tags.items[i];
        const char *colon = strrchr(canonical, ':');
        const char *repository = arena_strndup(arena, canonical, (size_t)(colon - canonical));

        add_image_row(arena, rows, image, image_ref_familiar(repository), colon + 1,
                digest_of(image, repository), no_trunc, now);
    }
    for (size_t i = 0; i < image->digests.len && image->tags.len == 0; i++) {
        const char *at = strchr(image->digests.items[i], '@');
        const char *repository = arena_strndup(
                arena, image->digests.items[i], (size_t)(at - image->digests.items[i]));

        add_image_row(arena, rows, image, image_ref_familiar(repository), "<none>", at + 1,
                no_trunc, now);
    }
    if (image->tags.len == 0 && image->digests.len == 0)
        add_image_row(arena, rows, image, "<none>", "<none>", "<none>", no_trunc, now);
}

static int run_images(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct images_options *options = data;
    auto_error struct error *err = NULL;
    auto_json json_t *rows = json_array();
    auto_(image_list_release) struct image_list list = { 0 };
    struct image_list_options how = { .all = options->all };
    int status = cli_check_arguments(cli, &command_images, argc, 0, 1);

    if (status)
        return status;
    if (read_image_filters(&cli->arena, options, &how, &err) < 0)
        return report_error(cli, err);
    if (argc == 1)
        how.reference = argv[0];
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || image_list(engine, &how, &list, &err) < 0)
        return report_error(cli, err);
    int64_t now = time_realtime_nsec();
    for (size_t i = 0; i < list.len; i++) {
        if (options->quiet && !options->format)
            cli_print(cli, "%s\n",
                    options->no_trunc ? list.items[i]->id
                                      : format_short_id(&cli->arena, list.items[i]->id));
        else
            image_rows(&cli->arena, rows, list.items[i], options->no_trunc, now);
    }
    if (options->quiet && !options->format)
        return 0;
    struct list_format format = {
        .format = options->format,
        .columns = options->digests ? images_digest_columns : images_columns,
        .default_columns = options->digests ? 6 : 5,
        .min_width = TABLE_MIN_WIDTH,
    };
    return list_print(cli, &format, rows, &err) < 0 ? report_error(cli, err) : 0;
}

const struct command command_images = {
    .name = "images",
    .usage = "[OPTIONS] [REPOSITORY[:TAG]]",
    .summary = "List images",
    .opts = images_opts,
    .options_bytes = sizeof(struct images_options),
    .run = run_images,
};

/* ------------------------------------------------------------------ tag, rmi */

static int run_tag(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_error struct error *err = NULL;
    int status = cli_check_arguments(cli, &command_tag, argc, 2, 2);

    (void)data;
    if (status)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    return !engine || image_tag(engine, argv[0], argv[1], &err) < 0 ? report_error(cli, err) : 0;
}

const struct command command_tag = {
    .name = "tag",
    .usage = "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
    .summary = "Give an image a further name",
    .run = run_tag,
};

struct rmi_options {
    bool force, no_prune;
    const char *platform;
};
#define AT(member) .offset = offsetof(struct rmi_options, member)
static const struct opt rmi_opts[] = {
    { .name = "force",
            .letter = 'f',
            .type = &opt_flag,
            AT(force),
            .help = "Also with several names or stopped containers" },
    { .name = "no-prune", .type = &opt_flag, AT(no_prune), .help = "Keep untagged parents" },
    { .name = "platform",
            .type = &opt_string,
            .arg = "OS/ARCH",
            AT(platform),
            .help = "Fail unless the image is for this platform" },
    OPT_END
};
#undef AT

static int run_rmi(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct rmi_options *options = data;
    auto_error struct error *err = NULL;
    int status = cli_check_arguments(cli, &command_rmi, argc, 1, -1);

    if (status)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    for (int i = 0; i < argc; i++) {
        auto_error struct error *failure = NULL;
        auto_(image_removal_release) struct image_removal removal = { 0 };
        struct image_remove_options how = { .force = options->force,
            .no_prune = options->no_prune };
        auto_free char *id = NULL;

        if (options->force && image_lookup_id(engine, argv[i], &id, NULL) >= 0 && !id)
            continue; /* -f: what is not there is no error */
        if (check_platform(engine, argv[i], options->platform, &failure) < 0 ||
                image_remove(engine, argv[i], &how, &removal, &failure) < 0)
            status = report_error(cli, failure);
        for (size_t k = 0; k < removal.untagged.len; k++)
            cli_print(cli, "Untagged: %s\n", removal.untagged.items[k]);
        for (size_t k = 0; k < removal.deleted.len; k++)
            cli_print(cli, "Deleted: %s\n", removal.deleted.items[k]);
    }
    return status;
}

const struct command command_rmi = {
    .name = "rmi",
    .usage = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Remove images",
    .opts = rmi_opts,
    .options_bytes = sizeof(struct rmi_options),
    .run = run_rmi,
};

/* ------------------------------------------------------------------ image inspect, history, prune */

struct image_inspect_options {
    const char *format, *platform;
};
static const struct opt image_inspect_opts[] = {
    { .name = "format",
            .letter = 'f',
            .type = &opt_string,
            .arg = "TEMPLATE",
            .offset = offsetof(struct image_inspect_options, format),
            .values = values_json,
            .help = "json or a Go template" },
    { .name = "platform",
            .type = &opt_string,
            .arg = "OS/ARCH",
            .offset = offsetof(struct image_inspect_options, platform),
            .help = "Fail unless the image is for this platform" },
    OPT_END
};

static int run_image_inspect(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct image_inspect_options *options = data;

    if (argc == 0)
        return cli_check_arguments(cli, cli->running, argc, 1, -1);
    int status = image_check_platforms(cli, options->platform, argc, argv);
    return status ? status : inspect_objects(cli, "image", options->format, argc, argv);
}

struct history_options {
    const char *format, *platform;
    bool human, quiet, no_trunc;
};
static const struct history_options history_defaults = { .human = true };
#define AT(member) .offset = offsetof(struct history_options, member)
static const struct opt history_opts[] = { { .name = "format",
                                                   .type = &opt_string,
                                                   .arg = "FORMAT",
                                                   AT(format),
                                                   .help = "table, json or a Go template" },
    { .name = "human",
            .letter = 'H',
            .type = &opt_flag,
            AT(human),
            .help = "Sizes and times for people (default true)" },
    { .name = "no-trunc", .type = &opt_flag, AT(no_trunc), .help = "Do not shorten columns" },
    { .name = "platform",
            .type = &opt_string,
            .arg = "OS/ARCH",
            AT(platform),
            .help = "Fail unless the image is for this platform" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "Only ids" }, OPT_END };
#undef AT

static const struct list_column history_columns[] = {
    { "IMAGE", "ID" },
    { "CREATED", "CreatedSince" },
    { "CREATED BY", "CreatedBy" },
    { "SIZE", "Size" },
    { "COMMENT", "Comment" },
    { "CREATED AT", "CreatedAt" },
    { NULL, NULL },
};

static const struct list_column history_exact_columns[] = {
    { "IMAGE", "ID" },
    { "CREATED AT", "CreatedAt" },
    { "CREATED BY", "CreatedBy" },
    { "SIZE", "Size" },
    { "COMMENT", "Comment" },
    { "CREATED", "CreatedSince" },
    { NULL, NULL },
};

static int run_history(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct history_options *options = data;
    struct arena *arena = &cli->arena;
    auto_error struct error *err = NULL;
    auto_json json_t *entries = NULL;
    auto_json json_t *rows = json_array();
    int64_t now = time_realtime_nsec();

    if (argc != 1)
        return cli_check_arguments(cli, cli->running, argc, 1, 1);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || check_platform(engine, argv[0], options->platform, &err) < 0 ||
            image_history(engine, argv[0], &entries, &err) < 0)
        return report_error(cli, err);
    for (size_t i = 0; i < json_array_size(entries); i++) {
        const json_t *entry = json_array_get(entries, i);
        const char *id = jsonx_string(entry, "Id"), *by = jsonx_string(entry, "CreatedBy");
        int64_t created = jsonx_int(entry, "Created", 0) * NSEC_PER_SEC;
        json_t *row = json_object();

        if (!id || strcmp(id, "<missing>") == 0)
            id = "<missing>";
        else if (!options->no_trunc)
            id = format_short_id(arena, id);
        if (options->quiet)
            cli_print(cli, "%s\n", id);
        json_object_set_new(row, "Comment",
                jsonx_text(jsonx_string(entry, "Comment") ? jsonx_string(entry, "Comment") : ""));
        char exact[TIME_RFC3339_MAX];
        json_object_set_new(row, "CreatedAt", json_string(time_format_rfc3339(created, exact)));
        json_object_set_new(row, "CreatedBy",
                jsonx_text(options->no_trunc ? by ? by : ""
                                             : format_ellipsis(arena, by ? by : "", 45)));
        json_object_set_new(row, "CreatedSince", json_string(format_ago(arena, created, now)));
        json_object_set_new(row, "ID", json_string(id));
        json_object_set_new(row, "Size",
                options->human
                        ? json_string(format_size(arena, (uint64_t)jsonx_int(entry, "Size", 0)))
                        : json_sprintf("%lld", (long long)jsonx_int(entry, "Size", 0)));
        json_array_append_new(rows, row);
    }
    if (options->quiet)
        return 0;
    struct list_format format = {
        .format = options->format,
        .columns = options->human ? history_columns : history_exact_columns,
        .default_columns = 5,
        .min_width = TABLE_MIN_WIDTH,
    };
    return list_print(cli, &format, rows, &err) < 0 ? report_error(cli, err) : 0;
}

const struct command command_history = {
    .name = "history",
    .usage = "[OPTIONS] IMAGE",
    .summary = "Show how an image was made",
    .opts = history_opts,
    .options_bytes = sizeof(struct history_options),
    .defaults = &history_defaults,
    .run = run_history,
};

struct image_prune_options {
    bool all, force;
    struct strings filters;
};
#define AT(member) .offset = offsetof(struct image_prune_options, member)
static const struct opt image_prune_opts[] = {
    { .name = "all",
            .letter = 'a',
            .type = &opt_flag,
            AT(all),
            .help = "Also tagged images that no container uses" },
    PRUNE_FILTER_ROW(image_prune_options, "until, label, label!, dangling"),
    PRUNE_FORCE_ROW(image_prune_options),
    OPT_END,
};
#undef AT

static int run_image_prune(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct image_prune_options *options = data;
    auto_error struct error *err = NULL;
    auto_(image_removal_release) struct image_removal removal = { 0 };
    struct prune_filter prune;
    bool all = options->all;

    (void)argv;
    if (argc != 0)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    if (prune_parse_filters(&cli->arena, &options->filters,
                &(struct prune_words){ .knows_time = true, .all = &all }, &prune, &err) < 0)
        return report_error(cli, err);
    if (!options->force && !cli_confirm(cli, all ? "This removes all images without a container."
                                                 : "This removes all dangling images."))
        return 0;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || image_prune(engine, all, &prune, &removal, &err) < 0)
        return report_error(cli, err);
    if (removal.untagged.len || removal.deleted.len)
        cli_print(cli, "Deleted Images:\n");
    for (size_t k = 0; k < removal.untagged.len; k++)
        cli_print(cli, "untagged: %s\n", removal.untagged.items[k]);
    for (size_t k = 0; k < removal.deleted.len; k++)
        cli_print(cli, "deleted: %s\n", removal.deleted.items[k]);
    cli_print(cli, "%sTotal reclaimed space: %s\n", removal.deleted.len ? "\n" : "",
            format_size(&cli->arena, removal.reclaimed_bytes));
    return 0;
}

static int run_image(struct cli *cli, const void *data, int argc, char **argv)
{
    static const char *const ls_aliases[] = { "list", NULL }, *const rm_aliases[] = { "remove",
        NULL };
    struct command ls = command_images, rm = command_rmi;

    (void)data;
    ls.name = "ls";
    ls.aliases = ls_aliases;
    rm.name = "rm";
    rm.aliases = rm_aliases;
    struct command table[] = {
        command_build,
        command_history,
        command_import,
        { .name = "inspect",
                .usage = "[OPTIONS] IMAGE [IMAGE...]",
                .summary = "Show everything about images",
                .opts = image_inspect_opts,
                .options_bytes = sizeof(struct image_inspect_options),
                .run = run_image_inspect },
        command_load,
        ls,
        { .name = "prune",
                .usage = "[OPTIONS]",
                .summary = "Remove unused images",
                .opts = image_prune_opts,
                .options_bytes = sizeof(struct image_prune_options),
                .run = run_image_prune },
        command_pull,
        command_push,
        rm,
        command_save,
        command_tag,
        { 0 },
    };
    struct command group = command_image;

    group.subcommands = table;
    return cli_run_subcommand(cli, &group, argc, argv);
}

const struct command command_image = {
    .name = "image",
    .usage = "COMMAND",
    .summary = "Manage images",
    .run = run_image,
    .stop_at_first_argument = true,
};
