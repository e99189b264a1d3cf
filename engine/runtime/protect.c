#include "engine/runtime/protect.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)
#define COPY_NAME "berth"

int protect_open_readonly(const char *path)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
                                           MOUNT_ATTR_NODEV };
    int fd = open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0) {
        int r = -errno;

        close(fd);
        return r;
    }
    return fd;
}

/* A copy in memory that nobody can write to. */
static int copy_sealed(void)
{
    auto_close int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    auto_close int to = memfd_create(COPY_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (from < 0 || to < 0 || fs_copy_range(from, to, UINT64_MAX, NULL, NULL) < 0 ||
            fcntl(to, F_ADD_SEALS, SEALS) < 0)
        return -errno;
    return TAKE_FD(to);
}

int protect_open_self(void)
{
    int fd = protect_open_readonly("/proc/self/exe");

    /* Before Linux 5.12, or when an engine around us refuses the calls. */
    return fd < 0 ? copy_sealed() : fd;
}

static bool is_protected(int fd)
{
    struct statvfs fs;
    int seals = fcntl(fd, F_GET_SEALS);

    return (seals >= 0 && (seals & SEALS) == SEALS) ||
           (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY));
}

int protect_execute_again(char *const *argv, char *const *environment, bool again)
{
    auto_close int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    char path[FS_FD_PATH_MAX];

    if (self >= 0 && is_protected(self))
        return 0;
    if (again)
        return -EPERM; /* trying once is enough */
    auto_close int fd = protect_open_self();
    if (fd < 0)
        return fd;
    execve(fs_fd_path(fd, path), argv, environment);
    return -errno;
}
