/* What a start writes before there is a monitor: the network's side, the name files, the compiled seccomp
 * profile, and in RUN/containers/ID config.json and monitor.json. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/container/cdi.h"
#include "engine/container/container-internal.h"
#include "engine/container/joined.h"
#include "engine/container/log-attrs.h"
#include "engine/container/log-drivers.h"
#include "engine/container/mount-layers.h"
#include "engine/container/oci-spec.h"
#include "engine/container/root-internal.h"
#include "engine/container/runtimes.h"
#include "engine/container/secret-store.h"
#include "engine/image/image.h"
#include "engine/monitor/control.h"
#include "engine/monitor/monitor-config.h"
#include "engine/network/network.h"
#include "engine/network/resolv.h"
#include "engine/container/user-namespace.h"
#include "engine/runtime/capability.h"
#include "engine/rootfs/copy.h"
#include "engine/runtime/seccomp.h"
#include "engine/volume/volume-internal.h"

#define RUN_FILES_DIR "files" /* in RUN/containers/ID */
#define FILE_NAME_MAX 24

/* What is gathered for one start; texts live in the arena. */
struct bundle {
    struct engine *engine;
    struct container *c;
    struct arena arena;
    const char *dir;       /* ROOT/containers/ID */
    const char *names_dir; /* whose hosts, hostname and resolv.conf are used */
    const char *hostname;
    const char *cgroup_path;
    enum monitor_ready ready;
    bool is_service; /* a service manager has started it, and restarts it */
    const char *notify_dir;
    struct network_start network;
    enum monitor_network network_mode;
    const char *netns_path;
    struct oci_mount_source *mounts;
    struct container_links links;
    struct container_joined joined;
    struct oci_devices devices;
    struct oci_io_device *io_devices;
    uint64_t capabilities;
    const char *seccomp_path;
    const char *runtime; /* another OCI runtime, which takes its filter as a profile */
    json_t *seccomp;
};

static void bundle_release(struct bundle *b)
{
    json_decref(b->seccomp);
    network_start_release(&b->network);
    arena_release(&b->arena);
}

/* ---- Network ---- */

static int prepare_private_network(struct bundle *b, struct error **err)
{
    struct network_start_options options;
    int r = container_network_options(&b->arena, b->c, &options, err);

    return r < 0 ? r : network_prepare_start(b->engine, &options, &b->network, err);
}

/* The container whose network is joined must run, and lends its name files too. */
static int prepare_joined_network(struct bundle *b, struct error **err)
{
    const char *id = b->c->config.network_container;
    struct container *other = NULL;
    int r = container_load(b->engine, &b->arena, id, &other, err);

    if (r < 0)
        return r;
    if (!other)
        return container_not_found(id, err);
    if (other->state.status != CONTAINER_RUNNING && other->state.status != CONTAINER_PAUSED)
        return error_set_plain(
                err, EINVAL, NULL, "cannot join network of a non running container: %s", other->id);
    if (other->config.network_mode == CONTAINER_NETWORK_HOST)
        b->network_mode = MONITOR_NETWORK_HOST;
    else if (other->config.network_mode == CONTAINER_NETWORK_CONTAINER)
        return error_set_plain(err, EINVAL, NULL,
                "cannot join the network of container %s, which itself uses another's",
                other->name);
    b->netns_path = arena_printf(&b->arena, "%s/netns/%s", b->engine->options.run_dir, other->id);
    b->names_dir = arena_printf(
            &b->arena, "%s/containers/%s", b->engine->options.root_dir, other->id);
    b->hostname = string_is_empty(other->config.hostname)
                          ? arena_strndup(&b->arena, other->id, CONTAINER_SHORT_ID)
                          : other->config.hostname;
    return 0;
}

static const char *host_name(struct arena *arena)
{
    char name[HOST_NAME_MAX + 1] = "localhost";

    (void)gethostname(name, sizeof(name));
    name[HOST_NAME_MAX] = '\0';
    return arena_strdup(arena, name);
}

static int prepare_network(struct bundle *b, struct error **err)
{
    static const enum monitor_network modes[CONTAINER_NETWORK_MODE_MAX_] = {
        [CONTAINER_NETWORK_PRIVATE] = MONITOR_NETWORK_PRIVATE,
        [CONTAINER_NETWORK_HOST] = MONITOR_NETWORK_HOST,
        /* Pinned like any other, so that a further container can join it. */
        [CONTAINER_NETWORK_NONE] = MONITOR_NETWORK_PRIVATE,
        [CONTAINER_NETWORK_CONTAINER] = MONITOR_NETWORK_JOIN,
    };
    const struct container_config *config = &b->c->config;

    b->network_mode = modes[config->network_mode];
    b->netns_path = arena_printf(&b->arena, "%s/netns/%s", b->engine->options.run_dir, b->c->id);
    b->names_dir = b->dir;
    if (!string_is_empty(config->hostname))
        b->hostname = config->hostname;
    else if (config->network_mode == CONTAINER_NETWORK_HOST ||
             (config->uts_mode && strcmp(config->uts_mode, "host") == 0))
        b->hostname = host_name(&b->arena);
    else
        b->hostname = arena_strndup(&b->arena, b->c->id, CONTAINER_SHORT_ID);
    if (config->network_mode == CONTAINER_NETWORK_CONTAINER)
        return prepare_joined_network(b, err);
    if (config->network_mode == CONTAINER_NETWORK_PRIVATE)
        return prepare_private_network(b, err);
    return 0;
}

/* ---- Files in ROOT/containers/ID ---- */

/* A directory that was lost (or never made, by an older berth) is made again. */
static int prepare_directory(struct bundle *b, struct error **err)
{
    auto_close int dir_fd = container_open_dir(b->engine, b->c->id, err);

    if (dir_fd < 0)
        return dir_fd;
    if (mkdirat(dir_fd, "upper", 0755) < 0 ? errno != EEXIST
                                           : fchmodat(dir_fd, "upper", 0755, 0) < 0)
        return error_set(err, errno, NULL, "cannot fill \"%s\"", b->dir);
    if (mkdirat(dir_fd, "work", 0700) < 0 && errno != EEXIST)
        return error_set(err, errno, NULL, "cannot fill \"%s\"", b->dir);
    if (b->c->config.network_mode == CONTAINER_NETWORK_CONTAINER)
        return 0;
    return container_write_names(
            &b->arena, b->c, b->hostname, &b->network, &b->links, false, dir_fd, err);
}

/* ---- Secrets and configs ---- */

/* Their content is kept with the container, for root alone; what it sees is a copy below /run, in memory, with the
 * owner and mode that were asked for. */
static int place_files(struct bundle *b, int run_dir_fd, struct error **err)
{
    const struct container_files *files = &b->c->config.files;
    struct tree_copy how = TREE_COPY_INIT;
    auto_close int from_dir = -EBADF, to_dir = -EBADF;
    int r = fs_remove_tree(run_dir_fd, RUN_FILES_DIR, err);

    for (size_t i = 0; r >= 0 && i < files->len; i++) {
        char name[FILE_NAME_MAX];

        if (files->items[i].source_path)
            continue;
        if (to_dir < 0) {
            const char *path = arena_printf(&b->arena, "%s/files", b->dir);

            from_dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            if (from_dir < 0)
                return error_set(err, errno, NULL, "cannot open \"%s\"", path);
            r = to_dir = fs_mkdir_parents(run_dir_fd, RUN_FILES_DIR, 0700, err);
            if (r < 0)
                return r;
        }
        snprintf(name, sizeof(name), "%zu", i);
        auto_close int fd = openat(from_dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return error_set(
                    err, errno, NULL, "cannot open the content of \"%s\"", files->items[i].target);
        r = tree_copy_entry(fd, to_dir, name, &how, err);
    }
    return r;
}

/* Variables with secrets: never in the row, only in the file that the monitor reads, in memory and for root alone. */
static int read_secret_env(struct bundle *b, char ***ret, struct error **err)
{
    const struct container_pairs *wanted = &b->c->config.secret_env;
    char **env = ARENA_NEW_ARRAY(&b->arena, wanted->len + 1, char *);

    for (size_t i = 0; i < wanted->len; i++) {
        auto_(secret_release) struct secret data = SECRET_INIT;
        int r = secret_read(b->engine, wanted->items[i].value, &data, err);

        if (r < 0)
            return r;
        if (strlen(data.data) != data.len || !str_is_utf8((struct str){ data.data, data.len }))
            return error_set_plain(err, EINVAL, NULL,
                    "secret \"%s\" cannot be a variable: it is not text in UTF-8",
                    wanted->items[i].value);
        env[i] = arena_printf(&b->arena, "%s=%s", wanted->items[i].key, data.data);
    }
    *ret = env;
    return 0;
}

/* ---- Seccomp ---- */

static int prepare_seccomp(struct bundle *b, struct error **err)
{
    const struct container_config *config = &b->c->config;
    const char *profile = oci_security_option(config, "seccomp");
    struct seccomp_target target = { .bounding_caps = b->capabilities };
    auto_free char *name = NULL;
    auto_json json_t *json = NULL;
    int r = 0;

    if (config->privileged || (profile && strcmp(profile, "unconfined") == 0))
        return 0;
    if (!string_is_empty(profile) && strcmp(profile, "builtin") != 0)
        r = profile[0] == '{' ? jsonx_parse(profile, strlen(profile), "seccomp profile", &json, err)
                              : jsonx_read_file(AT_FDCWD, profile, &json, err);
    if (r >= 0 && b->runtime)
        return seccomp_resolve_profile(json, &target, &b->seccomp, err);
    auto_close int dir_fd = openat(
            b->engine->run_fd, "seccomp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (r >= 0 && dir_fd < 0)
        return error_set(
                err, errno, NULL, "cannot open \"%s/seccomp\"", b->engine->options.run_dir);
    if (r >= 0)
        r = json ? seccomp_cache_profile(dir_fd, json, &target, &name, err)
                 : seccomp_cache_default(dir_fd, &target, &name, err);
    if (r < 0)
        return error_wrap(err, r, "cannot prepare the seccomp profile");
    b->seccomp_path = arena_printf(&b->arena, "%s/seccomp/%s", b->engine->options.run_dir, name);
    return 0;
}

/* ---- The bundle ---- */

static bool is_cgroup_v2(void)
{
    struct statfs fs;

    return statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC;
}

static bool has_swap_accounting(bool v2)
{
    return v2 || access("/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes", F_OK) == 0;
}

static unsigned thermal_cpus(void)
{
    long count = sysconf(_SC_NPROCESSORS_CONF);

    return count > 0 && access("/sys/devices/system/cpu/cpu0/thermal_throttle", F_OK) == 0
                   ? (unsigned)count
                   : 0;
}

int container_limits(const struct container *c, json_t **ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct oci_io_device *io_devices = NULL;
    bool v2 = is_cgroup_v2();
    int r = oci_io_devices_resolve(&arena, &c->config, &io_devices, err);
    struct oci_spec_input input = {
        .container = c,
        .cgroup_v2 = v2,
        .has_swap_accounting = c->config.memory_bytes != 0 && has_swap_accounting(v2),
        .io_devices = io_devices,
    };

    if (r < 0)
        return r;
    *ret = oci_spec_limits(&input);
    return 0;
}

static int write_spec(struct bundle *b, int run_dir_fd, struct error **err)
{
    bool v2 = is_cgroup_v2();
    struct oci_spec_input input = {
        .container = b->c,
        .hostname = b->hostname,
        .container_dir = b->dir,
        .files_dir = arena_printf(
                &b->arena, "%s/containers/%s/" RUN_FILES_DIR, b->engine->options.run_dir, b->c->id),
        .names_dir = b->names_dir,
        .cgroup_path = b->cgroup_path,
        .notify_dir = b->notify_dir,
        .capabilities = b->capabilities,
        .cgroup_v2 = v2,
        .has_swap_accounting = b->c->config.memory_bytes != 0 && has_swap_accounting(v2),
        .thermal_cpus = thermal_cpus(),
        .mounts = b->mounts,
        .devices = b->devices.items,
        .device_count = b->devices.len,
        .io_devices = b->io_devices,
        .link_env = b->links.env,
        .shm_dir = b->joined.shm_dir,
    };
    memcpy(input.joined, b->joined.paths, sizeof(input.joined));
    auto_json json_t *spec = NULL;
    int r = container_id_mappings(
            &b->arena, &b->c->config, &input.uid_mappings, &input.gid_mappings, err);

    if (r >= 0)
        r = read_secret_env(b, &input.secret_env, err);
    if (r >= 0)
        r = oci_spec_build(&input, &spec, err);

    if (r >= 0)
        r = cdi_apply(b->c->config.cdi_devices, spec, err);
    if (r >= 0 && b->seccomp)
        json_object_set(json_object_get(spec, "linux"), "seccomp", b->seccomp);

    return r < 0 ? r : jsonx_write_file(run_dir_fd, MONITOR_SPEC_FILE, spec, 0600, false, err);
}

static int layer_dirs(struct bundle *b, struct monitor_rootfs *ret, struct error **err)
{
    struct strings dirs = { 0 };
    const struct container_config *config = &b->c->config;
    int r = container_base_dirs(b->engine, &b->arena, b->c->image_id, config, &dirs, err);

    if (r < 0)
        return error_wrap(err, r, "cannot find the layers of %s",
                config->rootfs ? config->rootfs : b->c->image_name);
    ret->ephemeral = config->auto_remove;
    if (config->rootfs && !config->rootfs_overlay) {
        ret->rootfs_dir = config->rootfs;
        return 0;
    }
    if (dirs.len == 0) { /* an image of nothing: there is nothing to merge */
        ret->rootfs_dir = arena_printf(&b->arena, "%s/upper", b->dir);
        return 0;
    }
    ret->lower_dirs = ARENA_NEW_ARRAY(&b->arena, dirs.len + 1, char *);
    for (size_t i = 0; i < dirs.len; i++) /* overlayfs wants the top first */
        ret->lower_dirs[i] = dirs.items[dirs.len - 1 - i];
    ret->lower_count = dirs.len;
    ret->upper_dir = arena_printf(&b->arena, "%s/upper", b->dir);
    ret->work_dir = arena_printf(&b->arena, "%s/work", b->dir);
    return 0;
}

/* Docker's fields of an entry in the journal; what the log options select is in capitals. */
static char **journal_fields(struct bundle *b, const json_t *attrs)
{
    const struct container *c = b->c;
    const char *tag = jsonx_string(attrs, "tag"), *key;
    struct strings fields = { 0 };
    json_t *value;

    if (string_is_empty(tag))
        tag = arena_strndup(&b->arena, c->id, CONTAINER_SHORT_ID);
    const char *const own[] = {
        arena_printf(&b->arena, "CONTAINER_ID=%.*s", CONTAINER_SHORT_ID, c->id),
        arena_printf(&b->arena, "CONTAINER_ID_FULL=%s", c->id),
        arena_printf(&b->arena, "CONTAINER_NAME=%s", c->name),
        arena_printf(&b->arena, "CONTAINER_TAG=%s", tag),
        arena_printf(&b->arena, "IMAGE_NAME=%s", c->image_name),
        arena_printf(&b->arena, "SYSLOG_IDENTIFIER=%s", tag),
    };
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        *ARRAY_APPEND_ARENA(&b->arena, &fields) = (char *)(uintptr_t)own[i];
    json_object_foreach((json_t *)(uintptr_t)attrs, key, value)
    {
        char *field = arena_printf(&b->arena, "%s=%s", key, json_string_value(value));

        if (strcmp(key, "tag") == 0 || strchr(field, '\n'))
            continue;
        for (char *at = field; *at != '=';
                at++) /* the journal takes capitals, digits and "_" only */
            *at = isalnum((unsigned char)*at) ? (char)toupper((unsigned char)*at) : '_';
        *ARRAY_APPEND_ARENA(&b->arena, &fields) = field;
    }
    *ARRAY_APPEND_ARENA(&b->arena, &fields) = NULL;
    return fields.items;
}

static int fill_log(
        struct bundle *b, struct monitor_log *ret, json_t **ret_attrs, struct error **err)
{
    const struct container_config *config = &b->c->config;
    const struct container_pairs *options = &config->log_options;
    const struct log_driver *driver = log_driver_find(config->log_driver);
    const char *max_size = container_pairs_get(options, "max-size");
    const char *max_file = container_pairs_get(options, "max-file");
    const char *compress = container_pairs_get(options, "compress");
    const char *mode = container_pairs_get(options, "mode");
    const char *buffer = container_pairs_get(options, "max-buffer-size");

    *ret = (struct monitor_log){
        .driver = driver->driver,
        .path = arena_printf(&b->arena, "%s/%s-json.log", b->dir, b->c->id),
        .max_size_bytes = driver->max_size_bytes,
        .max_files = driver->max_files,
        .compress = driver->compress,
        .non_blocking = mode && strcmp(mode, "non-blocking") == 0,
    };
    if (driver->driver == MONITOR_LOG_NONE)
        return 0;
    if (max_size && strcmp(max_size, "-1") == 0)
        ret->max_size_bytes = 0;
    else if (max_size)
        (void)parse_size_bytes_decimal(str_from(max_size), &ret->max_size_bytes);
    /* A size alone is that of the one file, as in Docker. */
    if (max_size && !max_file && driver->driver == MONITOR_LOG_JSON_FILE && !driver->compress)
        ret->max_files = 1;
    if (max_file)
        (void)parse_uint32(str_from(max_file), UINT32_MAX, &ret->max_files);
    if (compress)
        (void)parse_bool(str_from(compress), &ret->compress);
    if (buffer)
        (void)parse_size_bytes(str_from(buffer), &ret->buffer_bytes);
    int r = log_attrs_build(b->c, ret_attrs, err);
    if (r < 0)
        return r;
    if (driver->driver == MONITOR_LOG_JOURNALD)
        ret->journal_fields = journal_fields(b, *ret_attrs);
    else
        ret->attrs = *ret_attrs;
    return 0;
}

/* NULL: there is no check. */
static char **health_argv(struct bundle *b, char **test)
{
    char **shell = b->c->config.shell;
    size_t n = container_vector_len(test), shell_len = container_vector_len(shell), k = 0;

    if (n < 2 || strcmp(test[0], "NONE") == 0)
        return NULL;
    char **argv = ARENA_NEW_ARRAY(&b->arena, n + shell_len + 3, char *);
    if (strcmp(test[0], "CMD-SHELL") == 0) {
        for (size_t i = 0; i < shell_len; i++)
            argv[k++] = shell[i];
        if (shell_len == 0) {
            argv[k++] = arena_strdup(&b->arena, "/bin/sh");
            argv[k++] = arena_strdup(&b->arena, "-c");
        }
    }
    for (size_t i = 1; i < n; i++)
        argv[k++] = test[i];
    return argv;
}

static struct monitor_health monitor_health_of(
        struct bundle *b, const struct container_health *health)
{
    return (struct monitor_health){
        .argv = health_argv(b, health->test),
        .interval_usec = health->interval_usec,
        .timeout_usec = health->timeout_usec,
        .start_period_usec = health->start_period_usec,
        .start_interval_usec = health->start_interval_usec,
        .retries = (uint32_t)health->retries,
    };
}

static void fill_health(struct bundle *b, struct monitor_config *ret)
{
    const struct container_config *config = &b->c->config;

    if (!config->has_health)
        return;
    ret->health = monitor_health_of(b, &config->health);
    ret->startup = monitor_health_of(b, &config->startup_health);
    ret->startup_success = (uint32_t)config->startup_success;
    ret->health_log_count = (uint32_t)config->health_log_count;
    ret->health_log_bytes = (uint32_t)config->health_log_bytes;
}

static char **internal_argv(struct bundle *b, const char *word)
{
    char **argv = ARENA_NEW_ARRAY(&b->arena, 5, char *);

    if (!b->engine->options.program)
        return NULL;
    argv[0] = arena_strdup(&b->arena, b->engine->options.program);
    argv[1] = arena_strdup(&b->arena, "internal");
    argv[2] = arena_strdup(&b->arena, word);
    argv[3] = arena_strdup(&b->arena, b->c->id);
    return argv;
}

static bool has_volatile_volume(const struct bundle *b)
{
    for (size_t i = 0; i < b->c->config.mounts.len; i++)
        if (b->mounts[i].is_volatile)
            return true;
    return false;
}

static char **teardown_env(struct bundle *b)
{
    const struct engine_options *o = &b->engine->options;
    char **env = ARENA_NEW_ARRAY(&b->arena, 6, char *);
    size_t n = 0;

    env[n++] = arena_strdup(
            &b->arena, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    env[n++] = arena_printf(&b->arena, "BERTH_ROOT=%s", o->root_dir);
    env[n++] = arena_printf(&b->arena, "BERTH_RUN=%s", o->run_dir);
    if (o->libexec_dir)
        env[n++] = arena_printf(&b->arena, "BERTH_LIBEXEC_DIR=%s", o->libexec_dir);
    if (o->fault)
        env[n++] = arena_printf(&b->arena, "BERTH_FAULT=%s", o->fault);
    return env;
}

static int write_monitor_config(struct bundle *b, const struct container_run_options *options,
        int run_dir_fd, struct error **err)
{
    static const enum monitor_restart restarts[CONTAINER_RESTART_MAX_] = {
        [CONTAINER_RESTART_NO] = MONITOR_RESTART_NO,
        [CONTAINER_RESTART_ALWAYS] = MONITOR_RESTART_ALWAYS,
        [CONTAINER_RESTART_ON_FAILURE] = MONITOR_RESTART_ON_FAILURE,
        [CONTAINER_RESTART_UNLESS_STOPPED] = MONITOR_RESTART_UNLESS_STOPPED,
    };
    const struct container_config *config = &b->c->config;
    auto_json json_t *attrs = NULL;
    struct monitor_config monitor = {
        .id = b->c->id,
        .name = b->c->name,
        /* There is one who restarts, not two. */
        .restart_policy = b->is_service ? MONITOR_RESTART_NO : restarts[config->restart],
        .restart_max_retries = (uint32_t)config->restart_max_retries,
        .restart_count = (uint32_t)options->restart_count,
        .open_stdin = config->open_stdin,
        .stdin_once = config->open_stdin && (options->attach & CONTROL_ATTACH_STDIN),
        /* The numeric form of root: its supplementary groups come from the image's files too. */
        .user = string_is_empty(config->user) ? "0" : config->user,
        .group_add = config->group_add,
        .network = b->network_mode,
        .sandbox = &b->network.sandbox,
        .netns_path = b->netns_path,
        .joined = b->joined.processes,
        .shm_path = string_is_equal(config->ipc_mode, "shareable") ? b->joined.shm_dir : NULL,
        .shm_size_bytes = config->shm_size_bytes ? config->shm_size_bytes : OCI_SHM_DEFAULT_BYTES,
        .seccomp_path = b->seccomp_path,
        .init = config->init,
        .libexec_dir = b->engine->options.libexec_dir,
        .runtime = b->runtime,
        .runtime_timeout_usec = b->engine->options.runtime_timeout_usec,
        .event_attributes = container_event_attributes(b->engine, &b->arena, b->c->id),
        .cgroup_path = b->cgroup_path,
        .ready = b->ready,
        .notify_socket = b->engine->options.notify_socket,
        .watchdog_usec = b->engine->options.watchdog_usec,
        .teardown_argv = internal_argv(b, "teardown"),
        .teardown_env = teardown_env(b),
        .restarted_argv = config->project && config->service && !config->oneoff
                                  ? internal_argv(b, "followers")
                                  : NULL,
        .renew_argv = has_volatile_volume(b) ? internal_argv(b, "volumes") : NULL,
    };
    int r = layer_dirs(b, &monitor.rootfs, err);

    if (r >= 0)
        r = fill_log(b, &monitor.log, &attrs, err);
    if (r < 0)
        return r;
    fill_health(b, &monitor);
    monitor.run_timeout_usec = config->timeout_sec * USEC_PER_SEC;
    if (config->health_on_failure)
        monitor.unhealthy = (enum monitor_unhealthy)parse_name(str_from(config->health_on_failure),
                monitor_unhealthy_names, MONITOR_UNHEALTHY_MAX_);
    if (config->monitor_in_parent)
        monitor.monitor_cgroup_path = arena_printf(
                &b->arena, "%s/" CONTAINER_SUPERVISOR_CGROUP, config->cgroup_parent);
    if (!string_is_empty(config->stop_signal))
        (void)parse_signal(str_from(config->stop_signal), &monitor.stop_signal);
    monitor.stop_timeout_usec = config->stop_timeout_sec == CONTAINER_STOP_TIMEOUT_UNSET
                                        ? CONTAINER_STOP_TIMEOUT_DEFAULT_SEC * USEC_PER_SEC
                                : config->stop_timeout_sec < 0
                                        ? TIMEOUT_NEVER
                                        : config->stop_timeout_sec * USEC_PER_SEC;
    return monitor_config_write(run_dir_fd, &monitor, err);
}

/* Only a start by the service manager is a service: later ones by hand have nobody to tell. */
static int prepare_service(struct bundle *b, int run_dir_fd, struct error **err)
{
    const char *notify = b->c->config.notify;
    int ready;

    if (!notify || !b->engine->options.notify_socket)
        return 0;
    ready = parse_name(str_from(notify), monitor_ready_names, MONITOR_READY_MAX_);
    if (ready < 0)
        return error_set_plain(err, EINVAL, NULL, "unknown moment of readiness \"%s\"", notify);
    b->ready = (enum monitor_ready)ready;
    b->is_service = true;
    if (b->ready != MONITOR_READY_CONTAINER)
        return 0;
    if (mkdirat(run_dir_fd, MONITOR_NOTIFY_DIR, 0755) < 0 && errno != EEXIST)
        return error_set(err, errno, NULL, "cannot make the directory of the notify socket");
    b->notify_dir = arena_printf(&b->arena, "%s/containers/%s/" MONITOR_NOTIFY_DIR,
            b->engine->options.run_dir, b->c->id);
    return 0;
}

int container_write_bundle(struct engine *engine, struct container *c,
        const struct container_run_options *options, int run_dir_fd, struct error **err)
{
    auto_(bundle_release) struct bundle own = {
        .engine = engine, .c = c, .arena = ARENA_INIT, .network = NETWORK_START_INIT
    };
    struct bundle *b = &own;

    b->dir = arena_printf(&b->arena, "%s/containers/%s", engine->options.root_dir, c->id);
    b->cgroup_path = container_cgroup_path(&b->arena, c->config.cgroup_parent, c->id);
    b->capabilities = oci_spec_capabilities(&c->config, capability_own_bounding_set());
    int r = runtime_find(&b->arena, &engine->options, &c->config, &b->runtime, err);
    if (r >= 0)
        r = prepare_network(b, err);
    if (r < 0)
        return r;
    fault_point("container.start.network");
    r = container_resolve_links(engine, &b->arena, c, &b->links, err);
    if (r >= 0)
        r = container_find_joined(engine, &b->arena, c, &b->joined, err);
    if (r >= 0)
        r = prepare_directory(b, err);
    if (r >= 0)
        r = oci_mounts_resolve(engine, &b->arena, c, container_layers_dir(engine, &b->arena, c->id),
                &b->mounts, err);
    if (r >= 0)
        r = container_prepare_layers(engine, c, b->mounts, err);
    if (r >= 0)
        r = container_own_sources(engine, &b->arena, c, b->mounts, err);
    if (r >= 0)
        r = oci_devices_resolve(&b->arena, &c->config, &b->devices, err);
    if (r >= 0)
        r = oci_io_devices_resolve(&b->arena, &c->config, &b->io_devices, err);
    if (r >= 0)
        r = place_files(b, run_dir_fd, err);
    if (r >= 0)
        r = prepare_seccomp(b, err);
    if (r >= 0)
        r = prepare_service(b, run_dir_fd, err);
    if (r >= 0)
        r = write_spec(b, run_dir_fd, err);
    if (r >= 0)
        r = write_monitor_config(b, options, run_dir_fd, err);
    return r;
}
