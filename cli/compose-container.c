/* One service as a container_config. Everything that the model of a service can hold and the engine can do
 * has its line here; what the engine cannot do was refused by project_check_supported before. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/compose-backend.h"
#include "cli/specs.h"
#include "compose/project.h"
#include "compose/state.h"
#include "engine/container/cdi.h"
#include "engine/container/container.h"

struct build_up {
    struct engine *engine;
    struct arena *arena;
    const struct backend_container_spec *spec;
    const struct service *service;
    struct container_config *config;
    struct error **err;
};

static int refuse(struct build_up *b, const struct source *at, const char *what, const char *value)
{
    return error_set_plain(b->err, EOPNOTSUPP, at && at->file ? at : &b->service->at,
            "services.%s.%s: \"%s\" is not supported", b->service->name, what, value);
}

static char **vector_of(struct arena *arena, const struct argv *argv)
{
    if (!argv->given)
        return NULL;
    char **vector = ARENA_NEW_ARRAY(arena, argv->len + 1, char *);

    for (size_t i = 0; i < argv->len; i++)
        vector[i] = argv->items[i];
    return vector;
}

static void copy_pairs(struct arena *arena, const struct pairs *from, struct container_pairs *to)
{
    ARRAY_FOREACH(from, pair)
        *ARRAY_APPEND_ARENA(
                arena, to) = (struct container_pair){ pair->key, pair->value ? pair->value : "" };
}

static void fill_process(struct build_up *b)
{
    const struct service *s = b->service;
    struct container_config *c = b->config;
    struct strings env = { 0 };

    c->entrypoint = vector_of(b->arena, &s->entrypoint);
    c->cmd = vector_of(b->arena, &s->command);
    ARRAY_FOREACH(&s->environment, pair)
        if (pair->value)
            *ARRAY_APPEND_ARENA(b->arena, &env) = arena_printf(
                    b->arena, "%s=%s", pair->key, pair->value);
    c->env = spec_vector(b->arena, &env);
    c->user = s->user;
    c->working_dir = s->working_dir;
    c->hostname = s->hostname;
    c->domainname = s->domainname;
    c->group_add = spec_vector(b->arena, &s->group_add);
    c->tty = s->tty == OPTION_TRUE;
    c->open_stdin = s->stdin_open == OPTION_TRUE;
    c->init = s->init == OPTION_TRUE;
    c->stop_signal = s->stop_signal;
    if (s->stop_grace_period.set) /* whole seconds, never less than was asked for */
        c->stop_timeout_sec = (s->stop_grace_period.usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
}

/* ------------------------------------------------------------------ files */

static int fill_volume(struct build_up *b, const struct service_volume *volume)
{
    struct container_mount mount = {
        .target = volume->target, .read_only = volume->read_only == OPTION_TRUE, .tmpfs_mode = -1
    };

    switch (volume->type) {
    case MOUNT_BIND:
        mount.type = CONTAINER_MOUNT_BIND;
        mount.source = volume->source;
        mount.propagation = volume->bind.propagation;
        mount.create_host_path = volume->bind.create_host_path != OPTION_FALSE;
        mount.non_recursive = string_is_equal(volume->bind.recursive, "disabled");
        mount.writable_below = string_is_equal(volume->bind.recursive, "writable");
        break;
    case MOUNT_VOLUME: {
        mount.type = CONTAINER_MOUNT_VOLUME;
        mount.no_copy = volume->volume.nocopy == OPTION_TRUE;
        mount.subpath = volume->volume.subpath;
        copy_pairs(b->arena, &volume->volume.labels, &mount.volume_labels);
        const struct project_volume *named = volume->source ? project_find_volume(b->spec->project,
                                                                      volume->source)
                                                            : NULL;
        mount.source = named ? named->name : volume->source;
        break;
    }
    case MOUNT_TMPFS:
        mount.type = CONTAINER_MOUNT_TMPFS;
        mount.tmpfs_size_bytes = volume->tmpfs.size.set ? (uint64_t)volume->tmpfs.size.bytes : 0;
        mount.tmpfs_mode = volume->tmpfs.mode.set ? (int32_t)volume->tmpfs.mode.value : -1;
        break;
    case MOUNT_IMAGE:
        mount.type = CONTAINER_MOUNT_IMAGE;
        mount.source = volume->source;
        mount.subpath = volume->image.subpath;
        mount.read_only = true;
        break;
    default:
        return refuse(b, &volume->at, "volumes", mount_type_names[volume->type]);
    }
    /* The anonymous volume of the container that this one replaces goes on with it. */
    if (mount.type == CONTAINER_MOUNT_VOLUME && !mount.source && b->spec->volumes) {
        ARRAY_FOREACH(b->spec->volumes, carried)
            if (strcmp(carried->target, mount.target) == 0) {
                mount.source = carried->volume;
                mount.anonymous = true;
            }
    }
    *ARRAY_APPEND_ARENA(b->arena, &b->config->mounts) = mount;
    return 0;
}

static bool has_mount_at(const struct container_config *config, const char *target)
{
    ARRAY_FOREACH(&config->mounts, mount)
        if (strcmp(mount->target, target) == 0)
            return true;
    return false;
}

static int fill_volumes_from(struct build_up *b)
{
    ARRAY_FOREACH(b->spec->volumes_from, from) {
        struct container *other;
        int r = container_get(b->engine, b->arena, from->container, &other, b->err);

        if (r < 0)
            return error_wrap(b->err, r, "cannot take volumes from container %s", from->container);
        ARRAY_FOREACH(&other->config.mounts, mount) {
            if (mount->type == CONTAINER_MOUNT_TMPFS || has_mount_at(b->config, mount->target))
                continue;
            struct container_mount *copy = ARRAY_APPEND_ARENA(b->arena, &b->config->mounts);

            *copy = *mount;
            copy->anonymous = copy->from_image = false;
            copy->read_only |= from->read_only;
        }
    }
    return 0;
}

static int fill_file(struct build_up *b, const struct file_reference *ref,
        const struct file_object *object, bool is_secret)
{
    const char *kind = is_secret ? "secret" : "config";
    struct container_file file = { .mode = ref->mode.set ? (int32_t)ref->mode.value : -1,
        .is_secret = is_secret };

    if (!object)
        return error_set_plain(b->err, ENOENT, &ref->at, "services.%s: no %s \"%s\"",
                b->service->name, kind, ref->source);
    if (object->external == OPTION_TRUE)
        return error_set_plain(b->err, EOPNOTSUPP, &object->at, "%ss.%s: external is not supported",
                kind, object->key);
    if (!ref->target)
        file.target = arena_printf(b->arena, is_secret ? "/run/secrets/%s" : "/%s", ref->source);
    else if (is_secret && *ref->target != '/')
        file.target = arena_printf(b->arena, "/run/secrets/%s", ref->target);
    else
        file.target = *ref->target == '/' ? ref->target
                                          : arena_printf(b->arena, "/%s", ref->target);
    if (object->file) {
        file.source_path = object->file;
    } else if (object->environment) {
        if (!object->value)
            return error_set_plain(b->err, ENOENT, &object->at,
                    "environment variable \"%s\" required by %s \"%s\" is not set",
                    object->environment, kind, object->key);
        file.content = object->value;
    } else {
        file.content = object->content ? object->content : "";
    }
    file.content_len = file.content ? strlen(file.content) : 0;
    if (ref->uid && parse_uint32(str_from(ref->uid), UINT32_MAX - 1, &file.uid) < 0)
        return refuse(b, &ref->at, is_secret ? "secrets.uid" : "configs.uid", ref->uid);
    if (ref->gid && parse_uint32(str_from(ref->gid), UINT32_MAX - 1, &file.gid) < 0)
        return refuse(b, &ref->at, is_secret ? "secrets.gid" : "configs.gid", ref->gid);
    if (file.content && file.content_len == 0)
        return 0; /* an empty value creates nothing */
    *ARRAY_APPEND_ARENA(b->arena, &b->config->files) = file;
    return 0;
}

static int fill_files(struct build_up *b)
{
    const struct service *s = b->service;
    struct container_config *c = b->config;
    int r = 0;

    ARRAY_FOREACH(&s->volumes, volume)
        if (r >= 0)
            r = fill_volume(b, volume);
    for (size_t i = 0; i < s->tmpfs.len && r >= 0; i++)
        r = spec_parse_tmpfs(
                b->arena, s->tmpfs.items[i], ARRAY_APPEND_ARENA(b->arena, &c->mounts), b->err);
    if (r >= 0 && b->spec->volumes_from)
        r = fill_volumes_from(b);
    if (b->spec->volumes) /* those that the image declares */
        ARRAY_FOREACH(b->spec->volumes, carried)
            if (!has_mount_at(c, carried->target))
                *ARRAY_APPEND_ARENA(b->arena,
                        &c->mounts) = (struct container_mount){ .type = CONTAINER_MOUNT_VOLUME,
                    .source = carried->volume,
                    .target = carried->target,
                    .anonymous = true,
                    .tmpfs_mode = -1 };
    ARRAY_FOREACH(&s->secrets, ref)
        if (r >= 0)
            r = fill_file(b, ref, project_find_secret(b->spec->project, ref->source), true);
    ARRAY_FOREACH(&s->configs, ref)
        if (r >= 0)
            r = fill_file(b, ref, project_find_config(b->spec->project, ref->source), false);
    c->read_only = s->read_only == OPTION_TRUE;
    c->shm_size_bytes = s->shm_size.set ? (uint64_t)s->shm_size.bytes : 0;
    return r;
}

/* ------------------------------------------------------------------ devices */

#define GPU_KIND "nvidia.com/gpu"
#define GPUS_MAX 1024

/* "0" of the driver nvidia (or of none) is nvidia.com/gpu=0; with cdi the ids are complete. */
static void add_device_id(struct build_up *b, struct strings *names, const char *id)
{
    *ARRAY_APPEND_ARENA(b->arena, names) = strchr(id, '=')
                                                   ? arena_strdup(b->arena, id)
                                                   : arena_printf(b->arena, GPU_KIND "=%s", id);
}

static int add_device_request(
        struct build_up *b, const struct device_request *request, struct strings *names)
{
    bool any = !request->count.set || request->count.value < 0;

    if (!string_is_empty(request->driver) && strcmp(request->driver, "nvidia") != 0 &&
            strcmp(request->driver, "cdi") != 0)
        return error_set_plain(b->err, EOPNOTSUPP, &request->at,
                "could not select device driver \"%s\": only cdi and nvidia are known",
                request->driver);
    ARRAY_FOREACH(&request->device_ids, id)
        add_device_id(b, names, *id);
    if (request->device_ids.len > 0)
        return 0;
    if (string_is_equal(request->driver, "cdi"))
        return error_set_plain(b->err, EINVAL, &request->at,
                "device driver \"cdi\" needs device_ids, such as \"vendor.com/class=name\"");
    if (!any && request->count.value > GPUS_MAX)
        return error_set_plain(
                b->err, EINVAL, &request->at, "at most %d devices can be asked for", GPUS_MAX);
    if (any)
        add_device_id(b, names, "all");
    for (int64_t i = 0; !any && i < request->count.value; i++)
        add_device_id(b, names, arena_printf(b->arena, "%lld", (long long)i));
    return 0;
}

static int fill_device_requests(struct build_up *b)
{
    struct strings names = { 0 };
    int r = 0;

    ARRAY_FOREACH(&b->service->devices, device)
        if (cdi_is_device(device->source))
            add_device_id(b, &names, device->source);
    ARRAY_FOREACH(&b->service->gpus, request)
        if (r >= 0)
            r = add_device_request(b, request, &names);
    ARRAY_FOREACH(&b->service->deploy.resources.reservations.devices, request)
        if (r >= 0)
            r = add_device_request(b, request, &names);
    b->config->cdi_devices = spec_vector(b->arena, &names);
    return r;
}

/* ------------------------------------------------------------------ network */

static int fill_port(struct build_up *b, const struct service_port *port)
{
    struct container_port out = { .host_ip = port->host_ip,
        .container_port = (uint16_t)port->target.value,
        .protocol = port->protocol ? port->protocol : "tcp" };
    uint16_t first = 0, last = 0;

    if (!string_is_equal(out.protocol, "tcp") && !string_is_equal(out.protocol, "udp"))
        return refuse(b, &port->at, "ports", out.protocol);
    if (port->published && *port->published) {
        if (parse_port_range(str_from(port->published), true, &first, &last) < 0)
            return refuse(b, &port->at, "ports", port->published);
        out.host_port = first;
        out.host_port_last = last > first ? last : 0;
    }
    *ARRAY_APPEND_ARENA(b->arena, &b->config->ports) = out;
    return 0;
}

static int fill_exposed(struct build_up *b)
{
    struct strings list = { 0 };

    for (size_t i = 0; i < b->service->expose.len; i++) {
        struct container_ports ports = { 0 };
        int r = spec_parse_publish(b->arena, b->service->expose.items[i], &ports, b->err);

        if (r < 0)
            return r;
        ARRAY_FOREACH(&ports, port)
            *ARRAY_APPEND_ARENA(b->arena, &list) = arena_printf(
                    b->arena, "%u/%s", port->container_port, port->protocol);
    }
    b->config->exposed_ports = spec_vector(b->arena, &list);
    return 0;
}

static void fill_attachment(
        struct arena *arena, const struct service_network *from, struct container_network *to)
{
    to->ipv4 = from->ipv4_address;
    to->ipv6 = from->ipv6_address;
    to->link_local = spec_vector(arena, &from->link_local_ips);
    to->mac = from->mac_address;
    if (from->gw_priority.set)
        to->gw_priority = from->gw_priority.value;
    copy_pairs(arena, &from->driver_opts, &to->driver_options);
    if (!string_is_empty(from->interface_name))
        *ARRAY_APPEND_ARENA(arena, &to->driver_options) = (struct container_pair){
            SPEC_INTERFACE_NAME, from->interface_name
        };
}

static int fill_network(struct build_up *b)
{
    const struct service *s = b->service;
    struct container_config *c = b->config;
    const char *mode = s->network_mode;
    int r = 0;

    if (b->spec->join_network) {
        c->network_mode = CONTAINER_NETWORK_CONTAINER;
        c->network_container = b->spec->join_network;
    } else if (string_is_equal(mode, "host")) {
        c->network_mode = CONTAINER_NETWORK_HOST;
    } else if (string_is_equal(mode, "none")) {
        c->network_mode = CONTAINER_NETWORK_NONE;
    } else if (mode && (strcmp(mode, "bridge") == 0 || strcmp(mode, "default") == 0)) {
        *ARRAY_APPEND_ARENA(
                b->arena, &c->networks) = (struct container_network){ .network = "bridge" };
    } else if (mode && *mode) {
        return refuse(b, NULL, "network_mode", mode);
    }
    if (b->spec->networks) {
        ARRAY_FOREACH(b->spec->networks, attachment) {
            struct strings names = attachment->aliases;
            ARRAY_FOREACH(&attachment->links, link)
                *ARRAY_APPEND_ARENA(b->arena, &names) = *link;
            struct container_network network = { .network = attachment->network,
                .aliases = spec_vector(b->arena, &names) };

            if (attachment->config)
                fill_attachment(b->arena, attachment->config, &network);
            if (!network.mac && s->mac_address && c->networks.len == 0)
                network.mac = s->mac_address;
            *ARRAY_APPEND_ARENA(b->arena, &c->networks) = network;
        }
    }
    for (size_t i = 0; b->spec->external_links && i < b->spec->external_links->len && r >= 0; i++) {
        struct container *other;

        r = container_get(b->engine, b->arena, b->spec->external_links->items[i], &other, b->err);
        if (r < 0)
            error_wrap(b->err, r, "services.%s.external_links", s->name);
    }
    ARRAY_FOREACH(&s->ports, port)
        if (r >= 0 && !b->spec->no_ports)
            r = fill_port(b, port);
    if (r >= 0)
        r = fill_exposed(b);

    struct strings hosts = { 0 };
    ARRAY_FOREACH(&s->extra_hosts, host)
        *ARRAY_APPEND_ARENA(b->arena, &hosts) = arena_printf(
                b->arena, "%s:%s", host->key, host->value);
    c->extra_hosts = spec_vector(b->arena, &hosts);
    c->dns = spec_vector(b->arena, &s->dns);
    c->dns_search = spec_vector(b->arena, &s->dns_search);
    c->dns_options = spec_vector(b->arena, &s->dns_opt);
    return r;
}

/* ------------------------------------------------------------------ rights, limits, life */

static const char *joined_mode(struct arena *arena, const char *mode, const char *container)
{
    return container ? arena_printf(arena, "container:%s", container) : mode;
}

static void fill_rights(struct build_up *b)
{
    const struct service *s = b->service;
    struct container_config *c = b->config;

    c->privileged = s->privileged == OPTION_TRUE;
    c->runtime = s->runtime;
    c->cap_add = spec_vector(b->arena, &s->cap_add);
    c->cap_drop = spec_vector(b->arena, &s->cap_drop);
    c->security_opt = spec_vector(b->arena, &s->security_opt);
    c->device_cgroup_rules = spec_vector(b->arena, &s->device_cgroup_rules);
    ARRAY_FOREACH(&s->devices, device) {
        if (cdi_is_device(device->source))
            continue; /* fill_device_requests */
        *ARRAY_APPEND_ARENA(b->arena, &c->devices) = (struct container_device){ device->source,
            device->target ? device->target : device->source,
            device->permissions ? device->permissions : "rwm" };
    }
    copy_pairs(b->arena, &s->sysctls, &c->sysctls);
    c->pid_mode = joined_mode(b->arena, s->pid, b->spec->join_pid);
    c->ipc_mode = joined_mode(b->arena, s->ipc, b->spec->join_ipc);
    c->uts_mode = s->uts;
    c->userns_mode = s->userns_mode;
    c->cgroupns_mode = s->cgroup;
    c->cgroup_parent = s->cgroup_parent;
}

static void add_rates(
        struct build_up *b, enum container_io_kind kind, const struct device_rates *rates)
{
    ARRAY_FOREACH(rates, rate)
        *ARRAY_APPEND_ARENA(b->arena, &b->config->io_limits) = (struct container_io_limit){
            container_io_kinds[kind], rate->path, (uint64_t)rate->rate.bytes
        };
}

static void fill_block_io(struct build_up *b)
{
    const struct blkio_config *io = &b->service->blkio_config;

    b->config->blkio_weight = io->weight.value;
    ARRAY_FOREACH(&io->weight_device, weight)
        *ARRAY_APPEND_ARENA(b->arena, &b->config->io_limits) = (struct container_io_limit){
            container_io_kinds[CONTAINER_IO_WEIGHT], weight->path, (uint64_t)weight->weight.value
        };
    add_rates(b, CONTAINER_IO_READ_BPS, &io->device_read_bps);
    add_rates(b, CONTAINER_IO_WRITE_BPS, &io->device_write_bps);
    add_rates(b, CONTAINER_IO_READ_IOPS, &io->device_read_iops);
    add_rates(b, CONTAINER_IO_WRITE_IOPS, &io->device_write_iops);
}

static void fill_limits(struct build_up *b)
{
    const struct service *s = b->service;
    struct service_limits limits = service_limits(s);
    const struct resource *reservations = &s->deploy.resources.reservations;
    struct container_config *c = b->config;

    c->memory_bytes = limits.memory_bytes;
    c->memory_swap_bytes = s->memswap_limit.set ? s->memswap_limit.bytes : 0;
    c->memory_reservation_bytes = reservations->memory.set ? reservations->memory.bytes
                                  : s->mem_reservation.set ? s->mem_reservation.bytes
                                                           : 0;
    c->nano_cpus = limits.nano_cpus;
    c->pids_limit = limits.pids;
    c->cpu_shares = s->cpu_shares.value;
    c->cpu_period_usec = s->cpu_period.value;
    c->cpu_quota_usec = s->cpu_quota.value;
    c->cpu_rt_period_usec = s->cpu_rt_period.value;
    c->cpu_rt_runtime_usec = s->cpu_rt_runtime.value;
    c->cpuset_cpus = s->cpuset;
    c->has_memory_swappiness = s->mem_swappiness.set;
    c->memory_swappiness = s->mem_swappiness.value;
    c->oom_kill_disable = s->oom_kill_disable == OPTION_TRUE;
    c->has_oom_score_adj = s->oom_score_adj.set;
    c->oom_score_adj = s->oom_score_adj.value;
    ARRAY_FOREACH(&s->ulimits, limit)
        *ARRAY_APPEND_ARENA(b->arena, &c->ulimits) = (struct container_ulimit){ limit->name,
            limit->soft, limit->hard };
}

static int fill_restart(struct build_up *b)
{
    const struct service *s = b->service;
    const struct deploy_restart_policy *policy = &s->deploy.restart_policy;
    struct container_config *c = b->config;

    if (b->spec->oneoff) /* `run` is for once, as Compose has it */
        return 0;
    if (s->restart)
        return spec_parse_restart(s->restart, &c->restart, &c->restart_max_retries, b->err);
    if (!policy->given)
        return 0;
    if (!policy->condition || strcmp(policy->condition, "any") == 0)
        c->restart = CONTAINER_RESTART_ALWAYS;
    else if (strcmp(policy->condition, "on-failure") == 0)
        c->restart = CONTAINER_RESTART_ON_FAILURE;
    else if (strcmp(policy->condition, "none") != 0)
        return spec_parse_restart(policy->condition, &c->restart, &c->restart_max_retries, b->err);
    if (c->restart == CONTAINER_RESTART_ON_FAILURE && policy->max_attempts.set)
        c->restart_max_retries = policy->max_attempts.value;
    return 0;
}

static void fill_health(struct build_up *b)
{
    const struct healthcheck *check = &b->service->healthcheck;
    struct container_health *health = &b->config->health;

    if (!check->given)
        return;
    b->config->has_health = true;
    if (check->disable == OPTION_TRUE) {
        health->test = ARENA_NEW_ARRAY(b->arena, 2, char *);
        health->test[0] = arena_strdup(b->arena, "NONE");
        return;
    }
    health->test = vector_of(b->arena, &check->test);
    health->interval_usec = check->interval.usec;
    health->timeout_usec = check->timeout.usec;
    health->start_period_usec = check->start_period.usec;
    health->start_interval_usec = check->start_interval.usec;
    health->retries = check->retries.value;
}

static void fill_labels(struct build_up *b)
{
    struct container_config *c = b->config;

    STRMAP_FOREACH(b->spec->labels, label)
        *ARRAY_APPEND_ARENA(b->arena, &c->labels) = (struct container_pair){ label->key,
            label->value ? label->value : "" };
    copy_pairs(b->arena, &b->service->annotations, &c->annotations);
    c->log_driver = b->service->logging.driver;
    copy_pairs(b->arena, &b->service->logging.options, &c->log_options);
}

int compose_container_config(struct engine *engine, struct arena *arena,
        const struct backend_container_spec *spec, struct container_config *ret, struct error **err)
{
    struct build_up b = { .engine = engine,
        .arena = arena,
        .spec = spec,
        .service = spec->service,
        .config = ret,
        .err = err };

    *ret = (struct container_config)CONTAINER_CONFIG_INIT;
    ret->name = spec->name;
    ret->image = spec->image;
    ret->auto_remove = spec->auto_remove;
    ret->project = spec->project->name;
    ret->service = spec->service->name;
    ret->number = spec->number;
    ret->oneoff = spec->oneoff;
    ret->model = spec->model;
    fill_process(&b);
    fill_rights(&b);
    fill_limits(&b);
    fill_block_io(&b);
    fill_health(&b);
    fill_labels(&b);
    int r = fill_files(&b);
    if (r >= 0)
        r = fill_device_requests(&b);
    if (r >= 0)
        r = fill_network(&b);
    if (r >= 0)
        r = fill_restart(&b);
    return r;
}
