#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/path.h"
#include "base/str.h"
#include "engine/container/container-internal.h"
#include "engine/container/container.h"
#include "engine/runtime/cgroup.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

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

const char *container_owner(const struct container *container)
{
    const struct container_config *config = &container->config;

    if (config->unit)
        return config->unit;
    return config->monitor_in_parent && config->cgroup_parent ? path_last(config->cgroup_parent)
                                                              : NULL;
}

/* A service's output is in the journal unless its container says otherwise; "null" takes away what an earlier service
 * chose, NULL leaves the log as it is. As a patch of the configuration. */
static const char *log_patch(const struct container *c, const struct container_service *service)
{
    bool is_chosen = !string_is_empty(c->config.log_driver) && !c->config.unit_log;

    if (is_chosen)
        return NULL;
    if (service && service->writes_journal && access(JOURNAL_SOCKET, F_OK) == 0)
        return "{\"log_driver\":\"journald\",\"log_options\":{\"tag\":\"{{.Name}}\"},\"unit_log\":true}";
    return c->config.unit_log ? "{\"log_driver\":null,\"log_options\":null,\"unit_log\":null}"
                              : NULL;
}

int container_set_service(struct engine *engine, const char *reference,
        const struct container_service *service, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    const char *parent = service ? service->cgroup_parent : NULL;
    struct container *c = NULL;
    int r = container_get(engine, &arena, reference, &c, err);

    if (r < 0)
        return r;
    const char *log = log_patch(c, service);
    /* A null in the patch takes the member away (RFC 7396). */
    r = db_exec(engine->db, err,
            "UPDATE containers SET config = json_patch(json_patch(config, json_object('notify', ?, 'unit', ?,"
            " 'cgroup_parent', ?, 'monitor_in_parent', json(?))), ?) WHERE id = ? AND status <> 'running'",
            "tttttt", service ? service->notify : NULL, service ? service->unit : NULL, parent,
            parent ? "true" : "null", log ? log : "{}", c->id);
    if (r == 0)
        return error_set_plain(err, EBUSY, NULL, "container %s is running", reference);
    return r < 0 ? r : 0;
}
