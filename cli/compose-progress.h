/* Progress of a plan on standard error: a block of lines that is redrawn on a terminal, plain lines on a
 * pipe, JSON objects for programs, or nothing.
 *
 *     [+] Running 2/3
 *      ✔ Network demo_default  Created   0.1s
 *      ✔ Container demo-db-1   Healthy   1.2s
 *      ⠿ Container demo-web-1  Starting  0.3s
 */
#pragma once

#include <stdbool.h>

#include "base/cleanup.h"
#include "compose/run.h"

struct cli;
struct plan;

struct compose_progress;

/* `type` is --progress (NULL: COMPOSE_PROGRESS, then auto). 0, or the exit status of a wrong type, which was
 * reported. */
int compose_progress_check(struct cli *cli, const char *type);

/* The same check first. */
int compose_progress_new(struct cli *cli, const char *type, bool quiet, const struct plan *plan,
        struct compose_progress **ret);
void compose_progress_free(struct compose_progress *progress);
DEFINE_CLEANUP(struct compose_progress *, compose_progress_free);

/* A run_event_fn. */
void compose_progress_event(void *userdata, const struct run_event *event);

/* Leaves the last state on the screen; says that nothing was changed where that is so and `say_unchanged`. */
void compose_progress_finish(
        struct compose_progress *progress, bool say_unchanged, const struct run_result *result);
