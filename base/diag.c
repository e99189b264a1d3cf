#include "base/diag.h"

#include <assert.h>
#include <stdlib.h>

#include "base/array.h"
#include "base/str.h"

void diag_release(struct diag *diag)
{
    if (!diag)
        return;
    arena_release(&diag->arena);
    *diag = (struct diag)DIAG_INIT;
}

struct diag_entry *diag_add(struct diag *diag, enum diag_severity severity, const char *id,
        const struct source *at, const char *format, ...)
{
    va_list args;

    if (!diag)
        return NULL;
    assert(severity < DIAG_SEVERITY_MAX_);
    diag->errors += severity == DIAG_ERROR;
    diag->warnings += severity == DIAG_WARNING;
    if (diag->len >= (diag->max ? diag->max : DIAG_MAX_DEFAULT))
        return NULL;

    struct diag_entry *entry = ARRAY_APPEND_ARENA(&diag->arena, diag);
    entry->severity = severity;
    entry->id = arena_strdup(&diag->arena, id);
    if (at && at->file)
        entry->at = (struct source){ arena_strdup(&diag->arena, at->file), at->line, at->column };
    va_start(args, format);
    entry->message = arena_vprintf(&diag->arena, format, args);
    va_end(args);
    return entry;
}

void diag_hint(struct diag *diag, struct diag_entry *entry, const char *format, ...)
{
    va_list args;

    if (!diag || !entry || !format)
        return;
    va_start(args, format);
    entry->hint = arena_vprintf(&diag->arena, format, args);
    va_end(args);
}

struct sort_key {
    struct diag_entry entry;
    size_t file_rank, position;
};

static int compare_sizes(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int compare_keys(const void *left, const void *right)
{
    const struct sort_key *a = left, *b = right;
    int order = compare_sizes(a->file_rank, b->file_rank);

    if (order == 0)
        order = compare_sizes(a->entry.at.line, b->entry.at.line);
    if (order == 0)
        order = compare_sizes(a->entry.at.column, b->entry.at.column);
    return order ? order : compare_sizes(a->position, b->position);
}

static bool is_same_file(const char *a, const char *b)
{
    return a == b || string_is_equal(a, b);
}

void diag_sort(struct diag *diag)
{
    if (!diag || diag->len < 2)
        return;
    struct arena_mark mark = arena_mark(&diag->arena);
    struct sort_key *keys = ARENA_NEW_ARRAY(&diag->arena, diag->len, struct sort_key);

    for (size_t i = 0; i < diag->len; i++) {
        size_t rank = 0; /* the first entry of the same file; len is bounded by max */

        while (!is_same_file(diag->items[rank].at.file, diag->items[i].at.file))
            rank++;
        keys[i] = (struct sort_key){ diag->items[i], rank, i };
    }
    qsort(keys, diag->len, sizeof(*keys), compare_keys);
    for (size_t i = 0; i < diag->len; i++)
        diag->items[i] = keys[i].entry;
    arena_rewind(&diag->arena, mark);
}
