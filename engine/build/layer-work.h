/* A layer in the making: a temporary directory with an overlay's upper and work directories over the
 * layers so far, and the merged view to write through. Either it becomes a layer of the store or it goes;
 * what a process that dies leaves under ROOT/tmp is removed by the store's clean-up. */
#pragma once

#include <stdbool.h>

#include "base/array.h"
#include "engine/image/store-internal.h"

struct arena;
struct engine;
struct error;

struct layer_work {
    struct store_work store; /* the temporary directory, locked while it is in use */
    int root_fd;             /* the merged view */
};

#define LAYER_WORK_INIT                             \
    {                                               \
        .store = STORE_WORK_INIT, .root_fd = -EBADF \
    }

/* `layers`: diff ids, bottom first. */
int layer_work_open(struct engine *engine, struct arena *arena, const struct strings *layers,
        struct layer_work *ret, struct error **err);

/* Turns what was written into a layer; ret_diff_id is "" when nothing was. */
int layer_work_commit(
        struct layer_work *work, char ret_diff_id[static IMAGE_DIFF_ID_MAX], struct error **err);

void layer_work_release(struct layer_work *work);

/* The directories of layers, bottom first, in the arena. */
int layer_work_dirs(struct engine *engine, struct arena *arena, const struct strings *layers,
        struct strings *ret, struct error **err);

/* True when a directory holds nothing. */
bool directory_is_empty(int dir_fd, const char *name);
