/* Notes of half-done work. A directory and a row cannot be made or removed in one step, so whoever is
 * about to make a directory (whose row comes later) or to remove one (whose row goes first) notes it in
 * ROOT/tmp/sweep-…, holds an flock on the note while it works, and removes the note at the end. A note
 * whose lock is free belongs to a process that died: what it names and has no row is removed, by
 * the next command.
 *
 *     auto_(sweep_release) struct sweep sweep = SWEEP_INIT;
 *     r = sweep_begin(&sweep, engine, err);
 *     r = sweep_add(&sweep, SWEEP_CONTAINER, id, err);
 *     … make the directory, then the row …
 *     sweep_done(&sweep);
 *
 * On a full disk the note goes to RUN/tmp. Left without sweep_done, what it names and has no row is removed at once. */
#pragma once

#include <errno.h>

#include "engine/engine.h"

struct error;

/* SWEEP_BUILD_SECRETS has no row: a directory in RUN/build-secrets, for as long as its note is held. */
enum sweep_kind {
    SWEEP_CONTAINER,
    SWEEP_VOLUME,
    SWEEP_SECRET,
    SWEEP_BUILD_SECRETS,
    SWEEP_KIND_MAX_
};
#define BUILD_SECRETS_DIR "build-secrets"

#define SWEEP_NAME_MAX 32

struct sweep {
    struct engine *engine; /* NULL: nothing begun */
    int fd;
    int base_fd; /* borrowed: the engine's ROOT, or RUN when ROOT is full */
    char name[SWEEP_NAME_MAX];
};
#define SWEEP_INIT                      \
    {                                   \
        .fd = -EBADF, .base_fd = -EBADF \
    }

/* Both fail with -ENOSPC when the disk is full, as a transaction's commit does then. */
int sweep_begin(struct sweep *sweep, struct engine *engine, struct error **err);
int sweep_add(struct sweep *sweep, enum sweep_kind kind, const char *name, struct error **err);
void sweep_done(struct sweep *sweep);
void sweep_release(struct sweep *sweep);

/* Carries out the notes of processes that died. Cheap when there are none. */
int sweep_stale(struct engine *engine, struct error **err);
