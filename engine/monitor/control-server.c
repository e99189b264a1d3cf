#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "engine/monitor/control.h"
#include "engine/monitor/monitor-internal.h"

#define CLIENTS_MAX 256
#define QUEUE_MAX 256
#define SLOW_READER_USEC (10 * USEC_PER_SEC)
#define FLUSH_USEC (2 * USEC_PER_SEC)
#define LISTEN_BACKLOG 64

/* ---- sending ---- */

static void update_events(struct client *client)
{
    uint32_t events = (client->input_full ? 0 : EPOLLIN) | (client->queue_len > 0 ? EPOLLOUT : 0);

    if (client->source)
        (void)loop_change_io(client->source, events);
}

static void client_free(struct client *client)
{
    list_remove(&client->node);
    loop_remove(client->source);
    loop_remove(client->slow_timer);
    fd_close(client->fd);
    for (size_t i = 0; i < client->queue_len; i++)
        free(client->queue[i].data);
    free(client->queue);
    free(client);
}

/* The connection is over: what hung on it is let go. */
static void client_drop(struct client *client)
{
    struct monitor *m = client->monitor;
    bool closes_stdin = (client->attach & CONTROL_ATTACH_STDIN) && m->config->stdin_once;

    client_free(client);
    idle_memory_expect(m);
    if (closes_stdin)
        streams_close_stdin(m);
    streams_update(m);
    monitor_check_drained(m);
    monitor_check_over(m);
}

/* 1 sent, 0 would block, -errno. */
static int try_send(const struct client *client, const void *data, size_t len)
{
    ssize_t sent;

    do
        sent = send(client->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0)
        return 1;
    return errno == EAGAIN ? 0 : -errno;
}

/* A client that fails is dropped when its hang-up is reported, not under the feet of the caller. */
static void client_send(struct client *client, const struct iovec *parts, size_t part_count)
{
    char buffer[1 + CONTROL_DATA_MAX + sizeof(struct control_start)];
    size_t len = 0;

    if (client->gone)
        return;
    for (size_t i = 0; i < part_count && parts[i].iov_len <= sizeof(buffer) - len; i++) {
        if (parts[i].iov_len > 0)
            memcpy(buffer + len, parts[i].iov_base, parts[i].iov_len);
        len += parts[i].iov_len;
    }
    int r = client->queue_len > 0 ? 0 : try_send(client, buffer, len);
    if (r > 0)
        return;
    if (r < 0 || client->queue_len >= QUEUE_MAX) {
        client->gone = true;
        (void)shutdown(client->fd, SHUT_RDWR);
        return;
    }
    if (client->queue_len == client->queue_cap)
        client->queue = array_grow(
                client->queue, client->queue_len, &client->queue_cap, sizeof(*client->queue));
    char *copy = mem_alloc(len);
    memcpy(copy, buffer, len);
    client->queue[client->queue_len++] = (struct queued_message){ copy, len };
    if (client->queue_len == 1 && !client->foreground)
        loop_set_timer(client->slow_timer, time_monotonic_usec() + SLOW_READER_USEC);
    update_events(client);
}

static void client_send_text(struct client *client, uint8_t kind, const char *text, size_t len)
{
    const struct iovec parts[] = { { &kind, 1 }, { (void *)(uintptr_t)text, len } };

    client_send(client, parts, ARRAY_LEN(parts));
}

static void client_reply(
        struct client *client, uint8_t request, int code, const char *text, size_t len)
{
    struct control_reply reply = {
        .kind = CONTROL_MESSAGE_REPLY, .request = request, .code = code
    };
    const struct iovec parts[] = { { &reply, sizeof(reply) }, { (void *)(uintptr_t)text, len } };

    client_send(client, parts, ARRAY_LEN(parts));
}

static void client_reply_error(
        struct client *client, uint8_t request, int code, const struct error *error)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);

    if (code < 0 && error)
        error_encode(error, &text);
    client_reply(client, request, code < 0 ? code : 0, text.data, text.len);
}

static void send_queue(struct client *client)
{
    size_t done = 0;

    while (done < client->queue_len) {
        int r = try_send(client, client->queue[done].data, client->queue[done].len);

        if (r == 0)
            break;
        if (r < 0)
            client->gone = true;
        free(client->queue[done].data);
        done++;
    }
    if (done == 0)
        return;
    memmove(client->queue, client->queue + done,
            (client->queue_len - done) * sizeof(*client->queue));
    client->queue_len -= done;
    if (client->queue_len == 0) {
        free(TAKE(client->queue));
        client->queue_cap = 0;
    }
    if (!client->foreground)
        loop_set_timer(client->slow_timer,
                client->queue_len > 0 ? time_monotonic_usec() + SLOW_READER_USEC : TIMEOUT_NEVER);
    update_events(client);
}

void control_server_send_start(
        struct client *client, int code, int exit_code, const char *text, size_t len)
{
    const struct monitor *m = client->monitor;
    struct control_start start = {
        .kind = CONTROL_MESSAGE_START,
        .code = code,
        .exit_code = exit_code,
        .pid = m->state.pid,
        .monitor_pid = getpid(),
    };
    const struct iovec parts[] = { { &start, sizeof(start) }, { (void *)(uintptr_t)text, len } };

    client_send(client, parts, ARRAY_LEN(parts));
}

static unsigned attach_bit(enum log_stream stream)
{
    return stream == LOG_STDOUT ? CONTROL_ATTACH_STDOUT : CONTROL_ATTACH_STDERR;
}

void control_server_output(struct monitor *m, enum log_stream stream, const char *data, size_t len)
{
    uint8_t kind = stream == LOG_STDOUT ? CONTROL_MESSAGE_STDOUT : CONTROL_MESSAGE_STDERR;

    LIST_FOREACH(&m->clients, node) {
        struct client *client = LIST_ITEM(node, struct client, node);

        if (client->attach & attach_bit(stream))
            client_send_text(client, kind, data, len);
    }
}

bool control_server_is_blocked(const struct monitor *m, enum log_stream stream)
{
    LIST_FOREACH(&m->clients, node) {
        const struct client *client = LIST_ITEM(node, struct client, node);

        if (client->queue_len > 0 && (client->attach & attach_bit(stream)) && !client->gone)
            return true;
    }
    return false;
}

void control_server_publish(struct monitor *m, const char *text, size_t len)
{
    LIST_FOREACH(&m->clients, node) {
        struct client *client = LIST_ITEM(node, struct client, node);

        if (client->subscribed)
            client_send_text(client, CONTROL_MESSAGE_STATE, text, len);
    }
}

void control_server_hurry(struct monitor *m)
{
    LIST_FOREACH(&m->clients, node) {
        struct client *client = LIST_ITEM(node, struct client, node);

        if (client->foreground)
            loop_set_timer(client->slow_timer, time_monotonic_usec() + FLUSH_USEC);
    }
}

void control_server_answer_stops(struct monitor *m)
{
    LIST_FOREACH(&m->clients, node) {
        struct client *client = LIST_ITEM(node, struct client, node);

        if (client->waits_for_stop)
            client_reply(client, CONTROL_STOP, 0, NULL, 0);
        client->waits_for_stop = false;
    }
}

bool control_server_has_teardown_owner(const struct monitor *m)
{
    LIST_FOREACH(&m->clients, node) {
        const struct client *client = LIST_ITEM(node, struct client, node);

        if (client->owns_teardown && !client->gone)
            return true;
    }
    return false;
}

void control_server_input_has_room(struct monitor *m)
{
    LIST_FOREACH(&m->clients, node) {
        struct client *client = LIST_ITEM(node, struct client, node);

        if (client->input_full) {
            client->input_full = false;
            update_events(client);
        }
    }
}

void control_server_flush(struct monitor *m)
{
    int64_t deadline = time_monotonic_usec() + FLUSH_USEC;

    LIST_FOREACH(&m->clients, node) {
        struct client *client = LIST_ITEM(node, struct client, node);

        while (client->queue_len > 0 && !client->gone &&
                fd_wait(client->fd, EPOLLOUT, deadline) > 0)
            send_queue(client);
    }
}

/* ---- receiving ---- */

static int do_request(
        struct client *client, const struct control_request *request, struct error **err)
{
    struct monitor *m = client->monitor;

    switch (request->kind) {
    case CONTROL_STOP:
    case CONTROL_BEGIN_STOP:
        return monitor_stop(m, request->signo, request->timeout_usec, err);
    case CONTROL_KILL:
        return monitor_kill(m, request->signo, err);
    case CONTROL_PAUSE:
        return monitor_set_paused(m, true, err);
    case CONTROL_UNPAUSE:
        return monitor_set_paused(m, false, err);
    case CONTROL_RELOAD:
        return monitor_reload(m, err);
    case CONTROL_RELOAD_NETWORK:
        return monitor_reload_network(m, err);
    case CONTROL_RESIZE: {
        int r = streams_resize(m, request->height, request->width);
        return r < 0 ? error_set(err, -r, NULL, "cannot set the size of the terminal") : 0;
    }
    case CONTROL_ATTACH:
        client->attach |= request->attach;
        return 0;
    case CONTROL_SUBSCRIBE:
        client->subscribed = true;
        return 0;
    case CONTROL_OWN_TEARDOWN:
        /* After the end this says that it has heard of it. */
        client->owns_teardown = true;
        if (m->phase == PHASE_OVER)
            loop_set_timer(client->slow_timer, TIMEOUT_NEVER);
        return 0;
    case CONTROL_STATUS:
    case CONTROL_FINISH:
        return 0;
    default:
        return error_set_plain(err, EOPNOTSUPP, NULL,
                "the monitor of this container does not know the request '%c'", request->kind);
    }
}

static void send_state(struct client *client, bool as_reply)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CONTROL_DATA_MAX);

    monitor_state_format(&client->monitor->state, &text);
    if (as_reply)
        client_reply(client, CONTROL_STATUS, 0, text.data, text.len);
    else
        client_send_text(client, CONTROL_MESSAGE_STATE, text.data, text.len);
}

/* May free the client. */
static void handle_request(struct client *client, const struct control_request *request)
{
    struct monitor *m = client->monitor;
    struct error *error = NULL;
    int r = do_request(client, request, &error);

    if (request->kind == CONTROL_STOP && r >= 0)
        client->waits_for_stop = true;
    else if (request->kind == CONTROL_STATUS)
        send_state(client, true);
    else
        client_reply_error(client, request->kind, r, error);
    if (request->kind == CONTROL_SUBSCRIBE)
        send_state(client, false);
    error_free(error);
    if (request->kind == CONTROL_FINISH) {
        client->owns_teardown = false;
        if (m->phase == PHASE_OVER)
            m->config->teardown_argv = NULL; /* it was done by the client */
        monitor_check_over(m);
    }
    /* A stop in the pause between two runs, or after the last, is done at once. */
    if (request->kind == CONTROL_STOP && (m->phase == PHASE_OVER))
        control_server_answer_stops(m);
}

/* In a child of the monitor: nothing of the container's may stay open here, above all not the lock. */
static _Noreturn void linger(const struct client *client)
{
    sigset_t none;
    char request[1 + CONTROL_DATA_MAX];

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_NAME, "berth-linger", 0, 0, 0);
    proc_close_fds_from(0, &client->fd, 1);
    for (size_t i = 0; i < client->queue_len;) {
        int r = try_send(client, client->queue[i].data, client->queue[i].len);

        if (r < 0 || (r == 0 && fd_wait(client->fd, POLLOUT, TIMEOUT_NEVER) < 0))
            _exit(0);
        i += r > 0;
    }
    /* Requests that nobody reads would take away, at the end of the socket, what was sent. */
    shutdown(client->fd, SHUT_WR);
    while (fd_wait(client->fd, POLLIN, TIMEOUT_NEVER) > 0 &&
            recv(client->fd, request, sizeof(request), MSG_DONTWAIT) > 0)
        continue;
    _exit(0);
}

static void handle_stdin(struct client *client, const char *data, size_t len)
{
    if (!(client->attach & CONTROL_ATTACH_STDIN))
        return;
    if (len == 0) {
        if (client->monitor->config->stdin_once)
            streams_close_stdin(client->monitor);
        return;
    }
    if (streams_write_stdin(client->monitor, data, len) == 0) {
        client->input_full = true;
        update_events(client);
    }
}

static void receive(struct client *client)
{
    char buffer[1 + CONTROL_DATA_MAX];
    ssize_t len = recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT | MSG_TRUNC);
    struct control_request request = { 0 };

    if (len < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (len <= 0 || (size_t)len > sizeof(buffer)) {
        client_drop(client);
        return;
    }
    if (buffer[0] == CONTROL_STDIN) {
        handle_stdin(client, buffer + 1, (size_t)len - 1);
        return;
    }
    /* Shorter from an older command, longer from a newer one. */
    memcpy(&request, buffer, (size_t)len < sizeof(request) ? (size_t)len : sizeof(request));
    handle_request(client, &request);
}

static void on_client(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct client *client = userdata;
    struct monitor *m = client->monitor;

    (void)loop;
    (void)fd;
    if (events & EPOLLOUT) {
        send_queue(client);
        streams_update(m);
    }
    if (events & EPOLLIN)
        receive(client); /* may free it */
    else if (events & (EPOLLHUP | EPOLLERR))
        client_drop(client);
}

/* A process of its own goes on giving a client that started the container what is left for it: the reader of its
 * output may come back from lunch, and until then neither `stop` nor `rm` is to wait. The client finds that it does not
 * own the teardown any more, since nobody answers. */
static void leave_behind(struct client *client)
{
    pid_t pid = fork();

    if (pid == 0)
        linger(client);
    client->gone = pid < 0;
    client_drop(client);
}

static void on_slow(struct loop *loop, void *userdata)
{
    struct client *client = userdata;

    (void)loop;
    if (client->foreground)
        leave_behind(client);
    else
        client_drop(client);
}

struct client *control_server_add(struct monitor *m, int fd, struct error **err)
{
    struct client *client = NEW(struct client);

    client->monitor = m;
    client->fd = fd;
    list_append(&m->clients, &client->node);
    if (loop_add_timer(m->loop, on_slow, client, &client->slow_timer, err) < 0 ||
            loop_add_io(m->loop, fd, EPOLLIN, on_client, client, &client->source, err) < 0) {
        client_free(client);
        return NULL;
    }
    return client;
}

static void on_connection(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct monitor *m = userdata;
    int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    size_t count = 0;

    (void)loop;
    (void)events;
    if (connection < 0)
        return;
    LIST_FOREACH(&m->clients, node) {
        count++;
    }
    if (count >= CLIENTS_MAX)
        close(connection);
    else
        (void)control_server_add(m, connection, NULL);
}

/* Bound by its name from within the directory, since a socket's path has room for 107 bytes only.
 * The directory is open to root alone, and so is the socket. */
int control_server_open(struct monitor *m, struct error **err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = MONITOR_SOCKET_FILE };
    mode_t old = umask(0177);
    int r = 0;

    m->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (m->listen_fd < 0 || fchdir(m->dir_fd) < 0 ||
            (unlink(MONITOR_SOCKET_FILE) < 0 && errno != ENOENT) ||
            bind(m->listen_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            listen(m->listen_fd, LISTEN_BACKLOG) < 0)
        r = error_set(err, errno, NULL, "cannot make the control socket of the container");
    umask(old);
    if (chdir("/") < 0 && r >= 0)
        r = error_set(err, errno, NULL, "cannot change to /");
    return r < 0 ? r : loop_add_io(m->loop, m->listen_fd, EPOLLIN, on_connection, m, NULL, err);
}

void control_server_close(struct monitor *m)
{
    LIST_FOREACH(&m->clients, node) {
        client_free(LIST_ITEM(node, struct client, node));
    }
    /* Without a socket of our own the name is another monitor's, which has the lock. */
    if (m->listen_fd >= 0)
        (void)unlinkat(m->dir_fd, MONITOR_SOCKET_FILE, 0);
    m->listen_fd = fd_close(m->listen_fd);
}
