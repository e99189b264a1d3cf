/* What happens to a container after it was created. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "engine/runtime/cgroup-internal.h"
#include "engine/runtime/gate.h"
#include "engine/runtime/oci-internal.h"
#include "engine/runtime/oci.h"
#include "engine/runtime/resources-internal.h"
#include "engine/runtime/spec.h"

#define DELETE_TIMEOUT_USEC (10 * USEC_PER_SEC)

int oci_open(const struct oci_runtime *runtime, const char *id, bool lock, int *ret_root_fd,
        struct oci_container *ret, struct error **err)
{
    auto_close int root_fd = -EBADF;
    int r = oci_id_check(id, err);

    if (r < 0)
        return r;
    root_fd = oci_root_open(runtime->root_dir, false, err);
    if (root_fd == -ENOENT)
        return error_set_plain(err, ENOENT, NULL, "container \"%s\" does not exist", id);
    r = root_fd < 0 ? root_fd : oci_container_open(runtime->arena, root_fd, id, lock, ret, err);
    if (r >= 0 && ret_root_fd)
        *ret_root_fd = TAKE_FD(root_fd);
    return r < 0 ? r : 0;
}

/* ---- start ---- */

int oci_start(const struct oci_runtime *runtime, const char *id, struct error **err)
{
    auto_(oci_container_release) struct oci_container container = OCI_CONTAINER_INIT;
    auto_json json_t *json = NULL;
    struct runtime_spec *spec;
    int exit_code;
    int r = oci_open(runtime, id, true, NULL, &container, err);

    if (r < 0)
        return r;
    switch (oci_container_status(&container)) {
    case OCI_CREATED:
        break;
    case OCI_STOPPED:
        return error_set_plain(err, EINVAL, NULL, "cannot start a container that has stopped");
    case OCI_RUNNING:
        return error_set_plain(err, EINVAL, NULL, "cannot start an already running container");
    default:
        return error_set_plain(err, EINVAL, NULL, "cannot start a container in the %s state",
                oci_status_names[oci_container_status(&container)]);
    }
    r = oci_container_read_spec(runtime->arena, &container, &json, &spec, err);
    if (r < 0)
        return r;
    auto_close int gate = gate_connect(container.dir_fd);
    if (gate < 0)
        return error_set(err, -gate, NULL, "cannot start container %s", id);
    const struct hook_state told = {
        .id = container.id, .bundle = container.bundle, .status = "creating", .pid = container.pid
    };
    r = container_start_held(gate, spec, &told, &exit_code, err);
    if (r >= 0)
        (void)unlinkat(container.dir_fd, GATE_NAME, 0);
    container.lock_fd = fd_close(container.lock_fd);
    return r < 0 ? r : oci_run_poststart_hooks(runtime, &container, spec, err);
}

/* ---- kill ---- */

/* A pidfd of the first process, which lives; or -ESRCH with an error. */
static int open_process(const struct oci_container *container, struct error **err)
{
    auto_close int pidfd = container->pid > 0 ? proc_open_pidfd(container->pid) : -ESRCH;

    /* Looked at while the descriptor holds it: the number cannot change hands any more. */
    if (pidfd < 0 || !oci_container_is_alive(container))
        return error_set_plain(err, ESRCH, NULL, "container not running");
    return TAKE_FD(pidfd);
}

static int kill_all(const struct oci_container *container, int signo, struct error **err)
{
    auto_(cgroup_release) struct cgroup cgroup = CGROUP_INIT;

    if (!container->cgroup_path)
        return 0;
    int r = cgroup_open(&cgroup, container->cgroup_path, err);
    return r > 0 ? cgroup_kill(&cgroup, signo, err) : r;
}

static bool has_processes(const struct oci_container *container)
{
    auto_(cgroup_release) struct cgroup cgroup = CGROUP_INIT;
    auto_free pid_t *pids = NULL;

    return container->cgroup_path && cgroup_open(&cgroup, container->cgroup_path, NULL) > 0 &&
           cgroup_list_processes(&cgroup, &pids, NULL) > 0;
}

static void forget_error(struct error **err)
{
    if (!err)
        return;
    error_free(*err);
    *err = NULL;
}

static bool has_own_pids(const struct oci_runtime *runtime, const struct oci_container *container)
{
    auto_json json_t *json = NULL;
    struct runtime_spec *spec;

    return oci_container_read_spec(runtime->arena, container, &json, &spec, NULL) < 0 ||
           spec->namespaces[NAMESPACE_PID].mode == NAMESPACE_PRIVATE;
}

/* A frozen process of v1 does not even take SIGKILL. */
static void thaw(const struct oci_container *container)
{
    auto_(cgroup_release) struct cgroup cgroup = CGROUP_INIT;

    if (container->cgroup_path && cgroup_open(&cgroup, container->cgroup_path, NULL) > 0 &&
            cgroup_is_frozen(&cgroup))
        (void)cgroup_freeze(&cgroup, false, NULL);
}

int oci_kill(
        const struct oci_runtime *runtime, const char *id, int signo, bool all, struct error **err)
{
    auto_(oci_container_release) struct oci_container container = OCI_CONTAINER_INIT;
    int r = oci_open(runtime, id, false, NULL, &container, err);

    if (r < 0)
        return r;
    if (all)
        return kill_all(&container, signo, err);
    auto_close int pidfd = open_process(&container, err);
    /* Others than the first may outlive it where there is no pid namespace that ends with it. */
    if (signo == SIGKILL && (pidfd >= 0 || container.pid > 0) &&
            !has_own_pids(runtime, &container) && (pidfd >= 0 || has_processes(&container))) {
        forget_error(err);
        return kill_all(&container, signo, err);
    }
    if (pidfd < 0)
        return pidfd;
    r = proc_kill_pidfd(pidfd, signo);
    if (r == -ESRCH)
        return error_set_plain(err, ESRCH, NULL, "container not running");
    if (r < 0)
        return error_set(err, -r, NULL, "cannot send signal %d to container %s", signo, id);
    if (signo == SIGKILL)
        thaw(&container);
    return 0;
}

/* ---- delete ---- */

static int end_process(const struct oci_container *container, struct error **err)
{
    auto_close int pidfd = open_process(container, NULL);

    (void)kill_all(container, SIGKILL, NULL);
    if (pidfd < 0)
        return 0;
    (void)proc_kill_pidfd(pidfd, SIGKILL);
    thaw(container);
    int r = proc_wait_pidfd(pidfd, time_monotonic_usec() + DELETE_TIMEOUT_USEC);
    if (r == 0)
        return error_set_plain(
                err, ETIMEDOUT, NULL, "container %s does not end on SIGKILL", container->id);
    return r < 0 ? error_set(err, -r, NULL, "cannot wait for container %s", container->id) : 0;
}

int oci_delete(const struct oci_runtime *runtime, const char *id, bool force, struct error **err)
{
    auto_(oci_container_release) struct oci_container container = OCI_CONTAINER_INIT;
    auto_close int root_fd = -EBADF;
    int r = oci_open(runtime, id, true, &root_fd, &container, err);

    if (r == -ENOENT && force) {
        forget_error(err);
        return 0;
    }
    if (r < 0)
        return r;
    enum oci_status status = oci_container_status(&container);
    if (!force && status != OCI_STOPPED && status != OCI_CREATED)
        return error_set_plain(err, EBUSY, NULL,
                "cannot delete container %s that is not stopped: %s", id, oci_status_names[status]);
    r = end_process(&container, err);
    if (r < 0)
        return r;
    auto_json json_t *json = NULL;
    struct runtime_spec *spec = NULL;
    if (container.pid > 0)
        (void)oci_container_read_spec(runtime->arena, &container, &json, &spec, NULL);
    r = oci_container_remove(root_fd, &container, err);
    container.lock_fd = fd_close(container.lock_fd);
    if (r >= 0 && spec)
        oci_run_poststop_hooks(runtime, &container, spec);
    return r;
}

/* ---- pause ---- */

static int freeze(
        const struct oci_runtime *runtime, const char *id, bool paused, struct error **err)
{
    auto_(oci_container_release) struct oci_container container = OCI_CONTAINER_INIT;
    auto_(cgroup_release) struct cgroup cgroup = CGROUP_INIT;
    int r = oci_open(runtime, id, true, NULL, &container, err);

    if (r < 0)
        return r;
    enum oci_status status = oci_container_status(&container);
    if (paused && status != OCI_RUNNING && status != OCI_CREATED)
        return error_set_plain(err, EINVAL, NULL, "container not running or created: %s",
                oci_status_names[status]);
    if (!paused && status != OCI_PAUSED)
        return error_set_plain(err, EINVAL, NULL, "container not paused");
    r = cgroup_open(&cgroup, container.cgroup_path, err);
    if (r == 0)
        return error_set_plain(err, ESRCH, NULL, "the control group of container %s is gone", id);
    return r < 0 ? r : cgroup_freeze(&cgroup, paused, err);
}

int oci_pause(const struct oci_runtime *runtime, const char *id, struct error **err)
{
    return freeze(runtime, id, true, err);
}

int oci_resume(const struct oci_runtime *runtime, const char *id, struct error **err)
{
    return freeze(runtime, id, false, err);
}

/* ---- ps, update ---- */

int oci_list_processes(
        const struct oci_runtime *runtime, const char *id, pid_t **ret, struct error **err)
{
    auto_(oci_container_release) struct oci_container container = OCI_CONTAINER_INIT;
    auto_(cgroup_release) struct cgroup cgroup = CGROUP_INIT;
    int r = oci_open(runtime, id, false, NULL, &container, err);

    if (r < 0)
        return r;
    r = container.cgroup_path ? cgroup_open(&cgroup, container.cgroup_path, err) : 0;
    if (r == 0)
        return error_set_plain(err, ESRCH, NULL, "container %s has no control group", id);
    return r < 0 ? r : cgroup_list_processes(&cgroup, ret, err);
}

/* Members of objects are merged one by one, everything else is replaced. */
static void merge(json_t *base, const json_t *over)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)over, key, value)
    {
        json_t *present = json_object_get(base, key);

        if (json_is_object(present) && json_is_object(value))
            merge(present, value);
        else
            json_object_set(base, key, value);
    }
}

static json_t *member_object(json_t *parent, const char *key)
{
    json_t *child = json_object_get(parent, key);

    if (!json_is_object(child)) {
        json_object_set_new(parent, key, json_object());
        child = json_object_get(parent, key);
    }
    return child;
}

int oci_update(const struct oci_runtime *runtime, const char *id, const json_t *resources,
        struct error **err)
{
    auto_(oci_container_release) struct oci_container container = OCI_CONTAINER_INIT;
    auto_(cgroup_release) struct cgroup cgroup = CGROUP_INIT;
    auto_json json_t *config = NULL;
    struct runtime_resources parsed = RUNTIME_RESOURCES_INIT;
    int r = oci_open(runtime, id, true, NULL, &container, err);

    if (r < 0)
        return r;
    if (oci_container_status(&container) == OCI_STOPPED)
        return error_set_plain(err, ESRCH, NULL, "container not running");
    r = jsonx_read_file(container.dir_fd, "config.json", &config, err);
    if (r >= 0)
        r = resources_parse(runtime->arena, resources, &parsed, err);
    if (r >= 0)
        r = cgroup_open(&cgroup, container.cgroup_path, err);
    if (r == 0)
        return error_set_plain(err, ESRCH, NULL, "container %s has no control group", id);
    if (r >= 0)
        r = cgroup_apply_limits(&cgroup, &parsed, err);
    if (r < 0)
        return error_wrap(err, r, "cannot update container %s", id);
    merge(member_object(member_object(config, "linux"), "resources"), resources);
    return jsonx_write_file(container.dir_fd, "config.json", config, 0600, false, err);
}
