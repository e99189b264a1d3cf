#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>

#include "base/error.h"
#include "base/fs.h"
#include "engine/engine-internal.h"
#include "engine/network/address-internal.h"
#include "engine/network/netlink-internal.h"
#include "engine/network/network-internal.h"

#define SYSCTL_PATH_MAX 96

/* Settings of the link that keep its traffic where it belongs. Called before it goes up. */
static int set_link_sysctls(const char *bridge, struct error **err)
{
    char path[SYSCTL_PATH_MAX];
    int r;

    /* No address of the kernel's own making; a kernel without IPv6 has no such file. */
    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", bridge);
    (void)fs_write_small(AT_FDCWD, path, "1");

    /* Lets connections to a published port on 127.0.0.1 leave over the bridge; the firewall keeps what
     * comes in over it away from 127.0.0.0/8. */
    snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/route_localnet", bridge);
    r = fs_write_small(AT_FDCWD, path, "1");
    if (r < 0)
        return error_set(err, r, NULL, "cannot write %s", path);
    return 0;
}

static int enable_forwarding(struct error **err)
{
    static const char path[] = "/proc/sys/net/ipv4/ip_forward";
    char value[8];
    int r;

    if (fs_read_small(AT_FDCWD, path, value, sizeof(value)) > 0 && value[0] != '0')
        return 0;
    r = fs_write_small(AT_FDCWD, path, "1");
    if (r < 0)
        return error_set(err, r, NULL, "cannot switch IPv4 forwarding on (%s)", path);
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
    int r = bridge_subnet_is_taken(nl, network, index, err);

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
        r = set_link_sysctls(network->bridge, err);
    if (r < 0)
        return r;
    /* Up comes last: a bridge that is up is complete. */
    netlink_address_add(nl, index, network->gateway, network->prefix_len, network->bridge);
    netlink_link_up(nl, index, network->bridge);
    r = netlink_commit(nl, err);
    /* Two that looked at the same time see each other now. */
    return r < 0 ? r : check_clash(nl, network, index, err);
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
    return enable_forwarding(err);
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
            "SELECT bridge, id FROM networks WHERE id NOT IN"
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
