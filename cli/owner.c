#include "cli/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/compose.h"
#include "cli/enabled.h"
#include "cli/report.h"
#include "compose/enabled.h"
#include "compose/plan.h"
#include "compose/project.h"
#include "engine/container/container.h"
#include "quadlet/project-names.h"
#include "quadlet/project-read.h"
#include "units/bus/bus.h"

#define STOPPED_MAX_BYTES (1u << 20)

/* What is enabled under the name, with every profile; NULL: nothing that could be used. */
static struct enabled *load(struct compose *compose)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    struct enabled *enabled = NULL;
    const char *path = enabled_path(compose->cli, compose->name);

    if (access(path, F_OK) < 0)
        return NULL;
    return enabled_load(&compose->arena, path, ENABLED_ALL, &enabled, &diag, NULL) < 0 ? NULL
                                                                                       : enabled;
}

static bool is_of_here(const struct compose *compose, const struct enabled *enabled)
{
    return !compose->project || strcmp(enabled->directory, compose->project->working_dir) == 0;
}

void owner_find(struct compose *compose)
{
    const struct enabled *enabled = compose->is_unit || !enabled_systemd_runs() ? NULL
                                                                                : load(compose);
    struct owner *owner;

    if (!enabled || !is_of_here(compose, enabled))
        return;
    owner = ARENA_NEW(&compose->arena, struct owner);
    *owner = (struct owner){ .project = enabled->project, .profiles = &enabled->profiles };
    compose->owner = owner;
}

const struct service *owner_service_of(const struct owner *owner, const struct container *container)
{
    const struct container_config *config = &container->config;
    const struct service *service = config->service && !config->oneoff
                                            ? project_find_service(owner->project, config->service)
                                            : NULL;

    return service && config->number >= 1 && config->number <= service_replicas(service) ? service
                                                                                         : NULL;
}

const char *owner_name(
        struct arena *arena, const struct owner *owner, const struct container *container)
{
    const char *unit = container_owner(container);
    const struct service *service = owner && !unit && !container_is_running(container)
                                            ? owner_service_of(owner, container)
                                            : NULL;

    if (service)
        unit = project_container_unit_name(
                arena, owner->project, service, (unsigned)container->config.number);
    return unit ? unit : "berth";
}

/* ------------------------------------------------------------------ before a plan */

static int check_directory(struct compose *compose)
{
    auto_error struct error *err = NULL;
    const struct enabled *enabled = compose->is_unit ? NULL : load(compose);

    if (!enabled)
        return 0;
    if (is_of_here(compose, enabled)) {
        report_note(compose->cli,
                "project \"%s\" is enabled, but systemd does not run here: its containers are berth's own "
                "until the next boot with it",
                compose->name);
        return 0;
    }
    if (compose->options->adopt)
        return 0;
    error_set_plain(&err, EEXIST, NULL, "project \"%s\" is enabled for %s, and this is %s",
            compose->name, enabled->directory, compose->project->working_dir);
    error_hint(
            &err, "choose another name with -p, or enable this one: berth compose enable --adopt");
    return report_error(compose->cli, err);
}

static bool makes_services(const struct plan *plan)
{
    if (strcmp(plan->command, "up") == 0)
        return true;
    for (size_t i = 0; i < plan->steps.len; i++) {
        const struct plan_step *step = plan->steps.items[i];

        if (step->action == PLAN_CREATE_CONTAINER && !step->container->oneoff)
            return true;
    }
    return false;
}

/* Lets systemd see what has changed in what is enabled. */
static int reload(struct compose *compose)
{
    auto_(bus_close_p) struct bus *bus = NULL;
    auto_error struct error *err = NULL;
    int r = bus_open(enabled_bus_scope(), &bus, &err);

    if (r >= 0)
        r = bus_reload(bus, &err);
    return r < 0 ? report_error(compose->cli, err) : 0;
}

int owner_prepare(struct compose *compose, const struct plan *plan)
{
    bool changed = false;
    int status;

    if (!compose->owner)
        return check_directory(compose);
    if (!compose->project || !makes_services(plan))
        return 0;
    status = enabled_write(compose, compose->owner->profiles, &changed);
    if (status || !changed)
        return status;
    report_note(
            compose->cli, "project \"%s\" was enabled anew, as its files are now", compose->name);
    const struct enabled *enabled = load(compose);
    if (enabled)
        compose->owner->project = enabled->project;
    return reload(compose);
}

/* ------------------------------------------------------------------ marks */

static int write_marks(struct compose *compose, const struct strmap *stopped, struct error **err)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(STOPPED_MAX_BYTES);
    const char *path = project_stopped_path(
            &compose->arena, enabled_path(compose->cli, compose->name));

    if (stopped->len == 0)
        return fs_remove_file(AT_FDCWD, path, err);
    STRMAP_FOREACH(stopped, entry)
        strbuf_addf(&text, "%s\n", entry->key);
    return fs_replace_file(AT_FDCWD, path, text.data, text.len, 0600, FS_SYNC, err);
}

int owner_mark(struct compose *compose, const struct strings *services, bool stopped)
{
    auto_error struct error *err = NULL;
    struct strings names = *services;
    struct strmap marks;
    bool changed = false;

    if (!compose->owner)
        return 0;
    if (names.len == 0)
        ARRAY_FOREACH(&compose->owner->project->services, service)
            *ARRAY_APPEND_ARENA(&compose->arena, &names) = (char *)service->name;
    strmap_init_arena(&marks, &compose->arena);
    project_read_stopped(&compose->arena, enabled_path(compose->cli, compose->name), &marks);
    ARRAY_FOREACH(&names, name) {
        if (strmap_has(&marks, *name) == stopped ||
                (stopped && !project_find_service(compose->owner->project, *name)))
            continue;
        changed = true;
        if (stopped)
            (void)strmap_set(&marks, *name, compose);
        else
            (void)strmap_remove(&marks, *name);
    }
    if (!changed)
        return 0;
    if (write_marks(compose, &marks, &err) < 0)
        return report_error(compose->cli, err);
    return reload(compose);
}

struct strings owner_services_of_plan(struct compose *compose, const struct plan *plan)
{
    struct strings names = { 0 };

    for (size_t i = 0; i < plan->steps.len; i++)
        if (plan->steps.items[i]->service)
            *ARRAY_APPEND_ARENA(&compose->arena, &names) = (char *)plan->steps.items[i]->service;
    for (size_t i = 0; i < plan->kept.len; i++)
        *ARRAY_APPEND_ARENA(
                &compose->arena, &names) = (char *)plan->kept.items[i].container->service;
    return names;
}

/* ------------------------------------------------------------------ the whole */

static int with_target(struct compose *compose, enum bus_verb verb)
{
    auto_(bus_close_p) struct bus *bus = NULL;
    auto_error struct error *err = NULL;

    if (!compose->owner)
        return 0;
    struct bus_job job = { .unit = project_target_name(&compose->arena, compose->owner->project) };
    int r = bus_open(enabled_bus_scope(), &bus, &err);
    if (r >= 0)
        r = bus_run_jobs(bus, verb, &job, 1, TIMEOUT_NEVER, &err);
    return r < 0 ? report_error(compose->cli, err) : 0;
}

int owner_start_target(struct compose *compose)
{
    return with_target(compose, BUS_START);
}

int owner_stop_target(struct compose *compose)
{
    return with_target(compose, BUS_STOP);
}

uint64_t owner_next_run_usec(struct compose *compose, const struct service *service)
{
    auto_(bus_close_p) struct bus *bus = NULL;
    struct bus_unit timer = { 0 };

    if (!compose->owner || bus_open(enabled_bus_scope(), &bus, NULL) < 0)
        return 0;
    (void)bus_get_unit(bus, &compose->arena,
            project_timer_name(&compose->arena, compose->owner->project, service), &timer, NULL);
    return timer.next_usec;
}
