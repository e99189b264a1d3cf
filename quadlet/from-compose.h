/* A Compose project as quadlets, for Podman: a .container for each container, .network and .volume for what the project
 * makes, .build for what it builds and .image for what it pulls. What each attribute becomes, and what Podman cannot
 * do, is in the schema's column (compose/schema.h); here is the doing.
 *
 *     shop-web.container, shop-web-1.container …   a service, the containers of one with several
 *     shop-net.network   shop-data.volume   shop-web.build   shop-db.image
 *
 * The order is that of the project's graph: a required dependency is Requires= and After=, others are Wants= and After=;
 * service_healthy is Notify=healthy of the other, service_completed_successfully makes that a oneshot. */
#pragma once

#include <stdbool.h>

struct diag;
struct graph;
struct project;
struct quadlet_set;
struct service;
struct strings;

struct from_compose_options {
    bool is_user; /* for a user's manager */
    const struct strings
            *profiles; /* active: services of others are made, but nothing wants them */
    const char *
            podman_version; /* see version.h; NULL: the newest. Before .build images have to be there */
};

/* `project` was loaded with every profile; all is borrowed. The documents go to the set, which is empty. -EINVAL with
 * findings for x-systemd and x-schedule that are of no use. */
int quadlet_from_compose(struct quadlet_set *set, const struct project *project,
        const struct graph *graph, const struct from_compose_options *options, struct diag *diag);
