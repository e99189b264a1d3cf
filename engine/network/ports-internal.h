/* Choosing host ports: what the user asked for against what other containers have (rows in ports) and what
 * other programs have (a socket is bound to try). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "engine/network/network.h"

struct engine;
struct error;

struct ports {
    struct sandbox_port *items;
    size_t len, cap;
};

/* Chooses a host port for each of `publish` and writes the rows, in the caller's transaction. `address` is the
 * container's, `fallback_host` the address that stands for "every" one (0: really every). */
int ports_allocate(struct engine *engine, const struct network_start_options *options,
        uint32_t address, uint32_t fallback_host, struct ports *ret, struct error **err);

/* Ports of one container, or of all active ones (container_id NULL), with the container's address. */
int ports_read(
        struct engine *engine, const char *container_id, struct ports *ret, struct error **err);
