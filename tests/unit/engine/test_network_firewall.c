#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "engine/network/address-internal.h"
#include "engine/network/firewall-internal.h"
#include "engine/network/network-internal.h"

static struct network network_of(const char *bridge, uint32_t subnet)
{
    struct network network = {
        .id = "id", .name = "n", .ipv4 = true, .subnet = subnet, .prefix_len = 16
    };

    memcpy(network.bridge, bridge, strlen(bridge) + 1);
    return network;
}

static void a_port_more_is_one_element_and_nothing_else(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(FIREWALL_TEXT_MAX_BYTES);
    struct firewall_state have = { .table = "t" }, wanted = { .table = "t" };
    struct network network = network_of("br-1", 0xac110000);
    struct sandbox_port port = { .host_address = address_map(0),
        .address = address_map(0xac110002),
        .host_port = 8080,
        .port = 80 };
    struct sandbox_port other = { .host_address = address_map(0x7f000001),
        .address = address_map(0xac110002),
        .host_port = 53,
        .port = 53,
        .protocol = SANDBOX_UDP };

    (void)state;
    firewall_add_network(&arena, &have, &network);
    firewall_add_port(&arena, &have, &port);
    firewall_sort(&have);
    firewall_add_port(&arena, &wanted, &other);
    firewall_add_network(&arena, &wanted, &network);
    firewall_add_port(&arena, &wanted, &port);
    firewall_add_port(&arena, &wanted, &port); /* twice is once */
    firewall_sort(&wanted);

    firewall_format_change(&have, &have, &text);
    assert_string_equal(text.data, "");
    firewall_format_change(&have, &wanted, &text);
    assert_string_equal(
            text.data, "add element ip t ports { udp . 127.0.0.1 . 53 : 172.17.0.2 . 53 }\n");
    strbuf_reset(&text);
    firewall_format_change(&wanted, &have, &text);
    assert_string_equal(
            text.data, "delete element ip t ports { udp . 127.0.0.1 . 53 : 172.17.0.2 . 53 }\n");
}

static void a_port_that_moves_is_deleted_before_it_is_added(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(FIREWALL_TEXT_MAX_BYTES);
    struct firewall_state have = { .table = "t" }, wanted = { .table = "t" };
    struct sandbox_port port = { .host_address = address_map(0),
        .address = address_map(0xac110003),
        .host_port = 80,
        .port = 80 };

    (void)state;
    firewall_add_port(&arena, &have, &port);
    port.address = address_map(0xac110002);
    firewall_add_port(&arena, &wanted, &port);
    firewall_sort(&have);
    firewall_sort(&wanted);
    firewall_format_change(&have, &wanted, &text);
    assert_string_equal(text.data, "delete element ip t ports_any { tcp . 80 : 172.17.0.3 . 80 }\n"
                                   "add element ip t ports_any { tcp . 80 : 172.17.0.2 . 80 }\n");
}

static bool has(const struct firewall_state *state, const char *element)
{
    for (size_t i = 0; i < state->elements.len; i++)
        if (strcmp(state->elements.items[i], element) == 0)
            return true;
    return false;
}

static void a_networks_options_decide_its_sets(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct firewall_state plain = { .table = "t" }, quiet = { .table = "t" },
                          closed = { .table = "t" }, routed = { .table = "t" };
    struct network network = network_of("br-1", 0xac110000);

    (void)state;
    strmap_init_arena(&network.options, &arena);
    firewall_add_network(&arena, &plain, &network);
    assert_true(has(&plain, "bridges \"br-1\""));
    assert_true(has(&plain, "within \"br-1\" . \"br-1\""));
    assert_true(has(&plain, "outward 172.17.0.0/16"));
    assert_true(has(&plain, "subnets 172.17.0.0/16"));
    assert_false(has(&plain, "internal \"br-1\""));

    strmap_set(&network.options, NETWORK_OPTION_ICC, "false");
    firewall_add_network(&arena, &quiet, &network);
    assert_false(has(&quiet, "within \"br-1\" . \"br-1\""));

    network.internal = true;
    firewall_add_network(&arena, &closed, &network);
    assert_true(has(&closed, "internal \"br-1\""));
    assert_true(has(&closed, "subnets 172.17.0.0/16"));
    assert_false(has(&closed, "outward 172.17.0.0/16"));

    network.internal = false;
    strmap_set(&network.options, NETWORK_OPTION_MASQUERADE, "false");
    firewall_add_network(&arena, &routed, &network);
    assert_false(has(&routed, "outward 172.17.0.0/16"));
    assert_false(has(&routed, "subnets 172.17.0.0/16"));
}

static void the_mode_of_the_gateway_decides_what_is_reached_from_outside(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct firewall_state routed = { .table = "t" }, open = { .table = "t" };
    struct network network = network_of("br-1", 0xac110000);
    struct sandbox_port port = {
        .host_address = address_map(0), .address = address_map(0xac110002), .port = 80
    };

    (void)state;
    strmap_init_arena(&network.options, &arena);
    strmap_set(&network.options, NETWORK_OPTION_GATEWAY_MODE, NETWORK_MODE_ROUTED);
    firewall_add_network(&arena, &routed, &network);
    firewall_add_port(&arena, &routed, &port);
    assert_true(has(&routed, "routed \"br-1\""));
    assert_true(has(&routed, "open tcp . 172.17.0.2 . 80"));
    assert_false(has(&routed, "outward 172.17.0.0/16"));
    assert_false(has(&routed, "subnets 172.17.0.0/16"));

    strmap_set(&network.options, NETWORK_OPTION_GATEWAY_MODE, NETWORK_MODE_UNPROTECTED);
    firewall_add_network(&arena, &open, &network);
    assert_true(has(&open, "unprotected \"br-1\""));
    assert_true(has(&open, "outward 172.17.0.0/16"));
    assert_false(has(&open, "subnets 172.17.0.0/16"));
    network.internal = true;
    open.elements.len = 0;
    firewall_add_network(&arena, &open, &network);
    assert_false(has(&open, "unprotected \"br-1\""));
    assert_true(has(&open, "subnets 172.17.0.0/16"));
}

static void the_whole_table_replaces_what_is_there_in_one_go(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(FIREWALL_TEXT_MAX_BYTES);
    struct firewall_state wanted = { .table = "berth-x" };
    struct network network = network_of("br-1", 0xac110000);

    (void)state;
    firewall_format(&wanted, true, &text);
    assert_string_equal(text.data, "delete table ip berth-x\n");
    firewall_add_network(&arena, &wanted, &network);
    firewall_sort(&wanted);
    strbuf_reset(&text);
    firewall_format(&wanted, true, &text);
    assert_non_null(strstr(text.data, "delete table ip berth-x\ntable ip berth-x {"));
    assert_non_null(strstr(text.data, "add element ip berth-x bridges { \"br-1\" }\n"));
    strbuf_reset(&text);
    firewall_format(&wanted, false, &text);
    assert_null(strstr(text.data, "delete"));
}

static void each_family_has_its_own_elements(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(FIREWALL_TEXT_MAX_BYTES);
    struct firewall_state v4 = { .table = "t" }, v6 = { .table = "t", .family = FIREWALL_IPV6 };
    struct network both = network_of("br-1", 0xac110000), only4 = network_of("br-2", 0xac120000),
                   only6 = network_of("br-3", 0);
    struct sandbox_port port = { .host_address = address_map(0),
        .address = address_map(0xac110002),
        .host_port = 80,
        .port = 80 };
    struct sandbox_port port6 = { .host_port = 80, .port = 80 };

    (void)state;
    both.ipv6 = true;
    assert_int_equal(address6_parse_network("fd00:1::/64", &both.subnet6, &both.prefix6_len), 0);
    assert_int_equal(address6_parse("fd00:1::2", &port6.address), 0);
    only6.ipv4 = false;
    only6.ipv6 = true;
    assert_int_equal(address6_parse_network("fd00:2::/64", &only6.subnet6, &only6.prefix6_len), 0);
    struct firewall_state *states[] = { &v4, &v6 };
    for (int i = 0; i < 2; i++) {
        firewall_add_network(&arena, states[i], &both);
        firewall_add_network(&arena, states[i], &only4);
        firewall_add_network(&arena, states[i], &only6);
        firewall_add_port(&arena, states[i], &port);
        firewall_add_port(&arena, states[i], &port6);
    }
    assert_true(has(&v4, "subnets 172.17.0.0/16"));
    assert_true(has(&v4, "bridges \"br-2\""));
    assert_true(has(&v4, "ports_any tcp . 80 : 172.17.0.2 . 80"));
    assert_false(has(&v4, "subnets fd00:1::/64"));
    assert_true(has(&v6, "subnets fd00:1::/64"));
    assert_true(has(&v6, "outward fd00:1::/64"));
    assert_true(has(&v6, "ports_any tcp . 80 : fd00:1::2 . 80"));
    assert_false(has(&v6, "bridges \"br-2\""));
    assert_false(has(&v6, "ports_any tcp . 80 : 172.17.0.2 . 80"));
    /* No IPv4 passes over the bridge of a network without it. */
    assert_true(has(&v4, "internal \"br-3\""));
    assert_false(has(&v4, "bridges \"br-3\""));
    assert_true(has(&v6, "bridges \"br-3\""));
    assert_false(has(&v6, "internal \"br-3\""));
    firewall_sort(&v6);
    firewall_format(&v6, true, &text);
    assert_non_null(strstr(text.data, "delete table ip6 t\ntable ip6 t {"));
    assert_non_null(strstr(text.data, "add element ip6 t subnets { fd00:1::/64 }"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_more_is_one_element_and_nothing_else),
        cmocka_unit_test(a_port_that_moves_is_deleted_before_it_is_added),
        cmocka_unit_test(a_networks_options_decide_its_sets),
        cmocka_unit_test(the_mode_of_the_gateway_decides_what_is_reached_from_outside),
        cmocka_unit_test(each_family_has_its_own_elements),
        cmocka_unit_test(the_whole_table_replaces_what_is_there_in_one_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
