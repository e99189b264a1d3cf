/* Pulling: manifest, choice of the platform, configuration, then the layers that are not here yet, several
 * at once, each verified while it streams; at the end everything is committed in one transaction. */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine-internal.h"
#include "engine/image/config-internal.h"
#include "engine/image/http.h"
#include "engine/image/image.h"
#include "engine/image/manifest.h"
#include "engine/image/parallel.h"
#include "engine/image/ref.h"
#include "engine/image/registries.h"
#include "engine/image/registry.h"
#include "engine/image/rows-internal.h"
#include "engine/image/store-internal.h"

#define DOWNLOAD_THREADS 3 /* as Docker: max-concurrent-downloads */
#define INDEX_DEPTH_MAX 4
#define COMMIT_TRIES 3
#define REPORT_STEP_BYTES (256u << 10)

struct pull_layer {
    const struct descriptor *blob;
    const char *diff_id;
};

struct pull {
    struct engine *engine;
    const struct image_pull_options *options;
    const struct image_ref *ref;
    struct arena arena;
    struct image_platform platform;
    struct registry *registry; /* of the endpoint that answered */
    struct store_work work;
    struct progress_relay relay;
    /* what the reference stands for */
    char digest[DIGEST_TEXT_MAX]; /* of the manifest or index that the tag names */
    struct manifest manifest;
    char *config;
    struct strings diff_ids;
    struct pull_layer *missing;
    size_t missing_count;
    struct store_layer *results; /* beside missing */
    /* connections that are not in use */
    pthread_mutex_t lock;
    struct {
        struct http_client **items;
        size_t len, cap;
    } clients;
};

static void pull_release(struct pull *pull)
{
    ARRAY_FOREACH(&pull->clients, it)
        http_client_free(*it);
    ARRAY_RELEASE(&pull->clients);
    registry_free(pull->registry);
    store_work_end(&pull->work);
    progress_relay_release(&pull->relay);
    pthread_mutex_destroy(&pull->lock);
    free(pull->config);
    arena_release(&pull->arena);
}

static int take_client(struct pull *pull, struct http_client **ret, struct error **err)
{
    struct http_client *client = NULL;

    pthread_mutex_lock(&pull->lock);
    if (pull->clients.len > 0)
        client = pull->clients.items[--pull->clients.len];
    pthread_mutex_unlock(&pull->lock);
    if (!client)
        return http_client_new(ret, err);
    *ret = client;
    return 0;
}

static void give_client(struct pull *pull, struct http_client *client)
{
    pthread_mutex_lock(&pull->lock);
    *ARRAY_APPEND(&pull->clients) = client;
    pthread_mutex_unlock(&pull->lock);
}

/* ---- progress, in Docker's words ---- */

static void report(struct pull *pull, enum progress_kind kind, const char *id, const char *text,
        uint64_t current, uint64_t total)
{
    progress_report(&pull->relay.outer, &(struct progress_event){ .kind = kind,
                                                .id = id,
                                                .text = text,
                                                .current_bytes = current,
                                                .total_bytes = total });
}

static void say(struct pull *pull, const char *id, const char *text)
{
    report(pull, PROGRESS_TEXT, id, text, 0, 0);
}

#define LAYER_ID_MAX 13
static const char *layer_id(const char *digest, char id[static LAYER_ID_MAX])
{
    snprintf(id, LAYER_ID_MAX, "%.12s", digest_hex(digest));
    return id;
}

/* ---- manifest and configuration ---- */

static int get_manifest(struct pull *pull, const char *reference, const struct descriptor *expected,
        struct manifest *ret, struct error **err)
{
    auto_free char *text = NULL;
    struct http_client *client;
    auto_free char *what = mem_printf("the manifest of %s", image_ref_familiar(pull->ref->path));
    size_t len = 0;
    int r = take_client(pull, &client, err);

    if (r < 0)
        return r;
    r = registry_get_manifest(
            pull->registry, client, reference, pull->engine->options.cancel, &text, &len, err);
    give_client(pull, client);
    if (r < 0)
        return r;
    if (expected) {
        r = descriptor_check(expected, text, len, what, err);
    } else {
        digest_sha256(text, len, pull->digest);
        if (pull->ref->digest && strcmp(pull->ref->digest, pull->digest) != 0)
            r = error_set_plain(err, EBADMSG, NULL, "%s: digest mismatch: expected %s, got %s",
                    what, pull->ref->digest, pull->digest);
    }
    return r < 0 ? r : manifest_parse(&pull->arena, text, len, what, ret, err);
}

/* 1 when the image of this very manifest is here already, under *ret_id (given). */
static int find_by_digest(
        struct pull *pull, const struct image_platform *platform, char **ret_id, struct error **err)
{
    auto_(image_free_p) struct image *image = NULL;
    auto_free char *repository = image_ref_repository(pull->ref);
    auto_free char *name = mem_printf("%s@%s", repository, pull->digest);
    int r = image_lookup(pull->engine, name, &image, err);

    if (r < 0 || !image)
        return r;
    if (platform && (strcmp(image->architecture, platform->architecture) != 0 ||
                            !string_is_equal(image->os, platform->os) ||
                            (platform->variant && image->variant &&
                                    strcmp(platform->variant, image->variant) != 0)))
        return 0; /* another platform of the same index */
    *ret_id = mem_strdup(image->id);
    return 1;
}

/* Reads the manifest that the reference names, through indexes. 1 when the image is here (*ret_id). */
static int resolve(struct pull *pull, char **ret_id, struct error **err)
{
    const char *reference = pull->ref->digest ? pull->ref->digest : pull->ref->tag;
    const struct descriptor *chosen = NULL;
    int r = get_manifest(pull, reference, NULL, &pull->manifest, err);

    for (unsigned depth = 0; r >= 0 && pull->manifest.is_index; depth++) {
        if (depth >= INDEX_DEPTH_MAX)
            return error_set_plain(err, ELOOP, NULL, "indexes are nested too deeply");
        r = manifest_choose(&pull->manifest, &pull->platform, &chosen, err);
        if (r < 0)
            return r;
        if (chosen->size_bytes > LIMIT_MANIFEST_BYTES)
            return error_set_plain(err, E2BIG, NULL, "manifest %s is larger than %u bytes",
                    chosen->digest, LIMIT_MANIFEST_BYTES);
        r = find_by_digest(
                pull, chosen->platform.os ? &chosen->platform : &pull->platform, ret_id, err);
        if (r != 0)
            return r;
        r = get_manifest(pull, chosen->digest, chosen, &pull->manifest, err);
    }
    if (r < 0)
        return r;
    return chosen ? 0 : find_by_digest(pull, NULL, ret_id, err);
}

static int get_config(struct pull *pull, struct error **err)
{
    const struct descriptor *descriptor = &pull->manifest.config;
    struct registry_blob blob = {
        .registry = pull->registry,
        .cancel = pull->engine->options.cancel,
        .digest = descriptor->digest,
        .size_bytes = descriptor->size_bytes,
    };
    size_t len;
    int r = take_client(pull, &blob.client, err);

    if (r < 0)
        return r;
    r = registry_get_blob(&blob, &pull->config, &len, err);
    give_client(pull, blob.client);
    if (r >= 0)
        r = descriptor_check(descriptor, pull->config, len, "the image's configuration", err);
    return r;
}

static int check_config(struct pull *pull, struct error **err)
{
    auto_json json_t *config = NULL;
    struct config_summary summary;
    struct image_platform have;
    int r = jsonx_parse(
            pull->config, strlen(pull->config), "the image's configuration", &config, err);

    if (r >= 0)
        r = image_config_summary(&pull->arena, config, "the image's configuration", &summary, err);
    if (r < 0)
        return r;
    if (summary.diff_ids.len != pull->manifest.layer_count)
        return error_set_plain(err, EBADMSG, NULL,
                "the manifest has %zu layers, the image's configuration %zu",
                pull->manifest.layer_count, summary.diff_ids.len);
    have = (struct image_platform){ summary.os, summary.architecture, summary.variant };
    if (pull->options->platform && have.os && have.architecture &&
            image_platform_rank(&pull->platform, &have) == 0) {
        char wanted[64], got[64];

        image_platform_format(&pull->platform, wanted, sizeof(wanted));
        image_platform_format(&have, got, sizeof(got));
        return error_set_plain(err, ENOENT, NULL,
                "the image was found, but its platform (%s) does not match the specified platform (%s)",
                got, wanted);
    }
    for (size_t i = 0; i < summary.diff_ids.len; i++)
        summary.diff_ids.items[i] = arena_strdup(&pull->arena, summary.diff_ids.items[i]);
    pull->diff_ids = summary.diff_ids;
    return 0;
}

/* ---- layers ---- */

static int find_missing(struct pull *pull, struct error **err)
{
    auto_(strmap_release) struct strmap seen = STRMAP_INIT;
    size_t count = pull->manifest.layer_count;

    pull->missing = ARENA_NEW_ARRAY(&pull->arena, count ? count : 1, struct pull_layer);
    pull->results = ARENA_NEW_ARRAY(&pull->arena, count ? count : 1, struct store_layer);
    pull->missing_count = 0;
    for (size_t i = 0; i < count; i++) {
        const struct descriptor *blob = &pull->manifest.layers[i];
        const char *diff_id = pull->diff_ids.items[i];
        char id[LAYER_ID_MAX];
        int r;

        if (strmap_has(&seen, diff_id))
            continue;
        strmap_set(&seen, diff_id, NULL);
        if (strstr(blob->media_type, "+encrypted"))
            return error_set_plain(
                    err, ENOTSUP, NULL, "layer %s is encrypted", layer_id(blob->digest, id));
        r = store_has_layer(pull->engine, diff_id, err);
        if (r < 0)
            return r;
        if (r > 0) {
            report(pull, PROGRESS_DONE, layer_id(blob->digest, id), "Already exists", 0, 0);
            continue;
        }
        pull->missing[pull->missing_count++] = (struct pull_layer){ blob, diff_id };
        report(pull, PROGRESS_START, layer_id(blob->digest, id), "Pulling fs layer", 0,
                blob->size_bytes);
    }
    return 0;
}

struct layer_report {
    struct pull *pull;
    char id[LAYER_ID_MAX];
    uint64_t reported_bytes, total_bytes;
};

static void advance(void *userdata, uint64_t now)
{
    struct layer_report *to = userdata;

    if (now < to->total_bytes && now - to->reported_bytes < REPORT_STEP_BYTES)
        return;
    to->reported_bytes = now;
    report(to->pull, PROGRESS_UPDATE, to->id, now < to->total_bytes ? "Downloading" : "Extracting",
            now, to->total_bytes);
}

static int pull_layer(void *userdata, size_t index, const atomic_bool *stop, struct error **err)
{
    struct pull *pull = userdata;
    const struct pull_layer *layer = &pull->missing[index];
    struct layer_report to = { .pull = pull, .total_bytes = layer->blob->size_bytes };
    char what[sizeof("layer ") + LAYER_ID_MAX];
    struct registry_blob blob = {
        .registry = pull->registry,
        .cancel = stop,
        .digest = layer->blob->digest,
        .size_bytes = layer->blob->size_bytes,
    };
    struct store_ingest ingest = {
        .work_fd = pull->work.fd,
        .number = (unsigned)index,
        .blob_digest = layer->blob->digest,
        .blob_bytes = (int64_t)layer->blob->size_bytes,
        .diff_id = layer->diff_id,
        .keep_blob = true,
        .what = what,
        .cancel = stop,
        .advance = advance,
        .userdata = &to,
    };
    struct byte_source source;
    int r = take_client(pull, &blob.client, err);

    if (r < 0)
        return r;
    snprintf(what, sizeof(what), "layer %s", layer_id(layer->blob->digest, to.id));
    report(pull, PROGRESS_UPDATE, to.id, "Downloading", 0, to.total_bytes);
    source = registry_blob_source(&blob);
    r = store_ingest(&ingest, &source, &pull->results[index], err);
    if (r < 0)
        http_client_free(blob.client);
    else
        give_client(pull, blob.client);
    report(pull, r < 0 ? PROGRESS_FAILED : PROGRESS_DONE, to.id, r < 0 ? NULL : "Pull complete",
            to.total_bytes, to.total_bytes);
    return r;
}

static int pull_layers(struct pull *pull, struct error **err)
{
    struct parallel work = {
        .count = pull->missing_count,
        .threads = DOWNLOAD_THREADS,
        .run = pull_layer,
        .userdata = pull,
        .cancel = pull->engine->options.cancel,
    };

    return parallel_run(&work, err);
}

/* ---- the whole ---- */

static int fetch_and_commit(struct pull *pull, char **ret_id, struct error **err)
{
    auto_free char *name = image_ref_tagged(pull->ref),
                   *repository = image_ref_repository(pull->ref);
    struct store_image image = {
        .manifest_digest = pull->digest,
        .digest_repository = repository,
        .names = (const char *const[]){ name },
        .name_count = pull->ref->digest ? 0 : 1,
    };
    int r = 0;

    if (!pull->work.engine)
        r = store_work_begin(pull->engine, &pull->work, err);
    if (r >= 0)
        r = find_missing(pull, err);
    if (r >= 0)
        r = pull_layers(pull, err);
    if (r < 0)
        return r;
    image.config = pull->config;
    image.config_len = strlen(pull->config);
    r = store_commit(&pull->work, pull->results, pull->missing_count, &image, 1, err);
    if (r >= 0)
        *ret_id = mem_strdup(image.id);
    return r;
}

static int bring(struct pull *pull, char **ret_id, struct error **err)
{
    int r = get_config(pull, err);

    if (r >= 0)
        r = check_config(pull, err);
    for (unsigned tries = 1; r >= 0; tries++) {
        r = fetch_and_commit(pull, ret_id, err);
        /* Another command removed a layer between our look and our commit. */
        if (r != -ESTALE || tries >= COMMIT_TRIES)
            break;
        store_work_end(&pull->work);
        r = 0;
    }
    return r;
}

/* The image is here; the name may still stand for another one. */
static int name_existing(struct pull *pull, const char *id, bool *ret_moved, struct error **err)
{
    auto_free char *name = image_ref_tagged(pull->ref);
    auto_free char *old = NULL;
    int r;

    *ret_moved = false;
    if (pull->ref->digest)
        return 0;
    r = image_lookup_id(pull->engine, name, &old, err);
    if (r < 0 || (old && strcmp(old, id) == 0))
        return r;
    *ret_moved = true;
    return image_tag(pull->engine, id, name, err);
}

static int pull_from(struct pull *pull, char **ret_id, struct error **err)
{
    auto_free char *canonical = image_ref_canonical(pull->ref);
    auto_free char *from = mem_printf("Pulling from %s", pull->ref->path);
    auto_free char *status = NULL, *digest = NULL;
    bool newer = true;
    int r;

    say(pull, pull->ref->digest ? pull->ref->digest : pull->ref->tag, from);
    r = resolve(pull, ret_id, err);
    if (r > 0)
        r = name_existing(pull, *ret_id, &newer, err);
    else if (r == 0)
        r = bring(pull, ret_id, err);
    if (r < 0)
        return r;
    digest = mem_printf("Digest: %s", pull->digest);
    status = mem_printf(
            newer ? "Status: Downloaded newer image for %s" : "Status: Image is up to date for %s",
            image_ref_familiar(canonical));
    say(pull, NULL, digest);
    say(pull, NULL, status);
    return 0;
}

/* Mirrors first; a mirror that fails in whatever way is passed over. */
static int pull_anywhere(struct pull *pull, char **ret_id, struct error **err)
{
    struct registry_endpoints endpoints;
    int r = registries_resolve(&pull->arena, &pull->engine->options, pull->ref, &endpoints, err);

    for (size_t i = 0; r >= 0 && i < endpoints.len; i++) {
        struct registry_options options = {
            .engine = &pull->engine->options,
            .domain = pull->ref->domain,
            .path = pull->ref->path,
            .endpoint = &endpoints.items[i],
            .access = pull->options->access,
        };
        bool last = i + 1 == endpoints.len;

        registry_free(TAKE(pull->registry));
        free(TAKE(pull->config));
        r = registry_new(&options, &pull->registry, err);
        if (r >= 0)
            r = pull_from(pull, ret_id, last ? err : NULL);
        if (r == -ECANCELED && !last)
            return error_set_plain(err, r, NULL, "interrupted");
        if (r >= 0 || last)
            return r;
        store_work_end(&pull->work);
        r = 0;
    }
    return r;
}

static int pull_ref(struct engine *engine, const struct image_ref *ref,
        const struct image_pull_options *options, char **ret_id, struct error **err)
{
    auto_(pull_release) struct pull pull = {
        .engine = engine,
        .options = options,
        .ref = ref,
        .work = STORE_WORK_INIT,
    };
    int r;

    pthread_mutex_init(&pull.lock, NULL);
    progress_relay_init(&pull.relay, options->progress);
    r = image_platform_parse(&pull.arena, options->platform, &pull.platform, err);
    return r < 0 ? r : pull_anywhere(&pull, ret_id, err);
}

/* True when an image of that name is here and of the platform that was asked for. */
static int find_local(struct engine *engine, const char *text,
        const struct image_pull_options *options, struct image **ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(image_free_p) struct image *image = NULL;
    struct image_platform platform, have;
    int r = image_platform_parse(&arena, options->platform, &platform, err);

    if (r >= 0)
        r = image_lookup(engine, text, &image, err);
    if (r < 0)
        return r;
    if (image && options->platform) {
        have = (struct image_platform){ image->os, image->architecture, image->variant };
        if (image_platform_rank(&platform, &have) == 0)
            image_free(TAKE(image));
    }
    *ret = TAKE(image);
    return 0;
}

int image_pull(struct engine *engine, const char *ref, const struct image_pull_options *options,
        struct image **ret, struct error **err)
{
    auto_(image_ref_release) struct image_ref parsed = IMAGE_REF_INIT;
    auto_(image_free_p) struct image *image = NULL;
    auto_free char *id = NULL;
    int r = options->policy != IMAGE_PULL_ALWAYS ? find_local(engine, ref, options, &image, err)
                                                 : 0;

    if (r >= 0 && !image)
        r = image_ref_parse(ref, &parsed, err);
    if (r < 0)
        return r;
    if (!image && options->policy == IMAGE_PULL_NEVER)
        return error_set_plain(err, ENOENT, NULL, "No such image: %s", ref);
    if (!image) {
        r = pull_ref(engine, &parsed, options, &id, err);
        if (r < 0)
            return error_wrap(err, r, "cannot pull %s", ref);
        r = rows_read_image(engine, id, &image, err);
        if (r < 0)
            return r;
        engine_event(engine, "image", "pull", ref, "name", ref);
    }
    if (ret)
        *ret = TAKE(image);
    return 0;
}
