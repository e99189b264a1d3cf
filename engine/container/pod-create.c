/* Making pods and members of them. */
#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/random.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/container/container-internal.h"
#include "engine/container/pod-internal.h"

#define INFRA_PROGRAM "/sbin/docker-init" /* berth-init, which `init` brings */

/* Never more rights than to wait for its end. `infra` has mounts of its own to change. */
static void fill_infra(struct arena *arena, const struct pod *pod, struct container_config *infra)
{
    static char *const nothing[] = { NULL };

    infra->image = "";
    if (!infra->name)
        infra->name = arena_printf(arena, "%.12s-infra", pod->id);
    infra->pod = pod->id;
    infra->init = true;
    infra->entrypoint = ARENA_NEW_ARRAY(arena, 3, char *);
    infra->entrypoint[0] = arena_strdup(arena, INFRA_PROGRAM);
    infra->entrypoint[1] = arena_strdup(arena, "--pause");
    infra->cmd = (char **)(uintptr_t)nothing;
    infra->read_only = true;
    infra->cap_drop = ARENA_NEW_ARRAY(arena, 2, char *);
    infra->cap_drop[0] = arena_strdup(arena, "ALL");
    infra->security_opt = container_vector_union(
            arena, (char *[]){ (char[]){ "no-new-privileges" }, NULL }, pod->config.security_opt);
    infra->log_driver = "none";
    infra->restart = pod->config.restart;
    infra->restart_max_retries = pod->config.restart_max_retries;
    for (size_t i = 0; i < infra->mounts.len;
            i++) /* there is no image to take first contents from */
        infra->mounts.items[i].no_copy = true;
    if (infra->network_mode != CONTAINER_NETWORK_CONTAINER)
        infra->hostname = pod->config.hostname ? pod->config.hostname : pod->name;
    if ((pod->config.share & POD_SHARE_IPC) && !infra->ipc_mode)
        infra->ipc_mode = "shareable";
}

static int create_alone(struct engine *engine, const struct pod *pod, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    int r = db_begin(engine->db, &transaction, err);

    if (r >= 0)
        r = pod_insert(engine, pod, NULL, err);
    return r < 0 ? r : db_commit(&transaction, err);
}

int pod_create(struct engine *engine, const struct pod_config *config,
        const struct container_config *infra, char ret_id[static CONTAINER_ID_HEX + 1],
        struct diag *diag, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct pod pod = { .config = *config, .created_nsec = time_realtime_nsec() };
    struct container_config own = *infra;
    struct container_mounts mounts = { 0 };
    char id[CONTAINER_ID_HEX + 1], infra_id[CONTAINER_ID_HEX + 1];

    if (!config->has_infra && config->share) {
        for (unsigned i = 0; i < POD_SHARE_KINDS; i++)
            if (config->share & 1u << i)
                return error_set_plain(err, EINVAL, NULL,
                        "cannot set share(%s) namespaces without an infra container",
                        pod_share_names[i]);
    }
    int r = container_choose_name(engine, &arena, config->name, &pod.name, err);
    if (r < 0)
        return r;
    random_id(id);
    pod.id = id;
    if (!config->has_infra) {
        r = create_alone(engine, &pod, err);
    } else {
        ARRAY_FOREACH(&infra->mounts, mount)
            *ARRAY_APPEND_ARENA(&arena, &mounts) = *mount;
        own.mounts = mounts;
        fill_infra(&arena, &pod, &own);
        r = container_create_in(engine, &own, &pod, infra_id, diag, err);
    }
    if (r < 0)
        return r;
    fault_point("pod.create.rows");
    memcpy(ret_id, id, sizeof(id));
    pod_event(engine, &pod, "create");
    return 0;
}

/* ---- Members ---- */

static int belongs_to_pod(const char *what, struct error **err)
{
    return error_set_plain(err, EINVAL, NULL,
            "invalid config provided: %s: network cannot be configured when it is shared with a pod",
            what);
}

static int share_network(
        struct container_config *config, const struct container *infra, struct error **err)
{
    const struct container_config *from = &infra->config;

    if (config->ports.len > 0 || config->publish_all)
        return belongs_to_pod(
                "published or exposed ports must be defined when the pod is created", err);
    if (config->extra_hosts)
        return belongs_to_pod("extra host entries must be specified on the pod", err);
    if (config->dns || config->dns_search || config->dns_options)
        return belongs_to_pod("name servers must be specified on the pod", err);
    /* Another's network, or the machine's, is as good at first hand; but the names are the pod's. */
    config->network_mode = from->network_mode;
    config->network_container = from->network_container;
    if (from->network_mode == CONTAINER_NETWORK_HOST) {
        config->extra_hosts = from->extra_hosts;
        config->dns = from->dns;
        config->dns_search = from->dns_search;
        config->dns_options = from->dns_options;
    } else if (from->network_mode != CONTAINER_NETWORK_CONTAINER) {
        config->network_mode = CONTAINER_NETWORK_CONTAINER;
        config->network_container = infra->id;
    }
    return 0;
}

static void share_mode(struct arena *arena, const char **mode, const char *infra_mode,
        const struct container *infra)
{
    if (string_is_empty(*mode))
        *mode = infra_mode && strcmp(infra_mode, "host") == 0
                        ? "host"
                        : arena_printf(arena, "container:%s", infra->id);
}

static int share_namespaces(struct arena *arena, const struct pod *pod,
        const struct container *infra, struct container_config *config, struct error **err)
{
    unsigned share = pod->config.share;
    bool own_network = config->networks.len > 0 ||
                       config->network_mode != CONTAINER_NETWORK_PRIVATE;
    int r = 0;

    if (!string_is_empty(config->userns_mode) || config->uid_maps || config->gid_maps ||
            config->subuid_name || config->subgid_name)
        return error_set_plain(err, EINVAL, NULL,
                "cannot set user namespace mode when joining pod with infra container: "
                "invalid argument");
    if ((share & POD_SHARE_UTS) && string_is_empty(config->uts_mode) &&
            !string_is_empty(config->hostname))
        return error_set_plain(err, EINVAL, NULL,
                "invalid config provided: cannot set hostname when joining the pod UTS namespace: "
                "invalid configuration");
    if ((share & POD_SHARE_NET) && !own_network)
        r = share_network(config, infra, err);
    if (share & POD_SHARE_UTS)
        share_mode(arena, &config->uts_mode, infra->config.uts_mode, infra);
    if (share & POD_SHARE_IPC)
        share_mode(arena, &config->ipc_mode, infra->config.ipc_mode, infra);
    if (share & POD_SHARE_PID)
        share_mode(arena, &config->pid_mode, infra->config.pid_mode, infra);
    if (share & POD_SHARE_CGROUP)
        share_mode(arena, &config->cgroupns_mode, infra->config.cgroupns_mode, infra);
    return r;
}

/* Where the member has none of its own. */
static int lend_mounts(struct engine *engine, struct arena *arena, const struct container *infra,
        struct container_config *config, struct error **err)
{
    char **own = config->volumes_from;
    char *lender[] = { (char *)(uintptr_t)infra->id, NULL };

    config->volumes_from = lender;
    int r = container_adopt_volumes(engine, arena, config, err);
    config->volumes_from = own;
    return r;
}

/* The control group above it, and devices, unless the member says otherwise. A service's own group is that one's. */
static void lend_rest(
        struct arena *arena, const struct container *infra, struct container_config *config)
{
    const struct container_config *from = &infra->config;
    struct container_devices devices = { 0 };

    if (string_is_empty(config->cgroup_parent) && !config->monitor_in_parent &&
            !from->monitor_in_parent)
        config->cgroup_parent = from->cgroup_parent;
    ARRAY_FOREACH(&from->devices, device)
        *ARRAY_APPEND_ARENA(arena, &devices) = *device;
    ARRAY_FOREACH(&config->devices, device)
        *ARRAY_APPEND_ARENA(arena, &devices) = *device;
    config->devices = devices;
    if (from->cdi_devices)
        config->cdi_devices = container_vector_union(arena, from->cdi_devices, config->cdi_devices);
}

int pod_adopt(struct engine *engine, struct arena *arena, struct container_config *config,
        struct error **err)
{
    struct pod *pod = NULL;

    if (!config->pod)
        return 0;
    int r = pod_get(engine, arena, config->pod, &pod, err);
    if (r < 0)
        return r;
    config->pod = pod->id;
    if (config->restart == CONTAINER_RESTART_NO && !config->auto_remove && !config->pod_init) {
        config->restart = pod->config.restart;
        config->restart_max_retries = pod->config.restart_max_retries;
    }
    if (pod->config.security_opt)
        config->security_opt = container_vector_union(
                arena, pod->config.security_opt, config->security_opt);
    const struct container *infra = pod_infra(pod);
    if (!infra)
        return 0;
    r = share_namespaces(arena, pod, infra, config, err);
    lend_rest(arena, infra, config);
    return r < 0 ? r : lend_mounts(engine, arena, infra, config, err);
}
