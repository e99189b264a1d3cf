#include "engine/build/cache.h"

#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/build/run-mount.h"
#include "engine/engine-internal.h"
#include "engine/state/db.h"

#define NSEC_PER_DAY (INT64_C(86400) * NSEC_PER_SEC)

static int read_entry(
        struct engine *engine, const char *key, struct cache_entry *ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    struct cache_entry entry = { 0 };

    int r = db_query(engine->db, &stmt, err,
            "SELECT c.diff_id, c.created_nsec FROM build_cache c WHERE c.key = ?"
            " AND (c.diff_id IS NULL OR EXISTS (SELECT 1 FROM layers l WHERE l.diff_id = c.diff_id))",
            "t", key);
    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r <= 0)
        return r;
    const char *diff_id = stmt_text(stmt, 0);
    if (diff_id && strlen(diff_id) >= sizeof(entry.diff_id))
        return 0;
    if (diff_id)
        memcpy(entry.diff_id, diff_id, strlen(diff_id) + 1);
    entry.created_nsec = stmt_int(stmt, 1);
    *ret = entry;
    return 1;
}

/* The reading is over before the writing begins: a statement that reads cannot become one that writes once
 * another process has written (SQLITE_BUSY_SNAPSHOT), and no waiting helps. */
int build_cache_get(
        struct engine *engine, const char *key, struct cache_entry *ret, struct error **err)
{
    struct cache_entry entry;

    int r = read_entry(engine, key, &entry, err);
    if (r <= 0)
        return r;
    r = db_exec(engine->db, err, "UPDATE build_cache SET last_used_nsec = ? WHERE key = ?", "it",
            time_realtime_nsec(), key);
    if (r < 0)
        return r;
    *ret = entry;
    return 1;
}

int build_cache_put(
        struct engine *engine, const char *key, const struct cache_entry *entry, struct error **err)
{
    int r = db_exec(engine->db, err,
            "INSERT INTO build_cache (key, diff_id, created_nsec, last_used_nsec)"
            " VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE SET diff_id = excluded.diff_id,"
            " created_nsec = excluded.created_nsec, last_used_nsec = excluded.last_used_nsec",
            "ttii", key, *entry->diff_id ? entry->diff_id : NULL, entry->created_nsec,
            time_realtime_nsec());

    return r < 0 ? r : 0;
}

int build_cache_expire(struct engine *engine, struct error **err)
{
    int r = db_exec(engine->db, err, "DELETE FROM build_cache WHERE last_used_nsec < ?", "i",
            time_realtime_nsec() - BUILD_CACHE_KEEP_DAYS * NSEC_PER_DAY);

    return r < 0 ? r : 0;
}

static int find_rows(struct engine *engine, struct arena *arena,
        const struct build_cache_filter *filter, struct build_cache_pruned *ret,
        struct strings *layers, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT c.key, c.diff_id FROM build_cache c WHERE c.last_used_nsec < ? AND (? OR NOT EXISTS"
            " (SELECT 1 FROM image_layers i WHERE i.diff_id = c.diff_id)) ORDER BY c.key",
            "ii", filter->until_nsec ? filter->until_nsec : INT64_MAX, (int64_t)filter->all);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0) {
        *ARRAY_APPEND_ARENA(arena, &ret->keys) = arena_strdup(arena, stmt_text(stmt, 0));
        if (stmt_text(stmt, 1))
            *ARRAY_APPEND_ARENA(arena, layers) = arena_strdup(arena, stmt_text(stmt, 1));
    }
    return r;
}

int build_cache_prune(struct engine *engine, struct arena *arena,
        const struct build_cache_filter *filter, struct build_cache_pruned *ret, struct error **err)
{
    auto_close int locks_fd = fs_mkdir_parents(engine->run_fd, "locks", 0700, err);
    auto_close int lock_fd = -EBADF;
    struct strings layers = { 0 };

    *ret = (struct build_cache_pruned){ 0 };
    if (locks_fd < 0)
        return locks_fd;
    lock_fd = fs_lock(locks_fd, BUILD_LOCK, true, false);
    int r = find_rows(engine, arena, filter, ret, &layers, err);
    for (size_t i = 0; r >= 0 && i < ret->keys.len; i++)
        r = db_exec(
                engine->db, err, "DELETE FROM build_cache WHERE key = ?", "t", ret->keys.items[i]);
    if (r >= 0)
        r = image_remove_layers(engine, lock_fd < 0 ? NULL : &layers, &ret->bytes, err);
    return r < 0 ? r
                 : run_caches_prune(engine, arena,
                           filter->until_nsec ? filter->until_nsec : INT64_MAX, ret, err);
}
