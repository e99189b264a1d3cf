/* Named members of an archive of images: an OCI layout directory, or a tar that was spooled into a work
 * directory (its table of contents may come last, and standard input cannot be read twice). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/strmap.h"

struct error;
struct progress;
struct store_work;

struct bundle {
    struct arena arena;
    int dir_fd;          /* the layout directory; -EBADF for a spooled tar */
    int work_fd;         /* borrowed */
    struct strmap files; /* spooled: cleaned name to file name in the work directory */
    struct strmap links; /* cleaned name to cleaned name */
};
#define BUNDLE_INIT                         \
    {                                       \
        .dir_fd = -EBADF, .work_fd = -EBADF \
    }

/* Reads `fd` (a directory, or any tar stream) as a bundle. */
int bundle_open(struct store_work *work, int fd, struct bundle *ret, struct error **err);
void bundle_release(struct bundle *bundle);

bool bundle_has(const struct bundle *bundle, const char *name);

/* A descriptor for reading member `name`; *ret_spooled (may be NULL) is its name in the work directory,
 * borrowed, or NULL when it lies elsewhere. */
int bundle_open_member(const struct bundle *bundle, const char *name, const char **ret_spooled,
        struct error **err);

/* A small member whole, terminated. Given. */
int bundle_read_member(const struct bundle *bundle, const char *name, size_t max_bytes,
        char **ret_data, size_t *ret_len, struct error **err);
