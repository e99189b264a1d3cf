/* exec. */
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json/json.h"
#include "cli/oci.h"

#define EXIT_STATUS_EXEC_FAILED 255

struct exec_options {
    const char *console_socket, *cwd, *user, *process, *pid_file, *pidfd_socket, *process_label,
            *apparmor;
    struct strings env, gids, caps, cgroups;
    int64_t preserve_fds;
    bool tty, detach, no_new_privs, ignore_paused;
};

#define AT(member) .offset = offsetof(struct exec_options, member)
static const struct opt exec_opts[] = { { .name = "additional-gids",
                                                .letter = 'g',
                                                .type = &opt_list,
                                                .arg = "GID",
                                                AT(gids),
                                                .help = "Add a supplementary group" },
    { .name = "apparmor",
            .type = &opt_string,
            .arg = "PROFILE",
            AT(apparmor),
            .help = "AppArmor profile of the process" },
    { .name = "cap",
            .letter = 'c',
            .type = &opt_list,
            .arg = "CAPABILITY",
            AT(caps),
            .help = "Add a capability to the sets of the process" },
    { .name = "cgroup",
            .type = &opt_list,
            .arg = "PATH",
            AT(cgroups),
            .help = "Start in a control group below the container's" },
    { .name = "console-socket",
            .type = &opt_string,
            .arg = "PATH",
            AT(console_socket),
            .help = "Socket that gets the master of the process's terminal" },
    { .name = "cwd", .type = &opt_string, .arg = "DIR", AT(cwd), .help = "Working directory" },
    { .name = "detach",
            .letter = 'd',
            .type = &opt_flag,
            AT(detach),
            .help = "Return as soon as the process runs" },
    { .name = "env",
            .letter = 'e',
            .type = &opt_list,
            .arg = "NAME=VALUE",
            AT(env),
            .help = "Set an environment variable" },
    { .name = "ignore-paused",
            .type = &opt_flag,
            AT(ignore_paused),
            .help = "Start the process even in a paused container" },
    { .name = "no-new-privs",
            .type = &opt_flag,
            AT(no_new_privs),
            .help = "Programs of the process cannot gain privileges" },
    { .name = "pid-file",
            .type = &opt_string,
            .arg = "FILE",
            AT(pid_file),
            .help = "Write the pid of the process to a file" },
    { .name = "pidfd-socket",
            .type = &opt_string,
            .arg = "PATH",
            AT(pidfd_socket),
            .help = "Socket that gets a pidfd of the process" },
    { .name = "preserve-fds",
            .type = &opt_int,
            .arg = "N",
            AT(preserve_fds),
            .help = "Pass N further descriptors, from 3 on" },
    { .name = "process",
            .letter = 'p',
            .type = &opt_string,
            .arg = "FILE",
            AT(process),
            .help = "JSON of the whole process, as in config.json" },
    { .name = "process-label",
            .type = &opt_string,
            .arg = "LABEL",
            AT(process_label),
            .help = "SELinux label of the process" },
    { .name = "tty", .letter = 't', .type = &opt_flag, AT(tty), .help = "Allocate a terminal" },
    { .name = "user",
            .letter = 'u',
            .type = &opt_string,
            .arg = "UID[:GID]",
            AT(user),
            .help = "User and group, as numbers" },
    OPT_END };
#undef AT

static int run_exec(struct oci_cli *cli, const void *data, int argc, char **argv)
{
    const struct exec_options *o = data;
    auto_error struct error *err = NULL;
    auto_json json_t *process_json = NULL;
    struct container_process process;
    int exit_code = EXIT_STATUS_EXEC_FAILED;
    struct strings env = { 0 };
    struct oci_exec_options options = {
        .id = argv[0],
        .args = argv + 1,
        .cwd = o->cwd,
        .user = o->user,
        .capabilities = oci_vector(&cli->arena, &o->caps),
        .additional_gids = oci_vector(&cli->arena, &o->gids),
        .apparmor_profile = o->apparmor,
        .process_label = o->process_label,
        .terminal = o->tty,
        .no_new_privileges = o->no_new_privs,
        .cgroups = oci_vector(&cli->arena, &o->cgroups),
        .pid_file = o->pid_file,
        .pidfd_socket = o->pidfd_socket,
        .plain_terminal = !isatty(STDOUT_FILENO),
        .console_socket = o->console_socket,
        .detach = o->detach,
        .ignore_paused = o->ignore_paused,
    };

    if (!o->process && argc < 2) {
        oci_report_failure(cli, "exec args cannot be empty");
        return EXIT_STATUS_EXEC_FAILED;
    }
    char **listen_env = NULL;

    for (size_t i = 0; i < o->env.len; i++)
        *ARRAY_APPEND_ARENA(&cli->arena, &env) = o->env.items[i];
    int r = oci_count_preserved(&cli->arena, o->preserve_fds, &listen_env, &err);
    for (; r >= 0 && listen_env && *listen_env; listen_env++)
        *ARRAY_APPEND_ARENA(&cli->arena, &env) = *listen_env;
    options.env = oci_vector(&cli->arena, &env);
    options.preserved_fds = r > 0 ? (unsigned)r : 0;
    if (r >= 0 && o->process)
        r = oci_read_json(o->process, &process_json, &err);
    options.process = process_json;
    if (r >= 0)
        r = oci_exec(&cli->runtime, &options, &process, &exit_code, &err);
    if (r < 0) {
        error_wrap(&err, r, "exec failed");
        oci_report(cli, err);
        return EXIT_STATUS_EXEC_FAILED;
    }
    if (!options.detach)
        return oci_stay(&process);
    container_process_release(&process);
    return 0;
}

const struct oci_command oci_command_exec = {
    .base = { .name = "exec",
            .usage = "[OPTIONS] CONTAINER COMMAND [ARG...]",
            .summary = "Start a further process in a running container",
            .details = "The exit status is that of the process, 128+N when signal N killed it, or "
                       "255 when it could not be started.",
            .opts = exec_opts,
            .options_bytes = sizeof(struct exec_options),
            .stop_at_first_argument = true },
    .run = run_exec,
    .min_arguments = 1,
    .max_arguments = -1,
    .enters = true,
};
