/* Which files below some paths change, by inotify. Directories are watched with all below them as they come and go,
 * but for those that nobody wants to hear of; a path that is not there (yet) is waited for in the nearest directory
 * that is.
 *
 * A change is told as the path that it is about, whatever it was; that a watched directory itself changed is not told. */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "base/strmap.h"

struct error;

struct watch_tree_options {
    bool (*skips)(
            void *userdata, const char *directory); /* nothing below it counts; NULL: all does */
    void *userdata;
};

struct watch_tree;
int watch_tree_new(
        const struct watch_tree_options *options, struct watch_tree **ret, struct error **err);
void watch_tree_free(struct watch_tree *tree);
DEFINE_CLEANUP(struct watch_tree *, watch_tree_free);

/* `path` is absolute and cleaned: a file, or a directory with all below it. */
int watch_tree_add(struct watch_tree *tree, const char *path, struct error **err);

/* Readable when there is something to read. */
int watch_tree_fd(const struct watch_tree *tree);

/* Takes what has happened since, without waiting, and adds the paths to the keys of *changed. When the kernel could
 * not keep up, everything below the paths counts as changed. Returns 1 when anything came, else 0. */
int watch_tree_read(struct watch_tree *tree, struct strmap *changed, struct error **err);
