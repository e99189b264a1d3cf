/* Reading containers' json-file logs, also while they are written and rotated. One reader holds any
 * number of containers and gives their lines in order of time; what is added later is read from then on.
 *
 *     log_reader_new(&options, &reader, err);
 *     log_reader_add(reader, engine, id, userdata, err);
 *     while ((r = log_reader_next(reader, &entry, err)) > 0)
 *         print(entry.userdata, entry.text, entry.len);
 *     … then, when following: poll log_reader_fd(reader), and go on with log_reader_next.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct engine;
struct error;
struct log_reader;

struct log_options {
    bool follow;
    int64_t tail;                   /* lines per container; -1: all */
    int64_t since_nsec, until_nsec; /* 0: unbounded */
};
#define LOG_OPTIONS_INIT \
    {                    \
        .tail = -1       \
    }

struct log_entry {
    void *userdata; /* as given to log_reader_add */
    bool is_stderr;
    int64_t time_nsec;
    const char *time; /* RFC 3339 as in the file; borrowed until the next call, like text */
    const char *text; /* with its line break, unless the line was cut or unfinished */
    size_t len;
    const struct json_t *attrs; /* what the log options select: an object of texts; NULL: nothing */
};

int log_reader_new(const struct log_options *options, struct log_reader **ret, struct error **err);
void log_reader_free(struct log_reader *reader);
DEFINE_CLEANUP(struct log_reader *, log_reader_free);

/* Fails with -ENOTSUP and Docker's words when the container's driver keeps no log that can be read. */
int log_reader_add(struct log_reader *reader, struct engine *engine, const char *container_id,
        void *userdata, struct error **err);
void log_reader_remove(struct log_reader *reader, void *userdata);

/* 1 an entry; 0 nothing more now (not following: the end). */
int log_reader_next(struct log_reader *reader, struct log_entry *ret, struct error **err);

/* Readable when there may be more. */
int log_reader_fd(const struct log_reader *reader);
