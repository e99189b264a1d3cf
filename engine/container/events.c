/* What happened to containers, with the attributes that Docker gives, and to pods. */
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/strbuf.h"
#include "engine/container/container-internal.h"
#include "engine/container/pod-internal.h"
#include "engine/monitor/event-log.h"
#include "engine/monitor/json-text.h"

static void add_member(struct strbuf *out, const char *key, const char *value)
{
    if (out->len)
        strbuf_addc(out, ',');
    json_text_append(out, key, strlen(key));
    strbuf_addc(out, ':');
    json_text_append(out, value, strlen(value));
}

static void add_labels(struct strbuf *out, const char *text)
{
    auto_json json_t *labels = NULL;
    auto_error struct error *ignored = NULL;
    const char *key;
    json_t *value;

    if (!text || jsonx_parse(text, strlen(text), "labels", &labels, &ignored) < 0)
        return;
    json_object_foreach(labels, key, value) if (json_is_string(value))
            add_member(out, key, json_string_value(value));
}

const char *container_event_attributes(struct engine *engine, struct arena *arena, const char *id)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(EVENT_LINE_MAX_BYTES);
    auto_(stmt_done_p) struct stmt *stmt = NULL;
    auto_error struct error *ignored = NULL;
    int r = db_query(engine->db, &stmt, &ignored,
            "SELECT image_name, name, json_extract(config, '$.labels') FROM containers"
            " WHERE id = ?",
            "t", id);

    if (r < 0 || stmt_step(stmt, &ignored) <= 0)
        return "";
    add_labels(&out, stmt_text(stmt, 2));
    add_member(&out, "image", stmt_text(stmt, 0));
    add_member(&out, "name", stmt_text(stmt, 1));
    return arena_strdup(arena, strbuf_is_truncated(&out) ? "" : out.data);
}

void container_event_with(struct engine *engine, const char *id, const char *attributes,
        const char *action, const char *key, const char *value)
{
    struct event event = { .type = "container",
        .action = action,
        .id = id,
        .attributes = attributes,
        .key = key,
        .value = value };

    event_log_append(engine->run_fd, ".", &event);
}

void container_event(struct engine *engine, const char *id, const char *action, const char *key,
        const char *value)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;

    container_event_with(
            engine, id, container_event_attributes(engine, &arena, id), action, key, value);
}

void pod_event(struct engine *engine, const struct pod *pod, const char *action)
{
    auto_(strbuf_release) struct strbuf out = STRBUF_INIT(EVENT_LINE_MAX_BYTES);

    ARRAY_FOREACH(&pod->config.labels, label)
        add_member(&out, label->key, label->value);
    add_member(&out, "name", pod->name);
    event_log_append(engine->run_fd, ".",
            &(struct event){ .type = "pod",
                    .action = action,
                    .id = pod->id,
                    .attributes = strbuf_is_truncated(&out) ? "" : out.data });
}
