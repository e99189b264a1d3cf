/* Drop-ins: the directories that add lines to a unit, and which of their files count. */
#pragma once

#include "base/array.h"

struct arena;
struct diag;
struct search;

/* The names of a unit's drop-in directories, strongest first. For "a-b@1.container": "a-b@1.container.d",
 * "a-b@.container.d", "a-@.container.d", "a-.container.d", "container.d". */
struct strings dropin_names(struct arena *arena, const char *unit_name);

/* Paths of the drop-ins of a unit in the order in which they apply: by file name, whatever their
 * directory; of several with one name the strongest. Directories that cannot be read become findings;
 * the number of these is returned. */
int dropin_collect(const struct search *search, struct arena *arena, const char *unit_name,
        struct strings *ret_paths, struct diag *diag);
