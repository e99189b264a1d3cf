#include "engine/rootfs/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "engine/rootfs/device.h"

#define THREAD_FD_PATH_MAX 48

static bool is_directory(const struct rootfs_mount *mount)
{
    struct stat st;

    return mount->type || stat(mount->source, &st) < 0 || S_ISDIR(st.st_mode);
}

static int open_target(int root_fd, const struct rootfs_mount *mount, struct error **err)
{
    int fd = fs_try_open_in_root(root_fd, mount->target, O_PATH, 0);

    if (fd != -ENOENT)
        return fd < 0 ? error_set(
                                err, fd, NULL, "cannot open \"%s\" in the container", mount->target)
                      : fd;
    if (is_directory(mount))
        return fs_mkdir_in_root(root_fd, mount->target, 0755, 0, 0, err);
    return fs_open_in_root(
            root_fd, mount->target, O_RDONLY | O_CREAT | O_EXCL | O_NONBLOCK, 0644, err);
}

static int attach(int root_fd, const struct rootfs_mount *mount_of, struct error **err)
{
    auto_close int fd = open_target(root_fd, mount_of, err);
    char target[THREAD_FD_PATH_MAX];
    int r;

    if (fd < 0)
        return fd;
    snprintf(target, sizeof(target), "/proc/thread-self/fd/%d", fd);
    r = mount_device_attach(&(struct mount_device){ mount_of->source, mount_of->type,
                                    mount_of->options, .recursive = true },
            target, err);
    if (r < 0)
        return error_wrap(err, r, "cannot fill the container's directory \"%s\"", mount_of->target);
    if (!mount_of->read_only)
        return 0;
    /* The descriptor is of what lies below the mount now. */
    auto_close int top = fs_open_in_root(root_fd, mount_of->target, O_PATH, 0, err);
    if (top < 0)
        return top;
    snprintf(target, sizeof(target), "/proc/thread-self/fd/%d", top);
    /* lint: allow raw-namespace: the caller is a thread with a namespace of its own. */
    if (mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
        return error_set(err, errno, NULL, "cannot make \"%s\" of the container read-only",
                mount_of->target);
    return 0;
}

int rootfs_mount_attach(int root_fd, const struct rootfs_mount *mount_of, struct error **err)
{
    struct rootfs_mount below = *mount_of;
    char source[THREAD_FD_PATH_MAX];

    if (!mount_of->subdir)
        return attach(root_fd, mount_of, err);
    auto_close int top = open(mount_of->source, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", mount_of->source);
    auto_close int fd = fs_open_in_root(top, mount_of->subdir, O_PATH, 0, err);
    if (fd < 0)
        return fd;
    snprintf(source, sizeof(source), "/proc/thread-self/fd/%d", fd);
    below.source = source;
    return attach(root_fd, &below, err);
}
