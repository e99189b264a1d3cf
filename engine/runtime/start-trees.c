/* Mounts that are taken with the rights of the host, before the container's process enters its
 * user namespace: the root and the sources of binds, as trees that are attached nowhere yet. Inside
 * it could neither reach the directories (the engine's are root's alone) nor map their ids. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/runtime/container.h"
#include "engine/runtime/mount-tree.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"

static _Noreturn void fail_root(struct start *start, int r)
{
    errno = r < 0 ? -r : errno;
    start_fail(start->process.sync_fd, STAGE_ROOTFS, 0);
}

/* A directory on disk appears at `path` with the ids of the container's user namespace: what is
 * root's on disk is its root's. */
static void attach_mapped(struct start *start, const char *from, const char *path)
{
    auto_close int tree = mount_tree_take(from, false);

    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        fail_root(start, -errno);
    int r = tree < 0 ? tree : mount_tree_map_ids(tree, start->namespace_fds[NAMESPACE_USER], false);
    if (r >= 0)
        r = mount_tree_attach(tree, AT_FDCWD, path);
    if (r < 0)
        fail_root(start, r);
}

/* Splits "…/parent/name"; false without a parent. */
static bool split_path(const char *path, char *parent, size_t size, const char **name)
{
    const char *slash = strrchr(path, '/');

    if (!slash || slash == path || (size_t)(slash - path) >= size)
        return false;
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = 0;
    *name = slash + 1;
    return true;
}

/* An overlay does what it does below with the credentials of whoever mounted it. Files can only be
 * made there by ids that the mapping has: the container's root's, with all our capabilities. */
static void become_owner(struct start *start, bool on)
{
    uint32_t uid = id_mappings_to_host(&start->uid_mappings, 0);
    uint32_t gid = id_mappings_to_host(&start->gid_mappings, 0);
    uint64_t all = capability_own_bounding_set();

    if (uid == ID_UNMAPPED || gid == ID_UNMAPPED)
        return;
    (void)setfsgid(on ? gid : 0);
    (void)setfsuid(on ? uid : 0);
    int r = capability_set(all, all, 0);
    if (r < 0)
        fail_root(start, r);
}

/* Layers and the writable directory in a mount namespace of our own, with mapped ids each, below a
 * small tmpfs; the overlay on top of them keeps what it needs when all of it goes away. The process
 * is a copy with one thread, so it may allocate; its memory goes with it. */
static int take_overlay(struct start *start)
{
    const struct container_rootfs *rootfs = &start->options->rootfs;
    const char *top = rootfs->mount_point;
    struct container_rootfs mapped = *rootfs;
    char parent[PATH_MAX], other[PATH_MAX];
    const char *upper_name = NULL, *work_name = NULL;
    char **lower = mem_alloc((rootfs->lower_count + 1) * sizeof(*lower));

    errno = EINVAL; /* one mount has to hold both */
    if (!split_path(rootfs->upper_dir, parent, sizeof(parent), &upper_name) ||
            !split_path(rootfs->work_dir, other, sizeof(other), &work_name) ||
            strcmp(parent, other) != 0)
        fail_root(start, 0);
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL) < 0 ||
            mount("tmpfs", top, "tmpfs", 0, "mode=700") < 0)
        fail_root(start, -errno);
    for (size_t i = 0; i < rootfs->lower_count; i++) {
        lower[i] = mem_printf("%s/%zu", top, i);
        attach_mapped(start, rootfs->lower_dirs[i], lower[i]);
    }
    mapped.lower_dirs = lower;
    mapped.upper_dir = mem_printf("%s/w/%s", top, upper_name);
    mapped.work_dir = mem_printf("%s/w/%s", top, work_name);
    mapped.mount_point = mem_printf("%s/root", top);
    attach_mapped(start, parent, mem_printf("%s/w", top));
    if (mkdir(mapped.mount_point, 0755) < 0)
        fail_root(start, -errno);
    become_owner(start, true);
    start_mount_root(start, &mapped);
    become_owner(start, false);
    int fd = mount_tree_take(mapped.mount_point, false);
    if (fd < 0)
        fail_root(start, fd);
    return fd;
}

void start_take_trees(struct start *start)
{
    const struct container_rootfs *rootfs = &start->options->rootfs;

    start_take_binds(start, true);
    start->root_tree_fd = rootfs->lower_count > 0 ? take_overlay(start)
                                                  : mount_tree_take(rootfs->directory, true);
    if (start->root_tree_fd < 0)
        fail_root(start, start->root_tree_fd);
    if (chdir("/") < 0)
        fail_root(start, -errno);
}
