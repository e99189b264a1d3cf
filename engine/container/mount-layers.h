/* Mounts made of layers: images, and sources with a layer over them (":O"). The layers lie in ROOT/containers/ID/layers,
 * by the mount's number, and begin empty with each start. */
#pragma once

#include <stddef.h>

struct arena;
struct container;
struct container_mount;
struct engine;
struct error;
struct oci_mount_source;

/* In the arena. */
const char *container_layers_dir(struct engine *engine, struct arena *arena, const char *id);

/* Makes them anew for the mounts that want one. */
int container_prepare_layers(struct engine *engine, const struct container *c,
        const struct oci_mount_source *sources, struct error **err);

/* The layer `index` over the directory `lower`. */
int container_layer_over(struct arena *arena, const char *lower, const char *layers_dir,
        size_t index, struct oci_mount_source *ret, struct error **err);

/* The files of an image, or what is at m->subpath of it: read-only, or with `layers_dir` and m->read_only unset with
 * a layer over them. -ENOENT when there is no such image or path. */
int container_image_source(struct engine *engine, struct arena *arena,
        const struct container_mount *m, const char *layers_dir, size_t index,
        struct oci_mount_source *ret, struct error **err);
