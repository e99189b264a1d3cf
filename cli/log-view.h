/* Log lines of one or many containers on the terminal: names in front, one colour per container, times,
 * following until all have ended or the user interrupts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "engine/container/logs.h"

struct cli;
struct engine;
struct error;

struct log_view_options {
    struct log_options read;
    bool timestamps;
    bool details;   /* the attributes that the log options select, before each line */
    bool no_prefix; /* no "name  | " in front */
    bool no_colour;
    bool split_streams; /* standard error goes to standard error (docker logs) */
};

struct log_view;
int log_view_new(struct cli *cli, struct engine *engine, const struct log_view_options *options,
        struct log_view **ret, struct error **err);
void log_view_free(struct log_view *view);
DEFINE_CLEANUP(struct log_view *, log_view_free);

/* Adds a container; `label` (copied) stands in front of its lines. Fails for a driver without a log. */
int log_view_add(
        struct log_view *view, const char *container_id, const char *label, struct error **err);

/* Prints what is there now. */
int log_view_drain(struct log_view *view, struct error **err);

/* Prints a line of berth's own among them: "web-1 exited with code 0". */
void log_view_note(struct log_view *view, const char *container_id, const char *text);

/* Prints a line of no container: what `watch` says. */
void log_view_tell(struct log_view *view, const char *text);

/* True while the last line on the screen is not ended. */
bool log_view_is_within_line(const struct log_view *view);

/* To wait on. */
int log_view_fd(const struct log_view *view);

/* --tail and --since / --until into log options; -EINVAL names the option. */
int log_view_parse(const char *tail, const char *since, const char *until, struct log_options *ret,
        struct error **err);
