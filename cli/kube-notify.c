#include "cli/kube-notify.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/random.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/kube.h"
#include "engine/monitor/notify.h"

#define NAME_DIGITS 12

int kube_notify_open(struct cli *cli, struct kube_notify *ret, struct error **err)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    char id[RANDOM_ID_HEX + 1];
    int on = 1;

    random_id(id);
    int len = snprintf(address.sun_path, sizeof(address.sun_path), "%s/kube-%.*s.sock",
            cli->run_dir, NAME_DIGITS, id);
    if (len < 0 || (size_t)len >= sizeof(address.sun_path))
        return error_set_plain(err, ENAMETOOLONG, NULL,
                "the path of \"%s\" is too long for a socket in it", cli->run_dir);
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
            bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return error_set(err, errno, NULL, "cannot make the socket \"%s\"", address.sun_path);
    *ret = (struct kube_notify){
        .cli = cli, .path = arena_strdup(&cli->arena, address.sun_path), .fd = TAKE_FD(fd)
    };
    return 0;
}

void kube_notify_release(struct kube_notify *notify)
{
    if (notify->path)
        (void)unlink(notify->path);
    notify->path = NULL;
    if (notify->fd >= 0)
        (void)close(notify->fd);
    notify->fd = -EBADF;
}

static bool is_ready(const struct kube_notify *notify, int pid)
{
    ARRAY_FOREACH(&notify->ready, known)
        if (*known == pid)
            return true;
    return false;
}

static int take_line(struct kube_notify *notify, struct str line, int pid, struct error **err)
{
    if (str_is_equal_z(line, "READY=1") && !is_ready(notify, pid))
        *ARRAY_APPEND_ARENA(&notify->cli->arena, &notify->ready) = pid;
    /* As long as a container asks for time, the service does. */
    if (str_has_prefix(line, "EXTEND_TIMEOUT_USEC="))
        kube_tell_manager(notify->cli, arena_strndup(&notify->cli->arena, line.data, line.len));
    if (str_has_prefix(line, "STATUS=exited") && !is_ready(notify, pid))
        return error_set_plain(err, ECHILD, NULL,
                "waiting for sd-notify: a container %.*s before it was ready",
                (int)(line.len - strlen("STATUS=")), line.data + strlen("STATUS="));
    return 0;
}

/* 1: a message was taken; 0: there is none. */
static int take_message(struct kube_notify *notify, struct error **err)
{
    char text[NOTIFY_MESSAGE_MAX];
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
    } control;
    struct iovec part = { text, sizeof(text) };
    struct msghdr message = { .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control) };
    ssize_t len = recvmsg(notify->fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    struct cmsghdr *header = len < 0 ? NULL : CMSG_FIRSTHDR(&message);
    struct ucred sender = { 0 };
    int r = 0;

    if (len < 0)
        return 0;
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS)
        memcpy(&sender, CMSG_DATA(header), sizeof(sender));
    struct str rest = { text, (size_t)len }, line;
    while (r >= 0 && str_split_next(&rest, '\n', &line))
        r = take_line(notify, line, sender.pid, err);
    return r < 0 ? r : 1;
}

int kube_notify_wait(struct kube_notify *notify, size_t count, struct error **err)
{
    struct pollfd fds[] = { { .fd = notify->fd, .events = POLLIN },
        { .fd = cli_interrupt_fd(), .events = POLLIN } };
    int r = 0;

    while (r >= 0 && notify->ready.len < count) {
        r = take_message(notify, err);
        if (r != 0)
            continue;
        if (atomic_load(&notify->cli->interrupted))
            return error_set_plain(
                    err, ECANCELED, NULL, "interrupted while waiting for containers");
        if (poll(fds, ARRAY_LEN(fds), -1) < 0 && errno != EINTR)
            r = error_set(err, errno, NULL, "cannot wait for containers to be ready");
    }
    return r < 0 ? r : 0;
}
