/* Staying with pods that were played: for --wait, and as the main process of a service, which lasts as long as its pods do,
 * stops them when it is told to end, and says by its exit status whether containers have failed. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "cli/cli.h"
#include "cli/kube.h"
#include "cli/report.h"
#include "engine/container/pod.h"
#include "engine/monitor/notify.h"

/* As Podman's service ends, of which the container is killed then. */
#define EXIT_STATUS_FAILED_CONTAINERS 137
#define NOTIFY_TEXT_MAX 128
#define STOP_MARGIN_SEC 20

const char *const kube_propagation_names[KUBE_PROPAGATE_MAX_] = {
    [KUBE_PROPAGATE_NONE] = "none",
    [KUBE_PROPAGATE_ANY] = "any",
    [KUBE_PROPAGATE_ALL] = "all",
};

void kube_tell_manager(struct cli *cli, const char *text)
{
    const char *socket = cli_env(cli, "NOTIFY_SOCKET");

    if (socket)
        (void)notify_send(socket, text, strlen(text));
}

/* The longest time that a stop may take before everything is killed. */
static int64_t stop_time_sec(const struct kube_plan *plan)
{
    int64_t longest = CONTAINER_STOP_TIMEOUT_DEFAULT_SEC;

    ARRAY_FOREACH(&plan->pods, pod)
        ARRAY_FOREACH(&pod->containers, container)
            if (container->stop_timeout_sec.value > longest)
                longest = container->stop_timeout_sec.value;
    return longest + STOP_MARGIN_SEC;
}

int kube_wait(struct cli *cli, const struct kube_made *made, struct error **err)
{
    struct engine *engine = cli_engine(cli, err);
    int r = engine ? 0 : -EPERM, exit_code;

    /* The infra container ends with the last of the others. */
    for (size_t i = 0; i < made->pods.len && r >= 0; i++) {
        auto_error struct error *failure = NULL;

        r = container_wait(engine, made->pods.items[i].infra_id, CONTAINER_WAIT_NOT_RUNNING,
                TIMEOUT_NEVER, &exit_code, &failure);
        if (r == -ENOENT) /* removed meanwhile */
            r = 0;
        if (r < 0)
            error_move(err, TAKE(failure));
    }
    return r;
}

static int stop_all(struct cli *cli, const struct kube_made *made, const struct kube_plan *plan)
{
    auto_error struct error *err = NULL;
    struct engine *engine = cli_engine(cli, &err);
    char text[NOTIFY_TEXT_MAX];
    int status = engine ? 0 : report_error(cli, err);

    snprintf(text, sizeof(text), "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld",
            (long long)(stop_time_sec(plan) * USEC_PER_SEC));
    kube_tell_manager(cli, text);
    for (size_t i = 0; engine && i < made->pods.len; i++) {
        auto_error struct error *failure = NULL;
        int r = pod_stop(engine, made->pods.items[i].id, CONTAINER_STOP_TIMEOUT_UNSET, &failure);

        if (r < 0 && r != -ENOENT)
            status = report_error(cli, failure);
    }
    return status;
}

/* Containers whose last end was a bad one. */
static int exit_status(
        struct cli *cli, const struct kube_made *made, enum kube_propagation propagation)
{
    struct engine *engine = cli_engine(cli, NULL);
    size_t failed = 0, count = 0;

    ARRAY_FOREACH(&made->pods, pod)
        ARRAY_FOREACH(&pod->containers, id) {
            struct container *c = NULL;

            count++;
            if (engine && container_lookup(engine, &cli->arena, *id, &c, NULL) >= 0 && c)
                failed += c->state.exit_code != 0;
        }
    bool has_failed = (propagation == KUBE_PROPAGATE_ANY && failed > 0) ||
                      (propagation == KUBE_PROPAGATE_ALL && failed == count && count > 0);
    return has_failed ? EXIT_STATUS_FAILED_CONTAINERS : 0;
}

int kube_stay(struct cli *cli, const struct kube_made *made, const struct kube_plan *plan,
        enum kube_propagation propagation)
{
    auto_error struct error *err = NULL;

    kube_tell_manager(cli, "READY=1\nSTATUS=pods are running");
    int r = kube_wait(cli, made, &err);
    if (atomic_load(&cli->interrupted)) {
        cli_interrupt_reset(cli);
        return stop_all(cli, made, plan);
    }
    return r < 0 ? report_error(cli, err) : exit_status(cli, made, propagation);
}
