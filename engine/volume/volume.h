/* Named and anonymous volumes: a directory ROOT/volumes/NAME/_data and a row. Those of the driver "image" begin as the
 * files of an image, those of "local" with what the first container has there. What the options type/o/device name is
 * mounted there while containers run that use it (volume-mount.h). A volume is in use as long as a container, running
 * or not, refers to it. Knows nothing of how containers are run. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>

#include "engine/container/config.h"

struct arena;
struct engine;
struct error;
struct strings;

/* Podman's, beside Docker's type, device and o: whose the volume's directory is, and that it is not filled from the
 * image. The values of the last one do not count. */
#define VOLUME_OPTION_UID "uid"
#define VOLUME_OPTION_GID "gid"
#define VOLUME_OPTION_NO_COPY "nocopy"
#define VOLUME_OPTION_IMAGE \
    "image" /* of the driver of that name: which one, and it is here already */

struct volume {
    const char *name, *driver, *mountpoint;
    struct container_pairs options, labels;
    int64_t created_nsec;
    bool anonymous;
    size_t users; /* containers that refer to it */
};

struct volumes {
    struct volume *items;
    size_t len, cap;
};

struct volume_create_options {
    const char *name;   /* NULL: anonymous, 64 hex digits */
    const char *driver; /* NULL: local; or image; others are refused */
    struct container_pairs options, labels;
    const char *container_id; /* that it is made for; NULL */
};

/* True for [a-zA-Z0-9][a-zA-Z0-9_.-]+ of at most 255 bytes. */
bool volume_name_is_valid(const char *name);

/* Makes it, or finds the one that is there with the same driver and options (another's is an error,
 * in Docker's words). Returns 1 when it was made, 0 when it was there. Everything lives in the arena. */
int volume_create(struct engine *engine, struct arena *arena,
        const struct volume_create_options *options, struct volume *ret, struct error **err);

/* *ret NULL: none. */
int volume_lookup(struct engine *engine, struct arena *arena, const char *name, struct volume **ret,
        struct error **err);

/* Refused with -EBUSY while containers refer to it. With `force` a missing one is fine; else -ENOENT. */
int volume_remove(struct engine *engine, const char *name, bool force, struct error **err);

struct volume_filter {
    char **names;       /* parts */
    char **labels;      /* "key" or "key=value", all must hold */
    int dangling;       /* 1 only unused, 0 only used, -1 all */
    const char *driver; /* NULL: any */
};
#define VOLUME_FILTER_INIT \
    {                      \
        .dangling = -1     \
    }

/* By name. */
int volume_list(struct engine *engine, struct arena *arena, const struct volume_filter *filter,
        struct volumes *ret, struct error **err);

/* What it takes on disk. */
uint64_t volume_size(struct engine *engine, const char *name);

/* Its contents as a tar archive to a descriptor, and from one (of any compression) on top of what it holds. -ENOENT when
 * there is no such volume, -EOPNOTSUPP for one that the driver's options put elsewhere. */
int volume_export(struct engine *engine, const char *name, int fd, struct error **err);
int volume_import(struct engine *engine, const char *name, int fd, struct error **err);

/* Docker's inspect object. New reference. */
json_t *volume_inspect(const struct volume *volume);

/* Removes unused ones: anonymous only, or `all`, that the filter takes (NULL: any). The names removed, in the arena, and
 * their bytes. */
struct prune_filter;
int volume_prune(struct engine *engine, struct arena *arena, bool all,
        const struct prune_filter *prune, struct strings *ret_names, uint64_t *ret_bytes,
        struct error **err);
