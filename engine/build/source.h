/* Where COPY and ADD take files from: the build context, another stage's root file system, or an image's.
 * A source is a directory descriptor that nothing leads out of, with the patterns that keep paths out. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "engine/build/ignore.h"

struct arena;
struct digest;
struct engine;
struct error;

struct source_tree {
    int root_fd;
    struct ignore_list ignore;
    const char *what; /* for messages: "the build context", "the stage \"x\"" */
};

/* The paths (relative, cleaned, sorted) that one COPY source names: itself, or what its wildcards match.
 * `exclude` adds to the tree's own patterns and may be NULL. No match is -ENOENT with a hint. */
int source_match(struct arena *arena, const struct source_tree *tree, const char *pattern,
        const struct ignore_list *exclude, struct strings *ret, struct error **err);

/* Feeds what a copy of `path` would bring into the digest: names, types, modes, contents, link targets;
 * neither times nor (unless keep_owner) owners. */
int source_hash(struct engine *engine, const struct source_tree *tree, const char *path,
        const struct ignore_list *exclude, bool keep_owner, struct digest *digest,
        struct error **err);

struct source_copy {
    const struct ignore_list *exclude;
    bool keep_owner; /* --from without --chown */
    uid_t uid;
    gid_t gid;
    mode_t mode; /* TREE_COPY_KEEP_MODE: as it is */
};

/* Copies `path` into the root file system dest_root_fd at `dest` (absolute). A directory's contents are
 * merged into the directory `dest`; a file becomes `dest`, or lies in it when into_directory or when
 * `dest` is a directory. Missing directories are made with mode 0755. */
int source_copy(struct engine *engine, const struct source_tree *tree, const char *path,
        int dest_root_fd, const char *dest, bool into_directory, const struct source_copy *options,
        struct error **err);

/* Writes bytes as a file at the destination, for heredocs. */
int source_write(int dest_root_fd, const char *dest, const void *data, size_t len, uid_t uid,
        gid_t gid, mode_t mode, struct error **err);
