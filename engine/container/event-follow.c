/* events_follow: the log of events, filtered. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/array.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/engine-internal.h"
#include "engine/events.h"
#include "engine/monitor/event-log.h"

static bool is_one_of(char *const *values, const char *text)
{
    if (!values)
        return true;
    for (; text && *values; values++)
        if (strcmp(*values, text) == 0)
            return true;
    return false;
}

/* "exec_start: sh -c x" is found by exec_start, "health_status: healthy" by both. */
static bool action_matches(char *const *values, const char *action)
{
    const char *colon = strchr(action, ':');

    if (is_one_of(values, action))
        return true;
    for (; colon && *values; values++)
        if (strlen(*values) == (size_t)(colon - action) &&
                strncmp(*values, action, (size_t)(colon - action)) == 0)
            return true;
    return false;
}

/* An object of that type with the id (or its beginning) or the name. */
static bool object_matches(
        char *const *values, const char *type, const char *wanted_type, const json_t *actor)
{
    const char *id = jsonx_string(actor, "ID");
    const char *name = jsonx_string(json_object_get(actor, "Attributes"), "name");

    if (!values)
        return true;
    if (strcmp(type, wanted_type) != 0)
        return false;
    for (; *values; values++)
        if ((id && **values && string_has_prefix(id, *values)) ||
                (name && strcmp(name, *values) == 0))
            return true;
    return false;
}

static bool image_matches(char *const *values, const char *type, const json_t *actor)
{
    const char *image = jsonx_string(json_object_get(actor, "Attributes"), "image");

    return object_matches(values, type, "image", actor) || (image && is_one_of(values, image));
}

static bool labels_match(char *const *labels, const json_t *attributes)
{
    for (; labels && *labels; labels++) {
        struct str rest = str_from(*labels), key;

        str_split_next(&rest, '=', &key);
        const json_t *value = json_object_getn(attributes, key.data, key.len);
        const char *eq = strchr(*labels, '=');

        if (!json_is_string(value) || (eq && strcmp(json_string_value(value), eq + 1) != 0))
            return false;
    }
    return true;
}

static bool matches(const struct events_options *o, const json_t *event)
{
    const json_t *actor = json_object_get(event, "Actor");
    const char *type = jsonx_string(event, "Type"), *action = jsonx_string(event, "Action");

    return type && action && is_one_of(o->types, type) && action_matches(o->actions, action) &&
           object_matches(o->containers, type, "container", actor) &&
           object_matches(o->networks, type, "network", actor) &&
           object_matches(o->volumes, type, "volume", actor) &&
           object_matches(o->pods, type, "pod", actor) && image_matches(o->images, type, actor) &&
           labels_match(o->labels, json_object_get(actor, "Attributes"));
}

static void add_older_members(json_t *event)
{
    const json_t *actor = json_object_get(event, "Actor");
    const json_t *image = json_object_get(json_object_get(actor, "Attributes"), "image");

    if (strcmp(jsonx_string(event, "Type"), "container") != 0)
        return;
    json_object_set(event, "status", json_object_get(event, "Action"));
    json_object_set(event, "id", json_object_get(actor, "ID"));
    if (image)
        json_object_set(event, "from", (json_t *)(uintptr_t)image);
}

/* What there is now; 0: it shall end. */
static int take_all(struct event_reader *reader, const struct events_options *o, int64_t since_nsec,
        struct error **err)
{
    struct str line;
    int r;

    while ((r = event_reader_next(reader, &line, err)) > 0) {
        auto_error struct error *ignored = NULL;
        auto_json json_t *event = NULL;

        if (jsonx_parse(line.data, line.len, "event", &event, &ignored) < 0)
            continue;
        int64_t at = jsonx_int(event, "timeNano", 0);
        if (o->until_nsec && at > o->until_nsec)
            return 0;
        if (at < since_nsec || !matches(o, event))
            continue;
        add_older_members(event);
        r = o->take(o->userdata, event, err);
        if (r <= 0)
            return r;
    }
    return r < 0 ? r : 1;
}

/* Until something may have happened; 0: the time has come. */
static int await(struct engine *engine, const struct event_reader *reader, int64_t until_nsec,
        struct error **err)
{
    struct pollfd fds[] = {
        { .fd = event_reader_fd(reader), .events = POLLIN },
        { .fd = engine->options.cancel_fd > 0 ? engine->options.cancel_fd : -1, .events = POLLIN },
    };
    int64_t left_msec = -1;

    if (until_nsec) {
        left_msec = (until_nsec - time_realtime_nsec()) / (NSEC_PER_SEC / 1000) + 1;
        if (left_msec <= 0)
            return 0;
    }
    if (poll(fds, ARRAY_LEN(fds), left_msec > INT32_MAX ? INT32_MAX : (int)left_msec) < 0 &&
            errno != EINTR)
        return error_set(err, errno, NULL, "cannot wait for events");
    return 1;
}

int events_follow(struct engine *engine, const struct events_options *options, struct error **err)
{
    auto_(event_reader_free_p) struct event_reader *reader = NULL;
    int64_t since = options->since_nsec   ? options->since_nsec
                    : options->until_nsec ? 0
                                          : time_realtime_nsec();
    int r = event_reader_new(engine->run_fd, &reader, err);

    while (r >= 0) {
        r = take_all(reader, options, since, err);
        if (r <= 0 || engine_is_cancelled(engine))
            return r < 0 ? r : 0;
        r = await(engine, reader, options->until_nsec, err);
        if (r == 0)
            return take_all(reader, options, since, err) < 0 ? -EIO : 0;
    }
    return r;
}
