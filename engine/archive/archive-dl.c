#include "engine/archive/archive-dl.h"

#include "base/dl.h"

static struct archive_library table;

#define SYMBOL(member, name) DL_SYMBOL(table.member, "archive_" name)

static const struct dl_symbol symbols[] = {
    SYMBOL(read_new, "read_new"),
    SYMBOL(read_free, "read_free"),
    SYMBOL(read_append_filter, "read_append_filter"),
    SYMBOL(read_support_format_raw, "read_support_format_raw"),
    SYMBOL(read_support_format_empty, "read_support_format_empty"),
    SYMBOL(read_support_format_tar, "read_support_format_tar"),
    SYMBOL(read_open, "read_open"),
    SYMBOL(read_next_header, "read_next_header"),
    SYMBOL(read_data, "read_data"),
    SYMBOL(read_data_block, "read_data_block"),
    SYMBOL(set_error, "set_error"),
    SYMBOL(error_string, "error_string"),
    SYMBOL(error_number, "errno"),
    SYMBOL(entry_pathname, "entry_pathname"),
    SYMBOL(entry_hardlink, "entry_hardlink"),
    SYMBOL(entry_symlink, "entry_symlink"),
    SYMBOL(entry_filetype, "entry_filetype"),
    SYMBOL(entry_perm, "entry_perm"),
    SYMBOL(entry_size, "entry_size"),
    SYMBOL(entry_uid, "entry_uid"),
    SYMBOL(entry_gid, "entry_gid"),
    SYMBOL(entry_rdevmajor, "entry_rdevmajor"),
    SYMBOL(entry_rdevminor, "entry_rdevminor"),
    SYMBOL(entry_mtime, "entry_mtime"),
    SYMBOL(entry_mtime_nsec, "entry_mtime_nsec"),
    SYMBOL(entry_atime, "entry_atime"),
    SYMBOL(entry_atime_nsec, "entry_atime_nsec"),
    SYMBOL(entry_atime_is_set, "entry_atime_is_set"),
    SYMBOL(entry_xattr_reset, "entry_xattr_reset"),
    SYMBOL(entry_xattr_next, "entry_xattr_next"),
};
static struct dl_library library = DL_LIBRARY("libarchive.so.13", symbols);

int archive_library_open(const struct archive_library **ret, struct error **err)
{
    int r = dl_open(&library, err);

    if (r < 0)
        return r;
    *ret = &table;
    return 0;
}
