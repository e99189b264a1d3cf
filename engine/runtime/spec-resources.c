#include "engine/runtime/resources.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/str.h"
#include "engine/runtime/resources-internal.h"

static int parse_numbers(const json_t *object, const struct number_member *members, size_t count,
        void *target, struct error **err)
{
    for (size_t i = 0; i < count; i++) {
        int64_t value = RESOURCE_UNSET;
        int r = jsonx_get_int(object, members[i].key, &value, err);

        if (r < 0)
            return r;
        if (value != RESOURCE_UNSET && (value < members[i].min || value > members[i].max))
            return error_set_plain(err, ERANGE, NULL, "%s: %lld is out of range", members[i].what,
                    (long long)value);
        *(int64_t *)(void *)((char *)target + members[i].offset) = value;
    }
    return 0;
}

#define NUMBER(key_, member, text, min_, max_)                             \
    {                                                                      \
        key_, offsetof(struct runtime_resources, member), text, min_, max_ \
    }

/* OCI's unsigned numbers beyond 2^63 mean nothing to the kernel either. */
static const struct number_member memory_members[] = {
    NUMBER("limit", memory_limit_bytes, "memory limit", -1, INT64_MAX),
    NUMBER("reservation", memory_reservation_bytes, "memory reservation", -1, INT64_MAX),
    NUMBER("swap", memory_swap_bytes, "memory swap limit", -1, INT64_MAX),
    NUMBER("kernel", memory_kernel_bytes, "kernel memory limit", -1, INT64_MAX),
    NUMBER("kernelTCP", memory_kernel_tcp_bytes, "kernel TCP memory limit", -1, INT64_MAX),
    NUMBER("swappiness", memory_swappiness, "memory swappiness", -1, 100),
};
static const struct number_member cpu_members[] = {
    NUMBER("shares", cpu_shares, "CPU shares", 0, INT64_MAX),
    NUMBER("quota", cpu_quota_usec, "CPU quota", -1, INT64_MAX),
    NUMBER("period", cpu_period_usec, "CPU period", 0, INT64_MAX),
    NUMBER("burst", cpu_burst_usec, "CPU burst", 0, INT64_MAX),
    NUMBER("idle", cpu_idle, "CPU idle", 0, 1),
    NUMBER("realtimeRuntime", cpu_rt_runtime_usec, "CPU real-time runtime", -1, INT64_MAX),
    NUMBER("realtimePeriod", cpu_rt_period_usec, "CPU real-time period", 0, INT64_MAX),
};
static const struct number_member pids_members[] = {
    NUMBER("limit", pids_limit, "limit of processes", -1, INT64_MAX),
};
static const struct number_member network_members[] = {
    NUMBER("classID", network_class_id, "class of network packets", 0, UINT32_MAX),
};
static const struct number_member blkio_members[] = {
    NUMBER("weight", blkio_weight, "block I/O weight", 0, 1000),
    NUMBER("leafWeight", blkio_leaf_weight, "block I/O leaf weight", 0, 1000),
};

static int parse_text(struct arena *arena, const json_t *object, const char *key, const char **ret,
        struct error **err)
{
    const char *text = NULL;
    int r = jsonx_get_string(object, key, &text, err);

    if (r < 0)
        return r;
    *ret = string_is_empty(text) ? NULL : arena_strdup(arena, text);
    return 0;
}

static int parse_device_rule(
        const json_t *json, struct resource_device_rule *ret, struct error **err)
{
    struct resource_device_rule rule = { .type = 'a', .major = -1, .minor = -1 };
    const char *type = NULL, *access = NULL;
    int r = jsonx_get_bool(json, "allow", &rule.allow, err);

    if (r >= 0)
        r = jsonx_get_string(json, "type", &type, err);
    if (r >= 0)
        r = jsonx_get_string(json, "access", &access, err);
    if (r >= 0)
        r = jsonx_get_int(json, "major", &rule.major, err);
    if (r >= 0)
        r = jsonx_get_int(json, "minor", &rule.minor, err);
    if (r < 0)
        return r;
    if (!string_is_empty(type)) {
        if (type[1] || !strchr("abcu", type[0]))
            return error_set_plain(err, EINVAL, NULL, "device rule: unknown type \"%s\"", type);
        rule.type = type[0] == 'u' ? 'c' : type[0];
    }
    if (rule.major < -1 || rule.minor < -1 || rule.major > UINT32_MAX || rule.minor > UINT32_MAX)
        return error_set_plain(err, ERANGE, NULL, "device rule: number out of range");
    if (string_is_empty(access))
        access = "rwm";
    for (const char *c = access; *c; c++) {
        if (*c == 'r')
            rule.read = true;
        else if (*c == 'w')
            rule.write = true;
        else if (*c == 'm')
            rule.mknod = true;
        else
            return error_set_plain(err, EINVAL, NULL, "device rule: unknown access \"%s\"", access);
    }
    *ret = rule;
    return 0;
}

static int parse_devices(
        struct arena *arena, const json_t *json, struct runtime_resources *res, struct error **err)
{
    json_t *list = NULL;
    int r = jsonx_get_array(json, "devices", &list, err);

    if (r < 0 || !list)
        return r;
    res->devices = ARENA_NEW_ARRAY(arena, json_array_size(list), struct resource_device_rule);
    for (size_t i = 0; i < json_array_size(list); i++) {
        r = parse_device_rule(json_array_get(list, i), &res->devices[i], err);
        if (r < 0)
            return r;
        res->device_count++;
    }
    return 0;
}

/* A weightDevice has a weight, a leafWeight, or both: an entry without the one is not in its list. */
static int parse_blkio_list(struct arena *arena, const json_t *blkio, const char *key,
        const char *value_key, struct resource_blkio_list *ret, struct error **err)
{
    json_t *list = NULL;
    int r = jsonx_get_array(blkio, key, &list, err);

    for (size_t i = 0; r >= 0 && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        int64_t major = -1, minor = -1, value = -1;
        bool is_weight = strcmp(key, "weightDevice") == 0;

        r = jsonx_get_int(item, "major", &major, err);
        if (r >= 0)
            r = jsonx_get_int(item, "minor", &minor, err);
        if (r >= 0)
            r = jsonx_get_int(item, value_key, &value, err);
        if (r < 0)
            break;
        if (is_weight && value < 0 &&
                (json_object_get(item, "weight") || json_object_get(item, "leafWeight")))
            continue;
        if (major < 0 || minor < 0 || value < 0 || major > UINT32_MAX || minor > UINT32_MAX ||
                (is_weight && value > 1000))
            return error_set_plain(
                    err, EINVAL, NULL, "blockIO: %s: entry %zu is incomplete", key, i + 1);
        *ARRAY_APPEND_ARENA(arena, ret) = (struct resource_blkio_device){
            .major = (uint32_t)major, .minor = (uint32_t)minor, .value = (uint64_t)value
        };
    }
    return r;
}

static int parse_blkio(
        struct arena *arena, const json_t *blkio, struct runtime_resources *res, struct error **err)
{
    static const char *const throttle_keys[THROTTLE_MAX_] = {
        [THROTTLE_READ_BPS] = "throttleReadBpsDevice",
        [THROTTLE_WRITE_BPS] = "throttleWriteBpsDevice",
        [THROTTLE_READ_IOPS] = "throttleReadIOPSDevice",
        [THROTTLE_WRITE_IOPS] = "throttleWriteIOPSDevice",
    };
    int r = parse_numbers(blkio, blkio_members, ARRAY_LEN(blkio_members), res, err);

    if (r >= 0)
        r = parse_blkio_list(
                arena, blkio, "weightDevice", "weight", &res->blkio_weight_devices, err);
    if (r >= 0)
        r = parse_blkio_list(
                arena, blkio, "weightDevice", "leafWeight", &res->blkio_leaf_weight_devices, err);
    for (size_t i = 0; r >= 0 && i < THROTTLE_MAX_; i++)
        r = parse_blkio_list(arena, blkio, throttle_keys[i], "rate", &res->blkio_throttle[i], err);
    return r;
}

static int parse_hugepages(
        struct arena *arena, const json_t *json, struct runtime_resources *res, struct error **err)
{
    json_t *list = NULL;
    int r = jsonx_get_array(json, "hugepageLimits", &list, err);

    if (r < 0 || !list)
        return r;
    res->hugepages = ARENA_NEW_ARRAY(arena, json_array_size(list), struct resource_hugepage);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct resource_hugepage *page = &res->hugepages[i];
        int64_t limit = -1;

        r = parse_text(arena, item, "pageSize", &page->page_size, err);
        if (r >= 0)
            r = jsonx_get_int(item, "limit", &limit, err);
        if (r < 0)
            return r;
        if (!page->page_size || limit < 0 || !fs_name_is_plain(page->page_size))
            return error_set_plain(
                    err, EINVAL, NULL, "hugepageLimits: entry %zu is incomplete", i + 1);
        page->limit_bytes = (uint64_t)limit;
        res->hugepage_count++;
    }
    return 0;
}

static int parse_unified(
        struct arena *arena, const json_t *json, struct runtime_resources *res, struct error **err)
{
    json_t *object = NULL, *value;
    const char *key;
    int r = jsonx_get_object(json, "unified", &object, err);

    if (r < 0 || !object)
        return r;
    res->unified = ARENA_NEW_ARRAY(arena, json_object_size(object), struct resource_unified);
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value) || !fs_name_is_plain(key))
            return error_set_plain(
                    err, EINVAL, NULL, "unified: \"%s\" is not a file of a cgroup", key);
        res->unified[res->unified_count++] = (struct resource_unified){
            .file = arena_strdup(arena, key),
            .value = arena_strdup(arena, json_string_value(value)),
        };
    }
    return 0;
}

static int parse_priorities(
        struct arena *arena, const json_t *json, struct runtime_resources *res, struct error **err)
{
    json_t *section = NULL, *list = NULL;
    int r = jsonx_get_object(json, "network", &section, err);

    if (r >= 0)
        r = jsonx_get_array(section, "priorities", &list, err);
    if (r < 0 || !list)
        return r;
    res->network_priorities = ARENA_NEW_ARRAY(
            arena, json_array_size(list), struct resource_priority);
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct resource_priority *priority = &res->network_priorities[i];
        int64_t value = -1;

        r = parse_text(arena, json_array_get(list, i), "name", &priority->interface, err);
        if (r >= 0)
            r = jsonx_get_int(json_array_get(list, i), "priority", &value, err);
        if (r < 0)
            return r;
        if (!priority->interface || value < 0 || value > UINT32_MAX ||
                !fs_name_is_plain(priority->interface) || strpbrk(priority->interface, " \n"))
            return error_set_plain(
                    err, EINVAL, NULL, "network.priorities: entry %zu is incomplete", i + 1);
        priority->priority = (uint32_t)value;
        res->network_priority_count++;
    }
    return 0;
}

static int parse_rdma(
        struct arena *arena, const json_t *json, struct runtime_resources *res, struct error **err)
{
    json_t *object = NULL, *value;
    const char *device;
    int r = jsonx_get_object(json, "rdma", &object, err);

    if (r < 0 || !object)
        return r;
    res->rdma = ARENA_NEW_ARRAY(arena, json_object_size(object), struct resource_rdma);
    json_object_foreach(object, device, value)
    {
        struct resource_rdma limit = { NULL, RESOURCE_UNSET, RESOURCE_UNSET };

        r = jsonx_get_int(value, "hcaHandles", &limit.handles, err);
        if (r >= 0)
            r = jsonx_get_int(value, "hcaObjects", &limit.objects, err);
        if (r < 0)
            return r;
        bool none = limit.handles == RESOURCE_UNSET && limit.objects == RESOURCE_UNSET;
        if (!fs_name_is_plain(device) || strpbrk(device, " \n") || none ||
                (limit.handles != RESOURCE_UNSET && limit.handles < 0) ||
                (limit.objects != RESOURCE_UNSET && limit.objects < 0))
            return error_set_plain(
                    err, EINVAL, NULL, "rdma: \"%s\" has no hcaHandles or hcaObjects", device);
        limit.device = arena_strdup(arena, device);
        res->rdma[res->rdma_count++] = limit;
    }
    return 0;
}

int resources_parse(
        struct arena *arena, const json_t *json, struct runtime_resources *ret, struct error **err)
{
    static const struct {
        const char *key;
        const struct number_member *members;
        size_t count;
    } sections[] = {
        { "memory", memory_members, ARRAY_LEN(memory_members) },
        { "cpu", cpu_members, ARRAY_LEN(cpu_members) },
        { "pids", pids_members, ARRAY_LEN(pids_members) },
        { "network", network_members, ARRAY_LEN(network_members) },
    };
    struct runtime_resources res = RUNTIME_RESOURCES_INIT;
    json_t *section = NULL;
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        section = NULL;
        r = jsonx_get_object(json, sections[i].key, &section, err);
        if (r >= 0 && section)
            r = parse_numbers(section, sections[i].members, sections[i].count, &res, err);
        if (r < 0)
            return r;
    }
    section = json_object_get(json, "memory");
    r = jsonx_get_bool(section, "disableOOMKiller", &res.memory_oom_kill_disable, err);
    if (r >= 0)
        r = jsonx_get_bool(section, "checkBeforeUpdate", &res.memory_check_before_update, err);
    section = json_object_get(json, "cpu");
    if (r >= 0)
        r = parse_text(arena, section, "cpus", &res.cpuset_cpus, err);
    if (r >= 0)
        r = parse_text(arena, section, "mems", &res.cpuset_mems, err);
    if (r >= 0)
        r = parse_devices(arena, json, &res, err);
    section = NULL;
    if (r >= 0)
        r = jsonx_get_object(json, "blockIO", &section, err);
    if (r >= 0 && section)
        r = parse_blkio(arena, section, &res, err);
    if (r >= 0)
        r = parse_hugepages(arena, json, &res, err);
    if (r >= 0)
        r = parse_unified(arena, json, &res, err);
    if (r >= 0)
        r = parse_priorities(arena, json, &res, err);
    if (r >= 0)
        r = parse_rdma(arena, json, &res, err);
    if (r < 0)
        return r;
    *ret = res;
    return 0;
}
