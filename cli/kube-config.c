/* A planned pod and its containers as what is asked of the engine. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/kube.h"
#include "cli/specs.h"
#include "engine/container/pod.h"
#include "engine/image/image.h"
#include "kube/expand.h"

#define DEFAULT_NETWORK "podman-default-kube-network"
#define USEC_PER_SEC INT64_C(1000000)

static void add_pairs(
        struct arena *arena, const struct kube_pairs *from, struct container_pairs *to)
{
    ARRAY_FOREACH(from, pair)
        *ARRAY_APPEND_ARENA(arena, to) = (struct container_pair){ pair->key, pair->value };
}

/* Everything of a service is in its own control group. */
static void join_service(const struct kube_filling *f, struct container_config *config)
{
    if (!f->cgroup)
        return;
    config->cgroup_parent = f->cgroup;
    config->monitor_in_parent = true;
    config->unit = cli_env(f->cli, "PODMAN_SYSTEMD_UNIT");
}

/* ---- Pods ---- */

/* The containers answer to their own names, too. */
static void add_aliases(const struct kube_filling *f, struct container_config *infra)
{
    struct arena *arena = &f->cli->arena;

    ARRAY_FOREACH(&infra->networks, network) {
        struct strings names = { 0 };

        for (char **alias = network->aliases; alias && *alias; alias++)
            *ARRAY_APPEND_ARENA(arena, &names) = *alias;
        ARRAY_FOREACH(&f->pod->aliases, alias)
            *ARRAY_APPEND_ARENA(arena, &names) = *alias;
        network->aliases = spec_vector(arena, &names);
    }
}

/* --ip and --mac-address, one for each pod. */
static int add_addresses(
        const struct kube_filling *f, struct container_config *infra, struct error **err)
{
    bool has_ip = f->options->ips.len > f->pod_index, has_mac = f->options->macs.len > f->pod_index;

    if (!has_ip && !has_mac)
        return 0;
    if (infra->networks.len != 1)
        return error_set_plain(
                err, EINVAL, NULL, "--ip and --mac-address need exactly one network");
    struct container_network *network = &infra->networks.items[0];
    const char *ip = has_ip ? f->options->ips.items[f->pod_index] : NULL;

    if (ip && strchr(ip, ':'))
        network->ipv6 = ip;
    else if (ip)
        network->ipv4 = ip;
    if (has_mac)
        network->mac = f->options->macs.items[f->pod_index];
    return 0;
}

static int fill_network(
        const struct kube_filling *f, struct container_config *infra, struct error **err)
{
    struct arena *arena = &f->cli->arena;
    const struct strings *networks = &f->options->networks;
    int r = 0;

    for (size_t i = 0; i < networks->len && r >= 0; i++)
        r = spec_parse_network(arena, networks->items[i], infra, err);
    if (networks->len == 0 && f->pod->host_network)
        infra->network_mode = CONTAINER_NETWORK_HOST;
    else if (networks->len == 0)
        *ARRAY_APPEND_ARENA(
                arena, &infra->networks) = (struct container_network){ .network = DEFAULT_NETWORK };
    if (r >= 0)
        r = add_addresses(f, infra, err);
    add_aliases(f, infra);
    return r;
}

/* --publish is stronger than what the file says of the same port inside. */
static int fill_ports(
        const struct kube_filling *f, struct container_config *infra, struct error **err)
{
    struct arena *arena = &f->cli->arena;
    size_t given;
    int r = 0;

    for (size_t i = 0; i < f->options->publish.len && r >= 0; i++)
        r = spec_parse_publish(arena, f->options->publish.items[i], &infra->ports, err);
    given = infra->ports.len;
    ARRAY_FOREACH(&f->pod->ports, port) {
        bool is_given = false;

        for (size_t i = 0; i < given; i++) {
            const struct container_port *other = &infra->ports.items[i];

            is_given |= other->container_port == port->container_port &&
                        strcmp(other->protocol ? other->protocol : "tcp", port->protocol) == 0;
        }
        if (!is_given)
            *ARRAY_APPEND_ARENA(arena, &infra->ports) = (struct container_port){
                .host_ip = port->host_ip,
                .host_port = port->host_port,
                .container_port = port->container_port,
                .protocol = port->protocol,
            };
    }
    if (r < 0 || infra->ports.len == 0 || infra->network_mode == CONTAINER_NETWORK_PRIVATE ||
            infra->network_mode == CONTAINER_NETWORK_HOST)
        return r;
    return error_set_plain(err, EINVAL, NULL,
            "published ports need a network: --network none and container have none");
}

static int check_pod(const struct kube_filling *f, struct error **err)
{
    const char *userns = string_is_empty(f->options->userns) ? f->pod->userns : f->options->userns;

    if (userns && strcmp(userns, "host") != 0)
        return error_set_plain(err, EOPNOTSUPP, &f->pod->at,
                "user namespace \"%s\" of pod %s: pods have no user namespace of their own", userns,
                f->pod->name);
    if (f->options->no_hosts && f->pod->extra_hosts.len > 0)
        return error_set_plain(
                err, EINVAL, &f->pod->at, "HostAliases in yaml file will not work with --no-hosts");
    return 0;
}

int kube_fill_pod(const struct kube_filling *f, struct pod_config *config,
        struct container_config *infra, struct error **err)
{
    struct arena *arena = &f->cli->arena;
    int r = check_pod(f, err);

    *config = (struct pod_config){
        .name = f->pod->name,
        .share = POD_SHARE_DEFAULT | (f->pod->share_pid ? POD_SHARE_PID : 0),
        .has_infra = true,
        .exit_policy = POD_EXIT_STOP,
        .hostname = f->pod->hostname,
    };
    *infra = (struct container_config)CONTAINER_CONFIG_INIT;
    if (r >= 0)
        r = spec_parse_restart(
                f->pod->restart, &config->restart, &config->restart_max_retries, err);
    if (r >= 0)
        r = fill_network(f, infra, err);
    if (r >= 0)
        r = fill_ports(f, infra, err);
    add_pairs(arena, &f->pod->labels, &config->labels);
    add_pairs(arena, &f->pod->sysctls, &infra->sysctls);
    infra->name = f->pod->infra_name;
    join_service(f, infra);
    infra->no_hosts = f->options->no_hosts;
    infra->no_hostname = f->options->no_hostname;
    infra->extra_hosts = spec_vector(arena, &f->pod->extra_hosts);
    infra->dns = spec_vector(arena, &f->pod->dns);
    infra->dns_search = spec_vector(arena, &f->pod->dns_search);
    infra->dns_options = spec_vector(arena, &f->pod->dns_options);
    if (f->pod->host_ipc)
        infra->ipc_mode = "host";
    return r;
}

/* ---- Mounts ---- */

static int wrong_kind(const struct kube_mount_plan *mount, struct error **err)
{
    return error_set_plain(err, EINVAL, &mount->at, "checking HostPath: path %s is not a %s",
            mount->source, mount->host_type);
}

/* What `type` says of a host path: made where it is missing, or looked at. */
static int check_host_path(const struct kube_mount_plan *mount, struct error **err)
{
    static const struct {
        const char *type;
        mode_t kind;
    } kinds[] = { { "Directory", S_IFDIR }, { "DirectoryOrCreate", S_IFDIR }, { "File", S_IFREG },
        { "FileOrCreate", S_IFREG }, { "Socket", S_IFSOCK }, { "CharDevice", S_IFCHR },
        { "BlockDevice", S_IFBLK } };
    struct stat st;

    if (strcmp(mount->host_type, "DirectoryOrCreate") == 0) {
        auto_close int dir_fd = fs_mkdir_parents(AT_FDCWD, mount->source, 0755, err);

        if (dir_fd < 0)
            return dir_fd;
    } else if (strcmp(mount->host_type, "FileOrCreate") == 0) {
        auto_close int fd = open(
                mount->source, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0644);

        if (fd < 0)
            return error_set(err, errno, &mount->at, "creating HostPath %s", mount->source);
    }
    if (stat(mount->source, &st) < 0)
        return error_set(err, errno, &mount->at, "checking HostPath %s", mount->source);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(mount->host_type, kinds[i].type) == 0 && (st.st_mode & S_IFMT) != kinds[i].kind)
            return wrong_kind(mount, err);
    return 0;
}

/* Told with its place; the engine looks for it again at each start. */
static int check_below(const struct kube_mount_plan *mount, struct error **err)
{
    auto_close int root_fd = open(mount->source, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root_fd < 0)
        return error_set(err, errno, &mount->at, "cannot open \"%s\"", mount->source);
    auto_close int fd = fs_open_in_root(root_fd, mount->sub_path, O_PATH, 0, err);
    return fd < 0 ? error_wrap(err, fd, "subPath of \"%s\"", mount->source) : 0;
}

static int add_host_mount(const struct kube_filling *f, const struct kube_mount_plan *mount,
        struct container_config *config, struct error **err)
{
    struct container_mount to = { .type = CONTAINER_MOUNT_BIND,
        .source = mount->source,
        .target = mount->target,
        .read_only = mount->read_only,
        .subpath = mount->sub_path,
        .propagation = mount->propagation,
        .tmpfs_mode = -1 };
    int r = check_host_path(mount, err);

    if (r >= 0 && mount->kind == KUBE_MOUNT_DEVICE) {
        *ARRAY_APPEND_ARENA(&f->cli->arena, &config->devices) = (struct container_device){
            mount->source, mount->target, mount->read_only ? "r" : "rwm"
        };
        return 0;
    }
    if (r >= 0 && mount->sub_path)
        r = check_below(mount, err);
    if (r >= 0)
        *ARRAY_APPEND_ARENA(&f->cli->arena, &config->mounts) = to;
    return r;
}

static int add_mount(const struct kube_filling *f, const struct kube_mount_plan *mount,
        struct container_config *config, struct error **err)
{
    struct container_mount to = { .type = CONTAINER_MOUNT_VOLUME,
        .source = mount->source,
        .target = mount->target,
        .read_only = mount->read_only,
        .subpath = mount->sub_path,
        .tmpfs_mode = -1 };

    switch (mount->kind) {
    case KUBE_MOUNT_HOST:
    case KUBE_MOUNT_DEVICE:
        return add_host_mount(f, mount, config, err);
    case KUBE_MOUNT_VOLUME:
        break;
    case KUBE_MOUNT_EMPTY:
        to.source = strmap_get(&f->empty_dirs, mount->source);
        to.no_copy = true;
        break;
    case KUBE_MOUNT_MEMORY:
        to.type = CONTAINER_MOUNT_TMPFS;
        to.source = NULL;
        to.tmpfs_size_bytes = (uint64_t)mount->size_bytes;
        to.tmpfs_options = "exec";
        break;
    case KUBE_MOUNT_IMAGE:
        to.type = CONTAINER_MOUNT_IMAGE;
        break;
    }
    *ARRAY_APPEND_ARENA(&f->cli->arena, &config->mounts) = to;
    return 0;
}

/* ---- Containers ---- */

struct variables {
    char **own, **image;
};

static const char *find_variable(char *const *vector, const char *name)
{
    size_t len = strlen(name);

    for (; vector && *vector; vector++)
        if (strncmp(*vector, name, len) == 0 && (*vector)[len] == '=')
            return *vector + len + 1;
    return NULL;
}

static const char *look_up(const void *userdata, const char *name)
{
    const struct variables *variables = userdata;
    const char *value = find_variable(variables->own, name);

    return value ? value : find_variable(variables->image, name);
}

static char **expand_words(
        struct arena *arena, char *const *words, const struct variables *variables)
{
    size_t count = container_vector_len((char **)(uintptr_t)words);

    if (!words)
        return NULL;
    char **expanded = ARENA_NEW_ARRAY(arena, count + 1, char *);
    for (size_t i = 0; i < count; i++)
        expanded[i] = arena_strdup(arena, kube_expand(arena, words[i], look_up, variables));
    return expanded;
}

/* The image's own command is expanded, too. */
static int fill_command(const struct kube_filling *f, const struct kube_container_plan *plan,
        struct container_config *config, struct error **err)
{
    struct arena *arena = &f->cli->arena;
    auto_(image_free_p) struct image *image = NULL;
    int r = image_require(f->engine, plan->image, &image, err);

    if (r < 0)
        return r;
    struct variables variables = { config->env, image->config.env };
    char **entrypoint = plan->command ? plan->command : image->config.entrypoint;
    char **cmd = plan->args ? plan->args : plan->command ? NULL : image->config.cmd;
    config->entrypoint = expand_words(arena, entrypoint, &variables);
    config->cmd = expand_words(arena, cmd, &variables);
    return 0;
}

static void fill_env(const struct kube_filling *f, const struct kube_container_plan *plan,
        struct container_config *config)
{
    struct arena *arena = &f->cli->arena;
    struct strings env = { 0 };

    ARRAY_FOREACH(&plan->env, variable)
        *ARRAY_APPEND_ARENA(arena, &env) = arena_printf(
                arena, "%s=%s", variable->name, variable->value ? variable->value : f->pod_id);
    config->env = spec_vector(arena, &env);
}

static struct container_health fill_probe(const struct kube_health_plan *plan)
{
    return (struct container_health){
        .test = plan->test,
        .interval_usec = plan->period_sec * USEC_PER_SEC,
        .timeout_usec = plan->timeout_sec * USEC_PER_SEC,
        .start_period_usec = plan->start_period_sec * USEC_PER_SEC,
        .retries = plan->retries,
    };
}

static void fill_health(const struct kube_container_plan *plan, struct container_config *config)
{
    if (plan->health.test) {
        config->has_health = true;
        config->health = fill_probe(&plan->health);
    }
    if (plan->startup.test) {
        config->startup_health = fill_probe(&plan->startup);
        config->startup_success = plan->startup.successes;
    }
    if (plan->restart_unhealthy)
        config->health_on_failure = "restart";
}

static int fill_limits(const struct kube_filling *f, const struct kube_container_plan *plan,
        struct container_config *config, struct error **err)
{
    int r = 0;

    config->memory_bytes = plan->memory_bytes;
    config->memory_reservation_bytes = plan->memory_reservation_bytes;
    config->nano_cpus = plan->nano_cpus;
    config->cpu_shares = plan->cpu_shares;
    config->pids_limit = plan->pids_limit;
    config->cpuset_cpus = plan->cpuset_cpus;
    config->cpuset_mems = plan->cpuset_mems;
    for (size_t i = 0; i < plan->ulimits.len && r >= 0; i++)
        r = spec_parse_ulimit(&f->cli->arena, plan->ulimits.items[i],
                ARRAY_APPEND_ARENA(&f->cli->arena, &config->ulimits), err);
    return r;
}

static void fill_rights(struct arena *arena, const struct kube_container_plan *plan,
        struct container_config *config)
{
    config->privileged = plan->privileged;
    config->read_only = plan->read_only;
    config->cap_add = spec_vector(arena, &plan->cap_add);
    config->cap_drop = spec_vector(arena, &plan->cap_drop);
    config->security_opt = spec_vector(arena, &plan->security_opt);
    config->user = plan->user;
    config->group_add = plan->groups;
}

static int fill_life(const struct kube_filling *f, const struct kube_container_plan *plan,
        struct container_config *config, struct error **err)
{
    struct arena *arena = &f->cli->arena;
    int r = spec_parse_restart(plan->restart, &config->restart, &config->restart_max_retries, err);

    config->auto_remove = plan->auto_remove;
    if (config->auto_remove)
        config->restart = CONTAINER_RESTART_NO;
    config->stop_signal = plan->stop_signal;
    if (plan->stop_timeout_sec.is_set)
        config->stop_timeout_sec = plan->stop_timeout_sec.value;
    config->log_driver = f->options->log_driver;
    for (size_t i = 0; i < f->options->log_opts.len && r >= 0; i++)
        r = spec_parse_pair(
                arena, "log option", f->options->log_opts.items[i], &config->log_options, err);
    return r;
}

const char *kube_notify_moment(const struct kube_container_plan *plan)
{
    static const struct {
        const char *word, *moment;
    } moments[] = { { "conmon", "started" }, { "container", "container" },
        { "healthy", "healthy" } };

    for (size_t i = 0; plan->notify && plan->init == KUBE_INIT_NO && i < ARRAY_LEN(moments); i++)
        if (strcmp(plan->notify, moments[i].word) == 0)
            return moments[i].moment;
    return NULL;
}

int kube_fill_container(const struct kube_filling *f, const struct kube_container_plan *plan,
        struct container_config *config, struct error **err)
{
    struct arena *arena = &f->cli->arena;
    int r = 0;

    *config = (struct container_config)CONTAINER_CONFIG_INIT;
    config->name = plan->name;
    config->image = plan->image;
    config->pod = f->pod_id;
    config->notify = kube_notify_moment(plan);
    if (plan->init != KUBE_INIT_NO)
        config->pod_init = plan->init == KUBE_INIT_ALWAYS ? POD_INIT_ALWAYS : POD_INIT_ONCE;
    config->working_dir = plan->working_dir;
    config->tty = plan->tty;
    config->open_stdin = plan->open_stdin;
    config->init = plan->run_init;
    config->no_hosts = f->options->no_hosts;
    config->no_hostname = f->options->no_hostname;
    if (f->pod->host_pid)
        config->pid_mode = "host";
    config->volumes_from = spec_vector(arena, &plan->volumes_from);
    add_pairs(arena, &plan->labels, &config->labels);
    add_pairs(arena, &plan->annotations, &config->annotations);
    join_service(f, config);
    fill_env(f, plan, config);
    fill_health(plan, config);
    fill_rights(arena, plan, config);
    for (size_t i = 0; i < plan->mounts.len && r >= 0; i++)
        r = add_mount(f, &plan->mounts.items[i], config, err);
    if (r >= 0)
        r = fill_command(f, plan, config, err);
    if (r >= 0)
        r = fill_limits(f, plan, config, err);
    if (r >= 0)
        r = fill_life(f, plan, config, err);
    return r < 0 ? error_wrap(err, r, "container %s", plan->name) : 0;
}
