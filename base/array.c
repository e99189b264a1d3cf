#include "base/array.h"

#include <string.h>

#include "base/arena.h"
#include "base/mem.h"

static size_t grown_cap(size_t cap, size_t item_bytes)
{
    if (cap == 0)
        return item_bytes >= 256 ? 4 : 8;
    if (__builtin_mul_overflow(cap, (size_t)2, &cap))
        mem_exhausted();
    return cap;
}

void *array_grow(void *items, size_t len, size_t *cap, size_t item_bytes)
{
    if (len >= *cap) {
        *cap = grown_cap(*cap, item_bytes);
        items = mem_realloc_array(items, *cap, item_bytes);
    }
    memset((char *)items + len * item_bytes, 0, item_bytes);
    return items;
}

void *array_grow_arena(struct arena *arena, void *items, size_t len, size_t *cap, size_t item_bytes)
{
    if (len >= *cap) {
        *cap = grown_cap(*cap, item_bytes);
        void *grown = arena_alloc_array(arena, *cap, item_bytes);

        if (len > 0)
            memcpy(grown, items, len * item_bytes);
        items = grown;
    }
    memset((char *)items + len * item_bytes, 0, item_bytes);
    return items;
}
