/* What runs against what was last applied (compose/plan-applied.c): for `drift`. Looks at nothing by itself; the
 * compose files do not count, only what the engine noted when they were applied. */
#pragma once

#include <stddef.h>

#include "base/array.h"
#include "compose/backend.h"

struct arena;
struct error;
struct observed_state;
struct strbuf;

enum drift_kind {
    DRIFT_MISSING, /* a container, network or volume that was applied is not there */
    DRIFT_STOPPED, /* it is there and does not run, though it should */
    DRIFT_EXTRA,   /* a container with the project's label that was not applied */
    DRIFT_MODEL,   /* made from something else than what was applied */
    DRIFT_IMAGE,   /* not of the image that its reference now means */
    DRIFT_LIMITS,  /* other limits than were applied */
    DRIFT_NETWORK, /* not on a network that was applied, or on one that was not */
    DRIFT_MOUNT,   /* something that was mounted is not */
    DRIFT_KIND_MAX_,
};

struct drift {
    enum drift_kind kind;
    const char *subject;          /* "Container demo-web-1" */
    const char *service;          /* NULL for networks and volumes */
    const char *text;             /* "memory limit is 64 MiB, 32 MiB was applied" */
    const char *applied, *actual; /* NULL where there is no value */
};
struct drifts {
    struct drift *items;
    size_t len, cap;
};

/* What has to be observed: everything that was applied, by name. Lives in `arena`. */
struct backend_query drift_query(
        struct arena *arena, const char *project, const struct observed_state *state);

/* All differences; -ENODATA when nothing was applied, or cannot be read. Containers of which `facts` are known are
 * compared by these, too. */
int drift_find(struct arena *arena, const char *project, const struct observed_state *state,
        struct drifts *ret, struct error **err);

void drift_print_text(const struct drifts *drifts, struct strbuf *out);
void drift_print_json(const char *project, const struct drifts *drifts, struct strbuf *out);

const char *drift_kind_name(enum drift_kind kind); /* "missing" */
