/* Any bytes are a query or are refused, in bounded time; the answer to a query fits its buffer and is recognised as
 * the answer. Any text is a zone or an error. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "engine/network/address-internal.h"
#include "engine/network/dns-message.h"
#include "engine/network/dns-zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char zone_text[] = "network front\nlisten 172.18.0.1\nsubnet 172.18.0.0/16\n"
                                "host 172.18.0.2 aaaa a web\nhost 172.18.0.3 bbbb b web\n"
                                "subnet fd00:1::/64\nhost fd00:1::2 aaaa a web\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t buffer[65535];
    struct dns_zones zones = { 0 };
    const struct in6_addr client = address_map(0xac120002);
    struct dns_zone *zone = NULL;
    struct dns_query query;
    struct dns_answer answer;

    if (dns_zone_parse((const char *)data, size, &zone, NULL) >= 0)
        dns_zone_free(zone);
    if (dns_parse_query(data, size, &query) != 0)
        return 0;
    assert(query.question_end <= size);
    assert(strlen(query.name) <= DNS_NAME_BYTES_MAX);

    zone = NULL;
    if (dns_zone_parse(zone_text, sizeof(zone_text) - 1, &zone, NULL) < 0)
        return 0;
    *ARRAY_APPEND(&zones) = zone;
    dns_answer_begin(&answer, buffer, query.udp_bytes, &query, data);
    (void)dns_lookup(&zones, zone, &client, &query, size > 12 ? data[12] : 0, &answer);
    dns_answer_finish(&answer, &query, DNS_NOERROR);
    assert(answer.len <= query.udp_bytes);
    assert(dns_is_response(data, query.question_end, query.id, buffer, answer.len));
    (void)dns_is_response(buffer, query.question_end, query.id, data, size);
    dns_zones_release(&zones);
    return 0;
}
