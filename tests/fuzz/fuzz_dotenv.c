/* Any bytes as a file of variables; the first bit tells which format. */
#include <stdint.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "compose/env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = ARENA_INIT;
    struct diag diag = DIAG_INIT;
    struct env_entries entries = { 0 };

    if (size) {
        const struct env_text text = {
            .file = "fuzz.env",
            .data = (const char *)data + 1,
            .len = size - 1,
            .raw = data[0] & 1,
        };

        (void)env_parse(&arena, &text, &entries, &diag);
    }
    diag_release(&diag);
    arena_release(&arena);
    return 0;
}
