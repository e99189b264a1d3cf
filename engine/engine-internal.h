/* What the parts of the engine (state, image, network, volume, container, build) share of the handle.
 * Nothing outside engine/ includes this. */
#pragma once

#include <stdbool.h>

#include "engine/engine.h"
#include "engine/state/db.h"

#define ENGINE_BOOT_ID_LEN 36

struct engine {
    struct engine_options options; /* every text owned by the handle, directories absolute */
    int root_fd, run_fd;           /* ROOT and RUN, O_PATH-like directory descriptors */
    struct db *db;
    char boot_id[ENGINE_BOOT_ID_LEN + 2]; /* room for the newline that is read and dropped */
};

/* True once the caller wants the work to end. Long loops ask now and then. */
bool engine_is_cancelled(const struct engine *engine);

/* -ECANCELED with "interrupted" when the caller wants the work to end, else 0. */
int engine_check_cancelled(const struct engine *engine, struct error **err);

/* Tells `events` what happened to something that is no container ("image", "pull", its id). key and value (NULL: none)
 * are its attribute. */
void engine_event(struct engine *engine, const char *type, const char *action, const char *id,
        const char *key, const char *value);

/* Takes RUN/locks/NAME exclusively and returns the descriptor that holds it (close it to let go); waits
 * when `wait`, else -EWOULDBLOCK without an error object. Never taken while a database transaction is
 * open: locks come first, then the transaction. */
int engine_lock(struct engine *engine, const char *name, bool wait, struct error **err);

/* The same, waiting until the caller wants the work to end (-ECANCELED): for what may be held long. */
int engine_lock_unless_cancelled(struct engine *engine, const char *name, struct error **err);

/* Removes the lock's file; only by its holder, when what it guards is gone for good. */
void engine_lock_remove(struct engine *engine, const char *name);
