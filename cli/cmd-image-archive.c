/* load, save and import: images as archives. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "cli/archive-output.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/image-progress.h"
#include "cli/objects.h"
#include "cli/report.h"
#include "engine/build/change.h"
#include "engine/image/image.h"
#include "engine/image/ref.h"

struct load_options {
    const char *input, *platform;
    bool quiet;
};
#define AT(member) .offset = offsetof(struct load_options, member)
static const struct opt load_opts[] = {
    { .name = "input",
            .letter = 'i',
            .type = &opt_string,
            .arg = "FILE",
            AT(input),
            .help = "Read from a file or an OCI layout directory instead of standard input" },
    { .name = "platform",
            .type = &opt_string,
            .arg = "OS/ARCH",
            AT(platform),
            .help = "Which platform of an index" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "No progress" }, OPT_END
};
#undef AT

/* What errors call the input; NULL for standard input. */
static const char *source_name(const char *path)
{
    return path && strcmp(path, "-") != 0 ? path : NULL;
}

/* The file to read, or standard input; descriptor or -errno with *err. */
static int open_input(const char *path, struct error **err)
{
    if (!path || strcmp(path, "-") == 0) {
        if (isatty(STDIN_FILENO))
            return error_set_plain(
                    err, EINVAL, NULL, "requested load from stdin, but stdin is a terminal");
        return fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : error_set(err, errno, NULL, "cannot open \"%s\"", path);
}

static int run_load(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct load_options *options = data;
    auto_error struct error *err = NULL;
    auto_(image_loaded_release) struct image_loaded_list loaded = { 0 };
    int status = cli_check_arguments(cli, &command_load, argc, 0, 0);

    (void)argv;
    if (status)
        return status;
    struct engine *engine = cli_engine(cli, &err);
    auto_close int fd = engine ? open_input(options->input, &err) : -EPERM;
    if (fd < 0)
        return report_error(cli, err);
    struct image_progress *display = image_progress_new(cli, options->quiet);
    struct image_load_options how = { .platform = options->platform,
        .source = source_name(options->input),
        .progress = image_progress_callback(display) };
    cli_interrupt_begin(cli);
    int r = image_load(engine, fd, &how, &loaded, &err);
    cli_interrupt_end(cli);
    image_progress_free(display);
    if (r < 0)
        return report_error(cli, err);
    ARRAY_FOREACH(&loaded, item) {
        if (item->name)
            cli_print(cli, "Loaded image: %s\n", image_ref_familiar(item->name));
        else
            cli_print(cli, "Loaded image ID: %s\n", item->id);
    }
    return 0;
}

const struct command command_load = {
    .name = "load",
    .usage = "[OPTIONS]",
    .summary = "Load images from a docker or OCI archive",
    .opts = load_opts,
    .options_bytes = sizeof(struct load_options),
    .run = run_load,
};

struct save_options {
    const char *output, *platform;
};
static const struct opt save_opts[] = {
    ARCHIVE_OUTPUT_ROW(save_options),
    { .name = "platform",
            .type = &opt_string,
            .arg = "OS/ARCH",
            .offset = offsetof(struct save_options, platform),
            .help = "Fail unless the image is for this platform" },
    OPT_END,
};

static int run_save(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct save_options *options = data;
    auto_(archive_output_release) struct archive_output output = ARCHIVE_OUTPUT_INIT;
    auto_error struct error *err = NULL;
    int r, status = cli_check_arguments(cli, &command_save, argc, 1, -1);

    if (status == 0)
        status = image_check_platforms(cli, options->platform, argc, argv);
    if (status)
        return status;
    r = archive_output_open(&output, cli, options->output, &err);
    struct engine *engine = r < 0 ? NULL : cli_engine(cli, &err);
    if (!engine)
        return report_error(cli, err);
    r = image_save(engine, (const char *const *)argv, (size_t)argc, output.fd, NULL, &err);
    if (r >= 0)
        r = archive_output_finish(&output, &err);
    return r < 0 ? report_error(cli, err) : 0;
}

const struct command command_save = {
    .name = "save",
    .usage = "[OPTIONS] IMAGE [IMAGE...]",
    .summary = "Write images as an archive",
    .opts = save_opts,
    .options_bytes = sizeof(struct save_options),
    .run = run_save,
};

struct import_options {
    struct strings changes;
    const char *message, *platform;
};
#define AT(member) .offset = offsetof(struct import_options, member)
static const struct opt import_opts[] = {
    { .name = "change",
            .letter = 'c',
            .type = &opt_list,
            .arg = "INSTRUCTION",
            AT(changes),
            .help = "Apply a Dockerfile instruction to the image" },
    { .name = "message",
            .letter = 'm',
            .type = &opt_string,
            .arg = "TEXT",
            AT(message),
            .help = "Comment of the image" },
    { .name = "platform",
            .type = &opt_string,
            .arg = "OS/ARCH",
            AT(platform),
            .help = "Platform of the image" },
    OPT_END
};
#undef AT

static int run_import(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct import_options *options = data;
    auto_error struct error *err = NULL;
    auto_free char *id = NULL;
    auto_json json_t *config = json_object();
    int status = cli_check_arguments(cli, &command_import, argc, 1, 2);

    if (status)
        return status;
    if (string_has_prefix(argv[0], "http://") || string_has_prefix(argv[0], "https://"))
        return report_failure(cli, "importing from an address is not supported: fetch it first");
    if (build_apply_changes(config, (const char *const *)options->changes.items,
                options->changes.len, &err) < 0)
        return report_error(cli, err);
    struct engine *engine = cli_engine(cli, &err);
    auto_close int fd = engine ? open_input(argv[0], &err) : -EPERM;
    if (fd < 0)
        return report_error(cli, err);
    struct image_import_options how = {
        .ref = argc == 2 ? argv[1] : NULL,
        .message = options->message,
        .platform = options->platform,
        .source = source_name(argv[0]),
        .config = config,
    };
    cli_interrupt_begin(cli);
    int r = image_import(engine, fd, &how, &id, &err);
    cli_interrupt_end(cli);
    if (r < 0)
        return report_error(cli, err);
    cli_print(cli, "%s\n", id);
    return 0;
}

const struct command command_import = {
    .name = "import",
    .usage = "[OPTIONS] FILE|- [REPOSITORY[:TAG]]",
    .summary = "Make an image from a tar archive of a root file system",
    .opts = import_opts,
    .options_bytes = sizeof(struct import_options),
    .run = run_import,
};
