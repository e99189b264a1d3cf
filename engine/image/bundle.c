#include "engine/image/bundle-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/path.h"
#include "engine/archive/decompress.h"
#include "engine/archive/tar-read.h"
#include "engine/engine-internal.h"
#include "engine/image/store-internal.h"

#define MEMBERS_MAX 100000u
#define LINKS_MAX 16

/* Never leads anywhere: only looked up in the map. */
static char *member_name(struct arena *arena, const char *path)
{
    char *name = path_clean(arena, path);

    while (*name == '/')
        name++;
    return name;
}

static int spool_file(struct bundle *bundle, struct tar_reader *reader, const char *name,
        const atomic_bool *cancel, struct error **err)
{
    char *spooled = arena_printf(&bundle->arena, "m-%zu", bundle->files.len);
    auto_close int fd = openat(
            bundle->work_fd, spooled, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char buffer[65536];
    ssize_t n;

    if (fd < 0)
        return error_set(err, errno, NULL, "cannot create a file in the work directory");
    while ((n = tar_reader_read(reader, buffer, sizeof(buffer), err)) > 0) {
        int r = fd_write_all(fd, buffer, (size_t)n);

        if (r < 0)
            return error_set(err, r, NULL, "cannot store \"%s\"", name);
        if (cancel && atomic_load_explicit(cancel, memory_order_relaxed))
            return error_set_plain(err, ECANCELED, NULL, "interrupted");
    }
    if (n < 0)
        return (int)n;
    strmap_set(&bundle->files, name, spooled);
    return 0;
}

static void add_link(struct bundle *bundle, const char *name, const struct tar_entry *entry)
{
    struct arena *arena = &bundle->arena;
    const char *target = entry->hardlink;

    if (!target)
        target = path_join(arena, path_join(arena, "/", path_parent(arena, name)), entry->symlink);
    strmap_set(&bundle->links, name, member_name(arena, target));
}

static int spool(struct bundle *bundle, int fd, const atomic_bool *cancel, struct error **err)
{
    auto_(decompress_free_p) struct decompress *decompress = NULL;
    auto_(tar_reader_free_p) struct tar_reader *reader = NULL;
    struct byte_source source = byte_source_from_fd(&fd);
    struct tar_entry entry;
    int r = decompress_new(&source, &decompress, err);

    if (r < 0)
        return r;
    source = decompress_source(decompress);
    r = tar_reader_new(&source, &reader, err);
    while (r >= 0 && (r = tar_reader_next(reader, &entry, err)) > 0) {
        char *name = member_name(&bundle->arena, entry.path);

        if (bundle->files.len + bundle->links.len >= MEMBERS_MAX)
            return error_set_plain(err, E2BIG, NULL, "the archive has too many members");
        if (entry.hardlink || entry.type == S_IFLNK)
            add_link(bundle, name, &entry);
        else if (entry.type == S_IFREG)
            r = spool_file(bundle, reader, name, cancel, err);
    }
    return r;
}

int bundle_open(struct store_work *work, int fd, struct bundle *ret, struct error **err)
{
    struct bundle bundle = BUNDLE_INIT;
    struct stat st;
    int r;

    if (fstat(fd, &st) < 0)
        return error_set(err, errno, NULL, "cannot read the archive");
    bundle.work_fd = work->fd;
    if (S_ISDIR(st.st_mode)) {
        bundle.dir_fd = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        r = bundle.dir_fd < 0 ? error_set(err, errno, NULL, "cannot open the directory") : 0;
    } else {
        r = spool(&bundle, fd, work->engine->options.cancel, err);
    }
    if (r < 0) {
        bundle_release(&bundle);
        return r;
    }
    *ret = bundle;
    return 0;
}

void bundle_release(struct bundle *bundle)
{
    strmap_release(&bundle->files);
    strmap_release(&bundle->links);
    fd_close(bundle->dir_fd);
    arena_release(&bundle->arena);
}

static const char *find_spooled(const struct bundle *bundle, const char *name)
{
    for (unsigned i = 0; i < LINKS_MAX && name; i++) {
        const char *spooled = strmap_get(&bundle->files, name);

        if (spooled)
            return spooled;
        name = strmap_get(&bundle->links, name);
    }
    return NULL;
}

bool bundle_has(const struct bundle *bundle, const char *name)
{
    if (bundle->dir_fd < 0)
        return find_spooled(bundle, name) != NULL;

    auto_close int fd = fs_try_open_in_root(bundle->dir_fd, name, O_PATH, 0);

    return fd >= 0;
}

int bundle_open_member(
        const struct bundle *bundle, const char *name, const char **ret_spooled, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int fd = -EBADF;
    const char *spooled = NULL;
    struct stat st;

    if (bundle->dir_fd >= 0) {
        fd = fs_try_open_in_root(bundle->dir_fd, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
        if (fd < 0)
            return error_set(err, fd, NULL, "cannot open \"%s\" of the layout", name);
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
            return error_set_plain(err, EBADMSG, NULL, "\"%s\" of the layout is no file", name);
    } else {
        spooled = find_spooled(bundle, member_name(&arena, name));
        if (!spooled)
            return error_set_plain(err, EBADMSG, NULL, "\"%s\" is not in the archive", name);
        fd = openat(bundle->work_fd, spooled, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0) /* adopted as a blob: another image of the archive has the same layer */
            return error_set(err, errno, NULL, "cannot open \"%s\" of the archive", name);
    }
    if (ret_spooled)
        *ret_spooled = spooled;
    return TAKE_FD(fd);
}

int bundle_read_member(const struct bundle *bundle, const char *name, size_t max_bytes,
        char **ret_data, size_t *ret_len, struct error **err)
{
    auto_close int fd = bundle_open_member(bundle, name, NULL, err);
    int r = fd < 0 ? fd : fs_read_fd(fd, max_bytes, ret_data, ret_len, err);

    return r < 0 ? error_wrap(err, r, "cannot read \"%s\"", name) : 0;
}
