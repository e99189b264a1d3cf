/* Owners of files under other numbers: who copies files asks it which number to write for one that it read. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define OWNER_UNMAPPED UINT32_MAX

/* Somebody's struct begins with it. `map` gives OWNER_UNMAPPED where there is none. */
struct owner_map {
    uint32_t (*map)(const struct owner_map *self, uint32_t id, bool is_group);
};

/* The same number without a map. */
static inline uint32_t owner_map_id(const struct owner_map *owners, uint32_t id, bool is_group)
{
    return owners ? owners->map(owners, id, is_group) : id;
}
