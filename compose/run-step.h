/* One step of a plan as calls to a backend. No threads, no order: that is run.c. */
#pragma once

#include "compose/backend.h"

struct error;
struct plan_step;

/* Carries the step out on the container `id` (NULL where it concerns none, or makes one). *ret_id is what
 * creating, pulling and building gave (given: free()), else NULL. *ret_warning (may be NULL) gets what went
 * wrong but does not fail the step: given. */
int run_step(struct backend *backend, const struct plan_step *step, const char *id,
        const struct backend_call *call, char **ret_id, struct error **ret_warning,
        struct error **err);
