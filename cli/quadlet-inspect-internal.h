/* The parts of quadlet_from_container. */
#pragma once

#include <jansson.h>

struct arena;
struct container_config;
struct diag;
struct quadlet;

struct source_objects {
    struct quadlet *quadlet;
    struct arena *arena;
    const json_t *config, *host, *image; /* image: its configuration; NULL when it is gone */
};

/* Rights, devices, limits, namespaces and logging of the inspected object. */
void quadlet_inspect_host(const struct source_objects *s, const json_t *object,
        const struct container_config *config, struct diag *diag);
