#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/path.h"

static void cleaning_is_lexical(void **state)
{
    static const char *const cases[][2] = {
        { "", "." },
        { ".", "." },
        { "/", "/" },
        { "//", "/" },
        { "a//b/./c/..", "a/b" },
        { "/..", "/" },
        { "/../../etc", "/etc" },
        { "..", ".." },
        { "../..", "../.." },
        { "../a/..", ".." },
        { "a/..", "." },
        { "a/../..", ".." },
        { "a/b/../../..", ".." },
        { "/a/b/../../..", "/" },
        { "./a", "a" },
        { "a/", "a" },
        { "/a/", "/a" },
        { "...", "..." },
        { "../../a/../b", "../../b" },
        { "a/.b/..c", "a/.b/..c" },
    };
    struct arena arena = ARENA_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(path_clean(&arena, cases[i][0]), cases[i][1]);
    arena_release(&arena);
}

static void joining_prefers_the_absolute_path(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(path_join(&arena, "/srv/app", "./data"), "/srv/app/data");
    assert_string_equal(path_join(&arena, "/srv/app", "../x"), "/srv/x");
    assert_string_equal(path_join(&arena, "/srv/app", "/etc//x"), "/etc/x");
    assert_string_equal(path_join(&arena, "", "x"), "x");
    assert_string_equal(path_join(&arena, "/", "x"), "/x");
    arena_release(&arena);
}

static void parent_and_last_are_what_stands_around_the_last_slash(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(path_parent(&arena, "/a/b"), "/a");
    assert_string_equal(path_parent(&arena, "/a"), "/");
    assert_string_equal(path_parent(&arena, "a"), ".");
    assert_string_equal(path_last("/a/b"), "b");
    assert_string_equal(path_last("b"), "b");
    assert_string_equal(path_last("b/"), "");
    arena_release(&arena);
}

static void only_ones_own_tilde_is_expanded(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(path_expand_home(&arena, "~", "/home/u"), "/home/u");
    assert_string_equal(path_expand_home(&arena, "~/x", "/home/u"), "/home/u/x");
    assert_string_equal(path_expand_home(&arena, "~other/x", "/home/u"), "~other/x");
    assert_string_equal(path_expand_home(&arena, "a/~", "/home/u"), "a/~");
    assert_string_equal(path_expand_home(&arena, "~/x", NULL), "~/x");
    arena_release(&arena);
}

static void what_leads_to_a_path_goes_up_and_down(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(path_relative(&arena, "/a/b", "/a/b"), ".");
    assert_string_equal(path_relative(&arena, "/a/b", "/a/b/c/d"), "c/d");
    assert_string_equal(path_relative(&arena, "/a/b", "/a/bc"), "../bc");
    assert_string_equal(path_relative(&arena, "/a/b", "/"), "../..");
    assert_string_equal(path_relative(&arena, "/", "/a"), "a");
    assert_string_equal(path_relative(&arena, "/", "/"), ".");
    arena_release(&arena);
}

static void below_compares_whole_components(void **state)
{
    (void)state;
    assert_true(path_is_below("/a/b", "/a"));
    assert_true(path_is_below("/a", "/a"));
    assert_false(path_is_below("/ab", "/a"));
    assert_false(path_is_below("/", "/a"));
    assert_true(path_is_below("/a", "/"));
    assert_true(path_is_absolute("/"));
    assert_false(path_is_absolute(""));
    assert_false(path_is_absolute(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cleaning_is_lexical),
        cmocka_unit_test(joining_prefers_the_absolute_path),
        cmocka_unit_test(parent_and_last_are_what_stands_around_the_last_slash),
        cmocka_unit_test(only_ones_own_tilde_is_expanded),
        cmocka_unit_test(what_leads_to_a_path_goes_up_and_down),
        cmocka_unit_test(below_compares_whole_components),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
