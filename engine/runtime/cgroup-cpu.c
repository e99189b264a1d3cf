/* CPU time of a group, and which processors it may use. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/runtime/cgroup-internal.h"
#include "engine/runtime/scheduling.h"

#define CPU_PERIOD_DEFAULT_USEC 100000
#define LIST_MAX 4096

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

static const struct cgroup_setting shares_setting = { CGROUP_CPU, "CPU shares", "cpu.shares",
    "cpu.weight", CGROUP_EXACT };
static const struct cgroup_setting period_setting = { CGROUP_CPU, "CPU period", "cpu.cfs_period_us",
    NULL, CGROUP_EXACT };
static const struct cgroup_setting quota_setting = { CGROUP_CPU, "CPU quota", "cpu.cfs_quota_us",
    NULL, CGROUP_EXACT };
static const struct cgroup_setting max_setting = { CGROUP_CPU, "CPU limit", NULL, "cpu.max",
    CGROUP_EXACT };
static const struct cgroup_setting burst_setting = { CGROUP_CPU, "CPU burst", "cpu.cfs_burst_us",
    "cpu.max.burst", CGROUP_EXACT };
static const struct cgroup_setting idle_setting = { CGROUP_CPU, "CPU idle", "cpu.idle", "cpu.idle",
    CGROUP_EXACT };
static const struct cgroup_setting rt_period_setting = { CGROUP_CPU, "CPU real-time period",
    "cpu.rt_period_us", NULL, CGROUP_EXACT };
static const struct cgroup_setting rt_runtime_setting = { CGROUP_CPU, "CPU real-time runtime",
    "cpu.rt_runtime_us", NULL, CGROUP_EXACT };

static bool is_set(int64_t value)
{
    return value != RESOURCE_UNSET;
}

static int64_t or_unset(int64_t value)
{
    return value == 0 ? RESOURCE_UNSET : value;
}

/* ---- real time: the time of a group is part of its parent's ---- */

static int64_t read_time(int fd, const char *file)
{
    char text[CGROUP_VALUE_MAX];
    int64_t value;

    if (fs_read_small(fd, file, text, sizeof(text)) < 0 ||
            parse_int64(str_from(text), -1, INT64_MAX / USEC_PER_SEC, &value) < 0)
        return -1;
    return value;
}

/* A group above ours has none until it is given some, and its children share what it has: our part
 * is added, in its own period. What is refused is still missing then, which the group itself will
 * tell; what others have left there may be enough. */
static void add_part(int fd, int64_t period, int64_t runtime)
{
    int64_t own_period = read_time(fd, "cpu.rt_period_us");
    int64_t now = read_time(fd, "cpu.rt_runtime_us");
    char text[CGROUP_VALUE_MAX];

    if (own_period <= 0 || now < 0 || runtime > own_period)
        return;
    snprintf(text, sizeof(text), "%" PRId64, now + (runtime * own_period + period - 1) / period);
    (void)fs_write_small(fd, "cpu.rt_runtime_us", text);
}

static int give_parents(const struct cgroup *c, const struct cgroup_hierarchy *h, int64_t period,
        int64_t runtime, struct error **err)
{
    char path[sizeof(CGROUP_MOUNT) + CGROUP_DIRECTORY_MAX + CGROUP_PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/%s%s", CGROUP_MOUNT, h->directory, c->path);
    size_t at = strlen(CGROUP_MOUNT) + 1 + strlen(h->directory);

    if (len < 0 || (size_t)len >= sizeof(path))
        return error_set_plain(err, ENAMETOOLONG, NULL, "the path of a control group is too long");
    if (period < 0)
        period = read_time(h->fd, "cpu.rt_period_us");
    /* One that has some already was given its part. */
    if (period <= 0 || runtime <= 0 || read_time(h->fd, "cpu.rt_runtime_us") > 0)
        return 0;
    for (char *slash = strchr(path + at + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        auto_close int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
        *slash = '/';
        if (fd >= 0)
            add_part(fd, period, runtime);
    }
    return 0;
}

static int apply_realtime(const struct cgroup *c, const struct cgroup_hierarchy *h,
        const struct runtime_resources *res, struct error **err)
{
    int64_t period = or_unset(res->cpu_rt_period_usec);
    int64_t runtime = or_unset(res->cpu_rt_runtime_usec);
    int r = 0;

    if (!is_set(period) && !is_set(runtime))
        return 0;
    if (!h->v2)
        r = give_parents(c, h, period, runtime, err);
    if (r < 0)
        return r;
    /* Neither may make the other impossible on the way: a period below the old runtime. */
    if (is_set(period) && cgroup_set(c, &rt_period_setting, period, NULL) >= 0)
        period = RESOURCE_UNSET;
    r = cgroup_set(c, &rt_runtime_setting, runtime, err);
    return r < 0 ? r : cgroup_set(c, &rt_period_setting, period, err);
}

/* ---- fair scheduling ---- */

/* Neither may make the other impossible on the way: a lower period with the old, higher quota. */
static int apply_quota_v1(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    int64_t period = or_unset(res->cpu_period_usec), quota = or_unset(res->cpu_quota_usec);
    int64_t burst = res->cpu_burst_usec;

    /* A burst above the new quota, or a quota below the old burst. */
    if (is_set(burst) && cgroup_set(c, &burst_setting, burst, NULL) >= 0)
        burst = RESOURCE_UNSET;
    if (cgroup_set(c, &period_setting, period, NULL) < 0) {
        int r = cgroup_set(c, &quota_setting, quota, err);

        if (r >= 0)
            r = cgroup_set(c, &period_setting, period, err);
        return r < 0 ? r : cgroup_set(c, &burst_setting, burst, err);
    }
    int r = cgroup_set(c, &quota_setting, quota, err);
    return r < 0 ? r : cgroup_set(c, &burst_setting, burst, err);
}

static int apply_quota_v2(const struct cgroup *c, const struct cgroup_hierarchy *h,
        const struct runtime_resources *res, struct error **err)
{
    int64_t period = or_unset(res->cpu_period_usec), quota = or_unset(res->cpu_quota_usec);
    int64_t burst = res->cpu_burst_usec;
    char text[CGROUP_VALUE_MAX], now[CGROUP_VALUE_MAX];
    struct str rest, word = { 0 };
    int r = 0;

    if (is_set(burst) && cgroup_set(c, &burst_setting, burst, NULL) >= 0)
        burst = RESOURCE_UNSET;
    if (is_set(period) || is_set(quota)) {
        /* The one that is not given stays as it is. */
        if (fs_read_small(h->fd, "cpu.max", now, sizeof(now)) < 0)
            snprintf(now, sizeof(now), "max %d", CPU_PERIOD_DEFAULT_USEC);
        rest = str_from(now);
        (void)str_split_next(&rest, ' ', &word);
        if (!is_set(period) && parse_int64(rest, 1, INT64_MAX, &period) < 0)
            period = CPU_PERIOD_DEFAULT_USEC;
        if (!is_set(quota))
            snprintf(text, sizeof(text), "%.*s %" PRId64, STR_FMT(word), period);
        else if (quota < 0)
            snprintf(text, sizeof(text), "max %" PRId64, period);
        else
            snprintf(text, sizeof(text), "%" PRId64 " %" PRId64, quota, period);
        r = cgroup_set_text(c, &max_setting, text, err);
    }
    return r < 0 ? r : cgroup_set(c, &burst_setting, burst, err);
}

/* ---- processors and memory nodes ---- */

/* The kernel prints lists in its own words; what counts are the members. */
static bool is_same_list(const char *a, const char *b)
{
    struct scheduling_mask masks[2];

    return scheduling_parse_mask(str_from(a), &masks[0]) >= 0 &&
           scheduling_parse_mask(str_from(b), &masks[1]) >= 0 &&
           memcmp(masks[0].words, masks[1].words, sizeof(masks[0].words)) == 0;
}

static int set_list(const struct cgroup *c, const char *file, const char *value, struct error **err)
{
    const struct cgroup_setting setting = { CGROUP_CPUSET, "set of CPUs", file, file,
        CGROUP_UNREAD };
    char now[LIST_MAX];

    if (!value)
        return 0;
    int r = cgroup_set_text(c, &setting, value, err);
    if (r < 0)
        return r;
    if (fs_read_small(cgroup_controller_fd(c, CGROUP_CPUSET), file, now, sizeof(now)) >= 0 &&
            !is_same_list(now, value))
        return error_set_plain(err, ERANGE, NULL,
                "cannot set the set of CPUs: the kernel has made \"%s\" of \"%s\" (%s)", now, value,
                file);
    return 0;
}

int cgroup_apply_cpu(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    const struct cgroup_hierarchy *h = NULL;
    int64_t shares = or_unset(res->cpu_shares);
    bool any = is_set(shares) || is_set(res->cpu_quota_usec) || is_set(res->cpu_period_usec) ||
               is_set(res->cpu_rt_period_usec) || is_set(res->cpu_rt_runtime_usec) ||
               is_set(res->cpu_burst_usec) || is_set(res->cpu_idle);
    int r = set_list(c, "cpuset.cpus", res->cpuset_cpus, err);

    if (r >= 0)
        r = set_list(c, "cpuset.mems", res->cpuset_mems, err);
    if (r < 0 || !any)
        return r;
    r = cgroup_need(c, CGROUP_CPU, "CPU limit", &h, err);
    if (r >= 0)
        r = apply_realtime(c, h, res, err);
    /* An idle group has no weight to set. */
    if (r >= 0 && res->cpu_idle == 0)
        r = cgroup_set(c, &idle_setting, 0, err);
    if (r >= 0 && is_set(shares) && h->v2)
        shares = (int64_t)cgroup_weight_from_shares((uint64_t)shares);
    if (r >= 0 && res->cpu_idle != 1)
        r = cgroup_set(c, &shares_setting, shares, err);
    if (r >= 0 && res->cpu_idle == 1)
        r = cgroup_set(c, &idle_setting, 1, err);
    if (r >= 0)
        r = h->v2 ? apply_quota_v2(c, h, res, err) : apply_quota_v1(c, res, err);
    return r;
}
