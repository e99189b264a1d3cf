/* Quadlets in memory: a document (one file, or one that a program made), and a set of them, in which
 * they may refer to each other. A set is filled from directories (read.h) or with quadlet_new and
 * quadlet_add, and translated with emit.h; nothing here touches the file system.
 *
 *     struct quadlet_set set;
 *     quadlet_set_init(&set, &arena);
 *     struct quadlet *web = quadlet_new(&set, "web.container", "/srv/web");
 *     quadlet_add(web, "Image", "docker.io/library/nginx");
 *     quadlet_add_pair(web, "Environment", "GREETING", "100% \"pure\"");
 *     unitfile_add(&web->unit, "Service", "Restart", "always"); */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "base/strmap.h"
#include "quadlet/keys.h"
#include "units/unitfile.h"

struct arena;
struct diag;

/* The id of findings that Podman begins with "Warning: "; the generator says them as it does. */
#define QUADLET_ADVICE "quadlet-advice"

/* One file that a document is made of. */
struct quadlet_text {
    const char *path, *data;
    size_t len;
    struct quadlet_text *next; /* drop-ins, in the order of merging */
};

struct quadlet {
    enum quadlet_type type;
    const char *name;      /* "web.container": how others refer to it */
    const char *path;      /* of the file; NULL when there is none */
    const char *directory; /* where relative paths start */
    struct unitfile unit;  /* drop-ins merged */
    struct quadlet_text
            *texts; /* kept in place of the unit, which quadlet_open makes of them; or NULL */
    bool is_masked; /* a link to /dev/null: hides others of its name, makes no unit */

    /* Found out by the translation (depend.h). */
    const char *service;    /* "web.service" */
    const char *resource;   /* name of what the service makes; "" when not known (yet) */
    struct strings members; /* of a pod: services that it starts */
    bool failed;            /* has errors: what refers to it cannot work */
    struct strings errors;  /* what they are, with their places */
};

struct quadlet_set {
    struct arena *arena;
    struct {
        struct quadlet **items;
        size_t len, cap;
    } all;                 /* in the order of adding */
    struct strmap by_name; /* struct quadlet */
};

void quadlet_set_init(struct quadlet_set *set, struct arena *arena);

/* Adds an empty document; `name` has one of the eight extensions and is new in the set, `directory` is
 * absolute. Both are copied. */
struct quadlet *quadlet_new(struct quadlet_set *set, const char *name, const char *directory);

/* The same for a file: `path` and `directory` are borrowed for as long as the set lives. */
struct quadlet *quadlet_new_file(struct quadlet_set *set, const char *path, const char *directory);

/* A document that is kept as text has a unit between these two; it lives in `arena`. Others have one always. */
void quadlet_open(struct quadlet *quadlet, struct arena *arena);
void quadlet_close(struct quadlet *quadlet);

/* The document of that name, or NULL. */
struct quadlet *quadlet_find(const struct quadlet_set *set, const char *name);

/* The name in the set that is most similar, of the same type; NULL when none is. */
const char *quadlet_nearest(const struct quadlet_set *set, const char *name);

/* Add a line to the document's own section, quoted as the kind of the key asks for. The value means
 * itself: '%' is doubled, and '$' too where a command line is made of it (Exec). */
void quadlet_add(struct quadlet *quadlet, const char *key, const char *value);
void quadlet_add_pair(
        struct quadlet *quadlet, const char *key, const char *name, const char *value);
void quadlet_add_command(struct quadlet *quadlet, const char *key, const struct strings *words);

/* The same with a value in quadlet's own syntax, specifiers included. Borrowed. */
void quadlet_add_raw(struct quadlet *quadlet, const char *key, const char *value);

/* Remembers, in the set's arena, the errors that the collector got since it had `first` findings: the document has
 * failed. */
void quadlet_note_errors(const struct quadlet_set *set, struct quadlet *quadlet,
        const struct diag *diag, size_t first);

static inline const struct quadlet_type_info *quadlet_info(const struct quadlet *quadlet)
{
    return &quadlet_types[quadlet->type];
}
