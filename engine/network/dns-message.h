/* The part of the DNS wire format (RFC 1035, 6891) that the name server needs: reading queries, writing
 * answers about addresses, and recognising the answer to a query that was passed on. Works on bytes alone:
 * no sockets, no allocation; any input ends in bounded time. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DNS_HEADER_BYTES 12
#define DNS_NAME_BYTES_MAX 255
#define DNS_UDP_BYTES_DEFAULT 512
#define DNS_UDP_BYTES_MAX 4096 /* what is offered and accepted over UDP */

enum dns_type {
    DNS_TYPE_A = 1,
    DNS_TYPE_PTR = 12,
    DNS_TYPE_AAAA = 28,
    DNS_TYPE_OPT = 41,
    DNS_TYPE_ANY = 255,
};
#define DNS_CLASS_IN 1

enum dns_rcode {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
};

struct dns_query {
    uint16_t id, flags;
    char name[DNS_NAME_BYTES_MAX + 1]; /* lower case, without the last dot; "" is the root */
    bool is_odd; /* the name has bytes that no host name has; the text is only a likeness then */
    uint16_t type, class;
    size_t question_end; /* offset behind the question; DNS_HEADER_BYTES when it was not readable */
    bool has_opt;
    uint16_t udp_bytes; /* the answer may have over UDP */
};

/* Reads a query. 0; the dns_rcode (above 0) with which to refuse it; or -EBADMSG: no query at all, keep silent.
 * *ret is filled as far as it was understood. */
int dns_parse_query(const uint8_t *data, size_t len, struct dns_query *ret);

/* Is `response` an answer to the query that went out with the id `id`? The questions are compared without
 * regard to case. */
bool dns_is_response(const uint8_t *query, size_t question_end, uint16_t id,
        const uint8_t *response, size_t len);
enum dns_rcode dns_response_rcode(const uint8_t *response); /* of a message with a header */

/* An answer under construction, in a buffer of the caller's. Records that do not fit are left out and the
 * message is marked as truncated. */
struct dns_answer {
    uint8_t *data;
    size_t len, size;
    uint16_t count;
    bool truncated;
};

/* Begins the answer to `query` (its bytes in query_data) in a buffer of `size` bytes, which must hold the
 * question. */
void dns_answer_begin(struct dns_answer *answer, uint8_t *buffer, size_t size,
        const struct dns_query *query, const uint8_t *query_data);
void dns_answer_add_a(struct dns_answer *answer, uint32_t ttl_sec, uint32_t address);
void dns_answer_add_aaaa(
        struct dns_answer *answer, uint32_t ttl_sec, const struct in6_addr *address);
void dns_answer_add_ptr(struct dns_answer *answer, uint32_t ttl_sec, const char *name);
/* Completes header and OPT record; the message is answer->data, answer->len. */
void dns_answer_finish(
        struct dns_answer *answer, const struct dns_query *query, enum dns_rcode rcode);

/* "4.3.2.1.in-addr.arpa" as a mapped address, or 32 digits and "ip6.arpa"; false for other names. */
bool dns_parse_reverse(const char *name, struct in6_addr *ret);

static inline uint16_t dns_get_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}
static inline void dns_put_u16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}
