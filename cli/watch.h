/* `watch`: waits for files to change and does what the rules of develop.watch say, one batch after the other, until
 * the user interrupts. */
#pragma once

#include <stdbool.h>

#include "base/array.h"
#include "cli/watch-rules.h"

struct compose;

struct watch_options {
    bool quiet;   /* nothing of builds is shown */
    bool prune;   /* images that a rebuild left without a name are removed */
    int until_fd; /* ends, too, once this is at its end; -EBADF: not asked for */
};

/* Lives as long as the compose's arena. Reports what is wrong; exit status. */
int watch_load(struct compose *compose, const struct strings *services, struct watch_list *ret);

/* Services that are built and watched have their images built at each `up`. */
void watch_build_always(struct compose *compose);

/* Takes the lock of the one that watches the project, in *ret until closed. Exit status; another watches: failure. */
int watch_lock(struct compose *compose, int *ret);

/* Exit status. Failures of single actions are reported, and it goes on. */
int watch_run(struct compose *compose, const struct watch_list *list,
        const struct watch_options *options);
