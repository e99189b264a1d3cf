#include "engine/container/stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/runtime/cgroup-stats.h"
#include "engine/runtime/cgroup.h"

#define PROC_TEXT_MAX (1u << 20)
#define NET_DEV_RECEIVED 0u
#define NET_DEV_SENT 8u

static bool next_number(struct str *rest, uint64_t *ret)
{
    struct str word = { 0 };

    while (rest->len > 0 && word.len == 0)
        if (!str_split_next(rest, ' ', &word))
            return false;
    return word.len > 0 && parse_uint64(word, UINT64_MAX, ret) == 0;
}

/* user nice system idle iowait irq softirq steal: guest time is in user already. */
static uint64_t read_system_cpu(void)
{
    auto_free char *text = NULL;
    struct str rest, line;
    size_t len;
    uint64_t sum = 0, value;
    long ticks = sysconf(_SC_CLK_TCK);

    if (fs_read_file(AT_FDCWD, "/proc/stat", PROC_TEXT_MAX, &text, &len, NULL) < 0 || ticks <= 0)
        return 0;
    rest = (struct str){ text, len };
    if (!str_split_next(&rest, '\n', &line) || !str_has_prefix(line, "cpu "))
        return 0;
    line.data += 4;
    line.len -= 4;
    for (unsigned i = 0; i < 8 && next_number(&line, &value); i++)
        sum += value;
    return sum * (UINT64_C(1000000000) / (uint64_t)ticks);
}

/* The lines of /proc/PID/net/dev are "  eth0: received … sent …", sixteen numbers. */
static void add_interface(struct str line, struct container_stats *ret)
{
    struct str name;
    uint64_t value;

    if (!str_split_next(&line, ':', &name) || str_is_equal_z(str_trim(name), "lo"))
        return;
    for (unsigned i = 0; next_number(&line, &value); i++) {
        if (i == NET_DEV_RECEIVED)
            ret->received_bytes += value;
        else if (i == NET_DEV_SENT)
            ret->sent_bytes += value;
    }
}

static void read_network(const struct container *c, struct container_stats *ret)
{
    auto_free char *text = NULL;
    struct str rest, line;
    char path[40];
    size_t len;

    snprintf(path, sizeof(path), "/proc/%d/net/dev", c->state.pid);
    if (c->config.network_mode == CONTAINER_NETWORK_HOST ||
            fs_read_file(AT_FDCWD, path, PROC_TEXT_MAX, &text, &len, NULL) < 0)
        return;
    rest = (struct str){ text, len };
    while (str_split_next(&rest, '\n', &line))
        add_interface(line, ret);
}

static uint64_t machine_memory(void)
{
    struct sysinfo info;

    return sysinfo(&info) == 0 ? (uint64_t)info.totalram * info.mem_unit : 0;
}

int container_stats_read(const struct container *c, struct container_stats *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(cgroup_release) struct cgroup cgroup = CGROUP_INIT;
    struct cgroup_stats used;
    uint64_t total = machine_memory();
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);

    *ret = (struct container_stats){ 0 };
    if (c->state.pid <= 0)
        return 0;
    int r = cgroup_open(
            &cgroup, container_cgroup_path(&arena, c->config.cgroup_parent, c->id), err);
    if (r <= 0)
        return r;
    cgroup_read_stats(&cgroup, &used);
    *ret = (struct container_stats){
        .cpu_nsec = used.cpu_nsec,
        .system_cpu_nsec = read_system_cpu(),
        .cpus = cpus > 0 ? (unsigned)cpus : 1,
        .memory_bytes = used.memory_bytes > used.memory_cache_bytes
                                ? used.memory_bytes - used.memory_cache_bytes
                                : used.memory_bytes,
        .memory_limit_bytes = used.memory_limit_bytes < total ? used.memory_limit_bytes : total,
        .read_bytes = used.read_bytes,
        .write_bytes = used.write_bytes,
        .pids = used.pids,
    };
    read_network(c, ret);
    return 1;
}

double container_stats_cpu_percent(
        const struct container_stats *before, const struct container_stats *now)
{
    if (now->cpu_nsec <= before->cpu_nsec || now->system_cpu_nsec <= before->system_cpu_nsec)
        return 0;
    return (double)(now->cpu_nsec - before->cpu_nsec) /
           (double)(now->system_cpu_nsec - before->system_cpu_nsec) * now->cpus * 100;
}
