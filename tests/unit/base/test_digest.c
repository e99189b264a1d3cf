#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dlfcn.h>
#include <errno.h>

#include "base/digest.h"
#include "base/error.h"

#define EMPTY_SHA256 "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC_SHA256 "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC_SHA512                                                                                \
    "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba" \
    "3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static void digests_match_the_published_values(void **state)
{
    char text[DIGEST_TEXT_MAX];
    struct digest *digest = NULL;

    (void)state;
    digest_sha256("", 0, text);
    assert_string_equal(text, EMPTY_SHA256);
    digest_sha256("abc", 3, text);
    assert_string_equal(text, ABC_SHA256);
    assert_int_equal(digest_new("sha512", &digest, NULL), 0);
    digest_update(digest, "a", 1);
    digest_update(digest, "bc", 2);
    digest_finish(digest, text);
    assert_string_equal(text, ABC_SHA512);
    digest_free(digest);
    digest_free(NULL);
}

/* Every remainder of a block, so that the padding falls everywhere. */
static void what_is_digested_at_once_is_as_libcrypto_has_it(void **state)
{
    uint8_t bytes[300];

    (void)state;
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 167 + 13);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        char ours[DIGEST_TEXT_MAX], theirs[DIGEST_TEXT_MAX];
        struct digest *digest = NULL;

        assert_int_equal(digest_new("sha256", &digest, NULL), 0);
        digest_update(digest, bytes, len);
        digest_finish(digest, theirs);
        digest_free(digest);
        digest_sha256(bytes, len, ours);
        assert_string_equal(ours, theirs);
    }
}

static void texts_are_digested_without_libcrypto(void **state)
{
    char text[DIGEST_TEXT_MAX];

    (void)state;
    assert_null(dlopen("libcrypto.so.3", RTLD_NOLOAD | RTLD_NOW));
    digest_sha256("abc", 3, text);
    assert_null(dlopen("libcrypto.so.3", RTLD_NOLOAD | RTLD_NOW));
}

static void an_unknown_algorithm_is_refused_by_name(void **state)
{
    struct digest *digest = NULL;
    auto_error struct error *err = NULL;

    (void)state;
    assert_int_equal(digest_new("md5", &digest, &err), -EOPNOTSUPP);
    assert_null(digest);
    assert_string_equal(err->message, "the digest algorithm \"md5\" is not supported");
}

static void only_whole_lower_case_digests_of_known_algorithms_are_valid(void **state)
{
    static const char *const invalid[] = {
        NULL,
        "",
        ":",
        "sha256",
        "sha256:",
        "sha256:abc",
        "md5:d41d8cd98f00b204e9800998ecf8427e",
        EMPTY_SHA256 "0",
        "sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha256:E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "sha256:../c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    };

    (void)state;
    assert_true(digest_is_valid(EMPTY_SHA256));
    assert_true(digest_is_valid(ABC_SHA512));
    for (size_t i = 0; i < ARRAY_LEN(invalid); i++)
        assert_false(digest_is_valid(invalid[i]));
    assert_string_equal(digest_hex("sha256:ab"), "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_digested_without_libcrypto),
        cmocka_unit_test(what_is_digested_at_once_is_as_libcrypto_has_it),
        cmocka_unit_test(digests_match_the_published_values),
        cmocka_unit_test(an_unknown_algorithm_is_refused_by_name),
        cmocka_unit_test(only_whole_lower_case_digests_of_known_algorithms_are_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
