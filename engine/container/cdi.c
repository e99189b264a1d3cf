#include "engine/container/cdi.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/str.h"

static const char *const default_dirs[] = { "/etc/cdi", "/run/cdi" };

/* The files that were read, as one array of objects; what lies later wins. */
struct registry {
    json_t *specs;
    bool has_yaml;
};

static void registry_release(struct registry *registry)
{
    json_decref(registry->specs);
}

bool cdi_is_device(const char *text)
{
    const char *slash = strchr(text, '/'), *eq = strchr(text, '=');

    return *text != '/' && slash && slash > text && eq && eq > slash + 1 && eq[1];
}

/* ---- Reading ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_spec(struct registry *registry, int dir_fd, const char *dir, const char *name,
        struct error **err)
{
    auto_json json_t *spec = NULL;
    const char *kind = NULL;
    int r = jsonx_read_file(dir_fd, name, &spec, err);

    if (r >= 0)
        r = jsonx_get_string(spec, "kind", &kind, err);
    if (r >= 0 && !kind)
        r = error_set_plain(err, EINVAL, NULL, "it has no kind");
    if (r < 0)
        return error_wrap(err, r, "cannot use the device description \"%s/%s\"", dir, name);
    json_array_append(registry->specs, spec);
    return 0;
}

static int read_dir(
        struct registry *registry, struct arena *arena, const char *path, struct error **err)
{
    struct strings names = { 0 };
    const struct dirent *entry;
    auto_closedir DIR *dir = opendir(path);
    int r = 0;

    if (!dir)
        return errno == ENOENT ? 0 : error_set(err, errno, NULL, "cannot read \"%s\"", path);
    while ((entry = readdir(dir))) {
        if (string_has_suffix(entry->d_name, ".json"))
            *ARRAY_APPEND_ARENA(arena, &names) = arena_strdup(arena, entry->d_name);
        registry->has_yaml |= string_has_suffix(entry->d_name, ".yaml") ||
                              string_has_suffix(entry->d_name, ".yml");
    }
    if (names.len)
        qsort(names.items, names.len, sizeof(*names.items), compare_names);
    for (size_t i = 0; r >= 0 && i < names.len; i++)
        r = read_spec(registry, dirfd(dir), path, names.items[i], err);
    return r;
}

static int find_device(const struct registry *registry, const char *device, json_t **ret_spec,
        json_t **ret_device, struct error **err)
{
    struct str kind, name = str_from(device);

    str_split_next(&name, '=', &kind);
    for (size_t i = json_array_size(registry->specs); i-- > 0;) {
        json_t *spec = json_array_get(registry->specs, i), *entry;
        size_t k;

        if (!str_is_equal_z(kind, jsonx_string(spec, "kind")))
            continue;
        json_array_foreach(json_object_get(spec, "devices"), k, entry)
        {
            const char *own = jsonx_string(entry, "name");

            if (!own || !str_is_equal_z(name, own))
                continue;
            *ret_spec = spec;
            *ret_device = entry;
            return 0;
        }
    }
    int r = error_set_plain(
            err, ENOENT, NULL, "CDI device injection failed: unresolvable CDI devices %s", device);
    if (registry->has_yaml)
        error_hint(err, "descriptions of devices are read as JSON only, and there are YAML files");
    return r;
}

/* ---- Edits ---- */

static json_t *member(json_t *object, const char *key, bool array)
{
    if (!json_object_get(object, key))
        json_object_set_new(object, key, array ? json_array() : json_object());
    return json_object_get(object, key);
}

static int refuse_others(
        const json_t *object, const char *const *known, const char *what, struct error **err)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, key, value)
    {
        const char *const *it = known;

        while (*it && strcmp(*it, key) != 0)
            it++;
        if (!*it)
            return error_set_plain(
                    err, EOPNOTSUPP, NULL, "\"%s\" of %s is not supported", key, what);
    }
    return 0;
}

static int add_node(json_t *spec, const json_t *node, struct error **err)
{
    static const char *const known[] = { "path", "hostPath", "type", "major", "minor", "fileMode",
        "permissions", "uid", "gid", NULL };
    const char *path = jsonx_string(node, "path"), *host = jsonx_string(node, "hostPath");
    const char *type = jsonx_string(node, "type"), *access = jsonx_string(node, "permissions");
    int64_t number[2] = { jsonx_int(node, "major", -1), jsonx_int(node, "minor", -1) };
    int64_t mode = jsonx_int(node, "fileMode", 0);
    struct stat st;
    int r = refuse_others(node, known, "a device node", err);

    if (r < 0)
        return r;
    if (!path)
        return error_set_plain(err, EINVAL, NULL, "a device node has no path");
    if (!type || number[0] < 0 || number[1] < 0 || mode == 0) {
        if (stat(host ? host : path, &st) < 0)
            return error_set(err, errno, NULL, "cannot use the device \"%s\"", host ? host : path);
        if (!S_ISCHR(st.st_mode) && !S_ISBLK(st.st_mode))
            return error_set_plain(err, EINVAL, NULL, "\"%s\" is no device", host ? host : path);
        type = type ? type : S_ISBLK(st.st_mode) ? "b" : "c";
        number[0] = number[0] < 0 ? (int64_t)major(st.st_rdev) : number[0];
        number[1] = number[1] < 0 ? (int64_t)minor(st.st_rdev) : number[1];
        mode = mode ? mode : (int64_t)(st.st_mode & 07777);
    }
    json_t *linux_part = member(spec, "linux", false);
    json_array_append_new(member(linux_part, "devices", true),
            json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "path", path, "type", type, "major",
                    (json_int_t)number[0], "minor", (json_int_t)number[1], "fileMode",
                    (json_int_t)mode, "uid", (json_int_t)jsonx_int(node, "uid", 0), "gid",
                    (json_int_t)jsonx_int(node, "gid", 0)));
    json_array_append_new(member(member(linux_part, "resources", false), "devices", true),
            json_pack("{s:b, s:s, s:I, s:I, s:s}", "allow", true, "type", type, "major",
                    (json_int_t)number[0], "minor", (json_int_t)number[1], "access",
                    access ? access : "rwm"));
    return 0;
}

static int add_mount(json_t *spec, const json_t *mount, struct error **err)
{
    static const char *const known[] = { "hostPath", "containerPath", "type", "options", NULL };
    const char *source = jsonx_string(mount, "hostPath");
    const char *target = jsonx_string(mount, "containerPath"), *type = jsonx_string(mount, "type");
    json_t *options = json_object_get(mount, "options");
    int r = refuse_others(mount, known, "a mount", err);

    if (r < 0)
        return r;
    if (!source || !target)
        return error_set_plain(err, EINVAL, NULL, "a mount has no hostPath or no containerPath");
    json_t *entry = json_pack("{s:s, s:s, s:s}", "destination", target, "type",
            type ? type : "bind", "source", source);
    if (json_array_size(options) > 0)
        json_object_set(entry, "options", options);
    else
        json_object_set_new(
                entry, "options", json_pack("[s, s, s, s]", "ro", "nosuid", "nodev", "rbind"));
    json_array_append_new(member(spec, "mounts", true), entry);
    return 0;
}

static int add_hook(json_t *spec, const json_t *hook, struct error **err)
{
    static const char *const known[] = { "hookName", "path", "args", "env", "timeout", NULL };
    const char *name = jsonx_string(hook, "hookName");
    int r = refuse_others(hook, known, "a hook", err);

    if (r < 0)
        return r;
    if (!name || !jsonx_string(hook, "path"))
        return error_set_plain(err, EINVAL, NULL, "a hook has no hookName or no path");
    json_t *entry = json_deep_copy(hook);
    json_object_del(entry, "hookName");
    json_array_append_new(member(member(spec, "hooks", false), name, true), entry);
    return 0;
}

static int apply_edits(const json_t *edits, json_t *spec, struct error **err)
{
    static const char *const known[] = { "env", "deviceNodes", "mounts", "hooks", NULL };
    static const struct {
        const char *key;
        int (*add)(json_t *spec, const json_t *edit, struct error **err);
    } lists[] = {
        { "deviceNodes", add_node },
        { "mounts", add_mount },
        { "hooks", add_hook },
    };
    json_t *env = json_object_get(edits, "env"), *entry;
    size_t k;
    int r = refuse_others(edits, known, "the edits", err);

    if (r >= 0 && json_is_array(env))
        json_array_extend(member(member(spec, "process", false), "env", true), env);
    for (size_t i = 0; r >= 0 && i < ARRAY_LEN(lists); i++) {
        json_array_foreach(json_object_get(edits, lists[i].key), k, entry)
        {
            r = lists[i].add(spec, entry, err);
            if (r < 0)
                break;
        }
    }
    return r;
}

/* The edits of all devices of a file count once, however many of them are used. */
static bool is_new(json_t *used, json_t *spec)
{
    json_t *entry;
    size_t i;

    json_array_foreach(used, i, entry) if (entry == spec) return false;
    json_array_append(used, spec);
    return true;
}

int cdi_apply_from(const char *const *dirs, size_t dir_count, char *const *devices, json_t *spec,
        struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(registry_release) struct registry registry = { .specs = json_array() };
    auto_json json_t *used = json_array();
    int r = 0;

    if (!devices || !*devices)
        return 0;
    for (size_t i = 0; r >= 0 && i < dir_count; i++)
        r = read_dir(&registry, &arena, dirs[i], err);
    for (; r >= 0 && *devices; devices++) {
        json_t *file = NULL, *device = NULL;

        r = find_device(&registry, *devices, &file, &device, err);
        if (r < 0)
            return r;
        if (is_new(used, file))
            r = apply_edits(json_object_get(file, "containerEdits"), spec, err);
        if (r >= 0)
            r = apply_edits(json_object_get(device, "containerEdits"), spec, err);
        if (r < 0)
            return error_wrap(err, r, "CDI device injection failed: %s", *devices);
    }
    return r;
}

int cdi_apply(char *const *devices, json_t *spec, struct error **err)
{
    return cdi_apply_from(default_dirs, ARRAY_LEN(default_dirs), devices, spec, err);
}
