#include "engine/monitor/state-file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/json/json.h"
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

static int parse_health(
        struct arena *arena, const json_t *json, struct monitor_state *state, struct error **err)
{
    const char *status = NULL;
    json_t *log = NULL;
    int r = jsonx_get_string(json, "status", &status, err);

    if (r >= 0)
        r = jsonx_get_array(json, "log", &log, err);
    if (r < 0)
        return r;
    r = parse_name(str_from(status ? status : ""), monitor_health_names, MONITOR_HEALTH_MAX_);
    state->health = r < 0 ? MONITOR_HEALTH_NONE : (enum monitor_health_status)r;
    state->failing_streak = (uint32_t)jsonx_int(json, "failing_streak", 0);
    for (size_t i = 0; i < json_array_size(log) && i < HEALTH_LOG_MAX; i++) {
        const json_t *item = json_array_get(log, i);

        state->health_log[state->health_log_len++] = (struct health_result){
            .start_nsec = jsonx_int(item, "start_nsec", 0),
            .end_nsec = jsonx_int(item, "end_nsec", 0),
            .exit_code = (int)jsonx_int(item, "exit_code", 0),
            .output = arena_strdup(arena, jsonx_string(item, "output")),
        };
    }
    return 0;
}

int monitor_state_parse(struct arena *arena, const char *text, size_t len,
        struct monitor_state **ret, struct error **err)
{
    struct monitor_state *state = ARENA_NEW(arena, struct monitor_state);
    auto_json json_t *json = NULL;
    const char *status = NULL, *error = NULL;
    json_t *health = NULL;
    int r = jsonx_parse(text, len, MONITOR_STATE_FILE, &json, err);

    if (r >= 0)
        r = jsonx_get_string(json, "status", &status, err);
    if (r >= 0)
        r = jsonx_get_string(json, "error", &error, err);
    if (r >= 0)
        r = jsonx_get_object(json, "health", &health, err);
    if (r >= 0 && health)
        r = parse_health(arena, health, state, err);
    if (r < 0)
        return r;
    r = parse_name(str_from(status ? status : ""), monitor_status_names, MONITOR_STATUS_MAX_);
    if (r < 0)
        return error_set_plain(err, EINVAL, NULL, "%s: unknown status \"%s\"", MONITOR_STATE_FILE,
                status ? status : "");
    state->status = (enum monitor_status)r;
    state->pid = (pid_t)jsonx_int(json, "pid", 0);
    state->pid_start_ticks = (uint64_t)jsonx_int(json, "pid_start_ticks", 0);
    state->monitor_pid = (pid_t)jsonx_int(json, "monitor_pid", 0);
    state->started_nsec = jsonx_int(json, "started_nsec", 0);
    state->finished_nsec = jsonx_int(json, "finished_nsec", 0);
    state->exit_code = (int)jsonx_int(json, "exit_code", 0);
    state->oom_killed = jsonx_bool(json, "oom_killed", false);
    state->manually_stopped = jsonx_bool(json, "manually_stopped", false);
    state->restart_count = (uint32_t)jsonx_int(json, "restart_count", 0);
    state->error = arena_strdup(arena, error ? error : "");
    *ret = state;
    return 0;
}

int monitor_state_read(struct arena *arena, int run_container_dir_fd, struct monitor_state **ret,
        struct error **err)
{
    auto_free char *text = NULL;
    size_t len;

    if (faccessat(run_container_dir_fd, MONITOR_STATE_FILE, F_OK, 0) < 0 && errno == ENOENT) {
        *ret = NULL;
        return 0;
    }
    int r = fs_read_file(
            run_container_dir_fd, MONITOR_STATE_FILE, LIMIT_JSON_BYTES, &text, &len, err);
    return r < 0 ? r : monitor_state_parse(arena, text, len, ret, err);
}
