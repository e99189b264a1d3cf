/* An `up` in the foreground: the output of its containers, as they come and go, until all have ended; the first
 * interrupt stops them, the second kills them. With watching, and keys for it, on request. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"

struct compose;

struct up_attached {
    const char *exit_code_from;
    struct strings attach, no_attach;
    bool abort_on_exit, abort_on_failure, no_log_prefix, no_colour, timestamps, attach_dependencies;
    bool watch;
    bool menu;            /* keys are offered; needs a terminal */
    int64_t timeout_sec;  /* as --timeout */
    int64_t started_nsec; /* output from then on is shown */
};

/* `argc` words name the services that were asked for. Exit status. */
int up_attach(struct compose *compose, const struct up_attached *options, int argc, char **argv);
