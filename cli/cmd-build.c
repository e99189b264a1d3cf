/* build: Docker's options into build_options. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/image-progress.h"
#include "cli/report.h"
#include "engine/build/build.h"

struct build_command_options {
    const char *file, *target, *platform, *network, *iidfile, *progress;
    struct strings args, labels, tags, contexts;
    bool no_cache, pull, quiet, load, remove;
    struct strings refused;
};
static const struct build_command_options build_defaults = { .remove = true };

#define AT(member) .offset = offsetof(struct build_command_options, member)
#define REFUSED(option)                                                                          \
    {                                                                                            \
        .name = (option), .type = &opt_list, .flags = OPT_UNSUPPORTED | OPT_HIDDEN, AT(refused), \
        .help = "Not supported"                                                                  \
    }
static const struct opt build_opts[] = { { .name = "build-arg",
                                                 .type = &opt_list,
                                                 .arg = "KEY[=VALUE]",
                                                 AT(args),
                                                 .help = "Set a variable of the Dockerfile's ARG" },
    { .name = "build-context",
            .type = &opt_list,
            .arg = "NAME=DIR",
            AT(contexts),
            .help = "Further directory for FROM and COPY --from" },
    { .name = "file",
            .letter = 'f',
            .type = &opt_string,
            .arg = "FILE",
            AT(file),
            .help = "The Dockerfile (default CONTEXT/Dockerfile), - for standard input" },
    { .name = "iidfile",
            .type = &opt_string,
            .arg = "FILE",
            AT(iidfile),
            .help = "Write the image's id to a file" },
    { .name = "label",
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(labels),
            .help = "Add a label to the image" },
    { .name = "load",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(load),
            .help = "Images are always kept here" },
    { .name = "network",
            .type = &opt_string,
            .arg = "NETWORK",
            AT(network),
            .help = "Network of RUN: default, none, host or a name" },
    { .name = "no-cache", .type = &opt_flag, AT(no_cache), .help = "Run every instruction again" },
    { .name = "platform",
            .type = &opt_string,
            .arg = "OS/ARCH",
            AT(platform),
            .help = "Platform of the image" },
    { .name = "progress",
            .type = &opt_string,
            .arg = "TYPE",
            AT(progress),
            .help = "auto, plain, tty or quiet" },
    { .name = "pull", .type = &opt_flag, AT(pull), .help = "Look for newer base images" },
    { .name = "quiet",
            .letter = 'q',
            .type = &opt_flag,
            AT(quiet),
            .help = "Print only the image's id" },
    { .name = "rm",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(remove),
            .help = "Containers of the build are always removed" },
    { .name = "tag",
            .letter = 't',
            .type = &opt_list,
            .arg = "NAME[:TAG]",
            AT(tags),
            .help = "Name of the image" },
    { .name = "target",
            .type = &opt_string,
            .arg = "STAGE",
            AT(target),
            .help = "Stage to build (default the last)" },
    REFUSED("add-host"), REFUSED("allow"), REFUSED("annotation"), REFUSED("attest"),
    REFUSED("builder"), REFUSED("cache-from"), REFUSED("cache-to"), REFUSED("call"),
    REFUSED("cgroup-parent"), REFUSED("check"), REFUSED("compress"), REFUSED("cpu-period"),
    REFUSED("cpu-quota"), REFUSED("cpu-shares"), REFUSED("cpuset-cpus"), REFUSED("cpuset-mems"),
    REFUSED("force-rm"), REFUSED("isolation"), REFUSED("memory"), REFUSED("memory-swap"),
    REFUSED("metadata-file"), REFUSED("no-cache-filter"), REFUSED("output"), REFUSED("provenance"),
    REFUSED("push"), REFUSED("sbom"), REFUSED("secret"), REFUSED("security-opt"),
    REFUSED("shm-size"), REFUSED("squash"), REFUSED("ssh"), REFUSED("ulimit"), OPT_END };
#undef AT

static struct build_pair *to_pairs(
        struct arena *arena, const struct strings *words, bool from_environment)
{
    struct build_pair *pairs = ARENA_NEW_ARRAY(arena, words->len + 1, struct build_pair);

    for (size_t i = 0; i < words->len; i++) {
        const char *eq = strchr(words->items[i], '=');

        pairs[i].name = arena_strndup(arena, words->items[i],
                eq ? (size_t)(eq - words->items[i]) : strlen(words->items[i]));
        pairs[i].value = eq                 ? arena_strdup(arena, eq + 1)
                         : from_environment ? getenv(pairs[i].name)
                                            : "";
    }
    return pairs;
}

/* The directory of the context and where the Dockerfile is; "-f -" reads it from standard input. */
static int read_places(struct cli *cli, const struct build_command_options *options,
        const char *context, struct build_options *build, struct error **err)
{
    char cwd[PATH_MAX];
    struct stat st;

    if (string_has_prefix(context, "http://") || string_has_prefix(context, "https://") ||
            string_has_prefix(context, "git@") || strcmp(context, "-") == 0)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "a build context from \"%s\" is not supported: a directory is needed", context);
    if (!getcwd(cwd, sizeof(cwd)))
        return error_set(err, errno, NULL, "cannot tell the current directory");
    build->context = path_join(&cli->arena, cwd, context);
    if (stat(build->context, &st) < 0)
        return error_set(err, errno, NULL, "cannot use the build context \"%s\"", context);
    if (!S_ISDIR(st.st_mode))
        return error_set_plain(
                err, ENOTDIR, NULL, "the build context \"%s\" is not a directory", context);
    if (options->file && strcmp(options->file, "-") == 0) {
        auto_free char *text = NULL;
        size_t len;
        int r = fs_read_fd(STDIN_FILENO, LIMIT_DOCKERFILE_BYTES, &text, &len, err);

        if (r < 0)
            return error_wrap(err, r, "cannot read the Dockerfile from standard input");
        build->inline_text = arena_strndup(&cli->arena, text, len);
        build->inline_name = "-";
    } else if (options->file) {
        build->dockerfile = path_join(&cli->arena, cwd, options->file);
    }
    return 0;
}

static int run_build(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct build_command_options *options = data;
    auto_error struct error *err = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_free char *id = NULL;
    int status = cli_check_arguments(cli, &command_build, argc, 1, 1);

    if (status)
        return status;
    struct build_options build = {
        .target = options->target,
        .platform = options->platform,
        .network = options->network,
        .args = to_pairs(&cli->arena, &options->args, true),
        .arg_count = options->args.len,
        .labels = to_pairs(&cli->arena, &options->labels, false),
        .label_count = options->labels.len,
        .contexts = to_pairs(&cli->arena, &options->contexts, false),
        .context_count = options->contexts.len,
        .tags = (const char *const *)options->tags.items,
        .tag_count = options->tags.len,
        .no_cache = options->no_cache,
        .pull = options->pull,
        .diag = &diag,
    };
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || read_places(cli, options, argv[0], &build, &err) < 0)
        return report_error(cli, err);
    struct image_progress *display = image_progress_new(
            cli, options->quiet || string_is_equal(options->progress, "quiet"));
    build.progress = image_progress_callback(display);
    cli_interrupt_begin(cli);
    int r = build_image(engine, &build, &id, &err);
    cli_interrupt_end(cli);
    image_progress_free(display);
    report_diag(cli, &diag);
    if (r < 0 && atomic_load(&cli->interrupted))
        return EXIT_STATUS_SIGNAL + cli_interrupt_signal();
    if (r < 0 && !diag_has_errors(&diag))
        return report_error(cli, err);
    if (r < 0)
        return cli->failure_status;
    if (options->iidfile &&
            fs_replace_file(AT_FDCWD, options->iidfile, id, strlen(id), 0644, FS_NO_SYNC, &err) < 0)
        return report_error(cli, err);
    if (options->quiet)
        cli_print(cli, "%s\n", id);
    else
        cli_print(cli, "Built %s\n", options->tags.len ? options->tags.items[0] : id);
    return 0;
}

const struct command command_build = {
    .name = "build",
    .usage = "[OPTIONS] CONTEXT",
    .summary = "Build an image from a Dockerfile",
    .opts = build_opts,
    .options_bytes = sizeof(struct build_command_options),
    .defaults = &build_defaults,
    .run = run_build,
};
