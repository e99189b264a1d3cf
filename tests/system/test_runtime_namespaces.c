/* User and time namespaces, joined ones in combination, and mounts whose ids are mapped. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/proc.h"
#include "engine/monitor/control.h"
#include "engine/monitor/exec.h"
#include "tests/system/box.h"

#define MAPPINGS "[{'containerID':0,'hostID':200000,'size':65536}]"

static json_t *linux_part(struct box *box)
{
    return box_member(box, "linux", NULL);
}

static void add_namespace(struct box *box, const char *quoted)
{
    json_array_append_new(box_member(box, "linux", "namespaces"), box_parse(quoted));
}

static struct box *user_box(const char *const *args)
{
    struct box *box = box_new(args);

    add_namespace(box, "{'type':'user'}");
    json_object_set_new(linux_part(box), "uidMappings", box_parse(MAPPINGS));
    json_object_set_new(linux_part(box), "gidMappings", box_parse(MAPPINGS));
    return box;
}

static void check(struct box *box, int code, const char *expected)
{
    int r = box_run(box);

    if (r != code)
        fail_msg("ended with %d: %s", r, box->out.data);
    if (!strstr(box->out.data, expected))
        fail_msg("\"%s\" is not in: %s", expected, box->out.data);
    box_free(box);
}

/* ---- user namespaces ---- */

static void root_of_a_user_namespace_is_another_user_outside(void **state)
{
    (void)state;
    check(user_box(ARGS("cat", "/proc/self/uid_map", "/proc/self/gid_map")), 0,
            "         0     200000      65536\n         0     200000      65536\n");
    check(user_box(ARGS("cat", "/proc/self/status")), 0,
            "CapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n");
    check(user_box(ARGS("cat", "/proc/self/status")), 0, "Uid:\t0\t0\t0\t0\n");
}

static void devices_of_the_host_are_bound_with_no_rights_but_theirs(void **state)
{
    (void)state;
    check(user_box(ARGS("cat", "/proc/self/mounts")), 0, " /dev/null devtmpfs rw,nosuid,noexec");
}

static void files_of_its_root_are_roots_on_disk(void **state)
{
    struct box *box = user_box(ARGS("write", "/file", "text"));
    struct stat st;

    (void)state;
    assert_int_equal(box_run(box), 0);
    assert_int_equal(stat(box_path_in(box, "c/upper/file"), &st), 0);
    assert_int_equal(st.st_uid, 0);
    box_free(box);
    check(user_box(ARGS("stat", "/etc/passwd")), 0, "100644 0:0 0 0\n");
}

static void other_users_of_the_image_are_found(void **state)
{
    struct box *box = user_box(ARGS("cat", "/proc/self/status"));

    (void)state;
    box->config.user = "app";
    assert_int_equal(box_run(box), 0);
    assert_non_null(strstr(box->out.data, "Uid:\t1000\t1000\t1000\t1000\n"));
    assert_non_null(strstr(box->out.data, "Groups:\t63 1000"));
    box_free(box);
}

static void devices_are_the_hosts_where_none_can_be_made(void **state)
{
    (void)state;
    check(user_box(ARGS("stat", "/dev/null")), 0, "20666 1:3 65534 65534\n");
    check(user_box(ARGS("write", "/dev/null", "x")), 0, "");
    check(user_box(ARGS("readlink", "/dev/stdout")), 0, "/proc/self/fd/1\n");
}

static void paths_are_hidden_there_as_well(void **state)
{
    (void)state;
    check(user_box(ARGS("cat", "/proc/timer_list")), 0, "");
    check(user_box(ARGS("write", "/proc/sys/kernel/shmmax", "1")), 1, "Read-only file system\n");
    check(user_box(ARGS("ls", "/sys/firmware")), 0, "");
}

static void sysctls_of_a_user_namespaces_network_are_set(void **state)
{
    struct box *box = user_box(ARGS("cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"));

    (void)state;
    json_object_set_new(
            linux_part(box), "sysctl", box_parse("{'net.ipv4.ip_unprivileged_port_start':'7'}"));
    check(box, 0, "7\n");
}

static void a_group_that_is_not_mapped_is_left_out_of_options(void **state)
{
    struct box *box = user_box(ARGS("exit", "0"));

    (void)state;
    json_object_set_new(linux_part(box), "gidMappings",
            box_parse("[{'containerID':0,'hostID':200000,'size':5}]"));
    check(box, 0, "");
}

static void a_terminal_belongs_to_the_user_of_the_namespace(void **state)
{
    struct box *box = user_box(ARGS("tty"));

    (void)state;
    json_object_set_new(box_member(box, "process", NULL), "terminal", json_true());
    assert_int_equal(box_run(box), 0);
    box_free(box);
}

static void volumes_keep_their_owners_unless_they_are_mapped(void **state)
{
    static const struct {
        const char *options, *expected;
    } cases[] = {
        { "'rbind'", "40755 0:0 65534 65534\n" },
        { "'rbind','idmap'", "40755 0:0 0 0\n" },
        { "'rbind','ridmap'", "40755 0:0 0 0\n" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct box *box = user_box(ARGS("stat", "/v"));

        box_make_dir(box, "volume");
        box_add_mount(box,
                arena_printf(&box->arena,
                        "{'destination':'/v','type':'bind','source':'%s/volume','options':[%s]}",
                        box->dir, cases[i].options));
        check(box, 0, cases[i].expected);
    }
}

static void run_exec(struct box *box, const char *const *argv, const char *expected)
{
    struct exec_options options = {
        .libexec_dir = LIBEXEC_DIR,
        .container_dir_fd = box->dir_fd,
        .argv = (char *const *)(uintptr_t)argv,
    };
    auto_(exec_free_p) struct exec *exec = NULL;
    char text[8192];
    size_t len = 0;
    int exit_code;

    if (exec_start(&options, &exec, &exit_code, &box->error) < 0)
        fail_msg("exec: %s", box_error_text(box));
    for (ssize_t n; (n = read(exec_stdout_fd(exec), text + len, sizeof(text) - 1 - len)) > 0;)
        len += (size_t)n;
    text[len] = 0;
    assert_int_equal(exec_wait(exec, NULL), 0);
    if (!strstr(text, expected))
        fail_msg("\"%s\" is not in: %s", expected, text);
}

static void exec_enters_the_user_namespace(void **state)
{
    struct box *box = user_box(ARGS("pause"));

    (void)state;
    box_must_start(box);
    box_wait_output(box, "ready");
    run_exec(box, ARGS("cat", "/proc/self/uid_map"), "         0     200000      65536\n");
    run_exec(box, ARGS("cat", "/proc/self/status"), "CapEff:\t00000000a80425fb\n");
    run_exec(box, ARGS("stat", "/etc/passwd"), "100644 0:0 0 0\n");
    box_free(box);
}

static void a_user_namespace_of_another_container_is_joined(void **state)
{
    static const char *const types[] = { "user", "pid", "network", "ipc", "uts" };
    static const char *const files[] = { "user", "pid", "net", "ipc", "uts" };
    struct box *first = user_box(ARGS("pause")),
               *second = box_new(ARGS("cat", "/proc/1/cmdline", "/proc/self/uid_map"));
    json_t *list = json_array();

    (void)state;
    box_must_start(first);
    box_wait_output(first, "ready");
    json_array_append_new(list, box_parse("{'type':'mount'}"));
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        json_array_append_new(
                list, json_pack("{s:s,s:o}", "type", types[i], "path",
                              json_sprintf("/proc/%d/ns/%s", (int)first->start.pid, files[i])));
    json_object_set_new(linux_part(second), "namespaces", list);
    json_object_del(second->spec, "hostname");
    second->config.network = MONITOR_NETWORK_HOST;
    assert_int_equal(box_run(second), 0);
    assert_memory_equal(second->out.data, "payload\0pause", sizeof("payload\0pause"));
    box_free(second);
    box_free(first);
}

/* ---- time ---- */

static void clocks_are_offset_in_a_time_namespace(void **state)
{
    struct box *box = box_new(ARGS("clocks", "1000000", "2000000"));

    (void)state;
    add_namespace(box, "{'type':'time'}");
    json_object_set_new(linux_part(box), "timeOffsets",
            box_parse("{'monotonic':{'secs':1000000},'boottime':{'secs':2000000,'nanosecs':5}}"));
    check(box, 0, "later\n");
}

static void exec_has_the_clocks_of_the_container(void **state)
{
    struct box *box = box_new(ARGS("pause"));
    char expected[64];

    (void)state;
    add_namespace(box, "{'type':'time'}");
    box_must_start(box);
    box_wait_output(box, "ready");
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/ns/time", (int)box->start.pid);
    ssize_t len = readlink(path, expected, sizeof(expected) - 1);
    assert_true(len > 0);
    expected[len] = 0;
    run_exec(box, ARGS("readlink", "/proc/self/ns/time"), expected);
    box_free(box);
}

static void user_and_time_namespaces_go_together(void **state)
{
    struct box *box = user_box(ARGS("cat", "/proc/self/timens_offsets"));

    (void)state;
    add_namespace(box, "{'type':'time'}");
    add_namespace(box, "{'type':'cgroup'}");
    json_object_set_new(linux_part(box), "timeOffsets", box_parse("{'boottime':{'secs':5000}}"));
    check(box, 0, "boottime         5000         0\n");
}

/* ---- paths that are wrong ---- */

static void a_path_must_be_of_its_kind_of_namespace(void **state)
{
    struct box *box = box_new(ARGS("env"));
    json_t *list = box_member(box, "linux", "namespaces");

    (void)state;
    json_array_set_new(list, 2, box_parse("{'type':'ipc','path':'/proc/self/ns/net'}"));
    assert_true(box_start(box) < 0);
    assert_string_equal(box_error_text(box), "\"/proc/self/ns/net\" is not a ipc namespace");
    box_free(box);
    box = box_new(ARGS("env"));
    list = box_member(box, "linux", "namespaces");
    json_array_set_new(list, 0, box_parse("{'type':'mount','path':'/proc/self/ns/mnt'}"));
    assert_true(box_start(box) < 0);
    assert_non_null(strstr(box_error_text(box), "is our own: a container needs another"));
    box_free(box);
}

/* ---- mounts without a user namespace ---- */

static void mappings_of_a_mount_are_its_own(void **state)
{
    struct box *box = box_new(ARGS("stat", "/v/file"));

    (void)state;
    box_make_dir(box, "volume");
    box_make_file(box, "volume/file", "");
    box_add_mount(box,
            arena_printf(&box->arena,
                    "{'destination':'/v','type':'bind','source':'%s/volume','options':['bind'],"
                    "'uidMappings':[{'containerID':0,'hostID':77,'size':1}],"
                    "'gidMappings':[{'containerID':0,'hostID':88,'size':1}]}",
                    box->dir));
    check(box, 0, "100644 0:0 77 88\n");
}

static void tmpfs_begins_with_what_it_covers(void **state)
{
    struct box *box = box_new(ARGS("cat", "/data/sub/file"));

    (void)state;
    box_make_dir(box, "layer/data/sub");
    box_make_file(box, "layer/data/sub/file", "from the image");
    assert_int_equal(chown(box_path_in(box, "layer/data/sub/file"), 12, 34), 0);
    assert_int_equal(chmod(box_path_in(box, "layer/data"), 0750), 0);
    box_add_mount(box,
            "{'destination':'/data','type':'tmpfs','source':'tmpfs','options':['tmpcopyup','size=1m']}");
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "from the image");
    box_set_args(box, ARGS("stat", "/data/sub/file"));
    box->out.len = 0;
    assert_int_equal(box_run(box), 0);
    assert_non_null(strstr(box->out.data, "100644 0:0 12 34\n"));
    box_set_args(box, ARGS("stat", "/data"));
    assert_int_equal(box_run(box), 0);
    assert_non_null(strstr(box->out.data, "40750 0:0 0 0\n"));
    box_set_args(box, ARGS("write", "/data/new", "x"));
    assert_int_equal(box_run(box), 0);
    assert_int_equal(access(box_path_in(box, "c/upper/data/new"), F_OK), -1);
    box_free(box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(root_of_a_user_namespace_is_another_user_outside),
        cmocka_unit_test(devices_of_the_host_are_bound_with_no_rights_but_theirs),
        cmocka_unit_test(files_of_its_root_are_roots_on_disk),
        cmocka_unit_test(other_users_of_the_image_are_found),
        cmocka_unit_test(devices_are_the_hosts_where_none_can_be_made),
        cmocka_unit_test(paths_are_hidden_there_as_well),
        cmocka_unit_test(sysctls_of_a_user_namespaces_network_are_set),
        cmocka_unit_test(a_group_that_is_not_mapped_is_left_out_of_options),
        cmocka_unit_test(a_terminal_belongs_to_the_user_of_the_namespace),
        cmocka_unit_test(volumes_keep_their_owners_unless_they_are_mapped),
        cmocka_unit_test(exec_enters_the_user_namespace),
        cmocka_unit_test(a_user_namespace_of_another_container_is_joined),
        cmocka_unit_test(clocks_are_offset_in_a_time_namespace),
        cmocka_unit_test(exec_has_the_clocks_of_the_container),
        cmocka_unit_test(user_and_time_namespaces_go_together),
        cmocka_unit_test(a_path_must_be_of_its_kind_of_namespace),
        cmocka_unit_test(mappings_of_a_mount_are_its_own),
        cmocka_unit_test(tmpfs_begins_with_what_it_covers),
    };

    return box_main("runtime_namespaces", tests, ARRAY_LEN(tests));
}
