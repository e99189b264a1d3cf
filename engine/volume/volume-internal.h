/* What creating and starting containers needs of volumes beyond volume.h. */
#pragma once

#include <stdbool.h>

#include "engine/volume/volume.h"

#define VOLUME_DATA_DIR "_data"
#define VOLUME_LOCK_PREFIX "volume."

/* The row alone, in the caller's transaction; options->name is set. */
int volume_insert(struct engine *engine, const struct volume_create_options *options,
        bool anonymous, struct error **err);

/* The row and the files of a volume of the driver "image". The caller holds the volume's lock, and there is no row. */
#define VOLUME_DRIVER_LOCAL "local"
#define VOLUME_DRIVER_IMAGE "image"
int volume_create_of_image(
        struct engine *engine, const struct volume_create_options *options, struct error **err);

/* volume_insert for an anonymous one, unless its row is there (handed on by another container). */
int volume_insert_if_missing(
        struct engine *engine, const struct volume_create_options *options, struct error **err);

/* Fails with -ENOENT when container and volume are not linked: the volume was removed meanwhile. */
int volume_check_linked(
        struct engine *engine, const char *container_id, const char *name, struct error **err);

/* ROOT/volumes/NAME, made with _data if it is missing. Descriptor. */
int volume_open_dir(struct engine *engine, const char *name, struct error **err);

/* The owner that its options name, for its directory; without any it stays. */
int volume_apply_owner(const struct volume *volume, int volume_fd, struct error **err);

int volume_remove_dir(struct engine *engine, const char *name, struct error **err);

/* RUN/locks/volume.NAME: held while first contents are copied in, while its mount changes and while it is removed. */
int volume_lock(struct engine *engine, const char *name, struct error **err);
