/* What of a project must be there before what: services, networks, volumes, secrets, configs and
 * images as nodes, and an edge from each to what it needs. The graph is made once from a loaded project;
 * a cycle is an error that names its path. Says nothing about what exists (compose/state.h) or is to be
 * done (compose/plan.h).
 *
 * Everything lives in the arena that graph_build was given; the project is borrowed. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "base/source.h"
#include "base/strmap.h"
#include "compose/project.h"

struct arena;
struct error;

enum graph_kind {
    GRAPH_SERVICE,
    GRAPH_NETWORK,
    GRAPH_VOLUME,
    GRAPH_SECRET,
    GRAPH_CONFIG,
    GRAPH_IMAGE,
    GRAPH_KIND_MAX_,
};

/* Why one needs the other. A pair of services can be joined by several edges. */
enum graph_via {
    GRAPH_DEPENDS_ON,
    GRAPH_LINK,
    GRAPH_NETWORK_OF, /* network_mode: service:NAME */
    GRAPH_IPC_OF,
    GRAPH_PID_OF,
    GRAPH_VOLUMES_FROM,
    GRAPH_USES,          /* a network, volume, secret, config or image */
    GRAPH_BUILD_CONTEXT, /* image to image: additional_contexts: service:NAME */
    GRAPH_VIA_MAX_,
};

struct graph_edge {
    struct graph_node *from, *to; /* `from` needs `to` */
    enum graph_via via;
    enum service_condition condition; /* of GRAPH_DEPENDS_ON */
    bool restart;                     /* of GRAPH_DEPENDS_ON: restarted after `to` was */
    bool required;                    /* false: goes on without it, with a warning */
    struct source at;
};
struct graph_edges {
    struct graph_edge **items;
    size_t len, cap;
};

struct graph_node {
    enum graph_kind kind;
    const char *name; /* key in the file; an image: its reference */
    size_t index;     /* position in graph->nodes */
    size_t rank;      /* position in graph->order */
    union {
        const struct service *service;
        const struct project_network *network;
        const struct project_volume *volume;
        const struct file_object *object; /* secret or config */
    };
    struct graph_edges needs, needed_by;
};

struct graph {
    const struct project *project;
    struct {
        struct graph_node **items; /* services first, sorted by name */
        size_t len, cap;
    } nodes;
    struct graph_node **order; /* all nodes, each after everything that it needs */
    struct strmap index[GRAPH_KIND_MAX_];
};

/* 0; -ELOOP for a cycle: the message has its path, the causes have the place of each edge; -E2BIG beyond
 * LIMIT_DEPENDENCY_DEPTH. */
int graph_build(
        struct arena *arena, const struct project *project, struct graph **ret, struct error **err);

/* NULL when there is none. */
struct graph_node *graph_find(const struct graph *graph, enum graph_kind kind, const char *name);

/* A set of services, as flags by node->index. */
struct graph_selection {
    bool *flags;
    size_t count;
};

enum graph_select_flags {
    GRAPH_WITH_NEEDS = 1 << 0,     /* and what they need, over any number of edges */
    GRAPH_WITH_NEEDED_BY = 1 << 1, /* and what needs them */
};

/* Selects services by name; no names select all. A name that is no enabled service is -EINVAL, in Docker's
 * words ("no such service: x"), with the nearest name as hint. Lives in `arena`. */
int graph_select(struct arena *arena, const struct graph *graph, const struct strings *names,
        unsigned flags, struct graph_selection *ret, struct error **err);

static inline bool graph_is_selected(
        const struct graph_selection *selection, const struct graph_node *node)
{
    return selection->flags[node->index];
}

const char *graph_kind_name(enum graph_kind kind); /* "service" */
const char *graph_via_name(enum graph_via via);    /* "depends_on", "network_mode" */

/* The service in "service:NAME", or NULL; borrowed from `mode`. */
const char *graph_service_of_mode(const char *mode);
/* The container in "container:NAME", or NULL; borrowed. */
const char *graph_container_of_mode(const char *mode);
