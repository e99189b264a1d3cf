/* What a name stands for at its registry, without downloading it. */
#include <errno.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/image/http.h"
#include "engine/image/image.h"
#include "engine/image/manifest.h"
#include "engine/image/ref.h"
#include "engine/image/registries.h"
#include "engine/image/registry.h"

/* The digest of the manifest, or the index, that the tag names there. */
static int ask(const struct engine_options *options, const struct image_ref *ref,
        const struct registry_endpoint *endpoint, char ret_digest[static DIGEST_TEXT_MAX],
        struct error **err)
{
    const struct registry_options where = {
        .engine = options,
        .domain = ref->domain,
        .path = ref->path,
        .endpoint = endpoint,
    };
    auto_(registry_free_p) struct registry *registry = NULL;
    auto_(http_client_free_p) struct http_client *client = NULL;
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_free char *text = NULL;
    struct manifest manifest;
    size_t len;
    int r = registry_new(&where, &registry, err);

    if (r >= 0)
        r = http_client_new(&client, err);
    if (r >= 0)
        r = registry_get_manifest(registry, client, ref->tag, options->cancel, &text, &len, err);
    if (r >= 0)
        r = manifest_parse(&arena, text, len, "the registry's answer", &manifest, err);
    if (r >= 0)
        digest_sha256(text, len, ret_digest);
    return r;
}

int image_resolve(
        const struct engine_options *options, const char *ref, char **ret, struct error **err)
{
    auto_(image_ref_release) struct image_ref parsed = IMAGE_REF_INIT;
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct registry_endpoints endpoints = { 0 };
    char digest[DIGEST_TEXT_MAX];
    int r = image_ref_parse(ref, &parsed, err);

    if (r >= 0 && parsed.digest) {
        free(TAKE(parsed.tag)); /* the digest decides */
        *ret = image_ref_canonical(&parsed);
        return 0;
    }
    if (r >= 0)
        r = registries_resolve(&arena, options, &parsed, &endpoints, err);
    for (size_t i = 0; r >= 0 && i < endpoints.len; i++) {
        bool last = i + 1 == endpoints.len;

        r = ask(options, &parsed, &endpoints.items[i], digest, last ? err : NULL);
        if (r == -ECANCELED && !last)
            return error_set_plain(err, r, NULL, "interrupted");
        if (r >= 0 || last)
            break;
        r = 0; /* a mirror that fails in whatever way is passed over */
    }
    if (r < 0)
        return r;
    parsed.digest = mem_strdup(digest);
    *ret = image_ref_canonical(&parsed);
    return 0;
}
