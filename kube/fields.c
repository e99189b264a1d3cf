#include "kube/fields.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/document.h"
#include "kube/fields-internal.h"

#define PATH_TEXT_MAX 4096
#define NAMES_MAX 64

const char *const kube_support_names[KUBE_SUPPORT_MAX_] = {
    [KUBE_DONE] = "done",
    [KUBE_ACCEPTED] = "accepted",
    [KUBE_WITHOUT_EFFECT] = "no effect",
    [KUBE_REFUSED] = "refused",
};

/* ---- Places ---- */

struct source kube_at(const struct node *node, const char *field)
{
    const struct node_entry *entry = node ? node_get_entry(node, field) : NULL;

    if (entry)
        return entry->value->at;
    return node ? node->at : SOURCE_NONE;
}

static void add_path(const struct kube_path *path, struct strbuf *out)
{
    if (path->parent)
        add_path(path->parent, out);
    if (path->name)
        strbuf_addf(out, "%s%s", out->len > 0 ? "." : "", path->name);
    else
        strbuf_addf(out, "[%zu]", path->index);
}

const char *kube_path_text(const struct kube_reading *reading)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(PATH_TEXT_MAX);

    if (reading->path)
        add_path(reading->path, &out);
    return arena_strdup(reading->arena, out.len > 0 ? out.data : "");
}

/* ---- Objects ---- */

static const struct kube_field *find_field(const struct kube_shape *shape, const char *name)
{
    for (const struct kube_field *field = shape->fields; field->name; field++)
        if (strcmp(field->name, name) == 0)
            return field;
    return NULL;
}

static void tell_unknown(struct kube_reading *reading, const struct kube_shape *shape,
        const struct node_entry *entry)
{
    const char *names[NAMES_MAX], *path = kube_path_text(reading);
    size_t count = 0;
    struct diag_entry *finding = diag_add(reading->diag, DIAG_WARNING, NULL, &entry->key_at,
            "%s%s%s: there is no such field of a %s, it has no effect", path, *path ? "." : "",
            entry->key, shape->name);

    for (const struct kube_field *field = shape->fields; field->name && count < NAMES_MAX; field++)
        names[count++] = field->name;
    if (finding && diag_may_search(reading->diag, finding, count)) {
        const char *nearest = str_nearest(entry->key, names, count);

        if (nearest)
            diag_hint(reading->diag, finding, "did you mean \"%s\"?", nearest);
    }
}

/* Lists and maps without anything in them ask for nothing either. */
static bool is_usual(
        struct kube_reading *reading, const struct kube_field *field, const struct node *value)
{
    if (value->kind == NODE_LIST || value->kind == NODE_MAP)
        return value->len == 0;
    return field->usual && string_is_equal(node_scalar_text(reading->arena, value), field->usual);
}

static bool tell_support(struct kube_reading *reading, const struct kube_field *field,
        const struct node_entry *entry)
{
    const char *path = kube_path_text(reading);

    if (field->support <= KUBE_ACCEPTED || is_usual(reading, field, entry->value))
        return true;
    if (field->support == KUBE_WITHOUT_EFFECT) {
        diag_add(reading->diag, DIAG_WARNING, NULL, &entry->key_at, "%s has no effect%s%s", path,
                field->note ? ": " : "", field->note ? field->note : "");
        return true;
    }
    diag_add(reading->diag, DIAG_ERROR, NULL, &entry->key_at, "%s is not supported%s%s", path,
            field->note ? ": " : "", field->note ? field->note : "");
    return false;
}

static bool read_entry(struct kube_reading *reading, const struct kube_field *field,
        const struct node_entry *entry, void *object)
{
    const struct kube_path *above = reading->path;
    struct kube_path here = { above, field->name, 0 };

    reading->path = &here;
    bool good = tell_support(reading, field, entry);
    if (good && field->support == KUBE_DONE && field->type)
        good = field->type->read(reading, field, entry->value, (char *)object + field->offset);
    reading->path = above;
    return good;
}

static bool check_required(
        struct kube_reading *reading, const struct kube_shape *shape, const struct node *node)
{
    bool good = true;

    for (const struct kube_field *field = shape->fields; field->name; field++) {
        const struct node *value = node_get(node, field->name);
        const char *path = kube_path_text(reading);

        if (!field->is_required || (value && value->kind != NODE_NULL))
            continue;
        diag_add(reading->diag, DIAG_ERROR, NULL, &node->at, "%s%sa %s needs a %s", path,
                *path ? ": " : "", shape->name, field->name);
        good = false;
    }
    return good;
}

bool kube_fill_object(struct kube_reading *reading, const struct kube_shape *shape,
        const struct node *node, void *object)
{
    const struct node **own = object;

    *own = node;
    if (node->kind != NODE_MAP) {
        const char *path = kube_path_text(reading);

        diag_add(reading->diag, DIAG_ERROR, NULL, &node->at, "%s%sexpected a %s, not %s", path,
                *path ? ": " : "", shape->name, node_describe(reading->arena, node));
        return false;
    }
    bool good = check_required(reading, shape, node);
    NODE_FOREACH(node, entry) {
        const struct kube_field *field = find_field(shape, entry->key);

        if (entry->value->kind == NODE_NULL) /* as if it were not there */
            continue;
        if (!field)
            tell_unknown(reading, shape, entry);
        else if (!read_entry(reading, field, entry, object))
            good = false;
    }
    return good;
}

void *kube_read_object(struct arena *arena, const struct kube_shape *shape, const struct node *node,
        struct diag *diag)
{
    struct kube_reading reading = { .arena = arena, .diag = diag };
    void *object = arena_alloc(arena, shape->bytes);

    return kube_fill_object(&reading, shape, node, object) ? object : NULL;
}

/* ---- Pairs ---- */

const char *kube_pairs_get(const struct kube_pairs *pairs, const char *key)
{
    ARRAY_FOREACH(pairs, pair)
        if (strcmp(pair->key, key) == 0)
            return pair->value;
    return NULL;
}

void kube_pairs_set(
        struct arena *arena, struct kube_pairs *pairs, const char *key, const char *value)
{
    ARRAY_FOREACH(pairs, pair)
        if (strcmp(pair->key, key) == 0) {
            pair->value = value;
            return;
        }
    *ARRAY_APPEND_ARENA(arena, pairs) = (struct kube_pair){ key, value };
}
