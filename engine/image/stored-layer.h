/* A layer of the store as the blob that others know it by: the bytes that it came in, where they were kept, else a
 * tar archive made again from its directory. For save and push. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/digest.h"
#include "engine/archive/tar-write.h"

struct engine;
struct error;

struct stored_layer {
    const char *diff_id;          /* borrowed */
    char blob[DIGEST_TEXT_MAX];   /* the blob's digest */
    char stored[DIGEST_TEXT_MAX]; /* the store's blob; empty: made again from the directory */
    char dir[DIGEST_SHA256_HEX + 1];
    const char *media_type;
    bool decompress; /* the store's blob is compressed in a way that layers are not */
    uint64_t size_bytes;
};

/* -ENOENT when there is no such layer, -EBADMSG when its directory was changed. */
int stored_layer_describe(
        struct engine *engine, const char *diff_id, struct stored_layer *ret, struct error **err);

/* All bytes of the blob into `next` (NULL: nowhere), with their digest and number. */
int stored_layer_emit(struct engine *engine, const struct stored_layer *layer,
        const struct byte_sink *next, char digest[static DIGEST_TEXT_MAX], uint64_t *ret_size,
        struct error **err);
