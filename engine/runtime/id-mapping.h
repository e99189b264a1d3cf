/* Ranges of user and group ids as a user namespace maps them: data only. The namespaces themselves
 * are made in user-namespace.c. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ID_MAPPING_MAX 340 /* the kernel's, since 4.15 */
#define ID_UNMAPPED UINT32_MAX

struct id_mapping {
    uint32_t container_id, host_id, size;
};

struct id_mappings {
    struct id_mapping *items; /* owned by whoever says so beside the member */
    size_t count;
};

/* The host's id, or ID_UNMAPPED. */
uint32_t id_mappings_to_host(const struct id_mappings *mappings, uint32_t container_id);

/* The container's, or ID_UNMAPPED. */
uint32_t id_mappings_to_container(const struct id_mappings *mappings, uint32_t host_id);
