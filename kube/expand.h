/* "$(NAME)" in commands and arguments, as Kubernetes has it: known names become their value, others stay as they stand, and
 * "$$" is "$". */
#pragma once

struct arena;

typedef const char *(*kube_lookup_fn)(const void *userdata, const char *name); /* NULL: unknown */

/* In the arena. */
const char *kube_expand(
        struct arena *arena, const char *text, kube_lookup_fn lookup, const void *userdata);
