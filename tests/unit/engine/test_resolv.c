#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "engine/network/address-internal.h"
#include "engine/network/resolv.h"
#include "engine/network/sandbox.h"

#define HOST \
    "# c\nnameserver 127.0.0.53\nnameserver 10.0.0.1\nsearch a.example b.example\noptions edns0\n"

static const char *format(const struct resolv_config *config, const char *host, struct strbuf *out)
{
    const char *start;

    strbuf_reset(out);
    resolv_format_resolv_conf(config, host, "/etc/resolv.conf", out);
    start = strstr(out->data, "\n\n") + 2; /* behind the header */
    return start;
}

static void assert_begins(const char *text, const char *wanted)
{
    if (strncmp(text, wanted, strlen(wanted)) != 0)
        fail_msg("wanted at the beginning:\n%s\ngot:\n%s", wanted, text);
}

static void the_default_network_gets_the_hosts_servers_but_no_loopback_ones(void **state)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(RESOLV_FILE_MAX_BYTES);
    struct resolv_config config = RESOLV_CONFIG_INIT;

    (void)state;
    assert_begins(format(&config, HOST, &out),
            "nameserver 10.0.0.1\nsearch a.example b.example\noptions edns0\n");
    assert_begins(
            format(&config, "nameserver ::1\n", &out), "nameserver 8.8.8.8\nnameserver 8.8.4.4\n");
    assert_begins(format(&config, "", &out), "nameserver 8.8.8.8\n");
    assert_non_null(strstr(out.data, "# Based on host file: '/etc/resolv.conf' (legacy)\n"));
}

static void user_networks_get_berths_server_and_ndots(void **state)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(RESOLV_FILE_MAX_BYTES);
    struct resolv_config config = { .internal_resolver = true };
    static const char *const options[] = { "ndots:2" };

    (void)state;
    *ARRAY_APPEND(&config.nameservers) = address_map(0xac120001);
    assert_begins(format(&config, HOST, &out),
            "nameserver 172.18.0.1\nsearch a.example b.example\noptions edns0 ndots:0\n");
    assert_non_null(strstr(out.data, "# ExtServers: [host(127.0.0.53) host(10.0.0.1)]\n"));
    config.dns_options = options;
    config.dns_options_len = 1;
    assert_begins(format(&config, "", &out), "nameserver 172.18.0.1\noptions ndots:2\n");
    resolv_config_release(&config);
}

static void what_the_user_gave_replaces_each_part_by_itself(void **state)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(RESOLV_FILE_MAX_BYTES);
    static const char *const dns[] = { "1.1.1.1", "9.9.9.9" }, *const none[] = { "." },
                             *const search[] = { "x.example", "y.example" };
    struct resolv_config config = { .dns = dns, .dns_len = 2 };

    (void)state;
    assert_begins(format(&config, HOST, &out),
            "nameserver 1.1.1.1\nnameserver 9.9.9.9\nsearch a.example b.example\noptions edns0\n");
    config.dns_search = none;
    config.dns_search_len = 1;
    assert_begins(
            format(&config, HOST, &out), "nameserver 1.1.1.1\nnameserver 9.9.9.9\noptions edns0\n");
    config.dns_len = 0;
    config.dns_search = search;
    config.dns_search_len = 2;
    assert_begins(format(&config, HOST, &out),
            "nameserver 10.0.0.1\nsearch x.example y.example\noptions edns0\n");
}

static void hosts_has_the_users_entries_and_an_own_line_per_address(void **state)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(RESOLV_FILE_MAX_BYTES);
    static const char *const extra[] = { "db:10.0.0.9", "six=[fd00::1]", "gw:host-gateway" };
    struct resolv_config config = { .hostname = "web",
        .domainname = "example.com",
        .extra_hosts = extra,
        .extra_hosts_len = 3,
        .host_gateway = address_map(0xac120001) };

    (void)state;
    *ARRAY_APPEND(&config.addresses) = address_map(0xac120002);
    *ARRAY_APPEND(&config.addresses) = address_map(0xac130002);
    assert_int_equal(resolv_format_hosts(&config, "", &out, NULL), 0);
    assert_begins(out.data, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    assert_non_null(
            strstr(out.data, "10.0.0.9\tdb\nfd00::1\tsix\n172.18.0.1\tgw\n"
                             "172.18.0.2\tweb.example.com web\n172.19.0.2\tweb.example.com web\n"));
    resolv_config_release(&config);
}

static void a_wrong_extra_host_is_refused_by_name(void **state)
{
    static const char *const wrong[] = { "db", "db:", ":1.2.3.4", "db:1.2.3", "db:x",
        "gw:host-gateway", "db:1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20" };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        auto_(strbuf_release) struct strbuf out = STRBUF_INIT(RESOLV_FILE_MAX_BYTES);
        auto_error struct error *err = NULL;
        struct resolv_config config = { .extra_hosts = &wrong[i], .extra_hosts_len = 1 };

        assert_int_equal(resolv_format_hosts(&config, "", &out, &err), -EINVAL);
        assert_non_null(strstr(err->message, wrong[i]));
    }
}

static void files_are_rewritten_in_place_and_an_edited_one_is_left_alone(void **state)
{
    struct resolv_config config = { .hostname = "web", .uid = geteuid(), .gid = getegid() };
    char dir[] = "/tmp/berth-resolv-XXXXXX";
    auto_free char *text = NULL;
    struct stat before, after;
    size_t len;

    (void)state;
    assert_non_null(mkdtemp(dir));
    auto_close int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(resolv_write_files(dir_fd, &config, NULL), 0);
    assert_int_equal(fstatat(dir_fd, "hosts", &before, 0), 0);
    config.hostname = "other";
    assert_int_equal(resolv_write_files(dir_fd, &config, NULL), 0);
    assert_int_equal(fstatat(dir_fd, "hosts", &after, 0), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(fs_read_file(dir_fd, "hostname", 100, &text, &len, NULL), 0);
    assert_string_equal(text, "other\n");
    free(text);
    text = NULL;

    auto_close int fd = openat(dir_fd, "resolv.conf", O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(fd, "# mine\n", 7), 7);
    assert_int_equal(resolv_write_files(dir_fd, &config, NULL), 0);
    assert_int_equal(fs_read_file(dir_fd, "resolv.conf", 10000, &text, &len, NULL), 0);
    assert_non_null(strstr(text, "# mine\n"));
    assert_int_equal(fs_remove_tree(AT_FDCWD, dir, NULL), 0);
}

static void a_sandbox_survives_its_json(void **state)
{
    struct sandbox_config config = SANDBOX_CONFIG_INIT, copy = SANDBOX_CONFIG_INIT;
    struct sandbox_interface *it = ARRAY_APPEND(&config.interfaces);
    json_t *json;

    (void)state;
    *it = (struct sandbox_interface){ .name = "eth0",
        .host_name = "veth1",
        .bridge = "br-1",
        .address = 0xac120002,
        .prefix_len = 16,
        .gateway = 0xac120001,
        .mac = { 2, 0x42, 0xac, 0x12, 0, 2 },
        .group = 0x7fffffff,
        .mtu = 1400,
        .isolated = true,
        .prefix6_len = 64,
        .link_local = { address_map(0xa9fe0001) },
        .link_local_len = 1,
        .sysctls = "net.ipv4.conf.IFNAME.forwarding=1" };
    assert_int_equal(address6_parse("fd00::2", &it->address6), 0);
    assert_int_equal(address6_parse("fd00::1", &it->gateway6), 0);
    *ARRAY_APPEND(&config.ports) = (struct sandbox_port){ .host_address = address_map(0x7f000001),
        .address = address_map(0xac120002),
        .host_port = 65535,
        .port = 1,
        .protocol = SANDBOX_UDP };
    config.default_route = config.default_route6 = 0;
    json = sandbox_config_to_json(&config);
    assert_non_null(json);
    assert_int_equal(sandbox_config_from_json(json, &copy, NULL), 0);
    assert_memory_equal(&copy.interfaces.items[0], &config.interfaces.items[0], sizeof(*it));
    assert_memory_equal(&copy.ports.items[0], &config.ports.items[0], sizeof(struct sandbox_port));
    assert_int_equal(copy.default_route, 0);
    assert_int_equal(copy.default_route6, 0);
    sandbox_config_release(&copy);

    json_object_set_new(json, "default_route", json_integer(1));
    assert_int_equal(sandbox_config_from_json(json, &copy, NULL), -EINVAL);
    json_object_set_new(json, "default_route", json_integer(-1));
    json_object_set_new(json_array_get(json_object_get(json, "interfaces"), 0), "name",
            json_string("a-name-of-16-byte"));
    assert_int_equal(sandbox_config_from_json(json, &copy, NULL), -EINVAL);
    json_decref(json);
    sandbox_config_release(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_default_network_gets_the_hosts_servers_but_no_loopback_ones),
        cmocka_unit_test(user_networks_get_berths_server_and_ndots),
        cmocka_unit_test(what_the_user_gave_replaces_each_part_by_itself),
        cmocka_unit_test(hosts_has_the_users_entries_and_an_own_line_per_address),
        cmocka_unit_test(a_wrong_extra_host_is_refused_by_name),
        cmocka_unit_test(files_are_rewritten_in_place_and_an_edited_one_is_left_alone),
        cmocka_unit_test(a_sandbox_survives_its_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
