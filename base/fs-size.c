#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/fs.h"

#define DEPTH_MAX 1024
#define STAT_BLOCK_BYTES 512u

static uint64_t tree_size(int dir_fd, unsigned depth)
{
    auto_close int own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    const struct dirent *entry;
    uint64_t bytes = 0;

    if (!dir)
        return 0;
    (void)TAKE_FD(own);
    while ((entry = readdir(dir))) {
        struct stat st;

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        bytes += (uint64_t)st.st_blocks * STAT_BLOCK_BYTES;
        if (!S_ISDIR(st.st_mode) || depth >= DEPTH_MAX)
            continue;
        auto_close int child = openat(
                dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (child >= 0)
            bytes += tree_size(child, depth + 1);
    }
    return bytes;
}

uint64_t fs_tree_size(int dir_fd, const char *name)
{
    auto_close int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 ? tree_size(fd, 0) : 0;
}
