/* Mounts that are made of layers: images, and directories below a layer that goes away with the run (":O"). */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/container/container-internal.h"
#include "engine/container/mount-layers.h"
#include "engine/container/oci-spec.h"
#include "engine/image/image.h"

#define OPTIONS_MAX 4000 /* of the page that mount(2) takes */

static bool needs_layer(const struct container_mount *m)
{
    return m->overlay || (m->type == CONTAINER_MOUNT_IMAGE && !m->read_only);
}

const char *container_layers_dir(struct engine *engine, struct arena *arena, const char *id)
{
    return arena_printf(arena, "%s/containers/%s/layers", engine->options.root_dir, id);
}

/* ---- Before a run ---- */

/* The layer over a mount's source begins empty, with the owner and mode of what it covers, which it shows then. */
static int make_layer(int layers_fd, size_t index, const char *lower, struct error **err)
{
    char name[24];
    struct stat st;

    snprintf(name, sizeof(name), "%zu", index);
    if (stat(lower, &st) < 0)
        return error_set(err, errno, NULL, "cannot look at \"%s\"", lower);
    auto_close int fd = fs_mkdir_parents(layers_fd, name, 0700, err);
    if (fd < 0)
        return fd;
    if (mkdirat(fd, "upper", 0700) < 0 || mkdirat(fd, "work", 0700) < 0 ||
            fchownat(fd, "upper", st.st_uid, st.st_gid, 0) < 0 ||
            fchmodat(fd, "upper", st.st_mode & 07777, 0) < 0)
        return error_set(err, errno, NULL, "cannot make a layer over \"%s\"", lower);
    return 0;
}

int container_prepare_layers(struct engine *engine, const struct container *c,
        const struct oci_mount_source *sources, struct error **err)
{
    auto_close int dir_fd = -EBADF, layers_fd = -EBADF;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < c->config.mounts.len; i++) {
        if (!needs_layer(&c->config.mounts.items[i]))
            continue;
        if (layers_fd < 0) {
            dir_fd = container_open_dir(engine, c->id, err);
            r = dir_fd < 0 ? dir_fd : fs_remove_tree(dir_fd, "layers", err);
            if (r >= 0)
                r = layers_fd = fs_mkdir_parents(dir_fd, "layers", 0700, err);
        }
        if (r >= 0)
            r = make_layer(layers_fd, i, sources[i].top_dir, err);
    }
    return r;
}

/* ---- Options of overlay ---- */

static int check_text(const char *path, struct error **err)
{
    return strpbrk(path, ",:\\")
                   ? error_set_plain(err, EINVAL, NULL,
                             "\"%s\" cannot be below a layer: it has a comma, colon or backslash",
                             path)
                   : 0;
}

/* `lower` is bottom first; `layer_dir` NULL: read-only. */
static int overlay_source(struct arena *arena, const struct strings *lower, const char *layer_dir,
        struct oci_mount_source *ret, struct error **err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(OPTIONS_MAX);

    for (size_t i = lower->len; i-- > 0;) {
        int r = check_text(lower->items[i], err);

        if (r < 0)
            return r;
        strbuf_addf(&text, "%s%s", i + 1 == lower->len ? "lowerdir=" : ":", lower->items[i]);
    }
    if (layer_dir && check_text(layer_dir, err) < 0)
        return -EINVAL;
    if (layer_dir)
        strbuf_addf(&text, ",upperdir=%s/upper,workdir=%s/work", layer_dir, layer_dir);
    if (strbuf_is_truncated(&text))
        return error_set_plain(err, E2BIG, NULL,
                "too many layers for one mount: the kernel takes a page of names");
    *ret = (struct oci_mount_source){
        .source = "overlay",
        .type = "overlay",
        .options = arena_strndup(arena, text.data, text.len),
        .top_dir = lower->items[lower->len - 1],
    };
    return 0;
}

static const char *own_layer_dir(struct arena *arena, const char *layers_dir, size_t index)
{
    return arena_printf(arena, "%s/%zu", layers_dir, index);
}

int container_layer_over(struct arena *arena, const char *lower, const char *layers_dir,
        size_t index, struct oci_mount_source *ret, struct error **err)
{
    struct strings dirs = { 0 };

    *ARRAY_APPEND_ARENA(arena, &dirs) = arena_strdup(arena, lower);
    return overlay_source(arena, &dirs, own_layer_dir(arena, layers_dir, index), ret, err);
}

/* ---- Images ---- */

enum found {
    FOUND_NOTHING, /* the layers below may have it */
    FOUND_END,     /* this layer says that it is not there, whatever the ones below have */
    FOUND_FILE,
    FOUND_DIRECTORY,
    FOUND_OPAQUE_DIRECTORY, /* what the layers below have of it does not count */
};

static bool is_opaque(int fd)
{
    char value, path[FS_FD_PATH_MAX];

    return getxattr(fs_fd_path(fd, path), "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* Where one layer has the path. Links would have to be followed through all layers: they are refused. */
static int look_in_layer(
        const char *layer, const char *subpath, enum found *ret, struct error **err)
{
    auto_close int fd = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct str rest = str_from(subpath), name;
    bool opaque = false;
    struct stat st;

    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open the layer \"%s\"", layer);
    *ret = FOUND_DIRECTORY;
    while (str_split_next(&rest, '/', &name)) {
        auto_free char *plain = strndup(name.data, name.len);

        if (name.len == 0)
            continue;
        int next = *ret == FOUND_DIRECTORY ? openat(fd, plain, O_PATH | O_NOFOLLOW | O_CLOEXEC)
                                           : -1;
        if (next < 0) {
            *ret = opaque || *ret == FOUND_FILE ? FOUND_END : FOUND_NOTHING;
            return 0;
        }
        (void)fd_close(fd);
        fd = next;
        if (fstat(fd, &st) < 0)
            return error_set(err, errno, NULL, "cannot look at \"%s\" of an image", subpath);
        if (S_ISLNK(st.st_mode))
            return error_set_plain(err, EOPNOTSUPP, NULL,
                    "the path \"%s\" of an image leads over a symbolic link: not supported",
                    subpath);
        if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0)) {
            *ret = FOUND_END;
            return 0;
        }
        *ret = S_ISDIR(st.st_mode) ? FOUND_DIRECTORY : FOUND_FILE;
        opaque = opaque || (S_ISDIR(st.st_mode) && is_opaque(fd));
    }
    if (*ret == FOUND_DIRECTORY && opaque)
        *ret = FOUND_OPAQUE_DIRECTORY;
    return 0;
}

/* The directories of the layers at `subpath`, bottom first, or the one file. */
static int narrow(struct arena *arena, const char *subpath, struct strings *dirs, bool *ret_is_file,
        struct error **err)
{
    struct strings top_first = { 0 }, bottom_first = { 0 };
    enum found found = FOUND_NOTHING;

    *ret_is_file = false;
    for (size_t i = dirs->len; i-- > 0 && found != FOUND_END && found != FOUND_OPAQUE_DIRECTORY;) {
        int r = look_in_layer(dirs->items[i], subpath, &found, err);

        if (r < 0)
            return r;
        if (found == FOUND_NOTHING || found == FOUND_END)
            continue;
        if (found == FOUND_FILE) {
            *ret_is_file = top_first.len == 0;
            found = FOUND_END; /* a file below a directory does not count */
        }
        if (*ret_is_file || found != FOUND_END)
            *ARRAY_APPEND_ARENA(arena, &top_first) = path_join(arena, dirs->items[i], subpath);
    }
    for (size_t i = top_first.len; i-- > 0;)
        *ARRAY_APPEND_ARENA(arena, &bottom_first) = top_first.items[i];
    *dirs = bottom_first;
    return 0;
}

int container_image_source(struct engine *engine, struct arena *arena,
        const struct container_mount *m, const char *layers_dir, size_t index,
        struct oci_mount_source *ret, struct error **err)
{
    auto_(image_free_p) struct image *image = NULL;
    struct strings dirs = { 0 };
    bool is_file = false;
    const char *subpath = m->subpath ? path_clean(arena, path_join(arena, "/", m->subpath)) + 1
                                     : "";
    int r = image_require(engine, m->source, &image, err);

    if (r >= 0)
        r = image_layer_dirs(engine, image->id, arena, &dirs, err);
    if (r >= 0 && *subpath)
        r = narrow(arena, subpath, &dirs, &is_file, err);
    if (r < 0)
        return error_wrap(err, r, "cannot mount image \"%s\"", m->source);
    if (dirs.len == 0)
        return error_set_plain(
                err, ENOENT, NULL, "image \"%s\" has no \"/%s\"", m->source, subpath);
    if (is_file && !m->read_only)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "\"%s\" of image \"%s\" is a file: it can be mounted read-only alone", subpath,
                m->source);
    *ret = (struct oci_mount_source){ .source = dirs.items[0] };
    if (dirs.len == 1 && (m->read_only || !layers_dir))
        return 0;
    return overlay_source(arena, &dirs,
            m->read_only || !layers_dir ? NULL : own_layer_dir(arena, layers_dir, index), ret, err);
}
