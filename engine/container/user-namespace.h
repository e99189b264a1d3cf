/* Which ids a container's user namespace maps (--userns, --uidmap, --gidmap): from the words of the
 * configuration to ranges. Pure; a root engine's ids alone are known so far. */
#pragma once

#include "engine/runtime/id-mapping.h"

struct arena;
struct container_config;
struct error;

/* "CONTAINER:HOST[:SIZE]". `option` is for the error. */
int id_mapping_parse(
        const char *option, const char *text, struct id_mapping *ret, struct error **err);

#define SUBUID_FILE "/etc/subuid"
#define SUBGID_FILE "/etc/subgid"

/* All ids that such a file gives to a user, from 0 on, as --uidmap has them (auto-ids.c). In the arena. */
int container_named_maps(
        struct arena *arena, const char *path, const char *user, char ***ret, struct error **err);

/* At creation, before the image has a say: what "keep-id" and "auto" say beside their names becomes the user, the
 * fixed mappings and auto_ids. */
int container_adopt_user_namespace(
        struct arena *arena, struct container_config *config, struct error **err);

/* Empty mappings (in the arena) mean the host's ids. --uidmap alone counts for groups as well. */
int container_id_mappings(struct arena *arena, const struct container_config *config,
        struct id_mappings *ret_uids, struct id_mappings *ret_gids, struct error **err);
