#include "engine/network/ports-internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "engine/engine-internal.h"
#include "engine/network/address-internal.h"

#define EPHEMERAL_ATTEMPTS 64

/* Binds port->host_port (0: one that the kernel chooses, and stores it). 0 or -errno. The socket is closed
 * again; the monitor binds it for good. */
static int try_bind(struct sandbox_port *port)
{
    int bound = sandbox_port_bind(port);
    auto_close int fd = bound < 0 ? -EBADF : bound;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t len = sizeof(address);

    if (bound < 0)
        return bound;
    if (getsockname(fd, &address.any, &len) < 0)
        return -errno;
    port->host_port = ntohs(
            address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
    return 0;
}

static bool is_same_host(const struct in6_addr *a, const struct in6_addr *b)
{
    return address_is_mapped(a) == address_is_mapped(b) &&
           (address6_is_equal(a, b) || address_is_wildcard(a) || address_is_wildcard(b));
}

/* Has another container (or an earlier port of this one) the same port, on this or on every address? */
static bool is_allocated(const struct ports *taken, const struct sandbox_port *port)
{
    for (size_t i = 0; i < taken->len; i++) {
        const struct sandbox_port *other = &taken->items[i];

        if (other->host_port && other->protocol == port->protocol &&
                other->host_port == port->host_port &&
                is_same_host(&other->host_address, &port->host_address))
            return true;
    }
    return false;
}

static int read_ports(
        struct engine *engine, struct stmt *stmt, struct ports *ret, struct error **err)
{
    int r;

    (void)engine;
    while ((r = stmt_step(stmt, err)) > 0) {
        struct sandbox_port port = { .host_port = (uint16_t)stmt_int(stmt, 1),
            .port = (uint16_t)stmt_int(stmt, 2) };
        int protocol = sandbox_protocol_parse(stmt_text(stmt, 3));

        if (address_parse_any(stmt_text(stmt, 0), &port.host_address) < 0 || protocol < 0 ||
                address_parse_any(stmt_text(stmt, address_is_mapped(&port.host_address) ? 4 : 5),
                        &port.address) < 0)
            continue; /* of a container without an address: nothing can be led there */
        port.protocol = (enum sandbox_protocol)protocol;
        *ARRAY_APPEND(ret) = port;
    }
    return r;
}

/* The container's addresses that ports lead to: of the network with the default route of that family. */
#define PORTS_TARGET(column)                                               \
    " (SELECT CASE WHEN networks.driver = 'bridge' THEN endpoints." column \
    " END FROM endpoints JOIN networks ON networks.id = network_id"        \
    "  WHERE endpoints.container_id = ports.container_id AND internal = 0" \
    "  AND active_boot = ?1 AND endpoints." column " IS NOT NULL"          \
    "  ORDER BY gw_priority DESC, position, networks.name LIMIT 1)"
#define PORTS_SELECT                                                                              \
    "SELECT host_ip, host_port, container_port, protocol," PORTS_TARGET("ipv4") "," PORTS_TARGET( \
            "ipv6") " FROM ports "

int ports_read(
        struct engine *engine, const char *container_id, struct ports *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r;

    if (container_id)
        r = db_query(engine->db, &stmt, err, PORTS_SELECT "WHERE container_id = ?2", "tt",
                engine->boot_id, container_id);
    else
        r = db_query(engine->db, &stmt, err, PORTS_SELECT, "t", engine->boot_id);
    return r < 0 ? r : read_ports(engine, stmt, ret, err);
}

static int set_allocated(const struct sandbox_port *port, struct error **err)
{
    char host[ADDRESS6_TEXT_MAX];

    return error_set_plain(err, EADDRINUSE, NULL,
            address_is_mapped(&port->host_address)
                    ? "Bind for %s:%u failed: port is already allocated"
                    : "Bind for [%s]:%u failed: port is already allocated",
            address_format_any(&port->host_address, host), port->host_port);
}

static int set_bind_failed(const struct sandbox_port *port, int code, struct error **err)
{
    char text[SANDBOX_PORT_TEXT_MAX];

    sandbox_port_text(port, text);
    if (code == -EADDRINUSE)
        return error_set_plain(
                err, code, NULL, "failed to bind host port for %s: address already in use", text);
    return error_set(err, code, NULL, "failed to bind host port for %s", text);
}

/* One port of the container and where it is published: one host port on one address, or on one of each family. */
struct choice {
    struct sandbox_port ports[2];
    bool direct[2]; /* without a host port */
    size_t len;
};

/* 0; or the reason why not all of them can have that host port. The first may be 0: one that the kernel chooses. */
static int try_choice(
        const struct ports *taken, struct choice *choice, uint16_t number, struct error **err)
{
    for (size_t i = 0; i < choice->len; i++) {
        struct sandbox_port *port = &choice->ports[i];

        if (choice->direct[i])
            continue;
        port->host_port = number;
        if (port->host_port && is_allocated(taken, port))
            return set_allocated(port, err);
        int r = try_bind(port);
        if (r < 0)
            return set_bind_failed(port, r, err);
        if (is_allocated(taken, port))
            return set_allocated(port, err);
        number = port->host_port;
    }
    return 0;
}

/* The first port of the range that nobody has (any one for 0); the reason why the last one was refused
 * otherwise. */
static int choose_port(const struct ports *taken, const struct network_publish *publish,
        struct choice *choice, struct error **err)
{
    uint32_t last = publish->host_last > publish->host_first ? publish->host_last
                                                             : publish->host_first;
    auto_error struct error *refused = NULL;

    if (publish->host_first == 0)
        last = EPHEMERAL_ATTEMPTS - 1;
    for (uint32_t number = publish->host_first; number <= last; number++) {
        error_free(TAKE(refused));
        if (try_choice(taken, choice, publish->host_first ? (uint16_t)number : 0, &refused) >= 0)
            return 0;
    }
    return error_move(err, TAKE(refused));
}

static int insert_port(struct engine *engine, const char *container_id,
        const struct sandbox_port *port, struct error **err)
{
    char host[ADDRESS6_TEXT_MAX];
    int r = db_exec(engine->db, err,
            "INSERT INTO ports (container_id, host_ip, host_port, container_port, protocol)"
            " VALUES (?, ?, ?, ?, ?)",
            "ttiit", container_id, address_format_any(&port->host_address, host),
            (int64_t)port->host_port, (int64_t)port->port, sandbox_protocol_name(port->protocol));

    return r < 0 ? r : 0;
}

static void add_host(struct choice *choice, const struct network_publish *publish,
        const struct ports_target *target, struct in6_addr host)
{
    bool ipv4 = address_is_mapped(&host);
    bool direct = ipv4 ? target->routed_ipv4 : target->routed_ipv6;
    const struct in6_addr *inside = ipv4 ? &target->ipv4 : &target->ipv6;

    if (direct)
        host = ipv4 ? address_map(0) : in6addr_any;
    choice->direct[choice->len] = direct;
    choice->ports[choice->len++] = (struct sandbox_port){
        .host_address = host,
        .address = *inside,
        .port = publish->port,
        .protocol = publish->protocol,
    };
}

/* `lenient`: what leads nowhere is left out, since the container runs already. */
static int make_choice(const struct network_publish *publish, const struct ports_target *target,
        bool lenient, struct choice *ret, struct error **err)
{
    bool has_ipv4 = !address6_is_zero(&target->ipv4), has_ipv6 = !address6_is_zero(&target->ipv6);
    struct in6_addr host;

    *ret = (struct choice){ 0 };
    if (string_is_empty(publish->host_ip)) {
        if (has_ipv4)
            add_host(ret, publish, target, address_map(target->fallback_host));
        if (has_ipv6 && (!target->fallback_host || !has_ipv4))
            add_host(ret, publish, target, in6addr_any);
        return 0;
    }
    if (address_parse_any(publish->host_ip, &host) < 0)
        return error_set_plain(err, EINVAL, NULL,
                "cannot publish on host address %s: it is no IP address", publish->host_ip);
    bool leads_nowhere = address_is_mapped(&host) ? !has_ipv4 : !has_ipv6;
    if (leads_nowhere && lenient)
        return 0;
    if (leads_nowhere)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "cannot publish on host address %s: the container has no %s address",
                publish->host_ip, address_is_mapped(&host) ? "IPv4" : "IPv6");
    /* The kernel takes nothing that comes in over a link for an answer to ::1. */
    if (IN6_IS_ADDR_LOOPBACK(&host) && !target->routed_ipv6)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "cannot publish on host address ::1: this is not supported, 127.0.0.1 is");
    add_host(ret, publish, target, host);
    return 0;
}

/* Is it reached at the container's address already? Published twice it is so once. */
static bool is_direct(const struct ports *ports, const struct sandbox_port *port)
{
    for (size_t i = 0; i < ports->len; i++) {
        const struct sandbox_port *it = &ports->items[i];

        if (it->host_port == 0 && it->port == port->port && it->protocol == port->protocol &&
                address6_is_equal(&it->host_address, &port->host_address))
            return true;
    }
    return false;
}

static int allocate_one(struct engine *engine, const char *container_id,
        const struct network_publish *publish, const struct ports_target *target, bool lenient,
        struct ports *taken, struct ports *ret, struct error **err)
{
    struct choice choice;
    int r = make_choice(publish, target, lenient, &choice, err);

    if (r >= 0 && choice.len > 0)
        r = choose_port(taken, publish, &choice, err);
    for (size_t i = 0; r >= 0 && i < choice.len; i++) {
        if (choice.direct[i] && is_direct(ret, &choice.ports[i]))
            continue;
        r = insert_port(engine, container_id, &choice.ports[i], err);
        *ARRAY_APPEND(taken) = choice.ports[i];
        *ARRAY_APPEND(ret) = choice.ports[i];
    }
    return r;
}

static int allocate_all(struct engine *engine, const struct network_start_options *options,
        const struct ports_target *target, bool lenient, struct ports *ret, struct error **err)
{
    struct ports taken = { 0 };
    int r = ports_read(engine, NULL, &taken, err);

    for (size_t i = 0; r >= 0 && i < options->publish_len; i++)
        r = allocate_one(engine, options->container_id, &options->publish[i], target, lenient,
                &taken, ret, err);
    ARRAY_RELEASE(&taken);
    return r;
}

int ports_allocate(struct engine *engine, const struct network_start_options *options,
        const struct ports_target *target, struct ports *ret, struct error **err)
{
    return allocate_all(engine, options, target, false, ret, err);
}

static bool has_family(const struct ports *ports, bool ipv4)
{
    for (size_t i = 0; i < ports->len; i++)
        if (address_is_mapped(&ports->items[i].host_address) == ipv4)
            return true;
    return false;
}

static bool is_in_range(const struct network_publish *publish, uint16_t host_port)
{
    uint16_t last = publish->host_last > publish->host_first ? publish->host_last
                                                             : publish->host_first;

    return host_port >= publish->host_first && host_port <= last;
}

/* Whether somebody else than who takes any host port asked for this one. */
static bool is_asked_for(
        const struct network_start_options *options, const struct sandbox_port *port)
{
    for (size_t i = 0; i < options->publish_len; i++) {
        const struct network_publish *publish = &options->publish[i];

        if (publish->host_first && publish->port == port->port &&
                publish->protocol == port->protocol && is_in_range(publish, port->host_port))
            return true;
    }
    return false;
}

/* The host port that the other family has for the same of the container's, unless it is given out again already; 0. */
static uint16_t find_counterpart(const struct network_start_options *options,
        const struct ports *ports, const struct network_publish *publish, bool ipv4)
{
    for (size_t i = 0; i < ports->len; i++) {
        const struct sandbox_port *port = &ports->items[i];
        bool given_out = false;

        if (address_is_mapped(&port->host_address) == ipv4 || port->port != publish->port ||
                port->protocol != publish->protocol ||
                (publish->host_first ? !is_in_range(publish, port->host_port)
                                     : is_asked_for(options, port)))
            continue;
        for (size_t j = 0; j < ports->len; j++)
            given_out = given_out || (address_is_mapped(&ports->items[j].host_address) == ipv4 &&
                                             ports->items[j].protocol == port->protocol &&
                                             ports->items[j].host_port == port->host_port);
        if (!given_out)
            return port->host_port;
    }
    return 0;
}

/* The ports of a family that has none yet; those for every address are the other one's. */
static int add_family(struct engine *engine, const struct network_start_options *options,
        const struct ports_target *target, bool ipv4, struct ports *ret, struct error **err)
{
    struct ports_target only = *target;
    struct ports taken = { 0 };
    int r = ports_read(engine, NULL, &taken, err);

    *(ipv4 ? &only.ipv6 : &only.ipv4) = (struct in6_addr){ 0 };
    for (size_t i = 0; r >= 0 && i < options->publish_len; i++) {
        struct network_publish publish = options->publish[i];
        bool for_all = string_is_empty(publish.host_ip);
        uint16_t counterpart = for_all ? find_counterpart(options, ret, &publish, ipv4) : 0;

        /* The address that stands for every one has another family. */
        if (for_all && !ipv4 && target->fallback_host && !address6_is_zero(&target->ipv4))
            continue;
        if (counterpart)
            publish.host_first = publish.host_last = counterpart;
        r = allocate_one(engine, options->container_id, &publish, &only, true, &taken, ret, err);
    }
    ARRAY_RELEASE(&taken);
    return r;
}

/* Rows that lead nowhere any more, or in a way that the network now in question has not. */
static int drop_stale(struct engine *engine, const char *container_id, bool ipv4, bool has_target,
        bool routed, struct error **err)
{
    int r = db_exec(engine->db, err,
            "DELETE FROM ports WHERE container_id = ?1 AND (instr(host_ip, ':') = 0) = ?2"
            " AND (NOT ?3 OR (host_port = 0) <> ?4)",
            "tiii", container_id, (int64_t)ipv4, (int64_t)has_target, (int64_t)routed);

    return r < 0 ? r : 0;
}

/* Whether its address is what stands for every one, rather than one that was asked for. */
static bool is_for_all(const struct network_start_options *options, const struct sandbox_port *port)
{
    bool for_all = false;

    for (size_t i = 0; i < options->publish_len; i++) {
        const struct network_publish *publish = &options->publish[i];
        struct in6_addr host;

        if (publish->port != port->port || publish->protocol != port->protocol ||
                (publish->host_first && !is_in_range(publish, port->host_port)))
            continue;
        if (string_is_empty(publish->host_ip))
            for_all = true;
        else if (address_parse_any(publish->host_ip, &host) >= 0 &&
                 address6_is_equal(&host, &port->host_address))
            return false;
    }
    return for_all;
}

/* Whether somebody else has that port there. */
static int check_others(struct engine *engine, const char *container_id,
        const struct sandbox_port *port, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    struct ports others = { 0 };
    int r = db_query(engine->db, &stmt, err, PORTS_SELECT "WHERE container_id <> ?2", "tt",
            engine->boot_id, container_id);

    if (r >= 0)
        r = read_ports(engine, stmt, &others, err);
    if (r >= 0 && is_allocated(&others, port))
        r = set_allocated(port, err);
    ARRAY_RELEASE(&others);
    return r;
}

/* "" deletes the row. */
static int move_row(struct engine *engine, const char *container_id,
        const struct sandbox_port *port, const char *host, struct error **err)
{
    char old[ADDRESS6_TEXT_MAX];

    address_format_any(&port->host_address, old);
    return db_exec(engine->db, err,
            *host ? "UPDATE ports SET host_ip = ?1 WHERE container_id = ?2 AND host_ip = ?3"
                    " AND host_port = ?4 AND container_port = ?5 AND protocol = ?6"
                  : "DELETE FROM ports WHERE ?1 = '' AND container_id = ?2 AND host_ip = ?3"
                    " AND host_port = ?4 AND container_port = ?5 AND protocol = ?6",
            "tttiit", host, container_id, old, (int64_t)port->host_port, (int64_t)port->port,
            sandbox_protocol_name(port->protocol));
}

/* What it becomes with that target; false: it goes. */
static bool follow(const struct network_start_options *options, const struct ports_target *target,
        const struct sandbox_port *port, struct sandbox_port *ret)
{
    bool ipv4 = address_is_mapped(&port->host_address);

    *ret = *port;
    if (port->host_port == 0 || !is_for_all(options, port))
        return true;
    if (ipv4)
        ret->host_address = address_map(target->fallback_host);
    return ipv4 || !target->fallback_host || address6_is_zero(&target->ipv4);
}

void ports_follow(const struct network_start_options *options, const struct ports_target *target,
        struct ports *ports)
{
    size_t kept = 0;

    for (size_t i = 0; i < ports->len; i++) {
        struct sandbox_port moved;

        if (follow(options, target, &ports->items[i], &moved))
            ports->items[kept++] = moved;
    }
    ports->len = kept;
}

/* The network in question may have another address for "every one" than the one before: what was for loopback alone is
 * not left there, and above all what shall be for loopback alone is not left open to all. */
static int follow_rows(struct engine *engine, const struct network_start_options *options,
        const struct ports_target *target, const struct ports *ports, struct error **err)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ports->len; i++) {
        const struct sandbox_port *port = &ports->items[i];
        char host[ADDRESS6_TEXT_MAX] = "";
        struct sandbox_port moved;
        bool stays = follow(options, target, port, &moved);

        if (stays && address6_is_equal(&moved.host_address, &port->host_address))
            continue;
        if (stays) {
            r = check_others(engine, options->container_id, &moved, err);
            address_format_any(&moved.host_address, host);
        }
        if (r >= 0)
            r = move_row(engine, options->container_id, port, host, err);
    }
    return r < 0 ? r : 0;
}

int ports_adapt(struct engine *engine, const struct network_start_options *options,
        const struct ports_target *target, struct ports *ret, struct error **err)
{
    bool has_target[] = { !address6_is_zero(&target->ipv6), !address6_is_zero(&target->ipv4) };
    bool routed[] = { target->routed_ipv6, target->routed_ipv4 };
    int r = 0;

    for (int ipv4 = 0; r >= 0 && ipv4 < 2; ipv4++)
        r = drop_stale(engine, options->container_id, ipv4, has_target[ipv4], routed[ipv4], err);
    if (r >= 0)
        r = ports_read(engine, options->container_id, ret, err);
    if (r >= 0)
        r = follow_rows(engine, options, target, ret, err);
    if (r >= 0)
        ports_follow(options, target, ret);
    if (r >= 0 && ret->len == 0)
        return allocate_all(engine, options, target, true, ret, err);
    for (int ipv4 = 0; r >= 0 && ipv4 < 2; ipv4++)
        if (has_target[ipv4] && !has_family(ret, ipv4))
            r = add_family(engine, options, target, ipv4, ret, err);
    return r;
}
