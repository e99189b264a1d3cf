#include "base/strmap.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/arena.h"
#include "base/mem.h"

enum { FIRST_CAP = 8, FIRST_INDEX_CAP = 16 };

static uint64_t rotate(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static void sip_round(uint64_t v[static 4])
{
    v[0] += v[1], v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

/* Looking them up takes longer than hashing a name. Every thread finds the same. */
static const void *random_bytes_of_process(void)
{
    static _Atomic(const void *) found;
    const void *bytes = atomic_load_explicit(&found, memory_order_relaxed);

    if (!bytes) {
        bytes = (const void *)getauxval(AT_RANDOM); /* always there on Linux */
        atomic_store_explicit(&found, bytes, memory_order_relaxed);
    }
    return bytes;
}

/* SipHash-1-3 under the 16 random bytes that the kernel gives every process: keys come from files of
 * strangers, and with a fixed function they could choose keys that all collide. */
static uint32_t hash_key(const char *key, size_t len)
{
    uint64_t seed[2];

    memcpy(seed, random_bytes_of_process(), sizeof(seed));
    uint64_t v[4] = {
        seed[0] ^ UINT64_C(0x736f6d6570736575),
        seed[1] ^ UINT64_C(0x646f72616e646f6d),
        seed[0] ^ UINT64_C(0x6c7967656e657261),
        seed[1] ^ UINT64_C(0x7465646279746573),
    };
    uint64_t word = (uint64_t)len << 56;
    size_t whole = len & ~(size_t)7;

    for (size_t i = 0; i < whole; i += 8) {
        uint64_t m;

        memcpy(&m, key + i, 8);
        v[3] ^= m;
        sip_round(v);
        v[0] ^= m;
    }
    for (size_t i = whole; i < len; i++)
        word |= (uint64_t)(uint8_t)key[i] << (8 * (i - whole));
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    uint64_t hash = v[0] ^ v[1] ^ v[2] ^ v[3];
    return (uint32_t)(hash ^ (hash >> 32));
}

/* Where in the index the key stands, or the free place where it would. */
static size_t find_slot(const struct strmap *map, const char *key, size_t len, uint32_t hash)
{
    size_t mask = map->index_cap - 1;
    size_t slot = hash & mask;

    while (map->index[slot]) {
        const struct strmap_entry *entry = &map->entries[map->index[slot] - 1];

        if (entry->hash == hash && strncmp(entry->key, key, len) == 0 && !entry->key[len])
            break;
        slot = (slot + 1) & mask;
    }
    return slot;
}

static void fill_index(struct strmap *map)
{
    size_t mask = map->index_cap - 1;

    memset(map->index, 0, map->index_cap * sizeof(*map->index));
    for (size_t i = 0; i < map->len; i++) {
        size_t slot = map->entries[i].hash & mask;

        while (map->index[slot])
            slot = (slot + 1) & mask;
        map->index[slot] = (uint32_t)(i + 1);
    }
}

static void grow(struct strmap *map)
{
    size_t cap = map->cap ? map->cap * 2 : FIRST_CAP;
    size_t index_cap = map->cap ? map->index_cap * 2 : FIRST_INDEX_CAP;

    if (cap > UINT32_MAX / 2)
        mem_exhausted();
    if (map->arena) {
        struct strmap_entry *entries = arena_alloc_array(map->arena, cap, sizeof(*entries));

        if (map->len > 0)
            memcpy(entries, map->entries, map->len * sizeof(*entries));
        map->entries = entries;
        map->index = arena_alloc_array(map->arena, index_cap, sizeof(*map->index));
    } else {
        map->entries = mem_realloc_array(map->entries, cap, sizeof(*map->entries));
        map->index = mem_realloc_array(map->index, index_cap, sizeof(*map->index));
    }
    map->cap = cap;
    map->index_cap = index_cap;
    fill_index(map);
}

static const struct strmap_entry *find(const struct strmap *map, const char *key, size_t len)
{
    if (map->len == 0)
        return NULL;
    uint32_t position = map->index[find_slot(map, key, len, hash_key(key, len))];
    return position ? &map->entries[position - 1] : NULL;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(((const struct strmap_entry *)a)->key, ((const struct strmap_entry *)b)->key);
}

void strmap_init_arena(struct strmap *map, struct arena *arena)
{
    *map = (struct strmap){ .arena = arena };
}

void strmap_release(struct strmap *map)
{
    if (!map || map->arena)
        return;
    STRMAP_FOREACH(map, entry)
        free((void *)entry->key);
    free(map->entries);
    free(map->index);
    *map = (struct strmap)STRMAP_INIT;
}

void *strmap_get(const struct strmap *map, const char *key)
{
    return strmap_get_len(map, key, strlen(key));
}

void *strmap_get_len(const struct strmap *map, const char *key, size_t key_len)
{
    const struct strmap_entry *entry = find(map, key, key_len);

    return entry ? entry->value : NULL;
}

bool strmap_has(const struct strmap *map, const char *key)
{
    return find(map, key, strlen(key)) != NULL;
}

static void *set(struct strmap *map, const char *key, void *value, bool is_borrowed)
{
    size_t len = strlen(key);
    uint32_t hash = hash_key(key, len);

    if (map->len == map->cap)
        grow(map);
    size_t slot = find_slot(map, key, len, hash);
    if (map->index[slot]) {
        struct strmap_entry *entry = &map->entries[map->index[slot] - 1];
        void *before = entry->value;

        entry->value = value;
        return before;
    }
    map->entries[map->len++] = (struct strmap_entry){
        .key = is_borrowed  ? key
               : map->arena ? arena_strdup(map->arena, key)
                            : mem_strdup(key),
        .value = value,
        .hash = hash,
    };
    map->index[slot] = (uint32_t)map->len;
    assert(map->len * 2 <= map->index_cap);
    return NULL;
}

void *strmap_set(struct strmap *map, const char *key, void *value)
{
    return set(map, key, value, false);
}

void *strmap_set_borrowed(struct strmap *map, const char *key, void *value)
{
    assert(map->arena);
    return set(map, key, value, true);
}

void *strmap_remove(struct strmap *map, const char *key)
{
    const struct strmap_entry *entry = find(map, key, strlen(key));

    if (!entry)
        return NULL;
    size_t position = (size_t)(entry - map->entries);
    void *value = entry->value;
    if (!map->arena)
        free((void *)entry->key);
    map->len--;
    memmove(&map->entries[position], &map->entries[position + 1],
            (map->len - position) * sizeof(*map->entries));
    fill_index(map);
    return value;
}

void strmap_sort(struct strmap *map)
{
    if (map->len < 2)
        return;
    qsort(map->entries, map->len, sizeof(*map->entries), compare_keys);
    fill_index(map);
}
