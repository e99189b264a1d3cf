#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/mem.h"
#include "engine/network/address-internal.h"
#include "engine/network/firewall-internal.h"

#define RECEIVE_BYTES 32768
#define TUPLE_MAX_BYTES 256
#define REQUEST_BYTES 512

/* The tuples of flows that are to be forgotten, as the kernel sent them. */
struct flow {
    uint16_t len;
    uint8_t tuple[TUPLE_MAX_BYTES]; /* payload of CTA_TUPLE_ORIG */
};
struct flows {
    struct flow *items;
    size_t len, cap;
};

struct walk {
    const struct sandbox_port *ports;
    size_t len;
    struct flows flows;
};

struct tuple {
    struct in6_addr source, destination; /* IPv4 mapped */
    uint16_t source_port, destination_port;
    uint8_t protocol;
};

static void read_tuple(const struct nlattr *nest, struct tuple *ret)
{
    const struct nlattr *part, *attr;

    mnl_attr_for_each_nested(part, nest)
    {
        mnl_attr_for_each_nested(attr, part)
        {
            bool is_ip = mnl_attr_get_type(part) == CTA_TUPLE_IP;
            uint16_t type = mnl_attr_get_type(attr), len = mnl_attr_get_payload_len(attr);

            if (is_ip && type == CTA_IP_V4_SRC && len == 4)
                ret->source = address_map(ntohl(mnl_attr_get_u32(attr)));
            else if (is_ip && type == CTA_IP_V4_DST && len == 4)
                ret->destination = address_map(ntohl(mnl_attr_get_u32(attr)));
            else if (is_ip && type == CTA_IP_V6_SRC && len == sizeof(ret->source))
                memcpy(&ret->source, mnl_attr_get_payload(attr), len);
            else if (is_ip && type == CTA_IP_V6_DST && len == sizeof(ret->destination))
                memcpy(&ret->destination, mnl_attr_get_payload(attr), len);
            else if (!is_ip && type == CTA_PROTO_NUM && len == 1)
                ret->protocol = mnl_attr_get_u8(attr);
            else if (!is_ip && type == CTA_PROTO_SRC_PORT && len == 2)
                ret->source_port = ntohs(mnl_attr_get_u16(attr));
            else if (!is_ip && type == CTA_PROTO_DST_PORT && len == 2)
                ret->destination_port = ntohs(mnl_attr_get_u16(attr));
        }
    }
}

/* Is it a flow to a port of ours, before or after its address was translated? */
static bool concerns(
        const struct walk *walk, const struct tuple *original, const struct tuple *reply)
{
    if (original->protocol != IPPROTO_UDP)
        return false;
    for (size_t i = 0; i < walk->len; i++) {
        const struct sandbox_port *port = &walk->ports[i];

        if (port->protocol != SANDBOX_UDP || original->destination_port != port->host_port ||
                address_is_mapped(&port->address) != address_is_mapped(&original->destination))
            continue;
        if (address_is_wildcard(&port->host_address) ||
                address6_is_equal(&port->host_address, &original->destination) ||
                address6_is_equal(&reply->source, &port->address))
            return true;
    }
    return false;
}

static int take_flow(const struct nlmsghdr *header, void *userdata)
{
    struct walk *walk = userdata;
    struct tuple original = { 0 }, reply = { 0 };
    const struct nlattr *attr, *tuple = NULL;

    mnl_attr_for_each(attr, header, sizeof(struct nfgenmsg))
    {
        if (mnl_attr_get_type(attr) == CTA_TUPLE_ORIG) {
            tuple = attr;
            read_tuple(attr, &original);
        } else if (mnl_attr_get_type(attr) == CTA_TUPLE_REPLY) {
            read_tuple(attr, &reply);
        }
    }
    if (tuple && mnl_attr_get_payload_len(tuple) <= TUPLE_MAX_BYTES &&
            concerns(walk, &original, &reply)) {
        struct flow *flow = ARRAY_APPEND(&walk->flows);

        flow->len = mnl_attr_get_payload_len(tuple);
        memcpy(flow->tuple, mnl_attr_get_payload(tuple), flow->len);
    }
    return MNL_CB_OK;
}

static struct nlmsghdr *put_request(char *buffer, uint8_t family, uint16_t type, uint16_t flags)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    struct nfgenmsg *generic;

    header->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
    header->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    header->nlmsg_seq = 1;
    generic = mnl_nlmsg_put_extra_header(header, sizeof(*generic));
    generic->nfgen_family = family;
    generic->version = NFNETLINK_V0;
    return header;
}

static void dump(struct mnl_socket *socket, uint8_t family, struct walk *walk)
{
    auto_free char *buffer = mem_alloc(RECEIVE_BYTES);
    struct nlmsghdr *header = put_request(buffer, family, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
    unsigned port_id = mnl_socket_get_portid(socket);
    int r = MNL_CB_OK;

    if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0)
        return;
    while (r >= MNL_CB_OK) {
        ssize_t got = mnl_socket_recvfrom(socket, buffer, RECEIVE_BYTES);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return;
        r = mnl_cb_run(buffer, (size_t)got, 1, port_id, take_flow, walk);
        if (r == MNL_CB_STOP)
            return;
    }
}

static inline void close_socket(struct mnl_socket **socket)
{
    if (*socket)
        mnl_socket_close(*socket);
}

static void forget(struct mnl_socket *socket, uint8_t family, struct walk *walk)
{
    _Alignas(struct nlmsghdr) char buffer[REQUEST_BYTES];

    dump(socket, family, walk);
    for (size_t i = 0; i < walk->flows.len; i++) {
        struct nlmsghdr *header = put_request(buffer, family, IPCTNL_MSG_CT_DELETE, 0);

        mnl_attr_put(header, CTA_TUPLE_ORIG | NLA_F_NESTED, walk->flows.items[i].len,
                walk->flows.items[i].tuple);
        (void)mnl_socket_sendto(socket, header, header->nlmsg_len);
    }
    ARRAY_RELEASE(&walk->flows);
}

void conntrack_forget(const struct sandbox_port *ports, size_t len)
{
    struct walk walk = { ports, len, { 0 } };
    bool has_udp = false, has_udp6 = false;

    for (size_t i = 0; i < len; i++)
        if (ports[i].protocol == SANDBOX_UDP && address_is_mapped(&ports[i].host_address))
            has_udp = true;
        else if (ports[i].protocol == SANDBOX_UDP)
            has_udp6 = true;
    if (!has_udp && !has_udp6)
        return;

    /* All of it is as good as can be: a kernel without nf_conntrack_netlink has no way to do this. */
    auto_(close_socket) struct mnl_socket *socket = mnl_socket_open2(
            NETLINK_NETFILTER, SOCK_CLOEXEC);
    if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
        return;
    if (has_udp)
        forget(socket, NFPROTO_IPV4, &walk);
    if (has_udp6)
        forget(socket, NFPROTO_IPV6, &walk);
}
