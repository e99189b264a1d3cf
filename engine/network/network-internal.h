/* What the files of berth-network share: rows as structs, and the state of the kernel's side that is
 * wanted, as read from the database. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/network/network.h"
#include "engine/network/pool-internal.h"

struct arena;
struct engine;
struct error;
struct stmt;

#define NETWORK_OPTION_ICC "com.docker.network.bridge.enable_icc"
#define NETWORK_OPTION_MASQUERADE "com.docker.network.bridge.enable_ip_masquerade"
#define NETWORK_OPTION_HOST_BINDING "com.docker.network.bridge.host_binding_ipv4"
#define NETWORK_OPTION_MTU "com.docker.network.driver.mtu"
#define NETWORK_OPTION_MTU_SHORT "mtu"
#define NETWORK_OPTION_PREFIX "com.docker.network.container_iface_prefix"

#define NETWORK_OPTION_GATEWAY_MODE "com.docker.network.bridge.gateway_mode_ipv4"
#define NETWORK_OPTION_GATEWAY_MODE6 "com.docker.network.bridge.gateway_mode_ipv6"
#define NETWORK_MODE_NAT "nat"
#define NETWORK_MODE_UNPROTECTED "nat-unprotected"
#define NETWORK_MODE_ROUTED "routed"
#define NETWORK_OPTION_MACVLAN_MODE "macvlan_mode"
#define NETWORK_OPTION_IPVLAN_MODE "ipvlan_mode"
#define NETWORK_OPTION_IPVLAN_FLAG "ipvlan_flag"
#define NETWORK_DRIVER_MACVLAN "macvlan"
#define NETWORK_DRIVER_IPVLAN "ipvlan"
#define NETWORK_ENDPOINT_LINK_NAME "com.docker.network.endpoint.ifname"
#define NETWORK_ENDPOINT_SYSCTLS "com.docker.network.endpoint.sysctls"

/* Columns in the order that network_from_row expects, beginning with column 0. */
#define NETWORK_COLUMNS                                                               \
    "networks.id, networks.name, networks.driver, networks.bridge, networks.subnet,"  \
    " networks.gateway, networks.ip_range, networks.user_subnet, networks.internal,"  \
    " networks.attachable, networks.options, networks.labels, networks.created_nsec," \
    " networks.ipv4, networks.ipv6, networks.subnet6, networks.gateway6,"             \
    " networks.ip_range6, networks.user_subnet6, networks.aux_addresses"
#define NETWORK_COLUMN_COUNT 20
int network_from_row(
        struct arena *arena, struct stmt *stmt, struct network *ret, struct error **err);

/* A JSON object of texts, and a map of texts as one (given). */
int network_read_map(struct arena *arena, const char *text, const char *what, struct strmap *ret,
        struct error **err);
char *network_dump_map(const struct strmap *map);

bool network_link_name_is_valid(const char *name);

const char *network_option(const struct network *network, const char *key); /* NULL: not given */
bool network_option_bool(const struct network *network, const char *key, bool fallback);
uint32_t network_mtu(const struct network *network); /* 0: the kernel's */
bool network_is_default(const struct network *network);
/* Has it a bridge? Else its interfaces stand on a link of the machine, in whose network they are: without the machine's
 * firewall, ports and names. */
bool network_has_bridge(const struct network *network);
/* Is it what the user means by `ref` (name, id or beginning of the id)? */
bool network_is_named(const struct network *network, const char *ref);
bool network_has_masquerade(const struct network *network, bool ipv4);
/* NETWORK_MODE_…: what the machine does for traffic of that family with the outside. */
const char *network_gateway_mode(const struct network *network, bool ipv4);
bool network_is_routed(const struct network *network, bool ipv4);

/* Names are answered on user networks, as with Docker, by the bridge's address; unless it has none, or is not to. */
static inline bool network_has_names(const struct network *network)
{
    return !network_is_default(network) && network_has_bridge(network) &&
           (network->ipv4 || network->ipv6) &&
           !network_option_bool(network, NETWORK_OPTION_DISABLE_DNS, false);
}

/* A state root other than the usual one has names of its own, so that several can live on one machine:
 * "" or "-1a2b3c4d". */
#define NETWORK_ROOT_SUFFIX_MAX 12
const char *network_root_suffix(
        const struct engine *engine, char buffer[static NETWORK_ROOT_SUFFIX_MAX]);
uint32_t network_hash(const char *text);

/* The default network's row, made when it is missing. */
int network_default(
        struct engine *engine, struct arena *arena, struct network **ret, struct error **err);

/* Finds by name, id or prefix within what is in the database. */
int network_find(struct engine *engine, struct arena *arena, const char *ref, struct network **ret,
        struct error **err);

/* A subnet that nothing on this machine uses. */
int network_choose_subnet(struct engine *engine, struct pool_subnet *ret, struct error **err);

/* A unique local subnet of this machine's own (RFC 4193) that nothing uses. */
int network_choose_subnet6(struct engine *engine, struct in6_addr *ret, struct error **err);
#define NETWORK_CHOSEN_PREFIX6 64

/* The next free address of the network; noted as given out last. */
int network_choose_address(
        struct engine *engine, const struct network *network, uint32_t *ret, struct error **err);
int network_choose_address6(struct engine *engine, const struct network *network,
        struct in6_addr *ret, struct error **err);

/* create.c: makes the row, in the caller's transaction. */
int network_create_row(struct engine *engine, struct arena *arena,
        const struct network_create_options *options, const char *id, const char *bridge,
        struct error **err);
/* What there is under that name, or NULL. */
int network_find_by_name(struct engine *engine, struct arena *arena, const char *name,
        struct network **ret, struct error **err);

/* Networks that are down have no bridge, so somebody else may have taken their subnets meanwhile. Gives the
 * network another one, and its endpoints other addresses, when its subnet was chosen by us, no container
 * uses it now, and another link has it. Under the lock "network". Returns 1 when it moved. */
int network_move_if_taken(struct engine *engine, const struct network *network, struct error **err);

/* 1 when a link other than `index` has the network's very subnet. Wider routes over another link (a VPN that
 * came later) are the administrator's business, but two links with one subnet can only fail, and silently. */
struct netlink;
int bridge_subnet_is_taken(
        struct netlink *nl, const struct network *network, unsigned index, struct error **err);

/* An endpoint with its network and what names it has. In an arena. */
struct network_endpoint {
    struct network *network;
    const char *container_id, *container_name;
    uint32_t address;         /* 0: the network has no IPv4 */
    struct in6_addr address6; /* zero: no IPv6 */
    uint8_t mac[SANDBOX_MAC_BYTES];
    const char **link_local;
    size_t link_local_len;
    const char **aliases;
    size_t alias_len;
    const char *hostname; /* NULL: none of its own */
    const char **dns;
    size_t dns_len;
    bool active;
    int gw_priority;
    bool fixed_ipv4, fixed_ipv6;
    struct strmap driver_options; /* values are const char * */
    char link_name[IFNAMSIZ];     /* in the container, while active; "": not settled */
};

struct network_endpoints {
    struct network_endpoint *items;
    size_t len, cap;
};

/* Endpoints of one container by position, or (container_id NULL) all active ones by network and
 * container. */
int network_read_endpoints(struct engine *engine, struct arena *arena, const char *container_id,
        struct network_endpoints *ret, struct error **err);

/* All active ones of networks that have names, likewise: on the default network alone there may be thousands of
 * containers, and none of them is any business of the name server. */
int network_read_named_endpoints(struct engine *engine, struct arena *arena,
        struct network_endpoints *ret, struct error **err);

/* The interface's outer end: the same for the same container and network. */
void network_host_name(const char *container_id, const char *network_id, char ret[static IFNAMSIZ]);

/* Number that a network's links share, so that they can be removed in one go. */
uint32_t network_link_group(const char *network_id);

/* bridge.c: makes the network's bridge unless it is up already (of one without sees that its parent is there); and removes
 * those of networks without active endpoints. Under the lock. -EADDRINUSE when another link has taken the subnet. */
int bridge_bring_up(
        struct engine *engine, const struct network *network, bool repair, struct error **err);
int bridge_remove_unused(struct engine *engine, struct error **err);
int bridge_remove(const char *name, const char *network_id, struct error **err);
