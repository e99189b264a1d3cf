/* The order of things: files, name, tree, defaults, profiles, structs, checks. */
#include "compose/load.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "compose/document.h"
#include "compose/load-internal.h"
#include "compose/print.h"
#include "compose/project.h"

void loader_init(struct loader *loader, struct arena *arena, const struct load_options *options,
        struct diag *diag)
{
    assert(diag && options->working_dir);
    *loader = (struct loader){
        .arena = arena,
        .options = options,
        .diag = diag,
        .writer_wait_usec = FS_WRITER_WAIT_USEC,
        .context = {
            .arena = arena,
            .diag = diag,
            .path = STRBUF_INIT(SCHEMA_PATH_MAX),
            .no_interpolate = options->no_interpolate,
        },
    };
    strmap_init_arena(&loader->files, arena);
    strmap_init_arena(&loader->warned, arena);
}

void loader_release(struct loader *loader)
{
    strbuf_release(&loader->context.path);
}

static int refuse(const struct loader *loader, struct error **err)
{
    size_t count = loader->diag->errors;

    return error_set_plain(
            err, EINVAL, NULL, "the compose file has %zu mistake%s", count, count == 1 ? "" : "s");
}

/* ----------------------------------------------------------------------------- profiles */

static struct strings active_profiles(const struct loader *loader)
{
    const char *listed = strmap_get(&loader->environment, "COMPOSE_PROFILES");
    struct strings profiles = { 0 };
    struct str rest = str_from(listed), profile;

    if (loader->options->profiles.len)
        return loader->options->profiles;
    /* Also an empty entry counts: a profile "" (of an empty variable) is active when nothing is asked for. */
    while (str_split_next(&rest, ',', &profile)) {
        profile = str_trim(profile);
        *ARRAY_APPEND_ARENA(loader->arena, &profiles) = arena_strndup(
                loader->arena, profile.data, profile.len);
    }
    if (!profiles.len)
        *ARRAY_APPEND_ARENA(loader->arena, &profiles) = arena_strdup(loader->arena, "");
    return profiles;
}

static bool has_text(const struct strings *list, const char *text)
{
    ARRAY_FOREACH(list, item)
        if (strcmp(*item, text) == 0)
            return true;
    return false;
}

static bool is_enabled(const struct node *service, const struct strings *active)
{
    const struct node *profiles = node_get(service, "profiles");

    if (!profiles || profiles->kind != NODE_LIST || !profiles->len || has_text(active, "*"))
        return true;
    for (uint32_t i = 0; i < profiles->len; i++)
        if (profiles->items[i]->kind == NODE_TEXT && has_text(active, profiles->items[i]->text))
            return true;
    return false;
}

/* Services that the user names bring their profiles with them. */
static void enable_named(struct loader *loader, const struct node *services, struct strings *active)
{
    struct strings all = { 0 };

    ARRAY_FOREACH(active, profile)
        *ARRAY_APPEND_ARENA(loader->arena, &all) = *profile;
    ARRAY_FOREACH(&loader->options->services, name) {
        const struct node *service = node_get(services, *name);
        const struct node *profiles = node_get(service, "profiles");

        if (!service || is_enabled(service, active))
            continue;
        for (uint32_t i = 0; profiles && i < profiles->len; i++)
            if (profiles->items[i]->kind == NODE_TEXT)
                *ARRAY_APPEND_ARENA(loader->arena, &all) = arena_strdup(
                        loader->arena, profiles->items[i]->text);
    }
    *active = all;
}

/* ----------------------------------------------------------------------------- structs */

/* What is told apart by its JSON. */
static void check_size(struct loader *loader, const char *kind, const char *name,
        const struct source *at, const struct node *model)
{
    if (!node_fits(model, LIMIT_MODEL_BYTES))
        diag_add(loader->diag, DIAG_ERROR, "too-large", at,
                "%s.%s: more than %u MiB of text, which is the limit", kind, name,
                LIMIT_MODEL_BYTES >> 20);
}

static void build_service(struct loader *loader, struct project *project,
        const struct node_entry *entry, bool enabled)
{
    struct services *list = enabled ? &project->services : &project->disabled;
    struct service *service = ARRAY_APPEND_ARENA(loader->arena, list);
    const struct node *gpus = node_get(entry->value, "gpus");

    if (entry->value->kind == NODE_MAP)
        schema_decode_struct(loader->arena, &service_table, entry->value, service);
    service->name = entry->key;
    service->at = entry->key_at;
    service->model = entry->value;
    service->enabled = enabled;
    service->gpus_given = gpus && gpus->kind == NODE_LIST;
    check_size(loader, "services", service->name, &service->at, service->model);
}

/* `scale` also counts as deploy.replicas, where there is a deploy. */
static void settle_scale(struct loader *loader, struct node *service)
{
    struct node *scale = node_get(service, "scale"), *deploy = node_get(service, "deploy");

    if (!scale || !deploy || deploy->kind != NODE_MAP || node_get(deploy, "replicas"))
        return;
    deploy = node_copy(loader->arena, deploy);
    node_set(loader->arena, deploy, "replicas", NULL, scale);
    node_set(loader->arena, service, "deploy", NULL,
            schema_order(loader->arena, &deploy_table, deploy));
}

static void build_services(struct loader *loader, struct project *project, struct node *services,
        struct strings *active)
{
    enable_named(loader, services, active);
    if (services && services->kind == NODE_MAP && services->len > 0) { /* at once: they are large */
        project->services.cap = services->len;
        project->services.items = ARENA_NEW_ARRAY(loader->arena, services->len, struct service);
    }
    NODE_FOREACH(services, entry) {
        bool enabled = is_enabled(entry->value, active);

        if (entry->value->kind == NODE_MAP && enabled && !loader->options->as_written) {
            entry->value = node_copy(loader->arena, entry->value);
            if (!loader->options->no_env_resolution)
                loader_resolve_env_files(loader, entry->value);
            loader_resolve_label_files(loader, entry->value);
            if (!loader->options->no_consistency)
                settle_scale(loader, entry->value);
            entry->value = schema_order(loader->arena, &service_table, entry->value);
        }
        build_service(loader, project, entry, enabled);
    }
}

/* One entry of a list of resources for each key of the model's section. */
#define BUILD_RESOURCES(loader, list, table, section, node_member)                             \
    do {                                                                                       \
        const struct node *section_ = (section);                                               \
        for (uint32_t i_ = 0; section_ && section_->kind == NODE_MAP && i_ < section_->len;    \
                i_++) {                                                                        \
            const struct node_entry *entry_ = &section_->entries[i_];                          \
            __typeof__((list)->items[0]) *item_ = ARRAY_APPEND_ARENA((loader)->arena, (list)); \
            if (entry_->value->kind == NODE_MAP)                                               \
                schema_decode_struct((loader)->arena, (table), entry_->value, item_);          \
            item_->key = entry_->key;                                                          \
            item_->at = entry_->key_at;                                                        \
            item_->node_member = entry_->value;                                                \
            if (!item_->name)                                                                  \
                item_->name = entry_->key;                                                     \
        }                                                                                      \
    } while (0)

#define INDEX(map, list, member)                           \
    do {                                                   \
        ARRAY_FOREACH(list, item_)                         \
            (void)strmap_set((map), item_->member, item_); \
    } while (0)

static void take_values(const struct loader *loader, struct file_objects *objects)
{
    ARRAY_FOREACH(objects, object)
        if (object->environment)
            object->value = strmap_get(&loader->environment, object->environment);
}

static void build_resources(struct loader *loader, struct project *project, struct node *model)
{
    const struct node *networks = node_get(model, "networks");

    BUILD_RESOURCES(loader, &project->networks, &network_table, networks, model);
    BUILD_RESOURCES(loader, &project->volumes, &volume_table, node_get(model, "volumes"), model);
    BUILD_RESOURCES(loader, &project->secrets, &secret_table, node_get(model, "secrets"), model);
    BUILD_RESOURCES(loader, &project->configs, &config_table, node_get(model, "configs"), model);
    BUILD_RESOURCES(loader, &project->models, &model_table, node_get(model, "models"), model_node);
    ARRAY_FOREACH(&project->networks, network) {
        network->implied = (network->model->flags & NODE_IMPLIED) != 0;
        check_size(loader, "networks", network->key, &network->at, network->model);
    }
    ARRAY_FOREACH(&project->volumes, volume)
        check_size(loader, "volumes", volume->key, &volume->at, volume->model);
    take_values(loader, &project->secrets);
    take_values(loader, &project->configs);
}

static void build_indexes(struct loader *loader, struct project *project)
{
    struct strmap *maps[] = { &project->service_index, &project->network_index,
        &project->volume_index, &project->secret_index, &project->config_index };

    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        strmap_init_arena(maps[i], loader->arena);
    INDEX(&project->service_index, &project->services, name);
    INDEX(&project->service_index, &project->disabled, name);
    INDEX(&project->network_index, &project->networks, key);
    INDEX(&project->volume_index, &project->volumes, key);
    INDEX(&project->secret_index, &project->secrets, key);
    INDEX(&project->config_index, &project->configs, key);
}

static void use_references(const struct strmap *index, const struct file_references *references)
{
    ARRAY_FOREACH(references, reference) {
        struct file_object *object = reference->source ? strmap_get(index, reference->source)
                                                       : NULL;

        if (object)
            object->used = true;
    }
}

static void mark_used(struct project *project)
{
    ARRAY_FOREACH(&project->services, service) {
        ARRAY_FOREACH(&service->networks, member) {
            struct project_network *network = project_find_network(project, member->network);

            if (network)
                network->used = true;
        }
        ARRAY_FOREACH(&service->volumes, mount) {
            struct project_volume *volume = mount->type == MOUNT_VOLUME && mount->source
                                                    ? project_find_volume(project, mount->source)
                                                    : NULL;

            if (volume)
                volume->used = true;
        }
        ARRAY_FOREACH(&service->models, use)
            ARRAY_FOREACH(&project->models, model)
                if (strcmp(model->key, use->model) == 0)
                    model->used = true;
        use_references(&project->secret_index, &service->secrets);
        use_references(&project->secret_index, &service->build.secrets);
        use_references(&project->config_index, &service->configs);
    }
}

/* ---------------------------------------------------------------------------- selection */

static void select_with_dependencies(const struct project *project, struct strmap *selected,
        struct strmap *pending, const char *name)
{
    if (strmap_has(selected, name) || !project_find_service(project, name))
        return;
    (void)strmap_set(selected, name, NULL);
    (void)strmap_set(pending, name, NULL);
}

/* Keeps the named services and what they depend on; the others count as disabled. */
static void select_services(struct loader *loader, struct project *project)
{
    struct services kept = { 0 };
    struct strmap selected, pending;

    strmap_init_arena(&selected, loader->arena);
    strmap_init_arena(&pending, loader->arena);
    ARRAY_FOREACH(&loader->options->services, name) {
        if (!project_find_service(project, *name)) {
            const char *nearest = project_nearest_service(project, *name);
            struct diag_entry *entry = diag_add(
                    loader->diag, DIAG_ERROR, "no-service", NULL, "no such service: %s", *name);

            if (nearest)
                diag_hint(loader->diag, entry, "did you mean \"%s\"?", nearest);
        }
        select_with_dependencies(project, &selected, &pending, *name);
    }
    for (size_t i = 0; i < pending.len; i++) { /* grows while it is walked */
        const struct service *service = project_find_service(project, pending.entries[i].key);

        ARRAY_FOREACH(&service->depends_on, dependency)
            select_with_dependencies(project, &selected, &pending, dependency->service);
    }
    ARRAY_FOREACH(&project->services, service) {
        bool keep = strmap_has(&selected, service->name);

        service->enabled = keep;
        *ARRAY_APPEND_ARENA(loader->arena, keep ? &kept : &project->disabled) = *service;
    }
    project->services = kept;
}

/* An optional dependency that is not there is no dependency of what was chosen. */
static void drop_absent_dependencies(
        struct loader *loader, struct project *project, struct service *service)
{
    struct node *model = node_copy(loader->arena, service->model);
    struct node *entries = node_get(model, "depends_on");
    size_t kept = 0;

    if (!entries || entries->kind != NODE_MAP)
        return;
    entries = node_copy(loader->arena, entries);
    ARRAY_FOREACH(&service->depends_on, dependency) {
        const struct service *other = project_find_service(project, dependency->service);

        if (dependency->required != OPTION_FALSE || (other && other->enabled))
            service->depends_on.items[kept++] = *dependency;
        else
            node_remove(entries, dependency->service);
    }
    service->depends_on.len = kept;
    if (entries->len)
        node_set(loader->arena, model, "depends_on", NULL, entries);
    else
        node_remove(model, "depends_on");
    service->model = model;
}

static void choose_services(struct loader *loader, struct project *project)
{
    if (loader->options->select_services && loader->options->services.len) {
        select_services(loader, project);
        build_indexes(loader, project);
        ARRAY_FOREACH(&project->services, service)
            drop_absent_dependencies(loader, project, service);
    }
    mark_used(project);
}

/* ------------------------------------------------------------------------------- public */

/* Standard input leaves nothing that could be looked at again. */
static struct strings list_sources(struct loader *loader)
{
    struct strings sources = { 0 };
    struct strmap seen;

    strmap_init_arena(&seen, loader->arena);
    STRMAP_FOREACH(&loader->files, entry) {
        const struct loaded_file *file = entry->value;

        if (file && path_is_absolute(file->path))
            (void)strmap_set(&seen, file->path, loader);
    }
    ARRAY_FOREACH(&loader->variable_files, path) /* an include reads the same ones again */
        (void)strmap_set(&seen, *path, loader);
    STRMAP_FOREACH(&seen, file)
        *ARRAY_APPEND_ARENA(loader->arena, &sources) = arena_strdup(loader->arena, file->key);
    return sources;
}

static struct project *build_project(struct loader *loader, struct node *model)
{
    struct project *project = ARENA_NEW(loader->arena, struct project);
    struct node *services = node_get(model, "services");
    struct strings active = active_profiles(loader);

    project->arena = loader->arena;
    project->name = loader->project_name;
    project->compatibility = loader->options->compatibility ||
                             loader_flag(loader, "COMPOSE_COMPATIBILITY");
    project->working_dir = loader->project_dir;
    project->files = loader->names;
    project->file_paths = loader->paths;
    project->environment = loader->environment;
    project->model = model;
    if (services && services->kind == NODE_MAP)
        build_services(loader, project, services, &active);
    project->profiles = active;
    project->env_file_paths = loader->env_file_paths;
    project->sources = list_sources(loader);
    build_resources(loader, project, model);
    build_indexes(loader, project);
    return project;
}

/* Nothing is there, or nothing is left after !reset. */
static bool is_empty(const struct node *model)
{
    NODE_FOREACH(model, entry)
        if (!(entry->value->flags & NODE_RESET))
            return false;
    return true;
}

static struct node *load_tree(struct loader *loader)
{
    const struct model_source source = {
        .paths = loader->paths,
        .names = loader->names,
        .dir = loader->project_dir,
        .environment = &loader->environment,
    };
    struct node *model = loader_load_model(loader, &source);

    if (!model)
        return NULL;
    if (is_empty(model) && !diag_has_errors(loader->diag))
        diag_add(loader->diag, DIAG_ERROR, "empty", &model->at, "the compose file is empty");
    if (!loader->options->no_normalize)
        loader_normalise(loader, model);
    return schema_finish(&loader->context, &compose_attr, model);
}

static int open_files(struct loader *loader, struct error **err)
{
    if (!loader_find_files(loader))
        return diag_has_errors(loader->diag)
                       ? refuse(loader, err)
                       : error_set_plain(err, ENOENT, NULL,
                                 "no configuration file provided: not found (compose.yaml in %s or above)",
                                 loader->options->working_dir);
    bool elsewhere = false;
    ARRAY_FOREACH(&loader->names, name)
        elsewhere |= loader_is_elsewhere(loader, *name, NULL);
    if (elsewhere)
        return refuse(loader, err);
    (void)loader_find_name(loader);
    return 0;
}

int loader_load(struct loader *loader, struct project **ret_project, struct error **err)
{
    struct node *model;

    *ret_project = NULL;
    int r = open_files(loader, err);

    if (r < 0)
        return r;
    model = load_tree(loader);
    if (model) {
        *ret_project = build_project(loader, model);
        if (!loader->options->no_consistency)
            project_check(*ret_project, loader->diag); /* also what is not chosen */
        else if (!loader->options->no_interpolate)
            project_check_values(*ret_project, loader->diag);
        choose_services(loader, *ret_project);
        if (!loader->options->no_consistency)
            project_check_chosen(*ret_project, loader->diag);
    }
    diag_sort(loader->diag);
    return diag_has_errors(loader->diag) || !model ? refuse(loader, err) : 0;
}

int project_load(struct arena *arena, const struct load_options *options,
        struct project **ret_project, struct diag *diag, struct error **err)
{
    auto_(loader_release) struct loader loader;
    struct project *project;

    loader_init(&loader, arena, options, diag);
    int r = loader_load(&loader, &project, err);

    if (r == 0)
        *ret_project = project;
    return r;
}

int project_name_resolve(struct arena *arena, const struct load_options *options,
        const char **ret_name, struct diag *diag, struct error **err)
{
    auto_(loader_release) struct loader loader;

    loader_init(&loader, arena, options, diag);
    (void)loader_find_files(&loader);
    if (diag_has_errors(diag) || !loader_find_name(&loader))
        return refuse(&loader, err);
    *ret_name = loader.project_name;
    return 0;
}
