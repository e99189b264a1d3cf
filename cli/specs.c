#include "cli/specs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"

#define PORT_RANGE_MAX 4096u

char **spec_vector(struct arena *arena, const struct strings *list)
{
    if (list->len == 0)
        return NULL;
    char **vector = ARENA_NEW_ARRAY(arena, list->len + 1, char *);

    for (size_t i = 0; i < list->len; i++)
        vector[i] = arena_strdup(arena, list->items[i]);
    return vector;
}

/* ------------------------------------------------------------------ ports */

static int bad_port(const char *text, struct error **err, const char *why)
{
    int r = error_set_plain(err, EINVAL, NULL, "invalid port specification \"%s\": %s", text, why);

    error_hint(err, "the form is [IP:][HOST_PORT:]CONTAINER_PORT[/tcp|udp]");
    return r;
}

int spec_parse_publish(
        struct arena *arena, const char *text, struct container_ports *ret, struct error **err)
{
    struct str rest = str_from(text), host = { 0 }, ip = { 0 };
    const char *protocol = "tcp";
    uint16_t first, last, host_first = 0, host_last = 0;
    ptrdiff_t at = str_find_last(rest, '/');

    if (at >= 0) {
        protocol = arena_strdup(arena, rest.data + at + 1);
        rest.len = (size_t)at;
        if (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0)
            return bad_port(text, err,
                    strcmp(protocol, "sctp") == 0 ? "sctp is not supported"
                                                  : "the protocol is tcp or udp");
    }
    at = str_find_last(rest, ':');
    if (at >= 0) {
        host = (struct str){ rest.data, (size_t)at };
        rest = (struct str){ rest.data + at + 1, rest.len - (size_t)at - 1 };
        ptrdiff_t ip_end = str_find_last(host, ':');
        if (ip_end >= 0) {
            ip = (struct str){ host.data, (size_t)ip_end };
            host = (struct str){ host.data + ip_end + 1, host.len - (size_t)ip_end - 1 };
            if (ip.len >= 2 && ip.data[0] == '[' && ip.data[ip.len - 1] == ']')
                ip = (struct str){ ip.data + 1, ip.len - 2 };
        }
    }
    if (parse_port_range(rest, false, &first, &last) < 0)
        return bad_port(
                text, err, "the container's port is not a number from 1 to 65535 or a range");
    if (host.len > 0 && parse_port_range(host, true, &host_first, &host_last) < 0)
        return bad_port(text, err, "the host's port is not a number from 0 to 65535 or a range");

    unsigned count = (unsigned)last - first + 1, host_count = (unsigned)host_last - host_first + 1;
    if (count > PORT_RANGE_MAX)
        return bad_port(text, err, "the range is too long");
    if (host.len > 0 && count > 1 && host_count != count)
        return bad_port(text, err, "the ranges differ in length");
    for (unsigned i = 0; i < count; i++) {
        struct container_port *port = ARRAY_APPEND_ARENA(arena, ret);

        port->host_ip = ip.len ? arena_strndup(arena, ip.data, ip.len) : NULL;
        port->container_port = (uint16_t)(first + i);
        port->protocol = protocol;
        port->host_port = host.len > 0 ? (uint16_t)(host_first + (count > 1 ? i : 0)) : 0;
        if (count == 1 && host_count > 1)
            port->host_port_last = host_last;
    }
    return 0;
}

/* ------------------------------------------------------------------ environment, pairs */

static int add_env(struct arena *arena, const char *text, struct strings *env, struct error **err)
{
    if (!*text || *text == '=')
        return error_set_plain(err, EINVAL, NULL, "invalid environment variable: %s", text);
    if (strchr(text, '=')) {
        *ARRAY_APPEND_ARENA(arena, env) = arena_strdup(arena, text);
        return 0;
    }
    const char *value = getenv(text);
    if (value)
        *ARRAY_APPEND_ARENA(arena, env) = arena_printf(arena, "%s=%s", text, value);
    return 0;
}

int spec_add_env(
        struct arena *arena, const struct strings *texts, struct strings *env, struct error **err)
{
    int r = 0;

    for (size_t i = 0; i < texts->len && r >= 0; i++)
        r = add_env(arena, texts->items[i], env, err);
    return r;
}

int spec_read_env_file(
        struct arena *arena, const char *path, struct strings *env, struct error **err)
{
    auto_free char *text = NULL;
    size_t len;
    unsigned number = 0;
    int r = fs_read_input(&(struct fs_input){ .path = path,
                                  .max_bytes = LIMIT_ENV_FILE_BYTES,
                                  .writer_wait_usec = FS_WRITER_WAIT_USEC },
            &text, &len, err);

    if (r < 0)
        return r;
    struct str rest = { text, len }, line;
    while (str_split_next(&rest, '\n', &line)) {
        number++;
        if (line.len > 0 && line.data[line.len - 1] == '\r')
            line.len--;
        while (line.len > 0 && (*line.data == ' ' || *line.data == '\t')) {
            line.data++;
            line.len--;
        }
        if (line.len == 0 || *line.data == '#')
            continue;
        ptrdiff_t eq = str_find(line, '=');
        struct str key = { line.data, eq < 0 ? line.len : (size_t)eq };
        struct source at = { path, number, 1 };
        if (key.len == 0)
            return error_set_plain(err, EINVAL, &at, "no variable name before \"=\"");
        if (memchr(key.data, ' ', key.len) || memchr(key.data, '\t', key.len))
            return error_set_plain(
                    err, EINVAL, &at, "variable \"%.*s\" contains white space", STR_FMT(key));
        if (memchr(line.data, '\0', line.len))
            return error_set_plain(err, EINVAL, &at, "a NUL byte in the line");
        r = add_env(arena, arena_strndup(arena, line.data, line.len), env, err);
        if (r < 0)
            return r;
    }
    return 0;
}

int spec_absolute_path(struct arena *arena, const char *path, const char **ret, struct error **err)
{
    char cwd[PATH_MAX];

    if (path && !getcwd(cwd, sizeof(cwd)))
        return error_set(err, errno, NULL, "cannot tell the current directory");
    *ret = path ? path_join(arena, cwd, path) : NULL;
    return 0;
}

int spec_parse_pair(struct arena *arena, const char *what, const char *text,
        struct container_pairs *ret, struct error **err)
{
    const char *eq = strchr(text, '=');
    size_t len = eq ? (size_t)(eq - text) : strlen(text);

    if (len == 0)
        return error_set_plain(err, EINVAL, NULL, "invalid %s \"%s\": no name", what, text);
    const char *key = arena_strndup(arena, text, len);
    const char *value = arena_strdup(arena, eq ? eq + 1 : "");
    for (size_t i = 0; i < ret->len; i++) {
        if (strcmp(ret->items[i].key, key) == 0) {
            ret->items[i].value = value;
            return 0;
        }
    }
    *ARRAY_APPEND_ARENA(arena, ret) = (struct container_pair){ key, value };
    return 0;
}

const char *spec_join_pairs(struct arena *arena, const struct container_pairs *pairs)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);

    ARRAY_FOREACH(pairs, pair)
        strbuf_addf(&text, "%s%s=%s", text.len ? "," : "", pair->key, pair->value);
    return arena_strdup(arena, text.data);
}

/* ------------------------------------------------------------------ limits, devices, restart */

int spec_parse_ulimit(
        struct arena *arena, const char *text, struct container_ulimit *ret, struct error **err)
{
    const char *eq = strchr(text, '=');
    struct str value = str_from(eq ? eq + 1 : "");
    ptrdiff_t colon = str_find(value, ':');
    struct str soft = { value.data, colon < 0 ? value.len : (size_t)colon };
    struct str hard = colon < 0 ? soft
                                : (struct str){ value.data + colon + 1,
                                      value.len - (size_t)colon - 1 };

    if (!eq || eq == text || parse_int64(soft, -1, INT64_MAX, &ret->soft) < 0 ||
            parse_int64(hard, -1, INT64_MAX, &ret->hard) < 0)
        return error_set_plain(
                err, EINVAL, NULL, "invalid ulimit \"%s\": the form is NAME=SOFT[:HARD]", text);
    if (ret->hard >= 0 && (ret->soft < 0 || ret->soft > ret->hard))
        return error_set_plain(err, EINVAL, NULL,
                "ulimit \"%s\": soft limit must be less than or equal to hard limit", text);
    ret->name = arena_strndup(arena, text, (size_t)(eq - text));
    return 0;
}

int spec_parse_device(
        struct arena *arena, const char *text, struct container_device *ret, struct error **err)
{
    struct str rest = str_from(text), piece, pieces[3] = { { 0 } };
    size_t count = 0;

    while (str_split_next(&rest, ':', &piece)) {
        if (count == 3)
            return error_set_plain(err, EINVAL, NULL, "invalid device specification \"%s\"", text);
        pieces[count++] = piece;
    }
    ret->permissions = "rwm";
    ret->host_path = arena_strndup(arena, pieces[0].data ? pieces[0].data : "", pieces[0].len);
    ret->container_path = ret->host_path;
    if (count == 2 &&
            strspn(arena_strndup(arena, pieces[1].data, pieces[1].len), "rwm") == pieces[1].len)
        ret->permissions = arena_strndup(arena, pieces[1].data, pieces[1].len);
    else if (count >= 2)
        ret->container_path = arena_strndup(arena, pieces[1].data, pieces[1].len);
    if (count == 3)
        ret->permissions = arena_strndup(arena, pieces[2].data, pieces[2].len);
    if (*ret->host_path != '/' || *ret->container_path != '/' || !*ret->permissions ||
            strspn(ret->permissions, "rwm") != strlen(ret->permissions))
        return error_set_plain(err, EINVAL, NULL, "invalid device specification \"%s\"", text);
    return 0;
}

int spec_parse_memory_swap(const char *text, int64_t *ret, struct error **err)
{
    uint64_t bytes = 0;

    if (text && strcmp(text, "-1") == 0) {
        *ret = -1;
        return 0;
    }
    if (text && (parse_size_bytes(str_from(text), &bytes) < 0 || bytes > INT64_MAX))
        return error_set_plain(err, EINVAL, NULL, "invalid size \"%s\" for --memory-swap", text);
    *ret = (int64_t)bytes;
    return 0;
}

int spec_parse_cpus(const char *text, int64_t *ret_nano_cpus, struct error **err)
{
    double cpus = 0;

    if (text && (parse_double(str_from(text), &cpus) < 0 || cpus < 0 || cpus > 1e6))
        return error_set_plain(err, EINVAL, NULL, "invalid number \"%s\" for --cpus", text);
    *ret_nano_cpus = (int64_t)(cpus * 1e9 + 0.5);
    return 0;
}

int spec_parse_restart(
        const char *text, enum container_restart *ret, int64_t *ret_retries, struct error **err)
{
    struct str all = str_from(text);
    ptrdiff_t colon = str_find(all, ':');
    struct str name = { all.data, colon < 0 ? all.len : (size_t)colon };
    int policy = parse_name(name, container_restart_names, CONTAINER_RESTART_MAX_);
    int64_t retries = 0;

    if (name.len == 0)
        policy = CONTAINER_RESTART_NO;
    if (policy < 0)
        return error_set_plain(err, EINVAL, NULL,
                "invalid restart policy \"%s\": expected no, always, unless-stopped or on-failure[:N]",
                text);
    if (colon >= 0) {
        if (policy != CONTAINER_RESTART_ON_FAILURE)
            return error_set_plain(err, EINVAL, NULL,
                    "maximum retry count cannot be used with restart policy \"%.*s\"",
                    STR_FMT(name));
        if (parse_int64((struct str){ all.data + colon + 1, all.len - (size_t)colon - 1 }, 0,
                    INT32_MAX, &retries) < 0)
            return error_set_plain(err, EINVAL, NULL,
                    "invalid restart policy \"%s\": maximum retry count must be a number", text);
    }
    *ret = (enum container_restart)policy;
    *ret_retries = retries;
    return 0;
}

/* ------------------------------------------------------------------ networks */

int spec_set_gw_priority(int64_t priority, struct container_network *network, struct error **err)
{
    if (priority < INT32_MIN || priority > INT32_MAX)
        return error_set_plain(err, EINVAL, NULL, "invalid gw-priority: %lld", (long long)priority);
    network->gw_priority = priority;
    return 0;
}

int spec_add_driver_option(struct arena *arena, const char *text, struct container_network *network,
        struct error **err)
{
    const char *eq = strchr(text, '=');

    if (!eq || eq == text)
        return error_set_plain(
                err, EINVAL, NULL, "invalid key/value pair format in driver options: %s", text);
    *ARRAY_APPEND_ARENA(arena, &network->driver_options) = (struct container_pair){
        arena_strndup(arena, text, (size_t)(eq - text)), arena_strdup(arena, eq + 1)
    };
    return 0;
}

static int parse_network_pairs(struct arena *arena, const char *text,
        struct container_network *network, struct error **err)
{
    struct str rest = str_from(text), piece;
    struct strings aliases = { 0 }, link_local = { 0 };
    int r = 0;

    while (r >= 0 && str_split_next(&rest, ',', &piece)) {
        ptrdiff_t eq = str_find(piece, '=');
        struct str key = { piece.data, eq < 0 ? piece.len : (size_t)eq };
        char *value = eq < 0 ? NULL
                             : arena_strndup(
                                       arena, piece.data + eq + 1, piece.len - (size_t)eq - 1);

        if (!value)
            return error_set_plain(err, EINVAL, NULL,
                    "invalid network \"%s\": \"%.*s\" has no value", text, STR_FMT(key));
        if (str_is_equal_z(key, "name"))
            network->network = value;
        else if (str_is_equal_z(key, "alias"))
            *ARRAY_APPEND_ARENA(arena, &aliases) = value;
        else if (str_is_equal_z(key, "ip"))
            network->ipv4 = value;
        else if (str_is_equal_z(key, "ip6"))
            network->ipv6 = value;
        else if (str_is_equal_z(key, "link-local-ip"))
            *ARRAY_APPEND_ARENA(arena, &link_local) = value;
        else if (str_is_equal_z(key, "mac-address"))
            network->mac = value;
        else if (str_is_equal_z(key, "driver-opt"))
            r = spec_add_driver_option(arena, value, network, err);
        else if (str_is_equal_z(key, "interface-name"))
            *ARRAY_APPEND_ARENA(arena, &network->driver_options) = (struct container_pair){
                SPEC_INTERFACE_NAME, value
            };
        else if (str_is_equal_z(key, "gw-priority"))
            r = parse_int64(str_from(value), INT32_MIN, INT32_MAX, &network->gw_priority) < 0
                        ? error_set_plain(err, EINVAL, NULL, "invalid gw-priority (%s)", value)
                        : 0;
        else
            return error_set_plain(err, EINVAL, NULL,
                    "invalid network \"%s\": \"%.*s\" is not supported", text, STR_FMT(key));
    }
    network->aliases = spec_vector(arena, &aliases);
    network->link_local = spec_vector(arena, &link_local);
    if (r < 0)
        return r;
    return network->network ? 0
                            : error_set_plain(err, EINVAL, NULL,
                                      "invalid network \"%s\": name is missing", text);
}

int spec_parse_network(
        struct arena *arena, const char *text, struct container_config *config, struct error **err)
{
    struct container_network network = { .network = arena_strdup(arena, text) };
    enum container_network_mode mode = CONTAINER_NETWORK_PRIVATE;

    if (strchr(text, '=')) {
        int r = parse_network_pairs(arena, text, &network, err);
        if (r < 0)
            return r;
    } else if (strcmp(text, "host") == 0) {
        mode = CONTAINER_NETWORK_HOST;
    } else if (strcmp(text, "none") == 0) {
        mode = CONTAINER_NETWORK_NONE;
    } else if (string_has_prefix(text, "container:")) {
        mode = CONTAINER_NETWORK_CONTAINER;
        config->network_container = arena_strdup(arena, text + strlen("container:"));
        if (!*config->network_container)
            return error_set_plain(
                    err, EINVAL, NULL, "invalid container format container:<name|id>");
    } else if (strcmp(text, "default") == 0) {
        network.network = "bridge";
    }
    if ((mode != CONTAINER_NETWORK_PRIVATE && config->networks.len > 0) ||
            config->network_mode != CONTAINER_NETWORK_PRIVATE)
        return error_set_plain(err, EINVAL, NULL,
                "conflicting options: cannot attach both user-defined and "
                "non-user-defined network-modes");
    config->network_mode = mode;
    if (mode == CONTAINER_NETWORK_PRIVATE)
        *ARRAY_APPEND_ARENA(arena, &config->networks) = network;
    return 0;
}
