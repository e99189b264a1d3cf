/* Limits as files of the groups: facts of the kernel's cgroup-v1 and cgroup-v2 documents. How one is
 * set and read back, and the controllers that have but one or two. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/runtime/cgroup-internal.h"

#define FILE_NAME_MAX 128
#define READ_MAX 8192

int cgroup_need(const struct cgroup *cgroup, enum cgroup_controller controller, const char *what,
        const struct cgroup_hierarchy **ret, struct error **err)
{
    const struct cgroup_hierarchy *hierarchy = cgroup_find(cgroup, controller);

    if (!hierarchy || hierarchy->fd < 0)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "cannot set the %s: the kernel's %s controller is not available here", what,
                cgroup_controller_names_v1[controller]);
    *ret = hierarchy;
    return 0;
}

static int find_file(const struct cgroup *cgroup, const struct cgroup_setting *setting, int *ret_fd,
        const char **ret_file, struct error **err)
{
    const struct cgroup_hierarchy *hierarchy = NULL;
    int r = cgroup_need(cgroup, setting->controller, setting->what, &hierarchy, err);

    if (r < 0)
        return r;
    *ret_fd = hierarchy->fd;
    *ret_file = hierarchy->v2 ? setting->file_v2 : setting->file_v1;
    if (!*ret_file)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "cannot set the %s: control groups of version %d have none", setting->what,
                hierarchy->v2 ? 2 : 1);
    return 0;
}

/* What the kernel made of it: it clamps and rounds without a word. */
static int read_back(int fd, const char *file, const struct cgroup_setting *setting,
        const char *text, int64_t value, struct error **err)
{
    char now[CGROUP_VALUE_MAX];
    int64_t number;
    ssize_t len = fs_read_small(fd, file, now, sizeof(now));

    if (len < 0 || strcmp(now, text) == 0)
        return 0; /* files that cannot be read are none of ours to judge */
    if (parse_int64(str_from(now), INT64_MIN, INT64_MAX, &number) >= 0) {
        if (number == value)
            return 0;
        /* "Unlimited" is the largest number of pages in v1. */
        if (setting->rounding == CGROUP_PAGES &&
                (value < 0 ? number > INT64_MAX / 2
                           : number <= value && value - number < sysconf(_SC_PAGESIZE)))
            return 0;
    }
    return error_set_plain(err, ERANGE, NULL,
            "cannot set the %s: the kernel has made %s of %s (%s)", setting->what, now, text, file);
}

static int write_setting(int fd, const char *file, const struct cgroup_setting *setting,
        const char *text, struct error **err)
{
    int r = fs_write_small(fd, file, text);

    if (r == -ENOENT && setting->optional)
        return 0;
    if (r == -EBUSY && setting->rounding == CGROUP_PAGES)
        return error_set_plain(
                err, EBUSY, NULL, "cannot set the %s to %s: more is in use", setting->what, text);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot set the %s: cannot write \"%s\" to %s",
                setting->what, text, file);
    return 1;
}

int cgroup_set(const struct cgroup *cgroup, const struct cgroup_setting *setting, int64_t value,
        struct error **err)
{
    char text[CGROUP_VALUE_MAX];
    const char *file = NULL;
    int fd = -EBADF;

    if (value == RESOURCE_UNSET)
        return 0;
    int r = find_file(cgroup, setting, &fd, &file, err);
    if (r < 0)
        return r;
    if (value < 0 && setting->max_word && string_is_equal(file, setting->file_v2))
        snprintf(text, sizeof(text), "max");
    else
        snprintf(text, sizeof(text), "%" PRId64, value);
    r = write_setting(fd, file, setting, text, err);
    if (r > 0 && setting->rounding != CGROUP_UNREAD)
        r = read_back(fd, file, setting, text, value, err);
    return r < 0 ? r : 0;
}

int cgroup_set_text(const struct cgroup *cgroup, const struct cgroup_setting *setting,
        const char *text, struct error **err)
{
    char now[READ_MAX];
    const char *file = NULL;
    int fd = -EBADF;
    int r = find_file(cgroup, setting, &fd, &file, err);

    if (r < 0)
        return r;
    r = write_setting(fd, file, setting, text, err);
    if (r <= 0 || setting->rounding == CGROUP_UNREAD)
        return r < 0 ? r : 0;
    if (fs_read_small(fd, file, now, sizeof(now)) >= 0 && !strstr(now, text))
        return error_set_plain(err, ERANGE, NULL,
                "cannot set the %s: the kernel does not say \"%s\" (%s)", setting->what, text,
                file);
    return 0;
}

/* ---- the small controllers ---- */

static int apply_pids(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    static const struct cgroup_setting limit = { CGROUP_PIDS, "limit of processes", "pids.max",
        "pids.max", CGROUP_EXACT, .max_word = true };
    int64_t value = res->pids_limit == RESOURCE_UNSET || res->pids_limit > 0 ? res->pids_limit : -1;

    return cgroup_set(c, &limit, value, err);
}

/* Reserved pages count too where the kernel tells them apart (Linux 5.7). */
static int apply_hugepages(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    for (size_t i = 0; i < res->hugepage_count; i++) {
        static const char *const infixes[] = { "", "rsvd." };

        for (size_t n = 0; n < ARRAY_LEN(infixes); n++) {
            char v1[FILE_NAME_MAX], v2[FILE_NAME_MAX];
            const struct cgroup_setting limit = { CGROUP_HUGETLB, "limit of huge pages", v1, v2,
                CGROUP_UNREAD, .optional = n > 0 };

            snprintf(v1, sizeof(v1), "hugetlb.%s.%slimit_in_bytes", res->hugepages[i].page_size,
                    infixes[n]);
            snprintf(v2, sizeof(v2), "hugetlb.%s.%smax", res->hugepages[i].page_size, infixes[n]);
            int r = cgroup_set(c, &limit, (int64_t)res->hugepages[i].limit_bytes, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int apply_rdma(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    static const struct cgroup_setting limit = { CGROUP_RDMA, "RDMA limit", "rdma.max", "rdma.max",
        CGROUP_UNREAD };

    for (size_t i = 0; i < res->rdma_count; i++) {
        const struct resource_rdma *rdma = &res->rdma[i];
        char text[FILE_NAME_MAX + CGROUP_VALUE_MAX];
        int len = snprintf(text, sizeof(text), "%.100s", rdma->device);

        if (rdma->handles != RESOURCE_UNSET)
            len += snprintf(
                    text + len, sizeof(text) - (size_t)len, " hca_handle=%" PRId64, rdma->handles);
        if (rdma->objects != RESOURCE_UNSET)
            snprintf(text + len, sizeof(text) - (size_t)len, " hca_object=%" PRId64, rdma->objects);
        int r = cgroup_set_text(c, &limit, text, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int apply_network(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    static const struct cgroup_setting class = { CGROUP_NET_CLS, "class of network packets",
        "net_cls.classid", NULL, CGROUP_EXACT };
    static const struct cgroup_setting priority = { CGROUP_NET_PRIO, "priority of a network",
        "net_prio.ifpriomap", NULL, CGROUP_UNREAD };
    int r = cgroup_set(c, &class, res->network_class_id, err);

    for (size_t i = 0; r >= 0 && i < res->network_priority_count; i++) {
        char text[CGROUP_VALUE_MAX];

        snprintf(text, sizeof(text), "%.32s %u", res->network_priorities[i].interface,
                res->network_priorities[i].priority);
        r = cgroup_set_text(c, &priority, text, err);
    }
    return r;
}

static int apply_unified(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    if (res->unified_count > 0 && !c->unified)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "invalid configuration: resources.unified needs control groups of version 2");
    for (size_t i = 0; i < res->unified_count; i++) {
        const struct resource_unified *entry = &res->unified[i];
        int r = fs_write_small(c->hierarchies[0].fd, entry->file, entry->value);

        if (r == -ENOENT)
            return error_set_plain(err, EOPNOTSUPP, NULL,
                    "resources.unified: there is no file \"%s\": its controller is not available here",
                    entry->file);
        if (r < 0)
            return error_set(err, -r, NULL, "resources.unified: cannot write \"%s\" to %s",
                    entry->value, entry->file);
    }
    return 0;
}

int cgroup_apply_limits(
        const struct cgroup *c, const struct runtime_resources *res, struct error **err)
{
    typedef int (*apply_fn)(
            const struct cgroup *, const struct runtime_resources *, struct error **);
    /* What is written by its v2 name comes last: it wins. */
    static const apply_fn steps[] = { cgroup_apply_cpu, cgroup_apply_memory, apply_pids,
        cgroup_apply_io, apply_hugepages, apply_rdma, apply_network, apply_unified };
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(steps); i++)
        r = steps[i](c, res, err);
    return r < 0 ? r : 0;
}

int cgroup_update(
        const struct cgroup *cgroup, const struct runtime_resources *resources, struct error **err)
{
    int r = cgroup_apply_limits(cgroup, resources, err);

    return r < 0 ? r : cgroup_restrict_devices(cgroup, resources, err);
}
