#include "cli/compose-backend.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/compose-build.h"
#include "cli/compose-wait.h"
#include "cli/hook-output.h"
#include "cli/specs.h"
#include "compose/graph.h"
#include "compose/project.h"
#include "compose/state.h"
#include "engine/build/build.h"
#include "engine/container/container.h"
#include "engine/container/facts.h"
#include "engine/engine.h"
#include "engine/image/image.h"
#include "engine/network/network.h"
#include "engine/progress.h"
#include "engine/state/projects.h"
#include "engine/volume/volume.h"

struct engine_backend {
    struct backend base;
    struct cli *cli;
    const struct engine_options *options;
    struct engine *engine;
};

static struct engine *engine_of(struct backend *backend)
{
    return ((struct engine_backend *)backend)->engine;
}

static const struct backend_ops engine_backend_ops;

static struct backend *new_handle(
        struct cli *cli, const struct engine_options *options, struct engine *engine)
{
    struct engine_backend *backend = NEW(struct engine_backend);

    *backend = (struct engine_backend){ { &engine_backend_ops }, cli, options, engine };
    return &backend->base;
}

int compose_backend_open(struct cli *cli, struct backend **ret, struct error **err)
{
    /* The command's own engine, which is this thread's too: opening the state again takes as long as a listing. */
    struct engine *engine = cli_engine(cli, err);

    if (!engine)
        return -EPERM;
    *ret = new_handle(cli, cli_engine_options(cli), engine);
    return 0;
}

struct engine *compose_backend_engine(struct backend *backend)
{
    return engine_of(backend);
}

static int open_worker(struct backend *backend, struct backend **ret, struct error **err)
{
    const struct engine_backend *from = (const struct engine_backend *)backend;
    struct engine *engine = NULL;
    int r = engine_open(from->options, &engine, err);

    if (r >= 0)
        *ret = new_handle(from->cli, from->options, engine);
    return r;
}

static void close_backend(struct backend *backend)
{
    const struct engine_backend *self = (const struct engine_backend *)backend;

    if (self->engine != self->cli->engine)
        engine_close(self->engine);
    free(backend);
}

/* ------------------------------------------------------------------ observe */

static void observe_container(
        struct arena *arena, const struct container *from, struct observed_container *to)
{
    to->origin = from;
    to->id = from->id;
    to->name = from->name;
    to->model = from->model;
    to->image = from->config.image ? from->config.image : from->image_name;
    to->image_id = from->image_id;
    to->status = observed_status_from_name(container_status_names[from->state.status]);
    to->health = from->state.health ? observed_health_from_name(from->state.health)
                                    : OBSERVED_HEALTH_NONE;
    if (to->health < 0)
        to->health = OBSERVED_HEALTH_NONE;
    to->exit_code = from->state.exit_code;
    to->auto_remove = from->config.auto_remove;
    to->created_nsec = from->created_nsec;
    strmap_init_arena(&to->labels, arena);
    ARRAY_FOREACH(&from->config.labels, label)
        strmap_set(&to->labels, label->key, (void *)label->value);
    observed_container_read_labels(to);
    for (size_t i = 0; i < from->endpoints.len; i++)
        *ARRAY_APPEND_ARENA(arena, &to->networks) = (struct observed_endpoint){
            from->endpoints.items[i].network_id, from->endpoints.items[i].network
        };
    ARRAY_FOREACH(&from->config.mounts, mount)
        if (mount->type == CONTAINER_MOUNT_VOLUME && mount->source)
            *ARRAY_APPEND_ARENA(arena, &to->mounts) = (struct observed_mount){ mount->source,
                mount->target, mount->anonymous };
}

static int observe_containers(struct engine *engine, struct arena *arena, const char *project,
        struct observed_state *state, struct error **err)
{
    struct container_filter filter = { .all = true, .project = project };
    struct containers containers = { 0 };
    int r = container_list(engine, arena, &filter, &containers, err);

    for (size_t i = 0; i < containers.len && r >= 0; i++)
        observe_container(
                arena, containers.items[i], ARRAY_APPEND_ARENA(arena, &state->containers));
    return r;
}

static bool list_has(const struct strings *list, const char *text)
{
    for (size_t i = 0; i < list->len; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

static const char *map_text(const struct strmap *map, const char *key)
{
    return strmap_get(map, key);
}

static int observe_networks(struct engine *engine, struct arena *arena,
        const struct backend_query *query, struct observed_state *state, struct error **err)
{
    struct network *networks;
    size_t count;
    int r = network_list(engine, arena, &networks, &count, err);

    for (size_t i = 0; i < count && r >= 0; i++) {
        const char *project = map_text(&networks[i].labels, LABEL_PROJECT);
        struct strings users;

        if (!string_is_equal(project, query->project) &&
                !list_has(&query->networks, networks[i].name))
            continue;
        r = network_users(engine, arena, networks[i].id, &users, err);
        *ARRAY_APPEND_ARENA(arena, &state->networks) = (struct observed_network){
            .id = networks[i].id,
            .name = networks[i].name,
            .project = project,
            .key = map_text(&networks[i].labels, LABEL_NETWORK),
            .config_hash = map_text(&networks[i].labels, LABEL_CONFIG_HASH),
            .driver = networks[i].driver,
            .users = users,
        };
    }
    return r;
}

static int observe_volumes(struct engine *engine, struct arena *arena,
        const struct backend_query *query, struct observed_state *state, struct error **err)
{
    struct volume_filter filter = VOLUME_FILTER_INIT;
    struct volumes volumes = { 0 };
    int r = volume_list(engine, arena, &filter, &volumes, err);

    ARRAY_FOREACH(&volumes, volume) {
        const char *project = container_pairs_get(&volume->labels, LABEL_PROJECT);

        if (r < 0)
            break;
        if (!string_is_equal(project, query->project) && !list_has(&query->volumes, volume->name))
            continue;
        *ARRAY_APPEND_ARENA(arena, &state->volumes) = (struct observed_volume){
            .name = volume->name,
            .project = project,
            .key = container_pairs_get(&volume->labels, LABEL_VOLUME),
            .config_hash = container_pairs_get(&volume->labels, LABEL_CONFIG_HASH),
            .driver = volume->driver,
            .users = volume->users,
        };
    }
    return r;
}

static int observe_images(struct engine *engine, struct arena *arena,
        const struct backend_query *query, struct observed_state *state, struct error **err)
{
    for (size_t i = 0; i < query->images.len; i++) {
        auto_(image_free_p) struct image *image = NULL;
        struct observed_image *row;
        int r = image_lookup(engine, query->images.items[i], &image, err);

        if (r < 0)
            return r;
        row = ARRAY_APPEND_ARENA(arena, &state->images);
        row->reference = query->images.items[i];
        if (!image)
            continue;
        row->id = arena_strdup(arena, image->id);
        r = image_tag_time(engine, query->images.items[i], &row->updated_nsec, err);
        if (r < 0)
            return r;
        if (row->updated_nsec == 0)
            row->updated_nsec = image->stored_nsec;
        row->project = arena_strdup(arena, map_text(&image->config.labels, LABEL_PROJECT));
        row->service = arena_strdup(arena, map_text(&image->config.labels, LABEL_SERVICE));
    }
    return 0;
}

static int observe(struct backend *backend, struct arena *arena, const struct backend_query *query,
        struct observed_state *state, struct error **err)
{
    struct engine *engine = engine_of(backend);
    int r = observe_containers(engine, arena, query->project, state, err);

    if (r >= 0)
        r = observe_networks(engine, arena, query, state, err);
    if (r >= 0)
        r = observe_volumes(engine, arena, query, state, err);
    if (r >= 0)
        r = observe_images(engine, arena, query, state, err);
    struct project_row *row = NULL;
    if (r >= 0)
        r = project_row_read(engine, arena, query->project, &row, err);
    if (row)
        state->project = (struct observed_project){ row->directory, row->applied };
    return r;
}

static int examine_container(struct backend *backend, struct arena *arena, const char *id,
        const struct observed_facts **ret, struct error **err)
{
    struct observed_facts *facts = ARENA_NEW(arena, struct observed_facts);
    struct container *container = NULL;
    struct container_facts seen;
    int r = container_lookup(engine_of(backend), arena, id, &container, err);

    *ret = NULL;
    if (r >= 0 && container)
        r = container_read_facts(arena, container, &seen, err);
    if (r < 0 || !container)
        return r;
    *facts = (struct observed_facts){ seen.runs, seen.memory_bytes, seen.nano_cpus, seen.pids,
        seen.mount_points };
    *ret = facts;
    return 0;
}

static int store_project(struct backend *backend, const char *project,
        const struct observed_project *what, struct error **err)
{
    return project_row_write(engine_of(backend), project,
            &(struct project_row){ what->directory, what->applied }, err);
}

static int forget_project(struct backend *backend, const char *project, struct error **err)
{
    return project_row_remove(engine_of(backend), project, err);
}

/* ------------------------------------------------------------------ images */

/* The engine's progress as the backend's. Output comes in pieces, the backend wants lines. */
struct relay {
    const struct backend_call *call;
    char line[4096];
    size_t len;
};

static void relay_line(struct relay *relay)
{
    struct backend_progress progress = { .text = relay->line, .output = true };

    relay->line[relay->len] = '\0';
    relay->len = 0;
    relay->call->progress(relay->call->userdata, &progress);
}

static void relay_output(struct relay *relay, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n' || relay->len == sizeof(relay->line) - 1)
            relay_line(relay);
        if (text[i] != '\n' && text[i] != '\r')
            relay->line[relay->len++] = text[i];
    }
}

static void relay_event(void *userdata, const struct progress_event *event)
{
    struct relay *relay = userdata;
    struct backend_progress progress = { .id = event->id,
        .text = event->text,
        .current_bytes = event->current_bytes,
        .total_bytes = event->total_bytes,
        .output = event->kind == PROGRESS_TEXT };

    if (!relay->call->progress)
        return;
    if (event->kind == PROGRESS_OUTPUT)
        relay_output(relay, event->text, event->text_len);
    else
        relay->call->progress(relay->call->userdata, &progress);
}

static void relay_end(struct relay *relay)
{
    if (relay->len > 0)
        relay_line(relay);
}

static int pull(struct backend *backend, const struct backend_pull_spec *spec,
        const struct backend_call *call, char **ret_id, struct error **err)
{
    struct relay relay = { .call = call };
    struct progress progress = { relay_event, &relay };
    auto_(image_free_p) struct image *image = NULL;
    struct image_pull_options options = { .platform = spec->platform,
        .policy = IMAGE_PULL_ALWAYS,
        .progress = spec->quiet ? NULL : &progress };
    int r = image_pull(engine_of(backend), spec->image, &options, &image, err);

    if (r >= 0)
        *ret_id = mem_strdup(image->id);
    return r;
}

static int push(struct backend *backend, const struct backend_push_spec *spec,
        const struct backend_call *call, struct error **err)
{
    struct relay relay = { .call = call };
    struct progress progress = { relay_event, &relay };
    struct image_push_options options = { .progress = spec->quiet ? NULL : &progress };

    return image_push(engine_of(backend), spec->image, &options, NULL, err);
}

/* The findings in a Dockerfile as the error's causes: the runner passes on one error per step. */
static int add_findings(const struct diag *diag, int r, struct error **err)
{
    const struct diag_entry *first = NULL;

    for (size_t i = 0; i < diag->len && !first; i++)
        if (diag->items[i].severity == DIAG_ERROR)
            first = &diag->items[i];
    if (!first)
        return r;
    error_set_plain(err, r, &first->at, "%s", first->message);
    if (first->hint)
        error_hint(err, "%s", first->hint);
    return r;
}

static int build(struct backend *backend, const struct backend_build_spec *spec,
        const struct backend_call *call, char **ret_id, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct relay relay = { .call = call };
    struct progress progress = { relay_event, &relay };
    struct build_options options;
    int r = compose_build_options(&arena, spec, &options, err);

    if (r < 0)
        return r;
    options.progress = spec->quiet ? NULL : &progress;
    options.diag = &diag;
    r = build_image(engine_of(backend), &options, ret_id, err);
    if (!spec->quiet)
        relay_end(&relay);
    return r < 0 ? add_findings(&diag, r, err) : r;
}

static int remove_image(struct backend *backend, const char *image, const struct backend_call *call,
        struct error **err)
{
    auto_(image_removal_release) struct image_removal removal = { 0 };
    auto_free char *id = NULL;
    int r = image_lookup_id(engine_of(backend), image, &id, err);

    (void)call;
    if (r < 0 || !id)
        return r;
    return image_remove(
            engine_of(backend), image, &(struct image_remove_options){ 0 }, &removal, err);
}

/* ------------------------------------------------------------------ networks and volumes */

static struct network_pool *network_pools(struct arena *arena, const struct ipam *ipam)
{
    struct network_pool *pools = ARENA_NEW_ARRAY(arena, ipam->config.len + 1, struct network_pool);

    for (size_t i = 0; i < ipam->config.len; i++) {
        const struct ipam_pool *from = &ipam->config.items[i];
        struct strmap *aux = ARENA_NEW(arena, struct strmap);

        strmap_init_arena(aux, arena);
        ARRAY_FOREACH(&from->aux_addresses, pair)
            strmap_set(aux, pair->key, (void *)pair->value);
        pools[i] = (struct network_pool){ .subnet = from->subnet,
            .gateway = from->gateway,
            .ip_range = from->ip_range,
            .aux_addresses = aux->len ? aux : NULL };
    }
    return pools;
}

static int create_network(struct backend *backend, const struct backend_network_spec *spec,
        const struct backend_call *call, struct error **err)
{
    const struct project_network *from = spec->network;
    struct strmap options = STRMAP_INIT;
    auto_(arena_release) struct arena arena = ARENA_INIT;
    char id[RANDOM_ID_HEX + 1];
    struct network_create_options how = { .name = spec->name,
        .driver = from->driver,
        .internal = from->internal == OPTION_TRUE,
        .attachable = from->attachable == OPTION_TRUE,
        .disable_ipv4 = from->enable_ipv4 == OPTION_FALSE,
        .enable_ipv6 = from->enable_ipv6 == OPTION_TRUE,
        .options = &options,
        .labels = spec->labels };

    (void)call;
    strmap_init_arena(&options, &arena);
    ARRAY_FOREACH(&from->driver_opts, option)
        strmap_set(&options, option->key, (void *)(option->value ? option->value : ""));
    how.pool_len = from->ipam.config.len;
    how.pools = network_pools(&arena, &from->ipam);
    return network_create(engine_of(backend), &how, id, err);
}

static int remove_network(struct backend *backend, const char *name,
        const struct backend_call *call, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct network *network = NULL;
    int r = network_lookup(engine_of(backend), &arena, name, &network, err);

    (void)call;
    return r < 0 || !network ? r : network_remove(engine_of(backend), name, err);
}

static int create_volume(struct backend *backend, const struct backend_volume_spec *spec,
        const struct backend_call *call, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct volume_create_options how = { .name = spec->name, .driver = spec->volume->driver };
    struct volume volume;

    (void)call;
    ARRAY_FOREACH(&spec->volume->driver_opts, option)
        *ARRAY_APPEND_ARENA(&arena, &how.options) = (struct container_pair){ option->key,
            option->value ? option->value : "" };
    STRMAP_FOREACH(spec->labels, label)
        *ARRAY_APPEND_ARENA(
                &arena, &how.labels) = (struct container_pair){ label->key, label->value };
    int r = volume_create(engine_of(backend), &arena, &how, &volume, err);
    return r < 0 ? r : 0;
}

static int remove_volume(struct backend *backend, const char *name, const struct backend_call *call,
        struct error **err)
{
    (void)call;
    return volume_remove(engine_of(backend), name, true, err);
}

/* ------------------------------------------------------------------ containers */

static int create_container(struct backend *backend, const struct backend_container_spec *spec,
        const struct backend_call *call, char **ret_id, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_free char *image_id = NULL;
    struct container_config config;
    char id[CONTAINER_ID_HEX + 1];
    int r = compose_container_config(engine_of(backend), &arena, spec, &config, err);

    if (r >= 0)
        r = image_lookup_id(engine_of(backend), spec->image, &image_id, err);
    if (r >= 0 && image_id)
        *ARRAY_APPEND_ARENA(
                &arena, &config.labels) = (struct container_pair){ LABEL_IMAGE, image_id };
    if (r >= 0)
        r = container_create(engine_of(backend), &config, id, &diag, err);
    for (size_t i = 0; i < diag.len && call->progress; i++)
        call->progress(call->userdata,
                &(struct backend_progress){ .text = diag.items[i].message, .output = true });
    if (r >= 0)
        *ret_id = mem_strdup(id);
    return r < 0 ? r : 0;
}

static int start_container(struct backend *backend, const char *id, const struct backend_call *call,
        struct error **err)
{
    int r = container_start(engine_of(backend), id, &(struct container_start_options){ 0 }, err);

    (void)call;
    return r < 0 ? r : 0;
}

/* Whole seconds, as the engine takes them; never less than was asked for. */
static int64_t seconds_of(int64_t timeout_usec)
{
    if (timeout_usec == BACKEND_TIMEOUT_DEFAULT)
        return CONTAINER_STOP_TIMEOUT_UNSET;
    if (timeout_usec == TIMEOUT_NEVER)
        return CONTAINER_STOP_TIMEOUT_NEVER;
    return (timeout_usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
}

/* True when the container is gone, which stopping and removing take for done. */
static int is_gone(struct backend *backend, const char *id, bool *ret, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container *container = NULL;
    int r = container_lookup(engine_of(backend), &arena, id, &container, err);

    *ret = !container;
    return r;
}

static int stop_container(struct backend *backend, const char *id, int64_t timeout_usec,
        const struct backend_call *call, struct error **err)
{
    bool gone;
    int r = is_gone(backend, id, &gone, err);

    (void)call;
    if (r < 0 || gone)
        return r;
    r = container_stop(engine_of(backend), id, seconds_of(timeout_usec), NULL, err);
    return r < 0 ? r : 0;
}

static int restart_container(struct backend *backend, const char *id, int64_t timeout_usec,
        const struct backend_call *call, struct error **err)
{
    int r = container_restart(engine_of(backend), id, seconds_of(timeout_usec), NULL, err);

    (void)call;
    return r < 0 ? r : 0;
}

static int kill_container(struct backend *backend, const char *id, int signo,
        const struct backend_call *call, struct error **err)
{
    (void)call;
    return container_kill(engine_of(backend), id, signal_name(signo), err);
}

static int pause_container(struct backend *backend, const char *id, const struct backend_call *call,
        struct error **err)
{
    (void)call;
    return container_pause(engine_of(backend), id, err);
}

static int unpause_container(struct backend *backend, const char *id,
        const struct backend_call *call, struct error **err)
{
    (void)call;
    return container_unpause(engine_of(backend), id, err);
}

static int remove_container(struct backend *backend, const char *id, bool force, bool volumes,
        const struct backend_call *call, struct error **err)
{
    bool gone;
    int r = is_gone(backend, id, &gone, err);

    (void)call;
    if (r < 0 || gone)
        return r;
    return container_remove(engine_of(backend), id,
            &(struct container_remove_options){ .force = force, .volumes = volumes }, err);
}

static int rename_container(struct backend *backend, const char *id, const char *name,
        const struct backend_call *call, struct error **err)
{
    (void)call;
    return container_rename(engine_of(backend), id, name, err);
}

static int wait_container(struct backend *backend, const char *id,
        enum backend_wait_condition condition, int64_t timeout_usec,
        const struct backend_call *call, struct backend_wait_result *ret, struct error **err)
{
    (void)call;
    return compose_wait_container(engine_of(backend), id, condition, timeout_usec, ret, err);
}

/* ------------------------------------------------------------------ hooks */

/* What the hook printed, after it has ended, on the thread that called. */
static void relay_hook_output(const struct backend_call *call, const struct hook_output *output)
{
    struct relay relay = { .call = call };
    char note[64];

    if (!call->progress)
        return;
    relay_output(&relay, output->head, output->head_len);
    if (output->dropped_bytes > 0) {
        if (relay.len > 0)
            relay_line(&relay);
        snprintf(note, sizeof(note), "(%llu bytes left out)\n",
                (unsigned long long)output->dropped_bytes);
        relay_output(&relay, note, strlen(note));
    }
    for (size_t i = 0; i < output->tail_len; i++)
        relay_output(&relay, &output->tail[(output->tail_at + i) % HOOK_OUTPUT_PART], 1);
    relay_end(&relay);
}

static int run_hook(struct backend *backend, const char *id, const struct hook *hook,
        const struct backend_call *call, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    auto_(hook_output_release) struct hook_output output = HOOK_OUTPUT_INIT;
    struct strings env = { 0 };
    int status = 0, r = hook_output_begin(&output, err);

    if (r < 0)
        return r;
    ARRAY_FOREACH(&hook->environment, pair)
        if (pair->value)
            *ARRAY_APPEND_ARENA(&arena, &env) = arena_printf(
                    &arena, "%s=%s", pair->key, pair->value);
    struct strings words = { hook->command.items, hook->command.len, hook->command.cap };
    struct container_exec_options exec = { .argv = spec_vector(&arena, &words),
        .env = spec_vector(&arena, &env),
        .user = hook->user,
        .working_dir = hook->working_dir,
        .privileged = hook->privileged == OPTION_TRUE,
        .attach = {
                .stdin_fd = -EBADF, .stdout_fd = output.write_fd, .stderr_fd = output.write_fd } };
    r = container_exec(engine_of(backend), id, &exec, &status, err);
    hook_output_end(&output);
    if (r < 0)
        return r;
    relay_hook_output(call, &output);
    if (status != 0)
        return error_set_plain(err, EIO, &hook->at, "the hook ended with exit status %d", status);
    return 0;
}

static const struct backend_ops engine_backend_ops = {
    .name = "berth",
    .capabilities = BACKEND_CAN_BUILD | BACKEND_CAN_PAUSE | BACKEND_CAN_HOOKS,
    .open_worker = open_worker,
    .close = close_backend,
    .observe = observe,
    .container_examine = examine_container,
    .project_store = store_project,
    .project_forget = forget_project,
    .image_pull = pull,
    .image_build = build,
    .image_push = push,
    .image_remove = remove_image,
    .network_create = create_network,
    .network_remove = remove_network,
    .volume_create = create_volume,
    .volume_remove = remove_volume,
    .container_create = create_container,
    .container_start = start_container,
    .container_stop = stop_container,
    .container_restart = restart_container,
    .container_kill = kill_container,
    .container_pause = pause_container,
    .container_unpause = unpause_container,
    .container_remove = remove_container,
    .container_rename = rename_container,
    .container_wait = wait_container,
    .container_exec = run_hook,
};
