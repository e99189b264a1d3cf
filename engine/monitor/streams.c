#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/fdio.h"
#include "base/timefmt.h"
#include "engine/monitor/monitor-internal.h"
#include "engine/runtime/spec.h"

#define STDIN_PENDING_MAX (1u << 20)
#define DRAIN_READS_MIN 16

void stream_ends_release(struct stream_ends *ends)
{
    ends->stdin_fd = fd_close(ends->stdin_fd);
    ends->stdout_fd = fd_close(ends->stdout_fd);
    ends->stderr_fd = fd_close(ends->stderr_fd);
}

static int open_pipe(int *ret_ours, int *ret_theirs, bool we_read)
{
    int r = we_read ? fd_pipe(ret_ours, ret_theirs) : fd_pipe(ret_theirs, ret_ours);

    return r < 0 ? r : fd_set_nonblock(*ret_ours, true);
}

int streams_open(struct monitor *m, struct stream_ends *ret, struct error **err)
{
    int r = 0;

    m->stdin_fd = -EBADF;
    if (m->spec->process.terminal)
        return 0;
    if (m->config->open_stdin) {
        r = open_pipe(&m->stdin_fd, &ret->stdin_fd, false);
    } else {
        ret->stdin_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        r = ret->stdin_fd < 0 ? -errno : 0;
    }
    if (r >= 0)
        r = open_pipe(&m->outputs[LOG_STDOUT].fd, &ret->stdout_fd, true);
    if (r >= 0)
        r = open_pipe(&m->outputs[LOG_STDERR].fd, &ret->stderr_fd, true);
    return r < 0 ? error_set(err, -r, NULL, "cannot make the container's standard streams") : 0;
}

static void close_output(struct output *output)
{
    struct monitor *m = output->monitor;

    loop_remove(TAKE(output->source));
    /* With a terminal this is standard input, too. */
    if (output->fd == m->stdin_fd) {
        loop_remove(TAKE(m->stdin_source));
        m->stdin_fd = -EBADF;
    }
    output->fd = fd_close(output->fd);
    output->watched = false;
    log_file_flush(&m->log, output->stream, time_realtime_nsec());
}

/* One thread; touched only when there is output, and given back afterwards. */
static char buffer[CONTROL_DATA_MAX / 2] __attribute__((aligned(4096)));

void streams_trim(void)
{
    (void)madvise(buffer, sizeof(buffer), MADV_DONTNEED);
}

/* Reads once. False when there is nothing more now, or ever. */
static bool read_output(struct output *output)
{
    struct monitor *m = output->monitor;
    ssize_t len = read(output->fd, buffer, sizeof(buffer));

    if (len < 0 && errno == EINTR)
        return true;
    if (len < 0 && errno == EAGAIN)
        return false;
    if (len <= 0) { /* EIO: the last one closed the terminal */
        close_output(output);
        return false;
    }
    output->drain_bytes -= (size_t)len < output->drain_bytes ? (size_t)len : output->drain_bytes;
    output->drain_reads -= output->drain_reads > 0;
    log_file_write(&m->log, output->stream, buffer, (size_t)len, time_realtime_nsec());
    control_server_output(m, output->stream, buffer, (size_t)len);
    return true;
}

static void on_output(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct output *output = userdata;

    (void)loop;
    (void)fd;
    (void)events;
    read_output(output);
    idle_memory_expect(output->monitor);
    streams_update(output->monitor);
    monitor_check_drained(output->monitor);
}

static int watch_output(struct output *output, struct error **err)
{
    if (output->fd < 0)
        return 0;
    output->watched = true;
    return loop_add_io(
            output->monitor->loop, output->fd, EPOLLIN, on_output, output, &output->source, err);
}

int streams_begin(struct monitor *m, int console_fd, struct error **err)
{
    if (console_fd >= 0) {
        fd_set_nonblock(console_fd, true);
        m->outputs[LOG_STDOUT].fd = console_fd;
        m->stdin_fd = console_fd;
    }
    int r = watch_output(&m->outputs[LOG_STDOUT], err);
    return r < 0 ? r : watch_output(&m->outputs[LOG_STDERR], err);
}

void streams_update(struct monitor *m)
{
    for (size_t i = 0; i < LOG_STREAM_MAX_; i++) {
        struct output *output = &m->outputs[i];
        bool wanted = output->fd >= 0 && !control_server_is_blocked(m, output->stream);

        /* Out of the set altogether while nobody reads: a hung-up pipe would be reported again and
         * again. */
        if (wanted && !output->source)
            (void)watch_output(output, NULL);
        else if (!wanted && output->source)
            loop_remove(TAKE(output->source));
    }
}

/* What the ended process can have left in a pipe. Somebody in another container may have been handed its end (over a
 * socket) and write on and on: that is not the container's output, and must not keep it from ending. */
static size_t left_in(const struct output *output)
{
    int bytes = 0;

    return output->fd >= 0 && ioctl(output->fd, FIONREAD, &bytes) == 0 && bytes > 0 ? (size_t)bytes
                                                                                    : 0;
}

void streams_begin_drain(struct monitor *m)
{
    for (size_t i = 0; i < LOG_STREAM_MAX_; i++) {
        struct output *output = &m->outputs[i];

        output->drain_bytes = left_in(output);
        /* A terminal counts only what is ready, and hands out a line at a time. */
        output->drain_reads = DRAIN_READS_MIN;
    }
}

void streams_drain(struct monitor *m)
{
    for (size_t i = 0; i < LOG_STREAM_MAX_; i++) {
        struct output *output = &m->outputs[i];

        /* A client that does not take it has it in its queue: what can be left is bounded, and nobody else, above
         * all who stops the container, is to wait for that client. */
        while (output->fd >= 0) {
            bool is_over = output->drain_bytes == 0 && output->drain_reads == 0;

            if ((is_over || !read_output(output)) && output->fd >= 0)
                close_output(output);
        }
    }
    streams_update(m);
}

bool streams_are_drained(const struct monitor *m)
{
    return m->outputs[LOG_STDOUT].fd < 0 && m->outputs[LOG_STDERR].fd < 0;
}

void streams_end(struct monitor *m)
{
    for (size_t i = 0; i < LOG_STREAM_MAX_; i++) {
        if (m->outputs[i].fd >= 0)
            close_output(&m->outputs[i]);
    }
    streams_close_stdin(m);
    strbuf_release(&m->stdin_pending);
    strbuf_init(&m->stdin_pending, STDIN_PENDING_MAX);
    m->stdin_ending = false;
}

/* ---- standard input ---- */

static bool stdin_is_terminal(const struct monitor *m)
{
    return m->stdin_fd >= 0 && m->stdin_fd == m->outputs[LOG_STDOUT].fd;
}

void streams_close_stdin(struct monitor *m)
{
    if (m->stdin_fd < 0 || stdin_is_terminal(m))
        return;
    if (m->stdin_pending.len > 0) {
        m->stdin_ending = true;
        return;
    }
    loop_remove(TAKE(m->stdin_source));
    m->stdin_fd = fd_close(m->stdin_fd);
}

/* What cannot be written any more (nobody reads) is dropped, as a pipe would. */
static void write_pending(struct monitor *m)
{
    size_t done = 0;

    while (done < m->stdin_pending.len) {
        ssize_t len = write(m->stdin_fd, m->stdin_pending.data + done, m->stdin_pending.len - done);

        if (len < 0 && errno == EINTR)
            continue;
        if (len < 0 && errno == EAGAIN)
            break;
        if (len < 0)
            len = (ssize_t)(m->stdin_pending.len - done);
        done += (size_t)len;
    }
    size_t left = m->stdin_pending.len - done;
    memmove(m->stdin_pending.data, m->stdin_pending.data + done, left);
    strbuf_truncate(&m->stdin_pending, left);
}

static void on_stdin_room(struct loop *loop, int fd, uint32_t events, void *userdata)
{
    struct monitor *m = userdata;

    (void)loop;
    (void)fd;
    (void)events;
    write_pending(m);
    if (m->stdin_pending.len > 0)
        return;
    loop_remove(TAKE(m->stdin_source));
    strbuf_release(&m->stdin_pending);
    strbuf_init(&m->stdin_pending, STDIN_PENDING_MAX);
    if (m->stdin_ending)
        streams_close_stdin(m);
    control_server_input_has_room(m);
}

int streams_write_stdin(struct monitor *m, const char *data, size_t len)
{
    if (m->stdin_fd < 0 || m->stdin_ending)
        return 1;
    strbuf_add(&m->stdin_pending, data, len);
    write_pending(m);
    if (m->stdin_pending.len == 0)
        return 1;
    if (!m->stdin_source) {
        /* The terminal's descriptor is in the loop already, for reading: a copy of it is
         * watched. */
        int r = stdin_is_terminal(m) ? -EEXIST
                                     : loop_add_io(m->loop, m->stdin_fd, EPOLLOUT, on_stdin_room, m,
                                               &m->stdin_source, NULL);
        if (r < 0) {
            strbuf_reset(&m->stdin_pending); /* a terminal's input queue that is full drops, too */
            return 1;
        }
    }
    return 0;
}

int streams_resize(struct monitor *m, uint16_t height, uint16_t width)
{
    struct winsize size = { .ws_row = height, .ws_col = width };

    if (!m->spec->process.terminal)
        return 0; /* Docker takes that silently */
    m->spec->process.console_height = height;
    m->spec->process.console_width = width;
    if (stdin_is_terminal(m) && ioctl(m->stdin_fd, TIOCSWINSZ, &size) < 0)
        return -errno;
    return 0;
}
