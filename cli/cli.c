#include "cli/cli.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/commands.h"
#include "cli/report.h"
#include "cli/terminal.h"
#include "cli/visit.h"

const char *cli_env(const struct cli *cli, const char *name)
{
    const char *value = getenv(name);

    (void)cli;
    return value && *value ? value : NULL;
}

bool cli_env_flag(const struct cli *cli, const char *name)
{
    const char *value = cli_env(cli, name);
    bool flag = false;

    return value && parse_bool(str_from(value), &flag) == 0 && flag;
}

/* ------------------------------------------------------------------ output */

/* Set once output failed; the reason counts, not how often. */
static int output_error;

static volatile sig_atomic_t interrupt_signal; /* the last that was taken by the handler below */

void cli_print_text(struct cli *cli, const char *text, size_t len)
{
    (void)cli;
    if (fwrite(text, 1, len, stdout) != len && !output_error)
        output_error = errno ? errno : EIO;
}

void cli_print(struct cli *cli, const char *format, ...)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    va_list args;

    va_start(args, format);
    strbuf_vaddf(&text, format, args);
    va_end(args);
    cli_print_text(cli, text.data, text.len);
}

void cli_print_json(struct cli *cli, const json_t *json, bool pretty)
{
    /* Docker indents with four blanks and escapes nothing but what JSON asks for. */
    char *text = json_dumps(json, JSON_ENCODE_ANY | (pretty ? JSON_INDENT(4) : JSON_COMPACT));

    if (!text)
        mem_exhausted();
    cli_print_text(cli, text, strlen(text));
    cli_print_text(cli, "\n", 1);
    free(text);
}

/* A signal has ended a write that nobody took: the next would wait as long, and so would the end of the program. */
static void drop_what_was_interrupted(void)
{
    if (interrupt_signal && ferror(stdout)) {
        __fpurge(stdout);
        output_error = EPIPE;
    }
}

bool cli_output_is_lost(const struct cli *cli)
{
    (void)cli;
    drop_what_was_interrupted();
    if (!output_error && ferror(stdout))
        output_error = EPIPE;
    return output_error != 0;
}

int cli_finish(struct cli *cli, int status)
{
    drop_what_was_interrupted();
    if (fflush(stdout) != 0 && !output_error)
        output_error = errno;
    if (output_error == 0)
        return status;
    if (output_error != EPIPE) { /* the reader went away: `berth ps | head` */
        auto_error struct error *err = NULL;

        error_set(&err, output_error, NULL, "cannot write to standard output");
        report_error(cli, err);
    }
    output_error = 0;
    return status == 0 ? EXIT_STATUS_FAILURE : status;
}

void cli_set_ansi(struct cli *cli, enum ansi_mode mode)
{
    const char *term = cli_env(cli, "TERM");
    bool wanted = !cli_env(cli, "NO_COLOR") && !(term && strcmp(term, "dumb") == 0);

    cli->colour_out = mode == ANSI_ALWAYS || (mode == ANSI_AUTO && wanted && cli->out_is_terminal);
    cli->colour_err = mode == ANSI_ALWAYS || (mode == ANSI_AUTO && wanted && cli->err_is_terminal);
}

/* ------------------------------------------------------------------ interrupts */

/* What the handler may touch: the flag of the one struct cli of the process, and interrupt_signal. */
static atomic_bool *interrupt_flag;
static unsigned interrupt_depth;
static struct sigaction interrupt_saved[3];
static const int interrupt_signals[3] = { SIGINT, SIGTERM, SIGHUP };

static int interrupt_fd = -1; /* eventfd: readable while the flag is set */

static void on_interrupt(int signo)
{
    static const uint64_t one = 1;
    int saved = errno;

    if (atomic_load(interrupt_flag)) {
        terminal_restore();
        _exit(EXIT_STATUS_SIGNAL + signo);
    }
    interrupt_signal = signo;
    atomic_store(interrupt_flag, true);
    (void)!write(interrupt_fd, &one, sizeof(one));
    errno = saved;
}

void cli_interrupt_begin(struct cli *cli)
{
    if (interrupt_depth++ > 0)
        return;
    interrupt_flag = &cli->interrupted;
    cli_interrupt_fd();
    for (size_t i = 0; i < ARRAY_LEN(interrupt_signals); i++) {
        struct sigaction action = { .sa_handler = on_interrupt };

        sigaction(interrupt_signals[i], NULL, &interrupt_saved[i]);
        if (interrupt_saved[i].sa_handler != SIG_IGN) /* nohup stays nohup */
            sigaction(interrupt_signals[i], &action, NULL);
    }
}

void cli_interrupt_end(struct cli *cli)
{
    (void)cli;
    if (--interrupt_depth > 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(interrupt_signals); i++)
        sigaction(interrupt_signals[i], &interrupt_saved[i], NULL);
}

int cli_interrupt_fd(void)
{
    if (interrupt_fd < 0)
        interrupt_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return interrupt_fd;
}

void cli_interrupt_reset(struct cli *cli)
{
    uint64_t count;

    (void)!read(cli_interrupt_fd(), &count, sizeof(count));
    atomic_store(&cli->interrupted, false);
}

int cli_interrupt_signal(void)
{
    return interrupt_signal;
}

/* ------------------------------------------------------------------ dispatch */

static const char *usage_of(const struct command *command)
{
    return command->usage ? command->usage : "";
}

static void print_help(struct cli *cli, const struct command *command)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);

    opts_help(command, cli->command, cli->width, &text);
    cli_print_text(cli, text.data, text.len);
}

int cli_check_arguments(struct cli *cli, const struct command *command, int argc, int min, int max)
{
    if (argc >= min && (max < 0 || argc <= max))
        return 0;
    auto_error struct error *err = NULL;
    const char *relation = max < 0      ? "at least "
                           : min == max ? ""
                           : argc < min ? "at least "
                                        : "at most ";
    int wanted = argc < min ? min : max;

    if (max == 0)
        error_set_plain(&err, EINVAL, NULL, "\"%s\" accepts no arguments", cli->command);
    else
        error_set_plain(&err, EINVAL, NULL, "\"%s\" requires %s%d argument%s", cli->command,
                relation, wanted, wanted == 1 ? "" : "s");
    error_hint(&err, "usage: %s %s", cli->command, usage_of(command));
    report_error(cli, err);
    return cli->failure_status;
}

static int unknown_command(struct cli *cli, const struct command *group, const char *name)
{
    auto_error struct error *err = NULL;
    const char *nearest = opts_nearest_command(group->subcommands, name);

    error_set_plain(&err, EINVAL, NULL, "unknown command \"%s\" for \"%s\"", name, cli->command);
    if (nearest)
        error_hint(&err, "did you mean \"%s\"?", nearest);
    else
        error_hint(&err, "%s --help lists the commands", cli->command);
    report_error(cli, err);
    return EXIT_STATUS_FAILURE;
}

const char *const values_json[] = { "json", NULL };
const char *const values_text_json[] = { "text", "json", NULL };
const char *const values_pretty_json[] = { "pretty", "json", NULL };
const char *const values_pull[] = { "always", "missing", "never", NULL };
const char *const values_pull_image[] = { "always", "missing", "never", "newer", NULL };
const char *const values_restart[] = { "no", "always", "unless-stopped", "on-failure", NULL };

/* Who looks at groups instead of running them. */
struct cli_visitor {
    cli_visit_fn fn;
    void *userdata;
};

int cli_run_subcommand(struct cli *cli, const struct command *group, int argc, char **argv)
{
    const struct cli_visitor *visitor = cli->visitor;

    if (visitor) { /* what it calls may visit, or run, others */
        cli->visitor = NULL;
        visitor->fn(cli, group, visitor->userdata);
        return 0;
    }
    if (argc == 0) {
        print_help(cli, group);
        return 0;
    }
    const struct command *sub = opts_find_command(group->subcommands, argv[0]);

    if (!sub && strcmp(argv[0], "help") == 0) {
        if (argc == 1) {
            print_help(cli, group);
            return 0;
        }
        char *help[] = { argv[1], (char[]){ "--help" }, NULL };

        return cli_run_subcommand(cli, group, 2, help);
    }
    if (!sub)
        return unknown_command(cli, group, argv[0]);
    cli->command = arena_printf(&cli->arena, "%s %s", cli->command, sub->name);
    return cli_dispatch(cli, sub, argc - 1, argv + 1);
}

/* A group makes its table of subcommands when it runs; without words it then prints its help. */
static bool is_group(const struct command *command)
{
    return command->run && string_has_suffix(usage_of(command), "COMMAND");
}

bool cli_is_group(const struct command *command)
{
    return command->subcommands ||
           (is_group(command) && command->run != command_oci.run); /* a program of its own */
}

void cli_visit(struct cli *cli, const struct command *command, cli_visit_fn fn, void *userdata)
{
    const struct cli_visitor visitor = { .fn = fn, .userdata = userdata };
    const struct cli_visitor *before = cli->visitor;

    if (!cli_is_group(command))
        return;
    if (command->subcommands) {
        fn(cli, command, userdata);
        return;
    }
    char *options = mem_zalloc(command->options_bytes ? command->options_bytes : 1);

    if (command->defaults)
        memcpy(options, command->defaults, command->options_bytes);
    cli->visitor = &visitor;
    (void)command->run(cli, options, 0, NULL);
    cli->visitor = before;
    opts_release(command, options);
    free(options);
}

int cli_dispatch(struct cli *cli, const struct command *command, int argc, char **argv)
{
    auto_error struct error *err = NULL;
    size_t bytes = command->options_bytes ? command->options_bytes : 1;
    char *options = mem_zalloc(bytes);
    int used = 0, status;
    const struct command *outer = cli->running;

    if (command->defaults)
        memcpy(options, command->defaults, command->options_bytes);
    if (command->run == command_compose.run)
        cli->usage_status = EXIT_STATUS_FAILURE;
    cli->running = command;
    int r = opts_parse(command, argc, argv, options, &used, &err);
    if (r == 1 && is_group(command)) {
        status = command->run(cli, options, 0, NULL);
    } else if (r == 1) {
        print_help(cli, command);
        status = 0;
    } else if (r < 0) {
        if (err && !err->hint)
            error_hint(&err, "%s --help shows the options", cli->command);
        report_error(cli, err);
        status = cli->usage_status;
    } else if (command->run) {
        status = command->run(cli, options, argc - used, argv + used);
    } else {
        status = cli_run_subcommand(cli, command, argc - used, argv + used);
    }
    cli->running = outer;
    opts_release(command, options);
    free(options);
    return status;
}

bool cli_confirm(struct cli *cli, const char *warning)
{
    char line[64];

    fflush(stdout);
    fprintf(stderr, "%s Are you sure you want to continue? [y/N] ", warning);
    fflush(stderr);
    if (!fgets(line, sizeof(line), stdin)) {
        fputc('\n', stderr);
        return false;
    }
    (void)cli;
    return strcasecmp(line, "y\n") == 0 || strcasecmp(line, "yes\n") == 0;
}
