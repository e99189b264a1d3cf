/* HTTP requests through libcurl, which is opened on first use: this is the one file that knows it. One
 * request at a time per client; bodies are pulled, so that a slow reader slows the sender down. Redirects,
 * retries and credentials are the caller's: nothing is followed or repeated here. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"
#include "base/cleanup.h"

struct error;
struct http_client;

struct http_tls {
    bool verify;
    const char *ca_file, *cert_file, *key_file; /* NULL: the system's, none, none */
};

struct http_request {
    const char *url;
    const char *authorization; /* value of the header; NULL: none. Never logged, never in errors. */
    const char *accept;        /* value of the header; NULL: none */
    const char *form;          /* POST of application/x-www-form-urlencoded; NULL: none */
    const char *method;        /* "HEAD", "POST" or "PUT"; NULL: GET, or POST with a form */
    const char *content_type;  /* of the body; NULL: not said */
    int body_fd;         /* of POST and PUT: body_bytes from its beginning; may be sent anew */
    uint64_t body_bytes; /* 0: an empty body, and body_fd does not count */
    uint64_t range_from; /* Range: bytes=N-; 0: the whole */
    struct http_tls tls;
    const atomic_bool *cancel;
};

/* What is known when the body begins. Texts live until the next request of the client. */
struct http_response {
    unsigned status;
    int64_t length;                   /* Content-Length of this body, -1 unknown */
    uint64_t range_from;              /* of a 206: where the body begins */
    const char *redirect;             /* absolute URL of a 3xx's Location; NULL: none */
    const char *location;             /* the same of any answer */
    const char *content_type;         /* NULL: none */
    const struct strings *challenges; /* values of WWW-Authenticate */
    int64_t retry_after_sec;          /* -1: not said */
};

int http_client_new(struct http_client **ret, struct error **err);
void http_client_free(struct http_client *client);
DEFINE_CLEANUP(struct http_client *, http_client_free);

/* Sends and waits for the headers. An answer of any status is success. -EAGAIN when the connection failed
 * in a way that another try may mend (cut, timed out); -ECONNREFUSED when there was none at all; -EPROTO for TLS and protocol errors;
 * -ECANCELED; others are for good. A request that is still under way is given up. */
int http_open(struct http_client *client, const struct http_request *request,
        struct http_response *ret, struct error **err);

/* The next bytes of the body; 0 at its end; -EAGAIN when the connection was cut before it. */
ssize_t http_read(struct http_client *client, void *data, size_t size, struct error **err);

/* The rest of the body, at most max_bytes (-EFBIG above). Terminated; given. */
int http_read_all(struct http_client *client, size_t max_bytes, char **ret, size_t *ret_len,
        struct error **err);

/* Parts of a URL. */
struct http_url {
    char *scheme, *host; /* lower case; an IPv6 host has no brackets */
    unsigned port;
};
int http_url_parse(const char *url, struct http_url *ret, struct error **err);
void http_url_release(struct http_url *url);
bool http_url_same_origin(const struct http_url *a, const struct http_url *b);

/* True for localhost, 127.0.0.0/8 and ::1 as literal names: what cannot leave the machine. */
bool http_host_is_loopback(const char *host);

/* Percent-encoded for a query; given. */
char *http_escape(const char *text);
