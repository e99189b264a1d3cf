#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine-internal.h"
#include "engine/image/bundle-internal.h"
#include "engine/image/config-internal.h"
#include "engine/image/image.h"
#include "engine/image/manifest.h"
#include "engine/image/parallel.h"
#include "engine/image/rows-internal.h"
#include "engine/image/store-internal.h"

#define UNPACK_THREADS 3
#define INDEX_DEPTH_MAX 4
#define IMAGES_MAX 1000

/* A layer that has to be brought in. */
struct load_layer {
    const char *diff_id, *member;
    const char *blob_digest; /* NULL: not known before */
    int64_t blob_bytes;      /* -1: not known before */
};

struct load {
    struct engine *engine;
    struct store_work *work;
    struct bundle *bundle;
    struct arena arena;
    struct image_platform platform;
    struct progress_relay relay;
    struct strmap seen; /* diff_ids that are in `layers` or in the store */
    struct {
        struct load_layer *items;
        size_t len, cap;
    } layers;
    struct {
        struct store_image *items;
        size_t len, cap;
    } images;
    struct store_layer *results; /* beside layers */
};

static void load_release(struct load *load)
{
    strmap_release(&load->seen);
    arena_release(&load->arena);
    progress_relay_release(&load->relay);
}

void image_loaded_release(struct image_loaded_list *list)
{
    ARRAY_FOREACH(list, it) {
        free(it->name);
        free(it->id);
    }
    ARRAY_RELEASE(list);
}

static int want_layer(struct load *load, const char *diff_id, const char *member,
        const struct descriptor *blob, struct error **err)
{
    int r;

    if (strmap_has(&load->seen, diff_id))
        return 0;
    r = store_has_layer(load->engine, diff_id, err);
    if (r < 0)
        return r;
    strmap_set(&load->seen, diff_id, NULL);
    if (r > 0)
        return 0;
    *ARRAY_APPEND_ARENA(&load->arena, &load->layers) = (struct load_layer){
        .diff_id = diff_id,
        .member = member,
        .blob_digest = blob ? blob->digest : NULL,
        .blob_bytes = blob ? (int64_t)blob->size_bytes : -1,
    };
    return 0;
}

static int add_image(struct load *load, const char *text, size_t len, struct config_summary *ret,
        struct store_image **ret_image, struct error **err)
{
    auto_json json_t *config = NULL;
    struct config_summary summary;
    int r = jsonx_parse(text, len, "image configuration", &config, err);

    if (r >= 0)
        r = image_config_summary(&load->arena, config, "image configuration", &summary, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < summary.diff_ids.len; i++)
        summary.diff_ids.items[i] = arena_strdup(&load->arena, summary.diff_ids.items[i]);
    if (load->images.len >= IMAGES_MAX)
        return error_set_plain(err, E2BIG, NULL, "more than %d images", IMAGES_MAX);
    *ret_image = ARRAY_APPEND_ARENA(&load->arena, &load->images);
    **ret_image = (struct store_image){ .config = arena_strndup(&load->arena, text, len),
        .config_len = len };
    *ret = (struct config_summary){ .diff_ids = summary.diff_ids };
    return 0;
}

static int add_name(
        struct load *load, struct store_image *image, const char *text, struct error **err)
{
    auto_free char *name = NULL;
    const char **names;
    int r = rows_canonical_name(text, &name, err);

    if (r < 0)
        return r;
    names = ARENA_NEW_ARRAY(&load->arena, image->name_count + 1, const char *);
    if (image->name_count)
        memcpy(names, image->names, image->name_count * sizeof(*names));
    names[image->name_count++] = arena_strdup(&load->arena, name);
    image->names = names;
    return 0;
}

/* ---- docker-archive ---- */

static int read_config_member(
        struct load *load, const char *member, char **ret, size_t *ret_len, struct error **err)
{
    int r = bundle_read_member(load->bundle, member, LIMIT_IMAGE_CONFIG_BYTES, ret, ret_len, err);

    if (r < 0 || !string_has_prefix(member, "blobs/sha256/"))
        return r;

    struct descriptor expected = {
        .digest = arena_printf(&load->arena, "sha256:%s", strrchr(member, '/') + 1),
        .size_bytes = *ret_len,
    };

    return descriptor_check(&expected, *ret, *ret_len, member, err);
}

static int plan_docker_image(struct load *load, const json_t *entry, struct error **err)
{
    const char *config_member = NULL;
    char **layers = NULL, **tags = NULL;
    size_t layer_count = 0, tag_count = 0, len;
    auto_free char *text = NULL;
    struct config_summary summary;
    struct store_image *image;
    int r;

    if (!json_is_object(entry))
        return error_set_plain(err, EBADMSG, NULL, "manifest.json: an entry is no object");
    r = jsonx_get_string(entry, "Config", &config_member, err);
    if (r >= 0)
        r = jsonx_get_strings(&load->arena, entry, "Layers", &layers, &layer_count, err);
    if (r >= 0)
        r = jsonx_get_strings(&load->arena, entry, "RepoTags", &tags, &tag_count, err);
    if (r < 0)
        return error_wrap(err, r, "manifest.json");
    if (!config_member)
        return error_set_plain(err, EBADMSG, NULL, "manifest.json: an image has no configuration");
    r = read_config_member(load, config_member, &text, &len, err);
    if (r >= 0)
        r = add_image(load, text, len, &summary, &image, err);
    if (r < 0)
        return r;
    if (summary.diff_ids.len != layer_count)
        return error_set_plain(err, EBADMSG, NULL,
                "the image has %zu layers, its configuration names %zu", layer_count,
                summary.diff_ids.len);
    for (size_t i = 0; r >= 0 && i < layer_count; i++)
        r = want_layer(load, summary.diff_ids.items[i], layers[i], NULL, err);
    for (size_t i = 0; r >= 0 && i < tag_count; i++)
        r = add_name(load, image, tags[i], err);
    return r;
}

static int plan_docker(struct load *load, struct error **err)
{
    auto_json json_t *json = NULL;
    auto_free char *text = NULL;
    size_t len, i;
    json_t *entry;
    int r = bundle_read_member(
            load->bundle, "manifest.json", LIMIT_MANIFEST_BYTES, &text, &len, err);

    if (r >= 0)
        r = jsonx_parse(text, len, "manifest.json", &json, err);
    if (r < 0)
        return r;
    if (!json_is_array(json))
        return error_set_plain(err, EBADMSG, NULL, "manifest.json is no list of images");
    json_array_foreach(json, i, entry)
    {
        r = plan_docker_image(load, entry, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- OCI layout ---- */

static char *blob_member(struct load *load, const char *digest)
{
    return arena_printf(&load->arena, "blobs/sha256/%s", digest + strlen("sha256:"));
}

static int read_blob(struct load *load, const struct descriptor *descriptor, size_t max_bytes,
        char **ret, struct error **err)
{
    const char *member = blob_member(load, descriptor->digest);
    size_t len;
    int r = bundle_read_member(load->bundle, member, max_bytes, ret, &len, err);

    return r < 0 ? r : descriptor_check(descriptor, *ret, len, member, err);
}

static int plan_oci_image(struct load *load, const struct descriptor *descriptor,
        const struct manifest *manifest, struct store_image **ret, struct error **err)
{
    auto_free char *text = NULL;
    struct config_summary summary;
    int r = read_blob(load, &manifest->config, LIMIT_IMAGE_CONFIG_BYTES, &text, err);

    if (r >= 0)
        r = add_image(load, text, manifest->config.size_bytes, &summary, ret, err);
    if (r < 0)
        return r;
    if (summary.diff_ids.len != manifest->layer_count)
        return error_set_plain(err, EBADMSG, NULL,
                "the image has %zu layers, its configuration names %zu", manifest->layer_count,
                summary.diff_ids.len);
    (*ret)->manifest_digest = descriptor->digest;
    for (size_t i = 0; r >= 0 && i < manifest->layer_count; i++)
        r = want_layer(load, summary.diff_ids.items[i],
                blob_member(load, manifest->layers[i].digest), &manifest->layers[i], err);
    return r;
}

static int plan_oci_entry(struct load *load, const struct descriptor *descriptor,
        struct store_image **ret, struct error **err)
{
    const struct descriptor *chosen = descriptor;

    for (unsigned depth = 0; depth < INDEX_DEPTH_MAX; depth++) {
        auto_free char *text = NULL;
        struct manifest manifest;
        int r = read_blob(load, chosen, LIMIT_MANIFEST_BYTES, &text, err);

        if (r >= 0)
            r = manifest_parse(&load->arena, text, chosen->size_bytes,
                    blob_member(load, chosen->digest), &manifest, err);
        if (r < 0)
            return r;
        if (!manifest.is_index)
            return plan_oci_image(load, chosen, &manifest, ret, err);
        r = manifest_choose(&manifest, &load->platform, &chosen, err);
        if (r < 0)
            return r;
    }
    return error_set_plain(err, ELOOP, NULL, "indexes are nested too deeply");
}

/* Entries of other platforms are left out when one of the same name fits. */
static bool entry_is_wanted(const struct load *load, const struct manifest *index, size_t i)
{
    const struct descriptor *entry = &index->entries[i];

    if (entry->attestation)
        return false;
    if (!entry->platform.os || image_platform_rank(&load->platform, &entry->platform) > 0)
        return true;
    for (size_t k = 0; k < index->entry_count; k++)
        if (k != i && !index->entries[k].attestation && index->entries[k].platform.os &&
                image_platform_rank(&load->platform, &index->entries[k].platform) > 0 &&
                (string_is_equal(index->entries[k].name, entry->name) ||
                        (!index->entries[k].name && !entry->name)))
            return false;
    return true;
}

static int plan_oci(struct load *load, struct error **err)
{
    auto_free char *text = NULL;
    struct manifest index;
    size_t len;
    int r = bundle_read_member(load->bundle, "index.json", LIMIT_MANIFEST_BYTES, &text, &len, err);

    if (r >= 0)
        r = manifest_parse(&load->arena, text, len, "index.json", &index, err);
    if (r >= 0 && !index.is_index)
        r = error_set_plain(err, EBADMSG, NULL, "index.json is no index");
    for (size_t i = 0; r >= 0 && i < index.entry_count; i++) {
        struct store_image *image = NULL;

        if (!entry_is_wanted(load, &index, i))
            continue;
        r = plan_oci_entry(load, &index.entries[i], &image, err);
        if (r >= 0 && index.entries[i].name)
            r = add_name(load, image, index.entries[i].name, err);
    }
    return r;
}

/* ---- layers ---- */

struct load_report {
    struct load *load;
    char id[13];
    uint64_t reported_bytes, total_bytes;
};

static void report(struct load_report *to, enum progress_kind kind, const char *text, uint64_t now)
{
    progress_report(&to->load->relay.outer, &(struct progress_event){ .kind = kind,
                                                    .id = to->id,
                                                    .text = text,
                                                    .current_bytes = now,
                                                    .total_bytes = to->total_bytes });
}

#define REPORT_STEP_BYTES (512u << 10)

static void advance(void *userdata, uint64_t now)
{
    struct load_report *to = userdata;

    if (now - to->reported_bytes < REPORT_STEP_BYTES)
        return;
    to->reported_bytes = now;
    report(to, PROGRESS_UPDATE, "Loading layer", now);
}

static int load_layer(void *userdata, size_t index, const atomic_bool *stop, struct error **err)
{
    struct load *load = userdata;
    const struct load_layer *layer = &load->layers.items[index];
    char what[sizeof("layer ") + 12];
    const char *spooled = NULL;
    struct load_report to = { .load = load };
    struct store_ingest ingest = {
        .work_fd = load->work->fd,
        .number = (unsigned)index,
        .blob_digest = layer->blob_digest,
        .blob_bytes = layer->blob_bytes,
        .diff_id = layer->diff_id,
        .what = what,
        .cancel = stop,
        .advance = advance,
        .userdata = &to,
    };
    auto_close int fd = bundle_open_member(load->bundle, layer->member, &spooled, err);
    struct byte_source source = byte_source_from_fd(&fd);
    off_t size;
    int r;

    if (fd < 0)
        return fd;
    snprintf(what, sizeof(what), "layer %.12s", digest_hex(layer->diff_id));
    snprintf(to.id, sizeof(to.id), "%.12s", digest_hex(layer->diff_id));
    size = lseek(fd, 0, SEEK_END);
    to.total_bytes = size > 0 ? (uint64_t)size : 0;
    if (lseek(fd, 0, SEEK_SET) < 0)
        return error_set(err, errno, NULL, "cannot read %s", what);
    report(&to, PROGRESS_START, "Loading layer", 0);
    ingest.keep_blob = !spooled;
    r = store_ingest(&ingest, &source, &load->results[index], err);
    if (r >= 0 && spooled) {
        char blob[32];

        snprintf(blob, sizeof(blob), "%zu.blob", index);
        if (linkat(load->work->fd, spooled, load->work->fd, blob, 0) < 0)
            r = error_set(err, errno, NULL, "cannot store the blob of %s", what);
    }
    report(&to, r < 0 ? PROGRESS_FAILED : PROGRESS_DONE, r < 0 ? NULL : "Load complete",
            to.total_bytes);
    return r;
}

static int load_layers(struct load *load, struct error **err)
{
    struct parallel work = {
        .count = load->layers.len,
        .threads = UNPACK_THREADS,
        .run = load_layer,
        .userdata = load,
        .cancel = load->engine->options.cancel,
    };

    load->results = ARENA_NEW_ARRAY(
            &load->arena, load->layers.len ? load->layers.len : 1, struct store_layer);
    return parallel_run(&work, err);
}

static int load_bundle(struct load *load, struct error **err)
{
    int r;

    if (bundle_has(load->bundle, "manifest.json"))
        r = plan_docker(load, err);
    else if (bundle_has(load->bundle, "index.json"))
        r = plan_oci(load, err);
    else
        r = error_set_plain(err, EBADMSG, NULL,
                "this is no archive of images: there is neither manifest.json nor index.json");
    if (r >= 0 && load->images.len == 0)
        r = error_set_plain(err, EBADMSG, NULL, "there is no image in the archive");
    if (r >= 0)
        r = load_layers(load, err);
    if (r >= 0)
        r = store_commit(load->work, load->results, load->layers.len, load->images.items,
                load->images.len, err);
    return r;
}

static void collect(const struct load *load, struct image_loaded_list *out)
{
    ARRAY_FOREACH(&load->images, image) {
        for (size_t i = 0; i < image->name_count; i++)
            *ARRAY_APPEND(out) = (struct image_loaded){ .name = mem_strdup(image->names[i]),
                .id = mem_strdup(image->id) };
        if (image->name_count == 0)
            *ARRAY_APPEND(out) = (struct image_loaded){ .id = mem_strdup(image->id) };
    }
}

int image_load(struct engine *engine, int fd, const struct image_load_options *options,
        struct image_loaded_list *ret, struct error **err)
{
    auto_(store_work_end) struct store_work work = STORE_WORK_INIT;
    auto_(bundle_release) struct bundle bundle = BUNDLE_INIT;
    auto_(load_release) struct load load = { .engine = engine, .work = &work, .bundle = &bundle };
    int r;

    progress_relay_init(&load.relay, options->progress);
    r = image_platform_parse(&load.arena, options->platform, &load.platform, err);
    if (r >= 0)
        r = store_work_begin(engine, &work, err);
    if (r >= 0)
        r = bundle_open(&work, fd, &bundle, err);
    if (r >= 0)
        r = load_bundle(&load, err);
    if (r < 0)
        return options->source ? error_wrap(err, r, "cannot load \"%s\"", options->source)
                               : error_wrap(err, r, "cannot load the archive");
    collect(&load, ret);
    return 0;
}
