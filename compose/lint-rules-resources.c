/* Rules on images, limits, and resources that nobody uses. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "compose/lint-internal.h"

/* -------------------------------------------------------------------------------- images */

void rule_floating_image(struct lint *lint, const struct service *service)
{
    const char *image = service->image, *slash, *tag;

    if (string_is_empty(image) || service->build.given || strchr(image, '@'))
        return;
    slash = strrchr(image, '/');
    tag = strchr(slash ? slash : image, ':');
    if (tag && strcmp(tag, ":latest") != 0)
        return;
    struct diag_entry *entry = lint_add_field(lint, service, "image",
            tag ? "\"%s\" is another image tomorrow" : "\"%s\" has no tag: \"latest\" is meant",
            image);

    lint_hint(lint, entry, "name a version: then the same file gives the same project");
}

/* -------------------------------------------------------------------------------- limits */

void rule_limit_given_twice(struct lint *lint, const struct service *service)
{
    const struct resource *limits = &service->deploy.resources.limits;
    const struct resource *reservations = &service->deploy.resources.reservations;
    const struct {
        const char *field, *other;
        bool twice;
    } pairs[] = {
        { "mem_limit", "limits.memory", service->mem_limit.set && limits->memory.set },
        { "cpus", "limits.cpus", service->cpus.set && limits->cpus.set },
        { "pids_limit", "limits.pids", service->pids_limit.set && limits->pids.set },
        { "mem_reservation", "reservations.memory",
                service->mem_reservation.set && reservations->memory.set },
    };

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        if (!pairs[i].twice)
            continue;
        struct diag_entry *entry = lint_add_field(lint, service, pairs[i].field,
                "says the same as \"deploy.resources.%s\": the two have to be changed together",
                pairs[i].other);

        lint_hint(lint, entry, "keep one of them");
    }
}

void rule_swarm_only(struct lint *lint, const struct service *service)
{
    static const char *const names[] = { "labels", "update_config", "rollback_config", "placement",
        "endpoint_mode" };
    const struct node *deploy = node_get(service->model, "deploy");

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct node *value = node_get(deploy, names[i]);

        if (!value || (value->flags & NODE_IMPLIED) || (value->kind == NODE_MAP && !value->len))
            continue;
        lint_add_field(lint, service, arena_printf(lint->arena, "deploy.%s", names[i]),
                "means something to Swarm only: `up` on one machine does nothing with it");
    }
}

void rule_oom_kill_disabled(struct lint *lint, const struct service *service)
{
    if (service->oom_kill_disable != OPTION_TRUE || service->mem_limit.set ||
            service->deploy.resources.limits.memory.set)
        return;
    struct diag_entry *entry = lint_add_field(lint, service, "oom_kill_disable",
            "without a limit of memory the host kills other processes in its place");

    lint_hint(lint, entry, "set `mem_limit`, too");
}

/* ----------------------------------------------------------------------- unused resources */

/* Services whose profiles are not active use resources, too. */
static void collect_used(struct lint *lint, const struct project *project, struct strmap *used)
{
    const struct services *const lists[] = { &project->services, &project->disabled };

    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        ARRAY_FOREACH(lists[i], service) {
            ARRAY_FOREACH(&service->networks, member)
                (void)strmap_set(
                        used, arena_printf(lint->arena, "networks.%s", member->network), lint);
            ARRAY_FOREACH(&service->volumes, mount)
                if (mount->source)
                    (void)strmap_set(
                            used, arena_printf(lint->arena, "volumes.%s", mount->source), lint);
            ARRAY_FOREACH(&service->secrets, reference)
                (void)strmap_set(
                        used, arena_printf(lint->arena, "secrets.%s", reference->source), lint);
            ARRAY_FOREACH(&service->build.secrets, reference)
                (void)strmap_set(
                        used, arena_printf(lint->arena, "secrets.%s", reference->source), lint);
            ARRAY_FOREACH(&service->configs, reference)
                (void)strmap_set(
                        used, arena_printf(lint->arena, "configs.%s", reference->source), lint);
            if (service->credential_spec.config)
                (void)strmap_set(used,
                        arena_printf(lint->arena, "configs.%s", service->credential_spec.config),
                        lint);
        }
}

static void collect_words(struct lint *lint, const struct node *node, struct strmap *words)
{
    static const char letters[] =
            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

    for (const char *p = node->kind == NODE_TEXT ? node->text : ""; *p;) {
        size_t len = strspn(p, letters);

        if (len)
            (void)strmap_set(words, arena_strndup(lint->arena, p, len), lint);
        p += len ? len : 1;
    }
    for (uint32_t i = 0; node->kind == NODE_LIST && i < node->len; i++)
        collect_words(lint, node->items[i], words);
    NODE_FOREACH(node, entry) {
        (void)strmap_set(words, entry->key, lint);
        collect_words(lint, entry->value, words);
    }
}

/* Every word that the services are written with: what was refused may still have meant a resource. */
static void collect_mentioned(struct lint *lint, struct strmap *words)
{
    LINT_FOREACH_FILE(lint, file) {
        for (size_t i = 0; i < file->documents.len; i++) {
            const struct node *services = node_get(file->documents.items[i], "services");

            if (services)
                collect_words(lint, services, words);
        }
    }
}

static void report_unused(
        struct lint *lint, const struct project *project, const char *section, const char *what)
{
    const struct node *resources = node_get(project->model, section);
    struct strmap used, mentioned;

    if (!resources)
        return;
    strmap_init_arena(&used, lint->arena);
    strmap_init_arena(&mentioned, lint->arena);
    collect_used(lint, project, &used);
    if (!lint->is_whole)
        collect_mentioned(lint, &mentioned);
    lint->section = section;
    NODE_FOREACH(resources, entry) {
        const char *path = arena_printf(lint->arena, "%s.%s", section, entry->key);

        if ((entry->value->flags & NODE_IMPLIED) || strmap_has(&used, path) ||
                strmap_has(&mentioned, entry->key))
            continue;
        lint->key = entry->key;
        struct diag_entry *finding = lint_add(
                lint, &entry->key_at, "%s: no service uses this %s", path, what);

        lint_hint(lint, finding, "remove it, or name it in the service that should have it");
    }
    lint->section = lint->key = NULL;
}

void rule_unused_network(struct lint *lint, const struct project *project)
{
    report_unused(lint, project, "networks", "network");
}

void rule_unused_volume(struct lint *lint, const struct project *project)
{
    report_unused(lint, project, "volumes", "volume");
}

void rule_unused_secret(struct lint *lint, const struct project *project)
{
    report_unused(lint, project, "secrets", "secret");
}

void rule_unused_config(struct lint *lint, const struct project *project)
{
    report_unused(lint, project, "configs", "config");
}

/* What `up` would refuse. */
void rule_not_supported(struct lint *lint, const struct project *project)
{
    struct diag found = DIAG_INIT;

    (void)project_check_supported(project, &found);
    ARRAY_FOREACH(&found, entry)
        if (entry->severity == DIAG_ERROR)
            lint_add(lint, &entry->at, "%s", entry->message);
    diag_release(&found);
}
