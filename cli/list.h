/* Lists of objects: a command makes one JSON object per row, once, and this prints them as a table, as
 * JSON or through a template; columns, headings and --format json therefore never disagree. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct cli;
struct error;
struct shape;

struct list_column {
    const char *heading; /* "CONTAINER ID" */
    const char *key;     /* member of the row: "ID" */
};

struct list_format {
    const char *format; /* --format: NULL, "table", "json", "table TEMPLATE", TEMPLATE */
    const struct list_column
            *columns; /* ends with a row without key; the first ones are the default table */
    unsigned default_columns;
    unsigned min_width; /* TABLE_MIN_WIDTH … */
    bool no_heading;    /* of the default table */
    bool json_array;    /* --format json gives one array (compose ls) and not an object per line */
};

/* True for the default table: then its columns' members are all that a row needs. */
bool list_is_default(const char *format);

/* `rows` is an array (borrowed). Members that no column names are only in the JSON. */
int list_print(
        struct cli *cli, const struct list_format *format, const json_t *rows, struct error **err);

/* `inspect --format`: each of `objects` through the template, a line each; NULL gives all of them as one pretty
 * array. `shapes` has the type of each object (cli/shapes.h), and "json" gives an array, too; it is NULL for what
 * has no such types, of which "json" gives an object per line. */
int list_print_inspect(struct cli *cli, const char *format, const json_t *objects,
        const struct shape *const *shapes, struct error **err);
