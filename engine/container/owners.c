#include "engine/container/owners-internal.h"

#include <errno.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "base/error.h"
#include "engine/container/container-internal.h"
#include "engine/container/root-internal.h"
#include "engine/container/user-namespace.h"
#include "engine/runtime/capability.h"

static const struct id_mappings *mappings_of(const struct owner_map *self, bool is_group)
{
    const struct container_owners *owners = ((const struct container_owner_map *)self)->owners;

    return is_group ? &owners->gids : &owners->uids;
}

static uint32_t map_in(const struct owner_map *self, uint32_t id, bool is_group)
{
    return id_mappings_to_host(mappings_of(self, is_group), id);
}

static uint32_t map_out(const struct owner_map *self, uint32_t id, bool is_group)
{
    uint32_t own = id_mappings_to_container(mappings_of(self, is_group), id);

    return own == ID_UNMAPPED ? id : own;
}

int container_owners_find(struct arena *arena, const struct container *c,
        const struct container_root *root, struct container_owners *ret, struct error **err)
{
    *ret = (struct container_owners){ .in = { { map_in }, ret }, .out = { { map_out }, ret } };
    return root->is_running ? container_id_mappings(arena, &c->config, &ret->uids, &ret->gids, err)
                            : 0;
}

/* Another id for files takes the rights over files away; they come back with it or by hand. */
static int become(uint32_t uid, uint32_t gid, struct error **err)
{
    uint64_t all = capability_own_bounding_set();

    (void)setfsgid(gid);
    (void)setfsuid(uid);
    int r = capability_set(all, all, 0);
    return r < 0 ? error_set(err, r, NULL, "cannot write files as user %u", uid) : 0;
}

int container_owners_act(struct container_owners *owners, struct error **err)
{
    uint32_t uid = id_mappings_to_host(&owners->uids, 0);
    uint32_t gid = id_mappings_to_host(&owners->gids, 0);

    if (owners->uids.count == 0)
        return 0;
    if (uid == ID_UNMAPPED || gid == ID_UNMAPPED)
        return error_set_plain(
                err, EOVERFLOW, NULL, "the container's root is no user of this machine");
    owners->is_acting = true;
    return become(uid, gid, err);
}

void container_owners_release(struct container_owners *owners)
{
    if (owners->is_acting)
        (void)become(geteuid(), getegid(), NULL);
    owners->is_acting = false;
}

const struct owner_map *container_owners_in(const struct container_owners *owners)
{
    return owners->uids.count ? &owners->in.map : NULL;
}

const struct owner_map *container_owners_out(const struct container_owners *owners)
{
    return owners->uids.count ? &owners->out.map : NULL;
}
