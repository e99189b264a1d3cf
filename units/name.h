/* Names of units: "web@1.container" has the prefix "web", the instance "1" and the extension
 * ".container"; "web@.container" is a template. Also systemd's escaping of text into names. */
#pragma once

#include <stdbool.h>

#include "base/str.h"

struct arena;

struct unit_name {
    struct str base;      /* without the extension: "web@1" */
    struct str prefix;    /* before the first '@': "web" */
    struct str instance;  /* behind it: "1"; empty for templates and plain names */
    struct str extension; /* with the dot: ".container"; empty when there is none */
    bool has_at;          /* a template or an instance */
};

/* Cuts a file name (no path) into its parts, which point into it. A dot at the start of a name begins an
 * extension, but the name keeps it ("." and all) as its base. */
struct unit_name unit_name_split(const char *name);

/* What may be a unit's name: letters, digits and ":-_.\@", not empty, at most 255 bytes. */
bool unit_name_is_valid(const char *name);

/* systemd-escape: '/' becomes '-', what may not stand in a name becomes \xHH. Lives in the arena. */
const char *unit_name_escape(struct arena *arena, const char *text);

/* systemd-escape --path: slashes at the ends go; "/" is "-". */
const char *unit_name_escape_path(struct arena *arena, const char *path);

/* systemd-escape --unescape; NULL for a broken escape. */
const char *unit_name_unescape(struct arena *arena, const char *text);
