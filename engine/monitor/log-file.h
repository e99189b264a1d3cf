/* A container's log in Docker's json-file format: one object per line, rotated by size. Output
 * arrives in arbitrary pieces; lines are cut at newlines, at LIMIT_LOG_LINE_BYTES and at the end
 * of a stream. What has no newline yet is held back. A log that cannot be written (disk full)
 * loses whole lines, never blocks; rotated files are compressed beside the writing, which does not
 * wait for it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strbuf.h"

struct error;
struct log_journal;
struct monitor_log;

enum log_stream { LOG_STDOUT, LOG_STDERR, LOG_STREAM_MAX_ };

struct log_file {
    int dir_fd, fd; /* fd -EBADF: driver none */
    char *name;     /* in dir_fd */
    char *attrs;    /* "\"attrs\":{…}," or "" */
    uint64_t max_size_bytes, size_bytes;
    uint32_t max_files;
    bool compress, is_full;
    pid_t compressor;                    /* gzip at work; 0: none */
    uint32_t compressing;                /* the number that its file has now */
    struct strbuf held[LOG_STREAM_MAX_]; /* the beginning of a line */
    struct log_journal *journal;         /* gets every line, too; NULL: driver json-file */
    struct strbuf batch;                 /* formatted lines, written in one call */
};

int log_file_open(struct log_file *log, const struct monitor_log *config, struct error **err);
void log_file_close(struct log_file *log); /* writes what was held back */

/* To be called after a SIGCHLD: takes what gzip has made. */
void log_file_reap(struct log_file *log);

/* Takes output; what it completes is in the file when this returns. */
void log_file_write(struct log_file *log, enum log_stream stream, const char *data, size_t len,
        int64_t now_nsec);

/* The stream has ended: a line without newline is written as it is. */
void log_file_flush(struct log_file *log, enum log_stream stream, int64_t now_nsec);

/* One entry with its newline, as it stands in the file. `attrs` is "" or what log_file.attrs
 * says. */
void log_format_entry(struct strbuf *out, enum log_stream stream, const char *line, size_t len,
        const char *attrs, int64_t time_nsec);
