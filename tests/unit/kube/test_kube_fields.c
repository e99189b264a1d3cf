/* The table of fields, the types' small languages, and docs/kube.md, which BERTH_BLESS=1 writes anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "kube/expand.h"
#include "kube/fields-page.h"
#include "kube/fields.h"
#include "kube/quantity.h"
#include "kube/read.h"

#define PAGE TEST_DATA "/../docs/kube.md"
#define PAGE_MAX_BYTES (1u << 20)
#define DEPTH_MAX 16

static void check_shape(const struct kube_shape *shape, int depth)
{
    assert_true(depth < DEPTH_MAX);
    for (const struct kube_field *field = shape->fields; field->name; field++) {
        for (const struct kube_field *other = shape->fields; other != field; other++)
            if (strcmp(other->name, field->name) == 0)
                fail_msg("%s: %s is there twice", shape->name, field->name);
        if (field->support == KUBE_DONE) {
            assert_non_null(field->type);
            assert_true(field->offset > 0 && field->offset < shape->bytes);
            assert_null(field->note);
        } else
            assert_null(field->type);
        assert_int_equal(!!field->shape, field->type && (field->type == &kube_type_object ||
                                                                field->type == &kube_type_objects));
        if (field->shape)
            check_shape(field->shape, depth + 1);
    }
}

static void every_row_is_complete_and_none_is_there_twice(void **state)
{
    (void)state;
    for (int kind = 0; kind < KUBE_KIND_MAX_; kind++) {
        assert_non_null(kube_kinds[kind].name);
        check_shape(kube_kinds[kind].shape, 0);
    }
}

static void the_reference_page_is_what_the_table_says(void **state)
{
    auto_(strbuf_release) struct strbuf page = STRBUF_INIT(PAGE_MAX_BYTES);
    auto_free char *kept = NULL;
    size_t len;

    (void)state;
    kube_print_page(&page);
    if (getenv("BERTH_BLESS"))
        assert_int_equal(
                fs_replace_file(AT_FDCWD, PAGE, page.data, page.len, 0644, FS_NO_SYNC, NULL), 0);
    assert_int_equal(fs_read_file(AT_FDCWD, PAGE, PAGE_MAX_BYTES, &kept, &len, NULL), 0);
    if (len != page.len || memcmp(kept, page.data, len) != 0)
        fail_msg("docs/kube.md does not agree with the table; BERTH_BLESS=1 rewrites it");
}

static void no_heading_of_the_reference_page_occurs_twice(void **state)
{
    auto_(strbuf_release) struct strbuf page = STRBUF_INIT(PAGE_MAX_BYTES);
    struct strmap seen;
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct str rest, line;

    (void)state;
    kube_print_page(&page);
    strmap_init_arena(&seen, &arena);
    rest = (struct str){ page.data, page.len };
    while (str_split_next(&rest, '\n', &line)) {
        const char *text = arena_strndup(&arena, line.data, line.len);

        if (*text != '#')
            continue;
        if (strmap_has(&seen, text))
            fail_msg("\"%s\" occurs twice", text);
        strmap_set(&seen, text, NULL);
    }
    assert_true(seen.len > 10);
}

static void quantities_are_read_as_kubernetes_reads_them(void **state)
{
    static const struct {
        const char *text;
        int64_t milli;
    } good[] = {
        { "0", 0 },
        { "1", 1000 },
        { "1.5", 1500 },
        { ".5", 500 },
        { "100m", 100 },
        { "0.1", 100 },
        { "1u", 1 },
        { "2k", 2000000 },
        { "64Mi", INT64_C(67108864000) },
        { "1.5Gi", INT64_C(1610612736000) },
        { "1e3", 1000000 },
        { "1E3", 1000000 },
        { "5e-1", 500 },
        { "+1", 1000 },
        { "9223372036854775", INT64_C(9223372036854775000) },
    };
    static const char *const bad[] = { "", "Mi", "1 Mi", "1mi", "1KiB", "x", "1.2.3", "1e", "--1" };
    static const char *const out_of_range[] = { "-1", "9223372036854776", "1Ei",
        "99999999999999999999", "1E18" };
    int64_t milli;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(kube_parse_quantity(str_from(good[i].text), &milli), 0);
        if (milli != good[i].milli)
            fail_msg("%s is %lld", good[i].text, (long long)milli);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (kube_parse_quantity(str_from(bad[i]), &milli) != -EINVAL)
            fail_msg("\"%s\" was taken", bad[i]);
    for (size_t i = 0; i < ARRAY_LEN(out_of_range); i++)
        if (kube_parse_quantity(str_from(out_of_range[i]), &milli) != -ERANGE)
            fail_msg("\"%s\" is in range", out_of_range[i]);
}

static const char *look_up(const void *userdata, const char *name)
{
    (void)userdata;
    return strcmp(name, "A") == 0 ? "value" : NULL;
}

static void references_are_expanded_and_unknown_ones_stay(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    static const struct {
        const char *text, *expected;
    } cases[] = { { "plain", "plain" }, { "$(A)", "value" }, { "x$(A)y$(A)", "xvalueyvalue" },
        { "$(B)", "$(B)" }, { "$$(A)", "$(A)" }, { "$$$(A)", "$value" }, { "$A", "$A" },
        { "$(A", "$(A" }, { "a$", "a$" }, { "$()", "$()" }, { "$$", "$" } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_string_equal(kube_expand(&arena, cases[i].text, look_up, NULL), cases[i].expected);
}

static void base64_is_read_and_written(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    static const struct {
        const char *plain, *encoded;
    } cases[] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" }, { "foobar", "Zm9vYmFy" } };
    static const char *const bad[] = { "Z", "Zg",
        "Zg=", "Zg===", "Zm9v=", "Zg==Zg==", "Z!==", "====" };
    size_t len;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const uint8_t *plain = base64_decode(&arena, cases[i].encoded, &len);

        assert_non_null(plain);
        assert_int_equal(len, strlen(cases[i].plain));
        assert_string_equal((const char *)plain, cases[i].plain);
        assert_string_equal(base64_encode(&arena, plain, len), cases[i].encoded);
    }
    assert_non_null(base64_decode(&arena, " Zm9v\nYmFy\n", &len));
    assert_int_equal(len, 6);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (base64_decode(&arena, bad[i], &len))
            fail_msg("\"%s\" was taken", bad[i]);
}

static void a_secret_comes_back_from_the_store_as_it_was_put_there(void **state)
{
    static const char written[] =
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n"
            "immutable: true\nstringData: {b: two}\ndata: {a: AAE=, b: eA==}\n";
    static const char plain[] = "{\"a\":\"Zm9v\"}";
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const struct kube_secret *secret = kube_read_secret(&arena, written, sizeof(written) - 1);
    size_t len;

    (void)state;
    assert_non_null(secret);
    const char *text = kube_format_secret(&arena, secret);
    assert_string_equal(text,
            "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"s\"},"
            "\"immutable\":true,\"data\":{\"a\":\"AAE=\",\"b\":\"dHdv\"}}\n");
    secret = kube_read_secret(&arena, text, strlen(text));
    assert_non_null(secret);
    assert_int_equal(secret->immutable, KUBE_YES);
    assert_string_equal((const char *)kube_secret_get(secret, "b", &len), "two");
    assert_memory_equal(kube_secret_get(secret, "a", &len), "\0\1", 2);
    assert_null(kube_secret_get(secret, "c", &len));
    secret = kube_read_secret(&arena, plain, sizeof(plain) - 1);
    assert_string_equal((const char *)kube_secret_get(secret, "a", &len), "foo");
    assert_null(kube_read_secret(&arena, "just a text", 11));
    assert_null(kube_read_secret(&arena, "{\"a\":\"!\"}", 9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete_and_none_is_there_twice),
        cmocka_unit_test(the_reference_page_is_what_the_table_says),
        cmocka_unit_test(no_heading_of_the_reference_page_occurs_twice),
        cmocka_unit_test(quantities_are_read_as_kubernetes_reads_them),
        cmocka_unit_test(references_are_expanded_and_unknown_ones_stay),
        cmocka_unit_test(base64_is_read_and_written),
        cmocka_unit_test(a_secret_comes_back_from_the_store_as_it_was_put_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
