#include "engine/runtime/copy-up.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"

#define DEPTH_MAX 128
#define NAMES_MAX 4096
#define VALUE_MAX 65536

/* tmpfs takes "user." only since Linux 6.6, and "security." not from everybody: what it refuses is
 * left out, as cp -a does. */
static void copy_xattrs(int from_fd, int to_fd)
{
    char names[NAMES_MAX], value[VALUE_MAX];
    ssize_t len = flistxattr(from_fd, names, sizeof(names));

    for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
        ssize_t size = fgetxattr(from_fd, names + at, value, sizeof(value));

        if (size >= 0 && strncmp(names + at, "trusted.overlay.", strlen("trusted.overlay.")) != 0)
            (void)fsetxattr(to_fd, names + at, value, (size_t)size, 0);
    }
}

/* In this order: a change of owner takes set-user-id bits and capabilities away. */
static int copy_attributes(int from_fd, int to_fd, const struct stat *st)
{
    const struct timespec times[] = { st->st_atim, st->st_mtim };

    if (fchown(to_fd, st->st_uid, st->st_gid) < 0 || fchmod(to_fd, st->st_mode & 07777) < 0)
        return -errno;
    if (from_fd >= 0)
        copy_xattrs(from_fd, to_fd);
    return futimens(to_fd, times) < 0 ? -errno : 0;
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    auto_close int from = openat(
            from_dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    auto_close int to = openat(
            to_dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (from < 0 || to < 0)
        return -errno;
    int r = fs_copy_range(from, to, UINT64_MAX, NULL, NULL);
    return r < 0 ? r : copy_attributes(from, to, st);
}

static int copy_link(int from_dir, int to_dir, const char *name, const struct stat *st)
{
    char target[PATH_MAX];
    ssize_t len = readlinkat(from_dir, name, target, sizeof(target) - 1);

    if (len < 0)
        return -errno;
    target[len] = 0;
    if (symlinkat(target, to_dir, name) < 0 ||
            fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    return 0;
}

/* A user namespace makes no devices: they are left out. */
static int copy_node(int to_dir, const char *name, const struct stat *st)
{
    if (mknodat(to_dir, name, st->st_mode, st->st_rdev) < 0)
        return errno == EPERM ? 0 : -errno;
    if (fchownat(to_dir, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
            fchmodat(to_dir, name, st->st_mode & 07777, 0) < 0)
        return -errno;
    return 0;
}

static int copy_directory(int from_fd, int to_fd, unsigned depth);

static int copy_entry(int from_dir, int to_dir, const char *name, unsigned depth)
{
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    struct stat st;

    if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return -errno;
    if (S_ISLNK(st.st_mode))
        return copy_link(from_dir, to_dir, name, &st);
    if (S_ISREG(st.st_mode))
        return copy_file(from_dir, to_dir, name, &st);
    if (!S_ISDIR(st.st_mode))
        return copy_node(to_dir, name, &st);
    if (depth == 0)
        return -ELOOP;
    if (mkdirat(to_dir, name, 0700) < 0)
        return -errno;
    auto_close int from = openat(from_dir, name, flags | O_CLOEXEC);
    auto_close int to = openat(to_dir, name, flags | O_CLOEXEC);
    return from < 0 || to < 0 ? -errno : copy_directory(from, to, depth - 1);
}

static int copy_directory(int from_fd, int to_fd, unsigned depth)
{
    auto_close int copy = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
    struct dirent *entry;
    struct stat st;
    int r = 0;

    if (!dir || fstat(from_fd, &st) < 0)
        return -errno;
    copy = -EBADF; /* the stream's now */
    while (r >= 0 && (entry = readdir(dir))) {
        if (fs_name_is_plain(entry->d_name))
            r = copy_entry(from_fd, to_fd, entry->d_name, depth);
    }
    return r < 0 ? r : copy_attributes(from_fd, to_fd, &st);
}

int copy_up_tree(int from_fd, int to_fd)
{
    auto_close int to = openat(to_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return to < 0 ? -errno : copy_directory(from_fd, to, DEPTH_MAX);
}
