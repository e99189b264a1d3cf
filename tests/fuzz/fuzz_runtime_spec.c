/* OCI configurations from bundles: refused with a reason, or taken with everything in its
 * bounds. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "engine/runtime/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_error struct error *err = NULL;
    auto_json json_t *json = NULL;
    struct runtime_spec *spec = NULL;

    if (jsonx_parse((const char *)data, size, "input", &json, &err) < 0)
        return 0;
    if (runtime_spec_parse(&arena, json, &spec, &err) < 0) {
        assert(err && !spec);
        return 0;
    }
    assert(spec->process.args[0] && spec->process.cwd[0] == '/');
    assert(spec->namespaces[NAMESPACE_MOUNT].mode == NAMESPACE_PRIVATE);
    for (size_t i = 0; i < spec->mount_count; i++)
        assert(spec->mounts[i].destination[0] == '/' && spec->mounts[i].type &&
                spec->mounts[i].source);
    return 0;
}
