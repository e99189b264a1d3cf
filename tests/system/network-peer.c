/* Both ends of a connection, and a resolver, for the network tests. Runs in whatever namespace it is
 * started in.
 *
 *     network-peer serve tcp|udp|tcp6|udp6 PORT TEXT        answers "TEXT CLIENT-ADDRESS"; goes to the background once
 *                                                 it listens and prints its pid
 *     network-peer ask tcp|udp ADDRESS PORT [FROM-PORT]   prints the answer; 1 refused, 2 silence
 *     network-peer resolve SERVER NAME [TYPE] [tcp] [edns]  prints "RCODE[ tc]", then an address or name
 *                                                 per line
 *     network-peer garbage SERVER COUNT           sends mutated queries, then checks that a good one is answered
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/str.h"

#define TIMEOUT_MSEC 3000
#define ATTEMPTS 5
#define BUFFER_BYTES 65535

enum { REFUSED = 1, SILENCE = 2 };

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t len;
};

static struct address address_of(const char *host, const char *port)
{
    struct address address = { 0 };
    uint32_t number = 0;

    (void)parse_uint32(str_from(port), 65535, &number);
    if (strchr(host, ':')) {
        address.v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
            .sin6_port = htons((uint16_t)number) };
        address.len = sizeof(address.v6);
        (void)inet_pton(AF_INET6, host, &address.v6.sin6_addr);
        return address;
    }
    address.v4 = (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)number) };
    address.len = sizeof(address.v4);
    (void)inet_pton(AF_INET, host, &address.v4.sin_addr);
    return address;
}

static int open_socket(const char *protocol, const struct address *address)
{
    int type = strncmp(protocol, "tcp", 3) == 0 ? SOCK_STREAM : SOCK_DGRAM, on = 1;
    int fd = socket(address->any.sa_family, type | SOCK_CLOEXEC, 0);

    if (address->any.sa_family == AF_INET6)
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    return fd;
}

static void answer_for_ever(int fd, bool tcp, const char *text)
{
    char request[2048], answer[256], peer[INET6_ADDRSTRLEN];

    for (;;) {
        struct address client = { .len = sizeof(client.v6) };
        int to = fd;

        if (tcp)
            to = accept4(fd, &client.any, &client.len, SOCK_CLOEXEC);
        else if (recvfrom(fd, request, sizeof(request), 0, &client.any, &client.len) < 0)
            continue;
        if (to < 0)
            continue;
        if (client.any.sa_family == AF_INET6)
            inet_ntop(AF_INET6, &client.v6.sin6_addr, peer, sizeof(peer));
        else
            inet_ntop(AF_INET, &client.v4.sin_addr, peer, sizeof(peer));
        int n = snprintf(answer, sizeof(answer), "%s %s\n", text, peer);
        if (tcp) {
            (void)!send(to, answer, (size_t)n, MSG_NOSIGNAL);
            close(to);
        } else {
            (void)!sendto(to, answer, (size_t)n, MSG_NOSIGNAL, &client.any, client.len);
        }
    }
}

static int serve(const char *protocol, const char *port, const char *text)
{
    bool tcp = strncmp(protocol, "tcp", 3) == 0;
    struct address address = address_of(strchr(protocol, '6') ? "::" : "0.0.0.0", port);
    int fd = open_socket(protocol, &address), on = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &address.any, address.len) < 0 || (tcp && listen(fd, 64) < 0)) {
        perror("bind");
        return 1;
    }
    pid_t pid = fork(); /* lint: allow (a test's payload) */
    if (pid != 0) {
        printf("%d\n", (int)pid);
        return pid < 0;
    }
    setsid();
    for (int i = 0; i < 3; i++)
        close(i);
    answer_for_ever(fd, tcp, text);
    return 0;
}

/* Length, or the exit status made negative. */
static ssize_t receive(int fd, void *buffer, size_t size)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };

    if (poll(&wait, 1, TIMEOUT_MSEC) <= 0)
        return -SILENCE;
    ssize_t got = recv(fd, buffer, size, 0);
    return got < 0 ? -REFUSED : got;
}

static int connect_to(int fd, const struct address *address)
{
    struct timeval limit = { .tv_sec = TIMEOUT_MSEC / 1000 };

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    if (connect(fd, &address->any, address->len) == 0)
        return 0;
    return errno == EINPROGRESS || errno == ETIMEDOUT ? SILENCE : REFUSED;
}

static int ask(const char *protocol, const char *host, const char *port, const char *from_port)
{
    struct address address = address_of(host, port);
    char answer[256];
    auto_close int fd = open_socket(protocol, &address);

    if (from_port) {
        struct address from = address_of(strchr(host, ':') ? "::" : "0.0.0.0", from_port);
        if (bind(fd, &from.any, from.len) < 0)
            return REFUSED;
    }
    int r = connect_to(fd, &address);
    if (r != 0)
        return r;
    if (strcmp(protocol, "udp") == 0 && send(fd, "?", 1, 0) < 0)
        return REFUSED;
    ssize_t got = receive(fd, answer, sizeof(answer) - 1);
    if (got <= 0)
        return got < 0 ? (int)-got : REFUSED;
    answer[got] = '\0';
    printf("%s", answer);
    return 0;
}

static size_t format_query(uint8_t *out, const char *name, unsigned type, bool edns)
{
    static const uint8_t header[] = { 0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0 };
    static const uint8_t opt[] = { 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0 };
    struct str rest = str_from(name), label;
    size_t at = sizeof(header);

    memcpy(out, header, sizeof(header));
    out[11] = edns;
    while (str_split_next(&rest, '.', &label)) {
        out[at++] = (uint8_t)label.len;
        memcpy(out + at, label.data, label.len);
        at += label.len;
    }
    out[at++] = 0;
    out[at++] = 0;
    out[at++] = (uint8_t)type;
    out[at++] = 0;
    out[at++] = 1;
    if (edns) {
        memcpy(out + at, opt, sizeof(opt));
        at += sizeof(opt);
    }
    return at;
}

static size_t skip_name(const uint8_t *data, size_t at)
{
    while (data[at] != 0) {
        if (data[at] >= 0xc0)
            return at + 2;
        at += data[at] + 1u;
    }
    return at + 1;
}

static void print_answer(const uint8_t *data)
{
    unsigned count = (unsigned)data[6] << 8 | data[7];
    size_t at = skip_name(data, 12) + 4;

    printf("%d%s\n", data[3] & 15, data[2] & 2 ? " tc" : "");
    for (; count > 0; count--) {
        at = skip_name(data, at);
        unsigned type = (unsigned)data[at] << 8 | data[at + 1];
        size_t len = (size_t)data[at + 8] << 8 | data[at + 9];

        at += 10;
        if (type == 1)
            printf("%u.%u.%u.%u\n", data[at], data[at + 1], data[at + 2], data[at + 3]);
        char text[INET6_ADDRSTRLEN];
        if (type == 28 && inet_ntop(AF_INET6, data + at, text, sizeof(text)))
            printf("%s\n", text);
        for (size_t i = at; type == 12 && data[i] != 0; i += data[i] + 1u)
            printf("%.*s%s", data[i], (const char *)data + i + 1,
                    data[i + data[i] + 1u] ? "." : "\n");
        at += len;
    }
}

static int resolve(const char *server, const char *name, unsigned type, bool tcp, bool edns)
{
    static uint8_t buffer[BUFFER_BYTES + 2];
    struct address address = address_of(server, "53");
    auto_close int fd = open_socket(tcp ? "tcp" : "udp", &address);
    size_t len = format_query(buffer + 2, name, type, edns), have = 0;
    int r = connect_to(fd, &address);

    if (r != 0)
        return r;
    buffer[0] = (uint8_t)(len >> 8);
    buffer[1] = (uint8_t)len;
    if (send(fd, tcp ? buffer : buffer + 2, tcp ? len + 2 : len, MSG_NOSIGNAL) < 0)
        return REFUSED;
    do {
        ssize_t got = receive(fd, buffer + have, sizeof(buffer) - have);
        if (got <= 0)
            return got < 0 ? (int)-got : REFUSED;
        have += (size_t)got;
    } while (tcp && (have < 2 || have < 2u + ((size_t)buffer[0] << 8 | buffer[1])));
    print_answer(tcp ? buffer + 2 : buffer);
    return 0;
}

static int garbage(const char *server, const char *count_text, const char *name)
{
    struct address address = address_of(server, "53");
    uint8_t query[512];
    uint32_t count = 0, state = 12345;

    (void)parse_uint32(str_from(count_text), 1000000, &count);
    for (uint32_t i = 0; i < count; i++) {
        auto_close int fd = open_socket("udp", &address);
        size_t len = format_query(query, name, 1, i & 1);

        for (int j = 0; j < 4; j++) {
            state = state * 1664525u + 1013904223u;
            query[2 + (state >> 8) % (len - 2)] = (uint8_t)(state >> 24);
        }
        if (i % 7 == 0)
            len = (state >> 16) % len;
        (void)!sendto(fd, query, len, MSG_DONTWAIT, &address.any, address.len);
    }
    /* The server's queue may be full of it yet, and what does not fit is lost: ask as resolvers do. */
    for (int i = 0; i < ATTEMPTS - 1; i++)
        if (resolve(server, name, 1, false, false) == 0)
            return 0;
    return resolve(server, name, 1, false, false);
}

int main(int argc, char **argv)
{
    uint32_t type = 1;
    bool tcp = false, edns = false;

    if (argc == 5 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2], argv[3], argv[4]);
    if ((argc == 5 || argc == 6) && strcmp(argv[1], "ask") == 0)
        return ask(argv[2], argv[3], argv[4], argv[5]);
    if (argc == 5 && strcmp(argv[1], "garbage") == 0)
        return garbage(argv[2], argv[3], argv[4]);
    if (argc < 4 || strcmp(argv[1], "resolve") != 0)
        return 64;
    for (int i = 4; i < argc; i++) {
        tcp = tcp || strcmp(argv[i], "tcp") == 0;
        edns = edns || strcmp(argv[i], "edns") == 0;
        (void)parse_uint32(str_from(argv[i]), 65535, &type);
    }
    return resolve(argv[2], argv[3], type, tcp, edns);
}
