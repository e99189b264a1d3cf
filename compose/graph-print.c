#include "compose/graph-print.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "compose/graph.h"
#include "compose/print.h"

#define PREFIX_MAX_BYTES 65536

/* ---------------------------------------------------------------------- words */

/* "depends_on, healthy", "network_mode": why the one needs the other. */
static void add_reason(const struct graph_edge *edge, struct strbuf *out)
{
    static const char *const conditions[] = {
        [SERVICE_STARTED] = "started",
        [SERVICE_HEALTHY] = "healthy",
        [SERVICE_COMPLETED_SUCCESSFULLY] = "completed",
    };
    _Static_assert(sizeof(conditions) / sizeof(*conditions) == SERVICE_CONDITION_MAX_,
            "a word for every condition");

    strbuf_adds(out, graph_via_name(edge->via));
    if (edge->via != GRAPH_DEPENDS_ON)
        return;
    strbuf_addf(out, ", %s", conditions[edge->condition]);
    if (edge->restart)
        strbuf_adds(out, ", restart");
    if (!edge->required)
        strbuf_adds(out, ", optional");
}

/* ----------------------------------------------------------------------- tree */

struct tree {
    struct strbuf prefix;
    struct strbuf *out;
    bool *shown;
};

static void add_node_line(
        struct tree *tree, const struct graph_node *node, const struct graph_edge *edge, bool again)
{
    struct strbuf *out = tree->out;

    if (node->kind != GRAPH_SERVICE)
        strbuf_addf(out, "%s ", graph_kind_name(node->kind));
    strbuf_adds(out, node->name);
    if (edge && edge->via != GRAPH_USES) {
        strbuf_adds(out, " (");
        add_reason(edge, out);
        strbuf_addc(out, ')');
    }
    strbuf_adds(out, again ? " …\n" : "\n");
}

static void add_children(struct tree *tree, const struct graph_node *node)
{
    size_t mark = tree->prefix.len;

    for (size_t i = 0; i < node->needs.len; i++) {
        const struct graph_edge *edge = node->needs.items[i];
        bool last = i + 1 == node->needs.len;
        bool again = tree->shown[edge->to->index] && edge->to->needs.len > 0;

        strbuf_addf(
                tree->out, "%s%s", tree->prefix.len ? tree->prefix.data : "", last ? "└─ " : "├─ ");
        add_node_line(tree, edge->to, edge, again);
        if (again)
            continue;
        tree->shown[edge->to->index] = true;
        strbuf_adds(&tree->prefix, last ? "   " : "│  ");
        add_children(tree, edge->to);
        strbuf_truncate(&tree->prefix, mark);
    }
}

static bool is_root(const struct graph_node *node)
{
    for (size_t i = 0; i < node->needed_by.len; i++)
        if (node->needed_by.items[i]->from->kind == GRAPH_SERVICE)
            return false;
    return node->kind == GRAPH_SERVICE;
}

void graph_print_tree(const struct graph *graph, struct strbuf *out)
{
    auto_free bool *shown = mem_zalloc((graph->nodes.len + 1) * sizeof(*shown));
    struct tree tree = { .prefix = STRBUF_INIT(PREFIX_MAX_BYTES), .out = out, .shown = shown };

    strbuf_addf(out, "%s\n", graph->project->name);
    for (size_t i = 0; i < graph->nodes.len; i++) {
        const struct graph_node *node = graph->nodes.items[i];

        if (!is_root(node))
            continue;
        shown[node->index] = true;
        add_node_line(&tree, node, NULL, false);
        add_children(&tree, node);
    }
    strbuf_release(&tree.prefix);
}

/* ------------------------------------------------------------------------ DOT */

/* Texts in double quotes: only those and backslashes end one. */
static void add_dot_text(const char *text, struct strbuf *out)
{
    strbuf_addc(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            strbuf_addc(out, '\\');
        strbuf_addc(out, *text == '\n' ? ' ' : *text);
    }
    strbuf_addc(out, '"');
}

void graph_print_dot(const struct graph *graph, struct strbuf *out)
{
    static const char *const shapes[] = {
        [GRAPH_SERVICE] = "box, style=\"rounded,filled\", fillcolor=\"#e8f0fe\"",
        [GRAPH_NETWORK] = "ellipse",
        [GRAPH_VOLUME] = "cylinder",
        [GRAPH_SECRET] = "note",
        [GRAPH_CONFIG] = "note",
        [GRAPH_IMAGE] = "component",
    };
    _Static_assert(sizeof(shapes) / sizeof(*shapes) == GRAPH_KIND_MAX_, "a shape for every kind");

    strbuf_adds(out, "digraph ");
    add_dot_text(graph->project->name, out);
    strbuf_adds(out, " {\n    rankdir=LR;\n    node [fontname=\"sans-serif\"];\n");
    for (size_t i = 0; i < graph->nodes.len; i++) {
        const struct graph_node *node = graph->nodes.items[i];

        strbuf_addf(out, "    n%zu [label=", node->index);
        add_dot_text(node->name, out);
        strbuf_addf(out, ", shape=%s];\n", shapes[node->kind]);
    }
    for (size_t i = 0; i < graph->nodes.len; i++)
        for (size_t k = 0; k < graph->nodes.items[i]->needs.len; k++) {
            const struct graph_edge *edge = graph->nodes.items[i]->needs.items[k];

            strbuf_addf(out, "    n%zu -> n%zu", edge->from->index, edge->to->index);
            if (edge->via != GRAPH_USES) {
                strbuf_adds(out, " [label=\"");
                add_reason(edge, out);
                strbuf_adds(out, edge->required || edge->via != GRAPH_DEPENDS_ON
                                         ? "\"]"
                                         : "\", style=dashed]");
            } else {
                strbuf_adds(out, " [color=gray]");
            }
            strbuf_adds(out, ";\n");
        }
    strbuf_adds(out, "}\n");
}

/* -------------------------------------------------------------------- Mermaid */

/* Entities, since quotes and brackets end a label there. */
static void add_mermaid_text(const char *text, struct strbuf *out)
{
    for (; *text; text++) {
        if (strchr("\"#&<>[]{}()|\\`\n", *text))
            strbuf_addf(out, "#%d;", (unsigned char)*text);
        else
            strbuf_addc(out, *text);
    }
}

void graph_print_mermaid(const struct graph *graph, struct strbuf *out)
{
    static const struct {
        const char *open, *close;
    } shapes[] = {
        [GRAPH_SERVICE] = { "[\"", "\"]" },
        [GRAPH_NETWORK] = { "([\"", "\"])" },
        [GRAPH_VOLUME] = { "[(\"", "\")]" },
        [GRAPH_SECRET] = { ">\"", "\"]" },
        [GRAPH_CONFIG] = { ">\"", "\"]" },
        [GRAPH_IMAGE] = { "[[\"", "\"]]" },
    };
    _Static_assert(sizeof(shapes) / sizeof(*shapes) == GRAPH_KIND_MAX_, "a shape for every kind");

    strbuf_adds(out, "flowchart LR\n");
    for (size_t i = 0; i < graph->nodes.len; i++) {
        const struct graph_node *node = graph->nodes.items[i];

        strbuf_addf(out, "    n%zu%s", node->index, shapes[node->kind].open);
        add_mermaid_text(node->name, out);
        strbuf_addf(out, "%s\n", shapes[node->kind].close);
    }
    for (size_t i = 0; i < graph->nodes.len; i++)
        for (size_t k = 0; k < graph->nodes.items[i]->needs.len; k++) {
            const struct graph_edge *edge = graph->nodes.items[i]->needs.items[k];

            strbuf_addf(out, "    n%zu ", edge->from->index);
            if (edge->via == GRAPH_USES) {
                strbuf_adds(out, "-.->");
            } else {
                strbuf_adds(out, "-->|\"");
                add_reason(edge, out);
                strbuf_adds(out, "\"|");
            }
            strbuf_addf(out, " n%zu\n", edge->to->index);
        }
}

/* ----------------------------------------------------------------------- JSON */

static void add_id(const struct graph_node *node, struct strbuf *out)
{
    auto_(strbuf_release) struct strbuf id = STRBUF_INIT(PREFIX_MAX_BYTES);

    strbuf_addf(&id, "%s:%s", graph_kind_name(node->kind), node->name);
    json_print_text(id.data, out);
}

static void add_edge_json(const struct graph_edge *edge, struct strbuf *out)
{
    strbuf_adds(out, "{\"from\":");
    add_id(edge->from, out);
    strbuf_adds(out, ",\"to\":");
    add_id(edge->to, out);
    strbuf_addf(out, ",\"via\":\"%s\"", graph_via_name(edge->via));
    if (edge->via == GRAPH_DEPENDS_ON)
        strbuf_addf(out, ",\"condition\":\"%s\",\"restart\":%s,\"required\":%s",
                service_condition_names[edge->condition], edge->restart ? "true" : "false",
                edge->required ? "true" : "false");
    if (edge->at.file) {
        strbuf_adds(out, ",\"file\":");
        json_print_text(edge->at.file, out);
        if (edge->at.line)
            strbuf_addf(out, ",\"line\":%u,\"column\":%u", edge->at.line, edge->at.column);
    }
    strbuf_addc(out, '}');
}

void graph_print_json(const struct graph *graph, struct strbuf *out)
{
    size_t count = 0;

    strbuf_adds(out, "{\"project\":");
    json_print_text(graph->project->name, out);
    strbuf_adds(out, ",\"nodes\":[");
    for (size_t i = 0; i < graph->nodes.len; i++) {
        const struct graph_node *node = graph->nodes.items[i];

        strbuf_adds(out, i ? ",{\"id\":" : "{\"id\":");
        add_id(node, out);
        strbuf_addf(out, ",\"kind\":\"%s\",\"name\":", graph_kind_name(node->kind));
        json_print_text(node->name, out);
        strbuf_addc(out, '}');
    }
    strbuf_adds(out, "],\"edges\":[");
    for (size_t i = 0; i < graph->nodes.len; i++)
        for (size_t k = 0; k < graph->nodes.items[i]->needs.len; k++) {
            strbuf_adds(out, count++ ? "," : "");
            add_edge_json(graph->nodes.items[i]->needs.items[k], out);
        }
    strbuf_adds(out, "]}\n");
}
