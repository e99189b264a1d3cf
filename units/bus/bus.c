#include "units/bus/bus.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "units/bus/bus-dl.h"

#define SERVICE_NAME "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define UNIT "org.freedesktop.systemd1.Unit"
#define SERVICE "org.freedesktop.systemd1.Service"
#define TIMER "org.freedesktop.systemd1.Timer"
/* A unit's name has at most 255 bytes; quoting adds to that. */
#define UNIT_WORD_MAX_BYTES 1024
/* Reloading waits for the generators, which other programs bring, too. */
#define RELOAD_TIMEOUT_USEC (180 * USEC_PER_SEC)

const char *const bus_result_names[] = {
    [BUS_RESULT_NONE] = "none",
    [BUS_RESULT_DONE] = "done",
    [BUS_RESULT_CANCELED] = "canceled",
    [BUS_RESULT_TIMEOUT] = "timeout",
    [BUS_RESULT_FAILED] = "failed",
    [BUS_RESULT_DEPENDENCY] = "dependency",
    [BUS_RESULT_SKIPPED] = "skipped",
    [BUS_RESULT_OTHER] = "other",
};
_Static_assert(ARRAY_LEN(bus_result_names) == BUS_RESULT_MAX_, "name every result");

struct bus {
    sd_bus *bus;
    int cancel_fd;
    const char *manager; /* for messages */
    enum bus_scope scope;
};

static void message_unref(sd_bus_message **message)
{
    sd.message_unref(*message);
}
#define auto_message __attribute__((cleanup(message_unref)))

static void slot_unref(sd_bus_slot **slot)
{
    sd.slot_unref(*slot);
}
#define auto_slot __attribute__((cleanup(slot_unref)))

static void bus_error_free(sd_bus_error *error)
{
    sd.error_free(error);
}
#define auto_bus_error __attribute__((cleanup(bus_error_free)))

/* systemd's own words say more than an errno. */
static int fail(const struct bus *bus, int code, const sd_bus_error *error, struct error **err,
        const char *what, const char *unit)
{
    const char *separator = unit ? " " : "";

    unit = unit ? unit : "";
    if (error->message)
        return error_set_plain(err, code, NULL, "%s cannot %s%s%s: %s", bus->manager, what,
                separator, unit, error->message);
    return error_set(err, code, NULL, "%s cannot %s%s%s", bus->manager, what, separator, unit);
}

int bus_open(enum bus_scope scope, struct bus **ret, struct error **err)
{
    sd_bus *connection = NULL;
    int r = bus_dl_open(err);

    if (r < 0)
        return r;
    r = scope == BUS_USER ? sd.open_user(&connection) : sd.open_system(&connection);
    if (r < 0) {
        (void)error_set(err, ENOTCONN, NULL,
                scope == BUS_USER ? "the user's systemd cannot be reached"
                                  : "systemd cannot be reached");
        error_hint(err, scope == BUS_USER
                                ? "log in by a session, or enable lingering: loginctl enable-linger"
                                : "is this machine booted with systemd and dbus?");
        return -ENOTCONN;
    }
    struct bus *bus = NEW(struct bus);
    bus->bus = connection;
    bus->cancel_fd = -EBADF;
    bus->scope = scope;
    bus->manager = scope == BUS_USER ? "the user's systemd" : "systemd";
    *ret = bus;
    return 0;
}

void bus_close(struct bus *bus)
{
    if (!bus)
        return;
    sd.flush_close_unref(bus->bus);
    free(bus);
}

void bus_set_cancel(struct bus *bus, int cancel_fd)
{
    bus->cancel_fd = cancel_fd;
}

int bus_reload(struct bus *bus, struct error **err)
{
    auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
    auto_message sd_bus_message *message = NULL;
    int r = sd.message_new_method_call(
            bus->bus, &message, SERVICE_NAME, MANAGER_PATH, MANAGER, "Reload");

    if (r >= 0)
        r = sd.call(bus->bus, message, RELOAD_TIMEOUT_USEC, &error, NULL);
    return r < 0 ? fail(bus, r, &error, err, "reload its units", NULL) : 0;
}

/* A unit's name may have backslashes, which a shell would take away. */
void bus_hint_status(const struct bus *bus, const char *unit, struct error **err)
{
    auto_(strbuf_release) struct strbuf word = STRBUF_INIT(UNIT_WORD_MAX_BYTES);

    strbuf_add_shell_word(&word, unit);
    error_hint(err, "systemctl%s status %s", bus->scope == BUS_USER ? " --user" : "", word.data);
}

/* ---- Jobs ---- */

struct waiting {
    struct bus_job *jobs;
    size_t count, open;
};

static enum bus_result result_from(const char *text)
{
    int result = parse_name(str_from(text), bus_result_names, BUS_RESULT_MAX_);

    return result > BUS_RESULT_NONE ? (enum bus_result)result : BUS_RESULT_OTHER;
}

static int on_job_removed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    struct waiting *waiting = userdata;
    const char *path, *unit, *result;
    uint32_t id;

    (void)error;
    if (sd.message_read(message, "uoss", &id, &path, &unit, &result) < 0)
        return 0;
    for (size_t i = 0; i < waiting->count; i++) {
        struct bus_job *job = &waiting->jobs[i];

        if (job->result == BUS_RESULT_NONE && strcmp(job->job_path, path) == 0) {
            job->result = result_from(result);
            waiting->open--;
        }
    }
    return 0;
}

static int queue_job(struct bus *bus, enum bus_verb verb, struct bus_job *job, struct error **err)
{
    static const struct {
        const char *method, *what;
    } verbs[] = {
        [BUS_START] = { "StartUnit", "start" },
        [BUS_STOP] = { "StopUnit", "stop" },
        [BUS_RESTART] = { "RestartUnit", "restart" },
    };
    auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
    auto_message sd_bus_message *reply = NULL;
    const char *path;
    int r = sd.call_method(bus->bus, SERVICE_NAME, MANAGER_PATH, MANAGER, verbs[verb].method,
            &error, &reply, "ss", job->unit, job->alone ? "ignore-requirements" : "replace");

    if (r >= 0)
        r = sd.message_read(reply, "o", &path);
    if (r < 0)
        return fail(bus, r, &error, err, verbs[verb].what, job->unit);
    job->result = BUS_RESULT_NONE;
    snprintf(job->job_path, sizeof(job->job_path), "%s", path);
    return 0;
}

/* Until something comes, or `deadline_usec`; -ECANCELED. */
static int wait_for_message(struct bus *bus, int64_t deadline_usec)
{
    struct pollfd fds[] = { { .fd = sd.get_fd(bus->bus) },
        { .fd = bus->cancel_fd, .events = POLLIN } };
    uint64_t own_usec = UINT64_MAX; /* libsystemd's, also on the monotonic clock */
    int events = sd.get_events(bus->bus), r = sd.get_timeout(bus->bus, &own_usec);

    if (events < 0 || r < 0)
        return events < 0 ? events : r;
    if (own_usec < (uint64_t)deadline_usec)
        deadline_usec = (int64_t)own_usec;
    fds[0].events = (short)events;
    int64_t left = deadline_usec - time_monotonic_usec();
    struct timespec wait = { .tv_sec = left / USEC_PER_SEC,
        .tv_nsec = left % USEC_PER_SEC * NSEC_PER_USEC };
    if (left <= 0 && deadline_usec != TIMEOUT_NEVER)
        wait = (struct timespec){ 0 };
    r = ppoll(fds, ARRAY_LEN(fds), deadline_usec == TIMEOUT_NEVER ? NULL : &wait, NULL);
    if (r < 0)
        return errno == EINTR ? 0 : -errno;
    return fds[1].revents ? -ECANCELED : 0;
}

/* Handles what has come, or waits for more. 0: something was done, or the wait ended; -ETIMEDOUT without a message. */
static int go_on(struct bus *bus, int64_t deadline_usec, struct error **err)
{
    int r = sd.process(bus->bus, NULL);

    if (r > 0)
        return 0;
    if (r >= 0 && deadline_usec != TIMEOUT_NEVER && time_monotonic_usec() >= deadline_usec)
        return -ETIMEDOUT;
    if (r >= 0)
        r = wait_for_message(bus, deadline_usec);
    if (r == -ECANCELED)
        return error_set_plain(err, ECANCELED, NULL, "interrupted");
    return r < 0 ? error_set(err, -r, NULL, "the connection to %s broke", bus->manager) : 0;
}

static int wait_for_jobs(
        struct bus *bus, const struct waiting *waiting, int64_t deadline_usec, struct error **err)
{
    int r = 0;

    while (waiting->open > 0 && r >= 0)
        r = go_on(bus, deadline_usec, err);
    return r == -ETIMEDOUT ? error_set_plain(err, ETIMEDOUT, NULL,
                                     "%s has not ended %zu of %zu jobs in time", bus->manager,
                                     waiting->open, waiting->count)
                           : r;
}

static int judge(
        const struct bus *bus, const struct bus_job *jobs, size_t count, struct error **err)
{
    for (size_t i = 0; i < count; i++) {
        if (jobs[i].result == BUS_RESULT_DONE || jobs[i].result == BUS_RESULT_SKIPPED)
            continue;
        int r = error_set_plain(err, EIO, NULL, "%s: the job for %s ended with \"%s\"",
                bus->manager, jobs[i].unit, bus_result_names[jobs[i].result]);
        bus_hint_status(bus, jobs[i].unit, err);
        return r;
    }
    return 0;
}

/* Signals are only sent to those who have subscribed. It fails for who has already. */
static void subscribe(struct bus *bus)
{
    auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;

    (void)sd.call_method(
            bus->bus, SERVICE_NAME, MANAGER_PATH, MANAGER, "Subscribe", &error, NULL, "");
}

int bus_run_jobs(struct bus *bus, enum bus_verb verb, struct bus_job *jobs, size_t count,
        int64_t deadline_usec, struct error **err)
{
    auto_slot sd_bus_slot *slot = NULL;
    struct waiting waiting = { .jobs = jobs, .count = count };

    subscribe(bus);
    int r = sd.match_signal(bus->bus, &slot, SERVICE_NAME, MANAGER_PATH, MANAGER, "JobRemoved",
            on_job_removed, &waiting);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot listen to %s", bus->manager);
    for (size_t i = 0; i < count; i++)
        jobs[i] = (struct bus_job){ .unit = jobs[i].unit, .alone = jobs[i].alone };
    /* Signals of jobs that end meanwhile wait in the connection: they are looked at by process() alone. */
    for (size_t i = 0; i < count; i++) {
        r = queue_job(bus, verb, &jobs[i], err);
        if (r < 0)
            return r;
        waiting.open++;
    }
    r = wait_for_jobs(bus, &waiting, deadline_usec, err);
    return r < 0 ? r : judge(bus, jobs, count, err);
}

int bus_reset_failed(struct bus *bus, const char *unit, struct error **err)
{
    auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
    int r = sd.call_method(bus->bus, SERVICE_NAME, MANAGER_PATH, MANAGER, "ResetFailedUnit", &error,
            NULL, "s", unit);

    return r < 0 ? fail(bus, r, &error, err, "reset", unit) : 0;
}

/* ---- How units are ---- */

static const char *property(struct bus *bus, struct arena *arena, const char *path,
        const char *interface, const char *name)
{
    char *text = NULL;

    if (sd.get_property_string(bus->bus, SERVICE_NAME, path, interface, name, NULL, &text) < 0)
        return NULL;
    const char *copy = arena_strdup(arena, text);
    free(text);
    return copy;
}

/* systemd's "infinity" is a time that never comes. */
static uint64_t time_property(
        struct bus *bus, const char *path, const char *interface, const char *name)
{
    uint64_t usec = 0;

    (void)sd.get_property_trivial(bus->bus, SERVICE_NAME, path, interface, name, NULL, 't', &usec);
    return usec == UINT64_MAX ? 0 : usec;
}

static void read_invocation(struct bus *bus, const char *path, struct bus_unit *unit)
{
    auto_message sd_bus_message *reply = NULL;
    const void *bytes;
    size_t len;

    if (sd.get_property(bus->bus, SERVICE_NAME, path, UNIT, "InvocationID", NULL, &reply, "ay") <
                    0 ||
            sd.message_read_array(reply, 'y', &bytes, &len) < 0 ||
            len != (BUS_INVOCATION_MAX - 1) / 2)
        return;
    for (size_t i = 0; i < len; i++)
        snprintf(unit->invocation + 2 * i, 3, "%02x", ((const uint8_t *)bytes)[i]);
}

/* What units of its type have. */
static void fill_type(struct bus *bus, struct arena *arena, const char *path, struct bus_unit *unit)
{
    uint32_t pid = 0;

    unit->active_enter_usec = time_property(bus, path, UNIT, "ActiveEnterTimestamp");
    if (string_has_suffix(unit->name, ".timer")) {
        unit->next_usec = time_property(bus, path, TIMER, "NextElapseUSecRealtime");
        unit->last_usec = time_property(bus, path, TIMER, "LastTriggerUSec");
    }
    if (!string_has_suffix(unit->name, ".service"))
        return;
    read_invocation(bus, path, unit);
    unit->status_text = property(bus, arena, path, SERVICE, "StatusText");
    unit->result = property(bus, arena, path, SERVICE, "Result");
    if (sd.get_property_trivial(
                bus->bus, SERVICE_NAME, path, SERVICE, "MainPID", NULL, 'u', &pid) >= 0)
        unit->main_pid = (pid_t)pid;
    (void)sd.get_property_trivial(
            bus->bus, SERVICE_NAME, path, SERVICE, "ExecMainStatus", NULL, 'i', &unit->exit_status);
}

static int compare_units(const void *a, const void *b)
{
    return strcmp(((const struct bus_unit *)a)->name, ((const struct bus_unit *)b)->name);
}

static int read_units(
        struct bus *bus, struct arena *arena, sd_bus_message *reply, struct bus_units *units)
{
    const char *name, *description, *load, *active, *sub, *following, *path, *job, *job_path;
    uint32_t job_id;
    int r = sd.message_enter_container(reply, SD_BUS_TYPE_ARRAY, "(ssssssouso)");

    while (r >= 0 && (r = sd.message_read(reply, "(ssssssouso)", &name, &description, &load,
                              &active, &sub, &following, &path, &job_id, &job, &job_path)) > 0) {
        struct bus_unit *unit = ARRAY_APPEND_ARENA(arena, units);

        *unit = (struct bus_unit){ .name = arena_strdup(arena, name),
            .description = arena_strdup(arena, description),
            .load_state = arena_strdup(arena, load),
            .active_state = arena_strdup(arena, active),
            .sub_state = arena_strdup(arena, sub) };
        fill_type(bus, arena, path, unit);
    }
    return r;
}

int bus_list_units(struct bus *bus, struct arena *arena, const char *const *patterns,
        struct bus_units *ret, struct error **err)
{
    auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
    auto_message sd_bus_message *call = NULL, *reply = NULL;
    struct bus_units units = { 0 };
    int r = sd.message_new_method_call(
            bus->bus, &call, SERVICE_NAME, MANAGER_PATH, MANAGER, "ListUnitsByPatterns");

    if (r >= 0)
        r = sd.message_append(call, "as", 0);
    if (r >= 0)
        r = sd.message_append_strv(call, (char **)(uintptr_t)patterns);
    if (r >= 0)
        r = sd.call(bus->bus, call, 0, &error, &reply);
    if (r >= 0)
        r = read_units(bus, arena, reply, &units);
    if (r < 0)
        return fail(bus, r, &error, err, "list its units", NULL);
    if (units.len > 1)
        qsort(units.items, units.len, sizeof(*units.items), compare_units);
    *ret = units;
    return 0;
}

/* Where the unit is on the bus; loads it where needed. */
static int find_unit(struct bus *bus, struct arena *arena, const char *name, const char **ret_path,
        struct error **err)
{
    auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
    auto_message sd_bus_message *reply = NULL;
    const char *path;
    int r = sd.call_method(
            bus->bus, SERVICE_NAME, MANAGER_PATH, MANAGER, "LoadUnit", &error, &reply, "s", name);

    if (r >= 0)
        r = sd.message_read(reply, "o", &path);
    if (r < 0)
        return fail(bus, r, &error, err, "tell about", name);
    *ret_path = arena_strdup(arena, path);
    return 0;
}

int bus_get_unit(struct bus *bus, struct arena *arena, const char *name, struct bus_unit *ret,
        struct error **err)
{
    struct bus_unit unit = { .name = arena_strdup(arena, name) };
    const char *path;
    int r = find_unit(bus, arena, name, &path, err);

    if (r < 0)
        return r;
    unit.description = property(bus, arena, path, UNIT, "Description");
    unit.load_state = property(bus, arena, path, UNIT, "LoadState");
    unit.active_state = property(bus, arena, path, UNIT, "ActiveState");
    unit.sub_state = property(bus, arena, path, UNIT, "SubState");
    fill_type(bus, arena, path, &unit);
    if (!unit.load_state || !unit.active_state || !unit.sub_state)
        return error_set_plain(err, EIO, NULL, "%s tells nothing about %s", bus->manager, name);
    *ret = unit;
    return 0;
}

/* ---- Waiting without a job ---- */

static int on_changed(sd_bus_message *message, void *userdata, sd_bus_error *error)
{
    bool *changed = userdata;

    (void)message;
    (void)error;
    *changed = true;
    return 0;
}

static bool has_job(struct bus *bus, const char *path)
{
    auto_message sd_bus_message *reply = NULL;
    const char *job_path;
    uint32_t id = 0;

    return sd.get_property(bus->bus, SERVICE_NAME, path, UNIT, "Job", NULL, &reply, "(uo)") >= 0 &&
           sd.message_read(reply, "(uo)", &id, &job_path) >= 0 && id != 0;
}

/* What is to be started again is "activating" while it waits, and has a job from then on. */
static bool is_settled(struct bus *bus, const char *path, const struct bus_unit *unit)
{
    if (strcmp(unit->active_state, "active") == 0)
        return true;
    bool is_down = strcmp(unit->active_state, "inactive") == 0 ||
                   strcmp(unit->active_state, "failed") == 0;
    return is_down && !has_job(bus, path);
}

int bus_wait_settled(struct bus *bus, struct arena *arena, const char *name, int64_t deadline_usec,
        struct bus_unit *ret, struct error **err)
{
    auto_slot sd_bus_slot *slot = NULL;
    bool changed = false;
    const char *path;

    subscribe(bus);
    int r = find_unit(bus, arena, name, &path, err);
    if (r < 0)
        return r;
    r = sd.match_signal(bus->bus, &slot, SERVICE_NAME, path, "org.freedesktop.DBus.Properties",
            "PropertiesChanged", on_changed, &changed);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot listen to %s", bus->manager);
    for (;;) {
        changed = false; /* what comes from here on waits in the connection until it is handled */
        r = bus_get_unit(bus, arena, name, ret, err);
        if (r < 0 || is_settled(bus, path, ret))
            return r;
        while (!changed && r >= 0)
            r = go_on(bus, deadline_usec, err);
        if (r < 0)
            return r == -ETIMEDOUT ? error_set_plain(err, ETIMEDOUT, NULL,
                                             "%s is %s: it takes long", name, ret->active_state)
                                   : r;
    }
}

int bus_find_failed_requirement(struct bus *bus, struct arena *arena, const char *name,
        const char **ret, struct error **err)
{
    auto_bus_error sd_bus_error error = SD_BUS_ERROR_NULL;
    char **names = NULL;
    const char *path;
    int r = find_unit(bus, arena, name, &path, err);

    *ret = NULL;
    if (r < 0)
        return r;
    r = sd.get_property_strv(bus->bus, SERVICE_NAME, path, UNIT, "Requires", &error, &names);
    if (r < 0)
        return fail(bus, r, &error, err, "tell what is required by", name);
    for (char **other = names; other && *other; other++) {
        struct bus_unit unit;

        if (r >= 0 && !*ret)
            r = bus_get_unit(bus, arena, *other, &unit, err);
        if (r >= 0 && !*ret && strcmp(unit.active_state, "failed") == 0)
            *ret = unit.name;
        free(*other);
    }
    free(names);
    return r < 0 ? r : 0;
}
