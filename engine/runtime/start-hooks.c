/* Hooks while a container is created and started: some run in the parent, which the child waits
 * for, some in the child. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "engine/runtime/container.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"

static bool has_parent_hooks(const struct runtime_spec *spec)
{
    return spec->hooks[HOOK_PRESTART].count + spec->hooks[HOOK_CREATE_RUNTIME].count > 0;
}

/* In the child; the error's text goes along, as no table knows it. */
static void run_here(const struct start_process *process, enum hook_point point, const char *status)
{
    const struct hook_state state = {
        .id = process->id,
        .bundle = process->bundle,
        .status = status,
        .pid = getpid(),
        /* Those in the container have what its program has. */
        .env = point == HOOK_START_CONTAINER ? process->env : NULL,
    };
    struct start_message message = {
        .kind = START_FAILED, .stage = STAGE_HOOK, .code = ECANCELED, .index = (uint32_t)point
    };
    struct strbuf text = STRBUF_INIT(sizeof(message.detail) - 1);
    struct error *error = NULL;

    if (!process->hook_spec || hooks_run(process->hook_spec, point, &state, &error) >= 0)
        return;
    error_format(error, &text);
    snprintf(message.detail, sizeof(message.detail), "%s", text.data);
    (void)!write(process->sync_fd, &message, sizeof(message));
    _exit(127);
}

void start_run_create_hooks(struct start *start, int root_fd)
{
    struct start_message message = { .kind = START_HOOKS };

    if (has_parent_hooks(start->spec)) {
        if (write(start->process.sync_fd, &message, sizeof(message)) != sizeof(message))
            _exit(127);
        start_wait_for_go(start->process.sync_fd);
    }
    /* They are found by the runtime's paths, and work on the container's root. */
    if (start->spec->hooks[HOOK_CREATE_CONTAINER].count == 0)
        return;
    if (fchdir(root_fd) < 0)
        start_fail(start->process.sync_fd, STAGE_ROOTFS, 0);
    run_here(&start->process, HOOK_CREATE_CONTAINER, "creating");
}

void start_run_start_hooks(const struct start_process *process)
{
    run_here(process, HOOK_START_CONTAINER, "created");
}

int start_serve_hooks(
        const struct start *start, const struct container_process *process, struct error **err)
{
    const struct hook_state state = {
        .id = start->options->id,
        .bundle = start->options->bundle,
        .status = "creating",
        .pid = process->pid,
    };
    struct start_message go = { .kind = START_GO };
    int exit_code;

    if (!has_parent_hooks(start->spec))
        return 0;
    int r = start_receive(process->sync_fd, START_HOOKS, NULL, start, &exit_code, err);
    if (r >= 0)
        r = hooks_run(start->spec, HOOK_PRESTART, &state, err);
    if (r >= 0)
        r = hooks_run(start->spec, HOOK_CREATE_RUNTIME, &state, err);
    if (r >= 0 && send(process->sync_fd, &go, sizeof(go), MSG_NOSIGNAL) < 0)
        r = error_set(
                err, errno, NULL, "the process of the container ended while it was being set up");
    return r;
}
