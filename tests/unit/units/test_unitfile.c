#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/strbuf.h"
#include "units/unitfile.h"

struct fixture {
    struct arena arena;
    struct diag diag;
    struct unitfile unit;
    struct strbuf out;
};

static void begin(struct fixture *f, unsigned flags)
{
    *f = (struct fixture){ 0 };
    strbuf_init(&f->out, 1 << 20);
    unitfile_init(&f->unit, &f->arena);
    f->unit.flags = flags;
}

static void end(struct fixture *f)
{
    strbuf_release(&f->out);
    diag_release(&f->diag);
    arena_release(&f->arena);
}

static int parse(struct fixture *f, const char *text)
{
    const struct unit_text source = { "test.container", text, strlen(text) };

    return unitfile_parse(&f->unit, &source, &f->diag);
}

static void writes(const char *text, const char *expected)
{
    struct fixture f;

    begin(&f, 0);
    assert_int_equal(parse(&f, text), 0);
    unitfile_write(&f.unit, &f.out);
    assert_string_equal(f.out.data, expected);
    end(&f);
}

static void equal_sections_are_merged_at_the_place_of_the_first(void **state)
{
    (void)state;
    writes("[A]\na=1\n[B]\nb=1\n\n[A]\na=2\n", "[A]\na=1\na=2\n\n[B]\nb=1\n");
}

static void comments_stay_before_what_they_stood_before(void **state)
{
    (void)state;
    writes("# top\n[A]\n; of a\na=1\n\n# of B\n[B]\nb=1\n# end",
            "# top\n[A]\n; of a\na=1\n\n# of B\n[B]\nb=1\n# end\n");
    writes("# only\n# comments\n", "");
}

static void lines_are_trimmed_and_carriage_returns_go(void **state)
{
    (void)state;
    writes("  [A]  \r\n\tkey \t=  value with  blanks \r\n", "[A]\nkey=value with  blanks\n");
    writes("[A]\na=\xc2\xa0x\xe2\x80\xa8\n", "[A]\na=\xc2\xa0x\n");
}

static void continued_lines_are_joined_without_comments_between(void **state)
{
    (void)state;
    writes("[A]\na=one \\\n  two\\\n# no\n\n; no\n three\nb=1\n", "[A]\na=one twothree\nb=1\n");
    writes("[A]\na=1\\", "[A]\na=1\n");
    writes("[A]\na=1 \\\n# the end takes the rest with it\n", "[A]\n");
    writes("[A]\n\\\n# x\na=1\n", "[A]\n# x\na=1\n");
}

static void continued_lines_can_be_joined_with_a_blank(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, UNITFILE_JOIN_BLANK);
    assert_int_equal(parse(&f, "[A]\na=one\\\ntwo\n"), 0);
    assert_string_equal(unitfile_get(&f.unit, "A", "a"), "one two");
    end(&f);
}

static void every_mistake_is_a_finding_with_its_place(void **state)
{
    static const struct {
        const char *text, *message;
        unsigned line, column;
    } cases[] = {
        { "a=1\n", "key file does not start with a group", 1, 1 },
        { "[A]\n  what\n",
                "file contains line 2: “what” which is not a key-value pair, group, or comment", 2,
                3 },
        { "[A]\n=x\n",
                "file contains line 2: “=x” which is not a key-value pair, group, or comment", 2,
                1 },
        { "[Contai[ner]\n", "invalid group name: Contai[ner", 1, 1 },
        { "[]\n", "invalid group name: ", 1, 1 },
        { "[A\n", "file contains line 1: “[A” which is not a key-value pair, group, or comment", 1,
                1 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fixture f;

        begin(&f, 0);
        assert_int_equal(parse(&f, cases[i].text), -EINVAL);
        assert_int_equal(f.diag.len, 1);
        assert_string_equal(f.diag.items[0].message, cases[i].message);
        assert_int_equal(f.diag.items[0].at.line, cases[i].line);
        assert_int_equal(f.diag.items[0].at.column, cases[i].column);
        end(&f);
    }
}

static void a_nul_byte_is_refused_with_its_line(void **state)
{
    struct fixture f;
    static const char text[] = "[A]\na=1\0\n";

    (void)state;
    begin(&f, 0);
    const struct unit_text source = { "x", text, sizeof(text) - 1 };
    assert_int_equal(unitfile_parse(&f.unit, &source, &f.diag), -EINVAL);
    assert_int_equal(f.diag.items[0].at.line, 2);
    end(&f);
}

static void values_know_where_they_were_written(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 0);
    assert_int_equal(parse(&f, "# é\n[A]\n\n  käy = value\n"), 0);
    const struct unit_line *line = unitfile_find(&f.unit, "A", "käy");
    assert_non_null(line);
    assert_string_equal(line->at.file, "test.container");
    assert_int_equal(line->at.line, 4);
    assert_int_equal(line->at.column, 3);
    assert_int_equal(line->value_column, 9);
    end(&f);
}

static void an_empty_line_of_a_key_clears_what_came_before(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 0);
    assert_int_equal(parse(&f, "[A]\na=1\na=2 \"3 4\"\na=\na=5 '6 7' \\x\na=\"open\n"), 0);
    struct unit_lines lines = unitfile_all(&f.unit, "A", "a");
    assert_int_equal(lines.len, 2);
    struct strings words = unitfile_words(&f.unit, "A", "a");
    assert_int_equal(words.len, 3);
    assert_string_equal(words.items[1], "6 7");
    assert_string_equal(words.items[2], "\\x");
    end(&f);
}

static void one_pair_of_quotes_around_a_plain_value_goes(void **state)
{
    struct arena arena = ARENA_INIT;

    (void)state;
    assert_string_equal(unit_value_plain(&arena, "\"a b\" \t"), "a b");
    assert_string_equal(unit_value_plain(&arena, "\"a\" b"), "\"a\" b");
    assert_string_equal(unit_value_plain(&arena, "\""), "\"");
    assert_string_equal(unit_value_plain(&arena, "'a'"), "'a'");
    assert_string_equal(unit_value_plain(&arena, "\"\"a\"\""), "\"a\"");
    arena_release(&arena);
}

static void edits_change_what_they_name_and_nothing_else(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, 0);
    assert_int_equal(parse(&f, "[A]\n# c\na=1\nb=2\na=3\n"), 0);
    unitfile_set(&f.unit, "A", "a", "9");
    unitfile_set(&f.unit, "B", "x", "1");
    unitfile_prepend(&f.unit, "B", "w", "0");
    unitfile_unset(&f.unit, "A", "b");
    unitfile_rename_section(&f.unit, "A", "X-A");
    unitfile_write(&f.unit, &f.out);
    assert_string_equal(f.out.data, "[X-A]\n# c\na=1\na=9\n\n[B]\nw=0\nx=1\n");
    unitfile_rename_section(&f.unit, "B", "X-A");
    strbuf_reset(&f.out);
    unitfile_write(&f.unit, &f.out);
    assert_string_equal(f.out.data, "[X-A]\n# c\na=1\na=9\nw=0\nx=1\n");
    end(&f);
}

static void a_copy_may_be_edited_apart_from_the_original(void **state)
{
    struct fixture f;
    struct unitfile copy;

    (void)state;
    begin(&f, 0);
    assert_int_equal(parse(&f, "[A]\na=1\n"), 0);
    unitfile_copy(&copy, &f.arena, &f.unit);
    unitfile_set(&copy, "A", "a", "2");
    assert_string_equal(unitfile_get(&f.unit, "A", "a"), "1");
    unitfile_merge(&f.unit, &copy);
    unitfile_write(&f.unit, &f.out);
    assert_string_equal(f.out.data, "[A]\na=1\na=2\n");
    end(&f);
}

static void lossless_files_come_back_byte_for_byte(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "[A]\n",
        "[A]",
        "\n\n# c\n\n  [A]  \n a = 1 \\\n # in\n  2\n\n\n[B]\nb=\n[A]\na=3\n; end",
        "[A]\r\na=1\r\n",
        "# no section\n\n",
        "[A]\n\\\na=1\n",
        "[A]\na=1 \\\n# lost\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct fixture f;

        begin(&f, UNITFILE_LOSSLESS);
        assert_int_equal(parse(&f, texts[i]), 0);
        unitfile_write(&f.unit, &f.out);
        assert_string_equal(f.out.data, texts[i]);
        end(&f);
    }
}

static void a_lossless_edit_leaves_all_other_bytes(void **state)
{
    struct fixture f;

    (void)state;
    begin(&f, UNITFILE_LOSSLESS);
    assert_int_equal(parse(&f, " [A]\n a =  1\n#c\nb\t=2\n[A]\nc=3"), 0);
    unitfile_set(&f.unit, "A", "b", "new");
    unitfile_set(&f.unit, "A", "c", "4");
    unitfile_write(&f.unit, &f.out);
    assert_string_equal(f.out.data, " [A]\n a =  1\n#c\nb=new\n[A]\nc=4");
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_sections_are_merged_at_the_place_of_the_first),
        cmocka_unit_test(comments_stay_before_what_they_stood_before),
        cmocka_unit_test(lines_are_trimmed_and_carriage_returns_go),
        cmocka_unit_test(continued_lines_are_joined_without_comments_between),
        cmocka_unit_test(continued_lines_can_be_joined_with_a_blank),
        cmocka_unit_test(every_mistake_is_a_finding_with_its_place),
        cmocka_unit_test(a_nul_byte_is_refused_with_its_line),
        cmocka_unit_test(values_know_where_they_were_written),
        cmocka_unit_test(an_empty_line_of_a_key_clears_what_came_before),
        cmocka_unit_test(one_pair_of_quotes_around_a_plain_value_goes),
        cmocka_unit_test(edits_change_what_they_name_and_nothing_else),
        cmocka_unit_test(a_copy_may_be_edited_apart_from_the_original),
        cmocka_unit_test(lossless_files_come_back_byte_for_byte),
        cmocka_unit_test(a_lossless_edit_leaves_all_other_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
