/* What `kube down` is to take away: the names alone count, so that a file in which something else is wrong by now does for
 * it, too. */
#pragma once

#include "kube/objects.h"

struct diag;
struct yaml_text;

struct kube_down_plan {
    struct strings pods, volumes, secrets;
};

/* Appends what the documents of a text name. 0, or -EINVAL when it is no YAML. */
int kube_read_down(struct arena *arena, const struct yaml_text *text, struct kube_down_plan *ret,
        struct diag *diag);

/* The same of documents that were read. */
void kube_plan_down(
        struct arena *arena, const struct kube_documents *documents, struct kube_down_plan *ret);
