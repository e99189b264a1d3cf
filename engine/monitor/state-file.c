#include "engine/monitor/state-file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json-scan.h"
#include "base/limits.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "engine/monitor/json-text.h"
#include "engine/monitor/monitor-config.h"

const char *const monitor_status_names[] = {
    [MONITOR_CREATED] = "created",
    [MONITOR_RUNNING] = "running",
    [MONITOR_PAUSED] = "paused",
    [MONITOR_RESTARTING] = "restarting",
    [MONITOR_EXITED] = "exited",
};
_Static_assert(ARRAY_LEN(monitor_status_names) == MONITOR_STATUS_MAX_, "name every status");

const char *const monitor_health_names[] = {
    [MONITOR_HEALTH_NONE] = "none",
    [MONITOR_HEALTH_STARTING] = "starting",
    [MONITOR_HEALTH_HEALTHY] = "healthy",
    [MONITOR_HEALTH_UNHEALTHY] = "unhealthy",
};
_Static_assert(ARRAY_LEN(monitor_health_names) == MONITOR_HEALTH_MAX_, "name every health");

/* Without the outputs of a health check. */
#define STATE_USUAL_BYTES 4096

#define BOOL_TEXT(b) ((b) ? "true" : "false")

static void format_health(const struct monitor_state *state, struct strbuf *out)
{
    strbuf_addf(out, ",\"health\":{\"status\":\"%s\",\"failing_streak\":%" PRIu32 ",\"log\":[",
            monitor_health_names[state->health], state->failing_streak);
    for (size_t i = 0; i < state->health_log_len; i++) {
        const struct health_result *result = &state->health_log[i];
        const char *output = result->output ? result->output : "";

        strbuf_addf(out,
                "%s{\"start_nsec\":%" PRId64 ",\"end_nsec\":%" PRId64
                ",\"exit_code\":%d,\"output\":",
                i > 0 ? "," : "", result->start_nsec, result->end_nsec, result->exit_code);
        json_text_append(out, output, strlen(output));
        strbuf_addc(out, '}');
    }
    strbuf_adds(out, "]}");
}

void monitor_state_format(const struct monitor_state *state, struct strbuf *out)
{
    const char *error = state->error ? state->error : "";

    strbuf_addf(out,
            "{\"status\":\"%s\",\"pid\":%d,\"pid_start_ticks\":%" PRIu64 ",\"monitor_pid\":%d,"
            "\"started_nsec\":%" PRId64 ",\"finished_nsec\":%" PRId64
            ",\"exit_code\":%d,\"oom_killed\":%s,"
            "\"manually_stopped\":%s,\"restart_count\":%" PRIu32 ",\"error\":",
            monitor_status_names[state->status], (int)state->pid, state->pid_start_ticks,
            (int)state->monitor_pid, state->started_nsec, state->finished_nsec, state->exit_code,
            BOOL_TEXT(state->oom_killed), BOOL_TEXT(state->manually_stopped), state->restart_count);
    json_text_append(out, error, strlen(error));
    if (state->health != MONITOR_HEALTH_NONE)
        format_health(state, out);
    strbuf_addc(out, '}');
}

/* Members of another type are passed over, as are those of a newer version. */
struct member {
    const char *key;
    enum json_scan_type type;
    void *to;
};

static void read_member(struct json_scan *json, struct str key, const struct member *members)
{
    for (const struct member *m = members; m->key; m++) {
        if (!str_is_equal_z(key, m->key) || json_scan_type(json) != m->type)
            continue;
        if (m->type == JSON_SCAN_TEXT)
            *(const char **)m->to = json_scan_text(json);
        else if (m->type == JSON_SCAN_BOOLEAN)
            json_scan_boolean(json, m->to);
        else
            json_scan_integer(json, m->to);
        return;
    }
    json_scan_skip(json);
}

static void read_health_result(struct json_scan *json, struct health_result *ret)
{
    int64_t exit_code = 0;
    const char *output = NULL;
    const struct member members[] = {
        { "start_nsec", JSON_SCAN_NUMBER, &ret->start_nsec },
        { "end_nsec", JSON_SCAN_NUMBER, &ret->end_nsec },
        { "exit_code", JSON_SCAN_NUMBER, &exit_code },
        { "output", JSON_SCAN_TEXT, &output },
        { 0 },
    };
    struct str key;

    json_scan_enter(json);
    while (json_scan_member(json, &key))
        read_member(json, key, members);
    ret->exit_code = (int)exit_code;
    ret->output = (char *)output;
}

static void read_health_log(struct json_scan *json, struct monitor_state *state)
{
    json_scan_enter(json);
    while (json_scan_item(json))
        if (state->health_log_len < HEALTH_LOG_MAX && json_scan_type(json) == JSON_SCAN_OBJECT)
            read_health_result(json, &state->health_log[state->health_log_len++]);
        else
            json_scan_skip(json);
}

static void read_health(struct json_scan *json, struct monitor_state *state)
{
    const char *status = NULL;
    int64_t streak = 0;
    const struct member members[] = {
        { "status", JSON_SCAN_TEXT, &status },
        { "failing_streak", JSON_SCAN_NUMBER, &streak },
        { 0 },
    };
    struct str key;

    json_scan_enter(json);
    while (json_scan_member(json, &key))
        if (str_is_equal_z(key, "log") && json_scan_type(json) == JSON_SCAN_ARRAY)
            read_health_log(json, state);
        else
            read_member(json, key, members);
    int r = parse_name(str_from(status ? status : ""), monitor_health_names, MONITOR_HEALTH_MAX_);
    state->health = r < 0 ? MONITOR_HEALTH_NONE : (enum monitor_health_status)r;
    state->failing_streak = (uint32_t)streak;
}

int monitor_state_parse(struct arena *arena, const char *text, size_t len,
        struct monitor_state **ret, struct error **err)
{
    struct monitor_state *state = ARENA_NEW(arena, struct monitor_state);
    int64_t pid = 0, ticks = 0, monitor_pid = 0, exit_code = 0, restarts = 0;
    const char *status = NULL, *error = "";
    const struct member members[] = {
        { "status", JSON_SCAN_TEXT, &status },
        { "pid", JSON_SCAN_NUMBER, &pid },
        { "pid_start_ticks", JSON_SCAN_NUMBER, &ticks },
        { "monitor_pid", JSON_SCAN_NUMBER, &monitor_pid },
        { "started_nsec", JSON_SCAN_NUMBER, &state->started_nsec },
        { "finished_nsec", JSON_SCAN_NUMBER, &state->finished_nsec },
        { "exit_code", JSON_SCAN_NUMBER, &exit_code },
        { "oom_killed", JSON_SCAN_BOOLEAN, &state->oom_killed },
        { "manually_stopped", JSON_SCAN_BOOLEAN, &state->manually_stopped },
        { "restart_count", JSON_SCAN_NUMBER, &restarts },
        { "error", JSON_SCAN_TEXT, &error },
        { 0 },
    };
    struct json_scan json;
    struct str key;

    json_scan_begin(&json, arena, text, len);
    if (json_scan_type(&json) == JSON_SCAN_OBJECT && json_scan_enter(&json)) {
        while (json_scan_member(&json, &key))
            if (str_is_equal_z(key, "health") && json_scan_type(&json) == JSON_SCAN_OBJECT)
                read_health(&json, state);
            else
                read_member(&json, key, members);
    }
    int r = json_scan_end(&json, MONITOR_STATE_FILE, err);
    if (r < 0)
        return r;
    r = parse_name(str_from(status ? status : ""), monitor_status_names, MONITOR_STATUS_MAX_);
    if (r < 0)
        return error_set_plain(err, EINVAL, NULL, "%s: unknown status \"%s\"", MONITOR_STATE_FILE,
                status ? status : "");
    state->status = (enum monitor_status)r;
    state->pid = (pid_t)pid;
    state->pid_start_ticks = (uint64_t)ticks;
    state->monitor_pid = (pid_t)monitor_pid;
    state->exit_code = (int)exit_code;
    state->restart_count = (uint32_t)restarts;
    state->error = error;
    *ret = state;
    return 0;
}

int monitor_state_read_at(struct arena *arena, int dir_fd, const char *path,
        struct monitor_state **ret, struct error **err)
{
    char small[STATE_USUAL_BYTES];
    auto_free char *large = NULL;
    ssize_t got = fs_read_small(dir_fd, path, small, sizeof(small));
    size_t len;

    if (got >= 0)
        return monitor_state_parse(arena, small, (size_t)got, ret, err);
    if (got == -ENOENT) {
        *ret = NULL;
        return 0;
    }
    int r = fs_read_file(dir_fd, path, LIMIT_JSON_BYTES, &large, &len, err);
    return r < 0 ? r : monitor_state_parse(arena, large, len, ret, err);
}

int monitor_state_read(struct arena *arena, int run_container_dir_fd, struct monitor_state **ret,
        struct error **err)
{
    return monitor_state_read_at(arena, run_container_dir_fd, MONITOR_STATE_FILE, ret, err);
}
