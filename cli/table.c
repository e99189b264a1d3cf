#include "cli/table.h"

#include <stdarg.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/format.h"

#define TABLE_PADDING 3

void table_release(struct table *table)
{
    free(table->items);
    table->items = NULL;
    table->len = table->cap = 0;
    arena_release(&table->arena);
}

void table_row(struct table *table)
{
    ARRAY_APPEND(table);
}

void table_cell(struct table *table, const char *text)
{
    struct table_row *row = &table->items[table->len - 1];
    char *copy = arena_strdup(&table->arena, text ? text : "");

    /* A cell is one line of printable text, whatever a label or command holds. */
    for (char *p = copy; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
        /* U+0080 to U+009F, the other set of control characters: terminals obey those in UTF-8, too. */
        if ((unsigned char)p[0] == 0xc2 && (unsigned char)p[1] >= 0x80 &&
                (unsigned char)p[1] < 0xa0)
            p[0] = p[1] = ' ';
    }
    *ARRAY_APPEND_ARENA(&table->arena, row) = copy;
}

void table_cellf(struct table *table, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    table_cell(table, arena_vprintf(&table->arena, format, args));
    va_end(args);
}

void table_headers(struct table *table, const char *const *headers)
{
    table_row(table);
    for (; *headers; headers++)
        table_cell(table, *headers);
}

void table_format(const struct table *table, struct strbuf *out)
{
    unsigned widths[64] = { 0 };

    for (size_t r = 0; r < table->len; r++) {
        const struct table_row *row = &table->items[r];

        for (size_t c = 0; c + 1 < row->len && c < ARRAY_LEN(widths); c++) {
            unsigned width = format_text_width(row->items[c]) + TABLE_PADDING;

            if (width < table->min_width)
                width = table->min_width;
            if (width > widths[c])
                widths[c] = width;
        }
    }
    for (size_t r = 0; r < table->len; r++) {
        const struct table_row *row = &table->items[r];

        for (size_t c = 0; c < row->len; c++) {
            strbuf_adds(out, row->items[c]);
            if (c + 1 == row->len || c >= ARRAY_LEN(widths))
                continue;
            for (unsigned w = format_text_width(row->items[c]); w < widths[c]; w++)
                strbuf_addc(out, ' ');
        }
        strbuf_addc(out, '\n');
    }
}

void table_print(struct cli *cli, const struct table *table)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);

    table_format(table, &text);
    cli_print_text(cli, text.data, text.len);
}
