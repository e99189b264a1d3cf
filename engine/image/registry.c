/* How a request gets its Authorization: none at first, unless a token or the need for basic authentication is
 * known already; after a 401, what the challenge asks for; once more after a 401 with a token that was
 * good before, since tokens expire. It goes to the registry's own scheme, host and port only. */
#include "engine/image/registry.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/image/challenge.h"
#include "engine/image/credentials.h"
#include "engine/image/http.h"
#include "engine/image/ref.h"
#include "engine/image/registries.h"

#define ACCEPT_MANIFEST                                           \
    "application/vnd.oci.image.index.v1+json, "                   \
    "application/vnd.oci.image.manifest.v1+json, "                \
    "application/vnd.docker.distribution.manifest.list.v2+json, " \
    "application/vnd.docker.distribution.manifest.v2+json"
#define REDIRECTS_MAX 10
#define TAGS_PAGE 1000
#define FAILURES_MAX 5        /* without progress between them */
#define TOTAL_FAILURES_MAX 50 /* whatever the progress */
#define PROGRESS_BYTES (1u << 20)
#define BACKOFF_FIRST_MSEC 250
#define RETRY_AFTER_MAX_SEC 60
#define LOOK_MSEC 100
#define ANSWER_MAX_BYTES (1u << 20) /* of tokens and error texts */
#define TOKEN_MAX_BYTES (64u << 10)
#define URL_MAX_BYTES 16384

struct registry {
    char *domain, *path;                  /* of the reference */
    char *host, *endpoint_path;           /* who is asked for what */
    char *ca_file, *cert_file, *key_file; /* NULL: none */
    bool insecure; /* HTTP is allowed: by the user, or because it cannot leave the machine */
    bool trusted;  /* … by the user: then certificates of others need not be good either */
    bool loopback, pushes;
    struct credentials credentials;
    pthread_mutex_t lock;        /* for what follows */
    const char *scheme;          /* "https" or "http"; NULL: not found out yet */
    struct secret authorization; /* .data NULL: none */
    unsigned generation;         /* counts the values that `authorization` had */
};

/* ---- waiting ---- */

/* What failed is forgotten: a later success must leave no error behind. */
static int pause_before_retry(
        unsigned failures, int64_t retry_after_sec, const atomic_bool *cancel, struct error **err)
{
    int64_t msec = (int64_t)BACKOFF_FIRST_MSEC << (failures < 8 ? failures : 8);

    if (retry_after_sec >= 0)
        msec = (retry_after_sec < RETRY_AFTER_MAX_SEC ? retry_after_sec : RETRY_AFTER_MAX_SEC) *
               1000;
    if (err)
        error_free(TAKE(*err));
    while (msec > 0) {
        struct timespec step = { .tv_nsec = (msec < LOOK_MSEC ? msec : LOOK_MSEC) * 1000000 };

        if (cancel && atomic_load(cancel))
            return error_set_plain(err, ECANCELED, NULL, "interrupted");
        nanosleep(&step, NULL);
        msec -= LOOK_MSEC;
    }
    return 0;
}

/* ---- life ---- */

static char *find_file(const char *dir, const char *name)
{
    char *path = mem_printf("%s/%s", dir, name);

    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

/* As Docker and Podman keep certificates for one registry. */
static void find_certificates(struct registry *registry)
{
    static const char *const parents[] = { "/etc/containers/certs.d", "/etc/docker/certs.d" };

    for (size_t i = 0; i < ARRAY_LEN(parents) && !registry->ca_file; i++) {
        auto_free char *dir = mem_printf("%s/%s", parents[i], registry->host);

        registry->ca_file = find_file(dir, "ca.crt");
        registry->cert_file = find_file(dir, "client.cert");
        registry->key_file = find_file(dir, "client.key");
    }
}

static bool host_is_loopback(const char *host)
{
    const char *end = host[0] == '[' ? strchr(host, ']') : strrchr(host, ':');
    auto_free char *name = host[0] == '['
                                   ? mem_strndup(host + 1, end ? (size_t)(end - host - 1) : 0)
                                   : mem_strndup(host, end ? (size_t)(end - host) : strlen(host));

    return http_host_is_loopback(name);
}

int registry_new(const struct registry_options *options, struct registry **ret, struct error **err)
{
    auto_(registry_free_p) struct registry *registry = NEW(struct registry);
    int r;

    pthread_mutex_init(&registry->lock, NULL);
    registry->domain = mem_strdup(options->domain);
    registry->path = mem_strdup(options->path);
    registry->host = mem_strdup(options->endpoint->host);
    registry->endpoint_path = mem_strdup(options->endpoint->path);
    registry->loopback = host_is_loopback(registry->host);
    registry->pushes = options->pushes;
    registry->trusted = options->insecure || options->endpoint->insecure;
    registry->insecure = registry->trusted || registry->loopback;
    find_certificates(registry);
    /* A mirror is another party: it gets its own credentials, never those of what it mirrors. */
    r = options->endpoint->is_mirror ? credentials_find(options->engine, registry->host,
                                               registry->endpoint_path, &registry->credentials, err)
                                     : credentials_find(options->engine, registry->domain,
                                               registry->path, &registry->credentials, err);
    if (r < 0)
        return r;
    *ret = TAKE(registry);
    return 0;
}

void registry_free(struct registry *registry)
{
    if (!registry)
        return;
    free(registry->domain);
    free(registry->path);
    free(registry->host);
    free(registry->endpoint_path);
    free(registry->ca_file);
    free(registry->cert_file);
    free(registry->key_file);
    credentials_release(&registry->credentials);
    secret_release(&registry->authorization);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

static struct http_tls tls_of(const struct registry *registry)
{
    return (struct http_tls){
        .verify = !registry->insecure || registry->ca_file,
        .ca_file = registry->ca_file,
        .cert_file = registry->cert_file,
        .key_file = registry->key_file,
    };
}

/* ---- scheme ---- */

static bool probe(struct registry *registry, struct http_client *client, const char *scheme,
        const atomic_bool *cancel, struct error **err)
{
    auto_free char *url = mem_printf("%s://%s/v2/", scheme, registry->host);
    struct http_request request = { .url = url, .tls = tls_of(registry), .cancel = cancel };
    struct http_response response;
    int r = http_open(client, &request, &response, err);

    /* A TLS server answers 400 to plain HTTP. */
    return r >= 0 && (response.status != 400 || strcmp(scheme, "https") == 0);
}

/* HTTPS, without a question. Only where HTTP is allowed it has to be found out what the registry speaks: on
 * the machine itself plain HTTP is the rule, elsewhere the exception. */
static int find_scheme(struct registry *registry, struct http_client *client,
        const atomic_bool *cancel, const char **ret, struct error **err)
{
    const char *first = registry->loopback ? "http" : "https";
    const char *second = registry->loopback ? "https" : "http";
    const char *scheme;

    pthread_mutex_lock(&registry->lock);
    scheme = registry->insecure ? registry->scheme : "https";
    pthread_mutex_unlock(&registry->lock);
    if (!scheme) {
        auto_error struct error *failure = NULL;

        if (probe(registry, client, first, cancel, &failure))
            scheme = first;
        else if (probe(registry, client, second, cancel, NULL))
            scheme = second;
        else if (failure)
            return error_move(err, TAKE(failure));
        else
            return error_set_plain(err, EPROTO, NULL, "registry %s speaks no HTTP", registry->host);
        pthread_mutex_lock(&registry->lock);
        registry->scheme = scheme;
        pthread_mutex_unlock(&registry->lock);
    }
    *ret = scheme;
    return 0;
}

/* ---- answers ---- */

/* What the registry says about a failure: {"errors": [{"code", "message"}]}, or its status. */
static char *describe_answer(struct http_client *client, unsigned status)
{
    auto_free char *text = NULL;
    auto_json json_t *json = NULL;
    const json_t *first;
    const char *message;
    size_t len;

    if (http_read_all(client, ANSWER_MAX_BYTES, &text, &len, NULL) >= 0)
        (void)jsonx_parse(text, len, "answer", &json, NULL);
    first = json_array_get(json_object_get(json, "errors"), 0);
    message = jsonx_string(first, "message");
    if (!message)
        message = jsonx_string(json, "details");
    if (message)
        return mem_printf("%.500s (HTTP status %u)", message, status);
    return mem_printf("HTTP status %u", status);
}

static int answer_failed(
        struct registry *registry, struct http_client *client, unsigned status, struct error **err)
{
    auto_free char *why = describe_answer(client, status);
    auto_free char *name = mem_printf("%s/%s", registry->domain, registry->path);

    switch (status) {
    case 401:
    case 403:
        return error_set_plain(err, EACCES, NULL,
                registry->pushes ? "push access denied for %s: %s"
                                 : "pull access denied for %s, repository does not exist or may "
                                   "require a login: %s",
                image_ref_familiar(name), why);
    case 404:
        return error_set_plain(err, ENOENT, NULL, "%s", why);
    default:
        return error_set_plain(err, status == 429 || status >= 500 ? EAGAIN : EPROTO, NULL,
                "registry %s: %s", registry->host, why);
    }
}

/* ---- tokens ---- */

static void add_query(struct strbuf *query, const char *key, const char *value)
{
    auto_free char *escaped = http_escape(value);

    strbuf_addf(query, "%s%s=%s", query->len ? "&" : "", key, escaped);
}

static void set_authorization(struct registry *registry, const char *text, size_t len)
{
    pthread_mutex_lock(&registry->lock);
    secret_set(&registry->authorization, text, len);
    registry->generation++;
    pthread_mutex_unlock(&registry->lock);
}

static int use_token(struct registry *registry, const char *text, size_t len, struct error **err)
{
    auto_json json_t *json = NULL;
    const char *token;
    auto_free char *value = NULL;
    int r = jsonx_parse(text, len, "answer of the token server", &json, err);

    if (r < 0)
        return r;
    token = jsonx_string(json, "token");
    if (string_is_empty(token))
        token = jsonx_string(json, "access_token");
    if (string_is_empty(token) || strlen(token) > TOKEN_MAX_BYTES || strpbrk(token, "\r\n"))
        return error_set_plain(err, EPROTO, NULL, "the token server gave no token");
    value = mem_printf("Bearer %s", token);
    set_authorization(registry, value, strlen(value));
    explicit_bzero(value, strlen(value));
    return 0;
}

/* Credentials go to the realm that the registry names: never without TLS, unless the user said that the
 * registry may be spoken to without, or they stay on the machine. */
static int check_realm(const struct registry *registry, const char *realm, struct error **err)
{
    struct http_url url = { 0 };
    int r = http_url_parse(realm, &url, err);

    if (r < 0)
        return error_wrap(err, r, "registry %s names a token server", registry->host);
    if (strcmp(url.scheme, "http") == 0 && !registry->trusted && !http_host_is_loopback(url.host))
        r = error_set_plain(err, EPROTO, NULL, "registry %s names a token server without TLS: %s",
                registry->host, realm);
    http_url_release(&url);
    return r;
}

static int request_token(struct registry *registry, struct http_client *client,
        const struct challenge *challenge, const atomic_bool *cancel, struct error **err)
{
    auto_(strbuf_release) struct strbuf query = STRBUF_INIT(URL_MAX_BYTES);
    auto_(secret_release) struct secret basic = SECRET_INIT;
    auto_free char *scope = mem_printf(
            "repository:%s:%s", registry->endpoint_path, registry->pushes ? "pull,push" : "pull");
    auto_free char *url = NULL, *answer = NULL;
    struct http_request request = { .tls = tls_of(registry), .cancel = cancel };
    struct http_response response;
    const struct credentials *credentials = &registry->credentials;
    size_t len = 0;
    int r = check_realm(registry, challenge->realm, err);

    if (r < 0)
        return r;
    if (challenge->service)
        add_query(&query, "service", challenge->service);
    add_query(&query, "scope", challenge->scope ? challenge->scope : scope);
    if (credentials->identity_token.data) {
        add_query(&query, "grant_type", "refresh_token");
        add_query(&query, "client_id", "berth");
        add_query(&query, "refresh_token", credentials->identity_token.data);
        request.form = query.data;
        request.url = challenge->realm;
    } else {
        url = mem_printf(
                "%s%c%s", challenge->realm, strchr(challenge->realm, '?') ? '&' : '?', query.data);
        request.url = url;
        if (credentials->username) {
            credentials_basic(credentials, &basic);
            request.authorization = basic.data;
        }
    }
    r = http_open(client, &request, &response, err);
    if (request.form)
        explicit_bzero(query.data, query.len);
    if (r >= 0 && response.status != 200)
        r = answer_failed(registry, client, response.status, err);
    if (r >= 0)
        r = http_read_all(client, ANSWER_MAX_BYTES, &answer, &len, err);
    if (r >= 0)
        r = use_token(registry, answer, len, err);
    if (answer)
        explicit_bzero(answer, len);
    return r < 0 ? error_wrap(err, r, "cannot get a token for %s", registry->host) : 0;
}

static int use_basic(struct registry *registry, struct error **err)
{
    auto_(secret_release) struct secret basic = SECRET_INIT;

    if (!registry->credentials.username)
        return error_set_plain(err, EACCES, NULL,
                "registry %s wants a user name and a password (log in first)", registry->host);
    credentials_basic(&registry->credentials, &basic);
    set_authorization(registry, basic.data, basic.len);
    return 0;
}

/* Does what a 401 asks for. */
static int authenticate(struct registry *registry, struct http_client *client,
        const struct strings *challenges, const atomic_bool *cancel, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct challenge best = { 0 };
    bool found = false;

    ARRAY_FOREACH(challenges, it) {
        struct challenge challenge;

        if (challenge_parse(&arena, *it, &challenge) &&
                (!found || challenge.scheme == CHALLENGE_BEARER)) {
            best = challenge;
            found = true;
        }
    }
    if (!found)
        return error_set_plain(err, EACCES, NULL,
                "registry %s denies access and offers no way to log in", registry->host);
    return best.scheme == CHALLENGE_BASIC ? use_basic(registry, err)
                                          : request_token(registry, client, &best, cancel, err);
}

/* ---- requests ---- */

/* Follows redirects; only the registry itself (`base`) gets the Authorization header. */
static int open_following(struct registry *registry, struct http_client *client, const char *base,
        const struct http_request *first, struct http_response *ret, struct error **err)
{
    struct http_request request = *first;
    auto_free char *url = mem_strdup(first->url);
    auto_(http_url_release) struct http_url origin = { 0 };
    int r = http_url_parse(base, &origin, err);

    for (unsigned i = 0; r >= 0 && i <= REDIRECTS_MAX; i++) {
        auto_(http_url_release) struct http_url target = { 0 };

        request.url = url;
        r = http_url_parse(url, &target, err);
        if (r < 0)
            return r;
        if (!http_url_same_origin(&origin, &target)) {
            request.authorization = NULL;
            if (strcmp(origin.scheme, "https") == 0 && strcmp(target.scheme, "https") != 0)
                return error_set_plain(err, EPROTO, NULL,
                        "registry %s redirects from HTTPS to HTTP", registry->host);
            if (strcmp(origin.host, target.host) != 0) {
                /* Another host has other certificates, and no exemption from having good ones. */
                request.tls = (struct http_tls){ .verify = !registry->trusted };
            }
        }
        r = http_open(client, &request, ret, err);
        if (r < 0 || ret->status < 300 || ret->status >= 400 || !ret->redirect)
            return r;
        free(url);
        url = mem_strdup(ret->redirect);
    }
    return r < 0 ? r
                 : error_set_plain(
                           err, EPROTO, NULL, "registry %s redirects too often", registry->host);
}

/* One request with what authentication it takes; `what` is below the repository, or a whole address that the
 * registry gave. Any status but 401 is success. */
static int open_authorized(struct registry *registry, struct http_client *client, const char *what,
        struct http_request *request, struct http_response *ret, struct error **err)
{
    const char *scheme = NULL;
    auto_free char *base = NULL, *url = NULL;
    bool renewed = false;
    int r = find_scheme(registry, client, request->cancel, &scheme, err);

    if (r < 0)
        return r;
    base = mem_printf("%s://%s/v2/", scheme, registry->host);
    url = strstr(what, "://") ? mem_strdup(what)
                              : mem_printf("%s%s/%s", base, registry->endpoint_path, what);
    request->url = url;
    request->tls = tls_of(registry);
    for (;;) {
        auto_(secret_release) struct secret authorization = SECRET_INIT;
        unsigned generation;

        pthread_mutex_lock(&registry->lock);
        generation = registry->generation;
        if (registry->authorization.data)
            secret_set(&authorization, registry->authorization.data, registry->authorization.len);
        pthread_mutex_unlock(&registry->lock);
        request->authorization = authorization.data;
        r = open_following(registry, client, base, request, ret, err);
        request->authorization = NULL;
        if (r < 0 || ret->status != 401)
            return r;
        pthread_mutex_lock(&registry->lock);
        bool outdated = registry->generation != generation;
        pthread_mutex_unlock(&registry->lock);
        if (outdated) /* another thread has just got a new one */
            continue;
        if (renewed)
            return answer_failed(registry, client, 401, err);
        renewed = true;
        r = authenticate(registry, client, ret->challenges, request->cancel, err);
        if (r < 0)
            return r;
    }
}

/* The same, with retries of what may be mended by waiting. */
static int open_patiently(struct registry *registry, struct http_client *client, const char *what,
        const struct http_request *first, struct http_response *ret, struct error **err)
{
    for (unsigned failures = 0;; failures++) {
        struct http_request request = *first;
        int64_t retry_after_sec = -1;
        int r = open_authorized(registry, client, what, &request, ret, err);

        if (r >= 0) {
            if (ret->status < 300)
                return 0;
            retry_after_sec = ret->retry_after_sec;
            r = answer_failed(registry, client, ret->status, err);
        }
        if (r != -EAGAIN || failures + 1 >= FAILURES_MAX)
            return r;
        r = pause_before_retry(failures, retry_after_sec, first->cancel, err);
        if (r < 0)
            return r;
    }
}

int registry_get_manifest(struct registry *registry, struct http_client *client,
        const char *reference, const atomic_bool *cancel, char **ret, size_t *ret_len,
        struct error **err)
{
    auto_free char *what = mem_printf("manifests/%s", reference);
    auto_free char *name = mem_printf("%s/%s", registry->domain, registry->path);
    struct http_request request = { .accept = ACCEPT_MANIFEST, .cancel = cancel };
    struct http_response response;
    int r;

    for (unsigned failures = 0;; failures++) {
        r = open_patiently(registry, client, what, &request, &response, err);
        if (r == -ENOENT)
            return error_wrap(err, r, "manifest for %s%s%s not found", image_ref_familiar(name),
                    strchr(reference, ':') ? "@" : ":", reference);
        if (r >= 0)
            r = http_read_all(client, LIMIT_MANIFEST_BYTES, ret, ret_len, err);
        if (r != -EAGAIN || failures + 1 >= FAILURES_MAX)
            break;
        r = pause_before_retry(failures, -1, cancel, err);
        if (r < 0)
            break;
    }
    return r < 0 ? error_wrap(err, r, "cannot get the manifest of %s", image_ref_familiar(name))
                 : 0;
}

int registry_get_tags(struct registry *registry, struct http_client *client, const char *last,
        const atomic_bool *cancel, char **ret, size_t *ret_len, struct error **err)
{
    /* What tags are made of needs no escapes in a URL. */
    auto_free char *what = mem_printf(
            "tags/list?n=%d%s%s", TAGS_PAGE, last ? "&last=" : "", last ? last : "");
    auto_free char *name = mem_printf("%s/%s", registry->domain, registry->path);
    struct http_request request = { .cancel = cancel };
    struct http_response response;
    int r = open_patiently(registry, client, what, &request, &response, err);

    if (r >= 0)
        r = http_read_all(client, LIMIT_MANIFEST_BYTES, ret, ret_len, err);
    return r < 0 ? error_wrap(err, r, "cannot get the tags of %s", image_ref_familiar(name)) : 0;
}

/* ---- blobs ---- */

static int skip_bytes(struct http_client *client, uint64_t count, struct error **err)
{
    char buffer[16384];

    while (count > 0) {
        size_t want = count < sizeof(buffer) ? (size_t)count : sizeof(buffer);
        ssize_t n = http_read(client, buffer, want, err);

        if (n < 0)
            return (int)n;
        if (n == 0)
            return error_set_plain(err, EAGAIN, NULL, "the answer ends too early");
        count -= (uint64_t)n;
    }
    return 0;
}

static int open_blob(struct registry_blob *blob, struct error **err)
{
    auto_free char *what = mem_printf("blobs/%s", blob->digest);
    struct http_request request = { .range_from = blob->offset, .cancel = blob->cancel };
    struct http_response response;
    int r = open_patiently(blob->registry, blob->client, what, &request, &response, err);

    if (r < 0)
        return r;
    if (blob->offset > 0 && response.status == 206 && response.range_from != blob->offset)
        return error_set_plain(err, EPROTO, NULL,
                "registry %s sends another part than was asked for", blob->registry->host);
    if (blob->offset > 0 && response.status != 206) {
        r = skip_bytes(blob->client, blob->offset, err); /* it knows no ranges */
        if (r < 0)
            return r;
    }
    blob->open = true;
    return 0;
}

/* After a cut: waits and says whether to go on. `r` is what failed. */
static int consider_retry(struct registry_blob *blob, int r, struct error **err)
{
    blob->open = false;
    /* A registry that cannot be reached is not waited for, unless it was there a moment ago. */
    if (r != -EAGAIN && !(r == -ECONNREFUSED && blob->offset > 0))
        return r;
    if (blob->offset - blob->last_cut_offset >= PROGRESS_BYTES)
        blob->failures = 0;
    blob->last_cut_offset = blob->offset;
    if (++blob->failures >= FAILURES_MAX || ++blob->total_failures >= TOTAL_FAILURES_MAX)
        return error_wrap(err, -EIO, "the download ended after %" PRIu64 " of %" PRIu64 " bytes",
                blob->offset, blob->size_bytes);
    return pause_before_retry(blob->failures - 1, -1, blob->cancel, err);
}

static ssize_t read_blob(void *userdata, void *data, size_t size, struct error **err)
{
    struct registry_blob *blob = userdata;
    uint64_t left = blob->size_bytes + 1 - blob->offset; /* one more tells that it is too long */

    if (left == 0)
        return 0;
    if (size > left)
        size = (size_t)left;
    for (;;) {
        ssize_t n = blob->open ? 1 : open_blob(blob, err);
        int r;

        if (n >= 0)
            n = http_read(blob->client, data, size, err);
        /* Without a length and without chunks, a cut looks like the end. */
        if (n == 0 && blob->offset < blob->size_bytes)
            n = error_set_plain(err, EAGAIN, NULL, "the connection was closed");
        if (n >= 0) {
            blob->offset += (uint64_t)n;
            return n;
        }
        r = consider_retry(blob, (int)n, err);
        if (r < 0)
            return r;
    }
}

struct byte_source registry_blob_source(struct registry_blob *blob)
{
    return (struct byte_source){ .read = read_blob, .userdata = blob };
}

int registry_get_blob(struct registry_blob *blob, char **ret, size_t *ret_len, struct error **err)
{
    size_t len = 0, size = (size_t)blob->size_bytes + 1; /* bounded by the caller's limit */
    auto_free char *data = mem_alloc(size + 1);

    while (len < size) {
        ssize_t n = read_blob(blob, data + len, size - len, err);

        if (n < 0)
            return (int)n;
        if (n == 0)
            break;
        len += (size_t)n;
    }
    data[len] = 0;
    *ret = TAKE(data);
    *ret_len = len;
    return 0;
}

/* ---- sending ---- */

/* -ENOENT is what a HEAD has no words for. */
int registry_has_blob(struct registry *registry, struct http_client *client, const char *digest,
        const atomic_bool *cancel, struct error **err)
{
    auto_free char *what = mem_printf("blobs/%s", digest);
    auto_error struct error *missing = NULL;
    struct http_request request = { .method = "HEAD", .cancel = cancel };
    struct http_response response;
    int r = open_patiently(registry, client, what, &request, &response, &missing);

    if (r == -ENOENT)
        return 0;
    return r < 0 ? error_move(err, TAKE(missing)) : 1;
}

/* Where the registry wants the blob. Given. */
static int begin_upload(struct registry *registry, struct http_client *client,
        const atomic_bool *cancel, char **ret, struct error **err)
{
    struct http_request request = { .method = "POST", .cancel = cancel };
    struct http_response response;
    int r = open_patiently(registry, client, "blobs/uploads/", &request, &response, err);

    if (r < 0)
        return r;
    if (!response.location || !strstr(response.location, "://"))
        return error_set_plain(
                err, EPROTO, NULL, "registry %s does not say where to send to", registry->host);
    *ret = mem_strdup(response.location);
    return 0;
}

int registry_put_blob(struct registry *registry, struct http_client *client, const char *digest,
        int fd, uint64_t size_bytes, const atomic_bool *cancel, struct error **err)
{
    for (unsigned failures = 0;; failures++) {
        auto_free char *place = NULL, *what = NULL;
        struct http_request request = { .method = "PUT",
            .content_type = "application/octet-stream",
            .body_fd = fd,
            .body_bytes = size_bytes,
            .cancel = cancel };
        struct http_response response;
        int r = begin_upload(registry, client, cancel, &place, err);

        if (r < 0)
            return r;
        what = mem_printf("%s%cdigest=%s", place, strchr(place, '?') ? '&' : '?', digest);
        /* One try each: what was sent in part is begun anew. */
        r = open_authorized(registry, client, what, &request, &response, err);
        if (r >= 0 && response.status < 300)
            return 0;
        if (r >= 0)
            r = answer_failed(registry, client, response.status, err);
        if (r != -EAGAIN || failures + 1 >= FAILURES_MAX)
            return r;
        r = pause_before_retry(failures, -1, cancel, err);
        if (r < 0)
            return r;
    }
}

int registry_put_manifest(struct registry *registry, struct http_client *client,
        const char *reference, const char *media_type, int fd, uint64_t size_bytes,
        const atomic_bool *cancel, struct error **err)
{
    auto_free char *what = mem_printf("manifests/%s", reference);
    struct http_request request = { .method = "PUT",
        .content_type = media_type,
        .body_fd = fd,
        .body_bytes = size_bytes,
        .cancel = cancel };
    struct http_response response;

    return open_patiently(registry, client, what, &request, &response, err);
}
