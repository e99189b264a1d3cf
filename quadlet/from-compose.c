#include "quadlet/from-compose.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "compose/graph.h"
#include "compose/project.h"
#include "quadlet/from-command.h"
#include "quadlet/from-compose-internal.h"
#include "quadlet/project-lines.h"
#include "quadlet/quadlet.h"
#include "units/name.h"
#include "units/quote.h"

#define NETWORK_MAX_BYTES 8192

const char *from_compose_name(
        const struct from_compose *f, const char *key, unsigned number, const char *extension)
{
    const char *project = unit_name_escape(f->arena, f->project->name);
    const char *name = unit_name_escape(f->arena, key);

    return number ? arena_printf(f->arena, "%s-%s-%u%s", project, name, number, extension)
                  : arena_printf(f->arena, "%s-%s%s", project, name, extension);
}

const char *from_compose_container_name(
        const struct from_compose *f, const struct service *service, unsigned number)
{
    return service->container_name
                   ? service->container_name
                   : arena_printf(f->arena, "%s-%s-%u", f->project->name, service->name, number);
}

void from_compose_option(const struct from_compose *f, struct quadlet *quadlet, const char *option,
        const char *value)
{
    quadlet_add_option(quadlet, option, value, f->diag);
}

/* Of one container among the service's: its document, or its unit. */
static const char *document_name(const struct from_compose *f, const struct service *service,
        unsigned number, const char *extension)
{
    return from_compose_name(
            f, service->name, service_replicas(service) > 1 ? number : 0, extension);
}

/* ---- Networks of a container ---- */

static void add_pair_option(struct strbuf *out, const char *key, const char *value)
{
    if (!string_is_empty(value))
        strbuf_addf(out, "%s%s=%s", strbuf_str(out).len ? "," : "", key, value);
}

static const char *network_options(const struct from_compose *f, const struct service *service,
        const struct service_network *use)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(NETWORK_MAX_BYTES);

    add_pair_option(&out, "alias", service->name);
    ARRAY_FOREACH(&use->aliases, alias)
        add_pair_option(&out, "alias", *alias);
    add_pair_option(&out, "ip", use->ipv4_address);
    add_pair_option(&out, "ip6", use->ipv6_address);
    add_pair_option(&out, "mac", use->mac_address);
    add_pair_option(&out, "interface_name", use->interface_name);
    ARRAY_FOREACH(&use->driver_opts, option)
        add_pair_option(&out, option->key, option->value);
    return arena_strndup(f->arena, out.data ? out.data : "", out.len);
}

static void add_networks(
        const struct from_compose *f, struct quadlet *quadlet, const struct service *service)
{
    const char *mode = service->network_mode;
    const char *name = mode ? graph_service_of_mode(mode) : NULL;
    const struct service *other = name ? project_find_service(f->project, name) : NULL;

    if (other)
        mode = arena_printf(f->arena, "container:%s", from_compose_container_name(f, other, 1));
    if (!string_is_empty(mode)) {
        quadlet_add(quadlet, "Network", strcmp(mode, "default") == 0 ? "bridge" : mode);
        return;
    }
    ARRAY_FOREACH(&service->networks, use) {
        const struct project_network *network = project_find_network(f->project, use->network);
        const char *reference = !network ? use->network
                                : network->external == OPTION_TRUE
                                        ? network->name
                                        : from_compose_name(f, network->key, 0, ".network");

        quadlet_add(quadlet, "Network",
                arena_printf(f->arena, "%s:%s", reference, network_options(f, service, use)));
    }
}

/* ---- Dependencies ---- */

/* Edges to one service are one dependency: it may be named in depends_on and share its network. */
struct needed_service {
    const struct service *service;
    bool required, part_of;
};

static void add_dependency(
        const struct from_compose *f, struct quadlet *quadlet, const struct needed_service *needed)
{
    for (unsigned n = 1; n <= service_replicas(needed->service); n++) {
        const char *other = document_name(f, needed->service, n, ".service");

        unitfile_add(&quadlet->unit, "Unit", needed->required ? "Requires" : "Wants", other);
        unitfile_add(&quadlet->unit, "Unit", "After", other);
        if (needed->part_of)
            unitfile_add(&quadlet->unit, "Unit", "PartOf", other);
    }
}

static void add_dependencies(
        const struct from_compose *f, struct quadlet *quadlet, const struct graph_node *node)
{
    struct strmap found;

    strmap_init_arena(&found, f->arena);
    ARRAY_FOREACH(&node->needs, it) {
        const struct graph_edge *edge = *it;
        struct needed_service *needed;

        if (edge->to->kind != GRAPH_SERVICE)
            continue;
        needed = strmap_get(&found, edge->to->name);
        if (!needed) {
            needed = ARENA_NEW(f->arena, struct needed_service);
            needed->service = edge->to->service;
            (void)strmap_set(&found, edge->to->name, needed);
        }
        needed->required |= edge->required;
        needed->part_of |= edge->restart || edge->via == GRAPH_NETWORK_OF ||
                           edge->via == GRAPH_IPC_OF || edge->via == GRAPH_PID_OF;
    }
    STRMAP_FOREACH(&found, entry)
        add_dependency(f, quadlet, entry->value);
}

/* ---- Containers ---- */

static void add_labels(const struct from_compose *f, struct quadlet *quadlet,
        const struct service *service, unsigned number)
{
    quadlet_add_pair(quadlet, "Label", "com.docker.compose.project", f->project->name);
    quadlet_add_pair(quadlet, "Label", "com.docker.compose.service", service->name);
    quadlet_add_pair(quadlet, "Label", "com.docker.compose.container-number",
            arena_printf(f->arena, "%u", number));
}

static void add_service_section(
        struct from_compose *f, struct quadlet *quadlet, const struct graph_node *node)
{
    const struct service *service = node->service;
    bool is_job = project_is_job(node);

    if (is_job)
        unitfile_add(&quadlet->unit, "Service", "Type", "oneshot");
    if (is_job && !project_schedule_of(service))
        unitfile_add(&quadlet->unit, "Service", "RemainAfterExit", "yes");
    project_add_restart(f->arena, service, is_job, &quadlet->unit);
    project_add_timeouts(f->arena, service, is_job, &quadlet->unit);
    if (project_add_x_systemd(f->arena, service->model, &quadlet->unit, f->diag) < 0)
        f->failed = true;
    if (!project_schedule_of(service) && project_service_is_active(service, f->options->profiles))
        unitfile_add(&quadlet->unit, "Install", "WantedBy",
                f->options->is_user ? "default.target" : "multi-user.target");
}

static void add_container(
        struct from_compose *f, const struct graph_node *node, unsigned number, const char *image)
{
    const struct service *service = node->service;
    struct quadlet *quadlet = quadlet_new(
            f->set, document_name(f, service, number, ".container"), f->project->working_dir);

    unitfile_add(&quadlet->unit, "Unit", "Description",
            quote_literal(f->arena,
                    arena_printf(f->arena, "%s of project %s", service->name, f->project->name),
                    false));
    add_dependencies(f, quadlet, node);
    quadlet_add(quadlet, "Image", image);
    quadlet_add(quadlet, "ContainerName", from_compose_container_name(f, service, number));
    add_networks(f, quadlet, service);
    from_compose_add_container(f, quadlet, service);
    from_compose_add_mounts(f, quadlet, service);
    add_labels(f, quadlet, service, number);
    if (project_is_waited_for_healthy(node))
        quadlet_add(quadlet, "Notify", "healthy");
    add_service_section(f, quadlet, node);
}

int quadlet_from_compose(struct quadlet_set *set, const struct project *project,
        const struct graph *graph, const struct from_compose_options *options, struct diag *diag)
{
    struct from_compose f = { set, set->arena, project, graph, options, diag, false };

    from_compose_add_networks(&f);
    from_compose_add_volumes(&f);
    ARRAY_FOREACH(&graph->nodes, it) {
        const struct graph_node *node = *it;

        if (node->kind != GRAPH_SERVICE || service_replicas(node->service) == 0)
            continue;
        const char *image = from_compose_add_image(&f, node->service);
        for (unsigned number = 1; number <= service_replicas(node->service); number++)
            add_container(&f, node, number, image);
    }
    return f.failed ? -EINVAL : 0;
}
