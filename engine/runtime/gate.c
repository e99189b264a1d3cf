#include "engine/runtime/gate.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

#define GATE_BACKLOG 16

/* Through /proc/self/fd, since the path of a state directory may be longer than an address. */
static struct sockaddr_un address(int dir_fd)
{
    struct sockaddr_un ret = { .sun_family = AF_UNIX };

    snprintf(ret.sun_path, sizeof(ret.sun_path), "/proc/self/fd/%d/%s", dir_fd, GATE_NAME);
    return ret;
}

int gate_listen(int dir_fd, struct error **err)
{
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    struct sockaddr_un addr = address(dir_fd);

    if (unlinkat(dir_fd, GATE_NAME, 0) < 0 && errno != ENOENT)
        return error_set(err, errno, NULL, "cannot remove an old gate");
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
            fchmodat(dir_fd, GATE_NAME, 0600, 0) < 0 || listen(fd, GATE_BACKLOG) < 0)
        return error_set(err, errno, NULL, "cannot make the gate of the container");
    return TAKE_FD(fd);
}

int gate_connect(int dir_fd)
{
    auto_close int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_un addr = address(dir_fd);

    if (fd < 0)
        return -errno;
    /* EAGAIN: frozen, and the queue is full of those who only looked. */
    if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
        return -errno;
    return TAKE_FD(fd);
}
