#include "engine/monitor/log-file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fdio.h"
#include "base/json/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/timefmt.h"
#include "engine/monitor/json-text.h"
#include "engine/monitor/log-journal.h"
#include "engine/monitor/monitor-config.h"

/* Each byte of a line can become six ("\u0000"); lines of one read are written together. */
#define BATCH_MAX (1u << 20)
#define BATCH_KEPT 8192
#define LOG_MODE 0640
#define LOG_FILES_MAX 1000
/* After a full disk a log waits until there is this much room. The first room that comes is what others need
 * to say that the disk is full, and to remove what fills it: the state's reserve among them. */
#define LOG_ROOM_BYTES (1u << 20)
#define COMPRESSOR_NICE 10

static const char *const stream_names[] = { [LOG_STDOUT] = "stdout", [LOG_STDERR] = "stderr" };

void log_format_entry(struct strbuf *out, enum log_stream stream, const char *line, size_t len,
        const char *attrs, int64_t time_nsec)
{
    char time[TIME_RFC3339_MAX];

    strbuf_adds(out, "{\"log\":");
    json_text_append(out, line, len);
    strbuf_addf(out, ",\"stream\":\"%s\",%s\"time\":\"%s\"}\n", stream_names[stream], attrs,
            time_format_rfc3339(time_nsec, time));
}

/* Docker's names: x, x.1, x.2 …, compressed ones x.1.gz. False when it does not fit. */
static bool rotated_name(
        const struct log_file *log, uint32_t number, bool compressed, char *buffer, size_t size)
{
    int len = number == 0 ? snprintf(buffer, size, "%s", log->name)
                          : snprintf(buffer, size, "%s.%u%s", log->name, number,
                                    compressed ? ".gz" : "");

    return len > 0 && (size_t)len < size;
}

static int open_log(struct log_file *log, int flags)
{
    struct stat st;
    int fd = openat(log->dir_fd, log->name,
            O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, LOG_MODE);

    if (fd < 0)
        return -errno;
    log->fd = fd;
    log->size_bytes = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    return 0;
}

/* ---- compression ---- */

/* gzip reads a rotated file and writes beside it, both by descriptor, so that files can be rotated meanwhile:
 * only we rename and remove. What it comes to gets the name that its source has by then. */

static bool new_name(const struct log_file *log, char *buffer, size_t size)
{
    int len = snprintf(buffer, size, "%s.gz.new", log->name);

    return len > 0 && (size_t)len < size;
}

/* The oldest of those that are not compressed: all newer ones are not either. 0: none. */
static uint32_t oldest_uncompressed(const struct log_file *log)
{
    char name[NAME_MAX + 1];
    uint32_t oldest = 0;

    for (uint32_t n = 1; n < log->max_files; n++) {
        if (!rotated_name(log, n, false, name, sizeof(name)) ||
                faccessat(log->dir_fd, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
            break;
        oldest = n;
    }
    return oldest;
}

static void compress_next(struct log_file *log)
{
    char name[NAME_MAX + 1];
    char *argv[] = { (char[]){ "gzip" }, (char[]){ "-c" }, NULL };
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    uint32_t number;

    if (!log->compress || log->compressor > 0 || (number = oldest_uncompressed(log)) == 0)
        return;
    (void)rotated_name(log, number, false, name, sizeof(name));
    auto_close int from = openat(log->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (from < 0 || !new_name(log, name, sizeof(name)))
        return;
    auto_close int to = openat(
            log->dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, LOG_MODE);
    if (to < 0)
        return;
    spawn.path = "gzip";
    spawn.argv = argv;
    spawn.stdin_fd = from;
    spawn.stdout_fd = to;
    spawn.stderr_fd = PROC_NULL;
    if (proc_spawn(&spawn, &log->compressor, NULL, NULL) < 0) {
        log->compressor = 0;
        (void)unlinkat(log->dir_fd, name, 0);
        return;
    }
    log->compressing = number;
    (void)setpriority(PRIO_PROCESS, (id_t)log->compressor, COMPRESSOR_NICE);
}

static void end_compression(struct log_file *log, bool succeeded)
{
    char from[NAME_MAX + 1], to[NAME_MAX + 1];
    uint32_t number = log->compressing;

    log->compressor = 0;
    log->compressing = 0;
    if (!new_name(log, from, sizeof(from)))
        return;
    if (!succeeded || number >= log->max_files ||
            !rotated_name(log, number, true, to, sizeof(to)) ||
            renameat(log->dir_fd, from, log->dir_fd, to) < 0)
        (void)unlinkat(log->dir_fd, from, 0);
    else if (rotated_name(log, number, false, from, sizeof(from)))
        (void)unlinkat(log->dir_fd, from, 0);
}

void log_file_reap(struct log_file *log)
{
    int status;

    if (log->compressor <= 0 || waitpid(log->compressor, &status, WNOHANG) == 0)
        return;
    bool succeeded = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    end_compression(log, succeeded);
    if (succeeded)
        compress_next(log);
}

/* ---- opening and closing ---- */

int log_file_open(struct log_file *log, const struct monitor_log *config, struct error **err)
{
    *log = (struct log_file){
        .dir_fd = -EBADF,
        .fd = -EBADF,
        .max_size_bytes = config->max_size_bytes,
        .max_files = config->max_files > 0 ? config->max_files : 1,
        .compress = config->compress,
    };
    for (size_t i = 0; i < LOG_STREAM_MAX_; i++)
        strbuf_init(&log->held[i], LIMIT_LOG_LINE_BYTES);
    strbuf_init(&log->batch, BATCH_MAX);
    if (config->driver == MONITOR_LOG_NONE)
        return 0;
    if (config->driver == MONITOR_LOG_JOURNALD) {
        int failure = log_journal_new(config, &log->journal, err);

        if (failure < 0)
            return failure;
    }
    if (log->max_files > LOG_FILES_MAX)
        log->max_files = LOG_FILES_MAX;
    const char *slash = strrchr(config->path, '/');
    auto_free char *dir = slash ? mem_strndup(config->path, (size_t)(slash - config->path) + 1)
                                : mem_strdup(".");
    log->name = mem_strdup(slash ? slash + 1 : config->path);
    log->dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = log->dir_fd < 0 ? -errno : open_log(log, 0);
    if (r < 0)
        return error_set(err, -r, NULL, "cannot open the log \"%s\"", config->path);
    auto_free char *attrs = json_object_size(config->attrs) > 0 ? jsonx_dump(config->attrs) : NULL;
    log->attrs = attrs ? mem_printf("\"attrs\":%s,", attrs) : mem_strdup("");
    compress_next(log);
    return 0;
}

void log_file_close(struct log_file *log)
{
    int64_t now = time_realtime_nsec();

    for (size_t i = 0; i < LOG_STREAM_MAX_; i++) {
        log_file_flush(log, (enum log_stream)i, now);
        strbuf_release(&log->held[i]);
    }
    strbuf_release(&log->batch);
    /* Nobody is left to finish it; the next run does. */
    if (log->compressor > 0) {
        (void)kill(log->compressor, SIGKILL);
        (void)proc_wait(log->compressor);
        end_compression(log, false);
    }
    log->fd = fd_close(log->fd);
    log->dir_fd = fd_close(log->dir_fd);
    free(TAKE(log->name));
    free(TAKE(log->attrs));
    log_journal_free(TAKE(log->journal));
}

/* ---- rotation ---- */

static void rotate(struct log_file *log)
{
    char from[NAME_MAX + 1], to[NAME_MAX + 1];

    /* With one file there is nowhere to move it; Docker starts it over. */
    if (log->max_files < 2) {
        if (ftruncate(log->fd, 0) == 0)
            log->size_bytes = 0;
        return;
    }
    for (uint32_t n = log->max_files - 1; n > 0; n--) {
        for (int compressed = 0; compressed <= 1; compressed++) {
            /* The oldest may be there in the one form while its successor has the other. */
            if (n == log->max_files - 1 && rotated_name(log, n, compressed, to, sizeof(to)))
                (void)unlinkat(log->dir_fd, to, 0);
            /* The newest is never compressed yet. */
            if (n == 1 && compressed)
                continue;
            if (rotated_name(log, n - 1, compressed, from, sizeof(from)) &&
                    rotated_name(log, n, compressed, to, sizeof(to)))
                (void)renameat(log->dir_fd, from, log->dir_fd, to);
        }
    }
    if (log->compressing > 0)
        log->compressing++;
    log->fd = fd_close(log->fd);
    (void)open_log(log, O_TRUNC);
    compress_next(log);
}

static bool has_room(struct log_file *log)
{
    struct statvfs fs;

    if (log->is_full && fstatvfs(log->dir_fd, &fs) == 0 &&
            fs.f_bavail * fs.f_frsize < LOG_ROOM_BYTES)
        return false;
    log->is_full = false;
    return true;
}

static void write_entries(struct log_file *log)
{
    /* Docker writes an entry whole and then looks at the size: a file is at most one batch too
     * large. */
    if (log->fd >= 0 && log->max_size_bytes > 0 && log->size_bytes >= log->max_size_bytes)
        rotate(log);
    if (log->fd < 0)
        (void)open_log(log, 0); /* the disk was full or the directory gone; perhaps no longer */
    if (log->fd < 0)
        return;
    int r = fd_write_all(log->fd, log->batch.data, log->batch.len);
    if (r >= 0) {
        log->size_bytes += log->batch.len;
        return;
    }
    /* Half an entry would spoil the next one. */
    (void)!ftruncate(log->fd, (off_t)log->size_bytes);
    log->is_full = r == -ENOSPC;
}

static void write_batch(struct log_file *log)
{
    if (log->batch.len > 0 && log->name && has_room(log))
        write_entries(log);
    /* A burst of output must not stay in the memory of an idle monitor. */
    if (log->batch.cap > BATCH_KEPT)
        strbuf_release(&log->batch);
    if (log->batch.cap == 0)
        strbuf_init(&log->batch, BATCH_MAX);
    strbuf_reset(&log->batch);
}

static void add_entry(struct log_file *log, enum log_stream stream, const char *line, size_t len,
        int64_t now_nsec)
{
    if (log->journal)
        log_journal_write(log->journal, stream, line, len);
    log_format_entry(&log->batch, stream, line, len, log->attrs, now_nsec);
    if (log->max_size_bytes > 0 && log->size_bytes + log->batch.len >= log->max_size_bytes)
        write_batch(log);
}

void log_file_write(struct log_file *log, enum log_stream stream, const char *data, size_t len,
        int64_t now_nsec)
{
    struct strbuf *held = &log->held[stream];

    if (!log->name)
        return;
    while (len > 0) {
        const char *newline = memchr(data, '\n', len);
        size_t line = newline ? (size_t)(newline - data) + 1 : len;
        size_t room = LIMIT_LOG_LINE_BYTES - held->len;
        bool complete = newline != NULL;

        if (line > room) {
            line = room;
            complete = true; /* too long: cut here */
        }
        if (held->len == 0 && (complete || line == LIMIT_LOG_LINE_BYTES)) {
            add_entry(log, stream, data, line, now_nsec);
        } else {
            strbuf_add(held, data, line);
            if (complete || held->len == LIMIT_LOG_LINE_BYTES) {
                add_entry(log, stream, held->data, held->len, now_nsec);
                strbuf_reset(held);
            }
        }
        data += line;
        len -= line;
    }
    write_batch(log);
}

void log_file_flush(struct log_file *log, enum log_stream stream, int64_t now_nsec)
{
    struct strbuf *held = &log->held[stream];

    if (log->name && held->len > 0)
        add_entry(log, stream, held->data, held->len, now_nsec);
    strbuf_reset(held);
    write_batch(log);
}
