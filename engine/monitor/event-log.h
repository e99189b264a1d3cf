/* What happened, for `events`: RUN/events.log, an object per line in the form of Docker's API, appended by whoever
 * did it, command or monitor. A convenience, not a record that anything depends on: an event that cannot be
 * written is lost, and of a long history only the end is kept (two files of at most EVENT_LOG_MAX_BYTES).
 *
 * Readers wait on inotify; nobody polls.
 *
 *     auto_(event_reader_free_p) struct event_reader *reader = NULL;
 *     int r = event_reader_new(run_dir_fd, &reader, err);
 *     while (r >= 0 && (r = event_reader_next(reader, &line, err)) > 0) …      then poll event_reader_fd() */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/str.h"

struct error;

#define EVENT_LOG_FILE "events.log"
#define EVENT_LOG_OLD_FILE "events.log.1"
#define EVENT_LOG_MAX_BYTES (4u << 20)
#define EVENT_LINE_MAX_BYTES 65536

/* "type action" happened to `id`, now. `attributes` are the members of a JSON object without its braces
 * ("\"image\":\"x\"", empty or NULL: none); key and value (NULL: none) one more. `dir_path` is RUN, from dir_fd. */
struct event {
    const char *type, *action, *id;
    const char *attributes;
    const char *key, *value;
};
void event_log_append(int dir_fd, const char *dir_path, const struct event *event);

struct event_reader;

int event_reader_new(int run_dir_fd, struct event_reader **ret, struct error **err);
void event_reader_free(struct event_reader *reader);
DEFINE_CLEANUP(struct event_reader *, event_reader_free);

/* 1 and the next line, from the oldest that is kept (borrowed until the next call); 0: no more yet. */
int event_reader_next(struct event_reader *reader, struct str *ret, struct error **err);
int event_reader_fd(const struct event_reader *reader); /* readable when there may be more */
