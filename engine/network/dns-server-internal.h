/* What the files of the name server share: dns-server.c (zones, sockets, control) and dns-clients.c (the
 * queries of one client after the other). */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/limits.h"
#include "base/list.h"
#include "engine/network/dns-forward.h"
#include "engine/network/dns-zone.h"

struct dns_server;
struct loop;
struct loop_source;

/* The sockets of one network. They outlive the zone's text, which changes with every container. */
struct listener {
    struct in6_addr address; /* IPv4 mapped */
    int udp_fd, tcp_fd;
    struct loop_source *udp_source, *tcp_source;
    struct dns_server *server;
    bool wanted;
};

struct listeners {
    struct listener **items;
    size_t len, cap;
};

struct upstream {
    struct dns_server_address servers[DNS_SERVERS_MAX];
    size_t len;
    struct timespec modified;
    ino_t inode;
    off_t size_bytes;
};

struct dns_server {
    struct loop *loop;
    int dir_fd, lock_fd, control_fd, inotify_fd;
    struct loop_source *control_source, *inotify_source;
    struct dns_forwarder *forwarder;
    struct dns_zones zones;
    struct listeners listeners;
    struct list connections, controls;
    size_t connection_len, control_len;
    struct upstream upstream;
    uint8_t query[LIMIT_DNS_MESSAGE_BYTES];
    uint8_t answer[LIMIT_DNS_MESSAGE_BYTES];
};

/* NULL when there is none (any more). Borrowed. */
const struct dns_zone *dns_server_find_zone(
        const struct dns_server *server, const struct in6_addr *listen_address);
struct listener *dns_server_find_listener(
        const struct dns_server *server, const struct in6_addr *address);

/* What the loop calls for the sockets of a listener. */
void dns_clients_on_datagram(struct loop *loop, int fd, uint32_t events, void *userdata);
void dns_clients_on_connection(struct loop *loop, int fd, uint32_t events, void *userdata);

/* Ends all TCP connections. */
void dns_clients_release(struct dns_server *server);
