/* Rows and states of containers.
 *
 * Invariants
 *  1. A container is its row. Directories without a row are what a crash left, and are noted for the next command
 *     (state/sweep.h); a row without one of its directories is complete: directories are made when
 *     needed, except what creation put there (first contents, files).
 *  2. A row says `running` exactly while a run of it may exist. A run is the directory
 *     RUN/containers/ID with a lock (the run's lock) whose holder is responsible for it: first the
 *     command that starts it, then its monitor, then the teardown that the monitor becomes. While the
 *     lock is held, state.json in that directory tells the finer state; a free lock means that the
 *     holder died, and whoever takes the lock makes the run final. No directory: the machine was
 *     booted since.
 *  3. Who changes anything takes RUN/locks/ID first (container_lock), then the run's lock, then begins a
 *     transaction; never in another order. The teardown takes only the last two.
 *  4. The directory of a run goes last when a run is made final, and the note of a removal last when a
 *     container is removed.
 *
 *  status    | what holds                              | transition (function)        | what remains if we die in it
 *  ----------+-----------------------------------------+------------------------------+-----------------------------
 *  (none)    | no row                                  | -> created (container_create)| directory and volumes without
 *            |                                         |                              | rows, named by a note: swept
 *  created,  | no run; perhaps the directory of a past | -> running (container_run)   | row running, lock free: made
 *  exited    | one, which counts for nothing           |                              | final (137, or as state.json says)
 *            |                                         | -> (none) (container_remove_all) | files without a row, named
 *            |                                         |                              | by a note: swept
 *  running   | a run, or what a dead holder left of it | -> exited, or what it was    | row running, lock free: made
 *            |                                         | before a start that failed   | final again, each step is
 *            |                                         | (container_finish_run)       | idempotent
 *            |                                         | -> (none) (the same, --rm)   | as above
 *
 * `paused`, `restarting` and the rest of what users see come from state.json while a run is alive. */
#include "engine/container/container.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/json-scan.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/container/container-internal.h"
#include "engine/monitor/json-text.h"
#include "engine/monitor/monitor-config.h"
#include "engine/monitor/state-file.h"

const char *const container_status_names[CONTAINER_STATUS_MAX_] = {
    [CONTAINER_CREATED] = "created",
    [CONTAINER_RUNNING] = "running",
    [CONTAINER_PAUSED] = "paused",
    [CONTAINER_RESTARTING] = "restarting",
    [CONTAINER_REMOVING] = "removing",
    [CONTAINER_EXITED] = "exited",
    [CONTAINER_DEAD] = "dead",
};

static enum container_status status_parse(const char *text)
{
    for (int i = 0; i < CONTAINER_STATUS_MAX_; i++)
        if (text && strcmp(text, container_status_names[i]) == 0)
            return (enum container_status)i;
    return CONTAINER_DEAD;
}

/* ---- References ---- */

int container_not_found(const char *reference, struct error **err)
{
    return error_set_plain(err, ENOENT, NULL, "No such container: %s", reference);
}

/* One row's first column into the arena: 1, 0 none, 2 more than one. */
static int query_one(struct engine *engine, struct arena *arena, const char *sql,
        const char *argument, const char **ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err, sql, "t", argument);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r <= 0)
        return r;
    const char *first = arena_strdup(arena, stmt_text(stmt, 0));
    r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    *ret = first;
    return 1 + r;
}

static bool is_hex(const char *text)
{
    return *text && strspn(text, "0123456789abcdef") == strlen(text) &&
           strlen(text) <= CONTAINER_ID_HEX;
}

int container_resolve(struct engine *engine, struct arena *arena, const char *reference,
        const char **ret_id, struct error **err)
{
    const char *name = reference[0] == '/' ? reference + 1 : reference, *id = NULL;
    int r = 0;

    if (strlen(name) == CONTAINER_ID_HEX && is_hex(name))
        r = query_one(engine, arena, "SELECT id FROM containers WHERE id = ?", name, &id, err);
    if (r == 0 && *name)
        r = query_one(engine, arena, "SELECT id FROM containers WHERE name = ?", name, &id, err);
    if (r == 0 && is_hex(name))
        r = query_one(engine, arena,
                "SELECT id FROM containers WHERE id >= ?1 AND id < ?1 || 'g' LIMIT 2", name, &id,
                err);
    if (r < 0)
        return r;
    if (r > 1)
        return error_set_plain(
                err, EINVAL, NULL, "Multiple IDs found with provided prefix: %s", name);
    *ret_id = id;
    return 0;
}

/* ---- Locks and directories ---- */

int container_lock(struct engine *engine, const char *id, enum container_status *ret_status,
        struct error **err)
{
    auto_close int lock = engine_lock(engine, id, true, err);
    enum container_status status;
    int r = lock < 0 ? lock : container_row_status(engine, id, &status, err);

    if (r < 0)
        return r;
    /* Another command removed the container, and its lock's file, while we waited: ours is a new one. */
    if (status == CONTAINER_STATUS_INVALID)
        engine_lock_remove(engine, id);
    if (ret_status)
        *ret_status = status;
    return TAKE_FD(lock);
}

int container_open_run_dir(struct engine *engine, const char *id, bool create, struct error **err)
{
    char path[sizeof("containers/") + CONTAINER_ID_HEX];

    snprintf(path, sizeof(path), "containers/%s", id);
    if (create && mkdirat(engine->run_fd, path, 0700) < 0 && errno != EEXIST)
        return error_set(err, errno, NULL, "cannot make \"%s/%s\"", engine->options.run_dir, path);
    int fd = openat(engine->run_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0)
        return fd;
    if (errno == ENOENT && !create)
        return -ENOENT;
    return error_set(err, errno, NULL, "cannot open \"%s/%s\"", engine->options.run_dir, path);
}

int container_lock_run(int run_dir_fd, bool wait, struct error **err)
{
    int fd = fs_lock(run_dir_fd, MONITOR_LOCK_FILE, true, wait);

    if (fd >= 0 || fd == -ENOENT || (fd == -EWOULDBLOCK && !wait))
        return fd;
    return error_set(err, -fd, NULL, "cannot take the lock of the container's run");
}

bool container_run_is_owned(struct engine *engine, const char *id)
{
    char path[sizeof("containers//" MONITOR_LOCK_FILE) + CONTAINER_ID_HEX];

    snprintf(path, sizeof(path), "containers/%s/" MONITOR_LOCK_FILE, id);
    auto_close int fd = openat(engine->run_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

    return fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
}

int container_open_dir(struct engine *engine, const char *id, struct error **err)
{
    char path[sizeof("containers/") + CONTAINER_ID_HEX];

    snprintf(path, sizeof(path), "containers/%s", id);
    int fd = openat(engine->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return error_set(err, errno, NULL, "cannot open \"%s/%s\"", engine->options.root_dir, path);
    return fd;
}

/* ---- Reading rows ---- */

#define CONTAINER_COLUMNS                                                                    \
    "id, name, image_id, image_name, created_nsec, config, model, status, exit_code, error," \
    " oom_killed, started_nsec, finished_nsec, restart_count, health, pod_id,"               \
    " (SELECT name FROM pods WHERE pods.id = pod_id),"                                       \
    " EXISTS (SELECT 1 FROM pods WHERE pods.infra_id = containers.id)"

static int read_columns(
        struct arena *arena, struct stmt *stmt, struct container *ret, struct error **err)
{
    int r = container_config_from_text(arena, stmt_text(stmt, 5), &ret->config, err);

    if (r < 0)
        return r;
    ret->id = arena_strdup(arena, stmt_text(stmt, 0));
    ret->name = arena_strdup(arena, stmt_text(stmt, 1));
    ret->image_id = arena_strdup(arena, stmt_text(stmt, 2));
    ret->image_name = arena_strdup(arena, stmt_text(stmt, 3));
    ret->created_nsec = stmt_int(stmt, 4);
    ret->model = arena_strdup(arena, stmt_text(stmt, 6));
    ret->config.name = ret->name;
    ret->config.image = ret->image_name;
    ret->config.model = ret->model;
    ret->pod_id = arena_strdup(arena, stmt_text(stmt, 15));
    ret->pod_name = arena_strdup(arena, stmt_text(stmt, 16));
    ret->is_infra = stmt_int(stmt, 17) != 0;
    ret->config.pod = ret->pod_id;
    ret->state = (struct container_state){
        .status = status_parse(stmt_text(stmt, 7)),
        .exit_code = (int)stmt_int(stmt, 8),
        .error = arena_strdup(arena, stmt_text(stmt, 9)),
        .oom_killed = stmt_int(stmt, 10) != 0,
        .started_nsec = stmt_int(stmt, 11),
        .finished_nsec = stmt_int(stmt, 12),
        .restart_count = (int)stmt_int(stmt, 13),
        .health_json = arena_strdup(arena, stmt_text(stmt, 14)),
    };
    return 0;
}

static char **texts_from_json(struct arena *arena, const char *text)
{
    struct json_scan list;
    size_t len = 0;

    json_scan_begin(&list, arena, text ? text : "[]", text ? strlen(text) : 2);
    if (json_scan_type(&list) != JSON_SCAN_ARRAY)
        return ARENA_NEW(arena, char *);
    char **vector = ARENA_NEW_ARRAY(arena, json_scan_count(&list) + 1, char *);
    json_scan_enter(&list);
    while (json_scan_item(&list))
        if (json_scan_type(&list) == JSON_SCAN_TEXT)
            vector[len++] = (char *)json_scan_text(&list);
        else
            json_scan_skip(&list);
    return vector;
}

static int read_endpoints(
        struct engine *engine, struct arena *arena, struct container *c, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT e.network_id, n.name, e.ipv4, n.gateway, e.mac, n.subnet, e.aliases"
            " FROM endpoints e JOIN networks n ON n.id = e.network_id"
            " WHERE e.container_id = ? ORDER BY e.position",
            "t", c->id);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0) {
        struct container_endpoint *e = ARRAY_APPEND_ARENA(arena, &c->endpoints);
        const char *subnet = stmt_text(stmt, 5);
        const char *slash = subnet ? strchr(subnet, '/') : NULL;

        e->network_id = arena_strdup(arena, stmt_text(stmt, 0));
        e->network = arena_strdup(arena, stmt_text(stmt, 1));
        e->ipv4 = arena_strdup(arena, stmt_text(stmt, 2));
        e->gateway = arena_strdup(arena, stmt_text(stmt, 3));
        e->mac = arena_strdup(arena, stmt_text(stmt, 4));
        for (slash = slash ? slash + 1 : ""; *slash >= '0' && *slash <= '9'; slash++)
            e->prefix_len = (e->prefix_len * 10 + (*slash - '0')) & 0x7f;
        e->aliases = texts_from_json(arena, stmt_text(stmt, 6));
    }
    return r;
}

static int read_bindings(
        struct engine *engine, struct arena *arena, struct container *c, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT host_ip, host_port, container_port, protocol FROM ports"
            " WHERE container_id = ? ORDER BY container_port, protocol, host_port, host_ip",
            "t", c->id);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND_ARENA(arena, &c->bindings) = (struct container_binding){
            .host_ip = arena_strdup(arena, stmt_text(stmt, 0)),
            .host_port = (uint16_t)stmt_int(stmt, 1),
            .container_port = (uint16_t)stmt_int(stmt, 2),
            .protocol = arena_strdup(arena, stmt_text(stmt, 3)),
        };
    return r;
}

/* ---- Live state ---- */

const char *container_health_json(struct arena *arena, const struct monitor_state *state)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(LIMIT_JSON_BYTES);
    char start[TIME_RFC3339_MAX], end[TIME_RFC3339_MAX];

    if (state->health == MONITOR_HEALTH_NONE)
        return NULL;
    strbuf_addf(&text, "{\"Status\":\"%s\",\"FailingStreak\":%d,\"Log\":[",
            monitor_health_names[state->health], (int)state->failing_streak);
    for (size_t i = 0; i < state->health_log_len; i++) {
        const struct health_result *result = &state->health_log[i];
        const char *output = result->output ? result->output : "";

        strbuf_addf(&text,
                "%s{\"Start\":\"%s\",\"End\":\"%s\",\"ExitCode\":%d,\"Output\":", i > 0 ? "," : "",
                time_format_rfc3339(result->start_nsec, start),
                time_format_rfc3339(result->end_nsec, end), result->exit_code);
        json_text_append(&text, output, strlen(output));
        strbuf_addc(&text, '}');
    }
    strbuf_adds(&text, "]}");
    return arena_strdup(arena, text.data);
}

static const enum container_status from_monitor[MONITOR_STATUS_MAX_] = {
    [MONITOR_CREATED] = CONTAINER_CREATED,
    [MONITOR_RUNNING] = CONTAINER_RUNNING,
    [MONITOR_PAUSED] = CONTAINER_PAUSED,
    [MONITOR_RESTARTING] = CONTAINER_RESTARTING,
    [MONITOR_EXITED] = CONTAINER_EXITED,
};

/* A row that says running is refined by what the monitor last wrote. */
static int read_live_state(
        struct engine *engine, struct arena *arena, struct container *c, struct error **err)
{
    auto_(arena_release) struct arena scratch = ARENA_INIT;
    char path[sizeof("containers//" MONITOR_STATE_FILE) + CONTAINER_ID_HEX];
    struct monitor_state *live = NULL;
    struct container_state *s = &c->state;

    if (s->status != CONTAINER_RUNNING)
        return 0;
    snprintf(path, sizeof(path), "containers/%s/" MONITOR_STATE_FILE, c->id);
    int r = monitor_state_read_at(&scratch, engine->run_fd, path, &live, err);
    if (r < 0)
        return r;
    if (!live) {
        /* Being started (or its end not noticed yet, which is engine_reconcile's business). */
        s->status = CONTAINER_CREATED;
        return 0;
    }
    s->status = from_monitor[live->status];
    s->pid = s->status == CONTAINER_EXITED ? 0 : live->pid;
    s->exit_code = live->exit_code;
    s->oom_killed = live->oom_killed;
    s->restart_count = (int)live->restart_count;
    s->started_nsec = live->started_nsec;
    s->finished_nsec = live->finished_nsec;
    s->error = live->error && live->error[0] ? arena_strdup(arena, live->error) : NULL;
    s->health_json = container_health_json(arena, live);
    s->health = live->health != MONITOR_HEALTH_NONE ? monitor_health_names[live->health] : NULL;
    s->health_failing_streak = (int)live->failing_streak;
    return 0;
}

/* The last run's health, as the row keeps it. */
static void read_stored_health(struct arena *arena, struct container_state *s)
{
    auto_json json_t *health = NULL;

    if (s->health || !s->health_json ||
            jsonx_parse(s->health_json, strlen(s->health_json), "health", &health, NULL) < 0)
        return;
    s->health = arena_strdup(arena, jsonx_string(health, "Status"));
    s->health_failing_streak = (int)jsonx_int(health, "FailingStreak", 0);
}

int container_load(struct engine *engine, struct arena *arena, const char *id,
        struct container **ret, struct error **err)
{
    struct container *c = ARENA_NEW(arena, struct container);
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT " CONTAINER_COLUMNS " FROM containers WHERE id = ?", "t", id);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r == 0)
        *ret = NULL;
    if (r <= 0)
        return r;
    r = read_columns(arena, stmt, c, err);
    if (r >= 0)
        r = read_endpoints(engine, arena, c, err);
    if (r >= 0)
        r = read_bindings(engine, arena, c, err);
    if (r >= 0)
        r = read_live_state(engine, arena, c, err);
    if (r < 0)
        return r;
    read_stored_health(arena, &c->state);
    *ret = c;
    return 0;
}

int container_lookup(struct engine *engine, struct arena *arena, const char *reference,
        struct container **ret, struct error **err)
{
    const char *id = NULL;
    int r = container_resolve(engine, arena, reference, &id, err);

    if (r < 0)
        return r;
    if (!id) {
        *ret = NULL;
        return 0;
    }
    return container_load(engine, arena, id, ret, err);
}

int container_get(struct engine *engine, struct arena *arena, const char *reference,
        struct container **ret, struct error **err)
{
    struct container *c = NULL;
    int r = container_lookup(engine, arena, reference, &c, err);

    if (r < 0)
        return r;
    if (!c)
        return container_not_found(reference, err);
    *ret = c;
    return 0;
}

/* ---- Changing rows ---- */

int container_row_status(
        struct engine *engine, const char *id, enum container_status *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err, "SELECT status FROM containers WHERE id = ?", "t", id);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    *ret = r > 0 ? status_parse(stmt_text(stmt, 0)) : CONTAINER_STATUS_INVALID;
    return 0;
}

int container_store_config(struct engine *engine, const struct container *c, struct error **err)
{
    auto_json json_t *json = container_config_to_json(&c->config);
    auto_free char *text = jsonx_dump(json);
    int r = db_exec(
            engine->db, err, "UPDATE containers SET config = ? WHERE id = ?", "tt", text, c->id);

    return r < 0 ? r : 0;
}

bool container_row_is_running(struct engine *engine, const char *id)
{
    enum container_status status = CONTAINER_DEAD;

    return container_row_status(engine, id, &status, NULL) >= 0 && status == CONTAINER_RUNNING;
}

int container_row_running(
        struct engine *engine, const char *id, int restart_count, struct error **err)
{
    int r = db_exec(engine->db, err,
            "UPDATE containers SET status = 'running', desired = 'running', boot_id = ?,"
            " restart_count = ?, started_nsec = ?, error = NULL, oom_killed = 0, health = NULL"
            " WHERE id = ? AND status IN ('created', 'exited', 'dead')",
            "tiit", engine->boot_id, (int64_t)restart_count, time_realtime_nsec(), id);

    if (r == 0)
        return error_set_plain(
                err, EBUSY, NULL, "container %.12s was removed or started by another command", id);
    return r < 0 ? r : 0;
}

int container_row_finished(struct engine *engine, const char *id,
        const struct container_outcome *outcome, struct error **err)
{
    int r = db_exec(engine->db, err,
            "UPDATE containers SET status = ?, exit_code = ?, oom_killed = ?, restart_count = ?,"
            " error = ?, started_nsec = ?, finished_nsec = ?, health = ?"
            " WHERE id = ? AND status = 'running'",
            "tiiitiitt", container_status_names[outcome->status], (int64_t)outcome->exit_code,
            (int64_t)outcome->oom_killed, (int64_t)outcome->restart_count, outcome->error,
            outcome->started_nsec, outcome->finished_nsec, outcome->health, id);

    return r < 0 ? r : 0;
}

int container_row_set_desired(
        struct engine *engine, const char *id, const char *desired, struct error **err)
{
    int r = db_exec(engine->db, err,
            "UPDATE containers SET desired = ?1 WHERE id = ?2 AND desired <> ?1", "tt", desired,
            id);

    return r < 0 ? r : 0;
}
