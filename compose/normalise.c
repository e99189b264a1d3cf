/* What follows from the files without being written: dependencies behind links and shared namespaces, the
 * default network, names of resources, variables without a value. */
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "compose/document.h"
#include "compose/env.h"
#include "compose/load-internal.h"

static bool is_map(const struct node *node)
{
    return node && node->kind == NODE_MAP && !(node->flags & NODE_RESET);
}

static bool is_present(const struct node *map, const char *key)
{
    const struct node *node = node_get(map, key);

    return node && !(node->flags & NODE_RESET);
}

/* ------------------------------------------------------------------ implied dependencies */

static void imply(struct loader *loader, struct node *depends_on, const char *service,
        const struct node *from, bool restart)
{
    struct arena *arena = loader->arena;
    struct node *dependency;

    if (node_get(depends_on, service))
        return;
    dependency = node_new(arena, NODE_MAP, &from->at);
    dependency->flags |= NODE_IMPLIED;
    node_set(arena, dependency, "condition", NULL,
            node_new_text(arena, "service_started", &from->at));
    if (restart)
        node_set(arena, dependency, "restart", NULL, node_new_bool(arena, true, &from->at));
    node_set(arena, dependency, "required", NULL, node_new_bool(arena, true, &from->at));
    node_set(arena, depends_on, service, &from->at, dependency);
}

static void imply_from_list(
        struct loader *loader, struct node *depends_on, const struct node *list, bool links)
{
    for (uint32_t i = 0; list && list->kind == NODE_LIST && i < list->len; i++) {
        const struct node *item = list->items[i];
        const char *colon = item->kind == NODE_TEXT ? strchr(item->text, ':') : NULL;

        if (item->kind != NODE_TEXT || (!links && string_has_prefix(item->text, "container:")))
            continue;
        if (links && colon && strchr(colon + 1, ':')) /* no alias: the whole text is the name */
            colon = NULL;
        imply(loader, depends_on,
                colon ? arena_strndup(loader->arena, item->text, (size_t)(colon - item->text))
                      : item->text,
                item, links);
    }
}

static void imply_dependencies(struct loader *loader, struct node *service)
{
    static const char *const namespaces[] = { "network_mode", "ipc", "pid", "uts", "cgroup" };
    static const char prefix[] = "service:";
    struct node *depends_on = node_get(service, "depends_on");

    depends_on = is_map(depends_on) ? node_copy(loader->arena, depends_on)
                                    : node_new(loader->arena, NODE_MAP, &service->at);
    imply_from_list(loader, depends_on, node_get(service, "links"), true);
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        const struct node *mode = node_get(service, namespaces[i]);

        if (mode && mode->kind == NODE_TEXT && string_has_prefix(mode->text, prefix))
            imply(loader, depends_on, mode->text + strlen(prefix), mode, true);
    }
    imply_from_list(loader, depends_on, node_get(service, "volumes_from"), false);
    if (depends_on->len)
        node_set(loader->arena, service, "depends_on", NULL, depends_on);
}

/* ---------------------------------------------------------------------------- variables */

/* Values that the environment gives to keys without one. */
static void fill_nulls(struct loader *loader, struct node *owner, const char *key, bool drop_unset)
{
    struct node *map = node_get(owner, key), *filled;

    if (!is_map(map))
        return;
    filled = node_new(loader->arena, NODE_MAP, &map->at);
    filled->flags = map->flags;
    NODE_FOREACH(map, entry) {
        struct node *value = entry->value;

        if (value->kind == NODE_NULL && !(value->flags & NODE_RESET)) {
            const char *text = strmap_get(&loader->environment, entry->key);

            if (text)
                value = node_new_text(loader->arena, text, &value->at);
            else if (drop_unset)
                continue;
        }
        node_set(loader->arena, filled, entry->key, &entry->key_at, value);
    }
    node_set(loader->arena, owner, key, NULL, filled);
}

static void set_implied(struct loader *loader, struct node *map, const char *key, const char *text)
{
    struct node *value = node_new_text(loader->arena, text, &map->at);

    value->flags |= NODE_IMPLIED;
    node_set(loader->arena, map, key, NULL, value);
}

static void normalise_service(struct loader *loader, struct node *service)
{
    const char *pull_policy = node_get_text(service, "pull_policy");
    struct node *build = node_get(service, "build");

    if (pull_policy && strcmp(pull_policy, "if_not_present") == 0)
        set_implied(loader, service, "pull_policy", "missing");
    if (is_map(build)) {
        build = node_copy(loader->arena, build);
        if (!is_present(build, "dockerfile") && !is_present(build, "dockerfile_inline"))
            set_implied(loader, build, "dockerfile", "Dockerfile");
        if (!loader->options->as_written)
            fill_nulls(loader, build, "args", true);
        node_set(loader->arena, service, "build", NULL, build);
    }
    if (!loader->options->as_written)
        fill_nulls(loader, service, "environment", false);
    imply_dependencies(loader, service);
}

/* --------------------------------------------------------------------- networks, names */

/* Gives every service without a network the default one. True when anybody uses that. */
static bool join_default(struct loader *loader, struct node *service)
{
    struct node *networks = node_get(service, "networks");

    if (is_present(service, "provider") || is_present(service, "network_mode"))
        return false;
    if (networks && (networks->flags & NODE_PENDING)) /* about to be refused */
        return false;
    if (is_map(networks) && networks->len)
        return node_get(networks, "default") != NULL;
    networks = node_new(loader->arena, NODE_MAP, &service->at);
    networks->flags |= NODE_IMPLIED;
    struct node *member = node_new(loader->arena, NODE_NULL, &service->at);

    member->flags |= NODE_IMPLIED;
    node_set(loader->arena, networks, "default", &service->at, member);
    node_set(loader->arena, service, "networks", &service->at, networks);
    return true;
}

static void add_default_network(struct loader *loader, struct node *model)
{
    struct node *networks = node_get(model, "networks"), *network;

    if (is_map(networks) && node_get(networks, "default"))
        return;
    networks = is_map(networks) ? node_copy(loader->arena, networks)
                                : node_new(loader->arena, NODE_MAP, &model->at);
    network = node_new(loader->arena, NODE_MAP, &model->at);
    network->flags |= NODE_IMPLIED;
    node_set(loader->arena, networks, "default", &model->at, network);
    node_set(loader->arena, model, "networks", NULL, networks);
}

static void name_resources(struct loader *loader, struct node *model, const char *kind)
{
    struct node *resources = node_get(model, kind);

    if (!is_map(resources))
        return;
    resources = node_copy(loader->arena, resources);
    NODE_FOREACH(resources, entry) {
        const struct node *external;

        if (entry->value->flags & NODE_RESET)
            continue;
        if (entry->value->kind == NODE_MAP) {
            entry->value = node_copy(loader->arena, entry->value);
        } else {
            unsigned flags = entry->value->flags;

            entry->value = node_new(loader->arena, NODE_MAP, &entry->key_at);
            entry->value->flags = flags;
        }
        external = node_get(entry->value, "external");
        if (!is_present(entry->value, "name"))
            set_implied(loader, entry->value, "name",
                    external && external->kind == NODE_BOOL && external->boolean
                            ? entry->key
                            : arena_printf(
                                      loader->arena, "%s_%s", loader->project_name, entry->key));
    }
    node_set(loader->arena, model, kind, NULL, resources);
}

void loader_normalise(struct loader *loader, struct node *model)
{
    struct node *services = node_get(model, "services");
    bool uses_default = false;

    const struct node *name = node_get(model, "name");

    if (!name || !(name->flags & NODE_PENDING)) /* else it is about to be refused */
        node_set(loader->arena, model, "name", NULL,
                node_new_text(loader->arena, loader->project_name, &model->at));
    if (is_map(services)) {
        services = node_copy(loader->arena, services);
        NODE_FOREACH(services, entry) {
            if (!is_map(entry->value))
                continue;
            entry->value = node_copy(loader->arena, entry->value);
            normalise_service(loader, entry->value);
            uses_default |= join_default(loader, entry->value);
        }
        node_set(loader->arena, model, "services", NULL, services);
    }
    if (uses_default)
        add_default_network(loader, model);
    name_resources(loader, model, "networks");
    name_resources(loader, model, "volumes");
    name_resources(loader, model, "secrets");
    name_resources(loader, model, "configs");
}

/* ------------------------------------------------------------- env_file and label_file */

struct service_file {
    const char *what; /* env_file or label_file */
    const char *path, *format;
    const struct source *at;
    bool optional;
    const struct strmap *outer; /* what references see first */
    struct strmap *known;       /* what the service's earlier files have set */
};

/* A file that many services name is read once, but its variables are theirs each. */
static bool counts_too_much(
        struct loader *loader, const struct service_file *file, size_t bytes, size_t variables)
{
    bool was_too_much = loader->service_file_bytes > LIMIT_ENV_FILES_BYTES ||
                        loader->service_variables > LIMIT_ENV_VARIABLES;

    loader->service_file_bytes += bytes;
    loader->service_variables += variables;
    bool is_too_much = loader->service_file_bytes > LIMIT_ENV_FILES_BYTES ||
                       loader->service_variables > LIMIT_ENV_VARIABLES;

    if (is_too_much && !was_too_much)
        diag_add(loader->diag, DIAG_ERROR, "too-large", file->at,
                "%s: more than %u MiB or %u variables in the files of all services", file->what,
                LIMIT_ENV_FILES_BYTES >> 20, LIMIT_ENV_VARIABLES);
    return is_too_much;
}

/* Reads a file of a service; what it gives goes into `entries`. */
static void read_service_file(
        struct loader *loader, const struct service_file *file, struct env_entries *entries)
{
    const char *format = file->format;
    size_t before = entries->len;
    struct loaded_file *loaded;
    struct env_text text = {
        .raw = format && strcmp(format, "raw") == 0,
        .outer = file->outer,
        .known = file->known,
    };

    if (format && *format && !text.raw && strcmp(format, ".env") != 0) {
        diag_add(loader->diag, DIAG_ERROR, "env-file", file->at,
                "%s: unknown format \"%s\"; \".env\" and \"raw\" are known", file->what, format);
        return;
    }
    loaded = loader_read_text(loader, path_join(loader->arena, loader->project_dir, file->path),
            file->at, file->what, !file->optional);
    if (!loaded || counts_too_much(loader, file, loaded->text.len, 0))
        return;
    text.file = loaded->text.file;
    text.data = loaded->text.data;
    text.len = loaded->text.len;
    (void)env_parse(loader->arena, &text, entries, loader->diag);
    (void)counts_too_much(loader, file, 0, entries->len - before);
}

/* Entries below what the service itself says. */
static struct node *overlay(struct loader *loader, const struct env_entries *entries,
        const struct node *own, const struct source *at)
{
    struct node *map = node_new(loader->arena, NODE_MAP, at);

    ARRAY_FOREACH(entries, entry)
        node_set(loader->arena, map, entry->key, &entry->at,
                node_new_text(loader->arena, entry->value, &entry->at));
    if (own)
        NODE_FOREACH(own, entry)
            node_set(loader->arena, map, entry->key, &entry->key_at, entry->value);
    node_sort_keys(map);
    return map;
}

void loader_resolve_env_files(struct loader *loader, struct node *service)
{
    const struct node *env_files = node_get(service, "env_file");
    struct env_entries variables = { 0 };
    struct strmap outer, known;

    fill_nulls(loader, service, "environment", false);
    if (!env_files || env_files->kind != NODE_LIST)
        return;
    const struct node *own = node_get(service, "environment");

    strmap_init_arena(&known, loader->arena);
    strmap_init_arena(&outer, loader->arena);
    if (is_map(own))
        NODE_FOREACH(own, entry)
            if (entry->value->kind != NODE_NULL)
                (void)strmap_set(&outer, entry->key,
                        (void *)(uintptr_t)node_scalar_text(loader->arena, entry->value));
    STRMAP_FOREACH(&loader->environment, entry)
        (void)strmap_set(&outer, entry->key, entry->value);
    for (uint32_t i = 0; i < env_files->len; i++) {
        const struct node *item = env_files->items[i], *required = node_get(item, "required");
        const struct node *path = node_get(item, "path");

        if (!path || path->kind != NODE_TEXT)
            diag_add(
                    loader->diag, DIAG_ERROR, "env-file", &item->at, "env_file: the path is empty");
        else
            read_service_file(loader,
                    &(struct service_file){
                            .what = "env_file",
                            .path = path->text,
                            .format = node_get_text(item, "format"),
                            .at = &path->at,
                            .optional = required && required->kind == NODE_BOOL &&
                                        !required->boolean,
                            .outer = &outer,
                            .known = &known,
                    },
                    &variables);
    }
    if (variables.len)
        node_set(loader->arena, service, "environment", own ? NULL : &env_files->at,
                overlay(loader, &variables, own, &env_files->at));
    node_remove(service, "env_file");
}

void loader_resolve_label_files(struct loader *loader, struct node *service)
{
    const struct node *label_files = node_get(service, "label_file");
    struct env_entries labels = { 0 };
    struct strmap earlier; /* a label may name one of an earlier file, and no variable */

    if (!label_files || label_files->kind != NODE_LIST)
        return;
    strmap_init_arena(&earlier, loader->arena);
    for (uint32_t i = 0; i < label_files->len; i++) {
        const struct node *path = label_files->items[i];
        size_t before = labels.len;

        if (path->kind == NODE_TEXT)
            read_service_file(loader,
                    &(struct service_file){
                            .what = "label_file",
                            .path = path->text,
                            .at = &path->at,
                            .outer = &earlier,
                    },
                    &labels);
        for (size_t label = before; label < labels.len; label++)
            (void)strmap_set(&earlier, labels.items[label].key,
                    (void *)(uintptr_t)labels.items[label].value);
    }
    if (labels.len)
        node_set(loader->arena, service, "labels", &label_files->at,
                overlay(loader, &labels, node_get(service, "labels"), &label_files->at));
    node_remove(service, "label_file");
}
