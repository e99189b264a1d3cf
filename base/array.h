/* Growable arrays of any type, as three members of a struct:
 *
 *     struct ports { struct port *items; size_t len, cap; };
 *     *ARRAY_APPEND(&ports) = (struct port){ .number = 80 };
 *
 * ARRAY_APPEND gives a pointer to a zeroed new element; it is valid until the next append. Heap form:
 * freed with ARRAY_RELEASE. The arena form leaves the old memory in the arena when it grows. */
#pragma once

#include <stddef.h>
#include <string.h>

struct arena;

void *array_grow(void *items, size_t len, size_t *cap, size_t item_bytes);
void *array_grow_arena(
        struct arena *arena, void *items, size_t len, size_t *cap, size_t item_bytes);

/* The usual case is no call: units are made of thousands of these. */
#define ARRAY_APPEND(a)                                                                \
    __extension__({                                                                    \
        __typeof__(a) array_ = (a);                                                    \
        if (array_->len < array_->cap)                                                 \
            memset((void *)&array_->items[array_->len], 0, sizeof(*array_->items));    \
        else                                                                           \
            array_->items = array_grow(                                                \
                    array_->items, array_->len, &array_->cap, sizeof(*array_->items)); \
        &array_->items[array_->len++];                                                 \
    })
#define ARRAY_APPEND_ARENA(arena, a)                                                            \
    __extension__({                                                                             \
        __typeof__(a) array_ = (a);                                                             \
        if (array_->len < array_->cap)                                                          \
            memset((void *)&array_->items[array_->len], 0, sizeof(*array_->items));             \
        else                                                                                    \
            array_->items = array_grow_arena(                                                   \
                    (arena), array_->items, array_->len, &array_->cap, sizeof(*array_->items)); \
        &array_->items[array_->len++];                                                          \
    })
#define ARRAY_RELEASE(a)         \
    do {                         \
        free((a)->items);        \
        (a)->items = NULL;       \
        (a)->len = (a)->cap = 0; \
    } while (0)

#define ARRAY_FOREACH(a, it) \
    for (__typeof__((a)->items[0]) *it = (a)->items; it && it < (a)->items + (a)->len; it++)

/* A list of texts; the texts are owned by whoever says so beside the member. */
struct strings {
    char **items;
    size_t len, cap;
};
