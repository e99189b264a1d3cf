/* Any bytes as a unit file. Read without losses it comes back as it was; read normally, what is
 * written reads to the same again. The first byte tells how. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "units/unitfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int write_again(struct arena *arena, unsigned flags, struct str text, struct strbuf *out)
{
    struct diag diag = DIAG_INIT;
    struct unitfile unit;

    unitfile_init(&unit, arena);
    unit.flags = flags;
    int r = unitfile_parse(&unit, &(struct unit_text){ "fuzz", text.data, text.len }, &diag);
    unitfile_write(&unit, out);
    diag_release(&diag);
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_(strbuf_release) struct strbuf once = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES * 4);
    auto_(strbuf_release) struct strbuf twice = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES * 4);
    struct arena arena = ARENA_INIT;

    if (size == 0 || size > LIMIT_UNIT_FILE_BYTES)
        return 0;
    unsigned flags = data[0] & 1 ? UNITFILE_LOSSLESS : 0;
    struct str text = { (const char *)data + 1, size - 1 };
    if (write_again(&arena, flags, text, &once) == 0) {
        if (flags)
            assert(once.len == text.len && memcmp(once.data, text.data, text.len) == 0);
        else if (write_again(&arena, flags, strbuf_str(&once), &twice) == 0)
            assert(strcmp(once.data, twice.data) == 0);
    }
    arena_release(&arena);
    return 0;
}
