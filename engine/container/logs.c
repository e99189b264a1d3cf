/* Invariants
 *  1. Each source reads a list of files, oldest first: those that were there when it was added, then, when
 *     following, whatever the log's own name stands for. It holds at most one parsed entry.
 *  2. A file that was rotated away is known by its inode: the one that follows it in time is the file
 *     with the next lower number, or the log itself.
 *  3. An entry is given out only when every source that can has shown its next one: so the order is that of time as
 *     far as the files go. */
#include "engine/container/logs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/array.h"
#include "base/error.h"
#include "base/json/json.h"
#include "base/mem.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/timefmt.h"
#include "engine/container/container-internal.h"

#define LOG_NAME_MAX (CONTAINER_ID_HEX + sizeof("-json.log"))
#define LOG_ROTATED_NAME_MAX (LOG_NAME_MAX + sizeof(".4294967295.gz"))
#define LOG_FILES_MAX 1000
#define LOG_CHUNK_BYTES 65536
/* 16 KiB of text, each byte escaped to six, and the attributes. */
#define LOG_JSON_LINE_MAX_BYTES (1u << 20)

struct log_file {
    int fd;
    off_t offset; /* of the next byte to read */
};

struct log_source {
    void *userdata;
    int dir_fd; /* ROOT/containers/ID */
    char name[LOG_NAME_MAX];
    int watch;
    struct {
        struct log_file *items;
        size_t len, cap;
    } files; /* still to be read; the first is being read */
    char *buffer;
    size_t start, len, cap; /* unread bytes of the buffer: [start, len) */
    json_t *line;           /* the parsed entry; NULL: none */
    int64_t time_nsec;
    bool ended; /* nothing of it is wanted any more */
};

struct log_reader {
    struct log_options options;
    int inotify_fd;
    struct {
        struct log_source **items;
        size_t len, cap;
    } sources;
    json_t *given; /* keeps the last entry's texts */
};

/* ---- Files ---- */

static void rotated_name(const struct log_source *s, unsigned number, bool compressed,
        char name[static LOG_ROTATED_NAME_MAX])
{
    if (number == 0)
        snprintf(name, LOG_ROTATED_NAME_MAX, "%s", s->name);
    else
        snprintf(name, LOG_ROTATED_NAME_MAX, "%s.%u%s", s->name, number, compressed ? ".gz" : "");
}

/* Unpacks a compressed file into memory: its size is what max-size allows. */
static int open_compressed(const struct log_source *s, const char *name)
{
    auto_close int from = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    auto_close int to = from >= 0 ? memfd_create("log", MFD_CLOEXEC) : -EBADF;
    char *argv[] = { "gzip", "-dc", NULL };
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    pid_t pid;

    if (from < 0 || to < 0)
        return -ENOENT;
    spawn.path = "gzip";
    spawn.argv = argv;
    spawn.stdin_fd = from;
    spawn.stdout_fd = to;
    spawn.stderr_fd = PROC_NULL;
    if (proc_spawn(&spawn, &pid, NULL, NULL) < 0 || proc_wait(pid) != 0)
        return -EIO;
    return TAKE_FD(to);
}

/* The file with that number in the rotation; -ENOENT when there is none. */
static int open_number(const struct log_source *s, unsigned number)
{
    char name[LOG_ROTATED_NAME_MAX];

    rotated_name(s, number, false, name);
    int fd = openat(s->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 || number == 0)
        return fd >= 0 ? fd : -errno;
    rotated_name(s, number, true, name);
    return open_compressed(s, name);
}

static void append_file(struct log_source *s, int fd, off_t offset)
{
    *ARRAY_APPEND(&s->files) = (struct log_file){ .fd = fd, .offset = offset };
}

static void drop_first_file(struct log_source *s)
{
    cleanup_close(&s->files.items[0].fd);
    s->files.len--;
    memmove(s->files.items, s->files.items + 1, s->files.len * sizeof(*s->files.items));
}

/* Where the last `*wanted` lines of a file begin; *wanted becomes what must come from older files. */
static off_t find_tail(int fd, int64_t *wanted)
{
    char chunk[LOG_CHUNK_BYTES];
    off_t end = lseek(fd, 0, SEEK_END), at = end;

    while (at > 0 && *wanted >= 0) {
        size_t size = at > (off_t)sizeof(chunk) ? sizeof(chunk) : (size_t)at;
        ssize_t n = pread(fd, chunk, size, at - (off_t)size);

        if (n != (ssize_t)size)
            return 0;
        for (ssize_t i = n - 1; i >= 0; i--) {
            off_t position = at - n + i;

            /* The break at the very end belongs to the last line. */
            if (chunk[i] != '\n' || position == end - 1)
                continue;
            if (--*wanted == 0)
                return position + 1;
        }
        at -= n;
    }
    if (end > 0 && *wanted > 0)
        --*wanted; /* the first line has no break before it */
    return 0;
}

/* The files that are there, as far back as `tail` asks. */
static void open_files(struct log_source *s, int64_t tail)
{
    struct log_file found[LOG_FILES_MAX];
    size_t count = 0;

    for (unsigned number = 0; number < LOG_FILES_MAX; number++) {
        int fd = open_number(s, number);
        off_t offset = 0;

        if (fd < 0 && number > 0)
            break;
        if (fd < 0)
            continue; /* just being rotated, or nothing was written yet */
        if (tail == 0)
            offset = lseek(fd, 0, SEEK_END);
        else if (tail > 0)
            offset = find_tail(fd, &tail);
        found[count++] = (struct log_file){ .fd = fd, .offset = offset };
        if (tail == 0)
            break;
    }
    while (count > 0) {
        count--;
        append_file(s, found[count].fd, found[count].offset);
    }
}

/* The file that comes after the one that is being read, which is at its end: 1 when there is one. */
static int next_file(struct log_source *s)
{
    struct stat st, other;
    int newer = -EBADF;

    if (s->files.len > 1) {
        drop_first_file(s);
        return 1;
    }
    if (s->files.len == 0) {
        newer = open_number(s, 0);
        if (newer < 0)
            return 0;
        append_file(s, newer, 0);
        return 1;
    }
    if (fstat(s->files.items[0].fd, &st) < 0)
        return 0;
    if (st.st_size < s->files.items[0].offset) { /* truncated: a rotation with one file */
        s->files.items[0].offset = 0;
        s->start = s->len = 0;
        return st.st_size > 0;
    }
    for (unsigned number = 0; number < LOG_FILES_MAX; number++) {
        int fd = open_number(s, number);

        if (fd < 0 && number > 0)
            break;
        if (fd >= 0 && fstat(fd, &other) == 0 && other.st_ino == st.st_ino &&
                other.st_dev == st.st_dev) {
            close(fd);
            break;
        }
        cleanup_close(&newer);
        newer = fd; /* the oldest of those that are newer than ours, so far */
    }
    if (newer < 0)
        return 0;
    append_file(s, newer, 0);
    drop_first_file(s);
    s->start = s->len = 0; /* a line that was cut by the rotation does not go on */
    return 1;
}

/* ---- Lines ---- */

/* More bytes of the present file: 1 some, 0 none. */
static int fill(struct log_source *s)
{
    if (s->files.len == 0)
        return 0;
    if (s->start > 0) {
        memmove(s->buffer, s->buffer + s->start, s->len - s->start);
        s->len -= s->start;
        s->start = 0;
    }
    if (s->len >= LOG_JSON_LINE_MAX_BYTES)
        s->len = 0; /* no line of ours: skipped up to the next break */
    if (s->cap - s->len < LOG_CHUNK_BYTES) {
        s->cap = s->len + LOG_CHUNK_BYTES;
        s->buffer = mem_realloc_array(s->buffer, s->cap, 1);
    }
    ssize_t n = pread(
            s->files.items[0].fd, s->buffer + s->len, LOG_CHUNK_BYTES, s->files.items[0].offset);
    if (n <= 0)
        return 0;
    s->len += (size_t)n;
    s->files.items[0].offset += n;
    return 1;
}

/* A line that is not of the format (a disk that was full) is passed over. */
static bool parse_line(struct log_source *s, const char *text, size_t len)
{
    json_t *line = json_loadb(text, len, JSON_ALLOW_NUL, NULL);
    const char *time = jsonx_string(line, "time");

    if (!time || !json_is_string(json_object_get(line, "log")) ||
            time_parse_rfc3339(time, &s->time_nsec) < 0) {
        json_decref(line);
        return false;
    }
    s->line = line;
    return true;
}

static bool is_wanted(const struct log_options *options, struct log_source *s)
{
    if (options->until_nsec && s->time_nsec > options->until_nsec) {
        s->ended = true;
        return false;
    }
    return !options->since_nsec || s->time_nsec >= options->since_nsec;
}

/* Parses until the source holds an entry, or there is none now. */
static void advance(const struct log_options *options, struct log_source *s)
{
    while (!s->line && !s->ended) {
        char *at = s->buffer ? s->buffer + s->start : NULL;
        char *end = at ? memchr(at, '\n', s->len - s->start) : NULL;

        if (!end) {
            if (fill(s) || ((options->follow || s->files.len > 1) && next_file(s)))
                continue;
            return;
        }
        s->start = (size_t)(end + 1 - s->buffer);
        if (parse_line(s, at, (size_t)(end - at)) && !is_wanted(options, s)) {
            json_decref(s->line);
            s->line = NULL;
        }
    }
}

/* ---- Reader ---- */

static void source_free(struct log_reader *reader, struct log_source *s)
{
    if (s->watch >= 0)
        inotify_rm_watch(reader->inotify_fd, s->watch);
    while (s->files.len > 0)
        drop_first_file(s);
    ARRAY_RELEASE(&s->files);
    cleanup_close(&s->dir_fd);
    json_decref(s->line);
    free(s->buffer);
    free(s);
}

int log_reader_new(const struct log_options *options, struct log_reader **ret, struct error **err)
{
    auto_(log_reader_free_p) struct log_reader *reader = NEW(struct log_reader);

    reader->options = *options;
    reader->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (reader->inotify_fd < 0)
        return error_set(err, errno, NULL, "cannot watch logs");
    *ret = TAKE(reader);
    return 0;
}

void log_reader_free(struct log_reader *reader)
{
    if (!reader)
        return;
    for (size_t i = 0; i < reader->sources.len; i++)
        source_free(reader, reader->sources.items[i]);
    ARRAY_RELEASE(&reader->sources);
    json_decref(reader->given);
    cleanup_close(&reader->inotify_fd);
    free(reader);
}

static int watch(
        struct log_reader *reader, struct log_source *s, const char *id, struct error **err)
{
    char path[64];

    if (!reader->options.follow)
        return 0;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", s->dir_fd);
    s->watch = inotify_add_watch(
            reader->inotify_fd, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE_SELF);
    if (s->watch < 0)
        return error_set(err, errno, NULL, "cannot watch the log of container %.12s", id);
    return 0;
}

int log_reader_add(struct log_reader *reader, struct engine *engine, const char *container_id,
        void *userdata, struct error **err)
{
    auto_(arena_release) struct arena arena = ARENA_INIT;
    struct container *c = NULL;
    struct log_source *s;
    int r = container_get(engine, &arena, container_id, &c, err);

    if (r < 0)
        return r;
    if (c->config.log_driver && strcmp(c->config.log_driver, "none") == 0)
        return error_set_plain(
                err, ENOTSUP, NULL, "configured logging driver does not support reading");
    int dir_fd = container_open_dir(engine, c->id, err);
    if (dir_fd < 0)
        return dir_fd;
    s = NEW(struct log_source);
    s->userdata = userdata;
    s->dir_fd = dir_fd;
    s->watch = -1;
    snprintf(s->name, sizeof(s->name), "%s-json.log", c->id);
    r = watch(reader, s, c->id, err); /* before the files are looked at: nothing is missed */
    if (r < 0) {
        source_free(reader, s);
        return r;
    }
    open_files(s, reader->options.tail);
    *ARRAY_APPEND(&reader->sources) = s;
    return 0;
}

void log_reader_remove(struct log_reader *reader, void *userdata)
{
    for (size_t i = reader->sources.len; i > 0; i--) {
        struct log_source **at = &reader->sources.items[i - 1];

        if ((*at)->userdata != userdata)
            continue;
        source_free(reader, *at);
        memmove(at, at + 1, (reader->sources.len - i) * sizeof(*at));
        reader->sources.len--;
    }
}

static void drain_events(struct log_reader *reader)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

    while (read(reader->inotify_fd, events, sizeof(events)) > 0)
        continue;
}

int log_reader_next(struct log_reader *reader, struct log_entry *ret, struct error **err)
{
    struct log_source *first = NULL;
    const char *stream;

    (void)err;
    /* What is written from here on makes the descriptor readable again. */
    drain_events(reader);
    for (size_t i = 0; i < reader->sources.len; i++) {
        struct log_source *s = reader->sources.items[i];

        advance(&reader->options, s);
        if (s->line && (!first || s->time_nsec < first->time_nsec))
            first = s;
    }
    if (!first)
        return 0;
    json_decref(reader->given);
    reader->given = TAKE(first->line);
    stream = jsonx_string(reader->given, "stream");
    *ret = (struct log_entry){
        .userdata = first->userdata,
        .is_stderr = stream && strcmp(stream, "stderr") == 0,
        .time_nsec = first->time_nsec,
        .time = jsonx_string(reader->given, "time"),
        .text = json_string_value(json_object_get(reader->given, "log")),
        .len = json_string_length(json_object_get(reader->given, "log")),
        .attrs = json_object_get(reader->given, "attrs"),
    };
    return 1;
}

int log_reader_fd(const struct log_reader *reader)
{
    return reader->inotify_fd;
}
