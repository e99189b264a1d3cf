#include "engine/network/dns-server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/network/address-internal.h"
#include "engine/network/dns-server-internal.h"

#define PORT 53
#define CONTROLS_MAX 16
#define TCP_BACKLOG 16

struct control {
    struct list node;
    struct dns_server *server;
    int fd;
    struct loop_source *source;
};

const struct dns_zone *dns_server_find_zone(
        const struct dns_server *server, const struct in6_addr *listen_address)
{
    for (size_t i = 0; i < server->zones.len; i++)
        if (address6_is_equal(&server->zones.items[i]->listen, listen_address))
            return server->zones.items[i];
    return NULL;
}

struct listener *dns_server_find_listener(
        const struct dns_server *server, const struct in6_addr *address)
{
    for (size_t i = 0; i < server->listeners.len; i++)
        if (address6_is_equal(&server->listeners.items[i]->address, address))
            return server->listeners.items[i];
    return NULL;
}

static void listener_free(struct listener *listener)
{
    loop_remove(listener->udp_source);
    loop_remove(listener->tcp_source);
    fd_close(listener->udp_fd);
    fd_close(listener->tcp_fd);
    free(listener);
}

/* A bound socket; IP_FREEBIND, since the bridge may come up later or have gone for a moment. */
static int open_socket(const struct in6_addr *address, int type, struct error **err)
{
    struct sockaddr_in v4 = { .sin_family = AF_INET,
        .sin_port = htons(PORT),
        .sin_addr.s_addr = htonl(address_unmap(address)) };
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons(PORT), .sin6_addr = *address
    };
    bool is_v4 = address_is_mapped(address);
    auto_close int fd = socket(is_v4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char text[ADDRESS6_TEXT_MAX];
    int on = 1;

    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open a socket");
    (void)setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
    if (!is_v4)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &on, sizeof(on));
    /* A name server of the machine may listen on every address (dnsmasq does, and allows this): for
     * datagrams the more specific address wins. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6,
                is_v4 ? sizeof(v4) : sizeof(v6)) < 0 ||
            (type == SOCK_STREAM && listen(fd, TCP_BACKLOG) < 0)) {
        int r = error_set(err, errno, NULL, "cannot listen for name queries on %s, port %d",
                address_format_any(address, text), PORT);
        if (r == -EADDRINUSE)
            error_hint(err, "another name server of this machine listens on every address; "
                            "let it listen on its own addresses only");
        return r;
    }
    return TAKE_FD(fd);
}

static int listener_new(struct dns_server *server, const struct in6_addr *address,
        struct listener **ret, struct error **err)
{
    struct listener *listener = NEW(struct listener);
    auto_error struct error *tcp_err = NULL;
    int r;

    *listener = (struct listener){
        .address = *address, .udp_fd = -EBADF, .tcp_fd = -EBADF, .server = server
    };
    r = listener->udp_fd = open_socket(address, SOCK_DGRAM, err);
    /* TCP has no such rule. It is needed only for answers that are too long for UDP, and those that are not
     * about containers the other server can give as well. */
    if (r >= 0)
        listener->tcp_fd = open_socket(address, SOCK_STREAM, &tcp_err);
    if (r >= 0 && listener->tcp_fd < 0 && listener->tcp_fd != -EADDRINUSE)
        r = error_move(err, TAKE(tcp_err));
    if (r >= 0)
        r = loop_add_io(server->loop, listener->udp_fd, EPOLLIN, dns_clients_on_datagram, listener,
                &listener->udp_source, err);
    if (r >= 0 && listener->tcp_fd >= 0)
        r = loop_add_io(server->loop, listener->tcp_fd, EPOLLIN, dns_clients_on_connection,
                listener, &listener->tcp_source, err);
    if (r < 0) {
        listener_free(listener);
        return r;
    }
    *ret = listener;
    return 0;
}

/* Sockets for exactly the zones that there are. Goes on after a failure, returns the first. */
static int settle_listeners(struct dns_server *server, struct error **err)
{
    int first = 0;
    size_t kept = 0;

    ARRAY_FOREACH(&server->listeners, it)
        (*it)->wanted = false;
    for (size_t i = 0; i < server->zones.len; i++) {
        const struct in6_addr *address = &server->zones.items[i]->listen;
        struct listener *listener = dns_server_find_listener(server, address);
        int r = listener ? 0 : listener_new(server, address, &listener, first ? NULL : err);

        if (r < 0) {
            first = first ? first : r;
            continue;
        }
        if (!dns_server_find_listener(server, address))
            *ARRAY_APPEND(&server->listeners) = listener;
        listener->wanted = true;
    }
    for (size_t i = 0; i < server->listeners.len; i++) {
        struct listener *listener = server->listeners.items[i];

        if (listener->wanted)
            server->listeners.items[kept++] = listener;
        else
            listener_free(listener);
    }
    server->listeners.len = kept;
    return first;
}

static bool is_zone_name(const char *name)
{
    return strlen(name) == RANDOM_ID_HEX && strspn(name, "0123456789abcdef") == RANDOM_ID_HEX;
}

static int read_zone(
        struct dns_server *server, const char *name, struct dns_zones *zones, struct error **err)
{
    auto_free char *text = NULL;
    struct error *below = NULL;
    struct dns_zone *zone;
    size_t len;
    int r = fs_read_file(server->dir_fd, name, DNS_ZONE_FILE_MAX_BYTES, &text, &len, &below);

    if (r == -ENOENT) { /* fs_read_file: removed since the directory was read */
        error_free(below);
        return 0;
    }
    if (r < 0)
        return error_move(err, below);
    r = dns_zone_parse(text, len, &zone, err);
    if (r < 0)
        return r;
    *ARRAY_APPEND(zones) = zone;
    return 0;
}

static int compare_zones(const void *a, const void *b)
{
    return strcmp((*(struct dns_zone *const *)a)->name, (*(struct dns_zone *const *)b)->name);
}

/* What was changed up to now is about to be read: whoever changes a file says so, too, and it shall not be read twice. */
static void drop_notices(struct dns_server *server)
{
    _Alignas(struct inotify_event) char buffer[4096];

    while (read(server->inotify_fd, buffer, sizeof(buffer)) > 0)
        continue;
}

/* Reads all zones anew. A file that cannot be read keeps the others from nothing. */
static int reload(struct dns_server *server, struct error **err)
{
    auto_closedir DIR *dir = NULL;
    auto_close int fd = openat(server->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct dns_zones zones = { 0 };
    struct dirent *entry;
    int first = 0, r;

    drop_notices(server);
    if (fd < 0 || !(dir = fdopendir(fd)))
        return error_set(err, errno, NULL, "cannot read the directory of names");
    fd = -EBADF; /* the directory stream's now */
    while ((entry = readdir(dir))) {
        if (!is_zone_name(entry->d_name))
            continue;
        r = read_zone(server, entry->d_name, &zones, first ? NULL : err);
        first = first ? first : r;
    }
    if (zones.len > 0)
        qsort(zones.items, zones.len, sizeof(*zones.items), compare_zones);
    dns_zones_release(&server->zones);
    server->zones = zones;
    r = settle_listeners(server, first ? NULL : err);
    return first ? first : r;
}

/* ---- control ---- */

static void control_free(struct control *control)
{
    loop_remove(control->source);
    fd_close(control->fd);
    list_remove(&control->node);
    control->server->control_len--;
    free(control);
}

static void on_control(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct control *control = userdata;
    struct dns_server *server = control->server;
    auto_(strbuf_release) struct strbuf answer = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);
    auto_error struct error *err = NULL;
    char message[16];
    ssize_t got = recv(fd, message, sizeof(message), MSG_DONTWAIT);

    (void)events;
    if (got <= 0) {
        if (got == 0 || (errno != EAGAIN && errno != EINTR))
            control_free(control);
        return;
    }
    if (str_is_equal_z((struct str){ message, (size_t)got }, DNS_SYNC_MESSAGE) &&
            reload(server, &err) >= 0)
        strbuf_adds(&answer, DNS_SYNC_OK);
    else if (err)
        error_encode(err, &answer);
    (void)!send(fd, answer.data, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (server->zones.len == 0)
        loop_quit(loop, 0);
}

static void on_control_connection(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct dns_server *server = userdata;
    auto_close int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct control *control;

    (void)events;
    if (accepted < 0 || server->control_len >= CONTROLS_MAX)
        return;
    control = NEW(struct control);
    *control = (struct control){ .server = server, .fd = TAKE_FD(accepted) };
    list_append(&server->controls, &control->node);
    server->control_len++;
    if (loop_add_io(loop, control->fd, EPOLLIN, on_control, control, &control->source, NULL) < 0)
        control_free(control);
}

/* Somebody changed a file and died before saying so. */
static void on_inotify(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct dns_server *server = userdata;

    (void)events;
    (void)fd;
    (void)reload(server, NULL);
    if (server->zones.len == 0)
        loop_quit(loop, 0);
}

static int open_control(struct dns_server *server, struct error **err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char dir[FS_FD_PATH_MAX];

    /* By descriptor: the directory's path may be longer than an address can be. */
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", fs_fd_path(server->dir_fd, dir),
            DNS_CONTROL_SOCKET);
    (void)unlinkat(server->dir_fd, DNS_CONTROL_SOCKET, 0); /* ours alone: the lock is held */
    server->control_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server->control_fd < 0 ||
            bind(server->control_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(server->control_fd, CONTROLS_MAX) < 0)
        return error_set(err, errno, NULL, "cannot listen on the name server's control socket");
    return loop_add_io(server->loop, server->control_fd, EPOLLIN, on_control_connection, server,
            &server->control_source, err);
}

static int open_watch(struct dns_server *server, struct error **err)
{
    char dir[FS_FD_PATH_MAX];

    server->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (server->inotify_fd < 0 ||
            inotify_add_watch(server->inotify_fd, fs_fd_path(server->dir_fd, dir),
                    IN_MOVED_TO | IN_DELETE | IN_ONLYDIR) < 0)
        return error_set(err, errno, NULL, "cannot watch the directory of names");
    return loop_add_io(server->loop, server->inotify_fd, EPOLLIN, on_inotify, server,
            &server->inotify_source, err);
}

static void server_free_p(struct dns_server **server)
{
    dns_server_free(*server);
}

int dns_server_new(struct loop *loop, const char *dir, struct dns_server **ret, struct error **err)
{
    auto_(server_free_p) struct dns_server *server = NEW(struct dns_server);
    int r;

    server->loop = loop;
    server->lock_fd = server->control_fd = server->inotify_fd = -EBADF;
    list_init(&server->connections);
    list_init(&server->controls);
    server->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (server->dir_fd < 0)
        return error_set(err, errno, NULL, "cannot open the directory %s", dir);
    /* Who starts us has found nobody on the control socket: whoever holds the lock is about to die. */
    server->lock_fd = fs_lock(server->dir_fd, DNS_LOCK_FILE, true, true);
    if (server->lock_fd < 0)
        return error_set(err, server->lock_fd, NULL, "cannot lock the directory %s", dir);
    r = dns_forwarder_new(loop, &server->forwarder, err);
    if (r >= 0)
        r = open_watch(server, err); /* before the first look, so that nothing is missed */
    if (r >= 0)
        r = reload(server, err);
    if (r >= 0)
        r = open_control(server, err);
    if (r < 0)
        return r;
    if (server->zones.len == 0)
        return error_set_plain(err, ENOENT, NULL, "there is no network to answer for in %s", dir);
    *ret = TAKE(server);
    return 0;
}

void dns_server_free(struct dns_server *server)
{
    if (!server)
        return;
    dns_clients_release(server);
    LIST_FOREACH(&server->controls, node)
        control_free(LIST_ITEM(node, struct control, node));
    dns_forwarder_free(server->forwarder); /* who waits hears of it over the listeners */
    ARRAY_FOREACH(&server->listeners, it)
        listener_free(*it);
    ARRAY_RELEASE(&server->listeners);
    dns_zones_release(&server->zones);
    loop_remove(server->control_source);
    loop_remove(server->inotify_source);
    fd_close(server->control_fd);
    fd_close(server->inotify_fd);
    if (server->lock_fd >= 0)
        (void)unlinkat(server->dir_fd, DNS_CONTROL_SOCKET, 0);
    fd_close(server->lock_fd);
    fd_close(server->dir_fd);
    free(server);
}
