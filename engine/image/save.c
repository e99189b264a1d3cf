/* image_save: one tar that is an OCI layout (oci-layout, index.json, blobs/) and a docker-archive
 * (manifest.json) at once, as Docker writes since version 25. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/archive/tar-write.h"
#include "engine/engine-internal.h"
#include "engine/image/image.h"
#include "engine/image/ref.h"
#include "engine/image/rows-internal.h"
#include "engine/image/store-internal.h"
#include "engine/image/stored-layer.h"
#include "engine/progress.h"

#define MEDIA_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define MEDIA_INDEX "application/vnd.oci.image.index.v1+json"
#define BLOB_DIR "blobs/sha256/"

struct saved_image {
    struct image *image;
    struct strings names; /* canonical */
};

struct save {
    struct engine *engine;
    struct fd_sink to;
    const struct progress *progress;
    struct byte_sink sink;
    struct strmap written; /* blobs, by digest */
    struct {
        struct saved_image *items;
        size_t len, cap;
    } images;
};

static void save_release(struct save *save)
{
    ARRAY_FOREACH(&save->images, it) {
        image_free(it->image);
        strings_release(&it->names);
    }
    ARRAY_RELEASE(&save->images);
    strmap_release(&save->written);
}

/* ---- members of the archive ---- */

static int write_header(struct save *save, const char *digest, uint64_t size, struct error **err)
{
    auto_free char *path = mem_printf(BLOB_DIR "%s", digest_hex(digest));
    struct tar_write_entry entry = { .path = path, .mode = S_IFREG | 0644, .size_bytes = size };

    return tar_write_header(&save->sink, &entry, err);
}

static int write_blob_text(struct save *save, const char *text, char digest[static DIGEST_TEXT_MAX],
        struct error **err)
{
    size_t len = strlen(text);
    int r;

    digest_sha256(text, len, digest);
    if (strmap_has(&save->written, digest))
        return 0;
    strmap_set(&save->written, digest, NULL);
    r = write_header(save, digest, len, err);
    if (r >= 0)
        r = save->sink.write(save->sink.userdata, text, len, err);
    return r < 0 ? r : tar_write_padding(&save->sink, len, err);
}

static int write_layer(struct save *save, const struct stored_layer *layer, struct error **err)
{
    char digest[DIGEST_TEXT_MAX], id[13];
    uint64_t size;
    int r;

    if (strmap_has(&save->written, layer->blob))
        return 0;
    strmap_set(&save->written, layer->blob, NULL);
    snprintf(id, sizeof(id), "%.12s", digest_hex(layer->diff_id));
    progress_report(save->progress,
            &(struct progress_event){ .kind = PROGRESS_START, .id = id, .text = "Saving layer" });
    r = write_header(save, layer->blob, layer->size_bytes, err);
    if (r >= 0)
        r = stored_layer_emit(save->engine, layer, &save->sink, digest, &size, err);
    if (r < 0)
        return r;
    if (size != layer->size_bytes || strcmp(digest, layer->blob) != 0)
        return error_set_plain(err, EBADMSG, NULL, "blob %s is damaged in the store", layer->blob);
    progress_report(save->progress,
            &(struct progress_event){ .kind = PROGRESS_DONE, .id = id, .text = "Saved" });
    return tar_write_padding(&save->sink, size, err);
}

static void add_index_entries(
        json_t *manifests, const struct saved_image *saved, const char *digest, size_t size)
{
    size_t count = saved->names.len ? saved->names.len : 1;

    for (size_t i = 0; i < count; i++) {
        json_t *entry = json_pack("{s:s, s:s, s:I}", "mediaType", MEDIA_MANIFEST, "digest", digest,
                "size", (json_int_t)size);

        if (saved->names.len > 0)
            json_object_set_new(entry, "annotations",
                    json_pack("{s:s, s:s}", "io.containerd.image.name", saved->names.items[i],
                            "org.opencontainers.image.ref.name",
                            strrchr(saved->names.items[i], ':') + 1));
        json_array_append_new(manifests, entry);
    }
}

static int save_one(struct save *save, const struct saved_image *saved, json_t *manifests,
        json_t *docker, struct error **err)
{
    const struct image *image = saved->image;
    auto_json json_t *layers = json_array(), *paths = json_array(), *manifest = NULL,
                     *names = json_array();
    auto_free char *text = NULL;
    char digest[DIGEST_TEXT_MAX];
    int r;

    ARRAY_FOREACH(&image->diff_ids, diff_id) {
        struct stored_layer layer;

        r = stored_layer_describe(save->engine, *diff_id, &layer, err);
        if (r >= 0)
            r = write_layer(save, &layer, err);
        if (r < 0)
            return r;
        json_array_append_new(
                layers, json_pack("{s:s, s:s, s:I}", "mediaType", layer.media_type, "digest",
                                layer.blob, "size", (json_int_t)layer.size_bytes));
        json_array_append_new(paths, json_sprintf(BLOB_DIR "%s", digest_hex(layer.blob)));
    }
    r = write_blob_text(save, image->config_json, digest, err);
    if (r < 0)
        return r;
    manifest = json_pack("{s:i, s:s, s:{s:s, s:s, s:I}, s:O}", "schemaVersion", 2, "mediaType",
            MEDIA_MANIFEST, "config", "mediaType", MEDIA_CONFIG, "digest", digest, "size",
            (json_int_t)strlen(image->config_json), "layers", layers);
    text = jsonx_dump(manifest);
    ARRAY_FOREACH(&saved->names, name)
        json_array_append_new(names, json_string(image_ref_familiar(*name)));
    json_array_append_new(docker,
            json_pack("{s:o, s:O, s:O}", "Config", json_sprintf(BLOB_DIR "%s", digest_hex(digest)),
                    "RepoTags", saved->names.len ? names : json_null(), "Layers", paths));
    r = write_blob_text(save, text, digest, err);
    if (r >= 0)
        add_index_entries(manifests, saved, digest, strlen(text));
    return r;
}

static int write_json(struct save *save, const char *path, const json_t *json, struct error **err)
{
    auto_free char *text = jsonx_dump(json);

    return tar_write_text(&save->sink, path, text, strlen(text), 0, err);
}

/* ---- which images ---- */

static struct saved_image *find_saved(struct save *save, const char *id)
{
    ARRAY_FOREACH(&save->images, it)
        if (strcmp(it->image->id, id) == 0)
            return it;
    return NULL;
}

static void add_saved_name(struct saved_image *saved, const char *name)
{
    ARRAY_FOREACH(&saved->names, it)
        if (strcmp(*it, name) == 0)
            return;
    *ARRAY_APPEND(&saved->names) = mem_strdup(name);
}

static int add_ref(struct save *save, const char *text, struct error **err)
{
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
    auto_free char *id = NULL, *name = NULL;
    struct saved_image *saved;
    enum rows_found how;
    int r = rows_find(save->engine, text, &how, &id, err);

    if (r == 0)
        return error_set_plain(err, ENOENT, NULL, "No such image: %s", text);
    if (r < 0)
        return r;
    saved = find_saved(save, id);
    if (!saved) {
        struct image *image = NULL;

        r = rows_read_image(save->engine, id, &image, err);
        if (r < 0)
            return r;
        saved = ARRAY_APPEND(&save->images);
        saved->image = image;
    }
    if (how == ROWS_FOUND_ID)
        return 0;
    r = image_ref_parse(text, &ref, err);
    if (r >= 0 && !ref.digest) {
        name = image_ref_tagged(&ref);
        add_saved_name(saved, name);
    }
    return r;
}

int image_save(struct engine *engine, const char *const *refs, size_t ref_count, int fd,
        const struct progress *progress, struct error **err)
{
    auto_(save_release) struct save save = {
        .engine = engine,
        .to = { fd, engine->options.cancel },
        .progress = progress,
    };
    auto_json json_t *manifests = json_array(), *docker = json_array(), *index = NULL;
    static const char layout[] = "{\"imageLayoutVersion\":\"1.0.0\"}";
    int r = 0;

    save.sink = byte_sink_to_fd(&save.to);
    for (size_t i = 0; r >= 0 && i < ref_count; i++)
        r = add_ref(&save, refs[i], err);
    for (size_t i = 0; r >= 0 && i < save.images.len; i++)
        r = save_one(&save, &save.images.items[i], manifests, docker, err);
    if (r < 0)
        return r;
    index = json_pack("{s:i, s:s, s:O}", "schemaVersion", 2, "mediaType", MEDIA_INDEX, "manifests",
            manifests);
    r = write_json(&save, "index.json", index, err);
    if (r >= 0)
        r = write_json(&save, "manifest.json", docker, err);
    if (r >= 0)
        r = tar_write_text(&save.sink, "oci-layout", layout, strlen(layout), 0, err);
    return r < 0 ? r : tar_write_end(&save.sink, err);
}
