#include "base/fdio.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/timefmt.h"

int fd_write_all(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t written = write(fd, at, len);

        if (written < 0) {
            if (errno == EINTR)
                continue;
            if (errno != EAGAIN)
                return -errno;
            int r = fd_wait(fd, POLLOUT, TIMEOUT_NEVER);
            if (r < 0)
                return r;
            continue;
        }
        at += written;
        len -= (size_t)written;
    }
    return 0;
}

ssize_t fd_read_full(int fd, void *data, size_t len)
{
    char *at = data;
    size_t got = 0;

    assert(len <= SSIZE_MAX);
    while (got < len) {
        ssize_t n = read(fd, at + got, len - got);

        if (n == 0)
            break;
        if (n < 0) {
            if (errno == EINTR)
                continue;
            if (errno != EAGAIN)
                return -errno;
            int r = fd_wait(fd, POLLIN, TIMEOUT_NEVER);
            if (r < 0)
                return r;
            continue;
        }
        got += (size_t)n;
    }
    return (ssize_t)got;
}

int fd_set_nonblock(int fd, bool nonblock)
{
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -errno;
    int wanted = nonblock ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
    if (wanted != flags && fcntl(fd, F_SETFL, wanted) < 0)
        return -errno;
    return 0;
}

int fd_set_cloexec(int fd, bool cloexec)
{
    return fcntl(fd, F_SETFD, cloexec ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

int fd_dup(int fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    return copy < 0 ? -errno : copy;
}

int fd_pipe(int *ret_read, int *ret_write)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    *ret_read = ends[0];
    *ret_write = ends[1];
    return 0;
}

union control {
    struct cmsghdr header; /* for the alignment */
    char bytes[CMSG_SPACE(sizeof(int) * FD_PASS_MAX)];
};

ssize_t fd_send(int socket_fd, const void *data, size_t len, const int *fds, size_t fd_count)
{
    union control control = { 0 };
    struct iovec part = { .iov_base = (void *)data, .iov_len = len };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    assert(fd_count <= FD_PASS_MAX);
    if (fd_count > 0) {
        size_t bytes = sizeof(int) * fd_count;

        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(bytes);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(bytes);
        memcpy(CMSG_DATA(header), fds, bytes);
    }
    for (;;) {
        ssize_t sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL);

        if (sent >= 0)
            return sent;
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return -errno;
        int r = fd_wait(socket_fd, POLLOUT, TIMEOUT_NEVER);
        if (r < 0)
            return r;
    }
}

/* Keeps the first *count - *taken descriptors of a control message, closes the others. */
static void take_fds(struct cmsghdr *header, int *ret_fds, size_t *taken, size_t count)
{
    size_t received = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);

    for (size_t i = 0; i < received; i++) {
        int fd;

        memcpy(&fd, CMSG_DATA(header) + i * sizeof(int), sizeof(fd));
        if (*taken < count)
            ret_fds[(*taken)++] = fd;
        else
            fd_close(fd);
    }
}

ssize_t fd_receive(int socket_fd, void *data, size_t size, int *ret_fds, size_t *fd_count)
{
    union control control = { 0 };
    struct iovec part = { .iov_base = data, .iov_len = size };
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof(control.bytes),
    };
    size_t taken = 0, room = fd_count ? *fd_count : 0;
    ssize_t got;

    do {
        got = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC);
    } while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(&message); h; h = CMSG_NXTHDR(&message, h)) {
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS)
            take_fds(h, ret_fds, &taken, room);
    }
    if (message.msg_flags & MSG_TRUNC) { /* half a message is none */
        for (size_t i = 0; i < taken; i++)
            fd_close(ret_fds[i]);
        return -EMSGSIZE;
    }
    if (fd_count)
        *fd_count = taken;
    return got;
}

int fd_wait(int fd, short events, int64_t deadline_usec)
{
    struct pollfd poll_fd = { .fd = fd, .events = events };

    for (;;) {
        struct timespec left, *timeout = NULL;

        if (deadline_usec != TIMEOUT_NEVER) {
            int64_t usec = deadline_usec - time_monotonic_usec();

            if (usec < 0)
                usec = 0;
            left = (struct timespec){
                .tv_sec = usec / USEC_PER_SEC,
                .tv_nsec = usec % USEC_PER_SEC * NSEC_PER_USEC,
            };
            timeout = &left;
        }
        int r = ppoll(&poll_fd, 1, timeout, NULL);
        if (r > 0)
            return poll_fd.revents & POLLNVAL ? -EBADF : poll_fd.revents;
        if (r == 0)
            return 0;
        if (errno != EINTR)
            return -errno;
    }
}

void fd_secure_stdio(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* The lowest free number is this one, since those below are open. Not close-on-exec: standard
         * descriptors are inherited. lint: allow cloexec: standard descriptors are inherited */
        int null = open("/dev/null", O_RDWR | O_NOCTTY);
        if (null != fd)
            abort(); /* without /dev, or racing with another thread: nothing may go on */
    }
}
