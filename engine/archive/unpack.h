/* Unpacking a tar archive below a directory: layers of images, ADD of archives, `cp`. Every entry is
 * placed by descriptor within the root, whatever its name, link target or the links that were unpacked
 * before it say. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct byte_source;
struct error;
struct owner_map;

#define UNPACK_KEEP_OWNER ((uid_t)-1)

struct unpack_options {
    bool overlay_whiteouts; /* .wh. entries become overlayfs' forms; false: they are files like others */
    uid_t uid;              /* UNPACK_KEEP_OWNER: as in the archive */
    gid_t gid;
    const struct owner_map *owners; /* of those of the archive; NULL: as they are */
    const atomic_bool *cancel;      /* NULL: none */
};

#define UNPACK_INIT                                               \
    {                                                             \
        .uid = UNPACK_KEEP_OWNER, .gid = (gid_t)UNPACK_KEEP_OWNER \
    }

struct unpack_result {
    uint64_t size_bytes; /* of regular files */
    uint64_t entries;
};

/* Reads a plain tar from `source` (decompress.h stands before it) and makes its entries below root_fd, a
 * readable directory descriptor. Stops at the end of the archive; what follows stays in the source.
 *
 * -EBADMSG for what is no tar or is damaged; -EPERM for an entry that leads out; -E2BIG for more than
 * LIMIT_LAYER_ENTRIES entries; else the errno of what failed, with the entry's name. What was
 * unpacked until then stays: the caller removes the directory. */
int unpack_tar(const struct byte_source *source, int root_fd, const struct unpack_options *options,
        struct unpack_result *ret, struct error **err);
