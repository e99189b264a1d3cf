#include "kube/read.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/document.h"
#include "compose/yaml.h"
#include "kube/fields.h"

#define SECRET_TEXT_MAX (4u << 20)

struct document_reading {
    struct arena *arena;
    struct kube_documents *documents;
    struct diag *diag;
};

static int find_kind(const char *name)
{
    for (int kind = 0; kind < KUBE_KIND_MAX_; kind++)
        if (strcmp(kube_kinds[kind].name, name) == 0)
            return kind;
    return -ENOENT;
}

static void read_document(struct document_reading *reading, const struct node *node)
{
    const char *name = node_get_text(node, "kind");
    int kind = name ? find_kind(name) : -ENOENT;

    if (node->kind != NODE_MAP) {
        diag_add(reading->diag, DIAG_ERROR, NULL, &node->at,
                "expected an object with a kind, not %s", node_describe(reading->arena, node));
        return;
    }
    if (kind < 0) {
        struct source at = kube_at(node, "kind");

        diag_add(reading->diag, DIAG_WARNING, NULL, &at,
                name ? "%s: the kind is not supported, the object is left out"
                     : "%san object without a kind is left out",
                name ? name : "");
        return;
    }
    const void *object = kube_read_object(
            reading->arena, kube_kinds[kind].shape, node, reading->diag);
    if (object)
        *ARRAY_APPEND_ARENA(reading->arena, reading->documents) = (struct kube_document){
            .kind = (enum kube_kind)kind, .node = node, .object = object
        };
}

/* A List is its items. */
static void read_root(struct document_reading *reading, const struct node *node)
{
    const struct node *items = node_get(node, "items");
    const char *name = node_get_text(node, "kind");

    if (node->kind == NODE_NULL)
        return;
    if (!string_is_equal(name, "List") || !items || items->kind != NODE_LIST) {
        read_document(reading, node);
        return;
    }
    for (uint32_t i = 0; i < items->len; i++)
        read_document(reading, items->items[i]);
}

int kube_read(struct arena *arena, const struct yaml_text *text, struct kube_documents *ret,
        struct diag *diag)
{
    struct document_reading reading = { arena, ret, diag };
    struct yaml_documents documents = { 0 };
    size_t before = diag->errors;
    int r = yaml_parse(arena, text, &documents, diag);

    for (size_t i = 0; r >= 0 && i < documents.len; i++)
        read_root(&reading, documents.items[i]);
    return diag->errors > before ? -EINVAL : 0;
}

/* ---- Secrets ---- */

/* {"key":"base64", …}, as Podman once had them. */
static const struct kube_secret *read_plain_secret(struct arena *arena, const struct node *node)
{
    struct kube_secret *secret = ARENA_NEW(arena, struct kube_secret);

    NODE_FOREACH(node, entry) {
        struct kube_blob blob = { .key = entry->key };

        if (entry->value->kind == NODE_TEXT)
            blob.data = base64_decode(arena, entry->value->text, &blob.len);
        if (!blob.data)
            return NULL;
        *ARRAY_APPEND_ARENA(arena, &secret->data) = blob;
    }
    return secret;
}

const struct kube_secret *kube_read_secret(struct arena *arena, const char *text, size_t len)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    char *copy = arena_alloc(arena, len + 1); /* there may be a NUL within */
    struct yaml_text source = { .file = "", .data = copy, .len = len };
    struct yaml_documents documents = { 0 };

    memcpy(copy, text, len);
    if (yaml_parse(arena, &source, &documents, &diag) < 0 || documents.len != 1 ||
            documents.items[0]->kind != NODE_MAP)
        return NULL;
    const struct node *node = documents.items[0];
    return string_is_equal(node_get_text(node, "kind"), "Secret")
                   ? kube_read_object(arena, kube_kinds[KUBE_SECRET].shape, node, &diag)
                   : read_plain_secret(arena, node);
}

/* All of it in base64. Names and keys that are planned with have no characters that need quoting. */
const char *kube_format_secret(struct arena *arena, const struct kube_secret *secret)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(SECRET_TEXT_MAX);
    const char *comma = "";

    strbuf_addf(&out, "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"%s\"},",
            secret->meta->name);
    if (secret->immutable == KUBE_YES)
        strbuf_addf(&out, "\"immutable\":true,");
    strbuf_addf(&out, "\"data\":{");
    ARRAY_FOREACH(&secret->data, blob) {
        if (kube_pairs_get(&secret->string_data, blob->key))
            continue;
        strbuf_addf(&out, "%s\"%s\":\"%s\"", comma, blob->key,
                base64_encode(arena, blob->data, blob->len));
        comma = ",";
    }
    ARRAY_FOREACH(&secret->string_data, pair) {
        strbuf_addf(&out, "%s\"%s\":\"%s\"", comma, pair->key,
                base64_encode(arena, (const uint8_t *)pair->value, strlen(pair->value)));
        comma = ",";
    }
    strbuf_addf(&out, "}}\n");
    return strbuf_is_truncated(&out) ? NULL : arena_strndup(arena, out.data, out.len);
}

const uint8_t *kube_secret_get(const struct kube_secret *secret, const char *key, size_t *ret_len)
{
    const char *text = kube_pairs_get(&secret->string_data, key);

    if (text) {
        *ret_len = strlen(text);
        return (const uint8_t *)text;
    }
    ARRAY_FOREACH(&secret->data, blob)
        if (strcmp(blob->key, key) == 0) {
            *ret_len = blob->len;
            return blob->data;
        }
    return NULL;
}
