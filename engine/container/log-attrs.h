/* The "attrs" of json-file's lines: what the log options labels, labels-regex, env, env-regex and tag select. */
#pragma once

#include <jansson.h>

struct container;
struct error;

/* New reference, or NULL when no option selects anything. */
int log_attrs_build(const struct container *container, json_t **ret, struct error **err);
