/* Rows of pods.
 *
 * Invariants
 *  1. A pod's row is made in the transaction that makes its infra container, and goes in the one that deletes it (a
 *     trigger, state/schema.c). So there is no pod without the infra container it was made with, and none without its pod.
 *  2. A member's row refers to its pod's: a pod with members cannot go, whoever wins a race between `pod rm` and
 *     `run --pod`.
 *  3. Everything else that a pod is, running or not, is what its containers are: it has no state of its own, and what a
 *     crash leaves is what it leaves of containers.
 *  4. Locks: the pod's (RUN/locks/POD), then one container's at a time; a member's, then that of starting the infra
 *     container (RUN/locks/POD.infra), then the infra container's. */
#include "engine/container/pod.h"

#include <errno.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/parse.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/container/pod-internal.h"

const char *const pod_share_names[POD_SHARE_KINDS] = { "cgroup", "ipc", "net", "pid", "uts" };

const char *const pod_exit_policy_names[POD_EXIT_POLICY_MAX_] = {
    [POD_EXIT_CONTINUE] = "continue",
    [POD_EXIT_STOP] = "stop",
};

const char *const pod_status_names[POD_STATUS_MAX_] = {
    [POD_CREATED] = "Created",
    [POD_RUNNING] = "Running",
    [POD_DEGRADED] = "Degraded",
    [POD_PAUSED] = "Paused",
    [POD_EXITED] = "Exited",
    [POD_STOPPED] = "Stopped",
    [POD_ERROR] = "Error",
};

/* ---- The configuration as JSON ---- */

static json_t *config_to_json(const struct pod_config *config)
{
    json_t *share = json_array(), *security = json_array();

    for (unsigned i = 0; i < POD_SHARE_KINDS; i++)
        if (config->share & 1u << i)
            json_array_append_new(share, json_string(pod_share_names[i]));
    for (char **option = config->security_opt; option && *option; option++)
        json_array_append_new(security, json_string(*option));
    return json_pack("{s:o, s:o, s:s, s:s*, s:s, s:I, s:o}", "share", share, "security_opt",
            security, "exit_policy", pod_exit_policy_names[config->exit_policy], "hostname",
            config->hostname, "restart", container_restart_names[config->restart],
            "restart_max_retries", (json_int_t)config->restart_max_retries, "labels",
            container_pairs_to_json(&config->labels));
}

static unsigned share_from_json(const json_t *list)
{
    unsigned share = 0;
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        int bit = parse_name(str_from(json_string_value(item)), pod_share_names, POD_SHARE_KINDS);

        if (bit >= 0)
            share |= 1u << bit;
    }
    return share;
}

/* NULL for none. */
static char **texts_from_json(struct arena *arena, const json_t *list)
{
    size_t count = json_array_size(list);
    char **texts = count ? ARENA_NEW_ARRAY(arena, count + 1, char *) : NULL;
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
            texts[i] = arena_strdup(arena, json_is_string(item) ? json_string_value(item) : "");
    return texts;
}

static int config_from_text(
        struct arena *arena, const char *text, struct pod_config *ret, struct error **err)
{
    auto_json json_t *json = NULL;
    int r = jsonx_parse(text, strlen(text), "pod row", &json, err);

    if (r < 0)
        return r;
    const char *policy = jsonx_string(json, "exit_policy"),
               *restart = jsonx_string(json, "restart");
    int exit_policy = parse_name(
            str_from(policy ? policy : ""), pod_exit_policy_names, POD_EXIT_POLICY_MAX_);
    int restarts = parse_name(
            str_from(restart ? restart : ""), container_restart_names, CONTAINER_RESTART_MAX_);
    json_t *labels = json_object_get(json, "labels"), *value;
    const char *key;

    *ret = (struct pod_config){
        .share = share_from_json(json_object_get(json, "share")),
        .exit_policy = exit_policy < 0 ? POD_EXIT_CONTINUE : (enum pod_exit_policy)exit_policy,
        .hostname = arena_strdup(arena, jsonx_string(json, "hostname")),
        .restart = restarts < 0 ? CONTAINER_RESTART_NO : (enum container_restart)restarts,
        .restart_max_retries = jsonx_int(json, "restart_max_retries", 0),
        .security_opt = texts_from_json(arena, json_object_get(json, "security_opt")),
    };
    json_object_foreach(labels, key, value) *
            ARRAY_APPEND_ARENA(arena, &ret->labels) = (struct container_pair){
        arena_strdup(arena, key), arena_strdup(arena, json_string_value(value))
    };
    return 0;
}

/* ---- Writing ---- */

int pod_insert(
        struct engine *engine, const struct pod *pod, const char *infra_id, struct error **err)
{
    auto_json json_t *json = config_to_json(&pod->config);
    auto_free char *text = jsonx_dump(json);
    int r = container_check_name(engine, pod->name, err);

    if (r >= 0)
        r = db_exec(engine->db, err,
                "INSERT INTO pods (id, name, created_nsec, config, infra_id) VALUES (?, ?, ?, ?, ?)",
                "ttitt", pod->id, pod->name, pod->created_nsec, text, infra_id);
    return r < 0 ? r : 0;
}

int pod_check_member(struct engine *engine, const char *pod_id, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;

    if (!pod_id)
        return 0;
    int r = db_query(engine->db, &stmt, err, "SELECT 1 FROM pods WHERE id = ?", "t", pod_id);
    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r == 0)
        return error_set_plain(err, ENOENT, NULL, "pod %.12s was removed meanwhile", pod_id);
    return r < 0 ? r : 0;
}

/* ---- Reading ---- */

static enum pod_status status_of(const struct containers *containers)
{
    size_t running = 0, paused = 0, ended = 0, created = 0, count = 0;

    ARRAY_FOREACH(containers, item) {
        if ((*item)->config.pod_init) /* of which the end is no news */
            continue;
        count++;
        switch ((*item)->state.status) {
        case CONTAINER_RUNNING:
            running++;
            break;
        case CONTAINER_PAUSED:
            paused++;
            break;
        case CONTAINER_EXITED:
            ended++;
            break;
        case CONTAINER_CREATED:
            created++;
            break;
        default:
            break;
        }
    }
    if (count == 0)
        return POD_CREATED;
    if (running > 0)
        return running == count ? POD_RUNNING : POD_DEGRADED;
    if (paused == count)
        return POD_PAUSED;
    if (ended > 0)
        return ended == count ? POD_EXITED : POD_STOPPED;
    return created + paused == count ? POD_CREATED : POD_ERROR;
}

static int read_containers(
        struct engine *engine, struct arena *arena, struct pod *pod, struct error **err)
{
    struct strings ids = { 0 };
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT id FROM containers WHERE pod_id = ? ORDER BY created_nsec, id", "t", pod->id);

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND_ARENA(arena, &ids) = arena_strdup(arena, stmt_text(stmt, 0));
    for (size_t i = 0; r >= 0 && i < ids.len; i++) {
        struct container *c = NULL;

        r = container_load(engine, arena, ids.items[i], &c, err);
        if (r >= 0 && c)
            *ARRAY_APPEND_ARENA(arena, &pod->containers) = c;
    }
    return r < 0 ? r : 0;
}

static int load(struct engine *engine, struct arena *arena, const char *id, struct pod **ret,
        struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(engine->db, &stmt, err,
            "SELECT id, name, created_nsec, config, infra_id FROM pods WHERE id = ?", "t", id);

    *ret = NULL;
    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r <= 0)
        return r;
    struct pod *pod = ARENA_NEW(arena, struct pod);
    r = config_from_text(arena, stmt_text(stmt, 3), &pod->config, err);
    if (r < 0)
        return r;
    pod->id = arena_strdup(arena, stmt_text(stmt, 0));
    pod->name = pod->config.name = arena_strdup(arena, stmt_text(stmt, 1));
    pod->created_nsec = stmt_int(stmt, 2);
    pod->infra_id = arena_strdup(arena, stmt_text(stmt, 4));
    pod->config.has_infra = pod->infra_id != NULL;
    r = read_containers(engine, arena, pod, err);
    if (r < 0)
        return r;
    pod->status = status_of(&pod->containers);
    *ret = pod;
    return 0;
}

static int find_id(struct engine *engine, struct arena *arena, const char *reference,
        const char **ret, struct error **err)
{
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    bool is_id = *reference && strspn(reference, "0123456789abcdef") == strlen(reference);
    /* A whole name comes before the beginning of an id. */
    int r = db_query(engine->db, &stmt, err,
            "SELECT id, name = ?1 OR id = ?1 FROM pods WHERE name = ?1"
            " OR (?2 AND id >= ?1 AND id < ?1 || 'g') ORDER BY 2 DESC LIMIT 2",
            "ti", reference, (int64_t)is_id);

    *ret = NULL;
    if (r >= 0)
        r = stmt_step(stmt, err);
    if (r <= 0)
        return r;
    const char *id = arena_strdup(arena, stmt_text(stmt, 0));
    bool is_whole = stmt_int(stmt, 1) != 0;
    r = stmt_step(stmt, err);
    if (r < 0)
        return r;
    if (r > 0 && !is_whole)
        return error_set_plain(err, EINVAL, NULL,
                "more than one result for pod with name or ID %s: pod already exists", reference);
    *ret = id;
    return 0;
}

int pod_lookup(struct engine *engine, struct arena *arena, const char *reference, struct pod **ret,
        struct error **err)
{
    const char *id = NULL;
    int r = find_id(engine, arena, reference, &id, err);

    *ret = NULL;
    return r < 0 || !id ? r : load(engine, arena, id, ret, err);
}

int pod_get(struct engine *engine, struct arena *arena, const char *reference, struct pod **ret,
        struct error **err)
{
    int r = pod_lookup(engine, arena, reference, ret, err);

    if (r >= 0 && !*ret)
        return error_set_plain(
                err, ENOENT, NULL, "no pod with name or ID %s found: no such pod", reference);
    return r;
}

int pod_list(struct engine *engine, struct arena *arena, struct pods *ret, struct error **err)
{
    struct strings ids = { 0 };
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    int r = db_query(
            engine->db, &stmt, err, "SELECT id FROM pods ORDER BY created_nsec DESC, id", "");

    while (r >= 0 && (r = stmt_step(stmt, err)) > 0)
        *ARRAY_APPEND_ARENA(arena, &ids) = arena_strdup(arena, stmt_text(stmt, 0));
    for (size_t i = 0; r >= 0 && i < ids.len; i++) {
        struct pod *pod = NULL;

        r = load(engine, arena, ids.items[i], &pod, err);
        if (r >= 0 && pod)
            *ARRAY_APPEND_ARENA(arena, ret) = pod;
    }
    return r < 0 ? r : 0;
}

const struct container *pod_infra(const struct pod *pod)
{
    ARRAY_FOREACH(&pod->containers, item)
        if ((*item)->is_infra)
            return *item;
    return NULL;
}
