/* oci_mounts_resolve: where the contents of a container's mounts lie on this machine. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/container/mount-layers.h"
#include "engine/container/oci-spec.h"
#include "engine/rootfs/device.h"
#include "engine/volume/volume-device.h"
#include "engine/volume/volume-internal.h"
#include "engine/volume/volume-mount.h"

#define MOUNTINFO_MAX_BYTES (16u << 20)

/* What is missing is told here, in the user's words; that links do not lead out is the runtime's business,
 * which looks again. */
static int check_subpath(const struct container_mount *m, int volume_fd, struct error **err)
{
    auto_close int data = openat(volume_fd, VOLUME_DATA_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (data < 0)
        return error_set(err, errno, NULL, "cannot open volume \"%s\"", m->source);
    auto_close int fd = fs_try_open_in_root(data, m->subpath, O_PATH, 0);
    if (fd < 0)
        return error_set(err, -fd, NULL, "cannot access path \"%s\" of volume \"%s\"", m->subpath,
                m->source);
    return 0;
}

static int use_volume(
        struct engine *engine, const struct volume *volume, const char *user, struct error **err)
{
    auto_close int lock = volume_lock(engine, volume->name, err);

    return lock < 0 ? lock : volume_use(engine, volume, user, err);
}

/* For who only looks: what is mounted for others is what the container would see too. */
static int resolve_device(struct arena *arena, const struct volume *volume,
        struct oci_mount_source *ret, struct error **err)
{
    struct mount_device device;
    int r = volume_device_source(
            arena, volume->name, &volume->options, volume_resolve_host, &device, err);

    ret->source = device.source;
    ret->type = device.type;
    ret->options = device.options;
    return r;
}

static int resolve_volume(struct engine *engine, struct arena *arena,
        const struct container_mount *m, const char *user, struct oci_mount_source *ret,
        struct error **err)
{
    struct volume *volume = NULL;
    int r = volume_lookup(engine, arena, m->source, &volume, err);

    if (r < 0)
        return r;
    if (!volume)
        return error_set_plain(err, ENOENT, NULL, "get %s: no such volume", m->source);
    if (volume_has_device(volume)) {
        if (!user && !volume_is_mounted(engine, m->source))
            return resolve_device(arena, volume, ret, err);
        r = user ? use_volume(engine, volume, user, err) : 0;
        if (r < 0)
            return r;
        ret->is_volatile = volume_is_in_memory(volume);
    }
    auto_close int fd = volume_open_dir(engine, m->source, err);
    if (fd < 0)
        return fd;
    ret->source = volume->mountpoint;
    if (string_is_empty(m->subpath))
        return 0;
    ret->subdir = m->subpath;
    return check_subpath(m, fd, err);
}

/* The line of /proc/self/mountinfo of the mount that `path` is on, without its number; false when it is not known
 * (statx tells the number since Linux 5.8). `text` holds the line. */
static bool find_mount(const char *path, char **text, struct str *ret)
{
    struct statx stx;
    struct str rest, line, word;
    uint64_t id;
    size_t len;

    if (statx(AT_FDCWD, path, 0, STATX_MNT_ID, &stx) < 0 || !(stx.stx_mask & STATX_MNT_ID) ||
            fs_read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX_BYTES, text, &len, NULL) <
                    0)
        return false;
    rest = (struct str){ *text, len };
    while (str_split_next(&rest, '\n', &line)) {
        *ret = line;
        if (str_split_next(ret, ' ', &word) && parse_uint64(word, UINT64_MAX, &id) >= 0 &&
                id == stx.stx_mnt_id)
            return true;
    }
    return false;
}

/* What is not shared on the machine cannot be shared with it; the kernel would not say so. */
static int check_propagation(const struct container_mount *m, const char *path, struct error **err)
{
    const char *wanted = m->propagation ? m->propagation + (m->propagation[0] == 'r') : "";
    bool is_shared = false, is_slave = false;
    auto_free char *text = NULL;
    struct str line, word, mount_point = { 0 };

    if ((strcmp(wanted, "shared") != 0 && strcmp(wanted, "slave") != 0) ||
            !find_mount(path, &text, &line))
        return 0;
    /* parent, device, root, mount point, options, then the optional fields up to "-" */
    for (int field = 0; str_split_next(&line, ' ', &word) && !str_is_equal_z(word, "-"); field++) {
        if (field == 3)
            mount_point = word;
        is_shared = is_shared || (field > 4 && str_has_prefix(word, "shared:"));
        is_slave = is_slave || (field > 4 && str_has_prefix(word, "master:"));
    }
    if (is_shared || (is_slave && wanted[1] == 'l'))
        return 0;
    return error_set_plain(err, EINVAL, NULL,
            "path %s is mounted on %.*s but it is not a shared%s mount", m->source,
            STR_FMT(mount_point), wanted[1] == 'l' ? " or slave" : "");
}

/* What is below a source that others can write is looked for anew at each start: a path found earlier may have become
 * a link that leads out. */
static int resolve_below(
        const struct container_mount *m, struct oci_mount_source *ret, struct error **err)
{
    char path[FS_FD_PATH_MAX];
    auto_close int root = open(m->source, O_PATH | O_DIRECTORY | O_CLOEXEC);

    if (root < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", m->source);
    auto_close int fd = fs_try_open_in_root(root, m->subpath, O_PATH, 0);
    if (fd < 0)
        return error_set(
                err, -fd, NULL, "cannot access path \"%s\" of \"%s\"", m->subpath, m->source);
    ret->subdir = m->subpath;
    return check_propagation(m, fs_fd_path(fd, path), err);
}

static int resolve_bind(
        const struct container_mount *m, struct oci_mount_source *ret, struct error **err)
{
    if (!string_is_empty(m->subpath))
        return resolve_below(m, ret, err);
    if (access(m->source, F_OK) == 0 || errno != ENOENT)
        return check_propagation(m, m->source, err);
    if (!m->create_host_path)
        return error_set_plain(err, EINVAL, NULL,
                "invalid mount config for type \"bind\": bind source path does not exist: %s",
                m->source);
    auto_close int fd = fs_mkdir_parents(AT_FDCWD, m->source, 0755, err);
    return fd < 0 ? fd : check_propagation(m, m->source, err);
}

/* ":O": what was found becomes the lower directory. */
static int add_layer(struct arena *arena, const struct container_mount *m, const char *layers_dir,
        size_t index, struct oci_mount_source *ret, struct error **err)
{
    struct stat st;

    if (ret->type || ret->subdir || stat(ret->source, &st) < 0 || !S_ISDIR(st.st_mode))
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "a layer over \"%s\" is not supported: it is no plain directory or volume",
                m->source);
    return container_layer_over(arena, ret->source, layers_dir, index, ret, err);
}

static int resolve(struct engine *engine, struct arena *arena, const struct container *c,
        size_t index, const char *layers_dir, struct oci_mount_source *ret, struct error **err)
{
    const struct container_mount *m = &c->config.mounts.items[index];
    int r = 0;

    ret->source = m->source;
    if (m->type == CONTAINER_MOUNT_VOLUME)
        r = resolve_volume(engine, arena, m, layers_dir ? c->id : NULL, ret, err);
    else if (m->type == CONTAINER_MOUNT_BIND)
        r = resolve_bind(m, ret, err);
    else if (m->type == CONTAINER_MOUNT_IMAGE)
        r = container_image_source(engine, arena, m, layers_dir, index, ret, err);
    if (r >= 0 && m->overlay && layers_dir)
        r = add_layer(arena, m, layers_dir, index, ret, err);
    /* The kernel takes such a mount from the machine's root alone. */
    if (r >= 0 && layers_dir && ret->type && strcmp(ret->type, "overlay") == 0 &&
            (c->config.uid_maps || c->config.gid_maps))
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "the mount at \"%s\" is not supported in a user namespace: it is made of layers",
                m->target);
    return r;
}

int oci_mounts_resolve(struct engine *engine, struct arena *arena, const struct container *c,
        const char *layers_dir, struct oci_mount_source **ret, struct error **err)
{
    size_t count = c->config.mounts.len;
    struct oci_mount_source *sources = ARENA_NEW_ARRAY(arena, count + 1, struct oci_mount_source);
    int r = 0;

    for (size_t i = 0; r >= 0 && i < count; i++)
        r = resolve(engine, arena, c, i, layers_dir, &sources[i], err);
    if (r < 0)
        return r;
    *ret = sources;
    return 0;
}
