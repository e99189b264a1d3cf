/* What containers there are and what is in them: state, list, ps. */
#include <errno.h>
#include <pwd.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/proc.h"
#include "base/str.h"
#include "cli/oci.h"

#define PS_OUTPUT_MAX (64u << 20)
#define PID_COLUMN "PID"

void oci_print_json(const json_t *json, bool pretty)
{
    char *text = pretty ? jsonx_dump_pretty(json) : jsonx_dump(json);

    puts(text);
    free(text);
}

static const char *owner_name(struct oci_cli *cli, uid_t uid)
{
    struct passwd *entry = uid == 0 ? NULL : getpwuid(uid);

    if (uid == 0)
        return "root";
    return entry ? arena_strdup(&cli->arena, entry->pw_name)
                 : arena_printf(&cli->arena, "#%u", uid);
}

/* Given. */
static json_t *describe(struct oci_cli *cli, const struct oci_container *c)
{
    auto_json json_t *config = NULL;
    const char *status = oci_status_names[oci_container_status(c)];

    (void)jsonx_read_file(c->dir_fd, "config.json", &config, NULL);
    json_t *json = oci_container_state_json(c, status, config);
    if (!json)
        mem_exhausted();
    json_object_set_new(json, "rootfs", jsonx_text(c->rootfs ? c->rootfs : ""));
    json_object_set_new(json, "created", jsonx_text(c->created ? c->created : ""));
    json_object_set_new(json, "owner", jsonx_text(owner_name(cli, c->owner)));
    return json;
}

static int run_state(struct oci_cli *cli, const void *options, int argc, char **argv)
{
    auto_(oci_container_release) struct oci_container container = OCI_CONTAINER_INIT;
    auto_error struct error *err = NULL;

    (void)options;
    (void)argc;
    if (oci_open(&cli->runtime, argv[0], false, NULL, &container, &err) < 0)
        return oci_report(cli, err);
    auto_json json_t *json = describe(cli, &container);
    oci_print_json(json, true);
    return 0;
}

const struct oci_command oci_command_state = {
    .base = { .name = "state",
            .usage = "CONTAINER",
            .summary = "Print the state of a container as JSON" },
    .run = run_state,
    .min_arguments = 1,
    .max_arguments = 1,
};

/* ---- list ---- */

struct list_options {
    const char *format;
    bool quiet;
};
static const struct list_options list_defaults = { .format = "table" };
static const struct opt list_opts[] = { { .name = "format",
                                                .letter = 'f',
                                                .type = &opt_string,
                                                .arg = "FORMAT",
                                                .offset = offsetof(struct list_options, format),
                                                .help = "table or json (default table)" },
    { .name = "quiet",
            .letter = 'q',
            .type = &opt_flag,
            .offset = offsetof(struct list_options, quiet),
            .help = "Print names alone" },
    OPT_END };

/* Containers that went away meanwhile are left out. */
static json_t *describe_all(struct oci_cli *cli, const struct strings *names, int root_fd)
{
    json_t *list = json_array();

    for (size_t i = 0; i < names->len; i++) {
        auto_(oci_container_release) struct oci_container container = OCI_CONTAINER_INIT;

        if (oci_container_open(&cli->arena, root_fd, names->items[i], false, &container, NULL) >= 0)
            json_array_append_new(list, describe(cli, &container));
    }
    return list;
}

static void print_table(const json_t *list)
{
    static const struct {
        const char *title, *key;
    } columns[] = {
        { "ID", "id" },
        { "PID", "pid" },
        { "STATUS", "status" },
        { "BUNDLE", "bundle" },
        { "CREATED", "created" },
        { "OWNER", "owner" },
    };
    size_t count = json_array_size(list), widths[ARRAY_LEN(columns)];

    for (size_t c = 0; c < ARRAY_LEN(columns); c++) {
        widths[c] = 11; /* as wide as runc has them at least */
        for (size_t i = 0; i < count; i++) {
            const char *text = jsonx_string(json_array_get(list, i), columns[c].key);

            if (text && strlen(text) > widths[c])
                widths[c] = strlen(text);
        }
    }
    for (size_t c = 0; c < ARRAY_LEN(columns); c++)
        printf("%-*s%s", (int)widths[c], columns[c].title, c + 1 < ARRAY_LEN(columns) ? " " : "\n");
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);

        for (size_t c = 0; c < ARRAY_LEN(columns); c++) {
            const char *text = jsonx_string(item, columns[c].key), *end = "\n";
            char number[24];

            if (!text) {
                snprintf(number, sizeof(number), "%lld",
                        (long long)jsonx_int(item, columns[c].key, 0));
                text = number;
            }
            if (c + 1 < ARRAY_LEN(columns))
                end = " ";
            printf("%-*s%s", (int)widths[c], text, end);
        }
    }
}

static int run_list(struct oci_cli *cli, const void *data, int argc, char **argv)
{
    const struct list_options *options = data;
    auto_error struct error *err = NULL;
    auto_close int root_fd = oci_root_open(cli->runtime.root_dir, false, &err);
    struct strings names = { 0 };
    int r = root_fd == -ENOENT ? 0
            : root_fd < 0      ? root_fd
                               : oci_container_list(&cli->arena, root_fd, &names, &err);

    (void)argc;
    (void)argv;
    /* Where the user looks there has to be something; the usual place is made when it is needed. */
    if (root_fd == -ENOENT && cli->root_is_given)
        r = error_set(&err, ENOENT, NULL, "cannot open \"%s\"", cli->runtime.root_dir);
    if (r < 0)
        return oci_report(cli, err);
    if (options->quiet) {
        for (size_t i = 0; i < names.len; i++)
            puts(names.items[i]);
        return 0;
    }
    auto_json json_t *list = describe_all(cli, &names, root_fd);
    if (strcmp(options->format, "json") == 0)
        oci_print_json(list, false);
    else if (strcmp(options->format, "table") == 0)
        print_table(list);
    else
        return oci_report_failure(cli, "invalid format option: %s", options->format);
    return 0;
}

const struct oci_command oci_command_list = {
    .base = { .name = "list",
            .usage = "[OPTIONS]",
            .summary = "List containers",
            .opts = list_opts,
            .options_bytes = sizeof(struct list_options),
            .defaults = &list_defaults },
    .run = run_list,
};

/* ---- ps ---- */

struct ps_options {
    const char *format;
};
static const struct ps_options ps_defaults = { .format = "table" };
static const struct opt ps_opts[] = { { .name = "format",
                                              .letter = 'f',
                                              .type = &opt_string,
                                              .arg = "FORMAT",
                                              .offset = offsetof(struct ps_options, format),
                                              .help = "table or json (default table)" },
    OPT_END };

static bool is_among(int64_t pid, const pid_t *pids, int count)
{
    for (int i = 0; i < count; i++)
        if (pids[i] == pid)
            return true;
    return false;
}

/* The word of a line at that column. */
static struct str word_at(struct str line, int column)
{
    struct str word = { line.data, 0 };

    for (int i = 0; i <= column; i++) {
        while (line.len > 0 && *line.data == ' ') {
            line.data++;
            line.len--;
        }
        word = (struct str){ line.data, 0 };
        while (line.len > 0 && *line.data != ' ') {
            line.data++;
            line.len--;
            word.len++;
        }
    }
    return word;
}

static int find_pid_column(struct str title)
{
    struct str word;
    int column = 0;

    while ((word = word_at(title, column)).len > 0) {
        if (str_is_equal_z(word, PID_COLUMN))
            return column;
        column++;
    }
    return -1;
}

/* The lines of ps(1) about these processes. */
static int print_ps(struct oci_cli *cli, char **words, int word_count, const pid_t *pids, int count)
{
    auto_error struct error *err = NULL;
    auto_free char *output = NULL;
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    char **argv = ARENA_NEW_ARRAY(&cli->arena, (size_t)word_count + 3, char *);
    size_t len = 0;

    argv[0] = arena_strdup(&cli->arena, "ps");
    argv[1] = arena_strdup(&cli->arena, "-ef");
    if (word_count > 0)
        memcpy(argv + 1, words, (size_t)word_count * sizeof(*argv));
    spawn.path = "ps";
    spawn.argv = argv;
    int r = proc_run(&spawn, NULL, 0, PS_OUTPUT_MAX, &output, &len, &err);
    if (r < 0)
        return oci_report(cli, err);
    if (r > 0)
        return oci_report_failure(cli, "ps ended with status %d", r);
    struct str rest = { output, len }, line;
    int column = str_split_next(&rest, '\n', &line) ? find_pid_column(line) : -1;
    if (column < 0)
        return oci_report_failure(cli, "couldn't find PID field in ps output");
    printf("%.*s\n", STR_FMT(line));
    while (str_split_next(&rest, '\n', &line)) {
        int64_t pid = 0;

        if (parse_int64(word_at(line, column), 1, INT32_MAX, &pid) == 0 &&
                is_among(pid, pids, count))
            printf("%.*s\n", STR_FMT(line));
    }
    return 0;
}

static int run_ps(struct oci_cli *cli, const void *data, int argc, char **argv)
{
    const struct ps_options *options = data;
    auto_error struct error *err = NULL;
    auto_free pid_t *pids = NULL;
    int count = oci_list_processes(&cli->runtime, argv[0], &pids, &err);

    if (count < 0)
        return oci_report(cli, err);
    if (strcmp(options->format, "table") == 0)
        return print_ps(cli, argv + 1, argc - 1, pids, count);
    if (strcmp(options->format, "json") != 0)
        return oci_report_failure(cli, "invalid format option: %s", options->format);
    auto_json json_t *list = json_array();
    for (int i = 0; i < count; i++)
        json_array_append_new(list, json_integer(pids[i]));
    oci_print_json(list, false);
    return 0;
}

const struct oci_command oci_command_ps = {
    .base = { .name = "ps",
            .usage = "[OPTIONS] CONTAINER [PS OPTIONS...]",
            .summary = "List the processes of a container",
            .opts = ps_opts,
            .options_bytes = sizeof(struct ps_options),
            .defaults = &ps_defaults,
            .stop_at_first_argument = true },
    .run = run_ps,
    .min_arguments = 1,
    .max_arguments = -1,
};
