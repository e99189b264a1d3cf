/* systemd's `%` specifiers, as far as the name of the unit alone decides them: %n %N %p %P %i %I %j %J and %%.
 * All others need the running system and stay for systemd. */
#pragma once

#include <stdbool.h>

struct arena;

/* Expands in `text` for the unit `name` ("web@1.service"). The result lives in the arena; NULL when a
 * specifier remains that the name does not decide, or the text ends in a single '%'. */
const char *specifier_expand(struct arena *arena, const char *text, const char *name);

/* True when the text begins with a specifier, "%%" not being one. */
bool specifier_is_first(const char *text);
