/* The program berth-oci: global options, table of commands, where errors go. */
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fdio.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "cli/oci.h"
#include "cli/version.h"
#include "engine/runtime/protect.h"

#define PROGRAM_NAME "berth-oci"
#define COMMAND_NAME "berth oci"
#define DEFAULT_ROOT "/run/berth-oci"
#define LOG_LINE_MAX (64u << 10)
#define HELP_MAX (1u << 20)
#define HELP_WIDTH 80

/* In the order of --help. */
static const struct oci_command *const commands[] = {
    &oci_command_create,
    &oci_command_start,
    &oci_command_run,
    &oci_command_state,
    &oci_command_kill,
    &oci_command_delete,
    &oci_command_exec,
    &oci_command_list,
    &oci_command_ps,
    &oci_command_features,
    &oci_command_spec,
    &oci_command_events,
    &oci_command_update,
    &oci_command_pause,
    &oci_command_resume,
};

struct global_options {
    const char *root, *log, *log_format, *rootless, *cgroup_manager;
    bool debug, systemd_cgroup, version;
};

#define AT(member) .offset = offsetof(struct global_options, member)
static const struct opt global_opts[] = {
    { .name = "root",
            .type = &opt_string,
            .arg = "DIR",
            AT(root),
            .help = "Where the state of containers is (default " DEFAULT_ROOT
                    ", or $XDG_RUNTIME_DIR/berth-oci)" },
    { .name = "log",
            .type = &opt_string,
            .arg = "FILE",
            AT(log),
            .help = "Append errors to a file" },
    { .name = "log-format",
            .type = &opt_string,
            .arg = "FORMAT",
            AT(log_format),
            .help = "Form of what is logged: text or json (default text)" },
    { .name = "debug", .type = &opt_flag, AT(debug), .help = "Log what is being done" },
    { .name = "systemd-cgroup",
            .type = &opt_flag,
            AT(systemd_cgroup),
            .help = "Control groups are systemd's: cgroupsPath is SLICE:PREFIX:NAME" },
    { .name = "cgroup-manager",
            .type = &opt_string,
            .arg = "NAME",
            AT(cgroup_manager),
            .help = "cgroupfs or systemd: another word for --systemd-cgroup" },
    { .name = "rootless",
            .type = &opt_string,
            .arg = "WHEN",
            AT(rootless),
            .help = "Go without what needs root: true, false or auto (default auto)" },
    { .name = "version",
            .letter = 'v',
            .type = &opt_flag,
            AT(version),
            .help = "Print the version" },
    OPT_END
};
#undef AT

/* ---- errors ---- */

/* As the readers of runtimes' logs expect it: JSON of one line, or key="value" words. */
static void format_line(const char *level, const char *text, bool json, struct strbuf *line)
{
    char when[TIME_RFC3339_MAX];

    time_format_rfc3339(time_realtime_nsec(), when);
    json_t *message = jsonx_text(text);
    char *quoted = json_dumps(message, JSON_ENCODE_ANY);

    json_decref(message);
    if (!quoted)
        mem_exhausted();
    if (json)
        strbuf_addf(line, "{\"level\":\"%s\",\"msg\":%s,\"time\":\"%s\"}\n", level, quoted, when);
    else
        strbuf_addf(line, "time=\"%s\" level=%s msg=%s\n", when, level, quoted);
    free(quoted);
}

static int open_log(const struct oci_cli *cli)
{
    return !cli->log_path
                   ? -EBADF
                   : open(cli->log_path,
                             O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
                             0644);
}

static void tell(struct oci_cli *cli, const char *level, const char *text)
{
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(LOG_LINE_MAX);
    auto_close int fd = open_log(cli);

    format_line(level, text, cli->log_json, &line);
    if (fd >= 0)
        (void)fd_write_all(fd, line.data, line.len);
    fflush(stdout);
    if (fd >= 0 && strcmp(level, "error") == 0)
        fprintf(stderr, "%s\n", text);
    else if (fd >= 0)
        return;
    else
        (void)fd_write_all(STDERR_FILENO, line.data, line.len);
}

int oci_report(struct oci_cli *cli, const struct error *err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LOG_LINE_MAX / 2);

    error_format(err, &text);
    tell(cli, "error", text.data);
    return 1;
}

int oci_report_failure(struct oci_cli *cli, const char *format, ...)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LOG_LINE_MAX / 2);
    va_list args;

    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    tell(cli, "error", text.data);
    return 1;
}

static void warn(void *userdata, const struct error *warning)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LOG_LINE_MAX / 2);

    error_format(warning, &text);
    tell(userdata, "warning", text.data);
}

/* ---- commands ---- */

static void print_help(const struct command *command, const char *prefix)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(HELP_MAX);

    opts_help(command, prefix, HELP_WIDTH, &text);
    fputs(text.data, stdout);
}

static int check_arguments(struct oci_cli *cli, const struct oci_command *command, int argc)
{
    int min = command->min_arguments, max = command->max_arguments;

    if (argc >= min && (max < 0 || argc <= max))
        return 0;
    return oci_report_failure(cli, "\"%s\" requires %s %d argument(s)", command->base.name,
            min == max   ? "exactly"
            : argc < min ? "a minimum of"
                         : "a maximum of",
            argc < min || min == max ? min : max);
}

/* Before anything else is open, and only for what puts processes of ours into containers. */
static int protect(struct oci_cli *cli, const struct oci_command *command, char **argv)
{
    static char mark[] = PROTECT_MARK;

    if (!command->enters)
        return 0;
    bool again = getenv("BERTH_EXECUTED_AGAIN") != NULL;
    if (!again)
        putenv(mark);
    int r = protect_execute_again(argv, environ, again);
    if (r < 0)
        return oci_report_failure(cli, "cannot protect %s from the container", COMMAND_NAME);
    unsetenv("BERTH_EXECUTED_AGAIN");
    return 0;
}

static int run_command(struct oci_cli *cli, const struct oci_command *command, int argc,
        char **argv, char **program_argv)
{
    auto_error struct error *err = NULL;
    const char *prefix = arena_printf(&cli->arena, COMMAND_NAME " %s", command->base.name);
    size_t bytes = command->base.options_bytes ? command->base.options_bytes : 1;
    char *options = mem_zalloc(bytes);
    int used = 0, status = protect(cli, command, program_argv);

    if (command->base.defaults)
        memcpy(options, command->base.defaults, command->base.options_bytes);
    int r = status ? -EPERM : opts_parse(&command->base, argc, argv, options, &used, &err);
    if (r == 1)
        print_help(&command->base, prefix);
    else if (r < 0 && !status)
        status = oci_report(cli, err);
    else if (!status)
        status = check_arguments(cli, command, argc - used);
    if (r == 0 && !status) {
        if (cli->debug)
            tell(cli, "debug", arena_printf(&cli->arena, "%s: begins", command->base.name));
        status = command->run(cli, options, argc - used, argv + used);
        if (cli->debug)
            tell(cli, "debug",
                    arena_printf(
                            &cli->arena, "%s: ends with status %d", command->base.name, status));
    }
    if (r == 0)
        opts_release(&command->base, options);
    free(options);
    return status;
}

/* Where an unprivileged user's state is. */
static const char *default_root(struct oci_cli *cli)
{
    const char *runtime_dir = getenv("XDG_RUNTIME_DIR");

    if (cli->rootless && !string_is_empty(runtime_dir))
        return arena_printf(&cli->arena, "%s/berth-oci", runtime_dir);
    return DEFAULT_ROOT;
}

static int apply_globals(struct oci_cli *cli, const struct global_options *options)
{
    bool rootless = geteuid() != 0;

    cli->log_path = options->log;
    cli->debug = options->debug;
    /* Nobody would hear of what goes wrong later. */
    auto_close int log = open_log(cli);
    if (cli->log_path && log < 0) {
        auto_error struct error *err = NULL;

        error_set(&err, errno, NULL, "cannot open the log \"%s\"", cli->log_path);
        return oci_report(cli, err);
    }
    if (options->log_format && strcmp(options->log_format, "json") == 0)
        cli->log_json = true;
    else if (options->log_format && strcmp(options->log_format, "text") != 0)
        return oci_report_failure(cli, "invalid log-format: %s", options->log_format);
    if (options->rootless && strcmp(options->rootless, "auto") != 0 &&
            parse_bool(str_from(options->rootless), &rootless) < 0)
        return oci_report_failure(cli, "invalid value for --rootless: %s", options->rootless);
    cli->rootless = rootless;
    cli->root_is_given = options->root;
    cli->runtime.root_dir = options->root ? options->root : default_root(cli);
    if (cli->runtime.root_dir[0] != '/') {
        auto_free char *cwd = getcwd(NULL, 0);

        cli->runtime.root_dir = arena_printf(
                &cli->arena, "%s/%s", cwd ? cwd : "", cli->runtime.root_dir);
    }
    cli->runtime.systemd_cgroup = options->systemd_cgroup;
    if (options->cgroup_manager && strcmp(options->cgroup_manager, "systemd") == 0)
        cli->runtime.systemd_cgroup = true;
    else if (options->cgroup_manager && strcmp(options->cgroup_manager, "cgroupfs") != 0)
        return oci_report_failure(
                cli, "--cgroup-manager: %s is not supported", options->cgroup_manager);
    return 0;
}

static int run_root(struct oci_cli *cli, int argc, char **argv)
{
    auto_error struct error *err = NULL;
    struct command table[ARRAY_LEN(commands) + 1] = { 0 };
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        table[i] = commands[i]->base;
    struct command root = {
        .name = COMMAND_NAME,
        .usage = "[OPTIONS] COMMAND",
        .summary = "Runs containers by the OCI runtime specification",
        .opts = global_opts,
        .options_bytes = sizeof(struct global_options),
        .subcommands = table,
        .stop_at_first_argument = true,
    };
    struct global_options options = { 0 };
    int used = 0;
    int r = opts_parse(&root, argc - 1, argv + 1, &options, &used, &err);

    if (r < 0)
        return oci_report(cli, err);
    argc -= 1 + used;
    char **rest = argv + 1 + used;
    if (options.version) {
        printf("%s version %s\nspec: %s\n", PROGRAM_NAME, BERTH_VERSION, OCI_SPEC_VERSION);
        return 0;
    }
    if (r == 1 || argc == 0 || strcmp(rest[0], "help") == 0) {
        print_help(&root, COMMAND_NAME);
        return 0;
    }
    int status = apply_globals(cli, &options);
    for (size_t i = 0; i < ARRAY_LEN(commands) && status == 0; i++) {
        if (strcmp(commands[i]->base.name, rest[0]) == 0)
            return run_command(cli, commands[i], argc - 1, rest + 1, argv);
    }
    return status ? status : oci_report_failure(cli, "unknown command \"%s\"", rest[0]);
}

int main(int argc, char **argv)
{
    struct oci_cli cli = { .runtime = { .root_dir = DEFAULT_ROOT } };
    int status;

    fd_secure_stdio();
    prctl(PR_SET_NAME, PROGRAM_NAME, 0, 0, 0);
    cli.runtime.arena = &cli.arena;
    cli.runtime.warn = warn;
    cli.runtime.userdata = &cli;
    status = run_root(&cli, argc, argv);
    if (fflush(stdout) != 0 && status == 0)
        status = oci_report_failure(&cli, "cannot write to standard output");
    arena_release(&cli.arena);
    return status;
}
