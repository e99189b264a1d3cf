/* Drives engine/network without containers: rows and namespaces as a container's start would make them.
 * For tests/system/network.bats.
 *
 *     network-tool create NAME [internal] [SUBNET] [KEY=VALUE …]
 *     network-tool remove|inspect NAME
 *     network-tool up CONTAINER NETWORK[=ALIAS…] … [-p HOSTIP:FIRST-LAST:PORT/PROTOCOL] …
 *                     [-d NAME-SERVER] …
 *     network-tool down|forget|settings CONTAINER
 *     network-tool hold CONTAINER      (holds its ports until standard input ends)
 *     network-tool reconcile
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/random.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "engine/engine-internal.h"
#include "engine/network/address-internal.h"
#include "engine/network/network.h"
#include "engine/network/resolv.h"

struct texts {
    const char **items;
    size_t len, cap;
};

static double now_msec(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int fail(struct error *err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(8192);

    error_format(err, &text);
    fprintf(stderr, "%s\n", text.data);
    error_free(err);
    return 1;
}

static int create(struct engine *engine, int argc, char **argv, struct error **err)
{
    auto_(strmap_release) struct strmap options = STRMAP_INIT;
    struct network_pool pools[2] = { 0 };
    struct network_create_options create = { .name = argv[0], .options = &options, .pools = pools };
    char id[RANDOM_ID_HEX + 1];

    for (int i = 1; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals) {
            *equals = '\0';
            strmap_set(&options, argv[i], equals + 1);
        } else if (!strcmp(argv[i], "internal")) {
            create.internal = true;
        } else if (!strcmp(argv[i], "ipv6")) {
            create.enable_ipv6 = true;
        } else if (!strcmp(argv[i], "no-ipv4")) {
            create.disable_ipv4 = true;
        } else if (create.pool_len < 2) {
            pools[create.pool_len++].subnet = argv[i];
        }
    }
    int r = network_create(engine, &create, id, err);
    if (r >= 0)
        printf("%s\n", id);
    return r;
}

/* The id of the container of that name, made when it is missing. In the arena. */
static int container_id(struct engine *engine, struct arena *arena, const char *name, bool make,
        const char **ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    char id[RANDOM_ID_HEX + 1];
    int r = db_query(engine->db, &stmt, err, "SELECT id FROM containers WHERE name = ?", "t", name);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r != 0) {
        *ret = r > 0 ? arena_strdup(arena, stmt_text(stmt, 0)) : NULL;
        return r;
    }
    if (!make)
        return error_set_plain(err, ENOENT, NULL, "no container %s", name);
    random_id(id);
    *ret = arena_strdup(arena, id);
    return db_exec(engine->db, err,
            "INSERT INTO containers (id, name, image_id, image_name, created_nsec, config, status)"
            " VALUES (?, ?, '', '', 0, '{}', 'created')",
            "tt", id, name);
}

/* HOSTIP:FIRST-LAST:PORT/PROTOCOL; HOSTIP (an IPv6 one in brackets) and the range may be empty. */
static int parse_publish(char *text, struct network_publish *ret)
{
    char *bracket = text[0] == '[' ? strchr(text, ']') : NULL;
    char *host = bracket ? text + 1 : text, *range = strchr(bracket ? bracket : text, ':');
    char *port = range ? strchr(range + 1, ':') : NULL;
    char *protocol = port ? strchr(port + 1, '/') : NULL;
    uint32_t number;

    if (!protocol)
        return -EINVAL;
    *range++ = *port++ = *protocol++ = '\0';
    if (bracket)
        *bracket = '\0';
    if (parse_uint32(str_from(port), 65535, &number) < 0)
        return -EINVAL;
    *ret = (struct network_publish){ .host_ip = host, .port = (uint16_t)number };
    if (*range && parse_port_range(str_from(range), true, &ret->host_first, &ret->host_last) < 0)
        return -EINVAL;
    int parsed = sandbox_protocol_parse(protocol);
    ret->protocol = (enum sandbox_protocol)parsed;
    return parsed < 0 ? -EINVAL : 0;
}

static int connect_one(struct engine *engine, const char *id, char *text, int position, bool fresh,
        struct texts *networks, struct error **err)
{
    struct texts aliases = { 0 };
    char *equals = strchr(text, '='), *at = strchr(text, '@'), *save = NULL;

    if (equals) {
        *equals = '\0';
        for (char *alias = strtok_r(equals + 1, ",", &save); alias;
                alias = strtok_r(NULL, ",", &save))
            *ARRAY_APPEND(&aliases) = alias;
    }
    if (at)
        *at = '\0';
    *ARRAY_APPEND(networks) = text;
    struct network_connect_options options = { .network = text,
        .ipv4 = at && !strchr(at + 1, ':') ? at + 1 : NULL,
        .ipv6 = at && strchr(at + 1, ':') ? at + 1 : NULL,
        .aliases = aliases.items,
        .alias_len = aliases.len,
        .position = position };
    int r = fresh ? network_connect(engine, id, &options, err) : 0;
    ARRAY_RELEASE(&aliases);
    return r;
}

static int make_sandbox(struct engine *engine, const char *id, const struct sandbox_config *config,
        struct error **err)
{
    auto_json json_t *json = sandbox_config_to_json(config);
    auto_(sandbox_config_release) struct sandbox_config copy = SANDBOX_CONFIG_INIT;
    auto_close int dir_fd = openat(engine->run_fd, "netns", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_close int netns_fd = -EBADF;
    int r = sandbox_config_from_json(json, &copy, err);

    return r < 0 ? r : sandbox_create(&copy, dir_fd, id, &netns_fd, err);
}

static int write_files(struct engine *engine, const char *name, const char *id,
        const struct network_start *start, struct error **err)
{
    auto_(resolv_config_release) struct resolv_config resolv = RESOLV_CONFIG_INIT;
    char path[128];

    snprintf(path, sizeof(path), "files/%s", id);
    auto_close int dir_fd = fs_mkdir_parents(engine->run_fd, path, 0700, err);
    if (dir_fd < 0)
        return dir_fd;
    resolv.hostname = name;
    network_fill_resolv(start, &resolv);
    return resolv_write_files(dir_fd, &resolv, err);
}

static int up(struct engine *engine, int argc, char **argv, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(network_start_release) struct network_start start = NETWORK_START_INIT;
    struct {
        struct network_publish *items;
        size_t len, cap;
    } publish = { 0 };
    struct texts networks = { 0 }, dns = { 0 };
    const char *id;
    int r = container_id(engine, &arena, argv[0], false, &id, NULL);
    bool fresh = r < 0;

    r = container_id(engine, &arena, argv[0], true, &id, err);
    for (int i = 1; r >= 0 && i < argc; i++) {
        if (!strcmp(argv[i], "-p") && i + 1 < argc)
            r = parse_publish(argv[++i], ARRAY_APPEND(&publish));
        else if (!strcmp(argv[i], "-d") && i + 1 < argc)
            *ARRAY_APPEND(&dns) = argv[++i];
        else
            r = connect_one(engine, id, argv[i], (int)networks.len, fresh, &networks, err);
    }
    double began = now_msec();
    if (r >= 0)
        r = network_prepare_start(engine,
                &(struct network_start_options){ .container_id = id,
                        .networks = networks.items,
                        .network_len = networks.len,
                        .publish = publish.items,
                        .publish_len = publish.len,
                        .dns = dns.items,
                        .dns_len = dns.len },
                &start, err);
    double prepared = now_msec();
    if (r >= 0)
        r = make_sandbox(engine, id, &start.sandbox, err);
    double made = now_msec();
    if (r >= 0)
        r = write_files(engine, argv[0], id, &start, err);
    if (r >= 0)
        printf("%s\n", id);
    if (r >= 0 && getenv("TIMES"))
        fprintf(stderr, "prepare %.2f ms, sandbox %.2f ms\n", prepared - began, made - prepared);
    ARRAY_RELEASE(&publish);
    ARRAY_RELEASE(&networks);
    ARRAY_RELEASE(&dns);
    return r;
}

static int down(struct engine *engine, const char *name, bool forget, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const char *id;
    int r = container_id(engine, &arena, name, false, &id, err);

    if (r < 0)
        return r;
    double began = now_msec();
    r = network_teardown(engine, id, err);
    if (r >= 0 && getenv("TIMES"))
        fprintf(stderr, "teardown %.2f ms\n", now_msec() - began);
    if (r >= 0 && forget)
        r = db_exec(engine->db, err, "DELETE FROM containers WHERE id = ?", "t", id);
    return r;
}

static int hold(struct engine *engine, const char *name, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct sandbox_config config = SANDBOX_CONFIG_INIT;
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    const char *id;
    int fds[16];
    char byte;
    int r = container_id(engine, &arena, name, false, &id, err);

    if (r >= 0)
        r = db_query(engine->db, &stmt, err,
                "SELECT host_port, container_port, protocol FROM ports WHERE container_id = ?"
                " AND host_ip NOT LIKE '%:%'",
                "t", id);
    while (r >= 0 && config.ports.len < 16 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND(&config.ports) = (struct sandbox_port){ .host_address = address_map(0),
            .host_port = (uint16_t)stmt_int(stmt, 0),
            .port = (uint16_t)stmt_int(stmt, 1),
            .protocol = (enum sandbox_protocol)sandbox_protocol_parse(stmt_text(stmt, 2)) };
    if (r >= 0)
        r = sandbox_hold_ports(&config, fds, err);
    ARRAY_RELEASE(&config.ports);
    if (r < 0)
        return r;
    printf("held\n");
    fflush(stdout);
    while (read(0, &byte, 1) > 0)
        continue;
    return 0;
}

static int print_json(int r, json_t *json)
{
    auto_free char *text = r >= 0 ? jsonx_dump_pretty(json) : NULL;

    if (text)
        printf("%s\n", text);
    return r;
}

static int settings(struct engine *engine, const char *name, json_t **ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const char *id;
    int r = container_id(engine, &arena, name, false, &id, err);

    return r < 0 ? r : network_container_settings(engine, id, ret, err);
}

static int run(struct engine *engine, int argc, char **argv, struct error **err)
{
    const char *verb = argv[0], *name = argc > 1 ? argv[1] : "";
    auto_json json_t *json = NULL;

    if (!strcmp(verb, "create") && argc > 1)
        return create(engine, argc - 1, argv + 1, err);
    if (!strcmp(verb, "remove"))
        return network_remove(engine, name, err);
    if (!strcmp(verb, "inspect")) {
        int r = network_inspect(engine, name, &json, err);
        return print_json(r, json);
    }
    if (!strcmp(verb, "settings")) {
        int r = settings(engine, name, &json, err);
        return print_json(r, json);
    }
    if (!strcmp(verb, "up") && argc > 2)
        return up(engine, argc - 1, argv + 1, err);
    if (!strcmp(verb, "down"))
        return down(engine, name, false, err);
    if (!strcmp(verb, "forget"))
        return down(engine, name, true, err);
    if (!strcmp(verb, "hold"))
        return hold(engine, name, err);
    if (!strcmp(verb, "reconcile"))
        return network_reconcile(engine, err);
    return error_set_plain(err, EINVAL, NULL, "unknown command %s", verb);
}

int main(int argc, char **argv)
{
    struct error *err = NULL;
    struct engine *engine = NULL;
    struct engine_options options = { .root_dir = getenv("BERTH_ROOT"),
        .run_dir = getenv("BERTH_RUN"),
        .libexec_dir = getenv("BERTH_LIBEXEC_DIR"),
        .program = "/bin/false",
        .fault = getenv("BERTH_FAULT") };
    int r = argc > 1 ? engine_open(&options, &engine, &err) : -EINVAL;

    if (r >= 0)
        r = run(engine, argc - 1, argv + 1, &err);
    engine_close(engine);
    if (r < 0)
        return err ? fail(err) : 2;
    return 0;
}
