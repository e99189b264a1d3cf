#include "quadlet/keys.h"

#include <assert.h>
#include <string.h>

#include "base/cleanup.h"

/* More rows than any section has. */
enum { ROWS_MAX = 128 };

static const char *const kind_names[] = {
    [KIND_STRING] = "string",
    [KIND_LIST] = "list",
    [KIND_WORDS] = "words",
    [KIND_ARGUMENTS] = "arguments",
    [KIND_COMMAND] = "command",
    [KIND_PAIRS] = "KEY=VALUE",
    [KIND_BOOLEAN] = "boolean",
    [KIND_NUMBER] = "number",
};
_Static_assert(ARRAY_LEN(kind_names) == KIND_MAX_, "name every kind");

const char *quadlet_kind_name(enum quadlet_kind kind)
{
    return kind_names[kind];
}

enum quadlet_type quadlet_type_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    for (int type = 0; dot && type < QUADLET_TYPE_MAX_; type++)
        if (strcmp(quadlet_types[type].extension, dot) == 0)
            return (enum quadlet_type)type;
    return QUADLET_TYPE_INVALID;
}

enum quadlet_type quadlet_type_of_section(const char *section)
{
    for (int type = 0; type < QUADLET_TYPE_MAX_; type++)
        if (strcmp(quadlet_types[type].section, section) == 0)
            return (enum quadlet_type)type;
    return QUADLET_TYPE_INVALID;
}

/* A section has at most a hundred rows, most of them differ in their first letters, and a unit has
 * ten lines: an index would cost more than it saves. */
ptrdiff_t quadlet_keys_find(const struct quadlet_keys *keys, const char *name)
{
    for (size_t i = 0; i < keys->len; i++)
        if (keys->rows[i].name[0] == name[0] && strcmp(keys->rows[i].name, name) == 0)
            return (ptrdiff_t)i;
    return -1;
}

const struct quadlet_key *quadlet_keys_nearest(const struct quadlet_keys *keys, const char *name)
{
    const char *candidates[ROWS_MAX];

    assert(keys->len <= ROWS_MAX);
    for (size_t i = 0; i < keys->len; i++)
        candidates[i] = keys->rows[i].name;
    const char *nearest = str_nearest(name, candidates, keys->len);

    return nearest ? &keys->rows[quadlet_keys_find(keys, nearest)] : NULL;
}
