/* Several quadlets in one file, as `berth quadlet install NAME.quadlets` takes them: parts that lines of "---" separate. Each
 * needs a comment "# FileName=STEM"; its type is its first section that is one of a quadlet. */
#pragma once

#include <stddef.h>

struct arena;
struct diag;
struct unit_text;

struct quadlet_part {
    const char *name; /* "STEM.container" */
    const char *text; /* terminated */
    size_t len;
    unsigned line; /* of the file, where the part begins */
};
struct quadlet_parts {
    struct quadlet_part *items;
    size_t len, cap;
};

/* Everything lives in the arena. -EINVAL with a finding for each part that is of no use. */
int quadlet_split_parts(struct arena *arena, const struct unit_text *text,
        struct quadlet_parts *ret, struct diag *diag);
