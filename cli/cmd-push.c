/* push, with Docker's words and Podman's. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/image-progress.h"
#include "cli/registry-words.h"
#include "cli/report.h"
#include "engine/image/image.h"
#include "engine/image/ref.h"

struct push_options {
    struct registry_words registry;
    bool quiet, all_tags, content_trust;
};
static const struct push_options push_defaults = { .content_trust = true };
#define AT(member) .offset = offsetof(struct push_options, member)
static const struct opt push_opts[] = {
    { .name = "all-tags",
            .letter = 'a',
            .type = &opt_flag,
            AT(all_tags),
            .help = "All tags that the repository has here" },
    { .name = "disable-content-trust",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(content_trust),
            .help = "Do not sign (default true)" },
    { .name = "quiet",
            .letter = 'q',
            .type = &opt_flag,
            AT(quiet),
            .help = "Only the name at the end" },
    REGISTRY_ROWS(struct push_options, registry),
    OPT_END,
};
#undef AT

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The tags that the repository has here, sorted; at least one. In the arena. */
static int list_tags(struct cli *cli, struct engine *engine, const char *repository,
        struct strings *ret, struct error **err)
{
    auto_(image_list_release) struct image_list list = { 0 };
    const char *prefix = arena_printf(&cli->arena, "%s:", repository);
    int r = image_list(engine, &(struct image_list_options){ .all = true }, &list, err);

    for (size_t i = 0; r >= 0 && i < list.len; i++)
        ARRAY_FOREACH(&list.items[i]->tags, tag)
            if (string_has_prefix(*tag, prefix))
                *ARRAY_APPEND_ARENA(&cli->arena, ret) = arena_strdup(&cli->arena, *tag);
    if (r >= 0 && ret->len == 0)
        r = error_set_plain(err, ENOENT, NULL, "An image does not exist locally with the tag: %s",
                image_ref_familiar(repository));
    if (ret->len)
        qsort(ret->items, ret->len, sizeof(*ret->items), compare_names);
    return r;
}

static int run_push(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct push_options *o = data;
    auto_error struct error *err = NULL;
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
    auto_(registry_said_release) struct registry_said said = { 0 };
    struct strings all = { 0 }, one = { argv, 1, 1 };
    int status = cli_check_arguments(cli, &command_push, argc, 1, 1);
    struct engine *engine = status ? NULL : cli_engine(cli, &err);

    if (status)
        return status;
    if (!o->content_trust)
        return report_failure(cli, "--disable-content-trust=false is not supported");
    if (!engine || image_ref_parse(argv[0], &ref, &err) < 0 ||
            registry_words_read(&o->registry, &said, &err) < 0)
        return report_error(cli, err);
    if (o->all_tags && image_names_tag_or_digest(argv[0]))
        return report_failure(cli, "tag can't be used with --all-tags/-a");
    auto_free char *repository = image_ref_repository(&ref), *tagged = image_ref_tagged(&ref);
    if (o->all_tags && list_tags(cli, engine, repository, &all, &err) < 0)
        return report_error(cli, err);
    if (!o->quiet)
        cli_print(cli, "The push refers to repository [%s]\n", repository);
    cli_interrupt_begin(cli);
    const struct strings *names = o->all_tags ? &all : &one;
    int r = 0;
    for (size_t i = 0; i < names->len && r >= 0; i++) {
        const struct image_wish wish = {
            .ref = names->items[i], .access = &said.access, .quiet = o->quiet
        };

        r = image_progress_push(cli, engine, &wish, &err);
    }
    cli_interrupt_end(cli);
    if (r < 0 && atomic_load(&cli->interrupted))
        return EXIT_STATUS_SIGNAL + cli_interrupt_signal();
    if (r < 0)
        return report_error(cli, err);
    if (o->quiet)
        cli_print(cli, "%s\n", o->all_tags ? repository : tagged);
    return 0;
}

const struct command command_push = {
    .name = "push",
    .usage = "[OPTIONS] NAME[:TAG]",
    .summary = "Send an image to a registry",
    .opts = push_opts,
    .options_bytes = sizeof(struct push_options),
    .defaults = &push_defaults,
    .run = run_push,
};
