/* The generator's way from enabled projects (compose/enabled.h) to units. */
#pragma once

#include "base/array.h"

struct arena;
struct diag;
struct project_units;
struct project_units_options;
struct strmap;

/* The files of enabled projects below `directory` (…/projects): absolute paths, sorted. A missing directory has
 * none. */
struct strings project_list_enabled(struct arena *arena, const char *directory);

/* Units of one of them. One that cannot be used gives its placeholder (project_make_placeholder) and -EINVAL, with
 * the findings in `diag`. The options' profiles and source path are those of the file, and `stopped` is what lies
 * beside it (NAME.stopped, a name on each line). */
int project_read_units(struct arena *arena, const char *path,
        const struct project_units_options *options, struct project_units *ret, struct diag *diag);

/* The file beside `path` (…/NAME.yaml) that names, a line each, the services that were stopped by the user's will. */
const char *project_stopped_path(struct arena *arena, const char *path);

/* What lies beside `path` of services that were stopped by the user's will. */
void project_read_stopped(struct arena *arena, const char *path, struct strmap *ret);
