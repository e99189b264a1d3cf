/* Links, addresses and routes through one rtnetlink socket. Requests are collected and sent in one go; the
 * kernel works through all of them in order, and each is answered on its own:
 *
 *     netlink_link_up(nl, 1, "lo");
 *     netlink_address_add(nl, index, address, 24, "eth0");
 *     int r = netlink_commit(nl, err);
 *
 * A socket belongs to the network namespace that it was opened in, wherever the process is later. */
#pragma once

#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct error;
struct netlink;
struct sandbox_interface;

int netlink_open(struct netlink **ret, struct error **err);
void netlink_close(struct netlink *nl);
DEFINE_CLEANUP(struct netlink *, netlink_close);

/* Sends what was collected and waits for the answers. The first refused request gives the error; the
 * others were tried nevertheless. Nothing collected: 0. */
int netlink_commit(struct netlink *nl, struct error **err);

/* Requests. `name` is for error texts (borrowed until the commit). */
void netlink_bridge_add(struct netlink *nl, const char *name, const uint8_t mac[static 6],
        uint32_t mtu, uint32_t group); /* there already: fine */
void netlink_veth_add(
        struct netlink *nl, const struct sandbox_interface *interface, int peer_netns_fd);
/* The same on the link `parent`: a sub-interface of the kind and mode that the interface tells. -EINVAL for a mode that
 * there is none of. */
int netlink_sub_interface_add(struct netlink *nl, const struct sandbox_interface *interface,
        unsigned parent, int netns_fd);
void netlink_link_up(struct netlink *nl, unsigned index, const char *name);
/* The kernel shall make up no IPv6 address for it when it goes up. A machine without IPv6 does not anyway. */
void netlink_link_without_address6(struct netlink *nl, unsigned index, const char *name);
void netlink_link_set_master(struct netlink *nl, unsigned index, unsigned master, const char *name);
/* As a port of a bridge: hairpin mode (with br_netfilter a packet to a published port of the sender's own is
 * bridged back to where it came from), and isolated from other isolated ports. */
void netlink_link_set_port(struct netlink *nl, unsigned index, bool isolated, const char *name);
void netlink_link_delete(struct netlink *nl, const char *name); /* missing: fine */
/* All links of a group at once: a link alone costs tens of milliseconds, many in one go no more. */
void netlink_group_delete(struct netlink *nl, uint32_t group, const char *name); /* none: fine */
void netlink_address_add(struct netlink *nl, unsigned index, uint32_t address, unsigned prefix_len,
        const char *name);
void netlink_address6_add(struct netlink *nl, unsigned index, const struct in6_addr *address,
        unsigned prefix_len, const char *name); /* usable at once: nobody else has it */
void netlink_default_route_add(
        struct netlink *nl, unsigned index, uint32_t gateway, const char *name);
void netlink_default_route6_add(
        struct netlink *nl, unsigned index, const struct in6_addr *gateway, const char *name);

struct netlink_link {
    unsigned index, flags, master; /* master 0: it is no port of a bridge */
    uint32_t group;
};
/* False when there is no such link. */
bool netlink_find_link(struct netlink *nl, const char *name, struct netlink_link *ret);

/* Calls fn for every IPv4 network that the machine has a route to or an address in (but not for the default
 * route). The `index` is the interface's. */
typedef void (*netlink_subnet_fn)(
        uint32_t subnet, unsigned prefix_len, unsigned index, void *userdata);
int netlink_each_subnet(
        struct netlink *nl, netlink_subnet_fn fn, void *userdata, struct error **err);

/* The same for IPv6; the networks of link-local addresses and of single ones are left out. */
typedef void (*netlink_subnet6_fn)(
        const struct in6_addr *subnet, unsigned prefix_len, void *userdata);
int netlink_each_subnet6(
        struct netlink *nl, netlink_subnet6_fn fn, void *userdata, struct error **err);
