#include "engine/network/address-internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"

const char *address_format(uint32_t address, char buffer[static ADDRESS_TEXT_MAX])
{
    snprintf(buffer, ADDRESS_TEXT_MAX, "%u.%u.%u.%u", address >> 24, (address >> 16) & 0xff,
            (address >> 8) & 0xff, address & 0xff);
    return buffer;
}

const char *address_format_network(
        uint32_t address, unsigned prefix_len, char buffer[static ADDRESS_NETWORK_TEXT_MAX])
{
    snprintf(buffer, ADDRESS_NETWORK_TEXT_MAX, "%u.%u.%u.%u/%u", address >> 24,
            (address >> 16) & 0xff, (address >> 8) & 0xff, address & 0xff, prefix_len & 63);
    return buffer;
}

const char *address_format_mac(
        const uint8_t mac[static 6], char buffer[static ADDRESS_MAC_TEXT_MAX])
{
    snprintf(buffer, ADDRESS_MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
            mac[3], mac[4], mac[5]);
    return buffer;
}

int address_parse(const char *text, uint32_t *ret)
{
    struct in_addr address;

    if (!text || inet_pton(AF_INET, text, &address) != 1)
        return -EINVAL;
    *ret = ntohl(address.s_addr);
    return 0;
}

int address_parse_network(const char *text, uint32_t *ret, unsigned *ret_prefix_len)
{
    const char *slash = text ? strchr(text, '/') : NULL;
    char buffer[ADDRESS_TEXT_MAX];
    uint32_t prefix_len;

    if (!slash || (size_t)(slash - text) >= sizeof(buffer))
        return -EINVAL;
    memcpy(buffer, text, (size_t)(slash - text));
    buffer[slash - text] = '\0';
    if (parse_uint32(str_from(slash + 1), 32, &prefix_len) < 0 || address_parse(buffer, ret) < 0)
        return -EINVAL;
    *ret_prefix_len = prefix_len;
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -EINVAL;
}

int address_parse_mac(const char *text, uint8_t ret[static 6])
{
    uint8_t mac[6];

    if (!text || strlen(text) != ADDRESS_MAC_TEXT_MAX - 1)
        return -EINVAL;
    for (int i = 0; i < 6; i++) {
        int high = hex_digit(text[3 * i]), low = hex_digit(text[3 * i + 1]);
        char separator = text[3 * i + 2];

        if (high < 0 || low < 0 || (i < 5 ? separator != ':' && separator != '-' : separator != 0))
            return -EINVAL;
        mac[i] = (uint8_t)(high << 4 | low);
    }
    memcpy(ret, mac, sizeof(mac));
    return 0;
}

const char *address6_format(const struct in6_addr *address, char buffer[static ADDRESS6_TEXT_MAX])
{
    if (!inet_ntop(AF_INET6, address, buffer, ADDRESS6_TEXT_MAX))
        buffer[0] = '\0'; /* cannot be: the buffer is large enough */
    return buffer;
}

const char *address6_format_network(const struct in6_addr *address, unsigned prefix_len,
        char buffer[static ADDRESS6_NETWORK_TEXT_MAX])
{
    char text[ADDRESS6_TEXT_MAX];

    snprintf(buffer, ADDRESS6_NETWORK_TEXT_MAX, "%s/%u", address6_format(address, text),
            prefix_len & 255);
    return buffer;
}

int address6_parse(const char *text, struct in6_addr *ret)
{
    struct in6_addr address;

    if (!text || inet_pton(AF_INET6, text, &address) != 1 || IN6_IS_ADDR_V4MAPPED(&address))
        return -EINVAL;
    *ret = address;
    return 0;
}

int address6_parse_network(const char *text, struct in6_addr *ret, unsigned *ret_prefix_len)
{
    const char *slash = text ? strchr(text, '/') : NULL;
    char buffer[ADDRESS6_TEXT_MAX];
    uint32_t prefix_len;

    if (!slash || (size_t)(slash - text) >= sizeof(buffer))
        return -EINVAL;
    memcpy(buffer, text, (size_t)(slash - text));
    buffer[slash - text] = '\0';
    if (parse_uint32(str_from(slash + 1), 128, &prefix_len) < 0 || address6_parse(buffer, ret) < 0)
        return -EINVAL;
    *ret_prefix_len = prefix_len;
    return 0;
}

struct in6_addr address6_masked(const struct in6_addr *address, unsigned prefix_len)
{
    struct in6_addr masked = *address;

    for (unsigned i = 0; i < 16; i++) {
        unsigned bits = prefix_len <= 8 * i ? 0 : prefix_len - 8 * i;

        if (bits < 8)
            masked.s6_addr[i] &= (uint8_t)(0xff00u >> bits);
    }
    return masked;
}

bool address6_is_in(
        const struct in6_addr *address, const struct in6_addr *subnet, unsigned prefix_len)
{
    struct in6_addr a = address6_masked(address, prefix_len),
                    b = address6_masked(subnet, prefix_len);

    return address6_is_equal(&a, &b);
}

uint64_t address6_low(const struct in6_addr *address)
{
    uint64_t low = 0;

    for (int i = 8; i < 16; i++)
        low = low << 8 | address->s6_addr[i];
    return low;
}

struct in6_addr address6_add(const struct in6_addr *base, uint64_t offset)
{
    struct in6_addr sum = *base;
    uint64_t low = address6_low(base) + offset;

    for (int i = 15; i >= 8; i--, low >>= 8)
        sum.s6_addr[i] = (uint8_t)low;
    return sum;
}

struct in6_addr address_map(uint32_t address)
{
    struct in6_addr mapped = { .s6_addr = { [10] = 0xff, [11] = 0xff } };

    for (int i = 0; i < 4; i++)
        mapped.s6_addr[12 + i] = (uint8_t)(address >> (24 - 8 * i));
    return mapped;
}

uint32_t address_unmap(const struct in6_addr *address)
{
    return (uint32_t)address6_low(address);
}

const char *address_format_any(
        const struct in6_addr *address, char buffer[static ADDRESS6_TEXT_MAX])
{
    return address_is_mapped(address) ? address_format(address_unmap(address), buffer)
                                      : address6_format(address, buffer);
}

int address_parse_any(const char *text, struct in6_addr *ret)
{
    uint32_t address;

    if (address_parse(text, &address) < 0)
        return address6_parse(text, ret);
    *ret = address_map(address);
    return 0;
}

bool address_is_wildcard(const struct in6_addr *address)
{
    return address_is_mapped(address) ? address_unmap(address) == 0 : address6_is_zero(address);
}
