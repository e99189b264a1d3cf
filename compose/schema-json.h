/* The schema table as a JSON Schema (draft 7), for editors and for checks outside of berth. It describes
 * one file before interpolation: a text with a variable in it passes wherever interpolation applies. What
 * depends on other files or other attributes (references, exclusions, uniqueness) is not in it. */
#pragma once

struct strbuf;

/* Compact JSON; one object. */
void schema_print_json(struct strbuf *out);

/* The name of a table among the definitions: its own with "_" for blanks. */
void schema_add_definition_name(const char *table_name, struct strbuf *out);
