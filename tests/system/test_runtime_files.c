/* The files of a container: its root, /dev, what is masked, mounts and where they may lie. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/proc.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/monitor/control.h"
#include "engine/runtime/capability.h"
#include "tests/system/box.h"

static void dev_has_dockers_nodes_and_links(void **state)
{
    (void)state;
    box_check_output(ARGS("stat", "/dev/null"), 0, "20666 1:3 0 0\n");
    box_check_output(ARGS("stat", "/dev/tty"), 0, "20666 5:0 0 0\n");
    box_check_output(ARGS("readlink", "/dev/stdout"), 0, "/proc/self/fd/1\n");
    box_check_output(ARGS("readlink", "/dev/ptmx"), 0, "pts/ptmx\n");
}

static void masked_paths_show_nothing(void **state)
{
    (void)state;
    /* Kernels differ in which of them they have; these are there. */
    box_check_output(ARGS("cat", "/proc/timer_list"), 0, "");
    box_check_output(ARGS("stat", "/proc/timer_list"), 0, "20666 1:3 0 0\n");
    box_check_output(ARGS("ls", "/sys/firmware"), 0, "");
    box_check_output(ARGS("ls", "/proc/acpi"), 0, "");
    box_check_output(
            ARGS("write", "/sys/firmware/x", "y"), 1, "/sys/firmware/x: Read-only file system\n");
}

static void readonly_paths_refuse_writing(void **state)
{
    (void)state;
    box_check_output(ARGS("write", "/proc/sys/kernel/shmmax", "1"), 1,
            "/proc/sys/kernel/shmmax: Read-only file system\n");
}

static void readonly_root_refuses_writing_but_not_on_its_mounts(void **state)
{
    struct box *box = box_new(ARGS("write", "/file", "text"));

    (void)state;
    json_object_set_new(box_member(box, "root", NULL), "readonly", json_true());
    assert_int_equal(box_run(box), 1);
    assert_string_equal(box->out.data, "/file: Read-only file system\n");
    box_free(box);
    box = box_new(ARGS("write", "/dev/shm/file", "text"));
    json_object_set_new(box_member(box, "root", NULL), "readonly", json_true());
    assert_int_equal(box_run(box), 0);
    box_free(box);
}

static void writes_go_to_the_upper_directory(void **state)
{
    struct box *box = box_new(ARGS("write", "/file", "text"));

    (void)state;
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box_read_file(box, box_path_in(box, "c/upper/file")), "text");
    assert_int_equal(access(box_path_in(box, "layer/file"), F_OK), -1);
    box_free(box);
}

static void many_layers_than_a_page_of_options_are_stacked(void **state)
{
    struct box *box = box_new(ARGS("cat", "/first", "/last"));
    enum { LAYERS = 300 };
    char **lower = ARENA_NEW_ARRAY(&box->arena, LAYERS + 2, char *);

    (void)state;
    for (size_t i = 0; i < LAYERS; i++) {
        const char *name = arena_printf(&box->arena, "layers/a-rather-long-name-of-a-layer-%zu", i);

        box_make_dir(box, name);
        lower[i] = arena_printf(&box->arena, "%s/%s", box->dir, name);
    }
    lower[LAYERS] = box->config.rootfs.lower_dirs[0];
    box_make_file(box, "layers/a-rather-long-name-of-a-layer-0/first", "top ");
    box_make_file(box, "layers/a-rather-long-name-of-a-layer-299/last", "bottom");
    box->config.rootfs.lower_dirs = lower;
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "top bottom");
    box_free(box);
}

static void binds_are_made_with_their_mount_points(void **state)
{
    struct box *box = box_new(ARGS("cat", "/deep/new/file", "/etc/one-file"));

    (void)state;
    box_make_dir(box, "volume");
    box_make_file(box, "volume/file", "from the volume\n");
    box_add_mount(box,
            arena_printf(&box->arena,
                    "{'destination':'/deep/new','type':'bind','source':'%s/volume','options':['rbind','rprivate']}",
                    box->dir));
    box_add_mount(box,
            arena_printf(&box->arena,
                    "{'destination':'/etc/one-file','type':'bind','source':'%s/volume/file','options':['rbind','ro']}",
                    box->dir));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "from the volume\nfrom the volume\n");
    box_free(box);
}

/* Writes below a mount in a bound tree. */
static void write_below_bind(const char *options, int wanted, const char *wanted_output)
{
    struct box *box = box_new(ARGS("write", "/v/sub/file", "text"));

    box_make_dir(box, "volume/sub");
    assert_int_equal(mount("none", box_path_in(box, "volume/sub"), "tmpfs", 0, NULL), 0);
    box_add_mount(
            box, arena_printf(&box->arena,
                         "{'destination':'/v','type':'bind','source':'%s/volume','options':[%s]}",
                         box->dir, options));
    int code = box_run(box);
    assert_int_equal(umount2(box_path_in(box, "volume/sub"), MNT_DETACH), 0);
    assert_int_equal(code, wanted);
    assert_string_equal(box->out.data, wanted_output);
    box_free(box);
}

static void recursively_readonly_bind_is_readonly_in_its_submounts_too(void **state)
{
    (void)state;
    write_below_bind("'rbind','rro'", 1, "/v/sub/file: Read-only file system\n");
    write_below_bind("'rbind','ro'", 0, "");
}

/* Options of a bind replace what its source has, but not below a user namespace's owner. */
static void options_of_a_bind_replace_those_of_its_source(void **state)
{
    static const struct {
        const char *options, *shown;
    } cases[] = {
        { "'bind'", "ro,nosuid,nodev,noatime" },
        { "'bind','noexec'", "rw,noexec,noatime" },
        { "'bind','rw','nosuid'", "rw,nosuid,noatime" },
        { "'bind','ro','relatime'", "ro,relatime" },
        { "'rbind','rrelatime'", "ro,nosuid,nodev,relatime" },
        { "'rbind','rnorelatime'", "ro,nosuid,nodev,noatime" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct box *box = box_new(ARGS("cat", "/proc/self/mounts"));

        box_make_dir(box, "volume");
        const char *path = box_path_in(box, "volume");
        assert_int_equal(mount("none", path, "tmpfs", MS_NOATIME, "size=4k"), 0);
        assert_int_equal(
                mount(NULL, path, NULL,
                        MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOATIME, NULL),
                0);
        box_add_mount(
                box, arena_printf(&box->arena,
                             "{'destination':'/v','type':'bind','source':'%s','options':[%s]}",
                             path, cases[i].options));
        int code = box_run(box);
        assert_int_equal(umount2(path, MNT_DETACH), 0);
        assert_int_equal(code, 0);
        const char *wanted = arena_printf(&box->arena, "/v tmpfs %s,size", cases[i].shown);
        if (!strstr(box->out.data, wanted))
            fail_msg("\"%s\" is not in: %s", wanted, box->out.data);
        box_free(box);
    }
}

static void missing_bind_source_is_named(void **state)
{
    struct box *box = box_new(ARGS("exit", "0"));

    (void)state;
    box_add_mount(box,
            "{'destination':'/v','type':'bind','source':'/nowhere/at/all','options':['rbind']}");
    assert_true(box_start(box) < 0);
    assert_int_equal(box->start.exit_code, 128);
    assert_string_equal(box_error_text(box),
            "cannot open the source of the mount of \"/v\": No such file or directory");
    box_free(box);
}

static void links_in_the_image_do_not_lead_mounts_outside(void **state)
{
    struct box *box = box_new(ARGS("cat", "/inside/file"));

    (void)state;
    /* "/escape" points far above the root: resolved inside, it is "/inside". */
    box_make_dir(box, "volume");
    box_make_file(box, "volume/file", "ok\n");
    assert_int_equal(
            symlink("../../../../../../../../inside", box_path_in(box, "layer/escape")), 0);
    box_add_mount(box,
            arena_printf(&box->arena,
                    "{'destination':'/escape','type':'bind','source':'%s/volume','options':['rbind']}",
                    box->dir));
    assert_int_equal(box_run(box), 0);
    assert_string_equal(box->out.data, "ok\n");
    assert_int_equal(access("/inside", F_OK), -1);
    box_free(box);
}

static void nothing_is_mounted_into_proc(void **state)
{
    struct box *box = box_new(ARGS("exit", "0"));

    (void)state;
    box_make_dir(box, "volume");
    assert_int_equal(symlink("/proc/self", box_path_in(box, "layer/data")), 0);
    box_add_mount(box,
            arena_printf(&box->arena,
                    "{'destination':'/data/attr','type':'bind','source':'%s/volume','options':['rbind']}",
                    box->dir));
    assert_true(box_start(box) < 0);
    assert_non_null(strstr(box_error_text(box), "inside /proc"));
    box_free(box);
}

static void proc_is_not_mounted_through_a_link(void **state)
{
    struct box *box = box_new(ARGS("exit", "0"));

    (void)state;
    assert_int_equal(symlink("/etc", box_path_in(box, "layer/proc")), 0);
    assert_true(box_start(box) < 0);
    assert_string_equal(box_error_text(box), "\"/proc\" must be mounted on ordinary directory");
    box_free(box);
}

static void block_device_can_be_made_but_not_opened(void **state)
{
    (void)state;
    box_check_output(ARGS("mknod", "/dev/disk", "7", "0"), 1, "open: Operation not permitted\n");
}

static void mounting_needs_a_capability_that_is_not_there(void **state)
{
    (void)state;
    box_check_output(ARGS("mount", "/etc"), 1, "mount: Operation not permitted\n");
}

static void propagation_is_as_asked_for(void **state)
{
    static const char *const options[] = { "rslave", "rprivate" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        struct box *box = box_new(ARGS("copy"));

        box_make_dir(box, "volume");
        const char *volume = box_path_in(box, "volume");
        assert_int_equal(mount("none", volume, "tmpfs", 0, NULL), 0);
        assert_int_equal(mount(NULL, volume, NULL, MS_SHARED, NULL), 0);
        box_make_dir(box, "volume/sub");
        box_add_mount(box,
                arena_printf(&box->arena,
                        "{'destination':'/v','type':'bind','source':'%s','options':['rbind','%s']}",
                        volume, options[i]));
        box_set_args(box, ARGS("wait-file", "/v/sub/marker"));
        box_must_start(box);
        box_wait_output(box, "ready");
        assert_int_equal(mount("none", box_path_in(box, "volume/sub"), "tmpfs", 0, NULL), 0);
        box_make_file(box, "volume/sub/marker", "");
        assert_int_equal(control_kill(box->control, SIGUSR1, NULL), 0);
        int code = box_wait(box);
        assert_int_equal(umount2(volume, MNT_DETACH), 0);
        assert_int_equal(code, i == 0 ? 0 : 1);
        box_free(box);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dev_has_dockers_nodes_and_links),
        cmocka_unit_test(masked_paths_show_nothing),
        cmocka_unit_test(readonly_paths_refuse_writing),
        cmocka_unit_test(readonly_root_refuses_writing_but_not_on_its_mounts),
        cmocka_unit_test(writes_go_to_the_upper_directory),
        cmocka_unit_test(many_layers_than_a_page_of_options_are_stacked),
        cmocka_unit_test(binds_are_made_with_their_mount_points),
        cmocka_unit_test(recursively_readonly_bind_is_readonly_in_its_submounts_too),
        cmocka_unit_test(options_of_a_bind_replace_those_of_its_source),
        cmocka_unit_test(missing_bind_source_is_named),
        cmocka_unit_test(links_in_the_image_do_not_lead_mounts_outside),
        cmocka_unit_test(nothing_is_mounted_into_proc),
        cmocka_unit_test(proc_is_not_mounted_through_a_link),
        cmocka_unit_test(block_device_can_be_made_but_not_opened),
        cmocka_unit_test(mounting_needs_a_capability_that_is_not_there),
        cmocka_unit_test(propagation_is_as_asked_for),
    };

    return box_main("runtime_files", tests, ARRAY_LEN(tests));
}
