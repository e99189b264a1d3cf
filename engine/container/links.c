/* Docker's links. On a network of the user's one is a name that this container alone has for another; on the default
 * bridge, which answers no names, it is a line of hosts and a set of variables, made anew with each start. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/network/network.h"

#define PORT_TEXT_MAX 32

/* ---- At creation ---- */

static int check_modes(const struct container_config *config, struct error **err)
{
    if (config->network_mode == CONTAINER_NETWORK_PRIVATE)
        return 0;
    return error_set_plain(err, EINVAL, NULL,
            "conflicting options: %s type networking can't be used with links",
            container_network_mode_names[config->network_mode]);
}

static bool is_default_network(const struct container_config *config)
{
    return config->networks.len == 0 ||
           strcmp(config->networks.items[0].network, NETWORK_DEFAULT_NAME) == 0;
}

static void add_alias(struct arena *arena, struct container_config *config, const char *link)
{
    struct container_networks networks = { 0 };
    size_t count = container_vector_len(config->networks.items[0].aliases);
    char **aliases = ARENA_NEW_ARRAY(arena, count + 2, char *);

    for (size_t i = 0; i < count; i++)
        aliases[i] = config->networks.items[0].aliases[i];
    aliases[count] = arena_strdup(arena, link);
    for (size_t i = 0; i < config->networks.len; i++)
        *ARRAY_APPEND_ARENA(arena, &networks) = config->networks.items[i];
    networks.items[0].aliases = aliases;
    config->networks = networks;
}

int container_adopt_links(struct engine *engine, struct arena *arena,
        struct container_config *config, struct error **err)
{
    struct strings links = { 0 };
    int r = config->links ? check_modes(config, err) : 0;

    for (char **link = config->links; r >= 0 && link && *link; link++) {
        struct str alias = str_from(*link), reference;
        struct container *other;

        str_split_next(&alias, ':', &reference);
        const char *name = arena_strndup(arena, reference.data, reference.len);
        r = container_get(engine, arena, name, &other, err);
        if (r < 0)
            return error_wrap(err, r, "could not get container for %s", name);
        const char *whole = arena_printf(arena, "%s:%s", other->name,
                alias.len ? arena_strndup(arena, alias.data, alias.len) : other->name);
        if (!is_default_network(config))
            add_alias(arena, config, whole);
        else
            *ARRAY_APPEND_ARENA(arena, &links) = arena_strdup(arena, whole);
    }
    *ARRAY_APPEND_ARENA(arena, &links) = NULL;
    config->links = links.len > 1 ? links.items : NULL;
    return r;
}

/* ---- At a start ---- */

static const char *address_on_bridge(const struct container *c)
{
    for (size_t i = 0; i < c->endpoints.len; i++)
        if (strcmp(c->endpoints.items[i].network, NETWORK_DEFAULT_NAME) == 0)
            return c->endpoints.items[i].ipv4;
    return NULL;
}

/* "my-db" becomes MY_DB. */
static const char *prefix_of(struct arena *arena, const char *alias)
{
    char *prefix = arena_strdup(arena, alias);

    for (char *at = prefix; *at; at++)
        *at = *at == '-' ? '_' : (char)toupper((unsigned char)*at);
    return prefix;
}

static void add_port(struct arena *arena, const char *prefix, const char *address,
        const char *exposed, bool is_first, struct strings *env)
{
    struct str protocol = str_from(exposed), port;
    char upper[PORT_TEXT_MAX];

    str_split_next(&protocol, '/', &port);
    if (protocol.len == 0)
        protocol = STR_LITERAL("tcp");
    snprintf(upper, sizeof(upper), "%.*s", STR_FMT(protocol));
    for (char *at = upper; *at; at++)
        *at = (char)toupper((unsigned char)*at);
    const char *url = arena_printf(
            arena, "%.*s://%s:%.*s", STR_FMT(protocol), address, STR_FMT(port));
    const char *key = arena_printf(arena, "%s_PORT_%.*s_%s", prefix, STR_FMT(port), upper);
    if (is_first)
        *ARRAY_APPEND_ARENA(arena, env) = arena_printf(arena, "%s_PORT=%s", prefix, url);
    *ARRAY_APPEND_ARENA(arena, env) = arena_printf(arena, "%s=%s", key, url);
    *ARRAY_APPEND_ARENA(arena, env) = arena_printf(arena, "%s_ADDR=%s", key, address);
    *ARRAY_APPEND_ARENA(arena, env) = arena_printf(arena, "%s_PORT=%.*s", key, STR_FMT(port));
    *ARRAY_APPEND_ARENA(arena, env) = arena_printf(arena, "%s_PROTO=%.*s", key, STR_FMT(protocol));
}

static void add_env(struct arena *arena, const char *own_name, const char *alias,
        const struct container *other, const char *address, struct strings *env)
{
    const char *prefix = prefix_of(arena, alias);

    *ARRAY_APPEND_ARENA(arena, env) = arena_printf(
            arena, "%s_NAME=/%s/%s", prefix, own_name, alias);
    for (char **port = other->config.exposed_ports; port && *port; port++)
        add_port(arena, prefix, address, *port, port == other->config.exposed_ports, env);
    for (char **entry = other->config.env; entry && *entry; entry++)
        if (!string_has_prefix(*entry, "HOME=") && !string_has_prefix(*entry, "PATH=") &&
                strchr(*entry, '='))
            *ARRAY_APPEND_ARENA(arena, env) = arena_printf(arena, "%s_ENV_%s", prefix, *entry);
}

int container_resolve_links(struct engine *engine, struct arena *arena, const struct container *c,
        struct container_links *ret, struct error **err)
{
    struct strings env = { 0 }, hosts = { 0 };

    for (char **link = c->config.links; link && *link; link++) {
        struct str alias = str_from(*link), name;
        struct container *other;

        str_split_next(&alias, ':', &name);
        const char *target = arena_strndup(arena, name.data, name.len);
        int r = container_get(engine, arena, target, &other, err);
        if (r < 0)
            return error_wrap(err, r, "cannot link to %s", target);
        const char *address = address_on_bridge(other);
        if (other->state.status != CONTAINER_RUNNING || !address)
            return error_set_plain(err, EINVAL, NULL, "Cannot link to a %s: /%s AS /%s/%s",
                    other->state.status != CONTAINER_RUNNING
                            ? "non running container"
                            : "container that is not on the default bridge",
                    target, c->name, alias.data);
        *ARRAY_APPEND_ARENA(arena, &hosts) = arena_printf(arena, "%s %.*s %s:%s", alias.data,
                CONTAINER_SHORT_ID, other->id, other->name, address);
        add_env(arena, c->name, alias.data, other, address, &env);
    }
    *ARRAY_APPEND_ARENA(arena, &env) = NULL;
    *ret = (struct container_links){ .env = env.items, .hosts = hosts };
    return 0;
}
