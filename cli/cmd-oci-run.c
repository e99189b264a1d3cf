/* create, run and start. */
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/oci.h"

struct create_options {
    const char *bundle, *config, *console_socket, *pid_file, *pidfd_socket;
    int64_t preserve_fds;
    bool no_pivot, no_new_keyring, detach, keep, no_subreaper;
};
static const struct create_options create_defaults = { .bundle = "." };

#define AT(member) .offset = offsetof(struct create_options, member)
#define CREATE_OPTS                                                                   \
    { .name = "bundle",                                                               \
        .letter = 'b',                                                                \
        .type = &opt_string,                                                          \
        .arg = "DIR",                                                                 \
        AT(bundle),                                                                   \
        .help = "Directory with config.json (default: the current one)" },            \
            { .name = "config",                                                       \
                .letter = 'f',                                                        \
                .type = &opt_string,                                                  \
                .arg = "FILE",                                                        \
                AT(config),                                                           \
                .help = "Configuration, from the bundle on (default config.json)" },  \
            { .name = "console-socket",                                               \
                .type = &opt_string,                                                  \
                .arg = "PATH",                                                        \
                AT(console_socket),                                                   \
                .help = "Socket that gets the master of the container's terminal" },  \
            { .name = "pid-file",                                                     \
                .type = &opt_string,                                                  \
                .arg = "FILE",                                                        \
                AT(pid_file),                                                         \
                .help = "Write the pid of the container's first process to a file" }, \
            { .name = "pidfd-socket",                                                 \
                .type = &opt_string,                                                  \
                .arg = "PATH",                                                        \
                AT(pidfd_socket),                                                     \
                .help = "Socket that gets a pidfd of the process" },                  \
            { .name = "no-pivot",                                                     \
                .type = &opt_flag,                                                    \
                AT(no_pivot),                                                         \
                .help = "Do not use pivot_root, which a ramfs does not allow" },      \
            { .name = "no-new-keyring",                                               \
                .type = &opt_flag,                                                    \
                AT(no_new_keyring),                                                   \
                .help = "Keep the session keyring of the caller" },                   \
    {                                                                                 \
        .name = "preserve-fds", .type = &opt_int, .arg = "N", AT(preserve_fds),       \
        .help = "Pass N further descriptors, from 3 on"                               \
    }

static const struct opt create_opts[] = { CREATE_OPTS, OPT_END };
static const struct opt run_opts[] = { CREATE_OPTS,
    { .name = "detach",
            .letter = 'd',
            .type = &opt_flag,
            AT(detach),
            .help = "Return as soon as the container runs" },
    { .name = "keep",
            .type = &opt_flag,
            AT(keep),
            .help = "Do not delete the container after it has ended" },
    { .name = "no-subreaper",
            .type = &opt_flag,
            AT(no_subreaper),
            .help = "Do not become the parent of orphaned processes of the container" },
    OPT_END };
#undef AT

static int create(struct oci_cli *cli, const struct create_options *o, const char *id, bool run,
        struct container_process *process)
{
    auto_error struct error *err = NULL;
    struct oci_create_options options = {
        .id = id,
        .bundle = o->bundle,
        .config = o->config,
        .pid_file = o->pid_file,
        .console_socket = o->console_socket,
        .pidfd_socket = o->pidfd_socket,
        .plain_terminal = !isatty(STDOUT_FILENO),
        .no_pivot = o->no_pivot,
        .no_new_keyring = o->no_new_keyring,
        .run = run,
        .detach = o->detach,
    };
    int exit_code, preserved;
    char **env;

    preserved = oci_count_preserved(&cli->arena, o->preserve_fds, &env, &err);

    if (preserved < 0)
        return oci_report(cli, err);
    options.preserved_fds = (unsigned)preserved;
    options.env = env;
    return oci_create(&cli->runtime, &options, process, &exit_code, &err) < 0 ? oci_report(cli, err)
                                                                              : 0;
}

static int run_create(struct oci_cli *cli, const void *options, int argc, char **argv)
{
    struct container_process process;

    (void)argc;
    return create(cli, options, argv[0], false, &process);
}

const struct oci_command oci_command_create = {
    .base = { .name = "create",
            .usage = "[OPTIONS] CONTAINER",
            .summary = "Create a container; its program waits for start",
            .opts = create_opts,
            .options_bytes = sizeof(struct create_options),
            .defaults = &create_defaults },
    .run = run_create,
    .min_arguments = 1,
    .max_arguments = 1,
    .enters = true,
};

static int run_run(struct oci_cli *cli, const void *data, int argc, char **argv)
{
    const struct create_options *options = data;
    auto_error struct error *err = NULL;
    struct container_process process;

    (void)argc;
    if (!options->detach && !options->no_subreaper)
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    int status = create(cli, options, argv[0], true, &process);
    if (status)
        return status;
    if (options->detach) {
        container_process_release(&process);
        return 0;
    }
    status = oci_stay(&process);
    if (!options->keep && oci_delete(&cli->runtime, argv[0], true, &err) < 0)
        oci_report(cli, err);
    return status;
}

const struct oci_command oci_command_run = {
    .base = { .name = "run",
            .usage = "[OPTIONS] CONTAINER",
            .summary = "Create a container and start it",
            .details = "The exit status is that of the container's program, 128+N when signal N "
                       "killed it, or 1 when the container could not be started.",
            .opts = run_opts,
            .options_bytes = sizeof(struct create_options),
            .defaults = &create_defaults },
    .run = run_run,
    .min_arguments = 1,
    .max_arguments = 1,
    .enters = true,
};

static int run_start(struct oci_cli *cli, const void *options, int argc, char **argv)
{
    auto_error struct error *err = NULL;

    (void)options;
    (void)argc;
    return oci_start(&cli->runtime, argv[0], &err) < 0 ? oci_report(cli, err) : 0;
}

const struct oci_command oci_command_start = {
    .base = { .name = "start",
            .usage = "CONTAINER",
            .summary = "Start the program of a created container" },
    .run = run_start,
    .min_arguments = 1,
    .max_arguments = 1,
};
