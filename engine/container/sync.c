/* container_sync: single files of the host into a container, for `watch`. As in copy.c, a place in the container is a
 * directory's descriptor, found within the container's root, and a plain name in it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/path.h"
#include "engine/container/container-internal.h"
#include "engine/container/files.h"
#include "engine/container/owners-internal.h"
#include "engine/container/root-internal.h"
#include "engine/rootfs/copy.h"
#include "engine/runtime/user.h"

#define PARENT_MODE 0755

struct sync {
    struct engine *engine;
    struct arena arena;
    struct container *c;
    struct container_root root;
    struct container_owners owners;
    int lock;
    uid_t uid; /* TREE_COPY_KEEP_OWNER: as on the host */
    gid_t gid;
};
#define SYNC_INIT                                                                 \
    {                                                                             \
        .root = CONTAINER_ROOT_INIT, .lock = -EBADF, .uid = TREE_COPY_KEEP_OWNER, \
        .gid = (gid_t)TREE_COPY_KEEP_OWNER                                        \
    }

static void sync_release(struct sync *s)
{
    container_owners_release(&s->owners);
    container_root_release(&s->root);
    s->lock = fd_close(s->lock);
    arena_release(&s->arena);
}

static int find_owner(struct sync *s, struct error **err)
{
    const char *user = s->c->config.user;
    struct user_identity *who = ARENA_NEW(&s->arena, struct user_identity);
    size_t index;

    if (!user || !*user)
        return 0;
    if (user_resolve(s->root.fd, user, NULL, who, &index) != USER_OK)
        return error_set_plain(
                err, ENOENT, NULL, "container %s has no user \"%s\"", s->c->name, user);
    s->uid = who->uid;
    s->gid = who->gid;
    return 0;
}

/* Directories that are made on the way belong to whom the files do; to root where that is the host's say. */
static int make_directory(struct sync *s, const char *path, mode_t mode, uid_t uid, gid_t gid)
{
    const struct owner_map *owners = container_owners_in(&s->owners);
    auto_error struct error *failure = NULL;

    uid = owner_map_id(owners, uid, false);
    gid = owner_map_id(owners, gid, true);
    if (uid == OWNER_UNMAPPED || gid == OWNER_UNMAPPED)
        return -EOVERFLOW;
    return fs_mkdir_in_root(s->root.fd, path, mode, uid, gid, &failure);
}

static int copy_entry(struct sync *s, int from_fd, const char *target, struct error **err)
{
    struct tree_copy how = TREE_COPY_INIT;
    bool keep = s->uid == TREE_COPY_KEEP_OWNER;
    auto_close int dir_fd = make_directory(
            s, path_parent(&s->arena, target), PARENT_MODE, keep ? 0 : s->uid, keep ? 0 : s->gid);
    struct stat there;

    if (dir_fd < 0)
        return error_set(err, dir_fd, NULL, "cannot make the directory of %s in container %s",
                target, s->c->name);
    if (fstatat(dir_fd, path_last(target), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISDIR(there.st_mode))
        return error_set_plain(err, EISDIR, NULL,
                "cannot copy a file to %s in container %s: it is a directory", target, s->c->name);
    how.uid = s->uid;
    how.gid = s->gid;
    how.owners = container_owners_in(&s->owners);
    how.cancel = s->engine->options.cancel;
    return tree_copy_entry(from_fd, dir_fd, path_last(target), &how, err);
}

static int remove_entry(struct sync *s, const char *target, struct error **err)
{
    auto_close int dir_fd = fs_try_open_in_root(
            s->root.fd, path_parent(&s->arena, target), O_RDONLY | O_DIRECTORY, 0);

    if (dir_fd == -ENOENT || dir_fd == -ENOTDIR)
        return 0;
    if (dir_fd < 0)
        return error_set(err, dir_fd, NULL, "cannot open the directory of %s in container %s",
                target, s->c->name);
    return fs_remove_tree(dir_fd, path_last(target), err);
}

static int sync_item(struct sync *s, const struct container_sync_item *item, struct error **err)
{
    const char *target = path_join(&s->arena, "/", item->target);
    auto_close int from_fd = open(item->source, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (from_fd < 0 && errno != ENOENT && errno != ENOTDIR)
        return error_set(err, errno, NULL, "cannot open \"%s\"", item->source);
    bool exists = from_fd >= 0;
    if (exists && fstat(from_fd, &st) < 0)
        return error_set(err, errno, NULL, "cannot look at \"%s\"", item->source);
    if (strcmp(target, "/") == 0) /* the watched directory itself: its entries come by themselves */
        return 0;
    if (!exists)
        return remove_entry(s, target, err);
    if (!S_ISDIR(st.st_mode))
        return copy_entry(s, from_fd, target, err);
    bool keep = s->uid == TREE_COPY_KEEP_OWNER;
    auto_close int made = make_directory(
            s, target, st.st_mode & 07777, keep ? st.st_uid : s->uid, keep ? st.st_gid : s->gid);
    return made < 0 ? error_set(
                              err, made, NULL, "cannot make %s in container %s", target, s->c->name)
                    : 0;
}

int container_sync(struct engine *engine, const char *reference,
        const struct container_sync_item *items, size_t count, struct error **err)
{
    auto_(sync_release) struct sync s = SYNC_INIT;
    int r;

    s.engine = engine;
    r = container_begin(engine, &s.arena, reference, &s.c, &s.lock, err);
    if (r >= 0)
        r = container_root_open(engine, s.c, &s.root, err);
    if (r >= 0)
        r = find_owner(&s, err);
    if (r >= 0)
        r = container_owners_find(&s.arena, s.c, &s.root, &s.owners, err);
    if (r >= 0)
        r = container_owners_act(&s.owners, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < count && !engine_is_cancelled(engine); i++) {
        auto_error struct error *failure = NULL;
        int one = sync_item(&s, &items[i], &failure);

        if (one < 0 && r >= 0)
            r = error_move(err, TAKE(failure));
    }
    return r < 0 ? r : 0;
}
