/* A container's files from outside: what it changed, copies in and out, its root as an archive or an image. The
 * container may run, and what it holds may change or be made to mislead while we look: everything goes by
 * descriptor within its root, and nothing of the container is ever executed.
 *
 * Running or not, changes and archives are of the container's own layer over its image. Copies see what its
 * processes see, volumes included. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct engine;
struct error;

enum container_change_kind { CONTAINER_CHANGED, CONTAINER_ADDED, CONTAINER_DELETED };

struct container_change {
    enum container_change_kind kind;
    const char *path; /* absolute */
};
struct container_changes {
    struct container_change *items;
    size_t len, cap;
};

/* `diff`: sorted by path; in the arena. Mount points that berth itself made are left out. */
int container_diff(struct engine *engine, struct arena *arena, const char *reference,
        struct container_changes *ret, struct error **err);

/* `export`: the whole root, without what is mounted in it, as a tar archive. */
int container_export(struct engine *engine, const char *reference, int fd, struct error **err);

/* What an image made of the container says under "config". New reference. */
int container_image_config(
        struct engine *engine, const char *reference, json_t **ret, struct error **err);

struct container_commit_options {
    const char *name;             /* for the image; NULL: none */
    const char *author, *message; /* NULL: none */
    json_t *config;               /* borrowed; NULL: container_image_config's */
    bool pause;                   /* nothing of the container runs while its files are read */
};

/* `commit`: the container's own layer on top of its image's. *ret_image_id given. */
int container_commit(struct engine *engine, const char *reference,
        const struct container_commit_options *options, char **ret_image_id, struct error **err);

struct container_copy_options {
    bool keep_owner;  /* else root in the container, the caller outside */
    bool follow_link; /* of the source's last component */
};

/* `cp`, by the rules of cp -a: a directory becomes `target`, or goes into it when that exists; "…/." is its contents.
 * *ret_bytes (may be NULL) is what a tar archive of it would take. */
int container_copy_in(struct engine *engine, const char *reference, const char *source,
        const char *target, const struct container_copy_options *options, uint64_t *ret_bytes,
        struct error **err);
int container_copy_out(struct engine *engine, const char *reference, const char *source,
        const char *target, const struct container_copy_options *options, uint64_t *ret_bytes,
        struct error **err);

/* Brings paths of the container to what they are on the host now, one after the other: a file or link is copied, its
 * missing parents made; a directory is only made; what the host has no longer is removed. All of it belongs to the
 * container's configured user, without one to whom it belongs outside. A file never replaces a directory. Goes on after a
 * failure, returns the first. */
struct container_sync_item {
    const char *source; /* absolute */
    const char *target; /* absolute, in the container */
};
int container_sync(struct engine *engine, const char *reference,
        const struct container_sync_item *items, size_t count, struct error **err);

/* container_copy_in and _out with a tar archive (of any compression) from a descriptor, unpacked in the directory `target`, or to one. */
int container_copy_in_tar(struct engine *engine, const char *reference, int fd, const char *target,
        const struct container_copy_options *options, struct error **err);
int container_copy_out_tar(struct engine *engine, const char *reference, const char *source, int fd,
        const struct container_copy_options *options, struct error **err);
