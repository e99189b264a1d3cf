#include "engine/image/login.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/engine.h"
#include "engine/image/access.h"
#include "engine/image/credentials.h"
#include "engine/image/http.h"
#include "engine/image/ref.h"
#include "engine/image/registries.h"
#include "engine/image/registry.h"

int login_parse_server(const char *server, char **ret, struct error **err)
{
    static const char *const hub[] = { "index.docker.io", "registry-1.docker.io" };
    const char *begin = strstr(server, "://");
    auto_(image_ref_release) struct image_ref ref = IMAGE_REF_INIT;

    begin = begin ? begin + strlen("://") : server;
    auto_free char *domain = mem_strndup(begin, strcspn(begin, "/"));
    for (size_t i = 0; i < ARRAY_LEN(hub); i++)
        if (strcmp(domain, hub[i]) == 0) {
            free(domain);
            domain = mem_strdup(IMAGE_REF_DEFAULT_DOMAIN);
        }
    /* What can be no registry of an image could never be used. */
    auto_free char *name = mem_printf("%s/x/x", domain);
    if (image_ref_parse(name, &ref, NULL) < 0 || strcmp(ref.domain, domain) != 0)
        return error_set_plain(err, EINVAL, NULL, "\"%s\" is no name of a registry", server);
    *ret = TAKE(domain);
    return 0;
}

int login_verify(const struct login_options *options, const struct credentials *credentials,
        struct secret *ret_identity, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(registry_free_p) struct registry *registry = NULL;
    auto_(http_client_free_p) struct http_client *client = NULL;
    struct registry_endpoints endpoints;
    struct image_ref ref = { .domain = (char *)(uintptr_t)options->domain,
        .path = arena_strdup(&arena, "library/login") };
    struct registry_access access = *options->access;
    int r = registries_resolve(&arena, options->engine, &ref, &endpoints, err);

    if (r < 0)
        return r;
    access.credentials = credentials;
    const struct registry_options where = {
        .engine = options->engine,
        .domain = options->domain,
        .path = "",
        .endpoint = &endpoints.items[endpoints.len - 1], /* itself, no mirror */
        .access = &access,
        .rights = REGISTRY_LOGS_IN,
    };
    r = registry_new(&where, &registry, err);
    if (r >= 0)
        r = http_client_new(&client, err);
    return r < 0 ? r : registry_login(registry, client, options->engine->cancel, ret_identity, err);
}

int login_store(const struct login_options *options, const struct credentials *credentials,
        char **ret_file, struct error **err)
{
    const struct credentials_files files = { options->engine, options->access->auth_file };

    return credentials_store(&files, options->domain, credentials, ret_file, err);
}
