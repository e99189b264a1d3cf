#include "engine/network/names-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/engine-internal.h"
#include "engine/network/address-internal.h"
#include "engine/network/network-internal.h"

#define DNS_DIR "dns"

/* A name that stands in the file as one word. Others cannot be asked for anyway. */
static bool is_word(const char *name)
{
    if (string_is_empty(name) || strlen(name) > 253)
        return false;
    for (; *name; name++)
        if ((unsigned char)*name <= ' ' || *name == 0x7f)
            return false;
    return true;
}

static void add_name(struct strbuf *out, const char *name)
{
    if (is_word(name))
        strbuf_addf(out, " %s", name);
}

/* "TARGET:ALIAS" of this endpoint's aliases. */
static void format_links(const struct network_endpoint *it, const char *address, struct strbuf *out)
{
    for (size_t i = 0; i < it->alias_len; i++) {
        const char *colon = strchr(it->aliases[i], ':');

        if (colon && colon > it->aliases[i] && is_word(it->aliases[i]) && colon[1])
            strbuf_addf(out, "link %s %.*s %s\n", address, (int)(colon - it->aliases[i]),
                    it->aliases[i], colon + 1);
    }
}

/* The container's own name servers, else those of the network, else those of the machine. */
static void format_forward(
        const struct network_endpoint *it, const char *address, struct strbuf *out)
{
    const char *shared = network_option(it->network, NETWORK_OPTION_DNS);
    struct str rest = str_from(shared ? shared : ""), piece;

    if (it->dns_len == 0 && rest.len == 0)
        return;
    strbuf_addf(out, "forward %s", address);
    for (size_t i = 0; i < it->dns_len; i++)
        add_name(out, it->dns[i]);
    while (it->dns_len == 0 && str_split_next(&rest, ',', &piece))
        strbuf_addf(out, " %.*s", STR_FMT(piece));
    strbuf_addc(out, '\n');
}

static void format_address(
        const struct network_endpoint *it, const char *address, struct strbuf *out)
{
    strbuf_addf(out, "host %s %s", address, it->container_id);
    add_name(out, it->container_name);
    for (size_t i = 0; i < it->alias_len; i++)
        if (!strchr(it->aliases[i], ':'))
            add_name(out, it->aliases[i]);
    strbuf_addf(out, " %.12s", it->container_id);
    add_name(out, it->hostname);
    strbuf_addc(out, '\n');
    format_links(it, address, out);
    format_forward(it, address, out);
}

static void format_host(const struct network_endpoint *it, struct strbuf *out)
{
    char address[ADDRESS_TEXT_MAX], address6[ADDRESS6_TEXT_MAX];

    if (it->address)
        format_address(it, address_format(it->address, address), out);
    if (!address6_is_zero(&it->address6))
        format_address(it, address6_format(&it->address6, address6), out);
}

void names_format(const struct network_endpoint *endpoints, unsigned long len, struct strbuf *out)
{
    const struct network *network = endpoints[0].network;
    char subnet[ADDRESS6_NETWORK_TEXT_MAX], gateway[ADDRESS6_TEXT_MAX];

    strbuf_addf(out, "network %s\nlisten %s\n", network->name,
            network->ipv4 ? address_format(network->gateway, gateway)
                          : address6_format(&network->gateway6, gateway));
    if (network->ipv4)
        strbuf_addf(out, "subnet %s\n",
                address_format_network(network->subnet, network->prefix_len, subnet));
    if (network->ipv6)
        strbuf_addf(out, "subnet %s\n",
                address6_format_network(&network->subnet6, network->prefix6_len, subnet));
    if (network->internal)
        strbuf_adds(out, "internal\n");
    for (size_t i = 0; i < len; i++)
        format_host(&endpoints[i], out);
}

/* Puts the file there unless it is the same already. 1 when it was changed. */
static int write_zone(int dir_fd, const char *id, const struct strbuf *text, struct error **err)
{
    auto_free char *old = NULL;
    size_t len;

    if (strbuf_is_truncated(text))
        return error_set_plain(err, EFBIG, NULL, "a network has too many names");
    if (fs_read_file(dir_fd, id, NAMES_FILE_MAX_BYTES, &old, &len, NULL) >= 0 && len == text->len &&
            memcmp(old, text->data, len) == 0)
        return 0;
    int r = fs_replace_file(dir_fd, id, text->data, text->len, 0600, FS_NO_SYNC, err);
    return r < 0 ? r : 1;
}

static bool is_wanted(const struct network_endpoints *endpoints, const char *id)
{
    for (size_t i = 0; i < endpoints->len; i++)
        if (string_is_equal(endpoints->items[i].network->id, id))
            return true;
    return false;
}

/* Files of networks that nobody uses. 1 when some went. */
static int remove_others(int dir_fd, const struct network_endpoints *endpoints, struct error **err)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_closedir DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;
    int changed = 0;

    if (!dir) {
        fd_close(fd);
        return error_set(err, errno, NULL, "cannot read the directory of names");
    }
    while ((entry = readdir(dir)))
        if (strlen(entry->d_name) == RANDOM_ID_HEX && !is_wanted(endpoints, entry->d_name) &&
                unlinkat(dir_fd, entry->d_name, 0) == 0)
            changed = 1;
    return changed;
}

/* The files. *ret_changed tells whether any is another now; *ret_zones how many there are. */
static int write_files(int dir_fd, const struct network_endpoints *endpoints, bool *ret_changed,
        size_t *ret_zones, struct error **err)
{
    int r;

    for (size_t i = 0, end; i < endpoints->len; i = end) {
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(NAMES_FILE_MAX_BYTES);
        const struct network *network = endpoints->items[i].network;

        for (end = i + 1; end < endpoints->len && endpoints->items[end].network == network;)
            end++;
        names_format(&endpoints->items[i], end - i, &text);
        r = write_zone(dir_fd, network->id, &text, err);
        if (r < 0)
            return r;
        *ret_changed = *ret_changed || r > 0;
        ++*ret_zones;
    }
    r = remove_others(dir_fd, endpoints, err);
    *ret_changed = *ret_changed || r > 0;
    return r;
}

int names_apply(struct engine *engine, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int dir_fd = fs_mkdir_parents(engine->run_fd, DNS_DIR, 0700, err);
    struct network_endpoints endpoints;
    enum names_server server = NAMES_SERVER_ABSENT;
    bool changed = false;
    size_t zones = 0;
    int r;

    if (dir_fd < 0)
        return dir_fd;
    r = network_read_named_endpoints(engine, &arena, &endpoints, err);
    if (r >= 0)
        r = write_files(dir_fd, &endpoints, &changed, &zones, err);
    if (r < 0)
        return r;
    if (zones > 0 && !changed && names_server_is_there(dir_fd))
        return 0;
    if (zones > 0 || changed || names_server_is_there(dir_fd)) {
        r = names_server_sync(dir_fd, zones == 0, &server, err);
        if (r < 0)
            return r;
    }
    if (zones > 0 && server == NAMES_SERVER_ABSENT)
        r = names_server_start(engine, err);
    return r;
}

int names_revive(struct engine *engine, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct network_endpoints endpoints;
    int r;
    auto_close int dir_fd = openat(
            engine->run_fd, DNS_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir_fd < 0 && errno == ENOENT)
        return 0; /* nobody ever needed one since boot */
    if (dir_fd < 0)
        return error_set(err, errno, NULL, "cannot open %s/%s", engine->options.run_dir, DNS_DIR);
    if (names_server_is_there(dir_fd))
        return 0;
    r = network_read_named_endpoints(engine, &arena, &endpoints, err);
    return r < 0 || endpoints.len == 0 ? r : network_refresh_names(engine, err);
}
