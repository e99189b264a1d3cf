/* create and run.
 *
 * A container comes to be in this order; whoever dies in between leaves what the column says, and
 * every `create` or `delete --force` of that name removes it:
 *
 *     directory, lock, config.json, state.json without a pid    an unfinished container
 *     control group                                             the same: state.json names it
 *     process, dying with its parent                            the same
 *     process at its gate, state.json with its pid              a created container */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/cgroup-systemd.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/gate.h"
#include "engine/runtime/oci-internal.h"
#include "engine/runtime/oci.h"
#include "engine/runtime/spec.h"

#define CONFIG_FILE "config.json"

struct creation {
    const struct oci_runtime *runtime;
    const struct oci_create_options *options;
    struct arena *arena;
    struct oci_container container;
    json_t *json;
    struct runtime_spec *spec;
    struct cgroup cgroup;
    struct seccomp_filter filter;
    struct systemd_scope scope; /* its placeholder ends when ours is in the group */
    int root_fd;                /* the directory of containers */
    int bundle_fd;              /* the bundle */
    int gate_fd;
    bool owns_cgroup, had_process;
};

static void creation_release(struct creation *c)
{
    cgroup_release(&c->cgroup);
    seccomp_filter_release(&c->filter);
    systemd_scope_release(&c->scope);
    oci_container_release(&c->container);
    json_decref(c->json);
    fd_close(c->root_fd);
    fd_close(c->bundle_fd);
    fd_close(c->gate_fd);
}

/* What every container may use whatever its rules say: the devices that the specification has the
 * runtime make, terminals, and making nodes, which is not opening them. */
static void allow_default_devices(struct creation *c)
{
    static const struct resource_device_rule allowed[] = {
        { .allow = true, .type = 'c', .major = -1, .minor = -1, .mknod = true },
        { .allow = true, .type = 'b', .major = -1, .minor = -1, .mknod = true },
#define DEVICE(x, y)   \
    { .allow = true,   \
        .type = 'c',   \
        .major = (x),  \
        .minor = (y),  \
        .read = true,  \
        .write = true, \
        .mknod = true }
        DEVICE(1, 3),
        DEVICE(1, 5),
        DEVICE(1, 7),
        DEVICE(1, 8),
        DEVICE(1, 9),
        DEVICE(5, 0),
        DEVICE(5, 2),
        DEVICE(136, -1),
#undef DEVICE
    };
    struct runtime_resources *resources = &c->spec->resources;
    size_t count = resources->device_count;

    if (count == 0)
        return; /* none: everything is open */
    struct resource_device_rule *rules = ARENA_NEW_ARRAY(
            c->arena, count + ARRAY_LEN(allowed), struct resource_device_rule);
    memcpy(rules, resources->devices, count * sizeof(*rules));
    memcpy(rules + count, allowed, sizeof(allowed));
    resources->devices = rules;
    resources->device_count = count + ARRAY_LEN(allowed);
}

/* What the specification wants us to go on without, and to say. */
static void warn_of_losses(const struct creation *c)
{
    const struct capability_sets *sets = &c->spec->process.capabilities;
    uint64_t wanted = sets->bounding | sets->effective | sets->permitted | sets->inheritable;

    oci_warn_all(c->runtime, &c->spec->warnings);
    if (c->spec->namespaces[NAMESPACE_USER].mode != NAMESPACE_HOST)
        return; /* has all in there */
    wanted &= ~capability_own_bounding_set();
    for (unsigned cap = 0; cap < 64; cap++) {
        if (wanted & UINT64_C(1) << cap)
            oci_warn(c->runtime,
                    arena_printf(c->arena, "the capability %s cannot be granted here: left out",
                            capability_name(cap)));
    }
}

static int open_bundle(struct creation *c, struct error **err)
{
    auto_free char *path = realpath(c->options->bundle, NULL);

    if (!path)
        return error_set(err, errno, NULL, "cannot open the bundle \"%s\"", c->options->bundle);
    c->container.bundle = arena_strdup(c->arena, path);
    c->bundle_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (c->bundle_fd < 0)
        return error_set(err, errno, NULL, "cannot open the bundle \"%s\"", path);
    const char *config = c->options->config ? c->options->config : CONFIG_FILE;
    if (faccessat(c->bundle_fd, config, F_OK, 0) < 0 && errno == ENOENT)
        return error_set_plain(
                err, ENOENT, NULL, "JSON specification file %s not found in %s", config, path);
    int r = jsonx_read_file(c->bundle_fd, config, &c->json, err);
    if (r >= 0)
        r = runtime_spec_parse(c->arena, c->json, &c->spec, err);
    if (r < 0)
        return r;
    warn_of_losses(c);
    allow_default_devices(c);
    c->spec->process.env = oci_merge_environment(c->arena, c->spec->process.env, c->options->env);
    return 0;
}

/* Some callers name destinations as the host sees them. */
static void strip_root(struct creation *c)
{
    size_t len = strlen(c->container.rootfs);

    for (size_t i = 0; i < c->spec->mount_count && len > 1; i++) {
        const char **destination = &c->spec->mounts[i].destination;

        if (strncmp(*destination, c->container.rootfs, len) == 0 && (*destination)[len] == '/')
            *destination += len;
    }
}

static int find_rootfs(struct creation *c, struct error **err)
{
    const char *given = c->spec->root_path;
    struct stat st;

    if (!given)
        return error_set_plain(err, EINVAL, NULL, "root.path: the configuration names no root");
    given = path_join(c->arena, c->container.bundle, given);
    auto_free char *path = realpath(given, NULL);
    if (!path || stat(path, &st) < 0)
        return error_set(err, errno, NULL, "rootfs \"%s\"", given);
    if (!S_ISDIR(st.st_mode))
        return error_set_plain(err, ENOTDIR, NULL, "rootfs \"%s\" is not a directory", given);
    c->container.rootfs = arena_strdup(c->arena, path);
    strip_root(c);
    return 0;
}

static int check_console(const struct creation *c, struct error **err)
{
    bool terminal = c->spec->process.terminal, detach = c->options->detach || !c->options->run;

    if (terminal && detach && !c->options->console_socket)
        return error_set_plain(err, EINVAL, NULL,
                "cannot allocate tty if runc will detach without setting console socket");
    if (c->options->console_socket && !(terminal && detach))
        return error_set_plain(err, EINVAL, NULL,
                "cannot use console socket if runc will not detach or allocate tty");
    return 0;
}

static int make_state(struct creation *c, struct error **err)
{
    auto_free char *config = NULL;
    char created[TIME_RFC3339_MAX];
    const char *bundle = c->container.bundle, *rootfs = c->container.rootfs;
    size_t len = 0;

    c->root_fd = oci_root_open(c->runtime->root_dir, true, err);
    int r = c->root_fd;
    if (r >= 0)
        r = oci_container_make(c->root_fd, c->options->id, &c->container, err);
    if (r < 0)
        return r;
    c->container.bundle = bundle;
    c->container.rootfs = rootfs;
    c->container.oci_version = c->spec->oci_version;
    c->container.created = arena_strdup(
            c->arena, time_format_rfc3339(time_realtime_nsec(), created));
    c->container.owner = getuid();
    c->container.keyring = !c->options->no_new_keyring;
    c->container.systemd_cgroup = c->runtime->systemd_cgroup;
    c->container.cgroup_path = c->spec->cgroups_path
                                       ? c->spec->cgroups_path
                                       : arena_printf(c->arena, "/berth-oci/%s", c->options->id);
    r = fs_read_file(c->bundle_fd, c->options->config ? c->options->config : CONFIG_FILE,
            LIMIT_JSON_BYTES, &config, &len, err);
    if (r >= 0)
        r = fs_replace_file(c->container.dir_fd, CONFIG_FILE, config, len, 0600, FS_NO_SYNC, err);
    return r < 0 ? r : oci_container_save(&c->container, err);
}

/* systemd makes the group, and the state has to say where before anything can go wrong. */
static int make_scope(struct creation *c, struct error **err)
{
    int r = systemd_scope_create(c->arena, c->spec, c->options->id, geteuid() != 0, &c->scope, err);

    if (r < 0)
        return r;
    c->container.cgroup_path = c->scope.path;
    c->owns_cgroup = true;
    r = oci_container_save(&c->container, err);
    return r < 0 ? r : cgroup_adopt(&c->cgroup, c->scope.path, &c->spec->resources, err);
}

/* Groups that are there already are used when nobody lives there: others' processes must neither
 * share the limits of this container nor die with it. */
static int make_cgroup(struct creation *c, struct error **err)
{
    auto_(cgroup_release) struct cgroup present = CGROUP_INIT;
    const char *path = c->container.cgroup_path;

    if (c->runtime->systemd_cgroup)
        return make_scope(c, err);
    if (c->spec->cgroup_units)
        return error_set_plain(err, EINVAL, NULL,
                "cgroupsPath: \"%s\" names units of systemd: that is for --systemd-cgroup",
                c->spec->cgroup_units);
    int r = cgroup_open(&present, path, err);

    if (r > 0) {
        auto_free pid_t *pids = NULL;

        if (cgroup_is_frozen(&present))
            return error_set_plain(
                    err, EBUSY, NULL, "container's cgroup unexpectedly frozen: %s", path);
        r = cgroup_list_processes(&present, &pids, err);
        if (r > 0)
            return error_set_plain(err, EBUSY, NULL,
                    "container's cgroup is not empty: %d process(es) found in %s", r, path);
    }
    if (r < 0)
        return r;
    c->owns_cgroup = true;
    return cgroup_create(&c->cgroup, path, &c->spec->resources, err);
}

/* In the host's mount namespace the root becomes a mount of its own, so that all that is mounted
 * there goes away with it. Private, or it would show on what it is bound from, too. */
static int bind_root(struct creation *c, struct error **err)
{
    const char *rootfs = c->container.rootfs;

    if (c->spec->namespaces[NAMESPACE_MOUNT].mode != NAMESPACE_HOST)
        return 0;
    if (mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL) < 0)
        return error_set(err, errno, NULL, "cannot bind the root \"%s\"", rootfs);
    c->container.root_bound = true;
    if (mount(NULL, rootfs, NULL, MS_PRIVATE | MS_REC, NULL) < 0)
        return error_set(err, errno, NULL, "cannot make the root \"%s\" private", rootfs);
    return oci_container_save(&c->container, err);
}

static int create_process(struct creation *c, struct container_process *process, struct error **err)
{
    struct container_process_options options = {
        .spec = c->spec,
        .rootfs = { .mount_point = c->container.rootfs, .directory = c->container.rootfs },
        .cgroup = &c->cgroup,
        .id = c->options->id,
        .bundle = c->container.bundle,
        .netns_fd = -EBADF,
        .userns_fd = -EBADF,
        .stdin_fd = 0,
        .stdout_fd = 1,
        .stderr_fd = 2,
        .detached = true,
        .preserved_fds = c->options->preserved_fds,
        .keyring = c->container.keyring ? oci_keyring_name(c->arena, c->options->id) : NULL,
        .plain_terminal = c->options->plain_terminal && !c->options->console_socket,
        .no_pivot = c->options->no_pivot,
        .held = !c->options->run,
    };
    int r = oci_load_seccomp(c->runtime, c->root_fd, c->spec, &c->filter, err);

    if (r > 0) {
        options.seccomp = &c->filter.program;
        options.seccomp_flags = c->filter.flags;
    }
    if (r >= 0 && options.held)
        r = c->gate_fd = options.gate_fd = gate_listen(c->container.dir_fd, err);
    c->had_process = r >= 0;
    if (r >= 0)
        r = container_create_process(&options, process, err);
    if (r < 0)
        return r;
    if (c->options->console_socket) {
        r = oci_send_console(c->options->console_socket, process->console_fd, err);
        process->console_fd = fd_close(process->console_fd);
    }
    if (r >= 0 && c->options->pidfd_socket)
        r = oci_send_pidfd(c->options->pidfd_socket, process->pidfd, err);
    c->container.pid = process->pid;
    c->container.pid_start_ticks = proc_start_ticks(process->pid);
    if (r >= 0)
        r = options.held ? container_hold_process(process, err)
                         : container_start_process(process, err);
    process->options = NULL; /* on this stack */
    return r;
}

static void undo(struct creation *c, struct container_process *process)
{
    if (process->pid > 0) {
        (void)proc_kill_pidfd(process->pidfd, SIGKILL);
        (void)proc_wait(process->pid);
        process->sync_fd = fd_close(process->sync_fd);
    }
    container_process_release(process);
    cgroup_release(&c->cgroup);
    if (!c->owns_cgroup)
        c->container.cgroup_path = NULL;
    if (c->container.lock_fd >= 0)
        (void)oci_container_remove(c->root_fd, &c->container, NULL);
    /* The life of a container whose hooks failed goes on where it is deleted. */
    if (c->had_process)
        oci_run_poststop_hooks(c->runtime, &c->container, c->spec);
}

int oci_create(const struct oci_runtime *runtime, const struct oci_create_options *options,
        struct container_process *ret_process, int *ret_exit_code, struct error **err)
{
    auto_(creation_release) struct creation c = {
        .runtime = runtime,
        .options = options,
        .arena = runtime->arena,
        .container = OCI_CONTAINER_INIT,
        .scope = SYSTEMD_SCOPE_INIT,
        .root_fd = -EBADF,
        .bundle_fd = -EBADF,
        .gate_fd = -EBADF,
    };
    int r = oci_id_check(options->id, err);

    *ret_process = (struct container_process)CONTAINER_PROCESS_INIT;
    if (r >= 0)
        r = open_bundle(&c, err);
    if (r >= 0)
        r = find_rootfs(&c, err);
    if (r >= 0)
        r = check_console(&c, err);
    if (r >= 0)
        r = make_state(&c, err);
    if (r >= 0)
        r = make_cgroup(&c, err);
    if (r >= 0)
        r = bind_root(&c, err);
    if (r >= 0)
        r = create_process(&c, ret_process, err);
    if (r >= 0)
        r = oci_container_save(&c.container, err);
    if (r >= 0 && options->pid_file)
        r = oci_write_pid_file(options->pid_file, ret_process->pid, err);
    if (r < 0) {
        *ret_exit_code = ret_process->exit_code;
        undo(&c, ret_process);
    } else if (!options->run) {
        container_process_release(ret_process);
    } else {
        c.container.lock_fd = fd_close(c.container.lock_fd);
        r = oci_run_poststart_hooks(runtime, &c.container, c.spec, err);
        if (r < 0) {
            *ret_exit_code = ret_process->exit_code;
            container_process_release(ret_process);
        }
    }
    return r < 0 ? r : 0;
}
