#include "engine/build/source.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/engine-internal.h"
#include "engine/rootfs/copy.h"

#define HASH_BUFFER_BYTES (128 * 1024)
#define MATCHES_MAX 100000
#define DEPTH_MAX 256

/* Something found on a walk: path relative to the tree, without leading "/". */
typedef int (*walk_fn)(void *userdata, const char *path, const struct stat *st, int parent_fd,
        const char *name, struct error **err);

struct walk {
    struct engine *engine;
    struct arena *arena;
    const struct ignore_list *ignore, *exclude;
    walk_fn fn;
    void *userdata;
    unsigned depth;
};

static bool is_covered(
        const struct ignore_list *ignore, const struct ignore_list *exclude, const char *path)
{
    return (ignore && ignore_covers(ignore, path)) || (exclude && ignore_covers(exclude, path));
}

static bool may_keep_below(
        const struct ignore_list *ignore, const struct ignore_list *exclude, const char *path)
{
    bool by_ignore = ignore && ignore_covers(ignore, path);
    bool by_exclude = exclude && ignore_covers(exclude, path);

    return (!by_ignore || ignore_may_keep_below(ignore, path)) &&
           (!by_exclude || ignore_may_keep_below(exclude, path));
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(struct arena *arena, int dir_fd, struct strings *names)
{
    auto_closedir DIR *dir = NULL;
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const struct dirent *entry;

    if (fd < 0)
        return -errno;
    dir = fdopendir(fd);
    if (!dir) {
        int r = -errno;
        close(fd);
        return r;
    }
    while ((errno = 0, entry = readdir(dir))) {
        if (!string_is_equal(entry->d_name, ".") && !string_is_equal(entry->d_name, ".."))
            *ARRAY_APPEND_ARENA(arena, names) = arena_strdup(arena, entry->d_name);
    }
    if (errno != 0)
        return -errno;
    if (names->len > 0)
        qsort(names->items, names->len, sizeof(*names->items), compare_texts);
    return 0;
}

/* Everything below the directory, in sorted order, parents first. `prefix` is its path in the tree, ""
 * for the top. */
static int walk_directory(struct walk *w, int dir_fd, const char *prefix, struct error **err)
{
    struct arena_mark mark = arena_mark(w->arena);
    struct strings names = { 0 };

    int r = read_names(w->arena, dir_fd, &names);
    if (r < 0)
        return error_set(err, r, NULL, "cannot read the directory \"%s\"", *prefix ? prefix : ".");
    if (++w->depth > DEPTH_MAX)
        return error_set_plain(err, ELOOP, NULL, "\"%s\" lies too deep", prefix);
    for (size_t i = 0; i < names.len && r >= 0; i++) {
        const char *name = names.items[i];
        const char *path = *prefix ? arena_printf(w->arena, "%s/%s", prefix, name) : name;
        struct stat st;

        r = engine_check_cancelled(w->engine, err);
        if (r < 0)
            break;
        if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
            r = error_set(err, errno, NULL, "cannot look at \"%s\"", path);
            break;
        }
        bool covered = is_covered(w->ignore, w->exclude, path);
        if (!covered && !S_ISSOCK(st.st_mode))
            r = w->fn(w->userdata, path, &st, dir_fd, name, err);
        if (r < 0 || !S_ISDIR(st.st_mode) ||
                (covered && !may_keep_below(w->ignore, w->exclude, path)))
            continue;
        auto_close int fd = openat(dir_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        r = fd < 0 ? error_set(err, errno, NULL, "cannot open \"%s\"", path)
                   : walk_directory(w, fd, path, err);
    }
    w->depth--;
    arena_rewind(w->arena, mark);
    return r;
}

static bool has_wildcard(const char *pattern)
{
    return strpbrk(pattern, "*?[") != NULL;
}

/* "\*" names a star: without wildcards the backslashes go. */
static char *unescape(struct arena *arena, const char *pattern)
{
    char *out = arena_strdup(arena, pattern), *to = out;

    for (const char *from = pattern; *from; from++) {
        if (*from == '\\' && from[1])
            from++;
        *to++ = *from;
    }
    *to = '\0';
    return out;
}

static const char *relative(struct arena *arena, const char *path)
{
    const char *clean = path_clean(arena, arena_printf(arena, "/%s", path));

    while (*clean == '/')
        clean++;
    return clean;
}

/* One component of the pattern after the other, so that only directories that can match are read. */
static int match_components(struct arena *arena, const struct source_tree *tree,
        const struct ignore_list *exclude, int dir_fd, const char *prefix, const char *pattern,
        struct strings *ret, struct error **err)
{
    const char *slash = strchr(pattern, '/');
    char *component = arena_strndup(
            arena, pattern, slash ? (size_t)(slash - pattern) : strlen(pattern));
    struct strings names = { 0 };

    int r = read_names(arena, dir_fd, &names);
    if (r < 0)
        return error_set(err, r, NULL, "cannot read \"%s\" in %s", prefix, tree->what);
    for (size_t i = 0; i < names.len; i++) {
        if (pattern_match(component, names.items[i]) != 1)
            continue;
        const char *path = *prefix ? arena_printf(arena, "%s/%s", prefix, names.items[i])
                                   : names.items[i];
        if (!slash) {
            if (is_covered(&tree->ignore, exclude, path) &&
                    !may_keep_below(&tree->ignore, exclude, path))
                continue;
            if (ret->len >= MATCHES_MAX)
                return error_set_plain(err, E2BIG, NULL, "too many files match");
            *ARRAY_APPEND_ARENA(arena, ret) = (char *)path;
            continue;
        }
        auto_close int fd = fs_try_open_in_root(tree->root_fd, path, O_PATH | O_DIRECTORY, 0);
        if (fd < 0)
            continue; /* a file, or a link to nowhere: nothing below it can match */
        r = match_components(arena, tree, exclude, fd, path, slash + 1, ret, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int no_match(
        const struct source_tree *tree, const char *pattern, bool ignored, struct error **err)
{
    int r = error_set_plain(
            err, ENOENT, NULL, "\"%s\" is not in %s", *pattern ? pattern : ".", tree->what);
    if (ignored)
        error_hint(err, "the .dockerignore file keeps it out");
    return r;
}

int source_match(struct arena *arena, const struct source_tree *tree, const char *pattern,
        const struct ignore_list *exclude, struct strings *ret, struct error **err)
{
    const char *path = relative(arena, pattern);
    struct stat st;

    if (has_wildcard(path)) {
        size_t before = ret->len;
        int r = match_components(arena, tree, exclude, tree->root_fd, "", path, ret, err);

        if (r < 0)
            return r;
        return ret->len == before ? no_match(tree, pattern, false, err) : 0;
    }
    path = unescape(arena, path);
    auto_close int fd = fs_try_open_in_root(tree->root_fd, *path ? path : ".", O_PATH, 0);
    if (fd < 0 && fd != -ENOENT && fd != -ENOTDIR)
        return error_set(err, fd, NULL, "cannot look at \"%s\" in %s", path, tree->what);
    if (fd < 0 || fstat(fd, &st) < 0)
        return no_match(tree, path, false, err);
    bool covered = is_covered(&tree->ignore, exclude, path);
    if (covered && !(S_ISDIR(st.st_mode) && may_keep_below(&tree->ignore, exclude, path)))
        return no_match(tree, path, true, err);
    *ARRAY_APPEND_ARENA(arena, ret) = (char *)path;
    return 0;
}

struct hasher {
    struct digest *digest;
    const struct source_tree *tree;
    bool keep_owner;
    char *buffer;
};

static void hash_text(struct hasher *h, const char *text)
{
    digest_update(h->digest, text, strlen(text) + 1);
}

static int hash_contents(struct hasher *h, int fd, const char *path, struct error **err)
{
    for (;;) {
        ssize_t n = fd_read_full(fd, h->buffer, HASH_BUFFER_BYTES);

        if (n < 0)
            return error_set(err, (int)n, NULL, "cannot read \"%s\"", path);
        if (n == 0)
            return 0;
        digest_update(h->digest, h->buffer, (size_t)n);
    }
}

static void hash_stat(struct hasher *h, const char *path, const struct stat *st)
{
    uint64_t numbers[] = {
        st->st_mode,
        h->keep_owner ? st->st_uid : 0,
        h->keep_owner ? st->st_gid : 0,
        S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0,
        S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode) ? st->st_rdev : 0,
    };

    hash_text(h, path);
    digest_update(h->digest, numbers, sizeof(numbers));
}

static int hash_entry(void *userdata, const char *path, const struct stat *st, int parent_fd,
        const char *name, struct error **err)
{
    struct hasher *h = userdata;
    char target[LIMIT_PATH_BYTES + 1];

    hash_stat(h, path, st);
    if (S_ISLNK(st->st_mode)) {
        ssize_t len = readlinkat(parent_fd, name, target, sizeof(target) - 1);

        if (len < 0)
            return error_set(err, errno, NULL, "cannot read the link \"%s\"", path);
        target[len] = '\0';
        hash_text(h, target);
    }
    if (!S_ISREG(st->st_mode))
        return 0;
    auto_close int fd = openat(
            parent_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", path);
    return hash_contents(h, fd, path, err);
}

int source_hash(struct engine *engine, const struct source_tree *tree, const char *path,
        const struct ignore_list *exclude, bool keep_owner, struct digest *digest,
        struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_free char *buffer = mem_alloc(HASH_BUFFER_BYTES);
    struct hasher h = { digest, tree, keep_owner, buffer };
    auto_close int fd = fs_open_in_root(
            tree->root_fd, *path ? path : ".", O_RDONLY | O_NONBLOCK | O_NOCTTY, 0, err);
    struct stat st;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return error_set(err, errno, NULL, "cannot look at \"%s\"", path);
    hash_stat(&h, path_last(path), &st);
    if (S_ISREG(st.st_mode))
        return hash_contents(&h, fd, path, err);
    if (!S_ISDIR(st.st_mode))
        return error_set_plain(err, EINVAL, NULL, "\"%s\" is neither a file nor a directory", path);
    struct walk w = {
        .engine = engine,
        .arena = &arena,
        .ignore = &tree->ignore,
        .exclude = exclude,
        .fn = hash_entry,
        .userdata = &h,
    };
    return walk_directory(&w, fd, path, err);
}

struct exclusion {
    const struct source_tree *tree;
    const struct ignore_list *exclude;
    const char *prefix; /* what is copied, in the tree */
};

static bool exclusion_covers(void *userdata, const char *path, bool is_directory, bool *ret_descend)
{
    const struct exclusion *e = userdata;
    char whole[LIMIT_PATH_BYTES];
    int n = snprintf(
            whole, sizeof(whole), "%s%s%s", e->prefix, *e->prefix && *path ? "/" : "", path);

    if (n < 0 || (size_t)n >= sizeof(whole) || !*whole)
        return false;
    *ret_descend = is_directory && may_keep_below(&e->tree->ignore, e->exclude, whole);
    return is_covered(&e->tree->ignore, e->exclude, whole);
}

static struct tree_copy copy_options(
        const struct engine *engine, const struct source_copy *options, struct exclusion *exclusion)
{
    struct tree_copy copy = TREE_COPY_INIT;

    if (!options->keep_owner) {
        copy.uid = options->uid;
        copy.gid = options->gid;
    }
    copy.mode = options->mode;
    copy.is_excluded = exclusion_covers;
    copy.userdata = exclusion;
    copy.cancel = engine->options.cancel;
    return copy;
}

/* Opens, and makes where missing, the directory that the file `dest` shall lie in, and says its name there. */
static int open_destination(int root_fd, const char *dest, bool into_directory,
        const char *source_name, uid_t uid, gid_t gid, char **ret_name, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const char *clean = path_clean(&arena, dest);

    if (!into_directory) {
        auto_close int existing = fs_try_open_in_root(root_fd, clean, O_PATH | O_DIRECTORY, 0);

        into_directory = existing >= 0;
    }
    const char *directory = into_directory ? clean : path_parent(&arena, clean);
    int fd = fs_mkdir_in_root(root_fd, directory, 0755, uid, gid, err);
    if (fd < 0)
        return error_wrap(err, fd, "cannot make the directory \"%s\"", directory);
    *ret_name = mem_strdup(into_directory ? source_name : path_last(clean));
    return fd;
}

static int copy_file(struct engine *engine, const struct source_tree *tree, const char *path,
        int source_fd, int dest_root_fd, const char *dest, bool into_directory,
        const struct source_copy *options, struct error **err)
{
    struct exclusion exclusion = { tree, options->exclude, path };
    struct tree_copy copy = copy_options(engine, options, &exclusion);
    auto_free char *name = NULL;
    uid_t uid = options->keep_owner ? 0 : options->uid;
    gid_t gid = options->keep_owner ? 0 : options->gid;

    auto_close int to_fd = open_destination(
            dest_root_fd, dest, into_directory, path_last(path), uid, gid, &name, err);
    if (to_fd < 0)
        return to_fd;
    copy.name = path;
    return tree_copy_entry(source_fd, to_fd, name, &copy, err);
}

int source_copy(struct engine *engine, const struct source_tree *tree, const char *path,
        int dest_root_fd, const char *dest, bool into_directory, const struct source_copy *options,
        struct error **err)
{
    auto_close int fd = fs_open_in_root(tree->root_fd, *path ? path : ".", O_PATH, 0, err);
    struct stat st;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return error_set(err, errno, NULL, "cannot look at \"%s\"", path);
    if (!S_ISDIR(st.st_mode))
        return copy_file(engine, tree, path, fd, dest_root_fd, dest, into_directory, options, err);

    struct exclusion exclusion = { tree, options->exclude, path };
    struct tree_copy copy = copy_options(engine, options, &exclusion);
    auto_close int to_fd = fs_mkdir_in_root(dest_root_fd, dest, 0755,
            options->keep_owner ? 0 : options->uid, options->keep_owner ? 0 : options->gid, err);
    if (to_fd < 0)
        return error_wrap(err, to_fd, "cannot make the directory \"%s\"", dest);
    copy.name = *path ? path : NULL;
    return tree_copy_contents(fd, to_fd, false, &copy, err);
}

int source_write(int dest_root_fd, const char *dest, const void *data, size_t len, uid_t uid,
        gid_t gid, mode_t mode, struct error **err)
{
    auto_free char *name = NULL;
    auto_close int dir_fd = open_destination(
            dest_root_fd, dest, false, path_last(dest), uid, gid, &name, err);

    if (dir_fd < 0)
        return dir_fd;
    if (unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
        return error_set(err, errno, NULL, "cannot replace \"%s\"", dest);
    auto_close int fd = openat(
            dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot create \"%s\"", dest);
    int r = fd_write_all(fd, data, len);
    if (r < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
        return error_set(err, r < 0 ? r : errno, NULL, "cannot write \"%s\"", dest);
    return 0;
}
