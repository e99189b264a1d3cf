/* `berth oci`: the OCI runtime's command line, as Podman, containerd and Docker call it. It is a
 * program of its own (berth-oci), since it has to start as fast as it can and must have one thread
 * and no heavy libraries; `berth oci` executes it. Options and commands are tables as everywhere;
 * what differs is how errors are told: to standard error, and into the log that the caller names.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/opts.h"
#include "engine/runtime/oci.h"

struct error;

struct oci_cli {
    struct arena arena;
    struct oci_runtime runtime;
    const struct oci_command *command;
    const char *log_path; /* NULL: none */
    bool log_json, debug;
    bool rootless;
    bool root_is_given;
};

/* A row of the table of commands: what struct command says, with a function of our own. */
struct oci_command {
    struct command base;
    int (*run)(struct oci_cli *cli, const void *options, int argc, char **argv); /* exit status */
    int min_arguments, max_arguments; /* max < 0: any number */
    bool enters; /* starts processes in containers, so the program is to be protected */
};

extern const struct oci_command oci_command_create, oci_command_delete, oci_command_events,
        oci_command_exec, oci_command_features, oci_command_kill, oci_command_list,
        oci_command_pause, oci_command_ps, oci_command_resume, oci_command_run, oci_command_spec,
        oci_command_start, oci_command_state, oci_command_update;

#define OCI_SPEC_VERSION "1.2.1"

/* Tells the error and returns 1. */
int oci_report(struct oci_cli *cli, const struct error *err);
int oci_report_failure(struct oci_cli *cli, const char *format, ...)
        __attribute__((format(printf, 2, 3)));

/* Pretty-printed, with a newline. */
void oci_print_json(const json_t *json, bool pretty);

/* Stays with a process of ours to its end: passes signals on, copies between its terminal (if it
 * has one) and ours. Its exit status; the process has been reaped and released. */
int oci_stay(struct container_process *process);

/* "--preserve-fds N", and what LISTEN_FDS adds; checked to be open. *ret_env gets what the program
 * is to be told of the latter (in the arena), or NULL. Negative with an error. */
int oci_count_preserved(
        struct arena *arena, int64_t preserved, char ***ret_env, struct error **err);

/* A file of any kind, or "-". Given. */
int oci_read_json(const char *path, json_t **ret, struct error **err);

/* NULL-terminated; in the arena. NULL when empty. */
char **oci_vector(struct arena *arena, const struct strings *list);
