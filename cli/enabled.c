#include "cli/enabled.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/diag.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/compose.h"
#include "cli/report.h"
#include "compose/enabled.h"
#include "compose/graph.h"
#include "compose/project.h"

#define PROJECTS_DIR "projects"
#define FILE_MODE 0600
#define DIR_MODE 0755
#define PROJECTS_DIR_MODE 0700

const char *enabled_path(struct cli *cli, const char *name)
{
    return arena_printf(
            &cli->arena, "%s/" PROJECTS_DIR "/%s" ENABLED_SUFFIX, cli->config_dir, name);
}

enum bus_scope enabled_bus_scope(void)
{
    return geteuid() == 0 ? BUS_SYSTEM : BUS_USER;
}

bool enabled_systemd_runs(void)
{
    return access("/run/systemd/system", F_OK) == 0;
}

const char *enabled_digest_file(struct arena *arena, const char *path)
{
    auto_free char *data = NULL;
    char digest[DIGEST_TEXT_MAX];
    size_t len;

    if (fs_read_file(AT_FDCWD, path, LIMIT_COMPOSE_FILE_BYTES, &data, &len, NULL) < 0)
        return NULL;
    digest_sha256(data, len, digest);
    return arena_strdup(arena, digest);
}

int compose_open_enabled(struct cli *cli, const char *name, struct compose **ret)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_error struct error *err = NULL;
    struct enabled *enabled = NULL;
    const char *path = enabled_path(cli, name);
    int status = compose_begin(cli, 0, NULL, &compose);

    if (status)
        return status;
    if (access(path, F_OK) < 0)
        return report_failure(cli, "project \"%s\" is not enabled: there is no \"%s\"", name, path);
    int r = enabled_load(&compose->arena, path, ENABLED_ALL, &enabled, &diag, &err);
    report_diag(cli, &diag);
    if (r < 0)
        return diag_has_errors(&diag) ? EXIT_STATUS_FAILURE : report_error(cli, err);
    compose->is_unit = true;
    compose->project = enabled->project;
    compose->name = enabled->project->name;
    project_digest_files(compose->project);
    auto_free char *directory = realpath(enabled->directory, NULL);
    compose->directory = arena_strdup(&compose->arena, directory ? directory : enabled->directory);
    if (graph_build(&compose->arena, compose->project, &compose->graph, &err) < 0)
        return report_error(cli, err);
    *ret = TAKE(compose);
    return 0;
}

int compose_open_name(struct cli *cli, struct compose **ret)
{
    auto_(compose_free_p) struct compose *compose = NULL;
    auto_(diag_release) struct diag diag = DIAG_INIT;
    auto_error struct error *err = NULL;
    int status = compose_begin(cli, 0, NULL, &compose);

    if (status)
        return status;
    if (project_name_resolve(&compose->arena, &compose->load, &compose->name, &diag, &err) < 0)
        return report_diag(cli, &diag) ? EXIT_STATUS_FAILURE : report_error(cli, err);
    *ret = TAKE(compose);
    return 0;
}

int enabled_of_compose(struct compose *compose, struct enabled **ret)
{
    auto_(diag_release) struct diag diag = DIAG_INIT;
    const char *path = enabled_path(compose->cli, compose->name);

    if (access(path, F_OK) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
    int r = enabled_load(&compose->arena, path, ENABLED_ACTIVE, ret, &diag, NULL);
    return r < 0 ? r : 1;
}

void enabled_tell_changes(struct compose *compose)
{
    struct enabled *enabled = NULL;
    struct enabled_sources changes = { 0 };

    if (enabled_of_compose(compose, &enabled) <= 0)
        return;
    enabled_find_changes(&compose->arena, enabled, enabled_digest_file, &changes);
    ARRAY_FOREACH(&changes, change)
        report_warning(compose->cli,
                "%s %s since the project was enabled; to use it: berth compose up, or enable",
                change->path,
                change->digest ? "has changed" : "is not there any more, or was changed,");
}

/* ---- Writing ---- */

static void format(struct compose *all, const struct strings *profiles, struct strbuf *out)
{
    struct enabled_sources sources = { 0 };

    ARRAY_FOREACH(&all->project->sources, path)
        *ARRAY_APPEND_ARENA(&all->arena, &sources) = (struct enabled_source){ .path = *path,
            .digest = enabled_digest_file(&all->arena, *path) };
    enabled_format(all->project, profiles, &sources, out);
}

static bool is_written(const char *path, const struct strbuf *text)
{
    auto_free char *data = NULL;
    size_t len;

    return fs_read_file(AT_FDCWD, path, CLI_TEXT_MAX, &data, &len, NULL) >= 0 && len == text->len &&
           memcmp(data, text->data, len) == 0;
}

static int replace_file(
        struct compose *compose, const struct strbuf *text, const char *path, struct error **err)
{
    auto_close int config = fs_mkdir_parents(AT_FDCWD, compose->cli->config_dir, DIR_MODE, err);

    if (config < 0)
        return config;
    auto_close int dir = fs_mkdir_parents(config, PROJECTS_DIR, PROJECTS_DIR_MODE, err);
    return dir < 0 ? dir
                   : fs_replace_file(
                             dir, path_last(path), text->data, text->len, FILE_MODE, FS_SYNC, err);
}

int enabled_write(struct compose *compose, const struct strings *profiles, bool *ret_changed)
{
    auto_(compose_free_p) struct compose *all = NULL;
    auto_(strbuf_release) struct strbuf text = STRBUF_INIT(CLI_TEXT_MAX);
    auto_error struct error *err = NULL;
    const char *path = enabled_path(compose->cli, compose->name);
    int status = compose_load_all(compose, &all);

    if (status)
        return status;
    format(all, profiles, &text);
    if (strbuf_is_truncated(&text))
        return report_failure(compose->cli, "the project is longer than %u bytes", CLI_TEXT_MAX);
    bool changed = !is_written(path, &text);
    if (changed && replace_file(compose, &text, path, &err) < 0)
        return report_error(compose->cli, err);
    if (ret_changed)
        *ret_changed = changed;
    return 0;
}
