/* Images that are made here: import (a tar), commit (a directory or a tar as a layer), and a configuration
 * over layers that are in the store. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/timefmt.h"
#include "engine/archive/tar-write.h"
#include "engine/engine-internal.h"
#include "engine/image/config-internal.h"
#include "engine/image/image.h"
#include "engine/image/rows-internal.h"
#include "engine/image/store-internal.h"

#define IMPORTED_FROM "Imported from -"

static int ingest_tar(struct store_work *work, int fd, const char *what, struct store_layer *ret,
        struct error **err)
{
    struct byte_source source = byte_source_from_fd(&fd);
    struct store_ingest ingest = {
        .work_fd = work->fd,
        .blob_bytes = -1,
        .keep_blob = true,
        .what = what,
        .cancel = work->engine->options.cancel,
    };

    return store_ingest(&ingest, &source, ret, err);
}

static int import_config(const struct image_import_options *options, const char *diff_id,
        json_t **ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *config = json_object();
    char created[TIME_RFC3339_MAX];
    struct image_platform platform;
    int r = image_platform_parse(&arena, options->platform, &platform, err);

    if (r < 0)
        return r;
    time_format_rfc3339(time_realtime_nsec(), created);
    json_object_set_new(config, "created", json_string(created));
    json_object_set_new(config, "architecture", json_string(platform.architecture));
    json_object_set_new(config, "os", json_string(platform.os));
    if (platform.variant)
        json_object_set_new(config, "variant", json_string(platform.variant));
    if (options->config)
        json_object_set(config, "config", options->config);
    else
        json_object_set_new(config, "config", json_object());
    json_object_set_new(
            config, "rootfs", json_pack("{s:s, s:[s]}", "type", "layers", "diff_ids", diff_id));
    json_object_set_new(config, "history",
            json_pack("[{s:s, s:o}]", "created", created, "comment",
                    jsonx_text(options->message ? options->message : IMPORTED_FROM)));
    *ret = TAKE(config);
    return 0;
}

int image_import(struct engine *engine, int fd, const struct image_import_options *options,
        char **ret_id, struct error **err)
{
    auto_(store_work_end) struct store_work work = STORE_WORK_INIT;
    auto_json json_t *config = NULL;
    auto_free char *name = NULL, *text = NULL;
    auto_free char *what = options->source ? mem_printf("cannot import \"%s\"", options->source)
                                           : mem_strdup("cannot import the archive");
    struct store_layer layer;
    struct store_image image = { 0 };
    int r = options->ref ? rows_canonical_name(options->ref, &name, err) : 0;

    if (r >= 0)
        r = import_config(options, "", &config, err);
    if (r >= 0)
        r = store_work_begin(engine, &work, err);
    if (r >= 0)
        r = ingest_tar(&work, fd, what, &layer, err);
    if (r < 0)
        return r;
    json_array_set_new(json_object_get(json_object_get(config, "rootfs"), "diff_ids"), 0,
            json_string(layer.diff_id));
    text = jsonx_dump(config);
    image.config = text;
    image.config_len = strlen(text);
    image.names = (const char *const[]){ name };
    image.name_count = name ? 1 : 0;
    r = store_commit(&work, &layer, 1, &image, 1, err);
    if (r < 0)
        return error_wrap(err, r, "%s", what);
    engine_event(engine, "image", "import", image.id, "name", image.id);
    *ret_id = mem_strdup(image.id);
    return 0;
}

int layer_commit_tar(struct engine *engine, int fd, char ret_diff_id[static IMAGE_DIFF_ID_MAX],
        uint64_t *ret_size_bytes, struct error **err)
{
    auto_(store_work_end) struct store_work work = STORE_WORK_INIT;
    struct store_layer layer;
    int r = store_work_begin(engine, &work, err);

    if (r >= 0)
        r = ingest_tar(&work, fd, "cannot unpack the layer", &layer, err);
    if (r >= 0)
        r = store_commit(&work, &layer, 1, NULL, 0, err);
    if (r < 0)
        return r;
    snprintf(ret_diff_id, IMAGE_DIFF_ID_MAX, "%.71s", layer.diff_id);
    if (ret_size_bytes)
        *ret_size_bytes = layer.size_bytes;
    return 0;
}

static int digest_sink(void *userdata, const void *data, size_t len, struct error **err)
{
    (void)err;
    digest_update(userdata, data, len);
    return 0;
}

/* The diff_id is that of the archive that tar_write_layer makes; the archive itself is not kept, since it can
 * be made again at any time. */
static int digest_directory(int fd, struct store_layer *layer, struct error **err)
{
    auto_(digest_free_p) struct digest *digest = NULL;
    struct byte_sink sink = { .write = digest_sink };
    int r = digest_new("sha256", &digest, err);

    if (r < 0)
        return r;
    sink.userdata = digest;
    r = tar_write_layer(&sink, fd, &layer->size_bytes, err);
    if (r >= 0)
        digest_finish(digest, layer->diff_id);
    return r;
}

int layer_commit_directory(struct engine *engine, int dir_fd, const char *name,
        char ret_diff_id[static IMAGE_DIFF_ID_MAX], uint64_t *ret_size_bytes, struct error **err)
{
    auto_(store_work_end) struct store_work work = STORE_WORK_INIT;
    struct store_layer layer = { 0 };
    auto_close int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int r;

    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open the layer's directory");
    r = digest_directory(fd, &layer, err);
    if (r < 0)
        return error_wrap(err, r, "cannot make a layer of the changes");
    r = store_work_begin(engine, &work, err);
    if (r < 0)
        return r;
    if (mkdirat(work.fd, "0", 0711) < 0 || renameat(dir_fd, name, work.fd, "0/diff") < 0)
        return error_set(err, errno, NULL, "cannot move the layer's directory into the store");
    r = store_commit(&work, &layer, 1, NULL, 0, err);
    if (r < 0) {
        (void)renameat(work.fd, "0/diff", dir_fd, name);
        return r;
    }
    snprintf(ret_diff_id, IMAGE_DIFF_ID_MAX, "%.71s", layer.diff_id);
    if (ret_size_bytes)
        *ret_size_bytes = layer.size_bytes;
    return 0;
}

int image_create(struct engine *engine, const struct image_create_options *options, char **ret_id,
        struct error **err)
{
    auto_(store_work_end) struct store_work work = STORE_WORK_INIT;
    auto_(strings_release) struct strings names = { 0 };
    auto_json json_t *config = json_copy(options->config);
    auto_free char *text = NULL;
    struct store_image image = { .parent_id = options->parent_id, .built = true };
    int r = 0;

    for (size_t i = 0; r >= 0 && i < options->name_count; i++)
        r = rows_canonical_name(options->names[i], ARRAY_APPEND(&names), err);
    if (r < 0)
        return r;
    json_object_set_new(config, "rootfs",
            json_pack("{s:s, s:o}", "type", "layers", "diff_ids",
                    jsonx_strings(options->diff_ids, options->diff_id_count)));
    text = jsonx_dump(config);
    image.config = text;
    image.config_len = strlen(text);
    image.names = (const char *const *)names.items;
    image.name_count = names.len;
    r = store_work_begin(engine, &work, err);
    if (r >= 0)
        r = store_commit(&work, NULL, 0, &image, 1, err);
    if (r < 0)
        return error_wrap(err, r, "cannot create the image");
    *ret_id = mem_strdup(image.id);
    return 0;
}
