#include "compose/backend-record.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "compose/backend-record-internal.h"
#include "compose/plan.h"
#include "compose/project.h"

#define TEXT_MAX_BYTES (16u << 20)

struct record_engine *record_engine_of(struct backend *backend)
{
    return ((struct fake *)backend)->engine;
}

const char *record_new_id(struct record_engine *engine)
{
    return arena_printf(&engine->arena, "%016lx%048x", (unsigned long)++engine->serial, 0);
}

/* ------------------------------------------------------------------- each call */

int record_begin(
        struct record_engine *engine, const char *operation, const char *name, struct error **err)
{
    pthread_mutex_lock(&engine->lock);
    if (engine->calls_left == 0)
        return error_set_plain(err, ECONNRESET, NULL, "the command was killed");
    if (engine->calls_left != SIZE_MAX)
        engine->calls_left--;
    strbuf_addf(&engine->log, "%s %s\n", operation, name);
    ARRAY_FOREACH(&engine->failures, f) {
        if (f->code && strcmp(f->operation, operation) == 0 && strcmp(f->name, name) == 0)
            return error_set_plain(err, f->code, NULL, "%s %s does not work", operation, name);
    }
    return 0;
}

int record_end(struct record_engine *engine, int r)
{
    pthread_mutex_unlock(&engine->lock);
    return r;
}

struct fake_container *record_find_container(struct record_engine *engine, const char *id)
{
    ARRAY_FOREACH(&engine->containers, c) {
        if (string_is_equal((*c)->seen.id, id))
            return *c;
    }
    return NULL;
}

struct fake_container *record_find_container_name(struct record_engine *engine, const char *name)
{
    ARRAY_FOREACH(&engine->containers, c) {
        if (string_is_equal((*c)->seen.name, name))
            return *c;
    }
    return NULL;
}

struct observed_network *record_find_network(struct record_engine *engine, const char *name)
{
    ARRAY_FOREACH(&engine->networks, n) {
        if (string_is_equal(n->name, name))
            return n;
    }
    return NULL;
}

struct observed_volume *record_find_volume(struct record_engine *engine, const char *name)
{
    ARRAY_FOREACH(&engine->volumes, v) {
        if (string_is_equal(v->name, name))
            return v;
    }
    return NULL;
}

void record_copy_labels(struct record_engine *engine, struct strmap *to, const struct strmap *from)
{
    strmap_init_arena(to, &engine->arena);
    STRMAP_FOREACH(from, entry) {
        strmap_set(to, entry->key, arena_strdup(&engine->arena, entry->value));
    }
}

static const char *copy_label(
        struct record_engine *engine, const struct strmap *labels, const char *key)
{
    return arena_strdup(&engine->arena, strmap_get(labels, key));
}

/* ----------------------------------------------------------------------- observing */

static int fake_open_worker(struct backend *backend, struct backend **ret, struct error **err)
{
    (void)err;
    *ret = record_open(record_engine_of(backend));
    return 0;
}

static void fake_close(struct backend *backend)
{
    free(backend);
}

static bool is_network_user(const struct fake_container *c, const struct observed_network *network)
{
    return (c->lingers || observed_container_is_active(&c->seen)) &&
           observed_container_is_on_network(&c->seen, network);
}

static size_t count_network_users(struct record_engine *engine, const struct observed_network *n)
{
    size_t users = 0;

    ARRAY_FOREACH(&engine->containers, c) {
        users += is_network_user(*c, n);
    }
    return users;
}

size_t record_count_volume_users(struct record_engine *engine, const char *volume)
{
    size_t users = 0;

    ARRAY_FOREACH(&engine->containers, c) {
        users += observed_container_mounts(&(*c)->seen, volume);
    }
    return users;
}

static bool is_asked_for(
        const struct strings *names, const char *name, const char *project, const char *asked)
{
    if (string_is_equal(project, asked))
        return true;
    ARRAY_FOREACH(names, n) {
        if (strcmp(*n, name) == 0)
            return true;
    }
    return false;
}

/* Lists are copied; texts and labels are the engine's, which outlives every state. */
static int fake_observe(struct backend *backend, struct arena *arena,
        const struct backend_query *query, struct observed_state *state, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);

    (void)err;
    pthread_mutex_lock(&engine->lock);
    state->project = engine->project;
    ARRAY_FOREACH(&engine->containers, c) {
        if (!string_is_equal((*c)->seen.project, query->project))
            continue;
        struct observed_container *copy = ARRAY_APPEND_ARENA(arena, &state->containers);
        *copy = (*c)->seen;
    }
    ARRAY_FOREACH(&engine->networks, n) {
        if (!is_asked_for(&query->networks, n->name, n->project, query->project))
            continue;
        struct observed_network *copy = ARRAY_APPEND_ARENA(arena, &state->networks);
        *copy = *n;
        copy->users = (struct strings){ 0 };
        ARRAY_FOREACH(&engine->containers, c) {
            if (is_network_user(*c, n))
                *ARRAY_APPEND_ARENA(arena, &copy->users) = arena_strdup(arena, (*c)->seen.id);
        }
    }
    ARRAY_FOREACH(&engine->volumes, v) {
        if (!is_asked_for(&query->volumes, v->name, v->project, query->project))
            continue;
        struct observed_volume *copy = ARRAY_APPEND_ARENA(arena, &state->volumes);
        *copy = *v;
        copy->users = record_count_volume_users(engine, v->name);
    }
    ARRAY_FOREACH(&query->images, reference)
        *ARRAY_APPEND_ARENA(arena, &state->images) = (struct observed_image){
            .reference = arena_strdup(arena, *reference),
            .id = strmap_get(&engine->images, *reference),
        };
    pthread_mutex_unlock(&engine->lock);
    return 0;
}

static int fake_examine(struct backend *backend, struct arena *arena, const char *id,
        const struct observed_facts **ret, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);

    (void)arena;
    (void)err;
    pthread_mutex_lock(&engine->lock);
    const struct fake_container *container = record_find_container(engine, id);
    *ret = container ? container->seen.facts : NULL;
    pthread_mutex_unlock(&engine->lock);
    return 0;
}

static int fake_project_store(struct backend *backend, const char *project,
        const struct observed_project *what, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    int r = record_begin(engine, "store-project", project, err);

    if (r >= 0) {
        engine->project.directory = arena_strdup(&engine->arena, what->directory);
        if (what->applied)
            engine->project.applied = arena_strdup(&engine->arena, what->applied);
    }
    return record_end(engine, r);
}

static int fake_project_forget(struct backend *backend, const char *project, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    int r = record_begin(engine, "forget-project", project, err);

    if (r >= 0)
        engine->project = (struct observed_project){ 0 };
    return record_end(engine, r);
}

/* ------------------------------------------------------- images, networks, volumes */

static int get_image(
        struct record_engine *engine, const char *reference, const char *id, char **ret_id)
{
    strmap_set(&engine->images, reference, arena_strdup(&engine->arena, id));
    *ret_id = mem_strdup(id);
    return 0;
}

static int fake_image_pull(struct backend *backend, const struct backend_pull_spec *spec,
        const struct backend_call *call, char **ret_id, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    int r = record_begin(engine, "pull-image", spec->image, err);
    const char *id = strmap_get(&engine->offers, spec->image);

    (void)call;
    if (r >= 0 && !id)
        r = error_set_plain(err, ENOENT, NULL, "pull access denied for %s", spec->image);
    if (r >= 0)
        r = get_image(engine, spec->image, id, ret_id);
    return record_end(engine, r);
}

static int fake_image_build(struct backend *backend, const struct backend_build_spec *spec,
        const struct backend_call *call, char **ret_id, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    int r = record_begin(engine, "build-image", spec->image, err);
    const char *id = strmap_get(&engine->offers, spec->image);

    (void)call;
    if (r >= 0)
        r = get_image(engine, spec->image,
                id ? id : arena_printf(&engine->arena, "sha256:built-%s", spec->image), ret_id);
    return record_end(engine, r);
}

static int fake_image_push(struct backend *backend, const struct backend_push_spec *spec,
        const struct backend_call *call, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    int r = record_begin(engine, "push-image", spec->image, err);

    (void)call;
    if (r >= 0 && !strmap_has(&engine->images, spec->image))
        r = error_set_plain(err, ENOENT, NULL, "no such image: %s", spec->image);
    return record_end(engine, r);
}

static int fake_image_remove(struct backend *backend, const char *image,
        const struct backend_call *call, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    int r = record_begin(engine, "remove-image", image, err);

    (void)call;
    if (r >= 0)
        strmap_remove(&engine->images, image);
    return record_end(engine, r);
}

static int fake_network_create(struct backend *backend, const struct backend_network_spec *spec,
        const struct backend_call *call, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    int r = record_begin(engine, "create-network", spec->name, err);

    (void)call;
    if (r >= 0 && record_find_network(engine, spec->name))
        r = error_set_plain(err, EEXIST, NULL, "network %s already exists", spec->name);
    if (r >= 0)
        *ARRAY_APPEND(&engine->networks) = (struct observed_network){
            .id = record_new_id(engine),
            .name = arena_strdup(&engine->arena, spec->name),
            .project = copy_label(engine, spec->labels, LABEL_PROJECT),
            .key = copy_label(engine, spec->labels, LABEL_NETWORK),
            .config_hash = copy_label(engine, spec->labels, LABEL_CONFIG_HASH),
        };
    return record_end(engine, r);
}

static void drop_endpoints(struct record_engine *engine, const struct observed_network *network)
{
    ARRAY_FOREACH(&engine->containers, c) {
        struct observed_endpoints *endpoints = &(*c)->seen.networks;
        size_t kept = 0;

        for (size_t i = 0; i < endpoints->len; i++)
            if (strcmp(endpoints->items[i].network_id, network->id) != 0)
                endpoints->items[kept++] = endpoints->items[i];
        endpoints->len = kept;
    }
}

static int fake_network_remove(struct backend *backend, const char *name,
        const struct backend_call *call, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    int r = record_begin(engine, "remove-network", name, err);
    struct observed_network *network = record_find_network(engine, name);

    (void)call;
    if (r >= 0 && network && count_network_users(engine, network) > 0)
        r = error_set_plain(err, EBUSY, NULL, "network %s has active endpoints", name);
    if (r >= 0 && network) {
        drop_endpoints(engine, network);
        *network = engine->networks.items[--engine->networks.len];
    }
    return record_end(engine, r);
}

static int fake_volume_create(struct backend *backend, const struct backend_volume_spec *spec,
        const struct backend_call *call, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    int r = record_begin(engine, "create-volume", spec->name, err);

    (void)call;
    if (r >= 0 && record_find_volume(engine, spec->name))
        r = error_set_plain(err, EEXIST, NULL, "volume %s already exists", spec->name);
    if (r >= 0)
        *ARRAY_APPEND(&engine->volumes) = (struct observed_volume){
            .name = arena_strdup(&engine->arena, spec->name),
            .project = copy_label(engine, spec->labels, LABEL_PROJECT),
            .key = copy_label(engine, spec->labels, LABEL_VOLUME),
            .config_hash = copy_label(engine, spec->labels, LABEL_CONFIG_HASH),
        };
    return record_end(engine, r);
}

void record_drop_volume(struct record_engine *engine, struct observed_volume *volume)
{
    *volume = engine->volumes.items[--engine->volumes.len];
}

static int fake_volume_remove(struct backend *backend, const char *name,
        const struct backend_call *call, struct error **err)
{
    struct record_engine *engine = record_engine_of(backend);
    int r = record_begin(engine, "remove-volume", name, err);
    struct observed_volume *volume = record_find_volume(engine, name);

    (void)call;
    if (r >= 0 && volume && record_count_volume_users(engine, name) > 0)
        r = error_set_plain(err, EBUSY, NULL, "volume %s is in use", name);
    if (r >= 0 && volume)
        record_drop_volume(engine, volume);
    return record_end(engine, r);
}

static const struct backend_ops fake_ops = {
    .name = "record",
    .capabilities = BACKEND_CAN_BUILD | BACKEND_CAN_PAUSE | BACKEND_CAN_HOOKS,
    .open_worker = fake_open_worker,
    .close = fake_close,
    .observe = fake_observe,
    .container_examine = fake_examine,
    .project_store = fake_project_store,
    .project_forget = fake_project_forget,
    .image_pull = fake_image_pull,
    .image_build = fake_image_build,
    .image_push = fake_image_push,
    .image_remove = fake_image_remove,
    .network_create = fake_network_create,
    .network_remove = fake_network_remove,
    .volume_create = fake_volume_create,
    .volume_remove = fake_volume_remove,
    .container_create = record_container_create,
    .container_start = record_container_start,
    .container_stop = record_container_stop,
    .container_restart = record_container_restart,
    .container_kill = record_container_kill,
    .container_pause = record_container_pause,
    .container_unpause = record_container_unpause,
    .container_remove = record_container_remove,
    .container_rename = record_container_rename,
    .container_wait = record_container_wait,
    .container_exec = record_container_exec,
};

/* ------------------------------------------------------------------------- public */

struct record_engine *record_engine_new(void)
{
    struct record_engine *engine = NEW(struct record_engine);

    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->woken, NULL);
    strbuf_init(&engine->log, TEXT_MAX_BYTES);
    strmap_init_arena(&engine->images, &engine->arena);
    strmap_init_arena(&engine->offers, &engine->arena);
    strmap_init_arena(&engine->behaviours, &engine->arena);
    engine->calls_left = SIZE_MAX;
    return engine;
}

void record_engine_free(struct record_engine *engine)
{
    if (!engine)
        return;
    pthread_cond_destroy(&engine->woken);
    pthread_mutex_destroy(&engine->lock);
    ARRAY_RELEASE(&engine->containers);
    ARRAY_RELEASE(&engine->networks);
    ARRAY_RELEASE(&engine->volumes);
    ARRAY_RELEASE(&engine->failures);
    strbuf_release(&engine->log);
    arena_release(&engine->arena);
    free(engine);
}

struct backend *record_open(struct record_engine *engine)
{
    struct fake *fake = NEW(struct fake);

    fake->base.ops = &fake_ops;
    fake->engine = engine;
    return &fake->base;
}

void record_offer_image(struct record_engine *engine, const char *reference, const char *id)
{
    strmap_set(&engine->offers, reference, arena_strdup(&engine->arena, id));
}

void record_set_behaviour(
        struct record_engine *engine, const char *service, const struct record_behaviour *behaviour)
{
    pthread_mutex_lock(&engine->lock);
    strmap_set(
            &engine->behaviours, service, arena_dup(&engine->arena, behaviour, sizeof(*behaviour)));
    pthread_cond_broadcast(&engine->woken);
    pthread_mutex_unlock(&engine->lock);
}

void record_fail(struct record_engine *engine, const char *operation, const char *name, int code)
{
    ARRAY_FOREACH(&engine->failures, f) {
        if (strcmp(f->operation, operation) == 0 && strcmp(f->name, name) == 0) {
            f->code = code;
            return;
        }
    }
    *ARRAY_APPEND(&engine->failures) = (struct failure){
        .operation = arena_strdup(&engine->arena, operation),
        .name = arena_strdup(&engine->arena, name),
        .code = code,
    };
}

void record_stop_after(struct record_engine *engine, size_t calls)
{
    pthread_mutex_lock(&engine->lock);
    engine->calls_left = calls;
    pthread_mutex_unlock(&engine->lock);
}

void record_wake(struct record_engine *engine)
{
    pthread_mutex_lock(&engine->lock);
    pthread_cond_broadcast(&engine->woken);
    pthread_mutex_unlock(&engine->lock);
}

char *record_log(struct record_engine *engine)
{
    return mem_strdup(engine->log.data);
}

char *record_take_log(struct record_engine *engine)
{
    char *text = mem_strdup(engine->log.data);

    strbuf_reset(&engine->log);
    return text;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static const char *describe_container(
        struct record_engine *engine, const struct fake_container *container)
{
    const struct observed_container *seen = &container->seen;
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(TEXT_MAX_BYTES);

    strbuf_addf(&line, "container %s %s %s", seen->name, observed_status_name(seen->status),
            seen->image_id);
    ARRAY_FOREACH(&seen->networks, endpoint) {
        const struct observed_network *network = record_find_network(
                engine, endpoint->network_name);
        bool current = network && strcmp(network->id, endpoint->network_id) == 0;

        strbuf_addf(&line, " net:%s%s", endpoint->network_name, current ? "" : "(gone)");
    }
    for (int anonymous = 0; anonymous < 2; anonymous++) {
        ARRAY_FOREACH(&seen->mounts, mount) {
            if (mount->anonymous == anonymous)
                strbuf_addf(&line, " vol:%s:%s", anonymous ? "" : mount->volume, mount->target);
        }
    }
    ARRAY_FOREACH(&container->joins, id) {
        const struct fake_container *other = record_find_container(engine, *id);

        strbuf_addf(&line, " join:%s", other ? other->seen.name : "(gone)");
    }
    strbuf_addf(&line, " %s", seen->model ? seen->model : "");
    return arena_strdup(&engine->arena, line.data);
}

char *record_describe(struct record_engine *engine)
{
    struct strings lines = { 0 };
    struct arena *arena = &engine->arena;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(TEXT_MAX_BYTES);

    pthread_mutex_lock(&engine->lock);
    ARRAY_FOREACH(&engine->containers, c) {
        *ARRAY_APPEND_ARENA(arena, &lines) = (char *)describe_container(engine, *c);
    }
    ARRAY_FOREACH(&engine->networks, n) {
        *ARRAY_APPEND_ARENA(arena, &lines) = arena_printf(
                arena, "network %s %s", n->name, n->config_hash ? n->config_hash : "");
    }
    ARRAY_FOREACH(&engine->volumes, v) {
        if (v->project)
            *ARRAY_APPEND_ARENA(arena, &lines) = arena_printf(arena, "volume %s", v->name);
    }
    if (lines.len > 0)
        qsort(lines.items, lines.len, sizeof(*lines.items), compare_lines);
    ARRAY_FOREACH(&lines, line) {
        strbuf_addf(&text, "%s\n", *line);
    }
    pthread_mutex_unlock(&engine->lock);
    return mem_strdup(text.data);
}

struct observed_container *record_container(struct record_engine *engine, const char *name)
{
    struct fake_container *container = record_find_container_name(engine, name);

    return container ? &container->seen : NULL;
}

void record_end_lingering(struct record_engine *engine, const char *name)
{
    struct fake_container *container = record_find_container_name(engine, name);

    container->seen.status = OBSERVED_EXITED;
    container->lingers = true;
}

struct observed_network *record_network(struct record_engine *engine, const char *name)
{
    return record_find_network(engine, name);
}
