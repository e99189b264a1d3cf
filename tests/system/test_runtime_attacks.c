/* Classes of published attacks on container engines, each tried in the form in which it reaches a
 * runtime: a hostile image, a hostile configuration, a hostile process beside exec. What is looked at
 * is that nothing outside of the container was read, written or left open. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/proc.h"
#include "base/str.h"
#include "engine/monitor/control.h"
#include "engine/monitor/exec.h"
#include "engine/runtime/capability.h"
#include "tests/system/box.h"

#define CAP_SYS_ADMIN_BIT (UINT64_C(1) << 21)

static json_t *process(struct box *box)
{
    return box_member(box, "process", NULL);
}

static void remove_mount(struct box *box, const char *destination)
{
    json_t *mounts = box_member(box, "mounts", NULL);

    for (size_t i = json_array_size(mounts); i > 0; i--) {
        if (string_is_equal(
                    jsonx_string(json_array_get(mounts, i - 1), "destination"), destination))
            json_array_remove(mounts, i - 1);
    }
}

static void make_link(struct box *box, const char *target, const char *name)
{
    assert_int_equal(symlink(target, box_path_in(box, name)), 0);
}

/* It either fails to start or ends; never does it print what only the host has. */
static void run_hostile(struct box *box, const char *secret)
{
    if (box_start(box) < 0)
        return;
    (void)box_wait(box);
    if (strstr(box->out.data, secret))
        fail_msg("the host shows: %s", box->out.data);
}

/* ---- the runtime's own program (CVE-2019-5736) ---- */

static pid_t parent_of(pid_t pid)
{
    char path[64], text[4096];
    struct str rest, line;
    uint32_t parent = 0;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    ssize_t len = fs_read_small(AT_FDCWD, path, text, sizeof(text));
    assert_true(len > 0);
    rest = (struct str){ text, (size_t)len };
    while (str_split_next(&rest, '\n', &line)) {
        if (str_has_prefix(line, "PPid:\t"))
            assert_int_equal(
                    parse_uint32((struct str){ line.data + 6, line.len - 6 }, INT32_MAX, &parent),
                    0);
    }
    return (pid_t)parent;
}

static void the_program_that_starts_containers_cannot_be_written(void **state)
{
    struct box *box = box_new(ARGS("pause"));
    char path[64];
    struct statvfs fs;

    (void)state;
    box_must_start(box);
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)parent_of(box->start.pid));
    auto_close int fd = open(path, O_PATH | O_CLOEXEC);
    assert_true(fd >= 0);
    auto_close int readable = open(path, O_RDONLY | O_CLOEXEC);
    int seals = fcntl(readable, F_GET_SEALS);
    assert_int_equal(fstatvfs(fd, &fs), 0);
    assert_true((fs.f_flag & ST_RDONLY) || (seals >= 0 && (seals & F_SEAL_WRITE)));
    box_free(box);
}

/* "#!/proc/self/exe" makes the kernel run whoever executes it. */
static void an_interpreter_that_is_the_runtime_itself_gains_nothing(void **state)
{
    static char *const argv[] = { (char *)(uintptr_t) "/evil", NULL };
    struct box *box = box_new(ARGS("pause"));
    auto_(exec_free_p) struct exec *exec = NULL;
    int exit_code = 0;

    (void)state;
    box_make_file(box, "layer/evil", "#!/proc/self/exe\n");
    assert_int_equal(chmod(box_path_in(box, "layer/evil"), 0755), 0);
    box_must_start(box);
    struct exec_options options = {
        .libexec_dir = LIBEXEC_DIR, .container_dir_fd = box->dir_fd, .argv = argv
    };
    if (exec_start(&options, &exec, &exit_code, &box->error) >= 0)
        exit_code = exec_wait(exec, NULL);
    assert_int_not_equal(exit_code, 0);
    box_free(box);
}

/* ---- working directories through descriptors (CVE-2024-21626) ---- */

static void no_descriptor_leads_out_as_working_directory(void **state)
{
    (void)state;
    for (int fd = 3; fd < 16; fd++) {
        struct box *box = box_new(ARGS("ls", "."));

        box_make_file(box, "secret-of-the-host", "");
        json_object_set_new(process(box), "cwd", json_sprintf("/proc/self/fd/%d", fd));
        run_hostile(box, "secret-of-the-host");
        box_free(box);
        box = box_new(ARGS("ls", "."));
        make_link(box, arena_printf(&box->arena, "/proc/self/fd/%d", fd), "layer/cwd");
        json_object_set_new(process(box), "cwd", json_string("/cwd/../../../.."));
        run_hostile(box, "secret-of-the-host");
        box_free(box);
    }
}

static void exec_does_not_take_a_descriptor_as_working_directory(void **state)
{
    static char *const argv[] = { (char *)(uintptr_t) "payload", (char *)(uintptr_t) "ls",
        (char *)(uintptr_t) ".", NULL };
    struct box *box = box_new(ARGS("pause"));

    (void)state;
    box_must_start(box);
    for (int fd = 3; fd < 16; fd++) {
        auto_(exec_free_p) struct exec *exec = NULL;
        char cwd[64], text[4096];
        int exit_code = 0;

        snprintf(cwd, sizeof(cwd), "/proc/self/fd/%d", fd);
        struct exec_options options = {
            .libexec_dir = LIBEXEC_DIR, .container_dir_fd = box->dir_fd, .argv = argv, .cwd = cwd
        };
        if (exec_start(&options, &exec, &exit_code, &box->error) < 0)
            continue;
        ssize_t len = read(exec_stdout_fd(exec), text, sizeof(text) - 1);
        text[len > 0 ? len : 0] = 0;
        (void)exec_wait(exec, NULL);
        if (strstr(text, "config.json") || strstr(text, "state.json"))
            fail_msg("descriptor %d shows the engine's files: %s", fd, text);
    }
    box_free(box);
}

/* ---- descriptors (CVE-2016-9962, CVE-2024-21626) ---- */

static void descriptors_that_we_forgot_to_close_do_not_come_along(void **state)
{
    struct box *box = box_new(ARGS("fds"));
    int leak = open("/", O_RDONLY | O_DIRECTORY); /* lint: allow cloexec: that is the attack */

    (void)state;
    assert_true(leak >= 0);
    assert_int_equal(box_run(box), 0);
    close(leak);
    assert_string_equal(box->out.data, "0 1 2 \n");
    box_free(box);
}

/* ---- links where the runtime mounts, makes devices and masks ---- */

/* CVE-2025-31133, CVE-2025-52565: without a /dev of its own the image's is filled. */
static void devices_of_the_image_are_not_believed(void **state)
{
    struct box *box = box_new(ARGS("stat", "/dev/null"));

    (void)state;
    remove_mount(box, "/dev");
    remove_mount(box, "/dev/pts");
    remove_mount(box, "/dev/mqueue");
    remove_mount(box, "/dev/shm");
    box_make_dir(box, "layer/dev");
    box_make_file(box, "layer/victim", "unharmed");
    make_link(box, "/victim", "layer/dev/null");
    make_link(box, "/proc/sysrq-trigger", "layer/dev/zero");
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "20666 1:3 0 0\n");
    assert_string_equal(box_read_file(box, box_path_in(box, "layer/victim")), "unharmed");
    /* What masks is the host's null device, whatever the image's is. */
    box_set_args(box, ARGS("stat", "/proc/timer_list"));
    assert_int_equal(box_run(box), 0);
    assert_non_null(strstr(box->out.data, "20666 1:3 0 0\n20666 1:3 0 0\n"));
    box_free(box);
}

static void a_console_that_is_a_link_is_not_followed(void **state)
{
    struct box *box = box_new(ARGS("cat", "/victim"));

    (void)state;
    remove_mount(box, "/dev");
    remove_mount(box, "/dev/mqueue");
    remove_mount(box, "/dev/shm");
    box_make_dir(box, "layer/dev/pts");
    box_make_file(box, "layer/victim", "unharmed\n");
    make_link(box, "/victim", "layer/dev/console");
    json_object_set_new(process(box), "terminal", json_true());
    if (box_start(box) >= 0) {
        assert_int_equal(box_wait(box), 0);
        assert_non_null(strstr(box->out.data, "unharmed"));
    }
    box_free(box);
}

/* CVE-2019-19921, CVE-2023-27561, CVE-2023-28642: /proc and /sys by links, so that nothing is masked. */
static void special_file_systems_are_not_mounted_through_links(void **state)
{
    static const char *const targets[] = { "/proc", "/sys" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct box *box = box_new(ARGS("pause"));

        box_make_dir(box, "layer/elsewhere");
        make_link(box, "/elsewhere", arena_printf(&box->arena, "layer%s", targets[i]));
        assert_true(box_start(box) < 0);
        assert_non_null(strstr(box_error_text(box), "must be mounted on ordinary directory"));
        box_free(box);
    }
}

/* CVE-2021-30465, CVE-2017-1002101: the target of a mount leads out of the root by links and "..". */
static void mount_targets_stay_inside_however_they_are_linked(void **state)
{
    static const char *const links[] = { "/../../../../../..", "../../../../../..", "/proc/1/root",
        "/proc/self/cwd" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        struct box *box = box_new(ARGS("exit", "0"));

        box_make_dir(box, "outside");
        box_make_dir(box, "volume");
        make_link(box, links[i], "layer/link");
        box_add_mount(box,
                arena_printf(&box->arena,
                        "{'destination':'/link%s/outside/made','type':'bind','source':'%s/volume','options':['rbind']}",
                        box->dir, box->dir));
        if (box_start(box) >= 0)
            (void)box_wait(box);
        assert_int_equal(access(box_path_in(box, "outside/made"), F_OK), -1);
        box_free(box);
    }
}

/* CVE-2021-30465, CVE-2024-45310: what was a directory of a shared volume when it was looked at is a
 * link when it is used. Given: the process that swaps them until it is killed. */
static pid_t swap_forever(const char *one, const char *other)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        for (;;)
            (void)renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
    }
    return pid;
}

static void mount_targets_stay_inside_while_they_are_swapped(void **state)
{
    struct box *volume = box_new(ARGS("exit", "0"));
    const char *outside = box_path_in(volume, "outside");

    (void)state;
    box_make_dir(volume, "outside");
    box_make_dir(volume, "shared/place");
    assert_int_equal(symlink(outside, box_path_in(volume, "shared/link")), 0);
    pid_t pid = swap_forever(
            box_path_in(volume, "shared/place"), box_path_in(volume, "shared/link"));
    for (int i = 0; i < 8; i++) {
        struct box *box = box_new(ARGS("exit", "0"));

        box_add_mount(box,
                arena_printf(&box->arena,
                        "{'destination':'/v','type':'bind','source':'%s/shared','options':['rbind']}",
                        volume->dir));
        box_add_mount(box,
                "{'destination':'/v/place/deep/made','type':'tmpfs','source':'none','options':['nodev']}");
        box_add_mount(box,
                "{'destination':'/v/place/file','type':'bind','source':'/etc/hostname','options':['bind']}");
        if (box_start(box) >= 0)
            (void)box_wait(box);
        box_free(box);
    }
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_true(proc_wait(pid) >= 0);
    assert_int_equal(rmdir(outside), 0); /* nothing was made in it */
    box_free(volume);
}

/* CVE-2019-16884, CVE-2025-52881: what the runtime writes to proc for the container goes to the
 * kernel, whatever the configuration puts there. */
static void files_in_place_of_proc_are_not_written(void **state)
{
    static const char *const files[] = { "volume/sys/net/ipv4/ip_forward",
        "volume/self/oom_score_adj", "volume/self/attr/exec" };
    struct box *box = box_new(ARGS("exit", "0"));

    (void)state;
    remove_mount(box, "/proc");
    json_object_del(box_member(box, "linux", NULL), "maskedPaths");
    json_object_del(box_member(box, "linux", NULL), "readonlyPaths");
    box_make_dir(box, "volume/sys/net/ipv4");
    box_make_dir(box, "volume/self/attr");
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        box_make_file(box, files[i], "unharmed");
    box_add_mount(
            box, arena_printf(&box->arena,
                         "{'destination':'/proc','type':'bind','source':'%s/volume'}", box->dir));
    json_object_set_new(process(box), "oomScoreAdj", json_integer(500));
    json_object_set_new(
            box_member(box, "linux", NULL), "sysctl", box_parse("{'net.ipv4.ip_forward':'1'}"));
    if (box_start(box) >= 0)
        (void)box_wait(box);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        assert_string_equal(box_read_file(box, box_path_in(box, files[i])), "unharmed");
    box_free(box);
}

static void masked_and_readonly_paths_that_are_links_hide_nothing_outside(void **state)
{
    struct box *box = box_new(ARGS("cat", "/note"));

    (void)state;
    box_make_file(box, "layer/note", "seen\n");
    make_link(box, "/../../../../../../../../etc", "layer/masked");
    json_object_set_new(
            box_member(box, "linux", NULL), "maskedPaths", box_parse("['/masked/passwd']"));
    json_object_set_new(box_member(box, "linux", NULL), "readonlyPaths", box_parse("['/masked']"));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "seen\n");
    assert_int_equal(access("/etc/passwd", R_OK), 0);
    box_set_args(box, ARGS("cat", "/etc/passwd"));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "seen\n"); /* its own is what was masked */
    box_free(box);
}

/* ---- rights ---- */

/* CVE-2022-0492: release_agent is in the root of a hierarchy alone, and that is not to be had. */
static void no_release_agent_is_within_reach(void **state)
{
    struct box *box = box_new(ARGS("write", "/sys/fs/cgroup/memory/release_agent", "/evil"));

    (void)state;
    box_set_capabilities(box, CAPABILITY_DOCKER_DEFAULT | CAP_SYS_ADMIN_BIT);
    assert_int_equal(box_run(box), 1);
    box_free(box);
    box = box_new(ARGS("write", "/sys/fs/cgroup/systemd/release_agent", "/evil"));
    box_set_capabilities(box, CAPABILITY_DOCKER_DEFAULT | CAP_SYS_ADMIN_BIT);
    assert_int_equal(box_run(box), 1);
    box_free(box);
}

/* CVE-2022-24769, CVE-2022-27649 and their kin. */
static void exec_gives_no_inheritable_or_ambient_capabilities(void **state)
{
    static char *const argv[] = { (char *)(uintptr_t) "payload", (char *)(uintptr_t) "cat",
        (char *)(uintptr_t) "/proc/self/status", NULL };
    struct box *box = box_new(ARGS("pause"));
    auto_(exec_free_p) struct exec *exec = NULL;
    char text[8192];
    size_t len = 0;
    int exit_code;

    (void)state;
    box_must_start(box);
    struct exec_options options = {
        .libexec_dir = LIBEXEC_DIR, .container_dir_fd = box->dir_fd, .argv = argv, .user = "app"
    };
    assert_int_equal(exec_start(&options, &exec, &exit_code, &box->error), 0);
    for (ssize_t n; (n = read(exec_stdout_fd(exec), text + len, sizeof(text) - 1 - len)) > 0;)
        len += (size_t)n;
    text[len] = 0;
    assert_int_equal(exec_wait(exec, NULL), 0);
    assert_non_null(strstr(text, "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"));
    assert_non_null(strstr(text, "CapAmb:\t0000000000000000\n"));
    box_free(box);
}

/* ---- configurations ---- */

static void a_configuration_reaches_no_group_or_sysctl_of_the_host(void **state)
{
    static const struct {
        const char *section, *member, *message;
    } cases[] = {
        { "sysctl", "{'kernel/core_pattern':'|/evil'}", "not in a separate kernel namespace" },
        { "sysctl", "{'net/../kernel/core_pattern':'|/evil'}", "is not a name" },
        { "sysctl", "{'kernel.core_pattern':'|/evil'}", "not in a separate kernel namespace" },
        { "sysctl", "{'net.ipv4.ip_forward\\n':'1'}", "is not a name" },
        { "cgroupsPath", "'/'", "is the root of all" },
        { "cgroupsPath", "'/../..'", "is the root of all" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct box *box = box_new(ARGS("exit", "0"));

        json_object_set_new(
                box_member(box, "linux", NULL), cases[i].section, box_parse(cases[i].member));
        assert_true(box_start(box) < 0);
        if (!strstr(box_error_text(box), cases[i].message))
            fail_msg("\"%s\" is not in: %s", cases[i].message, box_error_text(box));
        box_free(box);
    }
}

/* A FIFO or a device in place of the account files must not hold the start (CVE-2021-20199's kin). */
static void account_files_that_are_no_files_are_not_read(void **state)
{
    struct box *box = box_new(ARGS("cat", "/proc/self/status"));

    (void)state;
    assert_int_equal(unlink(box_path_in(box, "layer/etc/passwd")), 0);
    assert_int_equal(unlink(box_path_in(box, "layer/etc/group")), 0);
    assert_int_equal(mkfifo(box_path_in(box, "layer/etc/passwd"), 0644), 0);
    make_link(box, "/dev/zero", "layer/etc/group");
    box->config.user = "1234:5678";
    assert_int_equal(box_run(box), 0);
    assert_non_null(strstr(box->out.data, "Uid:\t1234\t1234\t1234\t1234\n"));
    box_free(box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_program_that_starts_containers_cannot_be_written),
        cmocka_unit_test(an_interpreter_that_is_the_runtime_itself_gains_nothing),
        cmocka_unit_test(no_descriptor_leads_out_as_working_directory),
        cmocka_unit_test(exec_does_not_take_a_descriptor_as_working_directory),
        cmocka_unit_test(descriptors_that_we_forgot_to_close_do_not_come_along),
        cmocka_unit_test(devices_of_the_image_are_not_believed),
        cmocka_unit_test(a_console_that_is_a_link_is_not_followed),
        cmocka_unit_test(special_file_systems_are_not_mounted_through_links),
        cmocka_unit_test(mount_targets_stay_inside_however_they_are_linked),
        cmocka_unit_test(mount_targets_stay_inside_while_they_are_swapped),
        cmocka_unit_test(files_in_place_of_proc_are_not_written),
        cmocka_unit_test(masked_and_readonly_paths_that_are_links_hide_nothing_outside),
        cmocka_unit_test(no_release_agent_is_within_reach),
        cmocka_unit_test(exec_gives_no_inheritable_or_ambient_capabilities),
        cmocka_unit_test(a_configuration_reaches_no_group_or_sysctl_of_the_host),
        cmocka_unit_test(account_files_that_are_no_files_are_not_read),
    };

    return box_main("runtime_attacks", tests, ARRAY_LEN(tests));
}
