#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/fs.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/timefmt.h"
#include "engine/network/address-internal.h"
#include "engine/network/dns-message.h"
#include "engine/network/dns-server-internal.h"
#include "engine/network/resolv.h"

#define HOST_RESOLV_CONF "/etc/resolv.conf"
#define CONNECTIONS_MAX 256
#define CONNECTIONS_PER_NETWORK_MAX 64
#define CONNECTIONS_PER_CLIENT_MAX 8
#define TCP_READ_TIMEOUT_SEC 3
#define DATAGRAMS_AT_ONCE 32
#define TCP_PREFIX_BYTES 2

/* Who asks, as the socket has it. */
struct client_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t len;
};

static bool read_address(const struct sockaddr *from, struct in6_addr *ret)
{
    if (from->sa_family == AF_INET)
        *ret = address_map(ntohl(((const struct sockaddr_in *)from)->sin_addr.s_addr));
    else if (from->sa_family == AF_INET6)
        *ret = ((const struct sockaddr_in6 *)from)->sin6_addr;
    return from->sa_family == AF_INET || from->sa_family == AF_INET6;
}

/* A client over TCP: reads a query, then writes its answer, then reads the next. */
struct connection {
    struct list node;
    struct dns_server *server;
    struct in6_addr listen_address, client_address; /* IPv4 mapped */
    int fd;
    struct loop_source *source, *timer;
    struct dns_flight *flight; /* the query is under way elsewhere */
    uint8_t prefix[TCP_PREFIX_BYTES];
    uint8_t *
            message; /* query or answer with its prefix, from `done` on still to be read or written */
    size_t done, len;
    bool writing;
};

/* A client over UDP whose query was passed on. */
struct asked {
    struct dns_server *server;
    struct in6_addr listen_address;
    struct client_address client;
    struct dns_query query;
    uint8_t question[DNS_HEADER_BYTES + DNS_NAME_BYTES_MAX + 5];
};

/* The machine's own servers, read anew when the file has changed. Loopback ones can be reached from here;
 * those that are our own listeners would come back to us. */
static void refresh_upstream(struct dns_server *server)
{
    struct upstream *upstream = &server->upstream;
    struct strings texts = { 0 };
    auto_free char *text = NULL;
    struct stat st;
    size_t len;

    if (stat(HOST_RESOLV_CONF, &st) < 0) {
        upstream->len = 0;
        return;
    }
    if (st.st_ino == upstream->inode && st.st_size == upstream->size_bytes &&
            st.st_mtim.tv_sec == upstream->modified.tv_sec &&
            st.st_mtim.tv_nsec == upstream->modified.tv_nsec)
        return;
    *upstream = (struct upstream){
        .modified = st.st_mtim, .inode = st.st_ino, .size_bytes = st.st_size
    };
    if (fs_read_file(AT_FDCWD, HOST_RESOLV_CONF, RESOLV_FILE_MAX_BYTES, &text, &len, NULL) < 0)
        return;
    resolv_nameservers(text, true, &texts);
    for (size_t i = 0; i < texts.len && upstream->len < DNS_SERVERS_MAX; i++) {
        struct dns_server_address address;
        struct in6_addr own;

        if (!dns_server_parse(texts.items[i], &address))
            continue;
        if (read_address(&address.any, &own) && dns_server_find_listener(server, &own))
            continue;
        upstream->servers[upstream->len++] = address;
    }
    resolv_strings_release(&texts);
}

/* Where the client's queries go: to the servers of its own (--dns), else to the machine's. */
static size_t choose_servers(struct dns_server *server, const struct dns_zone *zone,
        const struct in6_addr *client, struct dns_server_address ret[static DNS_SERVERS_MAX])
{
    const struct dns_host *host = dns_zone_find_host(zone, client);
    size_t len = 0;

    for (size_t i = 0; host && i < host->forward_len && len < DNS_SERVERS_MAX; i++)
        if (dns_server_parse(host->forward[i], &ret[len]))
            len++;
    if (host && host->forward_len > 0)
        return len;
    refresh_upstream(server);
    memcpy(ret, server->upstream.servers, sizeof(server->upstream.servers));
    return server->upstream.len;
}

/* An answer without records. Its length; it lies in server->answer. */
static size_t format_refusal(struct dns_server *server, const struct dns_query *query,
        const uint8_t *query_data, enum dns_rcode rcode)
{
    struct dns_answer answer;

    dns_answer_begin(&answer, server->answer, sizeof(server->answer), query, query_data);
    dns_answer_finish(&answer, query, rcode);
    return answer.len;
}

enum outcome { OUTCOME_SILENT, OUTCOME_ANSWER, OUTCOME_FORWARD };

/* What becomes of a message. OUTCOME_ANSWER: the answer lies in server->answer, *ret_len long. */
static enum outcome decide(struct dns_server *server, const struct dns_zone *zone,
        const struct in6_addr *client, const uint8_t *data, size_t len, bool over_tcp,
        struct dns_query *query, size_t *ret_len)
{
    int r = dns_parse_query(data, len, query);
    struct dns_answer answer;
    enum dns_lookup lookup;
    uint32_t seed;

    if (r < 0)
        return OUTCOME_SILENT;
    if (r > 0) {
        *ret_len = format_refusal(server, query, data, (enum dns_rcode)r);
        return OUTCOME_ANSWER;
    }
    random_bytes(&seed, sizeof(seed));
    dns_answer_begin(&answer, server->answer, over_tcp ? sizeof(server->answer) : query->udp_bytes,
            query, data);
    lookup = dns_lookup(&server->zones, zone, client, query, seed, &answer);
    if (lookup == DNS_LOOKUP_UNKNOWN)
        return OUTCOME_FORWARD;
    dns_answer_finish(&answer, query, lookup == DNS_LOOKUP_ANSWERED ? DNS_NOERROR : DNS_NXDOMAIN);
    *ret_len = answer.len;
    return OUTCOME_ANSWER;
}

/* ---- UDP ---- */

static void send_datagram(struct dns_server *server, const struct in6_addr *listen_address,
        const struct client_address *client, const uint8_t *data, size_t len)
{
    const struct listener *listener = dns_server_find_listener(server, listen_address);

    /* What cannot be sent is lost, as datagrams are; the client asks again. */
    if (listener)
        (void)!sendto(listener->udp_fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL, &client->any,
                client->len);
}

static void on_forwarded_datagram(void *userdata, uint8_t *response, size_t len)
{
    auto_free struct asked *asked = userdata;
    struct dns_server *server = asked->server;

    if (!response) {
        len = format_refusal(server, &asked->query, asked->question, DNS_SERVFAIL);
        response = server->answer;
    }
    send_datagram(server, &asked->listen_address, &asked->client, response, len);
}

static void forward_datagram(struct dns_server *server, const struct dns_zone *zone,
        const struct client_address *client, const struct in6_addr *address,
        const struct dns_query *query, size_t len)
{
    struct dns_server_address servers[DNS_SERVERS_MAX];
    size_t server_len = choose_servers(server, zone, address, servers);
    struct asked *asked = NEW(struct asked);

    asked->server = server;
    asked->listen_address = zone->listen;
    asked->client = *client;
    asked->query = *query;
    memcpy(asked->question, server->query, query->question_end);
    if (server_len > 0 &&
            dns_forward(server->forwarder, &(struct dns_forward_request){ .query = server->query,
                                                   .len = len,
                                                   .question_end = query->question_end,
                                                   .servers = servers,
                                                   .server_len = server_len,
                                                   .fn = on_forwarded_datagram,
                                                   .userdata = asked }))
        return;
    len = format_refusal(server, query, server->query, server_len ? DNS_REFUSED : DNS_SERVFAIL);
    send_datagram(server, &zone->listen, client, server->answer, len);
    free(asked);
}

static void take_datagram(
        struct listener *listener, const struct client_address *client, size_t len)
{
    struct dns_server *server = listener->server;
    const struct dns_zone *zone = dns_server_find_zone(server, &listener->address);
    struct in6_addr address;
    struct dns_query query;
    size_t answer_len;

    if (!zone || !read_address(&client->any, &address))
        return;
    /* Only the network's own containers are answered. */
    if (!dns_zone_has_address(zone, &address)) {
        if (dns_parse_query(server->query, len, &query) >= 0) {
            answer_len = format_refusal(server, &query, server->query, DNS_REFUSED);
            send_datagram(server, &listener->address, client, server->answer, answer_len);
        }
        return;
    }
    switch (decide(server, zone, &address, server->query, len, false, &query, &answer_len)) {
    case OUTCOME_ANSWER:
        send_datagram(server, &listener->address, client, server->answer, answer_len);
        break;
    case OUTCOME_FORWARD:
        forward_datagram(server, zone, client, &address, &query, len);
        break;
    case OUTCOME_SILENT:
        break;
    }
}

void dns_clients_on_datagram(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct listener *listener = userdata;
    struct dns_server *server = listener->server;

    (void)loop;
    (void)events;
    for (int i = 0; i < DATAGRAMS_AT_ONCE; i++) {
        struct client_address client = { .len = sizeof(client.v6) };
        ssize_t got = recvfrom(
                fd, server->query, sizeof(server->query), MSG_DONTWAIT, &client.any, &client.len);

        if (got < 0)
            return;
        take_datagram(listener, &client, (size_t)got);
    }
}

/* ---- TCP ---- */

static void connection_free(struct connection *connection)
{
    dns_flight_cancel(connection->flight);
    loop_remove(connection->source);
    loop_remove(connection->timer);
    fd_close(connection->fd);
    list_remove(&connection->node);
    connection->server->connection_len--;
    free(connection->message);
    free(connection);
}

static void on_connection_timeout(struct loop *loop, void *userdata)
{
    (void)loop;
    connection_free(userdata);
}

/* Turns to reading the next query (`writing` false) or writing the answer; one time limit for each. */
static int turn(struct connection *connection, bool writing)
{
    connection->writing = writing;
    connection->done = 0;
    loop_set_timer(connection->timer, time_monotonic_usec() + TCP_READ_TIMEOUT_SEC * USEC_PER_SEC);
    return loop_change_io(connection->source, writing ? EPOLLOUT : EPOLLIN);
}

static int start_answer(struct connection *connection, const uint8_t *data, size_t len)
{
    free(connection->message);
    connection->message = mem_alloc(TCP_PREFIX_BYTES + len);
    connection->len = TCP_PREFIX_BYTES + len;
    dns_put_u16(connection->message, (uint16_t)len);
    memcpy(connection->message + TCP_PREFIX_BYTES, data, len);
    return turn(connection, true);
}

static void on_forwarded_stream(void *userdata, uint8_t *response, size_t len)
{
    struct connection *connection = userdata;
    struct dns_server *server = connection->server;
    struct dns_query query;

    connection->flight = NULL;
    if (!response) {
        (void)dns_parse_query(connection->message, connection->len, &query); /* it was one before */
        len = format_refusal(server, &query, connection->message, DNS_SERVFAIL);
        response = server->answer;
    }
    if (start_answer(connection, response, len) < 0)
        connection_free(connection);
}

static int forward_stream(
        struct connection *connection, const struct dns_zone *zone, const struct dns_query *query)
{
    struct dns_server *server = connection->server;
    struct dns_server_address servers[DNS_SERVERS_MAX];
    size_t server_len = choose_servers(server, zone, &connection->client_address, servers);

    if (server_len > 0)
        connection->flight = dns_forward(
                server->forwarder, &(struct dns_forward_request){ .query = connection->message,
                                           .len = connection->len,
                                           .question_end = query->question_end,
                                           .over_tcp = true,
                                           .servers = servers,
                                           .server_len = server_len,
                                           .fn = on_forwarded_stream,
                                           .userdata = connection });
    if (!connection->flight) {
        size_t len = format_refusal(
                server, query, connection->message, server_len ? DNS_REFUSED : DNS_SERVFAIL);
        return start_answer(connection, server->answer, len);
    }
    /* The flight has limits of its own; nothing is read meanwhile. */
    loop_set_timer(connection->timer, TIMEOUT_NEVER);
    return loop_change_io(connection->source, 0);
}

/* A whole query was read. Negative: the connection is to be closed. */
static int take_query(struct connection *connection)
{
    struct dns_server *server = connection->server;
    const struct dns_zone *zone = dns_server_find_zone(server, &connection->listen_address);
    struct dns_query query;
    size_t len;

    if (!zone)
        return -ECONNRESET;
    switch (decide(server, zone, &connection->client_address, connection->message, connection->len,
            true, &query, &len)) {
    case OUTCOME_ANSWER:
        return start_answer(connection, server->answer, len);
    case OUTCOME_FORWARD:
        return forward_stream(connection, zone, &query);
    case OUTCOME_SILENT:
        break;
    }
    return -EBADMSG;
}

static int read_connection(struct connection *connection)
{
    bool in_prefix = connection->done < TCP_PREFIX_BYTES;
    size_t end = in_prefix ? TCP_PREFIX_BYTES : TCP_PREFIX_BYTES + connection->len;
    uint8_t *to = in_prefix ? connection->prefix + connection->done
                            : connection->message + (connection->done - TCP_PREFIX_BYTES);
    ssize_t got = recv(connection->fd, to, end - connection->done, MSG_DONTWAIT);

    if (got == 0)
        return -ECONNRESET;
    if (got < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    connection->done += (size_t)got;
    if (connection->done < end)
        return 0;
    if (!in_prefix)
        return take_query(connection);
    connection->len = dns_get_u16(connection->prefix);
    if (connection->len < DNS_HEADER_BYTES)
        return -EBADMSG;
    free(connection->message);
    connection->message = mem_alloc(connection->len);
    return 0;
}

static int write_connection(struct connection *connection)
{
    ssize_t sent = send(connection->fd, connection->message + connection->done,
            connection->len - connection->done, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    connection->done += (size_t)sent;
    return connection->done < connection->len ? 0 : turn(connection, false);
}

static void on_stream(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct connection *connection = userdata;
    int r = 0;

    (void)loop;
    (void)fd;
    if (connection->flight) /* only hang-up is reported then */
        r = events & (EPOLLHUP | EPOLLERR) ? -ECONNRESET : 0;
    else
        r = connection->writing ? write_connection(connection) : read_connection(connection);
    if (r < 0)
        connection_free(connection);
}

static size_t count_in_network(
        const struct dns_server *server, const struct in6_addr *listen_address)
{
    size_t count = 0;

    LIST_FOREACH(&server->connections, node)
        count += address6_is_equal(
                &LIST_ITEM(node, struct connection, node)->listen_address, listen_address);
    return count;
}

/* When all places are taken the network that has the most gives one up, its oldest: so none can keep another
 * from being answered. False when that is the newcomer's own. */
static bool make_room(struct dns_server *server, const struct in6_addr *listen_address)
{
    struct connection *oldest = NULL;
    size_t most = count_in_network(server, listen_address);

    if (server->connection_len < CONNECTIONS_MAX)
        return true;
    LIST_FOREACH(&server->connections, node) {
        struct connection *connection = LIST_ITEM(node, struct connection, node);
        size_t count = count_in_network(server, &connection->listen_address);

        if (count > most) {
            most = count;
            oldest = connection;
        }
    }
    if (oldest)
        connection_free(oldest);
    return oldest != NULL;
}

static bool may_connect(struct dns_server *server, const struct in6_addr *listen_address,
        const struct in6_addr *client)
{
    size_t same = 0;

    LIST_FOREACH(&server->connections, node)
        same += address6_is_equal(
                &LIST_ITEM(node, struct connection, node)->client_address, client);
    return same < CONNECTIONS_PER_CLIENT_MAX &&
           count_in_network(server, listen_address) < CONNECTIONS_PER_NETWORK_MAX &&
           make_room(server, listen_address);
}

void dns_clients_on_connection(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct listener *listener = userdata;
    struct dns_server *server = listener->server;
    const struct dns_zone *zone = dns_server_find_zone(server, &listener->address);
    struct client_address client = { .len = sizeof(client.v6) };
    auto_close int accepted = accept4(fd, &client.any, &client.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct in6_addr address;
    struct connection *connection;

    (void)events;
    if (accepted < 0 || !zone || !read_address(&client.any, &address) ||
            !dns_zone_has_address(zone, &address) ||
            !may_connect(server, &listener->address, &address))
        return;
    connection = NEW(struct connection);
    *connection = (struct connection){ .server = server,
        .listen_address = listener->address,
        .client_address = address,
        .fd = TAKE_FD(accepted) };
    list_append(&server->connections, &connection->node);
    server->connection_len++;
    if (loop_add_timer(loop, on_connection_timeout, connection, &connection->timer, NULL) < 0 ||
            loop_add_io(loop, connection->fd, EPOLLIN, on_stream, connection, &connection->source,
                    NULL) < 0 ||
            turn(connection, false) < 0)
        connection_free(connection);
}

void dns_clients_release(struct dns_server *server)
{
    LIST_FOREACH(&server->connections, node)
        connection_free(LIST_ITEM(node, struct connection, node));
}
