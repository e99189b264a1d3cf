/* secret create, ls, inspect, rm, exists: Podman's words. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/format.h"
#include "cli/list.h"
#include "cli/report.h"
#include "cli/specs.h"
#include "cli/table.h"
#include "engine/container/secret-store.h"

#define DRIVER_FILE "file"

/* ------------------------------------------------------------------ create */

struct create_options {
    const char *driver;
    struct strings driver_opts, labels;
    bool from_env, ignore, replace;
};
#define AT(member) .offset = offsetof(struct create_options, member)
static const struct opt create_opts[] = { { .name = "driver",
                                                  .letter = 'd',
                                                  .type = &opt_string,
                                                  .arg = "DRIVER",
                                                  AT(driver),
                                                  .help = "file (the default)" },
    { .name = "driver-opts",
            .type = &opt_list,
            .arg = "KEY=VALUE",
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            AT(driver_opts),
            .help = "Option of the driver" },
    { .name = "env",
            .type = &opt_flag,
            AT(from_env),
            .help = "The second argument is the name of a variable that holds the secret" },
    { .name = "ignore",
            .type = &opt_flag,
            AT(ignore),
            .help = "One of that name is left as it is" },
    { .name = "label",
            .letter = 'l',
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(labels),
            .help = "Add a label" },
    { .name = "replace", .type = &opt_flag, AT(replace), .help = "One of that name is replaced" },
    OPT_END };
#undef AT

static int read_data(const struct create_options *options, const char *from, struct secret *ret,
        struct error **err)
{
    char *data = NULL;
    size_t len = 0;
    int r;

    if (options->from_env) {
        const char *value = getenv(from);

        if (!value)
            return error_set_plain(err, ENOENT, NULL,
                    "cannot create store secret data: environment variable %s is not set", from);
        secret_set(ret, value, strlen(value));
        return 0;
    }
    bool standard = strcmp(from, "-") == 0;
    auto_close int file = standard ? -EBADF : open(from, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (!standard && file < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", from);
    r = fs_read_fd(standard ? STDIN_FILENO : file, SECRET_MAX_BYTES, &data, &len, err);
    if (r < 0)
        return error_wrap(err, r, "cannot read the secret");
    secret_set(ret, data, len);
    explicit_bzero(data, len);
    free(data);
    return 0;
}

static int create(
        struct cli *cli, const struct create_options *options, char **argv, struct error **err)
{
    auto_(secret_release) struct secret data = SECRET_INIT;
    struct secret_create_options how = {
        .name = argv[0], .data = &data, .replace = options->replace, .ignore = options->ignore
    };
    const char *id = NULL;
    int r = 0;

    if (options->driver && strcmp(options->driver, DRIVER_FILE) != 0)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "secret driver \"%s\" is not supported, only \"file\" is", options->driver);
    if (options->replace && options->ignore)
        return error_set_plain(err, EINVAL, NULL, "--ignore and --replace exclude each other");
    for (size_t i = 0; i < options->labels.len && r >= 0; i++)
        r = spec_parse_pair(&cli->arena, "label", options->labels.items[i], &how.labels, err);
    if (r >= 0)
        r = read_data(options, argv[1], &data, err);
    if (r < 0)
        return r;
    struct engine *engine = cli_engine(cli, err);
    if (!engine)
        return -EPERM;
    r = secret_create(engine, &cli->arena, &how, &id, err);
    if (r >= 0)
        cli_print(cli, "%s\n", id);
    return r;
}

static int run_create(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_error struct error *err = NULL;

    cli->failure_status = EXIT_STATUS_ENGINE;
    if (argc != 2)
        return cli_check_arguments(cli, cli->running, argc, 2, 2);
    return create(cli, data, argv, &err) < 0 ? report_error(cli, err) : 0;
}

/* ------------------------------------------------------------------ ls */

struct ls_options {
    const char *format;
    struct strings filters;
    bool quiet, no_heading;
};
#define AT(member) .offset = offsetof(struct ls_options, member)
static const struct opt ls_opts[] = { { .name = "filter",
                                              .letter = 'f',
                                              .type = &opt_list,
                                              .arg = "KEY=VALUE",
                                              AT(filters),
                                              .help = "name, id, label" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(format),
            .help = "table, json or a Go template" },
    { .name = "noheading",
            .letter = 'n',
            .type = &opt_flag,
            AT(no_heading),
            .help = "No headings" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "Only ids" }, OPT_END };
#undef AT

static const struct list_column ls_columns[] = {
    { "ID", "ID" },
    { "NAME", "Name" },
    { "DRIVER", "Driver" },
    { "CREATED", "CreatedAt" },
    { "UPDATED", "UpdatedAt" },
    { "LABELS", "Labels" },
    { NULL, NULL },
};

static json_t *row(struct arena *arena, const struct secret_info *secret, int64_t now_nsec)
{
    return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s}", "ID", secret->id, "Name",
            jsonx_text(secret->name), "Driver", DRIVER_FILE, "CreatedAt",
            format_ago(arena, secret->created_nsec, now_nsec), "UpdatedAt",
            format_ago(arena, secret->updated_nsec, now_nsec), "Labels",
            spec_join_pairs(arena, &secret->labels));
}

/* Names and ids are alternatives among themselves; every label must hold. 1 yes, 0 no. */
static int matches(
        const struct strings *filters, const struct secret_info *secret, struct error **err)
{
    bool named = false, name_matches = false, with_id = false, id_matches = false;

    ARRAY_FOREACH(filters, filter) {
        struct str value = str_from(*filter), key;

        if (!strchr(*filter, '='))
            return error_set_plain(
                    err, EINVAL, NULL, "invalid filter \"%s\": the form is KEY=VALUE", *filter);
        str_split_next(&value, '=', &key);
        if (str_is_equal_z(key, "name")) {
            named = true;
            name_matches = name_matches || strstr(secret->name, value.data);
        } else if (str_is_equal_z(key, "id")) {
            with_id = true;
            id_matches = id_matches || string_has_prefix(secret->id, value.data);
        } else if (str_is_equal_z(key, "label")) {
            if (!container_pairs_match(&secret->labels, value.data))
                return 0;
        } else {
            return error_set_plain(err, EINVAL, NULL, "invalid filter \"%.*s\"", STR_FMT(key));
        }
    }
    return (!named || name_matches) && (!with_id || id_matches);
}

static int list(struct cli *cli, const struct ls_options *options, struct error **err)
{
    auto_json json_t *rows = json_array();
    struct secrets secrets = { 0 };
    struct list_format format = {
        .format = options->format,
        .columns = ls_columns,
        .default_columns = 5,
        .min_width = TABLE_MIN_WIDTH,
        .no_heading = options->no_heading,
    };
    int64_t now = time_realtime_nsec();
    struct engine *engine = cli_engine(cli, err);

    if (!engine)
        return -EPERM;
    int r = secret_list(engine, &cli->arena, &secrets, err);
    for (size_t i = 0; r >= 0 && i < secrets.len; i++) {
        r = matches(&options->filters, &secrets.items[i], err);
        if (r > 0 && options->quiet)
            cli_print(cli, "%s\n", secrets.items[i].id);
        else if (r > 0)
            json_array_append_new(rows, row(&cli->arena, &secrets.items[i], now));
    }
    if (r < 0 || options->quiet)
        return r;
    return list_print(cli, &format, rows, err);
}

static int run_ls(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_error struct error *err = NULL;

    (void)argv;
    cli->failure_status = EXIT_STATUS_ENGINE;
    if (argc)
        return cli_check_arguments(cli, cli->running, argc, 0, 0);
    return list(cli, data, &err) < 0 ? report_error(cli, err) : 0;
}

/* ------------------------------------------------------------------ inspect */

struct inspect_options {
    const char *format;
    bool pretty, show_secret;
};
static const struct opt inspect_opts[] = { { .name = "format",
                                                   .letter = 'f',
                                                   .type = &opt_string,
                                                   .arg = "FORMAT",
                                                   .offset = offsetof(
                                                           struct inspect_options, format),
                                                   .help = "json or a Go template" },
    { .name = "pretty",
            .type = &opt_flag,
            .offset = offsetof(struct inspect_options, pretty),
            .help = "As lines for people" },
    { .name = "showsecret",
            .type = &opt_flag,
            .offset = offsetof(struct inspect_options, show_secret),
            .help = "With the secret itself" },
    OPT_END };

static void print_pretty(struct cli *cli, const struct secret_info *secret)
{
    char created[TIME_RFC3339_MAX], updated[TIME_RFC3339_MAX];

    cli_print(cli, "%-18s %s\n%-18s %s\n%-18s\n", "ID:", secret->id, "Name:", secret->name,
            "Labels:");
    ARRAY_FOREACH(&secret->labels, label)
        cli_print(cli, " - %s=%s\n", label->key, label->value);
    cli_print(cli, "%-18s %s\n%-18s %s\n%-18s %s\n", "Driver:", DRIVER_FILE,
            "Created at:", time_format_rfc3339(secret->created_nsec, created),
            "Updated at:", time_format_rfc3339(secret->updated_nsec, updated));
}

static int inspect_one(struct cli *cli, const struct inspect_options *options,
        const char *reference, json_t *objects, struct error **err)
{
    auto_(secret_release) struct secret data = SECRET_INIT;
    struct secret_info info;
    struct engine *engine = cli_engine(cli, err);
    int r = engine ? secret_get(engine, &cli->arena, reference, &info, err) : -EPERM;

    if (r >= 0 && options->show_secret)
        r = secret_read(engine, info.id, &data, err);
    if (r < 0)
        return error_wrap(err, r, "inspecting secret");
    if (options->pretty) {
        print_pretty(cli, &info);
        return 0;
    }
    json_t *object = secret_inspect(engine, &info);
    if (options->show_secret)
        json_object_set_new(object, "SecretData", jsonx_text(data.data));
    json_array_append_new(objects, object);
    return 0;
}

static int run_inspect(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct inspect_options *options = data;
    auto_json json_t *objects = json_array();
    auto_error struct error *err = NULL;
    int status = 0;

    cli->failure_status = EXIT_STATUS_ENGINE;
    if (argc == 0)
        return cli_check_arguments(cli, cli->running, argc, 1, -1);
    for (int i = 0; i < argc; i++) {
        auto_error struct error *failure = NULL;

        if (inspect_one(cli, options, argv[i], objects, &failure) < 0)
            status = report_error(cli, failure);
    }
    if (!options->pretty && list_print_inspect(cli, options->format, objects, NULL, &err) < 0)
        status = report_error(cli, err);
    return status;
}

/* ------------------------------------------------------------------ rm, exists */

struct rm_options {
    bool all, ignore;
};
static const struct opt rm_opts[] = { { .name = "all",
                                              .letter = 'a',
                                              .type = &opt_flag,
                                              .offset = offsetof(struct rm_options, all),
                                              .help = "Every secret" },
    { .name = "ignore",
            .letter = 'i',
            .type = &opt_flag,
            .offset = offsetof(struct rm_options, ignore),
            .help = "A missing secret is no error" },
    OPT_END };

static int remove_one(struct cli *cli, struct engine *engine, const struct secret_info *secret,
        struct error **err)
{
    int r = secret_remove(engine, secret->id, err);

    if (r >= 0)
        cli_print(cli, "%s\n", secret->id);
    return r;
}

static int run_rm(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct rm_options *options = data;
    auto_error struct error *err = NULL;
    struct secrets all = { 0 };
    int status = 0;

    cli->failure_status = EXIT_STATUS_ENGINE;
    if ((argc == 0) != options->all)
        return report_failure(cli, "\"%s\" requires at least 1 argument, or --all", cli->command);
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || (options->all && secret_list(engine, &cli->arena, &all, &err) < 0))
        return report_error(cli, err);
    for (int i = 0; i < argc; i++) {
        auto_error struct error *failure = NULL;
        struct secret_info info;
        int r = secret_get(engine, &cli->arena, argv[i], &info, &failure);

        if (r == -ENOENT && options->ignore) /* documented at secret_get */
            continue;
        if (r < 0 || remove_one(cli, engine, &info, &failure) < 0)
            status = report_error(cli, failure);
    }
    ARRAY_FOREACH(&all, secret) {
        auto_error struct error *failure = NULL;

        if (remove_one(cli, engine, secret, &failure) < 0)
            status = report_error(cli, failure);
    }
    return status;
}

static int run_exists(struct cli *cli, const void *data, int argc, char **argv)
{
    auto_error struct error *err = NULL;
    struct secret_info info;

    (void)data;
    cli->failure_status = EXIT_STATUS_ENGINE;
    if (argc != 1)
        return cli_check_arguments(cli, cli->running, argc, 1, 1);
    struct engine *engine = cli_engine(cli, &err);
    int r = engine ? secret_get(engine, &cli->arena, argv[0], &info, &err) : -EPERM;
    if (r == -ENOENT) /* documented at secret_get */
        return EXIT_STATUS_FAILURE;
    return r < 0 ? report_error(cli, err) : 0;
}

static const char *const ls_aliases[] = { "list", NULL };
static const char *const rm_aliases[] = { "remove", NULL };
static const struct command subcommands[] = {
    { .name = "create",
            .usage = "[OPTIONS] NAME FILE|-",
            .summary = "Keep a secret",
            .opts = create_opts,
            .options_bytes = sizeof(struct create_options),
            .run = run_create },
    { .name = "exists",
            .usage = "SECRET",
            .summary = "Tell by the exit status whether there is a secret of that name",
            .run = run_exists },
    { .name = "inspect",
            .usage = "[OPTIONS] SECRET [SECRET...]",
            .summary = "Show everything about secrets but what they hold",
            .opts = inspect_opts,
            .options_bytes = sizeof(struct inspect_options),
            .run = run_inspect },
    { .name = "ls",
            .aliases = ls_aliases,
            .usage = "[OPTIONS]",
            .summary = "List secrets",
            .opts = ls_opts,
            .options_bytes = sizeof(struct ls_options),
            .run = run_ls },
    { .name = "rm",
            .aliases = rm_aliases,
            .usage = "[OPTIONS] SECRET [SECRET...]",
            .summary = "Remove secrets",
            .opts = rm_opts,
            .options_bytes = sizeof(struct rm_options),
            .run = run_rm },
    { 0 },
};

const struct command command_secret = {
    .name = "secret",
    .usage = "COMMAND",
    .summary = "Manage secrets",
    .details =
            "Containers get secrets by --secret of run and create, as files in memory or as variables.",
    .subcommands = subcommands,
    .stop_at_first_argument = true,
};
