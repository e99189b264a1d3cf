/* What berth asks of a running systemd: reload, start and stop units and wait for that, and how units are.
 *
 *     auto_(bus_close_p) struct bus *bus = NULL;
 *     struct bus_job jobs[] = { { .unit = "guestbook.target" } };
 *     int r = bus_open(BUS_SYSTEM, &bus, err);
 *     if (r >= 0)
 *         r = bus_run_jobs(bus, BUS_START, jobs, 1, deadline_usec, err);
 *
 * A connection belongs to one thread. libsystemd is opened on first use. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct arena;
struct bus;
struct error;

enum bus_scope {
    BUS_SYSTEM, /* the machine's manager */
    BUS_USER,   /* the calling user's manager */
};

/* -ENOTCONN when no such manager runs (a machine without systemd, a user without a session). */
int bus_open(enum bus_scope scope, struct bus **ret, struct error **err);
void bus_close(struct bus *bus);
DEFINE_CLEANUP(struct bus *, bus_close);

/* Runs the generators again and reads all unit files (daemon-reload). Returns when that is done. */
int bus_reload(struct bus *bus, struct error **err);

enum bus_verb { BUS_START, BUS_STOP, BUS_RESTART, BUS_VERB_MAX_ };

enum bus_result {
    BUS_RESULT_NONE, /* the job has not ended */
    BUS_RESULT_DONE,
    BUS_RESULT_CANCELED,
    BUS_RESULT_TIMEOUT,
    BUS_RESULT_FAILED,
    BUS_RESULT_DEPENDENCY,
    BUS_RESULT_SKIPPED,
    BUS_RESULT_OTHER,
    BUS_RESULT_MAX_,
};
extern const char *const bus_result_names[BUS_RESULT_MAX_];

struct bus_job {
    const char *unit;       /* borrowed */
    bool alone;             /* what it needs, and what is a part of it, stays as it is */
    enum bus_result result; /* out */
    char job_path[96];      /* the bus's own */
};

/* Waits end, with -ECANCELED, when this descriptor becomes readable (-EBADF: none does). The jobs go on. */
void bus_set_cancel(struct bus *bus, int cancel_fd);

/* Queues a job for each unit (mode "replace", or "ignore-requirements" for one alone) and waits until all have ended. What became of each is in its
 * result; the return value is 0 when all were done, -ETIMEDOUT when the deadline passed (monotonic clock,
 * TIMEOUT_NEVER for none), -EIO when one ended otherwise, with *err naming the first. What could not even be
 * queued (no such unit) is the error of that call. */
int bus_run_jobs(struct bus *bus, enum bus_verb verb, struct bus_job *jobs, size_t count,
        int64_t deadline_usec, struct error **err);

/* Forgets that a unit has failed, and how often it was started: it may be started again. */
int bus_reset_failed(struct bus *bus, const char *unit, struct error **err);

/* Adds to *err the command that shows how the unit is. */
void bus_hint_status(const struct bus *bus, const char *unit, struct error **err);

#define BUS_INVOCATION_MAX 33

struct bus_unit {
    const char *name, *description;
    const char *load_state;   /* loaded, not-found, error, masked */
    const char *active_state; /* active, activating, failed, inactive … */
    const char *sub_state;    /* running, dead, exited … */
    /* Of services only, else NULL or 0. */
    const char *status_text; /* the last STATUS= */
    const char *result;      /* success, exit-code, timeout … */
    int32_t exit_status;
    pid_t main_pid;
    uint64_t active_enter_usec;          /* realtime; 0: never */
    char invocation[BUS_INVOCATION_MAX]; /* of the last start, as the journal has it; "": never */
    /* Of timers only: realtime; 0: never. */
    uint64_t next_usec, last_usec;
};

struct bus_units {
    struct bus_unit *items; /* in the arena */
    size_t len, cap;
};

/* The loaded units whose names match one of the patterns (fnmatch; NULL-terminated), sorted by name. */
int bus_list_units(struct bus *bus, struct arena *arena, const char *const *patterns,
        struct bus_units *ret, struct error **err);

/* One unit, loaded for it where needed; load_state "not-found" when there is none. */
int bus_get_unit(struct bus *bus, struct arena *arena, const char *name, struct bus_unit *ret,
        struct error **err);

/* Waits, as bus_run_jobs does, until the unit stays as it is: active, or inactive or failed without a job that is yet to
 * change that, and not about to be started again. Only looks: no job is queued, and none is replaced. */
int bus_wait_settled(struct bus *bus, struct arena *arena, const char *name, int64_t deadline_usec,
        struct bus_unit *ret, struct error **err);

/* A unit that this one requires and that has failed: why it is not active; *ret NULL: there is none. */
int bus_find_failed_requirement(struct bus *bus, struct arena *arena, const char *name,
        const char **ret, struct error **err);
