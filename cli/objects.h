/* What several commands print in the same way. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/opts.h"

struct arena;
struct cli;
struct container;
struct engine;
struct error;
struct events_options;
struct strings;

/* What `ps` knows of a container, with Docker's keys (ID Image Command …); without `details` only what its default
 * table shows. New reference. */
json_t *container_row(struct arena *arena, const struct container *container, bool no_trunc,
        bool details, int64_t now_nsec);

/* What `volume ls` knows of a volume. New reference. */
struct volume;
json_t *volume_row(struct arena *arena, const struct volume *volume);

/* What `images` knows of an image, a row for each of its names. */
struct image;
void image_rows(struct arena *arena, json_t *rows, const struct image *image, bool no_trunc,
        int64_t now_nsec);

/* --platform (NULL, "": any) of commands on images that are here. Images of several platforms lie here under one
 * platform each, so it is only a check; exit status. */
int image_check_platforms(struct cli *cli, const char *platform, int argc, char **argv);

/* `inspect` of objects of one type ("image", NULL: any) through the format; exit status. */
int inspect_objects(struct cli *cli, const char *type, const char *format, int argc, char **argv);

/* That of a group whose objects are all of one type (`network inspect`): its option, and its `run`. */
struct objects_inspect_options {
    const char *format;
};
extern const struct opt objects_inspect_opts[];
extern const struct command command_container_inspect; /* `container inspect`, in cmd-ps.c */
int objects_inspect(struct cli *cli, const char *type, const void *data, int argc, char **argv);

/* What `prune` has removed: "Deleted Networks:" and their names; nothing without names. */
void objects_print_pruned(struct cli *cli, const char *what, const struct strings *names);

struct build_cache_filter;
/* Prunes the build cache and prints what went; adds to *bytes. */
int builder_prune_print(struct cli *cli, struct engine *engine,
        const struct build_cache_filter *filter, uint64_t *bytes, struct error **err);

/* Removes all stopped containers that the filter takes, prints which, and adds what they took to *bytes; exit status. */
struct prune_filter;
int container_prune_print(
        struct cli *cli, struct engine *engine, const struct prune_filter *prune, uint64_t *bytes);

/* Gives what happens to how->take, between --since and --until (NULL: not given); exit status. */
int events_show(struct cli *cli, const char *since, const char *until, struct events_options *how);

/* The processes of a container as a table. */
int top_print(struct cli *cli, struct engine *engine, const char *container, char *const *ps_words,
        unsigned min_width, struct error **err);
