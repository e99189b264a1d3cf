/* libarchive, opened on first use: the one place that names its functions. Only reading is done with it
 * (tar in all its dialects, and decompression); archives are written by tar-write.h. */
#pragma once

#include <archive.h>
#include <archive_entry.h>

struct error;

struct archive_library {
    typeof(archive_read_new) *read_new;
    typeof(archive_read_free) *read_free;
    typeof(archive_read_append_filter) *read_append_filter;
    typeof(archive_read_support_format_raw) *read_support_format_raw;
    typeof(archive_read_support_format_empty) *read_support_format_empty;
    typeof(archive_read_support_format_tar) *read_support_format_tar;
    typeof(archive_read_open) *read_open;
    typeof(archive_read_next_header) *read_next_header;
    typeof(archive_read_data) *read_data;
    typeof(archive_read_data_block) *read_data_block;
    typeof(archive_set_error) *set_error;
    typeof(archive_error_string) *error_string;
    typeof(archive_errno) *error_number;
    typeof(archive_entry_pathname) *entry_pathname;
    typeof(archive_entry_hardlink) *entry_hardlink;
    typeof(archive_entry_symlink) *entry_symlink;
    typeof(archive_entry_filetype) *entry_filetype;
    typeof(archive_entry_perm) *entry_perm;
    typeof(archive_entry_size) *entry_size;
    typeof(archive_entry_uid) *entry_uid;
    typeof(archive_entry_gid) *entry_gid;
    typeof(archive_entry_rdevmajor) *entry_rdevmajor;
    typeof(archive_entry_rdevminor) *entry_rdevminor;
    typeof(archive_entry_mtime) *entry_mtime;
    typeof(archive_entry_mtime_nsec) *entry_mtime_nsec;
    typeof(archive_entry_atime) *entry_atime;
    typeof(archive_entry_atime_nsec) *entry_atime_nsec;
    typeof(archive_entry_atime_is_set) *entry_atime_is_set;
    typeof(archive_entry_xattr_reset) *entry_xattr_reset;
    typeof(archive_entry_xattr_next) *entry_xattr_next;
};

/* 0 and the table (static), or -ENOENT with the name of the missing library. Thread-safe. */
int archive_library_open(const struct archive_library **ret, struct error **err);
