#include "engine/runtime/oci-state.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/gate.h"
#include "engine/runtime/spec.h"

#define STATE_FILE "state.json"
#define CONFIG_FILE "config.json"
#define LOCK_FILE "lock"
#define ID_MAX 1024
#define STAT_MAX 1024

const char *const oci_status_names[] = {
    [OCI_CREATING] = "creating",
    [OCI_CREATED] = "created",
    [OCI_RUNNING] = "running",
    [OCI_PAUSED] = "paused",
    [OCI_STOPPED] = "stopped",
};
_Static_assert(ARRAY_LEN(oci_status_names) == OCI_STATUS_MAX_, "name every status");

void oci_container_release(struct oci_container *container)
{
    container->dir_fd = fd_close(container->dir_fd);
    container->lock_fd = fd_close(container->lock_fd);
}

int oci_id_check(const char *id, struct error **err)
{
    size_t len = strlen(id);

    if (len == 0)
        return error_set_plain(err, EINVAL, NULL, "container id cannot be empty");
    for (size_t i = 0; i < len; i++) {
        bool plain = (id[i] >= 'a' && id[i] <= 'z') || (id[i] >= 'A' && id[i] <= 'Z') ||
                     (id[i] >= '0' && id[i] <= '9') || strchr("_+-.", id[i]);

        if (!plain || (i == 0 && id[i] == '.'))
            return error_set_plain(err, EINVAL, NULL, "invalid container ID format: \"%s\"", id);
    }
    if (len > ID_MAX || !fs_name_is_plain(id))
        return error_set_plain(err, EINVAL, NULL, "invalid container ID format: \"%.64s\"", id);
    return 0;
}

int oci_root_open(const char *root_dir, bool make, struct error **err)
{
    int fd = open(root_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT && !make)
        return -ENOENT;
    if (fd < 0 && errno == ENOENT)
        return fs_mkdir_parents(AT_FDCWD, root_dir, 0700, err);
    return fd < 0 ? error_set(err, errno, NULL, "cannot open \"%s\"", root_dir) : fd;
}

static int read_state(struct arena *arena, struct oci_container *container, struct error **err)
{
    auto_json json_t *json = NULL;
    const char *texts[6] = { 0 };
    int64_t pid = 0, ticks = 0, owner = 0;
    int r;

    if (faccessat(container->dir_fd, STATE_FILE, F_OK, 0) < 0)
        return 0; /* unfinished */
    r = jsonx_read_file(container->dir_fd, STATE_FILE, &json, err);
    static const char *const keys[] = { "bundle", "rootfs", "ociVersion", "created", "cgroup" };
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(keys); i++)
        r = jsonx_get_string(json, keys[i], &texts[i], err);
    if (r >= 0)
        r = jsonx_get_int(json, "pid", &pid, err);
    if (r >= 0)
        r = jsonx_get_int(json, "pidStart", &ticks, err);
    if (r >= 0)
        r = jsonx_get_int(json, "owner", &owner, err);
    if (r >= 0)
        r = jsonx_get_bool(json, "systemdCgroup", &container->systemd_cgroup, err);
    if (r >= 0)
        r = jsonx_get_bool(json, "keyring", &container->keyring, err);
    if (r >= 0)
        r = jsonx_get_bool(json, "rootBound", &container->root_bound, err);
    if (r < 0)
        return error_wrap(err, r, "cannot read the state of container %s", container->id);
    const char **members[] = { &container->bundle, &container->rootfs, &container->oci_version,
        &container->created, &container->cgroup_path };
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        *members[i] = texts[i] ? arena_strdup(arena, texts[i]) : NULL;
    container->pid = (pid_t)pid;
    container->pid_start_ticks = (uint64_t)ticks;
    container->owner = (uid_t)owner;
    return 0;
}

/* Opens and locks. The directory may have been removed while we waited: then it is another one, or
 * none, that has the name now. 1 when it is still the same, 0 when not. */
static int take_lock(int root_fd, struct oci_container *container, bool wait)
{
    struct stat ours, named;

    container->dir_fd = openat(
            root_fd, container->id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (container->dir_fd < 0)
        return -errno;
    int fd = fs_lock(container->dir_fd, LOCK_FILE, true, wait);
    if (fd < 0)
        return fd;
    container->lock_fd = fd;
    if (fstat(container->dir_fd, &ours) < 0)
        return -errno;
    return fstatat(root_fd, container->id, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           named.st_ino == ours.st_ino && named.st_dev == ours.st_dev;
}

static int exists_already(const char *id, struct error **err)
{
    return error_set_plain(err, EEXIST, NULL, "container with given ID already exists: %s", id);
}

/* Removes the unfinished container of that name. -EEXIST when it is a finished one, or one that is
 * just being made. */
static int remove_unfinished(int root_fd, const char *id, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(oci_container_release) struct oci_container old = OCI_CONTAINER_INIT;

    old.id = id;
    int r = take_lock(root_fd, &old, false);
    if (r == -ENOENT)
        return 0;
    if (r == -EWOULDBLOCK)
        return exists_already(id, err);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot lock container %s", id);
    if (r == 0)
        return 0;
    r = read_state(&arena, &old, err);
    if (r < 0)
        return r;
    if (old.pid > 0)
        return exists_already(id, err);
    return oci_container_remove(root_fd, &old, err);
}

#define MAKE_ROUNDS 3

int oci_container_make(int root_fd, const char *id, struct oci_container *ret, struct error **err)
{
    int r;

    *ret = (struct oci_container)OCI_CONTAINER_INIT;
    ret->id = id;
    for (int round = 0; round < MAKE_ROUNDS; round++) {
        if (mkdirat(root_fd, id, 0711) == 0) {
            r = take_lock(root_fd, ret, true);
            if (r > 0)
                return 0;
            oci_container_release(ret);
            if (r < 0 && r != -ENOENT)
                return error_set(err, -r, NULL, "cannot lock container %s", id);
            continue; /* somebody took the fresh directory for an unfinished container's */
        }
        if (errno != EEXIST)
            return error_set(
                    err, errno, NULL, "cannot make the state directory of container %s", id);
        r = remove_unfinished(root_fd, id, err);
        if (r < 0)
            return r;
    }
    return exists_already(id, err);
}

int oci_container_open(struct arena *arena, int root_fd, const char *id, bool lock,
        struct oci_container *ret, struct error **err)
{
    *ret = (struct oci_container)OCI_CONTAINER_INIT;
    ret->id = arena_strdup(arena, id);
    int r = oci_id_check(id, err);
    if (r < 0)
        return r;
    if (lock) {
        r = take_lock(root_fd, ret, true);
        if (r == 0)
            r = -ENOENT;
    } else {
        ret->dir_fd = openat(root_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        r = ret->dir_fd < 0 ? -errno : 0;
    }
    if (r >= 0) {
        r = read_state(arena, ret, err);
    } else if (r == -ENOENT) {
        error_set_plain(err, ENOENT, NULL, "container \"%s\" does not exist", id);
    } else {
        error_set(err, -r, NULL, "cannot open container %s", id);
    }
    if (r < 0)
        oci_container_release(ret);
    return r < 0 ? r : 0;
}

int oci_container_save(const struct oci_container *c, struct error **err)
{
    auto_json json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s?, s:i, s:I, s:I, s:b, s:b, s:b}",
            "bundle", c->bundle, "rootfs", c->rootfs, "ociVersion", c->oci_version, "created",
            c->created, "cgroup", c->cgroup_path, "pid", (int)c->pid, "pidStart",
            (json_int_t)c->pid_start_ticks, "owner", (json_int_t)c->owner, "systemdCgroup",
            c->systemd_cgroup, "keyring", c->keyring, "rootBound", c->root_bound);

    if (!json)
        return error_set_plain(
                err, EINVAL, NULL, "the path of the bundle is not valid UTF-8: %s", c->bundle);
    return jsonx_write_file(c->dir_fd, STATE_FILE, json, 0600, false, err);
}

int oci_container_read_spec(struct arena *arena, const struct oci_container *container,
        json_t **ret_json, struct runtime_spec **ret, struct error **err)
{
    auto_json json_t *json = NULL;
    int r = jsonx_read_file(container->dir_fd, CONFIG_FILE, &json, err);

    if (r >= 0)
        r = runtime_spec_parse(arena, json, ret, err);
    if (r < 0)
        return error_wrap(err, r, "cannot read the configuration of container %s", container->id);
    *ret_json = TAKE(json);
    return 0;
}

/* Its letter in /proc/PID/stat, behind the name, which may contain anything; 0: there is none. */
static char process_letter(pid_t pid)
{
    char path[64], text[STAT_MAX];

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (fs_read_small(AT_FDCWD, path, text, sizeof(text)) < 0)
        return 0;
    const char *end = strrchr(text, ')');
    return end && end[1] == ' ' ? end[2] : 0;
}

bool oci_container_is_alive(const struct oci_container *container)
{
    if (container->pid <= 0 || proc_start_ticks(container->pid) != container->pid_start_ticks)
        return false;
    char letter = process_letter(container->pid);
    return letter && letter != 'Z' && letter != 'X';
}

static bool is_frozen(const struct oci_container *container)
{
    auto_(cgroup_release) struct cgroup cgroup = CGROUP_INIT;

    return container->cgroup_path && cgroup_open(&cgroup, container->cgroup_path, NULL) > 0 &&
           cgroup_is_frozen(&cgroup);
}

enum oci_status oci_container_status(const struct oci_container *container)
{
    if (container->pid <= 0) {
        if (container->lock_fd >= 0)
            return OCI_STOPPED;
        auto_close int lock = fs_lock(container->dir_fd, LOCK_FILE, true, false);
        return lock == -EWOULDBLOCK ? OCI_CREATING : OCI_STOPPED;
    }
    if (!oci_container_is_alive(container))
        return OCI_STOPPED;
    if (is_frozen(container))
        return OCI_PAUSED;
    auto_close int gate = gate_connect(container->dir_fd);
    return gate >= 0 || gate == -EAGAIN ? OCI_CREATED : OCI_RUNNING;
}

json_t *oci_container_state_json(
        const struct oci_container *c, const char *status, const json_t *config)
{
    bool has_process = strcmp(status, oci_status_names[OCI_STOPPED]) != 0;
    json_t *json = json_pack("{s:s, s:s, s:i, s:s, s:s}", "ociVersion",
            c->oci_version ? c->oci_version : "1.0.0", "id", c->id, "pid",
            has_process ? (int)c->pid : 0, "status", status, "bundle", c->bundle ? c->bundle : "");
    json_t *annotations = json_object_get(config, "annotations");

    if (json && json_object_size(annotations) > 0)
        json_object_set(json, "annotations", annotations);
    return json;
}

int oci_container_remove(int root_fd, struct oci_container *container, struct error **err)
{
    int r = 0;

    if (container->cgroup_path)
        r = cgroup_remove(container->cgroup_path, err);
    /* With everything that was mounted on it. */
    if (r >= 0 && container->root_bound &&
            umount2(container->rootfs, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && errno != EINVAL &&
            errno != ENOENT)
        r = error_set(err, errno, NULL, "cannot unmount \"%s\"", container->rootfs);
    if (r >= 0)
        r = fs_remove_tree(root_fd, container->id, err);
    return r < 0 ? error_wrap(err, r, "cannot remove container %s", container->id) : 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int oci_container_list(struct arena *arena, int root_fd, struct strings *ret, struct error **err)
{
    auto_close int copy = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;

    if (!dir)
        return error_set(err, errno, NULL, "cannot read the directory of containers");
    copy = -EBADF; /* the stream's now */
    while ((entry = readdir(dir))) {
        struct stat st;

        if (entry->d_name[0] == '.' || oci_id_check(entry->d_name, NULL) < 0 ||
                fstatat(root_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
                !S_ISDIR(st.st_mode))
            continue;
        *ARRAY_APPEND_ARENA(arena, ret) = arena_strdup(arena, entry->d_name);
    }
    if (ret->len > 0)
        qsort(ret->items, ret->len, sizeof(*ret->items), compare_names);
    return 0;
}
