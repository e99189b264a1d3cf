#include "kube/fields-page.h"

#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "kube/fields.h"

#define SHAPES_MAX 64

struct titled_shape {
    const struct kube_shape *shape;
    const char *title; /* its name, or where it was met when another has that name */
};

/* In the order in which they are met. */
struct shapes {
    struct arena arena;
    struct titled_shape items[SHAPES_MAX];
    size_t len;
};

static void shapes_release(struct shapes *shapes)
{
    arena_release(&shapes->arena);
}

/* `parent` and `field`: where it was met; NULL for a kind. */
static const char *add_shape(struct shapes *shapes, const struct kube_shape *shape,
        const char *parent, const char *field)
{
    const char *title = shape->name;

    for (size_t i = 0; i < shapes->len; i++) {
        if (shapes->items[i].shape == shape)
            return shapes->items[i].title;
        if (parent && strcmp(shapes->items[i].title, shape->name) == 0)
            title = arena_printf(&shapes->arena, "%s: %s", parent, field);
    }
    if (shapes->len < SHAPES_MAX)
        shapes->items[shapes->len++] = (struct titled_shape){ shape, title };
    return title;
}

/* `shape` is the title of the field's own, or NULL. */
static void add_row(struct strbuf *out, const struct kube_field *field, const char *shape)
{
    strbuf_addf(out, "| `%s` | ", field->name);
    if (shape)
        strbuf_addf(out, "%s*%s*", field->type == &kube_type_objects ? "list of " : "", shape);
    else
        strbuf_adds(out, field->type ? field->type->name : "");
    for (const char *const *word = field->values; word && *word; word++)
        if (**word)
            strbuf_addf(out, "%s`%s`", word == field->values ? ": " : " ", *word);
    strbuf_addf(out, " | %s%s", kube_support_names[field->support],
            field->is_required ? ", required" : "");
    if (field->usual)
        strbuf_addf(out, ", unless `%s`", field->usual);
    strbuf_addf(out, " | %s |\n", field->note ? field->note : "");
}

static void add_table(struct strbuf *out, struct shapes *shapes, const struct titled_shape *it)
{
    strbuf_addf(out, "\n### %s\n\n| field | value | here | why |\n|---|---|---|---|\n", it->title);
    for (const struct kube_field *field = it->shape->fields; field->name; field++)
        add_row(out, field,
                field->shape ? add_shape(shapes, field->shape, it->title, field->name) : NULL);
}

static const char head[] =
        "# Kubernetes YAML\n"
        "\n"
        "What `berth kube play` makes of the fields of Kubernetes' objects. *done*: it is done. *accepted*: it asks for "
        "nothing\n"
        "that one machine could do or leave undone. *no effect*: a warning with file, line and column, unless the field has "
        "its\n"
        "usual value. *refused*: an error with its place, and nothing is made. A field that is in no table is told like one "
        "that\n"
        "has no effect. Null is as if the field were not there.\n"
        "\n"
        "This page is made from the table in `kube/fields-table.c`.\n"
        "\n"
        "## Kinds\n"
        "\n"
        "| kind | becomes |\n"
        "|---|---|\n"
        "| `Pod` | a pod of its name; containers are `POD-CONTAINER` |\n"
        "| `Deployment`, `DaemonSet`, `Job` | one pod, `NAME-pod`; more replicas than one are told and left out |\n"
        "| `PersistentVolumeClaim` | a volume of its name; `volume.podman.io/driver`, `device`, `type`, `uid`, `gid` and "
        "`mount-options` are its options |\n"
        "| `ConfigMap` | variables, and volumes of its name with its files |\n"
        "| `Secret` | a secret in the store; variables, and volumes of its name with its files |\n"
        "| `List` | its items |\n"
        "\n"
        "Others are left out with a warning.\n"
        "\n"
        "## Fields\n";

void kube_print_page(struct strbuf *out)
{
    auto_(shapes_release) struct shapes shapes = { .arena = ARENA_INIT };

    strbuf_adds(out, head);
    for (int kind = 0; kind < KUBE_KIND_MAX_; kind++)
        add_shape(&shapes, kube_kinds[kind].shape, NULL, NULL);
    for (size_t i = 0; i < shapes.len; i++)
        add_table(out, &shapes, &shapes.items[i]);
}
