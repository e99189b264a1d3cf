/* Hooks of an OCI configuration: programs that run at points of a container's life with its state
 * on standard input. Which points are in the container's life is for its callers; this module runs
 * the list of one point, in order, each to its end, and stops at the first that fails. Where the
 * specification wants a warning and the remaining hooks, callers go through the list themselves.
 *
 *     struct hook_state state = { .id = id, .bundle = bundle, .status = "creating", .pid = pid };
 *     r = hooks_run(spec, HOOK_PRESTART, &state, err);
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct error;
struct runtime_spec;

enum hook_point {
    HOOK_PRESTART,         /* runtime's namespaces, before the root is changed; deprecated */
    HOOK_CREATE_RUNTIME,   /* the same, after it */
    HOOK_CREATE_CONTAINER, /* container's namespaces, the runtime's files */
    HOOK_START_CONTAINER,  /* container's namespaces and files, before its program */
    HOOK_POSTSTART,        /* runtime's namespaces, after its program was started */
    HOOK_POSTSTOP,         /* runtime's namespaces, after the container was deleted */
    HOOK_MAX_,
    HOOK_INVALID = -22,
};
extern const char *const hook_point_names[HOOK_MAX_]; /* as the configuration calls them */

struct runtime_hook {
    const char *path;    /* absolute */
    char **args;         /* NULL-terminated, at least the name of the program */
    char **env;          /* NULL-terminated: all that there is */
    int64_t timeout_sec; /* 0: none */
};

struct runtime_hooks {
    struct runtime_hook *items;
    size_t count;
};

struct hook_state {
    const char *id, *bundle;
    const char *status; /* "creating", "created", "running", "stopped" */
    pid_t pid;          /* 0: none any more */
    char *const *env;   /* of hooks that name none, NULL-terminated; NULL: our own */
};

/* The OCI state object, as `state` prints it and hooks get it. Given: free(). */
char *hook_state_format(const struct runtime_spec *spec, const struct hook_state *state);

/* Runs the hooks of `point`; none is fine. The error names the hook, how it ended and the end of
 * what it said. May be called between clone and exec of a process with one thread. */
int hooks_run(const struct runtime_spec *spec, enum hook_point point,
        const struct hook_state *state, struct error **err);

/* The same for one hook of the point. */
int hooks_run_one(const struct runtime_spec *spec, enum hook_point point, size_t index,
        const struct hook_state *state, struct error **err);
