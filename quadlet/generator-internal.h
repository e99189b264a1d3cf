/* The parts of berth-generator: how it was called, where its messages go, where its units go. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"
#include "quadlet/emit.h"

struct arena;
struct diag;
struct quadlet;

/* Messages go to the kernel's log, since nothing else is there when generators run, and to standard
 * error when that cannot be had or is not wanted. */
struct generator_log {
    bool use_kmsg;
    bool is_verbose;
    int kmsg_fd;
    const char *prefix;    /* of each message */
    struct strbuf pending; /* lines for standard error, written together */
};

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARNING = 4, LOG_LEVEL_DEBUG = 7 };

void generator_log(struct generator_log *log, enum log_level level, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* "Loading source unit file PATH", said of each file: the one message worth no format. */
void generator_log_loading(struct generator_log *log, const char *what, const char *path);

void generator_log_flush(struct generator_log *log);

/* Logs all findings and empties the collector; `converting` is the document they belong to, or NULL.
 * Returns how many errors there were. */
size_t generator_log_findings(
        struct generator_log *log, struct diag *diag, const struct quadlet *converting);

struct generator_output {
    struct generator_log *log;
    const char *directory; /* NULL: dry run, to standard output */
    int directory_fd;
    const char *program; /* argv[0], for the comment in each unit */
    struct strbuf text;  /* of the unit in the making; of all units in a dry run */
};

#define GENERATOR_TEXT_MAX_BYTES (64u << 20)

/* Makes the directory when it is not there. 0, or -errno after a message. */
int generator_output_open(struct generator_output *output);

/* Writes a unit whole or not at all, and makes its links. 0, or -errno after a message. */
int generator_output_unit(
        struct generator_output *output, const struct quadlet_unit *unit, struct arena *arena);

/* The same for a unit of a Compose project. */
struct project_unit;
int generator_output_project_unit(
        struct generator_output *output, const struct project_unit *unit, struct arena *arena);

/* What a dry run collected goes out. */
int generator_output_close(struct generator_output *output);
