/* `berth doctor`: the checks, against directories that stand for "/". */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/path.h"
#include "engine/machine/machine.h"

struct world {
    struct arena arena;
    int root_fd;
    char dir[32];
    struct machine_options options;
    struct machine_report report;
};

/* A file below the made-up root; NULL makes a directory. */
static void put(struct world *world, const char *path, const char *text)
{
    const char *dir = text ? path_parent(&world->arena, path) : path;
    auto_close int parent = fs_mkdir_parents(world->root_fd, dir, 0755, NULL);

    assert_true(parent >= 0);
    if (text)
        assert_int_equal(fs_replace_file(parent, path_last(path), text, strlen(text), 0644,
                                 FS_NO_SYNC, NULL),
                0);
}

static int make_world(void **state)
{
    static struct world world;

    world = (struct world){ .dir = "/tmp/berth-machine.XXXXXX" };
    assert_non_null(mkdtemp(world.dir));
    world.root_fd = open(world.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    world.options = (struct machine_options){
        .root_fd = world.root_fd, .uid = 1000, .user = "ann", .search_path = "/usr/sbin:/usr/bin"
    };
    *state = &world;
    return 0;
}

static int drop_world(void **state)
{
    struct world *world = *state;

    assert_int_equal(fs_remove_tree(AT_FDCWD, world->dir, NULL), 0);
    close(world->root_fd);
    arena_release(&world->arena);
    return 0;
}

static const struct machine_finding *look(struct world *world, const char *name)
{
    machine_check(&world->arena, &world->options, &world->report);
    ARRAY_FOREACH(&world->report, finding)
        if (strcmp(finding->name, name) == 0)
            return finding;
    fail_msg("no check \"%s\"", name);
    return NULL;
}

static void assert_status(struct world *world, const char *name, enum machine_status status)
{
    const struct machine_finding *finding = look(world, name);

    if (finding->status != status)
        fail_msg("%s is \"%s\" (%s), expected \"%s\"", name, machine_status_names[finding->status],
                finding->found, machine_status_names[status]);
}

static void every_check_answers_on_an_empty_machine_with_a_name_of_its_own(void **state)
{
    struct world *world = *state;

    look(world, "kernel");
    ARRAY_FOREACH(&world->report, finding) {
        assert_non_null(finding->found);
        assert_null(strchr(finding->found, '\n'));
        if (finding->status == MACHINE_FAILURE)
            assert_non_null(finding->remedy);
        for (const struct machine_finding *other = world->report.items; other < finding; other++)
            assert_string_not_equal(other->name, finding->name);
    }
    assert_int_equal(machine_worst(&world->report, MACHINE_USE_BOOT), MACHINE_FAILURE);
}

static void the_kernel_is_judged_by_its_two_numbers(void **state)
{
    struct world *world = *state;
    static const struct {
        const char *release;
        enum machine_status status;
    } cases[] = {
        { "6.1.0-18-amd64\n", MACHINE_OK },
        { "5.7.0\n", MACHINE_OK },
        { "5.6.19\n", MACHINE_FAILURE },
        { "4.19-rc1\n", MACHINE_FAILURE },
        { "unreadable\n", MACHINE_UNKNOWN },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        put(world, "proc/sys/kernel/osrelease", cases[i].release);
        assert_status(world, "kernel", cases[i].status);
    }
}

static void the_cgroup_layout_is_told_from_what_is_mounted(void **state)
{
    struct world *world = *state;

    put(world, "proc/self/mounts", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n");
    put(world, "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
    assert_status(world, "cgroup-version", MACHINE_OK);
    assert_status(world, "cgroup-controllers", MACHINE_OK);

    put(world, "sys/fs/cgroup/cgroup.controllers", "cpuset cpu io pids\n");
    assert_status(world, "cgroup-controllers", MACHINE_WARNING);
    assert_non_null(strstr(look(world, "cgroup-controllers")->remedy, "cgroup_enable=memory"));

    put(world, "proc/self/mounts",
            "tmpfs /sys/fs/cgroup tmpfs ro 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n");
    assert_status(world, "cgroup-version", MACHINE_WARNING);
    put(world, "proc/cgroups",
            "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t4\t1\t1\ncpu\t2\t1\t1\n"
            "memory\t3\t1\t1\npids\t5\t1\t1\n");
    assert_status(world, "cgroup-controllers", MACHINE_OK);

    put(world, "proc/self/mounts", "proc /proc proc rw 0 0\n");
    assert_status(world, "cgroup-version", MACHINE_FAILURE);
}

static void a_module_that_is_built_in_counts(void **state)
{
    struct world *world = *state;

    put(world, "proc/sys/kernel/osrelease", "6.1.0\n");
    assert_status(world, "network-devices", MACHINE_UNKNOWN);
    put(world, "lib/modules/6.1.0/modules.builtin", "kernel/net/bridge/bridge.ko\n");
    assert_status(world, "network-devices", MACHINE_FAILURE);
    put(world, "lib/modules/6.1.0/modules.dep", "kernel/drivers/net/veth.ko.xz:\n");
    assert_status(world, "network-devices", MACHINE_OK);
    put(world, "lib/modules/6.1.0/modules.dep",
            "kernel/drivers/net/veth.ko:\nkernel/fs/overlayfs/overlay.ko:\n");
    assert_non_null(strstr(look(world, "overlay")->remedy, "modprobe overlay"));
    put(world, "proc/filesystems", "nodev\tproc\nnodev\toverlay\n\text4\n");
    assert_status(world, "overlay", MACHINE_OK);
}

static void subordinate_ids_are_found_by_name_and_by_number(void **state)
{
    struct world *world = *state;

    assert_status(world, "subordinate-ids", MACHINE_FAILURE);
    put(world, "etc/subuid", "bob:100000:65536\nann:165536:65536\n");
    put(world, "etc/subgid", "1000:165536:65536\n");
    assert_status(world, "subordinate-ids", MACHINE_OK);
    put(world, "etc/subgid", "1000:165536:1000\nbroken\nann:x:y\n");
    assert_status(world, "subordinate-ids", MACHINE_WARNING);
    put(world, "etc/subgid", "annabel:165536:65536\n");
    assert_status(world, "subordinate-ids", MACHINE_FAILURE);
    assert_non_null(strstr(look(world, "subordinate-ids")->found, "/etc/subgid"));
}

static void root_is_told_to_name_a_user(void **state)
{
    struct world *world = *state;

    world->options.uid = 0;
    world->options.user = "root";
    assert_status(world, "subordinate-ids", MACHINE_UNKNOWN);
    assert_status(world, "runtime-directory", MACHINE_UNKNOWN);
    assert_string_equal(look(world, "cgroup-delegation")->remedy, "berth doctor --user NAME");
}

static void a_program_that_maps_ids_needs_its_rights(void **state)
{
    struct world *world = *state;

    assert_non_null(strstr(look(world, "id-programs")->found, "not installed"));
    put(world, "usr/bin/newuidmap", "");
    put(world, "usr/bin/newgidmap", "");
    assert_non_null(strstr(look(world, "id-programs")->found, "not installed"));
    assert_int_equal(fchmodat(world->root_fd, "usr/bin/newuidmap", 0755, 0), 0);
    assert_non_null(strstr(look(world, "id-programs")->found, "newuidmap is neither"));
    assert_int_equal(fchmodat(world->root_fd, "usr/bin/newuidmap", 04755, 0), 0);
    assert_int_equal(fchmodat(world->root_fd, "usr/bin/newgidmap", 04755, 0), 0);
    assert_status(world, "id-programs", MACHINE_OK);
}

static void lingering_is_looked_up_for_the_user_that_was_asked_about(void **state)
{
    struct world *world = *state;

    assert_string_equal(look(world, "lingering")->remedy, "loginctl enable-linger ann");
    put(world, "var/lib/systemd/linger/ann", "");
    assert_status(world, "lingering", MACHINE_OK);
    world->options.uid = 0;
    world->options.user = "root";
    assert_status(world, "lingering", MACHINE_OK);
}

static void the_generator_is_found_wherever_systemd_looks(void **state)
{
    struct world *world = *state;

    assert_status(world, "generator", MACHINE_FAILURE);
    put(world, "usr/local/lib/systemd/system-generators/berth-generator", "");
    assert_string_equal(look(world, "generator")->found,
            "/usr/local/lib/systemd/system-generators/berth-generator");
    assert_status(world, "user-generator", MACHINE_FAILURE);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, make_world, drop_world)
    const struct CMUnitTest tests[] = {
        IN_WORLD(every_check_answers_on_an_empty_machine_with_a_name_of_its_own),
        IN_WORLD(the_kernel_is_judged_by_its_two_numbers),
        IN_WORLD(the_cgroup_layout_is_told_from_what_is_mounted),
        IN_WORLD(a_module_that_is_built_in_counts),
        IN_WORLD(subordinate_ids_are_found_by_name_and_by_number),
        IN_WORLD(root_is_told_to_name_a_user),
        IN_WORLD(a_program_that_maps_ids_needs_its_rights),
        IN_WORLD(lingering_is_looked_up_for_the_user_that_was_asked_about),
        IN_WORLD(the_generator_is_found_wherever_systemd_looks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
