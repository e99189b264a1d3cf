/* What is done with the files of units.h. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/limits.h"
#include "base/path.h"
#include "base/proc.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "cli/cli.h"
#include "cli/quadlets.h"
#include "cli/report.h"
#include "cli/units.h"

#define DIRECTORY_MODE 0755
#define FILE_MODE 0600 /* as what is enabled: environments may hold what is not for everybody */
#define DIFF_MAX_BYTES (16u << 20)
#define ANALYZE "systemd-analyze"

void units_print(struct cli *cli, const struct units_files *files)
{
    ARRAY_FOREACH(files, file) {
        if (files->len > 1)
            cli_print(cli, "---%s---\n", file->name);
        cli_print_text(cli, file->text, strlen(file->text));
        ARRAY_FOREACH(&file->links, link)
            cli_print(cli, "# wanted: %s\n", link->path);
        if (files->len > 1)
            cli_print(cli, "\n");
    }
}

/* ---- Writing ---- */

static int write_link(
        int dir, struct arena *arena, const struct quadlet_link *link, struct error **err)
{
    auto_close int parent = -EBADF;

    if (!link->target || string_has_prefix(link->path, "..") || *link->path == '/')
        return 0; /* the generator does not make it either */
    parent = fs_mkdir_parents(dir, path_parent(arena, link->path), DIRECTORY_MODE, err);
    if (parent < 0)
        return parent;
    if (unlinkat(dir, link->path, 0) < 0 && errno != ENOENT)
        return error_set(err, errno, NULL, "cannot replace \"%s\"", link->path);
    if (symlinkat(link->target, dir, link->path) < 0)
        return error_set(err, errno, NULL, "cannot make the link \"%s\"", link->path);
    return 0;
}

static int write_all(const struct units_files *files, const char *directory, struct arena *arena,
        struct error **err)
{
    auto_close int dir = fs_mkdir_parents(AT_FDCWD, directory, DIRECTORY_MODE, err);
    int r = dir < 0 ? dir : 0;

    for (size_t i = 0; i < files->len && r >= 0; i++) {
        const struct units_file *file = &files->items[i];

        r = fs_replace_file(
                dir, file->name, file->text, strlen(file->text), FILE_MODE, FS_NO_SYNC, err);
        for (size_t j = 0; j < file->links.len && r >= 0; j++)
            r = write_link(dir, arena, &file->links.items[j], err);
    }
    return r;
}

int units_write(struct cli *cli, const struct units_files *files, const char *directory)
{
    auto_error struct error *err = NULL;

    if (write_all(files, directory, &cli->arena, &err) < 0)
        return report_error(cli, err);
    ARRAY_FOREACH(files, file)
        cli_print(cli, "%s/%s\n", directory, file->name);
    return 0;
}

/* ---- Comparing ---- */

/* Without the lines that say who wrote it. */
static const char *without_head(const char *text)
{
    while (*text == '#' && strchr(text, '\n'))
        text = strchr(text, '\n') + 1;
    return text;
}

int units_diff(
        struct cli *cli, const struct units_files *files, const char *directory, bool *ret_differ)
{
    *ret_differ = false;
    ARRAY_FOREACH(files, file) {
        auto_(strbuf_release) struct strbuf diff = STRBUF_INIT(DIFF_MAX_BYTES);
        auto_error struct error *err = NULL;
        auto_free char *old = NULL;
        const char *path = path_join(&cli->arena, directory, file->name);
        size_t len;
        bool is_new = access(path, F_OK) < 0 && errno == ENOENT;

        if (!is_new && fs_read_file(AT_FDCWD, path, LIMIT_UNIT_FILE_BYTES, &old, &len, &err) < 0)
            return report_error(cli, err);
        if (old && strcmp(without_head(old), without_head(file->text)) == 0)
            continue;
        *ret_differ = true;
        cli_print(cli, "--- %s\n+++ %s\n", is_new ? "/dev/null" : path, file->name);
        quadlets_add_diff(&diff, old ? without_head(old) : "", without_head(file->text));
        cli_print_text(cli, diff.data ? diff.data : "", diff.len);
    }
    return 0;
}

/* ---- Verifying ---- */

/* All at once, since units name each other. Templates are looked at as an instance. */
static int analyze(
        struct cli *cli, const struct units_files *files, const char *directory, bool is_user)
{
    struct arena *arena = &cli->arena;
    struct proc_spawn spawn = PROC_SPAWN_INIT;
    struct strings words = { 0 }, env = { 0 };
    auto_error struct error *err = NULL;
    pid_t pid;

    *ARRAY_APPEND_ARENA(arena, &words) = (char[]){ ANALYZE };
    *ARRAY_APPEND_ARENA(arena, &words) = arena_strdup(arena, is_user ? "--user" : "--system");
    *ARRAY_APPEND_ARENA(arena, &words) = arena_strdup(arena, "--man=no");
    *ARRAY_APPEND_ARENA(arena, &words) = arena_strdup(arena, "verify");
    ARRAY_FOREACH(files, file) {
        const char *at = strchr(file->name, '@');

        *ARRAY_APPEND_ARENA(
                arena, &words) = at && at[1] == '.'
                                         ? arena_printf(arena, "%s/%.*s1%s", directory,
                                                   (int)(at + 1 - file->name), file->name, at + 1)
                                         : arena_printf(arena, "%s/%s", directory, file->name);
    }
    *ARRAY_APPEND_ARENA(arena, &words) = NULL;
    for (char **variable = environ; *variable; variable++)
        if (!string_has_prefix(*variable, "SYSTEMD_UNIT_PATH="))
            *ARRAY_APPEND_ARENA(arena, &env) = *variable;
    *ARRAY_APPEND_ARENA(arena, &env) = arena_printf(arena, "SYSTEMD_UNIT_PATH=%s:", directory);
    *ARRAY_APPEND_ARENA(arena, &env) = NULL;
    spawn.path = ANALYZE;
    spawn.argv = words.items;
    spawn.envp = env.items;
    spawn.stdout_fd = STDERR_FILENO;
    if (proc_spawn(&spawn, &pid, NULL, &err) < 0) {
        report_note(cli, "the units were not verified: " ANALYZE " is not there");
        return 0;
    }
    return proc_wait(pid) == 0 ? 0 : EXIT_STATUS_FAILURE;
}

int units_verify(struct cli *cli, const struct units_files *files, bool is_user)
{
    char directory[] = "/tmp/berth-units.XXXXXX";
    auto_error struct error *err = NULL;
    int status;

    if (!mkdtemp(directory))
        return report_failure(cli, "cannot make a directory in /tmp: %s", strerrordesc_np(errno));
    status = write_all(files, directory, &cli->arena, &err) < 0
                     ? report_error(cli, err)
                     : analyze(cli, files, directory, is_user);
    (void)fs_remove_tree(AT_FDCWD, directory, NULL);
    return status;
}
