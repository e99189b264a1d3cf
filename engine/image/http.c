#include "engine/image/http.h"

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/dl.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"

#define USER_AGENT "berth/0.1 (linux)"
#define CONNECT_TIMEOUT_SEC 30L
#define STALL_TIMEOUT_SEC 60L
#define LOOK_MSEC 100 /* the cancel flag has no event to wait for */
#define BUFFER_BYTES (1u << 20)
/* One callback brings at most CURL_MAX_WRITE_SIZE beyond what made us pause. */
#define BUFFER_MAX_BYTES (BUFFER_BYTES + 2 * CURL_MAX_WRITE_SIZE)

static struct {
    typeof(curl_global_init) *global_init;
    typeof(curl_easy_init) *easy_init;
    typeof(curl_easy_cleanup) *easy_cleanup;
    typeof(curl_easy_reset) *easy_reset;
    typeof(curl_easy_setopt) *easy_setopt;
    typeof(curl_easy_getinfo) *easy_getinfo;
    typeof(curl_easy_pause) *easy_pause;
    typeof(curl_easy_strerror) *easy_strerror;
    typeof(curl_easy_escape) *easy_escape;
    typeof(curl_free) *release;
    typeof(curl_multi_init) *multi_init;
    typeof(curl_multi_cleanup) *multi_cleanup;
    typeof(curl_multi_add_handle) *multi_add_handle;
    typeof(curl_multi_remove_handle) *multi_remove_handle;
    typeof(curl_multi_perform) *multi_perform;
    typeof(curl_multi_poll) *multi_poll;
    typeof(curl_multi_info_read) *multi_info_read;
    typeof(curl_slist_append) *slist_append;
    typeof(curl_slist_free_all) *slist_free_all;
    typeof(curl_url) *url;
    typeof(curl_url_cleanup) *url_cleanup;
    typeof(curl_url_set) *url_set;
    typeof(curl_url_get) *url_get;
} lib;

static const struct dl_symbol symbols[] = {
    DL_SYMBOL(lib.global_init, "curl_global_init"),
    DL_SYMBOL(lib.easy_init, "curl_easy_init"),
    DL_SYMBOL(lib.easy_cleanup, "curl_easy_cleanup"),
    DL_SYMBOL(lib.easy_reset, "curl_easy_reset"),
    DL_SYMBOL(lib.easy_setopt, "curl_easy_setopt"),
    DL_SYMBOL(lib.easy_getinfo, "curl_easy_getinfo"),
    DL_SYMBOL(lib.easy_pause, "curl_easy_pause"),
    DL_SYMBOL(lib.easy_strerror, "curl_easy_strerror"),
    DL_SYMBOL(lib.easy_escape, "curl_easy_escape"),
    DL_SYMBOL(lib.release, "curl_free"),
    DL_SYMBOL(lib.multi_init, "curl_multi_init"),
    DL_SYMBOL(lib.multi_cleanup, "curl_multi_cleanup"),
    DL_SYMBOL(lib.multi_add_handle, "curl_multi_add_handle"),
    DL_SYMBOL(lib.multi_remove_handle, "curl_multi_remove_handle"),
    DL_SYMBOL(lib.multi_perform, "curl_multi_perform"),
    DL_SYMBOL(lib.multi_poll, "curl_multi_poll"),
    DL_SYMBOL(lib.multi_info_read, "curl_multi_info_read"),
    DL_SYMBOL(lib.slist_append, "curl_slist_append"),
    DL_SYMBOL(lib.slist_free_all, "curl_slist_free_all"),
    DL_SYMBOL(lib.url, "curl_url"),
    DL_SYMBOL(lib.url_cleanup, "curl_url_cleanup"),
    DL_SYMBOL(lib.url_set, "curl_url_set"),
    DL_SYMBOL(lib.url_get, "curl_url_get"),
};
static struct dl_library library = DL_LIBRARY("libcurl.so.4", symbols);
static pthread_once_t init_once = PTHREAD_ONCE_INIT;

static void init_library(void)
{
    lib.global_init(CURL_GLOBAL_DEFAULT);
}

static int open_library(struct error **err)
{
    int r = dl_open(&library, err);

    if (r >= 0)
        pthread_once(&init_once, init_library);
    return r;
}

struct http_client {
    CURL *easy;
    CURLM *multi;
    struct curl_slist *headers;
    const atomic_bool *cancel;
    bool active;       /* the easy handle is in the multi handle */
    bool headers_done; /* of the final answer, not of a 1xx */
    bool paused, ended;
    CURLcode result; /* once ended */
    char message[CURL_ERROR_SIZE];
    /* what came: bytes [begin, len) of buffer are unread */
    char *buffer;
    size_t begin, len;
    /* headers of the answer */
    size_t header_bytes;
    struct strings challenges;
    char *content_type, *location, *redirect;
    int body_fd;
    uint64_t body_bytes, body_left;
    int64_t length, retry_after_sec;
    uint64_t range_from;
};

static void forget_answer(struct http_client *c)
{
    ARRAY_FOREACH(&c->challenges, it)
        free(*it);
    ARRAY_RELEASE(&c->challenges);
    free(TAKE(c->content_type));
    free(TAKE(c->location));
    free(TAKE(c->redirect));
    c->length = c->retry_after_sec = -1;
    c->range_from = 0;
    c->header_bytes = 0;
    c->headers_done = false;
}

static void stop_request(struct http_client *c)
{
    if (c->active)
        lib.multi_remove_handle(c->multi, c->easy);
    c->active = c->paused = c->ended = false;
    c->begin = c->len = 0;
    if (c->headers)
        lib.slist_free_all(c->headers);
    c->headers = NULL;
    forget_answer(c);
}

/* ---- libcurl calls back ---- */

static size_t on_body(char *data, size_t size, size_t count, void *userdata)
{
    struct http_client *c = userdata;
    size_t n = size * count;

    if (c->begin == c->len)
        c->begin = c->len = 0;
    if (c->len - c->begin >= BUFFER_BYTES) {
        c->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    if (c->len + n > BUFFER_MAX_BYTES) {
        memmove(c->buffer, c->buffer + c->begin, c->len - c->begin);
        c->len -= c->begin;
        c->begin = 0;
    }
    if (c->len + n > BUFFER_MAX_BYTES)
        return 0; /* more than libcurl promises per call: an error */
    memcpy(c->buffer + c->len, data, n);
    c->len += n;
    return n;
}

static void on_field(struct http_client *c, struct str name, struct str value)
{
    uint64_t number;
    char key[32];

    if (name.len >= sizeof(key))
        return;
    for (size_t i = 0; i < name.len; i++)
        key[i] = (char)(name.data[i] >= 'A' && name.data[i] <= 'Z' ? name.data[i] + 32
                                                                   : name.data[i]);
    key[name.len] = 0;
    if (strcmp(key, "www-authenticate") == 0) {
        *ARRAY_APPEND(&c->challenges) = mem_strndup(value.data, value.len);
    } else if (strcmp(key, "content-type") == 0) {
        free(c->content_type);
        c->content_type = mem_strndup(value.data, value.len);
    } else if (strcmp(key, "location") == 0) {
        free(c->location);
        c->location = mem_strndup(value.data, value.len);
    } else if (strcmp(key, "content-length") == 0 && parse_uint64(value, INT64_MAX, &number) == 0) {
        c->length = (int64_t)number;
    } else if (strcmp(key, "retry-after") == 0 && parse_uint64(value, INT32_MAX, &number) == 0) {
        c->retry_after_sec = (int64_t)number;
    } else if (strcmp(key, "content-range") == 0 && str_has_prefix(value, "bytes ")) {
        value = (struct str){ value.data + 6, value.len - 6 };
        value.len = str_find(value, '-') >= 0 ? (size_t)str_find(value, '-') : 0;
        if (parse_uint64(value, UINT64_MAX, &number) == 0)
            c->range_from = number;
    }
}

static size_t on_header(char *data, size_t size, size_t count, void *userdata)
{
    struct http_client *c = userdata;
    struct str line = { data, size * count };
    ptrdiff_t colon = str_find(line, ':');
    long status = 0;

    c->header_bytes += line.len;
    if (c->header_bytes > LIMIT_HTTP_HEADER_BYTES)
        return 0;
    if (str_has_prefix(line, "HTTP/")) {
        size_t bytes = c->header_bytes;

        forget_answer(c); /* of a 1xx, or of a proxy's CONNECT */
        c->header_bytes = bytes;
        return line.len;
    }
    line = str_trim(line);
    if (line.len == 0) {
        lib.easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
        c->headers_done = status >= 200;
    } else if (colon > 0) {
        on_field(c, (struct str){ line.data, (size_t)colon },
                str_trim((struct str){ line.data + colon + 1, line.len - (size_t)colon - 1 }));
    }
    return size * count;
}

static size_t on_upload(char *data, size_t size, size_t count, void *userdata)
{
    struct http_client *c = userdata;
    size_t want = size * count;
    ssize_t n;

    if (want > c->body_left)
        want = (size_t)c->body_left;
    do
        n = want ? read(c->body_fd, data, want) : 0;
    while (n < 0 && errno == EINTR);
    if (n < 0 || (n == 0 && want > 0))
        return CURL_READFUNC_ABORT;
    c->body_left -= (uint64_t)n;
    return (size_t)n;
}

/* libcurl sends again by itself what a connection from before lost. */
static int on_seek(void *userdata, curl_off_t offset, int origin)
{
    struct http_client *c = userdata;

    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > c->body_bytes ||
            lseek(c->body_fd, offset, SEEK_SET) < 0)
        return CURL_SEEKFUNC_FAIL;
    c->body_left = c->body_bytes - (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- clients ---- */

int http_client_new(struct http_client **ret, struct error **err)
{
    struct http_client *c;
    int r = open_library(err);

    if (r < 0)
        return r;
    c = NEW(struct http_client);
    c->easy = lib.easy_init();
    c->multi = lib.multi_init();
    c->buffer = mem_alloc(BUFFER_MAX_BYTES);
    if (!c->easy || !c->multi)
        mem_exhausted();
    *ret = c;
    return 0;
}

void http_client_free(struct http_client *client)
{
    if (!client)
        return;
    stop_request(client);
    lib.easy_cleanup(client->easy);
    lib.multi_cleanup(client->multi);
    free(client->buffer);
    free(client);
}

static int request_failed(struct http_client *c, struct error **err)
{
    const char *text = *c->message ? c->message : lib.easy_strerror(c->result);

    switch (c->result) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return error_set_plain(err, ECONNREFUSED, NULL, "%s", text);
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return error_set_plain(err, EAGAIN, NULL, "%s", text);
    case CURLE_WRITE_ERROR:
        if (c->header_bytes > LIMIT_HTTP_HEADER_BYTES)
            text = "the headers of the answer are too long";
        return error_set_plain(err, EPROTO, NULL, "%s", text);
    default:
        return error_set_plain(err, EPROTO, NULL, "%s", text);
    }
}

/* Moves the transfer on; waits when nothing is there yet. */
static int turn(struct http_client *c, struct error **err)
{
    int running = 0, queued;
    CURLMsg *message;

    if (c->cancel && atomic_load_explicit(c->cancel, memory_order_relaxed))
        return error_set_plain(err, ECANCELED, NULL, "interrupted");
    if (c->paused) {
        c->paused = false;
        lib.easy_pause(c->easy, CURLPAUSE_CONT);
    }
    if (lib.multi_perform(c->multi, &running) != CURLM_OK)
        return error_set_plain(err, EPROTO, NULL, "the transfer failed");
    while ((message = lib.multi_info_read(c->multi, &queued)))
        if (message->msg == CURLMSG_DONE) {
            c->ended = true;
            c->result = message->data.result;
        }
    if (!c->ended && c->begin == c->len && !c->paused)
        lib.multi_poll(c->multi, NULL, 0, LOOK_MSEC, NULL);
    return 0;
}

static void add_header(struct http_client *c, const char *name, const char *value)
{
    auto_free char *line = mem_printf("%s: %s", name, value);

    c->headers = lib.slist_append(c->headers, line);
    if (!c->headers)
        mem_exhausted();
    explicit_bzero(line, strlen(line)); /* Authorization */
}

static void set_options(struct http_client *c, const struct http_request *request)
{
    CURL *easy = c->easy;

    lib.easy_reset(easy);
    lib.easy_setopt(easy, CURLOPT_URL, request->url);
    lib.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    lib.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    lib.easy_setopt(easy, CURLOPT_USERAGENT, USER_AGENT);
    lib.easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_SEC);
    lib.easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
    lib.easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, STALL_TIMEOUT_SEC);
    lib.easy_setopt(easy, CURLOPT_ERRORBUFFER, c->message);
    lib.easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    lib.easy_setopt(easy, CURLOPT_WRITEDATA, c);
    lib.easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    lib.easy_setopt(easy, CURLOPT_HEADERDATA, c);
    lib.easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    lib.easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, request->tls.verify ? 1L : 0L);
    lib.easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, request->tls.verify ? 2L : 0L);
    if (request->tls.ca_file)
        lib.easy_setopt(easy, CURLOPT_CAINFO, request->tls.ca_file);
    if (request->tls.cert_file && request->tls.key_file) {
        lib.easy_setopt(easy, CURLOPT_SSLCERT, request->tls.cert_file);
        lib.easy_setopt(easy, CURLOPT_SSLKEY, request->tls.key_file);
    }
    if (request->accept)
        add_header(c, "Accept", request->accept);
    if (request->content_type)
        add_header(c, "Content-Type", request->content_type);
    if (request->body_bytes > 0)
        add_header(c, "Expect", ""); /* no waiting for a 100 that may not come */
    if (request->authorization)
        add_header(c, "Authorization", request->authorization);
    if (c->headers)
        lib.easy_setopt(easy, CURLOPT_HTTPHEADER, c->headers);
    if (request->form)
        lib.easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, request->form);
    if (request->range_from > 0) {
        char range[24];

        snprintf(range, sizeof(range), "%llu-", (unsigned long long)request->range_from);
        lib.easy_setopt(easy, CURLOPT_RANGE, range);
    }
}

static int set_body(struct http_client *c, const struct http_request *request, struct error **err)
{
    bool sends = request->method && strcmp(request->method, "HEAD") != 0;

    if (request->method && !sends)
        lib.easy_setopt(c->easy, CURLOPT_NOBODY, 1L);
    if (!sends)
        return 0;
    c->body_fd = request->body_fd;
    c->body_bytes = c->body_left = request->body_bytes;
    if (request->body_bytes > 0 && lseek(request->body_fd, 0, SEEK_SET) < 0)
        return error_set(err, errno, NULL, "cannot read what is to be sent");
    lib.easy_setopt(c->easy, CURLOPT_UPLOAD, 1L);
    lib.easy_setopt(c->easy, CURLOPT_READFUNCTION, on_upload);
    lib.easy_setopt(c->easy, CURLOPT_READDATA, c);
    lib.easy_setopt(c->easy, CURLOPT_SEEKFUNCTION, on_seek);
    lib.easy_setopt(c->easy, CURLOPT_SEEKDATA, c);
    lib.easy_setopt(c->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_bytes);
    lib.easy_setopt(c->easy, CURLOPT_CUSTOMREQUEST, request->method);
    return 0;
}

/* A Location may be relative to what was asked for. */
static void resolve_location(struct http_client *c, const char *base)
{
    CURLU *url = c->location ? lib.url() : NULL;
    char *absolute = NULL;

    if (!url)
        return;
    if (lib.url_set(url, CURLUPART_URL, base, 0) == CURLUE_OK &&
            lib.url_set(url, CURLUPART_URL, c->location, 0) == CURLUE_OK &&
            lib.url_get(url, CURLUPART_URL, &absolute, 0) == CURLUE_OK) {
        free(c->location);
        c->location = mem_strdup(absolute);
        lib.release(absolute);
    }
    lib.url_cleanup(url);
}

int http_open(struct http_client *client, const struct http_request *request,
        struct http_response *ret, struct error **err)
{
    struct http_client *c = client;
    char *redirect = NULL;
    long status = 0;

    stop_request(c);
    c->cancel = request->cancel;
    c->message[0] = 0;
    set_options(c, request);
    int sent = set_body(c, request, err);
    if (sent < 0)
        return sent;
    if (lib.multi_add_handle(c->multi, c->easy) != CURLM_OK)
        return error_set_plain(err, EPROTO, NULL, "cannot start the transfer");
    c->active = true;
    while (!c->headers_done && !c->ended) {
        int r = turn(c, err);

        if (r < 0)
            return r;
    }
    if (c->ended && c->result != CURLE_OK && !c->headers_done)
        return request_failed(c, err);
    lib.easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
    lib.easy_getinfo(c->easy, CURLINFO_REDIRECT_URL, &redirect);
    c->redirect = mem_strdup(redirect);
    resolve_location(c, request->url);
    *ret = (struct http_response){
        .status = (unsigned)status,
        .length = c->length,
        .range_from = c->range_from,
        .redirect = c->redirect,
        .location = c->location,
        .content_type = c->content_type,
        .challenges = &c->challenges,
        .retry_after_sec = c->retry_after_sec,
    };
    return 0;
}

ssize_t http_read(struct http_client *client, void *data, size_t size, struct error **err)
{
    struct http_client *c = client;
    size_t n;

    while (c->begin == c->len && !c->ended) {
        int r = turn(c, err);

        if (r < 0)
            return r;
    }
    n = c->len - c->begin < size ? c->len - c->begin : size;
    if (n == 0 && size > 0)
        return c->result == CURLE_OK ? 0 : request_failed(c, err);
    memcpy(data, c->buffer + c->begin, n);
    c->begin += n;
    return (ssize_t)n;
}

int http_read_all(struct http_client *client, size_t max_bytes, char **ret, size_t *ret_len,
        struct error **err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(max_bytes);
    char buffer[16384];
    ssize_t n;

    while ((n = http_read(client, buffer, sizeof(buffer), err)) > 0) {
        strbuf_add(&text, buffer, (size_t)n);
        if (strbuf_is_truncated(&text))
            return error_set_plain(
                    err, EFBIG, NULL, "the answer is larger than %zu bytes", max_bytes);
    }
    if (n < 0)
        return (int)n;
    *ret_len = text.len;
    *ret = strbuf_take(&text);
    return 0;
}

/* ---- URLs ---- */

static char *take_part(CURLU *url, CURLUPart part, unsigned flags)
{
    char *value = NULL, *copy;

    if (lib.url_get(url, part, &value, flags) != CURLUE_OK)
        return NULL;
    copy = mem_strdup(value);
    lib.release(value);
    for (char *p = copy; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    return copy;
}

int http_url_parse(const char *url, struct http_url *ret, struct error **err)
{
    struct http_url out = { 0 };
    auto_free char *port = NULL;
    uint32_t number = 0;
    CURLU *parsed;
    int r = open_library(err);

    if (r < 0)
        return r;
    parsed = lib.url();
    if (!parsed)
        mem_exhausted();
    if (lib.url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK) {
        out.scheme = take_part(parsed, CURLUPART_SCHEME, 0);
        out.host = take_part(parsed, CURLUPART_HOST, 0);
        port = take_part(parsed, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    }
    lib.url_cleanup(parsed);
    if (!out.scheme || string_is_empty(out.host) || !port ||
            parse_uint32(str_from(port), UINT16_MAX, &number) < 0 ||
            (strcmp(out.scheme, "http") != 0 && strcmp(out.scheme, "https") != 0)) {
        http_url_release(&out);
        return error_set_plain(err, EPROTO, NULL, "not an HTTP address: \"%.200s\"", url);
    }
    if (out.host[0] == '[') { /* libcurl keeps the brackets */
        size_t len = strcspn(out.host + 1, "]%");

        memmove(out.host, out.host + 1, len);
        out.host[len] = 0;
    }
    out.port = number;
    *ret = out;
    return 0;
}

void http_url_release(struct http_url *url)
{
    free(TAKE(url->scheme));
    free(TAKE(url->host));
}

bool http_url_same_origin(const struct http_url *a, const struct http_url *b)
{
    return strcmp(a->scheme, b->scheme) == 0 && strcmp(a->host, b->host) == 0 && a->port == b->port;
}

bool http_host_is_loopback(const char *host)
{
    struct str rest = str_from(host), piece;
    unsigned count = 0;
    uint32_t number;

    if (strcasecmp(host, "localhost") == 0 || strcmp(host, "::1") == 0)
        return true;
    while (str_split_next(&rest, '.', &piece)) {
        if (parse_uint32(piece, 255, &number) < 0 || (count == 0 && number != 127))
            return false;
        count++;
    }
    return count == 4;
}

char *http_escape(const char *text)
{
    char *escaped, *copy;

    if (open_library(NULL) < 0)
        return mem_strdup("");
    escaped = lib.easy_escape(NULL, text, 0);
    if (!escaped)
        mem_exhausted();
    copy = mem_strdup(escaped);
    lib.release(escaped);
    return copy;
}
