/* The network of one container as the kernel has it: a network namespace of its own that is pinned at
 * RUN/netns/ID, one veth pair per network with the outer end on the network's bridge, addresses and
 * routes; and the host ports that are held for it. This is what berth-monitor does; it decides nothing:
 * the command filled in the configuration (network_prepare_start) and passes it on as JSON.
 *
 * Library berth-sandbox: libc, libmnl and jansson only. */
#pragma once

#include <jansson.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/array.h"
#include "base/str.h"

struct error;

#define SANDBOX_MAC_BYTES 6
#define SANDBOX_LINK_LOCAL_MAX 8
#define SANDBOX_SYSCTLS_MAX 512

/* What an interface is: the inner end of a pair whose outer end is on a bridge, or a sub-interface of a link of the
 * machine. */
enum sandbox_kind {
    SANDBOX_VETH,
    SANDBOX_MACVLAN,
    SANDBOX_IPVLAN,
    SANDBOX_KIND_MAX_,
};
#define SANDBOX_MODE_MAX 12

/* One interface of the container. IPv4 addresses are numbers in host order throughout. */
struct sandbox_interface {
    char name[IFNAMSIZ];      /* in the container: "eth0" */
    char host_name[IFNAMSIZ]; /* the outer end */
    char bridge[IFNAMSIZ];    /* what the outer end is a port of */
    uint32_t address;         /* 0: no IPv4 */
    unsigned prefix_len;
    uint32_t gateway;         /* 0: this network is not a way out (internal) */
    struct in6_addr address6; /* zero: no IPv6, which is switched off then */
    unsigned prefix6_len;
    struct in6_addr gateway6;                           /* zero: likewise */
    struct in6_addr link_local[SANDBOX_LINK_LOCAL_MAX]; /* further addresses; IPv4 ones mapped */
    size_t link_local_len;
    uint8_t mac[SANDBOX_MAC_BYTES];
    uint32_t group; /* of the outer end, for removing a network's links together */
    uint32_t mtu;   /* 0: the kernel's default */
    bool isolated;  /* may talk to the bridge, not to its other ports (enable_icc=false) */
    enum sandbox_kind kind;
    char parent[IFNAMSIZ]; /* of what is no pair; then host_name, bridge and group mean nothing */
    char mode[SANDBOX_MODE_MAX], flag[SANDBOX_MODE_MAX]; /* "bridge", "l2" …; flag of ipvlan */
    char sysctls
            [SANDBOX_SYSCTLS_MAX]; /* "net.ipv4.conf.IFNAME.NAME=VALUE,…"; set before it is up */
    bool kept;                     /* it is there, and left as it is; not part of the JSON */
};

/* A host port that is held by a bound socket, so that every other program gets EADDRINUSE. */
enum sandbox_protocol {
    SANDBOX_TCP,
    SANDBOX_UDP,
    SANDBOX_PROTOCOL_MAX_,
    SANDBOX_PROTOCOL_INVALID = -22,
};
const char *sandbox_kind_name(enum sandbox_kind kind);             /* "veth", "macvlan" … */
const char *sandbox_protocol_name(enum sandbox_protocol protocol); /* "tcp", "udp" */
int sandbox_protocol_parse(const char *name);                      /* a protocol, or -EINVAL */

struct sandbox_port {
    struct in6_addr host_address; /* 0.0.0.0 (mapped) or ::: every address of that family */
    struct in6_addr address;      /* of the container, of the same family */
    uint16_t host_port, port;
    enum sandbox_protocol protocol;
};

struct sandbox_config {
    struct {
        struct sandbox_interface *items;
        size_t len, cap;
    } interfaces;
    struct {
        struct sandbox_port *items;
        size_t len, cap;
    } ports;
    int default_route;  /* index of the interface with the default route; -1: none */
    int default_route6; /* the same for IPv6 */
};

#define SANDBOX_CONFIG_INIT                       \
    {                                             \
        .default_route = -1, .default_route6 = -1 \
    }

void sandbox_config_release(struct sandbox_config *config);

/* Given: an object for monitor.json. */
json_t *sandbox_config_to_json(const struct sandbox_config *config);
/* Fills a config that was initialised; -EINVAL names the member that is wrong. */
int sandbox_config_from_json(const json_t *json, struct sandbox_config *ret, struct error **err);

/* Makes the namespace and pins it at `name` in netns_dir_fd (RUN/netns), with a file of that name as
 * mount point; sets lo and the interfaces up. An empty config gives a namespace with lo alone (network
 * mode "none"). What is there already is kept, so that a restart or a second attempt only adds what is
 * missing. The caller comes back in its own namespace; *ret_netns_fd is the new one (given), for
 * CLONE_INTO or setns. When this fails nothing of it is left, unless it was there before. The process
 * must be single-threaded. */
int sandbox_create(const struct sandbox_config *config, int netns_dir_fd, const char *name,
        int *ret_netns_fd, struct error **err);

/* The same for a namespace in which `config` was set up before: interfaces that `wanted` has not are removed, those
 * that it has in addition are made, the default route moves, the others are left alone. Fails half way: call it again
 * the other way round. The process must be single-threaded. */
int sandbox_update(const struct sandbox_config *config, struct sandbox_config *wanted,
        int netns_dir_fd, const char *name, struct error **err);

/* Unpins; the kernel takes the interfaces down with the last process in the namespace. A missing one
 * is fine. Threads do not matter. */
int sandbox_remove(int netns_dir_fd, const char *name, struct error **err);

/* Descriptor of a pinned namespace (given), -ENOENT when there is none. No error object. */
int sandbox_open(int netns_dir_fd, const char *name);

/* Pins a namespace that was made elsewhere, so that sandbox_create finds it. The process must have one
 * thread. */
int sandbox_pin(int netns_dir_fd, const char *name, int netns_fd, struct error **err);

/* Binds (and for TCP listens on) every port of the config; ret_fds has room for config->ports.len.
 * -EADDRINUSE with Docker's words when another program has one; then none is held. Nobody ever accepts
 * on them: the firewall leads the traffic past. */
int sandbox_hold_ports(const struct sandbox_config *config, int *ret_fds, struct error **err);

/* The same while `held` (old->ports.len of them) are held for `old`: those that both have pass over to *ret_fds, and
 * the others are closed. When this fails `held` is as it was. */
int sandbox_move_ports(const struct sandbox_config *old, int *held,
        const struct sandbox_config *config, int *ret_fds, struct error **err);

/* A socket that is bound to the host's side of the port, or -errno; it does not listen. port->host_port 0: one that the
 * kernel chooses. */
int sandbox_port_bind(const struct sandbox_port *port);
socklen_t sandbox_port_address(const struct sandbox_port *port, struct sockaddr_storage *ret);

/* "0.0.0.0:8080:172.17.0.2:80/tcp" for errors; returns `buffer`. */
#define SANDBOX_PORT_TEXT_MAX 128
const char *sandbox_port_text(
        const struct sandbox_port *port, char buffer[static SANDBOX_PORT_TEXT_MAX]);

/* One of an interface's settings: family "ipv4", group "conf" or "neigh". False when it is none. Borrowed. */
struct sandbox_sysctl {
    struct str family, group, name, value;
};
bool sandbox_sysctl_parse(struct str text, struct sandbox_sysctl *ret);
