/* Texts, numbers and keys as `config` prints them, and that each text comes back as itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/strbuf.h"
#include "compose/document.h"
#include "compose/print.h"
#include "compose/project.h"
#include "compose/yaml.h"

#define TEXT_MAX (1u << 20)

/* Prints a project that has nothing but an extension with this value. */
static void print_extension(struct arena *arena, struct node *value,
        const struct print_options *how, struct strbuf *out)
{
    struct node *model = node_new(arena, NODE_MAP, NULL);
    const struct project project = { .arena = arena, .name = "p", .model = model };

    node_set(arena, model, "x-v", NULL, value);
    project_print(&project, how, out);
}

/* What stands behind "x-v: " in the YAML. */
static void check_text(const char *text, const char *wanted)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(TEXT_MAX);
    struct arena arena = ARENA_INIT;

    print_extension(&arena, node_new_text(&arena, text, NULL),
            &(struct print_options){ .format = PRINT_YAML }, &out);
    const char *got = strstr(out.data, "x-v:");

    assert_non_null(got);
    if (strcmp(got + strlen("x-v: "), wanted) != 0)
        fail_msg("\"%s\": wanted %s got %s", text, wanted, got + strlen("x-v: "));
    arena_release(&arena);
}

static void texts_are_quoted_where_they_would_be_read_as_something_else(void **state)
{
    static const struct {
        const char *text, *wanted;
    } cases[] = {
        { "plain", "plain\n" },
        { "two words", "two words\n" },
        { "a:b", "a:b\n" },
        { "a#b", "a#b\n" },
        { "https://x/y?z=1&q", "https://x/y?z=1&q\n" },
        { "", "\"\"\n" },
        { "true", "\"true\"\n" },
        { "Yes", "\"Yes\"\n" },
        { "n", "\"n\"\n" },
        { "null", "\"null\"\n" },
        { "~", "\"~\"\n" },
        { "1", "\"1\"\n" },
        { "1.50", "\"1.50\"\n" },
        { "1e3", "\"1e3\"\n" },
        { "0x1F", "\"0x1F\"\n" },
        { "0o17", "\"0o17\"\n" },
        { "1_000", "\"1_000\"\n" },
        { "12:30", "\"12:30\"\n" },
        { "2024-05-01", "\"2024-05-01\"\n" },
        { ".inf", "\".inf\"\n" },
        { "1.2.3", "1.2.3\n" },
        { "10.0.0.0/8", "10.0.0.0/8\n" },
        { "a: b", "'a: b'\n" },
        { "a #b", "'a #b'\n" },
        { "- a", "'- a'\n" },
        { "*a", "'*a'\n" },
        { "&a", "'&a'\n" },
        { "!a", "'!a'\n" },
        { "%a", "'%a'\n" },
        { "@a", "'@a'\n" },
        { "[a]", "'[a]'\n" },
        { "{a}", "'{a}'\n" },
        { " a", "' a'\n" },
        { "a ", "'a '\n" },
        { "it's", "it's\n" },
        { "'it's", "'''it''s'\n" },
        { "--- a", "'--- a'\n" },
        { "a\nb", "|-\n  a\n  b\n" },
        { "a\nb\n", "|\n  a\n  b\n" },
        { "a\n\n", "|+\n  a\n\n" },
        { " a\nb", "|2-\n   a\n  b\n" },
        { "a \nb", "\"a \\nb\"\n" },
        { "\n", "\"\\n\"\n" },
        { "a\tb", "\"a\\tb\"\n" },
        { "a\x01"
          "b",
                "\"a\\x01b\"\n" },
        { "a\x7f", "\"a\\x7F\"\n" },
        { "\xe2\x80\xa8", "\"\\L\"\n" },
        { "\xc2\x85", "\"\\N\"\n" },
        { "\xef\xbb\xbf", "\"\\uFEFF\"\n" },
        { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f\n" },
        { "a\xff"
          "b",
                "!!binary Yf9i\n" },
        { "$A", "$$A\n" },
        { "$", "$$\n" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_text(cases[i].text, cases[i].wanted);
}

/* Every text of up to three of these characters is the same text again, as a value and as a key. */
static void every_short_text_reads_back(void **state)
{
    static const char *const pieces[] = { "a", "1", " ", ":", "#", "-", "'", "\"", "\n", "\t", "\\",
        "[", "{", ",", "&", "*", "!", "|", ">", "%", "?", "~", ".", "=", "\xc3\xa9", "\xe2\x80\xa9",
        "\x02" };
    size_t count = ARRAY_LEN(pieces);

    (void)state;
    for (size_t n = 0; n < count * count * count; n++) {
        auto_(strbuf_release) struct strbuf out = STRBUF_INIT(TEXT_MAX);
        struct arena arena = ARENA_INIT;
        struct diag diag = DIAG_INIT;
        struct yaml_documents documents = { 0 };
        const char *text = arena_printf(&arena, "%s%s%s", pieces[n % count],
                pieces[n / count % count], pieces[n / count / count]);
        struct node *map = node_new(&arena, NODE_MAP, NULL),
                    *list = node_new(&arena, NODE_LIST, NULL);

        node_list_append(&arena, list, node_new_text(&arena, text, NULL));
        node_set(&arena, map, text, NULL, list);
        print_extension(&arena, map,
                &(struct print_options){ .format = PRINT_YAML, .no_interpolate = true }, &out);
        const struct yaml_text yaml = { .file = "x", .data = out.data, .len = out.len };
        int r = yaml_parse(&arena, &yaml, &documents, &diag);

        if (r < 0 || !node_is_equal(node_get(documents.items[0], "x-v"), map))
            fail_msg("\"%s\" became\n%s%s", text, out.data, r < 0 ? diag.items[0].message : "");
        diag_release(&diag);
        arena_release(&arena);
    }
}

static void json_escapes_what_it_must(void **state)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(TEXT_MAX);

    (void)state;
    json_print_text("a\"\\\b\f\n\r\t\x01$\xff\xc3\xa9", &out);
    assert_string_equal(out.data, "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001$\xef\xbf\xbd\xc3\xa9\"");
}

static void canonical_json_has_sorted_keys_and_no_blanks(void **state)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(TEXT_MAX);
    struct arena arena = ARENA_INIT;
    struct node *map = node_new(&arena, NODE_MAP, NULL), *list = node_new(&arena, NODE_LIST, NULL);

    (void)state;
    node_list_append(&arena, list, node_new_bool(&arena, true, NULL));
    node_list_append(&arena, list, node_new(&arena, NODE_NULL, NULL));
    node_set(&arena, map, "s10", NULL, node_new_int(&arena, -1, NULL));
    node_set(&arena, map, "s2", NULL, list);
    node_set(&arena, map, "a", NULL, node_new_text(&arena, "$", NULL));
    node_print_canonical(map, &out);
    assert_string_equal(out.data, "{\"a\":\"$\",\"s10\":-1,\"s2\":[true,null]}");
    arena_release(&arena);
}

static void yaml_orders_keys_naturally_and_json_keeps_the_order(void **state)
{
    auto_(strbuf_release) struct strbuf yaml = STRBUF_INIT(TEXT_MAX), json = STRBUF_INIT(TEXT_MAX);
    struct arena arena = ARENA_INIT;
    struct node *map = node_new(&arena, NODE_MAP, NULL);

    (void)state;
    node_set(&arena, map, "s10", NULL, node_new_int(&arena, 1, NULL));
    node_set(&arena, map, "s2", NULL, node_new_int(&arena, 2, NULL));
    print_extension(&arena, map, &(struct print_options){ .format = PRINT_YAML }, &yaml);
    print_extension(&arena, map, &(struct print_options){ .format = PRINT_JSON }, &json);
    assert_true(strstr(yaml.data, "s2") < strstr(yaml.data, "s10"));
    assert_true(strstr(json.data, "s2") > strstr(json.data, "s10"));
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_quoted_where_they_would_be_read_as_something_else),
        cmocka_unit_test(every_short_text_reads_back),
        cmocka_unit_test(json_escapes_what_it_must),
        cmocka_unit_test(canonical_json_has_sorted_keys_and_no_blanks),
        cmocka_unit_test(yaml_orders_keys_naturally_and_json_keeps_the_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
