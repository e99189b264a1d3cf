/* --filter of the prune commands. */
#pragma once

#include <stdbool.h>

#include "engine/state/prune-filter.h"

struct arena;
struct error;
struct strings;

/* "until=TIME", "label=KEY[=VALUE]", "label!=KEY[=VALUE]"; with `all` also "all=BOOL", which goes there. Volumes know no
 * time: `knows_time` is false for them. Lives in the arena. */
struct prune_words {
    bool knows_time;
    bool *all; /* NULL: not known */
};
int prune_parse_filters(struct arena *arena, const struct strings *words,
        const struct prune_words *known, struct prune_filter *ret, struct error **err);
