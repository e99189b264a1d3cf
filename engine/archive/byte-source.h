/* Where bytes come from: a descriptor, a download, a decompressor over either. One function that is
 * pulled; each stage of "download, digest, decompress, unpack" pulls from the one before it. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;

struct byte_source {
    /* Gives up to `size` bytes; 0 is the end, negative a failure with *err set. */
    ssize_t (*read)(void *userdata, void *data, size_t size, struct error **err);
    void *userdata;
};

static inline ssize_t byte_source_read(
        const struct byte_source *source, void *data, size_t size, struct error **err)
{
    return source->read(source->userdata, data, size, err);
}

/* Reads a descriptor; `fd` must stay valid as long as the source is used. */
struct byte_source byte_source_from_fd(const int *fd);

/* Reads bytes in memory; `slice` moves on. */
struct str;
struct byte_source byte_source_from_memory(struct str *slice);

/* Reads and drops up to the end (at most max_bytes, -EFBIG above). */
int byte_source_drain(const struct byte_source *source, size_t max_bytes, struct error **err);
