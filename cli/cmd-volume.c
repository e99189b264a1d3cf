/* volume ls, inspect, create, export, import, rm, prune. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "cli/archive-output.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/objects.h"
#include "cli/prune.h"
#include "cli/report.h"
#include "cli/specs.h"
#include "cli/table.h"
#include "engine/volume/volume.h"

struct ls_options {
    const char *format;
    struct strings filters;
    bool quiet;
};
#define AT(member) .offset = offsetof(struct ls_options, member)
static const struct opt ls_opts[] = { { .name = "filter",
                                              .letter = 'f',
                                              .type = &opt_list,
                                              .arg = "KEY=VALUE",
                                              AT(filters),
                                              .help = "dangling, label, name, driver" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .help = "table, json or a Go template" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "Only names" },
    OPT_END };
#undef AT

static const struct list_column ls_columns[] = {
    { "DRIVER", "Driver" },
    { "VOLUME NAME", "Name" },
    { "SCOPE", "Scope" },
    { "MOUNTPOINT", "Mountpoint" },
    { "LABELS", "Labels" },
    { "AVAILABILITY", "Availability" },
    { "SIZE", "Size" },
    { NULL, NULL },
};

static int read_filters(struct arena *arena, const struct strings *words,
        struct volume_filter *filter, struct error **err)
{
    struct strings names = { 0 }, labels = { 0 };

    for (size_t i = 0; i < words->len; i++) {
        const char *word = words->items[i], *eq = strchr(word, '=');
        struct str key = { word, eq ? (size_t)(eq - word) : strlen(word) };
        bool flag;

        if (!eq)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid filter \"%s\": the form is KEY=VALUE", word);
        if (str_is_equal_z(key, "name"))
            *ARRAY_APPEND_ARENA(arena, &names) = arena_strdup(arena, eq + 1);
        else if (str_is_equal_z(key, "label"))
            *ARRAY_APPEND_ARENA(arena, &labels) = arena_strdup(arena, eq + 1);
        else if (str_is_equal_z(key, "dangling") && parse_bool(str_from(eq + 1), &flag) == 0)
            filter->dangling = flag;
        else if (str_is_equal_z(key, "driver"))
            filter->driver = eq + 1;
        else
            return error_set_plain(err, EINVAL, NULL, "invalid filter \"%s\"", word);
    }
    filter->names = spec_vector(arena, &names);
    filter->labels = spec_vector(arena, &labels);
    return 0;
}

json_t *volume_row(struct arena *arena, const struct volume *volume)
{
    json_t *row = json_object();

    json_object_set_new(row, "Availability", json_string("N/A"));
    json_object_set_new(row, "Driver", json_string(volume->driver));
    json_object_set_new(row, "Group", json_string("N/A"));
    json_object_set_new(row, "Labels", jsonx_text(spec_join_pairs(arena, &volume->labels)));
    json_object_set_new(row, "Links", json_string("N/A"));
    json_object_set_new(row, "Mountpoint", jsonx_text(volume->mountpoint));
    json_object_set_new(row, "Name", json_string(volume->name));
    json_object_set_new(row, "Scope", json_string("local"));
    json_object_set_new(row, "Size", json_string("N/A"));
    json_object_set_new(row, "Status", json_string("N/A"));
    return row;
}

static int run_ls(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct ls_options *options = data;
    auto_error struct error *err = NULL;
    auto_json json_t *rows = json_array();
    struct volume_filter filter = VOLUME_FILTER_INIT;
    struct volumes volumes = { 0 };

    (void)argv;
    if (argc)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    if (read_filters(&cli->arena, &options->filters, &filter, &err) < 0)
        return report_error(cli, err);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || volume_list(engine, &cli->arena, &filter, &volumes, &err) < 0)
        return report_error(cli, err);
    ARRAY_FOREACH(&volumes, volume) {
        if (options->quiet && !options->format)
            cli_print(cli, "%s\n", volume->name);
        else
            json_array_append_new(rows, volume_row(&cli->arena, volume));
    }
    if (options->quiet && !options->format)
        return 0;
    struct list_format format = {
        .format = options->format,
        .columns = ls_columns,
        .default_columns = 2,
        .min_width = TABLE_MIN_WIDTH,
    };
    return list_print(cli, &format, rows, &err) < 0 ? report_error(cli, err) : 0;
}

struct create_options {
    const char *driver, *name;
    struct strings options, labels, of_cluster;
    int64_t uid, gid;
    bool ignore, uid_set, gid_set;
};
#define OF_CLUSTER(option)                                           \
    {                                                                \
        .name = (option), .type = &opt_list, .flags = OPT_HIDDEN,    \
        .offset = offsetof(struct create_options, of_cluster),       \
        .help = "Of the volumes of a swarm's cluster: not supported" \
    }
#define AT(member) .offset = offsetof(struct create_options, member)
static const struct opt create_opts[] = {
    { .name = "driver",
            .letter = 'd',
            .type = &opt_string,
            .arg = "DRIVER",
            AT(driver),
            .help = "local (the default), or image: begins as the files of one" },
    { .name = "ignore",
            .type = &opt_flag,
            AT(ignore),
            .help = "A volume of that name is left as it is, whatever its options" },
    { .name = "label", .type = &opt_list, .arg = "KEY=VALUE", AT(labels), .help = "Add a label" },
    { .name = "name",
            .type = &opt_string,
            .arg = "NAME",
            .flags = OPT_HIDDEN,
            AT(name),
            .help = "Older form of the argument" },
    { .name = "opt",
            .letter = 'o',
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(options),
            .help = "Option of the driver: type, o, device, nocopy; image" },
    { .name = "uid",
            .type = &opt_int,
            .arg = "UID",
            AT(uid),
            .set_offset = offsetof(struct create_options, uid_set),
            .help = "Owner of the volume" },
    { .name = "gid",
            .type = &opt_int,
            .arg = "GID",
            AT(gid),
            .set_offset = offsetof(struct create_options, gid_set),
            .help = "Group of the volume" },
    OF_CLUSTER("availability"), OF_CLUSTER("group"), OF_CLUSTER("limit-bytes"),
    OF_CLUSTER("required-bytes"), OF_CLUSTER("scope"), OF_CLUSTER("secret"), OF_CLUSTER("sharing"),
    OF_CLUSTER("topology-preferred"), OF_CLUSTER("topology-required"), OF_CLUSTER("type"), OPT_END
};
#undef AT

static void set_pair(
        struct arena *arena, struct container_pairs *pairs, const char *key, const char *value)
{
    struct container_pair *pair = ARRAY_APPEND_ARENA(arena, pairs);

    *pair = (struct container_pair){ arena_strdup(arena, key), arena_strdup(arena, value) };
}

/* Podman's "o=uid=1000,gid=1000,nocopy" of a volume that is on no device. Words that only a mount knows stay an
 * option, which then needs one. */
static void read_plain_options(
        struct arena *arena, const char *text, struct container_pairs *options)
{
    struct str rest = str_from(text), word;
    struct strings others = { 0 };

    while (str_split_next(&rest, ',', &word)) {
        char *copy = arena_strndup(arena, word.data, word.len);

        if (string_has_prefix(copy, "uid="))
            set_pair(arena, options, VOLUME_OPTION_UID, copy + strlen("uid="));
        else if (string_has_prefix(copy, "gid="))
            set_pair(arena, options, VOLUME_OPTION_GID, copy + strlen("gid="));
        else if (strcmp(copy, "nocopy") == 0)
            set_pair(arena, options, VOLUME_OPTION_NO_COPY, "");
        else if (strcmp(copy, "copy") != 0)
            *ARRAY_APPEND_ARENA(arena, &others) = copy;
    }
    if (others.len > 0)
        set_pair(arena, options, "o", text);
}

static int read_driver_options(struct arena *arena, const struct create_options *options,
        struct container_pairs *ret, struct error **err)
{
    struct container_pairs given = { 0 };
    int r = 0;

    for (size_t i = 0; i < options->options.len && r >= 0; i++)
        r = spec_parse_pair(arena, "option", options->options.items[i], &given, err);
    bool on_device = container_pairs_get(&given, "device") || container_pairs_get(&given, "type");
    ARRAY_FOREACH(&given, pair) {
        if (strcmp(pair->key, "o") == 0 && !on_device)
            read_plain_options(arena, pair->value, ret);
        else if (strcmp(pair->key, "copy") != 0) /* which is what happens anyway */
            set_pair(arena, ret, pair->key, pair->value);
    }
    if (options->uid_set)
        set_pair(arena, ret, VOLUME_OPTION_UID,
                arena_printf(arena, "%lld", (long long)options->uid));
    if (options->gid_set)
        set_pair(arena, ret, VOLUME_OPTION_GID,
                arena_printf(arena, "%lld", (long long)options->gid));
    return r;
}

static int run_create(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct create_options *options = data;
    auto_error struct error *err = NULL;
    struct volume_create_options how = { .name = options->name, .driver = options->driver };
    struct volume volume;
    int r = 0;

    if (argc > 1)
        return report_failure(cli, "\"%s\" requires at most 1 argument", cli->command);
    if (argc == 1)
        how.name = argv[0];
    if (options->of_cluster.len)
        return report_failure(cli, "options of cluster volumes are not supported: they belong to a "
                                   "swarm, and there is none");
    r = read_driver_options(&cli->arena, options, &how.options, &err);
    for (size_t i = 0; i < options->labels.len && r >= 0; i++)
        r = spec_parse_pair(&cli->arena, "label", options->labels.items[i], &how.labels, &err);
    if (r < 0)
        return report_error(cli, err);
    struct engine *engine = cli_engine(cli, &err);
    r = engine ? volume_create(engine, &cli->arena, &how, &volume, &err) : -EIO;
    if (r == -EEXIST && options->ignore) {
        cli_print(cli, "%s\n", how.name);
        return 0;
    }
    if (r < 0)
        return report_error(cli, err);
    cli_print(cli, "%s\n", volume.name);
    return 0;
}

struct rm_options {
    bool force, all;
    struct strings filters;
};
static const struct opt rm_opts[] = { { .name = "force",
                                              .letter = 'f',
                                              .type = &opt_flag,
                                              .offset = offsetof(struct rm_options, force),
                                              .help = "A missing volume is no error" },
    OPT_END };
static const struct opt prune_opts[] = {
    { .name = "all",
            .letter = 'a',
            .type = &opt_flag,
            .offset = offsetof(struct rm_options, all),
            .help = "Also volumes with a name" },
    PRUNE_FILTER_ROW(rm_options, "all, label, label!"),
    PRUNE_FORCE_ROW(rm_options),
    OPT_END,
};

static int run_rm(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct rm_options *options = data;
    auto_error struct error *err = NULL;
    int status = 0;

    if (argc == 0)
        return cli_check_arguments(cli, cli->running, argc, 1, -1);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    for (int i = 0; i < argc; i++) {
        auto_error struct error *failure = NULL;

        if (volume_remove(engine, argv[i], options->force, &failure) < 0)
            status = report_error(cli, failure);
        else
            cli_print(cli, "%s\n", argv[i]);
    }
    return status;
}

static int run_prune(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct rm_options *options = data;
    auto_error struct error *err = NULL;
    struct prune_filter prune;
    struct strings names = { 0 };
    bool all = options->all;
    uint64_t bytes = 0;

    (void)argv;
    if (argc)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    if (prune_parse_filters(&cli->arena, &options->filters, &(struct prune_words){ .all = &all },
                &prune, &err) < 0)
        return report_error(cli, err);
    if (!options->force &&
            !cli_confirm(cli, all ? "This removes all volumes that no container uses."
                                  : "This removes all anonymous volumes that no container uses."))
        return 0;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || volume_prune(engine, &cli->arena, all, &prune, &names, &bytes, &err) < 0)
        return report_error(cli, err);
    objects_print_pruned(cli, "Volumes", &names);
    cli_print(cli, "%sTotal reclaimed space: %s\n", names.len ? "\n" : "",
            format_size(&cli->arena, bytes));
    return 0;
}

static int run_inspect(struct cli *cli, const void *data, int argc, char **argv)
{
    return objects_inspect(cli, "volume", data, argc, argv);
}

static int run_export(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct archive_output_options *options = data;
    auto_(archive_output_release) struct archive_output output = ARCHIVE_OUTPUT_INIT;
    auto_error struct error *err = NULL;

    if (argc != 1)
        return cli_check_arguments(cli, cli->running, argc, 1, 1);
    int r = archive_output_open(&output, cli, options->output, &err);
    struct engine *engine = r < 0 ? NULL : cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    r = volume_export(engine, argv[0], output.fd, &err);
    if (r >= 0)
        r = archive_output_finish(&output, &err);
    return r < 0 ? report_error(cli, err) : 0;
}

static int run_import(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_error struct error *err = NULL;
    auto_close int file = -EBADF;
    int r = 0;

    (void)data;
    if (argc != 2)
        return cli_check_arguments(cli, cli->running, argc, 2, 2);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    bool standard = strcmp(argv[1], "-") == 0;
    if (!standard) {
        file = open(argv[1], O_RDONLY | O_CLOEXEC);
        if (file < 0)
            r = error_set(&err, errno, NULL, "cannot open \"%s\"", argv[1]);
    }
    if (r >= 0)
        r = volume_import(engine, argv[0], standard ? STDIN_FILENO : file, &err);
    return r < 0 ? report_error(cli, err) : 0;
}

static const char *const ls_aliases[] = { "list", NULL };
static const char *const rm_aliases[] = { "remove", NULL };
static const struct command subcommands[] = {
    { .name = "create",
            .usage = "[OPTIONS] [VOLUME]",
            .summary = "Create a volume",
            .opts = create_opts,
            .options_bytes = sizeof(struct create_options),
            .run = run_create },
    { .name = "export",
            .usage = "[OPTIONS] VOLUME",
            .summary = "Write a volume's contents as a tar archive",
            .opts = archive_output_opts,
            .options_bytes = sizeof(struct archive_output_options),
            .run = run_export },
    { .name = "import",
            .usage = "VOLUME FILE|-",
            .summary = "Unpack a tar archive in a volume",
            .run = run_import },
    { .name = "inspect",
            .usage = "[OPTIONS] VOLUME [VOLUME...]",
            .summary = "Show everything about volumes",
            .opts = objects_inspect_opts,
            .options_bytes = sizeof(struct objects_inspect_options),
            .run = run_inspect },
    { .name = "ls",
            .aliases = ls_aliases,
            .usage = "[OPTIONS]",
            .summary = "List volumes",
            .opts = ls_opts,
            .options_bytes = sizeof(struct ls_options),
            .run = run_ls },
    { .name = "prune",
            .usage = "[OPTIONS]",
            .summary = "Remove unused anonymous volumes",
            .opts = prune_opts,
            .options_bytes = sizeof(struct rm_options),
            .run = run_prune },
    { .name = "rm",
            .aliases = rm_aliases,
            .usage = "[OPTIONS] VOLUME [VOLUME...]",
            .summary = "Remove volumes",
            .opts = rm_opts,
            .options_bytes = sizeof(struct rm_options),
            .run = run_rm },
    { 0 },
};

const struct command command_volume = {
    .name = "volume",
    .usage = "COMMAND",
    .summary = "Manage volumes",
    .subcommands = subcommands,
    .stop_at_first_argument = true,
};
