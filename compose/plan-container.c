#include "compose/plan-up-internal.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"

#define LABEL_MAX_BYTES 65536

/* ---------------------------------------------------------------- labels */

static void add_joined(
        struct strmap *labels, struct arena *arena, const char *label, const struct strings *parts)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LABEL_MAX_BYTES);

    if (parts->len == 0)
        return;
    ARRAY_FOREACH(parts, part) {
        strbuf_addf(&text, "%s%s", text.len ? "," : "", *part);
    }
    strmap_set(labels, label, arena_strdup(arena, text.data));
}

static const char *depends_on_label(struct arena *arena, const struct service *service)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LABEL_MAX_BYTES);

    ARRAY_FOREACH(&service->depends_on, d) {
        strbuf_addf(&text, "%s%s:%s:%s", text.len ? "," : "", d->service,
                service_condition_names[d->condition],
                d->restart == OPTION_TRUE ? "true" : "false");
    }
    return arena_strdup(arena, text.data);
}

static const struct strmap *container_labels(
        struct up *up, const struct up_instance *instance, bool replaces)
{
    struct arena *arena = &up->plan->arena;
    const struct project *project = up->input->project;
    const struct service *service = instance->of->service;
    struct strmap *labels = ARENA_NEW(arena, struct strmap);

    strmap_init_arena(labels, arena);
    ARRAY_FOREACH(&service->labels, pair) {
        strmap_set(labels, pair->key, arena_strdup(arena, pair->value ? pair->value : ""));
    }
    strmap_set(labels, LABEL_PROJECT, arena_strdup(arena, project->name));
    strmap_set(labels, LABEL_SERVICE, arena_strdup(arena, service->name));
    if (!instance->oneoff) /* no one of the service's own, which are counted */
        strmap_set(labels, LABEL_NUMBER, arena_printf(arena, "%u", instance->number));
    strmap_set(labels, LABEL_ONEOFF, arena_strdup(arena, instance->oneoff ? "True" : "False"));
    strmap_set(labels, LABEL_CONFIG_HASH, arena_strdup(arena, instance->of->config_hash));
    strmap_set(labels, LABEL_DEPENDS_ON, arena_strdup(arena, depends_on_label(arena, service)));
    if (up->input->version)
        strmap_set(labels, LABEL_VERSION, arena_strdup(arena, up->input->version));
    if (project->working_dir)
        strmap_set(labels, LABEL_WORKING_DIR, arena_strdup(arena, project->working_dir));
    add_joined(labels, arena, LABEL_CONFIG_FILES, &project->file_paths);
    add_joined(labels, arena, LABEL_ENVIRONMENT_FILE, &project->env_file_paths);
    if (replaces)
        strmap_set(labels, LABEL_REPLACE, arena_strdup(arena, instance->name));
    return labels;
}

/* ------------------------------------------------------------ networks, links, namespaces */

static bool is_in_network(const struct service *service, const char *network)
{
    ARRAY_FOREACH(&service->networks, member) {
        if (strcmp(member->network, network) == 0)
            return true;
    }
    return false;
}

const char *up_first_container(struct up *up, const char *service_name)
{
    const struct graph_node *node = graph_find(up->input->graph, GRAPH_SERVICE, service_name);
    const struct up_service *service = node ? up_service_of(up, node) : NULL;

    return service && service->instances.len ? service->instances.items[0]->name : NULL;
}

/* The highest gw_priority gives the default route, which the first network has. */
static bool comes_before(const struct service_network *a, const struct service_network *b)
{
    int64_t gateway = a->gw_priority.value - b->gw_priority.value;

    return gateway ? gateway > 0 : a->priority.value > b->priority.value;
}

static void add_link(struct arena *arena, struct backend_attachment *attachment, const char *name,
        const char *alias)
{
    if (strcmp(name, alias) != 0)
        *ARRAY_APPEND_ARENA(arena, &attachment->links) = arena_printf(arena, "%s:%s", name, alias);
}

/* "db:database" is what this service alone calls db; so are "db" and, as ever with links, "db-1". */
static void add_links(
        struct up *up, const struct service *service, struct backend_attachment *attachment)
{
    struct arena *arena = &up->plan->arena;

    ARRAY_FOREACH(&service->links, link) {
        const char *colon = strchr(*link, ':');
        const char *name = colon ? arena_strndup(arena, *link, (size_t)(colon - *link)) : *link;
        const struct service *other = project_find_service(up->input->project, name);
        const char *container = up_first_container(up, name);

        if (!other || !is_in_network(other, attachment->key))
            continue;
        if (colon && colon[1])
            add_link(arena, attachment, name, colon + 1);
        if (container)
            add_link(arena, attachment, container, arena_printf(arena, "%s-1", name));
    }
    /* Of whichever network the other container is in, too. */
    ARRAY_FOREACH(&service->external_links, link) {
        const char *colon = strchr(*link, ':');

        if (colon && colon[1])
            add_link(arena, attachment, arena_strndup(arena, *link, (size_t)(colon - *link)),
                    colon + 1);
    }
}

static const struct backend_attachments *attachments(
        struct up *up, const struct up_instance *instance, bool use_aliases)
{
    struct arena *arena = &up->plan->arena;
    const struct service *service = instance->of->service;
    struct backend_attachments *list = ARENA_NEW(arena, struct backend_attachments);

    if (service->network_mode)
        return list;
    ARRAY_FOREACH(&service->networks, config) {
        const struct project_network *network = project_find_network(
                up->input->project, config->network);

        if (!network)
            continue;
        struct backend_attachment attachment = {
            .network = network->name,
            .key = network->key,
            .config = config,
        };
        *ARRAY_APPEND_ARENA(arena, &attachment.aliases) = arena_strdup(arena, instance->name);
        if (use_aliases) {
            *ARRAY_APPEND_ARENA(arena, &attachment.aliases) = arena_strdup(arena, service->name);
            ARRAY_FOREACH(&config->aliases, alias) {
                *ARRAY_APPEND_ARENA(arena, &attachment.aliases) = *alias;
            }
        }
        add_links(up, service, &attachment);
        ARRAY_APPEND_ARENA(arena, list);
        /* By falling priority, else by name, which is the order they come in. */
        size_t at = list->len - 1;
        while (at > 0 && comes_before(config, list->items[at - 1].config)) {
            list->items[at] = list->items[at - 1];
            at--;
        }
        list->items[at] = attachment;
    }
    return list;
}

/* "service:x" and "container:x" to a container's name; *ret NULL for all other modes. */
static int join_target(struct up *up, const struct service *service, const char *field,
        const char *mode, const char **ret, struct error **err)
{
    const char *other = graph_service_of_mode(mode);
    struct source at = service->at;

    *ret = other ? up_first_container(up, other) : graph_container_of_mode(mode);
    if (!other || *ret)
        return 0;
    if (service->model)
        service_field_source(service, field, &at);
    return error_set_plain(err, ENOENT, &at, "services.%s.%s: service \"%s\" has no container",
            service->name, field, other);
}

/* The containers of other projects that its links name. */
static const struct strings *external_containers(struct up *up, const struct service *service)
{
    struct arena *arena = &up->plan->arena;
    struct strings *names = ARENA_NEW(arena, struct strings);

    ARRAY_FOREACH(&service->external_links, link)
        *ARRAY_APPEND_ARENA(arena, names) = arena_strndup(arena, *link, strcspn(*link, ":"));
    return names;
}

/* "service[:mode]" or "container:name[:mode]". */
static int container_volumes_from(struct up *up, const struct service *service,
        const struct backend_volumes_froms **ret, struct error **err)
{
    struct arena *arena = &up->plan->arena;
    struct backend_volumes_froms *list = ARENA_NEW(arena, struct backend_volumes_froms);

    ARRAY_FOREACH(&service->volumes_from, text) {
        const char *container = graph_container_of_mode(*text);
        const char *name = container ? container : *text;
        const char *colon = strchr(name, ':');

        if (colon)
            name = arena_strndup(arena, name, (size_t)(colon - name));
        const char *from = container ? name : up_first_container(up, name);
        if (!from)
            return error_set_plain(err, ENOENT, &service->at,
                    "services.%s.volumes_from: service \"%s\" has no container", service->name,
                    name);
        *ARRAY_APPEND_ARENA(arena, list) = (struct backend_volumes_from){
            .container = from,
            .read_only = colon && strcmp(colon, ":ro") == 0,
        };
    }
    *ret = list;
    return 0;
}

/* ---------------------------------------------------------------------- volumes */

static bool service_mounts_at(const struct service *service, const char *target)
{
    ARRAY_FOREACH(&service->volumes, v) {
        if ((v->type != MOUNT_VOLUME || v->source) && string_is_equal(v->target, target))
            return true;
    }
    ARRAY_FOREACH(&service->tmpfs, text) {
        size_t len = strcspn(*text, ":");

        if (strlen(target) == len && strncmp(*text, target, len) == 0)
            return true;
    }
    return false;
}

/* Anonymous volumes go over to the new container, except where the service now mounts something else. */
static const struct backend_carried_volumes *carried_volumes(
        struct up *up, const struct up_instance *instance)
{
    struct arena *arena = &up->plan->arena;
    struct backend_carried_volumes *list = ARENA_NEW(arena, struct backend_carried_volumes);

    if (!instance->old || up->options->renew_anon_volumes)
        return list;
    ARRAY_FOREACH(&instance->old->mounts, mount) {
        if (mount->anonymous && !service_mounts_at(instance->of->service, mount->target))
            *ARRAY_APPEND_ARENA(arena, list) = (struct backend_carried_volume){
                .volume = mount->volume,
                .target = mount->target,
            };
    }
    return list;
}

int up_container_spec(struct up *up, struct up_instance *instance, const char *temporary,
        struct backend_container_spec **ret, struct error **err)
{
    struct arena *arena = &up->plan->arena;
    const struct service *service = instance->of->service;
    struct backend_container_spec *spec = ARENA_NEW(arena, struct backend_container_spec);
    int r;

    *spec = (struct backend_container_spec){
        .project = up->input->project,
        .service = service,
        .name = temporary ? temporary : instance->name,
        .number = instance->number,
        .oneoff = instance->oneoff,
        .image = instance->of->image,
        .model = instance->of->model,
        .labels = container_labels(up, instance, temporary != NULL),
        .networks = attachments(up, instance, !instance->no_aliases),
        .volumes = carried_volumes(up, instance),
        .external_links = external_containers(up, service),
        .replaces = temporary ? instance->old->id : NULL,
    };
    if ((r = join_target(up, service, "network_mode", service->network_mode, &spec->join_network,
                 err)) < 0 ||
            (r = join_target(up, service, "ipc", service->ipc, &spec->join_ipc, err)) < 0 ||
            (r = join_target(up, service, "pid", service->pid, &spec->join_pid, err)) < 0 ||
            (r = container_volumes_from(up, service, &spec->volumes_from, err)) < 0)
        return r;
    *ret = spec;
    return 0;
}
