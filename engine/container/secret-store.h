/* The store of secrets: a row with what may be known of each, and its data alone in ROOT/secrets/ID (0600, in a
 * directory of 0700). Data is read only when a container gets it, or when `inspect --showsecret` asks. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "base/secret.h"
#include "engine/container/config.h"

struct arena;
struct engine;
struct error;

/* As Podman has them. */
#define SECRET_MAX_BYTES 512000u
#define SECRET_NAME_MAX_BYTES 253u
#define SECRET_ID_HEX 25

struct secret_info {
    const char *id, *name;
    struct container_pairs labels;
    int64_t created_nsec, updated_nsec;
};

struct secrets {
    struct secret_info *items;
    size_t len, cap;
};

struct secret_create_options {
    const char *name;
    const struct secret *data; /* borrowed */
    struct container_pairs labels;
    bool replace; /* one of that name: it has a new id and the old time of creation */
    bool ignore;  /* one of that name stays as it is */
};

/* *ret_id lives in the arena. 1 when it was made, 0 when one was there and `ignore` is set; -EEXIST when one was
 * there, -EINVAL for a name or size that cannot be. */
int secret_create(struct engine *engine, struct arena *arena,
        const struct secret_create_options *options, const char **ret_id, struct error **err);

/* By name, id or a unique beginning of an id; -ENOENT when there is none. Lives in the arena. */
int secret_get(struct engine *engine, struct arena *arena, const char *reference,
        struct secret_info *ret, struct error **err);

/* Its data; `ret` is initialised, and the caller releases it. -ENOENT as above. */
int secret_read(
        struct engine *engine, const char *reference, struct secret *ret, struct error **err);

/* Oldest first. Lives in the arena. */
int secret_list(
        struct engine *engine, struct arena *arena, struct secrets *ret, struct error **err);

/* Containers that were made with it keep what they have of it. */
int secret_remove(struct engine *engine, const char *id, struct error **err);

/* Podman's inspect object, without the data. New reference. */
json_t *secret_inspect(const struct engine *engine, const struct secret_info *secret);
