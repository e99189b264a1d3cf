/* Commands and their options as tables. One row drives parsing, --help, completion and the manual
 * page; nothing repeats it elsewhere.
 *
 *     struct stop_options { int64_t timeout_sec; bool timeout_set; };
 *     static const struct opt stop_opts[] = {
 *         { .name = "timeout", .letter = 't', .type = &opt_seconds, .arg = "SECONDS",
 *           .offset = offsetof(struct stop_options, timeout_sec),
 *           .help = "Time until a stopping container is killed" },
 *         OPT_END
 *     };
 *
 * Long options take "--name value" and "--name=value", flags "--name" and "--name=false"; letters may be joined
 * ("-it"), values may stick to them ("-n5"). "--" ends options. An unknown option is an error with the
 * nearest name as its hint. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"

struct arena;
struct error;
struct strbuf;

/* A type of value: parses text into the struct member at `target`. */
struct opt_type {
    const char *name; /* "string", "list", "int", as help and completion show it */
    bool is_flag;     /* no value needed */
    bool is_repeatable;
    /* 0, or -EINVAL with the reason */
    int (*parse)(void *target, const char *value, struct error **err);
};

extern const struct opt_type opt_flag;   /* bool */
extern const struct opt_type opt_string; /* const char *, borrowed from argv */
extern const struct opt_type
        opt_list; /* struct strings, items borrowed from argv, array on the heap */
extern const struct opt_type opt_int;      /* int64_t */
extern const struct opt_type opt_seconds;  /* int64_t, -1 for ever */
extern const struct opt_type opt_size;     /* uint64_t bytes */
extern const struct opt_type opt_duration; /* int64_t usec */
extern const struct opt_type opt_tristate; /* int: OPT_UNSET, 0 or 1 */
#define OPT_UNSET (-1)

struct opt {
    const char *name; /* without dashes */
    char letter;      /* 0: none */
    const struct opt_type *type;
    const char *arg;   /* word for the value in help */
    size_t offset;     /* into the options struct */
    size_t set_offset; /* of a bool that tells that the option was given; OPT_NO_SET for none */
    const char *help;
    unsigned flags;
    const char *const
            *values; /* the words that it takes, for completion; NULL-terminated, or NULL */
};
#define OPT_HIDDEN 1u
#define OPT_UNSUPPORTED 2u /* known, refused with "not supported" and exit status 1 (or 125) */
#define OPT_NO_SET 0       /* offset 0 never is a bool of that kind: put values first */
#define OPT_END \
    {           \
        0       \
    }

struct cli; /* what commands share; the CLI defines it */

struct command {
    const char *name;
    const char *const *aliases; /* NULL-terminated, or NULL */
    const char *usage;          /* arguments: "[OPTIONS] [SERVICE...]" */
    const char *summary;        /* one line */
    const char *details;        /* paragraph below it in the help of the command; NULL: none */
    const struct opt *opts;     /* ends with OPT_END; NULL: none */
    size_t options_bytes;       /* size of the options struct */
    const void *defaults;       /* initial value of the struct; NULL: zero */
    int (*run)(struct cli *cli, const void *options, int argc, char **argv); /* exit status */
    const struct command *subcommands; /* ends with a row without name; NULL: none */
    bool stop_at_first_argument;       /* `run IMAGE ARG -x`: options end at the first argument */
    bool hidden;
    /* Options of the group that its commands take too, into the group's own struct. A command's own option of
     * the same name is stronger. Lists are freed with the group's. */
    const struct opt *common_opts; /* ends with OPT_END; NULL: none */
    void *common_options;
};

/* Parses argv[0..argc) (without the program's or command's name) into `options`, which first gets the
 * command's defaults. *ret_args gets the number of words that options took, so that argv + *ret_args
 * are the arguments. Options may stand between arguments (argv is then reordered), unless the command
 * has subcommands or stop_at_first_argument. Returns 1 when --help (or -h, where it is no option of the
 * command) was asked for, -EINVAL with the reason, -EOPNOTSUPP for an option of OPT_UNSUPPORTED. After a
 * failure there is nothing to release. */
int opts_parse(const struct command *command, int argc, char **argv, void *options, int *ret_args,
        struct error **err);

/* The words ("--scale=web=3") that parse to the options again, without those that are as by default. Live in `arena`. */
struct strings opts_unparse(
        const struct command *command, const void *options, struct arena *arena);

/* Help text of a command, in columns of `width` characters; `prefix` is "berth compose". */
void opts_help(
        const struct command *command, const char *prefix, unsigned width, struct strbuf *out);

/* The command of that name or alias, or NULL; opts_nearest_command for "did you mean". */
const struct command *opts_find_command(const struct command *table, const char *name);
const char *opts_nearest_command(const struct command *table, const char *name);

/* Frees what the lists of an options struct hold. */
void opts_release(const struct command *command, void *options);
