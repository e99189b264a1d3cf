#include "engine/monitor/log-file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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
#include "engine/monitor/monitor-config.h"

/* Each byte of a line can become six ("\u0000"); lines of one read are written together. */
#define BATCH_MAX (1u << 20)
#define BATCH_KEPT 8192
#define LOG_MODE 0640
#define LOG_FILES_MAX 1000

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
    log->fd = fd_close(log->fd);
    log->dir_fd = fd_close(log->dir_fd);
    free(TAKE(log->name));
    free(TAKE(log->attrs));
}

/* gzip does it beside us; that a file is still being compressed is no reason for the container to
 * wait. */
static void start_compression(struct log_file *log, const char *name)
{
    char dir[64];
    char *argv[] = { (char[]){ "gzip" }, (char[]){ "-f" }, (char[]){ "--" },
        (char *)(uintptr_t)name, NULL };
    struct proc_spawn spawn = PROC_SPAWN_INIT;

    if (log->compressor > 0)
        (void)proc_wait(log->compressor); /* rotating faster than gzip works */
    log->compressor = 0;
    snprintf(dir, sizeof(dir), "/proc/self/fd/%d", log->dir_fd);
    spawn.path = "gzip";
    spawn.argv = argv;
    spawn.cwd = dir;
    spawn.stderr_fd = PROC_NULL;
    (void)proc_spawn(&spawn, &log->compressor, NULL, NULL);
}

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
            /* The newest is never compressed yet. */
            if (n == 1 && compressed)
                continue;
            if (rotated_name(log, n - 1, compressed, from, sizeof(from)) &&
                    rotated_name(log, n, compressed, to, sizeof(to)))
                (void)renameat(log->dir_fd, from, log->dir_fd, to);
        }
    }
    log->fd = fd_close(log->fd);
    (void)open_log(log, O_TRUNC);
    if (log->compress && rotated_name(log, 1, false, to, sizeof(to)))
        start_compression(log, to);
}

static void write_batch(struct log_file *log)
{
    /* Docker writes an entry whole and then looks at the size: a file is at most one batch too
     * large. */
    if (log->batch.len > 0 && log->fd >= 0) {
        if (log->max_size_bytes > 0 && log->size_bytes >= log->max_size_bytes)
            rotate(log);
        if (log->fd < 0)
            (void)open_log(log, 0); /* the disk was full or the directory gone; perhaps no longer */
        if (log->fd >= 0 && fd_write_all(log->fd, log->batch.data, log->batch.len) >= 0)
            log->size_bytes += log->batch.len;
    }
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
