/* exec: a further process in a running container. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "engine/runtime/capability.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/join.h"
#include "engine/runtime/oci-internal.h"
#include "engine/runtime/oci.h"
#include "engine/runtime/spec.h"

struct execution {
    const struct oci_runtime *runtime;
    const struct oci_exec_options *options;
    struct oci_container container;
    json_t *json; /* the container's configuration */
    struct runtime_spec *spec;
    struct runtime_process *process;
    struct cgroup cgroup;
    struct seccomp_filter filter;
    int root_fd, pidfd;
};

static void execution_release(struct execution *e)
{
    cgroup_release(&e->cgroup);
    seccomp_filter_release(&e->filter);
    oci_container_release(&e->container);
    json_decref(e->json);
    fd_close(e->root_fd);
    fd_close(e->pidfd);
}

static json_t *text_array(char *const *items)
{
    json_t *array = json_array();

    for (; items && *items; items++)
        json_array_append_new(array, jsonx_text(*items));
    return array;
}

static void append_texts(json_t *object, const char *key, char *const *items)
{
    json_t *list = json_object_get(object, key);

    if (!items || !*items)
        return;
    if (!json_is_array(list)) {
        json_object_set_new(object, key, json_array());
        list = json_object_get(object, key);
    }
    for (; *items; items++)
        json_array_append_new(list, jsonx_text(*items));
}

/* "UID[:GID]". */
static int set_user(json_t *process, const char *text, struct error **err)
{
    json_t *user = json_object_get(process, "user");
    struct str rest = str_from(text), piece;
    uint32_t uid = 0, gid = 0;
    bool has_gid = strchr(text, ':') != NULL;

    str_split_next(&rest, ':', &piece);
    if (parse_uint32(piece, INT32_MAX, &uid) < 0)
        return error_set_plain(err, EINVAL, NULL, "invalid user \"%s\": expected UID[:GID]", text);
    if (has_gid && parse_uint32(rest, INT32_MAX, &gid) < 0)
        return error_set_plain(err, EINVAL, NULL, "invalid user \"%s\": expected UID[:GID]", text);
    if (!user) {
        json_object_set_new(process, "user", json_object());
        user = json_object_get(process, "user");
    }
    json_object_set_new(user, "uid", json_integer(uid));
    if (has_gid)
        json_object_set_new(user, "gid", json_integer(gid));
    return 0;
}

static int add_gids(json_t *process, char *const *gids, struct error **err)
{
    json_t *user = json_object_get(process, "user");
    json_t *list;

    if (!gids || !*gids)
        return 0;
    if (!user) {
        json_object_set_new(process, "user", json_object());
        user = json_object_get(process, "user");
    }
    list = json_object_get(user, "additionalGids");
    if (!json_is_array(list)) {
        json_object_set_new(user, "additionalGids", json_array());
        list = json_object_get(user, "additionalGids");
    }
    for (; *gids; gids++) {
        uint32_t gid = 0;

        if (parse_uint32(str_from(*gids), INT32_MAX, &gid) < 0)
            return error_set_plain(err, EINVAL, NULL, "invalid additional gid \"%s\"", *gids);
        json_array_append_new(list, json_integer(gid));
    }
    return 0;
}

/* As runc does it: into the sets that decide what the program has, not the inheritable and ambient
 * ones unless the container has something inheritable (CVE-2022-29162). */
static int add_capabilities(json_t *process, char *const *capabilities, struct error **err)
{
    static const char *const sets[] = { "bounding", "effective", "permitted" };
    json_t *object = json_object_get(process, "capabilities");

    if (!capabilities || !*capabilities)
        return 0;
    for (char *const *name = capabilities; *name; name++)
        if (capability_parse(str_from(*name)) < 0)
            return error_set_plain(err, EINVAL, NULL, "unknown capability \"%s\"", *name);
    if (!json_is_object(object)) {
        json_object_set_new(process, "capabilities", json_object());
        object = json_object_get(process, "capabilities");
    }
    for (size_t i = 0; i < ARRAY_LEN(sets); i++)
        append_texts(object, sets[i], capabilities);
    if (json_array_size(json_object_get(object, "inheritable")) > 0) {
        append_texts(object, "inheritable", capabilities);
        append_texts(object, "ambient", capabilities);
    }
    return 0;
}

/* The container's own process with the changes that the options ask for. Given. */
static int build_process(const struct execution *e, json_t **ret, struct error **err)
{
    const struct oci_exec_options *o = e->options;
    auto_json json_t *process = json_deep_copy(json_object_get(e->json, "process"));
    int r = 0;

    if (!process)
        return error_set_plain(err, EINVAL, NULL, "the container has no process to start from");
    json_object_set_new(process, "args", text_array(o->args));
    if (o->cwd)
        json_object_set_new(process, "cwd", jsonx_text(o->cwd));
    json_object_set_new(process, "terminal", json_boolean(o->terminal));
    if (o->no_new_privileges)
        json_object_set_new(process, "noNewPrivileges", json_true());
    if (o->apparmor_profile)
        json_object_set_new(process, "apparmorProfile", jsonx_text(o->apparmor_profile));
    if (o->process_label)
        json_object_set_new(process, "selinuxLabel", jsonx_text(o->process_label));
    append_texts(process, "env", o->env);
    r = add_capabilities(process, o->capabilities, err);
    if (r >= 0 && o->user)
        r = set_user(process, o->user, err);
    if (r >= 0)
        r = add_gids(process, o->additional_gids, err);
    if (r >= 0)
        *ret = TAKE(process);
    return r;
}

static int read_process(struct execution *e, struct error **err)
{
    auto_json json_t *built = NULL;
    const json_t *process = e->options->process;
    bool detach = e->options->detach;
    struct strings warnings = { 0 };
    int r = process ? 0 : build_process(e, &built, err);

    if (r >= 0)
        r = runtime_process_parse(
                e->runtime->arena, process ? process : built, &e->process, &warnings, err);
    if (r < 0)
        return r;
    oci_warn_all(e->runtime, &warnings);
    e->process->env = oci_merge_environment(e->runtime->arena, e->process->env, NULL);
    if (e->process->terminal && detach && !e->options->console_socket)
        return error_set_plain(err, EINVAL, NULL,
                "cannot allocate tty if runc will detach without setting console socket");
    if (e->options->console_socket && !(e->process->terminal && detach))
        return error_set_plain(err, EINVAL, NULL,
                "cannot use console socket if runc will not detach or allocate tty");
    return 0;
}

static int find_container(struct execution *e, struct error **err)
{
    int r = oci_open(e->runtime, e->options->id, false, &e->root_fd, &e->container, err);

    if (r < 0)
        return r;
    switch (oci_container_status(&e->container)) {
    case OCI_STOPPED:
        return error_set_plain(err, ESRCH, NULL, "cannot exec in a stopped container");
    case OCI_CREATING:
        return error_set_plain(
                err, EBUSY, NULL, "cannot exec in a container that is being created");
    case OCI_PAUSED:
        if (!e->options->ignore_paused)
            return error_set_plain(err, EBUSY, NULL,
                    "cannot exec in a paused container (use --ignore-paused to override)");
        break;
    default:
        break;
    }
    e->pidfd = proc_open_pidfd(e->container.pid);
    if (e->pidfd < 0 || !oci_container_is_alive(&e->container))
        return error_set_plain(err, ESRCH, NULL, "cannot exec in a stopped container");
    return oci_container_read_spec(e->runtime->arena, &e->container, &e->json, &e->spec, err);
}

/* True when the hierarchy is meant by "cpu" in "cpu,cpuacct:PATH". */
static bool hierarchy_has(const struct cgroup_hierarchy *h, struct str controller)
{
    struct str rest = str_from(h->directory), name;

    while (str_split_next(&rest, ',', &name))
        if (str_is_equal(name, controller))
            return true;
    return false;
}

/* Puts the group `path` below the container's in its place. */
static int descend(struct cgroup_hierarchy *h, const char *path, struct error **err)
{
    auto_close int fd = fs_try_open_in_root(h->fd, path, O_RDONLY | O_DIRECTORY, 0);

    if (fd < 0)
        return error_set(
                err, -fd, NULL, "cannot open the control group \"%s\" in %s", path, h->directory);
    fd_close(h->fd);
    h->fd = TAKE_FD(fd);
    return 0;
}

/* "PATH", or in v1 "CONTROLLER[,…]:PATH". */
static int apply_cgroup_option(struct execution *e, const char *text, struct error **err)
{
    const char *colon = strchr(text, ':');
    const char *path = path_clean(e->runtime->arena, colon ? colon + 1 : text);
    struct str rest = { text, colon ? (size_t)(colon - text) : 0 }, controller;
    int r = 0;

    if (strcmp(path, "..") == 0 || string_has_prefix(path, "../"))
        return error_set_plain(err, EINVAL, NULL, "%s is not a sub cgroup path", path);
    if (colon && e->cgroup.unified)
        return error_set_plain(
                err, EINVAL, NULL, "cgroup v2 does not support specifying controllers: %s", text);
    for (size_t i = 0; !colon && r >= 0 && i < e->cgroup.count; i++) {
        /* Of a hybrid layout's v2 tree containers do not make use. */
        if (e->cgroup.hierarchies[i].fd >= 0 && (e->cgroup.unified || !e->cgroup.hierarchies[i].v2))
            r = descend(&e->cgroup.hierarchies[i], path, err);
    }
    while (r >= 0 && colon && str_split_next(&rest, ',', &controller)) {
        bool found = false;

        for (size_t i = 0; r >= 0 && i < e->cgroup.count; i++) {
            struct cgroup_hierarchy *h = &e->cgroup.hierarchies[i];

            if (h->fd < 0 || !hierarchy_has(h, controller))
                continue;
            found = true;
            r = descend(h, path, err);
        }
        if (!found)
            return error_set_plain(err, EINVAL, NULL, "unknown controller %.*s in --cgroup %s",
                    STR_FMT(controller), text);
    }
    return r;
}

static int open_cgroup(struct execution *e, struct error **err)
{
    const char *path = e->container.cgroup_path;
    char *const *option = e->options->cgroups;
    int r = cgroup_open(&e->cgroup, path, err);

    if (r == 0)
        return error_set_plain(err, ENOENT, NULL, "the control group %s does not exist", path);
    for (; r >= 0 && option && *option; option++)
        r = apply_cgroup_option(e, *option, err);
    return r;
}

int oci_exec(const struct oci_runtime *runtime, const struct oci_exec_options *options,
        struct container_process *ret_process, int *ret_exit_code, struct error **err)
{
    auto_(execution_release) struct execution e = {
        .runtime = runtime,
        .options = options,
        .container = OCI_CONTAINER_INIT,
        .root_fd = -EBADF,
        .pidfd = -EBADF,
    };
    int r = find_container(&e, err);

    *ret_process = (struct container_process)CONTAINER_PROCESS_INIT;
    *ret_exit_code = 255;
    if (r >= 0)
        r = read_process(&e, err);
    if (r >= 0)
        r = open_cgroup(&e, err);
    if (r >= 0)
        r = oci_load_seccomp(runtime, e.root_fd, e.spec, &e.filter, err);
    if (r < 0)
        return r;
    struct join_options join = {
        .spec = e.spec,
        .process = e.process,
        .cgroup = &e.cgroup,
        .cgroup_chosen = options->cgroups && *options->cgroups,
        .pid = e.container.pid,
        .pidfd = e.pidfd,
        .terminal = e.process->terminal,
        .console_height = e.process->console_height,
        .console_width = e.process->console_width,
        .stdin_fd = 0,
        .stdout_fd = 1,
        .stderr_fd = 2,
        .detached = true,
        .keyring = e.container.keyring ? oci_keyring_name(runtime->arena, e.container.id) : NULL,
        .plain_terminal = options->plain_terminal && !options->console_socket,
        .preserved_fds = options->preserved_fds,
    };
    if (e.filter.program.len > 0) {
        join.seccomp = &e.filter.program;
        join.seccomp_flags = e.filter.flags;
    }
    r = join_start_process(&join, ret_process, err);
    if (r < 0) {
        *ret_exit_code = ret_process->exit_code;
        return r;
    }
    if (options->console_socket) {
        r = oci_send_console(options->console_socket, ret_process->console_fd, err);
        ret_process->console_fd = fd_close(ret_process->console_fd);
    }
    if (r >= 0 && options->pidfd_socket)
        r = oci_send_pidfd(options->pidfd_socket, ret_process->pidfd, err);
    if (r >= 0 && options->pid_file)
        r = oci_write_pid_file(options->pid_file, ret_process->pid, err);
    if (r < 0) {
        (void)proc_kill_pidfd(ret_process->pidfd, SIGKILL);
        (void)proc_wait(ret_process->pid);
        container_process_release(ret_process);
    }
    return r;
}
