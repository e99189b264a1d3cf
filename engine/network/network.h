/* Networks: rows in the database, addresses for containers, and bringing the kernel's side (bridges,
 * firewall, names) in line with them. A network is a bridge named br-<12 hex of its id>; `bridge` is the
 * default one (berth0) and comes into being at first use; `host` and `none` are names without a row.
 *
 * Invariants
 *  1. The database alone says what there should be. An endpoint is *active* from network_prepare_start
 *     to network_teardown of its container in the same boot; bridges, rules and names in the kernel
 *     are derived from the active endpoints, again and again if need be (network_reconcile).
 *  2. All changes of the kernel's side happen under the lock RUN/locks/network; rows are changed in
 *     transactions. Each function may be killed anywhere and called again.
 *  3. A bridge, the firewall table and the name server exist while an active endpoint needs them, and for
 *     NETWORK_LINGER_MSEC after a foreground run (network_teardown_quickly).
 *
 * How a container starts: network_connect() for each network when it is created; network_prepare_start()
 * then berth-monitor's sandbox_create() with the result; network_teardown() when it has ended. */
#pragma once

#include <jansson.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/random.h"
#include "base/strmap.h"
#include "engine/network/sandbox.h"

struct arena;
struct engine;
struct error;
struct resolv_config;

#define NETWORK_DEFAULT_NAME "bridge"

/* Options of drivers that have an option of `network create`, too. */
#define NETWORK_OPTION_BRIDGE_NAME "com.docker.network.bridge.name"
#define NETWORK_OPTION_PARENT "parent"
/* Podman's --disable-dns and --dns: whether names are answered, and where questions go that are nobody's here. */
#define NETWORK_OPTION_DISABLE_DNS "io.berth.network.disable_dns"
#define NETWORK_OPTION_DNS "io.berth.network.dns" /* addresses with commas between them */

/* True for the names without a row of their own choosing: bridge, default, host, none. */
bool network_name_is_reserved(const char *name);

/* A network; lives in the arena that it was read into. Addresses in host order. */
struct network {
    const char *id, *name, *driver;
    char bridge[IFNAMSIZ];
    bool ipv4, ipv6; /* has addresses of that family; what follows is zero without */
    uint32_t subnet, gateway;
    unsigned prefix_len;
    uint32_t range; /* --ip-range; 0/0: the whole subnet */
    unsigned range_prefix_len;
    struct in6_addr subnet6, gateway6, range6;
    unsigned prefix6_len, range6_prefix_len;
    bool internal, attachable;
    bool user_subnet, user_subnet6; /* the subnet was given, not chosen */
    struct strmap aux_addresses;   /* name to address of either family: those are never given out */
    struct strmap options, labels; /* values are const char * */
    int64_t created_nsec;
};

/* Addresses of one family: "10.1.0.0/24", "10.1.0.1", or "fd00::/64" …; NULL: chosen. Without a subnet nothing else
 * may be given. */
struct network_pool {
    const char *subnet, *gateway, *ip_range;
    const struct strmap *aux_addresses; /* values are const char *; NULL: none */
};

struct network_create_options {
    const char *name;
    const char *driver;               /* NULL: "bridge" */
    const struct network_pool *pools; /* at most one of each family; borrowed */
    size_t pool_len;
    bool internal, attachable;
    bool disable_ipv4, enable_ipv6;
    bool no_addresses;                     /* of neither family: whoever is on it sees to that */
    const struct strmap *options, *labels; /* values are const char *; NULL: none */
};

/* Makes the row (the bridge comes with the first container). -EEXIST "network with name X already exists", and
 * for nothing else. */
int network_create(struct engine *engine, const struct network_create_options *options,
        char ret_id[static RANDOM_ID_HEX + 1], struct error **err);

/* Finds by name, id or unique prefix of the id. *ret is NULL when there is none (and for host and
 * none); "bridge" and "default" make the default network's row if it is not there yet. -EINVAL for an
 * ambiguous prefix. */
int network_lookup(struct engine *engine, struct arena *arena, const char *ref,
        struct network **ret, struct error **err);

/* All networks by name, the default one included. In the arena. */
int network_list(struct engine *engine, struct arena *arena, struct network **ret, size_t *ret_len,
        struct error **err);

/* Ids of the containers that run on it. In the arena. */
struct strings;
int network_users(struct engine *engine, struct arena *arena, const char *id, struct strings *ret,
        struct error **err);

/* Docker-shaped objects as `network inspect` and `network ls` show them; also for "host" and "none".
 * -ENOENT "network X not found". Given. */
int network_inspect(struct engine *engine, const char *ref, json_t **ret, struct error **err);
int network_inspect_all(struct engine *engine, json_t **ret, struct error **err); /* an array */

/* Removes the network; -ENOENT when there is none, -EBUSY "… has active endpoints (…)" while containers
 * use it, -EPERM for the predefined ones. Containers that do not run lose their endpoint. */
int network_remove(struct engine *engine, const char *ref, struct error **err);

/* Removes networks of the user's that no container is connected to and that the filter takes (NULL: any). Names removed,
 * in the arena. */
struct prune_filter;
int network_prune(struct engine *engine, struct arena *arena, const struct prune_filter *prune,
        struct strings *ret_names, struct error **err);

struct network_connect_options {
    const char *network;           /* name or id */
    const char *ipv4;              /* fixed address, NULL: chosen */
    const char *ipv6;              /* likewise */
    const char *const *link_local; /* further addresses of the interface; borrowed */
    size_t link_local_len;
    const char *mac; /* "02:42:…", NULL: chosen */
    /* Further names, borrowed. One with a colon, "TARGET:ALIAS", is no name of the container, but what it alone calls
     * another one of the network. */
    const char *const *aliases;
    size_t alias_len;
    int position; /* order of the interfaces; -1: behind those that there are */
    int gw_priority; /* the highest that can has the default route; of equal ones the first by position */
    const struct strmap *driver_options; /* values are const char *; NULL: none */
};

/* Connects a container: allocates address and MAC (row in endpoints), in the caller's transaction on
 * engine's database. It takes effect with the container's next start, or with network_update when it runs. host and
 * none have no endpoint: -EINVAL. */
int network_connect(struct engine *engine, const char *container_id,
        const struct network_connect_options *options, struct error **err);

/* 1 when the container is connected to the network and its interface is on it now; 0 when it has no row, or nothing is
 * there yet of what the row says. */
int network_is_attached(
        struct engine *engine, const char *container_id, const char *network, struct error **err);

/* The reverse, also for all networks (network NULL). Removing the container's row does the same. */
int network_disconnect(
        struct engine *engine, const char *container_id, const char *network, struct error **err);

/* A port to publish. host_first..host_last: 0 is any free one; a range means its first free port. */
struct network_publish {
    const char *
            host_ip; /* NULL or "": every address; "0.0.0.0" and "::" are every one of that family */
    uint16_t host_first, host_last;
    uint16_t port; /* of the container */
    enum sandbox_protocol protocol;
};

struct network_start_options {
    const char *container_id;
    const char *const *networks; /* what the container should be connected to; a missing one is
                                    -ENOENT "network X not found"; borrowed */
    size_t network_len;
    const struct network_publish *publish; /* borrowed */
    size_t publish_len;
    const char *hostname;   /* a further name in DNS when the user gave one; else NULL */
    const char *const *dns; /* --dns: where the name server forwards for this container; borrowed */
    size_t dns_len;
};

/* What a start needs to know. */
struct network_start {
    struct sandbox_config sandbox;
    bool internal_resolver; /* at least one network answers names */
    struct in6_addr
            nameserver; /* with internal_resolver; IPv4 as mapped addresses, here and below */
    struct in6_addr host_gateway, host_gateway6; /* zero: none of that family */
};
#define NETWORK_START_INIT             \
    {                                  \
        .sandbox = SANDBOX_CONFIG_INIT \
    }
void network_start_release(struct network_start *start);

/* Marks the container's endpoints active, chooses host ports (rows in ports), brings bridges, firewall
 * and names up, and tells what the monitor has to do. Own transaction: the caller has none open. Fails
 * with "Bind for ADDRESS:PORT failed: port is already allocated" (-EADDRINUSE) and others; then all is as
 * before. For a container without endpoints it gives an empty sandbox. */
int network_prepare_start(struct engine *engine, const struct network_start_options *options,
        struct network_start *ret, struct error **err);

/* The same for a container that runs, whose networks have changed since: *ret is what its monitor should have now.
 * Host ports stay the same while there is a network that they can lead to. When this fails, take
 * back what was changed and call it again. */
int network_update(struct engine *engine, const struct network_start_options *options,
        struct network_start *ret, struct error **err);

/* What network_update will give once the container is disconnected from `network` (name or id); changes nothing. */
int network_plan_without(struct engine *engine, const struct network_start_options *options,
        const char *network, struct network_start *ret, struct error **err);

/* Fills addresses, name servers and the host's gateway into `resolv`. */
void network_fill_resolv(const struct network_start *start, struct resolv_config *resolv);

/* The container has ended for good: endpoints inactive, ports free, names gone, pin, links, and what no other
 * container needs. Missing parts are fine. */
int network_teardown(struct engine *engine, const char *container_id, struct error **err);

/* The same for somebody who is waiting: removing a network's last bridge takes the kernel tens of
 * milliseconds, and the next short run would make it again. Returns 1 when bridges that nobody uses are
 * left; then network_tidy is owed, after NETWORK_LINGER_MSEC. */
#define NETWORK_LINGER_MSEC 250
int network_teardown_quickly(struct engine *engine, const char *container_id, struct error **err);

/* Removes what no container uses (any more). */
int network_tidy(struct engine *engine, struct error **err);

/* A running container was renamed or got other aliases: names anew. */
int network_refresh_names(struct engine *engine, struct error **err);

/* For every command while containers run: starts the name server again when it was killed, and puts the rules
 * back when they were flushed. Some microseconds when all is there. */
int network_revive(struct engine *engine, struct error **err);

/* Brings the kernel's side in line with the database, whatever happened to it: flushed rules, removed
 * links, a name server that was killed. */
int network_reconcile(struct engine *engine, struct error **err);

/* Docker's NetworkSettings of a container: {"Networks": {...}, "Ports": {...}, "IPAddress": …}. Given. */
int network_container_settings(
        struct engine *engine, const char *container_id, json_t **ret, struct error **err);
