#include "engine/container/relay-output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdio.h"
#include "base/fs.h"
#include "base/mem.h"

void relay_output_init(struct relay_output *output, int fd)
{
    char path[FS_FD_PATH_MAX];
    struct stat st;

    *output = (struct relay_output){ .fd = fd, .own_fd = -EBADF };
    if (fd < 0 || fstat(fd, &st) < 0)
        return;
    output->waits = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode);
    output->socket = S_ISSOCK(st.st_mode);
    if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode))
        output->own_fd = open(fs_fd_path(fd, path), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void relay_output_drop(struct relay_output *output)
{
    free(TAKE(output->kept));
    output->kept_len = 0;
    output->fd = -EBADF;
}

void relay_output_release(struct relay_output *output)
{
    relay_output_drop(output);
    output->own_fd = fd_close(output->own_fd);
}

/* How much was taken, or -errno; -EAGAIN: nothing now. */
static ssize_t try_write(const struct relay_output *output, const char *data, size_t len)
{
    struct pollfd ready = { .fd = output->fd, .events = POLLOUT };
    ssize_t n;

    if (output->waits) {
        n = write(output->fd, data, len);
    } else if (output->socket) {
        n = send(output->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    } else if (output->own_fd >= 0) {
        n = write(output->own_fd, data, len);
    } else {
        /* A pipe that is ready takes PIPE_BUF bytes without waiting. */
        if (poll(&ready, 1, 0) <= 0)
            return -EAGAIN;
        n = write(output->fd, data, len < PIPE_BUF ? len : PIPE_BUF);
    }
    return n < 0 ? -errno : n;
}

/* Returns what is left over. */
static size_t write_some(struct relay_output *output, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = try_write(output, data, len);

        if (n == -EINTR)
            continue;
        if (n == -EAGAIN)
            return len;
        if (n < 0) {
            relay_output_drop(output);
            return 0;
        }
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

void relay_output_write(struct relay_output *output, const void *data, size_t len)
{
    if (output->fd < 0)
        return;
    size_t left = output->kept_len > 0 ? len : write_some(output, data, len);
    if (left == 0)
        return;
    output->kept = mem_realloc_array(output->kept, output->kept_len + left, 1);
    memcpy(output->kept + output->kept_len, (const char *)data + len - left, left);
    output->kept_len += left;
}

void relay_output_flush(struct relay_output *output)
{
    if (output->fd < 0 || output->kept_len == 0)
        return;
    size_t left = write_some(output, output->kept, output->kept_len);
    if (output->fd < 0)
        return;
    memmove(output->kept, output->kept + output->kept_len - left, left);
    output->kept_len = left;
    if (left == 0)
        free(TAKE(output->kept));
}
