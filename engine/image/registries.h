/* Where an image's registry really is: Podman's registries.conf (version 2, with drop-ins) and Docker's
 * daemon.json say which registries are blocked, insecure, elsewhere, or mirrored. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct engine_options;
struct error;
struct image_ref;

struct registry_endpoint {
    const char *host; /* "registry-1.docker.io", "localhost:5000" */
    const char *path; /* of the repository there */
    bool insecure;
    bool is_mirror;
};
struct registry_endpoints {
    struct registry_endpoint *items;
    size_t len, cap;
};

/* The places to ask for `ref`, in order; at least one. In `arena`. -EPERM when the registry is blocked. */
int registries_resolve(struct arena *arena, const struct engine_options *options,
        const struct image_ref *ref, struct registry_endpoints *ret, struct error **err);
