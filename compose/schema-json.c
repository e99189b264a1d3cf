#include "compose/schema-json.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "compose/print.h"
#include "compose/schema-types.h"
#include "compose/schema.h"

#define VARIABLE "{\"$ref\":\"#/$defs/variable\"}"
#define DIGITS "[0-9](_?[0-9])*"
#define NUMERAL "[+]?(" DIGITS "([.](" DIGITS ")?)?|[.]" DIGITS ")([eE][-+]?" DIGITS ")?"
#define HEXADECIMAL "0[xX]_?[0-9a-fA-F.][0-9a-fA-F_.]*[pP][-+]?" DIGITS

/* What the types refer to. Patterns are written for ECMAScript and POSIX alike. */
static const struct {
    const char *name, *json;
} basic_definitions[] = {
    { "variable", "{\"description\":\"A text with a variable in it.\",\"type\":\"string\","
                  "\"pattern\":\"[$]\"}" },
    { "boolean", "{\"anyOf\":[{\"type\":\"boolean\"},{\"type\":\"string\",\"pattern\":"
                 "\"^([Tt][Rr][Uu][Ee]|[Yy]([Ee][Ss])?|[Oo][Nn]|[Ff][Aa][Ll][Ss][Ee]|[Nn][Oo]?|"
                 "[Oo][Ff][Ff])$\"}," VARIABLE "]}" },
    { "integer", "{\"anyOf\":[{\"type\":\"integer\"},{\"type\":\"string\",\"pattern\":"
                 "\"^[-+]?[0-9][0-9a-zA-Z_]*$\"}," VARIABLE "]}" },
    { "number", "{\"anyOf\":[{\"type\":\"number\"},{\"type\":\"string\",\"pattern\":"
                "\"^[-+]?([0-9._]+([eE][-+]?[0-9]+)?|" HEXADECIMAL ")$\"}," VARIABLE "]}" },
    { "size", "{\"description\":\"Bytes; units are b, k, m, g, t and p, powers of 1024.\","
              "\"anyOf\":[{\"type\":\"number\"},{\"type\":\"string\",\"pattern\":"
              "\"^(-?[0-9]+|(" NUMERAL "|[+]?" HEXADECIMAL
              ") ?([bB]|[kmgtpKMGTP]([iI]?[bB])?)?)$\"}," VARIABLE "]}" },
    { "duration",
            "{\"description\":\"Such as 1m30s; units are us, ms, s, m, h, d and w.\",\"anyOf\":"
            "[{\"type\":\"string\",\"pattern\":\"^[-+]?(0|([0-9]*[.]?[0-9]*([num]?s|\xc2\xb5s|"
            "\xce\xbcs|[mhdw]))+)$\"}," VARIABLE "]}" },
    { "file_mode", "{\"description\":\"Permission bits, octal.\",\"anyOf\":"
                   "[{\"type\":\"integer\",\"minimum\":0},{\"type\":\"string\",\"pattern\":"
                   "\"^[0-9]+$\"}," VARIABLE "]}" },
    { "scalar", "{\"type\":[\"string\",\"number\",\"boolean\",\"null\"]}" },
    { "ulimit", "{\"anyOf\":[{\"$ref\":\"#/$defs/integer\"},{\"type\":\"object\",\"properties\":"
                "{\"soft\":{\"$ref\":\"#/$defs/integer\"},\"hard\":{\"$ref\":\"#/$defs/integer\"}},"
                "\"patternProperties\":{\"^x-\":{}},\"additionalProperties\":false,"
                "\"required\":[\"soft\",\"hard\"]}]}" },
};

void schema_add_definition_name(const char *table_name, struct strbuf *out)
{
    for (const char *p = table_name; *p; p++)
        strbuf_addc(out, *p == ' ' ? '_' : *p);
}

static void add_value(const struct attr *attr, struct strbuf *out);

/* What "@" stands for in the JSON of the attribute's type. */
static void add_inner(const struct attr *attr, struct strbuf *out)
{
    if (attr->names) {
        strbuf_adds(out, "{\"anyOf\":[{\"enum\":[");
        for (size_t i = 0; attr->names[i]; i++) {
            if (i)
                strbuf_addc(out, ',');
            json_print_text(attr->names[i], out);
        }
        strbuf_adds(out, "]}," VARIABLE "]}");
    } else if (attr->items) {
        add_value(attr->items, out);
    } else {
        strbuf_adds(out, "{\"$ref\":\"#/$defs/");
        schema_add_definition_name(attr->table->name, out);
        strbuf_adds(out, "\"}");
    }
}

static void add_type(const struct attr *attr, struct strbuf *out)
{
    for (const char *p = attr->type->json; *p; p++) {
        if (*p == '@')
            add_inner(attr, out);
        else
            strbuf_addc(out, *p);
    }
}

static void add_value(const struct attr *attr, struct strbuf *out)
{
    bool is_short = attr->type == &type_struct && attr->expand;

    if (!is_short && !(attr->flags & ATTR_NULL)) {
        add_type(attr, out);
        return;
    }
    strbuf_adds(out, "{\"anyOf\":[");
    if (attr->flags & ATTR_NULL)
        strbuf_adds(out, "{\"type\":\"null\"},");
    if (is_short)
        strbuf_adds(out, "{\"type\":\"string\"},");
    add_type(attr, out);
    strbuf_adds(out, "]}");
}

static void add_description(const struct attr *attr, struct strbuf *out)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(1024);

    strbuf_adds(&text, attr->help);
    if (attr->engine == SUPPORT_REFUSED)
        strbuf_adds(&text, " Not carried out by berth's own engine yet.");
    if (attr->engine == SUPPORT_FOREIGN)
        strbuf_adds(&text, " Has no effect outside of Swarm and Windows.");
    strbuf_adds(out, "{\"description\":");
    json_print_text(text.data, out);
}

/* Besides a reference draft 7 sees nothing else, so the value's schema is a part of its own. */
static void add_row(const struct attr *attr, struct strbuf *out)
{
    json_print_text(attr->name, out);
    strbuf_addc(out, ':');
    add_description(attr, out);
    if (attr->min != attr->max) {
        strbuf_addf(out, ",\"minimum\":%lld", (long long)attr->min);
        if (attr->max != INT64_MAX)
            strbuf_addf(out, ",\"maximum\":%lld", (long long)attr->max);
    }
    if (attr->flags & ATTR_PLAIN_NAMES)
        strbuf_adds(out, ",\"propertyNames\":{\"pattern\":\"^[a-zA-Z0-9._-]+$\"}");
    strbuf_adds(out, ",\"allOf\":[");
    add_value(attr, out);
    strbuf_adds(out, "]}");
}

/* The members of an object's schema, without the braces. */
static void add_table(const struct attr_table *table, struct strbuf *out)
{
    bool some = false;

    strbuf_adds(out, "\"type\":\"object\",\"properties\":{");
    for (size_t i = 0; i < table->count; i++) {
        if (i)
            strbuf_addc(out, ',');
        add_row(&table->rows[i], out);
    }
    strbuf_adds(out, "},\"additionalProperties\":false");
    if (!table->no_extensions)
        strbuf_adds(out, ",\"patternProperties\":{\"^x-\":{}}");
    for (size_t i = 0; i < table->count; i++) {
        if (!(table->rows[i].flags & ATTR_REQUIRED))
            continue;
        strbuf_adds(out, some ? "," : ",\"required\":[");
        json_print_text(table->rows[i].name, out);
        some = true;
    }
    if (some)
        strbuf_addc(out, ']');
}

void schema_print_json(struct strbuf *out)
{
    strbuf_adds(out, "{\"$schema\":\"http://json-schema.org/draft-07/schema#\","
                     "\"title\":\"Compose file\",");
    add_table(&compose_table, out);
    strbuf_adds(out, ",\"$defs\":{");
    for (size_t i = 0; i < ARRAY_LEN(basic_definitions); i++) {
        json_print_text(basic_definitions[i].name, out);
        strbuf_addf(out, ":%s,", basic_definitions[i].json);
    }
    for (size_t i = 1; schema_tables[i]; i++) { /* the first is the file */
        if (i > 1)
            strbuf_addc(out, ',');
        strbuf_addc(out, '"');
        schema_add_definition_name(schema_tables[i]->name, out);
        strbuf_adds(out, "\":{");
        add_table(schema_tables[i], out);
        strbuf_addc(out, '}');
    }
    strbuf_adds(out, "}}");
}
