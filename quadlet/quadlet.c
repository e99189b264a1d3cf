#include "quadlet/quadlet.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "units/quote.h"

void quadlet_set_init(struct quadlet_set *set, struct arena *arena)
{
    *set = (struct quadlet_set){ .arena = arena };
    strmap_init_arena(&set->by_name, arena);
}

/* Both texts are borrowed. */
static struct quadlet *add_new(struct quadlet_set *set, const char *name, const char *directory)
{
    struct quadlet *quadlet = ARENA_NEW(set->arena, struct quadlet);

    quadlet->type = quadlet_type_of(name);
    assert(quadlet->type >= 0);
    quadlet->name = name;
    quadlet->directory = directory;
    quadlet->service = quadlet->resource = "";
    unitfile_init(&quadlet->unit, set->arena);
    *ARRAY_APPEND_ARENA(set->arena, &set->all) = quadlet;
    const void *before = strmap_set_borrowed(&set->by_name, name, quadlet);
    assert(!before);
    return quadlet;
}

struct quadlet *quadlet_new(struct quadlet_set *set, const char *name, const char *directory)
{
    return add_new(set, arena_strdup(set->arena, name), arena_strdup(set->arena, directory));
}

struct quadlet *quadlet_new_file(struct quadlet_set *set, const char *path, const char *directory)
{
    struct quadlet *quadlet = add_new(set, path_last(path), directory);

    quadlet->path = path;
    return quadlet;
}

void quadlet_open(struct quadlet *quadlet, struct arena *arena)
{
    /* What is wrong with the texts was found when they were read. */
    for (const struct quadlet_text *text = quadlet->texts; text; text = text->next) {
        const struct unit_text bytes = { .file = text->path, .data = text->data, .len = text->len };
        struct unitfile unit;

        unitfile_init(&unit, arena);
        (void)unitfile_parse(&unit, &bytes, NULL);
        if (text == quadlet->texts)
            quadlet->unit = unit;
        else
            unitfile_merge(&quadlet->unit, &unit);
    }
}

void quadlet_close(struct quadlet *quadlet)
{
    if (quadlet->texts)
        quadlet->unit = (struct unitfile){ 0 };
}

struct quadlet *quadlet_find(const struct quadlet_set *set, const char *name)
{
    return strmap_get(&set->by_name, name);
}

const char *quadlet_nearest(const struct quadlet_set *set, const char *name)
{
    const enum quadlet_type type = quadlet_type_of(name);
    struct {
        const char **items;
        size_t len, cap;
    } names = { 0 };

    for (size_t i = 0; i < set->all.len; i++)
        if (set->all.items[i]->type == type)
            *ARRAY_APPEND(&names) = set->all.items[i]->name;
    const char *nearest = str_nearest(name, names.items, names.len);
    ARRAY_RELEASE(&names);
    return nearest;
}

void quadlet_add_raw(struct quadlet *quadlet, const char *key, const char *value)
{
    unitfile_add(&quadlet->unit, quadlet_info(quadlet)->section, key, value);
}

/* A string that would lose quotes around it, or blanks at its ends, stands in quotes. */
static const char *plain_value(struct arena *arena, const char *value)
{
    size_t len = strlen(value);
    bool has_quotes = len >= 2 && value[0] == '"' && value[len - 1] == '"';
    bool has_blanks = len && (strchr(" \t", value[0]) || strchr(" \t", value[len - 1]));

    return has_quotes || has_blanks ? arena_printf(arena, "\"%s\"", value) : value;
}

void quadlet_add(struct quadlet *quadlet, const char *key, const char *value)
{
    const struct quadlet_type_info *info = quadlet_info(quadlet);
    struct arena *arena = quadlet->unit.arena;
    ptrdiff_t row = quadlet_keys_find(&info->keys, key);
    const char *literal = quote_literal(arena, value, true);

    assert(row >= 0);
    switch (info->keys.rows[row].kind) {
    case KIND_WORDS:
        /* Backslashes are ordinary there; blanks need quotes, of the kind that the word has not. */
        if (strpbrk(literal, " \t\"'"))
            literal = arena_printf(arena, strchr(literal, '"') ? "'%s'" : "\"%s\"", literal);
        break;
    case KIND_ARGUMENTS:
    case KIND_COMMAND:
    case KIND_PAIRS:
        literal = quote_readable(arena, literal);
        break;
    case KIND_STRING:
        literal = plain_value(arena, literal);
        break;
    default:
        break;
    }
    quadlet_add_raw(quadlet, key, arena_strdup(arena, literal));
}

void quadlet_add_pair(struct quadlet *quadlet, const char *key, const char *name, const char *value)
{
    struct arena *arena = quadlet->unit.arena;
    const char *pair = value ? arena_printf(arena, "%s=%s", name, value) : name;

    quadlet_add(quadlet, key, pair);
}

void quadlet_add_command(struct quadlet *quadlet, const char *key, const struct strings *words)
{
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);
    struct arena *arena = quadlet->unit.arena;

    for (size_t i = 0; i < words->len; i++) {
        if (i)
            strbuf_addc(&line, ' ');
        strbuf_adds(&line, quote_readable(arena, quote_literal(arena, words->items[i], true)));
    }
    quadlet_add_raw(quadlet, key, arena_strndup(arena, line.data, line.len));
}

/* "FILE:LINE:COLUMN: MESSAGE (HINT)" */
static char *finding_text(struct arena *arena, const struct diag_entry *finding)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);

    if (finding->at.file)
        strbuf_addf(&text, "%s:", finding->at.file);
    if (finding->at.line)
        strbuf_addf(&text, "%u:%u:", finding->at.line, finding->at.column);
    strbuf_addf(&text, "%s%s", text.len ? " " : "", finding->message);
    if (finding->hint)
        strbuf_addf(&text, " (%s)", finding->hint);
    return arena_strndup(arena, text.data, text.len);
}

void quadlet_note_errors(const struct quadlet_set *set, struct quadlet *quadlet,
        const struct diag *diag, size_t first)
{
    struct arena *arena = set->arena;

    quadlet->failed = true;
    for (size_t i = first; i < diag->len; i++)
        if (diag->items[i].severity == DIAG_ERROR)
            *ARRAY_APPEND_ARENA(arena, &quadlet->errors) = finding_text(arena, &diag->items[i]);
}
