#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "base/str.h"

static void split_into(const char *text, char separator, char *out)
{
    struct str rest = str_from(text), piece;

    while (str_split_next(&rest, separator, &piece)) {
        *out++ = '[';
        if (piece.len)
            memcpy(out, piece.data, piece.len);
        out += piece.len;
        *out++ = ']';
    }
    *out = '\0';
}

static void splitting_gives_empty_pieces_between_and_after_separators(void **state)
{
    static const char *const cases[][2] = {
        { "", "" },
        { "a", "[a]" },
        { "a,b", "[a][b]" },
        { "a,", "[a][]" },
        { ",", "[][]" },
        { ",a", "[][a]" },
        { "a,,b", "[a][][b]" },
        { ",,", "[][][]" },
    };
    char pieces[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        split_into(cases[i][0], ',', pieces);
        assert_string_equal(pieces, cases[i][1]);
    }
    struct str nothing = { 0 }, piece;
    assert_false(str_split_next(&nothing, ',', &piece));
}

static void comparisons_hold_for_null_and_empty_texts(void **state)
{
    (void)state;
    assert_true(str_is_equal((struct str){ 0 }, STR_LITERAL("")));
    assert_false(str_is_equal_z((struct str){ 0 }, NULL));
    assert_true(str_is_equal_z(STR_LITERAL("ab"), "ab"));
    assert_false(str_is_equal_z(STR_LITERAL("ab"), "abc"));
    assert_false(string_is_equal(NULL, NULL));
    assert_true(string_is_equal("", ""));
    assert_true(string_is_empty(NULL));
    assert_true(str_has_prefix(STR_LITERAL("ab"), ""));
    assert_true(str_has_prefix((struct str){ 0 }, ""));
    assert_false(str_has_prefix(STR_LITERAL("a"), "ab"));
    assert_true(str_has_suffix(STR_LITERAL("ab"), "b"));
    assert_false(str_has_suffix(STR_LITERAL("b"), "ab"));
    assert_true(string_has_prefix("compose.yaml", "compose"));
    assert_true(string_has_suffix("compose.yaml", ".yaml"));
    assert_false(string_has_suffix(NULL, "x"));
}

static void trimming_takes_white_space_at_both_ends(void **state)
{
    (void)state;
    assert_true(str_is_equal_z(str_trim(STR_LITERAL(" \t\r\n a b \v\f")), "a b"));
    assert_int_equal(str_trim(STR_LITERAL("  ")).len, 0);
    assert_int_equal(str_trim((struct str){ 0 }).len, 0);
}

static void characters_are_found_from_both_ends(void **state)
{
    (void)state;
    assert_int_equal(str_find(STR_LITERAL("a:b:c"), ':'), 1);
    assert_int_equal(str_find_last(STR_LITERAL("a:b:c"), ':'), 3);
    assert_int_equal(str_find(STR_LITERAL("abc"), ':'), -1);
    assert_int_equal(str_find((struct str){ 0 }, ':'), -1);
    assert_int_equal(str_find_last((struct str){ 0 }, ':'), -1);
}

static void the_nearest_word_is_at_most_a_third_away(void **state)
{
    static const char *const words[] = { "services", "volumes", "networks", "up", "image",
        "images" };
    static const char *const cases[][2] = {
        { "servcies", "services" },
        { "volume", "volumes" },
        { "network", "networks" },
        { "imgae", "image" },
        { "iamges", "images" },
        { "uo", "up" },
        { "xxxx", NULL },
        { "", NULL },
        { "image", "image" },
        { "serXXXes", NULL },
    };
    char long_word[100];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *nearest = str_nearest(cases[i][0], words, ARRAY_LEN(words));

        if (cases[i][1])
            assert_string_equal(nearest, cases[i][1]);
        else
            assert_null(nearest);
    }
    memset(long_word, 'a', sizeof(long_word) - 1);
    long_word[sizeof(long_word) - 1] = '\0';
    assert_null(str_nearest(long_word, words, ARRAY_LEN(words)));
}

static void utf8_is_told_from_what_looks_like_it(void **state)
{
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {
        { "a", 1 },
        { "\xc3\xa4", 2 },
        { "\xe2\x82\xac", 3 },
        { "\xf0\x9f\x98\x80", 4 },
        { "\xc0\x80", 0 },
        { "\xc1\xbf", 0 },
        { "\xe0\x9f\xbf", 0 },
        { "\xf0\x8f\xbf\xbf", 0 },
        { "\xed\xa0\x80", 0 },
        { "\xf4\x90\x80\x80", 0 },
        { "\xf5\x80\x80\x80", 0 },
        { "\x80", 0 },
        { "\xe2\x82", 0 },
        { "\xe2\x82z", 0 },
        { "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(str_utf8_len(str_from(cases[i].text)), cases[i].len);
}

static void a_text_is_utf8_when_all_of_it_is(void **state)
{
    (void)state;
    assert_true(str_is_utf8(STR_LITERAL("")));
    assert_true(str_is_utf8(STR_LITERAL("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80")));
    assert_false(str_is_utf8(STR_LITERAL("good \xff bad")));
    assert_false(str_is_utf8(STR_LITERAL("cut \xe2\x82")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splitting_gives_empty_pieces_between_and_after_separators),
        cmocka_unit_test(comparisons_hold_for_null_and_empty_texts),
        cmocka_unit_test(trimming_takes_white_space_at_both_ends),
        cmocka_unit_test(characters_are_found_from_both_ends),
        cmocka_unit_test(the_nearest_word_is_at_most_a_third_away),
        cmocka_unit_test(utf8_is_told_from_what_looks_like_it),
        cmocka_unit_test(a_text_is_utf8_when_all_of_it_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
