#include "engine/rootfs/chown.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fs.h"

#define DEPTH_MAX 1000 /* of descriptors held */

struct owner {
    uid_t uid;
    gid_t gid;
    dev_t device;
};

static int chown_entry(int fd, const struct owner *owner, unsigned depth);

static int chown_children(int fd, const struct owner *owner, unsigned depth)
{
    auto_close int own = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    const struct dirent *entry;
    int first = 0;

    if (!dir)
        return -errno;
    (void)TAKE_FD(own);
    while ((entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        auto_close int child = openat(fd, entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        int r = child >= 0 ? chown_entry(child, owner, depth + 1) : errno == ENOENT ? 0 : -errno;

        first = first < 0 ? first : r;
    }
    return first;
}

/* The kernel takes set-user-id and set-group-id from a file whose owner changes; it had them, it keeps them. */
static int change(int fd, const struct stat *st, const struct owner *owner)
{
    char path[FS_FD_PATH_MAX];

    if (st->st_uid == owner->uid && st->st_gid == owner->gid)
        return 0;
    if (fchownat(fd, "", owner->uid, owner->gid, AT_EMPTY_PATH) < 0)
        return -errno;
    if (S_ISREG(st->st_mode) && (st->st_mode & (S_ISUID | S_ISGID)) &&
            chmod(fs_fd_path(fd, path), st->st_mode & 07777) < 0)
        return -errno;
    return 0;
}

static int chown_entry(int fd, const struct owner *owner, unsigned depth)
{
    struct stat st;
    int r;

    if (depth > DEPTH_MAX)
        return -ELOOP;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_dev != owner->device)
        return 0;
    r = change(fd, &st, owner);
    if (S_ISDIR(st.st_mode)) {
        int below = chown_children(fd, owner, depth);

        r = r < 0 ? r : below;
    }
    return r;
}

int tree_chown(int fd, uid_t uid, gid_t gid)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    return chown_entry(fd, &(struct owner){ uid, gid, st.st_dev }, 0);
}
