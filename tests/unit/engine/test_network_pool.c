#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "engine/network/address-internal.h"
#include "engine/network/pool-internal.h"

static struct pool_subnet subnet(const char *text)
{
    struct pool_subnet ret;

    assert_int_equal(address_parse_network(text, &ret.address, &ret.prefix_len), 0);
    return ret;
}

static void assert_subnet(struct pool_subnet got, const char *wanted)
{
    char text[ADDRESS_NETWORK_TEXT_MAX];

    assert_string_equal(address_format_network(got.address, got.prefix_len, text), wanted);
}

static void subnets_come_in_dockers_order_and_then_run_out(void **state)
{
    struct pool_subnets used = { 0 };
    struct pool_subnet got;

    (void)state;
    for (int i = 0; i < 31; i++) {
        assert_true(pool_choose_subnet(&used, 0, &got));
        if (i == 0)
            assert_subnet(got, "172.17.0.0/16");
        if (i == 14)
            assert_subnet(got, "172.31.0.0/16");
        if (i == 15)
            assert_subnet(got, "192.168.0.0/20");
        if (i == 30)
            assert_subnet(got, "192.168.240.0/20");
        assert_false(pool_overlaps(&used, got));
        *ARRAY_APPEND(&used) = got;
    }
    assert_false(pool_choose_subnet(&used, 0, &got));
    assert_false(pool_choose_subnet(&used, 7, &got));
    ARRAY_RELEASE(&used);
}

static void subnets_that_overlap_a_route_are_skipped(void **state)
{
    struct pool_subnets used = { 0 };
    struct pool_subnet got;

    (void)state;
    *ARRAY_APPEND(&used) = subnet("172.16.0.0/14"); /* wider: 172.16 to 172.19 */
    *ARRAY_APPEND(&used) = subnet("172.20.5.7/32"); /* narrower */
    assert_true(pool_choose_subnet(&used, 0, &got));
    assert_subnet(got, "172.21.0.0/16");
    assert_true(pool_choose_subnet(&used, 3, &got));
    assert_subnet(got, "172.21.0.0/16");
    assert_true(pool_choose_subnet(&used, 5, &got));
    assert_subnet(got, "172.22.0.0/16");
    ARRAY_RELEASE(&used);
}

static void addresses_are_given_out_upwards_and_wrap(void **state)
{
    static const struct {
        const char *subnet, *range;
        uint32_t last, used[4];
        size_t used_len;
        uint32_t wanted; /* 0: none is free */
    } cases[] = {
        { "10.0.0.0/24", "10.0.0.0/24", 0, { 0x0a000001 }, 1, 0x0a000002 },
        { "10.0.0.0/24", "10.0.0.0/24", 0x0a000002, { 0x0a000001 }, 1, 0x0a000003 },
        { "10.0.0.0/24", "10.0.0.0/24", 0x0a000002, { 0x0a000001, 0x0a000003 }, 2, 0x0a000004 },
        { "10.0.0.0/24", "10.0.0.0/24", 0x0a0000fe, { 0x0a000001 }, 1, 0x0a000002 },
        { "10.0.0.0/30", "10.0.0.0/30", 0, { 0x0a000001, 0x0a000002 }, 2, 0 },
        { "10.0.0.0/30", "10.0.0.0/30", 0x0a000002, { 0x0a000001 }, 1, 0x0a000002 },
        { "10.0.0.0/24", "10.0.0.128/25", 0, { 0x0a000001 }, 1, 0x0a000080 },
        { "10.0.0.0/24", "10.0.0.128/31", 0x0a000080, { 0x0a000001 }, 1, 0x0a000081 },
        { "10.0.0.0/24", "10.0.0.128/31", 0x0a000081, { 0x0a000001, 0x0a000080 }, 2, 0x0a000081 },
        { "10.0.0.0/24", "10.0.0.128/32", 0, { 0x0a000080 }, 1, 0 },
        { "10.0.0.0/8", "10.0.0.0/8", 0x0afffffe, { 0x0a000001 }, 1, 0x0a000002 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint32_t got = 0;
        bool found = pool_choose_address(subnet(cases[i].subnet), subnet(cases[i].range),
                cases[i].last, cases[i].used, cases[i].used_len, &got);

        assert_int_equal(found, cases[i].wanted != 0);
        assert_int_equal(got, cases[i].wanted);
    }
}

static void addresses_and_macs_are_read_whole_or_not_at_all(void **state)
{
    static const char *const wrong_networks[] = { "10.0.0.0", "10.0.0.0/", "10.0.0.0/33",
        "10.0.0/8", "/8", "", "10.0.0.0/8x", "10.0.0.0.0/8", "999.0.0.0/8", "10.0.0.0/-1" };
    static const char *const wrong_macs[] = { "", "02:42:0a:00:00", "02:42:0a:00:00:0",
        "02:42:0a:00:00:0g", "02:42:0a:00:00:01:", "02.42.0a.00.00.01", "0242:0a:00:00:001" };
    char text[ADDRESS_MAC_TEXT_MAX];
    uint32_t address;
    unsigned prefix_len;
    uint8_t mac[6];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong_networks); i++)
        assert_true(address_parse_network(wrong_networks[i], &address, &prefix_len) < 0);
    for (size_t i = 0; i < ARRAY_LEN(wrong_macs); i++)
        assert_true(address_parse_mac(wrong_macs[i], mac) < 0);
    assert_true(address_parse_network(NULL, &address, &prefix_len) < 0);
    assert_int_equal(address_parse_mac("02:42:AC-11:00:0f", mac), 0);
    assert_string_equal(address_format_mac(mac, text), "02:42:ac:11:00:0f");
    assert_int_equal(address_parse_network("10.1.2.3/0", &address, &prefix_len), 0);
    assert_true(address_is_in(0xffffffff, address, prefix_len));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(subnets_come_in_dockers_order_and_then_run_out),
        cmocka_unit_test(subnets_that_overlap_a_route_are_skipped),
        cmocka_unit_test(addresses_are_given_out_upwards_and_wrap),
        cmocka_unit_test(addresses_and_macs_are_read_whole_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
