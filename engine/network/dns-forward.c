#include "engine/network/dns-forward.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/timefmt.h"
#include "engine/network/dns-message.h"

#define PORT 53
#define TCP_PREFIX_BYTES 2 /* length before each message */

struct dns_flight {
    struct list node; /* in forwarder->flights, by deadline: all have the same timeout */
    struct dns_forwarder *forwarder;
    struct dns_server_address servers[DNS_SERVERS_MAX];
    size_t server_len, next_server;
    bool over_tcp;
    uint16_t id, client_id;
    int fd;
    struct loop_source *source;
    int64_t deadline_usec;
    dns_forward_fn fn;
    void *userdata;

    uint8_t *query; /* TCP_PREFIX_BYTES, then the message with our id */
    size_t query_len, question_end;
    size_t sent; /* TCP: bytes of the query with its prefix */

    uint8_t prefix[TCP_PREFIX_BYTES]; /* TCP: the answer's */
    uint8_t *response;
    size_t received, response_len;
};

struct dns_forwarder {
    struct loop *loop;
    struct loop_source *timer;
    struct list flights;
    size_t flight_len;
    uint8_t datagram[LIMIT_DNS_MESSAGE_BYTES];
};

static bool try_server(struct dns_flight *flight);

bool dns_server_parse(const char *text, struct dns_server_address *ret)
{
    char address[INET6_ADDRSTRLEN];
    const char *scope = strchr(text, '%');
    size_t len = scope ? (size_t)(scope - text) : strlen(text);

    *ret = (struct dns_server_address){ 0 };
    if (len >= sizeof(address))
        return false;
    memcpy(address, text, len);
    address[len] = '\0';
    if (!scope && inet_pton(AF_INET, address, &ret->v4.sin_addr) == 1) {
        ret->v4.sin_family = AF_INET;
        ret->v4.sin_port = htons(PORT);
        ret->len = sizeof(ret->v4);
        return true;
    }
    if (inet_pton(AF_INET6, address, &ret->v6.sin6_addr) != 1)
        return false;
    ret->v6.sin6_family = AF_INET6;
    ret->v6.sin6_port = htons(PORT);
    ret->v6.sin6_scope_id = scope ? if_nametoindex(scope + 1) : 0;
    ret->len = sizeof(ret->v6);
    return true;
}

static void close_attempt(struct dns_flight *flight)
{
    loop_remove(flight->source);
    flight->source = NULL;
    flight->fd = fd_close(flight->fd);
    free(flight->response);
    flight->response = NULL;
    flight->sent = flight->received = flight->response_len = 0;
}

static void flight_free(struct dns_flight *flight)
{
    close_attempt(flight);
    list_remove(&flight->node);
    flight->forwarder->flight_len--;
    free(flight->query);
    free(flight);
}

void dns_flight_cancel(struct dns_flight *flight)
{
    if (flight)
        flight_free(flight);
}

static void arm_timer(struct dns_forwarder *forwarder)
{
    int64_t deadline = TIMEOUT_NEVER;

    if (!list_is_empty(&forwarder->flights))
        deadline = LIST_ITEM(forwarder->flights.next, struct dns_flight, node)->deadline_usec;
    loop_set_timer(forwarder->timer, deadline);
}

/* Ends the flight and hands the answer over. `response` may belong to the flight. */
static void land(struct dns_flight *flight, uint8_t *response, size_t len)
{
    dns_forward_fn fn = flight->fn;
    void *userdata = flight->userdata;
    auto_free uint8_t *owned = TAKE(flight->response);

    if (response)
        dns_put_u16(response, flight->client_id);
    flight_free(flight);
    fn(userdata, response, len);
    (void)owned;
}

/* The server is of no use for this query: the next one, or no answer. */
static void give_up_server(struct dns_flight *flight)
{
    struct dns_forwarder *forwarder = flight->forwarder;

    close_attempt(flight);
    if (!try_server(flight))
        land(flight, NULL, 0);
    arm_timer(forwarder);
}

/* A complete message from the server. */
static void take_response(struct dns_flight *flight, uint8_t *response, size_t len)
{
    enum dns_rcode rcode;

    if (!dns_is_response(flight->query + TCP_PREFIX_BYTES, flight->question_end, flight->id,
                response, len)) {
        if (flight->over_tcp)
            give_up_server(flight);
        return; /* UDP: somebody else's guess; the true answer may follow */
    }
    rcode = dns_response_rcode(response);
    if ((rcode == DNS_SERVFAIL || rcode == DNS_REFUSED) && flight->next_server < flight->server_len)
        give_up_server(flight);
    else
        land(flight, response, len);
}

static void on_datagram(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct dns_flight *flight = userdata;
    uint8_t *buffer = flight->forwarder->datagram;
    ssize_t got = recv(fd, buffer, sizeof(flight->forwarder->datagram), MSG_DONTWAIT);

    (void)loop;
    (void)events;
    if (got >= 0)
        take_response(flight, buffer, (size_t)got);
    else if (errno != EAGAIN && errno != EINTR)
        give_up_server(flight); /* "port unreachable" came back */
}

/* 1 all is sent, 0 later, negative: the connection is broken. */
static int send_stream(struct dns_flight *flight)
{
    size_t total = TCP_PREFIX_BYTES + flight->query_len;

    while (flight->sent < total) {
        ssize_t n = send(flight->fd, flight->query + flight->sent, total - flight->sent,
                MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        flight->sent += (size_t)n;
    }
    return 1;
}

/* The same for the answer. */
static int receive_stream(struct dns_flight *flight)
{
    for (;;) {
        bool in_prefix = flight->received < TCP_PREFIX_BYTES;
        size_t end = in_prefix ? TCP_PREFIX_BYTES : TCP_PREFIX_BYTES + flight->response_len;
        uint8_t *to = in_prefix ? flight->prefix + flight->received
                                : flight->response + (flight->received - TCP_PREFIX_BYTES);

        if (!in_prefix && flight->received == end)
            return 1;
        ssize_t n = recv(flight->fd, to, end - flight->received, MSG_DONTWAIT);
        if (n == 0)
            return -ECONNRESET;
        if (n < 0)
            return errno == EAGAIN || errno == EINTR ? 0 : -errno;
        flight->received += (size_t)n;
        if (in_prefix && flight->received == TCP_PREFIX_BYTES) {
            flight->response_len = dns_get_u16(flight->prefix);
            if (flight->response_len < DNS_HEADER_BYTES)
                return -EBADMSG;
            flight->response = mem_alloc(flight->response_len);
        }
    }
}

static void on_stream(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct dns_flight *flight = userdata;
    size_t total = TCP_PREFIX_BYTES + flight->query_len;
    int r = 1;

    (void)loop;
    (void)fd;
    (void)events;
    if (flight->sent < total) {
        r = send_stream(flight);
        if (r > 0)
            r = loop_change_io(flight->source, EPOLLIN);
    } else {
        r = receive_stream(flight);
        if (r > 0) {
            take_response(flight, flight->response, flight->response_len);
            return;
        }
    }
    if (r < 0)
        give_up_server(flight);
}

static bool open_attempt(struct dns_flight *flight, const struct dns_server_address *server)
{
    int type = flight->over_tcp ? SOCK_STREAM : SOCK_DGRAM;
    const uint8_t *message = flight->query + TCP_PREFIX_BYTES;

    flight->fd = socket(server->any.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (flight->fd < 0)
        return false;
    if (connect(flight->fd, &server->any, server->len) < 0 && errno != EINPROGRESS)
        return false;
    if (!flight->over_tcp && send(flight->fd, message, flight->query_len, MSG_NOSIGNAL) < 0)
        return false;
    return loop_add_io(flight->forwarder->loop, flight->fd, flight->over_tcp ? EPOLLOUT : EPOLLIN,
                   flight->over_tcp ? on_stream : on_datagram, flight, &flight->source, NULL) >= 0;
}

/* Starts on the next server that takes the query at all; moves the flight to the end of the line of
 * deadlines. False when there is none left. */
static bool try_server(struct dns_flight *flight)
{
    while (flight->next_server < flight->server_len) {
        if (!open_attempt(flight, &flight->servers[flight->next_server++])) {
            close_attempt(flight);
            continue;
        }
        flight->deadline_usec = time_monotonic_usec() + DNS_FORWARD_TIMEOUT_SEC * USEC_PER_SEC;
        list_remove(&flight->node);
        list_append(&flight->forwarder->flights, &flight->node);
        return true;
    }
    return false;
}

static void on_timer(struct loop *loop, void *userdata)
{
    struct dns_forwarder *forwarder = userdata;
    int64_t now = time_monotonic_usec();

    (void)loop;
    while (!list_is_empty(&forwarder->flights)) {
        struct dns_flight *flight = LIST_ITEM(forwarder->flights.next, struct dns_flight, node);

        if (flight->deadline_usec > now)
            break;
        give_up_server(flight);
    }
    arm_timer(forwarder);
}

int dns_forwarder_new(struct loop *loop, struct dns_forwarder **ret, struct error **err)
{
    struct dns_forwarder *forwarder = NEW(struct dns_forwarder);
    int r;

    forwarder->loop = loop;
    list_init(&forwarder->flights);
    r = loop_add_timer(loop, on_timer, forwarder, &forwarder->timer, err);
    if (r < 0) {
        free(forwarder);
        return r;
    }
    *ret = forwarder;
    return 0;
}

void dns_forwarder_free(struct dns_forwarder *forwarder)
{
    if (!forwarder)
        return;
    while (!list_is_empty(&forwarder->flights))
        land(LIST_ITEM(forwarder->flights.next, struct dns_flight, node), NULL, 0);
    loop_remove(forwarder->timer);
    free(forwarder);
}

struct dns_flight *dns_forward(
        struct dns_forwarder *forwarder, const struct dns_forward_request *request)
{
    struct dns_flight *flight;

    if (forwarder->flight_len >= DNS_FLIGHTS_MAX || request->len > LIMIT_DNS_MESSAGE_BYTES)
        return NULL;
    flight = NEW(struct dns_flight);
    *flight = (struct dns_flight){
        .forwarder = forwarder,
        .server_len = request->server_len < DNS_SERVERS_MAX ? request->server_len : DNS_SERVERS_MAX,
        .over_tcp = request->over_tcp,
        .client_id = dns_get_u16(request->query),
        .fd = -EBADF,
        .fn = request->fn,
        .userdata = request->userdata,
        .query = mem_alloc(TCP_PREFIX_BYTES + request->len),
        .query_len = request->len,
        .question_end = request->question_end,
    };
    memcpy(flight->servers, request->servers, flight->server_len * sizeof(flight->servers[0]));
    random_bytes(&flight->id, sizeof(flight->id));
    dns_put_u16(flight->query, (uint16_t)request->len);
    memcpy(flight->query + TCP_PREFIX_BYTES, request->query, request->len);
    dns_put_u16(flight->query + TCP_PREFIX_BYTES, flight->id);
    list_init(&flight->node);
    forwarder->flight_len++;
    if (!try_server(flight)) {
        flight_free(flight);
        return NULL;
    }
    arm_timer(forwarder);
    return flight;
}
