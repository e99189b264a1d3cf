#include "engine/image/credentials-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "engine/engine.h"
#include "engine/image/ref.h"

#define FILE_MAX_BYTES (4u << 20)
#define HELPER_MAX_BYTES (256u << 10)
#define HUB_KEY "https://index.docker.io/v1/"
#define NOT_FOUND "credentials not found in native keychain"

void credentials_release(struct credentials *credentials)
{
    free(TAKE(credentials->username));
    secret_release(&credentials->password);
    secret_release(&credentials->identity_token);
}

void credentials_copy(const struct credentials *from, struct credentials *ret)
{
    *ret = (struct credentials)CREDENTIALS_INIT;
    ret->username = from->username ? mem_strdup(from->username) : NULL;
    if (from->password.data)
        secret_set(&ret->password, from->password.data, from->password.len);
    if (from->identity_token.data)
        secret_set(&ret->identity_token, from->identity_token.data, from->identity_token.len);
}

/* ---- "user:password" in base64 ---- */

/* White space has no place in it. */
static int decode_plain(const char *base64, struct secret *ret)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    size_t len;
    uint8_t *plain = base64[strcspn(base64, " \t\r\n")] ? NULL
                                                        : base64_decode(&arena, base64, &len);

    if (!plain)
        return -EINVAL;
    secret_set(ret, plain, len);
    explicit_bzero(plain, len);
    return 0;
}

static void encode_plain(const char *prefix, const struct secret *plain, struct secret *ret)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    char *encoded = base64_encode(&arena, (const uint8_t *)plain->data, plain->len);
    size_t prefix_len = strlen(prefix), len = strlen(encoded);
    char *out = mem_alloc(prefix_len + len + 1);

    memcpy(out, prefix, prefix_len);
    memcpy(out + prefix_len, encoded, len);
    secret_set(ret, out, prefix_len + len);
    explicit_bzero(out, prefix_len + len);
    explicit_bzero(encoded, len);
    free(out);
}

int credentials_decode_auth(const char *base64, struct credentials *ret)
{
    auto_(secret_release) struct secret plain = SECRET_INIT;
    const char *colon;
    int r = decode_plain(base64, &plain);

    if (r < 0)
        return r;
    colon = plain.len ? memchr(plain.data, ':', plain.len) : NULL;
    if (!colon)
        return -EINVAL;

    size_t len = (size_t)(colon - plain.data), rest = plain.len - len - 1;

    while (rest > 0 && colon[rest] == 0) /* Docker pads with NUL */
        rest--;
    ret->username = mem_strndup(plain.data, len);
    secret_set(&ret->password, colon + 1, rest);
    return 0;
}

void credentials_encode(
        const struct credentials *credentials, const char *prefix, struct secret *ret)
{
    auto_(secret_release) struct secret plain = SECRET_INIT;
    size_t user_len = credentials->username ? strlen(credentials->username) : 0;
    size_t len = user_len + 1 + credentials->password.len;
    char *joined = mem_alloc(len + 1);

    if (user_len)
        memcpy(joined, credentials->username, user_len);
    joined[user_len] = ':';
    if (credentials->password.len)
        memcpy(joined + user_len + 1, credentials->password.data, credentials->password.len);
    secret_set(&plain, joined, len);
    explicit_bzero(joined, len);
    free(joined);
    encode_plain(prefix, &plain, ret);
}

void credentials_basic(const struct credentials *credentials, struct secret *ret)
{
    credentials_encode(credentials, "Basic ", ret);
}

/* ---- helpers ---- */

static int parse_helper_answer(const char *text, size_t len, const char *program,
        struct credentials *ret, struct error **err)
{
    auto_json json_t *json = NULL;
    const char *username, *secret;
    int r = jsonx_parse(text, len, program, &json, err);

    if (r < 0)
        return r;
    username = jsonx_string(json, "Username");
    secret = jsonx_string(json, "Secret");
    if (!secret)
        return error_set_plain(err, EBADMSG, NULL, "%s gave no secret", program);
    if (username && strcmp(username, CREDENTIALS_TOKEN_USER) == 0) {
        secret_set(&ret->identity_token, secret, strlen(secret));
        return 1;
    }
    ret->username = mem_strdup(username ? username : "");
    secret_set(&ret->password, secret, strlen(secret));
    return 1;
}

int credentials_run_helper(const struct credentials_helper *helper, const char *input,
        struct secret *ret, struct error **err)
{
    auto_free char *program = mem_printf("docker-credential-%s", helper->name);
    auto_free char *output = NULL;
    char *argv[] = { program, (char *)(uintptr_t)helper->verb, NULL };
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    size_t len = 0;
    int r;

    if (!fs_name_is_plain(helper->name))
        return error_set_plain(
                err, EINVAL, NULL, "\"%s\" is no name of a credential helper", helper->name);
    spawn.path = program;
    spawn.argv = argv;
    r = proc_run(&spawn, input, strlen(input), HELPER_MAX_BYTES, &output, &len, err);
    if (r == 0) {
        secret_set(ret, output ? output : "", len);
        r = 1;
    } else if (r > 0 && output && strstr(output, NOT_FOUND)) {
        r = 0;
    } else if (r > 0) {
        r = error_set_plain(err, EIO, NULL, "%s failed with exit code %d", program, r);
    }
    if (output)
        explicit_bzero(output, len);
    return r < 0 ? error_wrap(err, r, "cannot ask credential helper \"%s\"", helper->name) : r;
}

/* 1 found, 0 the helper knows none. */
static int ask_helper(
        const char *helper, const char *key, struct credentials *ret, struct error **err)
{
    auto_(secret_release) struct secret answer = SECRET_INIT;
    int r = credentials_run_helper(
            &(struct credentials_helper){ helper, "get" }, key, &answer, err);

    if (r <= 0)
        return r;
    r = parse_helper_answer(answer.data, answer.len, helper, ret, err);
    return r < 0 ? error_wrap(err, r, "cannot ask credential helper \"%s\"", helper) : r;
}

/* ---- files ---- */

/* "https://index.docker.io/v1/" and "host/v1" are keys for the host. Containers' keys may have a path. */
static char *normalise_key(const char *key)
{
    char *copy, *slash;

    if (string_has_prefix(key, "https://"))
        key += strlen("https://");
    else if (string_has_prefix(key, "http://"))
        key += strlen("http://");
    copy = mem_strdup(key);
    slash = strchr(copy, '/');
    if (slash && (strcmp(slash, "/v1/") == 0 || strcmp(slash, "/v1") == 0 ||
                         strcmp(slash, "/v2/") == 0 || strcmp(slash, "/v2") == 0 || !slash[1]))
        *slash = 0;
    return copy;
}

static bool key_is_hub(const char *key)
{
    return strcmp(key, "index.docker.io") == 0 || strcmp(key, "registry-1.docker.io") == 0;
}

bool credentials_key_is(const char *key, const char *domain)
{
    auto_free char *normal = normalise_key(key);

    return strcmp(normal, domain) == 0 ||
           (strcmp(domain, IMAGE_REF_DEFAULT_DOMAIN) == 0 && key_is_hub(normal));
}

static const json_t *find_auth(const json_t *auths, const char *wanted)
{
    const json_t *exact = json_object_get(auths, wanted);
    const char *key;
    json_t *value;

    if (exact)
        return exact;
    json_object_foreach((json_t *)(uintptr_t)auths, key, value)
    {
        if (credentials_key_is(key, wanted))
            return value;
    }
    return NULL;
}

/* 1 found, 0 there is nothing in it (an empty object stands for what a helper keeps). */
static int use_auth(
        const json_t *auth, const char *file, struct credentials *ret, struct error **err)
{
    const char *encoded = jsonx_string(auth, "auth");
    const char *token = jsonx_string(auth, "identitytoken");
    const char *username = jsonx_string(auth, "username"),
               *password = jsonx_string(auth, "password");

    if (!string_is_empty(token))
        secret_set(&ret->identity_token, token, strlen(token));
    if (!string_is_empty(encoded)) {
        if (credentials_decode_auth(encoded, ret) < 0)
            return error_set_plain(err, EINVAL, NULL, "\"%s\": \"auth\" is malformed", file);
        return 1;
    }
    if (!string_is_empty(username) && password) {
        ret->username = mem_strdup(username);
        secret_set(&ret->password, password, strlen(password));
        return 1;
    }
    return !string_is_empty(token);
}

/* `name` is a domain or "domain/path"; helpers know domains only. */
static int search_auths(const json_t *config, const char *domain, const char *path,
        const char *file, struct credentials *ret, struct error **err)
{
    const json_t *auths = json_object_get(config, "auths");
    auto_free char *name = mem_printf("%s/%s", domain, path);

    while (auths) {
        const json_t *auth = find_auth(auths, name);
        char *slash = strrchr(name, '/');
        int r = auth ? use_auth(auth, file, ret, err) : 0;

        if (r != 0 || !slash)
            return r;
        *slash = 0;
    }
    return 0;
}

const char *credentials_key(const char *domain)
{
    return strcmp(domain, IMAGE_REF_DEFAULT_DOMAIN) == 0 ? HUB_KEY : domain;
}

const char *credentials_helper_of(const json_t *config, const char *domain)
{
    const json_t *helpers = json_object_get(config, "credHelpers");
    const char *helper = jsonx_string(helpers, domain);

    if (!helper)
        helper = jsonx_string(helpers, credentials_key(domain));
    if (string_is_empty(helper))
        helper = jsonx_string(config, "credsStore");
    return string_is_empty(helper) ? NULL : helper;
}

int credentials_read_file(const char *file, json_t **ret, struct error **err)
{
    auto_free char *text = NULL;
    size_t len;
    int r;

    *ret = NULL;
    if (access(file, F_OK) < 0)
        return 0;
    r = fs_read_file(AT_FDCWD, file, FILE_MAX_BYTES, &text, &len, err);
    if (r >= 0 && len == 0)
        *ret = json_object();
    else if (r >= 0)
        r = jsonx_parse(text, len, file, ret, err);
    if (text)
        explicit_bzero(text, len);
    return r < 0 ? error_wrap(err, r, "cannot read the credentials in \"%s\"", file) : 1;
}

static int search_file(const char *file, const char *domain, const char *path,
        struct credentials *ret, struct error **err)
{
    auto_json json_t *config = NULL;
    int r = credentials_read_file(file, &config, err);

    if (r <= 0)
        return r;
    const char *helper = credentials_helper_of(config, domain);
    r = helper ? ask_helper(helper, credentials_key(domain), ret, err) : 0;
    return r != 0 ? r : search_auths(config, domain, path, file, ret, err);
}

/* The old ~/.dockercfg is the "auths" object alone. */
static int search_legacy(
        const char *file, const char *domain, struct credentials *ret, struct error **err)
{
    auto_json json_t *auths = NULL;
    const json_t *auth;
    int r;

    if (access(file, F_OK) < 0)
        return 0;
    r = jsonx_read_file(AT_FDCWD, file, &auths, err);
    if (r < 0)
        return error_wrap(err, r, "cannot read the credentials in \"%s\"", file);
    auth = find_auth(auths, domain);
    return auth ? use_auth(auth, file, ret, err) : 0;
}

char *credentials_docker_file(const struct engine_options *options)
{
    if (options->docker_config_dir)
        return mem_printf("%s/config.json", options->docker_config_dir);
    return options->home_dir ? mem_printf("%s/.docker/config.json", options->home_dir) : NULL;
}

struct strings credentials_file_names(const struct credentials_files *files, struct arena *arena)
{
    const struct engine_options *options = files->engine;
    struct strings names = { 0 };
    auto_free char *docker = credentials_docker_file(options);

    if (files->only) {
        *ARRAY_APPEND_ARENA(arena, &names) = arena_strdup(arena, files->only);
        return names;
    }
    if (options->registry_auth_file)
        *ARRAY_APPEND_ARENA(arena, &names) = arena_strdup(arena, options->registry_auth_file);
    if (options->xdg_runtime_dir)
        *ARRAY_APPEND_ARENA(arena, &names) = arena_printf(
                arena, "%s/containers/auth.json", options->xdg_runtime_dir);
    *ARRAY_APPEND_ARENA(arena, &names) = arena_printf(
            arena, "/run/containers/%u/auth.json", (unsigned)geteuid());
    if (options->home_dir)
        *ARRAY_APPEND_ARENA(arena, &names) = arena_printf(
                arena, "%s/.config/containers/auth.json", options->home_dir);
    if (docker)
        *ARRAY_APPEND_ARENA(arena, &names) = arena_strdup(arena, docker);
    return names;
}

int credentials_find(const struct credentials_files *files, const char *domain, const char *path,
        struct credentials *ret, struct error **err)
{
    auto_(credentials_release) struct credentials found = CREDENTIALS_INIT;
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings names = credentials_file_names(files, &arena);
    const char *home = files->only ? NULL : files->engine->home_dir;
    auto_free char *legacy = home ? mem_printf("%s/.dockercfg", home) : NULL;
    int r = 0;

    for (size_t i = 0; r == 0 && i < names.len; i++)
        r = search_file(names.items[i], domain, path, &found, err);
    if (r == 0 && legacy)
        r = search_legacy(legacy, domain, &found, err);
    if (r < 0)
        return r;
    *ret = found;
    found = (struct credentials)CREDENTIALS_INIT;
    return 0;
}
