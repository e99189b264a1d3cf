/* The parts of from-compose.h: the set with its references, and what is in one container. */
#pragma once

#include "quadlet/from-compose.h"

struct arena;
struct pairs;
struct quadlet;

struct from_compose {
    struct quadlet_set *set;
    struct arena *arena;
    const struct project *project;
    const struct graph *graph;
    const struct from_compose_options *options;
    struct diag *diag;
    bool failed;
};

/* "shop-web": the document's name without its extension; `number` 0 for what is one of its kind. */
const char *from_compose_name(
        const struct from_compose *f, const char *key, unsigned number, const char *extension);

/* The container's own name, as Docker Compose gives it. */
const char *from_compose_container_name(
        const struct from_compose *f, const struct service *service, unsigned number);

/* Adds an option of `podman run` to a container's document. */
void from_compose_option(const struct from_compose *f, struct quadlet *quadlet, const char *option,
        const char *value);

/* What the container is to be, without image, name, networks and dependencies. */
void from_compose_add_container(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service);

/* Volumes, secrets and configs of the container. */
void from_compose_add_mounts(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service);

/* Documents of what the project makes beside containers. */
void from_compose_add_networks(const struct from_compose *f);
void from_compose_add_volumes(const struct from_compose *f);
/* The .build or .image of a service; returns what stands in Image= of its container. */
const char *from_compose_add_image(const struct from_compose *f, const struct service *service);
