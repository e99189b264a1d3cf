/* The life of a container as the OCI runtime specification has it: create, start, kill, delete, and
 * what other runtimes have agreed on besides. `berth oci` puts a command line before it; nothing
 * here prints, reads the environment or knows options. For programs with one thread.
 *
 *     struct oci_runtime runtime = { .arena = &arena, .root_dir = "/run/berth-oci" };
 *     int r = oci_create(&runtime, &(struct oci_create_options){ .id = id, .bundle = "." },
 *             &process, err);
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "engine/runtime/container.h"
#include "engine/runtime/oci-state.h"

struct arena;
struct error;
struct runtime_resources;

struct oci_runtime {
    struct arena *arena; /* for what lives as long as the command */
    const char *root_dir;
    bool systemd_cgroup;
    /* What goes wrong without stopping anything: hooks that come too late to, capabilities that
     * cannot be had. NULL: not told. */
    void (*warn)(void *userdata, const struct error *warning);
    void *userdata;
};

struct oci_create_options {
    const char *id;
    const char *bundle;
    const char *config;         /* in place of config.json; from the bundle on. NULL: that */
    const char *pid_file;       /* NULL: none */
    const char *console_socket; /* NULL: none; then a terminal's master is in process->console_fd */
    const char *pidfd_socket;   /* gets a pidfd of the process; NULL: none */
    char *const *env;           /* added, NULL-terminated; NULL: none */
    bool plain_terminal;        /* a terminal that nobody sees: line ends stay as they are */
    unsigned preserved_fds;
    bool no_pivot, no_new_keyring;
    bool run;    /* start it at once … */
    bool detach; /* … and do not stay for it */
};

/* Creates a container. With `run` it has been started when this returns, and the process is the
 * caller's to reap; otherwise it waits at its gate, and `process` holds nothing. On failure nothing
 * is left; *ret_exit_code is what Docker would give for it. */
int oci_create(const struct oci_runtime *runtime, const struct oci_create_options *options,
        struct container_process *ret_process, int *ret_exit_code, struct error **err);

/* Starts a created container. */
int oci_start(const struct oci_runtime *runtime, const char *id, struct error **err);

/* Sends the signal to the first process, or to all. */
int oci_kill(
        const struct oci_runtime *runtime, const char *id, int signo, bool all, struct error **err);

/* Removes a stopped (or not started) container; with `force` any, and a missing one is fine. */
int oci_delete(const struct oci_runtime *runtime, const char *id, bool force, struct error **err);

int oci_pause(const struct oci_runtime *runtime, const char *id, struct error **err);
int oci_resume(const struct oci_runtime *runtime, const char *id, struct error **err);

struct oci_exec_options {
    const char *id;
    const json_t *process; /* whole, as in config.json; NULL: the container's with … */
    char *const *args;     /* … these changes; NULL or 0: as it is there */
    char *const *env;      /* added, NULL-terminated */
    const char *cwd, *user;
    char *const *capabilities;    /* added */
    char *const *additional_gids; /* added, decimal */
    const char *apparmor_profile, *process_label;
    bool terminal, no_new_privileges;
    char *const *cgroups; /* below the container's: "PATH", or "CONTROLLER[,…]:PATH" in v1 */
    const char *pid_file, *console_socket, *pidfd_socket;
    bool plain_terminal;
    unsigned preserved_fds;
    bool detach;
    bool ignore_paused;
};

/* Starts a further process, the caller's to reap. */
int oci_exec(const struct oci_runtime *runtime, const struct oci_exec_options *options,
        struct container_process *ret_process, int *ret_exit_code, struct error **err);

/* The processes of a container, as cgroup_list_processes. */
int oci_list_processes(
        const struct oci_runtime *runtime, const char *id, pid_t **ret, struct error **err);

/* Changes the limits; `resources` is a linux.resources object, which is also merged into the saved
 * configuration. */
int oci_update(const struct oci_runtime *runtime, const char *id, const json_t *resources,
        struct error **err);

/* Opens the container of that name under the runtime's root, which may be missing altogether. */
int oci_open(const struct oci_runtime *runtime, const char *id, bool lock, int *ret_root_fd,
        struct oci_container *ret, struct error **err);
