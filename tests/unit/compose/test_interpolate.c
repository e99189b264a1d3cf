#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "compose/interpolate.h"

static size_t unset_count;

/* A=a, E is empty, D=$A, everything else is unset. */
static const char *lookup(void *userdata, const char *name)
{
    (void)userdata;
    return strcmp(name, "A") == 0   ? "a"
           : strcmp(name, "E") == 0 ? ""
           : strcmp(name, "D") == 0 ? "$A"
                                    : NULL;
}

static void unset(void *userdata, const char *name, size_t dollar)
{
    (void)userdata;
    (void)name;
    (void)dollar;
    unset_count++;
}

static const struct interpolate_ops ops = { .lookup = lookup, .unset = unset };

static void every_form_gives_what_the_specification_says(void **state)
{
    static const struct {
        const char *text, *wanted;
        size_t unset;
    } cases[] = {
        { "", "", 0 },
        { "plain", "plain", 0 },
        { "$A", "a", 0 },
        { "${A}", "a", 0 },
        { "x${A}y$A-$A", "xaya-a", 0 },
        { "$U", "", 1 },
        { "[${U}]", "[]", 1 },
        { "$E", "", 0 },
        { "${A:-d}${E:-d}${U:-d}", "add", 0 },
        { "${A-d}${E-d}${U-d}", "ad", 0 },
        { "${A:+r}${E:+r}${U:+r}", "r", 0 },
        { "${A+r}${E+r}${U+r}", "rr", 0 },
        { "${A:?m}${E?m}", "a", 0 },
        { "${U:-${E:-${A}}}", "a", 0 },
        { "${U:-$A$A}", "aa", 0 },
        { "${U:-{\"k\": \"v\"}}", "{\"k\": \"v\"}", 0 },
        { "${A:-$U}", "a", 0 }, /* what is not used does not warn */
        { "$$A $$$$ $${A}", "$A $$ ${A}", 0 },
        { "$$$A", "$a", 0 },
        { "$D", "$A", 0 }, /* a value is not expanded again */
        { "$1 $(x) $ $", "$1 $(x) $ $", 0 },
        { "${U:-a:-b}${U-?}", "a:-b?", 0 },
        { "${U:-}", "", 0 },
        { "${U:-{}", "{", 0 }, /* braces that do not match: the last one closes */
        { "${U:-a${U:-{}}", "a{", 0 },
        { "${U:-{}}x", "{}x", 0 },
        { "$_x1", "", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct interpolate_problem problem = { 0 };
        const char *result = NULL;

        unset_count = 0;
        if (interpolate_text(&arena, cases[i].text, &ops, &result, &problem) < 0)
            fail_msg("%s: %s", cases[i].text, problem.message);
        assert_string_equal(result, cases[i].wanted);
        assert_int_equal(unset_count, cases[i].unset);
        arena_release(&arena);
    }
}

static void mistakes_name_the_variable_and_its_dollar(void **state)
{
    static const struct {
        const char *text, *message;
        size_t dollar;
    } cases[] = {
        { "${}", "invalid interpolation format", 0 },
        { "$A ${1A}", "\"${1A}\"", 1 },
        { "$$ ${A B}", "\"${A B}\"", 2 },
        { "${A!x}", "invalid", 0 },
        { "${A:}", "invalid", 0 },
        { "${A", "no closing brace", 0 },
        { "${U?}", "required variable U is missing a value", 0 },
        { "${E:?set it}", "required variable E is missing a value: set it", 0 },
        { "${U:-${V:?deep $A}}", "required variable V is missing a value: deep a", 1 },
        { "${U:-${1}}", "invalid", 1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena = ARENA_INIT;
        struct interpolate_problem problem = { 0 };
        const char *result = NULL;

        assert_true(interpolate_text(&arena, cases[i].text, &ops, &result, &problem) < 0);
        if (!strstr(problem.message, cases[i].message))
            fail_msg("%s: %s", cases[i].text, problem.message);
        assert_int_equal(problem.dollar, cases[i].dollar);
        arena_release(&arena);
    }
}

/* "${U:-${U:-…}}" `depth` deep. */
static int expand_nested(unsigned depth)
{
    struct arena arena = ARENA_INIT;
    struct interpolate_problem problem;
    const char *result, *text = "x";

    for (unsigned i = 0; i < depth; i++)
        text = arena_printf(&arena, "${U:-%s}", text);
    int r = interpolate_text(&arena, text, &ops, &result, &problem);

    arena_release(&arena);
    return r;
}

static void nesting_is_refused_above_the_limit(void **state)
{
    (void)state;
    assert_int_equal(expand_nested(INTERPOLATE_MAX_DEPTH - 1), 0);
    assert_true(expand_nested(INTERPOLATE_MAX_DEPTH) < 0);
}

static const char *lookup_large(void *userdata, const char *name)
{
    (void)name;
    return userdata;
}

static void a_value_that_grows_beyond_the_limit_is_refused(void **state)
{
    struct arena arena = ARENA_INIT;
    char *large = arena_alloc(&arena, INTERPOLATE_MAX_BYTES / 2 + 2);
    const struct interpolate_ops large_ops = { .lookup = lookup_large, .userdata = large };
    struct interpolate_problem problem;
    const char *result;

    (void)state;
    memset(large, 'x', INTERPOLATE_MAX_BYTES / 2);
    assert_int_equal(interpolate_text(&arena, "$A$A", &large_ops, &result, &problem), 0);
    assert_int_equal(strlen(result), INTERPOLATE_MAX_BYTES);
    assert_true(interpolate_text(&arena, "$A$A.", &large_ops, &result, &problem) < 0 ||
                strlen(result) <= INTERPOLATE_MAX_BYTES);
    assert_true(interpolate_text(&arena, "$A$A$A", &large_ops, &result, &problem) < 0);
    arena_release(&arena);
}

static void note_use(void *userdata, const struct interpolate_use *use)
{
    strbuf_addf(userdata, "%s%s%s%s%s%s ", use->name, use->required ? "!" : "",
            use->default_value ? "-" : "", use->default_value ? use->default_value : "",
            use->alternate_value ? "+" : "", use->alternate_value ? use->alternate_value : "");
}

static void variables_are_listed_as_they_are_written(void **state)
{
    static const struct {
        const char *text, *uses;
    } cases[] = {
        { "no dollar } {", "" },
        { "$A ${B} $$C $${D} $1 $", "A B " },
        { "${A:-x}${B-${C:?why}}", "A-x B-${C:?why} C! " },
        { "${A:+$B}${C+}", "A+$B B C+ " },
        { "${A:?not ${B}}", "A! " },
        { "${A:-{}", "A-{ " },
        { "${A!}${}${1}$B", "B " },
        { "${A ${B} $C", "C " },
        { "${${${$A", "A " },
        { "$A ${\n}$B", "A B " },
        { "${A ${B $C\n${D}", "C D " },
    };
    struct arena arena = ARENA_INIT;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        auto_(strbuf_release) struct strbuf uses = STRBUF_INIT(1024);

        strbuf_adds(&uses, "");
        interpolate_list(&arena, cases[i].text, note_use, &uses);
        assert_string_equal(uses.data, cases[i].uses);
    }
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_gives_what_the_specification_says),
        cmocka_unit_test(mistakes_name_the_variable_and_its_dollar),
        cmocka_unit_test(nesting_is_refused_above_the_limit),
        cmocka_unit_test(variables_are_listed_as_they_are_written),
        cmocka_unit_test(a_value_that_grows_beyond_the_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
