/* Addresses, networks and MACs as texts and numbers. IPv4 addresses alone are numbers in host order; where there can
 * be either, they are IPv6 addresses, mapped ones (::ffff:10.0.0.1) for IPv4. */
#pragma once

#include <netinet/in.h>

#include <stdbool.h>
#include <stdint.h>

#define ADDRESS_TEXT_MAX 16
#define ADDRESS_NETWORK_TEXT_MAX (ADDRESS_TEXT_MAX + 3)
#define ADDRESS_MAC_TEXT_MAX 18
#define ADDRESS6_TEXT_MAX INET6_ADDRSTRLEN
#define ADDRESS6_NETWORK_TEXT_MAX (ADDRESS6_TEXT_MAX + 4)

/* Both return `buffer`. */
const char *address_format(uint32_t address, char buffer[static ADDRESS_TEXT_MAX]);
const char *address_format_network(
        uint32_t address, unsigned prefix_len, char buffer[static ADDRESS_NETWORK_TEXT_MAX]);
const char *address_format_mac(
        const uint8_t mac[static 6], char buffer[static ADDRESS_MAC_TEXT_MAX]);

/* 0 or -EINVAL. A network "10.1.2.0/24" keeps the bits behind the prefix as they were given. */
int address_parse(const char *text, uint32_t *ret);
int address_parse_network(const char *text, uint32_t *ret, unsigned *ret_prefix_len);
int address_parse_mac(const char *text, uint8_t ret[static 6]);

static inline uint32_t address_mask(unsigned prefix_len)
{
    return prefix_len == 0 ? 0 : UINT32_MAX << (32 - prefix_len);
}
static inline bool address_is_in(uint32_t address, uint32_t subnet, unsigned prefix_len)
{
    return (address & address_mask(prefix_len)) == (subnet & address_mask(prefix_len));
}
static inline bool address_overlaps(uint32_t a, unsigned a_len, uint32_t b, unsigned b_len)
{
    return address_is_in(a, b, a_len < b_len ? a_len : b_len);
}

/* IPv6 without a zone; mapped ones are no address here. */
const char *address6_format(const struct in6_addr *address, char buffer[static ADDRESS6_TEXT_MAX]);
const char *address6_format_network(const struct in6_addr *address, unsigned prefix_len,
        char buffer[static ADDRESS6_NETWORK_TEXT_MAX]);
int address6_parse(const char *text, struct in6_addr *ret);
int address6_parse_network(const char *text, struct in6_addr *ret, unsigned *ret_prefix_len);
struct in6_addr address6_masked(const struct in6_addr *address, unsigned prefix_len);
bool address6_is_in(
        const struct in6_addr *address, const struct in6_addr *subnet, unsigned prefix_len);
/* The address `offset` behind `base`; only the last 64 bits change. */
struct in6_addr address6_add(const struct in6_addr *base, uint64_t offset);
uint64_t address6_low(const struct in6_addr *address); /* its last 64 bits */

static inline bool address6_is_zero(const struct in6_addr *address)
{
    return IN6_IS_ADDR_UNSPECIFIED(address);
}
static inline bool address6_is_equal(const struct in6_addr *a, const struct in6_addr *b)
{
    return IN6_ARE_ADDR_EQUAL(a, b);
}

/* Either family. The text of a mapped address is that of the IPv4 one. */
struct in6_addr address_map(uint32_t address);
static inline bool address_is_mapped(const struct in6_addr *address)
{
    return IN6_IS_ADDR_V4MAPPED(address);
}
uint32_t address_unmap(const struct in6_addr *address);
const char *address_format_any(
        const struct in6_addr *address, char buffer[static ADDRESS6_TEXT_MAX]);
int address_parse_any(const char *text, struct in6_addr *ret);
bool address_is_wildcard(const struct in6_addr *address); /* 0.0.0.0 or :: */
