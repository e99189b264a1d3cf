/* What the files of attribute types share: how a type is written down, and nodes made from others. */
#pragma once

#include "compose/schema-types.h"

#define JSON_REF(definition) "{\"$ref\":\"#/$defs/" definition "\"}"
#define JSON_TEXT_OR_TEXTS "{\"type\":[\"string\",\"array\"],\"items\":{\"type\":\"string\"}}"
#define JSON_LIST_OR_MAP(values)                                                                        \
    "{\"type\":[\"object\",\"array\"],\"items\":{\"type\":\"string\"},\"additionalProperties\":" values \
    "}"
#define TYPE(c_name, text, wanted, json_schema, form, reader, decoder) \
    const struct attr_type c_name = {                                  \
        .name = (text),                                                \
        .expected = (wanted),                                          \
        .json = (json_schema),                                         \
        .shape = (form),                                               \
        .read = (reader),                                              \
        .decode = (decoder),                                           \
    }

/* A fresh node in the place of `from`. */
struct node *schema_derive(
        struct schema_context *context, enum node_kind kind, const struct node *from);
struct node *schema_derive_text(
        struct schema_context *context, const char *text, const struct node *from);

/* One value that is not null. */
bool schema_is_scalar(const struct node *node);

/* Items of a list, into an array of the structs of attr->items. */
void schema_decode_list(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field);
