#include "compose/schema-page.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "compose/schema-types.h"
#include "compose/schema.h"

#define TABLES_MAX 128
#define CELL_MAX_BYTES 4096

struct page {
    enum page_format format;
    struct strbuf *out;
    struct arena arena;
    const struct attr_table *tables[TABLES_MAX]; /* in the order of the page */
    const char *paths[TABLES_MAX];               /* where each one was met first */
    size_t len;
};

static const char *const merge_words[] = {
    [MERGE_DEEP] = "by key",
    [MERGE_REPLACE] = "replaced",
    [MERGE_UNIQUE] = "appended, the same item once",
    [MERGE_APPEND_NEW] = "appended, the same item once",
    [MERGE_SAME_DRIVER] = "by key if the driver is the same",
    [MERGE_BY_SUBNET] = "replaced, by key for the same subnet",
    [MERGE_LISTS] = "lists appended, single values replaced",
    [MERGE_KEYS] = "by key",
};
_Static_assert(ARRAY_LEN(merge_words) == MERGE_RULE_MAX_, "say how every rule merges");

/* ------------------------------------------------------------------------------ what it says */

static const char *merge_of(const struct attr *attr)
{
    if (attr->merge == MERGE_DEEP && attr->type->shape == SHAPE_SCALAR)
        return "replaced";
    if (attr->merge == MERGE_DEEP && attr->type->shape == SHAPE_LIST)
        return "appended";
    return merge_words[attr->merge];
}

static const char *support_of(const struct attr *attr)
{
    switch (attr->engine) {
    case SUPPORT_FULL:
        return attr->unsupported ? "in part" : "yes";
    case SUPPORT_REFUSED:
        return "not yet";
    case SUPPORT_FOREIGN:
        return "no effect";
    case SUPPORT_ELSEWHERE:
        return "yes";
    }
    assert(false);
    return "";
}

static const struct attr_table *table_of(const struct attr *attr)
{
    return attr->items ? attr->items->table : attr->table;
}

static void add_table_link(
        const struct page *page, const struct attr_table *table, struct strbuf *out)
{
    if (page->format == PAGE_MAN) {
        strbuf_addf(out, "%s", table->name);
        return;
    }
    strbuf_addf(out, "[%s](#", table->name);
    for (const char *p = table->name; *p; p++)
        strbuf_addc(out, *p == ' ' ? '-' : *p);
    strbuf_addc(out, ')');
}

static void add_words(const struct page *page, const char *const *words, struct strbuf *out)
{
    const char *quote = page->format == PAGE_MARKDOWN ? "`" : "\"";

    for (size_t i = 0; words[i]; i++)
        strbuf_addf(out, "%s%s%s%s", i ? ", " : "", quote, words[i], quote);
}

/* "text or list of env_file", "`host`, `private`", "duration". */
static void add_forms(const struct page *page, const struct attr *attr, struct strbuf *out)
{
    const struct attr_table *table = table_of(attr);

    if (attr->names) {
        add_words(page, attr->names, out);
        return;
    }
    if (attr->type == &type_struct && attr->expand)
        strbuf_adds(out, "text or ");
    strbuf_adds(out, attr->type->name);
    if (!table)
        return;
    strbuf_adds(out, " of ");
    if (attr->items && attr->items->expand && attr->type->shape == SHAPE_LIST)
        strbuf_adds(out, "texts or ");
    add_table_link(page, table, out);
}

/* -------------------------------------------------------------------------------- where it is */

static bool is_known(const struct page *page, const struct attr_table *table)
{
    for (size_t i = 0; i < page->len; i++)
        if (page->tables[i] == table)
            return true;
    return false;
}

static void collect(struct page *page, const struct attr_table *table, const char *path)
{
    if (!table || is_known(page, table))
        return;
    assert(page->len < TABLES_MAX);
    page->tables[page->len] = table;
    page->paths[page->len++] = path;
    for (size_t i = 0; i < table->count; i++) {
        const struct attr *row = &table->rows[i];
        const char *step = !row->items ? "" : row->type->shape == SHAPE_LIST ? "[]" : ".NAME";

        collect(page, table_of(row),
                arena_printf(&page->arena, "%s%s%s%s", path, *path ? "." : "", row->name, step));
    }
}

/* ----------------------------------------------------------------------------- how it looks */

/* Text in a cell of a Markdown table. */
static void add_cell(struct page *page, const char *text)
{
    strbuf_addc(page->out, ' ');
    for (const char *p = text; *p; p++) {
        if (*p == '|')
            strbuf_addc(page->out, '\\');
        strbuf_addc(page->out, *p);
    }
    strbuf_adds(page->out, " |");
}

/* Text as troff takes it: no line begins a request, hyphens stay hyphens. */
static void add_roff(struct page *page, const char *text)
{
    for (const char *p = text; *p; p++) {
        if ((*p == '.' || *p == '\'') && (p == text || p[-1] == '\n'))
            strbuf_adds(page->out, "\\&");
        if (*p == '\\')
            strbuf_adds(page->out, "\\e");
        else if (*p == '-')
            strbuf_adds(page->out, "\\-");
        else
            strbuf_addc(page->out, *p);
    }
}

static void add_row(struct page *page, const struct attr *attr)
{
    auto_(strbuf_release) struct strbuf forms = STRBUF_INIT(CELL_MAX_BYTES);
    bool required = (attr->flags & ATTR_REQUIRED) != 0;

    add_forms(page, attr, &forms);
    if (page->format == PAGE_MARKDOWN) {
        strbuf_addf(page->out, "| `%s`%s |", attr->name, required ? " (required)" : "");
        add_cell(page, forms.data);
        add_cell(page, merge_of(attr));
        add_cell(page, support_of(attr));
        add_cell(page, attr->help);
        strbuf_addc(page->out, '\n');
        return;
    }
    strbuf_adds(page->out, ".TP\n.B ");
    add_roff(page, attr->name);
    strbuf_adds(page->out, "\n");
    add_roff(page, attr->help);
    strbuf_adds(page->out, "\nForm: ");
    add_roff(page, forms.data);
    strbuf_addf(page->out, "%s. Several files: %s. Carried out: %s.\n",
            required ? " (required)" : "", merge_of(attr), support_of(attr));
}

static void add_table(struct page *page, size_t index)
{
    const struct attr_table *table = page->tables[index];
    const char *path = page->paths[index];

    if (page->format == PAGE_MARKDOWN) {
        strbuf_addf(page->out, "\n## %s\n\n", table->name);
        if (*path)
            strbuf_addf(page->out, "At `%s`.\n\n", path);
        strbuf_adds(page->out, "| Attribute | Forms | Several files | Carried out | Meaning |\n"
                               "|---|---|---|---|---|\n");
    } else {
        strbuf_addf(page->out, ".SH \"%s\"\n", table->name);
        if (*path)
            strbuf_adds(page->out, "At ");
        add_roff(page, path);
        if (*path)
            strbuf_adds(page->out, ".\n");
    }
    for (size_t i = 0; i < table->count; i++)
        add_row(page, &table->rows[i]);
}

static const char *const markdown_head =
        "# Compose files\n\n"
        "<!-- Made from the schema table by `berth compose schema --format markdown`; not edited. -->\n\n"
        "Every element and attribute that berth knows. \"Several files\" tells what happens when files\n"
        "given with `-f`, overrides, includes or `extends` say the same thing: the later one replaces,\n"
        "is appended, or is merged key by key; `!reset` and `!override` work everywhere. \"Carried out\"\n"
        "tells whether berth's own engine does it; what is carried out in part or not yet is still read,\n"
        "checked and printed by `berth compose config`, and `up` refuses it with its place before it\n"
        "changes anything. Keys that begin with `x-` are allowed in nearly every mapping and mean nothing to\n"
        "berth. Where Docker Compose behaves differently is told in [differences.md](differences.md).\n\n"
        "Texts may hold variables (`${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `${NAME:+text}`).\n"
        "Durations are written `1m30s`, with the units us, ms, s, m, h, d and w; sizes `512m`, with b,\n"
        "k, m, g, t and p as powers of 1024.\n";

static const char *const man_head =
        ".TH BERTH\\-COMPOSE 5 \"\" berth \"File formats\"\n"
        ".SH NAME\nberth\\-compose \\- compose files\n"
        ".SH DESCRIPTION\n"
        "Every element and attribute that\n.BR berth\\-compose (1)\nknows. \"Several files\" tells what\n"
        "happens when several files say the same thing. \"Carried out\" tells whether berth's own engine\n"
        "does it; what it does not do yet is still read, checked and printed by\n"
        ".BR \"berth compose config\" ,\nand\n.B up\nrefuses it with its place before it changes anything.\n"
        "Keys that begin with x\\- are allowed in nearly every mapping.\n"
        ".PP\n"
        "Texts may hold variables: ${NAME}, ${NAME:\\-default}, ${NAME:?message}, ${NAME:+text}.\n"
        "Durations are written 1m30s, sizes 512m.\n";

void schema_print_page(enum page_format format, struct strbuf *out)
{
    struct page page = { .format = format, .out = out };

    collect(&page, &compose_table, "");
    strbuf_adds(out, format == PAGE_MARKDOWN ? markdown_head : man_head);
    for (size_t i = 0; i < page.len; i++)
        add_table(&page, i);
    if (format == PAGE_MAN)
        strbuf_adds(out, ".SH \"SEE ALSO\"\n.BR berth (1),\n.BR berth\\-compose (1)\n");
    arena_release(&page.arena);
}
