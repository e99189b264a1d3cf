#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/strbuf.h"

static void check(const struct strbuf *sb)
{
    assert_int_equal(sb->data[sb->len], '\0');
    assert_true(sb->len <= sb->max_len);
    assert_true(sb->cap == 0 || sb->cap > sb->len);
}

static void text_stays_terminated_through_every_step(void **state)
{
    struct strbuf sb = STRBUF_INIT(10000);

    (void)state;
    check(&sb);
    strbuf_adds(&sb, "web");
    check(&sb);
    strbuf_addc(&sb, '-');
    strbuf_addf(&sb, "%d", 1);
    check(&sb);
    strbuf_add_str(&sb, STR_LITERAL("/x"));
    strbuf_adds(&sb, NULL);
    strbuf_add(&sb, NULL, 0);
    assert_string_equal(sb.data, "web-1/x");
    strbuf_truncate(&sb, 3);
    strbuf_truncate(&sb, 100);
    assert_string_equal(sb.data, "web");
    for (int i = 0; i < 1000; i++) {
        strbuf_addf(&sb, "%04d", i);
        check(&sb);
    }
    assert_int_equal(sb.len, 4003);
    strbuf_reset(&sb);
    assert_string_equal(sb.data, "");
    strbuf_release(&sb);
    strbuf_release(&sb);
    check(&sb);
}

static void a_word_for_a_shell_is_quoted_where_it_has_to_be(void **state)
{
    static const char *const words[][2] = {
        { "shop-web@2.service", "shop-web@2.service" },
        { "my\\x2dshop.target", "'my\\x2dshop.target'" },
        { "it's $HOME", "'it'\\''s $HOME'" },
        { "~", "'~'" },
        { "", "''" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        struct strbuf sb = STRBUF_INIT(100);

        strbuf_add_shell_word(&sb, words[i][0]);
        assert_string_equal(sb.data, words[i][1]);
        strbuf_release(&sb);
    }
}

static void the_maximum_is_kept_exactly(void **state)
{
    (void)state;
    for (int way = 0; way < 3; way++) {
        for (size_t over = 0; over < 2; over++) {
            struct strbuf sb = STRBUF_INIT(8);

            for (size_t i = 0; i < 4 + over; i++) {
                if (way == 0)
                    strbuf_adds(&sb, "ab");
                else if (way == 1)
                    strbuf_addf(&sb, "%s", "ab");
                else
                    strbuf_addc(&sb, 'a'), strbuf_addc(&sb, 'b');
                check(&sb);
            }
            assert_string_equal(sb.data, "abababab");
            assert_true(strbuf_is_truncated(&sb) == (over > 0));
            strbuf_release(&sb);
        }
    }
}

static void what_fits_of_a_long_text_is_added(void **state)
{
    struct strbuf sb = STRBUF_INIT(5);

    (void)state;
    strbuf_adds(&sb, "ab");
    strbuf_addf(&sb, "%s", "cdefgh");
    assert_string_equal(sb.data, "abcde");
    assert_true(strbuf_is_truncated(&sb));
    strbuf_reset(&sb);
    assert_false(strbuf_is_truncated(&sb));
    strbuf_release(&sb);

    struct strbuf none = STRBUF_INIT(0);
    strbuf_addf(&none, "%s", "x");
    assert_string_equal(none.data, "");
    assert_true(strbuf_is_truncated(&none));
    strbuf_release(&none);
}

static void taking_empties_the_buffer(void **state)
{
    struct strbuf sb = STRBUF_INIT(10);
    char *empty = strbuf_take(&sb);

    (void)state;
    assert_string_equal(empty, "");
    free(empty);
    strbuf_adds(&sb, "x");
    char *text = strbuf_take(&sb);
    assert_string_equal(text, "x");
    assert_string_equal(sb.data, "");
    assert_int_equal(sb.max_len, 10);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_stays_terminated_through_every_step),
        cmocka_unit_test(a_word_for_a_shell_is_quoted_where_it_has_to_be),
        cmocka_unit_test(the_maximum_is_kept_exactly),
        cmocka_unit_test(what_fits_of_a_long_text_is_added),
        cmocka_unit_test(taking_empties_the_buffer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
