#include "engine/container/root-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/container/oci-spec.h"
#include "engine/image/image.h"
#include "engine/rootfs/mount.h"
#include "engine/rootfs/view.h"

#define PROC_PATH_MAX 32

/* As Docker's init layer has them. */
static const char *const own_mount_points[] = { ".dockerenv", "dev", "dev/console", "dev/mqueue",
    "dev/pts", "dev/shm", "etc/hostname", "etc/hosts", "etc/mtab", "etc/resolv.conf", "proc",
    "sys" };

bool container_is_own_mount_point(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(own_mount_points); i++)
        if (strcmp(own_mount_points[i], path) == 0)
            return true;
    return false;
}

void container_root_release(struct container_root *root)
{
    root->fd = fd_close(root->fd);
    root->namespace_fd = fd_close(root->namespace_fd);
}

static const char *container_path(
        struct engine *engine, struct arena *arena, const struct container *c, const char *name)
{
    return arena_printf(arena, "%s/containers/%s/%s", engine->options.root_dir, c->id, name);
}

/* ---- What is below a container's own layer ---- */

int container_base_dirs(struct engine *engine, struct arena *arena, const char *image_id,
        const struct container_config *config, struct strings *ret, struct error **err)
{
    struct stat st;

    if (!config->rootfs && !*image_id) /* a pod's own container: there is nothing */
        return 0;
    if (!config->rootfs)
        return image_layer_dirs(engine, image_id, arena, ret, err);
    if (stat(config->rootfs, &st) < 0)
        return error_set(
                err, errno, NULL, "cannot use \"%s\" as the root file system", config->rootfs);
    if (!S_ISDIR(st.st_mode))
        return error_set(
                err, ENOTDIR, NULL, "cannot use \"%s\" as the root file system", config->rootfs);
    *ARRAY_APPEND_ARENA(arena, ret) = arena_strdup(arena, config->rootfs);
    return 0;
}

int container_base_open(struct engine *engine, const char *image_id,
        const struct container_config *config, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings dirs = { 0 };
    int r = container_base_dirs(engine, &arena, image_id, config, &dirs, err);

    if (r < 0)
        return r;
    struct rootfs_view view = { .lower = (const char *const *)dirs.items, .lower_count = dirs.len };
    return rootfs_view_open(&view, err);
}

/* The container's own layer in a view; a directory that is the root itself has none over it. */
static void add_own_layer(struct engine *engine, struct arena *arena, const struct container *c,
        struct rootfs_view *view)
{
    if (c->config.rootfs && !c->config.rootfs_overlay)
        return;
    view->upper = container_path(engine, arena, c, "upper");
    view->work = container_path(engine, arena, c, "work");
}

/* ---- One that runs ---- */

/* The number may be another process's by now; the descriptor of its directory never becomes one: the
 * monitor, which reaps the process, is asked again once it is open. */
static int open_running(struct engine *engine, const struct container *c, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    char path[PROC_PATH_MAX];
    struct container *now = NULL;

    snprintf(path, sizeof(path), "/proc/%d", c->state.pid);
    auto_close int proc_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = container_load(engine, &arena, c->id, &now, err);
    if (r < 0)
        return r;
    if (proc_fd < 0 || !now || now->state.pid != c->state.pid ||
            now->state.started_nsec != c->state.started_nsec)
        return -ESRCH;
    int fd = openat(proc_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && (errno == ENOENT || errno == ESRCH))
        return -ESRCH;
    return fd < 0 ? error_set(err, errno, NULL, "cannot open the root of container %s", c->name)
                  : fd;
}

/* ---- One that does not ---- */

struct rootfs_mounts {
    struct rootfs_mount *items;
    size_t len, cap;
};

static int compare_depth(const void *a, const void *b)
{
    const struct rootfs_mount *x = a, *y = b;
    size_t depth_x = 0, depth_y = 0;

    for (const char *p = x->target; *p; p++)
        depth_x += *p == '/';
    for (const char *p = y->target; *p; p++)
        depth_y += *p == '/';
    return depth_x != depth_y ? (depth_x < depth_y ? -1 : 1) : strcmp(x->target, y->target);
}

static int collect_mounts(struct engine *engine, struct arena *arena, const struct container *c,
        struct rootfs_mounts *ret, struct error **err)
{
    static const char *const names[] = { "resolv.conf", "hostname", "hosts" };
    const struct container_mounts *mounts = &c->config.mounts;
    struct oci_mount_source *sources = NULL;
    int r = oci_mounts_resolve(engine, arena, c, NULL, &sources, err);

    for (size_t i = 0; r >= 0 && i < mounts->len; i++) {
        if (!sources[i].source) /* in memory: there is nothing of it now */
            continue;
        *ARRAY_APPEND_ARENA(arena, ret) = (struct rootfs_mount){
            .target = mounts->items[i].target,
            .source = sources[i].source,
            .subdir = sources[i].subdir,
            .type = sources[i].type,
            .options = sources[i].options,
            .read_only = mounts->items[i].read_only || mounts->items[i].overlay ||
                         mounts->items[i].type == CONTAINER_MOUNT_IMAGE,
        };
    }
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(names); i++) {
        const char *source = container_path(engine, arena, c, names[i]);

        if (access(source, F_OK) == 0)
            *ARRAY_APPEND_ARENA(arena, ret) = (struct rootfs_mount){
                .target = arena_printf(arena, "/etc/%s", names[i]), .source = source
            };
    }
    if (r >= 0 && ret->len)
        qsort(ret->items, ret->len, sizeof(*ret->items), compare_depth);
    return r;
}

static int open_stopped(struct engine *engine, const struct container *c,
        struct container_root *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct rootfs_mounts mounts = { 0 };
    struct strings dirs = { 0 };
    int r = container_base_dirs(engine, &arena, c->image_id, &c->config, &dirs, err);

    if (r >= 0)
        r = collect_mounts(engine, &arena, c, &mounts, err);
    if (r < 0)
        return r;
    struct rootfs_view view = {
        .lower = (const char *const *)dirs.items,
        .lower_count = dirs.len,
    };
    add_own_layer(engine, &arena, c, &view);
    ret->fd = rootfs_view_open_mounted(&view, mounts.items, mounts.len, &ret->namespace_fd, err);
    return ret->fd < 0 ? error_wrap(err, ret->fd, "cannot open the files of container %s", c->name)
                       : 0;
}

int container_root_open(struct engine *engine, const struct container *c,
        struct container_root *ret, struct error **err)
{
    *ret = (struct container_root)CONTAINER_ROOT_INIT;
    if (c->state.pid > 0) {
        int fd = open_running(engine, c, err);

        if (fd != -ESRCH) {
            ret->fd = fd;
            ret->is_running = true;
            return fd < 0 ? fd : 0;
        }
        /* It has ended meanwhile; its teardown unmounts the layers that we are about to merge. */
        int r = container_settle(engine, c->id, err);
        if (r < 0)
            return r;
    }
    return open_stopped(engine, c, ret, err);
}

/* ---- Layers ---- */

int container_layers_open(struct engine *engine, const struct container *c, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings dirs = { 0 };
    int r = container_base_dirs(engine, &arena, c->image_id, &c->config, &dirs, err);

    if (r < 0)
        return r;
    /* As one more layer below nothing: it may be mounted with its work directory elsewhere. */
    *ARRAY_APPEND_ARENA(&arena, &dirs) = (char *)(uintptr_t)container_path(
            engine, &arena, c, "upper");
    struct rootfs_view view = { .lower = (const char *const *)dirs.items, .lower_count = dirs.len };
    r = rootfs_view_open(&view, err);
    return r < 0 ? error_wrap(err, r, "cannot open the files of container %s", c->name) : r;
}

int container_upper_open(
        struct engine *engine, const struct container *c, int *ret_image_fd, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int image_fd = -EBADF;
    struct strings dirs = { 0 };
    int r = 0;

    if (c->config.rootfs && !c->config.rootfs_overlay)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "container %s has no layer of its own: it runs in \"%s\"", c->name,
                c->config.rootfs);
    r = container_base_dirs(engine, &arena, c->image_id, &c->config, &dirs, err);
    if (r >= 0 && dirs.len > 0) {
        struct rootfs_view view = { .lower = (const char *const *)dirs.items,
            .lower_count = dirs.len };

        r = image_fd = rootfs_view_open(&view, err);
    }
    if (r < 0)
        return r;
    const char *path = container_path(engine, &arena, c, "upper");
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", path);
    *ret_image_fd = TAKE_FD(image_fd);
    return fd;
}
