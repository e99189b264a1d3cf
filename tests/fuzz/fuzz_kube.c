/* Any bytes as Kubernetes YAML, through the whole planning; and as a secret of the store. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/limits.h"
#include "compose/yaml.h"
#include "kube/read.h"
#include "kube/down.h"
#include "kube/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct kube_plan_options options = { .publish_all = size % 2,
        .seccomp_root = "/profiles",
        .memory_bytes = 1 << 30,
        .cpus = 2,
        .hostname = "machine" };
    struct arena arena = ARENA_INIT;
    struct diag diag = DIAG_INIT;
    struct kube_documents documents = { 0 };
    struct kube_down_plan down = { 0 };
    struct kube_plan plan;

    if (size > LIMIT_UNIT_FILE_BYTES)
        return 0;
    char *copy = arena_alloc(&arena, size + 1);
    struct yaml_text text = { .file = "fuzz.yaml", .data = copy, .len = size };
    memcpy(copy, data, size);
    (void)kube_read_secret(&arena, text.data, size);
    if (kube_read(&arena, &text, &documents, &diag) >= 0) {
        (void)kube_stored_secrets(&arena, &documents);
        (void)kube_plan_make(&arena, &documents, &options, &plan, &diag);
        kube_plan_down(&arena, &documents, &down);
    }
    (void)kube_read_down(&arena, &text, &down, &diag);
    diag_release(&diag);
    arena_release(&arena);
    return 0;
}
