#include "compose/print.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/document.h"
#include "compose/print-internal.h"
#include "compose/project.h"
#include "compose/schema-types.h"
#include "compose/schema.h"

enum quoting {
    QUOTE_DOLLARS = 1 << 0, /* doubled */
    QUOTE_HTML = 1 << 1,    /* < > & as escapes, as Go's JSON has them */
    QUOTE_YAML = 1 << 2,    /* other escapes in YAML's words */
};

#define ESCAPE_BYTES 6         /* of one byte: \u0001 */
#define NODE_OVERHEAD_BYTES 40 /* a number, what stands around a value and its key */
#define BINARY_LINE 70         /* characters of base64 */
#define SIMPLE_KEY_MAX 128u    /* of Docker Compose; readers take 1024 */

struct printer {
    struct strbuf *out;
    unsigned quoting;
    bool is_json;
    bool is_compact; /* JSON on one line */
};

/* ------------------------------------------------------------------------------- texts */

/* Length of the well-formed UTF-8 character at p, 0 when there is none. */
static size_t character_len(const unsigned char *p)
{
    size_t len = *p < 0x80 ? 1 : *p < 0xc2 ? 0 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : *p < 0xf5 ? 4 : 0;

    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) || (*p == 0xf0 && p[1] < 0x90) ||
            (*p == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

/* Characters beyond ASCII that YAML takes for line breaks or that nobody can see: U+0080 to U+009F, U+2028,
 * U+2029, U+FEFF. */
static bool is_unseen(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;

    return (p[0] == 0xc2 && p[1] < 0xa0) ||
           (p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9)) ||
           (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf);
}

static unsigned decode_character(const unsigned char *p, size_t len)
{
    unsigned c = len == 1 ? p[0] : p[0] & (0xffu >> (len + 1));

    for (size_t i = 1; i < len; i++)
        c = c << 6 | (p[i] & 0x3fu);
    return c;
}

/* A character that is not shown as itself, in the words of JSON, or of YAML as Docker Compose writes it. */
static void print_escape(unsigned c, bool is_yaml, struct strbuf *out)
{
    static const char json_from[] = "\b\f\n\r\t\"\\", json_to[] = "bfnrt\"\\";
    static const char yaml_from[] = "\a\b\f\n\r\t\v\x1b\"\\", yaml_to[] = "abfnrtve\"\\";
    const char *from = is_yaml ? yaml_from : json_from, *to = is_yaml ? yaml_to : json_to;
    const char *known = c && c < 0x80 ? strchr(from, (int)c) : NULL;

    if (known)
        strbuf_addf(out, "\\%c", to[known - from]);
    else if (!is_yaml)
        strbuf_addf(out, "\\u%04x", c);
    else if (c == 0x85 || c == 0x2028 || c == 0x2029)
        strbuf_addf(out, "\\%c", c == 0x85 ? 'N' : c == 0x2028 ? 'L' : 'P');
    else if (c < 0x100)
        strbuf_addf(out, "\\x%02X", c);
    else
        strbuf_addf(out, c < 0x10000 ? "\\u%04X" : "\\U%08X", c);
}

/* Nothing is ever done about these. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '$' && c != '<' && c != '>' &&
           c != '&';
}

static void print_quoted(const char *text, unsigned quoting, struct strbuf *out)
{
    bool is_yaml = quoting & QUOTE_YAML;

    strbuf_addc(out, '"');
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        const unsigned char *from = p;

        while (is_plain(*p))
            p++;
        strbuf_add(out, from, (size_t)(p - from));
        if (!*p)
            break;
        size_t len = character_len(p);

        if (!len)
            strbuf_adds(out, "\xef\xbf\xbd");
        else if (*p < 0x20 || strchr("\"\\\x7f", *p) || is_unseen((const char *)p) ||
                 (is_yaml && len == 4) || ((quoting & QUOTE_HTML) && strchr("<>&", *p)))
            print_escape(decode_character(p, len), is_yaml, out);
        else
            strbuf_add(out, p, len);
        if (*p == '$' && (quoting & QUOTE_DOLLARS))
            strbuf_addc(out, '$');
        p += len ? len : 1;
    }
    strbuf_addc(out, '"');
}

void json_print_text(const char *text, struct strbuf *out)
{
    print_quoted(text, 0, out);
}

static void print_scalar(const struct printer *printer, const struct node *node)
{
    char buffer[NUMBER_TEXT_MAX];

    switch (node->kind) {
    case NODE_NULL:
        strbuf_adds(printer->out, "null");
        break;
    case NODE_BOOL:
        strbuf_adds(printer->out, node->boolean ? "true" : "false");
        break;
    case NODE_INT:
        strbuf_addf(printer->out, "%lld", (long long)node->integer);
        break;
    case NODE_FLOAT:
        if (isfinite(node->number))
            strbuf_adds(printer->out, node->flags & NODE_EXACT ? node->text
                                      : printer->is_json ? number_format_json(node->number, buffer)
                                                         : number_format(node->number, buffer));
        else if (printer->is_json) /* JSON has no such numbers */
            print_quoted(number_format(node->number, buffer), 0, printer->out);
        else
            strbuf_adds(printer->out, isnan(node->number) ? ".nan"
                                      : node->number < 0  ? "-.inf"
                                                          : ".inf");
        break;
    case NODE_TEXT:
        print_quoted(node->text, printer->quoting, printer->out);
        break;
    case NODE_LIST:
    case NODE_MAP:
    case NODE_KIND_MAX_:
        break;
    }
}

/* -------------------------------------------------------------------------------- JSON */

static void indent(const struct printer *printer, unsigned depth)
{
    if (printer->is_compact)
        return;
    strbuf_addc(printer->out, '\n');
    for (unsigned i = 0; i < depth; i++)
        strbuf_adds(printer->out, "  ");
}

static void print_json(const struct printer *printer, const struct node *node, unsigned depth)
{
    struct strbuf *out = printer->out;
    bool is_map = node->kind == NODE_MAP;

    if (!is_map && node->kind != NODE_LIST) {
        print_scalar(printer, node);
        return;
    }
    strbuf_addc(out, is_map ? '{' : '[');
    for (uint32_t i = 0; i < node->len; i++) {
        if (i)
            strbuf_addc(out, ',');
        indent(printer, depth + 1);
        if (is_map) {
            print_quoted(node->entries[i].key, printer->quoting, out);
            strbuf_adds(out, printer->is_compact ? ":" : ": ");
        }
        print_json(printer, is_map ? node->entries[i].value : node->items[i], depth + 1);
    }
    if (node->len)
        indent(printer, depth);
    strbuf_addc(out, is_map ? '}' : ']');
}

void node_print_canonical(const struct node *node, struct strbuf *out)
{
    const struct printer printer = { .out = out, .is_json = true };
    struct arena arena = ARENA_INIT;

    if (node->kind == NODE_LIST) {
        strbuf_addc(out, '[');
        for (uint32_t i = 0; i < node->len; i++) {
            if (i)
                strbuf_addc(out, ',');
            node_print_canonical(node->items[i], out);
        }
        strbuf_addc(out, ']');
    } else if (node->kind == NODE_MAP) {
        struct node *sorted = node_copy(&arena, node);

        node_sort_keys(sorted);
        strbuf_addc(out, '{');
        for (uint32_t i = 0; i < sorted->len; i++) {
            if (i)
                strbuf_addc(out, ',');
            print_quoted(sorted->entries[i].key, 0, out);
            strbuf_addc(out, ':');
            node_print_canonical(sorted->entries[i].value, out);
        }
        strbuf_addc(out, '}');
    } else {
        print_scalar(&printer, node);
    }
    arena_release(&arena);
}

/* -------------------------------------------------------------------------------- YAML */

/* (:[0-5]?[0-9])+(\.[0-9_]*)? */
static bool is_base_60(const char *p)
{
    while (*p == ':') {
        size_t len = strspn(p + 1, "0123456789");

        if (len < 1 || len > 2 || (len == 2 && p[1] > '5'))
            return false;
        p += 1 + len;
    }
    if (*p == '.')
        p += 1 + strspn(p + 1, "0123456789_");
    return *p == '\0';
}

static const char *digits_of(char base)
{
    return base == 'x' || base == 'X'   ? "0123456789abcdefABCDEF_"
           : base == 'b' || base == 'B' ? "01_"
                                        : "01234567_";
}

/* True when a plain scalar would be read as something else than this text. */
static bool reads_differently(const char *text)
{
    static const char *const words[] = { "~", "null", "Null", "NULL", "true", "True", "TRUE",
        "false", "False", "FALSE", "y", "Y", "yes", "Yes", "YES", "on", "On", "ON", "n", "N", "no",
        "No", "NO", "off", "Off", "OFF", ".inf", ".Inf", ".INF", "+.inf", "-.inf", ".nan", ".NaN",
        ".NAN" };
    const char *p = text + (*text == '-' || *text == '+');
    size_t digits = strspn(p, "0123456789_");

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    if (*text == '_')
        return false;
    if (p[0] == '0' && p[1] && strchr("xXoObB", p[1]))
        return p[2] && p[2 + strspn(p + 2, digits_of(p[1]))] == '\0';
    if (digits == 4 && p[4] == '-') { /* as dates begin */
        size_t month = strspn(p + 5, "0123456789");

        return month && month <= 2 && (month == 1 || p[5] == '0' || p[6] <= '2') &&
               p[5 + month] == '-' && strspn(p, "0123456789-:.+TtZz ") == strlen(p);
    }
    if (digits && p[digits] == ':') /* numbers of base 60 */
        return is_base_60(p + digits);
    p += digits;
    if (*p == '.')
        p += 1 + strspn(p + 1, "0123456789_");
    if ((*p == 'e' || *p == 'E') && p > text) {
        p += 1 + (p[1] == '-' || p[1] == '+');
        if (!strspn(p, "0123456789"))
            return false;
        p += strspn(p, "0123456789");
    }
    return *p == '\0' && strpbrk(text, "0123456789") != NULL;
}

enum text_style { STYLE_PLAIN, STYLE_SINGLE, STYLE_DOUBLE, STYLE_LITERAL, STYLE_BINARY };

static enum text_style choose_style(const char *text, bool is_key)
{
    size_t len = strlen(text);
    bool plain = len > 0, special = false, has_tab = strchr(text, '\t');

    for (size_t i = 0; i < len;) {
        unsigned char c = (unsigned char)text[i];
        size_t step = character_len((const unsigned char *)text + i);

        if (!step && !is_key) /* a file of variables may hold any bytes */
            return STYLE_BINARY;
        if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f || !step || step == 4 ||
                is_unseen(text + i))
            special = true;
        if (c == ':' && (i + 1 == len || strchr(" \t\n", text[i + 1])))
            plain = false;
        if (c == '#' && i > 0 && (text[i - 1] == ' ' || text[i - 1] == '\t'))
            plain = false;
        i += step ? step : 1;
    }
    if (special)
        return STYLE_DOUBLE;
    if (strchr(text, '\n')) {
        bool ends_in_blank = strstr(text, " \n") || text[len - 1] == ' ';
        bool begins_in_tab = text[strspn(text, "\n ")] == '\t'; /* libyaml minds that in a block */

        return ends_in_blank || begins_in_tab || strspn(text, "\n ") == len ? STYLE_DOUBLE
                                                                            : STYLE_LITERAL;
    }
    if (!len || has_tab || reads_differently(text) || (is_key && strcmp(text, "<<") == 0))
        return STYLE_DOUBLE;
    if (strchr("#,[]{}&*!|>'\"%@` ", text[0]) || text[len - 1] == ' ' ||
            (strchr("-?:", text[0]) && (len == 1 || text[1] == ' ')) ||
            strncmp(text, "---", 3) == 0 || strncmp(text, "...", 3) == 0)
        plain = false;
    return plain ? STYLE_PLAIN : STYLE_SINGLE;
}

static void yaml_indent(struct strbuf *out, unsigned columns)
{
    for (unsigned i = 0; i < columns; i++)
        strbuf_addc(out, ' ');
}

static void add_text(const struct printer *printer, const char *text, size_t len, bool single)
{
    for (size_t i = 0; i < len; i++) {
        strbuf_addc(printer->out, text[i]);
        if ((text[i] == '$' && (printer->quoting & QUOTE_DOLLARS)) || (text[i] == '\'' && single))
            strbuf_addc(printer->out, text[i]);
    }
}

static void print_literal(const struct printer *printer, const char *text, unsigned columns)
{
    size_t len = strlen(text);
    struct str rest, line;

    strbuf_addc(printer->out, '|');
    if (text[0] == ' ' || text[0] == '\n')
        strbuf_addc(printer->out, '2');
    if (text[len - 1] != '\n')
        strbuf_addc(printer->out, '-');
    else if (len > 1 && text[len - 2] == '\n')
        strbuf_addc(printer->out, '+');
    strbuf_addc(printer->out, '\n');
    rest = (struct str){ text, text[len - 1] == '\n' ? len - 1 : len };
    for (bool more = true; more;) {
        const char *newline = memchr(rest.data, '\n', rest.len);

        line = (struct str){ rest.data, newline ? (size_t)(newline - rest.data) : rest.len };
        if (line.len)
            yaml_indent(printer->out, columns);
        add_text(printer, line.data, line.len, false);
        strbuf_addc(printer->out, '\n');
        more = newline != NULL;
        if (more)
            rest = (struct str){ newline + 1, rest.len - line.len - 1 };
    }
}

/* Bytes that are no text, in base64: in one line, or in lines of 70 characters as Docker Compose has them. */
static void print_binary(struct strbuf *out, const char *text, unsigned columns)
{
    static const char alphabet[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = strlen(text), line_max = (len + 2) / 3 * 4 > BINARY_LINE ? BINARY_LINE : SIZE_MAX;
    size_t written = 0;

    strbuf_adds(out, line_max == SIZE_MAX ? "!!binary " : "!!binary |\n");
    for (size_t i = 0; i < len; i += 3) {
        unsigned bits = 0;

        for (size_t j = 0; j < 3; j++)
            bits = bits << 8 | (i + j < len ? (unsigned char)text[i + j] : 0);
        for (size_t j = 0; j < 4; j++, written++) {
            if (line_max != SIZE_MAX && written % line_max == 0) {
                strbuf_adds(out, written ? "\n" : "");
                yaml_indent(out, columns);
            }
            strbuf_addc(out, i + j > len ? '=' : alphabet[bits >> (18 - 6 * j) & 63]);
        }
    }
    strbuf_addc(out, '\n');
}

/* Prints a text; `columns` is where the lines of a block start. Ends the line. */
static void print_yaml_text(
        const struct printer *printer, const char *text, unsigned columns, bool is_key)
{
    switch (choose_style(text, is_key)) {
    case STYLE_PLAIN:
        add_text(printer, text, strlen(text), false);
        break;
    case STYLE_SINGLE:
        strbuf_addc(printer->out, '\'');
        add_text(printer, text, strlen(text), true);
        strbuf_addc(printer->out, '\'');
        break;
    case STYLE_DOUBLE:
        print_quoted(text, printer->quoting | QUOTE_YAML, printer->out);
        break;
    case STYLE_LITERAL:
        print_literal(printer, text, columns);
        return;
    case STYLE_BINARY:
        print_binary(printer->out, text, columns);
        return;
    }
    if (!is_key)
        strbuf_addc(printer->out, '\n');
}

static bool is_block(const struct node *node)
{
    return (node->kind == NODE_MAP || node->kind == NODE_LIST) && node->len > 0;
}

static void print_yaml(const struct printer *printer, const struct node *node, unsigned columns,
        bool first_is_placed);

static void print_yaml_value(
        const struct printer *printer, const struct node *node, unsigned columns)
{
    if (node->kind == NODE_TEXT) {
        print_yaml_text(printer, node->text, columns, false);
    } else if (node->kind == NODE_MAP || node->kind == NODE_LIST) {
        strbuf_adds(printer->out, node->kind == NODE_MAP ? "{}\n" : "[]\n");
    } else {
        print_scalar(printer, node);
        strbuf_addc(printer->out, '\n');
    }
}

/* A key that is long or has several lines stands on lines of its own, behind "?"; true then. */
static bool print_key(const struct printer *printer, const char *key, unsigned columns)
{
    if (strlen(key) <= SIMPLE_KEY_MAX && !strchr(key, '\n')) {
        print_yaml_text(printer, key, columns, true);
        return false;
    }
    strbuf_adds(printer->out, "? ");
    print_yaml_text(printer, key, columns + 2, false);
    yaml_indent(printer->out, columns);
    return true;
}

/* first_is_placed: the first line continues one that "- " has begun. */
static void print_yaml(const struct printer *printer, const struct node *node, unsigned columns,
        bool first_is_placed)
{
    for (uint32_t i = 0; i < node->len; i++) {
        const struct node *value = node->kind == NODE_MAP ? node->entries[i].value : node->items[i];

        if (i || !first_is_placed)
            yaml_indent(printer->out, columns);
        if (node->kind == NODE_LIST) {
            strbuf_adds(printer->out, "- ");
            if (is_block(value))
                print_yaml(printer, value, columns + 2, true);
            else
                print_yaml_value(printer, value, columns + 2);
            continue;
        }
        bool is_long = print_key(printer, node->entries[i].key, columns);

        strbuf_addc(printer->out, ':');
        if (is_block(value) && is_long) {
            strbuf_addc(printer->out, ' ');
            print_yaml(printer, value, columns + 2, true);
        } else if (is_block(value)) {
            strbuf_addc(printer->out, '\n');
            print_yaml(printer, value, columns + 2, false);
        } else {
            strbuf_addc(printer->out, ' ');
            print_yaml_value(printer, value, columns + 2);
        }
    }
}

/* ----------------------------------------------------------------------- what is shown */

static void add_section(
        struct arena *arena, struct node *model, const char *name, struct node *section)
{
    if (section->len)
        node_set(arena, model, name, NULL, section);
}

/* A resource of which nothing is said is an empty mapping. */
static struct node *shown(struct arena *arena, const struct node *resource)
{
    return resource->kind == NODE_NULL ? node_new(arena, NODE_MAP, &resource->at)
                                       : (struct node *)(uintptr_t)resource;
}

#define COLLECT(arena, list, show, member)                                                \
    __extension__({                                                                       \
        struct node *section_ = node_new((arena), NODE_MAP, NULL);                        \
        ARRAY_FOREACH(list, it_)                                                          \
            if (show)                                                                     \
                node_set((arena), section_, it_->key, NULL, shown((arena), it_->member)); \
        section_;                                                                         \
    })

static struct node *only_image(struct arena *arena, const struct node *service)
{
    struct node *image = node_get(service, "image");
    struct node *only = node_new(arena, NODE_MAP, &service->at);

    if (image)
        node_set(arena, only, "image", NULL, image);
    return only;
}

/* Without interpolation no profile is looked at: all of them. */
static struct node *collect_services(
        struct arena *arena, const struct project *project, const struct print_options *options)
{
    const struct services *const lists[] = { &project->services, &project->disabled };
    struct node *services = node_new(arena, NODE_MAP, NULL);

    for (size_t i = 0; i < (options->no_interpolate ? ARRAY_LEN(lists) : 1); i++)
        ARRAY_FOREACH(lists[i], service)
            node_set(arena, services, service->name, NULL,
                    options->only_images ? only_image(arena, service->model)
                                         : (struct node *)(uintptr_t)service->model);
    node_sort_keys(services);
    return services;
}

static const char *shown_name(const struct project *project, const struct print_options *options)
{
    if (options->only_images)
        return options->format == PRINT_JSON && !options->no_interpolate ? "" : NULL;
    return options->no_interpolate ? node_get_text(project->model, "name") : project->name;
}

static void collect_resources(struct arena *arena, const struct project *project,
        const struct print_options *options, struct node *model)
{
    bool all = options->all_resources || options->no_interpolate;

    add_section(
            arena, model, "networks", COLLECT(arena, &project->networks, it_->used || all, model));
    add_section(
            arena, model, "volumes", COLLECT(arena, &project->volumes, it_->used || all, model));
    add_section(
            arena, model, "secrets", COLLECT(arena, &project->secrets, it_->used || all, model));
    add_section(
            arena, model, "configs", COLLECT(arena, &project->configs, it_->used || all, model));
    add_section(
            arena, model, "models", COLLECT(arena, &project->models, it_->used || all, model_node));
}

void project_print(
        const struct project *project, const struct print_options *options, struct strbuf *out)
{
    bool is_json = options->format == PRINT_JSON;
    const struct printer printer = {
        .out = out,
        .quoting = (options->no_interpolate ? 0u : QUOTE_DOLLARS) | (is_json ? QUOTE_HTML : 0u),
        .is_json = is_json,
    };
    struct arena arena = ARENA_INIT;
    struct node *model = node_new(&arena, NODE_MAP, NULL);
    const char *name = shown_name(project, options);

    if (name)
        node_set(&arena, model, "name", NULL, node_new_text(&arena, name, NULL));
    node_set(&arena, model, "services", NULL, collect_services(&arena, project, options));
    if (!options->only_images)
        collect_resources(&arena, project, options, model);
    if (options->no_interpolate)
        model = print_view_raw(&arena, &compose_attr, model);
    else if (is_json)
        model = print_view_json(&arena, &compose_attr, model);
    if (!options->only_images)
        NODE_FOREACH(project->model, entry)
            if (strncmp(entry->key, "x-", 2) == 0)
                node_set(&arena, model, entry->key, NULL, entry->value);
    if (is_json) {
        node_sort_keys(model); /* Go prints a map here */
        print_json(&printer, model, 0);
        strbuf_addc(out, '\n');
    } else {
        print_yaml(&printer, print_view_yaml(&arena, &compose_attr, model), 0, false);
    }
    arena_release(&arena);
}

/* At most, whatever is to be escaped; SIZE_MAX when it is more than max_bytes. */
static size_t estimate_bytes(const struct node *node, size_t max_bytes)
{
    size_t bytes = NODE_OVERHEAD_BYTES;

    if (node->kind == NODE_TEXT)
        bytes += strlen(node->text) * ESCAPE_BYTES;
    for (uint32_t i = 0; i < node->len && bytes <= max_bytes; i++) {
        const struct node *value = node->kind == NODE_MAP ? node->entries[i].value : node->items[i];
        size_t below = estimate_bytes(value, max_bytes - bytes);

        if (below == SIZE_MAX)
            return SIZE_MAX;
        bytes += below;
        if (node->kind == NODE_MAP)
            bytes += strlen(node->entries[i].key) * ESCAPE_BYTES;
    }
    return bytes <= max_bytes ? bytes : SIZE_MAX;
}

bool node_fits(const struct node *node, size_t max_bytes)
{
    if (estimate_bytes(node, max_bytes) != SIZE_MAX)
        return true;
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(max_bytes);

    node_print_canonical(node, &out);
    return !strbuf_is_truncated(&out);
}

void service_print_marshalled(const struct service *service, struct strbuf *out)
{
    const struct printer printer = {
        .out = out, .quoting = QUOTE_HTML, .is_json = true, .is_compact = true
    };
    struct arena arena = ARENA_INIT;

    print_json(&printer, print_view_marshalled(&arena, service), 0);
    arena_release(&arena);
}

void yaml_print_text(const char *text, unsigned columns, struct strbuf *out)
{
    print_yaml_text(&(struct printer){ .out = out }, text, columns, false);
}
