#include "engine/network/netlink-internal.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/network/sandbox.h"

/* A request is below 512 bytes; when fewer than that are left, the batch goes out. */
#define REQUEST_MAX_BYTES 512
#define BATCH_BYTES 16384
#define BATCH_REQUESTS 64
#define RECEIVE_BYTES 32768 /* what the kernel gives at most for one datagram of a dump */

struct netlink_request {
    const char *doing, *name; /* "cannot <doing> <name>" */
    int tolerated;            /* errno that is as good as success; 0: none */
    bool answered;
};

struct netlink {
    struct mnl_socket *socket;
    unsigned port_id;
    uint32_t sequence; /* of the first request of the batch */
    struct netlink_request requests[BATCH_REQUESTS];
    size_t request_len;
    size_t batch_len;          /* bytes */
    struct error *early_error; /* of a batch that went out because the buffer was full */
    _Alignas(struct nlmsghdr) char batch[BATCH_BYTES];
    _Alignas(struct nlmsghdr) char receive[RECEIVE_BYTES];
};

int netlink_open(struct netlink **ret, struct error **err)
{
    auto_(netlink_close_p) struct netlink *nl = NEW(struct netlink);
    int on = 1;

    nl->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!nl->socket || mnl_socket_bind(nl->socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return error_set(err, errno, NULL, "cannot open a netlink socket");
    nl->port_id = mnl_socket_get_portid(nl->socket);
    nl->sequence = 1;

    /* Only for better error texts and shorter answers; without them everything works too. */
    (void)mnl_socket_setsockopt(nl->socket, NETLINK_EXT_ACK, &on, sizeof(on));
    (void)mnl_socket_setsockopt(nl->socket, NETLINK_CAP_ACK, &on, sizeof(on));
    *ret = TAKE(nl);
    return 0;
}

void netlink_close(struct netlink *nl)
{
    if (!nl)
        return;
    if (nl->socket)
        mnl_socket_close(nl->socket);
    error_free(nl->early_error);
    free(nl);
}

/* The kernel's own words for a refusal (NETLINK_EXT_ACK), or NULL. */
static const char *extended_message(const struct nlmsghdr *header)
{
    const struct nlmsgerr *answer = mnl_nlmsg_get_payload(header);
    size_t offset = sizeof(*answer);
    const struct nlattr *attr;

    if (!(header->nlmsg_flags & NLM_F_ACK_TLVS))
        return NULL;
    if (!(header->nlmsg_flags & NLM_F_CAPPED))
        offset += answer->msg.nlmsg_len - sizeof(answer->msg);
    mnl_attr_for_each(attr, header, offset)
    {
        if (mnl_attr_get_type(attr) == NLMSGERR_ATTR_MSG &&
                mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) >= 0)
            return mnl_attr_get_str(attr);
    }
    return NULL;
}

/* Takes one acknowledgement in; the first refusal goes to *err. Returns 0 or the refusal's code. */
static int take_answer(struct netlink *nl, const struct nlmsghdr *header, struct error **err)
{
    const struct nlmsgerr *answer = mnl_nlmsg_get_payload(header);
    size_t position = header->nlmsg_seq - nl->sequence;
    struct netlink_request *request;

    if (position >= nl->request_len || mnl_nlmsg_get_payload_len(header) < sizeof(*answer))
        return 0; /* a late answer to an earlier batch */
    request = &nl->requests[position];
    request->answered = true;
    if (answer->error == 0 || -answer->error == request->tolerated)
        return 0;

    const char *reason = extended_message(header);
    if (reason)
        return error_set(err, answer->error, NULL, "cannot %s %s (%s)", request->doing,
                request->name, reason);
    return error_set(err, answer->error, NULL, "cannot %s %s", request->doing, request->name);
}

static bool all_answered(const struct netlink *nl)
{
    for (size_t i = 0; i < nl->request_len; i++)
        if (!nl->requests[i].answered)
            return false;
    return true;
}

static int collect_answers(struct netlink *nl, struct error **err)
{
    int first = 0;

    while (!all_answered(nl)) {
        ssize_t got = mnl_socket_recvfrom(nl->socket, nl->receive, sizeof(nl->receive));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set(err, errno, NULL, "cannot receive from netlink");

        int left = (int)got;
        const struct nlmsghdr *header = (const void *)nl->receive;
        for (; mnl_nlmsg_ok(header, left); header = mnl_nlmsg_next(header, &left)) {
            if (header->nlmsg_type != NLMSG_ERROR)
                continue;
            int r = take_answer(nl, header, first ? NULL : err);
            if (r < 0 && !first)
                first = r;
        }
    }
    return first;
}

static int send_batch(struct netlink *nl, struct error **err)
{
    int r = 0;

    if (nl->request_len == 0)
        return 0;
    if (mnl_socket_sendto(nl->socket, nl->batch, nl->batch_len) < 0)
        r = error_set(err, errno, NULL, "cannot send to netlink");
    else
        r = collect_answers(nl, err);
    nl->sequence += (uint32_t)nl->request_len;
    nl->request_len = 0;
    nl->batch_len = 0;
    return r;
}

int netlink_commit(struct netlink *nl, struct error **err)
{
    struct error *earlier = TAKE(nl->early_error);
    int r = send_batch(nl, earlier ? NULL : err);

    return earlier ? error_move(err, earlier) : r;
}

/* Starts a request in the batch; it ends with request_end. */
static struct nlmsghdr *request_begin(
        struct netlink *nl, uint16_t type, uint16_t flags, struct netlink_request request)
{
    if (nl->request_len == BATCH_REQUESTS || BATCH_BYTES - nl->batch_len < REQUEST_MAX_BYTES) {
        struct error *refused = NULL;
        (void)send_batch(nl, &refused);
        if (nl->early_error)
            error_free(refused);
        else
            nl->early_error = refused;
    }
    struct nlmsghdr *header = mnl_nlmsg_put_header(nl->batch + nl->batch_len);

    header->nlmsg_type = type;
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    header->nlmsg_seq = nl->sequence + (uint32_t)nl->request_len;
    nl->requests[nl->request_len++] = request;
    return header;
}

static void request_end(struct netlink *nl, const struct nlmsghdr *header)
{
    assert(header->nlmsg_len <= REQUEST_MAX_BYTES);
    nl->batch_len += MNL_ALIGN(header->nlmsg_len);
}

static struct ifinfomsg *put_link(struct nlmsghdr *header, unsigned index, unsigned flags)
{
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));

    info->ifi_family = AF_UNSPEC;
    info->ifi_index = (int)index;
    info->ifi_flags = flags;
    info->ifi_change = flags;
    return info;
}

void netlink_bridge_add(struct netlink *nl, const char *name, const uint8_t mac[static 6],
        uint32_t mtu, uint32_t group)
{
    struct nlmsghdr *header = request_begin(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
            (struct netlink_request){
                    .doing = "make the bridge", .name = name, .tolerated = EEXIST });

    put_link(header, 0, 0);
    mnl_attr_put_strz(header, IFLA_IFNAME, name);
    mnl_attr_put(header, IFLA_ADDRESS, SANDBOX_MAC_BYTES, mac);
    mnl_attr_put_u32(header, IFLA_GROUP, group);
    if (mtu)
        mnl_attr_put_u32(header, IFLA_MTU, mtu);
    struct nlattr *link = mnl_attr_nest_start(header, IFLA_LINKINFO);
    mnl_attr_put_str(header, IFLA_INFO_KIND, "bridge");
    mnl_attr_nest_end(header, link);
    request_end(nl, header);
}

void netlink_veth_add(
        struct netlink *nl, const struct sandbox_interface *interface, int peer_netns_fd)
{
    struct nlmsghdr *header = request_begin(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
            (struct netlink_request){ .doing = "make the interface pair",
                    .name = interface->host_name,
                    .tolerated = EEXIST });

    put_link(header, 0, 0);
    mnl_attr_put_strz(header, IFLA_IFNAME, interface->host_name);
    mnl_attr_put_u32(header, IFLA_GROUP, interface->group);
    if (interface->mtu)
        mnl_attr_put_u32(header, IFLA_MTU, interface->mtu);
    struct nlattr *link = mnl_attr_nest_start(header, IFLA_LINKINFO);
    mnl_attr_put_str(header, IFLA_INFO_KIND, "veth");
    struct nlattr *data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
    struct nlattr *peer = mnl_attr_nest_start(header, VETH_INFO_PEER);
    put_link(header, 0, 0);
    mnl_attr_put_strz(header, IFLA_IFNAME, interface->name);
    mnl_attr_put(header, IFLA_ADDRESS, SANDBOX_MAC_BYTES, interface->mac);
    if (interface->mtu)
        mnl_attr_put_u32(header, IFLA_MTU, interface->mtu);
    mnl_attr_put_u32(header, IFLA_NET_NS_FD, (uint32_t)peer_netns_fd);
    mnl_attr_nest_end(header, peer);
    mnl_attr_nest_end(header, data);
    mnl_attr_nest_end(header, link);
    request_end(nl, header);
}

struct mode {
    const char *name;
    uint32_t value;
};

static const struct mode macvlan_modes[] = {
    { "private", MACVLAN_MODE_PRIVATE },
    { "vepa", MACVLAN_MODE_VEPA },
    { "bridge", MACVLAN_MODE_BRIDGE },
    { "passthru", MACVLAN_MODE_PASSTHRU },
    { NULL, 0 },
};
static const struct mode ipvlan_modes[] = {
    { "l2", IPVLAN_MODE_L2 },
    { "l3", IPVLAN_MODE_L3 },
    { "l3s", IPVLAN_MODE_L3S },
    { NULL, 0 },
};
static const struct mode ipvlan_flags[] = {
    { "bridge", 0 },
    { "private", IPVLAN_F_PRIVATE },
    { "vepa", IPVLAN_F_VEPA },
    { NULL, 0 },
};

static bool find_mode(const struct mode *modes, const char *name, uint32_t *ret)
{
    for (; modes->name; modes++)
        if (strcmp(modes->name, name) == 0) {
            *ret = modes->value;
            return true;
        }
    return false;
}

int netlink_sub_interface_add(struct netlink *nl, const struct sandbox_interface *interface,
        unsigned parent, int netns_fd)
{
    bool is_macvlan = interface->kind == SANDBOX_MACVLAN;
    uint32_t mode, flag;

    if (!find_mode(is_macvlan ? macvlan_modes : ipvlan_modes, interface->mode, &mode) ||
            !find_mode(ipvlan_flags, interface->flag, &flag))
        return -EINVAL;
    struct nlmsghdr *header = request_begin(nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
            (struct netlink_request){ .doing = "make an interface of the container on",
                    .name = interface->parent,
                    .tolerated = EEXIST });
    put_link(header, 0, 0);
    mnl_attr_put_strz(header, IFLA_IFNAME, interface->name);
    mnl_attr_put_u32(header, IFLA_LINK, parent);
    mnl_attr_put_u32(header, IFLA_NET_NS_FD, (uint32_t)netns_fd);
    if (is_macvlan) /* one of ipvlan has its parent's */
        mnl_attr_put(header, IFLA_ADDRESS, SANDBOX_MAC_BYTES, interface->mac);
    if (interface->mtu)
        mnl_attr_put_u32(header, IFLA_MTU, interface->mtu);
    struct nlattr *link = mnl_attr_nest_start(header, IFLA_LINKINFO);
    mnl_attr_put_str(header, IFLA_INFO_KIND, sandbox_kind_name(interface->kind));
    struct nlattr *data = mnl_attr_nest_start(header, IFLA_INFO_DATA);
    if (is_macvlan) {
        mnl_attr_put_u32(header, IFLA_MACVLAN_MODE, mode);
    } else {
        mnl_attr_put_u16(header, IFLA_IPVLAN_MODE, (uint16_t)mode);
        mnl_attr_put_u16(header, IFLA_IPVLAN_FLAGS, (uint16_t)flag);
    }
    mnl_attr_nest_end(header, data);
    mnl_attr_nest_end(header, link);
    request_end(nl, header);
    return 0;
}

void netlink_link_up(struct netlink *nl, unsigned index, const char *name)
{
    struct nlmsghdr *header = request_begin(nl, RTM_NEWLINK, 0,
            (struct netlink_request){ .doing = "set up the interface", .name = name });

    put_link(header, index, IFF_UP);
    request_end(nl, header);
}

void netlink_link_set_master(struct netlink *nl, unsigned index, unsigned master, const char *name)
{
    struct nlmsghdr *header = request_begin(nl, RTM_NEWLINK, 0,
            (struct netlink_request){ .doing = "attach to its bridge", .name = name });

    put_link(header, index, IFF_UP);
    mnl_attr_put_u32(header, IFLA_MASTER, master);
    request_end(nl, header);
}

void netlink_link_without_address6(struct netlink *nl, unsigned index, const char *name)
{
    struct nlmsghdr *header = request_begin(nl, RTM_NEWLINK, 0,
            (struct netlink_request){
                    .doing = "keep IPv6 addresses from", .name = name, .tolerated = EAFNOSUPPORT });

    put_link(header, index, 0);
    struct nlattr *families = mnl_attr_nest_start(header, IFLA_AF_SPEC | NLA_F_NESTED);
    struct nlattr *family = mnl_attr_nest_start(header, AF_INET6 | NLA_F_NESTED);
    mnl_attr_put_u8(header, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    mnl_attr_nest_end(header, family);
    mnl_attr_nest_end(header, families);
    request_end(nl, header);
}

void netlink_link_set_port(struct netlink *nl, unsigned index, bool isolated, const char *name)
{
    struct nlmsghdr *header = request_begin(nl, RTM_SETLINK, 0,
            (struct netlink_request){ .doing = "set up the bridge port", .name = name });
    struct ifinfomsg *info = put_link(header, index, 0);

    info->ifi_family = AF_BRIDGE;
    struct nlattr *port = mnl_attr_nest_start(header, IFLA_PROTINFO | NLA_F_NESTED);
    mnl_attr_put_u8(header, IFLA_BRPORT_MODE, 1);
    if (isolated)
        mnl_attr_put_u8(header, IFLA_BRPORT_ISOLATED, 1);
    mnl_attr_nest_end(header, port);
    request_end(nl, header);
}

void netlink_link_delete(struct netlink *nl, const char *name)
{
    struct nlmsghdr *header = request_begin(nl, RTM_DELLINK, 0,
            (struct netlink_request){
                    .doing = "remove the interface", .name = name, .tolerated = ENODEV });

    put_link(header, 0, 0);
    mnl_attr_put_strz(header, IFLA_IFNAME, name);
    request_end(nl, header);
}

void netlink_group_delete(struct netlink *nl, uint32_t group, const char *name)
{
    struct nlmsghdr *header = request_begin(nl, RTM_DELLINK, 0,
            (struct netlink_request){
                    .doing = "remove the links of", .name = name, .tolerated = ENODEV });

    put_link(header, 0, 0);
    mnl_attr_put_u32(header, IFLA_GROUP, group);
    request_end(nl, header);
}

void netlink_address_add(
        struct netlink *nl, unsigned index, uint32_t address, unsigned prefix_len, const char *name)
{
    struct nlmsghdr *header = request_begin(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE,
            (struct netlink_request){
                    .doing = "give an address to", .name = name, .tolerated = EEXIST });
    struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));
    uint32_t broadcast = prefix_len >= 31 ? 0 : address | (UINT32_MAX >> prefix_len);

    info->ifa_family = AF_INET;
    info->ifa_prefixlen = (uint8_t)prefix_len;
    info->ifa_index = index;
    info->ifa_scope = RT_SCOPE_UNIVERSE;
    mnl_attr_put_u32(header, IFA_LOCAL, htonl(address));
    mnl_attr_put_u32(header, IFA_ADDRESS, htonl(address));
    if (broadcast)
        mnl_attr_put_u32(header, IFA_BROADCAST, htonl(broadcast));
    request_end(nl, header);
}

void netlink_address6_add(struct netlink *nl, unsigned index, const struct in6_addr *address,
        unsigned prefix_len, const char *name)
{
    struct nlmsghdr *header = request_begin(nl, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE,
            (struct netlink_request){
                    .doing = "give an address to", .name = name, .tolerated = EEXIST });
    struct ifaddrmsg *info = mnl_nlmsg_put_extra_header(header, sizeof(*info));

    info->ifa_family = AF_INET6;
    info->ifa_prefixlen = (uint8_t)prefix_len;
    info->ifa_index = index;
    info->ifa_flags = IFA_F_NODAD;
    info->ifa_scope = IN6_IS_ADDR_LINKLOCAL(address) ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    mnl_attr_put(header, IFA_LOCAL, sizeof(*address), address);
    mnl_attr_put(header, IFA_ADDRESS, sizeof(*address), address);
    request_end(nl, header);
}

void netlink_default_route6_add(
        struct netlink *nl, unsigned index, const struct in6_addr *gateway, const char *name)
{
    struct nlmsghdr *header = request_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE,
            (struct netlink_request){ .doing = "set the default IPv6 route over", .name = name });
    struct rtmsg *route = mnl_nlmsg_put_extra_header(header, sizeof(*route));

    route->rtm_family = AF_INET6;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = RTPROT_BOOT;
    route->rtm_scope = RT_SCOPE_UNIVERSE;
    route->rtm_type = RTN_UNICAST;
    mnl_attr_put(header, RTA_GATEWAY, sizeof(*gateway), gateway);
    mnl_attr_put_u32(header, RTA_OIF, index);
    request_end(nl, header);
}

void netlink_default_route_add(
        struct netlink *nl, unsigned index, uint32_t gateway, const char *name)
{
    struct nlmsghdr *header = request_begin(nl, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE,
            (struct netlink_request){ .doing = "set the default route over", .name = name });
    struct rtmsg *route = mnl_nlmsg_put_extra_header(header, sizeof(*route));

    route->rtm_family = AF_INET;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = RTPROT_BOOT;
    route->rtm_scope = RT_SCOPE_UNIVERSE;
    route->rtm_type = RTN_UNICAST;
    mnl_attr_put_u32(header, RTA_GATEWAY, htonl(gateway));
    mnl_attr_put_u32(header, RTA_OIF, index);
    request_end(nl, header);
}

/* Sends one question outside the batch and hands every message of the answer to fn. */
typedef void (*answer_fn)(const struct nlmsghdr *header, void *userdata);

static int ask(struct netlink *nl, struct nlmsghdr *header, answer_fn fn, void *userdata)
{
    bool dump = (header->nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;

    assert(nl->request_len == 0);
    header->nlmsg_seq = nl->sequence++;
    if (mnl_socket_sendto(nl->socket, header, header->nlmsg_len) < 0)
        return -errno;
    for (;;) {
        ssize_t got = mnl_socket_recvfrom(nl->socket, nl->receive, sizeof(nl->receive));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;

        int left = (int)got;
        const struct nlmsghdr *answer = (const void *)nl->receive;
        for (; mnl_nlmsg_ok(answer, left); answer = mnl_nlmsg_next(answer, &left)) {
            if (answer->nlmsg_seq != header->nlmsg_seq)
                continue;
            if (answer->nlmsg_type == NLMSG_DONE)
                return 0;
            if (answer->nlmsg_type == NLMSG_ERROR)
                return ((const struct nlmsgerr *)mnl_nlmsg_get_payload(answer))->error;
            fn(answer, userdata);
            if (!dump)
                return 0;
        }
    }
}

static void take_link(const struct nlmsghdr *header, void *userdata)
{
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
    struct netlink_link *link = userdata;
    const struct nlattr *attr;

    link->index = (unsigned)info->ifi_index;
    link->flags = info->ifi_flags;
    mnl_attr_for_each(attr, header, sizeof(*info))
    {
        if (mnl_attr_get_type(attr) == IFLA_GROUP && mnl_attr_get_payload_len(attr) == 4)
            link->group = mnl_attr_get_u32(attr);
        else if (mnl_attr_get_type(attr) == IFLA_MASTER && mnl_attr_get_payload_len(attr) == 4)
            link->master = mnl_attr_get_u32(attr);
    }
}

bool netlink_find_link(struct netlink *nl, const char *name, struct netlink_link *ret)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(nl->batch);
    struct netlink_link link = { 0 };

    header->nlmsg_type = RTM_GETLINK;
    header->nlmsg_flags = NLM_F_REQUEST;
    put_link(header, 0, 0);
    mnl_attr_put_strz(header, IFLA_IFNAME, name);
    if (ask(nl, header, take_link, &link) < 0 || link.index == 0)
        return false;
    *ret = link;
    return true;
}

struct subnet_walk {
    netlink_subnet_fn fn;
    void *userdata;
};

static void take_route(const struct nlmsghdr *header, void *userdata)
{
    const struct rtmsg *route = mnl_nlmsg_get_payload(header);
    struct subnet_walk *walk = userdata;
    const struct nlattr *attr;
    uint32_t destination = 0, index = 0;
    bool found = false;

    if (header->nlmsg_type != RTM_NEWROUTE || route->rtm_family != AF_INET)
        return;
    mnl_attr_for_each(attr, header, sizeof(*route))
    {
        if (mnl_attr_get_type(attr) == RTA_DST && mnl_attr_get_payload_len(attr) == 4) {
            destination = ntohl(mnl_attr_get_u32(attr));
            found = true;
        } else if (mnl_attr_get_type(attr) == RTA_OIF && mnl_attr_get_payload_len(attr) == 4) {
            index = mnl_attr_get_u32(attr);
        }
    }
    if (found && route->rtm_dst_len > 0)
        walk->fn(destination, route->rtm_dst_len, index, walk->userdata);
}

int netlink_each_subnet(
        struct netlink *nl, netlink_subnet_fn fn, void *userdata, struct error **err)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(nl->batch);
    struct subnet_walk walk = { fn, userdata };
    struct rtmsg *route;

    header->nlmsg_type = RTM_GETROUTE;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    route = mnl_nlmsg_put_extra_header(header, sizeof(*route));
    route->rtm_family = AF_INET;
    int r = ask(nl, header, take_route, &walk);
    if (r < 0)
        return error_set(err, r, NULL, "cannot list the machine's routes");
    return 0;
}

struct subnet6_walk {
    netlink_subnet6_fn fn;
    void *userdata;
};

static void take_route6(const struct nlmsghdr *header, void *userdata)
{
    const struct rtmsg *route = mnl_nlmsg_get_payload(header);
    struct subnet6_walk *walk = userdata;
    const struct nlattr *attr;

    if (header->nlmsg_type != RTM_NEWROUTE || route->rtm_family != AF_INET6 ||
            route->rtm_type != RTN_UNICAST || route->rtm_dst_len == 0 || route->rtm_dst_len == 128)
        return;
    mnl_attr_for_each(attr, header, sizeof(*route))
    {
        const struct in6_addr *destination = mnl_attr_get_payload(attr);

        if (mnl_attr_get_type(attr) == RTA_DST &&
                mnl_attr_get_payload_len(attr) == sizeof(*destination) &&
                !IN6_IS_ADDR_LINKLOCAL(destination) && !IN6_IS_ADDR_MULTICAST(destination))
            walk->fn(destination, route->rtm_dst_len, walk->userdata);
    }
}

int netlink_each_subnet6(
        struct netlink *nl, netlink_subnet6_fn fn, void *userdata, struct error **err)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(nl->batch);
    struct subnet6_walk walk = { fn, userdata };
    struct rtmsg *route;

    header->nlmsg_type = RTM_GETROUTE;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    route = mnl_nlmsg_put_extra_header(header, sizeof(*route));
    route->rtm_family = AF_INET6;
    int r = ask(nl, header, take_route6, &walk);
    if (r < 0)
        return error_set(err, r, NULL, "cannot list the machine's IPv6 routes");
    return 0;
}
