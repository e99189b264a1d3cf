/* attach, commit, cp, export and stats of a project's containers: the container is found by its service, and the
 * command of the same name does the rest. */
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/str.h"
#include "cli/archive-output.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/files.h"
#include "cli/report.h"
#include "cli/stats-view.h"

/* Words for the other command, in the compose's arena. */
struct words {
    char **items;
    size_t len, cap;
};

static void add(struct compose *compose, struct words *words, const char *word)
{
    *ARRAY_APPEND_ARENA(&compose->arena, words) = arena_strdup(&compose->arena, word);
}

static void add_option(
        struct compose *compose, struct words *words, const char *option, const char *value)
{
    if (value)
        add(compose, words, arena_printf(&compose->arena, "--%s=%s", option, value));
}

static void add_flag(struct compose *compose, struct words *words, const char *option, bool value)
{
    if (value)
        add(compose, words, arena_printf(&compose->arena, "--%s", option));
}

static int pass_on(struct compose *compose, const struct command *command, struct words *words)
{
    if (compose->options->dry_run) {
        ARRAY_FOREACH(words, word)
            cli_print(
                    compose->cli, "%s%s", word == words->items ? "Would run: berth " : " ", *word);
        cli_print(compose->cli, "\n");
        return 0;
    }
    return cli_dispatch(compose->cli, command, (int)words->len - 1, words->items + 1);
}

/* Opens the project and looks at its containers. */
static int open_project(struct cli *cli, struct compose **ret)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    int status = compose_open(cli, COMPOSE_NEED_NAME, 0, NULL, &compose);

    if (status == 0)
        status = compose_observe(compose);
    if (status == 0)
        *ret = TAKE(compose);
    return status;
}

/* The same, and the container of the service that was asked for. */
static int open_container(struct cli *cli, const char *service, int64_t index, struct compose **ret,
        const struct observed_container **ret_container)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    int status = open_project(cli, &compose);

    if (status == 0)
        status = compose_container(compose, service, index, ret_container);
    if (status == 0)
        *ret = TAKE(compose);
    return status;
}

#define INDEX_ROW(options)                                                                        \
    {                                                                                             \
        .name = "index", .type = &opt_int, .arg = "N", .offset = offsetof(struct options, index), \
        .help = "Which container of the service, from 1"                                          \
    }

/* ------------------------------------------------------------------ attach */

struct attach_options {
    int64_t index;
    const char *detach_keys;
    bool no_stdin, sig_proxy;
};
static const struct attach_options attach_defaults = { .sig_proxy = true };
static const struct opt attach_opts[] = {
    { .name = "detach-keys",
            .type = &opt_string,
            .arg = "KEYS",
            .offset = offsetof(struct attach_options, detach_keys),
            .help = "Keys that leave the container running (default ctrl-p,ctrl-q)" },
    INDEX_ROW(attach_options),
    { .name = "no-stdin",
            .type = &opt_flag,
            .offset = offsetof(struct attach_options, no_stdin),
            .help = "Do not connect standard input" },
    { .name = "sig-proxy",
            .type = &opt_flag,
            .offset = offsetof(struct attach_options, sig_proxy),
            .help = "Pass signals on to the process (default true)" },
    OPT_END,
};

static int run_attach(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct attach_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    const struct observed_container *container;
    struct words words = { 0 };
    int status = cli_check_arguments(cli, &command_compose_attach, argc, 1, 1);

    if (status == 0)
        status = open_container(cli, argv[0], o->index, &compose, &container);
    if (status)
        return status;
    add(compose, &words, "attach");
    add_option(compose, &words, "detach-keys", o->detach_keys);
    add_flag(compose, &words, "no-stdin", o->no_stdin);
    add_flag(compose, &words, "sig-proxy=false", !o->sig_proxy);
    add(compose, &words, container->id);
    return pass_on(compose, &command_attach, &words);
}

const struct command command_compose_attach = {
    .name = "attach",
    .usage = "[OPTIONS] SERVICE",
    .summary = "Connect this terminal to a container of a service",
    .opts = attach_opts,
    .options_bytes = sizeof(struct attach_options),
    .defaults = &attach_defaults,
    .run = run_attach,
};

/* ------------------------------------------------------------------ commit */

struct commit_options {
    int64_t index;
    const char *author, *message;
    struct strings changes;
    bool pause;
};
static const struct commit_options commit_defaults = { .pause = true };
static const struct opt commit_opts[] = {
    COMMIT_AUTHOR_ROW(commit_options),
    COMMIT_CHANGE_ROW(commit_options),
    INDEX_ROW(commit_options),
    COMMIT_MESSAGE_ROW(commit_options),
    COMMIT_PAUSE_ROW(commit_options),
    OPT_END,
};

static int run_commit(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct commit_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    const struct observed_container *container;
    struct words words = { 0 };
    int status = cli_check_arguments(cli, &command_compose_commit, argc, 1, 2);

    if (status == 0)
        status = open_container(cli, argv[0], o->index, &compose, &container);
    if (status)
        return status;
    add(compose, &words, "commit");
    add_option(compose, &words, "author", o->author);
    ARRAY_FOREACH(&o->changes, change)
        add_option(compose, &words, "change", *change);
    add_option(compose, &words, "message", o->message);
    add_flag(compose, &words, "no-pause", !o->pause);
    add(compose, &words, container->id);
    if (argc > 1)
        add(compose, &words, argv[1]);
    return pass_on(compose, &command_commit, &words);
}

const struct command command_compose_commit = {
    .name = "commit",
    .usage = "[OPTIONS] SERVICE [REPOSITORY[:TAG]]",
    .summary = "Make an image of what a service's container has become",
    .opts = commit_opts,
    .options_bytes = sizeof(struct commit_options),
    .defaults = &commit_defaults,
    .run = run_commit,
};

/* ------------------------------------------------------------------ cp */

struct cp_options {
    int64_t index;
    bool all, archive, follow_link;
};
static const struct opt cp_opts[] = {
    { .name = "all",
            .type = &opt_flag,
            .offset = offsetof(struct cp_options, all),
            .help = "Into every container of the service, those of run as well" },
    COPY_ROWS(cp_options),
    INDEX_ROW(cp_options),
    OPT_END,
};

/* "web:/path", but not "./web:x" and "/web:x". NULL: a path of this machine. */
static const char *service_of(struct compose *compose, const char *word)
{
    const char *colon = strchr(word, ':');

    if (!colon || colon == word || *word == '.' || *word == '/')
        return NULL;
    return arena_strndup(&compose->arena, word, (size_t)(colon - word));
}

static int copy(struct compose *compose, const struct cp_options *o, char **argv,
        const char *service, bool into, const struct observed_container *container)
{
    const char *path = argv[into] + strlen(service);
    const char *inside = arena_printf(&compose->arena, "%s%s", container->id, path);
    struct words words = { 0 };

    add(compose, &words, "cp");
    add_flag(compose, &words, "archive", o->archive);
    add_flag(compose, &words, "follow-link", o->follow_link);
    add(compose, &words, into ? argv[0] : inside);
    add(compose, &words, into ? inside : argv[1]);
    return pass_on(compose, &command_cp, &words);
}

static int run_cp(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct cp_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    const struct observed_container *one = NULL;
    struct compose_containers containers = { 0 };
    int status = cli_check_arguments(cli, &command_compose_cp, argc, 2, 2);

    if (status == 0)
        status = open_project(cli, &compose);
    if (status)
        return status;
    const char *from = service_of(compose, argv[0]), *to = service_of(compose, argv[1]);
    if (from && to)
        return report_failure(cli, "copying between services is not supported");
    if (!from && !to)
        return report_failure(cli, "unknown copy direction: one side has to be SERVICE:PATH");
    const char *service = from ? from : to;
    /* Into the service: all its containers; out of it: one. */
    if (to && o->index == 0) {
        char *name[] = { arena_strdup(&compose->arena, service) };

        status = compose_containers(compose, 1, name, o->all, &containers);
    } else {
        status = compose_container(compose, service, o->index, &one);
        if (status == 0)
            *ARRAY_APPEND_ARENA(&compose->arena, &containers) = one;
    }
    if (status == 0 && containers.len == 0)
        return report_failure(cli, "no container found for service \"%s\"", service);
    for (size_t i = 0; status == 0 && i < containers.len; i++)
        status = copy(compose, o, argv, service, to != NULL, containers.items[i]);
    return status;
}

const struct command command_compose_cp = {
    .name = "cp",
    .usage = "[OPTIONS] SOURCE DESTINATION",
    .summary = "Copy files out of a service's container or into its containers",
    .details =
            "One of the two is SERVICE:PATH; \"-\" is a tar archive on standard input or output.",
    .opts = cp_opts,
    .options_bytes = sizeof(struct cp_options),
    .run = run_cp,
};

/* ------------------------------------------------------------------ export */

struct export_options {
    int64_t index;
    const char *output;
};
static const struct opt export_opts[] = {
    INDEX_ROW(export_options),
    ARCHIVE_OUTPUT_ROW(export_options),
    OPT_END,
};

static int run_export(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct export_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    const struct observed_container *container;
    struct words words = { 0 };
    int status = cli_check_arguments(cli, &command_compose_export, argc, 1, 1);

    if (status == 0)
        status = open_container(cli, argv[0], o->index, &compose, &container);
    if (status)
        return status;
    add(compose, &words, "export");
    add_option(compose, &words, "output", o->output);
    add(compose, &words, container->id);
    return pass_on(compose, &command_export, &words);
}

const struct command command_compose_export = {
    .name = "export",
    .usage = "[OPTIONS] SERVICE",
    .summary = "Write the files of a service's container as a tar archive",
    .opts = export_opts,
    .options_bytes = sizeof(struct export_options),
    .run = run_export,
};

/* ------------------------------------------------------------------ stats */

struct stats_options {
    const char *format;
    bool all, no_stream, no_trunc;
};
static const struct opt stats_opts[] = {
    { .name = "all",
            .letter = 'a',
            .type = &opt_flag,
            .offset = offsetof(struct stats_options, all),
            .help = "Also stopped ones" },
    { .name = "format",
            .type = &opt_string,
            .arg = "FORMAT",
            .offset = offsetof(struct stats_options, format),
            .help = "table, json or a Go template" },
    { .name = "no-stream",
            .type = &opt_flag,
            .offset = offsetof(struct stats_options, no_stream),
            .help = "Print once and end" },
    { .name = "no-trunc",
            .type = &opt_flag,
            .offset = offsetof(struct stats_options, no_trunc),
            .help = "Do not shorten ids" },
    OPT_END,
};

/* The heading, as long as the user looks at it. */
static int show_nothing(struct cli *cli, const struct stats_options *o)
{
    auto_error struct error *err = NULL;
    char *none[] = { NULL };
    struct stats_view view = { .names = none, .format = o->format, .once = o->no_stream };

    cli_interrupt_begin(cli);
    int r = stats_view_run(cli, cli->engine, &view, &err);
    cli_interrupt_end(cli);
    return r < 0 ? report_error(cli, err) : 0;
}

static int run_stats(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct stats_options *o = data;
    auto_(compose_free_p) struct compose *compose = NULL;
    struct compose_containers containers;
    struct words words = { 0 };
    size_t options;
    int status = open_project(cli, &compose);

    if (status == 0)
        status = compose_containers(compose, argc, argv, false, &containers);
    if (status)
        return status;
    add(compose, &words, "stats");
    add_option(compose, &words, "format", o->format);
    add_flag(compose, &words, "no-stream", o->no_stream);
    add_flag(compose, &words, "no-trunc", o->no_trunc);
    options = words.len;
    ARRAY_FOREACH(&containers, container)
        if (o->all || observed_container_is_active(*container))
            add(compose, &words, (*container)->name);
    /* Without names it would be about all containers there are. */
    if (words.len == options)
        return show_nothing(cli, o);
    return pass_on(compose, &command_stats, &words);
}

const struct command command_compose_stats = {
    .name = "stats",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Show what the project's containers use, as it changes",
    .opts = stats_opts,
    .options_bytes = sizeof(struct stats_options),
    .run = run_stats,
};
