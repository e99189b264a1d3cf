/* Files of variables: .env, --env-file and a service's env_file. The grammar is Docker Compose's: K=V,
 * K: V, export, comments, quotes over several lines, escapes and variables in double quotes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "base/source.h"
#include "base/strmap.h"

struct arena;
struct diag;

struct env_entry {
    const char *key, *value;
    struct source at; /* of the line */
};
struct env_entries {
    struct env_entry *items; /* in order; a later one of the same key counts */
    size_t len, cap;
};

struct env_text {
    const char *file; /* for places; must outlive the diag entries' use of it only by copy */
    const char *data;
    size_t len;
    bool raw;                   /* `format: raw`: what follows "=" is the value as it is */
    const struct strmap *outer; /* what references see first; NULL: nothing */
    struct strmap *
            known; /* what earlier files have set, this one adds to it; NULL: nothing, nobody asks */
};

/* Reads a text. References see `outer`, then `known`, then earlier lines. A key without "=" takes its value
 * from `outer` and is left out when that has none. Appends to *entries (arena). 0, or -EINVAL with the
 * mistake in diag. */
int env_parse(struct arena *arena, const struct env_text *text, struct env_entries *entries,
        struct diag *diag);
