/* What a created process is handed over with: terminal, pid file, filter. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strmap.h"
#include "engine/runtime/oci-internal.h"
#include "engine/runtime/oci.h"
#include "engine/runtime/seccomp.h"
#include "engine/runtime/spec.h"

#define SECCOMP_DIR ".seccomp"
#define PID_TEXT_MAX 16

/* The message is a name for people; the descriptor is what counts. */
static int send_to(const char *socket_path, const char *name, int sent_fd, struct error **err)
{
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un addr = { .sun_family = AF_UNIX };

    if (strlen(socket_path) >= sizeof(addr.sun_path))
        return error_set_plain(
                err, ENAMETOOLONG, NULL, "the path of the socket is too long: %s", socket_path);
    memcpy(addr.sun_path, socket_path, strlen(socket_path) + 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        return error_set(err, errno, NULL, "cannot connect to the socket %s", socket_path);
    ssize_t r = fd_send(fd, name, strlen(name), &sent_fd, 1);
    return r < 0 ? error_set(err, (int)-r, NULL, "cannot send a descriptor to %s", socket_path) : 0;
}

int oci_send_console(const char *socket_path, int console_fd, struct error **err)
{
    return send_to(socket_path, "/dev/ptmx", console_fd, err);
}

int oci_send_pidfd(const char *socket_path, int pidfd, struct error **err)
{
    return send_to(socket_path, "pidfd", pidfd, err);
}

const char *oci_keyring_name(struct arena *arena, const char *id)
{
    return arena_printf(arena, "_ses.%s", id);
}

static void add_variables(struct arena *arena, struct strmap *map, char *const *env)
{
    for (; env && *env; env++) {
        const char *equals = strchr(*env, '=');
        size_t len = equals ? (size_t)(equals - *env) : strlen(*env);

        strmap_set(map, arena_strndup(arena, *env, len), *env);
    }
}

char **oci_merge_environment(struct arena *arena, char *const *env, char *const *added)
{
    struct strmap map;
    size_t count = 0;

    strmap_init_arena(&map, arena);
    add_variables(arena, &map, env);
    add_variables(arena, &map, added);
    char **ret = ARENA_NEW_ARRAY(arena, map.len + 1, char *);
    STRMAP_FOREACH(&map, entry) {
        ret[count++] = entry->value;
    }
    return ret;
}

int oci_write_pid_file(const char *path, pid_t pid, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int dir = open(path_parent(&arena, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char text[PID_TEXT_MAX];

    if (dir < 0)
        return error_set(err, errno, NULL, "cannot write the pid file %s", path);
    int len = snprintf(text, sizeof(text), "%d", (int)pid);
    return fs_replace_file(dir, path_last(path), text, (size_t)len, 0644, FS_NO_SYNC, err);
}

static int cache_filter(int root_fd, const struct runtime_spec *spec, char **ret_name, int *ret_dir,
        struct error **err)
{
    struct seccomp_target target = { .bounding_caps = spec->process.capabilities.bounding };
    auto_close int dir = fs_mkdir_parents(root_fd, SECCOMP_DIR, 0700, err);
    int r = dir;

    if (r >= 0)
        r = seccomp_cache_profile(dir, spec->seccomp, &target, ret_name, err);
    if (r >= 0)
        *ret_dir = TAKE_FD(dir);
    return r;
}

int oci_load_seccomp(const struct oci_runtime *runtime, int root_fd,
        const struct runtime_spec *spec, struct seccomp_filter *ret, struct error **err)
{
    auto_free char *name = NULL;
    auto_close int dir = -EBADF;

    if (!spec->seccomp)
        return 0;
    int r = cache_filter(root_fd, spec, &name, &dir, err);
    if (r >= 0)
        r = seccomp_filter_read(ret,
                arena_printf(runtime->arena, "%s/%s/%s", runtime->root_dir, SECCOMP_DIR, name),
                err);
    return r < 0 ? r : 1;
}

int oci_run_poststart_hooks(const struct oci_runtime *runtime,
        const struct oci_container *container, const struct runtime_spec *spec, struct error **err)
{
    const struct hook_state state = {
        .id = container->id,
        .bundle = container->bundle,
        .status = oci_status_names[OCI_RUNNING],
        .pid = container->pid,
    };
    int r = hooks_run(spec, HOOK_POSTSTART, &state, err);

    if (r < 0)
        (void)oci_delete(runtime, container->id, true, NULL);
    return r;
}

void oci_run_poststop_hooks(const struct oci_runtime *runtime,
        const struct oci_container *container, const struct runtime_spec *spec)
{
    const struct hook_state state = {
        .id = container->id,
        .bundle = container->bundle,
        .status = oci_status_names[OCI_STOPPED],
    };

    for (size_t i = 0; i < spec->hooks[HOOK_POSTSTOP].count; i++) {
        auto_error struct error *error = NULL;

        if (hooks_run_one(spec, HOOK_POSTSTOP, i, &state, &error) < 0 && runtime->warn)
            runtime->warn(runtime->userdata, error);
    }
}

void oci_warn(const struct oci_runtime *runtime, const char *text)
{
    auto_error struct error *warning = NULL;

    if (!runtime->warn)
        return;
    error_set_plain(&warning, EPERM, NULL, "%s", text);
    runtime->warn(runtime->userdata, warning);
}

void oci_warn_all(const struct oci_runtime *runtime, const struct strings *texts)
{
    for (size_t i = 0; i < texts->len; i++)
        oci_warn(runtime, texts->items[i]);
}
