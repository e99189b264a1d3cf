/* How a request gets its Authorization: none at first, unless a token or the need for basic authentication is
 * known already; after a 401, what the challenge asks for; once more after a 401 with a token that was
 * good before, since tokens expire. It goes to the registry's own scheme, host and port only. */
#include "engine/image/registry-internal.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
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
#include "engine/image/access.h"
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
#define RETRIES_USUAL 4       /* without progress between them */
#define TOTAL_FAILURES_MAX 50 /* whatever the progress */
#define PROGRESS_BYTES (1u << 20)
#define BACKOFF_FIRST_MSEC 250
#define RETRY_AFTER_MAX_SEC 60
#define LOOK_MSEC 100

/* ---- waiting ---- */

struct pause {
    const struct registry *registry;
    unsigned failures;
    int64_t retry_after_sec; /* the registry's wish; -1: none */
    const atomic_bool *cancel;
};

/* What failed is forgotten: a later success must leave no error behind. */
static int pause_before_retry(const struct pause *pause, struct error **err)
{
    int64_t msec = (int64_t)BACKOFF_FIRST_MSEC << (pause->failures < 8 ? pause->failures : 8);

    if (pause->registry->retry_delay_usec > 0)
        msec = pause->registry->retry_delay_usec / USEC_PER_MSEC;
    else if (pause->retry_after_sec >= 0)
        msec = (pause->retry_after_sec < RETRY_AFTER_MAX_SEC ? pause->retry_after_sec
                                                             : RETRY_AFTER_MAX_SEC) *
               1000;
    if (err)
        error_free(TAKE(*err));
    while (msec > 0) {
        struct timespec step = { .tv_nsec = (msec < LOOK_MSEC ? msec : LOOK_MSEC) * 1000000 };

        if (pause->cancel && atomic_load(pause->cancel))
            return error_set_plain(err, ECANCELED, NULL, "interrupted");
        nanosleep(&step, NULL);
        msec -= LOOK_MSEC;
    }
    return 0;
}

/* 0 after a while when `r`, the failure number `failures` + 1, may be tried again; else `r`, with its error. */
static int consider_retry(const struct pause *pause, int r, struct error **err)
{
    const struct registry *registry = pause->registry;

    if (!(r == -EAGAIN || (r == -ECONNREFUSED && registry->waits_for_connection)) ||
            pause->failures >= registry->retries)
        return r;
    return pause_before_retry(pause, err);
}

/* ---- life ---- */

/* The first of `names` (sorted) with that ending, as a path; NULL: none. Given. */
static char *find_file(const char *dir, const struct strings *names, const char *ending)
{
    ARRAY_FOREACH(names, name)
        if (string_has_suffix(*name, ending))
            return mem_printf("%s/%s", dir, *name);
    return NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* As Docker and Podman keep certificates for one registry. A directory that is not there has none. */
static int read_certificates(struct registry *registry, const char *dir, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings names = { 0 };
    DIR *stream = opendir(dir);

    for (struct dirent *entry; stream && (entry = readdir(stream));)
        *ARRAY_APPEND_ARENA(&arena, &names) = arena_strdup(&arena, entry->d_name);
    if (stream)
        closedir(stream);
    if (names.len)
        qsort(names.items, names.len, sizeof(*names.items), compare_names);
    registry->ca_file = find_file(dir, &names, ".crt");
    registry->cert_file = find_file(dir, &names, ".cert");
    if (!registry->cert_file)
        return 0;
    registry->key_file = mem_printf(
            "%.*s.key", (int)(strlen(registry->cert_file) - strlen(".cert")), registry->cert_file);
    if (access(registry->key_file, R_OK) < 0)
        return error_set(err, errno, NULL, "missing key %s for client certificate %s",
                registry->key_file, registry->cert_file);
    return 0;
}

static int find_certificates(struct registry *registry, const char *dir, struct error **err)
{
    static const char *const parents[] = { "/etc/containers/certs.d", "/etc/docker/certs.d" };
    int r = dir ? read_certificates(registry, dir, err) : 0;

    for (size_t i = 0;
            i < ARRAY_LEN(parents) && !dir && r >= 0 && !registry->ca_file && !registry->cert_file;
            i++) {
        auto_free char *usual = mem_printf("%s/%s", parents[i], registry->host);

        r = read_certificates(registry, usual, err);
    }
    return r;
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
    static const struct registry_access none;
    const struct registry_access *said = options->access ? options->access : &none;
    auto_(registry_free_p) struct registry *registry = NEW(struct registry);
    int r;

    pthread_mutex_init(&registry->lock, NULL);
    registry->domain = mem_strdup(options->domain);
    registry->path = mem_strdup(options->path);
    registry->host = mem_strdup(options->endpoint->host);
    registry->endpoint_path = mem_strdup(options->endpoint->path);
    registry->rights = options->rights;
    registry->loopback = host_is_loopback(registry->host);
    registry->unverified = said->tls == REGISTRY_TLS_UNVERIFIED;
    registry->trusted = registry->unverified ||
                        (said->tls == REGISTRY_TLS_CONFIGURED && options->endpoint->insecure);
    registry->insecure = registry->trusted ||
                         (said->tls == REGISTRY_TLS_CONFIGURED && registry->loopback);
    registry->retries = said->retries_set ? said->retries : RETRIES_USUAL;
    registry->waits_for_connection = said->retries_set && said->retries > 0;
    registry->retry_delay_usec = said->retry_delay_usec;
    r = find_certificates(registry, said->cert_dir, err);
    if (r < 0)
        return r;
    /* A mirror is another party: it gets its own credentials, never those of what it mirrors. */
    bool mirror = options->endpoint->is_mirror;
    if (said->credentials && !mirror) {
        credentials_copy(said->credentials, &registry->credentials);
    } else {
        struct credentials_files files = { options->engine, said->auth_file };

        r = credentials_find(&files, mirror ? registry->host : registry->domain,
                mirror ? registry->endpoint_path : registry->path, &registry->credentials, err);
    }
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
    secret_release(&registry->identity);
    pthread_mutex_destroy(&registry->lock);
    free(registry);
}

struct http_tls registry_tls_of(const struct registry *registry)
{
    return (struct http_tls){
        .verify = !registry->unverified && (!registry->insecure || registry->ca_file),
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
    struct http_request request = {
        .url = url, .tls = registry_tls_of(registry), .cancel = cancel
    };
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

    if (http_read_all(client, REGISTRY_ANSWER_MAX_BYTES, &text, &len, NULL) >= 0)
        (void)jsonx_parse(text, len, "answer", &json, NULL);
    first = json_array_get(json_object_get(json, "errors"), 0);
    message = jsonx_string(first, "message");
    if (!message)
        message = jsonx_string(json, "details");
    if (message)
        return mem_printf("%.500s (HTTP status %u)", message, status);
    return mem_printf("HTTP status %u", status);
}

int registry_answer_failed(
        struct registry *registry, struct http_client *client, unsigned status, struct error **err)
{
    auto_free char *why = describe_answer(client, status);
    auto_free char *name = mem_printf("%s/%s", registry->domain, registry->path);

    switch (status) {
    case 401:
    case 403:
        return error_set_plain(err, EACCES, NULL,
                registry->rights == REGISTRY_LOGS_IN ? "login to %s was denied: %s"
                : registry->rights == REGISTRY_PUSHES
                        ? "push access denied for %s: %s"
                        : "pull access denied for %s, repository does not exist or may "
                          "require a login: %s",
                registry->rights == REGISTRY_LOGS_IN ? registry->domain : image_ref_familiar(name),
                why);
    case 404:
        return error_set_plain(err, ENOENT, NULL, "%s", why);
    default:
        return error_set_plain(err, status == 429 || status >= 500 ? EAGAIN : EPROTO, NULL,
                "registry %s: %s", registry->host, why);
    }
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
    request->tls = registry_tls_of(registry);
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
            return registry_answer_failed(registry, client, 401, err);
        renewed = true;
        r = registry_authenticate(registry, client, ret->challenges, request->cancel, err);
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
            r = registry_answer_failed(registry, client, ret->status, err);
        }
        r = consider_retry(
                &(struct pause){ registry, failures, retry_after_sec, first->cancel }, r, err);
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
        if (r < 0) /* it was tried often enough there */
            break;
        r = http_read_all(client, LIMIT_MANIFEST_BYTES, ret, ret_len, err);
        if (r >= 0)
            break;
        r = consider_retry(&(struct pause){ registry, failures, -1, cancel }, r, err);
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
static int resume(struct registry_blob *blob, int r, struct error **err)
{
    blob->open = false;
    /* A registry that cannot be reached is not waited for, unless it was there a moment ago. */
    if (r != -EAGAIN && !(r == -ECONNREFUSED && blob->offset > 0))
        return r;
    if (blob->offset - blob->last_cut_offset >= PROGRESS_BYTES)
        blob->failures = 0;
    blob->last_cut_offset = blob->offset;
    if (++blob->failures > blob->registry->retries || ++blob->total_failures >= TOTAL_FAILURES_MAX)
        return error_wrap(err, -EIO, "the download ended after %" PRIu64 " of %" PRIu64 " bytes",
                blob->offset, blob->size_bytes);
    return pause_before_retry(
            &(struct pause){ blob->registry, blob->failures - 1, -1, blob->cancel }, err);
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
        r = resume(blob, (int)n, err);
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

int registry_login(struct registry *registry, struct http_client *client, const atomic_bool *cancel,
        struct secret *ret_identity, struct error **err)
{
    struct http_request request = { .cancel = cancel };
    struct http_response response;
    /* "/v2/" itself: the whole address, since there is no repository that it would be below. */
    const char *scheme = NULL;
    auto_free char *what = NULL;
    int r = find_scheme(registry, client, cancel, &scheme, err);

    if (r < 0)
        return r;
    what = mem_printf("%s://%s/v2/", scheme, registry->host);
    r = open_patiently(registry, client, what, &request, &response, err);
    if (r < 0)
        return r;
    if (registry->identity.data)
        secret_set(ret_identity, registry->identity.data, registry->identity.len);
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
            r = registry_answer_failed(registry, client, response.status, err);
        r = consider_retry(&(struct pause){ registry, failures, -1, cancel }, r, err);
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
