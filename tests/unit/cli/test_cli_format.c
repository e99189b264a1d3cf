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
    char *exposed[] = { (char[]){ "80/tcp" }, (char[]){ "443/tcp" }, (char[]){ "444/tcp" },
        (char[]){ "445/udp" }, NULL };
    struct container container = { .state.status = CONTAINER_RUNNING,
        .config.exposed_ports = exposed };

    (void)state;
    container.bindings.items = bindings;
    container.bindings.len = ARRAY_LEN(bindings);
    assert_string_equal(format_ports(&arena, &container),
            "127.0.0.1:53->53/udp, 443-444/tcp, 445/udp, 0.0.0.0:8000->80/tcp, 0.0.0.0:8001->81/tcp");
    container.state.status = CONTAINER_EXITED;
    assert_string_equal(format_ports(&arena, &container), "");
}

static void control_characters_of_foreign_text_are_shown_not_sent(void **state)
{
    (void)state;
    assert_string_equal(format_clean_line(&arena, "a\tä\033[2Jb\r\n"), "a\tä\\x1b[2Jb\\x0d\\x0a");
    assert_string_equal(format_clean_line(&arena, "\xc2\x9b"
                                                  "2J\x7f"),
            "\\x9b2J\\x7f");
    assert_string_equal(format_clean_line(&arena, "\xc2"), "\xc2");
    assert_string_equal(format_clean_line(&arena, ""), "");
}

static void colours_and_movements_of_a_program_are_left_out_of_a_display(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        { "plain\ttext ä", "plain\ttext ä" },
        { "\033[1;32mgreen\033[0m", "green" },
        { "\033[2K\033[1Aup\r", "up" },
        { "\033]0;title\007after", "after" },
        { "\033]0;title\033\\after", "after" },
        { "\033(Bset \0337saved", "set saved" },
        { "\xc2\x9b"
          "31m",
                "31m" },
        { "cut \033[3", "cut " },
        { "cut \033]0;", "cut " },
        { "cut \033", "cut " },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(format_strip_controls(&arena, cases[i].text), cases[i].expected);
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
        cmocka_unit_test(control_characters_of_foreign_text_are_shown_not_sent),
        cmocka_unit_test(colours_and_movements_of_a_program_are_left_out_of_a_display),
    };

    return cmocka_run_group_tests(tests, NULL, release);
}
