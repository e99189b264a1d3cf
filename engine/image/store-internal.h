/* The store on disk. Layers are directories ROOT/layers/SHORT/diff, blobs are files
 * ROOT/images/blobs/sha256/HEX of an OCI layout; the state database knows both.
 *
 * Invariants:
 *  1. What the database knows is whole: a layer or blob is made in a work directory below ROOT/tmp and
 *     renamed into place inside the transaction that inserts its row.
 *  2. Whoever holds the database's write lock and finds something in layers/ or blobs/ that has no row
 *     may remove it: its maker is dead, or has not begun to rename.
 *  3. A work directory is flock'ed by its maker; one that can be locked belongs to nobody.
 *
 * If we die:  while working            the work directory is removed by the next image_clean
 *             between rename and commit the layer has no row: the next image_clean removes it
 *             between commit and end    the image is there; the work directory as above
 *             while removing            rows go first, so what stays has no row: as above */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "base/digest.h"
#include "engine/archive/byte-source.h"
#include "engine/archive/decompress.h"
#include "engine/image/image.h"

struct engine;

#define STORE_LAYERS "layers"
#define STORE_BLOBS "images/blobs/sha256"
#define STORE_TMP "tmp"

/* ---- work directories ---- */

struct store_work {
    struct engine *engine; /* NULL: none was begun */
    int fd;                /* holds the lock */
    char name[32];         /* below ROOT/tmp */
};
#define STORE_WORK_INIT \
    {                   \
        .fd = -EBADF    \
    }

/* Cleans up after the dead, then makes a work directory. */
int store_work_begin(struct engine *engine, struct store_work *ret, struct error **err);
void store_work_end(struct store_work *work); /* removes it with all that is still in it */

/* ---- what is being brought in ---- */

#define MEDIA_TAR "application/vnd.oci.image.layer.v1.tar"
#define MEDIA_TAR_GZIP "application/vnd.oci.image.layer.v1.tar+gzip"
#define MEDIA_TAR_ZSTD "application/vnd.oci.image.layer.v1.tar+zstd"

/* One layer on its way: `number`/diff in the work directory, its blob `number`.blob. */
struct store_layer {
    unsigned number;
    bool stored; /* it was in the store already: nothing is in the work directory */
    bool has_blob;
    char diff_id[DIGEST_TEXT_MAX];
    char blob_digest[DIGEST_TEXT_MAX];
    uint64_t blob_bytes;
    uint64_t size_bytes; /* unpacked */
    enum compression compression;
};
struct store_layers {
    struct store_layer *items;
    size_t len, cap;
};

/* One image on its way. Texts are borrowed. */
struct store_image {
    const char *config; /* terminated; its digest becomes the id */
    size_t config_len;
    const char *manifest_digest; /* NULL: none */
    const char *parent_id;       /* NULL: none */
    bool built;
    const char *const *names; /* canonical "repository:tag" */
    size_t name_count;
    const char *digest_repository; /* "repository" that has manifest_digest; NULL: none */
    char id[IMAGE_ID_MAX];         /* set by store_commit */
};

/* All of it at once, or nothing: layers are renamed into place, rows inserted, names moved. A layer
 * that came into the store meanwhile is left behind in the work directory. -ESTALE when a layer that
 * should be there is not (any more). */
int store_commit(struct store_work *work, const struct store_layer *layers, size_t layer_count,
        struct store_image *images, size_t image_count, struct error **err);

/* ---- one layer through the pipe: source, digest, blob, decompression, digest, unpacking ---- */

struct store_ingest {
    int work_fd;
    unsigned number;
    const char *blob_digest; /* what the blob must have; NULL: whatever it has */
    int64_t blob_bytes;      /* what it must be long; -1: whatever */
    const char *diff_id;     /* NULL: whatever */
    bool keep_blob;          /* write the source's bytes to `number`.blob */
    const char *what;        /* for errors: "layer 0123456789ab" */
    const atomic_bool *cancel;
    void (*advance)(void *userdata, uint64_t blob_bytes); /* NULL: nobody wants to know */
    void *userdata;
};

/* Touches only the work directory: may run in any thread. */
int store_ingest(const struct store_ingest *ingest, const struct byte_source *source,
        struct store_layer *ret, struct error **err);

/* 1 and the layer's row is in the store, 0 there is none. */
int store_has_layer(struct engine *engine, const char *diff_id, struct error **err);

/* Opens a blob of the store. */
int store_open_blob(struct engine *engine, const char *digest, struct error **err);

/* Removes the layers in no image and no build cache, among those in `candidates` (NULL: all older than an
 * hour, since a build might be about to use them), their rows first. */
int store_remove_unused_layers(struct engine *engine, const struct strings *candidates,
        uint64_t *ret_reclaimed, struct error **err);

void strings_release(struct strings *strings); /* and the texts */
