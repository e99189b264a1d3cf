/* A mount below a root that others may have filled: the target is found, and made where it is missing, by
 * descriptor within the root alone. */
#pragma once

#include <stdbool.h>

struct error;

struct rootfs_mount {
    const char *target;  /* absolute in the root */
    const char *source;  /* directory or file to bind, or the device of `type` */
    const char *subdir;  /* of a bind's source, looked up with the source as root; NULL: itself */
    const char *type;    /* NULL: a bind */
    const char *options; /* of the file system, comma-separated; NULL: none */
    bool read_only;
};

/* Mounts it in the caller's mount namespace, to which root_fd belongs; for a thread with one of its own. */
int rootfs_mount_attach(int root_fd, const struct rootfs_mount *mount, struct error **err);
