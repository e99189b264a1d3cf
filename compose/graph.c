#include "compose/graph.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"

#define CYCLE_PATH_MAX_BYTES 16384

static const char *const kind_names[] = {
    [GRAPH_SERVICE] = "service",
    [GRAPH_NETWORK] = "network",
    [GRAPH_VOLUME] = "volume",
    [GRAPH_SECRET] = "secret",
    [GRAPH_CONFIG] = "config",
    [GRAPH_IMAGE] = "image",
};
_Static_assert(ARRAY_LEN(kind_names) == GRAPH_KIND_MAX_, "name every kind");

static const char *const via_names[] = {
    [GRAPH_DEPENDS_ON] = "depends_on",
    [GRAPH_LINK] = "links",
    [GRAPH_NETWORK_OF] = "network_mode",
    [GRAPH_IPC_OF] = "ipc",
    [GRAPH_PID_OF] = "pid",
    [GRAPH_VOLUMES_FROM] = "volumes_from",
    [GRAPH_USES] = "uses",
    [GRAPH_BUILD_CONTEXT] = "build.additional_contexts",
};
_Static_assert(ARRAY_LEN(via_names) == GRAPH_VIA_MAX_, "name every kind of edge");

static struct graph_node *add_node(
        struct arena *arena, struct graph *graph, enum graph_kind kind, const char *name)
{
    struct graph_node *node = strmap_get(&graph->index[kind], name);

    if (node)
        return node;
    node = ARENA_NEW(arena, struct graph_node);
    node->kind = kind;
    node->name = name;
    node->index = graph->nodes.len;
    *ARRAY_APPEND_ARENA(arena, &graph->nodes) = node;
    strmap_set(&graph->index[kind], name, node);
    return node;
}

/* An edge to what is not in the graph (a service of an inactive profile) is left out: the loader has
 * refused those that must not be missing. */
static struct graph_edge *add_edge(struct arena *arena, struct graph_node *from,
        struct graph_node *to, enum graph_via via, struct source at)
{
    if (!to)
        return NULL;
    struct graph_edge *edge = ARENA_NEW(arena, struct graph_edge);
    *edge = (struct graph_edge){
        .from = from,
        .to = to,
        .via = via,
        .required = true,
        .at = at,
    };
    *ARRAY_APPEND_ARENA(arena, &from->needs) = edge;
    *ARRAY_APPEND_ARENA(arena, &to->needed_by) = edge;
    return edge;
}

/* The service's own place when the very field has none: errors always point somewhere. */
static struct source field_source(const struct service *service, const char *path)
{
    struct source at = service->at;

    if (service->model)
        service_field_source(service, path, &at);
    return at.file ? at : service->at;
}

const char *graph_service_of_mode(const char *mode)
{
    return mode && string_has_prefix(mode, "service:") ? mode + strlen("service:") : NULL;
}

const char *graph_container_of_mode(const char *mode)
{
    return mode && string_has_prefix(mode, "container:") ? mode + strlen("container:") : NULL;
}

/* "NAME[:rest]" up to the colon; lives in `arena`. */
static const char *text_before_colon(struct arena *arena, const char *text)
{
    const char *colon = strchr(text, ':');

    return colon ? arena_strndup(arena, text, (size_t)(colon - text)) : text;
}

static void add_mode_edge(struct arena *arena, struct graph *graph, struct graph_node *node,
        const char *mode, enum graph_via via)
{
    const char *other = graph_service_of_mode(mode);

    if (other)
        add_edge(arena, node, graph_find(graph, GRAPH_SERVICE, other), via,
                field_source(node->service, via_names[via]));
}

static void add_service_edges(struct arena *arena, struct graph *graph, struct graph_node *node)
{
    const struct service *service = node->service;

    ARRAY_FOREACH(&service->depends_on, d) {
        struct graph_edge *edge = add_edge(arena, node,
                graph_find(graph, GRAPH_SERVICE, d->service), GRAPH_DEPENDS_ON,
                d->at.file ? d->at : service->at);
        if (edge) {
            edge->condition = d->condition;
            edge->restart = d->restart == OPTION_TRUE;
            edge->required = d->required != OPTION_FALSE;
        }
    }
    ARRAY_FOREACH(&service->links, link) {
        add_edge(arena, node, graph_find(graph, GRAPH_SERVICE, text_before_colon(arena, *link)),
                GRAPH_LINK, field_source(service, "links"));
    }
    add_mode_edge(arena, graph, node, service->network_mode, GRAPH_NETWORK_OF);
    add_mode_edge(arena, graph, node, service->ipc, GRAPH_IPC_OF);
    add_mode_edge(arena, graph, node, service->pid, GRAPH_PID_OF);
    ARRAY_FOREACH(&service->volumes_from, from) {
        if (!graph_container_of_mode(*from))
            add_edge(arena, node, graph_find(graph, GRAPH_SERVICE, text_before_colon(arena, *from)),
                    GRAPH_VOLUMES_FROM, field_source(service, "volumes_from"));
    }
}

static void add_resource_edges(struct arena *arena, struct graph *graph, struct graph_node *node)
{
    const struct service *service = node->service;

    ARRAY_FOREACH(&service->networks, n) {
        add_edge(arena, node, graph_find(graph, GRAPH_NETWORK, n->network), GRAPH_USES,
                n->at.file ? n->at : service->at);
    }
    ARRAY_FOREACH(&service->volumes, v) {
        if (v->type == MOUNT_VOLUME && v->source)
            add_edge(arena, node, graph_find(graph, GRAPH_VOLUME, v->source), GRAPH_USES, v->at);
    }
    ARRAY_FOREACH(&service->secrets, s) {
        add_edge(arena, node, graph_find(graph, GRAPH_SECRET, s->source), GRAPH_USES, s->at);
    }
    ARRAY_FOREACH(&service->configs, c) {
        add_edge(arena, node, graph_find(graph, GRAPH_CONFIG, c->source), GRAPH_USES, c->at);
    }

    const char *image = service_image_name(arena, graph->project, service);
    if (image)
        add_edge(arena, node, add_node(arena, graph, GRAPH_IMAGE, image), GRAPH_USES,
                field_source(service, service->image ? "image" : "build"));
}

/* A build that starts from the image of another service needs that image. */
static void add_build_edges(struct arena *arena, struct graph *graph, struct graph_node *node)
{
    const struct service *service = node->service;
    const char *image = service_image_name(arena, graph->project, service);

    if (!service->build.given || !image)
        return;
    ARRAY_FOREACH(&service->build.additional_contexts, c) {
        const char *name = graph_service_of_mode(c->value);
        struct graph_node *other = name ? graph_find(graph, GRAPH_SERVICE, name) : NULL;
        const char *other_image = other ? service_image_name(arena, graph->project, other->service)
                                        : NULL;

        if (other_image)
            add_edge(arena, graph_find(graph, GRAPH_IMAGE, image),
                    graph_find(graph, GRAPH_IMAGE, other_image), GRAPH_BUILD_CONTEXT,
                    c->at.file ? c->at : service->build.at);
    }
}

/* ------------------------------------------------------------------ order */

enum visit { VISIT_NEW, VISIT_OPEN, VISIT_DONE };

struct walk {
    struct graph *graph;
    enum visit *visits;       /* by node->index */
    struct graph_edge **path; /* edges from the root of the walk to the node in hand */
    size_t path_len, order_len;
};

static void describe_edge(struct strbuf *text, const struct graph_edge *edge)
{
    strbuf_addf(text, "%s \"%s\" needs %s \"%s\" (%s)", graph_kind_name(edge->from->kind),
            edge->from->name, graph_kind_name(edge->to->kind), edge->to->name,
            graph_via_name(edge->via));
}

/* The last edge of the path closes the cycle: it leads back to a node that is already on the path. */
static int cycle_error(const struct walk *walk, struct error **err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CYCLE_PATH_MAX_BYTES);
    const struct graph_edge *last = walk->path[walk->path_len - 1];
    size_t first = walk->path_len - 1;

    while (walk->path[first]->from != last->to)
        first--; /* ends: last->to is open, so an edge of the path leaves it */

    /* Causes from the bottom up, so that they read in the order of the path. */
    struct error *below = NULL;
    for (size_t i = walk->path_len; i-- > first;) {
        struct error *cause = NULL;

        strbuf_reset(&text);
        describe_edge(&text, walk->path[i]);
        error_set_plain(&cause, ELOOP, &walk->path[i]->at, "%s", text.data);
        cause->cause = below;
        below = cause;
    }
    strbuf_reset(&text);
    for (size_t i = first; i < walk->path_len; i++)
        strbuf_addf(&text, "%s -> ", walk->path[i]->from->name);
    strbuf_adds(&text, last->to->name);

    struct error *top = NULL;
    error_set_plain(
            &top, ELOOP, &walk->path[first]->at, "dependency cycle detected: %s", text.data);
    top->cause = below;
    error_move(err, top);
    return -ELOOP;
}

/* Depth first; recursion is as deep as the longest chain of dependencies. */
static int visit_node(struct walk *walk, struct graph_node *node, struct error **err)
{
    walk->visits[node->index] = VISIT_OPEN;
    ARRAY_FOREACH(&node->needs, it) {
        struct graph_edge *edge = *it;
        enum visit visit = walk->visits[edge->to->index];

        if (visit == VISIT_DONE)
            continue;
        walk->path[walk->path_len++] = edge;
        if (visit == VISIT_OPEN)
            return cycle_error(walk, err);
        if (walk->path_len > LIMIT_DEPENDENCY_DEPTH)
            return error_set_plain(err, E2BIG, &edge->at,
                    "services depend on each other more than %d deep", LIMIT_DEPENDENCY_DEPTH);
        int r = visit_node(walk, edge->to, err);
        if (r < 0)
            return r;
        walk->path_len--;
    }
    walk->visits[node->index] = VISIT_DONE;
    node->rank = walk->order_len;
    walk->graph->order[walk->order_len++] = node;
    return 0;
}

static int order_nodes(struct arena *arena, struct graph *graph, struct error **err)
{
    struct walk walk = {
        .graph = graph,
        .visits = ARENA_NEW_ARRAY(arena, graph->nodes.len + 1, enum visit),
        .path = ARENA_NEW_ARRAY(arena, graph->nodes.len + 1, struct graph_edge *),
    };

    graph->order = ARENA_NEW_ARRAY(arena, graph->nodes.len + 1, struct graph_node *);
    ARRAY_FOREACH(&graph->nodes, node) {
        if (walk.visits[(*node)->index] != VISIT_NEW)
            continue;
        int r = visit_node(&walk, *node, err);
        if (r < 0)
            return r;
    }
    assert(walk.order_len == graph->nodes.len);
    return 0;
}

/* ----------------------------------------------------------------- public */

int graph_build(
        struct arena *arena, const struct project *project, struct graph **ret, struct error **err)
{
    struct graph *graph = ARENA_NEW(arena, struct graph);

    graph->project = project;
    for (size_t i = 0; i < GRAPH_KIND_MAX_; i++)
        strmap_init_arena(&graph->index[i], arena);

    ARRAY_FOREACH(&project->services, s) {
        add_node(arena, graph, GRAPH_SERVICE, s->name)->service = s;
    }
    size_t services = graph->nodes.len;
    ARRAY_FOREACH(&project->networks, n) {
        add_node(arena, graph, GRAPH_NETWORK, n->key)->network = n;
    }
    ARRAY_FOREACH(&project->volumes, v) {
        add_node(arena, graph, GRAPH_VOLUME, v->key)->volume = v;
    }
    ARRAY_FOREACH(&project->secrets, s) {
        add_node(arena, graph, GRAPH_SECRET, s->key)->object = s;
    }
    ARRAY_FOREACH(&project->configs, c) {
        add_node(arena, graph, GRAPH_CONFIG, c->key)->object = c;
    }

    for (size_t i = 0; i < services; i++) {
        add_service_edges(arena, graph, graph->nodes.items[i]);
        add_resource_edges(arena, graph, graph->nodes.items[i]);
    }
    for (size_t i = 0; i < services; i++)
        add_build_edges(arena, graph, graph->nodes.items[i]);

    int r = order_nodes(arena, graph, err);
    if (r < 0)
        return r;
    *ret = graph;
    return 0;
}

struct graph_node *graph_find(const struct graph *graph, enum graph_kind kind, const char *name)
{
    assert(kind < GRAPH_KIND_MAX_);
    return name ? strmap_get(&graph->index[kind], name) : NULL;
}

static void select_node(
        struct graph_selection *selection, const struct graph_node *node, unsigned flags)
{
    if (selection->flags[node->index])
        return;
    selection->flags[node->index] = true;
    if (flags & GRAPH_WITH_NEEDS)
        ARRAY_FOREACH(&node->needs, e) {
            if ((*e)->to->kind == GRAPH_SERVICE)
                select_node(selection, (*e)->to, flags);
        }
    if (flags & GRAPH_WITH_NEEDED_BY)
        ARRAY_FOREACH(&node->needed_by, e) {
            if ((*e)->from->kind == GRAPH_SERVICE)
                select_node(selection, (*e)->from, flags);
        }
}

int graph_select(struct arena *arena, const struct graph *graph, const struct strings *names,
        unsigned flags, struct graph_selection *ret, struct error **err)
{
    struct graph_selection selection = {
        .flags = ARENA_NEW_ARRAY(arena, graph->nodes.len + 1, bool),
        .count = graph->nodes.len,
    };

    assert(flags !=
            (GRAPH_WITH_NEEDS | GRAPH_WITH_NEEDED_BY)); /* would mean: all that hang together */
    if (!names || names->len == 0) {
        ARRAY_FOREACH(&graph->nodes, node) {
            if ((*node)->kind == GRAPH_SERVICE)
                selection.flags[(*node)->index] = true;
        }
    }
    for (size_t i = 0; names && i < names->len; i++) {
        const struct graph_node *node = graph_find(graph, GRAPH_SERVICE, names->items[i]);

        if (!node) {
            const char *near = project_nearest_service(graph->project, names->items[i]);
            int r = error_set_plain(err, EINVAL, NULL, "no such service: %s", names->items[i]);

            if (near)
                error_hint(err, "did you mean \"%s\"?", near);
            return r;
        }
        select_node(&selection, node, flags);
    }
    *ret = selection;
    return 0;
}

const char *graph_kind_name(enum graph_kind kind)
{
    assert(kind < GRAPH_KIND_MAX_);
    return kind_names[kind];
}

const char *graph_via_name(enum graph_via via)
{
    assert(via < GRAPH_VIA_MAX_);
    return via_names[via];
}
