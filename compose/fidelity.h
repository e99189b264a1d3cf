/* What becomes of each attribute of a project in its units: mapped, approximated (how) or dropped (why), with its place.
 * All of it is the schema's: of units that run berth what the engine's column and that of units say, of quadlets for
 * Podman what that column says. */
#pragma once

#include "base/array.h"
#include "base/source.h"
#include "compose/schema.h"

struct arena;
struct project;

enum fidelity_for {
    FIDELITY_BERTH,  /* units that run berth */
    FIDELITY_PODMAN, /* quadlets for Podman */
};
extern const char *const fidelity_names[UNITS_MAX_]; /* "mapped" … */

struct fidelity_entry {
    const char *path; /* "services.web.ports[0].mode" */
    struct source at;
    enum attr_units state;
    const char *note; /* NULL for what is mapped */
};
struct fidelity {
    struct fidelity_entry *items;
    size_t len, cap;
    size_t counts[UNITS_MAX_];
};

/* Of what the files say; defaults that nobody wrote are not told when they are dropped. In the arena. */
void fidelity_collect(struct arena *arena, const struct project *project, enum fidelity_for whose,
        struct fidelity *ret);
