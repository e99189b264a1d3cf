/* Which program runs a container's configuration: the embedded runtime, or another OCI runtime by name or path. */
#pragma once

struct arena;
struct container_config;
struct engine_options;
struct error;

/* What inspect and info call the embedded one. */
#define RUNTIME_EMBEDDED "berth"

/* For config->runtime "", NULL and "berth": *ret is NULL. An absolute path is taken as it is; a name is looked for
 * where systems have programs, then in the caller's PATH. In the arena. -ENOENT with Docker's words for what is not
 * there, -EOPNOTSUPP when the container needs what only the embedded runtime can do. */
int runtime_find(struct arena *arena, const struct engine_options *options,
        const struct container_config *config, const char **ret, struct error **err);
