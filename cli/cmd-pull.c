/* pull, with Docker's words and Podman's. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/image-progress.h"
#include "cli/registry-words.h"
#include "cli/report.h"
#include "engine/image/image.h"
#include "engine/image/ref.h"

struct pull_options {
    struct platform_words platform;
    struct registry_words registry;
    const char *policy;
    struct strings decryption_keys;
    bool quiet, all_tags, content_trust;
};
static const struct pull_options pull_defaults = { .content_trust = true };
#define AT(member) .offset = offsetof(struct pull_options, member)
static const struct opt pull_opts[] = {
    { .name = "all-tags",
            .letter = 'a',
            .type = &opt_flag,
            AT(all_tags),
            .help = "All tags of the repository" },
    { .name = "arch",
            .type = &opt_string,
            .arg = "ARCH",
            AT(platform.arch),
            .help = "Architecture of the image" },
    { .name = "decryption-key",
            .type = &opt_list,
            .arg = "KEY",
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            AT(decryption_keys),
            .help = "Key of an encrypted image" },
    { .name = "disable-content-trust",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(content_trust),
            .help = "Skip the check of signatures (default true)" },
    { .name = "os",
            .type = &opt_string,
            .arg = "OS",
            AT(platform.os),
            .help = "Operating system of the image" },
    { .name = "platform",
            .type = &opt_string,
            .arg = "OS/ARCH",
            AT(platform.platform),
            .help = "Platform of the image" },
    { .name = "policy",
            .type = &opt_string,
            .arg = "POLICY",
            AT(policy),
            .values = values_pull_image,
            .help = "always, missing, never or newer (default always)" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "No progress" },
    { .name = "variant",
            .type = &opt_string,
            .arg = "VARIANT",
            AT(platform.variant),
            .help = "Variant of the architecture" },
    REGISTRY_ROWS(struct pull_options, registry),
    OPT_END,
};
#undef AT

/* Each tag as if it were asked for; the first that fails ends it, as with Docker. */
static int pull_all_tags(struct cli *cli, struct engine *engine, const struct image_ref *ref,
        struct image_wish wish, struct error **err)
{
    auto_free char *repository = image_ref_repository(ref);
    const struct image_tags_query query = { repository, wish.access };
    char **tags = NULL;
    int r = image_list_remote_tags(engine, &cli->arena, &query, &tags, err);

    for (; r >= 0 && *tags; tags++) {
        wish.ref = image_ref_familiar(arena_printf(&cli->arena, "%s:%s", repository, *tags));
        r = image_progress_pull(cli, engine, &wish, err);
    }
    return r;
}

/* What of the options can be told to be wrong before anything is asked for. */
static int check_pull(const struct pull_options *options, const char *name, struct error **err)
{
    if (!options->content_trust)
        return error_set_plain(
                err, EOPNOTSUPP, NULL, "--disable-content-trust=false is not supported");
    if (options->all_tags && image_names_tag_or_digest(name))
        return error_set_plain(err, EINVAL, NULL, "tag can't be used with --all-tags/-a");
    return 0;
}

static int run_pull(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct pull_options *options = data;
    auto_error struct error *err = NULL;
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
    auto_(registry_said_release) struct registry_said said = { 0 };
    int status = cli_check_arguments(cli, &command_pull, argc, 1, 1);

    if (status)
        return status;
    struct image_wish wish = {
        .ref = argv[0], .policy = options->policy, .access = &said.access, .quiet = options->quiet
    };
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || image_ref_parse(argv[0], &ref, &err) < 0 ||
            check_pull(options, argv[0], &err) < 0 ||
            platform_words_read(cli, &options->platform, &wish.platform, &err) < 0 ||
            registry_words_read(&options->registry, &said, &err) < 0)
        return report_error(cli, err);
    cli_interrupt_begin(cli);
    int r = options->all_tags ? pull_all_tags(cli, engine, &ref, wish, &err)
                              : image_progress_pull(cli, engine, &wish, &err);
    cli_interrupt_end(cli);
    if (r < 0 && atomic_load(&cli->interrupted))
        return EXIT_STATUS_SIGNAL + cli_interrupt_signal();
    if (r < 0)
        return report_error(cli, err);
    auto_free char *canonical = options->all_tags ? image_ref_repository(&ref)
                                                  : image_ref_canonical(&ref);
    cli_print(cli, "%s\n", canonical);
    return 0;
}

const struct command command_pull = {
    .name = "pull",
    .usage = "[OPTIONS] NAME[:TAG|@DIGEST]",
    .summary = "Fetch an image from a registry",
    .opts = pull_opts,
    .options_bytes = sizeof(struct pull_options),
    .defaults = &pull_defaults,
    .run = run_pull,
};
