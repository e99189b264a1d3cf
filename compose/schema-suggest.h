/* What was probably meant: hints for values and names that the schema refuses. Each adds a hint to a
 * finding that has none; a finding that is NULL (beyond the maximum) is passed over. */
#pragma once

struct arena;
struct attr;
struct attr_table;
struct diag_entry;
struct node;
struct node_entry;
struct schema_context;

/* For "… is no attribute of …": a slip of the pen, the wrong level, a missing blank. */
void schema_suggest_name(struct schema_context *context, const struct attr_table *table,
        const struct node_entry *entry, struct diag_entry *finding);

/* For a value of a wrong form: a dash too many, a list of one, a comma in a number. */
void schema_suggest_value(struct schema_context *context, const struct attr *attr,
        const struct node *node, struct diag_entry *finding);

/* "5 minutes" is "5m", "1,5 GB" is "1.5g". NULL: no idea. Lives in the arena. */
const char *schema_suggest_duration(struct arena *arena, const char *text);
const char *schema_suggest_size(struct arena *arena, const char *text);
