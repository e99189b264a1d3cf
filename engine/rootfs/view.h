/* The merged view of an image's layers, and of a container's upper directory over them, as one
 * descriptor: an overlay mount that is attached nowhere. No other process sees it, no name leads to it,
 * and it is gone with its last descriptor, however the process ends. For whatever reads or writes a
 * root file system from outside of a container: COPY in a build, users in the image's passwd file,
 * first contents of a volume, `cp`.
 *
 * Below the descriptor the rule of all foreign roots holds: fs_open_in_root() is the only door. */
#pragma once

#include <stddef.h>

struct error;

struct rootfs_view {
    const char *const *lower; /* directories of the layers, bottom first */
    size_t lower_count;       /* at least one, unless there is an upper directory: then 0 is fine */
    const char *upper, *work; /* NULL: the view is read-only */
};

/* Returns a descriptor (O_PATH directory, close-on-exec). A single directory without anything to merge is
 * opened directly. Needs CAP_SYS_ADMIN in the user namespace that owns the mounts. Thread-safe.
 * Fails with -EINVAL when a directory is no layer, -E2BIG when the kernel cannot take that many layers. */
int rootfs_view_open(const struct rootfs_view *view, struct error **err);

struct rootfs_mount; /* engine/rootfs/mount.h */

/* The same with further file systems mounted in it, in their order: a container's root with its volumes, as its
 * processes will see it. *ret_namespace_fd holds them together (close it after the view; -EBADF: there are none). */
int rootfs_view_open_mounted(const struct rootfs_view *view, const struct rootfs_mount *mounts,
        size_t mount_count, int *ret_namespace_fd, struct error **err);
