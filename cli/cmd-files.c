/* cp, diff, export, commit: a container's files from outside. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/archive-output.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/files.h"
#include "cli/format.h"
#include "cli/report.h"
#include "engine/build/change.h"
#include "engine/container/files.h"
#include "engine/image/image.h"

/* ------------------------------------------------------------------ cp */

struct cp_options {
    bool archive, follow_link, quiet;
};
static const struct opt cp_opts[] = {
    COPY_ROWS(cp_options),
    { .name = "quiet",
            .letter = 'q',
            .type = &opt_flag,
            .offset = offsetof(struct cp_options, quiet),
            .help = "Do not tell how much was copied" },
    OPT_END,
};

/* "name:path" names a container unless it begins as a path does ("./a:b", "/a:b"). */
static const char *split_container(struct cli *cli, const char *word, const char **ret_path)
{
    const char *colon = strchr(word, ':');

    *ret_path = word;
    if (!colon || colon == word || *word == '/' || *word == '.')
        return NULL;
    *ret_path = colon + 1;
    return arena_strndup(&cli->arena, word, (size_t)(colon - word));
}

static int copy_in(struct cli *cli, struct engine *engine, const struct cp_options *o,
        const char *container, char **words, const char *path, struct error **err)
{
    struct container_copy_options how = { .keep_owner = o->archive, .follow_link = o->follow_link };
    uint64_t bytes = 0;
    int r;

    if (strcmp(words[0], "-") == 0)
        return container_copy_in_tar(engine, container, STDIN_FILENO, path, &how, err);
    r = container_copy_in(engine, container, words[0], path, &how, &bytes, err);
    if (r >= 0 && !o->quiet)
        report_text(cli, "Successfully copied %s to %s", format_size(&cli->arena, bytes), words[1]);
    return r;
}

static int copy_out(struct cli *cli, struct engine *engine, const struct cp_options *o,
        const char *container, const char *path, char **words, struct error **err)
{
    struct container_copy_options how = { .keep_owner = o->archive, .follow_link = o->follow_link };
    uint64_t bytes = 0;
    int r;

    if (strcmp(words[1], "-") == 0)
        return container_copy_out_tar(engine, container, path, STDOUT_FILENO, &how, err);
    r = container_copy_out(engine, container, path, words[1], &how, &bytes, err);
    if (r >= 0 && !o->quiet)
        report_text(cli, "Successfully copied %s to %s", format_size(&cli->arena, bytes), words[1]);
    return r;
}

static int run_cp(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct cp_options *o = data;
    auto_error struct error *err = NULL;
    int status = cli_check_arguments(cli, &command_cp, argc, 2, 2);
    const char *from_path, *to_path;

    if (status)
        return status;
    const char *from = split_container(cli, argv[0], &from_path);
    const char *to = split_container(cli, argv[1], &to_path);
    if (from && to)
        return report_failure(cli, "copying between containers is not supported");
    if (!from && !to)
        return report_failure(cli, "must specify at least one container source");
    if (from && strcmp(argv[1], "-") == 0 && isatty(STDOUT_FILENO))
        return report_failure(cli, "cowardly refusing to write an archive to a terminal");
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    cli_interrupt_begin(cli);
    int r = from ? copy_out(cli, engine, o, from, from_path, argv, &err)
                 : copy_in(cli, engine, o, to, argv, to_path, &err);
    cli_interrupt_end(cli);
    return r < 0 ? report_error(cli, err) : 0;
}

const struct command command_cp = {
    .name = "cp",
    .usage = "[OPTIONS] CONTAINER:SRC DEST|- | SRC|- CONTAINER:DEST",
    .summary = "Copy files out of a container or into one",
    .details = "\"-\" is a tar archive on standard input or output.",
    .opts = cp_opts,
    .options_bytes = sizeof(struct cp_options),
    .run = run_cp,
};

/* ------------------------------------------------------------------ diff */

static int run_diff(struct cli *cli, const void *data, int argc, char **argv)
{
    static const char letters[] = {
        [CONTAINER_CHANGED] = 'C', [CONTAINER_ADDED] = 'A', [CONTAINER_DELETED] = 'D'
    };
    auto_error struct error *err = NULL;
    struct container_changes changes = { 0 };
    int status = cli_check_arguments(cli, &command_diff, argc, 1, 1);

    (void)data;
    if (status)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || container_diff(engine, &cli->arena, argv[0], &changes, &err) < 0)
        return report_error(cli, err);
    ARRAY_FOREACH(&changes, change)
        cli_print(cli, "%c %s\n", letters[change->kind], change->path);
    return 0;
}

const struct command command_diff = {
    .name = "diff",
    .usage = "CONTAINER",
    .summary = "Show what a container changed in its files",
    .details = "A: added, C: changed, D: deleted.",
    .run = run_diff,
};

/* ------------------------------------------------------------------ export */

static int run_export(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct archive_output_options *o = data;
    auto_(archive_output_release) struct archive_output output = ARCHIVE_OUTPUT_INIT;
    auto_error struct error *err = NULL;
    int r, status = cli_check_arguments(cli, &command_export, argc, 1, 1);

    if (status)
        return status;
    r = archive_output_open(&output, cli, o->output, &err);
    struct engine *engine = r < 0 ? NULL : cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    r = container_export(engine, argv[0], output.fd, &err);
    if (r >= 0)
        r = archive_output_finish(&output, &err);
    return r < 0 ? report_error(cli, err) : 0;
}

const struct command command_export = {
    .name = "export",
    .usage = "[OPTIONS] CONTAINER",
    .summary = "Write a container's root file system as a tar archive",
    .opts = archive_output_opts,
    .options_bytes = sizeof(struct archive_output_options),
    .run = run_export,
};

/* ------------------------------------------------------------------ commit */

struct commit_options {
    const char *author, *message;
    struct strings changes;
    bool pause, no_pause;
};
static const struct commit_options commit_defaults = { .pause = true };
static const struct opt commit_opts[] = {
    COMMIT_AUTHOR_ROW(commit_options),
    COMMIT_CHANGE_ROW(commit_options),
    COMMIT_MESSAGE_ROW(commit_options),
    { .name = "no-pause",
            .type = &opt_flag,
            .offset = offsetof(struct commit_options, no_pause),
            .help = "Let the container run meanwhile" },
    COMMIT_PAUSE_ROW(commit_options),
    OPT_END,
};

static int run_commit(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct commit_options *o = data;
    auto_error struct error *err = NULL;
    auto_free char *id = NULL;
    json_t *config = NULL;
    int status = cli_check_arguments(cli, &command_commit, argc, 1, 2);

    if (status)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    int r = o->changes.len ? container_image_config(engine, argv[0], &config, &err) : 0;
    if (r >= 0 && o->changes.len)
        r = build_apply_changes(
                config, (const char *const *)o->changes.items, o->changes.len, &err);
    struct container_commit_options how = {
        .name = argc > 1 ? argv[1] : NULL,
        .author = o->author,
        .message = o->message,
        .config = config,
        .pause = o->pause && !o->no_pause,
    };
    if (r >= 0)
        r = container_commit(engine, argv[0], &how, &id, &err);
    json_decref(config);
    if (r < 0)
        return report_error(cli, err);
    cli_print(cli, "%s\n", id);
    return 0;
}

const struct command command_commit = {
    .name = "commit",
    .usage = "[OPTIONS] CONTAINER [IMAGE[:TAG]]",
    .summary = "Make an image of a container's changes",
    .opts = commit_opts,
    .options_bytes = sizeof(struct commit_options),
    .defaults = &commit_defaults,
    .run = run_commit,
};
