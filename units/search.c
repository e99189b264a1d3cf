#include "units/search.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "base/str.h"

/* Links are resolved, so this only stops what no one would make by hand. */
enum { DEPTH_MAX = 128 };

enum entry_kind { ENTRY_OTHER, ENTRY_DIRECTORY, ENTRY_LINK };

struct entry {
    const char *name;
    enum entry_kind kind;
};

struct entries {
    struct entry *items;
    size_t len, cap;
};

struct walk {
    struct search *search;
    search_filter_fn accept;
    void *userdata;
};

void search_init(struct search *search, struct arena *arena)
{
    *search = (struct search){ .arena = arena };
    strmap_init_arena(&search->visited, arena);
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static enum entry_kind entry_kind(int dir_fd, const struct dirent *entry)
{
    struct stat status;

    switch (entry->d_type) {
    case DT_DIR:
        return ENTRY_DIRECTORY;
    case DT_LNK:
        return ENTRY_LINK;
    case DT_UNKNOWN: /* file systems that do not say */
        if (fstatat(dir_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            return ENTRY_OTHER;
        return S_ISDIR(status.st_mode)   ? ENTRY_DIRECTORY
               : S_ISLNK(status.st_mode) ? ENTRY_LINK
                                         : ENTRY_OTHER;
    default:
        return ENTRY_OTHER;
    }
}

static int read_entries(struct arena *arena, const char *path, struct entries *ret)
{
    auto_closedir DIR *dir = opendir(path);

    if (!dir)
        return -errno;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);

        if (!entry)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        *ARRAY_APPEND_ARENA(arena, ret) = (struct entry){ arena_strdup(arena, entry->d_name),
            entry_kind(dirfd(dir), entry) };
    }
    if (errno)
        return -errno;
    if (ret->len)
        qsort(ret->items, ret->len, sizeof(*ret->items), compare_entries);
    return 0;
}

int search_read_names(struct arena *arena, const char *path, struct strings *ret)
{
    struct entries entries = { 0 };
    int r = read_entries(arena, path, &entries);

    if (r < 0)
        return r;
    ARRAY_FOREACH(&entries, entry)
        *ARRAY_APPEND_ARENA(arena, ret) = (char *)entry->name;
    return 0;
}

static struct search_dir *add_dir(struct search *search, const char *path)
{
    struct search_dir *dir = ARRAY_APPEND_ARENA(search->arena, &search->dirs);

    dir->path = path;
    strmap_set(&search->visited, path, search); /* any value but NULL */
    return dir;
}

static void visit_resolved(struct walk *walk, const char *path, unsigned depth);

/* `path` may be a link or not be there at all. */
static void visit(struct walk *walk, const char *path, unsigned depth)
{
    struct search *search = walk->search;
    auto_free char *resolved = realpath(path, NULL);
    struct stat status;

    if (!resolved) {
        add_dir(search, path)->error = errno;
        return;
    }
    if (stat(resolved, &status) == 0 && S_ISDIR(status.st_mode))
        visit_resolved(walk, arena_strdup(search->arena, resolved), depth);
}

/* `path` is a directory, by a path without links. */
static void visit_resolved(struct walk *walk, const char *path, unsigned depth)
{
    struct search *search = walk->search;
    struct entries entries = { 0 };

    if (depth > DEPTH_MAX || strmap_has(&search->visited, path) || string_has_suffix(path, ".d") ||
            (walk->accept && !walk->accept(walk->userdata, path)))
        return;
    size_t index = search->dirs.len;
    struct search_dir *dir = add_dir(search, path);

    dir->error = -read_entries(search->arena, path, &entries);
    if (dir->error)
        return;
    ARRAY_FOREACH(&entries, entry) {
        *ARRAY_APPEND_ARENA(search->arena, &search->dirs.items[index].names) = (char *)entry->name;
        search->has_dropins |= string_has_suffix(entry->name, ".d");
    }
    ARRAY_FOREACH(&entries, entry) {
        if (entry->kind == ENTRY_OTHER)
            continue;
        const char *below = arena_printf(
                search->arena, "%s/%s", strcmp(path, "/") == 0 ? "" : path, entry->name);

        if (entry->kind == ENTRY_DIRECTORY)
            visit_resolved(walk, below, depth + 1);
        else
            visit(walk, below, depth + 1);
    }
}

void search_add(struct search *search, const char *path, search_filter_fn accept, void *userdata)
{
    struct walk walk = { search, accept, userdata };

    visit(&walk, arena_strdup(search->arena, path), 0);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool search_dir_has(const struct search_dir *dir, const char *name)
{
    return dir->names.len && bsearch(&name, dir->names.items, dir->names.len,
                                     sizeof(*dir->names.items), compare_names);
}
