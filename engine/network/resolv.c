#include "engine/network/resolv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/network/address-internal.h"

#define HOST_RESOLV_CONF "/etc/resolv.conf"
#define RESOLVED_RESOLV_CONF "/run/systemd/resolve/resolv.conf"
#define RESOLVED_STUB "127.0.0.53"
#define FILE_MODE 0644
#define WRITTEN_FILE \
    "resolv.conf.written" /* a copy of what was written last, to know whether the user edited it */
#define HOSTS_WRITTEN_FILE "hosts.written" /* likewise, to know which lines are the container's */

/* For machines whose own name servers cannot be reached from a container. */
static const char *const public_nameservers[] = { "8.8.8.8", "8.8.4.4" };

void resolv_config_release(struct resolv_config *config)
{
    if (!config)
        return;
    ARRAY_RELEASE(&config->addresses);
    ARRAY_RELEASE(&config->nameservers);
}

void resolv_strings_release(struct strings *strings)
{
    ARRAY_FOREACH(strings, it)
        free(*it);
    ARRAY_RELEASE(strings);
}

/* The next word of the line; an empty one at its end. */
static struct str next_word(struct str *line)
{
    struct str word;

    *line = str_trim(*line);
    word = *line;
    for (size_t i = 0; i < line->len; i++)
        if (line->data[i] == ' ' || line->data[i] == '\t') {
            word.len = i;
            break;
        }
    line->data += word.len;
    line->len -= word.len;
    return word;
}

/* Finds the next line that begins with `keyword`; *ret is what follows it. */
static bool next_setting(struct str *rest, const char *keyword, struct str *ret)
{
    struct str line;

    while (str_split_next(rest, '\n', &line)) {
        line = str_trim(line);
        if (line.len > 0 && (line.data[0] == '#' || line.data[0] == ';'))
            continue;
        if (str_is_equal_z(next_word(&line), keyword)) {
            *ret = str_trim(line);
            return true;
        }
    }
    return false;
}

static bool is_loopback(struct str address)
{
    return str_has_prefix(address, "127.") || str_is_equal_z(address, "::1");
}

void resolv_nameservers(const char *text, bool with_loopback, struct strings *ret)
{
    struct str rest = str_from(text), setting;

    while (next_setting(&rest, "nameserver", &setting)) {
        struct str address = next_word(&setting);

        if (address.len > 0 && address.len < INET6_ADDRSTRLEN + IFNAMSIZ &&
                (with_loopback || !is_loopback(address)))
            *ARRAY_APPEND(ret) = mem_strndup(address.data, address.len);
    }
}

static char *read_text(const char *path)
{
    char *text = NULL;
    size_t len;

    if (fs_read_file(AT_FDCWD, path, RESOLV_FILE_MAX_BYTES, &text, &len, NULL) < 0)
        return NULL;
    return text;
}

char *resolv_read_host(const char **ret_path)
{
    auto_free char *text = read_text(HOST_RESOLV_CONF);
    struct strings servers = { 0 };
    bool is_stub;

    *ret_path = HOST_RESOLV_CONF;
    if (!text)
        return mem_strdup("");
    resolv_nameservers(text, true, &servers);
    is_stub = servers.len == 1 && string_is_equal(servers.items[0], RESOLVED_STUB);
    resolv_strings_release(&servers);
    if (is_stub) {
        char *behind = read_text(RESOLVED_RESOLV_CONF);
        if (behind) {
            *ret_path = RESOLVED_RESOLV_CONF;
            return behind;
        }
    }
    return TAKE(text);
}

static void add_user_servers(const struct resolv_config *config, struct strbuf *out)
{
    for (size_t i = 0; i < config->dns_len; i++)
        strbuf_addf(out, "nameserver %s\n", config->dns[i]);
}

/* The machine's servers as far as a container reaches them; those of its own network namespace (host_network)
 * include the loopback ones. */
static void add_host_servers(
        const struct resolv_config *config, const char *host_text, struct strbuf *out)
{
    struct strings servers = { 0 };

    resolv_nameservers(host_text, config->host_network, &servers);
    ARRAY_FOREACH(&servers, it)
        strbuf_addf(out, "nameserver %s\n", *it);
    for (size_t i = 0; servers.len == 0 && i < ARRAY_LEN(public_nameservers); i++)
        strbuf_addf(out, "nameserver %s\n", public_nameservers[i]);
    resolv_strings_release(&servers);
}

static void add_search(
        const struct resolv_config *config, const char *host_text, struct strbuf *out)
{
    struct str rest = str_from(host_text), setting, last = { 0 };

    if (config->dns_search_len == 0) {
        while (next_setting(&rest, "search", &setting))
            last = setting; /* the last line counts */
        if (last.len > 0)
            strbuf_addf(out, "search %.*s\n", STR_FMT(last));
        return;
    }
    if (config->dns_search_len == 1 && string_is_equal(config->dns_search[0], "."))
        return;
    strbuf_adds(out, "search");
    for (size_t i = 0; i < config->dns_search_len; i++)
        strbuf_addf(out, " %s", config->dns_search[i]);
    strbuf_addc(out, '\n');
}

static void add_options(
        const struct resolv_config *config, const char *host_text, struct strbuf *out)
{
    auto_(strbuf_release) struct strbuf options = STRBUF_INIT(RESOLV_FILE_MAX_BYTES);
    struct str rest = str_from(host_text), setting, word;
    bool has_ndots = false;

    for (size_t i = 0; i < config->dns_options_len; i++) {
        strbuf_addf(&options, " %s", config->dns_options[i]);
        has_ndots = has_ndots || string_has_prefix(config->dns_options[i], "ndots:");
    }
    while (config->dns_options_len == 0 && next_setting(&rest, "options", &setting))
        while ((word = next_word(&setting)).len > 0) {
            strbuf_addf(&options, " %.*s", STR_FMT(word));
            has_ndots = has_ndots || str_has_prefix(word, "ndots:");
        }
    /* Names of containers have no dots: the resolver shall ask for them as they are first. */
    if (config->internal_resolver && !has_ndots)
        strbuf_adds(&options, " ndots:0");
    if (options.len > 0)
        strbuf_addf(out, "options%s\n", options.data);
}

void resolv_format_resolv_conf(const struct resolv_config *config, const char *host_text,
        const char *host_path, struct strbuf *out)
{
    char address[ADDRESS6_TEXT_MAX];

    strbuf_adds(out, "# Generated by berth.\n"
                     "# This file can be edited; berth will not make further changes once it\n"
                     "# has been modified.\n\n");
    if (config->internal_resolver)
        for (size_t i = 0; i < config->nameservers.len; i++)
            strbuf_addf(out, "nameserver %s\n",
                    address_format_any(&config->nameservers.items[i], address));
    else if (config->dns_len > 0)
        add_user_servers(config, out);
    else
        add_host_servers(config, host_text, out);
    add_search(config, host_text, out);
    add_options(config, host_text, out);

    strbuf_addf(out, "\n# Based on host file: '%s' (%s)\n", host_path,
            config->internal_resolver ? "internal resolver" : "legacy");
    if (config->internal_resolver) {
        struct strings servers = { 0 };

        strbuf_adds(out, "# ExtServers: [");
        for (size_t i = 0; i < config->dns_len; i++)
            strbuf_addf(out, "%s%s", i ? " " : "", config->dns[i]);
        if (config->dns_len == 0)
            resolv_nameservers(host_text, true, &servers);
        for (size_t i = 0; i < servers.len; i++)
            strbuf_addf(out, "%shost(%s)", i ? " " : "", servers.items[i]);
        strbuf_adds(out, "]\n");
        resolv_strings_release(&servers);
    }
    strbuf_addf(out, "# Overrides: [%s%s%s%s%s]\n", config->dns_len ? "nameservers" : "",
            config->dns_len && config->dns_search_len ? " " : "",
            config->dns_search_len ? "search" : "",
            (config->dns_len || config->dns_search_len) && config->dns_options_len ? " " : "",
            config->dns_options_len ? "options" : "");
}

/* "name:address" or "name=address" (an IPv6 address may stand in brackets). */
static int add_extra_host(const struct resolv_config *config, const char *text, struct strbuf *out,
        struct error **err)
{
    size_t name_len = strcspn(text, "=:");
    struct str address = str_from(text + name_len + (text[name_len] != '\0'));
    char gateway[ADDRESS6_TEXT_MAX], copy[INET6_ADDRSTRLEN];
    struct in6_addr parsed;

    if (address.len > 1 && address.data[0] == '[' && address.data[address.len - 1] == ']')
        address = (struct str){ address.data + 1, address.len - 2 };
    if (name_len == 0 || address.len == 0)
        return error_set_plain(
                err, EINVAL, NULL, "bad format for extra host \"%s\": expected NAME:ADDRESS", text);
    if (str_is_equal_z(address, "host-gateway")) {
        bool has_v4 = !address6_is_zero(&config->host_gateway);
        const struct in6_addr *host = has_v4 ? &config->host_gateway : &config->host_gateway6;

        if (address6_is_zero(host))
            return error_set_plain(err, EINVAL, NULL,
                    "extra host \"%s\": the container has no network with a gateway to the host",
                    text);
        address = str_from(address_format_any(host, gateway));
    }
    if (address.len >= sizeof(copy))
        return error_set_plain(err, EINVAL, NULL, "invalid IP address in extra host \"%s\"", text);
    memcpy(copy, address.data, address.len);
    copy[address.len] = '\0';
    if (inet_pton(AF_INET, copy, &parsed) != 1 && inet_pton(AF_INET6, copy, &parsed) != 1)
        return error_set_plain(err, EINVAL, NULL, "invalid IP address in extra host \"%s\"", text);
    strbuf_addf(out, "%s\t%.*s\n", copy, (int)name_len, text);
    return 0;
}

int resolv_format_hosts(const struct resolv_config *config, const char *host_text,
        struct strbuf *out, struct error **err)
{
    char address[ADDRESS6_TEXT_MAX];
    int r;

    if (config->host_network) {
        strbuf_adds(out, host_text);
        if (out->len > 0 && out->data[out->len - 1] != '\n')
            strbuf_addc(out, '\n');
    } else {
        strbuf_adds(out, "127.0.0.1\tlocalhost\n");
        if (!config->without_ipv6)
            strbuf_adds(out, "::1\tlocalhost ip6-localhost ip6-loopback\n"
                             "fe00::\tip6-localnet\n"
                             "ff00::\tip6-mcastprefix\n"
                             "ff02::1\tip6-allnodes\n"
                             "ff02::2\tip6-allrouters\n");
    }
    for (size_t i = 0; i < config->extra_hosts_len; i++) {
        r = add_extra_host(config, config->extra_hosts[i], out, err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; config->hostname && i < config->addresses.len; i++) {
        if (config->without_ipv6 && !address_is_mapped(&config->addresses.items[i]))
            continue;
        strbuf_addf(out, "%s\t", address_format_any(&config->addresses.items[i], address));
        if (!string_is_empty(config->domainname))
            strbuf_addf(out, "%s.%s ", config->hostname, config->domainname);
        strbuf_addf(out, "%s\n", config->hostname);
    }
    return 0;
}

/* Truncates and writes the same inode: the container has it mounted. */
static int write_in_place(int dir_fd, const char *name, const char *text,
        const struct resolv_config *config, struct error **err)
{
    auto_close int fd = openat(
            dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    struct stat st;
    int r;

    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set(err, errno, NULL, "cannot open the container's file %s", name);
    if ((st.st_uid != config->uid || st.st_gid != config->gid) &&
            fchown(fd, config->uid, config->gid) < 0)
        return error_set(err, errno, NULL, "cannot give the container its file %s", name);
    if (fchmod(fd, FILE_MODE) < 0) /* whatever the umask is: the container's users read it */
        return error_set(err, errno, NULL, "cannot set the mode of the container's file %s", name);
    r = fd_write_all(fd, text, strlen(text));
    if (r < 0)
        return error_set(err, r, NULL, "cannot write the container's file %s", name);
    return 0;
}

/* Has somebody changed resolv.conf since it was written here? */
static bool was_edited(int dir_fd)
{
    auto_free char *text = NULL, *written = NULL;
    size_t len, written_len;

    if (fs_read_file(dir_fd, "resolv.conf", RESOLV_FILE_MAX_BYTES, &text, &len, NULL) < 0 ||
            fs_read_file(
                    dir_fd, WRITTEN_FILE, RESOLV_FILE_MAX_BYTES, &written, &written_len, NULL) < 0)
        return false;
    return len != written_len || memcmp(text, written, len) != 0;
}

static int write_resolv_conf(int dir_fd, const struct resolv_config *config, struct error **err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(RESOLV_FILE_MAX_BYTES);
    const char *host_path = HOST_RESOLV_CONF;
    auto_free char *host_text = NULL;
    int r;

    if (was_edited(dir_fd))
        return 0;
    /* What berth's own server (or the host's namespace) forwards to is the host's file as it is. */
    if (config->host_network || config->internal_resolver)
        host_text = read_text(HOST_RESOLV_CONF);
    else
        host_text = resolv_read_host(&host_path);
    if (config->host_network &&
            config->dns_len + config->dns_search_len + config->dns_options_len == 0)
        strbuf_adds(&text, host_text ? host_text : "");
    else
        resolv_format_resolv_conf(config, host_text ? host_text : "", host_path, &text);

    /* Between these three the file counts as ours: without the copy it is written again. */
    if (unlinkat(dir_fd, WRITTEN_FILE, 0) < 0 && errno != ENOENT)
        return error_set(err, errno, NULL, "cannot remove the container's file " WRITTEN_FILE);
    r = write_in_place(dir_fd, "resolv.conf", text.data, config, err);
    if (r < 0)
        return r;
    return fs_replace_file(dir_fd, WRITTEN_FILE, text.data, text.len, 0600, FS_NO_SYNC, err);
}

static bool has_line(struct str text, struct str line)
{
    struct str each;

    while (str_split_next(&text, '\n', &each))
        if (str_is_equal(each, line))
            return true;
    return false;
}

/* Adds what the container, or somebody else, has put into the file since it was written here. */
static void keep_own_lines(int dir_fd, struct strbuf *hosts)
{
    const size_t generated_len = hosts->len;
    auto_free char *text = NULL, *written = NULL;
    struct str rest = { 0 }, line, before = { 0 };

    if (fs_read_file(dir_fd, "hosts", RESOLV_FILE_MAX_BYTES, &text, &rest.len, NULL) < 0 ||
            fs_read_file(dir_fd, HOSTS_WRITTEN_FILE, RESOLV_FILE_MAX_BYTES, &written, &before.len,
                    NULL) < 0)
        return;
    rest.data = text;
    before.data = written;
    while (str_split_next(&rest, '\n', &line)) {
        if (line.len == 0 || memchr(line.data, '\0', line.len) || has_line(before, line) ||
                has_line((struct str){ hosts->data, generated_len }, line))
            continue;
        if (hosts->len + line.len + 1 >= RESOLV_FILE_MAX_BYTES)
            return;
        strbuf_add(hosts, line.data, line.len);
        strbuf_addc(hosts, '\n');
    }
}

/* Behind the others, which of two lines for a name are the ones that count. */
static int add_hosts_file(const char *path, struct strbuf *hosts, struct error **err)
{
    auto_free char *text = NULL;
    size_t len;
    int r = fs_read_file(AT_FDCWD, path, RESOLV_FILE_MAX_BYTES - 1 - hosts->len, &text, &len, err);

    if (r < 0)
        return error_wrap(err, r, "cannot read the hosts file \"%s\"", path);
    strbuf_add(hosts, text, len);
    if (len > 0 && text[len - 1] != '\n')
        strbuf_addc(hosts, '\n');
    return 0;
}

static int write_hosts(int dir_fd, const struct resolv_config *config, struct error **err)
{
    auto_(strbuf_release) struct strbuf hosts = STRBUF_INIT(RESOLV_FILE_MAX_BYTES);
    auto_free char *host_text = config->host_network ? read_text("/etc/hosts") : NULL;
    int r = resolv_format_hosts(config, host_text ? host_text : "", &hosts, err);

    if (r >= 0 && config->hosts_file)
        r = add_hosts_file(config->hosts_file, &hosts, err);
    const size_t generated_len = hosts.len;
    if (r < 0)
        return r;
    if (config->is_running)
        keep_own_lines(dir_fd, &hosts);
    /* Between these three all lines count as ours. */
    if (unlinkat(dir_fd, HOSTS_WRITTEN_FILE, 0) < 0 && errno != ENOENT)
        return error_set(
                err, errno, NULL, "cannot remove the container's file " HOSTS_WRITTEN_FILE);
    r = write_in_place(dir_fd, "hosts", hosts.data, config, err);
    if (r < 0)
        return r;
    return fs_replace_file(
            dir_fd, HOSTS_WRITTEN_FILE, hosts.data, generated_len, 0600, FS_NO_SYNC, err);
}

int resolv_write_files(int dir_fd, const struct resolv_config *config, struct error **err)
{
    int r = write_hosts(dir_fd, config, err);

    if (r >= 0 && config->hostname && !config->is_running) {
        auto_free char *line = mem_printf("%s\n", config->hostname);
        r = write_in_place(dir_fd, "hostname", line, config, err);
    }
    if (r >= 0)
        r = write_resolv_conf(dir_fd, config, err);
    return r;
}
