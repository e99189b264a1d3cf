/* Invariants:
 *  1. Every directory that is below a root, or leads to one, exists and is not skipped, has a watch: it is set before
 *     the directory is read, so that what appears in between is told twice and not never.
 *  2. `watches` has a row for every descriptor that the kernel has not taken back (IN_IGNORED). */
#include "cli/watch-tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/path.h"

#define WATCH_EVENTS                                                                  \
    (IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MODIFY | IN_ATTRIB | IN_MOVED_FROM | \
            IN_MOVED_TO | IN_ONLYDIR | IN_EXCL_UNLINK)
#define READ_BYTES 65536

struct watch_tree {
    struct watch_tree_options options;
    int fd;
    struct strings roots;  /* owned */
    struct strmap watches; /* descriptor as text -> struct directory, owned */
};

struct directory {
    int wd;
    char *path;
};

static void directory_free(struct directory *directory)
{
    if (directory)
        free(directory->path);
    free(directory);
}

int watch_tree_new(
        const struct watch_tree_options *options, struct watch_tree **ret, struct error **err)
{
    int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);

    if (fd < 0) {
        int r = error_set(err, errno, NULL, "cannot watch files");
        if (errno == EMFILE)
            error_hint(err, "\"sysctl fs.inotify.max_user_instances\" says how many may");
        return r;
    }
    struct watch_tree *tree = NEW(struct watch_tree);
    tree->options = *options;
    tree->fd = fd;
    *ret = tree;
    return 0;
}

void watch_tree_free(struct watch_tree *tree)
{
    if (!tree)
        return;
    fd_close(tree->fd);
    for (size_t i = 0; i < tree->roots.len; i++)
        free(tree->roots.items[i]);
    ARRAY_RELEASE(&tree->roots);
    STRMAP_FOREACH(&tree->watches, watch)
        directory_free(watch->value);
    strmap_release(&tree->watches);
    free(tree);
}

int watch_tree_fd(const struct watch_tree *tree)
{
    return tree->fd;
}

/* ------------------------------------------------------------------ which paths count */

static bool is_root(const struct watch_tree *tree, const char *path)
{
    ARRAY_FOREACH(&tree->roots, root)
        if (strcmp(*root, path) == 0)
            return true;
    return false;
}

static bool is_below_root(const struct watch_tree *tree, const char *path)
{
    ARRAY_FOREACH(&tree->roots, root)
        if (path_is_below(path, *root))
            return true;
    return false;
}

static bool leads_to_root(const struct watch_tree *tree, const char *path)
{
    ARRAY_FOREACH(&tree->roots, root)
        if (path_is_below(*root, path))
            return true;
    return false;
}

static void tell(const struct watch_tree *tree, const char *path, struct strmap *changed)
{
    struct stat st;

    if (!changed || !is_below_root(tree, path))
        return;
    if (is_root(tree, path) && lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
        return;
    strmap_set(changed, path, NULL);
}

/* ------------------------------------------------------------------ watching */

#define KEY_BYTES 16

static const char *key_of(int wd, char buffer[static KEY_BYTES])
{
    snprintf(buffer, KEY_BYTES, "%d", wd);
    return buffer;
}

/* 1 when it is watched now, 0 when there is no such directory. */
static int watch_directory(struct watch_tree *tree, const char *path, struct error **err)
{
    /* A root may be a link to a directory; below it links are files like others. */
    uint32_t follow = is_root(tree, path) || !is_below_root(tree, path) ? 0 : IN_DONT_FOLLOW;
    int wd = inotify_add_watch(tree->fd, path, WATCH_EVENTS | follow);
    char key[KEY_BYTES];

    if (wd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES || errno == ELOOP))
        return 0;
    if (wd < 0) {
        int code = errno, r = error_set(err, code, NULL, "cannot watch \"%s\"", path);

        if (code == ENOSPC)
            error_hint(err, "\"sysctl fs.inotify.max_user_watches\" says how many directories may "
                            "be watched");
        return r;
    }
    struct directory *directory = NEW(struct directory);
    *directory = (struct directory){ .wd = wd, .path = mem_strdup(path) };
    directory_free(strmap_set(&tree->watches, key_of(wd, key), directory));
    return 1;
}

/* Watches a directory that counts and all below it; `changed` NULL: what is found there is nothing new. */
static int scan(struct watch_tree *tree, struct arena *arena, const char *path,
        struct strmap *changed, struct error **err)
{
    bool below = is_below_root(tree, path);
    struct dirent *entry;

    if (!below && !leads_to_root(tree, path))
        return 0;
    if (below && !is_root(tree, path) && tree->options.skips &&
            tree->options.skips(tree->options.userdata, path))
        return 0;
    int r = watch_directory(tree, path, err);
    if (r <= 0)
        return r;
    auto_closedir DIR *dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        struct arena_mark mark = arena_mark(arena);
        const char *child = path_join(arena, path, entry->d_name);

        tell(tree, child, changed);
        bool may_be_directory = entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN ||
                                (entry->d_type == DT_LNK && !is_below_root(tree, child)) ||
                                is_root(tree, child);
        r = may_be_directory ? scan(tree, arena, child, changed, err) : 0;
        arena_rewind(arena, mark);
        if (r < 0)
            return r;
    }
    return 0;
}

int watch_tree_add(struct watch_tree *tree, const char *path, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const char *from = path;
    struct stat st;

    if (is_root(tree, path))
        return 0;
    *ARRAY_APPEND(&tree->roots) = mem_strdup(path);
    /* From the nearest directory that is there: also for one that is, so that it is noticed when it is replaced. */
    do
        from = path_parent(&arena, from);
    while (strcmp(from, "/") != 0 && (stat(from, &st) < 0 || !S_ISDIR(st.st_mode)));
    return scan(tree, &arena, from, NULL, err);
}

/* ------------------------------------------------------------------ reading */

static int rescan(struct watch_tree *tree, struct strmap *changed, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;

    ARRAY_FOREACH(&tree->roots, root) {
        tell(tree, *root, changed);
        int r = scan(tree, &arena, *root, changed, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* A directory that was moved away keeps its watches, which would go on under its old name. */
static void forget_below(struct watch_tree *tree, const char *path)
{
    STRMAP_FOREACH(&tree->watches, watch) {
        const struct directory *directory = watch->value;

        if (path_is_below(directory->path, path))
            (void)inotify_rm_watch(tree->fd, directory->wd); /* its row goes with IN_IGNORED */
    }
}

static int take_event(struct watch_tree *tree, const struct inotify_event *event,
        struct strmap *changed, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    char key[KEY_BYTES];

    if (event->mask & IN_Q_OVERFLOW)
        return rescan(tree, changed, err);
    if (event->mask & IN_IGNORED) {
        directory_free(strmap_remove(&tree->watches, key_of(event->wd, key)));
        return 0;
    }
    const struct directory *directory = strmap_get(&tree->watches, key_of(event->wd, key));
    if (!directory || event->len == 0)
        return 0;
    const char *path = path_join(&arena, directory->path, event->name);
    tell(tree, path, changed);
    if ((event->mask & IN_ISDIR) && (event->mask & IN_MOVED_FROM))
        forget_below(tree, path);
    bool is_new = event->mask & (IN_CREATE | IN_MOVED_TO);
    return is_new && ((event->mask & IN_ISDIR) || is_root(tree, path))
                   ? scan(tree, &arena, path, changed, err)
                   : 0;
}

int watch_tree_read(struct watch_tree *tree, struct strmap *changed, struct error **err)
{
    _Alignas(struct inotify_event) char buffer[READ_BYTES];
    int any = 0;

    for (;;) {
        ssize_t len = read(tree->fd, buffer, sizeof(buffer));

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno == EAGAIN)
            return any;
        if (len <= 0)
            return error_set(err, len < 0 ? errno : EIO, NULL, "cannot read what changed");
        any = 1;
        for (char *p = buffer; p < buffer + len;) {
            const struct inotify_event *event = (const struct inotify_event *)p;
            int r = take_event(tree, event, changed, err);

            if (r < 0)
                return r;
            p += sizeof(*event) + event->len;
        }
    }
}
