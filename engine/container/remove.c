#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "engine/container/container-internal.h"
#include "engine/network/network.h"

int container_remove(struct engine *engine, const char *reference,
        const struct container_remove_options *options, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container *c = NULL;
    int r = container_get(engine, &arena, reference, &c, err);

    if (r >= 0 && c->is_infra)
        return error_set_plain(err, EBUSY, NULL,
                "container %s is the infra container of pod %s and cannot be removed without "
                "removing the pod",
                c->id, c->pod_id);
    return r < 0 ? r : container_remove_in(engine, reference, options, err);
}

int container_remove_in(struct engine *engine, const char *reference,
        const struct container_remove_options *options, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_close int lock = -EBADF;
    enum container_status status;
    struct container *c = NULL;
    int r = container_begin(engine, &arena, reference, &c, &lock, err);

    if (r < 0)
        return r;
    if (container_row_is_running(engine, c->id)) {
        /* One that has ended is only being cleared away: that is waited for. */
        if (!options->force && c->state.status != CONTAINER_EXITED)
            return error_set_plain(err, EBUSY, NULL,
                    "cannot remove container \"%s\": container is %s: stop the container before "
                    "removing or force remove",
                    reference, container_status_names[c->state.status]);
        r = container_end_run(engine, c, err);
        if (r >= 0)
            r = container_row_status(engine, c->id, &status, err);
        if (r < 0 || status == CONTAINER_STATUS_INVALID) /* --rm has removed it by now */
            return r;
    }
    return container_remove_all(engine, c->id, options->volumes, err);
}

static int set_name(
        struct engine *engine, const struct container *c, const char *name, struct error **err)
{
    auto_(db_rollback_p) struct db *transaction = NULL;
    int r = db_begin(engine->db, &transaction, err);

    if (r >= 0)
        r = container_check_name(engine, name, err);
    if (r >= 0)
        r = db_exec(
                engine->db, err, "UPDATE containers SET name = ? WHERE id = ?", "tt", name, c->id);
    if (r < 0)
        return r;
    return db_commit(&transaction, err);
}

int container_set_model(
        struct engine *engine, const char *id, const char *model, struct error **err)
{
    int r = db_exec(
            engine->db, err, "UPDATE containers SET model = ? WHERE id = ?", "tt", model, id);

    return r < 0 ? r : 0;
}

int container_rename(
        struct engine *engine, const char *reference, const char *new_name, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const char *name = new_name[0] == '/' ? new_name + 1 : new_name;
    auto_close int lock = -EBADF;
    struct container *c = NULL;
    int r = container_begin(engine, &arena, reference, &c, &lock, err);

    if (r < 0)
        return r;
    if (!*name)
        return error_set_plain(err, EINVAL, NULL, "Neither old nor new names may be empty");
    if (strcmp(name, c->name) == 0)
        return error_set_plain(
                err, EINVAL, NULL, "Renaming a container with the same name as its current name");
    r = set_name(engine, c, name, err);
    if (r < 0)
        return r;
    container_event(engine, c->id, "rename", "oldName", arena_printf(&arena, "/%s", c->name));
    return container_row_is_running(engine, c->id) ? network_refresh_names(engine, err) : 0;
}
