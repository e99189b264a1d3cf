#include "engine/volume/volume-mount.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/str.h"
#include "engine/engine-internal.h"
#include "engine/rootfs/device.h"
#include "engine/state/db.h"
#include "engine/volume/volume-device.h"
#include "engine/volume/volume-internal.h"

#define USES_DIR "volumes" /* in RUN */
#define USES_PATH_MAX (sizeof(USES_DIR "/") + LIMIT_NAME_BYTES)
#define DATA_PATH_MAX (FS_FD_PATH_MAX + sizeof("/" VOLUME_DATA_DIR))

bool volume_has_device(const struct volume *volume)
{
    return container_pairs_get(&volume->options, "device") ||
           container_pairs_get(&volume->options, "type");
}

bool volume_is_in_memory(const struct volume *volume)
{
    return string_is_equal(container_pairs_get(&volume->options, "type"), "tmpfs");
}

/* ---- Uses ---- */

/* -ENOENT without an error when there is none and none is to be made. */
static int open_uses(struct engine *engine, const char *name, bool make, struct error **err)
{
    char path[USES_PATH_MAX];

    snprintf(path, sizeof(path), USES_DIR "/%s", name);
    if (make && ((mkdirat(engine->run_fd, USES_DIR, 0700) < 0 && errno != EEXIST) ||
                        (mkdirat(engine->run_fd, path, 0700) < 0 && errno != EEXIST)))
        return error_set(err, errno, NULL, "cannot make \"%s/%s\"", engine->options.run_dir, path);
    int fd = openat(engine->run_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT && !make)
        return -ENOENT;
    return fd < 0 ? error_set(err, errno, NULL, "cannot open \"%s/%s\"", engine->options.run_dir,
                            path)
                  : fd;
}

/* The names in a directory, in the arena. */
static int list_names(int dir_fd, struct arena *arena, struct strings *ret)
{
    auto_close int own = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = own >= 0 ? fdopendir(own) : NULL;
    const struct dirent *entry;

    if (!dir)
        return -errno;
    (void)TAKE_FD(own);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            *ARRAY_APPEND_ARENA(arena, ret) = arena_strdup(arena, entry->d_name);
    return 0;
}

static int has_others(int uses_fd, const char *user, bool *ret)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings names = { 0 };
    int r = list_names(uses_fd, &arena, &names);

    *ret = false;
    for (size_t i = 0; r >= 0 && i < names.len; i++)
        *ret = *ret || strcmp(names.items[i], user) != 0;
    return r;
}

static void remove_uses_dir(struct engine *engine, const char *name)
{
    char path[USES_PATH_MAX];

    snprintf(path, sizeof(path), USES_DIR "/%s", name);
    (void)unlinkat(engine->run_fd, path, AT_REMOVEDIR); /* unless there are uses */
}

/* ---- The mount ---- */

static bool is_mounted(int volume_fd)
{
    auto_close int data = openat(volume_fd, VOLUME_DATA_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
    uint64_t own, above;

    return data >= 0 && fs_mount_id(data, &own) >= 0 && fs_mount_id(volume_fd, &above) >= 0 &&
           own != above;
}

static const char *data_path(int volume_fd, char path[static DATA_PATH_MAX])
{
    char fd_path[FS_FD_PATH_MAX];

    snprintf(path, DATA_PATH_MAX, "%s/" VOLUME_DATA_DIR, fs_fd_path(volume_fd, fd_path));
    return path;
}

/* Never looks at what is mounted: its server may not answer any more. */
static int unmount(int volume_fd, const char *name, struct error **err)
{
    char path[DATA_PATH_MAX];

    data_path(volume_fd, path);
    /* lint: allow raw-namespace: unmounts by descriptor; threads do not matter */
    while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        continue;
    return errno == EINVAL || errno == ENOENT
                   ? 0
                   : error_set(err, errno, NULL, "cannot unmount volume \"%s\"", name);
}

static int mount_volume(const struct volume *volume, int volume_fd, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct mount_device device;
    char path[DATA_PATH_MAX];
    int r = volume_device_source(
            &arena, volume->name, &volume->options, volume_resolve_host, &device, err);

    if (r < 0)
        return r;
    r = mount_device_attach(&device, data_path(volume_fd, path), err);
    if (r < 0) {
        (void)unmount(volume_fd, volume->name, NULL); /* a bind whose flags could not be set */
        return error_wrap(err, r, "error while mounting volume '%s': failed to mount local volume",
                volume->mountpoint);
    }
    return 0;
}

static int open_volume(struct engine *engine, const char *name, struct error **err)
{
    char path[sizeof("volumes/") + LIMIT_NAME_BYTES];

    snprintf(path, sizeof(path), "volumes/%s", name);
    int fd = openat(engine->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && errno == ENOENT)
        return -ENOENT;
    return fd < 0 ? error_set(err, errno, NULL, "cannot open the directory of volume \"%s\"", name)
                  : fd;
}

bool volume_is_mounted(struct engine *engine, const char *name)
{
    auto_close int volume_fd = open_volume(engine, name, NULL);

    return volume_fd >= 0 && is_mounted(volume_fd);
}

int volume_unmount(struct engine *engine, const char *name, struct error **err)
{
    auto_close int volume_fd = open_volume(engine, name, err);

    if (volume_fd < 0)
        return volume_fd == -ENOENT ? 0 : volume_fd;
    return unmount(volume_fd, name, err);
}

/* ---- Using and leaving ---- */

static int note_use(int uses_fd, const char *user, struct error **err)
{
    auto_close int fd = openat(
            uses_fd, user, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);

    return fd < 0 ? error_set(err, errno, NULL, "cannot note the use of a volume") : 0;
}

int volume_use(
        struct engine *engine, const struct volume *volume, const char *user, struct error **err)
{
    auto_close int volume_fd = volume_open_dir(engine, volume->name, err);
    auto_close int uses_fd = volume_fd < 0 ? -EBADF : open_uses(engine, volume->name, true, err);
    bool others = false;

    if (volume_fd < 0 || uses_fd < 0)
        return volume_fd < 0 ? volume_fd : uses_fd;
    int r = note_use(uses_fd, user, err);
    if (r < 0)
        return r;
    fault_point("volume.use.noted");
    r = has_others(uses_fd, user, &others);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot read the uses of volume \"%s\"", volume->name);
    if (others && is_mounted(volume_fd))
        return 0;
    r = unmount(volume_fd, volume->name, err); /* what was left by one that died */
    if (r >= 0)
        r = mount_volume(volume, volume_fd, err);
    if (r < 0)
        (void)volume_leave(engine, volume->name, user, NULL);
    fault_point("volume.use.mounted");
    return r;
}

int volume_leave(struct engine *engine, const char *name, const char *user, struct error **err)
{
    auto_close int uses_fd = open_uses(engine, name, false, err);
    bool others = false;

    if (uses_fd < 0)
        return uses_fd == -ENOENT ? 0 : uses_fd;
    int r = has_others(uses_fd, user, &others);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot read the uses of volume \"%s\"", name);
    if (!others)
        r = volume_unmount(engine, name, err);
    if (r < 0)
        return r;
    fault_point("volume.leave.unmounted");
    if (unlinkat(uses_fd, user, 0) < 0 && errno != ENOENT)
        return error_set(err, errno, NULL, "cannot end the use of volume \"%s\"", name);
    remove_uses_dir(engine, name);
    return 0;
}

/* ---- All of a container's ---- */

/* Calls `each` under the lock of each volume that `user` uses. The first failure; goes on after it. */
static int for_each_use(struct engine *engine, const char *user,
        int (*each)(struct engine *, const char *name, const char *user, struct error **),
        struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings names = { 0 };
    auto_close int dir_fd = openat(engine->run_fd, USES_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int first = dir_fd < 0 ? -errno : list_names(dir_fd, &arena, &names);

    if (first == -ENOENT)
        return 0;
    if (first < 0)
        return error_set(
                err, -first, NULL, "cannot read \"%s/" USES_DIR "\"", engine->options.run_dir);
    for (size_t i = 0; i < names.len; i++) {
        auto_close int uses_fd = open_uses(engine, names.items[i], false, NULL);
        struct error **own = first < 0 ? NULL : err;

        if (uses_fd < 0 || faccessat(uses_fd, user, F_OK, 0) < 0)
            continue;
        auto_close int lock = volume_lock(engine, names.items[i], own);
        int r = lock < 0 ? lock : each(engine, names.items[i], user, own);
        first = first < 0 ? first : r;
    }
    return first < 0 ? first : 0;
}

int volume_leave_all(struct engine *engine, const char *user, struct error **err)
{
    return for_each_use(engine, user, volume_leave, err);
}

static int renew(struct engine *engine, const char *name, const char *user, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int uses_fd = open_uses(engine, name, false, err);
    struct volume *volume = NULL;
    bool others = true;
    int r = volume_lookup(engine, &arena, name, &volume, err);

    if (r < 0 || !volume || !volume_is_in_memory(volume) || uses_fd < 0)
        return r;
    r = has_others(uses_fd, user, &others);
    return r < 0 || others ? r : volume_use(engine, volume, user, err);
}

int volume_renew_all(struct engine *engine, const char *user, struct error **err)
{
    return for_each_use(engine, user, renew, err);
}

/* ---- What was left ---- */

static int is_running(struct engine *engine, const char *id, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT 1 FROM containers WHERE id = ? AND status = 'running'", "t", id);

    return r < 0 ? r : stmt_step(stmt, err);
}

static int sweep_uses_of(struct engine *engine, const char *name, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings users = { 0 };
    char lock_name[sizeof(VOLUME_LOCK_PREFIX) + LIMIT_NAME_BYTES];

    snprintf(lock_name, sizeof(lock_name), VOLUME_LOCK_PREFIX "%s", name);
    /* Somebody is at it, and leaves it in order or to the next sweep. */
    auto_close int lock = engine_lock(engine, lock_name, false, err);
    if (lock < 0)
        return lock == -EWOULDBLOCK ? 0 : lock;
    auto_close int uses_fd = open_uses(engine, name, false, err);
    int r = uses_fd < 0 ? uses_fd : list_names(uses_fd, &arena, &users);
    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (users.len == 0) { /* died on the way to its first use, or from its last */
        r = volume_unmount(engine, name, err);
        remove_uses_dir(engine, name);
    }
    for (size_t i = 0; r >= 0 && i < users.len; i++) {
        r = is_running(engine, users.items[i], err);
        if (r == 0)
            r = volume_leave(engine, name, users.items[i], err);
    }
    return r < 0 ? r : 0;
}

int volume_sweep_uses(struct engine *engine, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings names = { 0 };
    auto_close int dir_fd = openat(engine->run_fd, USES_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = dir_fd < 0 ? -errno : list_names(dir_fd, &arena, &names);

    if (r < 0)
        return r == -ENOENT ? 0
                            : error_set(err, -r, NULL, "cannot read \"%s/" USES_DIR "\"",
                                      engine->options.run_dir);
    for (size_t i = 0; i < names.len; i++) {
        int own = sweep_uses_of(engine, names.items[i], r < 0 ? NULL : err);

        r = r < 0 ? r : own;
    }
    return r;
}
