#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "compose/document.h"
#include "compose/print.h"
#include "compose/yaml.h"

struct parsed {
    struct arena arena;
    struct diag diag;
    struct yaml_documents documents;
    struct yaml_text text;
    int result;
};

static void parse_bytes(struct parsed *parsed, const char *data, size_t len)
{
    *parsed = (struct parsed){ 0 };
    parsed->text = (struct yaml_text){ .file = "x.yaml", .data = data, .len = len };
    parsed->result = yaml_parse(&parsed->arena, &parsed->text, &parsed->documents, &parsed->diag);
}

static void parse(struct parsed *parsed, const char *text)
{
    parse_bytes(parsed, text, strlen(text));
}

static void parsed_release(struct parsed *parsed)
{
    diag_release(&parsed->diag);
    arena_release(&parsed->arena);
}

static void assert_canonical(const char *text, const char *wanted)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(4096);
    struct parsed parsed;

    parse(&parsed, text);
    if (parsed.result < 0)
        fail_msg("%s: %s", text, parsed.diag.items[0].message);
    node_print_canonical(parsed.documents.items[0], &out);
    assert_string_equal(out.data, wanted);
    parsed_release(&parsed);
}

static void scalars_have_the_types_of_docker_compose(void **state)
{
    (void)state;
    assert_canonical("[1, -2, +3, 0x1F, 0o17, 017, 0b11, 1_000]", "[1,-2,3,31,15,15,3,1000]");
    assert_canonical("[1.5, .5, 1., 1e3, -0.25]", "[1.5,0.5,1,1000,-0.25]");
    assert_canonical(
            "[true, False, TRUE, yes, on, y, No]", "[true,false,true,\"yes\",\"on\",\"y\",\"No\"]");
    assert_canonical("[~, null, NULL, '', \"null\"]", "[null,null,null,\"\",\"null\"]");
    assert_canonical("[22:22, 1.2.3, 2024-01-02, 0x, 089, 1e, -, .]",
            "[\"22:22\",\"1.2.3\",\"2024-01-02\",\"0x\",89,\"1e\",\"-\",\".\"]");
    assert_canonical("[!!str 5, !!int \"7\", !!float 1, !mine x, !!binary aGk=]",
            "[\"5\",7,1,\"x\",\"hi\"]");
    assert_canonical("[9223372036854775807, 9223372036854775808]",
            "[9223372036854775807,9223372036854775808]");
}

static void a_tag_that_does_not_fit_its_value_is_refused(void **state)
{
    static const char *const values[] = { "!!int foo", "!!int 1.5", "!!float x", "!!bool yes",
        "!!null x", "!!timestamp x", "!!binary '***'", "!!binary aGk", "!!binary AA==" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct parsed parsed;
        char text[64];

        snprintf(text, sizeof(text), "a: %s\n", values[i]);
        parse(&parsed, text);
        assert_true(parsed.result < 0);
        assert_int_equal(parsed.diag.errors, 1);
        assert_int_equal(parsed.diag.items[0].at.column, 4);
        assert_non_null(strstr(parsed.diag.items[0].message, "does not fit"));
        parsed_release(&parsed);
    }
}

static void merge_keys_give_way_to_own_keys_and_to_earlier_sources(void **state)
{
    (void)state;
    assert_canonical("a: &a {x: 1, y: 1}\nb: {<<: *a, x: 2}\nc: {x: 3, <<: *a}",
            "{\"a\":{\"x\":1,\"y\":1},\"b\":{\"x\":2,\"y\":1},\"c\":{\"x\":3,\"y\":1}}");
    assert_canonical("a: &a {x: 1}\nb: &b {x: 2, y: 2}\nc: {<<: [*a, *b]}",
            "{\"a\":{\"x\":1},\"b\":{\"x\":2,\"y\":2},\"c\":{\"x\":1,\"y\":2}}");
}

static void nodes_know_where_they_were_written(void **state)
{
    struct parsed parsed;
    const struct node_entry *entry;

    (void)state;
    parse(&parsed, "a: 1\n\"\xc3\xa9\":\n  - x\n  -   y: z\n");
    assert_int_equal(parsed.result, 0);
    entry = node_get_entry(parsed.documents.items[0], "\xc3\xa9");
    assert_int_equal(entry->key_at.line, 2);
    assert_int_equal(entry->value->items[1]->at.line, 4);
    assert_int_equal(entry->value->items[1]->at.column, 7);
    parsed_release(&parsed);
}

static void a_dollar_is_found_inside_of_any_kind_of_scalar(void **state)
{
    static const char text[] = "a: \"x \xc3\xa9 $B ${C}\"\nb: |\n  one\n  two $D\n";
    struct parsed parsed;
    struct source at;

    (void)state;
    parse(&parsed, text);
    at = yaml_find_dollar(&parsed.text, &node_get(parsed.documents.items[0], "a")->at, 1);
    assert_int_equal(at.line, 1);
    assert_int_equal(at.column, 12);
    at = yaml_find_dollar(&parsed.text, &node_get(parsed.documents.items[0], "b")->at, 0);
    assert_int_equal(at.line, 4);
    assert_int_equal(at.column, 7);
    parsed_release(&parsed);
}

static void documents_of_one_file_are_all_given(void **state)
{
    struct parsed parsed;

    (void)state;
    parse(&parsed, "a: 1\n---\nb: 2\n---\n");
    assert_int_equal(parsed.documents.len, 3);
    assert_int_equal(parsed.documents.items[2]->kind, NODE_NULL);
    parsed_release(&parsed);
}

static void mistakes_have_places(void **state)
{
    static const struct {
        const char *text, *message;
        unsigned line, column;
    } cases[] = {
        { "a: 1\na: 2\n", "already defined at line 1", 2, 1 },
        { "a: {b: 1, b: 2}\n", "already defined", 1, 11 },
        { "1: x\n", "not a text", 1, 1 },
        { "? [a]\n: x\n", "must be a text", 1, 3 },
        { "a: *x\n", "unknown anchor", 1, 4 },
        { "a: &x [*x]\n", "cycle", 1, 8 },
        { "a:\n\t- b\n", "cannot start any token", 2, 1 },
        { "a: [1\nb: 2\n", "did not find expected", 2, 2 },
        { "a: b: c\n", "mapping values", 1, 5 },
        { "a: \"x\\0y\"\n", "NUL", 1, 4 },
        { "a: {<<: 5}\n", "merge key", 1, 9 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct parsed parsed;

        parse(&parsed, cases[i].text);
        assert_true(parsed.result < 0);
        if (!strstr(parsed.diag.items[0].message, cases[i].message) ||
                parsed.diag.items[0].at.line != cases[i].line)
            fail_msg("%s: line %u: %s", cases[i].text, parsed.diag.items[0].at.line,
                    parsed.diag.items[0].message);
        if (parsed.diag.items[0].at.column != cases[i].column)
            fail_msg("%s: column %u", cases[i].text, parsed.diag.items[0].at.column);
        parsed_release(&parsed);
    }
}

static void foreign_bytes_are_refused_with_their_place(void **state)
{
    struct parsed parsed;

    (void)state;
    parse_bytes(&parsed, "a: b\nc: \xff\n", 11);
    assert_true(parsed.result < 0);
    assert_int_equal(parsed.diag.items[0].at.line, 2);
    parsed_release(&parsed);
    parse_bytes(&parsed, "a: b\0c\n", 7);
    assert_true(parsed.result < 0);
    parsed_release(&parsed);
}

static int parse_depth(unsigned depth)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(8192);
    struct parsed parsed;

    for (unsigned i = 0; i < depth; i++)
        strbuf_addc(&text, '[');
    for (unsigned i = 0; i < depth; i++)
        strbuf_addc(&text, ']');
    parse(&parsed, text.data);
    int r = parsed.result;

    parsed_release(&parsed);
    return r;
}

static void depth_is_refused_above_the_limit(void **state)
{
    (void)state;
    assert_int_equal(parse_depth(LIMIT_YAML_DEPTH), 0);
    assert_true(parse_depth(LIMIT_YAML_DEPTH + 1) < 0);
}

/* 10 values, ten aliases to them, ten to those … */
static int parse_bomb(unsigned levels)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(65536);
    struct parsed parsed;

    strbuf_adds(&text, "a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]\n");
    for (unsigned i = 1; i <= levels; i++) {
        strbuf_addf(&text, "a%u: &a%u [", i, i);
        for (unsigned j = 0; j < 10; j++)
            strbuf_addf(&text, "%s*a%u", j ? ", " : "", i - 1);
        strbuf_adds(&text, "]\n");
    }
    parse(&parsed, text.data);
    int r = parsed.result;

    if (r < 0)
        assert_non_null(strstr(parsed.diag.items[0].message, "aliases stand for more"));
    assert_true(parsed.arena.used_bytes < 4u << 20);
    parsed_release(&parsed);
    return r;
}

static void an_alias_bomb_is_refused_at_the_limit_with_its_position(void **state)
{
    (void)state;
    assert_int_equal(parse_bomb(4), 0);
    assert_true(parse_bomb(5) < 0);
    assert_true(parse_bomb(60) < 0);
}

static void a_reset_counts_where_it_is_written_and_not_through_an_alias(void **state)
{
    struct parsed parsed;
    const struct node *map;

    (void)state;
    parse(&parsed, "a: &a {p: !reset [], q: 1}\nb: *a\nc: {<<: *a}\nd: !override [1]\n");
    map = parsed.documents.items[0];
    assert_true(node_get(node_get(map, "a"), "p")->flags & NODE_RESET);
    assert_null(node_get(node_get(map, "b"), "p"));
    assert_null(node_get(node_get(map, "c"), "p"));
    assert_true(node_get(map, "d")->flags & NODE_OVERRIDE);
    parsed_release(&parsed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_have_the_types_of_docker_compose),
        cmocka_unit_test(a_tag_that_does_not_fit_its_value_is_refused),
        cmocka_unit_test(merge_keys_give_way_to_own_keys_and_to_earlier_sources),
        cmocka_unit_test(nodes_know_where_they_were_written),
        cmocka_unit_test(a_dollar_is_found_inside_of_any_kind_of_scalar),
        cmocka_unit_test(documents_of_one_file_are_all_given),
        cmocka_unit_test(mistakes_have_places),
        cmocka_unit_test(foreign_bytes_are_refused_with_their_place),
        cmocka_unit_test(depth_is_refused_above_the_limit),
        cmocka_unit_test(an_alias_bomb_is_refused_at_the_limit_with_its_position),
        cmocka_unit_test(a_reset_counts_where_it_is_written_and_not_through_an_alias),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
