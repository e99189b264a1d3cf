/* Columns as Docker prints them: every cell but the last is padded to the widest of its column plus
 * three blanks, and to at least `min_width`; the same on a terminal and on a pipe. Widths count
 * characters, not bytes. */
#pragma once

#include "base/arena.h"
#include "base/array.h"

struct cli;

#define TABLE_MIN_WIDTH 10         /* docker ps and its kin */
#define TABLE_COMPOSE_MIN_WIDTH 20 /* compose ls, compose images, compose top */

struct table_row {
    char **items;
    size_t len, cap;
};
struct table {
    struct arena arena;
    struct table_row *items;
    size_t len, cap;
    unsigned min_width;
};

#define TABLE_INIT(width)    \
    {                        \
        .min_width = (width) \
    }

void table_release(struct table *table);

/* Starts a row; cells follow. The text is copied; NULL is an empty cell. */
void table_row(struct table *table);
void table_cell(struct table *table, const char *text);
void table_cellf(struct table *table, const char *format, ...)
        __attribute__((format(printf, 2, 3)));
void table_headers(struct table *table, const char *const *headers); /* NULL-terminated */

void table_print(struct cli *cli, const struct table *table);
struct strbuf;
void table_format(const struct table *table, struct strbuf *out);
