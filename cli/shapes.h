/* What Docker's own types say of the objects that `inspect` shows, and their JSON does not: which members are
 * left out while they are empty, whether an empty one is a list, a map or nothing at all, in which order the
 * members of a structure print, and what Go's names of members are where JSON has others. Templates are written
 * for those types: {{if .State.Health}} has an answer for a container without a health check, too. */
#pragma once

enum shape_kind {
    SHAPE_TEXT,
    SHAPE_NUMBER,
    SHAPE_BOOL,
    SHAPE_TIME,     /* JSON: RFC 3339; prints as Go prints times */
    SHAPE_DURATION, /* JSON: nanoseconds; prints as "1m30s" */
    SHAPE_STRUCT,
    SHAPE_POINTER, /* to `element`; prints as what it points to, or "<nil>" */
    SHAPE_LIST,    /* of `element` */
    SHAPE_MAP,     /* from texts to `element` */
};

struct shape {
    enum shape_kind kind;
    const struct shape *element;
    const struct shape_field *fields; /* of a structure; ends with one without a name */
};

struct shape_field {
    const char *name; /* in JSON */
    const struct shape *shape;
    const char *go_name; /* NULL: the same */
};

/* The member of a structure by either name, or NULL. */
const struct shape_field *shape_find_field(const struct shape *shape, const char *name);

/* Of "container", "event", "image", "network" and "volume"; NULL for others. */
const struct shape *shape_of_type(const char *type);
