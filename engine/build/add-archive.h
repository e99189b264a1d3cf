/* ADD of a local archive: what is a tar, plain or compressed, is unpacked instead of copied. */
#pragma once

#include <sys/types.h>

struct engine;
struct error;
struct source_tree;

/* Returns 1 when `path` was an archive and lies unpacked in the directory `dest` now, 0 when it is none
 * (nothing was done). Owners are the archive's, or uid:gid unless uid is UNPACK_KEEP_OWNER. */
int add_archive(struct engine *engine, const struct source_tree *tree, const char *path,
        int dest_root_fd, const char *dest, uid_t uid, gid_t gid, struct error **err);
