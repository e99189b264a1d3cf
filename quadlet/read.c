#include "quadlet/read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "quadlet/depend.h"
#include "quadlet/quadlet.h"
#include "units/dropin.h"
#include "units/search.h"
#include "units/unitfile.h"

/* Files are read into one buffer, one after the other. */
struct buffer {
    char *data;
    size_t cap;
};

struct reader {
    struct quadlet_set *set;
    struct buffer buffer;
    struct arena scratch; /* for units that are not kept */
    const struct search *search;
    const struct quadlet_read_options *options;
    struct diag *diag;
    int failures;
};

/* The null device, as links that mask a unit lead to. */
static bool is_null_device(const struct stat *status)
{
    struct stat null;

    return S_ISCHR(status->st_mode) && stat("/dev/null", &null) == 0 &&
           null.st_rdev == status->st_rdev;
}

enum { FIRST_BUFFER_BYTES = 16 << 10 };

/* What load returns when it worked. */
enum { LOAD_READ, LOAD_MASKED };

/* Reads the rest of a file of about `size` bytes. Its length, or -errno. */
static ssize_t read_into(struct buffer *buffer, int fd, off_t size)
{
    size_t len = 0, wanted = size < LIMIT_UNIT_FILE_BYTES ? (size_t)size : LIMIT_UNIT_FILE_BYTES;

    for (;;) {
        if (buffer->cap < wanted + 1) {
            buffer->cap = wanted + 1 > FIRST_BUFFER_BYTES ? wanted + 1 : FIRST_BUFFER_BYTES;
            buffer->data = mem_realloc_array(buffer->data, buffer->cap, 1);
        }
        ssize_t got = read(fd, buffer->data + len, buffer->cap - len);

        if (got < 0 && errno != EINTR)
            return -errno;
        if (got > 0)
            len += (size_t)got;
        if (len > LIMIT_UNIT_FILE_BYTES)
            return -EFBIG;
        /* A file that has its size is read: no second call to hear of its end. */
        if (got == 0 || (len >= (size_t)size && len < buffer->cap))
            return (ssize_t)len;
        wanted = buffer->cap;
    }
}

static int refuse_file(struct diag *diag, const char *path, int code)
{
    const struct source at = { .file = path };

    diag_add(diag, DIAG_ERROR, "unit-unreadable", &at, "%s",
            code == -EFBIG    ? "it is longer than a mebibyte"
            : code == -EINVAL ? "it is no regular file"
                              : strerrordesc_np(-code));
    return code;
}

/* Opens and reads one file; -errno with a finding. A device or pipe is not waited for. What was read is in the
 * buffer afterwards, *ret_len bytes. */
static int load(struct buffer *buffer, const char *path, struct unitfile *unit, size_t *ret_len,
        struct diag *diag)
{
    struct stat status;

    *ret_len = 0;

    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) < 0)
        return refuse_file(diag, path, -errno);
    if (is_null_device(&status)) {
        (void)unitfile_parse(unit, &(struct unit_text){ .file = path, .data = "" }, diag);
        return LOAD_MASKED;
    }
    if (!S_ISREG(status.st_mode))
        return refuse_file(diag, path, S_ISDIR(status.st_mode) ? -EISDIR : -EINVAL);
    ssize_t len = read_into(buffer, fd, status.st_size);
    if (len < 0)
        return refuse_file(diag, path, (int)len);
    const struct unit_text text = { .file = path, .data = buffer->data, .len = (size_t)len };
    *ret_len = text.len;
    int r = unitfile_parse(unit, &text, diag);
    return r < 0 ? r : LOAD_READ;
}

static void tell(const struct reader *reader, const char *what, const char *path)
{
    if (reader->options->loading)
        reader->options->loading(reader->options->userdata, what, path);
}

/* Keeps what is in the buffer as a text of the quadlet. */
static void keep_text(struct reader *reader, struct quadlet *quadlet, const char *path, size_t len)
{
    struct arena *arena = reader->set->arena;
    struct quadlet_text *text = ARENA_NEW(arena, struct quadlet_text);
    struct quadlet_text **end = &quadlet->texts;

    *text = (struct quadlet_text){
        .path = path, .data = len ? arena_dup(arena, reader->buffer.data, len) : "", .len = len
    };
    while (*end)
        end = &(*end)->next;
    *end = text;
}

/* What others have to know of a quadlet whose unit goes. */
static void name_and_close(struct reader *reader, struct quadlet *quadlet)
{
    depend_name(reader->set, quadlet);
    quadlet_close(quadlet);
}

static void read_unit(struct reader *reader, const char *directory, const char *name)
{
    const size_t from_bytes = reader->options->keeps_texts_from_bytes;
    const bool keeps_texts = from_bytes && reader->set->arena->used_bytes >= from_bytes;
    struct arena *arena = keeps_texts ? &reader->scratch : reader->set->arena;
    const struct arena_mark mark = arena_mark(arena);
    const char *path = arena_join(reader->set->arena, directory, "/", name, NULL);
    const size_t first_finding = reader->diag->len;
    struct unitfile unit;
    size_t len;

    tell(reader, "unit", path);
    unitfile_init(&unit, arena);
    int r = load(&reader->buffer, path, &unit, &len, reader->diag);

    reader->failures += r < 0;
    /* Not even its name counts then: another of it in a weaker directory does. */
    if (r >= 0 || !reader->options->loses_neighbours) {
        struct quadlet *quadlet = quadlet_new_file(reader->set, path, directory);

        quadlet->unit = unit;
        quadlet->is_masked = r == LOAD_MASKED && reader->options->has_masks;
        if (r < 0)
            quadlet_note_errors(reader->set, quadlet, reader->diag, first_finding);
        if (keeps_texts) {
            keep_text(reader, quadlet, path, len);
            name_and_close(reader, quadlet);
        }
    }
    if (keeps_texts)
        arena_rewind(arena, mark);
}

/* Takes back what was added since: the names stay taken. */
static void drop_since(struct quadlet_set *set, size_t len)
{
    while (set->all.len > len) {
        struct quadlet *quadlet = set->all.items[--set->all.len];

        quadlet->is_masked = true;
    }
}

static void read_dir(struct reader *reader, const struct search_dir *dir)
{
    struct quadlet_set *set = reader->set;
    const size_t len_before = set->all.len;
    const int failures_before = reader->failures;
    const char *directory = NULL;

    if (dir->error == ENOENT)
        return;
    if (dir->error) {
        const struct source at = { .file = dir->path };

        diag_add(reader->diag, DIAG_ERROR, "unit-directory", &at, "open %s: %s", dir->path,
                strerrordesc_np(dir->error));
        reader->failures++;
        return;
    }
    ARRAY_FOREACH(&dir->names, name) {
        if (quadlet_type_of(*name) < 0 || quadlet_find(set, *name))
            continue;
        if (!directory)
            directory = arena_strdup(set->arena, dir->path);
        read_unit(reader, directory, *name);
    }
    if (reader->failures > failures_before && reader->options->loses_neighbours)
        drop_since(set, len_before);
}

/* Reads a drop-in into the unit, or into a text of it. */
static void read_dropin(struct reader *reader, struct quadlet *quadlet, const char *path)
{
    const bool keeps_texts = quadlet->texts != NULL;
    struct arena *arena = keeps_texts ? &reader->scratch : reader->set->arena;
    struct unitfile dropin;
    size_t len;

    tell(reader, "drop-in", path);
    unitfile_init(&dropin, arena);
    if (load(&reader->buffer, path, &dropin, &len, reader->diag) < 0)
        reader->failures++;
    else if (keeps_texts)
        keep_text(reader, quadlet, path, len);
    else
        unitfile_merge(&quadlet->unit, &dropin);
}

static void read_dropins(struct reader *reader, struct quadlet *quadlet)
{
    const struct arena_mark mark = arena_mark(&reader->scratch);
    const int failures_before = reader->failures;
    const size_t first_finding = reader->diag->len;
    struct strings paths;

    reader->failures += dropin_collect(
            reader->search, reader->set->arena, quadlet->name, &paths, reader->diag);
    ARRAY_FOREACH(&paths, path)
        read_dropin(reader, quadlet, *path);
    /* Podman makes the unit without them. */
    if (reader->failures > failures_before && !reader->options->loses_neighbours)
        quadlet_note_errors(reader->set, quadlet, reader->diag, first_finding);
    if (paths.len && quadlet->texts) {
        quadlet_open(quadlet, &reader->scratch);
        name_and_close(reader, quadlet);
    }
    arena_rewind(&reader->scratch, mark);
}

/* Masks and what was dropped stay findable by no one. */
static void forget_hidden(struct quadlet_set *set)
{
    size_t kept = 0;

    for (size_t i = 0; i < set->all.len; i++)
        if (!set->all.items[i]->is_masked)
            set->all.items[kept++] = set->all.items[i];
    if (kept == set->all.len && kept == set->by_name.len)
        return;
    set->all.len = kept;
    strmap_init_arena(&set->by_name, set->arena);
    for (size_t i = 0; i < set->all.len; i++)
        strmap_set_borrowed(&set->by_name, set->all.items[i]->name, set->all.items[i]);
}

int quadlet_read_dirs(struct quadlet_set *set, const struct search *search,
        const struct quadlet_read_options *options, struct diag *diag)
{
    struct reader reader = { .set = set, .search = search, .options = options, .diag = diag };

    ARRAY_FOREACH(&search->dirs, dir)
        read_dir(&reader, dir);
    forget_hidden(set);
    for (size_t i = 0; search->has_dropins && i < set->all.len; i++)
        read_dropins(&reader, set->all.items[i]);
    free(reader.buffer.data);
    arena_release(&reader.scratch);
    return reader.failures;
}

int quadlet_read_file(struct quadlet_set *set, const char *path, struct diag *diag)
{
    struct buffer buffer = { 0 };
    struct unitfile unit;
    size_t len;

    unitfile_init(&unit, set->arena);
    path = arena_strdup(set->arena, path);
    int r = load(&buffer, path, &unit, &len, diag);
    free(buffer.data);
    if (r < 0)
        return r;
    struct quadlet *quadlet = quadlet_new_file(set, path, path_parent(set->arena, path));
    quadlet->unit = unit;
    return 0;
}
