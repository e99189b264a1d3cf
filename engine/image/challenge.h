/* WWW-Authenticate: the challenges of a registry (RFC 9110 §11, and the distribution specification's
 * token authentication). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena;

enum challenge_scheme { CHALLENGE_BEARER, CHALLENGE_BASIC };

struct challenge {
    enum challenge_scheme scheme;
    const char *realm, *service, *scope; /* in the arena; NULL: not said */
};

/* Reads one header's value, which may hold several challenges, and gives the best that berth can meet:
 * Bearer (with a realm) before Basic. False when there is none. */
bool challenge_parse(struct arena *arena, const char *value, struct challenge *ret);
