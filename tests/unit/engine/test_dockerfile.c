#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "engine/build/dockerfile.h"

static struct arena arena;
static struct diag diag;

static int set_up(void **state)
{
    (void)state;
    arena = (struct arena)ARENA_INIT;
    diag = (struct diag)DIAG_INIT;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_release(&arena);
    diag_release(&diag);
    return 0;
}

static struct dockerfile *parse(const char *text)
{
    struct dockerfile *file = NULL;

    assert_int_equal(
            dockerfile_parse(&arena, "Dockerfile", text, strlen(text), &file, &diag, NULL), 0);
    return file;
}

/* One text that is refused, with the place and the words of its first finding. */
static void refused(const char *text, unsigned line, const char *words)
{
    struct dockerfile *file;
    auto_error struct error *err = NULL;

    diag_release(&diag);
    diag = (struct diag)DIAG_INIT;
    assert_int_equal(dockerfile_parse(&arena, "Dockerfile", text, strlen(text), &file, &diag, &err),
            -EINVAL);
    assert_non_null(err);
    assert_true(diag.len > 0);
    assert_string_equal(diag.items[0].at.file, "Dockerfile");
    assert_int_equal(diag.items[0].at.line, line);
    if (!strstr(diag.items[0].message, words))
        fail_msg("\"%s\" does not contain \"%s\"", diag.items[0].message, words);
}

static void stages_keep_their_names_and_instructions(void **state)
{
    struct dockerfile *file = parse("ARG BASE=x\nFROM $BASE AS Build\nRUN make all\n"
                                    "FROM scratch\nCOPY --from=build --chown=1:2 /a /b\n");

    (void)state;
    assert_int_equal(file->global_arg_count, 1);
    assert_int_equal(file->stage_count, 2);
    assert_string_equal(file->stages[0].name, "build");
    assert_string_equal(file->stages[0].from->words[0], "$BASE");
    assert_int_equal(file->stages[0].items[0].kind, INSTRUCTION_RUN);
    assert_string_equal(file->stages[0].items[0].words[0], "make all");
    assert_false(file->stages[0].items[0].is_exec);
    assert_null(file->stages[1].name);
    const struct instruction *copy = &file->stages[1].items[0];
    assert_string_equal(instruction_flag_value(copy, "from"), "build");
    assert_string_equal(instruction_flag_value(copy, "chown"), "1:2");
    assert_null(instruction_flag_value(copy, "chmod"));
    assert_int_equal(copy->word_count, 2);
    assert_int_equal(copy->at.line, 5);
}

static void continuations_join_and_comments_between_them_vanish(void **state)
{
    struct dockerfile *file = parse(
            "FROM scratch\nRUN a \\\n# a comment\n\n   b \\  \n  c\nUSER x\n");

    (void)state;
    assert_int_equal(file->stages[0].len, 2);
    assert_string_equal(file->stages[0].items[0].words[0], "a    b   c");
    assert_int_equal(file->stages[0].items[1].at.line, 7);
}

static void the_escape_directive_changes_the_escape_character(void **state)
{
    struct dockerfile *file = parse("# escape=`\nFROM scratch\nRUN dir `\n  c:\\x\\\n");

    (void)state;
    assert_int_equal(file->escape, '`');
    assert_string_equal(file->stages[0].items[0].words[0], "dir   c:\\x\\");
}

static void a_json_array_is_the_exec_form_and_anything_else_is_for_the_shell(void **state)
{
    struct dockerfile *file = parse("FROM scratch\nCMD [\"a b\", \"\\u00e9\\n\"]\n"
                                    "CMD ['single']\nENTRYPOINT []\nSHELL [\"/bin/x\", \"-c\"]\n");
    const struct instruction *items = file->stages[0].items;

    (void)state;
    assert_true(items[0].is_exec);
    assert_int_equal(items[0].word_count, 2);
    assert_string_equal(items[0].words[0], "a b");
    assert_string_equal(items[0].words[1], "\xc3\xa9\n");
    assert_false(items[1].is_exec);
    assert_string_equal(items[1].words[0], "['single']");
    assert_true(items[2].is_exec);
    assert_int_equal(items[2].word_count, 0);
    assert_int_equal(items[3].word_count, 2);
}

static void env_and_label_take_pairs_and_the_old_form(void **state)
{
    struct dockerfile *file = parse(
            "FROM scratch\nENV A=1 B=\"two words\" C=x\\ y\nENV OLD the rest of it\nLABEL \"a.b\"=c\n");
    const struct instruction *items = file->stages[0].items;

    (void)state;
    assert_int_equal(items[0].word_count, 6);
    assert_string_equal(items[0].words[3], "\"two words\"");
    assert_string_equal(items[0].words[5], "x\\ y");
    assert_string_equal(items[1].words[0], "OLD");
    assert_string_equal(items[1].words[1], "the rest of it");
    assert_string_equal(items[2].words[0], "\"a.b\"");
}

static void heredocs_belong_to_their_instruction(void **state)
{
    struct dockerfile *file = parse(
            "FROM scratch\nCOPY <<one.txt <<-\"EOT\" /dir/\nline $A\none.txt\n"
            "\t\ttabbed\n\tEOT\nRUN <<EOF\necho 1\nEOF\nUSER x\n");
    const struct instruction *items = file->stages[0].items;

    (void)state;
    assert_int_equal(file->stages[0].len, 3);
    assert_int_equal(items[0].heredoc_count, 2);
    assert_string_equal(items[0].heredocs[0].name, "one.txt");
    assert_string_equal(items[0].heredocs[0].content, "line $A\n");
    assert_true(items[0].heredocs[0].expand);
    assert_string_equal(items[0].heredocs[1].content, "tabbed\n");
    assert_false(items[0].heredocs[1].expand);
    assert_string_equal(items[1].heredocs[0].content, "echo 1\n");
    assert_int_equal(items[2].kind, INSTRUCTION_USER);
}

static void a_health_check_keeps_its_kind_of_command(void **state)
{
    struct dockerfile *file = parse("FROM scratch\nHEALTHCHECK --interval=3s CMD curl x\n"
                                    "HEALTHCHECK CMD [\"a\"]\nHEALTHCHECK NONE\n");
    const struct instruction *items = file->stages[0].items;

    (void)state;
    assert_string_equal(items[0].words[0], "CMD-SHELL");
    assert_string_equal(items[0].words[1], "curl x");
    assert_string_equal(items[1].words[0], "CMD");
    assert_string_equal(items[1].words[1], "a");
    assert_string_equal(items[2].words[0], "NONE");
}

static void mistakes_are_named_with_their_line(void **state)
{
    (void)state;
    refused("FROM scratch\n\nRUM x\n", 3, "RUM");
    assert_string_equal(diag.items[0].hint, "did you mean \"RUN\"?");
    refused("RUN x\n", 1, "before the first FROM");
    refused("# nothing\n", 1, "no FROM");
    refused("FROM scratch\nCOPY a\n", 2, "COPY SOURCE");
    refused("FROM scratch\nCOPY --form=x a b\n", 2, "--form");
    refused("FROM scratch\nENV A\n", 2, "NAME=VALUE");
    refused("FROM scratch\nENV A=b c\n", 2, "quotes");
    refused("FROM a AS 1x\n", 1, "1x");
    refused("FROM a AS b\nFROM c AS B\n", 2, "twice");
    refused("FROM a b\n", 1, "FROM");
    refused("FROM scratch\nRUN <<EOF\nx\n", 2, "not closed");
    refused("FROM scratch\nSHELL sh -c\n", 2, "JSON");
    refused("FROM scratch\nONBUILD FROM x\n", 2, "ONBUILD");
    refused("FROM scratch\nHEALTHCHECK WHAT x\n", 2, "WHAT");
}

static void every_mistake_is_found_in_one_run(void **state)
{
    struct dockerfile *file;
    const char *text = "FROM scratch\nRUM x\nCOPY a\nUSER x\nENV A\n";

    (void)state;
    assert_int_equal(dockerfile_parse(&arena, "Dockerfile", text, strlen(text), &file, &diag, NULL),
            -EINVAL);
    assert_int_equal(diag.errors, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
                stages_keep_their_names_and_instructions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
                continuations_join_and_comments_between_them_vanish, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
                the_escape_directive_changes_the_escape_character, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
                a_json_array_is_the_exec_form_and_anything_else_is_for_the_shell, set_up,
                tear_down),
        cmocka_unit_test_setup_teardown(
                env_and_label_take_pairs_and_the_old_form, set_up, tear_down),
        cmocka_unit_test_setup_teardown(heredocs_belong_to_their_instruction, set_up, tear_down),
        cmocka_unit_test_setup_teardown(
                a_health_check_keeps_its_kind_of_command, set_up, tear_down),
        cmocka_unit_test_setup_teardown(mistakes_are_named_with_their_line, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_mistake_is_found_in_one_run, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
