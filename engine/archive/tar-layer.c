/* tar_write_layer: a directory of overlayfs as the tar of an image layer. */
#include <dirent.h>
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
#include "base/strbuf.h"
#include "base/strmap.h"
#include "engine/archive/tar-write.h"

#define DEPTH_MAX (PATH_MAX / 2)

struct layer_writer {
    const struct owner_map *owners; /* NULL: as they are */
    const struct byte_sink *sink;
    struct strbuf path;
    struct strmap links; /* "dev:ino" to the first path, for inodes with several names */
    uint64_t size_bytes;
    unsigned depth;
    bool is_layer;
    bool (*is_excluded)(const char *path); /* NULL: nothing is */
};

struct xattrs {
    struct tar_xattr *items;
    size_t len, cap;
};

static void xattrs_release(struct xattrs *xattrs)
{
    ARRAY_FOREACH(xattrs, it) {
        free((void *)(uintptr_t)it->name);
        free((void *)(uintptr_t)it->value);
    }
    ARRAY_RELEASE(xattrs);
}

static void writer_release(struct layer_writer *w)
{
    STRMAP_FOREACH(&w->links, it)
        free(it->value);
    strmap_release(&w->links);
    strbuf_release(&w->path);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void strings_free(struct strings *names)
{
    ARRAY_FOREACH(names, it)
        free(*it);
    ARRAY_RELEASE(names);
}

static int list_names(int dir_fd, struct strings *names)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir) {
        int code = errno;

        fd_close(fd);
        return -code;
    }
    for (;;) {
        errno = 0;

        const struct dirent *entry = readdir(dir);

        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            *ARRAY_APPEND(names) = mem_strdup(entry->d_name);
    }
    if (errno)
        return -errno;
    if (names->len)
        qsort(names->items, names->len, sizeof(*names->items), compare_names);
    return 0;
}

static int add_xattr(const char *path, const char *name, struct xattrs *xattrs)
{
    char value[LIMIT_XATTR_BYTES];
    ssize_t len = lgetxattr(path, name, value, sizeof(value));

    if (len < 0)
        return errno == ENODATA ? 0 : -errno;

    char *copy = mem_alloc((size_t)len + 1);

    memcpy(copy, value, (size_t)len);
    *ARRAY_APPEND(xattrs) = (struct tar_xattr){
        .name = mem_strdup(name), .value = copy, .len = (size_t)len
    };
    return 0;
}

static int compare_xattrs(const void *a, const void *b)
{
    const struct tar_xattr *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* Of `name` in dir_fd, never following it: what unpack.c keeps, and what overlayfs has to say. */
static int read_xattrs(
        int dir_fd, const char *name, struct xattrs *xattrs, bool *ret_opaque, struct error **err)
{
    char list[LIMIT_XATTR_BYTES], dir[FS_FD_PATH_MAX];
    char path[FS_FD_PATH_MAX + 1 + NAME_MAX + 1];
    ssize_t len;
    int r = 0;

    snprintf(path, sizeof(path), "%s/%s", fs_fd_path(dir_fd, dir), name);
    *ret_opaque = false;
    len = llistxattr(path, list, sizeof(list));
    if (len < 0)
        return errno == ENOTSUP
                       ? 0
                       : error_set(err, errno, NULL, "cannot list attributes of \"%s\"", name);
    for (const char *it = list; r >= 0 && it < list + len; it += strlen(it) + 1) {
        char value = 0;

        if (strcmp(it, "trusted.overlay.opaque") == 0)
            *ret_opaque = lgetxattr(path, it, &value, 1) == 1 && value == 'y';
        else if (strcmp(it, "trusted.overlay.redirect") == 0)
            return error_set_plain(err, ENOTSUP, NULL,
                    "\"%s\" was renamed with redirect_dir, which a layer cannot express", name);
        else if (strcmp(it, "security.capability") == 0 ||
                 (string_has_prefix(it, "user.") && !string_has_prefix(it, "user.overlay.")))
            r = add_xattr(path, it, xattrs);
    }
    if (r < 0)
        return error_set(err, r, NULL, "cannot read the attributes of \"%s\"", name);
    if (xattrs->len)
        qsort(xattrs->items, xattrs->len, sizeof(*xattrs->items), compare_xattrs);
    return 0;
}

static int write_marker(
        struct layer_writer *w, const char *name, const struct stat *st, struct error **err)
{
    struct tar_write_entry entry = { .mode = S_IFREG | 0600,
        .mtime = { .tv_sec = st->st_mtim.tv_sec } };
    size_t len = w->path.len;
    int r;

    strbuf_addf(&w->path, "%s%s", len ? "/" : "", name);
    entry.path = w->path.data;
    r = tar_write_header(w->sink, &entry, err);
    strbuf_truncate(&w->path, len);
    return r;
}

/* True when this inode was written under another name before; *ret_path is that. */
static bool find_link(struct layer_writer *w, const struct stat *st, const char **ret_path)
{
    char key[64];

    if (st->st_nlink < 2 || S_ISDIR(st->st_mode))
        return false;
    snprintf(key, sizeof(key), "%llx:%llx", (unsigned long long)st->st_dev,
            (unsigned long long)st->st_ino);
    *ret_path = strmap_get(&w->links, key);
    if (!*ret_path)
        strmap_set(&w->links, key, mem_strdup(w->path.data));
    return *ret_path != NULL;
}

static int write_directory(struct layer_writer *w, int dir_fd, struct error **err);

/* Of a tree that a container has: by now that name may be a device, whose mere opening does things. */
static int open_regular(int dir_fd, const char *name)
{
    auto_close int entry_fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    char path[FS_FD_PATH_MAX];
    struct stat st;

    if (entry_fd < 0 || fstat(entry_fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -ESTALE;
    int fd = open(fs_fd_path(entry_fd, path), O_RDONLY | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int write_body(struct layer_writer *w, int dir_fd, const char *name, const struct stat *st,
        bool opaque, struct error **err)
{
    if (S_ISREG(st->st_mode)) {
        auto_close int fd = open_regular(dir_fd, name);

        w->size_bytes += (uint64_t)st->st_size;
        if (fd < 0)
            return error_set(err, fd, NULL, "cannot open \"%s\"", w->path.data);
        return tar_write_file(w->sink, fd, (uint64_t)st->st_size, err);
    }
    if (S_ISDIR(st->st_mode)) {
        auto_close int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int r;

        if (fd < 0)
            return error_set(err, errno, NULL, "cannot open \"%s\"", w->path.data);
        r = opaque && w->is_layer ? write_marker(w, ".wh..wh..opq", st, err) : 0;
        return r < 0 ? r : write_directory(w, fd, err);
    }
    return 0;
}

/* w->path is the entry's path. */
static int write_entry(struct layer_writer *w, int dir_fd, const char *name, const struct stat *st,
        struct error **err)
{
    auto_(xattrs_release) struct xattrs xattrs = { 0 };
    auto_free char *target = NULL; /* not on the stack: directories are walked recursively */
    bool opaque = false;
    int r = read_xattrs(dir_fd, name, &xattrs, &opaque, err);

    struct tar_write_entry entry = {
        .path = w->path.data,
        .mode = st->st_mode,
        .uid = owner_map_id(w->owners, st->st_uid, false),
        .gid = owner_map_id(w->owners, st->st_gid, true),
        .major = major(st->st_rdev),
        .minor = minor(st->st_rdev),
        .size_bytes = (uint64_t)st->st_size,
        .mtime = { .tv_sec = st->st_mtim.tv_sec },
        .xattrs = xattrs.items,
        .xattr_count = xattrs.len,
    };

    if (r < 0)
        return r;
    if (S_ISLNK(st->st_mode)) {
        target = mem_alloc(LIMIT_PATH_BYTES + 1);

        ssize_t len = readlinkat(dir_fd, name, target, LIMIT_PATH_BYTES);

        if (len < 0)
            return error_set(err, errno, NULL, "cannot read link \"%s\"", w->path.data);
        target[len] = 0;
        entry.link = target;
    }
    const char *first_name;

    if (find_link(w, st, &first_name)) {
        entry.link = first_name;
        entry.hardlink = true;
        entry.xattr_count = 0;
        return tar_write_header(w->sink, &entry, err);
    }
    r = tar_write_header(w->sink, &entry, err);
    return r < 0 ? r : write_body(w, dir_fd, name, st, opaque, err);
}

static int write_name(struct layer_writer *w, int dir_fd, const char *name, struct error **err)
{
    struct stat st;
    size_t len = w->path.len;
    int r;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set(err, errno, NULL, "cannot read \"%s/%s\"", w->path.data, name);
    if (S_ISSOCK(st.st_mode))
        return 0;
    if (w->is_layer && S_ISCHR(st.st_mode) && st.st_rdev == 0) {
        char marker[NAME_MAX + sizeof(".wh.")];

        snprintf(marker, sizeof(marker), ".wh.%s", name);
        return write_marker(w, marker, &st, err);
    }
    strbuf_addf(&w->path, "%s%s", len ? "/" : "", name);
    if (strbuf_is_truncated(&w->path))
        return error_set_plain(
                err, ENAMETOOLONG, NULL, "a path in the layer is too long: %.200s…", w->path.data);
    r = w->is_excluded && w->is_excluded(w->path.data) ? 0 : write_entry(w, dir_fd, name, &st, err);
    strbuf_truncate(&w->path, len);
    return r;
}

static int write_directory(struct layer_writer *w, int dir_fd, struct error **err)
{
    auto_(strings_free) struct strings names = { 0 };
    int r = list_names(dir_fd, &names);

    if (r < 0)
        return error_set(err, r, NULL, "cannot read directory \"%s\"", w->path.data);
    if (++w->depth > DEPTH_MAX)
        return error_set_plain(err, ELOOP, NULL, "directories are nested too deeply");
    ARRAY_FOREACH(&names, it) {
        r = write_name(w, dir_fd, *it, err);
        if (r < 0)
            return r;
    }
    w->depth--;
    return 0;
}

/* The entry itself under another name, then what is below it. */
static int write_root(
        struct layer_writer *w, int dir_fd, const char *name, const char *as, struct error **err)
{
    struct stat st;

    if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set(err, errno, NULL, "cannot read \"%s\"", name);
    if (*as)
        strbuf_adds(&w->path, as);
    else
        strbuf_adds(&w->path, ".");
    return write_entry(w, dir_fd, name, &st, err);
}

int tar_write_tree(const struct byte_sink *sink, int dir_fd, const char *name,
        const struct tar_tree_options *options, struct error **err)
{
    auto_(writer_release) struct layer_writer w = { .sink = sink,
        .is_layer = options->is_layer,
        .owners = options->owners,
        .is_excluded = options->is_excluded };

    strbuf_init(&w.path, LIMIT_PATH_BYTES);
    int r = name ? write_root(&w, dir_fd, name, options->as, err)
                 : write_directory(&w, dir_fd, err);
    if (r >= 0)
        r = tar_write_end(sink, err);
    if (r < 0)
        return r;
    if (options->ret_bytes)
        *options->ret_bytes = w.size_bytes;
    return 0;
}

int tar_write_layer(
        const struct byte_sink *sink, int dir_fd, uint64_t *ret_size_bytes, struct error **err)
{
    struct tar_tree_options options = { .is_layer = true, .ret_bytes = ret_size_bytes };

    return tar_write_tree(sink, dir_fd, NULL, &options, err);
}
