/* Choosing host ports: what the user asked for against what other containers have (rows in ports) and what
 * other programs have (a socket is bound to try). */
#pragma once

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/network/network.h"

struct engine;
struct error;

struct ports {
    struct sandbox_port *items;
    size_t len, cap;
};

/* Where a container's ports lead, and what stands for "every address". */
struct ports_target {
    struct in6_addr ipv4, ipv6; /* of the container, IPv4 mapped; zero: it has none */
    uint32_t fallback_host;     /* instead of 0.0.0.0 and ::; 0: really every one */
    bool routed_ipv4,
            routed_ipv6; /* reached at the container's address: host port 0 stands for that */
};

/* Chooses a host port for each of `publish` and writes the rows, in the caller's transaction. One for every address is
 * the same port in each family that the container has. */
int ports_allocate(struct engine *engine, const struct network_start_options *options,
        const struct ports_target *target, struct ports *ret, struct error **err);

/* The same for a container that runs and has rows: those of a family without a target go, a family that is new gets
 * the ports of the other one, and those for every address are on the network's own for that. */
int ports_adapt(struct engine *engine, const struct network_start_options *options,
        const struct ports_target *target, struct ports *ret, struct error **err);

/* What they become with that target, the rows apart. */
void ports_follow(const struct network_start_options *options, const struct ports_target *target,
        struct ports *ports);

/* Ports of one container, or of all active ones (container_id NULL), with the container's address. */
int ports_read(
        struct engine *engine, const char *container_id, struct ports *ret, struct error **err);
