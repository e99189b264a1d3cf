/* The host's device nodes that a container gets: those asked for, or with privileged all of them. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "engine/container/oci-spec.h"

#define DEVICES_DEPTH_MAX 8

static bool add_device(struct arena *arena, struct oci_devices *devices, const struct stat *st,
        const char *path, const char *permissions)
{
    if (!S_ISCHR(st->st_mode) && !S_ISBLK(st->st_mode))
        return false;
    *ARRAY_APPEND_ARENA(arena, devices) = (struct oci_device){
        .path = arena_strdup(arena, path),
        .type = S_ISCHR(st->st_mode) ? 'c' : 'b',
        .major = major(st->st_rdev),
        .minor = minor(st->st_rdev),
        .mode = st->st_mode & 07777,
        .uid = st->st_uid,
        .gid = st->st_gid,
        .permissions = permissions,
    };
    return true;
}

/* Those of a new /dev that the container gets anyway, or that belong to a terminal. */
static bool is_own_device_dir(const char *name)
{
    static const char *const names[] = { ".", "..", "pts", "shm", "fd", "mqueue", ".lxc",
        ".lxd-mounts", ".udev", "console", "ptmx" };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static void add_devices_below(struct arena *arena, struct oci_devices *devices, int dir_fd,
        const char *path, const char *permissions, unsigned depth)
{
    auto_close int own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    const struct dirent *entry;

    if (!dir)
        return;
    (void)TAKE_FD(own);
    while ((entry = readdir(dir))) {
        struct stat st;

        if (is_own_device_dir(entry->d_name) ||
                fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        char *child = arena_printf(arena, "%s/%s", path, entry->d_name);
        if (add_device(arena, devices, &st, child, permissions) || !S_ISDIR(st.st_mode) ||
                depth >= DEVICES_DEPTH_MAX)
            continue;
        auto_close int child_fd = openat(
                dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (child_fd >= 0)
            add_devices_below(arena, devices, child_fd, child, permissions, depth + 1);
    }
}

int oci_devices_resolve(struct arena *arena, const struct container_config *config,
        struct oci_devices *devices, struct error **err)
{

    if (config->privileged) {
        auto_close int fd = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd >= 0)
            add_devices_below(arena, devices, fd, "/dev", "rwm", 0);
        return 0;
    }
    for (size_t i = 0; i < config->devices.len; i++) {
        const struct container_device *d = &config->devices.items[i];
        const char *path = string_is_empty(d->container_path) ? d->host_path : d->container_path;
        auto_close int fd = open(d->host_path, O_PATH | O_CLOEXEC);
        struct stat st;

        if (fd < 0 || fstat(fd, &st) < 0)
            return error_set_plain(err, errno, NULL,
                    "error gathering device information while adding custom device \"%s\": no such file or directory",
                    d->host_path);
        if (S_ISDIR(st.st_mode))
            add_devices_below(arena, devices, fd, path, d->permissions, 0);
        else if (!add_device(arena, devices, &st, path, d->permissions))
            return error_set_plain(err, EINVAL, NULL,
                    "error gathering device information while adding custom device \"%s\": not a device node",
                    d->host_path);
    }
    return 0;
}

int oci_io_devices_resolve(struct arena *arena, const struct container_config *config,
        struct oci_io_device **ret, struct error **err)
{
    struct oci_io_device *devices = ARENA_NEW_ARRAY(
            arena, config->io_limits.len + 1, struct oci_io_device);

    for (size_t i = 0; i < config->io_limits.len; i++) {
        const char *path = config->io_limits.items[i].path;
        struct stat st;

        if (stat(path, &st) < 0)
            return error_set(err, errno, NULL, "cannot limit the device \"%s\"", path);
        if (!S_ISBLK(st.st_mode))
            return error_set_plain(
                    err, ENOTBLK, NULL, "cannot limit \"%s\": it is no block device", path);
        devices[i] = (struct oci_io_device){ major(st.st_rdev), minor(st.st_rdev) };
    }
    *ret = devices;
    return 0;
}
