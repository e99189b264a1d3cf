/* volume_export and volume_import: the contents of a volume as a tar archive. */
#include <errno.h>
#include <fcntl.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "engine/archive/decompress.h"
#include "engine/archive/tar-write.h"
#include "engine/archive/unpack.h"
#include "engine/engine-internal.h"
#include "engine/volume/volume-internal.h"
#include "engine/volume/volume-mount.h"

/* Only directories of our own: what another file system holds is not there until it is mounted. */
static int open_data(struct engine *engine, const char *name, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct volume *volume = NULL;
    int r = volume_lookup(engine, &arena, name, &volume, err);

    if (r < 0)
        return r;
    if (!volume)
        return error_set_plain(err, ENOENT, NULL, "get %s: no such volume", name);
    if (volume_has_device(volume))
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "volume \"%s\" has options of its driver, which export and import do not mount",
                name);
    auto_close int fd = volume_open_dir(engine, name, err);
    if (fd < 0)
        return fd;
    int data = openat(fd, VOLUME_DATA_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return data < 0 ? error_set(err, errno, NULL, "cannot open volume \"%s\"", name) : data;
}

int volume_export(struct engine *engine, const char *name, int fd, struct error **err)
{
    const struct fd_sink to = { fd, engine->options.cancel };
    struct byte_sink sink = byte_sink_to_fd(&to);
    auto_close int data = open_data(engine, name, err);

    return data < 0 ? data
                    : tar_write_tree(&sink, data, NULL, &(struct tar_tree_options){ 0 }, err);
}

int volume_import(struct engine *engine, const char *name, int fd, struct error **err)
{
    auto_(decompress_free_p) struct decompress *decompress = NULL;
    struct unpack_options how = UNPACK_INIT;
    struct unpack_result result = { 0 };
    struct byte_source source = byte_source_from_fd(&fd);
    auto_close int data = open_data(engine, name, err);
    int r = data < 0 ? data : decompress_new(&source, &decompress, err);

    if (r < 0)
        return r;
    struct byte_source plain = decompress_source(decompress);
    how.cancel = engine->options.cancel;
    return unpack_tar(&plain, data, &how, &result, err);
}
