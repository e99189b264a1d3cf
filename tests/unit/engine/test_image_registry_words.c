/* What registries and their configuration say: challenges, credentials, manifests, platforms, URLs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "engine/image/challenge.h"
#include "engine/image/config-internal.h"
#include "engine/image/credentials.h"
#include "engine/image/http.h"
#include "engine/image/image.h"
#include "engine/image/manifest.h"

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void challenges_of_registries_are_understood(void **state)
{
    static const struct {
        const char *value;
        int scheme; /* -1: none */
        const char *realm, *service, *scope;
    } rows[] = {
        { "Bearer realm=\"https://auth.example/token\",service=\"reg\",scope=\"repository:a/b:pull,push\"",
                CHALLENGE_BEARER, "https://auth.example/token", "reg", "repository:a/b:pull,push" },
        { "bearer realm=https://x , service = y", CHALLENGE_BEARER, "https://x", "y", NULL },
        { "Bearer realm=\"a\\\"b\"", CHALLENGE_BEARER, "a\"b", NULL, NULL },
        { "Basic realm=\"r\"", CHALLENGE_BASIC, "r", NULL, NULL },
        { "BASIC", CHALLENGE_BASIC, NULL, NULL, NULL },
        { "Basic realm=\"r\", Bearer realm=\"t\"", CHALLENGE_BEARER, "t", NULL, NULL },
        { "Negotiate abcdef==, Basic realm=\"r\"", CHALLENGE_BASIC, "r", NULL, NULL },
        { "Bearer service=\"no realm\"", -1, NULL, NULL, NULL },
        { "Bearer realm=\"unclosed", -1, NULL, NULL, NULL },
        { "Digest realm=\"r\"", -1, NULL, NULL, NULL },
        { "", -1, NULL, NULL, NULL },
        { "\"\"\"", -1, NULL, NULL, NULL },
        { ",,,", -1, NULL, NULL, NULL },
        { "=", -1, NULL, NULL, NULL },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        struct challenge challenge = { 0 };
        bool found = challenge_parse(&arena, rows[i].value, &challenge);

        assert_int_equal(found, rows[i].scheme >= 0);
        if (!found)
            continue;
        assert_int_equal(challenge.scheme, rows[i].scheme);
        if (rows[i].realm)
            assert_string_equal(challenge.realm, rows[i].realm);
        if (rows[i].service)
            assert_string_equal(challenge.service, rows[i].service);
        if (rows[i].scope)
            assert_string_equal(challenge.scope, rows[i].scope);
        else
            assert_null(challenge.scope);
    }
}

static void auth_of_config_json_is_decoded_and_encoded(void **state)
{
    static const struct {
        const char *encoded, *username, *password;
    } rows[] = {
        { "dXNlcjpzZWNyZXQ=", "user", "secret" },
        { "dTpw", "u", "p" },
        { "dTpwcA==", "u", "pp" },
        { "dTpwcHA=", "u", "ppp" },
        { "dTo=", "u", "" },
        { "dTphOmI=", "u", "a:b" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        auto_(credentials_release) struct credentials credentials = CREDENTIALS_INIT;
        auto_(secret_release) struct secret basic = SECRET_INIT;

        assert_int_equal(credentials_decode_auth(rows[i].encoded, &credentials), 0);
        assert_string_equal(credentials.username, rows[i].username);
        assert_int_equal(credentials.password.len, strlen(rows[i].password));
        assert_memory_equal(credentials.password.data, rows[i].password, strlen(rows[i].password));
        credentials_basic(&credentials, &basic);
        assert_int_equal(strncmp(basic.data, "Basic ", 6), 0);
        assert_string_equal(basic.data + 6, rows[i].encoded);
    }
}

static void a_malformed_auth_is_refused(void **state)
{
    static const char *const bad[] = { "", "=", "dXNlcg==", "not base64!", "dTpw\n" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        auto_(credentials_release) struct credentials credentials = CREDENTIALS_INIT;

        assert_int_equal(credentials_decode_auth(bad[i], &credentials), -EINVAL);
    }
}

static int parse(struct arena *arena, const char *text, struct manifest *ret)
{
    auto_error struct error *err = NULL;
    int r = manifest_parse(arena, text, strlen(text), "the manifest", ret, &err);

    assert_int_equal(r < 0, err != NULL);
    return r;
}

static void manifests_and_indexes_are_read(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct manifest manifest;

    (void)state;
    assert_int_equal(parse(&arena,
                             "{\"schemaVersion\":2,\"config\":{\"digest\":\"" DIGEST
                             "\",\"size\":7},\"layers\":[{\"digest\":\"" DIGEST "\",\"size\":9}]}",
                             &manifest),
            0);
    assert_false(manifest.is_index);
    assert_int_equal(manifest.config.size_bytes, 7);
    assert_int_equal(manifest.layer_count, 1);
    assert_string_equal(manifest.layers[0].digest, DIGEST);
    assert_int_equal(
            parse(&arena,
                    "{\"manifests\":[{\"digest\":\"" DIGEST
                    "\",\"size\":9,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\","
                    "\"variant\":\"v6\"},\"annotations\":"
                    "{\"io.containerd.image.name\":\"docker.io/library/x:1\"}}]}",
                    &manifest),
            0);
    assert_true(manifest.is_index);
    assert_string_equal(manifest.entries[0].name, "docker.io/library/x:1");
    assert_string_equal(manifest.entries[0].platform.variant, "v6");
}

static void nonsense_in_place_of_a_manifest_is_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "[]",
        "null",
        "{}",
        "{\"layers\":[]}",
        "{\"config\":{},\"layers\":[]}",
        "{\"config\":{\"digest\":\"sha256:12\",\"size\":1},\"layers\":[]}",
        "{\"config\":{\"digest\":\"" DIGEST "\",\"size\":-1},\"layers\":[]}",
        "{\"config\":{\"digest\":\"" DIGEST "\"},\"layers\":[]}",
        "{\"config\":{\"digest\":\"" DIGEST "\",\"size\":\"1\"},\"layers\":[]}",
        "{\"config\":{\"digest\":\"" DIGEST "\",\"size\":1},\"layers\":{}}",
        "{\"config\":{\"digest\":\"" DIGEST "\",\"size\":1},\"layers\":[1]}",
        "{\"config\":{\"digest\":\"" DIGEST "\",\"size\":99999999},\"layers\":[]}",
        "{\"config\":{\"digest\":\"" DIGEST
        "\",\"size\":1,\"mediaType\":\"x/helm\"},\"layers\":[]}",
        "{\"manifests\":[],\"layers\":[]}",
        "{\"manifests\":{}}",
        "{\"schemaVersion\":1}",
        "{\"manifests\":[{\"digest\":\"" DIGEST "\",\"size\":1,\"platform\":7}]}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        struct manifest manifest;

        if (parse(&arena, bad[i], &manifest) >= 0)
            fail_msg("taken for a manifest: %s", bad[i]);
    }
}

static void the_best_platform_is_chosen(void **state)
{
    /* Each entry has its own size, which is how the test knows it. */
    static const char text[] =
            "{\"manifests\":["
            "{\"digest\":\"" DIGEST
            "\",\"size\":1,\"platform\":{\"os\":\"unknown\",\"architecture\":\"unknown\"}},"
            "{\"digest\":\"" DIGEST
            "\",\"size\":2,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v5\"}},"
            "{\"digest\":\"" DIGEST
            "\",\"size\":3,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v6\"}},"
            "{\"digest\":\"" DIGEST
            "\",\"size\":4,\"platform\":{\"os\":\"linux\",\"architecture\":\"amd64\"}},"
            "{\"digest\":\"" DIGEST
            "\",\"size\":5,\"platform\":{\"os\":\"linux\",\"architecture\":\"arm64\",\"variant\":\"v8\"}},"
            "{\"digest\":\"" DIGEST
            "\",\"size\":6,\"platform\":{\"os\":\"windows\",\"architecture\":\"amd64\"}}]}";
    static const struct {
        const char *platform;
        uint64_t chosen; /* 0: none */
    } rows[] = {
        { "linux/amd64", 4 },
        { "amd64", 4 },
        { "linux/x86_64", 4 },
        { "linux/amd64/v3", 4 },
        { "linux/arm64", 5 },
        { "linux/arm64/v8", 5 },
        { "aarch64", 5 },
        { "linux/arm/v7", 3 },
        { "linux/arm/v6", 3 },
        { "linux/arm/v5", 2 },
        { "linux/arm/5", 2 },
        { "linux/arm", 3 },
        { "windows/amd64", 6 },
        { "linux/s390x", 0 },
        { "linux/mips", 0 },
        { "unknown/unknown", 0 },
    };
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct manifest index;

    (void)state;
    assert_int_equal(parse(&arena, text, &index), 0);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct descriptor *chosen = NULL;
        struct image_platform platform;
        auto_error struct error *err = NULL;

        assert_int_equal(image_platform_parse(&arena, rows[i].platform, &platform, &err), 0);
        assert_int_equal(
                manifest_choose(&index, &platform, &chosen, &err), rows[i].chosen ? 0 : -ENOENT);
        if (rows[i].chosen)
            assert_int_equal(chosen->size_bytes, rows[i].chosen);
    }
}

static void malformed_platforms_are_refused(void **state)
{
    static const char *const bad[] = { "/", "linux/", "/amd64", "linux//v7", "a/b/c/d" };
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct image_platform platform;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(image_platform_parse(&arena, bad[i], &platform, NULL), -EINVAL);
}

static void loopback_hosts_are_those_that_stay_on_the_machine(void **state)
{
    (void)state;
    assert_true(http_host_is_loopback("localhost"));
    assert_true(http_host_is_loopback("127.0.0.1"));
    assert_true(http_host_is_loopback("127.1.2.3"));
    assert_true(http_host_is_loopback("::1"));
    assert_false(http_host_is_loopback("127.0.0.1.example.com"));
    assert_false(http_host_is_loopback("127.0.0"));
    assert_false(http_host_is_loopback("128.0.0.1"));
    assert_false(http_host_is_loopback("localhost.example.com"));
    assert_false(http_host_is_loopback(""));
}

static void urls_are_taken_apart(void **state)
{
    struct http_url a = { 0 }, b = { 0 };

    (void)state;
    assert_int_equal(http_url_parse("https://Example.com/x", &a, NULL), 0);
    assert_string_equal(a.host, "example.com");
    assert_int_equal(a.port, 443);
    assert_int_equal(http_url_parse("https://example.com:443/y?z", &b, NULL), 0);
    assert_true(http_url_same_origin(&a, &b));
    http_url_release(&b);
    assert_int_equal(http_url_parse("https://example.com:444/", &b, NULL), 0);
    assert_false(http_url_same_origin(&a, &b));
    http_url_release(&b);
    assert_int_equal(http_url_parse("http://[::1]:5000/", &b, NULL), 0);
    assert_string_equal(b.host, "::1");
    http_url_release(&a);
    http_url_release(&b);
    assert_true(http_url_parse("file:///etc/passwd", &a, NULL) < 0);
    assert_true(http_url_parse("ftp://x/", &a, NULL) < 0);
    assert_true(http_url_parse("nothing", &a, NULL) < 0);
    assert_true(http_url_parse("", &a, NULL) < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(challenges_of_registries_are_understood),
        cmocka_unit_test(auth_of_config_json_is_decoded_and_encoded),
        cmocka_unit_test(a_malformed_auth_is_refused),
        cmocka_unit_test(manifests_and_indexes_are_read),
        cmocka_unit_test(nonsense_in_place_of_a_manifest_is_refused),
        cmocka_unit_test(the_best_platform_is_chosen),
        cmocka_unit_test(malformed_platforms_are_refused),
        cmocka_unit_test(loopback_hosts_are_those_that_stay_on_the_machine),
        cmocka_unit_test(urls_are_taken_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
