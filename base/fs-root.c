#include "base/fs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs-internal.h"
#include "base/limits.h"
#include "base/str.h"

enum {
    LINKS_MAX = 40,      /* as the kernel's MAXSYMLINKS */
    KERNEL_RETRIES = 32, /* of openat2 when something is renamed beside it */
    WALK_RETRIES = 32,   /* of one component that changes its kind while we look */
    WALK_BUFFER = 2 * LIMIT_PATH_BYTES,
};

static bool takes_mode(int flags)
{
    return (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
}

/* openat2 refuses what open ignores. */
static int meaningful_flags(int flags)
{
    if (flags & O_PATH)
        flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
    return flags | O_CLOEXEC;
}

int fs_open_in_root_by_kernel(int root_fd, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned)meaningful_flags(flags),
        .mode = takes_mode(flags) ? mode & 07777 : 0,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };

    for (int i = 0; i < KERNEL_RETRIES; i++) {
        int fd = (int)syscall(SYS_openat2, root_fd, path, &how, sizeof(how));

        if (fd >= 0)
            return fd;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
    }
    return -EAGAIN;
}

/* Where a walk is: `done` leads from the root to `dir` without links, `rest` is still to go. */
struct walk {
    int root_fd;
    int dir; /* owned; O_PATH */
    unsigned links, retries;
    size_t done_len;
    char done[WALK_BUFFER];
    char rest[WALK_BUFFER];
};

static void walk_release(struct walk *walk)
{
    walk->dir = fd_close(walk->dir);
}

static int open_directory_at(int dir, const char *name)
{
    int fd = openat(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* Opens `done` anew from the root. ".." of the directory itself would lead out if it was moved. */
static int walk_reopen(struct walk *walk)
{
    auto_close int dir = open_directory_at(walk->root_fd, ".");
    struct str rest = { walk->done, walk->done_len }, part;

    while (dir >= 0 && str_split_next(&rest, '/', &part)) {
        char name[LIMIT_NAME_BYTES + 1];

        assert(part.len > 0 && part.len < sizeof(name));
        memcpy(name, part.data, part.len);
        name[part.len] = '\0';
        int next = open_directory_at(dir, name);
        cleanup_close(&dir);
        dir = next;
    }
    if (dir < 0)
        return dir;
    cleanup_close(&walk->dir);
    walk->dir = TAKE_FD(dir);
    return 0;
}

static int walk_up(struct walk *walk)
{
    while (walk->done_len > 0 && walk->done[walk->done_len - 1] != '/')
        walk->done_len--;
    if (walk->done_len > 0)
        walk->done_len--;
    return walk_reopen(walk);
}

static int walk_down(struct walk *walk, const char *name, int *fd)
{
    size_t len = strlen(name);

    if (walk->done_len + 1 + len >= sizeof(walk->done))
        return -ENAMETOOLONG;
    if (walk->done_len > 0)
        walk->done[walk->done_len++] = '/';
    memcpy(walk->done + walk->done_len, name, len);
    walk->done_len += len;
    cleanup_close(&walk->dir);
    walk->dir = TAKE_FD(*fd);
    return 0;
}

/* Puts the target of the link in front of what is still to go. */
static int walk_follow(struct walk *walk, int link_fd, const char *rest)
{
    char target[LIMIT_PATH_BYTES + 1];
    ssize_t len = readlinkat(link_fd, "", target, sizeof(target));
    size_t rest_len = strlen(rest);

    if (len < 0)
        return -errno;
    if (len == 0)
        return -ENOENT;
    if ((size_t)len >= sizeof(target) || (size_t)len + rest_len + 2 > sizeof(walk->rest))
        return -ENAMETOOLONG;
    if (++walk->links > LINKS_MAX)
        return -ELOOP;
    memmove(walk->rest + len, rest, rest_len + 1); /* begins with its slash, if it has one */
    memcpy(walk->rest, target, (size_t)len);
    if (target[0] == '/') {
        walk->done_len = 0;
        return walk_reopen(walk);
    }
    return 0;
}

/* Cuts the first component out of walk->rest. Returns false when none is left. *ret_after is what
 * follows it: "" or a text that begins with a slash. */
static bool walk_next(struct walk *walk, char name[static LIMIT_NAME_BYTES + 1], int *ret_error,
        const char **ret_after)
{
    const char *start = walk->rest + strspn(walk->rest, "/");
    size_t len = strcspn(start, "/");

    *ret_error = 0;
    if (len == 0)
        return false;
    if (len > LIMIT_NAME_BYTES)
        *ret_error = -ENAMETOOLONG;
    else
        memcpy(name, start, len);
    name[len > LIMIT_NAME_BYTES ? 0 : len] = '\0';
    *ret_after = start + len;
    return true;
}

/* Opens the last component, which is no link that must be followed. -ECHILD: look again, it changed. */
static int open_last(
        struct walk *walk, const char *name, int *probe, bool probe_is_link, int flags, mode_t mode)
{
    if (flags & O_PATH) {
        struct stat status;

        if (*probe < 0)
            return -ENOENT;
        if (!(flags & O_DIRECTORY))
            return TAKE_FD(*probe);
        if (fstat(*probe, &status) < 0)
            return -errno;
        return S_ISDIR(status.st_mode) ? TAKE_FD(*probe) : -ENOTDIR;
    }
    int fd = openat(walk->dir, name, flags | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd >= 0)
        return fd;
    /* With O_DIRECTORY the kernel says ENOTDIR of a link that it must not follow. */
    if (!probe_is_link && (errno == ELOOP || (errno == ENOTDIR && *probe < 0)))
        return -ECHILD;
    return -errno;
}

static int walk_step(struct walk *walk, int flags, mode_t mode)
{
    char name[LIMIT_NAME_BYTES + 1];
    const char *after = "";
    struct stat status = { 0 };
    int r;

    if (!walk_next(walk, name, &r, &after)) {
        int fd = openat(walk->dir, ".", flags | O_CLOEXEC, mode);

        return fd < 0 ? -errno : fd;
    }
    if (r < 0)
        return r;
    bool last = after[strspn(after, "/")] == '\0';
    bool must_be_directory = last && *after;

    if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
        r = name[1] ? walk_up(walk) : 0;
        memmove(walk->rest, after, strlen(after) + 1);
        return r < 0 ? r : -ECHILD;
    }
    auto_close int probe = openat(walk->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (probe < 0 && (errno != ENOENT || !last || !(flags & O_CREAT)))
        return -errno;
    if (probe >= 0 && fstat(probe, &status) < 0)
        return -errno;
    if (must_be_directory && (flags & O_CREAT))
        return -EISDIR;

    bool is_link = S_ISLNK(status.st_mode);
    bool keep_link = last && !must_be_directory &&
                     ((flags & O_NOFOLLOW) || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL));
    if (is_link && !keep_link) {
        r = walk_follow(walk, probe, after);
        return r < 0 ? r : -ECHILD;
    }
    if (last) {
        r = open_last(
                walk, name, &probe, is_link, must_be_directory ? flags | O_DIRECTORY : flags, mode);
        if (r == -ECHILD && ++walk->retries > WALK_RETRIES)
            return -EAGAIN;
        return r;
    }
    if (!S_ISDIR(status.st_mode))
        return -ENOTDIR;
    r = walk_down(walk, name, &probe);
    if (r < 0)
        return r;
    memmove(walk->rest, after, strlen(after) + 1);
    return -ECHILD;
}

int fs_open_in_root_by_walk(int root_fd, const char *path, int flags, mode_t mode)
{
    size_t len = strlen(path);

    if (len == 0)
        return -ENOENT;
    if (len >= LIMIT_PATH_BYTES)
        return -ENAMETOOLONG;

    auto_(walk_release) struct walk walk = { .root_fd = root_fd, .dir = -EBADF };
    memcpy(walk.rest, path, len + 1);
    int r = walk_reopen(&walk);
    if (r < 0)
        return r;
    flags = meaningful_flags(flags);
    do {
        r = walk_step(&walk, flags, takes_mode(flags) ? mode & 07777 : 0);
    } while (r == -ECHILD); /* one step further; each shortens the path, counts a link or a retry */
    return r;
}

int fs_try_open_in_root(int root_fd, const char *path, int flags, mode_t mode)
{
    int fd = fs_open_in_root_by_kernel(root_fd, path, flags, mode);

    /* Some seccomp filters say EPERM where they mean ENOSYS; a real EPERM comes again. */
    if (fd == -ENOSYS || fd == -EPERM || fd == -EAGAIN)
        fd = fs_open_in_root_by_walk(root_fd, path, flags, mode);
    return fd;
}

int fs_open_in_root(int root_fd, const char *path, int flags, mode_t mode, struct error **err)
{
    int fd = fs_try_open_in_root(root_fd, path, flags, mode);

    if (fd < 0)
        return error_set(err, fd, NULL, "cannot open \"%s\"", path);
    return fd;
}

/* Makes one directory and gives it its owner and mode, whatever the umask says; that it is made in
 * a directory with the setgid bit goes on to it. 0 also when it is there already. */
static int make_directory(int parent, const char *name, mode_t mode, uid_t uid, gid_t gid)
{
    if (mkdirat(parent, name, 0700) < 0)
        return errno == EEXIST ? 0 : -errno;
    auto_close int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (dir < 0 || fstat(dir, &st) < 0 || fchown(dir, uid, gid) < 0 ||
            fchmod(dir, (mode & 07777) | (st.st_mode & S_ISGID)) < 0)
        return -errno;
    return 0;
}

struct mkdir_walk {
    struct arena arena;
    int root_fd;
    unsigned links;
    const char *path; /* all of it */
    size_t at;        /* length of the part that is there */
};

/* The next component is a link whose target is missing: the target is to be made instead. */
static int mkdir_follow(
        struct mkdir_walk *walk, int parent, const char *name, size_t start, size_t end)
{
    char target[LIMIT_PATH_BYTES];
    ssize_t len = readlinkat(parent, name, target, sizeof(target) - 1);

    if (len < 0)
        return errno == EINVAL ? -ENOTDIR : -errno;
    if (++walk->links > LINKS_MAX)
        return -ELOOP;
    target[len] = '\0';
    walk->path = target[0] == '/' ? arena_printf(&walk->arena, "%s%s", target, walk->path + end)
                                  : arena_printf(&walk->arena, "%.*s%s%s", (int)start, walk->path,
                                            target, walk->path + end);
    if (strlen(walk->path) >= LIMIT_PATH_BYTES)
        return -ENAMETOOLONG;
    walk->at = 0;
    return 0;
}

/* Goes one component further. The path is resolved from the root each time, so that ".." and links in
 * it mean what they mean to fs_open_in_root. */
static int mkdir_step(struct mkdir_walk *walk, mode_t mode, uid_t uid, gid_t gid)
{
    size_t start = walk->at + strspn(walk->path + walk->at, "/");
    size_t end = start + strcspn(walk->path + start, "/");
    char *upto = arena_strndup(&walk->arena, walk->path, end);
    const char *name = upto + start;

    auto_close int there = fs_try_open_in_root(walk->root_fd, upto, O_PATH | O_DIRECTORY, 0);
    if (there >= 0) {
        walk->at = end;
        return 0;
    }
    if (there != -ENOENT)
        return there;
    const char *above = start > 0 ? arena_strndup(&walk->arena, walk->path, start) : ".";
    auto_close int parent = fs_try_open_in_root(walk->root_fd, above, O_PATH | O_DIRECTORY, 0);
    if (parent < 0)
        return parent;
    int r = make_directory(parent, name, mode, uid, gid);
    if (r < 0)
        return r;
    auto_close int made = fs_try_open_in_root(walk->root_fd, upto, O_PATH | O_DIRECTORY, 0);
    if (made == -ENOENT)
        return mkdir_follow(walk, parent, name, start, end);
    if (made < 0)
        return made;
    walk->at = end;
    return 0;
}

static void mkdir_walk_release(struct mkdir_walk *walk)
{
    arena_release(&walk->arena);
}

int fs_mkdir_in_root(
        int root_fd, const char *path, mode_t mode, uid_t uid, gid_t gid, struct error **err)
{
    auto_(mkdir_walk_release) struct mkdir_walk walk = { .root_fd = root_fd, .path = path };
    int r = strlen(path) >= LIMIT_PATH_BYTES ? -ENAMETOOLONG : 0;

    while (r == 0 && walk.path[walk.at + strspn(walk.path + walk.at, "/")])
        r = mkdir_step(&walk, mode, uid, gid);
    if (r == 0)
        r = fs_try_open_in_root(root_fd, walk.path[0] ? walk.path : ".", O_RDONLY | O_DIRECTORY, 0);
    if (r < 0)
        return error_set(err, r, NULL, "cannot make the directory \"%s\"", path);
    return r;
}

int fs_make_file_in_root(int root_fd, const char *path, mode_t mode)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;

    for (unsigned links = 0; links <= LINKS_MAX; links++) {
        char target[LIMIT_PATH_BYTES];
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        const char *above = arena_strndup(&arena, path, (size_t)(name - path));
        auto_close int parent = fs_mkdir_in_root(root_fd, *above ? above : ".", 0755, 0, 0, NULL);

        if (parent < 0)
            return parent;
        int flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;
        auto_close int fd = openat(parent, name, flags | O_CLOEXEC, mode);
        if (fd >= 0)
            return 0;
        ssize_t len = errno == EEXIST ? readlinkat(parent, name, target, sizeof(target) - 1) : -1;
        if (len < 0)
            return errno == EINVAL ? 0 : -errno; /* EINVAL: there, and no link */
        target[len] = '\0';
        path = target[0] == '/' ? arena_strdup(&arena, target)
                                : arena_printf(&arena, "%s%s", above, target);
        if (strlen(path) >= LIMIT_PATH_BYTES)
            return -ENAMETOOLONG;
    }
    return -ELOOP;
}
