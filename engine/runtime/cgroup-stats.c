#include "engine/runtime/cgroup-stats.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/runtime/cgroup-internal.h"

#define STAT_TEXT_MAX 16384
#define NSEC_PER_USEC_UNSIGNED 1000u
/* v1 says "no limit" by the largest multiple of a page. */
#define LIMIT_V1_UNLIMITED (UINT64_C(1) << 62)

static struct str read_text(int fd, const char *file, char buffer[static STAT_TEXT_MAX])
{
    ssize_t len = fd >= 0 ? fs_read_small(fd, file, buffer, STAT_TEXT_MAX) : -1;

    return (struct str){ buffer, len > 0 ? (size_t)len : 0 };
}

static uint64_t number(struct str text)
{
    uint64_t value = 0;

    return parse_uint64(str_trim(text), UINT64_MAX, &value) == 0 ? value : 0;
}

static uint64_t read_number(int fd, const char *file)
{
    char buffer[STAT_TEXT_MAX];

    return number(read_text(fd, file, buffer));
}

/* "max", or a number that is as good as none. */
static uint64_t read_limit(int fd, const char *file)
{
    char buffer[STAT_TEXT_MAX];
    struct str text = read_text(fd, file, buffer);
    uint64_t value = number(text);

    return text.len == 0 || str_is_equal_z(str_trim(text), "max") || value >= LIMIT_V1_UNLIMITED
                   ? CGROUP_STAT_UNLIMITED
                   : value;
}

/* The number behind a key of a file of "key number" lines. */
static uint64_t find_key(struct str text, const char *key)
{
    struct str line, name;

    while (str_split_next(&text, '\n', &line))
        if (str_split_next(&line, ' ', &name) && str_is_equal_z(name, key))
            return number(line);
    return 0;
}

/* ---- version 1 ---- */

/* "8:0 Read 4096"; a file has a line per device and operation. */
static void add_blkio(struct str text, struct cgroup_stats *ret)
{
    struct str line, device, operation;

    while (str_split_next(&text, '\n', &line)) {
        if (!str_split_next(&line, ' ', &device) || !str_split_next(&line, ' ', &operation))
            continue;
        if (str_is_equal_z(operation, "Read"))
            ret->read_bytes += number(line);
        else if (str_is_equal_z(operation, "Write"))
            ret->write_bytes += number(line);
    }
}

static void read_v1(const struct cgroup *c, struct cgroup_stats *ret)
{
    int cpu = cgroup_controller_fd(c, CGROUP_CPU),
        account = cgroup_controller_fd(c, CGROUP_CPUACCT);
    int memory = cgroup_controller_fd(c, CGROUP_MEMORY), io = cgroup_controller_fd(c, CGROUP_BLKIO);
    char buffer[STAT_TEXT_MAX];
    long ticks = sysconf(_SC_CLK_TCK);
    uint64_t tick_nsec = ticks > 0 ? UINT64_C(1000000000) / (uint64_t)ticks : 0;

    ret->cpu_nsec = read_number(account, "cpuacct.usage");
    struct str text = read_text(account, "cpuacct.stat", buffer);
    ret->cpu_user_nsec = find_key(text, "user") * tick_nsec;
    ret->cpu_system_nsec = find_key(text, "system") * tick_nsec;
    text = read_text(cpu, "cpu.stat", buffer);
    ret->periods = find_key(text, "nr_periods");
    ret->throttled_periods = find_key(text, "nr_throttled");
    ret->throttled_nsec = find_key(text, "throttled_time");
    ret->memory_bytes = read_number(memory, "memory.usage_in_bytes");
    ret->memory_limit_bytes = read_limit(memory, "memory.limit_in_bytes");
    text = read_text(memory, "memory.stat", buffer);
    ret->memory_cache_bytes = find_key(text, "total_inactive_file");
    add_blkio(read_text(io, "blkio.throttle.io_service_bytes", buffer), ret);
}

/* ---- version 2 ---- */

/* "8:0 rbytes=1 wbytes=2 …" */
static void add_io(struct str text, struct cgroup_stats *ret)
{
    struct str line, word, key;

    while (str_split_next(&text, '\n', &line)) {
        while (str_split_next(&line, ' ', &word)) {
            if (!str_split_next(&word, '=', &key))
                continue;
            if (str_is_equal_z(key, "rbytes"))
                ret->read_bytes += number(word);
            else if (str_is_equal_z(key, "wbytes"))
                ret->write_bytes += number(word);
        }
    }
}

static void read_v2(const struct cgroup *c, struct cgroup_stats *ret)
{
    /* The CPU time is counted in every group, with or without the controller. */
    int cpu = c->count > 0 ? c->hierarchies[0].fd : -1,
        memory = cgroup_controller_fd(c, CGROUP_MEMORY);
    char buffer[STAT_TEXT_MAX];
    struct str text = read_text(cpu, "cpu.stat", buffer);

    ret->cpu_nsec = find_key(text, "usage_usec") * NSEC_PER_USEC_UNSIGNED;
    ret->cpu_user_nsec = find_key(text, "user_usec") * NSEC_PER_USEC_UNSIGNED;
    ret->cpu_system_nsec = find_key(text, "system_usec") * NSEC_PER_USEC_UNSIGNED;
    ret->periods = find_key(text, "nr_periods");
    ret->throttled_periods = find_key(text, "nr_throttled");
    ret->throttled_nsec = find_key(text, "throttled_usec") * NSEC_PER_USEC_UNSIGNED;
    ret->memory_bytes = read_number(memory, "memory.current");
    ret->memory_limit_bytes = read_limit(memory, "memory.max");
    text = read_text(memory, "memory.stat", buffer);
    ret->memory_cache_bytes = find_key(text, "inactive_file");
    add_io(read_text(cgroup_controller_fd(c, CGROUP_BLKIO), "io.stat", buffer), ret);
}

void cgroup_read_stats(const struct cgroup *cgroup, struct cgroup_stats *ret)
{
    int pids = cgroup_controller_fd(cgroup, CGROUP_PIDS);

    *ret = (struct cgroup_stats){ 0 };
    if (cgroup->unified)
        read_v2(cgroup, ret);
    else
        read_v1(cgroup, ret);
    ret->pids = read_number(pids, "pids.current");
    ret->pids_limit = read_limit(pids, "pids.max");
}
