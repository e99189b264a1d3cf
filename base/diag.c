#include "base/diag.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/array.h"
#include "base/cleanup.h"
#include "base/str.h"

void diag_release(struct diag *diag)
{
    if (!diag)
        return;
    arena_release(&diag->arena);
    strmap_release(&diag->files.index);
    strmap_release(&diag->known);
    *diag = (struct diag)DIAG_INIT;
}

static struct source copy_place(struct diag *diag, const struct source *at)
{
    return (struct source){ arena_strdup(&diag->arena, at->file), at->line, at->column };
}

/* A file that is read for several services has its mistakes once, and so has a value that an anchor brings to several
 * places: what is said in front of the first ": " names the place in the tree. A file that comes in by several ways
 * tells of each. */
static bool is_known(struct diag *diag, const struct diag_entry *entry)
{
    const struct source *at = &entry->at, *from = &entry->route.from;
    const char *tail = strstr(entry->message, ": ");

    if (!at->file)
        return false;
    const char *key = arena_printf(&diag->arena, "%s:%u:%u:%s:%u:%u:%s", at->file, at->line,
            at->column, from->file ? from->file : "", from->line, from->column,
            tail ? tail : entry->message);

    if (strmap_has(&diag->known, key))
        return true;
    (void)strmap_set(&diag->known, key, NULL);
    return false;
}

struct diag_entry *diag_add(struct diag *diag, enum diag_severity severity, const char *id,
        const struct source *at, const char *format, ...)
{
    va_list args;

    if (!diag)
        return NULL;
    assert(severity < DIAG_SEVERITY_MAX_);
    bool is_kept = diag->len < (diag->max ? diag->max : DIAG_MAX_DEFAULT);
    struct diag_entry entry = { .severity = severity };
    const struct arena_mark before = arena_mark(&diag->arena);

    if (is_kept) {
        entry.id = arena_strdup(&diag->arena, id);
        if (at && at->file)
            entry.at = copy_place(diag, at);
        if (at && diag->scope.file && string_is_equal(at->file, diag->scope.file))
            entry.route = (struct diag_route){ entry.at.file, diag->scope.way,
                copy_place(diag, &diag->scope.from) };
        va_start(args, format);
        entry.message = arena_vprintf(&diag->arena, format, args);
        va_end(args);
        if (is_known(diag, &entry)) { /* an alias may bring it a million times */
            arena_rewind(&diag->arena, before);
            return NULL;
        }
    }
    diag->errors += severity == DIAG_ERROR;
    diag->warnings += severity == DIAG_WARNING;
    if (!is_kept)
        return NULL;
    struct diag_entry *added = ARRAY_APPEND_ARENA(&diag->arena, diag);

    *added = entry;
    return added;
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

bool diag_may_search(struct diag *diag, const struct diag_entry *entry, size_t names)
{
    if (!diag || !entry || diag->searched > DIAG_SEARCHES_MAX)
        return false;
    diag->searched += names;
    return true;
}

static const char *const way_names[] = {
    [DIAG_WAY_NAMED] = "named by the user",
    [DIAG_WAY_MERGED] = "merged onto",
    [DIAG_WAY_INCLUDED] = "included from",
    [DIAG_WAY_EXTENDED] = "extended from",
    [DIAG_WAY_READ] = "read for",
};
_Static_assert(ARRAY_LEN(way_names) == DIAG_WAY_MAX_, "name every way");

const char *diag_way_name(enum diag_way way)
{
    assert(way < DIAG_WAY_MAX_);
    return way_names[way];
}

static struct diag_file *find_file(const struct diag *diag, const char *name)
{
    uintptr_t position = (uintptr_t)strmap_get(&diag->files.index, name);

    return position ? &diag->files.items[position - 1] : NULL;
}

const struct diag_file *diag_find_file(const struct diag *diag, const char *name)
{
    return diag && name ? find_file(diag, name) : NULL;
}

static struct diag_file *new_file(struct diag *diag, const char *name)
{
    struct diag_file *file = ARRAY_APPEND_ARENA(&diag->arena, &diag->files);

    *file = (struct diag_file){ .route.file = arena_strdup(&diag->arena, name) };
    (void)strmap_set(&diag->files.index, name, (void *)(uintptr_t)diag->files.len);
    return file;
}

void diag_add_file(
        struct diag *diag, const char *name, enum diag_way way, const struct source *from)
{
    if (!diag || find_file(diag, name))
        return;
    struct diag_file *file = new_file(diag, name);

    if (!from || !from->file)
        return;
    file->route.way = way;
    file->route.from = copy_place(diag, from);
}

void diag_keep_text(struct diag *diag, const char *name, const char *text, size_t len_bytes)
{
    if (!diag)
        return;
    struct diag_file *file = find_file(diag, name);

    if (!file)
        file = new_file(diag, name);
    file->text = len_bytes ? arena_dup(&diag->arena, text, len_bytes) : "";
    file->text_len_bytes = len_bytes;
}

struct diag_route diag_first_route(const struct diag *diag, const struct diag_entry *entry)
{
    const struct diag_file *file = diag_find_file(diag, entry->at.file);

    if (entry->route.file)
        return entry->route;
    return file ? file->route : (struct diag_route){ 0 };
}

struct diag_route diag_next_route(const struct diag *diag, const struct diag_route *route)
{
    const struct diag_file *file = diag_find_file(diag, route->from.file);

    /* A file is noted before the files that it names; one that names itself leads nowhere. */
    return file && !string_is_equal(route->from.file, route->file) ? file->route
                                                                   : (struct diag_route){ 0 };
}

void diag_filter(struct diag *diag, bool (*keep)(void *userdata, const struct diag_entry *entry),
        void *userdata)
{
    size_t kept = 0;

    for (size_t i = 0; i < diag->len; i++) {
        const struct diag_entry entry = diag->items[i];

        if (keep(userdata, &entry)) {
            diag->items[kept++] = entry;
            continue;
        }
        diag->errors -= entry.severity == DIAG_ERROR;
        diag->warnings -= entry.severity == DIAG_WARNING;
    }
    diag->len = kept;
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
