/* `compose config --resolve-image-digests`: what the services' tags stand for at their registries. */
#pragma once

#include <stdbool.h>

struct compose;

/* Puts references with digests in the place of the services' images, of disabled services as well when
 * `all`. Each image that cannot be resolved is reported with its place. Exit status. */
int config_resolve_digests(struct compose *compose, bool all);
