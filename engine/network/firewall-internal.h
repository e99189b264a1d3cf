/* The firewall: one nftables table per state root and family; that of IPv6 is there while a network with IPv6 is. Its chains never change while it exists; what
 * changes are the elements of its sets and maps, so that a network is four elements and a published port
 * one. Which elements there should be is derived from the database; which there are stands in
 * RUN/network/firewall (firewall6), together with the kernel's handle of the table: when that is not the same any more,
 * somebody flushed the rules, and all is put there anew in one transaction.
 *
 * Sets and maps
 *   bridges    links of our networks            internal  those without a way out
 *   within     link . link whose own traffic may be forwarded (all but enable_icc=false)
 *   routed     links whose published ports are reached at the container's own address
 *   unprotected  links of which all ports are
 *   subnets    addresses that only we route to  outward   subnets that are masqueraded
 *   ports      protocol . host address . port : container . port
 *   open       protocol . container . port (of a routed network)
 *   ports_any  protocol . port : container . port (every address of the machine) */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/array.h"
#include "engine/network/sandbox.h"

struct arena;
struct error;
struct network;
struct strbuf;

#define FIREWALL_TEXT_MAX_BYTES (8u << 20)
#define FIREWALL_TABLE_MAX 32

enum firewall_family {
    FIREWALL_IPV4,
    FIREWALL_IPV6,
    FIREWALL_FAMILY_MAX_,
};

struct firewall_state {
    const char *table;
    enum firewall_family family;
    struct strings elements; /* "SET ELEMENT", sorted, unique; texts in the arena */
};

/* Both leave out what is of the other family. */
void firewall_add_network(
        struct arena *arena, struct firewall_state *state, const struct network *network);
void firewall_add_port(
        struct arena *arena, struct firewall_state *state, const struct sandbox_port *port);
void firewall_sort(struct firewall_state *state);

/* The whole table as one transaction, in place of the one that is there when `replace`. (To delete something
 * makes the kernel wait for an RCU grace period when the socket is closed, so not without need.) */
void firewall_format(const struct firewall_state *wanted, bool replace, struct strbuf *out);
/* What leads from `have` to `wanted`; nothing when they are the same. */
void firewall_format_change(
        const struct firewall_state *have, const struct firewall_state *wanted, struct strbuf *out);

/* Makes the kernel's table as wanted; none at all when nothing is wanted. `repair` does it even when the table
 * seems to be right. Under the lock. */
int firewall_apply(int run_fd, struct arena *arena, const struct firewall_state *wanted,
        bool repair, struct error **err);

/* The kernel's handle of the table as it was applied last; false when none is, or nobody knows. */
bool firewall_read_handle(int run_fd, enum firewall_family family, uint64_t *ret);

/* nftables.c: libnftables, opened on first use. One transaction. */
int nftables_run(const char *commands, struct error **err);
/* The same with what nft would print (given). */
int nftables_query(const char *commands, char **ret_output, struct error **err);
const char *nftables_family_name(enum firewall_family family); /* "ip", "ip6" */
bool nftables_has_chain(enum firewall_family family, const char *table, const char *chain);
/* The kernel's handle of the table, 0 when there is none; costs a few microseconds. */
int nftables_table_handle(
        enum firewall_family family, const char *table, uint64_t *ret, struct error **err);

/* guest-chains.c: other firewalls of the machine (Docker's, ufw) drop all that they do not know, our containers'
 * own traffic included, but have chains for others to fill. Rules for the bridges of `wanted` are put at the
 * end of those that there are (what the administrator denies there stays denied), and those of bridges
 * that went are taken away. */
int guest_chains_apply(const struct firewall_state *wanted, struct error **err);

/* Forgets UDP flows to the host ports, or to the container's: those that began before the port was published
 * would else bypass it for as long as packets come, and those of an ended container would go on to it. */
void conntrack_forget(const struct sandbox_port *ports, size_t len);
