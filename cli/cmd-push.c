/* push. */
#include "base/error.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/image-progress.h"
#include "cli/report.h"
#include "engine/image/image.h"
#include "engine/image/ref.h"

struct push_options {
    bool quiet, all_tags;
};
static const struct opt push_opts[] = {
    { .name = "all-tags",
            .letter = 'a',
            .type = &opt_flag,
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            .offset = offsetof(struct push_options, all_tags),
            .help = "Push all tags of the repository" },
    { .name = "quiet",
            .letter = 'q',
            .type = &opt_flag,
            .offset = offsetof(struct push_options, quiet),
            .help = "Only the name at the end" },
    OPT_END,
};

static int run_push(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct push_options *o = data;
    auto_error struct error *err = NULL;
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
    int status = cli_check_arguments(cli, &command_push, argc, 1, 1);
    struct engine *engine = status ? NULL : cli_engine(cli, &err);

    if (status)
        return status;
    if (!engine || image_ref_parse(argv[0], &ref, &err) < 0)
        return report_error(cli, err);
    auto_free char *repository = image_ref_repository(&ref), *tagged = image_ref_tagged(&ref);
    if (!o->quiet)
        cli_print(cli, "The push refers to repository [%s]\n", repository);
    struct image_progress *display = image_progress_new(cli, o->quiet);
    struct image_push_options how = { .progress = image_progress_callback(display) };
    cli_interrupt_begin(cli);
    int r = image_push(engine, argv[0], &how, NULL, &err);
    cli_interrupt_end(cli);
    image_progress_free(display);
    if (r < 0)
        return report_error(cli, err);
    if (o->quiet)
        cli_print(cli, "%s\n", tagged);
    return 0;
}

const struct command command_push = {
    .name = "push",
    .usage = "[OPTIONS] NAME[:TAG]",
    .summary = "Send an image to a registry",
    .opts = push_opts,
    .options_bytes = sizeof(struct push_options),
    .run = run_push,
};
