#include "engine/runtime/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

#define SELF_LEN (sizeof("self/") - 1)

static bool is_proc(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* The kernel's own walk refuses mounts and links; without openat2 what it ends at is checked. */
static int open_below(int dir_fd, const char *path, int flags)
{
    struct open_how how = {
        .flags = (unsigned)flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS,
    };
    auto_close int fd = (int)syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));

    if (fd < 0 && (errno == ENOSYS || errno == EPERM))
        fd = openat(dir_fd, path, flags | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    return is_proc(fd) ? TAKE_FD(fd) : -EXDEV;
}

/* Where /proc has mounts on top of it (another container's does), one of our own that nobody can reach. It shows
 * this process's namespaces, like any. */
static int open_in_new_proc(const char *path, int flags)
{
    auto_close int fs_fd = fsopen("proc", FSOPEN_CLOEXEC);

    if (fs_fd < 0 || fsconfig(fs_fd, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -EXDEV;
    auto_close int proc_fd = fsmount(fs_fd, FSMOUNT_CLOEXEC, 0);
    return proc_fd < 0 ? -EXDEV : open_below(proc_fd, path, flags);
}

int procfs_open(const char *path, int flags)
{
    auto_close int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    char number[24];

    if (proc_fd < 0)
        return -errno;
    if (!is_proc(proc_fd))
        return -EXDEV;
    if (strncmp(path, "self/", SELF_LEN) != 0) {
        int fd = open_below(proc_fd, path, flags);

        return fd == -EXDEV ? open_in_new_proc(path, flags) : fd;
    }
    /* By number, so that no link is needed: ours as this proc, not our namespace, counts. */
    ssize_t len = readlinkat(proc_fd, "self", number, sizeof(number) - 1);
    if (len <= 0)
        return len < 0 ? -errno : -ENOENT;
    number[len] = 0;
    auto_close int self_fd = open_below(proc_fd, number, O_PATH | O_DIRECTORY);
    return self_fd < 0 ? self_fd : open_below(self_fd, path + SELF_LEN, flags);
}

int procfs_write(const char *path, const char *text)
{
    auto_close int fd = procfs_open(path, O_WRONLY);
    size_t len = strlen(text);

    if (fd < 0)
        return fd;
    ssize_t written = write(fd, text, len);
    if (written < 0)
        return -errno;
    return (size_t)written == len ? 0 : -EIO;
}
