/* YAML text to nodes, through libyaml's events. Anchors are resolved (an alias is the same node again),
 * merge keys are carried out, scalars get the type that Docker Compose's reader gives them: YAML 1.2's,
 * plus octal with a leading zero, underscores and binary numbers; "yes" and "on" are texts.
 *
 * Limits: bytes, depth, nodes, and nodes that aliases may stand for (base/limits.h). */
#pragma once

#include <stddef.h>

#include "base/source.h"

struct arena;
struct diag;
struct node;

/* A text that was read, kept so that places inside of a value can be found later. */
struct yaml_text {
    const char *file; /* as the user named it; the same pointer is in every node's place */
    const char *data; /* terminated, lives as long as the nodes */
    size_t len;
    const size_t *lines; /* offsets of the lines, from yaml_index_lines; NULL: not known */
    size_t line_count;
};

/* Notes where the lines start, so that places are found at once. */
void yaml_index_lines(struct arena *arena, struct yaml_text *text);

/* A mapping or list that a merge key brought and that the own value of that key keeps out. */
struct yaml_hidden {
    const char *key;
    struct source at; /* of the own key */
    const struct node *own, *hidden;
};
struct yaml_hidden_list {
    struct yaml_hidden *items;
    size_t len, cap;
};

struct yaml_documents {
    struct node **items; /* one per document, any kind; an empty document is NODE_NULL */
    size_t len, cap;
    struct yaml_hidden_list hidden; /* of all documents */
};

/* Reads all documents of a text. Syntax errors, duplicate keys, bad anchors and exceeded limits are added
 * to diag, with their places; what was read before a syntax error is still given. 0, or -EINVAL when
 * errors were added. */
int yaml_parse(struct arena *arena, const struct yaml_text *text, struct yaml_documents *ret,
        struct diag *diag);

/* The place of the nth (from 0) `$` of a value that was written at `at`: how an interpolation error
 * points at its variable. Falls back to `at`. */
struct source yaml_find_dollar(const struct yaml_text *text, const struct source *at, size_t nth);
