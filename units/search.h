/* Where unit files lie: directories with everything below them, in order of strength, each read once.
 * A directory is followed by its subdirectories, depth first, by name; directories of drop-ins
 * ("….d") are no places for units; a directory that was seen is not visited again, so links may
 * go in circles. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "base/strmap.h"

struct arena;

struct search_dir {
    const char *path;     /* links resolved; as it was given when that could not be done */
    struct strings names; /* everything in it, sorted */
    int error;            /* positive errno when it could not be read; ENOENT: it is not there */
};

struct search {
    struct arena *arena;
    struct {
        struct search_dir *items;
        size_t len, cap;
    } dirs;
    struct strmap visited;
    bool has_dropins; /* some directory has an entry "….d" */
};

/* False for resolved paths that are to be left out, with what lies below them. */
typedef bool (*search_filter_fn)(void *userdata, const char *path);

void search_init(struct search *search, struct arena *arena);

/* Adds a directory and what is below it; `accept` may be NULL. One that is not there is kept in the
 * list, with its error, for messages. */
void search_add(struct search *search, const char *path, search_filter_fn accept, void *userdata);

/* True when the directory has an entry of that name (as of when it was read). */
bool search_dir_has(const struct search_dir *dir, const char *name);

/* Reads the names in a directory, sorted, without "." and "..". 0 or -errno. */
int search_read_names(struct arena *arena, const char *path, struct strings *ret);
