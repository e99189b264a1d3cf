#include "engine/runtime/id-mapping.h"

uint32_t id_mappings_to_host(const struct id_mappings *mappings, uint32_t container_id)
{
    for (size_t i = 0; i < mappings->count; i++) {
        const struct id_mapping *m = &mappings->items[i];

        if (container_id >= m->container_id && container_id - m->container_id < m->size)
            return m->host_id + (container_id - m->container_id);
    }
    return ID_UNMAPPED;
}

uint32_t id_mappings_to_container(const struct id_mappings *mappings, uint32_t host_id)
{
    for (size_t i = 0; i < mappings->count; i++) {
        const struct id_mapping *m = &mappings->items[i];

        if (host_id >= m->host_id && host_id - m->host_id < m->size)
            return m->container_id + (host_id - m->host_id);
    }
    return ID_UNMAPPED;
}
