/* network create. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/opts.h"
#include "base/str.h"
#include "base/strmap.h"
#include "cli/cli.h"
#include "cli/cmd-network-internal.h"
#include "cli/report.h"
#include "engine/network/network.h"

#define POOLS_MAX 2 /* one of each family */

const struct network_create_words network_create_defaults = { .ipv4 = OPT_UNSET,
    .ipv6 = OPT_UNSET };

#define AT(member) .offset = offsetof(struct network_create_words, member)
const struct opt network_create_opts[] = { { .name = "attachable",
                                                   .type = &opt_flag,
                                                   .flags = OPT_HIDDEN,
                                                   AT(attachable),
                                                   .help = "Taken for granted" },
    { .name = "driver",
            .letter = 'd',
            .type = &opt_string,
            .arg = "DRIVER",
            AT(driver),
            .help = "bridge (the default)" },
    { .name = "gateway",
            .type = &opt_list,
            .arg = "ADDRESS",
            AT(gateways),
            .help = "Address of the bridge" },
    { .name = "ignore",
            .type = &opt_flag,
            AT(ignore),
            .help = "A network of that name is left as it is" },
    { .name = "internal", .type = &opt_flag, AT(internal), .help = "No way out of the network" },
    { .name = "ip-range",
            .type = &opt_list,
            .arg = "CIDR",
            AT(ip_ranges),
            .help = "Part of the subnet that containers get addresses from" },
    { .name = "label", .type = &opt_list, .arg = "KEY=VALUE", AT(labels), .help = "Add a label" },
    { .name = "opt",
            .letter = 'o',
            .type = &opt_list,
            .arg = "KEY=VALUE",
            AT(options),
            .help = "Option of the driver" },
    { .name = "subnet",
            .type = &opt_list,
            .arg = "CIDR",
            AT(subnets),
            .help = "Subnet, one of each family" },
    { .name = "ipv4", .type = &opt_tristate, AT(ipv4), .help = "Give IPv4 addresses out (true)" },
    { .name = "ipv6", .type = &opt_tristate, AT(ipv6), .help = "Give IPv6 addresses out (false)" },
    { .name = "aux-address",
            .type = &opt_list,
            .arg = "NAME=ADDRESS",
            AT(aux),
            .help = "Address of a subnet that is never given out" },
    { .name = "disable-dns",
            .type = &opt_flag,
            AT(disable_dns),
            .help = "Containers do not find each other by name" },
    { .name = "dns",
            .type = &opt_list,
            .arg = "IP",
            AT(dns),
            .help = "Where questions go that are about no container" },
    { .name = "interface-name",
            .type = &opt_string,
            .arg = "NAME",
            AT(interface_name),
            .help = "Name of the bridge, or the link that macvlan and ipvlan stand on" },
    { .name = "ipam-driver",
            .type = &opt_string,
            .arg = "DRIVER",
            AT(ipam_driver),
            .help = "default, host-local, or none: no addresses are given out" },
    { .name = "scope",
            .type = &opt_string,
            .arg = "local",
            .flags = OPT_HIDDEN,
            AT(scope),
            .help = "local; others are of a swarm" },
    { .name = "config-from",
            .type = &opt_string,
            .flags = OPT_HIDDEN,
            AT(config_from),
            .help = "Of a swarm: not supported" },
    { .name = "config-only",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(config_only),
            .help = "Of a swarm: not supported" },
    { .name = "ingress",
            .type = &opt_flag,
            .flags = OPT_HIDDEN,
            AT(ingress),
            .help = "Of a swarm: not supported" },
    { .name = "ipam-opt",
            .type = &opt_list,
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            AT(refused),
            .help = "Option of the address manager" },
    { .name = "route",
            .type = &opt_list,
            .flags = OPT_UNSUPPORTED | OPT_HIDDEN,
            AT(refused),
            .help = "Static route" },
    OPT_END };
#undef AT

static void to_map(struct arena *arena, const struct strings *words, struct strmap *map)
{
    strmap_init_arena(map, arena);
    for (size_t i = 0; i < words->len; i++) {
        const char *eq = strchr(words->items[i], '=');
        const char *key = eq ? arena_strndup(arena, words->items[i], (size_t)(eq - words->items[i]))
                             : words->items[i];

        strmap_set(map, key, arena_strdup(arena, eq ? eq + 1 : ""));
    }
}

static bool is_ipv6(const char *text)
{
    return strchr(text, ':') != NULL;
}

struct pools {
    struct network_pool items[POOLS_MAX];
    struct strmap aux[POOLS_MAX];
    size_t len;
};

/* The pool that an address of that family belongs to. */
static struct network_pool *find_pool(struct pools *pools, const char *text)
{
    for (size_t i = 0; i < pools->len; i++)
        if (is_ipv6(pools->items[i].subnet) == is_ipv6(text))
            return &pools->items[i];
    return NULL;
}

static int set_once(const char **place, const char *value, const char *option, struct error **err)
{
    if (*place)
        return error_set_plain(
                err, EINVAL, NULL, "--%s %s: there is one already (%s)", option, value, *place);
    *place = value;
    return 0;
}

static int no_subnet(const char *option, const char *value, struct error **err)
{
    return error_set_plain(
            err, EINVAL, NULL, "--%s %s: there is no --subnet that it belongs to", option, value);
}

static int add_aux(struct arena *arena, struct pools *pools, const char *text, struct error **err)
{
    const char *eq = strchr(text, '=');
    struct network_pool *pool = eq && eq != text ? find_pool(pools, eq + 1) : NULL;

    if (!eq || eq == text)
        return error_set_plain(
                err, EINVAL, NULL, "invalid auxiliary address \"%s\": expected NAME=ADDRESS", text);
    if (!pool)
        return no_subnet("aux-address", eq + 1, err);
    struct strmap *map = &pools->aux[pool - pools->items];
    if (!pool->aux_addresses)
        strmap_init_arena(map, arena);
    pool->aux_addresses = map;
    strmap_set(map, arena_strndup(arena, text, (size_t)(eq - text)), (void *)(eq + 1));
    return 0;
}

static int fill_pools(struct arena *arena, const struct network_create_words *words,
        struct pools *pools, struct error **err)
{
    struct network_pool *pool;
    int r = 0;

    ARRAY_FOREACH(&words->subnets, subnet) {
        if (find_pool(pools, *subnet) || pools->len == POOLS_MAX)
            return error_set_plain(
                    err, EINVAL, NULL, "bridge driver doesn't support multiple subnets");
        pools->items[pools->len++] = (struct network_pool){ .subnet = *subnet };
    }
    ARRAY_FOREACH(&words->gateways, gateway)
        if (r >= 0) {
            pool = find_pool(pools, *gateway);
            r = pool ? set_once(&pool->gateway, *gateway, "gateway", err)
                     : no_subnet("gateway", *gateway, err);
        }
    ARRAY_FOREACH(&words->ip_ranges, range)
        if (r >= 0) {
            pool = find_pool(pools, *range);
            r = pool ? set_once(&pool->ip_range, *range, "ip-range", err)
                     : no_subnet("ip-range", *range, err);
        }
    ARRAY_FOREACH(&words->aux, aux)
        if (r >= 0)
            r = add_aux(arena, pools, *aux, err);
    return r;
}

static int check_words(const struct network_create_words *words, struct error **err)
{
    const char *of_swarm = words->config_from   ? "--config-from"
                           : words->config_only ? "--config-only"
                           : words->ingress     ? "--ingress"
                                                : NULL;

    if (!of_swarm && words->scope && strcmp(words->scope, "local") != 0)
        of_swarm = "a --scope other than local";
    if (of_swarm)
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "%s is not supported: it is for the networks of a swarm, and there is none",
                of_swarm);
    if (words->disable_dns && words->dns.len)
        return error_set_plain(err, EINVAL, NULL, "--dns and --disable-dns exclude each other");
    return 0;
}

/* "none" or the one that there is; *ret tells which. */
static int read_ipam_driver(const char *driver, bool *ret_none, struct error **err)
{
    static const char *const usual[] = { "", "default", "host-local" };

    *ret_none = driver && strcmp(driver, "none") == 0;
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        if (*ret_none || !driver || strcmp(driver, usual[i]) == 0)
            return 0;
    return error_set_plain(
            err, EOPNOTSUPP, NULL, "unsupported ipam driver \"%s\": default and none are", driver);
}

/* Podman's options that stand for options of the driver. */
static void add_driver_options(
        struct arena *arena, const struct network_create_words *words, struct strmap *options)
{
    const char *dns = NULL;
    bool has_parent = words->driver && strcmp(words->driver, "bridge") != 0;

    for (size_t i = 0; i < words->dns.len; i++)
        dns = arena_printf(arena, "%s%s%s", dns ? dns : "", dns ? "," : "", words->dns.items[i]);
    if (dns)
        strmap_set(options, NETWORK_OPTION_DNS, (void *)(uintptr_t)dns);
    if (words->disable_dns)
        strmap_set(options, NETWORK_OPTION_DISABLE_DNS, arena_strdup(arena, "true"));
    if (!string_is_empty(words->interface_name))
        strmap_set(options, has_parent ? NETWORK_OPTION_PARENT : NETWORK_OPTION_BRIDGE_NAME,
                arena_strdup(arena, words->interface_name));
}

int network_run_create(struct cli *cli, const void *data, int argc, char **argv)
{
    const struct network_create_words *words = data;
    auto_error struct error *err = NULL;
    struct strmap driver_options, labels;
    struct pools pools = { 0 };
    char id[RANDOM_ID_HEX + 1];
    bool no_addresses;

    if (argc != 1)
        return cli_check_arguments(cli, cli->running, argc, 1, 1);
    to_map(&cli->arena, &words->options, &driver_options);
    to_map(&cli->arena, &words->labels, &labels);
    add_driver_options(&cli->arena, words, &driver_options);
    if (check_words(words, &err) < 0 ||
            read_ipam_driver(words->ipam_driver, &no_addresses, &err) < 0 ||
            fill_pools(&cli->arena, words, &pools, &err) < 0)
        return report_error(cli, err);
    struct engine *engine = cli_engine(cli, &err);
    struct network_create_options how = {
        .name = argv[0],
        .driver = words->driver,
        .pools = pools.items,
        .pool_len = pools.len,
        .internal = words->internal,
        .attachable = words->attachable,
        .disable_ipv4 = words->ipv4 == 0,
        .enable_ipv6 = words->ipv6 == 1,
        .no_addresses = no_addresses,
        .options = &driver_options,
        .labels = &labels,
    };
    int r = engine ? network_create(engine, &how, id, &err) : -EIO;

    if (r == -EEXIST && words->ignore) {
        cli_print(cli, "%s\n", argv[0]);
        return 0;
    }
    if (r < 0)
        return report_error(cli, err);
    cli_print(cli, "%s\n", id);
    return 0;
}
