/* What the files of the recording engine share: its state, and what each call begins and ends with. */
#pragma once

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "compose/backend-record.h"
#include "compose/state.h"

struct fake_container {
    struct observed_container seen;
    struct strings
            joins; /* ids of containers whose namespaces it shares; the first one's must run */
    const char *replaces;
    bool lingers; /* uses its networks whatever its status says */
};

struct failure {
    const char *operation, *name;
    int code;
};

struct record_engine {
    pthread_mutex_t lock;
    pthread_cond_t woken;
    struct arena arena;
    struct {
        struct fake_container **items;
        size_t len, cap;
    } containers;
    struct {
        struct observed_network *items;
        size_t len, cap;
    } networks;
    struct {
        struct observed_volume *items;
        size_t len, cap;
    } volumes;
    struct observed_project project;
    struct strmap images, offers; /* reference -> id */
    struct strmap behaviours;     /* service -> record_behaviour */
    struct {
        struct failure *items;
        size_t len, cap;
    } failures;
    struct strbuf log;
    size_t calls_left;
    uint64_t serial;
};

struct fake {
    struct backend base;
    struct record_engine *engine;
};

struct record_engine *record_engine_of(struct backend *backend);
const char *record_new_id(struct record_engine *engine);

/* Locks, writes the call down and says whether it fails. The lock is held afterwards in any case. */
int record_begin(
        struct record_engine *engine, const char *operation, const char *name, struct error **err);

/* Unlocks; `r`. */
int record_end(struct record_engine *engine, int r);

/* NULL: there is none. Borrowed; the lock is held. */
struct fake_container *record_find_container(struct record_engine *engine, const char *id);
struct fake_container *record_find_container_name(struct record_engine *engine, const char *name);
struct observed_network *record_find_network(struct record_engine *engine, const char *name);
struct observed_volume *record_find_volume(struct record_engine *engine, const char *name);

size_t record_count_volume_users(struct record_engine *engine, const char *volume);
void record_drop_volume(struct record_engine *engine, struct observed_volume *volume);
void record_copy_labels(struct record_engine *engine, struct strmap *to, const struct strmap *from);

/* backend-record-containers.c: the functions of the table that concern containers. */
int record_container_create(struct backend *backend, const struct backend_container_spec *spec,
        const struct backend_call *call, char **ret_id, struct error **err);
int record_container_start(struct backend *backend, const char *id, const struct backend_call *call,
        struct error **err);
int record_container_stop(struct backend *backend, const char *id, int64_t timeout_usec,
        const struct backend_call *call, struct error **err);
int record_container_restart(struct backend *backend, const char *id, int64_t timeout_usec,
        const struct backend_call *call, struct error **err);
int record_container_kill(struct backend *backend, const char *id, int signo,
        const struct backend_call *call, struct error **err);
int record_container_pause(struct backend *backend, const char *id, const struct backend_call *call,
        struct error **err);
int record_container_unpause(struct backend *backend, const char *id,
        const struct backend_call *call, struct error **err);
int record_container_remove(struct backend *backend, const char *id, bool force, bool volumes,
        const struct backend_call *call, struct error **err);
int record_container_rename(struct backend *backend, const char *id, const char *name,
        const struct backend_call *call, struct error **err);
int record_container_wait(struct backend *backend, const char *id,
        enum backend_wait_condition condition, int64_t timeout_usec,
        const struct backend_call *call, struct backend_wait_result *ret, struct error **err);
int record_container_exec(struct backend *backend, const char *id, const struct hook *hook,
        const struct backend_call *call, struct error **err);
