/* The types of fields: how a node becomes the value. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/document.h"
#include "base/base64.h"
#include "base/cleanup.h"
#include "kube/fields-internal.h"
#include "kube/quantity.h"

#define WORDS_TEXT_MAX 1024

static bool expected(struct kube_reading *reading, const struct node *node, const char *what)
{
    diag_add(reading->diag, DIAG_ERROR, NULL, &node->at, "%s: expected %s, not %s",
            kube_path_text(reading), what, node_describe(reading->arena, node));
    return false;
}

/* A text; like Podman, also a number or a truth value that stands where one is due. NULL: neither. */
static const char *text_of(struct kube_reading *reading, const struct node *node)
{
    bool is_scalar = node->kind == NODE_BOOL || node->kind == NODE_INT || node->kind == NODE_FLOAT;

    if (node->kind == NODE_TEXT)
        return node->text;
    if (!is_scalar)
        return NULL;
    const char *text = node_scalar_text(reading->arena, node);
    if (!string_is_equal(text, node->text)) {
        struct diag_entry *finding = diag_add(reading->diag, DIAG_WARNING, NULL, &node->at,
                "%s: %s is taken as the text \"%s\"", kube_path_text(reading),
                node->text ? node->text : "", text);

        diag_hint(
                reading->diag, finding, "write it in quotes: \"%s\"", node->text ? node->text : "");
    }
    return text;
}

/* One below the list or map that the reading is at. */
static struct kube_path item_path(const struct kube_reading *reading, size_t index)
{
    return (struct kube_path){ reading->path, NULL, index };
}

static bool check_word(struct kube_reading *reading, const struct kube_field *field,
        const struct node *node, const char *text)
{
    auto_(strbuf_release) struct strbuf words = STRBUF_INIT(WORDS_TEXT_MAX);

    for (const char *const *word = field->values; word && *word; word++) {
        if (strcmp(*word, text) == 0)
            return true;
        if (**word)
            strbuf_addf(&words, "%s%s", words.len > 0 ? ", " : "", *word);
    }
    if (!field->values)
        return true;
    diag_add(reading->diag, DIAG_ERROR, NULL, &node->at, "%s: \"%s\" is none of %s",
            kube_path_text(reading), text, words.data);
    return false;
}

static bool read_text(struct kube_reading *reading, const struct kube_field *field,
        const struct node *node, void *target)
{
    const char **ret = target, *text = text_of(reading, node);

    if (!text)
        return expected(reading, node, "a text");
    if (field->is_required && !*text) {
        diag_add(reading->diag, DIAG_ERROR, NULL, &node->at, "%s: it is empty",
                kube_path_text(reading));
        return false;
    }
    if (!check_word(reading, field, node, text))
        return false;
    *ret = text;
    return true;
}

static bool read_answer(struct kube_reading *reading, const struct kube_field *field,
        const struct node *node, void *target)
{
    enum kube_answer *answer = target;

    (void)field;
    if (node->kind != NODE_BOOL)
        return expected(reading, node, "true or false");
    *answer = node->boolean ? KUBE_YES : KUBE_NO;
    return true;
}

static bool read_number(struct kube_reading *reading, const struct kube_field *field,
        const struct node *node, void *target)
{
    struct kube_number *number = target;

    if (node->kind != NODE_INT)
        return expected(reading, node, "a number");
    if ((field->min || field->max) && (node->integer < field->min || node->integer > field->max)) {
        diag_add(reading->diag, DIAG_ERROR, NULL, &node->at,
                "%s: %" PRId64 " is not between %" PRId64 " and %" PRId64, kube_path_text(reading),
                node->integer, field->min, field->max);
        return false;
    }
    *number = (struct kube_number){ true, node->integer };
    return true;
}

static bool read_port(struct kube_reading *reading, const struct kube_field *field,
        const struct node *node, void *target)
{
    const char **text = target;

    (void)field;
    if (node->kind != NODE_INT && node->kind != NODE_TEXT)
        return expected(reading, node, "a port's number or name");
    *text = node_scalar_text(reading->arena, node);
    return true;
}

static bool read_quantity(struct kube_reading *reading, const struct kube_field *field,
        const struct node *node, void *target)
{
    struct kube_quantity *quantity = target;

    (void)field;
    if (node->kind != NODE_INT && node->kind != NODE_FLOAT && node->kind != NODE_TEXT)
        return expected(reading, node, "a quantity");
    quantity->text = node->text ? node->text : node_scalar_text(reading->arena, node);
    int r = kube_parse_quantity(str_from(quantity->text), &quantity->milli);
    quantity->is_set = r >= 0;
    if (r >= 0)
        return true;
    diag_add(reading->diag, DIAG_ERROR, NULL, &node->at,
            r == -ERANGE ? "%s: the quantity \"%s\" is out of range"
                         : "%s: \"%s\" is no quantity (such as 500m, 64Mi, 1.5)",
            kube_path_text(reading), quantity->text);
    return false;
}

static bool read_texts(struct kube_reading *reading, const struct kube_field *field,
        const struct node *node, void *target)
{
    struct strings *texts = target;
    const struct kube_path *above = reading->path;
    bool good = true;

    (void)field;
    if (node->kind != NODE_LIST)
        return expected(reading, node, "a list of texts");
    for (uint32_t i = 0; i < node->len; i++) {
        struct kube_path here = item_path(reading, i);

        reading->path = &here;
        const char *text = text_of(reading, node->items[i]);
        if (!text)
            good = expected(reading, node->items[i], "a text");
        else
            *ARRAY_APPEND_ARENA(reading->arena, texts) = arena_strdup(reading->arena, text);
        reading->path = above;
    }
    return good;
}

static bool read_numbers(struct kube_reading *reading, const struct kube_field *field,
        const struct node *node, void *target)
{
    struct kube_numbers *numbers = target;
    const struct kube_path *above = reading->path;
    bool good = true;

    if (node->kind != NODE_LIST)
        return expected(reading, node, "a list of numbers");
    for (uint32_t i = 0; i < node->len; i++) {
        struct kube_path here = item_path(reading, i);

        reading->path = &here;
        if (!read_number(
                    reading, field, node->items[i], ARRAY_APPEND_ARENA(reading->arena, numbers)))
            good = false;
        reading->path = above;
    }
    return good;
}

static bool read_pairs(struct kube_reading *reading, const struct kube_field *field,
        const struct node *node, void *target)
{
    struct kube_pairs *pairs = target;
    const struct kube_path *above = reading->path;
    bool good = true;

    (void)field;
    if (node->kind != NODE_MAP)
        return expected(reading, node, "a map of texts");
    NODE_FOREACH(node, entry) {
        struct kube_path here = { above, entry->key, 0 };

        reading->path = &here;
        const char *text = entry->value->kind == NODE_NULL ? "" : text_of(reading, entry->value);
        if (text)
            kube_pairs_set(reading->arena, pairs, entry->key, text);
        else
            good = expected(reading, entry->value, "a text");
        reading->path = above;
    }
    return good;
}

static bool read_blob(
        struct kube_reading *reading, const struct node_entry *entry, struct kube_blobs *blobs)
{
    struct kube_blob blob = { .key = entry->key };

    if (entry->value->kind != NODE_TEXT && entry->value->kind != NODE_NULL)
        return expected(reading, entry->value, "a text");
    const char *text = entry->value->kind == NODE_TEXT ? entry->value->text : "";
    blob.data = base64_decode(reading->arena, text, &blob.len);
    if (!blob.data) {
        /* Not the text: it may be a secret with a mistake in it. */
        struct diag_entry *finding = diag_add(reading->diag, DIAG_ERROR, NULL, &entry->value->at,
                "%s: it is not base64", kube_path_text(reading));

        diag_hint(reading->diag, finding, "what is not encoded goes below stringData or data");
        return false;
    }
    *ARRAY_APPEND_ARENA(reading->arena, blobs) = blob;
    return true;
}

static bool read_blobs(struct kube_reading *reading, const struct kube_field *field,
        const struct node *node, void *target)
{
    const struct kube_path *above = reading->path;
    bool good = true;

    (void)field;
    if (node->kind != NODE_MAP)
        return expected(reading, node, "a map of texts in base64");
    NODE_FOREACH(node, entry) {
        struct kube_path here = { above, entry->key, 0 };

        reading->path = &here;
        good = read_blob(reading, entry, target) && good;
        reading->path = above;
    }
    return good;
}

static bool read_object(struct kube_reading *reading, const struct kube_field *field,
        const struct node *node, void *target)
{
    void **object = target;

    *object = arena_alloc(reading->arena, field->shape->bytes);
    return kube_fill_object(reading, field->shape, node, *object);
}

/* Any array of objects, as array.h has them. */
struct objects {
    void *items;
    size_t len, cap;
};

static bool read_objects(struct kube_reading *reading, const struct kube_field *field,
        const struct node *node, void *target)
{
    struct objects *objects = target;
    const struct kube_path *above = reading->path;
    size_t bytes = field->shape->bytes;
    bool good = true;

    if (node->kind != NODE_LIST)
        return expected(reading, node, "a list");
    objects->items = arena_alloc_array(reading->arena, node->len, bytes);
    objects->len = objects->cap = node->len;
    for (uint32_t i = 0; i < node->len; i++) {
        struct kube_path here = item_path(reading, i);

        reading->path = &here;
        if (!kube_fill_object(
                    reading, field->shape, node->items[i], (char *)objects->items + i * bytes))
            good = false;
        reading->path = above;
    }
    return good;
}

const struct kube_type kube_type_text = { "text", read_text };
const struct kube_type kube_type_answer = { "true or false", read_answer };
const struct kube_type kube_type_number = { "number", read_number };
const struct kube_type kube_type_port = { "port", read_port };
const struct kube_type kube_type_quantity = { "quantity", read_quantity };
const struct kube_type kube_type_texts = { "texts", read_texts };
const struct kube_type kube_type_numbers = { "numbers", read_numbers };
const struct kube_type kube_type_pairs = { "map of texts", read_pairs };
const struct kube_type kube_type_blobs = { "map of base64", read_blobs };
const struct kube_type kube_type_object = { "object", read_object };
const struct kube_type kube_type_objects = { "objects", read_objects };
