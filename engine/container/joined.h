/* Namespaces of other containers: the modes "container:NAME" of ipc, pid, uts and cgroup, and the memory that goes with
 * a shared ipc namespace. Their network is network_container's business. */
#pragma once

#include "base/arena.h"
#include "engine/container/config.h"
#include "engine/container/oci-spec.h"

struct container;
struct engine;
struct error;

/* Checks the modes; names become the ids that they stand for now. */
int container_resolve_joined(struct engine *engine, struct arena *arena,
        struct container_config *config, struct error **err);

/* What one start joins; everything in the arena. */
struct container_joined {
    const char *paths[OCI_JOINED_MAX_]; /* NULL: its own, or the machine's */
    const char *shm_dir;                /* memory that several have; NULL: its own */
    char **processes;                   /* for monitor_config.joined */
};

/* The containers that are joined must run: -EINVAL with Docker's words otherwise. */
int container_find_joined(struct engine *engine, struct arena *arena, const struct container *c,
        struct container_joined *ret, struct error **err);

/* Takes down the memory that others could share. Idempotent; nothing for a container without. */
int container_remove_shared(struct engine *engine, const char *id, struct error **err);
