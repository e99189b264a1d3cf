#include "engine/runtime/hooks.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/json/json.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/runtime/spec.h"

#define SAID_MAX 1024 /* of a failed hook's output */
#define ENDED_MAX 64
#define PROC_SIGNAL_BASE 128 /* what proc_wait adds to the number of a signal */

const char *const hook_point_names[HOOK_MAX_] = {
    [HOOK_PRESTART] = "prestart",
    [HOOK_CREATE_RUNTIME] = "createRuntime",
    [HOOK_CREATE_CONTAINER] = "createContainer",
    [HOOK_START_CONTAINER] = "startContainer",
    [HOOK_POSTSTART] = "poststart",
    [HOOK_POSTSTOP] = "poststop",
};

char *hook_state_format(const struct runtime_spec *spec, const struct hook_state *state)
{
    auto_json json_t *json = json_pack("{s:s, s:o, s:s, s:o}", "ociVersion", spec->oci_version,
            "id", jsonx_text(state->id ? state->id : ""), "status", state->status, "bundle",
            jsonx_text(state->bundle ? state->bundle : ""));
    json_t *annotations = json_object();

    if (state->pid > 0)
        json_object_set_new(json, "pid", json_integer(state->pid));
    for (size_t i = 0; i < spec->annotation_count; i++)
        json_object_set_new(
                annotations, spec->annotations[i].key, jsonx_text(spec->annotations[i].value));
    if (json_object_size(annotations) > 0)
        json_object_set(json, "annotations", annotations);
    json_decref(annotations);
    return jsonx_dump(json);
}

/* A file in memory at its beginning: unlike a pipe it takes any amount, read or not. */
static int memory_file(const char *text)
{
    auto_close int fd = memfd_create("hook", MFD_CLOEXEC);
    size_t len = strlen(text);

    if (fd < 0)
        return -errno;
    if (write(fd, text, len) != (ssize_t)len || lseek(fd, 0, SEEK_SET) < 0)
        return errno ? -errno : -EIO;
    return TAKE_FD(fd);
}

/* The end of the output, on one line. */
static void read_said(int fd, char *said, size_t size)
{
    off_t end = lseek(fd, 0, SEEK_END);
    off_t from = end > (off_t)size - 1 ? end - (off_t)size + 1 : 0;
    ssize_t len = pread(fd, said, size - 1, from);

    len = len < 0 ? 0 : len;
    while (len > 0 && said[len - 1] == '\n')
        len--;
    for (ssize_t i = 0; i < len; i++) {
        if ((unsigned char)said[i] < ' ')
            said[i] = ' ';
    }
    said[len] = 0;
}

/* `status` as proc_wait gives it. Signals are named in lower case, as other runtimes do. */
static void describe_end(int status, char text[static ENDED_MAX])
{
    const char *name = status > PROC_SIGNAL_BASE ? sigdescr_np(status - PROC_SIGNAL_BASE) : NULL;

    if (name)
        snprintf(text, ENDED_MAX, "signal: %c%s", tolower((unsigned char)*name), name + 1);
    else
        snprintf(text, ENDED_MAX, "exit status %d", status);
}

/* The status as proc_wait gives it, -ETIMEDOUT after having killed it, or -errno. */
static int run_one(const struct runtime_hook *hook, char *const *env, int state_fd, int output_fd,
        struct error **err)
{
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    auto_close int pidfd = -EBADF;
    pid_t pid = 0;

    spawn.path = hook->path;
    spawn.argv = hook->args;
    spawn.envp = hook->env && *hook->env ? hook->env : env;
    spawn.stdin_fd = state_fd;
    spawn.stdout_fd = spawn.stderr_fd = output_fd;
    spawn.new_session = true;
    int r = proc_spawn(&spawn, &pid, &pidfd, err);
    if (r < 0)
        return r;
    if (hook->timeout_sec > 0) {
        r = proc_wait_pidfd(pidfd, time_monotonic_usec() + hook->timeout_sec * USEC_PER_SEC);
        if (r == 0) {
            /* It leads a session and with it a group: its children go, too. */
            (void)kill(-pid, SIGKILL);
            (void)proc_kill_pidfd(pidfd, SIGKILL);
            (void)proc_wait(pid);
            return error_set_plain(err, ETIMEDOUT, NULL, "it did not end within %lld seconds",
                    (long long)hook->timeout_sec);
        }
    }
    return proc_wait(pid);
}

int hooks_run_one(const struct runtime_spec *spec, enum hook_point point, size_t index,
        const struct hook_state *state, struct error **err)
{
    const struct runtime_hook *hook = &spec->hooks[point].items[index];
    auto_free char *text = hook_state_format(spec, state);
    auto_close int state_fd = memory_file(text);
    auto_close int output_fd = memory_file("");
    char said[SAID_MAX];

    if (state_fd < 0 || output_fd < 0)
        return error_set(err, state_fd < 0 ? -state_fd : -output_fd, NULL,
                "cannot hand the container's state to a hook");
    int r = run_one(hook, state->env ? state->env : environ, state_fd, output_fd, err);
    if (r < 0)
        return error_wrap(err, r, "error running %s hook #%zu: \"%s\"", hook_point_names[point],
                index, hook->path);
    if (r > 0) {
        char ended[ENDED_MAX];

        read_said(output_fd, said, sizeof(said));
        describe_end(r, ended);
        return error_set_plain(err, ECANCELED, NULL, "error running %s hook #%zu: \"%s\": %s%s%s",
                hook_point_names[point], index, hook->path, ended, *said ? ": " : "", said);
    }
    return 0;
}

int hooks_run(const struct runtime_spec *spec, enum hook_point point,
        const struct hook_state *state, struct error **err)
{
    for (size_t i = 0; i < spec->hooks[point].count; i++) {
        int r = hooks_run_one(spec, point, i, state, err);

        if (r < 0)
            return r;
    }
    return 0;
}
