/* The containers of the recording engine: they are made, start, stop and end as their behaviour says. */
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "compose/backend-record-internal.h"
#include "compose/plan.h"
#include "compose/project.h"

/* --------------------------------------------------------------------- creating containers */

static int connect_networks(struct record_engine *engine, struct fake_container *container,
        const struct backend_container_spec *spec, struct error **err)
{
    ARRAY_FOREACH(spec->networks, attachment) {
        const struct observed_network *network = record_find_network(engine, attachment->network);

        if (!network)
            return error_set_plain(err, ENOENT, NULL, "network %s not found", attachment->network);
        *ARRAY_APPEND_ARENA(&engine->arena, &container->seen.networks) = (struct observed_endpoint){
            .network_id = network->id,
            .network_name = network->name,
        };
    }
    return 0;
}

static void mount_volume(struct record_engine *engine, struct fake_container *container,
        const char *volume, const char *target, bool anonymous)
{
    ARRAY_FOREACH(&container->seen.mounts, mount) {
        if (strcmp(mount->target, target) == 0)
            return;
    }
    *ARRAY_APPEND_ARENA(&engine->arena, &container->seen.mounts) = (struct observed_mount){
        .volume = arena_strdup(&engine->arena, volume),
        .target = arena_strdup(&engine->arena, target),
        .anonymous = anonymous,
    };
}

static int mount_volumes(struct record_engine *engine, struct fake_container *container,
        const struct backend_container_spec *spec, struct error **err)
{
    ARRAY_FOREACH(spec->volumes, carried) {
        if (!record_find_volume(engine, carried->volume))
            return error_set_plain(err, ENOENT, NULL, "volume %s is gone", carried->volume);
        mount_volume(engine, container, carried->volume, carried->target, true);
    }
    ARRAY_FOREACH(&spec->service->volumes, v) {
        const struct project_volume *declared = v->source ? project_find_volume(
                                                                    spec->project, v->source)
                                                          : NULL;

        if (v->type != MOUNT_VOLUME)
            continue;
        if (declared && !record_find_volume(engine, declared->name))
            return error_set_plain(err, ENOENT, NULL, "volume %s not found", declared->name);
        if (declared) {
            mount_volume(engine, container, declared->name, v->target, false);
            continue;
        }
        size_t before = container->seen.mounts.len;
        const char *name = arena_printf(
                &engine->arena, "anonymous-%lu", (unsigned long)++engine->serial);
        mount_volume(engine, container, name, v->target, true);
        if (container->seen.mounts.len > before)
            *ARRAY_APPEND(&engine->volumes) = (struct observed_volume){ .name = name };
    }
    return 0;
}

static int join_container(struct record_engine *engine, struct fake_container *container,
        const char *name, struct error **err)
{
    const struct fake_container *other = name ? record_find_container_name(engine, name) : NULL;

    if (!name)
        return 0;
    if (!other)
        return error_set_plain(err, ENOENT, NULL, "no such container: %s", name);
    *ARRAY_APPEND_ARENA(&engine->arena, &container->joins) = arena_strdup(
            &engine->arena, other->seen.id);
    return 0;
}

static int create_container(struct record_engine *engine, const struct backend_container_spec *spec,
        char **ret_id, struct error **err)
{
    struct arena *arena = &engine->arena;
    const char *image_id = strmap_get(&engine->images, spec->image);
    struct fake_container *container = ARENA_NEW(arena, struct fake_container);
    int r;

    if (record_find_container_name(engine, spec->name))
        return error_set_plain(
                err, EEXIST, NULL, "the container name \"/%s\" is already in use", spec->name);
    if (!image_id)
        return error_set_plain(err, ENOENT, NULL, "No such image: %s", spec->image);
    container->seen = (struct observed_container){
        .id = record_new_id(engine),
        .name = arena_strdup(arena, spec->name),
        .model = arena_strdup(arena, spec->model),
        .image = arena_strdup(arena, spec->image),
        .image_id = image_id,
        .status = OBSERVED_CREATED,
        .auto_remove = spec->auto_remove,
        .created_nsec = (int64_t)++engine->serial,
    };
    record_copy_labels(engine, &container->seen.labels, spec->labels);
    observed_container_read_labels(&container->seen);
    container->replaces = arena_strdup(arena, spec->replaces);
    if ((r = connect_networks(engine, container, spec, err)) < 0 ||
            (r = mount_volumes(engine, container, spec, err)) < 0 ||
            (r = join_container(engine, container, spec->join_network, err)) < 0 ||
            (r = join_container(engine, container, spec->join_ipc, err)) < 0 ||
            (r = join_container(engine, container, spec->join_pid, err)) < 0)
        return r;
    *ARRAY_APPEND(&engine->containers) = container;
    *ret_id = mem_strdup(container->seen.id);
    return 0;
}

int record_container_create(struct backend *backend, const struct backend_container_spec *spec,
        const struct backend_call *call, char **ret_id, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    int r = record_begin(engine, "create-container", spec->name, err);

    (void)call;
    return record_end(engine, r < 0 ? r : create_container(engine, spec, ret_id, err));
}

/* -------------------------------------------------------------------- existing containers */

/* record_begin() for a call on a container; *ret NULL when there is none. */
static int begin_on(struct record_engine *engine, const char *operation, const char *id,
        struct fake_container **ret, struct error **err)
{
    pthread_mutex_lock(&engine->lock);
    struct fake_container *container = record_find_container(engine, id);
    const char *name = container ? container->seen.name : id;
    pthread_mutex_unlock(&engine->lock);
    int r = record_begin(engine, operation, name, err);

    *ret = record_find_container(engine, id);
    return r;
}

static int missing(const char *id, struct error **err)
{
    return error_set_plain(err, ENOENT, NULL, "No such container: %s", id);
}

static const struct record_behaviour *behaviour_of(
        struct record_engine *engine, const struct fake_container *container)
{
    static const struct record_behaviour plain = { 0 };
    const struct record_behaviour *behaviour = strmap_get(
            &engine->behaviours, container->seen.service);

    return behaviour ? behaviour : &plain;
}

static int start_container(
        struct record_engine *engine, struct fake_container *container, struct error **err)
{
    const struct record_behaviour *behaviour = behaviour_of(engine, container);
    const struct fake_container *replaced = container->replaces ? record_find_container(engine,
                                                                          container->replaces)
                                                                : NULL;

    if (replaced && observed_container_is_active(&replaced->seen))
        return error_set_plain(err, EADDRINUSE, NULL, "Address already in use");
    ARRAY_FOREACH(&container->joins, id) {
        const struct fake_container *other = record_find_container(engine, *id);

        if (!other || !observed_container_is_active(&other->seen))
            return error_set_plain(
                    err, EINVAL, NULL, "cannot join namespace of a non running container");
    }
    ARRAY_FOREACH(&container->seen.networks, endpoint) {
        const struct observed_network *network = record_find_network(
                engine, endpoint->network_name);

        if (!network || strcmp(network->id, endpoint->network_id) != 0)
            return error_set_plain(
                    err, ENOENT, NULL, "network %s not found", endpoint->network_name);
    }
    container->seen.status = behaviour->exits ? OBSERVED_EXITED : OBSERVED_RUNNING;
    container->seen.exit_code = behaviour->exit_code;
    container->seen.health = behaviour->exits ? OBSERVED_HEALTH_NONE : behaviour->health;
    return 0;
}

int record_container_start(struct backend *backend, const char *id, const struct backend_call *call,
        struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    struct fake_container *container;
    int r = begin_on(engine, "start-container", id, &container, err);

    (void)call;
    if (r >= 0)
        r = container ? start_container(engine, container, err) : missing(id, err);
    return record_end(engine, r);
}

static void stop_container(struct fake_container *container, int exit_code)
{
    if (!observed_container_is_active(&container->seen))
        return;
    container->seen.status = OBSERVED_EXITED;
    container->seen.exit_code = exit_code;
    container->seen.health = OBSERVED_HEALTH_NONE;
}

int record_container_stop(struct backend *backend, const char *id, int64_t timeout_usec,
        const struct backend_call *call, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    struct fake_container *container;
    int r = begin_on(engine, "stop-container", id, &container, err);

    (void)call;
    (void)timeout_usec;
    if (r >= 0 && container)
        stop_container(container, 143);
    return record_end(engine, r);
}

int record_container_restart(struct backend *backend, const char *id, int64_t timeout_usec,
        const struct backend_call *call, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    struct fake_container *container;
    int r = begin_on(engine, "restart-container", id, &container, err);

    (void)call;
    (void)timeout_usec;
    if (r >= 0 && container)
        stop_container(container, 143);
    if (r >= 0)
        r = container ? start_container(engine, container, err) : missing(id, err);
    return record_end(engine, r);
}

int record_container_kill(struct backend *backend, const char *id, int signo,
        const struct backend_call *call, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    struct fake_container *container;
    int r = begin_on(engine, "kill-container", id, &container, err);

    (void)call;
    if (r >= 0 && container)
        stop_container(container, 128 + signo);
    return record_end(engine, r);
}

static int set_paused(struct backend *backend, const char *operation, const char *id,
        enum observed_status from, enum observed_status to, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    struct fake_container *container;
    int r = begin_on(engine, operation, id, &container, err);

    if (r >= 0 && !container)
        r = missing(id, err);
    if (r >= 0 && container->seen.status == from)
        container->seen.status = to;
    return record_end(engine, r);
}

int record_container_pause(struct backend *backend, const char *id, const struct backend_call *call,
        struct error **err)
{
    (void)call;
    return set_paused(backend, "pause-container", id, OBSERVED_RUNNING, OBSERVED_PAUSED, err);
}

int record_container_unpause(struct backend *backend, const char *id,
        const struct backend_call *call, struct error **err)
{
    (void)call;
    return set_paused(backend, "unpause-container", id, OBSERVED_PAUSED, OBSERVED_RUNNING, err);
}

static void drop_container(
        struct record_engine *engine, struct fake_container *container, bool volumes)
{
    size_t kept = 0;

    for (size_t i = 0; i < engine->containers.len; i++)
        if (engine->containers.items[i] != container)
            engine->containers.items[kept++] = engine->containers.items[i];
    engine->containers.len = kept;
    if (!volumes)
        return;
    ARRAY_FOREACH(&container->seen.mounts, mount) {
        struct observed_volume *volume = record_find_volume(engine, mount->volume);

        if (mount->anonymous && volume && record_count_volume_users(engine, mount->volume) == 0)
            record_drop_volume(engine, volume);
    }
}

int record_container_remove(struct backend *backend, const char *id, bool force, bool volumes,
        const struct backend_call *call, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    struct fake_container *container;
    int r = begin_on(engine, "remove-container", id, &container, err);

    (void)call;
    if (r >= 0 && container && observed_container_is_active(&container->seen) && !force)
        r = error_set_plain(err, EBUSY, NULL, "container %s is running", container->seen.name);
    if (r >= 0 && container)
        drop_container(engine, container, volumes);
    return record_end(engine, r);
}

int record_container_rename(struct backend *backend, const char *id, const char *name,
        const struct backend_call *call, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    struct fake_container *container;
    int r = begin_on(engine, "rename-container", id, &container, err);

    (void)call;
    if (r >= 0 && !container)
        r = missing(id, err);
    if (r >= 0 && record_find_container_name(engine, name) &&
            record_find_container_name(engine, name) != container)
        r = error_set_plain(
                err, EEXIST, NULL, "the container name \"/%s\" is already in use", name);
    if (r >= 0)
        container->seen.name = arena_strdup(&engine->arena, name);
    return record_end(engine, r);
}

static void decide_wait(const struct observed_container *seen,
        enum backend_wait_condition condition, struct backend_wait_result *result)
{
    bool active = observed_container_is_active(seen);
    bool asks_health = condition == BACKEND_WAIT_HEALTHY ||
                       (condition == BACKEND_WAIT_READY && seen->health != OBSERVED_HEALTH_NONE);

    result->exit_code = seen->exit_code;
    if (condition == BACKEND_WAIT_COMPLETED)
        result->outcome = active ? BACKEND_WAIT_TIMED_OUT : BACKEND_WAIT_MET;
    else if (!active)
        result->outcome = BACKEND_WAIT_EXITED;
    else if (!asks_health || seen->health == OBSERVED_HEALTH_HEALTHY)
        result->outcome = BACKEND_WAIT_MET;
    else if (seen->health == OBSERVED_HEALTH_NONE)
        result->outcome = BACKEND_WAIT_NO_HEALTHCHECK;
    else if (seen->health == OBSERVED_HEALTH_UNHEALTHY) {
        result->outcome = BACKEND_WAIT_UNHEALTHY;
        result->output = mem_strdup("connection refused\n");
    } else
        result->outcome = BACKEND_WAIT_TIMED_OUT;
}

int record_container_wait(struct backend *backend, const char *id,
        enum backend_wait_condition condition, int64_t timeout_usec,
        const struct backend_call *call, struct backend_wait_result *ret, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    struct fake_container *container;
    int r = begin_on(engine, "wait-container", id, &container, err);
    struct backend_wait_result result = { .outcome = BACKEND_WAIT_GONE };

    (void)timeout_usec;
    while (r >= 0 && container && behaviour_of(engine, container)->hangs) {
        if (call->cancel && atomic_load(call->cancel)) {
            r = error_set_plain(err, ECANCELED, NULL, "cancelled");
            break;
        }
        pthread_cond_wait(&engine->woken, &engine->lock);
    }
    if (r >= 0 && container)
        decide_wait(&container->seen, condition, &result);
    if (r >= 0)
        *ret = result;
    return record_end(engine, r);
}

int record_container_exec(struct backend *backend, const char *id, const struct hook *hook,
        const struct backend_call *call, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    struct fake_container *container;
    int r = begin_on(engine, "exec-container", id, &container, err);

    (void)hook;
    (void)call;
    if (r >= 0 && (!container || container->seen.status != OBSERVED_RUNNING))
        r = error_set_plain(err, EINVAL, NULL, "container is not running");
    return record_end(engine, r);
}
