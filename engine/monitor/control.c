#include "engine/monitor/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/array.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "engine/monitor/control-internal.h"
#include "engine/monitor/control-protocol.h"
#include "engine/monitor/monitor-config.h"

struct kept_message {
    enum control_event_kind kind;
    char *data;
    size_t len;
};

struct control {
    int fd;
    int pidfd;   /* of the monitor */
    pid_t child; /* it is ours to reap; 0: not */
    bool closed;
    struct {
        struct kept_message *items; /* came while an answer was awaited; taken from the front */
        size_t len, cap;
    } kept;
    char *borrowed; /* what the last event points to */
    char buffer[sizeof(struct control_start) + CONTROL_DATA_MAX + 1];
    size_t buffer_len;
};

struct control *control_new(int fd, int pidfd, pid_t child)
{
    struct control *control = NEW(struct control);

    control->fd = fd;
    control->pidfd = pidfd;
    control->child = child;
    return control;
}

/* A unix socket has no path longer than 107 bytes, a descriptor has a short one. */
int control_open(int container_dir_fd, struct control **ret, struct error **err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char dir[FS_FD_PATH_MAX];
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct ucred peer = { 0 };
    socklen_t len = sizeof(peer);

    if (fd < 0)
        return error_set(err, errno, NULL, "cannot make a socket");
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", fs_fd_path(container_dir_fd, dir),
            MONITOR_SOCKET_FILE);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        if (errno != ENOENT && errno != ECONNREFUSED)
            return error_set(err, errno, NULL, "cannot reach the container's monitor");
        *ret = NULL;
        return 0;
    }
    int pidfd = -EBADF;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid > 0)
        pidfd = proc_open_pidfd(peer.pid);
    *ret = control_new(TAKE_FD(fd), pidfd, 0);
    return 0;
}

void control_close(struct control *control)
{
    if (!control)
        return;
    fd_close(control->fd);
    fd_close(control->pidfd);
    for (size_t i = 0; i < control->kept.len; i++)
        free(control->kept.items[i].data);
    ARRAY_RELEASE(&control->kept);
    free(control->borrowed);
    free(control);
}

int control_fd(const struct control *control)
{
    return control->fd;
}

int control_monitor_fd(const struct control *control)
{
    return control->pidfd;
}

/* ---- messages ---- */

/* 1 a message is in the buffer, 0 nothing there now; closed is set at the end of the connection. */
static int read_message(struct control *control, bool wait, struct error **err)
{
    ssize_t len;

    if (control->closed)
        return 0;
    do
        len = recv(
                control->fd, control->buffer, sizeof(control->buffer) - 1, wait ? 0 : MSG_DONTWAIT);
    while (len < 0 && errno == EINTR);
    if (len < 0 && errno == EAGAIN)
        return 0;
    if (len < 0 && errno != ECONNRESET && errno != EPIPE)
        return error_set(err, errno, NULL, "cannot hear from the container's monitor");
    if (len <= 0) {
        control->closed = true;
        return 0;
    }
    control->buffer_len = (size_t)len;
    control->buffer[len] = 0;
    return 1;
}

static enum control_event_kind event_kind(const struct control *control)
{
    switch (control->buffer[0]) {
    case CONTROL_MESSAGE_STDOUT:
        return CONTROL_EVENT_STDOUT;
    case CONTROL_MESSAGE_STDERR:
        return CONTROL_EVENT_STDERR;
    case CONTROL_MESSAGE_STATE:
        return CONTROL_EVENT_STATE;
    default:
        return CONTROL_EVENT_NONE; /* an answer nobody waits for, or a newer monitor's news */
    }
}

static void keep_message(struct control *control)
{
    enum control_event_kind kind = event_kind(control);

    if (kind == CONTROL_EVENT_NONE)
        return;
    char *data = mem_alloc(control->buffer_len);
    memcpy(data, control->buffer + 1, control->buffer_len - 1);
    data[control->buffer_len - 1] = 0;
    *ARRAY_APPEND(&control->kept) = (struct kept_message){ kind, data, control->buffer_len - 1 };
}

static int gone(struct error **err)
{
    return error_set_plain(err, ESRCH, NULL, "the container's monitor has ended");
}

/* The monitor takes nothing from a client whose input the container does not read, and the container may not read
 * because nobody takes its output: so what comes is kept while this waits for room. */
static int send_message(
        struct control *control, const void *message, size_t size, struct error **err)
{
    for (;;) {
        struct pollfd ready = { .fd = control->fd, .events = POLLIN | POLLOUT };

        if (send(control->fd, message, size, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0)
            return 0;
        if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN)
            return gone(err);
        if (errno != EAGAIN && errno != EINTR)
            return error_set(err, errno, NULL, "cannot speak to the container's monitor");
        if (errno == EAGAIN && poll(&ready, 1, -1) > 0 && (ready.revents & POLLIN)) {
            int r = read_message(control, false, err);

            if (r < 0)
                return r;
            if (r > 0)
                keep_message(control);
            else if (control->closed)
                return gone(err);
        }
    }
}

static int send_request(
        struct control *control, const struct control_request *request, struct error **err)
{
    return send_message(control, request, sizeof(*request), err);
}

/* Waits for the answer to `kind`; its text is then at *ret_text in the buffer. */
static int await_reply(struct control *control, uint8_t kind, const char **ret_text,
        size_t *ret_len, struct error **err)
{
    for (;;) {
        struct control_reply reply;
        int r = read_message(control, true, err);

        if (r < 0)
            return r;
        if (r == 0)
            return gone(err);
        if (control->buffer[0] != CONTROL_MESSAGE_REPLY || control->buffer_len < sizeof(reply)) {
            keep_message(control);
            continue;
        }
        memcpy(&reply, control->buffer, sizeof(reply));
        if (reply.request != kind)
            continue;
        const char *text = control->buffer + sizeof(reply);
        size_t len = control->buffer_len - sizeof(reply);
        if (reply.code < 0) {
            error_move(err, error_decode(text, len));
            return reply.code;
        }
        if (ret_text) {
            *ret_text = text;
            *ret_len = len;
        }
        return 0;
    }
}

static int call(struct control *control, const struct control_request *request, struct error **err)
{
    int r = send_request(control, request, err);

    return r < 0 ? r : await_reply(control, request->kind, NULL, NULL, err);
}

int control_await_start(struct control *control, struct monitor_start *ret, struct error **err)
{
    for (;;) {
        struct control_start start;
        int r = read_message(control, true, err);

        ret->exit_code = 125;
        if (r < 0)
            return r;
        if (r == 0)
            return error_set_plain(err, ECHILD, NULL,
                    "the container's monitor ended while it was starting the container");
        if (control->buffer[0] != CONTROL_MESSAGE_START || control->buffer_len < sizeof(start)) {
            keep_message(
                    control); /* the container runs, and has said something, before we hear of it */
            continue;
        }
        memcpy(&start, control->buffer, sizeof(start));
        ret->exit_code = start.exit_code;
        if (start.code < 0)
            return error_move(err, error_decode(control->buffer + sizeof(start),
                                           control->buffer_len - sizeof(start)));
        ret->pid = start.pid;
        ret->monitor_pid = start.monitor_pid;
        return 0;
    }
}

/* ---- requests ---- */

int control_stop(struct control *control, int signo, int64_t timeout_usec, struct error **err)
{
    struct control_request request = {
        .kind = CONTROL_STOP, .signo = signo, .timeout_usec = timeout_usec
    };

    return call(control, &request, err);
}

int control_begin_stop(struct control *control, int signo, int64_t timeout_usec, struct error **err)
{
    struct control_request request = {
        .kind = CONTROL_BEGIN_STOP, .signo = signo, .timeout_usec = timeout_usec
    };

    return call(control, &request, err);
}

int control_kill(struct control *control, int signo, struct error **err)
{
    return call(control, &(struct control_request){ .kind = CONTROL_KILL, .signo = signo }, err);
}

int control_pause(struct control *control, struct error **err)
{
    return call(control, &(struct control_request){ .kind = CONTROL_PAUSE }, err);
}

int control_unpause(struct control *control, struct error **err)
{
    return call(control, &(struct control_request){ .kind = CONTROL_UNPAUSE }, err);
}

int control_reload(struct control *control, struct error **err)
{
    return call(control, &(struct control_request){ .kind = CONTROL_RELOAD }, err);
}

int control_reload_network(struct control *control, struct error **err)
{
    return call(control, &(struct control_request){ .kind = CONTROL_RELOAD_NETWORK }, err);
}

int control_resize(struct control *control, uint16_t height, uint16_t width, struct error **err)
{
    return call(control,
            &(struct control_request){ .kind = CONTROL_RESIZE, .height = height, .width = width },
            err);
}

int control_status(struct control *control, char **ret_json, struct error **err)
{
    const char *text = NULL;
    size_t len = 0;
    int r = send_request(control, &(struct control_request){ .kind = CONTROL_STATUS }, err);

    if (r >= 0)
        r = await_reply(control, CONTROL_STATUS, &text, &len, err);
    if (r >= 0)
        *ret_json = mem_strndup(text, len);
    return r;
}

int control_attach(struct control *control, unsigned attach, struct error **err)
{
    return call(control,
            &(struct control_request){ .kind = CONTROL_ATTACH, .attach = (uint8_t)attach }, err);
}

int control_subscribe(struct control *control, struct error **err)
{
    return call(control, &(struct control_request){ .kind = CONTROL_SUBSCRIBE }, err);
}

int control_own_teardown(struct control *control, struct error **err)
{
    return call(control, &(struct control_request){ .kind = CONTROL_OWN_TEARDOWN }, err);
}

int control_finish(struct control *control, struct error **err)
{
    struct control_request request = { .kind = CONTROL_FINISH };
    int r = send_request(control, &request, NULL);

    /* Having gone already is what was wanted. */
    if (r >= 0)
        r = await_reply(control, CONTROL_FINISH, NULL, NULL, err);
    return r == -ESRCH ? 0 : r;
}

ssize_t control_send_stdin(
        struct control *control, const void *data, size_t len, struct error **err)
{
    char kind = CONTROL_STDIN;
    struct iovec parts[] = { { &kind, 1 },
        { (void *)(uintptr_t)data, len < CONTROL_DATA_MAX ? len : CONTROL_DATA_MAX } };
    struct msghdr message = { .msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts) };
    ssize_t sent;

    if (len == 0)
        return 0;
    do
        sent = sendmsg(control->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno == EAGAIN)
        return 0;
    if (sent < 0)
        return errno == EPIPE || errno == ECONNRESET
                       ? gone(err)
                       : error_set(err, errno, NULL, "cannot send input to the container");
    return sent - 1;
}

int control_close_stdin(struct control *control, struct error **err)
{
    char kind = CONTROL_STDIN;

    return send_message(control, &kind, sizeof(kind), err);
}

/* ---- events ---- */

static bool take_kept(struct control *control, struct control_event *ret)
{
    if (control->kept.len == 0)
        return false;
    struct kept_message *first = &control->kept.items[0];
    control->borrowed = first->data;
    *ret = (struct control_event){ first->kind, first->data, first->len };
    control->kept.len--;
    memmove(first, first + 1, control->kept.len * sizeof(*first));
    return true;
}

int control_receive(
        struct control *control, bool wait, struct control_event *ret, struct error **err)
{
    free(TAKE(control->borrowed));
    if (take_kept(control, ret))
        return 0;
    for (;;) {
        int r = read_message(control, wait, err);

        if (r < 0)
            return r;
        if (r == 0) {
            *ret = (struct control_event){ .kind = control->closed ? CONTROL_EVENT_CLOSED
                                                                   : CONTROL_EVENT_NONE };
            return 0;
        }
        enum control_event_kind kind = event_kind(control);
        if (kind != CONTROL_EVENT_NONE) {
            *ret = (struct control_event){ kind, control->buffer + 1, control->buffer_len - 1 };
            return 0;
        }
    }
}

int control_wait_gone(struct control *control, int64_t deadline_usec, struct error **err)
{
    if (control->pidfd < 0)
        return 1; /* it was gone when we looked */
    int r = proc_wait_pidfd(control->pidfd, deadline_usec);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot wait for the container's monitor");
    if (r > 0 && control->child > 0) {
        (void)proc_wait(control->child);
        control->child = 0;
    }
    return r;
}
