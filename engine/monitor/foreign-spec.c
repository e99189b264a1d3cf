/* What the embedded runtime decides at the start of a container, written into its configuration: the user's numbers
 * and home, the namespace of its network, the reaper, directories within volumes. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "engine/monitor/foreign-internal.h"
#include "engine/monitor/monitor-config.h"
#include "engine/monitor/program-internal.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/container.h"
#include "engine/runtime/mount-options.h"
#include "engine/runtime/user.h"

#define EXIT_NO_USER 128
#define HOME_PREFIX "HOME="
#define SUBDIR_NAME_MAX 32

/* ---- Process ---- */

static int user_error(
        enum user_failure failure, const char *user, const char *added, struct error **err)
{
    const char *colon = strchr(user, ':');

    switch (failure) {
    case USER_GROUP_UNKNOWN:
        return error_set_plain(err, ENOENT, NULL,
                "unable to find group %s: no matching entries in group file",
                colon ? colon + 1 : "");
    case USER_ADDED_UNKNOWN:
        return error_set_plain(err, ENOENT, NULL,
                "unable to find group %s: no matching entries in group file", added);
    case USER_RANGE:
        return error_set_plain(err, ERANGE, NULL, "uids and gids must be in range 0-2147483647");
    case USER_FILE:
        return error_set(err, errno, NULL, "cannot read the container's passwd and group files");
    default:
        return error_set_plain(err, ENOENT, NULL,
                "unable to find user %.*s: no matching entries in passwd file",
                colon ? (int)(colon - user) : (int)strlen(user), user);
    }
}

static bool has_variable(const json_t *env, const char *prefix)
{
    for (size_t i = 0; i < json_array_size(env); i++)
        if (string_has_prefix(json_string_value(json_array_get(env, i)), prefix))
            return true;
    return false;
}

/* A later entry of a name takes the place of an earlier one. */
static void set_variable(json_t *env, const char *entry)
{
    size_t name = strcspn(entry, "=") + 1;

    for (size_t i = 0; i < json_array_size(env); i++) {
        if (strncmp(json_string_value(json_array_get(env, i)), entry, name) == 0) {
            json_array_set_new(env, i, jsonx_text(entry));
            return;
        }
    }
    json_array_append_new(env, jsonx_text(entry));
}

static int set_user(
        json_t *process, int root_fd, const char *text, char *const *group_add, struct error **err)
{
    auto_free struct user_identity *identity = NEW(struct user_identity);
    json_t *user = json_object_get(process, "user"), *groups = json_array();
    size_t index = 0;
    enum user_failure failure = user_resolve(root_fd, text, group_add, identity, &index);

    if (failure != USER_OK) {
        json_decref(groups);
        return user_error(failure, text, group_add ? group_add[index] : "", err);
    }
    for (size_t i = 0; i < identity->group_count; i++)
        json_array_append_new(groups, json_integer(identity->groups[i]));
    json_object_set_new(user, "uid", json_integer(identity->uid));
    json_object_set_new(user, "gid", json_integer(identity->gid));
    json_object_set_new(user, "additionalGids", groups);
    if (!has_variable(json_object_get(process, "env"), HOME_PREFIX)) {
        auto_free char *home = mem_printf(HOME_PREFIX "%s", identity->home);

        json_array_append_new(json_object_get(process, "env"), jsonx_text(home));
    }
    return 0;
}

static void set_terminal(json_t *process, bool terminal, uint16_t height, uint16_t width)
{
    json_object_set_new(process, "terminal", json_boolean(terminal));
    if (terminal && height > 0 && width > 0)
        json_object_set_new(process, "consoleSize",
                json_pack("{s:i, s:i}", "height", (int)height, "width", (int)width));
    else
        json_object_del(process, "consoleSize");
}

/* ---- Bundle ---- */

/* `init: true`, as add_init does for the embedded runtime. */
static void add_reaper(json_t *spec, const struct monitor_config *config)
{
    auto_free char *program = mem_printf("%s/%s", config->libexec_dir, PROGRAM_INIT_NAME);
    json_t *args = json_object_get(json_object_get(spec, "process"), "args");

    json_array_insert_new(args, 0, json_string("--"));
    json_array_insert_new(args, 0, json_string(PROGRAM_INIT_TARGET));
    json_array_append_new(json_object_get(spec, "mounts"),
            json_pack("{s:s, s:s, s:o, s:[sssss]}", "destination", PROGRAM_INIT_TARGET, "type",
                    "bind", "source", jsonx_text(program), "options", "bind", "ro", "nosuid",
                    "nodev", "rprivate"));
}

static void set_namespace_path(json_t *spec, const char *type, const char *path)
{
    json_t *list = json_object_get(json_object_get(spec, "linux"), "namespaces");

    for (size_t i = 0; path && i < json_array_size(list); i++) {
        json_t *entry = json_array_get(list, i);

        if (string_is_equal(jsonx_string(entry, "type"), type))
            json_object_set_new(entry, "path", jsonx_text(path));
    }
}

/* A directory within a volume is found without leaving the volume, and bound where nobody can exchange it. */
static int bind_subdir(const struct foreign *foreign, json_t *entry, const char *subdir,
        size_t index, struct error **err)
{
    const char *source = jsonx_string(entry, "source");
    auto_close int source_fd = open(source, O_PATH | O_DIRECTORY | O_CLOEXEC);
    char name[SUBDIR_NAME_MAX], from[FS_FD_PATH_MAX];
    struct stat st;

    if (source_fd < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", source);
    auto_close int fd = fs_open_in_root(source_fd, subdir, O_PATH, 0, err);
    if (fd < 0)
        return fd;
    snprintf(name, sizeof(name), "subdir%zu", index);
    auto_free char *target = mem_printf("%s/%s", foreign->dir, name);
    if (fstat(fd, &st) < 0)
        return error_set(err, errno, NULL, "cannot look at \"%s\"", subdir);
    int r = S_ISDIR(st.st_mode) ? mkdirat(foreign->dir_fd, name, 0700)
                                : mknodat(foreign->dir_fd, name, S_IFREG | 0600, 0);
    if ((r < 0 && errno != EEXIST) ||
            mount(fs_fd_path(fd, from), target, NULL, MS_BIND | MS_REC, NULL) < 0)
        return error_set(err, errno, NULL, "cannot bind \"%s\" of \"%s\"", subdir, source);
    json_object_set_new(entry, "source", jsonx_text(target));
    return 0;
}

static int resolve_subdirs(const struct foreign *foreign, json_t *mounts, struct error **err)
{
    int r = 0;

    for (size_t i = 0; r >= 0 && i < json_array_size(mounts); i++) {
        json_t *mount = json_array_get(mounts, i), *options = json_object_get(mount, "options");

        for (size_t k = json_array_size(options); r >= 0 && k-- > 0;) {
            auto_free char *option = mem_strdup(json_string_value(json_array_get(options, k)));

            if (!string_has_prefix(option, MOUNT_OPTION_SUBDIR))
                continue;
            json_array_remove(options, k);
            r = bind_subdir(foreign, mount, option + strlen(MOUNT_OPTION_SUBDIR), i, err);
        }
    }
    return r;
}

int foreign_write_spec(const struct foreign *foreign, const struct foreign_create *options,
        int root_fd, int *ret_exit_code, struct error **err)
{
    const struct monitor_config *config = options->config;
    auto_json json_t *spec = NULL;
    int r = jsonx_read_file(foreign->run_fd, MONITOR_SPEC_FILE, &spec, err);

    if (r < 0)
        return r;
    json_t *process = json_object_get(spec, "process");
    json_object_set_new(
            json_object_get(spec, "root"), "path", jsonx_text(options->rootfs->mount_point));
    set_terminal(process, options->terminal, options->console_height, options->console_width);
    r = set_user(process, root_fd, config->user, config->group_add, err);
    if (r < 0) {
        *ret_exit_code = EXIT_NO_USER;
        return r;
    }
    if (config->init)
        add_reaper(spec, config);
    set_namespace_path(spec, "network", config->netns_path);
    r = resolve_subdirs(foreign, json_object_get(spec, "mounts"), err);
    return r < 0 ? r : jsonx_write_file(foreign->dir_fd, FOREIGN_SPEC_FILE, spec, 0600, false, err);
}

/* ---- Exec ---- */

static json_t *all_capabilities(void)
{
    static const char *const sets[] = { "bounding", "effective", "permitted" };
    uint64_t own = capability_own_bounding_set();
    json_t *capabilities = json_object();

    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        json_t *names = json_array();

        for (unsigned cap = 0; capability_name(cap); cap++)
            if (own & (UINT64_C(1) << cap))
                json_array_append_new(names, json_string(capability_name(cap)));
        json_object_set_new(capabilities, sets[i], names);
    }
    return capabilities;
}

/* The home of the container's user is not that of another. */
static void forget_home(json_t *env, const json_t *original)
{
    if (has_variable(original, HOME_PREFIX))
        return;
    for (size_t i = json_array_size(env); i-- > 0;)
        if (string_has_prefix(json_string_value(json_array_get(env, i)), HOME_PREFIX))
            json_array_remove(env, i);
}

static int become_user(json_t *process, const struct foreign *foreign,
        const struct foreign_exec *options, struct error **err)
{
    auto_json json_t *original = NULL;
    char path[48];
    int r = jsonx_read_file(foreign->run_fd, MONITOR_SPEC_FILE, &original, err);

    if (r < 0)
        return r;
    forget_home(json_object_get(process, "env"),
            json_object_get(json_object_get(original, "process"), "env"));
    snprintf(path, sizeof(path), "/proc/%d/root", (int)options->pid);
    auto_close int root_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return error_set(err, errno, NULL, "cannot open the container's root directory");
    return set_user(process, root_fd, options->user, options->config->group_add, err);
}

int foreign_write_process(const struct foreign *foreign, const struct foreign_exec *options,
        const char *name, int *ret_exit_code, struct error **err)
{
    auto_json json_t *spec = NULL;
    int r = jsonx_read_file(foreign->dir_fd, FOREIGN_SPEC_FILE, &spec, err);

    if (r < 0)
        return r;
    json_t *process = json_object_get(spec, "process"), *args = json_array();
    for (char *const *arg = options->argv; *arg; arg++)
        json_array_append_new(args, jsonx_text(*arg));
    json_object_set_new(process, "args", args);
    set_terminal(process, options->terminal, options->console_height, options->console_width);
    if (options->user) {
        r = become_user(process, foreign, options, err);
        if (r < 0) {
            *ret_exit_code = EXIT_NO_USER;
            return r;
        }
    }
    for (char *const *entry = options->env; entry && *entry; entry++)
        set_variable(json_object_get(process, "env"), *entry);
    if (options->cwd)
        json_object_set_new(process, "cwd", jsonx_text(options->cwd));
    if (options->privileged)
        json_object_set_new(process, "capabilities", all_capabilities());
    return jsonx_write_file(foreign->dir_fd, name, process, 0600, false, err);
}
