/* What a service's `build` and the command line ask for, as the engine's builder has it. */
#pragma once

struct arena;
struct backend_build_spec;
struct build_options;
struct error;

/* All but progress and diag. In the arena, and borrowed from the specification. */
int compose_build_options(struct arena *arena, const struct backend_build_spec *spec,
        struct build_options *ret, struct error **err);
