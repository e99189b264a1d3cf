#include "quadlet/version.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "quadlet/quadlet.h"
#include "units/quote.h"

#define PART_MAX 1000
#define HEALTHY_SINCE "5.0" /* Notify= has the value since then; the option is older */

static int parse(const char *version, uint32_t *ret_major, uint32_t *ret_minor)
{
    struct str rest = str_from(*version == 'v' ? version + 1 : version), major;
    uint32_t minor = 0;

    if (!str_split_next(&rest, '.', &major) || parse_uint32(major, PART_MAX, ret_major) < 0 ||
            (rest.len && parse_uint32(rest, PART_MAX, &minor) < 0))
        return -EINVAL;
    *ret_minor = minor;
    return 0;
}

int quadlet_version_compare(const char *a, const char *b)
{
    uint32_t a_major = 0, a_minor = 0, b_major = 0, b_minor = 0;

    (void)parse(a, &a_major, &a_minor);
    (void)parse(b, &b_major, &b_minor);
    return a_major != b_major ? (a_major > b_major) - (a_major < b_major)
                              : (a_minor > b_minor) - (a_minor < b_minor);
}

int quadlet_version_check(const char *version, struct error **err)
{
    uint32_t major, minor;

    if (parse(version, &major, &minor) < 0 ||
            quadlet_version_compare(version, QUADLET_VERSION_OLDEST) < 0 ||
            quadlet_version_compare(version, QUADLET_VERSION_NEWEST) > 0)
        return error_set_plain(err, EINVAL, NULL,
                "unknown version \"%s\" of Podman: expected " QUADLET_VERSION_OLDEST
                " to " QUADLET_VERSION_NEWEST,
                version);
    return 0;
}

/* ---- One key ---- */

/* The key's values as words of a command line; specifiers stay what they are. */
static struct strings values_of(
        struct arena *arena, const struct quadlet_key *row, const char *value)
{
    struct strings words = { 0 };

    switch (row->kind) {
    case KIND_WORDS:
        (void)quote_split(arena, value, QUOTE_WORDS, &words, NULL);
        break;
    case KIND_ARGUMENTS:
    case KIND_COMMAND:
    case KIND_PAIRS:
        (void)quote_split(arena, value, QUOTE_COMMAND, &words, NULL);
        break;
    default:
        *ARRAY_APPEND_ARENA(arena, &words) = (char *)unit_value_plain(arena, value);
    }
    return words;
}

static const char *arguments_of(
        struct arena *arena, const struct quadlet_key *row, const char *value)
{
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);
    const char *prefix = row->prefix ? row->prefix : "";

    if (row->kind == KIND_BOOLEAN) {
        bool is_true = unit_value_is_true(unit_value_plain(arena, value));

        if (row->adds == ADDS_IF_TRUE)
            return !is_true  ? ""
                   : *prefix ? arena_printf(arena, "%s=%s", row->option, prefix)
                             : row->option;
        return is_true ? row->option : arena_printf(arena, "%s=false", row->option);
    }
    struct strings words = values_of(arena, row, value);
    ARRAY_FOREACH(&words, word) {
        const char *argument = arena_printf(arena, "%s=%s%s", row->option, prefix, *word);

        strbuf_addf(&line, "%s%s", line.len ? " " : "", quote_readable(arena, argument));
    }
    return arena_strndup(arena, line.data ? line.data : "", line.len);
}

static bool is_option(const struct quadlet_key *row)
{
    return row->option &&
           (row->adds == ADDS_OPTION || row->adds == ADDS_JOINED || row->adds == ADDS_IF_TRUE);
}

static void refuse(struct quadlet *quadlet, const struct unit_line *line, const char *version,
        const char *what, const char *since, struct diag *diag)
{
    struct source at = { .file = quadlet->path ? quadlet->path : quadlet->name };

    if (line && line->at.file)
        at = line->at;
    quadlet->failed = true;
    diag_add(diag, DIAG_ERROR, "quadlet", &at, "Podman %s has no %s, which came with %s", version,
            what, since);
}

static void lower_line(
        struct quadlet *quadlet, struct unit_line *line, const char *version, struct diag *diag)
{
    struct arena *arena = quadlet->unit.arena;
    const struct quadlet_keys *keys = &quadlet_info(quadlet)->keys;
    ptrdiff_t at = line->key ? quadlet_keys_find(keys, line->key) : -1;
    const struct quadlet_key *row = at >= 0 ? &keys->rows[at] : NULL;

    if (!row)
        return;
    if (strcmp(row->name, "Notify") == 0 && strcmp(line->value, "healthy") == 0 &&
            quadlet_version_compare(HEALTHY_SINCE, version) > 0) {
        line->key = "PodmanArgs";
        line->value = "--sdnotify=healthy";
    } else if (quadlet_version_compare(row->since, version) <= 0) {
        return;
    } else if (is_option(row)) {
        line->key = "PodmanArgs";
        line->value = arguments_of(arena, row, line->value);
    } else {
        refuse(quadlet, line, version, arena_printf(arena, "%s=", row->name), row->since, diag);
    }
}

int quadlet_lower(struct quadlet_set *set, const char *version, struct diag *diag)
{
    bool failed = false;

    for (size_t i = 0; i < set->all.len; i++) {
        struct quadlet *quadlet = set->all.items[i];
        const struct quadlet_type_info *info = quadlet_info(quadlet);
        struct unit_section *own = unitfile_section(&quadlet->unit, info->section);

        if (quadlet_version_compare(info->since, version) > 0)
            refuse(quadlet, NULL, version, arena_printf(set->arena, "%s files", info->extension),
                    info->since, diag);
        else if (own)
            ARRAY_FOREACH(&own->lines, line)
                lower_line(quadlet, line, version, diag);
        failed |= quadlet->failed;
    }
    return failed ? -EINVAL : 0;
}
