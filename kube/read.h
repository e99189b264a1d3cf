/* Kubernetes YAML to objects. What is wrong with a file, what has no effect here and what nobody knows is all told in one
 * run, with its place:
 *
 *     web.yaml:9:7: spec.containers[0].lifecycle: postStart has no effect … */
#pragma once

#include "kube/objects.h"

struct diag;
struct yaml_text;

/* Appends the objects of all documents of a text, those in a List too. Kinds that are not played are left out with a
 * warning. 0, or -EINVAL when errors were added. The text is borrowed and lives as long as the objects. */
int kube_read(struct arena *arena, const struct yaml_text *text, struct kube_documents *ret,
        struct diag *diag);

/* A secret as the store of secrets has it: an object as kube_format_secret writes it, or one of keys with base64. NULL when it
 * is neither. */
const struct kube_secret *kube_read_secret(struct arena *arena, const char *text, size_t len);

/* The secret as text for the store, without what it was read from. In the arena. */
const char *kube_format_secret(struct arena *arena, const struct kube_secret *secret);

/* The value of a key of a secret: terminated bytes, or NULL. */
const uint8_t *kube_secret_get(const struct kube_secret *secret, const char *key, size_t *ret_len);
