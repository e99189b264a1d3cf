/* Mounts as descriptors (open_tree(2), move_mount(2), mount_setattr(2)): taken from where they are,
 * changed while they are attached nowhere, and attached by descriptor. All are async-signal-safe
 * and return 0 or a descriptor, or -errno. -ENOSYS and -EPERM may mean that the calls are not to be
 * had here (before Linux 5.12, or the seccomp filter of an engine around us). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A copy of the mount at `path`, with what is mounted below it when `recursive`. */
int mount_tree_take(const char *path, bool recursive);
int mount_tree_take_fd(int fd, bool recursive); /* the same of an O_PATH descriptor */

/* MOUNT_ATTR_… to set and to clear; nothing for 0 and 0. */
int mount_tree_set(int tree_fd, bool recursive, uint64_t set, uint64_t clear);

/* Ids of its files are seen as the user namespace maps them. */
int mount_tree_map_ids(int tree_fd, int user_namespace_fd, bool recursive);

/* At `path` below dir_fd; "" is dir_fd itself. */
int mount_tree_attach(int tree_fd, int dir_fd, const char *path);

/* A new file system, attached nowhere. Options are "name" and "name=value", separated by commas. */
int mount_tree_new(const char *type, const char *source, const char *options, uint64_t attributes);
