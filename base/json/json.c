#include "base/json/json.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"

static const char *type_name(const json_t *json)
{
    static const char *const names[] = {
        [JSON_OBJECT] = "an object",
        [JSON_ARRAY] = "a list",
        [JSON_STRING] = "a text",
        [JSON_INTEGER] = "a number",
        [JSON_REAL] = "a number",
        [JSON_TRUE] = "a boolean",
        [JSON_FALSE] = "a boolean",
        [JSON_NULL] = "null",
    };

    return names[json_typeof(json)];
}

/* jansson's own bound on depth is 2048 and recursive; ours is looked at before it sees the text. Quotes
 * and backslashes are all that matters: what is no JSON at all is refused by jansson afterwards. */
static bool is_too_deep(const char *text, size_t len)
{
    unsigned depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '{' || c == '[') && ++depth > LIMIT_JSON_DEPTH)
            return true;
        else if (!quoted && (c == '}' || c == ']') && depth > 0)
            depth--;
    }
    return false;
}

static int parse(const char *text, size_t len, const char *what, const char *file, json_t **ret,
        struct error **err)
{
    json_error_t failure;

    if (len > LIMIT_JSON_BYTES)
        return error_set_plain(err, EFBIG, NULL, "%s: larger than the %u bytes allowed", what,
                (unsigned)LIMIT_JSON_BYTES);
    if (is_too_deep(text, len))
        return error_set_plain(
                err, EINVAL, NULL, "%s: nested deeper than %d levels", what, LIMIT_JSON_DEPTH);
    json_t *json = json_loadb(text, len, JSON_DECODE_ANY, &failure);
    if (!json) {
        struct source at = {
            .file = file,
            .line = failure.line > 0 ? (unsigned)failure.line : 0,
            .column = failure.column > 0 ? (unsigned)failure.column : 0,
        };

        return error_set_plain(err, EINVAL, &at, "%s is not valid JSON: %s", what, failure.text);
    }
    *ret = json;
    return 0;
}

int jsonx_parse(const char *text, size_t len, const char *what, json_t **ret, struct error **err)
{
    return parse(text, len, what, NULL, ret, err);
}

int jsonx_read_file(int dir_fd, const char *path, json_t **ret, struct error **err)
{
    auto_free char *text = NULL;
    size_t len;
    int r = fs_read_file(dir_fd, path, LIMIT_JSON_BYTES, &text, &len, err);

    return r < 0 ? r : parse(text, len, path, path, ret, err);
}

static char *dump(const json_t *json, size_t flags)
{
    char *text = json_dumps(json, flags | JSON_ENCODE_ANY);

    /* Not for want of validity: what is dumped was parsed or built by jansson, which checks. */
    if (!text)
        mem_exhausted();
    return text;
}

char *jsonx_dump(const json_t *json)
{
    return dump(json, JSON_COMPACT);
}

char *jsonx_dump_pretty(const json_t *json)
{
    return dump(json, JSON_INDENT(2));
}

int jsonx_write_file(int dir_fd, const char *name, const json_t *json, unsigned mode, bool sync,
        struct error **err)
{
    auto_free char *text = jsonx_dump(json);

    return fs_replace_file(
            dir_fd, name, text, strlen(text), (mode_t)mode, sync ? FS_SYNC : FS_NO_SYNC, err);
}

/* The member, or NULL when it is missing or null. */
static json_t *find_member(const json_t *object, const char *key)
{
    json_t *member = json_object_get(object, key);

    return json_is_null(member) ? NULL : member;
}

static int wrong_type(
        const json_t *member, const char *key, const char *expected, struct error **err)
{
    return error_set_plain(err, EINVAL, NULL, "member \"%s\": expected %s, not %s", key, expected,
            type_name(member));
}

int jsonx_get_string(const json_t *object, const char *key, const char **ret, struct error **err)
{
    const json_t *member = find_member(object, key);

    if (!member)
        return 0;
    if (!json_is_string(member))
        return wrong_type(member, key, "a text", err);
    *ret = json_string_value(member);
    return 0;
}

int jsonx_get_int(const json_t *object, const char *key, int64_t *ret, struct error **err)
{
    const json_t *member = find_member(object, key);

    if (!member)
        return 0;
    if (!json_is_integer(member))
        return wrong_type(member, key, "a whole number", err);
    *ret = json_integer_value(member);
    return 0;
}

int jsonx_get_bool(const json_t *object, const char *key, bool *ret, struct error **err)
{
    const json_t *member = find_member(object, key);

    if (!member)
        return 0;
    if (!json_is_boolean(member))
        return wrong_type(member, key, "a boolean", err);
    *ret = json_is_true(member);
    return 0;
}

int jsonx_get_object(const json_t *object, const char *key, json_t **ret, struct error **err)
{
    json_t *member = find_member(object, key);

    if (!member)
        return 0;
    if (!json_is_object(member))
        return wrong_type(member, key, "an object", err);
    *ret = member;
    return 0;
}

int jsonx_get_array(const json_t *object, const char *key, json_t **ret, struct error **err)
{
    json_t *member = find_member(object, key);

    if (!member)
        return 0;
    if (!json_is_array(member))
        return wrong_type(member, key, "a list", err);
    *ret = member;
    return 0;
}

int jsonx_get_strings(struct arena *arena, const json_t *object, const char *key, char ***ret,
        size_t *ret_len, struct error **err)
{
    json_t *array = NULL;
    size_t len, i;
    json_t *item;
    int r = jsonx_get_array(object, key, &array, err);

    if (r < 0)
        return r;
    if (!array) {
        *ret = NULL;
        if (ret_len)
            *ret_len = 0;
        return 0;
    }
    len = json_array_size(array);
    char **items = ARENA_NEW_ARRAY(arena, len + 1, char *);
    json_array_foreach(array, i, item)
    {
        if (!json_is_string(item))
            return error_set_plain(err, EINVAL, NULL,
                    "member \"%s\": item %zu: expected a text, not %s", key, i + 1,
                    type_name(item));
        items[i] = arena_strdup(arena, json_string_value(item));
    }
    *ret = items;
    if (ret_len)
        *ret_len = len;
    return 0;
}

const char *jsonx_string(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

int64_t jsonx_int(const json_t *object, const char *key, int64_t fallback)
{
    const json_t *member = json_object_get(object, key);

    return json_is_integer(member) ? json_integer_value(member) : fallback;
}

bool jsonx_bool(const json_t *object, const char *key, bool fallback)
{
    const json_t *member = json_object_get(object, key);

    return json_is_boolean(member) ? json_is_true(member) : fallback;
}

json_t *jsonx_text(const char *text)
{
    struct str rest = str_from(text);
    json_t *json = json_stringn(rest.data ? rest.data : "", rest.len);

    if (json)
        return json;
    /* Broken bytes grow to three each at most. */
    auto_(strbuf_release) struct strbuf clean = STRBUF_INIT(rest.len * 3);
    while (rest.len > 0) {
        size_t len = str_utf8_len(rest);

        if (len == 0)
            strbuf_adds(&clean, UTF8_REPLACEMENT);
        else
            strbuf_add(&clean, rest.data, len);
        rest.data += len ? len : 1;
        rest.len -= len ? len : 1;
    }
    json = json_stringn(clean.data, clean.len);
    if (!json)
        mem_exhausted();
    return json;
}

json_t *jsonx_strings(const char *const *items, size_t len)
{
    json_t *array = json_array();

    if (!array)
        mem_exhausted();
    for (size_t i = 0; i < len; i++) {
        if (json_array_append_new(array, jsonx_text(items[i])) < 0)
            mem_exhausted();
    }
    return array;
}
