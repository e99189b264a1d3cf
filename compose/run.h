/* Carries out a plan on a backend: independent steps at once on several threads, a failed step stops what
 * needs it and nothing else. Decides nothing: what is done, in which order and why is in the plan.
 *
 * States of a step (invariants: a step leaves a final state never; the callback sees each step's states in
 * this order; RUN_RUNNING is held by exactly one thread; all under one lock):
 *
 *   state      | holds                                | goes to
 *   WAITING    | some step that it needs is not over  | RUNNING, UNNEEDED, SKIPPED, CANCELLED
 *   RUNNING    | a thread is in the backend for it    | DONE, FAILED, CANCELLED
 *   DONE       | final: it was done                   |
 *   UNNEEDED   | final: its `when` did not hold       |
 *   FAILED     | final: its error is kept             |
 *   SKIPPED    | final: one that it needs failed      |
 *   CANCELLED  | final: the run was cancelled         |
 *
 * A process that dies in the middle leaves what the backend had done; planning again from what then exists
 * gives the rest. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "compose/backend.h"

struct error;
struct plan;
struct plan_step;

enum run_state {
    RUN_WAITING,
    RUN_RUNNING,
    RUN_DONE,
    RUN_UNNEEDED,
    RUN_FAILED,
    RUN_SKIPPED,
    RUN_CANCELLED,
    RUN_STATE_MAX_,
};

enum run_event_kind {
    RUN_EVENT_STARTED,
    RUN_EVENT_PROGRESS, /* `progress` is set */
    RUN_EVENT_DONE,
    RUN_EVENT_UNNEEDED,
    RUN_EVENT_FAILED,  /* `error` is set */
    RUN_EVENT_WARNING, /* an optional step failed: `error` is set */
    RUN_EVENT_SKIPPED, /* `cause` is the step that failed */
    RUN_EVENT_CANCELLED,
    RUN_EVENT_MAX_,
};

struct run_event {
    enum run_event_kind kind;
    const struct plan_step *step;
    const char *subject; /* "Container demo-web-1" */
    const char *word;    /* "Started" in Docker Compose's words; NULL: not worth a line */
    const struct backend_progress *progress;
    const struct error *error;
    const struct plan_step *cause;
    size_t done, total; /* steps that are over, of all */
};

typedef void (*run_event_fn)(void *userdata, const struct run_event *event);

#define RUN_PARALLEL_DEFAULT 16

struct run_options {
    int parallel;              /* steps at once; <= 0: RUN_PARALLEL_DEFAULT. Waits do not count */
    const atomic_bool *cancel; /* NULL: cannot be cancelled */
    int cancel_fd;             /* see backend.h; -EBADF for none */
    run_event_fn on_event;     /* NULL: none. Called by several threads, never by two at once */
    void *userdata;
};

struct run_failure {
    const struct plan_step *step;
    struct error *error; /* owned by the result */
};

struct run_result {
    enum run_state *states; /* by step index */
    char **ids;             /* by step index: what create, pull and build gave; NULL for none */
    size_t steps;
    struct run_failure *failures; /* in the order in which they happened */
    size_t failures_len;
    size_t counts[RUN_STATE_MAX_];
};

/* Runs the plan; the backend handle is used on the calling thread only, each thread opens its own. Returns 0;
 * -ECANCELED when it was cancelled before all was done; else the code of the first failure. *err is then the first
 * failure's error in a copy with the number of further ones; all of them are in `result`, which is set in
 * every case and released by the caller. */
int run_plan(struct backend *backend, const struct plan *plan, const struct run_options *options,
        struct run_result *result, struct error **err);

void run_result_release(struct run_result *result);

const char *run_state_name(enum run_state state); /* "done" */

#define RUN_OPTIONS_INIT    \
    {                       \
        .cancel_fd = -EBADF \
    }
