/* Waiting for what happens to containers while their logs are shown: output, ends, interrupts. Each
 * container is waited for by a thread with an engine handle of its own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct cli;
struct engine;
struct error;
struct log_view;

enum follow_event {
    FOLLOW_ENDED,
    FOLLOW_INTERRUPTED,
    FOLLOW_OUTPUT_LOST, /* nobody reads our output any more (`logs -f | head`) */
};

struct follow;
int follow_new(struct cli *cli, struct follow **ret, struct error **err);
void follow_free(
        struct follow *follow); /* threads that still wait are left to the end of the process */
DEFINE_CLEANUP(struct follow *, follow_free);

/* Waits for this container's end too; one that does not run ends at once. */
int follow_add(struct follow *follow, const char *container_id, struct error **err);
size_t follow_alive(const struct follow *follow); /* containers whose end has not been reported */

/* Blocks for the next event; output of `view` (may be NULL) is printed on the way. For FOLLOW_ENDED
 * *ret_id (borrowed) and *ret_code are set; a container that vanished has code 137. */
int follow_next(struct follow *follow, struct log_view *view, const char **ret_id, int *ret_code,
        struct error **err);

/* `logs -f`: until all of them have ended, or the user interrupts (which is no error). */
int follow_until_ended(struct cli *cli, struct engine *engine, struct log_view *view,
        const char *const *ids, size_t count, struct error **err);
