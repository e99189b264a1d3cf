/* Paths that a container must not read (masked) or not write (read-only), mostly in /proc and
 * /sys. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"

/* The host's own null device, checked to be one: what the container calls /dev/null could be
 * anything (CVE-2025-31133). */
static int open_null(struct start *start)
{
    int fd = open("/dev/null", O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        start_fail(start->process.sync_fd, STAGE_NULL_DEVICE, 0);
    errno = ENXIO;
    if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(1, 3))
        start_fail(start->process.sync_fd, STAGE_NULL_DEVICE, 0);
    return fd;
}

/* All masked directories share one empty file system: the first mounts it, the others bind it. */
static int mask_directory(int root_fd, const char *path, int target_fd, int *empty_fd)
{
    char from[FS_FD_PATH_MAX], to[FS_FD_PATH_MAX];

    fs_fd_path(target_fd, to);
    if (*empty_fd >= 0)
        return mount(fs_fd_path(*empty_fd, from), to, NULL, MS_BIND, NULL);
    if (mount("tmpfs", to, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC,
                "nr_blocks=1,nr_inodes=1") < 0)
        return -1;
    *empty_fd = fs_try_open_in_root(root_fd, path, O_PATH | O_DIRECTORY, 0);
    return *empty_fd < 0 ? -1 : 0;
}

static void mask_path(struct start *start, int root_fd, size_t index, int null_fd, int *empty_fd)
{
    const char *path = start->spec->masked_paths[index];
    auto_close int target = fs_try_open_in_root(root_fd, path, O_PATH, 0);
    char from[FS_FD_PATH_MAX], to[FS_FD_PATH_MAX];
    struct stat st;

    if (target == -ENOENT || target == -ENOTDIR)
        return;
    if (target < 0)
        errno = -target;
    if (target < 0 || fstat(target, &st) < 0)
        start_fail(start->process.sync_fd, STAGE_MASK, index);
    if (S_ISDIR(st.st_mode)) {
        if (mask_directory(root_fd, path, target, empty_fd) < 0)
            start_fail(start->process.sync_fd, STAGE_MASK, index);
        return;
    }
    if (mount(fs_fd_path(null_fd, from), fs_fd_path(target, to), NULL, MS_BIND, NULL) < 0)
        start_fail(start->process.sync_fd, STAGE_MASK, index);
}

static unsigned long mount_flags_of(int fd)
{
    struct statvfs fs;

    if (fstatvfs(fd, &fs) < 0)
        return MS_NOSUID | MS_NODEV | MS_NOEXEC;
    return (fs.f_flag & ST_NOSUID ? MS_NOSUID : 0) | (fs.f_flag & ST_NODEV ? MS_NODEV : 0) |
           (fs.f_flag & ST_NOEXEC ? MS_NOEXEC : 0);
}

/* A bind of the path on itself, read-only. nosuid and its like stay: they may be locked. */
static void protect_path(struct start *start, int root_fd, size_t index)
{
    const char *path = start->spec->readonly_paths[index];
    int sync_fd = start->process.sync_fd;
    auto_close int target = fs_try_open_in_root(root_fd, path, O_PATH, 0);
    char name[FS_FD_PATH_MAX];
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

    if (target == -ENOENT || target == -ENOTDIR)
        return;
    if (target < 0) {
        errno = -target;
        start_fail(sync_fd, STAGE_READONLY, index);
    }
    auto_close int tree = open_tree(
            target, "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    if (tree >= 0 &&
            mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) == 0) {
        if (move_mount(tree, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
            start_fail(sync_fd, STAGE_READONLY, index);
        return;
    }
    fs_fd_path(target, name);
    if (mount(name, name, NULL, MS_BIND | MS_REC, NULL) < 0)
        start_fail(sync_fd, STAGE_READONLY, index);
    auto_close int covered = fs_try_open_in_root(root_fd, path, O_PATH, 0);
    if (covered < 0 ||
            mount(NULL, fs_fd_path(covered, name), NULL,
                    MS_REMOUNT | MS_BIND | MS_RDONLY | mount_flags_of(covered), NULL) < 0)
        start_fail(sync_fd, STAGE_READONLY, index);
}

void start_hide_paths(struct start *start, int root_fd)
{
    auto_close int empty_fd = -EBADF;
    auto_close int null_fd = -EBADF;

    for (size_t i = 0; start->spec->readonly_paths[i]; i++)
        protect_path(start, root_fd, i);
    if (start->spec->masked_paths[0])
        null_fd = open_null(start);
    for (size_t i = 0; start->spec->masked_paths[i]; i++)
        mask_path(start, root_fd, i, null_fd, &empty_fd);
}
