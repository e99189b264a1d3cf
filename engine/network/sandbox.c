#include "engine/network/sandbox.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/proc.h"
#include "engine/network/address-internal.h"
#include "engine/network/netlink-internal.h"

#define LOOPBACK_INDEX 1 /* in every network namespace */
#define SYSCTL_PATH_MAX 96
#define SETTING_MAX 8
#define DEFAULT_IPV6_OFF "/proc/sys/net/ipv6/conf/default/disable_ipv6"
#define LINK_LOCAL_PREFIX_LEN 16
#define LINK_LOCAL_PREFIX6_LEN 64

static bool is_namespace(int fd)
{
    struct statfs st;

    return fstatfs(fd, &st) == 0 && st.f_type == NSFS_MAGIC;
}

int sandbox_open(int netns_dir_fd, const char *name)
{
    auto_close int fd = openat(netns_dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0)
        return -errno;
    return is_namespace(fd) ? TAKE_FD(fd) : -ENOENT;
}

/* Holds the calling process's namespace open and mounts it over the file `name`. */
static int pin_current(int netns_dir_fd, const char *name, int *ret_fd, struct error **err)
{
    char path[FS_FD_PATH_MAX];
    auto_close int namespace_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    auto_close int file_fd = openat(
            netns_dir_fd, name, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (namespace_fd < 0)
        return error_set(err, errno, NULL, "cannot open the network namespace");
    if (file_fd < 0)
        return error_set(err, errno, NULL, "cannot make the file for network namespace %s", name);
    /* lint: allow raw-namespace: the monitor, which is single-threaded, calls this */
    if (mount("/proc/self/ns/net", fs_fd_path(file_fd, path), NULL, MS_BIND, NULL) < 0)
        return error_set(err, errno, NULL, "cannot pin network namespace %s", name);
    *ret_fd = TAKE_FD(namespace_fd);
    return 0;
}

static int set_ipv6(const char *link, const char *key, const char *value)
{
    char path[SYSCTL_PATH_MAX];
    int len = snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/%s", link, key);

    return len > 0 && (size_t)len < sizeof(path) ? fs_write_small(AT_FDCWD, path, value) : -EINVAL;
}

/* IPv6 off before the link goes up, so that it never gets an address: a network without IPv6 must not
 * have it by the kernel's own doing. A kernel without IPv6 has no such file. */
static void disable_ipv6(const char *link)
{
    (void)set_ipv6(link, "disable_ipv6", "1");
}

/* What is made in this namespace from now on has IPv6 off from the beginning; false: it has to be switched off. Unlike
 * the setting of a link this one needs no lock of the kernel's, for which who does not get it at once tries again and
 * again: of fifty containers that start at once most of them. `ret_before` is what stood there. */
static bool preset_ipv6_off(char ret_before[static SETTING_MAX])
{
    return fs_read_small(AT_FDCWD, DEFAULT_IPV6_OFF, ret_before, SETTING_MAX) > 0 &&
           fs_write_small(AT_FDCWD, DEFAULT_IPV6_OFF, "1") >= 0;
}

/* On, with addresses that can be used at once, and no routes but ours: who advertises routers on a bridge is another
 * container. */
static int enable_ipv6(const char *link, struct error **err)
{
    int r = set_ipv6(link, "disable_ipv6", "0");

    if (r < 0)
        return error_set(err, r, NULL, "cannot switch IPv6 on for the interface %s", link);
    (void)set_ipv6(link, "accept_dad", "0");
    (void)set_ipv6(link, "accept_ra", "0");
    return 0;
}

bool sandbox_sysctl_parse(struct str text, struct sandbox_sysctl *ret)
{
    struct str net, interface;

    if (!str_split_next(&text, '.', &net) || !str_is_equal_z(net, "net") ||
            !str_split_next(&text, '.', &ret->family) || !str_split_next(&text, '.', &ret->group) ||
            !str_split_next(&text, '.', &interface) || !str_is_equal_z(interface, "IFNAME") ||
            !str_split_next(&text, '=', &ret->name) || ret->name.len == 0 || text.len == 0)
        return false;
    for (size_t i = 0; i < ret->name.len; i++)
        if (!((ret->name.data[i] >= 'a' && ret->name.data[i] <= 'z') ||
                    (ret->name.data[i] >= '0' && ret->name.data[i] <= '9') ||
                    ret->name.data[i] == '_'))
            return false;
    ret->value = text;
    return (str_is_equal_z(ret->family, "ipv4") || str_is_equal_z(ret->family, "ipv6") ||
                   str_is_equal_z(ret->family, "mpls")) &&
           (str_is_equal_z(ret->group, "conf") || str_is_equal_z(ret->group, "neigh"));
}

static int set_sysctls(const struct sandbox_interface *it, struct error **err)
{
    struct str rest = str_from(it->sysctls), item;

    while (rest.len > 0 && str_split_next(&rest, ',', &item)) {
        char path[SANDBOX_SYSCTLS_MAX + SYSCTL_PATH_MAX], value[SANDBOX_SYSCTLS_MAX];
        struct sandbox_sysctl sysctl;

        if (!sandbox_sysctl_parse(item, &sysctl))
            return error_set_plain(err, EINVAL, NULL, "invalid setting %.*s", STR_FMT(item));
        snprintf(path, sizeof(path), "/proc/sys/net/%.*s/%.*s/%s/%.*s", STR_FMT(sysctl.family),
                STR_FMT(sysctl.group), it->name, STR_FMT(sysctl.name));
        snprintf(value, sizeof(value), "%.*s", STR_FMT(sysctl.value));
        int r = fs_write_small(AT_FDCWD, path, value);
        if (r < 0)
            return error_set(err, r, NULL, "cannot set %s of the container's interface", path);
    }
    return 0;
}

/* The link must be up before it gets IPv6 addresses: the kernel makes their routes only then. */
static int configure_addresses(struct netlink *nl, const struct sandbox_interface *it,
        unsigned index, bool ipv6_is_off, struct error **err)
{
    int r = 0;

    if (!address6_is_zero(&it->address6))
        r = enable_ipv6(it->name, err);
    else if (!ipv6_is_off)
        disable_ipv6(it->name);
    if (r >= 0)
        r = set_sysctls(it, err);
    if (r < 0)
        return r;
    if (it->address)
        netlink_address_add(nl, index, it->address, it->prefix_len, it->name);
    netlink_link_up(nl, index, it->name);
    if (!address6_is_zero(&it->address6))
        netlink_address6_add(nl, index, &it->address6, it->prefix6_len, it->name);
    for (size_t i = 0; i < it->link_local_len; i++) {
        const struct in6_addr *address = &it->link_local[i];

        if (address_is_mapped(address))
            netlink_address_add(nl, index, address_unmap(address), LINK_LOCAL_PREFIX_LEN, it->name);
        else
            netlink_address6_add(nl, index, address, LINK_LOCAL_PREFIX6_LEN, it->name);
    }
    return 0;
}

/* Runs in the container's namespace. */
static int configure_inside(
        const struct sandbox_config *config, bool ipv6_is_off, struct error **err)
{
    auto_(netlink_close_p) struct netlink *nl = NULL;
    int r = netlink_open(&nl, err);

    if (r < 0)
        return r;
    netlink_link_up(nl, LOOPBACK_INDEX, "lo");
    for (size_t i = 0; i < config->interfaces.len; i++) {
        const struct sandbox_interface *it = &config->interfaces.items[i];
        unsigned index = if_nametoindex(it->name);

        if (index == 0 && it->kept)
            continue; /* renamed or removed in there */
        if (index == 0)
            return error_set(err, errno, NULL, "interface %s is not in the container", it->name);
        r = it->kept ? 0 : configure_addresses(nl, it, index, ipv6_is_off, err);
        if (r < 0)
            return r;
        if ((int)i == config->default_route && it->gateway)
            netlink_default_route_add(nl, index, it->gateway, it->name);
        if ((int)i == config->default_route6 && !address6_is_zero(&it->gateway6))
            netlink_default_route6_add(nl, index, &it->gateway6, it->name);
    }
    return netlink_commit(nl, err);
}

/* The netlink socket looks for the parent where it was opened. */
static int make_sub_interface(
        struct netlink *nl, const struct sandbox_interface *it, int netns_fd, struct error **err)
{
    struct netlink_link parent;
    int r;

    if (!netlink_find_link(nl, it->parent, &parent))
        return error_set_plain(err, ENODEV, NULL, "this machine has no link %s", it->parent);
    r = netlink_sub_interface_add(nl, it, parent.index, netns_fd);
    if (r < 0)
        return error_set(err, r, NULL, "%s has no mode %s, %s", sandbox_kind_name(it->kind),
                it->mode, it->flag);
    return netlink_commit(nl, err);
}

/* Makes the pairs: the outer ends where the netlink socket is, the inner ones in the namespace. In one that was there
 * already an outer end whose inner one is elsewhere is replaced. */
static int make_pairs(struct netlink *nl, const struct sandbox_config *config, int netns_fd,
        bool is_new, struct error **err)
{
    for (size_t i = 0; i < config->interfaces.len; i++) {
        const struct sandbox_interface *it = &config->interfaces.items[i];

        if (it->kind == SANDBOX_VETH || it->kept || if_nametoindex(it->name) != 0)
            continue;
        int r = make_sub_interface(nl, it, netns_fd, err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < config->interfaces.len; i++) {
        const struct sandbox_interface *it = &config->interfaces.items[i];

        if (it->kind != SANDBOX_VETH || it->kept || if_nametoindex(it->name) != 0)
            continue;
        if (!is_new)
            netlink_link_delete(nl, it->host_name);
        netlink_veth_add(nl, it, netns_fd);
    }
    return netlink_commit(nl, err);
}

/* Outer ends of a namespace that was lost; a new one takes its place. Runs in the host's namespace. */
static void drop_lost_pairs(struct netlink *nl, const struct sandbox_config *config)
{
    for (size_t i = 0; i < config->interfaces.len; i++) {
        const struct sandbox_interface *it = &config->interfaces.items[i];

        if (it->kind == SANDBOX_VETH && !it->kept && if_nametoindex(it->host_name) != 0)
            netlink_link_delete(nl, it->host_name);
    }
}

/* Runs in the host's namespace. */
static int attach_outside(
        struct netlink *nl, const struct sandbox_config *config, struct error **err)
{
    for (size_t i = 0; i < config->interfaces.len; i++) {
        const struct sandbox_interface *it = &config->interfaces.items[i];
        unsigned bridge = if_nametoindex(it->bridge);
        unsigned index = if_nametoindex(it->host_name);

        if (it->kept || it->kind != SANDBOX_VETH)
            continue;
        if (bridge == 0)
            return error_set(err, ENODEV, NULL, "bridge %s is not there", it->bridge);
        if (index == 0)
            return error_set(err, ENODEV, NULL, "interface %s is not there", it->host_name);
        netlink_link_without_address6(nl, index, it->host_name);
        netlink_link_set_master(nl, index, bridge, it->host_name);
        netlink_link_set_port(nl, index, it->isolated, it->host_name);
    }
    return netlink_commit(nl, err);
}

static bool has_ipv6(const struct sandbox_config *config)
{
    for (size_t i = 0; i < config->interfaces.len; i++)
        if (!address6_is_zero(&config->interfaces.items[i].address6))
            return true;
    return false;
}

struct sandbox_work {
    const struct sandbox_config *config;
    struct netlink *outside; /* opened in the host's namespace */
    int netns_dir_fd;
    const char *name;
    int netns_fd; /* -EBADF: to be made */
};

/* All that is done away from the caller's namespace. */
static int work_inside(struct sandbox_work *work, struct error **err)
{
    char before[SETTING_MAX];
    bool is_new = work->netns_fd < 0, ipv6_is_off;
    int r;

    if (!is_new) {
        /* lint: allow raw-namespace: the monitor, which is single-threaded, calls this */
        if (setns(work->netns_fd, CLONE_NEWNET) < 0)
            return error_set(err, errno, NULL, "cannot enter network namespace %s", work->name);
    } else {
        if (unshare(CLONE_NEWNET) < 0)
            return error_set(err, errno, NULL, "cannot make a network namespace");
        r = pin_current(work->netns_dir_fd, work->name, &work->netns_fd, err);
        if (r < 0)
            return r;
    }
    ipv6_is_off = is_new && !has_ipv6(work->config) && preset_ipv6_off(before);
    r = make_pairs(work->outside, work->config, work->netns_fd, is_new, err);
    if (ipv6_is_off) /* what the container makes by itself is its own business */
        (void)fs_write_small(AT_FDCWD, DEFAULT_IPV6_OFF, before);
    return r < 0 ? r : configure_inside(work->config, ipv6_is_off, err);
}

static void undo(const struct sandbox_work *work)
{
    (void)sandbox_remove(work->netns_dir_fd, work->name, NULL);
    for (size_t i = 0; i < work->config->interfaces.len; i++)
        netlink_link_delete(work->outside, work->config->interfaces.items[i].host_name);
    (void)netlink_commit(work->outside, NULL);
}

int sandbox_create(const struct sandbox_config *config, int netns_dir_fd, const char *name,
        int *ret_netns_fd, struct error **err)
{
    auto_(netlink_close_p) struct netlink *outside = NULL;
    auto_close int own_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int found = sandbox_open(netns_dir_fd, name);
    auto_close int netns_fd = found < 0 ? -EBADF : found;
    bool existed = found >= 0;

    proc_assert_single_thread();
    if (own_fd < 0)
        return error_set(err, errno, NULL, "cannot open the own network namespace");
    int r = netlink_open(&outside, err);
    if (r < 0)
        return r;

    struct sandbox_work work = { config, outside, netns_dir_fd, name, netns_fd };
    if (!existed)
        drop_lost_pairs(outside, config);
    r = work_inside(&work, err);
    netns_fd = work.netns_fd;
    /* lint: allow raw-namespace: the monitor, which is single-threaded, calls this */
    if (setns(own_fd, CLONE_NEWNET) < 0 && r >= 0)
        r = error_set(err, errno, NULL, "cannot go back to the own network namespace");
    if (r >= 0)
        r = attach_outside(outside, config, err);
    if (r < 0) {
        if (!existed)
            undo(&work);
        return error_wrap(err, r, "cannot set up the container's network");
    }
    *ret_netns_fd = TAKE_FD(netns_fd);
    return 0;
}

static bool has_interface(
        const struct sandbox_config *config, const struct sandbox_interface *interface)
{
    for (size_t i = 0; i < config->interfaces.len; i++)
        if (!strcmp(config->interfaces.items[i].host_name, interface->host_name) &&
                !strcmp(config->interfaces.items[i].name, interface->name))
            return true;
    return false;
}

int sandbox_update(const struct sandbox_config *config, struct sandbox_config *wanted,
        int netns_dir_fd, const char *name, struct error **err)
{
    auto_(netlink_close_p) struct netlink *nl = NULL;
    auto_close int netns_fd = -EBADF;
    int r = netlink_open(&nl, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < config->interfaces.len; i++)
        if (!has_interface(wanted, &config->interfaces.items[i]))
            netlink_link_delete(nl, config->interfaces.items[i].host_name);
    r = netlink_commit(nl, err);
    for (size_t i = 0; i < wanted->interfaces.len; i++) {
        struct sandbox_interface *it = &wanted->interfaces.items[i];

        it->kept = has_interface(config, it) &&
                   (it->kind != SANDBOX_VETH || if_nametoindex(it->host_name) != 0);
    }
    if (r >= 0)
        r = sandbox_create(wanted, netns_dir_fd, name, &netns_fd, err);
    /* The container's next run gets again what this one has taken away from itself. */
    for (size_t i = 0; i < wanted->interfaces.len; i++)
        wanted->interfaces.items[i].kept = false;
    return r;
}

int sandbox_pin(int netns_dir_fd, const char *name, int netns_fd, struct error **err)
{
    auto_close int own_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    auto_close int pinned_fd = -EBADF;

    proc_assert_single_thread();
    if (own_fd < 0)
        return error_set(err, errno, NULL, "cannot open the own network namespace");
    /* lint: allow raw-namespace: the monitor, which is single-threaded, calls this */
    if (setns(netns_fd, CLONE_NEWNET) < 0)
        return error_set(err, errno, NULL, "cannot enter network namespace %s", name);
    int r = pin_current(netns_dir_fd, name, &pinned_fd, err);
    if (setns(own_fd, CLONE_NEWNET) < 0 && r >= 0)
        r = error_set(err, errno, NULL, "cannot go back to the own network namespace");
    return r;
}

int sandbox_remove(int netns_dir_fd, const char *name, struct error **err)
{
    char path[FS_FD_PATH_MAX];

    /* A pin may be mounted several times over when attempts raced; all of them go. */
    for (;;) {
        auto_close int fd = openat(netns_dir_fd, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            return errno == ENOENT
                           ? 0
                           : error_set(err, errno, NULL, "cannot open network namespace %s", name);
        if (!is_namespace(fd))
            break;
        /* lint: allow raw-namespace: unpins by descriptor; threads do not matter */
        if (umount2(fs_fd_path(fd, path), MNT_DETACH) < 0)
            return error_set(err, errno, NULL, "cannot unpin network namespace %s", name);
    }
    if (unlinkat(netns_dir_fd, name, 0) < 0 && errno != ENOENT)
        return error_set(err, errno, NULL, "cannot remove the file of network namespace %s", name);
    return 0;
}

socklen_t sandbox_port_address(const struct sandbox_port *port, struct sockaddr_storage *ret)
{
    *ret = (struct sockaddr_storage){ 0 };
    if (address_is_mapped(&port->host_address)) {
        struct sockaddr_in *v4 = (struct sockaddr_in *)ret;

        v4->sin_family = AF_INET;
        v4->sin_port = htons(port->host_port);
        v4->sin_addr.s_addr = htonl(address_unmap(&port->host_address));
        return sizeof(*v4);
    }
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port->host_port);
    v6->sin6_addr = port->host_address;
    return sizeof(*v6);
}

int sandbox_port_bind(const struct sandbox_port *port)
{
    int type = port->protocol == SANDBOX_TCP ? SOCK_STREAM : SOCK_DGRAM, on = 1;
    struct sockaddr_storage address;
    socklen_t len = sandbox_port_address(port, &address);
    auto_close int fd = socket(address.ss_family, type | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    if (address.ss_family == AF_INET6 &&
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) < 0)
        return -errno;
    /* Past connections in TIME_WAIT are no reason to refuse; a listening socket keeps all others out
     * even so. One of IPv6 does not listen, so it must not share: what comes to ::1 cannot be led into a container, and
     * shall be refused, so that clients go on to 127.0.0.1. */
    if (port->protocol == SANDBOX_TCP && port->host_port != 0 && address.ss_family == AF_INET)
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&address, len) < 0)
        return -errno;
    return TAKE_FD(fd);
}

/* Descriptor or -errno. */
static int hold_port(const struct sandbox_port *port)
{
    int bound = sandbox_port_bind(port);
    auto_close int fd = bound < 0 ? -EBADF : bound;

    if (bound < 0)
        return bound;
    if (port->protocol == SANDBOX_TCP && address_is_mapped(&port->host_address) &&
            listen(fd, 1) < 0)
        return -errno;
    return TAKE_FD(fd);
}

const char *sandbox_port_text(
        const struct sandbox_port *port, char buffer[static SANDBOX_PORT_TEXT_MAX])
{
    char host[ADDRESS6_TEXT_MAX], inside[ADDRESS6_TEXT_MAX];
    bool v4 = address_is_mapped(&port->host_address);

    address_format_any(&port->host_address, host);
    address_format_any(&port->address, inside);
    snprintf(buffer, SANDBOX_PORT_TEXT_MAX, v4 ? "%s:%u:%s:%u/%s" : "[%s]:%u:[%s]:%u/%s", host,
            port->host_port, inside, port->port, sandbox_protocol_name(port->protocol));
    return buffer;
}

/* Docker's words; people look for them in logs. */
static int set_hold_error(const struct sandbox_port *port, int code, struct error **err)
{
    char text[SANDBOX_PORT_TEXT_MAX];

    sandbox_port_text(port, text);
    if (code == -EADDRINUSE)
        return error_set_plain(
                err, code, NULL, "failed to bind host port for %s: address already in use", text);
    return error_set(err, code, NULL, "failed to bind host port for %s", text);
}

/* The descriptor that holds the same port in `held`, or -EBADF. */
static int find_held(
        const struct sandbox_config *old, const int *held, const struct sandbox_port *port)
{
    for (size_t i = 0; i < old->ports.len; i++) {
        const struct sandbox_port *it = &old->ports.items[i];

        if (it->protocol == port->protocol && it->host_port == port->host_port &&
                address6_is_equal(&it->host_address, &port->host_address))
            return held[i];
    }
    return -EBADF;
}

static bool is_port(const struct sandbox_config *config, const struct sandbox_port *port)
{
    for (size_t i = 0; i < config->ports.len; i++) {
        const struct sandbox_port *it = &config->ports.items[i];

        if (it->protocol == port->protocol && it->host_port == port->host_port &&
                address6_is_equal(&it->host_address, &port->host_address))
            return true;
    }
    return false;
}

/* The same port on other addresses, which is held and not wanted any more, may be what is in the way of this one. */
static int hold_instead(const struct sandbox_config *old, int *held,
        const struct sandbox_config *config, const struct sandbox_port *port)
{
    for (size_t i = 0; i < old->ports.len; i++) {
        const struct sandbox_port *it = &old->ports.items[i];

        if (it->protocol == port->protocol && it->host_port == port->host_port &&
                address_is_mapped(&it->host_address) == address_is_mapped(&port->host_address) &&
                !is_port(config, it))
            held[i] = fd_close(held[i]);
    }
    return hold_port(port);
}

/* `count` of the new ones were held. */
static void take_back_ports(const struct sandbox_config *old, int *held,
        const struct sandbox_config *config, const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (find_held(old, held, &config->ports.items[i]) < 0)
            close(fds[i]);
    for (size_t i = 0; i < old->ports.len; i++) {
        int fd = held[i] < 0 ? hold_port(&old->ports.items[i]) : held[i];

        held[i] = fd < 0 ? -EBADF : fd;
    }
}

int sandbox_move_ports(const struct sandbox_config *old, int *held,
        const struct sandbox_config *config, int *ret_fds, struct error **err)
{
    for (size_t i = 0; i < config->ports.len; i++) {
        const struct sandbox_port *port = &config->ports.items[i];
        int fd = find_held(old, held, port);

        if (fd < 0)
            fd = hold_port(port);
        if (fd == -EADDRINUSE)
            fd = hold_instead(old, held, config, port);
        if (fd < 0) {
            take_back_ports(old, held, config, ret_fds, i);
            return set_hold_error(port, fd, err);
        }
        ret_fds[i] = fd;
    }
    for (size_t i = 0; i < old->ports.len; i++)
        if (find_held(config, ret_fds, &old->ports.items[i]) < 0)
            held[i] = fd_close(held[i]);
    return 0;
}

int sandbox_hold_ports(const struct sandbox_config *config, int *ret_fds, struct error **err)
{
    const struct sandbox_config none = SANDBOX_CONFIG_INIT;

    return sandbox_move_ports(&none, NULL, config, ret_fds, err);
}
