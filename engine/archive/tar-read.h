/* The entries of a tar archive (ustar, GNU, PAX; sparse files too) from a byte source, one after the
 * other. Names are the archive's: nothing is cleaned or trusted here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/cleanup.h"
#include "engine/archive/byte-source.h"

struct tar_reader;

/* Texts live until the next tar_reader_next. */
struct tar_entry {
    const char *path;
    const char *hardlink; /* the entry is one more name of this path; NULL: it is not */
    const char *symlink;  /* target; NULL unless type is S_IFLNK */
    mode_t type;          /* S_IFREG …; 0: of a kind that no file system has */
    mode_t perm;          /* the lower twelve bits */
    uint64_t size_bytes;
    int64_t uid, gid;
    unsigned major, minor;
    struct timespec mtime;
};

/* `source` is copied; what it points to must outlive the reader. Formats are not guessed: what is no tar
 * is -EBADMSG at the first tar_reader_next. An empty source has no entries. */
int tar_reader_new(const struct byte_source *source, struct tar_reader **ret, struct error **err);
void tar_reader_free(struct tar_reader *reader);
DEFINE_CLEANUP(struct tar_reader *, tar_reader_free);

/* 1 and the next entry, 0 at the end, or the failure. Unread contents are skipped. */
int tar_reader_next(struct tar_reader *reader, struct tar_entry *ret, struct error **err);

/* The contents of the current entry: in one run (holes as zeros), or block by block with their offsets
 * (1 and a block, borrowed until the next call; 0 at the end). */
ssize_t tar_reader_read(struct tar_reader *reader, void *data, size_t size, struct error **err);
int tar_reader_block(struct tar_reader *reader, const void **ret_data, size_t *ret_len,
        uint64_t *ret_offset, struct error **err);

/* The next extended attribute of the current entry; false when there are no more. Borrowed. */
bool tar_reader_next_xattr(
        struct tar_reader *reader, const char **ret_name, const void **ret_value, size_t *ret_len);
