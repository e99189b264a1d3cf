/* Invariants:
 *  1. No name of the archive reaches a system call but as the last component, checked to be plain, below
 *     a directory descriptor that was resolved within the root.
 *  2. The last component is never followed: what stands there is removed first, or is a directory.
 *  3. `parent` caches the descriptor of the last entry's directory. An entry replaces something in that very
 *     directory only, so the cached one is never what goes.
 *
 * Order within an entry: data, owner, mode (changing the owner clears setuid and setgid), extended attributes
 * (changing the owner clears security.capability), times. Times of directories come last of all. */
#include "engine/archive/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/owner-map.h"
#include "base/str.h"
#include "engine/archive/tar-read.h"

#define WHITEOUT_PREFIX ".wh."
#define WHITEOUT_META_PREFIX ".wh..wh."
#define WHITEOUT_OPAQUE ".wh..wh..opq"
#define OPAQUE_XATTR "trusted.overlay.opaque"
#define IMPLIED_DIRECTORY_MODE 0755

struct directory_time {
    char *path;
    struct timespec mtime;
};

struct unpack {
    const struct unpack_options *options;
    struct tar_reader *reader;
    int root_fd;
    int parent_fd; /* of the directory `parent`; -EBADF: none is cached */
    char *parent;  /* cleaned path below the root, "" is the root itself */
    struct {
        struct directory_time *items;
        size_t len, cap;
    } times;
    struct unpack_result result;
};

static void unpack_release(struct unpack *u)
{
    tar_reader_free(u->reader);
    fd_close(u->parent_fd);
    free(u->parent);
    ARRAY_FOREACH(&u->times, time)
        free(time->path);
    ARRAY_RELEASE(&u->times);
}

static void forget_parent(struct unpack *u)
{
    u->parent_fd = fd_close(u->parent_fd);
    free(TAKE(u->parent));
}

/* "./a//b/../c/" becomes "a/c" in place. False when ".." leads above the root of a relative name, as
 * Docker refuses it; above "/" there is nothing to leave for. */
static bool clean_path(char *path)
{
    bool absolute = path[0] == '/';
    struct str rest = str_from(path), piece;
    size_t len = 0;

    while (str_split_next(&rest, '/', &piece)) {
        if (piece.len == 0 || str_is_equal_z(piece, "."))
            continue;
        if (str_is_equal_z(piece, "..")) {
            if (len == 0 && !absolute)
                return false;
            while (len > 0 && path[--len] != '/')
                ;
            continue;
        }
        if (len > 0)
            path[len++] = '/';
        memmove(path + len, piece.data, piece.len);
        len += piece.len;
    }
    path[len] = 0;
    return true;
}

static int entry_failed(struct error **err, int code, const char *what, const char *path)
{
    return error_set(err, code, NULL, "cannot %s \"%s\"", what, path);
}

static bool is_whiteout(const struct stat *st)
{
    return S_ISCHR(st->st_mode) && st->st_rdev == 0;
}

static int set_opaque(int dir_fd)
{
    return fsetxattr(dir_fd, OPAQUE_XATTR, "y", 1, 0) < 0 ? -errno : 0;
}

/* ---- directories on the way ---- */

static int open_root(const struct unpack *u)
{
    int fd = openat(u->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

/* Makes one missing component, or an opaque directory of a whiteout that stands there; opens it. */
static int make_implied(struct unpack *u, int dir_fd, const char *name)
{
    struct stat st;
    bool opaque = false;
    int r = 0;

    if (u->options->overlay_whiteouts && fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            is_whiteout(&st)) {
        if (unlinkat(dir_fd, name, 0) < 0)
            return -errno;
        opaque = true;
    }
    if (mkdirat(dir_fd, name, IMPLIED_DIRECTORY_MODE) < 0)
        return errno == EEXIST ? -ENOTDIR : -errno;

    auto_close int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (fchmod(fd, IMPLIED_DIRECTORY_MODE) < 0) /* whatever the umask is */
        return -errno;
    if (u->options->uid != UNPACK_KEEP_OWNER && fchown(fd, u->options->uid, u->options->gid) < 0)
        return -errno;
    if (opaque)
        r = set_opaque(fd);
    return r < 0 ? r : TAKE_FD(fd);
}

/* Opens directory `path` (cleaned), making what is missing. Descriptor or -errno. */
static int open_directory(struct unpack *u, const char *path)
{
    int flags = O_RDONLY | O_DIRECTORY;
    int fd = *path ? fs_try_open_in_root(u->root_fd, path, flags, 0) : open_root(u);

    if (fd != -ENOENT && fd != -ENOTDIR)
        return fd;

    auto_free char *walked = mem_strdup(path);
    auto_close int dir_fd = open_root(u);

    for (char *end = walked; dir_fd >= 0 && end;) {
        char *start = end;

        end = strchr(start, '/');
        if (end)
            *end = 0;
        fd = fs_try_open_in_root(u->root_fd, walked, flags, 0);
        if (fd == -ENOENT || fd == -ENOTDIR)
            fd = make_implied(u, dir_fd, start);
        fd_close(dir_fd);
        dir_fd = fd;
        if (end)
            *end++ = '/';
    }
    return TAKE_FD(dir_fd);
}

/* The directory that `path` lies in, from the cache where possible; *ret_name is the last component,
 * borrowed from path. Borrowed descriptor or -errno. */
static int find_parent(struct unpack *u, const char *path, const char **ret_name)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    *ret_name = slash ? slash + 1 : path;
    if (u->parent && strlen(u->parent) == len && strncmp(u->parent, path, len) == 0)
        return u->parent_fd;
    forget_parent(u);

    auto_free char *parent = mem_strndup(path, len);
    int fd = open_directory(u, parent);

    if (fd < 0)
        return fd;
    u->parent_fd = fd;
    u->parent = TAKE(parent);
    return fd;
}

/* ---- attributes ---- */

static uid_t owner_of(const struct unpack *u, const struct tar_entry *entry)
{
    return u->options->uid != UNPACK_KEEP_OWNER
                   ? u->options->uid
                   : owner_map_id(u->options->owners, (uint32_t)entry->uid, false);
}

static gid_t group_of(const struct unpack *u, const struct tar_entry *entry)
{
    return u->options->gid != (gid_t)UNPACK_KEEP_OWNER
                   ? u->options->gid
                   : owner_map_id(u->options->owners, (uint32_t)entry->gid, true);
}

/* Of an image's extended attributes only these mean the same everywhere: trusted.overlay.* would be orders to
 * the overlay, security.selinux is of the machine that packed it. */
static bool xattr_is_wanted(const char *name)
{
    if (string_has_prefix(name, "user."))
        return !string_has_prefix(name, "user.overlay.");
    return strcmp(name, "security.capability") == 0;
}

/* By the magic link of a descriptor, since O_PATH ones cannot be used directly. */
static int apply_xattrs(struct unpack *u, int fd)
{
    char path[FS_FD_PATH_MAX];
    const char *name;
    const void *value;
    size_t len;

    while (tar_reader_next_xattr(u->reader, &name, &value, &len)) {
        if (!xattr_is_wanted(name))
            continue;
        if (len > LIMIT_XATTR_BYTES)
            return -E2BIG;

        int r = setxattr(fs_fd_path(fd, path), name, value, len, 0);

        /* EPERM: user.* on what is neither file nor directory, or no right in this user namespace */
        if (r < 0 && errno != ENOTSUP && errno != EPERM)
            return -errno;
    }
    return 0;
}

static int apply_directory(
        struct unpack *u, int fd, const char *path, const struct tar_entry *entry)
{
    int r;

    if (fchown(fd, owner_of(u, entry), group_of(u, entry)) < 0 || fchmod(fd, entry->perm) < 0)
        return -errno;
    r = apply_xattrs(u, fd);
    if (r < 0)
        return r;
    *ARRAY_APPEND(
            &u->times) = (struct directory_time){ .path = mem_strdup(path), .mtime = entry->mtime };
    return 0;
}

static int apply_directory_times(struct unpack *u, struct error **err)
{
    ARRAY_FOREACH(&u->times, time) {
        struct timespec times[2] = { time->mtime, time->mtime };
        auto_close int fd = *time->path ? fs_try_open_in_root(
                                                  u->root_fd, time->path, O_RDONLY | O_DIRECTORY, 0)
                                        : open_root(u);

        if (fd == -ENOENT || fd == -ENOTDIR) /* something else took its place later on */
            continue;
        if (fd < 0)
            return entry_failed(err, fd, "open", time->path);
        if (futimens(fd, times) < 0)
            return entry_failed(err, errno, "set the time of", time->path);
    }
    return 0;
}

/* ---- the kinds of entries ---- */

static int write_contents(struct unpack *u, int fd, const char *path, const struct tar_entry *entry,
        struct error **err)
{
    const uint8_t *data;
    const void *block;
    uint64_t offset, end = 0;
    size_t len;
    int r;

    while ((r = tar_reader_block(u->reader, &block, &len, &offset, err)) > 0) {
        if (u->options->cancel && atomic_load_explicit(u->options->cancel, memory_order_relaxed))
            return error_set_plain(err, ECANCELED, NULL, "interrupted");
        if (offset > INT64_MAX - len)
            return entry_failed(err, EFBIG, "write", path);
        for (data = block; len > 0;) {
            ssize_t n = pwrite(fd, data, len, (off_t)offset);

            if (n < 0 && errno == EINTR)
                continue;
            if (n < 0)
                return entry_failed(err, errno, "write", path);
            data += n;
            len -= (size_t)n;
            offset += (uint64_t)n;
        }
        if (offset > end)
            end = offset;
    }
    if (r < 0)
        return error_wrap(err, r, "cannot read \"%s\" from the archive", path);
    if (end < entry->size_bytes && ftruncate(fd, (off_t)entry->size_bytes) < 0)
        return entry_failed(err, errno, "extend", path);
    u->result.size_bytes += end > entry->size_bytes ? end : entry->size_bytes;
    return 0;
}

static int make_file(struct unpack *u, int dir_fd, const char *name, const char *path,
        const struct tar_entry *entry, struct error **err)
{
    struct timespec times[2] = { entry->mtime, entry->mtime };
    auto_close int fd = openat(
            dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
    int r;

    if (fd < 0)
        return entry_failed(err, errno, "create", path);
    r = write_contents(u, fd, path, entry, err);
    if (r < 0)
        return r;
    if (fchown(fd, owner_of(u, entry), group_of(u, entry)) < 0)
        return entry_failed(err, errno, "set the owner of", path);
    if (fchmod(fd, entry->perm) < 0)
        return entry_failed(err, errno, "set the mode of", path);
    r = apply_xattrs(u, fd);
    if (r < 0)
        return entry_failed(err, r, "set the extended attributes of", path);
    if (futimens(fd, times) < 0)
        return entry_failed(err, errno, "set the time of", path);
    return 0;
}

static int make_directory(struct unpack *u, int dir_fd, const char *name, const char *path,
        bool exists, bool over_whiteout, const struct tar_entry *entry, struct error **err)
{
    int r;

    if (!exists && mkdirat(dir_fd, name, 0700) < 0)
        return entry_failed(err, errno, "create", path);

    auto_close int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd < 0)
        return entry_failed(err, errno, "open", path);
    r = apply_directory(u, fd, path, entry);
    if (r >= 0 && over_whiteout)
        r = set_opaque(fd);
    return r < 0 ? entry_failed(err, r, "set the attributes of", path) : 0;
}

/* Opens what was just made. A container that has the directory may have put something else there, above all a
 * link: then that is opened, never what it leads to, and refused. */
static int open_special(int dir_fd, const char *name, mode_t type)
{
    auto_close int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return -errno;
    return (st.st_mode & S_IFMT) == type ? TAKE_FD(fd) : -ESTALE;
}

/* Symbolic links, devices and FIFOs have no contents and cannot be opened for their own sake; their attributes
 * are set by the magic link of a descriptor, which the kernel follows to them and no further. */
static int make_special(struct unpack *u, int dir_fd, const char *name, const char *path,
        const struct tar_entry *entry, struct error **err)
{
    struct timespec times[2] = { entry->mtime, entry->mtime };
    char magic[FS_FD_PATH_MAX];
    int r;

    if (entry->type == S_IFLNK)
        r = symlinkat(entry->symlink ? entry->symlink : "", dir_fd, name);
    else
        r = mknodat(dir_fd, name, entry->type | 0600, makedev(entry->major, entry->minor));
    if (r < 0 && errno == EPERM && (entry->type == S_IFCHR || entry->type == S_IFBLK))
        return 0; /* in a user namespace */
    if (r < 0)
        return entry_failed(err, errno, "create", path);

    auto_close int fd = open_special(dir_fd, name, entry->type);

    if (fd < 0)
        return entry_failed(err, fd, "open", path);
    fs_fd_path(fd, magic);
    if (fchownat(fd, "", owner_of(u, entry), group_of(u, entry), AT_EMPTY_PATH) < 0)
        return entry_failed(err, errno, "set the owner of", path);
    if (entry->type != S_IFLNK && chmod(magic, entry->perm) < 0)
        return entry_failed(err, errno, "set the mode of", path);
    r = apply_xattrs(u, fd);
    if (r < 0)
        return entry_failed(err, r, "set the extended attributes of", path);
    if (utimensat(AT_FDCWD, magic, times, 0) < 0)
        return entry_failed(err, errno, "set the time of", path);
    return 0;
}

/* The target is a path of the archive, below the same root; its last component is not followed. */
static int open_link_target(
        struct unpack *u, const char *path, char *target, const char **ret_name, struct error **err)
{
    char *slash;
    int fd;

    if (!clean_path(target))
        return error_set_plain(
                err, EPERM, NULL, "hard link \"%s\" leads out of the archive's root", path);
    slash = strrchr(target, '/');
    *ret_name = slash ? slash + 1 : target;
    if (slash)
        *slash = 0;
    fd = slash ? fs_try_open_in_root(u->root_fd, target, O_RDONLY | O_DIRECTORY, 0) : open_root(u);
    if (slash)
        *slash = '/';
    if (fd == -ENOENT || fd == -ENOTDIR || !fs_name_is_plain(*ret_name)) {
        fd_close(fd);
        return error_set_plain(err, ENOENT, NULL,
                "hard link \"%s\": its target \"%s\" is not in the archive", path, target);
    }
    return fd < 0 ? entry_failed(err, fd, "open the target of hard link", path) : fd;
}

static int remove_existing(int dir_fd, const char *name, const struct stat *st)
{
    if (!S_ISDIR(st->st_mode))
        return unlinkat(dir_fd, name, 0) < 0 ? -errno : 0;
    return fs_remove_tree(dir_fd, name, NULL);
}

static int make_hard_link(struct unpack *u, int dir_fd, const char *name, const char *path,
        const struct tar_entry *entry, struct error **err)
{
    auto_free char *target = mem_strdup(entry->hardlink);
    const char *target_name = NULL;
    auto_close int target_fd = open_link_target(u, path, target, &target_name, err);
    struct stat st, existing;
    int r;

    if (target_fd < 0)
        return target_fd;
    if (fstatat(target_fd, target_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISDIR(st.st_mode) ||
            (u->options->overlay_whiteouts && is_whiteout(&st)))
        return error_set_plain(err, ENOENT, NULL,
                "hard link \"%s\": its target \"%s\" is not in the archive", path, target);
    if (fstatat(dir_fd, name, &existing, AT_SYMLINK_NOFOLLOW) == 0) {
        if (existing.st_ino == st.st_ino && existing.st_dev == st.st_dev)
            return 0;
        r = remove_existing(dir_fd, name, &existing);
        if (r < 0)
            return entry_failed(err, r, "replace", path);
    }
    if (linkat(target_fd, target_name, dir_fd, name, 0) < 0)
        return entry_failed(err, errno, "link", path);
    return 0;
}

/* ---- whiteouts ---- */

static int make_opaque(int dir_fd, const char *path, struct error **err)
{
    int r = set_opaque(dir_fd);

    return r < 0 ? entry_failed(err, r, "mark as opaque the directory of", path) : 0;
}

/* A whiteout speaks of lower layers only. What this layer has under that name stays, but a directory
 * must not let the lower one shine through. */
static int make_whiteout(int dir_fd, const char *name, const char *path,
        const struct tar_entry *entry, struct error **err)
{
    struct timespec times[2] = { entry->mtime, entry->mtime };
    struct stat st;

    if (!fs_name_is_plain(name))
        return error_set_plain(
                err, EPERM, NULL, "whiteout \"%s\" leads out of its directory", path);
    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISDIR(st.st_mode))
            return 0;

        auto_close int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int r = fd < 0 ? -errno : set_opaque(fd);

        return r < 0 ? entry_failed(err, r, "apply whiteout", path) : 0;
    }
    if (mknodat(dir_fd, name, S_IFCHR, makedev(0, 0)) < 0)
        return entry_failed(err, errno, "apply whiteout", path);
    if (utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return entry_failed(err, errno, "set the time of", path);
    return 0;
}

/* ---- one entry ---- */

static int place(struct unpack *u, int dir_fd, const char *name, const char *path,
        const struct tar_entry *entry, struct error **err)
{
    struct stat st;
    bool exists, over_whiteout = false;

    if (entry->hardlink)
        return make_hard_link(u, dir_fd, name, path, entry, err);
    exists = fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
    if (exists && !(S_ISDIR(st.st_mode) && entry->type == S_IFDIR)) {
        int r = remove_existing(dir_fd, name, &st);

        if (r < 0)
            return entry_failed(err, r, "replace", path);
        over_whiteout = u->options->overlay_whiteouts && is_whiteout(&st);
        exists = false;
    }
    switch (entry->type) {
    case S_IFREG:
        return make_file(u, dir_fd, name, path, entry, err);
    case S_IFDIR:
        return make_directory(u, dir_fd, name, path, exists, over_whiteout, entry, err);
    case S_IFLNK:
    case S_IFCHR:
    case S_IFBLK:
    case S_IFIFO:
        return make_special(u, dir_fd, name, path, entry, err);
    default:
        return error_set_plain(err, EBADMSG, NULL, "\"%s\" is of an unknown kind", path);
    }
}

static bool id_is_valid(int64_t id)
{
    return id >= 0 && id < UINT32_MAX;
}

static int unpack_entry(struct unpack *u, const struct tar_entry *entry, struct error **err)
{
    auto_free char *path = mem_strdup(entry->path);
    const char *name;
    int dir_fd;

    if (!clean_path(path))
        return error_set_plain(
                err, EPERM, NULL, "\"%s\" leads out of the archive's root", entry->path);
    if (!id_is_valid(entry->uid) || !id_is_valid(entry->gid))
        return error_set_plain(err, EBADMSG, NULL, "\"%s\" has an impossible owner", entry->path);
    if (owner_of(u, entry) == OWNER_UNMAPPED || group_of(u, entry) == OWNER_UNMAPPED)
        return error_set_plain(err, EOVERFLOW, NULL,
                "\"%s\" belongs to an id that the container has not", entry->path);
    if (!*path) {
        if (entry->type != S_IFDIR || entry->hardlink)
            return error_set_plain(
                    err, EPERM, NULL, "\"%s\" would replace the root directory", entry->path);

        auto_close int root_fd = open_root(u);
        int r = root_fd < 0 ? root_fd : apply_directory(u, root_fd, "", entry);

        return r < 0 ? entry_failed(err, r, "set the attributes of", "/") : 0;
    }

    dir_fd = find_parent(u, path, &name);
    if (dir_fd < 0)
        return entry_failed(err, dir_fd, "open the directory of", path);
    if (u->options->overlay_whiteouts && string_has_prefix(name, WHITEOUT_PREFIX)) {
        if (strcmp(name, WHITEOUT_OPAQUE) == 0)
            return make_opaque(dir_fd, path, err);
        if (string_has_prefix(name, WHITEOUT_META_PREFIX))
            return 0; /* book-keeping of aufs */
        return make_whiteout(dir_fd, name + strlen(WHITEOUT_PREFIX), path, entry, err);
    }
    return place(u, dir_fd, name, path, entry, err);
}

static int unpack_all(struct unpack *u, struct error **err)
{
    struct tar_entry entry;
    int r;

    while ((r = tar_reader_next(u->reader, &entry, err)) > 0) {
        if (u->options->cancel && atomic_load_explicit(u->options->cancel, memory_order_relaxed))
            return error_set_plain(err, ECANCELED, NULL, "interrupted");
        if (++u->result.entries > LIMIT_LAYER_ENTRIES)
            return error_set_plain(
                    err, E2BIG, NULL, "the archive has more than %u entries", LIMIT_LAYER_ENTRIES);
        r = unpack_entry(u, &entry, err);
        if (r < 0)
            return r;
    }
    if (r < 0)
        return r;
    return apply_directory_times(u, err);
}

int unpack_tar(const struct byte_source *source, int root_fd, const struct unpack_options *options,
        struct unpack_result *ret, struct error **err)
{
    auto_(unpack_release) struct unpack u = {
        .options = options, .root_fd = root_fd, .parent_fd = -EBADF
    };
    int r = tar_reader_new(source, &u.reader, err);

    if (r < 0)
        return r;
    r = unpack_all(&u, err);
    if (r < 0)
        return r;
    *ret = u.result;
    return 0;
}
