#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fdio.h"
#include "base/strbuf.h"
#include "engine/container/container-internal.h"
#include "engine/container/joined.h"
#include "engine/container/pod-internal.h"
#include "engine/monitor/control.h"
#include "engine/monitor/monitor-config.h"
#include "engine/network/network.h"
#include "engine/runtime/cgroup.h"
#include "engine/volume/volume-mount.h"

#define EXIT_ENGINE_FAILED 125
#define EXIT_START_FAILED 128
#define PID_TEXT_MAX 16

/* Whether the directory is still that of the container's run, and not one that is being removed. */
static bool is_in_place(struct engine *engine, const char *id, int dir_fd)
{
    auto_close int there = container_open_run_dir(engine, id, false, NULL);
    struct stat own, found;

    return there >= 0 && fstat(dir_fd, &own) == 0 && fstat(there, &found) == 0 &&
           own.st_dev == found.st_dev && own.st_ino == found.st_ino;
}

/* A run directory with its lock. The teardown of an earlier run may remove it while we wait for the lock. */
static int open_run(
        struct engine *engine, const char *id, int *ret_dir_fd, int *ret_lock, struct error **err)
{
    for (;;) {
        auto_close int dir_fd = container_open_run_dir(engine, id, true, err);
        auto_close int lock = -EBADF;
        struct stat st;

        if (dir_fd < 0)
            return dir_fd;
        lock = container_lock_run(dir_fd, true, err);
        if (lock == -ENOENT)
            continue;
        if (lock < 0)
            return lock;
        if (fstat(lock, &st) < 0 || st.st_nlink == 0 || !is_in_place(engine, id, dir_fd))
            continue;
        *ret_dir_fd = TAKE_FD(dir_fd);
        *ret_lock = TAKE_FD(lock);
        return 0;
    }
}

/* What is left of an earlier run must not pass for this one's. */
static int clear_run(int run_dir_fd, struct error **err)
{
    static const char *const files[] = { MONITOR_STATE_FILE, MONITOR_SOCKET_FILE };

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (unlinkat(run_dir_fd, files[i], 0) < 0 && errno != ENOENT)
            return error_set(err, errno, NULL, "cannot clear the directory of the container's run");
    if (mkdirat(run_dir_fd, MONITOR_ROOTFS_DIR, 0700) < 0 && errno != EEXIST)
        return error_set(err, errno, NULL, "cannot make the container's root directory");
    return 0;
}

/* The row becomes what it was, with the reason. The original error stays the one that is reported. */
static void undo_run(struct engine *engine, struct container *c, int exit_code, struct error *why)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);
    struct container_outcome outcome = {
        .status = c->state.status == CONTAINER_EXITED ? CONTAINER_EXITED : CONTAINER_CREATED,
        .exit_code = exit_code,
        .restart_count = c->state.restart_count,
        .started_nsec = c->state.started_nsec,
        .finished_nsec = c->state.finished_nsec,
    };

    if (why)
        error_format(why, &text);
    outcome.error = text.data;
    (void)network_teardown(engine, c->id, NULL);
    (void)container_remove_shared(engine, c->id, NULL);
    (void)volume_leave_all(engine, c->id, NULL);
    /* A monitor that was killed may have left what another runtime had made by then. */
    (void)cgroup_remove(container_cgroup_path(&arena, c->config.cgroup_parent, c->id), NULL);
    (void)container_row_finished(engine, c->id, &outcome, NULL);
    (void)container_remove_run_dir(engine, c->id, NULL);
    if (c->config.auto_remove)
        (void)container_remove_all(engine, c->id, true, NULL);
}

/* Opened before anything runs, so that a wrong path is no half start. -EBADF: none is wanted. */
static int open_pid_file(const char *path, int *ret_fd, struct error **err)
{
    *ret_fd = path ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644) : -EBADF;
    return path && *ret_fd < 0 ? error_set(err, errno, NULL, "cannot create \"%s\"", path) : 0;
}

static void write_pid(int fd, pid_t pid)
{
    char text[PID_TEXT_MAX];
    int len = snprintf(text, sizeof(text), "%d", (int)pid);

    if (fd >= 0)
        (void)fd_write_all(fd, text, (size_t)len);
}

static int spawn(struct engine *engine, const struct container *c,
        const struct container_run_options *options, int run_dir_fd, int lock,
        struct control **ret_control, int *ret_exit_code, struct error **err)
{
    auto_(control_close_p) struct control *control = NULL;
    struct monitor_spawn_options spawn_options = {
        .libexec_dir = engine->options.libexec_dir,
        .id = c->id,
        .container_dir_fd = run_dir_fd,
        .lock_fd = lock,
        .start_lock_fd = options->lock_fd,
        .attach = options->attach,
        .console_height = options->console_height,
        .console_width = options->console_width,
        .subscribe = options->attach != 0,
        .own_teardown = options->own_teardown,
    };
    struct monitor_start started = { 0 };
    auto_close int pid_fd = -EBADF, monitor_pid_fd = -EBADF;
    int r = open_pid_file(c->config.pid_file, &pid_fd, err);

    if (r >= 0)
        r = open_pid_file(c->config.monitor_pid_file, &monitor_pid_fd, err);
    if (r >= 0)
        r = monitor_spawn(&spawn_options, &control, &started, err);

    if (r < 0) {
        *ret_exit_code = started.exit_code ? started.exit_code : EXIT_START_FAILED;
        return r;
    }
    write_pid(pid_fd, started.pid);
    write_pid(monitor_pid_fd, started.monitor_pid);
    if (ret_control)
        *ret_control = TAKE(control);
    return 0;
}

int container_run(struct engine *engine, struct container *c,
        const struct container_run_options *options, struct control **ret_control,
        int *ret_exit_code, struct error **err)
{
    auto_error struct error *cause = NULL;
    auto_close int run_dir_fd = -EBADF, lock = -EBADF;
    int exit_code = EXIT_ENGINE_FAILED;
    int r = pod_ensure_infra(engine, c, err);

    *ret_exit_code = EXIT_ENGINE_FAILED;
    if (r >= 0)
        r = open_run(engine, c->id, &run_dir_fd, &lock, err);
    if (r >= 0)
        r = clear_run(run_dir_fd, err);
    if (r < 0)
        return r;
    fault_point("container.start.locked");
    r = container_row_running(engine, c->id, options->restart_count, err);
    if (r < 0)
        return r;
    fault_point("container.start.row");
    r = container_write_bundle(engine, c, options, run_dir_fd, &cause);
    if (r >= 0) {
        fault_point("container.start.prepared");
        r = spawn(engine, c, options, run_dir_fd, lock, ret_control, &exit_code, &cause);
    }
    if (r < 0) {
        undo_run(engine, c, exit_code, cause);
        *ret_exit_code = exit_code;
        return error_move(err, TAKE(cause));
    }
    fault_point("container.start.started");
    *ret_exit_code = 0;
    return 0;
}

int container_begin(struct engine *engine, struct arena *arena, const char *reference,
        struct container **ret, int *ret_lock, struct error **err)
{
    auto_close int lock = -EBADF;
    enum container_status status;
    const char *id = NULL;
    int r = container_resolve(engine, arena, reference, &id, err);

    if (r < 0)
        return r;
    if (!id)
        return container_not_found(reference, err);
    lock = container_lock(engine, id, &status, err);
    if (lock < 0)
        return lock;
    if (status == CONTAINER_STATUS_INVALID)
        return container_not_found(reference, err);
    if (status == CONTAINER_RUNNING) {
        auto_close int dir_fd = container_open_run_dir(engine, id, false, err);

        if (dir_fd < 0 && dir_fd != -ENOENT)
            return dir_fd;
        /* Nobody responsible: its end was not noticed yet. */
        if (dir_fd < 0 || !container_run_is_owned(engine, id)) {
            r = container_settle(engine, id, err);
            if (r < 0)
                return r;
        }
    }
    r = container_load(engine, arena, id, ret, err);
    if (r < 0)
        return r;
    if (!*ret)
        return container_not_found(reference, err);
    *ret_lock = TAKE_FD(lock);
    return 0;
}

int container_start(struct engine *engine, const char *reference,
        const struct container_start_options *options, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int lock = -EBADF;
    struct container *c = NULL;
    int exit_code = 0;
    int r = container_begin(engine, &arena, reference, &c, &lock, err);

    if (options && options->ret_exit_code)
        *options->ret_exit_code = EXIT_ENGINE_FAILED;
    if (r < 0)
        return r;
    if (c->state.status == CONTAINER_PAUSED)
        return error_set_plain(
                err, EINVAL, NULL, "cannot start a paused container, try unpause instead");
    if (container_row_is_running(engine, c->id)) {
        if (options && options->ret_exit_code)
            *options->ret_exit_code = 0;
        return 0;
    }
    /* It belonged to a service, and is started by hand now: the group it had may be gone. */
    if (c->config.notify && c->config.monitor_in_parent && !engine->options.notify_socket) {
        r = container_set_service(engine, c->id, NULL, err);
        if (r >= 0)
            r = container_load(engine, &arena, c->id, &c, err);
    }
    if (r >= 0)
        r = container_run(engine, c, &(struct container_run_options){ .lock_fd = lock }, NULL,
                &exit_code, err);
    if (options && options->ret_exit_code)
        *options->ret_exit_code = exit_code;
    return r < 0 ? r : 1;
}
