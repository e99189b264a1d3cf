/* compose build. */
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/bake.h"
#include "cli/build-words.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/report.h"
#include "compose/backend.h"
#include "compose/project.h"

struct build_options {
    const char *builder, *progress, *provenance, *sbom;
    int64_t memory_bytes;
    struct strings args, ssh;
    bool check, no_cache, print, pull, push, quiet, with_deps, without_effect;
};
#define AT(member) .offset = offsetof(struct build_options, member)
#define WITHOUT_EFFECT(option)                                                        \
    {                                                                                 \
        .name = (option), .type = &opt_flag, .flags = OPT_HIDDEN, AT(without_effect), \
        .help = "Has no effect any more, as with Docker Compose"                      \
    }
static const char *const attestation_words[] = { "false", NULL };
static const char *const builder_words[] = { "default", NULL };
static const char *const progress_words[] = { "auto", "tty", "plain", "json", "quiet", NULL };

static const struct opt build_opts[] = { { .name = "build-arg",
                                                 .type = &opt_list,
                                                 .arg = "KEY[=VALUE]",
                                                 AT(args),
                                                 .help = "Set a build argument" },
    { .name = "builder",
            .type = &opt_string,
            .arg = "NAME",
            .flags = OPT_HIDDEN,
            AT(builder),
            .values = builder_words,
            .help = "The builder, of which there is one: default" },
    { .name = "check",
            .type = &opt_flag,
            AT(check),
            .help = "Only look for mistakes in the Dockerfiles" },
    { .name = "memory",
            .letter = 'm',
            .type = &opt_size,
            .arg = "SIZE",
            AT(memory_bytes),
            .help = "Memory limit of RUN" },
    { .name = "no-cache", .type = &opt_flag, AT(no_cache), .help = "Run every instruction again" },
    { .name = "print",
            .type = &opt_flag,
            AT(print),
            .help = "Build nothing, print the builds as a file for `docker buildx bake`" },
    { .name = "progress",
            .type = &opt_string,
            .arg = "TYPE",
            .flags = OPT_HIDDEN,
            AT(progress),
            .values = progress_words,
            .help = "Older place of --progress before the command" },
    { .name = "provenance",
            .type = &opt_string,
            .arg = "false",
            .flags = OPT_HIDDEN,
            AT(provenance),
            .values = attestation_words,
            .help = "Add no provenance attestation: there is none" },
    { .name = "pull", .type = &opt_flag, AT(pull), .help = "Look for newer base images" },
    { .name = "push", .type = &opt_flag, AT(push), .help = "Send the images to their registries" },
    { .name = "quiet", .letter = 'q', .type = &opt_flag, AT(quiet), .help = "Hide build output" },
    { .name = "sbom",
            .type = &opt_string,
            .arg = "false",
            .flags = OPT_HIDDEN,
            AT(sbom),
            .values = attestation_words,
            .help = "Add no bill of materials: there is none" },
    { .name = "ssh",
            .type = &opt_list,
            .arg = "default|ID[=SOCKET]",
            AT(ssh),
            .help = "SSH agent for RUN --mount=type=ssh" },
    { .name = "with-dependencies",
            .type = &opt_flag,
            AT(with_deps),
            .help = "Build dependencies too" },
    WITHOUT_EFFECT("compress"), WITHOUT_EFFECT("force-rm"), WITHOUT_EFFECT("no-rm"),
    WITHOUT_EFFECT("parallel"), OPT_END };
#undef AT

/* What is asked for and cannot be had. */
static int check_options(struct cli *cli, const struct build_options *o)
{
    if (!string_is_empty(o->builder) && strcmp(o->builder, "default") != 0)
        return report_failure(
                cli, "no builder \"%s\" found: there is only \"default\"", o->builder);
    if (o->provenance && strcmp(o->provenance, "false") != 0)
        return report_failure(cli, "--provenance %s is not supported", o->provenance);
    if (o->sbom && strcmp(o->sbom, "false") != 0)
        return report_failure(cli, "--sbom %s is not supported", o->sbom);
    if (o->check && o->print)
        return report_failure(cli, "--check and --print contradict each other");
    if (o->memory_bytes && o->print)
        return report_failure(cli, "--memory and --print contradict each other: a file for "
                                   "`docker buildx bake` has no such limit");
    return 0;
}

/* `what` is done with the plan of a build instead of running it. */
static int look_at_builds(struct cli *cli, struct plan_images_options *how, int argc, char **argv,
        int (*what)(struct compose *compose, const struct plan *plan,
                const struct strings *services, bool push),
        bool push)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(plan_free_p) struct plan *plan = NULL;
    auto_error struct error *err = NULL;
    int status = compose_open(cli, COMPOSE_NEED_PROJECT, argc, argv, &compose);

    if (status == 0)
        status = compose_observe(compose);
    if (status)
        return status;
    struct plan_input input = compose_plan_input(compose);
    how->services = compose_services(compose, argc, argv);
    if (plan_build(&input, how, &plan, &diag, &err) < 0) {
        if (report_diag(cli, &diag) == 0)
            report_error(cli, err);
        return EXIT_STATUS_FAILURE;
    }
    return what(compose, plan, &how->services, push);
}

static int print_builds(
        struct compose *compose, const struct plan *plan, const struct strings *services, bool push)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);

    bake_print(plan, services, push, &text);
    cli_print_text(compose->cli, text.data, text.len);
    return 0;
}

static int check_builds(
        struct compose *compose, const struct plan *plan, const struct strings *services, bool push)
{
    struct cli *cli = compose->cli;
    struct backend_call call = { 0 };
    int status = 0;

    (void)services;
    (void)push;
    for (size_t i = 0; i < plan->steps.len; i++) {
        const struct plan_step *step = plan->steps.items[i];
        auto_error struct error *err = NULL;
        auto_free char *id = NULL;

        if (step->action != PLAN_BUILD_IMAGE)
            continue;
        struct backend_build_spec spec = *step->build;
        spec.check = true;
        if (compose->backend->ops->image_build(compose->backend, &spec, &call, &id, &err) < 0)
            status = report_error(cli, err);
        else
            cli_print(cli, "%s: Check complete, no mistakes found.\n", step->service);
    }
    return status;
}

static int build_with(struct cli *cli, const struct build_options *o,
        struct plan_images_options *how, int argc, char **argv)
{
    if (o->print) {
        how->with_deps = true;
        return look_at_builds(cli, how, argc, argv, print_builds, o->push);
    }
    if (o->check)
        return look_at_builds(cli, how, argc, argv, check_builds, false);
    int status = compose_run_images_plan(cli, how, o->quiet, argc, argv, plan_build);
    return status || !o->push ? status
                              : compose_run_images_plan(cli, how, o->quiet, argc, argv, plan_push);
}

static int read_ssh(
        struct cli *cli, const struct build_options *o, struct strmap *ret, struct error **err)
{
    strmap_init_arena(ret, &cli->arena);
    for (size_t i = 0; i < o->ssh.len; i++) {
        const char *id, *socket;
        int r = build_read_ssh(&cli->arena, o->ssh.items[i], &id, &socket, err);

        if (r < 0)
            return r;
        strmap_set(ret, id, (void *)(uintptr_t)socket);
    }
    return 0;
}

static int run_build(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct build_options *o = data;
    auto_error struct error *err = NULL;
    struct strmap args, ssh;
    struct plan_images_options how = { .with_deps = o->with_deps,
        .quiet = o->quiet,
        .no_cache = o->no_cache,
        .pull = o->pull,
        .build_args = &args,
        .build_ssh = &ssh,
        .build_memory_bytes = (uint64_t)o->memory_bytes };
    int status = check_options(cli, o);

    if (status)
        return status;
    if (read_ssh(cli, o, &ssh, &err) < 0)
        return report_error(cli, err);
    const void *before = cli->compose_options;
    struct compose_options group = *(const struct compose_options *)cli->compose_options;
    if (o->progress) {
        group.progress = o->progress;
        cli->compose_options = &group;
    }
    strmap_init_arena(&args, &cli->arena);
    for (size_t i = 0; i < o->args.len; i++) {
        const char *word = o->args.items[i], *eq = strchr(word, '=');
        const char *key = eq ? arena_strndup(&cli->arena, word, (size_t)(eq - word)) : word;
        const char *value = eq ? eq + 1 : cli_env(cli, word);

        strmap_set(&args, key, (void *)value);
    }
    status = build_with(cli, o, &how, argc, argv);
    cli->compose_options = before;
    return status;
}

const struct command command_compose_build = {
    .name = "build",
    .usage = "[OPTIONS] [SERVICE...]",
    .summary = "Build images of services",
    .opts = build_opts,
    .options_bytes = sizeof(struct build_options),
    .run = run_build,
};
