/* What registries send: the same bytes as a manifest, as an image configuration and as a challenge. Each is
 * refused with a reason or keeps its promises. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/image/challenge.h"
#include "engine/image/config-internal.h"
#include "engine/image/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_manifest(struct arena *arena, const char *text, size_t len)
{
    auto_error struct error *err = NULL;
    struct image_platform platform = image_platform_host();
    const struct descriptor *chosen = NULL;
    struct manifest manifest;

    if (manifest_parse(arena, text, len, "manifest", &manifest, &err) < 0) {
        assert(err);
        return;
    }
    for (size_t i = 0; i < manifest.layer_count; i++)
        assert(digest_is_valid(manifest.layers[i].digest));
    if (!manifest.is_index)
        assert(manifest.config.size_bytes <= LIMIT_IMAGE_CONFIG_BYTES);
    else if (manifest_choose(&manifest, &platform, &chosen, &err) == 0)
        assert(!chosen->attestation);
}

static void try_config(struct arena *arena, const char *text, size_t len)
{
    auto_error struct error *err = NULL;
    auto_json json_t *json = NULL;
    struct config_summary summary;
    struct image_config config;

    if (jsonx_parse(text, len, "configuration", &json, NULL) < 0)
        return;
    if (image_config_summary(arena, json, "configuration", &summary, &err) < 0) {
        assert(err);
        return;
    }
    assert(summary.diff_ids.len <= LIMIT_IMAGE_LAYERS);
    if (image_config_read(arena, json, &config, &err) < 0)
        assert(err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_free char *text = mem_strndup((const char *)data, size);
    struct challenge challenge;

    try_manifest(&arena, (const char *)data, size);
    try_config(&arena, (const char *)data, size);
    if (challenge_parse(&arena, text, &challenge) && challenge.scheme == CHALLENGE_BEARER)
        assert(challenge.realm);
    return 0;
}
