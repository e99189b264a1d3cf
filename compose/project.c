#include "compose/project.h"

#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/document.h"
#include "compose/print.h"
#include "compose/schema.h"

const char *const service_condition_names[SERVICE_CONDITION_MAX_] = {
    [SERVICE_STARTED] = "service_started",
    [SERVICE_HEALTHY] = "service_healthy",
    [SERVICE_COMPLETED_SUCCESSFULLY] = "service_completed_successfully",
};
const char *const watch_action_names[WATCH_ACTION_MAX_] = {
    [WATCH_REBUILD] = "rebuild",
    [WATCH_SYNC] = "sync",
    [WATCH_RESTART] = "restart",
    [WATCH_SYNC_RESTART] = "sync+restart",
    [WATCH_SYNC_EXEC] = "sync+exec",
};
const char *const mount_type_names[MOUNT_TYPE_MAX_] = {
    [MOUNT_BIND] = "bind",
    [MOUNT_VOLUME] = "volume",
    [MOUNT_TMPFS] = "tmpfs",
    [MOUNT_CLUSTER] = "cluster",
    [MOUNT_NPIPE] = "npipe",
    [MOUNT_IMAGE] = "image",
};

struct service *project_find_service(const struct project *project, const char *name)
{
    struct service *service = strmap_get(&project->service_index, name);

    return service && service->enabled ? service : NULL;
}

struct service *project_find_disabled_service(const struct project *project, const char *name)
{
    struct service *service = strmap_get(&project->service_index, name);

    return service && !service->enabled ? service : NULL;
}

struct project_network *project_find_network(const struct project *project, const char *key)
{
    return strmap_get(&project->network_index, key);
}

struct project_volume *project_find_volume(const struct project *project, const char *key)
{
    return strmap_get(&project->volume_index, key);
}

struct file_object *project_find_secret(const struct project *project, const char *key)
{
    return strmap_get(&project->secret_index, key);
}

struct file_object *project_find_config(const struct project *project, const char *key)
{
    return strmap_get(&project->config_index, key);
}

const char *project_nearest_service(const struct project *project, const char *name)
{
    auto_free const char **names = mem_realloc_array(
            NULL, project->services.len + 1, sizeof(*names));
    size_t len = 0;

    ARRAY_FOREACH(&project->services, service)
        names[len++] = service->name;
    return str_nearest(name, names, len);
}

unsigned service_replicas(const struct service *service)
{
    int64_t count = 1;

    if (service->scale.set)
        count = service->scale.value;
    else if (service->deploy.replicas.set)
        count = service->deploy.replicas.value;
    return count < 0 ? 0 : count > UINT32_MAX ? UINT32_MAX : (unsigned)count;
}

const char *service_image_name(
        struct arena *arena, const struct project *project, const struct service *service)
{
    if (service->image)
        return service->image;
    return arena_printf(
            arena, "%s%c%s", project->name, project->compatibility ? '_' : '-', service->name);
}

#define NANO_PER_CPU 1e9

struct service_limits service_limits(const struct service *service)
{
    const struct resource *limits = &service->deploy.resources.limits;
    double cpus = limits->cpus.set    ? limits->cpus.value
                  : service->cpus.set ? service->cpus.value
                                      : 0;

    return (struct service_limits){
        .memory_bytes = limits->memory.set       ? limits->memory.bytes
                        : service->mem_limit.set ? service->mem_limit.bytes
                                                 : 0,
        .nano_cpus = (int64_t)(cpus * NANO_PER_CPU + 0.5),
        .pids = limits->pids.set          ? limits->pids.value
                : service->pids_limit.set ? service->pids_limit.value
                                          : 0,
    };
}

/* --------------------------------------------------------------------- places and hashes */

/* Cuts "a.b[0].c" into steps. False at the end. */
static bool next_step(const char **path, struct str *ret_key, size_t *ret_index, bool *ret_is_index)
{
    const char *p = *path;

    if (*p == '.')
        p++;
    if (!*p)
        return false;
    *ret_is_index = *p == '[';
    if (*ret_is_index) {
        size_t index = 0;

        for (p++; *p >= '0' && *p <= '9'; p++)
            index = index * 10 + (size_t)(*p - '0');
        *ret_index = index;
        *path = *p == ']' ? p + 1 : p;
        return true;
    }
    size_t len = strcspn(p, ".[");

    *ret_key = (struct str){ p, len };
    *path = p + len;
    return true;
}

/* The entry whose key is the longest match at the start of `path`: keys of maps may hold dots. */
static const struct node_entry *match_entry(
        const struct node *map, const char **path, struct str key)
{
    const struct node_entry *best = NULL;
    size_t best_len = 0;

    NODE_FOREACH(map, entry) {
        size_t len = strlen(entry->key);

        if (len >= key.len && len > best_len && strncmp(key.data, entry->key, len) == 0 &&
                (key.data[len] == '\0' || key.data[len] == '.' || key.data[len] == '[')) {
            best = entry;
            best_len = len;
        }
    }
    if (best)
        *path = key.data + best_len;
    return best;
}

/* The field, or NULL; *ret_at is the place of what was found on the way to it. */
static const struct node *walk_to_field(
        const struct service *service, const char *path, struct source *ret_at)
{
    const struct node *node = service->model;
    size_t index = 0;
    bool is_index;
    struct str key;

    *ret_at = service->at;
    while (next_step(&path, &key, &index, &is_index)) {
        const struct source *found = NULL;
        const struct node *child = NULL;

        if (is_index && node->kind == NODE_LIST && index < node->len) {
            child = node->items[index];
            found = &child->at;
        } else if (!is_index && node->kind == NODE_MAP) {
            const struct node_entry *entry = match_entry(node, &path, key);

            child = entry ? entry->value : NULL;
            found = entry ? &entry->key_at : NULL;
        }
        if (!child)
            return NULL;
        if (found->file && found->line)
            *ret_at = *found;
        node = child;
    }
    return node;
}

bool service_field_source(const struct service *service, const char *path, struct source *ret)
{
    return walk_to_field(service, path, ret) != NULL;
}

const struct node *service_field_node(const struct service *service, const char *path)
{
    struct source at;

    return walk_to_field(service, path, &at);
}

/* ------------------------------------------------------------------------------ support */

struct support {
    struct diag *diag;
    struct strbuf path;
    size_t count;
};

static void refuse_support(struct support *support, const struct source *at, const char *value)
{
    if (value)
        diag_add(support->diag, DIAG_ERROR, "not-supported", at, "%s: \"%s\" is not supported yet",
                support->path.data, value);
    else
        diag_add(support->diag, DIAG_ERROR, "not-supported", at, "%s: not supported yet",
                support->path.data);
    support->count++;
}

static void check_value(struct support *support, const struct attr *attr, const struct node *node,
        const struct source *at);

static void check_struct(
        struct support *support, const struct attr_table *table, const struct node *map)
{
    NODE_FOREACH(map, entry) {
        const struct attr *attr = schema_find(table, entry->key);
        size_t mark = support->path.len;

        if (!attr)
            continue;
        strbuf_addf(&support->path, ".%s", entry->key);
        check_value(support, attr, entry->value, &entry->key_at);
        strbuf_truncate(&support->path, mark);
    }
}

static void check_value(struct support *support, const struct attr *attr, const struct node *node,
        const struct source *at)
{
    const struct attr *items = attr->items;
    size_t mark = support->path.len;

    if (attr->engine == SUPPORT_ELSEWHERE || (node->flags & NODE_IMPLIED))
        return;
    if (attr->engine == SUPPORT_REFUSED) {
        refuse_support(support, at, NULL);
        return;
    }
    if (attr->engine == SUPPORT_FOREIGN) {
        diag_add(support->diag, DIAG_NOTE, NULL, at,
                "%s: has no effect outside of Swarm and Windows", support->path.data);
        return;
    }
    if (attr->unsupported && attr->unsupported(node))
        refuse_support(support, at, node->kind == NODE_TEXT ? node->text : NULL);
    if (attr->type->shape == SHAPE_STRUCT && node->kind == NODE_MAP)
        check_struct(support, attr->table, node);
    if (!items || !items->table)
        return;
    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++) {
        strbuf_addf(&support->path, "[%u]", i);
        if (node->items[i]->kind == NODE_MAP)
            check_struct(support, items->table, node->items[i]);
        strbuf_truncate(&support->path, mark);
    }
    NODE_FOREACH(node, entry) {
        strbuf_addf(&support->path, ".%s", entry->key);
        if (entry->value->kind == NODE_MAP)
            check_struct(support, items->table, entry->value);
        strbuf_truncate(&support->path, mark);
    }
}

#define CHECK_RESOURCES(support, list, kind, table)                     \
    do {                                                                \
        ARRAY_FOREACH(list, item_) {                                    \
            if (!item_->used)                                           \
                continue;                                               \
            strbuf_reset(&(support)->path);                             \
            strbuf_addf(&(support)->path, "%s.%s", (kind), item_->key); \
            check_struct((support), (table), item_->model);             \
        }                                                               \
    } while (0)

size_t project_check_supported(const struct project *project, struct diag *diag)
{
    struct support support = { .diag = diag, .path = STRBUF_INIT(SCHEMA_PATH_MAX) };

    ARRAY_FOREACH(&project->services, service) {
        strbuf_reset(&support.path);
        strbuf_addf(&support.path, "services.%s", service->name);
        check_struct(&support, &service_table, service->model);
    }
    CHECK_RESOURCES(&support, &project->networks, "networks", &network_table);
    CHECK_RESOURCES(&support, &project->volumes, "volumes", &volume_table);
    CHECK_RESOURCES(&support, &project->secrets, "secrets", &secret_table);
    CHECK_RESOURCES(&support, &project->configs, "configs", &config_table);
    strbuf_release(&support.path);
    return support.count;
}
