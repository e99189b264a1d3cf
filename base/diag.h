/* Collector of findings: errors, warnings and notes with their places, so that one run reports
 * everything that is wrong with a file. Libraries add, only cli/report.c prints. Owned by the caller,
 * used by one thread. */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/source.h"
#include "base/strmap.h"

enum diag_severity { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE, DIAG_SEVERITY_MAX_ };

/* How a file came to be read, when the user did not name it. */
enum diag_way {
    DIAG_WAY_NAMED,
    DIAG_WAY_MERGED,   /* onto another file */
    DIAG_WAY_INCLUDED, /* by `include` */
    DIAG_WAY_EXTENDED, /* by `extends` of a service */
    DIAG_WAY_READ,     /* a file of variables or labels */
    DIAG_WAY_MAX_,
};

/* A file and what named it. */
struct diag_route {
    const char *file; /* as entries have it; NULL: none */
    enum diag_way way;
    struct source from; /* .file NULL with DIAG_WAY_NAMED */
};

struct diag_entry {
    enum diag_severity severity;
    const char *id;   /* stable name such as "obsolete-version"; NULL where none was given */
    struct source at; /* .file NULL: no place */
    const char *message;
    const char *hint;        /* NULL for none */
    struct diag_route route; /* how this finding's file came in, where it came in by several ways */
};

/* A file that findings may be in. */
struct diag_file {
    struct diag_route route;
    const char *text;      /* its bytes when it cannot be read again (standard input); else NULL */
    size_t text_len_bytes; /* of `text` */
};
struct diag_files {
    struct diag_file *items;
    size_t len, cap;
    struct strmap index; /* name -> position + 1 */
};

struct diag {
    struct arena arena;
    struct diag_entry *items;
    size_t len, cap;
    struct diag_files files;
    struct strmap known;     /* "file:line:column:message" of what is kept: nothing is said twice */
    struct diag_route scope; /* route of the findings in scope.file that are added now; borrowed */
    size_t errors, warnings;
    size_t searched; /* names, see diag_may_search */
    size_t max;      /* further entries are counted but not kept; 0 means DIAG_MAX_DEFAULT */
};

#define DIAG_MAX_DEFAULT 1000
#define DIAG_SEARCHES_MAX 5000000 /* names that are looked through for "did you mean", in all */
#define DIAG_INIT \
    {             \
        0         \
    }

void diag_release(struct diag *diag);

/* Adds a finding; NULL diag is ignored, and so is what was said of the same place already. Returns the entry so that a
 * hint can be added, or NULL. */
struct diag_entry *diag_add(struct diag *diag, enum diag_severity severity, const char *id,
        const struct source *at, const char *format, ...) __attribute__((format(printf, 5, 6)));
void diag_hint(struct diag *diag, struct diag_entry *entry, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

/* Whether it is worth while to look through so many names for a hint: the hints of the first findings are read, those
 * of the thousandth are not. */
bool diag_may_search(struct diag *diag, const struct diag_entry *entry, size_t names);

/* Notes by which way a file came in; the first note about a file counts. `from` may be NULL. */
void diag_add_file(
        struct diag *diag, const char *name, enum diag_way way, const struct source *from);
/* Keeps (copies) the bytes of a file that nobody can read again. */
void diag_keep_text(struct diag *diag, const char *name, const char *text, size_t len_bytes);
/* What is known of a file; NULL: nothing. */
const struct diag_file *diag_find_file(const struct diag *diag, const char *name);

/* By which ways the finding's file came in, nearest first, until .way is DIAG_WAY_NAMED. */
struct diag_route diag_first_route(const struct diag *diag, const struct diag_entry *entry);
struct diag_route diag_next_route(const struct diag *diag, const struct diag_route *route);
const char *diag_way_name(enum diag_way way); /* "included from" */

/* Drops the findings that `keep` says no to, in the order of the collection. */
void diag_filter(struct diag *diag, bool (*keep)(void *userdata, const struct diag_entry *entry),
        void *userdata);

static inline bool diag_has_errors(const struct diag *diag)
{
    return diag && diag->errors > 0;
}

void diag_sort(struct diag *diag); /* by file (in order of appearance), line, column; stable */
