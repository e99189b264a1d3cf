/* Podman's parts of ps: another order, and what the kernel says of a container's process. */
#pragma once

#include <jansson.h>

struct arena;
struct container;
struct containers;
struct engine;
struct error;

extern const char *const ps_sort_keys[]; /* NULL-terminated */

/* By one of the keys; NULL leaves the order as it is: newest first. */
int ps_sort(struct engine *engine, struct arena *arena, struct containers *containers,
        const char *key, struct error **err);

/* PID, and the numbers of its namespaces; empty where nothing runs. */
void ps_add_namespaces(struct arena *arena, const struct container *container, json_t *row);
