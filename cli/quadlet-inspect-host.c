/* What else of a container's HostConfig and Config a quadlet has to say: rights, devices, limits, namespaces, logging.
 * What no key stands for is kept in PodmanArgs=. */
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/diag.h"
#include "base/json/json.h"
#include "base/str.h"
#include "cli/quadlet-inspect-internal.h"
#include "engine/container/config.h"
#include "quadlet/quadlet.h"
#include "units/quote.h"

static void add_argument(const struct source_objects *s, const char *option, const char *value)
{
    quadlet_add(s->quadlet, "PodmanArgs",
            quote_readable(s->arena, arena_printf(s->arena, "%s=%s", option, value)));
}

/* ---- Rights ---- */

/* Security options that are keys; those that end in "=" or ":" have the value behind it. */
static void add_security(const struct source_objects *s)
{
    static const struct {
        const char *option, *key, *value; /* value NULL: what follows */
    } known[] = {
        { "no-new-privileges", "NoNewPrivileges", "true" },
        { "no-new-privileges:true", "NoNewPrivileges", "true" },
        { "no-new-privileges=true", "NoNewPrivileges", "true" },
        { "label=disable", "SecurityLabelDisable", "true" },
        { "label:disable", "SecurityLabelDisable", "true" },
        { "seccomp=", "SeccompProfile", NULL },
        { "seccomp:", "SeccompProfile", NULL },
        { "mask=", "Mask", NULL },
        { "unmask=", "Unmask", NULL },
    };
    const json_t *options = json_object_get(s->host, "SecurityOpt");

    for (size_t i = 0; i < json_array_size(options); i++) {
        const char *option = json_string_value(json_array_get(options, i));
        bool is_known = false;

        for (size_t k = 0; option && k < ARRAY_LEN(known) && !is_known; k++) {
            is_known = known[k].value ? strcmp(option, known[k].option) == 0
                                      : string_has_prefix(option, known[k].option);
            if (is_known)
                quadlet_add(s->quadlet, known[k].key,
                        known[k].value ? known[k].value : option + strlen(known[k].option));
        }
        if (option && !is_known)
            add_argument(s, "--security-opt", option);
    }
}

static void add_devices(const struct source_objects *s)
{
    const json_t *devices = json_object_get(s->host, "Devices");
    const json_t *requests = json_object_get(s->host, "DeviceRequests");

    for (size_t i = 0; i < json_array_size(devices); i++) {
        const json_t *device = json_array_get(devices, i);
        const char *from = jsonx_string(device, "PathOnHost");
        const char *to = jsonx_string(device, "PathInContainer");
        const char *rights = jsonx_string(device, "CgroupPermissions");

        quadlet_add(s->quadlet, "AddDevice",
                arena_printf(s->arena, "%s:%s:%s", from ? from : "", to ? to : "",
                        string_is_empty(rights) ? "rwm" : rights));
    }
    for (size_t i = 0; i < json_array_size(requests); i++) {
        const json_t *ids = json_object_get(json_array_get(requests, i), "DeviceIDs");

        for (size_t k = 0; k < json_array_size(ids); k++)
            quadlet_add(s->quadlet, "AddDevice", json_string_value(json_array_get(ids, k)));
    }
}

/* ---- Limits ---- */

static void add_ulimits(const struct source_objects *s)
{
    const json_t *limits = json_object_get(s->host, "Ulimits");

    for (size_t i = 0; i < json_array_size(limits); i++) {
        const json_t *limit = json_array_get(limits, i);
        const char *name = jsonx_string(limit, "Name");

        quadlet_add(s->quadlet, "Ulimit",
                arena_printf(s->arena, "%s=%lld:%lld", name ? name : "",
                        (long long)jsonx_int(limit, "Soft", 0),
                        (long long)jsonx_int(limit, "Hard", 0)));
    }
}

static void add_numbers(const struct source_objects *s)
{
    static const struct {
        const char *member, *option;
    } numbers[] = {
        { "BlkioWeight", "--blkio-weight" },
        { "CpuPeriod", "--cpu-period" },
        { "CpuQuota", "--cpu-quota" },
        { "CpuRealtimePeriod", "--cpu-rt-period" },
        { "CpuRealtimeRuntime", "--cpu-rt-runtime" },
        { "CpuShares", "--cpu-shares" },
        { "MemoryReservation", "--memory-reservation" },
        { "MemorySwappiness", "--memory-swappiness" },
        { "OomScoreAdj", "--oom-score-adj" },
    };
    json_int_t memory = json_integer_value(json_object_get(s->host, "Memory"));
    json_int_t swap = json_integer_value(json_object_get(s->host, "MemorySwap"));
    json_int_t cpus = json_integer_value(json_object_get(s->host, "NanoCpus"));

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        json_int_t value = json_integer_value(json_object_get(s->host, numbers[i].member));

        if (value != 0)
            add_argument(s, numbers[i].option, arena_printf(s->arena, "%lld", (long long)value));
    }
    if (swap != 0 && swap != 2 * memory)
        add_argument(s, "--memory-swap", arena_printf(s->arena, "%lld", (long long)swap));
    if (cpus > 0)
        add_argument(s, "--cpus",
                arena_printf(s->arena, "%lld.%03lld", (long long)(cpus / 1000000000),
                        (long long)(cpus / 1000000 % 1000)));
    if (json_is_true(json_object_get(s->host, "OomKillDisable")))
        quadlet_add(s->quadlet, "PodmanArgs", "--oom-kill-disable");
}

static void add_io(const struct source_objects *s)
{
    static const struct {
        const char *member, *option, *value;
    } limits[] = {
        { "BlkioWeightDevice", "--blkio-weight-device", "Weight" },
        { "BlkioDeviceReadBps", "--device-read-bps", "Rate" },
        { "BlkioDeviceWriteBps", "--device-write-bps", "Rate" },
        { "BlkioDeviceReadIOps", "--device-read-iops", "Rate" },
        { "BlkioDeviceWriteIOps", "--device-write-iops", "Rate" },
    };

    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        const json_t *list = json_object_get(s->host, limits[i].member);

        for (size_t k = 0; k < json_array_size(list); k++) {
            const json_t *limit = json_array_get(list, k);
            const char *path = jsonx_string(limit, "Path");

            add_argument(s, limits[i].option,
                    arena_printf(s->arena, "%s:%lld", path ? path : "",
                            (long long)jsonx_int(limit, limits[i].value, 0)));
        }
    }
}

/* ---- Texts ---- */

static void add_modes(const struct source_objects *s, const struct container_config *config)
{
    static const struct {
        const char *member, *option, *usual;
    } texts[] = {
        { "CpusetCpus", "--cpuset-cpus", "" },
        { "CpusetMems", "--cpuset-mems", "" },
        { "IpcMode", "--ipc", "private" },
        { "PidMode", "--pid", "" },
        { "UTSMode", "--uts", "" },
    };
    static const struct {
        const char *member, *option;
    } lists[] = {
        { "DeviceCgroupRules", "--device-cgroup-rule" },
        { "VolumesFrom", "--volumes-from" },
    };
    const char *userns = jsonx_string(s->host, "UsernsMode");

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const char *text = jsonx_string(s->host, texts[i].member);

        if (!string_is_empty(text) && strcmp(text, texts[i].usual) != 0)
            add_argument(s, texts[i].option, text);
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const json_t *list = json_object_get(s->host, lists[i].member);

        for (size_t k = 0; k < json_array_size(list); k++)
            add_argument(s, lists[i].option, json_string_value(json_array_get(list, k)));
    }
    if (!string_is_empty(config->cgroupns_mode)) /* the object has the machine's usual one, too */
        add_argument(s, "--cgroupns", config->cgroupns_mode);
    if (!string_is_empty(userns))
        quadlet_add(s->quadlet, "UserNS", userns);
}

static void add_process(
        const struct source_objects *s, const json_t *object, const struct container_config *config)
{
    const char *hostname = jsonx_string(s->config, "Hostname"), *id = jsonx_string(object, "Id");
    const json_t *stop = json_object_get(s->config, "StopTimeout");

    /* Made of the id it is nobody's choice, and with the machine's network it is the machine's. */
    if (!string_is_empty(hostname) && !(id && string_has_prefix(id, hostname)) &&
            !string_is_equal(jsonx_string(s->host, "NetworkMode"), "host"))
        quadlet_add(s->quadlet, "HostName", hostname);
    if (json_is_integer(stop))
        quadlet_add(s->quadlet, "StopTimeout",
                arena_printf(s->arena, "%lld", (long long)json_integer_value(stop)));
    if (json_is_true(json_object_get(s->config, "Tty")))
        quadlet_add(s->quadlet, "PodmanArgs", "--tty");
    if (json_is_true(json_object_get(s->config, "OpenStdin")))
        quadlet_add(s->quadlet, "PodmanArgs", "--interactive");
    ARRAY_FOREACH(&config->annotations, pair)
        quadlet_add_pair(s->quadlet, "Annotation", pair->key, pair->value);
}

/* A unit's output is in the journal, unless somebody chose another place for it. */
static void add_log(const struct source_objects *s)
{
    const json_t *log = json_object_get(s->host, "LogConfig"),
                 *options = json_object_get(log, "Config"), *value;
    const char *driver = jsonx_string(log, "Type"), *key;
    bool is_usual = string_is_empty(driver) || strcmp(driver, "journald") == 0 ||
                    (strcmp(driver, "json-file") == 0 && json_object_size(options) == 0);

    if (!is_usual)
        quadlet_add(s->quadlet, "LogDriver", driver);
    json_object_foreach((json_t *)options, key, value) quadlet_add(s->quadlet, "LogOpt",
            quote_readable(
                    s->arena, arena_printf(s->arena, "%s=%s", key, json_string_value(value))));
}

/* What a quadlet of one container alone cannot say. */
static void note_rest(const struct source_objects *s, const json_t *object, struct diag *diag)
{
    const char *pod = jsonx_string(object, "Pod"), *runtime = jsonx_string(s->host, "Runtime");
    const char *parent = jsonx_string(s->host, "CgroupParent");

    if (!string_is_empty(pod))
        diag_add(diag, DIAG_NOTE, "convert", NULL,
                "it is in the pod %s: write a .pod file and Pod= for it", pod);
    if (!string_is_empty(parent))
        diag_add(diag, DIAG_NOTE, "convert", NULL,
                "the control group %s is left out: the container gets that of its service", parent);
    if (!string_is_empty(runtime) && strcmp(runtime, "berth") != 0 && strcmp(runtime, "runc") != 0)
        add_argument(s, "--runtime", runtime);
    if (json_array_size(json_object_get(s->host, "Links")) > 0)
        diag_add(diag, DIAG_NOTE, "convert", NULL,
                "links are left out: containers of a network know each other by their names");
}

void quadlet_inspect_host(const struct source_objects *s, const json_t *object,
        const struct container_config *config, struct diag *diag)
{
    add_process(s, object, config);
    add_security(s);
    add_devices(s);
    add_ulimits(s);
    add_numbers(s);
    add_io(s);
    add_modes(s, config);
    add_log(s);
    note_rest(s, object, diag);
}
