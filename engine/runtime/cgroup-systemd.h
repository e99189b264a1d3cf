/* Control groups that systemd keeps (library berth-cgroup-systemd: libsystemd is opened on first
 * use). A container's group is a transient scope, delegated to us: systemd makes it below a slice
 * and knows the limits that it would otherwise take away again, and everything else is written by
 * cgroup.h as in groups of our own.
 *
 * A scope needs a process from the beginning, and the container's does not exist yet: a placeholder
 * is in there until it has entered. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct arena;
struct error;
struct runtime_spec;

struct systemd_scope {
    const char *path; /* of the group, as systemd says it; in the arena */
    pid_t pid;        /* placeholder, owned; 0: gone */
    int pidfd;
};

#define SYSTEMD_SCOPE_INIT \
    {                      \
        .pidfd = -EBADF    \
    }

/* "SLICE:PREFIX:NAME" of linux.cgroupsPath as the names of slice and scope; without a path (NULL) those
 * of `id`. In the arena. */
int systemd_scope_parse(struct arena *arena, const char *cgroups_path, const char *id, bool user,
        const char **ret_slice, const char **ret_unit, struct error **err);

/* Makes the scope that spec->cgroup_units (or `id`) names, with the limits of the specification and
 * the properties of its annotations "org.systemd.property.NAME". The process must have one thread.
 * `user` talks to the user's own manager. */
int systemd_scope_create(struct arena *arena, const struct runtime_spec *spec, const char *id,
        bool user, struct systemd_scope *ret, struct error **err);

/* Ends the placeholder; the scope lives on as long as something is in it. */
void systemd_scope_release(struct systemd_scope *scope);
