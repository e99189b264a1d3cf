/* Variables in Dockerfile words, and the patterns of .dockerignore. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/strmap.h"
#include "engine/build/expand.h"
#include "engine/build/ignore.h"

static int expand(const char *word, char **ret, struct arena *arena, struct error **err)
{
    struct strmap values = STRMAP_INIT;
    struct expand_options options = {
        .escape = '\\', .values = &values, .at = { "Dockerfile", 3, 1 }
    };

    strmap_set(&values, "A", (char *)"one");
    strmap_set(&values, "EMPTY", (char *)"");
    strmap_set(&values, "FILE", (char *)"a/b.tar.gz");
    int r = expand_word(arena, &options, word, ret, err);
    strmap_release(&values);
    return r;
}

static void words_expand_as_a_shell_would(void **state)
{
    static const struct {
        const char *word, *expected;
    } cases[] = {
        { "plain", "plain" },
        { "$A-${A}", "one-one" },
        { "'$A' \"$A\"", "$A one" },
        { "\\$A", "$A" },
        { "\"a\\\"b\\n\"", "a\"b\\n" },
        { "$UNSET|${UNSET}", "|" },
        { "${UNSET:-x}${EMPTY:-y}${EMPTY-z}", "xy" },
        { "${A:+set}${EMPTY:+set}${EMPTY+set}", "setset" },
        { "${UNSET:-${A}}", "one" },
        { "${UNSET:-${OTHER:-deep}}", "deep" },
        { "${FILE#*/}", "b.tar.gz" },
        { "${FILE%.*}", "a/b.tar" },
        { "${FILE%%.*}", "a/b" },
        { "${FILE/b/c}", "a/c.tar.gz" },
        { "${FILE//a/x}", "x/b.txr.gz" },
        { "$1$", "$" },
        { "a$ b", "a$ b" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct arena arena = ARENA_INIT;
        char *result;

        assert_int_equal(expand(cases[i].word, &result, &arena, NULL), 0);
        if (strcmp(result, cases[i].expected) != 0)
            fail_msg("%s gives \"%s\", not \"%s\"", cases[i].word, result, cases[i].expected);
        arena_release(&arena);
    }
}

static void malformed_words_are_refused_with_their_place(void **state)
{
    static const char *const words[] = { "${", "${A", "${A!x}", "${}", "'x", "\"x",
        "${UNSET:?gone}", "${UNSET?}" };

    (void)state;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct arena arena = ARENA_INIT;
        auto_error struct error *err = NULL;
        char *result;

        assert_int_equal(expand(words[i], &result, &arena, &err), -EINVAL);
        assert_int_equal(err->at.line, 3);
        arena_release(&arena);
    }
}

static void an_unknown_operator_is_answered_with_the_known_ones(void **state)
{
    struct arena arena = ARENA_INIT;
    auto_error struct error *err = NULL;
    char *result;

    (void)state;
    assert_int_equal(expand("${A!x}", &result, &arena, &err), -EINVAL);
    assert_string_equal(
            err->message, "\"${A…\": expected one of :- - :+ + :? ? # % / behind the name");
    arena_release(&arena);
}

static void deep_nesting_is_bounded(void **state)
{
    struct arena arena = ARENA_INIT;
    char word[4096] = { 0 };
    char *result;

    (void)state;
    for (size_t i = 0; i < 200; i++)
        memcpy(word + i * 5, "${U:-", 5);
    assert_int_equal(expand(word, &result, &arena, NULL), -EINVAL);
    arena_release(&arena);
}

static void patterns_match_as_in_go(void **state)
{
    static const struct {
        const char *pattern, *path;
        int expected;
    } cases[] = {
        { "a", "a", 1 },
        { "a", "ab", 0 },
        { "*", "a", 1 },
        { "*", "a/b", 0 },
        { "*.c", "x.c", 1 },
        { "a?c", "abc", 1 },
        { "a?c", "a/c", 0 },
        { "[a-c]x", "bx", 1 },
        { "[^a-c]x", "bx", 0 },
        { "[]a]x", "]x", -EINVAL },
        { "[\\]a]x", "]x", 1 },
        { "**", "a/b/c", 1 },
        { "**/x", "x", 1 },
        { "**/x", "a/b/x", 1 },
        { "a/**/x", "a/x", 1 },
        { "a/**", "a/b/c", 1 },
        { "\\*", "*", 1 },
        { "\\*", "a", 0 },
        { "\\?", "a", 0 },
        { "[a", "a", -EINVAL },
        { "a\\", "a", -EINVAL },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int r = pattern_match(cases[i].pattern, cases[i].path);

        if (r != cases[i].expected)
            fail_msg("%s against %s gives %d", cases[i].pattern, cases[i].path, r);
    }
}

static void many_stars_end_in_bounded_time(void **state)
{
    (void)state;
    assert_true(pattern_match("**a**a**a**a**a**a**a**a**a**a**b",
                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") <= 0);
}

static void later_patterns_win_and_directories_cover_what_is_below(void **state)
{
    static const char text[] = "# comment\n*\n!keep\n  !src/*.c  \nsrc/secret.c\n\n/abs\n";
    struct arena arena = ARENA_INIT;
    struct ignore_list list;

    (void)state;
    assert_int_equal(ignore_parse(&arena, ".dockerignore", text, sizeof(text) - 1, &list, NULL), 0);
    assert_true(ignore_covers(&list, "other"));
    assert_true(ignore_covers(&list, "other/below"));
    assert_false(ignore_covers(&list, "keep"));
    assert_false(ignore_covers(&list, "keep/below"));
    assert_true(ignore_covers(&list, "src"));
    assert_false(ignore_covers(&list, "src/a.c"));
    assert_true(ignore_covers(&list, "src/secret.c"));
    assert_true(ignore_covers(&list, "src/a.h"));
    assert_true(ignore_may_keep_below(&list, "src"));
    assert_false(ignore_may_keep_below(&list, "other"));
    arena_release(&arena);
}

static void a_malformed_pattern_is_named_with_its_line(void **state)
{
    static const char text[] = "ok\n[x\n";
    struct arena arena = ARENA_INIT;
    auto_error struct error *err = NULL;
    struct ignore_list list;

    (void)state;
    assert_int_equal(
            ignore_parse(&arena, ".dockerignore", text, sizeof(text) - 1, &list, &err), -EINVAL);
    assert_int_equal(err->at.line, 2);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_expand_as_a_shell_would),
        cmocka_unit_test(malformed_words_are_refused_with_their_place),
        cmocka_unit_test(an_unknown_operator_is_answered_with_the_known_ones),
        cmocka_unit_test(deep_nesting_is_bounded),
        cmocka_unit_test(patterns_match_as_in_go),
        cmocka_unit_test(many_stars_end_in_bounded_time),
        cmocka_unit_test(later_patterns_win_and_directories_cover_what_is_below),
        cmocka_unit_test(a_malformed_pattern_is_named_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
