/* run and create: the image made present, the container made and, for run, started in the foreground or left in the
 * background. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/specs.h"
#include "cli/commands.h"
#include "cli/foreground.h"
#include "cli/image-progress.h"
#include "cli/pods.h"
#include "cli/registry-words.h"
#include "cli/report.h"
#include "engine/container/container.h"
#include "engine/container/pod.h"
#include "engine/image/image.h"
#include "cli/run-config.h"
#include "cli/run-options.h"

static int ensure_image(struct cli *cli, struct engine *engine, const struct run_options *o,
        const char *ref, struct error **err)
{
    auto_(registry_said_release) struct registry_said said = { 0 };
    struct image_wish wish = {
        .ref = ref, .policy = o->pull, .access = &said.access, .quiet = o->quiet
    };
    const struct platform_words platform = { o->platform, o->os, o->arch, o->variant };
    int r = platform_words_read(cli, &platform, &wish.platform, err);

    if (r >= 0)
        r = registry_words_read(&o->registry, &said, err);
    return r < 0 ? r : image_progress_pull(cli, engine, &wish, err);
}

static int write_cidfile(const char *path, const char *id, struct error **err)
{
    auto_close int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    if (fd < 0)
        return error_set(err, errno, NULL, "cannot create the container id file \"%s\"", path);
    if (write(fd, id, strlen(id)) != (ssize_t)strlen(id))
        return error_set(err, errno, NULL, "cannot write the container id file \"%s\"", path);
    return 0;
}

/* --init-ctr */
static int check_init(const struct run_options *o, struct error **err)
{
    if (!o->init_ctr)
        return 0;
    if (!o->pod && !o->pod_id_file)
        return error_set_plain(err, EINVAL, NULL, "must specify pod value with init-ctr");
    if (strcmp(o->init_ctr, POD_INIT_ONCE) != 0 && strcmp(o->init_ctr, POD_INIT_ALWAYS) != 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid value for --init-ctr: \"%s\" is neither always nor once", o->init_ctr);
    return 0;
}

/* What can have one value only. */
static int check_options(struct cli *cli, const struct run_options *o, struct error **err)
{
    if (o->kernel_memory_bytes)
        report_warning(cli, "--kernel-memory has no effect: kernels have no such limit any more");
    if (!o->disable_content_trust)
        return error_set_plain(
                err, EOPNOTSUPP, NULL, "--disable-content-trust=false is not supported");
    ARRAY_FOREACH(&o->storage_opts, option)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                string_has_prefix(*option, "size=")
                        ? "--storage-opt %s is not supported: containers have no limit of their size"
                        : "Unknown option %s",
                *option);
    if (o->isolation && *o->isolation && strcmp(o->isolation, "default") != 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid isolation \"%s\" on linux, only \"default\" is supported", o->isolation);
    return 0;
}

/* "${NAME}" and "$NAME" for the image's variables; "$$" is none of them. */
static const char *expand_env(struct arena *arena, const struct image *image, const char *text)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(CLI_TEXT_MAX);

    while (*text) {
        const char *name = text + 1;
        bool braced = *text == '$' && *name == '{';
        size_t len = 0;

        name += braced;
        while (*text == '$' && (name[len] == '_' || (name[len] >= 'a' && name[len] <= 'z') ||
                                       (name[len] >= 'A' && name[len] <= 'Z') ||
                                       (len > 0 && name[len] >= '0' && name[len] <= '9')))
            len++;
        if (len == 0 || (braced && name[len] != '}')) {
            strbuf_addc(&out, *text++);
            continue;
        }
        for (char **entry = image ? image->config.env : NULL; entry && *entry; entry++)
            if (strncmp(*entry, name, len) == 0 && (*entry)[len] == '=')
                strbuf_adds(&out, *entry + len + 1);
        text = name + len + braced;
    }
    return arena_strdup(arena, out.data);
}

/* --env-merge: stronger than the image's variables, weaker than the others that are given. */
static int merge_env(struct cli *cli, struct engine *engine, const struct run_options *o,
        const char *ref, struct container_config *config, struct error **err)
{
    auto_(image_free_p) struct image *image = NULL;
    struct strings env = { 0 };
    int r = o->rootfs ? 0 : image_require(engine, ref, &image, err);

    ARRAY_FOREACH(&o->env_merge, word) {
        if (r >= 0 && (!strchr(*word, '=') || **word == '='))
            r = error_set_plain(err, EINVAL, NULL,
                    "invalid value \"%s\" for --env-merge: expected KEY=VALUE", *word);
        *ARRAY_APPEND_ARENA(&cli->arena, &env) = (char *)(uintptr_t)expand_env(
                &cli->arena, image, *word);
    }
    for (char **entry = config->env; entry && *entry; entry++)
        *ARRAY_APPEND_ARENA(&cli->arena, &env) = *entry;
    config->env = spec_vector(&cli->arena, &env);
    return r;
}

/* --replace */
static int replace(struct engine *engine, const char *name, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container *old = NULL;

    if (!name)
        return error_set_plain(
                err, EINVAL, NULL, "cannot replace container without --name being set");
    int r = container_lookup(engine, &arena, name, &old, err);
    if (r < 0 || !old || strcmp(old->name, name) != 0)
        return r;
    return container_remove(
            engine, old->id, &(struct container_remove_options){ .force = true }, err);
}

/* Everything up to and including the creation; exit status. */
static int create(struct cli *cli, const struct run_options *given, int argc, char **argv,
        char id[static CONTAINER_ID_HEX + 1])
{
    struct run_options own = *given, *o = &own;
    auto_error struct error *err = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct container_config config;
    struct engine *engine = NULL;
    int r = check_options(cli, o, &err);
    if (r >= 0)
        r = check_init(o, &err);

    if (r >= 0 && (o->pod || o->pod_id_file) && !(engine = cli_engine(cli, &err)))
        r = -EPERM;
    if (r >= 0 && engine)
        r = pods_for_run(cli, engine, o, &o->pod, &err);
    if (r >= 0)
        r = run_config_fill(cli, o, argc, argv, &config, &err);
    int failure_status = r < 0 ? cli->usage_status : cli->failure_status;

    if (r >= 0 && o->cidfile && access(o->cidfile, F_OK) == 0)
        r = error_set_plain(&err, EEXIST, NULL,
                "container ID file found, make sure the other container isn't "
                "running or delete %s",
                o->cidfile);
    if (r >= 0 && !(engine = cli_engine(cli, &err)))
        r = -EPERM;
    cli_interrupt_begin(cli);
    if (r >= 0 && !o->rootfs)
        r = ensure_image(cli, engine, o, argv[0], &err);
    if (r >= 0 && o->env_merge.len)
        r = merge_env(cli, engine, o, argv[0], &config, &err);
    if (r >= 0 && o->replace)
        r = replace(engine, o->name, &err);
    if (r >= 0)
        r = container_create(engine, &config, id, &diag, &err);
    cli_interrupt_end(cli);
    report_diag(cli, &diag);
    if (r < 0 && atomic_load(&cli->interrupted))
        return EXIT_STATUS_SIGNAL + cli_interrupt_signal();
    if (r < 0) {
        report_error(cli, err);
        return failure_status;
    }
    if (o->cidfile && write_cidfile(o->cidfile, id, &err) < 0) {
        container_remove(engine, id, &(struct container_remove_options){ .volumes = true }, NULL);
        return report_error(cli, err);
    }
    return 0;
}

static int run_create(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct run_options *o = data;
    char id[CONTAINER_ID_HEX + 1];

    if (o->remove_image)
        return report_failure(cli, "--rmi is not supported by create");
    int status = cli_check_arguments(cli, &command_create, argc, 1, -1);
    if (status == 0)
        status = create(cli, data, argc, argv, id);
    if (status == 0)
        cli_print(cli, "%s\n", id);
    return status;
}

static int start_detached(struct cli *cli, const char *id, bool auto_remove)
{
    auto_error struct error *err = NULL;
    struct engine *engine = cli_engine(cli, &err);

    if (!engine)
        return report_error(cli, err);
    if (container_start(engine, id, &(struct container_start_options){ 0 }, &err) < 0) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        struct container *container = NULL;
        int status = foreground_start_status(cli, err);

        report_error(cli, err);
        if (container_lookup(engine, &arena, id, &container, NULL) == 0 && container) {
            int code = container->state.exit_code;

            if (code == EXIT_STATUS_NOT_EXECUTABLE || code == EXIT_STATUS_NOT_FOUND)
                status = code;
            if (auto_remove)
                container_remove(engine, id,
                        &(struct container_remove_options){ .force = true, .volumes = true }, NULL);
        }
        return status;
    }
    cli_print(cli, "%s\n", id);
    return 0;
}

/* -a: which streams; -it without -a is all. */
static int attached_streams(
        const struct run_options *o, struct foreground_options *ret, struct error **err)
{
    *ret = (struct foreground_options){
        .interactive = o->interactive,
        .signal_proxy = o->sig_proxy,
        .detach_keys = o->detach_keys,
    };
    if (o->attach.len == 0)
        return 0;
    ret->no_stdout = ret->no_stderr = true;
    ret->interactive = false;
    for (size_t i = 0; i < o->attach.len; i++) {
        if (strcasecmp(o->attach.items[i], "stdin") == 0)
            ret->interactive = true;
        else if (strcasecmp(o->attach.items[i], "stdout") == 0)
            ret->no_stdout = false;
        else if (strcasecmp(o->attach.items[i], "stderr") == 0)
            ret->no_stderr = false;
        else
            return error_set_plain(err, EINVAL, NULL,
                    "valid streams are STDIN, STDOUT and STDERR, not \"%s\"", o->attach.items[i]);
    }
    return 0;
}

/* --rmi: one that others use stays. */
static void remove_image(struct cli *cli, const char *name)
{
    static const struct image_remove_options options = { 0 };
    auto_(image_removal_release) struct image_removal removal = { 0 };
    struct engine *engine = cli_engine(cli, NULL);

    if (engine)
        (void)image_remove(engine, name, &options, &removal, NULL);
}

static int run_run(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct run_options *o = data;
    auto_error struct error *err = NULL;
    struct foreground_options foreground;
    char id[CONTAINER_ID_HEX + 1];

    int status = cli_check_arguments(cli, &command_run, argc, 1, -1);
    if (status)
        return status;
    cli->failure_status =
            EXIT_STATUS_ENGINE; /* as Docker tells its own failure from the process's */
    if (o->detach && o->attach.len)
        return report_failure(
                cli, "conflicting options: cannot specify both --attach and --detach");
    if (attached_streams(o, &foreground, &err) < 0)
        return report_error(cli, err);
    if (!o->detach && o->tty && o->interactive && !isatty(STDIN_FILENO)) {
        report_failure(cli, "the input device is not a TTY");
        return EXIT_STATUS_FAILURE;
    }
    if (o->remove_image && o->detach)
        return report_failure(cli, "--rmi is not supported together with --detach");
    if (o->init_ctr)
        return report_failure(cli, "--init-ctr is an option of create");
    status = create(cli, o, argc, argv, id);
    if (status)
        return status;
    if (o->remove_image) {
        status = foreground_start(cli, id, &foreground);
        remove_image(cli, argv[0]);
        return status;
    }
    return o->detach ? start_detached(cli, id, o->auto_remove)
                     : foreground_start(cli, id, &foreground);
}

const struct command command_create = {
    .name = "create",
    .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create a container without starting it",
    .opts = run_option_rows + RUN_ONLY_OPTIONS,
    .options_bytes = sizeof(struct run_options),
    .defaults = &run_option_defaults,
    .run = run_create,
    .stop_at_first_argument = true,
};

const struct command command_run = {
    .name = "run",
    .usage = "[OPTIONS] IMAGE [COMMAND] [ARG...]",
    .summary = "Create and start a container",
    .details =
            "The exit status is that of the process; 125 when berth failed, 126 when the command "
            "cannot be executed, 127 when it is not found, 128+N when signal N killed it.",
    .opts = run_option_rows,
    .options_bytes = sizeof(struct run_options),
    .defaults = &run_option_defaults,
    .run = run_run,
    .stop_at_first_argument = true,
};
