/* What `berth oci` knows of its containers: a directory per container below the root directory,
 *
 *     state.json    where the container came from, its process, its control group
 *     config.json   the configuration that it was made from; the bundle's may change meanwhile
 *     gate          while it is created and not started (gate.h)
 *     lock          flock: held by whoever changes the container
 *
 * What can be seen from the kernel is not written down: whether the process lives (pid and start
 * time), waits at its gate, or is frozen. So a command that was killed at any moment leaves nothing
 * that is untrue; a directory whose maker died before there was a process is an unfinished
 * container, which `delete --force` and a new `create` remove. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct arena;
struct cgroup;
struct error;
struct runtime_spec;

enum oci_status {
    OCI_CREATING,
    OCI_CREATED,
    OCI_RUNNING,
    OCI_PAUSED,
    OCI_STOPPED,
    OCI_STATUS_MAX_,
};
extern const char *const oci_status_names[OCI_STATUS_MAX_];

/* Texts live in the arena that it was read into. */
struct oci_container {
    const char *id;
    const char *bundle, *rootfs; /* absolute */
    const char *oci_version;
    const char *created; /* RFC 3339 */
    const char *cgroup_path;
    const char *intended_status; /* of hooks; NULL */
    pid_t pid;                   /* 0: no process yet */
    uint64_t pid_start_ticks;
    uid_t owner;
    bool systemd_cgroup;
    bool root_bound;     /* `rootfs` is a mount of ours in the host's mount namespace */
    bool keyring;        /* it has a session keyring of its own */
    int dir_fd, lock_fd; /* owned */
};

#define OCI_CONTAINER_INIT                  \
    {                                       \
        .dir_fd = -EBADF, .lock_fd = -EBADF \
    }

void oci_container_release(struct oci_container *container);

/* Names that are one directory, and cannot hide: letters, digits, "_+-." and not a leading dot. */
int oci_id_check(const char *id, struct error **err);

/* The directory of all containers, made when it is missing and `make` is set. Descriptor; -ENOENT
 * without an error when it is not there. */
int oci_root_open(const char *root_dir, bool make, struct error **err);

/* Makes the directory of a new container and locks it. What an unfinished one left under that name
 * is removed first. -EEXIST with an error when there is a container. */
int oci_container_make(int root_fd, const char *id, struct oci_container *ret, struct error **err);

/* Opens an existing container; with `lock` waits for its lock, and keeps it. -ENOENT with an error
 * ("container does not exist"). An unfinished one has pid 0. */
int oci_container_open(struct arena *arena, int root_fd, const char *id, bool lock,
        struct oci_container *ret, struct error **err);

/* Writes state.json. */
int oci_container_save(const struct oci_container *container, struct error **err);

/* The saved configuration; `json` is given, the specification lives in the arena and borrows from
 * it. */
int oci_container_read_spec(struct arena *arena, const struct oci_container *container,
        json_t **ret_json, struct runtime_spec **ret, struct error **err);

enum oci_status oci_container_status(const struct oci_container *container);

/* True while its first process lives (and is no zombie). */
bool oci_container_is_alive(const struct oci_container *container);

/* What `state` prints and hooks get. Given. */
json_t *oci_container_state_json(
        const struct oci_container *container, const char *status, const json_t *config);

/* Removes what there is of it, and its directory; its processes are killed. */
int oci_container_remove(int root_fd, struct oci_container *container, struct error **err);

/* The names of all containers, sorted; in the arena. */
struct strings;
int oci_container_list(struct arena *arena, int root_fd, struct strings *ret, struct error **err);
