#include "engine/image/manifest.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "engine/image/config-internal.h"

#define INDEX_ENTRIES_MAX 4096
#define ANNOTATION_NAME "io.containerd.image.name"
#define ANNOTATION_REF "org.opencontainers.image.ref.name"
#define ANNOTATION_ATTESTATION "vnd.docker.reference.type"

static int read_platform(
        struct arena *arena, const json_t *object, struct image_platform *ret, struct error **err)
{
    json_t *platform = NULL;
    const char *os = NULL, *architecture = NULL, *variant = NULL;
    int r = jsonx_get_object(object, "platform", &platform, err);

    if (r < 0 || !platform)
        return r;
    r = jsonx_get_string(platform, "os", &os, err);
    if (r >= 0)
        r = jsonx_get_string(platform, "architecture", &architecture, err);
    if (r >= 0)
        r = jsonx_get_string(platform, "variant", &variant, err);
    if (r < 0)
        return r;
    *ret = (struct image_platform){
        .os = arena_strdup(arena, os ? os : ""),
        .architecture = arena_strdup(arena, architecture ? architecture : ""),
        .variant = string_is_empty(variant) ? NULL : arena_strdup(arena, variant),
    };
    return 0;
}

static void read_annotations(struct arena *arena, const json_t *object, struct descriptor *out)
{
    const json_t *annotations = json_object_get(object, "annotations");
    const char *name = jsonx_string(annotations, ANNOTATION_NAME);

    if (!name) {
        name = jsonx_string(annotations, ANNOTATION_REF);
        if (name && !strpbrk(name, ":/")) /* a tag alone says of no repository */
            name = NULL;
    }
    out->name = arena_strdup(arena, name);
    out->attestation = jsonx_string(annotations, ANNOTATION_ATTESTATION) ||
                       (out->platform.os && strcmp(out->platform.os, "unknown") == 0);
}

static int read_descriptor(struct arena *arena, const json_t *object, const char *what,
        struct descriptor *ret, struct error **err)
{
    struct descriptor out = { .media_type = "" };
    int64_t size = -1;
    int r;

    if (!json_is_object(object))
        return error_set_plain(err, EBADMSG, NULL, "%s has a descriptor that is no object", what);
    r = jsonx_get_string(object, "mediaType", &out.media_type, err);
    if (r >= 0)
        r = jsonx_get_string(object, "digest", &out.digest, err);
    if (r >= 0)
        r = jsonx_get_int(object, "size", &size, err);
    if (r >= 0)
        r = read_platform(arena, object, &out.platform, err);
    if (r < 0)
        return error_wrap(err, -EBADMSG, "%s", what);
    if (!out.digest || !digest_is_valid(out.digest))
        return error_set_plain(
                err, EBADMSG, NULL, "%s has a descriptor without a valid digest", what);
    if (!string_has_prefix(out.digest, "sha256:"))
        return error_set_plain(err, ENOTSUP, NULL, "%s: digest %.12s…: only sha256 is supported",
                what, out.digest);
    if (size < 0)
        return error_set_plain(
                err, EBADMSG, NULL, "%s has a descriptor without a valid size", what);
    out.media_type = arena_strdup(arena, out.media_type);
    out.digest = arena_strdup(arena, out.digest);
    out.size_bytes = (uint64_t)size;
    read_annotations(arena, object, &out);
    *ret = out;
    return 0;
}

static int read_descriptors(struct arena *arena, const json_t *list, size_t max, const char *what,
        struct descriptor **ret, size_t *ret_count, struct error **err)
{
    size_t count = json_array_size(list);
    struct descriptor *out;

    if (count > max)
        return error_set_plain(err, E2BIG, NULL, "%s has more than %zu entries", what, max);
    out = ARENA_NEW_ARRAY(arena, count ? count : 1, struct descriptor);
    for (size_t i = 0; i < count; i++) {
        int r = read_descriptor(arena, json_array_get(list, i), what, &out[i], err);

        if (r < 0)
            return r;
    }
    *ret = out;
    *ret_count = count;
    return 0;
}

static int read_image(struct arena *arena, const json_t *json, const json_t *layers,
        const char *what, struct manifest *out, struct error **err)
{
    const json_t *config = json_object_get(json, "config");
    int r;

    if (!config)
        return error_set_plain(err, EBADMSG, NULL, "%s has no configuration", what);
    r = read_descriptor(arena, config, what, &out->config, err);
    if (r < 0)
        return r;
    if (out->config.size_bytes > LIMIT_IMAGE_CONFIG_BYTES)
        return error_set_plain(err, E2BIG, NULL, "%s: the configuration is too large", what);
    if (*out->config.media_type &&
            strcmp(out->config.media_type, "application/vnd.oci.image.config.v1+json") != 0 &&
            strcmp(out->config.media_type, "application/vnd.docker.container.image.v1+json") != 0 &&
            strcmp(out->config.media_type, "application/octet-stream") != 0)
        return error_set_plain(err, ENOTSUP, NULL,
                "%s is of something that is no container image (%.100s)", what,
                out->config.media_type);
    return read_descriptors(
            arena, layers, LIMIT_IMAGE_LAYERS, what, &out->layers, &out->layer_count, err);
}

int manifest_parse(struct arena *arena, const char *text, size_t len, const char *what,
        struct manifest *ret, struct error **err)
{
    auto_json json_t *json = NULL;
    struct manifest out = { 0 };
    const json_t *manifests, *layers;
    int r;

    if (len > LIMIT_MANIFEST_BYTES)
        return error_set_plain(
                err, E2BIG, NULL, "%s is larger than %u bytes", what, LIMIT_MANIFEST_BYTES);
    r = jsonx_parse(text, len, what, &json, err);
    if (r < 0)
        return r;
    if (!json_is_object(json))
        return error_set_plain(err, EBADMSG, NULL, "%s is not a JSON object", what);
    if (jsonx_int(json, "schemaVersion", 2) == 1 || json_object_get(json, "fsLayers"))
        return error_set_plain(err, ENOTSUP, NULL,
                "%s has schema version 1, which is not supported: push the image again with a "
                "current tool",
                what);
    manifests = json_object_get(json, "manifests");
    layers = json_object_get(json, "layers");
    if (manifests && (layers || json_object_get(json, "config")))
        return error_set_plain(err, EBADMSG, NULL, "%s is both an index and a manifest", what);
    if (manifests ? !json_is_array(manifests) : !json_is_array(layers))
        return error_set_plain(err, EBADMSG, NULL, "%s is neither a manifest nor an index", what);
    out.is_index = manifests != NULL;
    if (out.is_index)
        r = read_descriptors(
                arena, manifests, INDEX_ENTRIES_MAX, what, &out.entries, &out.entry_count, err);
    else
        r = read_image(arena, json, layers, what, &out, err);
    if (r < 0)
        return r;
    *ret = out;
    return 0;
}

int manifest_choose(const struct manifest *index, const struct image_platform *platform,
        const struct descriptor **ret, struct error **err)
{
    const struct descriptor *best = NULL;
    unsigned best_rank = 0;
    char wanted[64];

    for (size_t i = 0; i < index->entry_count; i++) {
        const struct descriptor *entry = &index->entries[i];
        unsigned rank;

        if (entry->attestation)
            continue;
        /* An entry that does not say its platform is taken when nothing says that it fits. */
        rank = entry->platform.os ? image_platform_rank(platform, &entry->platform) : 1;
        if (rank > best_rank) {
            best = entry;
            best_rank = rank;
        }
    }
    if (!best) {
        image_platform_format(platform, wanted, sizeof(wanted));
        return error_set_plain(err, ENOENT, NULL,
                "no matching manifest for %s in the manifest list entries", wanted);
    }
    *ret = best;
    return 0;
}

int descriptor_check(const struct descriptor *descriptor, const void *data, size_t len,
        const char *what, struct error **err)
{
    char digest[DIGEST_TEXT_MAX];

    if (len != descriptor->size_bytes)
        return error_set_plain(err, EBADMSG, NULL,
                "%s: size mismatch: expected %" PRIu64 " bytes, got %zu", what,
                descriptor->size_bytes, len);
    digest_sha256(data, len, digest);
    if (strcmp(digest, descriptor->digest) != 0)
        return error_set_plain(err, EBADMSG, NULL, "%s: digest mismatch: expected %s, got %s", what,
                descriptor->digest, digest);
    return 0;
}
