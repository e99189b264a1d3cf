#include "kube/down.h"

#include <string.h>

#include "base/arena.h"
#include "base/str.h"
#include "compose/document.h"
#include "compose/yaml.h"
#include "kube/fields.h"

static void add_name(struct arena *arena, struct strings *names, const char *name)
{
    if (!string_is_empty(name))
        *ARRAY_APPEND_ARENA(arena, names) = arena_strdup(arena, name);
}

/* Volumes of claims, config maps and secrets. */
static void add_volumes(struct arena *arena, const struct node *spec, struct strings *names)
{
    const struct node *volumes = node_get(spec, "volumes");

    for (uint32_t i = 0; volumes && volumes->kind == NODE_LIST && i < volumes->len; i++) {
        const struct node *volume = volumes->items[i];

        add_name(arena, names,
                node_get_text(node_get(volume, "persistentVolumeClaim"), "claimName"));
        add_name(arena, names, node_get_text(node_get(volume, "configMap"), "name"));
        add_name(arena, names, node_get_text(node_get(volume, "secret"), "secretName"));
    }
}

static bool is_kind(const char *name, enum kube_kind kind)
{
    return strcmp(name, kube_kinds[kind].name) == 0;
}

static void add_object(struct arena *arena, const struct node *node, struct kube_down_plan *plan)
{
    const char *kind = node_get_text(node, "kind");
    const char *name = node_get_text(node_get(node, "metadata"), "name");

    if (!kind || string_is_empty(name))
        return;
    if (is_kind(kind, KUBE_SECRET))
        add_name(arena, &plan->secrets, name);
    else if (is_kind(kind, KUBE_CLAIM))
        add_name(arena, &plan->volumes, name);
    else if (is_kind(kind, KUBE_DEPLOYMENT) || is_kind(kind, KUBE_DAEMON_SET) ||
             is_kind(kind, KUBE_JOB))
        add_name(arena, &plan->pods, arena_printf(arena, "%s-pod", name));
    if (!is_kind(kind, KUBE_POD))
        return; /* Podman leaves the volumes of other kinds */
    add_name(arena, &plan->pods, name);
    add_volumes(arena, node_get(node, "spec"), &plan->volumes);
}

int kube_read_down(struct arena *arena, const struct yaml_text *text, struct kube_down_plan *ret,
        struct diag *diag)
{
    struct yaml_documents documents = { 0 };
    int r = yaml_parse(arena, text, &documents, diag);

    for (size_t i = 0; r >= 0 && i < documents.len; i++) {
        const struct node *node = documents.items[i], *items = node_get(node, "items");

        if (!string_is_equal(node_get_text(node, "kind"), "List") || !items) {
            add_object(arena, node, ret);
            continue;
        }
        for (uint32_t k = 0; items->kind == NODE_LIST && k < items->len; k++)
            add_object(arena, items->items[k], ret);
    }
    return r;
}

void kube_plan_down(
        struct arena *arena, const struct kube_documents *documents, struct kube_down_plan *ret)
{
    ARRAY_FOREACH(documents, document)
        add_object(arena, document->node, ret);
}
