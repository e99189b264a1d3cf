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
