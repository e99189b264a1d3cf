/* Merging of normal forms, driven by the schema's merge column: files given one after the other, files
 * over what they include, a service over the one it extends. */
#pragma once

struct arena;
struct attr;
struct node;

/* Merges `over` into `base`, attribute by attribute. Neither is changed; the result lives in `arena` and
 * may share nodes with both. A !reset stays in the result as a mark, so that it also removes what a
 * file below brings; schema_finish takes the marks out. Either may be NULL. Spec: 13-merge.md. */
struct node *merge_values(
        struct arena *arena, const struct attr *attr, struct node *base, struct node *over);

/* Drops repeated items of a list by the row's key: the later one takes the place of the earlier. */
struct node *merge_unique_items(struct arena *arena, const struct attr *attr, struct node *list);
