/* The parent's end of the protocol: what the child said, in words. */
#include <ctype.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/timefmt.h"
#include "engine/runtime/container.h"
#include "engine/runtime/spec.h"
#include "engine/runtime/start-internal.h"

#define SUBJECT_MAX 4352

enum subject {
    SUBJECT_NONE,
    SUBJECT_NAMESPACE,
    SUBJECT_MOUNT,
    SUBJECT_WHOLE_MOUNT,
    SUBJECT_DEVICE,
    SUBJECT_SYSCTL,
    SUBJECT_MASKED,
    SUBJECT_READONLY,
    SUBJECT_RLIMIT,
    SUBJECT_CWD,
    SUBJECT_USER,
    SUBJECT_GROUP,
    SUBJECT_GROUP_ADD,
    SUBJECT_HOOK,
    SUBJECT_ARGV
};

/* One row per stage: the words, what stands in for %s, and whether the errno's text explains it. */
static const struct {
    const char *text;
    enum subject subject;
    bool plain; /* the errno adds nothing */
} stages[STAGE_MAX_] = {
    [STAGE_PARENT_DIED] = { "the monitor has gone", SUBJECT_NONE, true },
    [STAGE_CGROUP] = { "cannot enter the container's control group", SUBJECT_NONE, false },
    [STAGE_NAMESPACE] = { "cannot enter the %s namespace", SUBJECT_NAMESPACE, false },
    [STAGE_TIME_OFFSET] = { "cannot set an offset of the time namespace", SUBJECT_NONE, false },
    [STAGE_CLONE] = { "cannot make the container's namespaces", SUBJECT_NONE, false },
    [STAGE_HOSTNAME] = { "cannot set the hostname", SUBJECT_NONE, false },
    [STAGE_LOOPBACK] = { "cannot bring up the loopback interface", SUBJECT_NONE, false },
    [STAGE_PROPAGATION] = { "cannot make the container's mounts private", SUBJECT_NONE, false },
    [STAGE_BIND_SOURCE] = { "cannot open the source of the mount of \"%s\"", SUBJECT_MOUNT, false },
    [STAGE_ROOTFS] = { "cannot mount the root file system", SUBJECT_NONE, false },
    [STAGE_MOUNT_POINT] = { "cannot make the mount point \"%s\" in the container", SUBJECT_MOUNT,
            false },
    [STAGE_MOUNT] = { "cannot mount %s in the container", SUBJECT_WHOLE_MOUNT, false },
    [STAGE_IDMAP] = { "cannot map the ids of the mount of \"%s\"", SUBJECT_MOUNT, false },
    [STAGE_MOUNT_PROC] = { "\"%s\" cannot be mounted because it is inside /proc", SUBJECT_MOUNT,
            true },
    [STAGE_MOUNT_NOT_PROC] = { "\"%s\" cannot be mounted because it is not of type proc",
            SUBJECT_MOUNT, true },
    [STAGE_MOUNT_LINK] = { "\"%s\" must be mounted on ordinary directory", SUBJECT_MOUNT, true },
    [STAGE_DEV] = { "cannot fill /dev", SUBJECT_NONE, false },
    [STAGE_DEVICE] = { "cannot make the device \"%s\"", SUBJECT_DEVICE, false },
    [STAGE_NULL_DEVICE] = { "the host's /dev/null is not the null device", SUBJECT_NONE, false },
    [STAGE_CONSOLE] = { "cannot open a terminal in the container", SUBJECT_NONE, false },
    [STAGE_SYSCTL] = { "cannot set the sysctl \"%s\"", SUBJECT_SYSCTL, false },
    [STAGE_MASK] = { "cannot mask \"%s\"", SUBJECT_MASKED, false },
    [STAGE_READONLY] = { "cannot make \"%s\" read-only", SUBJECT_READONLY, false },
    [STAGE_PIVOT] = { "cannot change into the container's root", SUBJECT_NONE, false },
    [STAGE_ROOT_FLAGS] = { "cannot set the flags of the container's root", SUBJECT_NONE, false },
    [STAGE_CWD_MAKE] = { "cannot make the working directory \"%s\"", SUBJECT_CWD, false },
    [STAGE_CWD] = { "cannot enter the working directory \"%s\"", SUBJECT_CWD, false },
    [STAGE_CWD_OUTSIDE] = { "the working directory \"%s\" is outside of the container", SUBJECT_CWD,
            true },
    [STAGE_RLIMIT] = { "error setting rlimit %s", SUBJECT_RLIMIT, false },
    [STAGE_SCHEDULER] = { "cannot set the scheduler", SUBJECT_NONE, false },
    [STAGE_IO_PRIORITY] = { "cannot set the I/O priority", SUBJECT_NONE, false },
    [STAGE_AFFINITY] = { "cannot set the CPU affinity", SUBJECT_NONE, false },
    [STAGE_MEMORY_POLICY] = { "cannot set the memory policy", SUBJECT_NONE, false },
    [STAGE_PERSONALITY] = { "cannot set the personality", SUBJECT_NONE, false },
    [STAGE_LABEL] = { "cannot set the label of the security module", SUBJECT_NONE, false },
    [STAGE_HOOK] = { "a %s hook failed", SUBJECT_HOOK, true },
    [STAGE_OOM_SCORE] = { "cannot set the oom score adj", SUBJECT_NONE, false },
    [STAGE_USER] = { "unable to find user %s: no matching entries in passwd file", SUBJECT_USER,
            true },
    [STAGE_GROUP] = { "unable to find group %s: no matching entries in group file", SUBJECT_GROUP,
            true },
    [STAGE_GROUP_ADD] = { "unable to find group %s: no matching entries in group file",
            SUBJECT_GROUP_ADD, true },
    [STAGE_USER_RANGE] = { "uids and gids must be in range 0-2147483647", SUBJECT_NONE, true },
    [STAGE_USER_FILE] = { "cannot read the container's passwd and group files", SUBJECT_NONE,
            false },
    [STAGE_STDIO] = { "cannot set up the standard streams", SUBJECT_NONE, false },
    [STAGE_KEYRING] = { "cannot join the session keyring of the container", SUBJECT_NONE, false },
    [STAGE_CREDENTIALS] = { "cannot become the container's user", SUBJECT_NONE, false },
    [STAGE_CAPABILITIES] = { "can't apply capabilities", SUBJECT_NONE, false },
    [STAGE_SECCOMP] = { "cannot load the seccomp filter", SUBJECT_NONE, false },
    [STAGE_EXEC_LOOKUP] = { "exec: \"%s\": executable file not found in $PATH", SUBJECT_ARGV,
            true },
    [STAGE_EXEC_DIRECTORY] = { "exec: \"%s\": is a directory", SUBJECT_ARGV, true },
    [STAGE_EXEC] = { "exec %s", SUBJECT_ARGV, true },
};

/* Where, and what: without the options, in which a password may be. */
static const char *mount_text(
        const struct runtime_spec *spec, size_t index, char *buffer, size_t size)
{
    const struct runtime_mount *m = spec && index < spec->mount_count ? &spec->mounts[index] : NULL;

    if (!m)
        return "";
    if ((m->flags & MS_BIND) || !m->type)
        snprintf(buffer, size, "\"%s\"", m->destination);
    else
        snprintf(buffer, size, "\"%s\" of type %s at \"%s\"", m->source ? m->source : "", m->type,
                m->destination);
    return buffer;
}

static const char *subject_text(
        const struct start *start, const struct start_message *message, char *buffer, size_t size)
{
    const struct runtime_spec *spec = start->spec;
    const char *colon = start->process.user ? strchr(start->process.user, ':') : NULL;
    size_t i = message->index;

    switch (stages[message->stage].subject) {
    case SUBJECT_NONE:
        return "";
    case SUBJECT_NAMESPACE:
        return i < NAMESPACE_MAX_ ? namespace_type_names[i] : "";
    case SUBJECT_MOUNT:
        return spec && i < spec->mount_count ? spec->mounts[i].destination : "";
    case SUBJECT_WHOLE_MOUNT:
        return mount_text(spec, i, buffer, size);
    case SUBJECT_DEVICE:
        return spec && i < spec->device_count ? spec->devices[i].path : "";
    case SUBJECT_SYSCTL:
        return spec && i < spec->sysctl_count ? spec->sysctls[i].key : "";
    case SUBJECT_MASKED:
        return spec ? spec->masked_paths[i] : "";
    case SUBJECT_READONLY:
        return spec ? spec->readonly_paths[i] : "";
    case SUBJECT_RLIMIT:
        return i < start->process.rlimit_count ? start->process.rlimits[i].name : "";
    case SUBJECT_CWD:
        return start->process.cwd;
    case SUBJECT_USER:
        if (!start->process.user)
            return "";
        snprintf(buffer, size, "%.*s", colon ? (int)(colon - start->process.user) : (int)size - 1,
                start->process.user);
        return buffer;
    case SUBJECT_GROUP:
        return colon ? colon + 1 : "";
    case SUBJECT_GROUP_ADD:
        return start->process.group_add ? start->process.group_add[i] : "";
    case SUBJECT_HOOK:
        return i < HOOK_MAX_ ? hook_point_names[i] : "";
    case SUBJECT_ARGV:
        return start->process.argv[0];
    }
    return "";
}

/* Docker's table: 127 not there, 126 there but not to be executed, 128 other troubles of
 * starting. */
static int exit_code(const struct start_message *message)
{
    switch (message->stage) {
    case STAGE_EXEC_LOOKUP:
        return 127;
    case STAGE_EXEC_DIRECTORY:
        return 126;
    case STAGE_CWD:
    case STAGE_EXEC:
        return message->code == ENOENT || message->code == ENOTDIR ? 127
               : message->code == EACCES || message->code == ENOEXEC || message->code == EPERM
                       ? 126
                       : 128;
    default:
        return 128;
    }
}

static int failure(const struct start *start, const struct start_message *message,
        int *ret_exit_code, struct error **err)
{
    char buffer[SUBJECT_MAX], text[SUBJECT_MAX + 256];

    if (message->stage >= STAGE_MAX_ || !stages[message->stage].text)
        return error_set(err, EPROTO, NULL, "the process of the container sent nonsense");
    int code = message->code > 0 ? message->code : EIO;
    if (message->detail[0])
        return error_set_plain(err, code, NULL, "%.*s", START_DETAIL_MAX - 1, message->detail);
    const char *subject = subject_text(start, message, buffer, sizeof(buffer));
    *ret_exit_code = exit_code(message);
    /* Docker tells 126 and 127 apart by these words of a runtime, in lower case. */
    if (message->stage == STAGE_EXEC) {
        const char *why = strerrordesc_np(code);

        return error_set_plain(err, code, NULL, "exec %s: %c%s", subject,
                why ? tolower((unsigned char)*why) : '?', why ? why + 1 : "");
    }
    /* The table's texts have at most one %s; it is put in by hand to keep formats literal. */
    const char *format = stages[message->stage].text, *mark = strstr(format, "%s");
    if (mark)
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - format), format, subject, mark + 2);
    else
        snprintf(text, sizeof(text), "%s", format);
    return stages[message->stage].plain ? error_set_plain(err, code, NULL, "%s", text)
                                        : error_set(err, code, NULL, "%s", text);
}

int start_receive_message(int sync_fd, enum start_message_kind expected,
        struct start_message *ret_message, int *ret_fd, const struct start *start,
        int *ret_exit_code, struct error **err)
{
    struct start_message message = { 0 };
    int fds[FD_PASS_MAX];
    size_t fd_count = ARRAY_LEN(fds);
    auto_close int listener_fd = -EBADF;

    *ret_exit_code = 128;
    int r = fd_wait(sync_fd, POLLIN, time_monotonic_usec() + START_TIMEOUT_USEC);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot wait for the process of the container");
    if (r == 0)
        return error_set_plain(err, ETIMEDOUT, NULL,
                "the container could not be set up within %lld seconds",
                (long long)(START_TIMEOUT_USEC / USEC_PER_SEC));
    ssize_t len = fd_receive(sync_fd, &message, sizeof(message), fds, &fd_count);
    for (size_t i = 0; i < fd_count && len >= 0; i++) {
        if (i == 0 && message.kind == START_LISTENER)
            listener_fd = fds[0];
        else if (i == 0 && ret_fd)
            *ret_fd = fds[0];
        else
            fd_close(fds[i]);
    }
    if (len == sizeof(message) && message.kind == START_LISTENER && listener_fd >= 0) {
        r = start_forward_listener(start, listener_fd, err);
        message.kind = START_GO;
        if (r < 0 || send(sync_fd, &message, sizeof(message), MSG_NOSIGNAL) < 0)
            return r < 0 ? r : error_set(err, errno, NULL, "the container's process has ended");
        return start_receive_message(
                sync_fd, expected, ret_message, ret_fd, start, ret_exit_code, err);
    }
    if (len == sizeof(message) && message.kind == START_FAILED)
        return failure(start, &message, ret_exit_code, err);
    if (expected == START_GO && len == 0)
        return 0; /* closed by execve */
    if (expected != START_GO && len == sizeof(message) && message.kind == expected) {
        *ret_message = message;
        return 0;
    }
    if (len == 0)
        return error_set_plain(
                err, ECHILD, NULL, "the process of the container ended while it was being set up");
    return error_set(err, len < 0 ? (int)-len : EPROTO, NULL,
            "cannot hear from the process of the container");
}

int start_receive(int sync_fd, enum start_message_kind expected, int *ret_console_fd,
        const struct start *start, int *ret_exit_code, struct error **err)
{
    struct start_message message;

    return start_receive_message(
            sync_fd, expected, &message, ret_console_fd, start, ret_exit_code, err);
}
