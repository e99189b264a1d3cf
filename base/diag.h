/* Collector of findings: errors, warnings and notes with their places, so that one run reports
 * everything that is wrong with a file. Libraries add, only cli/report.c prints. Owned by the caller,
 * used by one thread. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/source.h"

enum diag_severity { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE, DIAG_SEVERITY_MAX_ };

struct diag_entry {
    enum diag_severity severity;
    const char *id;   /* stable name such as "obsolete-version"; NULL where none was given */
    struct source at; /* .file NULL: no place */
    const char *message;
    const char *hint; /* NULL for none */
};

struct diag {
    struct arena arena;
    struct diag_entry *items;
    size_t len, cap;
    size_t errors, warnings;
    size_t max; /* further entries are counted but not kept; 0 means DIAG_MAX_DEFAULT */
};

#define DIAG_MAX_DEFAULT 1000
#define DIAG_INIT \
    {             \
        0         \
    }

void diag_release(struct diag *diag);

/* Adds a finding; NULL diag is ignored. Returns the entry so that a hint can be added, or NULL. */
struct diag_entry *diag_add(struct diag *diag, enum diag_severity severity, const char *id,
        const struct source *at, const char *format, ...) __attribute__((format(printf, 5, 6)));
void diag_hint(struct diag *diag, struct diag_entry *entry, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

static inline bool diag_has_errors(const struct diag *diag)
{
    return diag && diag->errors > 0;
}

void diag_sort(struct diag *diag); /* by file (in order of appearance), line, column; stable */
