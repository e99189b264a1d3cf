#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "cli/format.h"
#include "engine/container/container.h"

static struct arena arena;

static void sizes_read_as_dockers_do(void **state)
{
    (void)state;
    assert_string_equal(format_size(&arena, 0), "0B");
    assert_string_equal(format_size(&arena, 999), "999B");
    assert_string_equal(format_size(&arena, 1983000), "1.98MB");
    assert_string_equal(format_size(&arena, 156000000), "156MB");
    assert_string_equal(format_size_binary(&arena, 1536u << 10), "1.5MiB");
}

static void long_texts_end_with_an_ellipsis_within_the_limit(void **state)
{
    (void)state;
    assert_string_equal(format_ellipsis(&arena, "short", 20), "short");
    assert_string_equal(format_ellipsis(&arena, "exactly ten", 11), "exactly ten");
    assert_string_equal(
            format_ellipsis(&arena, "one character too long", 21), "one character too lo…");
    assert_string_equal(format_ellipsis(&arena, "äöüäöü", 4), "äöü…");
}

static void ids_lose_their_algorithm_and_their_tail(void **state)
{
    (void)state;
    assert_string_equal(format_short_id(&arena, "sha256:0123456789abcdef"), "0123456789ab");
    assert_string_equal(format_short_id(&arena, "abc"), "abc");
}

static void ports_merge_into_ranges_and_show_what_is_only_exposed(void **state)
{
    struct container_binding bindings[] = {
        { "0.0.0.0", "tcp", 8001, 81 },
        { "0.0.0.0", "tcp", 8000, 80 },
        { "127.0.0.1", "udp", 53, 53 },
    };
    char *exposed[] = { (char[]){ "80/tcp" }, (char[]){ "443/tcp" }, NULL };
    struct container container = { .state.status = CONTAINER_RUNNING,
        .config.exposed_ports = exposed };

    (void)state;
    container.bindings.items = bindings;
    container.bindings.len = ARRAY_LEN(bindings);
    assert_string_equal(format_ports(&arena, &container),
            "0.0.0.0:8000-8001->80-81/tcp, 127.0.0.1:53->53/udp, 443/tcp");
    container.state.status = CONTAINER_EXITED;
    assert_string_equal(format_ports(&arena, &container), "");
}

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_read_as_dockers_do),
        cmocka_unit_test(long_texts_end_with_an_ellipsis_within_the_limit),
        cmocka_unit_test(ids_lose_their_algorithm_and_their_tail),
        cmocka_unit_test(ports_merge_into_ranges_and_show_what_is_only_exposed),
    };

    return cmocka_run_group_tests(tests, NULL, release);
}
