/* THE table of quadlet's keys: one row for each key of each section, in the order in which the keys'
 * arguments stand on the command line. It says how the value is read, what it adds, since when Podman
 * has it, and whether berth's own engine does it. Reading, checking, translating, `berth quadlet
 * check`, completion and the reference page go by it; a new key is a new row. */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct translation;

enum quadlet_type {
    QUADLET_ARTIFACT,
    QUADLET_BUILD,
    QUADLET_CONTAINER,
    QUADLET_IMAGE,
    QUADLET_KUBE,
    QUADLET_NETWORK,
    QUADLET_POD,
    QUADLET_VOLUME,
    QUADLET_TYPE_MAX_,
    QUADLET_TYPE_INVALID = -EINVAL,
};

/* How the values of a key are read. */
enum quadlet_kind {
    KIND_STRING,    /* the last line; one pair of quotes around the whole goes */
    KIND_LIST,      /* each line is a value, as it stands */
    KIND_WORDS,     /* split at blanks, quotes group */
    KIND_ARGUMENTS, /* split like a command line, with escapes */
    KIND_COMMAND,   /* the last line, split like a command line */
    KIND_PAIRS,     /* KEY=VALUE words of all lines, the last of a KEY counts, sorted */
    KIND_BOOLEAN,
    KIND_NUMBER,
    KIND_MAX_,
};

/* What a key adds to the main command line. */
enum quadlet_adds {
    ADDS_NOTHING, /* read elsewhere */
    ADDS_OPTION,  /* "--option" "prefix" + value, for each value; booleans "--option[=false]" */
    ADDS_JOINED,  /* "--option=value" */
    ADDS_IF_TRUE, /* "--option" and, unless NULL, the prefix; nothing when false */
    ADDS_WORDS,   /* the words themselves */
    ADDS_SPECIAL, /* row->special, which is called also when the key is absent */
};

enum quadlet_key_flag {
    KEY_KEEPS_EMPTY = 1 << 0, /* an empty value is passed on */
    KEY_LOWER = 1 << 1,       /* values in lower case */
    KEY_PATH = 1 << 2,        /* relative values start at the unit's directory */
    KEY_DEPRECATED = 1 << 3,
};

enum quadlet_support {
    SUPPORTED,
    APPROXIMATED, /* done in another way; the row's note says how */
    REFUSED,      /* generation fails with the note */
};

struct quadlet_key {
    const char *name;
    const char *option, *prefix;
    enum quadlet_kind kind;
    enum quadlet_adds adds;
    unsigned flags;
    void (*special)(struct translation *t);
    const char *since;          /* Podman's release that brought it */
    enum quadlet_support berth; /* by berth's own engine */
    const char *note;           /* what is different or missing there */
    const char *help;
};

struct quadlet_keys {
    const struct quadlet_key *rows;
    size_t len;
};

struct quadlet_type_info {
    const char *extension; /* ".container" */
    const char *section;   /* "Container" */
    const char *x_section; /* what it is called in the unit: "X-Container" */
    const char *suffix;    /* of the service's name: "-volume" */
    const char *summary;
    const char *since;
    const char *berth_refusal; /* why berth's own engine cannot run these; NULL: it can */
    unsigned order;            /* units that others refer to come first */
    struct quadlet_keys keys;
    void (*translate)(struct translation *t);
};

extern const struct quadlet_type_info quadlet_types[QUADLET_TYPE_MAX_];
extern const struct quadlet_keys quadlet_section_keys; /* of [Quadlet], in every type */

/* The type of a file name or of a reference, by its last extension; QUADLET_TYPE_INVALID for others. */
enum quadlet_type quadlet_type_of(const char *name);

/* The type whose section has that name. */
enum quadlet_type quadlet_type_of_section(const char *section);

/* Position of a key among the rows, or -1. */
ptrdiff_t quadlet_keys_find(const struct quadlet_keys *keys, const char *name);

/* The row with the most similar name, or NULL. */
const struct quadlet_key *quadlet_keys_nearest(const struct quadlet_keys *keys, const char *name);

const char *quadlet_kind_name(enum quadlet_kind kind);
