/* What the reading of one document carries along. */
#pragma once

#include "kube/fields.h"

struct arena;

/* Where the reading is: "spec.containers[0].env". */
struct kube_path {
    const struct kube_path *parent;
    const char *name; /* NULL: the index */
    size_t index;
};

struct kube_reading {
    struct arena *arena;
    struct diag *diag;
    const struct kube_path *path;
    bool failed;
};

/* In the arena of the reading. */
const char *kube_path_text(const struct kube_reading *reading);

/* Fills `object` (of shape->bytes, zeroed) from a map. False after a finding. */
bool kube_fill_object(struct kube_reading *reading, const struct kube_shape *shape,
        const struct node *node, void *object);
