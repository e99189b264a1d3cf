#include "engine/image/stored-layer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/archive/decompress.h"
#include "engine/archive/tar-write.h"
#include "engine/engine-internal.h"
#include "engine/image/store-internal.h"

struct tally {
    struct digest *digest;
    const struct byte_sink *next; /* NULL: only counts */
    uint64_t size_bytes;
};

static int tally_write(void *userdata, const void *data, size_t len, struct error **err)
{
    struct tally *tally = userdata;

    tally->size_bytes += len;
    digest_update(tally->digest, data, len);
    return tally->next ? tally->next->write(tally->next->userdata, data, len, err) : 0;
}

static int copy_source(
        const struct byte_source *source, const struct byte_sink *sink, struct error **err)
{
    char buffer[65536];
    ssize_t n;

    while ((n = byte_source_read(source, buffer, sizeof(buffer), err)) > 0) {
        int r = sink->write(sink->userdata, buffer, (size_t)n, err);

        if (r < 0)
            return r;
    }
    return (int)n;
}

static int emit_blob(struct engine *engine, const struct stored_layer *layer,
        const struct byte_sink *sink, struct error **err)
{
    auto_(decompress_free_p) struct decompress *decompress = NULL;
    auto_close int fd = store_open_blob(engine, layer->stored, err);
    struct byte_source source = byte_source_from_fd(&fd), inner;
    int r;

    if (fd < 0)
        return fd;
    if (!layer->decompress)
        return copy_source(&source, sink, err);
    r = decompress_new(&source, &decompress, err);
    if (r < 0)
        return r;
    inner = decompress_source(decompress);
    return copy_source(&inner, sink, err);
}

static int emit_directory(struct engine *engine, const struct stored_layer *layer,
        const struct byte_sink *sink, struct error **err)
{
    auto_free char *path = mem_printf(STORE_LAYERS "/%s/diff", layer->dir);
    auto_close int fd = openat(
            engine->root_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    uint64_t size_bytes;

    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open layer %.19s", layer->diff_id);
    return tar_write_layer(sink, fd, &size_bytes, err);
}

int stored_layer_emit(struct engine *engine, const struct stored_layer *layer,
        const struct byte_sink *next, char digest[static DIGEST_TEXT_MAX], uint64_t *ret_size,
        struct error **err)
{
    struct tally tally = { .next = next };
    struct byte_sink sink = { .write = tally_write, .userdata = &tally };
    auto_(digest_free_p) struct digest *hash = NULL;
    int r = digest_new("sha256", &hash, err);

    if (r < 0)
        return r;
    tally.digest = hash;
    r = *layer->stored ? emit_blob(engine, layer, &sink, err)
                       : emit_directory(engine, layer, &sink, err);
    if (r < 0)
        return r;
    digest_finish(hash, digest);
    *ret_size = tally.size_bytes;
    return 0;
}

int stored_layer_describe(
        struct engine *engine, const char *diff_id, struct stored_layer *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    char digest[DIGEST_TEXT_MAX];
    struct stat st;
    const char *media_type;
    int r = db_query(engine->db, &stmt, err,
            "SELECT dir, blob_digest, media_type FROM layers WHERE diff_id = ?", "t", diff_id);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    if (r == 0)
        return error_set_plain(err, ENOENT, NULL, "layer %s is not in the store", diff_id);
    *ret = (struct stored_layer){ .diff_id = diff_id, .media_type = MEDIA_TAR };
    snprintf(ret->dir, sizeof(ret->dir), "%s", stmt_text(stmt, 0));
    snprintf(ret->blob, sizeof(ret->blob), "%s", diff_id);
    if (!stmt_is_null(stmt, 1))
        snprintf(ret->stored, sizeof(ret->stored), "%s", stmt_text(stmt, 1));
    media_type = stmt_text(stmt, 2);
    if (media_type && strcmp(media_type, MEDIA_TAR_GZIP) == 0)
        ret->media_type = MEDIA_TAR_GZIP;
    else if (media_type && strcmp(media_type, MEDIA_TAR_ZSTD) == 0)
        ret->media_type = MEDIA_TAR_ZSTD;
    else
        ret->decompress = media_type && strcmp(media_type, MEDIA_TAR) != 0;
    if (*ret->stored && !ret->decompress) {
        auto_close int fd = store_open_blob(engine, ret->stored, err);

        if (fd < 0)
            return fd;
        if (fstat(fd, &st) < 0)
            return error_set(err, errno, NULL, "cannot read blob %s", ret->stored);
        snprintf(ret->blob, sizeof(ret->blob), "%s", ret->stored);
        ret->size_bytes = (uint64_t)st.st_size;
        return 0;
    }
    /* The header wants the size before the bytes: made twice, kept never. */
    r = stored_layer_emit(engine, ret, NULL, digest, &ret->size_bytes, err);
    if (r >= 0 && strcmp(digest, diff_id) != 0)
        r = error_set_plain(
                err, EBADMSG, NULL, "the contents of layer %s were changed in the store", diff_id);
    return r;
}
