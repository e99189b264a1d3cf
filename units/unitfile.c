#include "units/unitfile.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "units/quote.h"
#include "units/text.h"

/* How much of a line that makes no sense an error shows. */
enum { SHOWN_MAX_BYTES = 200 };

/* Most files have [Unit], their own, [Service] and [Install]. */
enum { FIRST_SECTIONS = 4 };

/* Room for what a translation adds to a section. */
enum { ADDED_LINES = 10 };

struct parser {
    struct unitfile *unit;
    const struct unit_text *text;
    struct diag *diag;
    ptrdiff_t section;         /* index of the current one; -1: none yet */
    char *copy;                /* of the text, in the arena; NULL when the unit is lossless */
    struct unit_lines pending; /* comments whose owner is not known yet; heap */
    struct unit_lines slab;    /* room for all lines of the text, of which sections take slices */
    bool failed;
};

/* A line after joining: its text, and where it began. */
struct logical_line {
    struct str text;
    struct str raw;
    unsigned number;
    unsigned column; /* of its first character */
};

void unitfile_init(struct unitfile *unit, struct arena *arena)
{
    *unit = (struct unitfile){ .arena = arena };
}

/* Most names differ in their first letter. */
static bool is_same(const char *a, const char *b)
{
    return a[0] == b[0] && strcmp(a, b) == 0;
}

struct unit_section *unitfile_section(const struct unitfile *unit, const char *name)
{
    for (size_t i = 0; i < unit->sections.len; i++)
        if (is_same(unit->sections.items[i].name, name))
            return &unit->sections.items[i];
    return NULL;
}

static void make_room_for_sections(struct unitfile *unit)
{
    if (unit->sections.items)
        return;
    unit->sections.cap = FIRST_SECTIONS;
    unit->sections.items = ARENA_NEW_ARRAY(unit->arena, FIRST_SECTIONS, struct unit_section);
}

static struct unit_section *add_section(struct unitfile *unit, const char *name)
{
    make_room_for_sections(unit);
    struct unit_section *section = ARRAY_APPEND_ARENA(unit->arena, &unit->sections);

    section->name = name;
    return section;
}

struct unit_section *unitfile_ensure_section(struct unitfile *unit, const char *name)
{
    struct unit_section *section = unitfile_section(unit, name);

    return section ? section : add_section(unit, name);
}

static void append_lines(
        struct arena *arena, struct unit_lines *lines, const struct unit_lines *more)
{
    if (!lines->items && more->len) {
        lines->cap = more->len;
        lines->items = ARENA_NEW_ARRAY(arena, lines->cap, struct unit_line);
    }
    for (size_t i = 0; i < more->len; i++)
        *ARRAY_APPEND_ARENA(arena, lines) = more->items[i];
}

static void refuse(struct parser *parser, const struct logical_line *line, const char *message,
        struct str shown)
{
    const struct source at = { parser->text->file, line->number, line->column };

    parser->failed = true;
    diag_add(parser->diag, DIAG_ERROR, "unit-syntax", &at, "%s%.*s", message,
            shown.len > SHOWN_MAX_BYTES ? SHOWN_MAX_BYTES : (int)shown.len, shown.data);
}

/* A terminated text for the unit. What lies in the parser's own copy of the file is terminated in place:
 * what follows a key, a value or a comment there is not looked at again. */
static const char *keep(struct parser *parser, struct str text)
{
    if (!parser->copy || text.data < parser->copy || text.data > parser->copy + parser->text->len)
        return arena_strndup(parser->unit->arena, text.data, text.len);
    parser->copy[text.data - parser->copy + (ptrdiff_t)text.len] = '\0';
    return text.data;
}

/* The next section takes what is left of the slab; the one before keeps what it has used. A boot's
 * thousand files then need no more memory than they have lines. */
static void take_slab(struct parser *parser, struct unit_lines *lines)
{
    if (lines->items)
        return;
    *lines = (struct unit_lines){ parser->slab.items + parser->slab.len, 0,
        parser->slab.cap - parser->slab.len };
}

static void return_slab(struct parser *parser)
{
    struct unit_lines *lines;

    if (parser->section < 0)
        return;
    lines = &parser->unit->sections.items[parser->section].lines;
    if (lines->items != parser->slab.items + parser->slab.len)
        return;
    lines->cap = lines->len;
    parser->slab.len += lines->len;
    if (!lines->len)
        *lines = (struct unit_lines){ 0 };
}

static void flush_pending(struct parser *parser, struct unit_lines *to)
{
    if (!parser->pending.len)
        return;
    append_lines(parser->unit->arena, to, &parser->pending);
    parser->pending.len = 0;
}

static bool is_comment(struct str line)
{
    return line.len == 0 || line.data[0] == '#' || line.data[0] == ';';
}

/* "[Name]" with nothing but blanks behind it. */
static bool is_header(struct str line, struct str *ret_name)
{
    ptrdiff_t end = line.data[0] == '[' ? str_find(line, ']') : -1;

    if (end < 0)
        return false;
    for (size_t i = (size_t)end + 1; i < line.len; i++)
        if (line.data[i] != ' ' && line.data[i] != '\t')
            return false;
    *ret_name = (struct str){ line.data + 1, (size_t)end - 1 };
    return true;
}

static bool section_name_is_valid(struct str name)
{
    if (name.len == 0)
        return false;
    while (name.len) {
        if ((name.data[0] | 0x20) >= 'a' && (name.data[0] | 0x20) <= 'z') {
            name = (struct str){ name.data + 1, name.len - 1 };
            continue;
        }
        uint32_t c = text_next(&name);

        if (c == '[' || text_is_control(c))
            return false;
    }
    return true;
}

static const char *raw_of(struct parser *parser, const struct logical_line *line)
{
    return parser->unit->flags & UNITFILE_LOSSLESS ? keep(parser, line->raw) : NULL;
}

static void parse_header(struct parser *parser, const struct logical_line *line, struct str name)
{
    struct unitfile *unit = parser->unit;
    bool is_lossless = unit->flags & UNITFILE_LOSSLESS;

    if (!section_name_is_valid(name)) {
        refuse(parser, line, "invalid group name: ", name);
        return;
    }
    const char *kept = keep(parser, name);
    struct unit_section *section = is_lossless ? add_section(unit, kept)
                                               : unitfile_ensure_section(unit, kept);

    return_slab(parser);
    parser->section = section - unit->sections.items;
    take_slab(parser, &section->lines);
    if (!section->at.file) {
        section->at = (struct source){ parser->text->file, line->number, line->column };
        section->raw = raw_of(parser, line);
    }
    /* One empty line between sections is a matter of writing, not of the section. */
    if (!is_lossless && parser->pending.len && !*parser->pending.items[0].value) {
        parser->pending.len--;
        memmove(parser->pending.items, parser->pending.items + 1,
                parser->pending.len * sizeof(*parser->pending.items));
    }
    flush_pending(parser, &section->comments);
}

/* A single byte as Latin-1 has it: Podman looks at keys and at the start of values byte by byte. */
static bool is_space_byte(char c)
{
    return text_is_space((unsigned char)c);
}

static void parse_assignment(struct parser *parser, const struct logical_line *line, size_t equals)
{
    struct str key = { line->text.data, equals };
    struct str value = { line->text.data + equals + 1, line->text.len - equals - 1 };

    if (parser->section < 0) {
        refuse(parser, line, "key file does not start with a group", (struct str){ "", 0 });
        return;
    }
    while (key.len && is_space_byte(key.data[key.len - 1]))
        key.len--;
    if (key.len == 0) {
        refuse(parser, line, "invalid key name: ", key);
        return;
    }
    while (value.len && is_space_byte(value.data[0]))
        value = (struct str){ value.data + 1, value.len - 1 };

    struct unit_lines *lines = &parser->unit->sections.items[parser->section].lines;
    flush_pending(parser, lines);
    *ARRAY_APPEND_ARENA(parser->unit->arena, lines) = (struct unit_line){
        .key = keep(parser, key),
        .value = keep(parser, value),
        .at = { parser->text->file, line->number, line->column },
        .value_column = line->column + text_count((struct str){ line->text.data,
                                               (size_t)(value.data - line->text.data) }),
        .raw = raw_of(parser, line),
    };
}

static void parse_line(struct parser *parser, const struct logical_line *line)
{
    struct str name;
    ptrdiff_t equals;

    if (is_comment(line->text)) {
        *ARRAY_APPEND(&parser->pending) = (struct unit_line){
            .value = keep(parser, line->text),
            .at = { parser->text->file, line->number, line->column },
            .raw = raw_of(parser, line),
        };
    } else if (is_header(line->text, &name)) {
        parse_header(parser, line, name);
    } else if ((equals = str_find(line->text, '=')) > 0) {
        parse_assignment(parser, line, (size_t)equals);
    } else {
        auto_(strbuf_release) struct strbuf message = STRBUF_INIT(SHOWN_MAX_BYTES * 2);
        struct str shown = { line->text.data,
            line->text.len > SHOWN_MAX_BYTES ? SHOWN_MAX_BYTES : line->text.len };

        strbuf_addf(&message,
                "file contains line %u: “%.*s” which is not a key-value pair, group, or comment",
                line->number, STR_FMT(shown));
        refuse(parser, line, "", strbuf_str(&message));
    }
}

/* Joins physical lines and hands each whole one to parse_line. */
static void parse_lines(struct parser *parser)
{
    auto_(strbuf_release) struct strbuf joined = STRBUF_INIT(LIMIT_UNIT_FILE_BYTES);
    const char *p = parser->copy ? parser->copy : parser->text->data;
    const char *const end = p + parser->text->len;
    struct logical_line line = { .number = 0 };
    const char *raw_start = p;

    for (unsigned number = 1; p <= end; number++) {
        const char *newline = p < end ? memchr(p, '\n', (size_t)(end - p)) : NULL;
        const char *line_end = newline ? newline : end;
        bool is_last = !newline || newline + 1 == end;
        struct str physical = { p, (size_t)(line_end - p) };
        struct str text = text_trim(physical);

        if (joined.len == 0) {
            line.number = number;
            line.column = 1 + text_count((struct str){ p, (size_t)(text.data - p) });
            raw_start = p;
        }
        p = line_end + 1;
        if (is_comment(text)) {
            /* One inside a continuation is skipped; at the end of the file the rest is lost with
             * it, as in Podman. */
            if (joined.len == 0) {
                line.text = text;
                line.raw = physical;
                parse_line(parser, &line);
            } else if (is_last && parser->unit->flags & UNITFILE_LOSSLESS) {
                line.text = strbuf_str(&joined);
                line.raw = (struct str){ raw_start, (size_t)(line_end - raw_start) };
                parse_line(parser, &line);
            }
        } else if (text.data[text.len - 1] == '\\' && !is_last) {
            strbuf_add(&joined, text.data, text.len - 1);
            if (parser->unit->flags & UNITFILE_JOIN_BLANK) {
                strbuf_addc(&joined, ' ');
            } else if (joined.len == 0 && parser->unit->flags & UNITFILE_LOSSLESS) {
                /* A backslash alone continues nothing; only its bytes have to stay. */
                line.text = (struct str){ "", 0 };
                line.raw = physical;
                parse_line(parser, &line);
            }
        } else {
            if (text.data[text.len - 1] == '\\')
                text.len--;
            line.text = text;
            line.raw = (struct str){ raw_start, (size_t)(line_end - raw_start) };
            if (joined.len) {
                strbuf_add_str(&joined, text);
                line.text = strbuf_str(&joined);
            }
            parse_line(parser, &line);
            strbuf_reset(&joined);
        }
        if (is_last)
            break;
    }
}

int unitfile_parse(struct unitfile *unit, const struct unit_text *text, struct diag *diag)
{
    struct parser parser = { .unit = unit, .text = text, .diag = diag, .section = -1 };
    const char *nul = text->len ? memchr(text->data, '\0', text->len) : NULL;

    if (nul) {
        struct logical_line line = { .number = 1, .column = 1 };

        for (const char *p = text->data; p < nul; p++)
            line.number += *p == '\n';
        refuse(&parser, &line, "the line has a NUL byte", (struct str){ "", 0 });
        return -EINVAL;
    }
    if (!(unit->flags & UNITFILE_LOSSLESS))
        parser.copy = arena_strndup(unit->arena, text->data, text->len);
    parser.slab.cap = 1;
    for (const char *p = text->data, *end = p + text->len;
            text->len && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        parser.slab.cap++;
    make_room_for_sections(unit);
    parser.slab.items = ARENA_NEW_ARRAY(unit->arena, parser.slab.cap, struct unit_line);
    parse_lines(&parser);
    if (parser.section < 0)
        parser.section = unitfile_ensure_section(unit, "") - unit->sections.items;
    flush_pending(&parser, &unit->sections.items[parser.section].lines);
    return_slab(&parser);
    arena_shrink(unit->arena, parser.slab.items, parser.slab.cap * sizeof(*parser.slab.items),
            parser.slab.len * sizeof(*parser.slab.items));
    ARRAY_RELEASE(&parser.pending);
    unit->ends_without_newline = !text->len || text->data[text->len - 1] != '\n';
    return parser.failed ? -EINVAL : 0;
}

static void write_line(const struct unit_line *line, struct strbuf *out)
{
    if (line->raw) {
        strbuf_adds(out, line->raw);
    } else {
        if (line->key) {
            strbuf_adds(out, line->key);
            strbuf_addc(out, '=');
        }
        strbuf_adds(out, line->value);
    }
    strbuf_addc(out, '\n');
}

static void write_lines(const struct unit_lines *lines, struct strbuf *out)
{
    for (size_t i = 0; i < lines->len; i++)
        write_line(&lines->items[i], out);
}

void unitfile_write(const struct unitfile *unit, struct strbuf *out)
{
    bool is_lossless = unit->flags & UNITFILE_LOSSLESS;

    for (size_t i = 0; i < unit->sections.len; i++) {
        const struct unit_section *section = &unit->sections.items[i];

        /* A section of its own making gets its empty line in either mode. */
        if (i && !(is_lossless && section->raw))
            strbuf_addc(out, '\n');
        write_lines(&section->comments, out);
        if (!*section->name) {
            if (is_lossless)
                write_lines(&section->lines, out);
            continue;
        }
        if (section->raw) {
            strbuf_adds(out, section->raw);
            strbuf_addc(out, '\n');
        } else {
            strbuf_addc(out, '[');
            strbuf_adds(out, section->name);
            strbuf_adds(out, "]\n");
        }
        write_lines(&section->lines, out);
    }
    if (is_lossless && unit->ends_without_newline && out->len)
        strbuf_truncate(out, out->len - 1);
}

void unitfile_merge(struct unitfile *unit, const struct unitfile *source)
{
    for (size_t i = 0; i < source->sections.len; i++) {
        const struct unit_section *from = &source->sections.items[i];
        struct unit_section *to = unitfile_ensure_section(unit, from->name);

        if (!to->at.file)
            to->at = from->at;
        append_lines(unit->arena, &to->comments, &from->comments);
        append_lines(unit->arena, &to->lines, &from->lines);
    }
}

static void copy_lines(
        struct arena *arena, struct unit_lines *copy, const struct unit_lines *original)
{
    copy->len = original->len;
    copy->cap = original->len + ADDED_LINES;
    copy->items = ARENA_NEW_ARRAY(arena, copy->cap, struct unit_line);
    memcpy(copy->items, original->items, original->len * sizeof(*copy->items));
}

void unitfile_copy(struct unitfile *copy, struct arena *arena, const struct unitfile *original)
{
    *copy = (struct unitfile){ .arena = arena,
        .flags = original->flags,
        .ends_without_newline = original->ends_without_newline };
    /* Room for the sections that a translation adds. */
    copy->sections.cap = original->sections.len + 2;
    copy->sections.items = ARENA_NEW_ARRAY(arena, copy->sections.cap, struct unit_section);
    for (size_t i = 0; i < original->sections.len; i++) {
        const struct unit_section *from = &original->sections.items[i];
        struct unit_section *to = add_section(copy, from->name);

        to->at = from->at;
        to->raw = from->raw;
        append_lines(arena, &to->comments, &from->comments);
        if (from->lines.len)
            copy_lines(arena, &to->lines, &from->lines);
    }
}

void unitfile_rename_section(struct unitfile *unit, const char *name, const char *new_name)
{
    struct unit_section *section = unitfile_section(unit, name);
    struct unit_section *present = unitfile_section(unit, new_name);

    if (!section || section == present)
        return;
    if (!present) {
        section->name = new_name;
        section->raw = NULL;
        return;
    }
    append_lines(unit->arena, &present->comments, &section->comments);
    append_lines(unit->arena, &present->lines, &section->lines);
    size_t index = (size_t)(section - unit->sections.items);
    memmove(section, section + 1, (unit->sections.len - index - 1) * sizeof(*section));
    unit->sections.len--;
}

struct unit_line *unitfile_find(const struct unitfile *unit, const char *section, const char *key)
{
    for (size_t i = unit->sections.len; i-- > 0;) {
        const struct unit_section *candidate = &unit->sections.items[i];

        if (!is_same(candidate->name, section))
            continue;
        for (size_t j = candidate->lines.len; j-- > 0;) {
            struct unit_line *line = &candidate->lines.items[j];

            if (line->key && is_same(line->key, key))
                return line;
        }
    }
    return NULL;
}

const char *unit_value_plain(struct arena *arena, const char *value)
{
    struct str text = text_trim_right(str_from(value));

    if (text.len >= 2 && text.data[0] == '"' && text.data[text.len - 1] == '"')
        return arena_strndup(arena, text.data + 1, text.len - 2);
    return text.data[text.len] ? arena_strndup(arena, text.data, text.len) : value;
}

const char *unitfile_get(const struct unitfile *unit, const char *section, const char *key)
{
    const struct unit_line *line = unitfile_find(unit, section, key);

    return line ? unit_value_plain(unit->arena, line->value) : NULL;
}

struct unit_lines unitfile_all(const struct unitfile *unit, const char *section, const char *key)
{
    struct unit_lines found = { 0 };

    for (size_t i = 0; i < unit->sections.len; i++) {
        const struct unit_section *candidate = &unit->sections.items[i];

        if (!is_same(candidate->name, section))
            continue;
        ARRAY_FOREACH(&candidate->lines, line) {
            if (!line->key || !is_same(line->key, key))
                continue;
            if (*line->value)
                *ARRAY_APPEND_ARENA(unit->arena, &found) = *line;
            else
                found.len = 0;
        }
    }
    return found;
}

struct strings unitfile_words(const struct unitfile *unit, const char *section, const char *key)
{
    struct unit_lines lines = unitfile_all(unit, section, key);
    struct strings words = { 0 };

    ARRAY_FOREACH(&lines, line)
        (void)quote_split(unit->arena, line->value, QUOTE_WORDS, &words, NULL);
    return words;
}

bool unit_value_is_true(const char *plain_value)
{
    static const char *const words[] = { "1", "yes", "true", "on" };

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcasecmp(plain_value, words[i]) == 0)
            return true;
    return false;
}

void unitfile_add(struct unitfile *unit, const char *section, const char *key, const char *value)
{
    struct unit_section *target = unitfile_ensure_section(unit, section);

    *ARRAY_APPEND_ARENA(
            unit->arena, &target->lines) = (struct unit_line){ .key = key, .value = value };
}

void unitfile_prepend(
        struct unitfile *unit, const char *section, const char *key, const char *value)
{
    unitfile_add(unit, section, key, value);
    struct unit_lines *lines = &unitfile_section(unit, section)->lines;
    struct unit_line line = lines->items[lines->len - 1];

    memmove(lines->items + 1, lines->items, (lines->len - 1) * sizeof(line));
    lines->items[0] = line;
}

void unitfile_set(struct unitfile *unit, const char *section, const char *key, const char *value)
{
    struct unit_line *line = unitfile_find(unit, section, key);

    if (!line) {
        unitfile_add(unit, section, key, value);
        return;
    }
    line->value = value;
    line->raw = NULL;
}

void unitfile_unset(struct unitfile *unit, const char *section, const char *key)
{
    for (size_t i = 0; i < unit->sections.len; i++) {
        struct unit_lines *lines = &unit->sections.items[i].lines;
        size_t kept = 0;

        if (strcmp(unit->sections.items[i].name, section) != 0)
            continue;
        for (size_t j = 0; j < lines->len; j++)
            if (!lines->items[j].key || strcmp(lines->items[j].key, key) != 0)
                lines->items[kept++] = lines->items[j];
        lines->len = kept;
    }
}
