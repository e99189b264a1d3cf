#include "engine/volume/volume-device.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/container/config.h"
#include "engine/rootfs/device.h"

#define ADDRESS_OPTION "addr="

int volume_resolve_host(struct arena *arena, const char *host, const char **ret, struct error **err)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    char text[INET6_ADDRSTRLEN];
    int r = getaddrinfo(host, NULL, &hints, &found);

    if (r == 0)
        r = getnameinfo(
                found->ai_addr, found->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST);
    if (found)
        freeaddrinfo(found);
    if (r != 0)
        return error_set_plain(err, ENOENT, NULL,
                "error resolving passed in network volume address: lookup %s: %s", host,
                gai_strerror(r));
    *ret = arena_strdup(arena, text);
    return 0;
}

static bool is_address(const char *host)
{
    struct in6_addr address;

    return inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static int resolve_option(struct arena *arena, struct str option, volume_resolve_fn *resolve,
        const char **ret, struct error **err)
{
    const char *host = arena_strndup(
            arena, option.data + strlen(ADDRESS_OPTION), option.len - strlen(ADDRESS_OPTION));

    *ret = host;
    return is_address(host) ? 0 : resolve(arena, host, ret, err);
}

/* The options, with the server's address in numbers; a bind's without the word that makes it one. */
static int copy_options(struct arena *arena, const char *text, bool is_bind,
        volume_resolve_fn *resolve, struct mount_device *ret, struct error **err)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(LIMIT_PATH_BYTES);
    struct str rest = str_from(text ? text : ""), option;
    const char *address;

    while (str_split_next(&rest, ',', &option)) {
        const char *comma = out.len ? "," : "";

        if (option.len == 0 ||
                (is_bind && (str_is_equal_z(option, "bind") || str_is_equal_z(option, "rbind"))))
            continue;
        if (!resolve || !str_has_prefix(option, ADDRESS_OPTION)) {
            strbuf_addf(&out, "%s%.*s", comma, STR_FMT(option));
            continue;
        }
        int r = resolve_option(arena, option, resolve, &address, err);
        if (r < 0)
            return r;
        strbuf_addf(&out, "%s" ADDRESS_OPTION "%s", comma, address);
    }
    ret->options = out.len ? arena_strndup(arena, out.data, out.len) : NULL;
    return 0;
}

/* "//server/share": the server in numbers. */
static int resolve_share(struct arena *arena, volume_resolve_fn *resolve, struct mount_device *ret,
        struct error **err)
{
    const char *host = ret->source + strspn(ret->source, "/"), *address;
    size_t len = strcspn(host, "/");

    if (host - ret->source != 2 || len == 0)
        return 0;
    const char *name = arena_strndup(arena, host, len);
    if (is_address(name))
        return 0;
    int r = resolve(arena, name, &address, err);
    if (r >= 0)
        ret->source = arena_printf(arena, "//%s%s", address, host + len);
    return r;
}

static bool has_option(const char *list, const char *word)
{
    struct str rest = str_from(list ? list : ""), item;

    while (str_split_next(&rest, ',', &item))
        if (str_is_equal_z(item, word) ||
                (word[strlen(word) - 1] == '=' && str_has_prefix(item, word)))
            return true;
    return false;
}

int volume_device_source(struct arena *arena, const char *name,
        const struct container_pairs *options, volume_resolve_fn *resolve, struct mount_device *ret,
        struct error **err)
{
    const char *device = container_pairs_get(options, "device");
    const char *type = container_pairs_get(options, "type");
    const char *words = container_pairs_get(options, "o");
    bool is_bind = has_option(words, "bind") || has_option(words, "rbind");

    *ret = (struct mount_device){ .source = device ? device : type };
    if (!is_bind && string_is_empty(type))
        return error_set_plain(err, EINVAL, NULL, "volume \"%s\" has a device but no type", name);
    ret->recursive = has_option(words, "rbind");
    if (is_bind)
        return copy_options(arena, words, true, NULL, ret, err);
    bool is_cifs = strcmp(type, "cifs") == 0;
    bool is_remote = is_cifs || string_has_prefix(type, "nfs");
    ret->type = type;
    int r = copy_options(arena, words, false, is_remote ? resolve : NULL, ret, err);
    if (r >= 0 && is_cifs && !has_option(words, ADDRESS_OPTION))
        r = resolve_share(arena, resolve, ret, err);
    return r < 0 ? error_wrap(err, r, "cannot use volume \"%s\"", name) : 0;
}
