/* An engine in memory: keeps containers, networks, volumes and images as a real one would, refuses what a
 * real one would refuse (a container without its image, a busy network, a taken name), and writes down
 * every call. For tests of the planner and the runner, which need neither root nor a kernel then.
 *
 *     struct record_engine *engine = record_engine_new();
 *     record_offer_image(engine, "redis:7", "sha256:1");
 *     struct backend *backend = record_open(engine);
 *
 * Handles of one engine may be used by several threads at once. Everything lives until record_engine_free. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"
#include "compose/backend.h"
#include "compose/state.h"

struct record_engine;
struct strbuf;

struct record_engine *record_engine_new(void);
void record_engine_free(struct record_engine *engine);
DEFINE_CLEANUP(struct record_engine *, record_engine_free);

/* Given: backend_close(). */
struct backend *record_open(struct record_engine *engine);

/* What pulling or building `reference` gives from now on. What was not offered cannot be pulled; a build
 * gives "sha256:built-REFERENCE". */
void record_offer_image(struct record_engine *engine, const char *reference, const char *id);

/* How containers of a service behave once started. */
struct record_behaviour {
    enum observed_health health; /* what the healthcheck comes to; NONE: there is no healthcheck */
    bool exits;
    int exit_code;
    bool hangs; /* waits for it end by cancelling or record_wake only */
};
void record_set_behaviour(struct record_engine *engine, const char *service,
        const struct record_behaviour *behaviour);

/* Calls of this operation ("start-container") on this object fail with `code`; 0 takes it back. */
void record_fail(struct record_engine *engine, const char *operation, const char *name, int code);

/* After this many further calls that change something, all of them fail and change nothing, as if the
 * command had been killed. SIZE_MAX: never. */
void record_stop_after(struct record_engine *engine, size_t calls);

/* Lets hanging waits look at their cancel flag. Safe in a callback of the runner. */
void record_wake(struct record_engine *engine);

/* Calls so far, one line each: "create-container demo-web-1". The second form forgets them, too. Given: free(). */
char *record_log(struct record_engine *engine);
char *record_take_log(struct record_engine *engine);

/* Everything that exists, one line each in sorted order, without ids and times: equal texts mean equal
 * ends. Given: free(). */
char *record_describe(struct record_engine *engine);

/* For tests that change the state behind the planner's back; NULL when there is no such container. Not while
 * a plan runs. */
struct observed_container *record_container(struct record_engine *engine, const char *name);
struct observed_network *record_network(struct record_engine *engine, const char *name);

/* The container's program has ended, but what it had is not taken down yet: it has its networks in use
 * until it is removed. */
void record_end_lingering(struct record_engine *engine, const char *name);
