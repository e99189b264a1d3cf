/* Seccomp's user notifications: the descriptor on which the kernel reports calls goes from the
 * container's process, right after it has loaded its filter, through the parent to the agent that
 * the configuration names (OCI config-linux, "The Container Process State"). */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/json/json.h"
#include "engine/runtime/hooks.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"

void start_hand_over_listener(const struct start_process *process, int listener_fd)
{
    struct start_message message = { .kind = START_LISTENER };

    if (fd_send(process->sync_fd, &message, sizeof(message), &listener_fd, 1) < 0)
        _exit(127);
    close(listener_fd);
    start_wait_for_go(process->sync_fd);
}

static char *process_state(const struct start *start)
{
    auto_free char *text = hook_state_format(start->spec, &start->told);
    json_t *state = json_loads(text, 0, NULL);
    auto_json json_t *json = json_pack("{s:s, s:[s], s:i, s:o?}", "ociVersion",
            start->spec->oci_version, "fds", "seccompFd", "pid", (int)start->told.pid, "state",
            state);

    if (start->spec->seccomp_metadata)
        json_object_set_new(json, "metadata", jsonx_text(start->spec->seccomp_metadata));
    return jsonx_dump(json);
}

int start_forward_listener(const struct start *start, int listener_fd, struct error **err)
{
    const char *path = start->spec->seccomp_listener;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (!path || strlen(path) >= sizeof(address.sun_path))
        return error_set_plain(err, ENAMETOOLONG, NULL,
                "seccomp: the path of the listener is missing or too long");
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return error_set(
                err, errno, NULL, "seccomp: failed to connect with seccomp agent \"%s\"", path);
    auto_free char *state = process_state(start);
    ssize_t r = fd_send(fd, state, strlen(state), &listener_fd, 1);
    if (r < 0)
        return error_set(err, (int)-r, NULL, "seccomp: cannot send to the listener \"%s\"", path);
    return 0;
}
