/* struct container_config as JSON and back. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "engine/container/config.h"

static char *words(const struct container_config *config)
{
    auto_json json_t *json = container_config_to_json(config);

    return jsonx_dump(json);
}

static void an_empty_configuration_is_an_empty_object(void **state)
{
    struct container_config config = CONTAINER_CONFIG_INIT;
    auto_free char *text = words(&config);

    (void)state;
    assert_string_equal(text, "{}");
}

static void every_kind_of_member_comes_back_as_it_was(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    char *argv[] = { (char *)"sh", (char *)"-c", (char *)"", NULL }, *none[] = { NULL };
    struct container_mount mounts[] = {
        { .type = CONTAINER_MOUNT_VOLUME,
                .source = "data",
                .target = "/data",
                .tmpfs_mode = -1,
                .no_copy = true },
        { .type = CONTAINER_MOUNT_TMPFS,
                .target = "/tmp",
                .tmpfs_size_bytes = UINT64_C(1) << 40,
                .tmpfs_mode = 01777 },
    };
    struct container_pair labels[] = { { "a", "1" }, { "b", "" } };
    struct container_port ports[] = {
        { .host_ip = "127.0.0.1", .host_port = 65535, .container_port = 80, .protocol = "tcp" }
    };
    struct container_file files[] = { { .target = "/run/secrets/x",
            .content = "hidden",
            .content_len = 6,
            .mode = 0,
            .uid = 5,
            .is_secret = true } };
    struct container_config config = CONTAINER_CONFIG_INIT, back;

    (void)state;
    config.image = "img";
    config.cmd = argv;
    config.entrypoint = none;
    config.tty = true;
    config.stop_timeout_sec = 0;
    config.memory_swap_bytes = -1;
    config.network_mode = CONTAINER_NETWORK_HOST;
    config.restart = CONTAINER_RESTART_ON_FAILURE;
    config.mounts = (struct container_mounts){ mounts, 2, 2 };
    config.labels = (struct container_pairs){ labels, 2, 2 };
    config.ports = (struct container_ports){ ports, 1, 1 };
    config.files = (struct container_files){ files, 1, 1 };
    config.has_health = true;
    config.health.retries = 7;

    auto_free char *text = words(&config);
    assert_null(strstr(text, "hidden"));
    assert_int_equal(container_config_from_text(&arena, text, &back, NULL), 0);
    auto_free char *again = words(&back);
    assert_string_equal(text, again);
    assert_non_null(back.entrypoint);
    assert_null(back.entrypoint[0]);
    assert_string_equal(back.cmd[2], "");
    assert_int_equal(back.stop_timeout_sec, 0);
    assert_int_equal(back.files.items[0].mode, 0);
    assert_int_equal(back.mounts.items[0].tmpfs_mode, -1);
    assert_int_equal(back.mounts.items[1].tmpfs_size_bytes, UINT64_C(1) << 40);
    assert_int_equal(back.ports.items[0].host_port, 65535);
    assert_int_equal(back.health.retries, 7);
    assert_string_equal(container_pairs_get(&back.labels, "b"), "");
}

static void a_member_of_a_wrong_type_is_refused_by_name(void **state)
{
    static const char *const texts[] = { "{\"tty\":1}", "{\"cmd\":\"x\"}", "{\"cmd\":[1]}",
        "{\"labels\":[]}", "{\"memory_bytes\":\"1\"}", "{\"network_mode\":\"moon\"}",
        "{\"ports\":[{\"host_port\":65536}]}", "{\"mounts\":{}}", "[]", "{\"tty\":true",
        "{\"cmd\":[", "{\"memory_bytes\":1.5}", "{} {}" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        auto_(arena_release) struct arena arena = ARENA_INIT;
        auto_error struct error *err = NULL;
        struct container_config config;

        assert_int_equal(container_config_from_text(&arena, texts[i], &config, &err), -EINVAL);
        assert_non_null(err);
    }
}

static void members_of_a_newer_version_are_passed_over(void **state)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container_config config;

    (void)state;
    assert_int_equal(
            container_config_from_text(&arena,
                    "{\"tomorrow\":{\"a\":[1,{}]},\"cmd\":null,\"tty\":true}", &config, NULL),
            0);
    assert_true(config.tty);
    assert_int_equal(config.stop_timeout_sec, CONTAINER_STOP_TIMEOUT_UNSET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_configuration_is_an_empty_object),
        cmocka_unit_test(every_kind_of_member_comes_back_as_it_was),
        cmocka_unit_test(a_member_of_a_wrong_type_is_refused_by_name),
        cmocka_unit_test(members_of_a_newer_version_are_passed_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
