#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "engine/engine-internal.h"
#include "engine/monitor/event-log.h"
#include "engine/state/db.h"

/* What lies where is in the contract of the folders. Containers reach their layers and volumes only
 * through mounts that we make; a user of the machine who could reach them by path would run the
 * setuid programs that a container has made (CVE-2021-41091). */
static const struct {
    const char *name;
    mode_t mode;
} root_dirs[] = {
    { "images", 0700 },
    { "layers", 0700 },
    { "containers", 0700 },
    { "volumes", 0700 },
    { "tmp", 0700 },
    { "secrets", 0700 },
}, run_dirs[] = {
    { "containers", 0711 },
    { "netns", 0711 },
    { "dns", 0700 },
    { "seccomp", 0700 },
    { "locks", 0700 },
};

static char *absolute(const char *path)
{
    auto_free char *cwd = NULL;

    if (path[0] == '/')
        return mem_strdup(path);
    cwd = realpath(".", NULL);
    return mem_printf("%s/%s", cwd ? cwd : "", path);
}

/* What lies in there is trusted: filters for the kernel, programs to run at a container's end, locks. */
static int check_dir(int fd, const char *path, struct error **err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return error_set(err, errno, NULL, "cannot look at \"%s\"", path);
    if (st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
        return 0;
    int r = error_set_plain(
            err, EPERM, NULL, "\"%s\" belongs to, or can be written by, somebody else", path);
    error_hint(err, "choose a directory of your own with mode 0711, or let berth make it");
    return r;
}

static int open_dir(const char *path, mode_t mode, struct error **err)
{
    auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return fs_mkdir_parents(AT_FDCWD, path, mode, err);
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open \"%s\"", path);
    int r = check_dir(fd, path, err);
    return r < 0 ? r : TAKE_FD(fd);
}

/* The last folder of each list tells whether the others were made. */
static int make_dirs(struct engine *engine, struct error **err)
{
    const char *last = root_dirs[ARRAY_LEN(root_dirs) - 1].name;

    if (faccessat(engine->root_fd, last, F_OK, 0) < 0)
        for (size_t i = 0; i < ARRAY_LEN(root_dirs); i++)
            if (mkdirat(engine->root_fd, root_dirs[i].name, root_dirs[i].mode) < 0 &&
                    errno != EEXIST)
                return error_set(err, errno, NULL, "cannot make \"%s/%s\"",
                        engine->options.root_dir, root_dirs[i].name);

    last = run_dirs[ARRAY_LEN(run_dirs) - 1].name;
    if (faccessat(engine->run_fd, last, F_OK, 0) < 0)
        for (size_t i = 0; i < ARRAY_LEN(run_dirs); i++)
            if (mkdirat(engine->run_fd, run_dirs[i].name, run_dirs[i].mode) < 0 && errno != EEXIST)
                return error_set(err, errno, NULL, "cannot make \"%s/%s\"", engine->options.run_dir,
                        run_dirs[i].name);
    return 0;
}

/* One that was made when more was open is closed when it is next seen. */
static int close_dirs(struct engine *engine, struct error **err)
{
    for (size_t i = 0; i < ARRAY_LEN(root_dirs); i++) {
        struct stat st;

        if (fstatat(engine->root_fd, root_dirs[i].name, &st, 0) < 0)
            return error_set(err, errno, NULL, "cannot look at \"%s/%s\"", engine->options.root_dir,
                    root_dirs[i].name);
        if ((st.st_mode & ACCESSPERMS & ~root_dirs[i].mode) &&
                fchmodat(engine->root_fd, root_dirs[i].name, root_dirs[i].mode, 0) < 0)
            return error_set(err, errno, NULL, "cannot close \"%s/%s\" to others",
                    engine->options.root_dir, root_dirs[i].name);
    }
    return 0;
}

static int read_boot_id(struct engine *engine, struct error **err)
{
    ssize_t n = fs_read_small(
            AT_FDCWD, "/proc/sys/kernel/random/boot_id", engine->boot_id, sizeof(engine->boot_id));

    if (n < 0)
        return error_set(err, (int)-n, NULL, "cannot read the machine's boot id");
    return 0;
}

static void copy_options(struct engine_options *to, const struct engine_options *from)
{
    *to = (struct engine_options){
        .root_dir = absolute(from->root_dir),
        .run_dir = absolute(from->run_dir),
        .libexec_dir = from->libexec_dir ? absolute(from->libexec_dir) : NULL,
        .program = from->program ? absolute(from->program) : NULL,
        .home_dir = mem_strdup(from->home_dir),
        .docker_config_dir = mem_strdup(from->docker_config_dir),
        .registry_auth_file = mem_strdup(from->registry_auth_file),
        .xdg_runtime_dir = mem_strdup(from->xdg_runtime_dir),
        .search_path = mem_strdup(from->search_path),
        .notify_socket = mem_strdup(from->notify_socket),
        .watchdog_usec = from->watchdog_usec,
        .runtime_timeout_usec = from->runtime_timeout_usec,
        .fault = mem_strdup(from->fault),
        .cancel = from->cancel,
        .cancel_fd = from->cancel_fd,
    };
}

int engine_open(const struct engine_options *options, struct engine **ret, struct error **err)
{
    auto_(engine_close_p) struct engine *engine = NEW(struct engine);
    auto_free char *db_path = NULL;

    engine->root_fd = engine->run_fd = -EBADF;
    copy_options(&engine->options, options);
    if (options->fault && !fault_is_set && !fault_set(options->fault))
        return error_set_plain(
                err, EINVAL, NULL, "fault \"%s\" is not name:action", options->fault);

    int r = engine->root_fd = open_dir(engine->options.root_dir, 0711, err);
    if (r < 0)
        return error_wrap(err, r, "cannot open berth's state directory");
    r = engine->run_fd = open_dir(engine->options.run_dir, 0711, err);
    if (r < 0)
        return error_wrap(err, r, "cannot open berth's run directory");
    r = make_dirs(engine, err);
    if (r >= 0)
        r = close_dirs(engine, err);
    if (r < 0)
        return r;
    r = read_boot_id(engine, err);
    if (r < 0)
        return r;

    db_path = mem_printf("%s/state.db", engine->options.root_dir);
    r = db_open(db_path, &engine->db, err);
    if (r < 0)
        return error_wrap(err, r, "cannot open \"%s\"", db_path);
    *ret = TAKE(engine);
    return 0;
}

void engine_close(struct engine *engine)
{
    if (!engine)
        return;
    const char *const texts[] = { engine->options.root_dir, engine->options.run_dir,
        engine->options.libexec_dir, engine->options.program, engine->options.home_dir,
        engine->options.docker_config_dir, engine->options.registry_auth_file,
        engine->options.xdg_runtime_dir, engine->options.search_path, engine->options.notify_socket,
        engine->options.fault };

    db_close(engine->db);
    cleanup_close(&engine->root_fd);
    cleanup_close(&engine->run_fd);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        free((char *)texts[i]);
    free(engine);
}

const struct engine_options *engine_get_options(const struct engine *engine)
{
    return &engine->options;
}

bool engine_is_cancelled(const struct engine *engine)
{
    return engine->options.cancel && atomic_load(engine->options.cancel);
}

int engine_check_cancelled(const struct engine *engine, struct error **err)
{
    if (engine_is_cancelled(engine))
        return error_set_plain(err, ECANCELED, NULL, "interrupted");
    return 0;
}

int engine_lock(struct engine *engine, const char *name, bool wait, struct error **err)
{
    char path[sizeof("locks/") + LIMIT_NAME_BYTES];

    snprintf(path, sizeof(path), "locks/%s", name);
    for (;;) {
        struct stat st;
        auto_close int fd = fs_lock(engine->run_fd, path, true, wait);

        if (fd == -EWOULDBLOCK && !wait)
            return fd;
        if (fd < 0)
            return error_set(
                    err, -fd, NULL, "cannot lock \"%s/%s\"", engine->options.run_dir, path);
        /* A file that was removed while we waited locks nothing any more. */
        if (fstat(fd, &st) == 0 && st.st_nlink > 0)
            return TAKE_FD(fd);
    }
}

int engine_lock_unless_cancelled(struct engine *engine, const char *name, struct error **err)
{
    char path[sizeof("locks/") + LIMIT_NAME_BYTES];

    snprintf(path, sizeof(path), "locks/%s", name);
    int fd = fs_lock_unless(engine->run_fd, path, engine->options.cancel);
    if (fd == -ECANCELED)
        return engine_check_cancelled(engine, err);
    return fd < 0 ? error_set(
                            err, -fd, NULL, "cannot lock \"%s/%s\"", engine->options.run_dir, path)
                  : fd;
}

void engine_lock_remove(struct engine *engine, const char *name)
{
    char path[sizeof("locks/") + LIMIT_NAME_BYTES];

    snprintf(path, sizeof(path), "locks/%s", name);
    unlinkat(engine->run_fd, path, 0);
}

void engine_event(struct engine *engine, const char *type, const char *action, const char *id,
        const char *key, const char *value)
{
    struct event event = { .type = type, .action = action, .id = id, .key = key, .value = value };

    event_log_append(engine->run_fd, ".", &event);
}
