/* THE table of Kubernetes' fields: one row for each field of each object that `kube play` may meet, with its type, where
 * its value goes, and what becomes of it. Reading, checking, warning and the reference page go by it; a new field is a new
 * row. A field that is in no row is told with its place, as one that is known and does nothing here. */
#pragma once

#include "kube/objects.h"

struct diag;

enum kube_support {
    KUBE_DONE,
    KUBE_ACCEPTED,       /* asks for nothing that could be done or left undone here */
    KUBE_WITHOUT_EFFECT, /* told with a warning, unless it has its usual value */
    KUBE_REFUSED,        /* an error, likewise */
    KUBE_SUPPORT_MAX_,
};
extern const char *const kube_support_names[KUBE_SUPPORT_MAX_];

struct kube_field;
struct kube_reading;
struct kube_shape;

struct kube_type {
    const char *name; /* "text", "number" … */
    /* False after a finding. */
    bool (*read)(struct kube_reading *reading, const struct kube_field *field,
            const struct node *node, void *target);
};

struct kube_field {
    const char *name;
    const struct kube_type *type; /* NULL: the value is not looked at */
    size_t offset;
    const struct kube_shape *shape;
    const char *const *values; /* the words that it may be; NULL: any text */
    int64_t min, max;          /* of numbers; both 0: any */
    bool is_required;
    enum kube_support support;
    const char *usual; /* the value that changes nothing; NULL: each would */
    const char *note;
};

/* The fields of one kind of object, up to the one without a name. */
struct kube_shape {
    const char *name; /* "container" */
    size_t bytes;     /* of its struct, which begins with the node */
    const struct kube_field *fields;
};

/* By enum kube_kind. */
struct kube_kind_info {
    const char *name;
    const struct kube_shape *shape;
};
extern const struct kube_kind_info kube_kinds[KUBE_KIND_MAX_];

/* Types of the rows; the structs of objects.h that they fill are named behind. */
extern const struct kube_type kube_type_text;     /* const char * */
extern const struct kube_type kube_type_answer;   /* enum kube_answer */
extern const struct kube_type kube_type_number;   /* struct kube_number */
extern const struct kube_type kube_type_port;     /* const char *: a number or a name */
extern const struct kube_type kube_type_quantity; /* struct kube_quantity */
extern const struct kube_type kube_type_texts;    /* struct strings */
extern const struct kube_type kube_type_numbers;  /* struct kube_numbers */
extern const struct kube_type kube_type_pairs;    /* struct kube_pairs */
extern const struct kube_type kube_type_blobs;    /* struct kube_blobs */
extern const struct kube_type kube_type_object;   /* const struct … * */
extern const struct kube_type kube_type_objects;  /* struct { … *items; size_t len, cap; } */

/* Reads a node as an object of the shape; NULL after findings that leave nothing of it. */
void *kube_read_object(struct arena *arena, const struct kube_shape *shape, const struct node *node,
        struct diag *diag);
