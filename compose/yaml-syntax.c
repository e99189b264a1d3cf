/* Why a text is no YAML, in words that help: libyaml says what it did not expect, the lines around the
 * place say what was probably meant. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "compose/yaml-internal.h"
#include "compose/yaml.h"

static struct source place_of_mark(const struct yaml_text *text, const yaml_mark_t *mark)
{
    return (struct source){
        .file = text->file,
        .line = (unsigned)mark->line + 1,
        .column = (unsigned)mark->column + 1,
    };
}

static struct source place_of_offset(const struct yaml_text *text, size_t offset)
{
    struct source at = { .file = text->file, .line = 1, .column = 1 };

    for (size_t i = 0; i < offset && i < text->len; i++) {
        unsigned char c = (unsigned char)text->data[i];

        if (c == '\n') {
            at.line++;
            at.column = 1;
        } else if ((c & 0xc0) != 0x80) {
            at.column++;
        }
    }
    return at;
}

/* The bytes of line `line` (from 1) of the text. */
static struct str line_text(const struct yaml_text *text, unsigned line)
{
    const char *start = text->data, *end = text->data + text->len;

    for (; line > 1 && start < end; line--) {
        const char *newline = memchr(start, '\n', (size_t)(end - start));

        start = newline ? newline + 1 : end;
    }
    const char *stop = memchr(start, '\n', (size_t)(end - start));

    return (struct str){ start, (size_t)((stop ? stop : end) - start) };
}

static size_t indentation(struct str line)
{
    size_t blanks = 0;

    while (blanks < line.len && line.data[blanks] == ' ')
        blanks++;
    return blanks;
}

static bool has_tab_indentation(struct str line)
{
    size_t blanks = indentation(line);

    return blanks < line.len && line.data[blanks] == '\t';
}

/* The line before `line` that holds something but a comment; 0: none. */
static unsigned line_before(const struct yaml_text *text, unsigned line)
{
    while (--line > 0) {
        struct str content = str_trim(line_text(text, line));

        if (content.len && content.data[0] != '#')
            return line;
    }
    return 0;
}

/* Where ": " or a colon at the end of the line stands, or -1. */
static ptrdiff_t find_colon(struct str line)
{
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] == ':' && (i + 1 == line.len || strchr(" \t\r", line.data[i + 1])))
            return (ptrdiff_t)i;
    return -1;
}

/* "image:nginx": the name in front of a colon without a blank behind it; empty: there is none. */
static struct str find_tight_colon(struct str line)
{
    struct str content = str_trim(line);

    if (content.len && content.data[0] == '-')
        content = str_trim((struct str){ content.data + 1, content.len - 1 });
    ptrdiff_t colon = str_find(content, ':');

    if (colon <= 0 || (size_t)colon + 1 >= content.len || strchr(" \t/", content.data[colon + 1]))
        return (struct str){ 0 };
    for (ptrdiff_t i = 0; i < colon; i++)
        if ((content.data[i] < 'a' || content.data[i] > 'z') && content.data[i] != '_')
            return (struct str){ 0 };
    return (struct str){ content.data, (size_t)colon };
}

/* True when a quote is open at the end of the line. */
static bool leaves_quote_open(struct str line)
{
    char open = '\0';

    for (size_t i = 0; i < line.len; i++) {
        char c = line.data[i];

        if (!open && c == '#' && i > 0 && line.data[i - 1] == ' ')
            return false;
        if (open == '"' && c == '\\')
            i++;
        else if (c == open)
            open = '\0';
        else if (!open && (c == '"' || c == '\'') &&
                 (i == 0 || strchr(" \t[{,:=", line.data[i - 1])))
            open = c;
    }
    return open != '\0';
}

/* "mapping values are not allowed": a second ": " in the line, a colon that is missing above, or a line that
 * is indented deeper than a complete one. */
static char character_at(struct str line, unsigned column)
{
    size_t i = 0;

    for (unsigned c = 1; i < line.len; i++)
        if (((unsigned char)line.data[i] & 0xc0) != 0x80 && c++ == column)
            return line.data[i];
    return '\0';
}

/* Of a value whose first character means something else. */
static const char *hint_for_indicator(struct arena *arena, char first)
{
    if (first == '|' || first == '>')
        return "a block (| or >) cannot stand in brackets; a value that starts with it needs quotes";
    return strchr("@`%*&", first) && first
                   ? arena_printf(arena, "a value that starts with %c needs quotes", first)
                   : NULL;
}

static const char *hint_for_colon(
        struct arena *arena, const struct yaml_text *text, const struct source *at)
{
    struct str line = line_text(text, at->line), before;
    unsigned previous = line_before(text, at->line);
    ptrdiff_t colon = find_colon(line);

    if (colon >= 0 && (unsigned)colon + 1 < at->column)
        return "a value that holds \": \" needs quotes";
    before = line_text(text, previous ? previous : 1);
    struct str tight = find_tight_colon(before);

    if (previous && tight.len)
        return arena_printf(arena, "a blank is missing behind the colon of line %u: \"%.*s: …\"",
                previous, STR_FMT(tight));
    if (previous && find_colon(before) < 0)
        return arena_printf(arena,
                "a colon is missing at the end of line %u, or line %u is "
                "indented too deeply",
                previous, at->line);
    if (previous && indentation(line) > indentation(before))
        return arena_printf(arena,
                "line %u has its value already, and this line is indented deeper: keys of one "
                "mapping have the same indentation",
                previous);
    return "a value that holds \": \" needs quotes, and keys of one mapping the same indentation";
}

/* "did not find expected key": a line whose indentation is none of those above. */
static const char *hint_for_indentation(
        struct arena *arena, const struct yaml_text *text, const struct source *at)
{
    size_t own = indentation(line_text(text, at->line));
    unsigned previous = line_before(text, at->line);
    size_t above = previous ? indentation(line_text(text, previous)) : own;

    if (previous && leaves_quote_open(line_text(text, previous)))
        return arena_printf(arena, "is the quote in line %u closed?", previous);
    if (own == above)
        return "compare the indentation with the lines above";
    return arena_printf(arena,
            "this line is indented by %zu blank%s, line %u by %zu: keys of one mapping have the same "
            "indentation",
            own, own == 1 ? "" : "s", previous, above);
}

/* A "-" without a blank behind it, in the line or above; 0: none. */
static unsigned find_tight_dash(const struct yaml_text *text, unsigned line)
{
    for (unsigned back = 0; line > 0 && back < 2; back++, line = line_before(text, line)) {
        struct str content = str_trim(line_text(text, line));

        if (content.len > 1 && content.data[0] == '-' && content.data[1] != ' ' &&
                content.data[1] != '-')
            return line;
    }
    return 0;
}

static const char *find_hint(struct arena *arena, const struct yaml_text *text,
        const yaml_parser_t *parser, const struct source *at, const char *problem)
{
    const char *context = parser->context ? parser->context : "";
    struct str line = line_text(text, at->line);
    unsigned dash = find_tight_dash(text, at->line);

    if (has_tab_indentation(line))
        return "a tab cannot indent YAML; use spaces";
    if (strstr(context, "quoted scalar"))
        return "the quote that is opened here is never closed";
    if (strstr(context, "flow sequence") || strstr(context, "flow mapping"))
        return arena_printf(arena, "is the \"%s\" at line %zu closed, and is a comma missing?",
                strstr(context, "sequence") ? "[" : "{", parser->context_mark.line + 1);
    if (dash && (strstr(problem, "could not find expected ':'") || strstr(problem, "expected key")))
        return arena_printf(arena, "a blank is missing behind the \"-\" of line %u", dash);
    if (strstr(problem, "mapping values are not allowed"))
        return hint_for_colon(arena, text, at);
    if (strstr(problem, "did not find expected key") ||
            strstr(problem, "did not find expected '-' indicator"))
        return hint_for_indentation(arena, text, at);
    if (strstr(problem, "could not find expected ':'"))
        return "a key is followed by \": \"; compare the indentation with the lines above";
    if (strstr(problem, "cannot start any token"))
        return hint_for_indicator(arena, character_at(line, at->column));
    if (strstr(context, "scanning an alias") || strstr(context, "scanning an anchor"))
        return hint_for_indicator(arena, strstr(context, "alias") ? '*' : '&');
    if (strstr(context, "scanning a block scalar"))
        return "a block's text begins in the next line; a value that starts with | or > needs quotes";
    return NULL;
}

/* Bytes that are no text at all. */
static void report_bytes(
        const struct yaml_text *text, const yaml_parser_t *parser, struct diag *diag)
{
    size_t offset = parser->problem_offset;
    bool is_utf8 = !strstr(parser->problem, "UTF-8");

    /* What is said of a trailing byte is the fault of the one that begins the character. */
    for (int back = 0; !is_utf8 && strstr(parser->problem, "trailing") && offset > 0 && back < 3 &&
                       (unsigned char)text->data[offset] < 0xc0;
            back++)
        offset--;
    struct source at = place_of_offset(text, offset);
    struct diag_entry *entry;

    if (is_utf8) {
        entry = diag_add(diag, DIAG_ERROR, "syntax", &at,
                "YAML syntax: control characters are not allowed: U+%04X",
                (unsigned)parser->problem_value);
        diag_hint(diag, entry, "%s",
                parser->problem_value
                        ? "in double quotes \"\\x1b\" and the like stand for such a character"
                        : "is this a text file?");
        return;
    }
    entry = diag_add(diag, DIAG_ERROR, "syntax", &at, "YAML syntax: this is no UTF-8: byte \\x%02x",
            offset < text->len ? (unsigned char)text->data[offset] : 0);
    diag_hint(diag, entry, "save the file as UTF-8");
}

/* Where the mistake is in the first character, and not where the scanner stopped: maybe at the end of the file. */
static bool points_at_start(const char *context)
{
    static const char *const contexts[] = { "quoted scalar", "scanning an alias",
        "scanning an anchor", "scanning a block scalar" };

    for (size_t i = 0; i < ARRAY_LEN(contexts); i++)
        if (strstr(context, contexts[i]))
            return true;
    return false;
}

void yaml_report_syntax(struct arena *arena, const struct yaml_text *text,
        const yaml_parser_t *parser, struct diag *diag)
{
    const char *problem = parser->problem ? parser->problem : "cannot be read as YAML";
    struct source at = place_of_mark(text, &parser->problem_mark);

    if (parser->error == YAML_READER_ERROR && parser->problem) {
        report_bytes(text, parser, diag);
        return;
    }
    if (points_at_start(parser->context ? parser->context : ""))
        at = place_of_mark(text, &parser->context_mark);
    const char *hint = find_hint(arena, text, parser, &at, problem);
    struct diag_entry *entry = diag_add(diag, DIAG_ERROR, "syntax", &at, "YAML syntax: %s%s%s",
            problem, parser->context ? " " : "", parser->context ? parser->context : "");

    if (hint)
        diag_hint(diag, entry, "%s", hint);
}
