/* Which unused objects a prune takes: those made before a time, with and without labels. All must hold. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct prune_filter {
    int64_t until_nsec;          /* made before it; 0: whenever */
    char **labels, **not_labels; /* "key" or "key=value", NULL-terminated; NULL: none */
};

/* The value of a label, NULL when it has none of that name. */
typedef const char *prune_label_fn(const void *labels, const char *key);

/* `filter` NULL takes everything. */
bool prune_filter_takes(const struct prune_filter *filter, int64_t created_nsec,
        prune_label_fn *get, const void *labels);

/* For labels in a struct strmap. */
const char *prune_label_of_map(const void *labels, const char *key);
