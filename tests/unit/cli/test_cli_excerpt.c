#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "cli/excerpt.h"

static void the_caret_stands_below_its_character_however_wide_those_before_are(void **state)
{
    static const struct {
        const char *line;
        unsigned column;
        const char *shown;
        unsigned caret;
    } cases[] = {
        { "image: x", 8, "image: x", 7 },
        { "\timage: x", 9, "    image: x", 11 },
        { "名前: x", 5, "名前: x", 6 },
        { "🚀🚀: x", 5, "🚀🚀: x", 6 },
        { "👨‍👩: x", 6, "👨‍👩: x", 6 },
        { "e\u0301a: x", 5, "e\u0301a: x", 3 },
        { "é: x", 4, "é: x", 3 },
        { "a", 9, "a", 1 },
        { "a", 0, "a", 0 },
        { "", 1, "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_(strbuf_release) struct strbuf out = STRBUF_INIT(4096);

        assert_int_equal(
                excerpt_add_line(&out, str_from(cases[i].line), cases[i].column), cases[i].caret);
        assert_string_equal(out.data ? out.data : "", cases[i].shown);
    }
}

static void what_cannot_be_seen_is_shown_by_its_number(void **state)
{
    static const struct {
        struct str line;
        unsigned column;
        const char *shown;
        unsigned caret;
    } cases[] = {
        { STR_LITERAL("a\0b"), 2, "a\\x00b", 1 },
        { STR_LITERAL("a\0b"), 3, "a\\x00b", 5 },
        { STR_LITERAL("a\xff"
                      "b"),
                2, "a\\xffb", 1 },
        { STR_LITERAL("\x80\x80"
                      "b"),
                2, "\\x80\\x80b", 8 },
        { STR_LITERAL("a\033[31mb"), 3, "a\\x1b[31mb", 5 },
        { STR_LITERAL("a\u200bb"), 3, "a\\u200bb", 7 },
        { STR_LITERAL("a\u00a0b"), 3, "a\\u00a0b", 7 },
        { STR_LITERAL("a\u202eb"), 2, "a\\u202eb", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_(strbuf_release) struct strbuf out = STRBUF_INIT(4096);

        assert_int_equal(excerpt_add_line(&out, cases[i].line, cases[i].column), cases[i].caret);
        assert_string_equal(out.data, cases[i].shown);
    }
}

static void of_a_long_line_what_is_around_the_caret_is_shown(void **state)
{
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(4096), out = STRBUF_INIT(4096);

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        strbuf_addc(&line, i == 499 ? 'X' : '.');
    unsigned caret = excerpt_add_line(&out, strbuf_str(&line), 500);

    assert_true(caret < EXCERPT_COLUMNS_MAX);
    assert_int_equal(out.data[strlen("…") + caret - 1], 'X');
    assert_memory_equal(out.data, "…", strlen("…"));
    assert_string_equal(out.data + out.len - strlen("…"), "…");

    strbuf_reset(&out);
    assert_int_equal(excerpt_add_line(&out, strbuf_str(&line), 1), 0);
    assert_int_equal(out.len, EXCERPT_COLUMNS_MAX + strlen("…"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_caret_stands_below_its_character_however_wide_those_before_are),
        cmocka_unit_test(what_cannot_be_seen_is_shown_by_its_number),
        cmocka_unit_test(of_a_long_line_what_is_around_the_caret_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
