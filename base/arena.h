/* Memory for things that are read and then kept as a whole: a document, a project, a plan. Everything
 * that is allocated in an arena goes with it, in one call. An arena owns memory only: never a
 * descriptor, a process or a lock. Not thread-safe; one arena belongs to one thread at a time. */
#pragma once

#include <stdarg.h>
#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *head; /* newest block, the one that is being filled */
    size_t used_bytes;        /* over all blocks, for limits and statistics */
};

#define ARENA_INIT \
    {              \
        0          \
    }

/* Frees everything; the arena may be used again. */
void arena_release(struct arena *arena);

/* Zeroed, aligned for any type; never NULL. */
void *arena_alloc(struct arena *arena, size_t size_bytes) __attribute__((returns_nonnull));
void *arena_alloc_array(struct arena *arena, size_t count, size_t size_bytes)
        __attribute__((returns_nonnull));

/* Copies that live in the arena; NULL gives NULL. */
char *arena_strdup(struct arena *arena, const char *text);
char *arena_strndup(struct arena *arena, const char *text, size_t len);
void *arena_dup(struct arena *arena, const void *bytes, size_t size_bytes);
char *arena_printf(struct arena *arena, const char *format, ...)
        __attribute__((format(printf, 2, 3), returns_nonnull));
char *arena_vprintf(struct arena *arena, const char *format, va_list args)
        __attribute__((format(printf, 2, 0), returns_nonnull));

/* The texts one after the other, up to a NULL: what "%s%s" gives, in a fraction of the time. */
char *arena_join(struct arena *arena, const char *first, ...)
        __attribute__((sentinel, returns_nonnull));

/* A mark remembers how full the arena is; going back to it frees all that came later. */
struct arena_mark {
    struct arena_block *head;
    size_t block_used, used_bytes;
};
struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

/* Gives back the end of an allocation when it is the newest of the arena, and else nothing. */
void arena_shrink(struct arena *arena, const void *p, size_t old_bytes, size_t new_bytes);

#define ARENA_NEW(arena, type) ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_NEW_ARRAY(arena, count, type) \
    ((type *)arena_alloc_array((arena), (count), sizeof(type)))
