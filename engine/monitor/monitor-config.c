#include "engine/monitor/monitor-config.h"

#include <errno.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/monitor/state-file.h"
#include "engine/network/sandbox.h"

const char *const monitor_log_driver_names[] = {
    [MONITOR_LOG_JSON_FILE] = "json-file",
    [MONITOR_LOG_JOURNALD] = "journald",
    [MONITOR_LOG_NONE] = "none",
};
_Static_assert(ARRAY_LEN(monitor_log_driver_names) == MONITOR_LOG_DRIVER_MAX_, "name every driver");

const char *const monitor_restart_names[] = {
    [MONITOR_RESTART_NO] = "no",
    [MONITOR_RESTART_ALWAYS] = "always",
    [MONITOR_RESTART_ON_FAILURE] = "on-failure",
    [MONITOR_RESTART_UNLESS_STOPPED] = "unless-stopped",
};
_Static_assert(ARRAY_LEN(monitor_restart_names) == MONITOR_RESTART_MAX_, "name every policy");

const char *const monitor_unhealthy_names[] = {
    [MONITOR_UNHEALTHY_NONE] = "none",
    [MONITOR_UNHEALTHY_KILL] = "kill",
    [MONITOR_UNHEALTHY_RESTART] = "restart",
    [MONITOR_UNHEALTHY_STOP] = "stop",
};
_Static_assert(ARRAY_LEN(monitor_unhealthy_names) == MONITOR_UNHEALTHY_MAX_, "name every action");

const char *const monitor_network_names[] = {
    [MONITOR_NETWORK_PRIVATE] = "private",
    [MONITOR_NETWORK_NONE] = "none",
    [MONITOR_NETWORK_HOST] = "host",
    [MONITOR_NETWORK_JOIN] = "join",
};
_Static_assert(ARRAY_LEN(monitor_network_names) == MONITOR_NETWORK_MAX_, "name every mode");

const char *const monitor_ready_names[] = {
    [MONITOR_READY_NONE] = "none",
    [MONITOR_READY_STARTED] = "started",
    [MONITOR_READY_CONTAINER] = "container",
    [MONITOR_READY_HEALTHY] = "healthy",
};
_Static_assert(ARRAY_LEN(monitor_ready_names) == MONITOR_READY_MAX_, "name every moment");

/* ---- The members, once, for both directions ---- */

enum member_type {
    MEMBER_TEXT,
    MEMBER_TEXTS,
    MEMBER_INT64,
    MEMBER_UINT32,
    MEMBER_UINT64,
    MEMBER_INT,
    MEMBER_BOOL,
    MEMBER_LOG_DRIVER,
    MEMBER_RESTART,
    MEMBER_READY,
    MEMBER_UNHEALTHY,
    MEMBER_NETWORK
};

struct member {
    const char *key;
    size_t offset;
    enum member_type type;
};

#define MEMBER(key_, member, type_)                          \
    {                                                        \
        key_, offsetof(struct monitor_config, member), type_ \
    }

static const struct member members[] = {
    MEMBER("id", id, MEMBER_TEXT),
    MEMBER("name", name, MEMBER_TEXT),
    MEMBER("lower_dirs", rootfs.lower_dirs, MEMBER_TEXTS),
    MEMBER("upper_dir", rootfs.upper_dir, MEMBER_TEXT),
    MEMBER("work_dir", rootfs.work_dir, MEMBER_TEXT),
    MEMBER("rootfs_dir", rootfs.rootfs_dir, MEMBER_TEXT),
    MEMBER("ephemeral", rootfs.ephemeral, MEMBER_BOOL),
    MEMBER("log_driver", log.driver, MEMBER_LOG_DRIVER),
    MEMBER("log_path", log.path, MEMBER_TEXT),
    MEMBER("log_max_size_bytes", log.max_size_bytes, MEMBER_UINT64),
    MEMBER("log_max_files", log.max_files, MEMBER_UINT32),
    MEMBER("log_compress", log.compress, MEMBER_BOOL),
    MEMBER("log_journal_fields", log.journal_fields, MEMBER_TEXTS),
    MEMBER("log_non_blocking", log.non_blocking, MEMBER_BOOL),
    MEMBER("log_buffer_bytes", log.buffer_bytes, MEMBER_UINT64),
    MEMBER("restart_policy", restart_policy, MEMBER_RESTART),
    MEMBER("restart_max_retries", restart_max_retries, MEMBER_UINT32),
    MEMBER("restart_count", restart_count, MEMBER_UINT32),
    MEMBER("health_argv", health.argv, MEMBER_TEXTS),
    MEMBER("health_interval_usec", health.interval_usec, MEMBER_INT64),
    MEMBER("health_timeout_usec", health.timeout_usec, MEMBER_INT64),
    MEMBER("health_start_period_usec", health.start_period_usec, MEMBER_INT64),
    MEMBER("health_start_interval_usec", health.start_interval_usec, MEMBER_INT64),
    MEMBER("health_retries", health.retries, MEMBER_UINT32),
    MEMBER("startup_argv", startup.argv, MEMBER_TEXTS),
    MEMBER("startup_interval_usec", startup.interval_usec, MEMBER_INT64),
    MEMBER("startup_timeout_usec", startup.timeout_usec, MEMBER_INT64),
    MEMBER("startup_retries", startup.retries, MEMBER_UINT32),
    MEMBER("startup_success", startup_success, MEMBER_UINT32),
    MEMBER("health_log_count", health_log_count, MEMBER_UINT32),
    MEMBER("health_log_bytes", health_log_bytes, MEMBER_UINT32),
    MEMBER("run_timeout_usec", run_timeout_usec, MEMBER_INT64),
    MEMBER("unhealthy", unhealthy, MEMBER_UNHEALTHY),
    MEMBER("stop_signal", stop_signal, MEMBER_INT),
    MEMBER("stop_timeout_usec", stop_timeout_usec, MEMBER_INT64),
    MEMBER("open_stdin", open_stdin, MEMBER_BOOL),
    MEMBER("stdin_once", stdin_once, MEMBER_BOOL),
    MEMBER("user", user, MEMBER_TEXT),
    MEMBER("group_add", group_add, MEMBER_TEXTS),
    MEMBER("network", network, MEMBER_NETWORK),
    MEMBER("netns_path", netns_path, MEMBER_TEXT),
    MEMBER("joined", joined, MEMBER_TEXTS),
    MEMBER("shm_path", shm_path, MEMBER_TEXT),
    MEMBER("shm_size_bytes", shm_size_bytes, MEMBER_UINT64),
    MEMBER("seccomp_path", seccomp_path, MEMBER_TEXT),
    MEMBER("init", init, MEMBER_BOOL),
    MEMBER("libexec_dir", libexec_dir, MEMBER_TEXT),
    MEMBER("runtime", runtime, MEMBER_TEXT),
    MEMBER("runtime_timeout_usec", runtime_timeout_usec, MEMBER_INT64),
    MEMBER("event_attributes", event_attributes, MEMBER_TEXT),
    MEMBER("cgroup_path", cgroup_path, MEMBER_TEXT),
    MEMBER("monitor_cgroup_path", monitor_cgroup_path, MEMBER_TEXT),
    MEMBER("ready", ready, MEMBER_READY),
    MEMBER("notify_socket", notify_socket, MEMBER_TEXT),
    MEMBER("watchdog_usec", watchdog_usec, MEMBER_INT64),
    MEMBER("teardown_argv", teardown_argv, MEMBER_TEXTS),
    MEMBER("teardown_env", teardown_env, MEMBER_TEXTS),
    MEMBER("restarted_argv", restarted_argv, MEMBER_TEXTS),
    MEMBER("renew_argv", renew_argv, MEMBER_TEXTS),
};

struct name_table {
    const char *const *names;
    size_t count;
};

static struct name_table names_of(enum member_type type)
{
    switch (type) {
    case MEMBER_LOG_DRIVER:
        return (struct name_table){ monitor_log_driver_names, MONITOR_LOG_DRIVER_MAX_ };
    case MEMBER_RESTART:
        return (struct name_table){ monitor_restart_names, MONITOR_RESTART_MAX_ };
    case MEMBER_READY:
        return (struct name_table){ monitor_ready_names, MONITOR_READY_MAX_ };
    case MEMBER_UNHEALTHY:
        return (struct name_table){ monitor_unhealthy_names, MONITOR_UNHEALTHY_MAX_ };
    default:
        return (struct name_table){ monitor_network_names, MONITOR_NETWORK_MAX_ };
    }
}

/* The enums have no negative values in a valid configuration, so all are read as int. */
_Static_assert(sizeof(enum monitor_log_driver) == sizeof(int) &&
                       sizeof(enum monitor_restart) == sizeof(int) &&
                       sizeof(enum monitor_ready) == sizeof(int) &&
                       sizeof(enum monitor_network) == sizeof(int),
        "enums are stored as int");

static json_t *member_to_json(const struct member *member, const void *at)
{
    switch (member->type) {
    case MEMBER_TEXT:
        return *(const char *const *)at ? jsonx_text(*(const char *const *)at) : NULL;
    case MEMBER_TEXTS: {
        char **texts = *(char **const *)at;
        json_t *array = texts ? json_array() : NULL;

        for (; texts && *texts; texts++)
            json_array_append_new(array, jsonx_text(*texts));
        return array;
    }
    case MEMBER_INT64:
        return json_integer(*(const int64_t *)at);
    case MEMBER_UINT32:
        return json_integer(*(const uint32_t *)at);
    case MEMBER_UINT64:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case MEMBER_INT:
        return json_integer(*(const int *)at);
    case MEMBER_BOOL:
        return json_boolean(*(const bool *)at);
    case MEMBER_LOG_DRIVER:
    case MEMBER_RESTART:
    case MEMBER_READY:
    case MEMBER_UNHEALTHY:
    case MEMBER_NETWORK:
        return json_string(names_of(member->type).names[*(const int *)at]);
    }
    return NULL;
}

json_t *monitor_config_to_json(const struct monitor_config *config)
{
    json_t *json = json_object();

    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        json_t *value = member_to_json(&members[i], (const char *)config + members[i].offset);

        if (value)
            json_object_set_new(json, members[i].key, value);
    }
    if (config->log.attrs)
        json_object_set(json, "log_attrs", config->log.attrs);
    if (config->sandbox)
        json_object_set_new(json, "sandbox", sandbox_config_to_json(config->sandbox));
    return json;
}

int monitor_config_write(
        int run_container_dir_fd, const struct monitor_config *config, struct error **err)
{
    auto_json json_t *json = monitor_config_to_json(config);

    return jsonx_write_file(run_container_dir_fd, MONITOR_CONFIG_FILE, json, 0600, false, err);
}

static int get_texts(
        struct arena *arena, const json_t *json, const char *key, void *at, struct error **err)
{
    size_t len;

    return jsonx_get_strings(arena, json, key, at, &len, err);
}

static int member_from_json(struct arena *arena, const json_t *json, const struct member *member,
        void *at, struct error **err)
{
    const char *text = NULL;
    int64_t number = 0;
    int r;

    switch (member->type) {
    case MEMBER_TEXT:
        r = jsonx_get_string(json, member->key, &text, err);
        if (r >= 0)
            *(const char **)at = arena_strdup(arena, text);
        return r;
    case MEMBER_TEXTS:
        return get_texts(arena, json, member->key, at, err);
    case MEMBER_BOOL:
        return jsonx_get_bool(json, member->key, at, err);
    case MEMBER_LOG_DRIVER:
    case MEMBER_RESTART:
    case MEMBER_READY:
    case MEMBER_UNHEALTHY:
    case MEMBER_NETWORK:
        r = jsonx_get_string(json, member->key, &text, err);
        if (r < 0 || !text)
            return r;
        struct name_table names = names_of(member->type);
        r = parse_name(str_from(text), names.names, names.count);
        if (r < 0)
            return error_set_plain(
                    err, EINVAL, NULL, "member \"%s\": unknown value \"%s\"", member->key, text);
        *(int *)at = r;
        return 0;
    default:
        break;
    }
    r = jsonx_get_int(json, member->key, &number, err);
    if (r < 0)
        return r;
    if (member->type == MEMBER_INT64)
        *(int64_t *)at = number;
    else if (number < 0)
        return error_set_plain(err, ERANGE, NULL, "member \"%s\" is negative", member->key);
    else if (member->type == MEMBER_UINT64)
        *(uint64_t *)at = (uint64_t)number;
    else if (number > INT32_MAX)
        return error_set_plain(err, ERANGE, NULL, "member \"%s\" is too large", member->key);
    else if (member->type == MEMBER_UINT32)
        *(uint32_t *)at = (uint32_t)number;
    else
        *(int *)at = (int)number;
    return 0;
}

static int check(struct monitor_config *config, struct error **err)
{
    struct monitor_rootfs *rootfs = &config->rootfs;

    for (rootfs->lower_count = 0; rootfs->lower_dirs && rootfs->lower_dirs[rootfs->lower_count];)
        rootfs->lower_count++;
    if (string_is_empty(config->id))
        return error_set_plain(err, EINVAL, NULL, "the container's id is missing");
    if (rootfs->lower_count > 0 ? !rootfs->upper_dir || !rootfs->work_dir : !rootfs->rootfs_dir)
        return error_set_plain(err, EINVAL, NULL, "the container's root file system is missing");
    if (config->log.driver == MONITOR_LOG_JSON_FILE && string_is_empty(config->log.path))
        return error_set_plain(err, EINVAL, NULL, "the path of the log is missing");
    if (config->network == MONITOR_NETWORK_JOIN && !config->netns_path)
        return error_set_plain(err, EINVAL, NULL, "the network namespace to join is missing");
    if (config->network == MONITOR_NETWORK_PRIVATE && (!config->sandbox || !config->netns_path))
        return error_set_plain(err, EINVAL, NULL, "the description of the network is missing");
    if (config->health.argv && !config->health.argv[0])
        config->health.argv = NULL;
    if (config->startup.argv && !config->startup.argv[0])
        config->startup.argv = NULL;
    if (config->health_log_count > HEALTH_LOG_MAX)
        config->health_log_count = HEALTH_LOG_MAX;
    if (config->health_log_bytes > LIMIT_HEALTH_OUTPUT_BYTES)
        config->health_log_bytes = LIMIT_HEALTH_OUTPUT_BYTES;
    return 0;
}

int monitor_config_parse(
        struct arena *arena, const json_t *json, struct monitor_config **ret, struct error **err)
{
    struct monitor_config *config = ARENA_NEW(arena, struct monitor_config);
    json_t *attrs = NULL, *sandbox = NULL;
    int r = 0;

    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(members); i++)
        r = member_from_json(arena, json, &members[i], (char *)config + members[i].offset, err);
    if (r >= 0)
        r = jsonx_get_object(json, "log_attrs", &attrs, err);
    if (r >= 0)
        r = jsonx_get_object(json, "sandbox", &sandbox, err);
    if (r >= 0 && sandbox) {
        config->sandbox = ARENA_NEW(arena, struct sandbox_config);
        *config->sandbox = (struct sandbox_config)SANDBOX_CONFIG_INIT;
        r = sandbox_config_from_json(sandbox, config->sandbox, err);
    }
    if (r >= 0)
        r = check(config, err);
    if (r < 0) {
        monitor_config_release(config);
        return error_wrap(err, r, "the monitor's configuration cannot be used");
    }
    config->log.attrs = json_incref(attrs);
    *ret = config;
    return 0;
}

int monitor_config_read(struct arena *arena, int run_container_dir_fd, struct monitor_config **ret,
        struct error **err)
{
    auto_json json_t *json = NULL;
    int r = jsonx_read_file(run_container_dir_fd, MONITOR_CONFIG_FILE, &json, err);

    return r < 0 ? r : monitor_config_parse(arena, json, ret, err);
}

void monitor_config_release(struct monitor_config *config)
{
    if (!config)
        return;
    json_decref(config->log.attrs);
    config->log.attrs = NULL;
    if (config->sandbox)
        sandbox_config_release(config->sandbox);
}
