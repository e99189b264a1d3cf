#include "engine/archive/tar-read.h"

#include <errno.h>
#include <locale.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/archive/archive-dl.h"

#define BUFFER_BYTES 65536

struct tar_reader {
    const struct archive_library *lib;
    struct archive *archive;
    struct archive_entry *entry; /* the archive's, reused for each header */
    struct byte_source source;
    struct error *error; /* of the source: libarchive only carries a text */
    bool at_end, xattrs_begun;
    char buffer[BUFFER_BYTES];
};

static la_ssize_t feed(struct archive *archive, void *userdata, const void **ret)
{
    struct tar_reader *reader = userdata;
    ssize_t n;

    if (reader->error)
        return ARCHIVE_FATAL;
    n = byte_source_read(&reader->source, reader->buffer, sizeof(reader->buffer), &reader->error);
    if (n < 0) {
        reader->lib->set_error(archive, (int)-n, "%s", "cannot read");
        return ARCHIVE_FATAL;
    }
    *ret = reader->buffer;
    return n;
}

static int failed(struct tar_reader *reader, struct error **err)
{
    const char *text;

    if (reader->error)
        return error_move(err, TAKE(reader->error));
    text = reader->lib->error_string(reader->archive);
    return error_set_plain(
            err, EBADMSG, NULL, "the tar archive is damaged: %s", text ? text : "no reason given");
}

int tar_reader_new(const struct byte_source *source, struct tar_reader **ret, struct error **err)
{
    auto_(tar_reader_free_p) struct tar_reader *reader = NEW(struct tar_reader);
    int r = archive_library_open(&reader->lib, err);

    if (r < 0)
        return r;
    reader->source = *source;
    reader->archive = reader->lib->read_new();
    if (!reader->archive)
        mem_exhausted();
    if (reader->lib->read_append_filter(reader->archive, ARCHIVE_FILTER_NONE) < ARCHIVE_WARN ||
            reader->lib->read_support_format_tar(reader->archive) < ARCHIVE_WARN ||
            reader->lib->read_support_format_empty(reader->archive) < ARCHIVE_WARN)
        return failed(reader, err);
    if (reader->lib->read_open(reader->archive, reader, NULL, feed, NULL) < ARCHIVE_WARN)
        return failed(reader, err);
    *ret = TAKE(reader);
    return 0;
}

void tar_reader_free(struct tar_reader *reader)
{
    if (!reader)
        return;
    if (reader->archive)
        reader->lib->read_free(reader->archive);
    error_free(reader->error);
    free(reader);
}

static mode_t entry_type(unsigned filetype)
{
    switch (filetype) {
    case AE_IFREG:
        return S_IFREG;
    case AE_IFDIR:
        return S_IFDIR;
    case AE_IFLNK:
        return S_IFLNK;
    case AE_IFCHR:
        return S_IFCHR;
    case AE_IFBLK:
        return S_IFBLK;
    case AE_IFIFO:
        return S_IFIFO;
    default:
        return 0;
    }
}

int tar_reader_next(struct tar_reader *reader, struct tar_entry *ret, struct error **err)
{
    const struct archive_library *lib = reader->lib;
    struct archive_entry *entry = NULL;
    int64_t size;
    int r;

    if (reader->at_end)
        return 0;
    /* A name that is not in the locale's charset is a warning: the bytes are there all the same. */
    r = lib->read_next_header(reader->archive, &entry);
    if (r == ARCHIVE_EOF) {
        reader->at_end = true;
        return 0;
    }
    if (r < ARCHIVE_WARN || reader->error)
        return failed(reader, err);
    reader->entry = entry;
    reader->xattrs_begun = false;
    size = lib->entry_size(entry);
    *ret = (struct tar_entry){
        .path = lib->entry_pathname(entry),
        .hardlink = lib->entry_hardlink(entry),
        .symlink = lib->entry_symlink(entry),
        .type = entry_type(lib->entry_filetype(entry)),
        .perm = lib->entry_perm(entry) & 07777,
        .size_bytes = size > 0 ? (uint64_t)size : 0,
        .uid = lib->entry_uid(entry),
        .gid = lib->entry_gid(entry),
        .major = (unsigned)lib->entry_rdevmajor(entry),
        .minor = (unsigned)lib->entry_rdevminor(entry),
        .mtime = { .tv_sec = lib->entry_mtime(entry), .tv_nsec = lib->entry_mtime_nsec(entry) },
    };
    if (ret->hardlink)
        ret->type = S_IFREG;
    if (!ret->path)
        return error_set_plain(err, EBADMSG, NULL, "the tar archive has an entry without a name");
    return 1;
}

ssize_t tar_reader_read(struct tar_reader *reader, void *data, size_t size, struct error **err)
{
    la_ssize_t n = reader->lib->read_data(reader->archive, data, size);

    if (n < 0 || reader->error)
        return failed(reader, err);
    return n;
}

int tar_reader_block(struct tar_reader *reader, const void **ret_data, size_t *ret_len,
        uint64_t *ret_offset, struct error **err)
{
    la_int64_t offset = 0;
    int r = reader->lib->read_data_block(reader->archive, ret_data, ret_len, &offset);

    if (r == ARCHIVE_EOF)
        return 0;
    if (r < ARCHIVE_WARN || reader->error || offset < 0)
        return failed(reader, err);
    *ret_offset = (uint64_t)offset;
    return 1;
}

bool tar_reader_next_xattr(
        struct tar_reader *reader, const char **ret_name, const void **ret_value, size_t *ret_len)
{
    if (!reader->xattrs_begun)
        reader->lib->entry_xattr_reset(reader->entry);
    reader->xattrs_begun = true;
    return reader->lib->entry_xattr_next(reader->entry, ret_name, ret_value, ret_len) == ARCHIVE_OK;
}
