/* Waiting for what happens to containers while their logs are shown: output, starts, ends, interrupts. Each
 * container is waited for by a thread with an engine handle of its own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct cli;
struct engine;
struct error;
struct log_view;

enum follow_event {
    FOLLOW_ENDED,
    FOLLOW_RESTARTED, /* ended, and was started again by the same command; it is waited for on */
    FOLLOW_STARTED,   /* one of the project's (follow_project) that is not waited for */
    FOLLOW_READABLE,  /* the slot of follow_listen that *ret_code says */
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
/* From `since_nsec` on, starts of the project's containers are events, too. */
int follow_project(
        struct follow *follow, const char *project, int64_t since_nsec, struct error **err);

/* Something else to wait for at the same time. A descriptor that is not to be waited for any more is -EBADF. */
enum follow_slot { FOLLOW_SLOT_WATCH, FOLLOW_SLOT_KEYS, FOLLOW_SLOT_MAX_ };
void follow_listen(struct follow *follow, enum follow_slot slot, int fd);

/* Shows and hides what stands below the output while nothing comes (NULL: nothing does). */
struct follow_footer {
    void (*show)(void *userdata);
    void (*hide)(void *userdata);
    void *userdata;
};
void follow_set_footer(struct follow *follow, const struct follow_footer *footer);

size_t follow_alive(const struct follow *follow); /* containers whose end has not been reported */

/* Blocks for the next event; output of `view` (may be NULL) is printed on the way. For FOLLOW_ENDED
 * and FOLLOW_RESTARTED *ret_id (borrowed until the next call) and *ret_code are set, for FOLLOW_STARTED the id; a
 * container that vanished has code 137. */
int follow_next(struct follow *follow, struct log_view *view, const char **ret_id, int *ret_code,
        struct error **err);

/* `logs -f`: until all of them have ended, or the user interrupts (which is no error). */
int follow_until_ended(struct cli *cli, struct engine *engine, struct log_view *view,
        const char *const *ids, size_t count, struct error **err);
