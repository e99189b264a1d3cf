#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "cli/specs.h"

static struct arena arena;

static void ports_are_read_in_all_their_forms(void **state)
{
    struct container_ports ports = { 0 };

    (void)state;
    assert_int_equal(spec_parse_publish(&arena, "80", &ports, NULL), 0);
    assert_int_equal(spec_parse_publish(&arena, "8080:80/udp", &ports, NULL), 0);
    assert_int_equal(spec_parse_publish(&arena, "127.0.0.1:8000-8001:90-91", &ports, NULL), 0);
    assert_int_equal(spec_parse_publish(&arena, "9000-9005:7", &ports, NULL), 0);
    assert_int_equal(spec_parse_publish(&arena, "[::1]::1", &ports, NULL), 0);
    assert_int_equal(ports.len, 6);
    assert_int_equal(ports.items[0].container_port, 80);
    assert_int_equal(ports.items[0].host_port, 0);
    assert_string_equal(ports.items[1].protocol, "udp");
    assert_int_equal(ports.items[1].host_port, 8080);
    assert_string_equal(ports.items[3].host_ip, "127.0.0.1");
    assert_int_equal(ports.items[3].host_port, 8001);
    assert_int_equal(ports.items[3].container_port, 91);
    assert_int_equal(ports.items[4].host_port_last, 9005);
    assert_string_equal(ports.items[5].host_ip, "::1");
    assert_int_equal(spec_parse_publish(&arena, "127.0.0.1:0:80", &ports, NULL), 0);
    assert_int_equal(spec_parse_publish(&arena, "0-1:80-81", &ports, NULL), 0);
    assert_int_equal(ports.items[6].host_port, 0);
    assert_int_equal(ports.items[7].host_port, 0); /* any one */
    assert_int_equal(ports.items[8].host_port, 1);
}

static void wrong_ports_are_refused(void **state)
{
    static const char *const wrong[] = { "", "0", "65536", "a", "80:", "1-2:3-5", "0:80-81",
        "80/icmp", "80:90:100:110x", "8080:80/tcp/udp", "5-3" };
    struct container_ports ports = { 0 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        auto_error struct error *err = NULL;

        if (spec_parse_publish(&arena, wrong[i], &ports, &err) >= 0)
            fail_msg("\"%s\" was taken", wrong[i]);
        assert_non_null(err);
    }
}

static void volumes_are_binds_names_or_anonymous(void **state)
{
    struct container_mount mount;

    (void)state;
    assert_int_equal(spec_parse_volume(&arena, "/home/u", "./x:/data:ro", &mount, NULL), 0);
    assert_int_equal(mount.type, CONTAINER_MOUNT_BIND);
    assert_string_equal(mount.source, "/home/u/x");
    assert_true(mount.read_only);
    assert_true(mount.create_host_path);
    assert_int_equal(spec_parse_volume(&arena, "/", "name:/data/:nocopy", &mount, NULL), 0);
    assert_int_equal(mount.type, CONTAINER_MOUNT_VOLUME);
    assert_string_equal(mount.source, "name");
    assert_string_equal(mount.target, "/data");
    assert_true(mount.no_copy);
    assert_int_equal(spec_parse_volume(&arena, "/", "/only", &mount, NULL), 0);
    assert_null(mount.source);
    assert_true(spec_parse_volume(&arena, "/", "x:relative", &mount, NULL) < 0);
    assert_true(spec_parse_volume(&arena, "/", "x:/", &mount, NULL) < 0);
    assert_true(spec_parse_volume(&arena, "/", "x:/y:rx", &mount, NULL) < 0);
    assert_true(spec_parse_volume(&arena, "/", ":/y", &mount, NULL) < 0);
    assert_true(spec_parse_volume(&arena, "/", "a:/b:ro:x", &mount, NULL) < 0);
}

static int parse_mount(const char *text, struct container_mount *ret)
{
    struct container_mounts mounts = { 0 };
    int r = spec_parse_mount(&arena, "/w", text, &mounts, NULL);

    if (r >= 0) {
        assert_int_equal(mounts.len, 1);
        *ret = mounts.items[0];
    }
    return r;
}

static void mounts_are_read_key_by_key(void **state)
{
    struct container_mount mount;

    (void)state;
    assert_int_equal(parse_mount("type=bind,src=a,dst=/b,readonly", &mount), 0);
    assert_string_equal(mount.source, "/w/a");
    assert_true(mount.read_only);
    assert_false(mount.create_host_path);
    assert_int_equal(parse_mount("type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700", &mount), 0);
    assert_int_equal(mount.tmpfs_size_bytes, 1u << 20);
    assert_int_equal(mount.tmpfs_mode, 0700);
    assert_int_equal(
            parse_mount(
                    "TYPE=bind,src=/a,dst=/b,ro,bind-recursive=writable,noexec,nodev,U", &mount),
            0);
    assert_true(mount.writable_below && mount.chown);
    assert_string_equal(mount.options, "noexec,nodev");
    assert_int_equal(parse_mount("type=image,source=busybox,target=/i", &mount), 0);
    assert_int_equal(mount.type, CONTAINER_MOUNT_IMAGE);
    assert_true(mount.read_only);
    assert_int_equal(
            parse_mount("type=image,source=busybox,target=/i,rw=true,subpath=a/b", &mount), 0);
    assert_false(mount.read_only);
    assert_string_equal(mount.subpath, "a/b");
    assert_int_equal(parse_mount("type=devpts,target=/dev/pts,uid=3,max=5", &mount), 0);
    assert_string_equal(mount.tmpfs_options, "uid=3,max=5");
}

static void mounts_that_make_no_sense_are_refused(void **state)
{
    static const char *const texts[] = { "type=bind,target=/x", "source=x", "target=/x,color=red",
        "type=disk,target=/x", "type=artifact,source=a,target=/x", "type=tmpfs,source=a,target=/x",
        "type=bind,src=/a,target=/", "type=image,target=/x",
        "type=bind,src=/a,target=/x,bind-recursive=readonly",
        "type=bind,src=/a,target=/x,bind-recursive=often",
        "type=bind,src=/a,target=/x,tmpfs-size=1", "type=tmpfs,target=/x,volume-nocopy",
        "type=devpts,target=/x,mode=rw", "type=bind,src=/a,target=/x,bind-propagation=odd",
        "type=bind,src=/a,target=/x,ro=often", "type=glob,src=/nowhere/*",
        "type=bind,src=/a,target=/x,noexec=true" };
    struct container_mount mount;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        assert_true(parse_mount(texts[i], &mount) < 0);
}

static void restart_policies_take_a_count_only_on_failure(void **state)
{
    enum container_restart policy;
    int64_t retries;

    (void)state;
    assert_int_equal(spec_parse_restart("on-failure:3", &policy, &retries, NULL), 0);
    assert_int_equal(policy, CONTAINER_RESTART_ON_FAILURE);
    assert_int_equal(retries, 3);
    assert_int_equal(spec_parse_restart("", &policy, &retries, NULL), 0);
    assert_int_equal(policy, CONTAINER_RESTART_NO);
    assert_true(spec_parse_restart("always:3", &policy, &retries, NULL) < 0);
    assert_true(spec_parse_restart("sometimes", &policy, &retries, NULL) < 0);
}

static void limits_and_devices_are_checked(void **state)
{
    struct container_ulimit limit;
    struct container_device device;

    (void)state;
    assert_int_equal(spec_parse_ulimit(&arena, "nofile=10:20", &limit, NULL), 0);
    assert_int_equal(limit.soft, 10);
    assert_int_equal(limit.hard, 20);
    assert_true(spec_parse_ulimit(&arena, "nofile=20:10", &limit, NULL) < 0);
    assert_true(spec_parse_ulimit(&arena, "nofile", &limit, NULL) < 0);
    assert_int_equal(spec_parse_device(&arena, "/dev/fuse", &device, NULL), 0);
    assert_string_equal(device.container_path, "/dev/fuse");
    assert_string_equal(device.permissions, "rwm");
    assert_int_equal(spec_parse_device(&arena, "/dev/a:/dev/b:r", &device, NULL), 0);
    assert_string_equal(device.container_path, "/dev/b");
    assert_string_equal(device.permissions, "r");
    assert_true(spec_parse_device(&arena, "relative", &device, NULL) < 0);
}

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

/* As a shell gives it for `--env-file <(…)`. */
static void variables_are_read_from_a_pipe(void **state)
{
    static const char text[] = "A=1\n# no\nB=2\n";
    char path[FS_FD_PATH_MAX];
    struct strings env = { 0 };
    int from = -EBADF, to = -EBADF;

    (void)state;
    assert_int_equal(fd_pipe(&from, &to), 0);
    assert_int_equal(write(to, text, strlen(text)), strlen(text));
    close(to);
    assert_int_equal(spec_read_env_file(&arena, fs_fd_path(from, path), &env, NULL), 0);
    assert_int_equal(env.len, 2);
    assert_string_equal(env.items[1], "B=2");
    close(from);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_are_read_in_all_their_forms),
        cmocka_unit_test(wrong_ports_are_refused),
        cmocka_unit_test(volumes_are_binds_names_or_anonymous),
        cmocka_unit_test(mounts_are_read_key_by_key),
        cmocka_unit_test(mounts_that_make_no_sense_are_refused),
        cmocka_unit_test(restart_policies_take_a_count_only_on_failure),
        cmocka_unit_test(limits_and_devices_are_checked),
        cmocka_unit_test(variables_are_read_from_a_pipe),
    };

    return cmocka_run_group_tests(tests, NULL, release);
}
