/* The Authorization of requests: tokens that a registry's challenge sends one for, and basic authentication. */
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/image/challenge.h"
#include "engine/image/registry-internal.h"

#define TOKEN_MAX_BYTES (64u << 10)
#define URL_MAX_BYTES 16384
#define CLIENT_ID "berth"

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
    const char *token, *refresh;
    auto_free char *value = NULL;
    int r = jsonx_parse(text, len, "answer of the token server", &json, err);

    if (r < 0)
        return r;
    token = jsonx_string(json, "token");
    if (string_is_empty(token))
        token = jsonx_string(json, "access_token");
    if (string_is_empty(token) || strlen(token) > TOKEN_MAX_BYTES || strpbrk(token, "\r\n"))
        return error_set_plain(err, EPROTO, NULL, "the token server gave no token");
    refresh = registry->rights == REGISTRY_LOGS_IN ? jsonx_string(json, "refresh_token") : NULL;
    if (!string_is_empty(refresh)) {
        pthread_mutex_lock(&registry->lock);
        secret_set(&registry->identity, refresh, strlen(refresh));
        pthread_mutex_unlock(&registry->lock);
    }
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

/* What is asked for; a login asks for nothing but a token for later. */
static void add_scope(
        struct strbuf *query, const struct registry *registry, const struct challenge *challenge)
{
    auto_free char *scope = mem_printf("repository:%s:%s", registry->endpoint_path,
            registry->rights == REGISTRY_PUSHES ? "pull,push" : "pull");

    if (registry->rights != REGISTRY_LOGS_IN) {
        add_query(query, "scope", challenge->scope ? challenge->scope : scope);
        return;
    }
    add_query(query, "account", registry->credentials.username);
    add_query(query, "client_id", CLIENT_ID);
    add_query(query, "offline_token", "true");
}

static int request_token(struct registry *registry, struct http_client *client,
        const struct challenge *challenge, const atomic_bool *cancel, struct error **err)
{
    auto_(strbuf_release) struct strbuf query = STRBUF_INIT(URL_MAX_BYTES);
    auto_(secret_release) struct secret basic = SECRET_INIT;
    auto_free char *url = NULL, *answer = NULL;
    struct http_request request = { .tls = registry_tls_of(registry), .cancel = cancel };
    struct http_response response;
    const struct credentials *credentials = &registry->credentials;
    size_t len = 0;
    int r = check_realm(registry, challenge->realm, err);

    if (r < 0)
        return r;
    if (challenge->service)
        add_query(&query, "service", challenge->service);
    add_scope(&query, registry, challenge);
    if (credentials->identity_token.data) {
        add_query(&query, "grant_type", "refresh_token");
        add_query(&query, "client_id", CLIENT_ID);
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
        r = registry_answer_failed(registry, client, response.status, err);
    if (r >= 0)
        r = http_read_all(client, REGISTRY_ANSWER_MAX_BYTES, &answer, &len, err);
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
int registry_authenticate(struct registry *registry, struct http_client *client,
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
