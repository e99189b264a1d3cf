#include <errno.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/fault.h"
#include "base/proc.h"
#include "engine/container/container-internal.h"
#include "engine/monitor/state-file.h"
#include "engine/network/network.h"
#include "engine/state/sweep.h"
#include "engine/volume/volume-mount.h"

static int list_running(
        struct engine *engine, struct arena *arena, struct strings *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(
            engine->db, &stmt, err, "SELECT id FROM containers WHERE status = 'running'", "");

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND_ARENA(arena, ret) = arena_strdup(arena, stmt_text(stmt, 0));
    return r;
}

/* What the row's policy says of a run whose monitor died in this boot. */
static bool wants_restart(const struct container *c, const struct monitor_state *state)
{
    const struct container_config *config = &c->config;

    if (!state || state->status == MONITOR_EXITED || state->status == MONITOR_CREATED ||
            state->manually_stopped || config->auto_remove ||
            config->notify /* systemd restarts it */)
        return false;
    switch (config->restart) {
    case CONTAINER_RESTART_ALWAYS:
    case CONTAINER_RESTART_UNLESS_STOPPED:
        return true;
    case CONTAINER_RESTART_ON_FAILURE:
        return config->restart_max_retries == 0 ||
               state->restart_count < (uint32_t)config->restart_max_retries;
    default:
        return false;
    }
}

static bool is_desired(struct engine *engine, const char *id)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;

    return db_query(engine->db, &stmt, NULL,
                   "SELECT 1 FROM containers WHERE id = ? AND desired = 'running'", "t", id) >= 0 &&
           stmt_step(stmt, NULL) > 0;
}

/* As a monitor does after a restart; goes on by itself when this command is done. */
static void tell_followers(struct engine *engine, const struct container *c)
{
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    char *argv[] = { (char *)(uintptr_t)engine->options.program, (char[]){ "internal" },
        (char[]){ "followers" }, (char *)(uintptr_t)c->id, NULL };
    pid_t pid;

    if (!engine->options.program || !c->config.project || !c->config.service || c->config.oneoff)
        return;
    spawn.path = engine->options.program;
    spawn.argv = argv;
    spawn.stderr_fd = PROC_NULL;
    spawn.cwd = "/";
    spawn.new_session = true;
    (void)proc_spawn(&spawn, &pid, NULL, NULL);
}

static int recover(struct engine *engine, const char *id, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    /* Another command is at this container: it looks for itself. */
    auto_close int lock = engine_lock(engine, id, false, err);
    struct monitor_state *state = NULL;
    enum container_status status;
    struct container *c = NULL;
    int exit_code;

    if (lock < 0)
        return lock == -EWOULDBLOCK ? 0 : lock;
    int r = container_row_status(engine, id, &status, err);
    if (r >= 0 && status == CONTAINER_STATUS_INVALID)
        engine_lock_remove(engine, id); /* it was removed since we listed it */
    if (r < 0 || status != CONTAINER_RUNNING || container_run_is_owned(engine, id))
        return r;

    auto_close int dir_fd = container_open_run_dir(engine, id, false, err);
    r = dir_fd >= 0 ? monitor_state_read(&arena, dir_fd, &state, err) : 0;
    if (r >= 0)
        r = container_settle(engine, id, err);
    if (r >= 0)
        r = container_load(engine, &arena, id, &c, err);
    if (r < 0 || !c || !wants_restart(c, state) || !is_desired(engine, id))
        return r;
    fault_point("container.reconcile.restart");
    r = container_run(engine, c,
            &(struct container_run_options){
                    .lock_fd = lock, .restart_count = (int)state->restart_count + 1 },
            NULL, &exit_code, err);
    if (r >= 0)
        tell_followers(engine, c);
    return r;
}

int engine_reconcile(struct engine *engine, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct strings running = { 0 };
    int r = sweep_stale(engine, err);

    if (r >= 0)
        r = list_running(engine, &arena, &running, err);
    if (r < 0)
        return r;
    /* One that cannot be recovered keeps its row as it is and must not keep the command from the others:
     * its own commands will meet the error again. */
    for (size_t i = 0; i < running.len; i++)
        if (!container_run_is_owned(engine, running.items[i]))
            (void)recover(engine, running.items[i], NULL);
    if (running.len > 0)
        (void)network_revive(engine, NULL); /* likewise */
    (void)volume_sweep_uses(engine, NULL);
    return 0;
}
