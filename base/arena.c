#include "base/arena.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    FIRST_BLOCK_BYTES = 4096,
    MAX_BLOCK_BYTES = 256 * 1024, /* larger wishes get a block of their own size */
    ALIGN_BYTES = _Alignof(max_align_t),
};

struct arena_block {
    struct arena_block *previous;
    size_t used, cap;
    max_align_t data[];
};

static size_t align_up(size_t size_bytes)
{
    size_t rounded;

    if (__builtin_add_overflow(size_bytes, (size_t)ALIGN_BYTES - 1, &rounded))
        mem_exhausted();
    return rounded & ~((size_t)ALIGN_BYTES - 1);
}

static struct arena_block *block_new(struct arena_block *previous, size_t wanted)
{
    size_t cap = previous ? previous->cap * 2 : FIRST_BLOCK_BYTES - sizeof(struct arena_block);
    size_t total;

    if (cap > MAX_BLOCK_BYTES)
        cap = MAX_BLOCK_BYTES;
    if (cap < wanted)
        cap = wanted;
    if (__builtin_add_overflow(cap, sizeof(struct arena_block), &total))
        mem_exhausted();

    struct arena_block *block = mem_alloc(total);
    block->previous = previous;
    block->used = 0;
    block->cap = cap;
    return block;
}

void arena_release(struct arena *arena)
{
    if (!arena)
        return;
    while (arena->head) {
        struct arena_block *previous = arena->head->previous;

        free(arena->head);
        arena->head = previous;
    }
    arena->used_bytes = 0;
}

/* Not zeroed. */
static void *take(struct arena *arena, size_t size_bytes)
{
    size_t rounded = align_up(size_bytes ? size_bytes : 1);

    if (!arena->head || arena->head->cap - arena->head->used < rounded)
        arena->head = block_new(arena->head, rounded);

    struct arena_block *block = arena->head;
    void *p = (char *)block->data + block->used;
    block->used += rounded;
    arena->used_bytes += rounded;
    assert(block->used <= block->cap);
    return p;
}

void *arena_alloc(struct arena *arena, size_t size_bytes)
{
    return memset(take(arena, size_bytes), 0, size_bytes);
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size_bytes)
{
    size_t total;

    if (__builtin_mul_overflow(count, size_bytes, &total))
        mem_exhausted();
    return arena_alloc(arena, total);
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text ? arena_dup(arena, text, strlen(text) + 1) : NULL;
}

char *arena_strndup(struct arena *arena, const char *text, size_t len)
{
    if (!text)
        return NULL;
    len = strnlen(text, len);
    char *copy = take(arena, len + 1);

    memcpy(copy, text, len);
    copy[len] = '\0';
    return copy;
}

void *arena_dup(struct arena *arena, const void *bytes, size_t size_bytes)
{
    if (!bytes)
        return NULL;
    return memcpy(take(arena, size_bytes), bytes, size_bytes);
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    /* Straight to where it will stand, when it fits there. */
    struct arena_block *block = arena->head;
    size_t room = block ? block->cap - block->used : 0;
    int len = vsnprintf(room ? (char *)block->data + block->used : NULL, room, format, args);
    assert(len >= 0);
    char *text = take(arena, (size_t)len + 1);
    if ((size_t)len >= room)
        vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

char *arena_join(struct arena *arena, const char *first, ...)
{
    size_t len = 0;
    va_list texts;

    va_start(texts, first);
    for (const char *text = first; text; text = va_arg(texts, const char *))
        len += strlen(text);
    va_end(texts);
    char *joined = take(arena, len + 1), *end = joined;
    va_start(texts, first);
    for (const char *text = first; text; text = va_arg(texts, const char *)) {
        size_t text_len = strlen(text);

        memcpy(end, text, text_len);
        end += text_len;
    }
    va_end(texts);
    *end = '\0';
    return joined;
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){
        .head = arena->head,
        .block_used = arena->head ? arena->head->used : 0,
        .used_bytes = arena->used_bytes,
    };
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
    while (arena->head != mark.head) {
        assert(arena->head); /* the mark is of this arena and not older than a release */
        struct arena_block *previous = arena->head->previous;

        free(arena->head);
        arena->head = previous;
    }
    if (arena->head) {
        assert(mark.block_used <= arena->head->used);
        arena->head->used = mark.block_used;
    }
    arena->used_bytes = mark.used_bytes;
}

void arena_shrink(struct arena *arena, const void *p, size_t old_bytes, size_t new_bytes)
{
    struct arena_block *block = arena->head;
    const size_t old_rounded = align_up(old_bytes ? old_bytes : 1);
    const size_t new_rounded = align_up(new_bytes ? new_bytes : 1);

    assert(new_bytes <= old_bytes);
    if (!block || (const char *)p + old_rounded != (const char *)block->data + block->used)
        return;
    block->used -= old_rounded - new_rounded;
    arena->used_bytes -= old_rounded - new_rounded;
}
