/* store_commit: what was brought into a work directory becomes known, all at once. */
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
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/engine-internal.h"
#include "engine/image/config-internal.h"
#include "engine/image/store-internal.h"

#define OCI_LAYOUT "{\"imageLayoutVersion\":\"1.0.0\"}\n"
#define SHORT_MIN 12

static const char *const media_types[] = {
    [COMPRESSION_NONE] = MEDIA_TAR,
    [COMPRESSION_GZIP] = MEDIA_TAR_GZIP,
    [COMPRESSION_ZSTD] = MEDIA_TAR_ZSTD,
    [COMPRESSION_XZ] = MEDIA_TAR "+xz",
    [COMPRESSION_BZIP2] = MEDIA_TAR "+bzip2",
};
_Static_assert(ARRAY_LEN(media_types) == COMPRESSION_MAX_, "a media type for every compression");

static int prepare_layout(struct engine *engine, struct error **err)
{
    auto_close int fd = fs_mkdir_parents(engine->root_fd, STORE_BLOBS, 0700, err);

    if (fd < 0)
        return fd;
    if (faccessat(engine->root_fd, "images/oci-layout", F_OK, 0) == 0)
        return 0;

    auto_close int images_fd = openat(
            engine->root_fd, "images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (images_fd < 0)
        return error_set(err, errno, NULL, "cannot open the image store");
    return fs_replace_file(
            images_fd, "oci-layout", OCI_LAYOUT, strlen(OCI_LAYOUT), 0600, FS_NO_SYNC, err);
}

/* Renames into place. What stands there already has no row, since we hold the write lock and looked: it is
 * a dead command's (store-internal.h, invariant 2). */
static int place(struct store_work *work, const char *name, const char *path, struct error **err)
{
    int root_fd = work->engine->root_fd;
    char aside[64];

    snprintf(aside, sizeof(aside), "aside-%s", name);
    if (renameat2(root_fd, path, work->fd, aside, 0) < 0 && errno != ENOENT)
        return error_set(err, errno, NULL, "cannot move \"%s\" away", path);
    if (renameat(work->fd, name, root_fd, path) < 0)
        return error_set(err, errno, NULL, "cannot create \"%s\"", path);
    return 0;
}

static int dir_is_taken(struct engine *engine, const char *dir, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err, "SELECT 1 FROM layers WHERE dir = ?", "t", dir);

    return r < 0 ? r : stmt_step(stmt, err);
}

/* The first digits of the diff_id: short, since overlayfs takes all directories in one page. */
static int choose_dir(struct engine *engine, const char *diff_id,
        char dir[static DIGEST_SHA256_HEX + 1], struct error **err)
{
    for (int len = SHORT_MIN; len <= DIGEST_SHA256_HEX; len += 4) {
        int r;

        snprintf(dir, DIGEST_SHA256_HEX + 1, "%.*s", len, digest_hex(diff_id));
        r = dir_is_taken(engine, dir, err);
        if (r <= 0)
            return r;
    }
    return error_set_plain(err, EEXIST, NULL, "layer %s is in the store twice", diff_id);
}

static int commit_layer(
        struct store_work *work, const struct store_layer *layer, struct error **err)
{
    struct engine *engine = work->engine;
    char dir[DIGEST_SHA256_HEX + 1], path[128], name[32];
    int r = store_has_layer(engine, layer->diff_id, err);

    if (r != 0)
        return r;
    if (layer->stored)
        return error_set_plain(
                err, ESTALE, NULL, "layer %s was removed by another command", layer->diff_id);
    r = choose_dir(engine, layer->diff_id, dir, err);
    if (r < 0)
        return r;
    snprintf(name, sizeof(name), "%u", layer->number);
    snprintf(path, sizeof(path), STORE_LAYERS "/%s", dir);
    r = place(work, name, path, err);
    if (r >= 0 && layer->has_blob) {
        snprintf(name, sizeof(name), "%u.blob", layer->number);
        snprintf(path, sizeof(path), STORE_BLOBS "/%s", digest_hex(layer->blob_digest));
        r = place(work, name, path, err);
    }
    if (r < 0)
        return r;
    return db_exec(engine->db, err,
            "INSERT INTO layers (diff_id, dir, blob_digest, media_type, size_bytes, created_nsec) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            "ttttii", layer->diff_id, dir, layer->has_blob ? layer->blob_digest : NULL,
            layer->has_blob ? media_types[layer->compression] : NULL, (int64_t)layer->size_bytes,
            time_realtime_nsec());
}

static int insert_layers(struct engine *engine, const char *id, const struct strings *diff_ids,
        int64_t *ret_size, struct error **err)
{
    int64_t total = 0;

    for (size_t i = 0; i < diff_ids->len; i++) {
        auto_(stmt_done_p) struct stmt *stmt = NULL;
        int r = db_query(engine->db, &stmt, err, "SELECT size_bytes FROM layers WHERE diff_id = ?",
                "t", diff_ids->items[i]);

        if (r >= 0)
            r = stmt_step(stmt, err);
        if (r < 0)
            return r;
        if (r == 0)
            return error_set_plain(
                    err, ENOENT, NULL, "layer %s is not in the store", diff_ids->items[i]);
        total += stmt_int(stmt, 0);
        r = db_exec(engine->db, err,
                "INSERT INTO image_layers (image_id, position, diff_id) VALUES (?, ?, ?)", "tit",
                id, (int64_t)i, diff_ids->items[i]);
        if (r < 0)
            return r;
    }
    *ret_size = total;
    return 0;
}

static int insert_image(struct engine *engine, struct store_image *image, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *config = NULL;
    struct config_summary summary;
    int64_t created_nsec = 0, size_bytes = 0;
    int r = jsonx_parse(image->config, image->config_len, "image configuration", &config, err);

    if (r >= 0)
        r = image_config_summary(&arena, config, "image configuration", &summary, err);
    if (r < 0)
        return r;
    if (summary.created && time_parse_rfc3339(summary.created, &created_nsec) < 0)
        created_nsec = 0;
    r = db_exec(engine->db, err,
            "INSERT INTO images (id, manifest_digest, created_nsec, size_bytes, parent_id, built, "
            "architecture, os, variant, config, stored_nsec) VALUES (?,?,?,0,?,?,?,?,?,?,?)",
            "ttititttti", image->id, image->manifest_digest, created_nsec, image->parent_id,
            (int64_t)image->built, summary.architecture ? summary.architecture : "",
            summary.os ? summary.os : "linux", summary.variant, image->config,
            time_realtime_nsec());
    if (r >= 0)
        r = insert_layers(engine, image->id, &summary.diff_ids, &size_bytes, err);
    if (r >= 0)
        r = db_exec(engine->db, err, "UPDATE images SET size_bytes = ? WHERE id = ?", "it",
                size_bytes, image->id);
    return r;
}

static int commit_image(struct engine *engine, struct store_image *image, struct error **err)
{
    char id[DIGEST_TEXT_MAX];
    int r;

    digest_sha256(image->config, image->config_len, id);
    snprintf(image->id, sizeof(image->id), "%.71s", id);

    auto_(stmt_done_p) struct stmt *stmt = NULL;

    r = db_query(engine->db, &stmt, err, "SELECT 1 FROM images WHERE id = ?", "t", image->id);
    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r == 0)
        r = insert_image(engine, image, err);
    else if (r > 0 && image->manifest_digest)
        r = db_exec(engine->db, err, "UPDATE images SET manifest_digest = ? WHERE id = ?", "tt",
                image->manifest_digest, image->id);
    for (size_t i = 0; r >= 0 && i < image->name_count; i++)
        r = db_exec(engine->db, err,
                "INSERT INTO image_tags (name, image_id, updated_nsec) VALUES (?, ?, ?) "
                "ON CONFLICT (name) DO UPDATE SET image_id = excluded.image_id, "
                "updated_nsec = excluded.updated_nsec",
                "tti", image->names[i], image->id, time_realtime_nsec());
    if (r >= 0 && image->digest_repository && image->manifest_digest)
        r = db_exec(engine->db, err,
                "INSERT INTO image_digests (repository, digest, image_id) VALUES (?, ?, ?) "
                "ON CONFLICT (repository, digest) DO UPDATE SET image_id = excluded.image_id",
                "ttt", image->digest_repository, image->manifest_digest, image->id);
    return r < 0 ? r : 0;
}

static int commit_all(struct store_work *work, const struct store_layer *layers, size_t layer_count,
        struct store_image *images, size_t image_count, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    int r = db_begin(work->engine->db, &transaction, err);

    for (size_t i = 0; r >= 0 && i < layer_count; i++) {
        r = commit_layer(work, &layers[i], err);
        fault_point("image.commit.layer");
    }
    for (size_t i = 0; r >= 0 && i < image_count; i++)
        r = commit_image(work->engine, &images[i], err);
    if (r < 0)
        return r;
    fault_point("image.commit");
    return db_commit(&transaction, err);
}

int store_commit(struct store_work *work, const struct store_layer *layers, size_t layer_count,
        struct store_image *images, size_t image_count, struct error **err)
{
    int r = prepare_layout(work->engine, err);

    if (r < 0)
        return r;
    /* Contents before names: after a loss of power no row may stand for an empty file. An image itself is
     * nothing but rows. */
    if (layer_count > 0 && syncfs(work->fd) < 0)
        return error_set(err, errno, NULL, "cannot write the layers to disk");
    r = commit_all(work, layers, layer_count, images, image_count, err);
    if (r < 0)
        (void)image_clean(work->engine, NULL); /* what was renamed already has no row */
    return r;
}
