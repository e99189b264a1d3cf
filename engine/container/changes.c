/* container_diff: the container's own layer beside the image's files, directory by directory. Both sides are
 * walked by descriptor, since a running container can rename what we are about to enter. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "engine/container/container-internal.h"
#include "engine/container/files.h"
#include "engine/container/root-internal.h"

#define DEPTH_MAX 1024

struct walk {
    struct arena *arena;
    struct container_changes *changes;
    struct strbuf path; /* relative */
    unsigned depth;
    struct error **err;
};

static void walk_release(struct walk *w)
{
    strbuf_release(&w->path);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list_names(struct walk *w, int dir_fd, struct strings *names)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!dir) {
        int code = errno;

        (void)fd_close(fd);
        return error_set(w->err, code, NULL, "cannot read directory \"/%s\"", w->path.data);
    }
    while ((entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            *ARRAY_APPEND_ARENA(w->arena, names) = arena_strdup(w->arena, entry->d_name);
    if (names->len)
        qsort(names->items, names->len, sizeof(*names->items), compare_names);
    return 0;
}

static bool is_opaque(int dir_fd)
{
    char path[FS_FD_PATH_MAX], value = 0;

    return getxattr(fs_fd_path(dir_fd, path), "trusted.overlay.opaque", &value, 1) == 1 &&
           value == 'y';
}

static void add_change(struct walk *w, enum container_change_kind kind)
{
    *ARRAY_APPEND_ARENA(w->arena, w->changes) = (struct container_change){ .kind = kind,
        .path = arena_printf(w->arena, "/%s", w->path.data) };
}

static int walk_directory(struct walk *w, int upper_fd, int lower_fd, bool *ret_own);

/* A directory that is in both: a change of its own, or only the way to one below. `own` tells that all that happened
 * in it was the mount points that berth made. */
static int compare_directory(struct walk *w, int upper_dir_fd, int lower_dir_fd, const char *name,
        const struct stat *upper, const struct stat *lower)
{
    auto_close int upper_fd = openat(
            upper_dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    auto_close int lower_fd = -EBADF;
    size_t at = w->changes->len;
    bool own = false;

    if (upper_fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == ELOOP
                       ? 0
                       : error_set(w->err, errno, NULL, "cannot open \"/%s\"", w->path.data);
    if (lower)
        lower_fd = openat(lower_dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    add_change(w, lower ? CONTAINER_CHANGED : CONTAINER_ADDED);
    int r = walk_directory(w, upper_fd, is_opaque(upper_fd) ? -EBADF : lower_fd, &own);
    if (r < 0 || !lower || w->changes->len > at + 1)
        return r;
    bool changed = upper->st_mode != lower->st_mode || upper->st_uid != lower->st_uid ||
                   upper->st_gid != lower->st_gid || is_opaque(upper_fd) ||
                   (!own && (upper->st_mtim.tv_sec != lower->st_mtim.tv_sec ||
                                    upper->st_mtim.tv_nsec != lower->st_mtim.tv_nsec));
    if (!changed)
        w->changes->len = at;
    return r;
}

static int compare_entry(struct walk *w, int upper_dir_fd, int lower_dir_fd, const char *name)
{
    struct stat upper, lower;
    bool in_lower;

    if (fstatat(upper_dir_fd, name, &upper, AT_SYMLINK_NOFOLLOW) < 0)
        return 0; /* gone since the directory was read */
    in_lower = lower_dir_fd >= 0 && fstatat(lower_dir_fd, name, &lower, AT_SYMLINK_NOFOLLOW) == 0;
    if (S_ISCHR(upper.st_mode) && upper.st_rdev == makedev(0, 0)) {
        if (in_lower)
            add_change(w, CONTAINER_DELETED);
        return 0;
    }
    if (S_ISDIR(upper.st_mode))
        return compare_directory(w, upper_dir_fd, lower_dir_fd, name, &upper,
                in_lower && S_ISDIR(lower.st_mode) ? &lower : NULL);
    add_change(w, in_lower ? CONTAINER_CHANGED : CONTAINER_ADDED);
    return 0;
}

static int walk_directory(struct walk *w, int upper_fd, int lower_fd, bool *ret_own)
{
    struct strings names = { 0 };
    int r = list_names(w, upper_fd, &names);

    if (r >= 0 && ++w->depth > DEPTH_MAX)
        r = error_set_plain(w->err, ELOOP, NULL, "directories are nested too deeply");
    for (size_t i = 0; r >= 0 && i < names.len; i++) {
        size_t len = w->path.len;

        strbuf_addf(&w->path, "%s%s", len ? "/" : "", names.items[i]);
        if (strbuf_is_truncated(&w->path))
            r = error_set_plain(w->err, ENAMETOOLONG, NULL, "a path is too long");
        else if (container_is_own_mount_point(w->path.data))
            *ret_own = true;
        else
            r = compare_entry(w, upper_fd, lower_fd, names.items[i]);
        strbuf_truncate(&w->path, len);
    }
    w->depth--;
    return r;
}

int container_diff(struct engine *engine, struct arena *arena, const char *reference,
        struct container_changes *ret, struct error **err)
{
    auto_close int image_fd = -EBADF, lock = -EBADF;
    auto_(walk_release) struct walk w = {
        .arena = arena, .changes = ret, .path = STRBUF_INIT(LIMIT_PATH_BYTES), .err = err
    };
    struct container *c = NULL;
    bool own = false;
    int r = container_begin(engine, arena, reference, &c, &lock, err);

    if (r < 0)
        return r;
    auto_close int upper_fd = container_upper_open(engine, c, &image_fd, err);
    if (upper_fd < 0)
        return upper_fd;
    return walk_directory(&w, upper_fd, image_fd, &own);
}
