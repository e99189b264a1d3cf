#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "compose/env.h"

struct parsed {
    struct arena arena;
    struct diag diag;
    struct env_entries entries;
    int result;
};

static void parse(struct parsed *parsed, const char *text, bool raw)
{
    static char outside[] = "outside", wins[] = "wins";
    struct strmap outer;
    const struct env_text env = {
        .file = "x.env", .data = text, .len = strlen(text), .raw = raw, .outer = &outer
    };

    *parsed = (struct parsed){ 0 };
    strmap_init_arena(&outer, &parsed->arena);
    (void)strmap_set(&outer, "OUT", outside);
    (void)strmap_set(&outer, "WIN", wins);
    parsed->result = env_parse(&parsed->arena, &env, &parsed->entries, &parsed->diag);
}

static void parsed_release(struct parsed *parsed)
{
    diag_release(&parsed->diag);
    arena_release(&parsed->arena);
}

/* The last value of the key, as it counts. */
static const char *value_of(const struct parsed *parsed, const char *key)
{
    const char *value = NULL;

    ARRAY_FOREACH(&parsed->entries, entry)
        if (strcmp(entry->key, key) == 0)
            value = entry->value;
    return value;
}

static void each_form_of_a_line_is_understood(void **state)
{
    static const struct {
        const char *text, *key, *value;
    } cases[] = {
        { "A=b", "A", "b" },
        { "A = b\n", "A", "b" },
        { "A: b", "A", "b" },
        { "export A=b", "A", "b" },
        { "export\tA=b", "A", "b" },
        { "exported=b", "exported", "b" },
        { "A=b # note", "A", "b" },
        { "A=b#c", "A", "b#c" },
        { "A=", "A", "" },
        { "A=b c  ", "A", "b c" },
        { "# A=1\n\n  A=2\n", "A", "2" },
        { "\xef\xbb\xbf"
          "A=b",
                "A", "b" },
        { "A=b\r\nB=c\r\n", "A", "b" },
        { "A=1\nA=2", "A", "2" },
        { "A=\"b c\"", "A", "b c" },
        { "A=\"x\ny\"", "A", "x\ny" },
        { "A=\"a\\nb\\tc\\\"d\\\\e\\$f\\q\"", "A", "a\nb\tc\"d\\e$f\\q" },
        { "A='a\\nb $OUT'", "A", "a\\nb $OUT" },
        { "A='it\\'s'", "A", "it's" },
        { "A=$OUT/x", "A", "outside/x" },
        { "A=\"${OUT}\"", "A", "outside" },
        { "A=${NONE:-d}", "A", "d" },
        { "B=1\nA=${B}2", "A", "12" },
        { "WIN=here\nA=$WIN", "A", "wins" },
        { "OUT\n", "OUT", "outside" },
        { "OUT", "OUT", "outside" },
        { "NOTHING\nA=1", "A", "1" },
        { "A.b-c=1", "A.b-c", "1" },
        { "\xc3\xa9=1", "\xc3\xa9", "1" },
        { "A=\"x\" # note\nB=2", "B", "2" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct parsed parsed;

        parse(&parsed, cases[i].text, false);
        if (parsed.result < 0 || !value_of(&parsed, cases[i].key))
            fail_msg("%s: not understood", cases[i].text);
        assert_string_equal(value_of(&parsed, cases[i].key), cases[i].value);
        parsed_release(&parsed);
    }
}

static void a_key_without_a_value_is_left_out_when_it_is_unset(void **state)
{
    struct parsed parsed;

    (void)state;
    parse(&parsed, "NOTHING\n", false);
    assert_int_equal(parsed.result, 0);
    assert_int_equal(parsed.entries.len, 0);
    parsed_release(&parsed);
}

static void raw_values_are_taken_as_they_are(void **state)
{
    struct parsed parsed;

    (void)state;
    parse(&parsed, "# note\nA=\"$OUT\" # x\n  B='c'\r\nC==d\n", true);
    assert_int_equal(parsed.result, 0);
    assert_string_equal(value_of(&parsed, "A"), "\"$OUT\" # x");
    assert_string_equal(value_of(&parsed, "B"), "'c'");
    assert_string_equal(value_of(&parsed, "C"), "=d");
    parsed_release(&parsed);
}

static void every_mistake_of_a_file_is_reported_with_its_line(void **state)
{
    struct parsed parsed;

    (void)state;
    parse(&parsed, "GOOD=1\nA B=2\nC*=3\nD=\"open\nE=${U?needed}\nF=4\n", false);
    assert_true(parsed.result < 0);
    assert_int_equal(parsed.diag.errors, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(parsed.diag.items[i].at.line, i + 2);
    assert_string_equal(parsed.diag.items[0].at.file, "x.env");
    assert_string_equal(value_of(&parsed, "F"), "4");
    parsed_release(&parsed);
}

static void a_mistake_in_a_value_points_at_its_dollar(void **state)
{
    static const struct {
        const char *text;
        unsigned line, column;
    } cases[] = {
        { "A=x ${B?}", 1, 5 },
        { "A=x $$ ${B?}", 1, 8 },
        { "A=\"\\$x ${B?}\"", 1, 8 },
        { "A=\"one\n two ${B?}\"", 2, 6 },
        { "export A: '${X?}'\nC=\"${B?}\"", 2, 4 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct parsed parsed;

        parse(&parsed, cases[i].text, false);
        assert_int_equal(parsed.diag.errors, 1);
        assert_int_equal(parsed.diag.items[0].at.line, cases[i].line);
        assert_int_equal(parsed.diag.items[0].at.column, cases[i].column);
        parsed_release(&parsed);
    }
}

/* Both took time with the square of their length. */
static void long_lines_and_many_variables_are_read_in_one_go(void **state)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_ENV_FILE_BYTES);
    struct parsed parsed;

    (void)state;
    for (unsigned i = 0; i < 300000; i++)
        strbuf_adds(&text, "A=\"");
    parse(&parsed, text.data, false);
    assert_true(parsed.entries.len > 1000);
    parsed_release(&parsed);

    strbuf_reset(&text);
    strbuf_adds(&text, "A=");
    for (unsigned i = 0; i < 300000; i++)
        strbuf_adds(&text, "$x ");
    parse(&parsed, text.data, false);
    assert_int_equal(parsed.result, 0);
    assert_int_equal(parsed.diag.len, DIAG_MAX_DEFAULT);
    assert_int_equal(parsed.diag.items[DIAG_MAX_DEFAULT - 1].at.column,
            (DIAG_MAX_DEFAULT - 1) * strlen("$x ") + strlen("A=") + 1);
    parsed_release(&parsed);
}

static void values_that_grow_with_each_line_are_refused_at_a_limit(void **state)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_ENV_FILE_BYTES);
    struct parsed parsed;

    (void)state;
    for (unsigned i = 1; i < 60000; i++)
        strbuf_addf(&text, "A%u=${A%u}x\n", i, i - 1);
    parse(&parsed, text.data, false);
    assert_true(parsed.result < 0);
    assert_int_equal(parsed.diag.errors, 1);
    assert_true(parsed.arena.used_bytes < 256u << 20);
    parsed_release(&parsed);
}

static void octal_escapes_are_those_of_docker_compose(void **state)
{
    static const struct {
        const char *text, *value;
    } cases[] = {
        { "A=\"x\\0101y\"", "xAy" },
        { "A=\"x\\0377y\"", "x\xc3\xbfy" },
        { "A=\"x\\0400y\"", "x\\400y" },
        { "A=\"x\\0189y\"", "x\\189y" },
        { "A=\"x\\07y\"", "x\\7y" },
        { "A=\"x\\000y\"", "x\\00y" },
        { "A=\"x\\0y\"", "x\\y" },
        { "A=\"x\\101y\"", "x\\101y" },
        { "A=\"x\\0000y\"", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct parsed parsed;

        parse(&parsed, cases[i].text, false);
        assert_int_equal(parsed.diag.errors, cases[i].value ? 0 : 1);
        if (cases[i].value)
            assert_string_equal(value_of(&parsed, "A"), cases[i].value);
        parsed_release(&parsed);
    }
}

static void quotes_are_proposed_for_what_is_no_variable_and_not_for_a_missing_one(void **state)
{
    struct parsed parsed;

    (void)state;
    parse(&parsed, "A=${B?}\nC=${1}\n", false);
    assert_int_equal(parsed.diag.errors, 2);
    assert_null(parsed.diag.items[0].hint);
    assert_non_null(parsed.diag.items[1].hint);
    parsed_release(&parsed);
}

static void every_mistake_of_a_raw_file_is_reported_with_its_place(void **state)
{
    struct parsed parsed;

    (void)state;
    parse(&parsed, "GOOD=1\n  A B=2\n=3\nC=4\n", true);
    assert_true(parsed.result < 0);
    assert_int_equal(parsed.diag.errors, 2);
    assert_int_equal(parsed.diag.items[0].at.line, 2);
    assert_int_equal(parsed.diag.items[0].at.column, 3);
    assert_int_equal(parsed.diag.items[1].at.line, 3);
    assert_string_equal(value_of(&parsed, "C"), "4");
    parsed_release(&parsed);
}

static void a_nul_byte_is_refused(void **state)
{
    struct arena arena = ARENA_INIT;
    struct diag diag = DIAG_INIT;
    struct env_entries entries = { 0 };
    const struct env_text text = { .file = "x.env", .data = "X=1\nA=b\0c", .len = 9 };

    (void)state;
    assert_true(env_parse(&arena, &text, &entries, &diag) < 0);
    assert_int_equal(diag.errors, 1);
    assert_int_equal(diag.items[0].at.line, 2);
    assert_int_equal(diag.items[0].at.column, 4);
    diag_release(&diag);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_of_a_line_is_understood),
        cmocka_unit_test(a_key_without_a_value_is_left_out_when_it_is_unset),
        cmocka_unit_test(raw_values_are_taken_as_they_are),
        cmocka_unit_test(every_mistake_of_a_file_is_reported_with_its_line),
        cmocka_unit_test(a_mistake_in_a_value_points_at_its_dollar),
        cmocka_unit_test(long_lines_and_many_variables_are_read_in_one_go),
        cmocka_unit_test(values_that_grow_with_each_line_are_refused_at_a_limit),
        cmocka_unit_test(octal_escapes_are_those_of_docker_compose),
        cmocka_unit_test(quotes_are_proposed_for_what_is_no_variable_and_not_for_a_missing_one),
        cmocka_unit_test(every_mistake_of_a_raw_file_is_reported_with_its_place),
        cmocka_unit_test(a_nul_byte_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
