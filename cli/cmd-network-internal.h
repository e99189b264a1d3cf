/* What the subcommands of `berth network` that have a file of their own give to its table. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/array.h"
#include "base/opts.h"

struct cli;

struct network_create_words {
    struct strings subnets, gateways, ip_ranges, aux, options, labels, dns, refused;
    bool internal, attachable, ingress, config_only, ignore, disable_dns;
    int ipv4, ipv6; /* tristate */
    const char *driver, *scope, *config_from, *ipam_driver, *interface_name;
};
extern const struct network_create_words network_create_defaults;
extern const struct opt network_create_opts[];
int network_run_create(struct cli *cli, const void *data, int argc, char **argv);

struct network_connect_words {
    struct strings aliases, driver_options, links, link_local_ips;
    const char *ip, *ip6;
    int64_t gw_priority;
};
extern const struct opt network_connect_opts[];
int network_run_connect(struct cli *cli, const void *data, int argc, char **argv);

struct network_disconnect_words {
    bool force;
};
extern const struct opt network_disconnect_opts[];
int network_run_disconnect(struct cli *cli, const void *data, int argc, char **argv);
