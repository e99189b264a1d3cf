/* Published ports: [ip:][host:]container[/protocol] with ranges, or mappings. In the normal form each
 * container port has an entry of its own. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/parse.h"
#include "base/str.h"
#include "compose/schema-rows-internal.h"
#include "compose/schema-types.h"

#define PORT_ENTRIES_MAX 200000u /* of all services together */

struct port_text {
    const char *ip;
    const char *host;
    const char *container;
    const char *protocol;
    bool protocol_given, ip_is_bare;
};

struct port_range {
    uint16_t first, last;
};

const char *service_port_key(struct arena *arena, const struct node *item)
{
    const struct node *target = node_get(item, "target"), *published = node_get(item, "published");
    const char *ip = node_get_text(item, "host_ip"), *protocol = node_get_text(item, "protocol");

    if (item->kind != NODE_MAP || !target)
        return NULL;
    return arena_printf(arena, "%s:%s:%s/%s", ip ? ip : "0.0.0.0",
            published ? node_scalar_text(arena, published) : "-", node_scalar_text(arena, target),
            protocol ? protocol : "tcp");
}

/* Cuts the text at its last two colons and the slash; brackets of an IPv6 address go. */
static void cut(struct arena *arena, const char *text, struct port_text *port)
{
    struct str rest = str_from(text);
    ptrdiff_t at = str_find_last(rest, '/');

    *port = (struct port_text){ .ip = "", .host = "", .protocol = "tcp" };
    if (at >= 0) {
        port->protocol = arena_strdup(arena, text + at + 1);
        port->protocol_given = true;
        rest.len = (size_t)at;
    }
    at = str_find_last(rest, ':');
    port->container = arena_strndup(arena, rest.data + at + 1, rest.len - (size_t)(at + 1));
    if (at < 0)
        return;
    rest.len = (size_t)at;
    at = str_find_last(rest, ':');
    port->host = arena_strndup(arena, rest.data + at + 1, rest.len - (size_t)(at + 1));
    if (at < 0)
        return;
    rest.len = (size_t)at;
    if (rest.len >= 2 && rest.data[0] == '[' && rest.data[rest.len - 1] == ']') {
        rest.data++;
        rest.len -= 2;
    } else if (str_find(rest, ':') >= 0) {
        /* An IPv6 address without brackets cannot be told from ports; kept to be refused. */
        port->ip_is_bare = true;
    }
    port->ip = arena_strndup(arena, rest.data, rest.len);
}

bool address_is_valid(const char *text)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, text, bytes) == 1 || inet_pton(AF_INET6, text, bytes) == 1;
}

/* What was probably meant, by the text and the value in it that is to blame. */
static const char *find_hint(struct arena *arena, const char *text, const char *value)
{
    if (address_is_valid(value) && !strchr(value, ':'))
        return arena_printf(arena,
                "between address and port is one of the host, or nothing: \"%s::80\"", value);
    if (strcmp(value, "localhost") == 0)
        return "write the address: 127.0.0.1";
    if (strchr(text, '/') && strchr(strchr(text, '/'), ':'))
        return "the protocol stands last: [IP:][HOST:]CONTAINER/PROTOCOL";
    if (strpbrk(text, " \t"))
        return "leave the blanks out";
    if (*value && strspn(value, "0123456789") == strlen(value) && strlen(value) > 4)
        return "ports end at 65535";
    return "ports are written [IP:][HOST:]CONTAINER[/PROTOCOL], with tcp, udp or sctp";
}

static bool refuse(struct schema_context *context, const struct node *node, const char *message,
        const char *value)
{
    struct diag_entry *entry = schema_error(context, &node->at, "%s \"%s\" in %s", message, value,
            node_describe(context->arena, node));

    diag_hint(context->diag, entry, "%s",
            find_hint(context->arena, node_scalar_text(context->arena, node), value));
    return false;
}

static bool check(struct schema_context *context, const struct node *node, struct port_text *port,
        struct port_range *container, struct port_range *host)
{
    if (port->ip_is_bare)
        return refuse(context, node, "an IPv6 address needs brackets:", port->ip);
    if (*port->ip && !address_is_valid(port->ip))
        return refuse(context, node, "invalid IP address", port->ip);
    if (!*port->container)
        return refuse(context, node, "no container port:", "");
    if (parse_port_range(str_from(port->container), true, &container->first, &container->last) <
                    0 ||
            !container->first)
        return refuse(context, node, "invalid container port", port->container);
    if (*port->host && parse_port_range(str_from(port->host), true, &host->first, &host->last) < 0)
        return refuse(context, node, "invalid host port", port->host);
    if (*port->host && container->last - container->first != host->last - host->first &&
            container->first != container->last)
        return refuse(context, node,
                arena_printf(context->arena,
                        "ranges of different size: host ports %s, container ports", port->host),
                port->container);
    char *lower = arena_strdup(context->arena, *port->protocol ? port->protocol : "tcp");

    for (char *p = lower; *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p |= 0x20;
    if (strcmp(lower, "tcp") != 0 && strcmp(lower, "udp") != 0 && strcmp(lower, "sctp") != 0)
        return refuse(context, node, "unknown protocol", port->protocol);
    port->protocol = lower;
    return true;
}

static void set_text(
        struct schema_context *context, struct node *map, const char *key, const char *text)
{
    node_set(context->arena, map, key, &map->at, node_new_text(context->arena, text, &map->at));
}

static struct node *make_port(struct schema_context *context, const struct node *node,
        const struct port_text *port, unsigned target, const char *published)
{
    struct node *map = node_new(context->arena, NODE_MAP, &node->at);

    map->flags |= NODE_SHORT;
    schema_default_text(context, map, "mode", "ingress");
    if (*port->ip)
        set_text(context, map, "host_ip", port->ip);
    node_set(context->arena, map, "target", &node->at,
            node_new_int(context->arena, target, &node->at));
    if (published)
        set_text(context, map, "published", published);
    if (port->protocol_given)
        set_text(context, map, "protocol", port->protocol);
    else
        schema_default_text(context, map, "protocol", port->protocol);
    return map;
}

static int compare_targets(const void *a, const void *b)
{
    char text_a[8], text_b[8];
    const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;

    (void)snprintf(text_a, sizeof(text_a), "%d", (int)node_get(x, "target")->integer);
    (void)snprintf(text_b, sizeof(text_b), "%d", (int)node_get(y, "target")->integer);
    return strcmp(text_a, text_b);
}

static void read_text(struct schema_context *context, struct node *list, const struct node *node,
        const char *text)
{
    struct port_range container, host = { 0 };
    uint32_t before = list->len;
    struct port_text port;

    cut(context->arena, text, &port);
    if (!check(context, node, &port, &container, &host))
        return;
    context->port_entries += (uint32_t)(container.last - container.first) + 1;
    if (context->port_entries > PORT_ENTRIES_MAX) {
        schema_error(context, &node->at, "more than %u ports in one project", PORT_ENTRIES_MAX);
        context->port_entries = PORT_ENTRIES_MAX;
        return;
    }
    for (unsigned i = 0; i <= (unsigned)(container.last - container.first); i++) {
        const char *published = NULL;

        if (*port.host && container.first == container.last && host.first != host.last)
            published = port.host; /* one port, any of a range */
        else if (*port.host)
            published = arena_printf(context->arena, "%u", host.first + i);
        node_list_append(context->arena, list,
                make_port(context, node, &port, container.first + i, published));
    }
    /* Docker Compose orders the ports of a range as texts: 10 before 9. */
    qsort(list->items + before, list->len - before, sizeof(*list->items), compare_targets);
}

struct node *service_ports_read(
        struct schema_context *context, const struct attr *attr, const struct node *node)
{
    struct node *list = node_new(context->arena, NODE_LIST, &node->at);

    if (node->kind != NODE_LIST)
        return schema_refuse(context, node, "a list of ports");
    for (uint32_t i = 0; i < node->len; i++) {
        size_t mark = schema_push_index(context, i);
        const struct node *item = node->items[i];
        size_t errors = context->diag->errors;
        struct node *map = NULL;

        if (item->kind == NODE_TEXT && (item->flags & NODE_BAD))
            list->flags |= NODE_BAD;
        else if (item->kind == NODE_TEXT && schema_is_raw(context, item))
            map = node_copy(context->arena, item);
        else if (item->kind == NODE_TEXT || item->kind == NODE_INT)
            read_text(context, list, item, node_scalar_text(context->arena, item));
        else if (item->kind == NODE_MAP)
            map = schema_read(context, attr->items, item);
        else
            schema_refuse(context, item, "a port such as \"8080:80\" or a mapping");
        if (map)
            node_list_append(context->arena, list, map);
        if (context->diag->errors > errors)
            list->flags |= NODE_BAD;
        schema_pop(context, mark);
    }
    return list;
}
