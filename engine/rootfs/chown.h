/* Gives a tree to somebody else. */
#pragma once

#include <sys/types.h>

/* `fd` (O_PATH, borrowed) and all below it on the same file system. Links are changed, not followed; modes stay as they
 * are. However deep the tree is, few descriptors are used. 0 or -errno: goes on after a failure, returns the first. */
int tree_chown(int fd, uid_t uid, gid_t gid);
