#include "engine/runtime/cgroup-systemd.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/dl.h"
#include "base/error.h"
#include "base/parse.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/runtime/cgroup.h"
#include "engine/runtime/clone.h"
#include "engine/runtime/spec.h"

#define MANAGER "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER_INTERFACE MANAGER ".Manager"
#define PROPERTY_PREFIX "org.systemd.property."
#define UNIT_NAME_MAX 255 /* systemd's */
#define JOB_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define CPU_PERIOD_DEFAULT_USEC 100000

static struct {
    __typeof__(sd_bus_open_system) *open_system;
    __typeof__(sd_bus_open_user) *open_user;
    __typeof__(sd_bus_flush_close_unref) *flush_close_unref;
    __typeof__(sd_bus_message_new_method_call) *new_method_call;
    __typeof__(sd_bus_message_append) *append;
    __typeof__(sd_bus_message_open_container) *open_container;
    __typeof__(sd_bus_message_close_container) *close_container;
    __typeof__(sd_bus_message_append_array) *append_array;
    __typeof__(sd_bus_message_read) *read;
    __typeof__(sd_bus_message_unref) *message_unref;
    __typeof__(sd_bus_call) *call;
    __typeof__(sd_bus_call_method) *call_method;
    __typeof__(sd_bus_match_signal) *match_signal;
    __typeof__(sd_bus_process) *process;
    __typeof__(sd_bus_wait) *wait;
    __typeof__(sd_bus_error_free) *error_free;
    __typeof__(sd_bus_get_property_string) *get_property_string;
} lib;

static const struct dl_symbol symbols[] = {
    DL_SYMBOL(lib.open_system, "sd_bus_open_system"),
    DL_SYMBOL(lib.open_user, "sd_bus_open_user"),
    DL_SYMBOL(lib.flush_close_unref, "sd_bus_flush_close_unref"),
    DL_SYMBOL(lib.new_method_call, "sd_bus_message_new_method_call"),
    DL_SYMBOL(lib.append, "sd_bus_message_append"),
    DL_SYMBOL(lib.open_container, "sd_bus_message_open_container"),
    DL_SYMBOL(lib.close_container, "sd_bus_message_close_container"),
    DL_SYMBOL(lib.append_array, "sd_bus_message_append_array"),
    DL_SYMBOL(lib.read, "sd_bus_message_read"),
    DL_SYMBOL(lib.message_unref, "sd_bus_message_unref"),
    DL_SYMBOL(lib.call, "sd_bus_call"),
    DL_SYMBOL(lib.call_method, "sd_bus_call_method"),
    DL_SYMBOL(lib.match_signal, "sd_bus_match_signal"),
    DL_SYMBOL(lib.process, "sd_bus_process"),
    DL_SYMBOL(lib.wait, "sd_bus_wait"),
    DL_SYMBOL(lib.error_free, "sd_bus_error_free"),
    DL_SYMBOL(lib.get_property_string, "sd_bus_get_property_string"),
};
static struct dl_library library = DL_LIBRARY("libsystemd.so.0", symbols);

static void close_bus(sd_bus **bus)
{
    if (*bus)
        lib.flush_close_unref(*bus);
}

static void free_message(sd_bus_message **message)
{
    if (*message)
        lib.message_unref(*message);
}

/* ---- names ---- */

static bool is_unit_name(const char *name, const char *suffix)
{
    size_t len = strlen(name);

    if (len >= UNIT_NAME_MAX || !string_has_suffix(name, suffix) || len == strlen(suffix))
        return false;
    for (; *name; name++) {
        if (!((*name >= 'a' && *name <= 'z') || (*name >= 'A' && *name <= 'Z') ||
                    (*name >= '0' && *name <= '9') || strchr(":-_.\\@", *name)))
            return false;
    }
    return true;
}

int systemd_scope_parse(struct arena *arena, const char *cgroups_path, const char *id, bool user,
        const char **ret_slice, const char **ret_unit, struct error **err)
{
    const char *slice = user ? "user.slice" : "system.slice", *prefix = "berth", *name = id;

    if (cgroups_path) {
        struct str rest = str_from(cgroups_path), first, second;

        if (!str_split_next(&rest, ':', &first) || !str_split_next(&rest, ':', &second) ||
                rest.len == 0 || str_find(rest, ':') >= 0)
            return error_set_plain(err, EINVAL, NULL,
                    "cgroupsPath: \"%s\" is not of the form SLICE:PREFIX:NAME", cgroups_path);
        if (first.len > 0)
            slice = arena_strndup(arena, first.data, first.len);
        prefix = arena_strndup(arena, second.data, second.len);
        name = arena_strndup(arena, rest.data, rest.len);
    }
    const char *unit = arena_printf(arena, "%s%s%s.scope", prefix, *prefix ? "-" : "", name);
    if (!is_unit_name(slice, ".slice"))
        return error_set_plain(
                err, EINVAL, NULL, "cgroupsPath: \"%s\" is not the name of a slice", slice);
    if (!is_unit_name(unit, ".scope"))
        return error_set_plain(
                err, EINVAL, NULL, "cgroupsPath: \"%s\" is not the name of a scope", unit);
    *ret_slice = slice;
    *ret_unit = unit;
    return 0;
}

/* ---- properties ---- */

static int append_number(sd_bus_message *m, const char *name, int64_t value)
{
    if (value == RESOURCE_UNSET || value == 0)
        return 0;
    return lib.append(m, "(sv)", name, "t", value < 0 ? UINT64_MAX : (uint64_t)value);
}

/* What systemd would set back to its own idea when it is reloaded. Everything else it leaves alone
 * in a delegated group. Of v1's controllers it has no idea at all. */
static int append_limits(sd_bus_message *m, const struct runtime_resources *res)
{
    int64_t swap = RESOURCE_UNSET, quota = RESOURCE_UNSET, weight = RESOURCE_UNSET;
    int64_t period = res->cpu_period_usec > 0 ? res->cpu_period_usec : CPU_PERIOD_DEFAULT_USEC;

    if (res->memory_swap_bytes < 0 && res->memory_swap_bytes != RESOURCE_UNSET)
        swap = -1;
    if (res->cpu_quota_usec > 0)
        quota = res->cpu_quota_usec * USEC_PER_SEC / period;
    if (res->cpu_shares > 0)
        weight = (int64_t)cgroup_weight_from_shares((uint64_t)res->cpu_shares);
    int r = append_number(m, "MemoryMax", res->memory_limit_bytes);
    if (r >= 0)
        r = append_number(m, "MemoryLow", res->memory_reservation_bytes);
    /* Memory and swap together, and 0 means none. */
    if (r >= 0 && res->memory_swap_bytes > 0 && res->memory_limit_bytes > 0 &&
            res->memory_swap_bytes >= res->memory_limit_bytes)
        r = lib.append(m, "(sv)", "MemorySwapMax", "t",
                (uint64_t)(res->memory_swap_bytes - res->memory_limit_bytes));
    else if (r >= 0)
        r = append_number(m, "MemorySwapMax", swap);
    if (r >= 0)
        r = append_number(m, "CPUWeight", weight);
    if (r >= 0)
        r = append_number(m, "CPUQuotaPerSecUSec", quota);
    if (r >= 0 && quota != RESOURCE_UNSET)
        r = append_number(m, "CPUQuotaPeriodUSec", period);
    if (r >= 0)
        r = append_number(m, "TasksMax", res->pids_limit);
    if (r >= 0 && res->blkio_weight > 0)
        r = append_number(
                m, "IOWeight", (int64_t)cgroup_io_weight_from_blkio((uint64_t)res->blkio_weight));
    return r;
}

/* GVariant's text form, as far as properties of scopes need it: true, 'text', 5, uint32 5. */
static int append_variant(sd_bus_message *m, const char *name, const char *text)
{
    static const struct {
        const char *word, *type;
    } types[] = { { "int32 ", "i" }, { "uint32 ", "u" }, { "int64 ", "x" }, { "uint64 ", "t" } };
    size_t len = strlen(text);
    const char *type = "i";
    int64_t value;

    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
        return lib.append(m, "(sv)", name, "b", text[0] == 't');
    if (len >= 2 && (text[0] == '\'' || text[0] == '"') && text[len - 1] == text[0] &&
            !strchr(text, '\\')) {
        char *inner = strndup(text + 1, len - 2);
        int r = inner ? lib.append(m, "(sv)", name, "s", inner) : -ENOMEM;

        free(inner);
        return r;
    }
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (string_has_prefix(text, types[i].word)) {
            type = types[i].type;
            text += strlen(types[i].word);
            break;
        }
    }
    if (parse_int64(str_from(text), *type == 'u' || *type == 't' ? 0 : INT64_MIN,
                *type == 'i'   ? INT32_MAX
                : *type == 'u' ? UINT32_MAX
                               : INT64_MAX,
                &value) < 0)
        return -EINVAL;
    /* What is passed must have the width that the type says. */
    if (*type == 'i' || *type == 'u')
        return lib.append(m, "(sv)", name, type, (uint32_t)value);
    return lib.append(m, "(sv)", name, type, (uint64_t)value);
}

/* "TimeoutStopSec" is a name of unit files; the bus knows microseconds. */
static int append_annotation(
        sd_bus_message *m, const char *name, const char *value, struct error **err)
{
    char usec_name[UNIT_NAME_MAX];
    int64_t seconds;
    int r;

    if (string_has_suffix(name, "Sec") && !string_has_suffix(name, "USec") &&
            parse_int64(str_from(value), 0, INT64_MAX / USEC_PER_SEC, &seconds) >= 0) {
        snprintf(usec_name, sizeof(usec_name), "%.*sUSec", (int)(strlen(name) - strlen("Sec")),
                name);
        r = lib.append(m, "(sv)", usec_name, "t", (uint64_t)(seconds * USEC_PER_SEC));
    } else {
        r = append_variant(m, name, value);
    }
    if (r < 0)
        return error_set_plain(err, EINVAL, NULL,
                "annotations: \"" PROPERTY_PREFIX "%s\": \"%s\" is not a value for systemd", name,
                value);
    return 0;
}

static int append_properties(sd_bus_message *m, const struct runtime_spec *spec, const char *slice,
        const char *id, pid_t pid, bool unified, struct error **err)
{
    const char *description = id;
    int r = lib.open_container(m, 'a', "(sv)");

    if (r >= 0)
        r = lib.append(m, "(sv)(sv)(sv)(sv)(sv)", "Description", "s", description, "Slice", "s",
                slice, "Delegate", "b", 1, "DefaultDependencies", "b", 0, "PIDs", "au", 1,
                (uint32_t)pid);
    if (r >= 0 && unified)
        r = append_limits(m, &spec->resources);
    for (size_t i = 0; r >= 0 && i < spec->annotation_count; i++) {
        const struct runtime_annotation *a = &spec->annotations[i];

        if (!string_has_prefix(a->key, PROPERTY_PREFIX))
            continue;
        int failed = append_annotation(m, a->key + strlen(PROPERTY_PREFIX), a->value, err);
        if (failed < 0)
            return failed;
    }
    if (r >= 0)
        r = lib.close_container(m);
    return r < 0 ? error_set(err, -r, NULL, "cannot describe the scope to systemd") : 0;
}

/* ---- the scope ---- */

struct job {
    const char *path; /* object path; NULL until it is known */
    char done_path[256], result[64];
};

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error)
{
    struct job *job = userdata;
    const char *path = NULL, *unit = NULL, *result = NULL;
    uint32_t id;

    (void)error;
    if (lib.read(m, "uoss", &id, &path, &unit, &result) < 0)
        return 0;
    /* It may be over before the answer to the call has been read. */
    if (job->path && strcmp(job->path, path) != 0)
        return 0;
    snprintf(job->done_path, sizeof(job->done_path), "%s", path);
    snprintf(job->result, sizeof(job->result), "%s", result);
    return 0;
}

static int wait_for_job(sd_bus *bus, struct job *job, const char *unit, struct error **err)
{
    int64_t deadline = time_monotonic_usec() + JOB_TIMEOUT_USEC;

    while (strcmp(job->done_path, job->path) != 0) {
        int r = lib.process(bus, NULL);

        if (r < 0)
            return error_set(err, -r, NULL, "cannot hear from systemd");
        if (r > 0)
            continue;
        int64_t left = deadline - time_monotonic_usec();
        r = left > 0 ? lib.wait(bus, (uint64_t)left) : 0;
        if (r < 0)
            return error_set(err, -r, NULL, "cannot hear from systemd");
        if (left <= 0)
            return error_set_plain(
                    err, ETIMEDOUT, NULL, "systemd has not started %s in time", unit);
    }
    if (strcmp(job->result, "done") != 0)
        return error_set_plain(err, EIO, NULL, "systemd could not start %s: %s", unit, job->result);
    return 0;
}

static int start_unit(sd_bus *bus, const struct runtime_spec *spec, const char *slice,
        const char *unit, const char *id, pid_t pid, bool unified, struct error **err)
{
    sd_bus_message *call __attribute__((cleanup(free_message))) = NULL;
    sd_bus_message *reply __attribute__((cleanup(free_message))) = NULL;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    struct job job = { .path = NULL };
    int r = lib.match_signal(bus, NULL, MANAGER, MANAGER_PATH, MANAGER_INTERFACE, "JobRemoved",
            on_job_removed, &job);

    if (r >= 0)
        r = lib.call_method(
                bus, MANAGER, MANAGER_PATH, MANAGER_INTERFACE, "Subscribe", NULL, NULL, NULL);
    if (r >= 0)
        r = lib.new_method_call(
                bus, &call, MANAGER, MANAGER_PATH, MANAGER_INTERFACE, "StartTransientUnit");
    if (r >= 0)
        r = lib.append(call, "ss", unit, "fail");
    if (r < 0)
        return error_set(err, -r, NULL, "cannot talk to systemd");
    r = append_properties(call, spec, slice, id, pid, unified, err);
    if (r < 0)
        return r;
    r = lib.append(call, "a(sa(sv))", 0);
    if (r >= 0)
        r = lib.call(bus, call, 0, &error, &reply);
    if (r < 0) {
        r = error.message ? error_set_plain(err, -r, NULL, "systemd refuses the scope %s: %s", unit,
                                    error.message)
                          : error_set(err, -r, NULL, "systemd refuses the scope %s", unit);
        lib.error_free(&error);
        return r;
    }
    if (lib.read(reply, "o", &job.path) < 0)
        return error_set_plain(err, EPROTO, NULL, "systemd's answer cannot be read");
    return wait_for_job(bus, &job, unit, err);
}

/* Where systemd has put it. */
static int find_group(
        struct arena *arena, sd_bus *bus, const char *unit, const char **ret, struct error **err)
{
    sd_bus_message *reply __attribute__((cleanup(free_message))) = NULL;
    auto_free char *group = NULL;
    const char *path = NULL;
    int r = lib.call_method(
            bus, MANAGER, MANAGER_PATH, MANAGER_INTERFACE, "GetUnit", NULL, &reply, "s", unit);

    if (r >= 0)
        r = lib.read(reply, "o", &path);
    if (r >= 0)
        r = lib.get_property_string(
                bus, MANAGER, path, MANAGER ".Scope", "ControlGroup", NULL, &group);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot ask systemd for the control group of %s", unit);
    if (string_is_empty(group) || strcmp(group, "/") == 0)
        return error_set_plain(err, ESRCH, NULL, "systemd has no control group for %s", unit);
    *ret = arena_strdup(arena, group);
    return 0;
}

static int start_placeholder(struct systemd_scope *scope, struct error **err)
{
    struct clone_request request = { .cgroup_fd = -EBADF, .pid_namespace_fd = -EBADF };
    pid_t pid = clone_process(&request, &scope->pidfd);

    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        for (;;)
            pause();
    }
    if (pid < 0)
        return error_set(err, (int)-pid, NULL, "cannot start a process");
    scope->pid = pid;
    return 0;
}

int systemd_scope_create(struct arena *arena, const struct runtime_spec *spec, const char *id,
        bool user, struct systemd_scope *ret, struct error **err)
{
    struct systemd_scope scope = SYSTEMD_SCOPE_INIT;
    sd_bus *bus __attribute__((cleanup(close_bus))) = NULL;
    struct cgroup_support support;
    const char *slice = NULL, *unit = NULL;
    int r = systemd_scope_parse(arena, spec->cgroup_units, id, user, &slice, &unit, err);

    if (r >= 0)
        r = cgroup_probe(&support, err);
    if (r >= 0)
        r = dl_open(&library, err);
    if (r < 0)
        return r;
    r = user ? lib.open_user(&bus) : lib.open_system(&bus);
    if (r < 0)
        return error_set(
                err, -r, NULL, "cannot talk to systemd, whose control groups were asked for");
    r = start_placeholder(&scope, err);
    if (r >= 0)
        r = start_unit(bus, spec, slice, unit, id, scope.pid, support.unified, err);
    if (r >= 0)
        r = find_group(arena, bus, unit, &scope.path, err);
    if (r < 0) {
        systemd_scope_release(&scope);
        return r;
    }
    *ret = scope;
    return 0;
}

void systemd_scope_release(struct systemd_scope *scope)
{
    if (scope->pid > 0) {
        (void)proc_kill_pidfd(scope->pidfd, SIGKILL);
        (void)proc_wait(scope->pid);
    }
    scope->pid = 0;
    scope->pidfd = fd_close(scope->pidfd);
}
