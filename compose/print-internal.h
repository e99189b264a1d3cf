/* Forms of a model for printing; attr is the schema's row of the node. All lie in the arena, and share nodes with
 * what they are made from. */
#pragma once

struct arena;
struct attr;
struct node;
struct service;

/* JSON shows some attributes that YAML leaves out, and no extensions below the top level, as Docker
 * Compose does: programs that read its JSON rely on it. */
struct node *print_view_json(struct arena *arena, const struct attr *attr, struct node *node);

/* With the keys of every free map in the order of Docker Compose's YAML; attr NULL: of an extension. */
struct node *print_view_yaml(struct arena *arena, const struct attr *attr, struct node *node);

/* What is printed without interpolation; attr NULL: of an extension. */
struct node *print_view_raw(struct arena *arena, const struct attr *attr, struct node *node);

/* What Docker Compose makes its hash of. */
struct node *print_view_marshalled(struct arena *arena, const struct service *service);
