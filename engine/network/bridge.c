#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/str.h"
#include "engine/engine-internal.h"
#include "engine/network/address-internal.h"
#include "engine/network/netlink-internal.h"
#include "engine/network/network-internal.h"

#define SYSCTL_PATH_MAX 96
#define CONF6 "/proc/sys/net/ipv6/conf"

static int set_ipv6(const char *bridge, const char *key, const char *value)
{
    char path[SYSCTL_PATH_MAX];

    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", bridge, key);
    return fs_write_small(AT_FDCWD, path, value);
}

/* Whoever sends there is a container: the machine takes no routes and no addresses from it. */
static int switch_ipv6_on(const struct network *network, struct error **err)
{
    static const char *const settings[][2] = {
        { "accept_ra", "0" },
        { "autoconf", "0" },
        { "accept_redirects", "0" },
        { "accept_dad", "0" }, /* the address of the bridge shall be usable at once */
        { "disable_ipv6", "0" },
    };

    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        int r = set_ipv6(network->bridge, settings[i][0], settings[i][1]);

        if (r < 0)
            return error_set(err, r, NULL,
                    "network %s: cannot switch IPv6 on for the bridge (%s), is the machine without it?",
                    network->name, settings[i][0]);
    }
    return 0;
}

/* Settings of the link that keep its traffic where it belongs. Called before it goes up. */
static int set_link_sysctls(const struct network *network, struct error **err)
{
    char path[SYSCTL_PATH_MAX];
    int r = 0;

    if (network->ipv6)
        r = switch_ipv6_on(network, err);
    else /* No address of the kernel's own making; a kernel without IPv6 has no such file. */
        (void)set_ipv6(network->bridge, "disable_ipv6", "1");
    if (r < 0 || !network->ipv4)
        return r;

    /* Lets connections to a published port on 127.0.0.1 leave over the bridge; the firewall keeps what
     * comes in over it away from 127.0.0.0/8. */
    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/route_localnet", network->bridge);
    r = fs_write_small(AT_FDCWD, path, "1");
    if (r < 0)
        return error_set(err, r, NULL, "cannot write %s", path);
    return 0;
}

static bool is_on(const char *path)
{
    char value[8];

    return fs_read_small(AT_FDCWD, path, value, sizeof(value)) > 0 && value[0] != '0';
}

static int enable_forwarding(struct error **err)
{
    static const char path[] = "/proc/sys/net/ipv4/ip_forward";
    int r;

    if (is_on(path))
        return 0;
    r = fs_write_small(AT_FDCWD, path, "1");
    if (r < 0)
        return error_set(err, r, NULL, "cannot switch IPv4 forwarding on (%s)", path);
    return 0;
}

/* A router listens to no other: links that the machine has its own IPv6 route from keep it only with accept_ra=2. */
static void keep_advertised_routes(void)
{
    auto_closedir DIR *dir = opendir(CONF6);
    const struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        char path[sizeof(CONF6) + NAME_MAX + sizeof("/disable_ipv6")], value[8];

        /* Links to come are not the machine's own, as a rule, and listen to nobody. */
        if (entry->d_name[0] == '.' || string_is_equal(entry->d_name, "all") ||
                string_is_equal(entry->d_name, "default"))
            continue;
        snprintf(path, sizeof(path), CONF6 "/%s/disable_ipv6", entry->d_name);
        if (is_on(path))
            continue;
        snprintf(path, sizeof(path), CONF6 "/%s/accept_ra", entry->d_name);
        if (fs_read_small(AT_FDCWD, path, value, sizeof(value)) > 0 && value[0] == '1')
            (void)fs_write_small(AT_FDCWD, path, "2");
    }
}

static int enable_forwarding6(struct error **err)
{
    static const char path[] = CONF6 "/all/forwarding";
    int r;

    if (is_on(path))
        return 0;
    keep_advertised_routes();
    r = fs_write_small(AT_FDCWD, path, "1");
    if (r < 0)
        return error_set(err, r, NULL, "cannot switch IPv6 forwarding on (%s)", path);
    return 0;
}

struct clash {
    const struct network *network;
    unsigned index;
    bool found;
};

static void look_for_clash(uint32_t subnet, unsigned prefix_len, unsigned index, void *userdata)
{
    struct clash *clash = userdata;

    if (subnet == clash->network->subnet && prefix_len == clash->network->prefix_len &&
            index != clash->index)
        clash->found = true;
}

int bridge_subnet_is_taken(
        struct netlink *nl, const struct network *network, unsigned index, struct error **err)
{
    struct clash clash = { network, index, false };
    int r = netlink_each_subnet(nl, look_for_clash, &clash, err);

    return r < 0 ? r : clash.found;
}

static int check_clash(
        struct netlink *nl, const struct network *network, unsigned index, struct error **err)
{
    char subnet[ADDRESS_NETWORK_TEXT_MAX];
    int r = network->ipv4 ? bridge_subnet_is_taken(nl, network, index, err) : 0;

    if (r <= 0)
        return r;
    r = error_set_plain(err, EADDRINUSE, NULL,
            "network %s: another link of this machine has its subnet %s", network->name,
            address_format_network(network->subnet, network->prefix_len, subnet));
    error_hint(err, "remove the network and make it again, it will get another subnet");
    return r;
}

static int configure(
        struct netlink *nl, const struct network *network, unsigned index, struct error **err)
{
    int r = check_clash(nl, network, index, err);

    if (r >= 0)
        r = set_link_sysctls(network, err);
    if (r < 0)
        return r;
    /* Up comes last: a bridge that is up is complete. */
    if (network->ipv6)
        netlink_address6_add(nl, index, &network->gateway6, network->prefix6_len, network->bridge);
    if (network->ipv4)
        netlink_address_add(nl, index, network->gateway, network->prefix_len, network->bridge);
    netlink_link_up(nl, index, network->bridge);
    r = netlink_commit(nl, err);
    /* Two that looked at the same time see each other now. */
    return r < 0 ? r : check_clash(nl, network, index, err);
}

static int check_parent(struct netlink *nl, const struct network *network, struct error **err)
{
    const char *parent = network_option(network, NETWORK_OPTION_PARENT);
    struct netlink_link link;

    if (parent && netlink_find_link(nl, parent, &link))
        return 0;
    return error_set_plain(err, ENODEV, NULL, "network %s: this machine has no link %s to stand on",
            network->name, parent ? parent : "");
}

int bridge_bring_up(
        struct engine *engine, const struct network *network, bool repair, struct error **err)
{
    auto_(netlink_close_p) struct netlink *nl = NULL;
    uint32_t group = network_link_group(network->id);
    struct netlink_link link;
    int r = netlink_open(&nl, err);

    (void)engine;
    if (r < 0)
        return r;
    if (!network_has_bridge(network))
        return check_parent(nl, network, err);
    if (!netlink_find_link(nl, network->bridge, &link)) {
        uint8_t mac[SANDBOX_MAC_BYTES] = { 0x02, 0x42, (uint8_t)(group >> 24),
            (uint8_t)(group >> 16), (uint8_t)(group >> 8), (uint8_t)group };

        netlink_bridge_add(nl, network->bridge, mac, network_mtu(network), group);
        r = netlink_commit(nl, err);
        if (r < 0)
            return r;
        if (!netlink_find_link(nl, network->bridge, &link))
            return error_set(err, ENODEV, NULL, "the bridge %s went away", network->bridge);
    }
    if (link.group != group)
        return error_set_plain(err, EEXIST, NULL,
                "network %s: there is a link %s already, and it is not berth's", network->name,
                network->bridge);
    if (!(link.flags & IFF_UP) || repair) {
        r = configure(nl, network, link.index, err);
        if (r < 0)
            return error_wrap(err, r, "cannot set up the bridge of network %s", network->name);
    }
    r = network->ipv4 ? enable_forwarding(err) : 0;
    return r >= 0 && network->ipv6 ? enable_forwarding6(err) : r;
}

int bridge_remove(const char *name, const char *network_id, struct error **err)
{
    auto_(netlink_close_p) struct netlink *nl = NULL;
    uint32_t group = network_link_group(network_id);
    struct netlink_link link;
    int r = netlink_open(&nl, err);

    if (r < 0)
        return r;
    if (!netlink_find_link(nl, name, &link) || link.group != group)
        return 0;
    netlink_group_delete(nl, group, name);
    return netlink_commit(nl, err);
}

int bridge_remove_unused(struct engine *engine, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int first = 0, r;

    r = db_query(engine->db, &stmt, err,
            "SELECT bridge, id FROM networks WHERE bridge IS NOT NULL AND id NOT IN"
            " (SELECT network_id FROM endpoints WHERE active_boot = ?)",
            "t", engine->boot_id);
    while (r >= 0 && (r = stmt_step(stmt, err)) > 0) {
        int removed = 0;

        if (if_nametoindex(stmt_text(stmt, 0)) != 0)
            removed = bridge_remove(stmt_text(stmt, 0), stmt_text(stmt, 1), first ? NULL : err);
        if (removed < 0 && !first)
            first = removed;
    }
    return r < 0 ? r : first;
}
