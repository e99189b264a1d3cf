/* Limits of control groups: set, read back and changed, in whatever layout the machine has. What a
 * machine cannot do is skipped with its reason. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/resources-internal.h"

struct fixture {
    struct arena arena;
    struct cgroup cgroup;
    struct cgroup_support support;
    struct error *error;
    char path[64];
};

static struct runtime_resources *parse(struct fixture *f, const char *text)
{
    struct runtime_resources *res = ARENA_NEW(&f->arena, struct runtime_resources);
    auto_free char *copy = mem_strdup(text);
    json_error_t where;

    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    auto_json json_t *json = json_loads(copy, 0, &where);
    if (!json)
        fail_msg("%s", where.text);
    if (resources_parse(&f->arena, json, res, &f->error) < 0)
        fail_msg("%s", f->error->message);
    return res;
}

static int set_up(void **state)
{
    struct fixture *f = NEW(struct fixture);

    *f = (struct fixture){ .arena = ARENA_INIT, .cgroup = CGROUP_INIT };
    snprintf(f->path, sizeof(f->path), "/berth-test-%d/limits", (int)getpid());
    *state = f;
    return cgroup_probe(&f->support, NULL);
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char parent[64];

    (void)cgroup_remove_open(&f->cgroup, NULL);
    (void)cgroup_remove(f->path, NULL);
    snprintf(parent, sizeof(parent), "/berth-test-%d", (int)getpid());
    (void)cgroup_remove(parent, NULL);
    error_free(f->error);
    arena_release(&f->arena);
    free(f);
    return 0;
}

static bool has(const struct fixture *f, enum cgroup_controller controller)
{
    if (f->support.controllers & (1u << controller))
        return true;
    print_message("a controller that this test needs is not available here\n");
    return false;
}

#define NEED(f, controller)          \
    do {                             \
        if (!has((f), (controller))) \
            skip();                  \
    } while (0)

static void create(struct fixture *f, const char *text)
{
    if (cgroup_create(&f->cgroup, f->path, parse(f, text), &f->error) < 0)
        fail_msg("%s", f->error->message);
}

static void update(struct fixture *f, const char *text)
{
    if (cgroup_update(&f->cgroup, parse(f, text), &f->error) < 0)
        fail_msg("%s", f->error->message);
}

static const char *refused(struct fixture *f, const char *text)
{
    struct strbuf out = STRBUF_INIT(8192);

    if (cgroup_update(&f->cgroup, parse(f, text), &f->error) >= 0)
        fail_msg("taken: %s", text);
    error_format(f->error, &out);
    const char *copy = arena_strdup(&f->arena, out.data);
    strbuf_release(&out);
    return copy;
}

/* The file's content by its name in this layout; "" where this version has none. */
static void expect(struct fixture *f, enum cgroup_controller controller, const char *v1,
        const char *v2, const char *value_v1, const char *value_v2)
{
    char text[4096];

    for (size_t i = 0; i < f->cgroup.count; i++) {
        const struct cgroup_hierarchy *h = &f->cgroup.hierarchies[i];
        const char *file = h->v2 ? v2 : v1, *value = h->v2 ? value_v2 : value_v1;

        if (!(h->controllers & (1u << controller)) || !*file)
            continue;
        if (fs_read_small(h->fd, file, text, sizeof(text)) < 0)
            fail_msg("%s cannot be read", file);
        assert_string_equal(text, value);
        return;
    }
}

static bool has_file(struct fixture *f, const char *file)
{
    for (size_t i = 0; i < f->cgroup.count; i++) {
        if (faccessat(f->cgroup.hierarchies[i].fd, file, F_OK, 0) == 0)
            return true;
    }
    return false;
}

static void memory_limits_grow_and_shrink_in_any_order(void **state)
{
    struct fixture *f = *state;

    NEED(f, CGROUP_MEMORY);
    create(f, "{'memory':{'limit':67108864,'swap':134217728,'reservation':33554432}}");
    expect(f, CGROUP_MEMORY, "memory.limit_in_bytes", "memory.max", "67108864", "67108864");
    expect(f, CGROUP_MEMORY, "memory.soft_limit_in_bytes", "memory.low", "33554432", "33554432");
    if (f->support.swap)
        expect(f, CGROUP_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max", "134217728",
                "67108864");
    update(f, "{'memory':{'limit':268435456,'swap':268435456}}");
    expect(f, CGROUP_MEMORY, "memory.limit_in_bytes", "memory.max", "268435456", "268435456");
    update(f, "{'memory':{'limit':33554432,'swap':50331648}}");
    expect(f, CGROUP_MEMORY, "memory.limit_in_bytes", "memory.max", "33554432", "33554432");
    if (f->support.swap)
        expect(f, CGROUP_MEMORY, "memory.memsw.limit_in_bytes", "memory.swap.max", "50331648",
                "16777216");
    update(f, "{'memory':{'limit':-1}}");
    expect(f, CGROUP_MEMORY, "memory.limit_in_bytes", "memory.max", "9223372036854771712", "max");
    /* Not a whole page: the kernel rounds, and that is no error. */
    update(f, "{'memory':{'limit':33554433}}");
    expect(f, CGROUP_MEMORY, "memory.limit_in_bytes", "memory.max", "33554432", "33554432");
}

static void old_and_odd_memory_settings_are_taken_or_refused_by_name(void **state)
{
    struct fixture *f = *state;

    NEED(f, CGROUP_MEMORY);
    create(f, "{'memory':{'limit':67108864,'kernel':33554432,'kernelTCP':33554432}}");
    if (f->support.swappiness) {
        update(f, "{'memory':{'swappiness':7,'disableOOMKiller':true}}");
        expect(f, CGROUP_MEMORY, "memory.swappiness", "", "7", "");
    } else {
        assert_string_equal(refused(f, "{'memory':{'swappiness':7}}"),
                "cannot set the swappiness: control groups of version 2 have none");
    }
}

static void cpu_quota_and_period_change_together(void **state)
{
    struct fixture *f = *state;

    NEED(f, CGROUP_CPU);
    create(f, "{'cpu':{'shares':512,'quota':50000,'period':100000}}");
    expect(f, CGROUP_CPU, "cpu.shares", "cpu.weight", "512", "59");
    expect(f, CGROUP_CPU, "cpu.cfs_quota_us", "cpu.max", "50000", "50000 100000");
    update(f, "{'cpu':{'quota':2000,'period':5000}}");
    expect(f, CGROUP_CPU, "cpu.cfs_quota_us", "cpu.max", "2000", "2000 5000");
    expect(f, CGROUP_CPU, "cpu.cfs_period_us", "", "5000", "");
    update(f, "{'cpu':{'quota':900000,'period':1000000}}");
    update(f, "{'cpu':{'quota':-1}}");
    expect(f, CGROUP_CPU, "cpu.cfs_quota_us", "cpu.max", "-1", "max 1000000");
    update(f, "{'cpu':{'quota':20000}}");
    expect(f, CGROUP_CPU, "cpu.cfs_period_us", "cpu.max", "1000000", "20000 1000000");
}

static void cpu_burst_and_idle_are_set_where_the_kernel_has_them(void **state)
{
    struct fixture *f = *state;

    NEED(f, CGROUP_CPU);
    create(f, "{'cpu':{'quota':50000,'period':100000}}");
    if (has_file(f, "cpu.cfs_burst_us") || has_file(f, "cpu.max.burst")) {
        update(f, "{'cpu':{'burst':20000}}");
        expect(f, CGROUP_CPU, "cpu.cfs_burst_us", "cpu.max.burst", "20000", "20000");
        update(f, "{'cpu':{'burst':10000,'quota':15000}}");
        expect(f, CGROUP_CPU, "cpu.cfs_burst_us", "cpu.max.burst", "10000", "10000");
    }
    if (has_file(f, "cpu.idle")) {
        update(f, "{'cpu':{'idle':1}}");
        expect(f, CGROUP_CPU, "cpu.idle", "cpu.idle", "1", "1");
        update(f, "{'cpu':{'idle':0,'shares':256}}");
        expect(f, CGROUP_CPU, "cpu.idle", "cpu.idle", "0", "0");
    }
}

static void realtime_is_given_from_the_top_down(void **state)
{
    struct fixture *f = *state;

    NEED(f, CGROUP_CPU);
    create(f, "{}");
    if (f->cgroup.unified) {
        assert_non_null(strstr(refused(f, "{'cpu':{'realtimeRuntime':1000}}"),
                "CPU real-time runtime: control groups of version 2 have none"));
        return;
    }
    if (!has_file(f, "cpu.rt_runtime_us"))
        skip();
    update(f, "{'cpu':{'realtimeRuntime':1000,'realtimePeriod':500000}}");
    expect(f, CGROUP_CPU, "cpu.rt_runtime_us", "", "1000", "");
    expect(f, CGROUP_CPU, "cpu.rt_period_us", "", "500000", "");
    update(f,
            "{'cpu':{'realtimeRuntime':1,'realtimePeriod':950}}"); /* below what was the runtime */
    expect(f, CGROUP_CPU, "cpu.rt_period_us", "", "950", "");
}

static void what_the_kernel_clamps_is_an_error(void **state)
{
    struct fixture *f = *state;

    NEED(f, CGROUP_CPU);
    create(f, "{}");
    if (f->cgroup.unified)
        skip(); /* shares become a weight there, which is in range */
    assert_string_equal(refused(f, "{'cpu':{'shares':1}}"),
            "cannot set the CPU shares: the kernel has made 2 of 1 (cpu.shares)");
}

static void sets_of_processors_are_compared_by_their_members(void **state)
{
    struct fixture *f = *state;

    NEED(f, CGROUP_CPUSET);
    create(f, "{'cpu':{'cpus':'0,0-0','mems':'0'}}");
    expect(f, CGROUP_CPUSET, "cpuset.cpus", "cpuset.cpus", "0", "0");
    assert_non_null(strstr(refused(f, "{'cpu':{'cpus':'4095'}}"), "cpuset.cpus"));
}

static void number_of_processes_is_set_and_lifted(void **state)
{
    struct fixture *f = *state;

    NEED(f, CGROUP_PIDS);
    create(f, "{'pids':{'limit':20}}");
    expect(f, CGROUP_PIDS, "pids.max", "pids.max", "20", "20");
    update(f, "{'pids':{'limit':-1}}");
    expect(f, CGROUP_PIDS, "pids.max", "pids.max", "max", "max");
    update(f, "{'memory':{}}");
    expect(f, CGROUP_PIDS, "pids.max", "pids.max", "max", "max");
}

/* A device with a queue: the first disk. */
static bool find_disk(char *number, size_t size)
{
    static const char *const disks[] = { "vda", "sda", "nvme0n1", "loop0", "ram0" };
    char path[64];

    for (size_t i = 0; i < ARRAY_LEN(disks); i++) {
        snprintf(path, sizeof(path), "/sys/block/%s/dev", disks[i]);
        if (fs_read_small(AT_FDCWD, path, number, size) > 0)
            return true;
    }
    print_message("there is no disk here\n");
    return false;
}

static void io_limits_of_a_disk_are_read_back(void **state)
{
    struct fixture *f = *state;
    char number[32], text[512];
    struct str rest;
    struct str first;
    uint32_t major = 0, minor = 0;

    NEED(f, CGROUP_BLKIO);
    if (!find_disk(number, sizeof(number)))
        skip();
    rest = str_from(number);
    assert_true(str_split_next(&rest, ':', &first));
    assert_int_equal(parse_uint32(first, UINT32_MAX, &major), 0);
    assert_int_equal(parse_uint32(rest, UINT32_MAX, &minor), 0);
    snprintf(text, sizeof(text),
            "{'blockIO':{'throttleReadBpsDevice':[{'major':%u,'minor':%u,'rate':1048576}],"
            "'throttleWriteIOPSDevice':[{'major':%u,'minor':%u,'rate':77}]}}",
            major, minor, major, minor);
    create(f, text);
    snprintf(text, sizeof(text), "%u:%u rbps=1048576 wbps=max riops=max wiops=77", major, minor);
    if (f->cgroup.unified)
        expect(f, CGROUP_BLKIO, "", "io.max", "", text);
    snprintf(text, sizeof(text), "%u:%u 1048576", major, minor);
    expect(f, CGROUP_BLKIO, "blkio.throttle.read_bps_device", "", text, "");
    assert_non_null(strstr(
            refused(f, "{'blockIO':{'throttleReadBpsDevice':[{'major':1,'minor':250,'rate':1}]}}"),
            "cannot set the block I/O limit: cannot write \"1:250"));
}

static void missing_controllers_are_named(void **state)
{
    static const struct {
        enum cgroup_controller controller;
        const char *text, *message;
    } cases[] = {
        { CGROUP_NET_CLS, "{'network':{'classID':7}}", "net_cls controller is not available here" },
        { CGROUP_NET_PRIO, "{'network':{'priorities':[{'name':'lo','priority':1}]}}",
                "net_prio controller is not available here" },
        { CGROUP_RDMA, "{'rdma':{'mlx5_1':{'hcaHandles':3}}}",
                "rdma controller is not available here" },
        { CGROUP_HUGETLB, "{'hugepageLimits':[{'pageSize':'2MB','limit':1}]}",
                "hugetlb controller is not available here" },
    };
    struct fixture *f = *state;

    create(f, "{}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool there = false;

        for (size_t n = 0; n < f->cgroup.count; n++)
            there |= f->cgroup.hierarchies[n].controllers & (1u << cases[i].controller);
        if (!there)
            assert_non_null(strstr(refused(f, cases[i].text), cases[i].message));
    }
    if (!f->cgroup.unified)
        assert_non_null(strstr(refused(f, "{'unified':{'memory.high':'1'}}"),
                "needs control groups of version 2"));
    else
        assert_non_null(strstr(
                refused(f, "{'unified':{'nothing.max':'1'}}"), "there is no file \"nothing.max\""));
}

static void huge_pages_are_limited_also_in_a_hybrid_layout(void **state)
{
    struct fixture *f = *state;

    create(f, "{}");
    if (!has_file(f, "hugetlb.2MB.max") && !has_file(f, "hugetlb.2MB.limit_in_bytes")) {
        print_message("there are no huge pages of 2 MB here\n");
        skip();
    }
    update(f, "{'hugepageLimits':[{'pageSize':'2MB','limit':4194304}]}");
    expect(f, CGROUP_HUGETLB, "hugetlb.2MB.limit_in_bytes", "hugetlb.2MB.max", "4194304",
            "4194304");
}

static void a_limit_below_the_use_is_refused_when_it_is_to_be_checked(void **state)
{
    struct fixture *f = *state;
    NEED(f, CGROUP_MEMORY);
    create(f, "{}");
    pid_t pid = fork();
    if (pid == 0) {
        size_t size = 32u << 20;
        volatile char *memory = malloc(size);

        if (!memory || cgroup_enter(&f->cgroup, false, -EBADF) < 0)
            _exit(1);
        for (size_t i = 0; i < size; i += 4096)
            memory[i] = 1;
        raise(SIGSTOP);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
    assert_true(WIFSTOPPED(status));
    const char *text = refused(f, "{'memory':{'limit':8388608,'checkBeforeUpdate':true}}");
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_non_null(strstr(text, "cannot set the memory limit to 8388608: "));
}

int main(void)
{
#define LIMIT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        LIMIT_TEST(memory_limits_grow_and_shrink_in_any_order),
        LIMIT_TEST(old_and_odd_memory_settings_are_taken_or_refused_by_name),
        LIMIT_TEST(cpu_quota_and_period_change_together),
        LIMIT_TEST(cpu_burst_and_idle_are_set_where_the_kernel_has_them),
        LIMIT_TEST(realtime_is_given_from_the_top_down),
        LIMIT_TEST(what_the_kernel_clamps_is_an_error),
        LIMIT_TEST(sets_of_processors_are_compared_by_their_members),
        LIMIT_TEST(number_of_processes_is_set_and_lifted),
        LIMIT_TEST(io_limits_of_a_disk_are_read_back),
        LIMIT_TEST(missing_controllers_are_named),
        LIMIT_TEST(huge_pages_are_limited_also_in_a_hybrid_layout),
        LIMIT_TEST(a_limit_below_the_use_is_refused_when_it_is_to_be_checked),
    };

    if (geteuid() != 0) {
        puts("root is needed");
        return 77;
    }
    if (getenv("BERTH_TEST"))
        cmocka_set_test_filter(getenv("BERTH_TEST"));
    return cmocka_run_group_tests_name("cgroup", tests, NULL, NULL);
}
