#include "cli/list.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/table.h"
#include "cli/template.h"

#define LIST_TEXT_MAX (1u << 20)

static void cell_from(struct table *table, const json_t *value)
{
    if (json_is_string(value))
        table_cell(table, json_string_value(value));
    else if (json_is_integer(value))
        table_cellf(table, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else if (json_is_boolean(value))
        table_cell(table, json_is_true(value) ? "true" : "false");
    else
        table_cell(table, "");
}

static void print_default(struct cli *cli, const struct list_format *format, const json_t *rows)
{
    auto_(table_release) struct table table = TABLE_INIT(format->min_width);

    if (!format->no_heading)
        table_row(&table);
    for (unsigned c = 0; !format->no_heading && c < format->default_columns; c++)
        table_cell(&table, format->columns[c].heading);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        table_row(&table);
        for (unsigned c = 0; c < format->default_columns; c++)
            cell_from(&table, json_object_get(json_array_get(rows, i), format->columns[c].key));
    }
    table_print(cli, &table);
}

static const char *heading_of(void *userdata, const char *key)
{
    const struct list_format *format = userdata;

    for (const struct list_column *c = format->columns; c->key; c++)
        if (strcmp(c->key, key) == 0)
            return c->heading;
    return NULL;
}

/* "\t" and "\n" as people write them in a shell's quotes. */
static char *unescape(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text), *to = copy;

    for (const char *p = text; *p; p++) {
        if (p[0] == '\\' && (p[1] == 't' || p[1] == 'n')) {
            *to++ = p[1] == 't' ? '\t' : '\n';
            p++;
        } else {
            *to++ = *p;
        }
    }
    *to = '\0';
    return copy;
}

static void add_split_row(struct table *table, const char *text)
{
    struct str rest = str_from(text), piece;

    table_row(table);
    while (str_split_next(&rest, '\t', &piece))
        table_cellf(table, "%.*s", STR_FMT(piece));
}

static int print_template_table(struct cli *cli, const struct list_format *format,
        const struct template *template, const json_t *rows, struct error **err)
{
    auto_(table_release) struct table table = TABLE_INIT(format->min_width);
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIST_TEXT_MAX);

    template_heading(template, heading_of, (void *)format, &text);
    add_split_row(&table, text.data);
    for (size_t i = 0; i < json_array_size(rows); i++) {
        strbuf_reset(&text);
        int r = template_execute(template, json_array_get(rows, i), NULL, &text, err);
        if (r < 0)
            return r;
        add_split_row(&table, text.data);
    }
    table_print(cli, &table);
    return 0;
}

/* `shapes`: of each of the rows, or NULL. */
static int print_lines(struct cli *cli, const struct template *template, const json_t *rows,
        const struct shape *const *shapes, struct error **err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);

    for (size_t i = 0; i < json_array_size(rows); i++) {
        int r = template_execute(
                template, json_array_get(rows, i), shapes ? shapes[i] : NULL, &text, err);
        if (r < 0)
            return r;
        strbuf_addc(&text, '\n');
    }
    cli_print_text(cli, text.data, text.len);
    return 0;
}

bool list_is_default(const char *format)
{
    return string_is_empty(format) || strcmp(format, "table") == 0 || strcmp(format, "pretty") == 0;
}

int list_print(
        struct cli *cli, const struct list_format *format, const json_t *rows, struct error **err)
{
    const char *text = format->format;

    if (list_is_default(text)) {
        print_default(cli, format, rows);
        return 0;
    }
    if (strcmp(text, "json") == 0) {
        if (format->json_array)
            cli_print_json(cli, rows, false);
        else
            for (size_t i = 0; i < json_array_size(rows); i++)
                cli_print_json(cli, json_array_get(rows, i), false);
        return 0;
    }
    bool table = string_has_prefix(text, "table ") || string_has_prefix(text, "table\\t");
    auto_(template_release_p) struct template *template = NULL;
    int r = template_parse(&cli->arena,
            unescape(&cli->arena, table ? text + strlen("table ") : text), &template, err);

    if (r < 0)
        return r;
    if (!strstr(text, "{{"))
        return error_set_plain(err, EINVAL, NULL,
                "unsupported format \"%s\": expected table, json or a template", text);
    return table ? print_template_table(cli, format, template, rows, err)
                 : print_lines(cli, template, rows, NULL, err);
}

int list_print_inspect(struct cli *cli, const char *format, const json_t *objects,
        const struct shape *const *shapes, struct error **err)
{
    if (string_is_empty(format)) {
        cli_print_json(cli, objects, true);
        return 0;
    }
    if (strcmp(format, "json") == 0) {
        if (shapes)
            cli_print_json(cli, objects, false);
        for (size_t i = 0; !shapes && i < json_array_size(objects); i++)
            cli_print_json(cli, json_array_get(objects, i), false);
        return 0;
    }
    auto_(template_release_p) struct template *template = NULL;
    int r = template_parse(&cli->arena, format, &template, err);

    return r < 0 ? r : print_lines(cli, template, objects, shapes, err);
}
