/* What is wrong between the parts of a project: names that lead nowhere, attributes that contradict each
 * other, circles. Looks at enabled services only, as what is not enabled may be incomplete. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "compose/document.h"
#include "compose/load-internal.h"
#include "compose/project.h"
#include "compose/schema-types.h"

struct checker {
    const struct project *project;
    struct diag *diag;
};

static struct diag_entry *complain(const struct checker *checker, const struct service *service,
        const char *field, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same at the place of a value: that of the field itself, or of `part` in it ("source"). */
static struct diag_entry *complain_of_value(const struct checker *checker,
        const struct service *service, const char *field, const char *part, const char *format, ...)
        __attribute__((format(printf, 5, 6)));

static struct diag_entry *add_finding(const struct checker *checker, const struct source *at,
        const struct service *service, const char *field, const char *message)
{
    return diag_add(checker->diag, DIAG_ERROR, "consistency", at, "services.%s%s%s: %s",
            service->name, *field ? "." : "", field, message);
}

static struct diag_entry *complain(const struct checker *checker, const struct service *service,
        const char *field, const char *format, ...)
{
    struct source at = service->at;
    va_list args;

    if (*field)
        (void)service_field_source(service, field, &at);
    va_start(args, format);
    const char *message = arena_vprintf(checker->project->arena, format, args);
    va_end(args);
    return add_finding(checker, &at, service, field, message);
}

/* At the value of the field, or of a part of it where there is one. */
static struct diag_entry *complain_of_value(const struct checker *checker,
        const struct service *service, const char *field, const char *part, const char *format, ...)
{
    const struct node *value = service_field_node(
            service, *part ? arena_printf(checker->project->arena, "%s.%s", field, part) : field);
    struct source at = service->at;
    va_list args;

    (void)service_field_source(service, field, &at);
    if (value && value->at.file)
        at = value->at;
    va_start(args, format);
    const char *message = arena_vprintf(checker->project->arena, format, args);
    va_end(args);
    return add_finding(checker, &at, service, field, message);
}

/* In place of "consistency". */
static void name_finding(struct diag_entry *entry, const char *id)
{
    if (entry)
        entry->id = id;
}

static const char *nearest_key(const struct strmap *index, const char *name)
{
    auto_free const char **keys = mem_realloc_array(NULL, index->len + 1, sizeof(*keys));

    for (size_t i = 0; i < index->len; i++)
        keys[i] = index->entries[i].key;
    return str_nearest(name, keys, index->len);
}

/* True when there was something to suggest. */
static bool suggest(const struct checker *checker, struct diag_entry *entry,
        const struct strmap *index, const char *name)
{
    const char *nearest = diag_may_search(checker->diag, entry, index->len)
                                  ? nearest_key(index, name)
                                  : NULL;

    if (nearest)
        diag_hint(checker->diag, entry, "did you mean \"%s\"?", nearest);
    return nearest != NULL;
}

static const char *field_of(const struct checker *checker, const char *list, size_t index)
{
    return arena_printf(checker->project->arena, "%s[%zu]", list, index);
}

/* --------------------------------------------------------------------------- references */

static const char *join(struct arena *arena, const struct strings *list)
{
    const char *text = "";

    ARRAY_FOREACH(list, item)
        text = arena_printf(arena, "%s%s\"%s\"", text, *text ? ", " : "", *item);
    return text;
}

static bool is_at(const struct node *node, const struct source *at)
{
    return node && string_is_equal(node->at.file, at->file) && node->at.line == at->line &&
           node->at.column == at->column;
}

/* The attribute that says that the service needs the other one; NULL: none does. */
static const char *dependency_field(const struct checker *checker, const struct service *service,
        const struct dependency *dependency)
{
    static const char *const texts[] = { "network_mode", "ipc", "pid", "uts", "cgroup" };
    static const char *const lists[] = { "links", "volumes_from" };
    const struct node *node = node_get(node_get(service->model, "depends_on"), dependency->service);

    if (!node || !(node->flags & NODE_IMPLIED))
        return "depends_on";
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (is_at(node_get(service->model, texts[i]), &dependency->at))
            return texts[i];
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        const struct node *list = node_get(service->model, lists[i]);

        for (uint32_t j = 0; list && list->kind == NODE_LIST && j < list->len; j++)
            if (is_at(list->items[j], &dependency->at))
                return field_of(checker, lists[i], j);
    }
    return NULL;
}

static void check_dependency(const struct checker *checker, const struct service *service,
        const struct dependency *dependency)
{
    const struct project *project = checker->project;
    const struct service *other = project_find_disabled_service(project, dependency->service);
    const char *field = dependency_field(checker, service, dependency);
    struct diag_entry *entry;

    if (project_find_service(project, dependency->service) ||
            (other && dependency->required == OPTION_FALSE))
        return;
    if (other) {
        entry = diag_add(checker->diag, DIAG_ERROR, "disabled-dependency", &dependency->at,
                "services.%s%s%s: service \"%s\" is not enabled: none of its profiles is active",
                service->name, field ? "." : "", field ? field : "", dependency->service);
        if (other->profiles.len)
            diag_hint(checker->diag, entry, "its profiles: %s; or say \"required: false\"",
                    join(project->arena, &other->profiles));
        return;
    }
    /* What need not be there may also be missing: so what `config` prints can be read again. */
    entry = diag_add(checker->diag,
            dependency->required == OPTION_FALSE ? DIAG_WARNING : DIAG_ERROR, "no-service",
            &dependency->at, "services.%s%s%s: no service \"%s\"", service->name, field ? "." : "",
            field ? field : "", dependency->service);
    suggest(checker, entry, &project->service_index, dependency->service);
}

static void check_networks(const struct checker *checker, const struct service *service)
{
    const struct node *networks = node_get(service->model, "networks");

    if (service->network_mode && service->networks.len && networks &&
            !(networks->flags & NODE_IMPLIED))
        complain(checker, service, "network_mode",
                "\"network_mode\" and \"networks\" exclude each other");
    ARRAY_FOREACH(&service->networks, member) {
        struct diag_entry *entry;

        if (project_find_network(checker->project, member->network))
            continue;
        entry = diag_add(checker->diag, DIAG_ERROR, "no-network", &member->at,
                "services.%s.networks: no network \"%s\"", service->name, member->network);
        suggest(checker, entry, &checker->project->network_index, member->network);
    }
}

static void check_volumes(const struct checker *checker, const struct service *service)
{
    for (size_t i = 0; i < service->volumes.len; i++) {
        const struct service_volume *mount = &service->volumes.items[i];
        struct diag_entry *entry;

        if (mount->type != MOUNT_VOLUME || !mount->source || !*mount->source ||
                project_find_volume(checker->project, mount->source))
            continue;
        entry = complain_of_value(checker, service, field_of(checker, "volumes", i), "source",
                "no volume \"%s\"", mount->source);
        name_finding(entry, "no-volume");
        if (!suggest(checker, entry, &checker->project->volume_index, mount->source))
            diag_hint(checker->diag, entry,
                    "declare it under the top-level \"volumes\", or write \"./%s\" for a folder",
                    mount->source);
    }
}

/* Secrets or configs that are named in one place. */
struct named_files {
    const char *field, *kind, *finding;
    const struct file_references *references;
    const struct strmap *index; /* of those that there are */
};

static void check_references(const struct checker *checker, const struct service *service,
        const struct named_files *named)
{
    for (size_t i = 0; i < named->references->len; i++) {
        const char *source = named->references->items[i].source;
        struct diag_entry *entry;

        if (!source)
            source = "";
        if (strmap_has(named->index, source))
            continue;
        entry = complain_of_value(checker, service, field_of(checker, named->field, i), "source",
                "no %s \"%s\"", named->kind, source);
        name_finding(entry, named->finding);
        suggest(checker, entry, named->index, source);
    }
}

static void check_files(const struct checker *checker, const struct service *service)
{
    const struct strmap *secrets = &checker->project->secret_index;
    const struct strmap *configs = &checker->project->config_index;
    const struct named_files named[] = {
        { "secrets", "secret", "no-secret", &service->secrets, secrets },
        { "build.secrets", "secret", "no-secret", &service->build.secrets, secrets },
        { "configs", "config", "no-config", &service->configs, configs },
    };

    for (size_t i = 0; i < ARRAY_LEN(named); i++)
        check_references(checker, service, &named[i]);
}

static void check_models(const struct checker *checker, const struct service *service)
{
    struct strmap names;

    if (!service->models.len)
        return;
    strmap_init_arena(&names, checker->project->arena);
    ARRAY_FOREACH(&checker->project->models, model)
        (void)strmap_set(&names, model->key, model);
    ARRAY_FOREACH(&service->models, use) {
        bool found = strmap_has(&names, use->model);

        if (found)
            continue;
        struct diag_entry *entry = diag_add(checker->diag, DIAG_ERROR, "no-model", &use->at,
                "services.%s.models: no model \"%s\"", service->name, use->model);

        suggest(checker, entry, &names, use->model);
    }
}

/* -------------------------------------------------------------------------------- build */

static void check_contexts(const struct checker *checker, const struct service *service)
{
    static const char prefix[] = "service:";

    ARRAY_FOREACH(&service->build.additional_contexts, context) {
        const char *name;
        const struct service *other;

        if (!context->value || !string_has_prefix(context->value, prefix))
            continue;
        name = context->value + strlen(prefix);
        other = strmap_get(&checker->project->service_index, name);
        if (!other)
            (void)suggest(checker,
                    diag_add(checker->diag, DIAG_ERROR, "no-service", &context->at,
                            "services.%s.build.additional_contexts.%s: no service \"%s\"",
                            service->name, context->key, name),
                    &checker->project->service_index, name);
        else if (!other->build.given)
            diag_add(checker->diag, DIAG_ERROR, "no-build", &context->at,
                    "services.%s.build.additional_contexts.%s: service \"%s\" is not built",
                    service->name, context->key, name);
    }
}

static void check_build(const struct checker *checker, const struct service *service)
{
    bool found = false;

    if (!service->build.given && string_is_empty(service->image) && !service->provider.given &&
            !(service->model->flags & NODE_BAD))
        complain(checker, service, "", "has neither an \"image\" nor a \"build\"");
    if (!service->build.given)
        return;
    check_contexts(checker, service);
    ARRAY_FOREACH(&service->build.platforms, platform)
        found = found || string_is_equal(*platform, service->platform);
    if (service->platform && service->build.platforms.len && !found)
        complain(checker, service, "build.platforms", "must hold the service's platform \"%s\"",
                service->platform);
}

/* ------------------------------------------------------------------------ contradictions */

static void check_pairs_of_limits(const struct checker *checker, const struct service *service)
{
    const struct resource *limits = &service->deploy.resources.limits;
    const struct resource *reservations = &service->deploy.resources.reservations;
    static const char text[] = "differs from \"deploy.%s\"";

    if (limits->given && service->cpus.set && service->cpus.value != 0 &&
            (float)limits->cpus.value != (float)service->cpus.value)
        complain(checker, service, "cpus", text, "resources.limits.cpus");
    if (limits->given && service->mem_limit.set && service->mem_limit.bytes != 0 &&
            limits->memory.bytes != service->mem_limit.bytes)
        complain(checker, service, "mem_limit", text, "resources.limits.memory");
    if (reservations->given && service->mem_reservation.set &&
            service->mem_reservation.bytes != 0 &&
            reservations->memory.bytes != service->mem_reservation.bytes)
        complain(checker, service, "mem_reservation", text, "resources.reservations.memory");
    if (limits->given && service->pids_limit.set && service->pids_limit.value != 0 &&
            limits->pids.value != service->pids_limit.value)
        complain(checker, service, "pids_limit", text, "resources.limits.pids");
}

static void check_scale(const struct checker *checker, const struct service *service)
{
    const struct option_int *replicas = &service->deploy.replicas;

    if (service->scale.set && replicas->set && service->scale.value != replicas->value)
        complain(checker, service, "scale", "differs from \"deploy.replicas\"");
    if (service->scale.set && service->scale.value < 0)
        complain(checker, service, "scale", "expected at least 0, got %lld",
                (long long)service->scale.value);
    if (replicas->set && replicas->value < 0)
        complain(checker, service, "deploy.replicas", "expected at least 0, got %lld",
                (long long)replicas->value);
    if (service->container_name && service_replicas(service) > 1)
        complain(checker, service, "container_name",
                "only one container can have the name \"%s\"; remove it or the %s",
                service->container_name, service->scale.set ? "scale" : "replicas");
}

static void check_healthcheck(const struct checker *checker, const struct service *service)
{
    const struct argv *test = &service->healthcheck.test;

    if (test->len && strcmp(test->items[0], "CMD") != 0 &&
            strcmp(test->items[0], "CMD-SHELL") != 0 && strcmp(test->items[0], "NONE") != 0) {
        struct diag_entry *entry = complain_of_value(checker, service, "healthcheck.test", "[0]",
                "must start with \"CMD\", \"CMD-SHELL\" or \"NONE\", not \"%s\"", test->items[0]);

        diag_hint(checker->diag, entry,
                "put \"CMD\" in front of a program; one plain text is run by a shell");
    }
}

static void check_watch(const struct checker *checker, const struct service *service)
{
    for (size_t i = 0; i < service->develop.watch.len; i++) {
        const struct watch_rule *rule = &service->develop.watch.items[i];
        const char *field = field_of(checker, "develop.watch", i);

        if (rule->path && !*rule->path)
            complain(checker, service, field, "\"path\" must not be empty");
        if (!rule->target && rule->action != WATCH_REBUILD && rule->action != WATCH_RESTART &&
                !(service->model->flags & NODE_BAD))
            complain(checker, service, field, "this action needs a \"target\"");
    }
}

static void check_targets(const struct checker *checker, const struct service *service)
{
    struct strmap targets;

    strmap_init_arena(&targets, checker->project->arena);
    for (size_t i = 0; i < service->tmpfs.len; i++) {
        const char *text = service->tmpfs.items[i], *colon = strchr(text, ':');
        const char *target = arena_strndup(
                checker->project->arena, text, colon ? (size_t)(colon - text) : strlen(text));

        if (strmap_has(&targets, target))
            complain(checker, service, field_of(checker, "tmpfs", i), "\"%s\" is mounted twice",
                    target);
        (void)strmap_set(&targets, target, NULL);
    }
    for (size_t i = 0; i < service->volumes.len; i++) {
        const char *target = service->volumes.items[i].target;

        if (!target)
            continue;
        if (strmap_has(&targets, target))
            complain(checker, service, field_of(checker, "volumes", i), "\"%s\" is mounted twice",
                    target);
        (void)strmap_set(&targets, target, NULL);
    }
}

static void check_addresses(const struct checker *checker, const struct service *service)
{
    for (size_t i = 0; i < service->ports.len; i++) {
        const struct service_port *port = &service->ports.items[i];

        if (port->host_ip && *port->host_ip && !address_is_valid(port->host_ip))
            complain_of_value(checker, service, field_of(checker, "ports", i), "host_ip",
                    "invalid IP address \"%s\"", port->host_ip);
    }
}

#define EVERY "every_"

/* One of the words, or "every_" with a number and a unit. Docker Compose asks only that one of them is
 * somewhere in the value. */
static bool holds_interval(const char *text)
{
    const char *every = strstr(text, EVERY);

    if (!every)
        return false;
    every += strlen(EVERY);
    size_t digits = strspn(every, "0123456789");

    return digits > 0 && every[digits] && strchr("wdhms", every[digits]);
}

static void check_pull_policy(const struct checker *checker, const struct service *service)
{
    static const char *const words[] = { "always", "never", "build", "if_not_present", "missing",
        "refresh", "daily", "weekly" };
    struct diag_entry *entry;
    const char *nearest;

    if (!service->pull_policy || holds_interval(service->pull_policy))
        return;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strstr(service->pull_policy, words[i]))
            return;
    entry = complain_of_value(
            checker, service, "pull_policy", "", "no such policy: \"%s\"", service->pull_policy);
    nearest = str_nearest(service->pull_policy, words, ARRAY_LEN(words));
    if (nearest)
        diag_hint(checker->diag, entry, "did you mean \"%s\"?", nearest);
}

static void check_container_name(const struct checker *checker, const struct service *service)
{
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    const char *name = service->container_name;

    if (!name)
        return;
    if (strlen(name) < 2 || !strchr(first, name[0]) ||
            strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") !=
                    strlen(name))
        complain_of_value(checker, service, "container_name", "",
                "\"%s\" is no valid name: a letter or digit, then letters, digits, \"_\", \".\" and "
                "\"-\"",
                name);
}

/* ------------------------------------------------------------------------ over services */

static void check_container_names(const struct checker *checker)
{
    struct strmap names;

    strmap_init_arena(&names, checker->project->arena);
    ARRAY_FOREACH(&checker->project->services, service) {
        const struct service *other;

        if (!service->container_name)
            continue;
        other = strmap_get(&names, service->container_name);
        if (other) {
            struct source at = other->at;
            struct diag_entry *entry = complain(checker, service, "container_name",
                    "the name \"%s\" is already that of service \"%s\"", service->container_name,
                    other->name);

            (void)service_field_source(other, "container_name", &at);
            diag_hint(checker->diag, entry, "see %s:%u:%u", at.file, at.line, at.column);
        }
        (void)strmap_set(&names, service->container_name, service);
    }
}

enum visit { VISIT_NEW, VISIT_OPEN, VISIT_DONE };

struct visit_frame {
    size_t service;    /* position in project->services */
    size_t dependency; /* the next one to look at */
};
struct visit_stack {
    struct visit_frame *items;
    size_t len, cap;
};

static void report_cycle(
        const struct checker *checker, const struct visit_stack *stack, size_t start)
{
    const struct services *services = &checker->project->services;
    const struct visit_frame *top = &stack->items[stack->len - 1];
    const struct dependency *last =
            &services->items[top->service].depends_on.items[top->dependency - 1];
    const char *path = "";
    size_t i = 0;

    while (i < stack->len && stack->items[i].service != start)
        i++;
    for (; i < stack->len; i++)
        path = arena_printf(checker->project->arena, "%s%s -> ", path,
                services->items[stack->items[i].service].name);
    diag_add(checker->diag, DIAG_ERROR, "dependency-cycle", &last->at,
            "services depend on each other in a circle: %s%s", path, services->items[start].name);
}

/* Depth first with a stack of its own: chains may be as long as there are services. */
static void visit_from(const struct checker *checker, size_t root, enum visit *visits)
{
    const struct services *services = &checker->project->services;
    struct visit_stack stack = { 0 };

    *ARRAY_APPEND(&stack) = (struct visit_frame){ .service = root };
    visits[root] = VISIT_OPEN;
    while (stack.len) {
        struct visit_frame *frame = &stack.items[stack.len - 1];
        const struct dependencies *list = &services->items[frame->service].depends_on;

        if (frame->dependency == list->len) {
            visits[frame->service] = VISIT_DONE;
            stack.len--;
            continue;
        }
        const struct service *next = project_find_service(
                checker->project, list->items[frame->dependency++].service);

        if (!next)
            continue;
        size_t position = (size_t)(next - services->items);

        if (visits[position] == VISIT_OPEN) {
            report_cycle(checker, &stack, position);
        } else if (visits[position] == VISIT_NEW) {
            visits[position] = VISIT_OPEN;
            *ARRAY_APPEND(&stack) = (struct visit_frame){ .service = position };
        }
    }
    ARRAY_RELEASE(&stack);
}

static void check_cycles(const struct checker *checker)
{
    size_t count = checker->project->services.len;
    auto_free enum visit *visits = mem_zalloc((count + 1) * sizeof(*visits));

    for (size_t i = 0; i < count; i++)
        if (visits[i] == VISIT_NEW)
            visit_from(checker, i, visits);
}

void project_check_values(const struct project *project, struct diag *diag)
{
    const struct checker checker = { .project = project, .diag = diag };

    ARRAY_FOREACH(&project->services, service) {
        check_pull_policy(&checker, service);
        check_container_name(&checker, service);
        check_addresses(&checker, service);
    }
}

void project_check(const struct project *project, struct diag *diag)
{
    const struct checker checker = { .project = project, .diag = diag };

    project_check_values(project, diag);
    ARRAY_FOREACH(&project->services, service) {
        check_build(&checker, service);
        check_networks(&checker, service);
        check_healthcheck(&checker, service);
        ARRAY_FOREACH(&service->depends_on, dependency)
            check_dependency(&checker, service, dependency);
        check_volumes(&checker, service);
        check_files(&checker, service);
        check_models(&checker, service);
        check_pairs_of_limits(&checker, service);
        check_scale(&checker, service);
        check_watch(&checker, service);
        check_targets(&checker, service);
    }
    check_cycles(&checker);
}

void project_check_chosen(const struct project *project, struct diag *diag)
{
    const struct checker checker = { .project = project, .diag = diag };

    check_container_names(&checker);
}
