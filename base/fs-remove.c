#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/random.h"

enum {
    DEPTH_MAX = 64,    /* descriptors held at once; deeper directories are moved to the top first */
    PASSES_MAX = 1000, /* over one directory, while others fill it or deep ones are moved up */
    MOVED_NAME_MAX = 32,
};

struct removal {
    int top_fd;        /* of the tree that goes; borrowed */
    uint64_t mount_id; /* of the tree */
    bool moved;        /* something was moved to the top since the last pass over it */
    int first_failure;
    struct error **err; /* set with the first failure */
};

static void note_failure(struct removal *removal, int code, const char *name)
{
    if (removal->first_failure < 0)
        return;
    removal->first_failure = code == -EXDEV ? error_set_plain(removal->err, EBUSY, NULL,
                                                      "\"%s\" is a mount point", name)
                                            : error_set(removal->err, code, NULL,
                                                      "cannot remove \"%s\"", name);
}

/* Device numbers do not tell a bind mount from the file system that it shows a part of; and behind a
 * bind mount that was left over may be a user's data. STATX_MNT_ID is there since Linux 5.8. */
int fs_mount_id(int fd, uint64_t *ret)
{
    struct statx status;

    if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT, STATX_TYPE | STATX_MNT_ID, &status) < 0)
        return -errno;
    if (status.stx_mask & STATX_MNT_ID)
        *ret = status.stx_mnt_id;
    else
        *ret = ((uint64_t)status.stx_dev_major << 32) | status.stx_dev_minor;
    return 0;
}

/* A directory for reading. One that its owner may not read or search is made so: it is about to go. */
static int open_directory(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd >= 0 || errno != EACCES)
        return fd < 0 ? -errno : fd;
    auto_close int handle = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    char path[FS_FD_PATH_MAX];
    if (handle < 0 || chmod(fs_fd_path(handle, path), 0700) < 0)
        return -EACCES;
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int unlink_at(int parent, const char *name, int flags)
{
    if (unlinkat(parent, name, flags) == 0 || errno == ENOENT)
        return 0;
    return -errno;
}

static int move_to_top(struct removal *removal, int parent, const char *name)
{
    char moved[MOVED_NAME_MAX];
    uint64_t number;

    random_bytes(&number, sizeof(number));
    snprintf(moved, sizeof(moved), ".berth-%016llx", (unsigned long long)number);
    if (renameat(parent, name, removal->top_fd, moved) < 0)
        return -errno;
    removal->moved = true;
    return 0;
}

static void remove_children(struct removal *removal, int dir_fd, unsigned depth);

static int remove_directory(struct removal *removal, int parent, const char *name, unsigned depth)
{
    uint64_t mount_id;

    auto_close int dir = open_directory(parent, name);
    if (dir < 0)
        return dir == -ENOENT ? 0 : dir;
    int r = fs_mount_id(dir, &mount_id);
    if (r < 0)
        return r;
    if (mount_id != removal->mount_id)
        return -EXDEV;
    if (depth >= DEPTH_MAX)
        return move_to_top(removal, parent, name);
    remove_children(removal, dir, depth + 1);
    return unlink_at(parent, name, AT_REMOVEDIR);
}

static int remove_entry(
        struct removal *removal, int parent, const struct dirent *entry, unsigned depth)
{
    if (entry->d_type != DT_DIR) {
        int r = unlink_at(parent, entry->d_name, 0);

        if (r != -EISDIR)
            return r;
    }
    return remove_directory(removal, parent, entry->d_name, depth);
}

/* Failures below are noted, not returned: the rest goes all the same. */
static void remove_children(struct removal *removal, int dir_fd, unsigned depth)
{
    auto_closedir DIR *stream = NULL;
    int copy = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);

    if (copy >= 0)
        stream = fdopendir(copy);
    if (!stream) {
        note_failure(removal, -errno, "a directory");
        fd_close(copy);
        return;
    }
    rewinddir(stream); /* the copy shares its position */
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(stream);
        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int r = remove_entry(removal, dir_fd, entry, depth);
        if (r < 0)
            note_failure(removal, r, entry->d_name);
    }
    if (errno != 0)
        note_failure(removal, -errno, "a directory");
}

int fs_remove_tree(int dir_fd, const char *name, struct error **err)
{
    int r = unlink_at(dir_fd, name, 0);

    if (r == 0)
        return 0;
    if (r != -EISDIR && r != -EPERM)
        return error_set(err, r, NULL, "cannot remove \"%s\"", name);
    auto_close int top = open_directory(dir_fd, name);
    if (top == -ENOENT)
        return 0;
    if (top < 0)
        return error_set(err, top == -ENOTDIR ? r : top, NULL, "cannot remove \"%s\"", name);

    /* The tree may itself be a mount point for its owner to empty; then only the last step fails. */
    struct removal removal = { .top_fd = top, .err = err };
    r = fs_mount_id(top, &removal.mount_id);
    if (r < 0)
        return error_set(err, r, NULL, "cannot look at \"%s\"", name);
    for (unsigned pass = 0; pass < PASSES_MAX; pass++) {
        removal.moved = false;
        remove_children(&removal, top, 1);
        r = unlink_at(dir_fd, name, AT_REMOVEDIR);
        /* What was moved to the top is still to go; what others put there meanwhile, too. */
        if (r == 0 || !(removal.moved || (r == -ENOTEMPTY && removal.first_failure == 0)))
            break;
    }
    if (removal.first_failure < 0)
        return error_wrap(err, removal.first_failure, "cannot remove all of \"%s\"", name);
    if (r < 0)
        return error_set(err, r, NULL, "cannot remove \"%s\"", name);
    return 0;
}
