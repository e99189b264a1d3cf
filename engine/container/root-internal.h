/* A container's root file system as descriptors. */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"

struct arena;
struct container;
struct container_config;
struct engine;
struct error;
struct strings;

/* Held while its files are worked with; the caller holds container_lock, so that no start gets in between. */
struct container_root {
    int fd;           /* O_PATH directory */
    int namespace_fd; /* holds the mounts below fd together; -EBADF: there are none of ours */
    bool is_running;  /* it is the root of its first process */
};
#define CONTAINER_ROOT_INIT                  \
    {                                        \
        .fd = -EBADF, .namespace_fd = -EBADF \
    }

void container_root_release(struct container_root *root);

/* The directories that a container's own layer lies over, bottom first: its image's layers, or the directory that
 * config.rootfs names. In the arena. */
int container_base_dirs(struct engine *engine, struct arena *arena, const char *image_id,
        const struct container_config *config, struct strings *ret, struct error **err);

/* These merged, read-only. Descriptor. */
int container_base_open(struct engine *engine, const char *image_id,
        const struct container_config *config, struct error **err);

/* What its processes see, or would: for one that runs the root of its first process, else the layers with
 * the volumes and the name files mounted. */
int container_root_open(struct engine *engine, const struct container *c,
        struct container_root *ret, struct error **err);

/* The layers alone, read-only. Descriptor. */
int container_layers_open(struct engine *engine, const struct container *c, struct error **err);

/* The container's own layer, and the image's (-EBADF in *ret_image_fd when that has no layers). */
int container_upper_open(
        struct engine *engine, const struct container *c, int *ret_image_fd, struct error **err);

/* True for paths (relative) that a start makes in the container's layer to have something to mount on. */
bool container_is_own_mount_point(const char *path);
