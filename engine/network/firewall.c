#include "engine/network/firewall-internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/network/address-internal.h"
#include "engine/network/network-internal.h"

#define STATE_DIR "network"
#define STATE_PATH_MAX 32
#define HANDLE_TEXT_MAX 24

/* The rules that both families have, so that neither is guarded less than the other; `early`, `publish` and `post` are
 * what differs. All addresses are the container's in `forward` (after DNAT) and the client's in `early` (before it).
 * A verdict "accept" here only ends this table: the machine's own firewall still sees the packet. In `early` nobody reaches
 * a container by routing to its address; in `postrouting` the answer to a container that talks to a published port must
 * come back through the host. Each rule is a line here, too. */
/* clang-format off */
#define CHAINS(ip, address, icmp, early, publish, post)                                            \
    "  set bridges { type ifname; }\n"                                                             \
    "  set internal { type ifname; }\n"                                                            \
    "  set within { type ifname . ifname; }\n"                                                     \
    "  set routed { type ifname; }\n"                                                              \
    "  set unprotected { type ifname; }\n"                                                         \
    "  set open { type inet_proto . " address " . inet_service; }\n"                               \
    "  set subnets { type " address "; flags interval; }\n"                                        \
    "  set outward { type " address "; flags interval; }\n"                                        \
    "  map ports { type inet_proto . " address " . inet_service : " address " . inet_service; }\n" \
    "  map ports_any { type inet_proto . inet_service : " address " . inet_service; }\n"           \
    "  chain early {\n"                                                                            \
    "    type filter hook prerouting priority raw; policy accept;\n"                               \
    "    iifname \"lo\" accept\n"                                                                  \
    early                                                                                          \
    "    iifname != @bridges " ip " daddr @subnets drop\n"                                         \
    "  }\n"                                                                                        \
    "  chain publish {\n"                                                                          \
    publish                                                                                        \
    "    dnat " ip " to meta l4proto . " ip " daddr . th dport map @ports\n"                       \
    "    dnat " ip " to meta l4proto . th dport map @ports_any\n"                                  \
    "  }\n"                                                                                        \
    "  chain prerouting {\n"                                                                       \
    "    type nat hook prerouting priority dstnat; policy accept;\n"                               \
    "    meta l4proto { tcp, udp } fib daddr type local jump publish\n"                            \
    "  }\n"                                                                                        \
    "  chain output {\n"                                                                           \
    "    type nat hook output priority -100; policy accept;\n"                                     \
    "    meta l4proto { tcp, udp } fib daddr type local jump publish\n"                            \
    "  }\n"                                                                                        \
    "  chain forward {\n"                                                                          \
    "    type filter hook forward priority filter; policy accept;\n"                               \
    "    ct state established,related accept\n"                                                    \
    "    iifname . oifname @within accept\n"                                                       \
    "    iifname @internal drop\n"                                                                 \
    "    oifname @internal drop\n"                                                                 \
    "    oifname @bridges ct status dnat accept\n"                                                 \
    "    iifname != @bridges oifname @unprotected accept\n"                                        \
    "    iifname != @bridges oifname @routed meta l4proto " icmp " accept\n"                       \
    "    iifname != @bridges meta l4proto . " ip " daddr . th dport @open accept\n"                \
    "    oifname @bridges drop\n"                                                                  \
    "  }\n"                                                                                        \
    "  chain postrouting {\n"                                                                      \
    "    type nat hook postrouting priority srcnat; policy accept;\n"                              \
    "    oifname != @bridges " ip " saddr @outward masquerade\n"                                   \
    post                                                                                           \
    "    oifname @bridges ct status dnat " ip " saddr @outward masquerade\n"                       \
    "  }\n"
/* clang-format on */

/* route_localnet is on for the bridges: containers must not get at the host's loopback. */
static const char chains4[] = CHAINS("ip", "ipv4_addr", "icmp",
        "    iifname @bridges ip daddr 127.0.0.0/8 drop\n"
        "    iifname @bridges ip saddr 127.0.0.0/8 drop\n",
        "", "    oifname @bridges ip saddr 127.0.0.0/8 masquerade\n");

/* The kernel drops what comes in over a link from or to ::1, and so it cannot be published there. Without advertisements and
 * redirects no container becomes the machine's router, whatever the settings of the bridge are. */
static const char chains6[] = CHAINS("ip6", "ipv6_addr", "icmpv6",
        "    iifname @bridges icmpv6 type { nd-router-advert, nd-redirect } drop\n"
        "    iifname @bridges ip6 daddr ::1 drop\n"
        "    iifname @bridges ip6 saddr ::1 drop\n",
        "    ip6 daddr ::1 return\n", "");

static const char *const chains[] = { [FIREWALL_IPV4] = chains4, [FIREWALL_IPV6] = chains6 };
static const char *const state_files[] = {
    [FIREWALL_IPV4] = "firewall",
    [FIREWALL_IPV6] = "firewall6",
};
_Static_assert(
        ARRAY_LEN(chains) == FIREWALL_FAMILY_MAX_ && ARRAY_LEN(state_files) == FIREWALL_FAMILY_MAX_,
        "each family has its chains and its file");

static void add_element(struct arena *arena, struct firewall_state *state, char *element)
{
    *ARRAY_APPEND_ARENA(arena, &state->elements) = element;
}

void firewall_add_network(
        struct arena *arena, struct firewall_state *state, const struct network *network)
{
    char subnet[ADDRESS6_NETWORK_TEXT_MAX];
    const char *bridge = network->bridge;

    bool ipv4 = state->family == FIREWALL_IPV4;

    if (!network_has_bridge(network))
        return;
    /* Where IPv6 is off the bridge has none. IPv4 cannot be switched off for a link: what a container makes up of it leads
     * nowhere. */
    if (ipv4 && !network->ipv4)
        add_element(arena, state, arena_printf(arena, "internal \"%s\"", bridge));
    if (!network->ipv4 &&
            !network->ipv6) { /* addresses are the containers' own affair, for each other only */
        add_element(arena, state, arena_printf(arena, "bridges \"%s\"", bridge));
        add_element(arena, state, arena_printf(arena, "internal \"%s\"", bridge));
        if (network_option_bool(network, NETWORK_OPTION_ICC, true))
            add_element(
                    arena, state, arena_printf(arena, "within \"%s\" . \"%s\"", bridge, bridge));
    }
    if (ipv4 ? !network->ipv4 : !network->ipv6)
        return;
    if (ipv4)
        address_format_network(network->subnet, network->prefix_len, subnet);
    else
        address6_format_network(&network->subnet6, network->prefix6_len, subnet);
    add_element(arena, state, arena_printf(arena, "bridges \"%s\"", bridge));
    if (network_option_bool(network, NETWORK_OPTION_ICC, true))
        add_element(arena, state, arena_printf(arena, "within \"%s\" . \"%s\"", bridge, bridge));
    if (network->internal)
        add_element(arena, state, arena_printf(arena, "internal \"%s\"", bridge));
    bool masquerades = network_has_masquerade(network, ipv4);
    bool is_unprotected = string_is_equal(
            network_gateway_mode(network, ipv4), NETWORK_MODE_UNPROTECTED);
    if (masquerades)
        add_element(arena, state, arena_printf(arena, "outward %s", subnet));
    if (!network->internal && is_unprotected)
        add_element(arena, state, arena_printf(arena, "unprotected \"%s\"", bridge));
    if (!network->internal && network_is_routed(network, ipv4))
        add_element(arena, state, arena_printf(arena, "routed \"%s\"", bridge));
    /* Without masquerade the answers to what containers send are routed to their addresses. */
    if (network->internal || (masquerades && !is_unprotected))
        add_element(arena, state, arena_printf(arena, "subnets %s", subnet));
}

void firewall_add_port(
        struct arena *arena, struct firewall_state *state, const struct sandbox_port *port)
{
    const char *protocol = sandbox_protocol_name(port->protocol);
    char host[ADDRESS6_TEXT_MAX], inside[ADDRESS6_TEXT_MAX];

    if (address_is_mapped(&port->host_address) != (state->family == FIREWALL_IPV4))
        return;
    address_format_any(&port->host_address, host);
    address_format_any(&port->address, inside);
    if (port->host_port == 0)
        add_element(arena, state,
                arena_printf(arena, "open %s . %s . %u", protocol, inside, port->port));
    else if (!address_is_wildcard(&port->host_address))
        add_element(arena, state,
                arena_printf(arena, "ports %s . %s . %u : %s . %u", protocol, host, port->host_port,
                        inside, port->port));
    else
        add_element(arena, state,
                arena_printf(arena, "ports_any %s . %u : %s . %u", protocol, port->host_port,
                        inside, port->port));
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void firewall_sort(struct firewall_state *state)
{
    size_t kept = 0;

    if (state->elements.len == 0)
        return;
    qsort(state->elements.items, state->elements.len, sizeof(char *), compare_texts);
    for (size_t i = 1; i < state->elements.len; i++)
        if (strcmp(state->elements.items[kept], state->elements.items[i]) != 0)
            state->elements.items[++kept] = state->elements.items[i];
    state->elements.len = kept + 1;
}

static void format_element(const char *verb, const struct firewall_state *state,
        const char *element, struct strbuf *out)
{
    const char *space = strchr(element, ' ');

    strbuf_addf(out, "%s element %s %s %.*s { %s }\n", verb, nftables_family_name(state->family),
            state->table, (int)(space - element), element, space + 1);
}

void firewall_format(const struct firewall_state *wanted, bool replace, struct strbuf *out)
{
    const char *family = nftables_family_name(wanted->family);

    if (replace)
        strbuf_addf(out, "delete table %s %s\n", family, wanted->table);
    if (wanted->elements.len == 0)
        return;
    strbuf_addf(out, "table %s %s {\n%s}\n", family, wanted->table, chains[wanted->family]);
    for (size_t i = 0; i < wanted->elements.len; i++)
        format_element("add", wanted, wanted->elements.items[i], out);
}

void firewall_format_change(
        const struct firewall_state *have, const struct firewall_state *wanted, struct strbuf *out)
{
    size_t i, j;

    /* Deletions first: a port may move from one container to another. */
    for (i = 0, j = 0; i < have->elements.len; i++) {
        while (j < wanted->elements.len &&
                strcmp(wanted->elements.items[j], have->elements.items[i]) < 0)
            j++;
        if (j == wanted->elements.len ||
                strcmp(wanted->elements.items[j], have->elements.items[i]) != 0)
            format_element("delete", wanted, have->elements.items[i], out);
    }
    for (i = 0, j = 0; i < wanted->elements.len; i++) {
        while (j < have->elements.len &&
                strcmp(have->elements.items[j], wanted->elements.items[i]) < 0)
            j++;
        if (j == have->elements.len ||
                strcmp(have->elements.items[j], wanted->elements.items[i]) != 0)
            format_element("add", wanted, wanted->elements.items[i], out);
    }
}

/* What was applied last: the first line is the table's handle, then an element per line. False when
 * that is not known, or not true any more. */
static bool read_applied(
        int dir_fd, struct arena *arena, uint64_t handle, struct firewall_state *ret)
{
    auto_free char *text = NULL;
    struct str rest, line;
    uint64_t written;
    size_t len;

    if (fs_read_file(dir_fd, state_files[ret->family], FIREWALL_TEXT_MAX_BYTES, &text, &len, NULL) <
            0)
        return false;
    rest = (struct str){ text, len };
    if (!str_split_next(&rest, '\n', &line) || parse_uint64(line, UINT64_MAX, &written) < 0 ||
            written != handle)
        return false;
    while (str_split_next(&rest, '\n', &line))
        if (line.len > 0)
            add_element(arena, ret, arena_strndup(arena, line.data, line.len));
    for (size_t i = 0; i < ret->elements.len; i++)
        if (!strchr(ret->elements.items[i], ' '))
            return false;
    firewall_sort(ret);
    return true;
}

static int write_applied(
        int dir_fd, uint64_t handle, const struct firewall_state *state, struct error **err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(FIREWALL_TEXT_MAX_BYTES);

    strbuf_addf(&text, "%llu\n", (unsigned long long)handle);
    for (size_t i = 0; i < state->elements.len; i++)
        strbuf_addf(&text, "%s\n", state->elements.items[i]);
    return fs_replace_file(
            dir_fd, state_files[state->family], text.data, text.len, 0600, FS_NO_SYNC, err);
}

static bool is_same(const struct firewall_state *a, const struct firewall_state *b)
{
    if (a->elements.len != b->elements.len)
        return false;
    for (size_t i = 0; i < a->elements.len; i++)
        if (strcmp(a->elements.items[i], b->elements.items[i]) != 0)
            return false;
    return true;
}

static int run_text(const struct strbuf *text, struct error **err)
{
    if (strbuf_is_truncated(text))
        return error_set_plain(err, EFBIG, NULL, "there are too many published ports");
    return nftables_run(text->data, err);
}

int firewall_apply(int run_fd, struct arena *arena, const struct firewall_state *wanted,
        bool repair, struct error **err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(FIREWALL_TEXT_MAX_BYTES);
    auto_close int dir_fd = fs_mkdir_parents(run_fd, STATE_DIR, 0700, err);
    struct firewall_state have = { .table = wanted->table, .family = wanted->family };
    uint64_t handle = 0;
    bool known;
    int r;

    if (dir_fd < 0)
        return dir_fd;
    r = nftables_table_handle(wanted->family, wanted->table, &handle, err);
    if (r < 0)
        return r;
    if (handle == 0 && wanted->elements.len == 0) {
        (void)unlinkat(dir_fd, state_files[wanted->family], 0);
        return 0;
    }
    known = handle != 0 && !repair && read_applied(dir_fd, arena, handle, &have);
    if (known && is_same(&have, wanted))
        return 0;

    /* The file is away while it may be wrong, so that a death in between leads to a whole table. */
    (void)unlinkat(dir_fd, state_files[wanted->family], 0);
    if (known && wanted->elements.len > 0) {
        firewall_format_change(&have, wanted, &text);
        r = run_text(&text, NULL);
        known = r >= 0;
    }
    if (!known || wanted->elements.len == 0) {
        strbuf_reset(&text);
        firewall_format(wanted, handle != 0, &text);
        r = run_text(&text, err);
        if (r < 0)
            return error_wrap(err, r, "cannot change the firewall");
    }
    r = guest_chains_apply(wanted, err);
    if (r < 0 || wanted->elements.len == 0)
        return r;
    r = nftables_table_handle(wanted->family, wanted->table, &handle, err);
    if (r < 0)
        return r;
    return write_applied(dir_fd, handle, wanted, err);
}

bool firewall_read_handle(int run_fd, enum firewall_family family, uint64_t *ret)
{
    char text[HANDLE_TEXT_MAX] = "", path[STATE_PATH_MAX];

    snprintf(path, sizeof(path), STATE_DIR "/%s", state_files[family]);
    auto_close int fd = openat(run_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);

    /* The rest is the elements. */
    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0 || !strchr(text, '\n'))
        return false;
    return parse_uint64((struct str){ text, strcspn(text, "\n") }, UINT64_MAX, ret) >= 0;
}
