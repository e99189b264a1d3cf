#include "compose/model-value.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/limits.h"

struct reader {
    struct arena *arena;
    const char *at, *end;
    unsigned depth;
};

static int read_value(struct reader *reader, struct model_value *value);

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at))
        reader->at++;
}

static bool take(struct reader *reader, char c)
{
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

/* Moves behind a text's closing quote; the slice keeps its escapes. */
static int read_text(struct reader *reader)
{
    if (!take(reader, '"'))
        return -EINVAL;
    while (reader->at < reader->end && *reader->at != '"') {
        if (*reader->at == '\\')
            reader->at++;
        if (reader->at < reader->end)
            reader->at++;
    }
    return take(reader, '"') ? 0 : -EINVAL;
}

/* A text without quotes and without the escapes that occur in keys (\" and \\); others stay as
 * they are written, which is fine for showing and comparing. */
static const char *decode_text(struct arena *arena, struct str raw)
{
    char *key = arena_alloc(arena, raw.len + 1);
    size_t len = 0;

    for (size_t i = 1; i + 1 < raw.len; i++) {
        if (raw.data[i] == '\\' && (raw.data[i + 1] == '"' || raw.data[i + 1] == '\\'))
            i++;
        key[len++] = raw.data[i];
    }
    return key;
}

static int read_members(struct reader *reader, struct model_value *value, char close)
{
    if (++reader->depth > LIMIT_JSON_DEPTH)
        return -EINVAL;
    if (!take(reader, close)) {
        do {
            const char *key = NULL;

            if (close == '}') {
                skip_blanks(reader);
                const char *start = reader->at;
                if (read_text(reader) < 0)
                    return -EINVAL;
                key = decode_text(
                        reader->arena, (struct str){ start, (size_t)(reader->at - start) });
                if (!take(reader, ':'))
                    return -EINVAL;
            }
            struct model_value member = { .key = key };
            if (read_value(reader, &member) < 0)
                return -EINVAL;
            *ARRAY_APPEND_ARENA(reader->arena, &value->members) = member;
        } while (take(reader, ','));
        if (!take(reader, close))
            return -EINVAL;
    }
    reader->depth--;
    return 0;
}

static int read_scalar(struct reader *reader)
{
    const char *start = reader->at;

    while (reader->at < reader->end && !strchr(",]} \t\r\n", *reader->at))
        reader->at++;
    return reader->at > start ? 0 : -EINVAL;
}

static int read_value(struct reader *reader, struct model_value *value)
{
    int r;

    skip_blanks(reader);
    const char *start = reader->at;
    if (start == reader->end)
        return -EINVAL;
    if (take(reader, '{')) {
        value->kind = MODEL_MAP;
        r = read_members(reader, value, '}');
    } else if (take(reader, '[')) {
        value->kind = MODEL_LIST;
        r = read_members(reader, value, ']');
    } else if (*start == '"') {
        value->kind = MODEL_TEXT;
        r = read_text(reader);
    } else {
        value->kind = MODEL_SCALAR;
        r = read_scalar(reader);
    }
    value->raw = (struct str){ start, (size_t)(reader->at - start) };
    return r;
}

int model_value_read(struct arena *arena, const char *text, struct model_value *ret)
{
    struct reader reader = { .arena = arena, .at = text, .end = text + strlen(text) };
    struct model_value value = { 0 };

    if (reader.end - reader.at > (ptrdiff_t)LIMIT_JSON_BYTES)
        return -EINVAL;
    if (read_value(&reader, &value) < 0 || value.kind != MODEL_MAP)
        return -EINVAL;
    skip_blanks(&reader);
    if (reader.at != reader.end)
        return -EINVAL;
    *ret = value;
    return 0;
}

const struct model_value *model_value_member(const struct model_value *map, const char *key)
{
    if (map->kind != MODEL_MAP)
        return NULL;
    ARRAY_FOREACH(&map->members, m) {
        if (string_is_equal(m->key, key))
            return m;
    }
    return NULL;
}

const char *model_value_text(struct arena *arena, const struct model_value *value)
{
    return value->kind == MODEL_TEXT ? decode_text(arena, value->raw) : NULL;
}
