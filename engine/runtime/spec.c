#include "engine/runtime/spec.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "engine/runtime/mount-options.h"
#include "engine/runtime/resources-internal.h"

#define SPEC_MOUNTS_MAX 4096
#define SPEC_LIST_MAX 65536 /* arguments, variables, devices, paths */
#define DEFAULT_UMASK 0022

const char *const namespace_type_names[NAMESPACE_MAX_] = {
    [NAMESPACE_MOUNT] = "mount",
    [NAMESPACE_UTS] = "uts",
    [NAMESPACE_IPC] = "ipc",
    [NAMESPACE_PID] = "pid",
    [NAMESPACE_NETWORK] = "network",
    [NAMESPACE_CGROUP] = "cgroup",
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
        [NAMESPACE_USER] = CLONE_NEWUSER,
    };

    return flags[type];
}

/* What one parse needs everywhere. */
struct parse {
    struct arena *arena;
    struct runtime_spec *spec;
    struct error **err;
};

static int get_text(struct parse *p, const json_t *object, const char *key, const char **ret)
{
    const char *text = NULL;
    int r = jsonx_get_string(object, key, &text, p->err);

    if (r < 0)
        return r;
    *ret = string_is_empty(text) ? NULL : arena_strdup(p->arena, text);
    return 0;
}

static int get_number(struct parse *p, const json_t *object, const char *key, int64_t min,
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
static int get_texts(
        struct parse *p, const json_t *object, const char *key, char ***ret, size_t *ret_len)
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

static int refuse(struct parse *p, const json_t *object, const char *key, const char *what)
{
    const json_t *value = json_object_get(object, key);

    if (!value || json_is_null(value) || json_is_false(value) ||
            (json_is_string(value) && json_string_length(value) == 0) ||
            (json_is_array(value) && json_array_size(value) == 0) ||
            (json_is_object(value) && json_object_size(value) == 0))
        return 0;
    return error_set_plain(p->err, EOPNOTSUPP, NULL, "%s (\"%s\") is not supported", what, key);
}

/* ---- process ---- */

static int parse_user(struct parse *p, const json_t *process)
{
    struct runtime_process *ret = &p->spec->process;
    json_t *user = NULL, *groups = NULL;
    int64_t uid = 0, gid = 0, mask = DEFAULT_UMASK;
    int r = jsonx_get_object(process, "user", &user, p->err);

    if (r >= 0)
        r = get_number(p, user, "uid", 0, INT32_MAX, &uid);
    if (r >= 0)
        r = get_number(p, user, "gid", 0, INT32_MAX, &gid);
    if (r >= 0)
        r = get_number(p, user, "umask", 0, 0777, &mask);
    if (r >= 0)
        r = jsonx_get_array(user, "additionalGids", &groups, p->err);
    if (r < 0)
        return r;
    ret->uid = (uid_t)uid;
    ret->gid = (gid_t)gid;
    ret->umask = (mode_t)mask;
    if (json_array_size(groups) > SPEC_LIST_MAX)
        return error_set_plain(p->err, E2BIG, NULL, "additionalGids has too many entries");
    ret->groups = ARENA_NEW_ARRAY(p->arena, json_array_size(groups) + 1, gid_t);
    for (size_t i = 0; i < json_array_size(groups); i++) {
        const json_t *group = json_array_get(groups, i);
        json_int_t number = json_is_integer(group) ? json_integer_value(group) : -1;

        if (number < 0 || number > INT32_MAX)
            return error_set_plain(p->err, EINVAL, NULL,
                    "additionalGids: uids and gids must be in range 0-2147483647");
        ret->groups[ret->group_count++] = (gid_t)number;
    }
    return 0;
}

static int parse_capabilities(struct parse *p, const json_t *process)
{
    struct capability_sets *sets = &p->spec->process.capabilities;
    const struct {
        const char *key;
        uint64_t *mask;
    } members[] = {
        { "bounding", &sets->bounding },
        { "effective", &sets->effective },
        { "permitted", &sets->permitted },
        { "inheritable", &sets->inheritable },
        { "ambient", &sets->ambient },
    };
    json_t *object = NULL;
    int r = jsonx_get_object(process, "capabilities", &object, p->err);

    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(members); i++) {
        json_t *list = NULL;

        r = jsonx_get_array(object, members[i].key, &list, p->err);
        for (size_t n = 0; r >= 0 && n < json_array_size(list); n++) {
            const char *name = json_string_value(json_array_get(list, n));
            int cap = name ? capability_parse(str_from(name)) : -EINVAL;

            if (cap < 0)
                return error_set_plain(
                        p->err, EINVAL, NULL, "invalid capability: \"%s\"", name ? name : "");
            *members[i].mask |= UINT64_C(1) << cap;
        }
    }
    return r;
}

static const struct {
    const char *name;
    int resource;
} rlimit_names[] = {
    { "RLIMIT_AS", RLIMIT_AS },
    { "RLIMIT_CORE", RLIMIT_CORE },
    { "RLIMIT_CPU", RLIMIT_CPU },
    { "RLIMIT_DATA", RLIMIT_DATA },
    { "RLIMIT_FSIZE", RLIMIT_FSIZE },
    { "RLIMIT_LOCKS", RLIMIT_LOCKS },
    { "RLIMIT_MEMLOCK", RLIMIT_MEMLOCK },
    { "RLIMIT_MSGQUEUE", RLIMIT_MSGQUEUE },
    { "RLIMIT_NICE", RLIMIT_NICE },
    { "RLIMIT_NOFILE", RLIMIT_NOFILE },
    { "RLIMIT_NPROC", RLIMIT_NPROC },
    { "RLIMIT_RSS", RLIMIT_RSS },
    { "RLIMIT_RTPRIO", RLIMIT_RTPRIO },
    { "RLIMIT_RTTIME", RLIMIT_RTTIME },
    { "RLIMIT_SIGPENDING", RLIMIT_SIGPENDING },
    { "RLIMIT_STACK", RLIMIT_STACK },
};

/* -1 and 2^64-1 are both "unlimited"; jansson reads the latter as a real or refuses it. */
static int rlimit_value(struct parse *p, const json_t *item, const char *key, rlim_t *ret)
{
    const json_t *value = json_object_get(item, key);

    if (json_is_real(value) && json_real_value(value) >= 9.2e18) {
        *ret = RLIM_INFINITY;
        return 0;
    }
    if (!json_is_integer(value) || json_integer_value(value) < -1)
        return error_set_plain(
                p->err, EINVAL, NULL, "rlimits: member \"%s\": expected a number", key);
    *ret = json_integer_value(value) < 0 ? RLIM_INFINITY : (rlim_t)json_integer_value(value);
    return 0;
}

static int parse_rlimits(struct parse *p, const json_t *process)
{
    struct runtime_process *ret = &p->spec->process;
    json_t *list = NULL;
    int r = jsonx_get_array(process, "rlimits", &list, p->err);

    if (r < 0)
        return r;
    if (json_array_size(list) > ARRAY_LEN(rlimit_names) * 2)
        return error_set_plain(p->err, E2BIG, NULL, "rlimits has too many entries");
    ret->rlimits = ARENA_NEW_ARRAY(p->arena, json_array_size(list) + 1, struct runtime_rlimit);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct runtime_rlimit limit = { .resource = -1 };
        const char *type = jsonx_string(item, "type");

        for (size_t n = 0; n < ARRAY_LEN(rlimit_names); n++) {
            if (string_is_equal(type, rlimit_names[n].name)) {
                limit.resource = rlimit_names[n].resource;
                limit.name = rlimit_names[n].name;
            }
        }
        if (limit.resource < 0)
            return error_set_plain(
                    p->err, EINVAL, NULL, "rlimits: unknown limit \"%s\"", type ? type : "");
        for (size_t n = 0; n < ret->rlimit_count; n++) {
            if (ret->rlimits[n].resource == limit.resource)
                return error_set_plain(p->err, EINVAL, NULL, "rlimits: %s is given twice", type);
        }
        r = rlimit_value(p, item, "soft", &limit.value.rlim_cur);
        if (r >= 0)
            r = rlimit_value(p, item, "hard", &limit.value.rlim_max);
        if (r < 0)
            return r;
        if (limit.value.rlim_cur > limit.value.rlim_max)
            return error_set_plain(p->err, EINVAL, NULL,
                    "rlimits: %s: the soft limit is above the hard one", type);
        ret->rlimits[ret->rlimit_count++] = limit;
    }
    return 0;
}

static int parse_console_size(struct parse *p, const json_t *process)
{
    json_t *size = NULL;
    int64_t height = 0, width = 0;
    int r = jsonx_get_object(process, "consoleSize", &size, p->err);

    if (r >= 0)
        r = get_number(p, size, "height", 0, UINT16_MAX, &height);
    if (r >= 0)
        r = get_number(p, size, "width", 0, UINT16_MAX, &width);
    if (r < 0)
        return r;
    p->spec->process.console_height = (uint16_t)height;
    p->spec->process.console_width = (uint16_t)width;
    return 0;
}

static int parse_process(struct parse *p, const json_t *root)
{
    struct runtime_process *ret = &p->spec->process;
    json_t *process = NULL;
    int64_t score = INT64_MIN;
    size_t argc = 0;
    int r = jsonx_get_object(root, "process", &process, p->err);

    if (r < 0)
        return r;
    if (!process)
        return error_set_plain(p->err, EINVAL, NULL, "member \"process\" is missing");
    r = jsonx_get_bool(process, "terminal", &ret->terminal, p->err);
    if (r >= 0)
        r = parse_console_size(p, process);
    if (r >= 0)
        r = parse_user(p, process);
    if (r >= 0)
        r = get_texts(p, process, "args", &ret->args, &argc);
    if (r >= 0)
        r = get_texts(p, process, "env", &ret->env, NULL);
    if (r >= 0)
        r = get_text(p, process, "cwd", &ret->cwd);
    if (r >= 0)
        r = parse_capabilities(p, process);
    if (r >= 0)
        r = parse_rlimits(p, process);
    if (r >= 0)
        r = jsonx_get_bool(process, "noNewPrivileges", &ret->no_new_privileges, p->err);
    if (r >= 0)
        r = jsonx_get_int(process, "oomScoreAdj", &score, p->err);
    if (r >= 0)
        r = refuse(p, process, "apparmorProfile", "an AppArmor profile");
    if (r >= 0)
        r = refuse(p, process, "selinuxLabel", "an SELinux label");
    if (r >= 0)
        r = refuse(p, process, "scheduler", "a scheduler");
    if (r >= 0)
        r = refuse(p, process, "ioPriority", "an I/O priority");
    if (r >= 0)
        r = refuse(p, process, "execCPUAffinity", "a CPU affinity of exec");
    if (r < 0)
        return r;
    if (score != INT64_MIN) {
        if (score < -1000 || score > 1000)
            return error_set_plain(p->err, ERANGE, NULL,
                    "Invalid value %lld, range for oom score adj is [-1000, 1000]",
                    (long long)score);
        ret->has_oom_score_adj = true;
        ret->oom_score_adj = (int)score;
    }
    if (argc == 0)
        return error_set_plain(p->err, EINVAL, NULL, "process.args: no command specified");
    for (char **env = ret->env; *env; env++) {
        const char *equals = strchr(*env, '=');

        if (!equals || equals == *env)
            return error_set_plain(p->err, EINVAL, NULL,
                    "process.env: \"%s\" is not of the form NAME=value", *env);
    }
    if (!ret->cwd || !path_is_absolute(ret->cwd))
        return error_set_plain(p->err, EINVAL, NULL,
                "process.cwd: the working directory '%s' is invalid, it needs to be an absolute path",
                ret->cwd ? ret->cwd : "");
    return 0;
}

/* ---- mounts ---- */

static int apply_option(
        struct parse *p, struct runtime_mount *mount, struct strbuf *data, const char *word)
{
    const struct mount_option *option = mount_option_find(str_from(word));

    if (!option) {
        if (data->len > 0)
            strbuf_addc(data, ',');
        strbuf_adds(data, word);
        return 0;
    }
    if (option->refused)
        return error_set_plain(p->err, EOPNOTSUPP, NULL, "mount of \"%s\": %s", mount->destination,
                option->refused);
    if (option->clear) {
        mount->flags &= ~option->flags;
        mount->flags_cleared |= option->flags;
    } else {
        mount->flags |= option->flags;
        mount->flags_cleared &= ~option->flags;
    }
    if (option->propagation)
        mount->propagation = option->propagation;
    mount->recursive_set = (mount->recursive_set & ~option->recursive_clear) |
                           option->recursive_set;
    mount->recursive_cleared = (mount->recursive_cleared & ~option->recursive_set) |
                               option->recursive_clear;
    mount->optional |= option->optional;
    return 0;
}

static int parse_mount(struct parse *p, const json_t *json, struct runtime_mount *ret)
{
    auto_(strbuf_release) struct strbuf data = STRBUF_INIT(LIMIT_PATH_BYTES - 1);
    struct runtime_mount mount = { 0 };
    char **options = NULL;
    int r = get_text(p, json, "destination", &mount.destination);

    if (r >= 0)
        r = get_text(p, json, "type", &mount.type);
    if (r >= 0)
        r = get_text(p, json, "source", &mount.source);
    if (r >= 0)
        r = get_texts(p, json, "options", &options, NULL);
    if (r >= 0)
        r = refuse(p, json, "uidMappings", "an id-mapped mount");
    if (r >= 0)
        r = refuse(p, json, "gidMappings", "an id-mapped mount");
    if (r < 0)
        return r;
    if (!mount.destination)
        return error_set_plain(p->err, EINVAL, NULL, "mounts: an entry has no destination");
    /* A relative destination is below "/", as it was before runtime-spec 1.1. */
    mount.destination = path_join(p->arena, "/", mount.destination);
    for (char **option = options; *option; option++) {
        r = apply_option(p, &mount, &data, *option);
        if (r < 0)
            return r;
    }
    if (strbuf_is_truncated(&data))
        return error_set_plain(
                p->err, E2BIG, NULL, "mount of \"%s\": too many options", mount.destination);
    if (string_is_equal(mount.type, "bind") && !(mount.flags & MS_BIND))
        mount.flags |= MS_BIND | MS_REC;
    if (mount.flags & MS_BIND)
        mount.type = "bind";
    if (!mount.type)
        return error_set_plain(p->err, EINVAL, NULL, "mount of \"%s\": no type", mount.destination);
    if (mount.flags & MS_BIND) {
        if (!mount.source)
            return error_set_plain(
                    p->err, EINVAL, NULL, "mount of \"%s\": no source", mount.destination);
        if (data.len > 0)
            return error_set_plain(p->err, EINVAL, NULL,
                    "mount of \"%s\": unknown option of a bind: \"%s\"", mount.destination,
                    data.data);
    }
    if (!mount.source)
        mount.source = mount.type;
    mount.data = data.len > 0 ? arena_strdup(p->arena, data.data) : NULL;
    *ret = mount;
    return 0;
}

static int parse_mounts(struct parse *p, const json_t *root)
{
    json_t *list = NULL;
    int r = jsonx_get_array(root, "mounts", &list, p->err);

    if (r < 0)
        return r;
    if (json_array_size(list) > SPEC_MOUNTS_MAX)
        return error_set_plain(
                p->err, E2BIG, NULL, "mounts has more than %d entries", SPEC_MOUNTS_MAX);
    p->spec->mounts = ARENA_NEW_ARRAY(p->arena, json_array_size(list) + 1, struct runtime_mount);
    for (size_t i = 0; i < json_array_size(list); i++) {
        r = parse_mount(p, json_array_get(list, i), &p->spec->mounts[i]);
        if (r < 0)
            return r;
        p->spec->mount_count++;
    }
    return 0;
}

/* ---- linux ---- */

static int parse_namespaces(struct parse *p, const json_t *linux_json)
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
        if (which == NAMESPACE_INVALID || which == NAMESPACE_USER)
            return error_set_plain(p->err, EOPNOTSUPP, NULL,
                    "namespaces: type \"%s\" is not supported", type ? type : "");
        struct runtime_namespace *ns = &p->spec->namespaces[which];
        if (ns->mode != NAMESPACE_HOST)
            return error_set_plain(p->err, EINVAL, NULL, "namespaces: \"%s\" is given twice", type);
        r = get_text(p, item, "path", &ns->path);
        ns->mode = ns->path ? NAMESPACE_JOIN : NAMESPACE_PRIVATE;
    }
    if (r < 0)
        return r;
    /* Everything below mounts; in the host's mount namespace that would be the host's file
     * system. */
    if (p->spec->namespaces[NAMESPACE_MOUNT].mode != NAMESPACE_PRIVATE)
        return error_set_plain(p->err, EOPNOTSUPP, NULL,
                "namespaces: a container needs a mount namespace of its own");
    return 0;
}

static int parse_devices(struct parse *p, const json_t *linux_json)
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

        r = get_text(p, item, "type", &type);
        if (r >= 0)
            r = get_text(p, item, "path", &device->path);
        if (r >= 0)
            r = get_number(p, item, "major", 0, UINT32_MAX, &major);
        if (r >= 0)
            r = get_number(p, item, "minor", 0, UINT32_MAX, &minor);
        if (r >= 0)
            r = get_number(p, item, "fileMode", 0, 07777 | 0170000, &mode);
        if (r >= 0)
            r = get_number(p, item, "uid", 0, INT32_MAX, &uid);
        if (r >= 0)
            r = get_number(p, item, "gid", 0, INT32_MAX, &gid);
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
    return *key && *key != '.' && *key != '/' && !strstr(key, "..") && !strchr(key, '\n');
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

static int parse_sysctls(struct parse *p, const json_t *linux_json)
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
        if (!runtime_sysctl_is_namespaced(p->spec, key))
            return error_set_plain(p->err, EINVAL, NULL,
                    "sysctl \"%s\" is not in a separate kernel namespace", key);
        p->spec->sysctls[p->spec->sysctl_count++] = (struct runtime_sysctl){ .key = arena_strdup(
                                                                                     p->arena, key),
            .value = arena_strdup(p->arena, json_string_value(value)) };
    }
    return 0;
}

static int parse_paths(struct parse *p, const json_t *linux_json, const char *key, char ***ret)
{
    int r = get_texts(p, linux_json, key, ret, NULL);

    if (r < 0)
        return r;
    for (char **path = *ret; *path; path++) {
        if (!path_is_absolute(*path))
            return error_set_plain(
                    p->err, EINVAL, NULL, "%s: \"%s\" is not an absolute path", key, *path);
    }
    return 0;
}

static int parse_linux(struct parse *p, const json_t *root)
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
        r = get_text(p, object, "cgroupsPath", &spec->cgroups_path);
    if (r >= 0)
        r = get_text(p, object, "rootfsPropagation", &propagation);
    if (r >= 0)
        r = jsonx_get_object(object, "resources", &resources, p->err);
    if (r >= 0)
        r = resources_parse(p->arena, resources, &spec->resources, p->err);
    if (r >= 0)
        r = jsonx_get_object(object, "seccomp", &seccomp, p->err);
    if (r >= 0)
        r = refuse(p, object, "uidMappings", "a user namespace");
    if (r >= 0)
        r = refuse(p, object, "gidMappings", "a user namespace");
    if (r >= 0)
        r = refuse(p, object, "timeOffsets", "a time namespace");
    if (r >= 0)
        r = refuse(p, object, "mountLabel", "an SELinux label of mounts");
    if (r >= 0)
        r = refuse(p, object, "intelRdt", "Intel RDT");
    if (r >= 0)
        r = refuse(p, object, "personality", "a personality");
    if (r >= 0)
        r = refuse(p, object, "netDevices", "moving network devices");
    if (r < 0)
        return r;
    if (spec->cgroups_path) {
        if (strchr(spec->cgroups_path, ':'))
            return error_set_plain(p->err, EOPNOTSUPP, NULL,
                    "cgroupsPath: \"%s\": systemd slices are not supported", spec->cgroups_path);
        spec->cgroups_path = path_join(p->arena, "/", spec->cgroups_path);
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

static int parse_root(struct parse *p, const json_t *root)
{
    struct runtime_spec *spec = p->spec;
    json_t *object = NULL;
    int r = jsonx_get_object(root, "root", &object, p->err);

    if (r >= 0)
        r = get_text(p, object, "path", &spec->root_path);
    if (r >= 0)
        r = jsonx_get_bool(object, "readonly", &spec->root_readonly, p->err);
    if (r >= 0)
        r = get_text(p, root, "ociVersion", &spec->oci_version);
    if (r >= 0)
        r = get_text(p, root, "hostname", &spec->hostname);
    if (r >= 0)
        r = get_text(p, root, "domainname", &spec->domainname);
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

int runtime_spec_parse(
        struct arena *arena, const json_t *root, struct runtime_spec **ret, struct error **err)
{
    struct runtime_spec *spec = ARENA_NEW(arena, struct runtime_spec);
    struct parse p = { arena, spec, err };
    int r;

    if (!json_is_object(root))
        return error_set_plain(err, EINVAL, NULL, "the OCI configuration is not an object");
    r = parse_root(&p, root);
    if (r >= 0)
        r = parse_process(&p, root);
    if (r >= 0)
        r = parse_mounts(&p, root);
    if (r >= 0)
        r = parse_linux(&p, root);
    if (r >= 0)
        r = refuse(&p, root, "hooks", "a hook");
    if (r < 0)
        return error_wrap(err, r, "the OCI configuration cannot be used");
    if ((spec->hostname || spec->domainname) &&
            spec->namespaces[NAMESPACE_UTS].mode == NAMESPACE_HOST)
        return error_set_plain(
                err, EINVAL, NULL, "unable to set hostname without a private UTS namespace");
    *ret = spec;
    return 0;
}
