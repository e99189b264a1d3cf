/* The container as a service of a manager that speaks sd_notify(3): it is told when the container is
 * ready, how it is, and that this process is the service's main one. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/timefmt.h"
#include "engine/monitor/monitor-internal.h"
#include "engine/monitor/notify.h"

/* On top of what a probe or a stop may take by itself. */
#define EXTEND_MARGIN_USEC (10 * USEC_PER_SEC)
/* What is taken of the container's messages each time, so that a flood of them keeps nothing waiting. */
#define MESSAGES_AT_ONCE 16

static bool is_service(const struct monitor *m)
{
    return m->config->ready != MONITOR_READY_NONE && m->config->notify_socket;
}

static void tell(struct monitor *m, const struct strbuf *text)
{
    if (text->len > 0)
        (void)notify_send(m->config->notify_socket, text->data, text->len);
}

/* ---- Messages of the container itself ---- */

static void on_message(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct monitor *m = userdata;
    char text[NOTIFY_MESSAGE_MAX];

    (void)loop;
    (void)events;
    for (int i = 0; i < MESSAGES_AT_ONCE; i++) {
        auto_(strbuf_release) struct strbuf passed = STRBUF_INIT(NOTIFY_MESSAGE_MAX + 1);
        ssize_t len = recv(fd, text, sizeof(text), MSG_DONTWAIT);

        if (len < 0)
            return;
        notify_filter(text, (size_t)len, &passed);
        tell(m, &passed);
    }
}

/* A directory of its own, so that nothing else of ours can be reached through the mount of it. */
static int open_socket(struct monitor *m, struct error **err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char dir_path[FS_FD_PATH_MAX];

    if (mkdirat(m->dir_fd, MONITOR_NOTIFY_DIR, 0755) < 0 && errno != EEXIST)
        return error_set(err, errno, NULL, "cannot make the directory of the notify socket");
    auto_close int dir = openat(
            m->dir_fd, MONITOR_NOTIFY_DIR, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0 || fchmod(dir, 0755) < 0)
        return error_set(err, errno, NULL, "cannot open the directory of the notify socket");
    if (unlinkat(dir, MONITOR_NOTIFY_SOCKET, 0) < 0 && errno != ENOENT)
        return error_set(err, errno, NULL, "cannot remove an old notify socket");
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", fs_fd_path(dir, dir_path),
            MONITOR_NOTIFY_SOCKET);
    m->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (m->notify_fd < 0 || bind(m->notify_fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
            fchmodat(dir, MONITOR_NOTIFY_SOCKET, 0777, 0) < 0)
        return error_set(err, errno, NULL, "cannot make the notify socket");
    return loop_add_io(m->loop, m->notify_fd, EPOLLIN, on_message, m, &m->notify_source, err);
}

/* ---- Our own ---- */

static void on_watchdog(struct loop *loop, void *userdata)
{
    struct monitor *m = userdata;
    static const char text[] = "WATCHDOG=1";

    (void)loop;
    (void)notify_send(m->config->notify_socket, text, strlen(text));
    loop_set_timer(m->watchdog_timer, time_monotonic_usec() + m->config->watchdog_usec / 2);
}

int service_open(struct monitor *m, struct error **err)
{
    int r = 0;

    if (!is_service(m))
        return 0;
    if (m->config->ready == MONITOR_READY_CONTAINER)
        return open_socket(m, err);
    if (m->config->watchdog_usec > 0) {
        r = loop_add_timer(m->loop, on_watchdog, m, &m->watchdog_timer, err);
        if (r >= 0)
            on_watchdog(m->loop, m);
    }
    return r;
}

/* Whether a unit may be started after this one now. */
static bool is_ready(const struct monitor *m)
{
    switch (m->config->ready) {
    case MONITOR_READY_STARTED:
        return m->state.status == MONITOR_RUNNING;
    case MONITOR_READY_HEALTHY:
        return m->state.health == MONITOR_HEALTH_HEALTHY ||
               (m->state.health == MONITOR_HEALTH_NONE && m->state.status == MONITOR_RUNNING);
    default:
        return false;
    }
}

/* Only what is new: a probe each second is no news. */
static void add_status(struct monitor *m, struct strbuf *text)
{
    const struct monitor_state *state = &m->state;
    char status[SERVICE_STATUS_MAX];

    if (state->status == MONITOR_EXITED)
        snprintf(status, sizeof(status), "exited with code %d", state->exit_code);
    else if (state->health == MONITOR_HEALTH_NONE)
        snprintf(status, sizeof(status), "%s", monitor_status_names[state->status]);
    else if (state->failing_streak > 0)
        snprintf(status, sizeof(status), "%s, %s, %u failed checks",
                monitor_status_names[state->status], monitor_health_names[state->health],
                state->failing_streak);
    else
        snprintf(status, sizeof(status), "%s, %s", monitor_status_names[state->status],
                monitor_health_names[state->health]);
    if (strcmp(status, m->told_status) == 0)
        return;
    memcpy(m->told_status, status, sizeof(status));
    strbuf_addf(text, "STATUS=%s\n", status);
}

void service_tell_state(struct monitor *m)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(NOTIFY_MESSAGE_MAX);

    if (!is_service(m))
        return;
    if (!m->told_main_pid) {
        strbuf_addf(&text, "MAINPID=%d\n", (int)getpid());
        m->told_main_pid = true;
    }
    if (!m->told_ready && is_ready(m)) {
        strbuf_addf(&text, "READY=1\n");
        m->told_ready = true;
    } else if (!m->told_ready && m->config->ready == MONITOR_READY_HEALTHY &&
               m->state.health == MONITOR_HEALTH_STARTING) {
        /* As long as the check may still succeed, the start does not run out of time. */
        int64_t wait = health_next_delay(&m->health, time_monotonic_usec()) +
                       m->health.timeout_usec;
        strbuf_addf(&text, "EXTEND_TIMEOUT_USEC=%lld\n", (long long)(wait + EXTEND_MARGIN_USEC));
    }
    if (m->config->ready != MONITOR_READY_CONTAINER || m->state.status == MONITOR_EXITED)
        add_status(m, &text);
    tell(m, &text);
}

void service_tell_stopping(struct monitor *m, int64_t timeout_usec)
{
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(NOTIFY_MESSAGE_MAX);

    if (!is_service(m))
        return;
    strbuf_addf(&text, "STOPPING=1\n");
    if (timeout_usec > 0 && timeout_usec != TIMEOUT_NEVER)
        strbuf_addf(&text, "EXTEND_TIMEOUT_USEC=%lld\n",
                (long long)(timeout_usec + EXTEND_MARGIN_USEC));
    tell(m, &text);
}

void service_close(struct monitor *m)
{
    loop_remove(TAKE(m->notify_source));
    m->notify_fd = fd_close(m->notify_fd);
}
