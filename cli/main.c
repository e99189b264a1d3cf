/* The program: what it was called as, what surrounds it, and the table of its commands. */
#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fdio.h"
#include "base/parse.h"
#include "base/path.h"
#include "cli/cli.h"
#include "cli/commands.h"
#include "cli/compose.h"
#include "cli/report.h"
#include "cli/version.h"
#include "engine/engine.h"

#define DEFAULT_ROOT_DIR "/var/lib/berth"
#define DEFAULT_CONFIG_DIR "/etc/berth"
#define DEFAULT_RUN_DIR "/run/berth"

/* In the order of --help. */
static const struct command *const commands[] = {
    &command_compose,
    &command_up,
    &command_down,
    &command_run,
    &command_exec,
    &command_ps,
    &command_logs,
    &command_create,
    &command_start,
    &command_stop,
    &command_restart,
    &command_kill,
    &command_rm,
    &command_wait,
    &command_attach,
    &command_pause,
    &command_unpause,
    &command_rename,
    &command_top,
    &command_stats,
    &command_update,
    &command_port,
    &command_cp,
    &command_diff,
    &command_commit,
    &command_events,
    &command_export,
    &command_inspect,
    &command_quadlet,
    &command_units,
    &command_build,
    &command_builder,
    &command_pull,
    &command_push,
    &command_login,
    &command_logout,
    &command_search,
    &command_images,
    &command_tag,
    &command_rmi,
    &command_load,
    &command_save,
    &command_history,
    &command_import,
    &command_image,
    &command_container,
    &command_kube,
    &command_play,
    &command_network,
    &command_pod,
    &command_secret,
    &command_volume,
    &command_system,
    &command_info,
    &command_doctor,
    &command_version,
    &command_oci,
    &command_internal,
    &command_complete,
    &command_completion,
    &command_manual,
};

struct global_options {
    bool version;
    const char *unsupported;
};

static const struct opt global_opts[] = { { .name = "version",
                                                  .letter = 'v',
                                                  .type = &opt_flag,
                                                  .offset = offsetof(
                                                          struct global_options, version),
                                                  .help = "Print the version" },
    { .name = "config",
            .type = &opt_string,
            .arg = "DIR",
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            .offset = offsetof(struct global_options, unsupported),
            .help = "Directory of client files" },
    { .name = "context",
            .letter = 'c',
            .type = &opt_string,
            .arg = "NAME",
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            .offset = offsetof(struct global_options, unsupported),
            .help = "Name of a context" },
    { .name = "host",
            .letter = 'H',
            .type = &opt_string,
            .arg = "ADDRESS",
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            .offset = offsetof(struct global_options, unsupported),
            .help = "Engine to connect to" },
    { .name = "tls",
            .type = &opt_string,
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            .offset = offsetof(struct global_options, unsupported),
            .help = "Use TLS" },
    { .name = "log-level",
            .letter = 'l',
            .type = &opt_string,
            .arg = "LEVEL",
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            .offset = offsetof(struct global_options, unsupported),
            .help = "Level of log messages" },
    OPT_END };

static int run_root(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct global_options *options = data;

    if (options->version) {
        cli_print(cli, "berth version %s\n", BERTH_VERSION);
        return 0;
    }
    struct command table[ARRAY_LEN(commands) + 1] = { 0 };
    struct compose_options compose;
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        table[i] = *commands[i];
        if (commands[i] == &command_up || commands[i] == &command_down)
            compose_shorthand(cli, &table[i], &compose);
    }
    struct command root = {
        .name = "berth",
        .usage = "COMMAND",
        .summary = "Runs containers and Compose projects without a daemon",
        .opts = global_opts,
        .options_bytes = sizeof(struct global_options),
        .subcommands = table,
        .stop_at_first_argument = true,
    };
    int status = cli_run_subcommand(cli, &root, argc, argv);
    cli->compose_options = NULL;
    return status;
}

static unsigned terminal_width(const struct cli *cli)
{
    struct winsize size;
    uint32_t columns;
    const char *text = cli_env(cli, "COLUMNS");

    if (text && parse_uint32(str_from(text), 1000, &columns) == 0 && columns >= 20)
        return columns;
    for (int fd = 2; fd >= 1; fd--)
        if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
            return size.ws_col;
    return CLI_WIDTH_DEFAULT;
}

/* BERTH_LIBEXEC_DIR, else beside the program ("../libexec/berth", installed or in the build tree), else
 * where the build was told to install it. */
static const char *find_libexec(struct cli *cli)
{
    const char *given = cli_env(cli, "BERTH_LIBEXEC_DIR");
    char self[PATH_MAX];

    if (given)
        return given;
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len > 0) {
        self[len] = '\0';
        const char *bin = path_parent(&cli->arena, self);
        const char *dir = path_join(&cli->arena, bin, "../libexec/berth");

        if (access(arena_printf(&cli->arena, "%s/berth-monitor", dir), X_OK) == 0)
            return dir;
    }
    return BERTH_LIBEXEC_DIR;
}

/* BERTH_CONFIG, else where the generator looks for what is enabled. */
static const char *find_config_dir(struct cli *cli)
{
    const char *given = cli_env(cli, "BERTH_CONFIG"), *config = cli_env(cli, "XDG_CONFIG_HOME");
    const char *home = cli_env(cli, "HOME");

    if (given)
        return given;
    if (geteuid() == 0)
        return DEFAULT_CONFIG_DIR;
    if (config && path_is_absolute(config))
        return path_join(&cli->arena, config, "berth");
    return path_join(&cli->arena, home ? home : "/", ".config/berth");
}

static void begin(struct cli *cli)
{
    const char *root = cli_env(cli, "BERTH_ROOT"), *run = cli_env(cli, "BERTH_RUN");

    fd_secure_stdio();
    signal(SIGPIPE,
            SIG_IGN); /* a closed pipe is an error of write(2), reported or not by cli_finish */
    cli->root_dir = root ? root : DEFAULT_ROOT_DIR;
    cli->run_dir = run ? run : DEFAULT_RUN_DIR;
    cli->libexec_dir = find_libexec(cli);
    cli->config_dir = find_config_dir(cli);
    cli->out_is_terminal = isatty(STDOUT_FILENO);
    cli->err_is_terminal = isatty(STDERR_FILENO);
    cli->width = terminal_width(cli);
    cli->failure_status = EXIT_STATUS_FAILURE;
    cli->usage_status = EXIT_STATUS_ENGINE;
    cli_set_ansi(cli, ANSI_AUTO);
}

int main(int argc, char **argv)
{
    static const struct command root = {
        .name = "berth",
        .usage = "COMMAND",
        .opts = global_opts,
        .options_bytes = sizeof(struct global_options),
        .run = run_root,
        .stop_at_first_argument = true,
    };
    struct cli cli = { 0 };
    const char *name = argc > 0 ? path_last(argv[0]) : "berth";
    int status;

    begin(&cli);
    cli.root = &root;
    /* Words that only `berth oci` knows may follow, and time counts. */
    if (argc >= 2 && strcmp(name, "berth") == 0 && strcmp(argv[1], "oci") == 0)
        oci_execute(cli.libexec_dir, argc - 2, argv + 2);
    if (strcmp(name, "docker-compose") == 0 || strcmp(name, "berth-compose") == 0) {
        cli.program = cli.command = name;
        status = cli_dispatch(&cli, &command_compose, argc - 1, argv + 1);
    } else {
        cli.program = cli.command = "berth";
        status = cli_dispatch(&cli, &root, argc - 1, argv + 1);
    }
    status = cli_finish(&cli, status);
    engine_close(cli.engine);
    arena_release(&cli.arena);
    return status;
}
