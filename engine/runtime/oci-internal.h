/* Between the files oci-*.c. */
#pragma once

#include <sys/types.h>

#include "engine/runtime/hooks.h"
#include "engine/runtime/seccomp-filter.h"

struct error;
struct oci_runtime;
struct runtime_spec;

/* Hands the master of a terminal to whoever listens there. */
int oci_send_console(const char *socket_path, int console_fd, struct error **err);

/* The same with a pidfd. */
int oci_send_pidfd(const char *socket_path, int pidfd, struct error **err);

/* Of the session keyring that the processes of a container share; runc's name. In the arena. */
struct arena;
const char *oci_keyring_name(struct arena *arena, const char *id);

/* Of variables that are given twice the last value counts, at the first one's place; `added` come
 * after `env`, and may be NULL. Vectors in the arena, texts borrowed. */
char **oci_merge_environment(struct arena *arena, char *const *env, char *const *added);

/* Writes a pid file whole. */
int oci_write_pid_file(const char *path, pid_t pid, struct error **err);

struct oci_container;
struct strings;

/* Without the container's lock: hooks may call us. One that fails takes the container with it, as
 * runc and crun have it, and the specification since 1.3. */
int oci_run_poststart_hooks(const struct oci_runtime *runtime,
        const struct oci_container *container, const struct runtime_spec *spec, struct error **err);

/* A failure changes nothing any more: it is a warning, and the rest runs. */
void oci_run_poststop_hooks(const struct oci_runtime *runtime,
        const struct oci_container *container, const struct runtime_spec *spec);

void oci_warn(const struct oci_runtime *runtime, const char *text);
void oci_warn_all(const struct oci_runtime *runtime, const struct strings *texts);

/* Loads the filter of the specification, compiled once per boot and kept below the root directory.
 * 1, or 0 without a filter. */
int oci_load_seccomp(const struct oci_runtime *runtime, int root_fd,
        const struct runtime_spec *spec, struct seccomp_filter *ret, struct error **err);
