#include "engine/build/layer-work.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/str.h"
#include "engine/engine-internal.h"
#include "engine/rootfs/view.h"

bool directory_is_empty(int dir_fd, const char *name)
{
    auto_closedir DIR *dir = NULL;
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    const struct dirent *entry;

    if (fd < 0)
        return false;
    dir = fdopendir(fd);
    if (!dir) {
        close(fd);
        return false;
    }
    while ((entry = readdir(dir))) {
        if (!string_is_equal(entry->d_name, ".") && !string_is_equal(entry->d_name, ".."))
            return false;
    }
    return true;
}

int layer_work_dirs(struct engine *engine, struct arena *arena, const struct strings *layers,
        struct strings *ret, struct error **err)
{
    for (size_t i = 0; i < layers->len; i++) {
        const char *dir;
        int r = layer_dir(engine, layers->items[i], arena, &dir, err);

        if (r < 0)
            return r;
        if (!dir)
            return error_set_plain(
                    err, ENOENT, NULL, "the layer %s is not in the store", layers->items[i]);
        *ARRAY_APPEND_ARENA(arena, ret) = (char *)dir;
    }
    return 0;
}

static int make_directories(struct layer_work *work, struct error **err)
{
    /* `upper` becomes the root of a layer, so the caller's umask must not show in it. */
    if (mkdirat(work->store.fd, "upper", 0755) < 0 || mkdirat(work->store.fd, "work", 0700) < 0 ||
            fchmodat(work->store.fd, "upper", 0755, 0) < 0)
        return error_set(err, errno, NULL, "cannot make a temporary directory");
    return 0;
}

int layer_work_open(struct engine *engine, struct arena *arena, const struct strings *layers,
        struct layer_work *ret, struct error **err)
{
    auto_(layer_work_release) struct layer_work work = LAYER_WORK_INIT;
    struct strings dirs = { 0 };

    int r = layer_work_dirs(engine, arena, layers, &dirs, err);
    if (r >= 0)
        r = store_work_begin(engine, &work.store, err);
    if (r >= 0)
        r = make_directories(&work, err);
    if (r < 0)
        return r;
    const char *base = arena_printf(
            arena, "%s/" STORE_TMP "/%s", engine->options.root_dir, work.store.name);
    struct rootfs_view view = {
        .lower = (const char *const *)dirs.items,
        .lower_count = dirs.len,
        .upper = arena_printf(arena, "%s/upper", base),
        .work = arena_printf(arena, "%s/work", base),
    };
    work.root_fd = rootfs_view_open(&view, err);
    if (work.root_fd < 0)
        return work.root_fd;
    *ret = work;
    work = (struct layer_work)LAYER_WORK_INIT;
    return 0;
}

int layer_work_commit(
        struct layer_work *work, char ret_diff_id[static IMAGE_DIFF_ID_MAX], struct error **err)
{
    work->root_fd = fd_close(work->root_fd);
    if (directory_is_empty(work->store.fd, "upper")) {
        *ret_diff_id = '\0';
        return 0;
    }
    return layer_commit_directory(
            work->store.engine, work->store.fd, "upper", ret_diff_id, NULL, err);
}

void layer_work_release(struct layer_work *work)
{
    work->root_fd = fd_close(work->root_fd);
    store_work_end(&work->store);
}
