/* A unit file in memory: sections with their lines in order, comments and duplicates included. Read it,
 * look up and edit keys, write it. Everything lives in the arena given at init; texts are never
 * changed, so copies of a file share them.
 *
 *     struct unitfile unit;
 *     unitfile_init(&unit, &arena);
 *     if (unitfile_parse(&unit, &(struct unit_text){ .file = path, .data = data, .len = len }, &diag) < 0) …
 *     const char *type = unitfile_get(&unit, "Service", "Type");
 *     unitfile_set(&unit, "Service", "Type", "notify");
 *     unitfile_write(&unit, &out);
 *
 * Normally a file is read as Podman's generator reads it: equal sections are merged at the place of the
 * first, continued lines are joined, lines are trimmed, one empty line stands between sections. With
 * UNITFILE_LOSSLESS writing gives back every byte that was not edited. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "base/source.h"
#include "base/str.h"

struct arena;
struct diag;
struct strbuf;

enum unitfile_flag {
    UNITFILE_LOSSLESS = 1 << 0,   /* keep sections apart and lines as they are written */
    UNITFILE_JOIN_BLANK = 1 << 1, /* a continued line is joined with a blank, as systemd does;
                                     Podman joins with nothing */
};

struct unit_line {
    const char *key;   /* NULL: a comment, or an empty line, with its text in value */
    const char *value; /* without blanks at its start */
    struct source at;  /* of the key; .file NULL for lines that no file has */
    unsigned value_column;
    const char *raw; /* as written, without the last newline; only with UNITFILE_LOSSLESS */
};

struct unit_lines {
    struct unit_line *items;
    size_t len, cap;
};

struct unit_section {
    const char *name; /* "": the comments of a file without sections; never written as a header */
    struct source at;
    const char *raw;            /* of the header */
    struct unit_lines comments; /* above the header */
    struct unit_lines lines;
};

struct unitfile {
    struct arena *arena;
    unsigned flags;
    bool ends_without_newline; /* only with UNITFILE_LOSSLESS */
    struct {
        struct unit_section *items;
        size_t len, cap;
    } sections;
};

/* Bytes of a unit file; borrowed for the call but for `file`, which has to outlive the unit. */
struct unit_text {
    const char *file;
    const char *data;
    size_t len;
};

void unitfile_init(struct unitfile *unit, struct arena *arena);

/* Adds what the text holds. Every mistake becomes a finding; -EINVAL when there was one (what could be
 * read is there all the same). */
int unitfile_parse(struct unitfile *unit, const struct unit_text *text, struct diag *diag);

void unitfile_write(const struct unitfile *unit, struct strbuf *out);

/* A copy in `arena` that may be edited apart from the original; the texts are shared. */
void unitfile_copy(struct unitfile *copy, struct arena *arena, const struct unitfile *original);

/* Appends the lines of each section of `source` (a drop-in) to the section of the same name. */
void unitfile_merge(struct unitfile *unit, const struct unitfile *source);

/* The first section of that name, or NULL; `ensure` makes one at the end. Pointers are valid until the
 * next section is made. */
struct unit_section *unitfile_section(const struct unitfile *unit, const char *name);
struct unit_section *unitfile_ensure_section(struct unitfile *unit, const char *name);
void unitfile_rename_section(struct unitfile *unit, const char *name, const char *new_name);

/* The last line with that key over all sections of that name, or NULL. */
struct unit_line *unitfile_find(const struct unitfile *unit, const char *section, const char *key);

/* Its value, with blanks at the end cut and one pair of double quotes around the whole removed;
 * in the arena, NULL when the key is not there. */
const char *unitfile_get(const struct unitfile *unit, const char *section, const char *key);
const char *unit_value_plain(struct arena *arena, const char *value);

/* All lines of a key, without those that an empty one cleared. Copies of the lines, in the arena. */
struct unit_lines unitfile_all(const struct unitfile *unit, const char *section, const char *key);

/* The words (QUOTE_WORDS) of all lines of a key; lines with an unbalanced quote are left out. */
struct strings unitfile_words(const struct unitfile *unit, const char *section, const char *key);

/* "1", "yes", "true", "on" in any case. */
bool unit_value_is_true(const char *plain_value);

/* Edits. Keys and values are borrowed for as long as the unit lives. `set` changes the last line of the
 * key in place or adds one. */
void unitfile_add(struct unitfile *unit, const char *section, const char *key, const char *value);
void unitfile_prepend(
        struct unitfile *unit, const char *section, const char *key, const char *value);
void unitfile_set(struct unitfile *unit, const char *section, const char *key, const char *value);
void unitfile_unset(struct unitfile *unit, const char *section, const char *key);
