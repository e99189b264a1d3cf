/* IPv4 addresses, networks and MACs as texts and numbers (host order). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ADDRESS_TEXT_MAX 16
#define ADDRESS_NETWORK_TEXT_MAX (ADDRESS_TEXT_MAX + 3)
#define ADDRESS_MAC_TEXT_MAX 18

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
