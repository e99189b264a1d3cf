#include "engine/state/prune-filter.h"

#include <stddef.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/strmap.h"

static bool has_label(const char *label, prune_label_fn *get, const void *labels)
{
    const char *equals = strchr(label, '=');
    auto_free char *key = mem_strndup(label, equals ? (size_t)(equals - label) : strlen(label));
    const char *value = get(labels, key);

    return value && (!equals || strcmp(value, equals + 1) == 0);
}

bool prune_filter_takes(const struct prune_filter *filter, int64_t created_nsec,
        prune_label_fn *get, const void *labels)
{
    if (!filter)
        return true;
    if (filter->until_nsec && created_nsec >= filter->until_nsec)
        return false;
    for (char **label = filter->labels; label && *label; label++)
        if (!has_label(*label, get, labels))
            return false;
    for (char **label = filter->not_labels; label && *label; label++)
        if (has_label(*label, get, labels))
            return false;
    return true;
}

const char *prune_label_of_map(const void *labels, const char *key)
{
    return strmap_get(labels, key);
}
