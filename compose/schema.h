/* THE table of the Compose language: one row per attribute, one object per type. Reading, checking,
 * merging, path resolution, defaults, decoding into structs, printing, support lists and reference
 * pages are all driven by it; nobody repeats it elsewhere. A new attribute is a new row.
 *
 * A value passes through these steps, each a function below:
 *   read     any accepted form of one file -> normal form (long, typed), mistakes reported
 *   resolve  relative paths become absolute
 *   merge    several files, extends: attribute by attribute
 *   finish   required attributes, defaults, order of keys, empty values dropped
 *   decode   normal form -> struct */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"
#include "compose/document.h"

struct arena;
struct attr;
struct attr_table;
struct diag;
struct diag_entry;
struct schema_context;

/* What the normal form of a value looks like. */
enum attr_shape {
    SHAPE_SCALAR,
    SHAPE_LIST,   /* items as row->items says, or texts */
    SHAPE_MAP,    /* free keys; values as row->items says, or texts and nulls */
    SHAPE_STRUCT, /* keys as row->table says */
    SHAPE_ANY,    /* x-…: whatever was written */
};

enum merge_rule {
    MERGE_DEEP,    /* structs and maps by key, lists appended, scalars replaced; null keeps */
    MERGE_REPLACE, /* the later one counts, also null */
    MERGE_UNIQUE,  /* appended; a later item takes the place of an earlier one with the same key */
    MERGE_APPEND_NEW, /* appended, but for items that are there */
    MERGE_SAME_DRIVER, /* logging: deep when the driver is the same or one is absent, else replaced */
    MERGE_BY_SUBNET,   /* ipam.config: items with one subnet are merged */
    MERGE_LISTS, /* provider options: lists appended; a value that was written alone replaces, and
                          is replaced */
    MERGE_KEYS,  /* environment: by key; a key without a value counts, too */
    MERGE_RULE_MAX_,
};

enum path_rule {
    PATH_NONE,
    PATH_PLAIN,   /* relative to the project directory, ~ is the home directory */
    PATH_ANY_OS,  /* the same, but drive letters and \\ are absolute */
    PATH_CONTEXT, /* addresses and service:NAME stay */
};

enum attr_support {
    SUPPORT_FULL,
    SUPPORT_REFUSED, /* read, checked and printed; up says "not supported yet" */
    SUPPORT_FOREIGN, /* for Swarm or Windows: up goes on without it, as Docker Compose does, and says so */
    SUPPORT_ELSEWHERE, /* has its effect before or outside of the engine (profiles, develop) */
};

/* What becomes of it in units that run berth, and in quadlets for Podman. */
enum attr_units {
    UNITS_MAPPED,
    UNITS_APPROXIMATED, /* how: the row's note */
    UNITS_DROPPED,      /* why: the row's note */
    UNITS_MAX_,
};

enum attr_flag {
    ATTR_REQUIRED = 1 << 0,
    ATTR_NULL = 1 << 1,            /* null is accepted and stays null */
    ATTR_KEEP_ZERO = 1 << 2,       /* false, 0 and "" are printed */
    ATTR_DROP_NULL = 1 << 3,       /* map values: null becomes "" */
    ATTR_JSON_NULL = 1 << 4,       /* JSON shows null where it is absent */
    ATTR_JSON_EMPTY = 1 << 5,      /* JSON shows {} where it is absent */
    ATTR_ITEMS_DIFFER = 1 << 6,    /* equal items are a mistake */
    ATTR_CONSUMED = 1 << 7,        /* gone after loading (env_file, extends): not printed */
    ATTR_SHORT_FLOAT = 1 << 8,     /* single precision, as Docker keeps it */
    ATTR_NO_EFFECT = 1 << 9,       /* Docker Compose checks and drops it; so with a warning */
    ATTR_DROP_EMPTY = 1 << 10,     /* empty texts of a list are dropped */
    ATTR_NOT_IN_JSON = 1 << 11,    /* left out of the JSON form */
    ATTR_TEXT_VALUES = 1 << 13,    /* map values: nothing but texts */
    ATTR_JSON_NO_EMPTY = 1 << 12,  /* left out of the JSON form when it is "" */
    ATTR_NEVER_NULL = 1 << 14,     /* null is a mistake even where a value lies below */
    ATTR_NO_BOOL_VALUES = 1 << 15, /* map values: texts and numbers */
    ATTR_NEEDS_VALUES = 1 << 17,   /* pairs in a list: "KEY" alone is a mistake */
    ATTR_BARE_NUMBERS = 1 << 18,   /* a text is no number */
    ATTR_NO_NULL_VALUES = 1 << 19, /* map values: null is a mistake unless something lies below */
    ATTR_PLAIN_NAMES = 1 << 16,    /* map keys: letters, digits, ".", "_" and "-" */
};

struct attr_type {
    const char *name;     /* for reference pages: "duration" */
    const char *expected; /* for messages: "a duration such as \"1m30s\"" */
    const char *json;     /* its JSON Schema; "@" stands for that of an item, or of the struct */
    enum attr_shape shape;
    /* Normal form of `node` (never changed), or NULL after reporting. */
    struct node *(*read)(
            struct schema_context *context, const struct attr *attr, const struct node *node);
    /* Fills the row's field from the normal form. */
    void (*decode)(
            struct arena *arena, const struct attr *attr, const struct node *node, void *field);
};

#define ATTR_NO_OFFSET SIZE_MAX

struct attr {
    const char *name;
    const struct attr_type *type;
    size_t offset;                  /* into the table's struct, or ATTR_NO_OFFSET */
    const struct attr_table *table; /* of structs, and of items that are structs */
    const struct attr *items;       /* of lists and maps: what an item is; NULL: text */
    const char *const *names;       /* enumerations: NULL-terminated */
    int64_t min, max;               /* integers, when they differ */
    enum merge_rule merge;
    enum path_rule path;
    enum attr_support engine;
    /* Of units: what the engine does is done by the container that they run, so this is for what they do themselves. */
    enum attr_units units;
    const char *units_note;
    bool (*units_exact)(const struct node *node); /* true for a value that is mapped all the same */
    enum attr_units podman;
    const char *podman_note;
    unsigned flags;
    /* MERGE_UNIQUE: the key of an item; NULL: the text before "=". */
    const char *(*item_key)(struct arena *arena, const struct node *item);
    /* A short form (a text, a number) as the long one, or NULL after reporting. */
    struct node *(*expand)(
            struct schema_context *context, const struct attr *attr, const struct node *node);
    /* True for a value of a supported attribute that is not supported. */
    bool (*unsupported)(const struct node *node);
    const char *spec; /* page and anchor of the specification */
    const char *help;
};

struct attr_table {
    const char *name;
    const char *what; /* for messages: "attribute of a service" */
    const struct attr *rows;
    size_t count;
    size_t struct_size;
    size_t at_offset, given_offset, key_offset; /* ATTR_NO_OFFSET: has none */
    bool no_extensions;                         /* x-… is as unknown as any other key */
    /* Called by read on the finished map (fresh, may be changed). */
    void (*after_read)(struct schema_context *context, struct node *map, const struct node *from);
    /* Defaults of attributes that depend on others; called by finish. */
    void (*defaults)(struct schema_context *context, struct node *map);
    /* Paths that depend on other attributes; called by resolve. */
    void (*resolve)(struct schema_context *context, struct node *map);
};

extern const struct attr_table compose_table, service_table, build_table, deploy_table,
        network_table, volume_table, secret_table, config_table, model_table;
extern const struct attr compose_attr, service_attr; /* the whole file; one service */

/* Every table that can be reached, for tests and reference pages; NULL-terminated. */
extern const struct attr_table *const schema_tables[];

struct schema_context {
    struct arena *arena;
    struct diag *diag;
    struct strbuf path;    /* where in the model: "services.web.ports[0]" */
    const char *base_dir;  /* resolve: absolute */
    const char *home;      /* resolve: of the user; NULL: unknown */
    bool no_interpolate;   /* texts with `$` are left as they are */
    uint32_t port_entries; /* that ranges have become, over the whole project */
};

#define SCHEMA_PATH_MAX 4096

const struct attr *schema_find(const struct attr_table *table, const char *name);

/* The four steps. `attr` is compose_attr for a file, service_attr for a service and so on. */
struct node *schema_read(
        struct schema_context *context, const struct attr *attr, const struct node *node);
void schema_resolve(struct schema_context *context, const struct attr *attr, struct node *node);
struct node *schema_finish(
        struct schema_context *context, const struct attr *attr, struct node *node);
/* A map with its keys in the order of the table, extensions last. */
struct node *schema_order(struct arena *arena, const struct attr_table *table, struct node *map);
void schema_decode(
        struct arena *arena, const struct attr *attr, const struct node *node, void *field);

/* Fills a struct whose attributes are in `table`. */
void schema_decode_struct(
        struct arena *arena, const struct attr_table *table, const struct node *map, void *object);

/* For the types: the path grows by a key or an index, and goes back to what it was. */
size_t schema_push(struct schema_context *context, const char *key);
size_t schema_push_index(struct schema_context *context, size_t index);
void schema_pop(struct schema_context *context, size_t mark);

/* Reports "PATH: message" at a place; the entry takes a hint. */
struct diag_entry *schema_error(struct schema_context *context, const struct source *at,
        const char *format, ...) __attribute__((format(printf, 3, 4)));
/* "PATH: expected EXPECTED, got VALUE"; always NULL. */
struct node *schema_refuse(
        struct schema_context *context, const struct node *node, const char *expected);
/* A list without the items that carry !reset; any other value as it is. */
const struct node *schema_without_reset_items(struct arena *arena, const struct node *node);
/* Reports the first text of a list that is there twice. */
void schema_check_items_differ(struct schema_context *context, const struct node *list);
/* True for a text with a variable in it while nothing is interpolated. */
bool schema_is_raw(const struct schema_context *context, const struct node *node);
