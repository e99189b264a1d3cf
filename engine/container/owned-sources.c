#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/container/oci-spec.h"
#include "engine/container/root-internal.h"
#include "engine/container/user-namespace.h"
#include "engine/rootfs/chown.h"
#include "engine/runtime/user.h"

/* A slip of the pen must not give the machine away. */
static const char *const system_dirs[] = { "/", "/bin", "/boot", "/dev", "/etc", "/etc/passwd",
    "/etc/pki", "/etc/shadow", "/home", "/lib", "/lib64", "/media", "/opt", "/proc", "/root",
    "/run", "/sbin", "/srv", "/sys", "/tmp", "/usr", "/var", "/var/lib", "/var/log" };

/* By the name that the descriptor has, wherever links have led. */
static int check_source(int fd, const char *source, struct error **err)
{
    char link[FS_FD_PATH_MAX], path[PATH_MAX];
    ssize_t len = readlink(fs_fd_path(fd, link), path, sizeof(path) - 1);

    if (len < 0)
        return error_set(err, errno, NULL, "cannot tell what \"%s\" is", source);
    path[len] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(system_dirs); i++)
        if (strcmp(path, system_dirs[i]) == 0)
            return error_set_plain(
                    err, EPERM, NULL, "chowning host path \"%s\" is not allowed", source);
    return 0;
}

static bool wants_any(const struct container_config *config)
{
    for (size_t i = 0; i < config->mounts.len; i++)
        if (config->mounts.items[i].chown)
            return true;
    return false;
}

static int find_user(struct engine *engine, const struct container *c, struct user_identity *ret,
        struct error **err)
{
    auto_close int root_fd = container_layers_open(engine, c, err);
    size_t index = 0;

    if (root_fd < 0)
        return root_fd;
    if (user_resolve(root_fd, c->config.user, NULL, ret, &index) != USER_OK)
        return error_set_plain(err, ENOENT, NULL, "unable to find user %s", c->config.user);
    return 0;
}

static int own_source(
        const struct oci_mount_source *source, uid_t uid, gid_t gid, struct error **err)
{
    const char *path = source->top_dir ? source->top_dir : source->source;

    if (source->type && !source->top_dir)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "the owner of \"%s\" is not supported to be changed: it is a device",
                source->source);
    auto_close int top_fd = open(path, O_PATH | O_CLOEXEC);
    if (top_fd < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", path);
    /* Of a volume only what the container is given. */
    auto_close int fd = source->subdir ? fs_open_in_root(top_fd, source->subdir, O_PATH, 0, err)
                                       : TAKE_FD(top_fd);
    if (fd < 0)
        return fd;
    int r = check_source(fd, path, err);
    if (r < 0)
        return r;
    r = tree_chown(fd, uid, gid);
    return r < 0 ? error_set(err, -r, NULL, "cannot change the owner of \"%s\"", path) : 0;
}

int container_own_sources(struct engine *engine, struct arena *arena, const struct container *c,
        struct oci_mount_source *sources, struct error **err)
{
    struct id_mappings uids, gids;
    struct user_identity user;
    int r = 0;

    if (!wants_any(&c->config))
        return 0;
    r = find_user(engine, c, &user, err);
    if (r >= 0)
        r = container_id_mappings(arena, &c->config, &uids, &gids, err);
    for (size_t i = 0; r >= 0 && i < c->config.mounts.len; i++) {
        const struct container_mount *m = &c->config.mounts.items[i];
        bool is_bind = m->type == CONTAINER_MOUNT_BIND;
        uid_t uid = user.uid;
        gid_t gid = user.gid;

        if (!m->chown)
            continue;
        if (!is_bind && m->type != CONTAINER_MOUNT_VOLUME) {
            sources[i].options = arena_printf(arena, "uid=%u,gid=%u", uid, gid);
            continue;
        }
        /* Volumes have the container's own ids on disk. */
        if (is_bind && uids.count > 0) {
            uid = id_mappings_to_host(&uids, uid);
            gid = id_mappings_to_host(&gids, gid);
        }
        r = own_source(&sources[i], uid, gid, err);
    }
    return r;
}
