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

static int socket_type(enum sandbox_protocol protocol)
{
    return protocol == SANDBOX_TCP ? SOCK_STREAM : SOCK_DGRAM;
}

/* Binds port->host_port (0: one that the kernel chooses, and stores it). 0 or -errno. The socket is closed
 * again; the monitor binds it for good. */
static int try_bind(struct sandbox_port *port)
{
    auto_close int fd = socket(AF_INET, socket_type(port->protocol) | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = { .sin_family = AF_INET,
        .sin_port = htons(port->host_port),
        .sin_addr.s_addr = htonl(port->host_address) };
    socklen_t len = sizeof(address);
    int on = 1;

    if (fd < 0)
        return -errno;
    if (port->protocol == SANDBOX_TCP && port->host_port != 0)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            getsockname(fd, (struct sockaddr *)&address, &len) < 0)
        return -errno;
    port->host_port = ntohs(address.sin_port);
    return 0;
}

/* Has another container (or an earlier port of this one) the same port, on this or on every address? */
static bool is_allocated(const struct ports *taken, const struct sandbox_port *port)
{
    for (size_t i = 0; i < taken->len; i++) {
        const struct sandbox_port *other = &taken->items[i];

        if (other->protocol == port->protocol && other->host_port == port->host_port &&
                (other->host_address == port->host_address || other->host_address == 0 ||
                        port->host_address == 0))
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

        if (address_parse(stmt_text(stmt, 0), &port.host_address) < 0 || protocol < 0 ||
                address_parse(stmt_text(stmt, 4), &port.address) < 0)
            continue; /* of a container without an address: nothing can be led there */
        port.protocol = (enum sandbox_protocol)protocol;
        *ARRAY_APPEND(ret) = port;
    }
    return r;
}

/* The container's address that ports lead to: of its first network that is a way out. */
#define PORTS_SELECT                                                                            \
    "SELECT host_ip, host_port, container_port, protocol,"                                      \
    " (SELECT ipv4 FROM endpoints JOIN networks ON networks.id = network_id"                    \
    "  WHERE endpoints.container_id = ports.container_id AND internal = 0 AND active_boot = ?1" \
    "  ORDER BY gw_priority DESC, position, networks.name LIMIT 1)"                             \
    " FROM ports "

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
    char host[ADDRESS_TEXT_MAX];

    return error_set_plain(err, EADDRINUSE, NULL,
            "Bind for %s:%u failed: port is already allocated",
            address_format(port->host_address, host), port->host_port);
}

static int set_bind_failed(const struct sandbox_port *port, int code, struct error **err)
{
    char host[ADDRESS_TEXT_MAX], inside[ADDRESS_TEXT_MAX];

    address_format(port->host_address, host);
    address_format(port->address, inside);
    if (code == -EADDRINUSE)
        return error_set_plain(err, code, NULL,
                "failed to bind host port for %s:%u:%s:%u/%s: address already in use", host,
                port->host_port, inside, port->port, sandbox_protocol_name(port->protocol));
    return error_set(err, code, NULL, "failed to bind host port for %s:%u:%s:%u/%s", host,
            port->host_port, inside, port->port, sandbox_protocol_name(port->protocol));
}

static int choose_ephemeral(
        const struct ports *taken, struct sandbox_port *port, struct error **err)
{
    for (int i = 0; i < EPHEMERAL_ATTEMPTS; i++) {
        port->host_port = 0;
        int r = try_bind(port);
        if (r < 0)
            return set_bind_failed(port, r, err);
        if (!is_allocated(taken, port))
            return 0;
    }
    return error_set_plain(err, EADDRINUSE, NULL, "no free host port was found for port %u/%s",
            port->port, sandbox_protocol_name(port->protocol));
}

/* The first port of the range that nobody has; the reason why the last one was refused otherwise. */
static int choose_in_range(const struct ports *taken, const struct network_publish *publish,
        struct sandbox_port *port, struct error **err)
{
    uint16_t last = publish->host_last > publish->host_first ? publish->host_last
                                                             : publish->host_first;
    auto_error struct error *refused = NULL;

    for (uint32_t number = publish->host_first; number <= last; number++) {
        port->host_port = (uint16_t)number;
        if (is_allocated(taken, port)) {
            (void)set_allocated(port, &refused);
            continue;
        }
        int r = try_bind(port);
        if (r >= 0)
            return 0;
        (void)set_bind_failed(port, r, &refused);
    }
    return error_move(err, TAKE(refused));
}

static int insert_port(struct engine *engine, const char *container_id,
        const struct sandbox_port *port, struct error **err)
{
    char host[ADDRESS_TEXT_MAX];
    int r = db_exec(engine->db, err,
            "INSERT INTO ports (container_id, host_ip, host_port, container_port, protocol)"
            " VALUES (?, ?, ?, ?, ?)",
            "ttiit", container_id, address_format(port->host_address, host),
            (int64_t)port->host_port, (int64_t)port->port, sandbox_protocol_name(port->protocol));

    return r < 0 ? r : 0;
}

static int allocate_all(struct engine *engine, const struct network_start_options *options,
        uint32_t address, uint32_t fallback_host, struct ports *taken, struct ports *ret,
        struct error **err)
{
    for (size_t i = 0; i < options->publish_len; i++) {
        const struct network_publish *publish = &options->publish[i];
        struct sandbox_port port = { .host_address = fallback_host,
            .address = address,
            .port = publish->port,
            .protocol = publish->protocol };
        int r;

        if (!string_is_empty(publish->host_ip) &&
                address_parse(publish->host_ip, &port.host_address) < 0)
            return error_set_plain(err, EOPNOTSUPP, NULL,
                    "cannot publish on host address %s: only IPv4 addresses are supported",
                    publish->host_ip);
        r = publish->host_first ? choose_in_range(taken, publish, &port, err)
                                : choose_ephemeral(taken, &port, err);
        if (r >= 0)
            r = insert_port(engine, options->container_id, &port, err);
        if (r < 0)
            return r;
        *ARRAY_APPEND(taken) = port;
        *ARRAY_APPEND(ret) = port;
    }
    return 0;
}

int ports_allocate(struct engine *engine, const struct network_start_options *options,
        uint32_t address, uint32_t fallback_host, struct ports *ret, struct error **err)
{
    struct ports taken = { 0 };
    int r = ports_read(engine, NULL, &taken, err);

    if (r >= 0)
        r = allocate_all(engine, options, address, fallback_host, &taken, ret, err);
    ARRAY_RELEASE(&taken);
    return r;
}
