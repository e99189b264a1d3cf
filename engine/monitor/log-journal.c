#include "engine/monitor/log-journal.h"

#include <endian.h>
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "engine/monitor/monitor-config.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define FIELDS_MAX_BYTES (64u << 10)
#define WAIT_MSEC 1000

struct log_journal {
    int fd;
    bool non_blocking;
    struct strbuf fields; /* the same for every entry */
    struct strbuf entry;  /* room for one */
};

static int open_socket(int *ret)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    *ret = TAKE_FD(fd);
    return 0;
}

int log_journal_new(const struct monitor_log *config, struct log_journal **ret, struct error **err)
{
    auto_(log_journal_free_p) struct log_journal *journal = NEW(struct log_journal);

    *journal = (struct log_journal){ .fd = -EBADF, .non_blocking = config->non_blocking };
    strbuf_init(&journal->fields, FIELDS_MAX_BYTES);
    strbuf_init(&journal->entry, FIELDS_MAX_BYTES + LIMIT_LOG_LINE_BYTES + 256);
    for (char **field = config->journal_fields; field && *field; field++)
        strbuf_addf(&journal->fields, "%s\n", *field);
    int r = open_socket(&journal->fd);
    if (r < 0)
        return error_set(err, r, NULL, "journald is not enabled on this host");
    if (config->buffer_bytes > 0 && config->buffer_bytes <= INT32_MAX) {
        int bytes = (int)config->buffer_bytes;

        (void)setsockopt(journal->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    }
    *ret = TAKE(journal);
    return 0;
}

void log_journal_free(struct log_journal *journal)
{
    if (!journal)
        return;
    (void)fd_close(journal->fd);
    strbuf_release(&journal->fields);
    strbuf_release(&journal->entry);
    free(journal);
}

static bool send_entry(struct log_journal *journal)
{
    return send(journal->fd, journal->entry.data, journal->entry.len,
                   MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

void log_journal_write(
        struct log_journal *journal, enum log_stream stream, const char *line, size_t len)
{
    bool complete = len > 0 && line[len - 1] == '\n';
    uint64_t size = htole64(len - complete);

    /* Fields of any bytes have their length before them. */
    strbuf_reset(&journal->entry);
    strbuf_adds(&journal->entry, "MESSAGE\n");
    strbuf_add(&journal->entry, &size, sizeof(size));
    strbuf_add(&journal->entry, line, len - complete);
    strbuf_addf(&journal->entry, "\nPRIORITY=%d\n", stream == LOG_STDERR ? 3 : 6);
    if (!complete)
        strbuf_adds(&journal->entry, "CONTAINER_PARTIAL_MESSAGE=true\n");
    strbuf_add_str(&journal->entry, strbuf_str(&journal->fields));
    if (send_entry(journal))
        return;
    if ((errno == EAGAIN || errno == ENOBUFS) && !journal->non_blocking) {
        struct pollfd room = { .fd = journal->fd, .events = POLLOUT };

        if (poll(&room, 1, WAIT_MSEC) > 0)
            (void)send_entry(journal);
    } else if (errno == ECONNREFUSED || errno == ENOTCONN) { /* it was started anew */
        int fd = -EBADF;

        if (open_socket(&fd) >= 0) {
            (void)fd_close(journal->fd);
            journal->fd = fd;
            (void)send_entry(journal);
        }
    }
}
