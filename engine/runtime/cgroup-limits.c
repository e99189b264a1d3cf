/* Limits as files of the groups: facts of the kernel's cgroup-v1 and cgroup-v2 documents. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/runtime/cgroup-internal.h"

#define VALUE_MAX 96
#define FILE_MAX 128
#define CPU_PERIOD_DEFAULT_USEC 100000

/* Natural logarithm of 1 <= x < 2 and e^x for |x| < 1 by their series: the monitor does without
 * libm. */
static double log_of(double x)
{
    double z = (x - 1) / (x + 1), term = z, sum = 0;

    for (int n = 1; n < 60; n += 2, term *= z * z)
        sum += term / n;
    return 2 * sum;
}

static double exp_of(double x)
{
    double term = 1, sum = 1;

    for (int n = 1; n < 40; n++) {
        term *= x / n;
        sum += term;
    }
    return sum;
}

/* 10^((l^2 + 125 l) / 612 - 7/34) with l = log2(shares), rounded up: keeps 1024 at 100 and both
 * ends of the ranges, as runc and crun have it since 2025. */
uint64_t cgroup_weight_from_shares(uint64_t shares)
{
    const double ln2 = 0.693147180559945309, ln10 = 2.302585092994045684;

    if (shares <= 2)
        return 1;
    if (shares >= 262144)
        return 10000;
    int whole = 63 - __builtin_clzll(shares);
    double l = whole + log_of((double)shares / (double)(UINT64_C(1) << whole)) / ln2;
    double exponent = ((l * l + 125 * l) / 612 - 7.0 / 34) * ln10;
    double weight = 1;
    for (; exponent > 1; exponent -= 1)
        weight *= exp_of(1);
    weight *= exp_of(exponent);
    /* What is an integer but for rounding must not be pushed to the next. */
    uint64_t floor_value = (uint64_t)(weight + 1e-9);
    return weight - (double)floor_value > 1e-9 ? floor_value + 1 : floor_value;
}

uint64_t cgroup_io_weight_from_blkio(uint64_t weight)
{
    return weight < 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

/* The group with the controller, or an error that says which limit needs it. */
static int need(const struct cgroup *cgroup, enum cgroup_controller controller, const char *what,
        struct error **err)
{
    int fd = cgroup_controller_fd(cgroup, controller);

    if (fd < 0)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "cannot set the %s: the kernel's %s controller is not available here", what,
                cgroup_controller_names_v1[controller]);
    return fd;
}

static int set_number(const struct cgroup *cgroup, enum cgroup_controller controller,
        const char *what, const char *file, int64_t value, bool max_word, struct error **err)
{
    char text[VALUE_MAX];
    int fd = need(cgroup, controller, what, err);

    if (fd < 0)
        return fd;
    if (value < 0 && max_word)
        snprintf(text, sizeof(text), "max");
    else
        snprintf(text, sizeof(text), "%" PRId64, value);
    int r = cgroup_write(fd, file, text, err);
    return r < 0 ? error_wrap(err, r, "cannot set the %s", what) : 0;
}

/* A file that some kernels are built without; then the limit is dropped, as cgroup_probe has
 * told. */
static int set_if_there(int fd, const char *file, int64_t value, bool max_word, struct error **err)
{
    char text[VALUE_MAX];

    if (value < 0 && max_word)
        snprintf(text, sizeof(text), "max");
    else
        snprintf(text, sizeof(text), "%" PRId64, value);
    int r = fs_write_small(fd, file, text);
    if (r == -ENOENT)
        return 0;
    return r < 0 ? error_set(err, -r, NULL, "cannot write \"%s\" to %s of the control group", text,
                           file)
                 : 0;
}

static bool is_set(int64_t value)
{
    return value != RESOURCE_UNSET;
}

/* ---- memory ---- */

/* True when the limit of memory and swap is below `swap`. */
static bool grows(int fd, int64_t swap)
{
    char text[VALUE_MAX];
    uint64_t now = 0;
    ssize_t len = fs_read_small(fd, "memory.memsw.limit_in_bytes", text, sizeof(text));

    return len > 0 && swap > 0 &&
           parse_uint64((struct str){ text, (size_t)len }, UINT64_MAX, &now) == 0 &&
           now < (uint64_t)swap;
}

static int apply_memory_v1(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    int fd = need(c, CGROUP_MEMORY, "memory limit", err);
    int r = 0;

    if (fd < 0)
        return fd;
    /* memsw may never be below the limit: of a new group, which is unlimited, the limit is lowered first, of one
     * whose limits grow memsw is raised first. */
    if (is_set(res->memory_swap_bytes) && grows(fd, res->memory_swap_bytes))
        r = set_if_there(fd, "memory.memsw.limit_in_bytes", res->memory_swap_bytes, false, err);
    if (r >= 0 && is_set(res->memory_limit_bytes) && res->memory_limit_bytes != 0)
        r = set_number(c, CGROUP_MEMORY, "memory limit", "memory.limit_in_bytes",
                res->memory_limit_bytes, false, err);
    if (r >= 0 && is_set(res->memory_swap_bytes) && res->memory_swap_bytes != 0)
        r = set_if_there(fd, "memory.memsw.limit_in_bytes", res->memory_swap_bytes, false, err);
    if (r >= 0 && is_set(res->memory_reservation_bytes) && res->memory_reservation_bytes != 0)
        r = set_number(c, CGROUP_MEMORY, "memory reservation", "memory.soft_limit_in_bytes",
                res->memory_reservation_bytes, false, err);
    if (r >= 0 && is_set(res->memory_swappiness) && res->memory_swappiness >= 0)
        r = set_number(c, CGROUP_MEMORY, "swappiness", "memory.swappiness", res->memory_swappiness,
                false, err);
    if (r >= 0 && res->memory_oom_kill_disable)
        r = set_number(c, CGROUP_MEMORY, "handling of want of memory", "memory.oom_control", 1,
                false, err);
    return r;
}

static int apply_memory_v2(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    int64_t limit = res->memory_limit_bytes, total = res->memory_swap_bytes;
    int fd = need(c, CGROUP_MEMORY, "memory limit", err);
    int r = 0;

    if (fd < 0)
        return fd;
    /* v1's limit is memory and swap together, v2's is swap alone. */
    if (is_set(total) && total != 0) {
        int64_t swap = total < 0 ? -1 : total - (is_set(limit) && limit > 0 ? limit : 0);

        if (total > 0 && swap < 0)
            return error_set_plain(err, EINVAL, NULL,
                    "Minimum memoryswap limit should be larger than memory limit, see usage");
        r = set_if_there(fd, "memory.swap.max", swap, true, err);
    }
    if (r >= 0 && is_set(limit) && limit != 0)
        r = set_number(c, CGROUP_MEMORY, "memory limit", "memory.max", limit, true, err);
    if (r >= 0 && is_set(res->memory_reservation_bytes) && res->memory_reservation_bytes != 0)
        r = set_number(c, CGROUP_MEMORY, "memory reservation", "memory.low",
                res->memory_reservation_bytes, true, err);
    return r;
}

/* ---- cpu ---- */

static int apply_cpu_v1(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    const struct {
        int64_t value;
        const char *file;
    } files[] = {
        { res->cpu_rt_period_usec, "cpu.rt_period_us" },
        { res->cpu_rt_runtime_usec, "cpu.rt_runtime_us" },
        { res->cpu_shares, "cpu.shares" },
        { res->cpu_period_usec, "cpu.cfs_period_us" },
        { res->cpu_quota_usec, "cpu.cfs_quota_us" },
    };
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(files); i++) {
        if (is_set(files[i].value) && files[i].value != 0)
            r = set_number(c, CGROUP_CPU, "CPU limit", files[i].file, files[i].value, false, err);
    }
    return r;
}

static int apply_cpu_v2(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    int64_t quota = res->cpu_quota_usec, period = res->cpu_period_usec;
    char text[VALUE_MAX];
    int r = 0;

    if (is_set(res->cpu_rt_period_usec) || is_set(res->cpu_rt_runtime_usec))
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "control groups of version 2 have no limit of real-time CPU time");
    if (is_set(res->cpu_shares) && res->cpu_shares != 0)
        r = set_number(c, CGROUP_CPU, "CPU shares", "cpu.weight",
                (int64_t)cgroup_weight_from_shares((uint64_t)res->cpu_shares), false, err);
    if (r < 0 || ((!is_set(quota) || quota == 0) && (!is_set(period) || period == 0)))
        return r;
    int fd = need(c, CGROUP_CPU, "CPU limit", err);
    if (fd < 0)
        return fd;
    if (!is_set(period) || period == 0)
        period = CPU_PERIOD_DEFAULT_USEC;
    if (is_set(quota) && quota > 0)
        snprintf(text, sizeof(text), "%" PRId64 " %" PRId64, quota, period);
    else
        snprintf(text, sizeof(text), "max %" PRId64, period);
    r = cgroup_write(fd, "cpu.max", text, err);
    return r < 0 ? error_wrap(err, r, "cannot set the CPU limit") : 0;
}

static int apply_cpuset(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    const struct {
        const char *value, *file;
    } files[] = { { res->cpuset_cpus, "cpuset.cpus" }, { res->cpuset_mems, "cpuset.mems" } };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        if (!files[i].value)
            continue;
        int fd = need(c, CGROUP_CPUSET, "set of CPUs", err);
        int r = fd < 0 ? fd : cgroup_write(fd, files[i].file, files[i].value, err);
        if (r < 0)
            return error_wrap(err, r, "cannot set %s", files[i].file);
    }
    return 0;
}

/* ---- block I/O ---- */

static int apply_blkio_weight(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    if (!is_set(res->blkio_weight) || res->blkio_weight == 0)
        return 0;
    int fd = need(c, CGROUP_BLKIO, "block I/O weight", err);
    if (fd < 0)
        return fd;
    const char *first = c->unified ? "io.bfq.weight" : "blkio.weight";
    const char *second = c->unified ? "io.weight" : "blkio.bfq.weight";
    int64_t second_value = c->unified ? (int64_t)cgroup_io_weight_from_blkio(
                                                (uint64_t)res->blkio_weight)
                                      : res->blkio_weight;
    char text[VALUE_MAX];
    snprintf(text, sizeof(text), "%" PRId64, res->blkio_weight);
    int r = fs_write_small(fd, first, text);
    if (r == -ENOENT)
        return set_if_there(fd, second, second_value, false, err);
    return r < 0 ? error_set(err, -r, NULL, "cannot set the block I/O weight") : 0;
}

static int apply_blkio_lists(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    static const struct {
        const char *file_v1, *key_v2;
    } throttle[THROTTLE_MAX_] = {
        [THROTTLE_READ_BPS] = { "blkio.throttle.read_bps_device", "rbps" },
        [THROTTLE_WRITE_BPS] = { "blkio.throttle.write_bps_device", "wbps" },
        [THROTTLE_READ_IOPS] = { "blkio.throttle.read_iops_device", "riops" },
        [THROTTLE_WRITE_IOPS] = { "blkio.throttle.write_iops_device", "wiops" },
    };
    char text[VALUE_MAX];

    for (size_t i = 0; i < res->blkio_weight_devices.len; i++) {
        const struct resource_blkio_device *d = &res->blkio_weight_devices.items[i];
        int fd = need(c, CGROUP_BLKIO, "block I/O weight", err);
        if (fd < 0)
            return fd;
        snprintf(text, sizeof(text), "%u:%u %" PRIu64, d->major, d->minor, d->value);
        int r = cgroup_write(fd, c->unified ? "io.bfq.weight" : "blkio.weight_device", text, err);
        if (r < 0)
            return r;
    }
    for (size_t t = 0; t < THROTTLE_MAX_; t++) {
        for (size_t i = 0; i < res->blkio_throttle[t].len; i++) {
            const struct resource_blkio_device *d = &res->blkio_throttle[t].items[i];
            int fd = need(c, CGROUP_BLKIO, "block I/O limit", err);
            if (fd < 0)
                return fd;
            if (c->unified)
                snprintf(text, sizeof(text), "%u:%u %s=%" PRIu64, d->major, d->minor,
                        throttle[t].key_v2, d->value);
            else
                snprintf(text, sizeof(text), "%u:%u %" PRIu64, d->major, d->minor, d->value);
            int r = cgroup_write(fd, c->unified ? "io.max" : throttle[t].file_v1, text, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int apply_hugepages(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    for (size_t i = 0; i < res->hugepage_count; i++) {
        char file[FILE_MAX];

        snprintf(file, sizeof(file), "hugetlb.%s.%s", res->hugepages[i].page_size,
                c->unified ? "max" : "limit_in_bytes");
        int r = set_number(c, CGROUP_HUGETLB, "limit of huge pages", file,
                (int64_t)res->hugepages[i].limit_bytes, false, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int apply_unified(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    if (res->unified_count > 0 && !c->unified)
        return error_set_plain(
                err, EOPNOTSUPP, NULL, "resources.unified needs control groups of version 2");
    for (size_t i = 0; i < res->unified_count; i++) {
        int r = cgroup_write(
                c->hierarchies[0].fd, res->unified[i].file, res->unified[i].value, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int cgroup_apply_limits(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    bool memory = is_set(res->memory_limit_bytes) || is_set(res->memory_swap_bytes) ||
                  is_set(res->memory_reservation_bytes) || is_set(res->memory_swappiness) ||
                  res->memory_oom_kill_disable;
    int r = apply_cpuset(c, res, err);

    if (r >= 0 && memory)
        r = c->unified ? apply_memory_v2(c, res, err) : apply_memory_v1(c, res, err);
    if (r >= 0)
        r = c->unified ? apply_cpu_v2(c, res, err) : apply_cpu_v1(c, res, err);
    if (r >= 0 && is_set(res->pids_limit))
        r = set_number(c, CGROUP_PIDS, "limit of processes", "pids.max",
                res->pids_limit > 0 ? res->pids_limit : -1, true, err);
    if (r >= 0)
        r = apply_blkio_weight(c, res, err);
    if (r >= 0)
        r = apply_blkio_lists(c, res, err);
    if (r >= 0)
        r = apply_hugepages(c, res, err);
    if (r >= 0)
        r = apply_unified(c, res, err);
    return r;
}

int cgroup_update(
        struct cgroup *cgroup, const struct runtime_resources *resources, struct error **err)
{
    return cgroup_apply_limits(cgroup, resources, err);
}
