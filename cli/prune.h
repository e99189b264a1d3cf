/* Options of the prune commands. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/opts.h"
#include "engine/state/prune-filter.h"

struct arena;
struct error;
struct strings;

/* Rows of a table of options; the struct has members `filters` and `force`. */
#define PRUNE_FILTER_ROW(options, known)                             \
    {                                                                \
        .name = "filter", .type = &opt_list, .arg = "KEY=VALUE",     \
        .offset = offsetof(struct options, filters), .help = (known) \
    }
#define PRUNE_FORCE_ROW(options)                                        \
    {                                                                   \
        .name = "force", .letter = 'f', .type = &opt_flag,              \
        .offset = offsetof(struct options, force), .help = "Do not ask" \
    }

/* "until=TIME", "label=KEY[=VALUE]", "label!=KEY[=VALUE]"; with `all` also "all=BOOL", which goes there. Volumes know no
 * time: `knows_time` is false for them. Lives in the arena. */
struct prune_words {
    bool knows_time;
    bool *all; /* NULL: not known */
};
int prune_parse_filters(struct arena *arena, const struct strings *words,
        const struct prune_words *known, struct prune_filter *ret, struct error **err);
