/* Pushing: the layers that the registry has not, the configuration, and last the manifest that names them, so that a
 * push that dies leaves no name behind that leads to nothing. A layer whose bytes were not kept is made again in a
 * file without a name. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine-internal.h"
#include "engine/image/http.h"
#include "engine/image/image.h"
#include "engine/image/push-internal.h"
#include "engine/image/ref.h"
#include "engine/image/registries.h"
#include "engine/image/registry.h"
#include "engine/image/store-internal.h"
#include "engine/image/stored-layer.h"
#include "engine/progress.h"

#define MEDIA_CONFIG "application/vnd.oci.image.config.v1+json"
#define MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"

void push_release(struct push *push)
{
    http_client_free(push->client);
    registry_free(push->registry);
    arena_release(&push->arena);
}

int push_begin(struct engine *engine, const struct image_ref *ref,
        const struct image_push_options *options, struct push *ret, struct error **err)
{
    struct registry_endpoints endpoints;
    int r;

    *ret = (struct push){ .engine = engine, .progress = options->progress };
    r = registries_resolve(&ret->arena, &engine->options, ref, &endpoints, err);
    if (r < 0)
        return r;
    /* The last is the registry itself: nobody pushes to a mirror. */
    struct registry_options where = {
        .engine = &engine->options,
        .domain = ref->domain,
        .path = ref->path,
        .endpoint = &endpoints.items[endpoints.len - 1],
        .access = options->access,
        .rights = REGISTRY_PUSHES,
    };
    r = registry_new(&where, &ret->registry, err);
    return r < 0 ? r : http_client_new(&ret->client, err);
}

/* ---- blobs ---- */

#define BLOB_ID_MAX 13

static void report(const struct push *push, enum progress_kind kind, const char *digest,
        const char *text, uint64_t total)
{
    char id[BLOB_ID_MAX];

    snprintf(id, sizeof(id), "%.12s", digest_hex(digest));
    progress_report(push->progress,
            &(struct progress_event){ .kind = kind, .id = id, .text = text, .total_bytes = total });
}

/* `open` gives a descriptor only when the registry has not got the blob. */
static int send_blob(struct push *push, const char *digest, uint64_t size_bytes,
        int (*open_bytes)(struct push *push, const void *what, struct error **err),
        const void *what, struct error **err)
{
    const atomic_bool *cancel = push->engine->options.cancel;
    int r;

    report(push, PROGRESS_START, digest, "Preparing", size_bytes);
    r = registry_has_blob(push->registry, push->client, digest, cancel, err);
    if (r < 0)
        return r;
    if (r > 0) {
        report(push, PROGRESS_DONE, digest, "Layer already exists", 0);
        return 0;
    }
    auto_close int fd = open_bytes(push, what, err);
    if (fd < 0)
        return fd;
    report(push, PROGRESS_UPDATE, digest, "Pushing", size_bytes);
    r = registry_put_blob(push->registry, push->client, digest, fd, size_bytes, cancel, err);
    if (r < 0)
        return r;
    report(push, PROGRESS_DONE, digest, "Pushed", 0);
    return 0;
}

static int open_nameless(const struct push *push, struct error **err)
{
    int fd = openat(push->engine->root_fd, STORE_TMP, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    return fd < 0 ? error_set(err, errno, NULL, "cannot make a temporary file") : fd;
}

static int write_fd(void *userdata, const void *data, size_t len, struct error **err)
{
    int r = fd_write_all(*(const int *)userdata, data, len);

    return r < 0 ? error_set(err, r, NULL, "cannot write to a temporary file") : 0;
}

static int open_layer(struct push *push, const void *what, struct error **err)
{
    const struct stored_layer *layer = what;
    char digest[DIGEST_TEXT_MAX];
    uint64_t size;

    if (*layer->stored && !layer->decompress)
        return store_open_blob(push->engine, layer->stored, err);
    auto_close int fd = open_nameless(push, err);
    if (fd < 0)
        return fd;
    struct byte_sink sink = { write_fd, &fd };
    int r = stored_layer_emit(push->engine, layer, &sink, digest, &size, err);
    return r < 0 ? r : TAKE_FD(fd);
}

static int open_text(struct push *push, const void *what, struct error **err)
{
    const struct push_text *text = what;
    auto_close int fd = open_nameless(push, err);
    int r = fd < 0 ? fd : write_fd(&fd, text->data, text->len, err);

    return r < 0 ? r : TAKE_FD(fd);
}

int push_text_blob(struct push *push, const char *data, size_t len,
        char digest[static DIGEST_TEXT_MAX], struct error **err)
{
    struct push_text text = { data, len };

    digest_sha256(data, len, digest);
    return send_blob(push, digest, len, open_text, &text, err);
}

int push_manifest(struct push *push, const char *reference, const char *media_type,
        const char *data, size_t len, char digest[static DIGEST_TEXT_MAX], struct error **err)
{
    struct push_text text = { data, len };
    auto_close int fd = open_text(push, &text, err);

    if (fd < 0)
        return fd;
    digest_sha256(data, len, digest);
    return registry_put_manifest(push->registry, push->client, reference ? reference : digest,
            media_type, fd, len, push->engine->options.cancel, err);
}

/* ---- images ---- */

static int push_layers(
        struct push *push, const struct image *image, json_t *layers, struct error **err)
{
    ARRAY_FOREACH(&image->diff_ids, diff_id) {
        struct stored_layer layer;
        int r = engine_check_cancelled(push->engine, err);

        if (r >= 0)
            r = stored_layer_describe(push->engine, *diff_id, &layer, err);
        if (r >= 0)
            r = send_blob(push, layer.blob, layer.size_bytes, open_layer, &layer, err);
        if (r < 0)
            return r;
        json_array_append_new(
                layers, json_pack("{s:s, s:s, s:I}", "mediaType", layer.media_type, "digest",
                                layer.blob, "size", (json_int_t)layer.size_bytes));
    }
    return 0;
}

static int push_image(struct push *push, const struct image *image, const char *tag,
        char digest[static DIGEST_TEXT_MAX], struct error **err)
{
    auto_json json_t *layers = json_array(), *manifest = NULL;
    auto_free char *text = NULL;
    char config[DIGEST_TEXT_MAX];
    size_t config_len = strlen(image->config_json);
    int r = push_layers(push, image, layers, err);

    if (r >= 0)
        r = push_text_blob(push, image->config_json, config_len, config, err);
    if (r < 0)
        return r;
    manifest = json_pack("{s:i, s:s, s:{s:s, s:s, s:I}, s:O}", "schemaVersion", 2, "mediaType",
            MEDIA_MANIFEST, "config", "mediaType", MEDIA_CONFIG, "digest", config, "size",
            (json_int_t)config_len, "layers", layers);
    text = jsonx_dump(manifest);
    r = push_manifest(push, tag, MEDIA_MANIFEST, text, strlen(text), digest, err);
    if (r < 0)
        return r;
    auto_free char *line = mem_printf("%s: digest: %s size: %zu", tag, digest, strlen(text));
    progress_report(
            push->progress, &(struct progress_event){ .kind = PROGRESS_TEXT, .text = line });
    return 0;
}

int image_push(struct engine *engine, const char *name, const struct image_push_options *options,
        char **ret_digest, struct error **err)
{
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
    auto_(image_free_p) struct image *image = NULL;
    auto_(push_release) struct push push = { 0 };
    char digest[DIGEST_TEXT_MAX];
    int r = image_ref_parse(name, &ref, err);

    if (r < 0)
        return r;
    if (!ref.tag || image_ref_is_id(name))
        return error_set_plain(err, EINVAL, NULL, "cannot push a digest reference: %s", name);
    auto_free char *tagged = image_ref_tagged(&ref);
    r = image_lookup(engine, tagged, &image, err);
    if (r >= 0 && !image)
        r = error_set_plain(err, ENOENT, NULL, "An image does not exist locally with the tag: %s",
                image_ref_familiar(tagged));
    if (r >= 0)
        r = push_begin(engine, &ref, options, &push, err);
    if (r >= 0)
        r = push_image(&push, image, ref.tag, digest, err);
    if (r < 0)
        return error_wrap(err, r, "cannot push %s", name);
    engine_event(engine, "image", "push", name, "name", name);
    if (ret_digest)
        *ret_digest = mem_strdup(digest);
    return 0;
}
