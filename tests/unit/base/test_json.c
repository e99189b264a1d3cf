#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/fs.h"

static json_t *parse(const char *text)
{
    json_t *json = NULL;

    assert_int_equal(jsonx_parse(text, strlen(text), "test", &json, NULL), 0);
    return json;
}

static void depth_is_bounded_and_brackets_in_texts_do_not_count(void **state)
{
    char text[4 * LIMIT_JSON_DEPTH];

    (void)state;
    for (int over = 0; over < 2; over++) {
        size_t depth = LIMIT_JSON_DEPTH + over;
        auto_json json_t *json = NULL;
        auto_error struct error *err = NULL;

        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(jsonx_parse(text, 2 * depth, "x", &json, &err), over ? -EINVAL : 0);
    }
    memset(text, '[', sizeof(text));
    text[0] = text[sizeof(text) - 1] = '"';
    auto_json json_t *string = NULL;
    assert_int_equal(jsonx_parse(text, sizeof(text), "x", &string, NULL), 0);
    auto_json json_t *escaped = parse("\"\\\"[\\\\\"");
    assert_string_equal(json_string_value(escaped), "\"[\\");
}

static void size_is_bounded(void **state)
{
    size_t len = LIMIT_JSON_BYTES + 1;
    char *text = malloc(len);
    auto_error struct error *err = NULL;
    auto_json json_t *json = NULL;

    (void)state;
    memset(text, ' ', len);
    text[0] = '1';
    assert_int_equal(jsonx_parse(text, len, "the answer", &json, &err), -EFBIG);
    assert_int_equal(jsonx_parse(text, len - 1, "the answer", &json, NULL), 0);
    free(text);
}

static void what_is_broken_is_named(void **state)
{
    auto_error struct error *err = NULL;
    json_t *json = NULL;

    (void)state;
    assert_int_equal(jsonx_parse("{", 1, "the manifest of x", &json, &err), -EINVAL);
    assert_non_null(strstr(err->message, "the manifest of x is not valid JSON"));
    assert_null(json);
    assert_int_equal(jsonx_parse("", 0, "x", &json, &err), -EINVAL);
    assert_int_equal(jsonx_parse("{} x", 4, "x", &json, &err), -EINVAL);
}

static void members_are_typed_and_may_be_missing(void **state)
{
    auto_json json_t *json = parse(
            "{\"s\":\"x\",\"i\":5,\"b\":true,\"o\":{},\"a\":[\"p\",\"q\"],\"n\":null,"
            "\"m\":[\"p\",1]}");
    auto_error struct error *err = NULL;
    struct arena arena = ARENA_INIT;
    const char *text = "default";
    int64_t number = 9;
    bool flag = false;
    json_t *member = NULL;
    char **items = NULL;
    size_t len = 7;

    (void)state;
    assert_int_equal(jsonx_get_string(json, "missing", &text, &err), 0);
    assert_int_equal(jsonx_get_string(json, "n", &text, &err), 0);
    assert_string_equal(text, "default");
    assert_int_equal(jsonx_get_string(json, "s", &text, &err), 0);
    assert_string_equal(text, "x");
    assert_int_equal(jsonx_get_int(json, "i", &number, &err), 0);
    assert_int_equal(number, 5);
    assert_int_equal(jsonx_get_bool(json, "b", &flag, &err), 0);
    assert_true(flag);
    assert_int_equal(jsonx_get_object(json, "o", &member, &err), 0);
    assert_true(json_is_object(member));
    assert_int_equal(jsonx_get_array(json, "a", &member, &err), 0);
    assert_true(json_is_array(member));
    assert_int_equal(jsonx_get_strings(&arena, json, "a", &items, &len, &err), 0);
    assert_int_equal(len, 2);
    assert_string_equal(items[1], "q");
    assert_null(items[2]);
    assert_int_equal(jsonx_get_strings(&arena, json, "n", &items, &len, &err), 0);
    assert_null(items);
    assert_int_equal(len, 0);
    assert_null(err);

    assert_int_equal(jsonx_get_string(json, "i", &text, &err), -EINVAL);
    assert_string_equal(err->message, "member \"i\": expected a text, not a number");
    assert_int_equal(jsonx_get_int(json, "s", &number, NULL), -EINVAL);
    assert_int_equal(jsonx_get_bool(json, "s", &flag, NULL), -EINVAL);
    assert_int_equal(jsonx_get_object(json, "a", &member, NULL), -EINVAL);
    assert_int_equal(jsonx_get_array(json, "o", &member, NULL), -EINVAL);
    assert_int_equal(jsonx_get_strings(&arena, json, "m", &items, NULL, &err), -EINVAL);
    assert_string_equal(err->message, "member \"m\": item 2: expected a text, not a number");
    assert_null(jsonx_string(json, "i"));
    assert_int_equal(jsonx_int(json, "s", -1), -1);
    assert_true(jsonx_bool(json, "missing", true));
    arena_release(&arena);
}

static void texts_that_are_not_utf8_are_mended(void **state)
{
    auto_json json_t *fine = jsonx_text("\xc3\xa4"), *broken = jsonx_text("a\xff\xc3");
    static const char *const items[] = { "x", "\x80" };
    auto_json json_t *list = jsonx_strings(items, 2);
    auto_free char *text = jsonx_dump(list);

    (void)state;
    assert_string_equal(json_string_value(fine), "\xc3\xa4");
    assert_string_equal(json_string_value(broken), "a\xef\xbf\xbd\xef\xbf\xbd");
    assert_string_equal(text, "[\"x\",\"\xef\xbf\xbd\"]");
}

static void files_keep_the_order_of_members(void **state)
{
    char path[] = "/tmp/berth-test-json-XXXXXX";
    auto_json json_t *json = parse("{\"z\":1,\"a\":{\"y\":2,\"b\":3}}"), *back = NULL;
    auto_error struct error *err = NULL;

    (void)state;
    assert_non_null(mkdtemp(path));
    auto_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(jsonx_write_file(dir, "x.json", json, 0600, false, NULL), 0);
    assert_int_equal(jsonx_read_file(dir, "x.json", &back, NULL), 0);
    auto_free char *text = jsonx_dump(back);
    assert_string_equal(text, "{\"z\":1,\"a\":{\"y\":2,\"b\":3}}");
    assert_int_equal(fs_replace_file(dir, "y.json", "{\n!", 3, 0600, FS_NO_SYNC, NULL), 0);
    assert_int_equal(jsonx_read_file(dir, "y.json", &back, &err), -EINVAL);
    assert_string_equal(err->at.file, "y.json");
    assert_int_equal(err->at.line, 2);
    fs_remove_tree(AT_FDCWD, path, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_is_bounded_and_brackets_in_texts_do_not_count),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(what_is_broken_is_named),
        cmocka_unit_test(members_are_typed_and_may_be_missing),
        cmocka_unit_test(texts_that_are_not_utf8_are_mended),
        cmocka_unit_test(files_keep_the_order_of_members),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
