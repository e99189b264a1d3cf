/* Writing tar archives (ustar with PAX records where ustar cannot say it). The same entries always give
 * the same bytes, in this and every later version: layers that were made here are written anew when
 * they are saved, and must have the digest that they were given then. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct error;
struct owner_map;

/* Takes the bytes of the archive; 0 or a failure with *err set. */
struct byte_sink {
    int (*write)(void *userdata, const void *data, size_t len, struct error **err);
    void *userdata;
};

/* Writes to a descriptor, until *cancel is set: then -ECANCELED, "interrupted". */
struct fd_sink {
    int fd;
    const atomic_bool *cancel; /* NULL: nothing does */
};
struct byte_sink byte_sink_to_fd(const struct fd_sink *to); /* borrowed, as long as it is used */

struct tar_xattr {
    const char *name;
    const void *value;
    size_t len;
};

struct tar_write_entry {
    const char *path; /* relative; directories get their "/" here */
    const char *link; /* target of a symbolic or hard link; NULL: none */
    bool hardlink;
    mode_t mode; /* type and permissions */
    uid_t uid;
    gid_t gid;
    unsigned major, minor;
    uint64_t size_bytes; /* of a regular file that is no link; else ignored */
    struct timespec mtime;
    const struct tar_xattr *xattrs;
    size_t xattr_count;
};

/* Writes the header; for a regular file exactly size_bytes of contents must follow, through
 * tar_write_data and then tar_write_padding. */
int tar_write_header(
        const struct byte_sink *sink, const struct tar_write_entry *entry, struct error **err);
int tar_write_padding(const struct byte_sink *sink, uint64_t size_bytes, struct error **err);

/* Copies size_bytes from fd (holes as zeros), and the padding. -EIO when the file is shorter. */
int tar_write_file(const struct byte_sink *sink, int fd, uint64_t size_bytes, struct error **err);

/* A whole small file: header, data and padding. */
int tar_write_text(const struct byte_sink *sink, const char *path, const void *data, size_t len,
        time_t mtime_sec, struct error **err);

/* The two zero blocks. */
int tar_write_end(const struct byte_sink *sink, struct error **err);

/* Writes everything below dir_fd, sorted by name at each level, as an image layer: overlay whiteouts and opaque
 * marks become .wh. entries, hard links within the tree stay such, sockets are left out. *ret_size_bytes
 * is the sum of the regular files, each inode once. */
int tar_write_layer(
        const struct byte_sink *sink, int dir_fd, uint64_t *ret_size_bytes, struct error **err);

/* Writes trees as they are, without an overlay's whiteouts meaning anything. */
struct tar_tree_options {
    const char *as;      /* what the entry is called in the archive; "" with all below it: "./" */
    bool is_layer;       /* whiteouts and opaque marks are written as tar_write_layer does */
    uint64_t *ret_bytes; /* of regular files, each inode once; NULL: nobody asks */
    const struct owner_map *owners; /* NULL: as they are */
    /* Says of a path in the archive, by its name alone, that it and all below it stay out; NULL: nothing does. */
    bool (*is_excluded)(const char *path);
};

/* The entry `name` of dir_fd and all below it; NULL: what is below dir_fd. Ends the archive. */
int tar_write_tree(const struct byte_sink *sink, int dir_fd, const char *name,
        const struct tar_tree_options *options, struct error **err);
