/* One layer through the pipe, in one pass:
 *
 *     source ─ count, digest, blob file ─ decompress ─ digest ─ unpack
 *
 * Each stage pulls from the one before it. At the end the source is drained: what follows the archive in
 * the blob belongs to its digest too. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fdio.h"
#include "engine/archive/unpack.h"
#include "engine/image/store-internal.h"

#define LAYER_MODE 0711
#define ROOT_MODE 0755

struct pipe_state {
    const struct store_ingest *ingest;
    const struct byte_source *source;
    struct digest *blob, *diff;
    struct byte_source decompressed;
    int blob_fd;
    uint64_t blob_bytes;
};

static void pipe_release(struct pipe_state *p)
{
    digest_free(p->blob);
    digest_free(p->diff);
    fd_close(p->blob_fd);
}

static ssize_t read_blob(void *userdata, void *data, size_t size, struct error **err)
{
    struct pipe_state *p = userdata;
    const struct store_ingest *in = p->ingest;
    ssize_t n = byte_source_read(p->source, data, size, err);
    int r;

    if (n <= 0)
        return n;
    if (in->cancel && atomic_load_explicit(in->cancel, memory_order_relaxed))
        return error_set_plain(err, ECANCELED, NULL, "interrupted");
    p->blob_bytes += (uint64_t)n;
    if (in->blob_bytes >= 0 && p->blob_bytes > (uint64_t)in->blob_bytes)
        return error_set_plain(err, EBADMSG, NULL,
                "size mismatch: there is more than the expected %" PRId64 " bytes", in->blob_bytes);
    digest_update(p->blob, data, (size_t)n);
    r = p->blob_fd >= 0 ? fd_write_all(p->blob_fd, data, (size_t)n) : 0;
    if (r < 0)
        return error_set(err, r, NULL, "cannot store the blob");
    if (in->advance)
        in->advance(in->userdata, p->blob_bytes);
    return n;
}

static ssize_t read_diff(void *userdata, void *data, size_t size, struct error **err)
{
    struct pipe_state *p = userdata;
    ssize_t n = byte_source_read(&p->decompressed, data, size, err);

    if (n > 0)
        digest_update(p->diff, data, (size_t)n);
    return n;
}

static int open_outputs(struct pipe_state *p, int *ret_root_fd, struct error **err)
{
    const struct store_ingest *in = p->ingest;
    char name[32], diff[48], blob[48];
    int fd;

    snprintf(name, sizeof(name), "%u", in->number);
    snprintf(diff, sizeof(diff), "%u/diff", in->number);
    snprintf(blob, sizeof(blob), "%u.blob", in->number);
    if (mkdirat(in->work_fd, name, LAYER_MODE) < 0 || mkdirat(in->work_fd, diff, ROOT_MODE) < 0)
        return error_set(err, errno, NULL, "cannot create the layer's directory");
    fd = openat(in->work_fd, diff, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fchmod(fd, ROOT_MODE) < 0)
        return error_set(err, errno, NULL, "cannot create the layer's directory");
    if (in->keep_blob) {
        p->blob_fd = openat(in->work_fd, blob, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (p->blob_fd < 0) {
            fd_close(fd);
            return error_set(err, errno, NULL, "cannot create a blob");
        }
    }
    *ret_root_fd = fd;
    return 0;
}

static int check_results(
        const struct store_ingest *in, const struct store_layer *layer, struct error **err)
{
    if (in->blob_bytes >= 0 && layer->blob_bytes != (uint64_t)in->blob_bytes)
        return error_set_plain(err, EBADMSG, NULL,
                "size mismatch: expected %" PRId64 " bytes, got %" PRIu64, in->blob_bytes,
                layer->blob_bytes);
    if (in->blob_digest && strcmp(in->blob_digest, layer->blob_digest) != 0)
        return error_set_plain(err, EBADMSG, NULL, "digest mismatch: expected %s, got %s",
                in->blob_digest, layer->blob_digest);
    if (in->diff_id && strcmp(in->diff_id, layer->diff_id) != 0)
        return error_set_plain(err, EBADMSG, NULL,
                "the layer's contents do not match its diff_id: expected %s, got %s", in->diff_id,
                layer->diff_id);
    return 0;
}

/* A blob that is not what it says is worth knowing before that its contents make no sense, which
 * is only the consequence; so after a failure to unpack the rest is read and compared too. */
static int explain_failure(struct pipe_state *p, const struct byte_source *blob_source, int failure,
        struct error **err)
{
    const struct store_ingest *in = p->ingest;
    struct store_layer seen = { 0 };
    auto_error struct error *first = err ? TAKE(*err) : NULL;
    auto_error struct error *second = NULL;

    if ((failure == -EBADMSG || failure == -EPERM || failure == -ENOENT) && in->blob_digest &&
            byte_source_drain(blob_source, SIZE_MAX, &second) == 0) {
        digest_finish(p->blob, seen.blob_digest);
        seen.blob_bytes = p->blob_bytes;

        struct store_ingest blob_only = *in;

        blob_only.diff_id = NULL;
        if (check_results(&blob_only, &seen, &second) < 0) {
            failure = second->code;
            return error_move(err, TAKE(second));
        }
    }
    if (second && second->code != EFBIG && failure == -EBADMSG)
        return error_move(err, TAKE(second)); /* the source failed: that is the cause */
    if (err)
        *err = TAKE(first);
    return failure;
}

static int run_pipe(struct pipe_state *p, int root_fd, struct store_layer *out, struct error **err)
{
    const struct store_ingest *in = p->ingest;
    struct byte_source blob = { .read = read_blob, .userdata = p };
    struct byte_source diff = { .read = read_diff, .userdata = p };
    struct unpack_options options = UNPACK_INIT;
    struct unpack_result unpacked = { 0 };
    auto_(decompress_free_p) struct decompress *decompress = NULL;
    int r = decompress_new(&blob, &decompress, err);

    if (r < 0)
        return explain_failure(p, &blob, r, err);
    p->decompressed = decompress_source(decompress);
    options.overlay_whiteouts = true;
    options.cancel = in->cancel;
    r = unpack_tar(&diff, root_fd, &options, &unpacked, err);
    if (r >= 0)
        r = byte_source_drain(&diff, SIZE_MAX, err);
    if (r >= 0)
        r = byte_source_drain(&blob, SIZE_MAX, err);
    if (r < 0)
        return explain_failure(p, &blob, r, err);
    digest_finish(p->blob, out->blob_digest);
    digest_finish(p->diff, out->diff_id);
    out->blob_bytes = p->blob_bytes;
    out->size_bytes = unpacked.size_bytes;
    out->compression = decompress_compression(decompress);
    return check_results(in, out, err);
}

int store_ingest(const struct store_ingest *ingest, const struct byte_source *source,
        struct store_layer *ret, struct error **err)
{
    auto_(pipe_release) struct pipe_state p = {
        .ingest = ingest, .source = source, .blob_fd = -EBADF
    };
    auto_close int root_fd = -EBADF;
    struct store_layer out = { .number = ingest->number, .has_blob = true };
    int r = digest_new("sha256", &p.blob, err);

    if (r >= 0)
        r = digest_new("sha256", &p.diff, err);
    if (r >= 0)
        r = open_outputs(&p, &root_fd, err);
    if (r >= 0)
        r = run_pipe(&p, root_fd, &out, err);
    if (r < 0)
        return error_wrap(err, r, "%s", ingest->what);
    fault_point("image.ingest");
    *ret = out;
    return 0;
}
