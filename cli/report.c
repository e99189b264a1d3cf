#include "cli/report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/excerpt.h"
#include "cli/format.h"

#define REPORT_MAX_BYTES 65536
#define BYTE_ORDER_MARK "\xef\xbb\xbf" /* counts for no column */

enum { COLOUR_BOLD, COLOUR_RED, COLOUR_YELLOW, COLOUR_CYAN, COLOUR_OFF };
static const char *const colour_codes[] = {
    [COLOUR_BOLD] = "\033[1m",
    [COLOUR_RED] = "\033[31m",
    [COLOUR_YELLOW] = "\033[33m",
    [COLOUR_CYAN] = "\033[36m",
    [COLOUR_OFF] = "\033[0m",
};

static void add_coloured(struct strbuf *out, bool colour, int code, const char *text)
{
    if (colour)
        strbuf_adds(out, colour_codes[code]);
    strbuf_adds(out, text);
    if (colour)
        strbuf_adds(out, colour_codes[COLOUR_OFF]);
}

static void add_place(struct strbuf *out, const struct source *at)
{
    format_add_clean(out, at->file);
    if (at->line) {
        strbuf_addf(out, ":%u", at->line);
        if (at->column)
            strbuf_addf(out, ":%u", at->column);
    }
    strbuf_adds(out, ": ");
}

/* Makes layout->text the bytes of the file; false when it cannot be read any more. */
static bool open_text(struct report_layout *layout, const char *name)
{
    const struct diag_file *known = diag_find_file(layout->diag, name);

    if (string_is_equal(layout->file, name))
        return layout->text != NULL;
    report_layout_release(layout);
    layout->file = mem_strdup(name);
    if (known && known->text) {
        layout->text = mem_alloc(known->text_len_bytes + 1);
        memcpy(layout->text, known->text, known->text_len_bytes);
        layout->text_len_bytes = known->text_len_bytes;
        return true;
    }
    return fs_read_file(AT_FDCWD, name, LIMIT_COMPOSE_FILE_BYTES, &layout->text,
                   &layout->text_len_bytes, NULL) >= 0;
}

/* The line of the file that `at` names, without its end; false when it cannot be read any more. Findings come in the
 * order of lines: the search goes on from the last one. */
static bool find_line(struct report_layout *layout, const struct source *at, struct str *ret_line)
{
    if (!at->file || !at->line || strcmp(at->file, "-") == 0 || !open_text(layout, at->file))
        return false;
    if (!layout->line || at->line < layout->line) {
        layout->line = 1;
        layout->line_offset = string_has_prefix(layout->text, BYTE_ORDER_MARK)
                                      ? strlen(BYTE_ORDER_MARK)
                                      : 0;
    }
    struct str rest = { layout->text + layout->line_offset,
        layout->text_len_bytes - layout->line_offset };
    struct str line = { 0 };

    for (unsigned number = layout->line; str_split_next(&rest, '\n', &line); number++) {
        if (number < at->line)
            continue;
        layout->line = number;
        layout->line_offset = (size_t)(line.data - layout->text);
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        *ret_line = line;
        return true;
    }
    return false;
}

/* Adds the line and a caret below the column. */
static void add_excerpt(struct strbuf *out, const struct source *at, struct report_layout *layout)
{
    struct str line;
    char gutter[32];

    if (!find_line(layout, at, &line))
        return;
    snprintf(gutter, sizeof(gutter), "%5u | ", at->line);
    add_coloured(out, layout->colour, COLOUR_CYAN, gutter);
    unsigned caret = excerpt_add_line(out, line, at->column);

    strbuf_addc(out, '\n');
    if (at->column == 0)
        return;
    add_coloured(out, layout->colour, COLOUR_CYAN, "      | ");
    for (unsigned i = 0; i < caret; i++)
        strbuf_addc(out, ' ');
    add_coloured(out, layout->colour, COLOUR_RED, "^");
    strbuf_addc(out, '\n');
}

/* "message", with the errno's text where it belongs to it. */
static void add_message(struct strbuf *out, const struct error *err)
{
    format_add_clean(out, err->message);
    if (error_has_errno_text(err))
        strbuf_addf(out, ": %s",
                strerrordesc_np(err->code) ? strerrordesc_np(err->code) : "unknown error");
}

void report_layout_release(struct report_layout *layout)
{
    free(layout->file);
    free(layout->text);
    layout->file = layout->text = NULL;
    layout->text_len_bytes = layout->line_offset = 0;
    layout->line = 0;
}

void report_format_error(const struct error *err, bool colour, struct strbuf *out)
{
    auto_(report_layout_release) struct report_layout layout = { .colour = colour };

    if (err->at.file)
        add_place(out, &err->at);
    else
        add_coloured(out, colour, COLOUR_RED, "berth: ");
    add_message(out, err);
    strbuf_addc(out, '\n');
    if (err->at.file)
        add_excerpt(out, &err->at, &layout);
    if (err->hint) {
        add_coloured(out, colour, COLOUR_CYAN, "  hint: ");
        format_add_clean(out, err->hint);
        strbuf_addc(out, '\n');
    }
    for (const struct error *e = err->cause; e; e = e->cause) {
        strbuf_adds(out, "  because: ");
        if (e->at.file)
            add_place(out, &e->at);
        add_message(out, e);
        strbuf_addc(out, '\n');
        if (e->at.file)
            add_excerpt(out, &e->at, &layout);
        if (e->hint) {
            add_coloured(out, colour, COLOUR_CYAN, "  hint: ");
            format_add_clean(out, e->hint);
            strbuf_addc(out, '\n');
        }
    }
}

static void write_stderr(const struct strbuf *text)
{
    fflush(stdout);
    fwrite(text->data, 1, text->len, stderr);
    fflush(stderr);
}

static void add_json_place(json_t *object, const struct source *at)
{
    if (!at->file)
        return;
    json_object_set_new(object, "file", jsonx_text(at->file));
    if (at->line)
        json_object_set_new(object, "line", json_integer(at->line));
    if (at->column)
        json_object_set_new(object, "column", json_integer(at->column));
}

static void write_json_line(json_t *object)
{
    auto_free char *text = jsonx_dump(object);

    fflush(stdout);
    fprintf(stderr, "%s\n", text);
    fflush(stderr);
}

static void report_error_json(const struct error *err)
{
    auto_json json_t *object = json_object();
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(REPORT_MAX_BYTES);

    json_object_set_new(object, "error", json_true());
    add_message(&text, err);
    json_object_set_new(object, "message", jsonx_text(text.data));
    add_json_place(object, &err->at);
    if (err->cause) {
        json_t *causes = json_array();

        for (const struct error *e = err->cause; e; e = e->cause) {
            json_t *cause = json_object();

            strbuf_reset(&text);
            add_message(&text, e);
            json_object_set_new(cause, "message", jsonx_text(text.data));
            add_json_place(cause, &e->at);
            if (e->hint)
                json_object_set_new(cause, "hint", jsonx_text(e->hint));
            json_array_append_new(causes, cause);
        }
        json_object_set_new(object, "causes", causes);
    }
    if (err->hint)
        json_object_set_new(object, "hint", jsonx_text(err->hint));
    write_json_line(object);
}

int report_error(struct cli *cli, const struct error *err)
{
    if (!err)
        return cli->failure_status;
    if (cli->json_errors) {
        report_error_json(err);
        return cli->failure_status;
    }
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(REPORT_MAX_BYTES);

    report_format_error(err, cli->colour_err, &text);
    write_stderr(&text);
    return cli->failure_status;
}

static void report_line(struct cli *cli, const char *level, int colour, const char *text)
{
    if (cli->json_errors) {
        auto_json json_t *object = json_object();

        json_object_set_new(object, level, json_true());
        json_object_set_new(object, "message", jsonx_text(text));
        write_json_line(object);
        return;
    }
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(REPORT_MAX_BYTES);

    add_coloured(&line, cli->colour_err, colour, "berth: ");
    if (strcmp(level, "error") != 0)
        strbuf_addf(&line, "%s: ", level);
    format_add_clean(&line, text);
    strbuf_addc(&line, '\n');
    write_stderr(&line);
}

#define REPORT_LINE(level, colour)                                                 \
    do {                                                                           \
        auto_(strbuf_release) struct strbuf text_ = STRBUF_INIT(REPORT_MAX_BYTES); \
        va_list args_;                                                             \
        va_start(args_, format);                                                   \
        strbuf_vaddf(&text_, format, args_);                                       \
        va_end(args_);                                                             \
        report_line(cli, (level), (colour), text_.data);                           \
    } while (0)

int report_failure(struct cli *cli, const char *format, ...)
{
    REPORT_LINE("error", COLOUR_RED);
    return cli->failure_status;
}

void report_warning(struct cli *cli, const char *format, ...)
{
    REPORT_LINE("warning", COLOUR_YELLOW);
}

void report_note(struct cli *cli, const char *format, ...)
{
    REPORT_LINE("note", COLOUR_CYAN);
}

void report_text(struct cli *cli, const char *format, ...)
{
    va_list args;

    (void)cli;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

static const char *const severity_names[] = {
    [DIAG_ERROR] = "error",
    [DIAG_WARNING] = "warning",
    [DIAG_NOTE] = "note",
};
_Static_assert(ARRAY_LEN(severity_names) == DIAG_SEVERITY_MAX_, "name every severity");

const char *report_severity_name(const struct diag_entry *entry)
{
    return severity_names[entry->severity];
}

json_t *report_ways_json(const struct diag *diag, const struct diag_entry *entry)
{
    json_t *ways = json_array();

    for (struct diag_route r = diag_first_route(diag, entry); r.way;
            r = diag_next_route(diag, &r)) {
        json_t *way = json_object();

        json_object_set_new(way, "how", jsonx_text(diag_way_name(r.way)));
        add_json_place(way, &r.from);
        json_array_append_new(ways, way);
    }
    return ways;
}

static void report_entry_json(const struct diag *diag, const struct diag_entry *entry)
{
    auto_json json_t *object = json_object();
    auto_json json_t *ways = report_ways_json(diag, entry);

    json_object_set_new(object, severity_names[entry->severity], json_true());
    json_object_set_new(object, "message", jsonx_text(entry->message));
    if (entry->id)
        json_object_set_new(object, "id", jsonx_text(entry->id));
    add_json_place(object, &entry->at);
    if (entry->hint)
        json_object_set_new(object, "hint", jsonx_text(entry->hint));
    if (json_array_size(ways))
        json_object_set(object, "through", ways);
    write_json_line(object);
}

/* "  hint: text" */
static void add_remark(
        struct strbuf *out, const struct report_layout *layout, const char *label, const char *text)
{
    add_coloured(out, layout->colour, COLOUR_CYAN, label);
    format_add_clean(out, text);
    strbuf_addc(out, '\n');
}

static void add_ways(
        struct strbuf *out, const struct report_layout *layout, const struct diag_entry *entry)
{
    for (struct diag_route r = diag_first_route(layout->diag, entry); r.way;
            r = diag_next_route(layout->diag, &r)) {
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(REPORT_MAX_BYTES);

        strbuf_addf(&text, "%s %s", diag_way_name(r.way), r.from.file);
        if (r.from.line)
            strbuf_addf(&text, ":%u:%u", r.from.line, r.from.column);
        add_remark(out, layout, "  through: ", text.data);
    }
}

void report_format_entry(
        struct report_layout *layout, const struct diag_entry *entry, struct strbuf *out)
{
    if (entry->at.file)
        add_place(out, &entry->at);
    else
        add_coloured(out, layout->colour, COLOUR_RED, "berth: ");
    if (entry->severity != DIAG_ERROR)
        add_coloured(out, layout->colour, COLOUR_YELLOW,
                entry->severity == DIAG_WARNING ? "warning: " : "note: ");
    format_add_clean(out, entry->message);
    if (layout->with_ids && entry->id) {
        strbuf_adds(out, " [");
        add_coloured(out, layout->colour, COLOUR_CYAN, entry->id);
        strbuf_addc(out, ']');
    }
    strbuf_addc(out, '\n');
    if (entry->at.file)
        add_excerpt(out, &entry->at, layout);
    if (entry->hint)
        add_remark(out, layout, "  hint: ", entry->hint);
    add_ways(out, layout, entry);
}

unsigned report_diag(struct cli *cli, struct diag *diag)
{
    auto_(report_layout_release) struct report_layout layout = { .diag = diag,
        .colour = cli->colour_err };

    diag_sort(diag);
    ARRAY_FOREACH(diag, entry) {
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(REPORT_MAX_BYTES);

        if (cli->json_errors) {
            report_entry_json(diag, entry);
            continue;
        }
        report_format_entry(&layout, entry, &text);
        write_stderr(&text);
    }
    size_t found = diag->errors;
    size_t kept = diag->len;
    size_t limit = diag->max ? diag->max : DIAG_MAX_DEFAULT;

    if (kept >= limit && kept > 0)
        report_note(cli, "further findings are not shown");
    return found > UINT32_MAX ? UINT32_MAX : (unsigned)found;
}
