/* Any bytes as a file of several quadlets: its parts are within the file, and have plain names. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/diag.h"
#include "base/fs.h"
#include "quadlet/keys.h"
#include "quadlet/multi.h"
#include "units/unitfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct unit_text text = { "fuzz.quadlets", (const char *)data, size };
    struct arena arena = ARENA_INIT;
    struct diag diag = DIAG_INIT;
    struct quadlet_parts parts;

    (void)quadlet_split_parts(&arena, &text, &parts, &diag);
    ARRAY_FOREACH(&parts, part) {
        assert(part->len <= size);
        assert(fs_name_is_plain(part->name) && quadlet_type_of(part->name) >= 0);
    }
    diag_release(&diag);
    arena_release(&arena);
    return 0;
}
