/* Map from text to pointer that keeps the order of insertion (what Compose prints depends on it).
 * Look-up is by hash, in constant time. Heap form: strmap_release frees the table and the key copies, values are the
 * caller's. Arena form (strmap_init_arena): everything goes with the arena and release does nothing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;

struct strmap_entry {
    const char *key;
    void *value;
    uint32_t hash;
};

struct strmap {
    struct arena *arena;          /* NULL: heap */
    struct strmap_entry *entries; /* in order of insertion, len of them; removal keeps the order */
    size_t len, cap;
    uint32_t *index; /* hash table of positions + 1 */
    size_t index_cap;
};

#define STRMAP_INIT \
    {               \
        0           \
    }

void strmap_init_arena(struct strmap *map, struct arena *arena);
void strmap_release(struct strmap *map);

/* The value, or NULL when the key is not there (strmap_has tells a stored NULL from none). */
void *strmap_get(const struct strmap *map, const char *key);
void *strmap_get_len(const struct strmap *map, const char *key, size_t key_len);
bool strmap_has(const struct strmap *map, const char *key);

/* Sets or replaces (then the position stays); the key is copied. Returns the value that was there. */
void *strmap_set(struct strmap *map, const char *key, void *value);

/* The same in arena form with a key that lives as long as the map: it is not copied. */
void *strmap_set_borrowed(struct strmap *map, const char *key, void *value);

/* Removes; returns the value that was there. Costs time in proportion to the map. */
void *strmap_remove(struct strmap *map, const char *key);

void strmap_sort(struct strmap *map); /* by key, bytewise */

#define STRMAP_FOREACH(map, it) \
    for (struct strmap_entry *it = (map)->entries; it && it < (map)->entries + (map)->len; it++)
