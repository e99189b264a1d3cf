/* Canonical JSON as the planner stores it (models of services, what was last applied), read back with as
 * little trust as any file: depth and size are bounded, and every value keeps the slice of text that it came
 * from, so that equality of values is equality of slices and any part can be stored again as it is. */
#pragma once

#include <stddef.h>

#include "base/str.h"

struct arena;

enum model_kind { MODEL_SCALAR, MODEL_TEXT, MODEL_LIST, MODEL_MAP };

struct model_value {
    enum model_kind kind;
    struct str raw;  /* borrowed from the text that was read */
    const char *key; /* in a map, decoded */
    struct {
        struct model_value *items;
        size_t len, cap;
    } members; /* of lists and maps */
};

/* Reads one JSON object with nothing behind it; members live in `arena`. 0, or -EINVAL. */
int model_value_read(struct arena *arena, const char *text, struct model_value *ret);

/* The member of a map, or NULL (also when it is no map). */
const struct model_value *model_value_member(const struct model_value *map, const char *key);

/* A text without its quotes and without the escapes \" and \\ (others stay); NULL for what is no text. Lives in
 * `arena`. */
const char *model_value_text(struct arena *arena, const struct model_value *value);
