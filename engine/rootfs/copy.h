/* Copying trees from one root file system into another, by descriptors only: first contents of volumes,
 * COPY and ADD of builds, cp. Types, owners, modes, times, extended attributes (security.capability and
 * user.*), symbolic links as links, and hard links within one copy are kept, unless the options say
 * otherwise. Sockets are left out, as Docker does. Nothing is followed out of either side. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct owner_map;

#define TREE_COPY_KEEP_OWNER ((uid_t)-1)
#define TREE_COPY_KEEP_MODE ((mode_t)-1)

struct tree_copy {
    uid_t uid; /* TREE_COPY_KEEP_OWNER: as in the source */
    gid_t gid;
    const struct owner_map *owners; /* of uid and gid, kept or not; NULL: as they are */
    mode_t mode;     /* of files and directories; TREE_COPY_KEEP_MODE: as in the source */
    bool fixed_time; /* every mtime becomes mtime_sec (reproducible layers) */
    int64_t mtime_sec;
    /* Says whether `path` (relative to what is copied, "" is itself) stays out; NULL: nothing does. With
     * *ret_descend true an excluded directory is walked all the same for what is kept below it. */
    bool (*is_excluded)(void *userdata, const char *path, bool is_directory, bool *ret_descend);
    void *userdata;
    const atomic_bool *cancel; /* NULL: none */
    const char *name;          /* of what is copied, for errors; NULL: none */
    uint64_t *
            tar_bytes; /* grows by what each entry would take in a tar archive; NULL: nobody asks */
};

#define TREE_COPY_INIT                                                   \
    {                                                                    \
        .uid = TREE_COPY_KEEP_OWNER, .gid = (gid_t)TREE_COPY_KEEP_OWNER, \
        .mode = TREE_COPY_KEEP_MODE                                      \
    }

/* Copies the contents of directory from_fd into directory to_fd (both O_PATH or readable, borrowed).
 * What is in to_fd already stays; entries of the same name are replaced, directories merged. With
 * `attributes` to_fd itself gets from_fd's owner, mode and times. */
int tree_copy_contents(int from_fd, int to_fd, bool attributes, const struct tree_copy *options,
        struct error **err);

/* Copies the one entry that from_fd (O_PATH) stands for, a directory with all below it, to `to_name` in
 * to_dir_fd. */
int tree_copy_entry(int from_fd, int to_dir_fd, const char *to_name,
        const struct tree_copy *options, struct error **err);
