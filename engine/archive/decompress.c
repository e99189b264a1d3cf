#include "engine/archive/decompress.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/archive/archive-dl.h"

#define BUFFER_BYTES 65536

struct decompress {
    const struct archive_library *lib; /* NULL while nothing is compressed */
    struct archive *archive;
    struct byte_source source;
    enum compression compression;
    struct error *error; /* of the source: libarchive only carries a text */
    size_t peeked, peek_used;
    bool at_end;
    char peek[COMPRESSION_MAGIC_MAX];
    char buffer[BUFFER_BYTES];
};

static const struct {
    const char *magic;
    size_t len;
    int filter;
} formats[] = {
    [COMPRESSION_NONE] = { "", 0, ARCHIVE_FILTER_NONE },
    [COMPRESSION_GZIP] = { "\x1f\x8b", 2, ARCHIVE_FILTER_GZIP },
    [COMPRESSION_ZSTD] = { "\x28\xb5\x2f\xfd", 4, ARCHIVE_FILTER_ZSTD },
    [COMPRESSION_XZ] = { "\xfd"
                         "7zXZ",
            6, ARCHIVE_FILTER_XZ },
    [COMPRESSION_BZIP2] = { "BZh", 3, ARCHIVE_FILTER_BZIP2 },
};
_Static_assert(ARRAY_LEN(formats) == COMPRESSION_MAX_, "every compression has its magic");

enum compression compression_detect(const void *data, size_t len)
{
    for (int i = COMPRESSION_NONE + 1; i < COMPRESSION_MAX_; i++)
        if (len >= formats[i].len && memcmp(data, formats[i].magic, formats[i].len) == 0)
            return (enum compression)i;
    return COMPRESSION_NONE;
}

/* The peeked bytes first, then the source. */
static ssize_t read_source(struct decompress *d, void *data, size_t size, struct error **err)
{
    size_t n = d->peeked - d->peek_used;

    if (n == 0)
        return byte_source_read(&d->source, data, size, err);
    if (n > size)
        n = size;
    memcpy(data, d->peek + d->peek_used, n);
    d->peek_used += n;
    return (ssize_t)n;
}

static la_ssize_t feed(struct archive *archive, void *userdata, const void **ret)
{
    struct decompress *d = userdata;
    ssize_t n;

    if (d->error)
        return ARCHIVE_FATAL;
    n = read_source(d, d->buffer, sizeof(d->buffer), &d->error);
    if (n < 0) {
        d->lib->set_error(archive, (int)-n, "%s", "cannot read");
        return ARCHIVE_FATAL;
    }
    *ret = d->buffer;
    return n;
}

static int failed(struct decompress *d, struct error **err)
{
    const char *text;

    if (d->error)
        return error_move(err, TAKE(d->error));
    text = d->lib->error_string(d->archive);
    return error_set_plain(err, EBADMSG, NULL, "the compressed data is damaged: %s",
            text ? text : "no reason given");
}

static ssize_t read_decompressed(void *userdata, void *data, size_t size, struct error **err)
{
    struct decompress *d = userdata;
    la_ssize_t n;

    if (d->compression == COMPRESSION_NONE)
        return read_source(d, data, size, err);
    if (d->at_end)
        return 0;
    n = d->lib->read_data(d->archive, data, size);
    if (n < 0)
        return failed(d, err);
    d->at_end = n == 0;
    return n;
}

static int open_archive(struct decompress *d, struct error **err)
{
    struct archive_entry *entry;
    int r = archive_library_open(&d->lib, err);

    if (r < 0)
        return r;
    d->archive = d->lib->read_new();
    if (!d->archive)
        mem_exhausted();
    /* An appended filter is the only one: what is inside is never taken for compressed once more. */
    if (d->lib->read_append_filter(d->archive, formats[d->compression].filter) < ARCHIVE_WARN ||
            d->lib->read_support_format_raw(d->archive) < ARCHIVE_WARN ||
            d->lib->read_support_format_empty(d->archive) < ARCHIVE_WARN ||
            d->lib->read_open(d->archive, d, NULL, feed, NULL) < ARCHIVE_WARN)
        return failed(d, err);
    r = d->lib->read_next_header(d->archive, &entry);
    if (r == ARCHIVE_EOF)
        d->at_end = true;
    else if (r < ARCHIVE_WARN)
        return failed(d, err);
    return 0;
}

int decompress_new(const struct byte_source *source, struct decompress **ret, struct error **err)
{
    auto_(decompress_free_p) struct decompress *d = NEW(struct decompress);
    int r = 0;

    d->source = *source;
    while (d->peeked < sizeof(d->peek)) {
        ssize_t n = byte_source_read(
                &d->source, d->peek + d->peeked, sizeof(d->peek) - d->peeked, err);

        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        d->peeked += (size_t)n;
    }
    d->compression = compression_detect(d->peek, d->peeked);
    if (d->compression != COMPRESSION_NONE)
        r = open_archive(d, err);
    if (r < 0)
        return r;
    *ret = TAKE(d);
    return 0;
}

void decompress_free(struct decompress *decompress)
{
    if (!decompress)
        return;
    if (decompress->archive)
        decompress->lib->read_free(decompress->archive);
    error_free(decompress->error);
    free(decompress);
}

enum compression decompress_compression(const struct decompress *decompress)
{
    return decompress->compression;
}

struct byte_source decompress_source(struct decompress *decompress)
{
    return (struct byte_source){ .read = read_decompressed, .userdata = decompress };
}
