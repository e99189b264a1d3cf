/* Keeping and forgetting credentials: `login` and `logout`. Other members of the files stay as they are. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/engine.h"
#include "engine/image/credentials-internal.h"

#define AUTHS "auths"

/* A file that is being changed: its directory is locked, so that two logins at once both count. */
struct change {
    struct arena arena;
    const char *name; /* what a link leads to, so that the link stays */
    int dir_fd;
    json_t *config;
    bool is_new;
};

static void change_release(struct change *change)
{
    if (change->dir_fd >= 0)
        close(change->dir_fd);
    json_decref(change->config);
    arena_release(&change->arena);
}

static int change_begin(struct change *change, const char *file, struct error **err)
{
    auto_free char *target = realpath(file, NULL);
    const char *path = target ? target : file;
    int r;

    change->name = arena_strdup(&change->arena, path_last(path));
    change->dir_fd = fs_mkdir_parents(AT_FDCWD, path_parent(&change->arena, path), 0700, err);
    if (change->dir_fd < 0)
        return change->dir_fd;
    while (flock(change->dir_fd, LOCK_EX) < 0)
        if (errno != EINTR)
            return error_set(err, errno, NULL, "cannot lock the directory of \"%s\"", file);
    r = credentials_read_file(path, &change->config, err);
    if (r < 0)
        return r;
    change->is_new = r == 0;
    if (change->is_new)
        change->config = json_object();
    if (!json_is_object(change->config))
        return error_set_plain(err, EINVAL, NULL, "\"%s\" holds no JSON object", file);
    return 0;
}

static int change_end(struct change *change, struct error **err)
{
    auto_free char *text = jsonx_dump_pretty(change->config);
    int r = fs_replace_file(change->dir_fd, change->name, text, strlen(text), 0600, FS_SYNC, err);

    explicit_bzero(text, strlen(text));
    return r;
}

static json_t *make_auths(json_t *config)
{
    json_t *auths = json_object_get(config, AUTHS);

    if (!json_is_object(auths)) {
        auths = json_object();
        json_object_set_new(config, AUTHS, auths);
    }
    return auths;
}

/* All keys that stand for the domain (NULL: all). An empty entry holds nothing itself and says that a helper does:
 * `keep_empty` lets it stay. True when any went. */
static bool remove_keys(json_t *object, const char *domain, bool keep_empty)
{
    const char *key;
    json_t *value;
    void *next;
    bool any = false;

    json_object_foreach_safe(object, next, key, value)
    {
        if (domain && !credentials_key_is(key, domain))
            continue;
        if (keep_empty && json_is_object(value) && json_object_size(value) == 0)
            continue;
        json_object_del(object, key);
        any = true;
    }
    return any;
}

static bool file_knows(const json_t *config, const char *domain)
{
    const json_t *auths = json_object_get(config, AUTHS),
                 *helpers = json_object_get(config, "credHelpers");
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)auths, key, value)
    {
        if (credentials_key_is(key, domain))
            return true;
    }
    return jsonx_string(helpers, domain) || jsonx_string(helpers, credentials_key(domain));
}

/* What a search comes upon first, or where Podman's variable or Docker would put it. Given. */
static int choose_file(
        const struct credentials_files *files, const char *domain, char **ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings names = credentials_file_names(files, &arena);

    if (files->only) {
        *ret = mem_strdup(files->only);
        return 0;
    }
    ARRAY_FOREACH(&names, name) {
        auto_json json_t *config = NULL;
        int r = credentials_read_file(*name, &config, err);

        if (r < 0)
            return r;
        if (r > 0 && file_knows(config, domain)) {
            *ret = mem_strdup(*name);
            return 0;
        }
    }
    *ret = files->engine->registry_auth_file ? mem_strdup(files->engine->registry_auth_file)
                                             : credentials_docker_file(files->engine);
    return *ret ? 0
                : error_set_plain(err, ENOENT, NULL,
                          "there is no place for credentials: neither DOCKER_CONFIG nor HOME is set");
}

static int store_with_helper(const char *helper, const char *domain,
        const struct credentials *credentials, struct error **err)
{
    const struct secret *token = &credentials->identity_token;
    auto_(secret_release) struct secret answer = SECRET_INIT;
    auto_json json_t *json = json_pack("{s:s, s:s, s:s}", "ServerURL", credentials_key(domain),
            "Username", token->data ? CREDENTIALS_TOKEN_USER : credentials->username, "Secret",
            token->data ? token->data : credentials->password.data);

    if (!json)
        return error_set_plain(err, EINVAL, NULL, "the user name or the password is no UTF-8");
    auto_free char *text = jsonx_dump(json);
    int r = credentials_run_helper(
            &(struct credentials_helper){ helper, "store" }, text, &answer, err);

    explicit_bzero(text, strlen(text));
    return r;
}

static int store_in_file(json_t *auths, const char *domain, const struct credentials *credentials,
        struct error **err)
{
    auto_(secret_release) struct secret encoded = SECRET_INIT;
    const struct secret *token = &credentials->identity_token;
    /* As Docker does: with a token, the password is not kept. */
    const struct credentials named = { .username = credentials->username,
        .password = token->data ? (struct secret)SECRET_INIT : credentials->password };
    json_t *entry = json_object();

    credentials_encode(&named, "", &encoded);
    json_object_set_new(entry, "auth", json_string(encoded.data));
    if (token->data)
        json_object_set_new(entry, "identitytoken", json_string(token->data));
    if (token->data && !json_object_get(entry, "identitytoken")) {
        json_decref(entry);
        return error_set_plain(err, EPROTO, NULL, "the registry's token is no UTF-8");
    }
    json_object_set_new(auths, credentials_key(domain), entry);
    return 0;
}

int credentials_store(const struct credentials_files *files, const char *domain,
        const struct credentials *credentials, char **ret_file, struct error **err)
{
    auto_(change_release) struct change change = { .dir_fd = -EBADF };
    auto_free char *file = NULL;
    int r = choose_file(files, domain, &file, err);

    if (r >= 0)
        r = change_begin(&change, file, err);
    if (r < 0)
        return r;
    const char *helper = credentials_helper_of(change.config, domain);
    json_t *auths = make_auths(change.config);

    remove_keys(auths, domain, false);
    if (helper) {
        r = store_with_helper(helper, domain, credentials, err);
        json_object_set_new(auths, credentials_key(domain), json_object());
    } else {
        r = store_in_file(auths, domain, credentials, err);
    }
    if (r >= 0)
        r = change_end(&change, err);
    if (r < 0)
        return error_wrap(err, r, "cannot keep the credentials for %s", domain);
    *ret_file = helper ? NULL : TAKE(file);
    return 0;
}

static int erase_with_helper(const json_t *config, const char *domain, struct error **err)
{
    const char *helper = credentials_helper_of(config, domain);
    auto_(secret_release) struct secret answer = SECRET_INIT;

    if (!helper)
        return 0;
    return credentials_run_helper(
            &(struct credentials_helper){ helper, "erase" }, credentials_key(domain), &answer, err);
}

/* The first failure counts; `failure` is taken. */
static void keep_first(int *r, struct error **err, int one, struct error *failure)
{
    if (one < 0 && *r >= 0)
        *r = error_move(err, TAKE(failure));
    error_free(failure);
}

/* For the domain, or without one for all that the file has something for. Goes on where a helper fails. */
static int erase_with_helpers(const json_t *config, const char *domain, struct error **err)
{
    const char *key;
    json_t *value;
    int r = 0;

    if (domain)
        return erase_with_helper(config, domain, err);
    json_object_foreach(json_object_get(config, "credHelpers"), key, value)
    {
        struct error *failure = NULL;
        int one = erase_with_helper(config, key, &failure);

        keep_first(&r, err, one, failure);
    }
    json_object_foreach(json_object_get(config, AUTHS), key, value)
    {
        struct error *failure = NULL;
        int one = json_is_object(value) && json_object_size(value) == 0
                          ? erase_with_helper(config, key, &failure)
                          : 0;

        keep_first(&r, err, one, failure);
    }
    return r;
}

/* 1 when the file had something. What stands in the file itself goes also when a helper fails. */
static int erase_in_file(const char *file, const char *domain, struct error **err)
{
    auto_(change_release) struct change change = { .dir_fd = -EBADF };
    int r, by_helper;

    if (access(file, F_OK) < 0)
        return 0;
    r = change_begin(&change, file, err);
    if (r < 0)
        return r;
    by_helper = erase_with_helpers(change.config, domain, err);
    if (remove_keys(json_object_get(change.config, AUTHS), domain, by_helper < 0)) {
        auto_error struct error *failure = NULL;

        r = change_end(&change, &failure);
        if (r < 0) /* worse than what a helper said */
            return error_move(err, TAKE(failure));
        r = 1;
    }
    return by_helper < 0 ? by_helper : r;
}

int credentials_erase(const struct credentials_files *files, const char *domain, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings names = credentials_file_names(files, &arena);
    int any = 0, r = 0;

    ARRAY_FOREACH(&names, name) {
        struct error *failure = NULL;
        int one = erase_in_file(*name, domain, &failure);

        if (one < 0)
            error_wrap(&failure, one, "cannot remove the credentials in \"%s\"", *name);
        else
            any |= one;
        keep_first(&r, err, one, failure);
    }
    return r < 0 ? r : any;
}
