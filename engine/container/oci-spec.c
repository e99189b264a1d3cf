#include "engine/container/oci-spec.h"

#include <ctype.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/monitor/monitor-config.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/mount-options.h"

/* Podman's place for it, which programs in images may know. */
#define NOTIFY_TARGET "/run/notify"
#define CPU_PERIOD_DEFAULT_USEC INT64_C(100000)
#define NANO_PER_CPU INT64_C(1000000000)
#define OCI_VERSION "1.2.0"
#define PATH_DEFAULT "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *const masked_paths[] = { "/proc/acpi", "/proc/asound", "/proc/interrupts",
    "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/timer_list", "/proc/timer_stats", "/sys/firmware", "/sys/devices/virtual/powercap" };

static const char *const readonly_paths[] = { "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
    "/proc/sysrq-trigger" };

static const struct {
    const char *destination, *type, *source;
    const char *options[8];
} default_mounts[] = {
    { "/proc", "proc", "proc", { "nosuid", "noexec", "nodev" } },
    { "/dev", "tmpfs", "tmpfs", { "nosuid", "strictatime", "mode=755", "size=65536k" } },
    { "/dev/pts", "devpts", "devpts",
            { "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5" } },
    { "/sys", "sysfs", "sysfs", { "nosuid", "noexec", "nodev", "ro" } },
    { "/sys/fs/cgroup", "cgroup", "cgroup", { "nosuid", "noexec", "nodev", "ro" } },
    { "/dev/mqueue", "mqueue", "mqueue", { "nosuid", "noexec", "nodev" } },
};

/* ---- Helpers ---- */

const char *oci_security_option(const struct container_config *config, const char *key)
{
    size_t len = strlen(key);

    for (char **option = config->security_opt; option && *option; option++) {
        if (strncmp(*option, key, len) != 0)
            continue;
        if (!(*option)[len])
            return "";
        if ((*option)[len] == '=' || (*option)[len] == ':')
            return *option + len + 1;
    }
    return NULL;
}

/* A flag among them: bare, or with a boolean. */
static bool security_flag(const struct container_config *config, const char *key)
{
    const char *value = oci_security_option(config, key);
    bool on = true;

    return value && (!*value || (parse_bool(str_from(value), &on) == 0 && on));
}

static bool has_unconfined_paths(const struct container_config *config)
{
    const char *value = oci_security_option(config, "systempaths");

    return config->privileged || (value && strcmp(value, "unconfined") == 0);
}

static void append_text(json_t *list, const char *text)
{
    json_array_append_new(list, jsonx_text(text));
}

static json_t *mount_new(const char *destination, const char *type, const char *source)
{
    return json_pack("{s:o, s:s, s:o, s:[]}", "destination", jsonx_text(destination), "type", type,
            "source", jsonx_text(source), "options");
}

static json_t *mount_options(json_t *mount)
{
    return json_object_get(mount, "options");
}

/* Podman's "unmask=ALL", and "unmask=PATTERN:PATTERN". */
static bool is_unmasked(const struct container_config *config, const char *path)
{
    for (char **option = config->security_opt; option && *option; option++) {
        struct str rest = str_from(*option), pattern;

        if (!str_has_prefix(rest, "unmask="))
            continue;
        rest = str_from(*option + strlen("unmask="));
        while (str_split_next(&rest, ':', &pattern)) {
            auto_free char *text = mem_strndup(pattern.data, pattern.len);

            if (strcmp(text, "ALL") == 0 || fnmatch(text, path, FNM_PATHNAME) == 0)
                return true;
        }
    }
    return false;
}

static json_t *path_list(
        const struct container_config *config, const char *const *paths, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        if (!is_unmasked(config, paths[i]))
            append_text(list, paths[i]);
    return list;
}

/* "mask=/proc/cpuinfo:/sys/class" */
static void add_own_masks(const struct container_config *config, json_t *list)
{
    for (char **option = config->security_opt; option && *option; option++) {
        struct str rest = str_from(*option), path;

        if (!str_has_prefix(rest, "mask="))
            continue;
        rest = str_from(*option + strlen("mask="));
        while (str_split_next(&rest, ':', &path))
            if (path.len > 0)
                json_array_append_new(list, json_stringn(path.data, path.len));
    }
}

json_t *oci_spec_path_list(const struct container_config *config, bool masked)
{
    const char *const *paths = masked ? masked_paths : readonly_paths;
    size_t count = masked ? ARRAY_LEN(masked_paths) : ARRAY_LEN(readonly_paths);

    if (has_unconfined_paths(config))
        return json_null();
    json_t *list = path_list(config, paths, count);
    if (masked)
        add_own_masks(config, list);
    return list;
}

/* ---- Capabilities ---- */

static uint64_t named_capabilities(char *const *names, bool *ret_all)
{
    uint64_t mask = 0;

    *ret_all = false;
    for (; names && *names; names++) {
        int number = capability_parse(str_from(*names));

        if (strcasecmp(*names, "ALL") == 0)
            *ret_all = true;
        else if (number >= 0)
            mask |= UINT64_C(1) << number;
    }
    return mask;
}

uint64_t oci_spec_capabilities(const struct container_config *config, uint64_t own)
{
    bool add_all, drop_all;
    uint64_t add = named_capabilities(config->cap_add, &add_all);
    uint64_t drop = named_capabilities(config->cap_drop, &drop_all);

    if (config->privileged)
        return own;
    if (add_all)
        return own & ~drop;
    if (drop_all)
        return own & add;
    return own & ((CAPABILITY_DOCKER_DEFAULT & ~drop) | add);
}

static json_t *build_capabilities(uint64_t mask)
{
    json_t *names = json_array();

    for (unsigned i = 0; i < 64; i++)
        if ((mask >> i & 1) && capability_name(i))
            append_text(names, capability_name(i));
    /* Nothing inheritable or ambient (CVE-2022-24769); execve clears the rest for other users than root. */
    return json_pack("{s:O, s:O, s:o}", "bounding", names, "effective", names, "permitted", names);
}

/* ---- Process ---- */

static void env_set(json_t *env, const char *entry)
{
    size_t key_len = strcspn(entry, "="), i, n = json_array_size(env);

    for (i = 0; i < n; i++) {
        const char *present = json_string_value(json_array_get(env, i));

        if (strncmp(present, entry, key_len) == 0 && present[key_len] == '=')
            break;
    }
    if (!entry[key_len]) {
        if (i < n)
            json_array_remove(env, i);
    } else if (i < n) {
        json_array_set_new(env, i, jsonx_text(entry));
    } else {
        append_text(env, entry);
    }
}

/* A variable's name among others. */
static bool is_in_vector(char *const *names, const char *entry)
{
    size_t len = strcspn(entry, "=");

    for (; names && *names; names++)
        if (strlen(*names) == len && strncmp(*names, entry, len) == 0)
            return true;
    return false;
}

static json_t *build_env(const struct oci_spec_input *input)
{
    const struct container_config *config = &input->container->config;
    json_t *env = json_array();
    char uuid[sizeof("container_uuid=") + 32];
    char hostname[sizeof("HOSTNAME=") + 256];

    snprintf(hostname, sizeof(hostname), "HOSTNAME=%s", input->hostname);
    const char *const defaults[] = { PATH_DEFAULT, hostname, config->tty ? "TERM=xterm" : NULL };
    for (size_t i = 0; i < ARRAY_LEN(defaults) && !config->unset_all_env; i++)
        if (defaults[i] && !is_in_vector(config->unset_env, defaults[i]))
            append_text(env, defaults[i]);
    if (input->notify_dir)
        append_text(env, "NOTIFY_SOCKET=" NOTIFY_TARGET "/" MONITOR_NOTIFY_SOCKET);
    /* As Podman: what systemd makes the machine id of, the same at each boot. Not part of the configuration, which a
     * commit would pass on. */
    if (config->systemd) {
        snprintf(uuid, sizeof(uuid), "container_uuid=%.32s", input->container->id);
        append_text(env, uuid);
    }
    for (char **entry = input->link_env; entry && *entry; entry++)
        env_set(env, *entry);
    for (char **entry = config->env; entry && *entry; entry++)
        env_set(env, *entry);
    for (char **entry = input->secret_env; entry && *entry; entry++)
        env_set(env, *entry);
    return env;
}

static json_t *build_rlimits(const struct container_config *config)
{
    json_t *limits = json_array();

    for (size_t i = 0; i < config->ulimits.len; i++) {
        const struct container_ulimit *u = &config->ulimits.items[i];
        char name[sizeof("RLIMIT_") + 32];
        size_t n = (size_t)snprintf(name, sizeof(name), "RLIMIT_%.31s", u->name);

        for (size_t k = 0; k < n; k++)
            name[k] = (char)toupper((unsigned char)name[k]);
        json_array_append_new(limits, json_pack("{s:o, s:I, s:I}", "type", jsonx_text(name), "soft",
                                              (json_int_t)u->soft, "hard", (json_int_t)u->hard));
    }
    return limits;
}

static json_t *build_process(const struct oci_spec_input *input)
{
    const struct container_config *config = &input->container->config;
    json_t *args = json_array(), *process;

    for (char **arg = config->entrypoint; arg && *arg; arg++)
        append_text(args, *arg);
    for (char **arg = config->cmd; arg && *arg; arg++)
        append_text(args, *arg);
    process = json_pack("{s:b, s:{s:i, s:i}, s:o, s:o, s:o, s:o, s:o, s:b}", "terminal",
            config->tty, "user", "uid", 0, "gid", 0, "args", args, "env", build_env(input), "cwd",
            jsonx_text(string_is_empty(config->working_dir) ? "/" : config->working_dir),
            "capabilities", build_capabilities(input->capabilities), "rlimits",
            build_rlimits(config), "noNewPrivileges", security_flag(config, "no-new-privileges"));
    uint32_t mask;
    if (config->umask && parse_octal(str_from(config->umask), 0777, &mask) == 0)
        json_object_set_new(json_object_get(process, "user"), "umask", json_integer(mask));
    const char *apparmor = oci_security_option(config, "apparmor");
    if (!string_is_empty(apparmor))
        json_object_set_new(process, "apparmorProfile", jsonx_text(apparmor));
    if (config->has_oom_score_adj)
        json_object_set_new(
                process, "oomScoreAdj", json_integer((json_int_t)config->oom_score_adj));
    return process;
}

/* ---- Mounts ---- */

static bool user_mounts(const struct container_config *config, const char *target)
{
    for (size_t i = 0; i < config->mounts.len; i++)
        if (strcmp(config->mounts.items[i].target, target) == 0)
            return true;
    return false;
}

static bool is_option_dropped(
        const struct container_config *config, const char *destination, const char *option)
{
    return strcmp(option, "ro") == 0 &&
           (config->privileged ||
                   (strcmp(destination, "/sys/fs/cgroup") == 0 &&
                           (config->systemd || security_flag(config, "writable-cgroups"))));
}

static void add_default_mounts(const struct oci_spec_input *input, json_t *mounts)
{
    const struct container_config *config = &input->container->config;
    char size[sizeof("size=") + 24];
    json_t *shm;

    for (size_t i = 0; i < ARRAY_LEN(default_mounts); i++) {
        json_t *mount;

        if (user_mounts(config, default_mounts[i].destination))
            continue;
        mount = mount_new(
                default_mounts[i].destination, default_mounts[i].type, default_mounts[i].source);
        for (size_t k = 0; default_mounts[i].options[k]; k++)
            if (!is_option_dropped(
                        config, default_mounts[i].destination, default_mounts[i].options[k]))
                append_text(mount_options(mount), default_mounts[i].options[k]);
        json_array_append_new(mounts, mount);
    }
    if (user_mounts(config, "/dev/shm") || string_is_equal(config->ipc_mode, "none"))
        return;
    if (input->shm_dir) {
        shm = mount_new("/dev/shm", "bind", input->shm_dir);
        append_text(mount_options(shm), "bind");
        append_text(mount_options(shm), "nosuid");
        append_text(mount_options(shm), "noexec");
        append_text(mount_options(shm), "nodev");
        json_array_append_new(mounts, shm);
        return;
    }
    snprintf(size, sizeof(size), "size=%llu",
            (unsigned long long)(config->shm_size_bytes ? config->shm_size_bytes
                                                        : OCI_SHM_DEFAULT_BYTES));
    shm = mount_new("/dev/shm", "tmpfs", "shm");
    append_text(mount_options(shm), "nosuid");
    append_text(mount_options(shm), "noexec");
    append_text(mount_options(shm), "nodev");
    append_text(mount_options(shm), "mode=1777");
    append_text(mount_options(shm), size);
    json_array_append_new(mounts, shm);
}

static void add_name_files(const struct oci_spec_input *input, json_t *mounts)
{
    static const struct {
        const char *name, *target;
    } files[] = {
        { "resolv.conf", "/etc/resolv.conf" },
        { "hostname", "/etc/hostname" },
        { "hosts", "/etc/hosts" },
    };
    const struct container_config *config = &input->container->config;

    for (size_t i = 0; input->names_dir && i < ARRAY_LEN(files); i++) {
        auto_free char *source = NULL;
        json_t *mount;

        if (user_mounts(config, files[i].target) ||
                (config->no_hosts && strcmp(files[i].name, "hosts") == 0) ||
                (config->no_hostname && strcmp(files[i].name, "hostname") == 0))
            continue;
        if (asprintf(&source, "%s/%s", input->names_dir, files[i].name) < 0)
            continue;
        mount = mount_new(files[i].target, "bind", source);
        append_text(mount_options(mount), "rbind");
        append_text(mount_options(mount), "rprivate");
        if (config->read_only)
            append_text(mount_options(mount), "ro");
        json_array_append_new(mounts, mount);
    }
}

static void add_notify_socket(const struct oci_spec_input *input, json_t *mounts)
{
    static const char *const options[] = { "bind", "rprivate", "nosuid", "nodev", "noexec", "ro" };
    json_t *mount;

    if (!input->notify_dir)
        return;
    mount = mount_new(NOTIFY_TARGET, "bind", input->notify_dir);
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        append_text(mount_options(mount), options[i]);
    json_array_append_new(mounts, mount);
}

static void add_split(json_t *options, const char *text)
{
    struct str rest = str_from(text), word;

    while (!string_is_empty(text) && str_split_next(&rest, ',', &word)) {
        json_t *option = word.len > 0 ? json_stringn(word.data, word.len) : NULL;

        if (option)
            json_array_append_new(options, option);
    }
}

/* What the user says wins over the careful defaults, as the later option does in the kernel's eyes. */
static json_t *build_memory_mount(
        const struct container_mount *m, const struct oci_mount_source *from)
{
    static const char *const pts_options[] = { "nosuid", "noexec", "newinstance", "ptmxmode=0666" };
    static const char *const tmpfs_options[] = { "noexec", "nosuid", "nodev", "rprivate" };
    const char *type = container_mount_type_names[m->type];
    bool is_pts = m->type == CONTAINER_MOUNT_DEVPTS;
    json_t *mount = mount_new(m->target, type, type);
    json_t *options = mount_options(mount);
    char text[48];

    for (size_t i = 0; i < ARRAY_LEN(tmpfs_options); i++)
        append_text(options, is_pts ? pts_options[i] : tmpfs_options[i]);
    if (m->tmpfs_size_bytes) {
        snprintf(text, sizeof(text), "size=%llu", (unsigned long long)m->tmpfs_size_bytes);
        append_text(options, text);
    }
    if (m->tmpfs_mode >= 0) {
        snprintf(text, sizeof(text), "mode=%o", (unsigned)m->tmpfs_mode);
        append_text(options, text);
    }
    if (m->read_only)
        append_text(options, "ro");
    add_split(options, m->options);
    add_split(options, m->tmpfs_options);
    add_split(options, from->options);
    return mount;
}

static void append_subdir(json_t *options, const char *subdir)
{
    auto_free char *word = mem_printf(MOUNT_OPTION_SUBDIR "%s", subdir);

    append_text(options, word);
}

static json_t *build_mount(const struct container_mount *m, const struct oci_mount_source *from)
{
    json_t *mount, *options;

    if (m->type == CONTAINER_MOUNT_TMPFS || m->type == CONTAINER_MOUNT_RAMFS ||
            m->type == CONTAINER_MOUNT_DEVPTS)
        return build_memory_mount(m, from);
    mount = mount_new(m->target, from->type ? from->type : "bind", from->source);
    options = mount_options(mount);
    if (from->type) {
        add_split(options, from->options);
    } else {
        append_text(options, m->non_recursive ? "bind" : "rbind");
        append_text(options, string_is_empty(m->propagation) ? "rprivate" : m->propagation);
        add_split(options, from->options);
        if (from->subdir)
            append_subdir(options, from->subdir);
    }
    add_split(options, m->options);
    if (m->read_only) {
        append_text(options, "ro");
        if (!from->type && !m->non_recursive && !m->writable_below)
            append_text(options, "rro");
    }
    return mount;
}

static size_t path_depth(const char *path)
{
    size_t depth = 0;

    for (; *path; path++)
        depth += *path == '/';
    return depth;
}

/* A mount above another comes first, whatever order the user wrote them in. */
static void insert_by_depth(json_t *list, json_t *mount)
{
    size_t depth = path_depth(jsonx_string(mount, "destination"));
    size_t i = json_array_size(list);

    while (i > 0 && path_depth(jsonx_string(json_array_get(list, i - 1), "destination")) > depth)
        i--;
    json_array_insert_new(list, i, mount);
}

static json_t *build_file_mount(
        const struct oci_spec_input *input, const struct container_file *file, size_t index)
{
    auto_free char *source = NULL;
    json_t *mount;

    if (!file->source_path && asprintf(&source, "%s/%zu", input->files_dir, index) < 0)
        return NULL;
    mount = mount_new(file->target, "bind", file->source_path ? file->source_path : source);
    append_text(mount_options(mount), "rbind");
    append_text(mount_options(mount), "rprivate");
    append_text(mount_options(mount), "ro");
    if (!file->source_path && input->uid_mappings.count > 0)
        append_text(mount_options(mount), "idmap");
    return mount;
}

static json_t *build_mounts(const struct oci_spec_input *input)
{
    const struct container_config *config = &input->container->config;
    json_t *mounts = json_array(), *own = json_array();

    add_default_mounts(input, mounts);
    add_name_files(input, mounts);
    for (size_t i = 0; i < config->mounts.len; i++) {
        const struct container_mount *m = &config->mounts.items[i];
        json_t *mount = build_mount(m, &input->mounts[i]);

        /* What is ours belongs to the container's own ids on disk, as its layers do. */
        if ((m->type == CONTAINER_MOUNT_VOLUME || m->type == CONTAINER_MOUNT_IMAGE) &&
                !input->mounts[i].type && input->uid_mappings.count > 0)
            append_text(mount_options(mount), "idmap");
        insert_by_depth(own, mount);
    }
    for (size_t i = 0; i < config->files.len; i++)
        insert_by_depth(own, build_file_mount(input, &config->files.items[i], i));
    json_array_extend(mounts, own);
    json_decref(own);
    add_notify_socket(input, mounts);
    return mounts;
}

/* ---- Devices and limits ---- */

struct device_rule {
    const char *type;
    int major, minor; /* -1: any */
    const char *access;
    bool deny;
};

/* What is denied comes first: runc cannot take away a part of what a wildcard has allowed. */
static const struct device_rule default_rules[] = {
    { "c", 10, 229, "rwm", .deny = true },
    { "c", -1, -1, "m" },
    { "b", -1, -1, "m" },
    { "c", 1, 3, "rwm" },
    { "c", 1, 5, "rwm" },
    { "c", 1, 7, "rwm" },
    { "c", 1, 8, "rwm" },
    { "c", 1, 9, "rwm" },
    { "c", 5, 0, "rwm" },
    { "c", 5, 1, "rwm" },
    { "c", 5, 2, "rwm" },
    { "c", 136, -1, "rwm" },
};

static json_t *build_rule(
        bool allow, const char *type, int64_t major, int64_t minor, const char *access)
{
    json_t *rule = json_pack("{s:b, s:s, s:s}", "allow", allow, "type", type, "access", access);

    if (major >= 0)
        json_object_set_new(rule, "major", json_integer((json_int_t)major));
    if (minor >= 0)
        json_object_set_new(rule, "minor", json_integer((json_int_t)minor));
    return rule;
}

static int parse_rule_number(struct str text, int64_t *ret)
{
    *ret = -1;
    return str_is_equal_z(text, "*") ? 0 : parse_int64(text, 0, UINT32_MAX, ret);
}

/* "c 1:* rwm" */
static int add_user_rule(json_t *rules, const char *text, struct error **err)
{
    struct str rest = str_from(text), type, numbers, major_text;
    int64_t major, minor;
    char access[4] = "", type_text[2] = "";

    if (!str_split_next(&rest, ' ', &type) || !str_split_next(&rest, ' ', &numbers) ||
            !str_split_next(&numbers, ':', &major_text) || type.len != 1 ||
            !strchr("abc", type.data[0]) || rest.len < 1 || rest.len > 3 ||
            parse_rule_number(major_text, &major) < 0 || parse_rule_number(numbers, &minor) < 0)
        return error_set_plain(err, EINVAL, NULL, "invalid device cgroup rule format: '%s'", text);
    memcpy(access, rest.data, rest.len);
    type_text[0] = type.data[0];
    json_array_append_new(rules, build_rule(true, type_text, major, minor, access));
    return 0;
}

static int build_device_rules(const struct oci_spec_input *input, json_t **ret, struct error **err)
{
    const struct container_config *config = &input->container->config;
    auto_json json_t *rules = json_array();

    if (config->privileged) {
        json_array_append_new(rules, json_pack("{s:b, s:s}", "allow", true, "access", "rwm"));
        *ret = TAKE(rules);
        return 0;
    }
    json_array_append_new(rules, json_pack("{s:b, s:s}", "allow", false, "access", "rwm"));
    for (size_t i = 0; i < ARRAY_LEN(default_rules); i++)
        json_array_append_new(rules,
                build_rule(!default_rules[i].deny, default_rules[i].type, default_rules[i].major,
                        default_rules[i].minor, default_rules[i].access));
    for (size_t i = 0; i < input->device_count; i++) {
        const struct oci_device *d = &input->devices[i];
        const char type[2] = { d->type, '\0' };

        json_array_append_new(
                rules, build_rule(true, type, d->major, d->minor,
                               string_is_empty(d->permissions) ? "rwm" : d->permissions));
    }
    for (char **rule = config->device_cgroup_rules; rule && *rule; rule++) {
        int r = add_user_rule(rules, *rule, err);

        if (r < 0)
            return r;
    }
    *ret = TAKE(rules);
    return 0;
}

static json_t *build_devices(const struct oci_spec_input *input)
{
    json_t *devices = json_array();

    for (size_t i = 0; i < input->device_count; i++) {
        const struct oci_device *d = &input->devices[i];
        const char type[2] = { d->type, '\0' };

        json_array_append_new(
                devices, json_pack("{s:s, s:o, s:I, s:I, s:i, s:I, s:I}", "type", type, "path",
                                 jsonx_text(d->path), "major", (json_int_t)d->major, "minor",
                                 (json_int_t)d->minor, "fileMode", (int)(d->mode & 07777), "uid",
                                 (json_int_t)d->uid, "gid", (json_int_t)d->gid));
    }
    return devices;
}

static void set_number(json_t *object, const char *key, int64_t value)
{
    json_object_set_new(object, key, json_integer((json_int_t)value));
}

static json_t *build_memory(const struct oci_spec_input *input)
{
    const struct container_config *c = &input->container->config;
    json_t *memory = json_object();

    if (c->memory_bytes)
        set_number(memory, "limit", c->memory_bytes);
    if (c->memory_reservation_bytes)
        set_number(memory, "reservation", c->memory_reservation_bytes);
    if (c->memory_swap_bytes && input->has_swap_accounting)
        set_number(memory, "swap", c->memory_swap_bytes);
    else if (c->memory_bytes > 0 && input->has_swap_accounting)
        set_number(memory, "swap", c->memory_bytes > INT64_MAX / 2 ? -1 : 2 * c->memory_bytes);
    if (c->has_memory_swappiness && c->memory_swappiness >= 0 && !input->cgroup_v2)
        set_number(memory, "swappiness", c->memory_swappiness);
    if (c->oom_kill_disable && !input->cgroup_v2)
        json_object_set_new(memory, "disableOOMKiller", json_true());
    return memory;
}

static json_t *build_cpu(const struct container_config *c)
{
    json_t *cpu = json_object();

    if (c->cpu_shares)
        set_number(cpu, "shares", c->cpu_shares);
    if (c->nano_cpus) {
        set_number(cpu, "period", CPU_PERIOD_DEFAULT_USEC);
        set_number(cpu, "quota", c->nano_cpus / (NANO_PER_CPU / CPU_PERIOD_DEFAULT_USEC));
    }
    if (c->cpu_period_usec)
        set_number(cpu, "period", c->cpu_period_usec);
    if (c->cpu_quota_usec)
        set_number(cpu, "quota", c->cpu_quota_usec);
    if (c->cpu_rt_period_usec)
        set_number(cpu, "realtimePeriod", c->cpu_rt_period_usec);
    if (c->cpu_rt_runtime_usec)
        set_number(cpu, "realtimeRuntime", c->cpu_rt_runtime_usec);
    if (!string_is_empty(c->cpuset_cpus))
        json_object_set_new(cpu, "cpus", jsonx_text(c->cpuset_cpus));
    if (!string_is_empty(c->cpuset_mems))
        json_object_set_new(cpu, "mems", jsonx_text(c->cpuset_mems));
    return cpu;
}

static json_t *build_block_io(const struct oci_spec_input *input)
{
    static const char *const keys[CONTAINER_IO_KIND_MAX_] = {
        [CONTAINER_IO_WEIGHT] = "weightDevice",
        [CONTAINER_IO_READ_BPS] = "throttleReadBpsDevice",
        [CONTAINER_IO_WRITE_BPS] = "throttleWriteBpsDevice",
        [CONTAINER_IO_READ_IOPS] = "throttleReadIOPSDevice",
        [CONTAINER_IO_WRITE_IOPS] = "throttleWriteIOPSDevice",
    };
    const struct container_config *c = &input->container->config;
    json_t *io = json_object();

    if (c->blkio_weight)
        set_number(io, "weight", c->blkio_weight);
    for (size_t i = 0; i < c->io_limits.len; i++) {
        const struct container_io_limit *limit = &c->io_limits.items[i];
        int kind = parse_name(str_from(limit->kind), container_io_kinds, CONTAINER_IO_KIND_MAX_);

        if (kind < 0)
            continue;
        if (!json_object_get(io, keys[kind]))
            json_object_set_new(io, keys[kind], json_array());
        json_array_append_new(json_object_get(io, keys[kind]),
                json_pack("{s:I, s:I, s:I}", "major", (json_int_t)input->io_devices[i].major,
                        "minor", (json_int_t)input->io_devices[i].minor,
                        kind == CONTAINER_IO_WEIGHT ? "weight" : "rate", (json_int_t)limit->value));
    }
    return io;
}

static void set_unless_empty(json_t *object, const char *key, json_t *value)
{
    if (json_object_size(value) > 0)
        json_object_set_new(object, key, value);
    else
        json_decref(value);
}

static void add_limits(const struct oci_spec_input *input, json_t *resources)
{
    const struct container_config *config = &input->container->config;

    set_unless_empty(resources, "memory", build_memory(input));
    set_unless_empty(resources, "cpu", build_cpu(config));
    set_unless_empty(resources, "blockIO", build_block_io(input));
    if (config->cgroup_files.len > 0)
        json_object_set_new(resources, "unified", container_pairs_to_json(&config->cgroup_files));
    if (config->pids_limit)
        json_object_set_new(resources, "pids",
                json_pack("{s:I}", "limit",
                        (json_int_t)config->pids_limit < 0 ? -1 : config->pids_limit));
}

json_t *oci_spec_limits(const struct oci_spec_input *input)
{
    json_t *resources = json_object();

    add_limits(input, resources);
    return resources;
}

static int build_resources(const struct oci_spec_input *input, json_t **ret, struct error **err)
{
    json_t *rules = NULL, *resources;
    int r = build_device_rules(input, &rules, err);

    if (r < 0)
        return r;
    resources = json_pack("{s:o}", "devices", rules);
    add_limits(input, resources);
    *ret = resources;
    return 0;
}

/* ---- Namespaces ---- */

static bool is_host(const char *mode)
{
    return mode && strcmp(mode, "host") == 0;
}

static json_t *build_namespaces(const struct oci_spec_input *input)
{
    const struct container_config *c = &input->container->config;
    json_t *list = json_array();
    const char *const *joined = input->joined;
    const struct {
        const char *type;
        bool wanted;
        const char *path;
    } namespaces[] = {
        { "mount", true, NULL },
        { "uts", !is_host(c->uts_mode), joined[OCI_JOINED_UTS] },
        { "ipc", !is_host(c->ipc_mode), joined[OCI_JOINED_IPC] },
        { "pid", !is_host(c->pid_mode), joined[OCI_JOINED_PID] },
        { "network", c->network_mode != CONTAINER_NETWORK_HOST, NULL },
        /* On v1 the host's view is Docker's default. */
        { "cgroup",
                joined[OCI_JOINED_CGROUP] ||
                        (c->cgroupns_mode ? strcmp(c->cgroupns_mode, "private") == 0
                                          : input->cgroup_v2 && !c->privileged),
                joined[OCI_JOINED_CGROUP] },
        { "user", input->uid_mappings.count > 0, NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
        if (namespaces[i].wanted)
            json_array_append_new(list, json_pack("{s:s, s:s*}", "type", namespaces[i].type, "path",
                                                namespaces[i].path));
    return list;
}

static json_t *build_mappings(const struct id_mappings *mappings)
{
    json_t *list = json_array();

    for (size_t i = 0; i < mappings->count; i++)
        json_array_append_new(list, json_pack("{s:I, s:I, s:I}", "containerID",
                                            (json_int_t)mappings->items[i].container_id, "hostID",
                                            (json_int_t)mappings->items[i].host_id, "size",
                                            (json_int_t)mappings->items[i].size));
    return list;
}

static json_t *build_sysctls(const struct oci_spec_input *input)
{
    const struct container_config *c = &input->container->config;
    json_t *sysctls = json_object();

    if (c->network_mode == CONTAINER_NETWORK_PRIVATE || c->network_mode == CONTAINER_NETWORK_NONE) {
        json_object_set_new(sysctls, "net.ipv4.ip_unprivileged_port_start", json_string("0"));
        /* Of groups that a user namespace does not have. */
        if (input->gid_mappings.count == 0)
            json_object_set_new(sysctls, "net.ipv4.ping_group_range", json_string("0 2147483647"));
    }
    for (size_t i = 0; i < c->sysctls.len; i++)
        json_object_set_new(
                sysctls, c->sysctls.items[i].key, jsonx_text(c->sysctls.items[i].value));
    return sysctls;
}

/* The root's propagation must let through what a volume asks for. */
static const char *root_propagation(const struct container_config *c)
{
    const char *propagation = "rprivate";

    for (size_t i = 0; i < c->mounts.len; i++) {
        const char *wanted = c->mounts.items[i].propagation;

        if (wanted && strstr(wanted, "shared"))
            return "shared";
        if (wanted && strstr(wanted, "slave"))
            propagation = "rslave";
    }
    return propagation;
}

/* thermal_throttle tells one container of another's load, per CPU. */
static json_t *build_masked_paths(const struct oci_spec_input *input)
{
    json_t *paths = oci_spec_path_list(&input->container->config, true);
    char path[sizeof("/sys/devices/system/cpu/cpu/thermal_throttle") + 12];

    for (unsigned cpu = 0; cpu < input->thermal_cpus; cpu++) {
        snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u/thermal_throttle", cpu);
        if (!is_unmasked(&input->container->config, path))
            append_text(paths, path);
    }
    return paths;
}

static int build_linux(const struct oci_spec_input *input, json_t **ret, struct error **err)
{
    const struct container_config *config = &input->container->config;
    bool unconfined = has_unconfined_paths(config);
    json_t *resources = NULL;
    int r = build_resources(input, &resources, err);

    if (r < 0)
        return r;
    *ret = json_pack("{s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:o}", "namespaces",
            build_namespaces(input), "devices", build_devices(input), "sysctl",
            build_sysctls(input), "resources", resources, "cgroupsPath", input->cgroup_path,
            "rootfsPropagation", root_propagation(config), "maskedPaths",
            unconfined ? json_array() : build_masked_paths(input), "readonlyPaths",
            unconfined ? json_array() : oci_spec_path_list(config, false));
    if (config->personality)
        json_object_set_new(
                *ret, "personality", json_pack("{s:o}", "domain", jsonx_text(config->personality)));
    if (input->uid_mappings.count > 0) {
        json_object_set_new(*ret, "uidMappings", build_mappings(&input->uid_mappings));
        json_object_set_new(*ret, "gidMappings", build_mappings(&input->gid_mappings));
    }
    return 0;
}

int oci_spec_build(const struct oci_spec_input *input, json_t **ret, struct error **err)
{
    const struct container_config *config = &input->container->config;
    json_t *linux_part = NULL, *spec;
    int r = build_linux(input, &linux_part, err);

    if (r < 0)
        return r;
    spec = json_pack("{s:s, s:o, s:{s:s, s:b}, s:o, s:o}", "ociVersion", OCI_VERSION, "process",
            build_process(input), "root", "path", "rootfs", "readonly", config->read_only, "mounts",
            build_mounts(input), "linux", linux_part);
    bool own_names = !is_host(config->uts_mode) && !input->joined[OCI_JOINED_UTS];
    if (own_names)
        json_object_set_new(spec, "hostname", jsonx_text(input->hostname));
    if (own_names && !string_is_empty(config->domainname))
        json_object_set_new(spec, "domainname", jsonx_text(config->domainname));
    if (config->annotations.len > 0) {
        json_t *annotations = json_object();

        for (size_t i = 0; i < config->annotations.len; i++)
            json_object_set_new(annotations, config->annotations.items[i].key,
                    jsonx_text(config->annotations.items[i].value));
        json_object_set_new(spec, "annotations", annotations);
    }
    *ret = spec;
    return 0;
}
