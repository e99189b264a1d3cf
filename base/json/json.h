/* JSON through jansson, with bounds and with errors that name what was read. The rest of the program
 * uses jansson's own calls (json_object_get, …) for looking around; this adds typed access that
 * produces errors, and reading and writing files. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct arena;
struct error;
struct strings;

static inline void json_decref_p(json_t **json)
{
    json_decref(*json);
}
#define auto_json __attribute__((cleanup(json_decref_p)))

/* Parses at most LIMIT_JSON_BYTES and LIMIT_JSON_DEPTH; `what` names the text in errors ("manifest of
 * x"). Of duplicate keys the last counts, as in
 * Go. Given. */
int jsonx_parse(const char *text, size_t len, const char *what, json_t **ret, struct error **err);
int jsonx_read_file(int dir_fd, const char *path, json_t **ret, struct error **err);

/* Compact text, given: free(). */
char *jsonx_dump(const json_t *json);
char *jsonx_dump_pretty(
        const json_t *json); /* two blanks, as Docker's inspect prints (4: see cli) */
int jsonx_write_file(int dir_fd, const char *name, const json_t *json, unsigned mode, bool sync,
        struct error **err);

/* Typed members. Missing or null gives the default (or leaves *ret as it is); another type is -EINVAL
 * with "what: member \"key\": expected …". Borrowed texts live as long as the object. */
int jsonx_get_string(const json_t *object, const char *key, const char **ret, struct error **err);
int jsonx_get_int(const json_t *object, const char *key, int64_t *ret, struct error **err);
int jsonx_get_bool(const json_t *object, const char *key, bool *ret, struct error **err);
int jsonx_get_object(const json_t *object, const char *key, json_t **ret, struct error **err);
int jsonx_get_array(const json_t *object, const char *key, json_t **ret, struct error **err);

/* An array of texts as NULL-terminated vector; in the arena. Missing or null: NULL. */
int jsonx_get_strings(struct arena *arena, const json_t *object, const char *key, char ***ret,
        size_t *ret_len, struct error **err);

/* The unchecked short forms, for objects that berth wrote itself or that were validated. */
const char *jsonx_string(const json_t *object, const char *key); /* NULL when missing */
int64_t jsonx_int(const json_t *object, const char *key, int64_t fallback);
bool jsonx_bool(const json_t *object, const char *key, bool fallback);

/* A JSON text from bytes that may not be UTF-8: invalid sequences become U+FFFD. Given. */
json_t *jsonx_text(const char *text);
json_t *jsonx_strings(const char *const *items, size_t len);
