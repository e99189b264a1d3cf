#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "engine/image/ref.h"

#define HEX64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define LONG128                                                        \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct {
    const char *text, *canonical, *familiar;
} good[] = {
    { "alpine", "docker.io/library/alpine:latest", "alpine:latest" },
    { "alpine:3.19", "docker.io/library/alpine:3.19", "alpine:3.19" },
    { "library/alpine", "docker.io/library/alpine:latest", "alpine:latest" },
    { "docker.io/alpine", "docker.io/library/alpine:latest", "alpine:latest" },
    { "docker.io/library/alpine", "docker.io/library/alpine:latest", "alpine:latest" },
    { "index." IMAGE_REF_DEFAULT_DOMAIN "/alpine", "docker.io/library/alpine:latest",
            "alpine:latest" },
    { "user/repo", "docker.io/user/repo:latest", "user/repo:latest" },
    { "a/b/c:x", "docker.io/a/b/c:x", "a/b/c:x" },
    { "localhost/x", "localhost/x:latest", "localhost/x:latest" },
    { "localhost:5000/x", "localhost:5000/x:latest", "localhost:5000/x:latest" },
    { "127.0.0.1:5000/x/y:1", "127.0.0.1:5000/x/y:1", "127.0.0.1:5000/x/y:1" },
    { "[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest" },
    { "example.com/x", "example.com/x:latest", "example.com/x:latest" },
    { "Host/x", "Host/x:latest", "Host/x:latest" },
    { "x@sha256:" HEX64, "docker.io/library/x@sha256:" HEX64, "x@sha256:" HEX64 },
    { "x:1@sha256:" HEX64, "docker.io/library/x:1@sha256:" HEX64, "x:1@sha256:" HEX64 },
    { "a__b/c.d-e--f", "docker.io/a__b/c.d-e--f:latest", "a__b/c.d-e--f:latest" },
    { "x:" LONG128, "docker.io/library/x:" LONG128, "x:" LONG128 },
    { "x:_T.a-g", "docker.io/library/x:_T.a-g", "x:_T.a-g" },
};

static void references_are_completed_as_docker_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
        auto_error struct error *err = NULL;

        assert_int_equal(image_ref_parse(good[i].text, &ref, &err), 0);

        auto_free char *canonical = image_ref_canonical(&ref);

        assert_string_equal(canonical, good[i].canonical);
        assert_string_equal(image_ref_familiar(canonical), good[i].familiar);
    }
}

static void the_familiar_form_means_the_same_reference(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;

        assert_int_equal(image_ref_parse(good[i].familiar, &ref, NULL), 0);

        auto_free char *canonical = image_ref_canonical(&ref);

        assert_string_equal(canonical, good[i].canonical);
    }
}

static void what_is_no_reference_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        ":",
        "/",
        "x:",
        ":x",
        "x@",
        "@x",
        "x@sha256:12",
        "x@md5:" HEX64,
        "x/",
        "/x",
        "x//y",
        "x:a b",
        "x y",
        "-x",
        "x-",
        "x..y",
        "x___y",
        "x/.y",
        "../x",
        "x/../y",
        "x:.a",
        "x:-a",
        "x:" LONG128 "b",
        HEX64,
        "sha256:" HEX64,
        "http://x/y",
        "example.com:port/x",
        "example.com:/x",
        "exa_mple.com/x",
        "x\ny",
        "x?y",
        "x#y",
        "\xc3\xbc",
        "example..com/x",
        "-example.com/x",
        "x@sha256:" HEX64 "00",
        "x@SHA256:" HEX64,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
        auto_error struct error *err = NULL;

        if (image_ref_parse(bad[i], &ref, &err) >= 0)
            fail_msg("\"%s\" was taken for a reference", bad[i]);
        assert_non_null(err);
        assert_null(ref.domain);
    }
}

static void capitals_are_told_in_docker_s_words(void **state)
{
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(1000);
    auto_error struct error *err = NULL;

    (void)state;
    assert_int_equal(image_ref_parse("Alpine", &ref, &err), -EINVAL);
    error_format(err, &text);
    assert_string_equal(text.data,
            "invalid reference format: repository name (library/Alpine) must be lowercase");
}

static void names_are_limited_to_255_characters(void **state)
{
    char name[300];
    size_t prefix = strlen("docker.io/library/");

    (void)state;
    for (size_t len = IMAGE_REF_NAME_MAX - prefix; len <= IMAGE_REF_NAME_MAX - prefix + 1; len++) {
        auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;

        memset(name, 'a', len);
        name[len] = 0;
        assert_int_equal(image_ref_parse(name, &ref, NULL),
                len + prefix <= IMAGE_REF_NAME_MAX ? 0 : -EINVAL);
    }
}

static void ids_are_told_from_names(void **state)
{
    (void)state;
    assert_true(image_ref_is_id(HEX64));
    assert_true(image_ref_is_id("sha256:" HEX64));
    assert_false(image_ref_is_id(HEX64 "0"));
    assert_false(image_ref_is_id("sha256:12"));
    assert_false(image_ref_is_id("alpine"));
    assert_false(image_ref_is_id(""));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_are_completed_as_docker_does),
        cmocka_unit_test(the_familiar_form_means_the_same_reference),
        cmocka_unit_test(what_is_no_reference_is_refused),
        cmocka_unit_test(capitals_are_told_in_docker_s_words),
        cmocka_unit_test(names_are_limited_to_255_characters),
        cmocka_unit_test(ids_are_told_from_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
