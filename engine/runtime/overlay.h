/* Mounting a container's root file system at its mount point, in the caller's mount namespace. */
#pragma once

struct container_rootfs; /* engine/runtime/container.h */

/* An overlay of the layers, or a bind of the directory. Async-signal-safe; the working directory is "/" afterwards. 0
 * or -errno. */
int overlay_mount(const struct container_rootfs *rootfs);
