/* Reading JSON that berth wrote itself, member by member and without building it first: a listing reads a state and a
 * configuration for each container, and building those took more time than all the rest of it. What others wrote,
 * and what is looked at more than once, is read with base/json/json.h; the two accept the same texts (but NUL, which
 * jansson passes over between two words).
 *
 *     json_scan_begin(&scan, arena, text, len);
 *     if (json_scan_type(&scan) == JSON_SCAN_OBJECT && json_scan_enter(&scan))
 *         while (json_scan_member(&scan, &key))
 *             if (str_is_equal_z(key, "pid") && json_scan_type(&scan) == JSON_SCAN_NUMBER)
 *                 json_scan_integer(&scan, &pid);
 *             else
 *                 json_scan_skip(&scan);
 *     return json_scan_end(&scan, "state", err);
 *
 * Each value that begins must be read or skipped. A text that is broken ends all loops, and json_scan_end says so. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct arena;
struct error;

struct json_scan {
    const char *start, *at, *end;
    struct arena *arena; /* of texts */
    unsigned depth;
    bool after_value; /* in the object or list that was entered: a comma comes next, or its end */
    bool broken;
};

enum json_scan_type {
    JSON_SCAN_NONE, /* the text is broken */
    JSON_SCAN_OBJECT,
    JSON_SCAN_ARRAY,
    JSON_SCAN_TEXT,
    JSON_SCAN_NUMBER,
    JSON_SCAN_BOOLEAN,
    JSON_SCAN_NULL,
};

/* `text` is borrowed as long as the scan; `arena` may be NULL when no text is read. */
void json_scan_begin(struct json_scan *scan, struct arena *arena, const char *text, size_t len);

/* Of the value that comes next. */
enum json_scan_type json_scan_type(struct json_scan *scan);

/* Into the object or list that comes next. */
bool json_scan_enter(struct json_scan *scan);

/* The next member's key, after which comes its value; false at the end of the object, which is left then. The key is
 * borrowed until the next call, and in the arena when it has escapes. */
bool json_scan_member(struct json_scan *scan, struct str *ret_key);
bool json_scan_item(struct json_scan *scan);

/* How many items the list has that comes next. */
size_t json_scan_count(const struct json_scan *scan);

/* The value that comes next, which is of that type. NULL or false when it is broken, or the number no whole one. */
const char *json_scan_text(struct json_scan *scan);
bool json_scan_integer(struct json_scan *scan, int64_t *ret);
bool json_scan_boolean(struct json_scan *scan, bool *ret);

void json_scan_skip(struct json_scan *scan);

/* 0, or -EINVAL when the text, named by `what`, was broken or goes on. */
int json_scan_end(struct json_scan *scan, const char *what, struct error **err);
