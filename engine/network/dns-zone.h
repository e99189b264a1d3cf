/* What the name server knows: one zone per network, read from the files that engine/network writes.
 *
 *     network NAME
 *     listen 172.18.0.1
 *     subnet 172.18.0.0/16            (and one of IPv6, if there is one)
 *     internal                        (nothing is passed on for its containers)
 *     host 172.18.0.2 0123456789ab… NAME NAME …      (container id, then its names)
 *     link 172.18.0.2 NAME ALIAS      (what this client alone calls another one)
 *     forward 172.18.0.2 1.1.1.1 …    (where this client's queries go instead of the host's servers)
 *
 * An address is one of either family; a host with both has its lines for each.
 *
 * A container sees the names of the networks that it is in, and of no other: who asks is known by the
 * zone that the query came in on and by its address there. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/strmap.h"

struct error;

#define DNS_ZONE_FILE_MAX_BYTES (4u << 20)
#define DNS_ID_MAX 65
#define DNS_FORWARD_MAX 3
#define DNS_LINKS_MAX 64

struct dns_host {
    struct in6_addr address; /* IPv4 mapped, here and below */
    const char *container_id;
    const char *name; /* the first: what PTR gives */
    const char *forward[DNS_FORWARD_MAX];
    size_t forward_len;
    struct {
        struct dns_link *items;
        size_t len, cap;
    } links;
};

struct dns_link {
    const char *alias, *name; /* lower case */
};

struct dns_addresses {
    struct in6_addr *items;
    size_t len, cap;
};

struct dns_zone {
    struct arena arena; /* of everything below */
    const char *name;
    struct in6_addr listen;
    uint32_t subnet; /* 0/0: none of that family */
    unsigned prefix_len;
    struct in6_addr subnet6;
    unsigned prefix6_len;
    bool internal;
    struct {
        struct dns_host *items;
        size_t len, cap;
    } hosts;
    struct strmap names; /* lower case; values are struct dns_addresses * */
};

struct dns_zones {
    struct dns_zone **items;
    size_t len, cap;
};

/* Reads the text of a zone's file. -EINVAL with the line that is wrong. Given: dns_zone_free. */
int dns_zone_parse(const char *text, size_t len, struct dns_zone **ret, struct error **err);
void dns_zone_free(struct dns_zone *zone);
void dns_zones_release(struct dns_zones *zones);

/* The host with that address, or NULL. Borrowed from the zone. */
const struct dns_host *dns_zone_find_host(
        const struct dns_zone *zone, const struct in6_addr *address);

/* Is it an address of the zone's network? */
bool dns_zone_has_address(const struct dns_zone *zone, const struct in6_addr *address);

enum dns_lookup {
    DNS_LOOKUP_ANSWERED, /* the answer holds what is known (perhaps nothing of that type) */
    DNS_LOOKUP_UNKNOWN,  /* no such name here: pass the query on */
    DNS_LOOKUP_ABSENT,   /* no such name, and nobody else is to be asked */
};

struct dns_query;
struct dns_answer;

/* Looks the query of `client` up, which came in on `zone`, in all zones of that client; `seed` shuffles. */
enum dns_lookup dns_lookup(const struct dns_zones *zones, const struct dns_zone *zone,
        const struct in6_addr *client, const struct dns_query *query, uint32_t seed,
        struct dns_answer *answer);
