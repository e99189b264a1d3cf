#include "engine/runtime/spec.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mount.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/path.h"
#include "engine/runtime/mount-options.h"
#include "engine/runtime/resources-internal.h"
#include "engine/runtime/spec-internal.h"

const char *const namespace_type_names[NAMESPACE_MAX_] = {
    [NAMESPACE_MOUNT] = "mount",
    [NAMESPACE_UTS] = "uts",
    [NAMESPACE_IPC] = "ipc",
    [NAMESPACE_PID] = "pid",
    [NAMESPACE_NETWORK] = "network",
    [NAMESPACE_CGROUP] = "cgroup",
    [NAMESPACE_TIME] = "time",
    [NAMESPACE_USER] = "user",
};

uint64_t namespace_clone_flag(enum namespace_type type)
{
    static const uint64_t flags[NAMESPACE_MAX_] = {
        [NAMESPACE_MOUNT] = CLONE_NEWNS,
        [NAMESPACE_UTS] = CLONE_NEWUTS,
        [NAMESPACE_IPC] = CLONE_NEWIPC,
        [NAMESPACE_PID] = CLONE_NEWPID,
        [NAMESPACE_NETWORK] = CLONE_NEWNET,
        [NAMESPACE_CGROUP] = CLONE_NEWCGROUP,
        [NAMESPACE_TIME] = CLONE_NEWTIME,
        [NAMESPACE_USER] = CLONE_NEWUSER,
    };

    return flags[type];
}

int spec_get_text(struct spec_parse *p, const json_t *object, const char *key, const char **ret)
{
    const char *text = NULL;
    int r = jsonx_get_string(object, key, &text, p->err);

    if (r < 0)
        return r;
    *ret = string_is_empty(text) ? NULL : arena_strdup(p->arena, text);
    return 0;
}

int spec_get_number(struct spec_parse *p, const json_t *object, const char *key, int64_t min,
        int64_t max, int64_t *value)
{
    int r = jsonx_get_int(object, key, value, p->err);

    if (r < 0)
        return r;
    if (*value < min || *value > max)
        return error_set_plain(p->err, ERANGE, NULL, "%s: %lld is not between %lld and %lld", key,
                (long long)*value, (long long)min, (long long)max);
    return 0;
}

/* Texts that become C strings of the kernel must not hide a NUL; jansson refuses those in texts. */
int spec_get_texts(
        struct spec_parse *p, const json_t *object, const char *key, char ***ret, size_t *ret_len)
{
    char **items = NULL;
    size_t len = 0;
    int r = jsonx_get_strings(p->arena, object, key, &items, &len, p->err);

    if (r < 0)
        return r;
    if (len > SPEC_LIST_MAX)
        return error_set_plain(
                p->err, E2BIG, NULL, "%s has more than %d entries", key, SPEC_LIST_MAX);
    *ret = items ? items : ARENA_NEW(p->arena, char *);
    if (ret_len)
        *ret_len = len;
    return 0;
}

int spec_refuse(struct spec_parse *p, const json_t *object, const char *key, const char *what)
{
    const json_t *value = json_object_get(object, key);

    if (!value || json_is_null(value) || json_is_false(value) ||
            (json_is_string(value) && json_string_length(value) == 0) ||
            (json_is_array(value) && json_array_size(value) == 0) ||
            (json_is_object(value) && json_object_size(value) == 0))
        return 0;
    return error_set_plain(p->err, EOPNOTSUPP, NULL, "%s (\"%s\") is not supported", what, key);
}

void spec_warn(struct spec_parse *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *text = arena_vprintf(p->arena, format, args);
    va_end(args);
    for (size_t i = 0; i < p->spec->warnings.len; i++) {
        if (strcmp(p->spec->warnings.items[i], text) == 0)
            return;
    }
    *ARRAY_APPEND_ARENA(p->arena, &p->spec->warnings) = text;
}

static bool ranges_overlap(uint32_t a, uint32_t b, uint32_t a_size, uint32_t b_size)
{
    return a < (uint64_t)b + b_size && b < (uint64_t)a + a_size;
}

int spec_get_mappings(
        struct spec_parse *p, const json_t *object, const char *key, struct id_mappings *ret)
{
    json_t *list = NULL;
    int r = jsonx_get_array(object, key, &list, p->err);

    if (r < 0)
        return r;
    if (json_array_size(list) > ID_MAPPING_MAX)
        return error_set_plain(
                p->err, E2BIG, NULL, "%s has more than %d entries", key, ID_MAPPING_MAX);
    ret->items = ARENA_NEW_ARRAY(p->arena, json_array_size(list) + 1, struct id_mapping);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        int64_t container = -1, host = -1, size = 0;

        r = spec_get_number(p, item, "containerID", -1, UINT32_MAX - 1, &container);
        if (r >= 0)
            r = spec_get_number(p, item, "hostID", -1, UINT32_MAX - 1, &host);
        if (r >= 0)
            r = spec_get_number(p, item, "size", 0, UINT32_MAX, &size);
        if (r < 0)
            return error_wrap(p->err, r, "%s", key);
        if (container < 0 || host < 0 || size == 0 || container + size > UINT32_MAX ||
                host + size > UINT32_MAX)
            return error_set_plain(p->err, EINVAL, NULL,
                    "%s: entry %zu is not a range of containerID, hostID and size", key, i + 1);
        struct id_mapping m = { (uint32_t)container, (uint32_t)host, (uint32_t)size };
        for (size_t n = 0; n < ret->count; n++) {
            const struct id_mapping *o = &ret->items[n];

            if (ranges_overlap(m.container_id, o->container_id, m.size, o->size) ||
                    ranges_overlap(m.host_id, o->host_id, m.size, o->size))
                return error_set_plain(
                        p->err, EINVAL, NULL, "%s: entries %zu and %zu overlap", key, n + 1, i + 1);
        }
        ret->items[ret->count++] = m;
    }
    return 0;
}

/* ---- linux ---- */

static int parse_namespaces(struct spec_parse *p, const json_t *linux_json)
{
    json_t *list = NULL;
    int r = jsonx_get_array(linux_json, "namespaces", &list, p->err);

    for (size_t i = 0; r >= 0 && i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        const char *type = jsonx_string(item, "type");
        int which = NAMESPACE_INVALID;

        for (int n = 0; n < NAMESPACE_MAX_; n++) {
            if (string_is_equal(type, namespace_type_names[n]))
                which = n;
        }
        if (which == NAMESPACE_INVALID)
            return error_set_plain(p->err, EOPNOTSUPP, NULL,
                    "namespaces: type \"%s\" is not supported", type ? type : "");
        struct runtime_namespace *ns = &p->spec->namespaces[which];
        if (ns->mode != NAMESPACE_HOST)
            return error_set_plain(p->err, EINVAL, NULL, "namespaces: \"%s\" is given twice", type);
        r = spec_get_text(p, item, "path", &ns->path);
        ns->mode = ns->path ? NAMESPACE_JOIN : NAMESPACE_PRIVATE;
    }
    if (r < 0)
        return r;
    return 0;
}

static int parse_devices(struct spec_parse *p, const json_t *linux_json)
{
    json_t *list = NULL;
    int r = jsonx_get_array(linux_json, "devices", &list, p->err);

    if (r < 0)
        return r;
    if (json_array_size(list) > SPEC_LIST_MAX)
        return error_set_plain(p->err, E2BIG, NULL, "devices has too many entries");
    p->spec->devices = ARENA_NEW_ARRAY(p->arena, json_array_size(list) + 1, struct runtime_device);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct runtime_device *device = &p->spec->devices[i];
        const char *type = NULL;
        int64_t major = 0, minor = 0, mode = 0666, uid = 0, gid = 0;

        r = spec_get_text(p, item, "type", &type);
        if (r >= 0)
            r = spec_get_text(p, item, "path", &device->path);
        if (r >= 0)
            r = spec_get_number(p, item, "major", 0, UINT32_MAX, &major);
        if (r >= 0)
            r = spec_get_number(p, item, "minor", 0, UINT32_MAX, &minor);
        if (r >= 0)
            r = spec_get_number(p, item, "fileMode", 0, 07777 | 0170000, &mode);
        if (r >= 0)
            r = spec_get_number(p, item, "uid", 0, INT32_MAX, &uid);
        if (r >= 0)
            r = spec_get_number(p, item, "gid", 0, INT32_MAX, &gid);
        if (r < 0)
            return r;
        if (!type || type[1] || !strchr("cbup", type[0]) || !device->path ||
                !path_is_absolute(device->path))
            return error_set_plain(
                    p->err, EINVAL, NULL, "devices: entry %zu has no valid type and path", i + 1);
        device->type = type[0] == 'u' ? 'c' : type[0];
        device->path = path_clean(p->arena, device->path);
        device->major = (uint32_t)major;
        device->minor = (uint32_t)minor;
        device->mode = (mode_t)mode & 07777;
        device->uid = (uid_t)uid;
        device->gid = (gid_t)gid;
        p->spec->device_count++;
    }
    return 0;
}

static bool sysctl_key_is_plain(const char *key)
{
    return *key && *key != '.' && *key != '/' && !strstr(key, "..") && !strstr(key, "//") &&
           !strstr(key, "./") && !strstr(key, "/.") && !strchr(key, '\n');
}

bool runtime_sysctl_is_namespaced(const struct runtime_spec *spec, const char *key)
{
    static const struct {
        const char *prefix;
        enum namespace_type type;
    } known[] = {
        { "kernel.msgmax", NAMESPACE_IPC },
        { "kernel.msgmnb", NAMESPACE_IPC },
        { "kernel.msgmni", NAMESPACE_IPC },
        { "kernel.sem", NAMESPACE_IPC },
        { "kernel.shmall", NAMESPACE_IPC },
        { "kernel.shmmax", NAMESPACE_IPC },
        { "kernel.shmmni", NAMESPACE_IPC },
        { "kernel.shm_rmid_forced", NAMESPACE_IPC },
        { "fs.mqueue.", NAMESPACE_IPC },
        { "net.", NAMESPACE_NETWORK },
        { "kernel.domainname", NAMESPACE_UTS },
    };

    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        const char *prefix = known[i].prefix;
        bool match = prefix[strlen(prefix) - 1] == '.' ? string_has_prefix(key, prefix)
                                                       : strcmp(key, prefix) == 0;

        if (match)
            return spec->namespaces[known[i].type].mode != NAMESPACE_HOST;
    }
    return false;
}

/* With dots, as the kernel's documents write them. Whichever of "." and "/" comes first separates;
 * the other one is part of a name then ("net/ipv4/conf/eth0.1/forwarding"). */
static char *sysctl_name(struct arena *arena, const char *key)
{
    char *name = arena_strdup(arena, key);
    const char *first = strpbrk(key, "./");

    for (char *c = name; first && *first == '/' && *c; c++)
        *c = *c == '/' ? '.' : *c == '.' ? '/' : *c;
    return name;
}

static int parse_sysctls(struct spec_parse *p, const json_t *linux_json)
{
    json_t *object = NULL, *value;
    const char *key;
    int r = jsonx_get_object(linux_json, "sysctl", &object, p->err);

    if (r < 0 || !object)
        return r;
    p->spec->sysctls = ARENA_NEW_ARRAY(
            p->arena, json_object_size(object) + 1, struct runtime_sysctl);
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value) || !sysctl_key_is_plain(key))
            return error_set_plain(
                    p->err, EINVAL, NULL, "sysctl: \"%s\" is not a name with a text", key);
        const char *name = sysctl_name(p->arena, key);
        if (!sysctl_key_is_plain(name))
            return error_set_plain(
                    p->err, EINVAL, NULL, "sysctl: \"%s\" is not a name with a text", key);
        if (!runtime_sysctl_is_namespaced(p->spec, name))
            return error_set_plain(p->err, EINVAL, NULL,
                    "sysctl \"%s\" is not in a separate kernel namespace", key);
        p->spec->sysctls[p->spec->sysctl_count++] = (struct runtime_sysctl){ .key = name,
            .value = arena_strdup(p->arena, json_string_value(value)) };
    }
    return 0;
}

static bool is_listed(char *const *begin, char *const *end, const char *text)
{
    for (; begin < end; begin++)
        if (strcmp(*begin, text) == 0)
            return true;
    return false;
}

/* Each once: what is covered twice is a mount more that nobody sees. */
static int parse_paths(struct spec_parse *p, const json_t *linux_json, const char *key, char ***ret)
{
    int r = spec_get_texts(p, linux_json, key, ret, NULL);

    if (r < 0)
        return r;
    char **kept = *ret;
    for (char **path = *ret; *path; path++) {
        if (!path_is_absolute(*path))
            return error_set_plain(
                    p->err, EINVAL, NULL, "%s: \"%s\" is not an absolute path", key, *path);
        if (!is_listed(*ret, kept, *path))
            *kept++ = *path;
    }
    *kept = NULL;
    return 0;
}

static int parse_user_namespace(struct spec_parse *p, const json_t *linux_json)
{
    struct runtime_spec *spec = p->spec;
    enum namespace_mode mode = spec->namespaces[NAMESPACE_USER].mode;
    int r = spec_get_mappings(p, linux_json, "uidMappings", &spec->uid_mappings);

    if (r >= 0)
        r = spec_get_mappings(p, linux_json, "gidMappings", &spec->gid_mappings);
    if (r < 0)
        return r;
    bool mapped = spec->uid_mappings.count + spec->gid_mappings.count > 0;
    if (mapped && mode == NAMESPACE_HOST)
        return error_set_plain(
                p->err, EINVAL, NULL, "uidMappings and gidMappings need a user namespace");
    if (mode == NAMESPACE_PRIVATE &&
            (spec->uid_mappings.count == 0 || spec->gid_mappings.count == 0))
        return error_set_plain(p->err, EINVAL, NULL,
                "namespaces: a user namespace needs uidMappings and gidMappings");
    for (size_t i = 0; i < spec->mount_count; i++) {
        const struct runtime_mount *m = &spec->mounts[i];

        if (m->idmap != MOUNT_IDMAP_NONE && m->uid_mappings.count == 0 && mode == NAMESPACE_HOST)
            return error_set_plain(p->err, EINVAL, NULL,
                    "mount of \"%s\": \"idmap\" needs mappings or a user namespace",
                    m->destination);
    }
    return 0;
}

static int parse_time_offsets(struct spec_parse *p, const json_t *linux_json)
{
    static const char *const clocks[TIME_CLOCK_MAX_] = {
        [TIME_MONOTONIC] = "monotonic",
        [TIME_BOOTTIME] = "boottime",
    };
    json_t *object = NULL, *value;
    const char *key;
    int r = jsonx_get_object(linux_json, "timeOffsets", &object, p->err);

    if (r < 0 || json_object_size(object) == 0)
        return r;
    if (p->spec->namespaces[NAMESPACE_TIME].mode != NAMESPACE_PRIVATE)
        return error_set_plain(
                p->err, EINVAL, NULL, "timeOffsets need a time namespace of the container's own");
    json_object_foreach(object, key, value)
    {
        int64_t sec = 0, nsec = 0;
        int clock = 0;

        while (clock < TIME_CLOCK_MAX_ && strcmp(key, clocks[clock]) != 0)
            clock++;
        if (clock == TIME_CLOCK_MAX_)
            return error_set_plain(p->err, EINVAL, NULL, "timeOffsets: unknown clock \"%s\"", key);
        r = spec_get_number(p, value, "secs", INT64_MIN, INT64_MAX, &sec);
        if (r >= 0)
            r = spec_get_number(p, value, "nanosecs", 0, 999999999, &nsec);
        if (r < 0)
            return error_wrap(p->err, r, "timeOffsets.%s", key);
        p->spec->time_offsets[clock] = (struct time_offset){ true, sec, (uint32_t)nsec };
    }
    return 0;
}

/* Either a path below the mount points, or, with colons, names for systemd. */
static int check_cgroups_path(struct spec_parse *p)
{
    struct runtime_spec *spec = p->spec;

    if (strchr(spec->cgroups_path, ':')) {
        spec->cgroup_units = spec->cgroups_path;
        spec->cgroups_path = NULL;
        return 0;
    }
    const char *path = path_join(p->arena, "/", spec->cgroups_path);
    if (strcmp(path, "/") == 0)
        return error_set_plain(p->err, EINVAL, NULL,
                "cgroupsPath: \"%s\" is the root of all control groups", spec->cgroups_path);
    spec->cgroups_path = path;
    return 0;
}

/* Even an empty object asks for a group of its own. */
static int refuse_rdt(struct spec_parse *p, const json_t *linux_json)
{
    const json_t *rdt = json_object_get(linux_json, "intelRdt");

    if (!rdt || json_is_null(rdt))
        return 0;
    return error_set_plain(p->err, EOPNOTSUPP, NULL, "linux.intelRdt: Intel RDT is not supported");
}

static int parse_linux(struct spec_parse *p, const json_t *root)
{
    struct runtime_spec *spec = p->spec;
    json_t *object = NULL, *resources = NULL, *seccomp = NULL;
    const char *propagation = NULL;
    int r = jsonx_get_object(root, "linux", &object, p->err);

    if (r < 0)
        return r;
    if (!object)
        return error_set_plain(p->err, EINVAL, NULL, "member \"linux\" is missing");
    r = parse_namespaces(p, object);
    if (r >= 0)
        r = parse_devices(p, object);
    if (r >= 0)
        r = parse_sysctls(p, object);
    if (r >= 0)
        r = parse_paths(p, object, "maskedPaths", &spec->masked_paths);
    if (r >= 0)
        r = parse_paths(p, object, "readonlyPaths", &spec->readonly_paths);
    if (r >= 0)
        r = spec_get_text(p, object, "cgroupsPath", &spec->cgroups_path);
    if (r >= 0)
        r = spec_get_text(p, object, "rootfsPropagation", &propagation);
    if (r >= 0)
        r = jsonx_get_object(object, "resources", &resources, p->err);
    if (r >= 0)
        r = resources_parse(p->arena, resources, &spec->resources, p->err);
    if (r >= 0)
        r = jsonx_get_object(object, "seccomp", &seccomp, p->err);
    if (r >= 0)
        r = spec_get_text(p, seccomp, "listenerPath", &spec->seccomp_listener);
    if (r >= 0)
        r = spec_get_text(p, seccomp, "listenerMetadata", &spec->seccomp_metadata);
    if (r >= 0 && spec->seccomp_metadata && !spec->seccomp_listener)
        r = error_set_plain(p->err, EINVAL, NULL, "seccomp: listenerMetadata needs a listenerPath");
    if (r >= 0)
        r = parse_user_namespace(p, object);
    if (r >= 0)
        r = parse_time_offsets(p, object);
    if (r >= 0)
        r = spec_get_text(p, object, "mountLabel", &spec->mount_label);
    if (r >= 0)
        r = refuse_rdt(p, object);
    if (r >= 0)
        r = spec_refuse(p, object, "netDevices", "moving network devices");
    if (r < 0)
        return r;
    if (spec->cgroups_path) {
        r = check_cgroups_path(p);
        if (r < 0)
            return r;
    }
    spec->rootfs_propagation = MS_PRIVATE | MS_REC;
    if (propagation) {
        /* Recursive or not makes no difference to how runc treats it. */
        spec->rootfs_propagation = mount_propagation_parse(propagation) | MS_REC;
        if (spec->rootfs_propagation == MS_REC)
            return error_set_plain(
                    p->err, EINVAL, NULL, "rootfsPropagation: unknown value \"%s\"", propagation);
    }
    spec->seccomp = seccomp;
    return 0;
}

static int parse_annotations(struct spec_parse *p, const json_t *root)
{
    struct runtime_spec *spec = p->spec;
    json_t *object = NULL, *value;
    const char *key;
    int r = jsonx_get_object(root, "annotations", &object, p->err);

    if (r < 0)
        return r;
    spec->annotations = ARENA_NEW_ARRAY(
            p->arena, json_object_size(object) + 1, struct runtime_annotation);
    json_object_foreach(object, key, value)
    {
        if (!*key || !json_is_string(value))
            return error_set_plain(
                    p->err, EINVAL, NULL, "annotations: \"%s\" is not a name with a text", key);
        spec->annotations[spec->annotation_count++] = (struct runtime_annotation){
            .key = arena_strdup(p->arena, key),
            .value = arena_strdup(p->arena, json_string_value(value)),
        };
    }
    return 0;
}

static int parse_root(struct spec_parse *p, const json_t *root)
{
    struct runtime_spec *spec = p->spec;
    json_t *object = NULL;
    int r = jsonx_get_object(root, "root", &object, p->err);

    if (r >= 0)
        r = spec_get_text(p, object, "path", &spec->root_path);
    if (r >= 0)
        r = jsonx_get_bool(object, "readonly", &spec->root_readonly, p->err);
    if (r >= 0)
        r = spec_get_text(p, root, "ociVersion", &spec->oci_version);
    if (r >= 0)
        r = spec_get_text(p, root, "hostname", &spec->hostname);
    if (r >= 0)
        r = spec_get_text(p, root, "domainname", &spec->domainname);
    if (r < 0)
        return r;
    if (!spec->oci_version || !string_has_prefix(spec->oci_version, "1."))
        return error_set_plain(p->err, EINVAL, NULL,
                "ociVersion: \"%s\" is not a version 1 of the OCI runtime specification",
                spec->oci_version ? spec->oci_version : "");
    if (spec->hostname && strlen(spec->hostname) > LIMIT_HOSTNAME_BYTES)
        return error_set_plain(p->err, EINVAL, NULL, "hostname: \"%s\" is longer than %d bytes",
                spec->hostname, LIMIT_HOSTNAME_BYTES);
    return 0;
}

static int check_domainname(const struct runtime_spec *spec, struct error **err)
{
    for (size_t i = 0; spec->domainname && i < spec->sysctl_count; i++) {
        if (strcmp(spec->sysctls[i].key, "kernel.domainname") == 0 &&
                strcmp(spec->sysctls[i].value, spec->domainname) != 0)
            return error_set_plain(err, EINVAL, NULL,
                    "linux.sysctl: kernel.domainname is not the \"domainname\" of the configuration");
    }
    return 0;
}

int runtime_spec_parse(
        struct arena *arena, const json_t *root, struct runtime_spec **ret, struct error **err)
{
    struct runtime_spec *spec = ARENA_NEW(arena, struct runtime_spec);
    struct spec_parse p = { arena, spec, err };
    int r;

    if (!json_is_object(root))
        return error_set_plain(err, EINVAL, NULL, "the OCI configuration is not an object");
    r = parse_root(&p, root);
    if (r >= 0)
        r = spec_parse_process(&p, root);
    if (r >= 0)
        r = spec_parse_mounts(&p, root);
    if (r >= 0)
        r = parse_linux(&p, root);
    if (r >= 0)
        r = spec_parse_hooks(&p, root);
    if (r >= 0)
        r = parse_annotations(&p, root);
    if (r < 0)
        return error_wrap(err, r, "the OCI configuration cannot be used");
    if ((spec->hostname || spec->domainname) &&
            spec->namespaces[NAMESPACE_UTS].mode == NAMESPACE_HOST)
        return error_set_plain(
                err, EINVAL, NULL, "unable to set hostname without a private UTS namespace");
    *ret = spec;
    return check_domainname(spec, err);
}

int runtime_process_parse(struct arena *arena, const json_t *process, struct runtime_process **ret,
        struct strings *ret_warnings, struct error **err)
{
    struct runtime_spec *spec = ARENA_NEW(arena, struct runtime_spec);
    auto_json json_t *root = json_object();
    struct spec_parse p = { .arena = arena, .spec = spec, .err = err };

    json_object_set(root, "process", (json_t *)(uintptr_t)process);
    int r = spec_parse_process(&p, root);
    if (r < 0)
        return error_wrap(err, r, "the process cannot be started");
    *ret = &spec->process;
    *ret_warnings = spec->warnings;
    return 0;
}
