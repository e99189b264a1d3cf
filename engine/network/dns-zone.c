#include "engine/network/dns-zone.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/network/address-internal.h"
#include "engine/network/dns-message.h"

#define TTL_SEC 600        /* Docker's */
#define ADDRESSES_MAX 1024 /* of one answer; more than fit even over TCP are of no use to anybody */

void dns_zone_free(struct dns_zone *zone)
{
    if (!zone)
        return;
    arena_release(&zone->arena);
    free(zone);
}

void dns_zones_release(struct dns_zones *zones)
{
    ARRAY_FOREACH(zones, it)
        dns_zone_free(*it);
    ARRAY_RELEASE(zones);
}

const struct dns_host *dns_zone_find_host(
        const struct dns_zone *zone, const struct in6_addr *address)
{
    for (size_t i = 0; i < zone->hosts.len; i++)
        if (address6_is_equal(&zone->hosts.items[i].address, address))
            return &zone->hosts.items[i];
    return NULL;
}

bool dns_zone_has_address(const struct dns_zone *zone, const struct in6_addr *address)
{
    if (address_is_mapped(address))
        return zone->prefix_len > 0 &&
               address_is_in(address_unmap(address), zone->subnet, zone->prefix_len);
    return zone->prefix6_len > 0 && address6_is_in(address, &zone->subnet6, zone->prefix6_len);
}

static bool next_word(struct str *line, struct arena *arena, const char **ret)
{
    struct str word;

    do
        if (!str_split_next(line, ' ', &word))
            return false;
    while (word.len == 0);
    *ret = arena_strndup(arena, word.data, word.len);
    return true;
}

static char *lower_case(struct arena *arena, const char *text)
{
    char *copy = arena_strdup(arena, text);

    for (char *c = copy; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return copy;
}

static void add_name(struct dns_zone *zone, const char *name, const struct in6_addr *address)
{
    const char *key = lower_case(&zone->arena, name);
    struct dns_addresses *addresses = strmap_get(&zone->names, key);

    if (!addresses) {
        addresses = ARENA_NEW(&zone->arena, struct dns_addresses);
        strmap_set(&zone->names, key, addresses);
    }
    for (size_t i = 0; i < addresses->len; i++)
        if (address6_is_equal(&addresses->items[i], address))
            return;
    if (addresses->len < ADDRESSES_MAX)
        *ARRAY_APPEND_ARENA(&zone->arena, addresses) = *address;
}

static bool read_host(struct dns_zone *zone, struct str *line)
{
    const char *address, *id, *name;
    struct dns_host host = { 0 };

    if (!next_word(line, &zone->arena, &address) || address_parse_any(address, &host.address) < 0 ||
            !next_word(line, &zone->arena, &id) || strlen(id) >= DNS_ID_MAX)
        return false;
    host.container_id = id;
    while (next_word(line, &zone->arena, &name)) {
        if (!host.name)
            host.name = name;
        add_name(zone, name, &host.address);
    }
    *ARRAY_APPEND_ARENA(&zone->arena, &zone->hosts) = host;
    return host.name != NULL;
}

static bool read_forward(struct dns_zone *zone, struct str *line)
{
    const char *address, *server;
    struct in6_addr client;

    if (!next_word(line, &zone->arena, &address) || address_parse_any(address, &client) < 0)
        return false;
    for (size_t i = 0; i < zone->hosts.len; i++) {
        struct dns_host *host = &zone->hosts.items[i];

        if (!address6_is_equal(&host->address, &client))
            continue;
        while (host->forward_len < DNS_FORWARD_MAX && next_word(line, &zone->arena, &server))
            host->forward[host->forward_len++] = server;
    }
    return true;
}

static bool read_link(struct dns_zone *zone, struct str *line)
{
    const char *address, *name, *alias;
    struct in6_addr client;

    if (!next_word(line, &zone->arena, &address) || address_parse_any(address, &client) < 0 ||
            !next_word(line, &zone->arena, &name) || !next_word(line, &zone->arena, &alias))
        return false;
    for (size_t i = 0; i < zone->hosts.len; i++) {
        struct dns_host *host = &zone->hosts.items[i];

        if (address6_is_equal(&host->address, &client) && host->links.len < DNS_LINKS_MAX)
            *ARRAY_APPEND_ARENA(&zone->arena, &host->links) = (struct dns_link){
                lower_case(&zone->arena, alias), lower_case(&zone->arena, name)
            };
    }
    return true;
}

static bool read_line(struct dns_zone *zone, struct str line)
{
    const char *keyword, *value;

    if (!next_word(&line, &zone->arena, &keyword))
        return true;
    if (string_is_equal(keyword, "host"))
        return read_host(zone, &line);
    if (string_is_equal(keyword, "forward"))
        return read_forward(zone, &line);
    if (string_is_equal(keyword, "link"))
        return read_link(zone, &line);
    if (string_is_equal(keyword, "internal"))
        return zone->internal = true;
    if (!next_word(&line, &zone->arena, &value))
        return false;
    if (string_is_equal(keyword, "network"))
        return (zone->name = lower_case(&zone->arena, value)) != NULL;
    if (string_is_equal(keyword, "listen"))
        return address_parse_any(value, &zone->listen) >= 0;
    if (string_is_equal(keyword, "subnet"))
        return address_parse_network(value, &zone->subnet, &zone->prefix_len) >= 0 ||
               address6_parse_network(value, &zone->subnet6, &zone->prefix6_len) >= 0;
    return false;
}

static void zone_free_p(struct dns_zone **zone)
{
    dns_zone_free(*zone);
}

int dns_zone_parse(const char *text, size_t len, struct dns_zone **ret, struct error **err)
{
    auto_(zone_free_p) struct dns_zone *zone = NEW(struct dns_zone);
    struct str rest = { text, len }, line;
    unsigned number = 0;

    strmap_init_arena(&zone->names, &zone->arena);
    while (str_split_next(&rest, '\n', &line)) {
        number++;
        if (!read_line(zone, line))
            return error_set_plain(err, EINVAL, NULL, "names of a network: line %u is wrong: %.*s",
                    number, STR_FMT(line));
    }
    if (!zone->name || address_is_wildcard(&zone->listen) ||
            (!zone->prefix_len && !zone->prefix6_len))
        return error_set_plain(err, EINVAL, NULL, "names of a network: the head is not complete");
    *ret = TAKE(zone);
    return 0;
}

/* The client (a host of `home`) as a host of this zone; NULL when it is none. */
static const struct dns_host *find_self(
        const struct dns_zone *zone, const struct dns_zone *home, const struct dns_host *client)
{
    if (zone == home)
        return client;
    for (size_t i = 0; client && i < zone->hosts.len; i++)
        if (string_is_equal(zone->hosts.items[i].container_id, client->container_id))
            return &zone->hosts.items[i];
    return NULL;
}

static bool is_visible(
        const struct dns_zone *zone, const struct dns_zone *home, const struct dns_host *client)
{
    return zone == home || find_self(zone, home, client);
}

/* `name` in the zone, also as NAME.NETWORK. */
static const struct dns_addresses *find_name(const struct dns_zone *zone, const char *name)
{
    const struct dns_addresses *found = strmap_get(&zone->names, name);
    size_t len = strlen(name), suffix = strlen(zone->name);

    if (found || len <= suffix + 1 || name[len - suffix - 1] != '.' ||
            strcmp(name + len - suffix, zone->name) != 0)
        return found;
    return strmap_get_len(&zone->names, name, len - suffix - 1);
}

/* All addresses of the type, in an order that differs each time: clients take the first. */
static void add_shuffled(struct dns_answer *answer, const struct dns_addresses *addresses,
        const struct dns_query *query, uint32_t seed)
{
    struct in6_addr order[ADDRESSES_MAX];
    size_t len = addresses->len;

    memcpy(order, addresses->items, len * sizeof(order[0]));
    for (size_t i = len; i > 1; i--) {
        size_t j;

        seed = seed * 1664525u + 1013904223u;
        j = (size_t)(((uint64_t)seed * i) >> 32);
        struct in6_addr other = order[j];
        order[j] = order[i - 1];
        order[i - 1] = other;
    }
    for (size_t i = 0; i < len; i++) {
        bool v4 = address_is_mapped(&order[i]);

        if (v4 && (query->type == DNS_TYPE_A || query->type == DNS_TYPE_ANY))
            dns_answer_add_a(answer, TTL_SEC, address_unmap(&order[i]));
        else if (!v4 && (query->type == DNS_TYPE_AAAA || query->type == DNS_TYPE_ANY))
            dns_answer_add_aaaa(answer, TTL_SEC, &order[i]);
    }
}

static enum dns_lookup answer_reverse(const struct dns_zones *zones, const struct dns_zone *home,
        const struct dns_host *client, const struct in6_addr *address,
        const struct dns_query *query, struct dns_answer *answer)
{
    enum dns_lookup result = DNS_LOOKUP_UNKNOWN;

    for (size_t i = 0; i < zones->len; i++) {
        const struct dns_zone *zone = zones->items[i];
        const struct dns_host *host = dns_zone_find_host(zone, address);

        if (!is_visible(zone, home, client) || !dns_zone_has_address(zone, address))
            continue;
        if (!host) {
            result = DNS_LOOKUP_ABSENT; /* the outside knows nothing of our subnets */
            continue;
        }
        char name[DNS_NAME_BYTES_MAX + 1];
        size_t len = strlen(host->name), suffix = strlen(zone->name);
        if (len + 1 + suffix < sizeof(name)) {
            memcpy(name, host->name, len);
            name[len] = '.';
            memcpy(name + len + 1, zone->name, suffix + 1);
            if (query->type == DNS_TYPE_PTR || query->type == DNS_TYPE_ANY)
                dns_answer_add_ptr(answer, TTL_SEC, name);
        }
        return DNS_LOOKUP_ANSWERED;
    }
    return result;
}

/* What the client alone calls it, in whichever of its networks. */
static const struct dns_addresses *find_linked(const struct dns_zones *zones,
        const struct dns_zone *home, const struct dns_host *client, const char *name)
{
    for (size_t i = 0; client && i < zones->len; i++) {
        const struct dns_host *self = find_self(zones->items[i], home, client);

        for (size_t j = 0; self && j < self->links.len; j++) {
            const struct dns_link *link = &self->links.items[j];
            const struct dns_addresses *found = strcmp(link->alias, name) == 0
                                                        ? find_name(zones->items[i], link->name)
                                                        : NULL;

            if (found)
                return found;
        }
    }
    return NULL;
}

/* The zone that the query came in on comes first, then the others in their order. */
static const struct dns_addresses *find_visible(const struct dns_zones *zones,
        const struct dns_zone *home, const struct dns_host *client, const char *name)
{
    const struct dns_addresses *found = find_linked(zones, home, client, name);

    if (!found)
        found = find_name(home, name);
    for (size_t i = 0; !found && i < zones->len; i++)
        if (is_visible(zones->items[i], home, client))
            found = find_name(zones->items[i], name);
    return found;
}

static bool may_forward(
        const struct dns_zones *zones, const struct dns_zone *home, const struct dns_host *client)
{
    for (size_t i = 0; i < zones->len; i++)
        if (!zones->items[i]->internal && is_visible(zones->items[i], home, client))
            return true;
    return false;
}

enum dns_lookup dns_lookup(const struct dns_zones *zones, const struct dns_zone *zone,
        const struct in6_addr *client, const struct dns_query *query, uint32_t seed,
        struct dns_answer *answer)
{
    const struct dns_host *host = dns_zone_find_host(zone, client);
    enum dns_lookup result = DNS_LOOKUP_UNKNOWN;
    const struct dns_addresses *found = NULL;
    struct in6_addr address;

    if (query->class == DNS_CLASS_IN && dns_parse_reverse(query->name, &address))
        result = answer_reverse(zones, zone, host, &address, query, answer);
    else if (query->class == DNS_CLASS_IN)
        found = find_visible(zones, zone, host, query->name);
    if (found) {
        add_shuffled(answer, found, query, seed);
        return DNS_LOOKUP_ANSWERED;
    }
    if (result == DNS_LOOKUP_UNKNOWN && !may_forward(zones, zone, host))
        return DNS_LOOKUP_ABSENT;
    return result;
}
