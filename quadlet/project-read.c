#include "quadlet/project-read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "base/strmap.h"
#include "compose/enabled.h"
#include "compose/graph.h"
#include "quadlet/project-units.h"

#define STOPPED_SUFFIX ".stopped"

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct strings project_list_enabled(struct arena *arena, const char *directory)
{
    struct strings paths = { 0 };
    auto_closedir DIR *dir = opendir(directory);

    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.' && string_has_suffix(entry->d_name, ENABLED_SUFFIX))
            *ARRAY_APPEND_ARENA(arena, &paths) = path_join(arena, directory, entry->d_name);
    if (paths.len > 1)
        qsort(paths.items, paths.len, sizeof(*paths.items), compare_paths);
    return paths;
}

static const char *name_of(struct arena *arena, const char *path)
{
    const char *file = path_last(path);

    return arena_strndup(arena, file, strlen(file) - strlen(ENABLED_SUFFIX));
}

const char *project_stopped_path(struct arena *arena, const char *path)
{
    return arena_printf(
            arena, "%.*s" STOPPED_SUFFIX, (int)(strlen(path) - strlen(ENABLED_SUFFIX)), path);
}

void project_read_stopped(struct arena *arena, const char *path, struct strmap *ret)
{
    auto_free char *data = NULL;
    const char *file = project_stopped_path(arena, path);
    size_t len;

    if (fs_read_file(AT_FDCWD, file, LIMIT_ENV_FILE_BYTES, &data, &len, NULL) < 0)
        return;
    struct str rest = { data, len }, line;
    while (str_split_next(&rest, '\n', &line))
        if (line.len)
            (void)strmap_set(ret, arena_strndup(arena, line.data, line.len), ret);
}

static int make_units(struct arena *arena, const char *path,
        const struct project_units_options *options, struct project_units *ret, struct diag *diag,
        struct error **err)
{
    struct project_units_options own = *options;
    struct enabled *enabled = NULL;
    struct graph *graph = NULL;
    struct strmap stopped;
    int r = enabled_load(arena, path, ENABLED_ALL, &enabled, diag, err);

    if (r >= 0)
        r = graph_build(arena, enabled->project, &graph, err);
    if (r < 0)
        return r;
    if (strcmp(enabled->project->name, name_of(arena, path)) != 0)
        return error_set_plain(err, EINVAL, NULL, "%s: the project in it is called \"%s\"", path,
                enabled->project->name);
    strmap_init_arena(&stopped, arena);
    project_read_stopped(arena, path, &stopped);
    own.profiles = &enabled->profiles;
    own.stopped = &stopped;
    own.source_path = path;
    return project_make_units(arena, enabled->project, graph, &own, ret, diag);
}

/* "FILE:LINE:COLUMN: message" of each error. */
static struct strings error_texts(struct arena *arena, const struct diag *diag)
{
    struct strings texts = { 0 };

    ARRAY_FOREACH(diag, entry) {
        if (entry->severity != DIAG_ERROR)
            continue;
        *ARRAY_APPEND_ARENA(arena,
                &texts) = entry->at.file ? arena_printf(arena, "%s:%u:%u: %s", entry->at.file,
                                                   entry->at.line, entry->at.column, entry->message)
                                         : arena_strdup(arena, entry->message);
    }
    return texts;
}

int project_read_units(struct arena *arena, const char *path,
        const struct project_units_options *options, struct project_units *ret, struct diag *diag)
{
    auto_error struct error *err = NULL;
    const size_t before = diag->len;
    int r = make_units(arena, path, options, ret, diag, &err);

    if (r >= 0)
        return 0;
    if (diag->len == before && err) {
        auto_(strbuf_release) struct strbuf text = STRBUF_INIT(ERROR_ENCODED_MAX_BYTES);

        error_format(err, &text);
        diag_add(diag, DIAG_ERROR, "project", &err->at, "%s", text.data);
    }
    struct strings errors = error_texts(arena, diag);
    struct project_units_options own = *options;
    own.source_path = path;
    project_make_placeholder(arena, name_of(arena, path), &errors, &own, ret);
    return -EINVAL;
}
