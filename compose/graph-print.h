/* A project's graph as a picture: a tree for terminals, DOT for graphviz, Mermaid for pages, JSON for programs. */
#pragma once

struct graph;
struct strbuf;

/* Services that nothing needs at the left, what each needs below it; what was shown before is only named. */
void graph_print_tree(const struct graph *graph, struct strbuf *out);
void graph_print_dot(const struct graph *graph, struct strbuf *out);
void graph_print_mermaid(const struct graph *graph, struct strbuf *out);

/* {"project", "nodes": [{"id", "kind", "name"}], "edges": [{"from", "to", "via", …}]} */
void graph_print_json(const struct graph *graph, struct strbuf *out);
