#include "cli/run-config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/specs.h"
#include "engine/container/container.h"
#include "cli/run-options.h"
#include "engine/container/cdi.h"
#include "engine/monitor/monitor-config.h"

#define ZONE_DIR "/usr/share/zoneinfo/"
#define GPU_KIND "nvidia.com/gpu"
#define GPUS_MAX 64
#define WEIGHT_MIN 10
#define WEIGHT_MAX 1000

static int read_label_file(
        struct arena *arena, const char *path, struct container_pairs *labels, struct error **err)
{
    auto_free char *text = NULL;
    size_t len;
    int r = fs_read_file(AT_FDCWD, path, 4u << 20, &text, &len, err);

    struct str rest = { text, len }, line;
    while (r >= 0 && str_split_next(&rest, '\n', &line)) {
        line = str_trim(line);
        if (line.len > 0 && *line.data != '#')
            r = spec_parse_pair(
                    arena, "label", arena_strndup(arena, line.data, line.len), labels, err);
    }
    return r;
}

static bool is_proxy_variable(const char *entry)
{
    static const char *const names[] = { "http_proxy", "https_proxy", "ftp_proxy", "no_proxy",
        "all_proxy" };
    size_t len = strcspn(entry, "=");

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strlen(names[i]) == len && strncasecmp(names[i], entry, len) == 0)
            return true;
    return false;
}

/* --env-host and --http-proxy: what this command was given itself. */
static void add_own_environment(
        struct arena *arena, const struct run_options *o, struct strings *env)
{
    for (char **entry = environ; entry && *entry; entry++)
        if (o->env_host || (o->http_proxy && is_proxy_variable(*entry)))
            *ARRAY_APPEND_ARENA(arena, env) = arena_strdup(arena, *entry);
}

static int fill_process(struct cli *cli, const struct run_options *o,
        struct container_config *config, struct error **err)
{
    struct arena *arena = &cli->arena;
    struct strings env = { 0 };
    int r = 0;

    add_own_environment(arena, o, &env);
    for (size_t i = 0; i < o->env_files.len && r >= 0; i++)
        r = spec_read_env_file(arena, o->env_files.items[i], &env, err);
    if (r >= 0)
        r = spec_add_env(arena, &o->env, &env, err);
    config->env = spec_vector(arena, &env);
    for (size_t i = 0; i < o->label_files.len && r >= 0; i++)
        r = read_label_file(arena, o->label_files.items[i], &config->labels, err);
    for (size_t i = 0; i < o->labels.len && r >= 0; i++)
        r = spec_parse_pair(arena, "label", o->labels.items[i], &config->labels, err);
    for (size_t i = 0; i < o->annotations.len && r >= 0; i++)
        r = spec_parse_pair(
                arena, "annotation", o->annotations.items[i], &config->annotations, err);
    if (o->entrypoint) {
        config->entrypoint = ARENA_NEW_ARRAY(arena, 2, char *);
        config->entrypoint[0] = *o->entrypoint ? arena_strdup(arena, o->entrypoint) : NULL;
    }
    config->name = o->name;
    config->pod = o->pod;
    config->pod_init = o->init_ctr;
    config->user = o->user;
    config->working_dir = o->workdir;
    config->hostname = o->hostname;
    config->domainname = o->domainname;
    config->group_add = spec_vector(arena, &o->group_add);
    config->tty = o->tty;
    config->open_stdin = o->interactive;
    config->init = o->init;
    config->stop_signal = o->stop_signal;
    config->stop_timeout_sec = o->stop_timeout_sec;
    config->umask = o->umask;
    config->personality = o->personality;
    config->unset_env = spec_vector(arena, &o->unset_env);
    config->unset_all_env = o->unset_all_env;
    config->systemd = o->systemd;
    uint32_t mask;
    if (r >= 0 && o->umask && parse_octal(str_from(o->umask), 0777, &mask) < 0)
        r = error_set_plain(err, EINVAL, NULL, "invalid umask %s", o->umask);
    return r;
}

static bool is_mounted(const struct container_config *config, const char *target)
{
    for (size_t i = 0; i < config->mounts.len; i++)
        if (strcmp(config->mounts.items[i].target, target) == 0)
            return true;
    return false;
}

/* Podman's: what programs expect to be able to write to although the rest is read-only. */
static void add_read_only_tmpfs(struct arena *arena, struct container_config *config)
{
    static const char *const targets[] = { "/run", "/tmp", "/var/tmp" };

    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        if (!is_mounted(config, targets[i]))
            *ARRAY_APPEND_ARENA(arena, &config->mounts) = (struct container_mount){
                .type = CONTAINER_MOUNT_TMPFS,
                .from_short_form = true,
                .target = targets[i],
                .tmpfs_options = "exec",
                .tmpfs_mode = -1,
            };
}

static int add_time_zone(
        struct arena *arena, const char *zone, struct container_config *config, struct error **err)
{
    const char *source = strcmp(zone, "local") == 0 ? "/etc/localtime"
                                                    : arena_printf(arena, ZONE_DIR "%s", zone);

    if (!path_is_below(path_clean(arena, source), "/usr/share/zoneinfo") &&
            strcmp(zone, "local") != 0)
        return error_set_plain(err, EINVAL, NULL, "invalid time zone \"%s\"", zone);
    if (access(source, R_OK) < 0)
        return error_set(err, errno, NULL, "cannot use the time zone \"%s\"", zone);
    *ARRAY_APPEND_ARENA(arena, &config->mounts) = (struct container_mount){
        .type = CONTAINER_MOUNT_BIND,
        .source = source,
        .target = "/etc/localtime",
        .read_only = true,
        .tmpfs_mode = -1,
    };
    return 0;
}

static int fill_files(struct cli *cli, const struct run_options *o, struct container_config *config,
        struct error **err)
{
    struct arena *arena = &cli->arena;
    struct strings anonymous = { 0 };
    char cwd[PATH_MAX];
    int r = 0;

    if (!getcwd(cwd, sizeof(cwd)))
        return error_set(err, errno, NULL, "cannot tell the current directory");
    for (size_t i = 0; i < o->volumes.len && r >= 0; i++) {
        struct container_mount mount;

        r = spec_parse_volume(arena, cwd, o->volumes.items[i], &mount, err);
        if (r >= 0 && mount.type == CONTAINER_MOUNT_VOLUME && !mount.source)
            *ARRAY_APPEND_ARENA(arena, &anonymous) = arena_strdup(arena, mount.target);
        else if (r >= 0)
            *ARRAY_APPEND_ARENA(arena, &config->mounts) = mount;
    }
    for (size_t i = 0; i < o->mounts.len && r >= 0; i++)
        r = spec_parse_mount(arena, cwd, o->mounts.items[i], &config->mounts, err);
    for (size_t i = 0; i < o->tmpfs.len && r >= 0; i++)
        r = spec_parse_tmpfs(
                arena, o->tmpfs.items[i], ARRAY_APPEND_ARENA(arena, &config->mounts), err);
    for (size_t i = 0; i < o->secrets.len && r >= 0; i++)
        r = spec_parse_secret(arena, o->secrets.items[i], config, err);
    for (size_t i = 0; i < config->mounts.len && r >= 0; i++)
        for (size_t k = 0; k < i && r >= 0; k++)
            if (strcmp(config->mounts.items[i].target, config->mounts.items[k].target) == 0)
                r = error_set_plain(err, EINVAL, NULL, "Duplicate mount point: %s",
                        config->mounts.items[i].target);
    config->volumes = spec_vector(arena, &anonymous);
    config->volumes_from = spec_vector(arena, &o->volumes_from);
    if (o->read_only && o->read_only_tmpfs == 1)
        add_read_only_tmpfs(arena, config);
    if (r >= 0 && o->tz)
        r = add_time_zone(arena, o->tz, config, err);
    if (r >= 0 && o->volume_driver && strcmp(o->volume_driver, "local") != 0)
        r = error_set_plain(
                err, EINVAL, NULL, "volume driver \"%s\" is not supported", o->volume_driver);
    if (o->image_volume && strcmp(o->image_volume, "tmpfs") != 0 &&
            strcmp(o->image_volume, "ignore") != 0 && strcmp(o->image_volume, "bind") != 0 &&
            strcmp(o->image_volume, "anonymous") != 0 && r >= 0)
        r = error_set_plain(err, EINVAL, NULL,
                "invalid --image-volume \"%s\": expected anonymous, bind, tmpfs or ignore",
                o->image_volume);
    config->image_volumes = o->image_volume;
    config->read_only = o->read_only;
    config->shm_size_bytes = o->shm_size_bytes;
    return r;
}

static int fill_network(struct cli *cli, const struct run_options *o,
        struct container_config *config, struct error **err)
{
    struct arena *arena = &cli->arena;
    int r = 0;

    for (size_t i = 0; i < o->networks.len && r >= 0; i++)
        r = spec_parse_network(arena, o->networks.items[i], config, err);
    bool joins_pod = o->pod && o->networks.len == 0;
    if (o->networks.len == 0 && !joins_pod)
        *ARRAY_APPEND_ARENA(
                arena, &config->networks) = (struct container_network){ .network = "bridge" };
    for (size_t i = 0; i < o->publish.len && r >= 0; i++)
        r = spec_parse_publish(arena, o->publish.items[i], &config->ports, err);
    if (r < 0)
        return r;
    bool has_details = o->ip || o->ip6 || o->mac_address || o->network_aliases.len ||
                       o->link_local_ips.len;
    if (joins_pod && has_details)
        return error_set_plain(err, EINVAL, NULL,
                "invalid config provided: networks must be defined when the pod is created: "
                "network cannot be configured when it is shared with a pod");
    if (has_details) {
        if (config->networks.len != 1)
            return error_set_plain(err, EINVAL, NULL,
                    "--ip, --ip6, --link-local-ip, --mac-address and --network-alias need exactly one "
                    "network");
        struct container_network *network = &config->networks.items[0];

        network->ipv4 = o->ip ? o->ip : network->ipv4;
        network->ipv6 = o->ip6 ? o->ip6 : network->ipv6;
        if (o->link_local_ips.len)
            network->link_local = spec_vector(arena, &o->link_local_ips);
        network->mac = o->mac_address ? o->mac_address : network->mac;
        if (o->network_aliases.len && strcmp(network->network, "bridge") == 0)
            return error_set_plain(err, EINVAL, NULL,
                    "network-scoped aliases are only supported for user-defined networks");
        if (o->network_aliases.len)
            network->aliases = spec_vector(arena, &o->network_aliases);
    }
    struct strings exposed = { 0 };
    for (size_t i = 0; i < o->expose.len; i++) {
        struct container_ports ports = { 0 };

        if (strchr(o->expose.items[i], ':') ||
                spec_parse_publish(arena, o->expose.items[i], &ports, NULL) < 0)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid port \"%s\" for --expose", o->expose.items[i]);
        ARRAY_FOREACH(&ports, port)
            *ARRAY_APPEND_ARENA(arena, &exposed) = arena_printf(
                    arena, "%u/%s", port->container_port, port->protocol);
    }
    config->exposed_ports = spec_vector(arena, &exposed);
    config->publish_all = o->publish_all;
    config->links = spec_vector(arena, &o->links);
    for (char **link = config->links; link && *link; link++)
        if (**link == ':' || **link == '\0' || strchr(*link, ' ') ||
                (strchr(*link, ':') && strchr(strchr(*link, ':') + 1, ':')))
            return error_set_plain(err, EINVAL, NULL, "bad format for links: %s", *link);
    if (o->hosts_file && strcmp(o->hosts_file, "image") == 0)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "--hosts-file image is not supported: --no-hosts leaves the image's as it is");
    if (o->hosts_file && o->no_hosts)
        return error_set_plain(err, EINVAL, NULL, "--no-hosts and --hosts-file exclude each other");
    if (o->hosts_file && strcmp(o->hosts_file, "none") != 0 &&
            spec_absolute_path(&cli->arena, o->hosts_file, &config->hosts_file, err) < 0)
        return -EINVAL;
    if (config->hosts_file && access(config->hosts_file, R_OK) < 0)
        return error_set(err, errno, NULL, "cannot read the hosts file \"%s\"", config->hosts_file);
    config->no_hosts = o->no_hosts;
    config->no_hostname = o->no_hostname;
    if (o->no_hosts && o->add_hosts.len)
        return error_set_plain(err, EINVAL, NULL, "--no-hosts and --add-host exclude each other");
    config->extra_hosts = spec_vector(arena, &o->add_hosts);
    for (char **host = config->extra_hosts; host && *host; host++)
        if (!strpbrk(*host, ":="))
            return error_set_plain(err, EINVAL, NULL, "bad format for add-host: \"%s\"", *host);
    config->dns = spec_vector(arena, &o->dns);
    config->dns_search = spec_vector(arena, &o->dns_search);
    config->dns_options = spec_vector(arena, &o->dns_options);
    return 0;
}

/* What Podman's --cgroups and --sdnotify say for a container that is a systemd service. */
static int fill_service(struct cli *cli, const struct run_options *o,
        struct container_config *config, struct error **err)
{
    static const struct {
        const char *option, *moment;
    } moments[] = { { "ignore", NULL }, { "conmon", "started" }, { "container", "container" },
        { "healthy", "healthy" } };
    bool known = !o->sdnotify;

    for (size_t i = 0; o->sdnotify && i < ARRAY_LEN(moments); i++)
        if (strcmp(o->sdnotify, moments[i].option) == 0) {
            config->notify = moments[i].moment;
            known = true;
        }
    if (!known)
        return error_set_plain(err, EINVAL, NULL,
                "invalid value \"%s\" for --sdnotify: expected conmon, container, healthy or ignore",
                o->sdnotify);
    if (!o->cgroups || strcmp(o->cgroups, "enabled") == 0)
        return 0;
    if (strcmp(o->cgroups, "split") != 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid value \"%s\" for --cgroups: expected enabled or split", o->cgroups);
    if (o->cgroup_parent)
        return error_set_plain(
                err, EINVAL, NULL, "--cgroups=split and --cgroup-parent exclude each other");
    config->monitor_in_parent = true;
    return container_enter_service_cgroup(&cli->arena, &config->cgroup_parent, err);
}

/* "/dev/sda:1mb", "/dev/sda:1000" */
static int add_io_limits(struct arena *arena, const struct strings *texts,
        enum container_io_kind kind, struct container_config *config, struct error **err)
{
    bool bytes = kind == CONTAINER_IO_READ_BPS || kind == CONTAINER_IO_WRITE_BPS;

    ARRAY_FOREACH(texts, text) {
        const char *colon = strrchr(*text, ':');
        struct container_io_limit *limit = ARRAY_APPEND_ARENA(arena, &config->io_limits);
        struct str value = str_from(colon ? colon + 1 : "");
        int r = bytes ? parse_size_bytes(value, &limit->value)
                      : parse_uint64(value, UINT64_MAX, &limit->value);

        if (!colon || **text != '/' || r < 0)
            return error_set_plain(err, EINVAL, NULL, "bad format: %s", *text);
        if (kind == CONTAINER_IO_WEIGHT && (limit->value < WEIGHT_MIN || limit->value > WEIGHT_MAX))
            return error_set_plain(err, EINVAL, NULL, "invalid weight for device: %s", *text);
        limit->kind = container_io_kinds[kind];
        limit->path = arena_strndup(arena, *text, (size_t)(colon - *text));
    }
    return 0;
}

static int fill_io(struct cli *cli, const struct run_options *o, struct container_config *config,
        struct error **err)
{
    const struct strings *texts[CONTAINER_IO_KIND_MAX_] = {
        [CONTAINER_IO_WEIGHT] = &o->blkio_weight_device,
        [CONTAINER_IO_READ_BPS] = &o->device_read_bps,
        [CONTAINER_IO_WRITE_BPS] = &o->device_write_bps,
        [CONTAINER_IO_READ_IOPS] = &o->device_read_iops,
        [CONTAINER_IO_WRITE_IOPS] = &o->device_write_iops,
    };
    int r = 0;

    config->blkio_weight = o->blkio_weight;
    for (int kind = 0; r >= 0 && kind < CONTAINER_IO_KIND_MAX_; kind++)
        r = add_io_limits(&cli->arena, texts[kind], (enum container_io_kind)kind, config, err);
    return r;
}

static int fill_limits(struct cli *cli, const struct run_options *o,
        struct container_config *config, struct error **err)
{
    struct arena *arena = &cli->arena;

    config->memory_bytes = (int64_t)o->memory_bytes;
    config->memory_reservation_bytes = (int64_t)o->memory_reservation_bytes;
    int r = spec_parse_memory_swap(o->memory_swap, &config->memory_swap_bytes, err);
    if (r >= 0)
        r = spec_parse_cpus(o->cpus, &config->nano_cpus, err);
    config->cpu_shares = o->cpu_shares;
    config->cpu_period_usec = o->cpu_period_usec;
    config->cpu_quota_usec = o->cpu_quota_usec;
    config->cpuset_cpus = o->cpuset_cpus;
    config->cpuset_mems = o->cpuset_mems;
    config->cpu_rt_period_usec = o->cpu_rt_period_usec;
    config->cpu_rt_runtime_usec = o->cpu_rt_runtime_usec;
    config->has_memory_swappiness = o->memory_swappiness_given;
    config->memory_swappiness = o->memory_swappiness;
    if (r >= 0)
        r = fill_io(cli, o, config, err);
    config->pids_limit = o->pids_limit;
    config->oom_kill_disable = o->oom_kill_disable;
    config->has_oom_score_adj = o->oom_score_adj_given;
    config->oom_score_adj = o->oom_score_adj;
    config->cgroup_parent = o->cgroup_parent;
    if (r >= 0)
        r = fill_service(cli, o, config, err);
    for (size_t i = 0; i < o->cgroup_conf.len && r >= 0; i++)
        r = spec_parse_pair(
                arena, "cgroup file", o->cgroup_conf.items[i], &config->cgroup_files, err);
    for (size_t i = 0; i < o->ulimits.len && r >= 0; i++)
        r = spec_parse_ulimit(
                arena, o->ulimits.items[i], ARRAY_APPEND_ARENA(arena, &config->ulimits), err);
    return r;
}

/* "all", a number, or "device=ID,ID": names of the CDI kind that NVIDIA's tools describe. */
static int add_gpus(
        struct arena *arena, const char *text, struct strings *names, struct error **err)
{
    uint32_t count = 0;
    struct str rest, id;

    if (strcmp(text, "all") == 0) {
        *ARRAY_APPEND_ARENA(arena, names) = arena_strdup(arena, GPU_KIND "=all");
        return 0;
    }
    if (string_has_prefix(text, "device=")) {
        rest = str_from(text + strlen("device="));
        while (str_split_next(&rest, ',', &id))
            *ARRAY_APPEND_ARENA(arena, names) = arena_printf(arena, GPU_KIND "=%.*s", STR_FMT(id));
        return 0;
    }
    if (parse_uint32(str_from(text), GPUS_MAX, &count) < 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid value \"%s\" for --gpus: expected all, a number or device=ID,ID", text);
    for (uint32_t i = 0; i < count; i++)
        *ARRAY_APPEND_ARENA(arena, names) = arena_printf(arena, GPU_KIND "=%u", i);
    return 0;
}

static int fill_devices(struct cli *cli, const struct run_options *o,
        struct container_config *config, struct error **err)
{
    struct arena *arena = &cli->arena;
    struct strings cdi = { 0 };
    int r = 0;

    for (size_t i = 0; i < o->devices.len && r >= 0; i++) {
        const char *text = o->devices.items[i];

        if (cdi_is_device(text))
            *ARRAY_APPEND_ARENA(arena, &cdi) = arena_strdup(arena, text);
        else
            r = spec_parse_device(arena, text, ARRAY_APPEND_ARENA(arena, &config->devices), err);
    }
    for (size_t i = 0; i < o->gpus.len && r >= 0; i++)
        r = add_gpus(arena, o->gpus.items[i], &cdi, err);
    config->cdi_devices = spec_vector(arena, &cdi);
    return r;
}

static int fill_rights(struct cli *cli, const struct run_options *o,
        struct container_config *config, struct error **err)
{
    struct arena *arena = &cli->arena;
    int r = 0;

    config->privileged = o->privileged;
    config->cap_add = spec_vector(arena, &o->cap_add);
    config->cap_drop = spec_vector(arena, &o->cap_drop);
    config->security_opt = spec_vector(arena, &o->security_opt);
    config->device_cgroup_rules = spec_vector(arena, &o->device_rules);
    r = fill_devices(cli, o, config, err);
    for (size_t i = 0; i < o->sysctls.len && r >= 0; i++)
        r = spec_parse_pair(arena, "sysctl", o->sysctls.items[i], &config->sysctls, err);
    config->pid_mode = o->pid;
    config->ipc_mode = o->ipc;
    config->uts_mode = o->uts;
    config->cgroupns_mode = o->cgroupns;
    config->userns_mode = o->userns;
    config->subuid_name = o->subuid_name;
    config->subgid_name = o->subgid_name;
    config->runtime = o->runtime;
    config->uid_maps = spec_vector(arena, &o->uid_maps);
    config->gid_maps = spec_vector(arena, &o->gid_maps);
    return r;
}

/* A command for the shell; Podman's "none", and a list of words as JSON. */
static char **health_test(struct arena *arena, const char *text)
{
    auto_json json_t *words = NULL;
    size_t count = 0;

    if (*text == '[' && jsonx_parse(text, strlen(text), "command", &words, NULL) >= 0)
        count = json_array_size(words);
    char **test = ARENA_NEW_ARRAY(arena, count + 3, char *);
    test[0] = arena_strdup(arena, strcmp(text, "none") == 0 ? "NONE" : count ? "CMD" : "CMD-SHELL");
    if (count == 0) {
        test[1] = strcmp(text, "none") == 0 ? NULL : arena_strdup(arena, text);
        return test;
    }
    const char *first = json_string_value(json_array_get(words, 0));
    bool is_marked = first && (strcmp(first, "CMD") == 0 || strcmp(first, "CMD-SHELL") == 0);
    for (size_t i = 0; i < count; i++) {
        const char *word = json_string_value(json_array_get(words, i));

        test[is_marked ? i : i + 1] = arena_strdup(arena, word ? word : "");
    }
    return test;
}

/* Podman's check that comes first. */
static int fill_startup(struct arena *arena, const struct run_options *o,
        struct container_config *config, struct error **err)
{
    bool more = o->startup_interval_usec || o->startup_timeout_usec || o->startup_retries ||
                o->startup_success;

    if (more && !o->startup_cmd)
        return error_set_plain(
                err, EINVAL, NULL, "--health-startup-* options need --health-startup-cmd");
    if (o->startup_retries < 0 || o->startup_success < 0)
        return error_set_plain(err, EINVAL, NULL,
                "--health-startup-retries and --health-startup-success cannot be negative");
    if (o->health_log_destination && strcmp(o->health_log_destination, "local") != 0)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "--health-log-destination %s is not supported, only local is",
                o->health_log_destination);
    config->startup_health = (struct container_health){
        .test = o->startup_cmd ? health_test(arena, o->startup_cmd) : NULL,
        .interval_usec = o->startup_interval_usec,
        .timeout_usec = o->startup_timeout_usec,
        .retries = o->startup_retries,
    };
    config->startup_success = o->startup_success;
    config->health_log_count = o->health_log_count;
    config->health_log_bytes = o->health_log_bytes;
    return 0;
}

static int fill_life(struct cli *cli, const struct run_options *o, struct container_config *config,
        struct error **err)
{
    struct arena *arena = &cli->arena;
    int r = o->restart ? spec_parse_restart(
                                 o->restart, &config->restart, &config->restart_max_retries, err)
                       : 0;

    if (r >= 0 && (o->auto_remove || o->remove_image) && config->restart != CONTAINER_RESTART_NO)
        r = error_set_plain(
                err, EINVAL, NULL, "conflicting options: cannot specify both --restart and --rm");
    config->auto_remove = o->auto_remove || o->remove_image;
    config->timeout_sec = o->timeout_sec;
    bool health = o->health_cmd || o->health_interval_usec || o->health_timeout_usec ||
                  o->health_retries || o->health_start_period_usec || o->health_start_interval_usec;
    if (r >= 0 && health && o->no_healthcheck)
        r = error_set_plain(
                err, EINVAL, NULL, "--no-healthcheck conflicts with --health-* options");
    if (health || o->no_healthcheck) {
        config->has_health = true;
        config->health = (struct container_health){
            .interval_usec = o->health_interval_usec,
            .timeout_usec = o->health_timeout_usec,
            .start_period_usec = o->health_start_period_usec,
            .start_interval_usec = o->health_start_interval_usec,
            .retries = o->health_retries,
        };
        if (o->health_cmd || o->no_healthcheck)
            config->health.test = health_test(arena, o->no_healthcheck ? "none" : o->health_cmd);
    }
    if (r >= 0)
        r = fill_startup(arena, o, config, err);
    if (o->health_on_failure) {
        config->health_on_failure = o->health_on_failure;
        if (r >= 0 && parse_name(str_from(o->health_on_failure), monitor_unhealthy_names,
                              MONITOR_UNHEALTHY_MAX_) < 0)
            r = error_set_plain(err, EINVAL, NULL,
                    "invalid value \"%s\" for --health-on-failure: expected none, kill, restart or "
                    "stop",
                    o->health_on_failure);
    }
    if (r >= 0)
        r = spec_absolute_path(&cli->arena, o->pidfile, &config->pid_file, err);
    if (r >= 0)
        r = spec_absolute_path(&cli->arena, o->conmon_pidfile, &config->monitor_pid_file, err);
    config->log_driver = o->log_driver;
    for (size_t i = 0; i < o->log_opts.len && r >= 0; i++)
        r = spec_parse_pair(arena, "log option", o->log_opts.items[i], &config->log_options, err);
    return r;
}

/* PATH[:O] */
static int fill_rootfs(
        struct cli *cli, const char *text, struct container_config *config, struct error **err)
{
    const char *colon = strrchr(text, ':');

    if (colon && strcmp(colon, ":O") != 0)
        return error_set_plain(
                err, EINVAL, NULL, "invalid root file system \"%s\": the only option is O", text);
    config->image = "";
    config->rootfs_overlay = colon;
    return spec_absolute_path(&cli->arena,
            colon ? arena_strndup(&cli->arena, text, (size_t)(colon - text)) : text,
            &config->rootfs, err);
}

int run_config_fill(struct cli *cli, const struct run_options *o, int argc, char **argv,
        struct container_config *config, struct error **err)
{
    *config = (struct container_config)CONTAINER_CONFIG_INIT;
    config->image = argv[0];
    if (argc > 1) {
        config->cmd = ARENA_NEW_ARRAY(&cli->arena, (size_t)argc, char *);
        for (int i = 1; i < argc; i++)
            config->cmd[i - 1] = argv[i];
    }
    int r = o->rootfs ? fill_rootfs(cli, argv[0], config, err) : 0;
    if (r >= 0)
        r = fill_process(cli, o, config, err);
    if (r >= 0)
        r = fill_files(cli, o, config, err);
    if (r >= 0)
        r = fill_network(cli, o, config, err);
    if (r >= 0)
        r = fill_limits(cli, o, config, err);
    if (r >= 0)
        r = fill_rights(cli, o, config, err);
    if (r >= 0)
        r = fill_life(cli, o, config, err);
    return r;
}
