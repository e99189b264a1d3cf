#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/json-scan.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/mem.h"

static int skip_all(const char *text, size_t len, struct error **err)
{
    struct json_scan scan;

    json_scan_begin(&scan, NULL, text, len);
    json_scan_skip(&scan);
    return json_scan_end(&scan, "test", err);
}

/* Read whole, so that what follows the text is none of its business. */
static const char *text_of(struct arena *arena, const char *json)
{
    struct json_scan scan;

    json_scan_begin(&scan, arena, json, strlen(json));
    assert_int_equal(json_scan_type(&scan), JSON_SCAN_TEXT);
    const char *text = json_scan_text(&scan);
    return json_scan_end(&scan, "test", NULL) < 0 ? NULL : text;
}

static void members_and_items_come_in_their_order(void **state)
{
    static const char json[] = " { \"a\" : [ 1 , -2,3 ] , \"\\u0062\":{}, \"c\":true,\"d\":null } ";
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct json_scan scan;
    struct str key;
    int64_t number, sum = 0;
    bool boolean = false;

    (void)state;
    json_scan_begin(&scan, &arena, json, strlen(json));
    assert_int_equal(json_scan_type(&scan), JSON_SCAN_OBJECT);
    assert_true(json_scan_enter(&scan));
    assert_true(json_scan_member(&scan, &key));
    assert_true(str_is_equal_z(key, "a"));
    assert_int_equal(json_scan_type(&scan), JSON_SCAN_ARRAY);
    assert_int_equal(json_scan_count(&scan), 3);
    assert_true(json_scan_enter(&scan));
    while (json_scan_item(&scan)) {
        assert_int_equal(json_scan_type(&scan), JSON_SCAN_NUMBER);
        assert_true(json_scan_integer(&scan, &number));
        sum = sum * 10 + number;
    }
    assert_int_equal(sum, 83);
    assert_true(json_scan_member(&scan, &key));
    assert_true(str_is_equal_z(key, "b"));
    assert_int_equal(json_scan_type(&scan), JSON_SCAN_OBJECT);
    assert_true(json_scan_enter(&scan));
    assert_false(json_scan_member(&scan, &key));
    assert_true(json_scan_member(&scan, &key));
    assert_int_equal(json_scan_type(&scan), JSON_SCAN_BOOLEAN);
    assert_true(json_scan_boolean(&scan, &boolean));
    assert_true(boolean);
    assert_true(json_scan_member(&scan, &key));
    assert_int_equal(json_scan_type(&scan), JSON_SCAN_NULL);
    json_scan_skip(&scan);
    assert_false(json_scan_member(&scan, &key));
    assert_int_equal(json_scan_end(&scan, "test", NULL), 0);
}

static void texts_come_as_they_were_meant(void **state)
{
    static const struct {
        const char *json, *text; /* NULL: refused */
    } cases[] = {
        { "\"\"", "" },
        { "\"plain\"", "plain" },
        { "\"a\\\"b\\\\c\\/d\\b\\f\\n\\r\\t\"", "a\"b\\c/d\b\f\n\r\t" },
        { "\"\\u0041\\u00e9\\u20AC\\ud83d\\ude00\"", "A\u00e9\u20ac\U0001f600" },
        { "\"\u00e9 raw\"", "\u00e9 raw" },
        { "\"\\\\\"", "\\" },
        { "\"\\u0000\"", NULL },
        { "\"\\ud83d\"", NULL },
        { "\"\\ud83d\\u0041\"", NULL },
        { "\"\\ude00\"", NULL },
        { "\"\\u12g4\"", NULL },
        { "\"\\x\"", NULL },
        { "\"\\\"", NULL },
        { "\"open", NULL },
        { "\"line\nfeed\"", NULL },
        { "\"\xff\"", NULL },
        { "\"\\n\xc3\"", NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        const char *text = text_of(&arena, cases[i].json);

        if (cases[i].text)
            assert_string_equal(text, cases[i].text);
        else
            assert_null(text);
    }
}

static void numbers_are_whole_and_in_range_or_refused(void **state)
{
    static const struct {
        const char *json;
        int64_t value;
        bool is_whole;
    } cases[] = {
        { "0", 0, true },
        { "-0", 0, true },
        { "9223372036854775807", INT64_MAX, true },
        { "-9223372036854775808", INT64_MIN, true },
        { "9223372036854775808", 0, false },
        { "-9223372036854775809", 0, false },
        { "1.5", 0, false },
        { "1e3", 0, false },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json_scan scan;
        int64_t value = 0;

        json_scan_begin(&scan, NULL, cases[i].json, strlen(cases[i].json));
        assert_int_equal(json_scan_type(&scan), JSON_SCAN_NUMBER);
        assert_int_equal(json_scan_integer(&scan, &value), cases[i].is_whole);
        if (cases[i].is_whole)
            assert_int_equal(value, cases[i].value);
    }
}

static void what_jansson_takes_is_taken_and_nothing_else(void **state)
{
    static const char *const texts[] = { "", " ", "{", "}", "[", "]", "{}", "[]", "[1,]", "[,1]",
        "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{a:1}", "{\"a\" 1}",
        "{\"a\":1 \"b\":2}", "{\"a\":1}}", "[1]x", "01", "-", "-01", "1.", ".5", "1.5", "1e", "1e+",
        "1e5", "1E-5", "1e400", "-1e400", "1e-400", "tru", "true", "truex", "false", "null", "nul",
        "nullnull", "'a'", "\"a\"", "\"a\"\"b\"", "[\"a\",{\"b\":[null,{}]}]", "\t\n\r []", "\v[]",
        "[1\f]", "{\"\":0}", "{\"a\":1,\"a\":2}", "{\"\\u0061\":\"\\u00e9\"}", "\xef\xbb\xbf[]",
        "9999999999999999999", "[[[[[[]]]]]]", "[}", "{]", "{\"a\":[}", "\"\x7f\"", "\"\x1f\"" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_t *json = NULL;
        int theirs = jsonx_parse(texts[i], strlen(texts[i]), "test", &json, NULL);
        int ours = skip_all(texts[i], strlen(texts[i]), NULL);

        json_decref(json);
        if ((theirs == 0) != (ours == 0))
            fail_msg("%s: %d, and jansson says %d", texts[i], ours, theirs);
    }
}

static void every_beginning_of_a_text_is_refused_and_no_byte_behind_it_is_read(void **state)
{
    static const char json[] = "{\"a\":[1,-2.5e1,\"x\\u00e9\\n\"],\"b\":{\"c\":null,\"d\":false}}";

    (void)state;
    for (size_t len = 0; len < strlen(json); len++) {
        auto_free char *part = mem_alloc(len + 1); /* unterminated: the sanitizer looks */

        memcpy(part + 1, json, len);
        assert_int_equal(skip_all(part + 1, len, NULL), -EINVAL);
    }
    assert_int_equal(skip_all(json, strlen(json), NULL), 0);
}

static void depth_is_bounded_as_it_is_for_all_json(void **state)
{
    char text[2 * (LIMIT_JSON_DEPTH + 1)];

    (void)state;
    for (size_t over = 0; over < 2; over++) {
        size_t depth = LIMIT_JSON_DEPTH + over;

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(skip_all(text, 2 * depth, NULL), over ? -EINVAL : 0);
    }
}

static void the_error_names_the_text_and_the_place(void **state)
{
    auto_error struct error *err = NULL;

    (void)state;
    assert_int_equal(skip_all("[1,x]", 5, &err), -EINVAL);
    assert_string_equal(err->message, "test is not valid JSON at byte 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_and_items_come_in_their_order),
        cmocka_unit_test(texts_come_as_they_were_meant),
        cmocka_unit_test(numbers_are_whole_and_in_range_or_refused),
        cmocka_unit_test(what_jansson_takes_is_taken_and_nothing_else),
        cmocka_unit_test(every_beginning_of_a_text_is_refused_and_no_byte_behind_it_is_read),
        cmocka_unit_test(depth_is_bounded_as_it_is_for_all_json),
        cmocka_unit_test(the_error_names_the_text_and_the_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
