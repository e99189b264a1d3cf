/* Which ids a container's user namespace maps (--userns, --uidmap, --gidmap): from the words of the
 * configuration to ranges. Pure; a root engine's ids alone are known so far. */
#pragma once

#include "engine/runtime/id-mapping.h"

struct arena;
struct container_config;
struct error;

/* Empty mappings (in the arena) mean the host's ids. --uidmap alone counts for groups as well. "auto",
 * "keep-id" and "nomap" are -EOPNOTSUPP with the reason. */
int container_id_mappings(struct arena *arena, const struct container_config *config,
        struct id_mappings *ret_uids, struct id_mappings *ret_gids, struct error **err);
