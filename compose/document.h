/* A YAML document as nodes in an arena. Each node keeps where it was written, so that any later error
 * can point at its cause. Nodes are never changed once another node may share them: whoever changes a
 * value makes a new node (aliases and merging share subtrees freely). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/source.h"

struct arena;

enum node_kind {
    NODE_NULL,
    NODE_BOOL,
    NODE_INT,
    NODE_FLOAT,
    NODE_TEXT,
    NODE_LIST,
    NODE_MAP,
    NODE_KIND_MAX_,
};

enum node_flag {
    NODE_RESET = 1 << 0,     /* !reset: what lay below is removed, and so is this */
    NODE_OVERRIDE = 1 << 1,  /* !override: replaces what lay below without merging */
    NODE_QUOTED = 1 << 2,    /* written in quotes */
    NODE_BLOCK = 1 << 3,     /* block scalar (| or >) */
    NODE_DATE = 1 << 4,      /* a plain text that YAML reads as a date */
    NODE_BAD = 1 << 5,       /* something inside was refused and reported already */
    NODE_IMPLIED = 1 << 6,   /* not written by anybody: made by a rule */
    NODE_SHORT = 1 << 7,     /* came from a short form */
    NODE_HAS_RESET = 1 << 9, /* !reset somewhere below */
    NODE_EXACT = 1 << 8,     /* a number whose text is how it is printed */
    NODE_PENDING = 1 << 10,  /* null where a value is due: keeps what lies below, else a mistake */
};

struct node_entry {
    const char *key;
    uint32_t hash;
    struct source key_at;
    struct node *value;
};

struct node {
    enum node_kind kind;
    unsigned flags;
    struct source at;
    const char *text; /* NODE_TEXT: the value. Other scalars: as written */
    uint32_t count;   /* nodes in this subtree, aliases expanded; saturates */
    uint32_t len, cap;
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct node **items;        /* NODE_LIST: len of them */
        struct node_entry *entries; /* NODE_MAP: len of them, in order, keys differ */
    };
    uint32_t *index; /* NODE_MAP of many entries: hash table of positions + 1 */
    uint32_t index_cap;
};

const char *node_kind_name(enum node_kind kind); /* with article: "a list" */

struct node *node_new(struct arena *arena, enum node_kind kind, const struct source *at);
struct node *node_new_text(
        struct arena *arena, const char *text, const struct source *at); /* copies */
struct node *node_new_int(struct arena *arena, int64_t value, const struct source *at);
struct node *node_new_bool(struct arena *arena, bool value, const struct source *at);
struct node *node_copy(struct arena *arena, const struct node *node); /* itself; children shared */

void node_list_append(struct arena *arena, struct node *list, struct node *item);

/* The value under `key`, or NULL; also for NULL nodes and nodes that are no map. */
struct node *node_get(const struct node *map, const char *key);
struct node_entry *node_get_entry(const struct node *map, const char *key);

/* The text under `key`, or NULL when it is absent or no text. */
const char *node_get_text(const struct node *map, const char *key);

/* Sets or replaces. The key is borrowed (arena texts and literals); key_at NULL: the value's place. */
void node_set(struct arena *arena, struct node *map, const char *key, const struct source *key_at,
        struct node *value);
void node_remove(struct node *map, const char *key);
void node_sort_keys(struct node *map);

/* The same, but numbers in the keys count by value (s1, s2, s10) and letters come after other characters,
 * except after a digit: the order in which Docker Compose prints YAML. */
void node_sort_keys_naturally(struct node *map);

/* The value with the keys of every map below it in order; shares what has none. */
struct node *node_sorted(struct arena *arena, struct node *node);

/* The value without what is marked with !reset below it; itself when nothing is. */
struct node *node_without_resets(struct arena *arena, struct node *node);

/* Same value; places, flags and key order do not count. */
bool node_is_equal(const struct node *a, const struct node *b);

/* A scalar as text: numbers in their shortest decimal form, true and false, "" for null; NULL for
 * lists and maps. Lives in the arena or in the node. */
const char *node_scalar_text(struct arena *arena, const struct node *node);

/* A short picture of a value for messages: `"two"`, `12`, `a list`. Lives in the arena. */
const char *node_describe(struct arena *arena, const struct node *node);

/* Shortest decimal text that reads back as the same number. As text and in YAML "1e+06" from there on, in
 * JSON "1e+21": both as Go prints them, since that is what other tools compare with. */
#define NUMBER_TEXT_MAX 400
const char *number_format(double value, char buffer[static NUMBER_TEXT_MAX]);
const char *number_format_json(double value, char buffer[static NUMBER_TEXT_MAX]);
const char *number_format_short(float value, char buffer[static NUMBER_TEXT_MAX]);

#define NODE_FOREACH(map, it)                    \
    for (struct node_entry *it = (map)->entries; \
            (map)->kind == NODE_MAP && it && it < (map)->entries + (map)->len; it++)
