#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/container/container-internal.h"
#include "engine/container/inspect-mounts.h"
#include "engine/container/oci-spec.h"
#include "engine/container/runtimes.h"
#include "engine/container/root-internal.h"
#include "engine/monitor/monitor-config.h"
#include "engine/runtime/capability.h"
#include "engine/network/network.h"

#define SHM_DEFAULT_BYTES (INT64_C(64) << 20)
#define NSEC_PER_USEC_INT 1000
#define PORT_KEY_MAX 32

static json_t *text_or_empty(const char *text)
{
    return jsonx_text(text ? text : "");
}

/* Go's nil slice prints as null. */
static json_t *list_or_null(char *const *vector)
{
    return container_vector_len(vector)
                   ? jsonx_strings((const char *const *)vector, container_vector_len(vector))
                   : json_null();
}

static json_t *list(char *const *vector)
{
    return jsonx_strings((const char *const *)vector, container_vector_len(vector));
}

static json_t *set_of(char *const *vector)
{
    json_t *object = json_object();

    for (; vector && *vector; vector++)
        json_object_set_new(object, *vector, json_object());
    return object;
}

static void set_time(json_t *object, const char *key, int64_t nsec)
{
    char text[TIME_RFC3339_MAX];

    json_object_set_new(object, key, json_string(time_format_rfc3339(nsec, text)));
}

/* ---- State ---- */

static json_t *build_state(const struct container *c)
{
    const struct container_state *s = &c->state;
    json_t *state = json_pack("{s:s, s:b, s:b, s:b, s:b, s:b, s:i, s:i, s:o}", "Status",
            container_status_names[s->status], "Running", container_is_running(c), "Paused",
            s->status == CONTAINER_PAUSED, "Restarting", s->status == CONTAINER_RESTARTING,
            "OOMKilled", s->oom_killed, "Dead", s->status == CONTAINER_DEAD, "Pid", s->pid,
            "ExitCode", s->exit_code, "Error", text_or_empty(s->error));
    json_t *health = NULL;

    set_time(state, "StartedAt", s->started_nsec);
    set_time(state, "FinishedAt", s->finished_nsec);
    if (s->health_json &&
            jsonx_parse(s->health_json, strlen(s->health_json), "health", &health, NULL) >= 0)
        json_object_set_new(state, "Health", health);
    return state;
}

/* ---- Config ---- */

static json_t *build_health(const struct container_health *h)
{
    json_t *health = json_object();
    const struct {
        const char *key;
        int64_t usec;
    } durations[] = {
        { "Interval", h->interval_usec },
        { "Timeout", h->timeout_usec },
        { "StartPeriod", h->start_period_usec },
        { "StartInterval", h->start_interval_usec },
    };

    if (h->test)
        json_object_set_new(health, "Test", list(h->test));
    for (size_t i = 0; i < ARRAY_LEN(durations); i++)
        if (durations[i].usec)
            json_object_set_new(health, durations[i].key,
                    json_integer((json_int_t)durations[i].usec * NSEC_PER_USEC_INT));
    if (h->retries)
        json_object_set_new(health, "Retries", json_integer((json_int_t)h->retries));
    return health;
}

static json_t *build_config(const struct container *c)
{
    const struct container_config *f = &c->config;
    char short_id[CONTAINER_SHORT_ID + 1];
    json_t *config;

    snprintf(short_id, sizeof(short_id), "%s", c->id);
    config = json_pack("{s:o, s:o, s:o, s:b, s:b, s:b}", "Hostname",
            jsonx_text(string_is_empty(f->hostname) ? short_id : f->hostname), "Domainname",
            text_or_empty(f->domainname), "User", text_or_empty(f->user), "AttachStdin", false,
            "AttachStdout", false, "AttachStderr", false);
    json_t *exposed = set_of(f->exposed_ports);
    for (size_t i = 0; i < f->ports.len; i++) {
        const struct container_port *p = &f->ports.items[i];
        char key[PORT_KEY_MAX];

        snprintf(key, sizeof(key), "%u/%s", p->container_port, p->protocol ? p->protocol : "tcp");
        json_object_set_new(exposed, key, json_object());
    }
    if (json_object_size(exposed) > 0)
        json_object_set(config, "ExposedPorts", exposed);
    json_decref(exposed);
    json_object_set_new(config, "Tty", json_boolean(f->tty));
    json_object_set_new(config, "OpenStdin", json_boolean(f->open_stdin));
    json_object_set_new(config, "StdinOnce", json_false());
    json_object_set_new(config, "Env", list_or_null(f->env));
    json_object_set_new(config, "Cmd", list_or_null(f->cmd));
    if (f->has_health)
        json_object_set_new(config, "Healthcheck", build_health(&f->health));
    json_object_set_new(config, "Image", jsonx_text(c->image_name));
    json_object_set_new(
            config, "Volumes", container_vector_len(f->volumes) ? set_of(f->volumes) : json_null());
    json_object_set_new(config, "WorkingDir", text_or_empty(f->working_dir));
    json_object_set_new(config, "Entrypoint", list_or_null(f->entrypoint));
    json_object_set_new(config, "OnBuild", json_null());
    json_object_set_new(config, "Labels", container_pairs_to_json(&f->labels));
    if (!string_is_empty(f->stop_signal))
        json_object_set_new(config, "StopSignal", jsonx_text(f->stop_signal));
    if (f->stop_timeout_sec != CONTAINER_STOP_TIMEOUT_UNSET)
        json_object_set_new(config, "StopTimeout", json_integer((json_int_t)f->stop_timeout_sec));
    if (container_vector_len(f->shell))
        json_object_set_new(config, "Shell", list(f->shell));
    return config;
}

/* ---- HostConfig ---- */

static const char *network_mode(struct arena *arena, const struct container_config *f)
{
    switch (f->network_mode) {
    case CONTAINER_NETWORK_HOST:
        return "host";
    case CONTAINER_NETWORK_NONE:
        return "none";
    case CONTAINER_NETWORK_CONTAINER:
        return arena_printf(arena, "container:%s", f->network_container);
    default:
        return f->networks.len > 0 ? f->networks.items[0].network : "bridge";
    }
}

static json_t *build_port_bindings(const struct container_config *f)
{
    json_t *bindings = json_object();

    for (size_t i = 0; i < f->ports.len; i++) {
        const struct container_port *p = &f->ports.items[i];
        char key[PORT_KEY_MAX], host[16] = "";
        json_t *entries;

        snprintf(key, sizeof(key), "%u/%s", p->container_port, p->protocol ? p->protocol : "tcp");
        if (p->host_port_last > p->host_port)
            snprintf(host, sizeof(host), "%u-%u", p->host_port, p->host_port_last);
        else if (p->host_port)
            snprintf(host, sizeof(host), "%u", p->host_port);
        entries = json_object_get(bindings, key);
        if (!entries) {
            json_object_set_new(bindings, key, json_array());
            entries = json_object_get(bindings, key);
        }
        json_array_append_new(entries,
                json_pack("{s:s, s:s}", "HostIp", p->host_ip ? p->host_ip : "", "HostPort", host));
    }
    return bindings;
}

static json_t *build_ulimits(const struct container_config *f)
{
    json_t *ulimits = json_array();

    for (size_t i = 0; i < f->ulimits.len; i++)
        json_array_append_new(
                ulimits, json_pack("{s:s, s:I, s:I}", "Name", f->ulimits.items[i].name, "Hard",
                                 (json_int_t)f->ulimits.items[i].hard, "Soft",
                                 (json_int_t)f->ulimits.items[i].soft));
    return ulimits;
}

static json_t *build_devices(const struct container_config *f)
{
    json_t *devices = json_array();

    for (size_t i = 0; i < f->devices.len; i++) {
        const struct container_device *d = &f->devices.items[i];

        json_array_append_new(devices,
                json_pack("{s:s, s:s, s:s}", "PathOnHost", d->host_path, "PathInContainer",
                        string_is_empty(d->container_path) ? d->host_path : d->container_path,
                        "CgroupPermissions",
                        string_is_empty(d->permissions) ? "rwm" : d->permissions));
    }
    return devices;
}

/* The limits of devices of one kind. */
static json_t *build_io_limits(const struct container_config *f, enum container_io_kind kind)
{
    json_t *limits = json_array();

    for (size_t i = 0; i < f->io_limits.len; i++) {
        const struct container_io_limit *limit = &f->io_limits.items[i];

        if (strcmp(limit->kind, container_io_kinds[kind]) == 0)
            json_array_append_new(limits, json_pack("{s:o, s:I}", "Path", jsonx_text(limit->path),
                                                  kind == CONTAINER_IO_WEIGHT ? "Weight" : "Rate",
                                                  (json_int_t)limit->value));
    }
    return limits;
}

static void add_io_limits(json_t *host, const struct container_config *f)
{
    static const char *const keys[CONTAINER_IO_KIND_MAX_] = {
        [CONTAINER_IO_WEIGHT] = "BlkioWeightDevice",
        [CONTAINER_IO_READ_BPS] = "BlkioDeviceReadBps",
        [CONTAINER_IO_WRITE_BPS] = "BlkioDeviceWriteBps",
        [CONTAINER_IO_READ_IOPS] = "BlkioDeviceReadIOps",
        [CONTAINER_IO_WRITE_IOPS] = "BlkioDeviceWriteIOps",
    };

    for (int kind = 0; kind < CONTAINER_IO_KIND_MAX_; kind++)
        json_object_set_new(host, keys[kind], build_io_limits(f, (enum container_io_kind)kind));
}

/* What Docker has and berth has not: as Docker prints it when it is not used. */
static void add_unused(json_t *host)
{
    static const char *const texts[] = { "VolumeDriver", "Cgroup", "Isolation" };
    static const char *const zeros[] = { "CpuCount", "CpuPercent", "IOMaximumIOps",
        "IOMaximumBandwidth" };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!json_object_get(host, texts[i]))
            json_object_set_new(host, texts[i], json_string(""));
    for (size_t i = 0; i < ARRAY_LEN(zeros); i++)
        json_object_set_new(host, zeros[i], json_integer(0));
    json_object_set_new(host, "ConsoleSize", json_pack("[i, i]", 0, 0));
}

static void add_limits(json_t *host, const struct container_config *f)
{
    const struct {
        const char *key;
        int64_t value;
    } numbers[] = {
        { "CpuShares", f->cpu_shares },
        { "Memory", f->memory_bytes },
        { "NanoCpus", f->nano_cpus },
        { "CpuPeriod", f->cpu_period_usec },
        { "CpuQuota", f->cpu_quota_usec },
        { "MemoryReservation", f->memory_reservation_bytes },
        { "MemorySwap", f->memory_swap_bytes ? f->memory_swap_bytes : 2 * f->memory_bytes },
        { "OomScoreAdj", f->oom_score_adj },
        { "BlkioWeight", f->blkio_weight },
        { "CpuRealtimePeriod", f->cpu_rt_period_usec },
        { "CpuRealtimeRuntime", f->cpu_rt_runtime_usec },
        { "ShmSize", f->shm_size_bytes ? (int64_t)f->shm_size_bytes : SHM_DEFAULT_BYTES },
    };

    for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
        json_object_set_new(host, numbers[i].key, json_integer((json_int_t)numbers[i].value));
    json_object_set_new(host, "CgroupParent", text_or_empty(f->cgroup_parent));
    json_object_set_new(host, "CpusetCpus", text_or_empty(f->cpuset_cpus));
    json_object_set_new(host, "CpusetMems", text_or_empty(f->cpuset_mems));
    json_object_set_new(host, "PidsLimit",
            f->pids_limit ? json_integer((json_int_t)f->pids_limit) : json_null());
    json_object_set_new(host, "MemorySwappiness",
            f->has_memory_swappiness ? json_integer((json_int_t)f->memory_swappiness)
                                     : json_null());
    json_object_set_new(host, "OomKillDisable", json_boolean(f->oom_kill_disable));
    json_object_set_new(host, "Ulimits", build_ulimits(f));
    json_object_set_new(host, "Devices", build_devices(f));
    json_object_set_new(host, "DeviceRequests",
            f->cdi_devices ? json_pack("[{s:s, s:i, s:o, s:n, s:n}]", "Driver", "cdi", "Count", 0,
                                     "DeviceIDs", list(f->cdi_devices), "Capabilities", "Options")
                           : json_null());
    json_object_set_new(host, "DeviceCgroupRules", list_or_null(f->device_cgroup_rules));
}

/* In the kernel's names, whatever way they were written. */
static json_t *capabilities(struct arena *arena, char *const *names)
{
    json_t *list_of = container_vector_len(names) ? json_array() : json_null();

    for (; names && *names; names++) {
        int number = capability_parse(str_from(*names));

        json_array_append_new(list_of, jsonx_text(number >= 0 && capability_name((unsigned)number)
                                                          ? capability_name((unsigned)number)
                                                          : arena_strdup(arena, "ALL")));
    }
    return list_of;
}

/* "/other:/own/alias" */
static json_t *links(struct arena *arena, const struct container *c)
{
    json_t *all = c->config.links ? json_array() : json_null();

    for (char **link = c->config.links; link && *link; link++) {
        const char *colon = strchr(*link, ':');

        json_array_append_new(all, jsonx_text(arena_printf(arena, "/%.*s:/%s/%s",
                                           (int)(colon - *link), *link, c->name, colon + 1)));
    }
    return all;
}

static json_t *build_host_config(struct arena *arena, const struct container *c)
{
    const struct container_config *f = &c->config;
    json_t *host = json_pack("{s:o, s:s, s:{s:s, s:o}, s:s, s:o, s:{s:s, s:i}, s:b}", "Binds",
            inspect_binds(arena, f), "ContainerIDFile", "", "LogConfig", "Type",
            string_is_empty(f->log_driver) ? "json-file" : f->log_driver, "Config",
            container_pairs_to_json(&f->log_options), "NetworkMode", network_mode(arena, f),
            "PortBindings", build_port_bindings(f), "RestartPolicy", "Name",
            container_restart_names[f->restart], "MaximumRetryCount", (int)f->restart_max_retries,
            "AutoRemove", f->auto_remove);

    json_object_set_new(host, "CapAdd", capabilities(arena, f->cap_add));
    json_object_set_new(host, "CapDrop", capabilities(arena, f->cap_drop));
    json_object_set_new(host, "Links", links(arena, c));
    json_object_set_new(host, "UsernsMode", text_or_empty(f->userns_mode));
    json_object_set_new(
            host, "CgroupnsMode", json_string(f->cgroupns_mode ? f->cgroupns_mode : "host"));
    json_object_set_new(host, "Dns", list(f->dns));
    json_object_set_new(host, "DnsOptions", list(f->dns_options));
    json_object_set_new(host, "DnsSearch", list(f->dns_search));
    json_object_set_new(host, "ExtraHosts", list_or_null(f->extra_hosts));
    json_object_set_new(host, "GroupAdd", list_or_null(f->group_add));
    json_object_set_new(host, "IpcMode", json_string(f->ipc_mode ? f->ipc_mode : "private"));
    json_object_set_new(host, "PidMode", text_or_empty(f->pid_mode));
    json_object_set_new(host, "UTSMode", text_or_empty(f->uts_mode));
    json_object_set_new(host, "Privileged", json_boolean(f->privileged));
    json_object_set_new(host, "PublishAllPorts", json_boolean(f->publish_all));
    json_object_set_new(host, "ReadonlyRootfs", json_boolean(f->read_only));
    json_object_set_new(host, "SecurityOpt", list_or_null(f->security_opt));
    if (f->init)
        json_object_set_new(host, "Init", json_true());
    if (f->sysctls.len)
        json_object_set_new(host, "Sysctls", container_pairs_to_json(&f->sysctls));
    json_t *tmpfs = inspect_tmpfs(f), *mounts = inspect_mount_specs(arena, f);
    if (json_object_size(tmpfs) > 0)
        json_object_set(host, "Tmpfs", tmpfs);
    json_decref(tmpfs);
    if (mounts)
        json_object_set_new(host, "Mounts", mounts);
    json_object_set_new(host, "VolumesFrom", list_or_null(f->volumes_from));
    json_object_set_new(host, "Runtime",
            jsonx_text(string_is_empty(f->runtime) ? RUNTIME_EMBEDDED : f->runtime));
    json_object_set_new(host, "MaskedPaths", oci_spec_path_list(f, true));
    json_object_set_new(host, "ReadonlyPaths", oci_spec_path_list(f, false));
    add_limits(host, f);
    add_io_limits(host, f);
    add_unused(host);
    return host;
}

/* Top first, as overlay has them; "" when the image is gone. */
static const char *lower_dirs(struct engine *engine, struct arena *arena, const struct container *c)
{
    struct strings dirs = { 0 };
    const char *text = "";

    if (container_base_dirs(engine, arena, c->image_id, &c->config, &dirs, NULL) < 0)
        return "";
    for (size_t i = 0; i < dirs.len; i++)
        text = arena_printf(arena, "%s%s%s", dirs.items[i], i ? ":" : "", text);
    return text;
}

/* The networks that are none: Docker lists them with nothing in them but who they are. */
static void add_predefined_network(
        struct engine *engine, const struct container *c, json_t *settings)
{
    static const char *const names[CONTAINER_NETWORK_MODE_MAX_] = {
        [CONTAINER_NETWORK_HOST] = "host", [CONTAINER_NETWORK_NONE] = "none"
    };
    static const char *const texts[] = { "MacAddress", "EndpointID", "Gateway", "IPAddress",
        "IPv6Gateway", "GlobalIPv6Address" };
    static const char *const nulls[] = { "IPAMConfig", "Links", "Aliases", "DriverOpts",
        "DNSNames" };
    const char *name = names[c->config.network_mode];
    auto_json json_t *network = NULL;

    if (!name || network_inspect(engine, name, &network, NULL) < 0)
        return;
    json_t *endpoint = json_pack("{s:O, s:i, s:i, s:i}", "NetworkID",
            json_object_get(network, "Id"), "GwPriority", 0, "IPPrefixLen", 0,
            "GlobalIPv6PrefixLen", 0);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        json_object_set_new(endpoint, texts[i], json_string(""));
    for (size_t i = 0; i < ARRAY_LEN(nulls); i++)
        json_object_set_new(endpoint, nulls[i], json_null());
    json_object_set_new(json_object_get(settings, "Networks"), name, endpoint);
}

int container_inspect(
        struct engine *engine, const char *reference, json_t **ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_json json_t *network = NULL;
    struct container *c = NULL;
    int r = container_get(engine, &arena, reference, &c, err);

    if (r >= 0)
        r = network_container_settings(engine, c->id, &network, err);
    if (r < 0)
        return r;
    const char *dir = arena_printf(&arena, "%s/containers/%s", engine->options.root_dir, c->id);
    char **entrypoint = c->config.entrypoint, **cmd = c->config.cmd;
    bool has_entrypoint = container_vector_len(entrypoint) > 0;
    json_t *object = json_pack("{s:s}", "Id", c->id), *args;

    set_time(object, "Created", c->created_nsec);
    json_object_set_new(object, "Path",
            text_or_empty(has_entrypoint              ? entrypoint[0]
                          : container_vector_len(cmd) ? cmd[0]
                                                      : NULL));
    args = has_entrypoint ? list(entrypoint + 1) : json_array();
    for (char **arg = cmd; arg && *arg; arg++)
        if (has_entrypoint || arg != cmd)
            json_array_append_new(args, jsonx_text(*arg));
    json_object_set_new(object, "Args", args);
    json_object_set_new(object, "State", build_state(c));
    json_object_set_new(object, "Image", json_string(c->image_id));
    json_object_set_new(
            object, "ResolvConfPath", jsonx_text(arena_printf(&arena, "%s/resolv.conf", dir)));
    json_object_set_new(
            object, "HostnamePath", jsonx_text(arena_printf(&arena, "%s/hostname", dir)));
    json_object_set_new(object, "HostsPath", jsonx_text(arena_printf(&arena, "%s/hosts", dir)));
    json_object_set_new(object, "LogPath",
            jsonx_text(c->config.log_driver && strcmp(c->config.log_driver, "none") == 0
                               ? ""
                               : arena_printf(&arena, "%s/%s-json.log", dir, c->id)));
    json_object_set_new(object, "Name", jsonx_text(arena_printf(&arena, "/%s", c->name)));
    json_object_set_new(object, "RestartCount", json_integer(c->state.restart_count));
    json_object_set_new(object, "Driver", json_string("overlay2"));
    json_object_set_new(object, "Platform", json_string("linux"));
    json_object_set_new(object, "MountLabel", json_string(""));
    json_object_set_new(object, "ProcessLabel", json_string(""));
    json_object_set_new(object, "AppArmorProfile", json_string(""));
    json_object_set_new(object, "ExecIDs", json_null());
    json_object_set_new(object, "HostConfig", build_host_config(&arena, c));
    json_object_set_new(object, "GraphDriver",
            json_pack("{s:{s:s, s:o, s:o, s:o, s:o}, s:s}", "Data", "ID", c->id, "LowerDir",
                    jsonx_text(lower_dirs(engine, &arena, c)), "MergedDir",
                    jsonx_text(arena_printf(&arena, "%s/containers/%s/" MONITOR_ROOTFS_DIR,
                            engine->options.run_dir, c->id)),
                    "UpperDir", jsonx_text(arena_printf(&arena, "%s/upper", dir)), "WorkDir",
                    jsonx_text(arena_printf(&arena, "%s/work", dir)), "Name", "overlay2"));
    json_object_set_new(object, "Mounts", inspect_mounts(engine, &arena, c));
    json_object_set_new(object, "Config", build_config(c));
    if (c->pod_id) { /* Podman's */
        json_object_set_new(object, "Pod", json_string(c->pod_id));
        json_object_set_new(object, "IsInfra", json_boolean(c->is_infra));
    }
    add_predefined_network(engine, c, network);
    json_object_set_new(object, "NetworkSettings", TAKE(network));
    *ret = object;
    return 0;
}
