#include "engine/rootfs/copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/owner-map.h"
#include "base/strbuf.h"
#include "base/strmap.h"

#define XATTR_LIST_MAX 65536
#define DEPTH_MAX 1024
/* Each remembered hard link holds a descriptor; later ones become copies of their own. */
#define LINKS_MAX 256
#define TAR_BLOCK 512u

struct copier {
    const struct tree_copy *options;
    struct error **err;
    struct strmap links; /* "device:inode" to struct link *: where the first name of it went */
    struct strbuf path;  /* relative to what is copied */
    unsigned depth;
};

struct link {
    int dir_fd; /* owned */
    char *name;
};

static int copy_child(struct copier *c, int from_dir_fd, const char *name, int to_dir_fd);

static int fail(struct copier *c, int code, const char *what)
{
    const char *name = c->options->name ? c->options->name : *c->path.data ? "" : ".";

    return error_set(c->err, code, NULL, "cannot %s \"%s%s%s\"", what, name,
            *name && *c->path.data ? "/" : "", c->path.data);
}

static bool is_cancelled(const struct copier *c)
{
    return c->options->cancel && atomic_load(c->options->cancel);
}

static bool is_kept_xattr(const char *name)
{
    return string_is_equal(name, "security.capability") || string_has_prefix(name, "user.");
}

/* Extended attributes by the magic link of a descriptor, since O_PATH ones cannot be used directly. */
static int copy_xattrs(struct copier *c, int from_fd, int to_fd)
{
    char from[FS_FD_PATH_MAX], to[FS_FD_PATH_MAX];
    ssize_t len = listxattr(fs_fd_path(from_fd, from), NULL, 0);

    if (len <= 0 || len > XATTR_LIST_MAX)
        return 0; /* none, or not supported here */
    auto_free char *names = mem_alloc((size_t)len);
    len = listxattr(from, names, (size_t)len);
    fs_fd_path(to_fd, to);
    for (ssize_t at = 0; at < len; at += (ssize_t)strlen(names + at) + 1) {
        const char *name = names + at;
        ssize_t size = is_kept_xattr(name) ? getxattr(from, name, NULL, 0) : -1;

        if (size < 0 || size > LIMIT_XATTR_BYTES)
            continue;
        auto_free char *value = mem_alloc((size_t)size + 1);
        size = getxattr(from, name, value, (size_t)size);
        if (size >= 0 && setxattr(to, name, value, (size_t)size, 0) < 0 && errno != ENOTSUP)
            return fail(c, errno, "set an extended attribute of");
    }
    return 0;
}

/* Owner first: chown clears the set-user-id bits and file capabilities. */
static int copy_attributes(struct copier *c, int from_fd, int to_fd, const struct stat *st)
{
    const struct tree_copy *o = c->options;
    bool keeps_owner = o->uid == TREE_COPY_KEEP_OWNER;
    uid_t uid = owner_map_id(o->owners, keeps_owner ? st->st_uid : o->uid, false);
    gid_t gid = owner_map_id(
            o->owners, o->gid == (gid_t)TREE_COPY_KEEP_OWNER ? st->st_gid : o->gid, true);
    bool link = S_ISLNK(st->st_mode);
    char path[FS_FD_PATH_MAX];

    if (uid == OWNER_UNMAPPED || gid == OWNER_UNMAPPED)
        return fail(c, EOVERFLOW, "give its owner to");
    if (fchownat(to_fd, "", uid, gid, AT_EMPTY_PATH) < 0)
        return fail(c, errno, "change the owner of");
    if (!link) {
        mode_t mode = o->mode == TREE_COPY_KEEP_MODE ? st->st_mode : o->mode;

        if (chmod(fs_fd_path(to_fd, path), mode & 07777) < 0)
            return fail(c, errno, "change the mode of");
        int r = copy_xattrs(c, from_fd, to_fd);
        if (r < 0)
            return r;
    }
    struct timespec times[2] = { st->st_atim, st->st_mtim };
    if (o->fixed_time)
        times[0] = times[1] = (struct timespec){ .tv_sec = o->mtime_sec };
    if (utimensat(to_fd, "", times, AT_EMPTY_PATH) < 0 && errno != EINVAL)
        return fail(c, errno, "set the times of");
    return 0;
}

/* The path grows by one component; the caller cuts it back to the length that is returned. */
static size_t path_push(struct copier *c, const char *name)
{
    size_t before = c->path.len;

    if (before > 0)
        strbuf_addc(&c->path, '/');
    strbuf_adds(&c->path, name);
    return before;
}

static int copy_children(struct copier *c, int from_fd, int to_fd)
{
    auto_closedir DIR *dir = NULL;
    int list_fd = openat(from_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dirent *entry;
    int r = 0;

    if (list_fd < 0)
        return fail(c, errno, "read the directory");
    dir = fdopendir(list_fd);
    if (!dir) {
        r = fail(c, errno, "read the directory");
        close(list_fd);
        return r;
    }
    if (++c->depth > DEPTH_MAX)
        return fail(c, ELOOP, "descend into");
    while (r >= 0 && (errno = 0, entry = readdir(dir))) {
        if (string_is_equal(entry->d_name, ".") || string_is_equal(entry->d_name, ".."))
            continue;
        size_t before = path_push(c, entry->d_name);

        if (strbuf_is_truncated(&c->path))
            r = fail(c, ENAMETOOLONG, "copy below");
        else if (is_cancelled(c))
            r = error_set_plain(c->err, ECANCELED, NULL, "interrupted");
        else
            r = copy_child(c, list_fd, entry->d_name, to_fd);
        strbuf_truncate(&c->path, before);
    }
    c->depth--;
    if (r >= 0 && errno != 0)
        r = fail(c, errno, "read the directory");
    return r;
}

/* Makes room for an entry: whatever is not a directory goes; a directory stays for a directory. */
static int make_room(struct copier *c, int to_dir_fd, const char *name, bool for_directory)
{
    struct stat st;

    if (fstatat(to_dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail(c, errno, "look at");
    if (S_ISDIR(st.st_mode)) {
        if (for_directory)
            return 0;
        return error_set_plain(c->err, EISDIR, NULL,
                "cannot replace the directory \"%s\" with something that is none", c->path.data);
    }
    return unlinkat(to_dir_fd, name, 0) < 0 ? fail(c, errno, "replace") : 0;
}

static int copy_directory(struct copier *c, int from_fd, int to_dir_fd, const char *to_name,
        const struct stat *st, bool excluded)
{
    if (mkdirat(to_dir_fd, to_name, 0700) < 0 && errno != EEXIST)
        return fail(c, errno, "make the directory");
    auto_close int to_fd = openat(
            to_dir_fd, to_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to_fd < 0)
        return fail(c, errno, "open the directory");
    int r = copy_children(c, from_fd, to_fd);
    if (r < 0)
        return r;
    r = copy_attributes(c, from_fd, to_fd, st);
    /* A directory that is only there for what is kept below it goes again when nothing was. */
    if (r >= 0 && excluded)
        (void)unlinkat(to_dir_fd, to_name, AT_REMOVEDIR);
    return r;
}

/* The descriptor is opened again for reading by its magic link: the same file, whatever its name leads
 * to by now. */
static int copy_regular(
        struct copier *c, int entry_fd, int to_dir_fd, const char *to_name, const struct stat *st)
{
    char path[FS_FD_PATH_MAX];
    auto_close int from_fd = open(fs_fd_path(entry_fd, path), O_RDONLY | O_NOCTTY | O_CLOEXEC);

    if (from_fd < 0)
        return fail(c, errno, "open");
    auto_close int to_fd = openat(
            to_dir_fd, to_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (to_fd < 0)
        return fail(c, errno, "create");
    uint64_t copied;
    int r = fs_copy_range(from_fd, to_fd, UINT64_MAX, &copied, NULL);
    if (r < 0)
        return fail(c, -r, "copy");
    return copy_attributes(c, from_fd, to_fd, st);
}

static int copy_symlink(
        struct copier *c, int from_fd, int to_dir_fd, const char *to_name, const struct stat *st)
{
    char target[LIMIT_PATH_BYTES + 1];
    ssize_t len = readlinkat(from_fd, "", target, sizeof(target));

    if (len < 0 || (size_t)len >= sizeof(target))
        return fail(c, len < 0 ? errno : ENAMETOOLONG, "read the link");
    target[len] = '\0';
    if (symlinkat(target, to_dir_fd, to_name) < 0)
        return fail(c, errno, "make the link");
    auto_close int to_fd = openat(to_dir_fd, to_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (to_fd < 0)
        return fail(c, errno, "open the link");
    return copy_attributes(c, from_fd, to_fd, st);
}

static int copy_special(
        struct copier *c, int from_fd, int to_dir_fd, const char *to_name, const struct stat *st)
{
    if (mknodat(to_dir_fd, to_name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0)
        return fail(c, errno, "make the device or fifo");
    auto_close int to_fd = openat(to_dir_fd, to_name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (to_fd < 0)
        return fail(c, errno, "open");
    return copy_attributes(c, from_fd, to_fd, st);
}

/* A further name of a file that was copied already: 1 when it was linked. */
static int copy_hard_link(
        struct copier *c, int to_dir_fd, const char *to_name, const struct stat *st)
{
    char key[48];

    if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
        return 0;
    (void)snprintf(key, sizeof(key), "%jx:%jx", (uintmax_t)st->st_dev, (uintmax_t)st->st_ino);
    const struct link *first = strmap_get(&c->links, key);
    if (first && linkat(first->dir_fd, first->name, to_dir_fd, to_name, 0) == 0)
        return 1;
    int dir_fd = first || c->links.len >= LINKS_MAX ? -EMFILE
                                                    : fcntl(to_dir_fd, F_DUPFD_CLOEXEC, 3);
    if (dir_fd >= 0) {
        struct link *link = NEW(struct link);

        *link = (struct link){ dir_fd, mem_strdup(to_name) };
        strmap_set(&c->links, key, link);
    }
    return 0; /* a copy of its own is right too, only larger */
}

static uint64_t tar_padded(const struct stat *st)
{
    return ((uint64_t)st->st_size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
}

static int copy_entry(struct copier *c, int from_fd, int to_dir_fd, const char *to_name)
{
    bool excluded = false, descend = false;
    struct stat st;

    if (fstat(from_fd, &st) < 0)
        return fail(c, errno, "look at");
    bool directory = S_ISDIR(st.st_mode);
    if (c->options->is_excluded)
        excluded = c->options->is_excluded(c->options->userdata, c->path.data, directory, &descend);
    if ((excluded && !(directory && descend)) || S_ISSOCK(st.st_mode))
        return 0;
    if (c->options->tar_bytes)
        *c->options->tar_bytes += TAR_BLOCK + (S_ISREG(st.st_mode) ? tar_padded(&st) : 0);
    int r = make_room(c, to_dir_fd, to_name, directory);
    if (r >= 0)
        r = copy_hard_link(c, to_dir_fd, to_name, &st);
    if (r != 0)
        return r < 0 ? r : 0;
    if (directory)
        return copy_directory(c, from_fd, to_dir_fd, to_name, &st, excluded);
    if (S_ISREG(st.st_mode))
        return copy_regular(c, from_fd, to_dir_fd, to_name, &st);
    if (S_ISLNK(st.st_mode))
        return copy_symlink(c, from_fd, to_dir_fd, to_name, &st);
    return copy_special(c, from_fd, to_dir_fd, to_name, &st);
}

static int copy_child(struct copier *c, int from_dir_fd, const char *name, int to_dir_fd)
{
    auto_close int from_fd = openat(from_dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

    if (from_fd < 0)
        return fail(c, errno, "look at");
    return copy_entry(c, from_fd, to_dir_fd, name);
}

static void copier_release(struct copier *c)
{
    STRMAP_FOREACH(&c->links, it) {
        struct link *link = it->value;

        close(link->dir_fd);
        free(link->name);
        free(link);
    }
    strmap_release(&c->links);
    strbuf_release(&c->path);
}

static struct copier copier_make(const struct tree_copy *options, struct error **err)
{
    return (struct copier){
        .options = options,
        .err = err,
        .path = STRBUF_INIT(LIMIT_PATH_BYTES),
    };
}

int tree_copy_contents(int from_fd, int to_fd, bool attributes, const struct tree_copy *options,
        struct error **err)
{
    auto_(copier_release) struct copier c = copier_make(options, err);
    struct stat st;

    int r = copy_children(&c, from_fd, to_fd);
    if (r < 0 || !attributes)
        return r;
    if (fstat(from_fd, &st) < 0)
        return fail(&c, errno, "look at");
    return copy_attributes(&c, from_fd, to_fd, &st);
}

int tree_copy_entry(int from_fd, int to_dir_fd, const char *to_name,
        const struct tree_copy *options, struct error **err)
{
    auto_(copier_release) struct copier c = copier_make(options, err);

    return copy_entry(&c, from_fd, to_dir_fd, to_name);
}
