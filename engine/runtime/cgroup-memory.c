/* Memory of a group. v1 limits memory, and memory with swap; v2 limits memory, and swap. The
 * configuration is in v1's terms. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/runtime/cgroup-internal.h"

static const struct cgroup_setting limit_setting = { CGROUP_MEMORY, "memory limit",
    "memory.limit_in_bytes", "memory.max", CGROUP_PAGES, .max_word = true };
/* Without swap accounting in the kernel it is dropped, as cgroup_probe has told. */
static const struct cgroup_setting total_setting = { CGROUP_MEMORY, "memory swap limit",
    "memory.memsw.limit_in_bytes", NULL, CGROUP_PAGES, .optional = true };
static const struct cgroup_setting swap_setting = { CGROUP_MEMORY, "memory swap limit", NULL,
    "memory.swap.max", CGROUP_PAGES, .max_word = true, .optional = true };
static const struct cgroup_setting reservation_setting = { CGROUP_MEMORY, "memory reservation",
    "memory.soft_limit_in_bytes", "memory.low", CGROUP_PAGES, .max_word = true };
static const struct cgroup_setting swappiness_setting = { CGROUP_MEMORY, "swappiness",
    "memory.swappiness", NULL, CGROUP_EXACT };
static const struct cgroup_setting oom_setting = { CGROUP_MEMORY, "handling of want of memory",
    "memory.oom_control", NULL, CGROUP_UNREAD };

static bool is_set(int64_t value)
{
    return value != RESOURCE_UNSET;
}

/* 0 means "as it is" in configurations. */
static int64_t or_unset(int64_t value)
{
    return value == 0 ? RESOURCE_UNSET : value;
}

static int64_t read_number(int fd, const char *file)
{
    char text[CGROUP_VALUE_MAX];
    int64_t value;

    if (fs_read_small(fd, file, text, sizeof(text)) < 0 ||
            parse_int64(str_from(text), 0, INT64_MAX, &value) < 0)
        return -1;
    return value;
}

static int check_usage(const struct cgroup_hierarchy *h, int64_t limit, struct error **err)
{
    int64_t usage = read_number(h->fd, h->v2 ? "memory.current" : "memory.usage_in_bytes");

    if (!is_set(limit) || limit < 0 || usage < limit)
        return 0;
    return error_set_plain(err, EBUSY, NULL,
            "cannot set the memory limit to %" PRId64 ": %" PRId64 " are in use", limit, usage);
}

/* Linux 6 has no limit of the kernel's memory alone any more, and the specification allows to
 * ignore it. */
static int set_kernel_memory(
        const struct cgroup_hierarchy *h, const char *file, int64_t value, struct error **err)
{
    char text[CGROUP_VALUE_MAX];

    if (!is_set(value) || h->v2)
        return 0;
    snprintf(text, sizeof(text), "%" PRId64, value);
    int r = fs_write_small(h->fd, file, text);
    if (r < 0 && r != -ENOENT && r != -EOPNOTSUPP)
        return error_set(err, -r, NULL, "cannot write \"%s\" to %s", text, file);
    return 0;
}

/* The total may never be below the limit, at no moment. */
static int apply_v1(const struct cgroup *c, const struct cgroup_hierarchy *h,
        const struct runtime_resources *res, struct error **err)
{
    int64_t limit = or_unset(res->memory_limit_bytes), total = or_unset(res->memory_swap_bytes);

    if (is_set(limit) && limit < 0 && !is_set(total))
        total = -1;
    bool total_first = is_set(total) &&
                       (total < 0 || read_number(h->fd, "memory.limit_in_bytes") < total);
    int r = total_first ? cgroup_set(c, &total_setting, total, err)
                        : cgroup_set(c, &limit_setting, limit, err);
    if (r >= 0)
        r = total_first ? cgroup_set(c, &limit_setting, limit, err)
                        : cgroup_set(c, &total_setting, total, err);
    if (r >= 0)
        r = set_kernel_memory(h, "memory.kmem.limit_in_bytes", res->memory_kernel_bytes, err);
    if (r >= 0)
        r = set_kernel_memory(
                h, "memory.kmem.tcp.limit_in_bytes", res->memory_kernel_tcp_bytes, err);
    return r;
}

static int apply_v2(const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    int64_t limit = or_unset(res->memory_limit_bytes), total = or_unset(res->memory_swap_bytes);
    int64_t swap = total;

    if (is_set(limit) && limit < 0 && !is_set(total))
        swap = -1;
    if (is_set(total) && total > 0) {
        if (!is_set(limit) || limit < 0)
            return error_set_plain(err, EINVAL, NULL,
                    "cannot set the memory swap limit: it needs a memory limit with it");
        swap = total - limit;
        if (swap < 0)
            return error_set_plain(err, EINVAL, NULL,
                    "Minimum memoryswap limit should be larger than memory limit, see usage");
    }
    int r = cgroup_set(c, &swap_setting, swap, err);
    return r < 0 ? r : cgroup_set(c, &limit_setting, limit, err);
}

int cgroup_apply_memory(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    const struct cgroup_hierarchy *h = NULL;
    bool any = is_set(res->memory_limit_bytes) || is_set(res->memory_swap_bytes) ||
               is_set(res->memory_reservation_bytes) || is_set(res->memory_swappiness) ||
               is_set(res->memory_kernel_bytes) || is_set(res->memory_kernel_tcp_bytes) ||
               res->memory_oom_kill_disable;

    if (!any)
        return 0;
    int r = cgroup_need(c, CGROUP_MEMORY, "memory limit", &h, err);
    if (r >= 0 && res->memory_check_before_update)
        r = check_usage(h, or_unset(res->memory_limit_bytes), err);
    if (r >= 0)
        r = h->v2 ? apply_v2(c, res, err) : apply_v1(c, h, res, err);
    if (r >= 0)
        r = cgroup_set(c, &reservation_setting, or_unset(res->memory_reservation_bytes), err);
    if (r >= 0)
        r = cgroup_set(c, &swappiness_setting,
                res->memory_swappiness < 0 ? RESOURCE_UNSET : res->memory_swappiness, err);
    if (r >= 0 && res->memory_oom_kill_disable)
        r = cgroup_set(c, &oom_setting, 1, err);
    return r;
}
