/* Rules on ports and addresses. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/str.h"
#include "compose/lint-internal.h"

#define LARGE_RANGE_PORTS 100

/* Ports behind which a program trusts whoever reaches it, or guards data with one password. */
static const struct {
    uint16_t port;
    const char *what;
} delicate_ports[] = {
    { 1433, "SQL Server" },
    { 1521, "Oracle" },
    { 2181, "ZooKeeper" },
    { 2375, "the Docker API without TLS" },
    { 2376, "the Docker API" },
    { 2379, "etcd" },
    { 2380, "etcd" },
    { 3306, "MySQL" },
    { 5432, "PostgreSQL" },
    { 5984, "CouchDB" },
    { 6379, "Redis" },
    { 7687, "Neo4j" },
    { 8086, "InfluxDB" },
    { 9042, "Cassandra" },
    { 9092, "Kafka" },
    { 9200, "Elasticsearch" },
    { 9300, "Elasticsearch" },
    { 11211, "memcached" },
    { 15672, "the administration of RabbitMQ" },
    { 26257, "CockroachDB" },
    { 27017, "MongoDB" },
    { 33060, "MySQL" },
};

static bool is_any_address(const char *ip)
{
    return string_is_empty(ip) || strcmp(ip, "0.0.0.0") == 0 || strcmp(ip, "::") == 0;
}

/* The one host port; 0: none, or any of several. */
static uint16_t fixed_host_port(const struct service_port *port)
{
    uint16_t first = 0, last = 0;

    if (string_is_empty(port->published) ||
            parse_port_range(str_from(port->published), true, &first, &last) < 0 || first != last)
        return 0;
    return first;
}

static bool shares_host_network(const struct service *service)
{
    return string_is_equal(service->network_mode, "host");
}

void rule_ports_with_host_network(struct lint *lint, const struct service *service)
{
    if (!service->ports.len || !service->network_mode)
        return;
    if (shares_host_network(service)) {
        struct diag_entry *entry = lint_add_field(lint, service, "ports",
                "has no effect beside \"network_mode: host\": the program's own ports are the "
                "host's, on all its addresses");

        lint_hint(lint, entry, "remove it, or the network_mode");
    } else if (strcmp(service->network_mode, "none") == 0) {
        lint_add_field(lint, service, "ports",
                "has no effect beside \"network_mode: none\": nothing reaches the container");
    }
}

void rule_port_open_to_all(struct lint *lint, const struct service *service)
{
    for (size_t i = 0; i < service->ports.len && !shares_host_network(service); i++) {
        const struct service_port *port = &service->ports.items[i];

        if (!string_is_empty(port->host_ip))
            continue; /* also "0.0.0.0": somebody has thought about it */
        for (size_t j = 0; j < ARRAY_LEN(delicate_ports); j++) {
            if (port->target.value != delicate_ports[j].port)
                continue;
            struct diag_entry *entry = lint_add_field(lint, service,
                    arena_printf(lint->arena, "ports[%zu]", i),
                    "port %u (%s) is open to everybody who reaches this machine",
                    delicate_ports[j].port, delicate_ports[j].what);

            lint_hint(lint, entry,
                    "\"127.0.0.1:%s:%u\" is for this machine only; other services need no "
                    "published port",
                    string_is_empty(port->published) ? "" : port->published,
                    delicate_ports[j].port);
        }
    }
}

void rule_large_port_range(struct lint *lint, const struct service *service)
{
    for (size_t i = 0, first = 0; i <= service->ports.len; i++) {
        const struct source *start = first < service->ports.len ? &service->ports.items[first].at
                                                                : NULL;
        const struct source *at = i < service->ports.len ? &service->ports.items[i].at : NULL;

        if (at && at->line == start->line && at->column == start->column)
            continue;
        if (i - first > LARGE_RANGE_PORTS)
            lint_add_field(lint, service, arena_printf(lint->arena, "ports[%zu]", first),
                    "publishes %zu ports: Docker starts a process for each of them", i - first);
        first = i;
    }
}

void rule_privileged_host_port(struct lint *lint, const struct service *service)
{
    for (size_t i = 0; i < service->ports.len; i++) {
        uint16_t port = fixed_host_port(&service->ports.items[i]);

        if (!port || port >= lint->options->unprivileged_port_start)
            continue;
        struct diag_entry *entry = lint_add_field(lint, service,
                arena_printf(lint->arena, "ports[%zu]", i),
                "this user may not publish host port %u: the first allowed one is %u", port,
                lint->options->unprivileged_port_start);

        lint_hint(
                lint, entry, "publish a higher one, or lower net.ipv4.ip_unprivileged_port_start");
    }
}

void rule_useless_expose(struct lint *lint, const struct service *service)
{
    if (!service->expose.len)
        return;
    struct diag_entry *entry = lint_add_field(lint, service, "expose",
            "has no effect: services of one network reach each other's ports anyway");

    lint_hint(lint, entry, "remove it; `ports` is what makes a port reachable from outside");
}

void rule_scaled_host_port(struct lint *lint, const struct service *service)
{
    unsigned replicas = service_replicas(service);

    for (size_t i = 0; i < service->ports.len && replicas > 1; i++) {
        uint16_t port = fixed_host_port(&service->ports.items[i]);

        if (!port || shares_host_network(service))
            continue;
        struct diag_entry *entry = lint_add_field(lint, service,
                arena_printf(lint->arena, "ports[%zu]", i),
                "only one of %u containers can have host port %u", replicas, port);

        lint_hint(lint, entry, "publish a range of ports, or put a proxy in front of them");
    }
}

void rule_scaled_address(struct lint *lint, const struct service *service)
{
    unsigned replicas = service_replicas(service);

    ARRAY_FOREACH(&service->networks, member) {
        const char *address = member->ipv4_address ? member->ipv4_address : member->ipv6_address;

        if (replicas > 1 && address)
            lint_add_field(lint, service,
                    arena_printf(lint->arena, "networks.%s.%s", member->network,
                            member->ipv4_address ? "ipv4_address" : "ipv6_address"),
                    "only one of %u containers can have the address %s", replicas, address);
    }
}

void rule_obsolete_links(struct lint *lint, const struct service *service)
{
    struct diag_entry *entry;

    if (service->links.len) {
        entry = lint_add_field(lint, service, "links",
                "is a thing of the past: services of one network know each other by name");
        lint_hint(lint, entry,
                "remove it; `depends_on` sets the order, `aliases` in `networks` give further "
                "names");
    }
    if (service->external_links.len) {
        entry = lint_add_field(lint, service, "external_links",
                "is a thing of the past: containers of one network know each other by name");
        lint_hint(lint, entry, "share a network that is `external` instead");
    }
}

/* ------------------------------------------------------------------------ between services */

/* Who has a host port; there may be one for each address. */
struct port_owner {
    const struct service *service;
    const struct service_port *port;
    const struct port_owner *next;
};

static const struct port_owner *find_rival(
        const struct port_owner *owner, const struct service_port *port)
{
    for (; owner; owner = owner->next)
        if (is_any_address(owner->port->host_ip) || is_any_address(port->host_ip) ||
                strcmp(owner->port->host_ip, port->host_ip) == 0)
            return owner;
    return NULL;
}

static void claim_port(
        struct lint *lint, struct strmap *owners, const struct service *service, size_t index)
{
    const struct service_port *port = &service->ports.items[index];
    uint16_t number = fixed_host_port(port);
    const char *protocol = port->protocol ? port->protocol : "tcp";
    const char *key = arena_printf(lint->arena, "%u/%s", number, protocol);
    const struct port_owner *known = strmap_get(owners, key), *rival;

    if (!number)
        return;
    rival = find_rival(known, port);
    if (rival) {
        struct diag_entry *entry = lint_add_field(lint, service,
                arena_printf(lint->arena, "ports[%zu]", index),
                "host port %s is published by service \"%s\" already, at %s:%u:%u", key,
                rival->service->name, rival->port->at.file, rival->port->at.line,
                rival->port->at.column);

        lint_hint(lint, entry, "only one of them can start");
        return;
    }
    struct port_owner *owner = ARENA_NEW(lint->arena, struct port_owner);

    *owner = (struct port_owner){ .service = service, .port = port, .next = known };
    (void)strmap_set(owners, key, owner);
}

/* Services whose profiles are not active may be alternatives. */
void rule_duplicate_host_port(struct lint *lint, const struct project *project)
{
    struct strmap owners;

    strmap_init_arena(&owners, lint->arena);
    lint->section = "services";
    ARRAY_FOREACH(&project->services, service) {
        lint->key = service->name;
        for (size_t i = 0; i < service->ports.len && !shares_host_network(service); i++)
            claim_port(lint, &owners, service, i);
    }
    lint->section = lint->key = NULL;
}
