#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/array.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "engine/network/address-internal.h"
#include "engine/network/dns-message.h"
#include "engine/network/dns-zone.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

/* A query for `name` (dots between labels); its length. */
static size_t query(uint8_t *out, const char *name, unsigned type)
{
    static const uint8_t header[] = { 0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
    size_t at = sizeof(header), label = at++;

    memcpy(out, header, sizeof(header));
    for (; *name; name++) {
        if (*name == '.') {
            out[label] = (uint8_t)(at - label - 1);
            label = at++;
        } else {
            out[at++] = (uint8_t)*name;
        }
    }
    out[label] = (uint8_t)(at - label - 1);
    if (out[label] != 0)
        out[at++] = 0;
    out[at++] = 0;
    out[at++] = (uint8_t)type;
    out[at++] = 0;
    out[at++] = 1;
    return at;
}

static size_t add_opt(uint8_t *data, size_t len, unsigned size)
{
    const uint8_t opt[] = { 0, 0, 41, (uint8_t)(size >> 8), (uint8_t)size, 0, 0, 0, 0, 0, 0 };

    data[11]++;
    memcpy(data + len, opt, sizeof(opt));
    return len + sizeof(opt);
}

static void a_query_is_read_in_lower_case(void **state)
{
    uint8_t data[512];
    struct dns_query parsed;
    size_t len = query(data, "Web.Example.COM", DNS_TYPE_A);

    (void)state;
    assert_int_equal(dns_parse_query(data, len, &parsed), 0);
    assert_string_equal(parsed.name, "web.example.com");
    assert_int_equal(parsed.id, 0xabcd);
    assert_int_equal(parsed.type, DNS_TYPE_A);
    assert_int_equal(parsed.question_end, len);
    assert_int_equal(parsed.udp_bytes, 512);
    assert_false(parsed.has_opt || parsed.is_odd);

    len = add_opt(data, len, 1232);
    assert_int_equal(dns_parse_query(data, len, &parsed), 0);
    assert_true(parsed.has_opt);
    assert_int_equal(parsed.udp_bytes, 1232);
    len = add_opt(data, len, 1232);
    assert_int_equal(dns_parse_query(data, len, &parsed), DNS_FORMERR);

    len = query(data, "", DNS_TYPE_A);
    assert_int_equal(dns_parse_query(data, len, &parsed), 0);
    assert_string_equal(parsed.name, "");
}

static void every_shorter_message_is_refused_without_reading_beyond(void **state)
{
    uint8_t data[512];
    struct dns_query parsed;
    size_t len = add_opt(data, query(data, "web.example.com", DNS_TYPE_A), 1232);

    (void)state;
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *exact = test_malloc(cut ? cut : 1);
        int r;

        memcpy(exact, data, cut);
        r = dns_parse_query(exact, cut, &parsed);
        assert_int_equal(r, cut < DNS_HEADER_BYTES ? -EBADMSG : DNS_FORMERR);
        test_free(exact);
    }
}

static void pointers_in_a_question_and_answers_are_no_queries(void **state)
{
    uint8_t data[512];
    struct dns_query parsed;
    size_t len = query(data, "web", DNS_TYPE_A);

    (void)state;
    data[12] = 0xc0; /* to itself */
    data[13] = 12;
    assert_int_equal(dns_parse_query(data, len, &parsed), DNS_FORMERR);
    len = query(data, "web", DNS_TYPE_A);
    data[2] |= 0x80;
    assert_int_equal(dns_parse_query(data, len, &parsed), -EBADMSG);
    data[2] = 0x28; /* UPDATE */
    assert_int_equal(dns_parse_query(data, len, &parsed), DNS_NOTIMP);
    data[2] = 1;
    data[5] = 2;
    assert_int_equal(dns_parse_query(data, len, &parsed), DNS_FORMERR);
    len = query(data, "w\x01b", DNS_TYPE_A);
    assert_int_equal(dns_parse_query(data, len, &parsed), 0);
    assert_true(parsed.is_odd);
}

static void names_at_the_limit_are_read_and_longer_ones_refused(void **state)
{
    uint8_t data[512];
    struct dns_query parsed;
    char name[260];

    (void)state;
    memset(name, 'a', sizeof(name));
    for (size_t i = 49; i < sizeof(name); i += 50)
        name[i] = '.';
    name[253] = '\0'; /* 253 characters are 255 bytes */
    assert_int_equal(dns_parse_query(data, query(data, name, 1), &parsed), 0);
    assert_string_equal(parsed.name, name);
    name[253] = 'a';
    name[254] = '\0';
    assert_int_equal(dns_parse_query(data, query(data, name, 1), &parsed), DNS_FORMERR);
    memset(name, 'a', 64);
    name[64] = '\0'; /* a label of 64: its length byte is no length */
    assert_int_equal(dns_parse_query(data, query(data, name, 1), &parsed), DNS_FORMERR);
}

static void an_answer_that_does_not_fit_is_marked_as_truncated(void **state)
{
    uint8_t data[512], buffer[512];
    struct dns_query parsed;
    struct dns_answer answer;
    size_t len = query(data, "web", DNS_TYPE_A);

    (void)state;
    assert_int_equal(dns_parse_query(data, len, &parsed), 0);
    dns_answer_begin(&answer, buffer, sizeof(buffer), &parsed, data);
    for (uint32_t i = 0; i < 100; i++)
        dns_answer_add_a(&answer, 600, i);
    dns_answer_finish(&answer, &parsed, DNS_NOERROR);
    assert_int_equal(answer.len, len + 30 * 16);
    assert_int_equal(dns_get_u16(buffer + 6), 30);
    assert_true(buffer[2] & 2);
    assert_true(dns_is_response(data, parsed.question_end, 0xabcd, buffer, answer.len));
    assert_false(dns_is_response(data, parsed.question_end, 0xabce, buffer, answer.len));
    buffer[13] = 'W';
    assert_true(dns_is_response(data, parsed.question_end, 0xabcd, buffer, answer.len));
    buffer[13] = 'x';
    assert_false(dns_is_response(data, parsed.question_end, 0xabcd, buffer, answer.len));
    for (size_t cut = 0; cut < parsed.question_end; cut++)
        assert_false(dns_is_response(data, parsed.question_end, 0xabcd, buffer, cut));
}

static struct dns_zone *zone(const char *text)
{
    struct dns_zone *ret = NULL;

    assert_int_equal(dns_zone_parse(text, strlen(text), &ret, NULL), 0);
    return ret;
}

/* "answered 172.18.0.2 172.18.0.3", "unknown", "absent". */
static const char *look_up_by(const struct dns_zones *zones, size_t home, struct in6_addr client,
        const char *name, unsigned type, struct strbuf *out)
{
    static const char *const words[] = { "answered", "unknown", "absent" };
    uint8_t data[512], buffer[4096];
    struct dns_query parsed;
    struct dns_answer answer;
    size_t len = query(data, name, type);

    assert_int_equal(dns_parse_query(data, len, &parsed), 0);
    dns_answer_begin(&answer, buffer, sizeof(buffer), &parsed, data);
    strbuf_reset(out);
    strbuf_adds(out, words[dns_lookup(zones, zones->items[home], &client, &parsed, 1, &answer)]);
    for (size_t at = len; type == DNS_TYPE_A && at < answer.len; at += 16)
        strbuf_addf(out, " %u.%u", buffer[at + 14], buffer[at + 15]);
    for (size_t at = len; type == DNS_TYPE_AAAA && at < answer.len; at += 28)
        strbuf_addf(out, " %02x::%02x", buffer[at + 12], buffer[at + 27]);
    return out->data;
}

static const char *look_up(const struct dns_zones *zones, size_t home, uint32_t client,
        const char *name, unsigned type, struct strbuf *out)
{
    return look_up_by(zones, home, address_map(client), name, type, out);
}

static void names_have_addresses_of_both_families(void **state)
{
    static const char text[] =
            "network Both\nlisten 172.18.0.1\nsubnet 172.18.0.0/16\nsubnet fd00:1::/64\n"
            "host 172.18.0.2 id1 a\nhost fd00:1::2 id1 a\nhost fd00:1::3 id2 b\n";
    static const char six[] = "network six\nlisten fd00:2::1\nsubnet fd00:2::/64\ninternal\n"
                              "host fd00:2::2 id1 a\nhost fd00:2::3 id3 c\n";
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(1024);
    struct dns_zones zones = { 0 };
    struct in6_addr client;
    char reverse[80];

    (void)state;
    *ARRAY_APPEND(&zones) = NULL;
    *ARRAY_APPEND(&zones) = NULL;
    assert_int_equal(dns_zone_parse(text, strlen(text), &zones.items[0], NULL), 0);
    assert_int_equal(dns_zone_parse(six, strlen(six), &zones.items[1], NULL), 0);
    assert_string_equal(look_up(&zones, 0, 0xac120002, "a", DNS_TYPE_A, &out), "answered 0.2");
    assert_string_equal(
            look_up(&zones, 0, 0xac120002, "a", DNS_TYPE_AAAA, &out), "answered fd::02");
    assert_string_equal(look_up(&zones, 0, 0xac120002, "b", DNS_TYPE_A, &out), "answered");
    assert_string_equal(
            look_up(&zones, 0, 0xac120002, "c", DNS_TYPE_AAAA, &out), "answered fd::03");
    assert_int_equal(address6_parse("fd00:2::3", &client), 0);
    assert_string_equal(look_up_by(&zones, 1, client, "a", DNS_TYPE_AAAA, &out), "answered fd::02");
    assert_string_equal(look_up_by(&zones, 1, client, "b", DNS_TYPE_AAAA, &out), "absent");
    /* Backwards. */
    snprintf(reverse, sizeof(reverse), "2.%s1.0.0.0.0.0.d.f.ip6.arpa",
            "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
            "0.0.0.0.0.0.0.0.");
    assert_string_equal(look_up(&zones, 0, 0xac120002, reverse, DNS_TYPE_PTR, &out), "answered");
    reverse[0] = '9';
    assert_string_equal(look_up(&zones, 0, 0xac120002, reverse, DNS_TYPE_PTR, &out), "absent");
    assert_string_equal(
            look_up(&zones, 0, 0xac120002, "1.0.ip6.arpa", DNS_TYPE_PTR, &out), "unknown");
    dns_zones_release(&zones);
}

static void a_client_sees_the_names_of_its_own_networks_only(void **state)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(4096);
    struct dns_zones zones = { 0 };
    const struct in6_addr mapped = address_map(0xac120003);
    const uint32_t a = 0xac120002, both = 0xac120003, in_back = 0xac130002;

    (void)state;
    *ARRAY_APPEND(&zones) = zone("network back\nlisten 172.19.0.1\nsubnet 172.19.0.0/16\ninternal\n"
                                 "host 172.19.0.2 cccc store db\nhost 172.19.0.3 " ID_B " b\n");
    *ARRAY_APPEND(&zones) = zone("network front\nlisten 172.18.0.1\nsubnet 172.18.0.0/16\n"
                                 "host 172.18.0.2 " ID_A " A web\nhost 172.18.0.3 " ID_B " b web\n"
                                 "forward 172.18.0.3 9.9.9.9 1.1.1.1 8.8.8.8 8.8.4.4\n");

    assert_string_equal(look_up(&zones, 1, a, "a", DNS_TYPE_A, &out), "answered 0.2");
    assert_string_equal(look_up(&zones, 1, a, "A.FRONT", DNS_TYPE_A, &out), "answered 0.2");
    assert_string_equal(look_up(&zones, 1, a, "a", DNS_TYPE_AAAA, &out), "answered");
    assert_int_equal(
            strlen(look_up(&zones, 1, a, "web", DNS_TYPE_A, &out)), strlen("answered 0.2 0.3"));
    assert_string_equal(look_up(&zones, 1, a, "store", DNS_TYPE_A, &out), "unknown");
    assert_string_equal(look_up(&zones, 1, a, "store.back", DNS_TYPE_A, &out), "unknown");
    assert_string_equal(look_up(&zones, 1, both, "store", DNS_TYPE_A, &out), "answered 0.2");
    assert_string_equal(look_up(&zones, 1, both, "db.back", DNS_TYPE_A, &out), "answered 0.2");
    /* Its own zone first, whichever that is. */
    assert_string_equal(look_up(&zones, 0, 0xac130003, "b", DNS_TYPE_A, &out), "answered 0.3");
    /* Internal networks ask nobody else, unless the client has another way out. */
    assert_string_equal(look_up(&zones, 0, in_back, "example.com", DNS_TYPE_A, &out), "absent");
    assert_string_equal(look_up(&zones, 0, 0xac130003, "example.com", DNS_TYPE_A, &out), "unknown");
    /* Backwards. */
    assert_string_equal(
            look_up(&zones, 1, a, "2.0.18.172.in-addr.arpa", DNS_TYPE_PTR, &out), "answered");
    assert_string_equal(
            look_up(&zones, 1, a, "9.0.18.172.in-addr.arpa", DNS_TYPE_PTR, &out), "absent");
    assert_string_equal(
            look_up(&zones, 1, a, "2.0.19.172.in-addr.arpa", DNS_TYPE_PTR, &out), "unknown");
    assert_string_equal(
            look_up(&zones, 1, a, "1.1.1.1.in-addr.arpa", DNS_TYPE_PTR, &out), "unknown");
    assert_string_equal(look_up(&zones, 1, a, "front", DNS_TYPE_A, &out), "unknown");
    assert_string_equal(look_up(&zones, 1, a, ".front", DNS_TYPE_A, &out), "unknown");

    assert_int_equal(dns_zone_find_host(zones.items[1], &mapped)->forward_len, DNS_FORWARD_MAX);
    dns_zones_release(&zones);
}

static void a_damaged_zone_names_its_line(void **state)
{
    static const char *const cases[] = {
        "",
        "network n\n",
        "network n\nlisten 172.18.0.1\n",
        "network n\nlisten x\nsubnet 172.18.0.0/16\n",
        "network n\nlisten 172.18.0.1\nsubnet 172.18.0.0\n",
        "network n\nlisten 172.18.0.1\nsubnet 172.18.0.0/16\nhost\n",
        "network n\nlisten 172.18.0.1\nsubnet 172.18.0.0/16\nhost 1.2.3.4 id\n",
        "network n\nlisten 172.18.0.1\nsubnet 172.18.0.0/16\nnonsense x\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_error struct error *err = NULL;
        struct dns_zone *ret = NULL;

        assert_int_equal(dns_zone_parse(cases[i], strlen(cases[i]), &ret, &err), -EINVAL);
        assert_non_null(err);
        assert_null(ret);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_query_is_read_in_lower_case),
        cmocka_unit_test(every_shorter_message_is_refused_without_reading_beyond),
        cmocka_unit_test(pointers_in_a_question_and_answers_are_no_queries),
        cmocka_unit_test(names_at_the_limit_are_read_and_longer_ones_refused),
        cmocka_unit_test(an_answer_that_does_not_fit_is_marked_as_truncated),
        cmocka_unit_test(names_have_addresses_of_both_families),
        cmocka_unit_test(a_client_sees_the_names_of_its_own_networks_only),
        cmocka_unit_test(a_damaged_zone_names_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
