/* What waiting for a container of a project comes to (compose/backend.h) on berth's own engine. */
#pragma once

#include <stdint.h>

#include "compose/backend.h"

struct engine;
struct error;

/* `timeout_usec`: TIMEOUT_NEVER or from now on. Whatever became of the container is an outcome, no error; the
 * result's output is given (free()). */
int compose_wait_container(struct engine *engine, const char *id,
        enum backend_wait_condition condition, int64_t timeout_usec,
        struct backend_wait_result *ret, struct error **err);
