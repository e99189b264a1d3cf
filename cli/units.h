/* Units and quadlets as files that might be written: what `berth units` and `compose convert` show. Made from a Compose
 * project, from a directory of quadlets, or from a project as it is enabled. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "quadlet/emit.h"

struct cli;
struct compose;
struct diag;
struct error;
struct json_t;
struct strbuf;

enum units_format {
    UNITS_SYSTEMD,  /* unit files */
    UNITS_QUADLET,  /* a quadlet file for each */
    UNITS_QUADLETS, /* all of them in one file, as `podman quadlet install` takes it */
    UNITS_FORMAT_MAX_,
};
extern const char *const units_format_names[]; /* NULL-terminated, for options */

struct units_options {
    enum units_format format;
    enum quadlet_engine engine;
    bool is_user;
    const char *podman_version; /* NULL: the newest */
    struct json_t *report; /* an array that gets what became of each attribute; NULL: nobody asks */
    bool *ret_dropped;     /* something of the project is not in the units; NULL: nobody asks */
};

/* The options as words; NULL: not given. Exit status. */
int units_parse_options(struct cli *cli, const char *format, const char *engine,
        const char *podman_version, struct units_options *ret);

struct units_file {
    const char *name, *text;
    struct quadlet_links links;
};
struct units_files {
    struct units_file *items;
    size_t len, cap;
};

/* Each gives the files, in cli's arena, and 0, or the exit status after reporting. */
int units_of_compose(
        struct compose *compose, const struct units_options *options, struct units_files *ret);
int units_of_enabled(struct cli *cli, const char *name, const struct units_options *options,
        struct units_files *ret);
/* Those that can be made, also when another one of the directory cannot. */
int units_of_directory(struct cli *cli, const char *path, const struct units_options *options,
        struct units_files *ret);

/* To standard output, with a line "---NAME---" before each where there are several. */
void units_print(struct cli *cli, const struct units_files *files);

/* Into the directory, which is made; what is there of these names is replaced. */
int units_write(struct cli *cli, const struct units_files *files, const char *directory);

/* How files of these names in the directory differ; *ret_differ: they do. */
int units_diff(
        struct cli *cli, const struct units_files *files, const char *directory, bool *ret_differ);

/* Lets systemd-analyze look at them, if it is there. */
int units_verify(struct cli *cli, const struct units_files *files, bool is_user);
