/* Decompression of what a first look recognises: gzip (several members too), zstd, xz, bzip2, or nothing
 * at all. The bytes behind the end of the compressed data stay with the source. */
#pragma once

#include "base/cleanup.h"
#include "engine/archive/byte-source.h"

enum compression {
    COMPRESSION_NONE,
    COMPRESSION_GZIP,
    COMPRESSION_ZSTD,
    COMPRESSION_XZ,
    COMPRESSION_BZIP2,
    COMPRESSION_MAX_,
};

/* By the first bytes, as far as there are any. */
#define COMPRESSION_MAGIC_MAX 6
enum compression compression_detect(const void *data, size_t len);

struct decompress;

/* `source` is borrowed until decompress_free. Reads the first bytes. */
int decompress_new(const struct byte_source *source, struct decompress **ret, struct error **err);
void decompress_free(struct decompress *decompress);
DEFINE_CLEANUP(struct decompress *, decompress_free);

enum compression decompress_compression(const struct decompress *decompress);

/* The decompressed bytes, as a source that lives as long as `decompress`. */
struct byte_source decompress_source(struct decompress *decompress);
