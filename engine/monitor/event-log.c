#include "engine/monitor/event-log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/timefmt.h"
#include "engine/monitor/json-text.h"

#define LOG_MODE 0600
#define OPEN_TRIES 8
#define READ_CHUNK 16384

/* ---- Writing ---- */

static void format_event(const struct event *event, struct strbuf *out)
{
    int64_t now = time_realtime_nsec();
    bool has_attributes = !string_is_empty(event->attributes);

    strbuf_addf(out, "{\"Type\":\"%s\",\"Action\":", event->type);
    json_text_append(out, event->action, strlen(event->action));
    strbuf_adds(out, ",\"Actor\":{\"ID\":");
    json_text_append(out, event->id, strlen(event->id));
    strbuf_addf(out, ",\"Attributes\":{%s", has_attributes ? event->attributes : "");
    if (event->key && event->value) {
        strbuf_addf(out, "%s\"%s\":", has_attributes ? "," : "", event->key);
        json_text_append(out, event->value, strlen(event->value));
    }
    strbuf_addf(out, "}},\"scope\":\"local\",\"time\":%lld,\"timeNano\":%lld}\n",
            (long long)(now / NSEC_PER_SEC), (long long)now);
}

static bool is_same_file(int fd, int dir_fd, const char *name)
{
    struct stat own, named;

    return fstat(fd, &own) == 0 && fstatat(dir_fd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

/* The present log with a shared lock, under which it is not moved away; a full one is moved first. */
static int open_log(int dir_fd)
{
    for (int tries = 0; tries < OPEN_TRIES; tries++) {
        auto_close int fd = openat(dir_fd, EVENT_LOG_FILE,
                O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, LOG_MODE);
        struct stat st;

        if (fd < 0)
            return -errno;
        if (fstat(fd, &st) < 0 || st.st_size < EVENT_LOG_MAX_BYTES) {
            if (flock(fd, LOCK_SH) < 0)
                return -errno;
            if (is_same_file(fd, dir_fd, EVENT_LOG_FILE))
                return TAKE_FD(fd);
        } else if (flock(fd, LOCK_EX) == 0 && is_same_file(fd, dir_fd, EVENT_LOG_FILE)) {
            (void)renameat(dir_fd, EVENT_LOG_FILE, dir_fd, EVENT_LOG_OLD_FILE);
        }
    }
    return -EBUSY;
}

void event_log_append(int dir_fd, const char *dir_path, const struct event *event)
{
    auto_(strbuf_release) struct strbuf line = STRBUF_INIT(EVENT_LINE_MAX_BYTES);
    auto_close int run_fd = openat(dir_fd, dir_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    auto_close int fd = run_fd < 0 ? -EBADF : open_log(run_fd);

    if (fd < 0)
        return;
    format_event(event, &line);
    /* One call: lines of several writers do not mix. */
    if (!strbuf_is_truncated(&line))
        (void)!write(fd, line.data, line.len);
}

/* ---- Reading ---- */

struct event_reader {
    int dir_fd, inotify_fd;
    int fd;             /* the file that is read; -EBADF: there is none yet */
    struct strbuf text; /* read, from `at` on not yet given out */
    size_t at;
};

void event_reader_free(struct event_reader *reader)
{
    if (!reader)
        return;
    (void)fd_close(reader->dir_fd);
    (void)fd_close(reader->inotify_fd);
    (void)fd_close(reader->fd);
    strbuf_release(&reader->text);
    free(reader);
}

int event_reader_new(int run_dir_fd, struct event_reader **ret, struct error **err)
{
    auto_(event_reader_free_p) struct event_reader *reader = NEW(struct event_reader);
    char path[FS_FD_PATH_MAX];

    *reader = (struct event_reader){
        .dir_fd = openat(run_dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
        .inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK),
        .fd = -EBADF,
    };
    strbuf_init(&reader->text, EVENT_LINE_MAX_BYTES + READ_CHUNK);
    if (reader->dir_fd < 0 || reader->inotify_fd < 0 ||
            inotify_add_watch(reader->inotify_fd, fs_fd_path(reader->dir_fd, path),
                    IN_MODIFY | IN_CREATE | IN_MOVED_FROM) < 0)
        return error_set(err, errno, NULL, "cannot watch for events");
    reader->fd = openat(reader->dir_fd, EVENT_LOG_OLD_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    *ret = TAKE(reader);
    return 0;
}

/* More text; 0 at the end of what there is. */
static ssize_t fill(struct event_reader *reader)
{
    char buffer[READ_CHUNK];

    for (;;) {
        ssize_t len = reader->fd < 0 ? 0 : read(reader->fd, buffer, sizeof(buffer));

        if (len < 0)
            return errno == EINTR ? 0 : -errno;
        if (len > 0) {
            strbuf_add(&reader->text, buffer, (size_t)len);
            return len;
        }
        /* At the end of a file that is no more the present one: nobody writes to it either. */
        if (reader->fd >= 0 && is_same_file(reader->fd, reader->dir_fd, EVENT_LOG_FILE))
            return 0;
        int fd = openat(reader->dir_fd, EVENT_LOG_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
            return 0;
        (void)fd_close(reader->fd);
        reader->fd = fd;
    }
}

int event_reader_next(struct event_reader *reader, struct str *ret, struct error **err)
{
    char discarded[4096];

    /* What is reported from here on happened after what is read now. */
    while (read(reader->inotify_fd, discarded, sizeof(discarded)) > 0)
        continue;
    for (;;) {
        const char *text = reader->text.data + reader->at;
        size_t len = reader->text.len - reader->at;
        const char *newline = memchr(text, '\n', len);

        if (newline) {
            *ret = (struct str){ text, (size_t)(newline - text) };
            reader->at += ret->len + 1;
            return 1;
        }
        memmove(reader->text.data, text, len);
        strbuf_truncate(&reader->text, len);
        reader->at = 0;
        if (len > EVENT_LINE_MAX_BYTES) /* nothing that we wrote */
            strbuf_reset(&reader->text);
        ssize_t r = fill(reader);
        if (r < 0)
            return error_set(err, (int)-r, NULL, "cannot read the events");
        if (r == 0)
            return 0;
    }
}

int event_reader_fd(const struct event_reader *reader)
{
    return reader->inotify_fd;
}
