#include "engine/state/projects.h"

#include <errno.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/timefmt.h"
#include "engine/engine-internal.h"
#include "engine/state/db.h"

int project_row_read(struct engine *engine, struct arena *arena, const char *project,
        struct project_row **ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT directory, applied FROM projects WHERE name = ?", "t", project);

    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    *ret = NULL;
    if (r == 0)
        return 0;
    *ret = ARENA_NEW(arena, struct project_row);
    (*ret)->directory = arena_strdup(arena, stmt_text(stmt, 0));
    (*ret)->applied = arena_strdup(arena, stmt_text(stmt, 1));
    return 0;
}

int project_row_write(struct engine *engine, const char *project, const struct project_row *row,
        struct error **err)
{
    int r = db_exec(engine->db, err,
            "INSERT INTO projects (name, directory, applied, applied_nsec) VALUES (?1, ?2, ?3, ?4)"
            " ON CONFLICT (name) DO UPDATE SET directory = ?2, applied = ifnull(?3, applied),"
            " applied_nsec = ?4",
            "ttti", project, row->directory, row->applied, time_realtime_nsec());

    return r < 0 ? error_wrap(err, r, "cannot note what is applied to project \"%s\"", project) : 0;
}

int project_row_remove(struct engine *engine, const char *project, struct error **err)
{
    int r = db_exec(engine->db, err, "DELETE FROM projects WHERE name = ?", "t", project);

    return r < 0 ? r : 0;
}

static int take_lock(struct engine *engine, const char *prefix, const char *project, bool wait,
        struct error **err)
{
    char name[LIMIT_NAME_BYTES];

    if (snprintf(name, sizeof(name), "%s-%s", prefix, project) >= (int)sizeof(name))
        return error_set_plain(err, ENAMETOOLONG, NULL, "the project name is too long");
    return engine_lock(engine, name, wait, err);
}

int project_lock(struct engine *engine, const char *project, bool wait, struct error **err)
{
    return take_lock(engine, "project", project, wait, err);
}

int project_lock_watch(struct engine *engine, const char *project, struct error **err)
{
    return take_lock(engine, "watch", project, false, err);
}
