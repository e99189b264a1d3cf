#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/path.h"
#include "base/random.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/container/root-internal.h"
#include "engine/container/secret-store.h"
#include "engine/image/image.h"
#include "engine/rootfs/copy.h"
#include "engine/rootfs/view.h"
#include "engine/state/sweep.h"
#include "engine/volume/volume-internal.h"
#include "engine/volume/volume-mount.h"

/* Where first contents are put together before they appear in the volume all at once. */
#define COPY_TEMPORARY "_copy"

#define FILE_MODE_DEFAULT 0444

/* The image's root, opened when the first volume wants contents of it. */
struct image_root {
    struct engine *engine;
    const char *image_id;
    const struct container_config *config;
    int fd;
};

static void image_root_release(struct image_root *root)
{
    cleanup_close(&root->fd);
}

static int image_root_open(struct image_root *root, struct error **err)
{
    if (root->fd >= 0)
        return 0;
    int r = container_base_open(root->engine, root->image_id, root->config, err);
    if (r < 0)
        return error_wrap(err, r, "cannot look into the image");
    root->fd = r;
    return 0;
}

/* ---- Bind mounts ---- */

static int prepare_bind(const struct container_mount *mount, struct error **err)
{
    struct stat st;

    if (stat(mount->source, &st) == 0)
        return 0;
    if (errno != ENOENT && errno != ENOTDIR)
        return error_set(err, errno, NULL, "cannot use \"%s\" as a mount's source", mount->source);
    if (!mount->create_host_path)
        return error_set_plain(err, EINVAL, NULL,
                "invalid mount config for type \"bind\": bind source path does not exist: %s",
                mount->source);
    auto_close int fd = fs_mkdir_parents(AT_FDCWD, mount->source, 0755, err);
    if (fd < 0)
        return error_wrap(err, fd, "error while creating mount source path '%s'", mount->source);
    return 0;
}

/* ---- Volumes ---- */

static int dir_is_empty(int dir_fd, bool *ret)
{
    auto_close int own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    const struct dirent *entry;

    if (!dir)
        return -errno;
    (void)TAKE_FD(own);
    *ret = true;
    while (*ret && (entry = readdir(dir)))
        *ret = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    return 0;
}

/* The image's directory at `target`: a descriptor, or -ENOENT without an error when there is none. */
static int open_image_dir(struct image_root *root, const char *target, struct error **err)
{
    int r = image_root_open(root, err);

    if (r < 0)
        return r;
    int fd = fs_try_open_in_root(root->fd, target, O_RDONLY | O_DIRECTORY, 0);
    if (fd == -ENOENT || fd == -ENOTDIR || fd == -ELOOP)
        return -ENOENT;
    if (fd < 0)
        return error_set(err, -fd, NULL, "cannot open \"%s\" of the image", target);
    return fd;
}

/* Contents are copied beside the volume and appear by one rename over the empty directory, so that a crash leaves
 * the volume either empty or filled. One that another container has mounted keeps its directory and is
 * filled in place. */
static int copy_contents(const struct image_root *root, int volume_fd, int from_fd, bool in_place,
        struct error **err)
{
    struct tree_copy options = TREE_COPY_INIT;
    int r;

    options.cancel = root->engine->options.cancel;
    if (in_place) {
        auto_close int data = openat(
                volume_fd, VOLUME_DATA_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (data < 0)
            return error_set(err, errno, NULL, "cannot open the volume");
        return tree_copy_contents(from_fd, data, true, &options, err);
    }
    r = fs_remove_tree(volume_fd, COPY_TEMPORARY, err);
    if (r < 0)
        return r;
    if (mkdirat(volume_fd, COPY_TEMPORARY, 0700) < 0)
        return error_set(err, errno, NULL, "cannot make a directory in the volume");
    auto_close int to_fd = openat(volume_fd, COPY_TEMPORARY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (to_fd < 0)
        return error_set(err, errno, NULL, "cannot open a directory in the volume");
    r = tree_copy_contents(from_fd, to_fd, true, &options, err);
    if (r >= 0) {
        fault_point("container.create.copied");
        if (renameat(volume_fd, COPY_TEMPORARY, volume_fd, VOLUME_DATA_DIR) < 0)
            r = error_set(err, errno, NULL, "cannot put the contents into the volume");
    }
    if (r < 0)
        fs_remove_tree(volume_fd, COPY_TEMPORARY, NULL);
    return r;
}

/* 1 when something was copied. */
static int copy_up(struct image_root *root, const struct container_mount *mount, int volume_fd,
        bool in_place, struct error **err)
{
    bool empty = false;
    auto_close int data = openat(volume_fd, VOLUME_DATA_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (data < 0)
        return error_set(err, errno, NULL, "cannot open the volume");
    int r = dir_is_empty(data, &empty);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot read the volume");
    if (!empty)
        return 0;
    auto_close int from_fd = open_image_dir(root, mount->target, err);
    if (from_fd == -ENOENT)
        return 0;
    if (from_fd < 0)
        return from_fd;
    r = copy_contents(root, volume_fd, from_fd, in_place, err);
    return r < 0 ? r : 1;
}

/* Mounted for as long as that takes, by a holder of its lock. What is in memory keeps the contents only for those who
 * use it now. */
static int fill_device(struct image_root *root, const struct container_mount *mount,
        const struct volume *volume, const char *id, struct error **err)
{
    struct engine *engine = root->engine;
    auto_close int from_fd = open_image_dir(root, mount->target, err);

    if (from_fd < 0)
        return from_fd == -ENOENT ? 0 : from_fd;
    int r = volume_use(engine, volume, id, err);
    if (r < 0)
        return error_wrap(err, r, "failed to populate volume");
    auto_close int volume_fd = volume_open_dir(engine, mount->source, err);
    r = volume_fd < 0 ? volume_fd : copy_up(root, mount, volume_fd, true, err);
    int left = volume_leave(engine, mount->source, id, r < 0 ? NULL : err);
    return r < 0 ? r : left;
}

static int prepare_named(struct engine *engine, struct arena *arena, struct image_root *root,
        const struct container_mount *mount, const char *id, struct error **err)
{
    struct volume_create_options options = { .name = mount->source,
        .driver = mount->volume_driver,
        .options = mount->volume_options,
        .labels = mount->volume_labels };
    struct volume volume;
    int r = volume_create(engine, arena, &options, &volume, err);

    if (r < 0 || mount->no_copy || !string_is_empty(mount->subpath) ||
            container_pairs_get(&volume.options, VOLUME_OPTION_NO_COPY))
        return r;
    auto_close int lock = volume_lock(engine, mount->source, err);
    if (lock < 0)
        return lock;
    if (volume_has_device(&volume))
        return fill_device(root, mount, &volume, id, err);
    auto_close int volume_fd = volume_open_dir(engine, mount->source, err);
    if (volume_fd < 0)
        return volume_fd;
    r = copy_up(root, mount, volume_fd, volume.users > 0, err);
    if (r > 0) /* contents came with their directory's owner */
        r = volume_apply_owner(&volume, volume_fd, err);
    if (r < 0)
        return error_wrap(err, r, "cannot copy the image's \"%s\" to volume \"%s\"", mount->target,
                mount->source);
    return 0;
}

static int prepare_anonymous(struct engine *engine, struct arena *arena, struct image_root *root,
        struct container_mount *mount, struct sweep *sweep, struct error **err)
{
    char id[RANDOM_ID_HEX + 1];
    int r;

    random_id(id);
    mount->source = arena_strdup(arena, id);
    r = sweep_add(sweep, SWEEP_VOLUME, id, err);
    if (r < 0)
        return r;
    auto_close int volume_fd = volume_open_dir(engine, id, err);
    if (volume_fd < 0)
        return volume_fd;
    if (mount->no_copy)
        return 0;
    r = copy_up(root, mount, volume_fd, false, err);
    if (r < 0)
        return error_wrap(err, r, "cannot copy the image's \"%s\" to its volume", mount->target);
    return 0;
}

/* ---- Files with content ---- */

static int write_content(int dir_fd, const char *name, const struct container_file *file,
        struct str content, struct error **err)
{
    mode_t mode = file->mode >= 0 ? (mode_t)file->mode & 07777 : FILE_MODE_DEFAULT;
    auto_close int fd = openat(
            dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r = fd < 0 ? -errno : fd_write_all(fd, content.data, content.len);

    if (r >= 0 && (fchown(fd, file->uid, file->gid) < 0 || fchmod(fd, mode) < 0))
        r = -errno;
    if (r < 0)
        return error_set(err, -r, NULL, "cannot write the %s for \"%s\"",
                file->is_secret ? "secret" : "config", file->target);
    return 0;
}

static int write_file(struct engine *engine, int dir_fd, const char *name,
        const struct container_file *file, struct error **err)
{
    auto_(secret_release) struct secret data = SECRET_INIT;

    if (!file->secret)
        return write_content(
                dir_fd, name, file, (struct str){ file->content, file->content_len }, err);
    int r = secret_read(engine, file->secret, &data, err);
    return r < 0 ? r : write_content(dir_fd, name, file, (struct str){ data.data, data.len }, err);
}

/* File number i of the configuration lies in ROOT/containers/ID/files/i. */
static int prepare_files(struct engine *engine, const char *id,
        const struct container_config *config, struct error **err)
{
    auto_close int dir_fd = -EBADF, files_fd = -EBADF;

    for (size_t i = 0; i < config->files.len; i++) {
        const struct container_file *file = &config->files.items[i];
        char name[24];

        if (file->source_path) {
            struct stat st;

            if (stat(file->source_path, &st) < 0)
                return error_set_plain(err, ENOENT, NULL,
                        "invalid mount config for type \"bind\": bind source path does not exist: %s",
                        file->source_path);
            continue;
        }
        if (files_fd < 0) {
            dir_fd = container_open_dir(engine, id, err);
            if (dir_fd < 0)
                return dir_fd;
            files_fd = fs_mkdir_parents(dir_fd, "files", 0700, err);
            if (files_fd < 0)
                return files_fd;
        }
        snprintf(name, sizeof(name), "%zu", i);
        int r = write_file(engine, files_fd, name, file, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int container_prepare_mounts(struct engine *engine, struct arena *arena, const char *id,
        const char *image_id, struct container_config *config, struct sweep *sweep,
        struct error **err)
{
    auto_(image_root_release) struct image_root root = {
        .engine = engine, .image_id = image_id, .config = config, .fd = -EBADF
    };
    int r = 0;

    for (size_t i = 0; r >= 0 && i < config->mounts.len; i++) {
        struct container_mount *mount = &config->mounts.items[i];

        if (mount->type == CONTAINER_MOUNT_BIND)
            r = prepare_bind(mount, err);
        else if (mount->type == CONTAINER_MOUNT_VOLUME && string_is_empty(mount->source))
            r = prepare_anonymous(engine, arena, &root, mount, sweep, err);
        else if (mount->type == CONTAINER_MOUNT_VOLUME)
            r = prepare_named(engine, arena, &root, mount, id, err);
        if (r >= 0 && mount->type == CONTAINER_MOUNT_VOLUME)
            fault_point("container.create.volume");
    }
    return r < 0 ? r : prepare_files(engine, id, config, err);
}
