/* Which variables a project's files are written with: `config --variables`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena;
struct project;

struct project_variable {
    const char *name;
    bool required;
    const char *default_value, *alternate_value; /* as written; NULL: none */
};
struct project_variables {
    struct project_variable *items; /* sorted by name */
    size_t len, cap;
};

/* Of a project that was loaded with no_interpolate: of all its services and resources, also of disabled
 * and unused ones, but not of what a later file replaced. Where one is used in several ways, that as
 * a required one counts, then the first with a value. All in `arena`, which may be the project's. */
void project_list_variables(
        struct arena *arena, const struct project *project, struct project_variables *ret);
