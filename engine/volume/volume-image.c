/* Podman's driver "image": a volume that begins as the files of an image. They are copied before there is a row, under
 * the volume's lock and with a note for the sweeper: who dies on the way leaves no volume, and no files for long. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fault.h"
#include "engine/engine-internal.h"
#include "engine/image/image.h"
#include "engine/rootfs/copy.h"
#include "engine/rootfs/view.h"
#include "engine/state/sweep.h"
#include "engine/volume/volume-internal.h"

static int open_image(
        struct engine *engine, struct arena *arena, const char *ref, struct error **err)
{
    auto_(image_free_p) struct image *image = NULL;
    struct strings dirs = { 0 };
    int r = image_require(engine, ref, &image, err);

    if (r >= 0)
        r = image_layer_dirs(engine, image->id, arena, &dirs, err);
    if (r < 0)
        return r;
    if (dirs.len == 0)
        return -ENOENT; /* of nothing */
    struct rootfs_view view = { .lower = (const char *const *)dirs.items, .lower_count = dirs.len };
    return rootfs_view_open(&view, err);
}

static int fill(struct engine *engine, const char *name, const char *ref, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct tree_copy options = TREE_COPY_INIT;
    auto_close int volume_fd = volume_open_dir(engine, name, err);
    if (volume_fd < 0)
        return volume_fd;
    auto_close int data_fd = openat(volume_fd, VOLUME_DATA_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (data_fd < 0)
        return error_set(err, errno, NULL, "cannot open the volume");
    auto_error struct error *failure = NULL;
    auto_close int image_fd = open_image(engine, &arena, ref, &failure);
    if (image_fd == -ENOENT && !failure)
        return 0;
    if (image_fd < 0)
        return error_move(err, TAKE(failure));
    options.cancel = engine->options.cancel;
    options.name = ref;
    return tree_copy_contents(image_fd, data_fd, true, &options, err);
}

int volume_create_of_image(
        struct engine *engine, const struct volume_create_options *options, struct error **err)
{
    const char *ref = container_pairs_get(&options->options, VOLUME_OPTION_IMAGE);
    auto_(sweep_release) struct sweep sweep = SWEEP_INIT;
    int r = sweep_begin(&sweep, engine, err);

    if (r >= 0)
        r = sweep_add(&sweep, SWEEP_VOLUME, options->name, err);
    if (r >= 0)
        r = volume_remove_dir(engine, options->name, err); /* of somebody who died here */
    if (r >= 0)
        r = fill(engine, options->name, ref, err);
    fault_point("volume.create.image");
    if (r >= 0)
        r = volume_insert(engine, options, false, err);
    if (r < 0) {
        (void)volume_remove_dir(engine, options->name, NULL);
        return error_wrap(err, r, "cannot make volume \"%s\" of image \"%s\"", options->name, ref);
    }
    sweep_done(&sweep);
    return 0;
}
