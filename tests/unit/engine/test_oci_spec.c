/* What a container's configuration becomes as an OCI configuration. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "engine/container/oci-spec.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/spec.h"

#define ALL_CAPS UINT64_C(0x1ffffffffff)
#define CAP(name) (UINT64_C(1) << capability_parse(str_from(name)))

static char *const command[] = { (char *)"true", NULL };

static struct container container_with(void)
{
    return (struct container){
        .id = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        .name = "x",
        .config = { .cmd = (char **)command, .stop_timeout_sec = CONTAINER_STOP_TIMEOUT_UNSET },
    };
}

static int build(const struct container *c, const struct oci_mount_source *mounts, json_t **ret,
        struct error **err)
{
    struct oci_spec_input input = {
        .container = c,
        .hostname = "web",
        .container_dir = "/root/containers/x",
        .names_dir = "/root/containers/x",
        .cgroup_path = "/berth/x",
        .capabilities = oci_spec_capabilities(&c->config, ALL_CAPS),
        .has_swap_accounting = true,
        .thermal_cpus = 2,
        .mounts = mounts,
    };

    return oci_spec_build(&input, ret, err);
}

static json_t *mount_at(const json_t *spec, const char *destination)
{
    json_t *mounts = json_object_get(spec, "mounts");

    for (size_t i = 0; i < json_array_size(mounts); i++) {
        json_t *mount = json_array_get(mounts, i);

        if (strcmp(jsonx_string(mount, "destination"), destination) == 0)
            return mount;
    }
    return NULL;
}

static bool list_has(const json_t *list, const char *text)
{
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strcmp(json_string_value(json_array_get(list, i)), text) == 0)
            return true;
    return false;
}

static bool mount_has(const json_t *spec, const char *destination, const char *option)
{
    return list_has(json_object_get(mount_at(spec, destination), "options"), option);
}

static void a_default_container_is_dockers(void **state)
{
    struct container c = container_with();
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *spec = NULL;
    struct runtime_spec *parsed = NULL;

    (void)state;
    assert_int_equal(build(&c, NULL, &spec, NULL), 0);
    assert_int_equal(runtime_spec_parse(&arena, spec, &parsed, NULL), 0);
    assert_int_equal(parsed->process.capabilities.bounding, 0xa80425fb);
    assert_int_equal(parsed->process.capabilities.effective, 0xa80425fb);
    assert_int_equal(parsed->process.capabilities.inheritable, 0);
    assert_int_equal(parsed->process.capabilities.ambient, 0);
    assert_false(parsed->process.no_new_privileges);
    assert_string_equal(parsed->process.env[0],
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    assert_string_equal(parsed->process.env[1], "HOSTNAME=web");
    assert_null(parsed->process.env[2]);
    assert_true(mount_has(spec, "/sys", "ro"));
    assert_true(mount_has(spec, "/dev/shm", "size=67108864"));
    assert_false(mount_has(spec, "/etc/hosts", "ro"));
    assert_int_equal(parsed->namespaces[NAMESPACE_CGROUP].mode, NAMESPACE_HOST);
    assert_int_equal(parsed->namespaces[NAMESPACE_NETWORK].mode, NAMESPACE_PRIVATE);
    assert_int_equal(parsed->sysctl_count, 2);
    assert_true(list_has(json_object_get(json_object_get(spec, "linux"), "maskedPaths"),
            "/sys/devices/system/cpu/cpu1/thermal_throttle"));
}

static void variables_replace_those_before_them(void **state)
{
    char *env[] = { (char *)"PATH=/x", (char *)"A=1", (char *)"HOSTNAME", NULL };
    struct container c = container_with();
    auto_json json_t *spec = NULL;

    (void)state;
    c.config.env = env;
    c.config.tty = true;
    assert_int_equal(build(&c, NULL, &spec, NULL), 0);
    auto_free char *text = jsonx_dump(json_object_get(json_object_get(spec, "process"), "env"));
    assert_string_equal(text, "[\"PATH=/x\",\"TERM=xterm\",\"A=1\"]");
}

static void capabilities_follow_adds_and_drops(void **state)
{
    static const struct {
        const char *add[3], *drop[3];
        uint64_t expected;
    } cases[] = {
        { { NULL }, { NULL }, 0xa80425fb },
        { { NULL }, { "ALL" }, 0 },
        { { "NET_ADMIN" }, { "all" }, UINT64_C(1) << 12 },
        { { "cap_sys_admin" }, { "CAP_CHOWN" }, (0xa80425fb & ~1) | UINT64_C(1) << 21 },
        { { "ALL" }, { "SYS_ADMIN" }, ALL_CAPS & ~(UINT64_C(1) << 21) },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct container_config config = { .cap_add = (char **)cases[i].add,
            .cap_drop = (char **)cases[i].drop };

        assert_int_equal(oci_spec_capabilities(&config, ALL_CAPS), cases[i].expected);
    }
}

static void nothing_is_asked_for_that_the_engine_lacks(void **state)
{
    struct container_config config = { .privileged = true };

    (void)state;
    assert_int_equal(oci_spec_capabilities(&config, 0xff), 0xff);
}

static void mounts_are_ordered_by_depth_and_replace_defaults(void **state)
{
    struct container_mount mounts[] = {
        { .type = CONTAINER_MOUNT_BIND, .source = "/c", .target = "/a/b/c", .read_only = true },
        { .type = CONTAINER_MOUNT_VOLUME, .source = "v", .target = "/a" },
        { .type = CONTAINER_MOUNT_TMPFS,
                .target = "/dev/shm",
                .tmpfs_mode = -1,
                .tmpfs_options = "size=1m,exec" },
    };
    struct oci_mount_source sources[] = { { .source = "/c" }, { .source = "/v/_data" }, { 0 } };
    struct container c = container_with();
    auto_json json_t *spec = NULL;

    (void)state;
    c.config.mounts = (struct container_mounts){ mounts, 3, 3 };
    assert_int_equal(build(&c, sources, &spec, NULL), 0);
    json_t *list = json_object_get(spec, "mounts");
    size_t n = json_array_size(list);
    assert_string_equal(jsonx_string(json_array_get(list, n - 1), "destination"), "/a/b/c");
    assert_string_equal(jsonx_string(json_array_get(list, n - 2), "destination"), "/dev/shm");
    assert_string_equal(jsonx_string(json_array_get(list, n - 3), "destination"), "/a");
    assert_string_equal(jsonx_string(json_array_get(list, n - 3), "source"), "/v/_data");
    assert_true(mount_has(spec, "/a/b/c", "rro"));
    assert_true(mount_has(spec, "/dev/shm", "exec"));
    assert_string_equal(jsonx_string(mount_at(spec, "/dev/shm"), "source"), "tmpfs");
}

static void limits_are_in_the_resources(void **state)
{
    struct container c = container_with();
    auto_json json_t *spec = NULL;

    (void)state;
    c.config.memory_bytes = 64 << 20;
    c.config.nano_cpus = 1500000000;
    c.config.pids_limit = 20;
    assert_int_equal(build(&c, NULL, &spec, NULL), 0);
    json_t *resources = json_object_get(json_object_get(spec, "linux"), "resources");
    assert_int_equal(jsonx_int(json_object_get(resources, "memory"), "limit", 0), 64 << 20);
    assert_int_equal(jsonx_int(json_object_get(resources, "memory"), "swap", 0), 128 << 20);
    assert_int_equal(jsonx_int(json_object_get(resources, "cpu"), "quota", 0), 150000);
    assert_int_equal(jsonx_int(json_object_get(resources, "cpu"), "period", 0), 100000);
    assert_int_equal(jsonx_int(json_object_get(resources, "pids"), "limit", 0), 20);
}

static void privileged_hides_nothing_and_opens_all_devices(void **state)
{
    struct container c = container_with();
    auto_json json_t *spec = NULL;

    (void)state;
    c.config.privileged = true;
    assert_int_equal(build(&c, NULL, &spec, NULL), 0);
    json_t *part = json_object_get(spec, "linux");
    assert_int_equal(json_array_size(json_object_get(part, "maskedPaths")), 0);
    assert_int_equal(json_array_size(json_object_get(part, "readonlyPaths")), 0);
    assert_false(mount_has(spec, "/sys", "ro"));
    json_t *rules = json_object_get(json_object_get(part, "resources"), "devices");
    assert_int_equal(json_array_size(rules), 1);
    assert_true(jsonx_bool(json_array_get(rules, 0), "allow", false));
}

static void device_rules_of_another_form_are_refused(void **state)
{
    static const char *const bad[] = { "c 1:3", "x 1:3 rwm", "c 1 rwm", "c 1:3 rwmx", "c a:b r" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char *rules[] = { (char *)bad[i], NULL };
        struct container c = container_with();
        auto_json json_t *spec = NULL;

        c.config.device_cgroup_rules = rules;
        assert_int_equal(build(&c, NULL, &spec, NULL), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_default_container_is_dockers),
        cmocka_unit_test(variables_replace_those_before_them),
        cmocka_unit_test(capabilities_follow_adds_and_drops),
        cmocka_unit_test(nothing_is_asked_for_that_the_engine_lacks),
        cmocka_unit_test(mounts_are_ordered_by_depth_and_replace_defaults),
        cmocka_unit_test(limits_are_in_the_resources),
        cmocka_unit_test(privileged_hides_nothing_and_opens_all_devices),
        cmocka_unit_test(device_rules_of_another_form_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
