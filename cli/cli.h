/* What all commands share: how the program was called, where its state is, what the terminal can do.
 * This folder is the only place that prints and that reads the environment; below it everything comes
 * in through options structs and leaves as values, errors and findings.
 *
 * A command file defines `const struct command command_x` and nothing else that is visible; main.c
 * lists them. Its run function returns the exit status: 0, 1 for failures of berth, 125/126/127 and
 * 128+n for run and exec as `--help` says. Wrong options are 125 as well, but for compose. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/opts.h"

struct engine;
struct engine_options;
struct cli_visitor;
struct error;
struct json_t;

#define EXIT_STATUS_FAILURE 1
#define EXIT_STATUS_INTERRUPTED 130
#define EXIT_STATUS_ENGINE 125 /* run: berth itself failed; other commands: wrong options */
#define EXIT_STATUS_NOT_EXECUTABLE 126
#define EXIT_STATUS_NOT_FOUND 127
#define EXIT_STATUS_SIGNAL 128
#define EXIT_STATUS_NOT_STARTED 128 /* exec: the runtime would not begin */

/* Texts that commands build in memory before they print them. */
#define CLI_TEXT_MAX (64u << 20)

enum ansi_mode { ANSI_AUTO, ANSI_NEVER, ANSI_ALWAYS };

struct cli {
    struct arena arena;            /* lives as long as the process */
    const char *program;           /* "berth", or "berth compose" when called as docker-compose */
    const char *command;           /* "berth compose up": for help and errors */
    const struct command *running; /* the command itself: for cli_check_arguments */
    const char *root_dir, *run_dir, *libexec_dir;
    const char *config_dir; /* /etc/berth, or an ordinary user's ~/.config/berth */
    bool out_is_terminal, err_is_terminal;
    unsigned width; /* columns of the terminal, CLI_WIDTH_DEFAULT without one */
    bool colour_out, colour_err;
    bool json_errors;            /* report errors as JSON objects */
    int failure_status;          /* 1, or 125 for run */
    int usage_status;            /* of wrong options: 125, or 1 for compose */
    const void *compose_options; /* struct compose_options of `berth compose`; NULL: all defaults */
    struct engine *engine;       /* opened by cli_engine; the main thread's */
    const struct command *root;  /* of the program's commands */
    const struct cli_visitor *visitor; /* groups are looked at, not run; see visit.h */
    atomic_bool
            interrupted; /* set by the first SIGINT or SIGTERM while cli_interrupt_begin is on */
};

#define CLI_WIDTH_DEFAULT 80u

/* Values of options that several commands share, for completion. */
extern const char *const values_json[],
        *const values_text_json[], *const values_pretty_json[], *const values_pull[],
                                                                        *const values_restart[];

extern const char *const values_pull_image[]; /* Podman's newer, too */

/* A variable of the environment; NULL when it is unset. An empty one counts as unset unless `empty` is
 * what the caller looks for. */
const char *cli_env(const struct cli *cli, const char *name);
bool cli_env_flag(const struct cli *cli, const char *name); /* 1, true, yes, on */

/* The engine handle of the main thread; opened at the first call. NULL with *err set. */
struct engine *cli_engine(struct cli *cli, struct error **err);

/* The same without looking for containers whose monitor died (engine_reconcile): for the teardown. */
struct engine *cli_engine_plain(struct cli *cli, struct error **err);

/* How handles are opened, for threads that need their own. Lives in cli's arena. */
const struct engine_options *cli_engine_options(struct cli *cli);

/* Runs `command` with its words: parses options, prints help, goes down to subcommands. Exit status. */
int cli_dispatch(struct cli *cli, const struct command *command, int argc, char **argv);

/* Runs the subcommand that argv[0] names; without words prints the help of the group. */
int cli_run_subcommand(struct cli *cli, const struct command *group, int argc, char **argv);

/* Becomes `berth oci` with these words. Returns only the negative errno. */
int oci_execute(const char *libexec_dir, int argc, char **argv);

/* An error about arguments ("requires at least 1 argument"), in Docker's words with the usage line.
 * Returns the exit status. `max` < 0: no upper bound. 0 when the number is right. */
int cli_check_arguments(struct cli *cli, const struct command *command, int argc, int min, int max);

/* Colours and the like as asked for by --ansi, NO_COLOR and the terminals. */
void cli_set_ansi(struct cli *cli, enum ansi_mode mode);

/* While long work runs, the first SIGINT, SIGTERM or SIGHUP sets cli->interrupted (work then ends
 * cleanly), a second one ends the process at once with 128+n. Counted: nests. */
void cli_interrupt_begin(struct cli *cli);
void cli_interrupt_end(struct cli *cli);
int cli_interrupt_signal(void); /* the signal that came, or 0 */
int cli_interrupt_fd(void);     /* readable once cli->interrupted is set; never closed */
void cli_interrupt_reset(
        struct cli *cli); /* the first one was dealt with: the next is a first one again */

/* Prints to standard output; a write error (full disk, closed pipe) is kept and reported at the end by
 * cli_finish, which every normal way out goes through. */
void cli_print(struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
void cli_print_text(struct cli *cli, const char *text, size_t len);
void cli_print_json(struct cli *cli, const struct json_t *json, bool pretty); /* with a newline */
bool cli_output_is_lost(const struct cli *cli); /* a write failed: nobody reads, or no room */
int cli_finish(struct cli *cli, int status);    /* flushes; `status`, or 1 when output was lost */

/* Asks "… [y/N]" on the terminal; without one, or at its end, the answer is no. */
bool cli_confirm(struct cli *cli, const char *warning);
