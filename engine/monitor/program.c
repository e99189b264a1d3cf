#include "engine/monitor/program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"
#include "engine/monitor/program-internal.h"

int program_open_readonly(const char *path)
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

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)

/* A copy in memory that nobody can write to. */
static int copy_sealed(void)
{
    auto_close int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    auto_close int to = memfd_create(PROGRAM_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (from < 0 || to < 0 || fs_copy_range(from, to, UINT64_MAX, NULL, NULL) < 0 ||
            fcntl(to, F_ADD_SEALS, SEALS) < 0)
        return -errno;
    return TAKE_FD(to);
}

static bool is_protected(int fd)
{
    struct statvfs fs;
    int seals = fcntl(fd, F_GET_SEALS);

    return (seals >= 0 && (seals & SEALS) == SEALS) ||
           (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY));
}

void program_protect_binary(char **argv)
{
    /* The environment is empty but for this mark: trying once is enough. */
    static char mark[] = "BERTH_EXECUTED_AGAIN=1";
    static char *const environment[] = { mark, NULL };
    char path[FS_FD_PATH_MAX];

    close(PROGRAM_BINARY_FD); /* the command's descriptor of it, if any */
    auto_close int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (self >= 0 && is_protected(self))
        return;
    bool again = environ && environ[0] && strcmp(environ[0], mark) == 0;
    auto_close int fd = again ? -EBADF : program_open_readonly("/proc/self/exe");
    if (fd < 0 && !again)
        fd = copy_sealed(); /* before Linux 5.12, or when an engine around us refuses the calls */
    if (fd >= 0)
        execve(fs_fd_path(fd, path), argv, environment);
    /* Going on unprotected would be silent. */
    /* lint: allow printing: this is main's own last word, there is no connection yet */
    static const char text[] = PROGRAM_NAME ": cannot protect its own program from the container\n";
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(125);
}
