#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "units/dropin.h"
#include "units/name.h"
#include "units/specifier.h"

static void splits(const char *name, const char *expected)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(4096);
    const struct unit_name parts = unit_name_split(name);

    strbuf_addf(&text, "%.*s|%.*s|%.*s|%.*s|%d", STR_FMT(parts.base), STR_FMT(parts.prefix),
            STR_FMT(parts.instance), STR_FMT(parts.extension), parts.has_at);
    assert_string_equal(text.data, expected);
}

static void names_are_cut_at_the_last_dot_and_the_first_at(void **state)
{
    (void)state;
    splits("web.container", "web|web||.container|0");
    splits("a.b@c@d.volume", "a.b@c@d|a.b|c@d|.volume|1");
    splits("web@.service", "web@|web||.service|1");
    splits("plain", "plain|plain|||0");
    splits(".container", ".container|||.container|0");
    splits("", "||||0");
}

static void text_is_escaped_into_names_and_back(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(unit_name_escape(&arena, "a/b-c d@"), "a-b\\x2dc\\x20d\\x40");
    assert_string_equal(unit_name_escape(&arena, ".hidden"), "\\x2ehidden");
    assert_string_equal(unit_name_escape_path(&arena, "//srv/web/"), "srv-web");
    assert_string_equal(unit_name_escape_path(&arena, "/"), "-");
    assert_string_equal(unit_name_unescape(&arena, "a-b\\x2dc"), "a/b-c");
    assert_null(unit_name_unescape(&arena, "a\\x2"));
    assert_true(unit_name_is_valid("web@1.service"));
    assert_false(unit_name_is_valid("a/b.service"));
    assert_false(unit_name_is_valid(""));
    arena_release(&arena);
}

static void specifiers_of_the_name_are_expanded_and_no_others(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(specifier_expand(&arena, "%n|%N|%p|%i|%j|%%", "a-b@x\\x2dy.service"),
            "a-b@x\\x2dy.service|a-b@x\\x2dy|a-b|x\\x2dy|b|%");
    assert_string_equal(specifier_expand(&arena, "%P|%I|%J", "a-b@x\\x2dy.service"), "a/b|x-y|b");
    assert_null(specifier_expand(&arena, "%t/x", "a.service"));
    assert_null(specifier_expand(&arena, "100%", "a.service"));
    assert_true(specifier_is_first("%h/x"));
    assert_false(specifier_is_first("%%h"));
    assert_false(specifier_is_first("x%h"));
    arena_release(&arena);
}

static void drop_ins_are_looked_for_from_the_name_to_the_type(void **state)
{
    static const struct {
        const char *name, *expected;
    } cases[] = {
        { "a.container", "a.container.d container.d" },
        { "a-b-c.container", "a-b-c.container.d a-b-.container.d a-.container.d container.d" },
        { "a-b@1.pod", "a-b@1.pod.d a-b@.pod.d a-@.pod.d a-.pod.d pod.d" },
        { "a-b@.pod", "a-b@.pod.d a-@.pod.d a-.pod.d pod.d" },
    };
    struct arena arena = ARENA_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(4096);
        struct strings names = dropin_names(&arena, cases[i].name);

        ARRAY_FOREACH(&names, name)
            strbuf_addf(&text, "%s%s", text.len ? " " : "", *name);
        assert_string_equal(text.data, cases[i].expected);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_cut_at_the_last_dot_and_the_first_at),
        cmocka_unit_test(text_is_escaped_into_names_and_back),
        cmocka_unit_test(specifiers_of_the_name_are_expanded_and_no_others),
        cmocka_unit_test(drop_ins_are_looked_for_from_the_name_to_the_type),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
