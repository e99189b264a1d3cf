/* container_copy_in and the like: both ends of a copy as a directory's descriptor and the name of an entry in it
 * that is no link to follow. Within the container every link is resolved in its root, by descriptor; what it
 * changes meanwhile can only mislead the copy to another place of its own. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/archive/decompress.h"
#include "engine/archive/tar-write.h"
#include "engine/archive/unpack.h"
#include "engine/container/container-internal.h"
#include "engine/container/files.h"
#include "engine/container/owners-internal.h"
#include "engine/container/root-internal.h"
#include "engine/rootfs/copy.h"

#define LINKS_FOLLOWED_MAX 40
#define TAR_END_BYTES 1024u

/* An entry: `name` in dir_fd ("." for the directory itself). */
struct place {
    int root_fd; /* borrowed; where paths begin: the container's root, or "/" */
    int dir_fd;
    const char *name;  /* in the arena */
    const char *asked; /* as the user gave it, absolute */
    const char *base;  /* what a copy of it is called */
    bool exists;
    struct stat st;
    bool contents;          /* "x/." or ".": what is in it and not itself */
    bool must_be_directory; /* "x/" */
};
#define PLACE_INIT                          \
    {                                       \
        .root_fd = -EBADF, .dir_fd = -EBADF \
    }

static void place_release(struct place *place)
{
    place->dir_fd = fd_close(place->dir_fd);
}

/* ---- Finding ---- */

static int open_parent(struct arena *arena, struct place *place, const char *path)
{
    const char *parent = path_parent(arena, path), *name = path_last(path);

    if (strcmp(path, "/") == 0) {
        parent = "/";
        name = ".";
    }
    place->dir_fd = fd_close(place->dir_fd);
    place->dir_fd = fs_try_open_in_root(place->root_fd, parent, O_RDONLY | O_DIRECTORY, 0);
    place->name = arena_strdup(arena, name);
    return place->dir_fd < 0 ? place->dir_fd : 0;
}

/* The last component may be a link: then the place is where it leads, as often as that is again one. */
static int look_up(struct arena *arena, struct place *place, const char *path, bool follow)
{
    char target[LIMIT_PATH_BYTES + 1];

    for (unsigned links = 0; links < LINKS_FOLLOWED_MAX; links++) {
        int r = open_parent(arena, place, path);

        if (r < 0)
            return r;
        place->exists = fstatat(place->dir_fd, place->name, &place->st, AT_SYMLINK_NOFOLLOW) == 0;
        if (!place->exists && errno != ENOENT)
            return -errno;
        if (!place->exists || !follow || !S_ISLNK(place->st.st_mode))
            return 0;
        ssize_t len = readlinkat(place->dir_fd, place->name, target, sizeof(target) - 1);
        if (len < 0)
            return -errno;
        target[len] = '\0';
        path = path_join(arena, path_parent(arena, path), target);
    }
    return -ELOOP;
}

/* `path` is absolute. */
static int find(struct arena *arena, int root_fd, const char *path, bool follow, struct place *ret)
{
    size_t len = strlen(path);

    ret->root_fd = root_fd;
    ret->asked = path;
    ret->base = path_last(path_clean(arena, path));
    ret->contents = string_has_suffix(path, "/.") || strcmp(path, "/") == 0;
    ret->must_be_directory = ret->contents || (len > 0 && path[len - 1] == '/');
    return look_up(arena, ret, path_clean(arena, path), follow || ret->must_be_directory);
}

static int find_in_container(struct arena *arena, const struct container *c, int root_fd,
        const char *path, bool follow, struct place *ret, struct error **err)
{
    const char *absolute = *path == '/' ? path : arena_printf(arena, "/%s", path);
    int r = find(arena, root_fd, absolute, follow, ret);

    if (r == -ENOENT || r == -ENOTDIR)
        return error_set_plain(
                err, ENOENT, NULL, "Could not find the file %s in container %s", path, c->name);
    return r < 0 ? error_set(err, r, NULL, "cannot find %s in container %s", path, c->name) : 0;
}

static int find_outside(struct arena *arena, int root_fd, const char *path, bool follow,
        struct place *ret, struct error **err)
{
    char cwd[PATH_MAX];

    if (*path != '/') {
        if (!getcwd(cwd, sizeof(cwd)))
            return error_set(err, errno, NULL, "cannot tell the current directory");
        path = strcmp(path, ".") == 0 || strcmp(path, "..") == 0
                       ? arena_printf(arena, "%s/%s/.", cwd, path)
                       : arena_printf(arena, "%s/%s", cwd, path);
    }
    int r = find(arena, root_fd, path, follow, ret);
    return r < 0 ? error_set(err, r, NULL, "cannot find \"%s\"", path) : 0;
}

/* ---- Copying ---- */

static bool is_directory(const struct place *place)
{
    return place->exists && S_ISDIR(place->st.st_mode);
}

/* `container`: where it is; NULL: outside. */
static int check_source(
        const struct place *from, const char *shown, const char *container, struct error **err)
{
    if (!from->exists && container)
        return error_set_plain(
                err, ENOENT, NULL, "Could not find the file %s in container %s", shown, container);
    if (!from->exists)
        return error_set_plain(
                err, ENOENT, NULL, "lstat %s: no such file or directory", from->asked);
    if (from->must_be_directory && !S_ISDIR(from->st.st_mode))
        return error_set_plain(err, ENOTDIR, NULL, "%s: not a directory", shown);
    return 0;
}

static int copy(
        const struct place *from, struct place *to, const struct tree_copy *how, struct error **err)
{
    auto_close int from_fd = openat(from->dir_fd, from->name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    auto_close int to_fd = -EBADF;

    if (from_fd < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", from->asked);
    if (!is_directory(to)) {
        if (to->exists && is_directory(from))
            return error_set_plain(err, ENOTDIR, NULL, "cannot copy directory");
        if (!to->exists && to->must_be_directory && !is_directory(from))
            return error_set_plain(err, ENOENT, NULL, "no such directory");
        if (to->exists && to->must_be_directory)
            return error_set_plain(err, ENOTDIR, NULL, "not a directory");
        return tree_copy_entry(from_fd, to->dir_fd, to->name, how, err);
    }
    to_fd = openat(to->dir_fd, to->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to_fd < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", to->asked);
    if (from->contents)
        return tree_copy_contents(from_fd, to_fd, false, how, err);
    return tree_copy_entry(from_fd, to_fd, from->base, how, err);
}

static struct tree_copy copy_options(struct engine *engine,
        const struct container_copy_options *options, uid_t uid, gid_t gid, uint64_t *bytes)
{
    struct tree_copy how = TREE_COPY_INIT;

    if (!options->keep_owner) {
        how.uid = uid;
        how.gid = gid;
    }
    how.cancel = engine->options.cancel;
    how.tar_bytes = bytes;
    *bytes = TAR_END_BYTES;
    return how;
}

static int open_host_root(struct error **err)
{
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? error_set(err, errno, NULL, "cannot open \"/\"") : fd;
}

/* What all four begin with. */
struct session {
    struct arena arena;
    struct container *c;
    struct container_root root;
    struct container_owners owners;
    int lock, host_fd;
};
#define SESSION_INIT                                                   \
    {                                                                  \
        .root = CONTAINER_ROOT_INIT, .lock = -EBADF, .host_fd = -EBADF \
    }

static void session_release(struct session *s)
{
    container_owners_release(&s->owners);
    container_root_release(&s->root);
    s->host_fd = fd_close(s->host_fd);
    s->lock = fd_close(s->lock);
    arena_release(&s->arena);
}

static int session_begin(
        struct engine *engine, const char *reference, struct session *s, struct error **err)
{
    int r = container_begin(engine, &s->arena, reference, &s->c, &s->lock, err);

    if (r >= 0)
        r = s->host_fd = open_host_root(err);
    if (r >= 0)
        r = container_root_open(engine, s->c, &s->root, err);
    return r < 0 ? r : container_owners_find(&s->arena, s->c, &s->root, &s->owners, err);
}

int container_copy_in(struct engine *engine, const char *reference, const char *source,
        const char *target, const struct container_copy_options *options, uint64_t *ret_bytes,
        struct error **err)
{
    auto_(session_release) struct session s = SESSION_INIT;
    auto_(place_release) struct place from = PLACE_INIT, to = PLACE_INIT;
    uint64_t bytes;
    struct tree_copy how = copy_options(engine, options, 0, 0, &bytes);
    int r = session_begin(engine, reference, &s, err);

    if (r >= 0)
        r = find_outside(&s.arena, s.host_fd, source, options->follow_link, &from, err);
    if (r >= 0)
        r = check_source(&from, source, NULL, err);
    if (r >= 0)
        r = find_in_container(&s.arena, s.c, s.root.fd, target, true, &to, err);
    if (r >= 0)
        r = container_owners_act(&s.owners, err);
    how.owners = container_owners_in(&s.owners);
    if (r >= 0)
        r = copy(&from, &to, &how, err);
    if (r < 0)
        return r;
    container_event(engine, s.c->id, "extract-to-dir", "path", target);
    if (ret_bytes)
        *ret_bytes = bytes;
    return 0;
}

int container_copy_out(struct engine *engine, const char *reference, const char *source,
        const char *target, const struct container_copy_options *options, uint64_t *ret_bytes,
        struct error **err)
{
    auto_(session_release) struct session s = SESSION_INIT;
    auto_(place_release) struct place from = PLACE_INIT, to = PLACE_INIT;
    uint64_t bytes;
    struct tree_copy how = copy_options(engine, options, geteuid(), getegid(), &bytes);
    int r = session_begin(engine, reference, &s, err);

    if (r >= 0)
        r = find_in_container(&s.arena, s.c, s.root.fd, source, options->follow_link, &from, err);
    if (r >= 0)
        r = check_source(&from, source, s.c->name, err);
    if (r >= 0)
        r = find_outside(&s.arena, s.host_fd, target, true, &to, err);
    how.owners = options->keep_owner ? container_owners_out(&s.owners) : NULL;
    if (r >= 0)
        r = copy(&from, &to, &how, err);
    if (r < 0)
        return r;
    container_event(engine, s.c->id, "archive-path", "path", source);
    if (ret_bytes)
        *ret_bytes = bytes;
    return 0;
}

/* ---- Archives ---- */

int container_copy_in_tar(struct engine *engine, const char *reference, int fd, const char *target,
        const struct container_copy_options *options, struct error **err)
{
    auto_(session_release) struct session s = SESSION_INIT;
    auto_(place_release) struct place to = PLACE_INIT;
    auto_(decompress_free_p) struct decompress *decompress = NULL;
    struct unpack_options how = UNPACK_INIT;
    struct unpack_result result = { 0 };
    int r = session_begin(engine, reference, &s, err);

    (void)options; /* an archive's owners are kept: it says them */
    if (r >= 0)
        r = find_in_container(&s.arena, s.c, s.root.fd, target, true, &to, err);
    if (r < 0)
        return r;
    if (!to.exists)
        return error_set_plain(
                err, ENOENT, NULL, "Could not find the file %s in container %s", target, s.c->name);
    if (!is_directory(&to))
        return error_set_plain(
                err, ENOTDIR, NULL, "destination \"%s:%s\" must be a directory", reference, target);
    auto_close int to_fd = openat(
            to.dir_fd, to.name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (to_fd < 0)
        return error_set(err, errno, NULL, "cannot open %s of container %s", target, s.c->name);
    struct byte_source source = byte_source_from_fd(&fd);
    r = decompress_new(&source, &decompress, err);
    if (r < 0)
        return r;
    struct byte_source plain = decompress_source(decompress);
    how.cancel = engine->options.cancel;
    how.owners = container_owners_in(&s.owners);
    container_event(engine, s.c->id, "extract-to-dir", "path", target);
    r = container_owners_act(&s.owners, err);
    return r < 0 ? r : unpack_tar(&plain, to_fd, &how, &result, err);
}

int container_copy_out_tar(struct engine *engine, const char *reference, const char *source, int fd,
        const struct container_copy_options *options, struct error **err)
{
    auto_(session_release) struct session s = SESSION_INIT;
    auto_(place_release) struct place from = PLACE_INIT;
    const struct fd_sink to = { fd, engine->options.cancel };
    struct byte_sink sink = byte_sink_to_fd(&to);
    int r = session_begin(engine, reference, &s, err);

    if (r >= 0)
        r = find_in_container(&s.arena, s.c, s.root.fd, source, options->follow_link, &from, err);
    if (r >= 0)
        r = check_source(&from, source, s.c->name, err);
    if (r < 0)
        return r;
    struct tar_tree_options how = { .as = from.contents ? "" : from.base,
        .owners = container_owners_out(&s.owners) };
    container_event(engine, s.c->id, "archive-path", "path", source);
    return tar_write_tree(&sink, from.dir_fd, from.name, &how, err);
}
