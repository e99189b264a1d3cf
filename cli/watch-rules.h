/* The rules of develop.watch, ready to be asked: which of them a changed path meets, and what a batch of changes
 * comes to. Reads .dockerignore once; everything else is decided from texts.
 *
 * A rule never sees what its service's .dockerignore and its own `ignore` cover, files that editors make for
 * themselves, and .git; with `include` it sees nothing else. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/array.h"
#include "engine/build/ignore.h"
#include "engine/container/files.h"

struct arena;
struct diag;
struct error;
struct hook;
struct project;
struct service;
struct strmap;
struct watch_rule;

struct watched {
    const struct service *service;
    const struct watch_rule *rule;
    const char *context; /* absolute; what context_ignore is relative to. NULL: none */
    struct ignore_list context_ignore;
    struct ignore_list ignore, include; /* relative to the rule's path */
};
struct watch_list {
    struct watched *items;
    size_t len, cap;
};

/* The rules of these services (empty: all). Notes on those that are left out go to `diag`. -ENOENT when there is none. */
int watch_list_build(struct arena *arena, const struct project *project,
        const struct strings *services, struct watch_list *ret, struct diag *diag,
        struct error **err);

/* `path` is absolute and cleaned. */
bool watched_meets(const struct watched *watched, const char *path);

/* True when no rule can meet anything below that directory. */
bool watch_list_skips(const struct watch_list *list, const char *directory);

struct watch_sync {
    const struct service *service;
    struct container_sync_item *items;
    size_t len, cap;
};
struct watch_exec {
    const struct service *service;
    const struct hook *hook;
};
struct watch_actions {
    struct strings rebuild, restart; /* names of services */
    struct {
        struct watch_sync *items;
        size_t len, cap;
    } syncs; /* one for each service */
    struct {
        struct watch_exec *items;
        size_t len, cap;
    } execs; /* one for each rule */
};

/* What is to be done about changed paths (keys). Lives in `arena` and borrows from the map and the list. */
void watch_actions_plan(struct arena *arena, const struct watch_list *list,
        const struct strmap *changed, struct watch_actions *ret);

/* The files that rules with initial_sync begin with, as actions with nothing but syncs. */
int watch_actions_initial(struct arena *arena, const struct watch_list *list,
        struct watch_actions *ret, struct error **err);
