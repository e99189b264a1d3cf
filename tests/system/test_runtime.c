/* Containers from bundles, without images, state or networks: each promise of the runtime, looked
 * at from inside by payload.c. Their files are in test_runtime_files.c. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/monitor/control.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/seccomp.h"
#include "tests/system/box.h"

/* ---- what a container is ---- */

static void exit_code_and_output_reach_the_client(void **state)
{
    (void)state;
    box_check_output(ARGS("exit", "42"), 42, "");
    box_check_output(ARGS("echo", "hello", "world"), 0, "hello world\n");
    struct box *box = box_new(ARGS("error", "oops"));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "");
    assert_string_equal(box->err.data, "oops\n");
    box_free(box);
}

static void capabilities_are_dockers_fourteen(void **state)
{
    (void)state;
    box_check_contains(ARGS("cat", "/proc/self/status"),
            "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\n"
            "CapBnd:\t00000000a80425fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\n");
}

static void another_user_has_no_capabilities_and_his_groups(void **state)
{
    struct box *box = box_new(ARGS("cat", "/proc/self/status"));

    (void)state;
    box->config.user = "app";
    assert_int_equal(box_run(box), 0);
    assert_non_null(
            strstr(box->out.data, "Uid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\n"));
    assert_non_null(strstr(box->out.data, "Groups:\t63 1000"));
    assert_non_null(strstr(box->out.data,
            "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t00000000a80425fb\n"));
    box_free(box);
    box = box_new(ARGS("env"));
    box->config.user = "app";
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "PATH=/usr/bin:/bin\nNAME=value\nHOME=/home/app\n");
    box_free(box);
}

static void unknown_user_is_named_with_code_128(void **state)
{
    struct box *box = box_new(ARGS("env"));

    (void)state;
    box->config.user = "nobody:app";
    assert_true(box_start(box) < 0);
    assert_int_equal(box->start.exit_code, 128);
    assert_string_equal(
            box_error_text(box), "unable to find user nobody: no matching entries in passwd file");
    box_free(box);
}

static void a_capability_outside_our_own_set_is_left_out(void **state)
{
    struct box *box = box_new(ARGS("cat", "/proc/self/status"));
    char expected[64];

    (void)state;
    box_set_capabilities(box, (UINT64_C(1) << 41) - 1);
    assert_int_equal(box_run(box), 0);
    snprintf(expected, sizeof(expected), "CapBnd:\t%016llx\n",
            (unsigned long long)capability_own_bounding_set());
    assert_non_null(strstr(box->out.data, expected));
    box_free(box);
}

static void no_new_privileges_is_set_when_asked_for(void **state)
{
    struct box *box = box_new(ARGS("cat", "/proc/self/status"));

    (void)state;
    json_object_set_new(box_member(box, "process", NULL), "noNewPrivileges", json_true());
    assert_int_equal(box_run(box), 0);
    assert_non_null(strstr(box->out.data, "NoNewPrivs:\t1\n"));
    box_free(box);
}

static void seccomp_filters_in_mode_2_with_and_without_no_new_privileges(void **state)
{
    (void)state;
    for (int nnp = 0; nnp <= 1; nnp++) {
        struct box *box = box_new(ARGS("cat", "/proc/self/status"));

        box_use_default_seccomp(box);
        if (nnp)
            json_object_set_new(box_member(box, "process", NULL), "noNewPrivileges", json_true());
        box->config.user = "app"; /* its uid change must not cost the right to load the filter */
        assert_int_equal(box_run(box), 0);
        assert_non_null(strstr(box->out.data, "Seccomp:\t2\n"));
        assert_non_null(strstr(box->out.data, "CapEff:\t0000000000000000\n"));
        box_free(box);
    }
}

static void seccomp_refuses_with_eperm_and_unknown_calls_with_enosys(void **state)
{
    static const struct {
        const char *nr, *code;
    } calls[] = {
        { "248", "1\n" },   /* add_key: EPERM */
        { "9999", "38\n" }, /* newer than the profile: ENOSYS */
        { "435", "38\n" },  /* clone3: ENOSYS by the profile */
    };

    (void)state;
#ifndef __x86_64__
    skip();
#endif
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        struct box *box = box_new(ARGS("syscall", calls[i].nr));

        box_use_default_seccomp(box);
        assert_int_equal(box_run(box), 1);
        assert_string_equal(box->out.data, calls[i].code);
        box_free(box);
    }
}

static void only_the_standard_streams_are_open(void **state)
{
    (void)state;
    box_check_output(ARGS("fds"), 0, "0 1 2 \n");
}

static void standard_input_is_the_null_device_unless_open(void **state)
{
    (void)state;
    box_check_output(ARGS("copy"), 0, "");
    box_check_output(ARGS("readlink", "/proc/self/fd/0"), 0, "/dev/null\n");
}

static void open_standard_input_is_forwarded_to_its_end(void **state)
{
    struct box *box = box_new(ARGS("copy"));
    char chunk[30000];
    size_t sent = 0;

    (void)state;
    box->config.open_stdin = true;
    box->config.stdin_once = true;
    memset(chunk, 'y', sizeof(chunk));
    box_must_start(box);
    /* More than all buffers on the way hold at once. */
    while (sent < 1000000) {
        ssize_t len = control_send_stdin(box->control, chunk, sizeof(chunk), NULL);

        assert_true(len >= 0);
        sent += (size_t)len;
        struct pollfd ready = { .fd = control_fd(box->control),
            .events = POLLIN | (len == 0 ? POLLOUT : 0) };
        if (poll(&ready, 1, len == 0 ? -1 : 0) > 0 && (ready.revents & POLLIN))
            box_take_event(box);
    }
    assert_int_equal(control_close_stdin(box->control, NULL), 0);
    assert_int_equal(box_wait(box), 0);
    assert_int_equal(box->out.len, sent);
    box_free(box);
}

static void hostname_cwd_and_environment_are_as_configured(void **state)
{
    struct box *box = box_new(ARGS("cwd"));

    (void)state;
    json_object_set_new(box_member(box, "process", NULL), "cwd", json_string("/work/deep"));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "/work/deep\n");
    box_free(box);
    box_check_output(ARGS("cat", "/proc/sys/kernel/hostname"), 0, "box\n");
    box_check_output(ARGS("env"), 0, "PATH=/usr/bin:/bin\nNAME=value\nHOME=/root\n");
}

static void cgroup_namespace_is_the_hosts_and_the_group_our_own(void **state)
{
    struct box *box = box_new(ARGS("cat", "/proc/self/cgroup"));

    (void)state;
    assert_int_equal(box_run(box), 0);
    assert_non_null(strstr(box->out.data, box->config.cgroup_path));
    box_free(box);
    box = box_new(ARGS("cat", "/proc/self/cgroup"));
    json_array_append_new(box_member(box, "linux", "namespaces"), box_parse("{'type':'cgroup'}"));
    assert_int_equal(box_run(box), 0);
    assert_null(strstr(box->out.data, box->config.cgroup_path));
    box_free(box);
}

static void pid_1_sees_no_process_of_the_host(void **state)
{
    (void)state;
    box_check_output(ARGS("readlink", "/proc/self"), 0, "1\n");
}

/* ---- starting fails in order ---- */

static void missing_program_is_127_and_a_directory_126(void **state)
{
    static const struct {
        const char *program;
        int code;
        const char *text;
    } cases[] = {
        { "nothing", 127, "exec: \"nothing\": executable file not found in $PATH" },
        { "/nothing", 127, "exec /nothing: no such file or directory" },
        { "/etc", 126, "exec: \"/etc\": is a directory" },
        { "/etc/passwd", 126, "exec /etc/passwd: permission denied" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct box *box = box_new((const char *const[]){ cases[i].program, NULL });

        assert_true(box_start(box) < 0);
        assert_string_equal(box_error_text(box), cases[i].text);
        assert_int_equal(box->start.exit_code, cases[i].code);
        box_free(box);
    }
}

static void a_limit_above_the_hard_one_is_refused_by_name(void **state)
{
    struct box *box = box_new(ARGS("rlimit"));

    (void)state;
    json_object_set_new(box_member(box, "process", NULL), "rlimits",
            box_parse("[{'type':'RLIMIT_NOFILE','soft':100,'hard':200}]"));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "100 200\n");
    box_free(box);
}

/* ---- limits ---- */

/* Skips, with the reason, where the machine's control groups cannot do it. */
static void need_controllers(unsigned controllers)
{
    struct cgroup_support support;

    assert_int_equal(cgroup_probe(&support, NULL), 0);
    if ((support.controllers & controllers) == controllers)
        return;
    print_message("a controller that this test limits by is not available here\n");
    skip();
}

static json_t *resources(struct box *box)
{
    return box_member(box, "linux", "resources");
}

static void limit_of_processes_bites(void **state)
{
    struct box *box;

    (void)state;
    need_controllers(1u << CGROUP_PIDS);
    box = box_new(ARGS("forks", "50"));
    json_object_set_new(resources(box), "pids", box_parse("{'limit':10}"));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "9\n");
    box_free(box);
}

static void want_of_memory_kills_and_is_told(void **state)
{
    struct box *box;

    (void)state;
    need_controllers(1u << CGROUP_MEMORY);
    box = box_new(ARGS("eat", "134217728"));
    json_object_set_new(resources(box), "memory", box_parse("{'limit':33554432,'swap':33554432}"));
    assert_int_equal(box_run(box), 137);
    assert_true(box->state->oom_killed);
    box_free(box);
}

/* A loop that never waits, with a hundredth of a processor: the kernel counts how often it held it
 * back. */
static void quota_of_processor_time_bites(void **state)
{
    struct cgroup cgroup = CGROUP_INIT;
    struct box *box;
    bool throttled = false;
    char text[512];

    (void)state;
    need_controllers(1u << CGROUP_CPU);
    box = box_new(ARGS("flood"));
    json_object_set_new(resources(box), "cpu", box_parse("{'quota':1000,'period':100000}"));
    box_must_start(box);
    assert_int_equal(cgroup_open(&cgroup, box->config.cgroup_path, NULL), 1);
    while (!throttled) {
        assert_true(box_take_event(box)); /* it prints without end, as far as it is let */
        box->out.len = 0;
        for (size_t i = 0; i < cgroup.count; i++) {
            const char *found = NULL;

            if ((cgroup.hierarchies[i].controllers & (1u << CGROUP_CPU)) &&
                    fs_read_small(cgroup.hierarchies[i].fd, "cpu.stat", text, sizeof(text)) > 0)
                found = strstr(text, "nr_throttled ");
            throttled |= found && found[strlen("nr_throttled ")] != '0';
        }
    }
    cgroup_release(&cgroup);
    box_free(box);
}

static void limits_are_what_the_kernel_says(void **state)
{
    struct cgroup cgroup = CGROUP_INIT;
    struct box *box;
    char text[64];

    (void)state;
    need_controllers(1u << CGROUP_MEMORY | 1u << CGROUP_CPU);
    box = box_new(ARGS("pause"));
    json_object_set_new(resources(box), "memory", box_parse("{'limit':67108864}"));
    json_object_set_new(
            resources(box), "cpu", box_parse("{'quota':50000,'period':100000,'shares':512}"));
    box_must_start(box);
    box_wait_output(box, "ready");
    assert_int_equal(cgroup_open(&cgroup, box->config.cgroup_path, NULL), 1);
    for (size_t i = 0; i < cgroup.count; i++) {
        const struct cgroup_hierarchy *h = &cgroup.hierarchies[i];

        if (h->controllers & (1u << CGROUP_MEMORY)) {
            assert_true(
                    fs_read_small(h->fd, cgroup.unified ? "memory.max" : "memory.limit_in_bytes",
                            text, sizeof(text)) > 0);
            assert_string_equal(text, "67108864");
        }
        if (h->controllers & (1u << CGROUP_CPU)) {
            assert_true(fs_read_small(h->fd, cgroup.unified ? "cpu.max" : "cpu.cfs_quota_us", text,
                                sizeof(text)) > 0);
            assert_string_equal(text, cgroup.unified ? "50000 100000" : "50000");
        }
    }
    cgroup_release(&cgroup);
    box_free(box);
}

/* ---- namespaces, sysctls, devices ---- */

static void namespaces_of_another_container_are_joined(void **state)
{
    static const char *const types[] = { "pid", "network", "ipc" };
    static const char *const files[] = { "pid", "net", "ipc" };
    struct box *first = box_new(ARGS("pause")), *second = box_new(ARGS("cat", "/proc/1/cmdline"));
    json_t *list = json_array();

    (void)state;
    box_must_start(first);
    box_wait_output(first, "ready");
    json_array_append_new(list, box_parse("{'type':'mount'}"));
    json_array_append_new(list, box_parse("{'type':'uts'}"));
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        json_array_append_new(
                list, json_pack("{s:s,s:o}", "type", types[i], "path",
                              json_sprintf("/proc/%d/ns/%s", (int)first->start.pid, files[i])));
    json_object_set_new(box_member(second, "linux", NULL), "namespaces", list);
    second->config.network = MONITOR_NETWORK_HOST; /* the specification says it */
    assert_int_equal(box_run(second), 0);
    assert_memory_equal(second->out.data, "payload\0pause", sizeof("payload\0pause"));
    box_free(second);
    /* The other one has noticed nothing. */
    assert_int_equal(control_kill(first->control, SIGKILL, NULL), 0);
    assert_int_equal(box_wait(first), 137);
    box_free(first);
}

static void sysctls_of_own_namespaces_are_set(void **state)
{
    struct box *box = box_new(ARGS(
            "cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start", "/proc/sys/kernel/shmmni"));

    (void)state;
    json_object_set_new(box_member(box, "linux", NULL), "sysctl",
            box_parse("{'net.ipv4.ip_unprivileged_port_start':'7','kernel.shmmni':'99'}"));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "7\n99\n");
    box_free(box);
}

static void devices_are_made_with_owner_and_mode(void **state)
{
    struct box *box = box_new(ARGS("stat", "/dev/deep/thing"));

    (void)state;
    json_object_set_new(box_member(box, "linux", NULL), "devices",
            box_parse(
                    "[{'type':'c','path':'/dev/deep/thing','major':1,'minor':5,'fileMode':416,'uid':5,'gid':6}]"));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "20640 1:5 5 6\n");
    box_free(box);
}

/* The volume is a shared mount; what is mounted below it later shows inside with rslave, and not without. */
/* ---- without newer system calls ---- */

/* Answers ENOSYS to the calls that have a fallback, for this process and all that it starts. */
static void forget_new_calls(void)
{
    static const unsigned calls[] = {
        SYS_open_tree,
        SYS_move_mount,
        SYS_mount_setattr,
        SYS_clone3,
        SYS_openat2,
        SYS_close_range,
    };
    struct sock_filter filter[2 * ARRAY_LEN(calls) + 2] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    size_t len = 1;

    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        filter[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], 0, 1);
        filter[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS);
    }
    filter[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = { .len = (unsigned short)len, .filter = filter };
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        _exit(2);
}

static void a_kernel_without_the_newer_calls_runs_containers_too(void **state)
{
    struct box *box = box_new(ARGS("write", "/v/file", "text"));

    (void)state;
    box_make_dir(box, "volume");
    box_add_mount(box,
            arena_printf(&box->arena,
                    "{'destination':'/v','type':'bind','source':'%s/volume','options':['rbind','ro']}",
                    box->dir));
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        forget_new_calls();
        if (box_start(box) < 0) {
            fprintf(stderr, "%s\n", box_error_text(box));
            _exit(3);
        }
        while (box_take_event(box))
            ;
        _exit(box->state && box->state->exit_code == 1 &&
                                strstr(box->out.data, "Read-only file system")
                        ? 0
                        : 4);
    }
    assert_int_equal(proc_wait(pid), 0);
    box_free(box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exit_code_and_output_reach_the_client),
        cmocka_unit_test(capabilities_are_dockers_fourteen),
        cmocka_unit_test(another_user_has_no_capabilities_and_his_groups),
        cmocka_unit_test(unknown_user_is_named_with_code_128),
        cmocka_unit_test(a_capability_outside_our_own_set_is_left_out),
        cmocka_unit_test(no_new_privileges_is_set_when_asked_for),
        cmocka_unit_test(seccomp_filters_in_mode_2_with_and_without_no_new_privileges),
        cmocka_unit_test(seccomp_refuses_with_eperm_and_unknown_calls_with_enosys),
        cmocka_unit_test(only_the_standard_streams_are_open),
        cmocka_unit_test(standard_input_is_the_null_device_unless_open),
        cmocka_unit_test(open_standard_input_is_forwarded_to_its_end),
        cmocka_unit_test(hostname_cwd_and_environment_are_as_configured),
        cmocka_unit_test(cgroup_namespace_is_the_hosts_and_the_group_our_own),
        cmocka_unit_test(pid_1_sees_no_process_of_the_host),
        cmocka_unit_test(missing_program_is_127_and_a_directory_126),
        cmocka_unit_test(a_limit_above_the_hard_one_is_refused_by_name),
        cmocka_unit_test(limit_of_processes_bites),
        cmocka_unit_test(want_of_memory_kills_and_is_told),
        cmocka_unit_test(quota_of_processor_time_bites),
        cmocka_unit_test(limits_are_what_the_kernel_says),
        cmocka_unit_test(namespaces_of_another_container_are_joined),
        cmocka_unit_test(sysctls_of_own_namespaces_are_set),
        cmocka_unit_test(devices_are_made_with_owner_and_mode),
        cmocka_unit_test(a_kernel_without_the_newer_calls_runs_containers_too),
    };

    return box_main("runtime", tests, ARRAY_LEN(tests));
}
