/* A container or an exec'd process in the foreground: terminal in raw mode and back on every way out,
 * standard streams, signals, exit status. */
#pragma once

#include <stdbool.h>

struct cli;
struct container_exec_options;
struct error;

struct foreground_options {
    bool interactive; /* standard input is passed on */
    bool no_stdout, no_stderr;
    bool signal_proxy; /* signals to this command go to the process */
    const char *detach_keys;
};

/* Each returns the exit status of the process (or of berth's own failure, which it has reported): */
int foreground_start(
        struct cli *cli, const char *container, const struct foreground_options *options);
int foreground_attach(
        struct cli *cli, const char *container, const struct foreground_options *options);
int foreground_exec(struct cli *cli, const char *container, struct container_exec_options *exec);

/* 126 or 127 by what a failed start says of itself, else that of the command's own failures. */
int foreground_start_status(const struct cli *cli, const struct error *err);
