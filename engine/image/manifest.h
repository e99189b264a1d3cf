/* Manifests and indexes of the OCI image specification and Docker's distribution format (schema 2), read
 * from a registry or an OCI layout, and the choice of a platform. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/image/image.h"

struct arena;
struct error;

struct descriptor {
    const char *media_type; /* "" when missing */
    const char *digest;     /* a valid sha256 digest */
    uint64_t size_bytes;
    struct image_platform platform; /* of index entries; os NULL: not said */
    const char *name;               /* annotation that names the image; NULL: none */
    bool attestation;               /* BuildKit's provenance and the like: not an image */
};

struct manifest {
    bool is_index;
    struct descriptor config;  /* unless is_index */
    struct descriptor *layers; /* bottom first */
    size_t layer_count;
    struct descriptor *entries; /* if is_index */
    size_t entry_count;
};

/* Everything lives in `arena`. -EBADMSG for nonsense; -ENOTSUP for schema 1, artifacts that are no
 * image and digests other than sha256; -E2BIG beyond LIMIT_MANIFEST_BYTES or LIMIT_IMAGE_LAYERS. */
int manifest_parse(struct arena *arena, const char *text, size_t len, const char *what,
        struct manifest *ret, struct error **err);

/* The entry that fits best, or -ENOENT with Docker's words. Attestations never do. */
int manifest_choose(const struct manifest *index, const struct image_platform *platform,
        const struct descriptor **ret, struct error **err);

/* True when the bytes have this digest and size; else -EBADMSG. */
int descriptor_check(const struct descriptor *descriptor, const void *data, size_t len,
        const char *what, struct error **err);
