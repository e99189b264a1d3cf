/* Reading linux.resources; part of reading the whole configuration (spec.c). */
#pragma once

#include <jansson.h>

#include "engine/runtime/resources.h"

struct arena;
struct error;

struct number_member {
    const char *key;
    size_t offset; /* of an int64_t */
    const char *what;
    int64_t min, max;
};

int resources_parse(
        struct arena *arena, const json_t *json, struct runtime_resources *ret, struct error **err);
