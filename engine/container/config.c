#include "engine/container/config.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json-scan.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"

const char *const container_network_mode_names[CONTAINER_NETWORK_MODE_MAX_] = {
    [CONTAINER_NETWORK_PRIVATE] = "private",
    [CONTAINER_NETWORK_HOST] = "host",
    [CONTAINER_NETWORK_NONE] = "none",
    [CONTAINER_NETWORK_CONTAINER] = "container",
};

const char *const container_mount_type_names[CONTAINER_MOUNT_TYPE_MAX_] = {
    [CONTAINER_MOUNT_BIND] = "bind",
    [CONTAINER_MOUNT_VOLUME] = "volume",
    [CONTAINER_MOUNT_TMPFS] = "tmpfs",
    [CONTAINER_MOUNT_IMAGE] = "image",
    [CONTAINER_MOUNT_DEVPTS] = "devpts",
    [CONTAINER_MOUNT_RAMFS] = "ramfs",
};

const char *const container_restart_names[CONTAINER_RESTART_MAX_] = {
    [CONTAINER_RESTART_NO] = "no",
    [CONTAINER_RESTART_ALWAYS] = "always",
    [CONTAINER_RESTART_ON_FAILURE] = "on-failure",
    [CONTAINER_RESTART_UNLESS_STOPPED] = "unless-stopped",
};

const char *const container_io_kinds[CONTAINER_IO_KIND_MAX_] = {
    [CONTAINER_IO_WEIGHT] = "weight",
    [CONTAINER_IO_READ_BPS] = "read-bps",
    [CONTAINER_IO_WRITE_BPS] = "write-bps",
    [CONTAINER_IO_READ_IOPS] = "read-iops",
    [CONTAINER_IO_WRITE_IOPS] = "write-iops",
};

const char *container_pairs_get(const struct container_pairs *pairs, const char *key)
{
    for (size_t i = 0; i < pairs->len; i++)
        if (strcmp(pairs->items[i].key, key) == 0)
            return pairs->items[i].value;
    return NULL;
}

bool container_pairs_match(const struct container_pairs *pairs, const char *filter)
{
    const char *equals = strchr(filter, '=');
    auto_free char *key = mem_strndup(filter, equals ? (size_t)(equals - filter) : strlen(filter));
    const char *value = container_pairs_get(pairs, key);

    return value && (!equals || strcmp(value, equals + 1) == 0);
}

size_t container_vector_len(char *const *vector)
{
    size_t n = 0;

    while (vector && vector[n])
        n++;
    return n;
}

/* ---- The structs as tables, which drive writing and reading alike ---- */

enum field_type {
    FIELD_TEXT,
    FIELD_BOOL,
    FIELD_INT64,
    FIELD_UINT64,
    FIELD_INT32,
    FIELD_UINT32,
    FIELD_UINT16,
    FIELD_VECTOR, /* char **, NULL-terminated */
    FIELD_PAIRS,  /* struct container_pairs as an object */
    FIELD_ENUM,   /* int-sized, by its names */
    FIELD_STRUCT,
    FIELD_STRUCTS, /* an array {items, len, cap} */
};

struct field {
    const char *key;
    enum field_type type;
    size_t offset;
    int64_t unset;               /* the number that is left out */
    const struct layout *layout; /* FIELD_STRUCT, FIELD_STRUCTS */
    const char *const *names;    /* FIELD_ENUM */
    size_t name_count;
};

struct layout {
    const struct field *fields;
    size_t field_count;
    size_t size_bytes;
};

/* What every growable array looks like (base/array.h). */
struct any_array {
    void *items;
    size_t len, cap;
};

#define F(type_, struct_, member, ...)                                                           \
    {                                                                                            \
        .key = #member, .type = (type_), .offset = offsetof(struct struct_, member), __VA_ARGS__ \
    }
#define LAYOUT(fields_, struct_)                                \
    {                                                           \
        .fields = (fields_), .field_count = ARRAY_LEN(fields_), \
        .size_bytes = sizeof(struct struct_)                    \
    }
#define NAMES(table) .names = (table), .name_count = ARRAY_LEN(table)

static const struct field network_fields[] = {
    F(FIELD_TEXT, container_network, network),
    F(FIELD_TEXT, container_network, ipv4),
    F(FIELD_TEXT, container_network, ipv6),
    F(FIELD_VECTOR, container_network, link_local),
    F(FIELD_TEXT, container_network, mac),
    F(FIELD_VECTOR, container_network, aliases),
    F(FIELD_INT64, container_network, gw_priority),
    F(FIELD_PAIRS, container_network, driver_options),
};
static const struct layout network_layout = LAYOUT(network_fields, container_network);

static const struct field port_fields[] = {
    F(FIELD_TEXT, container_port, host_ip),
    F(FIELD_UINT16, container_port, host_port),
    F(FIELD_UINT16, container_port, host_port_last),
    F(FIELD_UINT16, container_port, container_port),
    F(FIELD_TEXT, container_port, protocol),
};
static const struct layout port_layout = LAYOUT(port_fields, container_port);

static const struct field mount_fields[] = {
    F(FIELD_ENUM, container_mount, type, NAMES(container_mount_type_names)),
    F(FIELD_TEXT, container_mount, source),
    F(FIELD_TEXT, container_mount, target),
    F(FIELD_BOOL, container_mount, read_only),
    F(FIELD_TEXT, container_mount, propagation),
    F(FIELD_BOOL, container_mount, create_host_path),
    F(FIELD_BOOL, container_mount, non_recursive),
    F(FIELD_BOOL, container_mount, writable_below),
    F(FIELD_BOOL, container_mount, overlay),
    F(FIELD_BOOL, container_mount, chown),
    F(FIELD_TEXT, container_mount, options),
    F(FIELD_BOOL, container_mount, no_copy),
    F(FIELD_TEXT, container_mount, subpath),
    F(FIELD_TEXT, container_mount, volume_driver),
    F(FIELD_PAIRS, container_mount, volume_options),
    F(FIELD_PAIRS, container_mount, volume_labels),
    F(FIELD_UINT64, container_mount, tmpfs_size_bytes),
    F(FIELD_INT32, container_mount, tmpfs_mode, .unset = -1),
    F(FIELD_TEXT, container_mount, tmpfs_options),
    F(FIELD_BOOL, container_mount, from_short_form),
    F(FIELD_BOOL, container_mount, anonymous),
    F(FIELD_BOOL, container_mount, from_image),
};
static const struct layout mount_layout = LAYOUT(mount_fields, container_mount);

static const struct field file_fields[] = {
    F(FIELD_TEXT, container_file, target),
    F(FIELD_TEXT, container_file, source_path),
    F(FIELD_INT32, container_file, mode, .unset = -1),
    F(FIELD_UINT32, container_file, uid),
    F(FIELD_UINT32, container_file, gid),
    F(FIELD_TEXT, container_file, secret),
    F(FIELD_BOOL, container_file, is_secret),
};
static const struct layout file_layout = LAYOUT(file_fields, container_file);

static const struct field ulimit_fields[] = {
    F(FIELD_TEXT, container_ulimit, name),
    F(FIELD_INT64, container_ulimit, soft),
    F(FIELD_INT64, container_ulimit, hard),
};
static const struct layout ulimit_layout = LAYOUT(ulimit_fields, container_ulimit);

static const struct field io_limit_fields[] = {
    F(FIELD_TEXT, container_io_limit, kind),
    F(FIELD_TEXT, container_io_limit, path),
    F(FIELD_UINT64, container_io_limit, value),
};
static const struct layout io_limit_layout = LAYOUT(io_limit_fields, container_io_limit);

static const struct field device_fields[] = {
    F(FIELD_TEXT, container_device, host_path),
    F(FIELD_TEXT, container_device, container_path),
    F(FIELD_TEXT, container_device, permissions),
};
static const struct layout device_layout = LAYOUT(device_fields, container_device);

static const struct field health_fields[] = {
    F(FIELD_VECTOR, container_health, test),
    F(FIELD_INT64, container_health, interval_usec),
    F(FIELD_INT64, container_health, timeout_usec),
    F(FIELD_INT64, container_health, start_period_usec),
    F(FIELD_INT64, container_health, start_interval_usec),
    F(FIELD_INT64, container_health, retries),
};
static const struct layout health_layout = LAYOUT(health_fields, container_health);

static const struct field config_fields[] = {
    F(FIELD_TEXT, container_config, name),
    F(FIELD_TEXT, container_config, image),
    F(FIELD_TEXT, container_config, rootfs),
    F(FIELD_BOOL, container_config, rootfs_overlay),
    F(FIELD_VECTOR, container_config, entrypoint),
    F(FIELD_VECTOR, container_config, cmd),
    F(FIELD_VECTOR, container_config, env),
    F(FIELD_VECTOR, container_config, unset_env),
    F(FIELD_BOOL, container_config, unset_all_env),
    F(FIELD_PAIRS, container_config, secret_env),
    F(FIELD_TEXT, container_config, user),
    F(FIELD_TEXT, container_config, working_dir),
    F(FIELD_TEXT, container_config, hostname),
    F(FIELD_TEXT, container_config, domainname),
    F(FIELD_VECTOR, container_config, group_add),
    F(FIELD_BOOL, container_config, tty),
    F(FIELD_BOOL, container_config, open_stdin),
    F(FIELD_BOOL, container_config, init),
    F(FIELD_TEXT, container_config, stop_signal),
    F(FIELD_INT64, container_config, stop_timeout_sec, .unset = CONTAINER_STOP_TIMEOUT_UNSET),
    F(FIELD_VECTOR, container_config, shell),
    F(FIELD_TEXT, container_config, umask),
    F(FIELD_TEXT, container_config, personality),
    F(FIELD_TEXT, container_config, systemd),
    F(FIELD_BOOL, container_config, read_only),
    F(FIELD_STRUCTS, container_config, mounts, .layout = &mount_layout),
    F(FIELD_VECTOR, container_config, volumes),
    F(FIELD_VECTOR, container_config, volumes_from),
    F(FIELD_STRUCTS, container_config, files, .layout = &file_layout),
    F(FIELD_UINT64, container_config, shm_size_bytes),
    F(FIELD_ENUM, container_config, network_mode, NAMES(container_network_mode_names)),
    F(FIELD_TEXT, container_config, network_container),
    F(FIELD_STRUCTS, container_config, networks, .layout = &network_layout),
    F(FIELD_STRUCTS, container_config, ports, .layout = &port_layout),
    F(FIELD_VECTOR, container_config, exposed_ports),
    F(FIELD_BOOL, container_config, publish_all),
    F(FIELD_VECTOR, container_config, links),
    F(FIELD_BOOL, container_config, no_hosts),
    F(FIELD_BOOL, container_config, no_hostname),
    F(FIELD_VECTOR, container_config, extra_hosts),
    F(FIELD_TEXT, container_config, hosts_file),
    F(FIELD_VECTOR, container_config, dns),
    F(FIELD_VECTOR, container_config, dns_search),
    F(FIELD_VECTOR, container_config, dns_options),
    F(FIELD_BOOL, container_config, privileged),
    F(FIELD_VECTOR, container_config, cap_add),
    F(FIELD_VECTOR, container_config, cap_drop),
    F(FIELD_VECTOR, container_config, security_opt),
    F(FIELD_VECTOR, container_config, device_cgroup_rules),
    F(FIELD_STRUCTS, container_config, devices, .layout = &device_layout),
    F(FIELD_VECTOR, container_config, cdi_devices),
    F(FIELD_PAIRS, container_config, sysctls),
    F(FIELD_TEXT, container_config, pid_mode),
    F(FIELD_TEXT, container_config, ipc_mode),
    F(FIELD_TEXT, container_config, uts_mode),
    F(FIELD_TEXT, container_config, cgroupns_mode),
    F(FIELD_TEXT, container_config, userns_mode),
    F(FIELD_VECTOR, container_config, uid_maps),
    F(FIELD_VECTOR, container_config, gid_maps),
    F(FIELD_INT64, container_config, memory_bytes),
    F(FIELD_INT64, container_config, memory_swap_bytes),
    F(FIELD_INT64, container_config, memory_reservation_bytes),
    F(FIELD_INT64, container_config, nano_cpus),
    F(FIELD_INT64, container_config, cpu_shares),
    F(FIELD_INT64, container_config, cpu_period_usec),
    F(FIELD_INT64, container_config, cpu_quota_usec),
    F(FIELD_TEXT, container_config, cpuset_cpus),
    F(FIELD_TEXT, container_config, cpuset_mems),
    F(FIELD_INT64, container_config, cpu_rt_period_usec),
    F(FIELD_INT64, container_config, cpu_rt_runtime_usec),
    F(FIELD_INT64, container_config, pids_limit),
    F(FIELD_INT64, container_config, blkio_weight),
    F(FIELD_STRUCTS, container_config, io_limits, .layout = &io_limit_layout),
    F(FIELD_BOOL, container_config, has_memory_swappiness),
    F(FIELD_INT64, container_config, memory_swappiness),
    F(FIELD_BOOL, container_config, oom_kill_disable),
    F(FIELD_BOOL, container_config, has_oom_score_adj),
    F(FIELD_INT64, container_config, oom_score_adj),
    F(FIELD_STRUCTS, container_config, ulimits, .layout = &ulimit_layout),
    F(FIELD_TEXT, container_config, runtime),
    F(FIELD_PAIRS, container_config, cgroup_files),
    F(FIELD_TEXT, container_config, cgroup_parent),
    F(FIELD_BOOL, container_config, monitor_in_parent),
    F(FIELD_TEXT, container_config, notify),
    F(FIELD_TEXT, container_config, unit),
    F(FIELD_BOOL, container_config, unit_log),
    F(FIELD_ENUM, container_config, restart, NAMES(container_restart_names)),
    F(FIELD_INT64, container_config, restart_max_retries),
    F(FIELD_BOOL, container_config, auto_remove),
    F(FIELD_TEXT, container_config, pid_file),
    F(FIELD_TEXT, container_config, monitor_pid_file),
    F(FIELD_BOOL, container_config, has_health),
    F(FIELD_STRUCT, container_config, health, .layout = &health_layout),
    F(FIELD_STRUCT, container_config, startup_health, .layout = &health_layout),
    F(FIELD_INT64, container_config, startup_success),
    F(FIELD_INT64, container_config, health_log_count),
    F(FIELD_INT64, container_config, health_log_bytes),
    F(FIELD_INT64, container_config, timeout_sec),
    F(FIELD_TEXT, container_config, health_on_failure),
    F(FIELD_TEXT, container_config, pod_init),
    F(FIELD_TEXT, container_config, log_driver),
    F(FIELD_PAIRS, container_config, log_options),
    F(FIELD_PAIRS, container_config, labels),
    F(FIELD_PAIRS, container_config, annotations),
    F(FIELD_TEXT, container_config, project),
    F(FIELD_TEXT, container_config, service),
    F(FIELD_INT64, container_config, number),
    F(FIELD_BOOL, container_config, oneoff),
};
static const struct layout config_layout = LAYOUT(config_fields, container_config);

/* Numbers of any width as int64_t; sizes beyond INT64_MAX do not occur. */
static int64_t load_number(const struct field *f, const void *at)
{
    switch (f->type) {
    case FIELD_INT32:
        return *(const int32_t *)at;
    case FIELD_UINT32:
        return *(const uint32_t *)at;
    case FIELD_UINT16:
        return *(const uint16_t *)at;
    default:
        assert(f->type == FIELD_INT64 || f->type == FIELD_UINT64);
        return *(const int64_t *)at;
    }
}

static bool store_number(const struct field *f, void *at, int64_t value)
{
    switch (f->type) {
    case FIELD_INT32:
        *(int32_t *)at = (int32_t)value;
        return value >= INT32_MIN && value <= INT32_MAX;
    case FIELD_UINT32:
        *(uint32_t *)at = (uint32_t)value;
        return value >= 0 && value <= UINT32_MAX;
    case FIELD_UINT16:
        *(uint16_t *)at = (uint16_t)value;
        return value >= 0 && value <= UINT16_MAX;
    default:
        *(int64_t *)at = value;
        return f->type == FIELD_INT64 || value >= 0;
    }
}

/* ---- Writing ---- */

static json_t *write_struct(const struct layout *layout, const void *object);

static json_t *write_vector(char *const *vector)
{
    return vector ? jsonx_strings((const char *const *)vector, container_vector_len(vector)) : NULL;
}

json_t *container_pairs_to_json(const struct container_pairs *pairs)
{
    json_t *object = json_object();

    for (size_t i = 0; i < pairs->len; i++)
        json_object_set_new(object, pairs->items[i].key, jsonx_text(pairs->items[i].value));
    return object;
}

static json_t *write_structs(const struct layout *layout, const void *at)
{
    struct any_array array;

    memcpy(&array, at, sizeof(array));
    if (array.len == 0)
        return NULL;
    json_t *list = json_array();
    for (size_t i = 0; i < array.len; i++)
        json_array_append_new(
                list, write_struct(layout, (const char *)array.items + i * layout->size_bytes));
    return list;
}

/* NULL: left out. */
static json_t *write_field(const struct field *f, const void *at)
{
    switch (f->type) {
    case FIELD_TEXT: {
        const char *text = *(const char *const *)at;
        return text ? jsonx_text(text) : NULL;
    }
    case FIELD_BOOL:
        return *(const bool *)at ? json_true() : NULL;
    case FIELD_VECTOR:
        return write_vector(*(char *const *const *)at);
    case FIELD_PAIRS:
        return ((const struct container_pairs *)at)->len > 0 ? container_pairs_to_json(at) : NULL;
    case FIELD_ENUM: {
        int value = *(const int *)at;
        assert(value >= 0 && (size_t)value < f->name_count);
        return value ? json_string(f->names[value]) : NULL;
    }
    case FIELD_STRUCT:
        return write_struct(f->layout, at);
    case FIELD_STRUCTS:
        return write_structs(f->layout, at);
    default: {
        int64_t number = load_number(f, at);
        return number != f->unset ? json_integer(number) : NULL;
    }
    }
}

static json_t *write_struct(const struct layout *layout, const void *object)
{
    json_t *json = json_object();

    for (size_t i = 0; i < layout->field_count; i++) {
        const struct field *f = &layout->fields[i];
        json_t *value = write_field(f, (const char *)object + f->offset);

        if (value && json_object_size(value) == 0 && f->type == FIELD_STRUCT)
            json_decref(value);
        else if (value)
            json_object_set_new_nocheck(json, f->key, value);
    }
    return json;
}

json_t *container_config_to_json(const struct container_config *config)
{
    return write_struct(&config_layout, config);
}

/* ---- Reading ---- */

static int read_struct(struct arena *arena, const struct layout *layout, struct json_scan *json,
        void *object, struct error **err);

static int wrong_type(
        struct json_scan *json, const struct field *f, const char *expected, struct error **err)
{
    if (json->broken)
        return json_scan_end(json, "container configuration", err);
    return error_set_plain(
            err, EINVAL, NULL, "container configuration: %s: expected %s", f->key, expected);
}

static int read_vector(struct arena *arena, const struct field *f, struct json_scan *json,
        char ***ret, struct error **err)
{
    if (json_scan_type(json) != JSON_SCAN_ARRAY)
        return wrong_type(json, f, "a list of texts", err);
    char **vector = ARENA_NEW_ARRAY(arena, json_scan_count(json) + 1, char *);
    size_t len = 0;

    json_scan_enter(json);
    while (json_scan_item(json)) {
        if (json_scan_type(json) != JSON_SCAN_TEXT)
            return wrong_type(json, f, "a list of texts", err);
        vector[len++] = (char *)json_scan_text(json);
    }
    *ret = vector;
    return 0;
}

static int read_pairs(struct arena *arena, const struct field *f, struct json_scan *json,
        struct container_pairs *ret, struct error **err)
{
    struct str key;

    if (json_scan_type(json) != JSON_SCAN_OBJECT)
        return wrong_type(json, f, "an object of texts", err);
    *ret = (struct container_pairs){ 0 };
    json_scan_enter(json);
    while (json_scan_member(json, &key)) {
        if (json_scan_type(json) != JSON_SCAN_TEXT)
            return wrong_type(json, f, "an object of texts", err);
        *ARRAY_APPEND_ARENA(arena, ret) = (struct container_pair){
            arena_strndup(arena, key.data, key.len), json_scan_text(json)
        };
    }
    return 0;
}

static int read_structs(struct arena *arena, const struct field *f, struct json_scan *json,
        void *at, struct error **err)
{
    struct any_array array = { 0 };

    if (json_scan_type(json) != JSON_SCAN_ARRAY)
        return wrong_type(json, f, "a list of objects", err);
    array.cap = json_scan_count(json);
    array.items = arena_alloc_array(arena, array.cap, f->layout->size_bytes);
    json_scan_enter(json);
    while (json_scan_item(json) && array.len < array.cap) {
        int r = read_struct(arena, f->layout, json,
                (char *)array.items + array.len++ * f->layout->size_bytes, err);
        if (r < 0)
            return error_wrap(err, r, "container configuration: %s", f->key);
    }
    memcpy(at, &array, sizeof(array));
    return 0;
}

static int read_enum(const struct field *f, struct json_scan *json, int *ret, struct error **err)
{
    const char *name = json_scan_type(json) == JSON_SCAN_TEXT ? json_scan_text(json) : NULL;

    for (size_t i = 0; name && i < f->name_count; i++) {
        if (strcmp(name, f->names[i]) != 0)
            continue;
        *ret = (int)i;
        return 0;
    }
    return wrong_type(json, f, "one of its names", err);
}

static int read_field(struct arena *arena, const struct field *f, struct json_scan *json, void *at,
        struct error **err)
{
    int64_t number;

    switch (f->type) {
    case FIELD_TEXT:
        if (json_scan_type(json) != JSON_SCAN_TEXT)
            return wrong_type(json, f, "a text", err);
        *(const char **)at = json_scan_text(json);
        return 0;
    case FIELD_BOOL:
        if (json_scan_type(json) != JSON_SCAN_BOOLEAN || !json_scan_boolean(json, at))
            return wrong_type(json, f, "true or false", err);
        return 0;
    case FIELD_VECTOR:
        return read_vector(arena, f, json, at, err);
    case FIELD_PAIRS:
        return read_pairs(arena, f, json, at, err);
    case FIELD_ENUM:
        return read_enum(f, json, at, err);
    case FIELD_STRUCT:
        return read_struct(arena, f->layout, json, at, err);
    case FIELD_STRUCTS:
        return read_structs(arena, f, json, at, err);
    default:
        if (json_scan_type(json) != JSON_SCAN_NUMBER || !json_scan_integer(json, &number) ||
                !store_number(f, at, number))
            return wrong_type(json, f, "a number in range", err);
        return 0;
    }
}

/* Members are written in the table's order: the search goes on where the last one was found. */
static const struct field *find_field(const struct layout *layout, struct str key, size_t *from)
{
    for (size_t i = 0; i < layout->field_count; i++) {
        size_t at = *from + i < layout->field_count ? *from + i : *from + i - layout->field_count;

        if (str_is_equal_z(key, layout->fields[at].key)) {
            *from = at;
            return &layout->fields[at];
        }
    }
    return NULL;
}

static int read_struct(struct arena *arena, const struct layout *layout, struct json_scan *json,
        void *object, struct error **err)
{
    size_t position = 0;
    struct str key;

    if (json_scan_type(json) != JSON_SCAN_OBJECT)
        return wrong_type(json, &(struct field){ .key = "each of it" }, "an object", err);
    memset(object, 0, layout->size_bytes);
    for (size_t i = 0; i < layout->field_count; i++)
        if (layout->fields[i].unset != 0)
            store_number(&layout->fields[i], (char *)object + layout->fields[i].offset,
                    layout->fields[i].unset);
    json_scan_enter(json);
    while (json_scan_member(json, &key)) {
        const struct field *f = find_field(layout, key, &position);
        int r = 0;

        if (f && json_scan_type(json) != JSON_SCAN_NULL)
            r = read_field(arena, f, json, (char *)object + f->offset, err);
        else
            json_scan_skip(json);
        if (r < 0)
            return r;
    }
    return 0;
}

int container_pairs_from_text(
        struct arena *arena, const char *text, struct container_pairs *ret, struct error **err)
{
    static const struct field whole = { .key = "labels or options" };
    struct json_scan json;

    json_scan_begin(&json, arena, text, strlen(text));
    int r = read_pairs(arena, &whole, &json, ret, err);
    return r < 0 ? r : json_scan_end(&json, "row", err);
}

int container_config_from_text(
        struct arena *arena, const char *text, struct container_config *ret, struct error **err)
{
    struct json_scan json;

    json_scan_begin(&json, arena, text, strlen(text));
    int r = read_struct(arena, &config_layout, &json, ret, err);
    return r < 0 ? r : json_scan_end(&json, "container configuration", err);
}
