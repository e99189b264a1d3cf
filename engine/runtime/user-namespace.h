/* User namespaces with given mappings, held by a descriptor: for containers that live in one, and
 * for mounts whose ids are mapped. */
#pragma once

#include <sys/types.h>

#include "engine/runtime/id-mapping.h"

struct arena;
struct error;

/* Makes one and writes its mappings; the caller must have one thread. Whoever may not write them
 * uses newuidmap(1) and newgidmap(1), which look at /etc/subuid and /etc/subgid. *ret_fd is given,
 * close-on-exec. */
int user_namespace_create(const struct id_mappings *uid_mappings,
        const struct id_mappings *gid_mappings, int *ret_fd, struct error **err);

/* A network namespace that belongs to the user namespace: only then may the container configure
 * it. Given. */
int user_namespace_create_network(int fd, int *ret_netns_fd, struct error **err);

/* The user namespace that a namespace belongs to. Descriptor (given) or -errno. */
int user_namespace_of(int namespace_fd);

/* The mappings of one that is there, in ids as we see them. In the arena. */
int user_namespace_read_mappings(struct arena *arena, int fd, struct id_mappings *ret_uids,
        struct id_mappings *ret_gids, struct error **err);

/* The calling process, which is in one already, becomes the user and group that are root there,
 * with no other groups. `first_uid` and `first_gid` stand in where no root is mapped.
 * Async-signal-safe; 0 or -errno. */
int user_namespace_become_root(uid_t first_uid, gid_t first_gid);

/* The same after entering it. */
int user_namespace_enter(int fd, uid_t first_uid, gid_t first_gid);
