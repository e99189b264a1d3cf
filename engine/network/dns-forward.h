/* Passing queries on to other name servers: one socket and one random id per query in flight, over the
 * transport that it came by; the next server after a timeout, SERVFAIL or REFUSED. */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define DNS_SERVERS_MAX 3
#define DNS_FLIGHTS_MAX 1024
#define DNS_FORWARD_TIMEOUT_SEC 4 /* for each server */

struct dns_flight;
struct dns_forwarder;
struct error;
struct loop;

struct dns_server_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t len;
};

/* "1.1.1.1", "fd00::1", "fe80::1%eth0"; port 53. False when it is no address. */
bool dns_server_parse(const char *text, struct dns_server_address *ret);

/* The answer as it came, with the query's own id; NULL when no server gave one. The flight ends with
 * this call. */
typedef void (*dns_forward_fn)(void *userdata, uint8_t *response, size_t len);

struct dns_forward_request {
    const uint8_t *query; /* copied */
    size_t len, question_end;
    bool over_tcp;
    const struct dns_server_address *servers; /* at least one; copied */
    size_t server_len;
    dns_forward_fn fn;
    void *userdata;
};

int dns_forwarder_new(struct loop *loop, struct dns_forwarder **ret, struct error **err);
void dns_forwarder_free(struct dns_forwarder *forwarder); /* ends all flights without an answer */

/* The flight, or NULL when too many are under way or no server can be reached at all (then fn is not called). */
struct dns_flight *dns_forward(
        struct dns_forwarder *forwarder, const struct dns_forward_request *request);
void dns_flight_cancel(struct dns_flight *flight); /* fn is not called; NULL is fine */
