/* compose/backend.h on berth's own engine. Deciding nothing, it turns a service into a container_config
 * (compose-container.c) and the backend's calls into the engine's. */
#pragma once

#include "compose/backend.h"

struct arena;
struct cli;
struct container_config;
struct engine;
struct error;

/* A handle for the thread that has the command's own engine (cli_engine), which it borrows; backend_close frees it. */
int compose_backend_open(struct cli *cli, struct backend **ret, struct error **err);

/* The engine of such a handle. Borrowed. */
struct engine *compose_backend_engine(struct backend *backend);

/* The configuration of one container of a service. Lives in `arena` and borrows from the specification.
 * `engine` is asked for the mounts of volumes_from. */
int compose_container_config(struct engine *engine, struct arena *arena,
        const struct backend_container_spec *spec, struct container_config *ret,
        struct error **err);
