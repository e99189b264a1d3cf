#include "engine/image/artifact.h"
#include "engine/image/image.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "engine/engine-internal.h"
#include "engine/image/push-internal.h"
#include "engine/image/ref.h"

#define MEDIA_EMPTY "application/vnd.oci.empty.v1+json"
#define MEDIA_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define EMPTY_CONFIG "{}"

static int push_part(
        struct push *push, const struct artifact_part *part, json_t *layers, struct error **err)
{
    char digest[DIGEST_TEXT_MAX];
    json_t *annotations;
    int r = push_text_blob(push, part->data, part->len, digest, err);

    if (r < 0)
        return r;
    annotations = json_object();
    for (size_t i = 0; i < ARRAY_LEN(part->annotations) && part->annotations[i][0]; i++)
        json_object_set_new(
                annotations, part->annotations[i][0], jsonx_text(part->annotations[i][1]));
    json_array_append_new(
            layers, json_pack("{s:s, s:s, s:I, s:o}", "mediaType", part->media_type, "digest",
                            digest, "size", (json_int_t)part->len, "annotations", annotations));
    return 0;
}

static int push_all(struct push *push, const struct artifact *artifact, const char *tag,
        char digest[static DIGEST_TEXT_MAX], struct error **err)
{
    auto_json json_t *layers = json_array(), *manifest = NULL;
    auto_free char *text = NULL;
    char config[DIGEST_TEXT_MAX];
    int r = push_text_blob(push, EMPTY_CONFIG, strlen(EMPTY_CONFIG), config, err);

    for (size_t i = 0; i < artifact->part_count && r >= 0; i++)
        r = push_part(push, &artifact->parts[i], layers, err);
    if (r < 0)
        return r;
    manifest = json_pack("{s:i, s:s, s:s*, s:{s:s, s:s, s:i}, s:O, s:{s:s}}", "schemaVersion", 2,
            "mediaType", MEDIA_MANIFEST, "artifactType", artifact->oci_1_0 ? NULL : artifact->type,
            "config", "mediaType", artifact->oci_1_0 ? artifact->type_1_0 : MEDIA_EMPTY, "digest",
            config, "size", (int)strlen(EMPTY_CONFIG), "layers", layers, "annotations",
            "org.opencontainers.image.created", artifact->created);
    text = jsonx_dump(manifest);
    return push_manifest(push, tag, MEDIA_MANIFEST, text, strlen(text), digest, err);
}

int artifact_push(struct engine *engine, const char *name, const struct artifact *artifact,
        const struct progress *progress, char **ret_digest, struct error **err)
{
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
    auto_(push_release) struct push push = { 0 };
    char digest[DIGEST_TEXT_MAX];
    int r = image_ref_parse(name, &ref, err);

    if (r >= 0 && !ref.tag)
        r = error_set_plain(err, EINVAL, NULL, "cannot publish under a digest: %s", name);
    if (r >= 0)
        r = push_begin(
                engine, &ref, &(struct image_push_options){ .progress = progress }, &push, err);
    if (r >= 0)
        r = push_all(&push, artifact, ref.tag, digest, err);
    if (r < 0)
        return error_wrap(err, r, "cannot publish %s", name);
    *ret_digest = mem_strdup(digest);
    return 0;
}
