/* `watch` beside `up`: a process of its own, so that a build does not hold up the logs. Its lines come through a pipe,
 * and it ends with whoever started it. */
#pragma once

#include <stdbool.h>

struct compose;
struct error;
struct strings;

struct watch_child;
int watch_child_start(struct compose *compose, const struct strings *services, bool quiet,
        struct watch_child **ret, struct error **err);

typedef void (*watch_line_fn)(void *userdata, const char *line);

/* Ends it, waits until it has (its last lines go to `take`), and frees. NULL is fine. */
void watch_child_stop(struct watch_child *child, watch_line_fn take, void *userdata);

/* Readable when it said something, or ended. */
int watch_child_fd(const struct watch_child *child);

/* Gives every whole line that is there to `take`. True while it lives. */
bool watch_child_read(struct watch_child *child, watch_line_fn take, void *userdata);
