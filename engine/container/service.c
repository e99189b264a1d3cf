#include <errno.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "engine/container/container.h"
#include "engine/runtime/cgroup.h"

int container_enter_service_cgroup(struct arena *arena, const char **ret_parent, struct error **err)
{
    static const char below[] = "/" CONTAINER_SUPERVISOR_CGROUP;
    char path[CGROUP_PATH_MAX];
    int r = cgroup_read_own_path(path, sizeof(path), err);

    if (r < 0)
        return r;
    /* A second command of the same service. */
    if (string_has_suffix(path, below))
        path[strlen(path) - strlen(below)] = '\0';
    if (strcmp(path, "/") == 0 || path[0] == '\0') {
        r = error_set_plain(err, EINVAL, NULL,
                "the control group cannot be split: this process has none of its own");
        error_hint(err, "start it from a systemd service with Delegate=yes");
        return r;
    }
    r = cgroup_enter_path(arena_printf(arena, "%s%s", path, below), err);
    if (r >= 0)
        *ret_parent = arena_strdup(arena, path);
    return r;
}
