/* The table of `stats`, once or again and again, for `berth stats` and `berth compose stats`. */
#pragma once

#include <stdbool.h>

struct cli;
struct container_filter;
struct engine;
struct error;

struct stats_view {
    const struct container_filter *filter; /* of those that are shown, unless names are given */
    char **names;                          /* NULL-terminated; NULL: as the filter says */
    const char *format;
    bool once, no_trunc;
};

/* Until the user interrupts, which is no error. */
int stats_view_run(
        struct cli *cli, struct engine *engine, const struct stats_view *view, struct error **err);
