/* build: Docker's and Podman's options into build_options. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/str.h"
#include "cli/build-words.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/image-progress.h"
#include "cli/registry-words.h"
#include "cli/report.h"
#include "cli/run-config.h"
#include "cli/run-options.h"
#include "cli/specs.h"
#include "engine/build/build.h"
#include "engine/image/image.h"
#include "engine/image/ref.h"

struct build_command_options {
    const char *file, *network, *iidfile, *metadata_file, *progress, *target, *pull, *ignore_file,
            *isolation, *provenance, *sbom, *builder;
    struct platform_words platform;
    struct registry_words registry;
    struct run_options sandbox; /* what RUN's containers get, in the words of run */
    struct strings args, labels, tags, contexts, env, unset_env, unset_labels, cache_from,
            no_cache_stages, secrets, ssh;
    bool no_cache, quiet, check, push, without_effect, content_trust;
    struct strings refused;
};
static const struct build_command_options build_defaults = {
    .pull = "missing", .sandbox = RUN_OPTION_DEFAULTS, .content_trust = true
};

/* --pull, which Podman gives a policy and Docker nothing. */
static int parse_pull(void *target, const char *value, struct error **err)
{
    bool flag;

    (void)err;
    *(const char **)target = parse_bool(str_from(value), &flag) < 0 ? value
                             : flag                                 ? "always"
                                                                    : "missing";
    return 0;
}
static const struct opt_type opt_pull = { .name = "string", .is_flag = true, .parse = parse_pull };

#define AT(member) .offset = offsetof(struct build_command_options, member)
#define REFUSED(option)                                                                          \
    {                                                                                            \
        .name = (option), .type = &opt_list, .flags = OPT_UNSUPPORTED | OPT_HIDDEN, AT(refused), \
        .help = "Not supported"                                                                  \
    }
#define LIST(option, word, member, text)                                               \
    {                                                                                  \
        .name = (option), .type = &opt_list, .arg = (word), AT(member), .help = (text) \
    }
#define TEXT(option, word, member, text)                                                 \
    {                                                                                    \
        .name = (option), .type = &opt_string, .arg = (word), AT(member), .help = (text) \
    }
#define NUMBER(option, word, member, text)                                            \
    {                                                                                 \
        .name = (option), .type = &opt_int, .arg = (word), AT(member), .help = (text) \
    }
/* As with BuildKit: the containers of a build are always removed, and no context is sent anywhere. */
#define WITHOUT_EFFECT(option)                                                        \
    {                                                                                 \
        .name = (option), .type = &opt_flag, .flags = OPT_HIDDEN, AT(without_effect), \
        .help = "Has no effect, as with BuildKit"                                     \
    }
static const struct opt build_opts[] = { LIST("add-host", "NAME:IP", sandbox.add_hosts,
                                                 "Add a line to /etc/hosts of RUN"),
    TEXT("arch", "ARCH", platform.arch, "Architecture of the image"),
    LIST("build-arg", "KEY[=VALUE]", args, "Set a variable of the Dockerfile's ARG"),
    LIST("build-context", "NAME=DIR", contexts, "Further directory for FROM and COPY --from"),
    { .name = "builder",
            .type = &opt_string,
            .arg = "default",
            .flags = OPT_HIDDEN,
            AT(builder),
            .help = "The builder, of which there is one: default" },
    LIST("cache-from", "IMAGE", cache_from, "Not used: what was built here is the cache"),
    LIST("cap-add", "CAP", sandbox.cap_add, "Grant RUN a capability"),
    LIST("cap-drop", "CAP", sandbox.cap_drop, "Take a capability from RUN"),
    { .name = "check",
            .type = &opt_flag,
            AT(check),
            .help = "Only look for mistakes in the Dockerfile" },
    TEXT("cgroup-parent", "PATH", sandbox.cgroup_parent, "Cgroup above that of RUN"),
    NUMBER("cpu-period", "USEC", sandbox.cpu_period_usec, "Period of the CPU quota of RUN"),
    NUMBER("cpu-quota", "USEC", sandbox.cpu_quota_usec, "CPU time of RUN per period"),
    { .name = "cpu-shares",
            .letter = 'c',
            .type = &opt_int,
            .arg = "N",
            AT(sandbox.cpu_shares),
            .help = "CPU weight of RUN, 1024 is the usual one" },
    TEXT("cpuset-cpus", "LIST", sandbox.cpuset_cpus, "CPUs that RUN may use, such as 0-3"),
    TEXT("cpuset-mems", "LIST", sandbox.cpuset_mems, "Memory nodes that RUN may use"),
    LIST("device", "HOST[:PATH[:rwm]]|CDI", sandbox.devices, "Give RUN access to a device"),
    { .name = "disable-content-trust",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(content_trust),
            .help = "Skip the check of signatures (default true)" },
    LIST("dns", "IP", sandbox.dns, "Name server of RUN"),
    LIST("dns-option", "OPTION", sandbox.dns_options, "Option of resolv.conf of RUN"),
    LIST("dns-search", "DOMAIN", sandbox.dns_search, "Search domain of RUN"),
    LIST("env", "KEY[=VALUE]", env, "Variable of the image, set behind each FROM"),
    { .name = "file",
            .letter = 'f',
            .type = &opt_string,
            .arg = "FILE",
            AT(file),
            .help = "The Dockerfile (default CONTEXT/Dockerfile), - for standard input" },
    LIST("group-add", "GROUP", sandbox.group_add, "Further group of RUN"),
    TEXT("ignorefile", "FILE", ignore_file, "In place of CONTEXT/.dockerignore"),
    TEXT("iidfile", "FILE", iidfile, "Write the image's id to a file"),
    { .name = "isolation",
            .type = &opt_string,
            .arg = "default",
            .flags = OPT_HIDDEN,
            AT(isolation),
            .help = "default, the only one on Linux" },
    LIST("label", "KEY=VALUE", labels, "Add a label to the image"),
    { .name = "load",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(without_effect),
            .help = "Images are always kept here" },
    { .name = "memory",
            .letter = 'm',
            .type = &opt_size,
            .arg = "SIZE",
            AT(sandbox.memory_bytes),
            .help = "Memory limit of RUN" },
    TEXT("memory-swap", "SIZE", sandbox.memory_swap,
            "Memory and swap of RUN together, -1 for no limit"),
    TEXT("metadata-file", "FILE", metadata_file,
            "Write the image's id and name to a file, as JSON"),
    TEXT("network", "NETWORK", network, "Network of RUN: default, none, host or a name"),
    { .name = "no-cache", .type = &opt_flag, AT(no_cache), .help = "Run every instruction again" },
    LIST("no-cache-filter", "STAGE", no_cache_stages, "Run the instructions of a stage again"),
    { .name = "no-hostname",
            .type = &opt_flag,
            AT(sandbox.no_hostname),
            .help = "RUN has the image's /etc/hostname" },
    { .name = "no-hosts",
            .type = &opt_flag,
            AT(sandbox.no_hosts),
            .help = "RUN has the image's /etc/hosts" },
    TEXT("os", "OS", platform.os, "Operating system of the image"),
    TEXT("platform", "OS/ARCH", platform.platform, "Platform of the image"),
    TEXT("progress", "TYPE", progress, "auto, plain, tty or quiet"),
    { .name = "provenance",
            .type = &opt_string,
            .arg = "false",
            .flags = OPT_HIDDEN,
            AT(provenance),
            .help = "Add no provenance attestation: there is none" },
    { .name = "push",
            .type = &opt_flag,
            AT(push),
            .help = "Send the image to the registries of its names" },
    { .name = "pull",
            .type = &opt_pull,
            .arg = "POLICY",
            AT(pull),
            .values = values_pull_image,
            .help = "Look for newer base images; or always, missing, never or newer" },
    { .name = "quiet",
            .letter = 'q',
            .type = &opt_flag,
            AT(quiet),
            .help = "Print only the image's id" },
    { .name = "sbom",
            .type = &opt_string,
            .arg = "false",
            .flags = OPT_HIDDEN,
            AT(sbom),
            .help = "Add no bill of materials: there is none" },
    LIST("secret", "id=NAME[,src=FILE|env=NAME]", secrets, "Secret for RUN --mount=type=secret"),
    LIST("security-opt", "OPTION", sandbox.security_opt, "As with run, for RUN"),
    { .name = "shm-size",
            .type = &opt_size,
            .arg = "SIZE",
            AT(sandbox.shm_size_bytes),
            .help = "Size of /dev/shm of RUN" },
    LIST("ssh", "default|ID[=SOCKET]", ssh, "SSH agent for RUN --mount=type=ssh"),
    { .name = "tag",
            .letter = 't',
            .type = &opt_list,
            .arg = "NAME[:TAG]",
            AT(tags),
            .help = "Name of the image" },
    TEXT("target", "STAGE", target, "Stage to build (default the last)"),
    LIST("ulimit", "NAME=SOFT[:HARD]", sandbox.ulimits, "Set a resource limit of RUN"),
    LIST("unsetenv", "KEY", unset_env, "Variable that the image loses at the end"),
    LIST("unsetlabel", "KEY", unset_labels, "Label that the image loses at the end"),
    TEXT("variant", "VARIANT", platform.variant, "Variant of the architecture"),
    { .name = "volume",
            .letter = 'v',
            .type = &opt_list,
            .arg = "SOURCE:PATH[:OPTIONS]",
            AT(sandbox.volumes),
            .help = "Mount for RUN; what is in it is no part of the image" },
    REGISTRY_ROWS(struct build_command_options, registry), WITHOUT_EFFECT("compress"),
    WITHOUT_EFFECT("force-rm"), WITHOUT_EFFECT("rm"), REFUSED("allow"), REFUSED("annotation"),
    REFUSED("attest"), REFUSED("cache-to"), REFUSED("call"), REFUSED("output"), REFUSED("squash"),
    OPT_END };
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
    struct stat st;
    int r;

    if (string_has_prefix(context, "http://") || string_has_prefix(context, "https://") ||
            string_has_prefix(context, "git@") || strcmp(context, "-") == 0)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "a build context from \"%s\" is not supported: a directory is needed", context);
    r = spec_absolute_path(&cli->arena, context, &build->context, err);
    if (r < 0)
        return r;
    if (stat(build->context, &st) < 0)
        return error_set(err, errno, NULL, "cannot use the build context \"%s\"", context);
    if (!S_ISDIR(st.st_mode))
        return error_set_plain(
                err, ENOTDIR, NULL, "the build context \"%s\" is not a directory", context);
    if (options->file && strcmp(options->file, "-") == 0) {
        auto_free char *text = NULL;
        size_t len;

        r = fs_read_fd(STDIN_FILENO, LIMIT_DOCKERFILE_BYTES, &text, &len, err);
        if (r < 0)
            return error_wrap(err, r, "cannot read the Dockerfile from standard input");
        build->inline_text = arena_strndup(&cli->arena, text, len);
        build->inline_name = "-";
    } else if (options->file) {
        r = spec_absolute_path(&cli->arena, options->file, &build->dockerfile, err);
        if (r < 0)
            return r;
    }
    return spec_absolute_path(&cli->arena, options->ignore_file, &build->ignore_file, err);
}

static int read_pull(const char *word, enum build_pull *ret, struct error **err)
{
    static const char *const names[] = {
        [BUILD_PULL_MISSING] = "missing",
        [BUILD_PULL_ALWAYS] = "always",
        [BUILD_PULL_NEWER] = "newer",
        [BUILD_PULL_NEVER] = "never",
    };
    int policy = parse_name(str_from(word), names, ARRAY_LEN(names));

    if (policy < 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid pull policy \"%s\": expected always, missing, never or newer", word);
    *ret = (enum build_pull)policy;
    return 0;
}

/* What is asked for and cannot be had, or needs a word. */
static int check_options(
        struct cli *cli, const struct build_command_options *options, struct error **err)
{
    if (!options->content_trust)
        return error_set_plain(
                err, EOPNOTSUPP, NULL, "--disable-content-trust=false is not supported");
    if (!string_is_empty(options->isolation) && strcmp(options->isolation, "default") != 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid isolation \"%s\" on linux, only \"default\" is supported",
                options->isolation);
    if (!string_is_empty(options->builder) && strcmp(options->builder, "default") != 0)
        return error_set_plain(err, EINVAL, NULL,
                "no builder \"%s\" found: there is only \"default\"", options->builder);
    if (options->provenance && strcmp(options->provenance, "false") != 0)
        return error_set_plain(
                err, EOPNOTSUPP, NULL, "--provenance %s is not supported", options->provenance);
    if (options->sbom && strcmp(options->sbom, "false") != 0)
        return error_set_plain(err, EOPNOTSUPP, NULL, "--sbom %s is not supported", options->sbom);
    if (options->push && options->tags.len == 0)
        return error_set_plain(err, EINVAL, NULL, "--push needs a name: --tag");
    if (options->cache_from.len)
        report_warning(cli, "--cache-from: only what was built here is taken from the cache");
    return 0;
}

/* The names of a list, for the builder; NULL without any. */
static const char *const *names_of(struct arena *arena, const struct strings *list)
{
    return (const char *const *)spec_vector(arena, list);
}

static int read_options(struct cli *cli, const struct build_command_options *options,
        struct container_config *sandbox, struct build_options *build, struct error **err)
{
    char *no_image[] = { (char *)(uintptr_t) "", NULL };
    int r = check_options(cli, options, err);

    if (r >= 0)
        r = platform_words_read(cli, &options->platform, &build->platform, err);
    if (r >= 0)
        r = read_pull(options->pull, &build->pull, err);
    if (r >= 0)
        r = run_config_fill(cli, &options->sandbox, 1, no_image, sandbox, err);
    build->sandbox = sandbox;
    build->env = to_pairs(&cli->arena, &options->env, true);
    build->env_count = options->env.len;
    build->unset_env = names_of(&cli->arena, &options->unset_env);
    build->unset_labels = names_of(&cli->arena, &options->unset_labels);
    return r;
}

/* What comes behind the build: files about the image, and its way to registries. */
static int finish(struct cli *cli, struct engine *engine,
        const struct build_command_options *options, const struct build_options *build,
        const char *id, struct error **err)
{
    auto_json json_t *metadata = NULL;
    int r = 0;

    if (options->iidfile)
        r = fs_replace_file(AT_FDCWD, options->iidfile, id, strlen(id), 0644, FS_NO_SYNC, err);
    if (r >= 0 && options->metadata_file) {
        const char *names = NULL;

        for (size_t i = 0; i < options->tags.len; i++) {
            auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;

            r = image_ref_parse(options->tags.items[i], &ref, err);
            if (r < 0)
                return r;
            auto_free char *name = image_ref_tagged(&ref);
            names = names ? arena_printf(&cli->arena, "%s,%s", names, name)
                          : arena_strdup(&cli->arena, name);
        }
        metadata = json_pack("{s:s, s:s, s:s}", "containerimage.config.digest", id,
                "containerimage.digest", id, "image.name", names ? names : "");
        r = jsonx_write_file(AT_FDCWD, options->metadata_file, metadata, 0644, false, err);
    }
    for (size_t i = 0; r >= 0 && options->push && i < options->tags.len; i++) {
        const struct image_wish wish = {
            .ref = options->tags.items[i], .access = build->access, .quiet = options->quiet
        };

        r = image_progress_push(cli, engine, &wish, err);
    }
    return r;
}

static int read_secrets(struct cli *cli, const struct build_command_options *options,
        struct build_options *build, struct error **err)
{
    struct arena *arena = &cli->arena;
    struct build_secret *secrets = ARENA_NEW_ARRAY(
            arena, options->secrets.len + 1, struct build_secret);
    struct build_pair *ssh = ARENA_NEW_ARRAY(arena, options->ssh.len + 1, struct build_pair);
    int r = 0;

    for (size_t i = 0; i < options->secrets.len && r >= 0; i++)
        r = build_read_secret(arena, options->secrets.items[i], &secrets[i], err);
    for (size_t i = 0; i < options->ssh.len && r >= 0; i++)
        r = build_read_ssh(arena, options->ssh.items[i], &ssh[i].name, &ssh[i].value, err);
    build->secrets = secrets;
    build->secret_count = options->secrets.len;
    build->ssh = ssh;
    build->ssh_count = options->ssh.len;
    return r;
}

static int run_build(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct build_command_options *options = data;
    auto_error struct error *err = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_(registry_said_release) struct registry_said said = { 0 };
    struct container_config sandbox;
    auto_free char *id = NULL;
    int status = cli_check_arguments(cli, &command_build, argc, 1, 1);

    if (status)
        return status;
    struct build_options build = {
        .target = options->target,
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
        .no_cache_stages = names_of(&cli->arena, &options->no_cache_stages),
        .check = options->check,
        .access = &said.access,
        .diag = &diag,
    };
    struct engine *engine = cli_engine(cli, &err);
    if (!engine || read_options(cli, options, &sandbox, &build, &err) < 0 ||
            registry_words_read(&options->registry, &said, &err) < 0 ||
            read_secrets(cli, options, &build, &err) < 0 ||
            read_places(cli, options, argv[0], &build, &err) < 0)
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
    if (options->check) {
        if (diag.len == 0)
            cli_print(cli, "Check complete, no mistakes found.\n");
        return 0;
    }
    cli_interrupt_begin(cli);
    r = finish(cli, engine, options, &build, id, &err);
    cli_interrupt_end(cli);
    if (r < 0 && atomic_load(&cli->interrupted))
        return EXIT_STATUS_SIGNAL + cli_interrupt_signal();
    if (r < 0)
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
