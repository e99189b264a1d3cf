#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/strbuf.h"

static char *format(const struct error *err)
{
    static char text[4096];
    struct strbuf out = STRBUF_INIT(sizeof(text) - 1);

    error_format(err, &out);
    memcpy(text, out.data, out.len + 1);
    strbuf_release(&out);
    return text;
}

static void a_chain_is_one_line_that_ends_with_the_errnos_text(void **state)
{
    auto_error struct error *err = NULL;

    (void)state;
    assert_int_equal(error_set(&err, ENOENT, NULL, "cannot open \"%s\"", "x"), -ENOENT);
    assert_int_equal(error_wrap(&err, -ENOENT, "cannot read the manifest"), -ENOENT);
    assert_string_equal(
            format(err), "cannot read the manifest: cannot open \"x\": No such file or directory");
    assert_true(error_has_errno_text(err->cause));
    assert_false(error_has_errno_text(err));
}

static void mistakes_of_the_user_have_no_errno_text(void **state)
{
    auto_error struct error *err = NULL;
    struct source at = { "compose.yaml", 3, 5 };

    (void)state;
    assert_int_equal(error_set_plain(&err, -EINVAL, &at, "bad port"), -EINVAL);
    assert_string_equal(format(err), "bad port");
    assert_int_equal(err->at.line, 3);
    assert_true(err->at.file != at.file);
}

static void a_place_is_added_where_there_is_none(void **state)
{
    auto_error struct error *err = NULL;
    struct source first = { "a.yaml", 1, 2 }, second = { "b.yaml", 3, 4 };

    (void)state;
    error_place(&err, &first); /* nothing to add it to */
    error_set_plain(&err, EINVAL, NULL, "bad");
    error_place(&err, NULL);
    error_place(&err, &first);
    error_place(&err, &second);
    assert_string_equal(err->at.file, "a.yaml");
    assert_true(err->at.file != first.file);
    assert_int_equal(err->at.column, 2);
}

static void the_last_failure_wins(void **state)
{
    auto_error struct error *err = NULL;

    (void)state;
    error_set_plain(&err, EIO, NULL, "first");
    error_set_plain(&err, EIO, NULL, "second after %s", err->message);
    assert_string_equal(format(err), "second after first");
}

static void callers_without_interest_get_the_code_alone(void **state)
{
    (void)state;
    assert_int_equal(error_set(NULL, EPERM, NULL, "x"), -EPERM);
    assert_int_equal(error_set_plain(NULL, -EPERM, NULL, "x"), -EPERM);
    assert_int_equal(error_wrap(NULL, EPERM, "x"), -EPERM);
    error_hint(NULL, "x");
    error_free(NULL);
    assert_int_equal(error_set(NULL, 0, NULL, "no reason"), -EIO);
}

static void wrapping_nothing_tells_the_errno(void **state)
{
    auto_error struct error *err = NULL;

    (void)state;
    error_wrap(&err, -EACCES, "cannot start");
    assert_string_equal(format(err), "cannot start: Permission denied");
}

static void moving_hands_over_or_frees(void **state)
{
    auto_error struct error *err = NULL;
    struct error *from = NULL;

    (void)state;
    error_set_plain(&from, ENOSPC, NULL, "full");
    assert_int_equal(error_move(&err, from), -ENOSPC);
    assert_ptr_equal(err, from);
    from = NULL;
    error_set_plain(&from, EIO, NULL, "y");
    assert_int_equal(error_move(NULL, from), -EIO);
    assert_int_equal(error_move(&err, NULL), 0);
    assert_string_equal(format(err), "full");
}

static void encoding_and_decoding_keep_everything(void **state)
{
    auto_error struct error *err = NULL;
    struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);
    struct source at = { "a \"quoted\"\\name\n.yaml", 12, 34 };

    (void)state;
    error_set(&err, ENOENT, &at, "m\xc3\xa4h \xf0\x9f\x98\x80 \x01");
    error_hint(&err, "hint\t");
    error_wrap(&err, -EINVAL, "above");
    error_encode(err, &text);
    assert_null(strchr(text.data, '\n'));

    auto_error struct error *back = error_decode(text.data, text.len);
    assert_int_equal(back->code, EINVAL);
    assert_string_equal(back->message, "above");
    assert_false(back->errno_text);
    assert_string_equal(back->cause->message, "m\xc3\xa4h \xf0\x9f\x98\x80 \x01");
    assert_string_equal(back->cause->at.file, at.file);
    assert_int_equal(back->cause->at.line, 12);
    assert_int_equal(back->cause->at.column, 34);
    assert_string_equal(back->cause->hint, "hint\t");
    assert_true(back->cause->errno_text);
    assert_null(back->cause->cause);
    strbuf_release(&text);
}

static void the_longest_chain_of_the_longest_texts_fits_the_encoding(void **state)
{
    auto_error struct error *err = NULL;
    struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);
    char *large = malloc(100000);

    (void)state;
    memset(large, '\x01', 99999);
    large[99999] = '\0';
    struct source at = { large, 4000000000u, 4000000000u };
    for (int i = 0; i < 40; i++) {
        struct error *one = NULL;

        error_set(&one, 1000000000, &at, "%d%s", i, large);
        error_hint(&one, "%s", large);
        one->cause = err;
        err = one;
    }
    error_encode(err, &text);
    assert_false(strbuf_is_truncated(&text));

    auto_error struct error *back = error_decode(text.data, text.len);
    int depth = 0;
    const struct error *bottom = back;
    for (const struct error *e = back; e; e = e->cause, depth++)
        bottom = e;
    assert_int_equal(depth, ERROR_CHAIN_MAX);
    assert_int_equal(bottom->message[0], '0'); /* the innermost cause is kept */
    strbuf_release(&text);
    free(large);
}

static void a_long_message_is_cut_between_characters(void **state)
{
    auto_error struct error *err = NULL;
    struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);
    char *large = malloc(3 * 5000 + 1);

    (void)state;
    for (int i = 0; i < 5000; i++)
        memcpy(large + 3 * i, "\xe2\x82\xac", 3);
    large[15000] = '\0';
    error_set_plain(&err, EIO, NULL, "x%s", large);
    error_encode(err, &text);
    auto_error struct error *back = error_decode(text.data, text.len);
    size_t len = strlen(back->message);
    assert_true(len > 1000 && len <= 4096);
    assert_int_equal(len % 3, 1);
    assert_int_equal(strncmp(back->message, err->message, len), 0);
    strbuf_release(&text);
    free(large);
}

static void text_that_is_no_encoded_error_becomes_the_message(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        { "sh: not found\n", "sh: not found" },
        { "", "no reason was given" },
        { "  \n", "no reason was given" },
        { "{", "{" },
        { "{}", "{}" },
        { "{\"code\":0,\"message\":\"x\"}", "{\"code\":0,\"message\":\"x\"}" },
        { "{\"code\":5,\"message\":\"x\"", "{\"code\":5,\"message\":\"x\"" },
        { "{\"code\":5,\"message\":\"x\"} y", "{\"code\":5,\"message\":\"x\"} y" },
        { "{\"message\":\"x\"}", "{\"message\":\"x\"}" },
        { "\xff", UTF8_REPLACEMENT },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_error struct error *err = error_decode(cases[i].text, strlen(cases[i].text));

        assert_string_equal(err->message, cases[i].message);
        assert_int_equal(err->code, EIO);
        assert_null(err->cause);
    }
    auto_error struct error *err = error_decode("a\0b", 3);
    assert_string_equal(err->message, "a" UTF8_REPLACEMENT "b");
}

static void members_of_later_versions_are_passed_over(void **state)
{
    static const char text[] = "{ \"stage\":\"mount\", \"n\":12, \"f\":true, \"z\":null,"
                               " \"code\":5, \"message\":\"\\u00e4\\ud83d\\ude00\" }";
    auto_error struct error *err = error_decode(text, sizeof(text) - 1);

    (void)state;
    assert_int_equal(err->code, 5);
    assert_string_equal(err->message, "\xc3\xa4\xf0\x9f\x98\x80");
}

static void a_chain_one_longer_than_the_maximum_is_not_decoded(void **state)
{
    (void)state;
    for (int depth = ERROR_CHAIN_MAX; depth <= ERROR_CHAIN_MAX + 1; depth++) {
        struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);

        for (int i = 0; i < depth; i++)
            strbuf_addf(&text, "%s{\"code\":1,\"message\":\"m\"", i ? ",\"cause\":" : "");
        for (int i = 0; i < depth; i++)
            strbuf_addc(&text, '}');
        auto_error struct error *err = error_decode(text.data, text.len);
        if (depth == ERROR_CHAIN_MAX)
            assert_string_equal(err->message, "m");
        else
            assert_string_equal(err->message, text.data);
        strbuf_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_is_one_line_that_ends_with_the_errnos_text),
        cmocka_unit_test(mistakes_of_the_user_have_no_errno_text),
        cmocka_unit_test(a_place_is_added_where_there_is_none),
        cmocka_unit_test(the_last_failure_wins),
        cmocka_unit_test(callers_without_interest_get_the_code_alone),
        cmocka_unit_test(wrapping_nothing_tells_the_errno),
        cmocka_unit_test(moving_hands_over_or_frees),
        cmocka_unit_test(encoding_and_decoding_keep_everything),
        cmocka_unit_test(the_longest_chain_of_the_longest_texts_fits_the_encoding),
        cmocka_unit_test(a_long_message_is_cut_between_characters),
        cmocka_unit_test(text_that_is_no_encoded_error_becomes_the_message),
        cmocka_unit_test(members_of_later_versions_are_passed_over),
        cmocka_unit_test(a_chain_one_longer_than_the_maximum_is_not_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
