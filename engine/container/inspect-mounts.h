/* The parts of inspect that tell of mounts. All are new references. */
#pragma once

#include <jansson.h>

struct arena;
struct container;
struct container_config;
struct engine;

/* HostConfig's: what was given as -v (null: nothing), --tmpfs, and --mount (NULL: nothing). */
json_t *inspect_binds(struct arena *arena, const struct container_config *config);
json_t *inspect_tmpfs(const struct container_config *config);
json_t *inspect_mount_specs(struct arena *arena, const struct container_config *config);

/* What is mounted. */
json_t *inspect_mounts(struct engine *engine, struct arena *arena, const struct container *c);
