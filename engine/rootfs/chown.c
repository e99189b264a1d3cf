#include "engine/rootfs/chown.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fs.h"

/* A tree may be deeper than there are descriptors: of the directories on the way down the nearest are open, the others
 * are found again by "..", as what they were, and read on from where they were left. */
#define OPEN_MAX_DIRS 64
#define DEPTH_MAX (1u << 16)

struct owner {
    uid_t uid;
    gid_t gid;
    dev_t device;
};

struct level {
    DIR *dir; /* NULL: closed for now */
    long offset;
    ino_t inode; /* on owner.device */
};

struct walk {
    const struct owner *owner;
    struct {
        struct level *items;
        size_t len, cap;
    } levels;
    int first; /* failure */
};

static void note(struct walk *walk, int r)
{
    walk->first = walk->first < 0 ? walk->first : r;
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

static DIR *open_dir(int fd, const char *name)
{
    auto_close int own = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir = own >= 0 ? fdopendir(own) : NULL;

    if (dir)
        (void)TAKE_FD(own);
    return dir;
}

static void enter(struct walk *walk, int fd, ino_t inode)
{
    auto_closedir DIR *dir = walk->levels.len < DEPTH_MAX ? open_dir(fd, ".") : NULL;

    if (!dir) {
        note(walk, walk->levels.len < DEPTH_MAX ? -errno : -ELOOP);
        return;
    }
    if (walk->levels.len >= OPEN_MAX_DIRS) {
        struct level *far = &walk->levels.items[walk->levels.len - OPEN_MAX_DIRS];

        if (far->dir) {
            far->offset = telldir(far->dir);
            closedir(TAKE(far->dir));
        }
    }
    *ARRAY_APPEND(&walk->levels) = (struct level){ .dir = TAKE(dir), .inode = inode };
}

/* Back to the directory above, which is where it was unless somebody has moved the one that is left. */
static int leave(struct walk *walk)
{
    struct level *last = &walk->levels.items[walk->levels.len - 1];
    struct level *above = walk->levels.len > 1 ? last - 1 : NULL;
    auto_closedir DIR *dir = TAKE(last->dir);
    struct stat st;

    walk->levels.len--;
    if (!above || above->dir)
        return 0;
    above->dir = open_dir(dirfd(dir), "..");
    if (!above->dir || fstat(dirfd(above->dir), &st) < 0)
        return -errno;
    if (st.st_dev != walk->owner->device || st.st_ino != above->inode)
        return -ESTALE;
    seekdir(above->dir, above->offset);
    return 0;
}

/* Directories are entered, once they are changed. */
static void visit(struct walk *walk, int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        note(walk, -errno);
        return;
    }
    if (st.st_dev != walk->owner->device)
        return;
    note(walk, change(fd, &st, walk->owner));
    if (S_ISDIR(st.st_mode))
        enter(walk, fd, st.st_ino);
}

int tree_chown(int fd, uid_t uid, gid_t gid)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    const struct owner owner = { uid, gid, st.st_dev };
    struct walk walk = { .owner = &owner };
    int r = 0;

    visit(&walk, fd);
    while (r >= 0 && walk.levels.len > 0) {
        DIR *dir = walk.levels.items[walk.levels.len - 1].dir;
        const struct dirent *entry = readdir(dir);

        if (!entry) {
            r = leave(&walk);
            continue;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        auto_close int child = openat(dirfd(dir), entry->d_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (child >= 0)
            visit(&walk, child);
        else if (errno != ENOENT)
            note(&walk, -errno);
    }
    note(&walk, r);
    for (size_t i = 0; i < walk.levels.len; i++)
        if (walk.levels.items[i].dir)
            closedir(walk.levels.items[i].dir);
    ARRAY_RELEASE(&walk.levels);
    return walk.first;
}
