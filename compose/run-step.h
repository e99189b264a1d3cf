/* One step of a plan as calls to a backend. No threads, no order: that is run.c. */
#pragma once

#include "compose/backend.h"

struct error;
struct plan_step;

struct run_step {
    const struct plan_step *step;
    const char *id; /* the container's; NULL where it concerns none, or makes one */
    const struct backend_call *call;
    /* What came of it, both given: */
    char *ret_id;              /* what creating, pulling and building gave, else NULL: free() */
    struct error *ret_warning; /* what went wrong but does not fail the step, or NULL */
};

/* Carries it out. */
int run_step(struct backend *backend, struct run_step *run, struct error **err);
