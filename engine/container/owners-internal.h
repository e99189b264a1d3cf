/* Whose a container's files are, seen from outside. With a user namespace of its own a container's ids are other ids of
 * the machine: while it runs its root shows those, and takes new files only from them. While it does not, the files
 * are looked at as they lie, under the container's own ids. */
#pragma once

#include "base/cleanup.h"
#include "base/owner-map.h"
#include "engine/runtime/id-mapping.h"

struct arena;
struct container;
struct container_root;
struct error;

struct container_owner_map {
    struct owner_map map;
    const struct container_owners *owners;
};

struct container_owners {
    struct id_mappings uids, gids; /* in the arena; none: the same ids as the machine's */
    struct container_owner_map in; /* the container's id to what is to be written */
    struct container_owner_map
            out; /* what was read to the container's id; as it is where it has none */
    bool is_acting;
};

/* `ret` stays where it is: its maps point to it. */
int container_owners_find(struct arena *arena, const struct container *c,
        const struct container_root *root, struct container_owners *ret, struct error **err);

/* From now on, in this thread, new files are the container's root's, with all rights as before. */
int container_owners_act(struct container_owners *owners, struct error **err);
void container_owners_release(struct container_owners *owners);

/* NULL where the ids are the same. */
const struct owner_map *container_owners_in(const struct container_owners *owners);
const struct owner_map *container_owners_out(const struct container_owners *owners);
