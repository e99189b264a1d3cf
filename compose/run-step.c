#include "compose/run-step.h"

#include <assert.h>
#include <errno.h>

#include "base/error.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "compose/plan.h"
#include "compose/project.h"

#define SUBJECT_MAX_BYTES 4096

/* --------------------------------------------------------------------- hooks */

static int run_hooks(struct backend *backend, const struct hooks *hooks, const char *id,
        const char *kind, const struct backend_call *call, struct error **err)
{
    ARRAY_FOREACH(hooks, hook) {
        int r = -EOPNOTSUPP;

        if (backend->ops->container_exec)
            r = backend->ops->container_exec(backend, id, hook, call, err);
        else
            error_set_plain(err, EOPNOTSUPP, &hook->at, "this engine has no hooks");
        if (r < 0)
            return error_wrap(err, r, "%s hook failed", kind);
    }
    return 0;
}

/* A hook that fails does not keep a container from being stopped. */
static int run_pre_stop(struct backend *backend, const struct service *service, const char *id,
        const struct backend_call *call, struct error **ret_warning, struct error **err)
{
    struct error *failure = NULL;

    if (!service || service->pre_stop.len == 0)
        return 0;
    int r = run_hooks(backend, &service->pre_stop, id, "pre_stop", call, &failure);
    if (r >= 0)
        return 0;
    if (r == -ECANCELED)
        return error_move(err, failure);
    error_move(ret_warning, failure);
    return 0;
}

static int start_container(struct backend *backend, const struct service *service, const char *id,
        const struct backend_call *call, struct error **err)
{
    int r = backend->ops->container_start(backend, id, call, err);

    if (r < 0 || !service)
        return r;
    return run_hooks(backend, &service->post_start, id, "post_start", call, err);
}

static int restart_container(struct backend *backend, const struct plan_step *step, const char *id,
        const struct backend_call *call, struct error **ret_warning, struct error **err)
{
    const struct service *service = step->stop.service;
    int r = run_pre_stop(backend, service, id, call, ret_warning, err);

    if (r >= 0)
        r = backend->ops->container_restart(backend, id, step->stop.timeout_usec, call, err);
    if (r >= 0 && service)
        r = run_hooks(backend, &service->post_start, id, "post_start", call, err);
    return r;
}

/* ---------------------------------------------------------------------- waits */

static void add_wait_subject(const struct plan_step *step, struct strbuf *text)
{
    const struct strings *dependents = &step->wait.dependents;

    if (dependents->len == 0) {
        strbuf_addf(text, "container %s", step->name);
        return;
    }
    strbuf_addf(text, "dependency \"%s\" of ", step->service);
    for (size_t i = 0; i < dependents->len; i++)
        strbuf_addf(text, "%s\"%s\"", i ? ", " : "", dependents->items[i]);
}

static int unhealthy(const char *subject, const char *output, struct error **err)
{
    struct str text = str_trim(str_from(output ? output : ""));
    struct error *error = NULL;

    if (text.len > 0)
        error_set_plain(&error, EHOSTDOWN, NULL, "its last probe said: %.*s", STR_FMT(text));
    if (error)
        error_wrap(&error, EHOSTDOWN, "%s is unhealthy", subject);
    else
        error_set_plain(&error, EHOSTDOWN, NULL, "%s is unhealthy", subject);
    error_move(err, error);
    return -EHOSTDOWN;
}

static int judge_wait(
        const struct plan_step *step, const struct backend_wait_result *result, struct error **err)
{
    auto_(strbuf_release) struct strbuf subject = STRBUF_INIT(SUBJECT_MAX_BYTES);
    char duration[TIME_GO_DURATION_MAX];

    add_wait_subject(step, &subject);
    switch (result->outcome) {
    case BACKEND_WAIT_MET:
        if (step->wait.condition != BACKEND_WAIT_COMPLETED || result->exit_code == 0)
            return 0;
        return error_set_plain(err, EHOSTDOWN, NULL, "%s didn't complete successfully: exit %d",
                subject.data, result->exit_code);
    case BACKEND_WAIT_UNHEALTHY:
        return unhealthy(subject.data, result->output, err);
    case BACKEND_WAIT_EXITED:
        return error_set_plain(
                err, EHOSTDOWN, NULL, "%s exited (%d)", subject.data, result->exit_code);
    case BACKEND_WAIT_NO_HEALTHCHECK: {
        int r = error_set_plain(
                err, EINVAL, NULL, "%s has no healthcheck configured", subject.data);
        error_hint(err, "give it a healthcheck, or depend on it with condition: service_started");
        return r;
    }
    case BACKEND_WAIT_GONE:
        return error_set_plain(err, ENOENT, NULL, "%s was removed meanwhile", subject.data);
    case BACKEND_WAIT_TIMED_OUT:
        return error_set_plain(err, ETIMEDOUT, NULL, "%s was not ready within %s", subject.data,
                time_format_go_duration(step->wait.timeout_usec, duration));
    case BACKEND_WAIT_OUTCOME_MAX_:
        break;
    }
    assert(!"a wait has one of these outcomes");
    return -EINVAL;
}

static int wait_container(struct backend *backend, const struct plan_step *step, const char *id,
        const struct backend_call *call, struct error **err)
{
    struct backend_wait_result result = { 0 };
    int r = backend->ops->container_wait(
            backend, id, step->wait.condition, step->wait.timeout_usec, call, &result, err);

    if (r < 0)
        return r;
    auto_free char *output = result.output;
    return judge_wait(step, &result, err);
}

/* ------------------------------------------------------------------------ all */

/* A container that replaces another has a temporary name at first, which tells the user nothing. */
static const char *known_name(const struct plan_step *step)
{
    const char *blank = strchr(step->subject, ' ');

    return blank ? blank + 1 : step->name;
}

int run_step(struct backend *backend, struct run_step *run, struct error **err)
{
    const struct backend_ops *ops = backend->ops;
    const struct plan_step *step = run->step;
    const struct backend_call *call = run->call;
    const char *id = run->id;
    int r;

    switch (step->action) {
    case PLAN_PULL_IMAGE:
        return ops->image_pull(backend, step->pull, call, &run->ret_id, err);
    case PLAN_BUILD_IMAGE:
        if (!ops->image_build)
            return error_set_plain(err, EOPNOTSUPP, NULL, "this engine cannot build images");
        return ops->image_build(backend, step->build, call, &run->ret_id, err);
    case PLAN_PUSH_IMAGE:
        if (!ops->image_push)
            return error_set_plain(err, EOPNOTSUPP, NULL, "this engine cannot push images");
        return ops->image_push(backend, step->push, call, err);
    case PLAN_REMOVE_IMAGE:
        return ops->image_remove(backend, step->name, call, err);
    case PLAN_CREATE_NETWORK:
        return ops->network_create(backend, step->network, call, err);
    case PLAN_REMOVE_NETWORK:
        return ops->network_remove(backend, step->name, call, err);
    case PLAN_CREATE_VOLUME:
        return ops->volume_create(backend, step->volume, call, err);
    case PLAN_REMOVE_VOLUME:
        return ops->volume_remove(backend, step->name, call, err);
    case PLAN_CREATE_CONTAINER:
        r = ops->container_create(backend, step->container, call, &run->ret_id, err);
        return r < 0 ? error_wrap(err, r, "cannot create container %s", known_name(step)) : r;
    default:
        break;
    }

    assert(id);
    switch (step->action) {
    case PLAN_RENAME_CONTAINER:
        return ops->container_rename(backend, id, step->new_name, call, err);
    case PLAN_START_CONTAINER:
        r = start_container(backend, step->start, id, call, err);
        return r < 0 ? error_wrap(err, r, "cannot start container %s", step->name) : r;
    case PLAN_WAIT_CONTAINER:
        return wait_container(backend, step, id, call, err);
    case PLAN_STOP_CONTAINER:
        r = run_pre_stop(backend, step->stop.service, id, call, &run->ret_warning, err);
        return r < 0 ? r : ops->container_stop(backend, id, step->stop.timeout_usec, call, err);
    case PLAN_RESTART_CONTAINER:
        return restart_container(backend, step, id, call, &run->ret_warning, err);
    case PLAN_KILL_CONTAINER:
        return ops->container_kill(backend, id, step->signo, call, err);
    case PLAN_PAUSE_CONTAINER:
        return ops->container_pause(backend, id, call, err);
    case PLAN_UNPAUSE_CONTAINER:
        return ops->container_unpause(backend, id, call, err);
    case PLAN_REMOVE_CONTAINER:
        return ops->container_remove(
                backend, id, step->remove.force, step->remove.volumes, call, err);
    default:
        assert(!"every action is handled");
        return -EINVAL;
    }
}
