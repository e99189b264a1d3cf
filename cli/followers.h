/* Those that depend on a container with `restart: true`, when it runs again by itself. */
#pragma once

struct engine;
struct error;

/* Restarts the running containers of its project whose depends_on (as their labels have it) asks for that, once the
 * edge's condition holds, and then those that depend on them. One that cannot be restarted does not keep the
 * others from it: the first error is returned. */
int followers_restart(struct engine *engine, const char *container_id, struct error **err);
