/* spec and features: what a configuration looks like, and what may stand in one. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/str.h"
#include "cli/oci.h"
#include "cli/version.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/hooks.h"
#include "engine/runtime/mount-options.h"
#include "engine/runtime/spec.h"

#define CONFIG_FILE "config.json"
#define CAPABILITIES_MAX 64

/* ---- spec ---- */

struct spec_options {
    const char *bundle;
    bool rootless;
};
static const struct opt spec_opts[] = {
    { .name = "bundle",
            .letter = 'b',
            .type = &opt_string,
            .arg = "DIR",
            .offset = offsetof(struct spec_options, bundle),
            .help = "Where to write config.json (default: the current directory)" },
    { .name = "rootless",
            .type = &opt_flag,
            .offset = offsetof(struct spec_options, rootless),
            .help = "A configuration for a user without privileges" },
    OPT_END
};

/* A shell with few rights, no network, and nothing writable but what is its own. */
static const char example[] =
        "{\"ociVersion\": \"" OCI_SPEC_VERSION "\","
        "\"process\": {\"terminal\": true, \"user\": {\"uid\": 0, \"gid\": 0},"
        " \"args\": [\"sh\"],"
        " \"env\": [\"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\","
        "  \"TERM=xterm\"],"
        " \"cwd\": \"/\","
        " \"capabilities\": {"
        "  \"bounding\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"],"
        "  \"effective\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"],"
        "  \"permitted\": [\"CAP_AUDIT_WRITE\", \"CAP_KILL\", \"CAP_NET_BIND_SERVICE\"]},"
        " \"rlimits\": [{\"type\": \"RLIMIT_NOFILE\", \"hard\": 1024, \"soft\": 1024}],"
        " \"noNewPrivileges\": true},"
        "\"root\": {\"path\": \"rootfs\", \"readonly\": true},"
        "\"hostname\": \"berth\","
        "\"mounts\": ["
        " {\"destination\": \"/proc\", \"type\": \"proc\", \"source\": \"proc\"},"
        " {\"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\","
        "  \"options\": [\"nosuid\", \"strictatime\", \"mode=755\", \"size=65536k\"]},"
        " {\"destination\": \"/dev/pts\", \"type\": \"devpts\", \"source\": \"devpts\","
        "  \"options\": [\"nosuid\", \"noexec\", \"newinstance\", \"ptmxmode=0666\","
        "   \"mode=0620\", \"gid=5\"]},"
        " {\"destination\": \"/dev/shm\", \"type\": \"tmpfs\", \"source\": \"shm\","
        "  \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"mode=1777\", \"size=65536k\"]},"
        " {\"destination\": \"/dev/mqueue\", \"type\": \"mqueue\", \"source\": \"mqueue\","
        "  \"options\": [\"nosuid\", \"noexec\", \"nodev\"]},"
        " {\"destination\": \"/sys\", \"type\": \"sysfs\", \"source\": \"sysfs\","
        "  \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"ro\"]},"
        " {\"destination\": \"/sys/fs/cgroup\", \"type\": \"cgroup\", \"source\": \"cgroup\","
        "  \"options\": [\"nosuid\", \"noexec\", \"nodev\", \"relatime\", \"ro\"]}],"
        "\"linux\": {"
        " \"resources\": {\"devices\": [{\"allow\": false, \"access\": \"rwm\"}]},"
        " \"namespaces\": [{\"type\": \"pid\"}, {\"type\": \"network\"}, {\"type\": \"ipc\"},"
        "  {\"type\": \"uts\"}, {\"type\": \"mount\"}],"
        " \"maskedPaths\": [\"/proc/acpi\", \"/proc/asound\", \"/proc/kcore\", \"/proc/keys\","
        "  \"/proc/latency_stats\", \"/proc/timer_list\", \"/proc/timer_stats\","
        "  \"/proc/sched_debug\", \"/proc/scsi\", \"/sys/firmware\"],"
        " \"readonlyPaths\": [\"/proc/bus\", \"/proc/fs\", \"/proc/irq\", \"/proc/sys\","
        "  \"/proc/sysrq-trigger\"]}}";

static json_t *find_by(json_t *list, const char *key, const char *value, size_t *ret_index)
{
    size_t i;
    json_t *item;

    json_array_foreach(list, i, item)
    {
        if (string_is_equal(jsonx_string(item, key), value)) {
            *ret_index = i;
            return item;
        }
    }
    return NULL;
}

static json_t *own_mapping(int64_t host_id)
{
    return json_pack(
            "[{s:I, s:i, s:i}]", "hostID", (json_int_t)host_id, "containerID", 0, "size", 1);
}

/* One's own user namespace, and nothing that takes rights outside of it: the host's network, its
 * /sys, no limits. */
static void make_rootless(json_t *config)
{
    json_t *linux_json = json_object_get(config, "linux");
    json_t *namespaces = json_object_get(linux_json, "namespaces");
    json_t *mounts = json_object_get(config, "mounts");
    size_t i = 0;

    if (find_by(namespaces, "type", "network", &i))
        json_array_remove(namespaces, i);
    json_array_append_new(namespaces, json_pack("{s:s}", "type", "user"));
    json_object_set_new(linux_json, "uidMappings", own_mapping(geteuid()));
    json_object_set_new(linux_json, "gidMappings", own_mapping(getegid()));
    json_object_del(linux_json, "resources");
    if (find_by(mounts, "destination", "/dev/pts", &i))
        json_array_remove(json_object_get(json_array_get(mounts, i), "options"), 5); /* gid= */
    if (find_by(mounts, "destination", "/sys", &i))
        json_array_set_new(mounts, i,
                json_pack("{s:s, s:s, s:s, s:[s, s, s, s, s]}", "destination", "/sys", "type",
                        "none", "source", "/sys", "options", "rbind", "nosuid", "noexec", "nodev",
                        "ro"));
}

static int run_spec(struct oci_cli *cli, const void *data, int argc, char **argv)
{
    const struct spec_options *options = data;
    auto_error struct error *err = NULL;
    auto_json json_t *config = json_loads(example, 0, NULL);
    struct cgroup_support support;

    (void)argc;
    (void)argv;
    if (!config)
        mem_exhausted();
    auto_close int dir = open(
            options->bundle ? options->bundle : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        error_set(&err, errno, NULL, "cannot open \"%s\"", options->bundle);
        return oci_report(cli, err);
    }
    if (faccessat(dir, CONFIG_FILE, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return oci_report_failure(cli, "file %s exists. Remove it first", CONFIG_FILE);
    if (cgroup_probe(&support, NULL) >= 0 && support.unified)
        json_array_append_new(json_object_get(json_object_get(config, "linux"), "namespaces"),
                json_pack("{s:s}", "type", "cgroup"));
    if (options->rootless)
        make_rootless(config);
    int r = jsonx_write_file(dir, CONFIG_FILE, config, 0666, false, &err);
    return r < 0 ? oci_report(cli, err) : 0;
}

const struct oci_command oci_command_spec = {
    .base = { .name = "spec",
            .usage = "[OPTIONS]",
            .summary = "Write a config.json to start from",
            .opts = spec_opts,
            .options_bytes = sizeof(struct spec_options) },
    .run = run_spec,
};

/* ---- features ---- */

static json_t *names(const char *const *items, size_t count)
{
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        if (items[i])
            json_array_append_new(list, json_string(items[i]));
    return list;
}

static json_t *capability_names(void)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < CAPABILITIES_MAX && capability_name(i); i++)
        json_array_append_new(list, json_string(capability_name(i)));
    return list;
}

static json_t *mount_option_names(void)
{
    json_t *list = json_array();
    const struct mount_option *option;

    for (size_t i = 0; (option = mount_option_at(i)); i++)
        if (!option->refused)
            json_array_append_new(list, json_string(option->name));
    return list;
}

static json_t *seccomp_json(void)
{
    static const char *const actions[] = { "SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO", "SCMP_ACT_KILL",
        "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_LOG", "SCMP_ACT_NOTIFY",
        "SCMP_ACT_TRACE", "SCMP_ACT_TRAP" };
    static const char *const operators[] = { "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT",
        "SCMP_CMP_LE", "SCMP_CMP_LT", "SCMP_CMP_MASKED_EQ", "SCMP_CMP_NE" };
    static const char *const flags[] = { "SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
        "SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" };

    return json_pack("{s:b, s:o, s:o, s:o, s:o}", "enabled", true, "actions",
            names(actions, ARRAY_LEN(actions)), "operators", names(operators, ARRAY_LEN(operators)),
            "knownFlags", names(flags, ARRAY_LEN(flags)), "supportedFlags",
            names(flags, ARRAY_LEN(flags)));
}

static int run_features(struct oci_cli *cli, const void *options, int argc, char **argv)
{
    auto_json json_t *linux_json = json_pack(
            "{s:o, s:o, s:{s:b, s:b, s:b, s:b}, s:o, s:{s:b}, s:{s:b}, s:{s:b}, s:{s:{s:b}}}",
            "namespaces", names(namespace_type_names, NAMESPACE_MAX_), "capabilities",
            capability_names(), "cgroup", "v1", true, "v2", true, "systemd", true, "systemdUser",
            true, "seccomp", seccomp_json(), "apparmor", "enabled", true, "selinux", "enabled",
            true, "intelRdt", "enabled", false, "mountExtensions", "idmap", "enabled", true);
    auto_json json_t *json = json_pack("{s:s, s:s, s:o, s:o, s:O, s:{s:s}}", "ociVersionMin",
            "1.0.0", "ociVersionMax", OCI_SPEC_VERSION, "hooks", names(hook_point_names, HOOK_MAX_),
            "mountOptions", mount_option_names(), "linux", linux_json, "annotations",
            "org.berth.version", BERTH_VERSION);

    (void)cli;
    (void)options;
    (void)argc;
    (void)argv;
    if (!json)
        mem_exhausted();
    oci_print_json(json, true);
    return 0;
}

const struct oci_command oci_command_features = {
    .base = { .name = "features", .summary = "Print what this runtime knows, as JSON" },
    .run = run_features,
};
