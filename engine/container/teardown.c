#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/container/container-internal.h"
#include "engine/container/joined.h"
#include "engine/container/pod-internal.h"
#include "engine/monitor/monitor-config.h"
#include "engine/monitor/state-file.h"
#include "engine/network/network.h"
#include "engine/runtime/cgroup.h"
#include "engine/state/sweep.h"
#include "engine/volume/volume-internal.h"
#include "engine/volume/volume-mount.h"

#define EXIT_KILLED 137 /* 128 + SIGKILL: the container died with its monitor */
#define GONE_SUFFIX ".gone"
#define EXIT_REBOOT 255 /* what Docker says of containers that a crash of the machine ended */

/* ---- Removing everything ---- */

/* Anonymous volumes of this container that no other one refers to. */
static int collect_volumes(struct engine *engine, struct arena *arena, const char *id,
        struct strings *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT v.name FROM container_volumes u JOIN volumes v ON v.name = u.volume"
            " WHERE u.container_id = ?1 AND v.anonymous AND NOT EXISTS"
            " (SELECT 1 FROM container_volumes o WHERE o.volume = v.name AND o.container_id <> ?1)",
            "t", id);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND_ARENA(arena, ret) = arena_strdup(arena, stmt_text(stmt, 0));
    return r;
}

/* The volumes that are deleted are noted before their rows go. */
static int delete_rows(struct engine *engine, const char *id, bool volumes, struct sweep *sweep,
        struct arena *arena, struct strings *ret_volumes, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    int r = db_begin(engine->db, &transaction, err);

    if (r >= 0 && volumes)
        r = collect_volumes(engine, arena, id, ret_volumes, err);
    for (size_t i = 0; r >= 0 && i < ret_volumes->len; i++)
        r = sweep_add(sweep, SWEEP_VOLUME, ret_volumes->items[i], err);
    if (r >= 0)
        r = db_exec(engine->db, err, "DELETE FROM containers WHERE id = ?", "t", id);
    for (size_t i = 0; r >= 0 && i < ret_volumes->len; i++)
        r = db_exec(
                engine->db, err, "DELETE FROM volumes WHERE name = ?", "t", ret_volumes->items[i]);
    if (r < 0)
        return r;
    return db_commit(&transaction, err);
}

int container_remove_run_dir(struct engine *engine, const char *id, struct error **err)
{
    auto_close int dir_fd = openat(
            engine->run_fd, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir_fd < 0)
        return error_set(
                err, errno, NULL, "cannot open \"%s/containers\"", engine->options.run_dir);
    /* Out of the way at once: who starts the container meanwhile must not find a directory whose lock is gone and whose
     * other files are going. */
    char gone[CONTAINER_ID_HEX + sizeof(GONE_SUFFIX)];
    snprintf(gone, sizeof(gone), "%s" GONE_SUFFIX, id);
    int r = fs_remove_tree(dir_fd, gone, err);
    if (r < 0)
        return r;
    if (renameat(dir_fd, id, dir_fd, gone) < 0)
        return errno == ENOENT ? 0
                               : error_set(err, errno, NULL, "cannot move \"%s/containers/%s\"",
                                         engine->options.run_dir, id);
    return fs_remove_tree(dir_fd, gone, err);
}

static int remove_files(
        struct engine *engine, const char *id, const struct strings *volumes, struct error **err)
{
    auto_close int dir_fd = openat(
            engine->root_fd, "containers", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (dir_fd < 0)
        return error_set(
                err, errno, NULL, "cannot open \"%s/containers\"", engine->options.root_dir);
    int r = fs_remove_tree(dir_fd, id, err);
    for (size_t i = 0; r >= 0 && i < volumes->len; i++)
        r = volume_remove_dir(engine, volumes->items[i], err);
    if (r >= 0)
        r = container_remove_run_dir(engine, id, err);
    engine_lock_remove(engine, id);
    return r;
}

static int remove_noted(struct engine *engine, const char *id, bool volumes, struct error **err)
{
    auto_(sweep_release) struct sweep sweep = SWEEP_INIT;
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings names = { 0 };
    int r = sweep_begin(&sweep, engine, err);

    if (r >= 0)
        r = sweep_add(&sweep, SWEEP_CONTAINER, id, err);
    if (r < 0)
        return r;
    fault_point("container.remove.noted");
    r = delete_rows(engine, id, volumes, &sweep, &arena, &names, err);
    if (r < 0)
        return r;
    fault_point("container.remove.rows");
    r = remove_files(engine, id, &names, err);
    if (r < 0)
        return error_wrap(err, r, "cannot remove all files of container %.12s", id);
    fault_point("container.remove.files");
    sweep_done(&sweep);
    return 0;
}

/* What the container wrote, which nobody will want any more. */
static void make_room(struct engine *engine, const char *id)
{
    auto_close int dir_fd = container_open_dir(engine, id, NULL);

    if (dir_fd >= 0)
        (void)fs_remove_tree(dir_fd, "upper", NULL);
}

int container_remove_all(struct engine *engine, const char *id, bool volumes, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_error struct error *cause = NULL;
    const char *attributes = container_event_attributes(engine, &arena, id);
    int r = remove_noted(engine, id, volumes, &cause);

    /* Removing is what frees a full disk: the order that survives crashes gives way to it. */
    if (r == -ENOSPC) {
        make_room(engine, id);
        error_free(TAKE(cause));
        r = remove_noted(engine, id, volumes, &cause);
    }
    if (r >= 0 && *attributes)
        container_event_with(engine, id, attributes, "destroy", NULL, NULL);
    return r < 0 ? error_move(err, TAKE(cause)) : 0;
}

/* ---- The end of a run ---- */

const char *container_cgroup_path(struct arena *arena, const char *cgroup_parent, const char *id)
{
    return arena_printf(
            arena, "%s/%s", string_is_empty(cgroup_parent) ? "/berth" : cgroup_parent, id);
}

/* What the row knows and a run's end needs. */
struct finishing {
    bool is_running, auto_remove, same_boot;
    const char *cgroup_parent; /* in the arena; NULL: the default */
    const char *pod_id;        /* likewise; NULL: it is in none */
    int exit_code;
    int restart_count;
    int64_t started_nsec, finished_nsec;
};

static int read_finishing(struct engine *engine, struct arena *arena, const char *id,
        struct finishing *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT status = 'running', json_extract(config, '$.auto_remove')"
            " AND desired <> 'restarting', boot_id = ?,"
            " exit_code, restart_count, started_nsec, finished_nsec,"
            " json_extract(config, '$.cgroup_parent'), pod_id FROM containers WHERE id = ?",
            "tt", engine->boot_id, id);

    *ret = (struct finishing){ 0 };
    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r <= 0)
        return r;
    *ret = (struct finishing){
        .is_running = stmt_int(stmt, 0) != 0,
        .auto_remove = stmt_int(stmt, 1) != 0,
        .same_boot = stmt_int(stmt, 2) != 0,
        .exit_code = (int)stmt_int(stmt, 3),
        .restart_count = (int)stmt_int(stmt, 4),
        .started_nsec = stmt_int(stmt, 5),
        .finished_nsec = stmt_int(stmt, 6),
        .cgroup_parent = arena_strdup(arena, stmt_text(stmt, 7)),
        .pod_id = arena_strdup(arena, stmt_text(stmt, 8)),
    };
    return 0;
}

/* How the run ended, from what its monitor last said (NULL: nothing). */
static struct container_outcome outcome_of(struct arena *arena, const struct finishing *row,
        const struct monitor_state *state, bool has_run_dir)
{
    struct container_outcome outcome = {
        .status = CONTAINER_EXITED,
        .exit_code = EXIT_KILLED,
        .restart_count = row->restart_count,
        .started_nsec = row->started_nsec,
        .finished_nsec = time_realtime_nsec(),
    };

    if (!has_run_dir || !row->same_boot) {
        outcome.exit_code = EXIT_REBOOT;
    } else if (!state) {
        /* The command died before there was a monitor. */
        outcome.exit_code = row->exit_code;
        outcome.finished_nsec = row->finished_nsec;
        if (row->finished_nsec == 0) {
            outcome.status = CONTAINER_CREATED;
            outcome.started_nsec = 0;
        }
    } else {
        outcome.restart_count = (int)state->restart_count;
        outcome.started_nsec = state->started_nsec ? state->started_nsec : row->started_nsec;
        outcome.oom_killed = state->oom_killed;
        outcome.error = state->error && state->error[0] ? state->error : NULL;
        outcome.health = container_health_json(arena, state);
        if (state->status == MONITOR_EXITED) {
            outcome.exit_code = state->exit_code;
            outcome.finished_nsec = state->finished_nsec;
        }
    }
    return outcome;
}

int container_finish_run(struct engine *engine, const char *id, int run_dir_fd,
        bool *ret_network_is_left, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct monitor_state *state = NULL;
    struct finishing row;
    int r = read_finishing(engine, &arena, id, &row, err);

    if (r >= 0 && run_dir_fd >= 0 && row.same_boot)
        r = monitor_state_read(&arena, run_dir_fd, &state, err);
    if (r < 0)
        return r;
    if (row.is_running) {
        r = ret_network_is_left ? network_teardown_quickly(engine, id, err)
                                : network_teardown(engine, id, err);
        if (r < 0)
            return error_wrap(err, r, "cannot take down the network of container %.12s", id);
        if (ret_network_is_left)
            *ret_network_is_left = r > 0;
        fault_point("container.finish.network");
        /* The monitor does this itself unless it was killed. */
        if (row.same_boot && !(state && state->status == MONITOR_EXITED))
            r = cgroup_remove(container_cgroup_path(&arena, row.cgroup_parent, id), err);
        if (r < 0)
            return error_wrap(err, r, "cannot remove the control groups of container %.12s", id);
        r = container_remove_shared(engine, id, err);
        if (r >= 0)
            r = volume_leave_all(engine, id, err);
        if (r < 0)
            return r;
        if (row.auto_remove) {
            r = container_remove_all(engine, id, true, err);
            pod_container_ended(engine, row.pod_id, id);
            return r;
        }
        struct container_outcome outcome = outcome_of(&arena, &row, state, run_dir_fd >= 0);
        r = container_row_finished(engine, id, &outcome, err);
        if (r < 0)
            return r;
        fault_point("container.finish.row");
        pod_container_ended(engine, row.pod_id, id);
    }
    return run_dir_fd >= 0 ? container_remove_run_dir(engine, id, err) : 0;
}

int container_settle(struct engine *engine, const char *id, struct error **err)
{
    auto_close int dir_fd = container_open_run_dir(engine, id, false, err);
    auto_close int lock = -EBADF;

    if (dir_fd < 0 && dir_fd != -ENOENT)
        return dir_fd;
    if (dir_fd >= 0) {
        lock = container_lock_run(dir_fd, true, err);
        /* The directory went while we waited: its owner has made the run final. */
        if (lock == -ENOENT)
            lock = -EBADF;
        else if (lock < 0)
            return lock;
    }
    return container_finish_run(engine, id, dir_fd, NULL, err);
}

/* True when descriptor MONITOR_LOCK_FD is this run's lock: we are what the monitor has become. */
static bool inherited_lock(int run_dir_fd)
{
    struct stat own, file;

    return fstat(MONITOR_LOCK_FD, &own) == 0 &&
           fstatat(run_dir_fd, MONITOR_LOCK_FILE, &file, AT_SYMLINK_NOFOLLOW) == 0 &&
           own.st_dev == file.st_dev && own.st_ino == file.st_ino;
}

/* A client that was attached has made the run final and left us the network, which is taken down unless
 * somebody comes to use it. */
static int tidy_later(struct engine *engine, struct error **err)
{
    (void)poll(NULL, 0, NETWORK_LINGER_MSEC);
    return network_tidy(engine, err);
}

int container_teardown(struct engine *engine, const char *id, struct error **err)
{
    auto_close int dir_fd = container_open_run_dir(engine, id, false, err);
    auto_close int lock = -EBADF;

    if (dir_fd == -ENOENT)
        return tidy_later(engine, err);
    if (dir_fd < 0)
        return dir_fd;
    if (!inherited_lock(dir_fd)) {
        lock = container_lock_run(dir_fd, false, err);
        if (lock == -EWOULDBLOCK || lock == -ENOENT)
            return 0; /* it runs, or somebody else is at it */
        if (lock < 0)
            return lock;
    }
    return container_finish_run(engine, id, dir_fd, NULL, err);
}
