#include "engine/network/dns-message.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/parse.h"
#include "base/str.h"
#include "engine/network/address-internal.h"

#define FLAG_RESPONSE 0x8000
#define FLAG_OPCODE 0x7800
#define FLAG_AUTHORITATIVE 0x0400
#define FLAG_TRUNCATED 0x0200
#define FLAG_RECURSION_DESIRED 0x0100
#define FLAG_RECURSION_AVAILABLE 0x0080
#define LABEL_BYTES_MAX 63
#define POINTER_BITS 0xc0
#define RECORD_FIXED_BYTES 10 /* type, class, ttl, length */
#define OPT_BYTES 11          /* an OPT record without options */
#define RECORDS_MAX 64        /* behind the question of a query */

static bool is_host_byte(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

static char to_lower(uint8_t c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* Reads the question's name at *offset. There is nothing before it that a pointer could lead to, so one is a
 * format error. */
static int read_name(const uint8_t *data, size_t len, size_t *offset, struct dns_query *ret)
{
    size_t at = *offset, used = 0;

    for (;;) {
        if (at >= len)
            return DNS_FORMERR;
        size_t label = data[at++];
        if (label == 0)
            break;
        if (label > LABEL_BYTES_MAX || label > len - at ||
                used + label + 1 > DNS_NAME_BYTES_MAX - 2)
            return DNS_FORMERR;
        if (used > 0)
            ret->name[used++] = '.';
        for (size_t i = 0; i < label; i++) {
            uint8_t c = data[at + i];

            if (!is_host_byte(c))
                ret->is_odd = true;
            /* A dot within a label must not look like one between two. */
            ret->name[used++] = c == '.' || c == 0 ? '?' : to_lower(c);
        }
        at += label;
    }
    ret->name[used] = '\0';
    *offset = at;
    return 0;
}

/* Skips a name, which may end in a pointer; pointers are not followed. */
static bool skip_name(const uint8_t *data, size_t len, size_t *offset)
{
    size_t at = *offset;

    while (at < len) {
        size_t label = data[at++];

        if ((label & POINTER_BITS) == POINTER_BITS) {
            *offset = at + 1;
            return at < len;
        }
        if (label > LABEL_BYTES_MAX || label > len - at)
            return false;
        at += label;
        if (label == 0) {
            *offset = at;
            return true;
        }
    }
    return false;
}

/* What stands behind the question: only an OPT record is of interest. */
static int read_records(
        const uint8_t *data, size_t len, size_t offset, unsigned count, struct dns_query *ret)
{
    if (count > RECORDS_MAX)
        return DNS_FORMERR;
    for (unsigned i = 0; i < count; i++) {
        if (!skip_name(data, len, &offset) || len - offset < RECORD_FIXED_BYTES)
            return DNS_FORMERR;
        uint16_t type = dns_get_u16(data + offset);
        uint16_t size = dns_get_u16(data + offset + 2); /* of OPT: the UDP size */
        uint16_t data_len = dns_get_u16(data + offset + 8);

        offset += RECORD_FIXED_BYTES;
        if (data_len > len - offset)
            return DNS_FORMERR;
        offset += data_len;
        if (type != DNS_TYPE_OPT)
            continue;
        if (ret->has_opt)
            return DNS_FORMERR; /* RFC 6891 6.1.1 */
        ret->has_opt = true;
        ret->udp_bytes = size < DNS_UDP_BYTES_DEFAULT ? DNS_UDP_BYTES_DEFAULT
                         : size > DNS_UDP_BYTES_MAX   ? DNS_UDP_BYTES_MAX
                                                      : size;
    }
    return 0;
}

int dns_parse_query(const uint8_t *data, size_t len, struct dns_query *ret)
{
    size_t offset = DNS_HEADER_BYTES;
    int r;

    *ret = (struct dns_query){ .question_end = DNS_HEADER_BYTES,
        .udp_bytes = DNS_UDP_BYTES_DEFAULT };
    if (len < DNS_HEADER_BYTES)
        return -EBADMSG;
    ret->id = dns_get_u16(data);
    ret->flags = dns_get_u16(data + 2);
    if (ret->flags & FLAG_RESPONSE)
        return -EBADMSG; /* to answer answers is how loops begin */
    if (ret->flags & FLAG_OPCODE)
        return DNS_NOTIMP;
    if (dns_get_u16(data + 4) != 1)
        return DNS_FORMERR;
    r = read_name(data, len, &offset, ret);
    if (r != 0)
        return r;
    if (len - offset < 4)
        return DNS_FORMERR;
    ret->type = dns_get_u16(data + offset);
    ret->class = dns_get_u16(data + offset + 2);
    ret->question_end = offset + 4;
    return read_records(data, len, ret->question_end,
            (unsigned)dns_get_u16(data + 6) + dns_get_u16(data + 8) + dns_get_u16(data + 10), ret);
}

bool dns_is_response(
        const uint8_t *query, size_t question_end, uint16_t id, const uint8_t *response, size_t len)
{
    if (len < question_end || dns_get_u16(response) != id ||
            !(dns_get_u16(response + 2) & FLAG_RESPONSE) || dns_get_u16(response + 4) != 1)
        return false;
    /* Lower-casing length bytes, type and class does no harm: lengths are below 'A'. */
    for (size_t i = DNS_HEADER_BYTES; i < question_end; i++)
        if (to_lower(query[i]) != to_lower(response[i]))
            return false;
    return true;
}

enum dns_rcode dns_response_rcode(const uint8_t *response)
{
    return (enum dns_rcode)(response[3] & 0x0f);
}

void dns_answer_begin(struct dns_answer *answer, uint8_t *buffer, size_t size,
        const struct dns_query *query, const uint8_t *query_data)
{
    assert(size >= query->question_end + OPT_BYTES);
    *answer = (struct dns_answer){ .data = buffer,
        .len = query->question_end,
        /* Room for the OPT record is kept. */
        .size = size - (query->has_opt ? OPT_BYTES : 0) };
    memset(buffer, 0, DNS_HEADER_BYTES);
    memcpy(buffer + DNS_HEADER_BYTES, query_data + DNS_HEADER_BYTES,
            query->question_end - DNS_HEADER_BYTES);
}

/* A record about the question's name; returns where its data goes, or NULL. */
static uint8_t *add_record(
        struct dns_answer *answer, enum dns_type type, uint32_t ttl_sec, size_t data_len)
{
    uint8_t *at = answer->data + answer->len;

    if (answer->truncated || answer->size - answer->len < 2 + RECORD_FIXED_BYTES + data_len) {
        answer->truncated = true;
        return NULL;
    }
    dns_put_u16(at, POINTER_BITS << 8 | DNS_HEADER_BYTES);
    dns_put_u16(at + 2, (uint16_t)type);
    dns_put_u16(at + 4, DNS_CLASS_IN);
    dns_put_u16(at + 6, (uint16_t)(ttl_sec >> 16));
    dns_put_u16(at + 8, (uint16_t)ttl_sec);
    dns_put_u16(at + 10, (uint16_t)data_len);
    answer->len += 2 + RECORD_FIXED_BYTES + data_len;
    answer->count++;
    return at + 2 + RECORD_FIXED_BYTES;
}

void dns_answer_add_a(struct dns_answer *answer, uint32_t ttl_sec, uint32_t address)
{
    uint8_t *at = add_record(answer, DNS_TYPE_A, ttl_sec, 4);

    if (!at)
        return;
    dns_put_u16(at, (uint16_t)(address >> 16));
    dns_put_u16(at + 2, (uint16_t)address);
}

void dns_answer_add_aaaa(
        struct dns_answer *answer, uint32_t ttl_sec, const struct in6_addr *address)
{
    uint8_t *at = add_record(answer, DNS_TYPE_AAAA, ttl_sec, sizeof(*address));

    if (at)
        memcpy(at, address, sizeof(*address));
}

/* A text as labels; 0 when it is no name. */
static size_t encode_name(const char *name, uint8_t out[static DNS_NAME_BYTES_MAX])
{
    struct str rest = str_from(name), label;
    size_t used = 0;

    while (str_split_next(&rest, '.', &label)) {
        if (label.len == 0 || label.len > LABEL_BYTES_MAX ||
                used + label.len + 2 > DNS_NAME_BYTES_MAX)
            return 0;
        out[used++] = (uint8_t)label.len;
        memcpy(out + used, label.data, label.len);
        used += label.len;
    }
    out[used++] = 0;
    return used;
}

void dns_answer_add_ptr(struct dns_answer *answer, uint32_t ttl_sec, const char *name)
{
    uint8_t encoded[DNS_NAME_BYTES_MAX];
    size_t len = encode_name(name, encoded);
    uint8_t *at = len > 1 ? add_record(answer, DNS_TYPE_PTR, ttl_sec, len) : NULL;

    if (at)
        memcpy(at, encoded, len);
}

void dns_answer_finish(
        struct dns_answer *answer, const struct dns_query *query, enum dns_rcode rcode)
{
    uint16_t flags = (uint16_t)(FLAG_RESPONSE | FLAG_RECURSION_AVAILABLE |
                                (query->flags & (FLAG_OPCODE | FLAG_RECURSION_DESIRED)) |
                                (rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN ? FLAG_AUTHORITATIVE
                                                                               : 0) |
                                (answer->truncated ? FLAG_TRUNCATED : 0) | (uint16_t)rcode);

    dns_put_u16(answer->data, query->id);
    dns_put_u16(answer->data + 2, flags);
    dns_put_u16(answer->data + 4, query->question_end > DNS_HEADER_BYTES ? 1 : 0);
    dns_put_u16(answer->data + 6, answer->count);
    if (!query->has_opt)
        return;
    uint8_t *at = answer->data + answer->len;
    memset(at, 0, OPT_BYTES);
    dns_put_u16(at + 1, DNS_TYPE_OPT);
    dns_put_u16(at + 3, DNS_UDP_BYTES_MAX);
    dns_put_u16(answer->data + 10, 1);
    answer->len += OPT_BYTES;
}

static bool parse_reverse4(struct str rest, struct in6_addr *ret)
{
    uint32_t address = 0, number;
    struct str label;

    for (int i = 0; i < 4; i++) {
        if (!str_split_next(&rest, '.', &label) || parse_uint32(label, 255, &number) < 0)
            return false;
        address |= number << (8 * i);
    }
    if (rest.len > 0)
        return false;
    *ret = address_map(address);
    return true;
}

static bool parse_reverse6(struct str rest, struct in6_addr *ret)
{
    struct in6_addr address = { 0 };

    if (rest.len != 2 * 32 - 1)
        return false;
    for (size_t i = 0; i < 32; i++) {
        char c = rest.data[2 * i]; /* the name is in lower case */
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10
                                                : 16;

        if (digit > 15 || (i < 31 && rest.data[2 * i + 1] != '.'))
            return false;
        address.s6_addr[15 - i / 2] |= (uint8_t)(digit << (i % 2 ? 4 : 0));
    }
    *ret = address;
    return !address_is_mapped(ret);
}

bool dns_parse_reverse(const char *name, struct in6_addr *ret)
{
    static const char suffix4[] = ".in-addr.arpa", suffix6[] = ".ip6.arpa";
    struct str text = str_from(name);

    if (str_has_suffix(text, suffix4))
        return parse_reverse4((struct str){ name, text.len - (sizeof(suffix4) - 1) }, ret);
    if (str_has_suffix(text, suffix6))
        return parse_reverse6((struct str){ name, text.len - (sizeof(suffix6) - 1) }, ret);
    return false;
}
