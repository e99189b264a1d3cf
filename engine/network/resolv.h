/* /etc/hosts, /etc/resolv.conf and /etc/hostname of a container, as Docker writes them. The files lie in
 * ROOT/containers/ID and are bind-mounted into the container, so they are rewritten in place and never
 * renamed. A resolv.conf that the user edited since is left alone; while the container runs its own lines in hosts stay.
 *
 *     struct resolv_config config = RESOLV_CONFIG_INIT;
 *     config.hostname = "web";
 *     network_fill_resolv(&start, &config);      (addresses and name servers of its networks)
 *     int r = resolv_write_files(container_dir_fd, &config, err);
 *     resolv_config_release(&config);
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/array.h"

struct error;
struct strbuf;

/* All texts are borrowed; arrays are the caller's, only `addresses` and `nameservers` belong to the
 * struct. */
struct resolv_config {
    const char *hostname;   /* NULL: no hostname file is written */
    const char *domainname; /* NULL or "": none */
    bool host_network; /* the host's own hosts and resolv.conf are the base, nothing is added but
                                what the user asked for */
    uid_t uid;         /* of the container's root: the files are its */
    gid_t gid;
    bool is_running; /* its networks change: what it has written into hosts and hostname stays */
    bool without_interfaces; /* network mode none */
    bool without_ipv6;       /* switched off in the container: no IPv6 addresses in hosts */
    bool internal_resolver;  /* `nameservers` are berth's own (on the bridges' gateways) */
    struct {
        struct in6_addr *items; /* IPv4 mapped; in the order of the interfaces */
        size_t len, cap;
    } addresses, nameservers;
    /* What "host-gateway" in extra_hosts stands for: the first, mapped, or else the second; zero: none. */
    struct in6_addr host_gateway, host_gateway6;

    /* What the user gave: extra_hosts "name:address" or "name=address", --dns, --dns-search (one "." means
     * none at all), --dns-option. NULL-less arrays, borrowed. */
    const char *const *extra_hosts;
    size_t extra_hosts_len;
    const char *hosts_file; /* absolute; its lines come last; NULL: none */
    const char *const *dns;
    size_t dns_len;
    const char *const *dns_search;
    size_t dns_search_len;
    const char *const *dns_options;
    size_t dns_options_len;
};

#define RESOLV_CONFIG_INIT \
    {                      \
        0                  \
    }

void resolv_config_release(struct resolv_config *config);

/* Writes hosts, hostname and resolv.conf into the directory. */
int resolv_write_files(int dir_fd, const struct resolv_config *config, struct error **err);

/* The same as texts, for tests; `host_text` is the host's own resolv.conf or hosts file. */
#define RESOLV_FILE_MAX_BYTES (256u << 10)
int resolv_format_hosts(const struct resolv_config *config, const char *host_text,
        struct strbuf *out, struct error **err);
void resolv_format_resolv_conf(const struct resolv_config *config, const char *host_text,
        const char *host_path, struct strbuf *out);

/* The host's resolv.conf: /etc/resolv.conf, or systemd-resolved's own list when that names only its
 * stub 127.0.0.53. Given; "" when there is none. *ret_path is static. */
char *resolv_read_host(const char **ret_path);

/* Name servers of a resolv.conf text that can be reached from elsewhere than the host (no loopback ones unless
 * `with_loopback`), as texts (given, freed with resolv_strings_release). */
void resolv_nameservers(const char *text, bool with_loopback, struct strings *ret);
void resolv_strings_release(struct strings *strings);
